//! Amazon CloudWatch Logs: log groups, never their events.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, int, text};
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
        flag(
            "takes_bearer_tokens",
            "May whoever holds a bearer token write to it?",
        ),
        flag(
            "is_deletion_protected",
            "Is it protected against deletion?",
        ),
        text(
            "masking",
            "What data protection does to sensitive data in its events: `masked` for readers without a permission of its own, `audited` alone, `inherited` from the account's policy, or `none`.",
        )
        .by(&["protection"])
        .words(&["masked", "audited", "inherited", "none"]),
    ],
    reads: &[
        Read::new("list", "logs:DescribeLogGroups"),
        Read::with(
            "protection",
            "logs:GetDataProtectionPolicy",
            &["logs:DescribeLogGroups", "logs:GetDataProtectionPolicy"],
        ),
    ],
    lists: Inputs::NONE,
};

/// What copies events elsewhere.
pub const SUBSCRIPTION: Table = Table {
    name: "log_subscription_filter",
    doc: "Subscriptions that copy the events of the log group of model invocations, those of the whole account among them. In an account the log group is the one that invocation logging names; a file gives all that it declares.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "`log group/name`; of the whole account `*/name`."),
        text(
            "log_group_name",
            "Log group; `*` for every log group of the account.",
        ),
        text("pattern", "What it copies.").absent("'' (everything)"),
        text("destination_arn", "Where it copies to."),
    ],
    reads: &[Read::with(
        "list",
        "logs:DescribeSubscriptionFilters",
        &[
            "bedrock:GetModelInvocationLoggingConfiguration",
            "logs:DescribeSubscriptionFilters",
            "logs:DescribeAccountPolicies",
        ],
    )],
    lists: Inputs::NONE,
};

/// What a data protection policy does: a statement with `Deidentify` masks, one with `Audit` only counts (CloudWatch Logs User Guide,
/// "Understanding data protection policies").
fn masking(policy: &serde_json::Value) -> &'static str {
    let statements = policy
        .get("Statement")
        .and_then(serde_json::Value::as_array);
    let does = |operation: &str| {
        statements
            .into_iter()
            .flatten()
            .any(|one| one.pointer(&format!("/Operation/{operation}")).is_some())
    };
    if does("Deidentify") {
        "masked"
    } else if does("Audit") {
        "audited"
    } else {
        "none"
    }
}

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&LOG_GROUP, &SUBSCRIPTION],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["cloudwatch_log_group"],
            span: Span::Regional,
            run: |place| Box::pin(live::collect(place)),
        },
        Collector {
            tables: &["log_subscription_filter"],
            span: Span::Regional,
            run: |place| Box::pin(live::subscriptions(place)),
        },
    ],
};
