//! The beginning of `--format table`: the question, its answer and what it rests on, then what to fix first; and how text is set.

use super::safe::cut;
use super::table::{Layout, closing};
use crate::model::{Answer, Change, Outcome, Severity, changes, headline, promises, stages};
use std::io::{self, Write};

/// Characters of one text.
const LONGEST: usize = 400;
/// Changes that are shown where nobody asked for details.
const CHANGES: usize = 10;

pub(super) fn bold(text: &str, layout: Layout) -> String {
    let style = anstyle::Style::new().bold();
    if layout.colour {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

pub(super) fn coloured(text: &str, colour: anstyle::AnsiColor, layout: Layout) -> String {
    let style = anstyle::Style::new().fg_color(Some(colour.into())).bold();
    if layout.colour {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

/// Text between words, each line behind so many blanks; the first behind `begin`.
pub(super) fn lines(
    begin: &str,
    indent: usize,
    text: &str,
    layout: Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let blanks = " ".repeat(indent);
    let options = textwrap::Options::new(usize::from(layout.width))
        .initial_indent(&blanks)
        .subsequent_indent(&blanks)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    for (place, line) in textwrap::wrap(text, options).into_iter().enumerate() {
        match line.strip_prefix(blanks.as_str()) {
            Some(rest) if place == 0 && !begin.is_empty() => writeln!(out, "{begin}{rest}")?,
            _ => writeln!(out, "{}", line.trim_end())?,
        }
    }
    Ok(())
}

/// The question, its answer, and what it rests on.
pub(super) fn head(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let head = headline(outcome);
    let colour = match head.answer {
        Answer::Yes => anstyle::AnsiColor::Green,
        Answer::No => anstyle::AnsiColor::Red,
        Answer::NotAnswered => anstyle::AnsiColor::Yellow,
    };
    writeln!(
        out,
        "{}  {}",
        bold(head.question, layout),
        coloured(head.answer.words(), colour, layout)
    )?;
    for sentence in &head.because {
        lines("", 2, &cut(sentence, 3 * LONGEST), layout, out)?;
    }
    writeln!(out)?;
    lines("", 2, &closing(outcome), layout, out)?;
    for sentence in &head.scope {
        lines("", 2, &cut(sentence, 2 * LONGEST), layout, out)?;
    }
    if !outcome.run.source.is_file() {
        for stage in stages(&promises(outcome)) {
            let text = stage.sentence();
            lines(
                "",
                2,
                &format!("{}{}.", text[..1].to_uppercase(), &text[1..]),
                layout,
                out,
            )?;
        }
    }
    Ok(())
}

/// What to change first.
pub(super) fn first(outcome: &Outcome, layout: Layout, out: &mut dyn Write) -> io::Result<()> {
    let changes = changes(outcome);
    let Some(worst) = Severity::ALL.into_iter().find(|severity| {
        changes
            .iter()
            .any(|one| one.closes.contains_key(severity.as_str()))
    }) else {
        return Ok(());
    };
    let needed: Vec<&Change> = changes
        .iter()
        .filter(|one| one.closes.contains_key(worst.as_str()))
        .collect();
    let failures: usize = needed.iter().map(|one| one.closes_at(worst)).sum();
    let heading = format!(
        "FIX THESE FIRST - {} close{} all {failures} {} failures",
        match needed.len() {
            1 => "1 change".to_owned(),
            many => format!("{many} changes"),
        },
        if needed.len() == 1 { "s" } else { "" },
        worst.as_str()
    );
    let heading = if failures == 1 {
        format!(
            "FIX THIS FIRST - 1 change closes the only {} failure",
            worst.as_str()
        )
    } else {
        heading
    };
    writeln!(out, "\n{}", bold(&heading, layout))?;
    let most = if layout.details {
        changes.len()
    } else {
        CHANGES
    };
    let shown: Vec<&Change> = changes.iter().take(most).collect();
    for (place, one) in shown.iter().enumerate() {
        let begin = format!("{:>3}. ", place + 1);
        let mut text = format!("{} - closes {}", cut(&one.sentence, LONGEST), one.counts());
        if !one.owner.is_empty() {
            text.push_str(&format!("; owner {}", cut(&one.owner, 60)));
        }
        if outcome.run.accounts.len() > 1 && !one.sentence.contains(&one.account_id) {
            text.push_str(&format!("; account {}", cut(&one.account_id, 20)));
        }
        if let Some(place) = &one.location {
            text.push_str(&format!("; {}:{}", cut(&place.file, 200), place.line));
        }
        text.push_str(&format!(" [{}]", one.id));
        lines(&begin, 5, &text, layout, out)?;
    }
    if changes.len() > shown.len() {
        lines(
            "",
            5,
            &format!(
                "and {} more changes; --details shows all",
                changes.len() - shown.len()
            ),
            layout,
            out,
        )?;
    }
    Ok(())
}
