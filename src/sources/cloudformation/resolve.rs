//! CloudFormation's functions: what each comes to under one choice of the open parameters.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>.

use super::texts::{dynamic, glue};
use super::{Choice, Set};
use crate::services::declared::ids::attribute;
use crate::services::declared::{Declared, Later, Node, Told};
use crate::sources::tree::{Content, Tree};
use serde_json::Value as Json;
use std::collections::HashMap;

/// Functions inside functions, stacks inside stacks: no template that a person wrote goes deeper.
pub(super) const DEEPEST: usize = 64;
/// The longest text that functions may make.
pub(super) const LONGEST: usize = 1 << 20;

/// Resources as far as their names go, by stack and logical id.
pub(super) type Shells = HashMap<(usize, String), Declared>;

/// Something that is settled when the stack is made.
pub(super) fn open(why: impl Into<String>) -> Node {
    Node::Unknown(Later {
        why: why.into(),
        ..Later::default()
    })
}

/// Something that comes from outside the files.
pub(super) fn outside(why: impl Into<String>) -> Node {
    Node::Unknown(Later {
        why: why.into(),
        outside: true,
        ..Later::default()
    })
}

/// Where values are looked up.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub set: &'s Set,
    pub stack: usize,
    pub choice: &'s Choice,
    pub shells: &'s Shells,
    pub depth: usize,
}

/// A function's name and its argument.
pub(super) fn call(tree: &Tree) -> Option<(&str, &Tree)> {
    let [only] = tree.members() else { return None };
    (only.key == "Ref" || only.key.starts_with("Fn::")).then_some((only.key.as_str(), &only.value))
}

impl Scope<'_> {
    pub(super) fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    fn within(self, stack: usize) -> Self {
        Self {
            stack,
            depth: self.depth + 1,
            ..self
        }
    }

    /// What a value comes to.
    pub fn node(self, tree: &Tree) -> Node {
        if self.depth > DEEPEST {
            return open("it refers to itself, or is nested too deep");
        }
        if let Some((name, argument)) = call(tree) {
            return self.function(name, argument);
        }
        match &tree.value {
            Content::Null => Node::Absent,
            Content::Bool(on) => Node::Bool(*on),
            Content::Number(number) => Node::Number(number.clone()),
            Content::Text(text) => dynamic(text),
            // Items of a list that come to nothing (`AWS::NoValue`) are left out.
            Content::List(items) => Node::List(
                items
                    .iter()
                    .map(|item| self.deeper().node(item))
                    .filter(|item| *item != Node::Absent)
                    .collect(),
            ),
            Content::Map(members) => {
                if members.iter().any(|member| member.key == "Fn::Transform") {
                    return open("a macro (Fn::Transform) adds to it");
                }
                Node::Map(
                    members
                        .iter()
                        .map(|member| (member.key.clone(), self.deeper().node(&member.value)))
                        .filter(|(_, value)| *value != Node::Absent)
                        .collect(),
                )
            }
        }
    }

    fn function(self, name: &str, argument: &Tree) -> Node {
        let here = self.deeper();
        let items = argument.items();
        match name {
            "Ref" => argument
                .text()
                .map_or_else(|| open("a Ref of no name"), |name| here.reference(&name)),
            "Fn::GetAtt" => match (argument.text(), items) {
                (Some(text), _) => text.split_once('.').map_or_else(
                    || open("a GetAtt without an attribute"),
                    |(id, attribute)| here.attribute(id, attribute),
                ),
                (None, [id, attribute]) => match (id.text(), here.node(attribute).text()) {
                    (Some(id), Told::Known(attribute)) => here.attribute(&id, &attribute),
                    _ => open("the attribute of a GetAtt is open"),
                },
                _ => open("a GetAtt that is not understood"),
            },
            "Fn::Sub" => here.substitute(argument),
            "Fn::Join" => match items {
                [delimiter, list] => {
                    let pieces = match here.node(list) {
                        Node::List(items) => items,
                        Node::Unknown(later) => {
                            return Node::Unknown(Later {
                                pattern: String::new(),
                                ..later
                            });
                        }
                        one => vec![one],
                    };
                    glue(&pieces, &delimiter.text().unwrap_or_default())
                }
                _ => open("a Join that is not understood"),
            },
            "Fn::Split" => match items {
                [delimiter, text] => match (delimiter.text(), here.node(text)) {
                    (Some(delimiter), Node::Text(text)) if !delimiter.is_empty() => Node::List(
                        text.split(delimiter.as_ref())
                            .map(|part| Node::Text(part.to_owned()))
                            .collect(),
                    ),
                    (_, Node::Unknown(later)) => Node::Unknown(Later {
                        pattern: String::new(),
                        of: Vec::new(),
                        ..later
                    }),
                    _ => open("a Split that is not understood"),
                },
                _ => open("a Split that is not understood"),
            },
            "Fn::Select" => match items {
                [index, list] => match (here.node(index).int(), here.node(list)) {
                    (Told::Known(index), Node::List(items)) => usize::try_from(index)
                        .ok()
                        .and_then(|index| items.get(index).cloned())
                        .unwrap_or_else(|| {
                            open(format!("a Select of item {index} of {}", items.len()))
                        }),
                    (_, Node::Unknown(later)) => Node::Unknown(Later {
                        pattern: String::new(),
                        of: Vec::new(),
                        ..later
                    }),
                    _ => open("a Select that is not understood"),
                },
                _ => open("a Select that is not understood"),
            },
            "Fn::If" => match items {
                [condition, yes, no] => {
                    match condition.text().and_then(|name| here.condition(&name)) {
                        Some(true) => here.node(yes),
                        Some(false) => here.node(no),
                        None => {
                            let (yes, no) = (here.node(yes), here.node(no));
                            if yes == no {
                                yes
                            } else {
                                open(format!(
                                    "the condition {} is open",
                                    condition.text().unwrap_or_default()
                                ))
                            }
                        }
                    }
                }
                _ => open("an If that is not understood"),
            },
            "Fn::FindInMap" => here.find_in_map(items),
            "Fn::ImportValue" => match here.node(argument).text() {
                Told::Known(name) => match self.set.exports(here).get(&name) {
                    Some((stack, value)) => here.within(*stack).node(value),
                    None => outside(format!(
                        "the imported value `{name}` is in no template that was given"
                    )),
                },
                _ => outside("the name of an imported value is open"),
            },
            "Fn::GetAZs" => open("AWS chooses the availability zones"),
            "Fn::Cidr" => here.cidr(items),
            "Fn::Base64" => here.node(argument),
            "Fn::Length" => match here.node(argument) {
                Node::List(items) => Node::Number(items.len().into()),
                _ => open("the length of an open list"),
            },
            "Fn::ToJsonString" => match here.node(argument).json() {
                Told::Known(json) => Node::Text(json.to_string()),
                Told::Unknown(later) => Node::Unknown(Later {
                    pattern: String::new(),
                    ..later
                }),
                Told::Absent => Node::Absent,
            },
            other => open(format!("{other} is settled by CloudFormation")),
        }
    }

    fn reference(self, name: &str) -> Node {
        let stack = &self.set.stacks[self.stack];
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            // Where it is none of those that conditions name, it is the stack's own, as for the resources in it.
            if let Some(Some(chosen)) = self.choice.get(&(self.stack, name.to_owned())) {
                return Node::Text(chosen.clone());
            }
            return match pseudo {
                "NoValue" => Node::Absent,
                "Region" => Node::Text(stack.region.clone()),
                "AccountId" => Node::Text(stack.account_id.clone()),
                "Partition" => Node::Text(stack.partition.clone()),
                "URLSuffix" => Node::Text(
                    if stack.partition == "aws-cn" {
                        "amazonaws.com.cn"
                    } else {
                        "amazonaws.com"
                    }
                    .to_owned(),
                ),
                "StackName" => Node::Text(stack.name.clone()),
                _ => outside(format!("{name} is known when the stack is made")),
            };
        }
        if stack.parameters().any(|(known, _)| known == name) {
            return self.parameter(name);
        }
        match self.shells.get(&(self.stack, name.to_owned())) {
            Some(shell) => attribute(shell, "Ref"),
            None if stack.resource(name).is_some() => Node::Text(format!("{}{name}", stack.prefix)),
            None => open(format!(
                "`{name}` is neither a parameter nor a resource of the template"
            )),
        }
    }

    /// The value of a parameter: given, chosen, passed by the stack around, or its default.
    pub fn parameter(self, name: &str) -> Node {
        let stack = &self.set.stacks[self.stack];
        let Some((_, declared)) = stack.parameters().find(|(known, _)| *known == name) else {
            return Node::Absent;
        };
        let kind = declared
            .get("Type")
            .and_then(Tree::text)
            .unwrap_or_default();
        let hidden = declared
            .get("NoEcho")
            .and_then(Tree::text)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if kind.starts_with("AWS::SSM::Parameter::") {
            return outside(format!(
                "the parameter `{name}` is read from Systems Manager when the stack is made"
            ));
        }
        let chosen = self.choice.get(&(self.stack, name.to_owned()));
        let value = match (stack.given.get(name), chosen) {
            (Some(given), _) => Node::from(given),
            (None, Some(Some(text))) => Node::Text(text.clone()),
            (None, Some(None)) => {
                return outside(format!("the parameter `{name}` has another value"));
            }
            (None, None) => match (self.passed(name), declared.get("Default")) {
                (Some(passed), _) => passed,
                (None, Some(default)) => Node::from(&default.json()),
                (None, None) => {
                    let why =
                        format!("the parameter `{name}` has no value; give one with --parameters");
                    return Node::Unknown(Later {
                        why,
                        outside: true,
                        secret: hidden,
                        ..Later::default()
                    });
                }
            },
        };
        match value {
            Node::Text(text) if hidden => Node::Secret(text),
            Node::Text(text) if kind == "CommaDelimitedList" || kind.starts_with("List<") => {
                Node::List(
                    text.split(',')
                        .map(str::trim)
                        .filter(|part| !part.is_empty())
                        .map(|part| Node::Text(part.to_owned()))
                        .collect(),
                )
            }
            value => value,
        }
    }

    /// What the stack around passes for a parameter.
    fn passed(self, name: &str) -> Option<Node> {
        let (parent, logical) = self.set.stacks[self.stack].parent.as_ref()?;
        let value = self.set.stacks[*parent]
            .resource(logical)?
            .get("Properties")?
            .get("Parameters")?
            .get(name)?;
        Some(self.within(*parent).node(value))
    }

    fn attribute(self, logical: &str, name: &str) -> Node {
        if let Some(output) = name.strip_prefix("Outputs.") {
            let Some(child) = self.set.stacks.iter().position(|stack| {
                stack
                    .parent
                    .as_ref()
                    .is_some_and(|(parent, id)| *parent == self.stack && id == logical)
            }) else {
                return outside(format!("the nested stack `{logical}` was not given"));
            };
            return match self.set.stacks[child]
                .tree
                .get("Outputs")
                .and_then(|all| all.get(output))
                .and_then(|one| one.get("Value"))
            {
                Some(value) => self.within(child).node(value),
                None => open(format!(
                    "the nested stack `{logical}` has no output `{output}`"
                )),
            };
        }
        // An attribute that is called like a property is that property.
        let property = self.set.stacks[self.stack]
            .resource(logical)
            .and_then(|node| node.get("Properties"))
            .and_then(|all| all.get(name));
        match (self.shells.get(&(self.stack, logical.to_owned())), property) {
            (Some(_), Some(property)) => self.deeper().node(property),
            (Some(shell), None) => attribute(shell, name),
            (None, _) => match self.set.stacks[self.stack].resource(logical) {
                Some(_) => Node::Text(format!("{}{logical}", self.set.stacks[self.stack].prefix)),
                None => open(format!("`{logical}` is no resource of the template")),
            },
        }
    }

    fn substitute(self, argument: &Tree) -> Node {
        let (text, own) = match argument.items() {
            [text, own] => (text.text(), Some(own)),
            _ => (argument.text(), None),
        };
        let Some(text) = text else {
            return open("a Sub without a text");
        };
        let mut pieces = Vec::new();
        let mut rest: &str = &text;
        while let Some(start) = rest.find("${") {
            let (before, after) = rest.split_at(start);
            let Some(end) = after.find('}') else { break };
            let name = after[2..end].trim();
            pieces.push(Node::Text(before.to_owned()));
            pieces.push(match name.strip_prefix('!') {
                Some(literal) => Node::Text(format!("${{{literal}}}")),
                None => match own.and_then(|own| own.get(name)) {
                    Some(value) => self.node(value),
                    None => match name.split_once('.') {
                        Some((id, attribute)) => self.attribute(id, attribute),
                        None => self.reference(name),
                    },
                },
            });
            rest = &after[end + 1..];
        }
        pieces.push(Node::Text(rest.to_owned()));
        match glue(&pieces, "") {
            Node::Text(text) => dynamic(&text),
            other => other,
        }
    }
}

/// A value of a parameters file as a node.
pub(super) fn given(value: &Json) -> Json {
    match value {
        Json::Array(items) => Json::String(
            items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect::<Vec<_>>()
                .join(","),
        ),
        Json::String(_) => value.clone(),
        other => Json::String(other.to_string()),
    }
}
