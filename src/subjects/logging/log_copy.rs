//! Subject: where the log of inference is copied to, out of the account that it is about.

use super::inference_log_bucket::inference_buckets;
use super::inference_log_group::LOGGING;
use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Lookup, Role, Row, Span, Table};
use crate::model::{Arn, Gap, Observed, account_arn, merge};
use crate::subjects::encryption::keys::{self, Key};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const SUBSCRIPTIONS: Inputs = Inputs::All(&[LOGGING, services::logs::SUBSCRIPTION.list()]);
const COPIES: Inputs = Inputs::All(&[
    SUBSCRIPTIONS,
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("replication"),
    services::s3::BUCKET.group("encryption"),
    services::kms::KEY.list(),
    services::kms::ALIAS.list(),
]);

/// Copies of inference logs.
pub const LOG_COPY: Table = Table {
    name: "log_copy",
    doc: "The log of model invocations of an account and Region, and what copies it elsewhere: subscriptions of its log group, and replication of its bucket.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("log_group_name", "Log group that invocation logging names.")
            .absent("''")
            .from(LOGGING),
        list("bucket_names", "Buckets that invocation logging names.").from(LOGGING),
        list("copies", "What copies it, each as `name -> where to`.").from(COPIES),
        list("accounts", "Other accounts that a copy goes to.").from(COPIES),
        flag(
            "reaches_other_account",
            "Does a copy go to another account?"
        )
        .from(COPIES),
        flag(
            "copies_flagged",
            "Is what a guardrail intervened in copied, alone or with everything?"
        )
        .from(COPIES),
        flag(
            "flagged_key_differs",
            "Is that copy encrypted with another key than the log?"
        )
        .from(COPIES),
    ],
    reads: &[],
    lists: LOGGING,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &LOG_COPY,
    derive,
    rests_on_published_data: false,
};

/// Marks of an intervention in a record: InvokeModel writes the first, Converse the second (Bedrock User Guide, "Monitor model
/// invocation using CloudWatch Logs and Amazon S3").
fn is_of_flagged(pattern: &str) -> Observed<bool> {
    let lower = pattern.to_ascii_lowercase();
    let everything = is_everything(pattern);
    let excludes = [
        "-intervened",
        "-\"intervened",
        "!=",
        "-guardrail_intervened",
    ];
    if lower.contains("intervened") && !excludes.iter().any(|mark| lower.contains(mark)) {
        Known(true)
    } else {
        everything
    }
}

/// Does a pattern copy everything? What another one leaves out is not worked out.
fn is_everything(pattern: &str) -> Observed<bool> {
    if pattern.trim().is_empty() {
        Known(true)
    } else {
        Observed::gap(Gap::not_understood(
            "log_subscription_filter.pattern",
            format!("what the pattern `{pattern}` leaves out is not worked out"),
        ))
    }
}

/// Is a subscription about a log group? A policy of the account can leave log groups out, by a criterion that names them
/// (CloudWatch Logs API Reference, "PutAccountPolicy").
fn is_about(of: &str, group: &str) -> Observed<bool> {
    if of == "*" || of == group {
        return Known(true);
    }
    let Some(list) = of.strip_prefix("LogGroupName NOT IN ") else {
        // The name of another group, or a criterion in another form.
        return if of.contains(" IN ") {
            Observed::gap(Gap::not_understood(
                "log_subscription_filter.log_group_name",
                format!("the criterion `{of}` is not understood"),
            ))
        } else {
            Known(false)
        };
    };
    match serde_json::from_str::<Vec<String>>(list) {
        Ok(left_out) => Known(!left_out.iter().any(|name| name == group)),
        Err(_) => Observed::gap(Gap::not_understood(
            "log_subscription_filter.log_group_name",
            format!("the criterion `{of}` is not understood"),
        )),
    }
}

#[derive(Default)]
struct Copies {
    shown: BTreeSet<String>,
    accounts: BTreeSet<String>,
    /// Whether each copy leaves the account.
    leaves: Vec<Observed<bool>>,
    /// Whether each copy holds what is flagged.
    flagged: Vec<Observed<bool>>,
    /// Whether each copy of what is flagged has another key.
    other_key: Vec<Observed<bool>>,
    gaps: Vec<Gap>,
}

impl Copies {
    fn rest(&self) -> Observed<bool> {
        if self.gaps.is_empty() {
            Known(false)
        } else {
            Unknown(self.gaps.clone())
        }
    }
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&LOG_COPY) {
        let logging = facts
            .world
            .all("bedrock_model_invocation_logging", &account, &region);
        sink.hide(&account, &region, logging.gaps);
        for config in logging.rows {
            let group = match config.text("log_group_name") {
                Known(group) => group,
                Unknown(gaps) => {
                    sink.hide(&account, &region, gaps);
                    continue;
                }
            };
            let (buckets, gaps) = inference_buckets(facts, &account, &region);
            sink.hide(&account, &region, gaps);
            // What is too large for a log event is a part of the log alone.
            let names: BTreeSet<&String> = buckets
                .keys()
                .filter(|(_, part)| *part != "large-data")
                .map(|(name, _)| name)
                .collect();
            // Logging that is off is judged by itself.
            if group.is_empty() && names.is_empty() {
                continue;
            }
            let mut copies = Copies::default();
            if !group.is_empty() {
                subscriptions(facts, &account, &region, group, &mut copies);
            }
            for bucket in &names {
                replicas(facts, &account, bucket, &mut copies);
            }
            let arn = account_arn(&facts.world.run.partition, &account);
            let mut row = sink.row(&account, &region, arn, "AWS::::Account");
            row.put("part", region.as_str())
                .put("name", facts.settings.account_name(&account))
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            let rest = copies.rest();
            let any =
                |all: Vec<Observed<bool>>| Observed::any(all.into_iter().chain([rest.clone()]));
            row.put("log_group_name", group)
                .put(
                    "bucket_names",
                    names.into_iter().cloned().collect::<Vec<_>>(),
                )
                .put("copies", copies.shown.into_iter().collect::<Vec<_>>())
                .put("accounts", copies.accounts.into_iter().collect::<Vec<_>>())
                .set("reaches_other_account", any(copies.leaves))
                .set("copies_flagged", any(copies.flagged))
                .set("flagged_key_differs", any(copies.other_key));
            sink.push(row);
        }
    }
}

fn subscriptions(facts: &Facts<'_>, account: &str, region: &str, group: &str, copies: &mut Copies) {
    let found = facts.world.all("log_subscription_filter", account, region);
    copies.gaps = merge(std::mem::take(&mut copies.gaps), found.gaps);
    for filter in found.rows {
        let (of, destination) = match filter
            .text("log_group_name")
            .zip(filter.text("destination_arn"))
        {
            Known(pair) => pair,
            Unknown(gaps) => {
                copies.gaps = merge(std::mem::take(&mut copies.gaps), gaps);
                continue;
            }
        };
        let is_about = is_about(of, group);
        if is_about.is_false() {
            continue;
        }
        let arn = Arn::parse(destination);
        let (to, service) = arn
            .as_ref()
            .map_or(("", ""), |arn| (arn.account, arn.service));
        copies
            .shown
            .insert(format!("{} -> {destination}", filter.key()));
        if !to.is_empty() && to != account {
            copies.accounts.insert(to.to_owned());
        }
        // A destination of CloudWatch Logs, or a stream of the own account, leads on to where it could not be followed.
        let leaves = match (to == account, service) {
            // What the same file makes has no ARN yet.
            (false, _) if to.is_empty() => Observed::gap(Gap::unresolved(
                "log_subscription_filter.destination_arn",
                format!("where {destination} passes the log on to is not followed"),
            )),
            (false, _) => Known(true),
            (true, "logs" | "kinesis" | "firehose" | "lambda") => {
                Observed::gap(Gap::not_understood(
                    "log_subscription_filter.destination_arn",
                    format!("where {destination} passes the log on to is not followed"),
                ))
            }
            (true, _) => Known(false),
        };
        let whole = filter.text("pattern").and_then(is_everything);
        copies.leaves.push(leaves.and(is_about.clone()).and(whole));
        let flagged = filter.text("pattern").and_then(is_of_flagged);
        copies.flagged.push(flagged.clone().and(is_about));
        copies
            .other_key
            .push(flagged.and(Observed::gap(Gap::not_understood(
                "log_subscription_filter.destination_arn",
                format!("the key of what {destination} keeps is not read"),
            ))));
    }
}

fn replicas(facts: &Facts<'_>, account: &str, bucket: &str, copies: &mut Copies) {
    let row = match facts.world.lookup_anywhere("s3_bucket", bucket) {
        Lookup::Found(row) => row,
        Lookup::Absent => return,
        Lookup::Unknown(gaps) => {
            copies.gaps = merge(std::mem::take(&mut copies.gaps), gaps);
            return;
        }
    };
    // A bucket that lies in another account is a copy out of reach by itself.
    if row.account() != account {
        copies.accounts.insert(row.account().to_owned());
        copies.leaves.push(Known(true));
    }
    let rules = match row.json("replication") {
        Known(rules) => rules,
        Unknown(gaps) => {
            copies.gaps = merge(std::mem::take(&mut copies.gaps), gaps);
            return;
        }
    };
    for rule in rules.as_array().into_iter().flatten() {
        let text = |name: &str| rule.get(name).and_then(serde_json::Value::as_str);
        if text("status") == Some("Disabled") {
            continue;
        }
        let to = text("bucket").unwrap_or_default();
        let replica = facts.world.lookup_anywhere("s3_bucket", to);
        let owner = match (text("account").filter(|id| !id.is_empty()), &replica) {
            (Some(id), _) => Known(id.to_owned()),
            (None, Lookup::Found(replica)) => Known(replica.account().to_owned()),
            (None, Lookup::Absent) => Observed::gap(Gap::not_understood(
                "s3_bucket",
                format!("the owner of the bucket `{to}` could not be determined"),
            )),
            (None, Lookup::Unknown(gaps)) => Unknown(gaps.clone()),
        };
        copies.shown.insert(format!("{bucket} -> {to}"));
        if let Known(owner) = &owner
            && owner != account
        {
            copies.accounts.insert(owner.clone());
        }
        let whole = if rule["filtered"].as_bool() == Some(true) {
            Observed::gap(Gap::not_understood(
                "s3_bucket.replication",
                format!("{bucket} is replicated in part, and which part is not worked out"),
            ))
        } else {
            Known(true)
        };
        copies
            .leaves
            .push(owner.map(|owner| owner != account).and(whole.clone()));
        copies.flagged.push(whole);
        copies.other_key.push(match replica {
            Lookup::Found(replica) => other_key(facts, row, replica),
            Lookup::Absent => Known(false),
            Lookup::Unknown(gaps) => Unknown(gaps),
        });
    }
}

/// Is a replica under another key of a customer? A key and its alias are one key.
fn other_key(facts: &Facts<'_>, row: Row<'_>, replica: Row<'_>) -> Observed<bool> {
    let key = |bucket: Row<'_>| {
        let region = bucket.text("region_name").map(str::to_owned);
        bucket
            .text("kms_key_id")
            .map(str::to_owned)
            .zip(region)
            .and_then(|(reference, region)| {
                let (owner, _, local) = keys::place(bucket.account(), &region, &reference);
                if local.starts_with("alias/") && !local.starts_with("alias/aws/") {
                    match keys::resolve(facts, bucket.account(), &region, &reference) {
                        Known(Key::Row(row)) => Known(row.key().to_owned()),
                        Known(_) => Observed::gap(Gap::not_understood(
                            "kms_alias",
                            format!("which key the alias `{reference}` stands for is not known"),
                        )),
                        Unknown(gaps) => Unknown(gaps),
                    }
                } else if local.is_empty() || local.starts_with("alias/") {
                    Known(String::new())
                } else {
                    Known(format!("{owner}/{local}"))
                }
            })
    };
    let named = |text: String| match Arn::parse(&text) {
        Some(arn) => format!(
            "{}/{}",
            arn.account,
            arn.resource.trim_start_matches("key/")
        ),
        None => text,
    };
    key(row)
        .zip(key(replica))
        .map(|(own, other)| !other.is_empty() && named(own) != named(other))
}
