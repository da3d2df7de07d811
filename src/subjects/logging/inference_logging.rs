//! Subject: model invocation logging of an account in a Region, link by link.

use super::genai_use;
use super::inference_log_group::LOGGING;
use crate::access::service::{may_bedrock, may_service};
use crate::derive::Sink;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Inputs, Lookup, Role, Row, Span, Table};
use crate::model::{GLOBAL, Gap, Observed, account_arn, merge};
use crate::subjects::encryption::keys::{self, Key};
use crate::subjects::{Facts, Subject};
use crate::{access, services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::json;
use std::collections::BTreeMap;

const CHAIN: Inputs = Inputs::All(&[
    LOGGING,
    services::logs::LOG_GROUP.list(),
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("encryption"),
    services::s3::BUCKET.group("policy"),
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::KEY.group("policy"),
    services::kms::KEY.group("grants"),
    services::kms::ALIAS.list(),
    services::iam::ROLE.list(),
    access::INPUTS,
]);

/// Model invocation logging.
pub const INFERENCE_LOGGING: Table = Table {
    name: "inference_logging",
    doc: "Model invocation logging of an account in a Region: is it on, what does it capture, and can it write to where it is told to.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag(
            "in_use",
            "Is Bedrock used in the Region: by a caller, a knowledge base, an agent or a flow, or by a recorded call?"
        )
        .from(genai_use::INPUTS),
        text("use_reason", "What shows that it is used.")
            .absent("''")
            .from(genai_use::INPUTS),
        flag("is_on", "Does the configuration name a log group or a bucket?").from(LOGGING),
        list(
            "destinations",
            "Log groups and buckets that the configuration names."
        )
        .from(LOGGING),
        flag("captures_text", "Is the text of prompts and answers delivered?").from(LOGGING),
        flag("captures_image", "Are images delivered?").from(LOGGING),
        flag("captures_embedding", "Are embeddings delivered?").from(LOGGING),
        flag("captures_video", "Is video delivered?").from(LOGGING),
        flag("captures_audio", "Is audio delivered?").from(LOGGING),
        flag(
            "large_payloads_kept",
            "Is there a bucket for payloads that are too large for a log event?"
        )
        .from(LOGGING),
        text(
            "omits_reason",
            "What is known to be left out: kinds of content, and payloads that are too large for a log event."
        )
        .absent("''")
        .from(LOGGING),
        flag(
            "is_deliverable",
            "Is every destination there, and may Bedrock write to it and encrypt what it writes?"
        )
        .from(CHAIN),
        text("broken_link", "The first link that is broken.")
            .absent("''")
            .from(CHAIN),
        json(
            "chain",
            "`[{link, of, state, why}]`: each link between a call and its log; `state` is `sound`, `broken` or `unknown`."
        )
        .from(CHAIN),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &INFERENCE_LOGGING,
    derive,
    rests_on_published_data: false,
};

/// One link of the chain: what it is about, and why it is broken, if it is.
struct Link {
    link: &'static str,
    of: String,
    broken: Observed<Option<String>>,
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&INFERENCE_LOGGING) {
        let scope = (account.as_str(), region.as_str());
        let configured = facts
            .world
            .all("bedrock_model_invocation_logging", &account, &region);
        let config = match configured.rows.first() {
            Some(row) => Known(Some(*row)),
            None if configured.gaps.is_empty() => Known(None),
            None => Unknown(configured.gaps),
        };
        let used = genai_use::in_use(facts, &account, &region);
        let resource = account_arn(&facts.world.run.partition, &account);
        let mut row = sink.row(&account, &region, resource, "AWS::::Account");
        row.put("name", facts.settings.account_name(&account))
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
        let places = destinations(&config);
        let is_on = places.clone().map(|places| !places.is_empty());
        let links = match &config {
            Known(Some(row)) => chain(facts, scope, *row),
            _ => Vec::new(),
        };
        let broken = links.iter().fold(Known(None), |found, link| {
            match (found, link.broken.clone()) {
                (Known(Some(why)), _) | (Known(None), Known(Some(why))) => Known(Some(why)),
                (Known(None), other) => other,
                (Unknown(_), Known(Some(why))) => Known(Some(why)),
                (Unknown(gaps), Known(None)) => Unknown(gaps),
                (Unknown(gaps), Unknown(more)) => Unknown(merge(gaps, more)),
            }
        });
        let broken = config.clone().and_then(|_| broken);
        let chain: Vec<_> = links.iter().map(Link::shown).collect();
        row.set("in_use", used.clone().map(|used| used.is_some()))
            .set("use_reason", used.map(Option::unwrap_or_default))
            .set("is_on", is_on)
            .set("destinations", places)
            .set("captures_text", delivers(&config, "text_delivery"))
            .set("captures_image", delivers(&config, "image_delivery"))
            .set(
                "captures_embedding",
                delivers(&config, "embedding_delivery"),
            )
            .set("captures_video", delivers(&config, "video_delivery"))
            .set("captures_audio", delivers(&config, "audio_delivery"))
            .set("large_payloads_kept", large_payloads(&config))
            .put("omits_reason", omits(&config))
            .set("is_deliverable", broken.clone().map(|why| why.is_none()))
            .set("broken_link", broken.map(Option::unwrap_or_default))
            .set("chain", config.map(|_| serde_json::Value::from(chain)));
        sink.push(row);
    }
}

fn destinations(config: &Observed<Option<Row<'_>>>) -> Observed<Vec<String>> {
    config.clone().and_then(|row| match row {
        None => Known(Vec::new()),
        Some(row) => {
            row.text("log_group_name")
                .zip(row.text("bucket_name"))
                .map(|(group, bucket)| {
                    let all = [group, bucket].into_iter();
                    all.filter(|name| !name.is_empty())
                        .map(str::to_owned)
                        .collect()
                })
        }
    })
}

fn delivers(config: &Observed<Option<Row<'_>>>, column: &str) -> Observed<bool> {
    config
        .clone()
        .and_then(|row| row.map_or(Known(false), |row| row.flag(column)))
}

/// Payloads over 100 kB and images go to a bucket or nowhere (Bedrock User Guide, "Monitor model invocation").
fn large_payloads(config: &Observed<Option<Row<'_>>>) -> Observed<bool> {
    config.clone().and_then(|row| {
        row.map_or(Known(false), |row| {
            let named = |column| row.text(column).map(|name| !name.is_empty());
            named("bucket_name").or(named("large_data_bucket_name"))
        })
    })
}

/// What is known to be left out.
fn omits(config: &Observed<Option<Row<'_>>>) -> String {
    let kinds = ["text", "image", "embedding", "video", "audio"];
    let missing: Vec<&str> = kinds
        .into_iter()
        .filter(|kind| delivers(config, &format!("{kind}_delivery")).is_false())
        .collect();
    let mut words = Vec::new();
    if !missing.is_empty() {
        words.push(format!("{} is not captured", missing.join(", ")));
    }
    if large_payloads(config).is_false() {
        words.push("payloads too large for a log event go nowhere".to_owned());
    }
    words.join("; ")
}

impl Link {
    fn shown(&self) -> serde_json::Value {
        let (state, why) = match &self.broken {
            Known(None) => ("sound", String::new()),
            Known(Some(why)) => ("broken", why.clone()),
            Unknown(gaps) => ("unknown", gaps.first().map_or_else(String::new, Gap::words)),
        };
        json!({"link": self.link, "of": self.of, "state": state, "why": why})
    }
}

/// A link that holds where the fact is true.
fn holds(fact: Observed<bool>, why: impl FnOnce() -> String) -> Observed<Option<String>> {
    fact.map(|holds| (!holds).then(why))
}

fn chain(facts: &Facts<'_>, scope: (&str, &str), config: Row<'_>) -> Vec<Link> {
    let mut links = Vec::new();
    match config.text("log_group_name") {
        Known("") => {}
        Known(name) => group_links(facts, scope, config, name, &mut links),
        Unknown(gaps) => links.push(Link {
            link: "log group",
            of: String::new(),
            broken: Unknown(gaps),
        }),
    }
    for (bucket, prefix) in [
        ("bucket_name", "bucket_prefix"),
        ("large_data_bucket_name", "large_data_prefix"),
    ] {
        match config.text(bucket) {
            Known("") => {}
            Known(name) => bucket_links(facts, scope, name, config.text(prefix), &mut links),
            Unknown(gaps) => links.push(Link {
                link: "bucket",
                of: String::new(),
                broken: Unknown(gaps),
            }),
        }
    }
    links
}

fn group_links(
    facts: &Facts<'_>,
    (account, region): (&str, &str),
    config: Row<'_>,
    name: &str,
    links: &mut Vec<Link>,
) {
    let group = super::inference_log_group::group(facts, account, region, name);
    links.push(Link {
        link: "log group",
        of: name.to_owned(),
        broken: group.clone().map(|group| {
            group
                .is_none()
                .then(|| format!("the log group {name} does not exist"))
        }),
    });
    if let Known(Some(row)) = group {
        let key = row.text("kms_key_id").map(str::to_owned);
        key_link(facts, (account, region), key, Target::Group(name), links);
    }
    let role = match config.text("role_arn") {
        Known(role) => role,
        Unknown(gaps) => {
            links.push(Link {
                link: "role",
                of: String::new(),
                broken: Unknown(gaps),
            });
            return;
        }
    };
    let found = match facts.world.lookup("iam_role", account, GLOBAL, role) {
        Lookup::Found(row) => row,
        Lookup::Absent => {
            links.push(Link {
                link: "role",
                of: role.to_owned(),
                broken: Known(Some(format!("the role {role} does not exist"))),
            });
            return;
        }
        Lookup::Unknown(gaps) => {
            links.push(Link {
                link: "role",
                of: role.to_owned(),
                broken: Unknown(gaps),
            });
            return;
        }
    };
    let trusts = found
        .json("assume_role_policy")
        .and_then(|policy| may_bedrock(role, &policy, "sts:AssumeRole", role, (account, region)));
    links.push(Link {
        link: "role",
        of: role.to_owned(),
        broken: holds(trusts, || {
            format!("the trust policy of {role} does not let bedrock.amazonaws.com assume it for this account and Region")
        }),
    });
    // The stream has a name of its own (Bedrock User Guide, "Monitor model invocation").
    let partition = &facts.world.run.partition;
    let stream = format!(
        "arn:{partition}:logs:{region}:{account}:log-group:{name}:log-stream:aws/bedrock/modelinvocations"
    );
    let writes = facts.principals.role(role).and_then(|access| {
        Observed::all(
            ["logs:CreateLogStream", "logs:PutLogEvents"].map(|action| access.may(action, &stream)),
        )
    });
    links.push(Link {
        link: "permission",
        of: role.to_owned(),
        broken: holds(writes, || {
            format!("the role {role} may not create the log stream or write events to {name}")
        }),
    });
}

fn bucket_links(
    facts: &Facts<'_>,
    (account, region): (&str, &str),
    name: &str,
    prefix: Observed<&str>,
    links: &mut Vec<Link>,
) {
    let bucket = facts.world.lookup("s3_bucket", account, GLOBAL, name);
    let broken = match &bucket {
        Lookup::Found(_) => Known(None),
        Lookup::Absent => Known(Some(format!(
            "the bucket {name} is not one of the account's; only buckets of the same account and Region can be written to"
        ))),
        Lookup::Unknown(gaps) => Unknown(gaps.clone()),
    };
    links.push(Link {
        link: "bucket",
        of: name.to_owned(),
        broken,
    });
    let Lookup::Found(row) = bucket else { return };
    links.push(Link {
        link: "Region",
        of: name.to_owned(),
        broken: row.text("region_name").map(|home| {
            (home != region).then(|| {
                format!("the bucket {name} lies in {home}; only buckets of the same Region can be written to")
            })
        }),
    });
    let written = prefix.map(|prefix| {
        let before = prefix.trim_end_matches('/');
        let before = if before.is_empty() {
            String::new()
        } else {
            format!("{before}/")
        };
        let partition = &facts.world.run.partition;
        format!(
            "arn:{partition}:s3:::{name}/{before}AWSLogs/{account}/BedrockModelInvocationLogs/{region}/x"
        )
    });
    let admits = row
        .json("policy")
        .zip(written)
        .and_then(|(policy, object)| {
            may_bedrock(name, &policy, "s3:PutObject", &object, (account, region))
        });
    links.push(Link {
        link: "bucket policy",
        of: name.to_owned(),
        broken: holds(admits, || {
            format!("the policy of bucket {name} does not let bedrock.amazonaws.com put objects for this account")
        }),
    });
    let key = row
        .text("sse_algorithm")
        .zip(row.text("kms_key_id"))
        .map(
            |(algorithm, key)| match (algorithm.starts_with("aws:kms"), key) {
                (true, "") => "alias/aws/s3".to_owned(),
                (true, key) => key.to_owned(),
                (false, _) => String::new(),
            },
        );
    key_link(facts, (account, region), key, Target::Bucket(name), links);
}

/// What a key encrypts.
#[derive(Clone, Copy)]
enum Target<'n> {
    Group(&'n str),
    Bucket(&'n str),
}

/// The key: usable, and one that lets the service encrypt that writes: Bedrock to a bucket, CloudWatch Logs to a group
/// (CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS Key Management Service").
fn key_link(
    facts: &Facts<'_>,
    (account, region): (&str, &str),
    reference: Observed<String>,
    target: Target<'_>,
    links: &mut Vec<Link>,
) {
    let of = reference.clone().known().unwrap_or_default();
    let key = reference.and_then(|reference| {
        keys::resolve(facts, account, region, &reference).map(|key| (key, reference))
    });
    let broken = match key {
        Known((Key::Service, _)) => return,
        Known((Key::Managed, reference)) => match target {
            Target::Bucket(_) => Observed::gap(Gap::not_understood(
                "kms_key.policy",
                format!(
                    "AWS does not document whether Bedrock can deliver under the AWS-managed key {reference}"
                ),
            )),
            Target::Group(_) => Known(None),
        },
        Known((Key::Missing, reference)) => {
            Known(Some(format!("the key {reference} does not exist")))
        }
        Known((Key::Foreign, reference)) => Observed::gap(Gap {
            reason: crate::model::Reason::NotScanned,
            ..Gap::not_understood(
                "kms_key",
                format!("the account of the key {reference} is not in this run"),
            )
        }),
        Known((Key::Row(row), _)) => key_row(facts, (account, region), row, target),
        Unknown(gaps) => Unknown(gaps),
    };
    links.push(Link {
        link: "key",
        of,
        broken,
    });
}

fn key_row(
    facts: &Facts<'_>,
    scope: (&str, &str),
    row: Row<'_>,
    target: Target<'_>,
) -> Observed<Option<String>> {
    let (account, region) = scope;
    let state = row.text("key_state").map(|state| {
        let dead = !["Enabled", "Updating", "Creating"].contains(&state);
        dead.then(|| format!("the key {} is in the state {state}", row.key()))
    });
    state.and_then(|dead| {
        if dead.is_some() {
            return Known(dead);
        }
        let partition = &facts.world.run.partition;
        let (service, what, more) = match target {
            Target::Bucket(name) => ("bedrock.amazonaws.com".to_owned(), name, Vec::new()),
            Target::Group(name) => (
                format!("logs.{region}.amazonaws.com"),
                name,
                vec![(
                    "kms:encryptioncontext:aws:logs:arn",
                    format!("arn:{partition}:logs:{region}:{account}:log-group:{name}"),
                )],
            ),
        };
        let admits = row.json("policy").and_then(|policy| {
            may_service(
                &service,
                row.key(),
                &policy,
                "kms:GenerateDataKey",
                row.key(),
                scope,
                &more,
            )
        });
        holds(admits, || {
            format!(
                "the policy of key {} does not let {service} encrypt what is written to {what}",
                row.key()
            )
        })
    })
}
