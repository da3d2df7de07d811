//! AWS IAM: principals and their policies, from one call.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, json, list, tags, text, time};
use crate::inventory::{Inputs, Read, Role, Span, Table, shape};

const DETAILS: &[Read] = &[Read::new("list", "iam:GetAccountAuthorizationDetails")];

/// Roles.
pub const ROLE: Table = Table {
    name: "iam_role",
    doc: "IAM roles with everything that grants or bounds them.",
    key: "arn",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("arn", "ARN, path included."),
        text("name", "Name."),
        text("path", "Path, such as `/service-role/`."),
        json("assume_role_policy", "Trust policy."),
        json("inline_policies", "`[{name, document}]`.")
            .absent("[]")
            .shaped(shape::inline_policies),
        list("attached_policy_arns", "Managed policies."),
        text("permissions_boundary_arn", "Managed policy that bounds it.").absent("''"),
        list("instance_profile_arns", "Instance profiles that hold it."),
        tags(),
    ],
    reads: DETAILS,
    lists: Inputs::NONE,
};

/// Users.
pub const USER: Table = Table {
    name: "iam_user",
    doc: "IAM users with everything that grants or bounds them.",
    key: "arn",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        json("inline_policies", "`[{name, document}]`.")
            .absent("[]")
            .shaped(shape::inline_policies),
        list("attached_policy_arns", "Managed policies."),
        list("groups", "Names of the groups."),
        text("permissions_boundary_arn", "Managed policy that bounds it.").absent("''"),
        tags(),
    ],
    reads: DETAILS,
    lists: Inputs::NONE,
};

/// Groups.
pub const GROUP: Table = Table {
    name: "iam_group",
    doc: "IAM groups; their policies count for their users.",
    key: "name",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN."),
        json("inline_policies", "`[{name, document}]`.")
            .absent("[]")
            .shaped(shape::inline_policies),
        list("attached_policy_arns", "Managed policies."),
    ],
    reads: DETAILS,
    lists: Inputs::NONE,
};

/// Managed policies in use.
pub const POLICY: Table = Table {
    name: "iam_policy",
    doc: "Managed policies that are attached or used as a boundary, AWS's own included, in their default version.",
    key: "arn",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        flag("aws_managed", "Is it AWS's own?"),
        json("document", "The document of the default version."),
    ],
    reads: DETAILS,
    lists: Inputs::NONE,
};

/// Credentials for one service, such as long-term Bedrock API keys.
pub const SERVICE_SPECIFIC_CREDENTIAL: Table = Table {
    name: "iam_service_specific_credential",
    doc: "Service-specific credentials of IAM users; a long-term Bedrock API key is one for `bedrock.amazonaws.com`. Never the secret itself.",
    key: "id",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("id", "Credential id."),
        text("user_name", "IAM user that owns it."),
        text("service_name", "Service that takes it."),
        text("status", "`Active`, `Inactive` or `Expired`.")
            .words(&["Active", "Inactive", "Expired"]),
        time("create_date", "When it was made."),
        time("expiration_date", "When it ends.").absent("'' (never)"),
    ],
    reads: &[Read::new("list", "iam:ListServiceSpecificCredentials")],
    lists: Inputs::NONE,
};

/// Access keys.
pub const ACCESS_KEY: Table = Table {
    name: "iam_access_key",
    doc: "Access keys of users, and one row for those of the root user where the account has some. Never the secret itself.",
    key: "id",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("id", "Access key id; `root` for the root user's."),
        text("user_arn", "User that it belongs to."),
        text("status", "`Active`, `Inactive` or `Expired`.")
            .words(&["Active", "Inactive", "Expired"]),
        time("create_date", "When it was made.").absent("''"),
        time("last_used", "When it was used last.")
            .absent("'' (never, or not since 2015)")
            .by(&["last-used"]),
    ],
    reads: &[
        Read::with(
            "list",
            "iam:ListAccessKeys",
            &[
                "iam:ListUsers",
                "iam:ListAccessKeys",
                "iam:GetAccountSummary",
            ],
        ),
        Read::new("last-used", "iam:GetAccessKeyLastUsed"),
    ],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[
        &ROLE,
        &USER,
        &GROUP,
        &POLICY,
        &SERVICE_SPECIFIC_CREDENTIAL,
        &ACCESS_KEY,
    ],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["iam_role", "iam_user", "iam_group", "iam_policy"],
            span: Span::Global,
            run: |place| Box::pin(live::collect(place)),
        },
        Collector {
            tables: &["iam_service_specific_credential"],
            span: Span::Global,
            run: |place| Box::pin(live::service_specific_credentials(place)),
        },
        Collector {
            tables: &["iam_access_key"],
            span: Span::Global,
            run: |place| Box::pin(live::access_keys(place)),
        },
    ],
};
