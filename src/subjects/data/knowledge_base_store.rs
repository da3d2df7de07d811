//! Subject: where knowledge bases keep their vectors and texts: in AWS, or with somebody else.

use crate::derive::Sink;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::Known;

const DETAIL: Inputs = services::bedrock_agent::KNOWLEDGE_BASE.group("detail");

/// Stores of knowledge bases.
pub const KNOWLEDGE_BASE_STORE: Table = Table {
    name: "knowledge_base_store",
    doc: "A knowledge base, and who keeps its vectors and the texts beside them.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "storage_type",
            "Kind of its vector store, such as `OPENSEARCH_SERVERLESS` or `PINECONE`."
        )
        .absent("'' (it has none of its own)")
        .from(DETAIL),
        text(
            "storage_id",
            "ARN of the store, or its host name where it lies outside AWS."
        )
        .absent("''")
        .from(DETAIL),
        flag(
            "is_outside_aws",
            "Does a company other than AWS keep its vectors and texts?"
        )
        .from(DETAIL),
        text(
            "endpoint_service",
            "Endpoint service by which it is reached without the internet."
        )
        .absent("''")
        .from(DETAIL),
        flag("is_reached_privately", "Is there such?").from(DETAIL),
    ],
    reads: &[],
    lists: services::bedrock_agent::KNOWLEDGE_BASE.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &KNOWLEDGE_BASE_STORE,
    derive,
    rests_on_published_data: false,
};

/// Stores that other companies run (Bedrock API reference, "StorageConfiguration").
const OUTSIDE: [&str; 3] = ["PINECONE", "REDIS_ENTERPRISE_CLOUD", "MONGO_DB_ATLAS"];

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&KNOWLEDGE_BASE_STORE) {
        let bases = facts.world.all("bedrock_knowledge_base", &account, &region);
        sink.hide(&account, &region, bases.gaps);
        for base in bases.rows {
            let kind = base.text("storage_type");
            // AWS's own stores are reached within AWS; of a foreign store it is Atlas alone that can be.
            let service = kind.clone().and_then(|kind| {
                if kind == "MONGO_DB_ATLAS" {
                    base.text("endpoint_service")
                } else {
                    Known("")
                }
            });
            let mut row = sink.row(&account, &region, base.key(), "AWS::Bedrock::KnowledgeBase");
            row.set("name", base.text("name").map(str::to_owned))
                .tagged(facts.settings, &account, base.tags());
            row.set("storage_type", kind.clone().map(str::to_owned))
                .set("storage_id", base.text("storage_id").map(str::to_owned))
                .set("is_outside_aws", kind.map(|kind| OUTSIDE.contains(&kind)))
                .set(
                    "is_reached_privately",
                    service.clone().map(|service| !service.is_empty()),
                )
                .set("endpoint_service", service.map(str::to_owned));
            sink.push(row);
        }
    }
}
