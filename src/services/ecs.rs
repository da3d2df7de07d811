//! Amazon ECS: services and the task definitions that they run.

use super::environment::{SETTINGS, VARIABLE};
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Column, Read, Role, Span, Table};

/// Services.
pub const SERVICE: Table = Table {
    name: "ecs_service",
    doc: "ECS services.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("cluster_arn", "Cluster."),
        text("task_definition_arn", "Task definition with its revision."),
        list("subnet_ids", "Subnets of `awsvpcConfiguration`; empty for host and bridge mode."),
        list("security_group_ids", "Security groups."),
        flag("assign_public_ip", "Does a task get a public address? The API's default is no."),
        json("tags", "Tags as an object.").absent("{}"),
    ],
    reads: &[Read::with("list", "ecs:DescribeServices", &["ecs:ListClusters", "ecs:ListServices", "ecs:DescribeServices"])],
    lists: &[],
};

/// Task definitions in use.
pub const TASK_DEFINITION: Table = Table {
    name: "ecs_task_definition",
    doc: "Task definitions that a service uses.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN with the revision."),
        text("family", "Family."),
        text("task_role_arn", "Role of the containers.").absent("''"),
        text("execution_role_arn", "Role of the agent that starts them.").absent("''"),
        text("network_mode", "`awsvpc`, `bridge`, `host`, `none`.").absent("'bridge'"),
        list("log_group_names", "Log groups of the `awslogs` driver."),
        list("environment_files", "S3 objects that hold more variables; their content is not read."),
        SETTINGS[0],
        SETTINGS[1],
        SETTINGS[2],
        SETTINGS[3],
        SETTINGS[4],
    ],
    reads: &[Read::with("list", "ecs:DescribeTaskDefinition", &["ecs:ListClusters", "ecs:ListServices", "ecs:DescribeServices", "ecs:DescribeTaskDefinition"])],
    lists: &[],
};

const VARIABLES: [Column; 9] = VARIABLE;

/// Variables of containers.
pub const ENVIRONMENT_VARIABLE: Table = Table {
    name: "ecs_environment_variable",
    doc: "Environment variables and secret references of containers: what was detected in them, never their values.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &VARIABLES,
    reads: &[Read::with("list", "ecs:DescribeTaskDefinition", &["ecs:ListClusters", "ecs:ListServices", "ecs:DescribeServices", "ecs:DescribeTaskDefinition"])],
    lists: &[],
};
