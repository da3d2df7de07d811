//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use crate::services::lambda::declared::full;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_sqs_queue", "AWS::SQS::Queue"],
        map: queue,
    },
    Spelling {
        kinds: &["aws_sqs_queue_redrive_policy"],
        map: |by, rows| {
            // Its URL ends in the queue's name.
            let queue = by.at("queue_url").id().map(|url| {
                let name = url.rsplit('/').next().unwrap_or(&url).to_owned();
                if name.starts_with("arn:") {
                    name
                } else {
                    by.arn_of("sqs", &name)
                }
            });
            rows.column(
                by,
                "sqs_queue",
                queue,
                "dead_letter_queue_arn",
                dead_letters(by.at("redrive_policy")).map(Into::into),
            );
        },
    },
    Spelling {
        kinds: &[
            "aws_lambda_event_source_mapping",
            "AWS::Lambda::EventSourceMapping",
        ],
        map: mapping,
    },
];

/// The queue behind a redrive policy. Its ARN may be known after apply; that there is one is known before.
fn dead_letters(policy: &Node) -> Told<String> {
    match policy.json() {
        Told::Known(policy) => Told::Known(super::dead_letters(&policy)),
        Told::Unknown(_) => Told::Known("(settled later)".to_owned()),
        Told::Absent => Told::Absent,
    }
}

/// New queues are encrypted with the service's own key unless that is switched off (Amazon SQS Developer Guide, "Configuring
/// server-side encryption for a queue using SQS-managed encryption keys").
fn queue(by: &Declared, rows: &mut Rows) {
    let own = by.at("sqs_managed_sse_enabled").flag().or(true);
    let key = by.at("kms_master_key_id").id().or("");
    let encrypted = match (own, key) {
        (_, Told::Known(key)) if !key.is_empty() => Told::Known(true),
        (Told::Known(true), _) => Told::Known(true),
        // Which key it is may be settled later; none would be left out.
        (_, Told::Unknown(_)) => Told::Known(true),
        (told, _) => told,
    };
    let redrive = dead_letters(by.at("redrive_policy"));
    let row = rows.row("sqs_queue", by, arn(by));
    row.put("name", name(by)).set("is_encrypted", encrypted);
    // Terraform may name it beside the queue, which then says it.
    row.set("dead_letter_queue_arn", redrive.or(""));
}

fn mapping(by: &Declared, rows: &mut Rows) {
    let function = by.at("function_name").id().map(|named| full(by, &named));
    rows.row("lambda_event_source_mapping", by, by.id())
        .set("function_arn", function)
        .set("source_arn", by.at("event_source_arn").id().or(""))
        .set(
            "on_failure_arn",
            by.at("destination_config.on_failure.destination_arn|destination_config.on_failure.destination")
                .id()
                .or(""),
        );
}
