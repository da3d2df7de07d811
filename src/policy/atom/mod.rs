//! The atoms of a question: actions, principals, resources and values, one for each way in which the
//! statements can tell them apart.

pub(crate) mod resources;
pub(crate) mod values;

use super::automaton::{Budget, Spent, atoms};
use super::condition::{Comparison, operator};
use super::document::{Condition, PrincipalPattern, Statement};
use super::evaluate::action_pattern;
use super::formula::Bits;
use super::request::{Kind, Principal, Request};
use super::search::{Part, Scope};
use super::truth::Fact;
use super::{PROBE, authorization, variable};
use crate::model::{Class, Pattern, Token};
use std::collections::{BTreeMap, BTreeSet};
use values::values;

/// A part of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
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
pub(crate) struct Actions {
    /// Name, and the templates of its resources; none is any resource.
    pub(crate) all: Vec<(String, Option<Vec<&'static str>>)>,
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
            Some(all) => all
                .iter()
                .any(|template| authorization::template_pattern(template).matches(resource)),
        };
        self.all
            .iter()
            .find(|(_, templates)| takes(templates))
            .map_or(self.first(), |(name, _)| name)
    }
}

/// Actions of services that no policy of a question names are all alike; these are shown for them.
const FAMILIAR: &[&str] = &[
    "s3:GetObject",
    "dynamodb:GetItem",
    "sqs:SendMessage",
    "lambda:InvokeFunction",
    "sns:Publish",
];

/// Actions by the statements that speak of them.
pub(crate) fn actions(
    parts: &[Part<'_>],
    scope: &Scope<'_>,
    budget: &mut Budget,
) -> Result<Vec<Actions>, Spent> {
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
    let named: Vec<(Vec<usize>, bool)> = parts
        .iter()
        .map(|part| {
            (
                part.statement
                    .actions
                    .all
                    .iter()
                    .map(|text| number(text))
                    .collect(),
                part.statement.actions.negated,
            )
        })
        .collect();
    let within: Vec<Pattern> = scope
        .actions
        .iter()
        .map(|text| action_pattern(text))
        .collect();
    let candidates = candidates(parts, scope, &patterns);
    let mut groups: Vec<Actions> = Vec::new();
    let mut places: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
    for (name, templates) in candidates {
        if !within.is_empty() && !within.iter().any(|pattern| pattern.matches(&name)) {
            continue;
        }
        budget.spend(patterns.len() * 6)?;
        let hits: Vec<bool> = patterns
            .iter()
            .map(|(_, pattern)| pattern.matches(&name))
            .collect();
        if let Some(place) = places.get(&hits) {
            groups[*place].all.push((name, templates));
            continue;
        }
        budget.spend(parts.len() * 2)?;
        let alive = Bits::of(
            parts.len(),
            named
                .iter()
                .enumerate()
                .filter(|(_, (all, negated))| all.iter().any(|at| hits[*at]) != *negated)
                .map(|(at, _)| at),
        );
        places.insert(hits, groups.len());
        groups.push(Actions {
            all: vec![(name, templates)],
            alive,
        });
    }
    Ok(groups)
}

pub(crate) fn templates(
    service: &authorization::Service,
    action: &authorization::Action,
) -> Option<Vec<&'static str>> {
    action.templates.as_ref().map(|numbers| {
        numbers
            .iter()
            .filter_map(|number| service.templates.get(*number).copied())
            .collect()
    })
}

fn candidates(
    parts: &[Part<'_>],
    scope: &Scope<'_>,
    patterns: &[(String, Pattern)],
) -> Vec<(String, Option<Vec<&'static str>>)> {
    let mut all = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut add = |name: String, templates: Option<Vec<&'static str>>| {
        if seen.insert(name.to_ascii_lowercase()) {
            all.push((name, templates));
        }
    };
    let published = |name: &str| -> (String, Option<Vec<&'static str>>) {
        let service = name
            .split_once(':')
            .and_then(|(prefix, _)| authorization::service(&prefix.to_ascii_lowercase()));
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
    let texts = patterns
        .iter()
        .map(|(text, _)| text.clone())
        .chain(scope.actions.iter().map(|text| text.to_ascii_lowercase()));
    for text in texts {
        let Some((prefix, rest)) = text.split_once(':') else {
            continue;
        };
        if !is_wild(prefix) {
            services.insert(prefix.to_owned());
        } else if !rest.trim_matches(['*', '?']).is_empty()
            || !prefix.trim_matches(['*', '?']).is_empty()
        {
            let pattern = Pattern::glob(prefix);
            services.extend(
                authorization::services()
                    .filter(|service| pattern.matches(service))
                    .map(str::to_owned),
            );
        }
    }
    for resource in parts
        .iter()
        .filter_map(|part| part.statement.resources.as_ref())
        .flat_map(|patterns| &patterns.all)
    {
        if let Some(service) = resource
            .split(':')
            .nth(2)
            .filter(|service| !is_wild(service) && !service.contains('$'))
        {
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
    for name in FAMILIAR
        .iter()
        .filter(|name| !services.contains(name.split(':').next().unwrap_or_default()))
        .take(1)
    {
        let (name, templates) = published(name);
        add(name, templates);
    }
    add("outcrop-probe:Unlisted".to_owned(), None);
    all
}

/// Keys whose value follows from who asks.
pub(crate) fn follows_from_principal(key: &str) -> bool {
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

pub(crate) type Statements<'a, 's> = &'a [(usize, &'s Statement, bool)];

pub(crate) fn conditions<'s>(
    statements: Statements<'_, 's>,
    key: &str,
) -> Vec<(&'s Condition, bool)> {
    statements
        .iter()
        .flat_map(|(_, statement, variables)| {
            statement
                .conditions
                .iter()
                .map(|condition| (condition, *variables))
        })
        .filter(|(condition, _)| condition.key == key)
        .collect()
}

/// The patterns that conditions on texts compare with.
pub(crate) fn patterns(conditions: &[(&Condition, bool)], base: &Request) -> Vec<Pattern> {
    let fact = |key: &str| base.fact(key);
    let mut all = Vec::new();
    for (condition, variables) in conditions {
        let op = operator(&condition.operator);
        if matches!(
            op.comparison,
            Comparison::Text | Comparison::TextNoCase | Comparison::Like | Comparison::Arn
        ) {
            for text in &condition.values {
                let value = if *variables {
                    variable::resolve(text, &fact).ok().flatten()
                } else {
                    Some(variable::Value::plain(text))
                };
                all.extend(value.map(|value| op.pattern(&value)));
            }
        }
    }
    all
}

/// A pattern of one component of an ARN, as a pattern of the ARN.
pub(crate) fn lifted(component: usize, pattern: &Pattern) -> Pattern {
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
pub(crate) const STRANGER: &str = "111122223333";

pub(crate) fn principals(
    statements: Statements<'_, '_>,
    base: &Request,
    free: &BTreeSet<&str>,
    budget: &mut Budget,
) -> Result<Vec<Choice>, Spent> {
    let named: Vec<&PrincipalPattern> = statements
        .iter()
        .filter_map(|(_, statement, _)| statement.principals.as_ref())
        .flat_map(|patterns| &patterns.all)
        .collect();
    let mut splits = patterns(&conditions(statements, "aws:principalarn"), base);
    let mut accounts: Vec<String> = Vec::new();
    for key in ["aws:principalaccount", "kms:calleraccount"] {
        let conditions = conditions(statements, key);
        accounts.extend(
            conditions
                .iter()
                .flat_map(|(condition, _)| condition.values.iter().cloned()),
        );
        splits.extend(
            patterns(&conditions, base)
                .iter()
                .map(|pattern| lifted(4, pattern)),
        );
    }
    // What is found first stands in the evidence, so it is to look like what people know.
    accounts
        .retain(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
    let mut seeds = vec![
        format!("arn:aws:iam::{STRANGER}:role/{PROBE}"),
        format!("arn:aws:iam::{STRANGER}:user/{PROBE}"),
    ];
    seeds.extend(accounts.iter().flat_map(|account| {
        [
            format!("arn:aws:iam::{account}:role/{PROBE}"),
            format!("arn:aws:iam::{account}:root"),
        ]
    }));
    let mut others: Vec<Principal> = Vec::new();
    let other = |kind: Kind, arn: &str| Principal {
        kind,
        arn: arn.to_owned(),
        ..Principal::anonymous()
    };
    for pattern in &named {
        match pattern {
            PrincipalPattern::Account(account) => {
                seeds.push(format!("arn:aws:iam::{account}:role/{PROBE}"));
                seeds.push(format!("arn:aws:iam::{account}:root"));
                splits.push(lifted(4, &Pattern::literal(account)));
            }
            PrincipalPattern::Arn(arn) if Principal::parse(arn).kind == Kind::Session => {
                others.push(Principal::parse(arn))
            }
            PrincipalPattern::Arn(arn) => splits.push(Pattern::literal(arn)),
            PrincipalPattern::Service(name) if name != "*" => {
                others.push(other(Kind::Service, name))
            }
            PrincipalPattern::Federated(name) if name != "*" => {
                others.push(other(Kind::Federated, name))
            }
            PrincipalPattern::Canonical(id) => others.push(other(Kind::Canonical, id)),
            PrincipalPattern::Anyone
            | PrincipalPattern::Deleted(_)
            | PrincipalPattern::Refused(_)
            | PrincipalPattern::Service(_)
            | PrincipalPattern::Federated(_) => {}
        }
    }
    if !named.is_empty() {
        others.push(other(Kind::Service, "outcrop-probe.amazonaws.com"));
        others.push(other(Kind::Federated, "outcrop-probe.example.com"));
        others.push(other(
            Kind::Canonical,
            "0000000000000000000000000000000000000000000000000000000000000000",
        ));
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
        Pattern::from_tokens(
            "arn:"
                .chars()
                .map(Token::Char)
                .chain(head)
                .chain(":iam::".chars().map(Token::Char))
                .chain(account)
                .chain(tail),
        )
    };
    let arns = atoms(
        &[shape(":role/?*"), shape(":user/?*"), shape(":root")],
        &splits,
        seeds,
        budget,
    )?;
    // Every identity is tried within each organisation that matters.
    let organizations = if free.contains("aws:principalorgid") {
        values("aws:principalorgid", statements, base, budget)?
    } else {
        vec![Fact::Absent]
    };
    let mut all = Vec::new();
    for arn in &arns {
        for organization in &organizations {
            let principal = Principal {
                organization: organization.clone(),
                ..Principal::parse(arn)
            };
            let facts = if free.contains("aws:principalorgid") {
                vec![("aws:principalorgid".to_owned(), organization.clone())]
            } else {
                Vec::new()
            };
            all.push(Choice {
                principal: Some(principal),
                resource: None,
                facts,
            });
        }
    }
    all.extend(others.into_iter().map(|principal| Choice {
        principal: Some(principal),
        ..Choice::default()
    }));
    Ok(all)
}
