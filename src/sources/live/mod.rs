//! Collection from AWS: who asks, which accounts and Regions, in which order.
//!
//! Invariants: the account is confirmed before anything else is asked in it; an account that cannot
//! be entered stays in the run and is unknown everywhere; what is interrupted is marked incomplete.

mod accounts;
mod converse;
mod hub;
mod kms;
pub mod probe;
mod schedule;
mod session;

pub use hub::{Parcel, Sent, send};
pub use kms::KmsKey;
pub use schedule::{Progress, collect};
pub use session::Base;

use crate::model::{AccountInfo, RunInfo};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a scan is asked to do.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Named profile.
    pub profile: Option<String>,
    /// Regions; empty for every enabled one.
    pub regions: Vec<String>,
    /// Every account of the organisation.
    pub org: bool,
    /// Accounts by id.
    pub accounts: Vec<String>,
    /// Accounts left out.
    pub excluded: Vec<String>,
    /// Units of the organisation; empty for all.
    pub units: Vec<String>,
    /// Name or ARN of the audit role.
    pub role: String,
    /// External id.
    pub external_id: Option<String>,
    /// Session name.
    pub session_name: String,
    /// How far back CloudTrail is asked; `None` is not at all.
    pub observe: Option<Duration>,
    /// Calls in flight, over all accounts.
    pub max_concurrency: usize,
    /// Readings that the selected rules need.
    pub wanted: BTreeSet<(&'static str, &'static str)>,
    /// Longest time for one collector in one Region.
    pub deadline: Duration,
}

/// A scan that cannot begin; one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command and the environment do not fit.
    #[error("{0}")]
    Setup(String),
    /// The run file could not be written.
    #[error(transparent)]
    Store(#[from] crate::inventory::Error),
}

/// Accounts of a scan, and what was left out.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// To be entered.
    pub accounts: Vec<AccountInfo>,
    /// Accounts left out, with the reason.
    pub notes: Vec<String>,
}

/// The run as it begins.
fn begin(base: &Base, plan: &Plan) -> RunInfo {
    RunInfo {
        started_at: crate::services::collect::now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        source: crate::model::Source::Live,
        complete: false,
        collected: false,
        caller_arn: base.caller_arn.clone(),
        partition: base.partition.clone(),
        accounts: plan.accounts.clone(),
        notes: plan.notes.iter().chain(&base.notes).cloned().collect(),
        ..RunInfo::empty()
    }
}
