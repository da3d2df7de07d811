//! `--format xlsx`: a workbook with a sheet each for results, coverage, rules, waivers, controls and attestations.
//!
//! Every cell is a text or a number, never a formula.

use super::missing;
use crate::model::{Outcome, WaiverStatus};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use std::io::{self, Write};

/// Characters that a cell holds.
const LONGEST: usize = 32_000;
/// Rows that a sheet holds, its head left out.
const MOST: usize = 1_048_575;

fn failed(error: &XlsxError) -> io::Error {
    io::Error::other(error.to_string())
}

/// What XML can hold of a text, and a cell.
fn text(text: &str) -> String {
    text.chars()
        .filter(|c| {
            matches!(c, '\t' | '\n') || !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
        })
        .take(LONGEST)
        .collect()
}

fn sheet<'w>(
    book: &'w mut Workbook,
    name: &str,
    columns: &[(&str, f64)],
    rows: usize,
) -> Result<&'w mut Worksheet, XlsxError> {
    let head = Format::new().set_bold();
    let sheet = book.add_worksheet().set_name(name)?;
    for (place, (title, width)) in (0_u16..).zip(columns) {
        sheet.write_string_with_format(0, place, *title, &head)?;
        sheet.set_column_width(place, *width)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    let last = u16::try_from(columns.len()).unwrap_or(1).saturating_sub(1);
    sheet.autofilter(
        0,
        0,
        u32::try_from(rows.min(MOST)).unwrap_or(u32::MAX),
        last,
    )?;
    Ok(sheet)
}

fn row(sheet: &mut Worksheet, number: usize, cells: &[&str]) -> Result<(), XlsxError> {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    for (place, cell) in (0_u16..).zip(cells) {
        sheet.write_string(number, place, text(cell))?;
    }
    Ok(())
}

fn book(outcome: &Outcome) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // The time of the run, so that the same run gives the same bytes.
    let made = ExcelDateTime::parse_from_str(outcome.run.judged_at())
        .or_else(|_| ExcelDateTime::from_ymd(2000, 1, 1))?;
    book.set_properties(
        &DocProperties::new()
            .set_title("Outcrop")
            .set_creation_datetime(&made),
    );
    let columns = [
        ("severity", 10.0),
        ("verdict", 14.0),
        ("rule", 38.0),
        ("resource", 60.0),
        ("part", 20.0),
        ("account", 14.0),
        ("region", 14.0),
        ("message", 80.0),
        ("missing", 60.0),
        ("waived until", 12.0),
        ("waived by", 20.0),
        ("waived because", 30.0),
        ("file", 30.0),
        ("line", 8.0),
        ("origin", 10.0),
        ("evidence", 60.0),
        ("controls", 30.0),
        ("fingerprint", 20.0),
    ];
    let results = sheet(&mut book, "Results", &columns, outcome.results.len())?;
    for (place, result) in outcome.results.iter().take(MOST).enumerate() {
        let waiver = result.waiver.as_ref();
        let evidence = serde_json::to_string(&result.evidence).unwrap_or_default();
        let (file, line) = result
            .location
            .as_ref()
            .map_or_else(Default::default, |place| {
                (place.file.clone(), place.line.to_string())
            });
        row(
            results,
            place + 1,
            &[
                result.severity.as_str(),
                result.verdict.as_str(),
                &result.rule,
                &result.resource,
                &result.part,
                &result.account_id,
                &result.region,
                &result.message,
                &missing(result),
                waiver.map_or("", |waiver| &waiver.expires),
                waiver.map_or("", |waiver| &waiver.owner),
                waiver.map_or("", |waiver| &waiver.reason),
                &file,
                &line,
                result.origin.as_deref().unwrap_or_default(),
                &evidence,
                &super::csv::supported(&result.controls),
                &result.fingerprint,
            ],
        )?;
    }
    let columns = [
        ("account", 14.0),
        ("region", 14.0),
        ("table", 36.0),
        ("status", 14.0),
        ("operation", 40.0),
        ("detail", 80.0),
        ("rows", 10.0),
    ];
    let coverage = sheet(&mut book, "Coverage", &columns, outcome.coverage.len())?;
    for (place, line) in outcome.coverage.iter().take(MOST).enumerate() {
        row(
            coverage,
            place + 1,
            &[
                &line.account_id,
                &line.region,
                &line.table,
                &line.status,
                &line.operation,
                &line.detail,
            ],
        )?;
        coverage.write_number(
            u32::try_from(place + 1).unwrap_or(u32::MAX),
            6,
            line.rows as f64,
        )?;
    }
    let columns = [
        ("rule", 38.0),
        ("title", 60.0),
        ("severity", 10.0),
        ("pillar", 14.0),
        ("why", 100.0),
        ("references", 60.0),
    ];
    let rules = sheet(&mut book, "Rules", &columns, outcome.rules.len())?;
    for (place, (id, rule)) in outcome.rules.iter().enumerate() {
        row(
            rules,
            place + 1,
            &[
                id,
                &rule.title,
                rule.severity.as_str(),
                &rule.pillar,
                &rule.why,
                &rule.references.join("\n"),
            ],
        )?;
    }
    let columns = [
        ("rule or cause", 38.0),
        ("resource", 60.0),
        ("status", 12.0),
        ("detail", 80.0),
    ];
    let waivers = sheet(&mut book, "Waivers", &columns, outcome.waivers.len())?;
    for (place, waiver) in outcome.waivers.iter().enumerate() {
        let status = match waiver.status {
            WaiverStatus::Used => "used",
            WaiverStatus::Expired => "expired",
            WaiverStatus::Malformed => "malformed",
            WaiverStatus::Unmatched => "unmatched",
        };
        row(
            waivers,
            place + 1,
            &[waiver.of(), &waiver.resource, status, &waiver.detail],
        )?;
    }
    let widths = [
        20.0, 14.0, 60.0, 60.0, 12.0, 10.0, 10.0, 10.0, 10.0, 10.0, 40.0, 12.0,
    ];
    let columns: Vec<(&str, f64)> = super::controls::COLUMNS.into_iter().zip(widths).collect();
    let matrix = super::controls::matrix(outcome);
    let lines: Vec<_> = matrix
        .iter()
        .flat_map(|(framework, all)| all.iter().map(|one| super::controls::line(framework, one)))
        .collect();
    let controls = sheet(&mut book, "Controls", &columns, lines.len())?;
    for (place, line) in lines.iter().enumerate() {
        let number = u32::try_from(place + 1).unwrap_or(u32::MAX);
        for (column, cell) in (0_u16..).zip(line) {
            match cell.parse::<u32>() {
                Ok(count) if (4..10).contains(&column) => {
                    controls.write_number(number, column, count)?
                }
                _ => controls.write_string(number, column, text(cell))?,
            };
        }
    }
    let columns = [
        ("attestation", 30.0),
        ("statement", 80.0),
        ("day", 6.0),
        ("state", 20.0),
        ("by", 20.0),
        ("since", 12.0),
        ("until", 12.0),
        ("where it can be read", 40.0),
        ("resources", 40.0),
        ("contradicted by", 40.0),
        ("controls", 30.0),
    ];
    let said = sheet(
        &mut book,
        "Attestations",
        &columns,
        outcome.attestations.len(),
    )?;
    for (place, one) in outcome.attestations.iter().enumerate() {
        let refuted: Vec<&str> = one.refuted_by.keys().map(String::as_str).collect();
        row(
            said,
            place + 1,
            &[
                &one.id,
                one.title(),
                &one.stage.map_or_else(String::new, |day| day.to_string()),
                one.status.words(),
                &one.by,
                &one.on,
                &one.expires,
                &one.evidence,
                &one.resources.join(" "),
                &refuted.join(" "),
                &super::csv::supported(&one.controls),
            ],
        )?;
    }
    book.save_to_buffer()
}

/// Writes the workbook.
///
/// # Errors
/// When it cannot be made or written.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&book(outcome).map_err(|error| failed(&error))?)
}
