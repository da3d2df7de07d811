//! `--format table`: for a person at a terminal, worst first, readable at 80 columns.

use super::first::{bold, coloured, first, head, lines};
use super::safe::{cut, terminal};
use crate::model::{Finding, Outcome, Severity, Verdict, WaiverStatus};
use comfy_table::{ContentArrangement, Table, presets};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// How it is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Columns of the terminal.
    pub width: u16,
    /// Colours and bold.
    pub colour: bool,
    /// Every result, instead of the first ones of each rule.
    pub details: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            width: 120,
            colour: false,
            details: false,
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

/// Results of one rule that are shown where nobody asked for details.
const FOLDED: usize = 3;
/// Writes the outcome: the answer, what to fix first, then the results rule by rule.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    head(outcome, layout, out)?;
    first(outcome, layout, out)?;
    for severity in Severity::ALL {
        // What a file does not hold is said together at the end: it is no fault of the file's.
        let here: Vec<&Finding> = outcome
            .results
            .iter()
            .filter(|result| {
                result.severity == severity
                    && matches!(result.verdict, Verdict::Fail | Verdict::Unknown)
                    && (layout.details || !super::outside_file(outcome, result))
            })
            .collect();
        if here.is_empty() {
            continue;
        }
        let failed = here
            .iter()
            .filter(|result| result.verdict == Verdict::Fail)
            .count();
        let heading = format!(
            "{} - {}",
            severity.as_str().to_uppercase(),
            count_of(failed, here.len() - failed)
        );
        writeln!(out, "\n{}", bold(&heading, layout))?;
        let mut by_rule: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for result in here {
            by_rule.entry(&result.rule).or_default().push(result);
        }
        for (rule, results) in by_rule {
            block(rule, &results, layout, out)?;
        }
    }
    not_in_file(outcome, layout, out)?;
    why_unknown(outcome, layout, out)?;
    coverage(outcome, layout, out)?;
    waivers(outcome, layout, out)?;
    attested(outcome, layout, out)
}

/// What people say, apart from what was proved.
fn attested(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let said: Vec<_> = outcome
        .attestations
        .iter()
        .filter(|one| one.is_given())
        .collect();
    if said.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", bold("ATTESTED BY PEOPLE, NOT PROVED", layout))?;
    for one in said {
        let text = format!("{}: {}", one.id, one.sentence());
        lines("", 2, &cut(&text, LONGEST), layout, out)?;
    }
    Ok(())
}

/// One line for each cause of unknown results, and what would close them.
fn why_unknown(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    const MOST: usize = 12;
    let causes = super::causes::of(outcome);
    if causes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", bold("WHY RESULTS ARE UNKNOWN", layout))?;
    for cause in causes.iter().take(MOST) {
        lines("", 2, &cut(&cause.sentence(), LONGEST), layout, out)?;
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
    if let Some(cause) = causes.iter().find(|cause| !cause.operation.is_empty()) {
        writeln!(
            out,
            "  To accept a cause until a date, give it a waiver in outcrop.yaml: waivers: [{{cause: \"{}\", reason: ..., owner: ..., expires: ...}}]",
            cut(&cause.operation, LONGEST)
        )?;
    }
    Ok(())
}

/// What a file leaves open because it does not declare it.
fn not_in_file(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let rows = outcome
        .results
        .iter()
        .filter(|result| super::outside_file(outcome, result))
        .count();
    if rows == 0 && outcome.not_in_file.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", bold("NOT IN THE FILE", layout))?;
    if rows > 0 {
        let results = if rows == 1 { "1 result is" } else { "" };
        let results = if results.is_empty() {
            format!("{rows} results are")
        } else {
            results.to_owned()
        };
        lines(
            "",
            2,
            &format!(
                "{results} unknown because the file does not declare what decides; --details and --format json list them."
            ),
            layout,
            out,
        )?;
    }
    if !outcome.not_in_file.is_empty() {
        let rules: Vec<&str> = outcome
            .not_in_file
            .iter()
            .map(|one| one.rule.as_str())
            .collect();
        let shown = if layout.details {
            format!(": {}", cut(&rules.join(", "), 10 * LONGEST))
        } else {
            String::new()
        };
        lines(
            "",
            2,
            &format!(
                "{} say nothing about what else there is in the account{shown}. Evaluate the file against a recorded run: outcrop check FILE --onto RUN",
                if rules.len() == 1 {
                    "1 rule can".to_owned()
                } else {
                    format!("{} rules can", rules.len())
                }
            ),
            layout,
            out,
        )?;
    }
    Ok(())
}

fn count_of(failed: usize, unknown: usize) -> String {
    match (failed, unknown) {
        (failed, 0) => format!("{failed} failed"),
        (0, unknown) => format!("{unknown} unknown"),
        (failed, unknown) => format!("{failed} failed, {unknown} unknown"),
    }
}

/// A result's name and place behind its verdict. A place is never broken: where it does not fit, it has a line of its own.
fn named(
    word: &str,
    indent: usize,
    what: &str,
    place: &str,
    layout: Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let begin = format!("  {word}  ");
    if indent + what.chars().count() + 2 + place.chars().count() <= usize::from(layout.width) {
        return writeln!(out, "{begin}{what}  {place}");
    }
    lines(&begin, indent, what, layout, out)?;
    writeln!(out, "{}{place}", " ".repeat(indent))
}

/// All results of one rule.
fn block(rule: &str, results: &[&Finding], layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let title = results.first().map_or("", |result| result.title.as_str());
    writeln!(
        out,
        "\n{}  {}",
        bold(&cut(title, LONGEST), layout),
        cut(rule, LONGEST)
    )?;
    let of = |verdict| {
        results
            .iter()
            .copied()
            .filter(move |result| result.verdict == verdict)
    };
    let failing: Vec<&Finding> = of(Verdict::Fail).collect();
    let most = if layout.details {
        failing.len()
    } else {
        FOLDED
    };
    for result in failing.iter().take(most) {
        let word = coloured("FAIL", anstyle::AnsiColor::Red, layout);
        let what = format!(
            "{}{}{}",
            origin(result),
            waived(result),
            cut(&subject(result), 120)
        );
        named(&word, 8, &what, &place(result), layout, out)?;
        lines("", 8, &cut(&result.message, LONGEST), layout, out)?;
    }
    if failing.len() > most {
        writeln!(
            out,
            "        and {} more; --details shows all",
            failing.len() - most
        )?;
    }
    // What hides results is mostly one refused call; they are told together.
    let mut unknown: BTreeMap<(String, Vec<String>), Vec<&Finding>> = BTreeMap::new();
    for result in of(Verdict::Unknown) {
        unknown
            .entry((waived(result), needs(result)))
            .or_default()
            .push(result);
    }
    for ((waived, needs), results) in unknown {
        let word = coloured("UNKNOWN", anstyle::AnsiColor::Yellow, layout);
        let most = if layout.details {
            results.len()
        } else {
            FOLDED
        };
        for result in results.iter().take(most) {
            let what = format!("{waived}{}", cut(&subject(result), 120));
            named(&word, 11, &what, &place(result), layout, out)?;
        }
        if results.len() > most {
            writeln!(out, "           and {} more like it", results.len() - most)?;
        }
        if let [only] = results.as_slice()
            && (!only.part.is_empty() || !only.resource.ends_with(":root"))
        {
            lines("", 11, &cut(&only.message, LONGEST), layout, out)?;
        }
        for need in needs {
            lines("", 11, &need, layout, out)?;
        }
    }
    Ok(())
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
    table.set_header(["State", "Rule or cause", "Resource", ""]);
    for waiver in &outcome.waivers {
        let state = match waiver.status {
            WaiverStatus::Used => "used",
            WaiverStatus::Expired => "EXPIRED",
            WaiverStatus::Malformed => "MALFORMED",
            WaiverStatus::Unmatched => "unmatched",
        };
        table.add_row([
            state.to_owned(),
            cut(waiver.of(), 80),
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
    // What a file does not declare is told apart: it is unknown, and not the file's fault.
    let outside = outcome
        .results
        .iter()
        .filter(|result| result.waiver.is_none() && super::outside_file(outcome, result));
    let mut unknown = summary.unknown.clone();
    let mut not_declared = 0;
    for result in outside {
        not_declared += 1;
        if let Some(count) = unknown.get_mut(result.severity.as_str()) {
            *count = count.saturating_sub(1);
        }
    }
    let not_declared = if not_declared > 0 {
        format!(" and {not_declared} not in the file")
    } else {
        String::new()
    };
    terminal(&format!(
        "failed: {}; unknown: {}{not_declared}; passed: {}; not applicable: {}; waived: {}",
        counts(&summary.fail),
        counts(&unknown),
        summary.pass,
        summary.not_applicable,
        summary.waived
    ))
}
