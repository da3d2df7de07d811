//! What is still open: findings, exceptions, and what people said that ends soon.

use super::{Section, cell, not_read, under};
use crate::inventory::{Error, Store};
use crate::model::{AttestationReport, AttestationStatus, Outcome, Verdict};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Failures and unknowns without a waiver, worst first, with room for a name.
pub(super) fn findings(outcome: &Outcome) -> Section {
    let mut section = Section::new(
        "open",
        "Open findings",
        "What fails or could not be determined, and that nobody accepted. Each needs the name of the person who takes it on.",
        &[
            "Resource",
            "Account",
            "Severity",
            "Verdict",
            "Rule",
            "What",
            "Owner from now on",
        ],
    );
    for result in &outcome.results {
        let open = matches!(result.verdict, Verdict::Fail | Verdict::Unknown);
        if open && result.waiver.is_none() {
            section.rows.push(vec![
                result.resource.clone(),
                result.account_id.clone(),
                result.severity.as_str().to_owned(),
                result.verdict.as_str().to_owned(),
                result.rule.clone(),
                result.message.clone(),
                String::new(),
            ]);
        }
    }
    section
}

/// What can go wrong, as `data/handoff/runbooks.yaml` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Runbook {
    /// What an attestation names under `covers`.
    id: String,
    failure: String,
    sign: String,
    first: String,
    /// Metrics of AWS/Bedrock that show it.
    #[serde(default)]
    metrics: Vec<String>,
    /// SQL: what of it stands in this estate, one sentence a row.
    here: String,
    /// Is it what the attestation `outage-runbooks` is about?
    #[serde(default)]
    covered: bool,
}

impl Runbook {
    /// Does the statement speak of it? Who says what it covers says it; otherwise it covers what it is asked about.
    fn is_covered(&self, said: &AttestationReport) -> bool {
        if said.covers.is_empty() {
            self.covered
        } else {
            said.covers.contains(&self.id)
        }
    }
}

/// The statement about runbooks, where it holds.
fn rehearsed(outcome: &Outcome) -> Option<&AttestationReport> {
    outcome
        .attestations
        .iter()
        .find(|one| one.id == "outage-runbooks")
        .filter(|one| one.status == AttestationStatus::Holds)
}

/// How many of the failures that the statement about runbooks is asked about it does not cover.
pub(super) fn not_covered(outcome: &Outcome) -> usize {
    RUNBOOKS
        .iter()
        .filter(|one| one.covered)
        .filter(|one| !rehearsed(outcome).is_some_and(|said| one.is_covered(said)))
        .count()
}

static RUNBOOKS: LazyLock<Vec<Runbook>> = LazyLock::new(|| {
    super::Files::get("runbooks.yaml")
        .and_then(|file| yaml_serde::from_str(std::str::from_utf8(&file.data).ok()?).ok())
        .unwrap_or_default()
});

/// What can go wrong, and who says that a runbook for it exists and was rehearsed.
///
/// # Errors
/// When the run cannot be read.
pub(super) fn runbooks(store: &Store, outcome: &Outcome) -> Result<Section, Error> {
    let mut section = Section::new(
        "runbooks",
        "Runbooks",
        "What can go wrong, how it shows, and what is done first. Whether a runbook exists and was rehearsed is the word of a person (the attestation `outage-runbooks`).",
        &[
            "What goes wrong",
            "How it shows",
            "What is done first",
            "In this estate",
            "Alarm that somebody hears of",
            "Runbook",
            "Rehearsed by",
            "Until",
        ],
    );
    let said = rehearsed(outcome);
    section.not_read = not_read(store, &["cloudwatch_alarm".to_owned()])?;
    let seen = section.not_read.is_empty();
    let asked = [
        "bedrock_path",
        "bedrock_principal",
        "data_key",
        "inference_logging",
        "guardrail_content",
        "knowledge_base_store",
        "bedrock_endpoint",
    ]
    .map(str::to_owned);
    for line in not_read(store, &under(&asked))? {
        if !section.not_read.contains(&line) {
            section.not_read.push(line);
        }
    }
    let known = alarms(store)?;
    for one in &*RUNBOOKS {
        let heard = if one.metrics.is_empty() {
            "no metric of Bedrock shows it".to_owned()
        } else {
            heard(&known, &one.metrics).unwrap_or_else(|| {
                if seen && known.iter().all(|alarm| alarm.is_read) {
                    "none".to_owned()
                } else {
                    "none seen".to_owned()
                }
            })
        };
        let (at, by, until) = said
            .filter(|said| one.is_covered(said))
            .map_or(("not attested", "", ""), |said| {
                (&said.evidence, &said.by, &said.expires)
            });
        section.rows.push(
            [
                &one.failure,
                &one.sign,
                &one.first,
                &here(store, &one.here)?,
                &heard,
                at,
                by,
                until,
            ]
            .map(str::to_owned)
            .to_vec(),
        );
    }
    Ok(section)
}

/// The sentences of a query, one after the other.
fn here(store: &Store, query: &str) -> Result<String, Error> {
    let mut statement = store.conn.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(cell(row.get_ref(0)?, false));
    }
    Ok(if all.is_empty() {
        "nothing of it was found".to_owned()
    } else {
        all.join(" ")
    })
}

/// An alarm.
struct Alarm {
    name: String,
    metrics: Vec<String>,
    /// The alarms that it joins.
    children: Vec<String>,
    acts: bool,
    /// Is all of it known?
    is_read: bool,
}

fn alarms(store: &Store) -> Result<Vec<Alarm>, Error> {
    let mut statement = store.conn.prepare(
        "SELECT name, metrics, children, has_actions FROM cloudwatch_alarm WHERE name IS NOT NULL ORDER BY 1",
    )?;
    let list = |text: &Option<String>| -> Vec<String> {
        text.as_ref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    };
    let found = statement.query_map([], |row| {
        let (metrics, children): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
        let acts: Option<bool> = row.get(3)?;
        Ok(Alarm {
            name: row.get(0)?,
            metrics: list(&metrics),
            children: list(&children),
            is_read: metrics.is_some() && children.is_some() && acts.is_some(),
            acts: acts == Some(true),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The alarms on one of these metrics that act, themselves or through one that joins them.
fn heard(alarms: &[Alarm], metrics: &[String]) -> Option<String> {
    let watches = |alarm: &Alarm| {
        alarm.metrics.iter().any(|metric| {
            metric
                .strip_prefix("AWS/Bedrock/")
                .is_some_and(|name| metrics.iter().any(|wanted| wanted == name))
        })
    };
    let watching: Vec<&str> = alarms
        .iter()
        .filter(|alarm| watches(alarm))
        .map(|alarm| alarm.name.as_str())
        .collect();
    let mut names: Vec<&str> = alarms
        .iter()
        .filter(|alarm| {
            let joins = |child: &String| watching.contains(&child.as_str());
            alarm.acts && (watches(alarm) || alarm.children.iter().any(joins))
        })
        .map(|alarm| alarm.name.as_str())
        .collect();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Beside each key: who says that its replacement was tried, and when. A statement that names keys speaks of them alone.
pub(super) fn replaced(outcome: &Outcome, section: &mut Section) {
    let said = outcome
        .attestations
        .iter()
        .find(|one| one.id == "kms-key-replacement-procedure")
        .filter(|one| one.status == AttestationStatus::Holds);
    section.columns.push("Replacement tried".to_owned());
    let owner = section
        .columns
        .iter()
        .position(|name| name == "Whose it is");
    for row in &mut section.rows {
        let key = row.first().cloned().unwrap_or_default();
        let is_customers = owner
            .and_then(|place| row.get(place))
            .is_none_or(|owner| owner == "customer");
        let text = match said {
            _ if !is_customers => "by AWS".to_owned(),
            Some(one) if one.resources.is_empty() || one.resources.contains(&key) => {
                format!("{} says so, {} ({})", one.by, one.on, one.evidence)
            }
            _ => "not attested".to_owned(),
        };
        row.push(text);
    }
}

/// Waivers, and statements of people.
pub(super) fn exceptions(
    outcome: &Outcome,
    contradicted: &BTreeMap<&'static str, String>,
) -> Section {
    let mut section = Section::new(
        "exceptions",
        "Waivers and attestations",
        "What people accepted or vouch for. These are words of people, not proofs; each ends on its day.",
        &[
            "What",
            "Kind",
            "By",
            "Since",
            "Until",
            "State",
            "Where it can be read",
        ],
    );
    for result in &outcome.results {
        if let Some(waiver) = &result.waiver {
            section.rows.push(vec![
                format!("{} on {}", result.rule, result.resource),
                "waiver".to_owned(),
                waiver.owner.clone(),
                String::new(),
                waiver.expires.clone(),
                "accepted".to_owned(),
                waiver.reason.clone(),
            ]);
        }
    }
    for one in &outcome.attestations {
        section.rows.push(vec![
            one.id.clone(),
            "attestation".to_owned(),
            one.by.clone(),
            one.on.clone(),
            one.expires.clone(),
            match contradicted.get(one.id.as_str()) {
                Some(why) => format!("contradicted: {why}"),
                None => one.status.words().to_owned(),
            },
            one.evidence.clone(),
        ]);
    }
    section
}

/// Are there runbooks?
#[cfg(test)]
pub(super) fn are_known() -> bool {
    !RUNBOOKS.is_empty()
}
