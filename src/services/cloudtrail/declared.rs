//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Rows, Spelling};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling {
    kinds: &["aws_cloudtrail", "AWS::CloudTrail::Trail"],
    map: trail,
}];

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
        );
}
