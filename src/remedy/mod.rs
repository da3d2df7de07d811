//! Remedies: what a change of `data/changes.yaml` looks like on this estate, with its own ids, and the proof that it works.
//!
//! A remedy is a file, `data/remedies/<change>.yaml`: a query that finds what is to be changed, statements that make the change in a
//! copy of the run, and how it is written for the AWS CLI, Terraform and CloudFormation. The copy is judged as the run was
//! ([`Prover`]), so that nothing is shown that does not close its failures, or that opens others.

mod calls;
pub mod patch;
mod prove;
mod splice;
mod text;
mod values;

pub use prove::{Access, Call, Proof, Prover, Turned};
pub use text::{CALLER, Form};

use crate::inventory::{Error, Store};
use crate::model::{Change, Location, Outcome};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement, ToSql};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The files of `data/remedies`.
#[derive(rust_embed::Embed)]
#[folder = "data/remedies"]
struct Files;

/// How a change is made, as `data/remedies/<change>.yaml` says it. Texts hold `@{column}` for the columns of `each`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Remedy {
    /// Why no change can be worked out; then nothing stands beside it.
    pub none: String,
    /// SQL over the run: a row for each thing that is changed. The temporary table `cause` holds the failures (`rule`, `account_id`,
    /// `region`, `resource`, `part`), and `parameter` the parameters (`name`, `value`).
    pub each: String,
    /// What is missing where `each` finds nothing.
    pub missing: String,
    /// What is done where `each` finds nothing.
    pub otherwise: Option<Box<Remedy>>,
    /// SQL that makes the change in a copy of the run; `:column` is a cell of a row of `each`.
    pub edit: Vec<String>,
    /// SQL that gives the policy of a resource as JSON, before and after `edit`: the change may only narrow it. Policies of roles and
    /// users are held against what they were in any case.
    pub narrows: String,
    /// What is changed of things that are declared already.
    pub set: Vec<Set>,
    /// What is declared anew, as text.
    pub create: Create,
    /// Commands of the AWS CLI.
    pub cli: String,
    /// The same for rows that have a cell in the column that is named.
    pub cli_of: BTreeMap<String, String>,
    /// What other changes call what this one makes: by the column with its stand-in, the expressions of both languages.
    pub makes: BTreeMap<String, Made>,
    /// Columns of `each` with the ARN of a thing and with that of a copy of it: what is wrong with the thing is wrong with its copy.
    pub copy: BTreeMap<String, String>,
    /// Is it tried after the others, because it shuts out what they may have to move first?
    pub last: bool,
    /// What a person should know before.
    pub notes: Vec<String>,
}

/// Arguments of one declared thing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Set {
    /// The table of the thing.
    pub table: String,
    /// The column of `each` with its key there.
    pub key: String,
    /// A column of `each` without which this is left out.
    pub only: String,
    /// Terraform's type, and the arguments; a mapping in it is a block.
    pub terraform: BTreeMap<String, serde_json::Map<String, Json>>,
    /// CloudFormation's type, and the properties.
    pub cloudformation: BTreeMap<String, serde_json::Map<String, Json>>,
    /// A value that stands deeper and is replaced, by the names that lead to it in Terraform; the last is what it is set to.
    pub terraform_path: Vec<String>,
    /// The same in CloudFormation.
    pub cloudformation_path: Vec<String>,
}

/// How what a change makes is referred to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Made {
    /// An expression of Terraform.
    pub terraform: String,
    /// The same of CloudFormation.
    pub cloudformation: String,
}

/// Expressions for what stands in rows of a run, in Terraform and in CloudFormation.
pub type References = BTreeMap<String, [String; 2]>;

/// Texts of what is declared anew.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Create {
    /// Blocks of Terraform.
    pub terraform: String,
    /// Members of `Resources`.
    pub cloudformation: String,
}

/// Every remedy, by the change that it makes; a test holds that they parse.
static REMEDIES: LazyLock<BTreeMap<String, Remedy>> = LazyLock::new(|| {
    Files::iter()
        .filter_map(|name| {
            let file = Files::get(&name)?;
            let remedy = yaml_serde::from_str(std::str::from_utf8(&file.data).ok()?).ok()?;
            Some((name.strip_suffix(".yaml")?.to_owned(), remedy))
        })
        .collect()
});

/// The remedy of a kind of change.
pub fn of(change: &str) -> Option<&'static Remedy> {
    REMEDIES.get(change)
}

/// Names of the files that are no remedies, each with why; for tests.
pub fn faults() -> Vec<String> {
    Files::iter()
        .filter_map(|name| {
            let file = Files::get(&name)?;
            let text = String::from_utf8_lossy(&file.data).into_owned();
            let fault = yaml_serde::from_str::<Remedy>(&text).err()?;
            Some(format!("{name}: {fault}"))
        })
        .collect()
}

/// One row of `each`: the cells of a thing that is changed, by column. Cells that hold JSON are structured.
pub type Cells = BTreeMap<String, Json>;

/// A remedy on this estate.
#[derive(Debug)]
pub struct Plan {
    /// The remedy.
    pub remedy: &'static Remedy,
    /// What is changed.
    pub rows: Vec<Cells>,
    /// Where what is changed is declared, by row and place in `set`.
    declared: Vec<Vec<Option<Declared>>>,
    /// Resources of the file, by what stands for them in the rows.
    references: References,
    /// The first file that declares something; of a template it takes what is declared anew.
    template: Option<std::path::PathBuf>,
}

impl Set {
    /// Does it say something of this row?
    fn is_for(&self, cells: &Cells) -> bool {
        let there = |column: &str| cells.get(column).is_some_and(|cell| !cell.is_null());
        there(&self.key) && (self.only.is_empty() || there(&self.only))
    }
}

/// Where a thing is declared.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its address in the plan or template.
    pub address: String,
    /// File and line.
    pub location: Location,
    /// The construct of the AWS CDK that made it; empty where none did.
    pub path: String,
}

/// Lays the failures of a change, and the parameters of the run, beside the tables.
///
/// # Errors
/// When SQLite refuses.
fn lay_cause(store: &Store, change: &Change, outcome: &Outcome) -> Result<(), Error> {
    store.conn.execute_batch(
        "DROP TABLE IF EXISTS temp.cause; DROP TABLE IF EXISTS temp.parameter;
         CREATE TEMP TABLE cause (rule TEXT, account_id TEXT, region TEXT, resource TEXT, part TEXT);
         CREATE TEMP TABLE parameter (name TEXT, value TEXT);",
    )?;
    let mut insert = store
        .conn
        .prepare("INSERT INTO cause VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for result in outcome
        .results
        .iter()
        .filter(|result| change.results.contains(&result.fingerprint))
    {
        insert.execute([
            &result.rule,
            &result.account_id,
            &result.region,
            &result.subject,
            &result.part,
        ])?;
    }
    let mut insert = store
        .conn
        .prepare("INSERT INTO parameter VALUES (?1, ?2)")?;
    for (name, value) in &outcome.run.parameters {
        let text = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        insert.execute([name, &text])?;
    }
    Ok(())
}

fn cell(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Integer(number) => number.into(),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            match serde_json::from_str::<Json>(&text) {
                Ok(found @ (Json::Object(_) | Json::Array(_))) => clean(found),
                _ => clean(Json::String(text.into_owned())),
            }
        }
        _ => Json::Null,
    }
}

/// A value without what stands in no name of AWS: NUL, which marks expressions of our own, and what YAML takes for the end of a line
/// beside `\n` (YAML 1.1, section 5.4).
fn clean(value: Json) -> Json {
    let clear = |text: &str| text.replace(['\0', '\u{85}', '\u{2028}', '\u{2029}'], "");
    match value {
        Json::String(text) => Json::String(clear(&text)),
        Json::Array(all) => all.into_iter().map(clean).collect(),
        Json::Object(map) => Json::Object(
            map.into_iter()
                .map(|(key, value)| (clear(&key), clean(value)))
                .collect(),
        ),
        other => other,
    }
}

/// Every row of a query.
fn rows(conn: &Connection, sql: &str) -> Result<Vec<Cells>, Error> {
    let mut statement = conn.prepare(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut all = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        all.push(
            names
                .iter()
                .enumerate()
                .map(|(at, name)| Ok((name.clone(), cell(row.get_ref(at)?))))
                .collect::<Result<_, rusqlite::Error>>()?,
        );
    }
    Ok(all)
}

/// Binds `:column` of a statement to the cells of a row.
fn bind(statement: &mut Statement<'_>, cells: &Cells) -> rusqlite::Result<()> {
    for at in 1..=statement.parameter_count() {
        let name = statement
            .parameter_name(at)
            .map(|name| name[1..].to_owned())
            .unwrap_or_default();
        let value: Box<dyn ToSql> = match cells.get(&name) {
            Some(Json::Number(number)) => Box::new(number.as_i64()),
            Some(Json::String(text)) => Box::new(text.clone()),
            Some(Json::Bool(flag)) => Box::new(*flag),
            Some(Json::Null) | None => Box::new(None::<String>),
            Some(other) => Box::new(other.to_string()),
        };
        statement.raw_bind_parameter(at, value)?;
    }
    Ok(())
}

/// Those that are known to be somewhere: what has no account or Region cannot be changed there.
fn placed(rows: Vec<Cells>) -> Vec<Cells> {
    let is_known = |cells: &Cells, name: &str| cells.get(name).is_none_or(|cell| !cell.is_null());
    rows.into_iter()
        .filter(|cells| is_known(cells, "account_id") && is_known(cells, "region"))
        .collect()
}

impl Plan {
    /// Works a change out on the estate of a judged run.
    ///
    /// # Errors
    /// When a query of the remedy does not fit the tables.
    pub fn of(
        store: &Store,
        change: &Change,
        outcome: &Outcome,
        made: &References,
    ) -> Result<Option<Self>, Error> {
        let Some(mut remedy) = of(&change.change).filter(|remedy| remedy.none.is_empty()) else {
            return Ok(None);
        };
        lay_cause(store, change, outcome)?;
        let mut rows = placed(self::rows(&store.conn, &remedy.each)?);
        while let (true, Some(other)) = (rows.is_empty(), &remedy.otherwise) {
            remedy = other;
            rows = placed(self::rows(&store.conn, &remedy.each)?);
        }
        let declared = rows
            .iter()
            .map(|cells| {
                remedy
                    .set
                    .iter()
                    .map(|set| declared(&store.conn, set, cells))
                    .collect::<Result<Vec<_>, Error>>()
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Some(Self {
            remedy,
            rows,
            declared,
            references: references(&store.conn)?
                .into_iter()
                .chain(made.clone())
                .collect(),
            template: first_file(&store.conn)?,
        }))
    }

    /// Makes the change in a copy of the run.
    ///
    /// # Errors
    /// When a statement of the remedy does not fit the tables.
    fn edit(&self, store: &Store) -> Result<(), Error> {
        for cells in &self.rows {
            for sql in &self.remedy.edit {
                let mut statement = store.conn.prepare(sql)?;
                bind(&mut statement, cells)?;
                statement.raw_execute()?;
            }
        }
        Ok(())
    }

    /// The policies that the change may only narrow, as they are in a store.
    fn policies(&self, store: &Store) -> Result<Vec<String>, Error> {
        if self.remedy.narrows.is_empty() {
            return Ok(Vec::new());
        }
        self.rows
            .iter()
            .map(|cells| {
                let mut statement = store.conn.prepare(&self.remedy.narrows)?;
                bind(&mut statement, cells)?;
                let mut rows = statement.raw_query();
                let text: Option<String> = match rows.next()? {
                    Some(row) => row.get(0)?,
                    None => None,
                };
                Ok(text.unwrap_or_default())
            })
            .collect()
    }

    /// The change as text of a form. Blocks that `seen` holds were written for another change, and are not written again.
    #[must_use]
    pub fn text(&self, form: Form, seen: &mut BTreeSet<String>) -> String {
        text::write(self, form, seen)
    }

    /// Things that the change copies: by the ARN of the copy, that of what is copied.
    fn copies(&self) -> BTreeMap<&str, &str> {
        let column = |name: &str| self.remedy.copy.get(name);
        let (Some(from), Some(to)) = (column("from"), column("to")) else {
            return BTreeMap::new();
        };
        self.rows
            .iter()
            .filter_map(|cells| Some((cells.get(to)?.as_str()?, cells.get(from)?.as_str()?)))
            .collect()
    }

    /// How others refer to what the change makes.
    fn makes(&self) -> References {
        let mut all = References::new();
        for own in &self.rows {
            for (column, made) in &self.remedy.makes {
                if let Some(Json::String(key)) = own.get(column) {
                    let both = [
                        text::named_by(&made.terraform, own, self, Form::Terraform),
                        text::named_by(&made.cloudformation, own, self, Form::Cloudformation),
                    ];
                    all.insert(key.clone(), both);
                }
            }
        }
        all
    }

    /// What is declared anew, in a form.
    fn created(&self, form: Form, seen: &mut BTreeSet<String>) -> String {
        text::created(self, form, seen)
    }

    /// What a person should know before, each note once.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for note in &self.remedy.notes {
            for cells in &self.rows {
                let note = text::plain(note, cells);
                if !all.contains(&note) {
                    all.push(note);
                }
            }
        }
        all
    }
}

/// Resources that files declare, by their keys in the rows: what is known after apply is named by its address.
fn references(conn: &Connection) -> Result<References, Error> {
    let mut statement = conn
        .prepare("SELECT key, address FROM declaration WHERE key = address OR key LIKE 'arn:%'")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let all: BTreeMap<String, String> = rows.collect::<Result<_, _>>()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.[]\"".contains(c);
    Ok(all
        .into_iter()
        .filter(|(_, address)| address.chars().all(plain))
        .map(|(key, address)| {
            let logical = address.rsplit('.').next().unwrap_or_default();
            let both = if key.starts_with("arn:") {
                [format!("{address}.arn"), format!("!GetAtt {logical}.Arn")]
            } else {
                [format!("{address}.id"), format!("!Ref {logical}")]
            };
            (key, both)
        })
        .collect())
}

fn first_file(conn: &Connection) -> Result<Option<std::path::PathBuf>, Error> {
    use rusqlite::OptionalExtension as _;
    let file: Option<String> = conn
        .query_row(
            "SELECT file FROM declaration WHERE file <> '' ORDER BY rowid LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(file.map(Into::into))
}

/// Where the thing of a row is declared, if it is.
fn declared(conn: &Connection, set: &Set, cells: &Cells) -> Result<Option<Declared>, Error> {
    let Some(Json::String(key)) = cells.get(&set.key) else {
        return Ok(None);
    };
    let account = cells.get("account_id").and_then(Json::as_str);
    let region = cells.get("region").and_then(Json::as_str);
    let mut statement = conn.prepare(
        "SELECT address, file, line, path FROM declaration WHERE table_name = ?1 AND key = ?2
         AND (?3 IS NULL OR account_id = ?3) AND (?4 IS NULL OR region = ?4 OR region = 'global')",
    )?;
    let mut rows = statement.query(rusqlite::params![set.table, key, account, region])?;
    Ok(match rows.next()? {
        Some(row) => Some(Declared {
            address: row.get(0)?,
            location: Location {
                file: row.get(1)?,
                line: u64::try_from(row.get::<_, i64>(2)?).unwrap_or_default(),
            },
            path: row.get(3)?,
        }),
        None => None,
    })
}
