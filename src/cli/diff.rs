//! `outcrop diff OLD NEW`: what appeared, what was fixed, what changed, what was lost sight of.

use super::output::width;
use crate::inventory::Store;
use crate::judge::diff::{Change, Differences, compare};
use crate::judge::gate::FailOn;
use crate::model::Outcome;
use crate::report::safe::{cut, terminal};
use crate::{engine, subjects};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// The older run.
    old: PathBuf,
    /// The newer run.
    new: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Exit with 3 where a failure appeared at or above this severity, with 4 where one was lost sight of.
    #[arg(long, value_enum, default_value_t = FailOn::None, value_name = "SEVERITY")]
    fail_on: FailOn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

pub(super) fn outcome(path: &Path) -> anyhow::Result<Outcome> {
    let store = Store::open(path, &subjects::tables())?;
    let outcome = engine::outcome(&store)?;
    if outcome.results.is_empty() && store.judged()?.is_none() {
        anyhow::bail!(
            "`{}` holds no results; judge it first: outcrop check {} --out JUDGED",
            path.display(),
            path.display()
        );
    }
    Ok(outcome)
}

impl Diff {
    pub fn run(&self) -> anyhow::Result<u8> {
        let (old, new) = (outcome(&self.old)?, outcome(&self.new)?);
        let all = compare(&old, &new);
        let mut out = crate::cli::out();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &all)?;
                writeln!(out)?;
            }
            Format::Table => print(&all, &mut out)?,
        }
        let Some(at) = self.fail_on.severity() else {
            return Ok(0);
        };
        let gates = |list: &[Change]| {
            list.iter().any(|one| {
                crate::model::Severity::ALL
                    .iter()
                    .any(|known| *known <= at && known.as_str() == one.severity)
            })
        };
        Ok(if gates(&all.appeared) {
            3
        } else if gates(&all.lost_sight_of) {
            4
        } else {
            0
        })
    }
}

fn print(all: &Differences, out: &mut dyn Write) -> std::io::Result<()> {
    let parts = [
        ("Appeared", &all.appeared),
        ("Fixed", &all.fixed),
        ("Changed", &all.changed),
        ("Lost sight of", &all.lost_sight_of),
    ];
    let wide = usize::from(width());
    for (title, list) in parts {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "\n{title}: {}", list.len())?;
        for one in list {
            let part = if one.part.is_empty() {
                String::new()
            } else {
                format!(" [{}]", one.part)
            };
            writeln!(
                out,
                "  {:<8} {}\n           {}",
                one.severity,
                terminal(&one.rule),
                cut(&format!("{}{part}", one.resource), wide.max(60) * 2)
            )?;
            writeln!(out, "           {}", cut(&one.message, wide.max(60) * 3))?;
        }
    }
    let counts: Vec<String> = parts
        .iter()
        .map(|(title, list)| format!("{} {}", list.len(), title.to_lowercase()))
        .collect();
    writeln!(out, "\n{}", counts.join(", "))
}
