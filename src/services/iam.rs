//! AWS IAM: principals and their policies, from one call.

use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Read, Role, Span, Table};

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
        json("inline_policies", "`[{name, document}]`.").absent("[]"),
        list("attached_policy_arns", "Managed policies."),
        text("permissions_boundary_arn", "Managed policy that bounds it.").absent("''"),
        json("tags", "Tags as an object.").absent("{}"),
    ],
    reads: DETAILS,
    lists: &[],
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
        json("inline_policies", "`[{name, document}]`.").absent("[]"),
        list("attached_policy_arns", "Managed policies."),
        list("groups", "Names of the groups."),
        text("permissions_boundary_arn", "Managed policy that bounds it.").absent("''"),
        json("tags", "Tags as an object.").absent("{}"),
    ],
    reads: DETAILS,
    lists: &[],
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
        json("inline_policies", "`[{name, document}]`.").absent("[]"),
        list("attached_policy_arns", "Managed policies."),
    ],
    reads: DETAILS,
    lists: &[],
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
    lists: &[],
};
