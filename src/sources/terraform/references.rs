//! The configuration of a plan: which expression stands where, and what a reference leads to.

use super::Instance;
use super::addresses::{outer, parts, without_indexes};
use super::documents::policy;
use super::locals::Locals;
use crate::services::declared::ids::attribute;
use crate::services::declared::{Declared, Later, Node};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Modules inside modules, references through references: no plan that a person wrote goes deeper.
const DEEPEST: usize = 24;

/// All references in an expression or block.
pub(super) fn collect(expression: &Json, into: &mut Vec<String>) {
    match expression {
        Json::Object(members) => {
            for (key, value) in members {
                if key == "references" {
                    into.extend(
                        value
                            .as_array()
                            .into_iter()
                            .flatten()
                            .filter_map(Json::as_str)
                            .map(str::to_owned),
                    );
                } else if key != "constant_value" {
                    collect(value, into);
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}

struct Module<'j> {
    /// The module's own node: resources, outputs.
    node: &'j Json,
    /// The arguments of its call; `None` for the root.
    call: Option<&'j Json>,
}

/// The configuration part of a plan.
pub(super) struct Configuration<'j> {
    /// By address without indexes; the root is empty.
    modules: BTreeMap<String, Module<'j>>,
    pub(super) resources: BTreeMap<(String, String), &'j Json>,
    variables: Option<&'j Json>,
    /// Local values, where the source was given.
    pub(super) locals: Locals,
}

impl<'j> Configuration<'j> {
    pub(super) fn new(plan: &'j Json) -> Self {
        let mut all = Self {
            modules: BTreeMap::new(),
            resources: BTreeMap::new(),
            variables: plan.get("variables"),
            locals: Locals::new(),
        };
        if let Some(root) = plan.pointer("/configuration/root_module") {
            all.module("", root, None, 0);
        }
        all
    }

    fn module(&mut self, address: &str, node: &'j Json, call: Option<&'j Json>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        self.modules
            .insert(address.to_owned(), Module { node, call });
        for resource in node
            .get("resources")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let text = |key: &str| resource.get(key).and_then(Json::as_str).unwrap_or_default();
            let data = if text("mode") == "data" { "data." } else { "" };
            self.resources.insert(
                (
                    address.to_owned(),
                    format!("{data}{}.{}", text("type"), text("name")),
                ),
                resource,
            );
        }
        for (name, call) in node
            .get("module_calls")
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
        {
            let inner = if address.is_empty() {
                format!("module.{name}")
            } else {
                format!("{address}.module.{name}")
            };
            if let Some(module) = call.get("module") {
                self.module(&inner, module, call.get("expressions"), depth + 1);
            }
        }
    }

    /// The expressions of a resource.
    pub(super) fn expressions(&self, module: &str, local: &str) -> Option<&'j Json> {
        self.resources
            .get(&(without_indexes(module), local.to_owned()))?
            .get("expressions")
    }

    /// Resources that must have an instance and have no entry among the changes of the plan.
    pub(super) fn without_instance(&self, plan: &Json) -> Vec<String> {
        // A number or collection that is known and not empty makes instances.
        let repeated = |node: &Json| {
            ["count_expression", "for_each_expression"]
                .iter()
                .any(|key| {
                    let Some(expression) = node.get(*key) else {
                        return false;
                    };
                    match self.constant(expression) {
                        Some(Json::Number(number)) => number.as_f64() == Some(0.0),
                        Some(Json::Array(all)) => all.is_empty(),
                        Some(Json::Object(all)) => all.is_empty(),
                        Some(Json::String(text)) => text == "0",
                        _ => true,
                    }
                })
        };
        let text = |node: &Json, key: &str| {
            node.get(key)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let there: BTreeSet<(String, String)> = plan
            .get("resource_changes")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .map(|change| {
                let local = format!("{}.{}", text(change, "type"), text(change, "name"));
                (without_indexes(&text(change, "module_address")), local)
            })
            .collect();
        let mut missing = Vec::new();
        let mut open = vec![(String::new(), plan.pointer("/configuration/root_module"))];
        while let Some((address, node)) = open.pop() {
            let Some(node) = node else { continue };
            let resources = node.get("resources").and_then(Json::as_array);
            for resource in resources
                .into_iter()
                .flatten()
                .filter(|one| !repeated(one) && text(one, "mode") == "managed")
            {
                let local = format!("{}.{}", text(resource, "type"), text(resource, "name"));
                if (local.starts_with("aws_") || local.starts_with("awscc_"))
                    && !there.contains(&(address.clone(), local.clone()))
                {
                    missing.push(if address.is_empty() {
                        local
                    } else {
                        format!("{address}.{local}")
                    });
                }
            }
            let calls = node.get("module_calls").and_then(Json::as_object);
            for (name, call) in calls
                .into_iter()
                .flatten()
                .filter(|(_, call)| !repeated(call))
            {
                let inner = if address.is_empty() {
                    format!("module.{name}")
                } else {
                    format!("{address}.module.{name}")
                };
                open.push((inner, call.get("module")));
            }
        }
        missing.sort();
        missing
    }

    /// The provider of each resource, by module and local address.
    pub(super) fn provider_keys(&self) -> BTreeMap<(String, String), String> {
        let key = |node: &Json| {
            node.get("provider_config_key")
                .and_then(Json::as_str)
                .map(str::to_owned)
        };
        self.resources
            .iter()
            .filter_map(|(place, node)| key(node).map(|key| (place.clone(), key)))
            .collect()
    }

    /// A constant, or the value of a root variable.
    pub(super) fn constant(&self, expression: &'j Json) -> Option<&'j Json> {
        if let Some(value) = expression.get("constant_value") {
            return Some(value);
        }
        let references = expression.get("references")?.as_array()?;
        let [only] = references.as_slice() else {
            return None;
        };
        self.variables?
            .get(only.as_str()?.strip_prefix("var.")?)?
            .get("value")
    }

    /// The instances as resources, with what their references lead to.
    pub(super) fn resolve(&self, instances: &[Instance]) -> Vec<Declared> {
        let mut by_local: BTreeMap<(String, &str), Vec<&Instance>> = BTreeMap::new();
        for instance in instances {
            by_local
                .entry((without_indexes(&instance.module), instance.local.as_str()))
                .or_default()
                .push(instance);
        }
        let resolver = Resolver {
            configuration: self,
            by_local,
        };
        instances
            .iter()
            .filter(|instance| !instance.data)
            .map(|instance| {
                let mut declared = instance.declared.clone();
                resolver.fill(&mut declared.values, instance);
                declared
            })
            .collect()
    }
}

struct Resolver<'a> {
    configuration: &'a Configuration<'a>,
    by_local: BTreeMap<(String, &'a str), Vec<&'a Instance>>,
}

/// Where a reference stands: module with indexes, key of the resource that holds it, its `for_each`.
#[derive(Clone, Copy)]
struct Here<'a> {
    module: &'a str,
    key: Option<&'a Json>,
    local: &'a str,
}

impl<'a> Resolver<'a> {
    fn fill(&self, node: &mut Node, instance: &Instance) {
        match node {
            Node::List(items) => items.iter_mut().for_each(|item| self.fill(item, instance)),
            Node::Map(members) => members
                .iter_mut()
                .for_each(|(_, value)| self.fill(value, instance)),
            Node::Unknown(later) if !later.refs.is_empty() => {
                let here = Here {
                    module: &instance.module,
                    key: instance.key.as_ref(),
                    local: &instance.local,
                };
                let found = self.all(&later.refs, here, 0);
                match found {
                    Some(nodes) if nodes.len() == 1 && matches!(nodes[0], Node::Map(_)) => {
                        let mut one = nodes.into_iter().next().unwrap_or_default();
                        self.fill(&mut one, instance);
                        *node = one;
                    }
                    Some(mut nodes) => {
                        // A switch, and what is left empty, choose between the others and are none of them.
                        let chooses = |node: &Node| match node {
                            Node::Bool(_) | Node::Number(_) | Node::Absent => true,
                            Node::Text(text) => text.is_empty(),
                            _ => false,
                        };
                        nodes.retain(|node| !chooses(node));
                        let texts: Vec<String> =
                            nodes.iter().filter_map(|one| one.text().known()).collect();
                        if texts.len() == nodes.len() && !texts.is_empty() {
                            later.of = texts;
                        }
                    }
                    // Made of what is known alone, it would be known: the argument is not set, and the provider fills it in.
                    None if later.refs.iter().all(|one| one.starts_with("each."))
                        && self.is_written_out(here) =>
                    {
                        *node = Node::Absent;
                    }
                    None => {}
                }
            }
            _ => {}
        }
    }

    /// What a list of references leads to; `None` as soon as one leads nowhere that is known.
    fn all(&self, refs: &[String], here: Here<'_>, depth: usize) -> Option<Vec<Node>> {
        if depth > DEEPEST {
            return None;
        }
        // After each reference stand the shorter ones that it contains.
        let longest: Vec<&str> = refs
            .iter()
            .map(String::as_str)
            .filter(|one| {
                !refs.iter().any(|other| {
                    other.len() > one.len()
                        && other.starts_with(*one)
                        && matches!(other.as_bytes().get(one.len()), Some(b'.' | b'['))
                })
            })
            .collect();
        let by_index = longest.iter().any(|one| {
            ["each.", "count."]
                .iter()
                .any(|start| one.starts_with(start))
        });
        let mut nodes = Vec::new();
        for one in longest.iter().copied() {
            if one.starts_with("each.value") {
                // Of a map that the caller writes out nothing is open.
                if longest.len() > 1 && self.is_written_out(here) {
                    continue;
                }
                // `for_each` over resources: the one with the same key.
                let holder = self
                    .configuration
                    .resources
                    .get(&(without_indexes(here.module), here.local.to_owned()))?;
                let mut over = Vec::new();
                collect(holder.get("for_each_expression")?, &mut over);
                let attribute = one.strip_prefix("each.value").unwrap_or_default();
                let [source] = over
                    .iter()
                    .filter(|text| !text.contains(['[', '(']))
                    .collect::<Vec<_>>()[..]
                else {
                    return None;
                };
                if source.starts_with("local.") {
                    return None;
                }
                nodes.extend(self.one(&format!("{source}{attribute}"), here, true, depth)?);
            } else if !["each.", "count.", "path.", "terraform."]
                .iter()
                .any(|start| one.starts_with(start))
            {
                nodes.extend(self.one(one, here, by_index, depth)?);
            }
        }
        (!nodes.is_empty()).then_some(nodes)
    }

    /// Does the caller of the module write out a map that has the key of this instance? Then `for_each` goes over it.
    fn is_written_out(&self, here: Here<'_>) -> bool {
        let Some(key) = here.key.and_then(Json::as_str) else {
            return false;
        };
        let plain = without_indexes(here.module);
        let Some(module) = self.configuration.modules.get(&plain) else {
            return false;
        };
        let Some(call) = module.call.and_then(Json::as_object) else {
            return false;
        };
        let written = |name: &str| {
            call.get(name)
                .and_then(|argument| argument.get("constant_value"))
                .is_some_and(|map| map.get(key).is_some())
        };
        let mut over = Vec::new();
        if let Some(expression) = self
            .configuration
            .resources
            .get(&(plain.clone(), here.local.to_owned()))
            .and_then(|resource| resource.get("for_each_expression"))
        {
            collect(expression, &mut over);
        }
        // Through local values, where the source tells what they are made of.
        for _ in 0..DEEPEST {
            let inner: Vec<String> = over
                .iter()
                .flat_map(|name| {
                    name.strip_prefix("local.")
                        .and_then(|name| {
                            self.configuration
                                .locals
                                .get(&(plain.clone(), name.to_owned()))
                        })
                        .map_or_else(|| vec![name.clone()], |local| local.refs.clone())
                })
                .collect();
            if inner == over {
                break;
            }
            over = inner;
        }
        let variable = |name: &String| name.strip_prefix("var.").map(str::to_owned);
        // Names bound inside an expression (`for k, v in ...`) are no references to anything outside of it.
        let outside = |name: &&String| {
            ["var.", "local.", "module.", "aws_", "data."]
                .iter()
                .any(|start| name.starts_with(start))
        };
        if !over.iter().any(|name| name.starts_with("local.")) {
            let names: Vec<&String> = over.iter().filter(outside).collect();
            return !names.is_empty()
                && names
                    .iter()
                    .all(|name| variable(name).is_some_and(|name| written(&name)));
        }
        // Without the source: every argument that is not written out is used by itself elsewhere, so it is not the map.
        let mut used = Vec::new();
        let resources = module.node.get("resources").and_then(Json::as_array);
        for resource in resources.into_iter().flatten() {
            if let Some(expressions) = resource.get("expressions") {
                collect(expressions, &mut used);
            }
        }
        call.keys().any(|name| written(name))
            && call
                .iter()
                .filter(|(_, argument)| argument.get("constant_value").is_none())
                .all(|(name, _)| used.contains(&format!("var.{name}")))
    }

    fn one(
        &self,
        reference: &str,
        here: Here<'_>,
        by_index: bool,
        depth: usize,
    ) -> Option<Vec<Node>> {
        let plain = without_indexes(here.module);
        if let Some(name) = reference.strip_prefix("var.") {
            let name = name.split(['.', '[']).next()?;
            let call = self.configuration.modules.get(&plain)?.call?;
            let (outer, index) = outer(here.module)?;
            let Some(argument) = call.get(name) else {
                // The caller leaves it out, so it is what the module makes of that; a default of null is not written.
                let default = self
                    .configuration
                    .modules
                    .get(&plain)?
                    .node
                    .pointer(&format!("/variables/{name}/default"));
                return Some(vec![default.map_or(Node::Absent, Node::from)]);
            };
            if let Some(constant) = argument.get("constant_value") {
                return Some(vec![Node::from(constant)]);
            }
            let mut refs = Vec::new();
            collect(argument, &mut refs);
            let key = index.and_then(|index| serde_json::from_str(&index).ok());
            let caller = Here {
                module: &outer,
                key: key.as_ref(),
                local: "",
            };
            return self.all(&refs, caller, depth + 1);
        }
        if let Some(name) = reference.strip_prefix("local.") {
            let local = self.configuration.locals.get(&(plain, name.to_owned()))?;
            if let Some(text) = &local.text {
                return Some(vec![Node::Text(text.clone())]);
            }
            // Of a list that holds more than references only a part would be known.
            if local.mixed && !local.refs.is_empty() {
                return None;
            }
            let nodes = self.all(&local.refs, here, depth + 1)?;
            // A map is a document of a data source; of any other it is not known which part is meant.
            let document = local.refs.iter().any(|one| one.starts_with("data."));
            return (document || !nodes.iter().any(|node| matches!(node, Node::Map(_))))
                .then_some(nodes);
        }
        if let Some(rest) = reference.strip_prefix("module.") {
            let name = rest.split(['.', '[']).next()?;
            let output = without_indexes(rest).split('.').nth(1)?.to_owned();
            let inner = if plain.is_empty() {
                format!("module.{name}")
            } else {
                format!("{plain}.module.{name}")
            };
            let expression = self
                .configuration
                .modules
                .get(&inner)?
                .node
                .pointer(&format!("/outputs/{output}/expression"))?;
            let mut refs = Vec::new();
            collect(expression, &mut refs);
            // The instance of the module that the reference names, or its only one.
            let start = if here.module.is_empty() {
                format!("module.{rest}")
            } else {
                format!("{}.module.{rest}", here.module)
            };
            let end = start.rfind(&format!(".{output}")).unwrap_or(start.len());
            let module = start[..end].to_owned();
            return self.all(
                &refs,
                Here {
                    module: &module,
                    key: None,
                    local: "",
                },
                depth + 1,
            );
        }
        let (local, index, path) = parts(reference)?;
        let all = self.by_local.get(&(plain, local.as_str()))?;
        // Of modules with several instances only those of this one.
        let near: Vec<&Instance> = all
            .iter()
            .copied()
            .filter(|one| one.module == here.module)
            .collect();
        let all: Vec<&Instance> = if near.is_empty() { all.clone() } else { near };
        let chosen: Vec<&Instance> = match index {
            Some(index) => all
                .into_iter()
                .filter(|one| one.key.as_ref() == Some(&index))
                .collect(),
            None if by_index && here.key.is_some() => {
                let same: Vec<&Instance> = all
                    .iter()
                    .copied()
                    .filter(|one| one.key.as_ref() == here.key)
                    .collect();
                if same.is_empty() { return None } else { same }
            }
            None => all,
        };
        let mut nodes = Vec::new();
        for instance in chosen {
            nodes.extend(self.attribute(instance, &path, depth)?);
        }
        (!nodes.is_empty()).then_some(nodes)
    }

    fn attribute(&self, instance: &Instance, path: &str, depth: usize) -> Option<Vec<Node>> {
        if instance.data {
            if instance.declared.kind == "data.aws_iam_policy_document"
                // Behind an index that is computed the plan does not name the attribute; a document has one that others use.
                && ["json", "minified_json", "id"].contains(&path)
            {
                let mut values = instance.declared.values.clone();
                self.fill(&mut values, instance);
                return Some(vec![policy(instance, &values)]);
            }
            return match instance.declared.values.at(path) {
                Node::Absent | Node::Unknown(_) => None,
                known => Some(vec![known.clone()]),
            };
        }
        let name = path.split(['.', '[']).next().unwrap_or_default();
        match attribute(&instance.declared, name) {
            Node::Unknown(Later { refs, .. }) if !refs.is_empty() => self.all(
                &refs,
                Here {
                    module: &instance.module,
                    key: instance.key.as_ref(),
                    local: &instance.local,
                },
                depth + 1,
            ),
            Node::Unknown(_) => None,
            known => Some(vec![known]),
        }
    }
}
