//! Whether a subnet has a way out to public addresses.

use super::Hop;
use crate::inventory::{Lookup, Row, World};
use crate::model::{Gap, Observed};
use Observed::{Known, Unknown};
use serde_json::Value as Json;

/// The way out of a subnet.
#[derive(Debug, Clone)]
pub(in crate::reason) enum Egress {
    /// By these hops.
    Open(Vec<Hop>),
    /// None; with the reason.
    Closed(String),
    /// It cannot be told; with whether a hub may lie behind.
    Unknown(Vec<Gap>),
}

/// The route table of a subnet: its own, else the main one of its VPC.
fn table<'w>(world: &'w World, account: &str, region: &str, vpc: &str, subnet: &str) -> Observed<(Row<'w>, &'static str)> {
    let tables = world.children("vpc_route_table", account, region, "vpc_id", vpc);
    for row in &tables.rows {
        match row.list("subnet_ids") {
            Known(ids) if ids.iter().any(|id| id == subnet) => return Known((*row, "associated with the subnet")),
            Known(_) => {}
            Unknown(gaps) => return Unknown(gaps),
        }
    }
    if !tables.gaps.is_empty() {
        return Unknown(tables.gaps);
    }
    for row in &tables.rows {
        match row.flag("is_main") {
            Known(true) => return Known((*row, "the main table of the VPC")),
            Known(false) => {}
            Unknown(gaps) => return Unknown(gaps),
        }
    }
    Observed::gap(Gap::not_understood("vpc_route_table", format!("no route table of {vpc} is its main one")))
}

/// Does a destination cover public addresses at large? Two halves count as much as a whole.
fn is_default(destination: &str) -> bool {
    matches!(destination, "0.0.0.0/0" | "::/0" | "0.0.0.0/1" | "128.0.0.0/1" | "2000::/3")
}

/// Is the destination inside the private and shared ranges (RFC 1918, RFC 6598, RFC 4193)?
fn is_private(destination: &str) -> bool {
    let Ok(net) = destination.parse::<ipnet::IpNet>() else { return false };
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"]
        .iter()
        .any(|range| range.parse::<ipnet::IpNet>().is_ok_and(|range| range.contains(&net)))
}

/// Finds the way out of a subnet. `public_address` says whether the workload's interface has one.
pub(in crate::reason) fn egress(world: &World, account: &str, region: &str, vpc: &str, subnet: &str, public_address: &Observed<bool>) -> Egress {
    follow(world, account, region, vpc, subnet, public_address, 0)
}

/// The same, so many NAT gateways deep.
fn follow(world: &World, account: &str, region: &str, vpc: &str, subnet: &str, public_address: &Observed<bool>, depth: usize) -> Egress {
    // A gateway whose own subnet routes to a gateway, and so on: a loop, not a way out.
    if depth > 3 {
        return Egress::Closed(format!("the routes of {subnet} lead in a circle"));
    }
    let (table, why) = match table(world, account, region, vpc, subnet) {
        Known(found) => found,
        Unknown(gaps) => return Egress::Unknown(gaps),
    };
    let routes = match table.json("routes") {
        Known(routes) => routes,
        Unknown(gaps) => return Egress::Unknown(gaps),
    };
    let mut unknown: Vec<Gap> = Vec::new();
    let mut closed: Vec<String> = Vec::new();
    for route in routes.as_array().into_iter().flatten() {
        let text = |key: &str| route.get(key).and_then(Json::as_str).unwrap_or_default();
        let (destination, target) = (text("destination"), text("target"));
        if text("state").eq_ignore_ascii_case("blackhole") {
            continue;
        }
        if !is_default(destination) {
            // A narrower route out may or may not cover the service's addresses.
            let outward = ["igw-", "nat-", "eigw-", "eni-", "i-"].iter().any(|prefix| target.starts_with(prefix));
            if outward && !is_private(destination) {
                unknown.push(Gap::not_understood(
                    "vpc_route_table.routes",
                    format!("{} sends {destination} to {target}; whether the service's addresses are in it is not known", table.key()),
                ));
            }
            continue;
        }
        let here = Hop::new("route", table.key(), format!("{why}: {destination} -> {target}"));
        let found = match target.split('-').next().unwrap_or_default() {
            // Every IPv6 address is a public one.
            "igw" if destination.contains(':') => {
                guarded(world, account, region, vpc, subnet, vec![Hop::new("internet-gateway", target, "IPv6 addresses are public")])
            }
            "igw" => internet_gateway(world, account, region, vpc, subnet, target, public_address),
            "nat" => nat_gateway(world, account, region, target, depth),
            "eigw" => guarded(world, account, region, vpc, subnet, vec![Hop::new("egress-only-gateway", target, "IPv6 addresses are public")]),
            _ => Egress::Unknown(vec![Gap::not_understood(
                "vpc_route_table.routes",
                format!("{} sends {destination} to {target}; what lies behind is not followed", table.key()),
            )]),
        };
        match found {
            Egress::Open(hops) => return Egress::Open([vec![here], hops].concat()),
            Egress::Closed(why) => closed.push(why),
            Egress::Unknown(gaps) => unknown.extend(gaps),
        }
    }
    if !unknown.is_empty() {
        return Egress::Unknown(unknown);
    }
    if closed.is_empty() {
        closed.push(format!("{} ({why}) has no route to public addresses", table.key()));
    }
    Egress::Closed(closed.join("; "))
}

/// Can names resolve into another network from here (transit gateway, peering, private gateway)?
pub(in crate::reason) fn reaches_other_networks(world: &World, account: &str, region: &str, vpc: &str, subnet: &str) -> Observed<Option<String>> {
    table(world, account, region, vpc, subnet).and_then(|(table, _)| table.json("routes")).map(|routes| {
        routes
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|route| route.get("target").and_then(Json::as_str))
            .find(|target| ["tgw-", "pcx-", "vgw-", "lgw-", "cagw-", "arn:"].iter().any(|prefix| target.starts_with(prefix)))
            .map(str::to_owned)
    })
}

fn internet_gateway(world: &World, account: &str, region: &str, vpc: &str, subnet: &str, target: &str, public_address: &Observed<bool>) -> Egress {
    match public_address {
        Known(false) => Egress::Closed(format!("{target} serves public addresses, and the interface has none")),
        Known(true) => guarded(world, account, region, vpc, subnet, vec![Hop::new("internet-gateway", target, "the interface has a public address")]),
        Unknown(gaps) => Egress::Unknown(gaps.clone()),
    }
}

fn nat_gateway(world: &World, account: &str, region: &str, target: &str, depth: usize) -> Egress {
    let row = match world.lookup("vpc_nat_gateway", account, region, target) {
        Lookup::Found(row) => row,
        Lookup::Absent => return Egress::Closed(format!("{target} does not exist any more")),
        Lookup::Unknown(gaps) => return Egress::Unknown(gaps),
    };
    match row.text("state") {
        Known("available") => {}
        Known(state) => return Egress::Closed(format!("{target} is {state}")),
        Unknown(gaps) => return Egress::Unknown(gaps),
    }
    match row.text("connectivity_type") {
        Known("private") => {
            return Egress::Unknown(vec![Gap::not_understood("vpc_nat_gateway", format!("{target} is a private NAT gateway; where it leads is not followed"))]);
        }
        Known(_) => {}
        Unknown(gaps) => return Egress::Unknown(gaps),
    }
    let place = row.text("subnet_id").zip(row.text("vpc_id"));
    let (subnet, vpc) = match place {
        Known(place) => place,
        Unknown(gaps) => return Egress::Unknown(gaps),
    };
    let hop = Hop::new("nat-gateway", target, "available, public");
    if subnet.is_empty() {
        return guarded(world, account, region, vpc, subnet, vec![hop]);
    }
    // The gateway itself needs a route to an internet gateway from the subnet it stands in.
    match follow(world, account, region, vpc, subnet, &Known(true), depth + 1) {
        Egress::Open(hops) => Egress::Open([vec![hop], hops].concat()),
        Egress::Closed(why) => Egress::Closed(format!("{target} stands in {subnet}: {why}")),
        Egress::Unknown(gaps) => Egress::Unknown(gaps),
    }
}

/// VPC Block Public Access closes internet gateways both ways in the mode block-bidirectional, unless the VPC or subnet is excluded.
fn guarded(world: &World, account: &str, region: &str, vpc: &str, subnet: &str, hops: Vec<Hop>) -> Egress {
    let options = match world.lookup("vpc_block_public_access_options", account, region, region) {
        Lookup::Found(row) => row,
        Lookup::Absent => return Egress::Open(hops),
        Lookup::Unknown(gaps) => return Egress::Unknown(gaps),
    };
    match options.text("internet_gateway_block_mode") {
        Known("block-bidirectional") => match options.list("excluded_resources") {
            Known(all) if all.iter().any(|arn| arn.ends_with(&format!("/{vpc}")) || !subnet.is_empty() && arn.ends_with(&format!("/{subnet}"))) => {
                Egress::Open(hops)
            }
            Known(_) => Egress::Closed("VPC Block Public Access is block-bidirectional".to_owned()),
            Unknown(gaps) => Egress::Unknown(gaps),
        },
        Known(_) => Egress::Open(hops),
        Unknown(gaps) => Egress::Unknown(gaps),
    }
}
