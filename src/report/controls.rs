//! The control matrix: each control of a framework, which rules test it, on how many resources, and what came of it.
//!
//! `--format controls` writes it as CSV (RFC 4180); HTML, XLSX and OSCAL hold it too.

use super::csv::cell;
use crate::model::{AttestationStatus, Outcome, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// A control with what was tested for it.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub id: String,
    pub title: String,
    pub rules: BTreeSet<String>,
    pub fail: usize,
    pub unknown: usize,
    pub pass: usize,
    pub waived: usize,
    /// Statements that support it, those that nobody made among them, each with its status.
    pub attested: BTreeSet<String>,
    /// How many of them hold.
    pub said: usize,
}

impl Control {
    /// Resources that its rules speak of, those to which they do not apply aside.
    pub fn population(&self) -> usize {
        self.fail + self.unknown + self.pass + self.waived
    }

    /// Of them those that were judged one way or the other.
    pub fn tested(&self) -> usize {
        self.fail + self.pass
    }

    /// Nothing of this run speaks of it.
    pub fn is_not_covered(&self) -> bool {
        self.population() == 0 && self.said == 0
    }
}

/// Every control that this release knows, by framework.
pub(super) fn matrix(outcome: &Outcome) -> Vec<(String, Vec<Control>)> {
    let mut all: BTreeMap<&str, BTreeMap<&str, Control>> = BTreeMap::new();
    for (framework, titles) in &outcome.control_titles {
        for (id, title) in titles {
            let control = Control {
                id: id.clone(),
                title: title.clone(),
                ..Control::default()
            };
            all.entry(framework).or_default().insert(id, control);
        }
    }
    // A rule of somebody's own may name a framework that this release does not know.
    let mut of = |framework: &'_ str, id: &'_ str, change: &dyn Fn(&mut Control)| {
        if let Some(one) = all
            .get_mut(framework)
            .and_then(|controls| controls.get_mut(id))
        {
            change(one);
            return None;
        }
        Some((framework.to_owned(), id.to_owned()))
    };
    let mut foreign: BTreeMap<(String, String), Control> = BTreeMap::new();
    for result in &outcome.results {
        let count = |one: &mut Control| {
            one.rules.insert(result.rule.clone());
            match (result.verdict, result.waiver.is_some()) {
                (Verdict::Fail | Verdict::Unknown, true) => one.waived += 1,
                (Verdict::Fail, false) => one.fail += 1,
                (Verdict::Unknown, false) => one.unknown += 1,
                (Verdict::Pass, _) => one.pass += 1,
                (Verdict::NotApplicable, _) => {}
            }
        };
        for (framework, controls) in &result.controls {
            for control in controls {
                if let Some(place) = of(framework, control, &count) {
                    count(foreign.entry(place).or_insert_with(|| Control {
                        id: control.clone(),
                        ..Control::default()
                    }));
                }
            }
        }
    }
    for statement in &outcome.attestations {
        let said = format!("{}: {}", statement.id, statement.status.words());
        for (framework, controls) in &statement.controls {
            for control in controls {
                let note = |one: &mut Control| {
                    one.attested.insert(said.clone());
                    one.said += usize::from(statement.status == AttestationStatus::Holds);
                };
                if let Some(place) = of(framework, control, &note) {
                    note(foreign.entry(place).or_insert_with(|| Control {
                        id: control.clone(),
                        ..Control::default()
                    }));
                }
            }
        }
    }
    let mut all: BTreeMap<String, Vec<Control>> = all
        .into_iter()
        .map(|(framework, controls)| (framework.to_owned(), controls.into_values().collect()))
        .collect();
    for ((framework, _), control) in foreign {
        all.entry(framework).or_default().push(control);
    }
    all.into_iter().collect()
}

/// Heads of the matrix as a table.
pub(super) const COLUMNS: [&str; 12] = [
    "framework",
    "control",
    "title",
    "rules",
    "population",
    "tested",
    "passed",
    "failed",
    "unknown",
    "waived",
    "attested",
    "not covered",
];

/// A line of it.
pub(super) fn line(framework: &str, one: &Control) -> [String; COLUMNS.len()] {
    let joined = |all: &BTreeSet<String>, between: &str| {
        all.iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(between)
    };
    [
        framework.to_owned(),
        one.id.clone(),
        one.title.clone(),
        joined(&one.rules, " "),
        one.population().to_string(),
        one.tested().to_string(),
        one.pass.to_string(),
        one.fail.to_string(),
        one.unknown.to_string(),
        one.waived.to_string(),
        joined(&one.attested, "; "),
        if one.is_not_covered() { "yes" } else { "no" }.to_owned(),
    ]
}

/// Writes a head line and a line for each control.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let head = COLUMNS.into_iter().chain(["run state"]).map(cell);
    writeln!(out, "{}", Vec::from_iter(head).join(","))?;
    let state = cell(super::run_state(outcome));
    for (framework, controls) in matrix(outcome) {
        for one in &controls {
            let cells = line(&framework, one).map(|text| cell(&text));
            writeln!(out, "{},{state}", cells.join(","))?;
        }
    }
    Ok(())
}
