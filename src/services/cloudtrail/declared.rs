//! How files declare them.

use super::selectors;
use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Rows, Spelling, Told};
use serde_json::Value as Json;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_cloudtrail", "AWS::CloudTrail::Trail"],
        map: trail,
    },
    Spelling {
        kinds: &[
            "aws_cloudtrail_event_data_store",
            "AWS::CloudTrail::EventDataStore",
        ],
        map: store,
    },
];

fn trail(by: &Declared, rows: &mut Rows) {
    rows.row("cloudtrail_trail", by, arn(by))
        .put("name", name(by))
        .put("home_region", by.region.as_str())
        .set("bucket_name", by.at("s3_bucket_name").id().or(""))
        .set(
            "log_group_arn",
            by.at("cloud_watch_logs_group_arn|cloud_watch_logs_log_group_arn")
                .id()
                .map(|arn| arn.trim_end_matches(":*").to_owned())
                .or(""),
        )
        .set(
            "is_organization_trail",
            by.at("is_organization_trail").flag().or(false),
        )
        .set(
            "is_multi_region",
            by.at("is_multi_region_trail").flag().or(false),
        )
        .set(
            "is_logging",
            by.at("enable_logging|is_logging").flag().or(true),
        )
        // Whether delivery succeeds shows in the account alone.
        .put("delivery_error", "")
        .set("selectors", declared_selectors(by));
}

fn declared_selectors(by: &Declared) -> Told<Json> {
    let all =
        by.at("advanced_event_selectors|advanced_event_selector|event_selectors|event_selector");
    match selectors::normal(all) {
        Told::Absent => Told::Known(selectors::usual()),
        told => told,
    }
}

/// A store can be told to take in nothing.
fn recording(by: &Declared) -> Told<String> {
    let word = |on: bool| if on { "ENABLED" } else { "STOPPED_INGESTION" }.to_owned();
    match (by.at("ingestion_enabled").flag(), by.at("suspend").flag()) {
        (Told::Known(on), _) => Told::Known(word(on)),
        (_, Told::Known(suspended)) => Told::Known(word(!suspended)),
        (Told::Unknown(later), _) | (_, Told::Unknown(later)) => Told::Unknown(later),
        _ => Told::Known(word(true)),
    }
}

fn store(by: &Declared, rows: &mut Rows) {
    rows.row("cloudtrail_event_data_store", by, arn(by))
        .put("name", by.name("name"))
        .set("status", recording(by))
        .set(
            "is_organization_store",
            by.at("organization_enabled").flag().or(false),
        )
        .set(
            "is_multi_region",
            by.at("multi_region_enabled").flag().or(true),
        )
        .set("selectors", declared_selectors(by));
}
