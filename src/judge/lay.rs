//! Laying what was recorded into a store: runs, inventory folders, files of CloudTrail, reports of probes.

use super::Usage;
use crate::inventory::{Coverage, NewRow, Status, Store};
use crate::model::{GLOBAL, RunInfo};
use crate::sources::kind::{Kind, kind};
use crate::sources::{fixture, probe, trail};
use crate::subjects;
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// A run or an inventory folder in a store.
///
/// # Errors
/// When it is neither, or cannot be read.
pub fn lay_run(path: &Path, store: &mut Store) -> anyhow::Result<RunInfo> {
    match kind(path, None)? {
        Kind::Run => {
            let stored = Store::open(path, &subjects::tables())?;
            let mut run = stored.run()?;
            run.judged_by = stored.rules()?;
            if let Some(shard) = run.asked.as_ref().and_then(|asked| asked.shard) {
                return Err(crate::inventory::Error::Shard {
                    path: path.display().to_string(),
                    shard: shard.to_string(),
                }
                .into());
            }
            run.complete |= run.collected;
            store.copy_base(path)?;
            Ok(run)
        }
        Kind::Inventory => Ok(fixture::load_folder(path, store)?),
        _ => anyhow::bail!(
            "`{}` is neither a run nor an inventory folder",
            path.display()
        ),
    }
}

/// What CloudTrail's files say stands in place of what the run holds of it. Gives the files that could not be read, each with why.
///
/// # Errors
/// When the store cannot be written.
pub fn lay_trail(
    paths: &[PathBuf],
    store: &mut Store,
    run: &mut RunInfo,
) -> anyhow::Result<Vec<String>> {
    let trail = trail::read(paths, run)?;
    for table in trail::TABLES {
        store.forget(table)?;
    }
    store.commit(&trail.rows, &trail.coverage)?;
    run.notes.extend(
        trail
            .broken
            .iter()
            .map(|broken| format!("not read: {broken}")),
    );
    if trail.unplaced > 0 {
        run.notes.push(format!(
            "{} records of CloudTrail name no account, Region or time, or are none; what they say is not known",
            trail.unplaced
        ));
    }
    if trail.elsewhere > 0 {
        run.notes.push(format!(
            "{} records of CloudTrail are of accounts or Regions outside this run",
            trail.elsewhere
        ));
    }
    Ok(trail.broken)
}

/// What probes saw, in every account of the run: whose host it was, its addresses tell.
///
/// # Errors
/// When a report cannot be read, or is of a Region outside the run.
pub fn lay_probes(paths: &[PathBuf], store: &mut Store, run: &RunInfo) -> anyhow::Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::new();
    for path in paths {
        let text = crate::model::file::read_text(path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let report =
            probe::parse(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        if !run.regions.contains(&report.region) {
            anyhow::bail!(
                "{}: the probe asked for {}, and the run covers {}",
                path.display(),
                report.region,
                run.regions.join(", ")
            );
        }
        for account in &run.accounts {
            rows.extend(
                report
                    .families
                    .iter()
                    .map(|family| probe_row(&report, family, &account.id)),
            );
        }
    }
    let lines: Vec<Coverage> = run
        .scopes()
        .filter(|(_, region)| *region != GLOBAL)
        .map(|(account, region)| Coverage {
            operation: "outcrop probe".to_owned(),
            ..Coverage::new(account, region, "bedrock_probe", "list", Status::Complete)
        })
        .collect();
    store.forget_coverage("bedrock_probe")?;
    store.commit(&rows, &lines)?;
    Ok(())
}

fn probe_row(report: &probe::Report, family: &probe::Family, account: &str) -> NewRow {
    let texts = |all: &[std::net::IpAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    NewRow::new("bedrock_probe", account, &report.region)
        .set(
            "id",
            format!(
                "{} {} {}",
                report.host.name, report.probed_at, family.family
            ),
        )
        .set("family", family.family.as_str())
        .set("host", family.host.as_str())
        .set("local_addresses", texts(&report.host.addresses))
        .set("addresses", texts(&family.addresses))
        .set("verdict", family.verdict.as_str())
        .set("reason", family.reason.as_str())
        .set("probed_at", report.probed_at.as_str())
}

/// Several runs as one: accounts and Regions of all of them.
///
/// # Errors
/// When they are of two partitions, or hold one account twice.
pub fn join(mut runs: Vec<RunInfo>) -> anyhow::Result<RunInfo> {
    if runs.is_empty() {
        return Err(Usage("name at least one path".to_owned()).into());
    }
    let mut joined = runs.remove(0);
    for run in runs {
        if run.partition != joined.partition {
            anyhow::bail!(
                "the runs are of two partitions ({} and {}); judge them apart",
                joined.partition,
                run.partition
            );
        }
        for account in run.accounts {
            if joined.account(&account.id).is_some() {
                anyhow::bail!(
                    "the account {} is in two of the runs; judge them apart",
                    account.id
                );
            }
            joined.accounts.push(account);
        }
        for region in run.regions {
            if !joined.regions.contains(&region) {
                joined.regions.push(region);
            }
        }
        joined.complete &= run.complete;
        joined.collected &= run.collected;
        joined.notes.extend(run.notes);
        joined.judged_by.extend(run.judged_by);
        joined.not_held.extend(run.not_held);
        if joined.rewritten.is_empty() {
            joined.rewritten = run.rewritten;
        }
        joined.role_chains.extend(run.role_chains);
        joined.unscanned_regions.extend(run.unscanned_regions);
        joined.started_at = joined.started_at.min(run.started_at);
        joined.finished_at = joined.finished_at.max(run.finished_at);
        joined.id.clear();
    }
    joined.accounts.sort_by(|a, b| a.id.cmp(&b.id));
    joined.regions.sort();
    Ok(joined)
}
