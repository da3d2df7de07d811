//! A plan or template laid over a recorded run: what the accounts will hold once it is applied.
//!
//! A plan is a change, and the run is the truth as it was seen. So of a thing that exists only what the plan changes
//! is changed: a list gains what the plan adds and loses what it takes away, and keeps what others put there.

use super::files::{Files, Variant, key_of};
use crate::inventory::{Declaration, Kind, NewRow, Role, Store, Table, quoted};
use crate::model::{GLOBAL, RunInfo, Value};
use crate::secrets::Fingerprints;
use crate::services::declared::{Declared, Rows};
use crate::services::{map_declared, table};
use rusqlite::OptionalExtension as _;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

type Place = (&'static str, String, String, String);

/// Rows by place, with the cells that the file tells, and what was said of each.
struct Told {
    rows: BTreeMap<Place, NewRow>,
    notes: BTreeMap<Place, Declaration>,
    /// Declarations of what has no row.
    symbols: Vec<Declaration>,
    /// Variables of workloads, by owner.
    variables: Vec<NewRow>,
}

fn told(
    resources: &[Declared],
    deleted: Option<Rows>,
) -> anyhow::Result<(Told, BTreeMap<String, usize>)> {
    let mut mapped = Rows::new(Fingerprints::random()?);
    map_declared(resources, &mut mapped);
    if let Some(deleted) = deleted {
        mapped.forget(deleted);
    }
    let unmapped = std::mem::take(&mut mapped.unmapped);
    let (rows, declarations) = mapped.finish();
    let mut all = Told {
        rows: BTreeMap::new(),
        notes: BTreeMap::new(),
        symbols: Vec::new(),
        variables: Vec::new(),
    };
    for row in rows {
        if crate::services::variable_tables().any(|table| table.name == row.table) {
            all.variables.push(row);
        } else {
            all.rows.insert(
                (
                    row.table,
                    row.account_id.clone(),
                    row.region.clone(),
                    key_of(&row),
                ),
                row,
            );
        }
    }
    for one in declarations {
        match table(&one.table) {
            Some(table) => {
                all.notes.insert(
                    (
                        table.name,
                        one.account_id.clone(),
                        one.region.clone(),
                        one.key.clone(),
                    ),
                    one,
                );
            }
            None => all.symbols.push(one),
        }
    }
    Ok((all, unmapped))
}

/// What CloudFormation made, by stack and logical id, as the tags of the run's rows tell: the name or id of each.
///
/// # Errors
/// When SQLite refuses.
pub fn made_by_stacks(store: &Store) -> anyhow::Result<BTreeMap<(String, String), String>> {
    let mut all = BTreeMap::new();
    for table in store
        .tables()
        .iter()
        .filter(|table| table.role == Role::Base && table.position("tags").is_some())
    {
        let column = if table.position("name").is_some() {
            "name"
        } else {
            table.key
        };
        let tag = |name: &str| format!("json_extract(tags, '$.\"aws:cloudformation:{name}\"')");
        let sql = format!(
            "SELECT {}, {}, {} FROM {} WHERE json_valid(tags) AND {} IS NOT NULL",
            tag("stack-name"),
            tag("logical-id"),
            quoted(column),
            quoted(table.name),
            tag("logical-id")
        );
        let mut statement = store.conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let (Some(stack), Some(logical), Some(id)) = (
                row.get::<_, Option<String>>(0)?,
                row.get::<_, Option<String>>(1)?,
                row.get::<_, Option<String>>(2)?,
            ) {
                all.insert((stack, logical), id);
            }
        }
    }
    Ok(all)
}

/// Lays a file over the rows of a run; gives the run as it will be.
///
/// # Errors
/// When the file changes something in an account or Region that the run does not hold, or SQLite refuses.
pub fn lay(
    files: &Files,
    variant: &Variant,
    store: &mut Store,
    run: &RunInfo,
) -> anyhow::Result<RunInfo> {
    let (before, _) = told(&files.before, None)?;
    let (after, unmapped) = told(&variant.resources, Some(files.deleted(variant)?))?;
    for note in after
        .notes
        .values()
        .filter(|note| note.change != "keep" && !note.partial)
    {
        if !covered(run, note) {
            let accounts: Vec<&str> = run
                .accounts
                .iter()
                .map(|account| account.id.as_str())
                .collect();
            anyhow::bail!(
                "{} is for {} in {}, which the run does not hold (it holds {} in {}); scan that too, or judge the file without --onto",
                note.address,
                note.account_id,
                note.region,
                accounts.join(", "),
                run.regions.join(", ")
            );
        }
    }
    let mut run = run.clone();
    let (mut inserts, mut kept) = (Vec::new(), Vec::new());
    for (place, row) in &after.rows {
        let Some(note) = after.notes.get(place) else {
            continue;
        };
        let mut note = note.clone();
        if !covered(&run, &note) {
            // The run looked elsewhere, and the file leaves it as it is; of what only adds to it the run says so.
            if note.partial {
                run.notes.push(format!(
                    "{} adds to `{}`, which lies outside the run",
                    note.address, place.3
                ));
            }
            continue;
        }
        let found = match number(store, place)? {
            Some((number, key)) => {
                note.key = key;
                Some(number)
            }
            None => None,
        };
        if found.is_some() && note.is_new() {
            // It is there already, by its name.
            "update".clone_into(&mut note.change);
        }
        match (found, before.rows.get(place)) {
            (None, _) => {
                // What AWS makes with a VPC is in the run by an id of its own.
                if note.partial
                    && [
                        ".main_route_table_id",
                        ".default_security_group_id",
                        ".default_network_acl_id",
                    ]
                    .iter()
                    .any(|end| place.3.ends_with(end))
                {
                    continue;
                }
                if note.partial {
                    // Something is there of which this is all that is known.
                    run.notes.push(format!(
                        "{} adds to `{}`, which the run does not hold",
                        note.address, place.3
                    ));
                }
                inserts.push(row.clone());
            }
            (Some(number), old) => patch(store, place, number, old, row, &note)?,
        }
        kept.push(note);
    }
    for (place, old) in &before.rows {
        if after.rows.contains_key(place) {
            continue;
        }
        let (Some((number, key)), Some(note)) = (number(store, place)?, before.notes.get(place))
        else {
            continue;
        };
        if note.partial {
            let nothing = NewRow::new(place.0, &place.1, &place.2);
            let mut gone = Declaration {
                key,
                ..note.clone()
            };
            gone.unresolved = patch_away(old).into_iter().collect();
            patch(store, place, number, Some(old), &nothing, &gone)?;
            kept.push(gone);
        } else {
            store.conn.execute(
                &format!("DELETE FROM {} WHERE rowid = ?1", quoted(place.0)),
                [number],
            )?;
            drop_variables(store, &key)?;
        }
    }
    // A workload that the file changes has the variables that the file gives it.
    let inserted: BTreeSet<String> = inserts.iter().map(key_of).collect();
    let owners: BTreeSet<&str> = kept
        .iter()
        .filter(|note| !note.partial && (note.change != "keep" || inserted.contains(&note.key)))
        .map(|note| note.key.as_str())
        .collect();
    let owner_of = |row: &NewRow| {
        row.cells
            .iter()
            .find(|(column, _)| *column == "owner_arn")
            .map(|(_, value)| value.display().into_owned())
            .unwrap_or_default()
    };
    for owner in &owners {
        drop_variables(store, owner)?;
    }
    inserts.extend(
        after
            .variables
            .into_iter()
            .filter(|row| owners.contains(owner_of(row).as_str())),
    );
    store.commit(&inserts, &[])?;
    for (place, row) in &after.rows {
        let was = before
            .rows
            .get(place)
            .and_then(|old| items(cell(old, "subnet_ids")))
            .unwrap_or_default();
        let added: Vec<Json> = items(cell(row, "subnet_ids"))
            .unwrap_or_default()
            .into_iter()
            .filter(|item| !was.contains(item))
            .collect();
        if matches!(place.0, "vpc_route_table" | "vpc_network_acl") && !added.is_empty() {
            only_here(store, place, &added)?;
        }
    }
    // A VPC has one main route table.
    for (place, row) in after.rows.iter().filter(|(place, row)| {
        place.0 == "vpc_route_table" && cell(row, "is_main") == Some(&Value::from(true))
    }) {
        if before.rows.get(place).and_then(|old| cell(old, "is_main")) != cell(row, "is_main") {
            let own = "SELECT vpc_id FROM vpc_route_table WHERE account_id = ?1 AND region = ?2 AND route_table_id = ?3";
            let sql = format!(
                "UPDATE vpc_route_table SET is_main = 0 WHERE account_id = ?1 AND region = ?2 AND route_table_id <> ?3 AND vpc_id = ({own})"
            );
            store.conn.execute(&sql, [&place.1, &place.2, &place.3])?;
        }
    }
    let there: BTreeSet<String> = kept
        .iter()
        .filter(|note| !note.is_new() && !note.partial)
        .map(|note| note.address.clone())
        .collect();
    kept.extend(after.symbols.into_iter().map(|mut symbol| {
        if there.contains(&symbol.address) && symbol.is_new() {
            "update".clone_into(&mut symbol.change);
        }
        symbol
    }));
    store.declare(&kept)?;
    super::files::note_unmapped(&unmapped, &mut run);
    run.notes.extend(files.notes.iter().cloned());
    Ok(run)
}

/// A subnet has one route table and one network ACL: what gains it takes it from all others.
fn only_here(
    store: &Store,
    (table_name, account, region, key): &Place,
    added: &[Json],
) -> anyhow::Result<()> {
    let Some(table) = table(table_name) else {
        return Ok(());
    };
    let name = quoted(table.name);
    let sql = format!(
        "SELECT rowid, subnet_ids FROM {name} WHERE account_id = ?1 AND region = ?2 AND {} <> ?3 AND subnet_ids IS NOT NULL",
        quoted(table.key)
    );
    let mut statement = store.conn.prepare(&sql)?;
    let others: Vec<(i64, String)> = statement
        .query_map([account, region, key], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (number, text) in others {
        let Ok(mut list) = serde_json::from_str::<Vec<Json>>(&text) else {
            continue;
        };
        let count = list.len();
        list.retain(|item| !added.contains(item));
        if list.len() < count {
            store.conn.execute(
                &format!("UPDATE {name} SET subnet_ids = ?1 WHERE rowid = ?2"),
                rusqlite::params![Json::Array(list).to_string(), number],
            )?;
        }
    }
    Ok(())
}

fn drop_variables(store: &Store, owner: &str) -> anyhow::Result<()> {
    for name in crate::services::variable_tables().map(|table| table.name) {
        store
            .conn
            .execute(&format!("DELETE FROM {name} WHERE owner_arn = ?1"), [owner])?;
    }
    Ok(())
}

/// Does the run hold the account and Region?
fn covered(run: &RunInfo, note: &Declaration) -> bool {
    run.account(&note.account_id).is_some()
        && (note.region == GLOBAL || run.regions.contains(&note.region))
}

/// The row of the run that stands for a declared one, and its key there. IAM names are unique whatever the path,
/// and files that name a role do not tell its path.
fn number(store: &Store, place: &Place) -> anyhow::Result<Option<(i64, String)>> {
    let Some(table) = table(place.0) else {
        return Ok(None);
    };
    let (column, value) = match place.0 {
        "iam_role" | "iam_user" => ("name", place.3.rsplit('/').next().unwrap_or_default()),
        _ => (table.key, place.3.as_str()),
    };
    let sql = format!(
        "SELECT rowid, {} FROM {} WHERE account_id = ?1 AND region = ?2 AND {} = ?3 ORDER BY rowid LIMIT 1",
        quoted(table.key),
        quoted(table.name),
        quoted(column)
    );
    Ok(store
        .conn
        .prepare_cached(&sql)?
        .query_row([&place.1, &place.2, value], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?)
}

fn cell<'r>(row: &'r NewRow, column: &str) -> Option<&'r Value> {
    row.cells
        .iter()
        .rev()
        .find(|(name, _)| *name == column)
        .map(|(_, value)| value)
}

fn items(value: Option<&Value>) -> Option<Vec<Json>> {
    match value {
        None => Some(Vec::new()),
        Some(Value::Text(text)) => serde_json::from_str::<Json>(text)
            .ok()
            .and_then(|json| json.as_array().cloned()),
        Some(_) => None,
    }
}

/// Changes the row of something that exists; `old` is what the plan says it was.
fn patch(
    store: &Store,
    place: &Place,
    number: i64,
    old: Option<&NewRow>,
    new: &NewRow,
    note: &Declaration,
) -> anyhow::Result<()> {
    let Some(table) = table(place.0) else {
        return Ok(());
    };
    if note.change == "keep" && !note.partial && old.is_some_and(|old| old.cells == new.cells) {
        return Ok(());
    }
    let columns: BTreeSet<&str> = new
        .cells
        .iter()
        .chain(old.map_or(&[][..], |old| &old.cells))
        .map(|(column, _)| *column)
        .collect();
    for name in columns {
        let (was, is) = (old.and_then(|old| cell(old, name)), cell(new, name));
        if old.is_some() && was == is || name == table.key {
            continue;
        }
        let adds = old.is_some() || note.partial;
        let value = match (adds && is_list(table, name), items(was), items(is)) {
            (true, Some(was), Some(is)) => merged(store, table, number, name, &was, &is)?,
            _ => match is {
                Some(value) => value.clone(),
                // What the plan no longer tells, AWS decides.
                None => continue,
            },
        };
        store
            .conn
            .prepare_cached(&format!(
                "UPDATE {} SET {} = ?1 WHERE rowid = ?2",
                quoted(table.name),
                quoted(name)
            ))?
            .execute(rusqlite::params![value, number])?;
    }
    // The VPC follows from the subnets.
    let moves = ["subnet_ids", "subnet_id"].iter().any(|name| {
        match (old.and_then(|old| cell(old, name)), cell(new, name)) {
            (Some(was), Some(is)) => was != is,
            (None, Some(_)) => old.is_none() && !note.partial,
            (Some(_), None) => note.unresolved.contains_key(*name),
            (None, None) => note.unresolved.contains_key(*name),
        }
    });
    if moves && !note.partial && cell(new, "vpc_id").is_none() && table.position("vpc_id").is_some()
    {
        store
            .conn
            .prepare_cached(&format!(
                "UPDATE {} SET vpc_id = NULL WHERE rowid = ?1",
                quoted(table.name)
            ))?
            .execute([number])?;
    }
    for name in note
        .unresolved
        .keys()
        .filter(|name| table.position(name).is_some())
    {
        store
            .conn
            .prepare_cached(&format!(
                "UPDATE {} SET {} = NULL WHERE rowid = ?1",
                quoted(table.name),
                quoted(name)
            ))?
            .execute([number])?;
    }
    Ok(())
}

/// Columns that something set as a whole which is taken away.
fn patch_away(old: &NewRow) -> BTreeMap<String, String> {
    let whole = |(column, value): &&(&'static str, Value)| {
        table(old.table).is_some_and(|table| {
            *column != table.key && !(is_list(table, column) && items(Some(value)).is_some())
        })
    };
    old.cells
        .iter()
        .filter(whole)
        .map(|(column, _)| {
            (
                (*column).to_owned(),
                "what sets it is taken away".to_owned(),
            )
        })
        .collect()
}

fn is_list(table: &Table, column: &str) -> bool {
    table
        .position(column)
        .is_some_and(|place| matches!(table.columns[place].kind, Kind::List | Kind::Json))
}

/// The run's list without what the plan takes away and with what it adds. Items that name a thing are the same thing.
fn merged(
    store: &Store,
    table: &Table,
    number: i64,
    column: &str,
    was: &[Json],
    is: &[Json],
) -> anyhow::Result<Value> {
    let sql = format!(
        "SELECT {} FROM {} WHERE rowid = ?1",
        quoted(column),
        quoted(table.name)
    );
    let text: Option<String> = store
        .conn
        .prepare_cached(&sql)?
        .query_row([number], |row| row.get(0))?;
    let Some(mut list) = text.and_then(|text| serde_json::from_str::<Vec<Json>>(&text).ok()) else {
        // What was not observed stays so: the plan knows a part of it.
        return Ok(Value::Null);
    };
    let same = |a: &Json, b: &Json| {
        let keys = ["name", "destination", "number"];
        a == b
            || keys.iter().any(|key| {
                a.get(key).is_some()
                    && a.get(key) == b.get(key)
                    && a.get("egress") == b.get("egress")
            })
    };
    let gone: Vec<&Json> = was.iter().filter(|item| !is.contains(item)).collect();
    let added: Vec<&Json> = is.iter().filter(|item| !was.contains(item)).collect();
    list.retain(|item| !gone.iter().chain(&added).any(|other| same(item, other)));
    if matches!(column, "ingress" | "egress") {
        // AWS shows the rules of one protocol and port range as one permission.
        gone.iter().for_each(|rule| subtract(&mut list, rule));
    }
    list.extend(added.into_iter().cloned());
    Ok(Value::from(Json::Array(list)))
}

/// Takes the sources of one security-group rule out of the permissions with its protocol and ports.
fn subtract(list: &mut Vec<Json>, rule: &Json) {
    const SOURCES: [&str; 3] = ["cidrs", "groups", "prefix_lists"];
    let of = |item: &Json, name: &str| {
        item.get(name)
            .and_then(Json::as_array)
            .cloned()
            .unwrap_or_default()
    };
    list.retain_mut(|item| {
        if ["protocol", "from_port", "to_port"]
            .iter()
            .any(|name| item.get(name) != rule.get(name))
        {
            return true;
        }
        for name in SOURCES {
            let gone = of(rule, name);
            if let Some(Json::Array(sources)) = item.get_mut(name) {
                sources.retain(|source| !gone.contains(source));
            }
        }
        SOURCES.iter().any(|name| !of(item, name).is_empty())
    });
}
