//! Layer 3: where the routes lead from a subnet, over gateways, peering and transit gateways.

use super::{Hop, Spot};
use crate::inventory::{Lookup, Row, World};
use crate::model::{Gap, Observed, Reason};
use Observed::{Known, Unknown};
use ipnet::IpNet;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The longest chain of tables that is followed.
const DEEPEST: usize = 16;

/// Where a packet is to go.
#[derive(Debug, Clone)]
pub(in crate::reason) enum Target {
    /// Public addresses of AWS, which no table names.
    Public {
        /// Has the sender a public address of its own?
        address: Observed<bool>,
        /// IPv6, where every address is a public one?
        six: bool,
    },
    /// Addresses of a VPC.
    Inside {
        /// Addresses.
        net: IpNet,
        /// VPC.
        vpc: String,
    },
}

/// Whether it arrives.
#[derive(Debug, Clone)]
pub(in crate::reason) enum Reach {
    /// By these hops.
    Open(Vec<Hop>),
    /// It does not; the hops as far as it came, and why.
    Closed(Vec<Hop>, String),
    /// It cannot be told.
    Unknown(Vec<Gap>),
}

impl Reach {
    fn after(self, hop: Hop) -> Self {
        match self {
            Self::Open(hops) => Self::Open([vec![hop], hops].concat()),
            Self::Closed(hops, why) => Self::Closed([vec![hop], hops].concat(), why),
            unknown => unknown,
        }
    }

    fn closed(why: impl Into<String>) -> Self {
        Self::Closed(Vec::new(), why.into())
    }

    fn beyond(fact: &str, why: impl Into<String>) -> Self {
        Self::Unknown(vec![Gap::not_understood(fact, why)])
    }
}

/// The IPv4 range of a subnet of a VPC's owner.
pub(in crate::reason) fn net_of(world: &World, account: &str, region: &str, subnet: &str) -> Observed<Option<IpNet>> {
    match world.lookup("vpc_subnet", account, region, subnet) {
        Lookup::Found(row) => row.text("cidr_block").map(|cidr| cidr.parse().ok()),
        Lookup::Absent => Known(None),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// The route table of a subnet: its own, else the main one of its VPC.
fn table<'w>(world: &'w World, spot: &Spot) -> Observed<(Row<'w>, &'static str)> {
    let tables = world.children("vpc_route_table", &spot.account, &spot.region, "vpc_id", &spot.vpc);
    for row in &tables.rows {
        match row.list("subnet_ids") {
            Known(ids) if ids.contains(&spot.subnet) => return Known((*row, "associated with the subnet")),
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
    Observed::gap(Gap::not_understood("vpc_route_table", format!("no route table of {} is its main one", spot.vpc)))
}

/// One route as it counts.
#[derive(Debug, Clone)]
struct Route {
    shown: String,
    nets: Observed<Vec<IpNet>>,
    target: String,
    static_first: bool,
}

/// Ranges of a destination: one, or the entries of a prefix list.
fn nets(world: &World, account: &str, region: &str, destination: &str) -> Observed<Vec<IpNet>> {
    if !destination.starts_with("pl-") {
        return Known(destination.parse().into_iter().collect());
    }
    match world.lookup("ec2_managed_prefix_list", account, region, destination) {
        Lookup::Found(row) => row.list("entries").map(|entries| entries.iter().filter_map(|entry| entry.parse().ok()).collect()),
        Lookup::Absent => Observed::gap(Gap::not_understood("ec2_managed_prefix_list", format!("the prefix list `{destination}` is not in the list"))),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

fn routes(world: &World, spot: &Spot, table: Row<'_>) -> Observed<Vec<Route>> {
    table.json("routes").map(|all| {
        let text = |route: &Json, key: &str| route.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        all.as_array()
            .into_iter()
            .flatten()
            .filter(|route| !text(route, "state").eq_ignore_ascii_case("blackhole"))
            .map(|route| {
                let destination = text(route, "destination");
                Route {
                    nets: nets(world, &spot.account, &spot.region, &destination),
                    shown: destination,
                    target: text(route, "target"),
                    static_first: route.get("propagated").and_then(Json::as_bool) != Some(true),
                }
            })
            .collect()
    })
}

/// Does a range cover public addresses at large? Two halves count as much as a whole.
fn is_default(net: &IpNet) -> bool {
    net.prefix_len() <= 1 || net.to_string() == "2000::/3"
}

/// Is the range inside the private and shared ones (RFC 1918, RFC 6598, RFC 4193)?
pub(super) fn is_private(net: &IpNet) -> bool {
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"]
        .iter()
        .any(|range| range.parse::<IpNet>().is_ok_and(|range| range.contains(net)))
}

/// The route that counts for addresses: the longest prefix, static before propagated.
enum Choice {
    Route(Route),
    None,
    Unknown(Vec<Gap>),
}

fn choose(routes: &[Route], wanted: &IpNet, table: &str) -> Choice {
    let mut best: Option<(&Route, IpNet)> = None;
    let mut gaps = Vec::new();
    let mut parts: Vec<(&Route, IpNet)> = Vec::new();
    for route in routes {
        let nets = match &route.nets {
            Known(nets) => nets,
            Unknown(more) => {
                gaps.extend(more.clone());
                continue;
            }
        };
        for net in nets {
            if net.contains(wanted) {
                let better = best.is_none_or(|(known, of)| {
                    net.prefix_len() > of.prefix_len() || net.prefix_len() == of.prefix_len() && route.static_first && !known.static_first
                });
                if better {
                    best = Some((route, *net));
                }
            } else if wanted.contains(net) {
                parts.push((route, *net));
            }
        }
    }
    if !gaps.is_empty() {
        return Choice::Unknown(gaps);
    }
    if let Some((route, net)) = parts.into_iter().find(|(route, _)| best.is_none_or(|(known, _)| known.target != route.target)) {
        return Choice::Unknown(vec![Gap::not_understood(
            "vpc_route_table.routes",
            format!("{table} sends {net}, a part of {wanted}, to {}; which address is asked for is not known", route.target),
        )]);
    }
    match best {
        Some((route, _)) => Choice::Route(route.clone()),
        None => Choice::None,
    }
}

/// Follows the routes from a subnet.
pub(in crate::reason) fn reach(world: &World, from: &Spot, target: &Target) -> Reach {
    Walk { world, seen: BTreeSet::new() }.from(from, target)
}

struct Walk<'w> {
    world: &'w World,
    seen: BTreeSet<(String, String)>,
}

impl Walk<'_> {
    fn from(&mut self, spot: &Spot, target: &Target) -> Reach {
        let (table, why) = match table(self.world, spot) {
            Known(found) => found,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        // The same table for the same target again is a circle, not a way.
        if self.seen.len() >= DEEPEST || !self.seen.insert((spot.vpc.clone(), format!("{}/{}", table.key(), spot.subnet))) {
            return Reach::closed(format!("the routes of {} lead in a circle", spot.subnet));
        }
        let routes = match routes(self.world, spot, table) {
            Known(routes) => routes,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        match target {
            Target::Inside { net, .. } => match choose(&routes, net, table.key()) {
                Choice::Route(route) => {
                    let hop = Hop::new("route", table.key(), format!("{why}: {} -> {}", route.shown, route.target)).of(&spot.account);
                    self.over(spot, &route.target, target).after(hop)
                }
                Choice::None => Reach::closed(format!("{} ({why}) has no route to {net}", table.key())),
                Choice::Unknown(gaps) => Reach::Unknown(gaps),
            },
            Target::Public { six, .. } => self.out(spot, table, why, &routes, target, *six),
        }
    }

    /// To public addresses: any default route that is open will do.
    fn out(&mut self, spot: &Spot, table: Row<'_>, why: &str, routes: &[Route], target: &Target, six: bool) -> Reach {
        let (mut unknown, mut closed): (Vec<Gap>, Option<Reach>) = (Vec::new(), None);
        for route in routes {
            let outward = ["igw-", "nat-", "eigw-", "eni-", "i-", "tgw-"].iter().any(|prefix| route.target.starts_with(prefix));
            let nets = match &route.nets {
                Known(nets) => nets,
                // Lists of AWS's own services lead to gateway endpoints, which carry nothing of Bedrock's.
                Unknown(gaps) if outward => {
                    unknown.extend(gaps.clone());
                    continue;
                }
                Unknown(_) => continue,
            };
            if !nets.iter().any(|net| is_default(net) && net.addr().is_ipv6() == six) {
                // A narrower route out may or may not cover the service's addresses.
                if outward && nets.iter().any(|net| !is_default(net) && !is_private(net) && net.addr().is_ipv6() == six) {
                    unknown.push(Gap::not_understood(
                        "vpc_route_table.routes",
                        format!("{} sends {} to {}; whether the service's addresses are in it is not known", table.key(), route.shown, route.target),
                    ));
                }
                continue;
            }
            let hop = Hop::new("route", table.key(), format!("{why}: {} -> {}", route.shown, route.target)).of(&spot.account);
            match self.over(spot, &route.target, target).after(hop) {
                Reach::Open(hops) => return Reach::Open(hops),
                Reach::Unknown(gaps) => unknown.extend(gaps),
                shut => closed = closed.or(Some(shut)),
            }
        }
        if !unknown.is_empty() {
            return Reach::Unknown(unknown);
        }
        closed.unwrap_or_else(|| Reach::closed(format!("{} ({why}) has no route to public addresses", table.key())))
    }

    /// Over what a route leads to.
    fn over(&mut self, spot: &Spot, next: &str, target: &Target) -> Reach {
        let unknown = |what: &str| Reach::beyond("vpc_route_table.routes", format!("the route leads to {next}, {what}"));
        match (next.split('-').next().unwrap_or_default(), target) {
            ("local", Target::Inside { vpc, .. }) if *vpc == spot.vpc => Reach::Open(Vec::new()),
            ("local", Target::Inside { net, vpc }) => Reach::closed(format!("{net} of {vpc} overlaps with {}, so it stays in that VPC", spot.vpc)),
            ("local", Target::Public { .. }) => Reach::closed("the route stays in the VPC"),
            ("igw", Target::Public { six: true, .. }) => self.guarded(spot, Hop::new("internet-gateway", next, "IPv6 addresses are public").of(&spot.account)),
            ("igw", Target::Public { address, .. }) => self.internet_gateway(spot, next, address),
            ("eigw", Target::Public { .. }) => self.guarded(spot, Hop::new("egress-only-gateway", next, "IPv6 addresses are public").of(&spot.account)),
            ("igw" | "eigw", Target::Inside { net, .. }) => Reach::closed(format!("{next} leads out, and {net} is private")),
            ("nat", _) => self.nat_gateway(spot, next, target),
            ("pcx", _) => self.peering(spot, next, target),
            ("tgw", _) => self.transit_gateway(spot, next, target),
            ("vgw", Target::Public { .. }) => {
                Reach::beyond("vpc_route_table.routes", format!("{next} leads to an on-premises network; what lies behind AWS does not know"))
            }
            ("vgw", Target::Inside { .. }) => unknown("a virtual private gateway to an on-premises network, behind which AWS sees nothing"),
            ("vpce", _) => self.firewall(spot, next, target),
            ("eni" | "i", _) => unknown("an appliance, whose own rules AWS does not know"),
            _ => unknown("which is not followed"),
        }
    }

    fn internet_gateway(&self, spot: &Spot, gateway: &str, address: &Observed<bool>) -> Reach {
        match address {
            Known(false) => Reach::closed(format!("{gateway} serves public addresses, and the interface has none")),
            Known(true) => self.guarded(spot, Hop::new("internet-gateway", gateway, "the interface has a public address").of(&spot.account)),
            Unknown(gaps) => Reach::Unknown(gaps.clone()),
        }
    }

    /// VPC Block Public Access closes internet gateways both ways in the mode block-bidirectional, unless the VPC or subnet is excluded.
    fn guarded(&self, spot: &Spot, hop: Hop) -> Reach {
        let options = match self.world.lookup("vpc_block_public_access_options", &spot.account, &spot.region, &spot.region) {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::Open(vec![hop]),
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let names = |arn: &str, id: &str| !id.is_empty() && arn.ends_with(&format!("/{id}"));
        match options.text("internet_gateway_block_mode") {
            Known("block-bidirectional") => match options.list("excluded_resources") {
                Known(all) if all.iter().any(|arn| names(arn, &spot.vpc) || names(arn, &spot.subnet)) => Reach::Open(vec![hop]),
                Known(_) => Reach::closed("VPC Block Public Access is block-bidirectional"),
                Unknown(gaps) => Reach::Unknown(gaps),
            },
            Known(_) => Reach::Open(vec![hop]),
            Unknown(gaps) => Reach::Unknown(gaps),
        }
    }

    fn nat_gateway(&mut self, spot: &Spot, gateway: &str, target: &Target) -> Reach {
        let row = match self.world.lookup("vpc_nat_gateway", &spot.account, &spot.region, gateway) {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::closed(format!("{gateway} does not exist any more")),
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let facts = row.text("state").zip(row.text("connectivity_type")).zip(row.text("subnet_id").zip(row.text("vpc_id")));
        let ((state, kind), (subnet, vpc)) = match facts {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        if state != "available" {
            return Reach::closed(format!("{gateway} is {state}"));
        }
        let stands = Spot { vpc: vpc.to_owned(), subnet: subnet.to_owned(), ..spot.clone() };
        let hop = Hop::new("nat-gateway", gateway, format!("available, {kind}")).of(&spot.account);
        match (kind, target, subnet) {
            // It translates to a private address of its subnet, and goes on by that subnet's table.
            (_, Target::Public { six: true, .. }, _) => Reach::closed(format!("{gateway} translates IPv4 alone")),
            ("private", Target::Public { six, .. }, _) => self.from(&stands, &Target::Public { address: Known(false), six: *six }).after(hop),
            (_, Target::Public { .. }, "") => self.guarded(&stands, hop),
            // The gateway itself needs a route to an internet gateway from the subnet it stands in.
            (_, Target::Public { .. }, _) => match self.from(&stands, &Target::Public { address: Known(true), six: false }) {
                Reach::Closed(hops, why) => Reach::Closed(hops, format!("{gateway} stands in {subnet}: {why}")).after(hop),
                other => other.after(hop),
            },
            (_, inside, _) => self.from(&stands, inside).after(hop),
        }
    }

    fn peering(&self, spot: &Spot, id: &str, target: &Target) -> Reach {
        let row = match self.world.lookup("vpc_peering_connection", &spot.account, &spot.region, id) {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::closed(format!("{id} does not exist any more")),
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let side = |side: &str| row.text(&format!("{side}_vpc_id")).zip(row.text(&format!("{side}_owner_id")));
        let (state, (asks, accepts)) = match row.text("status_code").zip(side("requester").zip(side("accepter"))) {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        if state != "active" {
            return Reach::closed(format!("{id} is {state}"));
        }
        let (peer, account) = if asks.0 == spot.vpc { accepts } else { asks };
        match target {
            // Peering carries traffic between the two VPCs alone (VPC Peering Guide, "Edge to edge routing").
            Target::Public { .. } => Reach::closed(format!("{id} leads to {peer} and not beyond it")),
            Target::Inside { vpc, .. } if vpc == peer => Reach::Open(vec![Hop::new("peering", id, format!("active, to {peer}")).of(account)]),
            Target::Inside { net, .. } => Reach::closed(format!("{id} leads to {peer}, and {net} is not there")),
        }
    }

    /// A firewall or load-balancer endpoint: traffic comes back to its subnet and goes on by that table.
    fn firewall(&mut self, spot: &Spot, endpoint: &str, target: &Target) -> Reach {
        let row = match self.world.lookup("vpc_endpoint", &spot.account, &spot.region, endpoint) {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::closed(format!("{endpoint} does not exist any more")),
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let (kind, subnets) = match row.text("vpc_endpoint_type").zip(row.list("subnet_ids")) {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        if kind.eq_ignore_ascii_case("gateway") {
            return Reach::closed(format!("{endpoint} is a gateway endpoint for another service"));
        }
        let mut gaps =
            vec![Gap::not_understood("vpc_endpoint", format!("{endpoint} leads through a firewall or an appliance; what it lets through is not read"))];
        for subnet in subnets {
            match self.from(&Spot { subnet, ..spot.clone() }, target) {
                // Whatever the firewall says, behind it there is no way.
                Reach::Closed(hops, why) => {
                    return Reach::Closed(hops, why).after(Hop::new("firewall", endpoint, format!("of the type {kind}")).of(&spot.account));
                }
                Reach::Unknown(more) => gaps.extend(more),
                Reach::Open(_) => {}
            }
        }
        Reach::Unknown(gaps)
    }

    fn transit_gateway(&mut self, spot: &Spot, gateway: &str, target: &Target) -> Reach {
        let mut found = None;
        let mut gaps = self.world.hidden("ec2_transit_gateway_attachment", &spot.account, &spot.region);
        for row in self.world.everywhere("ec2_transit_gateway_attachment") {
            match row.text("transit_gateway_id").zip(row.text("resource_id")).zip(row.text("resource_type")) {
                Known(((own, resource), "vpc")) if own == gateway && resource == spot.vpc => found = found.or(Some(row)),
                Known(_) => {}
                // It may be the one.
                Unknown(more) => gaps.extend(more),
            }
        }
        let Some(row) = found else {
            return if gaps.is_empty() { Reach::closed(format!("{} is not attached to {gateway}", spot.vpc)) } else { Reach::Unknown(gaps) };
        };
        let (state, table) = match row.text("state").zip(row.text("association_route_table_id")) {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        if state != "available" {
            return Reach::closed(format!("the attachment {} is {state}", row.key()));
        }
        let owner = row.text("transit_gateway_owner_id").known().unwrap_or_default().to_owned();
        let hop = Hop::new("transit-gateway", gateway, format!("by the attachment {}", row.key())).of(&owner);
        self.in_table(gateway, table, target).after(hop)
    }

    /// Looks a target up in a route table of a transit gateway, and goes on from there.
    fn in_table(&mut self, gateway: &str, table: &str, target: &Target) -> Reach {
        if table.is_empty() {
            return Reach::closed(format!("the attachment is associated with no route table of {gateway}"));
        }
        if self.seen.len() >= DEEPEST || !self.seen.insert((gateway.to_owned(), table.to_owned())) {
            return Reach::closed(format!("the routes of {table} lead in a circle"));
        }
        let row = match self.world.lookup_anywhere("ec2_transit_gateway_route_table", table) {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::closed(format!("{table} does not exist any more")),
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let all = match row.json("routes") {
            Known(all) => all,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let text = |route: &Json, key: &str| route.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let routes: Vec<Route> = all
            .as_array()
            .into_iter()
            .flatten()
            .map(|route| Route {
                nets: nets(self.world, row.account(), row.region(), &text(route, "destination")),
                shown: text(route, "destination"),
                // A route that leads nowhere wins as any other does.
                target: if text(route, "state") == "blackhole" { "blackhole".to_owned() } else { text(route, "attachment_id") },
                static_first: text(route, "type") != "propagated",
            })
            .collect();
        let wanted = match target {
            Target::Inside { net, .. } => *net,
            Target::Public { six, .. } => {
                match routes.iter().filter_map(|route| route.nets.clone().known()).flatten().find(|net| is_default(net) && net.addr().is_ipv6() == *six) {
                    Some(net) => net,
                    None => return Reach::closed(format!("{table} has no route to public addresses")),
                }
            }
        };
        match choose(&routes, &wanted, table) {
            Choice::Route(route) if route.target == "blackhole" => Reach::closed(format!("{table} drops {}", route.shown)),
            Choice::Route(route) => {
                let hop = Hop::new("route", table, format!("{} -> {}", route.shown, route.target)).of(row.account());
                self.attachment(&route.target, gateway, target).after(hop)
            }
            Choice::None => Reach::closed(format!("{table} has no route to {wanted}")),
            // Narrower routes beside the default one decide for their own addresses alone.
            Choice::Unknown(_) if matches!(target, Target::Public { .. }) => {
                let default = routes.iter().find(|route| route.nets.as_ref().known().is_some_and(|nets| nets.contains(&wanted)));
                match default.map(|route| route.target.clone()) {
                    Some(next) if next != "blackhole" => {
                        self.attachment(&next, gateway, target).after(Hop::new("route", table, format!("{wanted} -> {next}")).of(row.account()))
                    }
                    _ => Reach::closed(format!("{table} drops {wanted}")),
                }
            }
            Choice::Unknown(gaps) => Reach::Unknown(gaps),
        }
    }

    /// Out of a transit gateway by one of its attachments.
    fn attachment(&mut self, id: &str, gateway: &str, target: &Target) -> Reach {
        let sides: Vec<Row<'_>> = self.world.everywhere("ec2_transit_gateway_attachment").into_iter().filter(|row| row.key() == id).collect();
        let Some(row) = sides.first() else {
            let gaps = self.world.hidden_anywhere("ec2_transit_gateway_attachment");
            let unread = vec![Gap {
                reason: Reason::NotScanned,
                ..Gap::not_understood("ec2_transit_gateway_attachment", format!("the attachment {id} is in no account of this run"))
            }];
            return Reach::Unknown(if gaps.is_empty() { unread } else { gaps });
        };
        let (kind, resource) = match row.text("resource_type").zip(row.text("resource_id")) {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        match kind {
            "vpc" => self.enter_vpc(&sides, resource, target),
            "peering" => {
                // The other side is the one that belongs to another gateway.
                let other = sides.iter().find(|row| row.text("transit_gateway_id").known().is_some_and(|other| other != gateway));
                let Some(other) = other else {
                    return Reach::beyond(
                        "ec2_transit_gateway_attachment",
                        format!("{id} leads to another transit gateway ({resource}), which is in no account of this run"),
                    );
                };
                let (peer, table) = match other.text("transit_gateway_id").zip(other.text("association_route_table_id")) {
                    Known(facts) => facts,
                    Unknown(gaps) => return Reach::Unknown(gaps),
                };
                let hop = Hop::new("transit-gateway", peer, format!("by the peering {id}")).of(other.account());
                self.in_table(peer, table, target).after(hop)
            }
            _ => Reach::beyond(
                "ec2_transit_gateway_route_table.routes",
                format!("{id} ({kind}) leads to a network outside AWS; what lies behind AWS does not know"),
            ),
        }
    }

    /// Into a VPC by the subnets in which the gateway has interfaces.
    fn enter_vpc(&mut self, sides: &[Row<'_>], vpc: &str, target: &Target) -> Reach {
        let place =
            self.world.everywhere("vpc").into_iter().find(|row| row.key() == vpc && row.text("owner_id").known().is_none_or(|owner| owner == row.account()));
        let Some(place) = place else {
            return Reach::Unknown(vec![Gap {
                reason: Reason::NotScanned,
                ..Gap::not_understood("vpc", format!("the transit gateway leads to {vpc}, which is in no account of this run"))
            }]);
        };
        let spot =
            |subnet: &str| Spot { account: place.account().to_owned(), region: place.region().to_owned(), vpc: vpc.to_owned(), subnet: subnet.to_owned() };
        if let Target::Inside { vpc: wanted, .. } = target
            && wanted == vpc
        {
            return Reach::Open(Vec::new());
        }
        let mut gaps = Vec::new();
        let subnets = sides.iter().find_map(|row| match row.list("subnet_ids") {
            Known(subnets) => Some(subnets),
            Unknown(more) => {
                gaps.extend(more);
                None
            }
        });
        let Some(subnets) = subnets else { return Reach::Unknown(gaps) };
        let mut closed = None;
        let mut unknown = Vec::new();
        for subnet in &subnets {
            // What comes from elsewhere has no public address here.
            let onward = if let Target::Public { six, .. } = target { Target::Public { address: Known(false), six: *six } } else { target.clone() };
            let hop = Hop::new("subnet", subnet, format!("the transit gateway's interface in {vpc}")).of(place.account());
            match self.from(&spot(subnet), &onward).after(hop) {
                Reach::Open(hops) => return Reach::Open(hops),
                Reach::Unknown(more) => unknown.extend(more),
                shut => closed = closed.or(Some(shut)),
            }
        }
        if unknown.is_empty() {
            closed.unwrap_or_else(|| Reach::closed(format!("the transit gateway has no interface in {vpc}")))
        } else {
            Reach::Unknown(unknown)
        }
    }
}
