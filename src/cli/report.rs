//! `outcrop report`: render a stored run again.

use super::output::Output;
use super::sending::{Receiver, Sending};
use super::{Global, Usage};
use crate::inventory::Store;
use crate::model::{ATTESTATION_REFUTED, NotRun, Outcome, Severity};
use crate::{engine, subjects};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// Run file, or `s3://BUCKET/KEY`.
    run: PathBuf,
    /// Show only these: rule id, pillar, `stage:30`, `severity:high`, `framework:ID`, `framework:ID/CONTROL`.
    #[arg(long, value_name = "TERM", value_delimiter = ',', add = super::complete::terms())]
    select: Vec<String>,
    /// Leave these out.
    #[arg(long, value_name = "TERM", value_delimiter = ',', add = super::complete::terms())]
    skip: Vec<String>,
    /// Send the results on; without --yes it only says what would be sent, and where. `securityhub` of each account and Region, the
    /// topic `sns:ARN`, the bus `eventbridge:NAME-OR-ARN`, the lake `s3://BUCKET/PREFIX` (OCSF in Parquet, as Security Lake takes it),
    /// or a webhook by its `https://` address.
    #[arg(long, value_name = "WHERE", conflicts_with_all = ["format", "fail_on"])]
    send: Option<String>,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    output: Output,
}

impl Report {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        self.output.check()?;
        let run = super::remote::local(std::slice::from_ref(&self.run))?;
        let store = Store::open(run.path(), &subjects::tables())?;
        let mut outcome = engine::outcome(&store)?;
        if !outcome.run.complete {
            tracing::warn!("the run was interrupted; what it does not hold was not looked at");
        }
        self.check_terms(&outcome)?;
        self.keep_selected(&mut outcome);
        self.sending
            .look_back(&mut outcome, |earlier| self.keep_selected(earlier))?;
        if let Some(to) = &self.send {
            // Not by the parser of the command line: its errors repeat what was given, and an address may hold a secret.
            let receiver = Receiver::parse(to).map_err(|why| Usage(format!("--send: {why}")))?;
            return self.sending.run(&receiver, &outcome, global);
        }
        self.output.finish(outcome, Some(&self.run), global)
    }

    fn check_terms(&self, outcome: &Outcome) -> anyhow::Result<()> {
        for term in self.select.iter().chain(&self.skip) {
            let shape = matches!(term.split_once(':'), Some(("severity", severity)) if Severity::ALL.iter().any(|known| known.as_str() == severity))
                || matches!(term.split_once(':'), Some(("stage", "30" | "60" | "90")));
            let framework = term
                .strip_prefix("framework:")
                .map(|term| term.split_once('/').unwrap_or((term, "")));
            let cited = framework.is_some_and(|(framework, control)| {
                let titles = outcome.control_titles.get(framework);
                titles.is_some_and(|all| control.is_empty() || all.contains_key(control))
            });
            if !shape
                && !cited
                && !outcome
                    .results
                    .iter()
                    .any(|result| result.rule == *term || result.pillar == *term)
            {
                return Err(Usage(format!("`{term}` selects no rule of this run")).into());
            }
        }
        Ok(())
    }

    fn keep_selected(&self, outcome: &mut Outcome) {
        let matches = |term: &String, result: &crate::model::Finding| match term.split_once(':') {
            Some(("framework", framework)) => {
                let (framework, control) = framework.split_once('/').unwrap_or((framework, ""));
                result.controls.get(framework).is_some_and(|controls| {
                    control.is_empty() || controls.iter().any(|known| known == control)
                })
            }
            Some(("stage", stage)) => result.stage.to_string() == stage,
            Some(("severity", severity)) => result.severity.as_str() == severity,
            _ => result.rule == *term || result.pillar == *term,
        };
        outcome.results.retain(|result| {
            (self.select.is_empty() || self.select.iter().any(|term| matches(term, result)))
                && !self.skip.iter().any(|term| matches(term, result))
        });
        // What a part of a run shows answers no question about the whole.
        if !(self.select.is_empty() && self.skip.is_empty()) {
            let kept: BTreeSet<&String> = outcome.results.iter().map(|one| &one.rule).collect();
            let left: Vec<String> = outcome
                .rules
                .keys()
                .filter(|id| !kept.contains(id) && *id != ATTESTATION_REFUTED)
                .cloned()
                .collect();
            for id in left {
                if let Some(text) = outcome.rules.remove(&id) {
                    let one = NotRun {
                        severity: text.severity,
                        why: "not selected for this report".to_owned(),
                        chosen: true,
                        claims: text.claims,
                    };
                    outcome.run.not_run.insert(id, one);
                }
            }
        }
        outcome.settle();
    }
}
