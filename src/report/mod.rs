//! Formats, one file each: `render(&Outcome, &mut dyn Write)`. None filters; none decides the exit code.

pub mod asff;
pub mod csv;
pub mod diagram;
pub mod github;
pub mod gitlab;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod ocsf;
pub mod oscal;
pub mod safe;
pub mod sarif;
pub mod table;
pub mod xlsx;

use crate::model::{Finding, Outcome, Reason, Verdict};

/// What an unknown lacks, in one line: reason, call, detail.
pub(crate) fn missing(result: &Finding) -> String {
    let mut lines: Vec<String> = Vec::new();
    for gap in &result.missing {
        let line = match (gap.operation.as_str(), gap.detail.as_str()) {
            ("", detail) => detail.to_owned(),
            (operation, "") => format!("needs {operation}"),
            (operation, detail) => format!("needs {operation}: {detail}"),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(4);
    lines.truncate(4);
    if more > 0 {
        lines.push(format!("{more} more"));
    }
    lines.join("; ")
}

/// Is all that it lacks outside the file that was judged?
pub(crate) fn outside_file(result: &Finding) -> bool {
    result.verdict == Verdict::Unknown && !result.missing.is_empty() && result.missing.iter().all(|gap| gap.reason == Reason::NotInFile)
}

/// File and line for formats that need one: the declaration, or a stand-in path that names the resource.
pub(crate) fn place(result: &Finding) -> (String, u64) {
    result.location.as_ref().map_or_else(
        || {
            let safe = |text: &str| -> String { text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect() };
            (format!("aws/{}/{}/{}", safe(&result.account_id), safe(&result.region), safe(&result.resource)), 1)
        },
        |location| (location.file.clone(), location.line.max(1)),
    )
}

/// The resource, with the part that tells two results in it apart.
pub(crate) fn named(result: &Finding) -> String {
    if result.part.is_empty() { result.resource.clone() } else { format!("{} [{}]", result.resource, result.part) }
}

/// The results that a person has to look at: failures, then unknowns; each worst first.
pub(crate) fn problems(outcome: &Outcome) -> impl Iterator<Item = &Finding> {
    let of = |verdict| outcome.results.iter().filter(move |result| result.verdict == verdict);
    of(Verdict::Fail).chain(of(Verdict::Unknown))
}
