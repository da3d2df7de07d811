//! The nouns that every layer shares: what a run is, what was seen, what was judged.
//!
//! Nothing here reads or writes anything, so nothing here can fail except parsing.

mod arn;
mod change;
mod estate;
pub mod file;
mod headline;
mod history;
mod observed;
mod outcome;
mod part;
mod pattern;
mod promise;
mod region;
mod run;
mod unique;
mod value;

pub use arn::{Arn, account_arn};
pub use change::{Change, Closer, changes, owner};
pub use estate::{Chain, Estate, PromptStore, Thing};
pub use headline::{Answer, Headline, headline};
pub use history::{Counts, History, Life, Point, State};
pub use observed::{Gap, OPEN_OPERATOR, Observed, Reason, merge};
pub use outcome::{
    ATTESTATION_REFUTED, AttestationReport, AttestationStatus, CoverageLine, Finding, Location,
    NotInFile, Outcome, RuleText, Severity, Summary, Verdict, Waiver, WaiverReport, WaiverStatus,
    counted,
};
pub use part::{Asked, Shard};
pub use pattern::{Class, Pattern, Token, arn_matches, glob, globs_meet, wild, without_place};
pub use promise::{Claim, Promise, PromiseState, Stage, promises, stages};
pub use region::is_region;
pub use run::{
    AccountInfo, AccountKind, Configuration, NOT_SELECTED, NotRun, RunInfo, SKIPPED, Source,
    left_out,
};
pub use unique::Unique;
pub use value::Value;

/// The Region name of what belongs to no Region (IAM, Organizations, the list of buckets).
pub const GLOBAL: &str = "global";
/// Stands for the account where a file names none; CDK's own word. Whether it is a given account is not known.
pub const UNKNOWN_ACCOUNT: &str = "unknown-account";
/// Stands for the Region where a file names none.
pub const UNKNOWN_REGION: &str = "unknown-region";
