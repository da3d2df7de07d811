//! What became of failures over several runs, as far as a report of the last one carries it.

use super::Severity;
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of a failure by the last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It fails.
    Open,
    /// It could not be judged any more; that is not fixed.
    LostSightOf,
    /// It fails, and somebody accepted that for a time; that is not fixed.
    Waived,
    /// It does not fail any more.
    Fixed,
}

/// The life of one failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Life {
    /// Fingerprint of its results.
    pub fingerprint: String,
    /// Rule.
    pub rule: String,
    /// Severity in the last run that saw it.
    pub severity: Severity,
    /// Account.
    pub account_id: String,
    /// Region.
    pub region: String,
    /// Resource.
    pub resource: String,
    /// Part of the resource.
    pub part: String,
    /// When it was judged first to fail, since it was last fixed.
    pub first_seen: String,
    /// When it was judged last to fail.
    pub last_seen: String,
    /// What became of it.
    pub state: State,
    /// When a run first showed that it was fixed, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_on: Option<String>,
    /// Whole days from the first time to the last run, where it is not fixed.
    pub age_days: Option<i64>,
}

/// Counts of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Failures.
    pub open: usize,
    /// Of them those that the run before did not have.
    pub new: usize,
    /// Failures of before that do not fail any more.
    pub fixed: usize,
    /// Failures of before that could not be judged.
    pub lost_sight_of: usize,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Run.
    pub run: String,
    /// When it was judged.
    pub judged_at: String,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What earlier runs and this one, the last of them, say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// Run by run, the oldest first.
    pub runs: Vec<Point>,
    /// The life of every failure, by the fingerprint of its results.
    pub lives: BTreeMap<String, Life>,
    /// By promise: since which run it is kept without a break.
    pub kept_since: BTreeMap<String, String>,
}
