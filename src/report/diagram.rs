//! The diagram that does not lie: the way each Bedrock caller takes, drawn from the run.
//!
//! One line is one way: the workload, what its traffic passes, the API family. Above fifty lines those that pass
//! the same things fold into one with a count. The same as SVG, Mermaid, DOT and text.

use super::safe::cut;
use crate::model::{Finding, Outcome};
use quick_xml::escape::escape;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

/// The rule whose results carry the ways of every caller.
const RULE: &str = "bedrock-call-leaves-by-public-endpoint";
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

/// Kind and name of each thing, by a key.
type Nodes = BTreeMap<String, (String, String)>;
/// From, to, colour class, words.
type Edge = (String, String, &'static str, &'static str);

/// All ways of a run.
#[derive(Debug, Default)]
pub struct Diagram {
    lines: Vec<Line>,
    /// How many ways stand behind the lines.
    ways: usize,
    names: BTreeMap<String, String>,
}

const VERDICTS: [&str; 6] = ["public", "public-possible", "unknown", "broken", "private-bypassable", "private-enforced"];

fn words(verdict: &str) -> &'static str {
    match verdict {
        "public" => "public endpoint",
        "public-possible" => "public endpoint possible",
        "broken" => "does not get through",
        "private-bypassable" => "private, can be by-passed",
        "private-enforced" => "private and enforced",
        _ => "not known",
    }
}

/// Colour class: public, private or not known.
fn class(verdict: &str) -> &'static str {
    match verdict {
        "public" | "public-possible" => "public",
        "private-bypassable" | "private-enforced" => "private",
        "broken" => "broken",
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

impl Diagram {
    /// Reads the ways from the results.
    pub fn of(outcome: &Outcome) -> Self {
        let mut lines = Vec::new();
        for result in outcome.results.iter().filter(|result| result.rule == RULE) {
            lines.extend(ways(result));
        }
        lines.sort();
        let ways = lines.len();
        if ways > MOST {
            let mut folded: BTreeMap<(String, usize, String, Vec<String>), Line> = BTreeMap::new();
            for line in lines {
                let kinds = line.steps.iter().map(|step| step.kind.clone()).collect();
                let key = (line.account.clone(), line.rank, line.family.clone(), kinds);
                folded.entry(key).and_modify(|known| known.count += 1).or_insert(line);
            }
            lines = folded.into_values().collect();
            lines.sort();
        }
        let names = outcome.run.accounts.iter().map(|account| (account.id.clone(), account.name.clone())).collect();
        Self { lines, ways, names }
    }

    /// Is there nothing to draw?
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn account(&self, id: &str) -> String {
        match self.names.get(id) {
            Some(name) if !name.is_empty() => format!("{id} {name}"),
            _ => id.to_owned(),
        }
    }

    /// What one line says in words.
    fn sentence(line: &Line) -> String {
        let by: Vec<String> = line.steps.iter().map(|step| format!("{} {}", label(&step.kind), short(&step.id))).collect();
        let who = if line.count > 1 { format!("{} and {} more", short(&line.workload), line.count - 1) } else { short(&line.workload).to_owned() };
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
        format!("{who} ({}) to {}{by}: {}. {}", line.kind, line.family, words(&line.verdict), line.reason)
    }

    /// The text form: account by account, a sentence a way.
    pub fn sentences(&self) -> Vec<(String, Vec<(&'static str, String)>)> {
        let mut all: Vec<(String, Vec<(&'static str, String)>)> = Vec::new();
        for line in &self.lines {
            let account = self.account(&line.account);
            if all.last().is_none_or(|(known, _)| *known != account) {
                all.push((account, Vec::new()));
            }
            if let Some((_, list)) = all.last_mut() {
                list.push((class(&line.verdict), cut(&Self::sentence(line), 600)));
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
        let columns = self.lines.iter().map(|line| line.steps.len()).max().unwrap_or(0) + 2;
        let width = 24 + columns * (BOX + GAP);
        let mut body = String::new();
        let mut y = 8;
        let mut account = "";
        for line in &self.lines {
            if line.account != account {
                account = &line.account;
                let _ = write!(body, "<text class=\"account\" x=\"12\" y=\"{}\">{}</text>", y + 20, escape(cut(&self.account(account), 80)));
                y += 34;
            }
            let class = class(&line.verdict);
            let mut boxes: Vec<(String, String, bool)> = vec![(
                line.kind.clone(),
                if line.count > 1 { format!("{} + {} more", cut(short(&line.workload), 16), line.count - 1) } else { short(&line.workload).to_owned() },
                false,
            )];
            boxes.extend(line.steps.iter().map(|step| (label(&step.kind).to_owned(), short(&step.id).to_owned(), step.kind == "public-endpoint")));
            boxes.push(("Amazon Bedrock".to_owned(), line.family.clone(), false));
            let last = boxes.len() - 1;
            let _ = write!(body, "<g class=\"way {class}\"><title>{}</title>", escape(cut(&Self::sentence(line), 500)));
            for (place, (above, name, fault)) in boxes.iter().enumerate() {
                // The service stands in the last column, so that all ways end there.
                let column = if place == last { columns - 1 } else { place };
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
                        let _ = write!(body, "<path d=\"M{from} {middle} H{}\" marker-end=\"url(#{class}-end)\"/>", x - 4);
                    }
                }
                let _ = write!(
                    body,
                    "<rect class=\"{}\" x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{HEIGHT}\" rx=\"6\"/><text class=\"kind\" x=\"{}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\">{}</text>",
                    if *fault { "fault" } else { "box" },
                    x + 8,
                    y + 16,
                    escape(cut(above, 26)),
                    x + 8,
                    y + 33,
                    escape(cut(name, 23)),
                );
                if *fault {
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
        let markers: String = ["public", "private", "broken", "unknown"]
            .iter()
            .map(|class| format!("<marker id=\"{class}-end\" class=\"{class}\" viewBox=\"0 0 8 8\" refX=\"6\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\"/></marker>"))
            .collect();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"diagram-title\"><title id=\"diagram-title\">The way of {} calls to Amazon Bedrock</title><defs>{markers}</defs>{body}</svg>",
            self.ways,
            height = y + 4
        )
    }

    fn nodes(&self) -> (Nodes, Vec<Edge>) {
        // Ids are numbers given in order of names, so that no name of a stranger is part of the language.
        let (mut nodes, mut edges) = (BTreeMap::new(), Vec::new());
        for line in &self.lines {
            let mut chain = vec![(format!("{} {}", line.account, line.workload), line.kind.clone(), short(&line.workload).to_owned())];
            chain.extend(
                line.steps.iter().map(|step| (format!("{} {} {}", line.account, step.kind, step.id), label(&step.kind).to_owned(), short(&step.id).to_owned())),
            );
            chain.push((format!("~ {}", line.family), "Amazon Bedrock".to_owned(), line.family.clone()));
            for (key, kind, name) in &chain {
                nodes.insert(key.clone(), (kind.clone(), name.clone()));
            }
            for pair in chain.windows(2) {
                let edge = (pair[0].0.clone(), pair[1].0.clone(), class(&line.verdict), words(&line.verdict));
                if !edges.contains(&edge) {
                    edges.push(edge);
                }
            }
        }
        (nodes, edges)
    }
}

fn ways(result: &Finding) -> Vec<Line> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let of = |name: &str| result.evidence.get(name).map(text).unwrap_or_default();
    let Some(Json::Array(ways)) = result.evidence.get("ways") else { return Vec::new() };
    ways.iter()
        .map(|way| {
            let verdict = text(&way["verdict"]);
            let hops = way["hops"].as_array().map_or(&[][..], Vec::as_slice);
            Line {
                account: result.account_id.clone(),
                rank: VERDICTS.iter().position(|known| *known == verdict).unwrap_or(2),
                verdict,
                workload: hops.iter().find(|hop| hop["kind"] == "workload").map_or_else(|| result.resource.clone(), |hop| text(&hop["id"])),
                kind: of("workload_kind"),
                family: of("family"),
                steps: hops
                    .iter()
                    .filter(|hop| !label(hop["kind"].as_str().unwrap_or_default()).is_empty())
                    .map(|hop| Step { kind: text(&hop["kind"]), id: text(&hop["id"]), because: text(&hop["because"]) })
                    .collect(),
                reason: text(&way["reason"]),
                count: 1,
            }
        })
        .collect()
}

fn plain(text: &str, most: usize) -> String {
    cut(text, most).chars().map(|c| if matches!(c, '"' | '<' | '>' | '&' | '\\' | '`' | '[' | ']' | '{' | '}' | '|' | '#' | ';') { ' ' } else { c }).collect()
}

/// Writes the diagram in Mermaid's language.
///
/// # Errors
/// When the writer fails.
pub fn mermaid(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let (nodes, edges) = Diagram::of(outcome).nodes();
    let ids: BTreeMap<&str, usize> = nodes.keys().enumerate().map(|(place, key)| (key.as_str(), place)).collect();
    writeln!(out, "flowchart LR")?;
    for (key, (kind, name)) in &nodes {
        writeln!(out, "  n{}[\"{}<br/>{}\"]", ids[key.as_str()], plain(kind, 40), plain(name, 80))?;
    }
    for (from, to, class, words) in &edges {
        let arrow = if *class == "unknown" { "-.->" } else { "-->" };
        writeln!(out, "  n{} {arrow}|{words}| n{}", ids[from.as_str()], ids[to.as_str()])?;
    }
    for (place, (.., class, _)) in edges.iter().enumerate() {
        let colour = match *class {
            "public" => "#c62828",
            "private" => "#1b7f4b",
            _ => "#777777",
        };
        writeln!(out, "  linkStyle {place} stroke:{colour}")?;
    }
    Ok(())
}

/// Writes the diagram in Graphviz's language.
///
/// # Errors
/// When the writer fails.
pub fn dot(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let (nodes, edges) = Diagram::of(outcome).nodes();
    let ids: BTreeMap<&str, usize> = nodes.keys().enumerate().map(|(place, key)| (key.as_str(), place)).collect();
    writeln!(out, "digraph outcrop {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];")?;
    for (key, (kind, name)) in &nodes {
        writeln!(out, "  n{} [label=\"{}\\n{}\"];", ids[key.as_str()], plain(kind, 40), plain(name, 80))?;
    }
    for (from, to, class, words) in &edges {
        let (colour, style) = match *class {
            "public" => ("#c62828", "solid"),
            "private" => ("#1b7f4b", "solid"),
            _ => ("#777777", "dashed"),
        };
        writeln!(out, "  n{} -> n{} [color=\"{colour}\", style={style}, label=\"{words}\"];", ids[from.as_str()], ids[to.as_str()])?;
    }
    writeln!(out, "}}")
}
