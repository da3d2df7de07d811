//! AWS KMS: whose keys they are.

use crate::inventory::cols::text;
use crate::inventory::{Read, Role, Span, Table};

/// Keys.
pub const KEY: Table = Table {
    name: "kms_key",
    doc: "KMS keys.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("id", "Key id."),
        text("key_manager", "`CUSTOMER` or `AWS`.").by(&["detail"]),
        text("key_state", "`Enabled`, `Disabled`, `PendingDeletion`, ...").by(&["detail"]),
    ],
    reads: &[Read::new("list", "kms:ListKeys"), Read::new("detail", "kms:DescribeKey")],
    lists: &[],
};

/// Aliases.
pub const ALIAS: Table = Table {
    name: "kms_alias",
    doc: "KMS aliases; services accept them in place of a key.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "`alias/...`."),
        text("target_key_id", "Key id.").absent("''"),
    ],
    reads: &[Read::new("list", "kms:ListAliases")],
    lists: &[],
};
