//! What a path on the command line is, by what it holds, and plans and templates read from it.

use super::cloudformation::cdk;
use super::files::{Error, Files, Given, Variant, text};
use super::{cloudformation, pulumi, terraform, tree};
use crate::model::Unique;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A run (`.outcrop`).
    Run,
    /// An inventory folder.
    Inventory,
    /// `terraform show -json`.
    Terraform,
    /// A CloudFormation template, JSON or YAML.
    Cloudformation,
    /// A `cdk.out` folder.
    Cdk,
    /// `pulumi preview --json` or `pulumi stack export`.
    Pulumi,
}

impl Kind {
    /// Is it a plan or a template?
    pub fn is_file(self) -> bool {
        !matches!(self, Self::Run | Self::Inventory)
    }
}

/// What a path is, by what it holds.
///
/// # Errors
/// When it is nothing that can be judged; the message says what it is and what to do.
pub fn kind(path: &Path, forced: Option<Kind>) -> anyhow::Result<Kind> {
    if let Some(kind) = forced {
        return Ok(kind);
    }
    let shown = path.display();
    if path.is_dir() {
        if super::fixture::is_inventory(path) {
            return Ok(Kind::Inventory);
        }
        if cdk::is_assembly(path) {
            return Ok(Kind::Cdk);
        }
        anyhow::bail!(
            "`{shown}` is a folder without `run.yaml` or `manifest.json`, so it is neither an inventory nor a cdk.out; name a file or such a folder"
        );
    }
    if super::files::is_standard_input(path) {
        return kind_of_text(&text(path)?, "standard input", path);
    }
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        anyhow::bail!("`{shown}` is not a regular file; to read from a pipe, give `-`");
    }
    let mut header = [0_u8; 16];
    let is_run = std::fs::File::open(path)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut header))
        .is_ok()
        && &header == b"SQLite format 3\0";
    if is_run
        || !path.is_file()
        || path
            .extension()
            .is_some_and(|extension| extension == "outcrop")
    {
        return Ok(Kind::Run);
    }
    kind_of_text(&text(path)?, &shown.to_string(), path)
}

/// What a text is, or which command makes of it something that can be judged.
fn kind_of_text(text: &str, shown: &str, path: &Path) -> anyhow::Result<Kind> {
    const SHOW: &str = "terraform plan -out plan.out && terraform show -json plan.out > plan.json";
    if text.trim().is_empty() {
        anyhow::bail!("`{shown}` is empty");
    }
    if path
        .extension()
        .is_some_and(|extension| extension == "tf" || extension == "tofu")
    {
        anyhow::bail!(
            "`{shown}` is Terraform source; judge the plan that is made from it: {SHOW}, and give the folder as --source"
        );
    }
    if let Some(kind) = by_its_keys(text) {
        return Ok(kind);
    }
    if text.trim_start().starts_with("{\"format_version")
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
    {
        anyhow::bail!("{shown}: {error}");
    }
    let first: Option<Json> = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .and_then(|line| serde_json::from_str(line).ok());
    if first.is_some_and(|first| first.get("@level").is_some()) {
        anyhow::bail!(
            "`{shown}` is the log of `terraform plan -json`; judge the plan itself: {SHOW}"
        );
    }
    if text.lines().take(200).any(|line| {
        line.contains("Terraform will perform the following actions")
            || line.contains("OpenTofu will perform the following actions")
    }) {
        anyhow::bail!("`{shown}` is a plan as a person reads it; judge it as JSON: {SHOW}");
    }
    let tree = tree::parse(text).map_err(|fault| anyhow::anyhow!("{shown}: {fault}"))?;
    if cloudformation::is_template(&tree) {
        return Ok(Kind::Cloudformation);
    }
    if tree.get("terraform_version").is_some() && tree.get("lineage").is_some() {
        anyhow::bail!(
            "`{shown}` is a state file of Terraform, whose format is its own; show it as JSON: terraform show -json > state-shown.json"
        );
    }
    anyhow::bail!(
        "`{shown}` is not a run, an inventory, a Terraform plan, a CloudFormation template, a cdk.out folder or a Pulumi preview, as far as its contents tell; if it is one of them, say which with --as"
    )
}

/// What the outermost keys tell, without reading the rest.
fn by_its_keys(text: &str) -> Option<Kind> {
    if !text.trim_start().starts_with('{') {
        let begins = |key: &str| text.lines().any(|line| line.starts_with(key));
        return (begins("Resources:") && begins("AWSTemplateFormatVersion:"))
            .then_some(Kind::Cloudformation);
    }
    let outer: BTreeMap<&str, &serde_json::value::RawValue> = serde_json::from_str(text).ok()?;
    let has = |key: &str| outer.contains_key(key);
    if terraform::KEYS.iter().any(|key| has(key)) && has("format_version") {
        return Some(Kind::Terraform);
    }
    if outer
        .get("Resources")
        .is_some_and(|inner| inner.get().contains("AWS::"))
    {
        return Some(Kind::Cloudformation);
    }
    let deployment = outer
        .get("deployment")
        .is_some_and(|inner| inner.get().contains("\"resources\""));
    (deployment
        || outer
            .get("steps")
            .is_some_and(|steps| steps.get().starts_with('['))
        || has("changeSummary") && has("config"))
    .then_some(Kind::Pulumi)
}

/// Reads a plan or template.
fn read(path: &Path, kind: Kind, given: &Given) -> anyhow::Result<Files> {
    let shown = crate::model::file::shown(path);
    let json = || -> anyhow::Result<Json> {
        Ok(serde_json::from_str::<Unique>(&text(path)?)
            .map_err(|error| Error::new(&shown, error.to_string()))?
            .0)
    };
    Ok(match kind {
        Kind::Terraform => terraform::read(&shown, &json()?, given)?,
        Kind::Pulumi => pulumi::read(&shown, &json()?, given)?,
        Kind::Cloudformation => cloudformation::read(path, &text(path)?, given)?,
        Kind::Cdk => cdk::read(path, given)?,
        Kind::Run | Kind::Inventory => anyhow::bail!("`{shown}` is not a plan or template"),
    })
}

/// Reads plans or templates of one kind as one; templates see each other's exports.
///
/// # Errors
/// When one cannot be read, or they are of different kinds.
pub fn read_all(paths: &[PathBuf], kinds: &[Kind], given: &Given) -> anyhow::Result<Files> {
    if paths.len() > 1 && kinds.iter().all(|kind| *kind == Kind::Cloudformation) {
        let templates = paths
            .iter()
            .map(|path| Ok((path.as_path(), text(path)?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        return Ok(cloudformation::read_all(&templates, given)?);
    }
    let mut all = paths
        .iter()
        .zip(kinds)
        .map(|(path, kind)| read(path, *kind, given))
        .collect::<anyhow::Result<Vec<_>>>()?;
    name_apart(&mut all, paths);
    join(all)
}

/// What stands at one address in two files is called by its file as well.
fn name_apart(all: &mut [Files], paths: &[PathBuf]) {
    let mut seen: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (number, files) in all.iter().enumerate() {
        for one in files.variants.iter().flat_map(|variant| &variant.resources) {
            seen.entry(one.address.clone()).or_default().insert(number);
        }
    }
    seen.retain(|_, files| files.len() > 1);
    for (files, path) in all.iter_mut().zip(paths) {
        let shown = crate::model::file::shown(path);
        let resources = files
            .variants
            .iter_mut()
            .flat_map(|variant| &mut variant.resources)
            .chain(&mut files.before);
        for one in resources.filter(|one| seen.contains_key(&one.address)) {
            one.file.clone_from(&shown);
        }
    }
}

/// Several files as one.
fn join(mut all: Vec<Files>) -> anyhow::Result<Files> {
    for (number, files) in all.iter_mut().enumerate() {
        let resources = files
            .variants
            .iter_mut()
            .flat_map(|variant| &mut variant.resources)
            .chain(&mut files.before);
        resources.for_each(|one| one.unit = format!("{number} {}", one.unit));
    }
    let Some(mut joined) = (!all.is_empty()).then(|| all.remove(0)) else {
        anyhow::bail!("name at least one path")
    };
    for files in all {
        if files.source != joined.source {
            anyhow::bail!(
                "the files are of two kinds ({} and {}); judge them apart",
                joined.source.as_str(),
                files.source.as_str()
            );
        }
        let mut product = Vec::new();
        let most = 64 / joined.variants.len().max(1);
        if files.variants.len() > most {
            joined.notes.push(format!(
                "of the {} ways the conditions can turn out together, {} were judged",
                joined.variants.len() * files.variants.len(),
                joined.variants.len() * most
            ));
        }
        for left in &joined.variants {
            for right in files.variants.iter().take(most) {
                let when = [left.when.as_str(), right.when.as_str()]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join(", ");
                product.push(Variant {
                    when,
                    resources: left
                        .resources
                        .iter()
                        .chain(&right.resources)
                        .cloned()
                        .collect(),
                });
            }
        }
        joined.variants = product;
        joined.before.extend(files.before);
        joined.notes.extend(files.notes);
        joined.ignores.extend(files.ignores);
        joined.open.extend(files.open);
        joined.undeclared.extend(files.undeclared);
        joined.rewritten.extend(files.rewritten);
        joined.moved.extend(files.moved);
    }
    Ok(joined)
}
