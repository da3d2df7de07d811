//! Waivers that stand beside what they waive: `# outcrop:ignore RULE owner=... reason="..." expires=YYYY-MM-DD`.

use crate::model::Location;

/// One such comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// Rule id.
    pub rule: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Last day, as written.
    pub expires: String,
    /// It accepts unknowns, not failures.
    pub unknown: bool,
    /// Address of what it stands beside; empty where it stands beside nothing.
    pub address: String,
    /// Where it stands.
    pub location: Location,
}

/// What such a comment begins with.
pub const MARK: &str = "outcrop:ignore";

/// The comment in a line, where there is one; its address is not known yet.
pub fn in_line(line: &str, file: &str, number: usize) -> Option<Ignore> {
    let at = line.find(MARK)?;
    let before = line[..at].trim_end();
    if !before.ends_with('#') && !before.ends_with("//") && !before.ends_with("/*") {
        return None;
    }
    let mut ignore = Ignore {
        rule: String::new(),
        owner: String::new(),
        reason: String::new(),
        expires: String::new(),
        unknown: false,
        address: String::new(),
        location: Location {
            file: file.to_owned(),
            line: number as u64,
        },
    };
    let mut rest = line[at + MARK.len()..]
        .trim_end()
        .trim_end_matches("*/")
        .trim();
    while !rest.is_empty() {
        let key_end = rest.find(['=', ' ', '\t']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(key_end);
        let Some(value) = after.strip_prefix('=') else {
            // The first bare word names the rule.
            if ignore.rule.is_empty() {
                key.clone_into(&mut ignore.rule);
            }
            rest = after.trim_start();
            continue;
        };
        let (value, left) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_once([' ', '\t']).unwrap_or((value, "")),
        };
        match key {
            "owner" => value.clone_into(&mut ignore.owner),
            "reason" => value.clone_into(&mut ignore.reason),
            "expires" => value.clone_into(&mut ignore.expires),
            "verdict" => ignore.unknown = value == "unknown",
            _ => {}
        }
        rest = left.trim_start();
    }
    Some(ignore)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_says_rule_owner_reason_and_day() {
        let found = in_line(
            "  # outcrop:ignore log-group-kept owner=platform reason=\"scratch, no \u{202e}data\" expires=2027-01-31",
            "a.tf",
            3,
        );
        let Some(found) = found else {
            unreachable!("it is one")
        };
        assert_eq!(
            (
                found.rule.as_str(),
                found.owner.as_str(),
                found.expires.as_str()
            ),
            ("log-group-kept", "platform", "2027-01-31")
        );
        assert!(found.reason.starts_with("scratch, no"));
        assert_eq!(in_line("x = \"outcrop:ignore\"", "a.tf", 1), None);
        assert!(
            in_line("// outcrop:ignore some-rule", "a.tf", 1)
                .is_some_and(|one| one.owner.is_empty() && one.rule == "some-rule")
        );
    }
}
