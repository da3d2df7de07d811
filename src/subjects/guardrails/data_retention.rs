//! Subject: what is kept of prompts and answers, and who gets them.

use crate::derive::Sink;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Lookup, Role, Span, Table};
use crate::model::{Gap, Observed, account_arn};
use crate::subjects::logging::genai_use;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const MODE: Inputs = services::bedrock::DATA_RETENTION.list();

/// Data retention.
pub const DATA_RETENTION: Table = Table {
    name: "data_retention",
    doc: "What an account allows to be kept of prompts and answers in a Region.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag("in_use", "Is Bedrock used in the Region?").from(genai_use::INPUTS),
        text(
            "mode",
            "`none`, `default`, `inherit`, `aws_review` or `provider_data_share`."
        )
        .from(MODE),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &DATA_RETENTION,
    derive,
    rests_on_published_data: false,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&DATA_RETENTION) {
        let found = facts
            .world
            .lookup("bedrock_data_retention", &account, &region, &region);
        let mode = match found {
            Lookup::Found(row) => row.text("mode").map(str::to_owned),
            Lookup::Absent => Observed::gap(Gap::not_understood(
                "bedrock_data_retention",
                format!("{account} {region}: the account gave no answer"),
            )),
            Lookup::Unknown(gaps) => Unknown(gaps),
        };
        let used = genai_use::in_use(facts, &account, &region);
        let resource = account_arn(&facts.world.run.partition, &account);
        let mut row = sink.row(&account, &region, resource, "AWS::::Account");
        row.put("name", facts.settings.account_name(&account))
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
        row.set("in_use", used.map(|used| used.is_some()))
            .set("mode", mode);
        sink.push(row);
    }
}
