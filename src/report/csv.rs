//! `--format csv`: one line a result, for spreadsheets and loaders (RFC 4180).

use crate::model::Outcome;
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

/// One cell, quoted, with a guard against formulas: what a spreadsheet would run gets an apostrophe in front (CWE-1236).
pub fn cell(text: &str) -> String {
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
        let controls: Vec<String> = result
            .controls
            .iter()
            .flat_map(|(framework, all)| {
                all.iter()
                    .map(move |control| format!("{framework}:{control}"))
            })
            .collect();
        let stage = result.stage.to_string();
        let (evidence, tags) = (
            serde_json::to_string(&result.evidence)?,
            serde_json::to_string(&result.tags)?,
        );
        let (missing, controls) = (super::missing(result), controls.join(" "));
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
    Ok(())
}
