//! What is asked of a table: one row, or all of a scope.

use super::row::Row;
use crate::model::{Gap, Observed};

/// The answer to [`crate::inventory::World::lookup`].
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
    pub fn fact<T>(
        self,
        absent: impl FnOnce() -> Observed<T>,
        of: impl FnOnce(Row<'w>) -> Observed<T>,
    ) -> Observed<T> {
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

/// The answer to [`crate::inventory::World::children`]: rows, and what may hide more of them.
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
        let rest = if self.gaps.is_empty() {
            Observed::Known(false)
        } else {
            Observed::Unknown(self.gaps.clone())
        };
        self.rows.iter().fold(rest, |seen, row| {
            if seen.is_true() {
                seen
            } else {
                seen.or(test(*row))
            }
        })
    }
}
