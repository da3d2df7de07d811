//! The questions that people ask first, answered from the run alone.

use super::diagram::Diagram;
use super::safe::cut;
use crate::model::{Outcome, PromptStore, Verdict, counted};
use std::collections::{BTreeMap, BTreeSet};

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The question.
    pub question: &'static str,
    /// `yes`, `no` or `open`, for the colour.
    pub tone: &'static str,
    /// In one sentence.
    pub short: String,
    /// What it rests on.
    pub lines: Vec<String>,
}

/// Names that are listed one by one.
const MOST: usize = 25;

fn named(all: &[String]) -> String {
    let first: Vec<String> = all.iter().take(MOST).map(|name| cut(name, 200)).collect();
    let more = all.len().saturating_sub(MOST);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", first.join(", "))
}

fn is_private(outcome: &Outcome, diagram: &Diagram) -> Answer {
    let of = |verdict: &str| diagram.ways.get(verdict).copied().unwrap_or_default();
    // No endpoint of the customer's can be on the way of calls that the service makes itself.
    let own = of("service-side");
    let all: usize = diagram.ways.values().sum::<usize>() - own;
    let (public, possible, bypass, enforced, broken) = (
        of("public"),
        of("public-possible"),
        of("private-bypassable"),
        of("private-enforced"),
        of("broken"),
    );
    let unknown = all - public - possible - bypass - enforced - broken;
    let judged = outcome.rules.contains_key(super::diagram::RULE);
    let hidden = outcome.results.iter().any(|result| {
        result.rule == super::diagram::RULE
            && result.verdict == Verdict::Unknown
            && result.evidence.is_empty()
    });
    let (tone, short) = if !judged {
        (
            "open",
            "It was not asked: the rule about the path of each call was left out of this run."
                .to_owned(),
        )
    } else if public > 0 {
        (
            "no",
            format!(
                "No: {public} of {} reach Amazon Bedrock by the public endpoint.",
                counted(all, "path", "paths")
            ),
        )
    } else if possible > 0 {
        (
            "open",
            format!(
                "Perhaps not: {possible} of {} may reach Amazon Bedrock by the public endpoint.",
                counted(all, "path", "paths")
            ),
        )
    } else if unknown > 0 || hidden {
        (
            "open",
            "It could not be determined: what would decide was not seen everywhere.".to_owned(),
        )
    } else if all == 0 {
        (
            "open",
            "No caller of Amazon Bedrock was found, so there is nothing to be private.".to_owned(),
        )
    } else if bypass > 0 {
        (
            "open",
            format!(
                "By its path yes, but {bypass} of {} can be bypassed: nothing refuses the same call from elsewhere.",
                counted(all, "path", "paths")
            ),
        )
    } else if enforced > 0 {
        (
            "yes",
            "Yes: every path that gets through is private, and a call from elsewhere is refused."
                .to_owned(),
        )
    } else {
        ("open", "No path gets through.".to_owned())
    };
    let counts = [
        (public, "by the public endpoint"),
        (possible, "possibly by the public endpoint"),
        (unknown, "not known"),
        (bypass, "private, but can be bypassed"),
        (enforced, "private and enforced"),
        (broken, "does not get through"),
    ];
    let mut lines: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{}: {words}", counted(*count, "path", "paths")))
        .collect();
    if own > 0 {
        lines.push(format!(
            "{} that AWS services make from their own network",
            counted(own, "call", "calls")
        ));
    }
    if hidden {
        lines.push("there may be callers that were not seen".to_owned());
    }
    Answer {
        question: "Is inference private?",
        tone,
        short,
        lines,
    }
}

fn store(one: &PromptStore) -> String {
    let kind = match one.kind.as_str() {
        "log-group" => "log group",
        "large-data" => "bucket of large payloads",
        _ => "bucket",
    };
    let place = format!(
        "{kind} {} ({} {})",
        cut(&one.name, 200),
        one.account_id,
        one.region
    );
    let readers = match (one.readers.as_slice(), one.unclear.as_slice()) {
        ([], []) => "no principal of its account, by their own policies".to_owned(),
        (readers, []) => format!(
            "{}: {}",
            counted(readers.len(), "principal", "principals"),
            named(readers)
        ),
        ([], why) => format!("it could not be determined: {}", cut(&why.join("; "), 500)),
        (readers, why) => {
            format!(
                "at least {}: {}; whether more can is not known: {}",
                counted(readers.len(), "principal", "principals"),
                named(readers),
                cut(&why.join("; "), 500)
            )
        }
    };
    format!("{place}: {readers}")
}

fn places(all: &[(String, String)]) -> String {
    named(
        &all.iter()
            .map(|(account, region)| format!("{account} {region}"))
            .collect::<Vec<_>>(),
    )
}

fn who_reads(outcome: &Outcome) -> Answer {
    let estate = &outcome.estate;
    let readers: BTreeSet<&String> = estate.prompts.iter().flat_map(|one| &one.readers).collect();
    let asked = outcome.coverage.iter().any(|line| {
        line.table == "bedrock_model_invocation_logging" && line.status != "not-collected"
    });
    let unclear = !estate.unknown_logging.is_empty() || !asked;
    let short = match (estate.prompts.len(), unclear) {
        (0, _) if outcome.run.is_narrowed() => {
            "It was not asked: only some rules were selected for this run.".to_owned()
        }
        (0, true) => {
            "It could not be determined: whether Amazon Bedrock keeps prompts was not seen."
                .to_owned()
        }
        (0, false) if estate.unlogged.is_empty() => {
            "It could not be determined: no Region's invocation logging is in the run.".to_owned()
        }
        (0, false) => {
            "Amazon Bedrock keeps none: invocation logging is off wherever the run looked."
                .to_owned()
        }
        (count, _) if readers.is_empty() => {
            let places = counted(count, "place", "places");
            format!(
                "It could not be determined: no principal was found that reads the {places} where they are kept, and not all that decides was read."
            )
        }
        (count, _) => format!(
            "At least {} can read {} where invocation logging keeps them.",
            counted(readers.len(), "principal", "principals"),
            counted(count, "place", "places")
        ),
    };
    let mut lines: Vec<String> = estate.prompts.iter().take(MOST).map(store).collect();
    if estate.prompts.len() > MOST {
        lines.push(format!(
            "{} more places: outcrop query RUN \"SELECT * FROM prompt_store\"",
            estate.prompts.len() - MOST
        ));
    }
    if !estate.unlogged.is_empty() {
        lines.push(format!(
            "invocation logging is off in {}",
            places(&estate.unlogged)
        ));
    }
    if !estate.unknown_logging.is_empty() {
        let all: Vec<(String, String)> = estate
            .unknown_logging
            .iter()
            .map(|(account, region, _)| (account.clone(), region.clone()))
            .collect();
        lines.push(format!(
            "not known in {}: {}",
            places(&all),
            cut(&estate.unknown_logging[0].2, 200)
        ));
    }
    if !estate.prompts.is_empty() {
        lines.push(
            "these may by their own policies, boundaries and organisation policies; the policies of buckets and log groups are not in a run, and who can assume or change one of these principals comes to the prompts too: outcrop policy who-can RUN --action logs:FilterLogEvents".to_owned(),
        );
    }
    lines.push("what callers print into log groups of their own is judged by workload-log-group-left-at-defaults".to_owned());
    Answer {
        question: "Who can read the prompts?",
        // That nothing is kept is no good news: nobody can look anything up.
        tone: "open",
        short,
        lines,
    }
}

fn not_looked_at(outcome: &Outcome) -> Answer {
    let mut failed: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut left: BTreeSet<&str> = BTreeSet::new();
    let mut asked = 0;
    for line in &outcome.coverage {
        match line.status.as_str() {
            "not-collected" => drop(left.insert(line.table.as_str())),
            "unsupported" => {}
            "complete" => asked += 1,
            status => {
                asked += 1;
                *failed.entry((&line.operation, status)).or_default() += 1;
            }
        }
    }
    let count: usize = failed.values().sum();
    let regions: BTreeSet<&String> = outcome.run.unscanned_regions.values().flatten().collect();
    let mut lines: Vec<String> = failed
        .iter()
        .take(MOST)
        .map(|((operation, status), count)| {
            format!(
                "{operation}: {status} ({})",
                counted(*count, "time", "times")
            )
        })
        .collect();
    if !regions.is_empty() {
        lines.push(format!(
            "enabled Regions outside the run: {}",
            named(&regions.into_iter().cloned().collect::<Vec<_>>())
        ));
    }
    if !left.is_empty() {
        lines.push(format!(
            "tables that no rule of this run asked for: {}",
            named(
                &left
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect::<Vec<_>>()
            )
        ));
    }
    if !outcome.estate.observed {
        lines.push(
            "CloudTrail was not asked what was called: scan --observe, or check --trail".to_owned(),
        );
    }
    if outcome.run.source.is_file() {
        lines.insert(0, "everything outside the file: what runs in the accounts today; lay it over a recorded run with --onto".to_owned());
    } else {
        lines.push(
            "what this release does not read: AWS Batch, App Runner, Elastic Beanstalk, what runs inside an EKS cluster, policies of log groups"
                .to_owned(),
        );
    }
    lines.push(format!(
        "whatever no rule of this run asks for; it ran {} rules",
        outcome.rules_run()
    ));
    if !outcome.disabled.is_empty() {
        lines.push(format!("rules switched off: {}", named(&outcome.disabled)));
    }
    if !outcome.run.complete {
        lines.insert(0, "the run was interrupted".to_owned());
    }
    let unknown: u64 = outcome.summary.unknown.values().sum();
    let short = match count {
        0 if asked == 0 => "A file was judged; what it does not declare is not known.".to_owned(),
        0 => {
            format!("All {asked} API reads completed. Not covered:")
        }
        count => format!(
            "{count} of {} could not be completed.",
            counted(asked, "API read", "API reads")
        ),
    };
    if unknown > 0 {
        let (verdicts, are) = if unknown == 1 {
            ("verdict", "is")
        } else {
            ("verdicts", "are")
        };
        lines.push(format!(
            "{unknown} {verdicts} {are} unknown{}; each says what it lacks",
            if count == 0 { " all the same" } else { "" }
        ));
    }
    Answer {
        question: "What was not looked at?",
        tone: "open",
        short,
        lines,
    }
}

/// All of them.
pub(super) fn answers(outcome: &Outcome, diagram: &Diagram) -> Vec<Answer> {
    vec![
        is_private(outcome, diagram),
        who_reads(outcome),
        not_looked_at(outcome),
    ]
}
