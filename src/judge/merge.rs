//! Runs of several processes as one: shards of one scan, or runs of different accounts.

use super::lay;
use crate::inventory::{Coverage, NOT_HERE, Span, Status, Store};
use crate::model::{Asked, GLOBAL, RunInfo, Shard};
use crate::services;
use crate::sources::kind::{Kind, kind};
use crate::subjects;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// One run file and what is known of it.
struct Part {
    path: String,
    run: RunInfo,
    asked: Asked,
    shard: Shard,
}

/// Joins runs in an empty store. Shards must be of one scan, and each of them there, whole and once.
///
/// With `allow_missing` a shard that is not there, or that was interrupted, leaves gaps instead: what it would have read is said to be
/// unread, in every table of each of its accounts and Regions.
///
/// # Errors
/// When a run cannot be read, the runs do not belong together, or a part is missing.
pub fn merge(paths: &[PathBuf], allow_missing: bool, store: &mut Store) -> anyhow::Result<RunInfo> {
    let (mut parts, mut whole) = (Vec::new(), Vec::new());
    for path in paths {
        let shown = path.display().to_string();
        if kind(path, None)? != Kind::Run {
            anyhow::bail!("`{shown}` is not a run; `merge` joins run files that `scan` wrote");
        }
        let run = Store::open(path, &subjects::tables())?.run()?;
        match run
            .asked
            .clone()
            .and_then(|asked| Some((asked.shard?, asked)))
        {
            Some((shard, _)) if shard.check().is_err() => {
                anyhow::bail!("`{shown}` says that it is shard {shard}, which cannot be");
            }
            Some((shard, asked)) => parts.push(Part {
                path: shown,
                run,
                asked,
                shard,
            }),
            None => whole.push(shown),
        }
    }
    let (Some(first), whole) = (parts.first(), whole) else {
        let runs = paths
            .iter()
            .map(|path| lay::lay_run(path, store))
            .collect::<anyhow::Result<Vec<_>>>()?;
        return lay::join(runs);
    };
    if let Some(other) = whole.first() {
        anyhow::bail!(
            "`{}` is shard {} of a scan and `{other}` is a whole run; join shards with shards",
            first.path,
            first.shard
        );
    }
    belong_together(first, &parts)?;
    let missing = missing(&parts);
    if let (false, Some(what)) = (allow_missing, missing.said.first()) {
        anyhow::bail!("{what}; with --allow-missing its accounts and Regions stay unknown");
    }
    for path in paths {
        store.copy_base(path)?;
    }
    let mut run = joined(&parts, &missing);
    run.notes.extend(nights(&parts));
    store.commit(&[], &missing.lines(&run))?;
    Ok(run)
}

/// What is to be said where shards were begun on different days: what moved between accounts since is seen twice or never.
fn nights(parts: &[Part]) -> Option<String> {
    let begun: Vec<&str> = parts
        .iter()
        .map(|part| part.run.started_at.as_str())
        .collect();
    let (first, last) = (begun.iter().min()?, begun.iter().max()?);
    let apart = last
        .parse::<jiff::Timestamp>()
        .ok()?
        .duration_since(first.parse().ok()?);
    (apart.as_hours() >= 24)
        .then(|| format!("the shards were begun on different days, from {first} to {last}"))
}

fn belong_together(first: &Part, parts: &[Part]) -> anyhow::Result<()> {
    let mut seen: BTreeMap<Shard, &str> = BTreeMap::new();
    for part in parts {
        if part.run.partition != first.run.partition {
            anyhow::bail!(
                "`{}` and `{}` are of two partitions ({} and {}); they are not shards of one scan",
                first.path,
                part.path,
                first.run.partition,
                part.run.partition
            );
        }
        if part.shard.count != first.shard.count {
            anyhow::bail!(
                "`{}` is shard {} and `{}` is shard {}; they are not shards of one scan",
                first.path,
                first.shard,
                part.path,
                part.shard
            );
        }
        if part.run.version != first.run.version {
            anyhow::bail!(
                "`{}` was written by release {} and `{}` by release {}; scan all shards with one release",
                first.path,
                first.run.version,
                part.path,
                part.run.version
            );
        }
        if let Some(flag) = part.asked.difference(&first.asked) {
            anyhow::bail!(
                "`{}` and `{}` were not asked for the same ({flag} differs); they are not shards of one scan",
                first.path,
                part.path
            );
        }
        if let Some(other) = seen.insert(part.shard, &part.path) {
            anyhow::bail!(
                "`{other}` and `{}` are both shard {}; name one of them",
                part.path,
                part.shard
            );
        }
    }
    Ok(())
}

/// What no part holds.
#[derive(Default)]
struct Missing {
    /// In words, each with what to do.
    said: Vec<String>,
    /// Account, Region and the shard that should have it.
    scopes: Vec<(String, String, Shard)>,
    /// A shard was given that did not come to its end.
    interrupted: bool,
}

impl Missing {
    fn lines(&self, run: &RunInfo) -> Vec<Coverage> {
        let mut lines = Vec::new();
        for (account, region, shard) in &self.scopes {
            for table in services::tables() {
                let Some(read) = table.read("list") else {
                    continue;
                };
                if (table.span == Span::Global) != (region == GLOBAL)
                    || run.account(account).is_none()
                {
                    continue;
                }
                let mut line =
                    Coverage::new(account, region, table.name, "list", Status::NotCollected);
                line.operation = read.operation.to_owned();
                line.detail = format!("shard {shard} {NOT_HERE}");
                lines.push(line);
            }
        }
        lines
    }
}

fn missing(parts: &[Part]) -> Missing {
    let mut missing = Missing::default();
    let there: BTreeMap<Shard, &Part> = parts.iter().map(|part| (part.shard, part)).collect();
    let Some(count) = parts.first().map(|part| part.shard.count) else {
        return missing;
    };
    for shard in (1..=count).filter_map(|index| Shard::new(index, count).ok()) {
        match there.get(&shard) {
            None => missing.said.push(format!(
                "shard {shard} is missing; scan it with --shard {shard}"
            )),
            Some(part) if !part.run.collected => {
                missing.interrupted = true;
                missing.said.push(format!(
                    "shard {shard} was interrupted; let it go on with `outcrop scan --resume {}`",
                    part.path
                ));
            }
            Some(_) => {}
        }
    }
    let accounts: BTreeSet<&str> = parts
        .iter()
        .flat_map(|part| part.run.accounts.iter().map(|account| account.id.as_str()))
        .collect();
    let regions: BTreeSet<&str> = parts
        .iter()
        .flat_map(|part| part.run.regions.iter().map(String::as_str))
        .chain([GLOBAL])
        .collect();
    for account in accounts {
        for region in &regions {
            let shard = Shard::of(account, region, count);
            let part = there.get(&shard);
            let planned = part.is_some_and(|part| {
                part.run.account(account).is_some()
                    && (*region == GLOBAL || part.run.regions.iter().any(|one| one == region))
            });
            if planned {
                continue;
            }
            if let Some(part) = part {
                missing.said.push(format!(
                    "the account {account}, Region {region}, falls to shard {shard}, which did not list it when it ran (`{}`); scan that shard again",
                    part.path
                ));
            }
            missing
                .scopes
                .push((account.to_owned(), (*region).to_owned(), shard));
        }
    }
    missing
}

fn joined(parts: &[Part], missing: &Missing) -> RunInfo {
    let mut runs = parts.iter().map(|part| part.run.clone());
    let mut joined = runs.next().unwrap_or_else(RunInfo::empty);
    for run in runs {
        for account in run.accounts {
            if joined.account(&account.id).is_none() {
                joined.accounts.push(account);
            }
        }
        joined.regions.extend(run.regions);
        for said in run.attestations {
            if !joined.attestations.contains(&said) {
                joined.attestations.push(said);
            }
        }
        for note in run.notes {
            if !joined.notes.contains(&note) {
                joined.notes.push(note);
            }
        }
        joined.collected &= run.collected;
        joined.role_chains.extend(run.role_chains);
        joined.unscanned_regions.extend(run.unscanned_regions);
        joined.started_at = joined.started_at.min(run.started_at);
        joined.finished_at = joined.finished_at.max(run.finished_at);
    }
    joined.accounts.sort_by(|a, b| a.id.cmp(&b.id));
    joined.regions.sort();
    joined.regions.dedup();
    joined.notes.extend(missing.said.iter().map(|what| {
        let what = what.split(';').next().unwrap_or_default();
        format!("joined without all its shards: {what}")
    }));
    let keys: BTreeSet<&str> = parts
        .iter()
        .map(|part| part.asked.fingerprints.as_str())
        .collect();
    if keys.len() > 1 {
        joined.notes.push("equal secrets are counted within each shard only: the shards had keys of their own; give all of them the same OUTCROP_FINGERPRINT_KEY".to_owned());
    }
    joined.complete = joined.collected && !missing.interrupted;
    joined.id.clear();
    joined.command.clear();
    if let Some(asked) = &mut joined.asked {
        asked.shard = None;
    }
    joined
}
