//! The law itself, for the sampled test and the exhaustive bench.

use outcrop::engine::{self, Config, Library, Selection};
use outcrop::inventory::shape::Shape;
use outcrop::inventory::{Column, Kind, Role, Store};
use outcrop::model::{Finding, Outcome, Source, Verdict};
use outcrop::sources::fixture;
use outcrop::subjects;
use std::collections::{BTreeMap, BTreeSet};

/// Judges an estate; `change` works on the rows before anything is derived.
pub fn judged(estate: &str, change: impl FnOnce(&mut Store)) -> Outcome {
    judged_by(&rules_of_accounts(), estate, change)
}

/// The built-in rules that accounts are judged by.
pub fn rules_of_accounts() -> Library {
    let mut library = Library::load(&subjects::tables(), &[]).expect("the built-in rules");
    drop(library.for_source(Source::Live));
    approve(&mut library);
    library
}

/// Some rules judge nothing until the configuration says what is approved.
fn approve(library: &mut Library) {
    for (name, approved) in [
        ("approved_regions", vec!["eu-west-1", "us-east-1"]),
        ("approved_zone_ids", vec!["euw1-az1", "euw1-az2"]),
        (
            "audit_principals",
            vec!["arn:aws:iam::111111111111:role/audit"],
        ),
        ("vendor_accounts", vec!["888800001111"]),
        ("source_tags", vec!["managed-by"]),
        (
            "pipeline_roles",
            vec!["deployer", "arn:aws:iam::*:role/ci/*"],
        ),
    ] {
        library
            .values
            .insert(name.to_owned(), serde_json::json!(approved));
    }
}

/// The same, by some rules.
pub fn judged_by(library: &Library, estate: &str, change: impl FnOnce(&mut Store)) -> Outcome {
    // Costs are asked to be told apart where nobody can.
    let mut library = library.clone();
    if estate == "broken" {
        library
            .values
            .insert("cost_tags".to_owned(), serde_json::json!(["feature"]));
    }
    let library = &library;
    let mut store = Store::memory(&subjects::tables()).expect("memory");
    let mut run = fixture::load_estate(estate, &mut store).expect("an estate");
    run.parameters = library.values.clone();
    run.id = "test".to_owned();
    store.write_run(&run).expect("the run");
    change(&mut store);
    subjects::derive(&store).expect("subjects");
    engine::judge(&mut store, library, &Config::default(), &run, true).expect("results");
    engine::outcome(&store).expect("an outcome")
}

type Key = (String, String, String, String, String);

fn key(result: &Finding) -> Key {
    (
        result.rule.clone(),
        result.account_id.clone(),
        result.region.clone(),
        result.resource.clone(),
        result.part.clone(),
    )
}

fn verdicts(outcome: &Outcome) -> BTreeMap<Key, Verdict> {
    outcome
        .results
        .iter()
        .map(|result| (key(result), result.verdict))
        .collect()
}

/// What breaks the law: every result is unchanged or unknown, and what vanished is covered by an unknown of its scope.
pub fn breaches(before: &Outcome, after: &Outcome) -> Vec<String> {
    let (old, new) = (verdicts(before), verdicts(after));
    let mut breaches = Vec::new();
    let doubtful: BTreeSet<Key> = after
        .results
        .iter()
        .filter(|result| {
            ["calls", "has_access"]
                .iter()
                .any(|column| result.evidence.get(*column) == Some(&serde_json::Value::Null))
        })
        .map(key)
        .collect();
    for (key, verdict) in &new {
        // Where it is not known whether a rule applies and nothing would be wrong, it passes; so do a workload that may call and a principal that may have access.
        let was = old.get(key);
        let idle = *verdict == Verdict::Pass
            && (was == Some(&Verdict::NotApplicable) || was.is_none() && doubtful.contains(key));
        // An exemption that was not seen does not excuse a failing fact.
        let excused = *verdict == Verdict::Fail
            && was == Some(&Verdict::NotApplicable)
            && exempting().contains(&key.0);
        let fine = matches!(verdict, Verdict::Unknown | Verdict::NotApplicable)
            || idle
            || excused
            || old.get(key) == Some(verdict);
        if !fine {
            breaches.push(format!(
                "{key:?} went from {:?} to {verdict:?}",
                old.get(key)
            ));
        }
        // "Not applicable" is a statement too, unless it says that nothing else is here.
        if *verdict == Verdict::NotApplicable
            && matches!(old.get(key), Some(Verdict::Pass | Verdict::Fail))
        {
            breaches.push(format!("{key:?} went from {:?} to {verdict:?}", old[key]));
        }
    }
    for key in old
        .keys()
        .filter(|key| !new.contains_key(*key) && matches!(old[*key], Verdict::Pass | Verdict::Fail))
    {
        // Of what cannot leave by any path one part that passes stands for all.
        let stands = old[key] == Verdict::Pass
            && new.iter().any(|(other, verdict)| {
                (&other.0, &other.1, &other.2, &other.3) == (&key.0, &key.1, &key.2, &key.3)
                    && *verdict == Verdict::Pass
            });
        if !stands
            && !new.iter().any(|(other, verdict)| {
                other.0 == key.0
                    && other.1 == key.1
                    && other.2 == key.2
                    && *verdict == Verdict::Unknown
            })
        {
            breaches.push(format!("{key:?} vanished without a trace"));
        }
    }
    breaches
}

/// Every cell of an estate's collected tables.
pub fn cells(estate: &str) -> Vec<(&'static str, &'static str, i64)> {
    let mut store = Store::memory(&subjects::tables()).expect("memory");
    fixture::load_estate(estate, &mut store).expect("an estate");
    let mut cells = Vec::new();
    for table in subjects::tables()
        .into_iter()
        .filter(|table| table.role == Role::Base)
    {
        let count: i64 = store
            .conn
            .query_row(
                &format!("SELECT count(*) FROM \"{}\"", table.name),
                [],
                |row| row.get(0),
            )
            .expect("a count");
        for row in 1..=count {
            cells.extend(
                table
                    .columns
                    .iter()
                    .map(|column| (table.name, column.name, row)),
            );
        }
    }
    cells
}

/// What breaks the law when one cell is taken away.
pub fn without_cell(
    estate: &str,
    before: &Outcome,
    (table, column, row): (&str, &str, i64),
) -> Vec<String> {
    let after = judged(estate, |store| {
        store
            .conn
            .execute(
                &format!("UPDATE \"{table}\" SET \"{column}\" = NULL WHERE rowid = ?1"),
                [row],
            )
            .expect("an update");
    });
    breaches(before, &after)
        .into_iter()
        .map(|breach| format!("{estate}: without {table}.{column} of row {row}: {breach}"))
        .collect()
}

/// Denies a table in an account, as if its list had been refused.
pub fn deny(store: &mut Store, table: &str, account: &str) {
    store
        .conn
        .execute(
            &format!("DELETE FROM \"{table}\" WHERE account_id = ?1"),
            [account],
        )
        .expect("a deletion");
    let sql = "UPDATE coverage SET status = 'denied', detail = 'AccessDenied' WHERE table_name = ?1 AND account_id = ?2";
    store
        .conn
        .execute(sql, [table, account])
        .expect("an update");
}

/// Every table in every account of an estate, and whether it has rows there.
pub fn lists(estate: &str) -> Vec<(&'static str, String, bool)> {
    let mut store = Store::memory(&subjects::tables()).expect("memory");
    let run = fixture::load_estate(estate, &mut store).expect("an estate");
    let base = subjects::tables()
        .into_iter()
        .filter(|table| table.role == Role::Base);
    base.flat_map(|table| {
        run.accounts
            .iter()
            .map(move |account| (table.name, account.id.clone()))
    })
    .map(|(table, account)| {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{table}\" WHERE account_id = ?1)");
        let filled = store
            .conn
            .query_row(&sql, [&account], |row| row.get(0))
            .expect("a count");
        (table, account, filled)
    })
    .collect()
}

/// What breaks the law when one list is refused.
pub fn without_list(estate: &str, before: &Outcome, table: &str, account: &str) -> Vec<String> {
    let after = judged(estate, |store| deny(store, table, account));
    breaches(before, &after)
        .into_iter()
        .map(|breach| format!("{estate}: {table} denied in {account}: {breach}"))
        .collect()
}

/// How a list that was refused may have read: with nothing in it, with its own rows or some of them, with the rows that another
/// estate has there.
pub fn fillings(estate: &str, table: &str, account: &str) -> Vec<(String, Rows)> {
    let own = rows(estate, table, account);
    let mut all = vec![("nothing".to_owned(), Vec::new())];
    if own.len() > 1 {
        all.push(("its first row".to_owned(), own[..1].to_vec()));
        all.push(("all but its first row".to_owned(), own[1..].to_vec()));
    }
    for other in ["broken", "sound", "single-account"]
        .into_iter()
        .filter(|other| *other != estate)
    {
        let mut theirs = rows(other, table, "");
        for row in theirs.iter_mut().flatten() {
            if row.0 == "account_id" {
                row.1 = account.to_owned().into();
            }
        }
        if !theirs.is_empty() {
            let both = own.iter().cloned().chain(theirs.iter().cloned()).collect();
            all.push((format!("the rows of {other}"), theirs));
            all.push((format!("its rows and those of {other}"), both));
        }
    }
    all.push(("its rows".to_owned(), own));
    all
}

/// Rows as name and cell.
pub type Rows = Vec<Vec<(String, rusqlite::types::Value)>>;

/// The rows of a table in an account of an estate; in all its accounts where none is named.
fn rows(estate: &str, table: &str, account: &str) -> Rows {
    let mut store = Store::memory(&subjects::tables()).expect("memory");
    fixture::load_estate(estate, &mut store).expect("an estate");
    let mut statement = store
        .conn
        .prepare(&format!(
            "SELECT * FROM \"{table}\" WHERE ?1 IN ('', account_id) ORDER BY rowid"
        ))
        .expect("a statement");
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let read = statement
        .query_map([account], |row| {
            names
                .iter()
                .enumerate()
                .map(|(place, name)| Ok((name.clone(), row.get(place)?)))
                .collect()
        })
        .expect("rows");
    read.map(|row| row.expect("a row")).collect()
}

/// What breaks the law when a list was refused: a verdict that stood without it and that one of its fillings turns. Also how many
/// verdicts stayed unknown though every filling that was tried gives the same one.
pub fn filled(estate: &str, table: &str, account: &str) -> (usize, Vec<String>, usize) {
    let under = judged(estate, |store| deny(store, table, account));
    let fillings = fillings(estate, table, account);
    let tried = fillings.len();
    let mut found = Vec::new();
    let mut common: Option<BTreeMap<Key, Verdict>> = None;
    for (what, rows) in fillings {
        let whole = judged(estate, |store| {
            let sql = format!("DELETE FROM \"{table}\" WHERE account_id = ?1");
            store.conn.execute(&sql, [account]).expect("a deletion");
            for row in rows {
                let names: Vec<String> =
                    row.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                let marks = vec!["?"; names.len()].join(", ");
                let sql = format!(
                    "INSERT INTO \"{table}\" ({}) VALUES ({marks})",
                    names.join(", ")
                );
                let cells = row.into_iter().map(|(_, cell)| cell);
                store
                    .conn
                    .execute(&sql, rusqlite::params_from_iter(cells))
                    .expect("a row");
            }
        });
        // Where the rows themselves leave something open, nothing contradicts.
        let open: BTreeSet<Key> = verdicts(&whole)
            .into_iter()
            .filter(|(_, verdict)| *verdict == Verdict::Unknown)
            .map(|(key, _)| key)
            .collect();
        let mut decided = under.clone();
        decided
            .results
            .retain(|result| result.verdict == Verdict::Unknown || !open.contains(&key(result)));
        // What a control policy alone puts out of the question passes where the policy was not read: nothing is wrong either way.
        let wrong = breaches(&whole, &decided)
            .into_iter()
            .filter(|breach| !breach.ends_with("went from None to Pass"));
        found.extend(wrong.map(|breach| {
            format!("{estate}: {table} denied in {account}, and it held {what}: {breach}")
        }));
        let these = verdicts(&whole);
        common = Some(match common {
            None => these,
            Some(known) => known
                .into_iter()
                .filter(|(key, verdict)| these.get(key) == Some(verdict))
                .collect(),
        });
    }
    let careful = verdicts(&under)
        .into_iter()
        .filter(|(key, verdict)| {
            *verdict == Verdict::Unknown
                && common
                    .as_ref()
                    .and_then(|common| common.get(key))
                    .is_some_and(|common| matches!(common, Verdict::Pass | Verdict::Fail))
        })
        .count();
    (tried, found, careful)
}

/// Every column of a collected table that has a shape.
pub fn shaped() -> Vec<(&'static str, &'static Column)> {
    let base = subjects::tables()
        .into_iter()
        .filter(|table| table.role == Role::Base);
    base.flat_map(|table| table.columns.iter().map(move |column| (table.name, column)))
        .filter(|(_, column)| !matches!(column.shape, Shape::Any) || column.kind == Kind::Time)
        .collect()
}

/// What breaks the law when every cell of a column holds what nobody can read.
pub fn garbled(estate: &str, before: &Outcome, (table, column): (&str, &Column)) -> Vec<String> {
    let nonsense = if matches!(column.kind, Kind::Json | Kind::List) {
        "{\"unheard\": true}"
    } else {
        "unheard of"
    };
    let after = judged(estate, |store| {
        let sql = format!(
            "UPDATE \"{table}\" SET \"{}\" = ?1 WHERE \"{}\" <> ''",
            column.name, column.name
        );
        store.conn.execute(&sql, [nonsense]).expect("an update");
    });
    breaches(before, &after)
        .into_iter()
        .map(|breach| format!("{estate}: {table}.{} is nonsense: {breach}", column.name))
        .collect()
}

/// Every member of an object in a list of objects, in cells that have a shape: table, column, row, and the path in the JSON.
pub fn members(estate: &str) -> Vec<(&'static str, &'static str, i64, String)> {
    let mut store = Store::memory(&subjects::tables()).expect("memory");
    fixture::load_estate(estate, &mut store).expect("an estate");
    let mut all = Vec::new();
    for (table, column) in shaped()
        .into_iter()
        .filter(|(_, column)| column.kind == Kind::Json)
    {
        let mut statement = store
            .conn
            .prepare(&format!(
                "SELECT rowid, \"{}\" FROM \"{table}\"",
                column.name
            ))
            .expect("a statement");
        let rows = statement
            .query_map([], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?))
            })
            .expect("rows");
        for (row, cell) in rows.map(|row| row.expect("a row")) {
            let json: serde_json::Value =
                serde_json::from_str(&cell.unwrap_or_default()).unwrap_or_default();
            for (index, item) in json.as_array().into_iter().flatten().enumerate() {
                let keys = item.as_object().into_iter().flatten();
                all.extend(
                    keys.map(|(key, _)| (table, column.name, row, format!("$[{index}].{key}"))),
                );
            }
        }
    }
    all
}

/// What breaks the law when one member of an object in a cell is gone, null, or of another type.
pub fn without_member(
    estate: &str,
    before: &Outcome,
    (table, column, row, path): &(&str, &str, i64, String),
    how: u64,
) -> Vec<String> {
    let change = match how % 3 {
        0 => "json_remove({}, ?1)",
        1 => "json_set({}, ?1, NULL)",
        _ => "json_set({}, ?1, json('{\"unheard\": true}'))",
    };
    let after = judged(estate, |store| {
        let sql = format!(
            "UPDATE \"{table}\" SET \"{column}\" = {} WHERE rowid = ?2",
            change.replace("{}", column)
        );
        store
            .conn
            .execute(&sql, rusqlite::params![path, row])
            .expect("an update");
    });
    breaches(before, &after)
        .into_iter()
        .map(|breach| {
            format!(
                "{estate}: {path} of {table}.{column} of row {row}, change {}: {breach}",
                how % 3
            )
        })
        .collect()
}

/// Rules with exemptions.
fn exempting() -> &'static std::collections::BTreeSet<String> {
    static RULES: std::sync::OnceLock<std::collections::BTreeSet<String>> =
        std::sync::OnceLock::new();
    RULES.get_or_init(|| {
        let library = Library::load(&subjects::tables(), &[]).expect("rules");
        let with = library
            .rules
            .iter()
            .filter(|loaded| loaded.rule.unless.is_some());
        with.map(|loaded| loaded.rule.id.clone()).collect()
    })
}

/// Every rule that judges a subject.
pub fn rules() -> Vec<String> {
    rules_of_accounts()
        .rules
        .iter()
        .filter(|loaded| loaded.rule.subject.is_some())
        .map(|loaded| loaded.rule.id.clone())
        .collect()
}

/// What a rule says otherwise than in the full run when nothing was read but what it declares as its inputs.
pub fn alone(estate: &str, full: &Outcome, rule: &str) -> Vec<String> {
    let mut library = Library::load(&subjects::tables(), &[]).expect("rules");
    approve(&mut library);
    library
        .select(&Selection {
            select: vec![rule.to_owned()],
            skip: Vec::new(),
        })
        .expect("the rule");
    let inputs = subjects::needs::readings(library.needs(&[]));
    let least = judged_by(&library, estate, |store| {
        for table in subjects::tables()
            .into_iter()
            .filter(|table| table.role == Role::Base)
        {
            let unread = |group: &str| !inputs.contains(&(table.name, group));
            if unread("list") {
                store
                    .conn
                    .execute(&format!("DELETE FROM \"{}\"", table.name), [])
                    .expect("a deletion");
            }
            for column in table
                .columns
                .iter()
                .filter(|column| column.reads.iter().all(|group| unread(group)))
            {
                store
                    .conn
                    .execute(
                        &format!("UPDATE \"{}\" SET \"{}\" = NULL", table.name, column.name),
                        [],
                    )
                    .expect("an update");
            }
            for read in table.reads.iter().filter(|read| unread(read.group)) {
                let sql = "UPDATE coverage SET status = 'not-collected' WHERE table_name = ?1 AND column_group = ?2";
                store
                    .conn
                    .execute(sql, [table.name, read.group])
                    .expect("an update");
            }
        }
    });
    let of = |outcome: &Outcome| -> BTreeMap<Key, Verdict> {
        verdicts(outcome)
            .into_iter()
            .filter(|(key, _)| key.0 == rule)
            .collect()
    };
    let missing: BTreeMap<Key, String> = least
        .results
        .iter()
        .map(|result| (key(result), format!("{:?}", result.missing)))
        .collect();
    let (full, least) = (of(full), of(&least));
    let differs = full
        .iter()
        .filter(|(key, verdict)| least.get(key) != Some(verdict));
    let mut wrong: Vec<String> = differs
        .map(|(key, verdict)| {
            format!(
                "{estate}: {key:?} is {verdict:?} in the full run, and {:?} alone",
                least.get(key)
            )
        })
        .collect();
    wrong.extend(
        least
            .iter()
            .filter(|(key, _)| !full.contains_key(*key))
            .map(|(key, verdict)| {
                let why = missing.get(key).cloned().unwrap_or_default();
                format!("{estate}: {key:?} is {verdict:?} alone and not in the full run: {why}")
            }),
    );
    wrong
}
