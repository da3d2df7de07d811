//! What a change brings, finds and fixes: results before and after it.

use crate::model::{Finding, Outcome, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Is it worth a look?
fn open(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Fail | Verdict::Unknown)
}

/// Says of each result whether the change brings it; adds what is gone as fixed.
pub(super) fn mark(before: &Outcome, after: &mut Outcome) {
    let known: BTreeMap<&str, &Finding> = before
        .results
        .iter()
        .map(|result| (result.fingerprint.as_str(), result))
        .collect();
    for result in &mut after.results {
        let origin = match (
            known
                .get(result.fingerprint.as_str())
                .map(|old| old.verdict),
            result.verdict,
        ) {
            (None, _) => "new",
            (Some(old), now) if open(old) && !open(now) => "fixed",
            (Some(Verdict::Fail), _) => "existing",
            (Some(Verdict::Unknown), Verdict::Fail) => "new",
            (Some(old), now) if !open(old) && open(now) => "new",
            _ => "existing",
        };
        result.origin = Some(origin.to_owned());
    }
    let there: BTreeSet<String> = after
        .results
        .iter()
        .map(|result| result.fingerprint.clone())
        .collect();
    for old in before
        .results
        .iter()
        .filter(|old| open(old.verdict) && !there.contains(&old.fingerprint))
    {
        let mut gone = old.clone();
        gone.message = format!("gone with this change; it was: {}", old.message);
        gone.verdict = Verdict::NotApplicable;
        gone.origin = Some("fixed".to_owned());
        gone.missing.clear();
        gone.waiver = None;
        after.results.push(gone);
    }
    after.settle();
}
