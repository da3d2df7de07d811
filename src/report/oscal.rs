//! `--format oscal`: assessment results of OSCAL 1.2.1, with the plan that they follow among the back matter.
//!
//! Every name is a UUID of version 5, made of the run and what it names, so the same run gives the same bytes.
//! Source: <https://pages.nist.gov/OSCAL-Reference/models/v1.2.1/assessment-results/json-reference/>.

use super::safe::terminal;
use super::{missing, named};
use crate::model::{Finding, Outcome, Verdict};
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use uuid::Uuid;

const SPACE: &str = "https://outcrop.dev/ns/oscal";

fn name(parts: &[&str]) -> String {
    Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("{SPACE}/{}", parts.join("/")).as_bytes(),
    )
    .to_string()
}

fn property(name: &str, value: &str) -> Option<Json> {
    // Values are one line and never empty.
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    (!value.is_empty()).then(|| json!({"name": name, "ns": SPACE, "value": value}))
}

fn observation(outcome: &Outcome, result: &Finding) -> Json {
    let unknown = if result.verdict == Verdict::Unknown {
        format!(" Unknown: {}", missing(result))
    } else {
        String::new()
    };
    let properties: Vec<Json> = [
        ("verdict", result.verdict.as_str()),
        ("rule", &result.rule),
        ("severity", result.severity.as_str()),
        ("account-id", &result.account_id),
        ("region", &result.region),
        ("part", &result.part),
        ("fingerprint", &result.fingerprint),
        ("origin", result.origin.as_deref().unwrap_or_default()),
        (
            "waiver-owner",
            result.waiver.as_ref().map_or("", |waiver| &waiver.owner),
        ),
        (
            "waiver-expires",
            result.waiver.as_ref().map_or("", |waiver| &waiver.expires),
        ),
        (
            "waiver-reason",
            result.waiver.as_ref().map_or("", |waiver| &waiver.reason),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| property(name, value))
    .collect();
    json!({
        "uuid": name(&[&outcome.run.id, "observation", &result.fingerprint]),
        "title": terminal(&result.title),
        "description": format!("{}: {}{unknown}", named(result), result.message),
        "props": properties,
        "methods": ["TEST"],
        "types": ["control-objective"],
        "subjects": [{
            "subject-uuid": name(&["resource", &result.account_id, &result.resource]), "type": "resource", "title": terminal(&result.resource),
        }],
        "collected": outcome.run.judged_at(),
    })
}

/// One finding a rule: satisfied when everything that it applies to passes.
fn finding(outcome: &Outcome, rule: &str, results: &[&Finding]) -> Json {
    let count = |verdict| {
        results
            .iter()
            .filter(|result| result.verdict == verdict && result.waiver.is_none())
            .count()
    };
    let (fail, unknown, pass) = (
        count(Verdict::Fail),
        count(Verdict::Unknown),
        count(Verdict::Pass),
    );
    let state = if fail == 0 && unknown == 0 {
        "satisfied"
    } else {
        "not-satisfied"
    };
    let reason = if fail > 0 {
        "fail"
    } else if unknown > 0 {
        "other"
    } else {
        "pass"
    };
    let waived = results
        .iter()
        .filter(|result| result.waiver.is_some())
        .count();
    // A title is one line (the schema's pattern).
    let title = terminal(results.first().map_or(rule, |result| result.title.as_str()));
    json!({
        "uuid": name(&[&outcome.run.id, "finding", rule]),
        "title": title,
        "description": format!("{fail} failed, {unknown} could not be judged, {pass} passed, {waived} waived."),
        "target": {
            "type": "objective-id", "target-id": rule, "title": title,
            "status": {"state": state, "reason": reason, "remarks": format!("Unknown counts as not satisfied: what was not observed is never a pass. ({unknown})")},
        },
        "related-observations": results.iter().map(|result| json!({"observation-uuid": name(&[&outcome.run.id, "observation", &result.fingerprint])})).collect::<Vec<_>>(),
    })
}

/// The document; observations are made as they are written, because there can be very many.
#[derive(Serialize)]
struct Document<'o> {
    #[serde(rename = "assessment-results")]
    results: Results<'o>,
}

#[derive(Serialize)]
struct Results<'o> {
    uuid: String,
    metadata: Json,
    #[serde(rename = "import-ap")]
    plan: Json,
    results: [Assessed<'o>; 1],
    #[serde(rename = "back-matter")]
    back_matter: Json,
}

#[derive(Serialize)]
struct Assessed<'o> {
    uuid: String,
    title: String,
    description: String,
    start: &'o str,
    end: &'o str,
    #[serde(rename = "reviewed-controls")]
    controls: Json,
    #[serde(skip_serializing_if = "Observations::is_empty")]
    observations: Observations<'o>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Json>,
}

struct Observations<'o>(&'o Outcome);

impl Observations<'_> {
    fn is_empty(&self) -> bool {
        self.0.results.is_empty()
    }
}

impl Serialize for Observations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0
                .results
                .iter()
                .map(|result| observation(self.0, result)),
        )
    }
}

/// Writes the document.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let run = &outcome.run;
    let at = run.judged_at();
    let mut by_rule: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for result in &outcome.results {
        by_rule.entry(&result.rule).or_default().push(result);
    }
    let objectives: Vec<Json> = by_rule
        .keys()
        .map(|rule| json!({"objective-id": rule}))
        .collect();
    let plan = name(&[&run.id, "plan"]);
    let started = if run.started_at.is_empty() {
        at
    } else {
        &run.started_at
    };
    let unread: Vec<&crate::model::CoverageLine> = outcome
        .coverage
        .iter()
        .filter(|line| {
            !matches!(
                line.status.as_str(),
                "complete" | "unsupported" | "not-collected"
            )
        })
        .collect();
    let mut controls = json!({"control-selections": [{"description": "The rules of the run; those that support a control of a framework name it.", "include-all": {}}]});
    if !objectives.is_empty() {
        controls["control-objective-selections"] =
            json!([{"description": "One objective a rule.", "include-objectives": objectives}]);
    }
    let result = Assessed {
        uuid: name(&[&run.id, "result"]),
        title: format!("Outcrop run {}", run.id),
        description: format!(
            "{} results of {} rules over {} accounts and {} Regions; {} readings were not whole.",
            outcome.results.len(),
            by_rule.len(),
            run.accounts.len(),
            run.regions.len(),
            unread.len()
        ),
        start: started,
        end: at,
        controls,
        observations: Observations(outcome),
        findings: by_rule
            .iter()
            .map(|(rule, results)| finding(outcome, rule, results))
            .collect(),
    };
    let resources = json!([{
        "uuid": plan,
        "title": "Assessment plan",
        "description": format!("Every rule of the set {} is applied to every resource of the accounts {}, from read-only API calls; a rule whose inputs were not all read is unknown.", run.rules_digest, run.accounts.iter().map(|account| account.id.as_str()).collect::<Vec<_>>().join(", ")),
    }]);
    let interrupted = if run.complete {
        ""
    } else {
        " The run was interrupted: what it does not hold was not looked at."
    };
    let document = Document {
        results: Results {
            uuid: name(&[&run.id, "assessment-results"]),
            metadata: json!({"title": "Amazon Bedrock exposure: assessment results", "last-modified": at, "version": run.version, "oscal-version": "1.2.1"}),
            plan: json!({"href": format!("#{plan}"), "remarks": format!("A scanner's plan is its rule set; it stands in the back matter.{interrupted}")}),
            results: [result],
            back_matter: json!({"resources": resources}),
        },
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
