//! Subject: stores of documents and logs, and whether they take requests and answers without TLS.

use super::vector_store;
use crate::access::transport;
use crate::derive::Sink;
use crate::inventory::cols::{flag, json, text};
use crate::inventory::{Inputs, Lookup, Role, Row, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::subjects::accounts::corpus_bucket;
use crate::subjects::logging::inference_log_bucket;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const STORES: Inputs = Inputs::All(&[
    services::bedrock_agent::DATA_SOURCE.list(),
    services::bedrock_agent::DATA_SOURCE.group("detail"),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
    services::bedrock::INVOCATION_LOGGING.list(),
    services::opensearch::DOMAIN.list(),
    services::stores::DB_INSTANCE.list(),
    services::stores::GRAPH.list(),
]);
const TRANSPORT: Inputs = Inputs::All(&[
    STORES,
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("policy"),
    services::opensearch::DOMAIN.group("detail"),
]);

/// Stores.
pub const PLAIN_TRANSPORT: Table = Table {
    name: "plain_transport",
    doc: "A bucket of documents or inference logs, or an OpenSearch domain that holds vectors, and whether it can be used without TLS.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`bucket` or `domain`.").from(STORES),
        flag(
            "holds_data",
            "Does it hold documents, logs or vectors of generative AI?"
        )
        .from(STORES),
        flag(
            "refuses_plain",
            "Does it refuse every request without TLS, and encrypt what its nodes send each other?"
        )
        .from(TRANSPORT),
        text("transport_reason", "Why, or why not.").from(TRANSPORT),
        json("plain_witness", "A request without TLS that passes.")
            .absent("null")
            .from(TRANSPORT),
    ],
    reads: &[],
    lists: STORES,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &PLAIN_TRANSPORT,
    derive,
    rests_on_published_data: false,
};

type Transport = Observed<(bool, String, Json)>;

/// A domain refuses it where HTTPS is required, with TLS 1.2 or newer, also between its nodes (OpenSearch Service Developer Guide,
/// "Requiring HTTPS for all traffic", "Node-to-node encryption").
fn domain(store: Row<'_>) -> Transport {
    let facts = [
        (
            store.flag("enforces_https").map(|on| !on),
            "it does not require HTTPS",
        ),
        (
            store
                .text("tls_policy")
                .map(|policy| policy.to_ascii_uppercase().contains("TLS-1-0")),
            "it takes TLS 1.0",
        ),
        (
            store.flag("encrypts_between_nodes").map(|on| !on),
            "its nodes send each other data that is not encrypted",
        ),
    ];
    let (mut gaps, mut flaws) = (Vec::new(), Vec::new());
    for (flaw, why) in facts {
        match flaw {
            Known(true) => flaws.push(why),
            Known(false) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    match (flaws.is_empty(), gaps.is_empty()) {
        (false, _) => Known((false, flaws.join(", and "), Json::Null)),
        (true, true) => Known((
            true,
            "it requires TLS 1.2 or newer, also between its nodes".to_owned(),
            Json::Null,
        )),
        (true, false) => Unknown(gaps),
    }
}

fn buckets(facts: &Facts<'_>, account: &str, region: &str) -> (BTreeSet<String>, Vec<Gap>) {
    let (corpus, gaps) = corpus_bucket::corpus(facts, account, region);
    let (logs, more) = inference_log_bucket::inference_buckets(facts, account, region);
    let names = corpus
        .into_iter()
        .map(|corpus| corpus.bucket)
        .chain(logs.into_keys().map(|(name, _)| name))
        .collect();
    (names, merge(gaps, more))
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&PLAIN_TRANSPORT) {
        let (names, gaps) = buckets(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for name in names {
            let found = match facts.world.lookup_anywhere("s3_bucket", &name) {
                Lookup::Found(row) => transport::plain(facts.world, row).map(|shown| match shown {
                    Some((why, request)) => (false, why, request),
                    None => (
                        true,
                        "its policy denies every request without TLS".to_owned(),
                        Json::Null,
                    ),
                }),
                Lookup::Absent => Observed::gap(Gap::not_understood(
                    "s3_bucket",
                    format!("the bucket `{name}` is in no account of this run"),
                )),
                Lookup::Unknown(gaps) => Unknown(gaps),
            };
            let arn = format!("arn:{}:s3:::{name}", facts.world.run.partition);
            let about = ("bucket", "AWS::S3::Bucket", Known(true));
            row(
                facts,
                sink,
                (&account, &region),
                (&arn, &name),
                about,
                found,
            );
        }
        let (stores, gaps) = vector_store::stores(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for store in stores {
            if store.kind == "opensearch-domain" {
                let name = store.row.text("name").known().unwrap_or_default();
                let about = ("domain", store.resource_type, store.serves);
                let at = (store.row.key(), name);
                row(
                    facts,
                    sink,
                    (&account, &region),
                    at,
                    about,
                    domain(store.row),
                );
            }
        }
    }
}

fn row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    (account, region): (&str, &str),
    (resource, name): (&str, &str),
    (kind, resource_type, holds): (&str, &str, Observed<bool>),
    found: Transport,
) {
    let mut row = sink.row(account, region, resource, resource_type);
    row.put("name", name)
        .tagged(facts.settings, account, Known(BTreeMap::new()));
    let witness = found
        .clone()
        .known()
        .map_or(json!(null), |(.., request)| request);
    row.put("kind", kind)
        .set("holds_data", holds)
        .set("refuses_plain", found.clone().map(|(refuses, ..)| refuses))
        .set("transport_reason", found.map(|(_, why, _)| why))
        .put("plain_witness", witness);
    sink.push(row);
}
