//! What every command that judges shares: flags, rules, configuration.

use super::output::Output;
use crate::engine::{self, Library, Selection};
use crate::inventory::Store;
use crate::judge::{Judge, Usage};
use crate::model::{Configuration, file};
use crate::subjects;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Flags of every command that judges.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Judging {
    /// Add the rules of a folder to the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub rules: Vec<PathBuf>,
    /// Judge only these: rule id, pillar, `stage:30`, `severity:high`, `framework:ID`, `framework:ID/CONTROL`.
    #[arg(long, value_name = "TERM", value_delimiter = ',', add = super::complete::terms())]
    pub select: Vec<String>,
    /// Leave these out.
    #[arg(long, value_name = "TERM", value_delimiter = ',', add = super::complete::terms())]
    pub skip: Vec<String>,
    /// Configuration; `outcrop.yaml` when present.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set parameters as a framework asks for: `eu-ai-act`, `pci-dss`. The configuration comes after it.
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    #[command(flatten)]
    pub output: Output,
    /// Keep the run in this file; `scan` and `merge` also take `s3://BUCKET/KEY`.
    #[arg(long, value_name = "RUN")]
    pub out: Option<PathBuf>,
}

impl Judging {
    /// Reads rules and configuration.
    pub fn load(&self) -> anyhow::Result<Judge> {
        self.output.check()?;
        if let Some(out) = &self.out {
            super::output::unshared(out)?;
        }
        let mut judge = read(
            &self.rules,
            self.config.as_deref(),
            self.preset.as_deref(),
            &Selection {
                select: self.select.clone(),
                skip: self.skip.clone(),
            },
        )?;
        judge.command = self.out.as_ref().map(|_| command());
        Ok(judge)
    }

    /// Makes the run whole or not at all: where judging fails, a file that it began is taken away.
    pub fn whole<T>(&self, judge: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let begun = self
            .out
            .as_ref()
            .filter(|path| path.symlink_metadata().is_err());
        let result = judge();
        if let (Err(_), Some(path)) = (&result, begun) {
            for end in ["", "-wal", "-shm"] {
                let mut name = path.clone().into_os_string();
                name.push(end);
                let _ = std::fs::remove_file(name);
            }
        }
        result
    }

    /// A store for the run: the file of `--out`, or memory.
    pub fn store(&self) -> anyhow::Result<Store> {
        Ok(match &self.out {
            Some(path) => Store::create(path, &subjects::tables())?,
            None => Store::memory(&subjects::tables())?,
        })
    }
}

/// Rules and configuration: the built-in rules and those of the folders, with `outcrop.yaml` where there is one.
///
/// # Errors
/// When one of them cannot be read.
pub(super) fn read(
    folders: &[PathBuf],
    config: Option<&Path>,
    preset: Option<&str>,
    selection: &Selection,
) -> anyhow::Result<Judge> {
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let mut library = Library::load(&subjects::tables(), &folders)?;
    if let Some(name) = preset {
        set(&mut library, name)?;
    }
    let mut found = true;
    let (file, text) = match config {
        Some(path) => (
            path.display().to_string(),
            file::read_text(path)
                .with_context(|| format!("cannot read the configuration `{}`", path.display()))?,
        ),
        None => match file::read_text(Path::new("outcrop.yaml")) {
            Ok(text) => ("outcrop.yaml".to_owned(), text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                found = false;
                ("outcrop.yaml".to_owned(), String::new())
            }
            Err(error) => {
                return Err(error).context("cannot read the configuration `outcrop.yaml`");
            }
        },
    };
    let config = engine::parse_config(&file, &text)?;
    library.configure(&file, &text, &config)?;
    library.select(selection).map_err(Usage)?;
    Ok(Judge {
        library,
        config,
        configuration: found.then(|| Configuration {
            sha256: sha256(&text),
            file,
        }),
        command: None,
    })
}

/// Parameters that a framework asks for, by its name.
const PRESETS: &str = include_str!("../../data/presets.yaml");

/// Sets the parameters of a preset.
fn set(library: &mut Library, name: &str) -> anyhow::Result<()> {
    #[derive(serde::Deserialize)]
    struct Preset {
        parameters: BTreeMap<String, serde_json::Value>,
    }
    let all: BTreeMap<String, Preset> = yaml_serde::from_str(PRESETS)?;
    let Some(preset) = all.get(name) else {
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        return Err(Usage(format!(
            "`{name}` is not a preset; there is {}",
            names.join(", ")
        ))
        .into());
    };
    for (parameter, value) in &preset.parameters {
        library.values.insert(parameter.clone(), value.clone());
    }
    Ok(())
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The command line, without what is secret in it.
fn command() -> String {
    let mut hide = false;
    std::env::args()
        .map(
            |argument| match (std::mem::take(&mut hide), argument.as_str()) {
                (true, _) => "(hidden)".to_owned(),
                (_, "--external-id") => {
                    hide = true;
                    argument
                }
                (_, text) if text.starts_with("--external-id=") => {
                    "--external-id=(hidden)".to_owned()
                }
                _ => argument,
            },
        )
        .collect::<Vec<_>>()
        .join(" ")
}
