//! `outcrop handoff RUN --out DIR`: the folder that a customer's team takes over with.

use super::{Global, diff};
use crate::handoff::{Document, Parts, Said, Sources, document, write};
use crate::inventory::Store;
use crate::judge::Usage;
use crate::model::Outcome;
use crate::report::folder;
use crate::report::safe::cut;
use crate::{evidence, subjects};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Handoff {
    /// A judged run.
    run: PathBuf,
    /// Folder to make: `handoff.html`, `handoff.md`, `handoff.json` and a CSV file for each table.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// State of the source: `terraform.tfstate`, the output of `terraform show -json` or of `pulumi stack export`; repeatable.
    #[arg(long, value_name = "FILE")]
    state: Vec<PathBuf>,
    /// A file of the source, such as a template, in which literals are looked for; repeatable.
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

    /// 0 where everything may be accepted, 3 where a question is answered with no, 4 where one is open.
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        if self.out.exists() {
            return Err(Usage(format!(
                "--out {}: it exists already; choose another folder",
                self.out.display()
            ))
            .into());
        }
        let mut sources = Sources::default();
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
