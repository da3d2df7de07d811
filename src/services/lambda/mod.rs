//! AWS Lambda: configuration of functions, never their code.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use super::environment::{SETTINGS, VARIABLE};
use crate::inventory::cols::{flag, json, list, tags, text};
use crate::inventory::{Column, Inputs, Read, Role, Span, Table};

/// Functions.
pub const FUNCTION: Table = Table {
    name: "lambda_function",
    doc: "Functions, one row for `$LATEST` and one for each published version: every version keeps its variables.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN with the version."),
        text("function_arn", "ARN without the version."),
        text("name", "Name."),
        text("version", "`$LATEST` or a number."),
        text("role_arn", "Execution role."),
        text("vpc_id", "VPC.").absent("'' (the service's own network)"),
        list("subnet_ids", "Subnets."),
        list("security_group_ids", "Security groups."),
        flag(
            "ipv6_allowed",
            "May its interfaces send by IPv6, where the subnets have it?",
        ),
        text(
            "capacity_provider_arn",
            "Capacity provider of a function on managed instances; its network counts then.",
        )
        .absent("''"),
        text("log_group_name", "Log group it writes to."),
        text(
            "environment_error",
            "Why Lambda could not decrypt the variables.",
        )
        .absent("''"),
        SETTINGS[0],
        SETTINGS[1],
        SETTINGS[2],
        SETTINGS[3],
        SETTINGS[4],
        tags().by(&["tags"]),
    ],
    reads: &[
        Read::new("list", "lambda:ListFunctions"),
        Read::new("tags", "lambda:ListTags"),
    ],
    lists: Inputs::NONE,
};

const VARIABLES: [Column; 11] = VARIABLE;

/// Variables of functions.
pub const ENVIRONMENT_VARIABLE: Table = Table {
    name: "lambda_environment_variable",
    doc: "Environment variables of functions: what was detected in them, never their values.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &VARIABLES,
    reads: &[Read::new("list", "lambda:ListFunctions")],
    lists: Inputs::NONE,
};

/// Function URLs.
pub const FUNCTION_URL: Table = Table {
    name: "lambda_function_url",
    doc: "URLs of functions, each on the internet.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text(
            "id",
            "ARN of the function, with the alias where the URL belongs to one.",
        ),
        text("function_arn", "ARN of the function alone."),
        text("auth_type", "`AWS_IAM` or `NONE`.").words(&["AWS_IAM", "NONE"]),
        json(
            "policy",
            "Policy of the function or alias, which has to let callers in as well.",
        )
        .absent("{}")
        .by(&["policy"]),
    ],
    reads: &[
        Read::with(
            "list",
            "lambda:ListFunctionUrlConfigs",
            &["lambda:ListFunctions", "lambda:ListFunctionUrlConfigs"],
        ),
        Read::new("policy", "lambda:GetPolicy"),
    ],
    lists: Inputs::NONE,
};

/// Permissions in files.
pub const PERMISSION: Table = Table {
    name: "lambda_permission",
    doc: "Permissions to invoke a function that a plan or template declares. Files alone have such rows; of an account the policy of each function is read where it matters.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Address."),
        text("function_arn", "Function, without its alias."),
        json("policy", "The statement that it comes to, as a policy."),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&FUNCTION, &ENVIRONMENT_VARIABLE, &FUNCTION_URL, &PERMISSION],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[Collector {
        tables: &[
            "lambda_function",
            "lambda_environment_variable",
            "lambda_function_url",
        ],
        span: Span::Regional,
        run: |place| Box::pin(live::collect(place)),
    }],
};
