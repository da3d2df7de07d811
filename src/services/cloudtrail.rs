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
