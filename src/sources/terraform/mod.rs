//! `terraform show -json`, of a plan or a state; OpenTofu writes the same.
//!
//! Source: <https://developer.hashicorp.com/terraform/internals/json-format>: unknown properties are passed over,
//! another major version of the format is refused. Sensitive values are looked at where secrets are, and never kept.

mod addresses;
pub mod documents;
mod handed;
mod lines;
mod locals;
mod places;
mod references;

use super::files::{Error, Files, Given, Variant};
use crate::model::Source;
use crate::services::declared::{Change, Declared, Later, Node};
use handed::{is_handed, of_aws};
use places::Places;
use references::Configuration;
use serde_json::Value as Json;
use std::sync::LazyLock;

/// What stands beside `format_version` in what `terraform show -json` writes.
pub const KEYS: [&str; 5] = [
    "resource_changes",
    "planned_values",
    "values",
    "terraform_version",
    "configuration",
];

/// Reads a plan or a state.
///
/// # Errors
/// When it is of another major version, or no plan at all.
pub fn read(file: &str, json: &Json, given: &Given) -> Result<Files, Error> {
    let version = json
        .get("format_version")
        .and_then(Json::as_str)
        .unwrap_or_default();
    if version.split('.').next() != Some("1") {
        let what = if version.is_empty() {
            "no format_version".to_owned()
        } else {
            format!("format_version {version}")
        };
        return Err(Error::new(
            file,
            format!(
                "{what}: this reads what `terraform show -json` writes with format_version 1.x"
            ),
        ));
    }
    if json.get("errored").and_then(Json::as_bool) == Some(true) {
        return Err(Error::new(
            file,
            "the plan ended with an error, so it is not complete; fix it and plan again",
        ));
    }
    let mut configuration = Configuration::new(json);
    let changes = match json.get("resource_changes") {
        None | Some(Json::Null) => None,
        Some(Json::Array(changes)) => {
            let whole = |change: &Json| {
                change.get("type").is_some_and(Json::is_string)
                    && change
                        .pointer("/change/actions")
                        .is_some_and(Json::is_array)
            };
            if let Some(place) = changes.iter().position(|change| !whole(change)) {
                return Err(Error::new(
                    file,
                    format!(
                        "resource_changes[{place}] has no type or no change.actions, so this is not what `terraform show -json` wrote"
                    ),
                ));
            }
            Some(changes)
        }
        Some(_) => {
            return Err(Error::new(
                file,
                "resource_changes is no list, so this is not what `terraform show -json` wrote",
            ));
        }
    };
    // What is deferred has the shape of a change, with what is known of it.
    let deferred: Vec<&Json> = json
        .get("deferred_changes")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| one.get("resource_change"))
        .filter(|change| change.get("type").is_some_and(Json::is_string))
        .collect();
    let mut instances: Vec<Instance> = match changes {
        Some(changes) => changes
            .iter()
            .chain(deferred.iter().copied())
            .filter_map(|change| Instance::of_change(change, &configuration))
            .collect(),
        None => {
            let root = json
                .pointer("/values/root_module")
                .or_else(|| json.pointer("/planned_values/root_module"));
            let exists = json.get("values").is_some();
            let mut all = Vec::new();
            if let Some(root) = root {
                of_state(root, exists, &mut all);
            }
            all
        }
    };
    let mut notes = Vec::new();
    if changes.is_none() && json.get("values").is_none() && json.get("planned_values").is_none() {
        notes.push("the plan holds no resources".to_owned());
    }
    let places = Places::of(json, &configuration, &instances, given);
    for instance in &mut instances {
        places.lay(instance);
    }
    let before = match changes {
        Some(changes) => changes
            .iter()
            .filter_map(Instance::of_before)
            .map(|mut one| {
                places.lay(&mut one);
                one.declared
            })
            .collect(),
        None => instances
            .iter()
            .filter(|one| !one.data && one.declared.change == Change::Keep)
            .map(|one| one.declared.clone())
            .collect(),
    };
    let instances: Vec<Instance> = instances.into_iter().filter(|one| !one.gone).collect();
    let lines = given.source.as_deref().map(lines::Lines::read);
    if let Some(lines) = &lines {
        configuration.locals.clone_from(&lines.locals);
    }
    let mut resources = configuration.resolve(&instances);
    let mut ignores = Vec::new();
    if let Some(lines) = lines {
        ignores = lines.lay(&mut resources);
        notes.extend(
            lines
                .notes
                .into_iter()
                .map(|note| format!("not read for lines: {note}")),
        );
    }
    let open = partial(json, &deferred, &configuration);
    let undeclared = deferred
        .iter()
        .filter(|change| {
            let kind = text(change, "type");
            crate::services::spelled_kinds().any(|known| known == kind)
        })
        .map(|change| deferral(change))
        .collect();
    let moved = changes
        .into_iter()
        .flatten()
        .filter(|change| change.get("previous_address").is_some())
        .map(|change| (text(change, "address"), text(change, "previous_address")))
        .collect();
    Ok(Files {
        open,
        undeclared,
        rewritten: Vec::new(),
        moved,
        source: Source::Terraform,
        variants: vec![Variant {
            when: String::new(),
            resources,
        }],
        before,
        notes,
        ignores,
    })
}

fn deferral(change: &Json) -> String {
    format!("{} is deferred to a later plan", text(change, "address"))
}

/// Why a plan does not show everything; nothing where it is complete.
fn partial(json: &Json, deferred: &[&Json], configuration: &Configuration<'_>) -> Vec<String> {
    let mut open = Vec::new();
    open.extend(deferred.iter().map(|change| deferral(change)));
    match json.get("complete").and_then(Json::as_bool) {
        Some(false) if deferred.is_empty() => {
            open.push("the plan says that it is not complete (-target or -exclude)".to_owned());
        }
        Some(_) => {}
        // Older releases and OpenTofu do not say; a resource that must have an instance and has none shows it.
        None if json.get("resource_changes").is_some() => {
            let missing = configuration.without_instance(json);
            if let Some(first) = missing.first() {
                open.push(format!(
                    "{first} is configured and not in the plan, so the plan was made for a part (-target or -exclude)"
                ));
            }
        }
        None => {}
    }
    open
}

pub(super) fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ if region.starts_with("cn-") => "aws-cn",
        _ => "aws",
    }
}

/// Blocks that no provider computes.
const NEVER_COMPUTED: [(&str, &[&str]); 7] = [
    ("data.aws_iam_policy_document", &["statement"]),
    ("aws_lambda_function", &["vpc_config", "environment"]),
    ("aws_ecs_service", &["network_configuration"]),
    ("aws_ecs_task_definition", &["container_definitions"]),
    (
        "aws_bedrockagentcore_agent_runtime",
        &["network_configuration", "environment_variables"],
    ),
    (
        "aws_bedrock_model_invocation_logging_configuration",
        &["logging_config"],
    ),
    ("aws_s3_bucket_lifecycle_configuration", &["rule"]),
];

/// One resource or data source of the plan.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub declared: Declared,
    /// `aws_vpc.main`, without indexes.
    pub local: String,
    /// Address of its module, with indexes; empty for the root.
    pub module: String,
    /// `count` or `for_each` key, as JSON.
    pub key: Option<Json>,
    pub data: bool,
    gone: bool,
}

/// A type of the Cloud Control provider is one of CloudFormation's: `awscc_lambda_function` is `AWS::Lambda::Function`.
fn spelled(kind: &str) -> String {
    let Some(rest) = kind.strip_prefix("awscc_") else {
        return kind.to_owned();
    };
    let plain = |text: &str| {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase()
    };
    let wanted = plain(rest);
    crate::services::spelled_kinds()
        .find(|known| {
            known
                .strip_prefix("AWS::")
                .is_some_and(|known| plain(known) == wanted)
        })
        .map_or_else(|| kind.to_owned(), str::to_owned)
}

fn text(node: &Json, key: &str) -> String {
    node.get(key)
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned()
}

impl Instance {
    fn new(node: &Json, values: Node, change: Change, gone: bool) -> Self {
        let data = text(node, "mode") == "data";
        let local = format!(
            "{}{}.{}",
            if data { "data." } else { "" },
            text(node, "type"),
            text(node, "name")
        );
        let kind = if data {
            format!("data.{}", text(node, "type"))
        } else {
            spelled(&text(node, "type"))
        };
        let module = text(node, "module_address");
        let made = if kind.contains("::") && change != Change::Create {
            values.at("id").text().known().unwrap_or_default()
        } else {
            String::new()
        };
        Self {
            declared: Declared {
                address: text(node, "address"),
                kind,
                account_id: String::new(),
                region: String::new(),
                partition: String::new(),
                values,
                change,
                location: None,
                path: String::new(),
                written: None,
                made,
                unit: String::new(),
                file: String::new(),
            },
            local,
            module,
            key: node.get("index").cloned(),
            data,
            gone,
        }
    }

    fn of_change(node: &Json, configuration: &Configuration<'_>) -> Option<Self> {
        if !of_aws(node) && !is_handed(node, configuration) {
            return None;
        }
        let change = node.get("change")?;
        let actions: Vec<&str> = change
            .get("actions")
            .and_then(Json::as_array)?
            .iter()
            .filter_map(Json::as_str)
            .collect();
        // What is forgotten stays as it is; only Terraform no longer knows of it.
        let gone = actions == ["delete"];
        if actions == ["forget"] {
            return Self::of_before(node);
        }
        let becomes = match actions.as_slice() {
            ["no-op"] | ["read"] => Change::Keep,
            ["update"] => Change::Update,
            _ if gone => Change::Keep,
            _ => Change::Create,
        };
        let nothing = Json::Null;
        let part = |key: &str| change.get(key).unwrap_or(&nothing);
        if gone {
            return Some(Self::new(
                node,
                merge(
                    part("before"),
                    &nothing,
                    part("before_sensitive"),
                    None,
                    false,
                ),
                becomes,
                true,
            ));
        }
        let mut instance = Self::new(node, Node::Absent, becomes, false);
        let expressions = configuration.expressions(&instance.module, &instance.local);
        // A resource without any argument is configured all the same; an empty object would pass for an expression.
        static NOTHING_SET: LazyLock<Json> = LazyLock::new(|| serde_json::json!({"": {}}));
        let shown = expressions.map(|all| {
            if all.as_object().is_some_and(serde_json::Map::is_empty) {
                &*NOTHING_SET
            } else {
                all
            }
        });
        let mut merged = merge(
            part("after"),
            part("after_unknown"),
            part("after_sensitive"),
            shown,
            shown.is_some(),
        );
        // A block that the configuration does not show and that the provider never computes was written by a `dynamic` block.
        for (kind, blocks) in NEVER_COMPUTED {
            if instance.declared.kind != kind {
                continue;
            }
            for block in blocks
                .iter()
                .filter(|block| expressions.is_some_and(|all| all.get(**block).is_none()))
            {
                let open = merge(
                    part("after").get(block).unwrap_or(&nothing),
                    part("after_unknown").get(block).unwrap_or(&nothing),
                    part("after_sensitive").get(block).unwrap_or(&nothing),
                    None,
                    false,
                );
                if let (Node::Map(members), true) = (&mut merged, open.later().is_some()) {
                    members.retain(|(name, _)| name != block);
                    members.push(((*block).to_owned(), open));
                }
            }
        }
        // What it is handed stands in its configuration, whatever the plan shows of it.
        if let (false, Node::Map(members)) = (of_aws(node), &mut merged) {
            let handed = configuration.handed(&instance.module, &instance.local);
            members.push(("handed".to_owned(), handed));
        }
        instance.declared.values = merged;
        Some(instance)
    }
}

impl Instance {
    /// What a resource was before the plan.
    fn of_before(node: &Json) -> Option<Self> {
        let before = node
            .pointer("/change/before")
            .filter(|before| before.is_object())?;
        if !of_aws(node) || text(node, "mode") == "data" {
            return None;
        }
        let nothing = Json::Null;
        let values = merge(
            before,
            &nothing,
            node.pointer("/change/before_sensitive").unwrap_or(&nothing),
            None,
            false,
        );
        Some(Self::new(node, values, Change::Keep, false))
    }
}

/// Resources of a state, or of a plan without changes.
fn of_state(module: &Json, exists: bool, all: &mut Vec<Instance>) {
    let address = text(module, "address");
    for node in module
        .get("resources")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter(|node| of_aws(node))
    {
        let nothing = Json::Null;
        let values = merge(
            node.get("values").unwrap_or(&nothing),
            &nothing,
            node.get("sensitive_values").unwrap_or(&nothing),
            None,
            false,
        );
        let mut instance = Instance::new(
            node,
            values,
            if exists { Change::Keep } else { Change::Create },
            false,
        );
        instance.module.clone_from(&address);
        all.push(instance);
    }
    for child in module
        .get("child_modules")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        of_state(child, exists, all);
    }
}

/// Lays what is unknown and what is sensitive over the values. `configured` says that the configuration of the object is at hand:
/// what is unknown and not configured is the provider's to compute, so nothing is declared.
fn merge(
    after: &Json,
    unknown: &Json,
    sensitive: &Json,
    expression: Option<&Json>,
    configured: bool,
) -> Node {
    if unknown.as_bool() == Some(true) {
        return match (expression, configured) {
            (None, true) => Node::Absent,
            (expression, _) => {
                let mut refs = Vec::new();
                if let Some(expression) = expression {
                    references::collect(expression, &mut refs);
                }
                let why = if refs.is_empty() {
                    "known after apply".to_owned()
                } else {
                    format!("known after apply, made of {}", refs.join(", "))
                };
                Node::Unknown(Later {
                    why,
                    refs,
                    secret: sensitive.as_bool() == Some(true),
                    ..Later::default()
                })
            }
        };
    }
    let nothing = Json::Null;
    let hidden = sensitive.as_bool() == Some(true);
    let inner = |key: &str| {
        if hidden {
            sensitive
        } else {
            sensitive.get(key).unwrap_or(&nothing)
        }
    };
    match (after, unknown) {
        (Json::Object(_), _) | (Json::Null, Json::Object(_)) => {
            let empty = serde_json::Map::new();
            let members = after.as_object().unwrap_or(&empty);
            let open = unknown.as_object().unwrap_or(&empty);
            let keys = members
                .keys()
                .chain(open.keys().filter(|key| !members.contains_key(*key)));
            let expressions = expression.filter(|expression| !is_expression(expression));
            Node::Map(
                keys.map(|key| {
                    let next = expressions.map_or(expression, |all| all.get(key));
                    let next_configured = configured && expressions.is_some_and(Json::is_object);
                    (
                        key.clone(),
                        merge(
                            members.get(key).unwrap_or(&nothing),
                            open.get(key).unwrap_or(&nothing),
                            inner(key),
                            next,
                            next_configured,
                        ),
                    )
                })
                .filter(|(_, node)| *node != Node::Absent)
                .collect(),
            )
        }
        (Json::Array(items), _) => {
            let sensitive_items = sensitive.as_array();
            Node::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(place, item)| {
                        let hide = if hidden {
                            sensitive
                        } else {
                            sensitive_items
                                .and_then(|all| all.get(place))
                                .unwrap_or(&nothing)
                        };
                        // Blocks are a list of objects; an attribute is one expression for all its items.
                        let blocks = expression.and_then(Json::as_array);
                        let next = blocks.map_or(expression, |blocks| blocks.get(place));
                        merge(
                            item,
                            unknown.get(place).unwrap_or(&nothing),
                            hide,
                            next,
                            configured && blocks.is_some_and(|blocks| blocks.len() == items.len()),
                        )
                    })
                    .collect(),
            )
        }
        (Json::String(text), _) if hidden => Node::Secret(text.clone()),
        (Json::Null, _) => Node::Absent,
        _ if hidden => Node::Unknown(Later {
            why: "the plan calls it sensitive".to_owned(),
            secret: true,
            ..Later::default()
        }),
        (value, _) => Node::from(value),
    }
}

/// Is it an expression (`references`, `constant_value`), not a block?
fn is_expression(node: &Json) -> bool {
    node.as_object().is_some_and(|members| {
        members.is_empty()
            || members
                .keys()
                .all(|key| key == "references" || key == "constant_value")
    })
}
