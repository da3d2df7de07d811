//! `outcrop rules`: list, show, test, new, tables.

use super::Usage;
use crate::engine::{self, Library, Parameter};
use crate::inventory::{Kind, Role, Span, Table};
use crate::model::counted;
use crate::subjects;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Rules {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One line for each rule.
    List {
        /// Add the rules of a folder.
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
        /// Output.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// A rule with its reasons, fixes, parameters and examples.
    Show {
        /// Rule id.
        #[arg(add = super::complete::rules())]
        id: String,
        /// Add the rules of a folder.
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
        /// Output.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Run the examples in the rule files: the built-in ones, or those of a folder.
    Test {
        /// Folder of rules.
        dir: Option<PathBuf>,
        /// Test again whenever a file of the folder changes, until it is interrupted.
        #[arg(long, requires = "dir")]
        watch: bool,
    },
    /// Write the beginning of a rule file into the current folder.
    New {
        /// Id: names the fault, in lower case and hyphens.
        id: String,
        /// Table that it judges: a derived one, or one that is collected.
        #[arg(long, default_value = "inference_log_group", add = super::complete::tables())]
        subject: String,
    },
    /// Print the JSON Schema of rule files, with which editors complete and check them.
    Schema,
    /// Tables and columns, with the API operations and IAM actions behind them.
    Tables {
        /// Only this table.
        #[arg(add = super::complete::tables())]
        name: Option<String>,
        /// Output.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

fn library(folders: &[PathBuf]) -> anyhow::Result<Library> {
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    Ok(Library::load(&subjects::tables(), &folders)?)
}

impl Rules {
    pub fn run(&self) -> anyhow::Result<u8> {
        let mut out = crate::cli::out();
        match &self.command {
            Command::List { rules, format } => list(&library(rules)?, *format, &mut out)?,
            Command::Show { id, rules, format } => show(&library(rules)?, id, *format, &mut out)?,
            Command::Test { dir, watch } => match dir {
                Some(dir) if *watch => return self::watch(dir, &mut out),
                _ => return test(dir.as_deref(), &mut out),
            },
            Command::New { id, subject } => new(id, subject, &mut out)?,
            Command::Schema => {
                let schema = engine::schema::rule(&subjects::tables())?;
                serde_json::to_writer_pretty(&mut out, &schema)?;
                writeln!(out)?;
            }
            Command::Tables { name, format } => tables(name.as_deref(), *format, &mut out)?,
        }
        Ok(0)
    }
}

fn list(library: &Library, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    if format == Format::Json {
        let all: Vec<Json> = library.rules.iter().map(|loaded| json!({"id": loaded.rule.id, "title": loaded.rule.title, "severity": loaded.rule.severity, "pillar": loaded.rule.pillar, "stage": loaded.rule.stage, "subject": loaded.rule.subject, "sources": loaded.rule.sources, "controls": loaded.rule.controls})).collect();
        serde_json::to_writer_pretty(&mut *out, &all)?;
        writeln!(out)?;
        return Ok(());
    }
    for loaded in &library.rules {
        writeln!(
            out,
            "{:<9} {:<10} {:<2} {:<46} {}",
            loaded.severity.as_str(),
            loaded.rule.pillar,
            loaded.rule.stage,
            loaded.rule.id,
            loaded.rule.title
        )?;
    }
    writeln!(out, "{} rules", library.rules.len())?;
    Ok(())
}

fn show(library: &Library, id: &str, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    let loaded = library.rule(id).ok_or_else(|| {
        Usage(format!(
            "there is no rule `{id}`{}; `outcrop rules list` shows them",
            engine::nearest(id, library.rules.iter().map(|known| known.rule.id.as_str()))
        ))
    })?;
    let rule = &loaded.rule;
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut *out, rule)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{}\n{}\n\nseverity {}, pillar {}, by day {}, decided by {}\n\n{}",
        rule.id,
        rule.title,
        rule.severity.as_str(),
        rule.pillar,
        rule.stage,
        if rule.sources.is_empty() {
            "any source".to_owned()
        } else {
            rule.sources.join(", ")
        },
        rule.why.trim_end()
    )?;
    writeln!(
        out,
        "\nJudges       {}",
        rule.subject.as_deref().unwrap_or("a query of its own")
    )?;
    if let Some(applies) = &rule.applies {
        writeln!(out, "applies when {applies}")?;
    }
    if let Some(unless) = &rule.unless {
        writeln!(out, "unless {unless}")?;
    }
    writeln!(out, "passes when  {}", rule.pass)?;
    for (name, Parameter { default, doc, .. }) in &rule.parameters {
        writeln!(
            out,
            "  :{name} = {default}{}",
            if doc.is_empty() {
                String::new()
            } else {
                format!("  ({doc})")
            }
        )?;
    }
    let readings = subjects::needs::readings(library.needs(&[id]));
    let operations = subjects::needs::operations(&readings, crate::services::tables());
    writeln!(out, "\nCalls")?;
    for (operation, action) in operations {
        writeln!(
            out,
            "  {operation}{}",
            if operation == action {
                String::new()
            } else {
                format!(" (permission {action})")
            }
        )?;
    }
    if rule
        .subject
        .as_deref()
        .is_some_and(subjects::rests_on_published_data)
    {
        writeln!(out, "\n{}", super::policy::policy_data())?;
    }
    for (name, text) in [
        ("CLI", &rule.fix.cli),
        ("Terraform", &rule.fix.terraform),
        ("CloudFormation", &rule.fix.cloudformation),
        ("Console", &rule.fix.console),
    ] {
        if !text.trim().is_empty() {
            writeln!(out, "\nFix, {name}\n{}", text.trim_end())?;
        }
    }
    for (framework, controls) in &rule.controls {
        writeln!(out, "\nSupports {framework}: {}", controls.join(", "))?;
    }
    for reference in &rule.references {
        writeln!(out, "  {reference}")?;
    }
    Ok(())
}

/// What stands in a folder: files by name, with their lengths and times.
fn state(dir: &Path) -> BTreeMap<PathBuf, (u64, Option<std::time::SystemTime>)> {
    let (mut folders, mut files) = (vec![dir.to_owned()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(path),
                Ok(found) => drop(files.insert(path, (found.len(), found.modified().ok()))),
                Err(_) => {}
            }
        }
    }
    files
}

/// Tests a folder again and again. It is looked at twice a second: that works on every file system, and through every editor's way of
/// saving a file.
fn watch(dir: &Path, out: &mut dyn Write) -> anyhow::Result<u8> {
    let mut known = None;
    loop {
        let now = state(dir);
        if known.as_ref() != Some(&now) {
            // A rule that does not parse is what somebody is about to mend.
            if let Err(error) = test(Some(dir), out) {
                writeln!(
                    out,
                    "{}",
                    crate::report::safe::cut(&format!("{error:#}"), 2000)
                )?;
            }
            out.flush()?;
            known = Some(now);
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
}

fn test(dir: Option<&Path>, out: &mut dyn Write) -> anyhow::Result<u8> {
    let built_in = library(&[])?;
    let library = match dir.map(|dir| library(&[dir.to_owned()])) {
        Some(Ok(found)) => found,
        // The first file that is broken would hide the others.
        Some(Err(error)) => {
            let broken = dir.map_or_else(Vec::new, |dir| {
                crate::engine::Library::flaws(&subjects::tables(), dir)
            });
            if broken.len() < 2 {
                return Err(error);
            }
            for one in &broken {
                writeln!(out, "{}", crate::report::safe::cut(&one.to_string(), 1000))?;
            }
            let broken = counted(broken.len(), "file is broken", "files are broken");
            writeln!(out, "{broken}; no example was run")?;
            return Ok(1);
        }
        None => built_in.clone(),
    };
    let (mut flawed, mut count, mut examples) = (0, 0, 0);
    for loaded in library
        .rules
        .iter()
        .filter(|loaded| dir.is_none() || built_in.rule(&loaded.rule.id).is_none())
    {
        let table = loaded.rule.subject.as_deref().and_then(|subject| {
            subjects::tables()
                .into_iter()
                .find(|table| table.name == subject)
        });
        let mut flaws = engine::test_examples(loaded, table, &library.values)?;
        if loaded.rule.from.is_some() {
            flaws.extend(engine::test_query(loaded, &subjects::tables(), &library)?);
        }
        count += 1;
        examples += loaded.rule.examples.len();
        flawed += usize::from(!flaws.is_empty());
        for flaw in flaws {
            writeln!(out, "{}: {flaw}", loaded.rule.id)?;
        }
    }
    writeln!(
        out,
        "{}, {}, {flawed} with flaws",
        counted(count, "rule", "rules"),
        counted(examples, "example", "examples")
    )?;
    Ok(u8::from(flawed > 0))
}

fn new(id: &str, subject: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    if id.is_empty()
        || !id
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        return Err(Usage(format!(
            "the id `{id}` may hold lower-case letters, digits and hyphens only"
        ))
        .into());
    }
    if library(&[])?.rule(id).is_some() {
        return Err(Usage(format!(
            "there is a built-in rule `{id}` already; choose another id"
        ))
        .into());
    }
    let tables = subjects::tables();
    let table = tables
        .iter()
        .find(|table| table.name == subject)
        .ok_or_else(|| {
            Usage(format!(
                "there is no table `{subject}`{}; `outcrop rules tables` shows what there is",
                engine::nearest(subject, tables.iter().map(|table| table.name))
            ))
        })?;
    let of_kind = |kind| {
        let mut columns = table.columns.iter();
        columns.find(move |column| column.kind == kind && column.name != table.key)
    };
    // A column to begin with, how it is asked, and what it holds where that is right and where it is wrong.
    let (own, pass, right, wrong) = match (of_kind(Kind::Bool), of_kind(Kind::Integer)) {
        (Some(column), _) => (column.name, column.name.to_owned(), "true", "false"),
        (None, Some(column)) => (column.name, format!("{} > 0", column.name), "1", "0"),
        (None, None) => {
            let text = of_kind(Kind::Text).map_or(table.key, |column| column.name);
            (text, format!("\"{text} <> ''\""), "something", "''")
        }
    };
    let file = format!("{id}.yaml");
    let text = format!(
        "\
id: {id}
title: Names the fault in a few words
severity: medium                  # critical high medium low info
pillar: custom
stage: 60                         # rollout day by which it should hold: 30, 60, 90
sources: [live, terraform, cloudformation]
subject: {subject}     # outcrop rules tables {subject}
pass: {pass}
parameters: {{}}                    # retention_min_days: {{type: days, default: 90}}
cause: []                         # what closes a failure: [{{change: role-rights, on: '{{resource}}'}}]; data/changes.yaml lists the kinds
message:
  fail: '{{name}}: say what is wrong'
  pass: '{{name}}: say what is right'
  unknown: '{{name}}: say what could not be determined'
evidence: [{own}]
examples:
  - {{row: {{{own}: {right}}}, expect: pass}}
  - {{row: {{{own}: {wrong}}}, expect: fail}}
  - {{row: {{{own}: null}}, expect: unknown}}
why: |
  The risk, for a person.
fix: {{cli: '', terraform: '', cloudformation: '', console: ''}}
references: []
"
    );
    let mut options = std::fs::OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .open(&file)
        .and_then(|mut opened| opened.write_all(text.as_bytes()))
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Usage(format!(
                "`{file}` is there already; choose another id, or take it away"
            ))
            .into(),
            _ => anyhow::Error::new(error).context(format!("cannot make `{file}`")),
        })?;
    writeln!(
        out,
        "{file} is made; `outcrop rules test .` runs its examples, `--rules .` adds it to a scan"
    )?;
    Ok(())
}

fn tables(name: Option<&str>, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    let all: Vec<&'static Table> = subjects::tables()
        .into_iter()
        .filter(|table| name.is_none_or(|name| name == table.name))
        .collect();
    if all.is_empty() {
        return Err(Usage(format!(
            "there is no table `{}`{}; `outcrop rules tables` shows what there is",
            name.unwrap_or_default(),
            engine::nearest(
                name.unwrap_or_default(),
                subjects::tables().iter().map(|table| table.name)
            )
        ))
        .into());
    }
    if format == Format::Json {
        let shown: Vec<Json> = all.iter().map(|table| json!({
            "name": table.name, "doc": table.doc, "key": table.key, "role": if table.role == Role::Base { "collected" } else { "derived" }, "span": if table.span == Span::Global { "global" } else { "regional" },
            "columns": table.columns.iter().map(|column| json!({"name": column.name, "type": column.kind.as_str(), "doc": column.doc, "absent": column.absent, "reads": inputs(table, column)})).collect::<Vec<_>>(),
            "reads": table.reads.iter().map(|read| json!({"group": read.group, "operation": read.operation, "actions": read.actions()})).collect::<Vec<_>>(),
        })).collect();
        serde_json::to_writer_pretty(&mut *out, &shown)?;
        writeln!(out)?;
        return Ok(());
    }
    for table in all {
        writeln!(
            out,
            "{} ({}, {})\n  {}",
            table.name,
            if table.role == Role::Base {
                "collected"
            } else {
                "derived"
            },
            if table.span == Span::Global {
                "once for each account"
            } else {
                "in each Region"
            },
            table.doc
        )?;
        for column in table.columns {
            let absent = if column.absent.is_empty() {
                String::new()
            } else {
                format!(" Known to be absent: {}.", column.absent)
            };
            writeln!(
                out,
                "    {:<26} {:<8} {}{absent}",
                column.name,
                column.kind.as_str(),
                column.doc
            )?;
        }
        let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for read in table.reads {
            groups.entry(read.group).or_default().push(format!(
                "{} (permission {})",
                read.operation,
                read.actions().join(", ")
            ));
        }
        for (group, calls) in groups {
            writeln!(out, "    [{group}] {}", calls.join("; "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// What fills a column: groups of its own table, or `table.group` of others.
fn inputs(table: &'static Table, column: &crate::inventory::Column) -> Vec<String> {
    column
        .sources(table.name)
        .into_iter()
        .map(|(of, group)| {
            if of == table.name {
                group.to_owned()
            } else {
                format!("{of}.{group}")
            }
        })
        .collect()
}
