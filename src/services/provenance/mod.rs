//! What says where resources come from: stacks of AWS CloudFormation, and tags.

#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{tags, text, time};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Stacks.
pub const STACK: Table = Table {
    name: "cloudformation_stack",
    doc: "Stacks of AWS CloudFormation that are not deleted, nested ones included.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN, which is the stack's id."),
        text("name", "Name."),
        text("status", "Status, such as `UPDATE_COMPLETE`."),
        text(
            "drift_status",
            "What the last detection of drift found: `DRIFTED`, `IN_SYNC`, `NOT_CHECKED` where none was run, or `UNKNOWN`. No detection is started by a scan.",
        )
        .words(&["DRIFTED", "IN_SYNC", "NOT_CHECKED", "UNKNOWN"]),
        time("drift_checked_at", "When drift was last detected.").absent("''"),
    ],
    reads: &[Read::new("list", "cloudformation:ListStacks")],
    lists: Inputs::NONE,
};

/// Resources of stacks.
pub const STACK_RESOURCE: Table = Table {
    name: "cloudformation_stack_resource",
    doc: "What stacks are made of.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "ARN of the stack and logical id, joined."),
        text("stack_arn", "Stack."),
        text("stack_name", "Its name."),
        text("logical_id", "Name in the template."),
        text(
            "physical_id",
            "ARN, id or name of what was made, as its type defines.",
        )
        .absent("'' (nothing was made yet)"),
        text("type", "Type, such as `AWS::Bedrock::Agent`."),
        text(
            "drift_status",
            "What the last detection of drift found: `IN_SYNC`, `MODIFIED`, `DELETED`, `NOT_CHECKED` where none was run or the type has no detection, `UNKNOWN`, `UNSUPPORTED`.",
        )
        .words(&[
            "IN_SYNC",
            "MODIFIED",
            "DELETED",
            "NOT_CHECKED",
            "UNKNOWN",
            "UNSUPPORTED",
        ]),
    ],
    reads: &[Read::new("list", "cloudformation:ListStackResources")],
    lists: Inputs::NONE,
};

/// Tags.
pub const TAGGED_RESOURCE: Table = Table {
    name: "tagged_resource",
    doc: "Resources of Amazon Bedrock, Amazon Bedrock AgentCore and VPC endpoints that have a tag or had one; what never had one is not among them.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("arn", "ARN."), tags()],
    reads: &[Read::new("list", "tag:GetResources")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&STACK, &STACK_RESOURCE, &TAGGED_RESOURCE],
    mappings: &[],
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["cloudformation_stack", "cloudformation_stack_resource"],
            span: Span::Regional,
            run: |place| Box::pin(live::stacks(place)),
        },
        Collector {
            tables: &["tagged_resource"],
            span: Span::Regional,
            run: |place| Box::pin(live::tags(place)),
        },
    ],
};
