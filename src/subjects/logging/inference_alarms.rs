//! Subject: what tells people that inference fails, is throttled or is slow.

use super::genai_use;
use crate::derive::Sink;
use crate::inventory::cols::list;
use crate::inventory::cols::text;
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Observed, account_arn, merge};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const ALARMS: Inputs = services::operations::ALARM.list();
const LISTS: Inputs = Inputs::All(&[genai_use::INPUTS, ALARMS]);

/// Alarms of a scope.
pub const INFERENCE_ALARMS: Table = Table {
    name: "inference_alarms",
    doc: "The alarms on inference of an account and Region that use Bedrock.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("use_reason", "What shows that Bedrock is used.").from(genai_use::INPUTS),
        list(
            "alarms",
            "Alarms on metrics of Bedrock that somebody hears of."
        )
        .from(ALARMS),
        list(
            "silent_alarms",
            "Alarms on metrics of Bedrock whose actions are off or missing."
        )
        .from(ALARMS),
        list(
            "missing_metrics",
            "Metrics that have to be watched and that no alarm with an action watches."
        )
        .from(ALARMS),
    ],
    reads: &[],
    lists: LISTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &INFERENCE_ALARMS,
    derive,
    rests_on_published_data: false,
};

/// Metrics that have to be watched where the configuration names none (Bedrock User Guide, "Monitoring the performance of Amazon
/// Bedrock").
const REQUIRED: [&str; 3] = [
    "InvocationThrottles",
    "InvocationServerErrors",
    "InvocationLatency",
];

const NAMESPACE: &str = "AWS/Bedrock/";

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    // Either spelling names a metric.
    let mut required: Vec<String> = facts
        .settings
        .list("required_metrics")
        .iter()
        .map(|metric| metric.strip_prefix(NAMESPACE).unwrap_or(metric).to_owned())
        .collect();
    if required.is_empty() {
        required = REQUIRED.map(str::to_owned).to_vec();
    }
    for (account, region) in facts.settings.scopes(&INFERENCE_ALARMS) {
        let reason = match genai_use::in_use(facts, &account, &region) {
            Known(Some(reason)) => reason,
            Known(None) => continue,
            Unknown(gaps) => {
                sink.hide(&account, &region, gaps);
                continue;
            }
        };
        let alarms = facts.world.all("cloudwatch_alarm", &account, &region);
        let mut watched: BTreeMap<String, Observed<bool>> = BTreeMap::new();
        let (mut heard, mut silent) = (BTreeSet::new(), BTreeSet::new());
        let mut gaps = alarms.gaps.clone();
        for alarm in &alarms.rows {
            let metrics = match alarm.list("metrics") {
                Known(metrics) => metrics,
                Unknown(more) => {
                    gaps = merge(gaps, more);
                    continue;
                }
            };
            let of_bedrock: Vec<&str> = metrics
                .iter()
                .filter_map(|metric| metric.strip_prefix(NAMESPACE))
                .collect();
            if of_bedrock.is_empty() {
                continue;
            }
            let name = alarm.text("name").known().unwrap_or(alarm.key()).to_owned();
            let tells = tells(*alarm, &name, &alarms.rows);
            match &tells {
                Known(true) => heard.insert(name),
                Known(false) => silent.insert(name),
                Unknown(_) => false,
            };
            for metric in of_bedrock {
                let known = watched.remove(metric).unwrap_or(Known(false));
                watched.insert(metric.to_owned(), known.or(tells.clone()));
            }
        }
        let mut missing = Vec::new();
        let mut open = Vec::new();
        for metric in &required {
            match watched.get(metric).cloned().unwrap_or(Known(false)) {
                Known(true) => {}
                Known(false) => missing.push(metric.clone()),
                Unknown(more) => open = merge(open, more),
            }
        }
        // What was not read could watch what is missing, and nothing else.
        if !missing.is_empty() {
            open = merge(open, gaps);
        }
        let arn = account_arn(&facts.world.run.partition, &account);
        let mut row = sink.row(&account, &region, arn, "AWS::::Account");
        row.put("part", region.as_str())
            .put("name", facts.settings.account_name(&account))
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
        row.put("use_reason", reason)
            .put("alarms", heard.into_iter().collect::<Vec<_>>())
            .put("silent_alarms", silent.into_iter().collect::<Vec<_>>())
            .set(
                "missing_metrics",
                if open.is_empty() {
                    Known(missing)
                } else {
                    Unknown(open)
                },
            );
        sink.push(row);
    }
}

/// Does somebody hear of an alarm: by its own actions, or by those of an alarm that is made of it, over as many steps as there are?
fn tells(alarm: Row<'_>, name: &str, all: &[Row<'_>]) -> Observed<bool> {
    let mut heard = alarm.flag("has_actions");
    let (mut reached, mut next) = (BTreeSet::from([name.to_owned()]), vec![name.to_owned()]);
    while let Some(child) = next.pop() {
        for parent in all {
            let of_it = parent
                .list("children")
                .map(|children| children.contains(&child));
            heard = heard.or(of_it.clone().and(parent.flag("has_actions")));
            if let (false, Known(own)) = (of_it.is_false(), parent.text("name"))
                && reached.insert(own.to_owned())
            {
                next.push(own.to_owned());
            }
        }
    }
    heard
}
