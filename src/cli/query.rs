//! `outcrop query`: SQL over a run, read-only.

use crate::engine;
use crate::inventory::Store;
use crate::model::counted;
use crate::report::{csv, safe::cut};
use crate::subjects;
use serde_json::Value as Json;
use std::io::Write;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Query {
    /// Run file, or `s3://BUCKET/KEY`.
    run: PathBuf,
    /// A SELECT; `outcrop rules tables` shows tables and columns.
    sql: String,
    /// Output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

/// Why a query gave no rows, and what to do.
fn refused(error: &str) -> anyhow::Error {
    let missing = |what: &str| {
        let (_, rest) = error.split_once(what)?;
        Some(
            rest.split([' ', ':', ','])
                .next()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let tables = subjects::tables();
    if let Some(name) = missing("no such table: ") {
        let near = engine::nearest(&name, tables.iter().map(|table| table.name));
        return anyhow::anyhow!(
            "there is no table `{name}`{near}; `outcrop rules tables` shows what there is"
        );
    }
    if let Some(name) = missing("no such column: ") {
        return anyhow::anyhow!(
            "there is no column `{name}`; `outcrop rules tables TABLE` shows those of a table"
        );
    }
    if error.contains("not authorized") {
        return anyhow::anyhow!("the query was refused: a query only reads ({error})");
    }
    anyhow::anyhow!("the query failed: {error}")
}

impl Query {
    pub fn run(&self) -> anyhow::Result<u8> {
        let run = super::remote::local(std::slice::from_ref(&self.run))?;
        let store = Store::open(run.path(), &subjects::tables())?;
        let mut conn = engine::open_reader(run.path())?;
        let done = watch();
        engine::add_views(&conn, &store, &self.sql)?;
        let (names, rows) =
            engine::run_query(&mut conn, &self.sql).map_err(|error| refused(&error.to_string()))?;
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let mut out = crate::cli::out();
        match self.format {
            Format::Json => {
                let all: Vec<Json> = rows
                    .into_iter()
                    .map(|row| Json::Object(names.iter().cloned().zip(row).collect()))
                    .collect();
                serde_json::to_writer_pretty(&mut out, &all)?;
                writeln!(out)?;
            }
            Format::Csv => {
                writeln!(
                    out,
                    "{}",
                    names
                        .iter()
                        .map(|name| csv::cell(name))
                        .collect::<Vec<_>>()
                        .join(",")
                )?;
                for row in rows {
                    writeln!(
                        out,
                        "{}",
                        row.iter()
                            .map(|cell| csv::cell(&text(cell)))
                            .collect::<Vec<_>>()
                            .join(",")
                    )?;
                }
            }
            Format::Table if names.len() * NARROWEST > usize::from(super::output::width()) => {
                upright(&names, &rows, &mut out)?;
            }
            Format::Table => {
                let mut table = comfy_table::Table::new();
                table
                    .load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
                    .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
                    .set_width(super::output::width());
                table.set_header(names.iter().map(|name| cut(name, 200)));
                for row in &rows {
                    table.add_row(row.iter().map(shown));
                }
                writeln!(out, "{table}\n{}", counted(rows.len(), "row", "rows"))?;
            }
        }
        Ok(0)
    }
}

/// Columns of the terminal that a column needs to be read; with less, each row stands upright.
const NARROWEST: usize = 16;

/// A cell for a person.
fn shown(cell: &Json) -> String {
    if cell.is_null() {
        "(not observed)".to_owned()
    } else {
        cut(&text(cell), 2000)
    }
}

/// Rows that are too wide for the terminal: one line a cell.
fn upright(names: &[String], rows: &[Vec<Json>], out: &mut dyn Write) -> std::io::Result<()> {
    let widest = names.iter().map(|name| name.chars().count()).max();
    let wide = widest.unwrap_or_default().min(40);
    for (place, row) in rows.iter().enumerate() {
        writeln!(out, "row {}", place + 1)?;
        for (name, cell) in names.iter().zip(row) {
            writeln!(out, "  {:<wide$}  {}", cut(name, 200), shown(cell))?;
        }
    }
    writeln!(out, "{}", counted(rows.len(), "row", "rows"))
}

fn text(cell: &Json) -> String {
    match cell {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How long a query may take.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(60);

/// Ends the program where the query takes too long: SQLite cannot be interrupted within one function over long texts.
fn watch() -> std::sync::Arc<std::sync::atomic::AtomicBool> {
    use std::sync::atomic::{AtomicBool, Ordering};
    let done = std::sync::Arc::new(AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&done);
    std::thread::spawn(move || {
        std::thread::sleep(LONGEST);
        if !seen.load(Ordering::Relaxed) {
            let _ = writeln!(
                std::io::stderr(),
                "error: the query took more than {} seconds and was ended",
                LONGEST.as_secs()
            );
            std::process::exit(1);
        }
    });
    done
}
