//! Who comes to a principal by another way: assuming its role, passing it to a service, or changing what it may do itself.

use super::Principals;
use super::escalation::PASSED;
use super::principal::Access;
use super::resource::{Guard, reasons};
use crate::inventory::{Row, World};
use crate::model::{Arn, GLOBAL, Observed};
use crate::policy::{Document, Effect, Fact, Principal, Tri};
use Observed::{Known, Unknown};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// One step of a way.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The role that is reached; for a change of its own policies the principal itself.
    pub to: String,
    /// How: `sts:AssumeRole`, `iam:PassRole with ...`, or the change of a policy.
    pub by: String,
    /// A request that shows it.
    pub witness: Json,
}

/// A principal and its way to one that may.
#[derive(Debug, Serialize)]
pub struct Indirect {
    /// ARN.
    pub principal: String,
    /// The steps, in order.
    pub via: Vec<Step>,
}

/// A principal of the run.
struct Node {
    arn: String,
    access: Rc<Access>,
}

/// The role at the end of a step.
struct Target<'w> {
    row: Row<'w>,
    trust: Observed<Rc<Document>>,
    services: BTreeSet<&'static str>,
    guard: Guard,
}

impl<'w> Target<'w> {
    fn new(world: &World, row: Row<'w>) -> Self {
        let guard = Guard::of(world, "sts:AssumeRole", Some(row.key()), None);
        let trust = guard.policy.clone().and_then(|policy| match policy {
            Some(policy) => Known(policy),
            None => Unknown(Vec::new()),
        });
        let services = PASSED
            .iter()
            .map(|(_, service, _)| *service)
            .filter(|service| trusts(&trust, service))
            .collect();
        Self {
            row,
            trust,
            services,
            guard,
        }
    }
}

/// Does the role let the service assume it? A condition on the source is met by a resource in the same account.
fn trusts(trust: &Observed<Rc<Document>>, service: &str) -> bool {
    let service = Principal::parse(service);
    let Known(trust) = trust else { return false };
    trust.statements.iter().any(|statement| {
        statement.effect == Effect::Allow && statement.names_principal(&service) == Tri::True
    })
}

/// Everyone who comes to one of the `able` by steps, nearest first, each with one shortest way; and those of whom it cannot be told.
pub(crate) fn reach(
    principals: &Principals<'_>,
    able: &BTreeSet<String>,
) -> (Vec<Indirect>, Vec<(String, String)>) {
    let mut nodes: Vec<Node> = Vec::new();
    let mut roles: BTreeMap<String, Row<'_>> = BTreeMap::new();
    for account in principals.world.accounts() {
        for table in ["iam_role", "iam_user"] {
            for row in principals.world.all(table, account, GLOBAL).rows {
                let access = principals.of(row);
                if !access.principal.is_service_linked() {
                    nodes.push(Node {
                        arn: row.key().to_owned(),
                        access,
                    });
                }
                if table == "iam_role" {
                    roles.insert(row.key().to_owned(), row);
                }
            }
        }
    }
    let mut ways: BTreeMap<String, Vec<Step>> =
        able.iter().map(|arn| (arn.clone(), Vec::new())).collect();
    let mut unclear: BTreeMap<String, String> = BTreeMap::new();
    let mut frontier: Vec<String> = able.iter().cloned().collect();
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for arn in &frontier {
            let Some(row) = roles.get(arn) else { continue };
            let target = Target::new(principals.world, *row);
            for node in &nodes {
                if ways.contains_key(&node.arn) {
                    continue;
                }
                match step(node, &target) {
                    Known(Some(step)) => {
                        let way = std::iter::once(step)
                            .chain(ways.get(arn).into_iter().flatten().cloned())
                            .collect();
                        ways.insert(node.arn.clone(), way);
                        next.push(node.arn.clone());
                    }
                    Known(None) => {}
                    Unknown(gaps) => {
                        unclear.entry(node.arn.clone()).or_insert_with(|| {
                            format!("whether it comes to {arn}: {}", reasons(&gaps).join("; "))
                        });
                    }
                }
            }
        }
        frontier = next;
    }
    let unclear = unclear
        .into_iter()
        .filter(|(arn, _)| !ways.contains_key(arn))
        .collect();
    let mut found: Vec<Indirect> = ways
        .into_iter()
        .filter(|(_, via)| !via.is_empty())
        .map(|(principal, via)| Indirect { principal, via })
        .collect();
    found.sort_by(|a, b| (a.via.len(), &a.principal).cmp(&(b.via.len(), &b.principal)));
    (found, unclear)
}

/// One step from a principal to a role, if there is one.
fn step(node: &Node, target: &Target<'_>) -> Observed<Option<Step>> {
    let arn = target.row.key();
    let assumed = match &target.trust {
        Known(trust)
            if !trust.statements.iter().any(|one| {
                one.effect == Effect::Allow
                    && one.names_principal(&node.access.principal) != Tri::False
            }) =>
        {
            Known(None)
        }
        _ => target.guard.may(
            &node.access,
            &["sts:AssumeRole"],
            &[arn.to_owned()],
            BTreeMap::new(),
        ),
    };
    let assumed = assumed.map(|found| {
        found.map(|request| Step {
            to: arn.to_owned(),
            by: request.action.clone(),
            witness: request.witness(),
        })
    });
    if !matches!(assumed, Known(None)) {
        return assumed;
    }
    // A service is given a role of the caller's own account alone.
    if Arn::parse(arn).is_none_or(|role| role.account != node.access.principal.account) {
        return Known(None);
    }
    passed(node, target).and_then(|found| match found {
        Some(step) => Known(Some(step)),
        None => changed(node, target),
    })
}

fn passed(node: &Node, target: &Target<'_>) -> Observed<Option<Step>> {
    let arn = target.row.key();
    let nothing = Guard::nothing();
    let mut unknown = Vec::new();
    for (action, service, starts) in PASSED
        .iter()
        .filter(|(_, service, _)| target.services.contains(service))
    {
        let context = BTreeMap::from([("iam:passedtoservice".to_owned(), Fact::one(*service))]);
        let passes = nothing.may(&node.access, &["iam:PassRole"], &[arn.to_owned()], context);
        if passes == Known(None) {
            continue;
        }
        let some = |action: &&str| {
            nothing
                .may(&node.access, &[*action], &[], BTreeMap::new())
                .map(|found| found.is_some())
        };
        let runs = if starts.is_empty() {
            Known(true)
        } else {
            Observed::any(starts.iter().map(some))
        };
        match passes.zip(some(action).and(runs)) {
            Known((Some(request), true)) => {
                return Known(Some(Step {
                    to: arn.to_owned(),
                    by: format!("iam:PassRole with {action}"),
                    witness: request.witness(),
                }));
            }
            Known(_) => {}
            Unknown(gaps) => unknown.extend(gaps),
        }
    }
    if unknown.is_empty() {
        Known(None)
    } else {
        Unknown(unknown)
    }
}

/// By letting itself into the role.
fn changed(node: &Node, target: &Target<'_>) -> Observed<Option<Step>> {
    let arn = target.row.key();
    // AWS refuses it: service-linked roles and those of IAM Identity Center are changed by their service alone (IAM User Guide,
    // "Service-linked roles"; IAM Identity Center User Guide, "Referencing permission sets").
    if [":role/aws-service-role/", ":role/aws-reserved/"]
        .iter()
        .any(|path| arn.contains(path))
    {
        return Known(None);
    }
    Guard::nothing()
        .may(
            &node.access,
            &["iam:UpdateAssumeRolePolicy"],
            &[arn.to_owned()],
            BTreeMap::new(),
        )
        .map(|found| {
            found.map(|request| Step {
                to: arn.to_owned(),
                by: format!("{} of its trust policy", request.action),
                witness: request.witness(),
            })
        })
}
