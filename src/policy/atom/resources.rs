//! Resources that tell statements apart.

use super::super::automaton::{Budget, Spent, atoms};
use super::super::request::Request;
use super::super::search::Scope;
use super::values::values;
use super::{Actions, Choice, STRANGER, Statements, conditions, lifted, patterns};
use super::{PROBE, authorization, variable};
use crate::model::{Arn, Class, Pattern, Token};
use std::collections::BTreeSet;

/// The service and the beginning of the name, where a pattern of ARNs fixes them.
pub(crate) fn fixed_parts(pattern: &Pattern) -> (Option<String>, String) {
    let (mut component, mut texts, mut open) = (0, [String::new(), String::new()], [false, false]);
    for token in pattern.tokens() {
        let at = match component {
            2 => Some(0),
            5 => Some(1),
            _ => None,
        };
        match (token, at) {
            (Token::Char(':'), _) if component < 5 => component += 1,
            (Token::Char(c), Some(at)) if !open[at] => texts[at].push(*c),
            (Token::Char(_), _) => {}
            (_, Some(at)) => open[at] = true,
            (Token::Many(Class::Any), None) => return (None, String::new()),
            _ => {}
        }
    }
    let [service, name] = texts;
    ((component >= 2 && !open[0]).then_some(service), name)
}

pub(crate) fn may_meet(a: &Pattern, b: &Pattern) -> bool {
    let ((service, name), (other_service, other_name)) = (fixed_parts(a), fixed_parts(b));
    let services = !matches!((service, other_service), (Some(a), Some(b)) if a != b);
    services && (name.starts_with(&other_name) || other_name.starts_with(&name))
}

pub(crate) fn resources(
    statements: Statements<'_, '_>,
    base: &Request,
    actions: &Actions,
    scope: &Scope<'_>,
    free: &BTreeSet<&str>,
    region_follows: bool,
    budget: &mut Budget,
) -> Result<Vec<Choice>, Spent> {
    let fact = |key: &str| base.fact(key);
    let mut splits: Vec<Pattern> = Vec::new();
    for (_, statement, variables) in statements {
        for text in statement
            .resources
            .iter()
            .flat_map(|patterns| &patterns.all)
        {
            let value = if *variables {
                variable::resolve(text, &fact).ok().flatten()
            } else {
                Some(variable::Value::plain(text))
            };
            splits.extend(value.map(|value| value.pattern(true).into_arn()));
        }
    }
    let accounts = patterns(&conditions(statements, "aws:resourceaccount"), base);
    splits.extend(accounts.iter().map(|pattern| lifted(4, pattern)));
    if region_follows {
        splits.extend(
            patterns(&conditions(statements, "aws:requestedregion"), base)
                .iter()
                .map(|pattern| lifted(3, pattern)),
        );
    }
    splits.sort();
    splits.dedup();
    let is_wild = |text: &str| text.contains(['*', '?']);
    let mut texts: Vec<String> = scope
        .resources
        .iter()
        .filter(|text| !is_wild(text))
        .cloned()
        .collect();
    let wanted: Vec<Pattern> = scope
        .resources
        .iter()
        .filter(|text| is_wild(text))
        .map(|text| Pattern::glob(text).into_arn())
        .collect();
    if scope.resources.is_empty() || !wanted.is_empty() {
        let mut templates: BTreeSet<&'static str> = BTreeSet::new();
        let (mut any, mut none) = (false, false);
        for (_, own) in &actions.all {
            match own {
                None => any = true,
                Some(own) if own.is_empty() => none = true,
                Some(own) => templates.extend(own),
            }
        }
        let mut alike = false;
        let mut universes: Vec<(Pattern, Vec<String>)> = templates
            .iter()
            .map(|template| {
                (
                    authorization::template_pattern(template),
                    // Of a stranger's account, and of the caller's own.
                    vec![
                        authorization::template_instance(template),
                        authorization::template_instance(template)
                            .replace(STRANGER, &base.principal.account),
                    ],
                )
            })
            .collect();
        if any && !wanted.is_empty() || !wanted.is_empty() && universes.is_empty() {
            universes.extend(wanted.iter().map(|pattern| (pattern.clone(), Vec::new())));
        } else if any {
            let service = actions.first().split(':').next().unwrap_or_default();
            let generic = Pattern::glob("arn:?*:?*:*:*:?*").into_arn();
            universes.push((
                generic,
                vec![format!("arn:aws:{service}:us-east-1:{STRANGER}:{PROBE}/x")],
            ));
        }
        for (universe, mut seeds) in universes {
            budget.spend(splits.len() * 20)?;
            let mut own: Vec<Pattern> = splits
                .iter()
                .filter(|split| may_meet(split, &universe))
                .cloned()
                .collect();
            own.extend(wanted.iter().cloned());
            // Templates that no pattern speaks of are all alike.
            if own.is_empty() && std::mem::replace(&mut alike, true) {
                continue;
            }
            seeds.extend(own.iter().map(instance));
            let found = atoms(&[universe], &own, seeds, budget)?;
            texts.extend(found.into_iter().filter(|text| {
                wanted.is_empty() || wanted.iter().any(|pattern| pattern.matches(text))
            }));
        }
        if none && wanted.is_empty() {
            texts.push("*".to_owned());
        }
    }
    let mut all = Vec::new();
    let account_is_free = free.contains("aws:resourceaccount");
    for text in texts {
        let known = base.resource_account.is_some()
            || Arn::parse(&text).is_some_and(|arn| !arn.account.is_empty());
        let facts = if account_is_free && !known {
            values("aws:resourceaccount", statements, base, budget)?
        } else {
            Vec::new()
        };
        if facts.is_empty() {
            all.push(Choice {
                resource: Some(text),
                ..Choice::default()
            });
            continue;
        }
        for fact in facts {
            all.push(Choice {
                resource: Some(text.clone()),
                facts: vec![("aws:resourceaccount".to_owned(), fact)],
                principal: None,
            });
        }
    }
    Ok(all)
}

/// A text that the pattern matches and a person can read.
pub(crate) fn instance(pattern: &Pattern) -> String {
    let mut text = String::new();
    for token in pattern.tokens() {
        match token {
            Token::Char(c) | Token::NoCase(c) => text.push(*c),
            Token::One(_) => text.push('x'),
            Token::Many(_) => {
                text.push_str(match text.matches(':').count() {
                    1 if text == "arn:" => "aws",
                    3 if text.ends_with(':') => "us-east-1",
                    4 if text.ends_with(':') => STRANGER,
                    _ if text.len() < 400 => PROBE,
                    _ => "",
                });
            }
        }
    }
    text
}
