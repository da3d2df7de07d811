//! The headline: one question, answered with yes, no or not at all, and what the answer rests on.

use super::promise::{PromiseState, promises};
use super::{AttestationStatus, Finding, Outcome, Severity, Source, Verdict, counted};
use serde::Serialize;

/// The answer to the question of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Everything that the question needs was judged, and nothing critical fails.
    Yes,
    /// Something critical fails.
    No,
    /// Something that the question needs was not judged.
    NotAnswered,
}

impl Answer {
    /// The words in reports.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Yes => "Yes",
            Self::No => "No",
            Self::NotAnswered => "Not answered",
        }
    }
}

/// What stands first in every report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Headline {
    /// The question.
    pub question: &'static str,
    /// The answer.
    pub answer: Answer,
    /// Why: what fails, or what keeps the question open; whole sentences.
    pub because: Vec<String>,
    /// What the answer rests on: scope, rules, configuration, waivers; whole sentences.
    pub scope: Vec<String>,
    /// Promises of the first stage that this release does not judge.
    pub not_judged: Vec<String>,
}

/// The stage by which an estate goes to production.
const PRODUCTION: u32 = 30;
/// Names in one list.
const MOST: usize = 8;

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MOST).cloned().collect::<Vec<_>>();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The first titles, between semicolons.
fn titled(titles: &[String]) -> String {
    let shown: Vec<&str> = titles.iter().take(5).map(String::as_str).collect();
    match titles.len().saturating_sub(5) {
        0 => shown.join("; "),
        more => format!(
            "{}; and {}",
            shown.join("; "),
            counted(more, "other kind", "other kinds")
        ),
    }
}

/// The headline of an outcome.
#[must_use]
pub fn headline(outcome: &Outcome) -> Headline {
    let file = outcome.run.source.is_file();
    // What is laid over a run is a merge, too.
    let merge = file || outcome.overlaid;
    let critical = |verdict: Verdict| {
        outcome.results.iter().filter(move |result| {
            result.severity <= outcome.gate
                && result.verdict == verdict
                && result.waiver.is_none()
                && !(merge && is_old(result))
        })
    };
    let failed = critical(Verdict::Fail).count();
    let mut titles: Vec<String> = critical(Verdict::Fail)
        .map(|result| result.title.clone())
        .collect();
    titles.dedup();
    let promises = promises(outcome);
    let first = |state: PromiseState| {
        promises
            .iter()
            .filter(move |one| one.stage <= PRODUCTION && one.state == state)
    };
    let not_judged: Vec<String> = first(PromiseState::NotJudged)
        .map(|one| one.promise.clone())
        .collect();
    let nobody_said = first(PromiseState::NobodySaid).count();
    let open = open(outcome, (file, merge), not_judged.len(), nobody_said);
    let (answer, because) = if failed > 0 {
        let mut because = vec![format!(
            "{}: {}.",
            gating(outcome, failed, ("fails", "fail")),
            titled(&titles)
        )];
        because.extend(open);
        (Answer::No, because)
    } else if open.is_empty() {
        (Answer::Yes, yes(outcome, file))
    } else {
        let mut because = vec![format!(
            "{} fails in what was judged, but not everything was judged.",
            nothing(outcome)
        )];
        because.extend(open);
        (Answer::NotAnswered, because)
    };
    let (answer, because) = gated(outcome, answer, because);
    Headline {
        question: if merge {
            "May this be merged?"
        } else {
            "May this go to production?"
        },
        answer,
        because,
        scope: scope(outcome, file),
        not_judged,
    }
}

/// Was it there before the change, so that it does not gate?
fn is_old(result: &Finding) -> bool {
    matches!(result.origin.as_deref(), Some("existing" | "fixed"))
}

/// `2 critical results fail`, or `2 results of high or higher severity fail`.
fn gating(outcome: &Outcome, count: usize, (one, many): (&str, &str)) -> String {
    let (what, verb) = if count == 1 {
        ("result", one)
    } else {
        ("results", many)
    };
    if outcome.gate == Severity::Critical {
        format!("{count} critical {what} {verb}")
    } else {
        format!(
            "{count} {what} of {} or higher severity {verb}",
            outcome.gate.as_str()
        )
    }
}

/// What does not fail: `Nothing critical`.
fn nothing(outcome: &Outcome) -> String {
    if outcome.gate == Severity::Critical {
        "Nothing critical".to_owned()
    } else {
        format!("Nothing of {} or higher severity", outcome.gate.as_str())
    }
}

/// No yes stands above a gate that failed, whatever it was asked.
fn gated(outcome: &Outcome, answer: Answer, mut because: Vec<String>) -> (Answer, Vec<String>) {
    let Some((code, words)) = &outcome.gated else {
        return (answer, because);
    };
    let other = match (code, answer) {
        (3, Answer::Yes | Answer::NotAnswered) => Answer::No,
        (4, Answer::Yes) => Answer::NotAnswered,
        _ => return (answer, because),
    };
    because.insert(0, words.clone());
    (other, because)
}

/// Why the answer is yes.
fn yes(outcome: &Outcome, file: bool) -> Vec<String> {
    let critical = |test: &dyn Fn(&super::Finding) -> bool| {
        outcome
            .results
            .iter()
            .filter(|result| result.severity <= outcome.gate && test(result))
            .count()
    };
    let mut because = vec![if file {
        format!("{} fails in what the file declares.", nothing(outcome))
    } else if outcome.overlaid {
        format!("{} fails that the change brings.", nothing(outcome))
    } else if outcome.gate == Severity::Critical {
        "Nothing critical fails, and everything critical could be judged.".to_owned()
    } else {
        format!("{} fails or is unknown.", nothing(outcome))
    }];
    let waived = critical(&|result| result.waiver.is_some());
    if waived > 0 {
        because = vec![format!(
            "{} fails or is unknown but for what is waived: {}.",
            nothing(outcome),
            counted(waived, "result", "results")
        )];
    }
    let old = critical(&|result| {
        (file || outcome.overlaid)
            && is_old(result)
            && result.verdict == Verdict::Fail
            && result.waiver.is_none()
    });
    if old > 0 {
        because.push(format!(
            "{} there before the change, and {} not gate.",
            counted(old, "failure was", "failures were"),
            if old == 1 { "does" } else { "do" }
        ));
    }
    let outside =
        critical(&|result| result.waiver.is_none() && result.lacks_only_what_no_file_declares());
    if outside > 0 {
        because.push(format!(
            "{} a recorded run (--onto RUN).",
            gating(outcome, outside, ("needs", "need"))
        ));
    }
    because
}

/// What keeps the question open.
fn open(
    outcome: &Outcome,
    (file, merge): (bool, bool),
    not_judged: usize,
    nobody_said: usize,
) -> Vec<String> {
    let run = &outcome.run;
    let mut open = Vec::new();
    if !run.complete {
        open.push("The run was interrupted; what it does not hold was not looked at.".to_owned());
    }
    open.extend(run.not_held.iter().cloned());
    if run.accounts.is_empty() {
        open.push("The run holds no account.".to_owned());
    } else if !outcome.results.iter().any(|result| {
        matches!(
            result.verdict,
            Verdict::Pass | Verdict::Fail | Verdict::Unknown
        )
    }) {
        open.push("Nothing that a rule judges was found.".to_owned());
    }
    // Nested stacks that are not on disk, macros and the like: what they hold was not read.
    let mut hidden: Vec<String> = Vec::new();
    for line in &outcome.coverage {
        if file && line.status == "partial" && !hidden.contains(&line.detail) {
            hidden.push(line.detail.clone());
        }
    }
    if !hidden.is_empty() {
        open.push(format!(
            "Not everything is in the file: {}.",
            listed(&hidden)
        ));
    }
    let rules = |count| match outcome.gate {
        Severity::Critical => counted(count, "critical rule", "critical rules"),
        gate => format!(
            "{} of {} or higher severity",
            counted(count, "rule", "rules"),
            gate.as_str()
        ),
    };
    let left: Vec<String> = run
        .not_run
        .iter()
        .filter(|(_, one)| one.chosen && one.severity <= outcome.gate)
        .map(|(id, one)| format!("{id} ({})", one.why))
        .collect();
    if !left.is_empty() {
        open.push(format!(
            "{} did not run: {}.",
            rules(left.len()),
            listed(&left)
        ));
    }
    let lowered: Vec<String> = run
        .severities
        .iter()
        .filter(|(_, [from, to])| *from <= outcome.gate && *to > outcome.gate)
        .map(|(id, [_, to])| format!("{id} (now {})", to.as_str()))
        .collect();
    if !lowered.is_empty() {
        open.push(format!(
            "The configuration lowers the severity of {}: {}.",
            rules(lowered.len()),
            listed(&lowered)
        ));
    }
    let unknown = outcome
        .results
        .iter()
        .filter(|result| {
            result.severity <= outcome.gate
                && result.verdict == Verdict::Unknown
                && result.waiver.is_none()
                // What a file does not declare is judged where it is declared.
                && !(file && result.lacks_only_what_no_file_declares())
                && !(merge && is_old(result))
        })
        .count();
    if unknown > 0 {
        open.push(format!(
            "{} not be determined.",
            gating(outcome, unknown, ("could", "could"))
        ));
    }
    if !merge && not_judged > 0 {
        open.push(format!(
            "This release does not judge {} of day {PRODUCTION}.",
            counted(not_judged, "promise", "promises")
        ));
    }
    if !merge && nobody_said > 0 {
        open.push(format!(
            "{} an attestation, and the configuration holds none that is valid.",
            counted(
                nobody_said,
                &format!("promise of day {PRODUCTION} needs"),
                &format!("promises of day {PRODUCTION} need")
            )
        ));
    }
    open
}

/// What the answer rests on.
fn scope(outcome: &Outcome, file: bool) -> Vec<String> {
    let run = &outcome.run;
    let mut lines = vec![format!(
        "{}, {}; {} of {} ran.",
        counted(run.accounts.len(), "account", "accounts"),
        counted(run.regions.len(), "Region", "Regions"),
        outcome.rules_run(),
        counted(outcome.rules_run() + run.not_run.len(), "rule", "rules")
    )];
    if run.source == Source::Live {
        let left_out = run.left_out();
        let scanned = run
            .accounts
            .iter()
            .filter(|account| run.role_chains.contains_key(&account.id))
            .count();
        lines.push(format!(
            "{} listed: {scanned} scanned, {} not scanned, {left_out} left out.",
            counted(run.accounts.len() + left_out, "account", "accounts"),
            run.accounts.len() - scanned,
        ));
    }
    if file && !outcome.not_in_file.is_empty() {
        lines.push(format!(
            "{} also what the file does not declare; evaluate it against a recorded run with --onto.",
            counted(outcome.not_in_file.len(), "rule judges", "rules judge")
        ));
    }
    let chosen: Vec<String> = run
        .not_run
        .iter()
        .filter(|(_, one)| one.chosen)
        .map(|(id, one)| format!("{id} ({})", one.why))
        .collect();
    if !chosen.is_empty() {
        lines.push(format!("Not run: {}.", listed(&chosen)));
    }
    let changed: Vec<String> = run
        .severities
        .iter()
        .map(|(id, [from, to])| format!("{id} from {} to {}", from.as_str(), to.as_str()))
        .collect();
    if !changed.is_empty() {
        lines.push(format!("Severities changed: {}.", listed(&changed)));
    }
    if let Some(configuration) = &run.configuration {
        lines.push(format!(
            "Configuration: {} (SHA-256 {}).",
            configuration.file, configuration.sha256
        ));
    }
    if outcome.summary.waived > 0 {
        lines.push(format!(
            "{} waived.",
            match outcome.summary.waived {
                1 => "1 result is".to_owned(),
                many => format!("{many} results are"),
            }
        ));
    }
    if !run.changed_parameters.is_empty() {
        lines.push(format!(
            "Parameters changed, which may exempt what the rules would judge: {}.",
            listed(&run.changed_parameters)
        ));
    }
    let asked: Vec<_> = outcome
        .attestations
        .iter()
        .filter(|one| one.stage.is_some())
        .collect();
    let missing = asked
        .iter()
        .filter(|one| one.status != AttestationStatus::Holds)
        .count();
    if missing > 0 && !file {
        lines.push(format!(
            "{missing} of {} attestations are missing or out of date.",
            asked.len()
        ));
    }
    lines
}
