//! `--format html`: one file that a person reads, on a screen, on paper, without scripts.

use super::answers::{Answer, answers};
use super::controls::{Control, matrix};
use super::diagram::Diagram;
use super::{missing, named};
use crate::model::{
    AttestationReport, Change, CoverageLine, Finding, GLOBAL, Headline, Outcome, Point, Promise,
    RunInfo, Severity, Verdict, WaiverStatus, changes, headline, promises, stages,
};
use crate::report::safe::{cut, terminal};
use askama::Template;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// Changes that are not folded away.
const CHANGES: usize = 10;
/// Characters of one text.
const LONGEST: usize = 4000;
/// Characters of the proof of one result.
const PROOF: usize = 6000;

/// A day of the rollout, with its promises.
struct Day {
    day: u32,
    sentence: String,
    promises: Vec<Promise>,
}

struct Shown {
    class: &'static str,
    word: &'static str,
    resource: String,
    place: String,
    message: String,
    missing: String,
    waiver: String,
    proof: String,
}

struct RuleView {
    id: String,
    title: String,
    why: String,
    fix: Vec<(&'static str, String)>,
    fail: usize,
    unknown: usize,
    pass: usize,
    none: usize,
    opened: bool,
    shown: Vec<Shown>,
    others: Vec<Shown>,
}

struct Section {
    id: &'static str,
    title: String,
    open: usize,
    rules: Vec<RuleView>,
}

/// A run among those before it, as a column of the chart.
struct Column {
    /// From the left, in user units of the chart.
    x: usize,
    /// From the top.
    y: usize,
    /// How high it is.
    height: usize,
    point: Point,
}

/// The chart of open failures, run by run: 640 units wide, 120 high, of at most 40 runs.
fn chart(outcome: &Outcome) -> Vec<Column> {
    const MOST: usize = 40;
    const HIGH: usize = 100;
    let Some(history) = &outcome.history else {
        return Vec::new();
    };
    let runs = history
        .runs
        .get(history.runs.len().saturating_sub(MOST)..)
        .unwrap_or_default();
    let top = runs.iter().map(|run| run.counts.open).max().unwrap_or(0);
    runs.iter()
        .enumerate()
        .map(|(place, run)| {
            let height = (run.counts.open * HIGH).div_ceil(top.max(1));
            Column {
                x: place * 16,
                y: HIGH + 10 - height,
                height,
                point: run.clone(),
            }
        })
        .collect()
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'o> {
    run: &'o RunInfo,
    head: Headline,
    tone: &'static str,
    /// What to change: the first, and what is folded away.
    changes: Vec<(bool, Vec<Change>)>,
    cards: Vec<(String, &'static str, u64)>,
    answers: Vec<Answer>,
    diagram: Diagram,
    sections: Vec<Section>,
    unseen: Vec<&'o CoverageLine>,
    coverage: &'o [CoverageLine],
    waivers: Vec<(String, String, &'static str, String)>,
    attestations: &'o [AttestationReport],
    stages: Vec<Day>,
    /// Rules that have a part of their own in the page.
    linked: BTreeSet<&'o str>,
    frameworks: Vec<(String, Vec<Control>)>,
    /// Open failures, run by run, where earlier runs were given.
    chart: Vec<Column>,
    facts: Vec<(&'static str, String)>,
}

fn shown(result: &Finding, proof: bool) -> Shown {
    let (class, word) = match result.verdict {
        Verdict::Fail => ("fail", "fail"),
        Verdict::Unknown => ("unknown", "unknown"),
        Verdict::Pass => ("pass", "pass"),
        Verdict::NotApplicable => ("none", "not applicable"),
    };
    let scope = if result.region == GLOBAL {
        result.account_id.clone()
    } else {
        format!("{} {}", result.account_id, result.region)
    };
    let origin = result
        .origin
        .as_ref()
        .map_or_else(String::new, |origin| format!(" · {origin}"));
    let place = result.location.as_ref().map_or_else(
        || scope.clone(),
        |place| format!("{}:{} · {scope}", place.file, place.line),
    );
    let waiver = result.waiver.as_ref().map_or_else(String::new, |waiver| {
        format!(
            "until {} by {}: {}",
            waiver.expires, waiver.owner, waiver.reason
        )
    });
    let evidence = if proof && !result.evidence.is_empty() {
        serde_json::to_string_pretty(&result.evidence).unwrap_or_default()
    } else {
        String::new()
    };
    Shown {
        class,
        word,
        resource: cut(&named(result), 400),
        place: cut(&format!("{place}{origin}"), 300),
        message: if proof {
            cut(&result.message, LONGEST)
        } else {
            String::new()
        },
        missing: if result.verdict == Verdict::Unknown {
            cut(&missing(result), LONGEST)
        } else {
            String::new()
        },
        waiver: cut(&waiver, 600),
        proof: evidence
            .lines()
            .map(terminal)
            .collect::<Vec<_>>()
            .join("\n")
            .chars()
            .take(PROOF)
            .collect(),
    }
}

fn sections(outcome: &Outcome) -> Vec<Section> {
    let mut all = Vec::new();
    for (severity, id) in Severity::ALL
        .into_iter()
        .zip(["critical", "high", "medium", "low", "info"])
    {
        let mut by_rule: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for result in outcome
            .results
            .iter()
            .filter(|result| result.severity == severity)
        {
            by_rule.entry(&result.rule).or_default().push(result);
        }
        if by_rule.is_empty() {
            continue;
        }
        let mut rules: Vec<RuleView> = by_rule
            .into_iter()
            .map(|(rule, results)| {
                let count = |verdict| {
                    results
                        .iter()
                        .filter(|result| result.verdict == verdict)
                        .count()
                };
                let text = outcome.rules.get(rule);
                let of = |verdict: Verdict, proof| {
                    results
                        .iter()
                        .filter(move |result| result.verdict == verdict)
                        .map(move |result| shown(result, proof))
                };
                RuleView {
                    id: rule.to_owned(),
                    title: results
                        .first()
                        .map_or(rule, |result| &result.title)
                        .to_owned(),
                    why: text.map_or_else(String::new, |text| text.why.clone()),
                    fix: text.map_or_else(Vec::new, |text| text.fix.clone()),
                    fail: count(Verdict::Fail),
                    unknown: count(Verdict::Unknown),
                    pass: count(Verdict::Pass),
                    none: count(Verdict::NotApplicable),
                    opened: severity == Severity::Critical
                        && count(Verdict::Fail) > 0
                        && results.len() < 500,
                    shown: of(Verdict::Fail, true)
                        .chain(of(Verdict::Unknown, true))
                        .collect(),
                    others: of(Verdict::Pass, false)
                        .chain(of(Verdict::NotApplicable, false))
                        .collect(),
                }
            })
            .collect();
        rules.sort_by_key(|rule| (rule.fail == 0, rule.unknown == 0));
        let open = rules.iter().map(|rule| rule.fail + rule.unknown).sum();
        let title = severity.as_str();
        let title = title[..1].to_uppercase() + &title[1..];
        all.push(Section {
            id,
            title,
            open,
            rules,
        });
    }
    all
}

/// Writes the page.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let run = &outcome.run;
    let head = headline(outcome);
    let tone = match head.answer {
        crate::model::Answer::Yes => "yes",
        crate::model::Answer::No => "no",
        crate::model::Answer::NotAnswered => "open",
    };
    let mut first = changes(outcome);
    let more = first.split_off(first.len().min(CHANGES));
    let first = [(false, first), (true, more)]
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .collect();
    let promises = promises(outcome);
    let days = stages(&promises)
        .into_iter()
        .map(|stage| Day {
            day: stage.day,
            sentence: stage.sentence(),
            promises: promises
                .iter()
                .filter(|one| one.stage == stage.day)
                .cloned()
                .collect(),
        })
        .collect();
    let mut cards = Vec::new();
    for severity in ["critical", "high", "medium", "low"] {
        cards.push((
            format!("{severity} failed"),
            "fail",
            outcome
                .summary
                .fail
                .get(severity)
                .copied()
                .unwrap_or_default(),
        ));
    }
    cards.push((
        "unknown".to_owned(),
        "unknown",
        outcome.summary.unknown.values().sum(),
    ));
    cards.push(("passed".to_owned(), "pass", outcome.summary.pass));
    cards.push(("waived".to_owned(), "none", outcome.summary.waived));
    let accounts = run
        .accounts
        .iter()
        .map(|account| format!("{} {}", account.id, account.name).trim().to_owned())
        .collect::<Vec<_>>()
        .join(", ");
    let facts = [
        ("Run", run.id.clone()),
        ("Started", run.started_at.clone()),
        ("Finished", run.finished_at.clone()),
        ("Source", run.source.as_str().to_owned()),
        ("Who asked", run.caller_arn.clone()),
        ("Accounts", accounts),
        ("Regions", run.regions.join(", ")),
        (
            "Rules",
            format!("{} rules, digest {}", outcome.rules_run(), run.rules_digest),
        ),
        ("Switched off", outcome.disabled.join(", ")),
        ("Notes", run.notes.join("; ")),
        ("Command", run.command.clone()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name, cut(&value, LONGEST)))
    .collect();
    let diagram = Diagram::of(outcome);
    let page = Page {
        run,
        head,
        tone,
        changes: first,
        cards,
        answers: answers(outcome, &diagram),
        diagram,
        sections: sections(outcome),
        unseen: outcome
            .coverage
            .iter()
            .filter(|line| {
                !matches!(
                    line.status.as_str(),
                    "complete" | "unsupported" | "not-collected"
                )
            })
            .collect(),
        coverage: &outcome.coverage,
        waivers: outcome
            .waivers
            .iter()
            .map(|waiver| {
                let status = match waiver.status {
                    WaiverStatus::Used => "used",
                    WaiverStatus::Expired => "expired",
                    WaiverStatus::Malformed => "malformed",
                    WaiverStatus::Unmatched => "unmatched",
                };
                (
                    cut(waiver.of(), 100),
                    cut(&waiver.resource, 300),
                    status,
                    cut(&waiver.detail, 400),
                )
            })
            .collect(),
        attestations: &outcome.attestations,
        stages: days,
        linked: outcome
            .results
            .iter()
            .map(|result| result.rule.as_str())
            .collect(),
        frameworks: matrix(outcome),
        chart: chart(outcome),
        facts,
    };
    let text = page.render().map_err(io::Error::other)?;
    // Last of all, whatever a stranger's text still holds that would move what a reader sees.
    for line in text.split_inclusive('\n') {
        out.write_all(terminal(line.trim_end_matches('\n')).as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
