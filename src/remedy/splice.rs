//! Texts of templates and of Terraform with a part replaced: nothing else of them changes.

use super::text::{hcl_body, named, path, settled};
use super::values::{hcl, template_json, yaml};
use super::{Cells, Declared, Set};
use crate::sources::tree::{self, Tree};
use hcl_edit::Span;
use hcl_edit::expr::ObjectKey;
use hcl_edit::structure::{Block, Body};
use serde_json::{Map, Value as Json};
use std::ops::Range;

/// A template in YAML with more resources at the end of its Resources.
pub(super) fn appended(text: &str, resources: &str) -> Result<String, String> {
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

/// A Terraform file with what a remedy sets of a resource.
pub(super) fn terraform(
    text: &str,
    set: &Set,
    at: &Declared,
    cells: &Cells,
) -> Result<String, String> {
    let (kind, arguments, name) = set
        .terraform
        .iter()
        .find_map(|(kind, arguments)| Some((kind, arguments, named(&at.address, kind)?)))
        .ok_or("Terraform declares it by another type")?;
    if at.address.starts_with("module.") {
        return Err("it is declared in a module; set the module's own argument for it".to_owned());
    }
    if at.address.ends_with(']') && !at.address.ends_with("[0]") {
        return Err(
            "its block makes several resources, and a change of it would change all".to_owned(),
        );
    }
    if let Some((path, value)) = path(&set.terraform_path, cells) {
        let block = resource(text, kind, &name)?;
        let at = deep(&block.body, &path)
            .ok_or_else(|| format!("{} does not stand in the block", path.join(".")))?;
        return Ok(spliced(text, at, &hcl(&value, 0)));
    }
    let mut text = text.to_owned();
    // One argument at a time: spans move.
    for (argument, value) in arguments {
        let block = resource(&text, kind, &name)?;
        text = placed(&text, &block, argument, value, cells)?;
    }
    Ok(text)
}

/// The block of a resource, with its places in the text.
fn resource(text: &str, kind: &str, name: &str) -> Result<Block, String> {
    body(text)?
        .into_blocks()
        .find(|block| is_resource(block, kind, name))
        .ok_or_else(|| format!("no block `{kind}` `{name}` stands in the file"))
}

fn body(text: &str) -> Result<Body, String> {
    text.parse()
        .map_err(|error: hcl_edit::parser::Error| error.to_string())
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
                let body = body(&text)?;
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

/// A template with what a remedy sets of a resource.
pub(super) fn cloudformation(
    text: &str,
    set: &Set,
    at: &Declared,
    cells: &Cells,
) -> Result<String, String> {
    let (_, properties) = set
        .cloudformation
        .iter()
        .next()
        .ok_or("CloudFormation cannot say it")?;
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
    let mut leaves = Vec::new();
    flat(properties, &mut Vec::new(), &mut leaves);
    for (path, value) in leaves {
        let value = settled(value, cells);
        if !value.is_null() {
            let tree = tree::parse(&text).map_err(|fault| fault.to_string())?;
            text = property(&text, &tree, logical, &path, &value, is_json)?;
        }
    }
    Ok(text)
}

/// What a remedy sets, by the names that lead to it: what stands beside it stays.
fn flat<'r>(
    map: &'r Map<String, Json>,
    path: &mut Vec<String>,
    into: &mut Vec<(Vec<String>, &'r Json)>,
) {
    for (name, value) in map {
        path.push(name.clone());
        match value {
            Json::Object(inner) => flat(inner, path, into),
            other => into.push((path.clone(), other)),
        }
        path.pop();
    }
}

/// A template with a property of a resource set; `path` leads to it.
fn property(
    text: &str,
    tree: &Tree,
    logical: &str,
    path: &[String],
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
    let mut map = &own.value;
    for (at, name) in path.iter().enumerate() {
        let (last, rest) = (at + 1 == path.len(), &path[at + 1..]);
        match map.get(name) {
            Some(inner) if !last && !inner.members().is_empty() => {
                // What a function makes has no names of its own to set.
                if inner.members()[0].key.starts_with("Fn::") || inner.members()[0].key == "Ref" {
                    return Err(format!("{} is made by a function", path[..=at].join(".")));
                }
                map = inner;
            }
            _ => {
                let nested = rest.iter().rev().fold(value.clone(), |value, name| {
                    Json::Object(Map::from_iter([(name.clone(), value)]))
                });
                return member(text, map, name, &nested, is_json);
            }
        }
    }
    Err("nothing is named".to_owned())
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
    // Lines do not tell several members on one line apart.
    if !starts(line(first.line), &first.key) {
        return Err("its Properties stand on one line".to_owned());
    }
    let depth = indent(line(first.line));
    let pad = " ".repeat(depth);
    let written = |comma: bool| {
        if is_json {
            let pretty = serde_json::to_string_pretty(&template_json(value)).unwrap_or_default();
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
