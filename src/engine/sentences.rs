//! Sentences of results: placeholders filled in, gaps in one line, exemptions that were not checked.

use crate::model::{Gap, Severity};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// One form of a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Form {
    /// It is said where every column that it names was observed.
    Plain(String),
    /// It is said where these columns have these values, too.
    When {
        /// Values by column.
        when: BTreeMap<String, Json>,
        /// The sentence.
        say: String,
        /// How bad a failure of this form is, where it is not as bad as the rule says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
    },
}

impl Form {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::When { say, .. } => say,
        }
    }

    /// The columns that it names.
    fn columns(&self) -> Vec<&str> {
        let mut all = placeholders(self.text());
        if let Self::When { when, .. } = self {
            all.extend(when.keys().map(String::as_str));
        }
        all
    }

    fn fits(&self, cells: &BTreeMap<String, Json>) -> bool {
        let seen = |name: &&str| cells.get(*name).is_some_and(|cell| !cell.is_null());
        let equal = match self {
            Self::Plain(_) => true,
            Self::When { when, .. } => when
                .iter()
                .all(|(name, value)| cells.get(name) == Some(value)),
        };
        equal && placeholders(self.text()).iter().all(seen)
    }
}

/// A sentence in one form, or in several: the first that fits is said, the last where none does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Sentence {
    /// One form.
    One(String),
    /// Several.
    Several(Vec<Form>),
}

impl Default for Sentence {
    fn default() -> Self {
        Self::One(String::new())
    }
}

impl Sentence {
    /// Is there nothing to say?
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::One(text) => text.is_empty(),
            Self::Several(forms) => forms.is_empty(),
        }
    }

    /// The columns that its forms name.
    pub(super) fn columns(&self) -> Vec<&str> {
        match self {
            Self::One(text) => placeholders(text),
            Self::Several(forms) => forms.iter().flat_map(Form::columns).collect(),
        }
    }

    /// The form that fits a row.
    fn form(&self, cells: &BTreeMap<String, Json>) -> Option<&Form> {
        match self {
            Self::One(_) => None,
            Self::Several(forms) => forms.iter().find(|form| form.fits(cells)).or(forms.last()),
        }
    }

    /// The form that is said of a row, filled in.
    pub(super) fn said(&self, cells: &BTreeMap<String, Json>) -> String {
        let text = match self {
            Self::One(text) => text,
            Self::Several(_) => self.form(cells).map_or("", Form::text),
        };
        filled(text, cells)
    }

    /// How bad it is, where the form that fits a row says so.
    pub(super) fn severity(&self, cells: &BTreeMap<String, Json>) -> Option<Severity> {
        match self.form(cells)? {
            Form::When { severity, .. } => *severity,
            Form::Plain(_) => None,
        }
    }
}

/// The names between braces in a sentence.
pub(super) fn placeholders(sentence: &str) -> Vec<&str> {
    sentence
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
        .collect()
}

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
