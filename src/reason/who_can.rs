//! Which principals of a run may do something, and under which conditions.

use super::Context;
use super::policy::{Answer, Ask, Because, Document, Effect, Fact, Found, Policies, PrincipalPattern, Request, Side, may};
use crate::inventory::{Lookup, World};
use crate::model::{Arn, GLOBAL, Gap, Observed};
use Observed::{Known, Unknown};
use serde::Serialize;
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

/// A principal of which it cannot be told.
#[derive(Debug, Serialize)]
pub struct Unclear {
    /// ARN; that of an account's root where principals may be unseen.
    pub principal: String,
    /// What is missing.
    pub reason: String,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct WhoCan {
    /// Those that may.
    pub principals: Vec<Able>,
    /// Those of which it cannot be told.
    pub unknown: Vec<Unclear>,
}

/// Services whose resources have policies of their own (IAM User Guide, reference_aws-services-that-work-with-iam);
/// of these only the trust policies of roles are in a run.
const WITH_RESOURCE_POLICIES: &[&str] = &[
    "apigateway",
    "backup",
    "dynamodb",
    "ecr",
    "elasticfilesystem",
    "es",
    "events",
    "execute-api",
    "glue",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "s3",
    "s3tables",
    "s3vectors",
    "secretsmanager",
    "sns",
    "sqs",
    "sts",
];

fn reason(gaps: &[Gap]) -> String {
    let mut texts: Vec<String> = gaps
        .iter()
        .map(|gap| [gap.operation.as_str(), gap.detail.as_str()].iter().filter(|text| !text.is_empty()).copied().collect::<Vec<_>>().join(": "))
        .collect();
    texts.sort();
    texts.dedup();
    texts.join("; ")
}

/// Who may do `action` on `resource` (on any that the action takes, where there is none)?
pub fn who_can(world: &World, action: &str, resource: Option<&str>, resource_account: Option<&str>) -> WhoCan {
    let context = Context::new(world);
    let mut answer = WhoCan { principals: Vec::new(), unknown: Vec::new() };
    let owner =
        resource_account.map(str::to_owned).or_else(|| resource.and_then(Arn::parse).map(|arn| arn.account.to_owned())).filter(|owner| !owner.is_empty());
    let policy = resource_policy(world, action, resource);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for account in world.accounts() {
        let root = format!("arn:{}:iam::{account}:root", world.run.partition);
        for table in ["iam_role", "iam_user"] {
            let found = world.all(table, account, GLOBAL);
            if !found.gaps.is_empty() {
                answer.unknown.push(Unclear { principal: root.clone(), reason: reason(&found.gaps) });
            }
            for row in found.rows {
                seen.insert(row.key().to_owned());
                let access = context.access(row);
                let policies = match &access.grants {
                    Known(policies) => policies,
                    Unknown(gaps) => {
                        answer.unknown.push(Unclear { principal: row.key().to_owned(), reason: reason(gaps) });
                        continue;
                    }
                };
                let mut policies = Policies::clone(policies);
                match &policy {
                    Known(document) => policies.resource.clone_from(document),
                    Unknown(gaps) => policies.unknown.push((Side::Resource, vec![reason(gaps)])),
                }
                let resources: Vec<String> = resource.map(str::to_owned).into_iter().collect();
                let ask = |policies: &Policies| {
                    let actions = [action];
                    let ask = Ask {
                        principal: &access.principal,
                        actions: &actions,
                        resources: &resources,
                        resource_account: owner.as_deref(),
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
                    Found::Yes(request) => answer.principals.push(Able {
                        principal: row.key().to_owned(),
                        conditions: conditions(&policies, &request),
                        witness: request.witness(),
                    }),
                    Found::No => {}
                    Found::Unknown(why) => answer.unknown.push(Unclear { principal: row.key().to_owned(), reason: why.join("; ") }),
                }
            }
        }
    }
    if let Known(Some(document)) = &policy {
        strangers(world, document, action, &seen, &mut answer);
    }
    answer.principals.sort_by(|a, b| a.principal.cmp(&b.principal));
    answer.unknown.sort_by(|a, b| (&a.principal, &a.reason).cmp(&(&b.principal, &b.reason)));
    answer.unknown.dedup_by(|a, b| a.principal == b.principal && a.reason == b.reason);
    answer
}

/// Can the resource have a policy of its own?
fn has_policy(service: &str, action: &str, resource: Option<&str>) -> bool {
    match service {
        "sts" => action.to_ascii_lowercase().starts_with("sts:assumerole"),
        // Of Bedrock's resources these (Bedrock User Guide, "Resource-based policies"); all of AgentCore's.
        "bedrock" => {
            resource.and_then(Arn::parse).is_some_and(|arn| ["custom-model", "guardrail", "knowledge-base"].iter().any(|kind| arn.resource.starts_with(kind)))
        }
        "bedrock-agentcore" => true,
        _ => WITH_RESOURCE_POLICIES.contains(&service),
    }
}

/// The policy of the resource itself; none where it can have none.
fn resource_policy(world: &World, action: &str, resource: Option<&str>) -> Observed<Option<Rc<Document>>> {
    let service = action.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if !has_policy(&service, action, resource) {
        return Known(None);
    }
    let Some(resource) = resource else {
        return Observed::gap(Gap::not_understood("resource policy", "the policy of a resource may let it in; name the resource".to_owned()));
    };
    let Some(role) = Arn::parse(resource).filter(|arn| service == "sts" && arn.service == "iam" && arn.resource.starts_with("role/")) else {
        return Observed::gap(Gap::not_understood("resource policy", format!("the policy of `{resource}` is not in the run")));
    };
    match world.lookup("iam_role", role.account, GLOBAL, resource) {
        Lookup::Found(row) => row.json("assume_role_policy").and_then(|json| match Document::parse("trust policy", &json) {
            Ok(document) => Known(Some(Rc::new(document))),
            Err(why) => Observed::gap(Gap::not_understood("iam_role.assume_role_policy", why.to_string())),
        }),
        Lookup::Absent => Observed::gap(Gap::not_understood("iam_role", format!("the role `{resource}` does not exist"))),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// Whom a resource's policy names and the run does not hold: services and identity providers have no other policies,
/// so they may unless a Deny speaks of the action; of other accounts the identity side is not known.
fn strangers(world: &World, document: &Document, action: &str, seen: &BTreeSet<String>, answer: &mut WhoCan) {
    let denied = document.statements.iter().any(|statement| statement.effect == Effect::Deny && statement.names_action(action));
    let mut named: BTreeMap<String, bool> = BTreeMap::new();
    let statements = document.statements.iter().filter(|statement| statement.effect == Effect::Allow && statement.names_action(action));
    for pattern in
        statements.clone().filter_map(|statement| statement.principals.as_ref()).filter(|patterns| !patterns.negated).flat_map(|patterns| &patterns.all)
    {
        match pattern {
            PrincipalPattern::Service(name) | PrincipalPattern::Federated(name) => drop(named.insert(name.clone(), !denied)),
            PrincipalPattern::Account(account) if world.run.account(account).is_none() => {
                named.insert(format!("arn:{}:iam::{account}:root", world.run.partition), false);
            }
            PrincipalPattern::Arn(arn) if !seen.contains(arn) && Arn::parse(arn).is_some_and(|arn| world.run.account(arn.account).is_none()) => {
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
                .map(|statement| Because { policy: document.name.clone(), statement: statement.sid.clone(), text: statement.to_string(), conditional: true })
                .collect();
            answer.principals.push(Able { principal, conditions, witness: serde_json::Value::Null });
        } else {
            let reason = "the resource's policy names it; whether that is enough is not in this run".to_owned();
            answer.unknown.push(Unclear { principal, reason });
        }
    }
}

/// The statements that let the request pass only under a condition: what allows it then, and what denies it otherwise.
fn conditions(policies: &Policies, request: &Request) -> Vec<Because> {
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
