//! `outcrop reference DIR`: pages about every rule, table, command and control, as Markdown for mdBook or any other reader.

use crate::engine::{Framework, Library, Loaded, Rule};
use crate::inventory::{Role, Span, Table};
use crate::report::safe::terminal;
use crate::subjects;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Reference {
    /// Folder, which must not exist yet: `rules/`, `tables/`, `commands/`, `controls/`, and `SUMMARY.md` with all of them.
    folder: PathBuf,
    /// Add the rules of a folder to the built-in ones.
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
}

/// A page: its path in the folder, its title, its text.
struct Page {
    path: String,
    title: String,
    text: String,
}

/// A block of text as it is; the fence is longer than any in it.
fn block(kind: &str, text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}{kind}\n{}\n{fence}\n", text.trim_end())
}

/// Prose of rules and tables: names in backquotes stay code, everything else is text. A paragraph is looked at by itself, because a
/// span of code ends with it.
fn safe(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| {
            let lines: Vec<String> = paragraph.lines().map(terminal).collect();
            span(&lines.join("\n"))
        })
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn span(text: &str) -> String {
    let odd = text.matches('`').count() % 2 == 1;
    let parts = text.split('`').enumerate().map(|(place, part)| {
        if place % 2 == 1 && !odd {
            return format!("`{}`", part.replace('|', "\\|"));
        }
        let mut out = String::new();
        for c in part.chars() {
            match c {
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '|' | '*' | '_' | '[' | ']' | '#' | '\\' => {
                    out.push('\\');
                    out.push(c);
                }
                _ => out.push(c),
            }
        }
        out
    });
    parts.collect()
}

/// A cell of a table.
fn cell(text: &str) -> String {
    safe(text).replace('\n', " ")
}

/// A name in code.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

fn expression(out: &mut String, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        let _ = write!(out, "{name}:\n\n{}\n", block("sql", text));
    }
}

fn rule(library: &Library, loaded: &Loaded) -> Page {
    let one = &loaded.rule;
    let mut out = format!("# {}\n\n{}\n\n", one.id, cell(&one.title));
    let _ = write!(
        out,
        "| severity | pillar | by day | judges | decided from |\n|---|---|---|---|---|\n| {} | {} | {} | {} | {} |\n\n",
        one.severity.as_str(),
        cell(&one.pillar),
        one.stage,
        one.subject.as_ref().map_or_else(
            || "a query of its own".to_owned(),
            |subject| format!("[{}](../tables/{subject}.md)", code(subject))
        ),
        if one.sources.is_empty() {
            "any source".to_owned()
        } else {
            cell(&one.sources.join(", "))
        }
    );
    let _ = write!(
        out,
        "## Why it matters\n\n{}\n\n## How it decides\n\n",
        safe(&one.why)
    );
    expression(&mut out, "It judges the rows of", one.from.as_deref());
    expression(&mut out, "It applies when", one.applies.as_deref());
    expression(&mut out, "It excuses what is so", one.unless.as_deref());
    expression(&mut out, "It passes when", Some(&one.pass));
    out.push_str("What was not observed makes it `unknown`, where it could turn the verdict.\n\n");
    if !one.parameters.is_empty() {
        out.push_str("## Parameters\n\n| name | default | what it steers |\n|---|---|---|\n");
        for (name, parameter) in &one.parameters {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                code(name),
                code(&parameter.default.to_string()),
                cell(&parameter.doc)
            );
        }
        out.push('\n');
    }
    let fixes = [
        ("AWS CLI", "sh", &one.fix.cli),
        ("Terraform", "hcl", &one.fix.terraform),
        ("CloudFormation", "yaml", &one.fix.cloudformation),
        ("Console", "text", &one.fix.console),
    ];
    if fixes.iter().any(|(.., text)| !text.trim().is_empty()) {
        out.push_str("## How to fix it\n\n");
        for (name, kind, text) in fixes {
            if !text.trim().is_empty() {
                let _ = write!(out, "{name}:\n\n{}\n", block(kind, text));
            }
        }
    }
    calls(&mut out, library, one);
    if !one.controls.is_empty() {
        out.push_str("## Controls that it supports\n\n");
        for (framework, controls) in &one.controls {
            let _ = writeln!(
                out,
                "- [{framework}](../controls/{framework}.md): {}",
                controls
                    .iter()
                    .map(|id| code(id))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        out.push('\n');
    }
    if !one.references.is_empty() {
        out.push_str("## Read more\n\n");
        let pages = one.references.iter();
        for reference in
            pages.filter(|page| page.starts_with("https://") || page.starts_with("http://"))
        {
            let _ = writeln!(out, "- <{}>", reference.replace(['<', '>', ' '], ""));
        }
    }
    Page {
        path: format!("rules/{}.md", one.id),
        title: one.id.clone(),
        text: out,
    }
}

/// The calls that a rule rests on, with their permissions.
fn calls(out: &mut String, library: &Library, rule: &Rule) {
    let readings = subjects::needs::readings(library.needs(&[&rule.id]));
    let operations = subjects::needs::operations(&readings, crate::services::tables());
    if operations.is_empty() {
        return;
    }
    let mut permissions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (operation, action) in operations {
        permissions.entry(operation).or_default().push(action);
    }
    out.push_str("## What it reads\n\n| API call | permission |\n|---|---|\n");
    for (operation, actions) in permissions {
        let actions: Vec<String> = actions.iter().map(|action| code(action)).collect();
        let _ = writeln!(out, "| {} | {} |", code(operation), actions.join(", "));
    }
    out.push('\n');
}

fn table(one: &Table, library: &Library) -> Page {
    let mut out = format!("# {}\n\n{}\n\n", one.name, safe(one.doc));
    let _ = write!(
        out,
        "{}, {}.\n\n| column | type | what it holds | known to be absent |\n|---|---|---|---|\n",
        if one.role == Role::Base {
            "Collected"
        } else {
            "Derived"
        },
        if one.span == Span::Global {
            "once for each account"
        } else {
            "in each Region"
        },
    );
    for column in one.columns {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            code(column.name),
            column.kind.as_str(),
            cell(column.doc),
            cell(column.absent)
        );
    }
    if !one.reads.is_empty() {
        out.push_str("\n## What fills it\n\n| columns | API call | permissions |\n|---|---|---|\n");
        for read in one.reads {
            let columns: Vec<String> = one
                .columns
                .iter()
                .filter(|column| column.reads.contains(&read.group))
                .map(|column| code(column.name))
                .collect();
            let actions: Vec<String> = read.actions().iter().map(|action| code(action)).collect();
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                columns.join(", "),
                code(read.operation),
                actions.join(", ")
            );
        }
    }
    let rules: Vec<String> = library
        .rules
        .iter()
        .filter(|loaded| loaded.rule.subject.as_deref() == Some(one.name))
        .map(|loaded| format!("- [{0}](../rules/{0}.md)\n", loaded.rule.id))
        .collect();
    if !rules.is_empty() {
        let _ = write!(out, "\n## Rules that judge it\n\n{}", rules.concat());
    }
    Page {
        path: format!("tables/{}.md", one.name),
        title: one.name.to_owned(),
        text: out,
    }
}

fn framework(one: &Framework, library: &Library) -> Page {
    let mut out = format!(
        "# {}\n\nVersion {}: <{}>\n\n`--select framework:{}` runs the rules that support it. Ids and titles are the framework's own; \
         a rule supports a control, and no rule proves one.\n\n| control | title | rules |\n|---|---|---|\n",
        safe(&one.title),
        safe(&one.version),
        one.url,
        one.id
    );
    for (control, title) in &one.controls {
        let rules: Vec<String> = library
            .rules
            .iter()
            .filter(|loaded| {
                let controls = loaded.rule.controls.get(&one.id);
                controls.is_some_and(|all| all.contains(control))
            })
            .map(|loaded| format!("[{0}](../rules/{0}.md)", loaded.rule.id))
            .collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            code(control),
            cell(title),
            if rules.is_empty() {
                "not covered by any rule".to_owned()
            } else {
                rules.join(", ")
            }
        );
    }
    Page {
        path: format!("controls/{}.md", one.id),
        title: one.title.clone(),
        text: out,
    }
}

/// A command with those below it, as `--help` shows them.
fn command(out: &mut String, one: &clap::Command, path: &str) {
    let help = one.clone().bin_name(path).render_long_help().to_string();
    let _ = write!(
        out,
        "{} {path}\n\n{}\n",
        "#".repeat(path.split(' ').count().saturating_sub(1).max(1)),
        block("text", &help)
    );
    for below in one.get_subcommands().filter(|one| one.get_name() != "help") {
        command(out, below, &format!("{path} {}", below.get_name()));
    }
}

fn commands(root: &clap::Command) -> Vec<Page> {
    root.get_subcommands()
        .filter(|one| one.get_name() != "help")
        .map(|one| {
            let mut text = String::new();
            command(&mut text, one, &format!("outcrop {}", one.get_name()));
            Page {
                path: format!("commands/{}.md", one.get_name()),
                title: format!("outcrop {}", one.get_name()),
                text,
            }
        })
        .collect()
}

/// A page that lists others.
fn index(path: &str, title: &str, intro: &str, rows: &[String], heads: &str) -> Page {
    let columns = heads.matches('|').count().saturating_sub(1);
    Page {
        path: path.to_owned(),
        title: title.to_owned(),
        text: format!(
            "# {title}\n\n{intro}\n\n{heads}\n|{}\n{}",
            "---|".repeat(columns),
            rows.concat()
        ),
    }
}

/// What stands on a page that leads to others.
type Part = (Page, Vec<Page>);

fn parts(library: &Library, root: &clap::Command) -> anyhow::Result<Vec<Part>> {
    let tables = subjects::tables();
    let rule_rows: Vec<String> = library
        .rules
        .iter()
        .map(|loaded| {
            let one = &loaded.rule;
            format!(
                "| [{0}](rules/{0}.md) | {1} | {2} | {3} | {4} |\n",
                one.id,
                one.severity.as_str(),
                cell(&one.pillar),
                one.stage,
                cell(&one.title)
            )
        })
        .collect();
    let table_rows: Vec<String> = tables
        .iter()
        .map(|one| {
            format!(
                "| [{0}](tables/{0}.md) | {1} | {2} |\n",
                one.name,
                if one.role == Role::Base {
                    "collected"
                } else {
                    "derived"
                },
                cell(one.doc)
            )
        })
        .collect();
    let command_pages = commands(root);
    let command_rows: Vec<String> = root
        .get_subcommands()
        .filter(|one| one.get_name() != "help")
        .map(|one| {
            format!(
                "| [outcrop {0}](commands/{0}.md) | {1} |\n",
                one.get_name(),
                cell(&one.get_about().map(ToString::to_string).unwrap_or_default())
            )
        })
        .collect();
    let frameworks = &library.frameworks;
    let framework_rows: Vec<String> = frameworks
        .iter()
        .map(|one| {
            format!(
                "| [{}](controls/{}.md) | {} | {} |\n",
                safe(&one.title),
                one.id,
                code(&one.id),
                cell(&one.version)
            )
        })
        .collect();
    Ok(vec![
        (
            index(
                "commands.md",
                "Commands",
                "Every command, as `--help` shows it.",
                &command_rows,
                "| command | what it does |",
            ),
            command_pages,
        ),
        (
            index(
                "rules.md",
                "Rules",
                &format!(
                    "The {} rules. A rule reads one table, and is `unknown` where a fact that could turn its verdict was not observed.",
                    library.rules.len()
                ),
                &rule_rows,
                "| rule | severity | pillar | by day | what is wrong |",
            ),
            library
                .rules
                .iter()
                .map(|loaded| rule(library, loaded))
                .collect(),
        ),
        (
            index(
                "tables.md",
                "Tables",
                "What is collected, and what is derived from it. SQL and rules read both; `NULL` means that a fact was not observed.",
                &table_rows,
                "| table | | what a row is |",
            ),
            tables.iter().map(|one| table(one, library)).collect(),
        ),
        (
            index(
                "controls.md",
                "Controls",
                "Frameworks whose controls rules cite.",
                &framework_rows,
                "| framework | id | version |",
            ),
            frameworks
                .iter()
                .map(|one| framework(one, library))
                .collect(),
        ),
    ])
}

impl Reference {
    pub fn run(&self, root: clap::Command) -> anyhow::Result<u8> {
        let folders: Vec<&Path> = self.rules.iter().map(PathBuf::as_path).collect();
        let library = Library::load(&subjects::tables(), &folders)?;
        let shown = self.folder.display().to_string();
        std::fs::create_dir(&self.folder).with_context(|| {
            format!("cannot make the folder `{shown}`; give one that does not exist yet")
        })?;
        let write = |page: &Page| {
            let path = self.folder.join(&page.path);
            path.parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| {
                    let mut options = std::fs::OpenOptions::new();
                    options.write(true).create_new(true).open(&path)
                })
                .and_then(|mut file| file.write_all(page.text.as_bytes()))
                .with_context(|| format!("cannot write `{}`", path.display()))
        };
        let mut summary = String::new();
        // The width of a terminal is no width of a page.
        let root = root.term_width(100);
        for (index, pages) in parts(&library, &root)? {
            let _ = writeln!(summary, "- [{}]({})", index.title, index.path);
            write(&index)?;
            for page in &pages {
                let _ = writeln!(summary, "  - [{}]({})", safe(&page.title), page.path);
                write(page)?;
            }
        }
        write(&Page {
            path: "SUMMARY.md".to_owned(),
            title: String::new(),
            text: summary,
        })?;
        Ok(0)
    }
}
