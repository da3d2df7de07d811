//! One packet from a place to an address: which hops it takes, and where it ends.
//!
//! The same tables, routes and filters that decide over the calls to Bedrock, asked of one packet; so what is true of it
//! can be held against what others say of the same network. The way back is not followed.

use super::filter::acl_of;
use super::walk::{BLACKHOLE, Choice, Reach, Target, blocked, by_next, choose, is_private, routes, table};
use super::{Hop, Spot};
use crate::inventory::{Row, World};
use crate::model::{Gap, Observed, merge};
use Observed::{Known, Unknown};
use ipnet::IpNet;
use serde_json::Value as Json;
use std::net::IpAddr;

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Where it goes.
    pub to: IpAddr,
    /// Protocol, by its IANA number; `0` is none that a rule names.
    pub protocol: u8,
    /// Port, for TCP and UDP.
    pub port: Option<u16>,
    /// Source address, where it is not that of the place it comes from.
    pub from: Option<IpAddr>,
}

/// Where a packet ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// At an interface, or at an endpoint.
    Arrives,
    /// At public addresses outside of the run.
    Leaves,
    /// A filter, or a gateway, refuses it.
    Denied,
    /// No route leads on, or nothing has the address.
    Lost,
    /// What decides was not seen, or lies outside of AWS.
    Unknown,
}

/// The way of a packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Where it ends.
    pub end: End,
    /// `instance`, `interface`, `subnet`, `route`, `vpc`, `internet-gateway`, `nat-gateway`, `transit-gateway`, `peering`, `vpn-gateway`, `endpoint`.
    pub hops: Vec<Json>,
    /// What decides.
    pub reason: String,
}

struct Tracer<'w> {
    world: &'w World,
    packet: Packet,
    hops: Vec<Hop>,
    /// Does any address of a subnet stand for the sender, whose groups and public address are not known?
    guessed: bool,
}

/// What decided, and why.
type Ended = (End, String);

fn unknown(gaps: &[Gap]) -> Ended {
    let said: Vec<String> = gaps.iter().map(Gap::words).collect();
    (End::Unknown, said.join("; "))
}

/// An interface, and the instance that has it.
fn interface_of<'w>(world: &'w World, test: impl Fn(Row<'w>) -> bool) -> Observed<Option<Row<'w>>> {
    match world.everywhere("ec2_network_interface").into_iter().find(|row| test(*row)) {
        Some(row) => Known(Some(row)),
        None => match world.hidden_anywhere("ec2_network_interface") {
            gaps if gaps.is_empty() => Known(None),
            gaps => Unknown(gaps),
        },
    }
}

fn has(row: Row<'_>, address: IpAddr) -> bool {
    row.list("private_ip_addresses").known().is_some_and(|all| all.iter().any(|one| one.parse() == Ok(address)))
}

/// Its place; routes and tables of a shared VPC are its owner's.
fn spot_of(world: &World, row: Row<'_>) -> Observed<Spot> {
    let subnet = if row.table().name == "vpc_subnet" { Known(row.key()) } else { row.text("subnet_id") };
    row.text("vpc_id").zip(subnet).and_then(|(vpc, subnet)| Spot::find(world, row.account(), row.region(), vpc, subnet))
}

fn hop_of(row: Row<'_>) -> Hop {
    match row.text("instance_id") {
        Known(instance) if !instance.is_empty() => Hop::new("instance", instance, format!("by its interface {}", row.key())).of(row.account()),
        _ => Hop::new("interface", row.key(), "an interface").of(row.account()),
    }
}

/// Follows a packet from an instance, an interface, a subnet, a VPC (what arrives at its router), a virtual private gateway (by id)
/// or from `internet`.
///
/// # Errors
/// When `from` is none of these.
pub fn trace(world: &World, from: &str, packet: Packet) -> Result<Trace, String> {
    if from != "internet" && !["i", "eni", "subnet", "vpc", "vgw"].contains(&world.prefix(from)) {
        return Err(format!(
            "`{from}` is no place that a packet can come from: name an instance, interface, subnet, VPC or virtual private gateway by its id, or `internet`"
        ));
    }
    let mut tracer = Tracer { world, packet, hops: Vec::new(), guessed: false };
    if packet.to.is_ipv6() {
        return Ok(Trace { end: End::Unknown, hops: Vec::new(), reason: "the IPv6 addresses of subnets and interfaces are not read".to_owned() });
    }
    if packet.to.is_multicast() || packet.to.is_unspecified() || packet.to == IpAddr::V4(std::net::Ipv4Addr::BROADCAST) {
        return Ok(Trace { end: End::Lost, hops: Vec::new(), reason: format!("{} is no address of one interface; VPCs drop it", packet.to) });
    }
    let (end, reason) = tracer.start(from);
    Ok(Trace { end, hops: tracer.hops.iter().map(|hop| hop.json(&hop.account)).collect(), reason })
}

impl<'w> Tracer<'w> {
    fn start(&mut self, from: &str) -> Ended {
        let world = self.world;
        match world.prefix(from) {
            "i" | "eni" => {
                let found = interface_of(world, |row| {
                    (row.key() == from || row.text("instance_id") == Known(from)) && self.packet.from.is_none_or(|address| has(row, address))
                });
                match found {
                    Known(Some(row)) => self.start_at(row),
                    Known(None) => (End::Unknown, format!("no interface of {from} is in the list")),
                    Unknown(gaps) => unknown(&gaps),
                }
            }
            "subnet" => match world.everywhere("vpc_subnet").into_iter().find(|row| row.key() == from) {
                Some(row) => match spot_of(self.world, row) {
                    Known(spot) => {
                        // Any address that an interface there may get; AWS keeps the first four.
                        let net = row.text("cidr_block").known().and_then(|cidr| cidr.parse::<IpNet>().ok());
                        self.guessed = self.packet.from.is_none();
                        self.packet.from = self.packet.from.or_else(|| net.and_then(|net| net.hosts().nth(3)));
                        self.out(&spot, None)
                    }
                    Unknown(gaps) => unknown(&gaps),
                },
                None => (End::Unknown, format!("{from} is not in the list")),
            },
            "vpc" => match world.everywhere("vpc").into_iter().find(|row| row.key() == from) {
                Some(row) => match Spot::find(world, row.account(), row.region(), from, "") {
                    Known(spot) => self.enter(&spot),
                    Unknown(gaps) => unknown(&gaps),
                },
                None => (End::Unknown, format!("{from} is not in the list")),
            },
            "vgw" => self.by_gateway(from),
            _ => self.come_in(),
        }
    }

    /// From outside, by a gateway of a VPC: the one whose tables name it.
    fn by_gateway(&mut self, gateway: &str) -> Ended {
        let world = self.world;
        let names = |row: &Row<'_>| {
            row.json("routes")
                .known()
                .is_some_and(|all| all.as_array().into_iter().flatten().any(|route| route.get("target").and_then(Json::as_str) == Some(gateway)))
        };
        let Some(row) = world.everywhere("vpc_route_table").into_iter().find(names) else {
            return (End::Unknown, format!("no route table of the run names {gateway}; which VPC it belongs to is not known"));
        };
        let Known(vpc) = row.text("vpc_id") else { return unknown(row.text("vpc_id").gaps()) };
        self.hops.push(Hop::new("vpn-gateway", gateway, format!("attached to {vpc}")).of(row.account()));
        let spot = Spot { account: row.account().to_owned(), region: row.region().to_owned(), vpc: vpc.to_owned(), subnet: String::new() };
        // A virtual private gateway knows the ranges of its VPC alone.
        match self.inside(&spot) {
            Known(true) => {}
            Known(false) => return (End::Lost, format!("{} is none of the addresses of {vpc}", self.packet.to)),
            Unknown(gaps) => return unknown(&gaps),
        }
        self.enter(&spot)
    }

    /// Does the VPC hold the address?
    fn inside(&self, spot: &Spot) -> Observed<bool> {
        self.world.lookup("vpc", &spot.account, &spot.region, &spot.vpc).fact(
            || Known(false),
            |row| row.list("cidr_blocks").map(|all| all.iter().filter_map(|cidr| cidr.parse::<IpNet>().ok()).any(|net| net.contains(&self.packet.to))),
        )
    }

    fn come_in(&mut self) -> Ended {
        let to = self.packet.to;
        let public = |row: Row<'_>| row.text("public_ip").known().is_some_and(|text| text.parse() == Ok(to));
        let row = match interface_of(self.world, public) {
            Known(Some(row)) => row,
            Known(None) => return (End::Lost, format!("no interface of the run has the public address {to}")),
            Unknown(gaps) => return unknown(&gaps),
        };
        let spot = match spot_of(self.world, row) {
            Known(spot) => spot,
            Unknown(gaps) => return unknown(&gaps),
        };
        // The gateway is the one that the subnet's own table answers by.
        let gateway = match super::internet_route(self.world, &spot) {
            Known(Some((_, gateway))) => gateway,
            Known(None) => return (End::Lost, format!("{} has a public address, and no route of {} leads to an internet gateway", row.key(), spot.subnet)),
            Unknown(gaps) => return unknown(&gaps),
        };
        self.hops.push(Hop::new("internet-gateway", &gateway, format!("{to} is the public address of {}", row.key())).of(&spot.account));
        match blocked(self.world, &spot, true) {
            Known(None) => {}
            Known(Some(why)) => return (End::Denied, why),
            Unknown(gaps) => return unknown(&gaps),
        }
        let Some(own) = row.list("private_ip_addresses").known().and_then(|all| all.first().and_then(|one| one.parse().ok())) else {
            return unknown(row.list("private_ip_addresses").gaps());
        };
        self.packet.to = own;
        self.enter(&spot)
    }

    fn start_at(&mut self, row: Row<'w>) -> Ended {
        self.hops.push(hop_of(row));
        let spot = match spot_of(self.world, row) {
            Known(spot) => spot,
            Unknown(gaps) => return unknown(&gaps),
        };
        if self.packet.from.is_none() {
            self.packet.from = row.list("private_ip_addresses").known().and_then(|all| all.first().and_then(|one| one.parse().ok()));
        }
        let peer = self.groups_at(self.packet.to);
        match self.groups_let(row, "egress", self.packet.to, &peer) {
            Known(true) => {}
            Known(false) => return (End::Denied, format!("no security group of {} lets it out", row.key())),
            Unknown(gaps) => return unknown(&gaps),
        }
        // What stays in the subnet passes no router and no ACL.
        match self.subnet_of(&spot) {
            Known(Some(subnet)) if subnet == spot.subnet => self.deliver(&spot),
            Known(_) => self.out(&spot, Some(row)),
            Unknown(gaps) => unknown(&gaps),
        }
    }

    /// Groups of the interface that has an address, for rules that name groups.
    fn groups_at(&self, address: IpAddr) -> Vec<String> {
        interface_of(self.world, |row| has(row, address)).known().flatten().and_then(|row| row.list("security_group_ids").known()).unwrap_or_default()
    }

    fn matches(&self, rule: &Json) -> bool {
        let protocol = rule.get("protocol").and_then(Json::as_str).unwrap_or_default();
        let number = match protocol {
            "-1" => return true,
            "tcp" => 6,
            "udp" => 17,
            "icmp" => 1,
            other => match other.parse::<u8>() {
                Ok(number) => number,
                Err(_) => return false,
            },
        };
        let port = |key: &str| rule.get(key).and_then(Json::as_i64).unwrap_or(-1);
        let (low, high) = (port("from_port"), port("to_port"));
        number == self.packet.protocol
            && (!matches!(number, 6 | 17)
                || low == -1
                || (low, high) == (0, 65_535)
                || self.packet.port.is_some_and(|own| low <= i64::from(own) && i64::from(own) <= high))
    }

    /// Does a rule of one of the interface's groups let the packet pass?
    fn groups_let(&self, row: Row<'_>, direction: &str, other: IpAddr, theirs: &[String]) -> Observed<bool> {
        let texts = |rule: &Json, key: &str| -> Vec<String> {
            rule.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
        };
        row.list("security_group_ids").and_then(|groups| {
            Observed::any(groups.iter().map(|id| {
                let gone = || Observed::gap(Gap::not_understood("vpc_security_group", format!("the group `{id}` is not in the list")));
                self.world.lookup("vpc_security_group", row.account(), row.region(), id).fact(gone, |group| {
                    group.json(direction).and_then(|rules| {
                        let mut gaps = Vec::new();
                        for rule in rules.as_array().into_iter().flatten() {
                            let told = |key: &str| rule.get(key).is_some_and(Json::is_array);
                            if !(rule.get("protocol").is_some_and(Json::is_string) && told("cidrs") && told("groups") && told("prefix_lists")) {
                                gaps.push(Gap::not_understood("vpc_security_group", format!("a rule of {id} is not whole")));
                                continue;
                            }
                            if !self.matches(rule) {
                                continue;
                            }
                            let named = texts(rule, "groups");
                            if named.iter().any(|named| theirs.contains(named)) {
                                return Known(true);
                            }
                            if self.guessed && direction == "ingress" && !named.is_empty() {
                                gaps.push(Gap::not_understood(
                                    "vpc_security_group",
                                    format!("a rule of {id} names groups, and those of the sender are not told"),
                                ));
                            }
                            for range in texts(rule, "cidrs").into_iter().chain(texts(rule, "prefix_lists")) {
                                match super::walk::nets(self.world, row.account(), row.region(), &range) {
                                    Known(nets) if nets.iter().any(|net| net.contains(&other)) => return Known(true),
                                    Known(_) => {}
                                    Unknown(more) => gaps = merge(gaps, more),
                                }
                            }
                        }
                        if gaps.is_empty() { Known(false) } else { Unknown(gaps) }
                    })
                })
            }))
        })
    }

    /// Does the ACL of a subnet let the packet pass? The rule with the lowest number that fits decides.
    fn acl_lets(&self, spot: &Spot, egress: bool, other: Option<IpAddr>) -> Observed<Result<(), String>> {
        let Some(other) = other else { return Known(Ok(())) };
        acl_of(self.world, spot).and_then(|row| {
            row.json("entries").and_then(|entries| {
                let whole = |rule: &Json| {
                    rule.get("number").is_some_and(Json::is_i64)
                        && ["cidr", "protocol", "action"].iter().all(|key| rule.get(*key).is_some_and(Json::is_string))
                        && rule.get("egress").is_some_and(Json::is_boolean)
                };
                if !entries.as_array().into_iter().flatten().all(whole) {
                    return Observed::gap(Gap::not_understood("vpc_network_acl", format!("a rule of {} is not whole", row.key())));
                }
                let number = |rule: &Json| rule.get("number").and_then(Json::as_i64).unwrap_or(i64::MAX);
                let mut rules: Vec<&Json> =
                    entries.as_array().into_iter().flatten().filter(|rule| rule.get("egress").and_then(Json::as_bool) == Some(egress)).collect();
                rules.sort_by_key(|rule| number(rule));
                let range = |rule: &Json| rule.get("cidr").and_then(Json::as_str).and_then(|cidr| cidr.parse::<IpNet>().ok());
                let fits = rules.into_iter().find(|rule| range(rule).is_some_and(|net| net.contains(&other)) && self.matches(rule));
                Known(match fits {
                    Some(rule) if rule.get("action").and_then(Json::as_str) == Some("allow") => Ok(()),
                    Some(rule) => Err(format!("rule {} of {} denies it", number(rule), row.key())),
                    None => Err(format!("no rule of {} lets it pass", row.key())),
                })
            })
        })
    }

    /// The subnet of a VPC that holds the address.
    fn subnet_of(&self, spot: &Spot) -> Observed<Option<String>> {
        let all = self.world.children("vpc_subnet", &spot.account, &spot.region, "vpc_id", &spot.vpc);
        let mut gaps = all.gaps;
        for row in &all.rows {
            match row.text("cidr_block").map(str::parse::<IpNet>) {
                Known(Ok(net)) if net.contains(&self.packet.to) => return Known(Some(row.key().to_owned())),
                Known(_) => {}
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        if gaps.is_empty() { Known(None) } else { Unknown(gaps) }
    }

    /// Out of a subnet by its route table.
    fn out(&mut self, spot: &Spot, sender: Option<Row<'w>>) -> Ended {
        self.hops.push(Hop::new("subnet", &spot.subnet, format!("in {}", spot.vpc)).of(&spot.account));
        match self.acl_lets(spot, true, Some(self.packet.to)) {
            Known(Ok(())) => {}
            Known(Err(why)) => return (End::Denied, why),
            Unknown(gaps) => return unknown(&gaps),
        }
        let chosen = table(self.world, spot).and_then(|(row, why)| routes(self.world, spot, row).map(|all| (row, why, all)));
        let (row, why, all) = match chosen {
            Known(found) => found,
            Unknown(gaps) => return unknown(&gaps),
        };
        let route = match choose(&all, &IpNet::from(self.packet.to), row.key()) {
            Choice::Route(route) => route,
            Choice::None => return (End::Lost, format!("{} ({why}) has no route to {}", row.key(), self.packet.to)),
            Choice::Unknown(gaps) => return unknown(&gaps),
        };
        if route.target == BLACKHOLE {
            return (End::Lost, format!("{} ({why}) drops {}", row.key(), route.shown));
        }
        self.hops.push(Hop::new("route", row.key(), format!("{why}: {} -> {}", route.shown, route.target)).of(&spot.account));
        if route.target == "local" {
            return self.enter(spot);
        }
        self.hops.push(Hop::new("vpc", &spot.vpc, "left by the route").of(&spot.account));
        self.over(spot, &route.target, sender)
    }

    /// Over what a route leads to.
    fn over(&mut self, spot: &Spot, next: &str, sender: Option<Row<'w>>) -> Ended {
        let world = self.world;
        let hop = |kind: &'static str, because: &str| Hop::new(kind, next, because).of(&spot.account);
        match world.prefix(next) {
            "igw" => {
                self.hops.push(hop("internet-gateway", "it translates private addresses to public ones"));
                match blocked(world, spot, false) {
                    Known(None) => {}
                    Known(Some(why)) => return (End::Denied, why),
                    Unknown(gaps) => return unknown(&gaps),
                }
                if self.guessed {
                    return (End::Unknown, format!("whether the interface in {} has a public address is not told; name the interface", spot.subnet));
                }
                match sender.map(|row| row.text("public_ip")) {
                    Some(Known(public)) if !public.is_empty() => (End::Leaves, format!("{next} sends it on from {public}")),
                    Some(Unknown(gaps)) => unknown(&gaps),
                    _ => (
                        End::Denied,
                        format!("{next} knows no public address for {}", self.packet.from.map_or_else(|| "it".to_owned(), |from| from.to_string())),
                    ),
                }
            }
            "vgw" => {
                self.hops.push(hop("vpn-gateway", "it leads to a network outside AWS"));
                (End::Unknown, format!("{next} leads to a network outside AWS; what lies behind AWS does not know"))
            }
            "nat" => {
                let row = world.lookup("vpc_nat_gateway", &spot.account, &spot.region, next);
                let facts = row.fact(
                    || Observed::gap(Gap::not_understood("vpc_nat_gateway", format!("{next} does not exist any more"))),
                    |row| row.text("subnet_id").zip(row.text("connectivity_type")).zip(row.text("state")),
                );
                match facts {
                    Known(((_, kind), "available")) => {
                        self.hops.push(hop("nat-gateway", kind));
                        if kind == "public" {
                            (End::Leaves, format!("{next} sends it on from its own public address"))
                        } else {
                            (End::Unknown, format!("{next} is private; what it translates to is not followed"))
                        }
                    }
                    Known((_, state)) => (End::Lost, format!("{next} is {state}")),
                    Unknown(gaps) => unknown(&gaps),
                }
            }
            "vpce" => {
                let kind = world.lookup("vpc_endpoint", &spot.account, &spot.region, next).fact(
                    || Observed::gap(Gap::not_understood("vpc_endpoint", format!("{next} is not in the list"))),
                    |row| row.text("vpc_endpoint_type").map(str::to_owned),
                );
                self.hops.push(hop("endpoint", "the table leads to it"));
                match kind {
                    Known(kind) if kind.eq_ignore_ascii_case("gateway") => (End::Arrives, format!("{next} takes what goes to the service")),
                    Known(kind) => (End::Unknown, format!("{next} ({kind}) leads through an appliance; what it lets through is not read")),
                    Unknown(gaps) => unknown(&gaps),
                }
            }
            "pcx" | "tgw" => self.across(spot, next),
            _ => (End::Unknown, format!("the route leads to {next}, which is not followed")),
        }
    }

    /// Into another VPC, over a peering or transit gateways.
    fn across(&mut self, spot: &Spot, next: &str) -> Ended {
        let to = IpNet::from(self.packet.to);
        let holders: Vec<Spot> = self
            .world
            .everywhere("vpc_subnet")
            .into_iter()
            .filter(|row| row.text("cidr_block").known().and_then(|cidr| cidr.parse::<IpNet>().ok()).is_some_and(|net| net.contains(&self.packet.to)))
            .filter_map(|row| spot_of(self.world, row).known())
            .filter(|other| other.vpc != spot.vpc)
            .collect();
        let mut last = (End::Unknown, format!("no VPC of the run holds {}", self.packet.to));
        if holders.is_empty() && !is_private(&to) {
            match by_next(self.world, spot, next, &Target::Public { address: Known(false), six: to.addr().is_ipv6() }) {
                Reach::Open(hops) => {
                    self.hops.extend(hops);
                    return (End::Leaves, "a gateway behind it sends it on".to_owned());
                }
                Reach::Closed(_, why) => last = (End::Lost, why),
                Reach::Unknown(gaps) => last = unknown(&gaps),
            }
        }
        for other in holders {
            match by_next(self.world, spot, next, &Target::Inside { net: to, vpc: other.vpc.clone() }) {
                Reach::Open(hops) => {
                    self.hops.extend(hops);
                    return self.enter(&Spot { subnet: String::new(), ..other });
                }
                Reach::Closed(_, why) => last = (End::Lost, why),
                Reach::Unknown(gaps) => last = unknown(&gaps),
            }
        }
        last
    }

    /// Through the router of a VPC to the subnet that holds the address.
    fn enter(&mut self, spot: &Spot) -> Ended {
        self.hops.push(Hop::new("vpc", &spot.vpc, "its router").of(&spot.account));
        let subnet = match self.subnet_of(spot) {
            Known(Some(subnet)) => subnet,
            Known(None) => return (End::Lost, format!("no subnet of {} holds {}", spot.vpc, self.packet.to)),
            Unknown(gaps) => return unknown(&gaps),
        };
        let at = Spot { subnet, ..spot.clone() };
        self.hops.push(Hop::new("subnet", &at.subnet, format!("it holds {}", self.packet.to)).of(&at.account));
        match self.acl_lets(&at, false, self.packet.from) {
            Known(Ok(())) => self.deliver(&at),
            Known(Err(why)) => (End::Denied, why),
            Unknown(gaps) => unknown(&gaps),
        }
    }

    /// To the interface that has the address.
    fn deliver(&mut self, at: &Spot) -> Ended {
        let to = self.packet.to;
        let row = match interface_of(self.world, |row| has(row, to) && row.text("subnet_id") == Known(at.subnet.as_str())) {
            Known(Some(row)) => row,
            Known(None) => return (End::Lost, format!("no interface in {} has {to}", at.subnet)),
            Unknown(gaps) => return unknown(&gaps),
        };
        self.hops.push(hop_of(row));
        let theirs = self.packet.from.map(|from| self.groups_at(from)).unwrap_or_default();
        // Where the sender is not told, only a rule for everyone lets it in.
        let from = self.packet.from.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        // Load balancers without groups filter nothing.
        if row.list("security_group_ids").known().is_some_and(|groups| groups.is_empty())
            && row.text("interface_type").known().is_some_and(|kind| kind.contains("load_balancer"))
        {
            return (End::Arrives, format!("{} has no security groups", row.key()));
        }
        match self.groups_let(row, "ingress", from, &theirs) {
            Known(true) => (End::Arrives, format!("{} takes it", row.key())),
            Known(false) => (End::Denied, format!("no security group of {} lets it in", row.key())),
            Unknown(gaps) => unknown(&gaps),
        }
    }
}
