//! One request against the policies that apply to it.

use super::condition::holds;
use super::document::{Document, Effect, Patterns, PrincipalPattern, Statement};
use super::truth::{Fact, Tri};
use crate::model::{Arn, arn_matches, glob};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// ARN of the user or role.
    pub arn: String,
    /// Account.
    pub account: String,
    /// Organisation id.
    pub organization: Fact,
}

/// One request. A key that `context` does not hold is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub principal: Principal,
    /// `service:Action`.
    pub action: String,
    /// ARN.
    pub resource: String,
    /// Condition keys in lower case.
    pub context: BTreeMap<String, Fact>,
}

impl Request {
    /// What is known of a key: what follows from principal and resource, else the context.
    pub fn fact(&self, key: &str) -> Fact {
        if let Some(fact) = self.context.get(key) {
            return fact.clone();
        }
        match key {
            "aws:principalarn" => Fact::one(&self.principal.arn),
            "aws:principalaccount" => Fact::one(&self.principal.account),
            "aws:principalorgid" => self.principal.organization.clone(),
            "aws:principalisawsservice" | "aws:viaawsservice" => Fact::one("false"),
            "aws:securetransport" => Fact::one("true"),
            "aws:resourceaccount" => match Arn::parse(&self.resource).map(|arn| arn.account).filter(|account| !account.is_empty()) {
                Some(account) => Fact::one(account),
                None => Fact::Unknown,
            },
            "aws:requestedregion" => match Arn::parse(&self.resource).map(|arn| arn.region).filter(|region| !region.is_empty()) {
                Some(region) => Fact::one(region),
                None => Fact::Unknown,
            },
            _ if key.starts_with("aws:principaltag/")
                || key.starts_with("aws:resourcetag/")
                || key == "aws:principalorgpaths"
                || key == "aws:resourceorgid"
                || key == "aws:resourceorgpaths"
                || key == "aws:userid"
                || key == "aws:username" =>
            {
                Fact::Unknown
            }
            _ => Fact::Absent,
        }
    }

    /// The request for a person and for the evidence.
    pub fn witness(&self) -> Json {
        let context: BTreeMap<&str, Json> = self
            .context
            .iter()
            .filter_map(|(key, fact)| match fact {
                Fact::Values(values) => Some((key.as_str(), json!(values))),
                Fact::Absent | Fact::Unknown => None,
            })
            .collect();
        json!({"principal": self.principal.arn, "action": self.action, "resource": self.resource, "context": context})
    }
}

/// The decision on one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Allowed, by these statements.
    Allowed(Vec<String>),
    /// A Deny statement applies.
    ExplicitlyDenied(Vec<String>),
    /// Nothing allows it.
    ImplicitlyDenied,
    /// It cannot be told.
    Unknown(Vec<String>),
}

fn action_matches(patterns: &Patterns<String>, action: &str) -> Tri {
    let lower = action.to_ascii_lowercase();
    let hit = patterns.all.iter().any(|pattern| glob(&pattern.to_ascii_lowercase(), &lower));
    Tri::from(hit != patterns.negated)
}

fn resource_matches(patterns: &Patterns<String>, resource: &str, variables: bool) -> Tri {
    let mut hit = Tri::False;
    for pattern in &patterns.all {
        hit = hit.or(if variables && pattern.contains("${") {
            Tri::Unknown(vec![format!("the resource `{pattern}` holds a policy variable")])
        } else {
            Tri::from(pattern == "*" || arn_matches(pattern, resource))
        });
    }
    if patterns.negated { hit.not() } else { hit }
}

fn principal_matches(patterns: &Patterns<PrincipalPattern>, principal: &Principal) -> Tri {
    let hit = patterns.all.iter().any(|pattern| match pattern {
        PrincipalPattern::Anyone => true,
        PrincipalPattern::Account(account) => *account == principal.account,
        PrincipalPattern::Arn(arn) => *arn == principal.arn,
        PrincipalPattern::Service(_) | PrincipalPattern::Other(_) => false,
    });
    Tri::from(hit != patterns.negated)
}

impl Statement {
    /// Does the statement speak of the action?
    pub fn names_action(&self, action: &str) -> bool {
        action_matches(&self.actions, action) == Tri::True
    }

    /// Does the statement speak of the request?
    pub fn applies(&self, request: &Request, variables: bool) -> Tri {
        let mut applies = action_matches(&self.actions, &request.action);
        if let Some(principals) = &self.principals {
            applies = applies.and(principal_matches(principals, &request.principal));
        }
        if let Some(resources) = &self.resources {
            applies = applies.and(resource_matches(resources, &request.resource, variables));
        }
        for condition in &self.conditions {
            if applies == Tri::False {
                return applies;
            }
            applies = applies.and(holds(condition, &request.fact(&condition.key), variables));
        }
        applies
    }
}

/// (allow, deny, statements that did either)
fn tally(documents: &[Document], request: &Request) -> (Tri, Tri, Vec<String>, Vec<String>) {
    let (mut allow, mut deny, mut allowing, mut denying) = (Tri::False, Tri::False, Vec::new(), Vec::new());
    for document in documents {
        for statement in &document.statements {
            let applies = statement.applies(request, document.variables);
            let text = || format!("{}: {}", document.name, statement.sid);
            match statement.effect {
                Effect::Allow => {
                    if applies == Tri::True {
                        allowing.push(text());
                    }
                    allow = allow.or(applies);
                }
                Effect::Deny => {
                    if applies == Tri::True {
                        denying.push(text());
                    }
                    deny = deny.or(applies);
                }
            }
        }
    }
    (allow, deny, allowing, denying)
}

/// Everything that decides over one principal's requests on its own side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Inline, managed and group policies.
    pub identity: Vec<Document>,
    /// Permissions boundary.
    pub boundary: Option<Document>,
    /// Service control policies, level by level from the root to the account; empty without an organisation.
    pub control: Vec<Vec<Document>>,
    /// Why the control policies are not known; none when they are.
    pub control_unknown: Vec<String>,
}

impl Grants {
    /// A policy alone.
    pub fn alone(document: Document) -> Self {
        Self { identity: vec![document], ..Self::default() }
    }

    /// Decides one request.
    pub fn decide(&self, request: &Request) -> Answer {
        let (mut allow, mut deny, allowing, mut denying) = tally(&self.identity, request);
        let fences = self.boundary.iter().map(std::slice::from_ref).chain(self.control.iter().map(Vec::as_slice));
        for fence in fences {
            let (fence_allow, fence_deny, _, fence_denying) = tally(fence, request);
            allow = allow.and(fence_allow);
            deny = deny.or(fence_deny);
            denying.extend(fence_denying);
        }
        if !self.control_unknown.is_empty() {
            allow = allow.and(Tri::Unknown(self.control_unknown.clone()));
        }
        match (allow, deny) {
            (_, Tri::True) => Answer::ExplicitlyDenied(denying),
            (Tri::False, _) => Answer::ImplicitlyDenied,
            (Tri::True, Tri::False) => Answer::Allowed(allowing),
            (Tri::Unknown(why), Tri::False) | (Tri::True, Tri::Unknown(why)) => Answer::Unknown(why),
            (Tri::Unknown(mut why), Tri::Unknown(more)) => {
                why.extend(more);
                Answer::Unknown(why)
            }
        }
    }
}
