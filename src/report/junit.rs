//! `--format junit`: a suite for each rule, a case for each result.
//!
//! A failure is a `failure`, an unknown an `error` (nobody counts a skipped test as open); what is waived
//! or not applicable is `skipped`, with the reason.

use super::{missing, named, outside_file};
use crate::model::{Finding, Outcome, Verdict};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What XML 1.0 cannot hold becomes U+FFFD.
fn safe(text: &str) -> String {
    text.chars()
        .map(|c| {
            if matches!(c, '\t' | '\n')
                || c >= ' ' && !matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            {
                c
            } else {
                '\u{fffd}'
            }
        })
        .collect()
}

fn start<'e>(name: &'e str, attributes: &[(&str, &str)]) -> BytesStart<'e> {
    let mut element = BytesStart::new(name);
    for (key, value) in attributes {
        element.push_attribute((*key, safe(value).as_str()));
    }
    element
}

/// Writes the suites.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut suites: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for result in &outcome.results {
        suites.entry(&result.rule).or_default().push(result);
    }
    let mut bytes = Vec::new();
    let mut xml = Writer::new_with_indent(&mut bytes, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let counts = |results: &[&Finding]| {
        let of = |test: &dyn Fn(&Finding) -> bool| {
            results
                .iter()
                .filter(|result| test(result))
                .count()
                .to_string()
        };
        [
            ("tests", results.len().to_string()),
            (
                "failures",
                of(&|result| result.verdict == Verdict::Fail && result.waiver.is_none()),
            ),
            (
                "errors",
                of(&|result| {
                    result.verdict == Verdict::Unknown
                        && result.waiver.is_none()
                        && !outside_file(outcome, result)
                }),
            ),
            (
                "skipped",
                of(&|result| {
                    result.verdict == Verdict::NotApplicable
                        || result.waiver.is_some()
                        || outside_file(outcome, result)
                }),
            ),
        ]
    };
    // What people attest is no test that passed: it is skipped, with who says so.
    let said: Vec<_> = outcome.attested().collect();
    let with = |name: &str, results: &[&Finding], said: usize| {
        let counts = counts(results).map(|(key, value)| {
            let more = if matches!(key, "tests" | "skipped") {
                said
            } else {
                0
            };
            (
                key,
                (value.parse::<usize>().unwrap_or_default() + more).to_string(),
            )
        });
        let mut all = vec![("name", name)];
        all.extend(counts.iter().map(|(key, value)| (*key, value.as_str())));
        start(
            if name == "outcrop" {
                "testsuites"
            } else {
                "testsuite"
            },
            &all,
        )
        .into_owned()
    };
    xml.write_event(Event::Start(with(
        "outcrop",
        &outcome.results.iter().collect::<Vec<_>>(),
        said.len(),
    )))?;
    for (rule, results) in suites {
        xml.write_event(Event::Start(with(rule, &results, 0)))?;
        for result in results {
            case(outcome, &mut xml, result)?;
        }
        xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    }
    if !said.is_empty() {
        xml.write_event(Event::Start(with("attestations", &[], said.len())))?;
        for one in said {
            xml.write_event(Event::Start(start(
                "testcase",
                &[("name", one.title()), ("classname", &one.id)],
            )))?;
            let message = format!("{}: {}", one.verdict(), one.sentence());
            xml.write_event(Event::Empty(start("skipped", &[("message", &message)])))?;
            xml.write_event(Event::End(BytesEnd::new("testcase")))?;
        }
        xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuites")))?;
    bytes.push(b'\n');
    out.write_all(&bytes)
}

fn case(outcome: &Outcome, xml: &mut Writer<&mut Vec<u8>>, result: &Finding) -> io::Result<()> {
    let name = format!("{} {} {}", named(result), result.account_id, result.region);
    let line = result.location.as_ref().map(|place| place.line.to_string());
    let mut attributes = vec![("name", name.as_str()), ("classname", result.rule.as_str())];
    if let (Some(place), Some(line)) = (&result.location, &line) {
        attributes.extend([("file", place.file.as_str()), ("line", line.as_str())]);
    }
    let case = start("testcase", &attributes);
    let waived = result.waiver.as_ref().map(|waiver| {
        format!(
            "waived until {} by {}: {}",
            waiver.expires, waiver.owner, waiver.reason
        )
    });
    let inside = match (&waived, result.verdict) {
        (Some(why), _) => Some(("skipped", why.as_str())),
        (None, Verdict::Fail) => Some(("failure", result.title.as_str())),
        (None, Verdict::Unknown) if outside_file(outcome, result) => {
            Some(("skipped", "unknown: the file does not declare what decides"))
        }
        (None, Verdict::Unknown) => Some(("error", "unknown: what would decide was not observed")),
        (None, Verdict::NotApplicable) => Some(("skipped", "not applicable")),
        (None, Verdict::Pass) => None,
    };
    let Some((element, message)) = inside else {
        return xml.write_event(Event::Empty(case));
    };
    xml.write_event(Event::Start(case))?;
    let kind = format!("{}.{}", result.severity.as_str(), result.verdict.as_str());
    let attributes: &[(&str, &str)] = if element == "skipped" {
        &[("message", message)]
    } else {
        &[("message", message), ("type", &kind)]
    };
    xml.write_event(Event::Start(start(element, attributes)))?;
    let text = if result.verdict == Verdict::Unknown {
        format!("{}\n{}", result.message, missing(result))
    } else {
        result.message.clone()
    };
    xml.write_event(Event::Text(BytesText::new(&safe(&text))))?;
    xml.write_event(Event::End(BytesEnd::new(element)))?;
    xml.write_event(Event::End(BytesEnd::new("testcase")))
}
