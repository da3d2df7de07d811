//! The questions that Outcrop asks of policies, each a search over all requests.

use super::compare::find;
use super::document::{Document, Effect, Patterns, PrincipalPattern, Statement};
use super::formula::{Bits, Formula};
use super::request::Principal;
use super::search::{Found, Mode, Part, Scope, Who, search};
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
    } else if SERVICE_KEYS.contains(&key) || GIVEN_KEYS.contains(&key) || key.starts_with("aws:principaltag/") || key.contains(":resourcetag/") {
        Mode::Derived
    } else {
        Mode::Free
    }
}

/// What someone unknown may bring: any tag and any organisation too.
fn of_anyone(key: &str) -> Mode {
    if CLOCK_KEYS.contains(&key) {
        Mode::Is(Fact::Unknown)
    } else if SERVICE_KEYS.contains(&key) || ["aws:requestedregion", "aws:principaltype"].contains(&key) {
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

/// Is there such a request that the policies allow?
pub fn may(policies: &Policies, ask: &Ask<'_>) -> Found {
    may_as_wished(policies, ask, None)
}

fn may_as_wished(policies: &Policies, ask: &Ask<'_>, wish: Option<Statement>) -> Found {
    let scope = Scope {
        who: Who::One(ask.principal.clone()),
        actions: ask.actions.iter().map(|action| (*action).to_owned()).collect(),
        resources: ask.resources.to_vec(),
        resource_account: ask.resource_account.map(str::to_owned),
        context: ask.context.clone(),
        mode: if ask.choose { &of_caller } else { &of_nobody },
        variables_without_version: false,
    };
    let wish = wish.map(|wish| Document::made("question", vec![wish]));
    find(policies, &scope, wish.as_ref())
}

fn scope<'q>(actions: Vec<String>, resources: Vec<String>, context: &BTreeMap<String, Fact>) -> Scope<'q> {
    let mut context = context.clone();
    // A call of its own, by TLS.
    for (key, value) in [("aws:viaawsservice", "false"), ("aws:securetransport", "true")] {
        context.entry(key.to_owned()).or_insert_with(|| Fact::one(value));
    }
    Scope { who: Who::Anyone, actions, resources, resource_account: None, context, mode: &of_anyone, variables_without_version: false }
}

fn wild(value: &str) -> Patterns<String> {
    Patterns { negated: false, all: vec![value.to_owned()] }
}

/// A statement that says what a request has to be like.
fn wish(resources: Option<Patterns<String>>, conditions: Vec<(&str, &str, Vec<String>)>) -> Statement {
    Statement {
        sid: "question".to_owned(),
        effect: Effect::Allow,
        principals: None,
        actions: wild("*"),
        resources,
        conditions: conditions.into_iter().map(|(operator, key, values)| Condition { operator: operator.to_owned(), key: key.to_owned(), values }).collect(),
    }
}

/// Identities and nobody, but neither services nor those whom an identity provider vouches for.
fn callers() -> Vec<(&'static str, &'static str, Vec<String>)> {
    vec![("Bool", "aws:principalisawsservice", vec!["false".to_owned()]), ("Null", "aws:principaltype", vec!["false".to_owned()])]
}

/// Is there a request that the policy alone allows and that is as wished?
fn alone(document: &Document, wish: Statement, scope: &Scope<'_>) -> Found {
    let question = Document::made("question", vec![wish]);
    let len = document.statements.len() + 1;
    let of = |effect: Effect| {
        Formula::Any(Bits::of(len, document.statements.iter().enumerate().filter(|(_, statement)| statement.effect == effect).map(|(at, _)| at)))
    };
    let goal = Formula::And(vec![Formula::Any(Bits::of(len, [len - 1])), of(Effect::Deny).negate(), of(Effect::Allow)]);
    let mut parts: Vec<Part<'_>> = document.statements.iter().map(|statement| Part { document, statement }).collect();
    parts.extend(question.statements.iter().map(|statement| Part { document: &question, statement }));
    search(parts, &goal, scope)
}

/// Does the policy let anyone do anything: an action and a resource that nobody named, without meeting any condition?
pub fn is_full_access(document: &Document, prefix: &str, context: &BTreeMap<String, Fact>) -> Found {
    let mut context = context.clone();
    // The resource is a stranger's as well.
    context.insert("aws:resourceorgid".to_owned(), Fact::one("o-outcropprobe"));
    let mut outsider = Principal::parse(&format!("arn:aws:iam::999999999999:role/{PROBE}"));
    outsider.organization = Fact::one("o-outcropprobe");
    let resources = [format!("arn:*:{prefix}:us-east-1:999999999999:{PROBE}/x")];
    let actions = [format!("{prefix}:OutcropProbe")];
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let ask = Ask { principal: &outsider, actions: &actions, resources: &resources, resource_account: None, context, choose: false };
    // What a bare request cannot do is no full access, whatever a condition would make of others.
    may(&Policies::alone(document.clone()), &ask)
}

/// Accounts and organisations that a policy names.
fn named(document: &Document) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut accounts, mut organizations) = (BTreeSet::new(), BTreeSet::new());
    for statement in &document.statements {
        for pattern in statement.principals.iter().flat_map(|patterns| &patterns.all) {
            match pattern {
                PrincipalPattern::Account(account) => accounts.insert(account.clone()),
                PrincipalPattern::Arn(arn) => accounts.insert(Arn::parse(arn).map_or_else(String::new, |arn| arn.account.to_owned())),
                _ => false,
            };
        }
        for condition in &statement.conditions {
            match condition.key.as_str() {
                "aws:principalorgid" => organizations.extend(condition.values.iter().cloned()),
                "aws:principalaccount" | "kms:calleraccount" => accounts.extend(condition.values.iter().cloned()),
                "aws:principalarn" => accounts.extend(condition.values.iter().filter_map(|arn| Arn::parse(arn)).map(|arn| arn.account.to_owned())),
                _ => {}
            }
        }
    }
    accounts.retain(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
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
    stranger_through(document, actions, resources, context, trusted_organizations, is_trusted, &[])
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
    let scope = scope(actions.iter().map(|action| (*action).to_owned()).collect(), resources.to_vec(), context);
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
    let of = |wanted: &dyn Fn(Option<bool>) -> bool| accounts.iter().filter(|account| wanted(is_trusted(account))).cloned().collect::<Vec<_>>();
    let known: Vec<String> = trusted_organizations.map_or_else(Vec::new, <[String]>::to_vec);
    let perhaps: Vec<String> = if trusted_organizations.is_some() { known.clone() } else { organizations.iter().cloned().collect() };
    // An outsider for certain, whoever the unknown ones are.
    let certain = ask(of(&|trusted| trusted != Some(false)), perhaps);
    if certain != Found::No {
        return certain;
    }
    match ask(of(&|trusted| trusted == Some(true)), known) {
        Found::Yes(request) => Found::Unknown(vec![if request.principal.account.is_empty()
            || accounts.contains(&request.principal.account) && is_trusted(&request.principal.account).is_none()
        {
            format!("whether account {} belongs to the organisation is not known", request.principal.account)
        } else {
            "whether an organisation that the policy names is the own one is not known".to_owned()
        }]),
        other => other,
    }
}

/// Does the policy let a principal through of an account and an organisation that it does not name?
pub fn anyone_through(document: &Document, actions: &[&str], resources: &[String], context: &BTreeMap<String, Fact>) -> Found {
    let (_, organizations) = named(document);
    let organizations: Vec<String> = organizations.into_iter().collect();
    stranger_through(document, actions, resources, context, Some(&organizations), &|_| Some(true), &[])
}

/// Kinds of resources that stand for a model (Service Authorization Reference for Bedrock).
const MODEL_KINDS: &[&str] = &[
    "foundation-model",
    "inference-profile",
    "application-inference-profile",
    "provisioned-model",
    "custom-model",
    "custom-model-deployment",
    "imported-model",
    "default-prompt-router",
    "prompt-router",
];

/// Kinds that lead to foundation models; models with an account in their ARN are finite, whatever stands behind it.
const LEADING: &[&str] = &["inference-profile", "application-inference-profile", "default-prompt-router", "prompt-router"];

/// Which models pass.
pub struct Models {
    /// One that nobody named.
    pub any: Found,
    /// One that is not named itself: a wildcard stands in the name of a model.
    pub family: Found,
    /// Those named, by id.
    pub named: Vec<String>,
    /// Why it cannot be told whether some that are named pass.
    pub unclear: Vec<String>,
}

impl Models {
    fn name(&mut self, name: &str, found: Found) {
        match found {
            Found::Yes(_) => self.named.push(name.to_owned()),
            Found::No => {}
            Found::Unknown(why) => self.unclear.extend(why),
        }
    }
}

/// A model that no policy names, in a Region or (`*`) in any.
fn unnamed_model(region: &str) -> String {
    format!("arn:*:bedrock:{region}::foundation-model/{PROBE}.model-v1:0")
}

/// Names of models in what a policy allows, and in what its Deny leaves out.
fn model_patterns<'d>(statements: impl Iterator<Item = &'d Statement>) -> BTreeSet<&'d str> {
    statements
        .filter_map(|statement| statement.resources.as_ref().map(|patterns| (statement, patterns)))
        .filter(|(statement, patterns)| (statement.effect == Effect::Allow) != patterns.negated)
        .flat_map(|(_, patterns)| &patterns.all)
        .map(String::as_str)
        .filter(|pattern| Arn::parse(pattern).is_some_and(|arn| MODEL_KINDS.contains(&arn.resource.split('/').next().unwrap_or_default())))
        .collect()
}

fn model_id(pattern: &str) -> &str {
    Arn::parse(pattern).map_or(pattern, |arn| arn.resource.split_once('/').map_or(arn.resource, |(_, id)| id))
}

/// Which models a policy lets through to `actions`, for anyone.
pub fn models_through(document: &Document, actions: &[&str], region: &str, context: &BTreeMap<String, Fact>) -> Models {
    models(document.statements.iter(), actions, region, |actions, resources, left_out, mantle| {
        let scope = scope(actions.to_vec(), resources, context);
        let mut conditions = callers();
        conditions.extend(mantle);
        alone(document, wish(left_out, conditions), &scope)
    })
}

/// Which models a principal may invoke with `actions`, after everything that limits it.
pub fn models_of(policies: &Policies, principal: &Principal, actions: &[&str]) -> Models {
    let statements: Vec<&Statement> = policies.entries().iter().map(|entry| entry.statement).collect();
    models(statements.into_iter(), actions, "*", |actions, resources, left_out, mantle| {
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        let ask = Ask { principal, actions: &actions, resources: &resources, resource_account: None, context: BTreeMap::new(), choose: true };
        may_as_wished(policies, &ask, Some(wish(left_out, mantle)))
    })
}

type MoreConditions = Vec<(&'static str, &'static str, Vec<String>)>;

fn models<'d>(
    statements: impl Iterator<Item = &'d Statement> + Clone,
    actions: &[&str],
    region: &str,
    ask: impl Fn(&[String], Vec<String>, Option<Patterns<String>>, MoreConditions) -> Found,
) -> Models {
    let of = |prefix: &str| actions.iter().filter(|action| action.starts_with(prefix)).map(|action| (*action).to_owned()).collect::<Vec<_>>();
    let (bedrock, mantle) = (of("bedrock:"), of("bedrock-mantle:"));
    let mut models = Models { any: Found::No, family: Found::No, named: Vec::new(), unclear: Vec::new() };
    if !bedrock.is_empty() {
        let key = "bedrock:inferenceprofilearn";
        let values =
            statements.clone().flat_map(|statement| &statement.conditions).filter(|condition| condition.key == key).flat_map(|condition| &condition.values);
        let profiles: Vec<String> = values.filter(|value| !value.contains(['*', '?'])).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        // Called by itself, or by a profile that nobody named. A profile that is named leads to models of its own.
        let direct = vec![("Null", key, vec!["true".to_owned()])];
        let mut by_other = vec![("Null", key, vec!["false".to_owned()])];
        if !profiles.is_empty() {
            by_other.push(("StringNotEquals", key, profiles.clone()));
        }
        let either = |resources: Vec<String>, left_out: Option<Patterns<String>>| {
            ask(&bedrock, resources.clone(), left_out.clone(), direct.clone()).or(|| ask(&bedrock, resources, left_out, by_other.clone()))
        };
        models.any = either(vec![unnamed_model(region)], None);
        let exact: Vec<&str> = model_patterns(statements.clone()).into_iter().filter(|pattern| !model_id(pattern).contains(['*', '?'])).collect();
        let left_out = Patterns { negated: true, all: exact.iter().map(|pattern| (*pattern).to_owned()).collect() };
        let every = |kinds: &[&str]| kinds.iter().map(|kind| format!("arn:*:bedrock:*:*:{kind}/*")).collect::<Vec<_>>();
        models.family = either(every(&["foundation-model"]), Some(left_out.clone()));
        // A profile leads nowhere without a foundation model (Bedrock User Guide, "Prerequisites for inference profiles").
        if models.family == Found::No && ask(&bedrock, every(&["foundation-model"]), None, Vec::new()) != Found::No {
            models.family = ask(&bedrock, every(LEADING), Some(left_out), Vec::new());
        }
        for pattern in exact {
            models.name(model_id(pattern), ask(&bedrock, vec![pattern.to_owned()], None, Vec::new()));
        }
        for profile in &profiles {
            let by = vec![("StringEquals", key, vec![profile.clone()])];
            models.name(model_id(profile), ask(&bedrock, every(&["foundation-model"]), None, by));
        }
    }
    if !mantle.is_empty() {
        // Mantle names projects, so only its condition key can name models.
        let keys = statements.flat_map(|statement| &statement.conditions).filter(|condition| condition.key == "bedrock-mantle:model");
        let values: BTreeSet<String> = keys.flat_map(|condition| &condition.values).cloned().collect();
        let model = |operator: &'static str, values: Vec<String>| vec![(operator, "bedrock-mantle:model", values)];
        models.any = models.any.or(|| ask(&mantle, Vec::new(), None, model("StringEquals", vec![PROBE.to_owned()])));
        let exact: Vec<String> = values.iter().filter(|value| !value.contains(['*', '?'])).cloned().collect();
        models.family = models.family.or(|| {
            let mut conditions = model("Null", vec!["false".to_owned()]);
            if !exact.is_empty() {
                conditions.extend(model("StringNotEquals", exact.clone()));
            }
            ask(&mantle, Vec::new(), None, conditions)
        });
        for name in exact {
            let found = ask(&mantle, Vec::new(), None, model("StringEquals", vec![name.clone()]));
            models.name(&name, found);
        }
    }
    models.named.sort();
    models.named.dedup();
    models
}

/// The statements that let the request pass only under a condition: what allows it then, and what denies it otherwise.
pub fn conditions_of(policies: &Policies, request: &Request) -> Vec<Because> {
    let Answer::Allowed(because) = policies.decide(request) else { return Vec::new() };
    let bare = Request { context: request.context.keys().map(|key| (key.clone(), Fact::Absent)).collect(), ..request.clone() };
    let denies = match policies.decide(&bare) {
        // What is allowed without any of the chosen values depends on none.
        Answer::Allowed(_) => return Vec::new(),
        Answer::ExplicitlyDenied(denies) => denies,
        Answer::ImplicitlyDenied(_) | Answer::Unknown(_) => Vec::new(),
    };
    because.into_iter().chain(denies).filter(|because| because.conditional).collect()
}
