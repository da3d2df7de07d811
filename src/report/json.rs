//! `--format json`: the outcome as it is, schema `outcrop/v1`, with what follows from it: the headline, the changes that close
//! failures, the promises, and why results are unknown.

use super::causes;
use crate::model::{
    Change, Headline, Outcome, Promise, Stage, changes, headline, promises, stages,
};
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

#[derive(Serialize)]
struct Report<'o> {
    #[serde(flatten)]
    outcome: &'o Outcome,
    /// The question of the run, its answer, and what it rests on.
    headline: Rests<'o>,
    /// What one change closes, those that close most first.
    changes: Vec<Change>,
    /// The days of the rollout.
    stages: Vec<Stage>,
    /// What a production platform promises, and what the run says of it.
    promises: Vec<Promise>,
    /// Why things fail: each cause with what one change to it closes. `changes` says more of each.
    causes: Vec<Json>,
    /// Why results are unknown.
    gaps: Vec<Json>,
}

/// The headline, with what its sentences say as values.
#[derive(Serialize)]
struct Rests<'o> {
    #[serde(flatten)]
    headline: Headline,
    /// Rules that ran.
    rules_run: usize,
    /// Rules that there are.
    rules_shipped: usize,
    /// By rule: the severity that the configuration gives it.
    severities_changed: BTreeMap<&'o str, &'static str>,
    /// Rules that the configuration disables.
    disabled: &'o [String],
    /// Parameters that were changed, which may exempt what rules would judge.
    exemptions: &'o [String],
    /// The configuration file, `null` where there is none.
    configuration: Option<Json>,
}

fn rests(outcome: &Outcome) -> Rests<'_> {
    let run = &outcome.run;
    Rests {
        headline: headline(outcome),
        rules_run: outcome.rules_run(),
        rules_shipped: outcome.rules_run() + run.not_run.len(),
        severities_changed: run
            .severities
            .iter()
            .map(|(rule, [_, to])| (rule.as_str(), to.as_str()))
            .collect(),
        disabled: &outcome.disabled,
        exemptions: &run.changed_parameters,
        configuration: run
            .configuration
            .as_ref()
            .map(|one| json!({"path": one.file, "sha256": one.sha256})),
    }
}

fn failing(changes: &[Change]) -> Vec<Json> {
    changes
        .iter()
        .map(|change| {
            json!({
                "id": change.id,
                "title": change.sentence,
                "resource": change.on,
                "account_id": change.account_id,
                "closes": change.closes,
                "results": change.results,
                // `outcrop fix --cause ID` works it out.
                "fix": Json::Null,
            })
        })
        .collect()
}

/// Writes the outcome as indented JSON with a line end.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let promises = promises(outcome);
    let changes = changes(outcome);
    let report = Report {
        outcome,
        headline: rests(outcome),
        causes: failing(&changes),
        changes,
        stages: stages(&promises),
        promises,
        gaps: causes::of(outcome)
            .iter()
            .map(causes::Cause::json)
            .collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}
