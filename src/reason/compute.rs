//! Workloads on Amazon EKS, Amazon SageMaker AI and AWS Step Functions.

use super::Context;
use super::callers::{Deployment, Workload, one, union};
use crate::inventory::{Lookup, Row};
use crate::model::{GLOBAL, Gap, Observed, glob, merge};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Add-ons of EKS whose names begin so carry the calls of pods through proxies of their own.
const MESHES: &[&str] = &["appmesh", "istio", "linkerd", "kong", "consul", "solo-io", "tetrate", "buoyant", "cilium"];

/// What runs the pods of a cluster.
struct Cluster<'w> {
    row: Row<'w>,
    nodes: Vec<Row<'w>>,
    profiles: Vec<Row<'w>>,
    /// What may hide more of them.
    gaps: Vec<Gap>,
}

/// Node groups, and the service accounts that have a role: by EKS Pod Identity, or by a trust policy (IRSA).
pub(super) fn clusters<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let world = context.world;
    let found = world.all("eks_cluster", account, region);
    let mut gaps = found.gaps;
    let mut clusters = Vec::new();
    for row in found.rows {
        let groups = world.children("eks_node_group", account, region, "cluster_name", row.key());
        let profiles = world.children("eks_fargate_profile", account, region, "cluster_name", row.key());
        let instances = world.all("ec2_instance", account, region);
        let untagged = instances.rows.iter().fold(instances.gaps, |gaps, instance| merge(gaps, instance.tags().gaps().to_vec()));
        let unseen = merge(merge(groups.gaps, profiles.gaps), untagged);
        gaps = merge(gaps, unseen.clone());
        for group in &groups.rows {
            let arn = match group.text("arn") {
                Known(arn) => arn,
                Unknown(more) => {
                    gaps = merge(gaps, more);
                    continue;
                }
            };
            let workload = Workload {
                roles: one(group.text("node_role_arn")),
                deployments: vec![Deployment { network: *group, settings: None }],
                tags: group.tags(),
                ..Workload::new("eks", "AWS::EKS::Nodegroup", arn, group.key(), *group)
            };
            all.push(workload.asked(context));
        }
        // Nodes that nobody manages carry the tag that Kubernetes knows them by.
        let own = format!("kubernetes.io/cluster/{}", row.key());
        let mut nodes = groups.rows;
        nodes.extend(
            instances
                .rows
                .into_iter()
                .filter(|instance| instance.tags().known().is_some_and(|tags| tags.contains_key(&own) && !tags.contains_key("eks:nodegroup-name"))),
        );
        clusters.push(Cluster { row, nodes, profiles: profiles.rows, gaps: unseen });
    }
    gaps = merge(gaps, identities(context, account, region, &clusters, all));
    gaps = merge(gaps, service_accounts(context, account, &clusters, all));
    gaps
}

/// Pods with a role stand where the nodes of their cluster do; which of them, the cluster alone knows.
fn pods<'w>(
    kind: (&'static str, &str),
    name: String,
    role: Observed<BTreeSet<String>>,
    row: Row<'w>,
    (stands, unseen): (Vec<Row<'w>>, Vec<Gap>),
) -> Workload<'w> {
    // Without a node in sight the cluster itself stands for them, and its network is not known.
    let stands = if stands.is_empty() { vec![row] } else { stands };
    let deployments = stands.into_iter().map(|network| Deployment { network, settings: None }).collect();
    Workload { roles: role, deployments, deployment_gaps: unseen, ..Workload::new("eks", kind.0, kind.1, name, row) }
}

fn identities<'w>(context: &Context<'w>, account: &str, region: &str, clusters: &[Cluster<'w>], all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let found = context.world.all("eks_pod_identity_association", account, region);
    let mut gaps = found.gaps;
    for row in found.rows {
        let told = row.text("cluster_name").zip(row.text("namespace")).zip(row.text("service_account"));
        let ((cluster, namespace), service_account) = match told {
            Known(told) => told,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        // Pods of Fargate cannot use it (Amazon EKS User Guide, "EKS Pod Identity restrictions").
        let nodes = clusters.iter().find(|known| known.row.key() == cluster);
        let (home, (stands, unseen)) = nodes.map_or((row, (Vec::new(), Vec::new())), |known| (known.row, (known.nodes.clone(), known.gaps.clone())));
        let name = format!("{cluster}: {namespace}/{service_account}");
        let workload = pods(("AWS::EKS::PodIdentityAssociation", row.key()), name, one(row.text("role_arn")), home, (stands, unseen));
        all.push(workload.asked(context));
    }
    gaps
}

/// The service accounts that a statement lets assume the role by the tokens of an issuer, as patterns: `namespace/name`.
fn subjects(statement: &Json, issuer: &str) -> Option<BTreeSet<String>> {
    let texts = |value: &Json| -> Vec<String> {
        match value {
            Json::String(text) => vec![text.clone()],
            Json::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        }
    };
    let federated = texts(&statement["Principal"]["Federated"]);
    let allows =
        statement["Effect"] == "Allow" && texts(&statement["Action"]).iter().any(|action| glob(&action.to_ascii_lowercase(), "sts:assumerolewithwebidentity"));
    if !allows || !federated.iter().any(|provider| provider.ends_with(&format!(":oidc-provider/{issuer}"))) {
        return None;
    }
    let mut named = BTreeSet::new();
    // What a negated condition leaves is not told by its values.
    let plain = |operator: &str| !operator.to_ascii_lowercase().contains("not");
    for (_, keys) in statement["Condition"].as_object().into_iter().flatten().filter(|(operator, _)| plain(operator)) {
        for (key, values) in keys.as_object().into_iter().flatten() {
            if key.eq_ignore_ascii_case(&format!("{issuer}:sub")) {
                named.extend(texts(values).iter().map(|value| value.trim_start_matches("system:serviceaccount:").replace(':', "/")));
            }
        }
    }
    Some(if named.is_empty() { BTreeSet::from(["any service account".to_owned()]) } else { named })
}

/// May a Fargate profile run pods of one of these service accounts (`namespace/name`, with wildcards)? Unread selectors may.
fn runs(profile: Row<'_>, accounts: &BTreeSet<String>) -> bool {
    let Known(namespaces) = profile.list("namespaces") else { return true };
    let of = |account| str::split_once(account, '/').map_or("*", |(namespace, _)| namespace);
    accounts.iter().map(String::as_str).map(of).any(|own| own.contains(['*', '?']) || namespaces.iter().any(|pattern| glob(pattern, own)))
}

fn service_accounts<'w>(context: &Context<'w>, account: &str, clusters: &[Cluster<'w>], all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut issuers = Vec::new();
    for cluster in clusters {
        match cluster.row.text("oidc_issuer") {
            Known("") => {}
            Known(issuer) => issuers.push((issuer, cluster)),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    if issuers.is_empty() {
        return gaps;
    }
    let roles = context.world.all("iam_role", account, GLOBAL);
    gaps = merge(gaps, roles.gaps);
    for role in roles.rows {
        let policy = match role.json("assume_role_policy") {
            Known(policy) => policy,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        let statements = match &policy["Statement"] {
            Json::Array(all) => all.clone(),
            other => vec![other.clone()],
        };
        let (mut names, mut stands, mut unseen, mut home) = (BTreeSet::new(), Vec::new(), Vec::new(), None);
        for (issuer, cluster) in &issuers {
            let accounts: BTreeSet<String> = statements.iter().filter_map(|statement| subjects(statement, issuer)).flatten().collect();
            if !accounts.is_empty() {
                names.extend(accounts.iter().map(|account| format!("{}: {account}", cluster.row.key())));
                stands.extend(cluster.nodes.iter().copied());
                stands.extend(cluster.profiles.iter().filter(|profile| runs(**profile, &accounts)).copied());
                unseen = merge(unseen, cluster.gaps.clone());
                home = home.or(Some(cluster.row));
            }
        }
        if let Some(home) = home {
            let name = names.into_iter().collect::<Vec<_>>().join(", ");
            let own = Known(BTreeSet::from([role.key().to_owned()]));
            let workload = Workload { tags: role.tags(), ..pods(("AWS::IAM::Role", role.key()), name, own, home, (stands, unseen)) };
            all.push(workload.asked(context));
        }
    }
    gaps
}

/// Whether the subnets of nodes and profiles tell where the pods of a cluster stand: no pod is certain, and what the cluster's
/// add-ons show of another network or a mesh makes it unknown.
pub(super) fn pods_stand_by_nodes(context: &Context<'_>, account: &str, region: &str, cluster: &str) -> Observed<()> {
    let open = |why: String| Observed::gap(Gap::not_understood("eks_cluster", why));
    let row = match context.world.lookup("eks_cluster", account, region, cluster) {
        Lookup::Found(row) => row,
        Lookup::Absent => return open(format!("the cluster `{cluster}` is not in the list")),
        Lookup::Unknown(gaps) => return Unknown(gaps),
    };
    row.flag("auto_mode").zip(row.text("pod_network")).zip(row.list("addons")).and_then(|((auto, network), addons)| {
        let mesh = addons
            .iter()
            .find(|addon| MESHES.iter().any(|mesh| addon.to_ascii_lowercase().split(['_', '-', '/']).any(|word| word == *mesh) || addon.starts_with(mesh)));
        match (auto, network, mesh) {
            (true, ..) => open(format!("{cluster} is in Auto Mode: the subnets of its nodes are told inside the cluster alone")),
            (_, "custom", _) => {
                open(format!("the pods of {cluster} stand in subnets of their own (custom networking), which are told inside the cluster alone"))
            }
            (_, "unmanaged", _) => {
                open(format!("the network plug-in of {cluster} is no add-on of EKS, so whether its pods stand in subnets of their own cannot be seen"))
            }
            (.., Some(mesh)) => open(format!("the add-on {mesh} of {cluster} carries the calls of its pods through proxies of its own")),
            _ => Known(()),
        }
    })
}

/// Notebooks, domains, endpoints and jobs.
pub(super) fn sagemaker<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (table, resource_type) in [("sagemaker_notebook_instance", "AWS::SageMaker::NotebookInstance"), ("sagemaker_domain", "AWS::SageMaker::Domain")] {
        let found = context.world.all(table, account, region);
        gaps = merge(gaps, found.gaps);
        for row in found.rows {
            let arn = match row.text("arn") {
                Known(arn) => arn,
                Unknown(more) => {
                    gaps = merge(gaps, more);
                    continue;
                }
            };
            let workload = Workload {
                roles: roles_of(context, row),
                deployments: vec![Deployment { network: row, settings: None }],
                ..Workload::new("sagemaker", resource_type, arn, row.text("name").known().unwrap_or_default(), row)
            };
            all.push(workload.asked(context));
        }
    }
    gaps = merge(gaps, endpoints(context, account, region, all));
    merge(gaps, jobs(context, account, region, all))
}

/// The role of a notebook; of a domain also those of its spaces and profiles.
fn roles_of(context: &Context<'_>, row: Row<'_>) -> Observed<BTreeSet<String>> {
    let own = one(row.text("role_arn"));
    if row.table().name != "sagemaker_domain" {
        return own;
    }
    let profiles = context.world.children("sagemaker_user_profile", row.account(), row.region(), "domain_id", row.key());
    let hidden = if profiles.gaps.is_empty() { Known(BTreeSet::new()) } else { Unknown(profiles.gaps) };
    let spaces = one(row.text("space_role_arn"));
    union([own, spaces, hidden].into_iter().chain(profiles.rows.into_iter().map(|profile| one(profile.text("role_arn")))))
}

/// A workload whose containers are rows with settings of their own. Isolated ones call nobody.
fn contained<'w>(context: &Context<'w>, rows: Vec<Row<'w>>, workload: Workload<'w>) -> Workload<'w> {
    let isolated = Observed::all(rows.iter().map(|row| row.flag("enable_network_isolation")));
    let workload = Workload {
        roles: union(rows.iter().map(|row| one(row.text("role_arn")))),
        names_model: Observed::any(rows.iter().map(|row| row.flag("names_model"))),
        deployments: rows
            .into_iter()
            .filter(|row| !row.flag("enable_network_isolation").is_true())
            .map(|row| Deployment { network: row, settings: Some(row) })
            .collect(),
        ..workload
    };
    match isolated {
        Known(true) => workload,
        Known(false) => workload.asked(context),
        Unknown(gaps) => {
            let mut workload = workload.asked(context);
            // Isolated, it calls nothing.
            for family in std::mem::take(&mut workload.families.known) {
                workload.families.doubt(family, &gaps);
            }
            workload
        }
    }
}

fn endpoints<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let world = context.world;
    let found = world.all("sagemaker_endpoint", account, region);
    let mut gaps = found.gaps;
    for row in found.rows {
        let models = row.text("endpoint_config_name").and_then(|name| match world.lookup("sagemaker_endpoint_configuration", account, region, name) {
            Lookup::Found(config) => config.list("model_names").zip(config.flag("has_inference_components")),
            Lookup::Absent => Observed::gap(Gap::not_understood("sagemaker_endpoint_configuration", format!("the configuration `{name}` is not in the list"))),
            Lookup::Unknown(gaps) => Unknown(gaps),
        });
        let ((models, components), arn) = match models.zip(row.text("arn")) {
            Known(told) => told,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        let mut unseen = Vec::new();
        if components {
            let why = format!("a variant of {} takes its models from inference components, which are not read", row.key());
            unseen.push(Gap::not_understood("sagemaker_endpoint_configuration.has_inference_components", why));
        }
        let mut rows = Vec::new();
        for model in models {
            match world.lookup("sagemaker_model", account, region, &model) {
                Lookup::Found(found) => rows.push(found),
                Lookup::Absent => unseen = merge(unseen, vec![Gap::not_understood("sagemaker_model", format!("the model `{model}` is not in the list"))]),
                Lookup::Unknown(more) => unseen = merge(unseen, more),
            }
        }
        gaps = merge(gaps, unseen.clone());
        if !rows.is_empty() {
            let workload = Workload { deployment_gaps: unseen, ..Workload::new("sagemaker", "AWS::SageMaker::Endpoint", arn, row.key(), row) };
            all.push(contained(context, rows, workload));
        }
    }
    gaps
}

/// Jobs of one kind under one role are runs of one workload.
fn jobs<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let found = context.world.all("sagemaker_job", account, region);
    let mut gaps = found.gaps;
    let mut by: BTreeMap<(&str, &str), Vec<(Row<'w>, Row<'w>)>> = BTreeMap::new();
    for row in found.rows {
        // A transform job runs a model, with the model's role and network.
        let runs = row.text("model_name").and_then(|model| match context.world.lookup("sagemaker_model", account, region, model) {
            _ if model.is_empty() => Known(row),
            Lookup::Found(model) => Known(model),
            Lookup::Absent => Observed::gap(Gap::not_understood("sagemaker_model", format!("the model `{model}` is not in the list"))),
            Lookup::Unknown(gaps) => Unknown(gaps),
        });
        match row.text("kind").zip(runs).and_then(|(kind, runs)| runs.text("role_arn").map(|role| ((kind, role), (row, runs)))) {
            Known((key, job)) => by.entry(key).or_default().push(job),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    for ((kind, _), rows) in by {
        let first = rows[0].0;
        let resource_type = match kind {
            "training" => "AWS::SageMaker::TrainingJob",
            "transform" => "AWS::SageMaker::TransformJob",
            _ => "AWS::SageMaker::ProcessingJob",
        };
        let name = format!("{} and {} more {kind} jobs of its role", first.text("name").known().unwrap_or_default(), rows.len() - 1);
        let name = if rows.len() == 1 { first.text("name").known().unwrap_or_default().to_owned() } else { name };
        let rows = rows.into_iter().map(|(_, runs)| runs).collect();
        all.push(contained(context, rows, Workload::new("sagemaker", resource_type, first.key(), name, first)));
    }
    gaps
}

/// State machines run under roles; what they call is called by the service itself.
pub(super) fn state_machines<'w>(context: &Context<'w>, account: &str, region: &str, all: &mut Vec<Workload<'w>>) -> Vec<Gap> {
    let found = context.world.all("sfn_state_machine", account, region);
    all.extend(found.rows.into_iter().map(|row| Workload {
        roles: one(row.text("role_arn")),
        ..Workload::new("stepfunctions", "AWS::StepFunctions::StateMachine", row.key(), row.text("name").known().unwrap_or_default(), row)
    }));
    found.gaps
}
