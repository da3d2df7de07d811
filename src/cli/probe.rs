//! `outcrop probe`: run inside the network, does the call to Bedrock really go private?

use super::{Global, Usage};
use crate::report::safe::cut;
use crate::sources::live;
use crate::sources::probe::{Plan, Report, families};
use anyhow::Context as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Probe {
    /// Region of the host names; without it the one of the environment.
    #[arg(long, env = "AWS_REGION")]
    region: Option<String>,
    /// API family, such as `bedrock-runtime`; repeatable. Without it every one.
    #[arg(long, value_name = "FAMILY", value_delimiter = ',')]
    family: Vec<String>,
    /// Ask for FIPS host names.
    #[arg(long, env = "AWS_USE_FIPS_ENDPOINT", value_parser = clap::builder::FalseyValueParser::new())]
    fips: bool,
    /// Ask for dual-stack host names.
    #[arg(long, env = "AWS_USE_DUALSTACK_ENDPOINT", value_parser = clap::builder::FalseyValueParser::new())]
    dualstack: bool,
    /// Also make a real call of one token to this model.
    #[arg(long, value_name = "MODEL")]
    invoke: Option<String>,
    /// Public target that is tried for a way out; repeatable.
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "checkip.amazonaws.com:443",
        value_delimiter = ','
    )]
    egress: Vec<String>,
    /// Longest time for one step, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// Make no signed call; authority is not shown then.
    #[arg(long)]
    no_sign: bool,
    /// Certificates to trust in place of the public ones, as PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Take this address in place of what the resolver says; repeatable.
    #[arg(long, value_name = "HOST=ADDRESS:PORT", value_parser = instead)]
    resolve: Vec<(String, SocketAddr)>,
    /// Output.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Json,
    Table,
}

fn instead(text: &str) -> Result<(String, SocketAddr), String> {
    let (host, address) = text.split_once('=').ok_or("write HOST=ADDRESS:PORT")?;
    Ok((
        host.to_owned(),
        address
            .parse()
            .map_err(|error| format!("`{address}`: {error}"))?,
    ))
}

impl Probe {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let Some(region) = self
            .region
            .clone()
            .or_else(|| std::env::var("AWS_DEFAULT_REGION").ok())
            .filter(|region| !region.is_empty())
        else {
            return Err(Usage("which Region? give --region, or set AWS_REGION".to_owned()).into());
        };
        let known = families();
        if let Some(unknown) = self.family.iter().find(|family| !known.contains(family)) {
            return Err(Usage(format!(
                "`{unknown}` is no API family; there are {}",
                known.join(", ")
            ))
            .into());
        }
        let roots = match &self.ca_file {
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read `{}`", path.display()))?,
            ),
            None => None,
        };
        let plan = Plan {
            region,
            families: if self.family.is_empty() {
                known
            } else {
                self.family.clone()
            },
            fips: self.fips,
            dualstack: self.dualstack,
            invoke: self.invoke.clone(),
            egress: self
                .egress
                .iter()
                .filter(|target| !target.is_empty())
                .cloned()
                .collect(),
            timeout: Duration::from_secs(self.timeout),
            roots,
            resolve: self.resolve.clone(),
        };
        if let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API") {
            return self.serve(&plan, &api);
        }
        let report = self.probe(&plan)?;
        let mut out = crate::cli::out();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            }
            Format::Table => show(&report, &mut out)?,
        }
        if self.format == Format::Json && !global.quiet {
            show(&report, &mut anstream::stderr().lock())?;
        }
        Ok(code(&report))
    }

    fn probe(&self, plan: &Plan) -> anyhow::Result<Report> {
        live::probe::probe(plan, !self.no_sign).map_err(|error| anyhow::anyhow!(error))
    }

    /// The loop of a Lambda custom runtime: every invocation is a probe, and the report is its answer.
    fn serve(&self, plan: &Plan, api: &str) -> anyhow::Result<u8> {
        loop {
            let next = exchange(api, "GET", "/2018-06-01/runtime/invocation/next", "")?;
            let id = next
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("lambda-runtime-aws-request-id"))
                .map(|(_, id)| id.trim().to_owned())
                .context("the Lambda runtime API gave no request id")?;
            let report = self.probe(plan)?;
            let body = serde_json::to_string(&report)?;
            exchange(
                api,
                "POST",
                &format!("/2018-06-01/runtime/invocation/{id}/response"),
                &body,
            )?;
        }
    }
}

/// One exchange with the runtime API, which speaks plain HTTP on the host itself.
fn exchange(api: &str, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(api)
        .with_context(|| format!("cannot reach the Lambda runtime API at {api}"))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {api}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.take(8 << 20).read_to_string(&mut answer)?;
    Ok(answer)
}

/// 3 where a call goes public, 4 where something is broken or unknown, else 0.
fn code(report: &Report) -> u8 {
    let some = |verdicts: &[&str]| {
        report
            .families
            .iter()
            .any(|family| verdicts.contains(&family.verdict.as_str()))
    };
    if some(&["public"]) {
        3
    } else if some(&["broken", "unknown"]) {
        4
    } else {
        0
    }
}

fn show(report: &Report, out: &mut dyn Write) -> anyhow::Result<()> {
    for (target, step) in &report.egress {
        writeln!(
            out,
            "way out to {}: {}{}",
            cut(target, 200),
            if step.ok { "open, " } else { "closed, " },
            cut(&step.detail, 400)
        )?;
    }
    for family in &report.families {
        let addresses: Vec<String> = family.addresses.iter().map(ToString::to_string).collect();
        writeln!(
            out,
            "{} {}: {}",
            family.family,
            family.host,
            family.verdict.to_uppercase()
        )?;
        writeln!(
            out,
            "  {}{}",
            cut(&family.reason, 600),
            if addresses.is_empty() {
                String::new()
            } else {
                format!(" ({})", addresses.join(", "))
            }
        )?;
        for call in family.call.iter().chain(&family.invoke) {
            let id = if call.request_id.is_empty() {
                String::new()
            } else {
                format!(", request {}", cut(&call.request_id, 100))
            };
            writeln!(
                out,
                "  {}: {} {} {}{id}",
                call.operation,
                call.shows,
                call.status,
                cut(&call.code, 200)
            )?;
        }
        if family.tls.ok && family.call.is_none() {
            writeln!(out, "  authority not shown")?;
        }
    }
    Ok(())
}
