//! SQLite, fenced in: what a rule or a query may do, and for how long.

use crate::inventory::quoted;
use crate::model::glob;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Virtual-machine steps that one statement may take; ten rules over a million rows take a fiftieth of it.
const STEPS: u64 = 4_000_000_000;
/// Steps between two looks at the count.
const STEPS_BETWEEN_LOOKS: i32 = 100_000;
/// Bytes that SQLite may hold while it runs a stranger's SQL.
const HEAP_BYTES: u64 = 1 << 30;

/// Gives the connection the functions of the rule language.
pub(super) fn add_functions(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let list = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap_or_default();
    // An empty list matches nothing and demands nothing, whatever the value is: that needs no observation.
    conn.create_scalar_function("matches_any", 2, flags, move |args| {
        let ValueRef::Text(patterns) = args.get_raw(1) else {
            return Ok(None);
        };
        let patterns = list(&String::from_utf8_lossy(patterns));
        let ValueRef::Text(text) = args.get_raw(0) else {
            return Ok(patterns.is_empty().then_some(false));
        };
        let text = String::from_utf8_lossy(text);
        Ok(Some(patterns.iter().any(|pattern| glob(pattern, &text))))
    })?;
    conn.create_scalar_function("is_empty", 1, flags, move |args| {
        let ValueRef::Text(items) = args.get_raw(0) else {
            return Ok(None);
        };
        Ok(Some(list(&String::from_utf8_lossy(items)).is_empty()))
    })?;
    conn.create_scalar_function("all_match", 2, flags, move |args| {
        let ValueRef::Text(patterns) = args.get_raw(1) else {
            return Ok(None);
        };
        let patterns = list(&String::from_utf8_lossy(patterns));
        let ValueRef::Text(items) = args.get_raw(0) else {
            return Ok(patterns.is_empty().then_some(true));
        };
        Ok(Some(
            patterns.is_empty()
                || list(&String::from_utf8_lossy(items))
                    .iter()
                    .all(|item| patterns.iter().any(|pattern| glob(pattern, item))),
        ))
    })
}

/// Tables and columns that a statement reads.
pub(super) type Seen = BTreeSet<(String, String)>;

#[derive(Debug, Default)]
struct State {
    armed: AtomicBool,
    steps: AtomicU64,
    seen: Mutex<Seen>,
}

/// The fence around strangers' SQL on one connection: nothing but reading, for a bounded time.
///
/// It stands on the connection for good and is shut only while a stranger's statement is prepared or
/// run; outside of that the program's own statements pass.
#[derive(Debug, Clone)]
pub(super) struct Fence(Arc<State>);

impl Fence {
    /// Puts the fence up, open.
    pub(super) fn install(conn: &mut Connection) -> rusqlite::Result<Self> {
        Self::with_steps(conn, STEPS)
    }

    fn with_steps(conn: &mut Connection, most: u64) -> rusqlite::Result<Self> {
        let state: Arc<State> = Arc::default();
        let watch = Arc::clone(&state);
        conn.authorizer(Some(move |context: AuthContext<'_>| {
            if !watch.armed.load(Ordering::Relaxed) {
                return Authorization::Allow;
            }
            match context.action {
                AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
                AuthAction::Function { function_name }
                    if !matches!(
                        function_name,
                        "load_extension" | "readfile" | "writefile" | "edit" | "fts3_tokenizer"
                    ) =>
                {
                    Authorization::Allow
                }
                AuthAction::Read {
                    table_name,
                    column_name,
                } => {
                    if let Ok(mut seen) = watch.seen.lock() {
                        seen.insert((table_name.to_owned(), column_name.to_owned()));
                    }
                    Authorization::Allow
                }
                _ => Authorization::Deny,
            }
        }))?;
        let watch = Arc::clone(&state);
        conn.progress_handler(
            STEPS_BETWEEN_LOOKS,
            Some(move || {
                watch.armed.load(Ordering::Relaxed)
                    && watch.steps.fetch_add(1, Ordering::Relaxed)
                        > most / u64::from(STEPS_BETWEEN_LOOKS.unsigned_abs())
            }),
        )?;
        conn.execute_batch(&format!("PRAGMA hard_heap_limit = {HEAP_BYTES};"))?;
        // A misspelt name in double quotes is an error, and not a text.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, 50_000_000)?;
        conn.set_limit(Limit::SQLITE_LIMIT_EXPR_DEPTH, 200)?;
        Ok(Self(state))
    }

    /// Shuts the fence; it opens when the guard is dropped.
    pub(super) fn shut(&self) -> Shut<'_> {
        self.0.steps.store(0, Ordering::Relaxed);
        if let Ok(mut seen) = self.0.seen.lock() {
            seen.clear();
        }
        self.0.armed.store(true, Ordering::Relaxed);
        Shut(self)
    }

    /// What the statements prepared behind the shut fence read.
    pub(super) fn seen(&self) -> Seen {
        self.0
            .seen
            .lock()
            .map(|seen| seen.clone())
            .unwrap_or_default()
    }
}

/// The fence is shut while this lives.
pub(super) struct Shut<'f>(&'f Fence);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.0.armed.store(false, Ordering::Relaxed);
    }
}

/// Opens a run for a person's query: read-only, fenced and bounded.
///
/// # Errors
/// When SQLite refuses.
pub fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    add_functions(&conn)?;
    Ok(conn)
}

/// Bytes that the rows of a person's query may hold together.
const MOST_ROW_BYTES: usize = 256 << 20;

/// Runs a query; gives the names of its columns and its rows as JSON values.
///
/// # Errors
/// When the query writes, does not parse, or exceeds its bounds.
pub fn run_query(
    conn: &mut Connection,
    sql: &str,
) -> rusqlite::Result<(Vec<String>, Vec<Vec<serde_json::Value>>)> {
    query_behind(&Fence::install(conn)?, conn, sql)
}

fn query_behind(
    fence: &Fence,
    conn: &Connection,
    sql: &str,
) -> rusqlite::Result<(Vec<String>, Vec<Vec<serde_json::Value>>)> {
    let _shut = fence.shut();
    let mut statement = conn.prepare(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = Vec::new();
    let mut bytes = 0_usize;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let cells = (0..names.len())
            .map(|index| row.get_ref(index).map(json))
            .collect::<Result<Vec<_>, _>>()?;
        bytes += cells
            .iter()
            .map(|cell| 32 + cell.as_str().map_or(0, str::len))
            .sum::<usize>();
        if bytes > MOST_ROW_BYTES {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_TOOBIG),
                Some(format!(
                    "the rows hold more than {} MB; ask for less, or use LIMIT",
                    MOST_ROW_BYTES >> 20
                )),
            ));
        }
        rows.push(cells);
    }
    Ok((names, rows))
}

/// A cell as JSON.
pub(super) fn json(value: ValueRef<'_>) -> serde_json::Value {
    match value {
        ValueRef::Null => serde_json::Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(bytes) => bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into(),
    }
}

/// `SELECT` of expressions over one table.
pub(super) fn select(table: &str, columns: &[String]) -> String {
    format!("SELECT {} FROM {}", columns.join(", "), quoted(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_is_refused_when_the_statement_is_prepared() {
        let mut conn = Connection::open_in_memory().expect("memory");
        conn.execute_batch("CREATE TABLE t (a)").expect("table");
        for sql in [
            "DELETE FROM t",
            "ATTACH 'x' AS y",
            "PRAGMA user_version = 3",
            "CREATE TABLE u (a)",
            "SELECT load_extension('x')",
            "UPDATE t SET a = 1",
        ] {
            assert!(run_query(&mut conn, sql).is_err(), "{sql}");
        }
        assert!(run_query(&mut conn, "SELECT a FROM t").is_ok());
    }

    #[test]
    fn a_query_without_an_end_is_stopped() {
        let mut conn = Connection::open_in_memory().expect("memory");
        let fence = Fence::with_steps(&mut conn, 10_000_000).expect("a fence");
        assert!(query_behind(&fence, &conn, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n").is_err());
        assert!(query_behind(&fence, &conn, "SELECT 1").is_ok());
    }
}
