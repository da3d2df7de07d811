//! Subjects: where prompts and answers are kept, and what bounds their keeping.

use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, int, list, text};
use crate::inventory::{Lookup, Role, Row, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::services;
use crate::subject_columns;
use crate::subjects::Facts;
use crate::subjects::encryption::keys;
use crate::workloads;
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const LOGGING: Inputs = Inputs::All(&[services::bedrock::INVOCATION_LOGGING.list()]);
const GROUP: Inputs = Inputs::All(&[services::bedrock::INVOCATION_LOGGING.list(), services::logs::LOG_GROUP.list()]);
const GROUP_KEY: Inputs = Inputs::All(&[
    services::bedrock::INVOCATION_LOGGING.list(),
    services::logs::LOG_GROUP.list(),
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::ALIAS.list(),
]);
const BUCKET: Inputs = Inputs::All(&[services::bedrock::INVOCATION_LOGGING.list(), services::s3::BUCKET.list(), services::s3::BUCKET.group("encryption")]);
const BUCKET_KEY: Inputs = Inputs::All(&[
    services::bedrock::INVOCATION_LOGGING.list(),
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("encryption"),
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::ALIAS.list(),
]);
const LIFECYCLE: Inputs = Inputs::All(&[
    services::bedrock::INVOCATION_LOGGING.list(),
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("lifecycle"),
    services::s3::BUCKET.group("versioning"),
]);

/// The log group of invocation logs.
pub const INFERENCE_LOG_GROUP: Table = Table {
    name: "inference_log_group",
    doc: "The log group that a Region's model invocation logging names.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag("group_exists", "Is it there? The configuration can name a deleted group.").from(GROUP),
        flag("has_customer_key", "Is it encrypted with a customer key?").from(GROUP_KEY),
        text("kms_key_id", "Its key.").absent("''").from(GROUP),
        text("key_manager", "Whose key it is.").from(GROUP_KEY),
        int("retention_days", "Days until events expire.").absent("0 (never)").from(GROUP),
        text("retention_source", "The API field.").from(GROUP),
    ],
    reads: &[],
    lists: LOGGING,
};

/// Buckets of invocation logs.
pub const INFERENCE_LOG_BUCKET: Table = Table {
    name: "inference_log_bucket",
    doc: "A bucket that a Region's model invocation logging names, for all logs or for payloads too large for a log event.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("destination", "`invocation-logs` or `large-data`.").from(LOGGING),
        text("sse_algorithm", "Default encryption.").from(BUCKET),
        text("kms_key_id", "Its key.").absent("''").from(BUCKET),
        flag("has_customer_key", "Is it encrypted with a customer key?").from(BUCKET_KEY),
        int("expiration_days", "Days until the logs expire.").absent("0 (never)").from(LIFECYCLE),
        flag("noncurrent_expires", "Do older versions expire too? True where the bucket keeps none.").from(LIFECYCLE),
        text("versioning", "`Enabled`, `Suspended` or empty.").absent("''").from(LIFECYCLE),
        text("lifecycle_reason", "What decides.").from(LIFECYCLE),
    ],
    reads: &[],
    lists: LOGGING,
};

const WORKLOAD_GROUP: Inputs = Inputs::All(&[services::lambda::FUNCTION.list(), services::ecs::TASK_DEFINITION.list(), services::logs::LOG_GROUP.list()]);

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
        int("retention_days", "Days until events expire.").absent("0 (never)").from(WORKLOAD_GROUP),
        text("log_group_class", "Class.").from(WORKLOAD_GROUP),
        text("lacks", "What is missing, for a person.").from(GROUP_KEY),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

fn group<'w>(facts: &Facts<'w>, account: &str, region: &str, name: &str) -> Observed<Option<Row<'w>>> {
    match facts.world.lookup("cloudwatch_log_group", account, region, name) {
        Lookup::Found(row) => Known(Some(row)),
        Lookup::Absent => Known(None),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

fn absent<T>(name: &str) -> Observed<T> {
    Observed::gap(Gap::not_understood("cloudwatch_log_group", format!("the log group `{name}` does not exist")))
}

/// A fact of a group that may not exist.
fn of<'w, T>(group: &Observed<Option<Row<'w>>>, name: &str, fact: impl FnOnce(Row<'w>) -> Observed<T>) -> Observed<T> {
    match group {
        Known(Some(row)) => fact(*row),
        Known(None) => absent(name),
        Unknown(gaps) => Unknown(gaps.clone()),
    }
}

/// Names of the inference log groups of a scope, and what may hide more.
pub(crate) fn inference_groups(facts: &Facts<'_>, account: &str, region: &str) -> (BTreeSet<String>, Vec<Gap>) {
    let configured = facts.world.all("bedrock_model_invocation_logging", account, region);
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
    let named = facts.settings.list("inference_log_groups");
    names.extend(named.into_iter().filter(|name| facts.world.lookup("cloudwatch_log_group", account, region, name).found().is_some()));
    (names, gaps)
}

pub(crate) fn derive_groups(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&INFERENCE_LOG_GROUP) {
        let (names, gaps) = inference_groups(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for name in names {
            let group = group(facts, &account, &region, &name);
            let key = of(&group, &name, |row| row.text("kms_key_id")).and_then(|key| keys::customer_key(facts, &account, &region, key));
            let arn = format!("arn:{}:logs:{region}:{account}:log-group:{name}", facts.world.run.partition);
            let mut row = sink.row(&account, &region, arn, "AWS::Logs::LogGroup");
            row.put("name", name.as_str()).tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("group_exists", group.clone().map(|group| group.is_some()))
                .set("has_customer_key", key.clone().map(|(own, _)| own))
                .set("key_manager", key.map(|(_, class)| class))
                .set("kms_key_id", of(&group, &name, |row| row.text("kms_key_id")))
                .set("retention_days", of(&group, &name, |row| row.int("retention_in_days")))
                .put("retention_source", "logs:DescribeLogGroups retentionInDays");
            sink.push(row);
        }
    }
}

/// Buckets of inference logs by name and part, with the prefix that is written under.
pub(crate) type Buckets = BTreeMap<(String, &'static str), Observed<String>>;

/// The inference log buckets of a scope, and what may hide more.
pub(crate) fn inference_buckets(facts: &Facts<'_>, account: &str, region: &str) -> (Buckets, Vec<Gap>) {
    let configured = facts.world.all("bedrock_model_invocation_logging", account, region);
    let mut gaps = configured.gaps;
    let mut wanted = Buckets::new();
    for row in configured.rows {
        for (bucket, prefix, part) in [("bucket_name", "bucket_prefix", "invocation-logs"), ("large_data_bucket_name", "large_data_prefix", "large-data")] {
            match row.text(bucket) {
                Known("") => {}
                Known(name) => {
                    wanted.insert((name.to_owned(), part), row.text(prefix).map(str::to_owned));
                }
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
    }
    for name in facts.settings.list("inference_log_buckets") {
        wanted.entry((name, "invocation-logs")).or_insert_with(|| Known(String::new()));
    }
    (wanted, gaps)
}

pub(crate) fn derive_buckets(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&INFERENCE_LOG_BUCKET) {
        let (wanted, gaps) = inference_buckets(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for ((name, part), prefix) in wanted {
            bucket_row(facts, sink, (&account, &region), &name, part, &prefix);
        }
    }
}

fn bucket_row(facts: &Facts<'_>, sink: &mut Sink<'_>, (account, region): (&str, &str), name: &str, part: &'static str, prefix: &Observed<String>) {
    let bucket = match facts.world.lookup_anywhere("s3_bucket", name) {
        Lookup::Found(row) => Known(row),
        Lookup::Absent => Observed::gap(Gap::not_understood("s3_bucket", format!("the bucket `{name}` does not exist"))),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    let algorithm = bucket.clone().and_then(|row| row.text("sse_algorithm").map(str::to_owned));
    let key = bucket.clone().and_then(|row| row.text("kms_key_id").map(str::to_owned));
    let customer = algorithm.clone().zip(key.clone()).and_then(|(algorithm, key)| {
        if !algorithm.starts_with("aws:kms") || key.is_empty() { Known(false) } else { keys::customer_key(facts, account, region, &key).map(|(own, _)| own) }
    });
    let expiry = bucket.clone().and_then(|row| row.json("lifecycle_rules")).zip(prefix.clone()).map(|(rules, prefix)| expiry(&rules, &prefix, account));
    let versioning = bucket.clone().and_then(|row| row.text("versioning").map(str::to_owned));
    let noncurrent =
        versioning.clone().and_then(|versioning| if versioning.is_empty() { Known(true) } else { expiry.clone().map(|(_, noncurrent, _)| noncurrent > 0) });
    let mut row = sink.row(account, region, format!("arn:{}:s3:::{name}", facts.world.run.partition), "AWS::S3::Bucket");
    // Tags of a bucket are a call of their own, which no rule on it needs.
    row.put("part", part).put("name", name).tagged(facts.settings, account, Known(BTreeMap::new()));
    row.put("destination", part)
        .set("sse_algorithm", algorithm)
        .set("kms_key_id", key)
        .set("has_customer_key", customer)
        .set("expiration_days", expiry.clone().map(|(days, ..)| days))
        .set("noncurrent_expires", noncurrent)
        .set("versioning", versioning)
        .set("lifecycle_reason", expiry.map(|(.., why)| why));
    sink.push(row);
}

/// Days until the logs under a prefix expire, days until older versions do (0: never), and the rule that decides.
fn expiry(rules: &serde_json::Value, prefix: &str, account: &str) -> (i64, i64, String) {
    // Bedrock writes below this folder (User Guide, "Monitor model invocation").
    let written = format!(
        "{}AWSLogs/{account}/BedrockModelInvocationLogs/",
        if prefix.is_empty() { String::new() } else { format!("{}/", prefix.trim_end_matches('/')) }
    );
    let (mut current, mut noncurrent, mut why) = (0, 0, "no enabled lifecycle rule covers the logs".to_owned());
    for rule in rules.as_array().into_iter().flatten() {
        let text = |key: &str| rule.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
        let days = |key: &str| rule.get(key).and_then(serde_json::Value::as_i64).unwrap_or(0);
        // A rule narrowed by tags or sizes does not cover every log; Bedrock sets no tags.
        let covers =
            text("status") == "Enabled" && written.starts_with(text("prefix")) && rule.get("filtered").and_then(serde_json::Value::as_bool) != Some(true);
        if !covers {
            continue;
        }
        if days("expiration_days") > 0 && (current == 0 || days("expiration_days") < current) {
            current = days("expiration_days");
            why = format!("rule `{}` expires the logs after {current} days", text("id"));
        }
        if days("noncurrent_days") > 0 {
            noncurrent = days("noncurrent_days");
        }
    }
    (current, noncurrent, why)
}

pub(crate) fn derive_workload_groups(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&WORKLOAD_LOG_GROUP) {
        let callers = facts.workloads.all();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        let mut writers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for workload in callers.known(&account, &region) {
            match &workload.log_groups {
                Known(groups) => {
                    for name in groups {
                        writers.entry(name.clone()).or_default().insert(workload.arn.clone());
                    }
                }
                Unknown(gaps) => sink.hide(&account, &region, gaps.clone()),
            }
        }
        for (name, workloads) in writers {
            let group = group(facts, &account, &region, &name);
            let key = of(&group, &name, |row| row.text("kms_key_id")).and_then(|key| keys::customer_key(facts, &account, &region, key)).map(|(own, _)| own);
            let days = of(&group, &name, |row| row.int("retention_in_days"));
            let lacks = key.clone().zip(days.clone()).map(|(key, days)| match (key, days > 0) {
                (true, true) => "nothing",
                (false, true) => "a customer key",
                (true, false) => "an expiry",
                (false, false) => "a customer key and an expiry",
            });
            let arn = format!("arn:{}:logs:{region}:{account}:log-group:{name}", facts.world.run.partition);
            let mut row = sink.row(&account, &region, arn, "AWS::Logs::LogGroup");
            row.put("name", name.as_str()).tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.put("workloads", workloads.into_iter().collect::<Vec<_>>())
                .set("group_exists", group.clone().map(|group| group.is_some()))
                .set("has_customer_key", key)
                .set("retention_days", days)
                .set("lacks", lacks)
                .set("log_group_class", of(&group, &name, |row| row.text("log_group_class")));
            sink.push(row);
        }
    }
}
