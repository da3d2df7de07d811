//! Who may assume a role without being named: other accounts, deputies, and tokens of any subject.

use crate::model::{Arn, Gap};
use crate::policy::{
    Answer, Document, Effect, Fact, Found, Kind, Others, PROBE, Policies, Principal,
    PrincipalPattern, Request, stranger_through,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A caller that nobody named, and the request that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Openness {
    /// It gets in: why, and how.
    Open(String, Json),
    /// Only those that are named.
    Closed,
    /// It cannot be told.
    Unknown(Vec<Gap>),
}

/// Services that act for whoever asks them, so that a role has to say for whose account they may take it
/// (IAM User Guide, "The confused deputy problem").
const DEPUTIES: &[&str] = &["bedrock.amazonaws.com", "bedrock-agentcore.amazonaws.com"];
/// An account that nobody trusts.
const STRANGER: &str = "999999999999";

/// Is there a caller that the trust policy lets in and does not name?
///
/// `is_trusted` gives `None` where it cannot tell whether an account is one of ours.
pub(crate) fn openness(
    role: &str,
    document: &Document,
    organizations: Option<&[String]>,
    is_trusted: &dyn Fn(&str) -> Option<bool>,
) -> Openness {
    first(
        [
            deputy(role, document),
            token(role, document),
            stranger(document, organizations, is_trusted),
        ]
        .into_iter(),
    )
}

fn decide(
    role: &str,
    document: &Document,
    principal: Principal,
    action: &str,
    context: BTreeMap<String, Fact>,
    reason: String,
) -> Openness {
    let policies = Policies {
        resource: Some(Rc::new(document.clone())),
        ..Policies::default()
    };
    let request = Request {
        principal,
        action: action.to_owned(),
        resource: role.to_owned(),
        resource_account: None,
        context,
        others: Others::Usual,
    };
    match policies.decide(&request) {
        Answer::Allowed(_) => Openness::Open(reason, request.witness()),
        Answer::ExplicitlyDenied(_) | Answer::ImplicitlyDenied(_) => Openness::Closed,
        Answer::Unknown(why) => Openness::Unknown(why),
    }
}

/// The first that is open, else what is not known.
fn first(all: impl Iterator<Item = Openness>) -> Openness {
    let mut unknown = Vec::new();
    for answer in all {
        match answer {
            Openness::Open(..) => return answer,
            Openness::Closed => {}
            Openness::Unknown(why) => unknown.extend(why),
        }
    }
    if unknown.is_empty() {
        Openness::Closed
    } else {
        Openness::Unknown(unknown)
    }
}

fn named(document: &Document) -> impl Iterator<Item = &PrincipalPattern> {
    let allows = document
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow);
    allows
        .flat_map(|statement| &statement.principals)
        .filter(|patterns| !patterns.negated)
        .flat_map(|patterns| &patterns.all)
}

/// A deputy that a stranger sends.
fn deputy(role: &str, document: &Document) -> Openness {
    let services: BTreeSet<&str> = named(document)
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Service(name) if DEPUTIES.contains(&name.as_str()) => {
                Some(name.as_str())
            }
            _ => None,
        })
        .collect();
    first(services.into_iter().map(|service| {
        let prefix = service.split('.').next().unwrap_or_default();
        let context = BTreeMap::from([
            ("aws:sourceaccount".to_owned(), Fact::one(STRANGER)),
            (
                "aws:sourcearn".to_owned(),
                Fact::one(format!("arn:aws:{prefix}:us-east-1:{STRANGER}:{PROBE}/x")),
            ),
            ("aws:sourceorgid".to_owned(), Fact::one("o-outcropprobe")),
        ]);
        decide(
            role,
            document,
            Principal::parse(service),
            "sts:AssumeRole",
            context,
            format!("{service} for any account"),
        )
    }))
}

/// A token whose subject nobody named.
fn token(role: &str, document: &Document) -> Openness {
    let providers: BTreeSet<&str> = named(document)
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Federated(name) if !name.contains(":saml-provider/") => {
                Some(name.as_str())
            }
            _ => None,
        })
        .collect();
    let conditions = || {
        document
            .statements
            .iter()
            .flat_map(|statement| &statement.conditions)
    };
    first(providers.into_iter().flat_map(|provider| {
        let host = provider
            .rsplit_once("oidc-provider/")
            .map_or(provider, |(_, host)| host)
            .to_ascii_lowercase();
        let subject = format!("{host}:sub");
        let mut context: BTreeMap<String, Fact> = BTreeMap::new();
        // Everything but the subject is as the policy asks for it.
        for condition in conditions().filter(|condition| {
            condition.key.starts_with(&format!("{host}:")) && condition.key != subject
        }) {
            context.extend(condition.values.first().map(|value| {
                (
                    condition.key.clone(),
                    Fact::one(value.replace(['*', '?'], "x")),
                )
            }));
        }
        // Any subject at all, and one more of each pattern with a wildcard in it.
        let wild = conditions()
            .filter(|condition| condition.key == subject)
            .flat_map(|condition| &condition.values)
            .filter(|value| value.contains(['*', '?']));
        let subjects: BTreeSet<String> = wild
            .map(|value| value.replace('*', PROBE).replace('?', "x"))
            .chain([PROBE.to_owned()])
            .collect();
        subjects
            .into_iter()
            .map(|value| {
                let mut context = context.clone();
                let what = if value == PROBE {
                    "any subject".to_owned()
                } else {
                    format!("a subject like {value}")
                };
                context.insert(subject.clone(), Fact::one(value));
                let principal = Principal {
                    kind: Kind::Federated,
                    ..Principal::parse(provider)
                };
                decide(
                    role,
                    document,
                    principal,
                    "sts:AssumeRoleWithWebIdentity",
                    context,
                    format!("a token of {host} with {what}"),
                )
            })
            .collect::<Vec<_>>()
    }))
}

/// A role of an account that is not ours, without an external id: whoever the other company lets use it gets in for anyone
/// (IAM User Guide, "Access to AWS accounts owned by third parties").
fn stranger(
    document: &Document,
    organizations: Option<&[String]>,
    is_trusted: &dyn Fn(&str) -> Option<bool>,
) -> Openness {
    let context = BTreeMap::from([("sts:externalid".to_owned(), Fact::Absent)]);
    match stranger_through(
        document,
        &["sts:AssumeRole"],
        &[],
        &context,
        organizations,
        is_trusted,
        &[],
    ) {
        Found::Yes(request) => {
            let account = Arn::parse(&request.principal.arn).map_or("", |arn| arn.account);
            let who = if account.is_empty() {
                "anyone".to_owned()
            } else {
                format!("a role of account {account} that nobody named")
            };
            Openness::Open(format!("{who}, without an external id"), request.witness())
        }
        Found::No => Openness::Closed,
        Found::Unknown(why) => Openness::Unknown(why),
    }
}
