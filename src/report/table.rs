//! `--format table`: for a person at a terminal, worst first, readable at 80 columns.

use super::safe::{cut, terminal};
use crate::model::{Finding, Outcome, Severity, Verdict, WaiverStatus};
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// How it is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Columns of the terminal.
    pub width: u16,
    /// Colours and bold.
    pub colour: bool,
}

const LONGEST: usize = 400;

fn new_table(layout: Layout) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_width(layout.width);
    if layout.colour { table.enforce_styling(); } else { table.force_no_tty(); }
    table
}

fn verdict_cell(verdict: Verdict, layout: Layout) -> Cell {
    let (word, colour) = match verdict {
        Verdict::Fail => ("FAIL", Color::Red),
        Verdict::Unknown => ("UNKNOWN", Color::Yellow),
        Verdict::Pass => ("pass", Color::Green),
        Verdict::NotApplicable => ("n/a", Color::Grey),
    };
    let cell = Cell::new(word);
    if layout.colour { cell.fg(colour).add_attribute(Attribute::Bold) } else { cell }
}

/// Writes the outcome as tables.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    for severity in Severity::ALL {
        let here: Vec<&Finding> = outcome.results.iter().filter(|result| result.severity == severity && matches!(result.verdict, Verdict::Fail | Verdict::Unknown)).collect();
        if !here.is_empty() {
            let failed = here.iter().filter(|result| result.verdict == Verdict::Fail).count();
            writeln!(out, "\n{} - {}", severity.as_str().to_uppercase(), count_of(failed, here.len() - failed))?;
            let mut by_rule: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
            for result in here {
                by_rule.entry(&result.rule).or_default().push(result);
            }
            for (rule, results) in by_rule {
                rule_table(rule, &results, layout, out)?;
            }
        }
    }
    coverage(outcome, layout, out)?;
    waivers(outcome, layout, out)?;
    if !outcome.disabled.is_empty() {
        writeln!(out, "\nSwitched off by the configuration: {}", outcome.disabled.join(", "))?;
    }
    writeln!(out, "\n{}", closing(outcome))
}

fn count_of(failed: usize, unknown: usize) -> String {
    match (failed, unknown) {
        (failed, 0) => format!("{failed} failed"),
        (0, unknown) => format!("{unknown} unknown"),
        (failed, unknown) => format!("{failed} failed, {unknown} unknown"),
    }
}

fn rule_table(rule: &str, results: &[&Finding], layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let title = results.first().map_or("", |result| result.title.as_str());
    writeln!(out, "\n{}\n{}", cut(title, LONGEST), cut(rule, LONGEST))?;
    let mut table = new_table(layout);
    let mut sorted: Vec<&&Finding> = results.iter().collect();
    sorted.sort_by_key(|result| result.verdict);
    for result in sorted {
        let place = if result.region == crate::model::GLOBAL { result.account_id.clone() } else { format!("{} {}", result.account_id, result.region) };
        let mut what = cut(&result.message, LONGEST);
        if let Some(waiver) = &result.waiver {
            what = format!("[waived until {} by {}: {}] {what}", cut(&waiver.expires, 10), cut(&waiver.owner, 60), cut(&waiver.reason, 120));
        }
        let mut needs: Vec<String> = result.missing.iter().map(|gap| match (gap.operation.as_str(), gap.action.as_str()) {
            ("", _) => cut(&gap.detail, 160),
            (operation, action) if action.is_empty() || action == operation => format!("{operation}: {}", cut(&gap.detail, 160)),
            (operation, action) => format!("{operation} (permission {action}): {}", cut(&gap.detail, 160)),
        }).collect();
        needs.dedup();
        let more = needs.len().saturating_sub(3);
        needs.truncate(3);
        if more > 0 {
            needs.push(format!("and {more} more (outcrop explain)"));
        }
        if !needs.is_empty() && result.verdict == Verdict::Unknown {
            what = format!("{what}\nneeds {}", needs.join("\n      "));
        }
        table.add_row(vec![verdict_cell(result.verdict, layout), Cell::new(cut(&place, 60)), Cell::new(format!("{}\n{what}", cut(&subject(result), 120)))]);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(9)));
    }
    if let Some(column) = table.column_mut(1) {
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(if layout.width < 100 { 16 } else { 30 })));
    }
    writeln!(out, "{table}")
}

/// The resource without what the place says already.
fn subject(result: &Finding) -> String {
    let short = crate::model::Arn::parse(&result.resource).map_or(result.resource.as_str(), |arn| if arn.resource == "root" { "the account" } else { arn.resource });
    if result.part.is_empty() { short.to_owned() } else { format!("{short} [{}]", result.part) }
}

fn coverage(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let unseen: Vec<_> = outcome.coverage.iter().filter(|line| !matches!(line.status.as_str(), "complete" | "unsupported" | "not-collected")).collect();
    if unseen.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nNOT SEEN - {} readings failed, so nothing is said about what they would have shown", unseen.len())?;
    let mut table = new_table(layout);
    table.set_header(["Account", "Region", "Operation", "What", "Why"]);
    for line in unseen.iter().take(40) {
        table.add_row([cut(&line.account_id, 12), cut(&line.region, 20), cut(&line.operation, 60), cut(&line.table, 80), cut(&format!("{} {}", line.status, line.detail), 160)]);
    }
    writeln!(out, "{table}")?;
    if unseen.len() > 40 {
        writeln!(out, "and {} more; `--format json` lists all", unseen.len() - 40)?;
    }
    Ok(())
}

fn waivers(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    if outcome.waivers.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nWAIVERS")?;
    let mut table = new_table(layout);
    table.set_header(["State", "Rule", "Resource", ""]);
    for waiver in &outcome.waivers {
        let state = match waiver.status {
            WaiverStatus::Used => "used",
            WaiverStatus::Expired => "EXPIRED",
            WaiverStatus::Malformed => "MALFORMED",
            WaiverStatus::Unmatched => "unmatched",
        };
        table.add_row([state.to_owned(), cut(&waiver.rule, 80), cut(&waiver.resource, 120), cut(&waiver.detail, 160)]);
    }
    writeln!(out, "{table}")
}

/// One line of counts.
pub fn closing(outcome: &Outcome) -> String {
    let summary = &outcome.summary;
    let counts = |counts: &BTreeMap<&'static str, u64>| {
        let parts: Vec<String> = Severity::ALL.iter().filter_map(|severity| counts.get(severity.as_str()).filter(|count| **count > 0).map(|count| format!("{count} {}", severity.as_str()))).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    };
    terminal(&format!("failed: {}; unknown: {}; passed: {}; not applicable: {}; waived: {}", counts(&summary.fail), counts(&summary.unknown), summary.pass, summary.not_applicable, summary.waived))
}
