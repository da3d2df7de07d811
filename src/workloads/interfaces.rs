//! Where the interfaces of a deployment stand, and whether they get public addresses.

use super::workload::{Deployment, Workload};
use crate::inventory::{Inputs, Lookup, Row, World};
use crate::model::{Gap, Observed};
use crate::network::Spot;
use crate::services;
use Observed::{Known, Unknown};

/// What tells the subnets of deployments besides the workloads themselves.
pub(crate) const INPUTS: Inputs = Inputs::All(&[
    services::vpc::SUBNET.list(),
    services::eks::CLUSTER.group("addons"),
    services::eks::FARGATE_PROFILE.group("detail"),
]);

/// Where a deployment's interfaces are.
pub(crate) struct Placement {
    /// VPC.
    pub vpc: String,
    /// Subnets.
    pub subnets: Vec<String>,
    /// Security groups.
    pub groups: Vec<String>,
}

/// The VPC of a workload; of its first subnet, where it does not say so itself.
pub(crate) fn vpc_of(world: &World, row: Row<'_>) -> Observed<String> {
    let own = match row.text("vpc_id") {
        Known(vpc) => return Known(vpc.to_owned()),
        Unknown(gaps) => gaps,
    };
    let subnet = match row.table().column("subnet_ids") {
        Some(_) => row
            .list("subnet_ids")
            .map(|all| all.into_iter().next().unwrap_or_default()),
        None => row.text("subnet_id").map(str::to_owned),
    };
    match subnet {
        Known(subnet) if !subnet.is_empty() => {
            match world.lookup("vpc_subnet", row.account(), row.region(), &subnet) {
                Lookup::Found(found) => found.text("vpc_id").map(str::to_owned),
                Lookup::Absent => Unknown(own),
                Lookup::Unknown(gaps) => Unknown(gaps),
            }
        }
        _ => Unknown(own),
    }
}

/// Finds the interfaces of a deployment: `None` for the service's own network.
pub(crate) fn placement(
    workload: &Workload<'_>,
    deployment: &Deployment<'_>,
    world: &World,
) -> Observed<Option<Placement>> {
    let row = deployment.network;
    match super::kind_of(row) {
        Some(kind) => (kind.placement)(world, workload, row),
        None => Observed::gap(Gap::not_understood(
            row.table().name,
            "it is not known where rows of this table stand in the network",
        )),
    }
}

/// Interfaces in these subnets; the VPC is that of the first.
pub(super) fn inside(
    world: &World,
    workload: &Workload<'_>,
    subnets: Observed<Vec<String>>,
    groups: Observed<Vec<String>>,
) -> Observed<Option<Placement>> {
    subnets.zip(groups).and_then(|(subnets, groups)| {
        let first = subnets.first().cloned().unwrap_or_default();
        match world.lookup("vpc_subnet", workload.account, workload.region, &first) {
            Lookup::Found(subnet) => subnet.text("vpc_id").map(|vpc| {
                Some(Placement {
                    vpc: vpc.to_owned(),
                    subnets,
                    groups,
                })
            }),
            Lookup::Absent => Observed::gap(Gap::not_understood(
                "vpc_subnet",
                format!(
                    "the subnet `{first}` is not in the list; it may be shared by another account"
                ),
            )),
            Lookup::Unknown(gaps) => Unknown(gaps),
        }
    })
}

/// Do the interfaces of a deployment get public addresses?
pub(crate) fn public_address(world: &World, deployment: &Deployment<'_>) -> Observed<bool> {
    match super::kind_of(deployment.network) {
        Some(kind) => (kind.public_address)(world, deployment.network),
        None => Observed::gap(Gap::not_understood(
            deployment.network.table().name,
            "it is not known whether rows of this table get public addresses",
        )),
    }
}

/// Interfaces that never get a public address: those of AWS Lambda, AgentCore and SageMaker AI.
pub(super) fn never_public(_: &World, _: Row<'_>) -> Observed<bool> {
    Known(false)
}

/// Interfaces that get one where their service asks for it.
pub(super) fn assigned_public(_: &World, row: Row<'_>) -> Observed<bool> {
    row.flag("assign_public_ip")
}

/// Have the interfaces of a deployment in a subnet IPv6 addresses?
pub(crate) fn ipv6_address(
    world: &World,
    deployment: &Deployment<'_>,
    from: &Spot,
) -> Observed<bool> {
    let row = deployment.network;
    let subnet = world.lookup("vpc_subnet", &from.account, &from.region, &from.subnet);
    let range = subnet.fact(
        || {
            Observed::gap(Gap::not_understood(
                "vpc_subnet",
                format!("the subnet `{}` is not in the list", from.subnet),
            ))
        },
        |subnet| {
            subnet
                .text("ipv6_cidr_block")
                .map(|range| !range.is_empty())
        },
    );
    range.and_then(|there| match (there, row.table().name) {
        (false, _) => Known(false),
        (true, "lambda_function") => row.flag("ipv6_allowed"),
        (true, "ec2_instance") => row.list("ipv6_addresses").map(|all| !all.is_empty()),
        (true, _) => {
            let why = format!(
                "{} has an IPv6 range; whether the interface has an address of it is not read",
                from.subnet
            );
            Observed::gap(Gap::not_understood("ipv6", why))
        }
    })
}
