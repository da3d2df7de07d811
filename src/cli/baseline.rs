//! `outcrop baseline`: the fingerprints of today's failures.

use super::Global;
use super::check::Subject;
use super::output::write_private;
use crate::judge::{NOT_GIVEN, baseline};
use anyhow::Context as _;
use std::io::Write;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Baseline {
    #[command(flatten)]
    subject: Subject,
    /// Write here instead of standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

impl Baseline {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        if let Some(path) = &self.to {
            super::output::unshared(path)?;
        }
        let outcome = self.subject.outcome(global)?;
        for note in &outcome.run.notes {
            if !global.quiet && note.starts_with(NOT_GIVEN) {
                anstream::eprintln!("note: {}", crate::report::safe::cut(note, 2000));
            }
        }
        let (text, count) = baseline::text(&outcome)?;
        match &self.to {
            Some(path) => write_private(path, text.as_bytes())
                .with_context(|| format!("cannot write `{}`", path.display()))?,
            None => crate::cli::out().write_all(text.as_bytes())?,
        }
        if !global.quiet {
            anstream::eprintln!("{count} failures; judge with --baseline, and only others gate");
        }
        Ok(0)
    }
}
