//! Who owns what: the buckets of the corpus, the trails, the pipelines.

use super::{Context, Sink, paths};
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Lookup, Role, Span, Table};
use crate::model::{AccountKind, Arn, Gap, Observed, merge};
use crate::subject_columns;
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const SOURCES: &[&str] = &["bedrock_data_source.list", "bedrock_data_source.detail", "bedrock_knowledge_base.list", "bedrock_knowledge_base.detail"];
const OWNERS: &[&str] =
    &["bedrock_data_source.list", "bedrock_data_source.detail", "bedrock_knowledge_base.list", "bedrock_knowledge_base.detail", "s3_bucket.list"];
const PIPELINES: &[&str] = &["codepipeline_pipeline.list", "codepipeline_pipeline.detail"];

/// Buckets of knowledge bases.
pub const CORPUS_BUCKET: Table = Table {
    name: "corpus_bucket",
    doc: "A bucket of a knowledge base: originals, intermediate or supplemental data.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("bucket_role", "`originals`, `intermediate` or `supplemental`.").by(SOURCES),
        text("knowledge_base", "Knowledge base.").by(SOURCES),
        text("owner_account_id", "Account that owns the bucket; its ARN does not tell.").by(OWNERS),
        flag("in_workload_account", "Does that account run Bedrock callers, or is it configured as a workload account?").by(paths::CALLER_INPUTS),
        list("workload_accounts", "Accounts of the run with callers.").by(paths::CALLER_INPUTS),
    ],
    reads: &[],
    lists: SOURCES,
};

/// Pipelines.
pub const DEPLOY_PIPELINE: Table = Table {
    name: "deploy_pipeline",
    doc: "A CodePipeline pipeline and the account it runs in.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag("deploys", "Has it an action of the category `Deploy`?").by(PIPELINES),
        text("role_arn", "Role.").by(PIPELINES),
        flag("in_workload_account", "Does its account run Bedrock callers, or is it configured as a workload account?").by(paths::CALLER_INPUTS),
        text("account_kind", "Kind of the account in the configuration.").absent("'unknown'").by(&[]),
    ],
    reads: &[],
    lists: PIPELINES,
};

/// Is it an account that runs the workload? The configuration decides, else what was seen there.
pub(super) fn is_workload_account(context: &Context<'_>, account: &str) -> Observed<bool> {
    match context.world.run.account(account).map(|info| info.kind) {
        Some(AccountKind::Workload) => Known(true),
        Some(AccountKind::Data | AccountKind::Platform) => Known(false),
        Some(AccountKind::Unknown) => context.callers().in_account(context, account),
        None => Observed::gap(Gap {
            fact: "lambda_function".to_owned(),
            operation: String::new(),
            action: String::new(),
            reason: crate::model::Reason::NotScanned,
            detail: format!("the account {account} is not in this run"),
        }),
    }
}

/// The account that owns a bucket.
pub(super) fn bucket_owner(context: &Context<'_>, bucket: &str) -> Observed<String> {
    match context.world.lookup_anywhere("s3_bucket", bucket) {
        Lookup::Found(row) => Known(row.account().to_owned()),
        Lookup::Absent => Observed::gap(Gap::not_understood("s3_bucket", format!("the bucket `{bucket}` does not exist"))),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// One bucket of the corpus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Corpus {
    /// Bucket.
    pub bucket: String,
    /// `originals`, `intermediate` or `supplemental`.
    pub part: &'static str,
    /// Knowledge base id.
    pub knowledge_base: String,
    /// Owner that the configuration names; may be empty.
    pub named_owner: String,
}

impl Corpus {
    /// The account that owns it.
    pub fn owner(&self, context: &Context<'_>) -> Observed<String> {
        match bucket_owner(context, &self.bucket) {
            Known(owner) => Known(owner),
            Unknown(_) if !self.named_owner.is_empty() => Known(self.named_owner.clone()),
            unknown => unknown,
        }
    }
}

/// The corpus of a scope, and what may hide more.
pub(super) fn corpus(context: &Context<'_>, account: &str, region: &str) -> (BTreeSet<Corpus>, Vec<Gap>) {
    let mut all = BTreeSet::new();
    let sources = context.world.all("bedrock_data_source", account, region);
    let bases = context.world.all("bedrock_knowledge_base", account, region);
    let mut gaps = merge(sources.gaps, bases.gaps);
    for row in sources.rows {
        // The key is `knowledge base/data source`.
        let base = match row.text("id") {
            Known(id) => id.split('/').next().unwrap_or(id).to_owned(),
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        for (column, part) in [("bucket_name", "originals"), ("intermediate_bucket_name", "intermediate")] {
            match row.text(column) {
                Known("") => {}
                Known(bucket) => {
                    let named_owner =
                        if part == "originals" { row.text("bucket_owner_account_id").known().unwrap_or_default().to_owned() } else { String::new() };
                    all.insert(Corpus { bucket: bucket.to_owned(), part, knowledge_base: base.clone(), named_owner });
                }
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
    }
    for row in bases.rows {
        match row.list("supplemental_buckets").zip(row.text("id")) {
            Known((buckets, base)) => all.extend(buckets.into_iter().map(|bucket| Corpus {
                bucket,
                part: "supplemental",
                knowledge_base: base.to_owned(),
                named_owner: String::new(),
            })),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    (all, gaps)
}

pub(super) fn derive_corpus(context: &Context<'_>, sink: &mut Sink<'_>) {
    let workload_accounts: Vec<Observed<(String, bool)>> =
        context.world.accounts().map(|account| is_workload_account(context, account).map(|is| (account.to_owned(), is))).collect();
    let listed = workload_accounts.into_iter().fold(Known(Vec::new()), |all: Observed<Vec<String>>, next| {
        all.zip(next).map(|(mut all, (account, is))| {
            if is {
                all.push(account);
            }
            all
        })
    });
    for (account, region) in context.scopes(&CORPUS_BUCKET) {
        let (corpus, gaps) = corpus(context, &account, &region);
        sink.hide(&account, &region, gaps);
        for bucket in corpus {
            let owner = bucket.owner(context);
            let mut row = sink.row(&account, &region, format!("arn:{}:s3:::{}", context.world.run.partition, bucket.bucket), "AWS::S3::Bucket");
            row.put("part", format!("{}/{}", bucket.knowledge_base, bucket.part)).put("name", bucket.bucket.as_str()).tagged(
                context,
                &account,
                Known(BTreeMap::new()),
            );
            row.put("bucket_role", bucket.part)
                .put("knowledge_base", bucket.knowledge_base.as_str())
                .set("in_workload_account", owner.clone().and_then(|owner| is_workload_account(context, &owner)))
                .set("owner_account_id", owner)
                .set("workload_accounts", listed.clone());
            sink.push(row);
        }
    }
}

pub(super) fn derive_pipelines(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&DEPLOY_PIPELINE) {
        let pipelines = context.world.all("codepipeline_pipeline", &account, &region);
        sink.hide(&account, &region, pipelines.gaps);
        for pipeline in pipelines.rows {
            let arn = pipeline
                .text("arn")
                .known()
                .filter(|arn| !arn.is_empty())
                .map_or_else(|| format!("arn:{}:codepipeline:{region}:{account}:{}", context.world.run.partition, pipeline.key()), str::to_owned);
            let kind = context.world.run.account(&account).map_or("unknown", |info| match info.kind {
                AccountKind::Workload => "workload",
                AccountKind::Data => "data",
                AccountKind::Platform => "platform",
                AccountKind::Unknown => "unknown",
            });
            let mut row = sink.row(&account, &region, arn, "AWS::CodePipeline::Pipeline");
            row.put("name", pipeline.key()).tagged(context, &account, Known(BTreeMap::new()));
            row.set("deploys", pipeline.flag("deploys"))
                .set("role_arn", pipeline.text("role_arn"))
                .put("account_kind", kind)
                .set("in_workload_account", is_workload_account(context, &account));
            sink.push(row);
        }
    }
}

/// Trails and flow logs: kind, source, and the account that keeps them.
pub(super) type Stores = Vec<(&'static str, String, Observed<String>)>;

/// Where an account's trails and flow logs end: `(kind, source, owner)`, and what may hide more.
pub(super) fn audit_stores(context: &Context<'_>, account: &str) -> (Stores, Vec<Gap>) {
    let mut stores = Vec::new();
    let mut gaps = context.unscanned(account);
    let mut seen = BTreeSet::new();
    for region in &context.world.run.regions {
        let trails = context.world.all("cloudtrail_trail", account, region);
        gaps = merge(gaps, trails.gaps);
        for trail in trails.rows.iter().filter(|trail| seen.insert(trail.key().to_owned())) {
            match trail.text("bucket_name") {
                Known("") => {}
                Known(bucket) => stores.push(("trail", trail.key().to_owned(), bucket_owner(context, bucket))),
                Unknown(more) => stores.push(("trail", trail.key().to_owned(), Unknown(more))),
            }
        }
        let flows = context.world.all("vpc_flow_log", account, region);
        gaps = merge(gaps, flows.gaps);
        for flow in flows.rows {
            let owner =
                flow.text("destination_type").zip(flow.text("destination")).zip(flow.text("cross_account_role_arn")).and_then(|((kind, destination), role)| {
                    match kind {
                        "s3" => bucket_owner(context, Arn::parse(destination).map_or(destination, |arn| arn.resource.split('/').next().unwrap_or_default())),
                        _ => {
                            let owner = [role, destination]
                                .iter()
                                .find_map(|text| Arn::parse(text).map(|arn| arn.account).filter(|id| !id.is_empty() && *id != account));
                            match owner {
                                Some(owner) => Known(owner.to_owned()),
                                // A local log group may be copied on by a subscription, which is not read.
                                None => Observed::gap(Gap::not_understood(
                                    "vpc_flow_log.destination",
                                    "it goes to a log group of the account itself; whether a subscription copies it elsewhere is not read",
                                )),
                            }
                        }
                    }
                });
            stores.push(("flow-log", flow.key().to_owned(), owner));
        }
    }
    stores.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    (stores, gaps)
}
