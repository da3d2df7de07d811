//! `outcrop policy who-can`: which principals of a run may do something.

use super::Usage;
use super::invoke::Form;
use super::opened::world;
use super::policy::lines;
use crate::access::who_can::{WhoCan as Answer, who_can};
use crate::inventory::World;
use crate::model::counted;
use crate::policy::wire::{self, WhoCanQuestion};
use crate::report::safe::cut;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct WhoCan {
    /// Run file or inventory folder.
    #[arg(required_unless_present = "jsonl")]
    run: Option<PathBuf>,
    /// `service:Action`.
    #[arg(long, required_unless_present = "jsonl")]
    action: Option<String>,
    /// ARN, or the name of a resource of the run; any where it is left out.
    #[arg(long)]
    resource: Option<String>,
    /// Account that owns the resource, where its ARN does not say.
    #[arg(long, value_name = "ID")]
    resource_account: Option<String>,
    /// Answer one question a line from standard input.
    #[arg(long, conflicts_with = "run")]
    jsonl: bool,
    /// For a person at a terminal, or as JSON.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

/// The ARN of a resource of the run, by what people call it; an ARN is what it is.
fn named(world: &World, action: &str, resource: &str) -> anyhow::Result<String> {
    if resource.starts_with("arn:") || resource.contains(['*', '?']) {
        return Ok(resource.to_owned());
    }
    let mut found: BTreeSet<String> = BTreeSet::new();
    for table in crate::services::tables().filter(|table| table.column("arn").is_some()) {
        for row in world.everywhere(table.name) {
            let is = |column: &str| {
                let seen = table.column(column).and_then(|_| row.text(column).known());
                seen == Some(resource)
            };
            if row.key() != resource && !is("name") && !is("id") {
                continue;
            }
            if let Some(arn) = row.text("arn").known().filter(|arn| !arn.is_empty()) {
                // What is done to objects is done to what lies in a bucket.
                let objects = table.name == "s3_bucket" && action.contains("Object");
                found.insert(format!("{arn}{}", if objects { "/*" } else { "" }));
            }
        }
    }
    let all: Vec<&str> = found.iter().map(String::as_str).collect();
    match all.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(Usage(format!(
            "`{}` is not an ARN, and nothing in the run is called that",
            cut(resource, 200)
        ))
        .into()),
        several => Err(Usage(format!(
            "several resources of the run are called `{}`; write one of {}",
            cut(resource, 200),
            cut(&several.join(", "), 1000)
        ))
        .into()),
    }
}

impl WhoCan {
    pub fn run(&self) -> anyhow::Result<u8> {
        let (Some(run), Some(action)) = (&self.run, &self.action) else {
            // One run is often asked many questions.
            let mut worlds: BTreeMap<PathBuf, World> = BTreeMap::new();
            return lines(&mut |json| {
                let asked: WhoCanQuestion = wire::question(json)?;
                if !asked.action.contains(':') {
                    return Err(format!(
                        "action: `{}` is no action; write `service:Action`",
                        asked.action
                    ));
                }
                if !worlds.contains_key(&asked.run) {
                    worlds.insert(
                        asked.run.clone(),
                        world(&asked.run).map_err(|error| format!("{error:#}"))?,
                    );
                }
                let answer = who_can(
                    &worlds[&asked.run],
                    &asked.action,
                    asked.resource.as_deref(),
                    asked.resource_account.as_deref(),
                );
                serde_json::to_value(&answer).map_err(|error| error.to_string())
            });
        };
        if crate::policy::authorization::action(action).is_none() {
            return Err(Usage(format!("`{}` is not an action of AWS", cut(action, 200))).into());
        }
        let world = world(run)?;
        let resource = match &self.resource {
            Some(resource) => Some(named(&world, action, resource)?),
            None => None,
        };
        let answer = who_can(
            &world,
            action,
            resource.as_deref(),
            self.resource_account.as_deref(),
        );
        if self.format == Form::Json {
            let mut out = crate::cli::out();
            serde_json::to_writer_pretty(&mut out, &answer)?;
            writeln!(out)?;
            return Ok(0);
        }
        print(&answer, action, resource.as_deref())?;
        Ok(0)
    }
}

fn print(answer: &Answer, action: &str, resource: Option<&str>) -> anyhow::Result<()> {
    let mut out = crate::cli::out();
    let what = format!(
        "{} on {}",
        cut(action, 200),
        resource.map_or_else(|| "some resource".to_owned(), |resource| cut(resource, 800))
    );
    let known = if answer.unknown.is_empty() {
        ""
    } else {
        "known to be "
    };
    writeln!(
        out,
        "{} {known}allowed {what}",
        counted(answer.principals.len(), "principal is", "principals are")
    )?;
    if !answer.reason.is_empty() {
        writeln!(out, "  {}", cut(&answer.reason, 800))?;
    }
    for able in &answer.principals {
        writeln!(out, "  {}", cut(&able.principal, 800))?;
        for because in &able.conditions {
            writeln!(
                out,
                "    only by {}, {}: {}",
                cut(&because.policy, 200),
                cut(&because.statement, 200),
                cut(&because.text, 800)
            )?;
        }
    }
    if !answer.indirect.is_empty() {
        writeln!(
            out,
            "{} more can get there by another path",
            answer.indirect.len()
        )?;
        for way in &answer.indirect {
            writeln!(out, "  {}", cut(&way.principal, 800))?;
            for step in &way.via {
                writeln!(out, "    {} -> {}", cut(&step.by, 200), cut(&step.to, 800))?;
            }
        }
    }
    if !answer.unknown.is_empty() {
        writeln!(
            out,
            "{} for whom it could not be determined",
            answer.unknown.len()
        )?;
        for unclear in &answer.unknown {
            writeln!(
                out,
                "  {}: {}",
                cut(&unclear.principal, 800),
                cut(&unclear.reason, 800)
            )?;
        }
    }
    Ok(())
}
