//! `outcrop policy`: the policy reasoner on its own.

use super::Usage;
use crate::policy::{Document, Found, PolicyType, authorization, compare, wire};
use crate::report::safe::cut;
use crate::sources::tree;
use anyhow::Context as _;
use serde_json::Value as Json;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, clap::Subcommand)]
enum Question {
    /// Does the candidate allow any request that the reference does not? Exits with 3 if it does, with 4 if that could not be determined.
    Compare(Compare),
    /// Is one request allowed by all the policies that apply to it?
    Simulate(Box<Simulate>),
    /// Which principals of a run may do something?
    WhoCan(super::who_can::WhoCan),
    /// Will a call of a model be allowed? Profile, model, every policy and the path are asked. Exits with 3 if it is refused, with 4 if that could not be determined.
    Invoke(super::invoke::Invoke),
}

/// Arguments of `compare`.
#[derive(Debug, clap::Args)]
struct Compare {
    /// The policy that is right: a JSON file.
    #[arg(required_unless_present = "jsonl")]
    reference: Option<PathBuf>,
    /// The policy that may allow more.
    #[arg(required_unless_present = "jsonl")]
    candidate: Option<PathBuf>,
    /// Kind of both; told by whether they name principals.
    #[arg(long, value_enum)]
    policy_type: Option<Kind>,
    /// Answer one question a line from standard input.
    #[arg(long, conflicts_with_all = ["reference", "candidate"])]
    jsonl: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Identity,
    Resource,
}

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
struct Simulate {
    /// A question as JSON (as with `--jsonl`); instead of the flags.
    question: Option<PathBuf>,
    /// Who asks: an ARN or the name of a service; nobody when left out.
    #[arg(long)]
    principal: Option<String>,
    /// `service:Action`.
    #[arg(long, required_unless_present_any = ["jsonl", "question"])]
    action: Option<String>,
    /// ARN.
    #[arg(long)]
    resource: Option<String>,
    /// Account that owns the resource, where its ARN does not say.
    #[arg(long, value_name = "ID")]
    resource_account: Option<String>,
    /// A condition key and its value; repeat the key for several values.
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// Inline, managed or group policy.
    #[arg(long, value_name = "FILE")]
    identity_policy: Vec<PathBuf>,
    /// Policy of the bucket, key, role or other resource.
    #[arg(long, value_name = "FILE")]
    resource_policy: Option<PathBuf>,
    /// Permissions boundary.
    #[arg(long, value_name = "FILE")]
    permission_boundary: Option<PathBuf>,
    /// Session policy.
    #[arg(long, value_name = "FILE")]
    session_policy: Option<PathBuf>,
    /// Service control policies of one level, comma-separated; once a level, from the root down.
    #[arg(long, value_name = "FILE,...")]
    service_control_policy: Vec<String>,
    /// Resource control policies of one level, likewise.
    #[arg(long, value_name = "FILE,...")]
    resource_control_policy: Vec<String>,
    /// Policy of the VPC endpoint that the request comes through.
    #[arg(long, value_name = "FILE")]
    endpoint_policy: Option<PathBuf>,
    /// Answer one question a line from standard input.
    #[arg(long)]
    jsonl: bool,
}

impl Policy {
    pub fn run(&self) -> anyhow::Result<u8> {
        match &self.question {
            Question::Compare(compare) => compare.run(),
            Question::Simulate(simulate) => simulate.run(),
            Question::WhoCan(who_can) => who_can.run(),
            Question::Invoke(invoke) => invoke.run(),
        }
    }
}

/// One answer a line, in the order of the questions.
pub(super) fn lines(answer: &mut dyn FnMut(&Json) -> Result<Json, String>) -> anyhow::Result<u8> {
    let mut out = std::io::BufWriter::new(crate::cli::out());
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        serde_json::to_writer(&mut out, &wire::answer_line(line, number, answer))?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(0)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let text = crate::model::file::read(path)
        .with_context(|| format!("`{}` cannot be read", path.display()))?;
    String::from_utf8(text).map_err(|error| {
        anyhow::anyhow!(
            "`{}` is not UTF-8, from byte {} on",
            path.display(),
            error.utf8_error().valid_up_to()
        )
    })
}

fn json(path: &Path, text: &str) -> anyhow::Result<Json> {
    serde_json::from_str::<crate::model::Unique>(text)
        .map(|read| read.0)
        .with_context(|| {
            format!(
                "`{}` is no JSON in which each key stands once",
                path.display()
            )
        })
}

fn read(path: &Path) -> anyhow::Result<Json> {
    json(path, &text(path)?)
}

/// A policy of a file; what is wrong with it is said with line and column.
fn document(path: &Path) -> anyhow::Result<Document> {
    let text = text(path)?;
    let at = |place: &str| {
        tree::position(&text, place).map_or_else(String::new, |(line, column)| {
            format!(" (line {line}, column {column})")
        })
    };
    let mut document = Document::parse(&path.display().to_string(), &json(path, &text)?)
        .map_err(|malformed| anyhow::anyhow!("{malformed}{}", at(&malformed.place)))?;
    for problem in &mut document.problems {
        let place = problem.split(": ").next().unwrap_or_default().to_owned();
        problem.push_str(&at(&place));
    }
    Ok(document)
}

impl Compare {
    fn run(&self) -> anyhow::Result<u8> {
        let (Some(reference), Some(candidate)) = (&self.reference, &self.candidate) else {
            return lines(&mut |json| wire::compare_json(json));
        };
        let (reference, candidate) = (document(reference)?, document(candidate)?);
        let kind = match self.policy_type {
            Some(Kind::Identity) => PolicyType::Identity,
            Some(Kind::Resource) => PolicyType::Resource,
            None => wire::kind_of(&[&reference, &candidate]),
        };
        let comparison = compare(&reference, &candidate, kind);
        let mut out = crate::cli::out();
        let code = match &comparison.new_access {
            Found::No => {
                writeln!(
                    out,
                    "no new access: every request that `{}` allows is allowed by `{}`",
                    cut(&candidate.name, 400),
                    cut(&reference.name, 400)
                )?;
                0
            }
            Found::Yes(request) => {
                writeln!(
                    out,
                    "new access: `{}` allows this request, `{}` does not\n",
                    cut(&candidate.name, 400),
                    cut(&reference.name, 400)
                )?;
                request_text(&request.witness(), &mut out)?;
                3
            }
            Found::Unknown(why) => {
                writeln!(
                    out,
                    "unknown: it could not be determined whether `{}` allows more",
                    cut(&candidate.name, 400)
                )?;
                for why in why {
                    writeln!(out, "  {}", cut(&why.words(), 800))?;
                }
                4
            }
        };
        for note in &comparison.notes {
            writeln!(out, "note: {}", cut(note, 800))?;
        }
        Ok(code)
    }
}

/// Which published data policies are read with.
pub(super) fn policy_data() -> String {
    format!(
        "Actions, resources and resource control policies are those that AWS published by {} ({}).",
        authorization::date(),
        authorization::source()
    )
}

/// A witness for a person.
pub(super) fn request_text(witness: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
    let text = |key: &str| {
        witness[key].as_str().map_or_else(
            || "anyone, signed in or not".to_owned(),
            |text| cut(text, 2000),
        )
    };
    writeln!(
        out,
        "  principal  {}\n  action     {}\n  resource   {}",
        text("principal"),
        text("action"),
        text("resource")
    )?;
    let context = witness["context"].as_object().into_iter().flatten();
    for (at, (key, value)) in context.enumerate() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        writeln!(
            out,
            "  {}  {} = {}",
            if at == 0 { "context  " } else { "         " },
            cut(key, 200),
            cut(&value, 800)
        )?;
    }
    Ok(())
}

impl Simulate {
    fn run(&self) -> anyhow::Result<u8> {
        if self.jsonl {
            return lines(&mut |json| wire::simulate_json(json));
        }
        let question = match &self.question {
            Some(path) => read(path)?,
            None => self.asked()?,
        };
        let answer = wire::simulate_json(&question).map_err(|error| anyhow::anyhow!(error))?;
        let mut out = crate::cli::out();
        writeln!(out, "{}", answer["answer"].as_str().unwrap_or_default())?;
        for because in answer["because"].as_array().into_iter().flatten() {
            let text = |key: &str| cut(because[key].as_str().unwrap_or_default(), 800);
            let place = [text("policy"), text("statement")]
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join(", ");
            writeln!(
                out,
                "  {}{}{}",
                place,
                if place.is_empty() { "" } else { ": " },
                text("text")
            )?;
        }
        Ok(0)
    }

    fn asked(&self) -> anyhow::Result<Json> {
        let mut context: serde_json::Map<String, Json> = serde_json::Map::new();
        for pair in &self.context {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Usage(format!("--context `{pair}`: write KEY=VALUE")).into());
            };
            if let Json::Array(values) = context
                .entry(key)
                .or_insert_with(|| Json::Array(Vec::new()))
            {
                values.push(Json::from(value));
            }
        }
        let some = |path: &Option<PathBuf>| path.as_deref().map_or(Ok(Json::Null), read);
        let levels = |all: &[String]| -> anyhow::Result<Json> {
            let level = |files: &String| {
                files
                    .split(',')
                    .filter(|file| !file.is_empty())
                    .map(|file| read(Path::new(file)))
                    .collect::<anyhow::Result<Vec<Json>>>()
            };
            Ok(Json::from(
                all.iter().map(level).collect::<anyhow::Result<Vec<_>>>()?,
            ))
        };
        Ok(serde_json::json!({
            "request": {"principal": self.principal, "action": self.action, "resource": self.resource, "resource_account": self.resource_account, "context": context},
            "identity_policies": self.identity_policy.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?,
            "resource_policy": some(&self.resource_policy)?,
            "permission_boundary": some(&self.permission_boundary)?,
            "session_policy": some(&self.session_policy)?,
            "service_control_policies": levels(&self.service_control_policy)?,
            "resource_control_policies": levels(&self.resource_control_policy)?,
            "endpoint_policy": some(&self.endpoint_policy)?,
        }))
    }
}
