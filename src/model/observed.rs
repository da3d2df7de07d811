//! What is known, and what hides the rest.
//!
//! `Observed` is three-valued logic with the reasons kept: an unknown always carries the gaps
//! (operation, permission, reason) that made it so, because a verdict `unknown` must name them.

use serde::{Deserialize, Serialize};

/// Why a fact is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// AWS refused the call.
    Denied,
    /// The call failed, was cut off, or answered something that could not be read.
    Error,
    /// The account, Region or table is outside this run.
    NotScanned,
    /// The plan or template does not declare it.
    NotInFile,
    /// The plan or template declares it, but its value is settled only later.
    Unresolved,
    /// The fact is there, and this version cannot reason about it.
    NotUnderstood,
}

/// One fact that a verdict needed and did not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Gap {
    /// `table.column`, or `table` for a list.
    pub fact: String,
    /// The API operation that would have told, such as `ec2:DescribeVpcEndpoints`; empty when none would.
    pub operation: String,
    /// The IAM action that the operation needs.
    pub action: String,
    /// Why it is missing.
    pub reason: Reason,
    /// For a person: scope, error code, what was not understood.
    pub detail: String,
}

impl Gap {
    /// For a person: the call, and what is the matter with it.
    #[must_use]
    pub fn words(&self) -> String {
        [self.operation.as_str(), self.detail.as_str()]
            .iter()
            .filter(|text| !text.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(": ")
    }
}

/// The operator of a condition that marks a statement as settled later; its value says why.
pub const OPEN_OPERATOR: &str = "SettledLater";
impl Gap {
    /// A value that the plan or template declares, and that is known only after it is applied.
    pub fn unresolved(fact: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            reason: Reason::Unresolved,
            ..Self::not_understood(fact, detail)
        }
    }

    /// The same gap of this fact, where it does not name its own.
    #[must_use]
    pub fn of(mut self, fact: &str) -> Self {
        if self.fact.is_empty() {
            fact.clone_into(&mut self.fact);
        }
        self
    }

    /// A fact that is there but beyond this version's reasoning.
    pub fn not_understood(fact: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            fact: fact.into(),
            operation: String::new(),
            action: String::new(),
            reason: Reason::NotUnderstood,
            detail: detail.into(),
        }
    }
}

/// A fact that is known, or the gaps that hide it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed<T> {
    /// The fact.
    Known(T),
    /// Why it is not known; at least one gap.
    Unknown(Vec<Gap>),
}

use Observed::{Known, Unknown};

/// Joins two lists of gaps without repeating any.
pub fn merge(mut left: Vec<Gap>, right: Vec<Gap>) -> Vec<Gap> {
    for gap in right {
        if !left.contains(&gap) {
            left.push(gap);
        }
    }
    left
}

impl<T> Observed<T> {
    /// Changes a known value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Observed<U> {
        match self {
            Known(value) => Known(change(value)),
            Unknown(gaps) => Unknown(gaps),
        }
    }

    /// Goes on from a known value to the next fact.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Observed<U>) -> Observed<U> {
        match self {
            Known(value) => next(value),
            Unknown(gaps) => Unknown(gaps),
        }
    }

    /// Both facts, or the gaps of both.
    pub fn zip<U>(self, other: Observed<U>) -> Observed<(T, U)> {
        match (self, other) {
            (Known(a), Known(b)) => Known((a, b)),
            (Unknown(a), Unknown(b)) => Unknown(merge(a, b)),
            (Unknown(gaps), _) | (_, Unknown(gaps)) => Unknown(gaps),
        }
    }

    /// The value, when known.
    pub fn known(self) -> Option<T> {
        match self {
            Known(value) => Some(value),
            Unknown(_) => None,
        }
    }

    /// The gaps; empty when the fact is known.
    pub fn gaps(&self) -> &[Gap] {
        match self {
            Known(_) => &[],
            Unknown(gaps) => gaps,
        }
    }

    /// Borrows what is inside.
    pub fn as_ref(&self) -> Observed<&T> {
        match self {
            Known(value) => Known(value),
            Unknown(gaps) => Unknown(gaps.clone()),
        }
    }

    /// An unknown with a single gap.
    pub fn gap(gap: Gap) -> Self {
        Unknown(vec![gap])
    }
}

impl Observed<bool> {
    /// Kleene's AND: one known `false` decides.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Known(false), _) | (_, Known(false)) => Known(false),
            (Known(true), x) | (x, Known(true)) => x,
            (Unknown(a), Unknown(b)) => Unknown(merge(a, b)),
        }
    }

    /// Kleene's OR: one known `true` decides.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Known(true), _) | (_, Known(true)) => Known(true),
            (Known(false), x) | (x, Known(false)) => x,
            (Unknown(a), Unknown(b)) => Unknown(merge(a, b)),
        }
    }

    /// Is it known to be true?
    pub fn is_true(&self) -> bool {
        matches!(self, Known(true))
    }

    /// Is it known to be false?
    pub fn is_false(&self) -> bool {
        matches!(self, Known(false))
    }

    /// True when any is true; unknown when none is and some are unknown.
    pub fn any(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Known(false), Self::or)
    }

    /// False when any is false; unknown when none is and some are unknown.
    pub fn all(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Known(true), Self::and)
    }
}

impl std::ops::Not for Observed<bool> {
    type Output = Self;
    fn not(self) -> Self {
        self.map(|value| !value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown() -> Observed<bool> {
        Observed::gap(Gap::not_understood("x", "y"))
    }

    #[test]
    fn one_known_value_decides() {
        assert!(unknown().and(Known(false)).is_false());
        assert!(Known(true).or(unknown()).is_true());
        assert_eq!(Known(true).and(unknown()), unknown());
        assert_eq!(unknown().or(Known(false)), unknown());
        assert!(Observed::any([unknown(), Known(true)]).is_true());
        assert_eq!(Observed::all([unknown(), Known(true)]), unknown());
        assert_eq!(!unknown(), unknown());
    }

    #[test]
    fn gaps_of_both_sides_are_kept_once() {
        assert_eq!(unknown().zip(unknown()).gaps().len(), 1);
    }
}
