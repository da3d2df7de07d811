//! The run file: one SQLite database, written in WAL mode, left as a single clean file.

use super::{Coverage, Kind, Status, Table};
use crate::model::{Gap, RunInfo, Value};
use rusqlite::backup::Backup;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, ToSql, params};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use super::error::Error;

/// Version of the run file's own tables; older ones stay readable, newer ones are refused.
pub const SCHEMA_VERSION: i64 = 1;
/// `OUTC` in ASCII: SQLite's application id of a run file.
const APPLICATION_ID: i64 = 0x4f55_5443;

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Integer(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// Reads a cell; anything but integers and text counts as not observed.
pub(super) fn cell(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        _ => Value::Null,
    }
}

/// A row to insert; columns that are not named stay NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// Table.
    pub table: &'static str,
    /// Account.
    pub account_id: String,
    /// Region, or `global`.
    pub region: String,
    /// Cells by column name.
    pub cells: Vec<(&'static str, Value)>,
}

impl NewRow {
    /// An empty row.
    pub fn new(table: &'static str, account_id: &str, region: &str) -> Self {
        Self {
            table,
            account_id: account_id.to_owned(),
            region: region.to_owned(),
            cells: Vec::new(),
        }
    }

    /// Sets a cell.
    pub fn set(mut self, column: &'static str, value: impl Into<Value>) -> Self {
        self.put(column, value);
        self
    }

    /// Sets a cell in place.
    pub fn put(&mut self, column: &'static str, value: impl Into<Value>) {
        self.cells.push((column, value.into()));
    }
}

/// An identifier in SQL quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `CREATE TABLE` for one declaration.
pub fn derived_ddl(table: &Table) -> String {
    let columns: String = table
        .columns
        .iter()
        .map(|column| {
            let check = if column.kind == Kind::Bool {
                format!(" CHECK ({} IN (0, 1))", quoted(column.name))
            } else {
                String::new()
            };
            format!(", {} {}{check}", quoted(column.name), column.kind.sql())
        })
        .collect();
    format!(
        "CREATE TABLE {} (account_id TEXT NOT NULL, region TEXT NOT NULL{columns});",
        quoted(table.name)
    )
}

const OWN_TABLES: &str = "
CREATE TABLE run (info TEXT NOT NULL);
CREATE TABLE coverage (account_id TEXT NOT NULL, region TEXT NOT NULL, table_name TEXT NOT NULL, column_group TEXT NOT NULL,
  parent TEXT NOT NULL, status TEXT NOT NULL, operation TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL,
  pages INTEGER NOT NULL, row_count INTEGER NOT NULL, started_at TEXT NOT NULL, finished_at TEXT NOT NULL, request_ids TEXT NOT NULL);
CREATE TABLE declaration (account_id TEXT NOT NULL, region TEXT NOT NULL, table_name TEXT NOT NULL, key TEXT NOT NULL,
  address TEXT NOT NULL, prefix TEXT NOT NULL, change TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL,
  unresolved TEXT NOT NULL, partial INTEGER NOT NULL, path TEXT NOT NULL, written_file TEXT NOT NULL DEFAULT '',
  written_line INTEGER NOT NULL DEFAULT 0);
CREATE TABLE origin (fingerprint TEXT NOT NULL, origin TEXT NOT NULL);
CREATE TABLE gap (table_name TEXT NOT NULL, row INTEGER NOT NULL, column_name TEXT NOT NULL, gaps TEXT NOT NULL);
CREATE INDEX gap_by_row ON gap (table_name, row);
CREATE TABLE subject_scope (table_name TEXT NOT NULL, account_id TEXT NOT NULL, region TEXT NOT NULL, gaps TEXT NOT NULL);
CREATE TABLE rule (id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL, severity TEXT NOT NULL, error TEXT NOT NULL);
CREATE TABLE result (rule INTEGER NOT NULL, row INTEGER, account_id TEXT, region TEXT, verdict INTEGER NOT NULL, waiver INTEGER);
CREATE TABLE from_row (id INTEGER PRIMARY KEY, rule INTEGER NOT NULL, cells TEXT NOT NULL);
CREATE TABLE waiver (id INTEGER PRIMARY KEY, rule TEXT NOT NULL, resource TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  expires TEXT NOT NULL, status TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE waived_cause (waiver INTEGER PRIMARY KEY, cause TEXT NOT NULL);
CREATE TABLE disabled (rule TEXT NOT NULL);
CREATE TABLE judged (results INTEGER NOT NULL);
";

/// An open run file.
#[derive(Debug)]
pub struct Store {
    /// The connection; everything else reads and writes through it.
    pub conn: Connection,
    tables: Vec<&'static Table>,
    path: Option<PathBuf>,
    /// Held while the file is written, so that nobody else collects into it.
    _writer: Option<File>,
}

impl Store {
    /// A run in memory.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn memory(tables: &[&'static Table]) -> Result<Self, Error> {
        let store = Self {
            conn: Connection::open_in_memory()?,
            tables: tables.to_vec(),
            path: None,
            _writer: None,
        };
        store.lay_out()?;
        Ok(store)
    }

    /// A new run file; it must not exist yet. Readable by its owner alone.
    ///
    /// # Errors
    /// When the file exists, cannot be made, or SQLite refuses.
    pub fn create(path: &Path, tables: &[&'static Table]) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::Exists(shown.clone()),
            _ => Error::Open {
                path: shown.clone(),
                reason: error.to_string(),
            },
        })?;
        let store = Self {
            conn: Connection::open(path)?,
            tables: tables.to_vec(),
            path: Some(path.to_owned()),
            _writer: Some(sole_writer(file, path)?),
        };
        store
            .conn
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        store.lay_out()?;
        Ok(store)
    }

    /// Opens a run for reading, after checking that it is one.
    ///
    /// # Errors
    /// When it is missing, damaged, something else, or of a later release.
    pub fn open(path: &Path, tables: &[&'static Table]) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let mut header = [0_u8; 16];
        crate::model::file::is_regular(path).map_err(|error| Error::Open {
            path: shown.clone(),
            reason: error.to_string(),
        })?;
        let mut file = std::fs::File::open(path).map_err(|error| Error::Open {
            path: shown.clone(),
            reason: error.to_string(),
        })?;
        if std::io::Read::read_exact(&mut file, &mut header).is_err()
            || &header != b"SQLite format 3\0"
        {
            return Err(Error::NotARun(shown));
        }
        let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Error::Locked(shown.clone())
            }
            _ => Error::Damaged {
                path: shown.clone(),
                reason: error.to_string(),
            },
        };
        let conn = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(damaged)?;
        let application: i64 = conn
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(damaged)?;
        if application != APPLICATION_ID {
            return Err(Error::NotARun(shown));
        }
        let found: i64 = conn
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(damaged)?;
        if found > SCHEMA_VERSION {
            let writer = conn
                .query_row(
                    "SELECT json_extract(info, '$.version') FROM run",
                    [],
                    |row| row.get::<_, String>(0),
                )
                .unwrap_or_default();
            return Err(Error::Newer {
                path: shown,
                found,
                writer,
            });
        }
        // No release writes them; what a stranger put there would run as soon as a table is read.
        let foreign: i64 = conn
            .query_row(
                "SELECT count(*) FROM sqlite_master WHERE type IN ('view', 'trigger')",
                [],
                |row| row.get(0),
            )
            .map_err(damaged)?;
        if foreign > 0 {
            return Err(Error::Damaged {
                path: shown,
                reason: "it holds a view or a trigger, which no release of Outcrop writes"
                    .to_owned(),
            });
        }
        let check: String = conn
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(damaged)?;
        if check != "ok" {
            return Err(Error::Damaged {
                path: shown,
                reason: check,
            });
        }
        Ok(Self {
            conn,
            tables: tables.to_vec(),
            path: Some(path.to_owned()),
            _writer: None,
        })
    }

    fn lay_out(&self) -> Result<(), Error> {
        self.conn
            .execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; PRAGMA trusted_schema = OFF; BEGIN;"))?;
        self.conn.execute_batch(OWN_TABLES)?;
        for table in &self.tables {
            self.conn.execute_batch(&derived_ddl(table))?;
        }
        self.conn.execute_batch("COMMIT;")?;
        Ok(())
    }

    /// A store over a file that is open already.
    pub(super) fn over(
        conn: Connection,
        tables: &[&'static Table],
        path: &Path,
        writer: File,
    ) -> Self {
        Self {
            conn,
            tables: tables.to_vec(),
            path: Some(path.to_owned()),
            _writer: Some(writer),
        }
    }

    /// The tables that this file was opened with.
    pub fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    /// A table by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn table(&self, name: &str) -> Result<&'static Table, Error> {
        self.tables
            .iter()
            .find(|table| table.name == name)
            .copied()
            .ok_or_else(|| Error::NoTable(name.to_owned()))
    }

    /// Writes rows and the coverage of their collection in one transaction: both, or neither.
    ///
    /// # Errors
    /// When a row names an unknown table or column, or SQLite refuses.
    pub fn commit(&mut self, rows: &[NewRow], coverage: &[Coverage]) -> Result<(), Error> {
        let tables = self.tables.clone();
        let transaction = self.conn.transaction()?;
        for row in rows {
            let table = tables
                .iter()
                .find(|table| table.name == row.table)
                .ok_or_else(|| Error::NoTable(row.table.to_owned()))?;
            insert(&transaction, table, row)?;
        }
        for line in coverage {
            insert_coverage(&transaction, line)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes what is known of a run whose results are not there yet: whatever it says, it is not complete.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn begin_run(&self, run: &RunInfo) -> Result<(), Error> {
        self.write_run(&RunInfo {
            complete: false,
            ..run.clone()
        })
    }

    /// Says that the run is judged, and how many results it holds; belongs into the transaction that writes them.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn end_run(&self, run: &RunInfo) -> Result<(), Error> {
        self.write_run(run)?;
        self.conn
            .execute_batch("DELETE FROM judged; INSERT INTO judged SELECT count(*) FROM result;")?;
        Ok(())
    }

    /// How many results the run holds; `None` where it was not judged to its end.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn judged(&self) -> Result<Option<u64>, Error> {
        let is_there: bool = self.conn.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'judged')",
            [],
            |row| row.get(0),
        )?;
        // Older releases wrote rules and results in one transaction.
        let sql = if is_there {
            "SELECT results FROM judged"
        } else {
            "SELECT (SELECT count(*) FROM result) WHERE EXISTS (SELECT 1 FROM rule)"
        };
        Ok(self
            .conn
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .optional()?
            .map(i64::unsigned_abs))
    }

    /// Writes what is known of the run itself.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn write_run(&self, run: &RunInfo) -> Result<(), Error> {
        let info = serde_json::to_string(run).map_err(|error| {
            Error::Sqlite(rusqlite::Error::ToSqlConversionFailure(error.into()))
        })?;
        self.conn.execute("DELETE FROM run", [])?;
        self.conn
            .execute("INSERT INTO run (info) VALUES (?1)", [info])?;
        Ok(())
    }

    /// Reads what is known of the run itself.
    ///
    /// # Errors
    /// When it is not there or not readable.
    pub fn run(&self) -> Result<RunInfo, Error> {
        let damaged = |reason: String| Error::Damaged {
            path: self.shown(),
            reason,
        };
        let info: String = self
            .conn
            .query_row("SELECT info FROM run", [], |row| row.get(0))
            .map_err(|error| damaged(error.to_string()))?;
        serde_json::from_str(&info).map_err(|error| damaged(error.to_string()))
    }

    /// The file, for a person.
    pub fn shown(&self) -> String {
        self.path.as_ref().map_or_else(
            || "(in memory)".to_owned(),
            |path| path.display().to_string(),
        )
    }

    /// All coverage lines, in the order of (account, Region, table, group, parent).
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn coverage(&self) -> Result<Vec<Coverage>, Error> {
        let mut statement = self.conn.prepare(
            "SELECT account_id, region, table_name, column_group, parent, status, operation, action, detail, pages, row_count, started_at, finished_at, request_ids
             FROM coverage ORDER BY account_id, region, table_name, column_group, parent, rowid")?;
        let lines = statement.query_map([], |row| {
            let status: String = row.get(5)?;
            let ids: String = row.get(13)?;
            Ok(Coverage {
                account_id: row.get(0)?,
                region: row.get(1)?,
                table: row.get(2)?,
                group: row.get(3)?,
                parent: row.get(4)?,
                // A word that a later release may have written hides the fact, so it is never taken for whole.
                status: Status::parse(&status).unwrap_or(Status::Error),
                operation: row.get(6)?,
                action: row.get(7)?,
                detail: row.get(8)?,
                pages: row.get::<_, i64>(9)?.unsigned_abs(),
                rows: row.get::<_, i64>(10)?.unsigned_abs(),
                started_at: row.get(11)?,
                finished_at: row.get(12)?,
                request_ids: serde_json::from_str(&ids).unwrap_or_default(),
            })
        })?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// A copy in memory of what was collected and declared, without what was derived and judged from it.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn copy(&self) -> Result<Self, Error> {
        let mut conn = Connection::open_in_memory()?;
        Backup::new(&self.conn, &mut conn)?.run_to_completion(i32::MAX, Duration::ZERO, None)?;
        let copy = Self {
            conn,
            tables: self.tables.clone(),
            path: None,
            _writer: None,
        };
        copy.forget_verdicts()?;
        Ok(copy)
    }

    /// Writes one derived row; gives its row number, by which results name it.
    ///
    /// # Errors
    /// When a cell names an unknown column or SQLite refuses.
    pub fn insert_derived(
        &self,
        table: &Table,
        row: &NewRow,
        gaps: &[(&'static str, Vec<Gap>)],
    ) -> Result<i64, Error> {
        insert(&self.conn, table, row)?;
        let number = self.conn.last_insert_rowid();
        for (column, gaps) in gaps {
            let text = serde_json::to_string(gaps).unwrap_or_default();
            self.conn
                .prepare_cached("INSERT INTO gap VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![table.name, number, column, text])?;
        }
        Ok(number)
    }

    /// Leaves a single clean file: no journal beside it, no free pages inside.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn finish(&self) -> Result<(), Error> {
        if self.path.is_some() {
            self.conn
                .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;")?;
        }
        Ok(())
    }
}

/// Keeps other processes from writing the file, as long as it is held. SQLite's own locks are free between its transactions, and a
/// scan is many.
pub(super) fn sole_writer(file: File, path: &Path) -> Result<File, Error> {
    // On Windows such a lock would keep SQLite out as well.
    if cfg!(unix)
        && let Err(std::fs::TryLockError::WouldBlock) = file.try_lock()
    {
        return Err(Error::Locked(path.display().to_string()));
    }
    Ok(file)
}

fn insert(conn: &Connection, table: &Table, row: &NewRow) -> Result<(), Error> {
    let mut cells = vec![Value::Null; table.columns.len()];
    for (column, value) in &row.cells {
        let place = table.position(column).ok_or_else(|| Error::NoColumn {
            table: table.name.to_owned(),
            column: (*column).to_owned(),
        })?;
        cells[place] = value.clone();
    }
    let marks: String = (3..cells.len() + 3)
        .map(|number| format!(", ?{number}"))
        .collect();
    let names: String = table
        .columns
        .iter()
        .map(|column| format!(", {}", quoted(column.name)))
        .collect();
    let mut statement = conn.prepare_cached(&format!(
        "INSERT INTO {} (account_id, region{names}) VALUES (?1, ?2{marks})",
        quoted(table.name)
    ))?;
    let mut bound: Vec<&dyn ToSql> = vec![&row.account_id, &row.region];
    bound.extend(cells.iter().map(|cell| cell as &dyn ToSql));
    statement.execute(bound.as_slice())?;
    Ok(())
}

fn insert_coverage(conn: &Connection, line: &Coverage) -> Result<(), Error> {
    let ids = serde_json::Value::from(line.request_ids.clone()).to_string();
    conn.prepare_cached(
        "INSERT INTO coverage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        line.account_id,
        line.region,
        line.table,
        line.group,
        line.parent,
        line.status.as_str(),
        line.operation,
        line.action,
        line.detail,
        i64::try_from(line.pages).unwrap_or(i64::MAX),
        i64::try_from(line.rows).unwrap_or(i64::MAX),
        line.started_at,
        line.finished_at,
        ids
    ])?;
    Ok(())
}
