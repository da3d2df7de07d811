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
            anywhere(role, document),
            cognito(role, document),
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

/// IAM Roles Anywhere, for a certificate of any trust anchor (IAM Roles Anywhere User Guide, "Trust model": the trust policy names
/// the trust anchor by `aws:SourceArn`).
fn anywhere(role: &str, document: &Document) -> Openness {
    const SERVICE: &str = "rolesanywhere.amazonaws.com";
    let named = named(document)
        .any(|pattern| matches!(pattern, PrincipalPattern::Service(name) if name == SERVICE));
    if !named {
        return Openness::Closed;
    }
    let account = Arn::parse(role).map_or(STRANGER, |arn| arn.account);
    let anchor = format!("arn:aws:rolesanywhere:us-east-1:{account}:trust-anchor/{PROBE}");
    let mut context = BTreeMap::from([
        ("aws:sourceaccount".to_owned(), Fact::one(account)),
        ("aws:sourcearn".to_owned(), Fact::one(anchor)),
    ]);
    // What the certificate says is as the policy asks for it.
    let asked = document
        .statements
        .iter()
        .flat_map(|statement| &statement.conditions)
        .filter(|condition| condition.key.starts_with("aws:principaltag/"));
    for condition in asked {
        context.extend(condition.values.first().map(|value| {
            (
                condition.key.clone(),
                Fact::one(value.replace(['*', '?'], "x")),
            )
        }));
    }
    decide(
        role,
        document,
        Principal::parse(SERVICE),
        "sts:AssumeRole",
        context,
        format!("{SERVICE} for a certificate of any trust anchor"),
    )
}

/// Who vouches for the users of identity pools.
const COGNITO: &str = "cognito-identity.amazonaws.com";

/// A user of an identity pool: of any pool, a guest, or one who signed in (Amazon Cognito Developer Guide, "Role trust and
/// permissions"). Whether anybody may sign up the pool says, and it is not read.
fn cognito(role: &str, document: &Document) -> Openness {
    let named = named(document)
        .any(|pattern| matches!(pattern, PrincipalPattern::Federated(name) if name == COGNITO));
    if !named {
        return Openness::Closed;
    }
    let key = |name: &str| format!("{COGNITO}:{name}");
    let asked = |name: &str| {
        document
            .statements
            .iter()
            .flat_map(|statement| &statement.conditions)
            .find(|condition| condition.key == key(name))
            .and_then(|condition| condition.values.first())
            .map(|value| value.replace(['*', '?'], "x"))
    };
    let ask = |pool: &str, how: &str, reason: &str| {
        let mut context = BTreeMap::from([
            (key("aud"), Fact::one(pool)),
            (key("amr"), Fact::Values(vec![how.to_owned()])),
        ]);
        context.insert(
            key("sub"),
            Fact::one(asked("sub").unwrap_or_else(|| PROBE.to_owned())),
        );
        decide(
            role,
            document,
            Principal::parse(COGNITO),
            "sts:AssumeRoleWithWebIdentity",
            context,
            reason.to_owned(),
        )
    };
    let own = asked("aud").unwrap_or_else(|| PROBE.to_owned());
    let any_pool = format!("us-east-1:{PROBE}");
    for how in ["authenticated", "unauthenticated"] {
        let found = ask(&any_pool, how, "a user of any identity pool");
        if found != Openness::Closed {
            return found;
        }
    }
    let unread = |what: &str| {
        Openness::Unknown(vec![Gap::not_understood(
            "cognito_identity_pool",
            format!("the identity pool {own} is not read: {what}"),
        )])
    };
    match ask(&own, "unauthenticated", "a guest of the identity pool") {
        Openness::Closed => {}
        // It asks for guests; where it asks for nothing, the pool may have none.
        open if asked("amr").is_some() => return open,
        _ => return unread("whether it has guests is not known"),
    }
    match ask(&own, "authenticated", "") {
        Openness::Closed => Openness::Closed,
        Openness::Open(..) => unread("whether anybody may sign up is not known"),
        unknown => unknown,
    }
}

/// A token whose subject nobody named.
fn token(role: &str, document: &Document) -> Openness {
    let providers: BTreeSet<&str> = named(document)
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Federated(name)
                if !name.contains(":saml-provider/") && name != COGNITO =>
            {
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
