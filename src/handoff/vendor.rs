//! What a vendor still has: every place of the run that names one of its accounts.

use super::{Section, cell, not_read};
use crate::inventory::{Error, Kind, Role, Store, quoted};
use crate::model::Outcome;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What CloudTrail saw is past, and what was read of a policy stands in the policy.
const LEFT_OUT: [&str; 3] = [
    "cloudtrail_bedrock_call",
    "cloudtrail_window",
    "bedrock_probe",
];

/// Every row that names an account: `[thing, account, what, what it says]`.
///
/// # Errors
/// When the run cannot be read.
pub(super) fn named(store: &Store, accounts: &BTreeSet<String>) -> Result<Vec<Vec<String>>, Error> {
    let mut found = Vec::new();
    for table in tables(store) {
        for column in table.columns {
            if !matches!(column.kind, Kind::Text | Kind::Json | Kind::List) {
                continue;
            }
            let query = format!(
                "SELECT {}, account_id FROM {} WHERE instr({}, ?1) > 0 ORDER BY 1, 2",
                quoted(table.key),
                quoted(table.name),
                quoted(column.name)
            );
            let mut statement = store.conn.prepare(&query)?;
            for account in accounts {
                let mut rows = statement.query([account])?;
                while let Some(row) = rows.next()? {
                    found.push(vec![
                        cell(row.get_ref(0)?, false),
                        cell(row.get_ref(1)?, false),
                        format!("{} of {}", column.name, table.name),
                        format!("names account {account}"),
                    ]);
                }
            }
        }
    }
    Ok(found)
}

fn tables(store: &Store) -> impl Iterator<Item = &'static crate::inventory::Table> {
    store
        .tables()
        .iter()
        .copied()
        .filter(|table| table.role == Role::Base && !LEFT_OUT.contains(&table.name))
}

/// The accounts that the configuration calls a vendor's.
pub(super) fn accounts(outcome: &Outcome) -> BTreeSet<String> {
    let all = outcome.run.parameters.get("vendor_accounts");
    all.and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect()
}

/// The section.
///
/// # Errors
/// When the run cannot be read.
pub(super) fn section(store: &Store, outcome: &Outcome) -> Result<Section, Error> {
    let mut section = Section::new(
        "vendor",
        "What the vendor still has",
        "Every place of the run that names an account under `vendor_accounts` of `outcrop.yaml`: trusts, policies, keys, grants, shares. A Deny may be among them; `outcrop explain` shows each. They should be gone by the date that the two sides agree on.",
        &["Thing", "Account", "Where", "What it says", "Gone by"],
    );
    let names: Vec<String> = tables(store)
        .filter(|table| !table.reads.is_empty())
        .map(|table| table.name.to_owned())
        .collect();
    section.not_read = not_read(store, &names)?;
    for mut row in named(store, &accounts(outcome))? {
        row.push(String::new());
        section.rows.push(row);
    }
    Ok(section)
}

/// What the vendor had in an earlier run, and whether it is gone.
pub(super) fn gone(outcome: &Outcome, now: &Section, was: &Section) -> Section {
    let mut section = Section::new(
        "vendor-before",
        "What the vendor had before, and whether it is gone",
        "The same section of the earlier run (--previous), held against this one.",
        &["Thing", "Account", "Where", "What it said", "Now"],
    );
    section.not_read.clone_from(&now.not_read);
    for row in &was.rows {
        let still = now.rows.iter().any(|other| other[..4] == row[..4]);
        let state = if still {
            "still there"
        } else if outcome.run.account(&row[1]).is_none() {
            "not known: its account is not in this run"
        } else if now.not_read.is_empty() {
            "gone"
        } else {
            "not seen; not everything was read"
        };
        let mut cells = row[..4].to_vec();
        cells.push(state.to_owned());
        section.rows.push(cells);
    }
    section
}
