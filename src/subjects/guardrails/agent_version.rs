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
        flag(
            "is_test_alias",
            "Is it the alias that every agent has for tests, which always serves the draft?"
        )
        .from(VERSIONS),
        flag(
            "uses_draft",
            "Does the alias serve the draft, or its version a guardrail's draft? What is changed in a draft is in use at once."
        )
        .from(VERSIONS),
        text("draft_reason", "What is a draft.").absent("''").from(VERSIONS),
        flag(
            "is_production",
            "Is its environment production? True where nothing says which it is."
        )
        .from(VERSIONS),
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

/// The alias that Bedrock makes for tests (Bedrock User Guide, "Deploy and use an Amazon Bedrock agent in your application").
const TEST_ALIAS: &str = "AgentTestAlias";

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
                let drafts: Vec<&str> = [
                    (text("version") == "DRAFT", "the alias serves the draft"),
                    (
                        text("guardrail_version") == "DRAFT",
                        "its guardrail is a draft",
                    ),
                ]
                .into_iter()
                .filter(|(is, _)| *is)
                .map(|(_, why)| why)
                .collect();
                let environment = facts
                    .settings
                    .environment(&account, &Known(BTreeMap::new()));
                row.put("is_test_alias", text("alias") == TEST_ALIAS)
                    .put("uses_draft", !drafts.is_empty())
                    .put("draft_reason", drafts.join(", and "))
                    .set(
                        "is_production",
                        environment
                            .map(|name| name.is_empty() || facts.settings.is_production(&name)),
                    );
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
