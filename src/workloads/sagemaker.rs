//! Amazon SageMaker AI: notebooks, domains, endpoints and jobs.

use super::Kind;
use super::interfaces::{Placement, inside, never_public};
use super::workload::{Deployment, Workload, one, union};
use crate::access::Principals;
use crate::inventory::{Inputs, Lookup, Row, World};
use crate::model::{Gap, Observed, merge};
use crate::services;
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

/// How workloads of the kind are found, and where they stand.
pub(super) const KIND: Kind = Kind {
    find,
    inputs: Inputs::All(&[
        services::sagemaker::NOTEBOOK.list(),
        services::sagemaker::NOTEBOOK.group("detail"),
        services::sagemaker::DOMAIN.list(),
        services::sagemaker::DOMAIN.group("detail"),
        services::sagemaker::USER_PROFILE.list(),
        services::sagemaker::USER_PROFILE.group("detail"),
        services::sagemaker::MODEL.list(),
        services::sagemaker::MODEL.group("detail"),
        services::sagemaker::ENDPOINT.list(),
        services::sagemaker::ENDPOINT.group("detail"),
        services::sagemaker::ENDPOINT_CONFIG.list(),
        services::sagemaker::ENDPOINT_CONFIG.group("detail"),
        services::sagemaker::JOB.list(),
        services::sagemaker::JOB.group("detail"),
    ]),
    tables: &[
        "sagemaker_notebook_instance",
        "sagemaker_domain",
        "sagemaker_model",
        "sagemaker_job",
    ],
    placement,
    public_address: never_public,
};

/// Notebooks, domains, endpoints and jobs.
fn find<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (table, resource_type) in [
        (
            "sagemaker_notebook_instance",
            "AWS::SageMaker::NotebookInstance",
        ),
        ("sagemaker_domain", "AWS::SageMaker::Domain"),
    ] {
        let found = principals.world.all(table, account, region);
        gaps = merge(gaps, found.gaps);
        for row in found.rows {
            let arn = match row.text("arn") {
                Known(arn) => arn,
                Unknown(more) => {
                    gaps = merge(gaps, more);
                    continue;
                }
            };
            let workload = Workload {
                roles: roles_of(principals.world, row),
                deployments: vec![Deployment {
                    network: row,
                    settings: None,
                }],
                ..Workload::new(
                    "sagemaker",
                    resource_type,
                    arn,
                    row.text("name").known().unwrap_or_default(),
                    row,
                )
            };
            all.push(workload.asked(principals));
        }
    }
    gaps = merge(gaps, endpoints(principals, account, region, all));
    merge(gaps, jobs(principals, account, region, all))
}

/// The role of a notebook; of a domain also those of its spaces and profiles.
fn roles_of(world: &World, row: Row<'_>) -> Observed<BTreeSet<String>> {
    let own = one(row.text("role_arn"));
    if row.table().name != "sagemaker_domain" {
        return own;
    }
    let profiles = world.children(
        "sagemaker_user_profile",
        row.account(),
        row.region(),
        "domain_id",
        row.key(),
    );
    let hidden = if profiles.gaps.is_empty() {
        Known(BTreeSet::new())
    } else {
        Unknown(profiles.gaps)
    };
    let spaces = one(row.text("space_role_arn"));
    union(
        [own, spaces, hidden].into_iter().chain(
            profiles
                .rows
                .into_iter()
                .map(|profile| one(profile.text("role_arn"))),
        ),
    )
}

/// A workload whose containers are rows with settings of their own. Isolated ones call nobody.
fn contained<'w>(
    principals: &Principals<'w>,
    rows: Vec<Row<'w>>,
    workload: Workload<'w>,
) -> Workload<'w> {
    let isolated = Observed::all(rows.iter().map(|row| row.flag("enable_network_isolation")));
    let workload = Workload {
        roles: union(rows.iter().map(|row| one(row.text("role_arn")))),
        names_model: Observed::any(rows.iter().map(|row| row.flag("names_model"))),
        deployments: rows
            .into_iter()
            .filter(|row| !row.flag("enable_network_isolation").is_true())
            .map(|row| Deployment {
                network: row,
                settings: Some(row),
            })
            .collect(),
        ..workload
    };
    match isolated {
        Known(true) => workload,
        Known(false) => workload.asked(principals),
        Unknown(gaps) => {
            let mut workload = workload.asked(principals);
            // Isolated, it calls nothing.
            for family in std::mem::take(&mut workload.families.known) {
                workload.families.doubt(family, &gaps);
            }
            workload
        }
    }
}

fn endpoints<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let world = principals.world;
    let found = world.all("sagemaker_endpoint", account, region);
    let mut gaps = found.gaps;
    for row in found.rows {
        let models = row.text("endpoint_config_name").and_then(|name| {
            match world.lookup("sagemaker_endpoint_configuration", account, region, name) {
                Lookup::Found(config) => config
                    .list("model_names")
                    .zip(config.flag("has_inference_components")),
                Lookup::Absent => Observed::gap(Gap::not_understood(
                    "sagemaker_endpoint_configuration",
                    format!("the configuration `{name}` is not in the list"),
                )),
                Lookup::Unknown(gaps) => Unknown(gaps),
            }
        });
        let ((models, components), arn) = match models.zip(row.text("arn")) {
            Known(told) => told,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        let mut unseen = Vec::new();
        if components {
            let why = format!(
                "a variant of {} takes its models from inference components, which are not read",
                row.key()
            );
            unseen.push(Gap::not_understood(
                "sagemaker_endpoint_configuration.has_inference_components",
                why,
            ));
        }
        let mut rows = Vec::new();
        for model in models {
            match world.lookup("sagemaker_model", account, region, &model) {
                Lookup::Found(found) => rows.push(found),
                Lookup::Absent => {
                    unseen = merge(
                        unseen,
                        vec![Gap::not_understood(
                            "sagemaker_model",
                            format!("the model `{model}` is not in the list"),
                        )],
                    )
                }
                Lookup::Unknown(more) => unseen = merge(unseen, more),
            }
        }
        gaps = merge(gaps, unseen.clone());
        if !rows.is_empty() {
            let workload = Workload {
                deployment_gaps: unseen,
                ..Workload::new("sagemaker", "AWS::SageMaker::Endpoint", arn, row.key(), row)
            };
            all.push(contained(principals, rows, workload));
        }
    }
    gaps
}

/// Jobs of one kind under one role are runs of one workload.
fn jobs<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let found = principals.world.all("sagemaker_job", account, region);
    let mut gaps = found.gaps;
    let mut by: BTreeMap<(&str, &str), Vec<(Row<'w>, Row<'w>)>> = BTreeMap::new();
    for row in found.rows {
        // A transform job runs a model, with the model's role and network.
        let runs = row.text("model_name").and_then(|model| {
            match principals
                .world
                .lookup("sagemaker_model", account, region, model)
            {
                _ if model.is_empty() => Known(row),
                Lookup::Found(model) => Known(model),
                Lookup::Absent => Observed::gap(Gap::not_understood(
                    "sagemaker_model",
                    format!("the model `{model}` is not in the list"),
                )),
                Lookup::Unknown(gaps) => Unknown(gaps),
            }
        });
        match row.text("kind").zip(runs).and_then(|(kind, runs)| {
            runs.text("role_arn")
                .map(|role| ((kind, role), (row, runs)))
        }) {
            Known((key, job)) => by.entry(key).or_default().push(job),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    for ((kind, _), rows) in by {
        let first = rows[0].0;
        let resource_type = match kind {
            "training" => "AWS::SageMaker::TrainingJob",
            "transform" => "AWS::SageMaker::TransformJob",
            _ => "AWS::SageMaker::ProcessingJob",
        };
        let name = format!(
            "{} and {} more {kind} jobs of its role",
            first.text("name").known().unwrap_or_default(),
            rows.len() - 1
        );
        let name = if rows.len() == 1 {
            first.text("name").known().unwrap_or_default().to_owned()
        } else {
            name
        };
        let rows = rows.into_iter().map(|(_, runs)| runs).collect();
        all.push(contained(
            principals,
            rows,
            Workload::new("sagemaker", resource_type, first.key(), name, first),
        ));
    }
    gaps
}

fn placement(world: &World, workload: &Workload<'_>, row: Row<'_>) -> Observed<Option<Placement>> {
    let subnets = || row.list("subnet_ids");
    let groups = || row.list("security_group_ids");
    match row.table().name {
        // With direct access the default route leads through an interface of the service's.
        "sagemaker_notebook_instance" => {
            row.text("direct_internet_access")
                .and_then(|access| match access {
                    "Enabled" => Known(None),
                    "Disabled" => inside(
                        world,
                        workload,
                        row.text("subnet_id").map(|subnet| vec![subnet.to_owned()]),
                        groups(),
                    ),
                    access => Observed::gap(Gap::not_understood(
                        "sagemaker_notebook_instance.direct_internet_access",
                        format!("the access {access} is not known"),
                    )),
                })
        }
        "sagemaker_domain" => row
            .text("app_network_access_type")
            .and_then(|access| match access {
                "VpcOnly" => inside(world, workload, subnets(), groups()),
                "PublicInternetOnly" => Known(None),
                access => Observed::gap(Gap::not_understood(
                    "sagemaker_domain.app_network_access_type",
                    format!("the access {access} is not known"),
                )),
            }),
        _ => subnets().and_then(|subnets| {
            if subnets.is_empty() {
                Known(None)
            } else {
                inside(world, workload, Known(subnets), groups())
            }
        }),
    }
}
