//! Amazon EKS: node groups, and the service accounts that have a role, by EKS Pod Identity or by a trust policy (IRSA).

use super::Kind;
use super::interfaces::{Placement, inside};
use super::workload::{Deployment, Workload, one};
use crate::access::Principals;
use crate::inventory::{Inputs, Lookup, Row, World};
use crate::model::{GLOBAL, Gap, Observed, glob, merge};
use crate::services;
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// How workloads of the kind are found, and where they stand.
pub(super) const KIND: Kind = Kind {
    find,
    inputs: Inputs::All(&[
        services::eks::CLUSTER.list(),
        services::eks::CLUSTER.group("detail"),
        services::eks::NODEGROUP.list(),
        services::eks::NODEGROUP.group("detail"),
        services::eks::FARGATE_PROFILE.list(),
        services::eks::POD_IDENTITY.list(),
        services::eks::POD_IDENTITY.group("detail"),
        services::ec2::INSTANCE.list(),
        services::iam::ROLE.list(),
    ]),
    tables: &[
        "eks_cluster",
        "eks_node_group",
        "eks_fargate_profile",
        "eks_pod_identity_association",
    ],
    placement,
    public_address,
};

/// Add-ons of EKS whose names begin so carry the calls of pods through proxies of their own.
const MESHES: &[&str] = &[
    "appmesh", "istio", "linkerd", "kong", "consul", "solo-io", "tetrate", "buoyant", "cilium",
];

/// What runs the pods of a cluster.
struct Cluster<'w> {
    row: Row<'w>,
    nodes: Vec<Row<'w>>,
    profiles: Vec<Row<'w>>,
    /// What may hide more of them.
    gaps: Vec<Gap>,
}

/// Node groups, and the service accounts that have a role: by EKS Pod Identity, or by a trust policy (IRSA).
fn find<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let world = principals.world;
    let found = world.all("eks_cluster", account, region);
    let mut gaps = found.gaps;
    let mut clusters = Vec::new();
    for row in found.rows {
        let groups = world.children("eks_node_group", account, region, "cluster_name", row.key());
        let profiles = world.children(
            "eks_fargate_profile",
            account,
            region,
            "cluster_name",
            row.key(),
        );
        let instances = world.all("ec2_instance", account, region);
        let untagged = instances
            .rows
            .iter()
            .fold(instances.gaps, |gaps, instance| {
                merge(gaps, instance.tags().gaps().to_vec())
            });
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
                deployments: vec![Deployment {
                    network: *group,
                    settings: None,
                }],
                tags: group.tags(),
                ..Workload::new("eks", "AWS::EKS::Nodegroup", arn, group.key(), *group)
            };
            all.push(workload.asked(principals));
        }
        // Nodes that nobody manages carry the tag that Kubernetes knows them by.
        let own = format!("kubernetes.io/cluster/{}", row.key());
        let mut nodes = groups.rows;
        nodes.extend(instances.rows.into_iter().filter(|instance| {
            instance.tags().known().is_some_and(|tags| {
                tags.contains_key(&own) && !tags.contains_key("eks:nodegroup-name")
            })
        }));
        clusters.push(Cluster {
            row,
            nodes,
            profiles: profiles.rows,
            gaps: unseen,
        });
    }
    gaps = merge(
        gaps,
        identities(principals, account, region, &clusters, all),
    );
    gaps = merge(gaps, service_accounts(principals, account, &clusters, all));
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
    let deployments = stands
        .into_iter()
        .map(|network| Deployment {
            network,
            settings: None,
        })
        .collect();
    Workload {
        roles: role,
        deployments,
        deployment_gaps: unseen,
        ..Workload::new("eks", kind.0, kind.1, name, row)
    }
}

fn identities<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    clusters: &[Cluster<'w>],
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let found = principals
        .world
        .all("eks_pod_identity_association", account, region);
    let mut gaps = found.gaps;
    for row in found.rows {
        let told = row
            .text("cluster_name")
            .zip(row.text("namespace"))
            .zip(row.text("service_account"));
        let ((cluster, namespace), service_account) = match told {
            Known(told) => told,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        // Pods of Fargate cannot use it (Amazon EKS User Guide, "EKS Pod Identity restrictions").
        let nodes = clusters.iter().find(|known| known.row.key() == cluster);
        let (home, (stands, unseen)) = nodes.map_or((row, (Vec::new(), Vec::new())), |known| {
            (known.row, (known.nodes.clone(), known.gaps.clone()))
        });
        let name = format!("{cluster}: {namespace}/{service_account}");
        let workload = pods(
            ("AWS::EKS::PodIdentityAssociation", row.key()),
            name,
            one(row.text("role_arn")),
            home,
            (stands, unseen),
        );
        all.push(workload.asked(principals));
    }
    gaps
}

/// The service accounts that a statement lets assume the role by the tokens of an issuer, as patterns: `namespace/name`.
fn subjects(statement: &Json, issuer: &str) -> Option<BTreeSet<String>> {
    let texts = |value: &Json| -> Vec<String> {
        match value {
            Json::String(text) => vec![text.clone()],
            Json::Array(items) => items
                .iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        }
    };
    let federated = texts(&statement["Principal"]["Federated"]);
    let allows = statement["Effect"] == "Allow"
        && texts(&statement["Action"]).iter().any(|action| {
            glob(
                &action.to_ascii_lowercase(),
                "sts:assumerolewithwebidentity",
            )
        });
    if !allows
        || !federated
            .iter()
            .any(|provider| provider.ends_with(&format!(":oidc-provider/{issuer}")))
    {
        return None;
    }
    let mut named = BTreeSet::new();
    // What a negated condition leaves is not told by its values.
    let plain = |operator: &str| !operator.to_ascii_lowercase().contains("not");
    for (_, keys) in statement["Condition"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(operator, _)| plain(operator))
    {
        for (key, values) in keys.as_object().into_iter().flatten() {
            if key.eq_ignore_ascii_case(&format!("{issuer}:sub")) {
                named.extend(texts(values).iter().map(|value| {
                    value
                        .trim_start_matches("system:serviceaccount:")
                        .replace(':', "/")
                }));
            }
        }
    }
    Some(if named.is_empty() {
        BTreeSet::from(["any service account".to_owned()])
    } else {
        named
    })
}

/// May a Fargate profile run pods of one of these service accounts (`namespace/name`, with wildcards)? Unread selectors may.
fn runs(profile: Row<'_>, accounts: &BTreeSet<String>) -> bool {
    let Known(namespaces) = profile.list("namespaces") else {
        return true;
    };
    let of = |account| str::split_once(account, '/').map_or("*", |(namespace, _)| namespace);
    accounts
        .iter()
        .map(String::as_str)
        .map(of)
        .any(|own| own.contains(['*', '?']) || namespaces.iter().any(|pattern| glob(pattern, own)))
}

fn service_accounts<'w>(
    principals: &Principals<'w>,
    account: &str,
    clusters: &[Cluster<'w>],
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
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
    let roles = principals.world.all("iam_role", account, GLOBAL);
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
        let (mut names, mut stands, mut unseen, mut home) =
            (BTreeSet::new(), Vec::new(), Vec::new(), None);
        for (issuer, cluster) in &issuers {
            let accounts: BTreeSet<String> = statements
                .iter()
                .filter_map(|statement| subjects(statement, issuer))
                .flatten()
                .collect();
            if !accounts.is_empty() {
                names.extend(
                    accounts
                        .iter()
                        .map(|account| format!("{}: {account}", cluster.row.key())),
                );
                stands.extend(cluster.nodes.iter().copied());
                stands.extend(
                    cluster
                        .profiles
                        .iter()
                        .filter(|profile| runs(**profile, &accounts))
                        .copied(),
                );
                unseen = merge(unseen, cluster.gaps.clone());
                home = home.or(Some(cluster.row));
            }
        }
        if let Some(home) = home {
            let name = names.into_iter().collect::<Vec<_>>().join(", ");
            let own = Known(BTreeSet::from([role.key().to_owned()]));
            let workload = Workload {
                tags: role.tags(),
                ..pods(
                    ("AWS::IAM::Role", role.key()),
                    name,
                    own,
                    home,
                    (stands, unseen),
                )
            };
            all.push(workload.asked(principals));
        }
    }
    gaps
}

/// Whether the subnets of nodes and profiles tell where the pods of a cluster stand: no pod is certain, and what the cluster's
/// add-ons show of another network or a mesh makes it unknown.
fn pods_stand_by_nodes(world: &World, account: &str, region: &str, cluster: &str) -> Observed<()> {
    let open = |why: String| Observed::gap(Gap::not_understood("eks_cluster", why));
    let row = match world.lookup("eks_cluster", account, region, cluster) {
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

fn placement(world: &World, workload: &Workload<'_>, row: Row<'_>) -> Observed<Option<Placement>> {
    if !["eks_node_group", "eks_fargate_profile"].contains(&row.table().name) {
        let why = format!(
            "no node of {} is in sight, so where its pods stand could not be determined",
            workload.name
        );
        return Observed::gap(Gap::not_understood("eks_cluster", why));
    }
    row.text("cluster_name").and_then(|cluster| {
        pods_stand_by_nodes(world, row.account(), row.region(), cluster)
            .and_then(|()| node_groups(world, row, cluster))
            .and_then(|groups| inside(world, workload, row.list("subnet_ids"), Known(groups)))
    })
}

/// The security groups of nodes and pods: the cluster's own, unless a launch template says otherwise.
fn node_groups(world: &World, row: Row<'_>, cluster: &str) -> Observed<Vec<String>> {
    if row.table().name == "eks_node_group" {
        match row.text("launch_template") {
            Known("") => {}
            Known(template) => {
                return Observed::gap(Gap::not_understood(
                    "eks_node_group.launch_template",
                    format!("the security groups of the launch template {template} are not read"),
                ));
            }
            Unknown(gaps) => return Unknown(gaps),
        }
    }
    let found = world.lookup("eks_cluster", row.account(), row.region(), cluster);
    found.fact(
        || {
            Observed::gap(Gap::not_understood(
                "eks_cluster",
                format!("the cluster `{cluster}` is not in the list"),
            ))
        },
        |cluster| {
            cluster
                .text("security_group_id")
                .and_then(|group| match group {
                    "" => Observed::gap(Gap::not_understood(
                        "eks_cluster.security_group_id",
                        format!("{} tells no cluster security group", cluster.key()),
                    )),
                    group => Known(vec![group.to_owned()]),
                })
        },
    )
}

fn public_address(world: &World, row: Row<'_>) -> Observed<bool> {
    // Interfaces of Fargate profiles never get a public address.
    if row.table().name != "eks_node_group" {
        return Known(false);
    }
    // Without a launch template of their own nodes get what their subnets give.
    row.text("launch_template")
        .zip(row.list("subnet_ids"))
        .and_then(|(template, subnets)| {
            if !template.is_empty() {
                let why = format!("the addresses of the launch template {template} are not read");
                return Observed::gap(Gap::not_understood("eks_node_group.launch_template", why));
            }
            Observed::any(subnets.iter().map(|subnet| {
                let found = world.lookup("vpc_subnet", row.account(), row.region(), subnet);
                found.fact(
                    || {
                        Observed::gap(Gap::not_understood(
                            "vpc_subnet",
                            format!("the subnet `{subnet}` is not in the list"),
                        ))
                    },
                    |subnet| subnet.flag("map_public_ip_on_launch"),
                )
            }))
        })
}
