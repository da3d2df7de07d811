//! A trace that crosses the edge of a VPC: gateways, peering, transit.

use super::super::address::is_private;
use super::super::walk::{
    BLACKHOLE, Choice, Reach, Target, blocked, by_next, choose, passing, routes, table,
};
use super::{End, Ended, Tracer, spot_of, unknown};
use super::{Hop, Spot};
use crate::inventory::Row;
use crate::model::{Gap, Observed};
use Observed::{Known, Unknown};
use ipnet::IpNet;
use serde_json::Value as Json;

impl<'w> Tracer<'w> {
    /// From outside, by a gateway of a VPC: the one whose tables name it.
    pub(crate) fn by_gateway(&mut self, gateway: &str) -> Ended {
        let world = self.world;
        let names = |row: &Row<'_>| {
            row.json("routes").known().is_some_and(|all| {
                all.as_array()
                    .into_iter()
                    .flatten()
                    .any(|route| route.get("target").and_then(Json::as_str) == Some(gateway))
            })
        };
        let Some(row) = world.everywhere("vpc_route_table").into_iter().find(names) else {
            return (
                End::Unknown,
                format!(
                    "no route table of the run names {gateway}; which VPC it belongs to is not known"
                ),
            );
        };
        let Known(vpc) = row.text("vpc_id") else {
            return unknown(row.text("vpc_id").gaps());
        };
        self.hops
            .push(Hop::new("vpn-gateway", gateway, format!("attached to {vpc}")).of(row.account()));
        let spot = Spot {
            account: row.account().to_owned(),
            region: row.region().to_owned(),
            vpc: vpc.to_owned(),
            subnet: String::new(),
        };
        // A virtual private gateway knows the ranges of its VPC alone.
        match self.inside(&spot) {
            Known(true) => {}
            Known(false) => {
                return (
                    End::Lost,
                    format!("{} is none of the addresses of {vpc}", self.packet.to),
                );
            }
            Unknown(gaps) => return unknown(&gaps),
        }
        self.enter(&spot)
    }

    /// Over what a route leads to.
    pub(crate) fn over(&mut self, spot: &Spot, next: &str, sender: Option<Row<'w>>) -> Ended {
        let world = self.world;
        let hop =
            |kind: &'static str, because: &str| Hop::new(kind, next, because).of(&spot.account);
        match world.prefix(next) {
            "igw" => {
                self.hops.push(hop(
                    "internet-gateway",
                    "it translates private addresses to public ones",
                ));
                match blocked(world, spot, false) {
                    Known(None) => {}
                    Known(Some(why)) => return (End::Denied, why),
                    Unknown(gaps) => return unknown(&gaps),
                }
                if self.guessed {
                    return (
                        End::Unknown,
                        format!(
                            "whether the interface in {} has a public address is not known; name the interface",
                            spot.subnet
                        ),
                    );
                }
                match sender.map(|row| row.text("public_ip")) {
                    _ if is_private(&IpNet::from(self.packet.to)) => (
                        End::Lost,
                        format!("{next} drops what goes to private addresses"),
                    ),
                    Some(Known(public)) if !public.is_empty() => {
                        (End::Leaves, format!("{next} sends it on from {public}"))
                    }
                    Some(Unknown(gaps)) => unknown(&gaps),
                    _ => (
                        End::Denied,
                        format!(
                            "{next} knows no public address for {}",
                            self.packet
                                .from
                                .map_or_else(|| "it".to_owned(), |from| from.to_string())
                        ),
                    ),
                }
            }
            "vgw" => {
                self.hops
                    .push(hop("vpn-gateway", "it leads to a network outside AWS"));
                (
                    End::Unknown,
                    format!(
                        "{next} leads to a network outside AWS; what lies behind AWS does not know"
                    ),
                )
            }
            "nat" => {
                let row = world.lookup("vpc_nat_gateway", &spot.account, &spot.region, next);
                let facts = row.fact(
                    || {
                        Observed::gap(Gap::not_understood(
                            "vpc_nat_gateway",
                            format!("{next} does not exist any more"),
                        ))
                    },
                    |row| {
                        row.text("subnet_id")
                            .zip(row.text("connectivity_type"))
                            .zip(row.text("state"))
                    },
                );
                match facts {
                    Known(((subnet, kind), "available")) => {
                        self.hops.push(hop("nat-gateway", kind));
                        if kind == "public" {
                            self.by_nat(spot, next, subnet)
                        } else {
                            (
                                End::Unknown,
                                format!("{next} is private; what it translates to is not followed"),
                            )
                        }
                    }
                    Known((_, state)) => {
                        self.hops.push(hop("nat-gateway", state));
                        match state {
                            "pending" | "deleting" => {
                                unknown(&passing("vpc_nat_gateway", next, state))
                            }
                            _ => (End::Lost, format!("{next} is {state}")),
                        }
                    }
                    Unknown(gaps) => unknown(&gaps),
                }
            }
            "vpce" => {
                let kind = world
                    .lookup("vpc_endpoint", &spot.account, &spot.region, next)
                    .fact(
                        || {
                            Observed::gap(Gap::not_understood(
                                "vpc_endpoint",
                                format!("{next} is not in the list"),
                            ))
                        },
                        |row| row.text("vpc_endpoint_type").map(str::to_owned),
                    );
                self.hops.push(hop("endpoint", "the table leads to it"));
                match kind {
                    Known(kind) if kind.eq_ignore_ascii_case("gateway") => (
                        End::Arrives,
                        format!("{next} takes what goes to the service"),
                    ),
                    Known(kind) => (
                        End::Unknown,
                        format!(
                            "{next} ({kind}) leads through an appliance; what it lets through is not read"
                        ),
                    ),
                    Unknown(gaps) => unknown(&gaps),
                }
            }
            "pcx" | "tgw" => self.across(spot, next),
            _ => (
                End::Unknown,
                format!("the route leads to {next}, which is not followed"),
            ),
        }
    }

    /// Out of a public NAT gateway: by the table of its own subnet, with its own address, and for the protocols that it knows
    /// (Amazon VPC User Guide, "NAT gateway basics": TCP, UDP and ICMP).
    fn by_nat(&mut self, spot: &Spot, gateway: &str, subnet: &str) -> Ended {
        if ![1, 6, 17].contains(&self.packet.protocol) {
            let why = format!("{gateway} translates TCP, UDP and ICMP alone");
            return (End::Lost, why);
        }
        let home = match Spot::find(self.world, &spot.account, &spot.region, &spot.vpc, subnet) {
            Known(home) => home,
            Unknown(gaps) => return unknown(&gaps),
        };
        match self.acl_lets(&home, true, Some(self.packet.to)) {
            Known(Ok(())) => {}
            Known(Err(why)) => {
                return (End::Denied, format!("{gateway} stands in {subnet}: {why}"));
            }
            Unknown(gaps) => return unknown(&gaps),
        }
        let chosen = table(self.world, &home)
            .and_then(|(row, why)| routes(self.world, &home, row).map(|all| (row, why, all)));
        let (row, why, all) = match chosen {
            Known(found) => found,
            Unknown(gaps) => return unknown(&gaps),
        };
        let to = IpNet::from(self.packet.to);
        let route = match choose(&all, &to, row.key()) {
            Choice::Route(route) if route.target == BLACKHOLE => {
                return (
                    End::Lost,
                    format!("{} ({why}) drops {}", row.key(), route.shown),
                );
            }
            Choice::Route(route) => route,
            Choice::None => {
                let why = format!("{} ({why}) has no route to {}", row.key(), self.packet.to);
                return (End::Lost, why);
            }
            Choice::Unknown(gaps) => return unknown(&gaps),
        };
        let because = format!("{why}: {} -> {}", route.shown, route.target);
        self.hops
            .push(Hop::new("route", row.key(), because).of(&home.account));
        if self.world.prefix(&route.target) != "igw" {
            let why = format!(
                "{gateway} sends it on to {} from its own address; the answers are not followed through it",
                route.target
            );
            return (End::Unknown, why);
        }
        match blocked(self.world, &home, false) {
            Known(None) if is_private(&to) => {
                let why = format!("{} drops what goes to private addresses", route.target);
                (End::Lost, why)
            }
            Known(None) => {
                let sends = "it sends on what has a public address";
                self.hops
                    .push(Hop::new("internet-gateway", &route.target, sends).of(&home.account));
                let why = format!("{gateway} sends it on from its own public address");
                (End::Leaves, why)
            }
            Known(Some(why)) => (End::Denied, why),
            Unknown(gaps) => unknown(&gaps),
        }
    }

    /// Into another VPC, over a peering or transit gateways.
    pub(crate) fn across(&mut self, spot: &Spot, next: &str) -> Ended {
        let to = IpNet::from(self.packet.to);
        let holders: Vec<Spot> = self
            .world
            .everywhere("vpc_subnet")
            .into_iter()
            .filter(|row| {
                row.text("cidr_block")
                    .known()
                    .and_then(|cidr| cidr.parse::<IpNet>().ok())
                    .is_some_and(|net| net.contains(&self.packet.to))
            })
            .filter_map(|row| spot_of(self.world, row).known())
            .filter(|other| other.vpc != spot.vpc)
            .collect();
        let mut last = (
            End::Unknown,
            format!("no VPC of the run holds {}", self.packet.to),
        );
        if holders.is_empty() && !is_private(&to) {
            match by_next(
                self.world,
                spot,
                next,
                &Target::Public {
                    address: Known(false),
                    six: to.addr().is_ipv6(),
                },
            ) {
                Reach::Open(hops) => {
                    self.hops.extend(hops);
                    return (End::Leaves, "a gateway behind it sends it on".to_owned());
                }
                Reach::Closed(_, why) => last = (End::Lost, why),
                Reach::Unknown(gaps) => last = unknown(&gaps),
            }
        }
        for other in holders {
            match by_next(
                self.world,
                spot,
                next,
                &Target::Inside {
                    net: to,
                    vpc: other.vpc.clone(),
                },
            ) {
                Reach::Open(hops) => {
                    self.hops.extend(hops);
                    return self.enter(&Spot {
                        subnet: String::new(),
                        ..other
                    });
                }
                Reach::Closed(_, why) => last = (End::Lost, why),
                Reach::Unknown(gaps) => last = unknown(&gaps),
            }
        }
        last
    }
}
