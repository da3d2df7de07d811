//! One packet from a place to an address: which hops it takes, and where it ends.
//!
//! The same tables, routes and filters that decide over the calls to Bedrock, asked of one packet; so what is true of it
//! can be held against what others say of the same network. The way back is not followed.

pub(crate) mod edges;
pub(crate) mod filters;

use super::walk::{BLACKHOLE, Choice, choose, routes, table};
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

pub(crate) struct Tracer<'w> {
    pub(crate) world: &'w World,
    pub(crate) packet: Packet,
    pub(crate) hops: Vec<Hop>,
    /// Does any address of a subnet stand for the sender, whose groups and public address are not known?
    pub(crate) guessed: bool,
}

/// What decided, and why.
pub(crate) type Ended = (End, String);

pub(crate) fn unknown(gaps: &[Gap]) -> Ended {
    let said: Vec<String> = gaps.iter().map(Gap::words).collect();
    (End::Unknown, said.join("; "))
}

/// An interface, and the instance that has it.
pub(crate) fn interface_of<'w>(
    world: &'w World,
    test: impl Fn(Row<'w>) -> bool,
) -> Observed<Option<Row<'w>>> {
    match world
        .everywhere("ec2_network_interface")
        .into_iter()
        .find(|row| test(*row))
    {
        Some(row) => Known(Some(row)),
        None => match world.hidden_anywhere("ec2_network_interface") {
            gaps if gaps.is_empty() => Known(None),
            gaps => Unknown(gaps),
        },
    }
}

pub(crate) fn has(row: Row<'_>, address: IpAddr) -> bool {
    row.list("private_ip_addresses")
        .known()
        .is_some_and(|all| all.iter().any(|one| one.parse() == Ok(address)))
}

/// Its place; routes and tables of a shared VPC are its owner's.
pub(crate) fn spot_of(world: &World, row: Row<'_>) -> Observed<Spot> {
    let subnet = if row.table().name == "vpc_subnet" {
        Known(row.key())
    } else {
        row.text("subnet_id")
    };
    row.text("vpc_id")
        .zip(subnet)
        .and_then(|(vpc, subnet)| Spot::find(world, row.account(), row.region(), vpc, subnet))
}

fn hop_of(row: Row<'_>) -> Hop {
    match row.text("instance_id") {
        Known(instance) if !instance.is_empty() => Hop::new(
            "instance",
            instance,
            format!("by its interface {}", row.key()),
        )
        .of(row.account()),
        _ => Hop::new("interface", row.key(), interface_of_what(row)).of(row.account()),
    }
}

/// What an interface belongs to (Amazon EC2 API Reference, `NetworkInterface`, `interfaceType`).
fn interface_of_what(row: Row<'_>) -> String {
    match row.text("interface_type").known().unwrap_or_default() {
        "" | "interface" => "an interface".to_owned(),
        "vpc_endpoint" => "an interface of a VPC endpoint".to_owned(),
        "nat_gateway" => "the interface of a NAT gateway".to_owned(),
        "lambda" => "an interface of Lambda functions".to_owned(),
        other => format!("an interface of a {}", other.replace('_', " ")),
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
    let mut tracer = Tracer {
        world,
        packet,
        hops: Vec::new(),
        guessed: false,
    };
    if packet.to.is_ipv6() {
        return Ok(Trace {
            end: End::Unknown,
            hops: Vec::new(),
            reason: "the IPv6 addresses of subnets and interfaces are not read".to_owned(),
        });
    }
    if packet.to.is_multicast()
        || packet.to.is_unspecified()
        || packet.to == IpAddr::V4(std::net::Ipv4Addr::BROADCAST)
    {
        return Ok(Trace {
            end: End::Lost,
            hops: Vec::new(),
            reason: format!("{} is no address of one interface; VPCs drop it", packet.to),
        });
    }
    let (end, reason) = tracer.start(from);
    Ok(Trace {
        end,
        hops: tracer
            .hops
            .iter()
            .map(|hop| hop.json(&hop.account))
            .collect(),
        reason,
    })
}

impl<'w> Tracer<'w> {
    pub(crate) fn start(&mut self, from: &str) -> Ended {
        let world = self.world;
        match world.prefix(from) {
            "i" | "eni" => {
                let found = interface_of(world, |row| {
                    (row.key() == from || row.text("instance_id") == Known(from))
                        && self.packet.from.is_none_or(|address| has(row, address))
                });
                match found {
                    Known(Some(row)) => self.start_at(row),
                    Known(None) => (
                        End::Unknown,
                        format!("no interface of {from} is in the list"),
                    ),
                    Unknown(gaps) => unknown(&gaps),
                }
            }
            "subnet" => match world
                .everywhere("vpc_subnet")
                .into_iter()
                .find(|row| row.key() == from)
            {
                Some(row) => match spot_of(self.world, row) {
                    Known(spot) => {
                        // Any address that an interface there may get; AWS keeps the first four.
                        let net = row
                            .text("cidr_block")
                            .known()
                            .and_then(|cidr| cidr.parse::<IpNet>().ok());
                        self.guessed = self.packet.from.is_none();
                        self.packet.from = self
                            .packet
                            .from
                            .or_else(|| net.and_then(|net| net.hosts().nth(3)));
                        self.out(&spot, None)
                    }
                    Unknown(gaps) => unknown(&gaps),
                },
                None => (End::Unknown, format!("{from} is not in the list")),
            },
            "vpc" => match world
                .everywhere("vpc")
                .into_iter()
                .find(|row| row.key() == from)
            {
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

    /// Does the VPC hold the address?
    pub(crate) fn inside(&self, spot: &Spot) -> Observed<bool> {
        self.world
            .lookup("vpc", &spot.account, &spot.region, &spot.vpc)
            .fact(
                || Known(false),
                |row| {
                    row.list("cidr_blocks").map(|all| {
                        all.iter()
                            .filter_map(|cidr| cidr.parse::<IpNet>().ok())
                            .any(|net| net.contains(&self.packet.to))
                    })
                },
            )
    }

    pub(crate) fn start_at(&mut self, row: Row<'w>) -> Ended {
        self.hops.push(hop_of(row));
        let spot = match spot_of(self.world, row) {
            Known(spot) => spot,
            Unknown(gaps) => return unknown(&gaps),
        };
        if self.packet.from.is_none() {
            self.packet.from = row
                .list("private_ip_addresses")
                .known()
                .and_then(|all| all.first().and_then(|one| one.parse().ok()));
        }
        let peer = self.groups_at(self.packet.to);
        match self.groups_let(row, "egress", self.packet.to, &peer) {
            Known(true) => {}
            Known(false) => {
                return (
                    End::Denied,
                    format!("no security group of {} lets it out", row.key()),
                );
            }
            Unknown(gaps) => return unknown(&gaps),
        }
        // What stays in the subnet passes no router and no ACL.
        match self.subnet_of(&spot) {
            Known(Some(subnet)) if subnet == spot.subnet => self.deliver(&spot),
            Known(_) => self.out(&spot, Some(row)),
            Unknown(gaps) => unknown(&gaps),
        }
    }

    /// The subnet of a VPC that holds the address.
    pub(crate) fn subnet_of(&self, spot: &Spot) -> Observed<Option<String>> {
        let all = self.world.children(
            "vpc_subnet",
            &spot.account,
            &spot.region,
            "vpc_id",
            &spot.vpc,
        );
        let mut gaps = all.gaps;
        for row in &all.rows {
            match row.text("cidr_block").map(str::parse::<IpNet>) {
                Known(Ok(net)) if net.contains(&self.packet.to) => {
                    return Known(Some(row.key().to_owned()));
                }
                Known(_) => {}
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        if gaps.is_empty() {
            Known(None)
        } else {
            Unknown(gaps)
        }
    }

    /// Out of a subnet by its route table.
    pub(crate) fn out(&mut self, spot: &Spot, sender: Option<Row<'w>>) -> Ended {
        self.hops
            .push(Hop::new("subnet", &spot.subnet, format!("in {}", spot.vpc)).of(&spot.account));
        match self.acl_lets(spot, true, Some(self.packet.to)) {
            Known(Ok(())) => {}
            Known(Err(why)) => return (End::Denied, why),
            Unknown(gaps) => return unknown(&gaps),
        }
        let chosen = table(self.world, spot)
            .and_then(|(row, why)| routes(self.world, spot, row).map(|all| (row, why, all)));
        let (row, why, all) = match chosen {
            Known(found) => found,
            Unknown(gaps) => return unknown(&gaps),
        };
        let route = match choose(&all, &IpNet::from(self.packet.to), row.key()) {
            Choice::Route(route) => route,
            Choice::None => {
                return (
                    End::Lost,
                    format!("{} ({why}) has no route to {}", row.key(), self.packet.to),
                );
            }
            Choice::Unknown(gaps) => return unknown(&gaps),
        };
        if route.target == BLACKHOLE {
            return (
                End::Lost,
                format!("{} ({why}) drops {}", row.key(), route.shown),
            );
        }
        self.hops.push(
            Hop::new(
                "route",
                row.key(),
                format!("{why}: {} -> {}", route.shown, route.target),
            )
            .of(&spot.account),
        );
        if route.target == "local" {
            return self.enter(spot);
        }
        self.hops
            .push(Hop::new("vpc", &spot.vpc, "left by the route").of(&spot.account));
        self.over(spot, &route.target, sender)
    }

    /// Through the router of a VPC to the subnet that holds the address.
    pub(crate) fn enter(&mut self, spot: &Spot) -> Ended {
        self.hops
            .push(Hop::new("vpc", &spot.vpc, "its router").of(&spot.account));
        let subnet = match self.subnet_of(spot) {
            Known(Some(subnet)) => subnet,
            Known(None) => {
                return (
                    End::Lost,
                    format!("no subnet of {} holds {}", spot.vpc, self.packet.to),
                );
            }
            Unknown(gaps) => return unknown(&gaps),
        };
        let at = Spot {
            subnet,
            ..spot.clone()
        };
        self.hops.push(
            Hop::new("subnet", &at.subnet, format!("it holds {}", self.packet.to)).of(&at.account),
        );
        match self.acl_lets(&at, false, self.packet.from) {
            Known(Ok(())) => self.deliver(&at),
            Known(Err(why)) => (End::Denied, why),
            Unknown(gaps) => unknown(&gaps),
        }
    }

    /// To the interface that has the address.
    pub(crate) fn deliver(&mut self, at: &Spot) -> Ended {
        let to = self.packet.to;
        let row = match interface_of(self.world, |row| {
            has(row, to) && row.text("subnet_id") == Known(at.subnet.as_str())
        }) {
            Known(Some(row)) => row,
            Known(None) => return (End::Lost, format!("no interface in {} has {to}", at.subnet)),
            Unknown(gaps) => return unknown(&gaps),
        };
        self.hops.push(hop_of(row));
        let theirs = self
            .packet
            .from
            .map(|from| self.groups_at(from))
            .unwrap_or_default();
        // Where the sender is not told, only a rule for everyone lets it in.
        let from = self
            .packet
            .from
            .unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        // What a load balancer forwards its listeners say, and they are not read; without groups it filters nothing.
        let balances = row
            .text("interface_type")
            .known()
            .is_some_and(|kind| kind.contains("load_balancer"));
        let bare = row
            .list("security_group_ids")
            .known()
            .is_some_and(|groups| groups.is_empty());
        let listens = || {
            (
                End::Unknown,
                format!(
                    "{} is of a load balancer, whose listeners are not read",
                    row.key()
                ),
            )
        };
        if balances && bare {
            return listens();
        }
        match self.groups_let(row, "ingress", from, &theirs) {
            Known(true) if balances => listens(),
            Known(true) => (End::Arrives, format!("{} takes it", row.key())),
            Known(false) => (
                End::Denied,
                format!("no security group of {} lets it in", row.key()),
            ),
            Unknown(gaps) => unknown(&gaps),
        }
    }
}
