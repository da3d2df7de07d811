//! `outcrop path`: the way a workload's traffic takes, hop by hop.

use super::Usage;
use crate::inventory::{Store, World};
use crate::network::trace::{Packet, trace};
use crate::report::csv::cell;
use crate::report::safe::cut;
use crate::subjects;
use serde::Serialize;
use serde_json::Value as Json;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path as File, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Path {
    /// Run file or inventory folder.
    run: PathBuf,
    /// ARN of one workload; its name is enough where only one has it. To an address: an instance, interface, subnet, VPC or virtual private gateway by id, or `internet`.
    #[arg(long, value_name = "ARN")]
    from: Option<String>,
    /// One API family, such as `bedrock-runtime`; or any address, as ADDRESS or ADDRESS:PORT (443 where it is left out).
    #[arg(long, value_name = "FAMILY")]
    to: Option<String>,
    /// Protocol of a packet to an address: `tcp`, `udp`, `icmp`, or its number.
    #[arg(long, default_value = "tcp", value_parser = protocol)]
    protocol: u8,
    /// Output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
    /// The map of all ways: a line for each workload and API family, with what CloudTrail saw of its role.
    Csv,
}

/// Reads `tcp`, `udp`, `icmp` or a number.
fn protocol(text: &str) -> Result<u8, String> {
    match text.to_ascii_lowercase().as_str() {
        "tcp" => Ok(6),
        "udp" => Ok(17),
        "icmp" => Ok(1),
        other => other
            .parse()
            .map_err(|_| format!("`{text}` is no protocol; write tcp, udp, icmp or its number")),
    }
}

/// Reads ADDRESS or ADDRESS:PORT; `None` for what begins as a name does.
fn address(text: &str) -> Result<Option<(IpAddr, Option<u16>)>, Usage> {
    let found = text
        .parse::<IpAddr>()
        .map(|address| (address, None))
        .or_else(|_| {
            text.parse::<SocketAddr>()
                .map(|place| (place.ip(), Some(place.port())))
        });
    match found {
        Ok(place) => Ok(Some(place)),
        Err(_) if text.starts_with(|c: char| c.is_ascii_digit() || c == '[') => {
            Err(Usage(format!(
                "--to `{text}` is no address; write ADDRESS or ADDRESS:PORT, an IPv6 address with a port in brackets"
            )))
        }
        Err(_) => Ok(None),
    }
}

/// One way of one workload to one family.
#[derive(Debug, Serialize)]
struct Entry {
    workload: String,
    #[serde(skip)]
    name: String,
    kind: String,
    family: String,
    host: Option<String>,
    subnets: Vec<String>,
    verdict: String,
    hops: Json,
    reason: String,
    missing: Json,
}

fn open(path: &File) -> anyhow::Result<Store> {
    let store = super::opened::store(path)?;
    if path.is_dir() {
        subjects::derive(&store)?;
    }
    Ok(store)
}

impl Path {
    pub fn run(&self) -> anyhow::Result<u8> {
        if let Some((to, port)) = self.to.as_deref().map(address).transpose()?.flatten() {
            return self.packet(to, port);
        }
        let store = open(&self.run)?;
        let mut entries = entries(&store)?;
        self.narrow(&mut entries)?;
        let hidden = hidden(&store)?;
        let mut out = crate::cli::out();
        match self.format {
            Format::Json => {
                // What Amazon Bedrock calls by itself takes no way of the customer's, and has none of the verdicts of ways.
                let (own, entries): (Vec<Entry>, Vec<Entry>) = entries
                    .into_iter()
                    .partition(|entry| entry.verdict == "service-side");
                serde_json::to_writer_pretty(
                    &mut out,
                    &serde_json::json!({"paths": entries, "service_side": own, "missing": hidden}),
                )?;
                writeln!(out)?;
            }
            Format::Csv => map(&store, &entries, &mut out)?,
            Format::Table => {
                for entry in &entries {
                    tree(entry, &mut out)?;
                }
                let count = |verdict: &str| {
                    entries
                        .iter()
                        .filter(|entry| entry.verdict == verdict)
                        .count()
                };
                let counts: Vec<String> = [
                    "public",
                    "public-possible",
                    "broken",
                    "private-bypassable",
                    "private-enforced",
                    "service-side",
                    "unknown",
                ]
                .iter()
                .map(|verdict| (count(verdict), verdict))
                .filter(|(count, _)| *count > 0)
                .map(|(count, verdict)| format!("{count} {verdict}"))
                .collect();
                writeln!(
                    out,
                    "{} paths{}",
                    entries.len(),
                    if counts.is_empty() {
                        String::new()
                    } else {
                        format!(": {}", counts.join(", "))
                    }
                )?;
                for gap in hidden.as_array().into_iter().flatten() {
                    writeln!(
                        out,
                        "not all callers are known: {}",
                        cut(gap.as_str().unwrap_or_default(), 800)
                    )?;
                }
            }
        }
        Ok(0)
    }

    /// One packet to an address, whatever it is.
    fn packet(&self, to: IpAddr, port: Option<u16>) -> anyhow::Result<u8> {
        let Some(from) = &self.from else {
            return Err(Usage(format!("where does the packet to {to} come from? --from i-..., eni-..., subnet-..., vpc-..., vgw-..., or internet")).into());
        };
        if self.format == Format::Csv {
            return Err(Usage(
                "--format csv writes the map of all paths; a packet has --format table and json"
                    .to_owned(),
            )
            .into());
        }
        let port = matches!(self.protocol, 6 | 17).then(|| port.unwrap_or(443));
        let store = open(&self.run)?;
        let found = trace(
            &World::load(&store)?,
            from,
            Packet {
                to,
                protocol: self.protocol,
                port,
                from: None,
            },
        )
        .map_err(Usage)?;
        let mut out = crate::cli::out();
        let shown = port.map_or_else(
            || to.to_string(),
            |port| SocketAddr::new(to, port).to_string(),
        );
        match self.format {
            Format::Json => {
                let json = serde_json::json!({"from": from, "to": shown, "protocol": self.protocol, "end": found.end, "hops": found.hops, "reason": found.reason});
                serde_json::to_writer_pretty(&mut out, &json)?;
                writeln!(out)?;
            }
            Format::Table | Format::Csv => {
                let end = serde_json::to_value(found.end)?
                    .as_str()
                    .unwrap_or_default()
                    .to_uppercase();
                writeln!(out, "{} -> {shown}: {end}", cut(from, 200))?;
                hops(&found.hops, &[], &mut out)?;
                writeln!(
                    out,
                    "  {}; the return path is not followed",
                    cut(&found.reason, 800)
                )?;
            }
        }
        Ok(0)
    }

    fn narrow(&self, entries: &mut Vec<Entry>) -> anyhow::Result<()> {
        if let Some(from) = &self.from {
            let named = |entry: &Entry| {
                entry.workload == *from
                    || entry.name == *from
                    || entry.workload.rsplit([':', '/']).next() == Some(from)
            };
            let mut workloads: Vec<&str> = entries
                .iter()
                .filter(|entry| named(entry))
                .map(|entry| entry.workload.as_str())
                .collect();
            workloads.dedup();
            match workloads.as_slice() {
                [] => {
                    let mut known: Vec<&str> = entries
                        .iter()
                        .map(|entry| entry.workload.as_str())
                        .collect();
                    known.dedup();
                    let known: Vec<String> =
                        known.iter().take(10).map(|arn| cut(arn, 300)).collect();
                    return Err(Usage(format!(
                        "no workload `{from}` with a way to Bedrock is in this run; it knows {}",
                        known.join(", ")
                    ))
                    .into());
                }
                [_] => {}
                [..] => {
                    return Err(Usage(format!(
                        "`{from}` is the name of several workloads: {}",
                        workloads.join(", ")
                    ))
                    .into());
                }
            }
            entries.retain(named);
        }
        if let Some(to) = &self.to {
            let mut families: Vec<String> =
                entries.iter().map(|entry| entry.family.clone()).collect();
            families.sort();
            families.dedup();
            entries.retain(|entry| entry.family == *to);
            if entries.is_empty() {
                return Err(Usage(format!(
                    "no path leads to `{to}`; there are paths to {}",
                    families.join(", ")
                ))
                .into());
            }
        }
        Ok(())
    }
}

fn entries(store: &Store) -> anyhow::Result<Vec<Entry>> {
    let sql = "SELECT resource, workload_kind, family, host, ways, name FROM bedrock_path ORDER BY account_id, region, resource, family";
    let mut statement = store.conn.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let (workload, kind, family) = (
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
        );
        Ok((
            workload,
            kind,
            family,
            row.get::<_, Option<String>>(3)?,
            row.get::<_, Option<String>>(4)?,
            row.get::<_, Option<String>>(5)?,
        ))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (workload, kind, family, host, ways, name) = row?;
        let ways: Vec<Json> = serde_json::from_str(ways.as_deref().unwrap_or("[]"))?;
        for way in ways {
            let text = |key: &str| way[key].as_str().unwrap_or_default().to_owned();
            all.push(Entry {
                workload: workload.clone(),
                name: name.clone().unwrap_or_default(),
                kind: kind.clone(),
                family: family.clone(),
                host: host.clone(),
                subnets: way["subnets"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                    .map(str::to_owned)
                    .collect(),
                verdict: text("verdict"),
                hops: way["hops"].clone(),
                reason: text("reason"),
                missing: way["missing"].clone(),
            });
        }
    }
    Ok(all)
}

const MAP: [&str; 16] = [
    "account_id",
    "region",
    "workload",
    "name",
    "kind",
    "family",
    "host",
    "verdict",
    "deciding",
    "reason",
    "endpoint_exists",
    "has_egress",
    "endpoint_calls",
    "public_calls",
    "observed",
    "missing",
];

/// Path verdicts beside what was observed, as a table; what is not known says so.
fn map(store: &Store, entries: &[Entry], out: &mut dyn Write) -> anyhow::Result<()> {
    let chosen: std::collections::BTreeSet<(&str, &str)> = entries
        .iter()
        .map(|entry| (entry.workload.as_str(), entry.family.as_str()))
        .collect();
    let sql = "SELECT p.account_id, p.region, p.resource, p.name, p.workload_kind, p.family, p.host, p.path_verdict, p.reason, p.endpoint_exists, p.has_egress, \
               o.endpoint_calls, o.public_calls, o.compared, p.ways FROM bedrock_path p \
               LEFT JOIN bedrock_observed o ON o.account_id = p.account_id AND o.resource = p.role_arn ORDER BY 1, 2, 3, 6";
    let mut statement = store.conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    writeln!(out, "{}", MAP.map(cell).join(","))?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| {
            row.get::<_, Option<String>>(at)
                .map(Option::unwrap_or_default)
        };
        let flag = |at: usize| {
            row.get::<_, Option<bool>>(at).map(|on| {
                on.map_or("unknown", |on| if on { "yes" } else { "no" })
                    .to_owned()
            })
        };
        let count = |at: usize| {
            row.get::<_, Option<i64>>(at)
                .map(|count| count.map_or_else(String::new, |count| count.to_string()))
        };
        let (workload, family) = (text(2)?, text(5)?);
        if !chosen.contains(&(workload.as_str(), family.as_str())) {
            continue;
        }
        let verdict = text(7)?;
        let ways: Vec<Json> = serde_json::from_str(&text(14)?).unwrap_or_default();
        let hops = ways
            .first()
            .and_then(|way| way["hops"].as_array())
            .map(Vec::as_slice)
            .unwrap_or_default();
        let decides = |hop: &&Json| {
            !matches!(
                hop["kind"].as_str(),
                Some("workload" | "name" | "subnet" | "security-group" | "network-acl")
            )
        };
        let deciding: Vec<&str> = hops
            .iter()
            .filter(decides)
            .filter_map(|hop| hop["id"].as_str())
            .collect();
        let mut missing: Vec<&str> = ways
            .iter()
            .flat_map(|way| way["missing"].as_array())
            .flatten()
            .filter_map(|gap| gap["detail"].as_str())
            .collect();
        missing.dedup();
        let cells = [
            text(0)?,
            text(1)?,
            workload,
            text(3)?,
            text(4)?,
            family,
            text(6)?,
            if verdict.is_empty() {
                "unknown".to_owned()
            } else {
                verdict
            },
            deciding.join(" > "),
            text(8)?,
            flag(9)?,
            flag(10)?,
            count(11)?,
            count(12)?,
            text(13)?,
            missing.join("; "),
        ];
        writeln!(out, "{}", cells.map(|text| cell(&text)).join(","))?;
    }
    Ok(())
}

/// What hides callers, one sentence each.
fn hidden(store: &Store) -> anyhow::Result<Json> {
    let mut statement =
        store.conn.prepare("SELECT account_id, region, gaps FROM subject_scope WHERE table_name = 'bedrock_path' AND gaps <> '[]' ORDER BY 1, 2")?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
        ))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (account, region, gaps) = row?;
        let gaps: Vec<Json> = serde_json::from_str(&gaps)?;
        let mut texts: Vec<String> = gaps
            .iter()
            .map(|gap| {
                match (
                    gap["operation"].as_str().unwrap_or_default(),
                    gap["detail"].as_str().unwrap_or_default(),
                ) {
                    ("", detail) => detail.to_owned(),
                    (operation, detail) => format!("{operation}: {detail}"),
                }
            })
            .collect();
        texts.dedup();
        all.push(Json::from(format!(
            "{account} {region}: {}",
            texts.join("; ")
        )));
    }
    Ok(Json::from(all))
}

fn tree(entry: &Entry, out: &mut dyn Write) -> anyhow::Result<()> {
    let subnets = if entry.subnets.is_empty() {
        String::new()
    } else {
        format!(" from {}", cut(&entry.subnets.join(", "), 400))
    };
    // A name that the ARN does not tell goes before it.
    let name = if entry.workload.contains(&entry.name) {
        String::new()
    } else {
        format!("{} ", cut(&entry.name, 200))
    };
    writeln!(
        out,
        "{name}{} -> {}{subnets}: {}",
        cut(&entry.workload, 800),
        entry.family,
        entry.verdict.to_uppercase()
    )?;
    hops(
        entry.hops.as_array().map(Vec::as_slice).unwrap_or_default(),
        entry
            .missing
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default(),
        out,
    )?;
    writeln!(out, "  {}\n", cut(&entry.reason, 800))?;
    Ok(())
}

/// Hops and what is missing, as the branches of a tree.
fn hops(hops: &[Json], gaps: &[Json], out: &mut dyn Write) -> anyhow::Result<()> {
    for (at, hop) in hops.iter().enumerate() {
        let text = |key: &str| cut(hop[key].as_str().unwrap_or_default(), 600);
        let branch = if at + 1 == hops.len() && gaps.is_empty() {
            "└─"
        } else {
            "├─"
        };
        writeln!(
            out,
            "  {branch} {} {}\n  {}   {}",
            text("kind"),
            text("id"),
            if branch == "└─" { " " } else { "│" },
            text("because")
        )?;
    }
    for (at, gap) in gaps.iter().enumerate() {
        let text = |key: &str| cut(gap[key].as_str().unwrap_or_default(), 600);
        writeln!(
            out,
            "  {} not known: {}",
            if at + 1 == gaps.len() {
                "└─"
            } else {
                "├─"
            },
            text("detail")
        )?;
    }
    Ok(())
}
