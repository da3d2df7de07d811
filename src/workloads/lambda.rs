//! Functions of AWS Lambda: the versions of one function are one workload.

use super::Kind;
use super::interfaces::{Placement, never_public, vpc_of};
use super::workload::{Deployment, Workload, one, union};
use crate::access::Principals;
use crate::inventory::{Inputs, Row, World};
use crate::model::{Arn, Gap, Observed, merge};
use crate::services;
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

/// How workloads of the kind are found, and where they stand.
pub(super) const KIND: Kind = Kind {
    find,
    inputs: Inputs::All(&[services::lambda::FUNCTION.list()]),
    tables: &["lambda_function"],
    placement,
    public_address: never_public,
};

fn find<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let world = principals.world;
    let found = world.all("lambda_function", account, region);
    let mut gaps = found.gaps;
    let mut by_function: BTreeMap<&'w str, Vec<Row<'w>>> = BTreeMap::new();
    for row in found.rows {
        match row.text("function_arn") {
            Known(arn) => by_function.entry(arn).or_default().push(row),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    for (arn, rows) in by_function {
        let first = rows[0];
        let latest = rows
            .iter()
            .find(|row| row.text("version") == Known("$LATEST"))
            .copied()
            .unwrap_or(first);
        let roles = union(rows.iter().map(|row| one(row.text("role_arn"))));
        let name = latest
            .text("name")
            .known()
            .unwrap_or_else(|| Arn::parse(arn).map_or("", |arn| arn.name()));
        let workload = Workload {
            roles,
            log_groups: union(rows.iter().map(|row| one(row.text("log_group_name")))),
            tags: latest.tags(),
            names_model: Observed::any(rows.iter().map(|row| row.flag("names_model"))),
            deployments: rows
                .into_iter()
                .map(|row| Deployment {
                    network: row,
                    settings: Some(row),
                })
                .collect(),
            ..Workload::new("lambda", "AWS::Lambda::Function", arn, name, first)
        };
        all.push(workload.asked(principals));
    }
    gaps
}

fn placement(world: &World, _: &Workload<'_>, row: Row<'_>) -> Observed<Option<Placement>> {
    let provider = match row.text("capacity_provider_arn") {
        Known(provider) => provider,
        Unknown(gaps) => return Unknown(gaps),
    };
    if !provider.is_empty() {
        return Observed::gap(Gap::not_understood(
            "lambda_function.capacity_provider_arn",
            "the network of a capacity provider is not read",
        ));
    }
    vpc_of(world, row).and_then(|vpc| {
        if vpc.is_empty() {
            return Known(None);
        }
        row.list("subnet_ids")
            .zip(row.list("security_group_ids"))
            .map(|(subnets, groups)| {
                Some(Placement {
                    vpc,
                    subnets,
                    groups,
                })
            })
    })
}
