//! Subjects: where prompts and answers are kept, and what bounds their keeping.

use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, int, text};
use crate::inventory::{Lookup, Role, Row, Span, Table};
use crate::model::{Gap, Observed, glob, merge};
use crate::services;
use crate::subject_columns;
use crate::subjects::encryption::keys;
use crate::subjects::{Facts, Subject};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const LOGGING: Inputs = Inputs::All(&[services::bedrock::INVOCATION_LOGGING.list()]);
const GROUP: Inputs = Inputs::All(&[
    services::bedrock::INVOCATION_LOGGING.list(),
    services::logs::LOG_GROUP.list(),
]);
const PROTECTION: Inputs = Inputs::All(&[GROUP, services::logs::LOG_GROUP.group("protection")]);
pub(super) const GROUP_KEY: Inputs = Inputs::All(&[
    services::bedrock::INVOCATION_LOGGING.list(),
    services::logs::LOG_GROUP.list(),
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::ALIAS.list(),
]);

/// The log group of invocation logs.
pub const INFERENCE_LOG_GROUP: Table = Table {
    name: "inference_log_group",
    doc: "The log group that a Region's model invocation logging names.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag(
            "group_exists",
            "Is it there? The configuration can name a deleted group."
        )
        .from(GROUP),
        flag("has_customer_key", "Is it encrypted with a customer key?").from(GROUP_KEY),
        text("kms_key_id", "Its key.").absent("''").from(GROUP),
        text("key_manager", "Whose key it is.").from(GROUP_KEY),
        int("retention_days", "Days until events expire.")
            .absent("0 (never)")
            .from(GROUP),
        text("retention_source", "The API field.").from(GROUP),
        text(
            "masking",
            "What data protection does to sensitive data in it: `masked`, `audited`, `inherited` or `none`."
        )
        .from(PROTECTION),
        flag(
            "takes_bearer_tokens",
            "May whoever holds a bearer token write to it?"
        )
        .from(GROUP),
        flag(
            "is_deletion_protected",
            "Is it protected against deletion?"
        )
        .from(GROUP),
    ],
    reads: &[],
    lists: LOGGING,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &INFERENCE_LOG_GROUP,
    derive: derive_groups,
    rests_on_published_data: false,
};

pub(super) fn group<'w>(
    facts: &Facts<'w>,
    account: &str,
    region: &str,
    name: &str,
) -> Observed<Option<Row<'w>>> {
    match facts
        .world
        .lookup("cloudwatch_log_group", account, region, name)
    {
        Lookup::Found(row) => Known(Some(row)),
        Lookup::Absent => Known(None),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

fn absent<T>(name: &str) -> Observed<T> {
    Observed::gap(Gap::not_understood(
        "cloudwatch_log_group",
        format!("the log group `{name}` does not exist"),
    ))
}

/// A fact of a group that may not exist.
pub(super) fn of<'w, T>(
    group: &Observed<Option<Row<'w>>>,
    name: &str,
    fact: impl FnOnce(Row<'w>) -> Observed<T>,
) -> Observed<T> {
    match group {
        Known(Some(row)) => fact(*row),
        Known(None) => absent(name),
        Unknown(gaps) => Unknown(gaps.clone()),
    }
}

/// How log groups of invocation logs are usually called.
const CONVENTIONAL: [&str; 3] = [
    "/aws/bedrock/*",
    "*bedrock*invocation*",
    "*bedrock*inference*",
];

/// Names of the inference log groups of a scope, and what may hide more.
pub(crate) fn inference_groups(
    facts: &Facts<'_>,
    account: &str,
    region: &str,
) -> (BTreeSet<String>, Vec<Gap>) {
    let configured = facts
        .world
        .all("bedrock_model_invocation_logging", account, region);
    let mut gaps = configured.gaps;
    let mut names: BTreeSet<String> = BTreeSet::new();
    for row in configured.rows {
        match row.text("log_group_name") {
            Known("") => {}
            Known(name) => {
                names.insert(name.to_owned());
            }
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    let there = facts.world.all("cloudwatch_log_group", account, region);
    let mut patterns = facts.settings.list("inference_log_groups");
    // Where none is named, or one that is gone, the groups that such logs are usually kept in are judged.
    let gone = names
        .iter()
        .all(|name| matches!(group(facts, account, region, name), Known(None)));
    if gone {
        patterns.extend(CONVENTIONAL.map(str::to_owned));
    }
    if !patterns.is_empty() {
        gaps = merge(gaps, there.gaps);
    }
    names.extend(
        there
            .rows
            .iter()
            .map(Row::key)
            .filter(|name| patterns.iter().any(|pattern| glob(pattern, name)))
            .map(str::to_owned),
    );
    (names, gaps)
}

pub(crate) fn derive_groups(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&INFERENCE_LOG_GROUP) {
        let (names, gaps) = inference_groups(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for name in names {
            let group = group(facts, &account, &region, &name);
            let key = of(&group, &name, |row| row.text("kms_key_id"))
                .and_then(|key| keys::customer_key(facts, &account, &region, key));
            let arn = format!(
                "arn:{}:logs:{region}:{account}:log-group:{name}",
                facts.world.run.partition
            );
            let mut row = sink.row(&account, &region, arn, "AWS::Logs::LogGroup");
            row.put("name", name.as_str())
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("group_exists", group.clone().map(|group| group.is_some()))
                .set("has_customer_key", key.clone().map(|(own, _)| own))
                .set("key_manager", key.map(|(_, class)| class))
                .set(
                    "kms_key_id",
                    of(&group, &name, |row| row.text("kms_key_id")),
                )
                .set(
                    "retention_days",
                    of(&group, &name, |row| row.int("retention_in_days")),
                )
                .put("retention_source", "logs:DescribeLogGroups retentionInDays")
                .set("masking", of(&group, &name, |row| row.text("masking")))
                .set(
                    "takes_bearer_tokens",
                    of(&group, &name, |row| row.flag("takes_bearer_tokens")),
                )
                .set(
                    "is_deletion_protected",
                    of(&group, &name, |row| row.flag("is_deletion_protected")),
                );
            sink.push(row);
        }
    }
}
