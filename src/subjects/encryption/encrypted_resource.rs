//! Subject: resources of Bedrock and AgentCore that hold instructions, prompts or memories, and whose key they are encrypted with.

use super::keys;
use crate::derive::Sink;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::Known;
use std::collections::BTreeMap;

const LISTS: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::DATA_SOURCE.list(),
    services::bedrock_agent::FLOW.list(),
    services::bedrock::GUARDRAIL.list(),
    services::agentcore::GATEWAY.list(),
    services::agentcore::MEMORY.list(),
]);
const KEYS: Inputs = Inputs::All(&[
    LISTS,
    services::bedrock_agent::AGENT.group("detail"),
    services::bedrock_agent::DATA_SOURCE.group("detail"),
    services::bedrock_agent::FLOW.group("detail"),
    services::bedrock::GUARDRAIL.group("versions"),
    services::agentcore::GATEWAY.group("detail"),
    services::agentcore::MEMORY.group("detail"),
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::ALIAS.list(),
]);

/// What is encrypted.
pub const ENCRYPTED_RESOURCE: Table = Table {
    name: "encrypted_resource",
    doc: "An agent, flow, guardrail, data source, AgentCore gateway or memory, and the key that encrypts it.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "kind",
            "`agent`, `flow`, `guardrail`, `data source`, `gateway` or `memory`."
        )
        .from(LISTS),
        text("service", "`bedrock` or `agentcore`.").from(LISTS),
        text("kms_key_id", "Its key.").absent("''").from(KEYS),
        flag("has_customer_key", "Is it encrypted with a customer key?").from(KEYS),
        text("key_reason", "Whose key it is.").from(KEYS),
    ],
    reads: &[],
    lists: LISTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &ENCRYPTED_RESOURCE,
    derive,
    rests_on_published_data: false,
};

/// Table, kind, service and type of each kind of resource.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("bedrock_agent", "agent", "bedrock", "AWS::Bedrock::Agent"),
    ("bedrock_flow", "flow", "bedrock", "AWS::Bedrock::Flow"),
    (
        "bedrock_guardrail",
        "guardrail",
        "bedrock",
        "AWS::Bedrock::Guardrail",
    ),
    (
        "bedrock_data_source",
        "data source",
        "bedrock",
        "AWS::Bedrock::DataSource",
    ),
    (
        "bedrock_agentcore_gateway",
        "gateway",
        "agentcore",
        "AWS::BedrockAgentCore::Gateway",
    ),
    (
        "bedrock_agentcore_memory",
        "memory",
        "agentcore",
        "AWS::BedrockAgentCore::Memory",
    ),
];

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&ENCRYPTED_RESOURCE) {
        for (table, kind, service, resource_type) in KINDS {
            let found = facts.world.all(table, &account, &region);
            sink.hide(&account, &region, found.gaps);
            for item in found.rows {
                let key = item.text("kms_key_id").map(str::to_owned);
                let class = key
                    .clone()
                    .and_then(|key| keys::customer_key(facts, &account, &region, &key));
                let mut row = sink.row(&account, &region, item.key(), resource_type);
                row.set("name", item.text("name").map(str::to_owned))
                    .tagged(facts.settings, &account, Known(BTreeMap::new()));
                row.put("part", *kind)
                    .put("kind", *kind)
                    .put("service", *service)
                    .set("kms_key_id", key)
                    .set("has_customer_key", class.clone().map(|(own, _)| own))
                    .set("key_reason", class.map(|(_, why)| why));
                sink.push(row);
            }
        }
    }
}
