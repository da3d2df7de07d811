//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_s3_bucket", "AWS::S3::Bucket"],
        map: bucket,
    },
    Spelling {
        kinds: &["aws_s3_bucket_server_side_encryption_configuration"],
        map: |by, rows| encryption(by, rows, by.at("bucket").id(), by.at("rule")),
    },
    Spelling {
        kinds: &["aws_s3_bucket_lifecycle_configuration"],
        map: |by, rows| lifecycle(by, rows, by.at("bucket").id(), by.at("rule")),
    },
    Spelling {
        kinds: &["aws_s3_bucket_versioning"],
        map: |by, rows| {
            let status = by.at("versioning_configuration.status").text().map(|text| {
                Json::from(if text == "Disabled" {
                    String::new()
                } else {
                    text
                })
            });
            rows.column(by, "s3_bucket", by.at("bucket").id(), "versioning", status);
        },
    },
];

fn bucket(by: &Declared, rows: &mut Rows) {
    let own = name(by);
    let versioning = match by.at("versioning_configuration.status").text() {
        Told::Absent => by
            .at("versioning.enabled")
            .flag()
            .map(|on| if on { "Enabled" } else { "" }.to_owned()),
        told => told,
    };
    rows.row("s3_bucket", by, own.as_str())
        .put("arn", arn(by))
        .put("sse_algorithm", "AES256")
        .put("kms_key_id", "")
        .put("lifecycle_rules", json!([]))
        .set("versioning", versioning.or(""))
        .set("tags", by.tags());
    let declared = by.at("bucket_encryption.server_side_encryption_configuration");
    let old = by.at("server_side_encryption_configuration.rule");
    let found = if *declared == Node::Absent {
        old
    } else {
        declared
    };
    if *found != Node::Absent {
        encryption(by, rows, Told::Known(own.clone()), found);
    }
    let declared = by.at("lifecycle_configuration.rules");
    let found = if *declared == Node::Absent {
        by.at("lifecycle_rule")
    } else {
        declared
    };
    if *found != Node::Absent {
        lifecycle(by, rows, Told::Known(own), found);
    }
}

fn encryption(by: &Declared, rows: &mut Rows, bucket: Told<String>, rule: &Node) {
    let default =
        rule.at("apply_server_side_encryption_by_default|server_side_encryption_by_default");
    let algorithm = default.at("sse_algorithm").text().or("AES256");
    let key = default.at("kms_master_key_id").id().or("");
    rows.column(
        by,
        "s3_bucket",
        bucket.clone(),
        "sse_algorithm",
        algorithm.map(Json::from),
    );
    rows.column(by, "s3_bucket", bucket, "kms_key_id", key.map(Json::from));
}

fn lifecycle(by: &Declared, rows: &mut Rows, bucket: Told<String>, rules: &Node) {
    if let Some(later) = rules.later() {
        rows.column(
            by,
            "s3_bucket",
            bucket,
            "lifecycle_rules",
            Told::Unknown(later.clone()),
        );
        return;
    }
    let days = |node: &Node| node.int().known().unwrap_or(0);
    let all: Json = rules
        .items()
        .iter()
        .map(|rule| {
            let status = match rule.at("status").text() {
                Told::Known(status) => status,
                _ if rule.at("enabled").flag() == Told::Known(true) => "Enabled".to_owned(),
                _ => "Disabled".to_owned(),
            };
            let prefix = [rule.at("filter.prefix"), rule.at("filter.and.prefix"), rule.at("prefix")]
                .into_iter()
                .find_map(|node| node.text().known().filter(|text| !text.is_empty()))
                .unwrap_or_default();
            let narrows = [
                "filter.tag",
                "filter.object_size_greater_than",
                "filter.object_size_less_than",
                "filter.and.tags",
                "filter.and.object_size_greater_than",
                "filter.and.object_size_less_than",
                "tag_filters",
                "tags",
                "object_size_greater_than",
                "object_size_less_than",
            ];
            let filtered = narrows.iter().any(|path| match rule.at(path) {
                Node::Absent => false,
                Node::List(items) => !items.is_empty(),
                Node::Map(members) => !members.is_empty(),
                Node::Text(text) => !text.is_empty() && text != "0",
                Node::Number(number) => number.as_i64() != Some(0),
                _ => true,
            });
            let expiration = days(rule.at("expiration.days")).max(days(rule.at("expiration_in_days")));
            let noncurrent = days(rule.at("noncurrent_version_expiration.noncurrent_days|noncurrent_version_expiration.days"))
                .max(days(rule.at("noncurrent_version_expiration.days")))
                .max(days(rule.at("noncurrent_version_expiration_in_days")));
            json!({
                "id": rule.at("id").text().known(), "status": status, "prefix": prefix, "filtered": filtered,
                "expiration_days": expiration, "noncurrent_days": noncurrent,
            })
        })
        .collect();
    rows.column(by, "s3_bucket", bucket, "lifecycle_rules", Told::Known(all));
}
