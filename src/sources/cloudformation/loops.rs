//! `Fn::ForEach` over lists that are written out or come by parameters (AWS CloudFormation User Guide, "Fn::ForEach").

use crate::sources::tree::{Content, MOST_NODES, Member, Tree};
use serde_json::Value as Json;
use std::collections::BTreeMap;

const LOOP: &str = "Fn::ForEach";

/// Puts what loops make in their place. Gives the names of those whose list is not known; they stay as they are.
pub(super) fn expand(tree: &mut Tree, given: &BTreeMap<String, Json>) -> Vec<String> {
    let mut lists = BTreeMap::new();
    for parameter in tree.get("Parameters").map_or(&[][..], Tree::members) {
        let value = match given.get(&parameter.key) {
            Some(value) => value.as_str().map(str::to_owned),
            None => parameter
                .value
                .get("Default")
                .and_then(Tree::text)
                .map(|text| text.into_owned()),
        };
        lists.extend(value.map(|value| (parameter.key.clone(), value)));
    }
    let mut all = Expansion {
        parameters: lists,
        mappings: tree.get("Mappings").cloned(),
        left: Vec::new(),
        nodes: tree.size(),
    };
    all.within(tree);
    all.left
}

struct Expansion {
    /// Values of parameters as text.
    parameters: BTreeMap<String, String>,
    mappings: Option<Tree>,
    left: Vec<String>,
    nodes: usize,
}

impl Expansion {
    fn within(&mut self, tree: &mut Tree) {
        match &mut tree.value {
            Content::List(items) => items.iter_mut().for_each(|item| self.within(item)),
            Content::Map(members) => {
                let mut made = Vec::with_capacity(members.len());
                for member in std::mem::take(members) {
                    self.member(member, &mut made);
                }
                *members = made;
            }
            _ => {}
        }
    }

    fn member(&mut self, mut member: Member, made: &mut Vec<Member>) {
        if !member.key.starts_with(LOOP) {
            self.within(&mut member.value);
            made.push(member);
            return;
        }
        let turns = match member.value.items() {
            [name, list, body] => name
                .text()
                .map(std::borrow::Cow::into_owned)
                .zip(self.list(list))
                .filter(|_| !body.members().is_empty())
                .map(|(name, items)| (name, items, body.clone())),
            _ => None,
        };
        let Some((name, items, body)) = turns else {
            self.left.push(member.key.clone());
            made.push(member);
            return;
        };
        self.nodes += body.size() * items.len();
        if self.nodes > MOST_NODES {
            self.left.push(member.key.clone());
            made.push(member);
            return;
        }
        for item in items {
            let mut turn = body.clone();
            put(&mut turn, &name, &item);
            if let Content::Map(members) = turn.value {
                for inner in members {
                    self.member(inner, made);
                }
            }
        }
    }

    /// The texts of a list, where they are known.
    fn list(&self, tree: &Tree) -> Option<Vec<String>> {
        let split = |text: &str, by: &str| -> Vec<String> {
            text.split(by).map(|part| part.trim().to_owned()).collect()
        };
        match &tree.value {
            Content::List(items) => items
                .iter()
                .map(|item| self.text(item))
                .collect::<Option<_>>(),
            Content::Map(members) => match members.as_slice() {
                [one] if one.key == "Ref" => {
                    let name = one.value.text()?;
                    Some(split(self.parameters.get(&*name)?, ","))
                }
                [one] if one.key == "Fn::Split" => match one.value.items() {
                    [by, text] => Some(split(&self.text(text)?, &by.text()?)),
                    _ => None,
                },
                [one] if one.key == "Fn::FindInMap" => match one.value.items() {
                    [map, first, second] => {
                        let found = self
                            .mappings
                            .as_ref()?
                            .get(&self.text(map)?)?
                            .get(&self.text(first)?)?
                            .get(&self.text(second)?)?;
                        self.list(found)
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    fn text(&self, tree: &Tree) -> Option<String> {
        match tree.members() {
            [one] if one.key == "Ref" => self.parameters.get(&*one.value.text()?).cloned(),
            [] => tree.text().map(std::borrow::Cow::into_owned),
            _ => None,
        }
    }
}

/// Fills in the name of a loop: `${Name}` and `Ref` as it is, `&{Name}` by its letters and digits alone.
fn put(tree: &mut Tree, name: &str, item: &str) {
    let plain: String = item.chars().filter(char::is_ascii_alphanumeric).collect();
    let filled = |text: &str| {
        text.replace(&format!("${{{name}}}"), item)
            .replace(&format!("&{{{name}}}"), &plain)
    };
    match &mut tree.value {
        Content::Text(text) => *text = filled(text),
        Content::List(items) => items.iter_mut().for_each(|inner| put(inner, name, item)),
        Content::Map(members) => {
            let refers = matches!(members.as_slice(), [one] if one.key == "Ref"
                && one.value.text().is_some_and(|text| text == name));
            if refers {
                tree.value = Content::Text(item.to_owned());
                return;
            }
            for member in members {
                member.key = filled(&member.key);
                put(&mut member.value, name, item);
            }
        }
        _ => {}
    }
}
