//! Who owns what: the buckets of the corpus, the trails, the pipelines.

use crate::access::bucket;
use crate::derive::{DerivedRow, Sink};
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Lookup, Role, Row, Span, Table};
use crate::model::{AccountKind, Arn, Gap, Observed, merge};
use crate::services;
use crate::subject_columns;
use crate::subjects::encryption::keys;
use crate::subjects::{Facts, Subject};
use crate::workloads;
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const SOURCES: Inputs = Inputs::All(&[
    services::bedrock_agent::DATA_SOURCE.list(),
    services::bedrock_agent::DATA_SOURCE.group("detail"),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
]);
const OWNERS: Inputs = Inputs::All(&[
    services::bedrock_agent::DATA_SOURCE.list(),
    services::bedrock_agent::DATA_SOURCE.group("detail"),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
    services::s3::BUCKET.list(),
]);

const KEYS: Inputs = Inputs::All(&[
    OWNERS,
    services::s3::BUCKET.group("encryption"),
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::ALIAS.list(),
]);
const VERSIONS: Inputs = Inputs::All(&[OWNERS, services::s3::BUCKET.group("versioning")]);
const PUBLIC: Inputs = Inputs::All(&[OWNERS, bucket::PUBLIC]);
const SHARED: Inputs = Inputs::All(&[OWNERS, bucket::SHARED]);

/// Buckets of knowledge bases.
pub const CORPUS_BUCKET: Table = Table {
    name: "corpus_bucket",
    doc: "A bucket of a knowledge base: originals, intermediate or supplemental data.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "bucket_role",
            "`originals`, `intermediate` or `supplemental`."
        )
        .from(SOURCES),
        text("knowledge_base", "Knowledge base.").from(SOURCES),
        text(
            "owner_account_id",
            "Account that owns the bucket; its ARN does not tell."
        )
        .from(OWNERS),
        flag(
            "in_workload_account",
            "Does that account run Bedrock callers, or is it configured as a workload account?"
        )
        .from(workloads::INPUTS),
        list("workload_accounts", "Accounts of the run with callers.").from(workloads::INPUTS),
        text("versioning", "`Enabled` or `Suspended`.")
            .absent("'' (it was never turned on)")
            .from(VERSIONS),
        text("bucket_region", "Region that it lies in.").from(OWNERS),
        flag(
            "in_same_region",
            "Does it lie in the Region of the knowledge base, or in one that `allowed_region_pairs` lets it?"
        )
        .from(OWNERS),
        text("sse_algorithm", "Its default encryption.").from(KEYS),
        text("kms_key_id", "Key of its default encryption.")
            .absent("''")
            .from(KEYS),
        flag("has_customer_key", "Is it encrypted with a customer key?").from(KEYS),
        flag("is_public", "Can whoever likes read it from the internet?").from(PUBLIC),
        text("public_reason", "By what.").absent("''").from(PUBLIC),
        json("public_witness", "A request or grant that shows it.")
            .absent("null")
            .from(PUBLIC),
        flag(
            "is_shared_widely",
            "Does it let in more than named roles of trusted accounts?"
        )
        .from(SHARED),
        text("shared_reason", "Whom.").absent("''").from(SHARED),
        json("shared_witness", "A request, grant or rule that shows it.")
            .absent("null")
            .from(SHARED),
    ],
    reads: &[],
    lists: SOURCES,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &CORPUS_BUCKET,
    derive: derive_corpus,
    rests_on_published_data: false,
};

/// Is it an account that runs the workload? What was seen there decides, and what the configuration says where nothing was seen.
pub(crate) fn is_workload_account(facts: &Facts<'_>, account: &str) -> Observed<bool> {
    match facts.world.run.account(account).map(|info| info.kind) {
        Some(AccountKind::Workload) => Known(true),
        Some(AccountKind::Data | AccountKind::Platform) => {
            let seen = facts.workloads.all().in_account(facts.world, account);
            Known(seen == Known(true))
        }
        Some(AccountKind::Unknown) => facts.workloads.all().in_account(facts.world, account),
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
pub(crate) fn bucket_owner(facts: &Facts<'_>, bucket: &str) -> Observed<String> {
    match facts.world.lookup_anywhere("s3_bucket", bucket) {
        Lookup::Found(row) => Known(row.account().to_owned()),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "s3_bucket",
            format!("the bucket `{bucket}` does not exist"),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// One bucket of the corpus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Corpus {
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
    pub fn owner(&self, facts: &Facts<'_>) -> Observed<String> {
        match bucket_owner(facts, &self.bucket) {
            Known(owner) => Known(owner),
            Unknown(_) if !self.named_owner.is_empty() => Known(self.named_owner.clone()),
            unknown => unknown,
        }
    }
}

/// The buckets of a data source, and what each holds.
pub(crate) fn buckets_of(source: Row<'_>) -> Observed<Vec<(String, &'static str)>> {
    // A managed knowledge base has its buckets in the parameters of a connector.
    let connected = match source.text("type") {
        Known(other) if other != "MANAGED_KNOWLEDGE_BASE_CONNECTOR" => Known(Vec::new()),
        _ => source.list("connector_buckets"),
    };
    let named = source
        .text("bucket_name")
        .zip(source.text("intermediate_bucket_name"));
    connected
        .zip(named)
        .map(|(connected, (original, intermediate))| {
            let mut all: Vec<(String, &'static str)> = connected
                .into_iter()
                .map(|bucket| (bucket, "originals"))
                .collect();
            all.push((original.to_owned(), "originals"));
            all.push((intermediate.to_owned(), "intermediate"));
            all.retain(|(bucket, _)| !bucket.is_empty());
            all
        })
}

/// The corpus of a scope, and what may hide more.
pub(crate) fn corpus(
    facts: &Facts<'_>,
    account: &str,
    region: &str,
) -> (BTreeSet<Corpus>, Vec<Gap>) {
    let mut all = BTreeSet::new();
    let sources = facts.world.all("bedrock_data_source", account, region);
    let bases = facts.world.all("bedrock_knowledge_base", account, region);
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
        let named_owner = row.text("bucket_owner_account_id").known();
        match buckets_of(row) {
            Known(buckets) => all.extend(buckets.into_iter().map(|(bucket, part)| {
                Corpus {
                    bucket,
                    part,
                    knowledge_base: base.clone(),
                    named_owner: named_owner
                        .filter(|_| part == "originals")
                        .unwrap_or_default()
                        .to_owned(),
                }
            })),
            Unknown(more) => gaps = merge(gaps, more),
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

pub(crate) fn derive_corpus(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let workload_accounts: Vec<Observed<(String, bool)>> = facts
        .world
        .accounts()
        .map(|account| is_workload_account(facts, account).map(|is| (account.to_owned(), is)))
        .collect();
    let listed = workload_accounts.into_iter().fold(
        Known(Vec::new()),
        |all: Observed<Vec<String>>, next| {
            all.zip(next).map(|(mut all, (account, is))| {
                if is {
                    all.push(account);
                }
                all
            })
        },
    );
    for (account, region) in facts.settings.scopes(&CORPUS_BUCKET) {
        let (corpus, gaps) = corpus(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for bucket in corpus {
            let owner = bucket.owner(facts);
            let mut row = sink.row(
                &account,
                &region,
                format!("arn:{}:s3:::{}", facts.world.run.partition, bucket.bucket),
                "AWS::S3::Bucket",
            );
            row.put("part", format!("{}/{}", bucket.knowledge_base, bucket.part))
                .put("name", bucket.bucket.as_str())
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.put("bucket_role", bucket.part)
                .put("knowledge_base", bucket.knowledge_base.as_str())
                .set(
                    "in_workload_account",
                    owner
                        .clone()
                        .and_then(|owner| is_workload_account(facts, &owner)),
                )
                .set("owner_account_id", owner)
                .set("workload_accounts", listed.clone());
            protection(facts, &mut row, &bucket.bucket, &region);
            sink.push(row);
        }
    }
}

/// Its encryption, and whom it lets in.
fn protection(facts: &Facts<'_>, row: &mut DerivedRow, name: &str, region: &str) {
    let found = match facts.world.lookup_anywhere("s3_bucket", name) {
        Lookup::Found(found) => Known(found),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "s3_bucket",
            format!("the bucket `{name}` does not exist"),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    let home = found
        .clone()
        .and_then(|bucket| bucket.text("region_name").map(str::to_owned));
    let pairs = facts.settings.list("allowed_region_pairs");
    row.set(
        "versioning",
        found
            .clone()
            .and_then(|bucket| bucket.text("versioning").map(str::to_owned)),
    )
    .set(
        "in_same_region",
        home.clone()
            .map(|home| home == region || pairs.contains(&format!("{region}:{home}"))),
    )
    .set("bucket_region", home);
    let algorithm = found
        .clone()
        .and_then(|bucket| bucket.text("sse_algorithm").map(str::to_owned));
    let key = found
        .clone()
        .and_then(|bucket| bucket.text("kms_key_id").map(str::to_owned));
    let customer = found
        .clone()
        .zip(algorithm.clone().zip(key.clone()))
        .and_then(|(bucket, (algorithm, key))| {
            if !algorithm.starts_with("aws:kms") || key.is_empty() {
                return Known(false);
            }
            let home = bucket.text("region_name").known().unwrap_or(region);
            keys::customer_key(facts, bucket.account(), home, &key).map(|(own, _)| own)
        });
    let public = found
        .clone()
        .and_then(|found| bucket::public(facts.world, found));
    let shared = found.and_then(|found| bucket::shared(facts.world, found));
    row.set("sse_algorithm", algorithm)
        .set("kms_key_id", key)
        .set("has_customer_key", customer);
    for (found, flag, reason, witness) in [
        (public, "is_public", "public_reason", "public_witness"),
        (
            shared,
            "is_shared_widely",
            "shared_reason",
            "shared_witness",
        ),
    ] {
        let shown = found.clone().known().flatten();
        let (why, request) = shown.unwrap_or_default();
        row.set(flag, found.clone().map(|found| found.is_some()))
            .set(reason, found.map(|_| why))
            .put(witness, request);
    }
}

/// Trails and flow logs: kind, source, and the account that keeps them.
pub(crate) type Stores = Vec<(&'static str, String, Observed<String>)>;

/// Where an account's trails and flow logs end: `(kind, source, owner)`, and what may hide more.
pub(crate) fn audit_stores(facts: &Facts<'_>, account: &str) -> (Stores, Vec<Gap>) {
    let mut stores = Vec::new();
    let mut gaps = facts.settings.unscanned(account);
    let mut seen = BTreeSet::new();
    for region in &facts.world.run.regions {
        let trails = facts.world.all("cloudtrail_trail", account, region);
        gaps = merge(gaps, trails.gaps);
        for trail in trails
            .rows
            .iter()
            .filter(|trail| seen.insert(trail.key().to_owned()))
        {
            match trail.text("bucket_name") {
                Known("") => {}
                Known(bucket) => {
                    stores.push(("trail", trail.key().to_owned(), bucket_owner(facts, bucket)))
                }
                Unknown(more) => stores.push(("trail", trail.key().to_owned(), Unknown(more))),
            }
        }
        let flows = facts.world.all("vpc_flow_log", account, region);
        gaps = merge(gaps, flows.gaps);
        for flow in flows.rows {
            let owner =
                flow.text("destination_type").zip(flow.text("destination")).zip(flow.text("cross_account_role_arn")).and_then(|((kind, destination), role)| {
                    match kind {
                        "s3" => bucket_owner(facts, Arn::parse(destination).map_or(destination, |arn| arn.resource.split('/').next().unwrap_or_default())),
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
