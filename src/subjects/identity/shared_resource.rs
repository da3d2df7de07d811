//! Subject: resources of Bedrock and AgentCore that other accounts can be let at by a policy of their own.

use crate::access::bucket::first;
use crate::access::lent::{Lent, lent};
use crate::derive::Sink;
use crate::inventory::cols::{flag, json, text};
use crate::inventory::{Inputs, Lookup, Role, Row, Span, Table};
use crate::model::{Observed, Reason};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
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
    services::bedrock::RESOURCE_POLICY.list(),
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
        text("kind", "`guardrail`, `runtime` or `gateway`; `policy` for one in a file whose resource the file does not hold.").from(LISTS),
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

/// Table, kind, type and what is asked of the policy of each.
const KINDS: &[(&str, &str, &str, &[&str])] = &[
    (
        "bedrock_guardrail",
        "guardrail",
        "AWS::Bedrock::Guardrail",
        &["bedrock:*"],
    ),
    (
        "bedrock_agentcore_runtime",
        "runtime",
        "AWS::BedrockAgentCore::Runtime",
        &["bedrock-agentcore:*"],
    ),
    (
        "bedrock_agentcore_gateway",
        "gateway",
        "AWS::BedrockAgentCore::Gateway",
        &["bedrock-agentcore:*"],
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
                let policies = policies(facts, item, &arn);
                let open = first(policies.iter().map(|policy| {
                    policy
                        .clone()
                        .and_then(|policy| lent(facts.world, &arn, &policy, asked))
                }));
                let has_policy = Observed::any(policies.into_iter().map(|policy| {
                    policy.map(|policy| policy.as_object().is_none_or(|all| !all.is_empty()))
                }));
                let mut row = sink.row(&account, &region, item.key(), resource_type);
                row.set("name", item.text("name").map(str::to_owned))
                    .tagged(facts.settings, &account, Known(BTreeMap::new()));
                row.put("part", *kind)
                    .put("kind", *kind)
                    .set("has_policy", has_policy)
                    .set("is_open", open.clone().map(|found| found.is_some()));
                let (reason, witness) = open.known().flatten().unwrap_or_default();
                row.put("open_reason", reason).put("open_witness", witness);
                sink.push(row);
            }
        }
        unplaced(facts, sink, &account, &region);
    }
}

/// The policy of a resource: as it was read, or what stands beside it in a file; there each of several counts.
fn policies(facts: &Facts<'_>, item: Row<'_>, arn: &str) -> Vec<Observed<Json>> {
    let read = item.json("policy");
    if !matches!(&read, Unknown(gaps) if gaps.iter().all(|gap| gap.reason == Reason::NotInFile)) {
        return vec![read];
    }
    let (account, region) = (item.account(), item.region());
    let beside = facts.world.children(
        "bedrock_resource_policy",
        account,
        region,
        "resource_arn",
        arn,
    );
    let mut all: Vec<_> = beside.rows.iter().map(|row| row.json("policy")).collect();
    if all.is_empty() {
        all.push(if beside.gaps.is_empty() {
            Known(json!({}))
        } else {
            Unknown(beside.gaps)
        });
    }
    all
}

/// Policies of a file on resources that it does not hold: what is open is open, whatever it hangs on.
fn unplaced(facts: &Facts<'_>, sink: &mut Sink<'_>, account: &str, region: &str) {
    for policy in facts.world.everywhere("bedrock_resource_policy") {
        if policy.account() != account || policy.region() != region {
            continue;
        }
        let target = policy.text("resource_arn");
        let held = target.clone().known().is_some_and(|arn| {
            KINDS.iter().any(|(table, ..)| {
                let key = match *table {
                    "bedrock_agentcore_gateway" => arn.rsplit('/').next().unwrap_or(arn),
                    _ => arn,
                };
                matches!(
                    facts.world.lookup(table, account, region, key),
                    Lookup::Found(_)
                )
            })
        });
        if held {
            continue;
        }
        let own = target
            .known()
            .map_or_else(Vec::new, |arn| vec![arn.to_owned(), format!("{arn}/*")]);
        let asked = Lent {
            owner: account,
            own: &own,
            actions: &["bedrock:*", "bedrock-agentcore:*"],
            does: "use it",
        };
        let document = policy.json("policy");
        let open = document
            .clone()
            .and_then(|document| lent(facts.world, policy.key(), &document, asked));
        let mut row = sink.row(
            account,
            region,
            policy.key(),
            "AWS::Bedrock::ResourcePolicy",
        );
        row.put("name", policy.key())
            .tagged(facts.settings, account, Known(BTreeMap::new()));
        row.put("part", "policy")
            .put("kind", "policy")
            .put("has_policy", true)
            .set("is_open", open.clone().map(|found| found.is_some()));
        let (reason, witness) = open.known().flatten().unwrap_or_default();
        row.put("open_reason", reason).put("open_witness", witness);
        sink.push(row);
    }
}
