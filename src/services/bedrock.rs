//! Amazon Bedrock, control plane.

use crate::inventory::cols::text;
use crate::inventory::{Read, Role, Span, Table};

/// Invocation logging.
pub const INVOCATION_LOGGING: Table = Table {
    name: "bedrock_model_invocation_logging",
    doc: "Model invocation logging of the account in the Region, one row; off is a row of empty names.",
    key: "region_name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("region_name", "Region."),
        text("log_group_name", "Log group of `cloudWatchConfig`.").absent("''"),
        text("bucket_name", "Bucket of `s3Config`.").absent("''"),
        text("bucket_prefix", "Key prefix of `s3Config`.").absent("''"),
        text("large_data_bucket_name", "Bucket of `cloudWatchConfig.largeDataDeliveryS3Config`, for payloads too large for a log event.").absent("''"),
        text("large_data_prefix", "Key prefix of that.").absent("''"),
    ],
    reads: &[Read::new("list", "bedrock:GetModelInvocationLoggingConfiguration")],
    lists: &[],
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};

    pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_bedrock, place);
        let listing = place.single("bedrock:GetModelInvocationLoggingConfiguration", || client.get_model_invocation_logging_configuration().send()).await;
        let mut batch = Batch::default();
        batch.listed(place, "bedrock_model_invocation_logging", &listing);
        batch.rows.extend(listing.items.iter().map(|answer| {
            // Off is an absent configuration, or one without content.
            let config = answer.logging_config();
            let groups = config.and_then(|config| config.cloud_watch_config());
            let large = groups.and_then(|groups| groups.large_data_delivery_s3_config());
            let bucket = config.and_then(|config| config.s3_config());
            place
                .row("bedrock_model_invocation_logging")
                .set("region_name", place.region)
                .set("log_group_name", groups.map_or("", |groups| groups.log_group_name()))
                .set("bucket_name", bucket.map_or("", |bucket| bucket.bucket_name()))
                .set("bucket_prefix", bucket.and_then(|bucket| bucket.key_prefix()).unwrap_or_default())
                .set("large_data_bucket_name", large.map_or("", |large| large.bucket_name()))
                .set("large_data_prefix", large.and_then(|large| large.key_prefix()).unwrap_or_default())
        }));
        batch
    }
}
