//! Amazon ECS: services and the task definitions that they run.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use super::environment::{SETTINGS, VARIABLE};
use crate::inventory::cols::{flag, list, tags, text};
use crate::inventory::{Column, Inputs, Read, Role, Span, Table};

/// Services.
pub const ECS_SERVICE: Table = Table {
    name: "ecs_service",
    doc: "ECS services.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("cluster_arn", "Cluster."),
        text("task_definition_arn", "Task definition with its revision.")
            .absent("'' (its task sets have their own)"),
        list(
            "subnet_ids",
            "Subnets of `awsvpcConfiguration`; empty for host and bridge mode.",
        ),
        list("security_group_ids", "Security groups."),
        flag(
            "assign_public_ip",
            "Does a task get a public address? The API's default is no.",
        ),
        tags(),
    ],
    reads: &[Read::with(
        "list",
        "ecs:DescribeServices",
        &[
            "ecs:ListClusters",
            "ecs:ListServices",
            "ecs:DescribeServices",
        ],
    )],
    lists: Inputs::NONE,
};

/// Task sets.
pub const TASK_SET: Table = Table {
    name: "ecs_task_set",
    doc: "Task sets of services whose deployments CodeDeploy or another controller makes.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("service_arn", "Service."),
        text("cluster_arn", "Cluster."),
        text("task_definition_arn", "Task definition with its revision."),
        list(
            "subnet_ids",
            "Subnets of `awsvpcConfiguration`; empty for host and bridge mode.",
        ),
        list("security_group_ids", "Security groups."),
        flag("assign_public_ip", "Does a task get a public address?"),
    ],
    reads: &[Read::with(
        "list",
        "ecs:DescribeServices",
        &[
            "ecs:ListClusters",
            "ecs:ListServices",
            "ecs:DescribeServices",
        ],
    )],
    lists: Inputs::NONE,
};

/// Container instances.
pub const CONTAINER_INSTANCE: Table = Table {
    name: "ecs_container_instance",
    doc: "EC2 instances of clusters: tasks in host and bridge mode use their network.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("cluster_arn", "Cluster."),
        text("ec2_instance_id", "Instance.").absent("'' (a host outside AWS)"),
    ],
    reads: &[Read::with(
        "list",
        "ecs:DescribeContainerInstances",
        &[
            "ecs:ListClusters",
            "ecs:ListContainerInstances",
            "ecs:DescribeContainerInstances",
        ],
    )],
    lists: Inputs::NONE,
};

/// What leads to the task definitions in use.
const DEFINITION_OPERATIONS: &[&str] = &[
    "ecs:ListClusters",
    "ecs:ListServices",
    "ecs:DescribeServices",
    "events:ListEventBuses",
    "events:ListRules",
    "events:ListTargetsByRule",
    "scheduler:ListSchedules",
    "scheduler:GetSchedule",
    "ecs:DescribeTaskDefinition",
];

/// Task definitions in use.
pub const TASK_DEFINITION: Table = Table {
    name: "ecs_task_definition",
    doc: "Task definitions that a service, a task set or a schedule uses.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN with the revision."),
        text("family", "Family."),
        text("task_role_arn", "Role of the containers.").absent("''"),
        text("execution_role_arn", "Role of the agent that starts them.").absent("''"),
        text("network_mode", "`awsvpc`, `bridge`, `host`, `none`.")
            .absent("'bridge'")
            .words(&["awsvpc", "bridge", "host", "none", "default"]),
        list("log_group_names", "Log groups of the `awslogs` driver."),
        list(
            "environment_files",
            "S3 objects that hold more variables; their content is not read.",
        ),
        SETTINGS[0],
        SETTINGS[1],
        SETTINGS[2],
        SETTINGS[3],
        SETTINGS[4],
    ],
    reads: &[Read::with(
        "list",
        "ecs:DescribeTaskDefinition",
        DEFINITION_OPERATIONS,
    )],
    lists: Inputs::NONE,
};

const VARIABLES: [Column; 11] = VARIABLE;

/// Variables of containers.
pub const ENVIRONMENT_VARIABLE: Table = Table {
    name: "ecs_environment_variable",
    doc: "Environment variables and secret references of containers: what was detected in them, never their values.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &VARIABLES,
    reads: &[Read::with(
        "list",
        "ecs:DescribeTaskDefinition",
        DEFINITION_OPERATIONS,
    )],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[
        &ECS_SERVICE,
        &TASK_SET,
        &CONTAINER_INSTANCE,
        &TASK_DEFINITION,
        &ENVIRONMENT_VARIABLE,
    ],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[Collector {
        tables: &[
            "ecs_service",
            "ecs_task_set",
            "ecs_container_instance",
            "eventbridge_target",
            "ecs_task_definition",
            "ecs_environment_variable",
        ],
        span: Span::Regional,
        run: |place| Box::pin(live::collect(place)),
    }],
};
