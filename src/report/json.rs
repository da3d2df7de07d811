//! `--format json`: the outcome as it is, schema `outcrop/v1`.

use crate::model::Outcome;
use std::io::{self, Write};

/// Writes the outcome as indented JSON with a line end.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, outcome)?;
    out.write_all(b"\n")
}
