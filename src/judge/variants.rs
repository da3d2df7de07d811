//! Plans and templates whose conditions can turn out in several ways: each is judged, and the worst verdict stands.

use super::{Judge, now, worsened};
use crate::inventory::Store;
use crate::model::{Finding, Outcome, Severity, Verdict, WaiverStatus};
use crate::sources::files::{Files, Variant};
use crate::subjects;
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Judges a file alone, once for each way its conditions can turn out; the worst verdict on each thing stands. Gives the store of
/// the way with the worst verdicts too, where it is to be kept.
///
/// # Errors
/// When a store cannot be written, or a rule was selected that files cannot decide.
pub fn alone(
    judge: &mut Judge,
    files: &Files,
    out: Option<&PathBuf>,
    keep: bool,
) -> anyhow::Result<(Outcome, Option<Store>)> {
    worst(judge, files, out, keep, |judge, variant, out| {
        let mut store = match out {
            Some(path) => Store::create(path, &subjects::tables())?,
            None => Store::memory(&subjects::tables())?,
        };
        let mut run = variant.fill(files, &mut store)?;
        run.notes.extend(stored(files, variant, out));
        run.not_held.extend(other_ways(files));
        if worsened::changes_what_exists(files, variant) {
            run.not_held.push("What a change takes away or worsens is judged with the plan alone, and not in a run.".to_owned());
        }
        run.rewritten = files.rewritten.first().cloned().unwrap_or_default();
        run.started_at = now();
        run.finished_at.clone_from(&run.started_at);
        judge.observing(&store, &mut run)?;
        judge.complete(&mut run)?;
        let mut outcome = judge.judge(&mut store, &run)?;
        outcome.run.not_held.clear();
        worsened::mark(judge, files, variant, &mut outcome)?;
        Ok((outcome, store))
    })
}

/// What a stored run says of itself where it is one of several ways.
pub(super) fn stored(files: &Files, variant: &Variant, out: Option<&PathBuf>) -> Option<String> {
    (out.is_some() && files.variants.len() > 1).then(|| {
        let when = if variant.when.is_empty() { "parameters at their defaults" } else { &variant.when };
        format!("the conditions can turn out in {} ways; this run holds the one with the worst verdicts ({when})", files.variants.len())
    })
}

/// What a run that holds one way does not hold.
pub(super) fn other_ways(files: &Files) -> Option<String> {
    (files.variants.len() > 1).then(|| {
        format!(
            "The conditions can turn out in {} ways, and the run holds one of them.",
            files.variants.len()
        )
    })
}

/// The worst verdict on each thing, over all ways the conditions can turn out, and the store of what was asked to be kept:
/// the way with the worst verdicts. The ways are judged side by side, and joined in their order.
pub(super) fn worst(
    judge: &mut Judge,
    files: &Files,
    out: Option<&PathBuf>,
    keep: bool,
    one: impl Fn(&mut Judge, &Variant, Option<&PathBuf>) -> anyhow::Result<(Outcome, Store)> + Sync,
) -> anyhow::Result<(Outcome, Option<Store>)> {
    if let [only] = files.variants.as_slice() {
        let (outcome, store) = one(judge, only, out)?;
        return Ok((outcome, keep.then_some(store)));
    }
    let outcomes = each(judge, &files.variants, |judge, variant| {
        Ok(one(judge, variant, None)?.0)
    });
    let mut joined: Option<Outcome> = None;
    let mut heaviest: Option<(Vec<usize>, &Variant)> = None;
    for (variant, outcome) in files.variants.iter().zip(outcomes) {
        let outcome = outcome?;
        let weight = weight(&outcome);
        if heaviest.as_ref().is_none_or(|(known, _)| weight > *known) {
            heaviest = Some((weight, variant));
        }
        joined = Some(match joined {
            None => outcome,
            Some(known) => worse(known, outcome, &variant.when),
        });
    }
    let kept = match heaviest {
        Some((_, variant)) if keep => Some(one(judge, variant, out)?.1),
        _ => None,
    };
    Ok((joined.context("the file declares nothing")?, kept))
}

/// One result for each variant, in their order, from as many threads as the machine runs at once.
fn each<T: Send>(
    judge: &Judge,
    variants: &[Variant],
    one: impl Fn(&mut Judge, &Variant) -> anyhow::Result<T> + Sync,
) -> Vec<anyhow::Result<T>> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = variants.len().div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> = variants
            .chunks(share)
            .map(|part| {
                let one = &one;
                scope.spawn(move || {
                    let mut judge = judge.clone();
                    part.iter()
                        .map(|variant| one(&mut judge, variant))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| match part.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// How many fail by severity, then how many are unknown, without those that are waived.
fn weight(outcome: &Outcome) -> Vec<usize> {
    let count = |verdict: Verdict, severity: Severity| {
        outcome
            .results
            .iter()
            .filter(|result| {
                result.verdict == verdict && result.severity == severity && result.waiver.is_none()
            })
            .count()
    };
    let levels = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Info,
    ];
    [Verdict::Fail, Verdict::Unknown]
        .into_iter()
        .flat_map(|verdict| levels.into_iter().map(move |level| (verdict, level)))
        .map(|(v, s)| count(v, s))
        .collect()
}

/// The worse verdict on each thing.
fn worse(left: Outcome, right: Outcome, when: &str) -> Outcome {
    let rank = |result: &Finding| match (result.verdict, result.waiver.is_some()) {
        (Verdict::Fail, false) => 0,
        (Verdict::Fail, true) => 1,
        (Verdict::Unknown, false) => 2,
        (Verdict::Unknown, true) => 3,
        (Verdict::Pass, _) => 4,
        (Verdict::NotApplicable, _) => 5,
    };
    let mut joined = left;
    let mut places: BTreeMap<String, usize> = joined
        .results
        .iter()
        .enumerate()
        .map(|(place, result)| (result.fingerprint.clone(), place))
        .collect();
    for mut result in right.results {
        if !when.is_empty() && matches!(result.verdict, Verdict::Fail | Verdict::Unknown) {
            result.message = format!("{} (when {when})", result.message);
        }
        match places.get(&result.fingerprint) {
            Some(place) if rank(&result) < rank(&joined.results[*place]) => {
                joined.results[*place] = result
            }
            Some(_) => {}
            None => {
                places.insert(result.fingerprint.clone(), joined.results.len());
                joined.results.push(result);
            }
        }
    }
    for account in right.run.accounts {
        if joined.run.account(&account.id).is_none() {
            joined.run.accounts.push(account);
        }
    }
    for one in right.not_in_file {
        match joined
            .not_in_file
            .iter_mut()
            .find(|known| known.rule == one.rule)
        {
            Some(known) => {
                known.results = known.results.max(one.results);
                known.folded.extend(one.folded);
            }
            None => joined.not_in_file.push(one),
        }
    }
    // What holds in one way and is left open in another does not hold.
    let folded: BTreeSet<&String> = joined
        .not_in_file
        .iter()
        .flat_map(|one| &one.folded)
        .collect();
    joined.results.retain(|result| {
        matches!(result.verdict, Verdict::Fail | Verdict::Unknown)
            || !folded.contains(&result.fingerprint)
    });
    for (known, other) in joined.waivers.iter_mut().zip(right.waivers) {
        if other.status == WaiverStatus::Used {
            *known = other;
        }
    }
    for note in right.run.notes {
        if !joined.run.notes.contains(&note) {
            joined.run.notes.push(note);
        }
    }
    joined.settle();
    joined
}
