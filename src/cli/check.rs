//! `outcrop check` and `outcrop demo`: judge what is on disk, or inside the binary.

use super::Global;
use super::judging::Judging;
use super::output::write_private;
use crate::inventory::{Error, Store};
use crate::judge::lay::{join, lay_probes, lay_run, lay_trail};
use crate::judge::overlay::{self, Base};
use crate::judge::{Judge, Usage, now, variants, waiver};
use crate::model::Outcome;
use crate::report::safe::cut;
use crate::sources::files::{Given, text};
use crate::sources::kind::{self, Kind, kind};
use crate::sources::{cloudformation, fixture};
use crate::subjects;
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
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    judging: Judging,
}

/// What is judged.
#[derive(Debug, clap::Args)]
pub(super) struct Input {
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

impl Check {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let outcome = self.subject.outcome(global)?;
        self.subject
            .judging
            .output
            .finish(outcome, self.subject.judging.out.as_deref(), global)
    }
}

impl Subject {
    /// Judges the paths.
    pub fn outcome(&self, global: &Global) -> anyhow::Result<Outcome> {
        self.judging.whole(|| self.judged(global))
    }

    fn judged(&self, global: &Global) -> anyhow::Result<Outcome> {
        let mut judge = self.judging.load()?;
        let keep = match &self.judging.out {
            Some(out) => Keep::File(out),
            None => Keep::Nothing,
        };
        Ok(self.input.judged(&mut judge, keep, global.quiet)?.outcome)
    }
}

/// Where the judged store goes.
#[derive(Clone, Copy)]
pub(super) enum Keep<'k> {
    /// Nobody needs it.
    Nothing,
    /// It is asked for.
    Memory,
    /// It becomes a run file.
    File(&'k PathBuf),
}

/// What judging gives.
pub(super) struct Judged {
    pub outcome: Outcome,
    /// The judged store, where it is to be kept in memory; none of a plan over a run.
    pub store: Option<Store>,
    /// In how many ways the conditions of the files can turn out; the store holds the one with the worst verdicts.
    pub ways: usize,
}

impl Input {
    /// Folder of the `.tf` files, where it was given.
    pub fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    /// Judges the paths.
    ///
    /// # Errors
    /// When a path cannot be read or judged.
    pub fn judged(&self, judge: &mut Judge, keep: Keep<'_>, quiet: bool) -> anyhow::Result<Judged> {
        let kinds = self
            .paths
            .iter()
            .map(|path| kind(path, self.kind))
            .collect::<anyhow::Result<Vec<_>>>()?;
        if kinds.iter().any(|kind| kind.is_file()) {
            return self.files(judge, &kinds, keep);
        }
        if let Some(run) = &self.onto {
            return Err(Usage(format!(
                "--onto {}: a plan or template is laid over a run, and these are runs themselves",
                run.display()
            ))
            .into());
        }
        // Broken input is told before a file is made.
        for (path, kind) in self.paths.iter().zip(&kinds) {
            if *kind == Kind::Run {
                Store::open(path, &subjects::tables())?;
            }
        }
        let mut store = Store::memory(&subjects::tables())?;
        let runs = self
            .paths
            .iter()
            .map(|path| lay_run(path, &mut store))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut run = join(runs)?;
        if run.started_at.is_empty() {
            run.started_at = now();
            run.finished_at.clone_from(&run.started_at);
        }
        if !self.trail.is_empty() {
            for broken in lay_trail(&self.trail, &mut store, &mut run)?
                .iter()
                .filter(|_| !quiet)
            {
                anstream::eprintln!("warning: not read: {}", cut(broken, 800));
            }
        }
        lay_probes(&self.probe, &mut store, &run)?;
        judge.observing(&store, &mut run)?;
        judge.complete(&mut run)?;
        let outcome = judge.judge(&mut store, &run)?;
        if let Keep::File(path) = keep {
            save(&mut store, path)?;
        }
        Ok(Judged {
            outcome,
            store: Some(store),
            ways: 1,
        })
    }

    /// Plans and templates.
    fn files(&self, judge: &mut Judge, kinds: &[Kind], keep: Keep<'_>) -> anyhow::Result<Judged> {
        if let Some(account) = self
            .account
            .as_deref()
            .filter(|id| id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(Usage(format!(
                "--account {account}: an account id has twelve digits"
            ))
            .into());
        }
        if let Some(region) = self
            .region
            .as_deref()
            .filter(|name| !crate::model::is_region(name))
        {
            return Err(Usage(format!(
                "--region {region}: that is not a Region, such as eu-central-1"
            ))
            .into());
        }
        if let Some(path) = self
            .paths
            .iter()
            .zip(kinds)
            .find_map(|(path, kind)| (!kind.is_file()).then_some(path))
        {
            return Err(Usage(format!(
                "`{}` is not a plan or template; lay a plan over a run with --onto RUN",
                path.display()
            ))
            .into());
        }
        if let Some(folder) = self.source.as_deref().filter(|folder| !folder.is_dir()) {
            anyhow::bail!("--source {}: there is no such folder", folder.display());
        }
        let mut parameters = std::collections::BTreeMap::new();
        for path in &self.parameters {
            parameters.extend(cloudformation::parameters(path, &text(path)?)?);
        }
        let mut given = Given {
            account: self.account.clone(),
            region: self.region.clone(),
            source: self.source.clone(),
            parameters,
            made: Default::default(),
        };
        let base = self.onto.as_deref().map(Base::open).transpose()?;
        if let Some(base) = &base {
            base.complete(&mut given)?;
        }
        let mut read = kind::read_all(&self.paths, kinds, &given)?;
        read.tell_apart();
        judge.config.waivers.extend(read.ignores.iter().map(waiver));
        let out = match keep {
            Keep::File(path) => Some(path),
            Keep::Nothing | Keep::Memory => None,
        };
        let (outcome, store) = match base {
            Some(base) => (overlay::onto(judge, &base, &read, out)?, None),
            None => variants::alone(judge, &read, out, !matches!(keep, Keep::Nothing))?,
        };
        Ok(Judged {
            outcome,
            store,
            ways: read.variants.len(),
        })
    }
}

/// Writes a run from memory into a file that does not exist yet: whole, or not at all.
fn save(store: &mut Store, path: &Path) -> anyhow::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::Exists(path.display().to_string()).into());
    }
    let bytes = store
        .conn
        .serialize(rusqlite::MAIN_DB)
        .map_err(Error::from)?;
    write_private(path, &bytes).with_context(|| format!("cannot write `{}`", path.display()))
}

impl Demo {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let mut judge = self.judging.load()?;
        let known = fixture::estates();
        if !known.contains(&self.estate) {
            return Err(Usage(format!(
                "there is no estate `{}`; there are: {}",
                self.estate,
                known.join(", ")
            ))
            .into());
        }
        let outcome = self.judging.whole(|| {
            let mut store = self.judging.store()?;
            let mut run = fixture::load_estate(&self.estate, &mut store)?;
            judge.observing(&store, &mut run)?;
            judge.complete(&mut run)?;
            judge.judge(&mut store, &run)
        })?;
        self.judging
            .output
            .finish(outcome, self.judging.out.as_deref(), global)
    }
}
