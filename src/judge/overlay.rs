//! `check PLAN --onto RUN`: what a merge brings, finds and mends.

use super::lay::lay_run;
use super::variants::{other_ways, stored, worst};
use super::{Judge, compare, now};
use crate::inventory::Store;
use crate::model::{Outcome, RunInfo, UNKNOWN_ACCOUNT, UNKNOWN_REGION};
use crate::sources::files::{Files, Given};
use crate::sources::overlay;
use crate::subjects;
use std::path::{Path, PathBuf};

/// The run under a plan.
pub struct Base {
    path: PathBuf,
    run: RunInfo,
}

impl Base {
    /// Opens a run, or an inventory folder.
    ///
    /// # Errors
    /// When it is neither, or cannot be read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut store = Store::memory(&subjects::tables())?;
        let run = lay_run(path, &mut store)?;
        Ok(Self {
            path: path.to_owned(),
            run,
        })
    }

    /// What the run says for a plan that does not say it itself: its only account, its only Region.
    ///
    /// # Errors
    /// When the run cannot be read.
    pub fn complete(&self, given: &mut Given) -> anyhow::Result<()> {
        if let ([only], None) = (self.run.accounts.as_slice(), &given.account) {
            given.account = Some(only.id.clone());
        }
        if let ([only], None) = (self.run.regions.as_slice(), &given.region) {
            given.region = Some(only.clone());
        }
        given.made = overlay::made_by_stacks(&self.store(None)?)?;
        Ok(())
    }

    /// A fresh copy of what was recorded.
    fn store(&self, out: Option<&PathBuf>) -> anyhow::Result<Store> {
        let mut store = match out {
            Some(path) => Store::create(path, &subjects::tables())?,
            None => Store::memory(&subjects::tables())?,
        };
        lay_run(&self.path, &mut store)?;
        Ok(store)
    }
}

/// Judges the run with the plan laid over it; each result says whether it is new, existing or fixed.
///
/// # Errors
/// When the file does not tell its account or Region, or a store cannot be written.
pub fn onto(
    judge: &mut Judge,
    base: &Base,
    files: &Files,
    out: Option<&PathBuf>,
) -> anyhow::Result<Outcome> {
    for resource in files
        .variants
        .iter()
        .flat_map(|variant| &variant.resources)
        .chain(&files.before)
    {
        for (value, unknown, flag) in [
            (&resource.account_id, UNKNOWN_ACCOUNT, "--account"),
            (&resource.region, UNKNOWN_REGION, "--region"),
        ] {
            if value == unknown {
                anyhow::bail!(
                    "{}: the file does not tell its {}, and the run holds several; give {flag}",
                    resource.address,
                    flag.trim_start_matches('-')
                );
            }
        }
    }
    let mut store = base.store(None)?;
    let mut run = base.run.clone();
    judge.observing(&store, &mut run)?;
    judge.complete(&mut run)?;
    let notes = run.notes.clone();
    let before = judge.judge(&mut store, &run)?;

    let (mut outcome, kept) = worst(judge, files, out, out.is_some(), |judge, variant, out| {
        let mut store = base.store(out)?;
        let mut run = overlay::lay(files, variant, &mut store, &base.run)?;
        run.notes.extend(
            notes
                .iter()
                .filter(|note| !base.run.notes.contains(note))
                .cloned(),
        );
        run.notes.extend(stored(files, variant, out));
        run.not_held.extend(other_ways(files));
        run.finished_at = now();
        judge.complete(&mut run)?;
        let mut outcome = judge.judge(&mut store, &run)?;
        outcome.run.not_held.clone_from(&base.run.not_held);
        Ok((outcome, store))
    })?;
    compare::mark(&before, &mut outcome);
    outcome.overlaid = true;
    if let Some(store) = kept {
        store.write_origins(
            outcome.results.iter().filter_map(|result| {
                Some((result.fingerprint.as_str(), result.origin.as_deref()?))
            }),
        )?;
        store.finish()?;
    }
    Ok(outcome)
}
