//! `--format github`: workflow commands that GitHub shows beside the line, worst first.
//!
//! A step shows about ten of each kind, so the order is what counts; the step summary carries the rest.

use super::safe::terminal;
use super::{missing, named, outside_file, place, problems};
use crate::model::{Outcome, Severity, Verdict};
use std::io::{self, Write};

/// A value of a property: what ends a value or a command is encoded.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A message: what ends a command is encoded, line ends become spaces.
fn data(text: &str) -> String {
    terminal(text).replace('%', "%25")
}

/// Writes one annotation for each failure and unknown, and one for all that the files do not hold.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut outside = 0;
    for result in problems(outcome) {
        if outside_file(outcome, result) && result.waiver.is_none() {
            outside += 1;
            continue;
        }
        let kind = match (
            result.waiver.is_some(),
            result.origin.as_deref(),
            result.verdict,
            result.severity,
        ) {
            (true, ..) | (_, Some("existing"), ..) => "notice",
            (_, _, Verdict::Unknown, _) => "warning",
            (_, _, _, Severity::Critical | Severity::High) => "error",
            (_, _, _, Severity::Medium) => "warning",
            _ => "notice",
        };
        let (file, line) = place(result);
        let position = if result.location.is_some() {
            format!("file={},line={line},", property(&file))
        } else {
            String::new()
        };
        let mut message = match result.verdict {
            Verdict::Unknown => format!("{} ({})", result.message, missing(result)),
            _ => result.message.clone(),
        };
        if let Some(waiver) = &result.waiver {
            message = format!(
                "waived until {} by {} ({}): {message}",
                waiver.expires, waiver.owner, waiver.reason
            );
        }
        let title = format!(
            "{} {}: {}",
            result.severity.as_str(),
            result.verdict.as_str(),
            result.title
        );
        writeln!(
            out,
            "::{kind} {position}title={}::{} - {} [{}]",
            property(&title),
            data(&named(result)),
            data(&message),
            data(&result.rule)
        )?;
    }
    if outside > 0 {
        writeln!(
            out,
            "::notice title=Not in the files::{outside} verdicts rest on what these files do not hold; lay them over a recorded run with --onto"
        )?;
    }
    let said: Vec<String> = outcome
        .attested()
        .map(|one| {
            format!(
                "{} ({}, {} until {})",
                one.id,
                one.verdict(),
                one.by,
                one.expires
            )
        })
        .collect();
    if !said.is_empty() {
        writeln!(
            out,
            "::notice title=Attestations::People's words, no proofs: {}",
            data(&said.join("; "))
        )?;
    }
    writeln!(
        out,
        "::notice title=Outcrop::{}",
        data(&super::table::closing(outcome))
    )
}
