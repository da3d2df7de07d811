//! Subject: whether what stacks made is still what their templates say, as CloudFormation found it last.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text, time};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const STACKS: Inputs = Inputs::All(&[
    services::provenance::STACK.list(),
    services::provenance::STACK_RESOURCE.list(),
    services::vpc_endpoint::ENDPOINT.list(),
]);

/// Drift of stacks.
pub const STACK_DRIFT: Table = Table {
    name: "stack_drift",
    doc: "A stack that holds Bedrock or AgentCore resources, OpenSearch Serverless, or endpoints for Bedrock, and what the last detection of drift found of these.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("drift_status", "What was found of the whole stack.").from(STACKS),
        time("drift_checked_at", "When drift was last detected.")
            .absent("''")
            .from(STACKS),
        list(
            "differing",
            "Resources that were changed or deleted, each as `logical id (type): status`."
        )
        .from(STACKS),
        list(
            "unchecked",
            "Resources that were not compared, in the same form."
        )
        .from(STACKS),
        flag("as_in_source", "Is everything as the template says?").from(STACKS),
    ],
    reads: &[],
    lists: STACKS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &STACK_DRIFT,
    derive,
    rests_on_published_data: false,
};

const PREFIXES: &[&str] = &[
    "AWS::Bedrock::",
    "AWS::BedrockAgentCore::",
    "AWS::OpenSearchServerless::",
];

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&STACK_DRIFT) {
        let stacks = facts.world.all("cloudformation_stack", &account, &region);
        let parts = facts
            .world
            .all("cloudformation_stack_resource", &account, &region);
        let mut hidden = merge(stacks.gaps, parts.gaps);
        let endpoints = facts.world.all("vpc_endpoint", &account, &region);
        let mut for_bedrock = BTreeSet::new();
        for endpoint in endpoints.rows {
            match endpoint.text("service_name") {
                Known(service) if service.contains(".bedrock") => {
                    for_bedrock.insert(endpoint.key());
                }
                Known(_) => {}
                Unknown(gaps) => hidden = merge(hidden, gaps),
            }
        }
        let mut of_stack: BTreeMap<&str, Vec<(String, &str)>> = BTreeMap::new();
        for part in parts.rows {
            match seen(part, &for_bedrock, &endpoints.gaps) {
                Known(Some((stack, words, status))) => {
                    of_stack.entry(stack).or_default().push((words, status));
                }
                Known(None) => {}
                Unknown(gaps) => hidden = merge(hidden, gaps),
            }
        }
        sink.hide(&account, &region, hidden);
        for stack in stacks.rows {
            let Some(parts) = of_stack.get(stack.key()) else {
                continue;
            };
            let named = |wanted: &[&str]| -> Vec<String> {
                parts
                    .iter()
                    .filter(|(_, status)| wanted.contains(status))
                    .map(|(words, status)| format!("{words}: {status}"))
                    .collect()
            };
            let differing = named(&["MODIFIED", "DELETED"]);
            let unchecked = named(&["NOT_CHECKED", "UNKNOWN", "UNSUPPORTED"]);
            let as_in_source = if !differing.is_empty() {
                Known(false)
            } else if unchecked.is_empty() {
                Known(true)
            } else {
                let name = stack.text("name").known().unwrap_or(stack.key());
                Observed::gap(Gap::not_understood(
                    "cloudformation_stack_resource.drift_status",
                    match stack.text("drift_status") {
                        Known("NOT_CHECKED") => format!(
                            "drift of the stack {name} was never detected; run `aws cloudformation detect-stack-drift --stack-name {name}`, which changes nothing, and scan again"
                        ),
                        _ => format!(
                            "the last detection of drift of the stack {name} did not compare {}",
                            unchecked.join(", ")
                        ),
                    },
                ))
            };
            let mut row = sink.row(&account, &region, stack.key(), "AWS::CloudFormation::Stack");
            row.set("name", stack.text("name").map(str::to_owned))
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("drift_status", stack.text("drift_status"))
                .set("drift_checked_at", stack.text("drift_checked_at"))
                .put("differing", differing)
                .put("unchecked", unchecked)
                .set("as_in_source", as_in_source);
            sink.push(row);
        }
    }
}

/// The stack, the words and the status of a resource that the subject is about; nothing for others.
fn seen<'w>(
    part: Row<'w>,
    for_bedrock: &BTreeSet<&str>,
    endpoint_gaps: &[Gap],
) -> Observed<Option<(&'w str, String, &'w str)>> {
    let about = part.text("type").and_then(|kind| {
        if PREFIXES.iter().any(|prefix| kind.starts_with(prefix)) {
            return Known(true);
        }
        if kind != "AWS::EC2::VPCEndpoint" {
            return Known(false);
        }
        part.text("physical_id").and_then(|id| {
            if for_bedrock.contains(id) || endpoint_gaps.is_empty() {
                Known(for_bedrock.contains(id))
            } else {
                Unknown(endpoint_gaps.to_vec())
            }
        })
    });
    about.and_then(|about| {
        if !about {
            return Known(None);
        }
        part.text("stack_arn")
            .zip(part.text("logical_id"))
            .zip(part.text("type").zip(part.text("drift_status")))
            .map(|((stack, logical), (kind, status))| {
                Some((stack, format!("{logical} ({kind})"), status))
            })
    })
}
