//! What the policy of a resource lends to principals of other accounts, and to services that anyone can send.

use super::bucket::{Shown, first, shown};
use super::documents::of_resource;
use super::trusted::{trusted, trusted_organizations};
use crate::derive::Settings;
use crate::inventory::{Lookup, World};
use crate::model::{GLOBAL, Gap, Observed};
use crate::policy::{
    Ask, Document, Effect, Fact, PROBE, Policies, Principal, PrincipalPattern, may,
    outsider_through,
};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// An account that nobody knows.
const STRANGER: &str = "999999999999";

/// A resource, and what is asked of its policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lent<'l> {
    /// Account that owns it.
    pub owner: &'l str,
    /// Its ARNs.
    pub own: &'l [String],
    /// Actions.
    pub actions: &'l [&'l str],
    /// What they come to, for a person, such as `read it`.
    pub does: &'l str,
}

/// Does a policy let in more than trusted accounts: a principal from outside, or a service for whomever? `{}` is no policy.
pub(crate) fn lent(world: &World, name: &str, policy: &Json, lent: Lent<'_>) -> Shown {
    if policy.as_object().is_some_and(serde_json::Map::is_empty) {
        return Known(None);
    }
    let document = match of_resource(name, policy) {
        Known(document) => document,
        Unknown(gaps) => return Unknown(gaps),
    };
    let is_trusted = trusted(world, lent.owner);
    // Where the own organization is not known, a policy that names none but trusted ones needs no more.
    let trusted_ids = Settings::of(&world.run).list("trusted_org_ids");
    let organizations = trusted_organizations(world, lent.owner).or_else(|| {
        let named: Vec<&String> = document
            .statements
            .iter()
            .flat_map(|statement| &statement.conditions)
            .filter(|condition| condition.key == "aws:principalorgid")
            .flat_map(|condition| &condition.values)
            .collect();
        (!named.is_empty() && named.iter().all(|id| trusted_ids.contains(id)))
            .then_some(trusted_ids)
    });
    let gaps = RefCell::new(Vec::new());
    let outside = outsider_through(
        &document,
        lent.actions,
        lent.own,
        &BTreeMap::new(),
        organizations.as_deref(),
        &|account| match is_trusted(account) {
            Known(known) => Some(known),
            Unknown(more) => {
                gaps.borrow_mut().extend(more);
                None
            }
        },
    );
    let why = format!(
        "its policy lets principals outside the organization {}",
        lent.does
    );
    let outside = match (shown(outside, &why), gaps.into_inner()) {
        (Unknown(_), gaps) if !gaps.is_empty() => Unknown(gaps),
        (found, _) => found,
    };
    of_its_policy(first([outside, deputies(world, &document, lent)]))
}

/// What was not understood is in this policy, whatever the reasoner calls it.
fn of_its_policy(found: Shown) -> Shown {
    match found {
        Unknown(gaps) => Unknown(
            gaps.into_iter()
                .map(|gap| match gap.fact.as_str() {
                    "s3_bucket.policy" => Gap {
                        fact: "policy".to_owned(),
                        ..gap
                    },
                    _ => gap,
                })
                .collect(),
        ),
        found => found,
    }
}

/// Whom the statements that allow something name.
fn allowed(document: &Document) -> impl Iterator<Item = &PrincipalPattern> {
    document
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow)
        .flat_map(|statement| &statement.principals)
        .flat_map(|patterns| &patterns.all)
}

/// A request by which a principal of an account, which belongs to no organization of ours, gets through the policy of a resource.
pub(crate) fn admits(
    world: &World,
    name: &str,
    policy: &Json,
    lent: Lent<'_>,
    account: &str,
) -> Shown {
    if policy.is_null() || policy.as_object().is_some_and(serde_json::Map::is_empty) {
        return Known(None);
    }
    let document = match of_resource(name, policy) {
        Known(document) => document,
        Unknown(gaps) => return Unknown(gaps),
    };
    let partition = &world.run.partition;
    let mut callers = BTreeSet::from([format!("arn:{partition}:iam::{account}:role/{PROBE}")]);
    let patterns = document
        .statements
        .iter()
        .flat_map(|statement| {
            let principals = statement
                .principals
                .iter()
                .flat_map(|patterns| &patterns.all);
            let named = principals.filter_map(|pattern| match pattern {
                PrincipalPattern::Arn(arn) => Some(arn.clone()),
                _ => None,
            });
            let conditions = statement.conditions.iter();
            let held = conditions
                .filter(|condition| condition.key == "aws:principalarn")
                .flat_map(|condition| condition.values.clone());
            named.chain(held).collect::<Vec<_>>()
        })
        .filter(|arn| arn.contains(&format!("::{account}:")));
    callers.extend(patterns.map(|arn| arn.replace(['*', '?'], PROBE)));
    // An identity provider of the account stands for its people.
    let federated = allowed(&document).find_map(|pattern| match pattern {
        PrincipalPattern::Federated(provider) if provider.contains(&format!("::{account}:")) => {
            Some(provider.clone())
        }
        _ => None,
    });
    if let Some(provider) = federated {
        return Known(Some((
            format!("it trusts the identity provider {provider}"),
            json!({"provider": provider}),
        )));
    }
    of_its_policy(first(callers.into_iter().map(|caller| {
        let mut principal = Principal::parse(&caller);
        principal.organization = Fact::one("o-outcropprobe");
        let why = format!("its policy lets {caller} {}", lent.does);
        ask_as(&document, &principal, lent, BTreeMap::new(), &why)
    })))
}

fn ask_as(
    document: &Rc<Document>,
    principal: &Principal,
    lent: Lent<'_>,
    context: BTreeMap<String, Fact>,
    why: &str,
) -> Shown {
    let policies = Policies {
        resource: Some(Rc::clone(document)),
        // What its own account lets it do is that account's to decide.
        identity: anything(),
        ..Policies::default()
    };
    let ask = Ask {
        principal,
        actions: lent.actions,
        resources: lent.own,
        resource_account: Some(lent.owner),
        context,
        choose: true,
    };
    shown(may(&policies, &ask), why)
}

pub(super) fn anything() -> Vec<Rc<Document>> {
    let all = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    Document::parse("its own account", &all)
        .into_iter()
        .map(Rc::new)
        .collect()
}

/// Other accounts that the policy lets in as a whole: a role that nobody named gets in.
pub(super) fn whole_accounts(world: &World, document: &Rc<Document>, lent: Lent<'_>) -> Shown {
    let accepted = Settings::of(&world.run).list("trusted_accounts");
    let named: BTreeSet<String> = allowed(document)
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Account(account) => Some(account.clone()),
            _ => None,
        })
        .chain(world.accounts().map(str::to_owned))
        .filter(|account| account != lent.owner && !accepted.contains(account))
        .collect();
    first(named.into_iter().map(|account| {
        let partition = &world.run.partition;
        let mut principal = Principal::parse(&format!("arn:{partition}:iam::{account}:role/{PROBE}"));
        principal.organization = match world.lookup("organization", &account, GLOBAL, &account) {
            Lookup::Found(row) => row.text("id").known().map_or(Fact::Unknown, Fact::one),
            _ => Fact::Unknown,
        };
        ask_as(
            document,
            &principal,
            lent,
            BTreeMap::new(),
            &format!(
                "its policy lets every role and user of account {account} {} that this account allows to",
                lent.does
            ),
        )
    }))
}

/// Services that anyone can send: the policy does not say for which account they may come.
pub(super) fn deputies(world: &World, document: &Rc<Document>, lent: Lent<'_>) -> Shown {
    let services: BTreeSet<&str> = allowed(document)
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Service(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    // A source of a stranger's account: of any kind, and of each kind that the policy asks for.
    let sources: Vec<String> = document
        .statements
        .iter()
        .flat_map(|statement| &statement.conditions)
        .filter(|condition| condition.key == "aws:sourcearn")
        .flat_map(|condition| &condition.values)
        .filter(|pattern| {
            pattern
                .split(':')
                .nth(4)
                .is_none_or(|part| part.contains('*'))
        })
        .map(|pattern| {
            let parts: Vec<&str> = pattern.splitn(6, ':').collect();
            let strange: Vec<String> = parts
                .iter()
                .enumerate()
                .map(|(place, part)| match place {
                    4 if part.contains('*') => STRANGER.to_owned(),
                    _ => part.replace('*', PROBE),
                })
                .collect();
            strange.join(":")
        })
        .collect();
    // Accounts that the policy names and that are not ours are strangers as well.
    let is_trusted = trusted(world, lent.owner);
    let named = document
        .statements
        .iter()
        .flat_map(|statement| &statement.conditions)
        .filter(|condition| {
            matches!(
                condition.key.as_str(),
                "aws:sourceaccount" | "aws:sourcearn"
            )
        })
        .flat_map(|condition| &condition.values)
        .flat_map(|value| value.split(':'))
        .filter(|part| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|account| is_trusted(account).is_false());
    // Any account comes first: a policy without a condition names none.
    let named: BTreeSet<&str> = named.collect();
    let accounts: Vec<&str> = std::iter::once(STRANGER).chain(named).collect();
    let regions: BTreeSet<&str> = world
        .run
        .regions
        .iter()
        .map(String::as_str)
        .chain(["us-east-1"])
        .collect();
    let mut asked = Vec::new();
    for service in services {
        let prefix = service.split('.').next().unwrap_or_default();
        for account in &accounts {
            for region in &regions {
                for kind in ["agent", PROBE] {
                    let partition = &world.run.partition;
                    asked.push((
                        service,
                        *account,
                        format!("arn:{partition}:{prefix}:{region}:{account}:{kind}/x"),
                    ));
                }
            }
        }
        asked.extend(sources.iter().map(|arn| (service, STRANGER, arn.clone())));
    }
    first(asked.into_iter().map(|(service, account, source)| {
        let context = BTreeMap::from([
            ("aws:sourceaccount".to_owned(), Fact::one(account)),
            ("aws:sourcearn".to_owned(), Fact::one(source)),
            ("aws:sourceorgid".to_owned(), Fact::one("o-outcropprobe")),
            ("aws:sourceorgpaths".to_owned(), Fact::one("o-outcropprobe/r-probe/ou-probe/")),
        ]);
        ask_as(
            document,
            &Principal::parse(service),
            lent,
            context,
            &match account {
                STRANGER => format!(
                    "its policy lets {service} {} for any account: no condition names the account that sends it",
                    lent.does
                ),
                _ => format!(
                    "its policy lets {service} {} for account {account}, which is not trusted",
                    lent.does
                ),
            },
        )
    }))
}
