//! Formats, one file each: `render(&Outcome, &mut dyn Write)`. None filters; none decides the exit code.

mod answers;
pub mod asff;
pub mod causes;
pub mod controls;
pub mod csv;
pub mod diagram;
mod first;
pub mod folder;
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
pub mod stages;
pub mod table;
pub mod xlsx;

use crate::model::{Finding, Gap, Life, Outcome, Severity, State, Verdict};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
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
pub const FORMATS: [Format; 17] = [
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
        render: |outcome, _, out| csv::render(&told(outcome), out),
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
        render: |outcome, _, out| xlsx::render(&told(outcome), out),
    },
    Format {
        name: "sarif",
        ending: "sarif",
        render: |outcome, _, out| sarif::render(&told(outcome), out),
    },
    Format {
        name: "junit",
        ending: "junit.xml",
        render: |outcome, _, out| junit::render(&told(outcome), out),
    },
    Format {
        name: "github",
        ending: "github.txt",
        render: |outcome, _, out| github::render(&told(outcome), out),
    },
    Format {
        name: "gitlab",
        ending: "gitlab.json",
        render: |outcome, _, out| gitlab::render(&told(outcome), out),
    },
    Format {
        name: "ocsf",
        ending: "ocsf.jsonl",
        render: |outcome, options, out| ocsf::render(&lived(outcome), options.ocsf, out),
    },
    Format {
        name: "asff",
        ending: "asff.jsonl",
        render: |outcome, _, out| asff::render(&lived(outcome), out),
    },
    Format {
        name: "oscal",
        ending: "oscal.json",
        render: |outcome, _, out| oscal::render(outcome, out),
    },
    Format {
        name: "stages",
        ending: "stages.csv",
        render: |outcome, _, out| stages::render(outcome, out),
    },
    Format {
        name: "controls",
        ending: "controls.csv",
        render: |outcome, _, out| controls::render(outcome, out),
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

/// An outcome for formats that list results and say nothing of the run: an interruption is a result of its own there.
fn told(outcome: &Outcome) -> Cow<'_, Outcome> {
    if outcome.run.complete {
        return Cow::Borrowed(outcome);
    }
    let account = outcome.run.first_account().to_owned();
    let resource = crate::model::account_arn(&outcome.run.partition, &account);
    let message = "The run was interrupted: what it does not hold was not looked at.".to_owned();
    let interruption = Finding {
        rule: "run-interrupted".to_owned(),
        title: "The run was interrupted".to_owned(),
        severity: Severity::Critical,
        pillar: "accounts".to_owned(),
        stage: 30,
        verdict: Verdict::Unknown,
        subject: resource.clone(),
        resource,
        closer: None,
        resource_type: "AWS::::Account".to_owned(),
        account_id: account,
        region: crate::model::GLOBAL.to_owned(),
        missing: vec![Gap::not_understood("run", message.as_str())],
        message,
        evidence: BTreeMap::new(),
        part: String::new(),
        fingerprint: format!("interrupted-{}", outcome.run.id),
        waiver: None,
        location: None,
        origin: None,
        tags: BTreeMap::new(),
        environment: String::new(),
        controls: BTreeMap::new(),
    };
    let mut told = outcome.clone();
    told.results.insert(0, interruption);
    Cow::Owned(told)
}

/// Whether all was looked at, for tables that say nothing else of the run.
fn run_state(outcome: &Outcome) -> &'static str {
    if outcome.run.complete {
        "complete"
    } else {
        "interrupted"
    }
}

/// The life of a failure, where earlier runs were given.
fn life<'o>(outcome: &'o Outcome, result: &Finding) -> Option<&'o Life> {
    outcome.history.as_ref()?.lives.get(&result.fingerprint)
}

/// An outcome for systems that keep findings from run to run: failures of before that have no result any more are told too, because
/// what was lost sight of is not fixed, and what was fixed there has to be closed here.
pub(crate) fn lived(outcome: &Outcome) -> Cow<'_, Outcome> {
    let mut told = told(outcome);
    let Some(history) = &outcome.history else {
        return told;
    };
    let here: BTreeSet<&str> = outcome
        .results
        .iter()
        .map(|result| result.fingerprint.as_str())
        .collect();
    let now = outcome.run.judged_at();
    let gone: Vec<Finding> = history
        .lives
        .values()
        .filter(|life| !here.contains(life.fingerprint.as_str()))
        .filter(|life| match life.state {
            State::Fixed => life.fixed_on.as_deref() == Some(now),
            _ => true,
        })
        .map(|life| gone(outcome, life))
        .collect();
    if !gone.is_empty() {
        told.to_mut().results.extend(gone);
    }
    told
}

/// A failure of an earlier run that has no result in this one.
fn gone(outcome: &Outcome, life: &Life) -> Finding {
    let fixed = life.state == State::Fixed;
    let message = if fixed {
        format!(
            "It failed until {}; it is not there any more.",
            life.last_seen
        )
    } else {
        format!(
            "It failed on {}; this run did not look at it, so it counts as open.",
            life.last_seen
        )
    };
    let text = outcome.rules.get(&life.rule);
    Finding {
        rule: life.rule.clone(),
        title: text.map_or_else(|| life.rule.clone(), |text| text.title.clone()),
        severity: life.severity,
        pillar: text.map_or_else(String::new, |text| text.pillar.clone()),
        stage: 30,
        verdict: if fixed {
            Verdict::NotApplicable
        } else {
            Verdict::Unknown
        },
        subject: life.resource.clone(),
        resource: life.resource.clone(),
        closer: None,
        resource_type: "Other".to_owned(),
        account_id: life.account_id.clone(),
        region: life.region.clone(),
        missing: if fixed {
            Vec::new()
        } else {
            vec![Gap::not_understood("run", message.as_str())]
        },
        message,
        evidence: BTreeMap::new(),
        part: life.part.clone(),
        fingerprint: life.fingerprint.clone(),
        waiver: None,
        location: None,
        origin: None,
        tags: BTreeMap::new(),
        environment: String::new(),
        controls: BTreeMap::new(),
    }
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
