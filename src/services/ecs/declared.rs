//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Draft, Later, Node, Rows, Spelling, Told};
use crate::services::environment::Owner;
use std::collections::BTreeSet;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_ecs_service", "AWS::ECS::Service"],
        map: service,
    },
    Spelling {
        kinds: &["aws_ecs_task_set", "AWS::ECS::TaskSet"],
        map: task_set,
    },
    Spelling {
        kinds: &["aws_ecs_task_definition", "AWS::ECS::TaskDefinition"],
        map: definition,
    },
];

fn service(by: &Declared, rows: &mut Rows) {
    let row = rows.row("ecs_service", by, arn(by));
    row.put("name", name(by))
        .set("cluster_arn", by.at("cluster").id().or("default"))
        .set(
            "task_definition_arn",
            by.at("task_definition")
                .id()
                .map(|text| definition_arn(by, &text))
                .or(""),
        )
        .set("tags", by.tags());
    network(&by.values, row);
}

fn task_set(by: &Declared, rows: &mut Rows) {
    let row = rows.row("ecs_task_set", by, by.id());
    row.set("service_arn", by.at("service").id())
        .set("cluster_arn", by.at("cluster").id().or("default"))
        .set(
            "task_definition_arn",
            by.at("task_definition")
                .id()
                .map(|text| definition_arn(by, &text)),
        );
    network(&by.values, row);
}

/// Subnets, groups and addresses of tasks, by what holds their `network_configuration`.
pub(in crate::services) fn network(by: &Node, row: &mut Draft) {
    let network = by.at("network_configuration.awsvpc_configuration|network_configuration.aws_vpc_configuration|network_configuration");
    let public = match network.at("assign_public_ip").text() {
        Told::Known(text) => {
            Told::Known(text.eq_ignore_ascii_case("enabled") || text.eq_ignore_ascii_case("true"))
        }
        Told::Absent => Told::Known(false),
        Told::Unknown(later) => Told::Unknown(later),
    };
    row.set("subnet_ids", network.at("subnets").ids().or(Vec::new()))
        .set(
            "security_group_ids",
            network.at("security_groups").ids().or(Vec::new()),
        )
        .set("assign_public_ip", public);
}

/// A family, or an ARN without a revision, stands for the newest one: the one that the file makes.
pub(in crate::services) fn definition_arn(by: &Declared, text: &str) -> String {
    let arn = if text.starts_with("arn:") {
        text.to_owned()
    } else {
        by.arn_of("ecs", &format!("task-definition/{text}"))
    };
    let named = arn.rsplit('/').next().unwrap_or_default();
    if named.contains(':') {
        arn
    } else {
        format!("{arn}:new")
    }
}

fn definition(by: &Declared, rows: &mut Rows) {
    let key = arn(by);
    // Terraform holds the containers as JSON text.
    let marked = matches!(by.at("container_definitions"), Node::Secret(_));
    let parsed = match by.at("container_definitions") {
        Node::Text(text) | Node::Secret(text) => serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .map(|json| Node::from(&json)),
        _ => None,
    };
    let containers = parsed
        .as_ref()
        .unwrap_or_else(|| by.at("container_definitions"));
    let (mut groups, mut files, mut owners) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for container in containers.items() {
        let container_name = container.at("name").text().known().unwrap_or_default();
        let pairs = |path: &str| -> Vec<(String, Node)> {
            let value = |item: &Node| match item.at("value") {
                Node::Absent => Node::Text(String::new()),
                // Terraform marks the whole text where one value in it is sensitive.
                Node::Text(text) if marked => Node::Secret(text.clone()),
                known => known.clone(),
            };
            container
                .at(path)
                .items()
                .iter()
                .filter_map(|item| {
                    item.at("name")
                        .text()
                        .known()
                        .map(|name| (name, value(item)))
                })
                .collect()
        };
        let log = container.at("log_configuration");
        if log.at("log_driver").text() == Told::Known("awslogs".to_owned())
            && let Node::Map(options) = log.at("options")
        {
            groups.extend(
                options
                    .iter()
                    .filter(|(key, _)| key == "awslogs-group")
                    .filter_map(|(_, value)| value.id().known()),
            );
        }
        files.extend(
            container
                .at("environment_files")
                .items()
                .iter()
                .filter_map(|file| file.at("value").text().known()),
        );
        owners.push((
            container_name,
            pairs("environment"),
            pairs("secrets")
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>(),
        ));
    }
    rows.row("ecs_task_definition", by, key.as_str())
        .put("family", name(by))
        .set("task_role_arn", by.role("task_role_arn").or(""))
        .set("execution_role_arn", by.role("execution_role_arn").or(""))
        .set("network_mode", by.at("network_mode").text().or("bridge"))
        .put("log_group_names", groups.into_iter().collect::<Vec<_>>())
        .put("environment_files", files.into_iter().collect::<Vec<_>>());
    let unread = match containers {
        Node::Unknown(later) => Some(later.clone()),
        Node::Text(_) | Node::Secret(_) => Some(Later {
            why: "the containers are a text that is no list".to_owned(),
            ..Later::default()
        }),
        _ => None,
    };
    if let Some(later) = unread {
        rows.unsettled("ecs_task_definition", by, &key, &later);
        return;
    }
    let owners: Vec<_> = owners
        .iter()
        .map(|(container, variables, secrets)| {
            let owner = Owner {
                table: "ecs_environment_variable",
                account_id: &by.account_id,
                region: &by.region,
                arn: &key,
                container,
            };
            (owner, variables.clone(), secrets.clone())
        })
        .collect();
    rows.variables("ecs_task_definition", by, &key, &owners);
}
