//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Rows, Spelling};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling {
    kinds: &["aws_cloudwatch_log_group", "AWS::Logs::LogGroup"],
    map: group,
}];

fn group(by: &Declared, rows: &mut Rows) {
    rows.row("cloudwatch_log_group", by, name(by))
        .put("arn", arn(by))
        .set("kms_key_id", by.at("kms_key_id").id().or(""))
        .set("retention_in_days", by.at("retention_in_days").int().or(0))
        .set(
            "log_group_class",
            by.at("log_group_class").text().or("STANDARD"),
        );
}
