//! `check PLAN --onto RUN`: what a merge brings, finds and mends.

use super::check::lay_run;
use super::files::{stored, worst};
use super::judging::{Judge, now};
use crate::inventory::Store;
use crate::model::{Finding, Outcome, RunInfo, UNKNOWN_ACCOUNT, UNKNOWN_REGION, Verdict};
use crate::reason;
use crate::sources::files::{Files, Given};
use crate::sources::overlay;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The run under a plan.
pub(super) struct Base {
    path: PathBuf,
    run: RunInfo,
}

impl Base {
    /// Opens a run, or an inventory folder.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut store = Store::memory(&reason::tables())?;
        let run = lay_run(path, &mut store)?;
        Ok(Self { path: path.to_owned(), run })
    }

    /// What the run says for a plan that does not say it itself: its only account, its only Region.
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
            Some(path) => Store::create(path, &reason::tables())?,
            None => Store::memory(&reason::tables())?,
        };
        lay_run(&self.path, &mut store)?;
        Ok(store)
    }
}

/// Judges the run with the plan laid over it; each result says whether it is new, existing or fixed.
pub(super) fn judge(judge: &mut Judge, base: &Base, files: &Files, out: Option<&PathBuf>) -> anyhow::Result<Outcome> {
    for resource in files.variants.iter().flat_map(|variant| &variant.resources).chain(&files.before) {
        for (value, unknown, flag) in [(&resource.account_id, UNKNOWN_ACCOUNT, "--account"), (&resource.region, UNKNOWN_REGION, "--region")] {
            if value == unknown {
                anyhow::bail!("{}: the file does not tell its {}, and the run holds several; give {flag}", resource.address, flag.trim_start_matches('-'));
            }
        }
    }
    let mut store = base.store(None)?;
    let mut run = base.run.clone();
    judge.observing(&store, &mut run)?;
    judge.complete(&mut run)?;
    let notes = run.notes.clone();
    let before = judge.judge(&mut store, &run)?;

    let mut kept: Option<Store> = None;
    let mut outcome = worst(files, out, |variant, out| {
        let mut store = base.store(out)?;
        let mut run = overlay::lay(files, variant, &mut store, &base.run)?;
        run.notes.extend(notes.iter().filter(|note| !base.run.notes.contains(note)).cloned());
        run.notes.extend(stored(files, variant, out));
        run.finished_at = now();
        judge.complete(&mut run)?;
        let outcome = judge.judge(&mut store, &run)?;
        if out.is_some() {
            kept = Some(store);
        }
        Ok(outcome)
    })?;
    mark(&before, &mut outcome);
    if let Some(store) = kept {
        store.write_origins(outcome.results.iter().filter_map(|result| Some((result.fingerprint.as_str(), result.origin.as_deref()?))))?;
        store.finish()?;
    }
    Ok(outcome)
}

/// Is it worth a look?
fn open(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Fail | Verdict::Unknown)
}

/// Says of each result whether the change brings it; adds what is gone as fixed.
fn mark(before: &Outcome, after: &mut Outcome) {
    let known: BTreeMap<&str, &Finding> = before.results.iter().map(|result| (result.fingerprint.as_str(), result)).collect();
    for result in &mut after.results {
        let origin = match (known.get(result.fingerprint.as_str()).map(|old| old.verdict), result.verdict) {
            (None, _) => "new",
            (Some(old), now) if open(old) && !open(now) => "fixed",
            (Some(Verdict::Fail), _) => "existing",
            (Some(Verdict::Unknown), Verdict::Fail) => "new",
            (Some(old), now) if !open(old) && open(now) => "new",
            _ => "existing",
        };
        result.origin = Some(origin.to_owned());
    }
    let there: BTreeSet<String> = after.results.iter().map(|result| result.fingerprint.clone()).collect();
    for old in before.results.iter().filter(|old| open(old.verdict) && !there.contains(&old.fingerprint)) {
        let mut gone = old.clone();
        gone.message = format!("gone with this change; it was: {}", old.message);
        gone.verdict = Verdict::NotApplicable;
        gone.origin = Some("fixed".to_owned());
        gone.missing.clear();
        gone.waiver = None;
        after.results.push(gone);
    }
    after.settle();
}
