//! Waivers in a template, and what a template must be.

use super::super::files::Error;
use super::super::ignore;
use super::super::tree::{Content, Tree};
use super::conditions::{goes_round, undefined};
use super::{Set, Stack};
use std::collections::BTreeSet;
use std::path::Path;

impl Set {
    /// Waivers in comments, each with the resource in or above which it stands.
    pub(super) fn ignores(&self) -> Vec<ignore::Ignore> {
        let mut all = Vec::new();
        let mut read = BTreeSet::new();
        for stack in &self.stacks {
            all.extend(stack.in_metadata());
            if !read.insert(stack.file.as_str()) {
                continue;
            }
            let Ok(text) = crate::sources::files::text(Path::new(&stack.file)) else {
                continue;
            };
            if !text.contains(ignore::MARK) {
                continue;
            }
            let mut starts: Vec<(usize, &str)> = stack
                .resources()
                .map(|(logical, line, _)| (line, logical))
                .collect();
            starts.sort_unstable();
            // Sections end a resource, and what stands within a text is no comment.
            let sections: Vec<usize> = stack
                .tree
                .members()
                .iter()
                .map(|member| member.line)
                .collect();
            let mut texts = Vec::new();
            long_texts(&stack.tree, &mut texts);
            for (place, line) in text.lines().enumerate() {
                let number = place + 1;
                if texts
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&number))
                {
                    continue;
                }
                let Some(mut found) = ignore::in_line(line, &stack.file, number) else {
                    continue;
                };
                let mut inside = starts.iter().rev().find(|(start, _)| *start <= number);
                // One that stands alone right above something is about that.
                if line.trim_start().starts_with('#') {
                    let below = text
                        .lines()
                        .skip(number)
                        .position(|next| {
                            !next.trim().is_empty() && !next.trim_start().starts_with('#')
                        })
                        .map(|skip| number + skip + 1);
                    let next = starts.iter().find(|(start, _)| Some(*start) == below);
                    if next.is_some() || below.is_none_or(|below| sections.contains(&below)) {
                        inside = next;
                    }
                }
                if let Some((_, logical)) = inside {
                    found.address = format!("{}{logical}", stack.prefix);
                }
                all.push(found);
            }
        }
        all
    }
}

impl Stack {
    /// Waivers in the `Metadata` of resources, for templates in JSON, which has no comments:
    /// `"outcrop": {"ignore": [{"rule": "...", "owner": "...", "reason": "...", "expires": "YYYY-MM-DD"}]}`.
    pub(super) fn in_metadata(&self) -> Vec<ignore::Ignore> {
        let mut all = Vec::new();
        for (logical, _, node) in self.resources() {
            let Some(given) = node
                .get("Metadata")
                .and_then(|all| all.get("outcrop"))
                .and_then(|own| own.get("ignore"))
            else {
                continue;
            };
            let entries = if matches!(given.value, Content::List(_)) {
                given.items()
            } else {
                std::slice::from_ref(given)
            };
            for entry in entries {
                let text = |key: &str| {
                    entry
                        .get(key)
                        .and_then(Tree::text)
                        .unwrap_or_default()
                        .into_owned()
                };
                all.push(ignore::Ignore {
                    rule: text("rule"),
                    owner: text("owner"),
                    reason: text("reason"),
                    expires: text("expires"),
                    unknown: text("verdict") == "unknown",
                    address: format!("{}{logical}", self.prefix),
                    location: crate::model::Location {
                        file: self.file.clone(),
                        line: entry.line as u64,
                    },
                });
            }
        }
        all
    }
}

/// What CloudFormation itself refuses; gives what is left out, for the run.
pub(super) fn validate(tree: &Tree, shown: &str) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    let wrong = |line: usize, what: String| Err(Error::new(&format!("{shown}:{line}"), what));
    let conditions = tree.get("Conditions").map_or(&[][..], Tree::members);
    let known: BTreeSet<&str> = conditions
        .iter()
        .map(|member| member.key.as_str())
        .collect();
    for member in tree.get("Resources").map_or(&[][..], Tree::members) {
        if member.key.starts_with("Fn::") {
            notes.push(format!(
                "{shown}:{}: what {} adds to the resources is not judged",
                member.line, member.key
            ));
            continue;
        }
        if member.value.get("Type").and_then(Tree::text).is_none() {
            return wrong(
                member.line,
                format!("the resource {} has no Type", member.key),
            );
        }
        if let Some(name) = member
            .value
            .get("Condition")
            .and_then(Tree::text)
            .filter(|name| !known.contains(name.as_ref()))
        {
            return wrong(
                member.line,
                format!(
                    "the resource {} rests on the condition `{name}`, which is not defined",
                    member.key
                ),
            );
        }
    }
    if let Some((line, name)) = undefined(tree, &known) {
        return wrong(line, format!("the condition `{name}` is not defined"));
    }
    let mut sound = std::collections::BTreeSet::new();
    for member in conditions {
        let mut path = vec![member.key.as_str()];
        if goes_round(&member.value, conditions, &mut path, &mut sound) {
            return wrong(
                member.line,
                format!(
                    "the condition {} refers to itself: {}",
                    member.key,
                    path.join(" -> ")
                ),
            );
        }
    }
    Ok(notes)
}

/// The Region that a template's endpoint services name, where they name one.
pub(super) fn region_named(text: &str) -> Option<String> {
    let mut found = text
        .split("com.amazonaws.")
        .skip(1)
        .filter_map(|rest| rest.split('.').next())
        .filter(|part| {
            part.matches('-').count() >= 2
                && part.ends_with(|c: char| c.is_ascii_digit())
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        });
    let first = found.next()?;
    found.all(|other| other == first).then(|| first.to_owned())
}

/// First and last lines of texts of several lines.
pub(super) fn long_texts(tree: &Tree, into: &mut Vec<(usize, usize)>) {
    if let Content::Text(text) = &tree.value {
        let lines = text.trim_end_matches('\n').matches('\n').count();
        if lines > 0 {
            into.push((tree.line + 1, tree.line + 1 + lines));
        }
    }
    tree.members()
        .iter()
        .map(|member| &member.value)
        .chain(tree.items())
        .for_each(|inner| long_texts(inner, into));
}

/// The names of a text or of a list of texts or objects with a `Name`.
pub(super) fn names(tree: Option<&Tree>) -> Vec<String> {
    let one = |tree: &Tree| {
        tree.text()
            .or_else(|| tree.get("Name").and_then(Tree::text))
            .map(std::borrow::Cow::into_owned)
    };
    match tree {
        None => Vec::new(),
        Some(tree) if tree.items().is_empty() => one(tree).into_iter().collect(),
        Some(tree) => tree.items().iter().filter_map(one).collect(),
    }
}
