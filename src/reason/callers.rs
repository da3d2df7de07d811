//! Who calls Bedrock: compute whose role is granted it by name, or whose configuration names a model.

use super::Context;
use crate::inventory::{Lookup, Row};
use crate::model::{Arn, GLOBAL, Gap, Observed, merge};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

/// One placement of a workload in a network: a function version, or a service with its task definition.
#[derive(Debug, Clone)]
pub(super) struct Deployment<'w> {
    /// The row with network and settings (the service for ECS).
    pub network: Row<'w>,
    /// The row with the settings that variables tell; `None` where nothing of them can be seen.
    pub settings: Option<Row<'w>>,
}

/// A workload, caller or not.
#[derive(Debug, Clone)]
pub(super) struct Workload<'w> {
    /// Function ARN without version, or service ARN.
    pub arn: String,
    /// Name.
    pub name: String,
    /// `lambda`, `ecs`, `ec2` or `agentcore`.
    pub kind: &'static str,
    /// Account.
    pub account: &'w str,
    /// Region.
    pub region: &'w str,
    /// Roles of its code.
    pub roles: Observed<BTreeSet<String>>,
    /// The role that starts its containers; empty for functions.
    pub execution_roles: Observed<BTreeSet<String>>,
    /// Where it runs.
    pub deployments: Vec<Deployment<'w>>,
    /// Log groups it writes to.
    pub log_groups: Observed<BTreeSet<String>>,
    /// Tags.
    pub tags: Observed<BTreeMap<String, String>>,
    /// Does a variable name a model?
    pub names_model: Observed<bool>,
    /// API families that it may call.
    pub families: BTreeSet<&'static str>,
    /// What may hide more of them.
    pub family_gaps: Vec<Gap>,
}

impl Workload<'_> {
    /// CloudFormation's name of its type.
    pub fn resource_type(&self) -> &'static str {
        match self.kind {
            "lambda" => "AWS::Lambda::Function",
            "ec2" if self.arn.contains(":autoscaling:") => "AWS::AutoScaling::AutoScalingGroup",
            "ec2" => "AWS::EC2::Instance",
            "agentcore" => "AWS::BedrockAgentCore::Runtime",
            _ => "AWS::ECS::Service",
        }
    }

    /// Is it a Bedrock caller?
    pub fn is_caller(&self) -> Observed<bool> {
        match (self.families.is_empty(), self.family_gaps.is_empty()) {
            (false, _) => Known(true),
            (true, true) => Known(false),
            (true, false) => Unknown(self.family_gaps.clone()),
        }
    }
}

/// All workloads of the run.
#[derive(Debug, Default)]
pub(super) struct Callers<'w> {
    /// In the order of their scopes and ARNs.
    pub all: Vec<Workload<'w>>,
    /// What may hide more, by scope.
    pub gaps: BTreeMap<(String, String), Vec<Gap>>,
}

impl<'w> Callers<'w> {
    /// The known callers of a scope.
    pub fn known<'s>(&'s self, account: &'s str, region: &'s str) -> impl Iterator<Item = &'s Workload<'w>> {
        self.all.iter().filter(move |workload| workload.account == account && workload.region == region && workload.is_caller().is_true())
    }

    /// What may hide callers in a scope: unread lists, and workloads of which it is not known.
    pub fn hidden(&self, account: &str, region: &str) -> Vec<Gap> {
        let lists = self.gaps.get(&(account.to_owned(), region.to_owned())).cloned().unwrap_or_default();
        self.all
            .iter()
            .filter(|workload| workload.account == account && workload.region == region)
            .fold(lists, |gaps, workload| merge(gaps, workload.family_gaps.clone()))
    }

    /// Does the account run a caller?
    pub fn in_account(&self, context: &Context<'_>, account: &str) -> Observed<bool> {
        let regions: Vec<&str> = context.world.run.regions.iter().map(String::as_str).collect();
        Observed::any(
            regions
                .iter()
                .map(|region| {
                    if self.known(account, region).next().is_some() {
                        return Known(true);
                    }
                    let gaps = self.hidden(account, region);
                    if gaps.is_empty() { Known(false) } else { Unknown(gaps) }
                })
                .chain([context.nowhere_else(account)]),
        )
    }
}

fn union<T: Ord>(sets: impl IntoIterator<Item = Observed<BTreeSet<T>>>) -> Observed<BTreeSet<T>> {
    sets.into_iter().fold(Known(BTreeSet::new()), |all, next| {
        all.zip(next).map(|(mut all, next)| {
            all.extend(next);
            all
        })
    })
}

fn one(text: Observed<&str>) -> Observed<BTreeSet<String>> {
    text.map(|text| if text.is_empty() { BTreeSet::new() } else { BTreeSet::from([text.to_owned()]) })
}

pub(super) fn find<'w>(context: &Context<'w>) -> Callers<'w> {
    let mut callers = Callers::default();
    for account in context.world.accounts().map(str::to_owned).collect::<Vec<_>>() {
        for region in &context.world.run.regions {
            let mut gaps = functions(context, &account, region, &mut callers.all);
            gaps = merge(gaps, services(context, &account, region, &mut callers.all));
            gaps = merge(gaps, instances(context, &account, region, &mut callers.all));
            gaps = merge(gaps, runtimes(context, &account, region, &mut callers.all));
            callers.gaps.insert((account.clone(), region.clone()), gaps);
        }
    }
    callers.all.sort_by(|a, b| (a.account, a.region, &a.arn).cmp(&(b.account, b.region, &b.arn)));
    callers
}

/// The families of a workload: what its roles are granted, and the runtime where its configuration names a model; and what may hide more.
fn families(context: &Context<'_>, roles: &Observed<BTreeSet<String>>, names_model: &Observed<bool>) -> (BTreeSet<&'static str>, Vec<Gap>) {
    let granted = match roles {
        Known(roles) => union(roles.iter().map(|role| context.role_access(role).and_then(|access| access.families.clone()))),
        Unknown(gaps) => Unknown(gaps.clone()),
    };
    let mut gaps = granted.gaps().to_vec();
    let mut families = granted.known().unwrap_or_default();
    match names_model {
        Known(true) => {
            families.insert("bedrock-runtime");
        }
        Known(false) => {}
        Unknown(_) if families.contains("bedrock-runtime") => {}
        Unknown(more) => gaps = merge(gaps, more.clone()),
    }
    (families, gaps)
}

fn functions<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let world = context.world;
    let found = world.all("lambda_function", account, region);
    let mut gaps = found.gaps;
    let mut by_function: BTreeMap<&'w str, Vec<Row<'w>>> = BTreeMap::new();
    for row in found.rows {
        match row.text("function_arn") {
            Known(arn) => by_function.entry(arn).or_default().push(row),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    for (arn, rows) in by_function {
        let first = rows[0];
        let latest = rows.iter().find(|row| row.text("version") == Known("$LATEST")).copied().unwrap_or(first);
        let roles = union(rows.iter().map(|row| one(row.text("role_arn"))));
        let names_model = Observed::any(rows.iter().map(|row| row.flag("names_model")));
        let (families, family_gaps) = families(context, &roles, &names_model);
        all.push(Workload {
            arn: arn.to_owned(),
            name: latest.text("name").known().map_or_else(|| Arn::parse(arn).map_or("", |arn| arn.name()).to_owned(), str::to_owned),
            kind: "lambda",
            account: first.account(),
            region: first.region(),
            families,
            family_gaps,
            roles,
            execution_roles: Known(BTreeSet::new()),
            log_groups: union(rows.iter().map(|row| one(row.text("log_group_name")))),
            tags: latest.tags(),
            names_model,
            deployments: rows.into_iter().map(|row| Deployment { network: row, settings: Some(row) }).collect(),
        });
    }
    gaps
}

fn services<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let world = context.world;
    let found = world.all("ecs_service", account, region);
    let mut gaps = found.gaps;
    for service in found.rows {
        let definition = service.text("task_definition_arn").and_then(|arn| match world.lookup("ecs_task_definition", account, region, arn) {
            Lookup::Found(row) => Known(row),
            Lookup::Absent => Observed::gap(Gap::not_understood("ecs_task_definition", format!("the task definition `{arn}` is not in the list"))),
            Lookup::Unknown(gaps) => Unknown(gaps),
        });
        let definition = match definition {
            Known(row) => row,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        let roles = one(definition.text("task_role_arn"));
        let names_model = definition.flag("names_model");
        let (families, family_gaps) = families(context, &roles, &names_model);
        all.push(Workload {
            arn: service.key().to_owned(),
            name: service.text("name").known().unwrap_or_default().to_owned(),
            kind: "ecs",
            account: service.account(),
            region: service.region(),
            families,
            family_gaps,
            roles,
            execution_roles: one(definition.text("execution_role_arn")),
            log_groups: definition.list("log_group_names").map(|names| names.into_iter().collect()),
            tags: service.tags(),
            names_model,
            deployments: vec![Deployment { network: service, settings: Some(definition) }],
        });
    }
    gaps
}

/// The role of an instance profile.
fn role_of_profile(context: &Context<'_>, account: &str, profile: &str) -> Observed<BTreeSet<String>> {
    let found = context.world.all("iam_role", account, GLOBAL);
    let mut gaps = found.gaps;
    for role in found.rows {
        match role.list("instance_profile_arns") {
            Known(profiles) if profiles.iter().any(|arn| arn == profile) => return Known(BTreeSet::from([role.key().to_owned()])),
            Known(_) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    if gaps.is_empty() { Known(BTreeSet::new()) } else { Unknown(gaps) }
}

/// Instances with a role; those of one Auto Scaling group are one workload.
fn instances<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let found = context.world.all("ec2_instance", account, region);
    let mut gaps = found.gaps;
    let mut groups: BTreeMap<String, Workload<'w>> = BTreeMap::new();
    for row in found.rows {
        let arn = format!("arn:{}:ec2:{region}:{account}:instance/{}", context.world.run.partition, row.key());
        let profile = match row.text("iam_instance_profile_arn") {
            Known("") => continue,
            Known(profile) => profile,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        // Whether it is one of a group its tags tell.
        let tags = match row.tags() {
            Known(tags) => tags,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        let tag = |name: &str| tags.get(name).cloned();
        let member = tag("aws:autoscaling:groupName");
        // The number in the group's ARN is not known; its name is unique in account and Region.
        let arn = member
            .as_ref()
            .map_or(arn, |name| format!("arn:{}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{name}", context.world.run.partition));
        let deployment = Deployment { network: row, settings: None };
        let roles = role_of_profile(context, account, profile);
        if let Some(known) = groups.get_mut(&arn) {
            known.deployments.push(deployment);
            known.roles = union([known.roles.clone(), roles]);
            (known.families, known.family_gaps) = families(context, &known.roles, &Known(false));
            continue;
        }
        let (families, family_gaps) = families(context, &roles, &Known(false));
        groups.insert(
            arn.clone(),
            Workload {
                name: member.or_else(|| tag("Name")).unwrap_or_else(|| row.key().to_owned()),
                arn,
                kind: "ec2",
                account: row.account(),
                region: row.region(),
                roles,
                execution_roles: Known(BTreeSet::new()),
                deployments: vec![deployment],
                log_groups: Known(BTreeSet::new()),
                tags: Known(tags),
                names_model: Known(false),
                families,
                family_gaps,
            },
        );
    }
    all.extend(groups.into_values());
    gaps
}

/// AgentCore runtimes: code of the customer's, that calls with the role of the runtime.
fn runtimes<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let found = context.world.all("bedrock_agentcore_runtime", account, region);
    for row in found.rows {
        let roles = one(row.text("role_arn"));
        let names_model = row.flag("names_model");
        let (families, family_gaps) = families(context, &roles, &names_model);
        all.push(Workload {
            arn: row.key().to_owned(),
            name: row.text("name").known().unwrap_or_default().to_owned(),
            kind: "agentcore",
            account: row.account(),
            region: row.region(),
            roles,
            execution_roles: Known(BTreeSet::new()),
            deployments: vec![Deployment { network: row, settings: Some(row) }],
            log_groups: Known(BTreeSet::new()),
            tags: Known(BTreeMap::new()),
            names_model,
            families,
            family_gaps,
        });
    }
    found.gaps
}
