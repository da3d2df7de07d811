//! Subjects: endpoints for Bedrock, and the other endpoints of VPCs with Bedrock callers.

use super::callers::{Deployment, Workload};
use super::interfaces::placement;
use super::policy::{Document, Fact, Found, is_full_access, models_through, outsider_through};
use super::{Context, Sink, network, paths};
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Lookup, Role, Row, Span, Table};
use crate::model::{GLOBAL, Gap, Observed};
use crate::subject_columns;
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const LIST: &[&str] = &["vpc_endpoint.list"];
const DNS: &[&str] = &["vpc_endpoint.list", "vpc.list", "vpc.dns_support", "vpc.dns_hostnames", "vpc.zones"];
const SERVICE: &[&str] = &["vpc_endpoint.list", "vpc_endpoint_service.list"];
const TRUST: &[&str] = &["vpc_endpoint.list", "organization.list", "organizations_account.list"];

/// Endpoints for Bedrock.
pub const BEDROCK_ENDPOINT: Table = Table {
    name: "bedrock_endpoint",
    doc: "An interface endpoint for a Bedrock API family: does it capture the name, and whom and what does its policy let through?",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("family", "API family.").by(LIST),
        text("vpc_id", "VPC.").by(LIST),
        text("state", "State, lower case.").by(LIST),
        flag("private_dns", "Is private DNS in effect?").by(DNS),
        text("private_dns_reason", "Why, or why not.").by(DNS),
        flag("only_vpce_callers", "Is every caller in the VPC told the endpoint's own name? False where there is none.").by(paths::PLACEMENT_INPUTS),
        flag("takes_policy", "Does the service take an endpoint policy?").by(SERVICE),
        flag("policy_is_default", "Does the policy let everyone do everything?").by(LIST),
        flag("untrusted_principal", "Does it let a principal from outside through?").by(TRUST),
        json("untrusted_witness", "The request that passes.").absent("null").by(TRUST),
        flag("carries_inference", "Does the family invoke models?").by(LIST),
        flag("any_model", "Does it let a model through that nobody named?").by(LIST),
        flag("model_family", "Is a wildcard inside a model id?").by(LIST),
        list("models", "Models named.").by(LIST),
        json("model_witness", "The request that passes.").absent("null").by(LIST),
        text("model_reason", "What decides.").by(LIST),
    ],
    reads: &[],
    lists: LIST,
};

/// Other endpoints of VPCs with Bedrock callers.
pub const DEPENDENCY_ENDPOINT: Table = Table {
    name: "dependency_endpoint",
    doc: "An endpoint for another service: a way to carry data to foreign accounts when its policy lets everyone do everything.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("service", "Service, such as `s3`.").by(LIST),
        text("vpc_id", "VPC.").by(LIST),
        text("endpoint_type", "`Interface` or `Gateway`.").by(LIST),
        flag("in_workload_vpc", "Does a Bedrock caller run in the VPC?").by(paths::PLACEMENT_INPUTS),
        flag("takes_policy", "Does the service take an endpoint policy?").by(SERVICE),
        flag("policy_is_default", "Does the policy let everyone do everything?").by(LIST),
    ],
    reads: &[],
    lists: LIST,
};

/// Actions of a family to try against its policy.
fn actions(family: &str) -> &'static [&'static str] {
    match family {
        "bedrock-runtime" => &["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:ApplyGuardrail"],
        "bedrock-mantle" => &["bedrock-mantle:CreateInference"],
        "bedrock-agent-runtime" => &["bedrock:InvokeAgent", "bedrock:Retrieve", "bedrock:RetrieveAndGenerate", "bedrock:InvokeFlow"],
        "bedrock-agent" => &["bedrock:GetAgent", "bedrock:GetKnowledgeBase", "bedrock:StartIngestionJob"],
        "bedrock-agentcore" => &["bedrock-agentcore:InvokeAgentRuntime"],
        "bedrock-agentcore-control" => &["bedrock-agentcore:ListAgentRuntimes"],
        "bedrock-agentcore.gateway" => &["bedrock-agentcore:InvokeGateway"],
        _ => &["bedrock:ListFoundationModels", "bedrock:CreateModelInvocationJob"],
    }
}

fn prefix(family: &str) -> &'static str {
    match family {
        "bedrock-mantle" => "bedrock-mantle",
        family if family.starts_with("bedrock-agentcore") => "bedrock-agentcore",
        _ => "bedrock",
    }
}

pub(super) fn policy(endpoint: Row<'_>) -> Observed<Document> {
    endpoint.json("policy").and_then(|json| match Document::parse(endpoint.key(), &json) {
        Ok(document) => Known(document),
        Err(why) => Observed::gap(Gap::not_understood("vpc_endpoint.policy", why.to_string())),
    })
}

fn found(found: Found) -> Observed<Option<Json>> {
    match found {
        Found::Yes(request) => Known(Some(request.witness())),
        Found::No => Known(None),
        Found::Unknown(mut why) => {
            why.sort();
            why.dedup();
            Unknown(why.into_iter().map(|why| Gap::of_policy("vpc_endpoint.policy", why)).collect())
        }
    }
}

fn takes_policy(context: &Context<'_>, endpoint: Row<'_>, service: &str) -> Observed<bool> {
    match context.world.lookup("vpc_endpoint_service", endpoint.account(), endpoint.region(), service) {
        Lookup::Found(row) => row.flag("policy_supported"),
        Lookup::Absent => Observed::gap(Gap::not_understood("vpc_endpoint_service", format!("`{service}` is not among the services that the Region offers"))),
        // No file says what AWS offers; the endpoints of Bedrock take policies.
        Lookup::Unknown(_) if context.world.run.source.is_file() && network::family_of_service(service).is_some() => Known(true),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// What a call through the endpoint carries with it.
pub(super) fn network_context(endpoint: Row<'_>) -> BTreeMap<String, Fact> {
    let mut context = BTreeMap::from([
        ("aws:sourcevpce".to_owned(), Fact::one(endpoint.key())),
        ("aws:sourceip".to_owned(), Fact::Absent),
        ("aws:vpceaccount".to_owned(), Fact::one(endpoint.account())),
        ("aws:vpceorgid".to_owned(), Fact::Unknown),
        ("aws:vpceorgpaths".to_owned(), Fact::Unknown),
        ("aws:vpcsourceip".to_owned(), Fact::Unknown),
    ]);
    if let Known(vpc) = endpoint.text("vpc_id") {
        context.insert("aws:sourcevpc".to_owned(), Fact::one(vpc));
    }
    context
}

fn endpoint_arn(context: &Context<'_>, row: Row<'_>) -> String {
    format!("arn:{}:ec2:{}:{}:vpc-endpoint/{}", context.world.run.partition, row.region(), row.account(), row.key())
}

/// Is an account one of ours? `None` when the organisation's accounts could not be read.
pub(super) fn trusted(context: &Context<'_>, own: &str) -> impl Fn(&str) -> Observed<bool> {
    let mut trusted: BTreeSet<String> = context.list("trusted_accounts").into_iter().collect();
    trusted.insert(own.to_owned());
    let organization = match context.world.lookup("organization", own, GLOBAL, own) {
        Lookup::Found(row) => row.text("id").map(str::to_owned),
        Lookup::Absent => Known(String::new()),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    // Accounts of the same run that name the same organisation, and those that the management account lists.
    let mut gaps = organization.gaps().to_vec();
    if let Known(id) = &organization
        && !id.is_empty()
    {
        for row in context.world.everywhere("organization") {
            if row.text("id") == Known(id.as_str()) {
                trusted.insert(row.key().to_owned());
            }
        }
        let listed = context.world.everywhere("organizations_account");
        trusted.extend(listed.iter().map(|row| row.key().to_owned()));
        if listed.is_empty() {
            gaps = context.world.hidden_anywhere("organizations_account");
        }
    }
    move |account: &str| {
        if trusted.contains(account) {
            Known(true)
        } else if gaps.is_empty() {
            Known(false)
        } else {
            Unknown(gaps.clone())
        }
    }
}

/// Organisations that are ours; `None` when the own one could not be read.
pub(super) fn trusted_organizations(context: &Context<'_>, account: &str) -> Option<Vec<String>> {
    let own = context.world.lookup("organization", account, GLOBAL, account).found().and_then(|row| row.text("id").known().map(str::to_owned))?;
    let mut all = context.list("trusted_org_ids");
    all.extend(Some(own).filter(|own| !own.is_empty()));
    Some(all)
}

pub(super) fn derive_bedrock(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&BEDROCK_ENDPOINT) {
        let endpoints = context.world.all("vpc_endpoint", &account, &region);
        sink.hide(&account, &region, endpoints.gaps);
        for endpoint in endpoints.rows {
            let service = match endpoint.text("service_name") {
                Known(service) => service,
                Unknown(gaps) => {
                    sink.hide(&account, &region, gaps);
                    continue;
                }
            };
            // What was refused or is on its way out is no endpoint any more.
            let gone = matches!(endpoint.text("state").map(str::to_ascii_lowercase), Known(state) if ["deleted", "deleting", "failed", "rejected", "expired"].contains(&state.as_str()));
            if let Some(family) = network::family_of_service(service)
                && !gone
            {
                bedrock_row(context, sink, endpoint, service, family);
            }
        }
    }
}

fn bedrock_row(context: &Context<'_>, sink: &mut Sink<'_>, endpoint: Row<'_>, service: &str, family: &'static str) {
    let (account, region) = (endpoint.account(), endpoint.region());
    let document = policy(endpoint);
    let through = network_context(endpoint);
    let dns = private_dns(context, endpoint, family);
    let trusted = trusted(context, account);
    let organizations = trusted_organizations(context, account);
    let own_gaps = match context.world.lookup("organization", account, GLOBAL, account) {
        Lookup::Found(row) => row.text("id").gaps().to_vec(),
        Lookup::Absent => Vec::new(),
        Lookup::Unknown(gaps) => gaps,
    };
    let default = document.clone().and_then(|document| found(is_full_access(&document, prefix(family), &through)));
    let outsider = document.clone().and_then(|document| {
        let gaps = std::cell::RefCell::new(own_gaps);
        let answer = outsider_through(&document, actions(family), &[], &through, organizations.as_deref(), &|account| match trusted(account) {
            Known(known) => Some(known),
            Unknown(more) => {
                gaps.borrow_mut().extend(more);
                None
            }
        });
        match (found(answer), gaps.into_inner()) {
            (Unknown(_), gaps) if !gaps.is_empty() => Unknown(gaps),
            (answer, _) => answer,
        }
    });
    let inference: Vec<&str> = actions(family).iter().copied().filter(|action| super::access::INVOKE.contains(action)).collect();
    let (any, wild, named) = match document.map(|document| models_through(&document, &inference, region, &through)) {
        Known(models) => {
            let named = if models.unclear.is_empty() { Known(models.named) } else { found(Found::Unknown(models.unclear)).map(|_| Vec::new()) };
            (found(models.any), found(models.family), named)
        }
        Unknown(gaps) => (Unknown(gaps.clone()), Unknown(gaps.clone()), Unknown(gaps)),
    };
    let reason = match (&any, &wild) {
        (Known(Some(_)), _) => "a model that nobody named passes".to_owned(),
        (_, Known(Some(_))) => "a wildcard stands inside a model id: a family, not a list".to_owned(),
        (Known(None), Known(None)) => "only models that are named pass".to_owned(),
        _ => "it cannot be told which models pass".to_owned(),
    };
    let witness = match (&any, &wild) {
        (Known(Some(request)), _) | (_, Known(Some(request))) => request.clone(),
        _ => Json::Null,
    };
    let mut row = sink.row(account, region, endpoint_arn(context, endpoint), "AWS::EC2::VPCEndpoint");
    row.put("name", endpoint.key()).tagged(context, account, endpoint.tags());
    row.put("family", family)
        .set("vpc_id", endpoint.text("vpc_id"))
        .set("state", endpoint.text("state"))
        .set("private_dns", dns.clone().map(|(on, _)| on))
        .set("private_dns_reason", dns.map(|(_, why)| why))
        .set("only_vpce_callers", only_vpce_callers(context, endpoint))
        .set("takes_policy", takes_policy(context, endpoint, service))
        .set("policy_is_default", default.map(|found| found.is_some()))
        .set("untrusted_principal", outsider.clone().map(|found| found.is_some()))
        .put("untrusted_witness", outsider.known().flatten().unwrap_or(Json::Null))
        .put("carries_inference", !inference.is_empty())
        .set("any_model", any.map(|found| found.is_some()))
        .set("model_family", wild.map(|found| found.is_some()))
        .set("models", named)
        .put("model_witness", witness)
        .put("model_reason", reason);
    sink.push(row);
}

/// Private DNS in effect, or a private zone of the service's name that replaces it.
fn private_dns(context: &Context<'_>, endpoint: Row<'_>, family: &str) -> Observed<(bool, String)> {
    let own = network::private_dns(context.world, endpoint);
    let Known((false, why)) = &own else { return own };
    let vpc = endpoint.text("vpc_id").known().and_then(|vpc| context.world.lookup("vpc", endpoint.account(), endpoint.region(), vpc).found());
    let fips = endpoint.text("service_name").known().is_some_and(|service| service.ends_with("-fips"));
    let host = network::host(family, &network::Client { region: endpoint.region().to_owned(), endpoint: "default".to_owned(), fips, dualstack: false });
    match vpc.map(|vpc| vpc.json("private_zones")) {
        Some(Known(zones))
            if zones.as_array().is_some_and(|all| {
                all.iter().any(|zone| {
                    zone["name"].as_str().is_some_and(|name| {
                        let name = name.trim_end_matches('.');
                        !name.is_empty() && (host == name || host.ends_with(&format!(".{name}")))
                    })
                })
            }) =>
        {
            Observed::gap(Gap::not_understood("vpc.private_zones", format!("{why}; a private hosted zone answers for {host}, its records are not followed")))
        }
        Some(Unknown(gaps)) => Unknown(gaps),
        _ => own,
    }
}

fn only_vpce_callers(context: &Context<'_>, endpoint: Row<'_>) -> Observed<bool> {
    let (account, region) = (endpoint.account(), endpoint.region());
    let callers = context.callers();
    let mut seen = false;
    let mut all = Vec::new();
    for workload in callers.known(account, region) {
        for deployment in &workload.deployments {
            let here = endpoint.text("vpc_id").zip(deployment_vpc(context, workload, deployment)).map(|(endpoint, own)| endpoint == own);
            match here {
                Known(true) => {
                    seen = true;
                    all.push(deployment.settings.map_or(Known(false), |row| row.text("bedrock_endpoint").map(|kind| kind == "vpce")));
                }
                Known(false) => {}
                Unknown(gaps) => all.push(Unknown(gaps)),
            }
        }
    }
    let hidden = callers.hidden(account, region);
    if !hidden.is_empty() {
        all.push(Unknown(hidden));
    } else if !seen {
        all.push(Known(false));
    }
    Observed::all(all)
}

/// The VPC of a deployment; empty for none.
fn deployment_vpc(context: &Context<'_>, workload: &Workload<'_>, deployment: &Deployment<'_>) -> Observed<String> {
    placement(workload, deployment, context).map(|place| place.map_or_else(String::new, |place| place.vpc))
}

pub(super) fn derive_dependencies(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&DEPENDENCY_ENDPOINT) {
        let endpoints = context.world.all("vpc_endpoint", &account, &region);
        sink.hide(&account, &region, endpoints.gaps);
        let callers = context.callers();
        let networks: Vec<Observed<String>> = callers
            .known(&account, &region)
            .flat_map(|workload| workload.deployments.iter().map(move |deployment| deployment_vpc(context, workload, deployment)))
            .collect();
        let hidden = callers.hidden(&account, &region);
        for endpoint in endpoints.rows {
            let service = match endpoint.text("service_name") {
                Known(service) => service,
                Unknown(gaps) => {
                    sink.hide(&account, &region, gaps);
                    continue;
                }
            };
            let short = service.splitn(4, '.').nth(3).unwrap_or(service);
            if network::family_of_service(service).is_some() {
                continue;
            }
            let document = policy(endpoint);
            let here = endpoint.text("vpc_id").and_then(|vpc| {
                let known = Observed::any(networks.iter().map(|found| found.clone().map(|found| found == vpc)));
                if hidden.is_empty() { known } else { known.or(Unknown(hidden.clone())) }
            });
            let mut row = sink.row(&account, &region, endpoint_arn(context, endpoint), "AWS::EC2::VPCEndpoint");
            row.put("name", endpoint.key()).tagged(context, &account, endpoint.tags());
            row.put("service", short)
                .set("vpc_id", endpoint.text("vpc_id"))
                .set("endpoint_type", endpoint.text("vpc_endpoint_type"))
                .set("in_workload_vpc", here)
                .set("takes_policy", takes_policy(context, endpoint, service))
                .set(
                    "policy_is_default",
                    document.and_then(|document| found(is_full_access(&document, short, &network_context(endpoint)))).map(|found| found.is_some()),
                );
            sink.push(row);
        }
    }
}
