//! The path of a call: from one subnet of a workload to one API family, hop by hop.
//!
//! `Paths` is the engine: it keeps what many workloads share, and borrows [`Principals`] for what their roles may do.

pub(crate) mod arrival;
mod carried;
mod egress;
pub(crate) mod endpoint;
pub mod invoke;

use crate::access::Principals;
use crate::access::families::actions_of;
use crate::inventory::{Inputs, Row, World};
use crate::model::{Gap, Observed, merge};
use crate::network::{self, Capture, Client, Hop, Spot, Way, WayVerdict};
use crate::services;
use crate::workloads::interfaces::{Placement, ipv6_address, placement, public_address};
use crate::workloads::{Deployment, Workload};
use Observed::{Known, Unknown};
use arrival::{Admission, Arrival, admitted, arrive};
use egress::Egress;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::rc::Rc;

/// What decides where a call goes.
pub(crate) const INPUTS: Inputs = Inputs::All(&[
    services::eks::CLUSTER.group("addons"),
    services::eks::FARGATE_PROFILE.group("detail"),
    services::vpc::VPC.list(),
    services::vpc::VPC.group("dns_support"),
    services::vpc::VPC.group("dns_hostnames"),
    services::vpc::VPC.group("zones"),
    services::vpc::DHCP_OPTIONS.list(),
    services::vpc_endpoint::ENDPOINT.list(),
    services::vpc::SUBNET.list(),
    services::vpc::SECURITY_GROUP.list(),
    services::vpc_filter::NETWORK_ACL.list(),
    services::vpc::ROUTE_TABLE.list(),
    services::vpc::NAT_GATEWAY.list(),
    services::transit::PEERING.list(),
    services::vpc_filter::PREFIX_LIST.list(),
    services::vpc_filter::PREFIX_LIST.group("entries"),
    services::vpc_filter::NETWORK_INTERFACE.list(),
    services::transit::ATTACHMENT.list(),
    services::transit::ATTACHMENT.group("subnets"),
    services::transit::ROUTE_TABLE.list(),
    services::transit::ROUTE_TABLE.group("routes"),
    services::resolver::PRIVATE_ZONE.list(),
    services::resolver::PRIVATE_ZONE.group("records"),
    services::resolver::RULE.list(),
    services::resolver::RULE_ASSOCIATION.list(),
    services::resolver::PROFILE_ASSOCIATION.list(),
    services::resolver::PROFILE_ASSOCIATION.group("resources"),
    services::resolver::FIREWALL_ASSOCIATION.list(),
    services::resolver::FIREWALL_RULE_GROUP.list(),
    services::resolver::FIREWALL_RULE_GROUP.group("rules"),
    services::bedrock::PROBE.list(),
    services::vpc::BLOCK_PUBLIC_ACCESS.list(),
    services::vpc::BLOCK_PUBLIC_ACCESS.group("exclusions"),
]);

/// What is known already, by what it was asked of.
type Answers<K, V> = RefCell<HashMap<K, V>>;
/// A subnet, the account that uses it, its security groups, and what else the answer rests on.
type Leaving = (Spot, String, Vec<String>, String);

/// Answers that many workloads share.
pub(crate) struct Paths<'w> {
    world: &'w World,
    principals: Rc<Principals<'w>>,
    egress: Answers<Leaving, Egress>,
    arrivals: Answers<Leaving, Observed<Arrival>>,
    /// By role, endpoint and family.
    admissions: Answers<(String, String, String), Observed<Admission>>,
    /// By role and family.
    enforced: Answers<(String, String), Observed<bool>>,
}

impl<'w> Paths<'w> {
    /// Nothing known yet.
    pub fn new(principals: Rc<Principals<'w>>) -> Self {
        Self {
            world: principals.world,
            principals,
            egress: Answers::default(),
            arrivals: Answers::default(),
            admissions: Answers::default(),
            enforced: Answers::default(),
        }
    }
}

/// What is known already, or is found out and kept.
fn remembered<K: Eq + Hash, V: Clone>(memo: &Answers<K, V>, key: K, find: impl FnOnce() -> V) -> V {
    if let Some(known) = memo.borrow().get(&key) {
        return known.clone();
    }
    let found = find();
    memo.borrow_mut().insert(key, found.clone());
    found
}

/// How the SDK of a deployment is set up.
pub(crate) fn client(region: &str, family: &str, deployment: &Deployment<'_>) -> Observed<Client> {
    // Where nothing can be seen of the client it is taken for the SDK's default.
    let Some(row) = deployment.settings else {
        return Known(Client {
            region: region.to_owned(),
            endpoint: "default".to_owned(),
            fips: false,
            dualstack: false,
        });
    };
    row.text("bedrock_region")
        .zip(row.text("bedrock_endpoint"))
        .zip(row.flag("use_fips"))
        .zip(row.flag("use_dualstack"))
        .map(|(((own, endpoint), fips), dualstack)| Client {
            region: if own.is_empty() {
                region.to_owned()
            } else {
                own.to_owned()
            },
            // The variable is about the runtime; where it sends another family is not told.
            endpoint: if endpoint != "default" && family != "bedrock-runtime" {
                "other".to_owned()
            } else {
                endpoint.to_owned()
            },
            fips,
            dualstack,
        })
}

/// Does the role refuse calls that come by no endpoint?
fn enforced(paths: &Paths<'_>, workload: &Workload<'_>, family: &str) -> Observed<bool> {
    workload.roles.clone().and_then(|roles| {
        if roles.is_empty() {
            return Known(false);
        }
        Observed::all(roles.iter().map(|role| {
            remembered(&paths.enforced, (role.clone(), family.to_owned()), || {
                paths
                    .principals
                    .role(role)
                    .and_then(|access| access.only_by_endpoint(family))
            })
        }))
    })
}

fn unknown_way(hops: Vec<Hop>, gaps: Vec<Gap>, egress: Observed<bool>) -> Way {
    let reason = gaps
        .first()
        .map_or_else(String::new, |gap| gap.detail.clone());
    Way {
        verdict: WayVerdict::Unknown,
        hops,
        reason: format!("it could not be determined: {reason}"),
        gaps,
        egress,
        captured: false,
        passes: false,
    }
}

/// A way that ends before it arrives.
fn broken(hops: Vec<Hop>, reason: String, egress: Observed<bool>) -> Way {
    Way {
        verdict: WayVerdict::Broken,
        hops,
        reason,
        gaps: Vec::new(),
        egress,
        captured: false,
        passes: false,
    }
}

/// The way from one subnet.
fn way(
    paths: &Paths<'_>,
    workload: &Workload<'_>,
    deployment: &Deployment<'_>,
    family: &str,
    client: &Client,
    placement: &Placement,
    subnet: &str,
) -> Way {
    let Placement { vpc, groups, .. } = placement;
    let host = network::host(family, client);
    let mut hops = vec![
        Hop::new("workload", &workload.arn, format!("in {vpc}")),
        Hop::new(
            "subnet",
            subnet,
            "an interface of the workload stands in it",
        ),
    ];
    let from = match Spot::find(paths.world, workload.account, workload.region, vpc, subnet) {
        Known(spot) => spot,
        Unknown(gaps) => return unknown_way(hops, gaps.clone(), Unknown(gaps)),
    };
    let public_address = public_address(paths.world, deployment);
    // Only names that have IPv6 addresses can be reached so.
    let six = if client.dualstack || family == "bedrock-mantle" {
        ipv6_address(paths.world, deployment, &from)
    } else {
        Known(false)
    };
    let egress = Egress::find(
        paths,
        workload.account,
        &from,
        groups,
        &public_address,
        &six,
    );
    match network::capture(paths.world, &from, family, client) {
        Capture::Endpoint(endpoint, why) => {
            hops.insert(
                1,
                Hop::new("name", &host, format!("resolves to the endpoint: {why}")),
            );
            by_endpoint(
                paths, workload, family, &from, groups, endpoint, hops, egress,
            )
        }
        // Whatever the name resolves to, without a way out the call cannot leave publicly; whether it arrives is not known.
        Capture::Unknown(gaps) => match &egress {
            Egress::Unknown(more) => unknown_way(hops, merge(gaps, more.clone()), egress.open()),
            _ => unknown_way(hops, gaps, egress.open()),
        },
        Capture::Blocked(why) => {
            hops.insert(
                1,
                Hop::new("name", &host, format!("does not resolve: {why}")),
            );
            broken(hops, why, egress.open())
        }
        Capture::Public(why) => {
            hops.insert(
                1,
                Hop::new(
                    "name",
                    &host,
                    format!("resolves to the public endpoint: {why}"),
                ),
            );
            let open = egress.open();
            match egress {
                Egress::Unknown(gaps) => unknown_way(hops, gaps, open),
                Egress::Closed(closed) => broken(
                    hops,
                    format!("the call cannot leave: {closed}; and {why}"),
                    open,
                ),
                Egress::Open(more) => {
                    let by = more
                        .iter()
                        .find(|hop| hop.kind == "nat-gateway")
                        .or(more.last());
                    let by = by.map_or_else(String::new, |hop| {
                        format!(
                            "{} {}",
                            hop.kind.replace('-', " ").replace("nat", "NAT"),
                            hop.id
                        )
                    });
                    hops.extend(more);
                    hops.push(Hop::new(
                        "public-endpoint",
                        &host,
                        "public addresses of the service",
                    ));
                    let own = network::endpoints_for(
                        paths.world,
                        &from.account,
                        &from.region,
                        vpc,
                        family,
                    );
                    let verdict = if own.rows.is_empty() {
                        WayVerdict::Public
                    } else {
                        WayVerdict::PublicPossible
                    };
                    Way {
                        verdict,
                        hops,
                        reason: format!("through {by}: {why}"),
                        gaps: Vec::new(),
                        egress: open,
                        captured: false,
                        passes: false,
                    }
                }
            }
        }
    }
}

/// A name that an endpoint captures: state, routes there and back, filters, policy, and what remains beside it.
#[expect(
    clippy::too_many_arguments,
    reason = "the facts of one way, each used once"
)]
fn by_endpoint(
    paths: &Paths<'_>,
    workload: &Workload<'_>,
    family: &str,
    from: &Spot,
    groups: &[String],
    endpoint: Row<'_>,
    mut hops: Vec<Hop>,
    egress: Egress,
) -> Way {
    let open = egress.open();
    let id = endpoint.key();
    match endpoint.text("state") {
        Known(state) if state.eq_ignore_ascii_case("available") => {}
        Known(state) => {
            hops.push(Hop::new("endpoint", id, state).of(endpoint.account()));
            return broken(hops, format!("the endpoint {id} is {state}"), open);
        }
        Unknown(gaps) => {
            return Way {
                captured: true,
                ..unknown_way(hops, gaps, open)
            };
        }
    }
    let refused = |hops, why: &str, open| {
        broken(
            hops,
            format!("the endpoint {id} captures the name and refuses the call: {why}"),
            open,
        )
    };
    let key = (
        from.clone(),
        workload.account.to_owned(),
        groups.to_vec(),
        format!("{} {}", endpoint.account(), id),
    );
    match remembered(&paths.arrivals, key, || {
        arrive(paths, workload.account, from, groups, endpoint)
    }) {
        Known(Ok(more)) => hops.extend(more),
        Known(Err((more, why))) => {
            hops.extend(more);
            return refused(hops, &why, open);
        }
        Unknown(gaps) => {
            return Way {
                captured: true,
                ..unknown_way(hops, gaps, open)
            };
        }
    }
    hops.push(Hop::new("endpoint", id, "available").of(endpoint.account()));
    match workload
        .roles
        .clone()
        .and_then(|roles| admitted(paths, &roles, family, &actions_of(family), endpoint))
    {
        Known(Ok(why)) => {
            hops.extend(why.map(|why| Hop::new("endpoint-policy", id, why).of(endpoint.account())))
        }
        Known(Err(why)) => {
            hops.push(Hop::new("endpoint-policy", id, &why).of(endpoint.account()));
            return refused(hops, &why, open);
        }
        Unknown(gaps) => {
            return Way {
                captured: true,
                ..unknown_way(hops, gaps, open)
            };
        }
    }
    let private = |verdict, reason: String, hops| Way {
        verdict,
        hops,
        reason,
        gaps: Vec::new(),
        egress: open.clone(),
        captured: true,
        passes: true,
    };
    match (egress, enforced(paths, workload, family)) {
        (Egress::Closed(why), _) => {
            private(WayVerdict::PrivateEnforced, format!("by {id}; {why}"), hops)
        }
        (_, Known(true)) => private(
            WayVerdict::PrivateEnforced,
            format!("by {id}; the role's policies refuse calls outside an endpoint"),
            hops,
        ),
        (Egress::Open(more), Known(false)) => {
            let other = more
                .first()
                .map_or_else(String::new, |hop| hop.because.clone());
            private(
                WayVerdict::PrivateBypassable,
                format!(
                    "by {id}; a way out remains ({other}), and no policy refuses calls outside an endpoint"
                ),
                hops,
            )
        }
        (Egress::Unknown(gaps), _) | (_, Unknown(gaps)) => {
            let mut way = unknown_way(hops, gaps, open.clone());
            way.captured = true;
            way.passes = true;
            way.reason = format!(
                "by {id}; whether it can be by-passed could not be determined: {}",
                way.gaps.first().map_or("", |gap| &gap.detail)
            );
            way
        }
    }
}

/// All ways of a workload to a family, with the subnets that share each.
pub(crate) fn ways(
    paths: &Paths<'_>,
    workload: &Workload<'_>,
    family: &str,
) -> Vec<(BTreeSet<String>, Way)> {
    let mut all: Vec<(BTreeSet<String>, Way)> = Vec::new();
    let mut add = |subnet: &str, way: Way| match all.iter_mut().find(|(_, known)| {
        known.verdict == way.verdict && known.reason == way.reason && known.gaps == way.gaps
    }) {
        Some((subnets, _)) => {
            subnets.insert(subnet.to_owned());
        }
        None => all.push((BTreeSet::from([subnet.to_owned()]), way)),
    };
    for deployment in &workload.deployments {
        let start = vec![Hop::new(
            "workload",
            &workload.arn,
            deployment.network.key(),
        )];
        let client = match client(workload.region, family, deployment) {
            Known(client) => client,
            Unknown(gaps) => {
                // Outside a VPC the settings change the name, not the way.
                if let Known(None) = placement(workload, deployment, paths.world) {
                    add(
                        "",
                        service_network(
                            workload,
                            family,
                            &format!("{family}.{}.amazonaws.com", workload.region),
                        ),
                    );
                } else {
                    add("", unknown_way(start, gaps.clone(), Unknown(gaps)));
                }
                continue;
            }
        };
        match placement(workload, deployment, paths.world) {
            Known(None) => add(
                "",
                service_network(workload, family, &network::host(family, &client)),
            ),
            Known(Some(placement)) if placement.subnets.is_empty() => {
                let gaps = vec![Gap::not_understood(
                    "subnet_ids",
                    format!(
                        "{} is in {}, and no subnet of it is named",
                        workload.arn, placement.vpc
                    ),
                )];
                add("", unknown_way(start, gaps.clone(), Unknown(gaps)));
            }
            Known(Some(placement)) => {
                for subnet in &placement.subnets {
                    add(
                        subnet,
                        way(
                            paths, workload, deployment, family, &client, &placement, subnet,
                        ),
                    );
                }
            }
            Unknown(gaps) => add("", unknown_way(start, gaps.clone(), Unknown(gaps))),
        }
    }
    if !workload.deployment_gaps.is_empty() {
        let start = vec![Hop::new(
            "workload",
            &workload.arn,
            "not everything that it runs on was seen",
        )];
        add(
            "",
            unknown_way(
                start,
                workload.deployment_gaps.clone(),
                Unknown(workload.deployment_gaps.clone()),
            ),
        );
    }
    undecided(workload, &mut all);
    all.sort_by(|a, b| (a.1.verdict, &a.0).cmp(&(b.1.verdict, &b.0)));
    all
}

/// On which of the nodes and profiles of a cluster a pod runs is told inside the cluster alone: where they disagree, nothing is certain.
fn undecided(workload: &Workload<'_>, all: &mut [(BTreeSet<String>, Way)]) {
    let pods = workload.kind == "eks" && workload.resource_type != "AWS::EKS::Nodegroup";
    if !pods
        || all
            .windows(2)
            .all(|pair| pair[0].1.verdict == pair[1].1.verdict)
    {
        return;
    }
    for (_, way) in all {
        let why = format!(
            "on which nodes or profiles the pods run is not told, and not all lead the same way; from here: {}",
            way.reason
        );
        *way = unknown_way(
            std::mem::take(&mut way.hops),
            vec![Gap::not_understood("eks_cluster", why)],
            way.egress.clone(),
        );
    }
}

fn service_network(workload: &Workload<'_>, family: &str, host: &str) -> Way {
    let (service, why, reason) = match workload.kind {
        "agentcore" => (
            "bedrock-agentcore",
            "a runtime in the network mode PUBLIC runs in the service's own network",
            "the runtime's network mode is PUBLIC",
        ),
        "ec2" => (
            "ec2",
            "an instance without a VPC",
            "the instance has no VPC",
        ),
        "sagemaker" => (
            "sagemaker",
            "what has direct internet access or no VPC configuration calls from the service's own network",
            "SageMaker gives it a way out of its own",
        ),
        _ => (
            "lambda",
            "a function without a VPC runs in the service's own network, where no endpoint of the account is",
            "the function has no VPC configuration",
        ),
    };
    Way {
        verdict: WayVerdict::Public,
        hops: vec![
            Hop::new("workload", &workload.arn, "it has no VPC configuration"),
            Hop::new("name", host, "resolves to the public endpoint"),
            Hop::new("service-network", service, why),
            Hop::new(
                "public-endpoint",
                host,
                format!("public addresses of {family}"),
            ),
        ],
        reason: format!("from the service's own network: {reason}"),
        gaps: Vec::new(),
        egress: Known(true),
        captured: false,
        passes: false,
    }
}
