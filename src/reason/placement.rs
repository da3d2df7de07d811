//! Subjects: where callers stand, and what else their VPCs must reach.

use super::callers::Workload;
use super::interfaces::{Placement, placement, public_address};
use super::network::{self, Capture, Client, Reach, Spot, Target};
use super::{Context, Sink, paths};
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Children, Role, Row, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::subject_columns;
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

/// Callers in their subnets.
pub const WORKLOAD_PLACEMENT: Table = Table {
    name: "workload_placement",
    doc: "A Bedrock caller and the subnets that it stands in.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("workload_kind", "`lambda`, `ecs`, `ec2`, `eks`, `sagemaker` or `agentcore`.").by(paths::CALLER_INPUTS),
        flag("in_vpc", "Has it interfaces in a VPC? Without one it runs in the service's own network.").by(paths::WALK_INPUTS),
        flag("in_public_subnet", "Does the route table of one of its subnets lead to an internet gateway?").by(paths::WALK_INPUTS),
        flag("public_address", "Does an interface get a public address?").by(paths::WALK_INPUTS),
        list("public_subnets", "Those subnets.").by(paths::WALK_INPUTS),
        text("reason", "What decides.").by(paths::WALK_INPUTS),
    ],
    reads: &[],
    lists: paths::CALLER_INPUTS,
};

/// Other services that callers of a VPC use.
pub const VPC_DEPENDENCY: Table = Table {
    name: "vpc_dependency",
    doc: "A service other than Bedrock that the roles of a VPC's Bedrock callers name, and whether the VPC has an endpoint for it: of S3, DynamoDB, Secrets Manager, KMS, STS, Logs, SQS, SNS, EventBridge, SSM, Lambda and ECR.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("service", "Endpoint service, such as `s3`.").by(paths::CALLER_INPUTS),
        text("vpc_id", "VPC.").by(paths::CALLER_INPUTS),
        list("callers", "Callers whose roles name an action of it.").by(paths::CALLER_INPUTS),
        flag("endpoint_present", "Does an endpoint take its calls from every subnet of these callers?").by(paths::WALK_INPUTS),
        list("uncovered_subnets", "Subnets whose calls no endpoint takes.").by(paths::WALK_INPUTS),
        flag("has_egress", "Do routes lead to public addresses from one of these subnets?").by(paths::WALK_INPUTS),
        text("reason", "What decides.").by(paths::WALK_INPUTS),
    ],
    reads: &[],
    lists: paths::CALLER_INPUTS,
};

/// Every subnet of a workload with its place, deployment by deployment; `None` where it has none of its own.
fn spots(context: &Context<'_>, workload: &Workload<'_>) -> Observed<Option<BTreeMap<String, Spot>>> {
    let mut all = BTreeMap::new();
    let mut inside = false;
    for deployment in &workload.deployments {
        match placement(workload, deployment, context) {
            Known(None) => {}
            Known(Some(Placement { vpc, subnets, .. })) => {
                inside = true;
                for subnet in subnets {
                    match Spot::find(context.world, workload.account, workload.region, &vpc, &subnet) {
                        Known(spot) => drop(all.insert(subnet, spot)),
                        Unknown(gaps) => return Unknown(gaps),
                    }
                }
            }
            Unknown(gaps) => return Unknown(gaps),
        }
        // An instance can have more interfaces than its first.
        if deployment.network.table().name == "ec2_instance" {
            let more = interfaces(context, deployment.network);
            if !more.gaps.is_empty() {
                return Unknown(more.gaps);
            }
            for row in more.rows {
                match row
                    .text("vpc_id")
                    .zip(row.text("subnet_id"))
                    .and_then(|(vpc, subnet)| Spot::find(context.world, workload.account, workload.region, vpc, subnet))
                {
                    Known(spot) => drop(all.insert(spot.subnet.clone(), spot)),
                    Unknown(gaps) => return Unknown(gaps),
                }
            }
        }
    }
    Known(inside.then_some(all))
}

/// The interfaces of an instance.
fn interfaces<'c>(context: &'c Context<'_>, instance: Row<'_>) -> Children<'c> {
    context.world.children("ec2_network_interface", instance.account(), instance.region(), "instance_id", instance.key())
}

pub(super) fn derive_placements(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&WORKLOAD_PLACEMENT) {
        let callers = context.callers();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        for workload in callers.known(&account, &region) {
            placed(context, sink, workload);
        }
    }
}

fn placed(context: &Context<'_>, sink: &mut Sink<'_>, workload: &Workload<'_>) {
    let found = spots(context, workload);
    let inside = found.clone().map(|found| found.is_some());
    let public: Observed<Vec<(String, String)>> = found.clone().and_then(|found| {
        let mut public = Vec::new();
        let mut gaps = Vec::new();
        for (subnet, spot) in found.unwrap_or_default() {
            match network::internet_route(context.world, &spot) {
                Known(Some((table, gateway))) => public.push((subnet.clone(), format!("{table} of {subnet} leads to {gateway}"))),
                Known(None) => {}
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        // One is enough to know that it stands in one; which others do is not known then.
        if public.is_empty() && !gaps.is_empty() { Unknown(gaps) } else { Known(public) }
    });
    let address = Observed::any(workload.deployments.iter().map(|deployment| match placement(workload, deployment, context) {
        Known(None) => Known(false),
        Known(Some(_)) if deployment.network.table().name == "ec2_instance" => {
            let more = interfaces(context, deployment.network);
            let any = Observed::any(more.rows.iter().map(|row| row.text("public_ip").map(|address| !address.is_empty())));
            let any = if more.gaps.is_empty() { any } else { any.or(Unknown(more.gaps)) };
            public_address(context, workload, deployment).or(any)
        }
        Known(Some(_)) => public_address(context, workload, deployment),
        Unknown(gaps) => Unknown(gaps),
    }));
    let reason = public.clone().zip(address.clone()).map(|(public, address)| {
        let mut said: Vec<String> = public.into_iter().map(|(_, why)| why).collect();
        said.push(match (address, workload.kind, said.is_empty()) {
            (true, ..) => "an interface gets a public address".to_owned(),
            (false, "lambda", false) => "its interfaces get no public IPv4 address, so it is misplaced and, by IPv4, not exposed".to_owned(),
            (false, ..) => "no interface gets a public IPv4 address".to_owned(),
        });
        said.join("; ")
    });
    let mut row = sink.row(workload.account, workload.region, &workload.arn, workload.resource_type);
    row.put("name", workload.name.as_str()).tagged(context, workload.account, workload.tags.clone());
    row.put("workload_kind", workload.kind)
        .set("in_vpc", inside)
        .set("in_public_subnet", public.clone().map(|public| !public.is_empty()))
        .set("public_address", address)
        .set("public_subnets", public.map(|public| public.into_iter().map(|(subnet, _)| subnet).collect::<Vec<_>>()))
        .set("reason", reason);
    sink.push(row);
}

/// Which services the code of a workload, or what starts it, calls from its own interfaces; and what may hide more.
fn services(context: &Context<'_>, workload: &Workload<'_>) -> (BTreeSet<&'static str>, Vec<Gap>) {
    let of = |roles: &Observed<BTreeSet<String>>| {
        let (mut all, mut gaps) = (BTreeSet::new(), roles.gaps().to_vec());
        for role in roles.as_ref().known().into_iter().flatten() {
            match context.role_access(role) {
                Known(access) => {
                    let (more, hidden) = access.dependencies();
                    all.extend(more);
                    gaps = merge(gaps, hidden);
                }
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        (all, gaps)
    };
    // The logs of a function, and the images of functions and runtimes, do not pass the VPC: the service itself carries them.
    let carried = |service: &&str| !matches!(*service, "logs" | "ecr.api" | "ecr.dkr");
    let (mut all, mut gaps) = of(&workload.roles);
    match workload.kind {
        "lambda" | "agentcore" => all.retain(carried),
        "ecs" => {
            let (more, hidden) = of(&workload.execution_roles);
            all.extend(more);
            gaps = merge(gaps, hidden);
            // Layers of images come from S3 (Amazon ECR User Guide, "Create the Amazon S3 gateway endpoint").
            if all.contains("ecr.dkr") {
                all.insert("s3");
            }
        }
        _ => {}
    }
    (all, gaps)
}

type Users = (BTreeSet<String>, BTreeMap<String, Spot>);

pub(super) fn derive_dependencies(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&VPC_DEPENDENCY) {
        let callers = context.callers();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        let mut needs: BTreeMap<(String, &'static str), Users> = BTreeMap::new();
        for workload in callers.known(&account, &region) {
            match spots(context, workload) {
                Known(Some(spots)) => {
                    let (services, gaps) = services(context, workload);
                    sink.hide(&account, &region, gaps);
                    for (service, (subnet, spot)) in services.iter().flat_map(|service| spots.iter().map(move |spot| (*service, spot))) {
                        let (users, places) = needs.entry((spot.vpc.clone(), service)).or_default();
                        users.insert(workload.arn.clone());
                        places.insert(subnet.clone(), spot.clone());
                    }
                }
                Known(None) => {}
                Unknown(gaps) => sink.hide(&account, &region, gaps),
            }
        }
        for ((vpc, service), users) in needs {
            dependency(context, sink, (&account, &region), &vpc, service, users);
        }
    }
}

/// Does a gateway endpoint take the calls from this subnet: is it associated with its route table?
fn by_gateway(context: &Context<'_>, spot: &Spot, service: &str) -> Observed<bool> {
    let found = network::endpoints_for(context.world, &spot.account, &spot.region, &spot.vpc, service);
    let table = network::table_id(context.world, spot);
    let any = Observed::any(found.rows.iter().map(|row| {
        let open = row
            .text("vpc_endpoint_type")
            .map(|kind| kind.eq_ignore_ascii_case("gateway"))
            .and(row.text("state").map(|state| state.eq_ignore_ascii_case("available")));
        if open.is_false() { Known(false) } else { open.and(row.list("route_table_ids").zip(table.clone()).map(|(tables, own)| tables.contains(&own))) }
    }));
    if found.gaps.is_empty() { any } else { any.or(Unknown(found.gaps)) }
}

fn covered(context: &Context<'_>, spot: &Spot, service: &str) -> Observed<bool> {
    if matches!(service, "s3" | "dynamodb") {
        let gateway = by_gateway(context, spot, service);
        if gateway.is_true() {
            return gateway;
        }
        return gateway.or(by_interface(context, spot, service));
    }
    by_interface(context, spot, service)
}

fn by_interface(context: &Context<'_>, spot: &Spot, service: &str) -> Observed<bool> {
    let client = Client { region: spot.region.clone(), endpoint: "default".to_owned(), fips: false, dualstack: false };
    match network::capture(context.world, spot, service, &client) {
        Capture::Endpoint(..) => Known(true),
        Capture::Public(_) | Capture::Blocked(_) => Known(false),
        Capture::Unknown(gaps) => Unknown(gaps),
    }
}

fn dependency(context: &Context<'_>, sink: &mut Sink<'_>, (account, region): (&str, &str), vpc: &str, service: &'static str, (users, places): Users) {
    let mut without = Vec::new();
    let mut gaps: Vec<Gap> = Vec::new();
    for (subnet, spot) in &places {
        match covered(context, spot, service) {
            Known(true) => {}
            Known(false) => without.push(subnet.clone()),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    let present = if !without.is_empty() {
        Known(false)
    } else if gaps.is_empty() {
        Known(true)
    } else {
        Unknown(gaps)
    };
    let egress = Observed::any(places.values().map(|spot| {
        // What stands behind a NAT gateway needs no public address of its own.
        match network::reach(context.world, spot, &Target::Public { address: Known(false), six: false }) {
            Reach::Open(_) => Known(true),
            Reach::Closed(..) => network::internet_route(context.world, spot).map(|route| route.is_some()),
            Reach::Unknown(gaps) => Unknown(gaps),
        }
    }));
    let reason = present.clone().map(|present| {
        if present {
            return "an endpoint is there for every subnet; whether its groups and policy let a call through is another question".to_owned();
        }
        let out = match &egress {
            Known(true) => "a way out to public addresses has to stay open for it",
            Known(false) => "there is no way out either, so it cannot work as drawn",
            Unknown(_) => "whether a way out stays open for it is not known",
        };
        format!("no endpoint takes the calls from {}; {out}", without.join(", "))
    });
    let arn = format!("arn:{}:ec2:{region}:{account}:vpc/{vpc}", context.world.run.partition);
    let mut row = sink.row(account, region, arn, "AWS::EC2::VPC");
    let tags = context.world.lookup("vpc", account, region, vpc).fact(|| Known(BTreeMap::new()), |row| row.tags());
    row.put("part", service).put("name", vpc).tagged(context, account, tags);
    row.put("service", service)
        .put("vpc_id", vpc)
        .put("callers", users.into_iter().collect::<Vec<_>>())
        .set("uncovered_subnets", present.clone().map(|_| without))
        .set("endpoint_present", present)
        .set("has_egress", egress)
        .set("reason", reason);
    sink.push(row);
}
