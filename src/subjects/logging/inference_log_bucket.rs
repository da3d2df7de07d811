//! Subject: the bucket of invocation logs.

use super::inference_log_group::LOGGING;
use crate::derive::Sink;
use crate::inventory::cols::{flag, int, text};
use crate::inventory::{Inputs, Lookup, Role, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::subjects::encryption::keys;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

pub(super) const BUCKET: Inputs = Inputs::All(&[
    services::bedrock::INVOCATION_LOGGING.list(),
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("encryption"),
]);

pub(super) const BUCKET_KEY: Inputs = Inputs::All(&[
    services::bedrock::INVOCATION_LOGGING.list(),
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("encryption"),
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::ALIAS.list(),
]);

pub(super) const LIFECYCLE: Inputs = Inputs::All(&[
    services::bedrock::INVOCATION_LOGGING.list(),
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("lifecycle"),
    services::s3::BUCKET.group("versioning"),
]);

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
        int("expiration_days", "Days until the logs expire.")
            .absent("0 (never)")
            .from(LIFECYCLE),
        flag(
            "noncurrent_expires",
            "Do older versions expire too? True where the bucket keeps none."
        )
        .from(LIFECYCLE),
        text("versioning", "`Enabled`, `Suspended` or empty.")
            .absent("''")
            .from(LIFECYCLE),
        text("lifecycle_reason", "What decides.").from(LIFECYCLE),
    ],
    reads: &[],
    lists: LOGGING,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &INFERENCE_LOG_BUCKET,
    derive: derive_buckets,
    rests_on_published_data: false,
};

/// Buckets of inference logs by name and part, with the prefix that is written under.
pub(crate) type Buckets = BTreeMap<(String, &'static str), Observed<String>>;

/// The inference log buckets of a scope, and what may hide more.
pub(crate) fn inference_buckets(
    facts: &Facts<'_>,
    account: &str,
    region: &str,
) -> (Buckets, Vec<Gap>) {
    let configured = facts
        .world
        .all("bedrock_model_invocation_logging", account, region);
    let mut gaps = configured.gaps;
    let mut wanted = Buckets::new();
    for row in configured.rows {
        for (bucket, prefix, part) in [
            ("bucket_name", "bucket_prefix", "invocation-logs"),
            ("large_data_bucket_name", "large_data_prefix", "large-data"),
        ] {
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
        wanted
            .entry((name, "invocation-logs"))
            .or_insert_with(|| Known(String::new()));
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

pub(super) fn bucket_row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    (account, region): (&str, &str),
    name: &str,
    part: &'static str,
    prefix: &Observed<String>,
) {
    let bucket = match facts.world.lookup_anywhere("s3_bucket", name) {
        Lookup::Found(row) => Known(row),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "s3_bucket",
            format!("the bucket `{name}` does not exist"),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    let algorithm = bucket
        .clone()
        .and_then(|row| row.text("sse_algorithm").map(str::to_owned));
    let key = bucket
        .clone()
        .and_then(|row| row.text("kms_key_id").map(str::to_owned));
    let customer = algorithm
        .clone()
        .zip(key.clone())
        .and_then(|(algorithm, key)| {
            if !algorithm.starts_with("aws:kms") || key.is_empty() {
                Known(false)
            } else {
                keys::customer_key(facts, account, region, &key).map(|(own, _)| own)
            }
        });
    let expiry = bucket
        .clone()
        .and_then(|row| row.json("lifecycle_rules"))
        .zip(prefix.clone())
        .map(|(rules, prefix)| expiry(&rules, &prefix, account));
    let versioning = bucket
        .clone()
        .and_then(|row| row.text("versioning").map(str::to_owned));
    let noncurrent = versioning.clone().and_then(|versioning| {
        if versioning.is_empty() {
            Known(true)
        } else {
            expiry.clone().map(|(_, noncurrent, _)| noncurrent > 0)
        }
    });
    let mut row = sink.row(
        account,
        region,
        format!("arn:{}:s3:::{name}", facts.world.run.partition),
        "AWS::S3::Bucket",
    );
    // Tags of a bucket are a call of their own, which no rule on it needs.
    row.put("part", part)
        .put("name", name)
        .tagged(facts.settings, account, Known(BTreeMap::new()));
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
pub(super) fn expiry(rules: &serde_json::Value, prefix: &str, account: &str) -> (i64, i64, String) {
    // Bedrock writes below this folder (User Guide, "Monitor model invocation").
    let written = format!(
        "{}AWSLogs/{account}/BedrockModelInvocationLogs/",
        if prefix.is_empty() {
            String::new()
        } else {
            format!("{}/", prefix.trim_end_matches('/'))
        }
    );
    let (mut current, mut noncurrent, mut why) =
        (0, 0, "no enabled lifecycle rule covers the logs".to_owned());
    for rule in rules.as_array().into_iter().flatten() {
        let text = |key: &str| {
            rule.get(key)
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
        };
        let days = |key: &str| {
            rule.get(key)
                .and_then(serde_json::Value::as_i64)
                .unwrap_or(0)
        };
        // A rule narrowed by tags or sizes does not cover every log; Bedrock sets no tags.
        let covers = text("status") == "Enabled"
            && written.starts_with(text("prefix"))
            && rule.get("filtered").and_then(serde_json::Value::as_bool) != Some(true);
        if !covers {
            continue;
        }
        if days("expiration_days") > 0 && (current == 0 || days("expiration_days") < current) {
            current = days("expiration_days");
            why = format!(
                "rule `{}` expires the logs after {current} days",
                text("id")
            );
        }
        if days("noncurrent_days") > 0 {
            noncurrent = days("noncurrent_days");
        }
    }
    (current, noncurrent, why)
}
