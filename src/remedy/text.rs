//! A remedy as text: every value is written as its form asks.

use super::values::{hcl, hcl_text, shell, yaml};
use super::{Cells, Declared, Plan, Set};
use crate::model::{UNKNOWN_ACCOUNT, UNKNOWN_REGION};
use crate::report::safe::terminal;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Of what a remedy is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Commands of the AWS CLI.
    Cli,
    /// Blocks of Terraform.
    Terraform,
    /// Resources of a CloudFormation template.
    Cloudformation,
}

/// The change in a form; empty where it cannot be made so. What `seen` holds was written before, and is not written again.
pub(super) fn write(plan: &Plan, form: Form, seen: &mut BTreeSet<String>) -> String {
    let mut out = String::new();
    let mut part = |text: String| {
        // Commands build on each other, so they are one block.
        let all = match form {
            Form::Cli if text.trim().is_empty() => Vec::new(),
            Form::Cli => vec![text.trim_end().to_owned()],
            _ => blocks(&text),
        };
        for block in all {
            if seen.insert(block.clone()) {
                let gap = if out.is_empty() || form != Form::Terraform {
                    ""
                } else {
                    "\n"
                };
                let _ = writeln!(out, "{gap}{block}");
            }
        }
    };
    for (own, declared) in plan.rows.iter().zip(&plan.declared) {
        let cells = &referring(own, plan, form);
        for (set, at) in sets(plan, declared, cells) {
            match form {
                Form::Cli => {}
                Form::Terraform => part(terraform(set, at.as_ref(), cells, own)),
                Form::Cloudformation => part(cloudformation(set, at.as_ref(), cells, own)),
            }
        }
        let remedy = plan.remedy;
        match form {
            Form::Cli => {
                part(fill(&remedy.cli, cells, form));
                for (column, text) in &remedy.cli_of {
                    if cells.get(column).is_some_and(|cell| !cell.is_null()) {
                        part(fill(text, cells, form));
                    }
                }
            }
            Form::Terraform => part(fill(&remedy.create.terraform, cells, form)),
            Form::Cloudformation => part(fill(&remedy.create.cloudformation, cells, form)),
        }
    }
    out
}

/// The blocks of a text: each begins at a line that is not indented and closes nothing, with the comments before it.
fn blocks(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut comment = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with('#') {
            let _ = writeln!(comment, "{line}");
        } else if line.starts_with([' ', '}', ')', ']']) {
            if let Some(last) = all.last_mut() {
                let _ = write!(last, "\n{comment}{line}");
                comment.clear();
            }
        } else {
            all.push(format!("{comment}{line}"));
            comment.clear();
        }
    }
    if !comment.is_empty() {
        all.push(comment.trim_end().to_owned());
    }
    all
}

/// What is declared anew, in a form.
pub(super) fn created(plan: &Plan, form: Form, seen: &mut BTreeSet<String>) -> String {
    let template = match form {
        Form::Terraform => &plan.remedy.create.terraform,
        Form::Cloudformation => &plan.remedy.create.cloudformation,
        Form::Cli => return String::new(),
    };
    let gap = if form == Form::Terraform { "\n" } else { "" };
    let mut out = String::new();
    for own in &plan.rows {
        for block in blocks(&fill(template, &referring(own, plan, form), form)) {
            if seen.insert(block.clone()) {
                let gap = if out.is_empty() { "" } else { gap };
                let _ = writeln!(out, "{gap}{block}");
            }
        }
    }
    out
}

/// An expression of a remedy for a row.
pub(super) fn named_by(expression: &str, own: &Cells, plan: &Plan, form: Form) -> String {
    with_names(expression, &referring(own, plan, form))
}

/// How Terraform names the account that it runs in.
pub const CALLER: &str = "data.aws_caller_identity.current.account_id";
/// Stands before what is an expression of the form and not a text.
pub(super) const RAW: &str = "\0=";

/// The cells of a row, with resources of the file by reference.
pub(super) fn referring(cells: &Cells, plan: &Plan, form: Form) -> Cells {
    cells
        .iter()
        .map(|(name, value)| (name.clone(), refer(value, plan, form)))
        .collect()
}

fn refer(value: &Json, plan: &Plan, form: Form) -> Json {
    match value {
        Json::String(text) => Json::String(reference(text, plan, form)),
        Json::Array(all) => all.iter().map(|one| refer(one, plan, form)).collect(),
        Json::Object(map) => Json::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), refer(value, plan, form)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn reference(text: &str, plan: &Plan, form: Form) -> String {
    match (form, plan.references.get(text)) {
        (Form::Cli, _) => text.to_owned(),
        (Form::Terraform, Some([expression, _]))
        | (Form::Cloudformation, Some([_, expression])) => format!("{RAW}{expression}"),
        (_, None) if !text.contains(UNKNOWN_ACCOUNT) && !text.contains(UNKNOWN_REGION) => {
            text.to_owned()
        }
        (Form::Terraform, None) => {
            let quoted = hcl_text(text)
                .replace(UNKNOWN_ACCOUNT, &format!("${{{CALLER}}}"))
                .replace(UNKNOWN_REGION, "${data.aws_region.current.region}");
            format!("{RAW}{quoted}")
        }
        (Form::Cloudformation, None) => {
            let text = text
                .replace("${", "${!")
                .replace(UNKNOWN_ACCOUNT, "${AWS::AccountId}")
                .replace(UNKNOWN_REGION, "${AWS::Region}");
            format!("{RAW}!Sub {text}")
        }
    }
}

/// What is changed of things that a row has, each with where it is declared.
pub(super) fn sets<'p>(
    plan: &'p Plan,
    declared: &'p [Option<Declared>],
    cells: &'p Cells,
) -> impl Iterator<Item = (&'p Set, &'p Option<Declared>)> {
    plan.remedy
        .set
        .iter()
        .zip(declared)
        .filter(|(set, _)| set.is_for(cells))
}

/// A text for a person, with the cells of a row.
pub(super) fn plain(template: &str, cells: &Cells) -> String {
    parts(template, |name| match value(name, cells) {
        Json::String(text) => text,
        Json::Array(all) => all
            .iter()
            .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    })
}

/// A template with each `@{column}` replaced by what `with` makes of the name.
fn parts(template: &str, mut with: impl FnMut(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("@{") {
        out.push_str(before);
        match after.split_once('}') {
            Some((name, after)) => {
                out.push_str(&with(name));
                rest = after;
            }
            None => {
                out.push_str("@{");
                rest = after;
            }
        }
    }
    out + rest
}

/// The value of a placeholder. `column|id` is its text as an identifier, `column|json` its JSON as text, `column|ref` the name of the
/// role of an ARN, by reference where the file declares it; of `column|optional` only the line goes where there is none.
fn value(name: &str, cells: &Cells) -> Json {
    let Some((column, filter)) = name.split_once('|') else {
        return cells.get(name).cloned().unwrap_or_default();
    };
    let cell = cells.get(column).unwrap_or(&Json::Null);
    if filter == "optional" {
        return cell.clone();
    }
    if filter == "json" {
        return Json::String(cell.to_string());
    }
    let text = match cell {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let raw = text.strip_prefix(RAW);
    if filter == "ref" {
        let named = match raw {
            Some(raw) => {
                let role = raw
                    .strip_suffix(".arn")
                    .map(|address| format!("{RAW}{address}.name"));
                let logical = raw
                    .strip_prefix("!GetAtt ")
                    .and_then(|rest| rest.strip_suffix(".Arn"))
                    .map(|logical| format!("{RAW}!Ref {logical}"));
                role.or(logical)
            }
            None => None,
        };
        return Json::String(
            named.unwrap_or_else(|| text.rsplit('/').next().unwrap_or_default().to_owned()),
        );
    }
    // Of a reference the resource's own name.
    let mut bare = raw.unwrap_or(&text).to_owned();
    for (long, short) in [
        ("!Ref ", ""),
        ("!Sub ", ""),
        ("${AWS::Region}", "region"),
        ("${AWS::AccountId}", "account"),
        ("${data.aws_region.current.region}", "region"),
        (UNKNOWN_REGION, "region"),
        (UNKNOWN_ACCOUNT, "account"),
    ] {
        bare = bare.replace(long, short);
    }
    let bare = bare.replace(&format!("${{{CALLER}}}"), "account");
    Json::String(identifier(bare.trim_end_matches(".id")))
}

/// Letters, digits and underscores of a text; never empty, never with a digit first.
pub(super) fn identifier(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let trimmed = out.trim_matches('_').to_owned();
    out = trimmed;
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert_str(0, "r_");
    }
    out.truncate(100);
    out
}

/// A template for a row. A block that names what the row lacks is left out; of `@{column|optional}` only the line is.
fn fill(template: &str, cells: &Cells, form: Form) -> String {
    let lacks = |line: &str, optional: bool| {
        let mut found = false;
        parts(line, |name| {
            let (column, filter) = name.split_once('|').unwrap_or((name, ""));
            let null = cells.get(column).is_none_or(Json::is_null);
            found |= null && (filter == "optional") == optional;
            String::new()
        });
        found
    };
    let mut out = String::new();
    for block in blocks(template) {
        if block.lines().any(|line| lacks(line, false)) {
            continue;
        }
        for line in block.lines().filter(|line| !lacks(line, true)) {
            out.push_str(&filled(line, cells, form));
        }
    }
    out
}

fn filled(line: &str, cells: &Cells, form: Form) -> String {
    let depth = line.len() - line.trim_start().len();
    let filled = parts(line, |name| {
        let value = value(name, cells);
        let is_name = name.ends_with("|id");
        match form {
            Form::Cli if is_name => value.as_str().unwrap_or_default().to_owned(),
            Form::Cli => shell(&value),
            Form::Terraform if is_name => value.as_str().unwrap_or_default().to_owned(),
            Form::Terraform => hcl(&value, depth),
            // Logical ids have letters and digits alone.
            Form::Cloudformation if is_name => value
                .as_str()
                .unwrap_or_default()
                .split('_')
                .map(capital)
                .collect(),
            Form::Cloudformation => yaml(&value, depth),
        }
    });
    let mut out = String::new();
    for line in filled.trim_end().lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// What an argument is set to on this estate: `@{column}` alone is the cell itself.
pub(super) fn settled(given: &Json, cells: &Cells) -> Json {
    match given {
        Json::String(text) => {
            let whole = text
                .strip_prefix("@{")
                .and_then(|rest| rest.strip_suffix('}'))
                .filter(|name| !name.contains(['{', '}']));
            if let Some(raw) = text.strip_prefix('=') {
                return Json::String(format!("{RAW}{}", with_names(raw, cells)));
            }
            match whole {
                Some(name) => value(name, cells),
                None => Json::String(plain(text, cells)),
            }
        }
        Json::Array(all) => all.iter().map(|one| settled(one, cells)).collect(),
        Json::Object(map) => Json::Object(settled_map(map, cells)),
        other => other.clone(),
    }
}

/// An expression of a remedy, with the names of this estate in it.
fn with_names(raw: &str, cells: &Cells) -> String {
    let logical = raw.starts_with('!');
    parts(raw, |name| {
        let text = value(name, cells);
        let text = text.as_str().unwrap_or_default();
        if logical {
            text.split('_').map(capital).collect()
        } else {
            text.to_owned()
        }
    })
}

/// The arguments of a thing on this estate. Those that come to nothing are left out.
pub(super) fn settled_map(map: &Map<String, Json>, cells: &Cells) -> Map<String, Json> {
    map.iter()
        .map(|(name, value)| (name.clone(), settled(value, cells)))
        .filter(|(_, value)| !value.is_null())
        .collect()
}

/// Is an argument of a remedy a block? A mapping that stands in the file itself is one; a cell with JSON is not.
fn is_block(value: &Json) -> bool {
    value.is_object()
}

/// Arguments and blocks, as the body of a resource holds them.
pub(super) fn hcl_body(arguments: &Map<String, Json>, cells: &Cells, depth: usize) -> String {
    let pad = " ".repeat(depth);
    let width = arguments
        .iter()
        .filter(|(_, value)| !is_block(value))
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    arguments
        .iter()
        .fold(String::new(), |mut out, (name, value)| {
            if let Json::Object(inner) = value {
                let _ = write!(
                    out,
                    "{pad}{name} {{\n{}{pad}}}\n",
                    hcl_body(inner, cells, depth + 2)
                );
                return out;
            }
            let value = settled(value, cells);
            if !value.is_null() {
                let _ = writeln!(out, "{pad}{name:width$} = {}", hcl(&value, depth));
            }
            out
        })
}

/// Names that lead somewhere, for a comment of one line.
pub(super) fn dotted(path: &[String]) -> String {
    path.iter()
        .map(|name| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.chars().all(plain) {
                name.clone()
            } else {
                Json::String(name.clone()).to_string()
            }
        })
        .collect::<Vec<_>>()
        .join(".")
}

/// The names that lead to a value that stands deeper, and what it is set to; nothing where a remedy has no such path.
pub(super) fn path(steps: &[String], cells: &Cells) -> Option<(Vec<String>, Json)> {
    let (last, names) = steps.split_last()?;
    let names = names
        .iter()
        .map(|name| match settled(&Json::String(name.clone()), cells) {
            Json::String(text) => text,
            other => other.to_string(),
        })
        .collect();
    Some((names, settled(&Json::String(last.clone()), cells)))
}

/// Where a thing is declared, for a comment of one line.
fn place(at: &Declared) -> String {
    let place = if at.location.file.is_empty() {
        at.address.clone()
    } else {
        format!("{} ({}:{})", at.address, at.location.file, at.location.line)
    };
    terminal(&place)
}

/// The last two parts of an address name type and resource; modules stand before them.
pub(super) fn named(address: &str, kind: &str) -> Option<String> {
    let after = address.rsplit_once(&format!("{kind}."))?.1;
    let name: String = after
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-')
        .collect();
    (!name.is_empty()).then_some(name)
}

fn key_of(set: &Set, cells: &Cells) -> String {
    cells
        .get(&set.key)
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn terraform(set: &Set, at: Option<&Declared>, cells: &Cells, own: &Cells) -> String {
    let mut out = String::new();
    // An argument of several types: the one that the plan declares, or the first.
    let kinds: Vec<&String> = set.terraform.keys().collect();
    let declared = kinds.iter().find_map(|kind| {
        let at = at?;
        named(&at.address, kind).map(|name| (*kind, name, at))
    });
    let (kind, name, note) = match declared {
        Some((kind, name, at)) => (kind, name, place(at)),
        None => match kinds.first() {
            Some(kind) => {
                let key = key_of(set, own);
                let shown = terminal(&key);
                (
                    *kind,
                    identifier(key.rsplit(['/', ':']).next().unwrap_or_default()),
                    format!("the resource of {shown}"),
                )
            }
            None => return out,
        },
    };
    if let Some((path, value)) = path(&set.terraform_path, cells) {
        let _ = writeln!(out, "# {note}: set {} = {}", dotted(&path), hcl(&value, 0));
        return out;
    }
    let body = hcl_body(&set.terraform[kind], cells, 2);
    let _ = write!(
        out,
        "# {note}\nresource \"{kind}\" \"{name}\" {{\n  # the other arguments stay as they are\n{body}}}\n"
    );
    out
}

fn cloudformation(set: &Set, at: Option<&Declared>, cells: &Cells, own: &Cells) -> String {
    let mut out = String::new();
    let Some((kind, properties)) = set.cloudformation.iter().next() else {
        return out;
    };
    let logical = at.map_or_else(
        || {
            let key = key_of(set, own);
            identifier(key.rsplit(['/', ':']).next().unwrap_or_default())
                .split('_')
                .map(capital)
                .collect()
        },
        |at| {
            at.address
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
        },
    );
    if let Some((path, value)) = path(&set.cloudformation_path, cells) {
        let note = at.map_or(logical, place);
        let _ = writeln!(out, "# {note}: set {}: {}", dotted(&path), yaml(&value, 0));
        return out;
    }
    if let Some(at) = at {
        let _ = writeln!(out, "# {}", place(at));
    }
    let _ = write!(
        out,
        "{logical}:\n  Type: {kind}\n  Properties:\n    # the other properties stay as they are\n"
    );
    for (name, value) in settled_map(properties, cells) {
        let text = yaml(&value, 4);
        let gap = if text.starts_with('\n') { "" } else { " " };
        let _ = writeln!(out, "    {name}:{gap}{text}");
    }
    out
}
