//! What a run holds beside verdicts: for pictures, and for the first questions that people ask.

use std::collections::BTreeMap;

/// A thing that a picture shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// `knowledge base`, `vector store`, `KMS key`, ...
    pub kind: String,
    /// For a person.
    pub name: String,
    /// As results name it.
    pub id: String,
}

/// Data on its way from one thing to the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chain {
    /// Account.
    pub account_id: String,
    /// Region.
    pub region: String,
    /// In order.
    pub things: Vec<Thing>,
    /// Why it is not known what stands here; empty where it is.
    pub unseen: String,
}

/// Where prompts and answers are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptStore {
    /// Account.
    pub account_id: String,
    /// Region.
    pub region: String,
    /// `log-group`, `invocation-logs`, `large-data`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Principals that certainly can read it by their own policies.
    pub readers: Vec<String>,
    /// Why there may be more; empty where these are all.
    pub unclear: Vec<String>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estate {
    /// VPC of each subnet.
    pub vpcs: BTreeMap<String, String>,
    /// Where the data lies.
    pub chains: Vec<Chain>,
    /// Was CloudTrail asked what was called?
    pub observed: bool,
    /// Where prompts are kept.
    pub prompts: Vec<PromptStore>,
    /// Account and Region of which it is known that invocation logging is off.
    pub unlogged: Vec<(String, String)>,
    /// Account and Region of which it is not known, and why.
    pub unknown_logging: Vec<(String, String, String)>,
}
