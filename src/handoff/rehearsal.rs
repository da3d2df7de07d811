//! The machine half of a rehearsal: the same source, deployed to another account, judged and held against the first run.

use super::Section;
use crate::inventory::{Error, Kind, Role, Store, quoted};
use crate::model::{Outcome, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// What stays the same of a result when a stack is deployed elsewhere: rule, type, and name without account and Region.
fn likeness(outcome: &Outcome) -> BTreeMap<(String, String, String), Verdict> {
    let strip = |text: &str| {
        let mut text = text.to_owned();
        for account in &outcome.run.accounts {
            text = text.replace(&account.id, "ACCOUNT");
        }
        for region in &outcome.run.regions {
            text = text.replace(region.as_str(), "REGION");
        }
        text
    };
    let mut all: BTreeMap<(String, String, String), Verdict> = BTreeMap::new();
    for result in &outcome.results {
        let name = strip(&format!("{} {}", result.resource, result.part));
        let key = (
            result.rule.clone(),
            result.resource_type.clone(),
            name.trim().to_owned(),
        );
        // Of several that look alike the worst counts.
        let worst = |verdict: Verdict| match verdict {
            Verdict::Fail => 0,
            Verdict::Unknown => 1,
            Verdict::Pass => 2,
            Verdict::NotApplicable => 3,
        };
        all.entry(key)
            .and_modify(|known| {
                if worst(result.verdict) < worst(*known) {
                    *known = result.verdict;
                }
            })
            .or_insert(result.verdict);
    }
    all
}

/// Where the second run still names an account of the first.
fn still_named(
    first: &Outcome,
    other: &Store,
    second: &Outcome,
) -> Result<Vec<Vec<String>>, Error> {
    let old: BTreeSet<&str> = first
        .run
        .accounts
        .iter()
        .map(|account| account.id.as_str())
        .filter(|id| second.run.account(id).is_none())
        .collect();
    let mut found = Vec::new();
    for table in other.tables() {
        if table.role != Role::Base {
            continue;
        }
        for column in table.columns {
            if !matches!(column.kind, Kind::Text | Kind::Json | Kind::List) {
                continue;
            }
            let query = format!(
                "SELECT {} FROM {} WHERE instr({}, ?1) > 0 ORDER BY 1",
                quoted(table.key),
                quoted(table.name),
                quoted(column.name)
            );
            let mut statement = other.conn.prepare(&query)?;
            for account in &old {
                let mut rows = statement.query([account])?;
                while let Some(row) = rows.next()? {
                    found.push(vec![
                        super::cell(row.get_ref(0)?, false),
                        format!("still names account {account} in `{}`", column.name),
                        String::new(),
                        String::new(),
                    ]);
                }
            }
        }
    }
    Ok(found)
}

/// What is missing, what differs, and what still names the old account.
///
/// # Errors
/// When the second run cannot be read.
pub(super) fn section(first: &Outcome, other: &Store, second: &Outcome) -> Result<Section, Error> {
    let mut section = Section::new(
        "rehearsal",
        "The rehearsal in another account",
        "",
        &["Resource", "What", "Here", "In the rehearsal"],
    );
    let (here, there) = (likeness(first), likeness(second));
    let mut same = 0;
    for ((rule, kind, name), verdict) in &here {
        match there.get(&(rule.clone(), kind.clone(), name.clone())) {
            Some(other) if other == verdict => same += 1,
            Some(other) => section.rows.push(vec![
                name.clone(),
                format!("{rule} differs"),
                verdict.as_str().to_owned(),
                other.as_str().to_owned(),
            ]),
            None if *verdict == Verdict::NotApplicable => {}
            None => section.rows.push(vec![
                name.clone(),
                format!("{rule}: no such {kind} there"),
                verdict.as_str().to_owned(),
                "missing".to_owned(),
            ]),
        }
    }
    for ((rule, kind, name), verdict) in &there {
        let is_new = !here.contains_key(&(rule.clone(), kind.clone(), name.clone()));
        if is_new && *verdict != Verdict::NotApplicable {
            section.rows.push(vec![
                name.clone(),
                format!("{rule}: no such {kind} here"),
                "missing".to_owned(),
                verdict.as_str().to_owned(),
            ]);
        }
    }
    let differ = section.rows.len();
    let named = still_named(first, other, second)?;
    section.says = format!(
        "Run {} of the rehearsal is the same in {same} results, differs or lacks in {differ}, and names an account of this run in {} places. Accounts and Regions are left out of the comparison.",
        second.run.id,
        named.len()
    );
    section.rows.extend(named);
    Ok(section)
}
