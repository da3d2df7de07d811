//! `outcrop handoff RUN --out DIR`: the folder that a customer's team takes over with.

use super::{Global, diff};
use crate::handoff::{Document, Parts, Said, Sources, document, write};
use crate::inventory::Store;
use crate::judge::Usage;
use crate::model::{Outcome, counted};
use crate::report::folder;
use crate::report::safe::cut;
use crate::sources::files::{Files, Given};
use crate::sources::{cloudformation, overlay, terraform};
use crate::{evidence, subjects};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Handoff {
    /// A judged run.
    run: PathBuf,
    /// Folder to make: `handoff.html`, `handoff.md`, `handoff.json` with its schema, and a CSV file for each table.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// State of the source: `terraform.tfstate`, the output of `terraform show -json` or of `pulumi stack export`; repeatable. Its
    /// settings are compared with those of the run, those of Pulumi aside.
    #[arg(long, value_name = "FILE")]
    state: Vec<PathBuf>,
    /// CloudFormation declares everything, the CDK included: what no stack of the run made is in no source.
    #[arg(long)]
    stacks: bool,
    /// A file of the source, in which literals are looked for; the settings of a CloudFormation template are compared with those of
    /// the run. Repeatable.
    #[arg(long, value_name = "FILE")]
    template: Vec<PathBuf>,
    /// An earlier run: what the vendor had then, and whether it is gone.
    #[arg(long, value_name = "RUN")]
    previous: Option<PathBuf>,
    /// A judged run of the same source in another account: what is missing, what differs, what still names this one.
    #[arg(long, value_name = "RUN")]
    rehearsal: Option<PathBuf>,
    /// Replace the names of accounts and resources by stand-ins.
    #[arg(long)]
    redact: bool,
}

/// Bytes of one file of a source.
const LARGEST: u64 = 256 << 20;

fn read(path: &Path) -> anyhow::Result<String> {
    let about = || format!("`{}` cannot be read", path.display());
    let data = std::fs::metadata(path).with_context(about)?;
    if !data.is_file() {
        anyhow::bail!("`{}` is not a file", path.display());
    }
    if data.len() > LARGEST {
        anyhow::bail!("`{}` is larger than 256 MiB", path.display());
    }
    let bytes = std::fs::read(path).with_context(about)?;
    String::from_utf8(bytes).with_context(|| format!("`{}` is not text", path.display()))
}

struct Judged {
    store: Store,
    outcome: Outcome,
}

fn judged(path: &Path) -> anyhow::Result<Judged> {
    Ok(Judged {
        outcome: diff::outcome(path)?,
        store: Store::open(path, &subjects::tables())?,
    })
}

impl Handoff {
    /// A run, with stand-ins for names where they are asked for: judged from a copy that does not outlive it.
    fn judged(&self, path: &Path) -> anyhow::Result<Judged> {
        if !self.redact {
            return judged(path);
        }
        let mut beside = self.out.clone().into_os_string();
        beside.push(".redacted.outcrop");
        let changed = PathBuf::from(beside);
        let done = evidence::redact(path, &changed)
            .map_err(anyhow::Error::from)
            .and_then(|()| judged(&changed));
        let _ = std::fs::remove_file(&changed);
        done
    }

    /// Reads what the sources declare as rows, to hold them against those of the run.
    fn compare(&self, here: &Judged, sources: &mut Sources) -> anyhow::Result<()> {
        let run = &here.outcome.run;
        let mut given = Given {
            made: overlay::made_by_stacks(&here.store)?,
            ..Given::default()
        };
        if let [only] = run.accounts.as_slice() {
            given.account = Some(only.id.clone());
        }
        if let [only] = run.regions.as_slice() {
            given.region = Some(only.clone());
        }
        let name = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        for path in &self.state {
            let state = serde_json::from_str(&read(path)?)?;
            let Some((shown, hidden)) = Sources::as_shown(&state) else {
                sources.not_compared.push(format!(
                    "{}: a stack export of Pulumi names its resources; their settings are not compared",
                    name(path)
                ));
                continue;
            };
            if hidden > 0 {
                sources.not_compared.push(format!(
                    "{}: {} with values that the state marks as sensitive; what differs in them, or because of them, is not told",
                    name(path),
                    counted(hidden, "resource", "resources")
                ));
            }
            match terraform::read(&name(path), &shown, &given) {
                Ok(files) => declared(sources, name(path), &files)?,
                Err(error) => sources.not_compared.push(error.to_string()),
            }
        }
        let texts = sources.texts.clone();
        for (path, text) in &texts {
            let template = path.extension().is_some_and(|ending| {
                ["yaml", "yml", "json", "template"]
                    .iter()
                    .any(|known| ending == *known)
            });
            if !template {
                continue;
            }
            match cloudformation::read(path, text, &given) {
                Ok(files) => declared(sources, name(path), &files)?,
                Err(error) => sources.not_compared.push(error.to_string()),
            }
        }
        Ok(())
    }

    /// 0 where everything may be accepted, 3 where a question is answered with no, 4 where one is open.
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        if self.out.exists() {
            return Err(Usage(format!(
                "--out {}: it exists already; choose another folder",
                self.out.display()
            ))
            .into());
        }
        let mut sources = Sources {
            stacks: self.stacks,
            ..Sources::default()
        };
        for path in &self.state {
            let state = serde_json::from_str(&read(path)?)
                .with_context(|| format!("`{}` is not JSON", path.display()))?;
            sources.state(path, &state).map_err(anyhow::Error::msg)?;
        }
        for path in &self.template {
            sources.texts.push((path.clone(), read(path)?));
        }
        if self.redact && !(self.state.is_empty() && self.template.is_empty()) {
            return Err(Usage(
                "--redact: names in a state or a template are not replaced; leave out --state and --template"
                    .to_owned(),
            )
            .into());
        }
        let here = self.judged(&self.run)?;
        self.compare(&here, &mut sources)?;
        let other =
            |path: &Option<PathBuf>| path.as_deref().map(|path| self.judged(path)).transpose();
        let (previous, rehearsal) = (other(&self.previous)?, other(&self.rehearsal)?);
        if let Some(there) = &rehearsal {
            let same = there
                .outcome
                .run
                .accounts
                .iter()
                .find(|account| here.outcome.run.account(&account.id).is_some());
            if let Some(account) = same {
                return Err(Usage(format!(
                    "--rehearsal: account {} is in both runs; a rehearsal is deployed to another account",
                    account.id
                ))
                .into());
            }
        }
        let document = document(&Parts {
            store: &here.store,
            outcome: &here.outcome,
            sources: &sources,
            previous: previous.as_ref().map(|one| &one.store),
            rehearsal: rehearsal.as_ref().map(|one| (&one.store, &one.outcome)),
        })?;
        folder::write(&self.out, &write::files(&document)?)
            .with_context(|| format!("`{}`", self.out.display()))?;
        if !global.quiet {
            say(&document, &self.out);
        }
        Ok(code(&document))
    }
}

/// The rows of a source, where it has one form alone.
fn declared(sources: &mut Sources, name: String, files: &Files) -> anyhow::Result<()> {
    let [variant] = files.variants.as_slice() else {
        sources.not_compared.push(format!(
            "{name}: conditions leave open what it declares; its settings are not compared"
        ));
        return Ok(());
    };
    let mut store = Store::memory(&subjects::tables())?;
    variant.fill(files, &mut store)?;
    sources.declared.push((name, store));
    Ok(())
}

fn code(document: &Document) -> u8 {
    let refused = document.questions.iter().any(|one| one.answer == Said::No);
    match (document.accepted, refused) {
        (true, _) => 0,
        (false, true) => 3,
        (false, false) => 4,
    }
}

fn say(document: &Document, out: &Path) {
    for one in &document.questions {
        anstream::eprintln!(
            "{:<16} {} {}",
            one.answer.words(),
            one.question,
            cut(&one.because, 200)
        );
    }
    anstream::eprintln!(
        "{} sections in {}; open handoff.html, which prints",
        document.sections.len(),
        out.display()
    );
}
