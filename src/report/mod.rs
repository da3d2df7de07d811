//! Formats, one file each: `render(&Outcome, &mut dyn Write)`. None filters; none decides the exit code.

mod answers;
pub mod asff;
pub mod causes;
pub mod csv;
pub mod diagram;
mod first;
pub mod github;
pub mod gitlab;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod ocsf;
pub mod oscal;
pub mod safe;
pub mod sarif;
pub mod table;
pub mod xlsx;

use crate::model::{Finding, Outcome, Verdict};
use std::io::{self, Write};

/// What a reader may ask of a format beyond the outcome.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The terminal of `table`.
    pub layout: table::Layout,
    /// The class of `ocsf`.
    pub ocsf: ocsf::Class,
}

/// A format: what it is called, how its files end, how it is written.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// As `--format` names it.
    pub name: &'static str,
    /// Of a file that holds it, without the first dot.
    pub ending: &'static str,
    /// Writes an outcome; fails when the writer does.
    pub render: fn(&Outcome, Options, &mut dyn Write) -> io::Result<()>,
}

/// All formats, in the order in which they are named to users.
pub const FORMATS: [Format; 15] = [
    Format {
        name: "table",
        ending: "txt",
        render: |outcome, options, out| table::render(outcome, options.layout, out),
    },
    Format {
        name: "json",
        ending: "json",
        render: |outcome, _, out| json::render(outcome, out),
    },
    Format {
        name: "csv",
        ending: "csv",
        render: |outcome, _, out| csv::render(outcome, out),
    },
    Format {
        name: "markdown",
        ending: "md",
        render: |outcome, _, out| markdown::render(outcome, out),
    },
    Format {
        name: "html",
        ending: "html",
        render: |outcome, _, out| html::render(outcome, out),
    },
    Format {
        name: "xlsx",
        ending: "xlsx",
        render: |outcome, _, out| xlsx::render(outcome, out),
    },
    Format {
        name: "sarif",
        ending: "sarif",
        render: |outcome, _, out| sarif::render(outcome, out),
    },
    Format {
        name: "junit",
        ending: "junit.xml",
        render: |outcome, _, out| junit::render(outcome, out),
    },
    Format {
        name: "github",
        ending: "github.txt",
        render: |outcome, _, out| github::render(outcome, out),
    },
    Format {
        name: "gitlab",
        ending: "gitlab.json",
        render: |outcome, _, out| gitlab::render(outcome, out),
    },
    Format {
        name: "ocsf",
        ending: "ocsf.jsonl",
        render: |outcome, options, out| ocsf::render(outcome, options.ocsf, out),
    },
    Format {
        name: "asff",
        ending: "asff.jsonl",
        render: |outcome, _, out| asff::render(outcome, out),
    },
    Format {
        name: "oscal",
        ending: "oscal.json",
        render: |outcome, _, out| oscal::render(outcome, out),
    },
    Format {
        name: "mermaid",
        ending: "mmd",
        render: |outcome, _, out| diagram::text::mermaid(outcome, out),
    },
    Format {
        name: "dot",
        ending: "dot",
        render: |outcome, _, out| diagram::text::dot(outcome, out),
    },
];

/// The format of a name.
#[must_use]
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS
        .iter()
        .find(|format| format.name.eq_ignore_ascii_case(name))
}

/// What an unknown lacks, in one line: reason, call, detail.
pub(crate) fn missing(result: &Finding) -> String {
    let mut lines: Vec<String> = Vec::new();
    for gap in &result.missing {
        let line = match (gap.operation.as_str(), gap.detail.as_str()) {
            ("", detail) => detail.to_owned(),
            (operation, "") => format!("needs {operation}"),
            (operation, detail) => format!("needs {operation}: {detail}"),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(4);
    lines.truncate(4);
    if more > 0 {
        lines.push(format!("{more} more"));
    }
    lines.join("; ")
}

/// Is all that it lacks outside the file that was judged? Of a file laid over a run nothing is: what lacks there is a fact like any other.
pub(crate) fn outside_file(outcome: &Outcome, result: &Finding) -> bool {
    outcome.run.source.is_file() && result.lacks_only_what_no_file_declares()
}

/// File and line for formats that need one: the declaration, or a stand-in path that names the resource.
pub(crate) fn place(result: &Finding) -> (String, u64) {
    result.location.as_ref().map_or_else(
        || {
            let safe = |text: &str| -> String {
                text.chars()
                    .map(|c| {
                        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                            c
                        } else {
                            '_'
                        }
                    })
                    .collect()
            };
            (
                format!(
                    "aws/{}/{}/{}",
                    safe(&result.account_id),
                    safe(&result.region),
                    safe(&result.resource)
                ),
                1,
            )
        },
        |location| (location.file.clone(), location.line.max(1)),
    )
}

/// The resource, with the part that tells two results in it apart.
pub(crate) fn named(result: &Finding) -> String {
    if result.part.is_empty() {
        result.resource.clone()
    } else {
        format!("{} [{}]", result.resource, result.part)
    }
}

/// The results that a person has to look at: failures, then unknowns; each worst first.
pub(crate) fn problems(outcome: &Outcome) -> impl Iterator<Item = &Finding> {
    let of = |verdict| {
        outcome
            .results
            .iter()
            .filter(move |result| result.verdict == verdict)
    };
    of(Verdict::Fail).chain(of(Verdict::Unknown))
}
