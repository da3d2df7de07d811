//! The calls.

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

fn row(
    place: &Place<'_>,
    id: &str,
    name: Option<&str>,
    enabled: bool,
    role: Option<&str>,
    target: &str,
    task: Option<Task<'_>>,
) -> Option<NewRow> {
    let family = family(target);
    (family.is_some() || task.is_some()).then(|| {
        let task = task.unwrap_or(Task {
            definition: "",
            subnets: &[],
            groups: &[],
            public: false,
        });
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
                    move |token| {
                        client
                            .list_rules()
                            .event_bus_name(bus)
                            .set_next_token(token)
                            .send()
                    },
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
        let network = target
            .ecs_parameters()
            .and_then(|task| task.network_configuration())
            .and_then(|network| network.awsvpc_configuration());
        let task = target.ecs_parameters().map(|task| Task {
            definition: task.task_definition_arn(),
            subnets: network.map(|network| network.subnets()).unwrap_or_default(),
            groups: network
                .map(|network| network.security_groups())
                .unwrap_or_default(),
            public: network
                .and_then(|network| network.assign_public_ip())
                .is_some_and(|assign| assign.as_str() == "ENABLED"),
        });
        let enabled = rule
            .state()
            .is_none_or(|state| !state.as_str().eq_ignore_ascii_case("disabled"));
        let id = format!("{}|{}", rule.arn().unwrap_or_default(), target.id());
        batch.rows.extend(row(
            place,
            &id,
            rule.name(),
            enabled,
            target.role_arn(),
            target.arn(),
            task,
        ));
    }
}

async fn schedules(place: &Place<'_>, batch: &mut Batch) {
    let client = client!(aws_sdk_scheduler, place);
    let listing = place
        .pages(
            "scheduler:ListSchedules",
            |token| {
                client
                    .list_schedules()
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.schedules, answer.next_token),
        )
        .await;
    let details = place
        .each(
            &listing,
            |one| one.name().unwrap_or_default().to_owned(),
            |index| {
                let (client, one) = (&client, &listing.items[index]);
                place.single("scheduler:GetSchedule", move || {
                    client
                        .get_schedule()
                        .set_name(one.name.clone())
                        .set_group_name(one.group_name.clone())
                        .send()
                })
            },
        )
        .await;
    if let Some(failure) = &details.failure {
        batch.part_failed("eventbridge_target", "schedules", failure);
    }
    for (index, found) in &details.items {
        let one = &listing.items[*index];
        let Some(target) = found.target() else {
            continue;
        };
        let network = target
            .ecs_parameters()
            .and_then(|task| task.network_configuration())
            .and_then(|network| network.awsvpc_configuration());
        let task = target.ecs_parameters().map(|task| Task {
            definition: task.task_definition_arn(),
            subnets: network.map(|network| network.subnets()).unwrap_or_default(),
            groups: network
                .map(|network| network.security_groups())
                .unwrap_or_default(),
            public: network
                .and_then(|network| network.assign_public_ip())
                .is_some_and(|assign| assign.as_str() == "ENABLED"),
        });
        let enabled = found
            .state()
            .is_none_or(|state| state.as_str() != "DISABLED");
        let arn = found.arn().or(one.arn()).unwrap_or_default();
        batch.rows.extend(row(
            place,
            arn,
            one.name(),
            enabled,
            Some(target.role_arn()),
            target.arn(),
            task,
        ));
    }
}
