//! Which source declares a resource, and in which order a stack is taken down.

use super::{Section, cell, not_read};
use crate::inventory::{Error, Store, quoted};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

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
    fn is_given(&self) -> bool {
        !self.states.is_empty()
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

fn text<'j>(value: &'j Json, name: &str) -> &'j str {
    value.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// A kind of resource, as `data/handoff/resources.yaml` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    table: String,
    #[serde(rename = "type")]
    cloudformation: String,
    order: u32,
    #[serde(default)]
    keeps: String,
    #[serde(default)]
    none: String,
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    super::Files::get("resources.yaml")
        .and_then(|file| yaml_serde::from_str(std::str::from_utf8(&file.data).ok()?).ok())
        .unwrap_or_default()
});

/// Who declares a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// Nobody, as far as the sources that were given go.
    Nobody,
    /// No source was given, and no tag says.
    NotKnown,
    /// A source.
    Source,
    /// AWS itself made it.
    Service,
}

/// A resource, and what is known of its source.
#[derive(Debug)]
pub(super) struct Resource {
    /// ARN, or id.
    pub id: String,
    name: String,
    kind: String,
    account: String,
    region: String,
    order: u32,
    keeps: String,
    /// Who declares it.
    pub owner: Owner,
    by: String,
}

/// Which stack made what, in words, by account, Region, type and physical id.
type Made = BTreeMap<[String; 4], String>;

fn made(store: &Store) -> Result<Made, Error> {
    let mut made = Made::new();
    if store.columns("cloudformation_stack_resource")?.is_empty() {
        return Ok(made);
    }
    let mut statement = store.conn.prepare(
        "SELECT account_id, region, type, physical_id, stack_name, logical_id, drift_status FROM cloudformation_stack_resource WHERE physical_id <> ''",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let words = |place: usize| row.get_ref(place).map(|value| cell(value, false));
        let behind = match words(6)?.as_str() {
            status @ ("MODIFIED" | "DELETED") => {
                format!("; changed behind it ({})", status.to_ascii_lowercase())
            }
            _ => String::new(),
        };
        made.insert(
            [words(0)?, words(1)?, words(2)?, words(3)?],
            format!("CloudFormation stack {}, {}{behind}", words(4)?, words(5)?),
        );
    }
    Ok(made)
}

/// Every resource that a stack is made of.
///
/// # Errors
/// When the run cannot be read.
pub(super) fn resources(store: &Store, sources: &Sources) -> Result<Vec<Resource>, Error> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    let made = made(store)?;
    for kind in &*KINDS {
        let Ok(table) = store.table(&kind.table) else {
            continue;
        };
        let has = |name: &str| table.column(name).is_some();
        let or = |name: &str, other: &str| {
            if has(name) {
                quoted(name)
            } else {
                other.to_owned()
            }
        };
        let key = quoted(table.key);
        let query = format!(
            "SELECT account_id, region, coalesce({}, {key}), coalesce({}, {key}), {}, {key}, {} FROM {} ORDER BY 1, 2, 3",
            or("function_arn", &or("arn", &key)),
            or("name", &key),
            or("tags", "'{}'"),
            or("path", "''"),
            quoted(table.name)
        );
        let mut statement = store.conn.prepare(&query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let words = |place: usize| row.get_ref(place).map(|value| cell(value, false));
            let (account, region) = (words(0)?, words(1)?);
            let (id, name, key, path) = (words(2)?, words(3)?, words(5)?, words(6)?);
            let tags: Option<String> = row.get(4)?;
            let tags: Json = tags
                .and_then(|tags| serde_json::from_str(&tags).ok())
                .unwrap_or(Json::Null);
            if is_aws(store, &kind.table, [&account, &region, &key])? {
                continue;
            }
            // Versions of a function are one function.
            if !seen.insert((
                kind.table.as_str(),
                account.clone(),
                region.clone(),
                id.clone(),
            )) {
                continue;
            }
            let last = |name: &str| name.rsplit([':', '/']).next().unwrap_or(name).to_owned();
            let stack = [id.clone(), key.clone(), name.clone(), last(&id)]
                .into_iter()
                .find_map(|physical| {
                    let of = [
                        account.clone(),
                        region.clone(),
                        kind.cloudformation.clone(),
                        physical,
                    ];
                    made.get(&of).cloned()
                });
            let (owner, by) = match stack {
                Some(by) => (Owner::Source, by),
                None => owner(sources, &[&id, &key], has("tags").then_some(&tags), &path),
            };
            all.push(Resource {
                name: if name == "not known" { key } else { name },
                kind: if id.contains(":scheduler:") {
                    "AWS::Scheduler::Schedule".to_owned()
                } else if kind.cloudformation.is_empty() {
                    kind.table.clone()
                } else {
                    kind.cloudformation.clone()
                },
                id,
                account,
                region,
                order: kind.order,
                keeps: [kind.keeps.as_str(), kind.none.as_str()]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join(" "),
                owner,
                by,
            });
        }
    }
    Ok(all)
}

/// What AWS made by itself and nobody declares, or what is no thing at all.
fn is_aws(store: &Store, table: &str, place: [&str; 3]) -> Result<bool, Error> {
    let (key, is) = match table {
        "kms_key" => ("arn", "key_manager = 'AWS'"),
        "iam_policy" => ("arn", "aws_managed"),
        "kms_alias" => ("name", "name LIKE 'alias/aws/%'"),
        "bedrock_model_invocation_logging" => {
            ("region_name", "log_group_name = '' AND bucket_name = ''")
        }
        "bedrock_data_retention" => ("region_name", "mode IN ('inherit', 'default')"),
        _ => return Ok(false),
    };
    let query =
        format!("SELECT {is} FROM {table} WHERE account_id = ?1 AND region = ?2 AND {key} = ?3");
    let mut statement = store.conn.prepare(&query)?;
    let mut rows = statement.query(place)?;
    Ok(match rows.next()? {
        Some(row) => row.get::<_, Option<bool>>(0)?.unwrap_or(false),
        None => false,
    })
}

fn owner(sources: &Sources, names: &[&String], tags: Option<&Json>, path: &str) -> (Owner, String) {
    let nothing = Json::Null;
    let tags_read = tags.is_some_and(|tags| !tags.is_null());
    let tags = tags.unwrap_or(&nothing);
    let stack = text(tags, "aws:cloudformation:stack-name");
    if !stack.is_empty() {
        let logical = text(tags, "aws:cloudformation:logical-id");
        return (
            Owner::Source,
            format!("CloudFormation stack {stack}, {logical}"),
        );
    }
    if let Some(address) = names.iter().find_map(|name| sources.addresses.get(*name)) {
        return (Owner::Source, address.clone());
    }
    if path.starts_with("/aws-service-role/") || path.starts_with("/aws-reserved/") {
        return (Owner::Service, "made by an AWS service".to_owned());
    }
    if sources.is_given() && !tags_read {
        let given = sources.states.join(", ");
        return (
            Owner::NotKnown,
            format!("not known: not in {given}; whether a stack declares it is not read"),
        );
    }
    if sources.is_given() {
        let given = sources.states.join(", ");
        return (
            Owner::Nobody,
            format!("nobody: not in {given}, and no stack tag"),
        );
    }
    (
        Owner::NotKnown,
        "not known: no stack tag, and no --state was given".to_owned(),
    )
}

/// The section of all resources and their owners, what nobody declares first.
///
/// # Errors
/// When the run cannot be read.
pub(super) fn section(
    store: &Store,
    resources: &[Resource],
    sources: &Sources,
) -> Result<Section, Error> {
    let count = |owner: Owner| resources.iter().filter(|one| one.owner == owner).count();
    let mut section = Section::new(
        "resources",
        "What there is, and which source declares it",
        &format!(
            "{} resources: {} in a source, {} made by AWS, {} in no source, {} of which it is not known. {}",
            resources.len(),
            count(Owner::Source),
            count(Owner::Service),
            count(Owner::Nobody),
            count(Owner::NotKnown),
            if sources.is_given() {
                "What is in no source is lost when the stack is built anew."
            } else {
                "Give the state of the source with --state, so that what is in no source can be told."
            }
        ),
        &[
            "Resource",
            "Name",
            "Type",
            "Account",
            "Region",
            "Declared by",
            "Note",
        ],
    );
    let tables: BTreeSet<String> = KINDS.iter().map(|kind| kind.table.clone()).collect();
    section.not_read = not_read(store, &tables.into_iter().collect::<Vec<_>>())?;
    let mut sorted: Vec<&Resource> = resources.iter().collect();
    sorted.sort_by_key(|one| (one.owner, &one.kind, &one.account, &one.region, &one.id));
    section.rows = sorted
        .into_iter()
        .map(|one| {
            vec![
                one.id.clone(),
                one.name.clone(),
                one.kind.clone(),
                one.account.clone(),
                one.region.clone(),
                one.by.clone(),
                one.keeps.clone(),
            ]
        })
        .collect();
    Ok(section)
}

/// The order in which a stack is taken down.
pub(super) fn teardown(resources: &[Resource]) -> Section {
    let mut section = Section::new(
        "teardown",
        "Take down, and build anew",
        "The order in which things are deleted, so that nothing is deleted before what uses it; build in the opposite order. Before the first call in a new account: request access to the models, raise the quotas, and set what no type declares.",
        &[
            "Step",
            "Type",
            "How many",
            "Resources",
            "What stays, or is done by hand",
        ],
    );
    let mut steps: BTreeMap<(u32, &str), Vec<&Resource>> = BTreeMap::new();
    for one in resources.iter().filter(|one| one.owner != Owner::Service) {
        steps.entry((one.order, &one.kind)).or_default().push(one);
    }
    for (step, ((_, kind), all)) in steps.into_iter().enumerate() {
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        section.rows.push(vec![
            (step + 1).to_string(),
            kind.to_owned(),
            all.len().to_string(),
            names.join(", "),
            all.first().map(|one| one.keeps.clone()).unwrap_or_default(),
        ]);
    }
    section
}

/// Are there kinds, each of a table that there is?
#[cfg(test)]
pub(super) fn are_known() -> bool {
    let tables = crate::subjects::tables();
    !KINDS.is_empty()
        && KINDS
            .iter()
            .all(|kind| tables.iter().any(|table| table.name == kind.table))
}
