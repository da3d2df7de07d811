//! Functions over texts: conditions, dynamic references, joins.

use super::resolve::{DEEPEST, LONGEST, Scope, call, open, outside};
use crate::services::declared::{Later, Node, Told};
use crate::sources::tree::Tree;

impl Scope<'_> {
    pub(super) fn find_in_map(self, items: &[Tree]) -> Node {
        let [map, first, second, rest @ ..] = items else {
            return open("a FindInMap that is not understood");
        };
        let default = || {
            rest.first()
                .and_then(|options| options.get("DefaultValue"))
                .map(|value| self.node(value))
        };
        let (Told::Known(map), first, second) = (
            self.node(map).text(),
            self.node(first).text(),
            self.node(second).text(),
        ) else {
            return open("the name of a mapping is open");
        };
        let Some(map) = self.set.stacks[self.stack]
            .tree
            .get("Mappings")
            .and_then(|all| all.get(&map))
        else {
            return default().unwrap_or_else(|| open(format!("there is no mapping `{map}`")));
        };
        // An open key may be any; where all say the same it does not matter.
        let firsts: Vec<&Tree> = match &first {
            Told::Known(key) if map.get(key).is_some() => map.get(key).into_iter().collect(),
            Told::Known(key) if !crate::model::UNKNOWN_REGION.eq(key) => {
                return default()
                    .unwrap_or_else(|| open(format!("the mapping has no key `{key}`")));
            }
            _ => map.members().iter().map(|member| &member.value).collect(),
        };
        let mut found: Vec<Node> = Vec::new();
        for level in firsts {
            match &second {
                Told::Known(key) => found.extend(level.get(key).map(|value| self.node(value))),
                _ => found.extend(
                    level
                        .members()
                        .iter()
                        .map(|member| self.node(&member.value)),
                ),
            }
        }
        found.dedup();
        match found.as_slice() {
            [only] => only.clone(),
            [] => default().unwrap_or_else(|| open("the mapping has no such key")),
            _ => open("the key of a mapping is open"),
        }
    }

    pub(super) fn cidr(self, items: &[Tree]) -> Node {
        let [block, count, bits @ ..] = items else {
            return open("a Cidr that is not understood");
        };
        let bits = bits
            .first()
            .map_or(Told::Absent, |bits| self.node(bits).int())
            .or(8_i64);
        let (Told::Known(block), Told::Known(count), Told::Known(bits)) =
            (self.node(block).text(), self.node(count).int(), bits)
        else {
            return open("a Cidr of an open range");
        };
        let width = |whole: u8| {
            u8::try_from(bits)
                .ok()
                .and_then(|bits| whole.checked_sub(bits))
        };
        let list = |nets: Vec<String>| Node::List(nets.into_iter().map(Node::Text).collect());
        let count = usize::try_from(count.clamp(0, 256)).unwrap_or_default();
        match block.parse::<ipnet::IpNet>() {
            Ok(ipnet::IpNet::V4(net)) => {
                match width(32).and_then(|prefix| net.subnets(prefix).ok()) {
                    Some(nets) => list(nets.take(count).map(|net| net.to_string()).collect()),
                    None => open(format!("{block} cannot be cut so")),
                }
            }
            Ok(ipnet::IpNet::V6(net)) => {
                match width(128).and_then(|prefix| net.subnets(prefix).ok()) {
                    Some(nets) => list(nets.take(count).map(|net| net.to_string()).collect()),
                    None => open(format!("{block} cannot be cut so")),
                }
            }
            Err(_) => open("AWS gives the range"),
        }
    }

    /// Does a condition of the template hold? `None` when it is open.
    pub fn condition(self, name: &str) -> Option<bool> {
        if self.depth > DEEPEST {
            return None;
        }
        if let Some(chosen) = self.choice.get(&(self.stack, condition_key(name))) {
            return chosen.as_deref().map(|text| text == "true");
        }
        self.deeper().holds(
            self.set.stacks[self.stack]
                .tree
                .get("Conditions")?
                .get(name)?,
        )
    }

    pub(super) fn holds(self, tree: &Tree) -> Option<bool> {
        if self.depth > DEEPEST {
            return None;
        }
        let [only] = tree.members() else { return None };
        let here = self.deeper();
        let items = only.value.items();
        match only.key.as_str() {
            "Condition" => here.condition(&only.value.text()?),
            "Fn::Not" => here
                .holds(items.first().unwrap_or(&only.value))
                .map(|holds| !holds),
            "Fn::And" => items
                .iter()
                .map(|item| here.holds(item))
                .try_fold(true, |all, holds| match holds {
                    Some(false) => Err(()),
                    Some(true) => Ok(all),
                    None => Ok(false),
                })
                .map_or(Some(false), |all| all.then_some(true)),
            "Fn::Or" => items
                .iter()
                .map(|item| here.holds(item))
                .try_fold(true, |none, holds| match holds {
                    Some(true) => Err(()),
                    Some(false) => Ok(none),
                    None => Ok(false),
                })
                .map_or(Some(true), |none| none.then_some(false)),
            "Fn::Equals" => {
                let [left, right] = items else { return None };
                // "Something else" than a constant is no constant.
                for (one, other) in [(left, right), (right, left)] {
                    if here.is_something_else(one) && call(other).is_none() {
                        return Some(false);
                    }
                }
                let text = |node: Node| match node {
                    Node::Secret(text) => Told::Known(text),
                    Node::List(items) => Told::Known(
                        items
                            .iter()
                            .filter_map(|item| item.text().known())
                            .collect::<Vec<_>>()
                            .join(","),
                    ),
                    Node::Absent => Told::Known(String::new()),
                    other => other.text(),
                };
                let told = |text: &str| {
                    text != crate::model::UNKNOWN_REGION && text != crate::model::UNKNOWN_ACCOUNT
                };
                match (text(here.node(left)), text(here.node(right))) {
                    (Told::Known(left), Told::Known(right)) if told(&left) && told(&right) => {
                        Some(left == right)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Is it a parameter for which "something else" than every constant was chosen?
    pub(super) fn is_something_else(self, tree: &Tree) -> bool {
        call(tree).is_some_and(|(name, argument)| {
            name == "Ref"
                && argument.text().is_some_and(|name| {
                    self.choice
                        .get(&(self.stack, name.into_owned()))
                        .is_some_and(Option::is_none)
                })
        })
    }
}

/// Under which a choice holds what an open condition is taken to be.
pub(super) fn condition_key(name: &str) -> String {
    format!("Conditions::{name}")
}

/// A text with CloudFormation's dynamic references. A secret that one names stands in clear where it is put.
pub(super) fn dynamic(text: &str) -> Node {
    if !text.contains("{{resolve:") {
        return Node::Text(text.to_owned());
    }
    if text.contains("{{resolve:secretsmanager:") || text.contains("{{resolve:ssm-secure:") {
        return Node::Secret(text.to_owned());
    }
    outside("it is read from Systems Manager when the stack is made")
}

/// Pieces as one text; with the pattern of what is known where a piece is open.
pub(super) fn glue(pieces: &[Node], delimiter: &str) -> Node {
    let mut text = String::new();
    let mut first_open: Option<Later> = None;
    let mut secret = false;
    for (place, piece) in pieces.iter().enumerate() {
        if place > 0 {
            text.push_str(delimiter);
        }
        match piece {
            Node::Secret(inner) => {
                secret = true;
                text.push_str(inner);
            }
            Node::List(inner) => text.push_str(
                &inner
                    .iter()
                    .filter_map(|one| one.text().known())
                    .collect::<Vec<_>>()
                    .join(","),
            ),
            other => match other.text() {
                Told::Known(known) => text.push_str(&known),
                Told::Unknown(later) => {
                    text.push_str(if later.pattern.is_empty() {
                        "*"
                    } else {
                        &later.pattern
                    });
                    first_open.get_or_insert(later);
                }
                Told::Absent => {}
            },
        }
        if text.len() > LONGEST {
            return open("it grows beyond a megabyte");
        }
    }
    match first_open {
        // What it is made of is not what it is.
        Some(later) if pieces.len() > 1 => Node::Unknown(Later {
            pattern: text,
            of: Vec::new(),
            ..later
        }),
        Some(later) => Node::Unknown(later),
        None if secret => Node::Secret(text),
        None => Node::Text(text),
    }
}
