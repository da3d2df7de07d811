//! Subject: the keys under which vector stores keep what they index.

use super::keys;
use crate::derive::Sink;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Gap, Observed, glob, merge};
use crate::subjects::network::vector_store::{self, Store};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeMap;

pub(super) const STORES: Inputs = Inputs::All(&[
    services::opensearch::COLLECTION.list(),
    services::opensearch::DOMAIN.list(),
    services::stores::DB_INSTANCE.list(),
    services::stores::GRAPH.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
]);
/// What tells which key a store has.
pub(super) const STORE_KEYS: Inputs = Inputs::All(&[
    STORES,
    services::opensearch::COLLECTION.group("detail"),
    services::opensearch::ENCRYPTION_POLICY.list(),
    services::opensearch::ENCRYPTION_POLICY.group("detail"),
    services::opensearch::DOMAIN.group("detail"),
]);
const KEYS: Inputs = Inputs::All(&[
    STORE_KEYS,
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::ALIAS.list(),
]);

/// Vector stores.
pub const VECTOR_INDEX: Table = Table {
    name: "vector_index",
    doc: "An OpenSearch Serverless collection, or a domain, DB instance or graph that can be the vector store of a knowledge base, and its key.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "kind",
            "`opensearch-collection`, `opensearch-domain`, `rds-db-instance` or `neptune-graph`."
        )
        .from(STORES),
        flag(
            "holds_vectors",
            "Is it a collection, or does a knowledge base name it?"
        )
        .from(STORES),
        text("kms_key_id", "Its key.").absent("''").from(KEYS),
        flag("has_customer_key", "Is it encrypted with a customer key?").from(KEYS),
        text("key_reason", "Whose key it is.").from(KEYS),
    ],
    reads: &[],
    lists: STORES,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &VECTOR_INDEX,
    derive,
    rests_on_published_data: false,
};

/// The key of a store; empty where the key is AWS's own, nothing where it is not encrypted.
fn key_of(facts: &Facts<'_>, store: Row<'_>) -> Observed<Option<String>> {
    let key = |column: &str| {
        store
            .text(column)
            .map(|key| Some(if key == "auto" { "" } else { key }.to_owned()))
    };
    let encrypted = |column: &str| {
        store
            .flag(column)
            .and_then(|on| if on { key("kms_key_id") } else { Known(None) })
    };
    match store.table().name {
        "aoss_collection" => match key("kms_key_arn") {
            Unknown(gaps) => by_policy(facts, store).unwrap_or(Unknown(gaps)),
            known => known,
        },
        "opensearch_domain" => encrypted("encrypts_at_rest"),
        "rds_db_instance" => encrypted("is_encrypted"),
        _ => key("kms_key_id"),
    }
}

/// The key of a collection that a file makes, from the encryption policy of the same file that matches its name; an exact name comes
/// before a pattern, and a longer pattern before a shorter one.
fn by_policy(facts: &Facts<'_>, collection: Row<'_>) -> Option<Observed<Option<String>>> {
    if !facts.world.is_new(collection.key()) {
        return None;
    }
    let name = collection.text("name").known()?;
    let policies = facts.world.all(
        "aoss_encryption_policy",
        collection.account(),
        collection.region(),
    );
    let mut best: Option<(bool, usize, Option<String>)> = None;
    for policy in policies.rows {
        let json = match policy.json("policy") {
            Known(json) => json,
            // It may be the one that matches.
            Unknown(gaps) => return Some(Unknown(gaps)),
        };
        let rules = json.get("Rules").and_then(Json::as_array);
        let patterns = rules
            .into_iter()
            .flatten()
            .filter_map(|rule| rule.get("Resource").and_then(Json::as_array))
            .flatten()
            .filter_map(Json::as_str)
            .filter(|pattern| glob(pattern, &format!("collection/{name}")));
        for pattern in patterns {
            let own = json.get("AWSOwnedKey").and_then(Json::as_bool) == Some(true);
            let key = if own {
                Some(String::new())
            } else {
                json.get("KmsARN").and_then(Json::as_str).map(str::to_owned)
            };
            let rank = (!pattern.contains('*'), pattern.len());
            if best
                .as_ref()
                .is_none_or(|(exact, len, _)| rank > (*exact, *len))
            {
                best = Some((rank.0, rank.1, key));
            }
        }
    }
    best.and_then(|(.., key)| key).map(|key| Known(Some(key)))
}

/// Collections, and what else can hold vectors, of a scope, and what may hide more.
fn stores<'w>(facts: &Facts<'w>, account: &str, region: &str) -> (Vec<Store<'w>>, Vec<Gap>) {
    let collections = facts.world.all("aoss_collection", account, region);
    let (mut all, gaps) = vector_store::stores(facts, account, region);
    all.extend(collections.rows.into_iter().map(|row| Store {
        row,
        kind: "opensearch-collection",
        resource_type: "AWS::OpenSearchServerless::Collection",
        serves: Known(true),
        bases: Known(Vec::new()),
    }));
    (all, merge(collections.gaps, gaps))
}

/// The keys of what holds vectors in a scope, by the store's ARN; empty where the key is AWS's own.
pub(super) fn vector_keys(
    facts: &Facts<'_>,
    account: &str,
    region: &str,
) -> (Vec<(String, Observed<String>)>, Vec<Gap>) {
    let (all, mut gaps) = stores(facts, account, region);
    let mut keys = Vec::new();
    for store in all {
        match store.serves.clone() {
            Known(false) => {}
            Known(true) => match key_of(facts, store.row) {
                Known(None) => {}
                Known(Some(key)) => keys.push((store.row.key().to_owned(), Known(key))),
                Unknown(more) => keys.push((store.row.key().to_owned(), Unknown(more))),
            },
            // A key matters here where it is a customer's; one that nobody set needs no knowledge base to be known.
            Unknown(more) => match key_of(facts, store.row) {
                Known(None) => {}
                Known(Some(key)) if key.is_empty() => {}
                _ => gaps = merge(gaps, more),
            },
        }
    }
    (keys, gaps)
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&VECTOR_INDEX) {
        let (all, gaps) = stores(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for store in all {
            let key = key_of(facts, store.row);
            let class = key.clone().and_then(|key| match key {
                None => Known((false, "it is not encrypted")),
                Some(key) => keys::customer_key(facts, &account, &region, &key),
            });
            let mut row = sink.row(&account, &region, store.row.key(), store.resource_type);
            row.set("name", store.row.text("name").map(str::to_owned))
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.put("kind", store.kind)
                .set("holds_vectors", store.serves)
                .set("kms_key_id", key.map(Option::unwrap_or_default))
                .set("has_customer_key", class.clone().map(|(own, _)| own))
                .set("key_reason", class.map(|(_, why)| why));
            sink.push(row);
        }
    }
}
