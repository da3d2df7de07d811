//! What every command that judges shares: flags, rules, configuration, output, exit code.

use super::{Global, Usage};
use crate::engine::{self, Config, Library, Selection};
use crate::inventory::{Status, Store};
use crate::model::{AccountInfo, Finding, Outcome, Reason, RunInfo, Severity, Verdict};
use crate::report::ocsf::Class;
use crate::{reason, report};
use anyhow::Context as _;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Flags of every command that judges.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Judging {
    /// Add the rules of a folder to the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,
    /// Judge only these: rule id, pillar, `stage:30`, `severity:high`.
    #[arg(long, value_name = "TERM", value_delimiter = ',')]
    pub select: Vec<String>,
    /// Leave these out.
    #[arg(long, value_name = "TERM", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// Configuration; `outcrop.yaml` when present.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub output: Output,
    /// Keep the run in this file.
    #[arg(long, value_name = "RUN")]
    pub out: Option<PathBuf>,
}

/// Flags of every command that reports.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Output {
    /// `table`, `json`, `csv`, `markdown`, `sarif`, `junit`, `github`, `gitlab`, `html`, `ocsf`, `asff`, `oscal`, `xlsx`, or the diagram as `mermaid` or `dot`, with `=PATH` to write a file; repeatable.
    #[arg(long, value_name = "F[=PATH]")]
    pub format: Vec<String>,
    /// Exit with 3 where something fails at or above this severity, with 4 where it is unknown.
    #[arg(long, value_enum, default_value_t = FailOn::Critical, value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// Which unknowns gate; by default all, and for files alone those about declared values that are not settled yet.
    #[arg(long, value_enum)]
    pub unknown: Option<UnknownGate>,
    /// Failures that `outcrop baseline` wrote are existing ones and do not gate.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Which results gate where some are known to be existing: those that are new, or all.
    #[arg(long, value_enum, default_value_t = Gate::New)]
    pub gate: Gate,
    /// Class of the findings of `ocsf`.
    #[arg(long, value_enum, default_value_t = Class::Compliance)]
    pub ocsf_class: Class,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Gate {
    New,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum FailOn {
    Critical,
    High,
    Medium,
    Low,
    Info,
    None,
}

impl FailOn {
    pub fn severity(self) -> Option<Severity> {
        Some(match self {
            Self::Critical => Severity::Critical,
            Self::High => Severity::High,
            Self::Medium => Severity::Medium,
            Self::Low => Severity::Low,
            Self::Info => Severity::Info,
            Self::None => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum UnknownGate {
    /// All of them.
    Gate,
    /// Those about declared values that are not settled yet; not what a file does not hold.
    Unresolved,
    /// None.
    Ignore,
}

/// Where a format goes.
#[derive(Debug)]
struct Target {
    format: &'static report::Format,
    path: Option<PathBuf>,
}

impl Output {
    /// Reads `--format`; asked for before any work, so that a wrong command line costs nothing.
    fn targets(&self) -> anyhow::Result<Vec<Target>> {
        let mut targets = Vec::new();
        for text in &self.format {
            let (name, path) = text.split_once('=').map_or((text.as_str(), None), |(name, path)| (name, Some(PathBuf::from(path))));
            let format = report::format(name)
                .ok_or_else(|| Usage(format!("there is no format `{name}`; there are {}", report::FORMATS.map(|format| format.name).join(", "))))?;
            if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
                return Err(Usage(format!("--format {text}: the path is empty")).into());
            }
            targets.push(Target { format, path });
        }
        if targets.is_empty() {
            targets.extend(report::format("table").map(|format| Target { format, path: None }));
        }
        if targets.iter().enumerate().any(|(place, target)| target.path.is_some() && targets[..place].iter().any(|other| other.path == target.path)) {
            return Err(Usage("two formats to one file; give each a file of its own".to_owned()).into());
        }
        if targets.iter().filter(|target| target.path.is_none()).count() > 1 {
            return Err(Usage("two formats to standard output; give all but one a file: --format json=results.json".to_owned()).into());
        }
        Ok(targets)
    }

    /// Fails on a wrong command line.
    pub fn check(&self) -> anyhow::Result<()> {
        self.targets().map(|_| ())
    }

    /// Renders an outcome and gives the exit code.
    pub fn finish(&self, outcome: &Outcome, global: &Global) -> anyhow::Result<u8> {
        let marked = match &self.baseline {
            Some(path) => {
                let mut marked = outcome.clone();
                super::baseline::apply(path, &mut marked)?;
                Some(marked)
            }
            None => None,
        };
        let outcome = marked.as_ref().unwrap_or(outcome);
        let options = |colour| report::Options { layout: report::table::Layout { width: width(), colour }, ocsf: self.ocsf_class };
        for target in self.targets()? {
            match &target.path {
                None => match (target.format.render)(outcome, options(global.colour()), &mut anstream::stdout().lock()) {
                    // Whoever reads has seen enough; the gate says what it would have said.
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
                    rendered => rendered?,
                },
                Some(path) => {
                    let mut bytes = Vec::new();
                    (target.format.render)(outcome, options(false), &mut bytes)?;
                    write_private(path, &bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
                }
            }
        }
        self.summarise(outcome)?;
        let code = self.exit_code(outcome);
        if !global.quiet {
            let unseen = outcome.coverage.iter().filter(|line| !matches!(line.status.as_str(), "complete" | "unsupported" | "not-collected")).count();
            let whole = outcome.coverage.iter().filter(|line| matches!(line.status.as_str(), "complete" | "unsupported")).count();
            let asked = whole + unseen;
            let count = |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
            let reads = match (outcome.run.source.is_file(), asked) {
                (true, 0) => String::new(),
                _ => format!("; {whole} of {} read completely", count(asked, "list", "lists")),
            };
            let _ = writeln!(
                std::io::stderr(),
                "{}\n{}",
                report::table::closing(outcome),
                crate::report::safe::terminal(&format!(
                    "{}, {}{reads}; {}",
                    count(outcome.run.accounts.len(), "account", "accounts"),
                    count(outcome.run.regions.len(), "Region", "Regions"),
                    gate_word(code, self.fail_on, outcome.run.complete)
                ))
            );
            for waiver in outcome.waivers.iter().filter(|waiver| waiver.status != crate::model::WaiverStatus::Used) {
                let _ =
                    writeln!(std::io::stderr(), "waiver of {}: {}", crate::report::safe::cut(&waiver.rule, 100), crate::report::safe::cut(&waiver.detail, 200));
            }
            let outside = outcome.results.iter().filter(|result| report::outside_file(outcome, result)).count();
            if outside > 0 && self.unknown_gate(outcome) == UnknownGate::Unresolved {
                let _ = writeln!(
                    std::io::stderr(),
                    "{outside} results are unknown because the file does not declare what they rest on (not-in-file); they do not fail the gate. Evaluate it against a recorded run: outcrop check PLAN --onto RUN"
                );
            }
            for note in &outcome.run.notes {
                let _ = writeln!(std::io::stderr(), "note: {}", crate::report::safe::cut(note, 400));
            }
        }
        Ok(code)
    }

    /// A job of GitHub's shows the Markdown report as its summary; it refuses one of more than 1024 kB whole.
    fn summarise(&self, outcome: &Outcome) -> anyhow::Result<()> {
        let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else { return Ok(()) };
        if !self.targets()?.iter().any(|target| target.format.name == "github") {
            return Ok(());
        }
        let text = report::markdown::within(outcome, 1_000_000);
        let appended = fs::OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        appended.with_context(|| format!("cannot write the step summary `{}`", path.display()))
    }

    /// Which unknowns gate: what was asked for, else what fits the source.
    fn unknown_gate(&self, outcome: &Outcome) -> UnknownGate {
        self.unknown.unwrap_or(if outcome.run.source.is_file() { UnknownGate::Unresolved } else { UnknownGate::Gate })
    }

    fn exit_code(&self, outcome: &Outcome) -> u8 {
        let Some(at) = self.fail_on.severity() else { return 0 };
        let old = |result: &Finding| matches!(result.origin.as_deref(), Some("existing" | "fixed"));
        let gates = |result: &&Finding| result.severity <= at && result.waiver.is_none() && (self.gate == Gate::All || !old(result));
        if outcome.results.iter().filter(gates).any(|result| result.verdict == Verdict::Fail) {
            return 3;
        }
        let unknown = |result: &Finding| {
            result.verdict == Verdict::Unknown
                && match self.unknown_gate(outcome) {
                    UnknownGate::Gate => true,
                    UnknownGate::Unresolved => !result.missing.iter().all(|gap| gap.reason == Reason::NotInFile),
                    UnknownGate::Ignore => false,
                }
        };
        // What an interrupted run did not look at passes no gate.
        if !outcome.run.complete || outcome.results.iter().filter(gates).any(unknown) { 4 } else { 0 }
    }
}

fn gate_word(code: u8, at: FailOn, complete: bool) -> String {
    let at = at.severity().map_or("none", Severity::as_str);
    match code {
        3 => format!("gate failed: at least one failure at or above `{at}`"),
        4 if !complete => "gate failed: the run was interrupted, and what it does not hold was not looked at".to_owned(),
        4 => format!("gate failed: no failure at or above `{at}`, but at least one result there could not be determined"),
        _ => "gate passed".to_owned(),
    }
}

/// Columns of the terminal; `COLUMNS` wins, 120 where there is neither.
pub(super) fn width() -> u16 {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|width| *width >= 40)
        .or_else(|| comfy_table::Table::new().set_content_arrangement(comfy_table::ContentArrangement::Dynamic).width())
        .unwrap_or(120)
}

/// Writes beside the target and renames, readable by its owner alone; what is no regular file (a device, a pipe) is written to as it is.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let followed = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let path = followed.as_path();
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.flush()));
    }
    let name = path.file_name().ok_or_else(|| std::io::Error::other("it names no file"))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(beside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&part).and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// Rules and configuration, read and held against each other.
pub(super) struct Judge {
    /// Is the run kept in a file? Then it says by which command it was made.
    kept: bool,
    pub library: Library,
    pub config: Config,
}

impl Judging {
    /// Reads rules and configuration.
    pub fn load(&self) -> anyhow::Result<Judge> {
        self.output.check()?;
        let folders: Vec<&Path> = self.rules.iter().map(PathBuf::as_path).collect();
        let mut library = Library::load(&reason::tables(), &folders)?;
        let (file, text) = match &self.config {
            Some(path) => {
                (path.display().to_string(), fs::read_to_string(path).with_context(|| format!("cannot read the configuration `{}`", path.display()))?)
            }
            None => match fs::read_to_string("outcrop.yaml") {
                Ok(text) => ("outcrop.yaml".to_owned(), text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => ("outcrop.yaml".to_owned(), String::new()),
                Err(error) => return Err(error).context("cannot read the configuration `outcrop.yaml`"),
            },
        };
        let config = engine::parse_config(&file, &text)?;
        library.configure(&file, &text, &config)?;
        library.select(&Selection { select: self.select.clone(), skip: self.skip.clone() }).map_err(Usage)?;
        Ok(Judge { library, config, kept: self.out.is_some() })
    }

    /// A store for the run: the file of `--out`, or memory.
    pub fn store(&self) -> anyhow::Result<Store> {
        Ok(match &self.out {
            Some(path) => Store::create(path, &reason::tables())?,
            None => Store::memory(&reason::tables())?,
        })
    }
}

impl Judge {
    /// Lays the configuration over what is known of the run.
    ///
    /// # Errors
    /// When a rule was selected by name that the source cannot decide.
    pub fn complete(&mut self, run: &mut RunInfo) -> anyhow::Result<()> {
        for (id, entry) in &self.config.accounts {
            if let Some(account) = run.accounts.iter_mut().find(|account| account.id == *id) {
                if !entry.name.is_empty() {
                    account.name.clone_from(&entry.name);
                }
                account.kind = entry.kind;
                account.environment.clone_from(&entry.environment);
            }
        }
        let out = self.library.for_source(run.source);
        let what = if run.source.is_file() { "what a file declares" } else { "rows of accounts" };
        if let Some((rule, _)) = out.iter().find(|(_, named)| *named) {
            return Err(Usage(format!("--select {rule}: this rule cannot be judged from {what}; `outcrop rules show {rule}` tells its sources")).into());
        }
        if !out.is_empty() {
            let ids: Vec<&str> = out.iter().map(|(id, _)| id.as_str()).collect();
            run.notes.push(format!("left out, because they cannot be judged from {what}: {}", ids.join(", ")));
        }
        run.parameters = self.library.values.clone().into_iter().collect::<BTreeMap<_, _>>();
        run.rules_digest = self.library.digest();
        run.version = env!("CARGO_PKG_VERSION").to_owned();
        run.attestations = self.config.attestations.iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
        if self.kept {
            run.command = command();
        }
        if run.id.is_empty() {
            run.id = run_id(run);
        }
        Ok(())
    }

    /// Leaves out what only CloudTrail can decide where it was not asked, unless it was selected by name; says so in the run.
    pub fn observing(&mut self, store: &Store, run: &mut RunInfo) -> anyhow::Result<()> {
        let observed = store.coverage()?.iter().any(|line| line.table == "cloudtrail_window" && line.status != Status::NotCollected);
        if observed {
            return Ok(());
        }
        for rule in self.library.leave_out(|rule| rule.subject.as_deref() == Some("bedrock_observed")) {
            run.notes.push(format!("{rule} was left out: CloudTrail was not asked; give `scan` --observe, or `check` --trail"));
        }
        Ok(())
    }

    /// Derives, judges, and reads the outcome back.
    pub fn judge(&self, store: &mut Store, run: &RunInfo) -> anyhow::Result<Outcome> {
        store.begin_run(run)?;
        reason::derive(store)?;
        let judged = engine::judge(store, &self.library, &self.config, run, true)?;
        for (rule, error) in judged.errors {
            tracing::warn!("the rule {rule} could not run, so it is unknown everywhere: {error}");
        }
        store.finish()?;
        Ok(engine::outcome(store)?)
    }
}

/// The command line, without what is secret in it.
fn command() -> String {
    let mut hide = false;
    std::env::args()
        .map(|argument| match (std::mem::take(&mut hide), argument.as_str()) {
            (true, _) => "(hidden)".to_owned(),
            (_, "--external-id") => {
                hide = true;
                argument
            }
            (_, text) if text.starts_with("--external-id=") => "--external-id=(hidden)".to_owned(),
            _ => argument,
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn run_id(run: &RunInfo) -> String {
    let mut hash = Sha256::new();
    for text in [&run.started_at, &run.caller_arn, &run.partition, &run.rules_digest] {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    for AccountInfo { id, .. } in &run.accounts {
        hash.update(id.as_bytes());
    }
    for region in &run.regions {
        hash.update(region.as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Now, as runs write it.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
