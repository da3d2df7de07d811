//! Subjects: the way of each caller to each API family, and the endpoints that their VPCs need.

use super::callers::{Deployment, Workload};
use super::network::{self, Capture, Client, Egress, Hop, Way, WayVerdict};
use super::{Context, Sink};
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Lookup, Role, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::subject_columns;
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const CALLER: &[&str] = &[
    "lambda_function.list",
    "ecs_service.list",
    "ecs_task_definition.list",
    "iam_role.list",
    "iam_policy.list",
    "organization.list",
    "organizations_account.list",
    "organizations_account.path",
    "organizations_policy_target.list",
    "organizations_policy_target.content",
];
const WALK: &[&str] = &[
    "vpc.list",
    "vpc.dns_support",
    "vpc.dns_hostnames",
    "vpc.zones",
    "vpc_dhcp_options.list",
    "vpc_endpoint.list",
    "vpc_subnet.list",
    "vpc_security_group.list",
    "vpc_route_table.list",
    "vpc_nat_gateway.list",
    "vpc_block_public_access_options.list",
    "vpc_block_public_access_options.exclusions",
];
const TAGS: &[&str] = &["lambda_function.tags", "ecs_service.list"];

/// The way of one caller to one family.
pub const PATH: Table = Table {
    name: "bedrock_path",
    doc: "The way that the calls of one workload to one Bedrock API family take; the worst of its ways decides.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("workload_kind", "`lambda` or `ecs`.").by(CALLER),
        text("family", "API family, named after its endpoint service.").by(CALLER),
        text("host", "Host name that the SDK asks for.").by(CALLER),
        text("evidence_kind", "`configured` (a variable names a model) or `granted` (the role's policies name Bedrock).").by(CALLER),
        text("role_arn", "Role.").by(CALLER),
        text("path_verdict", "`public`, `public-possible`, `broken`, `private-bypassable`, `private-enforced`; worst first, unknown before broken.").by(WALK),
        flag("is_public", "Is the public endpoint the only way of some interface?").by(WALK),
        flag("may_be_public", "May some interface reach the public endpoint although an endpoint exists?").by(WALK),
        flag("is_private", "Is every way private?").by(WALK),
        flag("is_bypassable", "Is some private way open to a by-pass that nothing forbids?").by(WALK),
        flag("endpoint_exists", "Is there an endpoint for the family in the VPC?").by(WALK),
        flag("has_egress", "Has some interface a way out to public addresses?").by(WALK),
        json("ways", "Distinct ways: `[{subnets, verdict, reason, hops}]`.").by(WALK),
        text("reason", "What decides.").by(WALK),
    ],
    reads: &[],
    lists: CALLER,
};

/// An API family that a VPC's callers use.
pub const VPC_FAMILY: Table = Table {
    name: "bedrock_vpc_family",
    doc: "An API family that callers in a VPC use, and whether the VPC has an endpoint for it.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("family", "API family.").by(CALLER),
        text("vpc_id", "VPC.").by(CALLER),
        list("callers", "Workloads in the VPC that use it.").by(CALLER),
        flag("offered", "Does AWS offer the endpoint service in the Region?").by(&["vpc_endpoint_service.list"]),
        flag("endpoint_present", "Is there an interface endpoint, of the VPC or of a hub?").by(WALK),
        text("endpoint_id", "The endpoint.").absent("''").by(&["vpc_endpoint.list"]),
    ],
    reads: &[],
    lists: CALLER,
};

/// How the SDK of a deployment is set up.
fn client(region: &str, family: &str, deployment: &Deployment<'_>) -> Observed<Client> {
    let row = deployment.settings;
    row.text("bedrock_region").zip(row.text("bedrock_endpoint")).zip(row.flag("use_fips")).zip(row.flag("use_dualstack")).map(
        |(((own, endpoint), fips), dualstack)| Client {
            region: if own.is_empty() { region.to_owned() } else { own.to_owned() },
            // The variable is about the runtime; where it sends another family is not told.
            endpoint: if endpoint != "default" && family != "bedrock-runtime" { "other".to_owned() } else { endpoint.to_owned() },
            fips,
            dualstack,
        },
    )
}

/// Where a deployment's interfaces are.
struct Placement {
    vpc: String,
    subnets: Vec<String>,
    groups: Vec<String>,
}

/// Finds the interfaces of a deployment: `None` for the service's own network.
fn placement(workload: &Workload<'_>, deployment: &Deployment<'_>, context: &Context<'_>) -> Observed<Option<Placement>> {
    let row = deployment.network;
    if workload.kind == "lambda" {
        return row.text("capacity_provider_arn").and_then(|provider| {
            if !provider.is_empty() {
                return Observed::gap(Gap::not_understood("lambda_function.capacity_provider_arn", "the network of a capacity provider is not read"));
            }
            row.text("vpc_id").and_then(|vpc| {
                if vpc.is_empty() {
                    Known(None)
                } else {
                    row.list("subnet_ids").zip(row.list("security_group_ids")).map(|(subnets, groups)| Some(Placement { vpc: vpc.to_owned(), subnets, groups }))
                }
            })
        });
    }
    row.list("subnet_ids").zip(row.list("security_group_ids")).and_then(|(subnets, groups)| {
        let Some(first) = subnets.first() else {
            return Observed::gap(Gap::not_understood(
                "ecs_service.subnet_ids",
                "tasks in host or bridge mode use the network of their instance, which is not read",
            ));
        };
        match context.world.lookup("vpc_subnet", workload.account, workload.region, first) {
            Lookup::Found(subnet) => subnet.text("vpc_id").map(|vpc| Some(Placement { vpc: vpc.to_owned(), subnets, groups })),
            Lookup::Absent => {
                Observed::gap(Gap::not_understood("vpc_subnet", format!("the subnet `{first}` is not in the list; it may be shared by another account")))
            }
            Lookup::Unknown(gaps) => Unknown(gaps),
        }
    })
}

/// Does the role refuse calls that come by no endpoint?
fn enforced(context: &Context<'_>, workload: &Workload<'_>, family: &str) -> Observed<bool> {
    workload.roles.clone().and_then(|roles| {
        if roles.is_empty() {
            return Known(false);
        }
        Observed::all(roles.iter().map(|role| context.role_access(role).and_then(|access| access.only_by_endpoint(family))))
    })
}

fn unknown_way(hops: Vec<Hop>, gaps: Vec<Gap>, egress: Observed<bool>) -> Way {
    let reason = gaps.first().map_or_else(String::new, |gap| gap.detail.clone());
    Way { verdict: WayVerdict::Unknown, hops, reason: format!("it cannot be told: {reason}"), gaps, egress, captured: false, passes: false }
}

/// What hides the network of a VPC that another account owns: its endpoints and gateways are that account's.
fn shared(context: &Context<'_>, account: &str, region: &str, vpc: &str) -> Option<Vec<Gap>> {
    match context.world.lookup("vpc", account, region, vpc) {
        Lookup::Found(row) => match row.text("owner_id") {
            Known(owner) if owner == account => None,
            Known(owner) => Some(vec![Gap::not_understood(
                "vpc.owner_id",
                format!("{vpc} is shared by {owner}, whose endpoints and gateways decide; they are not followed"),
            )]),
            Unknown(gaps) => Some(gaps),
        },
        Lookup::Absent => None,
        Lookup::Unknown(gaps) => Some(gaps),
    }
}

/// The way from one subnet.
fn way(context: &Context<'_>, workload: &Workload<'_>, deployment: &Deployment<'_>, family: &str, client: &Client, placement: &Placement, subnet: &str) -> Way {
    let Placement { vpc, groups, .. } = placement;
    let (world, account, region) = (context.world, workload.account, workload.region);
    let host = network::host(family, client);
    let mut hops = vec![Hop::new("workload", &workload.arn, format!("in {vpc}")), Hop::new("subnet", subnet, "an interface of the workload stands in it")];
    if let Some(gaps) = shared(context, account, region, vpc) {
        return unknown_way(hops, gaps.clone(), Unknown(gaps));
    }
    // A Lambda interface never gets a public address; a task gets one when its service says so.
    let public_address = if workload.kind == "lambda" { Known(false) } else { deployment.network.flag("assign_public_ip") };
    let egress = network::egress(world, account, region, vpc, subnet, &public_address);
    let open = match &egress {
        Egress::Open(_) => Known(true),
        Egress::Closed(_) => Known(false),
        Egress::Unknown(gaps) => Unknown(gaps.clone()),
    };
    let (endpoint, why) = match network::capture(world, account, region, vpc, family, client) {
        Capture::Endpoint(endpoint, why) => (endpoint, why),
        Capture::Unknown(gaps) => {
            return match &egress {
                // Whatever the name resolves to, without a way out the call cannot leave publicly; whether it arrives is not known.
                Egress::Closed(_) | Egress::Open(_) => unknown_way(hops, gaps, open),
                Egress::Unknown(more) => unknown_way(hops, merge(gaps, more.clone()), open),
            };
        }
        Capture::Public(why) => {
            hops.insert(1, Hop::new("name", &host, format!("resolves to the public endpoint: {why}")));
            let candidates = network::endpoints_for(world, account, region, vpc, family);
            let hub = network::reaches_other_networks(world, account, region, vpc, subnet);
            return match (egress, hub) {
                (_, Unknown(gaps)) | (Egress::Unknown(gaps), _) => unknown_way(hops, gaps, open),
                (Egress::Open(_), Known(Some(target))) => unknown_way(
                    hops,
                    vec![Gap::not_understood(
                        "vpc_route_table.routes",
                        format!("the subnet reaches {target}; resolver rules or profiles may send the name to a hub's endpoint"),
                    )],
                    open,
                ),
                (Egress::Open(more), Known(None)) => {
                    let by = more.last().map_or_else(String::new, |hop| format!("{} {}", hop.kind.replace('-', " "), hop.id));
                    let by = more.iter().find(|hop| hop.kind == "nat-gateway").map_or(by, |hop| format!("NAT gateway {}", hop.id));
                    hops.extend(more);
                    hops.push(Hop::new("public-endpoint", &host, "public addresses of the service"));
                    let verdict = if candidates.rows.is_empty() { WayVerdict::Public } else { WayVerdict::PublicPossible };
                    Way { verdict, hops, reason: format!("through {by}: {why}"), gaps: Vec::new(), egress: open, captured: false, passes: false }
                }
                (Egress::Closed(closed), _) => {
                    let reason = format!("the call cannot leave: {closed}; and {why}");
                    Way { verdict: WayVerdict::Broken, hops, reason, gaps: Vec::new(), egress: open, captured: false, passes: false }
                }
            };
        }
    };
    hops.insert(1, Hop::new("name", &host, format!("resolves to the endpoint: {why}")));
    let state = endpoint.text("state");
    match state {
        Known(state) if state.eq_ignore_ascii_case("available") => hops.push(Hop::new("endpoint", endpoint.key(), "available")),
        Known(state) => {
            hops.push(Hop::new("endpoint", endpoint.key(), state));
            return Way {
                verdict: WayVerdict::Broken,
                hops,
                reason: format!("the endpoint {} is {state}", endpoint.key()),
                gaps: Vec::new(),
                egress: open,
                captured: false,
                passes: false,
            };
        }
        Unknown(gaps) => return Way { captured: true, ..unknown_way(hops, gaps, open) },
    }
    match network::admits(world, endpoint, groups, subnet) {
        Known((true, why)) => hops.push(Hop::new("security-group", groups.join(","), why)),
        Known((false, why)) => {
            hops.push(Hop::new("security-group", groups.join(","), &why));
            return Way {
                verdict: WayVerdict::Broken,
                hops,
                reason: format!("the endpoint {} captures the name and refuses the call: {why}", endpoint.key()),
                gaps: Vec::new(),
                egress: open,
                captured: false,
                passes: false,
            };
        }
        Unknown(gaps) => return Way { captured: true, ..unknown_way(hops, gaps, open) },
    }
    let private = |verdict, reason: String, hops| Way { verdict, hops, reason, gaps: Vec::new(), egress: open.clone(), captured: true, passes: true };
    let id = endpoint.key();
    match (egress, enforced(context, workload, family)) {
        (Egress::Closed(why), _) => private(WayVerdict::PrivateEnforced, format!("by {id}; {why}"), hops),
        (_, Known(true)) => private(WayVerdict::PrivateEnforced, format!("by {id}; the role's policies refuse calls outside an endpoint"), hops),
        (Egress::Open(more), Known(false)) => {
            let other = more.first().map_or_else(String::new, |hop| hop.because.clone());
            private(WayVerdict::PrivateBypassable, format!("by {id}; a way out remains ({other}), and no policy refuses calls outside an endpoint"), hops)
        }
        (Egress::Unknown(gaps), _) | (_, Unknown(gaps)) => {
            let mut way = unknown_way(hops, gaps, open.clone());
            way.captured = true;
            way.passes = true;
            way.reason = format!("by {id}; whether it can be by-passed cannot be told: {}", way.gaps.first().map_or("", |gap| &gap.detail));
            way
        }
    }
}

/// All ways of a workload to a family, with the subnets that share each.
fn ways(context: &Context<'_>, workload: &Workload<'_>, family: &str) -> Vec<(BTreeSet<String>, Way)> {
    let mut all: Vec<(BTreeSet<String>, Way)> = Vec::new();
    let mut add =
        |subnet: &str, way: Way| match all.iter_mut().find(|(_, known)| known.verdict == way.verdict && known.reason == way.reason && known.gaps == way.gaps) {
            Some((subnets, _)) => {
                subnets.insert(subnet.to_owned());
            }
            None => all.push((BTreeSet::from([subnet.to_owned()]), way)),
        };
    for deployment in &workload.deployments {
        let start = vec![Hop::new("workload", &workload.arn, deployment.network.key())];
        let client = match client(workload.region, family, deployment) {
            Known(client) => client,
            Unknown(gaps) => {
                // Outside a VPC the settings change the name, not the way.
                if let Known(None) = placement(workload, deployment, context) {
                    add("", service_network(workload, family, &format!("{family}.{}.amazonaws.com", workload.region)));
                } else {
                    add("", unknown_way(start, gaps.clone(), Unknown(gaps)));
                }
                continue;
            }
        };
        match placement(workload, deployment, context) {
            Known(None) => add("", service_network(workload, family, &network::host(family, &client))),
            Known(Some(placement)) => {
                for subnet in &placement.subnets {
                    add(subnet, way(context, workload, deployment, family, &client, &placement, subnet));
                }
            }
            Unknown(gaps) => add("", unknown_way(start, gaps.clone(), Unknown(gaps))),
        }
    }
    all.sort_by(|a, b| (a.1.verdict, &a.0).cmp(&(b.1.verdict, &b.0)));
    all
}

fn service_network(workload: &Workload<'_>, family: &str, host: &str) -> Way {
    Way {
        verdict: WayVerdict::Public,
        hops: vec![
            Hop::new("workload", &workload.arn, "it has no VPC configuration"),
            Hop::new("name", host, "resolves to the public endpoint"),
            Hop::new("service-network", "lambda", "a function without a VPC runs in the service's own network, where no endpoint of the account is"),
            Hop::new("public-endpoint", host, format!("public addresses of {family}")),
        ],
        reason: "from the service's own network: the function has no VPC configuration".to_owned(),
        gaps: Vec::new(),
        egress: Known(true),
        captured: false,
        passes: false,
    }
}

/// Does every way of a workload to a family certainly pass an endpoint?
pub(super) fn is_private(context: &Context<'_>, workload: &Workload<'_>, family: &str) -> Observed<bool> {
    !any_way(&ways(context, workload, family), |way| !way.passes, |way| !way.passes)
}

/// True when a way has the property; unknown when none has and some are unknown.
fn any_way(ways: &[(BTreeSet<String>, Way)], test: impl Fn(&Way) -> bool, undecided: impl Fn(&Way) -> bool) -> Observed<bool> {
    Observed::any(ways.iter().map(|(_, way)| if way.verdict == WayVerdict::Unknown && undecided(way) { Unknown(way.gaps.clone()) } else { Known(test(way)) }))
}

pub(super) fn derive_paths(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&PATH) {
        let callers = context.callers();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        for workload in callers.known(&account, &region) {
            for family in workload.families.iter().copied() {
                path_row(context, sink, workload, family);
            }
        }
    }
}

fn path_row(context: &Context<'_>, sink: &mut Sink<'_>, workload: &Workload<'_>, family: &str) {
    let ways = ways(context, workload, family);
    let shown: Vec<Json> = ways
        .iter()
        .map(|(subnets, way)| {
            json!({
                "subnets": subnets.iter().filter(|subnet| !subnet.is_empty()).collect::<Vec<_>>(), "verdict": way.verdict.as_str(), "reason": way.reason,
                "hops": way.hops.iter().map(|hop| hop.json(workload.account)).collect::<Vec<_>>(),
                "missing": way.gaps,
            })
        })
        .collect();
    let worst = ways.first().map(|(_, way)| way);
    let host =
        workload.deployments.first().and_then(|deployment| client(workload.region, family, deployment).known()).map(|client| network::host(family, &client));
    // A way that has no egress for certain is not public, whatever else is not known of it.
    // Nor is one whose name an endpoint captures: a refused call breaks, it never falls back.
    let could_leave = |way: &Way| !way.egress.is_false() && !way.captured;
    let is_public = any_way(&ways, |way| way.verdict == WayVerdict::Public, could_leave);
    let may_be_public = any_way(&ways, |way| way.verdict == WayVerdict::PublicPossible, could_leave);
    let bypassable = any_way(&ways, |way| way.verdict == WayVerdict::PrivateBypassable, |way| !way.egress.is_false());
    let is_private = !any_way(&ways, |way| !way.passes, |way| !way.passes);
    let endpoint_exists = Observed::any(workload.deployments.iter().map(|deployment| {
        placement(workload, deployment, context).and_then(|place| match place {
            None => Known(false),
            Some(Placement { vpc, .. }) => {
                let found = network::endpoints_for(context.world, workload.account, workload.region, &vpc, family);
                if !found.rows.is_empty() {
                    Known(true)
                } else if found.gaps.is_empty() {
                    Known(false)
                } else {
                    Unknown(found.gaps)
                }
            }
        })
    }));
    let has_egress = Observed::any(ways.iter().map(|(_, way)| way.egress.clone()));
    let verdict = match worst {
        Some(way) if way.verdict != WayVerdict::Unknown => Known(way.verdict.as_str().to_owned()),
        Some(way) => Unknown(way.gaps.clone()),
        None => Observed::gap(Gap::not_understood("bedrock_path", "the workload has no interface")),
    };
    let mut row = sink.row(workload.account, workload.region, &workload.arn, workload.resource_type());
    row.put("part", family).put("name", workload.name.as_str()).tagged(context, workload.account, workload.tags.clone());
    row.put("workload_kind", workload.kind)
        .put("family", family)
        .put("host", host)
        .set("evidence_kind", workload.names_model.clone().map(|named| if named { "configured" } else { "granted" }))
        .set("role_arn", workload.roles.clone().map(|roles| roles.into_iter().collect::<Vec<_>>().join(", ")))
        .set("path_verdict", verdict)
        .set("is_public", is_public)
        .set("may_be_public", may_be_public)
        .set("is_bypassable", bypassable)
        .set("is_private", is_private)
        .set("endpoint_exists", endpoint_exists)
        .set("has_egress", has_egress)
        .put("ways", Json::from(shown))
        .put("reason", worst.map_or_else(String::new, |way| way.reason.clone()));
    sink.push(row);
}

pub(super) fn derive_vpc_families(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&VPC_FAMILY) {
        let callers = context.callers();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        let mut needs: BTreeMap<(String, &str), BTreeSet<&str>> = BTreeMap::new();
        for workload in callers.known(&account, &region) {
            for deployment in &workload.deployments {
                match placement(workload, deployment, context) {
                    Known(Some(Placement { vpc, .. })) => {
                        for family in workload.families.iter().copied() {
                            needs.entry((vpc.clone(), family)).or_default().insert(&workload.arn);
                        }
                    }
                    Known(None) => {}
                    Unknown(gaps) => sink.hide(&account, &region, gaps),
                }
            }
        }
        for ((vpc, family), users) in needs {
            let world = context.world;
            let service = format!("com.amazonaws.{region}.{family}");
            let offered = match world.lookup("vpc_endpoint_service", &account, &region, &service) {
                Lookup::Found(_) => Known(true),
                Lookup::Absent => Known(false),
                Lookup::Unknown(gaps) => Unknown(gaps),
            };
            let own = network::endpoints_for(world, &account, &region, &vpc, family);
            let client = Client { region: region.clone(), endpoint: "default".to_owned(), fips: false, dualstack: false };
            let usable = own.rows.iter().any(|row| network::usable(*row, &service, &region).is_true());
            let present = if !usable {
                // A hub's endpoint counts when a private zone or resolver leads to it; that is not followed yet, so it is unknown.
                match network::capture(world, &account, &region, &vpc, family, &client) {
                    Capture::Endpoint(..) => Known(true),
                    Capture::Unknown(gaps) => Unknown(gaps),
                    Capture::Public(_) => Known(false),
                }
            } else {
                Known(true)
            };
            let id = match (own.rows.first(), own.gaps) {
                (Some(row), _) => Known(row.key().to_owned()),
                (None, gaps) if gaps.is_empty() => Known(String::new()),
                (None, gaps) => Unknown(gaps),
            };
            let partition = &world.run.partition;
            let mut row = sink.row(&account, &region, format!("arn:{partition}:ec2:{region}:{account}:vpc/{vpc}"), "AWS::EC2::VPC");
            let tags = world.lookup("vpc", &account, &region, &vpc).fact(|| Known(BTreeMap::new()), |row| row.tags());
            row.put("part", family).put("name", vpc.as_str()).tagged(context, &account, tags);
            row.put("family", family)
                .put("vpc_id", vpc.as_str())
                .put("callers", users.into_iter().map(str::to_owned).collect::<Vec<_>>())
                .set("offered", offered)
                .set("endpoint_present", present)
                .set("endpoint_id", id);
            sink.push(row);
        }
    }
}

/// The inputs that decide who is a caller, for other subjects.
pub(super) const CALLER_INPUTS: &[&str] = CALLER;
/// The inputs that decide over ways, for other subjects.
pub(super) const WALK_INPUTS: &[&str] = WALK;
/// The inputs of tags of workloads.
pub(super) const TAG_INPUTS: &[&str] = TAGS;
