//! The rules there are: the built-in ones, a user's own, and which of them are selected.

use super::config::{self, Config, ConfigError};
use super::expression::{self, Reads};
use super::folder::read_folder;
use super::{Parameter, Rule, RuleError, column_kind};
use crate::inventory::Table;
use crate::model::{NOT_SELECTED, NotRun, SKIPPED, Severity, Source};
use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

/// What the digest of the rules covers.
pub const RULES_DIGEST_DOC: &str =
    "SHA-256 over the texts of the rules as run, in the order of their ids";

#[derive(RustEmbed)]
#[folder = "rules/"]
struct Files;

/// A catalogue of controls that rules cite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// Name in rules.
    pub id: String,
    /// Title.
    pub title: String,
    /// Where it can be read.
    pub url: String,
    /// Its version.
    pub version: String,
    /// Titles of controls by id.
    pub controls: BTreeMap<String, String>,
    /// By control: the types of resources that it is about, in CloudFormation's spelling; any where it is not listed.
    #[serde(default)]
    pub resource_types: BTreeMap<String, Vec<String>>,
}

impl Framework {
    /// Is a control about such a resource? What stands for a whole account stands for whatever is in it.
    pub fn is_about(&self, control: &str, resource_type: &str) -> bool {
        resource_type == ACCOUNT
            // A rule of a user's own over a collected table: what it supports, its author says.
            || !resource_type.contains("::")
            || self
                .resource_types
                .get(control)
                .is_none_or(|types| types.iter().any(|known| known == resource_type))
    }
}

/// The resource type of results about an account.
const ACCOUNT: &str = "AWS::::Account";

/// The catalogues of controls.
///
/// # Errors
/// When one does not parse.
pub fn frameworks() -> Result<Vec<Framework>, RuleError> {
    embedded("frameworks/")
        .map(|(file, text)| framework(file, &text))
        .collect()
}

fn framework(file: String, text: &str) -> Result<Framework, RuleError> {
    yaml_serde::from_str(text).map_err(|error| RuleError {
        file,
        message: error.to_string(),
    })
}

/// Does a rule name stages and controls that there are?
fn cites(rule: &Rule, known: &[Framework]) -> Result<(), String> {
    if !["30", "60", "90"].contains(&rule.stage.to_string().as_str()) {
        return Err(format!(
            "stage: there is no day {}; write 30, 60 or 90",
            rule.stage
        ));
    }
    for (name, controls) in &rule.controls {
        let ids = || known.iter().map(|one| one.id.as_str());
        let Some(framework) = known.iter().find(|one| one.id == *name) else {
            return Err(format!(
                "controls: there is no framework `{name}`{}; there are {}, and those of a file in `frameworks/` beside the rules",
                super::nearest(name, ids()),
                ids().collect::<Vec<_>>().join(", ")
            ));
        };
        if let Some(control) = controls
            .iter()
            .find(|control| !framework.controls.contains_key(*control))
        {
            return Err(format!(
                "controls: {name} has no control `{control}`{}",
                super::nearest(control, framework.controls.keys().map(String::as_str))
            ));
        }
    }
    Ok(())
}

/// The same, read once for the whole program; a test holds that they parse.
static KNOWN: LazyLock<Vec<Framework>> = LazyLock::new(|| frameworks().unwrap_or_default());

/// Titles of controls, by framework and control.
pub(super) fn control_titles() -> BTreeMap<String, BTreeMap<String, String>> {
    KNOWN
        .iter()
        .map(|known| (known.id.clone(), known.controls.clone()))
        .collect()
}

/// The controls that a rule supports by a result about such a resource.
pub(super) fn controls_of(rule: &Rule, resource_type: &str) -> BTreeMap<String, Vec<String>> {
    let about = |framework: &str, control: &String| {
        KNOWN
            .iter()
            .find(|known| known.id == framework)
            .is_none_or(|known| known.is_about(control, resource_type))
    };
    rule.controls
        .iter()
        .map(|(framework, controls)| {
            let kept: Vec<String> = controls
                .iter()
                .filter(|control| about(framework, control))
                .cloned()
                .collect();
            (framework.clone(), kept)
        })
        .filter(|(_, controls)| !controls.is_empty())
        .collect()
}

fn embedded(prefix: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let mut names: Vec<String> = Files::iter()
        .map(|name| name.into_owned())
        .filter(|name| name.starts_with(prefix) && name.ends_with(".yaml"))
        .collect();
    names.sort();
    names.into_iter().filter_map(|name| {
        Files::get(&name).map(|file| {
            (
                format!("rules/{name}"),
                String::from_utf8_lossy(&file.data).into_owned(),
            )
        })
    })
}

/// A rule with its text and what it reads.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The rule.
    pub rule: Rule,
    /// Its file's text.
    pub text: String,
    /// Severity after the configuration.
    pub severity: Severity,
    /// What its expressions read.
    pub(super) reads: Reads,
}

impl Loaded {
    /// Columns of the subject that it reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.reads.columns.iter().map(String::as_str)
    }
}

/// Which rules run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Rule id, pillar, `stage:30`, `severity:high`; empty for all.
    pub select: Vec<String>,
    /// The same, taken away.
    pub skip: Vec<String>,
}

fn matches(term: &str, rule: &Loaded) -> bool {
    match term.split_once(':') {
        Some(("stage", stage)) => rule.rule.stage.to_string() == stage,
        Some(("severity", severity)) => rule.severity.as_str() == severity,
        Some(("framework", framework)) => {
            let (framework, control) = framework.split_once('/').unwrap_or((framework, ""));
            rule.rule.controls.get(framework).is_some_and(|controls| {
                control.is_empty() || controls.iter().any(|known| known == control)
            })
        }
        _ => term == rule.rule.id || term == rule.rule.pillar,
    }
}

/// All rules, checked against the tables there are.
#[derive(Debug, Clone)]
pub struct Library {
    /// In the order of their ids.
    pub rules: Vec<Loaded>,
    /// Catalogues of controls: those inside the program, and those beside the rules.
    pub frameworks: Vec<Framework>,
    /// Declared parameters.
    pub parameters: BTreeMap<String, Parameter>,
    /// Values in force.
    pub values: BTreeMap<String, Json>,
    /// Switched off by the configuration.
    pub disabled: Vec<String>,
    /// Selected by their very ids.
    pub named: Vec<String>,
    /// By id: the rules that there are and that do not run.
    pub not_run: BTreeMap<String, NotRun>,
    /// By id: the severity of the rule, and the one that the configuration gives it.
    pub severities: BTreeMap<String, [Severity; 2]>,
}

/// Keeps the rules that pass a test; the others are noted with the reason.
fn keep(
    rules: &mut Vec<Loaded>,
    not_run: &mut BTreeMap<String, NotRun>,
    (why, chosen): (&str, bool),
    test: impl Fn(&Loaded) -> bool,
) -> Vec<String> {
    let mut out = Vec::new();
    rules.retain(|loaded| {
        let kept = test(loaded);
        if !kept {
            let one = NotRun {
                severity: loaded.rule.severity,
                why: why.to_owned(),
                chosen,
                claims: loaded.rule.claims(),
            };
            not_run.insert(loaded.rule.id.clone(), one);
            out.push(loaded.rule.id.clone());
        }
        kept
    });
    out
}

impl Library {
    /// Reads the built-in rules and those of the folders.
    ///
    /// # Errors
    /// For the first rule that does not parse or does not fit the tables.
    pub fn load(tables: &[&'static Table], folders: &[&Path]) -> Result<Self, RuleError> {
        let mut files: Vec<(String, String)> = embedded("")
            .filter(|(name, _)| !name.starts_with("rules/frameworks/"))
            .collect();
        let mut known = KNOWN.clone();
        let mut own = Vec::new();
        for folder in folders {
            let (rules, frameworks) = read_folder(folder)?;
            for (file, text) in frameworks {
                let own = framework(file.clone(), &text)?;
                if known.iter().any(|other| other.id == own.id) {
                    return Err(RuleError {
                        file,
                        message: format!("there is a framework `{}` already", own.id),
                    });
                }
                known.push(own);
            }
            own.extend(rules);
        }
        for (file, text) in &own {
            cites(&Rule::parse(file, text)?, &known).map_err(|message| RuleError {
                file: file.clone(),
                message,
            })?;
        }
        files.extend(own);
        let mut library = Self::from_files(tables, files)?;
        library.frameworks = known;
        Ok(library)
    }

    /// What is wrong with the files of a folder, each judged alone.
    pub fn flaws(tables: &[&'static Table], folder: &Path) -> Vec<RuleError> {
        let files = match read_folder(folder) {
            Ok((files, _)) => files,
            Err(error) => return vec![error],
        };
        files
            .into_iter()
            .filter_map(|file| Self::from_files(tables, vec![file]).err())
            .collect()
    }

    /// Checks rules that are given as (file, text).
    ///
    /// # Errors
    /// For the first that does not parse or does not fit the tables.
    pub fn from_files(
        tables: &[&'static Table],
        files: Vec<(String, String)>,
    ) -> Result<Self, RuleError> {
        let mut library = Self {
            rules: Vec::new(),
            frameworks: KNOWN.clone(),
            parameters: BTreeMap::new(),
            values: BTreeMap::new(),
            disabled: Vec::new(),
            named: Vec::new(),
            not_run: BTreeMap::new(),
            severities: BTreeMap::new(),
        };
        for (file, text) in files {
            let rule = Rule::parse(&file, &text)?;
            let fail = |message: String| RuleError {
                file: file.clone(),
                message,
            };
            if let Some(other) = library.rules.iter().find(|other| other.rule.id == rule.id) {
                return Err(fail(format!(
                    "there is a rule `{}` already; choose another id",
                    other.rule.id
                )));
            }
            for (name, parameter) in &rule.parameters {
                match library.parameters.get(name) {
                    Some(known)
                        if known.kind != parameter.kind || known.default != parameter.default =>
                    {
                        return Err(fail(format!(
                            "parameters.{name} is declared with another type or default by another rule; parameters share one namespace"
                        )));
                    }
                    _ => {
                        library.parameters.insert(name.clone(), parameter.clone());
                        library
                            .values
                            .insert(name.clone(), parameter.default.clone());
                    }
                }
            }
            let reads = lint(&rule, tables).map_err(fail)?;
            library.rules.push(Loaded {
                severity: rule.severity,
                rule,
                text,
                reads,
            });
        }
        library.rules.sort_by(|a, b| a.rule.id.cmp(&b.rule.id));
        Ok(library)
    }

    /// Lays a configuration over the rules.
    ///
    /// # Errors
    /// When it names what there is not.
    pub fn configure(
        &mut self,
        file: &str,
        text: &str,
        config: &Config,
    ) -> Result<(), ConfigError> {
        let ids: Vec<&str> = self
            .rules
            .iter()
            .map(|loaded| loaded.rule.id.as_str())
            .collect();
        config::check(file, text, config, &ids, &self.parameters)?;
        self.values.extend(config.parameters.clone());
        for loaded in &mut self.rules {
            if let Some(severity) = config.severities.get(&loaded.rule.id) {
                if loaded.severity != *severity {
                    let both = [loaded.severity, *severity];
                    self.severities.insert(loaded.rule.id.clone(), both);
                }
                loaded.severity = *severity;
            }
        }
        self.disabled.clone_from(&config.disabled);
        self.disabled.sort();
        self.disabled.dedup();
        keep(
            &mut self.rules,
            &mut self.not_run,
            ("disabled by the configuration", true),
            |loaded| !config.disabled.contains(&loaded.rule.id),
        );
        Ok(())
    }

    /// Keeps the selected rules.
    ///
    /// # Errors
    /// With the term that selects nothing.
    pub fn select(&mut self, selection: &Selection) -> Result<(), String> {
        for term in selection.select.iter().chain(&selection.skip) {
            let known =
                self.disabled.contains(term) || self.rules.iter().any(|rule| matches(term, rule));
            let shape = matches!(term.split_once(':'), Some(("severity", severity)) if Severity::ALL.iter().any(|known| known.as_str() == severity))
                || matches!(term.split_once(':'), Some(("stage", "30" | "60" | "90")));
            if !known && !shape {
                let frameworks: Vec<&str> = KNOWN.iter().map(|one| one.id.as_str()).collect();
                return Err(format!(
                    "`{term}` selects no rule; name a rule id, a pillar, `stage:30`, `severity:high` or `framework:ID` with one of {} and, after a slash, a control (`outcrop rules list` shows the rules)",
                    frameworks.join(", ")
                ));
            }
        }
        self.named.clone_from(&selection.select);
        let (rules, not_run) = (&mut self.rules, &mut self.not_run);
        keep(rules, not_run, (NOT_SELECTED, true), |rule| {
            selection.select.is_empty() || selection.select.iter().any(|term| matches(term, rule))
        });
        keep(rules, not_run, (SKIPPED, true), |rule| {
            !selection.skip.iter().any(|term| matches(term, rule))
        });
        if self.rules.is_empty() && !(selection.select.is_empty() && selection.skip.is_empty()) {
            return Err(
                "nothing is left to judge: --skip takes away all that --select keeps".to_owned(),
            );
        }
        Ok(())
    }

    /// Keeps the rules that a source can decide; an inventory counts as live. Gives the ids of the others, and whether each was
    /// selected by name.
    pub fn for_source(&mut self, source: Source) -> Vec<(String, bool)> {
        // An inventory stands for accounts; Pulumi's AWS provider is Terraform's.
        let name = match source {
            Source::Inventory => "live",
            Source::Pulumi => "terraform",
            other => other.as_str(),
        };
        let decides = |loaded: &Loaded| {
            loaded.rule.sources.is_empty() || loaded.rule.sources.iter().any(|known| known == name)
        };
        let why = if source.is_file() {
            "cannot be judged from what a file declares"
        } else {
            "judges files"
        };
        keep(&mut self.rules, &mut self.not_run, (why, false), decides)
            .into_iter()
            .map(|id| {
                let named = self.named.contains(&id);
                (id, named)
            })
            .collect()
    }

    /// Subjects and columns that rules read, evidence and messages included; of all rules, or of some.
    pub fn needs(&self, only: &[&str]) -> Vec<(&str, Vec<&str>)> {
        self.rules
            .iter()
            .filter(|loaded| only.is_empty() || only.contains(&loaded.rule.id.as_str()))
            .filter_map(|loaded| {
                let mut columns: Vec<&str> = loaded.columns().collect();
                columns.extend(loaded.rule.evidence.iter().map(String::as_str));
                loaded
                    .rule
                    .subject
                    .as_deref()
                    .map(|subject| (subject, columns))
            })
            .collect()
    }

    /// Drops rules that nobody selected by name, for a reason; gives their ids.
    pub fn leave_out(&mut self, why: &str, which: impl Fn(&Rule) -> bool) -> Vec<String> {
        let named = &self.named;
        keep(&mut self.rules, &mut self.not_run, (why, true), |loaded| {
            !which(&loaded.rule) || named.contains(&loaded.rule.id)
        })
    }

    /// The digest of the rules, in hexadecimal.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for loaded in &self.rules {
            hash.update(loaded.text.as_bytes());
        }
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// A rule by id.
    pub fn rule(&self, id: &str) -> Option<&Loaded> {
        self.rules.iter().find(|loaded| loaded.rule.id == id)
    }
}

fn lint(rule: &Rule, tables: &[&'static Table]) -> Result<Reads, String> {
    let Some(subject) = &rule.subject else {
        // A query of the rule's own: its columns are known to SQLite alone, when the rule is run.
        return Ok(Reads::default());
    };
    let Some(table) = tables.iter().find(|table| table.name == subject) else {
        let names = tables.iter().map(|table| table.name);
        return Err(format!(
            "there is no table `{subject}`{}; `outcrop rules tables` shows what there is",
            super::names::nearest(subject, names)
        ));
    };
    let column = |name: &str| column_kind(table, name);
    let parameter = |name: &str| rule.parameters.get(name).map(|parameter| parameter.kind);
    let check = |key: &str, text: &str| {
        expression::check(text, &column, &parameter).map_err(|error| {
            let near = error
                .strip_prefix("there is no column `")
                .and_then(|rest| rest.strip_suffix('`'))
                .map(|word| {
                    let names = table.columns.iter().map(|column| column.name);
                    let near = super::names::nearest(word, names);
                    format!(" in `{subject}`{near}; `outcrop rules tables {subject}` shows them")
                });
            format!("`{key}`: {error}{}", near.unwrap_or_default())
        })
    };
    let mut reads = Reads::default();
    for (key, text) in rule.expressions() {
        let own = check(key, text)?;
        reads.columns.extend(own.columns);
        reads.parameters.extend(own.parameters);
    }
    for name in &rule.evidence {
        column(name)
            .ok_or_else(|| format!("`evidence`: there is no column `{name}` in `{subject}`"))?;
    }
    for sentence in [
        &rule.message.fail,
        &rule.message.pass,
        &rule.message.unknown,
        &rule.message.not_applicable,
    ] {
        for name in sentence.columns() {
            column(name)
                .ok_or_else(|| format!("`message`: there is no column `{name}` in `{subject}`"))?;
        }
    }
    for cause in &rule.cause {
        for name in super::sentences::placeholders(&cause.on) {
            column(name)
                .ok_or_else(|| format!("`cause`: there is no column `{name}` in `{subject}`"))?;
            reads.columns.insert(name.to_owned());
        }
    }
    for (place, example) in rule.examples.iter().enumerate() {
        for name in example.row.keys() {
            column(name).ok_or_else(|| {
                format!(
                    "example {}: there is no column `{name}` in `{subject}`",
                    place + 1
                )
            })?;
        }
    }
    Ok(reads)
}
