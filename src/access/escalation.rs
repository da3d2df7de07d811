//! Can a role make itself an administrator?
//!
//! The ways are those that change what a role may do, and those that run code under a role that nobody named.

use super::principal::Access;
use crate::model::{Arn, Observed};
use crate::policy::{Ask, Fact, Found, Kind, PROBE, Policies, is_refused, may};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Actions that change who may do what, by the resource that they are tried on.
const CHANGES: &[(&str, &str)] = &[
    ("iam:PutRolePolicy", "role"),
    ("iam:AttachRolePolicy", "role"),
    ("iam:UpdateAssumeRolePolicy", "role"),
    ("iam:CreatePolicyVersion", "policy"),
    ("iam:SetDefaultPolicyVersion", "policy"),
    ("iam:PutUserPolicy", "user"),
    ("iam:AttachUserPolicy", "user"),
    ("iam:CreateAccessKey", "user"),
    ("iam:CreateLoginProfile", "user"),
    ("iam:UpdateLoginProfile", "user"),
    ("iam:PutGroupPolicy", "group"),
    ("iam:AttachGroupPolicy", "group"),
    ("iam:AddUserToGroup", "group"),
];

/// Those that give more rights to the principal that they are done on.
const GRANTS_ITSELF: &[&str] = &[
    "iam:PutRolePolicy",
    "iam:AttachRolePolicy",
    "iam:PutUserPolicy",
    "iam:AttachUserPolicy",
];

/// Ways to run something under a role: the action that takes it, the service it is passed to, and the actions of which one is
/// needed besides, so that it runs.
pub(crate) const PASSED: &[(&str, &str, &[&str])] = &[
    ("lambda:CreateFunction", "lambda.amazonaws.com", &[]),
    (
        "ecs:RegisterTaskDefinition",
        "ecs-tasks.amazonaws.com",
        &[
            "ecs:RunTask",
            "ecs:StartTask",
            "ecs:CreateService",
            "ecs:UpdateService",
        ],
    ),
    ("ec2:RunInstances", "ec2.amazonaws.com", &[]),
    (
        "sagemaker:CreateNotebookInstance",
        "sagemaker.amazonaws.com",
        &[],
    ),
    (
        "sagemaker:CreateProcessingJob",
        "sagemaker.amazonaws.com",
        &[],
    ),
    (
        "sagemaker:CreateTrainingJob",
        "sagemaker.amazonaws.com",
        &[],
    ),
    (
        "bedrock-agentcore:CreateCodeInterpreter",
        "bedrock-agentcore.amazonaws.com",
        &["bedrock-agentcore:InvokeCodeInterpreter"],
    ),
    (
        "bedrock-agentcore:CreateAgentRuntime",
        "bedrock-agentcore.amazonaws.com",
        &["bedrock-agentcore:InvokeAgentRuntime"],
    ),
    (
        "cloudformation:CreateStack",
        "cloudformation.amazonaws.com",
        &[],
    ),
    (
        "codebuild:CreateProject",
        "codebuild.amazonaws.com",
        &["codebuild:StartBuild", "codebuild:StartBuildBatch"],
    ),
    (
        "glue:CreateJob",
        "glue.amazonaws.com",
        &["glue:StartJobRun", "glue:CreateTrigger"],
    ),
    (
        "states:CreateStateMachine",
        "states.amazonaws.com",
        &["states:StartExecution"],
    ),
];

/// Can it take its own boundary away?
fn may_shed_boundary(access: &Access, policies: &Policies) -> Found {
    let resources = [access.principal.arn.clone()];
    let actions = [if access.principal.kind == Kind::User {
        "iam:DeleteUserPermissionsBoundary"
    } else {
        "iam:DeleteRolePermissionsBoundary"
    }];
    may(
        policies,
        &Ask {
            principal: &access.principal,
            actions: &actions,
            resources: &resources,
            resource_account: None,
            context: BTreeMap::new(),
            choose: true,
        },
    )
}

/// A way, with the request that shows it; `No` when none is left.
fn escalation(access: &Access, policies: &Policies) -> (Found, String) {
    let account = access.principal.account.as_str();
    let partition = Arn::parse(&access.principal.arn).map_or("aws", |arn| arn.partition);
    let ask = |action: &str, resources: Vec<String>, context: BTreeMap<String, Fact>| {
        may(
            policies,
            &Ask {
                principal: &access.principal,
                actions: &[action],
                resources: &resources,
                resource_account: None,
                context,
                choose: true,
            },
        )
    };
    let mut unknown = Vec::new();
    for (action, kind) in CHANGES {
        let mut tried = vec![format!("arn:{partition}:iam::{account}:{kind}/{PROBE}")];
        // Under a boundary, more of its own policies gives it nothing; and who may assume it is no gain of its own.
        let gains = policies.boundary.is_none() || may_shed_boundary(access, policies) != Found::No;
        let own = format!(":{kind}/");
        if gains && GRANTS_ITSELF.contains(action) && access.principal.arn.contains(&own) {
            tried.insert(0, access.principal.arn.clone());
        }
        if *kind == "policy" && gains {
            // A policy of its own that it may rewrite.
            let own = policies
                .identity
                .iter()
                .map(|document| document.name.clone())
                .filter(|name| Arn::parse(name).is_some_and(|arn| arn.account == account));
            tried.extend(own);
        }
        for resource in tried.into_iter().filter(|one| !is_refused(action, one)) {
            let itself = resource == access.principal.arn;
            match ask(action, vec![resource.clone()], BTreeMap::new()) {
                Found::Yes(request) => {
                    let on = if itself {
                        "itself".to_owned()
                    } else if resource.ends_with(PROBE) {
                        format!("any {kind}")
                    } else {
                        resource
                    };
                    return (Found::Yes(request), format!("{action} on {on}"));
                }
                Found::No => {}
                Found::Unknown(why) => unknown.extend(why),
            }
        }
    }
    for (action, service, starts) in PASSED {
        let passes = ask(
            "iam:PassRole",
            vec![format!("arn:{partition}:iam::{account}:role/{PROBE}")],
            BTreeMap::from([("iam:passedtoservice".to_owned(), Fact::one(*service))]),
        );
        if passes == Found::No {
            continue;
        }
        // One of what starts it is enough; where nothing more is needed there is nothing to ask.
        let started = starts
            .iter()
            .map(|start| ask(start, Vec::new(), BTreeMap::new()))
            .fold(None, |best: Option<Found>, next| match (best, next) {
                (Some(Found::Yes(request)), _) | (_, Found::Yes(request)) => {
                    Some(Found::Yes(request))
                }
                (Some(Found::Unknown(why)), _) | (_, Found::Unknown(why)) => {
                    Some(Found::Unknown(why))
                }
                _ => Some(Found::No),
            });
        let runs = match (ask(action, Vec::new(), BTreeMap::new()), started) {
            (Found::No, _) | (_, Some(Found::No)) => Found::No,
            (Found::Unknown(why), _) | (_, Some(Found::Unknown(why))) => Found::Unknown(why),
            (yes, _) => yes,
        };
        match (passes, runs) {
            (_, Found::No) => {}
            (Found::Yes(request), Found::Yes(_)) => {
                return (
                    Found::Yes(request),
                    format!("iam:PassRole of any role with {action}"),
                );
            }
            (Found::Unknown(why), _) | (_, Found::Unknown(why)) => unknown.extend(why),
            (Found::No, _) => {}
        }
    }
    unknown.sort();
    unknown.dedup();
    (
        if unknown.is_empty() {
            Found::No
        } else {
            Found::Unknown(unknown)
        },
        String::new(),
    )
}

/// A change of its own policies that gives it more rights; `No` where it has none, or where a boundary stays above it.
fn own_change(access: &Access, policies: &Policies) -> (Found, String) {
    if policies.boundary.is_some() && may_shed_boundary(access, policies) == Found::No {
        return (Found::No, String::new());
    }
    let account = access.principal.account.as_str();
    let own = policies
        .identity
        .iter()
        .map(|document| document.name.clone())
        .filter(|name| Arn::parse(name).is_some_and(|arn| arn.account == account));
    let itself = access.principal.arn.clone();
    let kind = if access.principal.kind == Kind::User {
        ":user/"
    } else {
        ":role/"
    };
    let mut tried: Vec<(&str, String)> = Vec::new();
    for (action, of) in CHANGES
        .iter()
        .filter(|(action, _)| GRANTS_ITSELF.contains(action))
    {
        if kind == format!(":{of}/") {
            tried.push((action, itself.clone()));
        }
    }
    for policy in own {
        tried.extend(
            ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"]
                .map(|action| (action, policy.clone())),
        );
    }
    let mut unknown = Vec::new();
    tried.retain(|(action, resource)| !is_refused(action, resource));
    for (action, resource) in tried {
        let on = if resource == itself {
            "itself".to_owned()
        } else {
            resource.clone()
        };
        let ask = Ask {
            principal: &access.principal,
            actions: &[action],
            resources: &[resource],
            resource_account: None,
            context: BTreeMap::new(),
            choose: true,
        };
        match may(policies, &ask) {
            Found::Yes(request) => return (Found::Yes(request), format!("{action} on {on}")),
            Found::No => {}
            Found::Unknown(why) => unknown.extend(why),
        }
    }
    (
        if unknown.is_empty() {
            Found::No
        } else {
            Found::Unknown(unknown)
        },
        String::new(),
    )
}

impl Access {
    /// How the principal can make itself an administrator, with the request.
    pub(crate) fn escalation(&self) -> Observed<Option<(String, Json)>> {
        let (found, how) = escalation(self, &self.grants);
        self.seen(found)
            .map(|found| found.map(|request| (how, request.witness())))
    }

    /// How the principal can widen its own policies, with the request.
    pub(crate) fn own_change(&self) -> Observed<Option<(String, Json)>> {
        let (found, how) = own_change(self, &self.grants);
        self.seen(found)
            .map(|found| found.map(|request| (how, request.witness())))
    }
}
