//! What people ask a run for, in words: results, paths and causes as tables beside those that the run holds.

use super::outcome;
use crate::inventory::{Error, Store};
use crate::model::{Location, Severity, changes};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// `results`: one row a result. `verdict` is `pass`, `fail`, `unknown` or `not-applicable`; `waived` is 1 where somebody accepted it.
const RESULTS: &str = "CREATE TEMP TABLE results (rule TEXT, title TEXT, severity TEXT, verdict TEXT, waived INTEGER, resource TEXT, part TEXT, account_id TEXT, region TEXT, environment TEXT, message TEXT, file TEXT, line INTEGER, pillar TEXT, stage INTEGER, fingerprint TEXT)";

/// `causes`: one row a change that would close failures, the most useful first, with how many of each severity it closes.
const CAUSES: &str = "CREATE TEMP TABLE causes (id TEXT, change TEXT, resource TEXT, account_id TEXT, owner TEXT, critical INTEGER, high INTEGER, medium INTEGER, low INTEGER, rules TEXT, touches TEXT, file TEXT, line INTEGER)";

/// `paths`: one row a path that the calls of a workload may take; `hops` are joined by arrows. Where a path could not be told, its
/// verdict is `unknown` and it has no hops.
const PATHS: &str = "CREATE TEMP VIEW paths AS
SELECT p.account_id, p.region, p.name AS workload, p.workload_kind, p.environment, p.family,
  coalesce(w.value ->> 'verdict', p.path_verdict, 'unknown') AS verdict,
  coalesce(w.value ->> 'reason', p.reason) AS reason,
  (SELECT group_concat(h.value ->> 'id', ' -> ') FROM json_each(w.value -> 'hops') h) AS hops,
  p.resource
FROM bedrock_path p LEFT JOIN json_each(p.ways) w";

/// The line, or 0 where there is no file.
fn line(place: Option<&Location>) -> i64 {
    place.map_or(0, |place| i64::try_from(place.line).unwrap_or(i64::MAX))
}

/// Adds those of the three that a query names. They live in the connection alone; nothing of them is in the run file.
///
/// # Errors
/// When the run was not judged, or cannot be read.
pub fn add_views(conn: &Connection, store: &Store, sql: &str) -> Result<(), Error> {
    let words: BTreeSet<String> = sql
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .map(str::to_ascii_lowercase)
        .collect();
    if words.contains("paths") {
        conn.execute_batch(PATHS)?;
    }
    if !words.contains("results") && !words.contains("causes") {
        return Ok(());
    }
    let outcome = outcome(store)?;
    conn.execute_batch(&format!("{RESULTS}; {CAUSES}"))?;
    let mut insert = conn.prepare(
        "INSERT INTO results VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    for one in &outcome.results {
        let place = one.location.as_ref();
        insert.execute(params![
            one.rule,
            one.title,
            one.severity.as_str(),
            one.verdict.as_str(),
            one.waiver.is_some(),
            one.resource,
            one.part,
            one.account_id,
            one.region,
            one.environment,
            one.message,
            place.map(|place| place.file.as_str()).unwrap_or_default(),
            line(place),
            one.pillar,
            one.stage,
            one.fingerprint,
        ])?;
    }
    let mut insert = conn.prepare(
        "INSERT INTO causes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for one in changes(&outcome) {
        let of = |severity: Severity| {
            let count = one.closes.get(severity.as_str()).copied().unwrap_or(0);
            i64::try_from(count).unwrap_or(i64::MAX)
        };
        let place = one.location.as_ref();
        insert.execute(params![
            one.id,
            one.sentence,
            one.on,
            one.account_id,
            one.owner,
            of(Severity::Critical),
            of(Severity::High),
            of(Severity::Medium),
            of(Severity::Low),
            one.rules.join(", "),
            one.touched().join(", "),
            place.map(|place| place.file.as_str()).unwrap_or_default(),
            line(place),
        ])?;
    }
    Ok(())
}
