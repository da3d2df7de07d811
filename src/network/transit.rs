//! Over transit gateways: attachments, their route tables, peers, and the VPCs behind them.

use super::address::{is_default, is_private, nets};
use super::walk::{BLACKHOLE, Choice, Reach, Route, Target, Walk, choose, passing};
use super::{Hop, Spot};
use crate::inventory::{Lookup, Row};
use crate::model::Observed::{Known, Unknown};
use crate::model::{Gap, Observed, Reason, merge};
use ipnet::IpNet;
use serde_json::Value as Json;

impl Walk<'_> {
    pub(crate) fn transit_gateway(&mut self, spot: &Spot, gateway: &str, target: &Target) -> Reach {
        let mut found = None;
        let mut gaps = self.world.hidden(
            "ec2_transit_gateway_attachment",
            &spot.account,
            &spot.region,
        );
        for row in self.world.everywhere("ec2_transit_gateway_attachment") {
            match row
                .text("transit_gateway_id")
                .zip(row.text("resource_id"))
                .zip(row.text("resource_type"))
            {
                // The gateway's own account knows best which table counts.
                Known(((own, resource), "vpc")) if own == gateway && resource == spot.vpc => {
                    let knows = row.text("transit_gateway_owner_id") == Known(row.account());
                    if found.is_none() || knows {
                        found = Some(row);
                    }
                }
                Known(_) => {}
                // It may be the one.
                Unknown(more) => gaps.extend(more),
            }
        }
        let Some(row) = found else {
            return if gaps.is_empty() {
                Reach::closed(format!("{} is not attached to {gateway}", spot.vpc))
            } else {
                Reach::Unknown(gaps)
            };
        };
        let (state, table) = match row
            .text("state")
            .zip(row.text("association_route_table_id"))
        {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        match state {
            "available" => {}
            "pending" | "modifying" => {
                return Reach::Unknown(passing("ec2_transit_gateway_attachment", row.key(), state));
            }
            _ => return Reach::closed(format!("the attachment {} is {state}", row.key())),
        }
        let owner = row
            .text("transit_gateway_owner_id")
            .known()
            .unwrap_or_default()
            .to_owned();
        if table.is_empty() && owner != row.account() {
            return Reach::beyond(
                "ec2_transit_gateway_attachment",
                format!(
                    "which route table counts for {} only the account {owner} tells",
                    row.key()
                ),
            );
        }
        match self.attached_in_zone(spot, row.key()) {
            Known(true) => {}
            Known(false) => {
                return Reach::closed(format!(
                    "the attachment {} has no subnet in the Availability Zone of {}, and {gateway} takes traffic only where it has one",
                    row.key(),
                    spot.subnet
                ));
            }
            Unknown(gaps) => return Reach::Unknown(gaps),
        }
        let hop = Hop::new(
            "transit-gateway",
            gateway,
            format!("by the attachment {}", row.key()),
        )
        .of(&owner);
        self.in_table(gateway, table, target).after(hop)
    }

    /// Has an attachment a subnet in the Availability Zone of a sender? (Amazon VPC Transit Gateways, "How transit gateways
    /// work", "Availability Zones": traffic reaches a transit gateway only from zones in which the attachment has a subnet.)
    fn attached_in_zone(&self, spot: &Spot, attachment: &str) -> Observed<bool> {
        if spot.subnet.is_empty() {
            return Known(true);
        }
        let zone = |subnet: &str| {
            let found = self
                .world
                .lookup("vpc_subnet", &spot.account, &spot.region, subnet);
            let absent = || {
                let why = format!("the subnet `{subnet}` is not in the list");
                Observed::gap(Gap::not_understood("vpc_subnet", why))
            };
            found.fact(absent, |row| {
                row.text("availability_zone").map(str::to_owned)
            })
        };
        // Both accounts list the attachment; the owner of the VPC sees its subnets.
        let (mut subnets, mut gaps) = (None, Vec::new());
        for row in self.world.everywhere("ec2_transit_gateway_attachment") {
            if row.key() == attachment {
                match row.list("subnet_ids") {
                    Known(ids) if !ids.is_empty() => subnets = Some(ids),
                    Known(_) => {}
                    Unknown(more) => gaps = merge(gaps, more),
                }
            }
        }
        let Some(subnets) = subnets else {
            return if gaps.is_empty() {
                Known(true)
            } else {
                Unknown(gaps)
            };
        };
        if subnets.contains(&spot.subnet) {
            return Known(true);
        }
        zone(&spot.subnet).and_then(|own| {
            Observed::any(
                subnets
                    .iter()
                    .map(|subnet| zone(subnet).map(|zone| zone == own)),
            )
        })
    }

    /// Looks a target up in a route table of a transit gateway, and goes on from there.
    fn in_table(&mut self, gateway: &str, table: &str, target: &Target) -> Reach {
        self.once((gateway.to_owned(), table.to_owned()), |walk| {
            walk.by_table(gateway, table, target)
        })
    }

    fn by_table(&mut self, gateway: &str, table: &str, target: &Target) -> Reach {
        if table.is_empty() {
            return Reach::closed(format!(
                "the attachment is associated with no route table of {gateway}"
            ));
        }
        let row = match self
            .world
            .lookup_anywhere("ec2_transit_gateway_route_table", table)
        {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::closed(format!("{table} does not exist any more")),
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let all = match row.json("routes") {
            Known(all) => all,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let text = |route: &Json, key: &str| {
            route
                .get(key)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let routes: Vec<Route> = all
            .as_array()
            .into_iter()
            .flatten()
            .map(|route| Route {
                nets: nets(
                    self.world,
                    row.account(),
                    row.region(),
                    &text(route, "destination"),
                ),
                shown: text(route, "destination"),
                // A route that leads nowhere wins as any other does.
                target: if text(route, "state") == "blackhole" {
                    BLACKHOLE.to_owned()
                } else {
                    text(route, "attachment_id")
                },
                static_first: text(route, "type") != "propagated",
            })
            .collect();
        let wanted = match target {
            Target::Inside { net, .. } => *net,
            Target::Public { six, .. } => {
                match routes
                    .iter()
                    .filter_map(|route| route.nets.clone().known())
                    .flatten()
                    .find(|net| is_default(net) && net.addr().is_ipv6() == *six)
                {
                    Some(net) => net,
                    None => return no_default(table, &routes, *six),
                }
            }
        };
        match choose(&routes, &wanted, table) {
            Choice::Route(route) if route.target == BLACKHOLE => {
                Reach::closed(format!("{table} drops {}", route.shown))
            }
            Choice::Route(route) => {
                let hop = Hop::new(
                    "route",
                    table,
                    format!("{} -> {}", route.shown, route.target),
                )
                .of(row.account());
                self.attachment(&route.target, gateway, target).after(hop)
            }
            Choice::None => Reach::closed(format!("{table} has no route to {wanted}")),
            // Narrower routes beside the default one decide for their own addresses alone.
            Choice::Unknown(_) if matches!(target, Target::Public { .. }) => {
                let default = routes.iter().find(|route| {
                    route
                        .nets
                        .as_ref()
                        .known()
                        .is_some_and(|nets| nets.contains(&wanted))
                });
                match default.map(|route| route.target.clone()) {
                    Some(next) if next != BLACKHOLE => {
                        self.attachment(&next, gateway, target).after(
                            Hop::new("route", table, format!("{wanted} -> {next}"))
                                .of(row.account()),
                        )
                    }
                    _ => Reach::closed(format!("{table} drops {wanted}")),
                }
            }
            Choice::Unknown(gaps) => Reach::Unknown(gaps),
        }
    }

    /// Out of a transit gateway by one of its attachments.
    fn attachment(&mut self, id: &str, gateway: &str, target: &Target) -> Reach {
        let sides: Vec<Row<'_>> = self
            .world
            .everywhere("ec2_transit_gateway_attachment")
            .into_iter()
            .filter(|row| row.key() == id)
            .collect();
        let Some(row) = sides.first() else {
            let gaps = self.world.hidden_anywhere("ec2_transit_gateway_attachment");
            let unread = vec![Gap {
                reason: Reason::NotScanned,
                ..Gap::not_understood(
                    "ec2_transit_gateway_attachment",
                    format!("the attachment {id} is in no account of this run"),
                )
            }];
            return Reach::Unknown(if gaps.is_empty() { unread } else { gaps });
        };
        let ((kind, resource), state) = match row
            .text("resource_type")
            .zip(row.text("resource_id"))
            .zip(row.text("state"))
        {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        match state {
            "available" => {}
            "pending" | "modifying" => {
                return Reach::Unknown(passing("ec2_transit_gateway_attachment", id, state));
            }
            _ => return Reach::closed(format!("the attachment {id} is {state}")),
        }
        match kind {
            "vpc" => self.enter_vpc(&sides, resource, target),
            "peering" => {
                // The other side is the one that belongs to another gateway.
                let other = sides.iter().find(|row| {
                    row.text("transit_gateway_id")
                        .known()
                        .is_some_and(|other| other != gateway)
                });
                let Some(other) = other else {
                    return Reach::beyond(
                        "ec2_transit_gateway_attachment",
                        format!(
                            "{id} leads to another transit gateway ({resource}), which is in no account of this run"
                        ),
                    );
                };
                let (peer, table) = match other
                    .text("transit_gateway_id")
                    .zip(other.text("association_route_table_id"))
                {
                    Known(facts) => facts,
                    Unknown(gaps) => return Reach::Unknown(gaps),
                };
                let hop = Hop::new("transit-gateway", peer, format!("by the peering {id}"))
                    .of(other.account());
                self.in_table(peer, table, target).after(hop)
            }
            _ => Reach::beyond(
                "ec2_transit_gateway_route_table.routes",
                format!(
                    "{id} ({kind}) leads to a network outside AWS; what lies behind AWS does not know"
                ),
            ),
        }
    }

    /// Into a VPC by the subnets in which the gateway has interfaces.
    fn enter_vpc(&mut self, sides: &[Row<'_>], vpc: &str, target: &Target) -> Reach {
        let place = self.world.everywhere("vpc").into_iter().find(|row| {
            row.key() == vpc
                && row
                    .text("owner_id")
                    .known()
                    .is_none_or(|owner| owner == row.account())
        });
        let Some(place) = place else {
            return Reach::Unknown(vec![Gap {
                reason: Reason::NotScanned,
                ..Gap::not_understood(
                    "vpc",
                    format!(
                        "the transit gateway leads to {vpc}, which is in no account of this run"
                    ),
                )
            }]);
        };
        let spot = |subnet: &str| Spot {
            account: place.account().to_owned(),
            region: place.region().to_owned(),
            vpc: vpc.to_owned(),
            subnet: subnet.to_owned(),
        };
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
        let Some(subnets) = subnets else {
            return Reach::Unknown(gaps);
        };
        let mut closed = None;
        let mut unknown = Vec::new();
        for subnet in &subnets {
            // What comes from elsewhere has no public address here.
            let onward = if let Target::Public { six, .. } = target {
                Target::Public {
                    address: Known(false),
                    six: *six,
                }
            } else {
                target.clone()
            };
            let hop = Hop::new(
                "subnet",
                subnet,
                format!("the transit gateway's interface in {vpc}"),
            )
            .of(place.account());
            match self.from(&spot(subnet), &onward).after(hop) {
                Reach::Open(hops) => return Reach::Open(hops),
                Reach::Unknown(more) => unknown.extend(more),
                shut => closed = closed.or(Some(shut)),
            }
        }
        if unknown.is_empty() {
            closed.unwrap_or_else(|| {
                Reach::closed(format!("the transit gateway has no interface in {vpc}"))
            })
        } else {
            Reach::Unknown(unknown)
        }
    }
}

/// Without a default route a list that is not read, or a narrower public range, may still hold the service's addresses.
fn no_default(table: &str, routes: &[Route], six: bool) -> Reach {
    let open = |route: &&Route| {
        let outside = |net: &IpNet| !is_private(net) && net.addr().is_ipv6() == six;
        route.target != BLACKHOLE
            && route
                .nets
                .as_ref()
                .known()
                .is_none_or(|nets| nets.iter().any(outside))
    };
    match routes.iter().find(open) {
        Some(route) => Reach::beyond(
            "ec2_transit_gateway_route_table.routes",
            format!(
                "{table} sends {} to {}; whether the service's addresses are in it is not known",
                route.shown, route.target
            ),
        ),
        None => Reach::closed(format!("{table} has no route to public addresses")),
    }
}
