//! Subject: access keys of users, and what they reach of generative AI.

use super::knowledge_base_role::STORES;
use crate::access::principal::Access;
use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text, time};
use crate::inventory::{Inputs, Lookup, Role, Row, Span, Table};
use crate::model::{Arn, GLOBAL, Gap, Observed, merge};
use crate::subjects::accounts::corpus_bucket;
use crate::subjects::{Facts, Subject};
use crate::{access, services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const KEYS: Inputs = Inputs::All(&[
    services::iam::ACCESS_KEY.list(),
    services::iam::ACCESS_KEY.group("last-used"),
]);
const REACH: Inputs = Inputs::All(&[
    services::iam::ACCESS_KEY.list(),
    services::iam::USER.list(),
    access::INPUTS,
    services::bedrock_agent::DATA_SOURCE.list(),
    services::bedrock_agent::DATA_SOURCE.group("detail"),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
    services::opensearch::ACCESS_POLICY.list(),
    services::opensearch::ACCESS_POLICY.group("detail"),
]);

/// Access keys.
pub const ACCESS_KEY: Table = Table {
    name: "access_key",
    doc: "An access key of a user or of the root user, and what of generative AI it reaches.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        text("user_name", "User.").from(KEYS),
        text("status", "`Active`, `Inactive` or `Expired`.").from(KEYS),
        time("last_used", "When it was used last.")
            .absent("'' (never)")
            .from(KEYS),
        list(
            "reaches",
            "What it is known to reach: `models`, `corpus`, `index`."
        )
        .from(REACH),
        flag("reaches_genai", "Does it reach any of these?").from(REACH),
    ],
    reads: &[],
    lists: services::iam::ACCESS_KEY.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &ACCESS_KEY,
    derive,
    rests_on_published_data: true,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let (corpus, corpus_gaps) = corpus(facts);
    let (named, index_gaps) = index_principals(facts);
    for (account, _) in facts.settings.scopes(&ACCESS_KEY) {
        let keys = facts.world.all("iam_access_key", &account, GLOBAL);
        sink.hide(&account, GLOBAL, keys.gaps);
        for key in keys.rows {
            let user = match key.text("user_arn") {
                Known(user) => user,
                Unknown(gaps) => {
                    sink.hide(&account, GLOBAL, gaps);
                    continue;
                }
            };
            let is_root = Arn::parse(user).is_some_and(|arn| arn.resource == "root");
            let answers = if is_root {
                vec![("models", Known(true))]
            } else {
                reach(
                    facts,
                    &account,
                    user,
                    (&corpus, &corpus_gaps),
                    (&named, &index_gaps),
                )
            };
            let reaches: Vec<String> = answers
                .iter()
                .filter(|(_, reached)| reached.is_true())
                .map(|(what, _)| (*what).to_owned())
                .collect();
            let any = Observed::any(answers.into_iter().map(|(_, reached)| reached));
            let mut row = sink.row(&account, GLOBAL, user, "AWS::IAM::User");
            let name = Arn::parse(user).map_or(user, |arn| arn.name());
            row.put("part", key.key()).put("name", name).tagged(
                facts.settings,
                &account,
                Known(BTreeMap::new()),
            );
            row.put("user_name", name)
                .set("status", key.text("status").map(str::to_owned))
                .set("last_used", key.text("last_used").map(str::to_owned))
                .put("reaches", reaches)
                .set("reaches_genai", any);
            sink.push(row);
        }
    }
}

/// Buckets of knowledge bases in the run.
fn corpus(facts: &Facts<'_>) -> (BTreeSet<String>, Vec<Gap>) {
    let (mut buckets, mut gaps) = (BTreeSet::new(), Vec::new());
    for account in facts.world.accounts() {
        for region in &facts.world.run.regions {
            let (found, more) = corpus_bucket::corpus(facts, account, region);
            buckets.extend(found.into_iter().map(|one| one.bucket));
            gaps = merge(gaps, more);
        }
    }
    (buckets, gaps)
}

/// Principals that data access policies name.
fn index_principals(facts: &Facts<'_>) -> (BTreeSet<String>, Vec<Gap>) {
    let mut named = BTreeSet::new();
    let mut gaps = facts.world.hidden_anywhere("aoss_access_policy");
    for policy in facts.world.everywhere("aoss_access_policy") {
        match policy.json("policy") {
            Known(statements) => {
                for statement in statements.as_array().into_iter().flatten() {
                    let all = statement.get("Principal").and_then(Json::as_array);
                    let all = all.into_iter().flatten().filter_map(Json::as_str);
                    named.extend(all.map(str::to_owned));
                }
            }
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    (named, gaps)
}

/// Vector stores that IAM alone decides over, which a knowledge base names.
fn stores(facts: &Facts<'_>, access: &Access) -> Observed<bool> {
    let hidden = facts.world.hidden_anywhere("bedrock_knowledge_base");
    let mut all = Vec::new();
    for (kind, actions) in STORES
        .iter()
        .filter(|(kind, _)| *kind != "OPENSEARCH_SERVERLESS")
    {
        for action in *actions {
            let reached = facts
                .world
                .everywhere("bedrock_knowledge_base")
                .into_iter()
                .map(|base| {
                    base.text("storage_type")
                        .zip(base.text("storage_id"))
                        .and_then(|(own, id)| {
                            if own != *kind || id.is_empty() {
                                return Known(false);
                            }
                            access
                                .may(action, id)
                                .or(access.may(action, &format!("{id}/x")))
                        })
                });
            let rest = if hidden.is_empty() {
                Known(false)
            } else {
                Unknown(hidden.clone())
            };
            all.push(
                access
                    .may_any(action)
                    .and(Observed::any(reached.chain([rest]))),
            );
        }
    }
    Observed::any(all)
}

type Seen<'s> = (&'s BTreeSet<String>, &'s [Gap]);

fn reach(
    facts: &Facts<'_>,
    account: &str,
    user: &str,
    (corpus, corpus_gaps): Seen<'_>,
    (named, index_gaps): Seen<'_>,
) -> Vec<(&'static str, Observed<bool>)> {
    let row: Row<'_> = match facts.world.lookup("iam_user", account, GLOBAL, user) {
        Lookup::Found(row) => row,
        Lookup::Absent => {
            let gap = Gap::not_understood(
                "iam_user",
                format!("`{user}` has access keys, but is not in the list"),
            );
            return vec![("models", Observed::gap(gap))];
        }
        Lookup::Unknown(gaps) => return vec![("models", Unknown(gaps))],
    };
    let access = facts.principals.of(row);
    let partition = &facts.world.run.partition;
    // Whatever API family it may call: a model, an agent, a flow, or retrieval.
    let models = access
        .invokes
        .clone()
        .map(|found| found.is_some())
        .or(access.families.any())
        .or(access.may_any("bedrock:InvokeModelWithBidirectionalStream"));
    let hidden = |gaps: &[Gap]| {
        if gaps.is_empty() {
            Known(false)
        } else {
            Unknown(gaps.to_vec())
        }
    };
    // Where its policies allow no object at all, no bucket has to be known.
    let documents = Observed::any(["s3:GetObject", "s3:GetObjectVersion"].map(|action| {
        access.may_any(action).and(Observed::any(
            corpus
                .iter()
                .map(|bucket| {
                    access.may(action, &format!("arn:{partition}:s3:::{bucket}/document"))
                })
                .chain([hidden(corpus_gaps)]),
        ))
    }));
    let index = access
        .may_any("aoss:APIAccessAll")
        .and(if named.contains(user) {
            Known(true)
        } else {
            hidden(index_gaps)
        });
    let index = index.or(stores(facts, &access));
    vec![("models", models), ("corpus", documents), ("index", index)]
}
