//! What a source takes for granted: ids, accounts and Regions that are written out, so that it does not deploy elsewhere.

use super::{Section, Sources};
use crate::model::Outcome;

/// The kind of what a word names that binds a source to one account, if it names such a thing.
fn kind(word: &str, outcome: &Outcome) -> Option<&'static str> {
    let digits = word.len() == 12 && word.bytes().all(|b| b.is_ascii_digit());
    if digits {
        return Some(if outcome.run.account(word).is_some() {
            "account of the run"
        } else {
            "another account"
        });
    }
    if outcome.run.regions.iter().any(|region| region == word) {
        return Some("Region");
    }
    let (prefix, rest) = word.split_once('-')?;
    let id = rest.len() >= 8 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    match prefix {
        "vpc" if id => Some("VPC"),
        "subnet" if id => Some("subnet"),
        "sg" if id => Some("security group"),
        "vpce" if id => Some("endpoint"),
        "rtb" if id => Some("route table"),
        "ami" if id => Some("machine image"),
        "o" if rest.len() >= 10 && rest.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Some("organization")
        }
        _ => None,
    }
}

/// Every such word of the files that were given, by file and line. Nothing else of a line is shown.
pub(super) fn section(sources: &Sources, outcome: &Outcome) -> Section {
    let mut section = Section::new(
        "literals",
        "What the source takes for granted",
        "Accounts, Regions and ids that are written out in the source. Each has to become a parameter, or be changed, before the source deploys to another account.",
        &["File", "Line", "What", "Kind"],
    );
    if sources.texts.is_empty() {
        section
            .not_read
            .push("no file of the source was given (--template)".to_owned());
    }
    for (file, text) in &sources.texts {
        for (at, line) in text.lines().enumerate() {
            let mut seen: Vec<&str> = Vec::new();
            let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            for word in words.filter(|word| !word.is_empty()) {
                if let Some(kind) = kind(word, outcome).filter(|_| !seen.contains(&word)) {
                    seen.push(word);
                    section.rows.push(vec![
                        file.display().to_string(),
                        (at + 1).to_string(),
                        word.to_owned(),
                        kind.to_owned(),
                    ]);
                }
            }
        }
    }
    section
}
