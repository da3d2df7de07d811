//! Derived rows in the making, and where they go.

use super::Settings;
use crate::inventory::{Error, NewRow, Store, Table};
use crate::model::{Gap, Observed, Value, merge};
use std::collections::BTreeMap;

/// A derived row in the making.
pub struct DerivedRow {
    row: NewRow,
    gaps: Vec<(&'static str, Vec<Gap>)>,
}

impl DerivedRow {
    /// Sets a cell that is known.
    pub fn put(&mut self, column: &'static str, value: impl Into<Value>) -> &mut Self {
        self.row.put(column, value);
        self
    }

    /// Sets a cell, or notes what hides it.
    pub fn set<T: Into<Value>>(&mut self, column: &'static str, value: Observed<T>) -> &mut Self {
        match value {
            Observed::Known(value) => self.row.put(column, value),
            Observed::Unknown(gaps) => {
                self.row.put(column, Value::Null);
                self.gaps.push((column, gaps));
            }
        }
        self
    }

    /// Sets tags and environment.
    pub fn tagged(
        &mut self,
        settings: Settings<'_>,
        account: &str,
        tags: Observed<BTreeMap<String, String>>,
    ) -> &mut Self {
        self.set("environment", settings.environment(account, &tags));
        self.set(
            "tags",
            tags.map(|tags| Value::from(serde_json::json!(tags))),
        )
    }
}

/// Where derived rows go.
pub struct Sink<'s> {
    store: &'s Store,
    table: &'static Table,
    hidden: BTreeMap<(String, String), Vec<Gap>>,
    error: Option<Error>,
}

impl<'s> Sink<'s> {
    /// Rows of one subject, into one store.
    pub fn new(store: &'s Store, table: &'static Table) -> Self {
        Self {
            store,
            table,
            hidden: BTreeMap::new(),
            error: None,
        }
    }

    /// Begins a row.
    pub fn row(
        &self,
        account: &str,
        region: &str,
        resource: impl Into<String>,
        resource_type: &str,
    ) -> DerivedRow {
        let row = NewRow::new(self.table.name, account, self.table.region(region))
            .set("resource", resource.into())
            .set("resource_type", resource_type)
            .set("part", "")
            .set("name", "");
        DerivedRow {
            row,
            gaps: Vec::new(),
        }
    }

    /// Keeps a row.
    pub fn push(&mut self, row: DerivedRow) {
        if self.error.is_none()
            && let Err(error) = self.store.insert_derived(self.table, &row.row, &row.gaps)
        {
            self.error = Some(error);
        }
    }

    /// Says that an account and Region may hold subjects that were not seen.
    pub fn hide(&mut self, account: &str, region: &str, gaps: Vec<Gap>) {
        if gaps.is_empty() {
            return;
        }
        let known = self
            .hidden
            .entry((account.to_owned(), self.table.region(region).to_owned()))
            .or_default();
        *known = merge(std::mem::take(known), gaps);
    }

    /// Ends the subject: what hides more of it is written for every account and Region in which it has its rows, and what may hide
    /// more of every subject with it.
    ///
    /// # Errors
    /// When the run file could not be written.
    pub fn finish(mut self, settings: Settings<'_>, everywhere: &[Gap]) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        for scope in settings.scopes(self.table) {
            self.hidden.entry(scope).or_default();
        }
        for ((account, region), mut gaps) in self.hidden {
            gaps.extend(everywhere.iter().cloned());
            gaps.sort();
            self.store
                .write_scope(self.table, &account, &region, &gaps)?;
        }
        Ok(())
    }
}
