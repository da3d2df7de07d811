//! `--format json`: the outcome as it is, schema `outcrop/v1`, with what follows from it: the headline, the changes that close
//! failures, the promises, and why results are unknown.

use super::causes::{self, Cause};
use crate::model::{
    Change, Headline, Outcome, Promise, Stage, changes, headline, promises, stages,
};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Report<'o> {
    #[serde(flatten)]
    outcome: &'o Outcome,
    /// The question of the run and its answer.
    headline: Headline,
    /// What one change closes, those that close most first.
    changes: Vec<Change>,
    /// The days of the rollout.
    stages: Vec<Stage>,
    /// What a production platform promises, and what the run says of it.
    promises: Vec<Promise>,
    /// Why results are unknown.
    causes: Vec<Cause>,
}

/// Writes the outcome as indented JSON with a line end.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let promises = promises(outcome);
    let report = Report {
        outcome,
        headline: headline(outcome),
        changes: changes(outcome),
        stages: stages(&promises),
        promises,
        causes: causes::of(outcome),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}
