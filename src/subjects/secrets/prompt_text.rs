//! Subject: instructions and prompts that are kept in Bedrock, and secrets in them.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::Known;
use std::collections::BTreeMap;

const LISTS: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::PROMPT.list(),
]);
const TEXTS: Inputs = Inputs::All(&[
    LISTS,
    services::bedrock_agent::AGENT.group("detail"),
    services::bedrock_agent::AGENT.group("versions"),
    services::bedrock_agent::PROMPT.group("detail"),
]);

/// Texts.
pub const PROMPT_TEXT: Table = Table {
    name: "prompt_text",
    doc: "The instructions of a Bedrock Agent, or a prompt of Prompt Management. Its text is looked at and not kept.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`agent` or `prompt`.").from(LISTS),
        list("formats", "Formats of secrets that it holds.").from(TEXTS),
        flag("holds_secret", "Does it hold one?").from(TEXTS),
    ],
    reads: &[],
    lists: LISTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &PROMPT_TEXT,
    derive,
    rests_on_published_data: false,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&PROMPT_TEXT) {
        for (table, kind, column, resource_type) in [
            (
                "bedrock_agent",
                "agent",
                "instruction_secrets",
                "AWS::Bedrock::Agent",
            ),
            (
                "bedrock_prompt",
                "prompt",
                "secrets",
                "AWS::Bedrock::Prompt",
            ),
        ] {
            let found = facts.world.all(table, &account, &region);
            sink.hide(&account, &region, found.gaps);
            for item in found.rows {
                let formats = item.list(column);
                let mut row = sink.row(&account, &region, item.key(), resource_type);
                row.set("name", item.text("name").map(str::to_owned))
                    .tagged(facts.settings, &account, Known(BTreeMap::new()));
                row.put("kind", kind)
                    .set("holds_secret", formats.clone().map(|all| !all.is_empty()))
                    .set("formats", formats);
                sink.push(row);
            }
        }
    }
}
