//! Runtimes of Amazon Bedrock AgentCore: the customer's code, which calls with the role of the runtime.

use super::Kind;
use super::interfaces::{Placement, inside, never_public};
use super::workload::{Deployment, Workload, one};
use crate::access::Principals;
use crate::inventory::{Inputs, Row, World};
use crate::model::{Gap, Observed};
use crate::services;
use Observed::Known;

/// How workloads of the kind are found, and where they stand.
pub(super) const KIND: Kind = Kind {
    find,
    inputs: Inputs::All(&[
        services::agentcore::RUNTIME.list(),
        services::agentcore::RUNTIME.group("detail"),
    ]),
    tables: &["bedrock_agentcore_runtime"],
    placement,
    public_address: never_public,
};

fn find<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let found = principals
        .world
        .all("bedrock_agentcore_runtime", account, region);
    for row in found.rows {
        let workload = Workload {
            roles: one(row.text("role_arn")),
            deployments: vec![Deployment {
                network: row,
                settings: Some(row),
            }],
            names_model: row.flag("names_model"),
            ..Workload::new(
                "agentcore",
                "AWS::BedrockAgentCore::Runtime",
                row.key(),
                row.text("name").known().unwrap_or_default(),
                row,
            )
        };
        all.push(workload.asked(principals));
    }
    found.gaps
}

fn placement(world: &World, workload: &Workload<'_>, row: Row<'_>) -> Observed<Option<Placement>> {
    row.text("network_mode").and_then(|mode| match mode {
        "PUBLIC" => Known(None),
        "VPC" => inside(
            world,
            workload,
            row.list("subnet_ids"),
            row.list("security_group_ids"),
        ),
        mode => Observed::gap(Gap::not_understood(
            "bedrock_agentcore_runtime.network_mode",
            format!("the network mode {mode} is not known"),
        )),
    })
}
