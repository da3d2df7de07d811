//! Who calls Bedrock: compute whose role is granted it by name, or whose configuration names a model.

use super::access::Families;
use super::{Context, compute};
use crate::inventory::{Lookup, Row};
use crate::model::{Arn, GLOBAL, Gap, Observed, merge};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

/// The family that stands for all where nothing tells which.
pub(super) const RUNTIME: &str = "bedrock-runtime";

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
    /// `lambda`, `ecs`, `ec2`, `eks`, `sagemaker`, `agentcore` or `stepfunctions`.
    pub kind: &'static str,
    /// CloudFormation's name of its type.
    pub resource_type: &'static str,
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
    /// What may hide more of that.
    pub deployment_gaps: Vec<Gap>,
    /// Log groups it writes to.
    pub log_groups: Observed<BTreeSet<String>>,
    /// Tags.
    pub tags: Observed<BTreeMap<String, String>>,
    /// Does a variable name a model?
    pub names_model: Observed<bool>,
    /// API families that it calls, and those that it may call as far as is known.
    pub families: Families,
}

impl<'w> Workload<'w> {
    /// A workload of which nothing else is known to be: no roles, no network, no calls.
    pub fn new(kind: &'static str, resource_type: &'static str, arn: impl Into<String>, name: impl Into<String>, row: Row<'w>) -> Self {
        Self {
            arn: arn.into(),
            name: name.into(),
            kind,
            resource_type,
            account: row.account(),
            region: row.region(),
            roles: Known(BTreeSet::new()),
            execution_roles: Known(BTreeSet::new()),
            deployments: Vec::new(),
            deployment_gaps: Vec::new(),
            log_groups: Known(BTreeSet::new()),
            tags: Known(BTreeMap::new()),
            names_model: Known(false),
            families: Families::default(),
        }
    }

    /// Finds out which API families it may call: what its roles are granted, and the runtime where its configuration names a model.
    pub fn asked(mut self, context: &Context<'_>) -> Self {
        let mut families = Families::default();
        match &self.roles {
            Known(roles) => {
                for role in roles {
                    match context.role_access(role) {
                        Known(access) => {
                            families.known.extend(&access.families.known);
                            access.families.open.iter().for_each(|(family, gaps)| families.doubt(family, gaps));
                            families.any_other = merge(std::mem::take(&mut families.any_other), access.families.any_other.clone());
                        }
                        Unknown(gaps) => families.doubt_all(&gaps),
                    }
                }
            }
            Unknown(gaps) => families.doubt_all(gaps),
        }
        match &self.names_model {
            Known(true) => drop(families.known.insert(RUNTIME)),
            Known(false) => {}
            Unknown(gaps) => families.doubt(RUNTIME, gaps),
        }
        families.settle();
        self.families = families;
        self
    }

    /// The families that it calls or may call, each with what keeps that from being known.
    pub fn calls(&self) -> impl Iterator<Item = (&'static str, &[Gap])> {
        let known = self.families.known.iter().map(|family| (*family, &[][..]));
        known.chain(self.families.open.iter().map(|(family, gaps)| (*family, gaps.as_slice())))
    }

    /// Is it a Bedrock caller?
    pub fn is_caller(&self) -> Observed<bool> {
        self.families.any()
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

    /// The known callers of a scope, and the workloads that may be callers.
    pub fn possible<'s>(&'s self, account: &'s str, region: &'s str) -> impl Iterator<Item = &'s Workload<'w>> {
        self.all.iter().filter(move |workload| workload.account == account && workload.region == region && !workload.is_caller().is_false())
    }

    /// What may hide workloads in a scope: unread lists.
    pub fn unlisted(&self, account: &str, region: &str) -> Vec<Gap> {
        self.gaps.get(&(account.to_owned(), region.to_owned())).cloned().unwrap_or_default()
    }

    /// What may hide callers in a scope: unread lists, and workloads of which it is not known.
    pub fn hidden(&self, account: &str, region: &str) -> Vec<Gap> {
        let open = self.all.iter().filter(|workload| workload.account == account && workload.region == region);
        open.flat_map(|workload| workload.families.open.values().chain([&workload.families.any_other]))
            .fold(self.unlisted(account, region), |gaps, more| merge(gaps, more.clone()))
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

pub(super) fn union<T: Ord>(sets: impl IntoIterator<Item = Observed<BTreeSet<T>>>) -> Observed<BTreeSet<T>> {
    sets.into_iter().fold(Known(BTreeSet::new()), |all, next| {
        all.zip(next).map(|(mut all, next)| {
            all.extend(next);
            all
        })
    })
}

pub(super) fn one(text: Observed<&str>) -> Observed<BTreeSet<String>> {
    text.map(|text| if text.is_empty() { BTreeSet::new() } else { BTreeSet::from([text.to_owned()]) })
}

pub(super) fn find<'w>(context: &Context<'w>) -> Callers<'w> {
    let mut callers = Callers::default();
    for account in context.world.accounts().map(str::to_owned).collect::<Vec<_>>() {
        for region in &context.world.run.regions {
            let mut gaps = functions(context, &account, region, &mut callers.all);
            gaps = merge(gaps, services(context, &account, region, &mut callers.all));
            gaps = merge(gaps, instances(context, &account, region, &mut callers.all));
            for find in [scheduled, runtimes, compute::clusters, compute::sagemaker, compute::state_machines] {
                gaps = merge(gaps, find(context, &account, region, &mut callers.all));
            }
            callers.gaps.insert((account.clone(), region.clone()), gaps);
        }
    }
    callers.all.sort_by(|a, b| (a.account, a.region, &a.arn).cmp(&(b.account, b.region, &b.arn)));
    callers
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
        let name = latest.text("name").known().unwrap_or_else(|| Arn::parse(arn).map_or("", |arn| arn.name()));
        let workload = Workload {
            roles,
            log_groups: union(rows.iter().map(|row| one(row.text("log_group_name")))),
            tags: latest.tags(),
            names_model: Observed::any(rows.iter().map(|row| row.flag("names_model"))),
            deployments: rows.into_iter().map(|row| Deployment { network: row, settings: Some(row) }).collect(),
            ..Workload::new("lambda", "AWS::Lambda::Function", arn, name, first)
        };
        all.push(workload.asked(context));
    }
    gaps
}

/// The task definition of a service, task set or schedule.
fn definition<'w>(context: &Context<'w>, row: Row<'w>) -> Observed<Row<'w>> {
    row.text("task_definition_arn").and_then(|arn| match context.world.lookup("ecs_task_definition", row.account(), row.region(), arn) {
        Lookup::Found(row) => Known(row),
        Lookup::Absent => Observed::gap(Gap::not_understood("ecs_task_definition", format!("the task definition `{arn}` is not in the list"))),
        Lookup::Unknown(gaps) => Unknown(gaps),
    })
}

/// Tasks in host and bridge mode stand where the instances of their cluster do. Where none is in sight they keep their own row,
/// whose network is then not known.
fn stands<'w>(context: &Context<'w>, network: Row<'w>) -> Vec<Row<'w>> {
    let cluster = network.table().column("cluster_arn").and_then(|_| network.text("cluster_arn").known());
    let own = || vec![network];
    let (Known(subnets), Some(cluster)) = (network.list("subnet_ids"), cluster) else { return own() };
    if !subnets.is_empty() {
        return own();
    }
    let hosts = context.world.children("ecs_container_instance", network.account(), network.region(), "cluster_arn", cluster);
    let mut found = Vec::new();
    for host in &hosts.rows {
        match host.text("ec2_instance_id").known().map(|id| context.world.lookup("ec2_instance", network.account(), network.region(), id)) {
            Some(Lookup::Found(instance)) => found.push(instance),
            _ => return own(),
        }
    }
    if found.is_empty() || !hosts.gaps.is_empty() { own() } else { found }
}

/// A workload of ECS by where its tasks stand and what they run.
fn tasks<'w>(context: &Context<'w>, placed: &[(Row<'w>, Row<'w>)], workload: Workload<'w>) -> Workload<'w> {
    let definitions = || placed.iter().map(|(_, definition)| definition);
    Workload {
        roles: union(definitions().map(|row| one(row.text("task_role_arn")))),
        execution_roles: union(definitions().map(|row| one(row.text("execution_role_arn")))),
        log_groups: union(definitions().map(|row| row.list("log_group_names").map(|names| names.into_iter().collect()))),
        names_model: Observed::any(definitions().map(|row| row.flag("names_model"))),
        deployments: placed
            .iter()
            .flat_map(|(network, definition)| stands(context, *network).into_iter().map(|network| Deployment { network, settings: Some(*definition) }))
            .collect(),
        ..workload
    }
    .asked(context)
}

/// Services with their task sets, which stand beside the service or instead of it.
fn services<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let found = context.world.all("ecs_service", account, region);
    let mut gaps = found.gaps;
    for service in found.rows {
        let sets = context.world.children("ecs_task_set", account, region, "service_arn", service.key());
        gaps = merge(gaps, sets.gaps.clone());
        let mut unseen = sets.gaps;
        let own = (service.text("task_definition_arn") != Known("")).then_some(service);
        let mut placed = Vec::new();
        for row in own.into_iter().chain(sets.rows) {
            match definition(context, row) {
                Known(definition) => placed.push((row, definition)),
                Unknown(more) => {
                    unseen = merge(unseen, more.clone());
                    gaps = merge(gaps, more);
                }
            }
        }
        if !placed.is_empty() {
            let name = service.text("name").known().unwrap_or_default();
            let workload =
                Workload { tags: service.tags(), deployment_gaps: unseen, ..Workload::new("ecs", "AWS::ECS::Service", service.key(), name, service) };
            all.push(tasks(context, &placed, workload));
        }
    }
    gaps
}

/// Where tasks stand with what they run, and what hides more of both.
type Placed<'w> = (Vec<(Row<'w>, Row<'w>)>, Vec<Gap>);

/// Tasks that rules and schedules start.
fn scheduled<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let found = context.world.all("eventbridge_target", account, region);
    let mut gaps = found.gaps;
    let mut by: BTreeMap<&str, Placed<'w>> = BTreeMap::new();
    for row in found.rows.into_iter().filter(|row| row.text("task_definition_arn") != Known("") && !row.flag("enabled").is_false()) {
        let (placed, unseen) = by.entry(row.key().split('|').next().unwrap_or_default()).or_default();
        match definition(context, row) {
            Known(definition) => placed.push((row, definition)),
            Unknown(more) => {
                *unseen = merge(std::mem::take(unseen), more.clone());
                gaps = merge(gaps, more);
            }
        }
    }
    for (arn, (placed, unseen)) in by.into_iter().filter(|(_, (placed, _))| !placed.is_empty()) {
        let first = placed[0].0;
        let resource_type = if arn.contains(":scheduler:") { "AWS::Scheduler::Schedule" } else { "AWS::Events::Rule" };
        let workload = Workload { deployment_gaps: unseen, ..Workload::new("ecs", resource_type, arn, first.text("name").known().unwrap_or_default(), first) };
        all.push(tasks(context, &placed, workload));
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
        // Nodes of a managed group are told by the group.
        if let (Some(cluster), Some(group)) = (tag("eks:cluster-name"), tag("eks:nodegroup-name"))
            && matches!(context.world.lookup("eks_node_group", account, region, &format!("{cluster}/{group}")), Lookup::Found(_))
        {
            continue;
        }
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
            continue;
        }
        let resource_type = if member.is_some() { "AWS::AutoScaling::AutoScalingGroup" } else { "AWS::EC2::Instance" };
        let name = member.or_else(|| tag("Name")).unwrap_or_else(|| row.key().to_owned());
        let workload = Workload { roles, deployments: vec![deployment], tags: Known(tags), ..Workload::new("ec2", resource_type, arn.as_str(), name, row) };
        groups.insert(arn, workload);
    }
    all.extend(groups.into_values().map(|workload| workload.asked(context)));
    gaps
}

/// AgentCore runtimes: code of the customer's, that calls with the role of the runtime.
fn runtimes<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let found = context.world.all("bedrock_agentcore_runtime", account, region);
    for row in found.rows {
        let workload = Workload {
            roles: one(row.text("role_arn")),
            deployments: vec![Deployment { network: row, settings: Some(row) }],
            names_model: row.flag("names_model"),
            ..Workload::new("agentcore", "AWS::BedrockAgentCore::Runtime", row.key(), row.text("name").known().unwrap_or_default(), row)
        };
        all.push(workload.asked(context));
    }
    found.gaps
}
