//! Subjects: endpoints for Bedrock, and the other endpoints of VPCs with Bedrock callers.

use crate::access::trusted::trusted;
use crate::access::trusted::trusted_organizations;
use crate::derive::{DerivedRow, Sink};
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Lookup, Role, Row, Span, Table};
use crate::model::{GLOBAL, Gap, Observed};
use crate::network;
use crate::paths::endpoint::{actions, found, network_context, policy, prefix};
use crate::policy::{Found, is_full_access, models_through, outsider_through};
use crate::services;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use crate::workloads;
use crate::workloads::interfaces::placement;
use crate::workloads::{Deployment, Workload};
use Observed::{Known, Unknown};
use serde_json::Value as Json;

pub(super) const LIST: Inputs = Inputs::All(&[services::vpc_endpoint::ENDPOINT.list()]);
const DNS: Inputs = Inputs::All(&[
    services::vpc_endpoint::ENDPOINT.list(),
    services::vpc::VPC.list(),
    services::vpc::VPC.group("dns_support"),
    services::vpc::VPC.group("dns_hostnames"),
    services::vpc::VPC.group("zones"),
]);
pub(super) const SERVICE: Inputs = Inputs::All(&[
    services::vpc_endpoint::ENDPOINT.list(),
    services::vpc_endpoint::ENDPOINT_SERVICE.list(),
]);
const ZONES: Inputs = Inputs::All(&[
    services::vpc_endpoint::ENDPOINT.list(),
    services::vpc::SUBNET.list(),
]);
const TRUST: Inputs = Inputs::All(&[
    services::vpc_endpoint::ENDPOINT.list(),
    services::organizations::ORGANIZATION.list(),
    services::organizations::ACCOUNT.list(),
]);

/// Endpoints for Bedrock.
pub const BEDROCK_ENDPOINT: Table = Table {
    name: "bedrock_endpoint",
    doc: "An interface endpoint for a Bedrock API family: does it capture the name, and whom and what does its policy let through?",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("family", "API family.").from(LIST),
        text("vpc_id", "VPC.").from(LIST),
        text("state", "State, lower case.").from(LIST),
        flag("private_dns", "Is private DNS in effect?").from(DNS),
        text("private_dns_reason", "Why, or why not.").from(DNS),
        flag(
            "only_vpce_callers",
            "Is every caller in the VPC told the endpoint's own name? False where there is none."
        )
        .from(Inputs::All(&[
            workloads::INPUTS,
            workloads::interfaces::INPUTS
        ])),
        flag("takes_policy", "Does the service take an endpoint policy?").from(SERVICE),
        flag(
            "policy_is_default",
            "Does the policy let everyone do everything?"
        )
        .from(LIST),
        flag(
            "untrusted_principal",
            "Does it let a principal from outside through?"
        )
        .from(TRUST),
        json("untrusted_witness", "The request that passes.")
            .absent("null")
            .from(TRUST),
        flag("carries_inference", "Does the family invoke models?").from(LIST),
        flag(
            "any_model",
            "Does it let a model through that nobody named?"
        )
        .from(LIST),
        flag("model_family", "Is a wildcard inside a model id?").from(LIST),
        list("models", "Models named.").from(LIST),
        json("model_witness", "The request that passes.")
            .absent("null")
            .from(LIST),
        text("model_reason", "What decides.").from(LIST),
        list(
            "zone_ids",
            "Zones of its interfaces, by the ids that all accounts share."
        )
        .from(ZONES),
        flag(
            "has_zone_limit",
            "Does the configuration name approved zones?"
        )
        .from(LIST),
        list("outside_zones", "Zones of its that are not approved.").from(ZONES),
        flag("leaves_zones", "Are there such?").from(ZONES),
    ],
    reads: &[],
    lists: LIST,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &BEDROCK_ENDPOINT,
    derive: derive_bedrock,
    rests_on_published_data: true,
};

pub(super) fn takes_policy(facts: &Facts<'_>, endpoint: Row<'_>, service: &str) -> Observed<bool> {
    match facts.world.lookup(
        "vpc_endpoint_service",
        endpoint.account(),
        endpoint.region(),
        service,
    ) {
        Lookup::Found(row) => row.flag("policy_supported"),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "vpc_endpoint_service",
            format!("`{service}` is not among the services that the Region offers"),
        )),
        // No file says what AWS offers; the endpoints of Bedrock take policies.
        Lookup::Unknown(_)
            if facts.world.run.source.is_file()
                && network::family_of_service(service).is_some() =>
        {
            Known(true)
        }
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

pub(super) fn endpoint_arn(facts: &Facts<'_>, row: Row<'_>) -> String {
    format!(
        "arn:{}:ec2:{}:{}:vpc-endpoint/{}",
        facts.world.run.partition,
        row.region(),
        row.account(),
        row.key()
    )
}

pub(crate) fn derive_bedrock(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&BEDROCK_ENDPOINT) {
        let endpoints = facts.world.all("vpc_endpoint", &account, &region);
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
                bedrock_row(facts, sink, endpoint, service, family);
            }
        }
    }
}

fn bedrock_row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    endpoint: Row<'_>,
    service: &str,
    family: &'static str,
) {
    let (account, region) = (endpoint.account(), endpoint.region());
    let document = policy(endpoint);
    let through = network_context(endpoint);
    let dns = private_dns(facts, endpoint, family);
    let trusted = trusted(facts.world, account);
    let organizations = trusted_organizations(facts.world, account);
    let own_gaps = match facts.world.lookup("organization", account, GLOBAL, account) {
        Lookup::Found(row) => row.text("id").gaps().to_vec(),
        Lookup::Absent => Vec::new(),
        Lookup::Unknown(gaps) => gaps,
    };
    let default = document
        .clone()
        .and_then(|document| found(is_full_access(&document, prefix(family), &through)));
    let outsider = document.clone().and_then(|document| {
        let gaps = std::cell::RefCell::new(own_gaps);
        let answer = outsider_through(
            &document,
            actions(family),
            &[],
            &through,
            organizations.as_deref(),
            &|account| match trusted(account) {
                Known(known) => Some(known),
                Unknown(more) => {
                    gaps.borrow_mut().extend(more);
                    None
                }
            },
        );
        match (found(answer), gaps.into_inner()) {
            (Unknown(_), gaps) if !gaps.is_empty() => Unknown(gaps),
            (answer, _) => answer,
        }
    });
    let inference: Vec<&str> = actions(family)
        .iter()
        .copied()
        .filter(|action| crate::access::principal::INVOKE.contains(action))
        .collect();
    let (any, wild, named) =
        match document.map(|document| models_through(&document, &inference, region, &through)) {
            Known(models) => {
                let named = if models.unclear.is_empty() {
                    Known(models.named)
                } else {
                    found(Found::Unknown(models.unclear)).map(|_| Vec::new())
                };
                (found(models.any), found(models.family), named)
            }
            Unknown(gaps) => (Unknown(gaps.clone()), Unknown(gaps.clone()), Unknown(gaps)),
        };
    let reason = match (&any, &wild) {
        (Known(Some(_)), _) => "a model that nobody named passes".to_owned(),
        (_, Known(Some(_))) => {
            "a wildcard stands inside a model id: a family, not a list".to_owned()
        }
        (Known(None), Known(None)) => "only models that are named pass".to_owned(),
        _ => "it could not be determined which models pass".to_owned(),
    };
    let witness = match (&any, &wild) {
        (Known(Some(request)), _) | (_, Known(Some(request))) => request.clone(),
        _ => Json::Null,
    };
    let mut row = sink.row(
        account,
        region,
        endpoint_arn(facts, endpoint),
        "AWS::EC2::VPCEndpoint",
    );
    row.put("name", endpoint.key())
        .tagged(facts.settings, account, endpoint.tags());
    row.put("family", family)
        .set("vpc_id", endpoint.text("vpc_id"))
        .set("state", endpoint.text("state"))
        .set("private_dns", dns.clone().map(|(on, _)| on))
        .set("private_dns_reason", dns.map(|(_, why)| why))
        .set("only_vpce_callers", only_vpce_callers(facts, endpoint))
        .set("takes_policy", takes_policy(facts, endpoint, service))
        .set("policy_is_default", default.map(|found| found.is_some()))
        .set(
            "untrusted_principal",
            outsider.clone().map(|found| found.is_some()),
        )
        .put(
            "untrusted_witness",
            outsider.known().flatten().unwrap_or(Json::Null),
        )
        .put("carries_inference", !inference.is_empty())
        .set("any_model", any.map(|found| found.is_some()))
        .set("model_family", wild.map(|found| found.is_some()))
        .set("models", named)
        .put("model_witness", witness)
        .put("model_reason", reason);
    zones(facts, &mut row, endpoint);
    sink.push(row);
}

/// The zones of its interfaces, by the ids that all accounts share.
fn zones(facts: &Facts<'_>, row: &mut DerivedRow, endpoint: Row<'_>) {
    let approved = facts.settings.list("approved_zone_ids");
    let (mut zones, mut gaps) = (std::collections::BTreeSet::new(), Vec::new());
    match endpoint.list("subnet_ids") {
        Known(subnets) => {
            for subnet in subnets {
                let (account, region) = (endpoint.account(), endpoint.region());
                let zone = match facts.world.lookup("vpc_subnet", account, region, &subnet) {
                    Lookup::Found(found) => found.text("availability_zone_id"),
                    Lookup::Absent => Observed::gap(Gap::not_understood(
                        "vpc_subnet",
                        format!("the subnet {subnet} is in no account of this run"),
                    )),
                    Lookup::Unknown(more) => Unknown(more),
                };
                match zone {
                    Known(zone) => drop(zones.insert(zone.to_owned())),
                    Unknown(more) => gaps.extend(more),
                }
            }
        }
        Unknown(more) => gaps.extend(more),
    }
    let outside: Vec<String> = zones
        .iter()
        .filter(|zone| !approved.is_empty() && !approved.contains(zone))
        .cloned()
        .collect();
    // One zone that is not approved decides, whatever the others are.
    let whole = |known: Vec<String>| {
        if gaps.is_empty() {
            Known(known)
        } else {
            Unknown(gaps.clone())
        }
    };
    let leaves = if outside.is_empty() {
        whole(Vec::new()).map(|_| false)
    } else {
        Known(true)
    };
    let shown = if outside.is_empty() {
        whole(Vec::new())
    } else {
        Known(outside)
    };
    row.put("has_zone_limit", !approved.is_empty())
        .set("zone_ids", whole(zones.into_iter().collect()))
        .set("leaves_zones", leaves)
        .set("outside_zones", shown);
}

/// Private DNS in effect, or a private zone of the service's name that replaces it.
fn private_dns(facts: &Facts<'_>, endpoint: Row<'_>, family: &str) -> Observed<(bool, String)> {
    let own = network::private_dns(facts.world, endpoint);
    let Known((false, why)) = &own else {
        return own;
    };
    let vpc = endpoint.text("vpc_id").known().and_then(|vpc| {
        facts
            .world
            .lookup("vpc", endpoint.account(), endpoint.region(), vpc)
            .found()
    });
    let fips = endpoint
        .text("service_name")
        .known()
        .is_some_and(|service| service.ends_with("-fips"));
    let host = network::host(
        family,
        &network::Client {
            region: endpoint.region().to_owned(),
            endpoint: "default".to_owned(),
            fips,
            dualstack: false,
        },
    );
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
            Observed::gap(Gap::not_understood(
                "vpc.private_zones",
                format!(
                    "{why}; a private hosted zone answers for {host}, its records are not followed"
                ),
            ))
        }
        Some(Unknown(gaps)) => Unknown(gaps),
        _ => own,
    }
}

fn only_vpce_callers(facts: &Facts<'_>, endpoint: Row<'_>) -> Observed<bool> {
    let (account, region) = (endpoint.account(), endpoint.region());
    let callers = facts.workloads.all();
    let mut seen = false;
    let mut all = Vec::new();
    for workload in callers.known(account, region) {
        for deployment in &workload.deployments {
            let here = endpoint
                .text("vpc_id")
                .zip(deployment_vpc(facts, workload, deployment))
                .map(|(endpoint, own)| endpoint == own);
            match here {
                Known(true) => {
                    seen = true;
                    all.push(deployment.settings.map_or(Known(false), |row| {
                        row.text("bedrock_endpoint").map(|kind| kind == "vpce")
                    }));
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
pub(super) fn deployment_vpc(
    facts: &Facts<'_>,
    workload: &Workload<'_>,
    deployment: &Deployment<'_>,
) -> Observed<String> {
    placement(workload, deployment, facts.world)
        .map(|place| place.map_or_else(String::new, |place| place.vpc))
}
