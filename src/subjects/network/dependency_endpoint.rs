//! Subject: other endpoints of VPCs with Bedrock callers.

use super::bedrock_endpoint::{LIST, SERVICE, deployment_vpc, endpoint_arn, takes_policy};
use crate::derive::Sink;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::paths::endpoint::{found, network_context, policy};
use crate::policy::is_full_access;
use crate::subjects::{Facts, Subject};
use crate::{network, subject_columns, workloads};
use Observed::{Known, Unknown};

/// Other endpoints of VPCs with Bedrock callers.
pub const DEPENDENCY_ENDPOINT: Table = Table {
    name: "dependency_endpoint",
    doc: "An endpoint for another service: a way to carry data to foreign accounts when its policy lets everyone do everything.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("service", "Service, such as `s3`.").from(LIST),
        text("vpc_id", "VPC.").from(LIST),
        text("endpoint_type", "`Interface` or `Gateway`.").from(LIST),
        flag("in_workload_vpc", "Does a Bedrock caller run in the VPC?").from(Inputs::All(&[
            workloads::INPUTS,
            workloads::interfaces::INPUTS
        ])),
        flag("takes_policy", "Does the service take an endpoint policy?").from(SERVICE),
        flag(
            "policy_is_default",
            "Does the policy let everyone do everything?"
        )
        .from(LIST),
    ],
    reads: &[],
    lists: LIST,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &DEPENDENCY_ENDPOINT,
    derive: derive_dependencies,
    rests_on_published_data: true,
};

pub(crate) fn derive_dependencies(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&DEPENDENCY_ENDPOINT) {
        let endpoints = facts.world.all("vpc_endpoint", &account, &region);
        sink.hide(&account, &region, endpoints.gaps);
        let callers = facts.workloads.all();
        let networks: Vec<Observed<String>> = callers
            .known(&account, &region)
            .flat_map(|workload| {
                workload
                    .deployments
                    .iter()
                    .map(move |deployment| deployment_vpc(facts, workload, deployment))
            })
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
                let known = Observed::any(
                    networks
                        .iter()
                        .map(|found| found.clone().map(|found| found == vpc)),
                );
                if hidden.is_empty() {
                    known
                } else {
                    known.or(Unknown(hidden.clone()))
                }
            });
            let mut row = sink.row(
                &account,
                &region,
                endpoint_arn(facts, endpoint),
                "AWS::EC2::VPCEndpoint",
            );
            row.put("name", endpoint.key())
                .tagged(facts.settings, &account, endpoint.tags());
            row.put("service", short)
                .set("vpc_id", endpoint.text("vpc_id"))
                .set("endpoint_type", endpoint.text("vpc_endpoint_type"))
                .set("in_workload_vpc", here)
                .set("takes_policy", takes_policy(facts, endpoint, service))
                .set(
                    "policy_is_default",
                    document
                        .and_then(|document| {
                            found(is_full_access(&document, short, &network_context(endpoint)))
                        })
                        .map(|found| found.is_some()),
                );
            sink.push(row);
        }
    }
}
