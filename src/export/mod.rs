//! A run as Parquet files, for Athena, Spark and DuckDB: a folder for each table, and in it one for each run, account and Region.
//!
//! Folders are named as Hive names partitions (`account_id=111111111111`), which all three read as columns. A cell that was not observed
//! is null. Booleans are booleans; lists and JSON are texts in JSON; times are texts in RFC 3339.

mod file;

use crate::engine;
use crate::inventory::{Kind, Store, quoted};
use crate::model::Finding;
use file::{Cell, Column, Sheet};
use rusqlite::types::ValueRef;
use std::path::Path;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run file cannot be read, or was not judged.
    #[error(transparent)]
    Store(#[from] crate::inventory::Error),
    /// SQLite refused.
    #[error("the run file could not be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A file cannot be written.
    #[error("cannot write `{path}`: {reason}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The run is there already.
    #[error(
        "`{0}` exists already: this run was exported there before; remove it or choose another folder"
    )]
    Exists(String),
}

/// What was written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Tables that have rows.
    pub tables: usize,
    /// Files.
    pub files: usize,
    /// Rows.
    pub rows: u64,
}

/// Writes every table of a judged run that has rows, and its results, coverage and what is known of the run itself.
///
/// What was written is taken away where something goes wrong.
///
/// # Errors
/// When the run was not judged, was exported into the folder before, or a file cannot be written.
pub fn parquet(store: &Store, folder: &Path) -> Result<Written, Error> {
    let outcome = engine::outcome(store)?;
    let mut sheet = Sheet::new(folder, &outcome.run.id);
    match write(store, &outcome, &mut sheet) {
        Ok(()) => Ok(sheet.written),
        Err(error) => {
            sheet.remove();
            Err(error)
        }
    }
}

fn write(store: &Store, outcome: &crate::model::Outcome, sheet: &mut Sheet) -> Result<(), Error> {
    let run = &outcome.run;
    sheet.begin(
        "run",
        &[
            Column::text("started_at"),
            Column::text("finished_at"),
            Column::text("version"),
            Column::text("source"),
            Column::boolean("complete"),
            Column::text("caller_arn"),
            Column::text("accounts"),
            Column::text("regions"),
            Column::text("rules_digest"),
            Column::text("notes"),
        ],
    )?;
    sheet.row(
        None,
        vec![
            run.started_at.as_str().into(),
            run.finished_at.as_str().into(),
            run.version.as_str().into(),
            run.source.as_str().into(),
            Cell::Number(Some(i64::from(run.complete))),
            run.caller_arn.as_str().into(),
            json(&run.accounts),
            json(&run.regions),
            run.rules_digest.as_str().into(),
            json(&run.notes),
        ],
    )?;
    sheet.end()?;
    results(outcome, sheet)?;
    query(
        store,
        sheet,
        "coverage",
        &[
            ("table_name", Kind::Text),
            ("column_group", Kind::Text),
            ("parent", Kind::Text),
            ("status", Kind::Text),
            ("operation", Kind::Text),
            ("action", Kind::Text),
            ("detail", Kind::Text),
            ("pages", Kind::Integer),
            ("row_count", Kind::Integer),
            ("started_at", Kind::Time),
            ("finished_at", Kind::Time),
            ("request_ids", Kind::List),
        ],
    )?;
    for table in store.tables() {
        let columns: Vec<(&str, Kind)> = table
            .columns
            .iter()
            .map(|column| (column.name, column.kind))
            .collect();
        query(store, sheet, table.name, &columns)?;
    }
    Ok(())
}

fn results(outcome: &crate::model::Outcome, sheet: &mut Sheet) -> Result<(), Error> {
    sheet.begin(
        "results",
        &[
            Column::text("rule"),
            Column::text("title"),
            Column::text("severity"),
            Column::text("pillar"),
            Column::number("stage"),
            Column::text("verdict"),
            Column::text("resource"),
            Column::text("resource_type"),
            Column::text("part"),
            Column::text("message"),
            Column::text("environment"),
            Column::boolean("waived"),
            Column::text("fingerprint"),
            Column::text("evidence"),
            Column::text("missing"),
            Column::text("tags"),
            Column::text("controls"),
        ],
    )?;
    let mut found: Vec<&Finding> = outcome.results.iter().collect();
    // One file for each account and Region; within it the order of the reports.
    found.sort_by(|a, b| (&a.account_id, &a.region).cmp(&(&b.account_id, &b.region)));
    for one in found {
        sheet.row(
            Some((&one.account_id, &one.region)),
            vec![
                one.rule.as_str().into(),
                one.title.as_str().into(),
                one.severity.as_str().into(),
                one.pillar.as_str().into(),
                Cell::Number(Some(i64::from(one.stage))),
                one.verdict.as_str().into(),
                one.resource.as_str().into(),
                one.resource_type.as_str().into(),
                one.part.as_str().into(),
                one.message.as_str().into(),
                one.environment.as_str().into(),
                Cell::Number(Some(i64::from(one.waiver.is_some()))),
                one.fingerprint.as_str().into(),
                json(&one.evidence),
                json(&one.missing),
                json(&one.tags),
                json(&one.controls),
            ],
        )?;
    }
    sheet.end()
}

fn json(value: &impl serde::Serialize) -> Cell {
    Cell::Text(serde_json::to_string(value).ok())
}

/// The rows of a table, by account and Region. Tables and columns that an older release did not write are left out.
fn query(
    store: &Store,
    sheet: &mut Sheet,
    table: &str,
    columns: &[(&str, Kind)],
) -> Result<(), Error> {
    let there = store.columns(table)?;
    let columns: Vec<&(&str, Kind)> = columns
        .iter()
        .filter(|(name, _)| there.contains(*name))
        .collect();
    if columns.is_empty() {
        return Ok(());
    }
    let shape: Vec<Column> = columns
        .iter()
        .map(|(name, kind)| match kind {
            Kind::Integer => Column::number(name),
            Kind::Bool => Column::boolean(name),
            Kind::Text | Kind::List | Kind::Json | Kind::Time => Column::text(name),
        })
        .collect();
    sheet.begin(table, &shape)?;
    let names: String = columns
        .iter()
        .map(|(name, _)| format!(", {}", quoted(name)))
        .collect();
    let mut statement = store.conn.prepare(&format!(
        "SELECT account_id, region{names} FROM {} ORDER BY account_id, region, rowid",
        quoted(table)
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (account, region): (String, String) = (row.get(0)?, row.get(1)?);
        let mut cells = Vec::with_capacity(columns.len());
        for (place, (_, kind)) in columns.iter().enumerate() {
            let value = row.get_ref(place + 2)?;
            cells.push(match (kind, value) {
                (Kind::Integer | Kind::Bool, ValueRef::Integer(number)) => {
                    Cell::Number(Some(number))
                }
                (Kind::Integer | Kind::Bool, _) => Cell::Number(None),
                (_, ValueRef::Text(text)) => {
                    Cell::Text(Some(String::from_utf8_lossy(text).into_owned()))
                }
                (_, ValueRef::Integer(number)) => Cell::Text(Some(number.to_string())),
                _ => Cell::Text(None),
            });
        }
        sheet.row(Some((&account, &region)), cells)?;
    }
    sheet.end()
}
