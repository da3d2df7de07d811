//! What a merge itself worsens, told from the plan alone: it carries the state before.
//!
//! A plan does not hold the account, so what it says of an existing network is open. But where its own state shows a
//! private path and the state after the change shows a public one, the change is what turns it, and it gates.

use super::{Judge, now};
use crate::inventory::Store;
use crate::model::{Finding, Gap, Outcome, Reason, Verdict};
use crate::services::declared::{Change, Declared};
use crate::sources::files::{Files, Variant};
use crate::subjects;
use std::collections::{BTreeMap, BTreeSet};

/// Does the plan change or take away something that exists?
pub(super) fn changes_what_exists(files: &Files, variant: &Variant) -> bool {
    let after: BTreeMap<&str, &Declared> = variant
        .resources
        .iter()
        .map(|one| (one.address.as_str(), one))
        .collect();
    let differs = |one: &Declared| {
        after
            .get(one.address.as_str())
            .is_none_or(|other| other.values != one.values)
    };
    !files.before.is_empty()
        && (files.before.iter().any(differs) || variant.resources.len() > files.before.len())
}

/// Judges resources as if there were nothing but them and what AWS makes with them.
fn alone(
    judge: &mut Judge,
    files: &Files,
    resources: &[Declared],
) -> anyhow::Result<BTreeMap<String, Finding>> {
    let made = |one: &Declared| {
        // What exists is known by its own id, which other resources name.
        let made = one
            .at("id")
            .text()
            .known()
            .filter(|_| one.change != Change::Create)
            .unwrap_or_else(|| one.made.clone());
        Declared {
            change: Change::Create,
            made,
            ..one.clone()
        }
    };
    let variant = Variant {
        when: String::new(),
        resources: resources.iter().map(made).collect(),
    };
    let bare = Files {
        source: files.source,
        variants: Vec::new(),
        before: Vec::new(),
        notes: Vec::new(),
        ignores: Vec::new(),
        open: Vec::new(),
        undeclared: Vec::new(),
        rewritten: Vec::new(),
        moved: BTreeMap::new(),
    };
    let mut store = Store::memory(&subjects::tables())?;
    let mut run = variant.fill(&bare, &mut store)?;
    run.started_at = now();
    run.finished_at.clone_from(&run.started_at);
    judge.complete(&mut run)?;
    let outcome = judge.judge(&mut store, &run)?;
    Ok(outcome
        .results
        .into_iter()
        .map(|result| (result.fingerprint.clone(), result))
        .collect())
}

/// Marks what is open only because the plan is not the account, and what the change itself turns.
pub(super) fn mark(
    judge: &mut Judge,
    files: &Files,
    variant: &Variant,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    if !changes_what_exists(files, variant) {
        return Ok(());
    }
    let before = alone(judge, files, &files.before)?;
    let mut after = alone(judge, files, &variant.resources)?;
    // Logs and guardrails protect others: what passed by them, and is taken away, is no longer known to hold.
    let stays: BTreeSet<&str> = variant
        .resources
        .iter()
        .map(|one| one.address.as_str())
        .collect();
    let taken: Vec<&Declared> = files
        .before
        .iter()
        .filter(|one| !stays.contains(one.address.as_str()))
        .collect();
    // A rule about an account passes by what logs there.
    let logs = ["logging", "trail", "flow_log"];
    let of_account = |result: &Finding| {
        result.resource_type == "AWS::::Account"
            && taken.iter().any(|one| {
                logs.iter()
                    .any(|word| one.kind.to_ascii_lowercase().contains(word))
            })
    };
    let protects = |result: &&Finding| {
        result.verdict == Verdict::Pass
            && ["logging", "guardrails"].contains(&result.pillar.as_str())
            && after
                .get(&result.fingerprint)
                .is_none_or(|now| !matches!(now.verdict, Verdict::Pass | Verdict::Fail))
            && (of_account(result) || taken.iter().any(|one| one.address == result.resource))
    };
    let gone: Vec<Finding> = before.values().filter(protects).cloned().collect();
    after.retain(|fingerprint, result| {
        result.verdict == Verdict::Fail
            && before
                .get(fingerprint)
                .is_none_or(|old| matches!(old.verdict, Verdict::Pass | Verdict::NotApplicable))
    });
    // What did not exist before is new, and judged as any new thing is.
    let existed: Vec<&str> = files
        .before
        .iter()
        .map(|one| one.address.as_str())
        .collect();
    after.retain(|_, result| existed.contains(&result.resource.as_str()));
    for result in outcome
        .results
        .iter_mut()
        .filter(|result| result.lacks_only_what_no_file_declares())
    {
        if let Some(found) = after.remove(&result.fingerprint) {
            turn(result, &found);
        }
    }
    let there: Vec<String> = outcome
        .results
        .iter()
        .map(|result| result.fingerprint.clone())
        .collect();
    for (_, found) in after
        .into_iter()
        .filter(|(fingerprint, _)| !there.contains(fingerprint))
    {
        let mut result = found.clone();
        turn(&mut result, &found);
        outcome.results.push(result);
    }
    for mut result in gone {
        if !there.contains(&result.fingerprint) {
            let what = if result.resource_type == "AWS::::Account" {
                "what logs here".to_owned()
            } else {
                result.resource.clone()
            };
            result.verdict = Verdict::Unknown;
            result.message = format!(
                "This change removes {what}, on which the pass rests today; what replaces it is not in the plan. Evaluate the plan against a recorded run to be sure."
            );
            result.missing = vec![Gap::unresolved(
                "change",
                format!("{what} is removed by this change"),
            )];
            outcome.results.push(result);
        }
    }
    outcome.settle();
    Ok(())
}

fn turn(result: &mut Finding, found: &Finding) {
    result.verdict = Verdict::Unknown;
    result.message = format!(
        "This change makes it fail, as far as the plan and its state show: {}. Evaluate the plan against a recorded run to be sure.",
        found.message.trim_end_matches('.')
    );
    result.missing.insert(
        0,
        Gap {
            fact: "change".to_owned(),
            operation: String::new(),
            action: String::new(),
            reason: Reason::Unresolved,
            detail: format!(
                "{}: it does not fail in the state before this change, and does after it",
                found.resource
            ),
        },
    );
    // Who accepted the failure accepted this.
    if result.waiver.is_none() {
        result.waiver.clone_from(&found.waiver);
    }
    if result.evidence.is_empty() {
        result.evidence.clone_from(&found.evidence);
    }
}
