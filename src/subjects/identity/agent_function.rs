//! Subject: functions that agents call, and who else may.

use crate::access::lent::{Lent, lent};
use crate::derive::Sink;
use crate::inventory::cols::{flag, json, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Arn, Gap, Observed, Reason};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const LIST: Inputs = services::bedrock_agent::AGENT_FUNCTION.list();
const POLICY: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT_FUNCTION.group("policy"),
    services::lambda::PERMISSION.list(),
    services::organizations::ORGANIZATION.list(),
    services::organizations::ACCOUNT.list(),
]);

/// Functions of agents.
pub const AGENT_FUNCTION: Table = Table {
    name: "agent_function",
    doc: "A function of AWS Lambda that an action group of a Bedrock Agent calls, and whom its policy lets in.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("agent_arn", "Agent.").from(LIST),
        flag(
            "is_open",
            "Does its policy let in principals outside the organization, or the agents of whomever?"
        )
        .from(POLICY),
        text("open_reason", "Whom it lets in.")
            .absent("''")
            .from(POLICY),
        json("open_witness", "A request that shows it.")
            .absent("null")
            .from(POLICY),
    ],
    reads: &[],
    lists: LIST,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &AGENT_FUNCTION,
    derive,
    rests_on_published_data: false,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&AGENT_FUNCTION) {
        let found = facts.world.all("bedrock_agent_function", &account, &region);
        sink.hide(&account, &region, found.gaps);
        for item in found.rows {
            let function = match item.text("function_arn") {
                Known(function) => function,
                Unknown(gaps) => {
                    sink.hide(&account, &region, gaps);
                    continue;
                }
            };
            let owner = Arn::parse(function).map_or(account.as_str(), |arn| arn.account);
            let own = [function.to_owned()];
            let asked = Lent {
                owner,
                own: &own,
                actions: &["lambda:InvokeFunction"],
                does: "invoke it",
            };
            let open = policy(facts, item, function)
                .and_then(|policy| lent(facts.world, function, &policy, asked));
            let mut row = sink.row(&account, &region, function, "AWS::Lambda::Function");
            row.put("part", item.key())
                .put(
                    "name",
                    function.split(":function:").last().unwrap_or(function),
                )
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("agent_arn", item.text("agent_arn").map(str::to_owned))
                .set("is_open", open.clone().map(|found| found.is_some()));
            let (reason, witness) = open.known().flatten().unwrap_or_default();
            row.put("open_reason", reason).put("open_witness", witness);
            sink.push(row);
        }
    }
}

/// The policy of a function: as it was read, or what the permissions of a file come to.
fn policy(facts: &Facts<'_>, item: Row<'_>, function: &str) -> Observed<Json> {
    let read = item.json("policy");
    let in_file = |gaps: &[Gap]| gaps.iter().all(|gap| gap.reason == Reason::NotInFile);
    if !matches!(&read, Unknown(gaps) if in_file(gaps)) {
        return read;
    }
    let base: Vec<&str> = function.split(':').take(7).collect();
    let base = base.join(":");
    let permissions = facts.world.children(
        "lambda_permission",
        item.account(),
        item.region(),
        "function_arn",
        &base,
    );
    let (mut statements, mut gaps) = (Vec::new(), permissions.gaps);
    for permission in permissions.rows {
        match permission.json("policy") {
            Known(policy) => {
                statements.extend(policy["Statement"].as_array().cloned().unwrap_or_default());
            }
            Unknown(more) => gaps.extend(more),
        }
    }
    // What is open by what the file says stays open, whatever else lets somebody in.
    let known = json!({"Version": "2012-10-17", "Statement": statements});
    match (statements_of(&known), gaps.is_empty()) {
        // An agent needs a permission from somewhere.
        (0, true) => Observed::gap(Gap {
            reason: Reason::NotInFile,
            ..Gap::not_understood(
                "lambda_permission",
                format!(
                    "the file declares no permission on {function}; who may invoke it is said elsewhere"
                ),
            )
        }),
        (_, true) => Known(known),
        _ => Unknown(gaps),
    }
}

fn statements_of(policy: &Json) -> usize {
    policy["Statement"].as_array().map_or(0, Vec::len)
}
