//! AWS CloudTrail: where trails are kept.

use crate::inventory::cols::{flag, text};
use crate::inventory::{Read, Role, Span, Table};

/// Trails.
pub const TRAIL: Table = Table {
    name: "cloudtrail_trail",
    doc: "Trails that reach the account, in each Region, shadows of other Regions and of the organisation included.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN; its account is the owner."),
        text("name", "Name."),
        text("home_region", "Region it was made in."),
        text("bucket_name", "Bucket.").absent("''"),
        text("log_group_arn", "Log group.").absent("''"),
        flag("is_organization_trail", "Does it belong to the organisation?"),
    ],
    reads: &[Read::new("list", "cloudtrail:DescribeTrails")],
    lists: &[],
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};

    pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_cloudtrail, place);
        let listing = place.single("cloudtrail:DescribeTrails", || client.describe_trails().include_shadow_trails(true).send()).await;
        let mut batch = Batch::default();
        batch.listed(place, "cloudtrail_trail", &listing);
        batch.rows.extend(listing.items.iter().flat_map(|answer| answer.trail_list()).map(|trail| {
            place
                .row("cloudtrail_trail")
                .set("arn", trail.trail_arn())
                .set("name", trail.name())
                .set("home_region", trail.home_region())
                .set("bucket_name", trail.s3_bucket_name().unwrap_or_default())
                .set("log_group_arn", trail.cloud_watch_logs_log_group_arn().unwrap_or_default())
                .set("is_organization_trail", trail.is_organization_trail())
        }));
        batch.count("cloudtrail_trail");
        batch
    }
}
