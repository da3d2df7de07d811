//! From rules to API calls: what the columns that a rule reads are made of.

use crate::inventory::{Role, Table};
use std::collections::BTreeSet;

/// Readings (table, group) that the columns of subjects need; every table's list among them.
///
/// `wanted` gives subject and column names.
pub fn readings<'r>(
    wanted: impl IntoIterator<Item = (&'r str, Vec<&'r str>)>,
) -> BTreeSet<(&'static str, &'static str)> {
    let tables = super::tables();
    let find = |name: &str| tables.iter().copied().find(|table| table.name == name);
    let mut needed = BTreeSet::new();
    for (subject, columns) in wanted {
        let Some(table) = find(subject) else { continue };
        needed.extend(table.lists.groups());
        if table.role == Role::Base {
            needed.insert((table.name, "list"));
        }
        for column in columns.iter().filter_map(|name| table.column(name)) {
            match table.role {
                // A rule of a user's own may judge what is collected as it is.
                Role::Subject => needed.extend(column.from.groups()),
                Role::Base => needed.extend(column.reads.iter().map(|group| (table.name, *group))),
            }
        }
    }
    needed
}

/// The API operation and IAM actions behind readings.
pub fn operations(
    readings: &BTreeSet<(&'static str, &'static str)>,
    tables: impl Iterator<Item = &'static Table> + Clone,
) -> BTreeSet<(&'static str, &'static str)> {
    readings
        .iter()
        .filter_map(|(name, group)| {
            tables
                .clone()
                .find(|table| table.name == *name)
                .and_then(|table| table.read(group))
        })
        .flat_map(|read| {
            read.actions()
                .into_iter()
                .map(|action| (read.operation, action))
        })
        .collect()
}
