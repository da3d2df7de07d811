//! A remedy as a patch of the files that declare what is changed.
//!
//! Texts are spliced where they stand, so that nothing else of a file changes. What cannot be placed for certain is left, and said.

use super::text::{CALLER, Form, hcl_body, named, path, referring, sets, settled, settled_map};
use super::values::{hcl, yaml};
use super::{Cells, Declared, Plan, Set};
use crate::model::Source;
use crate::secrets;
use crate::sources::tree::{self, Tree};
use anyhow::Context as _;
use hcl_edit::Span;
use hcl_edit::expr::ObjectKey;
use hcl_edit::structure::{Block, Body};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A patch.
#[derive(Debug, Default)]
pub struct Patch {
    /// A unified diff; empty where nothing could be placed.
    pub text: String,
    /// The files with the patch in them.
    pub files: BTreeMap<PathBuf, String>,
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
    for plan in plans {
        let form = match source {
            Source::Terraform => Form::Terraform,
            _ => Form::Cloudformation,
        };
        let before = patch.files.clone();
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
            patch.files = before;
            patch.left.push(format!(
                "{}: the change does not fit into the file ({why})",
                file.display()
            ));
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
        let diff = similar::TextDiff::from_lines(old[file].as_str(), text.as_str());
        let diff = diff.unified_diff();
        let mut hunks = String::new();
        for hunk in diff.iter_hunks() {
            let hunk = hunk.to_string();
            // The lines of the file in a patch are read by more people than the file itself.
            match hunk.lines().find(|line| shows_a_secret(line)) {
                Some(_) => patch.left.push(format!(
                    "{name}, {}: the lines there hold a secret, which a patch would show; --format terraform or cloudformation says what to set",
                    hunk.lines().next().unwrap_or_default()
                )),
                None => hunks.push_str(&hunk),
            }
        }
        if !hunks.is_empty() {
            let from = if old[file].is_empty() {
                "/dev/null".to_owned()
            } else {
                format!("a/{name}")
            };
            patch
                .text
                .push_str(&format!("--- {from}\n+++ b/{name}\n{hunks}"));
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

/// A template in YAML with more resources at the end of its Resources.
fn appended(text: &str, resources: &str) -> Result<String, String> {
    if text.trim_start().starts_with('{') {
        return Err(
            "the template is JSON; --format cloudformation shows the resources in YAML".to_owned(),
        );
    }
    let tree = tree::parse(text).map_err(|fault| fault.to_string())?;
    let last = tree
        .get("Resources")
        .and_then(|all| all.members().last())
        .ok_or("the template has no Resources")?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let first = lines.get(last.line - 1).copied().unwrap_or_default();
    let depth = first.len() - first.trim_start_matches(' ').len();
    if depth == 0 {
        return Err("its Resources stand on one line".to_owned());
    }
    let mut end = last.line;
    while end < lines.len() {
        let next = lines[end];
        let bare = next.trim();
        let indent = next.len() - next.trim_start_matches(' ').len();
        if !(bare.is_empty() || indent > depth) {
            break;
        }
        end += 1;
    }
    while end > last.line && lines[end - 1].trim().is_empty() {
        end -= 1;
    }
    let pad = " ".repeat(depth);
    let mut out = lines[..end].concat();
    if !out.ends_with('\n') {
        out.push('\n');
    }
    for line in resources.lines() {
        if !line.is_empty() {
            out.push_str(&pad);
        }
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(&lines[end..].concat());
    Ok(out)
}

/// Puts a text in place of a part of another.
fn spliced(text: &str, at: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..at.start], &text[at.end..])
}

fn terraform(text: &str, set: &Set, at: &Declared, cells: &Cells) -> Result<String, String> {
    let (kind, arguments, name) = set
        .terraform
        .iter()
        .find_map(|(kind, arguments)| Some((kind, arguments, named(&at.address, kind)?)))
        .ok_or("Terraform declares it by another type")?;
    if at.address.starts_with("module.") {
        return Err("it is declared in a module; set the module's own argument for it".to_owned());
    }
    let mut text = text.to_owned();
    if let Some((path, value)) = path(&set.terraform_path, cells) {
        let body: Body = text
            .parse()
            .map_err(|error: hcl_edit::parser::Error| error.to_string())?;
        let block = body
            .blocks()
            .find(|block| is_resource(block, kind, &name))
            .ok_or_else(|| format!("no block `{kind}` `{name}` stands in the file"))?;
        let at = deep(&block.body, &path)
            .ok_or_else(|| format!("{} does not stand in the block", path.join(".")))?;
        return Ok(spliced(&text, at, &hcl(&value, 0)));
    }
    // One argument at a time: spans move.
    for (argument, value) in arguments {
        let body: Body = text
            .parse()
            .map_err(|error: hcl_edit::parser::Error| error.to_string())?;
        let block = body
            .blocks()
            .find(|block| is_resource(block, kind, &name))
            .ok_or_else(|| format!("no block `{kind}` `{name}` stands in the file"))?;
        text = placed(&text, block, argument, value, cells)?;
    }
    Ok(text)
}

fn is_resource(block: &Block, kind: &str, name: &str) -> bool {
    let labels: Vec<&str> = block.labels.iter().map(|label| label.as_str()).collect();
    block.ident.as_str() == "resource" && labels == [kind, name]
}

/// Where a value stands that names lead to, over blocks and then over the keys of objects.
fn deep(body: &Body, path: &[String]) -> Option<Range<usize>> {
    let (first, rest) = path.split_first()?;
    if let Some(block) = body.get_blocks(first).next() {
        return deep(&block.body, rest);
    }
    let mut value = &body.get_attribute(first)?.value;
    for name in rest {
        let object = value.as_object()?;
        value = object
            .iter()
            .find(|(key, _)| match key {
                ObjectKey::Ident(ident) => ident.as_str() == name,
                ObjectKey::Expression(expression) => expression.as_str() == Some(name),
            })
            .map(|(_, value)| value.expr())?;
    }
    value.span()
}

/// A text with an argument, or the arguments of a block, set in a block of it.
fn placed(
    text: &str,
    block: &Block,
    name: &str,
    value: &Json,
    cells: &Cells,
) -> Result<String, String> {
    if block.body.iter().any(|one| {
        one.as_block().is_some_and(|inner| {
            inner.ident.as_str() == "dynamic"
                && inner.labels.iter().any(|label| label.as_str() == name)
        })
    }) {
        return Err(format!("`{name}` is a dynamic block"));
    }
    let span = block.span().ok_or("its place in the file is not known")?;
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let depth = text[line_start..].len() - text[line_start..].trim_start().len() + 2;
    let pad = " ".repeat(depth);
    if let Json::Object(inner) = value {
        if let Some(found) = block.body.get_blocks(name).next() {
            let mut text = text.to_owned();
            for (argument, value) in inner {
                let body: Body = text
                    .parse()
                    .map_err(|error: hcl_edit::parser::Error| error.to_string())?;
                let start = found.span().ok_or("its place is not known")?.start;
                let outer = body
                    .blocks()
                    .find(|outer| outer.span().is_some_and(|span| span.contains(&start)))
                    .and_then(|outer| {
                        outer
                            .body
                            .get_blocks(name)
                            .find(|inner| inner.span().is_some_and(|span| span.start == start))
                    })
                    .ok_or("its block moved")?;
                text = placed(&text, outer, argument, value, cells)?;
            }
            return Ok(text);
        }
        let body = hcl_body(inner, cells, depth + 2);
        return Ok(before_end(
            text,
            span.end,
            &format!("{pad}{name} {{\n{body}{pad}}}\n"),
        ));
    }
    let value = settled(value, cells);
    if value.is_null() {
        return Ok(text.to_owned());
    }
    let value = hcl(&value, depth);
    match block.body.get_attribute(name) {
        Some(attribute) => {
            let at = attribute
                .value
                .span()
                .ok_or("its place in the file is not known")?;
            Ok(spliced(text, at, &value))
        }
        None => Ok(before_end(
            text,
            span.end,
            &format!("{pad}{name} = {value}\n"),
        )),
    }
}

/// A text with lines put before the brace that closes the block which ends here.
fn before_end(text: &str, end: usize, lines: &str) -> String {
    let brace = text[..end].rfind('}').unwrap_or(end);
    let line = text[..brace].rfind('\n').map_or(0, |at| at + 1);
    if text[line..brace].trim().is_empty() {
        return spliced(text, line..line, lines);
    }
    // `{ a = 1 }` on one line.
    let indent: String = text[line..]
        .chars()
        .take_while(|c| c.is_whitespace())
        .collect();
    spliced(text, brace..brace, &format!("\n{lines}{indent}"))
}

fn cloudformation(text: &str, set: &Set, at: &Declared, cells: &Cells) -> Result<String, String> {
    let (_, properties) = set
        .cloudformation
        .iter()
        .next()
        .ok_or("CloudFormation cannot say it")?;
    let properties: Map<String, Json> = settled_map(properties, cells);
    let logical = at.address.rsplit('.').next().unwrap_or_default();
    let is_json = text.trim_start().starts_with('{');
    let mut text = text.to_owned();
    if let Some((path, value)) = path(&set.cloudformation_path, cells) {
        let tree = tree::parse(&text).map_err(|fault| fault.to_string())?;
        let mut found = tree
            .get("Resources")
            .and_then(|all| all.get(logical))
            .and_then(|one| one.get("Properties"));
        let Some((last, names)) = path.split_last() else {
            return Err("nothing is named".to_owned());
        };
        for name in names {
            found = found.and_then(|tree| tree.get(name));
        }
        let map = found.ok_or_else(|| format!("{} does not stand there", path.join(".")))?;
        return member(&text, map, last, &value, is_json);
    }
    for (name, value) in &properties {
        let tree = tree::parse(&text).map_err(|fault| fault.to_string())?;
        text = property(&text, &tree, logical, name, value, is_json)?;
    }
    Ok(text)
}

/// A template with a property of a resource set.
fn property(
    text: &str,
    tree: &Tree,
    logical: &str,
    name: &str,
    value: &Json,
    is_json: bool,
) -> Result<String, String> {
    let resource = tree
        .get("Resources")
        .and_then(|all| all.get(logical))
        .ok_or("it is not among the resources of the file")?;
    let own = resource
        .members()
        .iter()
        .find(|member| member.key == "Properties")
        .ok_or("it has no Properties")?;
    member(text, &own.value, name, value, is_json)
}

/// A text with a member of an object of it set.
fn member(
    text: &str,
    own: &Tree,
    name: &str,
    value: &Json,
    is_json: bool,
) -> Result<String, String> {
    let first = own
        .members()
        .first()
        .ok_or("its Properties are not a list of names and values")?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let line = |number: usize| lines.get(number - 1).copied().unwrap_or_default();
    let indent = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    let starts = |text: &str, key: &str| {
        let text = text.trim_start();
        [format!("{key}:"), format!("\"{key}\"")]
            .iter()
            .any(|start| text.starts_with(start))
    };
    // Several members on one line cannot be told apart by lines.
    if !starts(line(first.line), &first.key) {
        return Err("its Properties stand on one line".to_owned());
    }
    let depth = indent(line(first.line));
    let pad = " ".repeat(depth);
    let written = |comma: bool| {
        if is_json {
            let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
            let pretty = pretty.replace('\n', &format!("\n{pad}"));
            let comma = if comma { "," } else { "" };
            format!("{pad}\"{name}\": {pretty}{comma}\n")
        } else {
            let value = yaml(value, depth);
            let gap = if value.starts_with('\n') { "" } else { " " };
            format!("{pad}{name}:{gap}{value}\n")
        }
    };
    let at = |number: usize| lines[..number - 1].iter().map(|line| line.len()).sum();
    let Some(found) = own.members().iter().find(|member| member.key == name) else {
        return Ok(spliced(
            text,
            at(first.line)..at(first.line),
            &written(true),
        ));
    };
    if !starts(line(found.line), name) {
        return Err(format!(
            "its property {name} stands beside others on one line"
        ));
    }
    let mut end = found.line + 1;
    while end <= lines.len() {
        let next = line(end);
        let bare = next.trim();
        let deeper = bare.is_empty() || indent(next) > depth;
        let closes =
            is_json && indent(next) == depth && (bare.starts_with('}') || bare.starts_with(']'));
        let item = !is_json && indent(next) == depth && bare.starts_with("- ");
        if !(deeper || closes || item) {
            break;
        }
        end += 1;
    }
    // Empty lines behind it stay.
    while end > found.line + 1 && line(end - 1).trim().is_empty() {
        end -= 1;
    }
    let comma = line(end - 1).trim_end().ends_with(',');
    Ok(spliced(text, at(found.line)..at(end), &written(comma)))
}
