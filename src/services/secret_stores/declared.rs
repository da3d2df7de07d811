//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::policy::document;
use crate::services::declared::{Change, Declared, Node, Rows, Spelling, Told};
use crate::services::environment::Owner;
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_secretsmanager_secret", "AWS::SecretsManager::Secret"],
        map: secret,
    },
    Spelling {
        kinds: &["aws_secretsmanager_secret_version"],
        map: value,
    },
    Spelling {
        kinds: &[
            "aws_secretsmanager_secret_policy",
            "AWS::SecretsManager::ResourcePolicy",
        ],
        map: |by, rows| {
            let policy = document(by.at("policy|resource_policy"));
            let secret = by.at("secret_arn|secret_id").id();
            rows.column(by, "secretsmanager_secret", secret, "policy", policy);
        },
    },
    Spelling {
        kinds: &[
            "aws_secretsmanager_secret_rotation",
            "AWS::SecretsManager::RotationSchedule",
        ],
        map: rotation,
    },
    Spelling {
        kinds: &["aws_ssm_parameter", "AWS::SSM::Parameter"],
        map: parameter,
    },
];

fn secret(by: &Declared, rows: &mut Rows) {
    rows.row("secretsmanager_secret", by, arn(by))
        .put("name", name(by))
        .set("kms_key_id", by.at("kms_key_id").id().or(""))
        .put("owning_service", "")
        .set("tags", by.tags());
    if by.change == Change::Create {
        // What gives it a policy stands beside it.
        rows.row("secretsmanager_secret", by, arn(by))
            .put("policy", json!({}));
    }
    value(by, rows);
}

/// How a secret is rotated stands beside it.
fn rotation(by: &Declared, rows: &mut Rows) {
    rows.symbol(by, by.id(), "");
    let secret = by.at("secret_id").id();
    for (column, value) in [
        ("rotation", "on".into()),
        (
            "rotation_days",
            by.at("rotation_rules.automatically_after_days")
                .int()
                .known()
                .unwrap_or(0)
                .into(),
        ),
    ] {
        rows.column(
            by,
            "secretsmanager_secret",
            secret.clone(),
            column,
            Told::Known(value),
        );
    }
}

/// The value of a secret: a text, or an object of texts. What AWS generates is not declared.
fn value(by: &Declared, rows: &mut Rows) {
    let value = by.at("secret_string");
    let members = match value {
        Node::Text(text) | Node::Secret(text) => match serde_json::from_str::<Json>(text) {
            Ok(Json::Object(members)) => members
                .iter()
                .map(|(name, value)| {
                    let text = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    (name.clone(), Node::Text(text))
                })
                .collect(),
            _ => vec![("secret_string".to_owned(), Node::Text(text.clone()))],
        },
        _ => Vec::new(),
    };
    look(by, rows, members);
}

fn parameter(by: &Declared, rows: &mut Rows) {
    let kind = by.at("type").text();
    let key = by.at("key_id").id();
    // Of a name that is settled later the known part tells what it promises.
    let called = match by.at("name").later() {
        Some(later) if !later.pattern.is_empty() => later.pattern.clone(),
        _ => by.name("name"),
    };
    let own = by.arn(
        "ssm",
        &format!("parameter/{}", called.trim_start_matches('/')),
    );
    rows.symbol(by, own.as_str(), "");
    rows.row("ssm_parameter", by, called.as_str())
        .put("arn", own)
        .put("name_tells_secret", super::promises_secret(&called))
        .set(
            "kms_key_id",
            match &kind {
                // Without a key of its own it is encrypted with the AWS-managed one.
                Told::Known(kind) if kind == "SecureString" => key.or("alias/aws/ssm"),
                told => told.clone().map(|_| String::new()),
            },
        )
        .set("type", kind);
    let members = match by.at("value|insecure_value") {
        Node::Text(text) | Node::Secret(text) => {
            let name = by.name("name");
            let last = name.rsplit('/').next().unwrap_or_default().to_owned();
            vec![(last, Node::Text(text.clone()))]
        }
        _ => Vec::new(),
    };
    look(by, rows, members);
}

/// What the file fills from elsewhere is not written out in it, and neither is what CloudFormation resolves.
fn look(by: &Declared, rows: &mut Rows, members: Vec<(String, Node)>) {
    rows.symbol(by, by.id(), "");
    let (resolved, written): (Vec<_>, Vec<_>) = members
        .into_iter()
        .partition(|(_, value)| matches!(value, Node::Text(text) if text.contains("{{resolve:")));
    let key = by.id();
    let owner = Owner {
        table: "source_literal",
        account_id: &by.account_id,
        region: &by.region,
        arn: &key,
        container: "",
    };
    let references = resolved.into_iter().map(|(name, _)| name).collect();
    rows.looked(by, &[(owner, written, references)]);
}
