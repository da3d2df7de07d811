//! What is still open: findings, exceptions, and what people said that ends soon.

use super::Section;
use crate::model::{AttestationStatus, Outcome, Verdict};
use serde::Deserialize;
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
    failure: String,
    sign: String,
    first: String,
    /// Is it what the attestation `outage-runbooks` is about?
    #[serde(default)]
    covered: bool,
}

static RUNBOOKS: LazyLock<Vec<Runbook>> = LazyLock::new(|| {
    super::Files::get("runbooks.yaml")
        .and_then(|file| yaml_serde::from_str(std::str::from_utf8(&file.data).ok()?).ok())
        .unwrap_or_default()
});

/// What can go wrong, and who says that a runbook for it exists and was rehearsed.
pub(super) fn runbooks(outcome: &Outcome) -> Section {
    let mut section = Section::new(
        "runbooks",
        "Runbooks",
        "What can go wrong, how it shows, and what is done first. Whether a runbook exists and was rehearsed is the word of a person (the attestation `outage-runbooks`).",
        &[
            "What goes wrong",
            "How it shows",
            "What is done first",
            "Runbook",
            "Rehearsed by",
            "Until",
        ],
    );
    let said = outcome
        .attestations
        .iter()
        .find(|one| one.id == "outage-runbooks")
        .filter(|one| one.status == AttestationStatus::Holds);
    for one in &*RUNBOOKS {
        let (at, by, until) = said
            .filter(|_| one.covered)
            .map_or(("not attested", "", ""), |said| {
                (&said.evidence, &said.by, &said.expires)
            });
        section.rows.push(
            [&one.failure, &one.sign, &one.first, at, by, until]
                .map(str::to_owned)
                .to_vec(),
        );
    }
    section
}

/// Waivers, and statements of people.
pub(super) fn exceptions(outcome: &Outcome) -> Section {
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
            one.status.words().to_owned(),
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
