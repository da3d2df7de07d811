//! Will a call be allowed? Every resource that the call needs is asked for, with every policy and on every path.
//!
//! A call by an inference profile needs the profile, and its model in every Region that it leads to (Bedrock User Guide,
//! "Prerequisites for inference profiles").

use super::Paths;
pub use super::carried::By;
use super::carried::{Network, networks};
use crate::access::Principals;
use crate::access::resource::Guard;
use crate::inventory::{Row, World};
use crate::model::{Arn, GLOBAL, Gap, Observed};
use crate::policy::{
    Answer, Ask, Because, Fact, Found, Others, Policies, Request, conditions_of, may,
};
use crate::workloads::{Workload, Workloads};
use Observed::{Known, Unknown};
use serde::Serialize;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The question.
#[derive(Debug, Clone)]
pub struct Question<'q> {
    /// ARN or name of a role or user; the roles of the workload where it is left out.
    pub principal: Option<&'q str>,
    /// Id or ARN of a model or an inference profile.
    pub model: &'q str,
    /// `bedrock:InvokeModel` or another action on models.
    pub action: &'q str,
    /// ARN or name of the workload that calls; any network where it is left out.
    pub from: Option<&'q str>,
    /// Region of the call; that of the workload, or the first of the run, where it is left out.
    pub region: Option<&'q str>,
    /// How the call comes; asked only where no workload calls.
    pub by: By<'q>,
}

/// What becomes of a call or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Something refuses it.
    Refused,
    /// What would decide was not observed.
    Unknown,
    /// Everything that is asked allows it.
    Allowed,
}

/// One thing that the call needs.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Who asks.
    pub principal: String,
    /// `path`, or the ARN of the profile or model.
    pub needs: String,
    /// What becomes of it.
    pub answer: Outcome,
    /// Statements and hops that decide: what refuses, or the conditions under which it is allowed.
    pub because: Vec<Because>,
    /// In one sentence.
    pub reason: String,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Invocation {
    /// The worst of all steps.
    pub answer: Outcome,
    /// The Region of the call.
    pub region: String,
    /// Every step, refused ones first.
    pub steps: Vec<Step>,
}

/// What questions about one estate share.
pub struct Invoker<'w> {
    world: &'w World,
    principals: Rc<Principals<'w>>,
    workloads: Workloads<'w>,
    paths: Paths<'w>,
}

impl<'w> Invoker<'w> {
    /// The engines over an estate.
    #[must_use]
    pub fn new(world: &'w World) -> Self {
        let principals = Rc::new(Principals::new(world));
        Self {
            world,
            workloads: Workloads::new(Rc::clone(&principals)),
            paths: Paths::new(Rc::clone(&principals)),
            principals,
        }
    }

    /// Answers a question.
    ///
    /// # Errors
    /// When the run does not tell principal, workload or Region.
    pub fn ask(&self, question: &Question<'_>) -> Result<Invocation, String> {
        let Self {
            world,
            principals,
            workloads,
            paths,
        } = self;
        answer(world, principals, workloads, paths, question)
    }
}

/// Answers the question.
///
/// # Errors
/// When the run does not tell principal, workload or Region.
pub fn invoke(world: &World, question: &Question<'_>) -> Result<Invocation, String> {
    Invoker::new(world).ask(question)
}

fn answer<'w>(
    world: &'w World,
    principals: &Rc<Principals<'w>>,
    workloads: &Workloads<'w>,
    paths: &Paths<'w>,
    question: &Question<'_>,
) -> Result<Invocation, String> {
    let workload = match question.from {
        None => None,
        Some(name) => Some(workload(workloads, name)?),
    };
    if crate::policy::authorization::action(question.action).is_none() {
        return Err(format!("`{}` is not an action of AWS", question.action));
    }
    let of_model = Arn::parse(question.model)
        .map(|arn| arn.region)
        .filter(|region| !region.is_empty());
    let region = match (
        question.region.or(of_model),
        workload,
        world.run.regions.first(),
    ) {
        (Some(region), ..) => {
            if !crate::model::is_region(region) {
                return Err(format!("`{region}` is not a Region, such as eu-central-1"));
            }
            region.to_owned()
        }
        (None, Some(workload), _) => workload.region.to_owned(),
        (None, None, Some(region)) => region.clone(),
        (None, None, None) => {
            return Err("the run holds no Region; name one with --region".to_owned());
        }
    };
    let rows = match (question.principal, workload) {
        (Some(name), _) => vec![principal(world, name)?],
        (None, Some(workload)) => match &workload.roles {
            Known(roles) => roles
                .iter()
                .map(|role| principal(world, role))
                .collect::<Result<_, _>>()?,
            Unknown(_) => {
                return Err(format!(
                    "the role of {} was not read; name a principal with --principal",
                    workload.name
                ));
            }
        },
        (None, None) => return Err("name who calls: --principal, or --from a workload".to_owned()),
    };
    if rows.is_empty() {
        return Err("the workload has no role; name a principal with --principal".to_owned());
    }
    let mut steps = Vec::new();
    for row in rows {
        let networks = networks(
            paths,
            workload,
            question.by,
            (question.action, &region),
            row.key(),
            &mut steps,
        );
        for (resource, context) in needed(
            world,
            row.account(),
            &region,
            question.model,
            row.key(),
            &mut steps,
        ) {
            for network in &networks {
                let mut context = context.clone();
                context.extend(network.context.clone());
                steps.push(ask(
                    principals,
                    row,
                    question.action,
                    &resource,
                    context,
                    network,
                ));
            }
        }
    }
    steps.sort_by(|a, b| {
        (a.answer, &a.principal, &a.needs).cmp(&(b.answer, &b.principal, &b.needs))
    });
    steps.dedup_by(|a, b| a.principal == b.principal && a.needs == b.needs && a.reason == b.reason);
    Ok(Invocation {
        answer: steps.first().map_or(Outcome::Unknown, |step| step.answer),
        region,
        steps,
    })
}

/// A role or user by ARN or name.
fn principal<'w>(world: &'w World, name: &str) -> Result<Row<'w>, String> {
    let mut found = Vec::new();
    let mut unread = false;
    for account in world.accounts() {
        for table in ["iam_role", "iam_user"] {
            let all = world.all(table, account, GLOBAL);
            unread |= !all.gaps.is_empty();
            found.extend(all.rows.into_iter().filter(|row| {
                row.key() == name
                    || row.key().rsplit('/').next() == Some(name)
                    || Arn::parse(row.key()).is_some_and(|arn| arn.resource == name)
            }));
        }
    }
    match found.as_slice() {
        [only] => Ok(*only),
        [] if unread => Err(format!(
            "`{name}` is not among the roles and users that were read, and not all of them were read"
        )),
        [] => Err(format!("no role or user of the run is called `{name}`")),
        _ => Err(format!(
            "several roles or users are called `{name}`; give the ARN"
        )),
    }
}

fn workload<'a, 'w>(workloads: &'a Workloads<'w>, name: &str) -> Result<&'a Workload<'w>, String> {
    let found: Vec<&Workload<'_>> = workloads
        .all()
        .all
        .iter()
        .filter(|one| one.arn == name || one.name == name)
        .collect();
    match found.as_slice() {
        [only] => Ok(only),
        [] => {
            let all = workloads.all().all.iter();
            let names: Vec<&str> = all.map(|one| one.name.as_str()).take(8).collect();
            Err(format!(
                "no workload of the run is called `{name}`; it knows {}",
                names.join(", ")
            ))
        }
        _ => Err(format!(
            "several workloads are called `{name}`; give the ARN"
        )),
    }
}

/// The resources that the call needs, each with what the request carries for it.
fn needed(
    world: &World,
    account: &str,
    region: &str,
    model: &str,
    principal: &str,
    steps: &mut Vec<Step>,
) -> Vec<(String, BTreeMap<String, Fact>)> {
    let profiles = world.all("bedrock_inference_profile", account, region);
    let profile = profiles.rows.iter().find(|row| {
        row.key() == model
            || row.text("id").known() == Some(model)
            || row.key().rsplit('/').next() == Some(model)
    });
    let mut unclear = |reason: String| {
        steps.push(Step {
            principal: principal.to_owned(),
            needs: model.to_owned(),
            answer: Outcome::Unknown,
            because: Vec::new(),
            reason,
        });
        Vec::new()
    };
    if let Some(profile) = profile {
        let models = match profile.list("model_arns") {
            Known(models) => models,
            Unknown(gaps) => return unclear(first(&gaps)),
        };
        if models.is_empty() {
            return unclear(format!("the profile {model} names no model"));
        }
        let mut all = vec![(profile.key().to_owned(), BTreeMap::new())];
        for model in models {
            let mut context = BTreeMap::from([(
                "bedrock:inferenceprofilearn".to_owned(),
                Fact::one(profile.key()),
            )]);
            // A global profile names no Region, and the key says so (Bedrock User Guide, "Global cross-Region inference").
            if Arn::parse(&model).is_some_and(|arn| arn.region.is_empty()) {
                context.insert("aws:requestedregion".to_owned(), Fact::one("unspecified"));
            }
            all.push((model, context));
        }
        return all;
    }
    if model.starts_with("arn:") {
        if model.contains("inference-profile/") {
            return unclear(match profiles.gaps.as_slice() {
                [] => format!(
                    "no inference profile {model} is in {account} {region}; its models are not known"
                ),
                gaps => first(gaps),
            });
        }
        return vec![(model.to_owned(), direct())];
    }
    let geography = [
        "us.", "eu.", "apac.", "jp.", "au.", "ca.", "sa.", "in.", "me.", "af.", "mx.", "il.",
        "kr.", "us-gov.", "global.",
    ];
    if geography.iter().any(|start| model.starts_with(start)) {
        return unclear(match profiles.gaps.as_slice() {
            [] => format!(
                "no inference profile {model} is in {account} {region}; the Regions that it leads to are not known"
            ),
            gaps => first(gaps),
        });
    }
    // Application profiles are called by an id without a dot; models are called `provider.model`.
    if !model.contains('.') {
        return unclear(match profiles.gaps.as_slice() {
            [] => format!("no model or inference profile of {account} {region} is called {model}"),
            gaps => first(gaps),
        });
    }
    let partition = &world.run.partition;
    vec![(
        format!("arn:{partition}:bedrock:{region}::foundation-model/{model}"),
        direct(),
    )]
}

/// A call of a model itself carries no profile.
fn direct() -> BTreeMap<String, Fact> {
    BTreeMap::from([("bedrock:inferenceprofilearn".to_owned(), Fact::Absent)])
}

fn first(gaps: &[Gap]) -> String {
    gaps.first().map_or_else(
        || "it was not read".to_owned(),
        |gap| {
            if gap.operation.is_empty() {
                gap.detail.clone()
            } else {
                format!("{} ({})", gap.operation, gap.detail)
            }
        },
    )
}

/// Asks every policy about one resource.
fn ask(
    principals: &Principals<'_>,
    row: Row<'_>,
    action: &str,
    resource: &str,
    context: BTreeMap<String, Fact>,
    network: &Network,
) -> Step {
    let access = principals.of(row);
    let guard = Guard::of(principals.world, action, Some(resource), None);
    let mut policies: Policies = guard.over(&access.grants);
    policies.endpoint.clone_from(&network.endpoint);
    let resources = [resource.to_owned()];
    let question = Ask {
        principal: &access.principal,
        actions: &[action],
        resources: &resources,
        resource_account: guard.owner.as_deref(),
        context: context.clone(),
        choose: true,
    };
    let mut step = Step {
        principal: row.key().to_owned(),
        needs: resource.to_owned(),
        answer: Outcome::Unknown,
        because: Vec::new(),
        reason: String::new(),
    };
    match may(&policies, &question) {
        Found::Yes(request) => {
            step.answer = Outcome::Allowed;
            step.because = conditions_of(&policies, &request);
            step.reason = if step.because.is_empty() {
                "allowed".to_owned()
            } else {
                "allowed under the conditions of these statements".to_owned()
            };
        }
        Found::No => {
            step.answer = Outcome::Refused;
            let request = Request {
                principal: access.principal.clone(),
                action: action.to_owned(),
                resource: resource.to_owned(),
                resource_account: guard.owner.clone(),
                context,
                others: Others::Usual,
            };
            match policies.decide(&request) {
                Answer::ExplicitlyDenied(because) => {
                    step.because = because;
                    step.reason = "explicitly denied".to_owned();
                }
                Answer::ImplicitlyDenied(because) => {
                    step.because = because;
                    step.reason = "nothing allows it".to_owned();
                }
                _ => {
                    step.reason =
                        "no request of this kind is allowed, whatever it carries".to_owned()
                }
            }
        }
        Found::Unknown(gaps) => step.reason = first(&gaps),
    }
    step
}
