//! Rows in the making: several resources of a file can tell of one row.

use super::ids::named_later;
use super::variables::look_declared;
use super::{Change, Declared, Later, Node, Told};
use crate::inventory::{Declaration, NewRow};
use crate::model::{Location, Value};
use crate::services::environment::{self, Owner};
use serde_json::Value as Json;
use std::collections::BTreeMap;

use Told::{Absent, Known, Unknown};

/// One cell of a declared row.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Known(Value),
    Unknown(Later),
}

/// A container's variables: (owner, variables, names that are filled from a store of secrets).
pub type Container<'o> = (Owner<'o>, Vec<(String, Node)>, Vec<String>);

/// A row in the making.
#[derive(Debug)]
pub struct Draft {
    row: NewRow,
    key: String,
    cells: BTreeMap<&'static str, Cell>,
    address: String,
    change: Change,
    location: Option<Location>,
    path: String,
    written: Option<Location>,
    /// Why its name is not known, where it comes from outside the file.
    named_later: Option<String>,
    /// Only told of by others: a route of a table that the file does not declare.
    partial: bool,
}

impl Draft {
    /// Sets a cell that is known.
    pub fn put(&mut self, column: &'static str, value: impl Into<Value>) -> &mut Self {
        self.cells.insert(column, Cell::Known(value.into()));
        self
    }

    /// Sets a cell to what the file tells; what it does not tell stays unobserved.
    pub fn set<T: Into<Value>>(&mut self, column: &'static str, told: Told<T>) -> &mut Self {
        match told {
            Known(value) => {
                self.cells.insert(column, Cell::Known(value.into()));
            }
            Unknown(later) => {
                self.cells.insert(column, Cell::Unknown(later));
            }
            Absent => {}
        }
        self
    }
}

/// An element for a list column of a row that another resource makes.
#[derive(Debug)]
struct Part {
    table: &'static str,
    account_id: String,
    region: String,
    key: Told<String>,
    column: &'static str,
    item: Told<Json>,
    /// Replaces the column instead of adding to it.
    whole: bool,
    by: (String, Option<Location>),
}

/// A column that a resource sets of a row whose key is not known.
struct Open {
    table: &'static str,
    column: &'static str,
    later: Later,
}

/// Everything that a file's resources come to.
#[derive(Debug, Default)]
pub struct Rows {
    drafts: BTreeMap<(&'static str, String, String, String), Draft>,
    order: Vec<(&'static str, String, String, String)>,
    parts: Vec<Part>,
    symbols: Vec<Declaration>,
    variables: Vec<NewRow>,
    /// What resources that are taken away told of rows that stay.
    gone: Vec<Part>,
    prints: Option<crate::secrets::Fingerprints>,
    /// Types that no mapping knows, with how many of each.
    pub unmapped: BTreeMap<String, usize>,
}

/// A row that a resource makes: kind of the resource, table, account, Region, key.
pub type Claim = (String, &'static str, String, String, String);

impl Rows {
    /// The rows that were begun.
    pub fn claims<'r>(&'r self, kind: &'r str) -> impl Iterator<Item = Claim> + 'r {
        self.order.iter().map(move |(table, account, region, key)| {
            (
                kind.to_owned(),
                *table,
                account.clone(),
                region.clone(),
                key.clone(),
            )
        })
    }

    /// Nothing yet; `prints` keeps fingerprints of secrets comparable within the run.
    pub fn new(prints: crate::secrets::Fingerprints) -> Self {
        Self {
            prints: Some(prints),
            ..Self::default()
        }
    }

    /// Begins the row that a resource declares.
    pub fn row(
        &mut self,
        table: &'static str,
        by: &Declared,
        key: impl Into<String>,
    ) -> &mut Draft {
        let key = key.into();
        let found = crate::services::table(table);
        let region = found
            .map_or(by.region.as_str(), |table| table.region(&by.region))
            .to_owned();
        let place = (table, by.account_id.clone(), region.clone(), key.clone());
        if !self.drafts.contains_key(&place) {
            self.order.push(place.clone());
        }
        let draft = self.drafts.entry(place).or_insert_with(|| Draft {
            row: NewRow::new(table, &by.account_id, &region),
            key: key.clone(),
            cells: BTreeMap::new(),
            address: by.shown(),
            change: by.change,
            location: by.location.clone(),
            path: by.path.clone(),
            written: by.written.clone(),
            named_later: named_later(by),
            partial: false,
        });
        if let Some(column) = found.map(|table| table.key) {
            draft.cells.insert(column, Cell::Known(Value::from(key)));
        }
        draft
    }

    /// Adds an element to a list column of the row with this key, whoever makes it.
    pub fn part(
        &mut self,
        by: &Declared,
        table: &'static str,
        key: Told<String>,
        column: &'static str,
        item: Told<Json>,
    ) {
        self.parts.push(Part {
            table,
            account_id: by.account_id.clone(),
            region: crate::services::table(table)
                .map_or(by.region.as_str(), |table| table.region(&by.region))
                .to_owned(),
            key,
            column,
            item,
            whole: false,
            by: (by.shown(), by.location.clone()),
        });
    }

    /// Sets a column of the row with this key, whoever makes it.
    pub fn column(
        &mut self,
        by: &Declared,
        table: &'static str,
        key: Told<String>,
        column: &'static str,
        value: Told<Json>,
    ) {
        self.part(by, table, key, column, value);
        if let Some(part) = self.parts.last_mut() {
            part.whole = true;
        }
    }

    /// Names something that has an id of a kind, whether or not a table holds it.
    pub fn symbol(&mut self, by: &Declared, key: impl Into<String>, prefix: &'static str) {
        self.symbols.push(Declaration {
            account_id: by.account_id.clone(),
            region: by.region.clone(),
            table: String::new(),
            key: key.into(),
            address: by.shown(),
            prefix: prefix.to_owned(),
            change: by.change.as_str().to_owned(),
            location: by.location.clone(),
            unresolved: BTreeMap::new(),
            partial: false,
            path: by.path.clone(),
            written: by.written.clone(),
        });
    }

    /// Looks at the variables of a workload.
    pub fn variables(
        &mut self,
        table: &'static str,
        by: &Declared,
        key: &str,
        owners: &[Container<'_>],
    ) {
        let Some((settings, hidden)) = self.looked(by, owners) else {
            return;
        };
        let mut row = NewRow::new(table, &by.account_id, &by.region);
        if !hidden {
            settings.fill(&mut row);
        }
        let draft = self.row(table, by, key);
        for (column, value) in row.cells {
            draft.put(column, value);
        }
        if hidden {
            let later = Later {
                why: "a variable that may steer the calls is filled later".to_owned(),
                ..Later::default()
            };
            environment::SETTINGS.iter().for_each(|column| {
                draft.set(column.name, Told::<String>::Unknown(later.clone()));
            });
        }
    }

    /// Looks at variables and keeps what was detected; gives what they say of the calls, and whether one that may is filled later.
    pub fn looked(
        &mut self,
        by: &Declared,
        owners: &[Container<'_>],
    ) -> Option<(environment::Settings, bool)> {
        let prints = self.prints.take()?;
        let mut settings = environment::Settings::default();
        let mut hidden = false;
        for (owner, variables, references) in owners {
            let mut open = Vec::new();
            let rows = look_declared(
                *owner,
                variables,
                &prints,
                &mut settings,
                (&mut hidden, &mut open),
            );
            for (key, why) in open.into_iter().filter(|_| !owner.table.is_empty()) {
                let unresolved = [
                    "category",
                    "detector",
                    "confidence",
                    "outside_host",
                    "vector_host",
                ]
                .map(|column| (column.to_owned(), why.clone()));
                self.symbols.push(Declaration {
                    account_id: by.account_id.clone(),
                    region: by.region.clone(),
                    table: owner.table.to_owned(),
                    key,
                    address: by.shown(),
                    prefix: String::new(),
                    change: Change::Keep.as_str().to_owned(),
                    location: by.location.clone(),
                    unresolved: unresolved.into(),
                    partial: false,
                    path: by.path.clone(),
                    written: by.written.clone(),
                });
            }
            let rows = rows
                .into_iter()
                .chain(references.iter().map(|name| owner.reference(name)));
            hidden |= references.iter().any(|name| environment::steers(name));
            if !owner.table.is_empty() {
                self.variables.extend(rows);
            }
        }
        self.prints = Some(prints);
        Some((settings, hidden))
    }

    /// Says that the variables of a workload are settled later as a whole.
    pub fn unsettled(&mut self, table: &'static str, by: &Declared, key: &str, later: &Later) {
        let draft = self.row(table, by, key);
        for column in environment::SETTINGS {
            draft.set(column.name, Told::<String>::Unknown(later.clone()));
        }
        // What tells that the variables could not be read.
        match table {
            "lambda_function" => {
                draft.set("environment_error", Told::<String>::Unknown(later.clone()))
            }
            "ecs_task_definition" => {
                draft.set("environment_files", Told::<Json>::Unknown(later.clone()))
            }
            _ => draft,
        };
    }

    /// Takes away what other resources, which are deleted, told of rows that stay.
    pub fn forget(&mut self, deleted: Rows) {
        self.gone.extend(deleted.parts);
    }

    /// A provider's own copy of a list may still hold what a deleted resource put there.
    fn take_away(&mut self) {
        for part in std::mem::take(&mut self.gone) {
            let (Known(key), Known(item)) = (&part.key, &part.item) else {
                continue;
            };
            // Someone else may put the same there.
            if self.parts.iter().any(|other| {
                other.table == part.table
                    && other.column == part.column
                    && other.key == part.key
                    && other.item == part.item
            }) {
                continue;
            }
            let Some(draft) =
                self.drafts
                    .get_mut(&(part.table, part.account_id, part.region, key.clone()))
            else {
                continue;
            };
            let Some(Cell::Known(Value::Text(text))) = draft.cells.get_mut(part.column) else {
                continue;
            };
            if part.whole {
                // Without a policy of its own an endpoint has AWS's default again (`aws_vpc_endpoint_policy`, "destroy").
                if (part.table, part.column) == ("vpc_endpoint", "policy") {
                    draft.put(part.column, super::policy::open());
                    continue;
                }
                if serde_json::from_str::<Json>(text).is_ok_and(|held| held == *item)
                    || *text == item.as_str().unwrap_or_default()
                {
                    let why = format!("{} sets it and is taken away", part.by.0);
                    draft.cells.insert(
                        part.column,
                        Cell::Unknown(Later {
                            why,
                            ..Later::default()
                        }),
                    );
                }
            } else if let Ok(mut list) = serde_json::from_str::<Vec<Json>>(text) {
                let same = |held: &Json| {
                    held == item
                        || ["name", "destination"]
                            .iter()
                            .any(|key| held.get(key).is_some() && held.get(key) == item.get(key))
                };
                list.retain(|held| !same(held));
                *text = Json::Array(list).to_string();
            }
        }
    }

    /// Rows and notes, with what other resources tell of them put in.
    pub fn finish(mut self) -> (Vec<NewRow>, Vec<Declaration>) {
        self.take_away();
        let mut open: Vec<Open> = Vec::new();
        for part in std::mem::take(&mut self.parts) {
            let key = match &part.key {
                Known(key) => key.clone(),
                // It may belong to any row that the file makes. What comes from outside names none of them, but for those that
                // are named by the same value, or whose name the file writes out.
                Unknown(later) => {
                    open.push(Open {
                        table: part.table,
                        column: part.column,
                        later: later.clone(),
                    });
                    continue;
                }
                Absent => continue,
            };
            let mut place = (
                part.table,
                part.account_id.clone(),
                part.region.clone(),
                key.clone(),
            );
            // A holder of policies is named without its path.
            if !self.drafts.contains_key(&place)
                && matches!(part.table, "iam_role" | "iam_user")
                && let Some(same) = self.drafts.keys().find(|known| {
                    known.0 == place.0
                        && known.1 == place.1
                        && known.3.rsplit('/').next() == key.rsplit('/').next()
                })
            {
                place = same.clone();
            }
            if !self.drafts.contains_key(&place) {
                self.order.push(place.clone());
            }
            let own = crate::services::table(part.table)
                .map(|table| (table.key, Cell::Known(Value::from(key.clone()))));
            let draft = self.drafts.entry(place).or_insert_with(|| Draft {
                row: NewRow::new(part.table, &part.account_id, &part.region),
                key,
                cells: own.into_iter().collect(),
                address: part.by.0.clone(),
                change: Change::Update,
                location: part.by.1.clone(),
                path: String::new(),
                written: None,
                named_later: None,
                partial: true,
            });
            draft.add(part.column, part.item, part.whole);
        }
        let named: Vec<(String, String)> = self
            .drafts
            .iter()
            .filter(|((table, ..), _)| *table == "lambda_function")
            .filter_map(|((.., key), draft)| {
                let function = key.trim_end_matches(":$LATEST").to_owned();
                draft.named_later.clone().map(|why| (function, why))
            })
            .collect();
        let mut rows = Vec::new();
        let mut notes = self.symbols;
        for place in &self.order {
            let Some(mut draft) = self.drafts.remove(place) else {
                continue;
            };
            for one in &open {
                let same = || {
                    let why = Some(one.later.why.as_str());
                    draft.named_later.as_deref() == why
                        // A URL is called by the name of its function.
                        || place.0 == "lambda_function_url"
                            && named.iter().any(|(function, theirs)| {
                                Some(theirs.as_str()) == why && place.3.starts_with(function.as_str())
                            })
                };
                if one.table == place.0
                    && !draft.partial
                    && draft.change == Change::Create
                    && (!one.later.outside || same() || is_named(place.3.as_str(), &draft))
                {
                    draft
                        .cells
                        .insert(one.column, Cell::Unknown(one.later.clone()));
                }
            }
            let mut unresolved = BTreeMap::new();
            for (column, cell) in draft.cells {
                match cell {
                    Cell::Known(value) => {
                        draft.row.put(column, value);
                    }
                    Cell::Unknown(later) => {
                        unresolved.insert(column.to_owned(), later.why);
                    }
                }
            }
            notes.push(Declaration {
                account_id: draft.row.account_id.clone(),
                region: draft.row.region.clone(),
                table: place.0.to_owned(),
                key: draft.key,
                address: draft.address,
                prefix: String::new(),
                change: draft.change.as_str().to_owned(),
                location: draft.location,
                unresolved,
                partial: draft.partial,
                path: draft.path,
                written: draft.written,
            });
            rows.push(draft.row);
        }
        managed(&mut rows, &mut notes);
        rows.extend(self.variables);
        (rows, notes)
    }
}

/// Has it a name that the file writes out? Whoever gives a name from outside may give this one; an id that AWS makes nobody knows
/// before.
fn is_named(key: &str, draft: &Draft) -> bool {
    draft.named_later.is_none()
        && !key
            .strip_suffix(draft.address.as_str())
            .is_some_and(|before| before.is_empty() || before.ends_with(['/', ':']))
}

/// Adds the managed policies of AWS that holders name and that are known.
fn managed(rows: &mut Vec<NewRow>, notes: &mut Vec<Declaration>) {
    let mut named: BTreeMap<(String, String), &'static str> = BTreeMap::new();
    for row in rows
        .iter()
        .filter(|row| matches!(row.table, "iam_role" | "iam_user" | "iam_group"))
    {
        let attached = row
            .cells
            .iter()
            .find(|(column, _)| *column == "attached_policy_arns");
        let attached: Vec<String> = attached
            .and_then(|(_, value)| serde_json::from_str(&value.display()).ok())
            .unwrap_or_default();
        named.extend(
            attached
                .into_iter()
                .filter(|arn| arn.contains(":iam::aws:policy/"))
                .map(|arn| ((row.account_id.clone(), arn), "iam_policy")),
        );
    }
    for ((account, arn), table) in named {
        let Some(document) = super::policy::aws_managed(&arn) else {
            continue;
        };
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        rows.push(
            NewRow::new(table, &account, crate::model::GLOBAL)
                .set("arn", arn.as_str())
                .set("name", name)
                .set("aws_managed", true)
                .set("document", document),
        );
        notes.push(Declaration {
            account_id: account,
            region: crate::model::GLOBAL.to_owned(),
            table: table.to_owned(),
            key: arn.clone(),
            address: arn,
            prefix: String::new(),
            change: Change::Keep.as_str().to_owned(),
            location: None,
            unresolved: BTreeMap::new(),
            partial: false,
            path: String::new(),
            written: None,
        });
    }
}

impl Draft {
    fn add(&mut self, column: &'static str, item: Told<Json>, whole: bool) {
        let item = match item {
            Known(item) => item,
            Unknown(later) => {
                self.cells.insert(column, Cell::Unknown(later));
                return;
            }
            Absent => return,
        };
        if whole {
            let value = match item {
                Json::String(text) => Value::from(text),
                Json::Bool(on) => Value::from(on),
                Json::Number(number) if number.as_i64().is_some() => {
                    Value::from(number.as_i64().unwrap_or_default())
                }
                other => Value::from(other),
            };
            self.cells.insert(column, Cell::Known(value));
            return;
        }
        match self.cells.get_mut(column) {
            Some(Cell::Unknown(_)) => {}
            Some(Cell::Known(Value::Text(text))) => {
                let mut all = serde_json::from_str::<Vec<Json>>(text).unwrap_or_default();
                if !all.contains(&item) {
                    all.push(item);
                }
                *text = Json::Array(all).to_string();
            }
            _ => {
                self.cells
                    .insert(column, Cell::Known(Value::from(Json::Array(vec![item]))));
            }
        }
    }
}
