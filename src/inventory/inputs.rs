//! What a fact of a subject is made of: groups of collected tables, so that rules, calls and permissions follow from one another.

use super::Table;
use std::collections::BTreeSet;

/// Groups of collected tables. An engine names its own, and whatever rests on the engine names the engine's.
#[derive(Debug, Clone, Copy)]
pub enum Inputs {
    /// One group of a table, as [`Table::list`] and [`Table::group`] name it.
    Group(&'static Table, &'static str),
    /// All of these.
    All(&'static [Inputs]),
}

impl Inputs {
    /// Nothing.
    pub const NONE: Self = Self::All(&[]);

    /// The groups as (table, group), with the list of every table among them: without its rows a table tells nothing.
    pub fn groups(&self) -> BTreeSet<(&'static str, &'static str)> {
        let mut all = BTreeSet::new();
        self.add(&mut all);
        all
    }

    fn add(&self, all: &mut BTreeSet<(&'static str, &'static str)>) {
        match self {
            Self::Group(table, group) => {
                all.insert((table.name, *group));
                all.insert((table.name, "list"));
            }
            Self::All(parts) => parts.iter().for_each(|part| part.add(all)),
        }
    }
}

impl Table {
    /// The group that yields the rows; a table that no call fills has it too.
    pub const fn list(&'static self) -> Inputs {
        Inputs::Group(self, "list")
    }

    /// A group of columns by its name; one that the table does not have does not build.
    pub const fn group(&'static self, name: &'static str) -> Inputs {
        let mut at = 0;
        while at < self.reads.len() {
            if same(self.reads[at].group, name) {
                return Inputs::Group(self, name);
            }
            at += 1;
        }
        assert!(at < self.reads.len(), "the table has no such group");
        Inputs::NONE
    }
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    at == left.len() && at == right.len()
}
