//! Policies as Boolean functions of statements that apply or do not.
//!
//! Values are pairs "may be true, may be false"; both is unknown, or not settled yet.

use crate::model::Gap;

/// A set of statements by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub fn none(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    pub fn of(len: usize, members: impl IntoIterator<Item = usize>) -> Self {
        let mut bits = Self::none(len);
        for member in members {
            bits.set(member);
        }
        bits
    }

    pub fn set(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    pub fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a | b).collect())
    }

    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    fn within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a & !b == 0)
    }

    pub fn members(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len() * 64).filter(|at| self.has(*at))
    }
}

/// May be true, may be false.
pub(super) type Value = (bool, bool);

/// A function of statements.
#[derive(Debug, Clone)]
pub(super) enum Formula {
    /// One of these statements applies.
    Any(Bits),
    /// All.
    And(Vec<Formula>),
    /// One.
    Or(Vec<Formula>),
    /// Not.
    Not(Box<Formula>),
    /// Always.
    True,
    /// Nobody knows, and why.
    Unknown(Vec<Gap>),
}

impl Formula {
    /// Something that this version cannot reason about.
    pub fn unclear(why: impl Into<String>) -> Self {
        Self::Unknown(vec![Gap::not_understood("", why)])
    }

    pub const FALSE: Self = Self::Or(Vec::new());

    /// The value, when statements in `may` may apply and those in `may_not` may not.
    pub fn value(&self, may: &Bits, may_not: &Bits) -> Value {
        match self {
            // One that applies for certain settles it.
            Self::Any(set) => (set.meets(may), set.within(may_not)),
            Self::And(all) => all
                .iter()
                .map(|part| part.value(may, may_not))
                .fold((true, false), |a, b| (a.0 && b.0, a.1 || b.1)),
            Self::Or(all) => all
                .iter()
                .map(|part| part.value(may, may_not))
                .fold((false, true), |a, b| (a.0 || b.0, a.1 && b.1)),
            Self::Not(inner) => {
                let (t, f) = inner.value(may, may_not);
                (f, t)
            }
            Self::True => (true, false),
            Self::Unknown(_) => (true, true),
        }
    }

    pub fn negate(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Reasons of what nobody knows.
    pub fn reasons(&self, all: &mut Vec<Gap>) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.reasons(all)),
            Self::Not(inner) => inner.reasons(all),
            Self::Unknown(why) => all.extend(why.iter().cloned()),
            Self::Any(_) | Self::True => {}
        }
    }
}
