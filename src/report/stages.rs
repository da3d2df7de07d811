//! `--format stages`: a line for each promise of days 30, 60 and 90, as CSV (RFC 4180).

use super::csv::cell;
use crate::model::{Outcome, promises};
use std::io::{self, Write};

const COLUMNS: [&str; 18] = [
    "day",
    "id",
    "promise",
    "state",
    "said",
    "since",
    "failing",
    "unknown",
    "waived",
    "accounts",
    "environments",
    "rules",
    "attestations",
    "sections",
    "not_judged",
    "run",
    "judged_at",
    "run_state",
];

/// Writes a head line and a line for each promise, in the order of the days.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.map(cell).join(","))?;
    for one in promises(outcome) {
        let counts = [one.fail, one.unknown, one.waived].map(|count| count.to_string());
        let [fail, unknown, waived] = &counts;
        let cells: [&str; COLUMNS.len()] = [
            &one.stage.to_string(),
            &one.id,
            &one.promise,
            one.state.words(),
            &one.said,
            &one.since,
            fail,
            unknown,
            waived,
            &one.accounts.join(" "),
            &one.environments.join(" "),
            &one.rules.join(" "),
            &one.attestations.join(" "),
            &one.sections.join(" "),
            &one.planned.join(" "),
            &outcome.run.id,
            outcome.run.judged_at(),
            super::run_state(outcome),
        ];
        writeln!(out, "{}", cells.map(cell).join(","))?;
    }
    Ok(())
}
