//! Amazon EventBridge: rules and schedules that start ECS tasks or call Amazon Bedrock by themselves.

use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

const OPERATIONS: &[&str] = &["events:ListEventBuses", "events:ListRules", "events:ListTargetsByRule", "scheduler:ListSchedules", "scheduler:GetSchedule"];

/// Targets that matter here.
pub const TARGET: Table = Table {
    name: "eventbridge_target",
    doc: "Targets of EventBridge rules and schedules that start an ECS task or call Amazon Bedrock. Their inputs are not kept.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "ARN of the rule with the id of the target, or ARN of the schedule."),
        text("name", "Name of the rule or schedule."),
        flag("enabled", "Is it switched on?"),
        text("role_arn", "Role that it starts the task or makes the call with.").absent("''"),
        text("family", "API family of Bedrock that it calls.").absent("'' (it starts a task)"),
        text("task_definition_arn", "Task definition that it starts.").absent("''"),
        list("subnet_ids", "Subnets of the task."),
        list("security_group_ids", "Security groups of the task."),
        flag("assign_public_ip", "Does the task get a public address?"),
    ],
    reads: &[Read::with("list", "scheduler:ListSchedules", OPERATIONS)],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::inventory::NewRow;
    use crate::services::collect::{Batch, Place};
    use crate::services::stepfunctions::family;

    /// What starts a task, in the words of either service.
    struct Task<'t> {
        definition: &'t str,
        subnets: &'t [String],
        groups: &'t [String],
        public: bool,
    }

    fn row(place: &Place<'_>, id: &str, name: Option<&str>, enabled: bool, role: Option<&str>, target: &str, task: Option<Task<'_>>) -> Option<NewRow> {
        let family = family(target);
        (family.is_some() || task.is_some()).then(|| {
            let task = task.unwrap_or(Task { definition: "", subnets: &[], groups: &[], public: false });
            place
                .row("eventbridge_target")
                .set("id", id)
                .set("name", name)
                .set("enabled", enabled)
                .set("role_arn", role.unwrap_or_default())
                .set("family", family.unwrap_or_default())
                .set("task_definition_arn", task.definition)
                .set("subnet_ids", task.subnets.to_vec())
                .set("security_group_ids", task.groups.to_vec())
                .set("assign_public_ip", task.public)
        })
    }

    /// Rows and how their lists went.
    pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
        let mut batch = Batch::default();
        rules(place, &mut batch).await;
        schedules(place, &mut batch).await;
        batch.count("eventbridge_target");
        batch
    }

    async fn rules(place: &Place<'_>, batch: &mut Batch) {
        let client = client!(aws_sdk_eventbridge, place);
        let buses = place
            .pages(
                "events:ListEventBuses",
                |token| client.list_event_buses().set_next_token(token).send(),
                |answer| (answer.event_buses.unwrap_or_default(), answer.next_token),
            )
            .await;
        let rules = place
            .each(
                &buses,
                |bus| bus.name().unwrap_or_default().to_owned(),
                |index| {
                    let (client, bus) = (&client, buses.items[index].name().unwrap_or_default());
                    place.pages(
                        "events:ListRules",
                        move |token| client.list_rules().event_bus_name(bus).set_next_token(token).send(),
                        |answer| (answer.rules.unwrap_or_default(), answer.next_token),
                    )
                },
            )
            .await;
        let targets = place
            .each(
                &rules,
                |(_, rule)| rule.name().unwrap_or_default().to_owned(),
                |index| {
                    let (client, rule) = (&client, &rules.items[index].1);
                    place.pages(
                        "events:ListTargetsByRule",
                        move |token| {
                            client
                                .list_targets_by_rule()
                                .set_rule(rule.name.clone())
                                .set_event_bus_name(rule.event_bus_name.clone())
                                .set_next_token(token)
                                .send()
                        },
                        |answer| (answer.targets.unwrap_or_default(), answer.next_token),
                    )
                },
            )
            .await;
        batch.listed(place, "eventbridge_target", &targets);
        for (rule, target) in &targets.items {
            let rule = &rules.items[*rule].1;
            let network = target.ecs_parameters().and_then(|task| task.network_configuration()).and_then(|network| network.awsvpc_configuration());
            let task = target.ecs_parameters().map(|task| Task {
                definition: task.task_definition_arn(),
                subnets: network.map(|network| network.subnets()).unwrap_or_default(),
                groups: network.map(|network| network.security_groups()).unwrap_or_default(),
                public: network.and_then(|network| network.assign_public_ip()).is_some_and(|assign| assign.as_str() == "ENABLED"),
            });
            let enabled = rule.state().is_none_or(|state| !state.as_str().eq_ignore_ascii_case("disabled"));
            let id = format!("{}|{}", rule.arn().unwrap_or_default(), target.id());
            batch.rows.extend(row(place, &id, rule.name(), enabled, target.role_arn(), target.arn(), task));
        }
    }

    async fn schedules(place: &Place<'_>, batch: &mut Batch) {
        let client = client!(aws_sdk_scheduler, place);
        let listing = place
            .pages(
                "scheduler:ListSchedules",
                |token| client.list_schedules().max_results(100).set_next_token(token).send(),
                |answer| (answer.schedules, answer.next_token),
            )
            .await;
        let details = place
            .each(
                &listing,
                |one| one.name().unwrap_or_default().to_owned(),
                |index| {
                    let (client, one) = (&client, &listing.items[index]);
                    place
                        .single("scheduler:GetSchedule", move || client.get_schedule().set_name(one.name.clone()).set_group_name(one.group_name.clone()).send())
                },
            )
            .await;
        if let Some(failure) = &details.failure {
            batch.part_failed("eventbridge_target", "schedules", failure);
        }
        for (index, found) in &details.items {
            let one = &listing.items[*index];
            let Some(target) = found.target() else { continue };
            let network = target.ecs_parameters().and_then(|task| task.network_configuration()).and_then(|network| network.awsvpc_configuration());
            let task = target.ecs_parameters().map(|task| Task {
                definition: task.task_definition_arn(),
                subnets: network.map(|network| network.subnets()).unwrap_or_default(),
                groups: network.map(|network| network.security_groups()).unwrap_or_default(),
                public: network.and_then(|network| network.assign_public_ip()).is_some_and(|assign| assign.as_str() == "ENABLED"),
            });
            let enabled = found.state().is_none_or(|state| state.as_str() != "DISABLED");
            let arn = found.arn().or(one.arn()).unwrap_or_default();
            batch.rows.extend(row(place, arn, one.name(), enabled, Some(target.role_arn()), target.arn(), task));
        }
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
    use crate::services::stepfunctions::family;

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_cloudwatch_event_target"], map: target },
        Spelling { kinds: &["AWS::Events::Rule"], map: rule },
        Spelling { kinds: &["aws_scheduler_schedule", "AWS::Scheduler::Schedule"], map: schedule },
    ];

    fn target(by: &Declared, rows: &mut Rows) {
        row(by, rows, by.at("rule").text().known().unwrap_or_else(|| by.id()), Told::Known(true), &by.values, by.id());
    }

    fn rule(by: &Declared, rows: &mut Rows) {
        let enabled = by.at("state").text().map(|state| !state.eq_ignore_ascii_case("disabled")).or(true);
        for (number, target) in by.at("targets").items().iter().enumerate() {
            let id = target.at("id").text().known().unwrap_or_else(|| number.to_string());
            row(by, rows, by.name("name"), enabled.clone(), target, format!("{}|{id}", by.id()));
        }
    }

    fn schedule(by: &Declared, rows: &mut Rows) {
        let enabled = by.at("state").text().map(|state| !state.eq_ignore_ascii_case("disabled")).or(true);
        row(by, rows, by.name("name"), enabled, by.at("target"), by.id());
    }

    fn row(by: &Declared, rows: &mut Rows, name: String, enabled: Told<bool>, target: &Node, id: String) {
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
            .set("task_definition_arn", task.at("task_definition_arn").id().map(|text| crate::services::ecs::declared::definition_arn(by, &text)).or(""));
        crate::services::ecs::declared::network(task, row);
    }
}
