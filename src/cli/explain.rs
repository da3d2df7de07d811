//! `outcrop explain`: the whole argument behind a verdict.

use super::Usage;
use super::policy::{policy_data, request_text};
use crate::inventory::{Store, Table};
use crate::model::{Arn, Finding, Outcome, Verdict, changes};
use crate::report::safe::{cut, terminal};
use crate::{engine, subjects};
use serde_json::Value as Json;
use std::io::Write;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// Run file, or `s3://BUCKET/KEY`.
    run: PathBuf,
    /// Any name that a report shows: a fingerprint (its first six digits will do), an ARN, an address, a resource's own name, a
    /// rule id, or the id of a change.
    what: String,
    /// For a person at a terminal, as JSON, or as Markdown.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For a person.
    Text,
    /// `{"results": [...]}`, each as in `--format json` of a report, with the facts of its subject.
    Json,
    /// For a ticket or a comment.
    Markdown,
}

/// The results that a name means, failures first. Whole names are tried before parts of names.
fn meant(outcome: &Outcome, what: &str) -> Vec<Finding> {
    // Reports show the part of a resource behind it, in brackets, and accounts as `the account`.
    let (what, part) = match what
        .strip_suffix(']')
        .and_then(|text| text.split_once(" ["))
    {
        Some((name, part)) => (name, Some(part)),
        None => (what, None),
    };
    let change: Vec<String> = changes(outcome)
        .into_iter()
        .filter(|change| change.id == what)
        .flat_map(|change| change.results)
        .collect();
    // `function:chat-api:7` is called `chat-api` as well; the word before it is the kind of thing, and no name.
    let named = |name: &str| {
        let own = Arn::parse(name).map_or(name, |arn| arn.resource);
        let parts: Vec<&str> = own.split([':', '/']).collect();
        own == what || parts[usize::from(parts.len() > 1)..].contains(&what)
    };
    let tests: [&dyn Fn(&Finding) -> bool; 4] = [
        &|result| {
            result.fingerprint == what
                || what.len() >= 6 && result.fingerprint.starts_with(what)
                || change.contains(&result.fingerprint)
        },
        &|result| {
            result.resource == what
                || result.subject == what
                || (what == "the account" || what == result.account_id)
                    && result.resource.ends_with(":root")
        },
        &|result| result.rule == what,
        &|result| {
            named(&result.resource)
                || named(&result.subject)
                || result.resource.rsplit('.').next() == Some(what)
                || result.part == what
        },
    ];
    let mut hits: Vec<Finding> = tests
        .into_iter()
        .map(|test| {
            outcome
                .results
                .iter()
                .filter(|result| test(result))
                .cloned()
                .collect::<Vec<_>>()
        })
        .find(|hits| !hits.is_empty())
        .unwrap_or_default();
    if let Some(part) = part {
        hits.retain(|result| result.part == part);
    }
    if hits
        .iter()
        .any(|result| result.verdict != Verdict::NotApplicable)
    {
        hits.retain(|result| result.verdict != Verdict::NotApplicable);
    }
    hits.sort_by_key(|result| (result.verdict, result.severity));
    hits
}

impl Explain {
    pub fn run(&self) -> anyhow::Result<u8> {
        let run = super::remote::local(std::slice::from_ref(&self.run))?;
        let store = Store::open(run.path(), &subjects::tables())?;
        let outcome = engine::outcome(&store)?;
        let hits = meant(&outcome, &self.what);
        if hits.is_empty() {
            return Err(Usage(format!(
                "nothing in this run is called `{}`; give a fingerprint of `--format json`, the ARN or the name of a resource, a rule id, or the id of a change",
                cut(&self.what, 200)
            ))
            .into());
        }
        let rules = engine::stored_rules(&store)?;
        let mut out = crate::cli::out();
        match self.format {
            Form::Text => {}
            Form::Json => {
                let results: Vec<Json> = hits
                    .iter()
                    .map(|result| as_json(&store, result))
                    .collect::<anyhow::Result<_>>()?;
                serde_json::to_writer_pretty(&mut out, &serde_json::json!({ "results": results }))?;
                writeln!(out)?;
                return Ok(0);
            }
            Form::Markdown => {
                crate::report::markdown::explained(&outcome, &hits, &mut out)?;
                return Ok(0);
            }
        }
        for result in &hits {
            let rule = rules
                .values()
                .find(|(rule, ..)| rule.id == result.rule)
                .map(|(rule, ..)| rule);
            one(&store, result, rule, &mut out)?;
        }
        Ok(0)
    }
}

/// A result with the facts of its subject, by column.
fn as_json(store: &Store, result: &Finding) -> anyhow::Result<Json> {
    let mut json = serde_json::to_value(result)?;
    let facts: serde_json::Map<String, Json> = engine::explain_facts(store, result)?
        .into_iter()
        .map(|(column, value)| (column.name.to_owned(), value))
        .collect();
    json["facts"] = Json::Object(facts);
    Ok(json)
}

fn one(
    store: &Store,
    result: &Finding,
    rule: Option<&engine::Rule>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    writeln!(
        out,
        "{} {} ({})\n  {}\n",
        result.verdict.as_str().to_uppercase(),
        cut(&result.rule, 200),
        result.severity.as_str(),
        cut(&result.title, 400)
    )?;
    writeln!(
        out,
        "resource     {}{}",
        cut(&result.resource, 2000),
        if result.part.is_empty() {
            String::new()
        } else {
            format!(" [{}]", cut(&result.part, 400))
        }
    )?;
    writeln!(
        out,
        "where        {} {}\nfingerprint  {}\nsays         {}",
        result.account_id,
        result.region,
        result.fingerprint,
        cut(&result.message, 2000)
    )?;
    if let Some(waiver) = &result.waiver {
        writeln!(
            out,
            "waived       until {} by {}: {}",
            cut(&waiver.expires, 10),
            cut(&waiver.owner, 200),
            cut(&waiver.reason, 400)
        )?;
    }
    if let Some(rule) = rule {
        writeln!(
            out,
            "\nThe rule asks{}\n  {}",
            rule.applies
                .as_ref()
                .map_or_else(String::new, |applies| format!(", where {applies}:")),
            rule.pass
        )?;
        if let Some(unless) = &rule.unless {
            writeln!(out, "  unless {unless}")?;
        }
        if let Some(subject) = rule.subject.as_deref() {
            facts(store, result, rule, subject, out)?;
        }
    }
    if let Some(subject) = rule.and_then(|rule| rule.subject.as_deref())
        && subjects::rests_on_published_data(subject)
    {
        writeln!(out, "\n{}", policy_data())?;
    }
    if !result.missing.is_empty() {
        writeln!(out, "\nMissing")?;
        for gap in &result.missing {
            let permission = if gap.action.is_empty() {
                String::new()
            } else {
                format!(" (permission {})", gap.action)
            };
            writeln!(
                out,
                "  {}: {}{permission} - {}",
                cut(&gap.fact, 200),
                if gap.operation.is_empty() {
                    "no call would tell"
                } else {
                    &gap.operation
                },
                cut(&gap.detail, 800)
            )?;
        }
    }
    if let Some(rule) = rule {
        writeln!(out, "\nWhy it matters\n{}", indented(&rule.why))?;
        if result.verdict != Verdict::Pass {
            for (name, text) in [
                ("CLI", &rule.fix.cli),
                ("Terraform", &rule.fix.terraform),
                ("CloudFormation", &rule.fix.cloudformation),
                ("Console", &rule.fix.console),
            ] {
                if !text.trim().is_empty() {
                    writeln!(out, "\nFix, {name}\n{}", indented(text))?;
                }
            }
        }
        for reference in &rule.references {
            writeln!(out, "  {}", terminal(reference))?;
        }
    }
    writeln!(out)?;
    Ok(())
}

fn indented(text: &str) -> String {
    text.trim_end()
        .lines()
        .map(|line| format!("  {}", terminal(line)))
        .collect::<Vec<_>>()
        .join("\n")
}

fn facts(
    store: &Store,
    result: &Finding,
    rule: &engine::Rule,
    subject: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let facts = engine::explain_facts(store, result)?;
    let expression = format!(
        "{} {} {}",
        rule.applies.as_deref().unwrap_or_default(),
        rule.unless.as_deref().unwrap_or_default(),
        rule.pass
    );
    let reads = |name: &str| {
        expression
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .any(|word| word == name)
    };
    let table = store.table(subject)?;
    writeln!(out, "\nFacts (of {subject}; * decides)")?;
    for (column, value) in facts.iter().filter(|(column, _)| {
        !matches!(column.name, "resource" | "resource_type" | "part" | "name")
    }) {
        let shown = match value {
            Json::Null => "(not observed)".to_owned(),
            Json::String(text) => cut(text, 600),
            Json::Array(_) | Json::Object(_) if column.name == "ways" => {
                "see the hops below".to_owned()
            }
            other => cut(&other.to_string(), 600),
        };
        writeln!(
            out,
            "  {}{} = {shown}\n      {}",
            if reads(column.name) { "* " } else { "  " },
            column.name,
            column.doc
        )?;
        if reads(column.name) {
            writeln!(out, "      from {}", calls(table, column.name))?;
        }
    }
    for (column, value) in &facts {
        if column.name == "ways" {
            hops(value, out)?;
        }
        if column.name.ends_with("witness") && value.is_object() {
            writeln!(
                out,
                "\nWitness ({}): the policies allow this request",
                column.name
            )?;
            request_text(value, out)?;
        }
    }
    Ok(())
}

/// The API operations behind a column of a subject.
fn calls(table: &Table, column: &str) -> String {
    let readings = table
        .column(column)
        .map(|column| column.sources(table.name))
        .unwrap_or_default();
    let mut calls: Vec<&str> = readings
        .iter()
        .filter_map(|(name, group)| {
            crate::services::table(name)
                .and_then(|table| table.read(group))
                .map(|read| read.operation)
        })
        .collect();
    calls.sort_unstable();
    calls.dedup();
    if calls.is_empty() {
        "the configuration".to_owned()
    } else {
        calls.join(", ")
    }
}

fn hops(ways: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
    for way in ways.as_array().into_iter().flatten() {
        let subnets: Vec<&str> = way["subnets"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        writeln!(
            out,
            "\nPath{}: {}\n  {}",
            if subnets.is_empty() {
                String::new()
            } else {
                format!(" from {}", cut(&subnets.join(", "), 400))
            },
            way["verdict"].as_str().unwrap_or_default(),
            cut(way["reason"].as_str().unwrap_or_default(), 800)
        )?;
        for (number, hop) in way["hops"].as_array().into_iter().flatten().enumerate() {
            let text = |key: &str| cut(hop[key].as_str().unwrap_or_default(), 400);
            writeln!(
                out,
                "  {}. {} {} - {}",
                number + 1,
                text("kind"),
                text("id"),
                text("because")
            )?;
        }
    }
    Ok(())
}
