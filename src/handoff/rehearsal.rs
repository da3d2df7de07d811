//! The machine half of a rehearsal: the same source, deployed to another account, judged and held against the first run.

use super::{Section, vendor};
use crate::inventory::{Error, Store};
use crate::model::{Outcome, Verdict};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Ids that AWS makes anew in every account.
static MADE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(?<kind>vpc|subnet|sg|rtb|vpce|eni|nat|igw|acl|i|fl|tgw|pl|key/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4})-[0-9a-f]{8,17}\b").ok()
});

/// What stays the same of a result when a stack is deployed elsewhere: rule, type, and name without account and Region.
fn likeness(outcome: &Outcome) -> BTreeMap<(String, String, String), Verdict> {
    let strip = |text: &str| {
        let mut text = text.to_owned();
        for account in &outcome.run.accounts {
            text = text.replace(&account.id, "ACCOUNT");
        }
        for region in &outcome.run.regions {
            text = text.replace(region.as_str(), "REGION");
        }
        match &*MADE {
            Some(made) => made.replace_all(&text, "$kind-ID").into_owned(),
            None => text,
        }
    };
    let mut all: BTreeMap<(String, String, String), Verdict> = BTreeMap::new();
    for result in &outcome.results {
        let name = strip(&format!("{} {}", result.resource, result.part));
        let key = (
            result.rule.clone(),
            result.resource_type.clone(),
            name.trim().to_owned(),
        );
        // Of several that look alike the worst counts.
        let worst = |verdict: Verdict| match verdict {
            Verdict::Fail => 0,
            Verdict::Unknown => 1,
            Verdict::Pass => 2,
            Verdict::NotApplicable => 3,
        };
        all.entry(key)
            .and_modify(|known| {
                if worst(result.verdict) < worst(*known) {
                    *known = result.verdict;
                }
            })
            .or_insert(result.verdict);
    }
    all
}

/// Where the second run still names an account of the first.
fn still_named(
    first: &Outcome,
    other: &Store,
    second: &Outcome,
) -> Result<Vec<Vec<String>>, Error> {
    let old: BTreeSet<String> = first
        .run
        .accounts
        .iter()
        .map(|account| account.id.clone())
        .filter(|id| second.run.account(id).is_none())
        .collect();
    let found = vendor::named(other, &old)?;
    Ok(found
        .into_iter()
        .map(|row| {
            vec![
                row[0].clone(),
                format!("{} still {}", row[2], row[3]),
                String::new(),
                String::new(),
            ]
        })
        .collect())
}

/// What is missing, what differs, and what still names the old account.
///
/// # Errors
/// When the second run cannot be read.
pub(super) fn section(first: &Outcome, other: &Store, second: &Outcome) -> Result<Section, Error> {
    let mut section = Section::new(
        "rehearsal",
        "The rehearsal in another account",
        "",
        &["Resource", "What", "Here", "In the rehearsal"],
    );
    let (here, there) = (likeness(first), likeness(second));
    let mut same = 0;
    for ((rule, kind, name), verdict) in &here {
        match there.get(&(rule.clone(), kind.clone(), name.clone())) {
            Some(other) if other == verdict => same += 1,
            Some(other) => section.rows.push(vec![
                name.clone(),
                format!("{rule} differs"),
                verdict.as_str().to_owned(),
                other.as_str().to_owned(),
            ]),
            None if *verdict == Verdict::NotApplicable => {}
            None => section.rows.push(vec![
                name.clone(),
                format!("{rule}: no such {kind} there"),
                verdict.as_str().to_owned(),
                "missing".to_owned(),
            ]),
        }
    }
    for ((rule, kind, name), verdict) in &there {
        let is_new = !here.contains_key(&(rule.clone(), kind.clone(), name.clone()));
        if is_new && *verdict != Verdict::NotApplicable {
            section.rows.push(vec![
                name.clone(),
                format!("{rule}: no such {kind} here"),
                "missing".to_owned(),
                verdict.as_str().to_owned(),
            ]);
        }
    }
    let differ = section.rows.len();
    let named = still_named(first, other, second)?;
    section.says = format!(
        "Run {} of the rehearsal is the same in {same} results, differs in {differ}, and names an account of this run in {} places. Accounts and Regions are left out of the comparison.",
        second.run.id,
        named.len()
    );
    section.rows.extend(named);
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_aws_makes_are_left_out_of_the_comparison() {
        let made = MADE.as_ref().map(|made| {
            made.replace_all("vpc-0a1b2c3d4e5f60718 and vpc-app", "$kind-ID")
                .into_owned()
        });
        assert_eq!(made.as_deref(), Some("vpc-ID and vpc-app"));
    }
}
