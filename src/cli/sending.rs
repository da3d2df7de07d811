//! `report RUN --send securityhub`: results on their way to where others look.

use super::{Global, Usage};
use crate::model::Outcome;
use crate::report::asff::{Batch, batches};
use crate::report::safe::cut;
use std::collections::BTreeMap;
use std::io::Write;

/// How results are sent.
#[derive(Debug, clap::Args)]
pub(super) struct Sending {
    /// Send now.
    #[arg(long, requires = "send")]
    yes: bool,
    /// Role to assume in each account; it needs securityhub:BatchImportFindings. The account of the credentials is entered without it.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "OutcropSend",
        requires = "send"
    )]
    send_role: String,
    /// External id that the role asks for.
    #[arg(
        long,
        value_name = "ID",
        env = "OUTCROP_EXTERNAL_ID",
        hide_env_values = true
    )]
    external_id: Option<String>,
    /// Profile of the shared configuration.
    #[arg(long, env = "AWS_PROFILE")]
    profile: Option<String>,
}

impl Sending {
    pub fn run(&self, outcome: &Outcome, global: &Global) -> anyhow::Result<u8> {
        if outcome.run.source.is_file() {
            return Err(Usage(format!(
                "a run of {} speaks of what does not exist yet; Security Hub takes findings about what does",
                outcome.run.source.as_str()
            ))
            .into());
        }
        let (known, foreign): (Vec<Batch>, Vec<Batch>) = batches(outcome).partition(|batch| {
            batch.account.len() == 12 && batch.account.bytes().all(|byte| byte.is_ascii_digit())
        });
        let mut out = anstream::stdout().lock();
        let mut scopes: BTreeMap<(&str, &str), BTreeMap<&str, usize>> = BTreeMap::new();
        for batch in &known {
            let counts = scopes.entry((&batch.account, &batch.region)).or_default();
            for finding in &batch.findings {
                *counts
                    .entry(finding["Compliance"]["Status"].as_str().unwrap_or_default())
                    .or_default() += 1;
            }
        }
        for ((account, region), counts) in &scopes {
            let all: usize = counts.values().sum();
            let counts: Vec<String> = counts
                .iter()
                .map(|(status, count)| format!("{count} {status}"))
                .collect();
            writeln!(
                out,
                "{account} {region}: {all} findings ({})",
                counts.join(", ")
            )?;
        }
        let lost: usize = foreign.iter().map(|batch| batch.findings.len()).sum();
        if lost > 0 {
            writeln!(out, "{lost} results belong to no account and stay here")?;
        }
        drop(out);
        if !self.yes {
            if !global.quiet {
                let _ = writeln!(
                    std::io::stderr(),
                    "nothing was sent; with --yes they go to Security Hub in these accounts, entered by the role {}",
                    cut(&self.send_role, 200)
                );
            }
            return Ok(0);
        }
        self.send(known)
    }
}

#[cfg(not(feature = "live"))]
impl Sending {
    fn send(&self, known: Vec<Batch>) -> anyhow::Result<u8> {
        let _ = (&self.external_id, &self.profile, known);
        anyhow::bail!(
            "this build has no AWS SDK; build with the feature `live`, or send the lines of --format asff with the AWS CLI"
        )
    }
}

#[cfg(feature = "live")]
impl Sending {
    fn send(&self, known: Vec<Batch>) -> anyhow::Result<u8> {
        use crate::sources::live::{Base, Parcel, Request, send};
        use anyhow::Context as _;
        let request = Request {
            profile: self.profile.clone(),
            regions: known
                .iter()
                .map(|batch| batch.region.clone())
                .take(1)
                .collect(),
            role: self.send_role.clone(),
            external_id: self.external_id.clone(),
            session_name: "outcrop".to_owned(),
            ..Request::default()
        };
        let parcels: Vec<Parcel> = known
            .into_iter()
            .map(
                |Batch {
                     account,
                     region,
                     findings,
                 }| Parcel {
                    account,
                    region,
                    findings,
                },
            )
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let answers = runtime.block_on(async {
            let base = Base::find(&request).await?;
            Ok::<_, crate::sources::live::Error>(send(&request, &base, &parcels).await)
        })?;
        let taken: usize = answers.iter().map(|answer| answer.taken).sum();
        let mut reasons: BTreeMap<(&str, &str, &str), (usize, &str)> = BTreeMap::new();
        for answer in &answers {
            for (id, why) in &answer.refused {
                reasons
                    .entry((&answer.account, &answer.region, why))
                    .or_insert((0, id))
                    .0 += 1;
            }
        }
        let mut out = anstream::stdout().lock();
        for ((account, region, why), (count, first)) in &reasons {
            writeln!(
                out,
                "{account} {region}: {count} refused, the first {}: {}",
                cut(first, 100),
                cut(why, 400)
            )?;
        }
        let refused: usize = answers.iter().map(|answer| answer.refused.len()).sum();
        writeln!(out, "{taken} findings sent, {refused} refused")?;
        Ok(u8::from(refused > 0))
    }
}
