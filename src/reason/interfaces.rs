//! Where the interfaces of a deployment stand, and whether they get public addresses.

use super::callers::{Deployment, Workload};
use super::network::Spot;
use super::{Context, compute};
use crate::inventory::{Lookup, Row};
use crate::model::{Gap, Observed};
use Observed::{Known, Unknown};

/// Where a deployment's interfaces are.
pub(super) struct Placement {
    /// VPC.
    pub vpc: String,
    /// Subnets.
    pub subnets: Vec<String>,
    /// Security groups.
    pub groups: Vec<String>,
}

/// The VPC of a workload; of its first subnet, where it does not say so itself.
pub(super) fn vpc_of(context: &Context<'_>, row: Row<'_>) -> Observed<String> {
    let own = match row.text("vpc_id") {
        Known(vpc) => return Known(vpc.to_owned()),
        Unknown(gaps) => gaps,
    };
    let subnet = match row.table().column("subnet_ids") {
        Some(_) => row.list("subnet_ids").map(|all| all.into_iter().next().unwrap_or_default()),
        None => row.text("subnet_id").map(str::to_owned),
    };
    match subnet {
        Known(subnet) if !subnet.is_empty() => match context.world.lookup("vpc_subnet", row.account(), row.region(), &subnet) {
            Lookup::Found(found) => found.text("vpc_id").map(str::to_owned),
            Lookup::Absent => Unknown(own),
            Lookup::Unknown(gaps) => Unknown(gaps),
        },
        _ => Unknown(own),
    }
}

/// Finds the interfaces of a deployment: `None` for the service's own network.
pub(super) fn placement(workload: &Workload<'_>, deployment: &Deployment<'_>, context: &Context<'_>) -> Observed<Option<Placement>> {
    let row = deployment.network;
    let list = |name: &str| row.list(name);
    match row.table().name {
        "lambda_function" => row.text("capacity_provider_arn").and_then(|provider| {
            if !provider.is_empty() {
                return Observed::gap(Gap::not_understood("lambda_function.capacity_provider_arn", "the network of a capacity provider is not read"));
            }
            vpc_of(context, row).and_then(|vpc| {
                if vpc.is_empty() {
                    Known(None)
                } else {
                    list("subnet_ids").zip(list("security_group_ids")).map(|(subnets, groups)| Some(Placement { vpc: vpc.to_owned(), subnets, groups }))
                }
            })
        }),
        "ec2_instance" => vpc_of(context, row).zip(row.text("subnet_id")).zip(list("security_group_ids")).map(|((vpc, subnet), groups)| {
            Some(Placement { vpc: vpc.to_owned(), subnets: vec![subnet.to_owned()], groups }).filter(|place| !place.vpc.is_empty())
        }),
        "bedrock_agentcore_runtime" => row.text("network_mode").and_then(|mode| match mode {
            "PUBLIC" => Known(None),
            "VPC" => inside(context, workload, list("subnet_ids"), list("security_group_ids")),
            mode => Observed::gap(Gap::not_understood("bedrock_agentcore_runtime.network_mode", format!("the network mode {mode} is not known"))),
        }),
        // With direct access the default route leads through an interface of the service's.
        "sagemaker_notebook_instance" => row.text("direct_internet_access").and_then(|access| match access {
            "Enabled" => Known(None),
            "Disabled" => inside(context, workload, row.text("subnet_id").map(|subnet| vec![subnet.to_owned()]), list("security_group_ids")),
            access => Observed::gap(Gap::not_understood("sagemaker_notebook_instance.direct_internet_access", format!("the access {access} is not known"))),
        }),
        "sagemaker_domain" => row.text("app_network_access_type").and_then(|access| match access {
            "VpcOnly" => inside(context, workload, list("subnet_ids"), list("security_group_ids")),
            "PublicInternetOnly" => Known(None),
            access => Observed::gap(Gap::not_understood("sagemaker_domain.app_network_access_type", format!("the access {access} is not known"))),
        }),
        "sagemaker_model" | "sagemaker_job" => list("subnet_ids")
            .and_then(|subnets| if subnets.is_empty() { Known(None) } else { inside(context, workload, Known(subnets), list("security_group_ids")) }),
        "eks_node_group" | "eks_fargate_profile" => row.text("cluster_name").and_then(|cluster| {
            compute::pods_stand_by_nodes(context, row.account(), row.region(), cluster)
                .and_then(|()| node_groups(context, row, cluster))
                .and_then(|groups| inside(context, workload, list("subnet_ids"), Known(groups)))
        }),
        "eks_cluster" | "eks_pod_identity_association" => {
            Observed::gap(Gap::not_understood("eks_cluster", format!("no node of {} is in sight, so where its pods stand cannot be told", workload.name)))
        }
        _ => list("subnet_ids").and_then(|subnets| {
            if subnets.is_empty() {
                let why = "tasks in host or bridge mode use the network of their instance, and no instance of the cluster is in sight";
                return Observed::gap(Gap::not_understood("ecs_service.subnet_ids", why));
            }
            inside(context, workload, Known(subnets), list("security_group_ids"))
        }),
    }
}

/// The security groups of nodes and pods: the cluster's own, unless a launch template says otherwise.
fn node_groups(context: &Context<'_>, row: Row<'_>, cluster: &str) -> Observed<Vec<String>> {
    if row.table().name == "eks_node_group" {
        match row.text("launch_template") {
            Known("") => {}
            Known(template) => {
                return Observed::gap(Gap::not_understood(
                    "eks_node_group.launch_template",
                    format!("the security groups of the launch template {template} are not read"),
                ));
            }
            Unknown(gaps) => return Unknown(gaps),
        }
    }
    let found = context.world.lookup("eks_cluster", row.account(), row.region(), cluster);
    found.fact(
        || Observed::gap(Gap::not_understood("eks_cluster", format!("the cluster `{cluster}` is not in the list"))),
        |cluster| {
            cluster.text("security_group_id").and_then(|group| match group {
                "" => Observed::gap(Gap::not_understood("eks_cluster.security_group_id", format!("{} tells no cluster security group", cluster.key()))),
                group => Known(vec![group.to_owned()]),
            })
        },
    )
}

/// Interfaces in these subnets; the VPC is that of the first.
fn inside(context: &Context<'_>, workload: &Workload<'_>, subnets: Observed<Vec<String>>, groups: Observed<Vec<String>>) -> Observed<Option<Placement>> {
    subnets.zip(groups).and_then(|(subnets, groups)| {
        let first = subnets.first().cloned().unwrap_or_default();
        match context.world.lookup("vpc_subnet", workload.account, workload.region, &first) {
            Lookup::Found(subnet) => subnet.text("vpc_id").map(|vpc| Some(Placement { vpc: vpc.to_owned(), subnets, groups })),
            Lookup::Absent => {
                Observed::gap(Gap::not_understood("vpc_subnet", format!("the subnet `{first}` is not in the list; it may be shared by another account")))
            }
            Lookup::Unknown(gaps) => Unknown(gaps),
        }
    })
}

/// Do the interfaces of a deployment get public addresses?
pub(super) fn public_address(context: &Context<'_>, workload: &Workload<'_>, deployment: &Deployment<'_>) -> Observed<bool> {
    let row = deployment.network;
    match row.table().name {
        "ec2_instance" => row.text("public_ip_address").zip(row.text("instance_state")).and_then(|(address, state)| match (address, state) {
            ("", "running") => Known(false),
            // A stopped instance may get one again when it starts.
            ("", state) => Observed::gap(Gap::not_understood("ec2_instance.public_ip_address", format!("the instance is {state}"))),
            _ => Known(true),
        }),
        // Without a launch template of their own nodes get what their subnets give.
        "eks_node_group" => row.text("launch_template").zip(row.list("subnet_ids")).and_then(|(template, subnets)| {
            if !template.is_empty() {
                return Observed::gap(Gap::not_understood(
                    "eks_node_group.launch_template",
                    format!("the addresses of the launch template {template} are not read"),
                ));
            }
            Observed::any(subnets.iter().map(|subnet| {
                let found = context.world.lookup("vpc_subnet", workload.account, workload.region, subnet);
                found.fact(
                    || Observed::gap(Gap::not_understood("vpc_subnet", format!("the subnet `{subnet}` is not in the list"))),
                    |subnet| subnet.flag("map_public_ip_on_launch"),
                )
            }))
        }),
        "ecs_service" | "ecs_task_set" | "eventbridge_target" => row.flag("assign_public_ip"),
        // Interfaces of Lambda, AgentCore, SageMaker and Fargate profiles never get a public address.
        _ => Known(false),
    }
}

/// Have the interfaces of a deployment in a subnet IPv6 addresses?
pub(super) fn ipv6_address(context: &Context<'_>, deployment: &Deployment<'_>, from: &Spot) -> Observed<bool> {
    let row = deployment.network;
    let subnet = context.world.lookup("vpc_subnet", &from.account, &from.region, &from.subnet);
    let range = subnet.fact(
        || Observed::gap(Gap::not_understood("vpc_subnet", format!("the subnet `{}` is not in the list", from.subnet))),
        |subnet| subnet.text("ipv6_cidr_block").map(|range| !range.is_empty()),
    );
    range.and_then(|there| match (there, row.table().name) {
        (false, _) => Known(false),
        (true, "lambda_function") => row.flag("ipv6_allowed"),
        (true, "ec2_instance") => row.list("ipv6_addresses").map(|all| !all.is_empty()),
        (true, _) => {
            let why = format!("{} has an IPv6 range; whether the interface has an address of it is not read", from.subnet);
            Observed::gap(Gap::not_understood("ipv6", why))
        }
    })
}
