//! A run with other account ids and names, for sharing outside; the same original gives the same stand-in everywhere.
//!
//! The rows are changed and judged again with the run's own rules. Where a verdict comes out otherwise, because a
//! name meant something, nothing is written.

use super::names::Names;
use super::{Error, rule_texts};
use crate::engine::{self, Config, Library, Waivable, WaiverEntry};
use crate::inventory::{Kind, Role, Store, quoted};
use crate::judge;
use crate::model::{Outcome, Verdict, WaiverStatus};
use crate::subjects;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How many results of each rule have each verdict.
fn counted(outcome: &Outcome) -> BTreeMap<(String, &'static str), usize> {
    let mut all = BTreeMap::new();
    for result in &outcome.results {
        *all.entry((result.rule.clone(), result.verdict.as_str()))
            .or_default() += 1;
    }
    all
}

/// Writes a run with stand-ins beside the original.
///
/// # Errors
/// When a verdict would come out otherwise, or a file cannot be read or written.
pub fn redact(run: &Path, to: &Path) -> Result<(), Error> {
    let done = written(run, to);
    if done.is_err() {
        // Half a run is of no use, and may still hold the originals.
        let _ = std::fs::remove_file(to);
    }
    done
}

fn written(run: &Path, to: &Path) -> Result<(), Error> {
    let fail = |error: &dyn std::fmt::Display| Error(format!("{}: {error}", run.display()));
    let original = Store::open(run, &subjects::tables()).map_err(|error| fail(&error))?;
    let before = engine::outcome(&original).map_err(|error| fail(&error))?;
    let names = Names::of(&original, &before.run).map_err(|error| fail(&error))?;
    let mut store = Store::memory(&subjects::tables()).map_err(|error| fail(&error))?;
    store.copy_base(run).map_err(|error| fail(&error))?;
    change(&store, &names).map_err(|error| fail(&error))?;
    let mut info = before.run.clone();
    for account in &mut info.accounts {
        (account.id, account.name) = (names.text(&account.id), names.text(&account.name));
        account.environment = names.text(&account.environment);
        if !account.owner.is_empty() {
            "(hidden)".clone_into(&mut account.owner);
        }
    }
    info.caller_arn = names.text(&info.caller_arn);
    info.role_chains = info
        .role_chains
        .iter()
        .map(|(account, chain)| {
            (
                names.text(account),
                chain.iter().map(|role| names.text(role)).collect(),
            )
        })
        .collect();
    info.unscanned_regions = info
        .unscanned_regions
        .into_iter()
        .map(|(account, regions)| (names.text(&account), regions))
        .collect();
    info.notes = info.notes.iter().map(|note| names.text(note)).collect();
    let asked = engine::attestation_ids().map_err(|error| fail(&error))?;
    let parts = engine::attestation_parts().map_err(|error| fail(&error))?;
    for one in info.attestations.iter_mut().filter_map(Json::as_object_mut) {
        for free in ["by", "evidence"] {
            one.insert(free.to_owned(), Json::from("(hidden)"));
        }
        // What the run does not hold has no stand-in, and a statement about some resources must not become one about all.
        for list in ["resources", "covers"] {
            for item in one
                .get_mut(list)
                .and_then(Json::as_array_mut)
                .into_iter()
                .flatten()
            {
                let known = item
                    .as_str()
                    .is_some_and(|id| list == "covers" && parts.iter().any(|part| part == id));
                let changed = names.json(item);
                *item = if known {
                    item.clone()
                } else if list == "resources" && changed != *item {
                    changed
                } else {
                    Json::from("(hidden)")
                };
            }
        }
        let own = one
            .get("id")
            .and_then(Json::as_str)
            .is_none_or(|id| !asked.iter().any(|known| known == id));
        if own {
            one.insert("id".to_owned(), Json::from("(hidden)"));
        }
    }
    info.notes.push(
        "redacted: account ids, names and ids are stand-ins, the same everywhere; addresses, names of variables and what AWS names are as they were".to_owned(),
    );
    // A rule of somebody's own is prose and patterns of their own: it would say what the rows no longer say.
    let release = Library::load(&subjects::tables(), &[]).map_err(|error| fail(&error))?;
    info.parameters = info
        .parameters
        .iter()
        .map(|(name, value)| {
            let known = release.parameters.get(name);
            // Words of the rules stay; account ids change with those of the rows.
            let default = known.is_some_and(|known| known.default == *value);
            let value = if default && !value.to_string().contains(|c: char| c.is_ascii_digit()) {
                value.clone()
            } else {
                names.json(value)
            };
            (name.clone(), value)
        })
        .collect();
    if !info.rewritten.is_empty() {
        "something rewrites the template before it is deployed".clone_into(&mut info.rewritten);
    }
    info.command = String::new();
    // Names accounts, units and the role, and serves nobody but the one who scans.
    info.asked = None;
    // Its path may name a person or a company.
    if let Some(configuration) = &mut info.configuration {
        "outcrop.yaml".clone_into(&mut configuration.file);
    }
    let (rules, own): (BTreeMap<String, String>, BTreeMap<String, String>) = rule_texts(&original)
        .map_err(|error| fail(&error))?
        .into_iter()
        .partition(|(name, text)| release.rule(name).is_some_and(|known| known.text == *text));
    // Of their parameters, and of those that were left out, nothing stays either.
    let known = |id: &String| release.rule(id).is_some();
    let mut gone: BTreeSet<String> = own.keys().cloned().collect();
    let lists = info.not_run.keys().chain(info.severities.keys());
    gone.extend(
        lists
            .chain(&before.disabled)
            .filter(|id| !known(id))
            .cloned(),
    );
    info.not_run.retain(|id, _| known(id));
    info.severities.retain(|id, _| known(id));
    info.parameters
        .retain(|name, _| release.parameters.contains_key(name));
    info.changed_parameters
        .retain(|name| release.parameters.contains_key(name));
    info.notes
        .retain(|note| !gone.iter().any(|id| note.contains(id.as_str())));
    info.moved = info
        .moved
        .iter()
        .map(|(now, then)| (names.text(now), names.text(then)))
        .collect();
    if !gone.is_empty() {
        info.notes.push(format!(
            "redacted: {} not of the release, with their results, were left out",
            crate::model::counted(gone.len(), "rule that is", "rules that are")
        ));
    }
    let rules = rules
        .into_iter()
        .map(|(name, text)| (format!("{name}.yaml"), text))
        .collect();
    let library = judge::library_of(rules, &info, &before).map_err(|error| fail(&error))?;
    let config = Config {
        waivers: waivers(&before, &names),
        ..Config::default()
    };
    let after = judge::again(&mut store, &library, &config, &info).map_err(|error| fail(&error))?;
    let (mut was, is) = (counted(&before), counted(&after));
    was.retain(|(rule, _), _| !own.contains_key(rule));
    if was != is {
        let rules: BTreeSet<&str> = was
            .keys()
            .chain(is.keys())
            .filter(|key| was.get(*key) != is.get(*key))
            .map(|(rule, _)| rule.as_str())
            .collect();
        return Err(fail(&format!(
            "a name means something to these rules, so they would judge otherwise without it: {}",
            rules.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    // Pages that are free hold what was changed; this writes none of them.
    store
        .conn
        .execute("VACUUM INTO ?1", [to.display().to_string()])
        .map_err(|error| Error(format!("{}: {error}", to.display())))?;
    Ok(())
}

/// The waivers that counted, with stand-ins; by their results, because a run does not keep what they accept.
fn waivers(before: &Outcome, names: &Names) -> Vec<WaiverEntry> {
    let mut all = Vec::new();
    for report in before
        .waivers
        .iter()
        .filter(|report| report.status == WaiverStatus::Used)
    {
        let of = |verdict| {
            before
                .results
                .iter()
                .find(|result| {
                    (report.rule.is_empty() || result.rule == report.rule)
                        && result.verdict == verdict
                        && result.waiver.is_some()
                })
                .and_then(|result| result.waiver.clone())
        };
        for (verdict, waivable) in [
            (Verdict::Fail, Waivable::Fail),
            (Verdict::Unknown, Waivable::Unknown),
        ] {
            if let Some(waiver) = of(verdict) {
                all.push(WaiverEntry {
                    rule: report.rule.clone(),
                    resource: names.text(&report.resource),
                    cause: names.text(&report.cause),
                    accounts: Vec::new(),
                    regions: Vec::new(),
                    reason: "(hidden)".to_owned(),
                    owner: "(hidden)".to_owned(),
                    expires: waiver.expires,
                    verdict: waivable,
                });
            }
        }
    }
    all
}

/// Changes every text of the collected rows, their coverage and what files declared.
fn change(store: &Store, names: &Names) -> Result<(), crate::inventory::Error> {
    let plain: [(&str, &[&str]); 2] = [
        (
            "coverage",
            &["account_id", "parent", "detail", "request_ids"],
        ),
        (
            "declaration",
            &[
                "account_id",
                "key",
                "address",
                "file",
                "unresolved",
                "path",
                "written_file",
            ],
        ),
    ];
    let base = store
        .tables()
        .iter()
        .filter(|table| table.role == Role::Base)
        .map(|table| {
            let texts = table
                .columns
                .iter()
                .filter(|column| matches!(column.kind, Kind::Text | Kind::List | Kind::Json))
                .map(|column| column.name);
            (
                table.name,
                std::iter::once("account_id")
                    .chain(texts)
                    .collect::<Vec<_>>(),
            )
        });
    for (table, columns) in base.chain(
        plain
            .iter()
            .map(|(table, columns)| (*table, columns.to_vec())),
    ) {
        let list = columns
            .iter()
            .map(|column| quoted(column))
            .collect::<Vec<_>>()
            .join(", ");
        let mut rows: Vec<(i64, Vec<Option<String>>)> = Vec::new();
        {
            let mut statement = store
                .conn
                .prepare(&format!("SELECT rowid, {list} FROM {}", quoted(table)))?;
            let mut found = statement.query([])?;
            while let Some(row) = found.next()? {
                let cells = (0..columns.len())
                    .map(|place| row.get::<_, Option<String>>(place + 1))
                    .collect::<Result<Vec<_>, _>>()?;
                rows.push((row.get(0)?, cells));
            }
        }
        let sets = columns
            .iter()
            .enumerate()
            .map(|(place, column)| format!("{} = ?{}", quoted(column), place + 2))
            .collect::<Vec<_>>()
            .join(", ");
        let mut statement = store.conn.prepare(&format!(
            "UPDATE {} SET {sets} WHERE rowid = ?1",
            quoted(table)
        ))?;
        for (number, cells) in rows {
            let cells: Vec<Option<String>> = cells
                .into_iter()
                .zip(&columns)
                .map(|(cell, column)| {
                    cell.map(|text| match *column {
                        "tags" => names.tags(&text),
                        _ => names.cell(&text),
                    })
                })
                .collect();
            let mut bound: Vec<&dyn rusqlite::ToSql> = vec![&number];
            bound.extend(cells.iter().map(|cell| cell as &dyn rusqlite::ToSql));
            statement.execute(bound.as_slice())?;
        }
    }
    Ok(())
}
