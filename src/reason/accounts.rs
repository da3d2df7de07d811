//! Subject: each account's place in the topology.

use super::topology::{self, Stores};
use super::{Context, Sink, paths};
use crate::inventory::cols::{flag, joined, json, list, text};
use crate::inventory::{Lookup, Role, Span, Table};
use crate::model::{GLOBAL, Gap, Observed, account_arn, merge};
use crate::subject_columns;
use Observed::{Known, Unknown};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const CORPUS: &[&str] =
    &["bedrock_data_source.list", "bedrock_data_source.detail", "bedrock_knowledge_base.list", "bedrock_knowledge_base.detail", "s3_bucket.list"];
const AUDIT: &[&str] = &["cloudtrail_trail.list", "vpc_flow_log.list", "s3_bucket.list"];
const GENAI: &[&str] = &joined::<{ 2 + paths::CALLER_INPUTS.len() }>(&[&["bedrock_agent.list", "bedrock_knowledge_base.list"], paths::CALLER_INPUTS]);
const ORGANIZATION: &[&str] = &["organization.list"];
const ENVIRONMENT: &[&str] = &["lambda_function.tags", "ecs_service.list", "bedrock_knowledge_base.tags"];

/// Accounts.
pub const PLACEMENT: Table = Table {
    name: "account_placement",
    doc: "An account of the run: which functions of the platform were seen in it.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        flag("runs_inference", "Does a Bedrock caller run in it?").by(paths::CALLER_INPUTS),
        flag("uses_genai", "Does it run a caller, a knowledge base or a Bedrock Agent?").by(GENAI),
        flag("holds_corpus", "Does it own a bucket of a knowledge base?").by(CORPUS),
        flag("keeps_audit", "Does it keep trails or flow logs of an account of the run?").by(AUDIT),
        flag("has_audit", "Has it trails or flow logs at all?").by(AUDIT),
        flag("trails_at_home", "Has it trails, and is every one kept in itself?").by(AUDIT),
        flag("flow_logs_at_home", "Has it flow logs, and is every one kept in itself?").by(AUDIT),
        json("audit_stores", "`[{kind, source, owner}]`.").by(AUDIT),
        list("corpus_buckets", "Buckets of knowledge bases that it owns.").by(CORPUS),
        list("callers", "Callers in it.").by(paths::CALLER_INPUTS),
        flag("in_organization", "Does it belong to an organisation?").by(ORGANIZATION),
        text("organization_id", "Which.").absent("''").by(ORGANIZATION),
        flag("all_features", "Has the organisation all features, control policies among them?").by(ORGANIZATION),
        flag("single_member", "Is it the only account of its organisation?").by(&["organization.list", "organization.members"]),
        flag("mixes_environments", "Do production and something else run in it?").by(ENVIRONMENT),
        list("environments", "Environments seen in it.").by(ENVIRONMENT),
    ],
    reads: &[],
    lists: &[],
};

/// True when a store satisfies; unknown when none does and more may be unseen.
fn any_store(stores: &Stores, gaps: &[Gap], kind: Option<&str>, test: impl Fn(&str) -> bool) -> Observed<bool> {
    let rest = if gaps.is_empty() { Known(false) } else { Unknown(gaps.to_vec()) };
    Observed::any(
        stores.iter().filter(|(known, ..)| kind.is_none_or(|kind| kind == *known)).map(|(.., owner)| owner.clone().map(|owner| test(&owner))).chain([rest]),
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
    there.and(!any_store(stores, gaps, Some(kind), |owner| owner != account))
}

pub(super) fn derive(context: &Context<'_>, sink: &mut Sink<'_>) {
    let accounts: Vec<String> = context.world.accounts().map(str::to_owned).collect();
    let mut corpus: Vec<(String, Observed<String>)> = Vec::new();
    let mut corpus_gaps: Vec<Gap> = Vec::new();
    let mut audit: BTreeMap<&str, (Stores, Vec<Gap>)> = BTreeMap::new();
    for account in &accounts {
        corpus_gaps = merge(corpus_gaps, context.unscanned(account));
        for region in &context.world.run.regions {
            let (found, gaps) = topology::corpus(context, account, region);
            corpus.extend(found.into_iter().map(|bucket| (bucket.bucket.clone(), bucket.owner(context))));
            corpus_gaps = merge(corpus_gaps, gaps);
        }
        audit.insert(account, topology::audit_stores(context, account));
    }
    for account in &accounts {
        row(context, sink, account, &corpus, &corpus_gaps, &audit);
    }
}

fn row(
    context: &Context<'_>,
    sink: &mut Sink<'_>,
    account: &str,
    corpus: &[(String, Observed<String>)],
    corpus_gaps: &[Gap],
    audit: &BTreeMap<&str, (Stores, Vec<Gap>)>,
) {
    let empty = (Vec::new(), Vec::new());
    let (stores, gaps) = audit.get(account).unwrap_or(&empty);
    let callers = context.callers();
    let runs = callers.in_account(context, account);
    let hidden = |gaps: &[Gap]| if gaps.is_empty() { Known(false) } else { Unknown(gaps.to_vec()) };
    let owns = Observed::any(corpus.iter().map(|(_, owner)| owner.clone().map(|owner| owner == account)).chain([hidden(corpus_gaps)]));
    let keeps = Observed::any(audit.values().map(|(stores, gaps)| any_store(stores, gaps, None, |owner| owner == account)));
    let has_audit = if stores.is_empty() { hidden(gaps) } else { Known(true) };
    let mine: BTreeSet<String> =
        corpus.iter().filter(|(_, owner)| owner.clone().known().as_deref() == Some(account)).map(|(bucket, _)| bucket.clone()).collect();
    let shown: Vec<_> = stores.iter().map(|(kind, source, owner)| json!({"kind": kind, "source": source, "owner": owner.clone().known()})).collect();
    let agents = Observed::any(context.world.run.regions.iter().flat_map(|region| {
        ["bedrock_agent", "bedrock_knowledge_base"].map(|table| {
            let found = context.world.all(table, account, region);
            if found.rows.is_empty() { hidden(&found.gaps) } else { Known(true) }
        })
    }));
    let organization = match context.world.lookup("organization", account, GLOBAL, account) {
        Lookup::Found(row) => Known(row),
        Lookup::Absent => Observed::gap(Gap::not_understood("organization", "the account gave no answer about its organisation")),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    let id = organization.clone().and_then(|row| row.text("id"));
    let single = organization.clone().and_then(|row| {
        row.text("master_account_id").and_then(|master| {
            // Beside a member there is the management account.
            if master != account { Known(false) } else { row.int("member_count").map(|count| count <= 1) }
        })
    });
    let (environments, mixes) = environments(context, account);
    let known: BTreeSet<String> =
        callers.all.iter().filter(|workload| workload.account == account && workload.is_caller().is_true()).map(|workload| workload.arn.clone()).collect();
    let mut row = sink.row(account, GLOBAL, account_arn(&context.world.run.partition, account), "AWS::::Account");
    let name = context.world.run.account(account).map_or("", |info| info.name.as_str());
    row.put("name", if name.is_empty() { account } else { name }).tagged(context, account, Known(BTreeMap::new()));
    row.set("uses_genai", runs.clone().or(agents))
        .set("runs_inference", runs)
        .set("holds_corpus", owns)
        .set("keeps_audit", keeps)
        .set("has_audit", has_audit)
        .set("trails_at_home", at_home(stores, gaps, "trail", account))
        .set("flow_logs_at_home", at_home(stores, gaps, "flow-log", account))
        .put("audit_stores", serde_json::Value::from(shown))
        .put("corpus_buckets", mine.into_iter().collect::<Vec<_>>())
        .put("callers", known.into_iter().collect::<Vec<_>>())
        .set("in_organization", id.clone().map(|id| !id.is_empty()))
        .set("organization_id", id)
        .set("all_features", organization.and_then(|row| row.text("feature_set")).map(|set| set == "ALL"))
        .set("single_member", single)
        .set("mixes_environments", mixes)
        .set("environments", environments);
    sink.push(row);
}

/// Environments of callers and knowledge bases of an account.
fn environments(context: &Context<'_>, account: &str) -> (Observed<Vec<String>>, Observed<bool>) {
    if let Some(info) = context.world.run.account(account).filter(|info| !info.environment.is_empty()) {
        return (Known(vec![info.environment.clone()]), Known(false));
    }
    let callers = context.callers();
    let mut resources: Vec<(String, Observed<BTreeMap<String, String>>)> = Vec::new();
    let mut gaps: Vec<Gap> = context.unscanned(account);
    for region in &context.world.run.regions {
        gaps = merge(gaps, callers.hidden(account, region));
        resources.extend(callers.known(account, region).map(|workload| (workload.arn.clone(), workload.tags.clone())));
        let bases = context.world.all("bedrock_knowledge_base", account, region);
        gaps = merge(gaps, bases.gaps);
        resources.extend(bases.rows.into_iter().map(|row| (row.key().to_owned(), row.tags())));
    }
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let count = resources.len();
    for (resource, tags) in resources {
        match context.environment(account, &tags) {
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
    let mixes = seen.iter().any(|name| context.is_production(name)) && seen.iter().any(|name| !context.is_production(name));
    let listed = if gaps.is_empty() { Known(seen.into_iter().collect()) } else { Unknown(gaps.clone()) };
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
