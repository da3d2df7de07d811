//! Subject: browsers that agents drive, and whether anybody can see afterwards what they did.

use crate::derive::Sink;
use crate::inventory::cols::flag;
use crate::inventory::{Role, Span, Table};
use crate::model::Observed;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::Known;
use std::collections::BTreeMap;

/// Browsers.
pub const AGENTCORE_BROWSER: Table = Table {
    name: "agentcore_browser",
    doc: "A browser of AgentCore that was made in the account.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag("is_recorded", "Is what happens in its sessions recorded?")
            .from(services::agentcore::BROWSER.group("detail")),
    ],
    reads: &[],
    lists: services::agentcore::BROWSER.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &AGENTCORE_BROWSER,
    derive,
    rests_on_published_data: false,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&AGENTCORE_BROWSER) {
        let browsers = facts
            .world
            .all("bedrock_agentcore_browser", &account, &region);
        sink.hide(&account, &region, browsers.gaps);
        for browser in browsers.rows {
            let mut row = sink.row(
                &account,
                &region,
                browser.key(),
                "AWS::BedrockAgentCore::BrowserCustom",
            );
            row.set("name", browser.text("name").map(str::to_owned))
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("is_recorded", browser.flag("is_recorded"));
            sink.push(row);
        }
    }
}
