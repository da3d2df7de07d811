//! Subject: whether what stacks made is still what their templates say, as CloudFormation found it last.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text, time};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

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

/// What is known of the resources of one stack that the subject is about.
#[derive(Default)]
struct Parts<'w> {
    /// Words and status of each.
    seen: Vec<(String, &'w str)>,
    /// What could not be told of some.
    open: Vec<Gap>,
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&STACK_DRIFT) {
        let stacks = facts.world.all("cloudformation_stack", &account, &region);
        let parts = facts
            .world
            .all("cloudformation_stack_resource", &account, &region);
        let endpoints = facts.world.all("vpc_endpoint", &account, &region);
        let mut services: BTreeMap<&str, Observed<bool>> = BTreeMap::new();
        for endpoint in endpoints.rows {
            let service = endpoint.text("service_name");
            services.insert(
                endpoint.key(),
                service.map(|name| name.contains(".bedrock")),
            );
        }
        // What hides resources of any stack.
        let mut hidden = parts.gaps;
        let mut of_stack: BTreeMap<&str, Parts<'_>> = BTreeMap::new();
        for part in parts.rows {
            let stack = match part.text("stack_arn") {
                Known(stack) => of_stack.entry(stack).or_default(),
                Unknown(gaps) => {
                    hidden = merge(hidden, gaps);
                    continue;
                }
            };
            match seen(part, &services, &endpoints.gaps) {
                Known(Some(found)) => stack.seen.push(found),
                Known(None) => {}
                Unknown(gaps) => stack.open = merge(std::mem::take(&mut stack.open), gaps),
            }
        }
        sink.hide(&account, &region, merge(stacks.gaps, hidden.clone()));
        for (stack, parts) in &of_stack {
            // A list that names resources of a stack, and no such stack, is not the whole of it.
            let is_about = !parts.seen.is_empty() || !parts.open.is_empty();
            if is_about && stacks.rows.iter().all(|row| row.key() != *stack) {
                let detail = format!("{account} {region}: {stack} has resources and is not listed");
                sink.hide(
                    &account,
                    &region,
                    vec![Gap::not_understood("cloudformation_stack", detail)],
                );
            }
        }
        for stack in stacks.rows {
            let nothing = Parts::default();
            let parts = of_stack.get(stack.key()).unwrap_or(&nothing);
            let goes = stack
                .text("status")
                .map(|status| status.starts_with("DELETE_"));
            // What is taken down differs from its template in any case.
            if goes.is_true() || parts.seen.is_empty() && parts.open.is_empty() {
                continue;
            }
            let named = |wanted: &[&str]| -> Vec<String> {
                parts
                    .seen
                    .iter()
                    .filter(|(_, status)| wanted.contains(status))
                    .map(|(words, status)| format!("{words}: {status}"))
                    .collect()
            };
            let differing = named(&["MODIFIED", "DELETED"]);
            let unchecked = named(&["NOT_CHECKED", "UNKNOWN", "UNSUPPORTED"]);
            let as_in_source = if !differing.is_empty() {
                // Unless it is being taken down.
                goes
            } else {
                let mut open = merge(parts.open.clone(), hidden.clone());
                if let Some(why) = open_by_detection(facts, stack, &unchecked) {
                    open.push(Gap::not_understood(
                        "cloudformation_stack_resource.drift_status",
                        why,
                    ));
                }
                if open.is_empty() {
                    Known(true)
                } else {
                    Unknown(open)
                }
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

/// Why the last detection leaves open whether anything differs; nothing where it answers.
fn open_by_detection(facts: &Facts<'_>, stack: Row<'_>, unchecked: &[String]) -> Option<String> {
    let name = stack.text("name").known().unwrap_or(stack.key());
    let again = format!(
        "run `aws cloudformation detect-stack-drift --stack-name {name}`, which changes nothing, and scan again"
    );
    let checked = stack.text("drift_checked_at").known().unwrap_or_default();
    if stack.text("drift_status") == Known("NOT_CHECKED") || checked.is_empty() {
        return Some(format!(
            "it is not known that drift of the whole stack {name} was ever detected; {again}"
        ));
    }
    let run = &facts.world.run;
    let days = run
        .parameters
        .get("drift_days")
        .and_then(serde_json::Value::as_i64)
        .unwrap_or(30);
    let age = run
        .started_at
        .parse::<jiff::Timestamp>()
        .ok()
        .zip(checked.parse::<jiff::Timestamp>().ok())
        .map(|(now, then)| now.duration_since(then).as_hours() / 24);
    if age.is_none_or(|age| age > days) {
        return Some(format!(
            "drift of the stack {name} was last detected on {checked}, more than {days} days (drift_days) before the scan; {again}"
        ));
    }
    (!unchecked.is_empty()).then(|| {
        format!(
            "the last detection of drift of the stack {name} did not compare {}",
            unchecked.join(", ")
        )
    })
}

/// The words and the status of a resource that the subject is about; nothing for others.
fn seen<'w>(
    part: Row<'w>,
    services: &BTreeMap<&str, Observed<bool>>,
    endpoint_gaps: &[Gap],
) -> Observed<Option<(String, &'w str)>> {
    let about = part.text("type").and_then(|kind| {
        if PREFIXES.iter().any(|prefix| kind.starts_with(prefix)) {
            return Known(true);
        }
        if kind != "AWS::EC2::VPCEndpoint" {
            return Known(false);
        }
        part.text("physical_id").and_then(|id| match services.get(id) {
            Some(known) => known.clone(),
            None if endpoint_gaps.is_empty() => Observed::gap(Gap::not_understood(
                "vpc_endpoint.service_name",
                format!("the endpoint {id} of a stack is not there, so that its service is not known"),
            )),
            None => Unknown(endpoint_gaps.to_vec()),
        })
    });
    about.and_then(|about| {
        if !about {
            return Known(None);
        }
        part.text("logical_id")
            .zip(part.text("type"))
            .zip(part.text("drift_status"))
            .map(|((logical, kind), status)| Some((format!("{logical} ({kind})"), status)))
    })
}
