//! What every command that reports shares: formats, files, the closing lines, the exit code.

use super::Global;
use crate::judge::gate::{self, FailOn, Gate, UnknownGate};
use crate::judge::{Usage, baseline};
use crate::model::Outcome;
use crate::report;
use crate::report::ocsf::Class;
use anyhow::Context as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Flags of every command that reports.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Output {
    /// `table`, `json`, `csv`, `markdown`, `sarif`, `junit`, `github`, `gitlab`, `html`, `ocsf`, `asff`, `oscal`, `xlsx`, `controls`, `stages`, or the diagram as `mermaid` or `dot`, with `=PATH` to write a file; repeatable.
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
    /// Gate on the promises of a day of the rollout and of the days before it, instead of on severities.
    #[arg(long, value_enum, value_name = "DAY")]
    pub stage: Option<Day>,
    /// Exit with 4 where an attestation of `stage:DAY` or before is missing or out of date.
    #[arg(long, value_parser = attested, value_name = "stage:DAY")]
    pub require_attestations: Option<Day>,
    /// Let the terminal show every result in full, instead of the first ones of each rule.
    #[arg(long)]
    pub details: bool,
    /// Class of the findings of `ocsf`.
    #[arg(long, value_enum, default_value_t = Class::Compliance)]
    pub ocsf_class: Class,
}

/// A day of the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Day {
    /// Day 30.
    #[value(name = "30")]
    Thirty,
    /// Day 60.
    #[value(name = "60")]
    Sixty,
    /// Day 90.
    #[value(name = "90")]
    Ninety,
}

impl Day {
    fn days(self) -> u32 {
        match self {
            Self::Thirty => 30,
            Self::Sixty => 60,
            Self::Ninety => 90,
        }
    }
}

fn attested(text: &str) -> Result<Day, String> {
    let day = text.strip_prefix("stage:").unwrap_or(text);
    clap::ValueEnum::from_str(day, false)
        .map_err(|_| "write stage:30, stage:60 or stage:90".to_owned())
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
            let (name, path) = text
                .split_once('=')
                .map_or((text.as_str(), None), |(name, path)| {
                    (name, Some(PathBuf::from(path)))
                });
            let format = report::format(name).ok_or_else(|| {
                Usage(format!(
                    "there is no format `{name}`; there are {}",
                    report::FORMATS.map(|format| format.name).join(", ")
                ))
            })?;
            if path
                .as_ref()
                .is_some_and(|path| path.as_os_str().is_empty())
            {
                return Err(Usage(format!("--format {text}: the path is empty")).into());
            }
            targets.push(Target { format, path });
        }
        if targets.is_empty() {
            targets.extend(report::format("table").map(|format| Target { format, path: None }));
        }
        if targets.iter().enumerate().any(|(place, target)| {
            target.path.is_some()
                && targets[..place]
                    .iter()
                    .any(|other| other.path == target.path)
        }) {
            return Err(
                Usage("two formats to one file; give each a file of its own".to_owned()).into(),
            );
        }
        if targets
            .iter()
            .filter(|target| target.path.is_none())
            .count()
            > 1
        {
            return Err(Usage("two formats to standard output; give all but one a file: --format json=results.json".to_owned()).into());
        }
        Ok(targets)
    }

    /// What the gate lets through.
    fn rules(&self) -> gate::Rules {
        gate::Rules {
            fail_on: self.fail_on,
            unknown: self.unknown,
            gate: self.gate,
            stage: self.stage.map(Day::days),
            attested: self.require_attestations.map(Day::days),
        }
    }

    /// Fails on a wrong command line.
    pub fn check(&self) -> anyhow::Result<()> {
        for path in self
            .targets()?
            .iter()
            .filter_map(|target| target.path.as_ref())
        {
            unshared(path)?;
            if is_run(path) {
                return Err(Usage(format!(
                    "`{}` is a run; a report is not written over it",
                    path.display()
                ))
                .into());
            }
        }
        Ok(())
    }

    /// Renders an outcome and gives the exit code.
    /// `run` is the file that holds the outcome, where there is one.
    pub fn finish(
        &self,
        mut outcome: Outcome,
        run: Option<&Path>,
        global: &Global,
    ) -> anyhow::Result<u8> {
        if let Some(path) = &self.baseline {
            baseline::apply(path, &mut outcome)?;
        }
        // A gate that is stricter than the question asks it more strictly, and no yes stands above a gate that failed.
        if let Some(stricter) = self.fail_on.severity() {
            outcome.gate = stricter;
        }
        let code = self.rules().exit_code(&outcome);
        let mut words = gate::in_words(code, &self.rules(), &outcome.run);
        words.replace_range(..1, "G");
        words.push('.');
        outcome.gated = Some((code, words));
        let outcome = &outcome;
        let options = |colour| report::Options {
            layout: report::table::Layout {
                width: width(),
                details: self.details,
                colour,
            },
            ocsf: self.ocsf_class,
        };
        for target in self.targets()? {
            match &target.path {
                None => (target.format.render)(
                    outcome,
                    options(global.colour()),
                    &mut crate::cli::out(),
                )?,
                Some(path) => {
                    let mut bytes = Vec::new();
                    (target.format.render)(outcome, options(false), &mut bytes)?;
                    write_private(path, &bytes)
                        .with_context(|| format!("cannot write `{}`", path.display()))?;
                }
            }
        }
        self.summarise(outcome)?;
        if !global.quiet {
            // The table on standard output says it already.
            if !self.shows_table()? {
                let head = crate::model::headline(outcome);
                let _ = writeln!(
                    std::io::stderr(),
                    "{} {}.\n{}",
                    head.question,
                    head.answer.words(),
                    report::table::closing(outcome)
                );
            }
            let _ = writeln!(
                std::io::stderr(),
                "{}{}",
                reads(outcome),
                gate::in_words(code, &self.rules(), &outcome.run)
            );
            if let Some(next) = next(outcome, run) {
                let _ = writeln!(std::io::stderr(), "next: {next}");
            }
            let nameless =
                |account: &crate::model::AccountInfo| account.id == crate::model::UNKNOWN_ACCOUNT;
            if outcome.run.accounts.iter().any(nameless) {
                let _ = writeln!(
                    std::io::stderr(),
                    "note: the files do not say which account they are for; --account ID writes it into names and ARNs"
                );
            }
            for waiver in outcome
                .waivers
                .iter()
                .filter(|waiver| waiver.status != crate::model::WaiverStatus::Used)
            {
                let _ = writeln!(
                    std::io::stderr(),
                    "waiver of {}: {}",
                    crate::report::safe::cut(waiver.of(), 100),
                    crate::report::safe::cut(&waiver.detail, 200)
                );
            }
            let outside = outcome
                .results
                .iter()
                .filter(|result| report::outside_file(outcome, result))
                .count()
                + outcome.not_in_file.len();
            if outside > 0
                && self.rules().unknown_gate(outcome) == UnknownGate::Unresolved
                && !self.shows_table()?
            {
                let _ = writeln!(
                    std::io::stderr(),
                    "what the file does not declare is not judged and does not fail the gate (not-in-file: {outside}). Evaluate it against a recorded run: outcrop check FILE --onto RUN"
                );
            }
            for note in &outcome.run.notes {
                let _ = writeln!(
                    std::io::stderr(),
                    "note: {}",
                    crate::report::safe::cut(note, 2000)
                );
            }
        }
        Ok(code)
    }

    /// Does the table go to standard output?
    fn shows_table(&self) -> anyhow::Result<bool> {
        Ok(self
            .targets()?
            .iter()
            .any(|target| target.path.is_none() && target.format.name == "table"))
    }

    /// A job of GitHub's shows the Markdown report as its summary; it refuses one of more than 1024 kB whole.
    fn summarise(&self, outcome: &Outcome) -> anyhow::Result<()> {
        let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty())
        else {
            return Ok(());
        };
        if !self
            .targets()?
            .iter()
            .any(|target| target.format.name == "github")
        {
            return Ok(());
        }
        let text = report::markdown::within(outcome, 1_000_000);
        let appended = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        appended.with_context(|| format!("cannot write the step summary `{}`", path.display()))
    }
}

/// The command that leads on: to the proof of what the first change closes.
fn next(outcome: &Outcome, run: Option<&Path>) -> Option<String> {
    let first = crate::model::changes(outcome).into_iter().next()?.id;
    Some(match run {
        Some(run) => format!(
            "outcrop explain {} {first}   # the proof of what the first change closes; any name or rule id will do",
            report::safe::terminal(&run.display().to_string())
        ),
        None => format!(
            "keep the run with --out RUN, then: outcrop explain RUN {first}   # the proof of what the first change closes"
        ),
    })
}

/// How much of what was asked for could be read: "81 of 84 API reads complete; "; nothing of a file.
fn reads(outcome: &Outcome) -> String {
    let count = |test: fn(&str) -> bool| {
        outcome
            .coverage
            .iter()
            .filter(|line| test(&line.status))
            .count()
    };
    let whole = count(|status| matches!(status, "complete" | "unsupported"));
    let asked =
        whole + count(|status| !matches!(status, "complete" | "unsupported" | "not-collected"));
    if outcome.run.source.is_file() || asked == 0 {
        String::new()
    } else {
        format!("{whole} of {asked} API reads complete; ")
    }
}

/// Fails where a file that is to be written is another argument of the command line too, by whatever name: an input, or another
/// output. What was picked up without being named counts as named.
pub(super) fn unshared(path: &Path) -> anyhow::Result<()> {
    let Some(own) = identity(path) else {
        return Ok(());
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `--format json=FILE` and `--config=FILE` name files too.
    let leads_there = |argument: &str| {
        std::iter::once(argument)
            .chain(
                argument
                    .match_indices('=')
                    .map(|(at, _)| &argument[at + 1..]),
            )
            .any(|one| identity(Path::new(one)).as_ref() == Some(&own))
    };
    let named = arguments
        .iter()
        .map(String::as_str)
        .chain(["outcrop.yaml"])
        .filter(|one| leads_there(one))
        .count();
    if named > 1 {
        return Err(Usage(format!(
            "`{}` would be written over an input or another output; give it a file of its own",
            path.display()
        ))
        .into());
    }
    Ok(())
}

/// Is it a database, as run files are?
fn is_run(path: &Path) -> bool {
    let mut begin = [0_u8; 15];
    fs::metadata(path).is_ok_and(|found| found.is_file())
        && fs::File::open(path)
            .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut begin))
            .is_ok_and(|()| &begin == b"SQLite format 3")
}

/// Which file a path leads to: by device and number where it is there, by its place where it is not. Nothing of what is no file.
fn identity(path: &Path) -> Option<String> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => None,
        #[cfg(unix)]
        Ok(found) => {
            use std::os::unix::fs::MetadataExt;
            Some(format!("{}:{}", found.dev(), found.ino()))
        }
        #[cfg(not(unix))]
        Ok(_) => fs::canonicalize(path)
            .ok()
            .map(|path| path.display().to_string()),
        Err(_) => {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let parent = fs::canonicalize(parent.unwrap_or_else(|| Path::new("."))).ok()?;
            Some(parent.join(path.file_name()?).display().to_string())
        }
    }
}

/// Columns of the terminal; `COLUMNS` wins, 120 where there is neither.
pub(super) fn width() -> u16 {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|width| *width >= 40)
        .or_else(|| {
            comfy_table::Table::new()
                .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
                .width()
        })
        .unwrap_or(120)
}

/// Writes beside the target and renames, readable by its owner alone; what is no regular file (a device, a pipe) is written to as it is.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let followed = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let path = followed.as_path();
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.flush()));
    }
    let name = path
        .file_name()
        .ok_or_else(|| std::io::Error::other("it names no file"))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(beside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&part)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}
