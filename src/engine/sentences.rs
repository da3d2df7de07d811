//! Sentences of results: placeholders filled in, gaps in one line, exemptions that were not checked.

use crate::model::Gap;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn filled(sentence: &str, cells: &BTreeMap<String, Json>) -> String {
    let mut text = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            text.push('{');
            rest = after;
            continue;
        };
        match cells.get(name) {
            None | Some(Json::Null) => text.push_str("(not observed)"),
            Some(Json::String(cell)) => text.push_str(cell),
            Some(Json::Array(items)) => text.push_str(
                &items
                    .iter()
                    .map(|item| {
                        item.as_str()
                            .map_or_else(|| item.to_string(), str::to_owned)
                    })
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            Some(other) => text.push_str(&other.to_string()),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The gaps in one line.
pub(super) fn why(gaps: &[Gap]) -> String {
    let mut lines: Vec<String> = gaps
        .iter()
        .map(|gap| {
            if gap.operation.is_empty() {
                gap.detail.clone()
            } else {
                format!("{} ({})", gap.operation, gap.detail)
            }
        })
        .collect();
    lines.dedup();
    let more = lines.len().saturating_sub(3);
    lines.truncate(3);
    if more > 0 {
        format!("{}; {more} more", lines.join("; "))
    } else {
        lines.join("; ")
    }
}

/// Names the exemptions of a failing rule that could not be checked.
pub(super) fn unchecked(unless: &str, cells: &BTreeMap<String, Json>) -> String {
    let words = unless.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let unseen: BTreeSet<&str> = words
        .filter(|word| cells.get(*word) == Some(&Json::Null))
        .collect();
    if unseen.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = unseen.into_iter().collect();
    format!(
        " It could not be checked whether this is excused by: {}.",
        names.join(", ")
    )
}
