//! What changed since the run before, for those who are told of it: a topic, a bus, a webhook.

use crate::judge::diff::{Change, Differences};
use crate::model::{Outcome, Severity, counted};
use crate::report::safe::{cut, terminal};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// Version of the document.
pub const SCHEMA: &str = "outcrop-changes/v1";

/// Lines of the text for people.
const MOST_LINES: usize = 20;

/// A change, and what kind of change it is.
#[derive(Debug, Clone, Copy)]
pub struct Told<'d> {
    /// `appeared`, `fixed`, `changed` or `lost-sight-of`.
    pub kind: &'static str,
    /// The change.
    pub change: &'d Change,
}

/// Leaves out what somebody accepted: it is no news that has to be acted on.
pub fn without_waived(mut differences: Differences) -> Differences {
    differences.appeared.retain(|change| !change.waived);
    differences
}

/// All changes, the worst first.
pub fn all(differences: &Differences) -> Vec<Told<'_>> {
    [
        ("appeared", &differences.appeared),
        ("lost-sight-of", &differences.lost_sight_of),
        ("changed", &differences.changed),
        ("fixed", &differences.fixed),
    ]
    .into_iter()
    .flat_map(|(kind, changes)| changes.iter().map(move |change| Told { kind, change }))
    .collect()
}

/// One change as JSON.
pub fn one(told: Told<'_>) -> Json {
    let mut shown = json!(told.change);
    shown["kind"] = told.kind.into();
    shown
}

/// `2 failures appeared (1 critical, 1 high), 3 fixed`.
pub fn headline(differences: &Differences) -> String {
    let mut said = counted(differences.appeared.len(), "failure", "failures") + " appeared";
    let by_severity: Vec<String> = Severity::ALL
        .iter()
        .filter_map(|severity| {
            let of = |change: &&Change| change.severity == severity.as_str();
            let count = differences.appeared.iter().filter(of).count();
            (count > 0).then(|| format!("{count} {}", severity.as_str()))
        })
        .collect();
    if !by_severity.is_empty() {
        let _ = write!(said, " ({})", by_severity.join(", "));
    }
    for (list, what) in [
        (&differences.fixed, "fixed"),
        (&differences.changed, "changed"),
        (&differences.lost_sight_of, "lost sight of"),
    ] {
        if !list.is_empty() {
            let _ = write!(said, ", {} {what}", list.len());
        }
    }
    said
}

/// A few lines for a person. Names come from strangers: nothing in them moves a terminal, and nothing is markup of a chat.
pub fn text(outcome: &Outcome, differences: &Differences) -> String {
    let plain = |text: &str| {
        cut(&terminal(text), 300)
            .replace('<', "\u{2039}")
            .replace('>', "\u{203a}")
    };
    let mut said = format!(
        "Outcrop: {} in {}, judged at {}.\n",
        headline(differences),
        counted(outcome.run.accounts.len(), "account", "accounts"),
        outcome.run.judged_at()
    );
    if !outcome.run.complete {
        said.push_str("The run was interrupted: what it does not hold was not looked at.\n");
    }
    let all = all(differences);
    for told in all.iter().take(MOST_LINES) {
        let change = told.change;
        let _ = writeln!(
            said,
            "- {}: {} {} in {} {}: {}",
            told.kind,
            change.severity,
            plain(&change.rule),
            plain(&change.account_id),
            plain(&change.region),
            plain(&format!("{}: {}", change.resource, change.message))
        );
    }
    if all.len() > MOST_LINES {
        let _ = writeln!(said, "- and {} more", all.len() - MOST_LINES);
    }
    said
}

/// The document that a topic and a webhook get, at most so many bytes long: what is left out is counted.
pub fn document(
    outcome: &Outcome,
    differences: &Differences,
    since: Option<&str>,
    most: usize,
) -> Json {
    let all = all(differences);
    let mut changes = Vec::new();
    let mut length = 0;
    for told in &all {
        let shown = one(*told);
        length += shown.to_string().len() + 1;
        if length > most {
            break;
        }
        changes.push(shown);
    }
    json!({
        "schema": SCHEMA,
        "text": text(outcome, differences),
        "headline": headline(differences),
        "run": {
            "id": outcome.run.id,
            "judged_at": outcome.run.judged_at(),
            "complete": outcome.run.complete,
            "accounts": outcome.run.accounts.len(),
            "previous": since,
        },
        "counts": {
            "appeared": differences.appeared.len(),
            "fixed": differences.fixed.len(),
            "changed": differences.changed.len(),
            "lost_sight_of": differences.lost_sight_of.len(),
        },
        "left_out": all.len() - changes.len(),
        "changes": changes,
    })
}
