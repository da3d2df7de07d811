//! What changed between two runs.

use crate::model::{ATTESTATION_REFUTED, Finding, Outcome, Severity, Verdict, account_arn};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One difference.
#[derive(Debug, Serialize)]
pub struct Change {
    /// Rule.
    pub rule: String,
    /// Severity.
    pub severity: &'static str,
    /// Resource.
    pub resource: String,
    /// Part of the resource, where it has several subjects.
    pub part: String,
    /// Account.
    pub account_id: String,
    /// Region.
    pub region: String,
    /// Fingerprint of the result.
    pub fingerprint: String,
    /// `fail`, `unknown`, `pass`, `not-applicable`, or empty where there is no result.
    pub old: String,
    /// The same in the newer run.
    pub new: String,
    /// What the newer run says of it, or why it has no result there.
    pub message: String,
    /// Does a waiver accept it in the newer run?
    pub waived: bool,
}

/// All differences.
#[derive(Debug, Default, Serialize)]
pub struct Differences {
    /// Schema of the JSON.
    pub schema: &'static str,
    /// It fails, and did not.
    pub appeared: Vec<Change>,
    /// It failed, and does not.
    pub fixed: Vec<Change>,
    /// It failed and fails, otherwise; or what was unknown is known.
    pub changed: Vec<Change>,
    /// It was judged, and cannot be any more.
    pub lost_sight_of: Vec<Change>,
}

fn change(old: Option<&Finding>, new: Option<&Finding>, message: String) -> Option<Change> {
    let one = new.or(old)?;
    let word = |result: Option<&Finding>| {
        result
            .map_or("", |result| result.verdict.as_str())
            .to_owned()
    };
    Some(Change {
        rule: one.rule.clone(),
        severity: one.severity.as_str(),
        resource: one.resource.clone(),
        part: one.part.clone(),
        account_id: one.account_id.clone(),
        region: one.region.clone(),
        fingerprint: one.fingerprint.clone(),
        old: word(old),
        new: word(new),
        waived: new.is_some_and(|new| new.waiver.is_some()),
        message,
    })
}

/// Where a result was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    pub rule: &'p str,
    pub account_id: &'p str,
    pub region: &'p str,
}

impl<'p> From<&'p Finding> for Place<'p> {
    fn from(result: &'p Finding) -> Self {
        Self {
            rule: &result.rule,
            account_id: &result.account_id,
            region: &result.region,
        }
    }
}

/// The rules that a run asked; whether it contradicts what people attest is always asked.
pub(super) fn asked(outcome: &Outcome) -> BTreeSet<&str> {
    outcome
        .rules
        .keys()
        .map(String::as_str)
        .chain(outcome.results.iter().map(|result| result.rule.as_str()))
        .chain([ATTESTATION_REFUTED])
        .collect()
}

/// Why nothing is fixed in a run of one of several ways.
const NOT_HELD: &str = "the newer run does not hold all that its files say";

/// Why a result of the old run has none in the new one.
pub(super) fn why_gone(
    old: Place<'_>,
    new: &Outcome,
    rules: &BTreeSet<&str>,
) -> Result<String, String> {
    if !new.run.not_held.is_empty() {
        return Err(NOT_HELD.to_owned());
    }
    if !rules.contains(old.rule) {
        return Err("the rule was not run".to_owned());
    }
    if new.run.account(old.account_id).is_none() {
        return Err("the account is not in the newer run".to_owned());
    }
    if old.region != crate::model::GLOBAL
        && !new.run.regions.iter().any(|region| region == old.region)
    {
        return Err("the Region is not in the newer run".to_owned());
    }
    let hidden = new.results.iter().any(|result| {
        result.verdict == Verdict::Unknown
            && result.rule == old.rule
            && result.account_id == old.account_id
            && result.region == old.region
            // What is unknown of one thing hides no other.
            && result.subject == account_arn(&new.run.partition, &result.account_id)
            && !result.missing.is_empty()
    });
    if hidden {
        Err("something of its scope could not be read in the newer run".to_owned())
    } else {
        Ok("it is gone".to_owned())
    }
}

/// What changed from an older outcome to a newer one.
pub fn compare(old: &Outcome, new: &Outcome) -> Differences {
    let by_print = |outcome: &'_ Outcome| -> BTreeMap<String, usize> {
        outcome
            .results
            .iter()
            .enumerate()
            .map(|(place, result)| (result.fingerprint.clone(), place))
            .collect()
    };
    let (olds, news) = (by_print(old), by_print(new));
    let rules = asked(new);
    let mut all = Differences {
        schema: "outcrop-diff/v1",
        ..Differences::default()
    };
    for (print, place) in &olds {
        let was = &old.results[*place];
        let now = news.get(print).map(|place| &new.results[*place]);
        match (was.verdict, now.map(|now| now.verdict)) {
            (Verdict::Fail, Some(Verdict::Pass | Verdict::NotApplicable))
                if !new.run.not_held.is_empty() =>
            {
                all.lost_sight_of
                    .extend(change(Some(was), now, NOT_HELD.to_owned()));
            }
            (Verdict::Fail, Some(Verdict::Pass | Verdict::NotApplicable)) => all
                .fixed
                .extend(change(Some(was), now, was.message.clone())),
            // There was nothing of the kind, as far as a whole list told.
            (Verdict::Fail | Verdict::Pass | Verdict::NotApplicable, Some(Verdict::Unknown)) => {
                all.lost_sight_of.extend(change(
                    Some(was),
                    now,
                    now.map_or_else(String::new, |now| now.message.clone()),
                ));
            }
            (Verdict::Fail, None) => match why_gone(was.into(), new, &rules) {
                Ok(why) => all.fixed.extend(change(Some(was), None, why)),
                Err(why) => all.lost_sight_of.extend(change(Some(was), None, why)),
            },
            (Verdict::Pass, None) => {
                if let Err(why) = why_gone(was.into(), new, &rules) {
                    all.lost_sight_of.extend(change(Some(was), None, why));
                }
            }
            (Verdict::Fail, Some(Verdict::Fail)) => {
                let Some(now) = now else { continue };
                if was.evidence != now.evidence
                    || was.severity != now.severity
                    || was.waiver.is_some() != now.waiver.is_some()
                {
                    let what = if was.waiver.is_some() != now.waiver.is_some() {
                        if now.waiver.is_some() {
                            "it is waived now".to_owned()
                        } else {
                            "its waiver is gone".to_owned()
                        }
                    } else {
                        now.message.clone()
                    };
                    all.changed.extend(change(Some(was), Some(now), what));
                }
            }
            (Verdict::Unknown, Some(Verdict::Pass | Verdict::NotApplicable)) => all
                .changed
                .extend(change(Some(was), now, "it is known now".to_owned())),
            _ => {}
        }
    }
    for (print, place) in &news {
        let now = &new.results[*place];
        let was = olds.get(print).map(|place| &old.results[*place]);
        if now.verdict == Verdict::Fail && was.is_none_or(|was| was.verdict != Verdict::Fail) {
            all.appeared
                .extend(change(was, Some(now), now.message.clone()));
        }
    }
    for list in [
        &mut all.appeared,
        &mut all.fixed,
        &mut all.changed,
        &mut all.lost_sight_of,
    ] {
        let rank = |severity: &str| {
            Severity::ALL
                .iter()
                .position(|known| known.as_str() == severity)
        };
        list.sort_by(|a, b| {
            (
                rank(a.severity),
                &a.rule,
                &a.account_id,
                &a.region,
                &a.resource,
                &a.part,
            )
                .cmp(&(
                    rank(b.severity),
                    &b.rule,
                    &b.account_id,
                    &b.region,
                    &b.resource,
                    &b.part,
                ))
        });
    }
    all
}
