//! CloudFormation's functions: what each comes to under one choice of the open parameters.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>.

use super::{Choice, Set};
use crate::services::declared::ids::attribute;
use crate::services::declared::{Declared, Later, Node, Told};
use crate::sources::tree::{Content, Tree};
use serde_json::Value as Json;
use std::collections::HashMap;

/// Functions inside functions, stacks inside stacks: no template that a person wrote goes deeper.
const DEEPEST: usize = 64;
/// The longest text that functions may make.
const LONGEST: usize = 1 << 20;

/// Resources as far as their names go, by stack and logical id.
pub(super) type Shells = HashMap<(usize, String), Declared>;

/// Something that is settled when the stack is made.
pub(super) fn open(why: impl Into<String>) -> Node {
    Node::Unknown(Later { why: why.into(), ..Later::default() })
}

/// Something that comes from outside the files.
fn outside(why: impl Into<String>) -> Node {
    Node::Unknown(Later { why: why.into(), outside: true, ..Later::default() })
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
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    fn within(self, stack: usize) -> Self {
        Self { stack, depth: self.depth + 1, ..self }
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
            Content::List(items) => Node::List(items.iter().map(|item| self.deeper().node(item)).filter(|item| *item != Node::Absent).collect()),
            Content::Map(members) => {
                if members.iter().any(|member| member.key == "Fn::Transform") {
                    return open("a macro (Fn::Transform) adds to it");
                }
                Node::Map(
                    members.iter().map(|member| (member.key.clone(), self.deeper().node(&member.value))).filter(|(_, value)| *value != Node::Absent).collect(),
                )
            }
        }
    }

    fn function(self, name: &str, argument: &Tree) -> Node {
        let here = self.deeper();
        let items = argument.items();
        match name {
            "Ref" => argument.text().map_or_else(|| open("a Ref of no name"), |name| here.reference(&name)),
            "Fn::GetAtt" => match (argument.text(), items) {
                (Some(text), _) => text.split_once('.').map_or_else(|| open("a GetAtt without an attribute"), |(id, attribute)| here.attribute(id, attribute)),
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
                        Node::Unknown(later) => return Node::Unknown(Later { pattern: String::new(), ..later }),
                        one => vec![one],
                    };
                    glue(&pieces, &delimiter.text().unwrap_or_default())
                }
                _ => open("a Join that is not understood"),
            },
            "Fn::Split" => match items {
                [delimiter, text] => match (delimiter.text(), here.node(text)) {
                    (Some(delimiter), Node::Text(text)) if !delimiter.is_empty() => {
                        Node::List(text.split(delimiter.as_ref()).map(|part| Node::Text(part.to_owned())).collect())
                    }
                    (_, Node::Unknown(later)) => Node::Unknown(Later { pattern: String::new(), of: Vec::new(), ..later }),
                    _ => open("a Split that is not understood"),
                },
                _ => open("a Split that is not understood"),
            },
            "Fn::Select" => match items {
                [index, list] => match (here.node(index).int(), here.node(list)) {
                    (Told::Known(index), Node::List(items)) => usize::try_from(index)
                        .ok()
                        .and_then(|index| items.get(index).cloned())
                        .unwrap_or_else(|| open(format!("a Select of item {index} of {}", items.len()))),
                    (_, Node::Unknown(later)) => Node::Unknown(Later { pattern: String::new(), of: Vec::new(), ..later }),
                    _ => open("a Select that is not understood"),
                },
                _ => open("a Select that is not understood"),
            },
            "Fn::If" => match items {
                [condition, yes, no] => match condition.text().and_then(|name| here.condition(&name)) {
                    Some(true) => here.node(yes),
                    Some(false) => here.node(no),
                    None => {
                        let (yes, no) = (here.node(yes), here.node(no));
                        if yes == no { yes } else { open(format!("the condition {} is open", condition.text().unwrap_or_default())) }
                    }
                },
                _ => open("an If that is not understood"),
            },
            "Fn::FindInMap" => here.find_in_map(items),
            "Fn::ImportValue" => match here.node(argument).text() {
                Told::Known(name) => match self.set.exports(here).get(&name) {
                    Some((stack, value)) => here.within(*stack).node(value),
                    None => outside(format!("the imported value `{name}` is in no template that was given")),
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
                Told::Unknown(later) => Node::Unknown(Later { pattern: String::new(), ..later }),
                Told::Absent => Node::Absent,
            },
            other => open(format!("{other} is settled by CloudFormation")),
        }
    }

    fn reference(self, name: &str) -> Node {
        let stack = &self.set.stacks[self.stack];
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            if let Some(chosen) = self.choice.get(&(self.stack, name.to_owned())) {
                return chosen.clone().map_or_else(|| outside(format!("{name} is something else")), Node::Text);
            }
            return match pseudo {
                "NoValue" => Node::Absent,
                "Region" => Node::Text(stack.region.clone()),
                "AccountId" => Node::Text(stack.account_id.clone()),
                "Partition" => Node::Text(stack.partition.clone()),
                "URLSuffix" => Node::Text(if stack.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }.to_owned()),
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
            None => open(format!("`{name}` is neither a parameter nor a resource of the template")),
        }
    }

    /// The value of a parameter: given, chosen, passed by the stack around, or its default.
    pub fn parameter(self, name: &str) -> Node {
        let stack = &self.set.stacks[self.stack];
        let Some((_, declared)) = stack.parameters().find(|(known, _)| *known == name) else { return Node::Absent };
        let kind = declared.get("Type").and_then(Tree::text).unwrap_or_default();
        let hidden = declared.get("NoEcho").and_then(Tree::text).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if kind.starts_with("AWS::SSM::Parameter::") {
            return outside(format!("the parameter `{name}` is read from Systems Manager when the stack is made"));
        }
        let chosen = self.choice.get(&(self.stack, name.to_owned()));
        let value = match (stack.given.get(name), chosen) {
            (Some(given), _) => Node::from(given),
            (None, Some(Some(text))) => Node::Text(text.clone()),
            (None, Some(None)) => return outside(format!("the parameter `{name}` has another value")),
            (None, None) => match (self.passed(name), declared.get("Default")) {
                (Some(passed), _) => passed,
                (None, Some(default)) => Node::from(&default.json()),
                (None, None) => {
                    let why = format!("the parameter `{name}` has no value; give one with --parameters");
                    return Node::Unknown(Later { why, outside: true, secret: hidden, ..Later::default() });
                }
            },
        };
        match value {
            Node::Text(text) if hidden => Node::Secret(text),
            Node::Text(text) if kind == "CommaDelimitedList" || kind.starts_with("List<") => {
                Node::List(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| Node::Text(part.to_owned())).collect())
            }
            value => value,
        }
    }

    /// What the stack around passes for a parameter.
    fn passed(self, name: &str) -> Option<Node> {
        let (parent, logical) = self.set.stacks[self.stack].parent.as_ref()?;
        let value = self.set.stacks[*parent].resource(logical)?.get("Properties")?.get("Parameters")?.get(name)?;
        Some(self.within(*parent).node(value))
    }

    fn attribute(self, logical: &str, name: &str) -> Node {
        if let Some(output) = name.strip_prefix("Outputs.") {
            let Some(child) = self.set.stacks.iter().position(|stack| stack.parent.as_ref().is_some_and(|(parent, id)| *parent == self.stack && id == logical))
            else {
                return outside(format!("the nested stack `{logical}` was not given"));
            };
            return match self.set.stacks[child].tree.get("Outputs").and_then(|all| all.get(output)).and_then(|one| one.get("Value")) {
                Some(value) => self.within(child).node(value),
                None => open(format!("the nested stack `{logical}` has no output `{output}`")),
            };
        }
        // An attribute that is called like a property is that property.
        let property = self.set.stacks[self.stack].resource(logical).and_then(|node| node.get("Properties")).and_then(|all| all.get(name));
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
        let Some(text) = text else { return open("a Sub without a text") };
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

    fn find_in_map(self, items: &[Tree]) -> Node {
        let [map, first, second, rest @ ..] = items else { return open("a FindInMap that is not understood") };
        let default = || rest.first().and_then(|options| options.get("DefaultValue")).map(|value| self.node(value));
        let (Told::Known(map), first, second) = (self.node(map).text(), self.node(first).text(), self.node(second).text()) else {
            return open("the name of a mapping is open");
        };
        let Some(map) = self.set.stacks[self.stack].tree.get("Mappings").and_then(|all| all.get(&map)) else {
            return default().unwrap_or_else(|| open(format!("there is no mapping `{map}`")));
        };
        // An open key may be any; where all say the same it does not matter.
        let firsts: Vec<&Tree> = match &first {
            Told::Known(key) if map.get(key).is_some() => map.get(key).into_iter().collect(),
            Told::Known(key) if !crate::model::UNKNOWN_REGION.eq(key) => return default().unwrap_or_else(|| open(format!("the mapping has no key `{key}`"))),
            _ => map.members().iter().map(|member| &member.value).collect(),
        };
        let mut found: Vec<Node> = Vec::new();
        for level in firsts {
            match &second {
                Told::Known(key) => found.extend(level.get(key).map(|value| self.node(value))),
                _ => found.extend(level.members().iter().map(|member| self.node(&member.value))),
            }
        }
        found.dedup();
        match found.as_slice() {
            [only] => only.clone(),
            [] => default().unwrap_or_else(|| open("the mapping has no such key")),
            _ => open("the key of a mapping is open"),
        }
    }

    fn cidr(self, items: &[Tree]) -> Node {
        let [block, count, bits @ ..] = items else { return open("a Cidr that is not understood") };
        let bits = bits.first().map_or(Told::Absent, |bits| self.node(bits).int()).or(8_i64);
        let (Told::Known(block), Told::Known(count), Told::Known(bits)) = (self.node(block).text(), self.node(count).int(), bits) else {
            return open("a Cidr of an open range");
        };
        let width = |whole: u8| u8::try_from(bits).ok().and_then(|bits| whole.checked_sub(bits));
        let list = |nets: Vec<String>| Node::List(nets.into_iter().map(Node::Text).collect());
        let count = usize::try_from(count.clamp(0, 256)).unwrap_or_default();
        match block.parse::<ipnet::IpNet>() {
            Ok(ipnet::IpNet::V4(net)) => match width(32).and_then(|prefix| net.subnets(prefix).ok()) {
                Some(nets) => list(nets.take(count).map(|net| net.to_string()).collect()),
                None => open(format!("{block} cannot be cut so")),
            },
            Ok(ipnet::IpNet::V6(net)) => match width(128).and_then(|prefix| net.subnets(prefix).ok()) {
                Some(nets) => list(nets.take(count).map(|net| net.to_string()).collect()),
                None => open(format!("{block} cannot be cut so")),
            },
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
        self.deeper().holds(self.set.stacks[self.stack].tree.get("Conditions")?.get(name)?)
    }

    fn holds(self, tree: &Tree) -> Option<bool> {
        if self.depth > DEEPEST {
            return None;
        }
        let [only] = tree.members() else { return None };
        let here = self.deeper();
        let items = only.value.items();
        match only.key.as_str() {
            "Condition" => here.condition(&only.value.text()?),
            "Fn::Not" => here.holds(items.first().unwrap_or(&only.value)).map(|holds| !holds),
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
                    Node::List(items) => Told::Known(items.iter().filter_map(|item| item.text().known()).collect::<Vec<_>>().join(",")),
                    Node::Absent => Told::Known(String::new()),
                    other => other.text(),
                };
                let told = |text: &str| text != crate::model::UNKNOWN_REGION && text != crate::model::UNKNOWN_ACCOUNT;
                match (text(here.node(left)), text(here.node(right))) {
                    (Told::Known(left), Told::Known(right)) if told(&left) && told(&right) => Some(left == right),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Is it a parameter for which "something else" than every constant was chosen?
    fn is_something_else(self, tree: &Tree) -> bool {
        call(tree).is_some_and(|(name, argument)| {
            name == "Ref" && argument.text().is_some_and(|name| self.choice.get(&(self.stack, name.into_owned())).is_some_and(Option::is_none))
        })
    }
}

/// Under which a choice holds what an open condition is taken to be.
pub(super) fn condition_key(name: &str) -> String {
    format!("Conditions::{name}")
}

/// A text with CloudFormation's dynamic references. A secret that one names stands in clear where it is put.
fn dynamic(text: &str) -> Node {
    if !text.contains("{{resolve:") {
        return Node::Text(text.to_owned());
    }
    if text.contains("{{resolve:secretsmanager:") || text.contains("{{resolve:ssm-secure:") {
        return Node::Secret(text.to_owned());
    }
    outside("it is read from Systems Manager when the stack is made")
}

/// Pieces as one text; with the pattern of what is known where a piece is open.
fn glue(pieces: &[Node], delimiter: &str) -> Node {
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
            Node::List(inner) => text.push_str(&inner.iter().filter_map(|one| one.text().known()).collect::<Vec<_>>().join(",")),
            other => match other.text() {
                Told::Known(known) => text.push_str(&known),
                Told::Unknown(later) => {
                    text.push_str(if later.pattern.is_empty() { "*" } else { &later.pattern });
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
        Some(later) if pieces.len() > 1 => Node::Unknown(Later { pattern: text, of: Vec::new(), ..later }),
        Some(later) => Node::Unknown(later),
        None if secret => Node::Secret(text),
        None => Node::Text(text),
    }
}

/// A value of a parameters file as a node.
pub(super) fn given(value: &Json) -> Json {
    match value {
        Json::Array(items) => {
            Json::String(items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect::<Vec<_>>().join(","))
        }
        Json::String(_) => value.clone(),
        other => Json::String(other.to_string()),
    }
}
