//! What tells people of failures and of money: alarms of Amazon CloudWatch, AWS Budgets, and monitors of AWS Cost Anomaly Detection.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, int, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};
#[cfg(feature = "live")]
use serde_json::Value as Json;

/// Alarms.
pub const ALARM: Table = Table {
    name: "cloudwatch_alarm",
    doc: "Alarms of CloudWatch, those that are made of other alarms among them.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        list(
            "metrics",
            "Metrics that it watches, each as `namespace/metric`; those of its expressions too. Empty for an alarm that is made of others.",
        ),
        list("children", "Names of the alarms that it is made of."),
        flag(
            "has_actions",
            "Are its actions switched on, and is there one for the state `ALARM`?",
        ),
    ],
    reads: &[Read::new("list", "cloudwatch:DescribeAlarms")],
    lists: Inputs::NONE,
};

/// Budgets.
pub const BUDGET: Table = Table {
    name: "budget",
    doc: "Budgets of AWS Budgets. Those of the management account can be about every account of the organisation.",
    key: "name",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("type", "`COST`, `USAGE`, ..."),
        list("services", "Services that it is about; empty for all."),
        list(
            "linked_accounts",
            "Accounts that it is about; empty for all.",
        ),
        flag(
            "is_filtered",
            "Is it about a part of the cost by anything else than services and accounts?",
        ),
        int(
            "notifications",
            "How many notifications it has; each has a subscriber.",
        )
        .by(&["notifications"]),
    ],
    reads: &[
        Read::with("list", "budgets:DescribeBudgets", &["budgets:ViewBudget"]),
        Read::with(
            "notifications",
            "budgets:DescribeNotificationsForBudget",
            &["budgets:ViewBudget"],
        ),
    ],
    lists: Inputs::NONE,
};

/// Monitors of cost anomalies.
pub const ANOMALY_MONITOR: Table = Table {
    name: "cost_anomaly_monitor",
    doc: "Monitors of AWS Cost Anomaly Detection, and whether somebody hears of what they find.",
    key: "arn",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("covers", "What it watches: `services` (each service, or each account), or `other` for a part of the cost that somebody chose.").words(&["services", "other"]),
        int("subscribers", "How many people or topics are told.").by(&["subscriptions"]),
    ],
    reads: &[
        Read::new("list", "ce:GetAnomalyMonitors"),
        Read::new("subscriptions", "ce:GetAnomalySubscriptions"),
    ],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&ALARM, &BUDGET, &ANOMALY_MONITOR],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["cloudwatch_alarm"],
            span: Span::Regional,
            run: |place| Box::pin(live::alarms(place)),
        },
        Collector {
            tables: &["budget"],
            span: Span::Global,
            run: |place| Box::pin(live::budgets(place)),
        },
        Collector {
            tables: &["cost_anomaly_monitor"],
            span: Span::Global,
            run: |place| Box::pin(live::monitors(place)),
        },
    ],
};

/// The names of alarms in the rule of an alarm that is made of others: `ALARM("a") OR ALARM(b)` (CloudWatch User Guide, "Create a
/// composite alarm"). What is in the state `OK` or has no data tells of nothing.
pub(super) fn children(rule: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = rule;
    while let Some(at) = rest.find("ALARM") {
        rest = &rest[at + "ALARM".len()..];
        // `ALARM(name)`, or `AT_LEAST(2, ALARM, (name, name))`.
        let inside = rest.trim_start_matches([' ', ',']);
        let Some(inside) = inside.strip_prefix('(') else {
            continue;
        };
        let mut names = inside;
        loop {
            names = names.trim_start_matches([' ', ',']);
            let (name, after) = match names.chars().next() {
                Some(quote @ ('"' | '\'')) => names[1..].split_once(quote).unwrap_or(("", "")),
                Some(')') | None => break,
                Some(_) => {
                    let end = names.find([')', ',']).unwrap_or(names.len());
                    names.split_at(end)
                }
            };
            // An alarm may be named by its ARN.
            let name = name.trim().rsplit(":alarm:").next().unwrap_or_default();
            if !name.is_empty() {
                found.push(name.to_owned());
            }
            names = after;
        }
        rest = names;
    }
    found.sort();
    found.dedup();
    found
}

/// What a budget is about.
#[cfg(feature = "live")]
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filters {
    /// Services; empty for all.
    pub services: Vec<String>,
    /// Accounts; empty for all.
    pub accounts: Vec<String>,
    /// Is there any other filter?
    pub other: bool,
}

/// Reads the filters of a budget, in either of their forms (AWS Billing API Reference, "Budget"): a map of dimensions, or one
/// expression. An expression that is more than one dimension counts as another filter.
#[cfg(feature = "live")]
pub(super) fn filters(costs: &Json, expression: &Json) -> Filters {
    let texts = |value: &Json| -> Vec<String> {
        let all = value.as_array().into_iter().flatten();
        all.filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let mut found = Filters::default();
    let mut take = |key: &str, values: Vec<String>| match key {
        "Service" | "SERVICE" => found.services.extend(values),
        "LinkedAccount" | "LINKED_ACCOUNT" => found.accounts.extend(values),
        _ if values.is_empty() => {}
        _ => found.other = true,
    };
    for (key, values) in costs.as_object().into_iter().flatten() {
        take(key, texts(values));
    }
    if let Some(members) = expression.as_object().filter(|members| !members.is_empty()) {
        match members.get("Dimensions") {
            Some(dimension) if members.len() == 1 => take(
                dimension["Key"].as_str().unwrap_or_default(),
                texts(&dimension["Values"]),
            ),
            _ => take("expression", vec!["other".to_owned()]),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::children;

    #[test]
    fn an_alarm_names_those_that_it_is_made_of() {
        assert_eq!(
            children("ALARM(\"a b\") OR (ALARM(c) AND NOT OK(\"d\"))"),
            ["a b", "c"]
        );
        assert_eq!(
            children("ALARM(arn:aws:cloudwatch:eu-west-1:1:alarm:x)"),
            ["x"]
        );
        assert_eq!(children("AT_LEAST(2, ALARM, (a, \"it's\"))"), ["a", "it's"]);
        assert!(children("OK(a)").is_empty());
        assert!(children("ALARM").is_empty());
    }
}
