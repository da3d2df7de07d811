//! Queues of Amazon SQS, and what AWS Lambda reads for a function: settings, never messages.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Queues.
pub const QUEUE: Table = Table {
    name: "sqs_queue",
    doc: "Queues of Amazon SQS.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text(
            "dead_letter_queue_arn",
            "Queue that takes what could not be processed.",
        )
        .absent("''")
        .by(&["attributes"]),
        flag(
            "is_encrypted",
            "Is what it holds encrypted, with Amazon SQS's own key or with one of AWS KMS?",
        )
        .by(&["attributes"]),
    ],
    reads: &[
        Read::new("list", "sqs:ListQueues"),
        Read::new("attributes", "sqs:GetQueueAttributes"),
    ],
    lists: Inputs::NONE,
};

/// What is read for functions.
pub const EVENT_SOURCE_MAPPING: Table = Table {
    name: "lambda_event_source_mapping",
    doc: "Queues and streams that AWS Lambda reads for a function.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text(
            "function_arn",
            "Function, with the alias or version where the mapping names one.",
        ),
        text("source_arn", "Queue or stream.").absent("'' (a source without an ARN)"),
        text(
            "on_failure_arn",
            "Where records go that a stream's function could not process.",
        )
        .absent("''"),
    ],
    reads: &[Read::new("list", "lambda:ListEventSourceMappings")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&QUEUE, &EVENT_SOURCE_MAPPING],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["sqs_queue"],
            span: Span::Regional,
            run: |place| Box::pin(live::queues(place)),
        },
        Collector {
            tables: &["lambda_event_source_mapping"],
            span: Span::Regional,
            run: |place| Box::pin(live::mappings(place)),
        },
    ],
};

/// The queue that a redrive policy names; the policy is a text of JSON (Amazon SQS API Reference, "SetQueueAttributes").
pub(super) fn dead_letters(policy: &serde_json::Value) -> String {
    let parsed;
    let policy = match policy.as_str() {
        Some(text) => {
            parsed = serde_json::from_str(text).unwrap_or_default();
            &parsed
        }
        None => policy,
    };
    policy["deadLetterTargetArn"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
