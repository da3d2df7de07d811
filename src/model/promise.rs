//! Promises: what a production platform keeps by day 30, 60 or 90 of its rollout, and what a run says of each.

use super::{AttestationStatus, Finding, Outcome, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A promise as `data/claims.yaml` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What rules name under `claims`.
    pub id: String,
    /// Day of the rollout by which it should hold.
    pub stage: u32,
    /// Statements of people that serve it.
    #[serde(default)]
    pub attestations: Vec<String>,
    /// Sections of the hand-over that show what they are about.
    #[serde(default)]
    pub sections: Vec<String>,
    /// What this release does not judge of it yet.
    #[serde(default)]
    pub planned: Vec<String>,
    /// In one sentence.
    pub promise: String,
}

/// What a run says of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromiseState {
    /// A rule that serves it fails.
    Broken,
    /// A rule that serves it could not decide, or did not run.
    NotKnown,
    /// This release has no rule for it.
    NotJudged,
    /// It rests on a person's word, and nobody gave it, or it is over.
    NobodySaid,
    /// It fails, and somebody accepted that for a time.
    Waived,
    /// All rules for it hold; this release does not judge all of it.
    HoldsInPart,
    /// A person says so.
    Said,
    /// All that it needs was judged, and holds.
    Holds,
}

impl PromiseState {
    /// The words in reports.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::NotKnown => "not known",
            Self::NotJudged => "not judged by this release",
            Self::NobodySaid => "not attested",
            Self::Waived => "waived",
            Self::HoldsInPart => "holds in part",
            Self::Said => "said",
            Self::Holds => "holds",
        }
    }

    /// Does a stage count it as kept?
    #[must_use]
    pub fn is_kept(self) -> bool {
        matches!(self, Self::Holds | Self::Said)
    }
}

/// A promise, and what the run says of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Promise {
    /// What rules name under `claims`.
    pub id: String,
    /// Day of the rollout by which it should hold.
    pub stage: u32,
    /// In one sentence.
    pub promise: String,
    /// What the run says of it.
    pub state: PromiseState,
    /// Who said it and until when; empty where nobody did.
    pub said: String,
    /// Rules that serve it, those that did not run among them.
    pub rules: Vec<String>,
    /// Statements of people that serve it.
    pub attestations: Vec<String>,
    /// Sections of the hand-over that show what it is about.
    pub sections: Vec<String>,
    /// What this release does not judge of it yet.
    pub planned: Vec<String>,
    /// Results that fail, waived ones aside.
    pub fail: usize,
    /// Results that are unknown, waived ones aside.
    pub unknown: usize,
    /// Results that are waived.
    pub waived: usize,
    /// Accounts with failures.
    pub accounts: Vec<String>,
    /// Environments with failures, as far as they are known.
    pub environments: Vec<String>,
    /// Since which run it is kept, where earlier runs were given and it is; empty elsewhere.
    pub since: String,
}

/// What a run says of every promise, in the order of the days.
#[must_use]
pub fn promises(outcome: &Outcome) -> Vec<Promise> {
    let mut all: Vec<Promise> = outcome
        .claims
        .iter()
        .map(|claim| promise(outcome, claim))
        .collect();
    all.sort_by_key(|one| one.stage);
    all
}

fn promise(outcome: &Outcome, claim: &Claim) -> Promise {
    let serves = |claims: &[String]| claims.contains(&claim.id);
    let ran: Vec<&String> = outcome
        .rules
        .iter()
        .filter(|(_, text)| serves(&text.claims))
        .map(|(id, _)| id)
        .collect();
    let not_run: Vec<&String> = outcome
        .run
        .not_run
        .iter()
        .filter(|(_, one)| serves(&one.claims))
        .map(|(id, _)| id)
        .collect();
    let results = || {
        outcome
            .results
            .iter()
            .filter(|result| ran.contains(&&result.rule))
    };
    let count = |verdict| {
        results()
            .filter(|result| result.verdict == verdict && result.waiver.is_none())
            .count()
    };
    let fail = count(Verdict::Fail);
    let outside = outcome
        .not_in_file
        .iter()
        .filter(|one| ran.contains(&&one.rule))
        .map(|one| one.results)
        .sum::<usize>();
    let unknown = count(Verdict::Unknown) + outside;
    let waived = |verdict| {
        results()
            .filter(|result: &&Finding| result.verdict == verdict && result.waiver.is_some())
            .count()
    };
    let words = || {
        outcome
            .attestations
            .iter()
            .filter(|one| claim.attestations.contains(&one.id))
    };
    let unsaid = claim
        .attestations
        .iter()
        .any(|id| !words().any(|one| one.id == *id && one.status == AttestationStatus::Holds));
    let no_rule = ran.is_empty() && not_run.is_empty();
    let nothing = !outcome.run.is_whole() || outcome.run.accounts.is_empty();
    // A rule about files leaves nothing open in accounts, unless nothing else serves the promise.
    let left_out = not_run
        .iter()
        .filter_map(|id| outcome.run.not_run.get(*id))
        .any(|one| one.chosen || ran.is_empty());
    let state = if fail > 0 {
        PromiseState::Broken
    } else if !no_rule && (unknown > 0 || left_out || nothing) {
        PromiseState::NotKnown
    } else if no_rule && claim.attestations.is_empty() {
        PromiseState::NotJudged
    } else if unsaid {
        PromiseState::NobodySaid
    } else if waived(Verdict::Fail) + waived(Verdict::Unknown) > 0 {
        PromiseState::Waived
    } else if !claim.planned.is_empty() {
        PromiseState::HoldsInPart
    } else if no_rule || !claim.attestations.is_empty() {
        // It needs a person's word, whatever rules show beside it.
        PromiseState::Said
    } else {
        PromiseState::Holds
    };
    let mut said: Vec<String> = words()
        .filter(|one| one.status == AttestationStatus::Holds)
        .map(|one| format!("{} until {}", one.by, one.expires))
        .collect();
    said.dedup();
    let failing = |of: fn(&Finding) -> &String| {
        results()
            .filter(|result| result.verdict == Verdict::Fail && result.waiver.is_none())
            .map(of)
            .filter(|text| !text.is_empty())
            .cloned()
            .collect::<BTreeSet<String>>()
    };
    let mut rules: Vec<String> = ran.iter().chain(&not_run).map(|id| (*id).clone()).collect();
    rules.sort();
    Promise {
        id: claim.id.clone(),
        stage: claim.stage,
        promise: claim.promise.clone(),
        state,
        said: said.join(", "),
        rules,
        attestations: claim.attestations.clone(),
        sections: claim.sections.clone(),
        planned: claim.planned.clone(),
        fail,
        unknown,
        waived: waived(Verdict::Fail) + waived(Verdict::Unknown),
        accounts: Vec::from_iter(failing(|result| &result.account_id)),
        environments: Vec::from_iter(failing(|result| &result.environment)),
        since: outcome
            .history
            .as_ref()
            .and_then(|history| history.kept_since.get(&claim.id))
            .cloned()
            .unwrap_or_default(),
    }
}

/// A day of the rollout: how many of its promises are in which state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// 30, 60 or 90.
    pub day: u32,
    /// Is every promise of this day and of those before it kept?
    pub reached: bool,
    /// Counts by state, worst first; states without a promise are left out.
    pub counts: Vec<(PromiseState, usize)>,
}

/// The days of the rollout.
#[must_use]
pub fn stages(promises: &[Promise]) -> Vec<Stage> {
    let mut days: Vec<u32> = promises.iter().map(|one| one.stage).collect();
    days.sort_unstable();
    days.dedup();
    days.into_iter()
        .map(|day| {
            let mut states: Vec<PromiseState> = promises
                .iter()
                .filter(|one| one.stage == day)
                .map(|one| one.state)
                .collect();
            states.sort_unstable();
            let counts = states
                .chunk_by(|a, b| a == b)
                .filter_map(|same| same.first().map(|state| (*state, same.len())))
                .collect();
            Stage {
                day,
                reached: promises
                    .iter()
                    .filter(|one| one.stage <= day)
                    .all(|one| one.state.is_kept()),
                counts,
            }
        })
        .collect()
}

impl Stage {
    /// In one line: "day 30: 31 of 58 promises hold; 6 broken, 9 not known".
    #[must_use]
    pub fn sentence(&self) -> String {
        let all: usize = self.counts.iter().map(|(_, count)| count).sum();
        let kept: usize = self
            .counts
            .iter()
            .filter(|(state, _)| *state == PromiseState::Holds)
            .map(|(_, count)| count)
            .sum();
        let others: Vec<String> = self
            .counts
            .iter()
            .filter(|(state, _)| *state != PromiseState::Holds)
            .map(|(state, count)| match state {
                PromiseState::Said => format!("{count} attested by people"),
                PromiseState::HoldsInPart => format!("{count} hold in part"),
                _ => format!("{count} {}", state.words()),
            })
            .collect();
        let rest = if others.is_empty() {
            String::new()
        } else {
            format!("; {}", others.join(", "))
        };
        format!("day {}: {kept} of {all} promises hold{rest}", self.day)
    }
}
