//! Collection from AWS: who asks, which accounts and Regions, in which order.
//!
//! Invariants: the account is confirmed before anything else is asked in it; an account that cannot
//! be entered stays in the run and is unknown everywhere; what is interrupted is marked incomplete.

mod accounts;
mod bucket;
mod converse;
mod hub;
mod kms;
pub mod outward;
pub mod probe;
mod resume;
mod schedule;
mod session;

pub use bucket::Object;
pub use hub::{Parcel, Sent, send};
pub use kms::KmsKey;
pub use schedule::{Progress, collect, listed, still_open};
pub use session::Base;

use crate::model::{AccountInfo, Asked, RunInfo, Shard};
use crate::secrets::Fingerprints;
use sha2::{Digest, Sha256};
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
    /// The share of the scan that is asked for; none for all of it.
    pub shard: Option<Shard>,
}

/// Gives the key of fingerprints to several processes that scan together; the processes make their own without it.
pub const FINGERPRINT_KEY: &str = "OUTCROP_FINGERPRINT_KEY";

impl Request {
    /// What is recorded of it, so that a scan can go on and shards can be joined.
    pub fn asked(&self, fingerprints: String) -> Asked {
        let mut readings = Sha256::new();
        for (table, group) in &self.wanted {
            readings.update(format!("{table} {group}\n"));
        }
        let mut asked = Asked {
            regions: self.regions.clone(),
            org: self.org,
            accounts: self.accounts.clone(),
            excluded: self.excluded.clone(),
            units: self.units.clone(),
            role: self.role.clone(),
            observe: self.observe.map(|window| window.as_secs()),
            readings: readings
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            shard: self.shard,
            fingerprints,
        };
        for list in [
            &mut asked.regions,
            &mut asked.accounts,
            &mut asked.excluded,
            &mut asked.units,
        ] {
            list.sort();
            list.dedup();
        }
        asked
    }
}

/// The key of this process, or the one that several share.
///
/// # Errors
/// When the shared one is too short, or the system gives no random bytes.
fn fingerprints() -> Result<Fingerprints, Error> {
    match std::env::var(FINGERPRINT_KEY) {
        Ok(text) if !text.is_empty() => Fingerprints::from_text(&text)
            .map_err(|why| Error::Setup(format!("{FINGERPRINT_KEY}: {why}"))),
        _ => Fingerprints::random()
            .map_err(|error| Error::Setup(format!("the system gives no random bytes: {error}"))),
    }
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
