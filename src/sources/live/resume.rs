//! A scan that goes on where another ended: what was read whole stays, everything else is read anew.

use super::Error;
use crate::inventory::{Coverage, NOT_HERE, Status, Store};
use crate::services::collect::{Collector, NOT_NEEDED};
use crate::services::{collectors, table};
use std::collections::{BTreeMap, BTreeSet};

/// What of a scan was read whole: collectors by account and Region, named by their first table.
#[derive(Debug, Default)]
pub(super) struct Done {
    read: BTreeSet<(String, String, &'static str)>,
}

impl Done {
    /// Was this read whole?
    pub(super) fn holds(&self, account: &str, region: &str, collector: &Collector) -> bool {
        collector.tables.first().is_some_and(|first| {
            self.read
                .contains(&(account.to_owned(), region.to_owned(), *first))
        })
    }

    /// Was nothing read whole?
    pub(super) fn is_empty(&self) -> bool {
        self.read.is_empty()
    }

    /// Finds what was read whole, and takes the rest out of the file.
    ///
    /// A reading that failed or was refused is tried again. So is one that made fingerprints of secrets: their key is kept nowhere, and equal values
    /// must have equal fingerprints.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(super) fn of(store: &mut Store) -> Result<Self, Error> {
        // Said again for every account.
        store.forget_lines("list", NOT_NEEDED)?;
        let mut lines: BTreeMap<(String, String), BTreeMap<String, Vec<Coverage>>> =
            BTreeMap::new();
        for line in store.coverage()? {
            lines
                .entry((line.account_id.clone(), line.region.clone()))
                .or_default()
                .entry(line.table.clone())
                .or_default()
                .push(line);
        }
        let mut done = Self::default();
        for ((account, region), found) in &lines {
            for collector in collectors() {
                let whole = collector
                    .tables
                    .iter()
                    .all(|name| found.get(*name).is_some_and(|lines| is_whole(lines)))
                    && !collector.tables.iter().any(|name| has_fingerprints(name));
                if whole {
                    if let Some(first) = collector.tables.first() {
                        done.read.insert((account.clone(), region.clone(), *first));
                    }
                } else if collector
                    .tables
                    .iter()
                    .any(|name| found.contains_key(*name))
                {
                    store.forget_reading(collector.tables, account, region)?;
                }
            }
        }
        Ok(done)
    }
}

fn has_fingerprints(name: &str) -> bool {
    table(name).is_some_and(|table| table.columns.iter().any(|one| one.name == "fingerprint"))
}

/// A list that was read or is not needed, and nothing about it that failed or was refused: who goes on may have been let in since.
fn is_whole(lines: &[Coverage]) -> bool {
    lines.iter().any(|line| line.group == "list")
        && lines.iter().all(|line| match line.status {
            Status::Complete | Status::Unsupported => true,
            Status::NotCollected => !line.detail.ends_with(NOT_HERE),
            Status::Partial | Status::Denied | Status::Error => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken out for one collector must not be another's.
    #[test]
    fn a_table_is_filled_by_one_collector() {
        let mut seen = BTreeSet::new();
        for name in collectors().flat_map(|collector| collector.tables) {
            assert!(seen.insert(name), "{name} is filled by two collectors");
        }
    }
}
