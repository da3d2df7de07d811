//! The questions that Outcrop asks of policies, each a search over all requests.

use super::compare::find;
use super::document::{Document, Effect, Patterns, PrincipalPattern, Statement};
use super::formula::{Bits, Formula};
use super::found::Found;
use super::request::Principal;
use super::search::{Mode, Part, Scope, Who, search};
use super::truth::Fact;
use super::{Answer, Because, Condition, PROBE, Policies, Request};
use crate::model::Arn;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that AWS sets when a service calls for someone: no caller can choose them, and exemptions by them are no hole.
const SERVICE_KEYS: &[&str] = &[
    "aws:viaawsservice",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:securetransport",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
];
/// Keys that follow from who asks, from when, and from tags that are somewhere else.
const GIVEN_KEYS: &[&str] = &[
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principaltype",
    "aws:userid",
    "aws:username",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:requestedregion",
    "kms:calleraccount",
];
const CLOCK_KEYS: &[&str] = &["aws:currenttime", "aws:epochtime", "aws:tokenissuetime"];

/// What a caller that is known may choose: everything but what follows from itself, from AWS and from the clock.
pub fn of_caller(key: &str) -> Mode {
    if CLOCK_KEYS.contains(&key) {
        Mode::Is(Fact::Unknown)
    } else if SERVICE_KEYS.contains(&key)
        || GIVEN_KEYS.contains(&key)
        || key.starts_with("aws:principaltag/")
        || key.contains(":resourcetag/")
    {
        Mode::Derived
    } else {
        Mode::Free
    }
}

/// What someone unknown may bring: any tag and any organisation too.
fn of_anyone(key: &str) -> Mode {
    if CLOCK_KEYS.contains(&key) {
        Mode::Is(Fact::Unknown)
    } else if SERVICE_KEYS.contains(&key)
        || ["aws:requestedregion", "aws:principaltype"].contains(&key)
    {
        Mode::Derived
    } else if ["aws:principalorgpaths", "aws:userid"].contains(&key) {
        // Whoever is not in the organisation has no path in it, and ids are given out by AWS.
        Mode::Is(Fact::one("o-outcropprobe/r-probe/ou-probe/"))
    } else {
        Mode::Free
    }
}

/// Nothing but what follows.
fn of_nobody(_: &str) -> Mode {
    Mode::Derived
}

/// One question about one principal: may it do one of the actions on one of the resources (none is any)?
pub struct Ask<'q> {
    /// Who asks.
    pub principal: &'q Principal,
    /// Actions of one service.
    pub actions: &'q [&'q str],
    /// Resources, perhaps with wildcards.
    pub resources: &'q [String],
    /// Account that owns the resource, where the ARN does not say.
    pub resource_account: Option<&'q str>,
    /// Facts of the request.
    pub context: BTreeMap<String, Fact>,
    /// May the caller choose what the policies ask for?
    pub choose: bool,
}

/// Is there such a request that the policies allow? Where the question names no resource, one of the caller's own account, or of
/// AWS, is shown before one of another account, which has a say of its own.
pub fn may(policies: &Policies, ask: &Ask<'_>) -> Found {
    let found = may_as_wished(policies, ask, None);
    match &found {
        Found::Yes(request) if is_foreign(ask, request) => match may_on_own(policies, ask) {
            own @ Found::Yes(_) => own,
            _ => found,
        },
        _ => found,
    }
}

/// The same for resources of the caller's own account, and those that belong to no account of a customer.
pub fn may_on_own(policies: &Policies, ask: &Ask<'_>) -> Found {
    let own = vec![ask.principal.account.clone()];
    let wish = wish(
        None,
        vec![("StringEqualsIfExists", "aws:resourceaccount", own)],
    );
    may_as_wished(policies, ask, Some(wish))
}

/// The same for resources that none of the patterns names.
pub fn may_beyond(policies: &Policies, ask: &Ask<'_>, own: &[String]) -> Found {
    let beyond = Patterns {
        negated: true,
        all: own.to_vec(),
    };
    let beyond = (!own.is_empty()).then(|| wish(Some(beyond), Vec::new()));
    may_as_wished(policies, ask, beyond)
}

/// Is the request on a resource of another account that the question did not name?
pub fn is_foreign(ask: &Ask<'_>, request: &Request) -> bool {
    ask.resource_account.is_none()
        && !ask.resources.contains(&request.resource)
        && request
            .owner()
            .is_some_and(|owner| owner != request.principal.account)
        && !request.principal.account.is_empty()
}

pub(super) fn may_as_wished(policies: &Policies, ask: &Ask<'_>, wish: Option<Statement>) -> Found {
    let scope = Scope {
        who: Who::One(ask.principal.clone()),
        actions: ask
            .actions
            .iter()
            .map(|action| (*action).to_owned())
            .collect(),
        resources: ask.resources.to_vec(),
        resource_account: ask.resource_account.map(str::to_owned),
        context: ask.context.clone(),
        mode: if ask.choose { &of_caller } else { &of_nobody },
        variables_without_version: false,
    };
    let wish = wish.map(|wish| Document::made("question", vec![wish]));
    find(policies, &scope, wish.as_ref())
}

pub(super) fn scope<'q>(
    actions: Vec<String>,
    resources: Vec<String>,
    context: &BTreeMap<String, Fact>,
) -> Scope<'q> {
    let mut context = context.clone();
    // A call of its own, by TLS.
    for (key, value) in [
        ("aws:viaawsservice", "false"),
        ("aws:securetransport", "true"),
    ] {
        context
            .entry(key.to_owned())
            .or_insert_with(|| Fact::one(value));
    }
    Scope {
        who: Who::Anyone,
        actions,
        resources,
        resource_account: None,
        context,
        mode: &of_anyone,
        variables_without_version: false,
    }
}

fn wild(value: &str) -> Patterns<String> {
    Patterns {
        negated: false,
        all: vec![value.to_owned()],
    }
}

/// A statement that says what a request has to be like.
pub(super) fn wish(
    resources: Option<Patterns<String>>,
    conditions: Vec<(&str, &str, Vec<String>)>,
) -> Statement {
    Statement {
        sid: "question".to_owned(),
        effect: Effect::Allow,
        principals: None,
        actions: wild("*"),
        resources,
        conditions: conditions
            .into_iter()
            .map(|(operator, key, values)| Condition {
                operator: operator.to_owned(),
                key: key.to_owned(),
                values,
            })
            .collect(),
    }
}

/// Identities and nobody, but neither services nor those whom an identity provider vouches for.
pub(super) fn callers() -> Vec<(&'static str, &'static str, Vec<String>)> {
    vec![
        (
            "Bool",
            "aws:principalisawsservice",
            vec!["false".to_owned()],
        ),
        ("Null", "aws:principaltype", vec!["false".to_owned()]),
    ]
}

/// Is there a request that the policy alone allows and that is as wished?
pub(super) fn alone(document: &Document, wish: Statement, scope: &Scope<'_>) -> Found {
    let question = Document::made("question", vec![wish]);
    let len = document.statements.len() + 1;
    let of = |effect: Effect| {
        Formula::Any(Bits::of(
            len,
            document
                .statements
                .iter()
                .enumerate()
                .filter(|(_, statement)| statement.effect == effect)
                .map(|(at, _)| at),
        ))
    };
    let goal = Formula::And(vec![
        Formula::Any(Bits::of(len, [len - 1])),
        of(Effect::Deny).negate(),
        of(Effect::Allow),
    ]);
    let mut parts: Vec<Part<'_>> = document
        .statements
        .iter()
        .map(|statement| Part {
            document,
            statement,
        })
        .collect();
    parts.extend(question.statements.iter().map(|statement| Part {
        document: &question,
        statement,
    }));
    search(parts, &goal, scope)
}

/// Does the policy let anyone do anything: an action and a resource that nobody named, without meeting any condition?
pub fn is_full_access(
    document: &Document,
    prefix: &str,
    context: &BTreeMap<String, Fact>,
) -> Found {
    let mut context = context.clone();
    // The resource is a stranger's as well.
    context.insert("aws:resourceorgid".to_owned(), Fact::one("o-outcropprobe"));
    let mut outsider = Principal::parse(&format!("arn:aws:iam::999999999999:role/{PROBE}"));
    outsider.organization = Fact::one("o-outcropprobe");
    let resources = [format!("arn:*:{prefix}:us-east-1:999999999999:{PROBE}/x")];
    let actions = [format!("{prefix}:OutcropProbe")];
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let ask = Ask {
        principal: &outsider,
        actions: &actions,
        resources: &resources,
        resource_account: None,
        context,
        choose: false,
    };
    // What a bare request cannot do is no full access, whatever a condition would make of others.
    may(&Policies::alone(document.clone()), &ask)
}

/// Accounts and organisations that a policy names.
pub(super) fn named(document: &Document) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut accounts, mut organizations) = (BTreeSet::new(), BTreeSet::new());
    for statement in &document.statements {
        for pattern in statement
            .principals
            .iter()
            .flat_map(|patterns| &patterns.all)
        {
            match pattern {
                PrincipalPattern::Account(account) => accounts.insert(account.clone()),
                PrincipalPattern::Arn(arn) => accounts
                    .insert(Arn::parse(arn).map_or_else(String::new, |arn| arn.account.to_owned())),
                _ => false,
            };
        }
        for condition in &statement.conditions {
            match condition.key.as_str() {
                "aws:principalorgid" => organizations.extend(condition.values.iter().cloned()),
                "aws:principalaccount" | "kms:calleraccount" => {
                    accounts.extend(condition.values.iter().cloned())
                }
                "aws:principalarn" => accounts.extend(
                    condition
                        .values
                        .iter()
                        .filter_map(|arn| Arn::parse(arn))
                        .map(|arn| arn.account.to_owned()),
                ),
                _ => {}
            }
        }
    }
    accounts
        .retain(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
    (accounts, organizations)
}

/// Does the policy let a principal through whose account `is_trusted` does not know?
///
/// `trusted_organizations` is `None` where the own organisation is not known; `is_trusted` gives `None` where it cannot tell.
pub fn outsider_through(
    document: &Document,
    actions: &[&str],
    resources: &[String],
    context: &BTreeMap<String, Fact>,
    trusted_organizations: Option<&[String]>,
    is_trusted: &dyn Fn(&str) -> Option<bool>,
) -> Found {
    stranger_through(
        document,
        actions,
        resources,
        context,
        trusted_organizations,
        is_trusted,
        &[],
    )
}

/// The same, for principals other than those whose ARNs are given.
pub fn stranger_through(
    document: &Document,
    actions: &[&str],
    resources: &[String],
    context: &BTreeMap<String, Fact>,
    trusted_organizations: Option<&[String]>,
    is_trusted: &dyn Fn(&str) -> Option<bool>,
    but: &[String],
) -> Found {
    let (accounts, organizations) = named(document);
    let scope = scope(
        actions.iter().map(|action| (*action).to_owned()).collect(),
        resources.to_vec(),
        context,
    );
    let ask = |accounts: Vec<String>, organizations: Vec<String>| {
        let mut conditions = callers();
        // A condition without values would hold for nobody.
        if !but.is_empty() {
            conditions.push(("StringNotEquals", "aws:principalarn", but.to_vec()));
        }
        if !accounts.is_empty() {
            conditions.push(("StringNotEquals", "aws:principalaccount", accounts));
        }
        if !organizations.is_empty() {
            conditions.push(("StringNotEquals", "aws:principalorgid", organizations));
        }
        alone(document, wish(None, conditions), &scope)
    };
    let of = |wanted: &dyn Fn(Option<bool>) -> bool| {
        accounts
            .iter()
            .filter(|account| wanted(is_trusted(account)))
            .cloned()
            .collect::<Vec<_>>()
    };
    let known: Vec<String> = trusted_organizations.map_or_else(Vec::new, <[String]>::to_vec);
    let perhaps: Vec<String> = if trusted_organizations.is_some() {
        known.clone()
    } else {
        organizations.iter().cloned().collect()
    };
    // An outsider for certain, whoever the unknown ones are.
    let certain = ask(of(&|trusted| trusted != Some(false)), perhaps);
    if certain != Found::No {
        return certain;
    }
    match ask(of(&|trusted| trusted == Some(true)), known) {
        Found::Yes(request) => {
            let account = &request.principal.account;
            Found::unclear(
                if account.is_empty() || accounts.contains(account) && is_trusted(account).is_none()
                {
                    format!("whether account {account} belongs to the organisation is not known")
                } else {
                    "whether an organisation that the policy names is the own one is not known"
                        .to_owned()
                },
            )
        }
        other => other,
    }
}

/// Does the policy let a principal through of an account and an organisation that it does not name?
pub fn anyone_through(
    document: &Document,
    actions: &[&str],
    resources: &[String],
    context: &BTreeMap<String, Fact>,
) -> Found {
    let (_, organizations) = named(document);
    let organizations: Vec<String> = organizations.into_iter().collect();
    stranger_through(
        document,
        actions,
        resources,
        context,
        Some(&organizations),
        &|_| Some(true),
        &[],
    )
}

/// The statements that let the request pass only under a condition: what allows it then, and what denies it otherwise.
pub fn conditions_of(policies: &Policies, request: &Request) -> Vec<Because> {
    let Answer::Allowed(because) = policies.decide(request) else {
        return Vec::new();
    };
    let bare = Request {
        context: request
            .context
            .keys()
            .map(|key| (key.clone(), Fact::Absent))
            .collect(),
        ..request.clone()
    };
    let denies = match policies.decide(&bare) {
        // What is allowed without any of the chosen values depends on none.
        Answer::Allowed(_) => return Vec::new(),
        Answer::ExplicitlyDenied(denies) => denies,
        Answer::ImplicitlyDenied(_) | Answer::Unknown(_) => Vec::new(),
    };
    because
        .into_iter()
        .chain(denies)
        .filter(|because| because.conditional)
        .collect()
}
