//! Baselines: the fingerprints of failures that are known already.

use crate::model::{Finding, Outcome, Source, Verdict};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

const SCHEMA: &str = "outcrop-baseline/v1";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    failures: Vec<Entry>,
}

/// One failure; only the fingerprint counts, the rest is for whoever reads the file.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    fingerprint: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    part: String,
}

/// The failures of an outcome as the text of a baseline, and how many there are.
///
/// # Errors
/// When they cannot be written as JSON.
pub fn text(outcome: &Outcome) -> anyhow::Result<(String, usize)> {
    let mut failures: BTreeMap<&str, Entry> = BTreeMap::new();
    for result in outcome
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Fail && result.waiver.is_none())
    {
        failures.insert(
            &result.fingerprint,
            Entry {
                fingerprint: result.fingerprint.clone(),
                rule: result.rule.clone(),
                severity: result.severity.as_str().to_owned(),
                resource: result.resource.clone(),
                part: result.part.clone(),
            },
        );
    }
    let mut failures: Vec<Entry> = failures.into_values().collect();
    failures.sort_by(|a, b| (&a.rule, &a.resource, &a.part).cmp(&(&b.rule, &b.resource, &b.part)));
    let count = failures.len();
    let mut text = serde_json::to_string_pretty(&File {
        schema: SCHEMA.to_owned(),
        failures,
    })?;
    text.push('\n');
    Ok((text, count))
}

/// What a failure is called today that a baseline wrote under another name: of an app with one stack, without the stack's name;
/// of a resource that a plan moves (`moved`), by its address before.
fn renamed(entry: &Entry, outcome: &Outcome, there: &HashSet<&str>) -> Option<String> {
    if there.contains(entry.fingerprint.as_str()) {
        return None;
    }
    let was = |result: &Finding| outcome.run.moved.get(&result.resource).map(String::as_str);
    let moved = outcome.results.iter().find(|result| {
        result.rule == entry.rule
            && result.part == entry.part
            && was(result) == Some(entry.resource.as_str())
    });
    if let Some(moved) = moved {
        return Some(moved.fingerprint.clone());
    }
    if outcome.run.source != Source::Cloudformation {
        return None;
    }
    let is_it = |result: &&Finding| {
        let bare = result.resource.split_once('.').map(|(_, bare)| bare);
        result.rule == entry.rule
            && result.part == entry.part
            && bare == Some(entry.resource.as_str())
    };
    let mut all = outcome.results.iter().filter(is_it);
    match (all.next(), all.next()) {
        (Some(only), None) => Some(only.fingerprint.clone()),
        _ => None,
    }
}

/// Marks what a baseline knows as existing and all other failures as new.
///
/// # Errors
/// When the baseline cannot be read or is of another schema.
pub fn apply(path: &Path, outcome: &mut Outcome) -> anyhow::Result<()> {
    let shown = path.display();
    let text = crate::model::file::read_text(path)
        .with_context(|| format!("cannot read the baseline `{shown}`"))?;
    let file: File = serde_json::from_str(&text)
        .map_err(|error| anyhow::anyhow!("{shown}: {error}; write it with `outcrop baseline`"))?;
    if file.schema != SCHEMA {
        anyhow::bail!(
            "{shown}: the schema is `{}`; this reads `{SCHEMA}`",
            file.schema
        );
    }
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    let there: HashSet<&str> = outcome
        .results
        .iter()
        .map(|result| result.fingerprint.as_str())
        .collect();
    for entry in file.failures {
        let same = renamed(&entry, outcome, &there).unwrap_or(entry.fingerprint);
        known.insert(same, false);
    }
    for result in &mut outcome.results {
        let found = known.get_mut(&result.fingerprint);
        result.origin = match (found, result.verdict) {
            (Some(seen), Verdict::Fail) => {
                *seen = true;
                Some("existing".to_owned())
            }
            (Some(seen), Verdict::Pass | Verdict::NotApplicable) => {
                *seen = true;
                Some("fixed".to_owned())
            }
            // What cannot be seen any more is no failure that was accepted.
            (Some(seen), Verdict::Unknown) => {
                *seen = true;
                Some("new".to_owned())
            }
            // A run that a plan is laid over may know it already.
            (None, Verdict::Fail) => result.origin.take().or_else(|| Some("new".to_owned())),
            (None, _) => result.origin.take(),
        };
    }
    let gone = known.values().filter(|seen| !**seen).count();
    if gone > 0 {
        outcome.run.notes.push(format!("{gone} failures of the baseline are gone; write it anew so that they cannot come back unseen"));
    }
    Ok(())
}
