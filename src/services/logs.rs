//! Amazon CloudWatch Logs: log groups, never their events.

use crate::inventory::cols::{int, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Log groups.
pub const LOG_GROUP: Table = Table {
    name: "cloudwatch_log_group",
    doc: "Log groups.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Exact name."),
        text("arn", "ARN without the trailing `:*`."),
        text("kms_key_id", "ARN of the customer key.").absent("'' (the service's own key)"),
        int("retention_in_days", "Days until events expire.").absent("0 (never)"),
        text("log_group_class", "`STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`.").absent("'STANDARD'").words(&["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]),
    ],
    reads: &[Read::new("list", "logs:DescribeLogGroups")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};

    pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_cloudwatchlogs, place);
        let listing = place
            .pages(
                "logs:DescribeLogGroups",
                |token| client.describe_log_groups().limit(50).set_next_token(token).send(),
                |answer| (answer.log_groups.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "cloudwatch_log_group", &listing);
        batch.rows.extend(listing.items.iter().map(|group| {
            // Absent is known here: no key is the service's own, no retention is for ever.
            place
                .row("cloudwatch_log_group")
                .set("name", group.log_group_name())
                .set("arn", group.log_group_arn().or(group.arn()).map(|arn| arn.trim_end_matches(":*")))
                .set("kms_key_id", group.kms_key_id().unwrap_or_default())
                .set("retention_in_days", i64::from(group.retention_in_days().unwrap_or(0)))
                .set("log_group_class", group.log_group_class().map_or("STANDARD", |class| class.as_str()))
        }));
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::{arn, name};
    use crate::services::declared::{Declared, Rows, Spelling};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling { kinds: &["aws_cloudwatch_log_group", "AWS::Logs::LogGroup"], map: group }];

    fn group(by: &Declared, rows: &mut Rows) {
        rows.row("cloudwatch_log_group", by, name(by))
            .put("arn", arn(by))
            .set("kms_key_id", by.at("kms_key_id").id().or(""))
            .set("retention_in_days", by.at("retention_in_days").int().or(0))
            .set("log_group_class", by.at("log_group_class").text().or("STANDARD"));
    }
}
