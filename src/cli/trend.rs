//! `outcrop trend RUN...`: failures over several runs.

use super::diff::outcome;
use crate::judge::trend::{Trend, trend};
use crate::report::safe::cut;
use comfy_table::{Table, presets};
use std::io::Write;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Trends {
    /// Runs, in any order.
    #[arg(required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// For a person at a terminal, or as JSON (schema `outcrop-trend/v1`) with every failure's life.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

impl Trends {
    pub fn run(&self) -> anyhow::Result<u8> {
        let outcomes = self
            .runs
            .iter()
            .map(|run| outcome(run))
            .collect::<anyhow::Result<_>>()?;
        let all = trend(outcomes);
        let mut out = crate::cli::out();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &all)?;
                writeln!(out)?;
            }
            Format::Table => print(&all, &mut out)?,
        }
        Ok(0)
    }
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .force_no_tty()
        .set_header(head.to_vec());
    table
}

fn print(all: &Trend, out: &mut dyn Write) -> std::io::Result<()> {
    let mut runs = table(&["Run", "Judged", "Open", "New", "Fixed", "Lost sight of"]);
    for one in &all.runs {
        runs.add_row([
            cut(&one.run, 20),
            cut(&one.judged_at, 20),
            one.counts.open.to_string(),
            one.counts.new.to_string(),
            one.counts.fixed.to_string(),
            one.counts.lost_sight_of.to_string(),
        ]);
    }
    writeln!(out, "{runs}")?;
    let mut rules = table(&[
        "Severity",
        "Rule",
        "Account",
        "Open",
        "New",
        "Fixed",
        "Lost sight of",
        "Waived",
        "Oldest",
    ]);
    for line in &all.rules {
        rules.add_row([
            line.severity.as_str().to_owned(),
            cut(&line.rule, 80),
            cut(&line.account_id, 20),
            line.open.to_string(),
            line.new.to_string(),
            line.fixed.to_string(),
            line.lost_sight_of.to_string(),
            line.waived.to_string(),
            line.oldest_days
                .map_or_else(String::new, |days| format!("{days} days")),
        ]);
    }
    writeln!(out, "{rules}")?;
    for note in &all.notes {
        writeln!(out, "note: {}", cut(note, 400))?;
    }
    Ok(())
}
