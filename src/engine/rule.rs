//! A rule as its file says it.

use super::sentences::Sentence;
use crate::model::{Severity, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// What is wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct RuleError {
    /// The file, with the line where it is known.
    pub file: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Fixes, by the tool that applies them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    /// AWS CLI.
    #[serde(default)]
    pub cli: String,
    /// Terraform.
    #[serde(default)]
    pub terraform: String,
    /// CloudFormation.
    #[serde(default)]
    pub cloudformation: String,
    /// Console.
    #[serde(default)]
    pub console: String,
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterKind {
    /// A number of days.
    Days,
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// true or false.
    Boolean,
    /// A list of texts; `*` and `?` are wildcards where it is matched.
    List,
}

impl ParameterKind {
    /// Does a value of the configuration have this type?
    pub fn admits(self, value: &Json) -> bool {
        match self {
            Self::Days | Self::Integer => value
                .as_i64()
                .is_some_and(|number| self == Self::Integer || number >= 0),
            Self::Text => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::List => value
                .as_array()
                .is_some_and(|all| all.iter().all(Json::is_string)),
        }
    }

    /// The name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Days => "a number of days",
            Self::Integer => "a whole number",
            Self::Text => "a text",
            Self::Boolean => "true or false",
            Self::List => "a list of texts",
        }
    }
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Type.
    #[serde(rename = "type")]
    pub kind: ParameterKind,
    /// Value when the configuration says nothing.
    pub default: Json,
    /// The only values it takes; empty for any of its type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// What it steers.
    #[serde(default)]
    pub doc: String,
}

impl Parameter {
    /// Does it take the value?
    pub fn admits(&self, value: &Json) -> bool {
        self.kind.admits(value)
            && (self.one_of.is_empty()
                || value
                    .as_str()
                    .is_some_and(|text| self.one_of.iter().any(|known| known == text)))
    }

    /// What it takes, for messages.
    pub fn takes(&self) -> String {
        if self.one_of.is_empty() {
            self.kind.as_str().to_owned()
        } else {
            format!("one of {}", self.one_of.join(", "))
        }
    }
}

/// Sentences for each verdict; `{column}` is filled in. A list holds several forms: the first whose columns were observed, and whose
/// `when` holds, is said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Message {
    /// When the fault is there.
    pub fail: Sentence,
    /// When it is not.
    pub pass: Sentence,
    /// When it could not be determined.
    pub unknown: Sentence,
    /// When the rule does not speak of the subject.
    #[serde(default)]
    pub not_applicable: Sentence,
}

/// What closes a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The kind of change, of `data/changes.yaml`.
    pub change: String,
    /// What is changed; `{column}` is filled in. Where a column is empty or not observed, the next cause of the list counts.
    pub on: String,
    /// A key of evidence: the failure is closed with those that have its resource there.
    #[serde(default)]
    pub follows: String,
}

/// What an example expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// The fault is not there.
    Pass,
    /// It is.
    Fail,
    /// It could not be determined.
    Unknown,
    /// The rule does not speak of it.
    NotApplicable,
}

/// One row and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Cells by column; what is left out was not observed.
    pub row: BTreeMap<String, Json>,
    /// Parameters that this example sets; the others have their defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Json>,
    /// The verdict.
    pub expect: Expect,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// File name without its ending.
    #[schemars(regex(pattern = "^[a-z0-9-]+$"))]
    pub id: String,
    /// Names the fault.
    pub title: String,
    /// How bad a failure is.
    pub severity: Severity,
    /// The area that it belongs to, such as `network`; `--select` takes it.
    pub pillar: String,
    /// Day of the rollout plan by which it should hold.
    #[schemars(extend("enum" = [30, 60, 90]))]
    pub stage: u32,
    /// The promises of a production platform that it serves; `data/claims.yaml` has their ids.
    #[serde(default)]
    pub claims: Vec<Json>,
    /// The kinds of source that can decide it: `live`, `terraform`, `cloudformation`; any where it is left out.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The risk, for a person.
    pub why: String,
    /// How to mend it.
    #[serde(default)]
    pub fix: Fix,
    /// Pages that say so.
    #[serde(default)]
    pub references: Vec<String>,
    /// Controls that it supports, by framework.
    #[serde(default)]
    pub controls: BTreeMap<String, Vec<String>>,
    /// Values that the configuration may change, by name; expressions read them as `:name`.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// The table whose rows it judges; `outcrop rules tables` shows all.
    #[serde(default)]
    pub subject: Option<String>,
    /// A query of the rule's own in place of a subject; it yields `resource`, `account_id` and `region`.
    #[serde(default)]
    pub from: Option<String>,
    /// An expression: does the rule apply to the row?
    #[serde(default)]
    pub applies: Option<String>,
    /// An expression: what excuses a fault. Where it is not known, it excuses nothing: the rule fails, and says what was not checked.
    #[serde(default)]
    pub unless: Option<String>,
    /// An expression: is the fault absent?
    pub pass: String,
    /// What closes a failure; the first that can be filled in counts. Without one, each resource is a cause of its own.
    #[serde(default)]
    pub cause: Vec<Cause>,
    /// What is said of a row, by verdict.
    pub message: Message,
    /// Columns that are shown as evidence.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Rows with the verdicts that `outcrop rules test` expects of them.
    #[serde(default)]
    pub examples: Vec<Example>,
}

fn stem(file: &str) -> &str {
    file.rsplit(['/', '\\'])
        .next()
        .unwrap_or(file)
        .trim_end_matches(".yaml")
        .trim_end_matches(".yml")
}

impl Rule {
    /// The promises that it serves, as `data/claims.yaml` names them.
    pub fn claims(&self) -> Vec<String> {
        self.claims
            .iter()
            .map(|claim| {
                claim
                    .as_str()
                    .map_or_else(|| claim.to_string(), str::to_owned)
            })
            .collect()
    }

    /// Where the rule applies, as SQL: `applies`, and no exemption that is known to hold.
    pub(super) fn applies_sql(&self) -> String {
        let applies = self.applies.as_deref().unwrap_or("1");
        match &self.unless {
            Some(unless) => format!("({applies}) AND NOT coalesce(({unless}), 0)"),
            None => applies.to_owned(),
        }
    }

    /// Every expression of the rule, with its key.
    pub(super) fn expressions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("applies", self.applies.as_deref()),
            ("unless", self.unless.as_deref()),
            ("pass", Some(self.pass.as_str())),
        ]
        .into_iter()
        .filter_map(|(key, text)| Some((key, text?)))
    }

    /// Reads a rule file.
    ///
    /// # Errors
    /// With the file, the line and what to do.
    pub fn parse(file: &str, text: &str) -> Result<Self, RuleError> {
        thread_local! {
            /// A run keeps its rules as text, so judging several times in one process would read each of them again.
            static READ: RefCell<HashMap<String, Rule>> = RefCell::default();
        }
        if let Some(known) = READ.with_borrow(|read| {
            read.get(text)
                .filter(|known| stem(file) == known.id)
                .cloned()
        }) {
            return Ok(known);
        }
        let rule = Self::read(file, text)?;
        READ.with_borrow_mut(|read| read.insert(text.to_owned(), rule.clone()));
        Ok(rule)
    }

    fn read(file: &str, text: &str) -> Result<Self, RuleError> {
        let fail = |message: String| RuleError {
            file: file.to_owned(),
            message,
        };
        let rule: Self = yaml_serde::from_str(text).map_err(|error| {
            let place = error
                .location()
                .map_or_else(String::new, |at| format!("line {}: ", at.line()));
            fail(format!(
                "{place}{}",
                crate::model::without_place(&error.to_string())
            ))
        })?;
        let stem = stem(file);
        if rule.id != stem {
            return Err(fail(format!(
                "the id is `{}`, but a rule is called like its file: `{stem}`",
                rule.id
            )));
        }
        if rule.id.is_empty()
            || !rule
                .id
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            return Err(fail(format!(
                "the id `{}` may hold lower-case letters, digits and hyphens only",
                rule.id
            )));
        }
        if rule.subject.is_some() == rule.from.is_some() {
            return Err(fail(
                "a rule names either `subject` or `from`, and one of them".to_owned(),
            ));
        }
        for (name, parameter) in &rule.parameters {
            if !parameter.admits(&parameter.default) {
                return Err(fail(format!(
                    "parameters.{name}.default is not {}",
                    parameter.takes()
                )));
            }
        }
        Ok(rule)
    }

    /// What is said of a row with a verdict.
    pub(super) fn says(&self, verdict: Verdict, cells: &BTreeMap<String, Json>) -> String {
        match verdict {
            Verdict::Pass => self.message.pass.said(cells),
            Verdict::Fail => self.message.fail.said(cells),
            Verdict::Unknown => self.message.unknown.said(cells),
            Verdict::NotApplicable if self.message.not_applicable.is_empty() => {
                "the rule does not speak of this resource".to_owned()
            }
            Verdict::NotApplicable => self.message.not_applicable.said(cells),
        }
    }
}
