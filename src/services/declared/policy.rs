//! Policies in files, where parts of them are settled later.
//!
//! An open part is replaced by the widest that it can be, and the statement gets a condition that no evaluator
//! understands: it may count or not, and everything that rests on it is unknown. Nothing of it is dropped.

use super::{Later, Node, Told};
use crate::model::OPEN_OPERATOR;
use crate::model::Unique;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::LazyLock;

/// A managed policy of AWS by its ARN, as it was on the date of the data (`data/managed-policies.tsv.gz`, made by
/// `tools/managed-policies.py`); `None` where it is not among them. AWS widens its policies now and then; a scan reads the
/// account's own copy.
pub fn aws_managed(arn: &str) -> Option<Json> {
    let (_, name) = arn.split_once(":iam::aws:policy/")?;
    serde_json::from_str(managed().get(name)?).ok()
}

/// The documents of managed policies, by path and name.
fn managed() -> &'static BTreeMap<&'static str, &'static str> {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let packed: &[u8] = include_bytes!("../../../data/managed-policies.tsv.gz");
        let mut text = String::new();
        // What cannot be unpacked names no policy; a test holds that all are there.
        let _ = flate2::read::GzDecoder::new(packed).read_to_string(&mut text);
        text
    });
    static LINES: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| {
                let mut parts = line.split('\t');
                Some((parts.next()?, parts.nth(2)?))
            })
            .collect()
    });
    &LINES
}

/// A policy document: JSON text, or an object with parts that may be open.
pub fn document(node: &Node) -> Told<Json> {
    match node {
        Node::Absent => Told::Absent,
        Node::Unknown(later) => Told::Unknown(later.clone()),
        // A text that is no JSON, or holds a key twice, stays a text: whoever reads it as a policy says what is wrong.
        Node::Text(text) => Told::Known(
            serde_json::from_str::<Unique>(text).map_or_else(|_| json!(text), |read| read.0),
        ),
        Node::Map(members) => {
            let mut all = Map::new();
            for (key, value) in members {
                if key.eq_ignore_ascii_case("statement") {
                    if let Node::Unknown(later) = value {
                        return Told::Unknown(later.clone());
                    }
                    let mut statements = Vec::new();
                    for item in value.items() {
                        match statement(item) {
                            Ok(Some(statement)) => statements.push(statement),
                            Ok(None) => {}
                            Err(later) => return Told::Unknown(later),
                        }
                    }
                    all.insert("Statement".to_owned(), Json::Array(statements));
                } else if let Some(value) = value.json().known() {
                    all.insert(key.clone(), value);
                }
            }
            Told::Known(Json::Object(all))
        }
        other => other.json(),
    }
}

fn statement(node: &Node) -> Result<Option<Json>, Later> {
    let members = match node {
        Node::Map(members) => members,
        Node::Unknown(later) => return Err(later.clone()),
        _ => return Ok(None),
    };
    let mut open: Option<Later> = None;
    let mut note = |later: &Later| open = open.take().or_else(|| Some(later.clone()));
    let mut all = Map::new();
    for (key, value) in members {
        let widest = match key.to_ascii_lowercase().as_str() {
            "effect" => {
                if let Some(later) = value.later() {
                    return Err(later.clone());
                }
                None
            }
            "action" | "resource" => Some(true),
            "notaction" | "notresource" | "notprincipal" => Some(false),
            "principal" => {
                let principal = principals(value, &mut note);
                all.insert(key.clone(), principal);
                continue;
            }
            _ => None,
        };
        match (widest, value.later()) {
            (_, None) => {
                if let Some(known) = value.json().known() {
                    all.insert(key.clone(), known);
                }
            }
            (Some(wide), Some(later)) => {
                note(later);
                let patterns: Vec<String> = texts(value, wide);
                // A Not-element with nothing left in it excludes nothing.
                all.insert(
                    key.clone(),
                    if patterns.is_empty() && !wide {
                        json!(["outcrop:nothing"])
                    } else {
                        json!(patterns)
                    },
                );
            }
            // A condition that is open in part is open as a whole: it may hold or not.
            (None, Some(later)) => note(later),
        }
    }
    if let Some(later) = open {
        let conditions = all.entry("Condition").or_insert_with(|| json!({}));
        if let Json::Object(conditions) = conditions {
            conditions.insert(
                OPEN_OPERATOR.to_owned(),
                json!({"outcrop:because": later.why}),
            );
        }
    }
    Ok(Some(Json::Object(all)))
}

/// Patterns of an element; what is open becomes the widest it can be, or is left out.
fn texts(node: &Node, wide: bool) -> Vec<String> {
    match node {
        Node::Unknown(later) if wide => vec![if later.pattern.is_empty() {
            "*".to_owned()
        } else {
            later.pattern.clone()
        }],
        Node::List(items) => items.iter().flat_map(|item| texts(item, wide)).collect(),
        Node::Map(members) => members
            .iter()
            .flat_map(|(_, value)| texts(value, wide))
            .collect(),
        other => other.text().known().into_iter().collect(),
    }
}

/// Principals by kind; one that is open may be anyone.
fn principals(node: &Node, note: &mut impl FnMut(&Later)) -> Json {
    match node {
        Node::Unknown(later) => {
            note(later);
            json!("*")
        }
        Node::Map(members) => Json::Object(
            members
                .iter()
                .map(|(kind, value)| {
                    let known = match value.later() {
                        None => value.json().known().unwrap_or_default(),
                        // A role that the same file makes is known by its symbol.
                        Some(later) => match value.ids() {
                            Told::Known(ids) => json!(ids),
                            _ => {
                                note(later);
                                json!("*")
                            }
                        },
                    };
                    (kind.clone(), known)
                })
                .collect(),
        ),
        other => other.json().known().unwrap_or_default(),
    }
}

/// The policy of an endpoint that was given none: everyone may do everything.
pub fn open() -> Json {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_managed_policy_of_aws_is_there_and_reads_as_json() {
        assert!(managed().len() > 1_400, "{}", managed().len());
        for (name, text) in managed() {
            let document: Json = serde_json::from_str(text).unwrap_or_default();
            assert!(
                document["Statement"].is_array() || document["Statement"].is_object(),
                "{name}"
            );
        }
        let of =
            |arn: &str| aws_managed(arn).map(|document| document["Statement"][0]["Action"].clone());
        assert_eq!(
            of("arn:aws:iam::aws:policy/AdministratorAccess"),
            Some(json!("*"))
        );
        assert!(
            of("arn:aws-us-gov:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole").is_some()
        );
        assert_eq!(of("arn:aws:iam::aws:policy/NoSuchPolicy"), None);
        assert_eq!(
            of("arn:aws:iam::111122223333:policy/AdministratorAccess"),
            None
        );
    }

    #[test]
    fn an_open_part_leaves_the_statement_open_and_nothing_else() {
        let open = |pattern: &str| {
            Node::Unknown(Later {
                why: "a parameter".to_owned(),
                pattern: pattern.to_owned(),
                ..Later::default()
            })
        };
        let text = |text: &str| Node::Text(text.to_owned());
        let statement = |resource: Node| {
            Node::Map(vec![
                ("Effect".to_owned(), text("Allow")),
                ("Action".to_owned(), text("s3:GetObject")),
                (
                    "Resource".to_owned(),
                    Node::List(vec![text("arn:aws:s3:::a/*"), resource]),
                ),
            ])
        };
        let policy = |resource: Node| {
            Node::Map(vec![(
                "Statement".to_owned(),
                Node::List(vec![statement(resource)]),
            )])
        };
        let condition = json!({OPEN_OPERATOR: {"outcrop:because": "a parameter"}});
        for (resource, patterns, conditions) in [
            (
                text("arn:aws:s3:::b/*"),
                json!(["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]),
                Json::Null,
            ),
            (
                open("arn:aws:s3:::*/x"),
                json!(["arn:aws:s3:::a/*", "arn:aws:s3:::*/x"]),
                condition.clone(),
            ),
            (open(""), json!(["arn:aws:s3:::a/*", "*"]), condition),
        ] {
            let Told::Known(document) = document(&policy(resource)) else {
                continue;
            };
            assert_eq!(document["Statement"][0]["Resource"], patterns);
            assert_eq!(document["Statement"][0]["Condition"], conditions);
        }
    }
}
