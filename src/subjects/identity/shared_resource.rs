//! Subject: resources of Bedrock and AgentCore that other accounts can be let at by a policy of their own.

use crate::access::lent::{Lent, lent};
use crate::derive::Sink;
use crate::inventory::cols::{flag, json, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::Known;
use std::collections::BTreeMap;

const LISTS: Inputs = Inputs::All(&[
    services::bedrock::GUARDRAIL.list(),
    services::agentcore::RUNTIME.list(),
    services::agentcore::GATEWAY.list(),
]);
const POLICIES: Inputs = Inputs::All(&[
    LISTS,
    services::bedrock::GUARDRAIL.group("policy"),
    services::agentcore::RUNTIME.group("policy"),
    services::agentcore::GATEWAY.group("policy"),
    services::organizations::ORGANIZATION.list(),
    services::organizations::ACCOUNT.list(),
]);

/// Resources with policies.
pub const SHARED_RESOURCE: Table = Table {
    name: "shared_resource",
    doc: "A guardrail, AgentCore runtime or AgentCore gateway, and whom its resource policy lets in.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`guardrail`, `runtime` or `gateway`.").from(LISTS),
        flag("has_policy", "Has it a resource policy?").from(POLICIES),
        flag(
            "is_open",
            "Does its policy let in principals outside the organization, or a service for whomever?"
        )
        .from(POLICIES),
        text("open_reason", "Whom it lets in.")
            .absent("''")
            .from(POLICIES),
        json("open_witness", "A request that shows it.")
            .absent("null")
            .from(POLICIES),
    ],
    reads: &[],
    lists: LISTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &SHARED_RESOURCE,
    derive,
    rests_on_published_data: false,
};

/// Table, kind, type and what lets somebody use each.
const KINDS: &[(&str, &str, &str, &[&str])] = &[
    (
        "bedrock_guardrail",
        "guardrail",
        "AWS::Bedrock::Guardrail",
        &["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"],
    ),
    (
        "bedrock_agentcore_runtime",
        "runtime",
        "AWS::BedrockAgentCore::Runtime",
        &[
            "bedrock-agentcore:InvokeAgentRuntime",
            "bedrock-agentcore:InvokeAgentRuntimeForUser",
            "bedrock-agentcore:InvokeAgentRuntimeCommand",
        ],
    ),
    (
        "bedrock_agentcore_gateway",
        "gateway",
        "AWS::BedrockAgentCore::Gateway",
        &["bedrock-agentcore:InvokeGateway"],
    ),
];

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&SHARED_RESOURCE) {
        for (table, kind, resource_type, actions) in KINDS {
            let found = facts.world.all(table, &account, &region);
            sink.hide(&account, &region, found.gaps);
            for item in found.rows {
                // The key of a gateway is its id.
                let arn = match *kind {
                    "gateway" if !item.key().starts_with("arn:") => format!(
                        "arn:{}:bedrock-agentcore:{region}:{account}:gateway/{}",
                        facts.world.run.partition,
                        item.key()
                    ),
                    _ => item.key().to_owned(),
                };
                let own = [arn.clone(), format!("{arn}/*")];
                let asked = Lent {
                    owner: &account,
                    own: &own,
                    actions,
                    does: "use it",
                };
                let policy = item.json("policy");
                let open = policy
                    .clone()
                    .and_then(|policy| lent(facts.world, &arn, &policy, asked));
                let mut row = sink.row(&account, &region, item.key(), resource_type);
                row.set("name", item.text("name").map(str::to_owned))
                    .tagged(facts.settings, &account, Known(BTreeMap::new()));
                row.put("part", *kind)
                    .put("kind", *kind)
                    .set(
                        "has_policy",
                        policy.map(|policy| policy.as_object().is_none_or(|all| !all.is_empty())),
                    )
                    .set("is_open", open.clone().map(|found| found.is_some()));
                let (reason, witness) = open.known().flatten().unwrap_or_default();
                row.put("open_reason", reason).put("open_witness", witness);
                sink.push(row);
            }
        }
    }
}
