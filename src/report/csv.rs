//! `--format csv`: one line a result, for spreadsheets and loaders (RFC 4180). What people attest follows, with the verdicts
//! `attested` and `not-attested`.

use super::safe::terminal;
use crate::model::Outcome;
use std::collections::BTreeMap;
use std::io::{self, Write};

const COLUMNS: [&str; 25] = [
    "severity",
    "verdict",
    "rule",
    "title",
    "pillar",
    "stage",
    "resource",
    "part",
    "resource_type",
    "account_id",
    "region",
    "environment",
    "message",
    "missing",
    "evidence",
    "controls",
    "waiver_reason",
    "waiver_owner",
    "waiver_expires",
    "file",
    "line",
    "origin",
    "tags",
    "judged_at",
    "fingerprint",
];

/// One cell, quoted, with a guard against formulas: what a spreadsheet would run gets an apostrophe in front (CWE-1236). Line ends
/// become spaces and controls U+FFFD, because a job's log takes a line that a stranger begins for a command.
pub fn cell(text: &str) -> String {
    let text = terminal(text);
    let runs = text.starts_with([
        '=', '+', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff20}',
    ]) || text.starts_with('-') && text.parse::<f64>().is_err();
    format!(
        "\"{}{}\"",
        if runs { "'" } else { "" },
        text.replace('"', "\"\"")
    )
}

/// Writes a head line and a line for each result.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.map(cell).join(","))?;
    for result in &outcome.results {
        let (reason, owner, expires) = result.waiver.as_ref().map_or(("", "", ""), |waiver| {
            (&*waiver.reason, &*waiver.owner, &*waiver.expires)
        });
        let (file, line) = result
            .location
            .as_ref()
            .map_or_else(Default::default, |place| {
                (place.file.clone(), place.line.to_string())
            });
        let stage = result.stage.to_string();
        let (evidence, tags) = (
            serde_json::to_string(&result.evidence)?,
            serde_json::to_string(&result.tags)?,
        );
        let (missing, controls) = (super::missing(result), supported(&result.controls));
        let cells: [&str; COLUMNS.len()] = [
            result.severity.as_str(),
            result.verdict.as_str(),
            &result.rule,
            &result.title,
            &result.pillar,
            &stage,
            &result.resource,
            &result.part,
            &result.resource_type,
            &result.account_id,
            &result.region,
            &result.environment,
            &result.message,
            &missing,
            &evidence,
            &controls,
            reason,
            owner,
            expires,
            &file,
            &line,
            result.origin.as_deref().unwrap_or_default(),
            &tags,
            outcome.run.judged_at(),
            &result.fingerprint,
        ];
        writeln!(out, "{}", cells.map(cell).join(","))?;
    }
    for one in outcome.attested() {
        let stage = one.stage.map_or_else(String::new, |day| day.to_string());
        let (message, evidence, controls) = (
            one.sentence(),
            serde_json::to_string(one)?,
            supported(&one.controls),
        );
        let mut cells = [""; COLUMNS.len()];
        for (column, text) in [
            ("severity", "info"),
            ("verdict", one.verdict()),
            ("rule", one.id.as_str()),
            ("title", one.title()),
            ("stage", &stage),
            ("message", &message),
            ("evidence", &evidence),
            ("controls", &controls),
            ("judged_at", outcome.run.judged_at()),
        ] {
            if let Some(place) = COLUMNS.iter().position(|name| *name == column)
                && let Some(cell) = cells.get_mut(place)
            {
                *cell = text;
            }
        }
        writeln!(out, "{}", cells.map(cell).join(","))?;
    }
    Ok(())
}

/// Controls as `FRAMEWORK:CONTROL`, separated by spaces.
pub(super) fn supported(controls: &BTreeMap<String, Vec<String>>) -> String {
    controls
        .iter()
        .flat_map(|(framework, all)| {
            all.iter()
                .map(move |control| format!("{framework}:{control}"))
        })
        .collect::<Vec<_>>()
        .join(" ")
}
