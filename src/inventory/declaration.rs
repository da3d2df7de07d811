//! What a file declared: where each row stands, what becomes of it, and which of its cells are settled later.

use super::{Error, Store};
use crate::model::Location;
use rusqlite::params;
use std::collections::BTreeMap;

/// One declaration of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Account.
    pub account_id: String,
    /// Region or `global`.
    pub region: String,
    /// Table; empty for what has no row of its own.
    pub table: String,
    /// Key of the row: an id, an ARN, a name, or a symbol for what does not exist yet.
    pub key: String,
    /// Address in the plan, logical id in the template, URN.
    pub address: String,
    /// Id prefix of its kind, such as `igw`; empty when it has none.
    pub prefix: String,
    /// `create`, `update` or `keep`.
    pub change: String,
    /// Where it is declared.
    pub location: Option<Location>,
    /// Columns that are settled later, with the reason.
    pub unresolved: BTreeMap<String, String>,
    /// The row exists outside the file, which only adds to it.
    pub partial: bool,
    /// Path of the CDK construct that it is; empty elsewhere.
    pub path: String,
    /// The line of the app that made the construct, where the assembly says it; for people, not for patches.
    pub written: Option<Location>,
}

impl Declaration {
    /// Does the file make it?
    pub fn is_new(&self) -> bool {
        self.change == "create"
    }
}

impl Store {
    /// Keeps what a file declared.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn declare(&self, declarations: &[Declaration]) -> Result<(), Error> {
        let mut statement = self.conn.prepare(
            "INSERT INTO declaration VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?;
        for one in declarations {
            let (file, line) = one
                .location
                .as_ref()
                .map_or(("", 0), |place| (place.file.as_str(), place.line));
            let written = one.written.as_ref();
            let unresolved = serde_json::to_string(&one.unresolved).unwrap_or_default();
            let line = i64::try_from(line).unwrap_or_default();
            statement.execute(params![
                one.account_id,
                one.region,
                one.table,
                one.key,
                one.address,
                one.prefix,
                one.change,
                file,
                line,
                unresolved,
                one.partial,
                one.path,
                written.map_or("", |place| place.file.as_str()),
                written.map_or(0, |place| i64::try_from(place.line).unwrap_or_default())
            ])?;
        }
        Ok(())
    }

    fn has(&self, table: &str) -> Result<bool, Error> {
        Ok(self
            .conn
            .query_row(
                "SELECT count(*) FROM sqlite_master WHERE name = ?1",
                [table],
                |row| row.get::<_, i64>(0),
            )
            .map(|count| count > 0)?)
    }

    /// Keeps which results a file brings, finds or mends: (fingerprint, `new`, `existing` or `fixed`).
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn write_origins<'o>(
        &self,
        origins: impl Iterator<Item = (&'o str, &'o str)>,
    ) -> Result<(), Error> {
        self.conn.execute("DELETE FROM origin", [])?;
        let mut statement = self.conn.prepare("INSERT INTO origin VALUES (?1, ?2)")?;
        for (fingerprint, origin) in origins {
            statement.execute([fingerprint, origin])?;
        }
        Ok(())
    }

    /// Where results come from, by fingerprint.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn origins(&self) -> Result<BTreeMap<String, String>, Error> {
        if !self.has("origin")? {
            return Ok(BTreeMap::new());
        }
        let mut statement = self
            .conn
            .prepare("SELECT fingerprint, origin FROM origin")?;
        Ok(statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?)
    }

    /// What files declared; nothing in runs of accounts and in those of releases that knew no files.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn declarations(&self) -> Result<Vec<Declaration>, Error> {
        if !self.has("declaration")? {
            return Ok(Vec::new());
        }
        let mut statement = self
            .conn
            .prepare("SELECT * FROM declaration ORDER BY rowid")?;
        let found = statement.query_map([], |row| {
            let (file, line, unresolved): (String, i64, String) =
                (row.get(7)?, row.get(8)?, row.get(9)?);
            Ok(Declaration {
                account_id: row.get(0)?,
                region: row.get(1)?,
                table: row.get(2)?,
                key: row.get(3)?,
                address: row.get(4)?,
                prefix: row.get(5)?,
                change: row.get(6)?,
                location: (!file.is_empty()).then_some(Location {
                    file,
                    line: line.unsigned_abs(),
                }),
                unresolved: serde_json::from_str(&unresolved).unwrap_or_default(),
                partial: row.get(10)?,
                path: row.get(11)?,
                // Runs of earlier releases do not have it.
                written: row
                    .get::<_, String>("written_file")
                    .ok()
                    .filter(|file| !file.is_empty())
                    .map(|file| Location {
                        file,
                        line: row
                            .get::<_, i64>("written_line")
                            .unwrap_or_default()
                            .unsigned_abs(),
                    }),
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
