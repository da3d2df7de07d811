//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_cloudwatchlogs, place);
    let listing = place
        .pages(
            "logs:DescribeLogGroups",
            |token| {
                client
                    .describe_log_groups()
                    .limit(50)
                    .set_next_token(token)
                    .send()
            },
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
            .set(
                "arn",
                group
                    .log_group_arn()
                    .or(group.arn())
                    .map(|arn| arn.trim_end_matches(":*")),
            )
            .set("kms_key_id", group.kms_key_id().unwrap_or_default())
            .set(
                "retention_in_days",
                i64::from(group.retention_in_days().unwrap_or(0)),
            )
            .set(
                "log_group_class",
                group
                    .log_group_class()
                    .map_or("STANDARD", |class| class.as_str()),
            )
    }));
    batch
}
