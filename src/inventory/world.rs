//! The view of a run that reasoning works on, and the two questions it may ask.
//!
//! **Invariant:** whether something is absent is answered here and nowhere else. [`World::lookup`]
//! gives the row, or known absence, or the gaps that hide it; [`World::children`] gives the rows
//! and the gaps that may hide more.

use super::shape::conform;
use super::store::cell;
use super::{Coverage, Declaration, Error, Kind, Role, Span, Status, Store, Table, quoted};
use crate::model::{GLOBAL, Gap, Observed, Reason, RunInfo, Value, merge};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// One table in memory.
#[derive(Debug)]
pub struct Loaded {
    table: &'static Table,
    rows: Vec<(String, String, Vec<Value>)>,
    /// What is wrong with a cell that does not have the shape of its column, by row and column.
    odd: HashMap<(usize, usize), String>,
    by_scope: BTreeMap<(String, String), Vec<usize>>,
    by_key: HashMap<String, Vec<usize>>,
}

/// Everything collected, with what hides the rest.
#[derive(Debug)]
pub struct World {
    /// The run.
    pub run: RunInfo,
    tables: BTreeMap<&'static str, Loaded>,
    /// (table, account, Region, group, parent) -> line; the worst where several exist.
    lines: HashMap<(String, String, String, String, String), Coverage>,
    /// What files declared, by (table, account, Region, key).
    declared: HashMap<(String, String, String, String), Declaration>,
    /// Ids and ARNs of what does not exist yet, with the prefix of their kind.
    symbols: HashMap<String, String>,
    touched: RefCell<Option<BTreeSet<(String, String)>>>,
    indexes: RefCell<Indexes>,
}

/// The answer to [`World::lookup`].
#[derive(Debug, Clone)]
pub enum Lookup<'w> {
    /// The row.
    Found(Row<'w>),
    /// The list was read to its end, and it is not there.
    Absent,
    /// It may be there.
    Unknown(Vec<Gap>),
}

impl<'w> Lookup<'w> {
    /// A fact of the row; `absent` when there is no such row.
    pub fn fact<T>(self, absent: impl FnOnce() -> Observed<T>, of: impl FnOnce(Row<'w>) -> Observed<T>) -> Observed<T> {
        match self {
            Self::Found(row) => of(row),
            Self::Absent => absent(),
            Self::Unknown(gaps) => Observed::Unknown(gaps),
        }
    }

    /// The row, if it was found.
    pub fn found(self) -> Option<Row<'w>> {
        match self {
            Self::Found(row) => Some(row),
            _ => None,
        }
    }
}

/// The answer to [`World::children`]: rows, and what may hide more of them.
#[derive(Debug, Clone)]
pub struct Children<'w> {
    /// The rows that are known to belong.
    pub rows: Vec<Row<'w>>,
    /// Empty when these are all.
    pub gaps: Vec<Gap>,
}

impl<'w> Children<'w> {
    /// True when one row satisfies; false when none does and these are all.
    pub fn any(&self, mut test: impl FnMut(Row<'w>) -> Observed<bool>) -> Observed<bool> {
        let rest = if self.gaps.is_empty() { Observed::Known(false) } else { Observed::Unknown(self.gaps.clone()) };
        self.rows.iter().fold(rest, |seen, row| if seen.is_true() { seen } else { seen.or(test(*row)) })
    }
}

/// Rows of a scope by the values of a column, and what hides more of them.
#[derive(Debug, Default)]
struct ScopeIndex {
    by_value: HashMap<String, Vec<usize>>,
    gaps: Vec<Gap>,
}

/// By table and place of the column, then by scope.
type Indexes = HashMap<(&'static str, usize), HashMap<(String, String), ScopeIndex>>;

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'w> {
    world: &'w World,
    loaded: &'w Loaded,
    index: usize,
}

impl World {
    /// Reads the base tables and the coverage of a run into memory.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn load(store: &Store) -> Result<Self, Error> {
        let run = store.run()?;
        let mut tables = BTreeMap::new();
        for table in store.tables().iter().copied().filter(|table| table.role == Role::Base) {
            tables.insert(table.name, load_table(store, table)?);
        }
        let mut lines: HashMap<_, Coverage> = HashMap::new();
        for line in store.coverage()? {
            let key = (line.table.clone(), line.account_id.clone(), line.region.clone(), line.group.clone(), line.parent.clone());
            match lines.get(&key) {
                // Two readings of one thing: the one that hides something stands.
                Some(known) if !known.status.is_whole() => {}
                _ => {
                    lines.insert(key, line);
                }
            }
        }
        let (mut declared, mut symbols) = (HashMap::new(), HashMap::<String, String>::new());
        for one in store.declarations()? {
            if one.is_new() && !one.partial {
                let prefix = symbols.entry(one.key.clone()).or_default();
                if prefix.is_empty() {
                    prefix.clone_from(&one.prefix);
                }
            }
            declared.insert((one.table.clone(), one.account_id.clone(), one.region.clone(), one.key.clone()), one);
        }
        Ok(Self { run, tables, lines, declared, symbols, touched: RefCell::new(None), indexes: RefCell::default() })
    }

    /// Starts to note which (table, group) pairs are consulted; tests hold declarations against it.
    pub fn watch(&self) {
        *self.touched.borrow_mut() = Some(BTreeSet::new());
    }

    /// What was consulted since [`World::watch`].
    pub fn watched(&self) -> BTreeSet<(String, String)> {
        self.touched.borrow_mut().take().unwrap_or_default()
    }

    fn touch(&self, table: &str, group: &str) {
        if let Some(seen) = self.touched.borrow_mut().as_mut() {
            seen.insert((table.to_owned(), group.to_owned()));
        }
    }

    /// Does a file make what this id or ARN names, so that nothing outside the file can know of it?
    pub fn is_new(&self, id: &str) -> bool {
        self.symbols.contains_key(id)
    }

    /// The kind of thing that an id names, by its prefix: `igw` of `igw-1`, and of the symbol of a gateway that does not exist yet.
    pub fn prefix<'i>(&'i self, id: &'i str) -> &'i str {
        match self.symbols.get(id) {
            Some(prefix) if !prefix.is_empty() => prefix,
            _ => id.split('-').next().unwrap_or_default(),
        }
    }

    /// The accounts of the run.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.run.accounts.iter().map(|account| account.id.as_str())
    }

    /// The row with this key, or known absence, or what hides it.
    ///
    /// `region` is ignored for tables that belong to no Region.
    pub fn lookup(&self, table: &str, account: &str, region: &str, key: &str) -> Lookup<'_> {
        let Some(loaded) = self.tables.get(table) else {
            return Lookup::Unknown(vec![no_such(table)]);
        };
        self.touch(table, "list");
        let region = loaded.table.region(region);
        let found = loaded.by_key.get(key).into_iter().flatten().copied().find(|index| loaded.rows[*index].0 == account && loaded.rows[*index].1 == region);
        if let Some(index) = found {
            return Lookup::Found(Row { world: self, loaded, index });
        }
        // A row whose key was not observed may be the one that is asked for.
        let mut gaps = self.hidden(table, account, region);
        for row in self.rows_of(loaded, account, region) {
            if let Observed::Unknown(more) = row.text(loaded.table.key) {
                gaps = merge(gaps, more);
            }
        }
        if gaps.is_empty() { Lookup::Absent } else { Lookup::Unknown(gaps) }
    }

    /// The row with this key wherever it is in the run. Never known absence: the world is larger than a run.
    pub fn lookup_anywhere(&self, table: &str, key: &str) -> Lookup<'_> {
        let Some(loaded) = self.tables.get(table) else {
            return Lookup::Unknown(vec![no_such(table)]);
        };
        self.touch(table, "list");
        if let Some(index) = loaded.by_key.get(key).and_then(|all| all.first()) {
            return Lookup::Found(Row { world: self, loaded, index: *index });
        }
        let mut gaps = Vec::new();
        for (account, region) in self.scopes(loaded.table) {
            gaps = merge(gaps, self.hidden(table, &account, &region));
        }
        if gaps.is_empty() {
            gaps.push(Gap {
                fact: table.to_owned(),
                operation: loaded.table.read("list").map_or_else(String::new, |read| read.operation.to_owned()),
                action: String::new(),
                reason: Reason::NotScanned,
                detail: format!("`{key}` is in no account of this run"),
            });
        }
        Lookup::Unknown(gaps)
    }

    /// The rows of a scope, and what may hide more of them.
    pub fn all(&self, table: &str, account: &str, region: &str) -> Children<'_> {
        let Some(loaded) = self.tables.get(table) else {
            return Children { rows: Vec::new(), gaps: vec![no_such(table)] };
        };
        self.touch(table, "list");
        let region = loaded.table.region(region);
        let mut gaps = self.hidden(table, account, region);
        let mut rows = self.rows_of(loaded, account, region);
        // A row whose identity was not observed is something that is there and cannot be named.
        rows.retain(|row| match row.get(loaded.table.key) {
            Observed::Known(_) => true,
            Observed::Unknown(more) => {
                gaps = merge(std::mem::take(&mut gaps), more);
                false
            }
        });
        Children { rows, gaps }
    }

    /// The rows of a scope whose `column` holds `value`, and what may hide more of them.
    ///
    /// A row whose column was not observed may belong, so its gaps are among the answer's.
    pub fn children(&self, table: &str, account: &str, region: &str, column: &str, value: &str) -> Children<'_> {
        let Some((loaded, place)) = self.tables.get(table).and_then(|loaded| loaded.table.position(column).map(|place| (loaded, place))) else {
            return Children { rows: Vec::new(), gaps: vec![no_such(&format!("{table}.{column}"))] };
        };
        self.touch(table, "list");
        loaded.table.columns[place].reads.iter().for_each(|group| self.touch(table, group));
        let region = loaded.table.region(region);
        let mut indexes = self.indexes.borrow_mut();
        let index = indexes.entry((loaded.table.name, place)).or_insert_with(|| self.index(loaded, column));
        // What does not exist yet has no children but those that the same file gives it.
        let hidden = if self.is_new(value) { Vec::new() } else { self.hidden(table, account, region) };
        let Some(scope) = index.get(&(account.to_owned(), region.to_owned())) else {
            return Children { rows: Vec::new(), gaps: hidden };
        };
        let rows = scope.by_value.get(value).into_iter().flatten().map(|index| Row { world: self, loaded, index: *index }).collect();
        Children { rows, gaps: merge(hidden, scope.gaps.clone()) }
    }

    /// The rows of a table by the values of one column, scope by scope.
    fn index(&self, loaded: &Loaded, column: &str) -> HashMap<(String, String), ScopeIndex> {
        let mut all = HashMap::new();
        for (account, region) in loaded.by_scope.keys() {
            let mut scope = ScopeIndex::default();
            for row in self.rows_of(loaded, account, region) {
                // A row whose identity or column was not observed is something that is there and may belong.
                match (row.get(loaded.table.key), row.text(column)) {
                    (Observed::Known(_), Observed::Known(value)) => scope.by_value.entry(value.to_owned()).or_insert_with(Vec::new).push(row.index),
                    (Observed::Unknown(more), _) | (_, Observed::Unknown(more)) => scope.gaps = merge(std::mem::take(&mut scope.gaps), more),
                }
            }
            all.insert((account.clone(), region.clone()), scope);
        }
        all
    }

    /// Every row of a table in the run, whatever hides others.
    pub fn everywhere(&self, table: &str) -> Vec<Row<'_>> {
        self.touch(table, "list");
        self.tables
            .get(table)
            .map_or_else(Vec::new, |loaded| loaded.by_scope.values().flatten().map(|index| Row { world: self, loaded, index: *index }).collect())
    }

    /// What hides rows of a table anywhere in the run.
    pub fn hidden_anywhere(&self, table: &str) -> Vec<Gap> {
        let Some(loaded) = self.tables.get(table) else {
            return vec![no_such(table)];
        };
        self.touch(table, "list");
        self.scopes(loaded.table).into_iter().fold(Vec::new(), |gaps, (account, region)| merge(gaps, self.hidden(table, &account, &region)))
    }

    /// The gaps that may hide rows of a table in a scope; empty when the list is whole.
    pub fn hidden(&self, table: &str, account: &str, region: &str) -> Vec<Gap> {
        self.touch(table, "list");
        let key = (table.to_owned(), account.to_owned(), region.to_owned(), "list".to_owned(), String::new());
        match self.lines.get(&key) {
            Some(line) if line.status.is_whole() => Vec::new(),
            Some(line) => vec![line.gap(table.to_owned())],
            None => {
                let operation = self.tables.get(table).and_then(|loaded| loaded.table.read("list"));
                let outside = self.run.account(account).is_none();
                let what = if outside { "the account is not in this run" } else { "not collected" };
                vec![Gap {
                    fact: table.to_owned(),
                    operation: operation.map_or_else(String::new, |read| read.operation.to_owned()),
                    action: operation.map_or_else(String::new, |read| read.actions().join(", ")),
                    reason: self.default_reason(Reason::NotScanned),
                    detail: format!("{account} {region}: {what}"),
                }]
            }
        }
    }

    fn default_reason(&self, live: Reason) -> Reason {
        if self.run.source.is_file() { Reason::NotInFile } else { live }
    }

    /// Every (account, Region) in which a table has a place.
    pub fn scopes(&self, table: &Table) -> Vec<(String, String)> {
        self.run
            .scopes()
            .filter(|(_, region)| (*region == GLOBAL) == (table.span == Span::Global))
            .map(|(account, region)| (account.to_owned(), region.to_owned()))
            .collect()
    }

    fn rows_of<'w>(&'w self, loaded: &'w Loaded, account: &str, region: &str) -> Vec<Row<'w>> {
        loaded
            .by_scope
            .get(&(account.to_owned(), region.to_owned()))
            .map_or_else(Vec::new, |indexes| indexes.iter().map(|index| Row { world: self, loaded, index: *index }).collect())
    }

    fn cell_gap(&self, loaded: &Loaded, index: usize, column: &super::Column) -> Gap {
        let (account, region, cells) = &loaded.rows[index];
        let table = loaded.table;
        let key = table.position(table.key).map(|place| cells[place].display().into_owned()).unwrap_or_default();
        let fact = format!("{}.{}", table.name, column.name);
        if let Some(why) = table.position(column.name).and_then(|place| loaded.odd.get(&(index, place))) {
            return Gap::not_understood(fact, format!("{account} {region}: {} of `{key}`: {why}", column.name));
        }
        if let Some(one) = self.declared.get(&(table.name.to_owned(), account.clone(), region.clone(), key.clone())) {
            if let Some(why) = one.unresolved.get(column.name) {
                let detail = format!("{}: settled later: {why}", one.address);
                return Gap { fact, operation: String::new(), action: String::new(), reason: Reason::Unresolved, detail };
            }
            if one.is_new() {
                let detail = format!("{}: the file does not tell", one.address);
                return Gap { fact, operation: String::new(), action: String::new(), reason: Reason::NotInFile, detail };
            }
        }
        for group in column.reads {
            for parent in [key.as_str(), ""] {
                let line = self.lines.get(&(table.name.to_owned(), account.clone(), region.clone(), (*group).to_owned(), parent.to_owned()));
                if let Some(line) = line
                    && !line.status.is_whole()
                {
                    return line.gap(fact);
                }
            }
        }
        let read = column.reads.first().and_then(|group| table.read(group));
        Gap {
            fact,
            operation: read.map_or_else(String::new, |read| read.operation.to_owned()),
            action: read.map_or_else(String::new, |read| read.actions().join(", ")),
            reason: self.default_reason(Reason::Error),
            detail: format!("{account} {region}: not observed for `{key}`"),
        }
    }
}

fn load_table(store: &Store, table: &'static Table) -> Result<Loaded, Error> {
    let names: String = table.columns.iter().map(|column| format!(", {}", quoted(column.name))).collect();
    let mut statement = store.conn.prepare(&format!("SELECT account_id, region{names} FROM {} ORDER BY rowid", quoted(table.name)))?;
    let (mut rows, mut odd) = (Vec::new(), HashMap::new());
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let mut cells = Vec::with_capacity(table.columns.len());
        for (place, column) in table.columns.iter().enumerate() {
            cells.push(match conform(column, cell(row.get_ref(place + 2)?)) {
                Ok(value) => value,
                Err(why) => {
                    odd.insert((rows.len(), place), why);
                    Value::Null
                }
            });
        }
        rows.push((row.get::<_, String>(0)?, row.get::<_, String>(1)?, cells));
    }
    let mut loaded = Loaded { table, rows, odd, by_scope: BTreeMap::new(), by_key: HashMap::new() };
    let place = table.position(table.key);
    let mut seen: HashSet<(&str, &str, &str)> = HashSet::new();
    for (index, (account, region, cells)) in loaded.rows.iter().enumerate() {
        // A list that changes while it is read can give an item twice; it is one item.
        if let Some(Value::Text(key)) = place.map(|place| &cells[place])
            && !seen.insert((account, region, key))
        {
            continue;
        }
        loaded.by_scope.entry((account.clone(), region.clone())).or_default().push(index);
        if let Some(Value::Text(key)) = place.map(|place| &cells[place]) {
            loaded.by_key.entry(key.clone()).or_default().push(index);
        }
    }
    Ok(loaded)
}

fn no_such(table: &str) -> Gap {
    Gap::not_understood(table, "there is no such table in this release")
}

impl<'w> Row<'w> {
    /// Account of the row.
    pub fn account(&self) -> &'w str {
        &self.loaded.rows[self.index].0
    }

    /// Region of the row, or `global`.
    pub fn region(&self) -> &'w str {
        &self.loaded.rows[self.index].1
    }

    /// Table of the row.
    pub fn table(&self) -> &'static Table {
        self.loaded.table
    }

    /// A cell, or what hides it.
    pub fn get(&self, name: &str) -> Observed<&'w Value> {
        let Some(place) = self.loaded.table.position(name) else {
            return Observed::gap(Gap::not_understood(format!("{}.{name}", self.loaded.table.name), "there is no such column in this release"));
        };
        let column = &self.loaded.table.columns[place];
        for group in column.reads {
            self.world.touch(self.loaded.table.name, group);
        }
        match &self.loaded.rows[self.index].2[place] {
            Value::Null => Observed::gap(self.world.cell_gap(self.loaded, self.index, column)),
            value => Observed::Known(value),
        }
    }

    fn mismatch<T>(&self, name: &str, wanted: Kind) -> Observed<T> {
        Observed::gap(Gap::not_understood(format!("{}.{name}", self.loaded.table.name), format!("the value is no {}", wanted.as_str())))
    }

    /// A text cell.
    pub fn text(&self, name: &str) -> Observed<&'w str> {
        self.get(name).and_then(|value| match value {
            Value::Text(text) => Observed::Known(text.as_str()),
            _ => self.mismatch(name, Kind::Text),
        })
    }

    /// The key of the row, empty when not observed.
    pub fn key(&self) -> &'w str {
        self.text(self.loaded.table.key).known().unwrap_or_default()
    }

    /// An integer cell.
    pub fn int(&self, name: &str) -> Observed<i64> {
        self.get(name).and_then(|value| match value {
            Value::Integer(number) => Observed::Known(*number),
            _ => self.mismatch(name, Kind::Integer),
        })
    }

    /// A boolean cell.
    pub fn flag(&self, name: &str) -> Observed<bool> {
        self.int(name).map(|number| number != 0)
    }

    /// A list of texts.
    pub fn list(&self, name: &str) -> Observed<Vec<String>> {
        self.text(name).and_then(|text| match serde_json::from_str(text) {
            Ok(list) => Observed::Known(list),
            Err(_) => self.mismatch(name, Kind::List),
        })
    }

    /// A JSON cell.
    pub fn json(&self, name: &str) -> Observed<serde_json::Value> {
        self.text(name).and_then(|text| match serde_json::from_str(text) {
            Ok(json) => Observed::Known(json),
            Err(error) => Observed::gap(Gap::not_understood(format!("{}.{name}", self.loaded.table.name), format!("`{}`: {error}", self.key()))),
        })
    }

    /// Tags of the row, from its column `tags`.
    pub fn tags(&self) -> Observed<BTreeMap<String, String>> {
        self.json("tags").and_then(|json| serde_json::from_value(json).map_or_else(|_| self.mismatch("tags", Kind::Json), Observed::Known))
    }

    /// The gaps of the status of one of this row's detail groups, when it failed.
    pub fn status(&self, group: &str) -> Option<Status> {
        let key = (self.loaded.table.name.to_owned(), self.account().to_owned(), self.region().to_owned(), group.to_owned(), self.key().to_owned());
        self.world.lines.get(&key).map(|line| line.status)
    }
}
