//! AWS Secrets Manager and Parameter Store: how secrets are kept, and what a file gives away. No secret of an account is read.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use super::environment::VARIABLE;
use crate::inventory::cols::{flag, int, json, tags, text, time};
use crate::inventory::{Column, Inputs, Read, Role, Span, Table};

/// Secrets.
pub const SECRET: Table = Table {
    name: "secretsmanager_secret",
    doc: "Secrets of Secrets Manager: their key and rotation, never their value.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("kms_key_id", "Key that encrypts it.")
            .absent("'' (the AWS-managed key `aws/secretsmanager`)"),
        text(
            "owning_service",
            "The AWS service that made it and manages it.",
        )
        .absent("''"),
        text("rotation", "Is it rotated automatically: `on` or `off`?").words(&["on", "off"]),
        int("rotation_days", "Days between two rotations.")
            .absent("0 (it is not rotated, or by a schedule in another form)"),
        time(
            "next_rotation_at",
            "When it is rotated next; a time in the past shows that rotation fails.",
        )
        .absent("''"),
        time("last_changed_at", "When its value last changed.")
            .absent("''")
            .by(&["versions"]),
        json(
            "policy",
            "Its resource policy, by which principals of its account and of others may read it.",
        )
        .absent("{}")
        .by(&["policy"]),
        tags(),
    ],
    reads: &[
        Read::new("list", "secretsmanager:ListSecrets"),
        Read::new("versions", "secretsmanager:ListSecretVersionIds"),
        Read::new("policy", "secretsmanager:GetResourcePolicy"),
    ],
    lists: Inputs::NONE,
};

/// Parameters.
pub const PARAMETER: Table = Table {
    name: "ssm_parameter",
    doc: "Parameters of Parameter Store: their type and key, never their value.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN."),
        text(
            "type",
            "`String`, `StringList` or `SecureString`, which alone is encrypted.",
        )
        .words(&["String", "StringList", "SecureString"]),
        text("kms_key_id", "Key that encrypts a `SecureString`.")
            .absent("'' (it is not encrypted)"),
        time("last_changed_at", "When it last changed.").absent("''"),
        flag(
            "name_tells_secret",
            "Does a part of its name promise a secret, such as `db-password`?",
        ),
    ],
    reads: &[Read::new("list", "ssm:DescribeParameters")],
    lists: Inputs::NONE,
};

const LITERALS: [Column; 11] = VARIABLE;

/// Values that files write out.
pub const SOURCE_LITERAL: Table = Table {
    name: "source_literal",
    doc: "Values of secrets and parameters that a plan or template writes out: what was detected in them, never the values. Files alone have such rows.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &LITERALS,
    reads: &[],
    lists: Inputs::NONE,
};

/// Does a part of a parameter's path promise a secret? Each part speaks for itself.
pub(super) fn promises_secret(name: &str) -> bool {
    name.split('/').any(crate::secrets::is_telling)
}

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&SOURCE_LITERAL, &SECRET, &PARAMETER],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["secretsmanager_secret"],
            span: Span::Regional,
            run: |place| Box::pin(live::secrets(place)),
        },
        Collector {
            tables: &["ssm_parameter"],
            span: Span::Regional,
            run: |place| Box::pin(live::parameters(place)),
        },
    ],
};
