//! Amazon CloudWatch Logs: log groups, never their events.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
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
        text(
            "log_group_class",
            "`STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`.",
        )
        .absent("'STANDARD'")
        .words(&["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]),
    ],
    reads: &[Read::new("list", "logs:DescribeLogGroups")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&LOG_GROUP],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[Collector {
        tables: &["cloudwatch_log_group"],
        span: Span::Regional,
        run: |place| Box::pin(live::collect(place)),
    }],
};
