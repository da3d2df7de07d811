//! Judging: all rules of a subject in one statement, one pass over its rows.

use super::config::Config;
use super::library::{Library, Loaded};
use super::scopes::scopes;
use super::sql::{self, Fence};
use super::waivers::Waivers;
use crate::inventory::{Error, Role, Span, Store, Table, quoted};
use crate::model::{GLOBAL, RunInfo, Summary, Verdict, WaiverReport, account_arn};
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, Statement, params};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What judging came to; the results themselves are in the run file.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// Counts.
    pub summary: Summary,
    /// Waivers and their fate.
    pub waivers: Vec<WaiverReport>,
    /// Rules that failed to run, with the error.
    pub errors: Vec<(String, String)>,
}

pub(super) fn code(verdict: Verdict) -> i64 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Fail => 1,
        Verdict::Unknown => 2,
        Verdict::NotApplicable => 3,
    }
}

pub(super) struct Bench<'a> {
    pub(super) conn: &'a Connection,
    pub(super) fence: Fence,
    pub(super) run: &'a RunInfo,
    pub(super) values: &'a BTreeMap<String, Json>,
    pub(super) waivers: Waivers<'a>,
    pub(super) summary: Summary,
    pub(super) keep: bool,
}

/// Judges every rule and writes the results into the run file.
///
/// With `keep` false only the counts are kept.
///
/// # Errors
/// When the run file cannot be written; an error of a rule is no error of judging.
pub fn judge(
    store: &mut Store,
    library: &Library,
    config: &Config,
    run: &RunInfo,
    keep: bool,
) -> Result<Judged, Error> {
    let fence = Fence::install(&mut store.conn)?;
    let store = &*store;
    let conn = &store.conn;
    sql::add_functions(conn)?;
    conn.execute_batch("BEGIN; DELETE FROM rule; DELETE FROM result; DELETE FROM from_row; DELETE FROM waiver; DELETE FROM waived_cause; DELETE FROM disabled;")?;
    for (id, loaded) in library.rules.iter().enumerate() {
        conn.execute(
            "INSERT INTO rule VALUES (?1, ?2, ?3, ?4, '')",
            params![
                number(id),
                loaded.rule.id,
                loaded.text,
                loaded.severity.as_str()
            ],
        )?;
    }
    for rule in &library.disabled {
        conn.execute("INSERT INTO disabled VALUES (?1)", [rule])?;
    }
    let names = super::Names::load(store, run.source)?;
    let waivers = Waivers::new(config, names, run.judged_at());
    let mut bench = Bench {
        conn,
        fence,
        run,
        values: &library.values,
        waivers,
        summary: Summary::default(),
        keep,
    };
    let mut errors = Vec::new();
    let mut groups: BTreeMap<&str, Vec<(usize, &Loaded)>> = BTreeMap::new();
    for (id, loaded) in library.rules.iter().enumerate() {
        match &loaded.rule.subject {
            Some(subject) => groups.entry(subject).or_default().push((id, loaded)),
            None => {
                if let Err(error) = bench.own_query(store, id, loaded)? {
                    bench.failed_rule(id, loaded, Span::Global, &error)?;
                    errors.push((loaded.rule.id.clone(), error));
                }
            }
        }
    }
    for (subject, rules) in groups {
        let table = store.table(subject)?;
        if table.role == Role::Base {
            // What was left behind the last time.
            for own in ["gap", "subject_scope"] {
                conn.execute(
                    &format!("DELETE FROM {own} WHERE table_name = ?1"),
                    [table.name],
                )?;
            }
            for (id, loaded) in rules {
                if let Err(error) = bench.collected(store, id, loaded, table)? {
                    bench.failed_rule(id, loaded, table.span, &error)?;
                    errors.push((loaded.rule.id.clone(), error));
                }
            }
            continue;
        }
        if bench.subject(table, &rules)?.is_ok() {
            continue;
        }
        // One of them fails: each alone, so that the others are judged all the same.
        for rule in rules {
            if let Err(error) = bench.subject(table, &[rule])? {
                bench.failed_rule(rule.0, rule.1, table.span, &error)?;
                errors.push((rule.1.rule.id.clone(), error));
            }
        }
    }
    if keep {
        bench.waivers.accept(store, run, &mut bench.summary)?;
    }
    bench.waivers.store(conn)?;
    store.end_run(run)?;
    conn.execute_batch("COMMIT;")?;
    Ok(Judged {
        summary: bench.summary,
        waivers: bench.waivers.reports(),
        errors,
    })
}

/// Rows that a query of a rule's own may yield.
const MOST_OWN_ROWS: usize = 200_000;
/// Bytes of text that they may hold together.
const MOST_OWN_BYTES: usize = 256 << 20;

/// About how many bytes a row holds.
fn row_bytes(cells: &Json) -> usize {
    let members = cells.as_object().into_iter().flatten();
    members
        .map(|(name, value)| 64 + name.len() + value.as_str().map_or(0, str::len))
        .sum()
}

pub(super) fn number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

pub(super) fn truth(value: ValueRef<'_>) -> Result<Option<bool>, String> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(0) => Ok(Some(false)),
        ValueRef::Integer(1) => Ok(Some(true)),
        other => Err(format!(
            "an expression gave {}, not a truth value",
            other.data_type()
        )),
    }
}

pub(super) fn verdict(applies: Option<bool>, pass: Option<bool>) -> Verdict {
    match (applies, pass) {
        (Some(false), _) => Verdict::NotApplicable,
        // Whether or not it applies, nothing fails.
        (None | Some(true), Some(true)) => Verdict::Pass,
        (None, _) | (_, None) => Verdict::Unknown,
        (Some(true), Some(false)) => Verdict::Fail,
    }
}

/// Binds the parameters that a statement names.
pub(super) fn bind(
    statement: &mut Statement<'_>,
    values: &BTreeMap<String, Json>,
) -> rusqlite::Result<()> {
    for place in 1..=statement.parameter_count() {
        let Some(name) = statement
            .parameter_name(place)
            .map(|name| name.trim_start_matches([':', '@', '$']).to_owned())
        else {
            continue;
        };
        let value = match values.get(&name) {
            Some(Json::Bool(on)) => Sql::Integer(i64::from(*on)),
            Some(Json::Number(number)) => number.as_i64().map_or(Sql::Null, Sql::Integer),
            Some(Json::String(text)) => Sql::Text(text.clone()),
            Some(list @ Json::Array(_)) => Sql::Text(list.to_string()),
            _ => Sql::Null,
        };
        statement.raw_bind_parameter(place, value)?;
    }
    Ok(())
}

impl Bench<'_> {
    /// Judges some rules of one subject. The inner error is a rule's; nothing is kept then.
    fn subject(
        &mut self,
        table: &'static Table,
        rules: &[(usize, &Loaded)],
    ) -> Result<Result<(), String>, Error> {
        let before = (
            self.summary.clone(),
            self.waivers.used.clone(),
            self.waivers.expired_hits.clone(),
        );
        self.conn.execute_batch("SAVEPOINT subject")?;
        let outcome = self.rows(table, rules);
        if let Err(error) = outcome {
            self.conn
                .execute_batch("ROLLBACK TO subject; RELEASE subject")?;
            (self.summary, self.waivers.used, self.waivers.expired_hits) = before;
            return Ok(Err(error.to_string()));
        }
        self.scopes(table, rules)?;
        self.conn.execute_batch("RELEASE subject")?;
        Ok(Ok(()))
    }

    fn rows(
        &mut self,
        table: &Table,
        rules: &[(usize, &Loaded)],
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut columns = vec![
            "rowid".to_owned(),
            "account_id".to_owned(),
            "region".to_owned(),
            "resource".to_owned(),
        ];
        for (_, loaded) in rules {
            columns.push(format!("({})", loaded.rule.applies_sql()));
            columns.push(format!("({})", loaded.rule.pass));
        }
        let text = sql::select(table.name, &columns) + " ORDER BY rowid";
        let conn = self.conn;
        // Not one that was kept: behind the fence SQLite could not compile it again, as it does after a change of the schema.
        let mut insert = conn
            .prepare("INSERT INTO result (rule, row, verdict, waiver) VALUES (?1, ?2, ?3, ?4)")?;
        let fence = self.fence.clone();
        let _shut = fence.shut();
        let mut statement = conn.prepare(&text)?;
        bind(&mut statement, self.values)?;
        let mut found = statement.raw_query();
        while let Some(row) = found.next()? {
            let rowid: i64 = row.get(0)?;
            for (place, (id, loaded)) in rules.iter().enumerate() {
                let verdict = verdict(
                    truth(row.get_ref(4 + 2 * place)?)?,
                    truth(row.get_ref(5 + 2 * place)?)?,
                );
                let waiver = match verdict {
                    Verdict::Fail | Verdict::Unknown => {
                        let text = |at| {
                            row.get_ref(at)
                                .map(|cell| cell.as_str().unwrap_or_default())
                        };
                        let place = (text(1)?, text(2)?, text(3)?);
                        self.waivers.find(&loaded.rule.id, place, verdict)
                    }
                    _ => None,
                };
                self.summary.add(verdict, loaded.severity, waiver.is_some());
                if self.keep {
                    insert.execute(params![number(*id), rowid, code(verdict), waiver])?;
                }
            }
        }
        Ok(())
    }

    /// One more result for each scope that could not be listed, and one for each in which there was nothing.
    fn scopes(&mut self, table: &Table, rules: &[(usize, &Loaded)]) -> Result<(), Error> {
        let mut filled: BTreeSet<(String, String)> = BTreeSet::new();
        let mut statement = self.conn.prepare(&format!(
            "SELECT DISTINCT account_id, region FROM {}",
            quoted(table.name)
        ))?;
        for scope in statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
            filled.insert(scope?);
        }
        let mut statement = self.conn.prepare(
            "SELECT account_id, region FROM subject_scope WHERE table_name = ?1 AND gaps != '[]'",
        )?;
        let hidden: BTreeSet<(String, String)> = statement
            .query_map([table.name], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut scopes: Vec<(String, String)> = scopes(self.run, table.span);
        scopes.extend(
            hidden
                .iter()
                .filter(|scope| !scopes.contains(scope))
                .cloned()
                .collect::<Vec<_>>(),
        );
        for (account, region) in scopes {
            let scope = (account, region);
            let verdict = if hidden.contains(&scope) {
                Verdict::Unknown
            } else if filled.contains(&scope) {
                continue;
            } else {
                Verdict::NotApplicable
            };
            for (id, loaded) in rules {
                self.scope_result(*id, loaded, &scope.0, &scope.1, verdict)?;
            }
        }
        Ok(())
    }

    pub(super) fn scope_result(
        &mut self,
        id: usize,
        loaded: &Loaded,
        account: &str,
        region: &str,
        verdict: Verdict,
    ) -> Result<(), Error> {
        let resource = account_arn(&self.run.partition, account);
        let waiver = self
            .waivers
            .find(&loaded.rule.id, (account, region, &resource), verdict);
        self.summary.add(verdict, loaded.severity, waiver.is_some());
        if self.keep {
            self.conn.prepare_cached("INSERT INTO result (rule, account_id, region, verdict, waiver) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
                number(id),
                account,
                region,
                code(verdict),
                waiver
            ])?;
        }
        Ok(())
    }

    fn failed_rule(
        &mut self,
        id: usize,
        loaded: &Loaded,
        span: Span,
        error: &str,
    ) -> Result<(), Error> {
        self.conn.execute(
            "UPDATE rule SET error = ?2 WHERE id = ?1",
            params![number(id), error],
        )?;
        for (account, region) in scopes(self.run, span) {
            self.scope_result(id, loaded, &account, &region, Verdict::Unknown)?;
        }
        Ok(())
    }

    /// A rule with a query of its own sees a closed world, so any gap in what it reads, a cell included, makes it unknown.
    pub(super) fn own_query(
        &mut self,
        store: &Store,
        id: usize,
        loaded: &Loaded,
    ) -> Result<Result<(), String>, Error> {
        let text = format!(
            "SELECT *, ({}), ({}) FROM ({})",
            loaded.rule.applies_sql(),
            loaded.rule.pass,
            loaded.rule.from.as_deref().unwrap_or_default()
        );
        let conn = self.conn;
        let fence = self.fence.clone();
        let shut = fence.shut();
        let mut statement = match conn.prepare(&text) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let seen = fence.seen();
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let own = names.len().saturating_sub(2);
        for needed in ["resource", "account_id", "region"] {
            if !names[..own].iter().any(|name| name == needed) {
                return Ok(Err(format!("`from` yields no column `{needed}`")));
            }
        }
        if let Err(error) = bind(&mut statement, self.values) {
            return Ok(Err(error.to_string()));
        }
        let mut held = 0;
        let mut things = BTreeSet::new();
        let mut rows: Vec<(Json, Verdict)> = Vec::new();
        let mut found = statement.raw_query();
        loop {
            let row = match found.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => return Ok(Err(error.to_string())),
            };
            let cells: Json = names[..own]
                .iter()
                .enumerate()
                .map(|(place, name)| Ok((name.clone(), sql::json(row.get_ref(place)?))))
                .collect::<rusqlite::Result<serde_json::Map<_, _>>>()?
                .into();
            let truths = truth(row.get_ref(own)?).and_then(|applies| {
                Ok((
                    applies,
                    truth(row.get_ref(own + 1).map_err(|error| error.to_string())?)?,
                ))
            });
            match truths {
                Ok(_) if rows.len() >= MOST_OWN_ROWS => {
                    return Ok(Err(format!(
                        "`from` yields more than {MOST_OWN_ROWS} rows; narrow it"
                    )));
                }
                Ok((applies, pass)) => {
                    held += row_bytes(&cells);
                    if held > MOST_OWN_BYTES {
                        return Ok(Err(format!(
                            "the rows of `from` hold more than {} MB; narrow it",
                            MOST_OWN_BYTES >> 20
                        )));
                    }
                    let thing = ["account_id", "region", "resource", "part"]
                        .map(|name| cells[name].as_str().unwrap_or_default().to_owned());
                    let resource = thing[2].clone();
                    if !things.insert(thing) {
                        return Ok(Err(format!(
                            "`from` yields two rows for {resource}; tell them apart by a column `part`"
                        )));
                    }
                    rows.push((cells, verdict(applies, pass)));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        drop(found);
        drop(statement);
        drop(shut);
        let from = loaded.rule.from.as_deref().unwrap_or_default();
        let seen = super::closed_world::with_joined(store, from, seen);
        let gaps = super::closed_world::hidden(store, self.run, &seen)?;
        super::closed_world::keep(conn, &loaded.rule.id, &gaps)?;
        let hidden = !gaps.is_empty();
        let mut filled = BTreeSet::new();
        for (cells, verdict) in rows {
            let verdict = if hidden { Verdict::Unknown } else { verdict };
            let text = |name: &str| cells[name].as_str().unwrap_or_default().to_owned();
            filled.insert(text("account_id"));
            let place = (text("account_id"), text("region"), text("resource"));
            let waiver =
                self.waivers
                    .find(&loaded.rule.id, (&place.0, &place.1, &place.2), verdict);
            self.summary.add(verdict, loaded.severity, waiver.is_some());
            if self.keep {
                conn.execute(
                    "INSERT INTO from_row (rule, cells) VALUES (?1, ?2)",
                    params![number(id), cells.to_string()],
                )?;
                conn.execute(
                    "INSERT INTO result (rule, row, verdict, waiver) VALUES (?1, ?2, ?3, ?4)",
                    params![number(id), conn.last_insert_rowid(), code(verdict), waiver],
                )?;
            }
        }
        for (account, _) in scopes(self.run, Span::Global) {
            if hidden {
                self.scope_result(id, loaded, &account, GLOBAL, Verdict::Unknown)?;
            } else if !filled.contains(&account) {
                self.scope_result(id, loaded, &account, GLOBAL, Verdict::NotApplicable)?;
            }
        }
        Ok(Ok(()))
    }
}
