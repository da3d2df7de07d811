//! The calls.

use crate::client;
use crate::inventory::{NewRow, Status};
use crate::services::collect::{Batch, Listing, Place, tags};
use crate::services::environment::{self, Owner, Settings};
use crate::services::failure::Failure;
use aws_sdk_ecs::types::{NetworkConfiguration, ServiceField, TaskDefinition};
use std::collections::{BTreeMap, BTreeSet};

fn network(row: &mut NewRow, network: Option<&NetworkConfiguration>) {
    let network = network.and_then(|network| network.awsvpc_configuration());
    row.put(
        "subnet_ids",
        network
            .map(|network| network.subnets().to_vec())
            .unwrap_or_default(),
    );
    row.put(
        "security_group_ids",
        network
            .map(|network| network.security_groups().to_vec())
            .unwrap_or_default(),
    );
    row.put(
        "assign_public_ip",
        network
            .and_then(|network| network.assign_public_ip())
            .is_some_and(|assign| assign.as_str() == "ENABLED"),
    );
}

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ecs, place);
    let clusters = place
        .pages(
            "ecs:ListClusters",
            |token| client.list_clusters().set_next_token(token).send(),
            |answer| (answer.cluster_arns.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    if place.wants("ecs_container_instance", "list") {
        instances(place, &client, &clusters, &mut batch).await;
    }
    let mut flaw: Option<(String, Failure)> = clusters
        .failure
        .clone()
        .map(|failure| ("clusters".to_owned(), failure));
    let mut services = Vec::new();
    let (mut pages, started) = (0, crate::services::collect::now());
    for cluster in &clusters.items {
        let listing = place
            .pages(
                "ecs:ListServices",
                |token| {
                    client
                        .list_services()
                        .cluster(cluster)
                        .max_results(100)
                        .set_next_token(token)
                        .send()
                },
                |answer| (answer.service_arns.unwrap_or_default(), answer.next_token),
            )
            .await;
        if let Some(failure) = listing.failure {
            flaw = Some((format!("services of {cluster}"), failure));
        }
        // DescribeServices takes ten at a time.
        for arns in listing.items.chunks(10) {
            pages += 1;
            match place
                .call("ecs:DescribeServices", || {
                    client
                        .describe_services()
                        .cluster(cluster)
                        .set_services(Some(arns.to_vec()))
                        .include(ServiceField::Tags)
                        .send()
                })
                .await
            {
                Ok(answer) => {
                    if let Some(missing) = answer.failures().first() {
                        flaw = Some((
                            format!("services of {cluster}"),
                            Failure {
                                status: Status::Partial,
                                code: missing.reason().unwrap_or("failure").to_owned(),
                                message: missing.arn().unwrap_or_default().to_owned(),
                            },
                        ));
                    }
                    services.extend(answer.services.unwrap_or_default());
                }
                Err(failure) => flaw = Some((format!("services of {cluster}"), failure)),
            }
        }
    }
    let sets: Vec<_> = services
        .iter()
        .flat_map(|service| service.task_sets())
        .collect();
    for (table, rows) in [
        ("ecs_service", services.len()),
        ("ecs_task_set", sets.len()),
    ] {
        let mut line = place.line(table, "list", Status::Complete);
        line.pages = pages;
        line.rows = rows as u64;
        line.started_at.clone_from(&started);
        batch.coverage.push(line);
        if let Some((what, failure)) = &flaw {
            batch.part_failed(table, what, failure);
        }
    }
    for service in &services {
        let pairs = service.tags().iter().map(|tag| {
            (
                tag.key().unwrap_or_default().to_owned(),
                tag.value().unwrap_or_default().to_owned(),
            )
        });
        let mut row = place
            .row("ecs_service")
            .set("arn", service.service_arn())
            .set("name", service.service_name())
            .set("cluster_arn", service.cluster_arn())
            .set(
                "task_definition_arn",
                service.task_definition().unwrap_or_default(),
            )
            .set("tags", tags(pairs));
        network(&mut row, service.network_configuration());
        batch.rows.push(row);
    }
    for set in &sets {
        let mut row = place
            .row("ecs_task_set")
            .set("arn", set.task_set_arn())
            .set("service_arn", set.service_arn())
            .set("cluster_arn", set.cluster_arn())
            .set("task_definition_arn", set.task_definition());
        network(&mut row, set.network_configuration());
        batch.rows.push(row);
    }
    let mut used: BTreeSet<String> = services
        .iter()
        .filter_map(|service| service.task_definition().map(str::to_owned))
        .collect();
    used.extend(
        sets.iter()
            .filter_map(|set| set.task_definition().map(str::to_owned)),
    );
    let mut scheduled = Batch::default();
    if place.wants("eventbridge_target", "list") {
        scheduled = crate::services::eventbridge::live::collect(place).await;
        used.extend(
            scheduled
                .rows
                .iter()
                .map(definition_of)
                .filter(|arn| !arn.is_empty()),
        );
        let cut = scheduled
            .coverage
            .iter()
            .find(|line| line.status != Status::Complete);
        flaw = flaw.or(cut.map(|line| {
            (
                "rules and schedules".to_owned(),
                Failure {
                    status: line.status,
                    code: line.detail.clone(),
                    message: String::new(),
                },
            )
        }));
    }
    let settled = definitions(place, &client, &mut batch, &used, flaw).await;
    // A target may name a family, which stands for its newest revision.
    for row in &mut scheduled.rows {
        if let Some(arn) = settled.get(&definition_of(row)) {
            row.put("task_definition_arn", arn.as_str());
        }
    }
    batch.rows.extend(scheduled.rows);
    batch.coverage.extend(scheduled.coverage);
    batch
}

fn definition_of(row: &NewRow) -> String {
    row.cells
        .iter()
        .find(|(column, _)| *column == "task_definition_arn")
        .map(|(_, value)| value.display().into_owned())
        .unwrap_or_default()
}

/// The instances of every cluster.
async fn instances(
    place: &Place<'_>,
    client: &aws_sdk_ecs::Client,
    clusters: &Listing<String>,
    batch: &mut Batch,
) {
    let found = place
        .each(clusters, String::clone, |index| {
            let cluster = clusters.items[index].as_str();
            place.pages(
                "ecs:ListContainerInstances",
                move |token| {
                    client
                        .list_container_instances()
                        .cluster(cluster)
                        .set_next_token(token)
                        .send()
                },
                |answer| {
                    (
                        answer.container_instance_arns.unwrap_or_default(),
                        answer.next_token,
                    )
                },
            )
        })
        .await;
    batch.listed(place, "ecs_container_instance", &found);
    for (index, cluster) in clusters.items.iter().enumerate() {
        let arns: Vec<String> = found
            .items
            .iter()
            .filter(|(of, _)| *of == index)
            .map(|(_, arn)| arn.clone())
            .collect();
        // DescribeContainerInstances takes a hundred at a time.
        for arns in arns.chunks(100) {
            let asked = place
                .call("ecs:DescribeContainerInstances", || {
                    client
                        .describe_container_instances()
                        .cluster(cluster)
                        .set_container_instances(Some(arns.to_vec()))
                        .send()
                })
                .await;
            match asked {
                Ok(answer) => {
                    batch
                        .rows
                        .extend(answer.container_instances().iter().map(|instance| {
                            place
                                .row("ecs_container_instance")
                                .set("arn", instance.container_instance_arn())
                                .set("cluster_arn", cluster.as_str())
                                .set(
                                    "ec2_instance_id",
                                    instance.ec2_instance_id().unwrap_or_default(),
                                )
                        }))
                }
                Err(failure) => batch.part_failed(
                    "ecs_container_instance",
                    &format!("instances of {cluster}"),
                    &failure,
                ),
            }
        }
    }
    batch.count("ecs_container_instance");
}

/// Describes task definitions; gives the ARN of each by what it was asked by.
async fn definitions(
    place: &Place<'_>,
    client: &aws_sdk_ecs::Client,
    batch: &mut Batch,
    used: &BTreeSet<String>,
    mut flaw: Option<(String, Failure)>,
) -> BTreeMap<String, String> {
    let started = crate::services::collect::now();
    let mut found: BTreeMap<String, TaskDefinition> = BTreeMap::new();
    let mut settled = BTreeMap::new();
    for asked in used {
        match place
            .call("ecs:DescribeTaskDefinition", || {
                client
                    .describe_task_definition()
                    .task_definition(asked)
                    .send()
            })
            .await
        {
            Ok(answer) => {
                if let Some(definition) = answer.task_definition {
                    let arn = definition
                        .task_definition_arn()
                        .unwrap_or_default()
                        .to_owned();
                    settled.insert(asked.clone(), arn.clone());
                    found.insert(arn, definition);
                }
            }
            Err(failure) => flaw = Some((asked.clone(), failure)),
        }
    }
    for table in ["ecs_task_definition", "ecs_environment_variable"] {
        let mut line = place.line(table, "list", Status::Complete);
        line.pages = used.len() as u64;
        line.rows = found.len() as u64;
        line.started_at.clone_from(&started);
        batch.coverage.push(line);
        if let Some((what, failure)) = &flaw {
            batch.part_failed(table, what, failure);
        }
    }
    for definition in found.values() {
        definition_rows(place, batch, definition);
    }
    batch.count("ecs_environment_variable");
    settled
}

fn definition_rows(place: &Place<'_>, batch: &mut Batch, definition: &TaskDefinition) {
    let arn = definition.task_definition_arn().unwrap_or_default();
    let mut settings = Settings::default();
    let mut groups = BTreeSet::new();
    let mut files = BTreeSet::new();
    for container in definition.container_definitions() {
        let owner = Owner {
            table: "ecs_environment_variable",
            account_id: place.account,
            region: place.region,
            arn,
            container: container.name().unwrap_or_default(),
        };
        let variables = container.environment().iter().map(|pair| {
            (
                pair.name().unwrap_or_default(),
                pair.value().unwrap_or_default(),
            )
        });
        batch.rows.extend(environment::look(
            owner,
            variables,
            place.prints,
            &mut settings,
        ));
        batch.rows.extend(
            container
                .secrets()
                .iter()
                .map(|secret| owner.reference(secret.name())),
        );
        files.extend(
            container
                .environment_files()
                .iter()
                .map(|file| file.value().to_owned()),
        );
        let log = container
            .log_configuration()
            .filter(|log| log.log_driver().as_str() == "awslogs");
        groups.extend(
            log.and_then(|log| log.options())
                .and_then(|options| options.get("awslogs-group"))
                .cloned(),
        );
    }
    let mut row = place
        .row("ecs_task_definition")
        .set("arn", arn)
        .set("family", definition.family())
        .set(
            "task_role_arn",
            definition.task_role_arn().unwrap_or_default(),
        )
        .set(
            "execution_role_arn",
            definition.execution_role_arn().unwrap_or_default(),
        )
        .set(
            "network_mode",
            definition
                .network_mode()
                .map_or("bridge", |mode| mode.as_str()),
        )
        .set("log_group_names", groups.into_iter().collect::<Vec<_>>())
        .set("environment_files", files.into_iter().collect::<Vec<_>>());
    // Files and references may hold what steers the calls; then it is not known.
    let hidden = definition.container_definitions().iter().any(|container| {
        !container.environment_files().is_empty()
            || container
                .secrets()
                .iter()
                .any(|secret| environment::steers(secret.name()))
    });
    if !hidden {
        settings.fill(&mut row);
    }
    batch.rows.push(row);
}
