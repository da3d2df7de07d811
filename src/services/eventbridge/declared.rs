//! How files declare them.

use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use crate::services::stepfunctions::family;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_cloudwatch_event_target"],
        map: target,
    },
    Spelling {
        kinds: &["AWS::Events::Rule"],
        map: rule,
    },
    Spelling {
        kinds: &["aws_scheduler_schedule", "AWS::Scheduler::Schedule"],
        map: schedule,
    },
];

fn target(by: &Declared, rows: &mut Rows) {
    row(
        by,
        rows,
        by.at("rule").text().known().unwrap_or_else(|| by.id()),
        Told::Known(true),
        &by.values,
        by.id(),
    );
}

fn rule(by: &Declared, rows: &mut Rows) {
    let enabled = by
        .at("state")
        .text()
        .map(|state| !state.eq_ignore_ascii_case("disabled"))
        .or(true);
    for (number, target) in by.at("targets").items().iter().enumerate() {
        let id = target
            .at("id")
            .text()
            .known()
            .unwrap_or_else(|| number.to_string());
        row(
            by,
            rows,
            by.name("name"),
            enabled.clone(),
            target,
            format!("{}|{id}", by.id()),
        );
    }
}

fn schedule(by: &Declared, rows: &mut Rows) {
    let enabled = by
        .at("state")
        .text()
        .map(|state| !state.eq_ignore_ascii_case("disabled"))
        .or(true);
    row(by, rows, by.name("name"), enabled, by.at("target"), by.id());
}

fn row(
    by: &Declared,
    rows: &mut Rows,
    name: String,
    enabled: Told<bool>,
    target: &Node,
    id: String,
) {
    // The part of an ARN that says what is called is plain, even where account and Region are settled later.
    let called = match target.at("arn").text() {
        Told::Unknown(later) => later.pattern,
        other => other.known().unwrap_or_default(),
    };
    let task = target.at("ecs_target|ecs_parameters");
    let family = family(&called);
    if family.is_none() && *task == Node::Absent {
        return rows.symbol(by, id, "");
    }
    let row = rows.row("eventbridge_target", by, id);
    row.put("name", name)
        .set("enabled", enabled)
        .set("role_arn", target.at("role_arn").id().or(""))
        .put("family", family.unwrap_or_default())
        .set(
            "task_definition_arn",
            task.at("task_definition_arn")
                .id()
                .map(|text| crate::services::ecs::declared::definition_arn(by, &text))
                .or(""),
        );
    crate::services::ecs::declared::network(task, row);
}
