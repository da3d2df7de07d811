//! What is true of a request, and what is known of it.

use crate::model::Gap;

/// Three-valued truth with the reasons of the third.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tri {
    /// It is so.
    True,
    /// It is not.
    False,
    /// It cannot be told, and why.
    Unknown(Vec<Gap>),
}

impl From<bool> for Tri {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl Tri {
    /// Something in a policy that this version cannot reason about.
    pub fn unclear(why: impl Into<String>) -> Self {
        Self::Unknown(vec![Gap::not_understood("", why)])
    }

    /// Kleene's AND.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, x) | (x, Self::True) => x,
            (Self::Unknown(mut a), Self::Unknown(b)) => {
                a.extend(b);
                a.dedup();
                Self::Unknown(a)
            }
        }
    }

    /// Kleene's OR.
    pub fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// NOT.
    #[expect(clippy::should_implement_trait, reason = "reads as the others do")]
    pub fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            unknown => unknown,
        }
    }
}

/// What is known of a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Not in the request.
    Absent,
    /// Its values.
    Values(Vec<String>),
    /// Not known.
    Unknown,
}

impl Fact {
    /// A single value.
    pub fn one(text: impl Into<String>) -> Self {
        Self::Values(vec![text.into()])
    }
}
