//! `--format sarif`: SARIF 2.1.0, for GitHub and GitLab.
//!
//! Failures and unknowns are results (`fail`, `open`); passes are counted in the run's properties, because GitHub shows
//! every result as an alert whatever its kind. What the judged files do not hold is a notification of the
//! invocation. GitHub keeps 5,000 results of a run, so they come worst first.

use super::{missing, named, outside_file, place, problems};
use crate::model::{Finding, Outcome, RuleText, Severity, Verdict};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// GitHub refuses a run with more.
const MOST: usize = 25_000;

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// GitHub calls a number above 9.0 critical, from 7.0 high, from 4.0 medium.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.0",
    }
}

fn rule(id: &str, text: &RuleText) -> Json {
    let mut help = text.why.clone();
    let mut markdown = text.why.clone();
    for (name, fix) in &text.fix {
        help.push_str(&format!("\n\n{name}: {fix}"));
        markdown.push_str(&format!("\n\n**{name}**\n\n```\n{fix}\n```"));
    }
    let mut descriptor = json!({
        "id": id,
        "name": id.split('-').map(|word| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect::<String>()).collect::<String>(),
        "shortDescription": {"text": sentence(&text.title)},
        "fullDescription": {"text": sentence(&text.why)},
        "help": {"text": help, "markdown": markdown},
        "defaultConfiguration": {"level": level(text.severity)},
        "properties": {"security-severity": score(text.severity), "precision": "very-high", "tags": ["security", "aws", "bedrock", text.pillar]},
    });
    if let (Some(page), Json::Object(fields)) = (text.references.first(), &mut descriptor) {
        fields.insert("helpUri".to_owned(), json!(page));
    }
    descriptor
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

/// A path as a URI: what is no plain character is percent-encoded.
fn uri(path: &str) -> String {
    path.replace('\\', "/")
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn result(finding: &Finding, index: Option<usize>) -> Json {
    let (file, line) = place(finding);
    let unknown = finding.verdict == Verdict::Unknown;
    let message = if unknown {
        format!(
            "{} Unknown: {}",
            sentence(&finding.message),
            missing(finding)
        )
    } else {
        finding.message.clone()
    };
    let mut result = json!({
        "ruleId": finding.rule,
        "kind": if unknown { "open" } else { "fail" },
        "level": if unknown { "none" } else { level(finding.severity) },
        "message": {"text": sentence(&format!("{}: {message}", named(finding)))},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri(&file)}, "region": {"startLine": line}},
            "logicalLocations": [{"fullyQualifiedName": finding.resource, "kind": "resource"}],
        }],
        "partialFingerprints": {"outcrop/v1": finding.fingerprint},
        "properties": {
            "verdict": finding.verdict.as_str(),
            "severity": finding.severity.as_str(),
            "account_id": finding.account_id,
            "region": finding.region,
            "evidence": finding.evidence,
        },
    });
    if let Json::Object(fields) = &mut result {
        if let Some(index) = index {
            fields.insert("ruleIndex".to_owned(), json!(index));
        }
        if let Some(waiver) = &finding.waiver {
            let why = format!(
                "{} (until {}, {})",
                waiver.reason, waiver.expires, waiver.owner
            );
            fields.insert(
                "suppressions".to_owned(),
                json!([{"kind": "external", "status": "accepted", "justification": why}]),
            );
        }
        let state = match finding.origin.as_deref() {
            Some("new") => Some("new"),
            Some("existing") => Some("unchanged"),
            _ => None,
        };
        if let Some(state) = state {
            fields.insert("baselineState".to_owned(), json!(state));
        }
    }
    result
}

/// Writes one run.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let places: BTreeMap<&str, usize> = outcome
        .rules
        .keys()
        .enumerate()
        .map(|(place, id)| (id.as_str(), place))
        .collect();
    let (outside, shown): (Vec<&Finding>, Vec<&Finding>) = problems(outcome)
        .partition(|result| outside_file(outcome, result) && result.waiver.is_none());
    let notice = |level: &str, text: String| json!({"level": level, "message": {"text": text}});
    let mut notifications: Vec<Json> = outcome
        .coverage
        .iter()
        .filter(|line| {
            !matches!(
                line.status.as_str(),
                "complete" | "unsupported" | "not-collected"
            )
        })
        .map(|line| {
            notice(
                "warning",
                format!(
                    "{} in {} {}: {} {}",
                    line.operation, line.account_id, line.region, line.status, line.detail
                ),
            )
        })
        .collect();
    for finding in &outside {
        let mut note = notice(
            "note",
            format!("{}: not in the files: {}", named(finding), missing(finding)),
        );
        if let Json::Object(fields) = &mut note {
            fields.insert("associatedRule".to_owned(), json!({"id": finding.rule}));
        }
        notifications.push(note);
    }
    notifications.extend(
        outcome
            .run
            .notes
            .iter()
            .map(|note| notice("note", note.clone())),
    );
    notifications.extend(outcome.attested().map(|one| {
        notice(
            "note",
            format!("{}: {}: {}", one.verdict(), one.title(), one.sentence()),
        )
    }));
    if shown.len() > MOST {
        notifications.push(notice(
            "error",
            format!(
                "{} results of {} were left out: a run holds {MOST}",
                shown.len() - MOST,
                shown.len()
            ),
        ));
    }
    let mut invocation = json!({"executionSuccessful": outcome.run.complete, "toolExecutionNotifications": notifications});
    if let Json::Object(fields) = &mut invocation {
        for (key, time) in [
            ("startTimeUtc", &outcome.run.started_at),
            ("endTimeUtc", &outcome.run.finished_at),
        ] {
            if !time.is_empty() {
                fields.insert(key.to_owned(), json!(time));
            }
        }
    }
    let report = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Outcrop",
                "version": outcome.run.version,
                "semanticVersion": outcome.run.version,
                "rules": outcome.rules.iter().map(|(id, text)| rule(id, text)).collect::<Vec<_>>(),
            }},
            "automationDetails": {"id": format!("outcrop/{}/", outcome.run.source.as_str())},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": shown.iter().take(MOST).map(|finding| result(finding, places.get(finding.rule.as_str()).copied())).collect::<Vec<_>>(),
            "properties": {"summary": outcome.summary, "rules_digest": outcome.run.rules_digest, "disabled": outcome.disabled, "attestations": outcome.attestations},
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}
