//! Subject: the versions of agents that aliases serve, and their guardrails.

use super::enforcement;
use crate::derive::Sink;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeMap;

const VERSIONS: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::AGENT.group("versions"),
]);

/// Versions of agents.
pub const AGENT_VERSION: Table = Table {
    name: "agent_version",
    doc: "A version of a Bedrock Agent that an alias serves; the draft that the console shows may be another.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("alias", "Alias.").from(VERSIONS),
        text("version", "Version that it serves.").from(VERSIONS),
        text("guardrail", "Guardrail of the version.").absent("''").from(VERSIONS),
        flag("has_guardrail", "Has the version a guardrail?").from(VERSIONS),
        flag(
            "is_enforced",
            "Does the account or the organisation enforce a guardrail on every call in the Region, which no tag keeps content from?"
        )
        .from(enforcement::POLICIES),
    ],
    reads: &[],
    lists: VERSIONS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &AGENT_VERSION,
    derive,
    rests_on_published_data: false,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&AGENT_VERSION) {
        let agents = facts.world.all("bedrock_agent", &account, &region);
        sink.hide(&account, &region, agents.gaps);
        let enforced =
            enforcement::by_policy(facts, &account, &region).map(|found| found.is_some());
        for agent in agents.rows {
            let served = match agent.json("served_versions") {
                Known(served) => served,
                Unknown(gaps) => {
                    sink.hide(&account, &region, gaps);
                    continue;
                }
            };
            for one in served.as_array().into_iter().flatten() {
                let text = |name: &str| one.get(name).and_then(Json::as_str).unwrap_or_default();
                let mut row = sink.row(&account, &region, agent.key(), "AWS::Bedrock::Agent");
                row.put("part", format!("{}/{}", text("alias"), text("version")))
                    .set("name", agent.text("name").map(str::to_owned))
                    .tagged(facts.settings, &account, Known(BTreeMap::new()));
                row.put("alias", text("alias"))
                    .put("version", text("version"))
                    .put("guardrail", text("guardrail"))
                    .put("has_guardrail", !text("guardrail").is_empty())
                    .set("is_enforced", enforced.clone());
                sink.push(row);
            }
        }
    }
}
