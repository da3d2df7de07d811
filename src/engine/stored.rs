//! What a run file holds of its rules, its waivers and the rows behind its results.

use super::Rule;
use super::sql::json;
use crate::inventory::{Column, Error, Kind, Role, Store, Table, quoted};
use crate::model::{Finding, Severity};
use rusqlite::{Row, params};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The rules stored with a run: rule, severity, error.
///
/// # Errors
/// When the run file is damaged.
pub fn stored_rules(store: &Store) -> Result<BTreeMap<i64, (Rule, Severity, String)>, Error> {
    let mut statement = store
        .conn
        .prepare("SELECT id, name, source, severity, error FROM rule ORDER BY id")?;
    let mut rules = BTreeMap::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, name, source, severity, error): (i64, String, String, String, String) = (
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
        );
        let rule =
            Rule::parse(&format!("{name}.yaml"), &source).map_err(|error| Error::Damaged {
                path: "the stored rules".to_owned(),
                reason: error.to_string(),
            })?;
        let severity = Severity::ALL
            .into_iter()
            .find(|known| known.as_str() == severity)
            .unwrap_or(rule.severity);
        rules.insert(id, (rule, severity, error));
    }
    Ok(rules)
}

pub(super) fn typed(value: Json, kind: Kind) -> Json {
    match (value, kind) {
        (Json::Number(number), Kind::Bool) => Json::Bool(number.as_i64() == Some(1)),
        (Json::String(text), Kind::List | Kind::Json) => {
            serde_json::from_str(&text).unwrap_or(Json::String(text))
        }
        (other, _) => other,
    }
}

pub(super) fn cells(
    row: &Row<'_>,
    table: &Table,
    from: usize,
) -> rusqlite::Result<BTreeMap<String, Json>> {
    let mut cells = BTreeMap::new();
    cells.insert("account_id".to_owned(), json(row.get_ref(from)?));
    cells.insert("region".to_owned(), json(row.get_ref(from + 1)?));
    for (place, column) in table.columns.iter().enumerate() {
        cells.insert(
            column.name.to_owned(),
            typed(json(row.get_ref(from + 2 + place)?), column.kind),
        );
    }
    Ok(cells)
}

/// By waiver: the cause that it accepts. Runs of earlier releases have no such waivers.
pub(super) fn waived_causes(store: &Store) -> Result<BTreeMap<i64, String>, Error> {
    let there: i64 = store.conn.query_row(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'waived_cause'",
        [],
        |row| row.get(0),
    )?;
    if there == 0 {
        return Ok(BTreeMap::new());
    }
    Ok(store
        .conn
        .prepare("SELECT waiver, cause FROM waived_cause")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?)
}

/// The same of a row of a collected table, which is kept by result.
fn collected_facts(
    store: &Store,
    finding: &Finding,
    table: &'static Table,
) -> Result<Vec<(&'static Column, Json)>, Error> {
    let mut statement = store
        .conn
        .prepare("SELECT f.cells FROM from_row f JOIN rule r ON r.id = f.rule WHERE r.name = ?1")?;
    let mut rows = statement.query([&finding.rule])?;
    while let Some(row) = rows.next()? {
        let cells: BTreeMap<String, Json> =
            serde_json::from_str(&row.get::<_, String>(0)?).unwrap_or_default();
        let is = |name: &str, value: &str| cells.get(name).and_then(Json::as_str) == Some(value);
        if is("account_id", &finding.account_id)
            && is("region", &finding.region)
            && is("resource", &finding.subject)
            && is("part", &finding.part)
        {
            return Ok(table
                .columns
                .iter()
                .map(|column| (column, cells.get(column.name).cloned().unwrap_or_default()))
                .collect());
        }
    }
    Ok(Vec::new())
}

/// Every column of the row behind a result, with its documentation: the facts that a verdict rests on.
///
/// # Errors
/// When the run file is damaged.
pub fn explain_facts(
    store: &Store,
    finding: &Finding,
) -> Result<Vec<(&'static Column, Json)>, Error> {
    for (rule, ..) in stored_rules(store)?.values() {
        let Some(subject) = rule.subject.as_deref().filter(|_| rule.id == finding.rule) else {
            continue;
        };
        let table = store.table(subject)?;
        if table.role == Role::Base {
            return collected_facts(store, finding, table);
        }
        let names: String = table
            .columns
            .iter()
            .map(|column| format!(", {}", quoted(column.name)))
            .collect();
        let mut statement = store.conn.prepare(&format!(
            "SELECT account_id, region{names} FROM {} WHERE account_id = ?1 AND region = ?2 AND resource = ?3 AND part = ?4",
            quoted(subject)
        ))?;
        let mut rows = statement.query(params![
            finding.account_id,
            finding.region,
            finding.subject,
            finding.part
        ])?;
        if let Some(row) = rows.next()? {
            let cells = cells(row, table, 0)?;
            return Ok(table
                .columns
                .iter()
                .map(|column| (column, cells.get(column.name).cloned().unwrap_or_default()))
                .collect());
        }
    }
    Ok(Vec::new())
}
