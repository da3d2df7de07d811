//! Instances of Amazon EC2 with a role; those of one Auto Scaling group are one workload.

use super::Kind;
use super::interfaces::{Placement, vpc_of};
use super::workload::{Deployment, Workload, union};
use crate::access::Principals;
use crate::inventory::{Inputs, Lookup, Row, World};
use crate::model::{GLOBAL, Gap, Observed, merge};
use crate::services;
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

/// How workloads of the kind are found, and where they stand.
pub(super) const KIND: Kind = Kind {
    find,
    inputs: Inputs::All(&[
        services::ec2::INSTANCE.list(),
        services::eks::NODEGROUP.list(),
        services::iam::ROLE.list(),
    ]),
    tables: &["ec2_instance"],
    placement,
    public_address,
};

/// The role of an instance profile.
fn role_of_profile(world: &World, account: &str, profile: &str) -> Observed<BTreeSet<String>> {
    let found = world.all("iam_role", account, GLOBAL);
    let mut gaps = found.gaps;
    for role in found.rows {
        match role.list("instance_profile_arns") {
            Known(profiles) if profiles.iter().any(|arn| arn == profile) => {
                return Known(BTreeSet::from([role.key().to_owned()]));
            }
            Known(_) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    if gaps.is_empty() {
        Known(BTreeSet::new())
    } else {
        Unknown(gaps)
    }
}

/// Instances with a role; those of one Auto Scaling group are one workload.
fn find<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let found = principals.world.all("ec2_instance", account, region);
    let mut gaps = found.gaps;
    let mut groups: BTreeMap<String, Workload<'w>> = BTreeMap::new();
    for row in found.rows {
        let arn = format!(
            "arn:{}:ec2:{region}:{account}:instance/{}",
            principals.world.run.partition,
            row.key()
        );
        let profile = match row.text("iam_instance_profile_arn") {
            Known("") => continue,
            Known(profile) => profile,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        // Whether it is one of a group its tags tell.
        let tags = match row.tags() {
            Known(tags) => tags,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        let tag = |name: &str| tags.get(name).cloned();
        // Nodes of a managed group are told by the group.
        if let (Some(cluster), Some(group)) = (tag("eks:cluster-name"), tag("eks:nodegroup-name"))
            && matches!(
                principals.world.lookup(
                    "eks_node_group",
                    account,
                    region,
                    &format!("{cluster}/{group}")
                ),
                Lookup::Found(_)
            )
        {
            continue;
        }
        let member = tag("aws:autoscaling:groupName");
        // The number in the group's ARN is not known; its name is unique in account and Region.
        let arn = member.as_ref().map_or(arn, |name| {
            format!("arn:{}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{name}", principals.world.run.partition)
        });
        let deployment = Deployment {
            network: row,
            settings: None,
        };
        let roles = role_of_profile(principals.world, account, profile);
        if let Some(known) = groups.get_mut(&arn) {
            known.deployments.push(deployment);
            known.roles = union([known.roles.clone(), roles]);
            continue;
        }
        let resource_type = if member.is_some() {
            "AWS::AutoScaling::AutoScalingGroup"
        } else {
            "AWS::EC2::Instance"
        };
        let name = member
            .or_else(|| tag("Name"))
            .unwrap_or_else(|| row.key().to_owned());
        let workload = Workload {
            roles,
            deployments: vec![deployment],
            tags: Known(tags),
            ..Workload::new("ec2", resource_type, arn.as_str(), name, row)
        };
        groups.insert(arn, workload);
    }
    all.extend(
        groups
            .into_values()
            .map(|workload| workload.asked(principals)),
    );
    gaps
}

fn placement(world: &World, _: &Workload<'_>, row: Row<'_>) -> Observed<Option<Placement>> {
    vpc_of(world, row)
        .zip(row.text("subnet_id"))
        .zip(row.list("security_group_ids"))
        .map(|((vpc, subnet), groups)| {
            Some(Placement {
                vpc,
                subnets: vec![subnet.to_owned()],
                groups,
            })
            .filter(|place| !place.vpc.is_empty())
        })
}

fn public_address(_: &World, row: Row<'_>) -> Observed<bool> {
    row.text("public_ip_address")
        .zip(row.text("instance_state"))
        .and_then(|(address, state)| match (address, state) {
            ("", "running") => Known(false),
            // A stopped instance may get one again when it starts.
            ("", state) => Observed::gap(Gap::not_understood(
                "ec2_instance.public_ip_address",
                format!("the instance is {state}"),
            )),
            _ => Known(true),
        })
}
