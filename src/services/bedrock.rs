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
