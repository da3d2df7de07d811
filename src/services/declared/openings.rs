//! What a file hides: macros, stacks and modules that are not on disk, code that runs when the stack is made.
//!
//! A resource that a file creates has no companions but those of the same file, unless the file is handed on: then
//! whatever gets it may add routes, rules, policies and endpoints. What gets nothing may add nothing to it.

use super::{Declared, Node};
use crate::model::Arn;
use crate::secrets;
use std::collections::BTreeSet;

/// Something in a file that may add to what the file shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    /// For a person: what it is, and why nobody sees what it adds.
    pub why: String,
    /// Ids, names and ARNs of what it is handed; `None` where it may add to everything.
    pub given: Option<BTreeSet<String>>,
    /// Does it declare whole resources, of any kind, that the file does not show?
    pub undeclared: bool,
}

/// Custom resources of the AWS CDK that add nothing to what they are handed
/// (AWS CDK, `@aws-cdk/custom-resource-handlers` and `aws-cdk-lib/aws-s3-deployment`).
const HARMLESS: &[&str] = &[
    "Custom::S3AutoDeleteObjects",
    "Custom::VpcRestrictDefaultSG",
    "Custom::CDKBucketDeployment",
    "Custom::S3BucketNotifications",
    "Custom::LogRetention",
    "Custom::CloudwatchLogResourcePolicy",
    "Custom::ECRAutoDeleteImages",
    "Custom::CrossRegionExportReader",
    "Custom::CrossRegionExportWriter",
];

/// Why a resource of this kind may add what the file does not show.
fn why(resource: &Declared) -> Option<String> {
    let address = &resource.address;
    Some(match resource.kind.as_str() {
        kind if HARMLESS.contains(&kind) => return None,
        // A call that only reads changes nothing.
        "Custom::AWS" if only_reads(resource) => return None,
        "AWS::CloudFormation::StackSet"
        | "AWS::ServiceCatalog::CloudFormationProvisionedProduct" => {
            format!("{address} makes resources of a template that is not this one")
        }
        "aws_cloudcontrolapi_resource" => {
            format!("{address} makes a resource whose kind is not read")
        }
        "aws_lambda_invocation" => format!("{address} runs code when the plan is applied"),
        "aws_servicecatalog_provisioned_product"
        | "aws_cloudformation_stack_set_instance"
        | "aws_cloudformation_stack_instances" => {
            format!("{address} makes resources that the plan does not show")
        }
        kind if kind.ends_with("::MODULE") => {
            format!("the module {address} ({kind}) is not in the template")
        }
        kind if kind.contains("::")
            && !["AWS", "Custom", "Alexa"]
                .contains(&kind.split("::").next().unwrap_or_default()) =>
        {
            format!("{address} is of the type {kind}, whose provider is not AWS")
        }
        "AWS::CloudFormation::Stack" | "AWS::Serverless::Application" => {
            format!("the template of the nested stack {address} is not beside this one")
        }
        "aws_cloudformation_stack" | "aws_cloudformation_stack_set" => {
            format!("the stack {address} makes resources that the plan does not show")
        }
        "AWS::CloudFormation::CustomResource" => {
            format!("the custom resource {address} runs code when the stack is made")
        }
        // What this call does is read.
        "Custom::AWS" if crate::services::bedrock::declared::sets_logging(resource) => return None,
        kind if kind.starts_with("Custom::") => {
            format!("the custom resource {address} runs code when the stack is made")
        }
        kind if kind.starts_with("awscc_") || kind.starts_with("aws-native:") => {
            format!("{address} is of the type {kind}, which is not read")
        }
        "null_resource" | "terraform_data" => {
            format!("{address} runs code when the plan is applied")
        }
        kind if is_foreign(kind) => {
            format!("{address} is of the type {kind}, whose provider is not AWS")
        }
        _ => return None,
    })
}

/// Providers of Terraform and packages of Pulumi that change nothing in AWS: they make values and files, or belong to other vendors.
const ELSEWHERE: &[&str] = &[
    "archive",
    "assert",
    "azuread",
    "azurerm",
    "cloudflare",
    "cloudinit",
    "datadog",
    "docker",
    "external",
    "github",
    "gitlab",
    "google",
    "grafana",
    "helm",
    "http",
    "kubectl",
    "kubernetes",
    "local",
    "newrelic",
    "null",
    "okta",
    "pagerduty",
    "pulumi",
    "random",
    "sops",
    "std",
    "template",
    "terraform",
    "tfe",
    "time",
    "tls",
    "utils",
    "vault",
];

/// Is it a type of another provider than AWS's, which may change what it is handed?
pub fn is_foreign(kind: &str) -> bool {
    if kind.contains("::") || kind.starts_with("data.") {
        return false;
    }
    let provider = kind.split(['_', ':']).next().unwrap_or_default();
    !["aws", "awscc", "aws-native"].contains(&provider) && !ELSEWHERE.contains(&provider)
}

/// Does a resource of this kind declare resources of kinds that the file does not tell? What runs code may make them too, but
/// it rarely does; what it is handed is watched.
fn declares(kind: &str) -> bool {
    matches!(
        kind,
        "AWS::CloudFormation::Stack"
            | "AWS::Serverless::Application"
            | "AWS::ServiceCatalog::CloudFormationProvisionedProduct"
            | "aws_cloudformation_stack"
            | "aws_servicecatalog_provisioned_product"
            | "aws_cloudcontrolapi_resource"
    ) || kind.ends_with("::MODULE")
}

/// What a text under a key hands on: itself where it can be a name, and the ARNs, ids and names of the file in it, because a call is
/// one text and a parameter may be a list. What looks like a secret is left out, and of what stands under a key that promises one
/// all but ARNs and names of the file: whatever is handed on is written into the run.
fn words(key: &str, text: &str, known: &BTreeSet<&str>, all: &mut BTreeSet<String>) {
    let of_a_name = |c: char| c.is_alphanumeric() || "_-.:/+=@[]".contains(c);
    let secret = |word: &str| {
        let found = secrets::classify(key, word);
        found.category.is_secret() || !secrets::in_text(word).is_empty()
    };
    let telling = secrets::is_telling(key) || is_short_for_a_secret(key);
    let name = !telling
        && !VARIABLES.contains(&key)
        && text.len() <= MOST_NAME
        && text.chars().all(of_a_name)
        && !text.contains("://");
    if name && !secret(text) {
        all.insert(text.to_owned());
    }
    all.extend(
        text.split(|c| !of_a_name(c))
            .filter(|word| {
                known.contains(word)
                    || Arn::parse(word).is_some() && secrets::in_text(word).is_empty()
                    || is_id(word) && !telling && !secret(word)
            })
            .map(str::to_owned),
    );
    all.remove("");
}

/// Members that hold variables: of their values only what the file knows is handed on.
const VARIABLES: [&str; 4] = [
    "environment",
    "Environment",
    "EnvironmentVariables",
    "triggers",
];

/// No name of a resource is longer, ARNs aside.
const MOST_NAME: usize = 256;

/// Short words that people give keys of secrets.
fn is_short_for_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.split(['_', '-', '.'])
        .any(|part| ["pw", "pwd", "pass", "passwd", "psk", "pin"].contains(&part))
}

/// Is it an id of the form that AWS gives, such as `vpc-0a1b2c3d`?
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(kind, rest)| {
        kind.len() <= 8
            && kind.bytes().all(|byte| byte.is_ascii_lowercase())
            && rest.len() >= 8
            && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Does a custom resource that makes one API call only read by it?
fn only_reads(resource: &Declared) -> bool {
    let calls = ["create", "update", "delete"].map(|name| resource.at(name));
    let action = |call: &Node| match call {
        Node::Absent => None,
        Node::Map(_) => Some(call.at("action").text().known().unwrap_or_default()),
        Node::Text(text) => {
            let (_, rest) = text.split_once("\"action\"").unwrap_or_default();
            Some(rest.split('"').nth(1).unwrap_or_default().to_owned())
        }
        Node::Unknown(later) => {
            let (_, rest) = later.pattern.split_once("\"action\"").unwrap_or_default();
            Some(rest.split('"').nth(1).unwrap_or_default().to_owned())
        }
        _ => Some(String::new()),
    };
    let mut all = calls.iter().filter_map(|call| action(call)).peekable();
    all.peek().is_some()
        && all.all(|action| {
            let lower = action.to_ascii_lowercase();
            ["describe", "get", "list"]
                .iter()
                .any(|start| lower.starts_with(start))
        })
}

/// Does a value that is settled later come from where it cannot be followed: a local value, a module, a loop?
fn is_lost(node: &Node) -> bool {
    match node {
        Node::Unknown(later) => {
            later.of.is_empty()
                && later.refs.iter().any(|one| {
                    ["local.", "module.", "each."]
                        .iter()
                        .any(|start| one.starts_with(start))
                })
        }
        Node::List(items) => items.iter().any(is_lost),
        Node::Map(members) => members.iter().any(|(_, value)| is_lost(value)),
        _ => false,
    }
}

fn texts(key: &str, node: &Node, known: &BTreeSet<&str>, all: &mut BTreeSet<String>) {
    match node {
        Node::Text(text) => words(key, text, known, all),
        Node::Unknown(later) => {
            all.extend(later.of.iter().cloned());
            words(key, &later.pattern, known, all);
            // An attribute that AWS computes is one of the resource that the reference names.
            all.extend(later.refs.iter().filter_map(|one| {
                let mut parts = one.split('.');
                let (kind, name) = (parts.next()?, parts.next()?);
                let name = name.split('[').next()?;
                kind.starts_with("aws").then(|| format!("{kind}.{name}"))
            }));
        }
        Node::List(items) => items.iter().for_each(|item| texts(key, item, known, all)),
        Node::Map(members) => members.iter().for_each(|(name, value)| {
            // Whatever a variable is called, its value may be anything.
            let name = if VARIABLES.contains(&key) {
                key
            } else {
                name.as_str()
            };
            texts(name, value, known, all);
        }),
        _ => {}
    }
}

/// What the resources of a file are called: their addresses, what stands for their ids, and the names that it writes out.
fn names(resources: &[Declared]) -> BTreeSet<&str> {
    let mut all = BTreeSet::new();
    for resource in resources {
        all.extend([resource.address.as_str(), resource.made.as_str()]);
        if let Node::Map(members) = &resource.values {
            all.extend(members.iter().filter_map(|(key, value)| match value {
                Node::Text(text)
                    if key.to_ascii_lowercase().ends_with("name") || key == "bucket" =>
                {
                    Some(text.as_str())
                }
                _ => None,
            }));
        }
    }
    all
}

/// What resources of a file are handed to others that may add to them.
/// `mapped` tells of a type that is not read whether it declares what a table would hold.
pub fn openings(resources: &[Declared], mapped: impl Fn(&str) -> bool) -> Vec<Opening> {
    let nested = |resource: &Declared| {
        let inside = format!("{}.", resource.address);
        resources
            .iter()
            .any(|other| other.address.starts_with(&inside))
    };
    let known = names(resources);
    let mut all = Vec::new();
    // A nested stack that was read shows what it makes.
    for resource in resources.iter().filter(|resource| !nested(resource)) {
        if let Some(why) = why(resource) {
            let mut given = BTreeSet::new();
            texts("", &resource.values, &known, &mut given);
            all.push(Opening {
                why,
                given: (!is_lost(&resource.values)).then_some(given),
                undeclared: declares(&resource.kind) || mapped(&resource.kind),
            });
        }
    }
    all
}
