//! Judging rules against their examples and queries against an empty run.

use super::config::Config;
use super::evaluate::{Bench, bind, truth, verdict};
use super::library::{Library, Loaded};
use super::sql::Fence;
use super::waivers::Waivers;
use super::{Expect, sql};
use crate::inventory::{Error, Kind, Store, Table, quoted};
use crate::model::{RunInfo, Summary, Verdict};
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Runs a rule's own query over an empty run; gives the error it stops with.
///
/// # Errors
/// When SQLite refuses the empty run.
pub fn test_query(
    loaded: &Loaded,
    tables: &[&'static Table],
    library: &Library,
) -> Result<Vec<String>, Error> {
    let mut store = Store::memory(tables)?;
    let fence = Fence::install(&mut store.conn)?;
    sql::add_functions(&store.conn)?;
    let run = RunInfo::empty();
    let config = Config::default();
    let waivers = Waivers::new(&config, super::Names::default(), "");
    let mut bench = Bench {
        conn: &store.conn,
        fence,
        run: &run,
        values: &library.values,
        waivers,
        summary: Summary::default(),
        keep: false,
    };
    Ok(bench
        .own_query(&store, 0, loaded)?
        .err()
        .into_iter()
        .collect())
}

/// Runs the examples of a rule; gives a sentence for each that does not come out as expected.
///
/// # Errors
/// When SQLite refuses.
pub fn test_examples(
    loaded: &Loaded,
    table: Option<&Table>,
    values: &BTreeMap<String, Json>,
) -> Result<Vec<String>, Error> {
    let mut conn = Connection::open_in_memory()?;
    sql::add_functions(&conn)?;
    let fence = Fence::install(&mut conn)?;
    let _shut = fence.shut();
    let mut flaws = Vec::new();
    for wanted in [Expect::Pass, Expect::Fail, Expect::Unknown] {
        if !loaded
            .rule
            .examples
            .iter()
            .any(|example| example.expect == wanted)
        {
            flaws.push(format!("there is no example that expects {wanted:?}"));
        }
    }
    for (place, example) in loaded.rule.examples.iter().enumerate() {
        for (name, value) in &example.parameters {
            match loaded.rule.parameters.get(name) {
                Some(parameter) if parameter.kind.admits(value) => {}
                Some(parameter) => flaws.push(format!(
                    "example {}: the parameter {name} is {}",
                    place + 1,
                    parameter.kind.as_str()
                )),
                None => flaws.push(format!(
                    "example {}: the rule has no parameter {name}",
                    place + 1
                )),
            }
        }
        let mut names: BTreeSet<&str> = example.row.keys().map(String::as_str).collect();
        names.extend(
            table
                .into_iter()
                .flat_map(|table| table.columns)
                .map(|column| column.name),
        );
        names.extend(["account_id", "region"]);
        let columns: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(index, name)| format!(":cell_{index} AS {}", quoted(name)))
            .collect();
        let literal = |name: &str| {
            cell(
                example.row.get(name).unwrap_or(&Json::Null),
                table.and_then(|table| super::column_kind(table, name)),
            )
        };
        let text = format!(
            "SELECT ({}), ({}) FROM (SELECT {})",
            loaded.rule.applies_sql(),
            loaded.rule.pass,
            columns.join(", ")
        );
        let outcome = (|| -> rusqlite::Result<Verdict> {
            let mut statement = conn.prepare(&text)?;
            let mut values = values.clone();
            values.extend(example.parameters.clone());
            bind(&mut statement, &values)?;
            for (index, name) in names.iter().enumerate() {
                if let Some(place) = statement.parameter_index(&format!(":cell_{index}"))? {
                    statement.raw_bind_parameter(place, literal(name))?;
                }
            }
            let mut rows = statement.raw_query();
            let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            let truth = |index: usize| {
                truth(row.get_ref(index)?)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
            };
            Ok(verdict(truth(0)?, truth(1)?))
        })();
        let expected = match example.expect {
            Expect::Pass => Verdict::Pass,
            Expect::Fail => Verdict::Fail,
            Expect::Unknown => Verdict::Unknown,
            Expect::NotApplicable => Verdict::NotApplicable,
        };
        match outcome {
            Ok(found) if found == expected => {}
            Ok(found) => flaws.push(format!(
                "example {}: expected {}, got {}",
                place + 1,
                expected.as_str(),
                found.as_str()
            )),
            Err(error) => flaws.push(format!("example {}: {error}", place + 1)),
        }
    }
    Ok(flaws)
}

pub(super) fn cell(value: &Json, kind: Option<Kind>) -> Sql {
    match (value, kind) {
        (Json::Null, _) => Sql::Null,
        (Json::Bool(on), _) => Sql::Integer(i64::from(*on)),
        (Json::Number(number), _) => number.as_i64().map_or(Sql::Null, Sql::Integer),
        (Json::String(text), _) => Sql::Text(text.clone()),
        (other, _) => Sql::Text(other.to_string()),
    }
}
