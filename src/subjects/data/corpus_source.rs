//! Subject: where the documents of knowledge bases come from, and how far a source reaches.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Gap, Observed};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::Known;
use std::collections::BTreeMap;

const DETAIL: Inputs = services::bedrock_agent::DATA_SOURCE.group("detail");

/// Data sources.
pub const CORPUS_SOURCE: Table = Table {
    name: "corpus_source",
    doc: "A data source of a knowledge base: what it takes in, and how it signs in there.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`S3`, `WEB`, `CONFLUENCE`, ...").from(DETAIL),
        list("hosts", "Hosts at which a web crawler starts.").from(DETAIL),
        text(
            "crawl_scope",
            "How far the crawler goes: `HOST_ONLY`, `SUBDOMAINS`, or no further than the path that it starts from."
        )
        .absent("''")
        .from(DETAIL),
        list(
            "crawl_filters",
            "Patterns of the addresses that the crawler takes in."
        )
        .from(DETAIL),
        flag(
            "leaves_host",
            "Does the crawler take in hosts that nobody named?"
        )
        .from(DETAIL),
        text(
            "auth_type",
            "How the connector signs in: `BASIC` is a user and a password."
        )
        .absent("''")
        .from(DETAIL),
        flag("uses_password", "Does it sign in with a user and a password?").from(DETAIL),
    ],
    reads: &[],
    lists: services::bedrock_agent::DATA_SOURCE.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &CORPUS_SOURCE,
    derive,
    rests_on_published_data: false,
};

/// Of the connector of a managed knowledge base nothing is read but the buckets that it names; one that names some reads buckets.
fn managed(source: Row<'_>) -> Observed<bool> {
    let kind = source.text("type");
    if kind != Known("MANAGED_KNOWLEDGE_BASE_CONNECTOR") {
        return kind.map(|_| false);
    }
    source.list("connector_buckets").and_then(|buckets| {
        if buckets.is_empty() {
            Observed::gap(Gap::not_understood(
                "bedrock_data_source.type",
                "the parameters of the connector of a managed knowledge base are not read",
            ))
        } else {
            Known(false)
        }
    })
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&CORPUS_SOURCE) {
        let sources = facts.world.all("bedrock_data_source", &account, &region);
        sink.hide(&account, &region, sources.gaps);
        for source in sources.rows {
            let known = managed(source);
            let scope = known.clone().and_then(|_| source.text("crawl_scope"));
            let auth = known.and_then(|_| source.text("auth_type"));
            let mut row = sink.row(&account, &region, source.key(), "AWS::Bedrock::DataSource");
            row.set("name", source.text("name").map(str::to_owned))
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("kind", source.text("type").map(str::to_owned))
                .set("hosts", source.list("seed_hosts"))
                .set("crawl_filters", source.list("crawl_filters"))
                // Without a scope the crawler stays on the path that it starts from (Bedrock User Guide, "Crawl web pages for your
                // knowledge base").
                .set(
                    "leaves_host",
                    scope.clone().map(|scope| scope == "SUBDOMAINS"),
                )
                .set("crawl_scope", scope.map(str::to_owned))
                .set("uses_password", auth.clone().map(|auth| auth == "BASIC"))
                .set("auth_type", auth.map(str::to_owned));
            sink.push(row);
        }
    }
}
