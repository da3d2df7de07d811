//! Values in files: what is known, what is not declared, what is settled later.

use serde_json::{Value as Json, json};

/// A value in a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Node {
    /// Not declared.
    #[default]
    Absent,
    /// Declared, and not settled before it is applied.
    Unknown(Later),
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// A text that the file calls sensitive: looked at where secrets are, and never kept.
    Secret(String),
    /// A list.
    List(Vec<Node>),
    /// An object; keys as the file spells them.
    Map(Vec<(String, Node)>),
}

/// A value that is settled later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Later {
    /// For a person: why it is open.
    pub why: String,
    /// Ids or ARNs that it is made of, where the file's references tell; by symbols for what does not exist yet.
    pub of: Vec<String>,
    /// For a text: what is known of it, with `*` for what is not.
    pub pattern: String,
    /// It comes from outside the file (a parameter, an import), so it names nothing that the file creates.
    pub outside: bool,
    /// References as the file spells them, for the reader that resolves them.
    pub refs: Vec<String>,
    /// The file marks it as secret: NoEcho, sensitive, a secret of Pulumi.
    pub secret: bool,
}

/// What a file tells of one fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Told<T> {
    /// The fact.
    Known(T),
    /// Nothing is declared.
    Absent,
    /// Declared, and settled later; why.
    Unknown(Later),
}

use Told::{Absent, Known, Unknown};

impl<T> Told<T> {
    /// Changes a known value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Told<U> {
        match self {
            Known(value) => Known(change(value)),
            Absent => Absent,
            Unknown(later) => Unknown(later),
        }
    }

    /// What AWS makes of a file that says nothing.
    pub fn or(self, default: impl Into<T>) -> Told<T> {
        match self {
            Absent => Known(default.into()),
            other => other,
        }
    }

    /// Another place where it may be declared.
    pub fn otherwise(self, other: impl FnOnce() -> Told<T>) -> Told<T> {
        match self {
            Absent => other(),
            told => told,
        }
    }

    /// The value, when known.
    pub fn known(self) -> Option<T> {
        match self {
            Known(value) => Some(value),
            _ => None,
        }
    }
}

fn plain(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|c| *c != '_')
        .map(|c| c.to_ascii_lowercase())
}

impl Node {
    /// The value at a path such as `vpc_config.subnet_ids`, or at the first of several paths that tells one: `policy|policy_document`.
    pub fn at(&self, paths: &str) -> &Node {
        const NOTHING: &Node = &Node::Absent;
        paths
            .split('|')
            .map(|path| self.at_path(path))
            .find(|node| **node != Node::Absent)
            .unwrap_or(NOTHING)
    }

    fn at_path(&self, path: &str) -> &Node {
        const NOTHING: &Node = &Node::Absent;
        let mut node = self;
        for part in path.split('.') {
            if let Node::List(items) = node
                && let [only] = items.as_slice()
            {
                node = only;
            }
            node = match node {
                Node::Map(members) => members
                    .iter()
                    .find(|(key, value)| plain(key).eq(plain(part)) && *value != Node::Absent)
                    .map_or(NOTHING, |(_, value)| value),
                // What is open as a whole is open in each part.
                Node::Unknown(_) => return node,
                _ => NOTHING,
            };
        }
        node
    }

    /// The items of a list; a single object counts as one.
    pub fn items(&self) -> &[Node] {
        match self {
            Node::List(items) => items,
            Node::Map(_) => std::slice::from_ref(self),
            _ => &[],
        }
    }

    /// Is it open, in whole or in part?
    pub fn later(&self) -> Option<&Later> {
        match self {
            Node::Unknown(later) => Some(later),
            Node::List(items) => items.iter().find_map(Node::later),
            Node::Map(members) => members.iter().find_map(|(_, value)| value.later()),
            _ => None,
        }
    }

    /// A text, or a number or boolean as text.
    pub fn text(&self) -> Told<String> {
        match self {
            Node::Text(text) => Known(text.clone()),
            Node::Number(number) => Known(number.to_string()),
            Node::Bool(on) => Known(on.to_string()),
            Node::Unknown(later) => Unknown(later.clone()),
            Node::Secret(_) => Unknown(Later {
                why: "the file calls it sensitive".to_owned(),
                ..Later::default()
            }),
            Node::List(items) if items.len() == 1 => items[0].text(),
            _ => Absent,
        }
    }

    /// The id, ARN or name of another thing: a text, or the one thing that a reference leads to.
    pub fn id(&self) -> Told<String> {
        match self {
            Node::Unknown(Later { of, .. }) if of.len() == 1 => Known(of[0].clone()),
            other => other.text(),
        }
    }

    /// Ids of other things.
    pub fn ids(&self) -> Told<Vec<String>> {
        match self {
            Node::Unknown(later) if !later.of.is_empty() => Known(later.of.clone()),
            Node::Unknown(later) => Unknown(later.clone()),
            Node::Absent => Absent,
            Node::List(items) => {
                let mut all = Vec::new();
                for item in items {
                    match item.ids() {
                        Known(more) => all.extend(more),
                        Unknown(later) => return Unknown(later),
                        Absent => {}
                    }
                }
                Known(all)
            }
            single => single.text().map(|text| vec![text]),
        }
    }

    /// A boolean; CloudFormation and old plans write it as text.
    pub fn flag(&self) -> Told<bool> {
        match self {
            Node::Bool(on) => Known(*on),
            other => match other.text() {
                Known(text) if text.eq_ignore_ascii_case("true") => Known(true),
                Known(text) if text.eq_ignore_ascii_case("false") => Known(false),
                Unknown(later) => Unknown(later),
                _ => Absent,
            },
        }
    }

    /// A whole number.
    pub fn int(&self) -> Told<i64> {
        match self.text() {
            Known(text) => text
                .parse::<f64>()
                .ok()
                .filter(|number| number.fract() == 0.0 && number.abs() < 9e15)
                .map_or(Absent, |number| Known(number as i64)),
            Unknown(later) => Unknown(later),
            Absent => Absent,
        }
    }

    /// The value as JSON; open as soon as a part of it is.
    pub fn json(&self) -> Told<Json> {
        if let Some(later) = self.later() {
            return Unknown(later.clone());
        }
        match self {
            Node::Absent => Absent,
            other => Known(other.plain_json()),
        }
    }

    fn plain_json(&self) -> Json {
        match self {
            Node::Absent | Node::Unknown(_) | Node::Secret(_) => Json::Null,
            Node::Bool(on) => json!(on),
            Node::Number(number) => Json::Number(number.clone()),
            Node::Text(text) => json!(text),
            Node::List(items) => items.iter().map(Node::plain_json).collect(),
            Node::Map(members) => Json::Object(
                members
                    .iter()
                    .map(|(key, value)| (key.clone(), value.plain_json()))
                    .collect(),
            ),
        }
    }
}

impl From<&Json> for Node {
    fn from(value: &Json) -> Self {
        match value {
            Json::Null => Node::Absent,
            Json::Bool(on) => Node::Bool(*on),
            Json::Number(number) => Node::Number(number.clone()),
            Json::String(text) => Node::Text(text.clone()),
            Json::Array(items) => Node::List(items.iter().map(Node::from).collect()),
            Json::Object(members) => Node::Map(
                members
                    .iter()
                    .map(|(key, value)| (key.clone(), Node::from(value)))
                    .collect(),
            ),
        }
    }
}
