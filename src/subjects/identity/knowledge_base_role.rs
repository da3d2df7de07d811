//! Subject: the role of a knowledge base, and what it reaches beside its own documents, index and model.

use crate::derive::Sink;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Observed, merge};
use crate::subjects::accounts::corpus_bucket;
use crate::subjects::{Facts, Subject};
use crate::{access, services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};

const OWN: Inputs = Inputs::All(&[
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
    services::bedrock_agent::DATA_SOURCE.list(),
    services::bedrock_agent::DATA_SOURCE.group("detail"),
]);
const REACH: Inputs = Inputs::All(&[OWN, access::INPUTS]);

/// Roles of knowledge bases.
pub const KNOWLEDGE_BASE_ROLE: Table = Table {
    name: "knowledge_base_role",
    doc: "A knowledge base and its role: what the role may read and call beside what is the knowledge base's own.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("role_arn", "The role.").from(OWN),
        list(
            "own_buckets",
            "Buckets of its data sources and of its extracts."
        )
        .from(OWN),
        text("own_store", "Its vector store.")
            .absent("''")
            .from(OWN),
        flag(
            "reads_other_buckets",
            "May the role read objects of another bucket?"
        )
        .from(REACH),
        flag(
            "reads_other_stores",
            "May the role read or write another vector store?"
        )
        .from(REACH),
        flag(
            "invokes_any_model",
            "May the role invoke a model that nobody named, or any of a family?"
        )
        .from(REACH),
        flag("is_too_broad", "Is one of these so?").from(REACH),
        json(
            "witnesses",
            "`[{what, request}]`: a request for each that is so."
        )
        .absent("[]")
        .from(REACH),
        text("broad_reason", "What it reaches beside its own.")
            .absent("''")
            .from(REACH),
    ],
    reads: &[],
    lists: services::bedrock_agent::KNOWLEDGE_BASE.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &KNOWLEDGE_BASE_ROLE,
    derive,
    rests_on_published_data: true,
};

/// Vector stores that a role is granted by IAM: the type of `storageConfiguration`, and the actions that read or write it
/// (Bedrock User Guide, "Create a service role for Knowledge Bases for Amazon Bedrock").
pub(super) const STORES: &[(&str, &[&str])] = &[
    ("OPENSEARCH_SERVERLESS", &["aoss:APIAccessAll"]),
    (
        "RDS",
        &[
            "rds-data:ExecuteStatement",
            "rds-data:BatchExecuteStatement",
        ],
    ),
    (
        "S3_VECTORS",
        &[
            "s3vectors:QueryVectors",
            "s3vectors:GetVectors",
            "s3vectors:PutVectors",
        ],
    ),
    (
        "NEPTUNE_ANALYTICS",
        &[
            "neptune-graph:ReadDataViaQuery",
            "neptune-graph:WriteDataViaQuery",
        ],
    ),
    (
        "OPENSEARCH_MANAGED_CLUSTER",
        &["es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut"],
    ),
];

/// What a role reaches beside its own, by what it is.
struct Beyond {
    what: String,
    found: Observed<Option<Json>>,
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&KNOWLEDGE_BASE_ROLE) {
        let found = facts.world.all("bedrock_knowledge_base", &account, &region);
        sink.hide(&account, &region, found.gaps);
        for base in found.rows {
            let buckets = own_buckets(facts, base);
            let role = base.text("role_arn");
            let [other_buckets, other_stores, any_model] =
                beyond(facts, base, role.clone(), &buckets);
            let mut row = sink.row(&account, &region, base.key(), "AWS::Bedrock::KnowledgeBase");
            row.set("name", base.text("name").map(str::to_owned))
                .tagged(facts.settings, &account, base.tags());
            let is = |one: &Beyond| one.found.clone().map(|found| found.is_some());
            let all = [&other_buckets, &other_stores, &any_model];
            let seen: Vec<(&str, Json)> = all
                .iter()
                .filter_map(|one| {
                    let request = one.found.clone().known().flatten()?;
                    Some((one.what.as_str(), request))
                })
                .collect();
            let words: Vec<&str> = seen.iter().map(|(what, _)| *what).collect();
            row.set("role_arn", role.map(str::to_owned))
                .set("own_buckets", buckets)
                .set("own_store", base.text("storage_id").map(str::to_owned))
                .set("reads_other_buckets", is(&other_buckets))
                .set("reads_other_stores", is(&other_stores))
                .set("invokes_any_model", is(&any_model))
                .set("is_too_broad", Observed::any(all.map(is)))
                .put("broad_reason", words.join("; "))
                .put(
                    "witnesses",
                    seen.iter()
                        .map(|(what, request)| json!({"what": what, "request": request}))
                        .collect::<Json>(),
                );
            sink.push(row);
        }
    }
}

/// Buckets of its data sources and of its extracts. What else reads for a knowledge base that a file makes stands in the same file.
fn own_buckets(facts: &Facts<'_>, base: Row<'_>) -> Observed<Vec<String>> {
    let (account, region) = (base.account(), base.region());
    let sources = base.text("id").map(|id| {
        facts.world.children(
            "bedrock_data_source",
            account,
            region,
            "knowledge_base_id",
            id,
        )
    });
    sources
        .zip(base.list("supplemental_buckets"))
        .and_then(|(sources, mut buckets)| {
            let mut gaps = sources.gaps;
            for source in sources.rows {
                match corpus_bucket::buckets_of(source) {
                    Known(found) => buckets.extend(found.into_iter().map(|(bucket, _)| bucket)),
                    Unknown(more) => gaps = merge(gaps, more),
                }
            }
            buckets.sort();
            buckets.dedup();
            if gaps.is_empty() {
                Known(buckets)
            } else {
                Unknown(gaps)
            }
        })
}

fn beyond(
    facts: &Facts<'_>,
    base: Row<'_>,
    role: Observed<&str>,
    buckets: &Observed<Vec<String>>,
) -> [Beyond; 3] {
    let partition = &facts.world.run.partition;
    let access = role.and_then(|role| facts.principals.role(role));
    let owners: Vec<&str> = facts.world.accounts().collect();
    let ask = |actions: &[&str], own: Observed<Vec<String>>| {
        access
            .clone()
            .zip(own)
            .and_then(|(access, own)| access.may_beyond(actions, &own, &owners))
    };
    let bucket_objects = buckets.clone().map(|all| {
        all.iter()
            .map(|name| format!("arn:{partition}:s3:::{name}/*"))
            .collect()
    });
    let stores = STORES
        .iter()
        .fold(Known(None), |found, (kind, actions)| match found {
            Known(Some(_)) => found,
            _ => {
                // Its own store is no other; of the other kinds it has none.
                let own =
                    base.text("storage_type")
                        .zip(base.text("storage_id"))
                        .map(|(own, id)| {
                            if own == *kind && !id.is_empty() {
                                vec![format!("{id}*")]
                            } else {
                                Vec::new()
                            }
                        });
                match (found, ask(actions, own)) {
                    (_, Known(Some(request))) => Known(Some(request)),
                    (Known(None), other) => other,
                    (Unknown(gaps), Unknown(more)) => Unknown(merge(gaps, more)),
                    (found, _) => found,
                }
            }
        });
    let any_model = access
        .clone()
        .and_then(|access| access.models.clone())
        .and_then(|models| match (models.any, models.family) {
            (Known(Some(request)), _) | (_, Known(Some(request))) => Known(Some(request)),
            (Known(None), other) => other,
            (other, Known(None)) => other,
            (Unknown(gaps), Unknown(more)) => Unknown(merge(gaps, more)),
        });
    [
        Beyond {
            what: "objects of other buckets".to_owned(),
            found: ask(&["s3:GetObject", "s3:GetObjectVersion"], bucket_objects),
        },
        Beyond {
            what: "other vector stores".to_owned(),
            found: stores,
        },
        Beyond {
            what: "models that nobody named".to_owned(),
            found: any_model,
        },
    ]
}
