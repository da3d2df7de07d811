//! A remedy as a patch of the files that declare what is changed.
//!
//! Texts are spliced where they stand, so that nothing else of a file changes. What cannot be placed for certain is left, and said.

use super::Plan;
use super::splice::{appended, cloudformation, terraform};
use super::text::{CALLER, Form, referring, sets};
use crate::model::Source;
use crate::secrets;
use crate::sources::tree;
use anyhow::Context as _;
use hcl_edit::structure::Body;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A patch.
#[derive(Debug, Default)]
pub struct Patch {
    /// A unified diff; empty where nothing could be placed.
    pub text: String,
    /// The files with the patch in them.
    pub files: BTreeMap<PathBuf, String>,
    /// The changes that are in it, by their place among those asked for.
    pub whole: Vec<usize>,
    /// What is not in it, and why.
    pub left: Vec<String>,
}

/// The patch of several changes, made one after the other.
///
/// # Errors
/// When a file cannot be read, or the input is no file that can be patched.
pub fn of(plans: &[&Plan], source: Source, folder: Option<&Path>) -> anyhow::Result<Patch> {
    if !matches!(source, Source::Terraform | Source::Cloudformation) {
        anyhow::bail!(
            "only templates, and plans with --source, can be patched; a run has other forms: --format cli|terraform|cloudformation"
        );
    }
    if source == Source::Terraform && folder.is_none() {
        anyhow::bail!(
            "a plan holds no source: give --source DIR with the folder of its `.tf` files"
        );
    }
    let mut patch = Patch::default();
    let mut seen = BTreeSet::new();
    let mut old: BTreeMap<PathBuf, String> = BTreeMap::new();
    for (at_plan, plan) in plans.iter().enumerate() {
        let form = match source {
            Source::Terraform => Form::Terraform,
            _ => Form::Cloudformation,
        };
        let before = patch.files.clone();
        let (left_before, seen_before) = (patch.left.len(), seen.clone());
        for (own, declared) in plan.rows.iter().zip(&plan.declared) {
            let cells = &referring(own, plan, form);
            for (set, at) in sets(plan, declared, cells) {
                let Some(at) = at else {
                    patch.left.push(format!(
                        "{} is not declared in the file",
                        own.get(&set.key).and_then(Json::as_str).unwrap_or_default()
                    ));
                    continue;
                };
                if at.location.file.is_empty() {
                    patch.left.push(format!(
                        "{}: where it is declared was not found in the sources",
                        at.address
                    ));
                    continue;
                }
                let file = match (source, folder) {
                    (Source::Cloudformation, _) if at.path.is_empty() => {
                        PathBuf::from(&at.location.file)
                    }
                    (Source::Cloudformation, _) => {
                        patch.left.push(format!(
                            "{} is made by the AWS CDK; change the construct {}",
                            at.address, at.path
                        ));
                        continue;
                    }
                    _ => PathBuf::from(&at.location.file),
                };
                if !old.contains_key(&file) {
                    let text = crate::model::file::read_text(&file)
                        .with_context(|| format!("cannot read `{}`", file.display()))?;
                    old.insert(file.clone(), text);
                }
                let now = patch.files.get(&file).unwrap_or(&old[&file]);
                let placed = match source {
                    Source::Terraform => terraform(now, set, at, cells),
                    _ => cloudformation(now, set, at, cells),
                };
                match placed {
                    Ok(text) => {
                        patch.files.insert(file, text);
                    }
                    Err(why) => patch.left.push(format!("{}: {why}", at.address)),
                }
            }
        }
        let created = plan.created(form, &mut seen);
        let regions: BTreeSet<&str> = plan
            .rows
            .iter()
            .filter_map(|own| own.get("region")?.as_str())
            .collect();
        if created.is_empty() && plan.remedy.set.is_empty() {
            patch.left.push(
                "a change that this form cannot say; --format json has it in others".to_owned(),
            );
        }
        if !created.is_empty() && regions.len() > 1 {
            patch.left.push(
                "what is declared anew: it is for several Regions, each with a provider or stack of its own"
                    .to_owned(),
            );
            patch.files = before;
            seen = seen_before;
            continue;
        }
        match (source, folder) {
            _ if created.is_empty() => {}
            (Source::Terraform, Some(folder)) => {
                let file = folder.join(NEW_FILE);
                let known = crate::model::file::read_text(&file).unwrap_or_default();
                let now = patch
                    .files
                    .entry(file.clone())
                    .or_insert_with(|| known.clone());
                old.entry(file).or_insert(known);
                if !now.is_empty() {
                    now.push('\n');
                }
                now.push_str(&created);
            }
            (Source::Cloudformation, _) => {
                // Into the template of the first thing that the change is about, or the first that is patched.
                let file = plan
                    .declared
                    .iter()
                    .flatten()
                    .flatten()
                    .next()
                    .map(|at| PathBuf::from(&at.location.file))
                    .or_else(|| plan.template.clone());
                let Some(file) = file else {
                    patch
                        .left
                        .push("what is declared anew: its template is not known".to_owned());
                    continue;
                };
                if !old.contains_key(&file) {
                    let text = crate::model::file::read_text(&file)
                        .with_context(|| format!("cannot read `{}`", file.display()))?;
                    old.insert(file.clone(), text);
                }
                let now = patch.files.get(&file).unwrap_or(&old[&file]);
                match appended(now, &created) {
                    Ok(text) => {
                        patch.files.insert(file, text);
                    }
                    Err(why) => patch.left.push(format!("what is declared anew: {why}")),
                }
            }
            _ => {}
        }
        // A file that would not be read any more is worse than no patch.
        let broken = patch
            .files
            .iter()
            .filter(|(file, text)| before.get(*file) != Some(*text))
            .find_map(|(file, text)| Some((file.clone(), unreadable(text, source)?)));
        if let Some((file, why)) = broken {
            patch.left.push(format!(
                "{}: the change does not fit into the file ({why})",
                file.display()
            ));
        }
        for (file, text) in &patch.files {
            let known = before.get(file).unwrap_or(&old[file]);
            if known != text && hunks(known, text).iter().any(|hunk| hides(hunk)) {
                patch.left.push(format!(
                    "{}: the lines to change hold a secret, which a patch would show; --format terraform or cloudformation says what to set",
                    file.display()
                ));
            }
        }
        // Half a change is none: a new key that nothing uses, a reference to what is not made.
        if patch.left.len() > left_before {
            patch.files = before;
            seen = seen_before;
        } else {
            patch.whole.push(at_plan);
        }
    }
    // The account of a plan that does not tell it, once.
    if let Some(folder) = folder {
        let file = folder.join(NEW_FILE);
        let declared = patch
            .files
            .values()
            .chain(old.values())
            .any(|text| text.contains("data \"aws_caller_identity\" \"current\""));
        if let Some(text) = patch.files.get_mut(&file)
            && text.contains(CALLER)
            && !declared
        {
            text.insert_str(0, "data \"aws_caller_identity\" \"current\" {}\n\n");
        }
    }
    patch.left.dedup();
    for (file, text) in &patch.files {
        let name = file.display().to_string();
        let name = name.trim_start_matches("./");
        let mut shown = String::new();
        for hunk in hunks(&old[file], text) {
            // Lines around a change are in a patch too, and more people read it than the file itself.
            if hides(&hunk) {
                patch.left.push(format!(
                    "{name}, {}: the lines around it hold a secret, which a patch would show",
                    hunk.lines().next().unwrap_or_default()
                ));
            } else {
                shown.push_str(&hunk);
            }
        }
        if !shown.is_empty() {
            let from = if old[file].is_empty() {
                "/dev/null".to_owned()
            } else {
                format!("a/{name}")
            };
            patch
                .text
                .push_str(&format!("--- {from}\n+++ b/{name}\n{shown}"));
        }
    }
    Ok(patch)
}

/// Why a patched file cannot be read; nothing where it can.
fn unreadable(text: &str, source: Source) -> Option<String> {
    match source {
        Source::Terraform => text.parse::<Body>().err().map(|error| {
            error
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        }),
        _ => tree::parse(text).err().map(|fault| fault.to_string()),
    }
}

/// The parts of a unified diff.
fn hunks(old: &str, new: &str) -> Vec<String> {
    similar::TextDiff::from_lines(old, new)
        .unified_diff()
        .iter_hunks()
        .map(|hunk| hunk.to_string())
        .collect()
}

/// Does a part of a diff show a secret that stands in the file?
fn hides(hunk: &str) -> bool {
    hunk.lines().any(shows_a_secret)
}

/// Does a line of a file hold a secret, by what our detectors know?
fn shows_a_secret(line: &str) -> bool {
    if line.starts_with('+') || line.starts_with("@@") {
        return false;
    }
    let trim = |text: &str| {
        text.trim_matches(|c: char| c.is_whitespace() || "\"',{}[]()".contains(c))
            .to_owned()
    };
    let line = line.get(1..).unwrap_or_default();
    let pairs = line.split([',', '{', '}']).filter_map(|part| {
        let at = part.find([':', '='])?;
        Some((trim(&part[..at]), trim(&part[at + 1..])))
    });
    let words = line
        .split(['"', '\'', ' '])
        .map(|word| (String::new(), trim(word)));
    pairs
        .chain(words)
        .chain([(String::new(), trim(line))])
        .any(|(name, value)| secrets::classify(&name, &value).category.is_secret())
}

/// Where blocks of Terraform that a remedy declares anew are put.
const NEW_FILE: &str = "outcrop-fixes.tf";
