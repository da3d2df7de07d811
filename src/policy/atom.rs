//! The atoms of a question: actions, principals, resources and values, one for each way in which the
//! statements can tell them apart.

use super::automaton::{Budget, Spent, atoms};
use super::condition::{self, Comparison, operator};
use super::document::{Condition, PrincipalPattern, Statement};
use super::evaluate::action_pattern;
use super::formula::Bits;
use super::request::{Kind, Principal, Request};
use super::search::{Part, Scope};
use super::truth::Fact;
use super::{PROBE, authorization, variable};
use crate::model::{Arn, Class, Pattern, Token};
use std::collections::{BTreeMap, BTreeSet};

/// A part of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    pub principal: Option<Principal>,
    pub resource: Option<String>,
    pub facts: Vec<(String, Fact)>,
}

impl Choice {
    /// The request with this part in it.
    pub fn over(&self, base: &Request) -> Request {
        let mut request = base.clone();
        if let Some(principal) = &self.principal {
            request.principal = principal.clone();
        }
        if let Some(resource) = &self.resource {
            request.resource.clone_from(resource);
        }
        request.context.extend(self.facts.iter().cloned());
        request
    }
}

/// Actions that the statements do not tell apart, and the resources that they take.
pub(super) struct Actions {
    /// Name, and the templates of its resources; none is any resource.
    all: Vec<(String, Option<Vec<&'static str>>)>,
    /// Statements that speak of them.
    pub alive: Bits,
}

impl Actions {
    /// The action that reads best.
    pub fn first(&self) -> &str {
        self.all.first().map_or("", |(name, _)| name)
    }

    /// One that takes the resource.
    pub fn for_resource(&self, resource: &str) -> &str {
        let takes = |templates: &Option<Vec<&'static str>>| match templates {
            None => true,
            Some(all) if all.is_empty() => resource == "*",
            Some(all) => all.iter().any(|template| authorization::template_pattern(template).matches(resource)),
        };
        self.all.iter().find(|(_, templates)| takes(templates)).map_or(self.first(), |(name, _)| name)
    }
}

/// Actions of services that no policy of a question names are all alike; these are shown for them.
const FAMILIAR: &[&str] = &["s3:GetObject", "dynamodb:GetItem", "sqs:SendMessage", "lambda:InvokeFunction", "sns:Publish"];

/// Actions by the statements that speak of them.
pub(super) fn actions(parts: &[Part<'_>], scope: &Scope<'_>, budget: &mut Budget) -> Result<Vec<Actions>, Spent> {
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    let mut patterns: Vec<(String, Pattern)> = Vec::new();
    let mut number = |text: &str| {
        let lower = text.to_ascii_lowercase();
        *index.entry(lower.clone()).or_insert_with(|| {
            let pattern = action_pattern(&lower);
            patterns.push((lower, pattern));
            patterns.len() - 1
        })
    };
    let named: Vec<(Vec<usize>, bool)> =
        parts.iter().map(|part| (part.statement.actions.all.iter().map(|text| number(text)).collect(), part.statement.actions.negated)).collect();
    let within: Vec<Pattern> = scope.actions.iter().map(|text| action_pattern(text)).collect();
    let candidates = candidates(parts, scope, &patterns);
    let mut groups: Vec<Actions> = Vec::new();
    let mut places: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
    for (name, templates) in candidates {
        if !within.is_empty() && !within.iter().any(|pattern| pattern.matches(&name)) {
            continue;
        }
        budget.spend(patterns.len() * 6)?;
        let hits: Vec<bool> = patterns.iter().map(|(_, pattern)| pattern.matches(&name)).collect();
        if let Some(place) = places.get(&hits) {
            groups[*place].all.push((name, templates));
            continue;
        }
        budget.spend(parts.len() * 2)?;
        let alive = Bits::of(parts.len(), named.iter().enumerate().filter(|(_, (all, negated))| all.iter().any(|at| hits[*at]) != *negated).map(|(at, _)| at));
        places.insert(hits, groups.len());
        groups.push(Actions { all: vec![(name, templates)], alive });
    }
    Ok(groups)
}

fn templates(service: &authorization::Service, action: &authorization::Action) -> Option<Vec<&'static str>> {
    action.templates.as_ref().map(|numbers| numbers.iter().filter_map(|number| service.templates.get(*number).copied()).collect())
}

fn candidates(parts: &[Part<'_>], scope: &Scope<'_>, patterns: &[(String, Pattern)]) -> Vec<(String, Option<Vec<&'static str>>)> {
    let mut all = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut add = |name: String, templates: Option<Vec<&'static str>>| {
        if seen.insert(name.to_ascii_lowercase()) {
            all.push((name, templates));
        }
    };
    let published = |name: &str| -> (String, Option<Vec<&'static str>>) {
        let service = name.split_once(':').and_then(|(prefix, _)| authorization::service(&prefix.to_ascii_lowercase()));
        match (service, authorization::action(name)) {
            (Some(service), Some(action)) => (action.name.clone(), templates(service, action)),
            _ => (name.to_owned(), None),
        }
    };
    let is_wild = |text: &str| text.contains(['*', '?']);
    for text in scope.actions.iter().filter(|text| !is_wild(text)) {
        let (name, templates) = published(text);
        add(name, templates);
    }
    if !scope.actions.is_empty() && !scope.actions.iter().any(|text| is_wild(text)) {
        return all;
    }
    // Services that the question speaks of, by their actions or by their resources.
    let mut services: BTreeSet<String> = BTreeSet::new();
    let texts = patterns.iter().map(|(text, _)| text.clone()).chain(scope.actions.iter().map(|text| text.to_ascii_lowercase()));
    for text in texts {
        let Some((prefix, rest)) = text.split_once(':') else { continue };
        if !is_wild(prefix) {
            services.insert(prefix.to_owned());
        } else if !rest.trim_matches(['*', '?']).is_empty() || !prefix.trim_matches(['*', '?']).is_empty() {
            let pattern = Pattern::glob(prefix);
            services.extend(authorization::services().filter(|service| pattern.matches(service)).map(str::to_owned));
        }
    }
    for resource in parts.iter().filter_map(|part| part.statement.resources.as_ref()).flat_map(|patterns| &patterns.all) {
        if let Some(service) = resource.split(':').nth(2).filter(|service| !is_wild(service) && !service.contains('$')) {
            services.insert(service.to_owned());
        }
    }
    for prefix in &services {
        if let Some(service) = authorization::service(prefix) {
            for action in &service.actions {
                add(action.name.clone(), templates(service, action));
            }
        }
    }
    // What is not published yet, and may be tomorrow.
    for (text, _) in patterns.iter().filter(|(text, _)| text.contains(':')) {
        add(text.replace('*', "unlisted").replace('?', "x"), None);
    }
    for prefix in &services {
        add(format!("{prefix}:Unlisted"), None);
    }
    for name in FAMILIAR.iter().filter(|name| !services.contains(name.split(':').next().unwrap_or_default())).take(1) {
        let (name, templates) = published(name);
        add(name, templates);
    }
    add("outcrop-probe:Unlisted".to_owned(), None);
    all
}

/// Keys whose value follows from who asks.
pub(super) fn follows_from_principal(key: &str) -> bool {
    [
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principalorgid",
        "aws:principaltype",
        "aws:principalisawsservice",
        "aws:principalservicename",
        "kms:calleraccount",
    ]
    .contains(&key)
}

type Statements<'a, 's> = &'a [(usize, &'s Statement, bool)];

fn conditions<'s>(statements: Statements<'_, 's>, key: &str) -> Vec<(&'s Condition, bool)> {
    statements
        .iter()
        .flat_map(|(_, statement, variables)| statement.conditions.iter().map(|condition| (condition, *variables)))
        .filter(|(condition, _)| condition.key == key)
        .collect()
}

/// The patterns that conditions on texts compare with.
fn patterns(conditions: &[(&Condition, bool)], base: &Request) -> Vec<Pattern> {
    let fact = |key: &str| base.fact(key);
    let mut all = Vec::new();
    for (condition, variables) in conditions {
        let op = operator(&condition.operator);
        if matches!(op.comparison, Comparison::Text | Comparison::TextNoCase | Comparison::Like | Comparison::Arn) {
            for text in &condition.values {
                let value = if *variables { variable::resolve(text, &fact).ok().flatten() } else { Some(variable::Value::plain(text)) };
                all.extend(value.map(|value| op.pattern(&value)));
            }
        }
    }
    all
}

/// A pattern of one component of an ARN, as a pattern of the ARN.
fn lifted(component: usize, pattern: &Pattern) -> Pattern {
    let mut tokens = Vec::new();
    for at in 0..6 {
        if at > 0 {
            tokens.push(Token::Char(':'));
        }
        if at == component {
            tokens.extend(pattern.tokens());
        } else {
            tokens.push(Token::Many(Class::Any));
        }
    }
    Pattern::from_tokens(tokens).into_arn()
}

/// An account that nobody names, as AWS's own documentation writes it.
const STRANGER: &str = "111122223333";

pub(super) fn principals(statements: Statements<'_, '_>, base: &Request, free: &BTreeSet<&str>, budget: &mut Budget) -> Result<Vec<Choice>, Spent> {
    let named: Vec<&PrincipalPattern> =
        statements.iter().filter_map(|(_, statement, _)| statement.principals.as_ref()).flat_map(|patterns| &patterns.all).collect();
    let mut splits = patterns(&conditions(statements, "aws:principalarn"), base);
    let mut accounts: Vec<String> = Vec::new();
    for key in ["aws:principalaccount", "kms:calleraccount"] {
        let conditions = conditions(statements, key);
        accounts.extend(conditions.iter().flat_map(|(condition, _)| condition.values.iter().cloned()));
        splits.extend(patterns(&conditions, base).iter().map(|pattern| lifted(4, pattern)));
    }
    // What is found first stands in the evidence, so it is to look like what people know.
    accounts.retain(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
    let mut seeds = vec![format!("arn:aws:iam::{STRANGER}:role/{PROBE}"), format!("arn:aws:iam::{STRANGER}:user/{PROBE}")];
    seeds.extend(accounts.iter().flat_map(|account| [format!("arn:aws:iam::{account}:role/{PROBE}"), format!("arn:aws:iam::{account}:root")]));
    let mut others: Vec<Principal> = Vec::new();
    let other = |kind: Kind, arn: &str| Principal { kind, arn: arn.to_owned(), ..Principal::anonymous() };
    for pattern in &named {
        match pattern {
            PrincipalPattern::Account(account) => {
                seeds.push(format!("arn:aws:iam::{account}:role/{PROBE}"));
                seeds.push(format!("arn:aws:iam::{account}:root"));
                splits.push(lifted(4, &Pattern::literal(account)));
            }
            PrincipalPattern::Arn(arn) if Principal::parse(arn).kind == Kind::Session => others.push(Principal::parse(arn)),
            PrincipalPattern::Arn(arn) => splits.push(Pattern::literal(arn)),
            PrincipalPattern::Service(name) if name != "*" => others.push(other(Kind::Service, name)),
            PrincipalPattern::Federated(name) if name != "*" => others.push(other(Kind::Federated, name)),
            PrincipalPattern::Canonical(id) => others.push(other(Kind::Canonical, id)),
            PrincipalPattern::Anyone | PrincipalPattern::Deleted(_) | PrincipalPattern::Service(_) | PrincipalPattern::Federated(_) => {}
        }
    }
    if !named.is_empty() {
        others.push(other(Kind::Service, "outcrop-probe.amazonaws.com"));
        others.push(other(Kind::Federated, "outcrop-probe.example.com"));
        others.push(other(Kind::Canonical, "0000000000000000000000000000000000000000000000000000000000000000"));
        others.push(Principal::anonymous());
    }
    let shape = |tail: &str| {
        let account = std::iter::repeat_n(Token::One(Class::NoColon), 12);
        let head = [Token::One(Class::NoColon), Token::Many(Class::NoColon)];
        let tail = tail.chars().map(|c| {
            if c == '*' {
                Token::Many(Class::Any)
            } else if c == '?' {
                Token::One(Class::Any)
            } else {
                Token::Char(c)
            }
        });
        Pattern::from_tokens("arn:".chars().map(Token::Char).chain(head).chain(":iam::".chars().map(Token::Char)).chain(account).chain(tail))
    };
    let arns = atoms(&[shape(":role/?*"), shape(":user/?*"), shape(":root")], &splits, seeds, budget)?;
    // Every identity is tried within each organisation that matters.
    let organizations = if free.contains("aws:principalorgid") { values("aws:principalorgid", statements, base, budget)? } else { vec![Fact::Absent] };
    let mut all = Vec::new();
    for arn in &arns {
        for organization in &organizations {
            let principal = Principal { organization: organization.clone(), ..Principal::parse(arn) };
            let facts = if free.contains("aws:principalorgid") { vec![("aws:principalorgid".to_owned(), organization.clone())] } else { Vec::new() };
            all.push(Choice { principal: Some(principal), resource: None, facts });
        }
    }
    all.extend(others.into_iter().map(|principal| Choice { principal: Some(principal), ..Choice::default() }));
    Ok(all)
}

/// The service and the beginning of the name, where a pattern of ARNs fixes them.
fn fixed_parts(pattern: &Pattern) -> (Option<String>, String) {
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

fn may_meet(a: &Pattern, b: &Pattern) -> bool {
    let ((service, name), (other_service, other_name)) = (fixed_parts(a), fixed_parts(b));
    let services = !matches!((service, other_service), (Some(a), Some(b)) if a != b);
    services && (name.starts_with(&other_name) || other_name.starts_with(&name))
}

pub(super) fn resources(
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
        for text in statement.resources.iter().flat_map(|patterns| &patterns.all) {
            let value = if *variables { variable::resolve(text, &fact).ok().flatten() } else { Some(variable::Value::plain(text)) };
            splits.extend(value.map(|value| value.pattern(true).into_arn()));
        }
    }
    let accounts = patterns(&conditions(statements, "aws:resourceaccount"), base);
    splits.extend(accounts.iter().map(|pattern| lifted(4, pattern)));
    if region_follows {
        splits.extend(patterns(&conditions(statements, "aws:requestedregion"), base).iter().map(|pattern| lifted(3, pattern)));
    }
    splits.sort();
    splits.dedup();
    let is_wild = |text: &str| text.contains(['*', '?']);
    let mut texts: Vec<String> = scope.resources.iter().filter(|text| !is_wild(text)).cloned().collect();
    let wanted: Vec<Pattern> = scope.resources.iter().filter(|text| is_wild(text)).map(|text| Pattern::glob(text).into_arn()).collect();
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
        let mut universes: Vec<(Pattern, Vec<String>)> =
            templates.iter().map(|template| (authorization::template_pattern(template), vec![authorization::template_instance(template)])).collect();
        if any && !wanted.is_empty() || !wanted.is_empty() && universes.is_empty() {
            universes.extend(wanted.iter().map(|pattern| (pattern.clone(), Vec::new())));
        } else if any {
            let service = actions.first().split(':').next().unwrap_or_default();
            let generic = Pattern::glob("arn:?*:?*:*:*:?*").into_arn();
            universes.push((generic, vec![format!("arn:aws:{service}:us-east-1:{STRANGER}:{PROBE}/x")]));
        }
        for (universe, mut seeds) in universes {
            budget.spend(splits.len() * 20)?;
            let mut own: Vec<Pattern> = splits.iter().filter(|split| may_meet(split, &universe)).cloned().collect();
            own.extend(wanted.iter().cloned());
            // Templates that no pattern speaks of are all alike.
            if own.is_empty() && std::mem::replace(&mut alike, true) {
                continue;
            }
            seeds.extend(own.iter().map(instance));
            let found = atoms(&[universe], &own, seeds, budget)?;
            texts.extend(found.into_iter().filter(|text| wanted.is_empty() || wanted.iter().any(|pattern| pattern.matches(text))));
        }
        if none && wanted.is_empty() {
            texts.push("*".to_owned());
        }
    }
    let mut all = Vec::new();
    let account_is_free = free.contains("aws:resourceaccount");
    for text in texts {
        let known = base.resource_account.is_some() || Arn::parse(&text).is_some_and(|arn| !arn.account.is_empty());
        let facts = if account_is_free && !known { values("aws:resourceaccount", statements, base, budget)? } else { Vec::new() };
        if facts.is_empty() {
            all.push(Choice { resource: Some(text), ..Choice::default() });
            continue;
        }
        for fact in facts {
            all.push(Choice { resource: Some(text.clone()), facts: vec![("aws:resourceaccount".to_owned(), fact)], principal: None });
        }
    }
    Ok(all)
}

/// A text that the pattern matches and a person can read.
fn instance(pattern: &Pattern) -> String {
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

/// The values of a key that conditions tell apart; absent comes first, because it reads best.
pub(super) fn values(key: &str, statements: Statements<'_, '_>, base: &Request, budget: &mut Budget) -> Result<Vec<Fact>, Spent> {
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
        texts.extend(numbers.get(at + 1).map(|next| f64::midpoint(*number, *next).to_string()));
    }
    for instant in &instants {
        let second = jiff::SignedDuration::from_secs(1);
        texts.extend(
            [instant.checked_sub(second).ok(), Some(*instant), instant.checked_add(second).ok()].into_iter().flatten().map(|instant| instant.to_string()),
        );
    }
    texts.extend(addresses(&ranges));
    let mut ordered: Vec<String> = texts.into_iter().collect();
    if switch {
        // A switch is on or off, however else it is asked for.
        ordered.extend(splits.iter().filter_map(Pattern::only).filter(|text| !["true", "false"].contains(&text.as_str())));
    } else if ordered.is_empty() || !splits.is_empty() {
        let seeds: Vec<String> = ordered.iter().cloned().chain([PROBE.to_owned()]).chain(splits.iter().map(instance)).collect();
        let more = atoms(&[Pattern::glob("?*")], &splits, seeds, budget)?;
        ordered.extend(more.into_iter().filter(|text| !ordered.contains(text)).collect::<Vec<_>>());
    }
    let mut all = vec![Fact::Absent];
    all.extend(ordered.iter().map(|text| Fact::one(text.as_str())));
    if sets {
        // As many values as there are conditions are enough, because each can ask for one at most.
        let mut layer: Vec<Vec<usize>> = (0..ordered.len()).map(|at| vec![at]).collect();
        for _ in 1..conditions.len().min(ordered.len()) {
            layer = layer.iter().flat_map(|set| (set[set.len() - 1] + 1..ordered.len()).map(|at| [set.as_slice(), &[at]].concat())).collect();
            budget.spend(layer.len() * 50)?;
            if layer.len() > 2_000 {
                return Err(Spent);
            }
            all.extend(layer.iter().map(|set| Fact::Values(set.iter().map(|at| ordered[*at].clone()).collect())));
        }
    }
    Ok(all)
}

/// An address inside and outside of each range, at its edges.
fn addresses(ranges: &[ipnet::IpNet]) -> Vec<String> {
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
                all.extend(u32::from(first).checked_sub(1).map(|bits| std::net::Ipv4Addr::from(bits).to_string()));
                all.extend(u32::from(last).checked_add(1).map(|bits| std::net::Ipv4Addr::from(bits).to_string()));
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                all.extend(u128::from(first).checked_sub(1).map(|bits| std::net::Ipv6Addr::from(bits).to_string()));
                all.extend(u128::from(last).checked_add(1).map(|bits| std::net::Ipv6Addr::from(bits).to_string()));
            }
            _ => {}
        }
    }
    all
}

/// Keys that stand as variables in a statement, with values that its other texts suggest.
pub(super) fn variable_values(statements: &[&Statement]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for statement in statements {
        for text in statement.resources.iter().flat_map(|patterns| &patterns.all) {
            groups.entry("").or_default().push(text);
        }
        for condition in &statement.conditions {
            groups.entry(&condition.key).or_default().extend(condition.values.iter().map(String::as_str));
        }
    }
    for texts in groups.values() {
        for text in texts {
            let references = variable::references(text);
            for (at, reference) in references.iter().enumerate().filter(|(_, reference)| !["*", "?", "$"].contains(&reference.key.as_str())) {
                let values = all.entry(reference.key.clone()).or_default();
                if at > 0 {
                    continue;
                }
                // Where another text has the same beginning, what stands in the variable's place can matter.
                let (before, after) = (&text[..reference.start], &text[reference.end..]);
                let stop = after.chars().next();
                for other in texts.iter().filter(|other| !other.contains("${")) {
                    let Some(rest) = other.strip_prefix(before) else { continue };
                    let value = stop.filter(|c| !['*', '?'].contains(c)).map_or(rest, |stop| rest.split(stop).next().unwrap_or(rest));
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
