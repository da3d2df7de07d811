//! The acceptance sheet: ten questions, answered from the sections and from what people said.

use super::{Question, Section};
use crate::model::{
    AttestationStatus, Outcome, PromiseState, Severity, Verdict, counted, promises,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// The run shows it.
    Yes,
    /// The run shows the opposite.
    No,
    /// Neither the run nor a person says.
    NotKnown,
    /// A person says so; the run cannot show it.
    Attested,
}

impl Said {
    /// The word in the sheet.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NotKnown => "not known",
            Self::Attested => "said by a person",
        }
    }
}

fn find<'s>(sections: &'s [Section], id: &str) -> Option<&'s Section> {
    sections.iter().find(|section| section.id == id)
}

/// What a person says under an id.
fn attested(outcome: &Outcome, id: &str) -> (Said, String) {
    let found = outcome.attestations.iter().find(|one| one.id == id);
    match found.filter(|one| one.status != AttestationStatus::NotGiven) {
        Some(one) if one.status == AttestationStatus::Holds => (
            Said::Attested,
            format!(
                "{} says so until {} ({})",
                one.by, one.expires, one.evidence
            ),
        ),
        Some(one) => (
            Said::NotKnown,
            format!(
                "the attestation `{id}` counts no more: {}",
                one.status.words()
            ),
        ),
        None => (Said::NotKnown, format!("nobody attests `{id}`")),
    }
}

/// What a person says of all rows of a section; a statement that leaves some out answers for those that it names alone.
fn attested_of_all(
    outcome: &Outcome,
    id: &str,
    section: Option<&Section>,
    column: &str,
    left_out: impl Fn(&Section) -> usize,
) -> (Said, String) {
    let (said, why) = attested(outcome, id);
    let left = section.map_or(0, left_out);
    if said == Said::Attested && left > 0 {
        let text = format!("{why}; {left} rows of the section have no statement under {column:?}");
        return (Said::NotKnown, text);
    }
    (said, why)
}

/// Nothing there, and everything read?
fn nothing(section: Option<&Section>, what: &str) -> (Said, String) {
    match section {
        None => (Said::NotKnown, "it was not asked".to_owned()),
        Some(section) if !section.rows.is_empty() => {
            (Said::No, format!("{} {what}", section.rows.len()))
        }
        Some(section) if section.not_read.is_empty() => (Said::Yes, format!("no {what}")),
        Some(_) => (Said::NotKnown, "not everything was read".to_owned()),
    }
}

fn sources(sections: &[Section]) -> (Said, String) {
    let Some(resources) = find(sections, "resources") else {
        return (Said::NotKnown, String::new());
    };
    let count = |start: &str| {
        resources
            .column("Declared by")
            .filter(|by| by.starts_with(start))
            .count()
    };
    let (nobody, open) = (count("nobody"), count("not known"));
    let differs = find(sections, "differs").map_or(0, |section| section.rows.len());
    if resources.rows.is_empty() {
        (Said::NotKnown, "no resource is in the run".to_owned())
    } else if nobody > 0 {
        (Said::No, format!("{nobody} resources are in no source"))
    } else if differs > 0 {
        (
            Said::No,
            format!("{differs} settings differ from what the source says"),
        )
    } else if open > 0 || !resources.not_read.is_empty() {
        (
            Said::NotKnown,
            format!("of {open} resources the source is not known; give it with --state"),
        )
    } else {
        (Said::Yes, "every resource is in a source".to_owned())
    }
}

fn trust(sections: &[Section]) -> (Said, String) {
    let Some(trust) = find(sections, "trust") else {
        return (Said::NotKnown, String::new());
    };
    let outside = trust
        .column("From where")
        .filter(|place| ["anyone", "vendor", "an account outside"].contains(place))
        .count();
    let open = trust
        .column("From where")
        .filter(|place| *place == "not known")
        .count();
    let silent = trust
        .column("Purpose")
        .filter(|purpose| *purpose == "no tag says it")
        .count();
    if outside > 0 {
        (
            Said::No,
            format!("{outside} trusts let in a vendor, an account outside, or anyone"),
        )
    } else if silent > 0 {
        (
            Said::No,
            format!("{silent} trusts carry no tag that says what they are for"),
        )
    } else if trust.rows.is_empty() || open > 0 {
        (
            Said::NotKnown,
            format!(
                "{open} trust policies were not read, of {} that were found",
                trust.rows.len()
            ),
        )
    } else if trust.not_read.is_empty() {
        (
            Said::Yes,
            "every trust stays inside and says what it is for".to_owned(),
        )
    } else {
        (Said::NotKnown, "not every role was read".to_owned())
    }
}

fn vendor(outcome: &Outcome, sections: &[Section]) -> (Said, String) {
    let named = outcome
        .run
        .parameters
        .get("vendor_accounts")
        .and_then(serde_json::Value::as_array)
        .is_some_and(|all| !all.is_empty());
    let found = nothing(find(sections, "vendor"), "things that a vendor still has");
    if named || found.0 == Said::No {
        found
    } else {
        (
            Said::NotKnown,
            "no account is named under vendor_accounts in outcrop.yaml".to_owned(),
        )
    }
}

/// Every promise that this release judges; what it does not judge is named.
fn reached(outcome: &Outcome) -> (Said, String) {
    let all = promises(outcome);
    let count =
        |states: &[PromiseState]| all.iter().filter(|one| states.contains(&one.state)).count();
    let broken = count(&[PromiseState::Broken, PromiseState::Waived]);
    let open = count(&[PromiseState::NotKnown, PromiseState::NobodySaid]);
    let left = count(&[PromiseState::NotJudged, PromiseState::HoldsInPart]);
    let said = match (broken, open) {
        (0, 0) => Said::Yes,
        (0, _) => Said::NotKnown,
        _ => Said::No,
    };
    (
        said,
        format!(
            "of {} promises {broken} are broken or waived, {open} are open, and {left} are not judged in full by this release",
            all.len()
        ),
    )
}

/// The first credential that works and is older than the day on which somebody says that all were changed, and how many there are.
fn older<'s>(section: &'s Section, on: &str) -> Option<(&'s str, usize)> {
    let kinds = section.column("Kind").zip(section.column("State"));
    let made = section.column("Made or changed");
    let mut all = section
        .column("Credential")
        .zip(made)
        .zip(kinds)
        .filter(|((_, made), (kind, state))| {
            // Days compare as text; what was changed on the day itself counts as changed.
            works(kind, state) && made.get(..10).is_some_and(|day| day < on)
        })
        .map(|((name, _), _)| name);
    let first = all.next()?;
    Some((first, all.count() + 1))
}

/// Can somebody who knows it use it? A reference holds no value, and what AWS keeps is known to nobody.
fn works(kind: &str, state: &str) -> bool {
    kind != "reference to a secret"
        && !["Inactive", "Expired"].contains(&state)
        && !state.starts_with("kept by ")
}

/// Statements that what stands in the hand-over contradicts, by id, and why. What contradicts them in the run alone, the rules say.
pub(super) fn contradicted(
    outcome: &Outcome,
    sections: &[Section],
) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::new();
    let holds = |id: &str| {
        outcome
            .attestations
            .iter()
            .find(|one| one.id == id && one.status == AttestationStatus::Holds)
    };
    // What no source declares was not built anew.
    if holds("redeploy-rehearsal").is_some()
        && let (Said::No, why) = sources(sections)
    {
        all.insert("redeploy-rehearsal", why);
    }
    if let Some(said) = holds("credentials-changed")
        && let Some((first, count)) =
            find(sections, "credentials").and_then(|section| older(section, &said.on))
    {
        all.insert(
            "credentials-changed",
            format!(
                "{} that {} older than {} still {}, such as {first}",
                counted(count, "credential", "credentials"),
                if count == 1 { "is" } else { "are" },
                said.on,
                if count == 1 { "works" } else { "work" },
            ),
        );
    }
    all
}

/// Credentials that work, unless a person attests that they were changed.
fn credentials(outcome: &Outcome, sections: &[Section]) -> (Said, String) {
    let Some(section) = find(sections, "credentials") else {
        return (Said::NotKnown, String::new());
    };
    let live = section
        .column("Kind")
        .zip(section.column("State"))
        .filter(|(kind, state)| works(kind, state))
        .count();
    let (said, why) = attested(outcome, "credentials-changed");
    if let Some(against) = contradicted(outcome, sections).remove("credentials-changed") {
        return (Said::No, format!("{why}; the run refutes it: {against}"));
    }
    match (live, section.not_read.is_empty(), said) {
        (_, _, Said::Attested) => (said, why),
        (0, true, _) => (Said::Yes, "no credential that works was found".to_owned()),
        (0, false, _) => (Said::NotKnown, "not everything was read".to_owned()),
        _ => (
            Said::No,
            format!("credentials and secrets that work: {live}; {why}"),
        ),
    }
}

fn severe(outcome: &Outcome) -> (Said, String) {
    let open = |verdict: Verdict| {
        outcome
            .results
            .iter()
            .filter(|one| {
                one.verdict == verdict && one.waiver.is_none() && one.severity <= Severity::High
            })
            .count()
    };
    match (open(Verdict::Fail), open(Verdict::Unknown)) {
        (0, 0) => (
            Said::Yes,
            "no critical or high finding without a waiver".to_owned(),
        ),
        (0, unknown) => (
            Said::NotKnown,
            format!("{unknown} critical and high results could not be determined"),
        ),
        (failed, _) => (
            Said::No,
            format!("{failed} critical and high failures are accepted by nobody"),
        ),
    }
}

/// The ten questions.
pub(super) fn questions(outcome: &Outcome, sections: &[Section]) -> Vec<Question> {
    let rehearsed = {
        let (said, why) = attested(outcome, "redeploy-rehearsal");
        let differs = find(sections, "rehearsal").map_or(0, |section| section.rows.len());
        match (
            said,
            contradicted(outcome, sections).remove("redeploy-rehearsal"),
        ) {
            _ if differs > 0 => (
                Said::No,
                format!("the rehearsal differs in {differs} places"),
            ),
            (_, Some(refuted)) => (Said::No, format!("{why}; the run refutes it: {refuted}")),
            _ => (said, why),
        }
    };
    [
        (
            "Is every resource in a source?",
            sources(sections),
            "resources",
        ),
        (
            "Is it known who may become whom, and what for?",
            trust(sections),
            "trust",
        ),
        (
            "Is the replacement of every key written down, and was it tried?",
            attested_of_all(
                outcome,
                "kms-key-replacement-procedure",
                find(sections, "keys"),
                "Replacement tried",
                |keys| {
                    let tried = keys.column("Replacement tried");
                    tried.filter(|text| *text == "not attested").count()
                },
            ),
            "keys",
        ),
        (
            "Is the vendor's access closed?",
            vendor(outcome, sections),
            "vendor",
        ),
        (
            "Are there runbooks for an outage of Amazon Bedrock and for the limit of an index?",
            attested_of_all(
                outcome,
                "outage-runbooks",
                find(sections, "runbooks"),
                "Runbook",
                |_| super::open::not_covered(outcome),
            ),
            "runbooks",
        ),
        (
            "Did the customer's own team build it anew in another account, in an afternoon?",
            rehearsed,
            "teardown",
        ),
        (
            "Can the customer's auditor read the audit trail?",
            attested(outcome, "auditor-can-read"),
            "accounts",
        ),
        (
            "Was every credential changed that the vendor may know?",
            credentials(outcome, sections),
            "credentials",
        ),
        (
            "Does every promise that this release judges hold?",
            reached(outcome),
            "open",
        ),
        (
            "Is every critical and high finding closed, or accepted by name?",
            severe(outcome),
            "open",
        ),
    ]
    .into_iter()
    .map(|(question, (answer, because), section)| Question {
        question: question.to_owned(),
        answer,
        because,
        section: section.to_owned(),
    })
    .collect()
}
