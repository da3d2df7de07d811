//! `outcrop diff OLD NEW`: what appeared, what was fixed, what changed, what was lost sight of.

use super::judging::{FailOn, width};
use crate::inventory::Store;
use crate::model::{Finding, Outcome, Verdict};
use crate::report::safe::{cut, terminal};
use crate::{engine, reason};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// The older run.
    old: PathBuf,
    /// The newer run.
    new: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Exit with 3 where a failure appeared at or above this severity, with 4 where one was lost sight of.
    #[arg(long, value_enum, default_value_t = FailOn::None, value_name = "SEVERITY")]
    fail_on: FailOn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

/// One difference.
#[derive(Debug, Serialize)]
struct Change {
    rule: String,
    severity: &'static str,
    resource: String,
    part: String,
    account_id: String,
    region: String,
    fingerprint: String,
    /// `fail`, `unknown`, `pass`, `not-applicable`, or empty where there is no result.
    old: String,
    new: String,
    message: String,
}

/// All differences.
#[derive(Debug, Default, Serialize)]
struct Differences {
    schema: &'static str,
    /// It fails, and did not.
    appeared: Vec<Change>,
    /// It failed, and does not.
    fixed: Vec<Change>,
    /// It failed and fails, otherwise; or what was unknown is known.
    changed: Vec<Change>,
    /// It was judged, and cannot be any more.
    lost_sight_of: Vec<Change>,
}

fn change(old: Option<&Finding>, new: Option<&Finding>, message: String) -> Option<Change> {
    let one = new.or(old)?;
    let word = |result: Option<&Finding>| result.map_or("", |result| result.verdict.as_str()).to_owned();
    Some(Change {
        rule: one.rule.clone(),
        severity: one.severity.as_str(),
        resource: one.resource.clone(),
        part: one.part.clone(),
        account_id: one.account_id.clone(),
        region: one.region.clone(),
        fingerprint: one.fingerprint.clone(),
        old: word(old),
        new: word(new),
        message,
    })
}

/// Why a result of the old run has none in the new one.
fn why_gone(old: &Finding, new: &Outcome, rules: &BTreeSet<&str>) -> Result<String, String> {
    if !rules.contains(old.rule.as_str()) {
        return Err("the rule was not run".to_owned());
    }
    if new.run.account(&old.account_id).is_none() {
        return Err("the account is not in the newer run".to_owned());
    }
    if old.region != crate::model::GLOBAL && !new.run.regions.contains(&old.region) {
        return Err("the Region is not in the newer run".to_owned());
    }
    let hidden = new.results.iter().any(|result| {
        result.verdict == Verdict::Unknown
            && result.rule == old.rule
            && result.account_id == old.account_id
            && result.region == old.region
            && !result.missing.is_empty()
    });
    if hidden { Err("something of its scope could not be read in the newer run".to_owned()) } else { Ok("it is gone".to_owned()) }
}

fn compare(old: &Outcome, new: &Outcome) -> Differences {
    let by_print = |outcome: &'_ Outcome| -> BTreeMap<String, usize> {
        outcome.results.iter().enumerate().map(|(place, result)| (result.fingerprint.clone(), place)).collect()
    };
    let (olds, news) = (by_print(old), by_print(new));
    let rules: BTreeSet<&str> = new.rules.keys().map(String::as_str).chain(new.results.iter().map(|result| result.rule.as_str())).collect();
    let mut all = Differences { schema: "outcrop-diff/v1", ..Differences::default() };
    for (print, place) in &olds {
        let was = &old.results[*place];
        let now = news.get(print).map(|place| &new.results[*place]);
        match (was.verdict, now.map(|now| now.verdict)) {
            (Verdict::Fail, Some(Verdict::Pass | Verdict::NotApplicable)) => all.fixed.extend(change(Some(was), now, was.message.clone())),
            (Verdict::Fail | Verdict::Pass, Some(Verdict::Unknown)) => {
                all.lost_sight_of.extend(change(Some(was), now, now.map_or_else(String::new, |now| now.message.clone())));
            }
            (Verdict::Fail, None) => match why_gone(was, new, &rules) {
                Ok(why) => all.fixed.extend(change(Some(was), None, why)),
                Err(why) => all.lost_sight_of.extend(change(Some(was), None, why)),
            },
            (Verdict::Pass, None) => {
                if let Err(why) = why_gone(was, new, &rules) {
                    all.lost_sight_of.extend(change(Some(was), None, why));
                }
            }
            (Verdict::Fail, Some(Verdict::Fail)) => {
                let Some(now) = now else { continue };
                if was.evidence != now.evidence || was.severity != now.severity || was.waiver.is_some() != now.waiver.is_some() {
                    let what = if was.waiver.is_some() != now.waiver.is_some() {
                        if now.waiver.is_some() { "it is waived now".to_owned() } else { "its waiver is gone".to_owned() }
                    } else {
                        now.message.clone()
                    };
                    all.changed.extend(change(Some(was), Some(now), what));
                }
            }
            (Verdict::Unknown, Some(Verdict::Pass | Verdict::NotApplicable)) => all.changed.extend(change(Some(was), now, "it is known now".to_owned())),
            _ => {}
        }
    }
    for (print, place) in &news {
        let now = &new.results[*place];
        let was = olds.get(print).map(|place| &old.results[*place]);
        if now.verdict == Verdict::Fail && was.is_none_or(|was| was.verdict != Verdict::Fail) {
            all.appeared.extend(change(was, Some(now), now.message.clone()));
        }
    }
    for list in [&mut all.appeared, &mut all.fixed, &mut all.changed, &mut all.lost_sight_of] {
        let rank = |severity: &str| crate::model::Severity::ALL.iter().position(|known| known.as_str() == severity);
        list.sort_by(|a, b| {
            (rank(a.severity), &a.rule, &a.account_id, &a.region, &a.resource, &a.part).cmp(&(
                rank(b.severity),
                &b.rule,
                &b.account_id,
                &b.region,
                &b.resource,
                &b.part,
            ))
        });
    }
    all
}

fn outcome(path: &Path) -> anyhow::Result<Outcome> {
    let outcome = engine::outcome(&Store::open(path, &reason::tables())?)?;
    if outcome.results.is_empty() {
        anyhow::bail!("`{}` holds no results; judge it first: outcrop check {} --out JUDGED", path.display(), path.display());
    }
    Ok(outcome)
}

impl Diff {
    pub fn run(&self) -> anyhow::Result<u8> {
        let (old, new) = (outcome(&self.old)?, outcome(&self.new)?);
        let all = compare(&old, &new);
        let mut out = anstream::stdout().lock();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &all)?;
                writeln!(out)?;
            }
            Format::Table => print(&all, &mut out)?,
        }
        let Some(at) = self.fail_on.severity() else { return Ok(0) };
        let gates = |list: &[Change]| list.iter().any(|one| crate::model::Severity::ALL.iter().any(|known| *known <= at && known.as_str() == one.severity));
        Ok(if gates(&all.appeared) {
            3
        } else if gates(&all.lost_sight_of) {
            4
        } else {
            0
        })
    }
}

fn print(all: &Differences, out: &mut dyn Write) -> std::io::Result<()> {
    let parts = [("Appeared", &all.appeared), ("Fixed", &all.fixed), ("Changed", &all.changed), ("Lost sight of", &all.lost_sight_of)];
    let wide = usize::from(width());
    for (title, list) in parts {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "\n{title}: {}", list.len())?;
        for one in list {
            let part = if one.part.is_empty() { String::new() } else { format!(" [{}]", one.part) };
            writeln!(out, "  {:<8} {}\n           {}", one.severity, terminal(&one.rule), cut(&format!("{}{part}", one.resource), wide.max(60) * 2))?;
            writeln!(out, "           {}", cut(&one.message, wide.max(60) * 3))?;
        }
    }
    let counts: Vec<String> = parts.iter().map(|(title, list)| format!("{} {}", list.len(), title.to_lowercase())).collect();
    writeln!(out, "\n{}", counts.join(", "))
}
