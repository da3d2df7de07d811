//! Subject: each account's place in the topology.

use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Lookup, Role, Span, Table};
use crate::model::{GLOBAL, Gap, Observed, account_arn, merge};
use crate::services;
use crate::subject_columns;
use crate::subjects::accounts::corpus_bucket::{self, Stores};
use crate::subjects::{Facts, Subject};
use crate::workloads;
use Observed::{Known, Unknown};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const CORPUS: Inputs = Inputs::All(&[
    services::bedrock_agent::DATA_SOURCE.list(),
    services::bedrock_agent::DATA_SOURCE.group("detail"),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
    services::s3::BUCKET.list(),
]);
const AUDIT: Inputs = Inputs::All(&[
    services::cloudtrail::TRAIL.list(),
    services::vpc::FLOW_LOG.list(),
    services::s3::BUCKET.list(),
]);
const GENAI: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    workloads::INPUTS,
]);
const ORGANIZATION: Inputs = Inputs::All(&[services::organizations::ORGANIZATION.list()]);
const ENVIRONMENT: Inputs = Inputs::All(&[
    services::lambda::FUNCTION.group("tags"),
    services::ecs::ECS_SERVICE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("tags"),
]);

/// Accounts.
pub const PLACEMENT: Table = Table {
    name: "account_placement",
    doc: "An account of the run: which functions of the platform were seen in it.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        flag("runs_inference", "Does a Bedrock caller run in it?").from(workloads::INPUTS),
        flag(
            "uses_genai",
            "Does it run a caller, a knowledge base or a Bedrock Agent?"
        )
        .from(GENAI),
        flag("holds_corpus", "Does it own a bucket of a knowledge base?").from(CORPUS),
        flag(
            "keeps_audit",
            "Does it keep trails or flow logs of an account of the run?"
        )
        .from(AUDIT),
        flag("has_audit", "Has it trails or flow logs at all?").from(AUDIT),
        flag(
            "trails_at_home",
            "Has it trails, and is every one kept in itself?"
        )
        .from(AUDIT),
        flag(
            "flow_logs_at_home",
            "Has it flow logs, and is every one kept in itself?"
        )
        .from(AUDIT),
        flag(
            "audit_at_home",
            "Is its audit trail kept in itself alone: every one of its trails, or of its flow logs where it has no trail?"
        )
        .from(AUDIT),
        json("audit_stores", "`[{kind, source, owner}]`.").from(AUDIT),
        list("corpus_buckets", "Buckets of knowledge bases that it owns.").from(CORPUS),
        list("callers", "Callers in it.").from(workloads::INPUTS),
        flag("in_organization", "Does it belong to an organisation?").from(ORGANIZATION),
        text("organization_id", "Which.")
            .absent("''")
            .from(ORGANIZATION),
        flag(
            "is_management",
            "Is it the management account of its organisation?"
        )
        .from(ORGANIZATION),
        flag(
            "all_features",
            "Has the organisation all features, control policies among them?"
        )
        .from(ORGANIZATION),
        flag(
            "single_member",
            "Is it the only account of its organisation?"
        )
        .from(Inputs::All(&[
            services::organizations::ORGANIZATION.list(),
            services::organizations::ORGANIZATION.group("members")
        ])),
        flag(
            "mixes_environments",
            "Do production and something else run in it?"
        )
        .from(ENVIRONMENT),
        list("environments", "Environments seen in it.").from(ENVIRONMENT),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &PLACEMENT,
    derive,
    rests_on_published_data: false,
};

/// True when a store satisfies; unknown when none does and more may be unseen.
fn any_store(
    stores: &Stores,
    gaps: &[Gap],
    kind: Option<&str>,
    test: impl Fn(&str) -> bool,
) -> Observed<bool> {
    let rest = if gaps.is_empty() {
        Known(false)
    } else {
        Unknown(gaps.to_vec())
    };
    Observed::any(
        stores
            .iter()
            .filter(|(known, ..)| kind.is_none_or(|kind| kind == *known))
            .map(|(.., owner)| owner.clone().map(|owner| test(&owner)))
            .chain([rest]),
    )
}

/// There are stores of a kind, and none of them is elsewhere. One copy elsewhere is enough.
fn at_home(stores: &Stores, gaps: &[Gap], kind: &str, account: &str) -> Observed<bool> {
    let there = if stores.iter().any(|(known, ..)| *known == kind) {
        Known(true)
    } else if gaps.is_empty() {
        Known(false)
    } else {
        Unknown(gaps.to_vec())
    };
    there.and(!any_store(stores, gaps, Some(kind), |owner| {
        owner != account
    }))
}

/// Is the audit trail kept at home alone? Flow logs decide where there is no trail.
fn audit_at_home(stores: &Stores, gaps: &[Gap], account: &str) -> Observed<bool> {
    let trails = at_home(stores, gaps, "trail", account);
    if stores.iter().any(|(kind, ..)| *kind == "trail") {
        return trails;
    }
    let flows = at_home(stores, gaps, "flow-log", account);
    if gaps.is_empty() {
        flows
    } else {
        trails.and(flows)
    }
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let accounts: Vec<String> = facts.world.accounts().map(str::to_owned).collect();
    let mut corpus: Vec<(String, Observed<String>)> = Vec::new();
    let mut corpus_gaps: Vec<Gap> = Vec::new();
    let mut audit: BTreeMap<&str, (Stores, Vec<Gap>)> = BTreeMap::new();
    for account in &accounts {
        corpus_gaps = merge(corpus_gaps, facts.settings.unscanned(account));
        for region in &facts.world.run.regions {
            let (found, gaps) = corpus_bucket::corpus(facts, account, region);
            corpus.extend(
                found
                    .into_iter()
                    .map(|bucket| (bucket.bucket.clone(), bucket.owner(facts))),
            );
            corpus_gaps = merge(corpus_gaps, gaps);
        }
        audit.insert(account, corpus_bucket::audit_stores(facts, account));
    }
    for account in &accounts {
        row(facts, sink, account, &corpus, &corpus_gaps, &audit);
    }
}

fn row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    account: &str,
    corpus: &[(String, Observed<String>)],
    corpus_gaps: &[Gap],
    audit: &BTreeMap<&str, (Stores, Vec<Gap>)>,
) {
    let empty = (Vec::new(), Vec::new());
    let (stores, gaps) = audit.get(account).unwrap_or(&empty);
    let callers = facts.workloads.all();
    let runs = callers.in_account(facts.world, account);
    let hidden = |gaps: &[Gap]| {
        if gaps.is_empty() {
            Known(false)
        } else {
            Unknown(gaps.to_vec())
        }
    };
    let owns = Observed::any(
        corpus
            .iter()
            .map(|(_, owner)| owner.clone().map(|owner| owner == account))
            .chain([hidden(corpus_gaps)]),
    );
    let keeps = Observed::any(
        audit
            .values()
            .map(|(stores, gaps)| any_store(stores, gaps, None, |owner| owner == account)),
    );
    let has_audit = if stores.is_empty() {
        hidden(gaps)
    } else {
        Known(true)
    };
    let mine: BTreeSet<String> = corpus
        .iter()
        .filter(|(_, owner)| owner.clone().known().as_deref() == Some(account))
        .map(|(bucket, _)| bucket.clone())
        .collect();
    let shown: Vec<_> = stores.iter().map(|(kind, source, owner)| json!({"kind": kind, "source": source, "owner": owner.clone().known()})).collect();
    let agents = Observed::any(facts.world.run.regions.iter().flat_map(|region| {
        ["bedrock_agent", "bedrock_knowledge_base"].map(|table| {
            let found = facts.world.all(table, account, region);
            if found.rows.is_empty() {
                hidden(&found.gaps)
            } else {
                Known(true)
            }
        })
    }));
    let organization = match facts.world.lookup("organization", account, GLOBAL, account) {
        Lookup::Found(row) => Known(row),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "organization",
            "the account gave no answer about its organisation",
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    let id = organization.clone().and_then(|row| row.text("id"));
    let single = organization.clone().and_then(|row| {
        row.text("master_account_id").and_then(|master| {
            // Beside a member there is the management account.
            if master != account {
                Known(false)
            } else {
                row.int("member_count").map(|count| count <= 1)
            }
        })
    });
    let (environments, mixes) = environments(facts, account);
    let known: BTreeSet<String> = callers
        .all
        .iter()
        .filter(|workload| workload.account == account && workload.is_caller().is_true())
        .map(|workload| workload.arn.clone())
        .collect();
    let mut row = sink.row(
        account,
        GLOBAL,
        account_arn(&facts.world.run.partition, account),
        "AWS::::Account",
    );
    let name = facts
        .world
        .run
        .account(account)
        .map_or("", |info| info.name.as_str());
    row.put("name", if name.is_empty() { account } else { name })
        .tagged(facts.settings, account, Known(BTreeMap::new()));
    row.set("uses_genai", runs.clone().or(agents))
        .set("runs_inference", runs)
        .set("holds_corpus", owns)
        .set("keeps_audit", keeps)
        .set("has_audit", has_audit)
        .set("trails_at_home", at_home(stores, gaps, "trail", account))
        .set(
            "flow_logs_at_home",
            at_home(stores, gaps, "flow-log", account),
        )
        .set("audit_at_home", audit_at_home(stores, gaps, account))
        .put("audit_stores", serde_json::Value::from(shown))
        .put("corpus_buckets", mine.into_iter().collect::<Vec<_>>())
        .put("callers", known.into_iter().collect::<Vec<_>>())
        .set("in_organization", id.clone().map(|id| !id.is_empty()))
        .set("organization_id", id)
        .set(
            "is_management",
            organization
                .clone()
                .and_then(|row| row.text("master_account_id"))
                .map(|master| master == account),
        )
        .set(
            "all_features",
            organization
                .and_then(|row| row.text("feature_set"))
                .map(|set| set == "ALL"),
        )
        .set("single_member", single)
        .set("mixes_environments", mixes)
        .set("environments", environments);
    sink.push(row);
}

/// Environments of callers and knowledge bases of an account.
fn environments(facts: &Facts<'_>, account: &str) -> (Observed<Vec<String>>, Observed<bool>) {
    let declared = facts
        .world
        .run
        .account(account)
        .map_or("", |info| info.environment.as_str());
    let callers = facts.workloads.all();
    let mut resources: Vec<(String, Observed<BTreeMap<String, String>>)> = Vec::new();
    let mut gaps: Vec<Gap> = facts.settings.unscanned(account);
    for region in &facts.world.run.regions {
        gaps = merge(gaps, callers.hidden(account, region));
        resources.extend(
            callers
                .known(account, region)
                .map(|workload| (workload.arn.clone(), workload.tags.clone())),
        );
        let bases = facts.world.all("bedrock_knowledge_base", account, region);
        gaps = merge(gaps, bases.gaps);
        resources.extend(
            bases
                .rows
                .into_iter()
                .map(|row| (row.key().to_owned(), row.tags())),
        );
    }
    let mut seen: BTreeSet<String> = BTreeSet::new();
    if !declared.is_empty() {
        seen.insert(declared.to_owned());
        // What the run does not hold is of the environment that was declared.
        gaps.clear();
    }
    let count = resources.len();
    for (resource, tags) in resources {
        match facts.settings.environment(account, &tags) {
            // A single resource cannot mix, whatever it is tagged.
            Known(name) if name.is_empty() && count < 2 => {}
            Known(name) if name.is_empty() => {
                gaps.push(Gap::not_understood("tags", format!("{resource} names no environment; tag it, or name the account's in the configuration")))
            }
            Known(name) => {
                seen.insert(name);
            }
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    let mixes = seen.iter().any(|name| facts.settings.is_production(name))
        && seen.iter().any(|name| !facts.settings.is_production(name));
    let listed = if gaps.is_empty() {
        Known(seen.into_iter().collect())
    } else {
        Unknown(gaps.clone())
    };
    (
        listed,
        if mixes {
            Known(true)
        } else if gaps.is_empty() {
            Known(false)
        } else {
            Unknown(gaps)
        },
    )
}
