//! Subject: the other services that the VPCs of callers must reach.

use crate::access::families::served_actions;
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Role, Row, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::network::{self, Capture, Client, Reach, Spot, Target};
use crate::paths::arrival::{admitted, arrive};
use crate::services;
use crate::subject_columns;
use crate::subjects::network::vector_collection::index_endpoints;
use crate::subjects::network::workload_placement::spots;
use crate::subjects::{Facts, Subject};
use crate::workloads;
use crate::workloads::Workload;
use crate::workloads::interfaces::placement;
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const INDEX: Inputs = Inputs::All(&[
    services::opensearch::VPC_ENDPOINT.list(),
    services::opensearch::VPC_ENDPOINT.group("detail"),
]);
const WAYS: Inputs = Inputs::All(&[INDEX, crate::paths::INPUTS]);
const THROUGH: Inputs = Inputs::All(&[WAYS, workloads::INPUTS]);

/// Other services that callers of a VPC use.
pub const VPC_DEPENDENCY: Table = Table {
    name: "vpc_dependency",
    doc: "A service other than Bedrock that the roles of a VPC's Bedrock callers name, and whether the VPC has an endpoint for it: of S3, DynamoDB, Secrets Manager, KMS, STS, Logs, SQS, SNS, EventBridge, SSM, Lambda, ECR and the collections of OpenSearch Serverless.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("service", "Endpoint service, such as `s3`.").from(workloads::INPUTS),
        text("vpc_id", "VPC.").from(workloads::INPUTS),
        list("callers", "Callers whose roles name an action of it.").from(workloads::INPUTS),
        flag("endpoint_present", "Does an endpoint take its calls from every subnet of these callers?").from(WAYS),
        list("uncovered_subnets", "Subnets whose calls no endpoint takes.").from(WAYS),
        flag("lets_through", "Do security groups and the policy of that endpoint let a call of each of these callers through? True where there is none.")
            .from(THROUGH),
        flag("has_egress", "Do routes lead to public addresses from one of these subnets?").from(WAYS),
        text("reason", "What decides.").from(THROUGH),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &VPC_DEPENDENCY,
    derive,
    rests_on_published_data: true,
};

/// The roles of a workload that name a service, by service.
type Served = BTreeMap<&'static str, BTreeSet<String>>;

/// Which services the code of a workload, or what starts it, calls from its own interfaces, and with which roles; and what may hide more.
fn services(facts: &Facts<'_>, workload: &Workload<'_>) -> (Served, Vec<Gap>) {
    let (mut all, mut gaps) = (Served::new(), Vec::new());
    let mut of = |roles: &Observed<BTreeSet<String>>| {
        gaps = merge(std::mem::take(&mut gaps), roles.gaps().to_vec());
        for role in roles.as_ref().known().into_iter().flatten() {
            match facts.principals.role(role) {
                Known(access) => {
                    let (more, hidden) = access.dependencies();
                    for service in more {
                        all.entry(service).or_default().insert(role.clone());
                    }
                    gaps = merge(std::mem::take(&mut gaps), hidden);
                }
                Unknown(more) => gaps = merge(std::mem::take(&mut gaps), more),
            }
        }
    };
    of(&workload.roles);
    if workload.kind == "ecs" {
        of(&workload.execution_roles);
        // Layers of images come from S3 (Amazon ECR User Guide, "Create the Amazon S3 gateway endpoint"), by addresses that are signed for the service.
        if all.contains_key("ecr.dkr") {
            all.entry("s3").or_default();
        }
    }
    // The logs of a function, and the images of functions, runtimes and models, do not pass the VPC: the service itself carries them.
    if matches!(workload.kind, "lambda" | "agentcore" | "sagemaker") {
        all.retain(|service, _| !matches!(*service, "logs" | "ecr.api" | "ecr.dkr"));
    }
    (all, gaps)
}

/// The gateway endpoint that takes the calls from this subnet: one that is associated with its route table.
fn by_gateway<'w>(facts: &Facts<'w>, spot: &Spot, service: &str) -> Observed<Option<Row<'w>>> {
    let found =
        network::endpoints_for(facts.world, &spot.account, &spot.region, &spot.vpc, service);
    let table = network::table_id(facts.world, spot);
    let mut gaps = found.gaps;
    for row in found.rows {
        let open = row
            .text("vpc_endpoint_type")
            .map(|kind| kind.eq_ignore_ascii_case("gateway"))
            .and(
                row.text("state")
                    .map(|state| state.eq_ignore_ascii_case("available")),
            );
        let takes = if open.is_false() {
            Known(false)
        } else {
            open.and(
                row.list("route_table_ids")
                    .zip(table.clone())
                    .map(|(tables, own)| tables.contains(&own)),
            )
        };
        match takes {
            Known(true) => return Known(Some(row)),
            Known(false) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    if gaps.is_empty() {
        Known(None)
    } else {
        Unknown(gaps)
    }
}

/// An endpoint that takes the calls to a service from a subnet.
#[derive(Clone, Copy)]
struct Door<'w> {
    row: Row<'w>,
    /// Routed to, and not connected to.
    gateway: bool,
}

/// The data endpoint of OpenSearch Serverless in a VPC: the aoss API makes it, and it takes the names of all collections.
fn by_index<'w>(facts: &Facts<'w>, user: &str, spot: &Spot) -> Observed<Option<Row<'w>>> {
    let host = format!("x.{}.aoss.amazonaws.com", spot.region);
    let found = index_endpoints(facts, user, spot);
    let mut gaps = found.gaps;
    for row in found.rows {
        match row.text("status") {
            Known(status) if status.eq_ignore_ascii_case("ACTIVE") => {
                return network::answered_elsewhere(facts.world, spot, &host, false)
                    .map(|public| public.is_none().then_some(row));
            }
            Known(_) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    if gaps.is_empty() {
        network::answered_elsewhere(facts.world, spot, &host, true).map(|_| None)
    } else {
        Unknown(gaps)
    }
}

fn by_interface<'w>(facts: &Facts<'w>, spot: &Spot, service: &str) -> Observed<Option<Row<'w>>> {
    let client = Client {
        region: spot.region.clone(),
        endpoint: "default".to_owned(),
        fips: false,
        dualstack: false,
    };
    match network::capture(facts.world, spot, service, &client) {
        Capture::Endpoint(row, _) => Known(Some(row)),
        Capture::Public(_) | Capture::Blocked(_) => Known(None),
        Capture::Unknown(gaps) => Unknown(gaps),
    }
}

fn door<'w>(
    facts: &Facts<'w>,
    user: &str,
    spot: &Spot,
    service: &str,
) -> Observed<Option<Door<'w>>> {
    let interface = |found: Observed<Option<Row<'w>>>| {
        found.map(|row| {
            row.map(|row| Door {
                row,
                gateway: false,
            })
        })
    };
    match service {
        "aoss" => interface(by_index(facts, user, spot)),
        "s3" | "dynamodb" => match by_gateway(facts, spot, service) {
            Known(Some(row)) => Known(Some(Door { row, gateway: true })),
            Known(None) => interface(by_interface(facts, spot, service)),
            Unknown(gaps) => match by_interface(facts, spot, service) {
                Known(Some(row)) => interface(Known(Some(row))),
                Known(None) => Unknown(gaps),
                Unknown(more) => Unknown(merge(gaps, more)),
            },
        },
        _ => interface(by_interface(facts, spot, service)),
    }
}

/// Does an endpoint let a call of a workload through? Why not, where it does not.
fn lets(
    facts: &Facts<'_>,
    (workload, roles): (&Workload<'_>, &BTreeSet<String>),
    spot: &Spot,
    service: &str,
    door: Door<'_>,
) -> Observed<Option<String>> {
    let mut gaps = Vec::new();
    let refuses = |why: &str| {
        format!(
            "{} takes the calls of {} and refuses them: {why}",
            door.row.key(),
            workload.name
        )
    };
    for deployment in &workload.deployments {
        let place = match placement(workload, deployment, facts.world) {
            Known(Some(place)) if place.subnets.contains(&spot.subnet) => place,
            Known(_) => continue,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        if door.gateway {
            // The prefix list of the service is a part of all addresses; groups that let out less may let out that.
            match network::outward(facts.world, spot, workload.account, &place.groups, false) {
                Known(None) => {}
                Known(Some((_, id, why))) => gaps.push(Gap::not_understood(
                    "vpc_security_group",
                    format!("{id} does not let out to every address ({why}); whether it does to those of {service} is not followed"),
                )),
                Unknown(more) => gaps = merge(gaps, more),
            }
        } else {
            match arrive(
                &facts.paths,
                workload.account,
                spot,
                &place.groups,
                door.row,
            ) {
                Known(Ok(_)) => {}
                Known(Err((_, why))) => return Known(Some(refuses(&why))),
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
    }
    // The data endpoint of OpenSearch Serverless has no policy; network and data access policies stand for it.
    if service != "aoss" {
        for role in roles {
            match admitted(
                &facts.paths,
                &BTreeSet::from([role.clone()]),
                service,
                &served_actions(service),
                door.row,
            ) {
                Known(Ok(_)) => {}
                Known(Err(why)) => return Known(Some(refuses(&why))),
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
    }
    if gaps.is_empty() {
        Known(None)
    } else {
        Unknown(gaps)
    }
}

/// The callers that use a service, and the subnets that they stand in.
#[derive(Default)]
struct Users<'c, 'w> {
    callers: BTreeMap<&'c str, (&'c Workload<'w>, BTreeSet<String>)>,
    places: BTreeMap<String, (Spot, BTreeSet<&'c str>)>,
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&VPC_DEPENDENCY) {
        let callers = facts.workloads.all();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        let mut needs: BTreeMap<(String, &'static str), Users<'_, '_>> = BTreeMap::new();
        for workload in callers.known(&account, &region) {
            match spots(facts, workload) {
                Known(Some(spots)) => {
                    let (services, gaps) = services(facts, workload);
                    sink.hide(&account, &region, gaps);
                    for ((service, roles), (subnet, spot)) in services
                        .iter()
                        .flat_map(|service| spots.iter().map(move |spot| (service, spot)))
                    {
                        let users = needs.entry((spot.vpc.clone(), *service)).or_default();
                        users
                            .callers
                            .insert(&workload.arn, (workload, roles.clone()));
                        users
                            .places
                            .entry(subnet.clone())
                            .or_insert_with(|| (spot.clone(), BTreeSet::new()))
                            .1
                            .insert(&workload.arn);
                    }
                }
                Known(None) => {}
                Unknown(gaps) => sink.hide(&account, &region, gaps),
            }
        }
        for ((vpc, service), users) in needs {
            dependency(facts, sink, (&account, &region), &vpc, service, &users);
        }
    }
}

fn dependency(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    (account, region): (&str, &str),
    vpc: &str,
    service: &'static str,
    users: &Users<'_, '_>,
) {
    let (mut without, mut gaps) = (Vec::new(), Vec::<Gap>::new());
    let (mut refused, mut filter_gaps) = (None, Vec::<Gap>::new());
    for (subnet, (spot, callers)) in &users.places {
        match door(facts, account, spot, service) {
            Known(Some(door)) => {
                for (workload, roles) in callers.iter().filter_map(|arn| users.callers.get(arn)) {
                    match lets(facts, (*workload, roles), spot, service, door) {
                        Known(None) => {}
                        Known(why) => refused = refused.or(why),
                        Unknown(more) => filter_gaps = merge(filter_gaps, more),
                    }
                }
            }
            Known(None) => without.push(subnet.clone()),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    let lets_through = match (&refused, merge(gaps.clone(), filter_gaps)) {
        (Some(_), _) => Known(false),
        (None, gaps) if gaps.is_empty() => Known(true),
        (None, gaps) => Unknown(gaps),
    };
    let present = if !without.is_empty() {
        Known(false)
    } else if gaps.is_empty() {
        Known(true)
    } else {
        Unknown(gaps)
    };
    let egress = Observed::any(users.places.values().map(|(spot, _)| {
        // What stands behind a NAT gateway needs no public address of its own.
        match network::reach(
            facts.world,
            spot,
            &Target::Public {
                address: Known(false),
                six: false,
            },
        ) {
            Reach::Open(_) => Known(true),
            Reach::Closed(..) => {
                network::internet_route(facts.world, spot).map(|route| route.is_some())
            }
            Reach::Unknown(gaps) => Unknown(gaps),
        }
    }));
    let reason = present.clone().zip(lets_through.clone()).map(|(present, _)| {
        if let Some(why) = &refused {
            return why.clone();
        }
        if present {
            return "an endpoint is there for every subnet, and its groups and policy let a call through".to_owned();
        }
        let out = match &egress {
            Known(true) => "a way out to public addresses has to stay open for it",
            Known(false) => "there is no way out either, so it cannot work as drawn",
            Unknown(_) => "whether a way out stays open for it is not known",
        };
        format!("no endpoint takes the calls from {}; {out}", without.join(", "))
    });
    let arn = format!(
        "arn:{}:ec2:{region}:{account}:vpc/{vpc}",
        facts.world.run.partition
    );
    let mut row = sink.row(account, region, arn, "AWS::EC2::VPC");
    let tags = facts
        .world
        .lookup("vpc", account, region, vpc)
        .fact(|| Known(BTreeMap::new()), |row| row.tags());
    row.put("part", service)
        .put("name", vpc)
        .tagged(facts.settings, account, tags);
    row.put("service", service)
        .put("vpc_id", vpc)
        .put(
            "callers",
            users
                .callers
                .keys()
                .map(|arn| (*arn).to_owned())
                .collect::<Vec<_>>(),
        )
        .set("uncovered_subnets", present.clone().map(|_| without))
        .set("endpoint_present", present)
        .set("lets_through", lets_through)
        .set("has_egress", egress)
        .set("reason", reason);
    sink.push(row);
}
