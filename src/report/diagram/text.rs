//! The diagram as Mermaid and Graphviz text.

use super::super::safe::cut;
use super::Diagram;
use crate::model::Outcome;
use std::collections::BTreeMap;
use std::io;
use std::io::Write;

pub(crate) fn plain(text: &str, most: usize) -> String {
    cut(text, most)
        .chars()
        .map(|c| {
            if matches!(
                c,
                '"' | '<' | '>' | '&' | '\\' | '`' | '[' | ']' | '{' | '}' | '|' | '#' | ';'
            ) {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// What a drawing of an interrupted run says.
const INTERRUPTED: &str = "The run was interrupted: what it does not hold was not looked at.";

/// Writes the diagram in Mermaid's language.
///
/// # Errors
/// When the writer fails.
pub fn mermaid(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let diagram = Diagram::of(outcome);
    let (nodes, edges) = diagram.graph();
    let ids: BTreeMap<&str, usize> = nodes
        .keys()
        .enumerate()
        .map(|(place, key)| (*key, place))
        .collect();
    writeln!(out, "flowchart LR")?;
    if !outcome.run.complete {
        writeln!(out, "  %% {INTERRUPTED}")?;
    }
    for (key, node) in &nodes {
        writeln!(
            out,
            "  n{}[\"{}<br/>{}\"]",
            ids[key],
            plain(&node.kind, 40),
            plain(&node.name, 80)
        )?;
    }
    for (from, to, class, words) in &edges {
        let arrow = if *class == "unknown" { "-.->" } else { "-->" };
        writeln!(out, "  n{} {arrow}|{words}| n{}", ids[from], ids[to])?;
    }
    for node in nodes.values().filter(|node| node.fault) {
        writeln!(
            out,
            "  style n{} stroke:#c62828,stroke-width:3px",
            ids[node.key.as_str()]
        )?;
    }
    for (place, (.., class, _)) in edges.iter().enumerate() {
        let colour = match *class {
            "public" => "#c62828",
            "private" => "#1b7f4b",
            "data" => "#0b5cad",
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
    let diagram = Diagram::of(outcome);
    let (nodes, edges) = diagram.graph();
    let ids: BTreeMap<&str, usize> = nodes
        .keys()
        .enumerate()
        .map(|(place, key)| (*key, place))
        .collect();
    writeln!(
        out,
        "digraph outcrop {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];"
    )?;
    if !outcome.run.complete {
        writeln!(out, "  // {INTERRUPTED}")?;
    }
    for (key, node) in &nodes {
        let fault = if node.fault {
            ", color=\"#c62828\", penwidth=3"
        } else {
            ""
        };
        writeln!(
            out,
            "  n{} [label=\"{}\\n{}\"{fault}];",
            ids[key],
            plain(&node.kind, 40),
            plain(&node.name, 80)
        )?;
    }
    for (from, to, class, words) in &edges {
        let (colour, style) = match *class {
            "public" => ("#c62828", "solid"),
            "private" => ("#1b7f4b", "solid"),
            "data" => ("#0b5cad", "solid"),
            _ => ("#777777", "dashed"),
        };
        writeln!(
            out,
            "  n{} -> n{} [color=\"{colour}\", style={style}, label=\"{words}\"];",
            ids[from], ids[to]
        )?;
    }
    writeln!(out, "}}")
}
