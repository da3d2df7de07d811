//! The gate: which results fail it, and the exit code that says so.

use crate::model::{Finding, Outcome, Reason, Severity, Verdict};

/// Which results gate where some are known to be existing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Gate {
    /// Those that are new.
    New,
    /// All of them.
    All,
}

/// The severity at which a result gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// `critical`.
    Critical,
    /// `high` and above.
    High,
    /// `medium` and above.
    Medium,
    /// `low` and above.
    Low,
    /// All.
    Info,
    /// Nothing gates.
    None,
}

impl FailOn {
    /// The severity; `None` where nothing gates.
    pub fn severity(self) -> Option<Severity> {
        Some(match self {
            Self::Critical => Severity::Critical,
            Self::High => Severity::High,
            Self::Medium => Severity::Medium,
            Self::Low => Severity::Low,
            Self::Info => Severity::Info,
            Self::None => return None,
        })
    }
}

/// Which unknown results gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum UnknownGate {
    /// All of them.
    Gate,
    /// Those about declared values that are not settled yet; not what a file does not hold.
    Unresolved,
    /// None.
    Ignore,
}

/// What a gate lets through.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// At which severity a result gates.
    pub fail_on: FailOn,
    /// Which unknowns gate; `None` for what fits the source.
    pub unknown: Option<UnknownGate>,
    /// Which results gate where some are known to be existing.
    pub gate: Gate,
}

impl Rules {
    /// Which unknowns gate: what was asked for, else what fits the source.
    pub fn unknown_gate(&self, outcome: &Outcome) -> UnknownGate {
        self.unknown.unwrap_or(if outcome.run.source.is_file() {
            UnknownGate::Unresolved
        } else {
            UnknownGate::Gate
        })
    }

    /// 0 where the gate passes, 3 where something fails, 4 where something is unknown.
    pub fn exit_code(&self, outcome: &Outcome) -> u8 {
        let Some(at) = self.fail_on.severity() else {
            return 0;
        };
        let old = |result: &Finding| matches!(result.origin.as_deref(), Some("existing" | "fixed"));
        let gates = |result: &&Finding| {
            result.severity <= at
                && result.waiver.is_none()
                && (self.gate == Gate::All || !old(result))
        };
        if outcome
            .results
            .iter()
            .filter(gates)
            .any(|result| result.verdict == Verdict::Fail)
        {
            return 3;
        }
        let unknown = |result: &Finding| {
            result.verdict == Verdict::Unknown
                && match self.unknown_gate(outcome) {
                    UnknownGate::Gate => true,
                    UnknownGate::Unresolved => !result
                        .missing
                        .iter()
                        .all(|gap| gap.reason == Reason::NotInFile),
                    UnknownGate::Ignore => false,
                }
        };
        // What an interrupted run did not look at passes no gate.
        if !outcome.run.complete || outcome.results.iter().filter(gates).any(unknown) {
            4
        } else {
            0
        }
    }
}

/// What an exit code says, for a person.
pub fn in_words(code: u8, at: FailOn, complete: bool) -> String {
    let at = at.severity().map_or("none", Severity::as_str);
    match code {
        3 => format!("gate failed: at least one failure at or above `{at}`"),
        4 if !complete => {
            "gate failed: the run was interrupted, and what it does not hold was not looked at"
                .to_owned()
        }
        4 => format!(
            "gate failed: no failure at or above `{at}`, but at least one result there could not be determined"
        ),
        _ => "gate passed".to_owned(),
    }
}
