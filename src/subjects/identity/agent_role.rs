//! Subject: the roles of agents.

use super::role_use::{lower_bound, two_or_more};
use crate::derive::Sink;
use crate::inventory::cols::{flag, int, list};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::model::{Arn, GLOBAL, Gap, merge};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const AGENTS: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::AGENT.group("detail"),
    services::bedrock_agent::AGENT.group("versions"),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
    services::bedrock_agent::FLOW.list(),
    services::bedrock_agent::FLOW.group("detail"),
    services::agentcore::RUNTIME.list(),
    services::agentcore::RUNTIME.group("detail"),
    services::agentcore::GATEWAY.list(),
    services::agentcore::GATEWAY.group("detail"),
    services::agentcore::MEMORY.list(),
    services::agentcore::MEMORY.group("detail"),
]);

/// Roles of agents.
pub const AGENT_ROLE: Table = Table {
    name: "agent_role",
    doc: "A role under which Bedrock Agents, knowledge bases, flows or AgentCore resources run.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        list("users", "What runs under it.").from(AGENTS),
        int("user_count", "How many.").from(AGENTS),
        flag("shared", "Are they two or more?").from(AGENTS),
    ],
    reads: &[],
    lists: AGENTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &AGENT_ROLE,
    derive: derive_agent_roles,
    rests_on_published_data: false,
};

/// What runs under a role.
pub(crate) type Users = BTreeMap<String, BTreeSet<String>>;

/// The roles of agents of an account, by their users, and what may hide more.
pub(crate) fn agent_roles(facts: &Facts<'_>, account: &str) -> (Users, Vec<Gap>) {
    const TABLES: &[&str] = &[
        "bedrock_agent",
        "bedrock_knowledge_base",
        "bedrock_flow",
        "bedrock_agentcore_runtime",
        "bedrock_agentcore_gateway",
        "bedrock_agentcore_memory",
    ];
    let mut gaps: Vec<Gap> = facts.settings.unscanned(account);
    let mut uses = Users::new();
    for region in &facts.world.run.regions {
        for table in TABLES {
            let found = facts.world.all(table, account, region);
            gaps = merge(gaps, found.gaps);
            for row in found.rows {
                let mut roles = row.text("role_arn").map(|role| vec![role.to_owned()]);
                if *table == "bedrock_agent" {
                    roles = roles
                        .zip(row.list("version_role_arns"))
                        .map(|(draft, versions)| [draft, versions].concat());
                }
                match roles {
                    Known(roles) => {
                        for role in roles.into_iter().filter(|role| !role.is_empty()) {
                            uses.entry(role).or_default().insert(row.key().to_owned());
                        }
                    }
                    Unknown(more) => gaps = merge(gaps, more),
                }
            }
        }
    }
    (uses, gaps)
}

pub(crate) fn derive_agent_roles(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, _) in facts.settings.scopes(&AGENT_ROLE) {
        let (uses, gaps) = agent_roles(facts, &account);
        sink.hide(&account, GLOBAL, gaps.clone());
        for (role, users) in uses {
            let mut row = sink.row(&account, GLOBAL, role.as_str(), "AWS::IAM::Role");
            row.put(
                "name",
                Arn::parse(&role).map_or(role.as_str(), |arn| arn.name()),
            )
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("user_count", lower_bound(users.len(), &gaps))
                .set("shared", two_or_more(users.len(), &gaps))
                .put("users", users.into_iter().collect::<Vec<_>>());
            sink.push(row);
        }
    }
}
