//! `outcrop check` and `outcrop demo`: judge what is on disk, or inside the binary.

use super::files::{self, Kind, kind};
use super::judging::{Judge, Judging, now};
use super::{Global, Usage, onto};
use crate::inventory::{Coverage, Error, NewRow, Status, Store};
use crate::model::{Outcome, RunInfo};
use crate::reason;
use crate::report::safe::cut;
use crate::sources::files::{Given, text};
use crate::sources::{cloudformation, fixture, probe, trail};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    subject: Subject,
}

/// What is judged, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Subject {
    /// Runs (`.outcrop`), inventory folders, `terraform show -json`, CloudFormation templates, `cdk.out` folders, Pulumi previews and stack exports; several of a kind are judged together.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// What the paths are, where it is not to be detected.
    #[arg(long = "as", value_enum)]
    kind: Option<Kind>,
    /// Lay the plan or template over this recorded run (or inventory folder) and judge what comes of it.
    #[arg(long, value_name = "RUN")]
    onto: Option<PathBuf>,
    /// CloudTrail log file (`.json`, `.json.gz`) or folder of them, laid over the paths; repeatable.
    #[arg(long, value_name = "PATH")]
    trail: Vec<PathBuf>,
    /// Report of `outcrop probe`, laid over the paths; repeatable.
    #[arg(long, value_name = "FILE")]
    probe: Vec<PathBuf>,
    /// Account that a plan or template is for, where it does not say so itself.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Parameters of a template: a list of ParameterKey and ParameterValue, or an object of names and values; repeatable.
    #[arg(long, value_name = "FILE")]
    parameters: Vec<PathBuf>,
    /// Folder of the `.tf` files that a plan was made from: results carry file and line, and waivers beside the resources count.
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Region that a plan or template is for, where it does not say so itself.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    #[command(flatten)]
    judging: Judging,
}

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Which estate; `broken` shows every fault.
    #[arg(long, default_value = "broken")]
    estate: String,
    #[command(flatten)]
    judging: Judging,
}

/// A run or an inventory folder in a store.
pub(super) fn lay_run(path: &Path, store: &mut Store) -> anyhow::Result<RunInfo> {
    match kind(path, None)? {
        Kind::Run => {
            let mut run = Store::open(path, &reason::tables())?.run()?;
            run.complete |= run.collected;
            store.copy_base(path)?;
            Ok(run)
        }
        Kind::Inventory => Ok(fixture::load_folder(path, store)?),
        _ => anyhow::bail!("`{}` is neither a run nor an inventory folder", path.display()),
    }
}

impl Check {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let outcome = self.subject.outcome(global)?;
        self.subject.judging.output.finish(&outcome, global)
    }
}

impl Subject {
    /// Judges the paths.
    pub fn outcome(&self, global: &Global) -> anyhow::Result<Outcome> {
        let mut judge = self.judging.load()?;
        let kinds = self.paths.iter().map(|path| kind(path, self.kind)).collect::<anyhow::Result<Vec<_>>>()?;
        if kinds.iter().any(|kind| kind.is_file()) {
            return self.files(&mut judge, &kinds);
        }
        if let Some(run) = &self.onto {
            return Err(Usage(format!("--onto {}: a plan or template is laid over a run, and these are runs themselves", run.display())).into());
        }
        // Broken input is told before a file is made.
        for (path, kind) in self.paths.iter().zip(&kinds) {
            if *kind == Kind::Run {
                Store::open(path, &reason::tables())?;
            }
        }
        let mut store = Store::memory(&reason::tables())?;
        let runs = self.paths.iter().map(|path| lay_run(path, &mut store)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut run = join(runs)?;
        if run.started_at.is_empty() {
            run.started_at = now();
            run.finished_at.clone_from(&run.started_at);
        }
        if !self.trail.is_empty() {
            self.lay_trail(&mut store, &mut run, global)?;
        }
        self.lay_probes(&mut store, &run)?;
        judge.observing(&store, &mut run)?;
        judge.complete(&mut run)?;
        let outcome = judge.judge(&mut store, &run)?;
        if let Some(path) = &self.judging.out {
            save(&mut store, path)?;
        }
        Ok(outcome)
    }

    /// Plans and templates.
    fn files(&self, judge: &mut Judge, kinds: &[Kind]) -> anyhow::Result<Outcome> {
        if let Some(account) = self.account.as_deref().filter(|id| id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(Usage(format!("--account {account}: an account id has twelve digits")).into());
        }
        let is_region = |name: &str| name.matches('-').count() >= 2 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if let Some(region) = self.region.as_deref().filter(|name| !is_region(name)) {
            return Err(Usage(format!("--region {region}: that is no Region, such as eu-central-1")).into());
        }
        if let Some(path) = self.paths.iter().zip(kinds).find_map(|(path, kind)| (!kind.is_file()).then_some(path)) {
            return Err(Usage(format!("`{}` is no plan or template; lay a plan over a run with --onto RUN", path.display())).into());
        }
        if let Some(folder) = self.source.as_deref().filter(|folder| !folder.is_dir()) {
            anyhow::bail!("--source {}: there is no such folder", folder.display());
        }
        let mut parameters = std::collections::BTreeMap::new();
        for path in &self.parameters {
            parameters.extend(cloudformation::parameters(path, &text(path)?)?);
        }
        let mut given = Given { account: self.account.clone(), region: self.region.clone(), source: self.source.clone(), parameters, made: Default::default() };
        let base = self.onto.as_deref().map(onto::Base::open).transpose()?;
        if let Some(base) = &base {
            base.complete(&mut given)?;
        }
        let mut read = files::read_all(&self.paths, kinds, &given)?;
        read.tell_apart();
        judge.config.waivers.extend(read.ignores.iter().map(files::waiver));
        let out = self.judging.out.as_ref();
        match base {
            Some(base) => onto::judge(judge, &base, &read, out),
            None => files::judge(judge, &read, out),
        }
    }
}

impl Subject {
    /// What CloudTrail's files say stands in place of what the run holds of it.
    fn lay_trail(&self, store: &mut Store, run: &mut RunInfo, global: &Global) -> anyhow::Result<()> {
        let trail = trail::read(&self.trail, run)?;
        for table in ["cloudtrail_bedrock_call", "cloudtrail_window"] {
            store.conn.execute(&format!("DELETE FROM {table}"), [])?;
            store.conn.execute("DELETE FROM coverage WHERE table_name = ?1", [table])?;
        }
        store.commit(&trail.rows, &trail.coverage)?;
        for broken in &trail.broken {
            run.notes.push(format!("not read: {broken}"));
            if !global.quiet {
                anstream::eprintln!("warning: not read: {}", cut(broken, 800));
            }
        }
        if trail.elsewhere > 0 {
            run.notes.push(format!("{} records of CloudTrail are of accounts or Regions outside this run", trail.elsewhere));
        }
        Ok(())
    }
}

impl Subject {
    /// What probes saw, in every account of the run: whose host it was, its addresses tell.
    fn lay_probes(&self, store: &mut Store, run: &RunInfo) -> anyhow::Result<()> {
        if self.probe.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::new();
        for path in &self.probe {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let report = probe::parse(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            if !run.regions.contains(&report.region) {
                anyhow::bail!("{}: the probe asked for {}, and the run covers {}", path.display(), report.region, run.regions.join(", "));
            }
            for account in &run.accounts {
                rows.extend(report.families.iter().map(|family| probe_row(&report, family, &account.id)));
            }
        }
        let lines: Vec<Coverage> = run
            .scopes()
            .filter(|(_, region)| *region != crate::model::GLOBAL)
            .map(|(account, region)| Coverage {
                operation: "outcrop probe".to_owned(),
                ..Coverage::new(account, region, "bedrock_probe", "list", Status::Complete)
            })
            .collect();
        store.conn.execute("DELETE FROM coverage WHERE table_name = 'bedrock_probe'", [])?;
        store.commit(&rows, &lines)?;
        Ok(())
    }
}

fn probe_row(report: &probe::Report, family: &probe::Family, account: &str) -> NewRow {
    let texts = |all: &[std::net::IpAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    NewRow::new("bedrock_probe", account, &report.region)
        .set("id", format!("{} {} {}", report.host.name, report.probed_at, family.family))
        .set("family", family.family.as_str())
        .set("host", family.host.as_str())
        .set("local_addresses", texts(&report.host.addresses))
        .set("addresses", texts(&family.addresses))
        .set("verdict", family.verdict.as_str())
        .set("reason", family.reason.as_str())
        .set("probed_at", report.probed_at.as_str())
}

/// Writes a run from memory into a file that does not exist yet: whole, or not at all.
fn save(store: &mut Store, path: &Path) -> anyhow::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::Exists(path.display().to_string()).into());
    }
    let bytes = store.conn.serialize(rusqlite::MAIN_DB).map_err(Error::from)?;
    super::judging::write_private(path, &bytes).with_context(|| format!("cannot write `{}`", path.display()))
}

/// Several runs as one: accounts and Regions of all of them.
fn join(mut runs: Vec<RunInfo>) -> anyhow::Result<RunInfo> {
    if runs.is_empty() {
        return Err(Usage("name at least one path".to_owned()).into());
    }
    let mut joined = runs.remove(0);
    for run in runs {
        if run.partition != joined.partition {
            anyhow::bail!("the runs are of two partitions ({} and {}); judge them apart", joined.partition, run.partition);
        }
        for account in run.accounts {
            if joined.account(&account.id).is_some() {
                anyhow::bail!("the account {} is in two of the runs; judge them apart", account.id);
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

impl Demo {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let mut judge = self.judging.load()?;
        let known = fixture::estates();
        if !known.contains(&self.estate) {
            return Err(Usage(format!("there is no estate `{}`; there are: {}", self.estate, known.join(", "))).into());
        }
        let mut store = self.judging.store()?;
        let mut run = fixture::load_estate(&self.estate, &mut store)?;
        judge.observing(&store, &mut run)?;
        judge.complete(&mut run)?;
        let outcome = judge.judge(&mut store, &run)?;
        self.judging.output.finish(&outcome, global)
    }
}
