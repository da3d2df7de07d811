//! Judging as such: a run with rules and configuration comes to an outcome, a gate, a comparison. Commands, packages and
//! tests call it alike.

pub mod baseline;
mod compare;
pub mod diff;
pub mod gate;
pub mod lay;
pub mod merge;
pub mod overlay;
pub mod trend;
pub mod variants;
mod worsened;

use crate::engine::{self, Config, Library, Waivable, WaiverEntry};
use crate::inventory::{Status, Store};
use crate::model::{AccountInfo, AccountKind, Configuration, Outcome, RunInfo};
use crate::sources::ignore::Ignore;
use crate::subjects;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// A command that asks for what cannot be: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// How the note begins that names rules by which a run was judged and that are not given any more.
pub const NOT_GIVEN: &str = "judged before by rules that are not given now (--rules)";

/// Rules and configuration, read and held against each other.
#[derive(Clone)]
pub struct Judge {
    /// The rules.
    pub library: Library,
    /// The configuration.
    pub config: Config,
    /// The configuration file and its digest, where there is one.
    pub configuration: Option<Configuration>,
    /// By which command the run is made, where it is kept.
    pub command: Option<String>,
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
                if entry.kind != AccountKind::Unknown {
                    account.kind = entry.kind;
                }
                if !entry.environment.is_empty() {
                    account.environment.clone_from(&entry.environment);
                }
                if !entry.owner.is_empty() {
                    account.owner.clone_from(&entry.owner);
                }
            }
        }
        let out = self.library.for_source(run.source);
        let what = if run.source.is_file() {
            "what a file declares"
        } else {
            "rows of accounts"
        };
        if let Some((rule, _)) = out.iter().find(|(_, named)| *named) {
            return Err(Usage(format!("--select {rule}: this rule cannot be judged from {what}; `outcrop rules show {rule}` tells its sources")).into());
        }
        // Of accounts nothing stays unjudged when rules about files are left out.
        if run.source.is_file() && !out.is_empty() {
            let ids: Vec<&str> = out.iter().map(|(id, _)| id.as_str()).collect();
            let note = format!(
                "left out, because they cannot be judged from {what}: {}",
                ids.join(", ")
            );
            // A run that is judged again says it already.
            if !run.notes.contains(&note) {
                run.notes.push(note);
            }
        }
        let gone: BTreeSet<&str> = run
            .judged_by
            .iter()
            .filter(|id| self.library.rule(id).is_none() && !self.library.not_run.contains_key(*id))
            .map(String::as_str)
            .collect();
        if !gone.is_empty() {
            let note = format!(
                "{NOT_GIVEN}: {}; what they found is not in the results",
                gone.into_iter().collect::<Vec<_>>().join(", ")
            );
            if !run.notes.contains(&note) {
                run.notes.push(note);
            }
        }
        run.parameters = self
            .library
            .values
            .clone()
            .into_iter()
            .collect::<BTreeMap<_, _>>();
        run.changed_parameters = self
            .library
            .values
            .iter()
            .filter(|(name, value)| {
                self.library
                    .parameters
                    .get(*name)
                    .is_some_and(|parameter| parameter.default != **value)
            })
            .map(|(name, _)| name.clone())
            .collect();
        run.not_run.clone_from(&self.library.not_run);
        run.severities.clone_from(&self.library.severities);
        run.configuration.clone_from(&self.configuration);
        run.rules_digest = self.library.digest();
        run.version = env!("CARGO_PKG_VERSION").to_owned();
        // A run that is judged again without a configuration keeps what people said in the one that it was judged with.
        if self.configuration.is_some() || run.attestations.is_empty() {
            run.attestations = self
                .config
                .attestations
                .iter()
                .filter_map(|one| serde_json::to_value(one).ok())
                .collect();
        }
        if let Some(command) = &self.command {
            run.command.clone_from(command);
        }
        if run.id.is_empty() {
            run.id = run_id(run);
        }
        Ok(())
    }

    /// Leaves out what only CloudTrail can decide where it was not asked, unless it was selected by name; says so in the run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn observing(&mut self, store: &Store, run: &mut RunInfo) -> anyhow::Result<()> {
        // Files have no calls; the rules about calls are left out by their sources.
        if run.source.is_file() {
            return Ok(());
        }
        let observed = store
            .coverage()?
            .iter()
            .any(|line| line.table == "cloudtrail_window" && line.status != Status::NotCollected);
        if observed {
            return Ok(());
        }
        for rule in self.library.leave_out("CloudTrail was not asked", |rule| {
            matches!(
                rule.subject.as_deref(),
                Some("bedrock_observed" | "outside_change")
            )
        }) {
            let note = format!(
                "{rule} was left out: CloudTrail was not asked; give `scan` --observe, or `check` --trail"
            );
            // A run that is judged again says it already.
            if !run.notes.contains(&note) {
                run.notes.push(note);
            }
        }
        Ok(())
    }

    /// Derives, judges, and reads the outcome back.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn judge(&self, store: &mut Store, run: &RunInfo) -> anyhow::Result<Outcome> {
        store.begin_run(run)?;
        // A query of a rule's own may read any subject.
        if self
            .library
            .rules
            .iter()
            .any(|loaded| loaded.rule.from.is_some())
        {
            subjects::derive(store)?;
        } else {
            let mut needs = self.library.needs(&[]);
            // Who can read the prompts is answered though no rule judges it, where nobody asked for less.
            if !run.is_narrowed() {
                needs.push((
                    "prompt_store",
                    vec!["kind", "readers_found", "readers", "name"],
                ));
            }
            subjects::derive_for(store, &needs)?;
        }
        let judged = engine::judge(store, &self.library, &self.config, run, true)?;
        for (rule, error) in judged.errors {
            tracing::warn!("the rule {rule} could not run, so it is unknown everywhere: {error}");
        }
        store.finish()?;
        Ok(engine::outcome(store)?)
    }
}

/// Judges rows that are in a store already by rules that were read before: nothing of the run is completed, no rule left out.
///
/// # Errors
/// When the store cannot be written.
pub fn again(
    store: &mut Store,
    library: &Library,
    config: &Config,
    run: &RunInfo,
) -> anyhow::Result<Outcome> {
    store.write_run(run)?;
    subjects::derive(store)?;
    engine::judge(store, library, config, run, true)?;
    Ok(engine::outcome(store)?)
}

/// The rules that a run was judged by, from their texts, with its parameters and severities.
///
/// # Errors
/// When a text is not a rule.
pub fn library_of(
    texts: Vec<(String, String)>,
    run: &RunInfo,
    judged: &Outcome,
) -> Result<Library, engine::RuleError> {
    let mut library = Library::from_files(&subjects::tables(), texts)?;
    library.values.extend(run.parameters.clone());
    for loaded in &mut library.rules {
        if let Some(text) = judged.rules.get(&loaded.rule.id) {
            loaded.severity = text.severity;
        }
    }
    Ok(library)
}

/// A waiver that stands beside a declaration; where it lacks something the report says what.
pub fn waiver(ignore: &Ignore) -> WaiverEntry {
    let place = format!("{}:{}", ignore.location.file, ignore.location.line);
    WaiverEntry {
        rule: ignore.rule.clone(),
        resource: if ignore.address.is_empty() {
            place
        } else {
            ignore.address.clone()
        },
        reason: ignore.reason.clone(),
        owner: ignore.owner.clone(),
        expires: ignore.expires.clone(),
        verdict: if ignore.unknown {
            Waivable::Unknown
        } else {
            Waivable::Fail
        },
        ..WaiverEntry::default()
    }
}

fn run_id(run: &RunInfo) -> String {
    let mut hash = Sha256::new();
    for text in [
        &run.started_at,
        &run.caller_arn,
        &run.partition,
        &run.rules_digest,
    ] {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    for AccountInfo { id, .. } in &run.accounts {
        hash.update(id.as_bytes());
    }
    for region in &run.regions {
        hash.update(region.as_bytes());
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Now, as runs write it.
pub fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
