//! Statements that people make, where no API can show it: which hold, which are too old, which nobody made.

use super::config::Attestation;
use crate::inventory::Error;
use crate::model::{AttestationReport, AttestationStatus};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A statement that is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: String,
    stage: u32,
    max_age_days: i32,
    #[serde(default)]
    controls: BTreeMap<String, Vec<String>>,
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

/// Every statement that is asked for, and those that the configuration makes beside them; judged on the day of the run.
///
/// # Errors
/// When the run holds a statement that is none.
pub fn attestations(given: &[Json], judged_at: &str) -> Result<Vec<AttestationReport>, Error> {
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
            let all = attestations(&given, "2026-11-01T06:00:00Z").unwrap_or_default();
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
