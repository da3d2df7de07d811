//! What a result leads to: the change that closes a failure, the promise that it serves, and what a file alone leaves open.

use super::Rule;
use super::sentences::{filled, placeholders};
use crate::inventory::FILE;
use crate::model::{
    Claim, Closer, Finding, Gap, NotInFile, Reason, RunInfo, Severity, Verdict, account_arn,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The promises of a production platform, in the order of the file; a test holds that they parse.
pub(super) static CLAIMS: LazyLock<Vec<Claim>> = LazyLock::new(|| {
    yaml_serde::from_str(include_str!("../../data/claims.yaml")).unwrap_or_default()
});

/// What kinds of change do, by name; a test holds that they parse.
pub(super) static CHANGES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    yaml_serde::from_str(include_str!("../../data/changes.yaml")).unwrap_or_default()
});

/// What would close a failure: the first cause of its rule that can be filled in.
pub(super) fn closer(rule: &Rule, cells: &BTreeMap<String, Json>, resource: &str) -> Closer {
    let whole = |name: &&str| {
        cells.get(*name).is_some_and(|cell| match cell {
            Json::Null => false,
            Json::String(text) => !text.is_empty(),
            _ => true,
        })
    };
    let found = rule
        .cause
        .iter()
        .find(|cause| placeholders(&cause.on).iter().all(whole));
    found.map_or_else(
        || Closer {
            change: rule.id.clone(),
            on: resource.to_owned(),
            follows: String::new(),
        },
        |cause| Closer {
            change: cause.change.clone(),
            on: filled(&cause.on, cells),
            follows: cause.follows.clone(),
        },
    )
}

/// Takes out what a file leaves open of an account as a whole: it is said once for each rule, not by a row.
pub(super) fn outside(run: &RunInfo, results: &mut Vec<Finding>) -> Vec<NotInFile> {
    let mut rules: BTreeMap<(Severity, String), NotInFile> = BTreeMap::new();
    if !run.source.is_file() {
        return Vec::new();
    }
    let of_account =
        |result: &Finding| result.resource == account_arn(&run.partition, &result.account_id);
    // What is not settled yet has a row by its name, where a rule as severe judges it; the account need not repeat it.
    let mut named: BTreeMap<(Reason, String), Severity> = BTreeMap::new();
    for result in results.iter().filter(|result| {
        // What somebody accepted says nothing for anyone else.
        result.verdict == Verdict::Unknown && result.waiver.is_none() && !of_account(result)
    }) {
        for gap in &result.missing {
            let worst = named
                .entry((gap.reason, gap.detail.clone()))
                .or_insert(result.severity);
            *worst = result.severity.min(*worst);
        }
    }
    // The most severe first: what one result of the account says, the others need not.
    let mut order: Vec<usize> = (0..results.len())
        .filter(|place| {
            let result = &results[*place];
            result.verdict == Verdict::Unknown
                && result.waiver.is_none()
                && of_account(result)
                && !result.missing.is_empty()
        })
        .collect();
    order.sort_by(|a, b| {
        let key = |place: usize| (results[place].severity, &results[place].rule);
        key(*a).cmp(&key(*b))
    });
    let mut out = BTreeSet::new();
    for place in order {
        let result = &mut results[place];
        let said = |gap: &Gap| {
            gap.reason == Reason::NotInFile
                || named
                    .get(&(gap.reason, gap.detail.clone()))
                    .is_some_and(|worst| *worst <= result.severity)
        };
        if !result.missing.iter().all(said) {
            for gap in result.missing.iter().filter(|gap| gap.fact == FILE) {
                named
                    .entry((gap.reason, gap.detail.clone()))
                    .and_modify(|worst| *worst = result.severity.min(*worst))
                    .or_insert(result.severity);
            }
            // What no file declares is said together.
            if result.missing.iter().any(|gap| gap.fact == FILE) {
                result.missing.retain(|gap| gap.reason != Reason::NotInFile);
            }
            continue;
        }
        out.insert(place);
        let rule = rules
            .entry((result.severity, result.rule.clone()))
            .or_insert_with(|| NotInFile {
                rule: result.rule.clone(),
                title: result.title.clone(),
                severity: result.severity,
                results: 0,
                folded: Vec::new(),
            });
        rule.results += 1;
        rule.folded.push(result.fingerprint.clone());
    }
    let mut place = 0;
    results.retain(|_| {
        place += 1;
        !out.contains(&(place - 1))
    });
    rules.into_values().collect()
}
