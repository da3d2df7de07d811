//! Which principals of a run may do something, and under which conditions.

use super::Principals;
use super::reach::{Indirect, Step, reach};
use super::resource::{Guard, reasons};
use crate::inventory::World;
use crate::model::{Arn, GLOBAL, Observed};
use crate::policy::{
    Ask, Because, Document, Effect, Found, Policies, PrincipalPattern, Side, conditions_of, may,
};
use Observed::{Known, Unknown};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A principal that may, at least under these conditions.
#[derive(Debug, Serialize)]
pub struct Able {
    /// ARN.
    pub principal: String,
    /// Statements that allow it under a condition only, or deny it under one.
    pub conditions: Vec<Because>,
    /// A request that shows it.
    pub witness: serde_json::Value,
}

/// Stands for every principal that the run does not hold.
pub const ANYONE_ELSE: &str = "anyone else";

/// A principal for which it could not be determined.
#[derive(Debug, Serialize)]
pub struct Unclear {
    /// ARN; that of an account's root where principals may be unseen; [`ANYONE_ELSE`] where a policy may admit whom it likes.
    pub principal: String,
    /// What is missing.
    pub reason: String,
}

/// The answer.
#[derive(Debug, Default, Serialize)]
pub struct WhoCan {
    /// Those that may.
    pub principals: Vec<Able>,
    /// Those that come to one of them by other ways: assuming its role, passing it, changing policies.
    pub indirect: Vec<Indirect>,
    /// Those for whom it could not be determined.
    pub unknown: Vec<Unclear>,
    /// Why nobody may, whatever policies say; empty otherwise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Who may do `action` on `resource` (on any that the action takes, where there is none)?
pub fn who_can(
    world: &World,
    action: &str,
    resource: Option<&str>,
    resource_account: Option<&str>,
) -> WhoCan {
    let principals = Principals::new(world);
    let mut answer = WhoCan::default();
    if resource.is_some_and(|resource| crate::policy::is_refused(action, resource)) {
        answer.reason = format!(
            "AWS refuses {action} on {} whatever policies say: AWS, IAM Identity Center or a service manages it",
            resource.unwrap_or_default()
        );
        return answer;
    }
    let guard = Guard::of(world, action, resource, resource_account);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for account in world.accounts() {
        seen.extend(
            ["iam_role", "iam_user"]
                .iter()
                .flat_map(|table| world.all(table, account, GLOBAL).rows)
                .map(|row| row.key().to_owned()),
        );
        in_account(&principals, &guard, account, action, resource, &mut answer);
    }
    let mut texts: Vec<Rc<Document>> = guard.policy.clone().known().flatten().into_iter().collect();
    texts.extend(guard.grants.clone().known().unwrap_or_default());
    for document in &texts {
        strangers(world, document, action, &seen, &mut answer);
    }
    // A policy or grant that nobody read may let in whom it likes, also those that the run does not hold.
    let mut unread = guard.policy.gaps().to_vec();
    unread.extend(guard.grants.gaps().iter().cloned());
    unread.extend(guard.others.iter().cloned());
    if !unread.is_empty() {
        answer.unknown.push(Unclear {
            principal: ANYONE_ELSE.to_owned(),
            reason: reasons(&unread).join("; "),
        });
    }
    let able: BTreeSet<String> = answer
        .principals
        .iter()
        .map(|able| able.principal.clone())
        .collect();
    let (mut indirect, unclear) = reach(&principals, &able);
    let known = able
        .iter()
        .chain(indirect.iter().map(|way| &way.principal))
        .cloned()
        .collect();
    indirect.extend(by_own_policies(
        &principals,
        &guard,
        action,
        resource,
        &known,
        &mut answer.unknown,
    ));
    answer.indirect = indirect;
    answer.unknown.extend(
        unclear
            .into_iter()
            .map(|(principal, reason)| Unclear { principal, reason }),
    );
    answer
        .principals
        .sort_by(|a, b| a.principal.cmp(&b.principal));
    answer
        .unknown
        .sort_by(|a, b| (&a.principal, &a.reason).cmp(&(&b.principal, &b.reason)));
    answer
        .unknown
        .dedup_by(|a, b| a.principal == b.principal && a.reason == b.reason);
    answer
}

/// Asks the principals of one account.
pub(crate) fn in_account(
    principals: &Principals<'_>,
    guard: &Guard,
    account: &str,
    action: &str,
    resource: Option<&str>,
    answer: &mut WhoCan,
) {
    let world = principals.world;
    let root = format!("arn:{}:iam::{account}:root", world.run.partition);
    for table in ["iam_role", "iam_user"] {
        let found = world.all(table, account, GLOBAL);
        if !found.gaps.is_empty() {
            answer.unknown.push(Unclear {
                principal: root.clone(),
                reason: reasons(&found.gaps).join("; "),
            });
        }
        for row in found.rows {
            let access = principals.of(row);
            let mut policies = guard.over(&access.grants);
            let resources: Vec<String> = resource.map(str::to_owned).into_iter().collect();
            let ask = |policies: &Policies| {
                let actions = [action];
                let ask = Ask {
                    principal: &access.principal,
                    actions: &actions,
                    resources: &resources,
                    resource_account: guard.owner.as_deref(),
                    context: BTreeMap::new(),
                    choose: true,
                };
                may(policies, &ask)
            };
            let found = match ask(&policies) {
                // Of some resource its own policies tell enough; that no resource's policy lets it in, nobody knows.
                Found::Unknown(why) if resource.is_none() => {
                    policies.unknown.retain(|(side, _)| *side != Side::Resource);
                    match ask(&policies) {
                        Found::Yes(request) => Found::Yes(request),
                        _ => Found::Unknown(why),
                    }
                }
                found => found,
            };
            match found {
                // What another account owns it lets nobody use without that account's own word.
                Found::Yes(request)
                    if resource.is_none()
                        && request
                            .owner()
                            .is_some_and(|owner| owner != access.principal.account) => {}
                Found::Yes(request) => answer.principals.push(Able {
                    principal: row.key().to_owned(),
                    conditions: conditions_of(&policies, &request),
                    witness: request.witness(),
                }),
                Found::No => {}
                Found::Unknown(why) => answer.unknown.push(Unclear {
                    principal: row.key().to_owned(),
                    reason: reasons(&why).join("; "),
                }),
            }
        }
    }
}

/// Those that may give themselves the right by a change of their own policies.
fn by_own_policies(
    principals: &Principals<'_>,
    guard: &Guard,
    action: &str,
    resource: Option<&str>,
    known: &BTreeSet<String>,
    unknown: &mut Vec<Unclear>,
) -> Vec<Indirect> {
    let anything = Document::parse(
        "changed",
        &json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
    );
    let Ok(anything) = anything.map(Rc::new) else {
        return Vec::new();
    };
    let resources: Vec<String> = resource.map(str::to_owned).into_iter().collect();
    let mut found = Vec::new();
    for account in principals.world.accounts() {
        for row in ["iam_role", "iam_user"]
            .iter()
            .flat_map(|table| principals.world.all(table, account, GLOBAL).rows)
            .filter(|row| !known.contains(row.key()))
        {
            let access = principals.of(row);
            let own = &access.grants;
            let (how, witness) = match access.own_change() {
                Known(Some((how, witness))) => (how, witness),
                Unknown(gaps) => {
                    let reason = format!(
                        "whether it may change its own policies: {}",
                        reasons(&gaps).join("; ")
                    );
                    unknown.push(Unclear {
                        principal: row.key().to_owned(),
                        reason,
                    });
                    continue;
                }
                Known(None) => continue,
            };
            // Fences and the resource's own policy stay as they are.
            let policies = guard.over(&Policies {
                identity: vec![Rc::clone(&anything)],
                ..Policies::clone(own)
            });
            let ask = Ask {
                principal: &access.principal,
                actions: &[action],
                resources: &resources,
                resource_account: guard.owner.as_deref(),
                context: BTreeMap::new(),
                choose: true,
            };
            match may(&policies, &ask) {
                Found::Yes(_) => {
                    let step = Step {
                        to: row.key().to_owned(),
                        by: how,
                        witness,
                    };
                    found.push(Indirect {
                        principal: row.key().to_owned(),
                        via: vec![step],
                    });
                }
                Found::No => {}
                Found::Unknown(why) => unknown.push(Unclear {
                    principal: row.key().to_owned(),
                    reason: reasons(&why).join("; "),
                }),
            }
        }
    }
    found
}

/// Whom a resource's policy names and the run does not hold: services and identity providers have no other policies,
/// so they may unless a Deny speaks of the action; of other accounts the identity side is not known.
fn strangers(
    world: &World,
    document: &Document,
    action: &str,
    seen: &BTreeSet<String>,
    answer: &mut WhoCan,
) {
    let denied = document
        .statements
        .iter()
        .any(|statement| statement.effect == Effect::Deny && statement.names_action(action));
    let mut named: BTreeMap<String, bool> = BTreeMap::new();
    let statements = document
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow && statement.names_action(action));
    for pattern in statements
        .clone()
        .filter_map(|statement| statement.principals.as_ref())
        .filter(|patterns| !patterns.negated)
        .flat_map(|patterns| &patterns.all)
    {
        match pattern {
            PrincipalPattern::Service(name) | PrincipalPattern::Federated(name) => {
                named.insert(name.clone(), !denied);
            }
            PrincipalPattern::Account(account) if world.run.account(account).is_none() => {
                named.insert(
                    format!("arn:{}:iam::{account}:root", world.run.partition),
                    false,
                );
            }
            PrincipalPattern::Arn(arn)
                if !seen.contains(arn)
                    && Arn::parse(arn)
                        .is_some_and(|arn| world.run.account(arn.account).is_none()) =>
            {
                named.insert(arn.clone(), false);
            }
            PrincipalPattern::Anyone => drop(named.insert("*".to_owned(), false)),
            _ => {}
        }
    }
    for (principal, certain) in named {
        if certain {
            let conditions = statements
                .clone()
                .filter(|statement| !statement.conditions.is_empty())
                .map(|statement| Because {
                    policy: document.name.clone(),
                    statement: statement.sid.clone(),
                    text: statement.to_string(),
                    conditional: true,
                })
                .collect();
            answer.principals.push(Able {
                principal,
                conditions,
                witness: serde_json::Value::Null,
            });
        } else {
            let reason =
                "the resource's policy names it; whether that is enough is not in this run"
                    .to_owned();
            answer.unknown.push(Unclear { principal, reason });
        }
    }
}
