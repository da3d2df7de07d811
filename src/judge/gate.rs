//! The gate: which results fail it, and the exit code that says so.

use crate::model::{
    AttestationStatus, Finding, Outcome, PromiseState, RunInfo, Severity, Verdict, promises,
};

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
    /// A day of the rollout: its promises and those of the days before gate instead of severities.
    pub stage: Option<u32>,
    /// A day of the rollout by which the attestations have to be there.
    pub attested: Option<u32>,
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
        let unattested = self.attested.is_some_and(|day| {
            outcome.attestations.iter().any(|one| {
                one.stage.is_some_and(|stage| stage <= day)
                    && one.status != AttestationStatus::Holds
            })
        });
        let code = match self.stage {
            Some(day) => Self::of_stage(outcome, day),
            None => self.of_severity(outcome),
        };
        match code {
            0 if unattested => 4,
            code => code,
        }
    }

    /// 3 where a promise up to that day is broken, 4 where one is not known to be kept.
    fn of_stage(outcome: &Outcome, day: u32) -> u8 {
        let states: Vec<PromiseState> = promises(outcome)
            .into_iter()
            .filter(|one| one.stage <= day)
            .map(|one| one.state)
            .collect();
        if states.contains(&PromiseState::Broken) {
            3
        } else if !outcome.run.is_whole() || !states.iter().all(|state| state.is_kept()) {
            4
        } else {
            0
        }
    }

    fn of_severity(&self, outcome: &Outcome) -> u8 {
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
                    UnknownGate::Unresolved => !result.lacks_only_what_no_file_declares(),
                    UnknownGate::Ignore => false,
                }
        };
        // Asked to gate on everything unknown, a file alone cannot pass for what it does not declare.
        let outside = self.unknown_gate(outcome) == UnknownGate::Gate
            && outcome.not_in_file.iter().any(|one| one.severity <= at);
        // What an interrupted run did not look at passes no gate, nor does a run that looked at no account.
        let nothing = !outcome.run.source.is_file() && outcome.run.accounts.is_empty();
        if !outcome.run.is_whole()
            || nothing
            || outside
            || outcome.results.iter().filter(gates).any(unknown)
        {
            4
        } else {
            0
        }
    }
}

/// What an exit code says, for a person.
pub fn in_words(code: u8, rules: &Rules, run: &RunInfo) -> String {
    let at = rules.fail_on.severity().map_or("none", Severity::as_str);
    match (code, rules.stage) {
        (3, Some(day)) => format!("gate failed: a promise of day {day} or before is broken"),
        (3, None) => format!("gate failed: at least one failure at or above `{at}`"),
        (4, _) if !run.complete => {
            "gate failed: the run was interrupted, and what it does not hold was not looked at"
                .to_owned()
        }
        (4, _) if !run.not_held.is_empty() => {
            "gate failed: nothing fails, but the run does not hold all that the files said"
                .to_owned()
        }
        (4, Some(day)) => format!(
            "gate failed: no promise up to day {day} is broken, but not all of them are known to be kept"
        ),
        (4, None) if rules.attested.is_some() => format!(
            "gate failed: an attestation is missing or out of date, or a result at or above `{at}` could not be determined"
        ),
        (4, None) => format!(
            "gate failed: no failure at or above `{at}`, but at least one result there could not be determined"
        ),
        _ => "gate passed".to_owned(),
    }
}
