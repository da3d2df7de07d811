//! The view of a run that reasoning works on, and the two questions it may ask.
//!
//! **Invariant:** whether something is absent is answered here and nowhere else. [`World::lookup`]
//! gives the row, or known absence, or the gaps that hide it; [`World::children`] gives the rows
//! and the gaps that may hide more.

mod load;
pub(crate) mod lookup;
pub(crate) mod row;

use super::{Coverage, Declaration, Error, FILE, Role, Span, Store, Table, UNDECLARED};
use crate::model::{GLOBAL, Gap, Observed, Reason, RunInfo, Value, merge};
use load::load_table;
use lookup::{Children, Lookup};
use row::Row;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One table in memory.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) table: &'static Table,
    pub(crate) rows: Vec<(String, String, Vec<Value>)>,
    /// What is wrong with a cell that does not have the shape of its column, by row and column.
    pub(crate) odd: HashMap<(usize, usize), String>,
    pub(crate) by_scope: BTreeMap<(String, String), Vec<usize>>,
    pub(crate) by_key: HashMap<String, Vec<usize>>,
}

impl Loaded {
    fn nothing(table: &'static Table) -> Self {
        Self {
            table,
            rows: Vec::new(),
            odd: HashMap::new(),
            by_scope: BTreeMap::new(),
            by_key: HashMap::new(),
        }
    }
}

/// Everything collected, with what hides the rest.
#[derive(Debug)]
pub struct World {
    /// The run.
    pub run: RunInfo,
    pub(crate) tables: BTreeMap<&'static str, Loaded>,
    /// (table, account, Region, group, parent) -> line; the worst where several exist.
    pub(crate) lines: HashMap<(String, String, String, String, String), Coverage>,
    /// What files declared, by (table, account, Region, key).
    pub(crate) declared: HashMap<(String, String, String, String), Declaration>,
    /// Ids and ARNs of what does not exist yet, with the prefix of their kind.
    pub(crate) symbols: HashMap<String, String>,
    /// What may add to what a file shows: the id, name or ARN that it is handed, or empty for everything.
    open: Vec<(String, Gap)>,
    /// What makes whole resources that a file does not show.
    undeclared: Vec<Gap>,
    pub(crate) touched: RefCell<Option<BTreeSet<(String, String)>>>,
    indexes: RefCell<Indexes>,
}

/// Rows of a scope by the values of a column, and what hides more of them.
#[derive(Debug, Default)]
struct ScopeIndex {
    by_value: HashMap<String, Vec<usize>>,
    gaps: Vec<Gap>,
}

/// By table and place of the column, then by scope.
type Indexes = HashMap<(&'static str, usize), HashMap<(String, String), ScopeIndex>>;

impl World {
    /// Reads the base tables and the coverage of a run into memory.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn load(store: &Store) -> Result<Self, Error> {
        Self::load_where(store, |_| true)
    }

    /// Reads some of the base tables; the others are as if they had not been collected.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn load_where(store: &Store, wanted: impl Fn(&Table) -> bool) -> Result<Self, Error> {
        let run = store.run()?;
        let mut tables = BTreeMap::new();
        for table in store
            .tables()
            .iter()
            .copied()
            .filter(|table| table.role == Role::Base)
        {
            let loaded = if wanted(table) {
                load_table(store, table)?
            } else {
                Loaded::nothing(table)
            };
            tables.insert(table.name, loaded);
        }
        let mut lines: HashMap<_, Coverage> = HashMap::new();
        let (mut open, mut undeclared) = (Vec::new(), Vec::new());
        for line in store.coverage()? {
            if line.table == FILE && line.group == UNDECLARED {
                undeclared.push(Gap::unresolved(FILE, line.detail));
                continue;
            }
            if line.table == FILE {
                open.push((line.parent.clone(), Gap::unresolved(FILE, line.detail)));
                continue;
            }
            if !tables
                .get(line.table.as_str())
                .is_some_and(|loaded| wanted(loaded.table))
            {
                continue;
            }
            let key = (
                line.table.clone(),
                line.account_id.clone(),
                line.region.clone(),
                line.group.clone(),
                line.parent.clone(),
            );
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
            declared.insert(
                (
                    one.table.clone(),
                    one.account_id.clone(),
                    one.region.clone(),
                    one.key.clone(),
                ),
                one,
            );
        }
        // What is handed a VPC may add to its route tables, groups and the like too.
        let mut inside = Vec::new();
        for (given, gap) in open.iter().filter(|(given, _)| !given.is_empty()) {
            for loaded in tables.values() {
                let (table, rows) = (loaded.table, &loaded.rows);
                let Some((vpc, key)) = table.position("vpc_id").zip(table.position(table.key))
                else {
                    continue;
                };
                inside.extend(
                    rows.iter()
                        .filter(|(_, _, cells)| cells[vpc].display() == given.as_str())
                        .map(|(_, _, cells)| (cells[key].display().into_owned(), gap.clone())),
                );
            }
        }
        open.extend(inside);
        Ok(Self {
            run,
            tables,
            lines,
            declared,
            symbols,
            open,
            undeclared,
            touched: RefCell::new(None),
            indexes: RefCell::default(),
        })
    }

    /// Starts to note which (table, group) pairs are consulted; tests hold declarations against it.
    pub fn watch(&self) {
        *self.touched.borrow_mut() = Some(BTreeSet::new());
    }

    /// What was consulted since [`World::watch`].
    pub fn watched(&self) -> BTreeSet<(String, String)> {
        self.touched.borrow_mut().take().unwrap_or_default()
    }

    pub(crate) fn touch(&self, table: &str, group: &str) {
        if let Some(seen) = self.touched.borrow_mut().as_mut() {
            seen.insert((table.to_owned(), group.to_owned()));
        }
    }

    /// Does a file make what this id or ARN names, so that nothing outside the file can know of it?
    pub fn is_new(&self, id: &str) -> bool {
        self.symbols.contains_key(id)
    }

    /// What may add to a resource that a file creates without the file showing it; nothing where the file is whole.
    pub fn companions(&self, key: &str) -> Vec<Gap> {
        let is_it = |given: &str| {
            given.is_empty()
                || given == key
                || key
                    .strip_suffix(given)
                    .is_some_and(|before| before.ends_with([':', '/']))
        };
        self.open
            .iter()
            .filter(|(given, _)| is_it(given))
            .fold(Vec::new(), |gaps, (_, gap)| merge(gaps, vec![gap.clone()]))
    }

    /// What makes whole resources that a file does not show: more of every subject may be among them.
    pub fn undeclared(&self) -> &[Gap] {
        &self.undeclared
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
        let found = loaded
            .by_key
            .get(key)
            .into_iter()
            .flatten()
            .copied()
            .find(|index| loaded.rows[*index].0 == account && loaded.rows[*index].1 == region);
        if let Some(index) = found {
            return Lookup::Found(Row {
                world: self,
                loaded,
                index,
            });
        }
        // A row whose key was not observed may be the one that is asked for.
        let mut gaps = self.hidden(table, account, region);
        for row in self.rows_of(loaded, account, region) {
            if let Observed::Unknown(more) = row.text(loaded.table.key) {
                gaps = merge(gaps, more);
            }
        }
        if gaps.is_empty() {
            Lookup::Absent
        } else {
            Lookup::Unknown(gaps)
        }
    }

    /// The row with this key wherever it is in the run. Never known absence: the world is larger than a run.
    pub fn lookup_anywhere(&self, table: &str, key: &str) -> Lookup<'_> {
        let Some(loaded) = self.tables.get(table) else {
            return Lookup::Unknown(vec![no_such(table)]);
        };
        self.touch(table, "list");
        if let Some(index) = loaded.by_key.get(key).and_then(|all| all.first()) {
            return Lookup::Found(Row {
                world: self,
                loaded,
                index: *index,
            });
        }
        let mut gaps = Vec::new();
        for (account, region) in self.scopes(loaded.table) {
            gaps = merge(gaps, self.hidden(table, &account, &region));
        }
        if gaps.is_empty() {
            gaps.push(Gap {
                fact: table.to_owned(),
                operation: loaded
                    .table
                    .read("list")
                    .map_or_else(String::new, |read| read.operation.to_owned()),
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
            return Children {
                rows: Vec::new(),
                gaps: vec![no_such(table)],
            };
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
    pub fn children(
        &self,
        table: &str,
        account: &str,
        region: &str,
        column: &str,
        value: &str,
    ) -> Children<'_> {
        let Some((loaded, place)) = self
            .tables
            .get(table)
            .and_then(|loaded| loaded.table.position(column).map(|place| (loaded, place)))
        else {
            return Children {
                rows: Vec::new(),
                gaps: vec![no_such(&format!("{table}.{column}"))],
            };
        };
        self.touch(table, "list");
        loaded.table.columns[place]
            .reads
            .iter()
            .for_each(|group| self.touch(table, group));
        let region = loaded.table.region(region);
        let mut indexes = self.indexes.borrow_mut();
        let index = indexes
            .entry((loaded.table.name, place))
            .or_insert_with(|| self.index(loaded, column));
        // What does not exist yet has no children but those that the same file gives it, or that it is handed to.
        let hidden = if self.is_new(value) {
            self.companions(value)
        } else {
            self.hidden(table, account, region)
        };
        let Some(scope) = index.get(&(account.to_owned(), region.to_owned())) else {
            return Children {
                rows: Vec::new(),
                gaps: hidden,
            };
        };
        let rows = scope
            .by_value
            .get(value)
            .into_iter()
            .flatten()
            .map(|index| Row {
                world: self,
                loaded,
                index: *index,
            })
            .collect();
        Children {
            rows,
            gaps: merge(hidden, scope.gaps.clone()),
        }
    }

    /// The rows of a table by the values of one column, scope by scope.
    fn index(&self, loaded: &Loaded, column: &str) -> HashMap<(String, String), ScopeIndex> {
        let mut all = HashMap::new();
        for (account, region) in loaded.by_scope.keys() {
            let mut scope = ScopeIndex::default();
            for row in self.rows_of(loaded, account, region) {
                // A row whose identity or column was not observed is something that is there and may belong.
                match (row.get(loaded.table.key), row.text(column)) {
                    (Observed::Known(_), Observed::Known(value)) => scope
                        .by_value
                        .entry(value.to_owned())
                        .or_insert_with(Vec::new)
                        .push(row.index),
                    (Observed::Unknown(more), _) | (_, Observed::Unknown(more)) => {
                        scope.gaps = merge(std::mem::take(&mut scope.gaps), more)
                    }
                }
            }
            all.insert((account.clone(), region.clone()), scope);
        }
        all
    }

    /// Every row of a table in the run, whatever hides others.
    pub fn everywhere(&self, table: &str) -> Vec<Row<'_>> {
        self.touch(table, "list");
        self.tables.get(table).map_or_else(Vec::new, |loaded| {
            loaded
                .by_scope
                .values()
                .flatten()
                .map(|index| Row {
                    world: self,
                    loaded,
                    index: *index,
                })
                .collect()
        })
    }

    /// What hides rows of a table anywhere in the run.
    pub fn hidden_anywhere(&self, table: &str) -> Vec<Gap> {
        let Some(loaded) = self.tables.get(table) else {
            return vec![no_such(table)];
        };
        self.touch(table, "list");
        self.scopes(loaded.table)
            .into_iter()
            .fold(Vec::new(), |gaps, (account, region)| {
                merge(gaps, self.hidden(table, &account, &region))
            })
    }

    /// The gaps that may hide rows of a table in a scope; empty when the list is whole.
    pub fn hidden(&self, table: &str, account: &str, region: &str) -> Vec<Gap> {
        self.touch(table, "list");
        let key = (
            table.to_owned(),
            account.to_owned(),
            region.to_owned(),
            "list".to_owned(),
            String::new(),
        );
        match self.lines.get(&key) {
            Some(line) if line.status.is_whole() => Vec::new(),
            Some(line) => vec![line.gap(table.to_owned())],
            None => {
                let operation = self
                    .tables
                    .get(table)
                    .and_then(|loaded| loaded.table.read("list"));
                let outside = self.run.account(account).is_none();
                let what = if outside {
                    "the account is not in this run"
                } else {
                    "not collected"
                };
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
        if self.run.source.is_file() {
            Reason::NotInFile
        } else {
            live
        }
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
            .map_or_else(Vec::new, |indexes| {
                indexes
                    .iter()
                    .map(|index| Row {
                        world: self,
                        loaded,
                        index: *index,
                    })
                    .collect()
            })
    }

    pub(crate) fn cell_gap(&self, loaded: &Loaded, index: usize, column: &super::Column) -> Gap {
        let (account, region, cells) = &loaded.rows[index];
        let table = loaded.table;
        let key = table
            .position(table.key)
            .map(|place| cells[place].display().into_owned())
            .unwrap_or_default();
        let fact = format!("{}.{}", table.name, column.name);
        if let Some(why) = table
            .position(column.name)
            .and_then(|place| loaded.odd.get(&(index, place)))
        {
            return Gap::not_understood(
                fact,
                format!("{account} {region}: {} of `{key}`: {why}", column.name),
            );
        }
        if let Some(one) = self.declared.get(&(
            table.name.to_owned(),
            account.clone(),
            region.clone(),
            key.clone(),
        )) {
            if let Some(why) = one.unresolved.get(column.name) {
                let detail = format!("{}: not known yet: {why}", one.address);
                return Gap {
                    fact,
                    operation: String::new(),
                    action: String::new(),
                    reason: Reason::Unresolved,
                    detail,
                };
            }
            if one.is_new() {
                let detail = format!("{}: the file does not tell", one.address);
                return Gap {
                    fact,
                    operation: String::new(),
                    action: String::new(),
                    reason: Reason::NotInFile,
                    detail,
                };
            }
        }
        for group in column.reads {
            for parent in [key.as_str(), ""] {
                let line = self.lines.get(&(
                    table.name.to_owned(),
                    account.clone(),
                    region.clone(),
                    (*group).to_owned(),
                    parent.to_owned(),
                ));
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

fn no_such(table: &str) -> Gap {
    Gap::not_understood(table, "there is no such table in this release")
}
