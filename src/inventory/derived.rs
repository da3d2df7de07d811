//! Writing subjects: the tables that reasoning derives.

use super::{Error, Store, Table, quoted};
use crate::model::Gap;

impl Store {
    /// Begins to write subjects anew: what was derived and judged before is gone.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn begin_subjects(&self) -> Result<(), Error> {
        Ok(self.conn.execute_batch("BEGIN; DELETE FROM gap; DELETE FROM subject_scope; DELETE FROM result; DELETE FROM judged;")?)
    }

    /// Takes all rows from a table.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn empty(&self, table: &Table) -> Result<(), Error> {
        self.conn
            .execute(&format!("DELETE FROM {}", quoted(table.name)), [])?;
        Ok(())
    }

    /// Says what hides more rows of a subject in an account and Region; nothing, where all were seen.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn write_scope(
        &self,
        table: &Table,
        account: &str,
        region: &str,
        gaps: &[Gap],
    ) -> Result<(), Error> {
        let text = serde_json::to_string(gaps).unwrap_or_default();
        self.conn
            .prepare_cached("INSERT INTO subject_scope VALUES (?1, ?2, ?3, ?4)")?
            .execute([table.name, account, region, &text])?;
        Ok(())
    }

    /// Keeps what was written since [`Store::begin_subjects`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn end_subjects(&self) -> Result<(), Error> {
        Ok(self.conn.execute_batch("COMMIT;")?)
    }
}

impl Store {
    /// Takes the rows of a collected table away, with its coverage.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn forget(&self, table: &str) -> Result<(), Error> {
        self.conn
            .execute(&format!("DELETE FROM {}", quoted(table)), [])?;
        self.forget_coverage(table)
    }

    /// Takes the coverage of a collected table away.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn forget_coverage(&self, table: &str) -> Result<(), Error> {
        self.conn
            .execute("DELETE FROM coverage WHERE table_name = ?1", [table])?;
        Ok(())
    }
}
