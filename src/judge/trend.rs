//! Failures over several runs: what is open, what came, what was fixed, what was lost sight of, and how old it is.

use super::diff::{Place, why_gone};
pub use crate::model::{Counts, Life, Point, State};
use crate::model::{Finding, History, Outcome, Severity, Verdict, promises};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One rule in one account.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Rule.
    pub rule: String,
    /// Severity.
    pub severity: Severity,
    /// Account.
    pub account_id: String,
    /// Failures in the last run.
    pub open: usize,
    /// Of them those that the run before did not have.
    pub new: usize,
    /// Fixed over all runs.
    pub fixed: usize,
    /// Lost sight of by the last run.
    pub lost_sight_of: usize,
    /// Waived in the last run.
    pub waived: usize,
    /// Whole days that the oldest of the open ones is known.
    pub oldest_days: Option<i64>,
}

/// Several runs, the oldest first.
#[derive(Debug, Clone, Serialize)]
pub struct Trend {
    /// Schema of the JSON.
    pub schema: &'static str,
    /// Run by run.
    pub runs: Vec<Point>,
    /// Rule by rule and account by account; worst and oldest first.
    pub rules: Vec<Line>,
    /// Failure by failure.
    pub findings: Vec<Life>,
    /// What makes runs hard to compare.
    pub notes: Vec<String>,
}

fn days(from: &str, to: &str) -> Option<i64> {
    let at = |text: &str| text.parse::<jiff::Timestamp>().ok();
    Some((at(to)?.as_second() - at(from)?.as_second()).div_euclid(86_400))
}

/// Puts runs in the order of their time and follows every failure through them.
#[must_use]
pub fn trend(mut outcomes: Vec<Outcome>) -> Trend {
    outcomes.sort_by(|a, b| a.run.judged_at().cmp(b.run.judged_at()));
    let mut lives: BTreeMap<String, Life> = BTreeMap::new();
    let mut came: BTreeSet<String> = BTreeSet::new();
    let (mut runs, mut notes) = (Vec::new(), Vec::new());
    let mut before: Option<&Outcome> = None;
    for outcome in &outcomes {
        if let Some(before) = before
            && before.run.rules_digest != outcome.run.rules_digest
        {
            notes.push(format!(
                "run {} was judged by other rules than run {}: what is new there may be new because its rule is",
                outcome.run.id, before.run.id
            ));
        }
        let mut counts = Counts::default();
        came.clear();
        follow(&mut lives, outcome, &mut counts);
        for result in outcome.results.iter().filter(|one| fails(one)) {
            let at = outcome.run.judged_at();
            counts.open += 1;
            match lives.get_mut(&result.fingerprint) {
                Some(life) if life.state != State::Fixed => {
                    life.state = State::Open;
                    life.severity = result.severity;
                    at.clone_into(&mut life.last_seen);
                }
                _ => {
                    counts.new += usize::from(before.is_some());
                    came.insert(result.fingerprint.clone());
                    lives.insert(result.fingerprint.clone(), begin(result, at));
                }
            }
        }
        runs.push(Point {
            run: outcome.run.id.clone(),
            judged_at: outcome.run.judged_at().to_owned(),
            counts,
        });
        before = Some(outcome);
    }
    let last = before.map_or("", |outcome| outcome.run.judged_at());
    let mut findings: Vec<Life> = lives.into_values().collect();
    for life in &mut findings {
        life.age_days = (life.state != State::Fixed)
            .then(|| days(&life.first_seen, last))
            .flatten();
    }
    findings.sort_by(|a, b| {
        (
            a.state,
            a.severity,
            &a.first_seen,
            &a.rule,
            &a.resource,
            &a.part,
        )
            .cmp(&(
                b.state,
                b.severity,
                &b.first_seen,
                &b.rule,
                &b.resource,
                &b.part,
            ))
    });
    let new = if runs.len() > 1 {
        came
    } else {
        BTreeSet::new()
    };
    Trend {
        schema: "outcrop-trend/v1",
        rules: lines(&findings, &new),
        runs,
        findings,
        notes,
    }
}

/// What earlier runs and this one, the last of them, say of its failures and promises.
#[must_use]
pub fn history(mut outcomes: Vec<Outcome>) -> History {
    outcomes.sort_by(|a, b| a.run.judged_at().cmp(b.run.judged_at()));
    let mut kept_since: BTreeMap<String, String> = BTreeMap::new();
    for outcome in &outcomes {
        for one in promises(outcome) {
            if one.state.is_kept() {
                kept_since
                    .entry(one.id)
                    .or_insert_with(|| outcome.run.judged_at().to_owned());
            } else {
                kept_since.remove(&one.id);
            }
        }
    }
    let all = trend(outcomes);
    History {
        runs: all.runs,
        lives: all
            .findings
            .into_iter()
            .map(|life| (life.fingerprint.clone(), life))
            .collect(),
        kept_since,
    }
}

fn fails(result: &Finding) -> bool {
    result.verdict == Verdict::Fail && result.waiver.is_none()
}

fn begin(result: &Finding, at: &str) -> Life {
    Life {
        fingerprint: result.fingerprint.clone(),
        rule: result.rule.clone(),
        severity: result.severity,
        account_id: result.account_id.clone(),
        region: result.region.clone(),
        resource: result.resource.clone(),
        part: result.part.clone(),
        first_seen: at.to_owned(),
        last_seen: at.to_owned(),
        state: State::Open,
        fixed_on: None,
        age_days: None,
    }
}

/// What becomes of known failures in a further run.
fn follow(lives: &mut BTreeMap<String, Life>, outcome: &Outcome, counts: &mut Counts) {
    let rules = super::diff::asked(outcome);
    let now: BTreeMap<&str, &Finding> = outcome
        .results
        .iter()
        .map(|result| (result.fingerprint.as_str(), result))
        .collect();
    for life in lives.values_mut().filter(|life| life.state != State::Fixed) {
        let state = match now.get(life.fingerprint.as_str()) {
            Some(result) if fails(result) => State::Open,
            Some(result) if result.verdict == Verdict::Fail => State::Waived,
            Some(result) if result.verdict == Verdict::Unknown => State::LostSightOf,
            Some(_) if !outcome.run.not_held.is_empty() => State::LostSightOf,
            Some(_) => State::Fixed,
            None => {
                let place = Place {
                    rule: &life.rule,
                    account_id: &life.account_id,
                    region: &life.region,
                };
                match why_gone(place, outcome, &rules) {
                    Ok(_) => State::Fixed,
                    Err(_) => State::LostSightOf,
                }
            }
        };
        match state {
            State::Fixed => {
                counts.fixed += 1;
                life.fixed_on = Some(outcome.run.judged_at().to_owned());
            }
            State::LostSightOf if life.state == State::Open => counts.lost_sight_of += 1,
            _ => {}
        }
        life.state = state;
    }
}

fn lines(findings: &[Life], new: &BTreeSet<String>) -> Vec<Line> {
    let mut all: BTreeMap<(&str, &str), Line> = BTreeMap::new();
    for life in findings {
        let line = all
            .entry((&life.rule, &life.account_id))
            .or_insert_with(|| Line {
                rule: life.rule.clone(),
                severity: life.severity,
                account_id: life.account_id.clone(),
                open: 0,
                new: 0,
                fixed: 0,
                lost_sight_of: 0,
                waived: 0,
                oldest_days: None,
            });
        match life.state {
            State::Open => {
                line.open += 1;
                line.new += usize::from(new.contains(&life.fingerprint));
                line.oldest_days = line.oldest_days.max(life.age_days);
            }
            State::LostSightOf => line.lost_sight_of += 1,
            State::Waived => line.waived += 1,
            State::Fixed => line.fixed += 1,
        }
    }
    let mut all: Vec<Line> = all.into_values().collect();
    all.sort_by(|a, b| {
        (
            a.open == 0,
            a.severity,
            std::cmp::Reverse(a.oldest_days),
            &a.rule,
            &a.account_id,
        )
            .cmp(&(
                b.open == 0,
                b.severity,
                std::cmp::Reverse(b.oldest_days),
                &b.rule,
                &b.account_id,
            ))
    });
    all
}
