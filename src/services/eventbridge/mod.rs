//! Amazon EventBridge: rules and schedules that start ECS tasks or call Amazon Bedrock by themselves.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

const OPERATIONS: &[&str] = &[
    "events:ListEventBuses",
    "events:ListRules",
    "events:ListTargetsByRule",
    "scheduler:ListSchedules",
    "scheduler:GetSchedule",
];

/// Targets that matter here.
pub const TARGET: Table = Table {
    name: "eventbridge_target",
    doc: "Targets of EventBridge rules and schedules that start an ECS task or call Amazon Bedrock. Their inputs are not kept.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text(
            "id",
            "ARN of the rule with the id of the target, or ARN of the schedule.",
        ),
        text("name", "Name of the rule or schedule."),
        flag("enabled", "Is it switched on?"),
        text(
            "role_arn",
            "Role that it starts the task or makes the call with.",
        )
        .absent("''"),
        text("family", "API family of Bedrock that it calls.").absent("'' (it starts a task)"),
        text("task_definition_arn", "Task definition that it starts.").absent("''"),
        list("subnet_ids", "Subnets of the task."),
        list("security_group_ids", "Security groups of the task."),
        flag("assign_public_ip", "Does the task get a public address?"),
    ],
    reads: &[Read::with("list", "scheduler:ListSchedules", OPERATIONS)],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&TARGET],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[],
};
