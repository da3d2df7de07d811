//! Why results are unknown: one line for each cause, with what would close it.

use crate::model::{Outcome, Reason, Verdict};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// One cause of unknown results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Why the fact is missing.
    pub reason: Reason,
    /// The API operation that would have told; empty when none would.
    pub operation: String,
    /// The IAM action that the operation needs; empty where a permission is not what is missing.
    pub action: String,
    /// Accounts with results that it leaves unknown.
    pub accounts: Vec<String>,
    /// The same by account and Region.
    pub scopes: Vec<(String, String)>,
    /// How many results it leaves unknown, waived ones aside.
    pub results: usize,
    /// One of the details, for a person.
    pub detail: String,
}

/// What was seen of a cause so far.
#[derive(Default)]
struct Seen<'o> {
    scopes: BTreeSet<(&'o str, &'o str)>,
    results: usize,
    action: String,
    detail: String,
}

/// The causes of an outcome, those that leave most results unknown first. What a file does not declare is no cause of its own:
/// it is said together.
pub fn of(outcome: &Outcome) -> Vec<Cause> {
    type Key = (Reason, String, String);
    let mut all: BTreeMap<Key, Seen<'_>> = BTreeMap::new();
    let open = |result: &&crate::model::Finding| {
        result.verdict == Verdict::Unknown && result.waiver.is_none()
    };
    for result in outcome.results.iter().filter(open) {
        let mut seen = BTreeSet::new();
        for gap in &result.missing {
            if gap.reason == Reason::NotInFile {
                continue;
            }
            // One refused call is one cause wherever it was refused; what no call tells is told by its detail.
            let detail = if gap.operation.is_empty() {
                gap.detail.clone()
            } else {
                String::new()
            };
            let key = (gap.reason, gap.operation.clone(), detail);
            if !seen.insert(key.clone()) {
                continue;
            }
            let seen = all.entry(key).or_default();
            seen.scopes.insert((&result.account_id, &result.region));
            seen.results += 1;
            if seen.action.is_empty() {
                seen.action.clone_from(&gap.action);
            }
            if seen.detail.is_empty() {
                seen.detail.clone_from(&gap.detail);
            }
        }
    }
    let mut causes: Vec<Cause> = all
        .into_iter()
        .map(|((reason, operation, _), seen)| Cause {
            reason,
            operation,
            action: if reason == Reason::Denied {
                seen.action
            } else {
                String::new()
            },
            accounts: seen
                .scopes
                .iter()
                .map(|(account, _)| (*account).to_owned())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            scopes: seen
                .scopes
                .into_iter()
                .map(|(account, region)| (account.to_owned(), region.to_owned()))
                .collect(),
            results: seen.results,
            detail: seen.detail,
        })
        .collect();
    causes.sort_by(|a, b| {
        (b.results, &a.operation, &a.detail).cmp(&(a.results, &b.operation, &b.detail))
    });
    causes
}

impl Cause {
    /// As JSON reports hold it: `opens` counts the results that it leaves open, `statement` is the policy statement that would close it,
    /// `null` where a permission is not what is missing.
    pub fn json(&self) -> Json {
        let told = format!(
            "{:?} {} {}",
            self.reason,
            self.operation,
            if self.operation.is_empty() {
                &self.detail
            } else {
                ""
            }
        );
        let id: String = Sha256::digest(told.as_bytes())
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let scopes: Vec<Json> = self
            .scopes
            .iter()
            .map(|(account, region)| json!({"account_id": account, "region": region}))
            .collect();
        let statement = if self.action.is_empty() {
            Json::Null
        } else {
            json!({"Effect": "Allow", "Action": self.action, "Resource": "*"})
        };
        json!({
            "id": format!("gap-{id}"),
            "operation": self.operation,
            "reason": self.reason,
            "detail": self.detail,
            "scopes": scopes,
            "opens": self.results,
            "statement": statement,
        })
    }

    /// The cause as a sentence.
    pub fn sentence(&self) -> String {
        let accounts = match self.accounts.as_slice() {
            [one] => format!("in account {one}"),
            several => format!("in {} accounts", several.len()),
        };
        let results = match self.results {
            1 => "1 result is".to_owned(),
            many => format!("{many} results are"),
        };
        let what = match (self.reason, self.operation.is_empty()) {
            (Reason::Denied, false) => format!("{} was denied {accounts}", self.operation),
            (Reason::Error, false) => format!("{} failed {accounts}", self.operation),
            (Reason::NotScanned, false) => format!("{} was not called {accounts}", self.operation),
            _ => self.detail.clone(),
        };
        let then = if self.action.is_empty() {
            String::new()
        } else {
            format!("; allow {}", self.action)
        };
        format!("{what}: {results} unknown{then}")
    }
}

/// The IAM actions that would close what was denied.
pub fn actions(causes: &[Cause]) -> Vec<String> {
    let all: BTreeSet<&str> = causes
        .iter()
        .flat_map(|cause| cause.action.split(", "))
        .filter(|action| !action.is_empty())
        .collect();
    all.into_iter().map(str::to_owned).collect()
}
