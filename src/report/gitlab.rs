//! `--format gitlab`: GitLab's Code Quality report.
//!
//! Shape: <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>.

use super::{missing, named, outside_file, place, problems};
use crate::model::{Outcome, Severity, Verdict};
use serde_json::json;
use std::io::{self, Write};

/// Writes failures and unknowns, waived ones as `info`. What a file does not declare is no issue of its code.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let file = outcome
        .run
        .configuration
        .as_ref()
        .map_or("outcrop.yaml", |one| one.file.as_str());
    let said = outcome.attested().map(|one| {
        json!({
            "description": format!("{}: {} {}", one.verdict(), one.title(), one.sentence()),
            "check_name": one.id,
            "fingerprint": format!("attestation-{}-{}-{}", one.id, one.by, one.on),
            "severity": "info",
            "location": {"path": file, "lines": {"begin": 1}},
        })
    });
    let all: Vec<_> = problems(outcome)
        .filter(|result| result.waiver.is_some() || !outside_file(outcome, result))
        .map(|result| {
            let (path, line) = place(result);
            let severity = match (result.waiver.is_some(), result.severity) {
                (true, _) | (_, Severity::Info) => "info",
                (_, Severity::Critical) => "blocker",
                (_, Severity::High) => "critical",
                (_, Severity::Medium) => "major",
                (_, Severity::Low) => "minor",
            };
            let waived = result.waiver.as_ref().map_or_else(String::new, |waiver| format!("[waived until {} by {}] ", waiver.expires, waiver.owner));
            let lacks = if result.verdict == Verdict::Unknown { format!(" ({})", missing(result)) } else { String::new() };
            json!({
                "description": format!("{waived}{}: {} - {}{lacks}", result.verdict.as_str(), named(result), result.message),
                "check_name": result.rule,
                "fingerprint": result.fingerprint,
                "severity": severity,
                "location": {"path": path, "lines": {"begin": line}},
            })
        })
        .chain(said)
        .collect();
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)
}
