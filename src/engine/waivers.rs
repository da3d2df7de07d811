//! Waivers: which result each accepts, and what became of it.

use super::config::{Config, Waivable, WaiverEntry};
use super::outcome::unknowns;
use crate::inventory::{Error, Store};
use crate::model::{
    Finding, Gap, Reason, RunInfo, Summary, Verdict, WaiverReport, WaiverStatus, glob,
};
use rusqlite::{Connection, params};
use std::collections::{BTreeSet, HashMap};

/// The waivers of a configuration while a run is judged.
pub(super) struct Waivers<'c> {
    config: &'c Config,
    names: super::Names,
    judged_at: String,
    pub(super) used: Vec<u64>,
    pub(super) expired_hits: Vec<u64>,
    /// By rule: the places of its waivers.
    by_rule: HashMap<&'c str, Vec<usize>>,
}

impl<'c> Waivers<'c> {
    pub(super) fn new(config: &'c Config, names: super::Names, judged_at: &str) -> Self {
        let count = config.waivers.len();
        let mut by_rule: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, waiver) in config.waivers.iter().enumerate() {
            by_rule.entry(&waiver.rule).or_default().push(place);
        }
        Self {
            by_rule,
            config,
            names,
            judged_at: judged_at.to_owned(),
            used: vec![0; count],
            expired_hits: vec![0; count],
        }
    }

    /// The place of the first waiver of this very rule and resource that holds.
    pub(super) fn find(
        &mut self,
        rule: &str,
        (account, region, resource): (&str, &str, &str),
        verdict: Verdict,
    ) -> Option<i64> {
        for place in self.by_rule.get(rule).into_iter().flatten().copied() {
            let waiver = &self.config.waivers[place];
            let fits = matches!(
                (waiver.verdict, verdict),
                (Waivable::Fail, Verdict::Fail) | (Waivable::Unknown, Verdict::Unknown)
            ) && waiver.cause.is_empty()
                && self.is_of(waiver, account, region, resource);
            if !fits || !waiver.flaw().is_empty() {
                continue;
            }
            if waiver.expired(&self.judged_at) {
                self.expired_hits[place] += 1;
                continue;
            }
            self.used[place] += 1;
            return i64::try_from(place).ok();
        }
        None
    }

    /// Is a resource one that a waiver speaks of, by its ARN or by an address that a file gives it?
    fn is_of(&self, waiver: &WaiverEntry, account: &str, region: &str, resource: &str) -> bool {
        glob(&waiver.resource, resource)
            || self
                .names
                .of(account, region, resource)
                .is_some_and(|one| self.names.is_named(one, &waiver.resource))
    }

    /// Accepts the unknowns whose every missing fact has a cause that a waiver accepts.
    pub(super) fn accept(
        &mut self,
        store: &Store,
        run: &RunInfo,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let causes = |waiver: &&WaiverEntry| !waiver.cause.is_empty() && waiver.flaw().is_empty();
        if !self.config.waivers.iter().any(|waiver| causes(&waiver)) {
            return Ok(());
        }
        for (id, finding) in unknowns(store, run)? {
            let Some(places) = self.accepting(&finding) else {
                continue;
            };
            // One that is past keeps the result open, and it alone is told.
            let past: Vec<usize> = places
                .iter()
                .copied()
                .filter(|place| self.config.waivers[*place].expired(&self.judged_at))
                .collect();
            if !past.is_empty() {
                past.iter().for_each(|place| self.expired_hits[*place] += 1);
                continue;
            }
            store.conn.execute(
                "UPDATE result SET waiver = ?2 WHERE rowid = ?1",
                params![
                    id,
                    places.first().and_then(|place| i64::try_from(*place).ok())
                ],
            )?;
            places.iter().for_each(|place| self.used[*place] += 1);
            summary.accept(finding.severity);
        }
        Ok(())
    }

    /// The waivers that together accept everything that a result misses, those that hold before those that are past.
    fn accepting(&self, finding: &Finding) -> Option<BTreeSet<usize>> {
        let waivers = || self.config.waivers.iter().enumerate();
        let mut places = BTreeSet::new();
        // What no file declares is said once and is nobody's to accept.
        let own = |gap: &&Gap| gap.reason != Reason::NotInFile;
        for gap in finding.missing.iter().filter(own) {
            let fit = |past: bool| {
                waivers().find(|(_, waiver)| {
                    waiver.expired(&self.judged_at) == past && self.accepts(waiver, finding, gap)
                })
            };
            let (place, _) = fit(false).or_else(|| fit(true))?;
            places.insert(place);
        }
        (!places.is_empty()).then_some(places)
    }

    fn accepts(&self, waiver: &WaiverEntry, finding: &Finding, gap: &Gap) -> bool {
        let within = |scope: &[String], one: &str| {
            scope.is_empty() || scope.iter().any(|pattern| glob(pattern, one))
        };
        let cause = if gap.operation.is_empty() {
            &gap.detail
        } else {
            &gap.operation
        };
        !waiver.cause.is_empty()
            && waiver.flaw().is_empty()
            && glob(&waiver.cause, cause)
            && within(&waiver.accounts, &finding.account_id)
            && within(&waiver.regions, &finding.region)
            && (waiver.rule.is_empty() || waiver.rule == finding.rule)
            && (waiver.resource.is_empty()
                || self.is_of(
                    waiver,
                    &finding.account_id,
                    &finding.region,
                    &finding.subject,
                ))
    }

    /// What became of each.
    pub(super) fn reports(&self) -> Vec<WaiverReport> {
        self.config
            .waivers
            .iter()
            .enumerate()
            .map(|(place, waiver)| {
                let flaw = waiver.flaw();
                let (status, detail) = if !flaw.is_empty() {
                    (
                        WaiverStatus::Malformed,
                        format!("it waives nothing: {flaw}"),
                    )
                } else if waiver.expired(&self.judged_at) {
                    (
                        WaiverStatus::Expired,
                        format!(
                            "it ended on {}; {} results are back",
                            waiver.expires, self.expired_hits[place]
                        ),
                    )
                } else if self.used[place] == 0 {
                    let check = if waiver.cause.is_empty() {
                        "check the rule id and the pattern"
                    } else {
                        "no result is unknown by this cause alone in this scope; check its name"
                    };
                    (
                        WaiverStatus::Unmatched,
                        format!("nothing to waive: {check}, or remove it"),
                    )
                } else {
                    (
                        WaiverStatus::Used,
                        format!(
                            "waives {} results until {}",
                            self.used[place], waiver.expires
                        ),
                    )
                };
                WaiverReport {
                    rule: waiver.rule.clone(),
                    resource: waiver.resource.clone(),
                    cause: waiver.cause.clone(),
                    status,
                    detail,
                }
            })
            .collect()
    }

    /// Writes them, with what became of each, into the run file.
    pub(super) fn store(&self, conn: &Connection) -> Result<(), Error> {
        for (place, (waiver, report)) in self.config.waivers.iter().zip(self.reports()).enumerate()
        {
            let status = serde_json::to_value(report.status)
                .ok()
                .and_then(|value| value.as_str().map(str::to_owned))
                .unwrap_or_default();
            conn.execute(
                "INSERT INTO waiver VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    i64::try_from(place).unwrap_or(i64::MAX),
                    waiver.rule,
                    waiver.resource,
                    waiver.reason,
                    waiver.owner,
                    waiver.expires,
                    status,
                    report.detail
                ],
            )?;
            if !waiver.cause.is_empty() {
                conn.execute(
                    "INSERT INTO waived_cause VALUES (?1, ?2)",
                    params![i64::try_from(place).unwrap_or(i64::MAX), waiver.cause],
                )?;
            }
        }
        Ok(())
    }
}
