//! How files declare them.

use crate::services::declared::{Declared, Node, Rows, Spelling};
use crate::services::environment::Owner;
use serde_json::Value as Json;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &[
            "aws_secretsmanager_secret",
            "aws_secretsmanager_secret_version",
            "AWS::SecretsManager::Secret",
        ],
        map: secret,
    },
    Spelling {
        kinds: &["aws_ssm_parameter", "AWS::SSM::Parameter"],
        map: parameter,
    },
];

/// The value of a secret: a text, or an object of texts. What AWS generates is not declared.
fn secret(by: &Declared, rows: &mut Rows) {
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
