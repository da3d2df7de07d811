//! `pulumi preview --json` and `pulumi stack export`: the AWS provider's inputs, in Terraform's spelling.
//!
//! Source: the `apitype` package of <https://github.com/pulumi/pulumi>. Placeholders stand for what is known after
//! the update; the `propertyDependencies` of a resource say what it is made of.

use super::files::{Error, Files, Given, Variant};
use super::terraform::partition;
use crate::model::{Arn, Source, UNKNOWN_ACCOUNT, UNKNOWN_REGION};
use crate::services::declared::ids::attribute;
use crate::services::declared::openings::is_foreign;
use crate::services::declared::{Change, Declared, Later, Node, Told};
use crate::services::spelled_kinds;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// What stands in a preview for a value of each type that is not known yet.
const LATER: [&str; 7] = [
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
];
/// The key that marks an object as something special, and what it says of secrets.
const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";

/// Arguments that Pulumi calls otherwise than Terraform: (type, its name, Terraform's).
const RENAMED: [(&str, &str, &str); 14] = [
    ("aws_lambda_function", "name", "function_name"),
    ("aws_route_table", "routes", "route"),
    ("aws_default_route_table", "routes", "route"),
    ("aws_iam_role", "inlinePolicies", "inline_policy"),
    (
        "aws_s3_bucket",
        "serverSideEncryptionConfiguration",
        "server_side_encryption_configuration",
    ),
    ("aws_s3_bucket", "lifecycleRules", "lifecycle_rule"),
    ("aws_s3_bucket_lifecycle_configuration", "rules", "rule"),
    (
        "aws_s3_bucket_server_side_encryption_configuration",
        "rules",
        "rule",
    ),
    ("aws_codepipeline", "stages", "stage"),
    ("aws_ec2_managed_prefix_list", "entries", "entry"),
    ("aws_ecs_task_definition", "volumes", "volume"),
    ("aws_instance", "networkInterfaces", "network_interface"),
    ("aws_route53_zone", "vpcs", "vpc"),
    ("aws_route53_resolver_rule", "targetIps", "target_ip"),
];

/// Types without a secret among their outputs (Pulumi Registry, AWS).
const PLAIN: [&str; 12] = [
    "aws_bedrockagent_agent",
    "aws_bedrockagent_knowledge_base",
    "aws_cloudwatch_log_group",
    "aws_dynamodb_table",
    "aws_iam_role",
    "aws_kms_key",
    "aws_lambda_function",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
    "aws_sns_topic",
    "aws_sqs_queue",
    "aws_vpc",
];

/// `vpcEndpoint` as `vpc_endpoint`.
fn snake(name: &str) -> String {
    let mut all = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !all.is_empty() {
            all.push('_');
        }
        all.push(c.to_ascii_lowercase());
    }
    all
}

/// The type in Terraform's or CloudFormation's spelling; the token itself where no table knows it.
fn kind_of(token: &str, known: &HashMap<String, &'static str>) -> String {
    let find = |candidate: &str| {
        known
            .get(&candidate.to_ascii_lowercase())
            .map(|kind| (*kind).to_owned())
    };
    if let Some(native) = token.strip_prefix("aws-native:") {
        return find(&format!("aws::{}", native.replace(':', "::")))
            .unwrap_or_else(|| token.to_owned());
    }
    let Some(rest) = token.strip_prefix("aws:") else {
        return token.to_owned();
    };
    let (module, name) = rest.split_once(':').map_or((rest, ""), |(module, _)| {
        module.split_once('/').unwrap_or((module, ""))
    });
    let name = snake(name.trim_end_matches("V2"));
    let module = match module {
        "ec2transitgateway" => "ec2",
        "bedrockmodel" => "bedrock_model",
        other => other,
    };
    let mut candidates = vec![
        format!("aws_{module}_{name}"),
        format!("aws_{name}"),
        format!("aws_{module}"),
    ];
    if module == "bedrock" {
        let agent = name
            .strip_prefix("agentcore_")
            .map(|rest| format!("aws_bedrockagentcore_{rest}"));
        candidates.insert(
            0,
            agent
                .or_else(|| {
                    name.strip_prefix("agent_")
                        .map(|rest| format!("aws_bedrockagent_{rest}"))
                })
                .unwrap_or_default(),
        );
    }
    candidates
        .iter()
        .find_map(|candidate| find(candidate))
        .unwrap_or_else(|| candidates.swap_remove(0).trim_end_matches('_').to_owned())
}

struct Resource<'j> {
    declared: Declared,
    urn: &'j str,
    provider: &'j str,
    depends: Option<&'j serde_json::Map<String, Json>>,
}

/// Reads a preview or an export.
///
/// # Errors
/// When it is neither, or of a version that is not known.
pub fn read(file: &str, json: &Json, given: &Given) -> Result<Files, Error> {
    let known: HashMap<String, &'static str> = spelled_kinds()
        .map(|kind| (kind.to_ascii_lowercase(), kind))
        .collect();
    let mut notes = Vec::new();
    let mut all: Vec<Resource<'_>> = Vec::new();
    let mut before: Vec<Resource<'_>> = Vec::new();
    let mut providers: BTreeMap<&str, (Option<String>, Option<String>)> = BTreeMap::new();
    if let Some(resources) = json
        .pointer("/deployment/resources")
        .and_then(Json::as_array)
    {
        let version = json
            .get("version")
            .and_then(Json::as_i64)
            .unwrap_or_default();
        if !(1..=4).contains(&version) {
            return Err(Error::new(
                file,
                format!("a stack export of version {version}; this reads 1 to 4"),
            ));
        }
        for state in resources {
            provider(state, &mut providers);
            all.extend(resource(state, Change::Keep, &known));
            before.extend(resource(state, Change::Keep, &known));
        }
    } else if let Some(steps) = json.get("steps").and_then(Json::as_array) {
        for step in steps {
            let op = step.get("op").and_then(Json::as_str).unwrap_or_default();
            let (new, old) = (step.get("newState"), step.get("oldState"));
            for state in [new, old].into_iter().flatten() {
                provider(state, &mut providers);
            }
            let change = match op {
                "create" | "replace" | "create-replacement" | "import-replacement" => {
                    Change::Create
                }
                "update" => Change::Update,
                _ => Change::Keep,
            };
            if let Some(old) = old.and_then(|state| resource(state, Change::Keep, &known)) {
                before.retain(|known| known.urn != old.urn);
                before.push(old);
            }
            if op.starts_with("delete") || op.starts_with("discard") {
                continue;
            }
            let Some(state) = new else { continue };
            // A replacement has two steps; the later one says more.
            let urn = state.get("urn").and_then(Json::as_str).unwrap_or_default();
            all.retain(|known| known.urn != urn);
            all.extend(resource(state, change, &known));
        }
        if json
            .get("diagnostics")
            .and_then(Json::as_array)
            .is_some_and(|all| {
                all.iter()
                    .any(|one| one.get("severity").and_then(Json::as_str) == Some("error"))
            })
        {
            return Err(Error::new(
                file,
                "the preview ended with an error, so it is not complete; fix it and preview again",
            ));
        }
    } else {
        notes.push("the preview holds no resources".to_owned());
    }
    let default_region = json
        .pointer("/config/aws:region")
        .and_then(Json::as_str)
        .map(str::to_owned);
    for one in all.iter_mut().chain(&mut before) {
        place(one, &providers, default_region.as_ref(), given);
    }
    let resources = tie(&all);
    let before = before.into_iter().map(|one| one.declared).collect();
    Ok(Files {
        source: Source::Pulumi,
        variants: vec![Variant {
            when: String::new(),
            resources,
        }],
        before,
        notes,
        ignores: Vec::new(),
        open: Vec::new(),
        undeclared: Vec::new(),
        rewritten: Vec::new(),
        moved: BTreeMap::new(),
    })
}

/// Account and Region that a provider works in.
fn provider<'j>(state: &'j Json, all: &mut BTreeMap<&'j str, (Option<String>, Option<String>)>) {
    if state
        .get("type")
        .and_then(Json::as_str)
        .is_none_or(|kind| kind != "pulumi:providers:aws" && kind != "pulumi:providers:aws-native")
    {
        return;
    }
    let Some(urn) = state.get("urn").and_then(Json::as_str) else {
        return;
    };
    let input = |name: &str| {
        state
            .get("inputs")
            .and_then(|inputs| inputs.get(name))
            .and_then(Json::as_str)
    };
    let region = input("region")
        .filter(|region| !LATER.contains(region))
        .map(str::to_owned);
    // Objects of providers are JSON inside text.
    let inner = |name: &str| input(name).and_then(|text| serde_json::from_str::<Json>(text).ok());
    let role = inner("assumeRole").and_then(|role| {
        role.get("roleArn")
            .and_then(Json::as_str)
            .and_then(Arn::parse)
            .map(|arn| arn.account.to_owned())
    });
    let roles = inner("assumeRoles").and_then(|roles| {
        roles
            .get(0)?
            .get("roleArn")
            .and_then(Json::as_str)
            .and_then(Arn::parse)
            .map(|arn| arn.account.to_owned())
    });
    let allowed = inner("allowedAccountIds").and_then(|ids| {
        ids.as_array().filter(|ids| ids.len() == 1)?[0]
            .as_str()
            .map(str::to_owned)
    });
    all.insert(urn, (role.or(roles).or(allowed), region));
}

fn resource<'j>(
    state: &'j Json,
    change: Change,
    known: &HashMap<String, &'static str>,
) -> Option<Resource<'j>> {
    let text = |key: &str| state.get(key).and_then(Json::as_str).unwrap_or_default();
    let token = text("type");
    let of_aws = token.starts_with("aws:") || token.starts_with("aws-native:");
    // What may change what it is handed: resources of other packages, and code of the program's own.
    let is_handed = state.get("custom").and_then(Json::as_bool) == Some(true)
        && (token.contains(":dynamic:") || is_foreign(token));
    if !of_aws && !is_handed || state.get("delete").and_then(Json::as_bool) == Some(true) {
        return None;
    }
    let kind = kind_of(token, known);
    let mut members = Vec::new();
    // Inputs say what was asked for; outputs, for what exists, what it got.
    for part in ["inputs", "outputs"] {
        for (key, value) in state
            .get(part)
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
        {
            let name = RENAMED
                .iter()
                .find(|(of, from, _)| *of == kind && from == key)
                .map_or(key.as_str(), |(.., to)| to);
            if name != "__defaults"
                && !members
                    .iter()
                    .any(|(known, _): &(String, Node)| known == name)
            {
                members.push((name.to_owned(), node(value)));
            }
        }
    }
    let id = text("id");
    if !id.is_empty() && !LATER.contains(&id) && !members.iter().any(|(name, _)| name == "id") {
        members.push(("id".to_owned(), Node::Text(id.to_owned())));
    }
    Some(Resource {
        declared: Declared {
            address: text("urn").to_owned(),
            kind,
            account_id: String::new(),
            region: String::new(),
            partition: String::new(),
            values: Node::Map(members),
            change,
            location: None,
            path: String::new(),
            written: None,
            made: String::new(),
            unit: text("provider").to_owned(),
            file: String::new(),
        },
        urn: state.get("urn").and_then(Json::as_str).unwrap_or_default(),
        provider: state
            .get("provider")
            .and_then(Json::as_str)
            .unwrap_or_default(),
        depends: state.get("propertyDependencies").and_then(Json::as_object),
    })
}

fn node(value: &Json) -> Node {
    let later = |why: &str| {
        Node::Unknown(Later {
            why: why.to_owned(),
            ..Later::default()
        })
    };
    let secret = |why: &str| {
        Node::Unknown(Later {
            why: why.to_owned(),
            secret: true,
            ..Later::default()
        })
    };
    match value {
        Json::String(text) if LATER.contains(&text.as_str()) => later("known after the update"),
        Json::String(text) if text == "[secret]" => secret("Pulumi hides the value"),
        Json::Array(items) => Node::List(items.iter().map(node).collect()),
        Json::Object(members) => match members.get(SIGNATURE).and_then(Json::as_str) {
            Some(SECRET) => match members
                .get("plaintext")
                .and_then(Json::as_str)
                .and_then(|text| serde_json::from_str::<Json>(text).ok())
            {
                Some(Json::String(text)) => Node::Secret(text),
                _ => secret("Pulumi keeps the value encrypted"),
            },
            Some(_) => members
                .get("value")
                .map_or_else(|| later("known after the update"), node),
            None => Node::Map(
                members
                    .iter()
                    .filter(|(key, _)| *key != "__defaults")
                    .map(|(key, value)| (key.clone(), node(value)))
                    .collect(),
            ),
        },
        other => Node::from(other),
    }
}

fn place(
    one: &mut Resource<'_>,
    providers: &BTreeMap<&str, (Option<String>, Option<String>)>,
    default: Option<&String>,
    given: &Given,
) {
    // A provider is named by its URN and its id.
    let urn = one
        .provider
        .rsplit_once("::")
        .map_or(one.provider, |(urn, _)| urn);
    let (account, region) = providers.get(urn).cloned().unwrap_or_default();
    let declared = &mut one.declared;
    let arn = declared.at("arn").text().known();
    let arn = arn.as_deref().and_then(Arn::parse);
    let known = |part: &str| (!part.is_empty()).then(|| part.to_owned());
    let account = arn
        .as_ref()
        .and_then(|arn| known(arn.account))
        .or(account)
        .or_else(|| given.account.clone());
    let own = declared
        .at("region")
        .text()
        .known()
        .filter(|region| region.contains('-'));
    let region = own
        .or_else(|| arn.as_ref().and_then(|arn| known(arn.region)))
        .or(region)
        .or_else(|| default.cloned())
        .or_else(|| given.region.clone());
    declared.account_id = account.unwrap_or_else(|| UNKNOWN_ACCOUNT.to_owned());
    declared.region = region.unwrap_or_else(|| UNKNOWN_REGION.to_owned());
    declared.partition = partition(&declared.region).to_owned();
}

/// Puts what a property depends on in place of what is not known yet.
fn tie(all: &[Resource<'_>]) -> Vec<Declared> {
    let by_urn: HashMap<&str, &Declared> = all.iter().map(|one| (one.urn, &one.declared)).collect();
    all.iter()
        .map(|one| {
            let mut declared = one.declared.clone();
            let kind = declared.kind.clone();
            if let Node::Map(members) = &mut declared.values {
                for (name, value) in members
                    .iter_mut()
                    .filter(|(_, value)| value.later().is_some())
                {
                    let original = RENAMED
                        .iter()
                        .find(|(of, _, to)| *of == kind && to == name)
                        .map_or(name.as_str(), |(_, from, _)| from);
                    let urns = one
                        .depends
                        .and_then(|all| all.get(original))
                        .and_then(Json::as_array);
                    let found: Vec<&Declared> = urns
                        .into_iter()
                        .flatten()
                        .filter_map(Json::as_str)
                        .filter_map(|urn| by_urn.get(urn).copied())
                        .collect();
                    fill(value, &snake(name), &kind, &found);
                }
            }
            declared
        })
        .collect()
}

/// Fills what is open below a property from the resources that it depends on.
fn fill(node: &mut Node, property: &str, kind: &str, found: &[&Declared]) {
    match node {
        Node::Map(members) => members
            .iter_mut()
            .for_each(|(name, value)| fill(value, &snake(name), kind, found)),
        Node::List(items) => {
            let open: Vec<usize> = items
                .iter()
                .enumerate()
                .filter(|(_, item)| matches!(item, Node::Unknown(_)))
                .map(|(place, _)| place)
                .collect();
            let fits = fitting(property, found);
            let one_each = open.len() == fits.len();
            for (place, item) in items.iter_mut().enumerate() {
                match open.iter().position(|at| *at == place) {
                    Some(at) if one_each => fill(item, property, kind, &fits[at..=at]),
                    _ => fill(item, property, kind, &fits),
                }
            }
        }
        Node::Unknown(later) => {
            let fits = fitting(property, found);
            later.of = fits
                .iter()
                .filter_map(|one| wanted(one, property, kind))
                .collect();
            // A preview does not tell which output of them: where none has a secret among its outputs, it is a name of theirs.
            if !found.is_empty() && found.iter().all(|one| PLAIN.contains(&one.kind.as_str())) {
                later.refs = found
                    .iter()
                    .map(|one| format!("{}.it.id", one.kind))
                    .collect();
            }
            if !fits.is_empty() {
                later.why = format!(
                    "known after the update, made of {}",
                    fits.iter()
                        .map(|one| one.address.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                );
            }
        }
        _ => {}
    }
}

/// Those of a kind that the property's name tells, else all.
fn fitting<'d>(property: &str, found: &[&'d Declared]) -> Vec<&'d Declared> {
    let named = |one: &&&Declared| {
        let kind = one.kind.strip_prefix("aws_").unwrap_or(&one.kind);
        property.contains(kind)
            || kind
                .rsplit('_')
                .next()
                .is_some_and(|end| end.len() > 2 && property.contains(end))
    };
    let fits: Vec<&Declared> = found.iter().filter(named).copied().collect();
    if fits.is_empty() {
        found.to_vec()
    } else {
        fits
    }
}

/// The attribute of a resource that a property asks for: its ARN, its name or its id.
fn wanted(one: &Declared, property: &str, kind: &str) -> Option<String> {
    let by_arn = property.contains("arn")
        || property == "role" && matches!(kind, "aws_lambda_function" | "aws_codepipeline")
        || property == "service_role";
    let what = if by_arn {
        "arn"
    } else if property.ends_with("name") || matches!(property, "role" | "user" | "group" | "bucket")
    {
        "name"
    } else if property.contains("policy")
        || property.contains("document")
        || property.contains("definition")
    {
        // A text that is made of it is not it.
        return None;
    } else {
        "id"
    };
    match attribute(one, what).text() {
        Told::Known(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_types_that_tables_know() {
        let known: HashMap<String, &'static str> = spelled_kinds()
            .map(|kind| (kind.to_ascii_lowercase(), kind))
            .collect();
        for (token, kind) in [
            ("aws:ec2/vpcEndpoint:VpcEndpoint", "aws_vpc_endpoint"),
            ("aws:ec2/vpc:Vpc", "aws_vpc"),
            ("aws:lambda/function:Function", "aws_lambda_function"),
            ("aws:s3/bucketV2:BucketV2", "aws_s3_bucket"),
            (
                "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
                "aws_s3_bucket_lifecycle_configuration",
            ),
            (
                "aws:bedrock/agentKnowledgeBase:AgentKnowledgeBase",
                "aws_bedrockagent_knowledge_base",
            ),
            (
                "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime",
                "aws_bedrockagentcore_agent_runtime",
            ),
            (
                "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration",
                "aws_bedrock_model_invocation_logging_configuration",
            ),
            ("aws:cloudtrail/trail:Trail", "aws_cloudtrail"),
            (
                "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
                "aws_vpc_security_group_ingress_rule",
            ),
            ("aws-native:ec2:VpcEndpoint", "AWS::EC2::VPCEndpoint"),
            ("aws:sqs/queue:Queue", "aws_sqs_queue"),
        ] {
            assert_eq!(kind_of(token, &known), kind, "{token}");
        }
    }
}
