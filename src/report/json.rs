//! `--format json`: the outcome as it is, schema `outcrop/v1`.

use super::causes::{self, Cause};
use crate::model::Outcome;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Report<'o> {
    #[serde(flatten)]
    outcome: &'o Outcome,
    /// Why results are unknown.
    causes: Vec<Cause>,
}

/// Writes the outcome as indented JSON with a line end.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let causes = causes::of(outcome);
    serde_json::to_writer_pretty(&mut *out, &Report { outcome, causes })?;
    out.write_all(b"\n")
}
