//! Subject: the keys under which documents and prompts lie, who can decrypt with them, and who rules over them.

use super::decryptors::{self, judge};
use super::judged_key::{Judged, foreign};
use super::vector_index;
use crate::derive::DerivedRow;
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, int, json, list, text, time};
use crate::inventory::{Lookup, Role, Span, Table};
use crate::model::{Arn, Gap, Observed, merge, owner as owner_by};
use crate::services;
use crate::subject_columns;
use crate::subjects::accounts::corpus_bucket;
use crate::subjects::encryption::keys::{self, Key};
use crate::subjects::identity::agent_role;
use crate::subjects::identity::principal;
use crate::subjects::logging::inference_log_bucket;
use crate::subjects::logging::inference_log_group;
use crate::subjects::{Facts, Subject};
use crate::workloads;
use Observed::{Known, Unknown};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

const PROTECTED: Inputs = Inputs::All(&[
    vector_index::STORE_KEYS,
    services::bedrock_agent::DATA_SOURCE.list(),
    services::bedrock_agent::DATA_SOURCE.group("detail"),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
    services::bedrock::INVOCATION_LOGGING.list(),
    services::logs::LOG_GROUP.list(),
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("encryption"),
    services::kms::ALIAS.list(),
    services::kms::KEY.list(),
]);
const KEY: Inputs = Inputs::All(&[services::kms::KEY.group("detail")]);
const TAGS: Inputs = Inputs::All(&[services::kms::KEY.group("tags")]);
const ROTATION: Inputs = Inputs::All(&[KEY, services::kms::KEY.group("rotation")]);
const POLICY: Inputs = Inputs::All(&[services::kms::KEY.group("policy")]);
const OPENNESS: Inputs = Inputs::All(&[POLICY, principal::CONTROLS]);
const DECRYPTORS: Inputs = Inputs::All(&[
    services::kms::KEY.group("policy"),
    services::kms::KEY.group("grants"),
    services::kms::KEY.group("detail"),
    principal::EFFECTIVE,
    workloads::INPUTS,
    agent_role::AGENTS,
]);

/// Keys of data.
pub const DATA_KEY: Table = Table {
    name: "data_key",
    doc: "A KMS key that encrypts the corpus, a vector store, the inference log groups or their buckets, in the scope that uses it; where the service's own key does, the bucket, store or group itself.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        list("protects", "What it encrypts.").from(PROTECTED),
        text(
            "kind",
            "`customer`, `aws-managed`, `service-owned` or `missing`."
        )
        .from(KEY),
        text("owner_account_id", "Account of the key.")
            .absent("''")
            .from(PROTECTED),
        flag("owner_in_run", "Does an account of the run own it?").from(PROTECTED),
        text("origin", "Where its material comes from.")
            .absent("''")
            .from(KEY),
        flag(
            "under_control",
            "Can a principal of the own organisation disable and delete it, and nobody outside?"
        )
        .from(DECRYPTORS),
        text("control_reason", "Why, or why not.").from(DECRYPTORS),
        list("administrators", "Principals who may change its policy.").from(DECRYPTORS),
        flag(
            "open_to_anyone",
            "Does its policy let a principal use it whom nobody named?"
        )
        .from(OPENNESS),
        json("open_witness", "A request that shows it.")
            .absent("null")
            .from(OPENNESS),
        list(
            "decryptors",
            "Principals who can decrypt with it, directly or by a grant that they may make."
        )
        .from(DECRYPTORS),
        list(
            "unexpected_decryptors",
            "Those of them who are neither roles of workloads, of agents nor declared."
        )
        .from(DECRYPTORS),
        flag("too_wide", "Are there such?").from(DECRYPTORS),
        json("decrypt_witness", "A request that shows it.")
            .absent("null")
            .from(DECRYPTORS),
        list(
            "placeholders",
            "Names and accounts in its policy that come from documentation."
        )
        .from(POLICY),
        flag("has_placeholders", "Are there such?").from(POLICY),
        text("key_state", "State of the key, such as `Enabled`.")
            .absent("'' (it does not exist)")
            .from(KEY),
        flag("is_usable", "Can the key encrypt and decrypt?").from(KEY),
        text("unusable_reason", "Why it cannot.")
            .absent("''")
            .from(KEY),
        time("material_expires_at", "When imported key material expires.")
            .absent("''")
            .from(KEY),
        text(
            "rotation",
            "Is its material rotated: `on`, `off` or `impossible`?"
        )
        .from(ROTATION),
        int("rotation_days", "Days between two rotations.")
            .absent("0")
            .from(ROTATION),
        list("region_names", "Regions that hold its material.").from(KEY),
        flag(
            "has_region_limit",
            "Does the configuration name approved Regions?"
        )
        .from(PROTECTED),
        list(
            "outside_regions",
            "Regions with its material that are not approved."
        )
        .from(KEY),
        flag("leaves_regions", "Are there such?").from(KEY),
        list(
            "environments",
            "Environments of the accounts that use the key, as the configuration names them."
        )
        .from(PROTECTED),
        flag(
            "mixes_environments",
            "Is one of them production and another not?"
        )
        .from(PROTECTED),
        text(
            "tag_owner",
            "Whom its tags name: `owner`, `team`, `owned-by`, `service-owner` or `contact`."
        )
        .absent("'' (nobody)")
        .from(TAGS),
    ],
    reads: &[],
    lists: PROTECTED,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &DATA_KEY,
    derive,
    rests_on_published_data: true,
};

/// Keys that protect something in a scope, by reference.
#[derive(Default)]
struct Protected<'w> {
    /// Key and what it protects, by the resource under which it is judged.
    keys: BTreeMap<String, (Observed<Key<'w>>, String, BTreeSet<String>)>,
    /// What may hide more of them.
    gaps: Vec<Gap>,
}

impl<'w> Protected<'w> {
    fn add(
        &mut self,
        facts: &Facts<'w>,
        (account, region): (&str, &str),
        reference: Observed<String>,
        protected: &str,
    ) {
        let found = reference
            .clone()
            .and_then(|reference| keys::resolve(facts, account, region, &reference));
        let resource = match (&found, &reference) {
            (Known(Key::Row(row)), _) => row.key().to_owned(),
            (Known(Key::Foreign | Key::Missing), Known(reference)) => reference.clone(),
            (Known(_), _) => protected.to_owned(),
            // Which key it is cannot be told, so there is nothing yet to judge.
            (Unknown(gaps), _) => {
                self.gaps = merge(std::mem::take(&mut self.gaps), gaps.clone());
                return;
            }
        };
        let entry = self.keys.entry(resource).or_insert_with(|| {
            (
                found,
                reference.known().unwrap_or_default(),
                BTreeSet::new(),
            )
        });
        entry.2.insert(protected.to_owned());
    }
}

fn bucket_key(facts: &Facts<'_>, bucket: &str) -> Observed<String> {
    match facts.world.lookup_anywhere("s3_bucket", bucket) {
        Lookup::Found(row) => {
            row.text("sse_algorithm")
                .zip(row.text("kms_key_id"))
                .map(
                    |(algorithm, key)| match (algorithm.starts_with("aws:kms"), key) {
                        (false, _) => String::new(),
                        (true, "") => "alias/aws/s3".to_owned(),
                        // A bucket names its key within its own account.
                        (true, key) if key.starts_with("arn:") => key.to_owned(),
                        (true, key) => {
                            format!(
                                "arn:{}:kms:{{region}}:{}:{}{key}",
                                facts.world.run.partition,
                                row.account(),
                                if key.starts_with("alias/") {
                                    ""
                                } else {
                                    "key/"
                                }
                            )
                        }
                    },
                )
        }
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "s3_bucket",
            format!("the bucket `{bucket}` is in no account of this run"),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let expected = OnceCell::new();
    let mut of_scopes = Vec::new();
    let mut environments: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (account, region) in facts.settings.scopes(&DATA_KEY) {
        let scope = (account.as_str(), region.as_str());
        let mut protected = Protected::default();
        let partition = facts.world.run.partition.as_str();
        let mut buckets: BTreeSet<String> = BTreeSet::new();
        let (corpus, gaps) = corpus_bucket::corpus(facts, &account, &region);
        protected.gaps = merge(std::mem::take(&mut protected.gaps), gaps);
        buckets.extend(corpus.into_iter().map(|corpus| corpus.bucket));
        let (logs, gaps) = inference_log_bucket::inference_buckets(facts, &account, &region);
        protected.gaps = merge(std::mem::take(&mut protected.gaps), gaps);
        buckets.extend(logs.into_keys().map(|(name, _)| name));
        for bucket in buckets {
            let key = bucket_key(facts, &bucket).map(|key| key.replace("{region}", &region));
            protected.add(facts, scope, key, &format!("arn:{partition}:s3:::{bucket}"));
        }
        let (groups, gaps) = inference_log_group::inference_groups(facts, &account, &region);
        protected.gaps = merge(std::mem::take(&mut protected.gaps), gaps);
        for name in groups {
            let key = match facts
                .world
                .lookup("cloudwatch_log_group", &account, &region, &name)
            {
                Lookup::Found(row) => row.text("kms_key_id").map(str::to_owned),
                Lookup::Absent => continue,
                Lookup::Unknown(gaps) => Unknown(gaps),
            };
            protected.add(
                facts,
                scope,
                key,
                &format!("arn:{partition}:logs:{region}:{account}:log-group:{name}"),
            );
        }
        let (stores, gaps) = vector_index::vector_keys(facts, &account, &region);
        protected.gaps = merge(std::mem::take(&mut protected.gaps), gaps);
        for (store, key) in stores {
            protected.add(facts, scope, key, &store);
        }
        sink.hide(&account, &region, protected.gaps.clone());
        for resource in protected.keys.keys() {
            let known = environments.entry(resource.clone()).or_default();
            known.insert(environment_of(facts, &account).to_owned());
        }
        of_scopes.push((account, region, protected));
    }
    let hidden: Vec<(String, Vec<Gap>)> = of_scopes
        .iter()
        .map(
            |(account, _, protected): &(String, String, Protected<'_>)| {
                (account.clone(), protected.gaps.clone())
            },
        )
        .collect();
    for (account, region, protected) in of_scopes {
        for (resource, (key, reference, protects)) in protected.keys {
            let Known(key) = key else { continue };
            let environments = environments.get(&resource).cloned().unwrap_or_default();
            let used = Used {
                resource: &resource,
                key,
                reference: &reference,
                protects,
                mixes: mixes(facts, &environments, &hidden),
                environments,
            };
            row(facts, sink, (&account, &region), used, &expected);
        }
    }
}

/// A key as stores use it.
struct Used<'u> {
    resource: &'u str,
    key: Key<'u>,
    reference: &'u str,
    protects: BTreeSet<String>,
    environments: BTreeSet<String>,
    mixes: Observed<bool>,
}

/// The environment that the configuration names for an account; empty where it names none.
fn environment_of<'f>(facts: &'f Facts<'_>, account: &str) -> &'f str {
    let info = facts.world.run.account(account);
    info.map_or("", |info| info.environment.as_str())
}

/// Is a key used by production and by something else? An account of the other kind that was not wholly seen may use it too, and of
/// one whose environment nobody named it is not known.
fn mixes(
    facts: &Facts<'_>,
    environments: &BTreeSet<String>,
    hidden: &[(String, Vec<Gap>)],
) -> Observed<bool> {
    let is_production = |name: &str| facts.settings.is_production(name);
    let named = |wanted: bool| {
        environments
            .iter()
            .any(|name| !name.is_empty() && is_production(name) == wanted)
    };
    let (production, other) = (named(true), named(false));
    if production && other {
        return Known(true);
    }
    if !production && !other {
        return Known(false);
    }
    let mut gaps = Vec::new();
    if environments.contains("") {
        gaps.push(Gap::not_understood(
            "run.accounts",
            "an account that uses the key has no environment in the configuration",
        ));
    }
    for (account, open) in hidden {
        let environment = environment_of(facts, account);
        if !environment.is_empty() && is_production(environment) != production {
            gaps = merge(gaps, open.clone());
        }
    }
    if gaps.is_empty() {
        Known(false)
    } else {
        Unknown(gaps)
    }
}

/// Who may decrypt without being declared, worked out once for all keys.
type Expected = OnceCell<Observed<BTreeSet<String>>>;

fn row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    (account, region): (&str, &str),
    used: Used<'_>,
    expected: &Expected,
) {
    let Used {
        resource,
        key,
        reference,
        protects,
        environments,
        mixes,
    } = used;
    let (owner, _, local) = keys::place(account, region, reference);
    let kind = match key {
        Key::Service => Known("service-owned"),
        Key::Managed => Known("aws-managed"),
        Key::Foreign => Known("customer"),
        Key::Missing => Known("missing"),
        Key::Row(row) => row.text("key_manager").map(|manager| {
            if manager == "CUSTOMER" {
                "customer"
            } else {
                "aws-managed"
            }
        }),
    };
    let of_aws = matches!(key, Key::Service | Key::Managed);
    let resource_type = match (of_aws, Arn::parse(resource).map(|arn| arn.service)) {
        (true, Some("s3")) => "AWS::S3::Bucket",
        (true, Some("aoss")) => "AWS::OpenSearchServerless::Collection",
        (true, Some("es")) => "AWS::OpenSearchService::Domain",
        (true, Some("rds")) => "AWS::RDS::DBInstance",
        (true, Some("neptune-graph")) => "AWS::NeptuneGraph::Graph",
        (true, _) => "AWS::Logs::LogGroup",
        (false, _) => "AWS::KMS::Key",
    };
    let mut row = sink.row(account, region, resource, resource_type);
    let name = if of_aws {
        Arn::parse(resource).map_or(resource, |arn| arn.name())
    } else {
        local
    };
    // The same key may serve several accounts, and each scope that uses it has a row of its own.
    row.put(
        "part",
        if of_aws || owner == account {
            String::new()
        } else {
            format!("used by {account}")
        },
    )
    .put("name", name);
    // A tag names an owner and an environment; where tags were not read, the key is judged without.
    let tags = match key {
        Key::Row(row) => row.tags(),
        Key::Service | Key::Managed => Known(BTreeMap::new()),
        Key::Foreign | Key::Missing => Unknown(vec![Gap::not_understood(
            "kms_key",
            "the key is in no account of the run".to_owned(),
        )]),
    };
    row.tagged(
        facts.settings,
        account,
        Known(tags.clone().known().unwrap_or_default()),
    )
    .set(
        "tag_owner",
        tags.map(|tags| owner_by(&tags).map_or(String::new(), |(_, who)| who.to_owned())),
    );
    row.put("protects", protects.into_iter().collect::<Vec<_>>())
        .put(
            "owner_account_id",
            if matches!(key, Key::Service) {
                ""
            } else {
                owner
            },
        )
        .put("owner_in_run", !matches!(key, Key::Foreign))
        .set("kind", kind.clone());
    let verdict = match key {
        Key::Service => Judged::not_ours(
            "the key is the service's own: it is in no account, and nobody here can disable or delete it",
        ),
        Key::Managed => Judged::not_ours(
            "AWS manages the key: its policy cannot be changed, and nobody here can disable or delete it",
        ),
        Key::Row(found) => match &kind {
            Known("aws-managed") => Judged::not_ours(
                "AWS manages the key: its policy cannot be changed, and nobody here can disable or delete it",
            ),
            _ => {
                let expected = expected.get_or_init(|| decryptors::expected(facts));
                judge(facts, found, owner, expected)
            }
        },
        Key::Foreign => foreign(facts, account, owner),
        Key::Missing => Judged::missing(reference),
    };
    verdict.write(&mut row);
    let (state, unusable) = usability(key, reference, owner);
    row.set("key_state", state)
        .set("is_usable", unusable.clone().map(|why| why.is_none()))
        .set("unusable_reason", unusable.map(Option::unwrap_or_default))
        .set(
            "material_expires_at",
            match key {
                Key::Row(found) => found.text("valid_to").map(str::to_owned),
                _ => Known(String::new()),
            },
        );
    row.set("mixes_environments", mixes).put(
        "environments",
        environments
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect::<Vec<_>>(),
    );
    copies(facts, &mut row, key, owner);
    sink.push(row);
}

/// Where the material of a key lies, and how it is rotated.
fn copies(facts: &Facts<'_>, row: &mut DerivedRow, key: Key<'_>, owner: &str) {
    let unseen = || {
        vec![Gap {
            reason: crate::model::Reason::NotScanned,
            ..Gap::not_understood("kms_key", format!("the account {owner} is not in this run"))
        }]
    };
    let (rotation, days, regions) = match key {
        Key::Row(found) => (
            found.text("rotation").map(str::to_owned),
            found.int("rotation_days"),
            found.list("region_names"),
        ),
        // AWS rotates its own keys, and keeps them in their Region.
        Key::Service | Key::Managed => (Known("on".to_owned()), Known(365), Known(Vec::new())),
        Key::Foreign | Key::Missing => (Unknown(unseen()), Unknown(unseen()), Unknown(unseen())),
    };
    let approved = facts.settings.list("approved_regions");
    let outside = regions.clone().map(|regions| {
        regions
            .into_iter()
            .filter(|region| !approved.is_empty() && !approved.contains(region))
            .collect::<Vec<_>>()
    });
    row.set("rotation", rotation)
        .set("rotation_days", days)
        .set("region_names", regions)
        .put("has_region_limit", !approved.is_empty())
        .set("leaves_regions", outside.clone().map(|all| !all.is_empty()))
        .set("outside_regions", outside);
}

/// The state of a key, and why it cannot be used (KMS Developer Guide, "Key states of AWS KMS keys").
fn usability(
    key: Key<'_>,
    reference: &str,
    owner: &str,
) -> (Observed<String>, Observed<Option<String>>) {
    let found = match key {
        Key::Service | Key::Managed => return (Known("Enabled".to_owned()), Known(None)),
        Key::Missing => {
            let why = format!("the key {reference} does not exist");
            return (Known(String::new()), Known(Some(why)));
        }
        Key::Foreign => {
            let gap = Gap {
                reason: crate::model::Reason::NotScanned,
                ..Gap::not_understood("kms_key", format!("the account {owner} is not in this run"))
            };
            return (Unknown(vec![gap.clone()]), Unknown(vec![gap]));
        }
        Key::Row(found) => found,
    };
    let state = found.text("key_state");
    let unusable = state.clone().and_then(|state| match state {
        "Enabled" | "Creating" | "Updating" => Known(None),
        "Disabled" => Known(Some(
            "it is disabled, so nothing that it encrypts can be read until it is enabled again".to_owned(),
        )),
        "PendingDeletion" | "PendingReplicaDeletion" => Known(Some(
            match found.text("deletion_date") {
                Known(date) if !date.is_empty() => format!(
                    "it is pending deletion; from {date} on nothing that it encrypts can ever be read again"
                ),
                _ => "it is pending deletion; once it is deleted, nothing that it encrypts can ever be read again".to_owned(),
            },
        )),
        "PendingImport" => Known(Some(
            "its key material is not there; it has to be imported again".to_owned(),
        )),
        other => Known(Some(format!("its state is {other}"))),
    });
    (state.map(str::to_owned), unusable)
}
