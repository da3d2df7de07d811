//! What hides a part of what a query of a rule's own reads. SQL takes what is not there for nothing: `sum` and `WHERE` leave out a
//! cell that was not observed, and `count` a row that could not be listed.

use super::scopes::scopes;
use super::sql::Seen;
use crate::inventory::{Error, Role, Store, World};
use crate::model::{Gap, Observed, RunInfo};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

/// Gaps that are kept of one rule.
const MOST_GAPS: usize = 100;

/// Under what the gaps of such a rule are kept; no table is called so.
fn kept_as(rule: &str) -> String {
    format!("from:{rule}")
}

/// SQLite tells no columns that `NATURAL JOIN` and `USING` compare: where a query has one, it reads every column of its tables.
pub(super) fn with_joined(store: &Store, from: &str, mut seen: Seen) -> Seen {
    let joined = from
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .any(|word| {
            ["natural", "using"]
                .iter()
                .any(|join| word.eq_ignore_ascii_case(join))
        });
    if joined {
        let names: BTreeSet<String> = seen.iter().map(|(name, _)| name.clone()).collect();
        for name in names {
            let columns = store.table(&name).map_or(&[][..], |table| table.columns);
            seen.extend(
                columns
                    .iter()
                    .map(|column| (name.clone(), column.name.to_owned())),
            );
        }
    }
    seen
}

/// What hides rows or cells of what a statement reads.
pub(super) fn hidden(store: &Store, run: &RunInfo, seen: &Seen) -> Result<Vec<Gap>, Error> {
    let mut by_table: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (table, column) in seen {
        by_table.entry(table).or_default().push(column);
    }
    let coverage = store.coverage()?;
    let mut gaps: Vec<Gap> = Vec::new();
    for (name, columns) in by_table {
        let Ok(table) = store.table(name) else {
            continue;
        };
        match table.role {
            Role::Base => {
                let mut read: BTreeSet<(&str, &str)> = BTreeSet::new();
                for line in coverage.iter().filter(|line| line.table == name) {
                    read.insert((&line.account_id, &line.region));
                    if !line.status.is_whole() {
                        gaps.push(line.gap(name.to_owned()));
                    }
                }
                for (account, region) in scopes(run, table.span) {
                    if !read.contains(&(account.as_str(), region.as_str())) {
                        gaps.push(Gap::unresolved(
                            name,
                            format!("{account} {region}: nothing says that it was listed"),
                        ));
                    }
                }
                let world = World::load_where(store, |other| other.name == name)?;
                gaps.extend(world.undeclared().iter().cloned());
                let columns: Vec<&str> = columns
                    .into_iter()
                    .filter(|column| table.column(column).is_some())
                    .collect();
                for row in world.everywhere(name) {
                    for column in &columns {
                        if let Observed::Unknown(why) = row.get(column) {
                            gaps.extend(why);
                        }
                    }
                    if gaps.len() > 10 * MOST_GAPS {
                        gaps.sort();
                        gaps.dedup();
                        gaps.truncate(MOST_GAPS);
                    }
                }
            }
            Role::Subject => {
                let mut statement = store.conn.prepare(
                    "SELECT '', gaps FROM subject_scope WHERE table_name = ?1 AND gaps != '[]' UNION SELECT column_name, gaps FROM gap WHERE table_name = ?1",
                )?;
                let found = statement
                    .query_map([name], |row| {
                        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                    })?
                    .collect::<Result<Vec<_>, _>>()?;
                for (column, text) in found {
                    if column.is_empty() || columns.contains(&column.as_str()) {
                        gaps.extend(serde_json::from_str::<Vec<Gap>>(&text).unwrap_or_default());
                    }
                }
            }
        }
    }
    gaps.sort();
    gaps.dedup();
    gaps.truncate(MOST_GAPS);
    Ok(gaps)
}

/// Keeps them for the reports.
pub(super) fn keep(conn: &Connection, rule: &str, gaps: &[Gap]) -> rusqlite::Result<()> {
    let name = kept_as(rule);
    conn.execute("DELETE FROM gap WHERE table_name = ?1", [&name])?;
    if !gaps.is_empty() {
        conn.execute(
            "INSERT INTO gap VALUES (?1, 0, '', ?2)",
            params![name, serde_json::to_string(gaps).unwrap_or_default()],
        )?;
    }
    Ok(())
}

/// What was kept.
pub(super) fn kept(conn: &Connection, rule: &str) -> rusqlite::Result<Vec<Gap>> {
    let mut statement = conn.prepare_cached("SELECT gaps FROM gap WHERE table_name = ?1")?;
    let found: Vec<String> = statement
        .query_map([kept_as(rule)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(found
        .iter()
        .flat_map(|text| serde_json::from_str::<Vec<Gap>>(text).unwrap_or_default())
        .collect())
}
