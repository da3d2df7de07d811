//! Amazon ECS: services with their task sets, and the tasks that rules and schedules start.

use super::Kind;
use super::interfaces::{Placement, assigned_public, inside};
use super::workload::{Deployment, Workload, one, union};
use crate::access::Principals;
use crate::inventory::{Inputs, Lookup, Row, World};
use crate::model::{Gap, Observed, merge};
use crate::services;
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

/// How workloads of the kind are found, and where they stand.
pub(super) const KIND: Kind = Kind {
    find,
    inputs: Inputs::All(&[
        services::ecs::ECS_SERVICE.list(),
        services::ecs::TASK_DEFINITION.list(),
        services::ecs::TASK_SET.list(),
        services::ecs::CONTAINER_INSTANCE.list(),
        services::ec2::INSTANCE.list(),
        services::eventbridge::TARGET.list(),
    ]),
    tables: &["ecs_service", "ecs_task_set", "eventbridge_target"],
    placement,
    public_address: assigned_public,
};

fn find<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let gaps = services(principals, account, region, all);
    merge(gaps, scheduled(principals, account, region, all))
}

/// The task definition of a service, task set or schedule.
fn definition<'w>(world: &'w World, row: Row<'w>) -> Observed<Row<'w>> {
    row.text("task_definition_arn").and_then(|arn| {
        match world.lookup("ecs_task_definition", row.account(), row.region(), arn) {
            Lookup::Found(row) => Known(row),
            Lookup::Absent => Observed::gap(Gap::not_understood(
                "ecs_task_definition",
                format!("the task definition `{arn}` is not in the list"),
            )),
            Lookup::Unknown(gaps) => Unknown(gaps),
        }
    })
}

/// Tasks in host and bridge mode stand where the instances of their cluster do. Where none is in sight they keep their own row,
/// whose network is then not known.
fn stands<'w>(world: &'w World, network: Row<'w>) -> Vec<Row<'w>> {
    let cluster = network
        .table()
        .column("cluster_arn")
        .and_then(|_| network.text("cluster_arn").known());
    let own = || vec![network];
    let (Known(subnets), Some(cluster)) = (network.list("subnet_ids"), cluster) else {
        return own();
    };
    if !subnets.is_empty() {
        return own();
    }
    let hosts = world.children(
        "ecs_container_instance",
        network.account(),
        network.region(),
        "cluster_arn",
        cluster,
    );
    let mut found = Vec::new();
    for host in &hosts.rows {
        match host
            .text("ec2_instance_id")
            .known()
            .map(|id| world.lookup("ec2_instance", network.account(), network.region(), id))
        {
            Some(Lookup::Found(instance)) => found.push(instance),
            _ => return own(),
        }
    }
    if found.is_empty() || !hosts.gaps.is_empty() {
        own()
    } else {
        found
    }
}

/// A workload of ECS by where its tasks stand and what they run.
fn tasks<'w>(
    principals: &Principals<'w>,
    placed: &[(Row<'w>, Row<'w>)],
    workload: Workload<'w>,
) -> Workload<'w> {
    let definitions = || placed.iter().map(|(_, definition)| definition);
    Workload {
        roles: union(definitions().map(|row| one(row.text("task_role_arn")))),
        execution_roles: union(definitions().map(|row| one(row.text("execution_role_arn")))),
        log_groups: union(definitions().map(|row| {
            row.list("log_group_names")
                .map(|names| names.into_iter().collect())
        })),
        names_model: Observed::any(definitions().map(|row| row.flag("names_model"))),
        deployments: placed
            .iter()
            .flat_map(|(network, definition)| {
                stands(principals.world, *network)
                    .into_iter()
                    .map(|network| Deployment {
                        network,
                        settings: Some(*definition),
                    })
            })
            .collect(),
        ..workload
    }
    .asked(principals)
}

/// Services with their task sets, which stand beside the service or instead of it.
fn services<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let found = principals.world.all("ecs_service", account, region);
    let mut gaps = found.gaps;
    for service in found.rows {
        let sets = principals.world.children(
            "ecs_task_set",
            account,
            region,
            "service_arn",
            service.key(),
        );
        gaps = merge(gaps, sets.gaps.clone());
        let mut unseen = sets.gaps;
        let own = (service.text("task_definition_arn") != Known("")).then_some(service);
        let mut placed = Vec::new();
        for row in own.into_iter().chain(sets.rows) {
            match definition(principals.world, row) {
                Known(definition) => placed.push((row, definition)),
                Unknown(more) => {
                    unseen = merge(unseen, more.clone());
                    gaps = merge(gaps, more);
                }
            }
        }
        if !placed.is_empty() {
            let name = service.text("name").known().unwrap_or_default();
            let workload = Workload {
                tags: service.tags(),
                deployment_gaps: unseen,
                ..Workload::new("ecs", "AWS::ECS::Service", service.key(), name, service)
            };
            all.push(tasks(principals, &placed, workload));
        }
    }
    gaps
}

/// Where tasks stand with what they run, and what hides more of both.
type Placed<'w> = (Vec<(Row<'w>, Row<'w>)>, Vec<Gap>);

/// Tasks that rules and schedules start.
fn scheduled<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let found = principals.world.all("eventbridge_target", account, region);
    let mut gaps = found.gaps;
    let mut by: BTreeMap<&str, Placed<'w>> = BTreeMap::new();
    for row in found.rows.into_iter().filter(|row| {
        row.text("task_definition_arn") != Known("") && !row.flag("enabled").is_false()
    }) {
        let (placed, unseen) = by
            .entry(row.key().split('|').next().unwrap_or_default())
            .or_default();
        match definition(principals.world, row) {
            Known(definition) => placed.push((row, definition)),
            Unknown(more) => {
                *unseen = merge(std::mem::take(unseen), more.clone());
                gaps = merge(gaps, more);
            }
        }
    }
    for (arn, (placed, unseen)) in by.into_iter().filter(|(_, (placed, _))| !placed.is_empty()) {
        let first = placed[0].0;
        let resource_type = if arn.contains(":scheduler:") {
            "AWS::Scheduler::Schedule"
        } else {
            "AWS::Events::Rule"
        };
        let workload = Workload {
            deployment_gaps: unseen,
            ..Workload::new(
                "ecs",
                resource_type,
                arn,
                first.text("name").known().unwrap_or_default(),
                first,
            )
        };
        all.push(tasks(principals, &placed, workload));
    }
    gaps
}

fn placement(world: &World, workload: &Workload<'_>, row: Row<'_>) -> Observed<Option<Placement>> {
    row.list("subnet_ids").and_then(|subnets| {
        if subnets.is_empty() {
            let why = "tasks in host or bridge mode use the network of their instance, and no instance of the cluster is in sight";
            return Observed::gap(Gap::not_understood("ecs_service.subnet_ids", why));
        }
        inside(world, workload, Known(subnets), row.list("security_group_ids"))
    })
}
