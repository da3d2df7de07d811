//! Subject: the log groups of workloads that call Bedrock.

use super::inference_log_group::{GROUP_KEY, group, of};
use crate::derive::Sink;
use crate::inventory::cols::{flag, int, list, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::subjects::encryption::keys;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const WORKLOAD_GROUP: Inputs = Inputs::All(&[
    services::lambda::FUNCTION.list(),
    services::ecs::TASK_DEFINITION.list(),
    services::logs::LOG_GROUP.list(),
]);

/// Log groups of callers.
pub const WORKLOAD_LOG_GROUP: Table = Table {
    name: "workload_log_group",
    doc: "A log group that Bedrock callers write to; prompts end up here by print statements.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        list("workloads", "Callers that write to it.").from(workloads::INPUTS),
        flag("group_exists", "Is it there yet?").from(WORKLOAD_GROUP),
        flag("has_customer_key", "Is it encrypted with a customer key?").from(GROUP_KEY),
        int("retention_days", "Days until events expire.")
            .absent("0 (never)")
            .from(WORKLOAD_GROUP),
        text("log_group_class", "Class.").from(WORKLOAD_GROUP),
        text("lacks", "What is missing, for a person.").from(GROUP_KEY),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &WORKLOAD_LOG_GROUP,
    derive: derive_workload_groups,
    rests_on_published_data: false,
};

pub(crate) fn derive_workload_groups(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&WORKLOAD_LOG_GROUP) {
        let callers = facts.workloads.all();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        let mut writers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for workload in callers.known(&account, &region) {
            match &workload.log_groups {
                Known(groups) => {
                    for name in groups {
                        writers
                            .entry(name.clone())
                            .or_default()
                            .insert(workload.arn.clone());
                    }
                }
                Unknown(gaps) => sink.hide(&account, &region, gaps.clone()),
            }
        }
        for (name, workloads) in writers {
            let group = group(facts, &account, &region, &name);
            let key = of(&group, &name, |row| row.text("kms_key_id"))
                .and_then(|key| keys::customer_key(facts, &account, &region, key))
                .map(|(own, _)| own);
            let days = of(&group, &name, |row| row.int("retention_in_days"));
            let lacks = key
                .clone()
                .zip(days.clone())
                .map(|(key, days)| match (key, days > 0) {
                    (true, true) => "nothing",
                    (false, true) => "a customer key",
                    (true, false) => "an expiry",
                    (false, false) => "a customer key and an expiry",
                });
            let arn = format!(
                "arn:{}:logs:{region}:{account}:log-group:{name}",
                facts.world.run.partition
            );
            let mut row = sink.row(&account, &region, arn, "AWS::Logs::LogGroup");
            row.put("name", name.as_str())
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.put("workloads", workloads.into_iter().collect::<Vec<_>>())
                .set("group_exists", group.clone().map(|group| group.is_some()))
                .set("has_customer_key", key)
                .set("retention_days", days)
                .set("lacks", lacks)
                .set(
                    "log_group_class",
                    of(&group, &name, |row| row.text("log_group_class")),
                );
            sink.push(row);
        }
    }
}
