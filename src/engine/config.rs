//! `outcrop.yaml`: accounts, parameters, severities, waivers, attestations.
//!
//! What is wrong with its form stops the run with file, line and key; a waiver that is merely past,
//! incomplete or without effect is reported and waives nothing.

use super::Parameter;
use crate::model::{AccountKind, Severity};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A broken configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// Line, key, what is wrong.
    pub message: String,
}

/// What the configuration says of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountEntry {
    /// What people call it; reports show it beside the id.
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub kind: AccountKind,
    /// The environment of everything in it whose tags say nothing else, such as `prod`.
    #[serde(default)]
    pub environment: String,
    /// Who answers for what lies in it and has no tag that names somebody, such as `platform-team`.
    #[serde(default)]
    pub owner: String,
}

/// Which verdict a waiver accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Waivable {
    /// A failure.
    #[default]
    Fail,
    /// An unknown.
    Unknown,
}

/// A waiver as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverEntry {
    /// The rule whose results are accepted. A waiver of a cause may leave it out.
    #[serde(default)]
    pub rule: String,
    /// ARN or address of the resources that are accepted, with `*` and `?`. A waiver of a cause may leave it out.
    #[serde(default)]
    pub resource: String,
    /// A cause of unknowns that is accepted: an API operation (`bedrock-agentcore:ListAgentRuntimes`), or the reason as a report
    /// gives it where no operation would have told; with `*` and `?`.
    #[serde(default)]
    pub cause: String,
    /// Accounts in which a cause is accepted, with `*` and `?`; all where there is none.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Regions in which a cause is accepted, with `*` and `?`; all where there is none.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Why the failure is accepted.
    #[serde(default)]
    pub reason: String,
    /// The person or team that answers for it.
    #[serde(default)]
    pub owner: String,
    /// The last day on which it waives anything, YYYY-MM-DD.
    #[serde(default, deserialize_with = "day")]
    #[schemars(extend("format" = "date"))]
    pub expires: String,
    /// The verdict that it accepts.
    #[serde(default)]
    pub verdict: Waivable,
}

impl WaiverEntry {
    /// What keeps it from waiving anything; empty when nothing does.
    pub fn flaw(&self) -> String {
        let by_cause = !self.cause.is_empty();
        let scoped = !(self.accounts.is_empty() && self.regions.is_empty());
        [
            ("rule", &self.rule),
            ("resource", &self.resource),
            ("reason", &self.reason),
            ("owner", &self.owner),
            ("expires", &self.expires),
        ]
        .iter()
        .filter(|(key, _)| !(by_cause && ["rule", "resource"].contains(key)))
        .filter(|(_, value)| value.trim().is_empty())
        .map(|(key, _)| format!("`{key}` is missing"))
        .chain(
            (by_cause && !self.cause.contains(|c: char| c.is_alphanumeric())).then(|| {
                format!(
                    "`cause` is `{}`, which names no cause; write the API operation that the report names",
                    self.cause
                )
            }),
        )
        .chain((scoped && !by_cause).then(|| {
            "`accounts` and `regions` are for a waiver of a cause; write the account into `resource`"
                .to_owned()
        }))
        .chain(
            (!self.expires.trim().is_empty() && self.expires.parse::<jiff::civil::Date>().is_err())
                .then(|| {
                    format!(
                        "`expires` is `{}`, which is no day (YYYY-MM-DD)",
                        self.expires
                    )
                }),
        )
        .collect::<Vec<_>>()
        .join(", ")
    }

    /// Is its last day behind the day of judgement (`YYYY-MM-DD...`)? The last day itself still counts.
    pub fn expired(&self, judged_at: &str) -> bool {
        self.expires.as_str() < judged_at.get(..10).unwrap_or(judged_at)
    }
}

/// What somebody states where no API can show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The statement that is made; `outcrop report` lists those that are asked for.
    pub id: String,
    /// The person or team that says so.
    pub by: String,
    /// The day on which it was said, YYYY-MM-DD.
    #[serde(deserialize_with = "day")]
    #[schemars(extend("format" = "date"))]
    pub on: String,
    /// The last day on which it holds, YYYY-MM-DD.
    #[serde(deserialize_with = "day")]
    #[schemars(extend("format" = "date"))]
    pub expires: String,
    /// Where it can be read: a document, a ticket, a log.
    #[serde(default)]
    pub evidence: String,
    /// The resources that it is about, by ARN or id; all where it names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The parts of the statement that it covers, such as the failures that a runbook is for; see `data/handoff/runbooks.yaml`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
}

/// The configuration.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What each account is for, by its id of twelve digits.
    #[serde(default)]
    pub accounts: BTreeMap<String, AccountEntry>,
    /// Values that rules use in place of their defaults, by the parameter's name.
    #[serde(default)]
    pub parameters: BTreeMap<String, Json>,
    /// Severities in place of the rules' own, by rule id.
    #[serde(default)]
    pub severities: BTreeMap<String, Severity>,
    /// Rules that are not run. No headline says yes without a critical one.
    #[serde(default)]
    pub disabled: Vec<String>,
    /// Failures, or unknowns, that somebody accepts until a day.
    #[serde(default)]
    pub waivers: Vec<WaiverEntry>,
    /// What people state where no API can show it.
    #[serde(default)]
    pub attestations: Vec<Attestation>,
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let right = text.len() == 10 && text.parse::<Date>().is_ok();
    if right || text.is_empty() {
        Ok(text)
    } else {
        Err(serde::de::Error::custom(format!(
            "`{text}` is no date; write YYYY-MM-DD"
        )))
    }
}

/// Reads a configuration.
///
/// # Errors
/// With file, line and key.
pub fn parse(file: &str, text: &str) -> Result<Config, ConfigError> {
    if text.trim().is_empty() {
        return Ok(Config::default());
    }
    let config: Config = yaml_serde::from_str::<Option<Config>>(text)
        .map_err(|error| {
            let place = error
                .location()
                .map_or_else(String::new, |at| format!("line {}: ", at.line()));
            ConfigError {
                file: file.to_owned(),
                message: format!("{place}{}", crate::model::without_place(&error.to_string())),
            }
        })?
        .unwrap_or_default();
    if let Some(nameless) = config
        .attestations
        .iter()
        .find(|one| one.id.trim().is_empty() || one.by.trim().is_empty())
    {
        return Err(at_key(
            file,
            text,
            "attestations",
            format!(
                "attestations: `{}` says not who vouches for it; give id and by",
                nameless.id
            ),
        ));
    }
    let mut said = std::collections::BTreeSet::new();
    if let Some(again) = config.attestations.iter().find(|one| !said.insert(&one.id)) {
        return Err(at_key(
            file,
            text,
            "attestations",
            format!(
                "attestations: `{}` is there twice; keep the newer statement, and name everything that it is about under resources",
                again.id
            ),
        ));
    }
    for id in config.accounts.keys() {
        if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(at_key(
                file,
                text,
                id,
                format!("accounts: `{id}` is not an account id; write twelve digits in quotes"),
            ));
        }
    }
    Ok(config)
}

fn at_key(file: &str, text: &str, key: &str, message: String) -> ConfigError {
    let line = text
        .lines()
        .position(|line| {
            line.trim_start()
                .trim_start_matches(['"', '\'', '-', ' '])
                .starts_with(key)
        })
        .or_else(|| text.lines().position(|line| line.contains(key)));
    let place = line.map_or_else(String::new, |line| format!("line {}: ", line + 1));
    ConfigError {
        file: file.to_owned(),
        message: format!("{place}{message}"),
    }
}

/// Holds a configuration against the rules there are: parameters, severities, disabled rules and waivers must name something.
///
/// # Errors
/// With file, line and key.
pub(super) fn check(
    file: &str,
    text: &str,
    config: &Config,
    rules: &[&str],
    parameters: &BTreeMap<String, Parameter>,
) -> Result<(), ConfigError> {
    for (name, value) in &config.parameters {
        match parameters.get(name) {
            None => {
                return Err(at_key(
                    file,
                    text,
                    name,
                    format!(
                        "parameters: there is no parameter `{name}`; `outcrop rules list` and `show` tell which there are"
                    ),
                ));
            }
            Some(parameter) if !parameter.admits(value) => {
                return Err(at_key(
                    file,
                    text,
                    name,
                    format!("parameters: `{name}` must be {}", parameter.takes()),
                ));
            }
            Some(_) => {}
        }
    }
    let named = config
        .severities
        .keys()
        .map(|id| ("severities", id))
        .chain(config.disabled.iter().map(|id| ("disabled", id)));
    for (key, id) in named {
        if !rules.contains(&id.as_str()) {
            return Err(at_key(
                file,
                text,
                id,
                format!("{key}: there is no rule `{id}`"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_line_and_key() {
        for (text, parts) in [
            (
                "waivers:\n  - rule: x\n    resorce: y\n",
                &["line 3", "resorce"][..],
            ),
            (
                "waivers:\n  - {rule: x, expires: 2027-13-01}\n",
                &["line 2", "2027-13-01"],
            ),
            ("accounts:\n  \"12\": {kind: data}\n", &["line 2", "`12`"]),
            (
                "accounts:\n  \"111111111111\": {kind: dta}\n",
                &["line 2", "dta"],
            ),
            ("nonsense: 1\n", &["nonsense"]),
        ] {
            let error = parse("outcrop.yaml", text).expect_err(text).to_string();
            assert!(error.starts_with("outcrop.yaml"), "{error}");
            for part in parts {
                assert!(error.contains(part), "{error} lacks {part}");
            }
        }
    }

    #[test]
    fn a_waiver_holds_on_its_last_day() {
        let waiver = WaiverEntry {
            expires: "2027-01-31".to_owned(),
            ..WaiverEntry::default()
        };
        assert!(!waiver.expired("2027-01-31T23:59:59Z"));
        assert!(waiver.expired("2027-02-01T00:00:00Z"));
    }

    #[test]
    fn an_empty_file_is_a_configuration() {
        assert_eq!(parse("f", "# nothing\n").expect("fine"), Config::default());
    }
}
