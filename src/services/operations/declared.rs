//! How files declare them.

use crate::services::declared::ids::arn;
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use std::collections::BTreeSet;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &[
            "aws_cloudwatch_metric_alarm",
            "aws_cloudwatch_composite_alarm",
            "AWS::CloudWatch::Alarm",
            "AWS::CloudWatch::CompositeAlarm",
        ],
        map: alarm,
    },
    Spelling {
        kinds: &["aws_budgets_budget", "AWS::Budgets::Budget"],
        map: budget,
    },
    Spelling {
        kinds: &["aws_ce_anomaly_monitor", "AWS::CE::AnomalyMonitor"],
        map: monitor,
    },
    Spelling {
        kinds: &[
            "aws_ce_anomaly_subscription",
            "AWS::CE::AnomalySubscription",
        ],
        map: subscription,
    },
];

fn alarm(by: &Declared, rows: &mut Rows) {
    let mut metrics = BTreeSet::new();
    let mut later = None;
    let mut add = |of: &Node| match (of.at("namespace").text(), of.at("metric_name").text()) {
        (Told::Known(namespace), Told::Known(name)) => {
            metrics.insert(format!("{namespace}/{name}"));
        }
        (Told::Unknown(why), _) | (_, Told::Unknown(why)) => later = Some(why),
        _ => {}
    };
    add(&by.values);
    for query in by.at("metric_query|metrics").items() {
        add(query.at("metric|metric_stat.metric"));
    }
    let actions = by.at("alarm_actions");
    let heard = match (by.at("actions_enabled").flag().or(true), actions) {
        (Told::Known(false), _) => Told::Known(false),
        (Told::Unknown(later), _) => Told::Unknown(later),
        // A topic that the same file makes has no ARN yet, and is there all the same.
        (_, Node::Unknown(later)) if !later.outside => Told::Known(true),
        (_, Node::Unknown(later)) => Told::Unknown(later.clone()),
        (_, actions) => Told::Known(!actions.items().is_empty()),
    };
    rows.row("cloudwatch_alarm", by, arn(by))
        .put("name", by.name("alarm_name"))
        .set(
            "metrics",
            match later {
                Some(later) => Told::Unknown(later),
                None => Told::Known(metrics.into_iter().collect::<Vec<_>>()),
            },
        )
        .set(
            "children",
            by.at("alarm_rule")
                .text()
                .map(|rule| super::children(&rule))
                .or(Vec::new()),
        )
        .set("has_actions", heard);
}

fn budget(by: &Declared, rows: &mut Rows) {
    let inner = match by.at("budget") {
        Node::Absent => &by.values,
        inner => inner,
    };
    let (mut services, mut accounts, mut other) = (Vec::new(), Vec::new(), false);
    let mut take = |key: &str, values: Vec<String>| match key {
        "Service" => services.extend(values),
        "LinkedAccount" => accounts.extend(values),
        _ => other = true,
    };
    for filter in inner.at("cost_filter").items() {
        if let Told::Known(key) = filter.at("name").text() {
            take(&key, filter.at("values").ids().known().unwrap_or_default());
        }
    }
    if let Node::Map(members) = inner.at("cost_filters") {
        for (key, values) in members {
            take(key, values.ids().known().unwrap_or_default());
        }
    }
    if !matches!(inner.at("filter_expression"), Node::Absent) {
        other = true;
    }
    let notifications = by
        .at("notification|notifications_with_subscribers")
        .items()
        .len();
    rows.row(
        "budget",
        by,
        inner
            .at("name|budget_name")
            .id()
            .known()
            .unwrap_or_else(|| by.id()),
    )
    .set("type", inner.at("budget_type").text())
    .put("services", services)
    .put("linked_accounts", accounts)
    .put("is_filtered", other)
    .put("notifications", notifications as i64);
}

fn monitor(by: &Declared, rows: &mut Rows) {
    rows.row("cost_anomaly_monitor", by, arn(by))
        .put("name", by.name("name|monitor_name"))
        .set(
            "covers",
            by.at("monitor_dimension")
                .text()
                .map(|dimension| {
                    if matches!(dimension.as_str(), "SERVICE" | "LINKED_ACCOUNT") {
                        "services"
                    } else {
                        "other"
                    }
                })
                .or("other"),
        );
}

/// Who is told of what a monitor finds.
fn subscription(by: &Declared, rows: &mut Rows) {
    rows.symbol(by, by.id(), "");
    let people = by.at("subscriber|subscribers").items().len();
    for monitor in by.at("monitor_arn_list").items() {
        rows.column(
            by,
            "cost_anomaly_monitor",
            monitor.id(),
            "subscribers",
            Told::Known((people as i64).into()),
        );
    }
}
