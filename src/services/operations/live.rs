//! The calls.

use crate::services::collect::{Batch, Place};
use crate::services::plain::{Client, Protocol, Spoken};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Amazon CloudWatch, in its JSON protocol.
const CLOUDWATCH: Spoken = Spoken {
    prefix: "cloudwatch",
    id: "CloudWatch",
    host: "monitoring",
    signed: "monitoring",
    protocol: Protocol::Json("GraniteServiceVersion20100801", "1.0"),
    worldwide: false,
};

/// AWS Budgets.
const BUDGETS: Spoken = Spoken {
    prefix: "budgets",
    id: "Budgets",
    host: "budgets",
    signed: "budgets",
    protocol: Protocol::Json("AWSBudgetServiceGateway", "1.1"),
    worldwide: true,
};

/// AWS Cost Explorer.
const COST_EXPLORER: Spoken = Spoken {
    prefix: "ce",
    id: "Cost Explorer",
    host: "ce",
    signed: "ce",
    protocol: Protocol::Json("AWSInsightsIndexService", "1.1"),
    worldwide: true,
};

fn texts(value: &Json) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(Json::as_str).map(str::to_owned).collect()
}

pub(in crate::services) async fn alarms(place: &Place<'_>) -> Batch {
    let client = Client::of(place, &CLOUDWATCH);
    let mut batch = Batch::default();
    // One answer has two lists, and a page may hold either; each kind is asked for by itself.
    let single = client
        .pages(
            "DescribeAlarms",
            &json!({"AlarmTypes": ["MetricAlarm"], "MaxRecords": 100}),
            "MetricAlarms",
            "NextToken",
        )
        .await;
    let composite = client
        .pages(
            "DescribeAlarms",
            &json!({"AlarmTypes": ["CompositeAlarm"], "MaxRecords": 100}),
            "CompositeAlarms",
            "NextToken",
        )
        .await;
    batch.listed(place, "cloudwatch_alarm", &single);
    if let Some(failure) = &composite.failure {
        batch.part_failed("cloudwatch_alarm", "composite alarms", failure);
    }
    for alarm in single.items.iter().chain(&composite.items) {
        let text = |name: &str| alarm.get(name).and_then(Json::as_str);
        let mut metrics = BTreeSet::new();
        let mut add = |metric: &Json| {
            let of = |name: &str| metric.get(name).and_then(Json::as_str);
            if let (Some(namespace), Some(name)) = (of("Namespace"), of("MetricName")) {
                metrics.insert(format!("{namespace}/{name}"));
            }
        };
        add(alarm);
        for query in alarm["Metrics"].as_array().into_iter().flatten() {
            add(&query["MetricStat"]["Metric"]);
        }
        let has_actions = alarm["ActionsEnabled"].as_bool().unwrap_or(true)
            && !texts(&alarm["AlarmActions"]).is_empty();
        batch.rows.push(
            place
                .row("cloudwatch_alarm")
                .set("arn", text("AlarmArn"))
                .set("name", text("AlarmName"))
                .set("metrics", metrics.into_iter().collect::<Vec<_>>())
                .set(
                    "children",
                    text("AlarmRule").map(super::children).unwrap_or_default(),
                )
                .set("has_actions", has_actions),
        );
    }
    batch.count("cloudwatch_alarm");
    batch
}

pub(in crate::services) async fn budgets(place: &Place<'_>) -> Batch {
    let client = Client::of(place, &BUDGETS);
    let listing = client
        .pages(
            "DescribeBudgets",
            &json!({"AccountId": place.account, "MaxResults": 100, "ShowFilterExpression": true}),
            "Budgets",
            "NextToken",
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "budget", &listing);
    let name = |budget: &Json| budget["BudgetName"].as_str().unwrap_or_default().to_owned();
    let notifications = place
        .details(
            &mut batch,
            "budget",
            "notifications",
            &listing.items,
            name,
            |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                async move {
                    let input = json!({"AccountId": place.account, "BudgetName": name});
                    let found = client
                        .pages(
                            "DescribeNotificationsForBudget",
                            &input,
                            "Notifications",
                            "NextToken",
                        )
                        .await;
                    match found.failure {
                        None => Ok(found.items.len() as i64),
                        Some(failure) => Err(failure),
                    }
                }
            },
        )
        .await;
    for (budget, notifications) in listing.items.iter().zip(notifications) {
        let filters = super::filters(&budget["CostFilters"], &budget["FilterExpression"]);
        batch.rows.push(
            place
                .row("budget")
                .set("name", name(budget))
                .set("type", budget["BudgetType"].as_str())
                .set("services", filters.services)
                .set("linked_accounts", filters.accounts)
                .set("is_filtered", filters.other)
                .set("notifications", notifications),
        );
    }
    batch
}

pub(in crate::services) async fn monitors(place: &Place<'_>) -> Batch {
    let client = Client::of(place, &COST_EXPLORER);
    let listing = client
        .pages(
            "GetAnomalyMonitors",
            &json!({"MaxResults": 100}),
            "AnomalyMonitors",
            "NextPageToken",
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "cost_anomaly_monitor", &listing);
    let arn = |monitor: &Json| {
        monitor["MonitorArn"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let subscribers = place
        .details(
            &mut batch,
            "cost_anomaly_monitor",
            "subscriptions",
            &listing.items,
            arn,
            |index| {
                let (client, arn) = (&client, arn(&listing.items[index]));
                async move {
                    let found = client
                        .pages(
                            "GetAnomalySubscriptions",
                            &json!({"MonitorArn": arn, "MaxResults": 100}),
                            "AnomalySubscriptions",
                            "NextPageToken",
                        )
                        .await;
                    match found.failure {
                        None => Ok(found
                            .items
                            .iter()
                            .filter_map(|one| one["Subscribers"].as_array())
                            .map(|all| all.len() as i64)
                            .sum::<i64>()),
                        Some(failure) => Err(failure),
                    }
                }
            },
        )
        .await;
    for (monitor, subscribers) in listing.items.iter().zip(subscribers) {
        let services = monitor["MonitorType"].as_str() == Some("DIMENSIONAL")
            && matches!(
                monitor["MonitorDimension"].as_str(),
                Some("SERVICE" | "LINKED_ACCOUNT")
            );
        batch.rows.push(
            place
                .row("cost_anomaly_monitor")
                .set("arn", arn(monitor))
                .set("name", monitor["MonitorName"].as_str())
                .set("covers", if services { "services" } else { "other" })
                .set("subscribers", subscribers),
        );
    }
    batch
}
