//! Subject: secrets that a plan or template writes out.

use crate::derive::Sink;
use crate::inventory::cols::{int, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::{Observed, Reason};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const LITERALS: Inputs = services::secret_stores::SOURCE_LITERAL.list();

/// Literals.
pub const SOURCE_LITERAL: Table = Table {
    name: "literal_in_source",
    doc: "A value of a secret or parameter that a plan or template writes out.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "member",
            "Member of the secret, or last part of the parameter's name."
        )
        .from(LITERALS),
        text(
            "category",
            "`none`, `reference`, `secret`, `provider-key`, `bedrock-api-key` or `webhook`."
        )
        .from(LITERALS),
        text("detector", "Format or reason that decided.")
            .absent("''")
            .from(LITERALS),
        text("confidence", "`high`, `medium` or `low`.")
            .absent("''")
            .from(LITERALS),
        int("length", "Length of the value in bytes.").from(LITERALS),
    ],
    reads: &[],
    lists: LITERALS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &SOURCE_LITERAL,
    derive,
    rests_on_published_data: false,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    // What a file writes out is all in it; a list that was not read is another matter.
    for (account, region) in facts.settings.scopes(&SOURCE_LITERAL) {
        let mut gaps = facts.world.hidden("source_literal", &account, &region);
        gaps.retain(|gap| !matches!(gap.reason, Reason::NotInFile | Reason::NotScanned));
        sink.hide(&account, &region, gaps);
    }
    for literal in facts.world.everywhere("source_literal") {
        let (account, region) = (literal.account(), literal.region());
        let owner = match literal.text("owner_arn") {
            Known(owner) => owner,
            Unknown(gaps) => {
                sink.hide(account, region, gaps);
                continue;
            }
        };
        let mut row = sink.row(account, region, owner, "AWS::SecretsManager::Secret");
        row.set("part", literal.text("name").map(str::to_owned))
            .put("name", owner)
            .tagged(facts.settings, account, Known(BTreeMap::new()));
        row.set("member", literal.text("name").map(str::to_owned))
            .set("category", literal.text("category").map(str::to_owned))
            .set("detector", literal.text("detector").map(str::to_owned))
            .set("confidence", literal.text("confidence").map(str::to_owned))
            .set("length", literal.int("length"));
        sink.push(row);
    }
}
