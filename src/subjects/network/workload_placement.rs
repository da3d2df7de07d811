//! Subjects: where callers stand, and what else their VPCs must reach.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Children, Role, Row, Span, Table};
use crate::model::{Observed, merge};
use crate::network::{self, Spot};
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use crate::workloads;
use crate::workloads::Workload;
use crate::workloads::interfaces::{Placement, placement, public_address};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

/// Callers in their subnets.
pub const WORKLOAD_PLACEMENT: Table = Table {
    name: "workload_placement",
    doc: "A Bedrock caller and the subnets that it stands in.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "workload_kind",
            "`lambda`, `ecs`, `ec2`, `eks`, `sagemaker` or `agentcore`."
        )
        .from(workloads::INPUTS),
        flag(
            "in_vpc",
            "Has it interfaces in a VPC? Without one it runs in the service's own network."
        )
        .from(crate::paths::INPUTS),
        flag(
            "in_public_subnet",
            "Does the route table of one of its subnets lead to an internet gateway?"
        )
        .from(crate::paths::INPUTS),
        flag("public_address", "Does an interface get a public address?")
            .from(crate::paths::INPUTS),
        list("public_subnets", "Those subnets.").from(crate::paths::INPUTS),
        text("reason", "What decides.").from(crate::paths::INPUTS),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &WORKLOAD_PLACEMENT,
    derive: derive_placements,
    rests_on_published_data: false,
};

/// Every subnet of a workload with its place, deployment by deployment; `None` where it has none of its own.
pub(crate) fn spots(
    facts: &Facts<'_>,
    workload: &Workload<'_>,
) -> Observed<Option<BTreeMap<String, Spot>>> {
    if !workload.deployment_gaps.is_empty() {
        return Unknown(workload.deployment_gaps.clone());
    }
    let mut all = BTreeMap::new();
    let mut inside = false;
    for deployment in &workload.deployments {
        match placement(workload, deployment, facts.world) {
            Known(None) => {}
            Known(Some(Placement { vpc, subnets, .. })) => {
                inside = true;
                for subnet in subnets {
                    match Spot::find(
                        facts.world,
                        workload.account,
                        workload.region,
                        &vpc,
                        &subnet,
                    ) {
                        Known(spot) => drop(all.insert(subnet, spot)),
                        Unknown(gaps) => return Unknown(gaps),
                    }
                }
            }
            Unknown(gaps) => return Unknown(gaps),
        }
        // An instance can have more interfaces than its first.
        if deployment.network.table().name == "ec2_instance" {
            let more = interfaces(facts, deployment.network);
            if !more.gaps.is_empty() {
                return Unknown(more.gaps);
            }
            for row in more.rows {
                match row
                    .text("vpc_id")
                    .zip(row.text("subnet_id"))
                    .and_then(|(vpc, subnet)| {
                        Spot::find(facts.world, workload.account, workload.region, vpc, subnet)
                    }) {
                    Known(spot) => drop(all.insert(spot.subnet.clone(), spot)),
                    Unknown(gaps) => return Unknown(gaps),
                }
            }
        }
    }
    Known(inside.then_some(all))
}

/// The interfaces of an instance.
fn interfaces<'c>(facts: &'c Facts<'_>, instance: Row<'_>) -> Children<'c> {
    facts.world.children(
        "ec2_network_interface",
        instance.account(),
        instance.region(),
        "instance_id",
        instance.key(),
    )
}

pub(crate) fn derive_placements(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&WORKLOAD_PLACEMENT) {
        let callers = facts.workloads.all();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        for workload in callers.known(&account, &region) {
            placed(facts, sink, workload);
        }
    }
}

fn placed(facts: &Facts<'_>, sink: &mut Sink<'_>, workload: &Workload<'_>) {
    let found = spots(facts, workload);
    let inside = found.clone().map(|found| found.is_some());
    let public: Observed<Vec<(String, String)>> = found.clone().and_then(|found| {
        let mut public = Vec::new();
        let mut gaps = Vec::new();
        for (subnet, spot) in found.unwrap_or_default() {
            match network::internet_route(facts.world, &spot) {
                Known(Some((table, gateway))) => public.push((
                    subnet.clone(),
                    format!("{table} of {subnet} leads to {gateway}"),
                )),
                Known(None) => {}
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        // One is enough to know that it stands in one; which others do is not known then.
        if public.is_empty() && !gaps.is_empty() {
            Unknown(gaps)
        } else {
            Known(public)
        }
    });
    let address = Observed::any(workload.deployments.iter().map(|deployment| {
        match placement(workload, deployment, facts.world) {
            Known(None) => Known(false),
            Known(Some(_)) if deployment.network.table().name == "ec2_instance" => {
                let more = interfaces(facts, deployment.network);
                let any = Observed::any(
                    more.rows
                        .iter()
                        .map(|row| row.text("public_ip").map(|address| !address.is_empty())),
                );
                let any = if more.gaps.is_empty() {
                    any
                } else {
                    any.or(Unknown(more.gaps))
                };
                public_address(facts.world, deployment).or(any)
            }
            Known(Some(_)) => public_address(facts.world, deployment),
            Unknown(gaps) => Unknown(gaps),
        }
    }));
    let address = if workload.deployment_gaps.is_empty() {
        address
    } else {
        address.or(Unknown(workload.deployment_gaps.clone()))
    };
    let reason = public.clone().zip(address.clone()).map(|(public, address)| {
        let mut said: Vec<String> = public.into_iter().map(|(_, why)| why).collect();
        said.push(match (address, workload.kind, said.is_empty()) {
            (true, ..) => "an interface gets a public address".to_owned(),
            (false, "lambda", false) => "its interfaces get no public IPv4 address, so it is misplaced and, by IPv4, not exposed".to_owned(),
            (false, ..) => "no interface gets a public IPv4 address".to_owned(),
        });
        said.join("; ")
    });
    let mut row = sink.row(
        workload.account,
        workload.region,
        &workload.arn,
        workload.resource_type,
    );
    row.put("name", workload.name.as_str()).tagged(
        facts.settings,
        workload.account,
        workload.tags.clone(),
    );
    row.put("workload_kind", workload.kind)
        .set("in_vpc", inside)
        .set(
            "in_public_subnet",
            public.clone().map(|public| !public.is_empty()),
        )
        .set("public_address", address)
        .set(
            "public_subnets",
            public.map(|public| {
                public
                    .into_iter()
                    .map(|(subnet, _)| subnet)
                    .collect::<Vec<_>>()
            }),
        )
        .set("reason", reason);
    sink.push(row);
}
