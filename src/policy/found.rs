//! The answer to whether there is a request that policies allow.

use super::request::Request;
use crate::model::{Gap, Observed};
use std::collections::BTreeSet;

/// The answer to "is there such a request?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This one, confirmed.
    Yes(Box<Request>),
    /// None.
    No,
    /// It cannot be told.
    Unknown(Vec<Gap>),
}

impl Found {
    /// It cannot be told, for a reason in the question itself.
    pub fn unclear(why: impl Into<String>) -> Self {
        Self::Unknown(vec![Gap::not_understood("", why)])
    }

    /// What was found, as a fact; `fact` names what the policies are of.
    pub fn observed(self, fact: &str) -> Observed<Option<Box<Request>>> {
        match self {
            Self::Yes(request) => Observed::Known(Some(request)),
            Self::No => Observed::Known(None),
            Self::Unknown(gaps) => Observed::Unknown(of(gaps, fact)),
        }
    }

    /// The first that is found, else what is not known.
    #[must_use]
    pub fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes(_) => self,
            Self::No => other(),
            Self::Unknown(why) => match other() {
                Self::Yes(request) => Self::Yes(request),
                Self::No => Self::Unknown(why),
                Self::Unknown(more) => Self::Unknown([why, more].concat()),
            },
        }
    }
}

/// Gaps of a fact, in order and each once.
pub(crate) fn of(gaps: Vec<Gap>, fact: &str) -> Vec<Gap> {
    let all: BTreeSet<Gap> = gaps.into_iter().map(|gap| gap.of(fact)).collect();
    all.into_iter().collect()
}
