//! `report RUN --send WHERE`: results on their way to where others look.

mod others;

use super::{Global, Usage};
use crate::judge::trend::history;
use crate::model::Outcome;
use crate::report::asff::{Batch, batches};
use crate::report::lived;
use crate::report::safe::cut;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Who takes results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Receiver {
    /// AWS Security Hub of each account and Region.
    SecurityHub,
    /// A topic of Amazon SNS.
    Topic(String),
    /// A bus of Amazon EventBridge.
    Bus(String),
    /// A bucket of Amazon S3, and what keys begin with.
    Lake(String, String),
    /// A webhook. Its address may hold a secret: only the host is ever shown.
    Webhook(String),
}

impl Receiver {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let known = "write securityhub, sns:TOPIC-ARN, eventbridge:BUS, s3://BUCKET/PREFIX or https://ADDRESS";
        if text == "securityhub" {
            return Ok(Self::SecurityHub);
        }
        if let Some(arn) = text.strip_prefix("sns:") {
            let is_topic = crate::model::Arn::parse(arn).is_some_and(|one| {
                one.service == "sns"
                    && !one.region.is_empty()
                    && one.account.len() == 12
                    && one.account.bytes().all(|byte| byte.is_ascii_digit())
                    && !one.resource.is_empty()
            });
            return if is_topic {
                Ok(Self::Topic(arn.to_owned()))
            } else {
                Err(format!("a topic is named by its ARN; {known}"))
            };
        }
        if let Some(bus) = text.strip_prefix("eventbridge:") {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
            return if bus.is_empty() || !bus.chars().all(plain) {
                Err(format!("a bus is named by its name or ARN; {known}"))
            } else {
                Ok(Self::Bus(bus.to_owned()))
            };
        }
        if let Some(place) = text.strip_prefix("s3://") {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            return if bucket.is_empty() {
                Err(format!("there is no bucket in it; {known}"))
            } else {
                Ok(Self::Lake(
                    bucket.to_owned(),
                    prefix.trim_end_matches('/').to_owned(),
                ))
            };
        }
        match host(text) {
            Some((true, _)) => {
                let (scheme, rest) = text.split_once("://").unwrap_or_default();
                let scheme = scheme.to_ascii_lowercase();
                Ok(Self::Webhook(format!("{scheme}://{rest}")))
            }
            // What is refused is not repeated: it may hold a secret.
            Some((false, host)) => Err(format!(
                "{host} would get it over plain HTTP, which is accepted on this machine only; use https"
            )),
            None => Err(known.to_owned()),
        }
    }

    /// For a person; of a webhook the host alone.
    fn shown(&self) -> String {
        match self {
            Self::SecurityHub => "AWS Security Hub".to_owned(),
            Self::Topic(arn) => format!("the topic {arn}"),
            Self::Bus(bus) => format!("the bus {bus}"),
            Self::Lake(bucket, prefix) => format!("s3://{bucket}/{prefix}"),
            Self::Webhook(url) => format!(
                "the webhook at {}",
                host(url).map_or_else(String::new, |(_, host)| host)
            ),
        }
    }
}

/// Whether an address is safe to send to (https, or this machine), and its host and port; nothing else of it is ever shown.
fn host(url: &str) -> Option<(bool, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (name, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => authority
            .find(':')
            .map_or((authority, ""), |at| authority.split_at(at)),
    };
    let port_is_one = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|digits| digits.parse::<u16>().is_ok());
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    if name.is_empty()
        || !name.chars().all(plain)
        || !port_is_one
        || !["http", "https"].contains(&scheme.as_str())
        || url.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        return None;
    }
    let local = name == "localhost"
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    Some((scheme == "https" || local, format!("{name}{port}")))
}

/// A run before this one, judged, and of the same kind.
fn earlier(path: &Path, outcome: &Outcome) -> anyhow::Result<Outcome> {
    let run = super::remote::local(std::slice::from_ref(&path.to_owned()))?;
    let before = super::diff::outcome(run.path())?;
    let refused = |why: &str| Err(Usage(format!("--previous {}: {why}", path.display())).into());
    if before.run.source.is_file() != outcome.run.source.is_file() {
        let other = if before.run.source.is_file() {
            "files"
        } else {
            "something else"
        };
        return refused(&format!(
            "one of the runs is of accounts and the other of {other}; they cannot be compared"
        ));
    }
    if before.run.judged_at() > outcome.run.judged_at() {
        return refused("it was judged after the run of the report; name earlier runs here");
    }
    Ok(before)
}

/// How results are sent.
#[derive(Debug, clap::Args)]
pub(super) struct Sending {
    /// Send now.
    #[arg(long, requires = "send")]
    yes: bool,
    /// Earlier runs, repeatable: reports say since when each failure is open and each promise is kept. With --send, only what
    /// changed since the last of them is sent; Security Hub gets every result, because it forgets what is not repeated.
    #[arg(long, value_name = "RUN")]
    previous: Vec<PathBuf>,
    /// Send every failure, as if there had been no run before.
    #[arg(long, requires = "send", conflicts_with = "previous")]
    everything: bool,
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
    /// Gives a report what earlier runs say of it; `select` keeps of each what the report is about.
    pub fn look_back(
        &self,
        outcome: &mut Outcome,
        select: impl Fn(&mut Outcome),
    ) -> anyhow::Result<()> {
        if self.previous.is_empty() {
            return Ok(());
        }
        let mut all = Vec::new();
        for path in &self.previous {
            let mut one = earlier(path, outcome)?;
            select(&mut one);
            // A run that is given twice was judged once.
            let again = |other: &Outcome| {
                other.run.id == one.run.id && other.run.judged_at() == one.run.judged_at()
            };
            if !all.iter().any(again) {
                all.push(one);
            }
        }
        // Last, also where another was judged at the same time.
        all.push(outcome.clone());
        outcome.history = Some(history(all));
        Ok(())
    }

    pub fn run(&self, to: &Receiver, outcome: &Outcome, global: &Global) -> anyhow::Result<u8> {
        if *to == Receiver::SecurityHub {
            return self.to_security_hub(outcome, global);
        }
        self.to_others(to, outcome, global)
    }

    fn to_security_hub(&self, outcome: &Outcome, global: &Global) -> anyhow::Result<u8> {
        if self.everything {
            return Err(Usage(
                "Security Hub gets every result of a run, because it forgets what is not repeated; leave out --everything"
                    .to_owned(),
            )
            .into());
        }
        if outcome.run.source.is_file() {
            return Err(Usage(format!(
                "a run of {} speaks of what does not exist yet; Security Hub takes findings about what does",
                outcome.run.source.as_str()
            ))
            .into());
        }
        let (known, foreign): (Vec<Batch>, Vec<Batch>) =
            batches(&lived(outcome)).partition(|batch| {
                batch.account.len() == 12 && batch.account.bytes().all(|byte| byte.is_ascii_digit())
            });
        let mut out = crate::cli::out();
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
        let mut out = crate::cli::out();
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

#[cfg(test)]
mod tests {
    use super::Receiver;

    #[test]
    fn receivers_are_what_can_take_something() {
        for text in [
            "securityhub",
            "sns:arn:aws:sns:eu-west-1:111111111111:told",
            "eventbridge:told",
            "eventbridge:arn:aws:events:eu-west-1:111111111111:event-bus/told",
            "s3://lake",
            "s3://lake/ext/outcrop/",
            "https://hooks.example/x?y=z",
            "HTTPS://hooks.example:8443/",
            "http://127.0.0.1:9/x",
            "http://[::1]:9/x",
        ] {
            assert!(Receiver::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "sns:arn:aws:lambda:eu-west-1:111111111111:x",
            "sns:arn:::::",
            "eventbridge:",
            "eventbridge: ",
            "s3:///key",
            "http://hooks.example/",
            "ftp://hooks.example/",
            "https://ho oks.example/",
            "https://hooks.example:port/",
            "https://hooks.example&token=SECRET/x",
            "https:///x",
        ] {
            let refused = Receiver::parse(text);
            assert!(
                refused.as_ref().is_err_and(|why| !why.contains("SECRET")),
                "{text}: {refused:?}"
            );
        }
        let webhook =
            Receiver::parse("https://user:pw@hooks.example:8443/SECRET").map(|to| to.shown());
        assert_eq!(webhook.as_deref(), Ok("the webhook at hooks.example:8443"));
    }
}
