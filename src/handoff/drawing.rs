//! The drawing of the trusts: who stands on the left, the roles on the right, in the box of their account.

use super::Section;
use crate::report::safe::cut;
use quick_xml::escape::escape;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Trusts that are drawn; the table below holds all.
const MOST: usize = 40;
/// Height of a line, in user units.
const LINE: usize = 24;
/// Where the right column begins.
const RIGHT: usize = 640;
/// Width of a column.
const WIDE: usize = 420;

/// A trust.
struct Edge<'s> {
    who: &'s str,
    place: &'s str,
    role: &'s str,
    account: &'s str,
    seen: bool,
}

fn last(arn: &str) -> String {
    let name = arn
        .rsplit_once(":role/")
        .or_else(|| arn.rsplit_once(":user/"))
        .map_or(arn, |(_, name)| name);
    cut(name, 58)
}

fn is_outside(place: &str) -> bool {
    ["anyone", "vendor", "an account outside"].contains(&place)
}

/// The drawing as SVG, and what it leaves out; nothing where there is no trust.
pub(super) fn trusts(section: &Section) -> Option<String> {
    let place = |name: &str| section.columns.iter().position(|column| column == name);
    let (role, account, who, from, seen) = (
        place("Role")?,
        place("Account")?,
        place("Who may assume it")?,
        place("From where")?,
        place("Both sides seen")?,
    );
    let edges: Vec<Edge<'_>> = section
        .rows
        .iter()
        .filter_map(|row| {
            Some(Edge {
                who: row.get(who)?,
                place: row.get(from)?,
                role: row.get(role)?,
                account: row.get(account)?,
                seen: row.get(seen)? == "yes",
            })
        })
        .filter(|edge| edge.who != "not known")
        .collect();
    if edges.is_empty() {
        return None;
    }
    let drawn = edges.get(..edges.len().min(MOST)).unwrap_or_default();
    let mut left: Vec<(&str, &str)> = Vec::new();
    let mut accounts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for edge in drawn {
        if !left.iter().any(|(who, _)| *who == edge.who) {
            left.push((edge.who, edge.place));
        }
        let roles = accounts.entry(edge.account).or_default();
        if !roles.contains(&edge.role) {
            roles.push(edge.role);
        }
    }
    left.sort_by_key(|(_, place)| !is_outside(place));
    let mut boxes = String::new();
    let mut right: BTreeMap<&str, usize> = BTreeMap::new();
    let mut y = 10;
    for (account, roles) in &accounts {
        let high = LINE * (roles.len() + 1) + 8;
        let _ = write!(
            boxes,
            r#"<rect class="account" x="{}" y="{y}" width="{}" height="{high}" rx="6"/><text class="head" x="{RIGHT}" y="{}">account {}</text>"#,
            RIGHT - 12,
            WIDE + 24,
            y + 18,
            escape(*account)
        );
        for (number, role) in roles.iter().enumerate() {
            let middle = y + 18 + LINE * (number + 1);
            right.insert(role, middle);
            let _ = write!(
                boxes,
                r#"<text x="{RIGHT}" y="{middle}"><title>{}</title>{}</text>"#,
                escape(*role),
                escape(last(role))
            );
        }
        y += high + 12;
    }
    let mut heights: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, (who, place)) in left.iter().enumerate() {
        let middle = 28 + LINE * number;
        heights.insert(who, middle);
        let class = if is_outside(place) { "out" } else { "in" };
        let _ = write!(
            boxes,
            r#"<text class="{class}" text-anchor="end" x="{}" y="{middle}"><title>{}, {}</title>{}</text>"#,
            WIDE - 8,
            escape(*who),
            escape(*place),
            escape(last(who))
        );
    }
    let mut lines = String::new();
    for edge in drawn {
        let (Some(from), Some(to)) = (heights.get(edge.who), right.get(edge.role)) else {
            continue;
        };
        let class = if is_outside(edge.place) { "out" } else { "in" };
        let dotted = if edge.seen { "" } else { " dotted" };
        let _ = write!(
            lines,
            r#"<path class="{class}{dotted}" d="M{} {}C{} {} {} {} {} {}"/>"#,
            WIDE,
            from - 4,
            WIDE + 100,
            from - 4,
            RIGHT - 120,
            to - 4,
            RIGHT - 16,
            to - 4
        );
    }
    let high = y.max(28 + LINE * left.len()) + 4;
    let wide = RIGHT + WIDE + 20;
    let rest = match edges.len() - drawn.len() {
        0 => String::new(),
        more => format!(" The table holds {more} more."),
    };
    Some(format!(
        r#"<figure><div class="scroll"><svg viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img" aria-label="Who may assume which role">{lines}{boxes}</svg></div><figcaption class="soft">Left: who may assume. Right: the roles, by account. Red: from outside. Dotted: the run holds one side alone.{rest}</figcaption></figure>"#
    ))
}
