//! Subject: resources of templates whose type CloudFormation does not have.

use crate::derive::Sink;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::{Observed, Reason, account_arn};
use crate::services::template_types;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use Observed::Known;
use std::collections::BTreeMap;

const TYPES: Inputs = template_types::UNKNOWN_TYPE.list();

/// Types of templates.
pub const TEMPLATE_TYPE: Table = Table {
    name: "template_type",
    doc: "A resource of a template whose type CloudFormation does not have; one row for the template where it has them all.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("type", "Type that it names.").absent("''").from(TYPES),
        text("nearest", "The type that it is most like.")
            .absent("''")
            .from(TYPES),
        text("dated", "Day of the list of types.").from(TYPES),
        flag(
            "type_exists",
            "Did CloudFormation have the type on that day?"
        )
        .from(TYPES),
    ],
    reads: &[],
    lists: TYPES,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &TEMPLATE_TYPE,
    derive,
    rests_on_published_data: true,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&TEMPLATE_TYPE) {
        let found = facts.world.all("template_unknown_type", &account, &region);
        let mut gaps = found.gaps;
        // What a template names is all in it.
        gaps.retain(|gap| !matches!(gap.reason, Reason::NotInFile | Reason::NotScanned));
        sink.hide(&account, &region, gaps);
        let mut whole = true;
        for one in found.rows {
            whole = false;
            let kind = one.text("type").known().unwrap_or_default();
            let mut row = sink.row(&account, &region, one.key(), kind);
            row.put("name", one.key())
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("type", one.text("type").map(str::to_owned))
                .set("nearest", one.text("nearest").map(str::to_owned))
                .put("dated", template_types::dated())
                .put("type_exists", false);
            sink.push(row);
        }
        if whole {
            let resource = account_arn(&facts.world.run.partition, &account);
            let mut row = sink.row(&account, &region, resource, "AWS::::Account");
            row.put("name", facts.settings.account_name(&account))
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.put("type", "")
                .put("nearest", "")
                .put("dated", template_types::dated())
                .put("type_exists", true);
            sink.push(row);
        }
    }
}
