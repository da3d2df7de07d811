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

/// The patch of several changes, made one after the other. Each is in it whole or not at all: half of one would be a new key that
/// nothing uses, or a reference to what is not made.
///
/// # Errors
/// When a file cannot be read, or the input is no file that can be patched.
pub fn of(plans: &[&Plan], source: Source, folder: Option<&Path>) -> anyhow::Result<Patch> {
    let form = match (source, folder) {
        (Source::Terraform, None) => anyhow::bail!(
            "a plan holds no source: give --source DIR with the folder of its `.tf` files"
        ),
        (Source::Terraform, Some(_)) => Form::Terraform,
        (Source::Cloudformation, _) => Form::Cloudformation,
        _ => anyhow::bail!(
            "only templates, and plans with --source, can be patched; a run has other forms: --format cli|terraform|cloudformation"
        ),
    };
    let mut sources = Sources {
        form,
        folder,
        old: BTreeMap::new(),
    };
    let mut patch = Patch::default();
    let mut draft = Draft::default();
    // How what a change would have made is referred to, where it is not in the patch.
    let mut unmade: Vec<String> = Vec::new();
    for (at, plan) in plans.iter().enumerate() {
        let mut next = draft.clone();
        let mut left = sources.change(&mut next, plan)?;
        let text = plan.text(form, &mut BTreeSet::new());
        if unmade.iter().any(|name| text.contains(name.as_str())) {
            left.push("it rests on a change that is not in the patch".to_owned());
        }
        if left.is_empty() {
            draft = next;
            patch.whole.push(at);
        } else {
            let made = plan.makes().into_values();
            unmade.extend(made.map(|[terraform, cloudformation]| match form {
                Form::Terraform => terraform,
                _ => cloudformation,
            }));
            patch.left.extend(left);
        }
    }
    patch.left.dedup();
    patch.files = draft.files;
    sources.declare_account(&mut patch.files);
    for (file, text) in &patch.files {
        let name = file.display().to_string();
        let name = name.trim_start_matches("./");
        let old = &sources.old[file];
        let mut shown = String::new();
        for hunk in hunks(old, text) {
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
            let from = if old.is_empty() {
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

/// The files as they become, and the blocks that were declared anew.
#[derive(Clone, Default)]
struct Draft {
    files: BTreeMap<PathBuf, String>,
    seen: BTreeSet<String>,
}

/// The files as they are.
struct Sources<'s> {
    form: Form,
    /// Folder of the `.tf` files of a plan.
    folder: Option<&'s Path>,
    old: BTreeMap<PathBuf, String>,
}

impl Sources<'_> {
    /// A file with what was changed so far.
    fn now<'d>(&'d mut self, draft: &'d Draft, file: &Path) -> anyhow::Result<&'d str> {
        if !self.old.contains_key(file) {
            let text = crate::model::file::read_text(file)
                .with_context(|| format!("cannot read `{}`", file.display()))?;
            self.old.insert(file.to_owned(), text);
        }
        Ok(draft.files.get(file).unwrap_or(&self.old[file]))
    }

    /// Makes a change; gives what of it cannot be made.
    fn change(&mut self, draft: &mut Draft, plan: &Plan) -> anyhow::Result<Vec<String>> {
        let mut left = Vec::new();
        let before = draft.files.clone();
        for (own, declared) in plan.rows.iter().zip(&plan.declared) {
            let cells = &referring(own, plan, self.form);
            for (set, at) in sets(plan, declared, cells) {
                let Some(at) = at else {
                    let key = own.get(&set.key).and_then(Json::as_str);
                    left.push(format!(
                        "{} is not declared in the file",
                        key.unwrap_or_default()
                    ));
                    continue;
                };
                if at.location.file.is_empty() {
                    left.push(format!(
                        "{}: where it is declared was not found in the sources",
                        at.address
                    ));
                    continue;
                }
                if !at.path.is_empty() {
                    left.push(format!(
                        "{} is made by the AWS CDK; change the construct {}",
                        at.address, at.path
                    ));
                    continue;
                }
                let file = PathBuf::from(&at.location.file);
                let form = self.form;
                let now = self.now(draft, &file)?;
                let placed = match form {
                    Form::Terraform => terraform(now, set, at, cells),
                    _ => cloudformation(now, set, at, cells),
                };
                match placed {
                    Ok(text) => drop(draft.files.insert(file, text)),
                    Err(why) => left.push(format!("{}: {why}", at.address)),
                }
            }
        }
        self.create(draft, plan, &mut left)?;
        for (file, text) in &draft.files {
            let known = before.get(file).unwrap_or(&self.old[file]);
            if known == text {
                continue;
            }
            // A file that would not be read any more is worse than no patch.
            if let Some(why) = unreadable(text, self.form) {
                left.push(format!(
                    "{}: the change does not fit into the file ({why})",
                    file.display()
                ));
            }
            if hunks(known, text).iter().any(|hunk| hides(hunk)) {
                left.push(format!(
                    "{}: the lines to change hold a secret, which a patch would show; --format terraform or cloudformation says what to set",
                    file.display()
                ));
            }
        }
        Ok(left)
    }

    /// Declares anew what a change needs: in a file of its own beside those of a plan, or at the end of a template's resources.
    fn create(
        &mut self,
        draft: &mut Draft,
        plan: &Plan,
        left: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let created = plan.created(self.form, &mut draft.seen);
        if created.is_empty() {
            if plan.remedy.set.is_empty() {
                left.push(
                    "a change that this form cannot say; --format json has it in others".to_owned(),
                );
            }
            return Ok(());
        }
        let regions: BTreeSet<&str> = plan
            .rows
            .iter()
            .filter_map(|own| own.get("region")?.as_str())
            .collect();
        if regions.len() > 1 {
            left.push(
                "what is declared anew: it is for several Regions, each with a provider or stack of its own"
                    .to_owned(),
            );
            return Ok(());
        }
        if let Some(folder) = self.folder.filter(|_| self.form == Form::Terraform) {
            let file = folder.join(NEW_FILE);
            let known = crate::model::file::read_text(&file).unwrap_or_default();
            let now = draft
                .files
                .entry(file.clone())
                .or_insert_with(|| known.clone());
            if !now.is_empty() {
                now.push('\n');
            }
            now.push_str(&created);
            self.old.entry(file).or_insert(known);
            return Ok(());
        }
        // Into the template of the first thing that the change is about.
        let first = plan.declared.iter().flatten().flatten().next();
        if let Some(at) = first.filter(|at| !at.path.is_empty()) {
            left.push(format!(
                "what is declared anew: {} is made by the AWS CDK; add it to the app",
                at.address
            ));
            return Ok(());
        }
        let file = first
            .map(|at| PathBuf::from(&at.location.file))
            .or_else(|| plan.template.clone());
        let Some(file) = file else {
            left.push("what is declared anew: its template is not known".to_owned());
            return Ok(());
        };
        match appended(self.now(draft, &file)?, &created) {
            Ok(text) => drop(draft.files.insert(file, text)),
            Err(why) => left.push(format!("what is declared anew: {why}")),
        }
        Ok(())
    }

    /// Declares the account of a plan that does not tell it, once.
    fn declare_account(&self, files: &mut BTreeMap<PathBuf, String>) {
        let declared = files
            .values()
            .chain(self.old.values())
            .any(|text| text.contains("data \"aws_caller_identity\" \"current\""));
        let new = self.folder.map(|folder| folder.join(NEW_FILE));
        if let Some(text) = new.and_then(|file| files.get_mut(&file))
            && text.contains(CALLER)
            && !declared
        {
            text.insert_str(0, "data \"aws_caller_identity\" \"current\" {}\n\n");
        }
    }
}

/// Why a patched file cannot be read; nothing where it can.
fn unreadable(text: &str, form: Form) -> Option<String> {
    match form {
        Form::Terraform => text.parse::<Body>().err().map(|error| {
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
