//! AWS Organizations: which accounts there are, and what their control policies say.

#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, int, json, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// The organisation as an account sees it; one row for each account.
pub const ORGANIZATION: Table = Table {
    name: "organization",
    doc: "The organisation that the account belongs to, one row for each account read. `AWSOrganizationsNotInUseException` is known absence.",
    key: "account",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("account", "Account that was asked."),
        text("id", "Organisation id (`o-...`).").absent("''"),
        text("feature_set", "`ALL` or `CONSOLIDATED_BILLING`.").absent("''").words(&["ALL", "CONSOLIDATED_BILLING"]),
        text("master_account_id", "The management account.").absent("''"),
        int("member_count", "Accounts in the organisation, this one included; only the management account and delegated administrators can tell.")
            .by(&["members"]),
        json("bedrock_policy", "Bedrock policy of the organisation in effect in the account, which can enforce guardrails.")
            .absent("{}")
            .by(&["bedrock-policy"]),
    ],
    reads: &[
        Read::new("list", "organizations:DescribeOrganization"),
        Read::new("members", "organizations:ListAccounts"),
        Read::new("bedrock-policy", "organizations:DescribeEffectivePolicy"),
    ],
    lists: Inputs::NONE,
};

/// The accounts of the organisation, kept where it was read.
pub const ACCOUNT: Table = Table {
    name: "organizations_account",
    doc: "Accounts of the organisation, in the scope of the account that could list them.",
    key: "id",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("id", "Account id."),
        text("name", "Name in Organizations."),
        text("status", "`ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE`, ..."),
        list(
            "path",
            "Ids from the root down to the unit that holds the account.",
        )
        .by(&["path"]),
    ],
    reads: &[
        Read::new("list", "organizations:ListAccounts"),
        Read::new("path", "organizations:ListParents"),
    ],
    lists: Inputs::NONE,
};

/// Control policies with what they are attached to.
pub const POLICY_TARGET: Table = Table {
    name: "organizations_policy_target",
    doc: "Service and resource control policies, one row for each target, in the scope of the account that could list them.",
    key: "id",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("id", "`target/policy`."),
        text("target_id", "Root, organisational unit or account."),
        text("policy_id", "Policy id."),
        text("policy_name", "Policy name."),
        text(
            "type",
            "`SERVICE_CONTROL_POLICY` or `RESOURCE_CONTROL_POLICY`.",
        )
        .words(&["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]),
        flag("aws_managed", "Is it AWS's own?"),
        json("content", "The policy document.").by(&["content"]),
    ],
    reads: &[
        Read::with(
            "list",
            "organizations:ListPolicies",
            &[
                "organizations:ListPolicies",
                "organizations:ListTargetsForPolicy",
            ],
        ),
        Read::new("content", "organizations:DescribePolicy"),
    ],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&ORGANIZATION, &ACCOUNT, &POLICY_TARGET],
    mappings: &[],
    #[cfg(feature = "live")]
    collectors: &[Collector {
        tables: &[
            "organization",
            "organizations_account",
            "organizations_policy_target",
        ],
        span: Span::Global,
        run: |place| Box::pin(live::collect(place)),
    }],
};
