//! `--format markdown`: a comment that a reviewer likes to read, and a step summary.

use super::safe::terminal;
use super::{missing, named, outside_file};
use crate::model::{
    Finding, Outcome, RuleText, Severity, Source, Verdict, changes, headline, promises, stages,
};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Text from strangers: nothing in it is markup, a mention, a reference or a link.
pub fn safe(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in terminal(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | '|' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // A zero-width joiner keeps `@name` and `#12` from becoming links, `:` a bare address.
            '@' | '#' => {
                escaped.push(c);
                escaped.push('\u{2060}');
            }
            _ => escaped.push(c),
        }
    }
    escaped
        .replace("://", ":\u{2060}//")
        .replace("www.", "www\u{2060}.")
}

/// A code span that its text cannot leave.
fn code(text: &str) -> String {
    format!("`{}`", terminal(text).replace('`', "'").replace('|', "\\|"))
}

fn listed(results: &[&Finding], blocks: &mut Vec<String>) {
    for result in results {
        let place = result.location.as_ref().map_or_else(String::new, |place| {
            format!(" at {}", code(&format!("{}:{}", place.file, place.line)))
        });
        let origin = result
            .origin
            .as_deref()
            .map_or_else(String::new, |origin| format!(" **{}**", safe(origin)));
        let scope = [result.account_id.as_str(), result.region.as_str()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let waived = result.waiver.as_ref().map_or_else(String::new, |waiver| {
            format!(
                " _Waived until {} by {}: {}_",
                safe(&waiver.expires),
                safe(&waiver.owner),
                safe(&waiver.reason)
            )
        });
        let lacks = if result.verdict == Verdict::Unknown {
            format!(" {}", safe(&missing(result)))
        } else {
            String::new()
        };
        blocks.push(format!(
            "- {}{place}{origin} ({}): {}{lacks}{waived}\n",
            code(&named(result)),
            safe(&scope),
            safe(&result.message)
        ));
    }
}

fn section<'f>(
    outcome: &'f Outcome,
    head: &str,
    test: &dyn Fn(&Finding) -> bool,
    blocks: &mut Vec<String>,
) {
    let mut by_rule: BTreeMap<(Severity, &str), Vec<&'f Finding>> = BTreeMap::new();
    for result in outcome.results.iter().filter(|result| test(result)) {
        by_rule
            .entry((result.severity, &result.rule))
            .or_default()
            .push(result);
    }
    if by_rule.is_empty() {
        return;
    }
    blocks.push(format!("\n### {head}\n"));
    for ((severity, rule), results) in by_rule {
        let title = results.first().map_or("", |result| result.title.as_str());
        blocks.push(format!(
            "\n**{}** {} {}\n\n",
            severity.as_str(),
            safe(title),
            code(rule)
        ));
        listed(&results, blocks);
        if let Some(text) = outcome
            .rules
            .get(rule)
            .filter(|_| results.iter().any(|result| result.verdict == Verdict::Fail))
        {
            blocks.push(help(text, outcome.run.source));
        }
    }
}

fn help(text: &RuleText, source: Source) -> String {
    let wanted = match source {
        Source::Live | Source::Inventory => "AWS CLI",
        Source::Terraform | Source::Pulumi => "Terraform",
        Source::Cloudformation => "CloudFormation",
    };
    let mut block = format!(
        "\n<details><summary>Why, and how to fix it</summary>\n\n{}\n",
        safe(&text.why)
    );
    for (name, fix) in text.fix.iter().filter(|(name, _)| *name == wanted) {
        block.push_str(&format!(
            "\n{name}:\n\n```\n{}\n```\n",
            fix.replace("```", "'''")
        ));
    }
    for page in &text.references {
        block.push_str(&format!(
            "\n<{}>\n",
            terminal(page).replace(['<', '>', ' '], "")
        ));
    }
    block.push_str("\n</details>\n");
    block
}

/// The days of the rollout, and the promises that are not kept.
fn promised(outcome: &Outcome) -> Vec<String> {
    let all = promises(outcome);
    let mut blocks = vec!["\n### Stages\n\n".to_owned()];
    for stage in stages(&all) {
        let open: String = all
            .iter()
            .filter(|one| one.stage == stage.day && !one.state.is_kept())
            .map(|one| {
                let rules: Vec<String> = one.rules.iter().map(|rule| code(rule)).collect();
                format!(
                    "| {} | {} | {} |\n",
                    safe(&one.promise),
                    one.state.words(),
                    rules.join(" ")
                )
            })
            .collect();
        blocks.push(format!(
            "<details><summary>{}</summary>\n\n| promise | state | rules |\n| --- | --- | --- |\n{open}\n</details>\n\n",
            stage.sentence()
        ));
    }
    blocks
}

/// Changes that are listed.
const CHANGES: usize = 15;

/// What to change first.
fn first(outcome: &Outcome) -> Vec<String> {
    let changes = changes(outcome);
    if changes.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec!["\n### Fix these first\n\n".to_owned()];
    for (place, one) in changes.iter().take(CHANGES).enumerate() {
        let owner = if one.owner.is_empty() {
            String::new()
        } else {
            format!(", owner {}", safe(&one.owner))
        };
        let file = one.location.as_ref().map_or_else(String::new, |place| {
            format!(", {}", code(&format!("{}:{}", place.file, place.line)))
        });
        blocks.push(format!(
            "{}. {} (closes {}{owner}{file})\n",
            place + 1,
            safe(&one.sentence),
            one.counts()
        ));
    }
    if changes.len() > CHANGES {
        blocks.push(format!("\nand {} more changes\n", changes.len() - CHANGES));
    }
    blocks
}

fn blocks(outcome: &Outcome) -> Vec<String> {
    let counts = |counts: &BTreeMap<&'static str, u64>| {
        Severity::ALL
            .map(|severity| {
                counts
                    .get(severity.as_str())
                    .copied()
                    .unwrap_or_default()
                    .to_string()
            })
            .join(" | ")
    };
    let head = headline(outcome);
    let listed = |sentences: &[String]| -> String {
        sentences
            .iter()
            .map(|sentence| format!("- {}\n", safe(sentence)))
            .collect()
    };
    let mut blocks = vec![
        format!("## {} {}\n\n", head.question, head.answer.words()),
        listed(&head.because),
        format!("\n{}\n", listed(&head.scope)),
        format!(
            "| | critical | high | medium | low | info |\n| --- | --- | --- | --- | --- | --- |\n| fail | {} |\n| unknown | {} |\n\n{} passed, {} not applicable, {} waived.\n",
            counts(&outcome.summary.fail),
            counts(&outcome.summary.unknown),
            outcome.summary.pass,
            outcome.summary.not_applicable,
            outcome.summary.waived
        ),
    ];
    blocks.extend(first(outcome));
    let open = |result: &Finding, verdict| result.verdict == verdict && result.waiver.is_none();
    section(
        outcome,
        "Fails",
        &|result| open(result, Verdict::Fail),
        &mut blocks,
    );
    section(
        outcome,
        "Unknown: what would decide was not observed",
        &|result| open(result, Verdict::Unknown) && !outside_file(outcome, result),
        &mut blocks,
    );
    section(
        outcome,
        "Not in the files: to be judged over a recorded run (`--onto RUN`)",
        &|result| open(result, Verdict::Unknown) && outside_file(outcome, result),
        &mut blocks,
    );
    section(
        outcome,
        "Waived",
        &|result| result.waiver.is_some(),
        &mut blocks,
    );
    section(
        outcome,
        "Fixed",
        &|result| result.origin.as_deref() == Some("fixed"),
        &mut blocks,
    );
    if !outcome.not_in_file.is_empty() {
        let rules: Vec<String> = outcome
            .not_in_file
            .iter()
            .map(|one| code(&one.rule))
            .collect();
        blocks.push(format!(
            "\n<details><summary>{} rules can say nothing about what else there is in the account: evaluate the file against a recorded run (<code>--onto RUN</code>)</summary>\n\n{}\n</details>\n",
            rules.len(),
            rules.join(", ")
        ));
    }
    if !outcome.run.source.is_file() {
        blocks.extend(promised(outcome));
    }
    let mut passed: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for result in &outcome.results {
        let count = passed.entry(&result.rule).or_default();
        count.0 += u64::from(result.verdict == Verdict::Pass);
        count.1 += u64::from(result.verdict == Verdict::NotApplicable);
    }
    let rows: String = passed
        .iter()
        .filter(|(_, (pass, other))| pass + other > 0)
        .map(|(rule, (pass, other))| format!("| {} | {pass} | {other} |\n", code(rule)))
        .collect();
    if !rows.is_empty() {
        blocks.push(format!(
            "\n<details><summary>Passed and not applicable, by rule</summary>\n\n| rule | passed | not applicable |\n| --- | --- | --- |\n{rows}\n</details>\n"
        ));
    }
    let unseen: Vec<String> = outcome
        .coverage
        .iter()
        .filter(|line| {
            !matches!(
                line.status.as_str(),
                "complete" | "unsupported" | "not-collected"
            )
        })
        .map(|line| {
            format!(
                "- {} {} {}: {} {}\n",
                safe(&line.account_id),
                safe(&line.region),
                code(&line.operation),
                safe(&line.status),
                safe(&line.detail)
            )
        })
        .collect();
    if !unseen.is_empty() {
        blocks.push(format!(
            "\n<details><summary>Not seen: {} readings</summary>\n\n{}\n</details>\n",
            unseen.len(),
            unseen.concat()
        ));
    }
    for waiver in outcome
        .waivers
        .iter()
        .filter(|waiver| waiver.status != crate::model::WaiverStatus::Used)
    {
        let resource = if waiver.resource.is_empty() {
            String::new()
        } else {
            format!(" for {}", code(&waiver.resource))
        };
        blocks.push(format!(
            "\nWaiver of {}{resource}: {}\n",
            code(waiver.of()),
            safe(&waiver.detail)
        ));
    }
    let said: String = outcome
        .attestations
        .iter()
        .filter(|one| one.is_given())
        .map(|one| {
            format!(
                "| {} | {} | {} |\n",
                code(&one.id),
                one.status.words(),
                safe(&one.sentence())
            )
        })
        .collect();
    if !said.is_empty() {
        blocks.push(format!(
            "\n<details><summary>Attested by people, not proved</summary>\n\n| attestation | state | who says so |\n| --- | --- | --- |\n{said}\n</details>\n"
        ));
    }
    for note in &outcome.run.notes {
        blocks.push(format!("\nNote: {}\n", safe(note)));
    }
    blocks
}

/// Writes single results with their proof.
///
/// # Errors
/// When the writer fails.
pub fn explained(outcome: &Outcome, results: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    for result in results {
        writeln!(
            out,
            "### {}: {}\n\n{} {} ({})\n\n{}\n",
            result.verdict.as_str(),
            safe(&result.title),
            result.severity.as_str(),
            code(&result.rule),
            code(&named(result)),
            safe(&result.message)
        )?;
        if result.verdict == Verdict::Unknown {
            writeln!(out, "Not observed: {}\n", safe(&missing(result)))?;
        }
        if !result.evidence.is_empty() {
            let proof = serde_json::to_string_pretty(&result.evidence).unwrap_or_default();
            let lines: Vec<String> = proof.lines().map(terminal).collect();
            writeln!(
                out,
                "```json\n{}\n```",
                lines.join("\n").replace("```", "'''")
            )?;
        }
        if let Some(text) = outcome.rules.get(&result.rule) {
            out.write_all(help(text, outcome.run.source).as_bytes())?;
        }
    }
    Ok(())
}

/// Writes all of it.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    blocks(outcome)
        .iter()
        .try_for_each(|block| out.write_all(block.as_bytes()))
}

/// As much as fits in so many bytes, with a line that says what was left out.
pub fn within(outcome: &Outcome, most: usize) -> String {
    let all = blocks(outcome);
    let mut text = String::new();
    for (place, block) in all.iter().enumerate() {
        if text.len() + block.len() + 200 > most {
            text.push_str(&format!(
                "\n{} more paragraphs did not fit; `--format markdown=FILE` holds all.\n",
                all.len() - place
            ));
            break;
        }
        text.push_str(block);
    }
    text
}
