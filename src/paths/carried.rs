//! What a call carries on its way: the context of each path, and the policy of the endpoint that it passes.

use super::endpoint::{network_context, policy};
use super::invoke::{Outcome, Step};
use super::{Paths, ways};
use crate::inventory::{Lookup, World};
use crate::network::{Way, WayVerdict};
use crate::policy::{Because, Document, Fact};
use crate::workloads::Workload;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How a call comes that no workload makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'q> {
    /// It is left open.
    Any,
    /// From a public address, by no endpoint.
    Public,
    /// By the endpoint of this id.
    Endpoint(&'q str),
}

/// How a call comes: what it carries, and the policy of the endpoint that it passes.
pub(super) struct Network {
    pub(super) context: BTreeMap<String, Fact>,
    pub(super) endpoint: Option<Rc<Document>>,
}

/// What the call carries by each path of the workload. A path that lets nothing through is a step of its own.
pub(super) fn networks(
    paths: &Paths<'_>,
    workload: Option<&Workload<'_>>,
    by: By<'_>,
    (action, region): (&str, &str),
    principal: &str,
    steps: &mut Vec<Step>,
) -> Vec<Network> {
    let Some(workload) = workload else {
        return match by {
            By::Any => vec![Network {
                context: BTreeMap::new(),
                endpoint: None,
            }],
            By::Public => vec![Network {
                context: publicly(),
                endpoint: None,
            }],
            By::Endpoint(id) => match through(paths.world, id) {
                Some(network) => vec![network],
                None => {
                    steps.push(Step {
                        principal: principal.to_owned(),
                        needs: "path".to_owned(),
                        answer: Outcome::Unknown,
                        because: Vec::new(),
                        reason: format!("the endpoint {id} or its policy was not read"),
                    });
                    Vec::new()
                }
            },
        };
    };
    if region != workload.region {
        steps.push(Step {
            principal: principal.to_owned(),
            needs: "path".to_owned(),
            answer: Outcome::Unknown,
            because: Vec::new(),
            reason: format!(
                "the path from {} to Amazon Bedrock in another Region ({region}) is not walked",
                workload.region
            ),
        });
        return vec![Network {
            context: of_workload(),
            endpoint: None,
        }];
    }
    let family = if action.starts_with("bedrock-mantle:") {
        "bedrock-mantle"
    } else {
        "bedrock-runtime"
    };
    let mut all = Vec::new();
    for (subnets, way) in ways(paths, workload, family) {
        let from: Vec<&str> = subnets
            .iter()
            .map(String::as_str)
            .filter(|subnet| !subnet.is_empty())
            .collect();
        let place = if from.is_empty() {
            String::new()
        } else {
            format!(" from {}", from.join(", "))
        };
        let mut step = Step {
            principal: principal.to_owned(),
            needs: "path".to_owned(),
            answer: Outcome::Allowed,
            because: Vec::new(),
            reason: format!("path{place} ({}): {}", way.verdict.as_str(), way.reason),
        };
        match network(paths.world, workload, &way) {
            Some(network) => all.push(network),
            None if way.verdict == WayVerdict::Broken => step.answer = Outcome::Refused,
            None => {
                step.answer = Outcome::Unknown;
                let why: Vec<&str> = way.gaps.iter().map(|gap| gap.detail.as_str()).collect();
                step.reason = format!("path{place}: {}", why.join("; "));
            }
        }
        if let Some(hop) = way.hops.last().filter(|_| step.answer != Outcome::Allowed) {
            step.because.push(Because {
                policy: hop.kind.to_owned(),
                statement: hop.id.clone(),
                text: hop.because.clone(),
                conditional: false,
            });
        }
        steps.push(step);
    }
    all
}

/// Keys that only a call through an endpoint carries (IAM User Guide, "AWS global condition context keys").
const BY_ENDPOINT: [&str; 6] = [
    "aws:sourcevpce",
    "aws:sourcevpc",
    "aws:vpcsourceip",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpceorgpaths",
];

/// What a call of a workload does not carry: nobody typed a code, and its role signs it.
fn of_workload() -> BTreeMap<String, Fact> {
    [
        "aws:multifactorauthpresent",
        "aws:multifactorauthage",
        "bedrock:bearertokentype",
    ]
    .map(|key| (key.to_owned(), Fact::Absent))
    .into()
}

/// What a call by an endpoint carries, and the policy that it passes; nothing where they were not read.
fn through(world: &World, id: &str) -> Option<Network> {
    let Lookup::Found(row) = world.lookup_anywhere("vpc_endpoint", id) else {
        return None;
    };
    Some(Network {
        context: network_context(row),
        endpoint: Some(Rc::new(policy(row).known()?)),
    })
}

/// By the public endpoint a call carries an address that nobody knows, and no endpoint.
fn publicly() -> BTreeMap<String, Fact> {
    std::iter::once(("aws:sourceip".to_owned(), Fact::Unknown))
        .chain(BY_ENDPOINT.map(|key| (key.to_owned(), Fact::Absent)))
        .collect()
}

fn network(world: &World, workload: &Workload<'_>, way: &Way) -> Option<Network> {
    if matches!(way.verdict, WayVerdict::Broken | WayVerdict::Unknown) {
        return None;
    }
    let endpoint = way
        .hops
        .iter()
        .rev()
        .find(|hop| hop.kind == "endpoint")
        .and_then(|hop| {
            let account = if hop.account.is_empty() {
                workload.account
            } else {
                &hop.account
            };
            match world.lookup("vpc_endpoint", account, workload.region, &hop.id) {
                Lookup::Found(row) => Some(row),
                _ => None,
            }
        });
    match endpoint {
        Some(row) => Some(Network {
            context: of_workload()
                .into_iter()
                .chain(network_context(row))
                .collect(),
            endpoint: Some(Rc::new(policy(row).known()?)),
        }),
        None if !way.captured => Some(Network {
            context: of_workload().into_iter().chain(publicly()).collect(),
            endpoint: None,
        }),
        None => None,
    }
}
