//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Rows, Spelling, Told};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_cloudwatch_log_group", "AWS::Logs::LogGroup"],
        map: group,
    },
    Spelling {
        kinds: &[
            "aws_cloudwatch_log_subscription_filter",
            "AWS::Logs::SubscriptionFilter",
        ],
        map: |by, rows| {
            rows.row("log_subscription_filter", by, by.id())
                .set("log_group_name", by.at("log_group_name").id())
                .set("pattern", by.at("filter_pattern").text().or(""))
                .set("destination_arn", by.at("destination_arn").id());
        },
    },
    Spelling {
        kinds: &["aws_cloudwatch_log_data_protection_policy"],
        map: |by, rows| {
            rows.column(
                by,
                "cloudwatch_log_group",
                by.at("log_group_name").id(),
                "masking",
                by.at("policy_document").json().map(|policy| {
                    // Terraform writes the document as JSON.
                    let text = policy
                        .as_str()
                        .and_then(|text| serde_json::from_str(text).ok());
                    super::masking(&text.unwrap_or(policy)).into()
                }),
            );
        },
    },
];

/// A template declares the policy with its group; Terraform beside it, and the account may have one that files do not show: none is not told.
fn own_masking(by: &Declared) -> Told<&'static str> {
    by.at("data_protection_policy")
        .json()
        .map(|policy| super::masking(&policy))
}

fn group(by: &Declared, rows: &mut Rows) {
    rows.row("cloudwatch_log_group", by, name(by))
        .put("arn", arn(by))
        .set("kms_key_id", by.at("kms_key_id").id().or(""))
        .set("retention_in_days", by.at("retention_in_days").int().or(0))
        .set(
            "log_group_class",
            by.at("log_group_class").text().or("STANDARD"),
        )
        .set(
            "takes_bearer_tokens",
            by.at("bearer_token_authentication_enabled")
                .flag()
                .or(false),
        )
        .set(
            "is_deletion_protected",
            by.at("deletion_protection_enabled").flag().or(false),
        )
        .set("masking", own_masking(by));
}
