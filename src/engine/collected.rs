//! Rules over a collected table: each row is judged by itself, what was not observed of it stays open, and what may hide more rows is said.

use super::evaluate::{Bench, bind, code, number, truth, verdict};
use super::library::Loaded;
use super::scopes::scopes;
use super::sql;
use super::stored::typed;
use crate::inventory::{Column, Error, Kind, Role, Store, Table, World, quoted};
use crate::model::{Gap, Observed, Value, Verdict};
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What every subject has, and a collected table may lack; `resource` is the row's ARN where the table has one, else its key.
pub(super) const SHARED: [(&str, Kind); 5] = [
    ("resource", Kind::Text),
    ("resource_type", Kind::Text),
    ("part", Kind::Text),
    ("name", Kind::Text),
    ("environment", Kind::Text),
];

/// Where the rows stand while they are judged: nothing of it is kept in the run file.
const TABLE: &str = "collected_row";

/// The kind of a column that a rule over a table may read.
pub(super) fn kind(table: &Table, name: &str) -> Option<Kind> {
    let shared = || {
        SHARED
            .iter()
            .find(|(known, _)| table.role == Role::Base && *known == name)
            .map(|(_, kind)| *kind)
    };
    table.column(name).map(|column| column.kind).or_else(shared)
}

fn json(cell: &Value) -> serde_json::Value {
    match cell {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
    }
}

/// A column of the table, or one that every subject has.
type Named = (&'static str, Option<&'static Column>);

/// What stands for names and ids that nobody has given yet: the addresses of what a file makes, where the key of its row is one.
#[derive(Default)]
struct StandIns(HashSet<String>);

impl StandIns {
    fn of(store: &Store) -> Result<Self, Error> {
        let new = store
            .declarations()?
            .into_iter()
            .filter(|one| one.is_new() && !one.partial && tail(&one.key, &one.address));
        Ok(Self(new.map(|one| one.address).collect()))
    }

    /// Stands such a word in a cell: as the whole of a text, or at the end of an ARN?
    fn stand_in(&self, text: &str) -> bool {
        self.0.contains(text)
            || text
                .char_indices()
                .filter(|(_, c)| matches!(c, ':' | '/'))
                .any(|(at, _)| self.0.contains(&text[at + 1..]))
    }

    fn within(&self, json: &serde_json::Value) -> bool {
        match json {
            serde_json::Value::String(text) => self.stand_in(text),
            serde_json::Value::Array(items) => items.iter().any(|item| self.within(item)),
            serde_json::Value::Object(members) => members.values().any(|item| self.within(item)),
            _ => false,
        }
    }

    fn hide(&self, kind: Kind, value: &Value) -> bool {
        match (kind, value) {
            _ if self.0.is_empty() => false,
            (Kind::List | Kind::Json, Value::Text(text)) => {
                serde_json::from_str(text).is_ok_and(|json| self.within(&json))
            }
            (_, Value::Text(text)) => self.stand_in(text),
            _ => false,
        }
    }
}

fn tail(key: &str, address: &str) -> bool {
    key.strip_suffix(address)
        .is_some_and(|before| before.is_empty() || before.ends_with([':', '/']))
}

/// Does a rule ask of a column alone whether something is there? Then what it will be called does not matter.
fn asks_whether_there(loaded: &Loaded, column: &str) -> bool {
    let word = regex::escape(column);
    let all = regex::Regex::new(&format!(r"\b{word}\b"));
    let there = regex::Regex::new(&format!(
        r"\b{word}\b\s*(=|<>|!=)\s*''|\bis_empty\(\s*{word}\s*\)"
    ));
    let (Ok(all), Ok(there)) = (all, there) else {
        return false;
    };
    loaded
        .rule
        .expressions()
        .all(|(_, text)| all.find_iter(text).count() == there.find_iter(text).count())
}

/// What a row is.
struct Who {
    account: String,
    region: String,
    /// Its ARN, or its key where it has none.
    resource: String,
    /// Its key, where several rows of the run have one ARN.
    part: String,
}

/// One row, in the order of the columns, and what hides the cells that were not observed.
type Row = (Who, Vec<Value>, BTreeMap<&'static str, Vec<Gap>>);

impl Bench<'_> {
    /// The columns of a collected table and those that every subject has.
    fn row(
        &self,
        columns: &[Named],
        row: &crate::inventory::Row<'_>,
        open: &dyn Fn(&str, Kind, &Value) -> bool,
    ) -> Row {
        let mut gaps = BTreeMap::new();
        let not_yet = |name: &str| {
            vec![Gap::unresolved(
                format!("{}.{name}", row.table().name),
                format!("{}: not known before it is made", row.key()),
            )]
        };
        let table = row.table();
        let arn = table
            .column("arn")
            .and_then(|_| row.text("arn").known())
            .filter(|arn| !arn.is_empty())
            .unwrap_or_else(|| row.key());
        let cells = columns.iter().map(|(name, column)| match column {
            Some(column) => match row.get(name) {
                Observed::Known(value) if open(name, column.kind, value) => {
                    gaps.insert(*name, not_yet(name));
                    Value::Null
                }
                Observed::Known(value) => value.clone(),
                Observed::Unknown(why) => {
                    gaps.insert(*name, why);
                    Value::Null
                }
            },
            None => Value::from(match *name {
                "account_id" => row.account(),
                "region" => row.region(),
                "resource" => arn,
                "name" if open(name, Kind::Text, &Value::from(row.key())) => {
                    gaps.insert(*name, not_yet(name));
                    return Value::Null;
                }
                "name" => row.key(),
                "resource_type" => table.name,
                "environment" => self
                    .run
                    .account(row.account())
                    .map_or("", |known| known.environment.as_str()),
                _ => "",
            }),
        });
        let cells = cells.collect();
        let who = Who {
            account: row.account().to_owned(),
            region: row.region().to_owned(),
            resource: arn.to_owned(),
            part: row.key().to_owned(),
        };
        (who, cells, gaps)
    }

    /// Judges the rows of a collected table by one rule. The inner error is the rule's.
    pub(super) fn collected(
        &mut self,
        store: &Store,
        id: usize,
        loaded: &Loaded,
        table: &'static Table,
    ) -> Result<Result<(), String>, Error> {
        let conn = self.conn;
        let world = World::load_where(store, |other| other.name == table.name)?;
        let stand_ins = StandIns::of(store)?;
        let mut asked: BTreeMap<&str, bool> = BTreeMap::new();
        for name in &loaded.reads.columns {
            asked.insert(name, asks_whether_there(loaded, name));
        }
        let open = |name: &str, kind: Kind, value: &Value| {
            asked.get(name) == Some(&false) && stand_ins.hide(kind, value)
        };
        let mut columns: Vec<Named> = vec![("account_id", None), ("region", None)];
        columns.extend(
            SHARED
                .iter()
                .filter(|(name, _)| table.column(name).is_none())
                .map(|(name, _)| (*name, None)),
        );
        columns.extend(
            table
                .columns
                .iter()
                .map(|column| (column.name, Some(column))),
        );
        let mut hidden: BTreeMap<(String, String), Vec<Gap>> = BTreeMap::new();
        let mut filled = BTreeSet::new();
        let mut rows: Vec<Row> = Vec::new();
        for (account, region) in scopes(self.run, table.span) {
            let found = world.all(table.name, &account, &region);
            let mut gaps = found.gaps;
            gaps.extend(world.undeclared().iter().cloned());
            if !found.rows.is_empty() {
                filled.insert((account.clone(), region.clone()));
            }
            rows.extend(found.rows.iter().map(|row| self.row(&columns, row, &open)));
            gaps.sort();
            hidden.insert((account, region), gaps);
        }
        // One ARN is one thing, unless rows that differ by their key have the same.
        let mut same: HashMap<(String, String, String), usize> = HashMap::new();
        let place = |who: &Who| {
            (
                who.account.clone(),
                who.region.clone(),
                who.resource.clone(),
            )
        };
        for (who, ..) in &rows {
            *same.entry(place(who)).or_default() += 1;
        }
        for (who, ..) in &mut rows {
            if same.get(&place(who)) == Some(&1) {
                who.part.clear();
            }
        }
        let names: Vec<String> = columns.iter().map(|(name, _)| quoted(name)).collect();
        conn.execute_batch(&format!(
            "DROP TABLE IF EXISTS temp.{TABLE}; CREATE TEMP TABLE {TABLE} ({})",
            names.join(", ")
        ))?;
        let marks = vec!["?"; names.len()].join(", ");
        let mut insert = conn.prepare(&format!("INSERT INTO temp.{TABLE} VALUES ({marks})"))?;
        for (_, cells, _) in &rows {
            insert.execute(rusqlite::params_from_iter(cells))?;
        }
        drop(insert);
        let verdicts = match self.asked(loaded) {
            Ok(verdicts) => verdicts,
            Err(error) => return Ok(Err(error)),
        };
        for (row, verdict) in rows.iter().zip(verdicts) {
            self.keep_row((id, loaded), table, &columns, row, verdict)?;
        }
        for (scope, gaps) in hidden {
            let verdict = if !gaps.is_empty() {
                Verdict::Unknown
            } else if filled.contains(&scope) {
                continue;
            } else {
                Verdict::NotApplicable
            };
            self.scope_result(id, loaded, &scope.0, &scope.1, verdict)?;
            let known: i64 = conn.query_row(
                "SELECT count(*) FROM subject_scope WHERE table_name = ?1 AND account_id = ?2 AND region = ?3",
                [table.name, &scope.0, &scope.1],
                |row| row.get(0),
            )?;
            if known == 0 {
                store.write_scope(table, &scope.0, &scope.1, &gaps)?;
            }
        }
        conn.execute_batch(&format!("DROP TABLE temp.{TABLE}"))?;
        Ok(Ok(()))
    }

    /// The verdict on each row, in their order.
    fn asked(&self, loaded: &Loaded) -> Result<Vec<Verdict>, String> {
        let said = |error: rusqlite::Error| error.to_string();
        let text = sql::select(
            TABLE,
            &[
                format!("({})", loaded.rule.applies_sql()),
                format!("({})", loaded.rule.pass),
            ],
        ) + " ORDER BY rowid";
        let _shut = self.fence.shut();
        let mut statement = self.conn.prepare(&text).map_err(said)?;
        bind(&mut statement, self.values).map_err(said)?;
        let mut found = statement.raw_query();
        let mut verdicts = Vec::new();
        while let Some(row) = found.next().map_err(said)? {
            verdicts.push(verdict(
                truth(row.get_ref(0).map_err(said)?)?,
                truth(row.get_ref(1).map_err(said)?)?,
            ));
        }
        Ok(verdicts)
    }

    fn keep_row(
        &mut self,
        (id, loaded): (usize, &Loaded),
        table: &Table,
        columns: &[Named],
        (who, cells, gaps): &Row,
        verdict: Verdict,
    ) -> Result<(), Error> {
        let mut shown: serde_json::Map<String, serde_json::Value> = columns
            .iter()
            .zip(cells)
            .map(|((name, column), cell)| {
                let kind = column.map_or(Kind::Text, |column| column.kind);
                ((*name).to_owned(), typed(json(cell), kind))
            })
            .collect();
        let (account, region, resource) = (&who.account, &who.region, &who.resource);
        let waiver = self
            .waivers
            .find(&loaded.rule.id, (account, region, resource), verdict);
        self.summary.add(verdict, loaded.severity, waiver.is_some());
        if !self.keep {
            return Ok(());
        }
        // What a result is about, whatever the table calls its columns.
        for (name, value) in [
            ("resource", resource.as_str()),
            ("resource_type", table.name),
            ("part", &who.part),
        ] {
            shown.insert(name.to_owned(), value.into());
        }
        let conn = self.conn;
        conn.execute(
            "INSERT INTO from_row (rule, cells) VALUES (?1, ?2)",
            params![number(id), serde_json::Value::Object(shown).to_string()],
        )?;
        let row = conn.last_insert_rowid();
        conn.execute(
            "INSERT INTO result (rule, row, verdict, waiver) VALUES (?1, ?2, ?3, ?4)",
            params![number(id), row, code(verdict), waiver],
        )?;
        for (name, gaps) in gaps
            .iter()
            .filter(|(name, _)| loaded.reads.columns.contains(**name))
        {
            conn.execute(
                "INSERT INTO gap VALUES (?1, ?2, ?3, ?4)",
                params![
                    table.name,
                    row,
                    name,
                    serde_json::to_string(gaps).unwrap_or_default()
                ],
            )?;
        }
        Ok(())
    }
}
