//! Run files that go on or are copied: opened again to be written, with what is to be read anew taken out.

use super::store::{Error, SCHEMA_VERSION, quoted, sole_writer};
use super::{Role, Store, Table};
use crate::model::RunInfo;
use rusqlite::{Connection, OpenFlags, params};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

impl Store {
    /// Opens a run file to go on collecting into it. What was derived and judged from what it held is taken out.
    ///
    /// # Errors
    /// When it is not a run file, is damaged or locked, or has other tables than this release.
    pub fn go_on(path: &Path, tables: &[&'static Table]) -> Result<Self, Error> {
        // Everything that is refused for reading is refused here.
        drop(Self::open(path, tables)?);
        let shown = path.display().to_string();
        let writer = File::open(path).map_err(|error| Error::Open {
            path: shown.clone(),
            reason: error.to_string(),
        })?;
        let writer = sole_writer(writer, path)?;
        let conn = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let mut other = found != SCHEMA_VERSION;
        for table in tables {
            let there = columns(&conn, table.name)?;
            other |= table
                .columns
                .iter()
                .any(|column| !there.contains(column.name));
        }
        if other {
            return Err(Error::OtherTables(shown));
        }
        let store = Self::over(conn, tables, path, writer);
        match store.conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE;",
        ) {
            Ok(()) => {}
            Err(error) if is_locked(&error) => return Err(Error::Locked(shown)),
            Err(error) => return Err(error.into()),
        }
        store.forget_verdicts()?;
        // Until everything is read again, nobody may take it for whole.
        store.write_run(&RunInfo {
            complete: false,
            collected: false,
            ..store.run()?
        })?;
        store.conn.execute_batch("COMMIT;")?;
        Ok(store)
    }

    /// Copies the collected rows and their coverage from another run, so that it can be judged afresh.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn copy_base(&self, from: &Path) -> Result<(), Error> {
        self.conn
            .execute("ATTACH ?1 AS source", [from.display().to_string()])?;
        self.conn.execute_batch("BEGIN; INSERT INTO main.coverage SELECT * FROM source.coverage; INSERT INTO main.run SELECT info FROM source.run;")?;
        for table in self
            .tables()
            .iter()
            .filter(|table| table.role == Role::Base)
        {
            let mut statement = self.conn.prepare(&format!(
                "SELECT name FROM pragma_table_info('{}', 'source')",
                table.name
            ))?;
            let there: Vec<String> = statement
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let shared: Vec<String> = ["account_id", "region"]
                .into_iter()
                .chain(table.columns.iter().map(|column| column.name))
                .filter(|name| there.iter().any(|other| other == name))
                .map(quoted)
                .collect();
            if shared.len() > 2 {
                let list = shared.join(", ");
                let name = quoted(table.name);
                self.conn.execute_batch(&format!("INSERT INTO main.{name} ({list}) SELECT {list} FROM source.{name} ORDER BY rowid;"))?;
            }
        }
        let declared: i64 = self.conn.query_row(
            "SELECT count(*) FROM source.sqlite_master WHERE name = 'declaration'",
            [],
            |row| row.get(0),
        )?;
        if declared > 0 {
            let mut statement = self
                .conn
                .prepare("SELECT name FROM pragma_table_info('declaration', 'source')")?;
            let columns: Vec<String> = statement
                .query_map([], |row| row.get::<_, String>(0))?
                .map(|name| name.map(|name| quoted(&name)))
                .collect::<Result<_, _>>()?;
            let list = columns.join(", ");
            self.conn.execute_batch(&format!(
                "INSERT INTO main.declaration ({list}) SELECT {list} FROM source.declaration ORDER BY rowid;"
            ))?;
        }
        self.conn.execute_batch("COMMIT; DETACH source;")?;
        Ok(())
    }

    /// The ids of the rules that this run was judged by.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn rules(&self) -> Result<Vec<String>, Error> {
        let mut statement = self.conn.prepare("SELECT name FROM rule ORDER BY name")?;
        Ok(statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?)
    }

    /// The columns that a table has in this file; none where the file has no such table.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn columns(&self, table: &str) -> Result<BTreeSet<String>, Error> {
        Ok(columns(&self.conn, table)?)
    }

    /// Takes out what was derived and judged.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub(super) fn forget_verdicts(&self) -> Result<(), Error> {
        for table in self.tables().iter().filter(|one| one.role == Role::Subject) {
            self.conn
                .execute_batch(&format!("DELETE FROM {};", quoted(table.name)))?;
        }
        for own in [
            "origin",
            "gap",
            "subject_scope",
            "rule",
            "result",
            "from_row",
            "waiver",
            "waived_cause",
            "disabled",
            "judged",
        ] {
            self.conn.execute_batch(&format!("DELETE FROM {own};"))?;
        }
        Ok(())
    }

    /// Takes out the rows of tables in one scope and what is said of their reading: both, or neither.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn forget_reading(
        &mut self,
        tables: &[&str],
        account: &str,
        region: &str,
    ) -> Result<(), Error> {
        let transaction = self.conn.transaction()?;
        for table in tables {
            transaction.execute(
                &format!(
                    "DELETE FROM {} WHERE account_id = ?1 AND region = ?2",
                    quoted(table)
                ),
                [account, region],
            )?;
            transaction.execute(
                "DELETE FROM coverage WHERE table_name = ?1 AND account_id = ?2 AND region = ?3",
                params![table, account, region],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Takes out what is said of the reading of a group in these words, wherever it is said.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn forget_lines(&self, group: &str, detail: &str) -> Result<(), Error> {
        self.conn.execute(
            "DELETE FROM coverage WHERE column_group = ?1 AND detail = ?2",
            [group, detail],
        )?;
        Ok(())
    }
}

fn columns(conn: &Connection, table: &str) -> rusqlite::Result<BTreeSet<String>> {
    conn.prepare_cached("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}
