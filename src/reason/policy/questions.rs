//! Looking for a request that passes: instances of the policy's own patterns, each confirmed by the evaluator.
//!
//! A request that is found proves its answer. That none is found proves nothing about patterns that
//! were not understood: then the answer is unknown.

use super::condition::operator;
use super::document::{Document, Effect, PrincipalPattern, Statement};
use super::evaluate::{Answer, Grants, Principal, Request};
use super::truth::Fact;
use crate::model::Arn;
use std::collections::{BTreeMap, BTreeSet};

/// A name that no approved model, role or resource has.
const STRANGE: &str = "outcrop-probe";
/// An organisation that nobody trusts.
const STRANGE_ORGANIZATION: &str = "o-outcropprobe";
/// At most this many requests are tried for one question.
const TRIES: usize = 4_000;

/// The answer to "is there a request that passes?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This one, confirmed.
    Yes(Box<Request>),
    /// None.
    No,
    /// It cannot be told.
    Unknown(Vec<String>),
}

impl Found {
    fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes(_) => self,
            Self::No => other(),
            Self::Unknown(why) => match other() {
                Self::Yes(request) => Self::Yes(request),
                Self::No => Self::Unknown(why),
                Self::Unknown(more) => Self::Unknown([why, more].concat()),
            },
        }
    }
}

/// A text that a pattern matches: `*` becomes `fill`, `?` becomes `x`.
pub fn pattern_instance(pattern: &str, fill: &str) -> String {
    pattern
        .chars()
        .map(|c| match c {
            '*' => fill.to_owned(),
            '?' => "x".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

/// Keys that tell over which network a request came; a question about the path sets them itself.
const NETWORK_KEYS: &[&str] =
    &["aws:sourcevpce", "aws:sourcevpc", "aws:sourceip", "aws:vpcsourceip", "aws:vpceaccount", "aws:vpceorgid", "aws:vpceorgpaths", "aws:sourcevpcarn"];
/// Keys that AWS sets when a service calls for someone: no caller can choose them, and exemptions by them are no hole.
const SERVICE_KEYS: &[&str] = &[
    "aws:viaawsservice",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:securetransport",
];
const PRINCIPAL_KEYS: &[&str] = &["aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths"];

/// Values that would make a statement's conditions hold.
fn suggestions(statement: &Statement, fixed: &[&str]) -> BTreeMap<String, Fact> {
    let mut context = BTreeMap::new();
    for condition in &statement.conditions {
        let op = operator(&condition.operator);
        if op.negated || op.if_exists || op.for_all || fixed.contains(&condition.key.as_str()) || SERVICE_KEYS.contains(&condition.key.as_str()) {
            continue;
        }
        let Some(first) = condition.values.first().filter(|value| !value.contains("${")) else { continue };
        let value = match op.base.as_str() {
            "null" if first.eq_ignore_ascii_case("false") => STRANGE.to_owned(),
            "null" => continue,
            "ipaddress" => first.split('/').next().unwrap_or(first).to_owned(),
            // Which number or instant a request brings is not known, so the condition stays unknown.
            base if base.starts_with("numeric") || base.starts_with("date") => {
                context.insert(condition.key.clone(), Fact::Unknown);
                continue;
            }
            _ => pattern_instance(first, STRANGE),
        };
        context.entry(condition.key.clone()).or_insert_with(|| Fact::one(value));
    }
    context
}

/// What a question fixes, and what it leaves to be chosen.
#[derive(Debug, Clone)]
pub struct Exposure<'q> {
    /// Actions to try; a statement must match one.
    pub actions: &'q [&'q str],
    /// Resources to try beside the instances of the statements' own patterns.
    pub resources: Vec<String>,
    /// Try only `resources`.
    pub resources_only: bool,
    /// Who asks; `None` lets the statement's own principals ask.
    pub principal: Option<Principal>,
    /// Who asks where a statement admits anyone.
    pub insider: Principal,
    /// Facts of the request.
    pub context: BTreeMap<String, Fact>,
    /// Are the network keys fixed by `context`?
    pub network_fixed: bool,
    /// May condition keys be given the values that the policy asks for?
    pub suggest: bool,
}

/// Is there a request of this kind that the policies let through?
pub fn find_request(grants: &Grants, question: &Exposure<'_>) -> Found {
    let mut fixed: Vec<&str> = if question.network_fixed { NETWORK_KEYS.to_vec() } else { Vec::new() };
    if question.principal.is_some() {
        fixed.extend(PRINCIPAL_KEYS);
    }
    let mut tries = 0;
    let mut answer = Found::No;
    let named_resources = named_resources(grants);
    for statement in grants.identity.iter().flat_map(|document| &document.statements).filter(|statement| statement.effect == Effect::Allow) {
        let mut resources = question.resources.clone();
        if !question.resources_only {
            resources.extend(named_resources.iter().cloned());
            let variable =
                statement.resources.iter().filter(|patterns| !patterns.negated).flat_map(|patterns| &patterns.all).find(|pattern| pattern.contains("${"));
            if let Some(pattern) = variable
                && question.actions.iter().any(|action| statement.names_action(action))
            {
                answer = answer.or(|| Found::Unknown(vec![format!("the resource `{pattern}` holds a policy variable")]));
            }
        }
        let suggested = if question.suggest { suggestions(statement, &fixed) } else { BTreeMap::new() };
        for action in question.actions.iter().filter(|action| statement.names_action(action)) {
            for resource in &resources {
                for principal in principals(statement, question, &suggested) {
                    tries += 2;
                    if tries > TRIES {
                        return answer.or(|| Found::Unknown(vec![format!("the policy has more than {TRIES} combinations to try")]));
                    }
                    let mut context = question.context.clone();
                    for (key, fact) in &suggested {
                        context.entry(key.clone()).or_insert_with(|| fact.clone());
                    }
                    let request = Request { principal, action: (*action).to_owned(), resource: resource.clone(), context };
                    answer = answer.or(|| attempt(grants, &request, &fixed));
                    if let Found::Yes(_) = answer {
                        return answer;
                    }
                }
            }
        }
    }
    answer
}

/// A well-formed model, and an instance of every resource that any of the policies names: what a fence leaves open is tried too.
fn named_resources(grants: &Grants) -> BTreeSet<String> {
    let documents = grants.identity.iter().chain(&grants.boundary).chain(grants.control.iter().flatten());
    let patterns = documents.flat_map(|document| &document.statements).filter_map(|statement| statement.resources.as_ref()).flat_map(|patterns| &patterns.all);
    let mut all: BTreeSet<String> =
        patterns.filter(|pattern| pattern.as_str() != "*" && !pattern.contains("${")).map(|pattern| pattern_instance(pattern, STRANGE)).take(200).collect();
    all.insert(format!("arn:aws:bedrock:us-east-1::foundation-model/{STRANGE}.model-v1:0"));
    all
}

fn principals(statement: &Statement, question: &Exposure<'_>, suggested: &BTreeMap<String, Fact>) -> Vec<Principal> {
    if let Some(principal) = &question.principal {
        return vec![principal.clone()];
    }
    let mut insider = question.insider.clone();
    if let Some(Fact::Values(arns)) = suggested.get("aws:principalarn")
        && let Some(arn) = arns.first()
    {
        arn.clone_into(&mut insider.arn);
        if let Some(arn) = Arn::parse(arn) {
            arn.account.clone_into(&mut insider.account);
        }
    }
    let named = statement.principals.iter().filter(|patterns| !patterns.negated).flat_map(|patterns| &patterns.all);
    let mut all: Vec<Principal> = named
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Anyone | PrincipalPattern::Service(_) | PrincipalPattern::Other(_) => None,
            PrincipalPattern::Account(account) => {
                Some(Principal { arn: format!("arn:aws:iam::{account}:role/{STRANGE}"), account: account.clone(), organization: insider.organization.clone() })
            }
            PrincipalPattern::Arn(arn) => Some(Principal {
                arn: arn.clone(),
                account: Arn::parse(arn).map_or_else(String::new, |arn| arn.account.to_owned()),
                organization: insider.organization.clone(),
            }),
        })
        .collect();
    all.push(insider);
    all
}

/// One request as it is, and once more with the values that would take it past the Deny statements.
fn attempt(grants: &Grants, request: &Request, fixed: &[&str]) -> Found {
    match grants.decide(request) {
        Answer::Allowed(_) => return Found::Yes(Box::new(request.clone())),
        Answer::ImplicitlyDenied => return Found::No,
        Answer::Unknown(why) => return Found::Unknown(why),
        Answer::ExplicitlyDenied(_) => {}
    }
    let mut request = request.clone();
    let fences = grants.identity.iter().chain(&grants.boundary).chain(grants.control.iter().flatten());
    for statement in fences.flat_map(|document| &document.statements).filter(|statement| statement.effect == Effect::Deny) {
        for condition in &statement.conditions {
            let op = operator(&condition.operator);
            let Some(first) = condition.values.first().filter(|value| !value.contains("${")) else { continue };
            if SERVICE_KEYS.contains(&condition.key.as_str()) {
                continue;
            }
            let dodge = op.negated || op.base == "null" && first.eq_ignore_ascii_case("true");
            if dodge && !fixed.contains(&condition.key.as_str()) && !PRINCIPAL_KEYS.contains(&condition.key.as_str()) {
                let value = match op.base.as_str() {
                    "null" => STRANGE.to_owned(),
                    "ipaddress" => first.split('/').next().unwrap_or(first).to_owned(),
                    _ => pattern_instance(first, STRANGE),
                };
                request.context.entry(condition.key.clone()).or_insert_with(|| Fact::one(value));
            }
            if op.base == "bool" && !fixed.contains(&condition.key.as_str()) {
                let other = if first.eq_ignore_ascii_case("true") { "false" } else { "true" };
                request.context.entry(condition.key.clone()).or_insert_with(|| Fact::one(other));
            }
        }
    }
    match grants.decide(&request) {
        Answer::Allowed(_) => Found::Yes(Box::new(request)),
        Answer::Unknown(why) => Found::Unknown(why),
        Answer::ExplicitlyDenied(_) | Answer::ImplicitlyDenied => Found::No,
    }
}

/// Does the policy let anyone do anything (an action and a resource that nobody named)?
pub fn is_full_access(document: &Document, prefix: &str, context: &BTreeMap<String, Fact>) -> Found {
    let outsider = outsider();
    let mut context = context.clone();
    // The resource is a stranger's as well.
    context.insert("aws:resourceorgid".to_owned(), Fact::one(STRANGE_ORGANIZATION));
    find_request(
        &Grants::alone(document.clone()),
        &Exposure {
            actions: &[&format!("{prefix}:OutcropProbe")],
            resources: vec![format!("arn:aws:{prefix}:us-east-1:999999999999:{STRANGE}/x")],
            resources_only: true,
            principal: Some(outsider.clone()),
            insider: outsider,
            context,
            network_fixed: true,
            suggest: false,
        },
    )
}

/// A principal of an account and an organisation that nobody trusts.
fn outsider() -> Principal {
    Principal { arn: format!("arn:aws:iam::999999999999:role/{STRANGE}"), account: "999999999999".to_owned(), organization: Fact::one(STRANGE_ORGANIZATION) }
}

/// Does the policy let a principal through whose account `is_trusted` does not know?
///
/// Tried: someone from nowhere, and each principal that the policy names. `is_trusted` gives `None` where it cannot tell.
pub fn outsider_through(
    document: &Document,
    actions: &[&str],
    context: &BTreeMap<String, Fact>,
    trusted_organizations: Option<&[String]>,
    is_trusted: &dyn Fn(&str) -> Option<bool>,
) -> Found {
    let grants = Grants::alone(document.clone());
    let allows = || document.statements.iter().filter(|statement| statement.effect == Effect::Allow);
    // The family's usual actions, and an instance of everything that the policy itself names.
    let mut tried: BTreeSet<String> = actions.iter().map(|action| (*action).to_owned()).collect();
    tried.extend(
        allows()
            .filter(|statement| !statement.actions.negated)
            .flat_map(|statement| &statement.actions.all)
            .map(|action| pattern_instance(action, "OutcropProbe")),
    );
    let tried: Vec<&str> = tried.iter().map(String::as_str).collect();
    let ask = |principal: Principal| {
        find_request(
            &grants,
            &Exposure {
                actions: &tried,
                resources: vec![format!("arn:aws:bedrock:us-east-1::foundation-model/{STRANGE}")],
                resources_only: false,
                insider: principal.clone(),
                principal: Some(principal),
                context: context.clone(),
                network_fixed: true,
                suggest: true,
            },
        )
    };
    let mut answer = ask(outsider());
    let mut named: BTreeSet<(String, String)> = BTreeSet::new();
    for pattern in allows().flat_map(|statement| &statement.principals).filter(|patterns| !patterns.negated).flat_map(|patterns| &patterns.all) {
        match pattern {
            PrincipalPattern::Account(account) => named.insert((format!("arn:aws:iam::{account}:role/{STRANGE}"), account.clone())),
            PrincipalPattern::Arn(arn) => named.insert((arn.clone(), Arn::parse(arn).map_or_else(String::new, |arn| arn.account.to_owned()))),
            // A deleted principal shows as an id and matches nobody.
            _ => false,
        };
    }
    for condition in allows().flat_map(|statement| &statement.conditions).filter(|condition| !operator(&condition.operator).negated) {
        for value in condition.values.iter().filter(|value| !value.contains("${")) {
            match condition.key.as_str() {
                "aws:principalorgid" => {
                    answer = answer.or(|| match trusted_organizations {
                        Some(trusted) if trusted.contains(value) => Found::No,
                        Some(_) => ask(Principal { organization: Fact::one(pattern_instance(value, STRANGE)), ..outsider() }),
                        None => Found::Unknown(vec![format!("whether {value} is the own organisation is not known")]),
                    });
                }
                "aws:principalaccount" => {
                    named.insert((format!("arn:aws:iam::{value}:role/{STRANGE}"), value.clone()));
                }
                "aws:principalarn" => {
                    let arn = pattern_instance(value, STRANGE);
                    let account = Arn::parse(value).map_or("", |arn| arn.account);
                    let account = if account.contains('*') { "999999999999" } else { account };
                    named.insert((arn.replacen(&format!("::{STRANGE}:"), &format!("::{account}:"), 1), account.to_owned()));
                }
                _ => {}
            }
        }
    }
    for (arn, account) in named.into_iter().filter(|(_, account)| !account.is_empty()) {
        answer = answer.or(|| match is_trusted(&account) {
            Some(true) => Found::No,
            Some(false) => ask(Principal { arn, account: account.clone(), organization: Fact::one(STRANGE_ORGANIZATION) }),
            None => match ask(Principal { arn, account: account.clone(), organization: Fact::Unknown }) {
                Found::No => Found::No,
                _ => Found::Unknown(vec![format!("whether account {account} belongs to the organisation is not known")]),
            },
        });
    }
    answer
}

/// Which models pass: any at all, a family by wildcard, and those named.
pub fn models_through(
    document: &Document,
    actions: &[&str],
    region: &str,
    insider: &Principal,
    context: &BTreeMap<String, Fact>,
) -> (Found, Found, Vec<String>) {
    let grants = Grants::alone(document.clone());
    let ask = |resources: Vec<String>| {
        find_request(
            &grants,
            &Exposure {
                actions,
                resources,
                resources_only: true,
                principal: None,
                insider: insider.clone(),
                context: context.clone(),
                network_fixed: true,
                suggest: true,
            },
        )
    };
    let mut context = context.clone();
    context.entry("bedrock-mantle:model".to_owned()).or_insert_with(|| Fact::one(STRANGE));
    let any = find_request(
        &grants,
        &Exposure {
            actions,
            resources: vec![
                format!("arn:aws:bedrock:{region}::foundation-model/{STRANGE}.model-v1:0"),
                format!("arn:aws:bedrock-mantle:{region}:{}:project/{STRANGE}", insider.account),
            ],
            resources_only: true,
            principal: None,
            insider: insider.clone(),
            context: context.clone(),
            network_fixed: true,
            suggest: true,
        },
    );
    let mut family = Found::No;
    let mut models: Vec<String> = Vec::new();
    if actions.iter().any(|action| action.starts_with("bedrock-mantle:")) {
        // Mantle names projects, so only its condition key can name models.
        let keys = document.statements.iter().flat_map(|statement| &statement.conditions).filter(|condition| condition.key == "bedrock-mantle:model");
        models.extend(keys.flat_map(|condition| &condition.values).cloned());
    } else {
        // What an Allow names, and what a Deny leaves out.
        let named = document.statements.iter().filter_map(|statement| statement.resources.as_ref().map(|patterns| (statement, patterns)));
        let named = named.filter(|(statement, patterns)| (statement.effect == Effect::Allow) != patterns.negated).flat_map(|(_, patterns)| &patterns.all);
        for pattern in named.filter(|pattern| names_a_model(pattern)) {
            let id = Arn::parse(pattern).map_or(pattern.as_str(), |arn| arn.resource.split_once('/').map_or(arn.resource, |(_, id)| id));
            let passes = ask(vec![pattern_instance(pattern, STRANGE)]);
            if matches!(passes, Found::No) {
                continue;
            }
            if id.contains(['*', '?']) {
                family = family.or(|| passes);
            } else {
                models.push(id.to_owned());
            }
        }
    }
    models.sort();
    models.dedup();
    (any, family, models)
}

/// Can the pattern match a model or an inference profile? Guardrails and the like are no models.
fn names_a_model(pattern: &str) -> bool {
    let Some(arn) = Arn::parse(pattern) else { return pattern.contains('*') };
    let kind = arn.resource.split('/').next().unwrap_or_default();
    kind.contains('*')
        || [
            "foundation-model",
            "inference-profile",
            "application-inference-profile",
            "provisioned-model",
            "custom-model",
            "imported-model",
            "marketplace",
            "default-prompt-router",
            "prompt-router",
            "custom-model-deployment",
        ]
        .contains(&kind)
}
