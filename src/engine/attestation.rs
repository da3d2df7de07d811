//! Statements that people make, where no API can show it: which hold, which are too old, which nobody made.

use super::config::Attestation;
use crate::inventory::Error;
use crate::model::{
    ATTESTATION_REFUTED, AttestationReport, AttestationStatus, Finding, GLOBAL, Outcome, RuleText,
    Severity, Verdict, account_arn,
};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Where a contradiction stands among the pillars.
const PILLAR: &str = "accounts";

/// A statement that is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: String,
    stage: u32,
    max_age_days: i32,
    #[serde(default)]
    controls: BTreeMap<String, Vec<String>>,
    /// Rules whose failures contradict it.
    #[serde(default)]
    refuted_by: Vec<String>,
    statement: String,
}

fn damaged(path: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

fn asked() -> Result<Vec<Asked>, Error> {
    yaml_serde::from_str(include_str!("../../data/attestations.yaml"))
        .map_err(|error| damaged("data/attestations.yaml", &error))
}

/// The ids of what this release asks for.
///
/// # Errors
/// When the list inside the program is damaged.
pub fn ids() -> Result<Vec<String>, Error> {
    Ok(asked()?.into_iter().map(|one| one.id).collect())
}

/// What `covers` of the attestation `outage-runbooks` may name.
///
/// # Errors
/// When the list inside the program is damaged.
pub fn parts() -> Result<Vec<String>, Error> {
    const FILE: &str = "data/handoff/runbooks.yaml";
    #[derive(Deserialize)]
    struct Part {
        id: String,
    }
    let all: Vec<Part> = yaml_serde::from_str(include_str!("../../data/handoff/runbooks.yaml"))
        .map_err(|error| damaged(FILE, &error))?;
    Ok(all.into_iter().map(|one| one.id).collect())
}

/// Does a statement of that day still hold on the day of the run?
fn status(given: &Attestation, most: Option<i32>, day: Option<Date>) -> AttestationStatus {
    let date = |text: &str| text.parse::<Date>().ok();
    let (Some(day), Some(on)) = (day, date(&given.on)) else {
        return AttestationStatus::Unknown;
    };
    if on > day {
        return AttestationStatus::NotYet;
    }
    if date(&given.expires).is_none_or(|expires| expires < day) {
        return AttestationStatus::Expired;
    }
    let age = on.until(day).map_or(i32::MAX, |span| span.get_days());
    if most.is_some_and(|most| age > most) {
        AttestationStatus::TooOld
    } else {
        AttestationStatus::Holds
    }
}

/// The failures that contradict a statement, by rule; of the resources that it names, where it names some. A waiver accepts a
/// failure, it does not undo it.
fn against(asked: &Asked, resources: &[String], results: &[Finding]) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    let names = |result: &Finding, resource: &String| {
        *resource == result.resource || *resource == result.subject
    };
    let contradicts =
        |one: &&Finding| one.verdict == Verdict::Fail && asked.refuted_by.contains(&one.rule);
    for result in results.iter().filter(contradicts) {
        // A name that the rule judged nothing of, such as a misspelt one, limits the statement to nothing.
        let all_known = resources.iter().all(|resource| {
            results
                .iter()
                .any(|one| one.rule == result.rule && names(one, resource))
        });
        let about = resources.is_empty()
            || !all_known
            || resources.iter().any(|resource| names(result, resource));
        if about {
            *all.entry(result.rule.clone()).or_insert(0) += 1;
        }
    }
    all
}

/// What the run contradicts fails, as a result of its own.
pub(super) fn refute(outcome: &mut Outcome) {
    let refuted: Vec<AttestationReport> = outcome
        .attestations
        .iter()
        .filter(|one| one.status == AttestationStatus::Refuted)
        .cloned()
        .collect();
    if refuted.is_empty() {
        return;
    }
    let account = outcome.run.first_account().to_owned();
    let title = "The run contradicts what a person attests".to_owned();
    let claims = outcome
        .claims
        .iter()
        .filter(|claim| {
            refuted
                .iter()
                .any(|one| claim.attestations.contains(&one.id))
        })
        .map(|claim| claim.id.clone())
        .collect();
    outcome.rules.insert(
        ATTESTATION_REFUTED.to_owned(),
        RuleText {
            title: title.clone(),
            severity: Severity::High,
            pillar: PILLAR.to_owned(),
            why: "A statement that a person made in the configuration counts for what no API shows. Failures of this run show the opposite of this one, so it counts for nothing: the failures have to be closed, or the statement taken back.".to_owned(),
            claims,
            fix: vec![(
                "outcrop.yaml",
                "Close the failures that are named; then let the person say it anew, with the day of it. Until then take the entry out of `attestations`.".to_owned(),
            )],
            references: Vec::new(),
        },
    );
    for one in refuted {
        let resource = account_arn(&outcome.run.partition, &account);
        outcome.results.push(Finding {
            rule: ATTESTATION_REFUTED.to_owned(),
            title: title.clone(),
            severity: Severity::High,
            pillar: PILLAR.to_owned(),
            stage: one.stage.unwrap_or(90),
            verdict: Verdict::Fail,
            subject: resource.clone(),
            resource,
            closer: None,
            resource_type: "AWS::::Account".to_owned(),
            account_id: account.clone(),
            region: GLOBAL.to_owned(),
            missing: Vec::new(),
            message: format!(
                "Attestation `{}`: {} {}",
                one.id,
                one.statement,
                one.sentence()
            ),
            evidence: BTreeMap::from([
                ("attestation".to_owned(), Json::from(one.id.clone())),
                ("by".to_owned(), Json::from(one.by.clone())),
                ("on".to_owned(), Json::from(one.on.clone())),
                ("refuted_by".to_owned(), serde_json::json!(one.refuted_by)),
            ]),
            fingerprint: super::outcome::fingerprint(
                ATTESTATION_REFUTED,
                &account,
                GLOBAL,
                &one.by,
                &one.id,
            ),
            part: one.id,
            waiver: None,
            location: None,
            origin: None,
            tags: BTreeMap::new(),
            environment: String::new(),
            controls: one.controls,
        });
    }
}

/// Every statement that is asked for, and those that the configuration makes beside them; judged on the day of the run.
///
/// # Errors
/// When the run holds a statement that is none.
pub fn attestations(
    given: &[Json],
    judged_at: &str,
    results: &[Finding],
) -> Result<Vec<AttestationReport>, Error> {
    let day = judged_at
        .get(..10)
        .and_then(|text| text.parse::<Date>().ok());
    let given: Vec<Attestation> = given
        .iter()
        .map(|json| serde_json::from_value(json.clone()))
        .collect::<Result<_, _>>()
        .map_err(|error| damaged("the statements of the run", &error))?;
    let asked = asked()?;
    let report = |given: Option<&Attestation>, asked: Option<&Asked>| AttestationReport {
        id: asked
            .map(|asked| asked.id.clone())
            .or_else(|| given.map(|given| given.id.clone()))
            .unwrap_or_default(),
        statement: asked.map_or_else(String::new, |asked| asked.statement.clone()),
        stage: asked.map(|asked| asked.stage),
        max_age_days: asked.map(|asked| asked.max_age_days),
        controls: asked
            .map(|asked| asked.controls.clone())
            .unwrap_or_default(),
        status: given.map_or(AttestationStatus::NotGiven, |given| {
            status(given, asked.map(|asked| asked.max_age_days), day)
        }),
        by: given.map(|given| given.by.clone()).unwrap_or_default(),
        on: given.map(|given| given.on.clone()).unwrap_or_default(),
        expires: given.map(|given| given.expires.clone()).unwrap_or_default(),
        evidence: given
            .map(|given| given.evidence.clone())
            .unwrap_or_default(),
        resources: given
            .map(|given| given.resources.clone())
            .unwrap_or_default(),
        covers: given.map(|given| given.covers.clone()).unwrap_or_default(),
        refuted_by: BTreeMap::new(),
    };
    let report = |given: Option<&Attestation>, asked: Option<&Asked>| {
        let mut one = report(given, asked);
        if let (AttestationStatus::Holds, Some(asked)) = (one.status, asked) {
            one.refuted_by = against(asked, &one.resources, results);
            if !one.refuted_by.is_empty() {
                one.status = AttestationStatus::Refuted;
            }
        }
        one
    };
    let mut all = Vec::new();
    for one in &asked {
        let own: Vec<&Attestation> = given.iter().filter(|given| given.id == one.id).collect();
        if own.is_empty() {
            all.push(report(None, Some(one)));
        }
        all.extend(own.into_iter().map(|given| report(Some(given), Some(one))));
    }
    all.extend(
        given
            .iter()
            .filter(|given| !asked.iter().any(|one| one.id == given.id))
            .map(|given| report(Some(given), None)),
    );
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use AttestationStatus::{Expired, Holds, NotGiven, NotYet, TooOld};

    #[test]
    fn a_statement_holds_for_its_time_and_no_longer() {
        let list: Result<Vec<Asked>, _> =
            yaml_serde::from_str(include_str!("../../data/attestations.yaml"));
        let list = list.unwrap_or_default();
        assert!(!list.is_empty() && list.iter().all(|one| matches!(one.stage, 30 | 60 | 90)));
        let cases = [
            ("no-egress-canary", "2026-10-01", "2027-01-01", Holds),
            ("no-egress-canary", "2026-07-01", "2027-01-01", TooOld),
            ("no-egress-canary", "2026-10-01", "2026-10-31", Expired),
            ("no-egress-canary", "2026-10-01", "2026-11-01", Holds),
            ("no-egress-canary", "2026-11-02", "2027-01-01", NotYet),
            ("our-own-statement", "2020-01-01", "2027-01-01", Holds),
        ];
        for (id, on, expires, wanted) in cases {
            let given =
                [serde_json::json!({"id": id, "by": "security", "on": on, "expires": expires})];
            let all = attestations(&given, "2026-11-01T06:00:00Z", &[]).unwrap_or_default();
            assert!(
                all.iter()
                    .any(|one| one.id == id && one.status == wanted && one.by == "security"),
                "{id} {on} {expires}: {all:?}"
            );
            assert_eq!(
                all.iter().filter(|one| one.status == NotGiven).count(),
                list.len() - usize::from(id != "our-own-statement")
            );
        }
    }
}
