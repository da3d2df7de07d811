//! What a shell completes beyond flags: rules, tables, presets, and what selects rules. Asked while somebody types, so nothing is
//! read but what is inside the program.

use crate::engine::{Library, frameworks};
use crate::subjects;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;
use std::ffi::OsStr;
use std::io;

/// The variable by which a shell asks.
pub(super) const ASKED: &str = "OUTCROP_COMPLETE";

/// The script that a shell reads once; it asks this program for everything else, so it never goes out of date.
///
/// # Errors
/// When the shell is not known, or nobody reads.
pub(super) fn script(shell: &str, out: &mut dyn io::Write) -> io::Result<()> {
    let shells = Shells::builtins();
    let shell = shells
        .completer(shell)
        .ok_or_else(|| io::Error::other(format!("the shell {shell} is not known")))?;
    if shell.name() == "bash" {
        // Bash cuts words at colons, and `stage:30` is one word.
        writeln!(out, "COMP_WORDBREAKS=\"${{COMP_WORDBREAKS//:/}}\"")?;
    }
    shell.write_registration(ASKED, "outcrop", "outcrop", "outcrop", out)
}

/// Names, with what they are, that begin as what is typed.
fn fitting(
    typed: &str,
    all: impl IntoIterator<Item = (String, String)>,
) -> Vec<CompletionCandidate> {
    all.into_iter()
        .filter(|(name, _)| name.starts_with(typed))
        .map(|(name, what)| CompletionCandidate::new(name).help(Some(what.into())))
        .collect()
}

fn rule_names() -> Vec<(String, String)> {
    let library = Library::load(&subjects::tables(), &[]);
    let rules = library.into_iter().flat_map(|library| library.rules);
    rules
        .map(|loaded| (loaded.rule.id, loaded.rule.title))
        .collect()
}

/// Ids of rules.
pub(super) fn rules() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| fitting(&typed.to_string_lossy(), rule_names()))
}

/// Names of tables.
pub(super) fn tables() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let all = subjects::tables()
            .into_iter()
            .map(|table| (table.name.to_owned(), table.doc.to_owned()));
        fitting(&typed.to_string_lossy(), all)
    })
}

/// What `--select` takes; after a comma the next of them.
pub(super) fn terms() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let before = typed.rfind(',').map_or("", |at| &typed[..=at]);
        let said = |name: &str, what: &str| (name.to_owned(), what.to_owned());
        let mut all = vec![
            said("stage:30", "what should hold by day 30"),
            said("stage:60", "what should hold by day 60"),
            said("stage:90", "what should hold by day 90"),
        ];
        for severity in crate::model::Severity::ALL {
            all.push((
                format!("severity:{}", severity.as_str()),
                "rules of this severity".to_owned(),
            ));
        }
        for framework in frameworks().into_iter().flatten() {
            all.push((format!("framework:{}", framework.id), framework.title));
        }
        let library = Library::load(&subjects::tables(), &[]);
        let mut rules: Vec<(String, String)> = Vec::new();
        for loaded in library.into_iter().flat_map(|library| library.rules) {
            rules.push((
                loaded.rule.pillar.clone(),
                "all rules of the pillar".to_owned(),
            ));
            rules.push((loaded.rule.id, loaded.rule.title));
        }
        rules.sort();
        rules.dedup_by(|a, b| a.0 == b.0);
        all.extend(rules);
        let all = all
            .into_iter()
            .map(|(name, what)| (format!("{before}{name}"), what));
        fitting(&typed, all)
    })
}
