//! Causes of failures: what one change closes, and which changes pass the gate with the least work.

use super::{Finding, Outcome, Severity, Verdict};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What would close a failure, as its rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closer {
    /// The kind of change, as `data/changes.yaml` names it; the id of the rule where it names none.
    pub change: String,
    /// What is changed.
    pub on: String,
    /// It is closed with the failures whose evidence has this key with the resource of this one.
    pub follows: String,
}

/// One change, and the failures that it closes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Stable across runs.
    pub id: String,
    /// The kind of change.
    pub change: String,
    /// What to do, in one sentence.
    pub sentence: String,
    /// What is changed.
    pub on: String,
    /// Account of the failures.
    pub account_id: String,
    /// Who owns what is changed, where tags name somebody; empty otherwise.
    pub owner: String,
    /// File and line of the first failure that has one.
    pub location: Option<super::Location>,
    /// Failures that it closes, by severity, waived ones aside.
    pub closes: BTreeMap<&'static str, usize>,
    /// The rules of these failures.
    pub rules: Vec<String>,
    /// The fingerprints of these failures.
    pub results: Vec<String>,
    /// What else the change touches: workloads and stores that the failures name.
    pub touches: Vec<String>,
}

impl Change {
    /// Failures of a severity or worse.
    #[must_use]
    pub fn closes_at(&self, at: Severity) -> usize {
        Severity::ALL
            .into_iter()
            .filter(|severity| *severity <= at)
            .filter_map(|severity| self.closes.get(severity.as_str()))
            .sum()
    }

    /// What else it touches, by names that are read easily.
    #[must_use]
    pub fn touched(&self) -> Vec<&str> {
        self.touches
            .iter()
            .map(|name| super::Arn::parse(name).map_or(name.as_str(), |arn| arn.resource))
            .collect()
    }

    /// "2 critical, 1 high".
    #[must_use]
    pub fn counts(&self) -> String {
        Severity::ALL
            .into_iter()
            .filter_map(|severity| {
                self.closes
                    .get(severity.as_str())
                    .map(|count| format!("{count} {}", severity.as_str()))
            })
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Tags that name an owner, in small letters, the better ones first.
const OWNERS: [&str; 5] = ["owner", "team", "owned-by", "service-owner", "contact"];

/// Who answers for a thing by its tags: the tag and what it says.
#[must_use]
pub fn owner(tags: &BTreeMap<String, String>) -> Option<(&str, &str)> {
    OWNERS.into_iter().find_map(|name| {
        tags.iter()
            .find(|(tag, who)| tag.eq_ignore_ascii_case(name) && !who.trim().is_empty())
            .map(|(tag, who)| (tag.as_str(), who.as_str()))
    })
}

/// Keys of evidence that list what a change touches.
const TOUCHES: [&str; 6] = [
    "workloads",
    "callers",
    "users",
    "protects",
    "knowledge_bases",
    "leads_to",
];

type Key = (String, String, String);

fn key(result: &Finding, closer: &Closer) -> Key {
    (
        closer.change.clone(),
        result.account_id.clone(),
        closer.on.clone(),
    )
}

/// The changes that close the failures of an outcome; those that close most of the worst come first. Every failure that nobody
/// waived, and that the change under review does not fix, belongs to exactly one.
#[must_use]
pub fn changes(outcome: &Outcome) -> Vec<Change> {
    let failing: Vec<(&Finding, &Closer)> = outcome
        .results
        .iter()
        .filter(|result| {
            result.verdict == Verdict::Fail
                && result.waiver.is_none()
                && result.origin.as_deref() != Some("fixed")
        })
        .filter_map(|result| result.closer.as_ref().map(|closer| (result, closer)))
        .collect();
    // Whom others follow: by key of evidence and value.
    let followed: BTreeSet<&str> = failing
        .iter()
        .map(|(_, closer)| closer.follows.as_str())
        .filter(|key| !key.is_empty())
        .collect();
    let mut leaders: BTreeMap<(&str, &str), (&Finding, &Closer)> = BTreeMap::new();
    for (result, closer) in failing.iter().filter(|(_, one)| one.follows.is_empty()) {
        for name in &followed {
            let values = result.evidence.get(*name).and_then(|value| value.as_str());
            for value in values.into_iter().flat_map(|text| text.split(", ")) {
                leaders.entry((name, value)).or_insert((result, closer));
            }
        }
    }
    let mut groups: BTreeMap<Key, Vec<&Finding>> = BTreeMap::new();
    for (result, closer) in &failing {
        let key = match leaders.get(&(closer.follows.as_str(), result.subject.as_str())) {
            Some((other, theirs)) => key(other, theirs),
            None => key(result, closer),
        };
        groups.entry(key).or_default().push(result);
    }
    let mut changes: Vec<Change> = groups
        .into_iter()
        .map(|(key, results)| change(outcome, key, &results))
        .collect();
    changes.sort_by_cached_key(|change| {
        let counts: Vec<std::cmp::Reverse<usize>> = Severity::ALL
            .into_iter()
            .map(|severity| {
                std::cmp::Reverse(change.closes.get(severity.as_str()).copied().unwrap_or(0))
            })
            .collect();
        (counts, change.sentence.clone(), change.id.clone())
    });
    changes
}

fn change(outcome: &Outcome, (kind, account, on): Key, results: &[&Finding]) -> Change {
    let mut closes = BTreeMap::new();
    for result in results {
        *closes.entry(result.severity.as_str()).or_default() += 1;
    }
    let owner = results
        .iter()
        .find_map(|result| owner(&result.tags))
        .map(|(_, who)| who.to_owned())
        .unwrap_or_default();
    let mut touches: BTreeSet<String> = BTreeSet::new();
    for result in results {
        for name in TOUCHES {
            match result.evidence.get(name) {
                Some(serde_json::Value::Array(all)) => {
                    touches.extend(all.iter().filter_map(|one| one.as_str()).map(str::to_owned))
                }
                Some(serde_json::Value::String(one)) if !one.is_empty() => {
                    touches.insert(one.clone());
                }
                _ => {}
            }
        }
        touches.remove(&result.resource);
    }
    // What a file declares is named by its address.
    let shown = results
        .iter()
        .find(|result| result.subject == on)
        .map_or(on.as_str(), |result| result.resource.as_str());
    let short = super::Arn::parse(shown).map_or(shown, |arn| arn.resource);
    let short = short.trim_matches(|c: char| c == ' ' || c == ',');
    let sentence = match outcome.changes.get(&kind) {
        Some(text) => text.replace("{on}", short),
        None => format!(
            "{}: {short}",
            results.first().map_or("", |result| result.title.as_str())
        ),
    };
    let mut hash = Sha256::new();
    for text in [&kind, &account, &on] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let digest: String = hash
        .finalize()
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut rules: Vec<String> = results.iter().map(|result| result.rule.clone()).collect();
    rules.sort();
    rules.dedup();
    Change {
        id: format!("{kind}-{digest}"),
        change: kind,
        sentence,
        account_id: account,
        owner,
        location: results.iter().find_map(|result| result.location.clone()),
        closes,
        rules,
        results: results
            .iter()
            .map(|result| result.fingerprint.clone())
            .collect(),
        touches: touches.into_iter().collect(),
        on,
    }
}
