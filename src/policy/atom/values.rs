//! Values of condition keys that tell statements apart.

use super::super::automaton::{Budget, Spent, atoms};
use super::super::condition::{Comparison, operator};
use super::super::document::Statement;
use super::super::request::Request;
use super::super::truth::Fact;
use super::resources::instance;
use super::{Statements, conditions, patterns};
use crate::model::Pattern;
use crate::policy::{PROBE, condition, variable};
use std::collections::{BTreeMap, BTreeSet};

/// The values of a key that conditions tell apart; absent comes first, because it reads best.
pub(crate) fn values(
    key: &str,
    statements: Statements<'_, '_>,
    base: &Request,
    budget: &mut Budget,
) -> Result<Vec<Fact>, Spent> {
    let conditions = conditions(statements, key);
    let splits = patterns(&conditions, base);
    let mut texts: BTreeSet<String> = BTreeSet::new();
    let (mut sets, mut switch) = (false, false);
    let (mut numbers, mut instants, mut ranges) = (Vec::new(), Vec::new(), Vec::new());
    for (condition, _) in &conditions {
        let op = operator(&condition.operator);
        sets |= op.for_all || op.for_any;
        switch |= op.comparison == Comparison::Bool;
        for text in &condition.values {
            match op.comparison {
                Comparison::Bool => texts.extend(["true".to_owned(), "false".to_owned()]),
                Comparison::Number => numbers.extend(condition::number(text)),
                Comparison::Instant => instants.extend(condition::instant(text)),
                Comparison::Address => ranges.extend(condition::range(text)),
                _ => {}
            }
        }
    }
    numbers.sort_by(f64::total_cmp);
    for (at, number) in numbers.iter().enumerate() {
        texts.extend([number - 1.0, *number, number + 1.0].map(|number| number.to_string()));
        texts.extend(
            numbers
                .get(at + 1)
                .map(|next| f64::midpoint(*number, *next).to_string()),
        );
    }
    for instant in &instants {
        let second = jiff::SignedDuration::from_secs(1);
        texts.extend(
            [
                instant.checked_sub(second).ok(),
                Some(*instant),
                instant.checked_add(second).ok(),
            ]
            .into_iter()
            .flatten()
            .map(|instant| instant.to_string()),
        );
    }
    texts.extend(addresses(&ranges));
    let mut ordered: Vec<String> = texts.into_iter().collect();
    if switch {
        // A switch is on or off, however else it is asked for.
        ordered.extend(
            splits
                .iter()
                .filter_map(Pattern::only)
                .filter(|text| !["true", "false"].contains(&text.as_str())),
        );
    } else if ordered.is_empty() || !splits.is_empty() {
        let seeds: Vec<String> = ordered
            .iter()
            .cloned()
            .chain([PROBE.to_owned()])
            .chain(splits.iter().map(instance))
            .collect();
        let more = atoms(&[Pattern::glob("?*")], &splits, seeds, budget)?;
        ordered.extend(
            more.into_iter()
                .filter(|text| !ordered.contains(text))
                .collect::<Vec<_>>(),
        );
    }
    let mut all = vec![Fact::Absent];
    all.extend(ordered.iter().map(|text| Fact::one(text.as_str())));
    if sets {
        // As many values as there are conditions are enough, because each can ask for one at most.
        let mut layer: Vec<Vec<usize>> = (0..ordered.len()).map(|at| vec![at]).collect();
        for _ in 1..conditions.len().min(ordered.len()) {
            layer = layer
                .iter()
                .flat_map(|set| {
                    (set[set.len() - 1] + 1..ordered.len())
                        .map(|at| [set.as_slice(), &[at]].concat())
                })
                .collect();
            budget.spend(layer.len() * 50)?;
            if layer.len() > 2_000 {
                return Err(Spent);
            }
            all.extend(
                layer
                    .iter()
                    .map(|set| Fact::Values(set.iter().map(|at| ordered[*at].clone()).collect())),
            );
        }
    }
    Ok(all)
}

/// An address inside and outside of each range, at its edges.
pub(crate) fn addresses(ranges: &[ipnet::IpNet]) -> Vec<String> {
    use std::net::IpAddr;
    if ranges.is_empty() {
        return Vec::new();
    }
    // Addresses for documentation (RFC 5737, RFC 3849).
    let mut all = vec!["198.51.100.7".to_owned(), "2001:db8::7".to_owned()];
    for range in ranges {
        let (first, last) = (range.network(), range.broadcast());
        all.extend([first, last].map(|address| address.to_string()));
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                all.extend(
                    u32::from(first)
                        .checked_sub(1)
                        .map(|bits| std::net::Ipv4Addr::from(bits).to_string()),
                );
                all.extend(
                    u32::from(last)
                        .checked_add(1)
                        .map(|bits| std::net::Ipv4Addr::from(bits).to_string()),
                );
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                all.extend(
                    u128::from(first)
                        .checked_sub(1)
                        .map(|bits| std::net::Ipv6Addr::from(bits).to_string()),
                );
                all.extend(
                    u128::from(last)
                        .checked_add(1)
                        .map(|bits| std::net::Ipv6Addr::from(bits).to_string()),
                );
            }
            _ => {}
        }
    }
    all
}

/// Keys that stand as variables in a statement, with values that its other texts suggest.
pub(crate) fn variable_values(statements: &[&Statement]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for statement in statements {
        for text in statement
            .resources
            .iter()
            .flat_map(|patterns| &patterns.all)
        {
            groups.entry("").or_default().push(text);
        }
        for condition in &statement.conditions {
            groups
                .entry(&condition.key)
                .or_default()
                .extend(condition.values.iter().map(String::as_str));
        }
    }
    for texts in groups.values() {
        for text in texts {
            let references = variable::references(text);
            for (at, reference) in references
                .iter()
                .enumerate()
                .filter(|(_, reference)| !["*", "?", "$"].contains(&reference.key.as_str()))
            {
                let values = all.entry(reference.key.clone()).or_default();
                if at > 0 {
                    continue;
                }
                // Where another text has the same beginning, what stands in the variable's place can matter.
                let (before, after) = (&text[..reference.start], &text[reference.end..]);
                let stop = after.chars().next();
                for other in texts.iter().filter(|other| !other.contains("${")) {
                    let Some(rest) = other.strip_prefix(before) else {
                        continue;
                    };
                    let value = stop
                        .filter(|c| !['*', '?'].contains(c))
                        .map_or(rest, |stop| rest.split(stop).next().unwrap_or(rest));
                    values.insert(value.replace(['*', '?'], "x"));
                }
            }
        }
    }
    for values in all.values_mut() {
        values.remove("");
    }
    all
}
