//! The diagram that does not lie: the way each Bedrock caller takes, and where the data lies, drawn from the run.
//!
//! One row is one way (the workload, what its traffic passes, the API family) or one chain of data (corpus, knowledge
//! base, vector store; invocation logging, where the prompts go, the key). Above fifty those that are alike fold into one
//! with a count. The same as SVG, Mermaid, DOT and text.

pub(crate) mod text;

use super::safe::cut;
use crate::model::{Chain, Finding, Outcome, Verdict};
use quick_xml::escape::escape;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The rule whose results carry the ways of every caller.
pub(crate) const RULE: &str = "bedrock-call-leaves-by-public-endpoint";
/// Lines that are drawn one by one.
const MOST: usize = 50;

/// What is drawn of one way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    kind: String,
    id: String,
    because: String,
}

/// One way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    account: String,
    /// Worst first.
    rank: usize,
    verdict: String,
    workload: String,
    kind: String,
    family: String,
    steps: Vec<Step>,
    reason: String,
    count: usize,
}

/// A box of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// What tells it from others.
    pub(crate) key: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// Is something wrong with it?
    pub(crate) fault: bool,
}

/// A row of the picture: boxes from left to right.
#[derive(Debug)]
struct Row {
    account: String,
    class: &'static str,
    /// What an edge says.
    words: &'static str,
    sentence: String,
    nodes: Vec<Node>,
    /// Does the last box stand in the last column?
    leads_out: bool,
}

/// All ways of a run, and where its data lies.
#[derive(Debug, Default)]
pub struct Diagram {
    rows: Vec<Row>,
    /// How many ways stand behind the rows, by verdict.
    pub ways: BTreeMap<String, usize>,
    pub(crate) names: BTreeMap<String, String>,
}

/// From, to, colour class, words.
pub(crate) type Edge<'d> = (&'d str, &'d str, &'static str, &'static str);

const VERDICTS: [&str; 7] = [
    "public",
    "public-possible",
    "unknown",
    "broken",
    "private-bypassable",
    "private-enforced",
    "service-side",
];

pub(crate) fn words(verdict: &str) -> &'static str {
    match verdict {
        "public" => "public endpoint",
        "public-possible" => "public endpoint possible",
        "broken" => "does not get through",
        "private-bypassable" => "private, can be by-passed",
        "private-enforced" => "private and enforced",
        "service-side" => "called by the service itself",
        _ => "not known",
    }
}

/// Colour class: public, private or not known.
pub(crate) fn class(verdict: &str) -> &'static str {
    match verdict {
        "public" | "public-possible" => "public",
        "private-bypassable" | "private-enforced" => "private",
        "broken" => "broken",
        "service-side" => "data",
        _ => "unknown",
    }
}

fn short(id: &str) -> &str {
    crate::model::Arn::parse(id).map_or(id, |arn| arn.resource)
}

fn label(kind: &str) -> &'static str {
    match kind {
        "subnet" => "subnet",
        "nat-gateway" => "NAT gateway",
        "internet-gateway" => "internet gateway",
        "egress-only-gateway" => "egress-only gateway",
        "transit-gateway" => "transit gateway",
        "peering" => "peering",
        "vpn-gateway" => "VPN gateway",
        "firewall" => "firewall",
        "endpoint" => "VPC endpoint",
        "service-network" => "service's own network",
        "public-endpoint" => "public endpoint",
        _ => "",
    }
}

/// What one way says in words.
fn sentence(line: &Line) -> String {
    let by: Vec<String> = line
        .steps
        .iter()
        .map(|step| format!("{} {}", label(&step.kind), short(&step.id)))
        .collect();
    let who = if line.count > 1 {
        format!("{} and {} more", short(&line.workload), line.count - 1)
    } else {
        short(&line.workload).to_owned()
    };
    let by = if by.is_empty() {
        String::new()
    } else {
        format!(" by {}", by.join(", "))
    };
    format!(
        "{who} ({}) to {}{by}: {}. {}",
        line.kind,
        line.family,
        words(&line.verdict),
        line.reason
    )
}

/// The rows of the ways; above [`MOST`] those that pass the same things are one.
fn rows_of_ways(mut lines: Vec<Line>, vpcs: &BTreeMap<String, String>) -> Vec<Row> {
    lines.sort();
    if lines.len() > MOST {
        let mut folded: BTreeMap<(String, usize, String, Vec<String>), Line> = BTreeMap::new();
        for line in lines {
            let kinds = line.steps.iter().map(|step| step.kind.clone()).collect();
            let key = (line.account.clone(), line.rank, line.family.clone(), kinds);
            folded
                .entry(key)
                .and_modify(|known| known.count += 1)
                .or_insert(line);
        }
        lines = folded.into_values().collect();
        lines.sort();
    }
    let row = |line: &Line| {
        let own = if line.count > 1 {
            format!(
                "{} + {} more",
                cut(short(&line.workload), 16),
                line.count - 1
            )
        } else {
            short(&line.workload).to_owned()
        };
        let node = |key: String, kind: String, name: String, fault: bool| Node {
            key,
            kind,
            name,
            fault,
        };
        let mut nodes = vec![node(
            format!("{} {}", line.account, line.workload),
            line.kind.clone(),
            own,
            false,
        )];
        nodes.extend(line.steps.iter().map(|step| {
            let kind = match vpcs.get(&step.id).filter(|_| step.kind == "subnet") {
                Some(vpc) => format!("subnet of {vpc}"),
                None => label(&step.kind).to_owned(),
            };
            node(
                format!("{} {} {}", line.account, step.kind, step.id),
                kind,
                short(&step.id).to_owned(),
                step.kind == "public-endpoint",
            )
        }));
        nodes.push(node(
            format!("~ {}", line.family),
            "Amazon Bedrock".to_owned(),
            line.family.clone(),
            false,
        ));
        Row {
            account: line.account.clone(),
            class: class(&line.verdict),
            words: words(&line.verdict),
            sentence: sentence(line),
            nodes,
            leads_out: true,
        }
    };
    lines.iter().map(row).collect()
}

/// The rows of the data; above [`MOST`] those of one account with the same kinds are one.
fn rows_of_data(chains: &[Chain], failing: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<Row> {
    let mut groups: BTreeMap<(String, Vec<String>), Vec<&Chain>> = BTreeMap::new();
    for (place, chain) in chains.iter().enumerate() {
        let kinds = chain
            .things
            .iter()
            .map(|thing| thing.kind.clone())
            .chain((chains.len() <= MOST).then(|| place.to_string()))
            .collect();
        groups
            .entry((chain.account_id.clone(), kinds))
            .or_default()
            .push(chain);
    }
    let mut rows = Vec::new();
    for ((account, _), group) in groups {
        let Some(first) = group.first() else { continue };
        let more = group.len() - 1;
        let rules: BTreeSet<&str> = group
            .iter()
            .flat_map(|chain| &chain.things)
            .filter_map(|thing| failing.get(thing.id.as_str()))
            .flatten()
            .copied()
            .collect();
        let nodes: Vec<Node> = first
            .things
            .iter()
            .enumerate()
            .map(|(place, thing)| Node {
                key: format!("{account} {} {} {}", first.region, thing.kind, thing.id),
                kind: thing.kind.clone(),
                name: if place == 0 && more > 0 {
                    format!("{} + {more} more", cut(&thing.name, 14))
                } else {
                    short(&thing.name).to_owned()
                },
                fault: group
                    .iter()
                    .filter_map(|chain| chain.things.get(place))
                    .any(|thing| failing.contains_key(thing.id.as_str())),
            })
            .collect();
        let said: Vec<String> = nodes
            .iter()
            .map(|node| format!("{} {}", node.kind, node.name))
            .collect();
        let fault = if rules.is_empty() {
            String::new()
        } else {
            format!(
                "; what fails: {}",
                rules.into_iter().collect::<Vec<_>>().join(", ")
            )
        };
        let unseen =
            !first.unseen.is_empty() || first.things.iter().any(|thing| thing.name == "not known");
        let why = if first.unseen.is_empty() {
            String::new()
        } else {
            format!(": {}", first.unseen)
        };
        rows.push(Row {
            class: if unseen { "unknown" } else { "data" },
            words: if unseen { "not known" } else { "data" },
            sentence: format!("{}: {}{why}{fault}", first.region, said.join(", then ")),
            account,
            nodes,
            leads_out: false,
        });
    }
    rows
}

impl Diagram {
    /// Reads the ways from the results, and the rest from what the run holds.
    pub fn of(outcome: &Outcome) -> Self {
        let mut lines = Vec::new();
        let mut failing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for result in &outcome.results {
            if result.rule == RULE {
                lines.extend(way(result));
            }
            if result.verdict == Verdict::Fail && result.waiver.is_none() {
                failing
                    .entry(&result.resource)
                    .or_default()
                    .insert(&result.rule);
            }
        }
        let mut ways: BTreeMap<String, usize> = BTreeMap::new();
        for line in &lines {
            *ways.entry(line.verdict.clone()).or_default() += 1;
        }
        let mut rows = rows_of_ways(lines, &outcome.estate.vpcs);
        rows.extend(rows_of_data(&outcome.estate.chains, &failing));
        rows.sort_by(|a, b| a.account.cmp(&b.account));
        let names = outcome
            .run
            .accounts
            .iter()
            .map(|account| (account.id.clone(), account.name.clone()))
            .collect();
        Self { rows, ways, names }
    }

    /// Is there nothing to draw?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn account(&self, id: &str) -> String {
        match self.names.get(id) {
            Some(name) if !name.is_empty() => cut(&format!("{id} {name}"), 80),
            _ => cut(id, 80),
        }
    }

    /// The text form: account by account, a sentence a row.
    pub fn sentences(&self) -> Vec<(String, Vec<(&'static str, String)>)> {
        let mut all: Vec<(String, Vec<(&'static str, String)>)> = Vec::new();
        for row in &self.rows {
            let account = self.account(&row.account);
            if all.last().is_none_or(|(known, _)| *known != account) {
                all.push((account, Vec::new()));
            }
            if let Some((_, list)) = all.last_mut() {
                list.push((row.class, cut(&row.sentence, 600)));
            }
        }
        all
    }

    /// The picture; its text form stands beside it.
    pub fn svg(&self) -> String {
        const BOX: usize = 172;
        const GAP: usize = 30;
        const ROW: usize = 58;
        const HEIGHT: usize = 42;
        let columns = self
            .rows
            .iter()
            .map(|row| row.nodes.len())
            .max()
            .unwrap_or(2);
        let width = 24 + columns * (BOX + GAP);
        let mut body = String::new();
        let mut y = 8;
        let mut account = "";
        for row in &self.rows {
            if row.account != account {
                account = &row.account;
                let _ = write!(
                    body,
                    "<text class=\"account\" x=\"12\" y=\"{}\">{}</text>",
                    y + 20,
                    escape(self.account(account))
                );
                y += 34;
            }
            let class = row.class;
            let last = row.nodes.len() - 1;
            let _ = write!(
                body,
                "<g class=\"way {class}\"><title>{}</title>",
                escape(cut(&row.sentence, 500))
            );
            for (place, node) in row.nodes.iter().enumerate() {
                // The service stands in the last column, so that all ways end there.
                let column = if place == last && row.leads_out {
                    columns - 1
                } else {
                    place
                };
                let x = 12 + column * (BOX + GAP);
                let middle = y + HEIGHT / 2;
                if place > 0 {
                    let from = 12 + (place - 1) * (BOX + GAP) + BOX;
                    if place == last && class == "broken" {
                        // It ends on the way.
                        let end = from + GAP;
                        let _ = write!(
                            body,
                            "<path d=\"M{from} {middle} H{end}\"/><path class=\"cross\" d=\"M{} {} l12 12 m0 -12 l-12 12\"/>",
                            end + 2,
                            middle - 6
                        );
                    } else {
                        let _ = write!(
                            body,
                            "<path d=\"M{from} {middle} H{}\" marker-end=\"url(#{class}-end)\"/>",
                            x - 4
                        );
                    }
                }
                let _ = write!(
                    body,
                    "<rect class=\"{}\" x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{HEIGHT}\" rx=\"6\"/><text class=\"kind\" x=\"{}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\">{}</text>",
                    if node.fault { "fault" } else { "box" },
                    x + 8,
                    y + 16,
                    escape(cut(&node.kind, 26)),
                    x + 8,
                    y + 33,
                    escape(cut(&node.name, 23)),
                );
                if node.fault {
                    let _ = write!(
                        body,
                        "<circle class=\"mark\" cx=\"{}\" cy=\"{}\" r=\"8\"/><text class=\"mark\" x=\"{}\" y=\"{}\">!</text>",
                        x + BOX - 12,
                        y + 12,
                        x + BOX - 14,
                        y + 16
                    );
                }
            }
            body.push_str("</g>");
            y += ROW;
        }
        let markers: String = ["public", "private", "broken", "unknown", "data"]
            .iter()
            .map(|class| format!("<marker id=\"{class}-end\" class=\"{class}\" viewBox=\"0 0 8 8\" refX=\"6\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\"/></marker>"))
            .collect();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"diagram-title\"><title id=\"diagram-title\">The way of {} calls to Amazon Bedrock, and where the data lies</title><defs>{markers}</defs>{body}</svg>",
            self.ways.values().sum::<usize>(),
            height = y + 4
        )
    }

    pub(crate) fn graph(&self) -> (BTreeMap<&str, &Node>, Vec<Edge<'_>>) {
        // Ids are numbers given in order of names, so that no name of a stranger is part of the language.
        let (mut nodes, mut edges) = (BTreeMap::new(), Vec::new());
        for row in &self.rows {
            for node in &row.nodes {
                nodes.insert(node.key.as_str(), node);
            }
            for pair in row.nodes.windows(2) {
                let edge = (
                    pair[0].key.as_str(),
                    pair[1].key.as_str(),
                    row.class,
                    row.words,
                );
                if !edges.contains(&edge) {
                    edges.push(edge);
                }
            }
        }
        (nodes, edges)
    }
}

fn way(result: &Finding) -> Vec<Line> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let of = |name: &str| result.evidence.get(name).map(text).unwrap_or_default();
    let Some(Json::Array(ways)) = result.evidence.get("ways") else {
        return Vec::new();
    };
    ways.iter()
        .map(|way| {
            let verdict = text(&way["verdict"]);
            let hops = way["hops"].as_array().map_or(&[][..], Vec::as_slice);
            Line {
                account: result.account_id.clone(),
                rank: VERDICTS
                    .iter()
                    .position(|known| *known == verdict)
                    .unwrap_or(2),
                verdict,
                workload: hops
                    .iter()
                    .find(|hop| hop["kind"] == "workload")
                    .map_or_else(|| result.resource.clone(), |hop| text(&hop["id"])),
                kind: of("workload_kind"),
                family: of("family"),
                steps: hops
                    .iter()
                    .filter(|hop| !label(hop["kind"].as_str().unwrap_or_default()).is_empty())
                    .map(|hop| Step {
                        kind: text(&hop["kind"]),
                        id: text(&hop["id"]),
                        because: text(&hop["because"]),
                    })
                    .collect(),
                reason: text(&way["reason"]),
                count: 1,
            }
        })
        .collect()
}
