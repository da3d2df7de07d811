//! `--format ocsf`: Compliance Findings (class 2003) of OCSF 1.6.0 with the profiles cloud and datetime, one JSON object a line;
//! Detection Findings (2004) on request, for systems that take no others.
//!
//! Source: <https://schema.ocsf.io/1.6.0/classes/compliance_finding>. Times are in milliseconds.

use super::{missing, named};
use crate::model::{AttestationReport, Finding, Outcome, Severity, Verdict};
use serde_json::{Value as Json, json};
use std::io::{self, Write};

/// Which class the findings are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Class {
    /// Compliance Finding, 2003.
    #[default]
    Compliance,
    /// Detection Finding, 2004.
    Detection,
}

fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Critical => (5, "Critical"),
        Severity::High => (4, "High"),
        Severity::Medium => (3, "Medium"),
        Severity::Low => (2, "Low"),
        Severity::Info => (1, "Informational"),
    }
}

fn compliance(verdict: Verdict) -> (u8, &'static str) {
    match verdict {
        Verdict::Pass => (1, "Pass"),
        Verdict::Fail => (3, "Fail"),
        Verdict::Unknown => (0, "Unknown"),
        Verdict::NotApplicable => (99, "Not Applicable"),
    }
}

/// New, suppressed or resolved.
fn status(result: &Finding) -> (u8, &'static str) {
    match (result.waiver.is_some(), result.verdict) {
        (true, _) => (3, "Suppressed"),
        (_, Verdict::Pass | Verdict::NotApplicable) => (4, "Resolved"),
        _ => (1, "New"),
    }
}

fn finding(outcome: &Outcome, result: &Finding, class: Class, time: i64, at: &str) -> Json {
    let class_uid = if class == Class::Compliance {
        2003
    } else {
        2004
    };
    let (severity_id, severity) = severity(result.severity);
    let (status_id, status) = status(result);
    let (compliance_id, compliance) = compliance(result.verdict);
    let text = outcome.rules.get(&result.rule);
    let requirements: Vec<String> = result
        .controls
        .iter()
        .flat_map(|(framework, all)| {
            all.iter()
                .map(move |control| format!("{framework} {control}"))
        })
        .collect();
    let mut details = vec![result.message.clone()];
    if result.verdict == Verdict::Unknown {
        details.push(missing(result));
    }
    let tags: Vec<Json> = result
        .tags
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut resource = json!({
        "uid": result.resource, "name": named(result), "type": result.resource_type, "region": result.region,
        "cloud_partition": outcome.run.partition, "owner": {"account": {"uid": result.account_id, "type": "AWS Account", "type_id": 10}},
    });
    if !tags.is_empty() {
        resource["tags"] = Json::Array(tags);
    }
    let mut all = json!({
        "activity_id": 1, "activity_name": "Create",
        "category_uid": 2, "category_name": "Findings",
        "class_uid": class_uid, "class_name": if class == Class::Compliance { "Compliance Finding" } else { "Detection Finding" },
        "type_uid": class_uid * 100 + 1,
        "type_name": if class == Class::Compliance { "Compliance Finding: Create" } else { "Detection Finding: Create" },
        "time": time, "time_dt": at,
        "severity_id": severity_id, "severity": severity,
        "status_id": status_id, "status": status,
        "message": result.message,
        "metadata": {
            "version": "1.6.0", "profiles": ["cloud", "datetime"], "event_code": result.rule,
            "uid": format!("{}/{}", outcome.run.id, result.fingerprint),
            "product": {"name": "Outcrop", "vendor_name": "Outcrop", "version": outcome.run.version},
        },
        "cloud": {
            "provider": "AWS", "region": result.region, "cloud_partition": outcome.run.partition,
            "account": {"uid": result.account_id, "type": "AWS Account", "type_id": 10},
        },
        "finding_info": {
            "uid": result.fingerprint, "title": result.title, "desc": result.message, "types": [result.pillar],
            "created_time": time, "created_time_dt": at,
        },
        "resources": [resource],
        "unmapped": {
            "verdict": result.verdict.as_str(), "part": result.part, "stage": result.stage, "evidence": result.evidence, "missing": result.missing,
            "waiver": result.waiver, "location": result.location, "origin": result.origin, "environment": result.environment,
        },
    });
    if let Some(life) = super::life(outcome, result) {
        let [first, last] = [&life.first_seen, &life.last_seen].map(|at| since_1970(at));
        all["finding_info"]["created_time"] = json!(first);
        all["finding_info"]["created_time_dt"] = json!(life.first_seen);
        all["finding_info"]["first_seen_time"] = json!(first);
        all["finding_info"]["first_seen_time_dt"] = json!(life.first_seen);
        all["finding_info"]["last_seen_time"] = json!(last);
        all["finding_info"]["last_seen_time_dt"] = json!(life.last_seen);
        all["unmapped"]["life"] =
            json!({"state": life.state, "age_days": life.age_days, "fixed_on": life.fixed_on});
    }
    if let Some(text) = text {
        let desc = if text.fix.is_empty() {
            text.why.clone()
        } else {
            text.fix
                .iter()
                .map(|(name, fix)| format!("{name}:\n{fix}"))
                .collect::<Vec<_>>()
                .join("\n")
        };
        all["remediation"] = json!({"desc": desc, "references": text.references});
    }
    let judged = json!({
        "control": result.rule, "standards": result.controls.keys().collect::<Vec<_>>(), "requirements": requirements,
        "status_id": compliance_id, "status": compliance, "status_details": details,
    });
    if class == Class::Compliance {
        all["compliance"] = judged;
    } else {
        all["unmapped"]["compliance"] = judged;
    }
    all
}

/// When the run was judged, in milliseconds since 1970.
pub(super) fn milliseconds(outcome: &Outcome) -> i64 {
    since_1970(outcome.run.judged_at())
}

/// A time in milliseconds since 1970; 0 where it is none.
fn since_1970(at: &str) -> i64 {
    at.parse::<jiff::Timestamp>()
        .map_or(0, jiff::Timestamp::as_millisecond)
}

/// Writes a line for each result.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, class: Class, out: &mut dyn Write) -> io::Result<()> {
    for finding in findings(outcome, class) {
        serde_json::to_writer(&mut *out, &finding)?;
        writeln!(out)?;
    }
    // A statement is detected by nobody.
    for one in outcome.attested().filter(|_| class == Class::Compliance) {
        serde_json::to_writer(&mut *out, &attested(outcome, one))?;
        writeln!(out)?;
    }
    Ok(())
}

/// What a person says, with a status of its own: neither pass nor fail.
fn attested(outcome: &Outcome, one: &AttestationReport) -> Json {
    let time = milliseconds(outcome);
    let uid = format!("attestation/{}/{}/{}", one.id, one.by, one.on);
    let account = outcome.run.first_account();
    json!({
        "activity_id": 1, "activity_name": "Create",
        "category_uid": 2, "category_name": "Findings",
        "class_uid": 2003, "class_name": "Compliance Finding",
        "type_uid": 200_301, "type_name": "Compliance Finding: Create",
        "time": time,
        "severity_id": 1, "severity": "Informational",
        "status_id": 99, "status": one.verdict(),
        "message": one.sentence(),
        "metadata": {
            "version": "1.6.0", "profiles": ["cloud", "datetime"], "event_code": one.id,
            "uid": format!("{}/{uid}", outcome.run.id),
            "product": {"name": "Outcrop", "vendor_name": "Outcrop", "version": outcome.run.version},
        },
        "cloud": {
            "provider": "AWS", "region": crate::model::GLOBAL, "cloud_partition": outcome.run.partition,
            "account": {"uid": account, "type": "AWS Account", "type_id": 10},
        },
        "finding_info": {"uid": uid, "title": one.title(), "desc": one.sentence(), "types": ["attestation"], "created_time": time},
        "compliance": {
            "control": one.id, "standards": one.controls.keys().collect::<Vec<_>>(),
            "requirements": one.controls.iter().flat_map(|(framework, all)| all.iter().map(move |control| format!("{framework} {control}"))).collect::<Vec<_>>(),
            "status_id": 99, "status": one.verdict(), "status_details": [one.sentence()],
        },
        "unmapped": {"attestation": one},
    })
}

/// A finding for each result, in their order.
pub fn findings(outcome: &Outcome, class: Class) -> impl Iterator<Item = Json> {
    let time = milliseconds(outcome);
    let at = jiff::Timestamp::from_millisecond(time)
        .map(|at| at.to_string())
        .unwrap_or_default();
    let results = outcome.results.iter();
    results.map(move |result| finding(outcome, result, class, time, &at))
}
