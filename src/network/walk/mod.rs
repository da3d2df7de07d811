//! Layer 3: where the routes lead from a subnet, over gateways, peering and transit gateways.

pub(crate) mod gateways;

pub(crate) use gateways::passing;

use super::address::{is_default, is_private, nets};
use super::{Hop, Spot};
use crate::inventory::{Lookup, Row, World};
use crate::model::{Gap, Observed, merge};
use Observed::{Known, Unknown};
use ipnet::IpNet;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The target of a route whose real one is gone.
pub(crate) const BLACKHOLE: &str = "blackhole";
/// The longest chain of tables that is followed.
const DEEPEST: usize = 16;
/// The most tables that are asked for one target.
const MOST_STEPS: usize = 500;

/// Where a packet is to go.
#[derive(Debug, Clone)]
pub(crate) enum Target {
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
pub(crate) enum Reach {
    /// By these hops.
    Open(Vec<Hop>),
    /// It does not; the hops as far as it came, and why.
    Closed(Vec<Hop>, String),
    /// It cannot be told.
    Unknown(Vec<Gap>),
}

impl Reach {
    pub(crate) fn after(self, hop: Hop) -> Self {
        match self {
            Self::Open(hops) => Self::Open([vec![hop], hops].concat()),
            Self::Closed(hops, why) => Self::Closed([vec![hop], hops].concat(), why),
            unknown => unknown,
        }
    }

    pub(crate) fn closed(why: impl Into<String>) -> Self {
        Self::Closed(Vec::new(), why.into())
    }

    pub(crate) fn beyond(fact: &str, why: impl Into<String>) -> Self {
        Self::Unknown(vec![Gap::not_understood(fact, why)])
    }
}

/// The route table of a subnet: its own, else the main one of its VPC.
pub(crate) fn table<'w>(world: &'w World, spot: &Spot) -> Observed<(Row<'w>, &'static str)> {
    let tables = world.children(
        "vpc_route_table",
        &spot.account,
        &spot.region,
        "vpc_id",
        &spot.vpc,
    );
    for row in &tables.rows {
        match row.list("subnet_ids") {
            Known(ids) if ids.contains(&spot.subnet) => {
                return Known((*row, "associated with the subnet"));
            }
            Known(_) => {}
            Unknown(gaps) => return Unknown(gaps),
        }
    }
    if !tables.gaps.is_empty() {
        return Unknown(tables.gaps);
    }
    // Of a subnet that nobody saw it is not known that it has no table of its own.
    if !spot.subnet.is_empty() {
        match world.lookup("vpc_subnet", &spot.account, &spot.region, &spot.subnet) {
            Lookup::Found(_) => {}
            Lookup::Absent => {
                return Observed::gap(Gap::not_understood(
                    "vpc_subnet",
                    format!("the subnet `{}` is not in the list", spot.subnet),
                ));
            }
            Lookup::Unknown(gaps) => return Unknown(gaps),
        }
    }
    for row in &tables.rows {
        match row.flag("is_main") {
            Known(true) => return Known((*row, "the main table of the VPC")),
            Known(false) => {}
            Unknown(gaps) => return Unknown(gaps),
        }
    }
    Observed::gap(Gap::not_understood(
        "vpc_route_table",
        format!("no route table of {} is its main one", spot.vpc),
    ))
}

/// The id of that table.
pub(crate) fn table_id(world: &World, spot: &Spot) -> Observed<String> {
    table(world, spot).map(|(row, _)| row.key().to_owned())
}

/// A route of a subnet's table to an internet gateway: the table and the gateway.
pub(crate) fn internet_route(world: &World, spot: &Spot) -> Observed<Option<(String, String)>> {
    table(world, spot).and_then(|(row, _)| {
        routes(world, spot, row).and_then(|routes| {
            let gateway = routes
                .iter()
                .find(|route| world.prefix(&route.target) == "igw")
                .map(|route| (row.key().to_owned(), route.target.clone()));
            match routes.iter().find(|route| route.target.is_empty()) {
                Some(route) if gateway.is_none() => Observed::gap(Gap::not_understood(
                    "vpc_route_table.routes",
                    format!(
                        "the route of {} to {} names no target",
                        row.key(),
                        route.shown
                    ),
                )),
                None if gateway.is_none() => match more_routes(world, spot, row) {
                    gaps if gaps.is_empty() => Known(None),
                    gaps => Unknown(gaps),
                },
                _ => Known(gateway),
            }
        })
    })
}

/// What may add routes to the table of a subnet, or give the subnet another, without the file showing it.
fn more_routes(world: &World, spot: &Spot, table: Row<'_>) -> Vec<Gap> {
    [table.key(), &spot.subnet]
        .into_iter()
        .fold(Vec::new(), |gaps, key| merge(gaps, world.companions(key)))
}

/// One route as it counts.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub shown: String,
    pub nets: Observed<Vec<IpNet>>,
    pub target: String,
    pub static_first: bool,
}

pub(crate) fn routes(world: &World, spot: &Spot, table: Row<'_>) -> Observed<Vec<Route>> {
    table.json("routes").map(|all| {
        let text = |route: &Json, key: &str| {
            route
                .get(key)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut routes: Vec<Route> = all
            .as_array()
            .into_iter()
            .flatten()
            .map(|route| {
                let destination = text(route, "destination");
                let gone = text(route, "state").eq_ignore_ascii_case("blackhole");
                Route {
                    // Where a route leads that names no target nobody knows.
                    nets: if gone || route.get("target").is_some_and(Json::is_string) {
                        nets(world, &spot.account, &spot.region, &destination)
                    } else {
                        Observed::gap(Gap::not_understood(
                            "vpc_route_table.routes",
                            format!("the route to {destination} names no target"),
                        ))
                    },
                    shown: destination,
                    target: if gone {
                        BLACKHOLE.to_owned()
                    } else {
                        text(route, "target")
                    },
                    static_first: route.get("propagated").and_then(Json::as_bool) != Some(true),
                }
            })
            .collect();
        // Every table leads to the VPC's own ranges; files do not write that route.
        if !routes.iter().any(|route| route.target == "local") {
            let nets = match world.lookup("vpc", &spot.account, &spot.region, &spot.vpc) {
                Lookup::Found(row) => row
                    .list("cidr_blocks")
                    .map(|cidrs| cidrs.iter().filter_map(|cidr| cidr.parse().ok()).collect()),
                Lookup::Absent => Known(Vec::new()),
                Lookup::Unknown(gaps) => Unknown(gaps),
            };
            routes.push(Route {
                shown: "the VPC's own ranges".to_owned(),
                nets,
                target: "local".to_owned(),
                static_first: true,
            });
        }
        routes
    })
}

/// The route that counts for addresses: the longest prefix, static before propagated.
pub(crate) enum Choice {
    Route(Route),
    None,
    Unknown(Vec<Gap>),
}

pub(crate) fn choose(routes: &[Route], wanted: &IpNet, table: &str) -> Choice {
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
                    net.prefix_len() > of.prefix_len()
                        || net.prefix_len() == of.prefix_len()
                            && route.static_first
                            && !known.static_first
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
    if let Some((route, net)) = parts
        .into_iter()
        .find(|(route, _)| best.is_none_or(|(known, _)| known.target != route.target))
    {
        return Choice::Unknown(vec![Gap::not_understood(
            "vpc_route_table.routes",
            format!(
                "{table} sends {net}, a part of {wanted}, to {}; which address is asked for is not known",
                route.target
            ),
        )]);
    }
    match best {
        Some((route, _)) => Choice::Route(route.clone()),
        None => Choice::None,
    }
}

/// Follows the routes from a subnet.
pub(crate) fn reach(world: &World, from: &Spot, target: &Target) -> Reach {
    Walk {
        world,
        path: Vec::new(),
        steps: 0,
    }
    .from(from, target)
}

/// Do the exclusions of VPC Block Public Access name the VPC or the subnet?
pub(crate) fn is_excluded(excluded: &[String], spot: &Spot) -> bool {
    [&spot.vpc, &spot.subnet]
        .into_iter()
        .any(|id| !id.is_empty() && excluded.iter().any(|arn| arn.ends_with(&format!("/{id}"))))
}

/// Does VPC Block Public Access close an internet gateway to what comes in or goes out? Why, if so.
pub(crate) fn blocked(world: &World, spot: &Spot, inward: bool) -> Observed<Option<String>> {
    let options = world.lookup(
        "vpc_block_public_access_options",
        &spot.account,
        &spot.region,
        &spot.region,
    );
    if inward && let Lookup::Found(row) = &options {
        match row
            .text("internet_gateway_block_mode")
            .zip(row.list("excluded_resources"))
        {
            Known(("block-ingress", excluded)) => {
                return Known(
                    (!is_excluded(&excluded, spot))
                        .then(|| "VPC Block Public Access is block-ingress".to_owned()),
                );
            }
            Known(_) => {}
            Unknown(gaps) => return Unknown(gaps),
        }
    }
    match (Walk {
        world,
        path: Vec::new(),
        steps: 0,
    })
    .guarded(spot, Hop::new("internet-gateway", "", ""))
    {
        Reach::Open(_) => Known(None),
        Reach::Closed(_, why) => Known(Some(why)),
        Reach::Unknown(gaps) => Unknown(gaps),
    }
}

/// Follows what one route leads to.
pub(crate) fn by_next(world: &World, from: &Spot, next: &str, target: &Target) -> Reach {
    Walk {
        world,
        path: Vec::new(),
        steps: 0,
    }
    .over(from, next, target)
}

pub(crate) struct Walk<'w> {
    pub world: &'w World,
    /// Tables of the way so far.
    pub(crate) path: Vec<(String, String)>,
    /// Tables that were asked, over all branches.
    pub(crate) steps: usize,
}

impl Walk<'_> {
    pub(crate) fn from(&mut self, spot: &Spot, target: &Target) -> Reach {
        let (table, why) = match table(self.world, spot) {
            Known(found) => found,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let routes = match routes(self.world, spot, table) {
            Known(routes) => routes,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let address = matches!(
            target,
            Target::Public {
                address: Known(true),
                ..
            }
        );
        let reached = self.once((spot.vpc.clone(), format!("{}/{}/{address}", table.key(), spot.subnet)), |walk| match target {
            Target::Inside { net, .. } => match choose(&routes, net, table.key()) {
                Choice::Route(route) if route.target == BLACKHOLE => {
                    let rest: Vec<Route> = routes.iter().filter(|route| route.target != BLACKHOLE).cloned().collect();
                    match choose(&rest, net, table.key()) {
                        Choice::None => Reach::closed(format!("{} ({why}) drops {}", table.key(), route.shown)),
                        _ => Reach::beyond(
                            "vpc_route_table.routes",
                            format!("the target of {} in {} is gone; whether a wider route counts then is not documented", route.shown, table.key()),
                        ),
                    }
                }
                Choice::Route(route) => {
                    let hop = Hop::new("route", table.key(), format!("{why}: {} -> {}", route.shown, route.target)).of(&spot.account);
                    walk.over(spot, &route.target, target).after(hop)
                }
                Choice::None => Reach::closed(format!("{} ({why}) has no route to {net}", table.key())),
                Choice::Unknown(gaps) => Reach::Unknown(gaps),
            },
            Target::Public { six, .. } => walk.out(spot, table, why, &routes, target, *six),
        });
        // Whoever is handed the table of a file may add the route that is missing.
        match (reached, more_routes(self.world, spot, table)) {
            (Reach::Closed(..), gaps) if !gaps.is_empty() => Reach::Unknown(gaps),
            (reached, _) => reached,
        }
    }

    /// Goes on by a table, unless this way came by it before: that is a circle, and leads nowhere.
    pub(crate) fn once(
        &mut self,
        table: (String, String),
        on: impl FnOnce(&mut Self) -> Reach,
    ) -> Reach {
        self.steps += 1;
        if self.path.len() >= DEEPEST || self.steps > MOST_STEPS {
            return Reach::beyond("routes", "the routes lead on for longer than is followed");
        }
        if self.path.contains(&table) {
            return Reach::closed(format!("the routes of {} lead in a circle", table.0));
        }
        self.path.push(table);
        let reached = on(self);
        self.path.pop();
        reached
    }

    /// To public addresses: any default route that is open will do.
    fn out(
        &mut self,
        spot: &Spot,
        table: Row<'_>,
        why: &str,
        routes: &[Route],
        target: &Target,
        six: bool,
    ) -> Reach {
        let (mut unknown, mut closed): (Vec<Gap>, Option<Reach>) = (Vec::new(), None);
        let halves: BTreeSet<String> = routes
            .iter()
            .filter_map(|route| route.nets.clone().known())
            .flatten()
            .filter(|net| net.prefix_len() == 1 && net.addr().is_ipv6() == six)
            .map(|net| net.to_string())
            .collect();
        for route in routes.iter().filter(|route| route.target != BLACKHOLE) {
            let nets = match &route.nets {
                Known(nets) => nets,
                // Lists of AWS's own services lead to gateway endpoints, which carry nothing of Bedrock's.
                Unknown(gaps) if self.leads_out(spot, &route.target) => {
                    unknown.extend(gaps.clone());
                    continue;
                }
                Unknown(_) => continue,
            };
            // Two halves win over a whole.
            let counts = |net: &&IpNet| {
                is_default(net)
                    && net.addr().is_ipv6() == six
                    && (net.prefix_len() > 0 || halves.len() < 2)
            };
            if !nets.iter().any(|net| counts(&net)) {
                // A narrower route out may or may not cover the service's addresses.
                if nets
                    .iter()
                    .any(|net| !is_default(net) && !is_private(net) && net.addr().is_ipv6() == six)
                    && self.leads_out(spot, &route.target)
                {
                    unknown.push(Gap::not_understood(
                        "vpc_route_table.routes",
                        format!("{} sends {} to {}; whether the service's addresses are in it is not known", table.key(), route.shown, route.target),
                    ));
                }
                continue;
            }
            let hop = Hop::new(
                "route",
                table.key(),
                format!("{why}: {} -> {}", route.shown, route.target),
            )
            .of(&spot.account);
            match self.over(spot, &route.target, target).after(hop) {
                Reach::Open(hops) => return Reach::Open(hops),
                Reach::Unknown(gaps) => unknown.extend(gaps),
                shut => closed = closed.or(Some(shut)),
            }
        }
        if !unknown.is_empty() {
            return Reach::Unknown(unknown);
        }
        closed.unwrap_or_else(|| {
            Reach::closed(format!(
                "{} ({why}) has no route to public addresses",
                table.key()
            ))
        })
    }

    /// Over what a route leads to.
    fn over(&mut self, spot: &Spot, next: &str, target: &Target) -> Reach {
        let unknown = |what: &str| {
            Reach::beyond(
                "vpc_route_table.routes",
                format!("the route leads to {next}, {what}"),
            )
        };
        match (self.world.prefix(next), target) {
            ("local", Target::Inside { vpc, .. }) if *vpc == spot.vpc => Reach::Open(Vec::new()),
            ("local", Target::Inside { net, vpc }) => Reach::closed(format!(
                "{net} of {vpc} overlaps with {}, so it stays in that VPC",
                spot.vpc
            )),
            ("local", Target::Public { .. }) => Reach::closed("the route stays in the VPC"),
            ("igw", Target::Public { six: true, .. }) => self.guarded(
                spot,
                Hop::new("internet-gateway", next, "IPv6 addresses are public").of(&spot.account),
            ),
            ("igw", Target::Public { address, .. }) => self.internet_gateway(spot, next, address),
            ("eigw", Target::Public { .. }) => self.guarded(
                spot,
                Hop::new("egress-only-gateway", next, "IPv6 addresses are public")
                    .of(&spot.account),
            ),
            ("igw" | "eigw", Target::Inside { net, .. }) => {
                Reach::closed(format!("{next} leads out, and {net} is private"))
            }
            ("nat", _) => self.nat_gateway(spot, next, target),
            ("pcx", _) => self.peering(spot, next, target),
            ("tgw", _) => self.transit_gateway(spot, next, target),
            ("vgw", Target::Public { .. }) => Reach::beyond(
                "vpc_route_table.routes",
                format!(
                    "{next} leads to an on-premises network; what lies behind AWS does not know"
                ),
            ),
            ("vgw", Target::Inside { .. }) => unknown(
                "a virtual private gateway to an on-premises network, behind which AWS sees nothing",
            ),
            ("vpce", _) => self.firewall(spot, next, target),
            ("eni" | "i", _) => unknown("an appliance, whose own rules AWS does not know"),
            _ => unknown("which is not followed"),
        }
    }
}
