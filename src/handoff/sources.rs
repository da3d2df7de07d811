//! What declares the resources of a run: states, templates, stacks.

use crate::inventory::Store;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What declares the resources of a run.
#[derive(Debug, Default)]
pub struct Sources {
    /// Address in a state file, by ARN or id.
    pub addresses: BTreeMap<String, String>,
    /// Names of the state files.
    pub states: Vec<String>,
    /// Templates and other files of the source: name and text.
    pub texts: Vec<(PathBuf, String)>,
    /// What states and templates declare, row by row, each with its file's name.
    pub declared: Vec<(String, Store)>,
    /// What of them could not be compared with the run, and why.
    pub not_compared: Vec<String>,
    /// Is what the stacks of the run's accounts made all that is in a source?
    pub stacks: bool,
}

impl Sources {
    /// A state of Terraform as `terraform show -json` writes it: what it is already, or a state file brought into that form. Resources
    /// with a value that the state marks as sensitive are left out, so that none can be printed; how many is said beside it.
    #[must_use]
    pub fn as_shown(state: &Json) -> Option<(Json, usize)> {
        let mut hidden = 0;
        if state.pointer("/values/root_module").is_some() {
            let mut state = state.clone();
            if let Some(root) = state.pointer_mut("/values/root_module") {
                without_sensitive(root, &mut hidden);
            }
            return Some((state, hidden));
        }
        let mut all = Vec::new();
        for resource in state.get("resources")?.as_array()? {
            // `provider["registry.terraform.io/hashicorp/aws"]`, with the alias behind it.
            let provider = text(resource, "provider")
                .split('"')
                .nth(1)
                .unwrap_or_default();
            for instance in resource
                .get("instances")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
            {
                let marked = instance
                    .get("sensitive_attributes")
                    .and_then(Json::as_array)
                    .is_some_and(|marks| !marks.is_empty());
                if marked {
                    hidden += 1;
                    continue;
                }
                let kind = text(resource, "type");
                let name = text(resource, "name");
                let module = text(resource, "module");
                let dot = if module.is_empty() { "" } else { "." };
                let index = instance
                    .get("index_key")
                    .filter(|key| !key.is_null())
                    .map_or_else(String::new, |key| format!("[{key}]"));
                all.push(serde_json::json!({
                    "address": format!("{module}{dot}{kind}.{name}{index}"),
                    "mode": text(resource, "mode"), "type": kind, "name": name, "provider_name": provider,
                    "values": instance.get("attributes").cloned().unwrap_or(Json::Null),
                }));
            }
        }
        let shown = serde_json::json!({
            "format_version": "1.0",
            "values": {"root_module": {"resources": all}},
        });
        Some((shown, hidden))
    }

    /// Takes in a state: `terraform.tfstate`, `terraform show -json`, or a stack export of Pulumi.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn state(&mut self, file: &Path, state: &Json) -> Result<(), String> {
        if let Some(resources) = state.get("resources").and_then(Json::as_array) {
            for resource in resources {
                self.terraform(resource);
            }
        } else if let Some(root) = state.pointer("/values/root_module") {
            self.module(root);
        } else if let Some(resources) = state
            .pointer("/deployment/resources")
            .and_then(Json::as_array)
        {
            for resource in resources {
                // One that is only looked up is declared elsewhere.
                if resource.get("external").and_then(Json::as_bool) == Some(true) {
                    continue;
                }
                let address = text(resource, "urn")
                    .rsplit("::")
                    .next()
                    .unwrap_or_default();
                let shown = format!("{} {address}", text(resource, "type"));
                let arn = text(resource.get("outputs").unwrap_or(&Json::Null), "arn");
                for name in [arn, text(resource, "id")] {
                    // A name that a person gave may be that of several things.
                    let made = name.split_once('-').is_some_and(|(kind, rest)| {
                        [
                            "vpc", "subnet", "sg", "rtb", "acl", "nat", "vpce", "fl", "i",
                        ]
                        .contains(&kind)
                            && rest.bytes().all(|b| b.is_ascii_hexdigit())
                    });
                    if name.starts_with("arn:") || made {
                        self.add(name, &shown);
                    }
                }
            }
        } else {
            return Err(format!(
                "`{}` is not a state: give terraform.tfstate, the output of `terraform show -json`, or of `pulumi stack export`",
                file.display()
            ));
        }
        self.states.push(
            file.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        );
        Ok(())
    }

    /// Does anything say what the source declares?
    pub(super) fn is_given(&self) -> bool {
        self.stacks || !self.states.is_empty()
    }

    /// What says it, in words.
    pub(super) fn given(&self) -> String {
        let stacks = self.stacks.then_some("the stacks of CloudFormation");
        let states = self.states.iter().map(String::as_str);
        states.chain(stacks).collect::<Vec<_>>().join(", ")
    }

    fn add(&mut self, name: &str, address: &str) {
        if !name.is_empty() {
            self.addresses
                .entry(name.to_owned())
                .or_insert_with(|| address.to_owned());
        }
    }

    /// What names the resource itself, and nothing that another one makes.
    fn names(&mut self, kind: &str, address: &str, values: &Json) {
        let arn = text(values, "arn");
        if arn.starts_with("arn:") {
            self.add(arn, address);
        }
        for (of, members) in OWN {
            if *of == kind {
                for member in *members {
                    self.add(text(values, member), address);
                }
            }
        }
        // Terraform joins the ids the other way round.
        if kind == "aws_bedrockagent_data_source" {
            let id = format!(
                "{}/{}",
                text(values, "knowledge_base_id"),
                text(values, "data_source_id")
            );
            self.add(&id, address);
        }
    }

    fn terraform(&mut self, resource: &Json) {
        if text(resource, "mode") != "managed" {
            return;
        }
        let module = text(resource, "module");
        let dot = if module.is_empty() { "" } else { "." };
        let base = format!(
            "{module}{dot}{}.{}",
            text(resource, "type"),
            text(resource, "name")
        );
        let instances = resource.get("instances").and_then(Json::as_array);
        for instance in instances.into_iter().flatten() {
            let address = match instance.get("index_key") {
                None | Some(Json::Null) => base.clone(),
                Some(key) => format!("{base}[{key}]"),
            };
            let values = instance.get("attributes").unwrap_or(&Json::Null);
            self.names(text(resource, "type"), &address, values);
        }
    }

    fn module(&mut self, module: &Json) {
        let list = |name: &str| {
            module
                .get(name)
                .and_then(Json::as_array)
                .cloned()
                .unwrap_or_default()
        };
        for resource in list("resources") {
            if text(&resource, "mode") == "managed" {
                let values = resource.get("values").unwrap_or(&Json::Null);
                self.names(text(&resource, "type"), text(&resource, "address"), values);
            }
        }
        for child in list("child_modules") {
            self.module(&child);
        }
    }
}

/// Takes resources with a sensitive value out of a module and those below it.
fn without_sensitive(module: &mut Json, hidden: &mut usize) {
    fn marks(value: &Json) -> bool {
        match value {
            Json::Bool(mark) => *mark,
            Json::Array(all) => all.iter().any(marks),
            Json::Object(all) => all.values().any(marks),
            _ => false,
        }
    }
    if let Some(resources) = module.get_mut("resources").and_then(Json::as_array_mut) {
        let before = resources.len();
        resources.retain(|one| !one.get("sensitive_values").is_some_and(marks));
        *hidden += before - resources.len();
    }
    for child in module
        .get_mut("child_modules")
        .and_then(Json::as_array_mut)
        .into_iter()
        .flatten()
    {
        without_sensitive(child, hidden);
    }
}

/// By type of Terraform: what names the resource beside its `arn`.
const OWN: &[(&str, &[&str])] = &[
    ("aws_vpc", &["id"]),
    ("aws_subnet", &["id"]),
    ("aws_security_group", &["id"]),
    ("aws_route_table", &["id"]),
    ("aws_network_acl", &["id"]),
    ("aws_nat_gateway", &["id"]),
    ("aws_vpc_endpoint", &["id"]),
    ("aws_flow_log", &["id"]),
    ("aws_instance", &["id"]),
    ("aws_ecs_service", &["id"]),
    ("aws_api_gateway_rest_api", &["id"]),
    ("aws_bedrock_guardrail", &["guardrail_arn"]),
    ("aws_bedrockagent_agent", &["agent_arn"]),
    ("aws_bedrockagentcore_agent_runtime", &["agent_runtime_arn"]),
    ("aws_bedrockagentcore_gateway", &["gateway_id"]),
    ("aws_bedrockagentcore_browser", &["browser_arn"]),
    (
        "aws_bedrockagentcore_code_interpreter",
        &["code_interpreter_arn"],
    ),
];

pub(super) fn text<'j>(value: &'j Json, name: &str) -> &'j str {
    value.get(name).and_then(Json::as_str).unwrap_or_default()
}
