//! `--format oscal`: assessment results of OSCAL 1.2.1, with the plan that they follow among the back matter.
//!
//! Every name is a UUID of version 5, made of the run and what it names, so the same run gives the same bytes.
//! Source: <https://pages.nist.gov/OSCAL-Reference/models/v1.2.1/assessment-results/json-reference/>.

use super::controls::matrix;
use super::safe::terminal;
use super::{missing, named};
use crate::model::{AttestationReport, Finding, Outcome, Promise, PromiseState, Verdict, promises};
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
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

/// What a person says, as an observation of that person's, by asking and not by a test.
fn statement(outcome: &Outcome, one: &AttestationReport) -> Json {
    let properties: Vec<Json> = [
        ("attestation", one.id.as_str()),
        ("state", one.status.words()),
        ("verdict", one.verdict()),
        ("evidence", &one.evidence),
    ]
    .into_iter()
    .filter_map(|(name, value)| property(name, value))
    .collect();
    json!({
        "uuid": name(&[&outcome.run.id, "attestation", &one.id, &one.by, &one.on]),
        "title": terminal(one.title()),
        "description": one.sentence(),
        "props": properties,
        "methods": ["INTERVIEW"],
        "types": ["control-objective"],
        "origins": [{"actors": [{"type": "party", "actor-uuid": party(&one.by)}]}],
        "collected": format!("{}T00:00:00Z", one.on),
        "expires": format!("{}T23:59:59Z", one.expires),
    })
}

fn party(by: &str) -> String {
    name(&["party", by])
}

/// Whoever attests something, once each.
fn parties(outcome: &Outcome) -> Vec<Json> {
    let all: BTreeSet<&str> = outcome
        .attestations
        .iter()
        .filter(|one| one.is_given())
        .map(|one| one.by.as_str())
        .collect();
    all.into_iter()
        .map(|by| json!({"uuid": party(by), "type": "organization", "name": terminal(by)}))
        .collect()
}

/// A promise of the rollout, satisfied where it is kept.
fn promise(outcome: &Outcome, one: &Promise) -> Json {
    let title = terminal(&one.promise);
    let reason = match one.state {
        PromiseState::Holds => "pass",
        PromiseState::Broken => "fail",
        _ => "other",
    };
    // A person's word satisfies nothing here: it is an observation of that person's.
    let state = if one.state == PromiseState::Holds {
        "satisfied"
    } else {
        "not-satisfied"
    };
    let mut properties: Vec<Json> = [
        ("promise", one.id.as_str()),
        ("state", one.state.words()),
        ("said", &one.said),
        ("since", &one.since),
        ("rules", &one.rules.join(" ")),
        ("attestations", &one.attestations.join(" ")),
    ]
    .into_iter()
    .filter_map(|(name, value)| property(name, value))
    .collect();
    properties.extend(property("stage", &one.stage.to_string()));
    let said: Vec<Json> = outcome
        .attestations
        .iter()
        .filter(|word| word.is_given() && one.attestations.contains(&word.id))
        .map(|word| json!({"observation-uuid": name(&[&outcome.run.id, "attestation", &word.id, &word.by, &word.on])}))
        .collect();
    let mut all = json!({
        "uuid": name(&[&outcome.run.id, "promise", &one.id]),
        "title": title,
        "description": format!("Day {}: {}. {} failed, {} could not be judged, {} waived.", one.stage, one.state.words(), one.fail, one.unknown, one.waived),
        "props": properties,
        "target": {
            "type": "objective-id", "target-id": format!("promise-{}", one.id), "title": title,
            "status": {"state": state, "reason": reason},
        },
    });
    if !said.is_empty() {
        all["related-observations"] = Json::Array(said);
    }
    all
}

/// The controls of each framework that something in this run speaks of, with what came of each.
fn selections(outcome: &Outcome) -> Vec<Json> {
    matrix(outcome)
        .into_iter()
        .filter_map(|(framework, controls)| {
            let covered: Vec<_> = controls.iter().filter(|one| !one.is_not_covered()).collect();
            if covered.is_empty() {
                return None;
            }
            let properties: Vec<Json> = covered
                .iter()
                .filter_map(|one| {
                    let counts = format!(
                        "{}: {} tested of {}, {} passed, {} failed, {} unknown, {} waived, {} attested",
                        one.id,
                        one.tested(),
                        one.population(),
                        one.pass,
                        one.fail,
                        one.unknown,
                        one.waived,
                        one.said
                    );
                    property("control", &counts)
                })
                .collect();
            let included: Vec<Json> = covered
                .iter()
                .map(|one| json!({"control-id": token(&framework, &one.id)}))
                .collect();
            Some(json!({
                "description": format!("Controls of {framework} that rules or attestations of this run support in part."),
                "props": properties,
                "include-controls": included,
            }))
        })
        .collect()
}

/// A control's id as OSCAL writes one: those of NIST SP 800-53 as its catalogue does (`sc-7`), others behind their framework.
fn token(framework: &str, control: &str) -> String {
    let id: String = control
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    if framework == "nist-800-53" {
        id
    } else {
        format!("{framework}-{id}")
    }
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
        self.0.results.is_empty() && !self.0.attestations.iter().any(|one| one.is_given())
    }
}

impl Serialize for Observations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = self.0.attestations.iter().filter(|one| one.is_given());
        serializer.collect_seq(
            self.0
                .results
                .iter()
                .map(|result| observation(self.0, result))
                .chain(said.map(|one| statement(self.0, one))),
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
    // A file answers for itself, and not for a rollout.
    let promises = if run.source.is_file() {
        Vec::new()
    } else {
        promises(outcome)
    };
    let objectives: Vec<Json> = by_rule
        .keys()
        .map(|rule| json!({"objective-id": rule}))
        .chain(
            promises
                .iter()
                .map(|one| json!({"objective-id": format!("promise-{}", one.id)})),
        )
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
    let mut selected = selections(outcome);
    if selected.is_empty() {
        selected.push(json!({"description": "The rules of the run; none of them names a control.", "include-all": {}}));
    }
    let mut controls = json!({"control-selections": selected});
    if !objectives.is_empty() {
        controls["control-objective-selections"] = json!([{"description": "One objective a rule, and one a promise of the rollout.", "include-objectives": objectives}]);
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
            .chain(promises.iter().map(|one| promise(outcome, one)))
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
    let mut metadata = json!({"title": "Amazon Bedrock exposure: assessment results", "last-modified": at, "version": run.version, "oscal-version": "1.2.1"});
    let parties = parties(outcome);
    if !parties.is_empty() {
        metadata["parties"] = Json::Array(parties);
    }
    let document = Document {
        results: Results {
            uuid: name(&[&run.id, "assessment-results"]),
            metadata,
            plan: json!({"href": format!("#{plan}"), "remarks": format!("A scanner's plan is its rule set; it stands in the back matter.{interrupted}")}),
            results: [result],
            back_matter: json!({"resources": resources}),
        },
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
