//! Subject: the network of what AgentCore runs: runtimes, browsers and code interpreters.

use crate::derive::Sink;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::Known;
use std::collections::BTreeMap;

const LISTS: Inputs = Inputs::All(&[
    services::agentcore::RUNTIME.list(),
    services::agentcore::BROWSER.list(),
    services::agentcore::CODE_INTERPRETER.list(),
]);
const DETAIL: Inputs = Inputs::All(&[
    services::agentcore::RUNTIME.group("detail"),
    services::agentcore::BROWSER.group("detail"),
    services::agentcore::CODE_INTERPRETER.group("detail"),
]);

/// Runtimes and tools.
pub const AGENTCORE_NETWORK: Table = Table {
    name: "agentcore_network",
    doc: "An AgentCore runtime, browser or code interpreter, and the network that its traffic leaves by.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`runtime`, `browser` or `code-interpreter`.").from(LISTS),
        text(
            "network_mode",
            "`PUBLIC` (the internet), `VPC` (the network of the account) or `SANDBOX` (none)."
        )
        .from(DETAIL),
        flag("is_public", "Does its traffic leave by the internet?").from(DETAIL),
    ],
    reads: &[],
    lists: LISTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &AGENTCORE_NETWORK,
    derive,
    rests_on_published_data: false,
};

const KINDS: [(&str, &str, &str); 3] = [
    (
        "bedrock_agentcore_runtime",
        "runtime",
        "AWS::BedrockAgentCore::Runtime",
    ),
    (
        "bedrock_agentcore_browser",
        "browser",
        "AWS::BedrockAgentCore::BrowserCustom",
    ),
    (
        "bedrock_agentcore_code_interpreter",
        "code-interpreter",
        "AWS::BedrockAgentCore::CodeInterpreterCustom",
    ),
];

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&AGENTCORE_NETWORK) {
        for (table, kind, resource_type) in KINDS {
            let found = facts.world.all(table, &account, &region);
            sink.hide(&account, &region, found.gaps);
            for item in found.rows {
                let mode = item.text("network_mode");
                let mut row = sink.row(&account, &region, item.key(), resource_type);
                row.set("name", item.text("name").map(str::to_owned))
                    .tagged(facts.settings, &account, Known(BTreeMap::new()));
                row.put("kind", kind)
                    .set("network_mode", mode.clone().map(str::to_owned))
                    .set("is_public", mode.map(|mode| mode == "PUBLIC"));
                sink.push(row);
            }
        }
    }
}
