//! Policy documents that data sources of a plan give, made of their own arguments.

use super::Instance;
use crate::services::declared::{Later, Node};
use serde_json::json;

/// The document that a data source will give, made of its own arguments.
pub(super) fn policy(instance: &Instance, values: &Node) -> Node {
    if let Node::Unknown(later) = values.at("statement") {
        return Node::Unknown(Later {
            why: format!(
                "the statements of {} are known only after apply: {}",
                instance.declared.address, later.why
            ),
            ..Later::default()
        });
    }
    let mut statements = Vec::new();
    for item in values.at("statement").items() {
        let mut members = vec![("Effect".to_owned(), item.at("effect").clone())];
        if members[0].1 == Node::Absent {
            members[0].1 = Node::Text("Allow".to_owned());
        }
        for (from, to) in [
            ("actions", "Action"),
            ("not_actions", "NotAction"),
            ("resources", "Resource"),
            ("not_resources", "NotResource"),
            ("sid", "Sid"),
        ] {
            match item.at(from) {
                Node::Absent => {}
                Node::List(items) if items.is_empty() => {}
                Node::Text(text) if text.is_empty() => {}
                // A list that holds references is the list of what they lead to.
                Node::Unknown(later) if !later.of.is_empty() => {
                    members.push((
                        to.to_owned(),
                        Node::List(later.of.iter().cloned().map(Node::Text).collect()),
                    ));
                }
                declared => members.push((to.to_owned(), settled(declared))),
            }
        }
        for (from, to) in [
            ("principals", "Principal"),
            ("not_principals", "NotPrincipal"),
        ] {
            let mut kinds: Vec<(String, Node)> = Vec::new();
            for principal in item.at(from).items() {
                let kind = principal.at("type").text().known().unwrap_or_default();
                kinds.push((kind, settled(principal.at("identifiers"))));
            }
            match kinds.as_slice() {
                [] => {}
                [(kind, _)] if kind == "*" => {
                    members.push((to.to_owned(), Node::Text("*".to_owned())))
                }
                _ => members.push((to.to_owned(), Node::Map(kinds))),
            }
        }
        let mut conditions: Vec<(String, Node)> = Vec::new();
        for condition in item.at("condition").items() {
            let (Some(test), Some(variable)) = (
                condition.at("test").text().known(),
                condition.at("variable").text().known(),
            ) else {
                conditions.push((
                    "Open".to_owned(),
                    Node::Unknown(Later {
                        why: "a condition is known only after apply".to_owned(),
                        ..Later::default()
                    }),
                ));
                continue;
            };
            let value = (variable, settled(condition.at("values")));
            match conditions.iter_mut().find(|(known, _)| *known == test) {
                Some((_, Node::Map(all))) => all.push(value),
                _ => conditions.push((test, Node::Map(vec![value]))),
            }
        }
        if !conditions.is_empty() {
            members.push(("Condition".to_owned(), Node::Map(conditions)));
        }
        statements.push(Node::Map(members));
    }
    let merged = [
        "source_policy_documents",
        "override_policy_documents",
        "source_json",
        "override_json",
    ];
    if merged.iter().any(|name| {
        !matches!(values.at(name), Node::Absent) && !values.at(name).items().is_empty()
            || matches!(values.at(name), Node::Text(text) if !text.is_empty())
    }) {
        return Node::Unknown(Later {
            why: format!("{} is made of other documents", instance.declared.address),
            ..Later::default()
        });
    }
    Node::Map(vec![
        ("Version".to_owned(), Node::from(&json!("2012-10-17"))),
        ("Statement".to_owned(), Node::List(statements)),
    ])
}

/// Items that references lead to, in place of what is open.
fn settled(node: &Node) -> Node {
    match node {
        Node::Unknown(later) if !later.of.is_empty() => {
            Node::List(later.of.iter().cloned().map(Node::Text).collect())
        }
        Node::List(items) => Node::List(
            items
                .iter()
                .flat_map(|item| match settled(item) {
                    Node::List(inner) => inner,
                    one => vec![one],
                })
                .collect(),
        ),
        other => other.clone(),
    }
}
