//! `--format table`: for a person at a terminal, worst first, readable at 80 columns.

use super::safe::{cut, terminal};
use crate::model::{Finding, Outcome, Severity, Verdict, WaiverStatus};
use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets,
};
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

impl Default for Layout {
    fn default() -> Self {
        Self {
            width: 120,
            colour: false,
        }
    }
}

const LONGEST: usize = 400;

fn new_table(layout: Layout) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(layout.width);
    if layout.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
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
    if layout.colour {
        cell.fg(colour).add_attribute(Attribute::Bold)
    } else {
        cell
    }
}

/// Writes the outcome as tables.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    for severity in Severity::ALL {
        // What a file does not hold is told together at the end: it is no fault of the file's.
        let here: Vec<&Finding> = outcome
            .results
            .iter()
            .filter(|result| {
                result.severity == severity
                    && matches!(result.verdict, Verdict::Fail | Verdict::Unknown)
                    && !super::outside_file(outcome, result)
            })
            .collect();
        if !here.is_empty() {
            let failed = here
                .iter()
                .filter(|result| result.verdict == Verdict::Fail)
                .count();
            writeln!(
                out,
                "\n{} - {}",
                severity.as_str().to_uppercase(),
                count_of(failed, here.len() - failed)
            )?;
            let mut by_rule: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
            for result in here {
                by_rule.entry(&result.rule).or_default().push(result);
            }
            for (rule, results) in by_rule {
                rule_table(rule, &results, layout, out)?;
            }
        }
    }
    not_in_file(outcome, out)?;
    why_unknown(outcome, out)?;
    coverage(outcome, layout, out)?;
    waivers(outcome, layout, out)?;
    if !outcome.disabled.is_empty() {
        writeln!(
            out,
            "\nSwitched off by the configuration: {}",
            outcome.disabled.join(", ")
        )?;
    }
    writeln!(out, "\n{}", closing(outcome))
}

/// One line for each cause of unknown results, and what would close them.
fn why_unknown(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    const MOST: usize = 12;
    let causes = super::causes::of(outcome);
    if causes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nWHY RESULTS ARE UNKNOWN")?;
    for cause in causes.iter().take(MOST) {
        writeln!(out, "  {}", cut(&cause.sentence(), LONGEST))?;
    }
    if causes.len() > MOST {
        writeln!(
            out,
            "  and {} more causes; `--format json` lists them",
            causes.len() - MOST
        )?;
    }
    let actions = super::causes::actions(&causes);
    if !actions.is_empty() {
        writeln!(
            out,
            "  To close what was denied, allow the audit role: {}",
            cut(&actions.join(", "), 4 * LONGEST)
        )?;
    }
    Ok(())
}

/// How many verdicts rest on what a file does not hold.
fn not_in_file(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for result in outcome
        .results
        .iter()
        .filter(|result| super::outside_file(outcome, result))
    {
        *rules.entry(&result.rule).or_default() += 1;
    }
    if rules.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nNOT IN THE FILE - {} verdicts of {} rules rest on what it does not hold; lay it over a recorded run with --onto; `--format json` lists them",
        rules.values().sum::<usize>(),
        rules.len()
    )
}

fn count_of(failed: usize, unknown: usize) -> String {
    match (failed, unknown) {
        (failed, 0) => format!("{failed} failed"),
        (0, unknown) => format!("{unknown} unknown"),
        (failed, unknown) => format!("{failed} failed, {unknown} unknown"),
    }
}

fn rule_table(
    rule: &str,
    results: &[&Finding],
    layout: Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let title = results.first().map_or("", |result| result.title.as_str());
    writeln!(out, "\n{}\n{}", cut(title, LONGEST), cut(rule, LONGEST))?;
    let mut table = new_table(layout);
    for result in results
        .iter()
        .filter(|result| result.verdict == Verdict::Fail)
    {
        table.add_row(vec![
            verdict_cell(result.verdict, layout),
            Cell::new(place(result)),
            Cell::new(format!(
                "{}{}{}\n{}",
                origin(result),
                waived(result),
                cut(&subject(result), 120),
                cut(&result.message, LONGEST)
            )),
        ]);
    }
    // What hides results is mostly one refused call; they are told together.
    let mut unknown: BTreeMap<(String, Vec<String>), Vec<&Finding>> = BTreeMap::new();
    for result in results
        .iter()
        .filter(|result| result.verdict == Verdict::Unknown)
    {
        unknown
            .entry((waived(result), needs(result)))
            .or_default()
            .push(result);
    }
    for ((waived, needs), results) in unknown {
        let first = results[0];
        let places = if results.len() == 1 {
            place(first)
        } else {
            format!("{} places", results.len())
        };
        let mut what: Vec<String> = results
            .iter()
            .take(4)
            .map(|result| {
                if results.len() == 1 {
                    subject(result)
                } else {
                    format!("{} {}", place(result), subject(result))
                }
            })
            .map(|line| cut(&line, 140))
            .collect();
        if results.len() > 4 {
            what.push(format!("and {} more", results.len() - 4));
        }
        if results.len() == 1 && first.part.is_empty() && !first.resource.ends_with(":root")
            || results.len() == 1 && !first.part.is_empty()
        {
            what.push(cut(&first.message, LONGEST));
        }
        table.add_row(vec![
            verdict_cell(Verdict::Unknown, layout),
            Cell::new(places),
            Cell::new(format!("{waived}{}\n{}", what.join("\n"), needs.join("\n"))),
        ]);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(9)));
    }
    if let Some(column) = table.column_mut(1) {
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(
            if layout.width < 100 { 16 } else { 30 },
        )));
    }
    writeln!(out, "{table}")
}

fn place(result: &Finding) -> String {
    if let Some(location) = &result.location {
        return cut(&format!("{}:{}", location.file, location.line), 80);
    }
    cut(
        &if result.region == crate::model::GLOBAL {
            result.account_id.clone()
        } else {
            format!("{} {}", result.account_id, result.region)
        },
        60,
    )
}

fn waived(result: &Finding) -> String {
    result.waiver.as_ref().map_or_else(String::new, |waiver| {
        format!(
            "[waived until {} by {}: {}] ",
            cut(&waiver.expires, 10),
            cut(&waiver.owner, 60),
            cut(&waiver.reason, 120)
        )
    })
}

/// Whether the change brings it.
fn origin(result: &Finding) -> String {
    result
        .origin
        .as_ref()
        .map_or_else(String::new, |origin| format!("[{}] ", cut(origin, 10)))
}

/// What an unknown needs, call by call, the same call once.
fn needs(result: &Finding) -> Vec<String> {
    let mut calls: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for gap in &result.missing {
        let call = match (gap.operation.as_str(), gap.action.as_str()) {
            ("", _) => String::new(),
            (operation, action) if action.is_empty() || action == operation => {
                format!("needs {operation}")
            }
            (operation, action) => format!("needs {operation} (permission {action})"),
        };
        // The place stands in its own column; what is the same everywhere is told once.
        let detail = gap
            .detail
            .split_once(": ")
            .filter(|(place, _)| {
                place.len() > 12 && place.bytes().take(12).all(|byte| byte.is_ascii_digit())
            })
            .map_or(gap.detail.as_str(), |(_, detail)| detail);
        let details = calls.entry(call).or_default();
        if !details.contains(&detail) {
            details.push(detail);
        }
    }
    let more = calls.len().saturating_sub(4);
    let mut lines: Vec<String> = calls
        .iter()
        .take(4)
        .map(|(call, details)| {
            let others = if details.len() > 1 {
                format!(" (and {} more like it)", details.len() - 1)
            } else {
                String::new()
            };
            format!(
                "{}{}{others}",
                if call.is_empty() {
                    String::new()
                } else {
                    format!("{call}: ")
                },
                cut(details[0], 150)
            )
        })
        .collect();
    if more > 0 {
        lines.push(format!(
            "and {more} other calls; `outcrop explain` names all"
        ));
    }
    lines
}

/// The resource without what the place says already.
fn subject(result: &Finding) -> String {
    let short =
        crate::model::Arn::parse(&result.resource).map_or(result.resource.as_str(), |arn| {
            if arn.resource == "root" {
                "the account"
            } else {
                arn.resource
            }
        });
    if result.part.is_empty() {
        short.to_owned()
    } else {
        format!("{short} [{}]", result.part)
    }
}

/// Readings that failed, the same failure of one account once.
fn coverage(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let mut unseen: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
    for line in outcome.coverage.iter().filter(|line| {
        !matches!(
            line.status.as_str(),
            "complete" | "unsupported" | "not-collected"
        )
    }) {
        let key = (
            line.account_id.clone(),
            line.operation.clone(),
            format!("{} {}", line.status, line.detail),
        );
        let what = if line.region == crate::model::GLOBAL {
            line.table.clone()
        } else {
            format!("{} in {}", line.table, line.region)
        };
        unseen.entry(key).or_default().push(what);
    }
    if unseen.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nNOT SEEN - nothing is said about what these calls would have shown"
    )?;
    let mut table = new_table(layout);
    table.set_header(["Account", "Operation", "What", "Why"]);
    for ((account, operation, why), what) in unseen.iter().take(40) {
        let shown = if what.len() > 2 {
            format!("{}, {} and {} more", what[0], what[1], what.len() - 2)
        } else {
            what.join(", ")
        };
        table.add_row([
            cut(account, 12),
            cut(operation, 60),
            cut(&shown, 120),
            cut(why, 240),
        ]);
    }
    writeln!(out, "{table}")?;
    if unseen.len() > 40 {
        writeln!(
            out,
            "and {} more; `--format json` lists all",
            unseen.len() - 40
        )?;
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
        table.add_row([
            state.to_owned(),
            cut(&waiver.rule, 80),
            cut(&waiver.resource, 120),
            cut(&waiver.detail, 160),
        ]);
    }
    writeln!(out, "{table}")
}

/// One line of counts.
pub fn closing(outcome: &Outcome) -> String {
    let summary = &outcome.summary;
    let counts = |counts: &BTreeMap<&'static str, u64>| {
        let parts: Vec<String> = Severity::ALL
            .iter()
            .filter_map(|severity| {
                counts
                    .get(severity.as_str())
                    .filter(|count| **count > 0)
                    .map(|count| format!("{count} {}", severity.as_str()))
            })
            .collect();
        if parts.is_empty() {
            "none".to_owned()
        } else {
            parts.join(", ")
        }
    };
    terminal(&format!(
        "failed: {}; unknown: {}; passed: {}; not applicable: {}; waived: {}",
        counts(&summary.fail),
        counts(&summary.unknown),
        summary.pass,
        summary.not_applicable,
        summary.waived
    ))
}
