//! One request against all the policies that apply to it, in AWS's order.
//!
//! Source: IAM User Guide, reference_policies_evaluation-logic (single account, cross-account, boundaries,
//! sessions, resource policies by the form of principal), KMS Developer Guide, key-policies.

use super::automaton::Spending;
use super::condition::holds;
use super::document::{Document, Effect, Patterns, Statement};
use super::formula::{Bits, Formula};
use super::given::{crosses_accounts, is_free, is_refused, must_allow, without_path};
use super::principals::{Form, form, principal_matches};
use super::request::{Kind, Principal, Request};
use super::truth::{Fact, Tri};
use super::{authorization, variable};
use crate::model::{Gap, Pattern};
use std::rc::Rc;

/// What a policy is to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Inline, managed and group policies.
    Identity,
    /// Permissions boundary.
    Boundary,
    /// Session policy.
    Session,
    /// Policy of the resource; trust policies and key policies are such.
    Resource,
    /// Grants of a KMS key.
    Grant,
    /// Policy of the VPC endpoint that the request comes through.
    Endpoint,
    /// Service control policies of one level, from the root to the account.
    Control(usize),
    /// Resource control policies of one level.
    ResourceControl(usize),
    /// No policy: what a question asks of the request.
    Question,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity policies",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource policy",
            Self::Grant => "grants of the key",
            Self::Endpoint => "endpoint policy",
            Self::Control(_) => "service control policies",
            Self::ResourceControl(_) => "resource control policies",
            Self::Question => "question",
        }
    }
}

/// A statement that decided.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Because {
    /// Name of the policy.
    pub policy: String,
    /// `Sid`, or its number.
    pub statement: String,
    /// What it says, in one line.
    pub text: String,
    /// Does it apply under conditions only?
    #[serde(skip)]
    pub conditional: bool,
}

/// The decision on one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Allowed, by these statements.
    Allowed(Vec<Because>),
    /// A Deny statement applies.
    ExplicitlyDenied(Vec<Because>),
    /// Nothing allows it; what does not.
    ImplicitlyDenied(Vec<Because>),
    /// It cannot be told.
    Unknown(Vec<Gap>),
}

fn action_matches(patterns: &Patterns<String>, action: &str) -> bool {
    patterns
        .all
        .iter()
        .any(|pattern| action_pattern(pattern).matches(action))
        != patterns.negated
}

/// Actions are matched whatever their case.
pub(super) fn action_pattern(text: &str) -> Pattern {
    Pattern::glob(text).no_case()
}

pub(super) fn resource_matches(
    patterns: &Patterns<String>,
    resource: &str,
    facts: Option<&dyn Fn(&str) -> Fact>,
) -> Tri {
    let mut hit = Tri::False;
    for text in &patterns.all {
        let value = facts.map_or_else(
            || Ok(Some(variable::Value::plain(text))),
            |facts| variable::resolve(text, facts),
        );
        hit = hit.or(match value {
            Ok(Some(value)) => Tri::from(value.pattern(true).into_arn().matches(resource)),
            Ok(None) => Tri::False,
            Err(why) => Tri::unclear(format!("the resource `{text}`: {why}")),
        });
    }
    if patterns.negated { hit.not() } else { hit }
}

impl Statement {
    /// Does the statement speak of the action?
    pub fn names_action(&self, action: &str) -> bool {
        action_matches(&self.actions, action)
    }

    /// Does the statement speak of the request? With `variables`, `${...}` in its values are filled in.
    pub fn applies(&self, request: &Request, variables: bool) -> Tri {
        if !self.names_action(&request.action) {
            return Tri::False;
        }
        let mut applies = self.names_principal(&request.principal);
        let fact = |key: &str| request.fact(key);
        let facts: Option<&dyn Fn(&str) -> Fact> = if variables { Some(&fact) } else { None };
        if applies != Tri::False
            && let Some(resources) = &self.resources
        {
            applies = applies.and(resource_matches(resources, &request.resource, facts));
        }
        for condition in &self.conditions {
            if applies == Tri::False {
                return applies;
            }
            let fact = request.fact(&condition.key);
            let held = holds(condition, &fact, facts);
            applies = applies.and(
                if condition.key == "aws:principalarn" && request.lacks_path() {
                    without_path(condition, &request.principal, held)
                } else {
                    held
                },
            );
        }
        applies
    }

    /// Does the statement speak of the principal?
    pub fn names_principal(&self, principal: &Principal) -> Tri {
        self.principals
            .as_ref()
            .map_or(Tri::True, |patterns| principal_matches(patterns, principal))
    }

    /// How the statement names a principal that it applies to.
    fn form(&self, principal: &Principal) -> Form {
        match &self.principals {
            None => Form::Account,
            Some(patterns) if patterns.negated => Form::Anyone,
            Some(patterns) => patterns
                .all
                .iter()
                .map(|pattern| form(pattern, principal).0)
                .max()
                .unwrap_or(Form::Not),
        }
    }
}

/// Everything that decides over a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// Inline, managed and group policies.
    pub identity: Vec<Rc<Document>>,
    /// Permissions boundary.
    pub boundary: Option<Rc<Document>>,
    /// Session policy.
    pub session: Option<Rc<Document>>,
    /// Policy of the resource.
    pub resource: Option<Rc<Document>>,
    /// Grants of the KMS key, each as a policy.
    pub grants: Vec<Rc<Document>>,
    /// Policy of the VPC endpoint.
    pub endpoint: Option<Rc<Document>>,
    /// Service control policies, level by level from the root to the account; empty without an organisation.
    pub control: Vec<Vec<Rc<Document>>>,
    /// Resource control policies of the resource's owner, likewise.
    pub resource_control: Vec<Vec<Rc<Document>>>,
    /// Sides that are not known, and why.
    pub unknown: Vec<(Side, Vec<Gap>)>,
    /// What questions about them have cost.
    pub spending: Spending,
}

/// One statement in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'p> {
    pub side: Side,
    pub document: &'p Document,
    pub statement: &'p Statement,
}

impl Entry<'_> {
    fn because(&self) -> Because {
        Because {
            policy: self.document.name.clone(),
            statement: self.statement.sid.clone(),
            text: self.statement.to_string(),
            conditional: !self.statement.conditions.is_empty(),
        }
    }
}

/// What must be so for a request to be allowed, and what denies it.
pub(super) struct Decision {
    pub allow: Formula,
    pub deny: Formula,
}

impl Decision {
    pub fn allowed(self) -> Formula {
        Formula::And(vec![self.deny.negate(), self.allow])
    }
}

impl Policies {
    /// A policy alone.
    pub fn alone(document: Document) -> Self {
        Self {
            identity: vec![Rc::new(document)],
            ..Self::default()
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        let mut all = Vec::new();
        fn push<'p>(
            all: &mut Vec<Entry<'p>>,
            side: Side,
            documents: impl IntoIterator<Item = &'p Rc<Document>>,
        ) {
            for document in documents {
                all.extend(document.statements.iter().map(|statement| Entry {
                    side,
                    document,
                    statement,
                }));
            }
        }
        push(&mut all, Side::Identity, &self.identity);
        push(&mut all, Side::Boundary, &self.boundary);
        push(&mut all, Side::Session, &self.session);
        push(&mut all, Side::Resource, &self.resource);
        push(&mut all, Side::Grant, &self.grants);
        push(&mut all, Side::Endpoint, &self.endpoint);
        for (level, documents) in self.control.iter().enumerate() {
            push(&mut all, Side::Control(level), documents);
        }
        for (level, documents) in self.resource_control.iter().enumerate() {
            push(&mut all, Side::ResourceControl(level), documents);
        }
        all
    }

    /// The decision as a function of the statements that apply.
    pub(super) fn decision(
        &self,
        entries: &[Entry<'_>],
        principal: &Principal,
        action: &str,
        owner: Option<&str>,
    ) -> Decision {
        let len = entries.len();
        let pick = |wanted: &dyn Fn(&Entry<'_>) -> bool| {
            Formula::Any(Bits::of(
                len,
                entries
                    .iter()
                    .enumerate()
                    .filter(|(_, entry)| wanted(entry))
                    .map(|(at, _)| at),
            ))
        };
        let unknown = |side: Side| {
            self.unknown
                .iter()
                .find(|(own, _)| *own == side)
                .map(|(_, why)| Formula::Unknown(why.clone()))
        };
        let allows = |side: Side| {
            let known =
                pick(&|entry| entry.side == side && entry.statement.effect == Effect::Allow);
            match unknown(side) {
                Some(why) => Formula::Or(vec![known, why]),
                None => known,
            }
        };
        let fence = |present: bool, side: Side| {
            if present || unknown(side).is_some() {
                allows(side)
            } else {
                Formula::True
            }
        };
        let has_controls = principal.is_aws() && !principal.is_service_linked();
        let service = action
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        // KMS Developer Guide, "Resource control policies in AWS KMS": none holds kms:RetireGrant.
        let has_resource_controls = authorization::has_resource_control(&service)
            && !principal.is_service_linked()
            && !action.eq_ignore_ascii_case("kms:RetireGrant");

        let mut control = Vec::new();
        if has_controls {
            control.extend((0..self.control.len()).map(|level| allows(Side::Control(level))));
            if self.control.is_empty() {
                control.extend(unknown(Side::Control(0)));
            }
        }
        let control = || Formula::And(control.clone());
        let limits = || {
            let mut parts = Vec::new();
            if matches!(principal.kind, Kind::User | Kind::Role | Kind::Session) {
                parts.push(fence(self.boundary.is_some(), Side::Boundary));
            }
            if matches!(
                principal.kind,
                Kind::Role | Kind::Session | Kind::FederatedUser
            ) {
                parts.push(fence(self.session.is_some(), Side::Session));
            }
            // AWS STS API Reference, "GetFederationToken": without a session policy it has, in most cases, no permissions.
            if principal.kind == Kind::FederatedUser
                && self.session.is_none()
                && unknown(Side::Session).is_none()
            {
                parts.push(Formula::unclear(
                    "a federated user has what its session policy allows, and none is given",
                ));
            }
            Formula::And(parts)
        };
        let identity = || {
            if principal.kind == Kind::Root {
                Formula::True
            } else {
                allows(Side::Identity)
            }
        };
        let names = |least: Form, most: Form| {
            pick(&|entry| {
                entry.side == Side::Resource
                    && entry.statement.effect == Effect::Allow
                    && (least..=most).contains(&entry.statement.form(principal))
            })
        };
        let by_principal_arn = || {
            pick(&|entry| {
                entry.side == Side::Resource
                    && entry.statement.effect == Effect::Allow
                    && entry.statement.form(principal) == Form::Anyone
                    && entry.statement.conditions.iter().any(|condition| {
                        condition.key == "aws:principalarn"
                            && !super::condition::operator(&condition.operator).negated
                            && !super::condition::operator(&condition.operator).if_exists
                    })
            })
        };
        let mut resource = names(Form::Account, Form::Itself);
        if let Some(why) = unknown(Side::Resource) {
            resource = Formula::Or(vec![resource, why]);
        }
        if self.resource.is_none() && must_allow(action) && unknown(Side::Resource).is_none() {
            let what = if service == "kms" {
                "the key policy"
            } else {
                "the trust policy of the role"
            };
            resource = Formula::Or(vec![
                resource,
                Formula::unclear(format!("{what} decides, and it is not given")),
            ]);
        }
        let mut granted = allows(Side::Grant);
        if has_controls {
            granted = Formula::And(vec![granted, control()]);
        }

        let own_account = || {
            let mut by_identity = vec![identity(), limits(), control()];
            if must_allow(action) {
                by_identity.push(resource.clone());
            }
            // Only where something limits at all.
            let limited = self.boundary.is_some()
                || self.session.is_some()
                || unknown(Side::Boundary).is_some()
                || unknown(Side::Session).is_some();
            let everyone = if limited {
                Formula::Or(vec![
                    limits(),
                    Formula::unclear(
                        "whether a boundary or session policy limits what a resource policy gives to everyone is not documented",
                    ),
                ])
            } else {
                Formula::True
            };
            let mut ways = vec![
                Formula::And(by_identity),
                Formula::And(vec![names(Form::Role, Form::Role), limits(), control()]),
                Formula::And(vec![names(Form::Itself, Form::Itself), control()]),
                // IAM User Guide, "AWS JSON policy elements: Principal", "IAM role principals": boundaries and session policies do
                // not limit what is given to everyone with a condition on aws:PrincipalArn.
                Formula::And(vec![by_principal_arn(), control()]),
                Formula::And(vec![names(Form::Anyone, Form::Anyone), control(), everyone]),
                granted.clone(),
            ];
            if let Some(why) = unknown(Side::Resource) {
                ways.push(Formula::And(vec![why, control()]));
            }
            Formula::Or(ways)
        };
        let other_account = || match crosses_accounts(action) {
            true => Formula::Or(vec![
                Formula::And(vec![identity(), limits(), control(), resource.clone()]),
                granted.clone(),
            ]),
            false => Formula::FALSE,
        };

        let mut allow = if !principal.is_aws() {
            Formula::Or(vec![resource.clone(), allows(Side::Grant)])
        } else {
            match owner {
                Some(owner) if owner == principal.account || owner == "aws" => own_account(),
                Some(_) => other_account(),
                None if self.resource.is_none() && unknown(Side::Resource).is_none() => {
                    own_account()
                }
                // Told only where both ways agree.
                None => {
                    let (own, other) = (own_account(), other_account());
                    let either = Formula::And(vec![
                        own.clone(),
                        Formula::unclear("the account that owns the resource is not given"),
                    ]);
                    Formula::Or(vec![Formula::And(vec![own, other]), either])
                }
            }
        };
        if self.endpoint.is_some() || unknown(Side::Endpoint).is_some() {
            allow = Formula::And(vec![allow, allows(Side::Endpoint)]);
        }
        let counts = |side: Side| match side {
            Side::Control(_) => has_controls,
            Side::ResourceControl(_) => has_resource_controls,
            Side::Grant | Side::Question => false,
            _ => true,
        };
        let mut deny = vec![pick(&|entry| {
            entry.statement.effect == Effect::Deny && counts(entry.side)
        })];
        // An identity policy that nobody read is taken to add: of what the others allow it takes nothing away.
        let may_deny = |side: Side| counts(side) && side != Side::Identity;
        deny.extend(
            self.unknown
                .iter()
                .filter(|(side, _)| may_deny(*side))
                .map(|(_, why)| Formula::Unknown(why.clone())),
        );
        Decision {
            allow,
            deny: Formula::Or(deny),
        }
    }

    /// Decides one request.
    pub fn decide(&self, request: &Request) -> Answer {
        let mut request = request.clone();
        request.principal.bounded |= self.boundary.is_some();
        let said = |text: &str| {
            vec![Because {
                policy: "AWS".to_owned(),
                statement: String::new(),
                text: text.to_owned(),
                conditional: false,
            }]
        };
        // AWS STS API Reference, "GetCallerIdentity": no permissions are required, even under a Deny.
        if is_free(&request) {
            return Answer::Allowed(said("sts:GetCallerIdentity needs no permission"));
        }
        if is_refused(&request.action, &request.resource) {
            return Answer::ImplicitlyDenied(said("AWS refuses changes to what it manages itself"));
        }
        let entries = self.entries();
        let truths: Vec<Tri> = entries
            .iter()
            .map(|entry| entry.statement.applies(&request, entry.document.variables))
            .collect();
        let numbered = |wanted: &dyn Fn(&Tri) -> bool| {
            Bits::of(
                entries.len(),
                truths
                    .iter()
                    .enumerate()
                    .filter(|(_, truth)| wanted(truth))
                    .map(|(at, _)| at),
            )
        };
        let may = numbered(&|truth| *truth != Tri::False);
        let may_not = numbered(&|truth| *truth != Tri::True);
        let decision = self.decision(
            &entries,
            &request.principal,
            &request.action,
            request.owner(),
        );
        let because = |effect: Effect| {
            entries
                .iter()
                .zip(&truths)
                .filter(|(entry, truth)| **truth == Tri::True && entry.statement.effect == effect)
                .map(|(entry, _)| entry.because())
                .collect()
        };
        let (allow, deny) = (
            decision.allow.value(&may, &may_not),
            decision.deny.value(&may, &may_not),
        );
        match (allow, deny) {
            (_, (true, false)) => Answer::ExplicitlyDenied(because(Effect::Deny)),
            ((false, true), _) => {
                Answer::ImplicitlyDenied(self.lacking(&entries, &truths, &request))
            }
            ((true, false), (false, true)) => Answer::Allowed(because(Effect::Allow)),
            _ => {
                let mut why: Vec<Gap> = Vec::new();
                for truth in &truths {
                    if let Tri::Unknown(reasons) = truth {
                        why.extend(reasons.iter().cloned());
                    }
                }
                if allow == (true, true) {
                    decision.allow.reasons(&mut why);
                }
                if deny == (true, true) {
                    decision.deny.reasons(&mut why);
                }
                why.sort();
                why.dedup();
                Answer::Unknown(why)
            }
        }
    }

    /// Which sides are there and allow nothing.
    fn lacking(&self, entries: &[Entry<'_>], truths: &[Tri], request: &Request) -> Vec<Because> {
        let mut sides: Vec<Side> = Vec::new();
        if request.principal.is_aws() && request.principal.kind != Kind::Root {
            sides.push(Side::Identity);
        }
        sides.extend(self.boundary.is_some().then_some(Side::Boundary));
        sides.extend(self.session.is_some().then_some(Side::Session));
        sides.extend(
            (self.resource.is_some() || !request.principal.is_aws()).then_some(Side::Resource),
        );
        sides.extend(self.endpoint.is_some().then_some(Side::Endpoint));
        sides.extend((0..self.control.len()).map(Side::Control));
        let allowed = |side: Side| {
            entries.iter().zip(truths).any(|(entry, truth)| {
                entry.side == side
                    && entry.statement.effect == Effect::Allow
                    && *truth != Tri::False
            })
        };
        sides
            .into_iter()
            .filter(|side| !allowed(*side))
            .map(|side| Because {
                policy: side.name().to_owned(),
                statement: String::new(),
                text: format!(
                    "nothing here allows {} on {}",
                    request.action, request.resource
                ),
                conditional: false,
            })
            .collect()
    }
}
