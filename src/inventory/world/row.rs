//! One row of a collected table, and its typed cells.

use super::{Loaded, World};
use crate::inventory::{Kind, Status, Table};
use crate::model::{Gap, Observed, Value};
use std::collections::BTreeMap;

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'w> {
    pub(crate) world: &'w World,
    pub(crate) loaded: &'w Loaded,
    pub(crate) index: usize,
}

impl<'w> Row<'w> {
    /// Account of the row.
    pub fn account(&self) -> &'w str {
        &self.loaded.rows[self.index].0
    }

    /// Region of the row, or `global`.
    pub fn region(&self) -> &'w str {
        &self.loaded.rows[self.index].1
    }

    /// Table of the row.
    pub fn table(&self) -> &'static Table {
        self.loaded.table
    }

    /// A cell, or what hides it.
    pub fn get(&self, name: &str) -> Observed<&'w Value> {
        let Some(place) = self.loaded.table.position(name) else {
            return Observed::gap(Gap::not_understood(
                format!("{}.{name}", self.loaded.table.name),
                "there is no such column in this release",
            ));
        };
        let column = &self.loaded.table.columns[place];
        for group in column.reads {
            self.world.touch(self.loaded.table.name, group);
        }
        match &self.loaded.rows[self.index].2[place] {
            Value::Null => Observed::gap(self.world.cell_gap(self.loaded, self.index, column)),
            value => Observed::Known(value),
        }
    }

    fn mismatch<T>(&self, name: &str, wanted: Kind) -> Observed<T> {
        Observed::gap(Gap::not_understood(
            format!("{}.{name}", self.loaded.table.name),
            format!("the value is no {}", wanted.as_str()),
        ))
    }

    /// A text cell.
    pub fn text(&self, name: &str) -> Observed<&'w str> {
        self.get(name).and_then(|value| match value {
            Value::Text(text) => Observed::Known(text.as_str()),
            _ => self.mismatch(name, Kind::Text),
        })
    }

    /// The key of the row, empty when not observed.
    pub fn key(&self) -> &'w str {
        self.text(self.loaded.table.key).known().unwrap_or_default()
    }

    /// An integer cell.
    pub fn int(&self, name: &str) -> Observed<i64> {
        self.get(name).and_then(|value| match value {
            Value::Integer(number) => Observed::Known(*number),
            _ => self.mismatch(name, Kind::Integer),
        })
    }

    /// A boolean cell.
    pub fn flag(&self, name: &str) -> Observed<bool> {
        self.int(name).map(|number| number != 0)
    }

    /// A list of texts.
    pub fn list(&self, name: &str) -> Observed<Vec<String>> {
        self.text(name)
            .and_then(|text| match serde_json::from_str(text) {
                Ok(list) => Observed::Known(list),
                Err(_) => self.mismatch(name, Kind::List),
            })
    }

    /// A JSON cell.
    pub fn json(&self, name: &str) -> Observed<serde_json::Value> {
        self.text(name)
            .and_then(|text| match serde_json::from_str(text) {
                Ok(json) => Observed::Known(json),
                Err(error) => Observed::gap(Gap::not_understood(
                    format!("{}.{name}", self.loaded.table.name),
                    format!("`{}`: {error}", self.key()),
                )),
            })
    }

    /// Tags of the row, from its column `tags`.
    pub fn tags(&self) -> Observed<BTreeMap<String, String>> {
        self.json("tags").and_then(|json| {
            serde_json::from_value(json)
                .map_or_else(|_| self.mismatch("tags", Kind::Json), Observed::Known)
        })
    }

    /// The gaps of the status of one of this row's detail groups, when it failed.
    pub fn status(&self, group: &str) -> Option<Status> {
        let key = (
            self.loaded.table.name.to_owned(),
            self.account().to_owned(),
            self.region().to_owned(),
            group.to_owned(),
            self.key().to_owned(),
        );
        self.world.lines.get(&key).map(|line| line.status)
    }
}
