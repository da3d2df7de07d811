//! The document as a page that prints, as Markdown, as JSON and as tables for spreadsheets.

use super::{Document, Question, Said, Section};
use crate::report::csv::cell;
use crate::report::markdown::safe as escaped;
use crate::report::safe::{cut, terminal};
use askama::Template;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Characters of one cell on a page; the CSV files and the JSON hold all of it.
const LONGEST: usize = 600;

/// Everything that the folder holds, by file name.
///
/// # Errors
/// When the page or the JSON cannot be made.
pub fn files(document: &Document) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut json = serde_json::to_vec_pretty(document)?;
    json.push(b'\n');
    files.insert("handoff.json".to_owned(), json);
    let schema = schemars::schema_for!(Document);
    let mut schema = serde_json::to_vec_pretty(&schema)?;
    schema.push(b'\n');
    files.insert("handoff.schema.json".to_owned(), schema);
    files.insert("handoff.html".to_owned(), html(document)?.into_bytes());
    files.insert("handoff.md".to_owned(), markdown(document).into_bytes());
    for section in &document.sections {
        if let Some(name) = &section.csv {
            files.insert(format!("{name}.csv"), csv(section).into_bytes());
        }
    }
    Ok(files)
}

fn csv(section: &Section) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
        format!("{}\r\n", cells.join(","))
    };
    let mut text = line(&section.columns);
    for row in &section.rows {
        text += &line(row);
    }
    text
}

#[derive(Template)]
#[template(path = "handoff.html")]
struct Page<'d> {
    document: &'d Document,
    sections: Vec<Shown<'d>>,
}

struct Shown<'d> {
    section: &'d Section,
    rows: Vec<Vec<String>>,
    /// SVG of its own making, every name in it escaped; empty where there is none.
    drawing: String,
}

impl Shown<'_> {
    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

fn tone(question: &&Question) -> &'static str {
    match question.answer {
        Said::Yes => "yes",
        Said::No => "no",
        Said::NotKnown | Said::Attested => "open",
    }
}

fn html(document: &Document) -> anyhow::Result<String> {
    let sections = document
        .sections
        .iter()
        .map(|section| Shown {
            section,
            drawing: if section.id == "trust" {
                super::drawing::trusts(section).unwrap_or_default()
            } else {
                String::new()
            },
            rows: section
                .rows
                .iter()
                .map(|row| {
                    row.iter()
                        .map(|text| cut(&terminal(text), LONGEST))
                        .collect()
                })
                .collect(),
        })
        .collect();
    let page = Page { document, sections }.render()?;
    Ok(page
        .lines()
        .map(|line| format!("{}\n", terminal(line)))
        .collect())
}

fn markdown(document: &Document) -> String {
    let mut text = String::new();
    let accepted = if document.accepted {
        "Every question is answered; it may be accepted."
    } else {
        "It is not ready to be accepted: see the questions below."
    };
    let _ = writeln!(
        text,
        "# Hand-over\n\nRun {}, judged {}, Outcrop {}. {accepted}\n\n`outcrop explain RUN RESOURCE` shows the whole argument behind a row.\n\n## Acceptance\n\n| Question | Answer | Why |\n| --- | --- | --- |",
        escaped(&document.run),
        escaped(&document.judged_at),
        escaped(&document.version)
    );
    for one in &document.questions {
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            one.question,
            one.answer.words(),
            escaped(&one.because)
        );
    }
    let _ = writeln!(
        text,
        "\nHanded over by: ____________________  Taken over by: ____________________  Date: __________"
    );
    for section in &document.sections {
        let _ = writeln!(
            text,
            "\n## {}\n\n{}\n",
            section.title,
            escaped(&section.says)
        );
        for line in &section.not_read {
            let _ = writeln!(text, "- Not read: {}", escaped(line));
        }
        if section.rows.is_empty() {
            let _ = writeln!(text, "{}", nothing(section));
            continue;
        }
        let _ = writeln!(
            text,
            "\n| {} |\n|{}",
            section.columns.join(" | "),
            " --- |".repeat(section.columns.len())
        );
        for row in &section.rows {
            let cells: Vec<String> = row
                .iter()
                .map(|text| escaped(&cut(text, LONGEST)))
                .collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    text
}

/// What an empty section says.
fn nothing(section: &Section) -> &'static str {
    if section.not_read.is_empty() {
        "Nothing of this kind is in the run."
    } else {
        "Nothing was found in what was read; what was not read stands above."
    }
}
