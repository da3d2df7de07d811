//! Gateways on the path of a packet: internet, NAT, peering, firewall.

use super::super::filter::gateway_acl;
use super::{Hop, Spot};
use super::{Reach, Target, Walk, is_excluded};
use crate::inventory::Lookup;
use crate::model::{Gap, Observed, Reason};
use Observed::{Known, Unknown};

/// A state that passes: what is in it carries traffic soon, or still does.
pub(crate) fn passing(table: &str, id: &str, state: &str) -> Vec<Gap> {
    vec![Gap::not_understood(
        format!("{table}.state"),
        format!("{id} is {state}, so whether it carries traffic may change"),
    )]
}

impl Walk<'_> {
    /// May a route to this lead out of the VPC to public addresses? Everything may but the VPC itself, a peer and a gateway endpoint.
    pub(crate) fn leads_out(&self, spot: &Spot, next: &str) -> bool {
        let gateway = || {
            let row = self
                .world
                .lookup("vpc_endpoint", &spot.account, &spot.region, next)
                .found();
            row.is_some_and(|row| {
                row.text("vpc_endpoint_type")
                    .known()
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("gateway"))
            })
        };
        !(next == "local"
            || self.world.prefix(next) == "pcx"
            || self.world.prefix(next) == "vpce" && gateway())
    }

    pub(crate) fn internet_gateway(
        &self,
        spot: &Spot,
        gateway: &str,
        address: &Observed<bool>,
    ) -> Reach {
        match address {
            Known(false) => Reach::closed(format!(
                "{gateway} serves public addresses, and the interface has none"
            )),
            Known(true) => self.guarded(
                spot,
                Hop::new(
                    "internet-gateway",
                    gateway,
                    "the interface has a public address",
                )
                .of(&spot.account),
            ),
            Unknown(gaps) => Reach::Unknown(gaps.clone()),
        }
    }

    /// VPC Block Public Access closes internet gateways both ways in the mode block-bidirectional, unless the VPC or subnet is excluded.
    pub(crate) fn guarded(&self, spot: &Spot, hop: Hop) -> Reach {
        let options = match self.world.lookup(
            "vpc_block_public_access_options",
            &spot.account,
            &spot.region,
            &spot.region,
        ) {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::Open(vec![hop]),
            // A file opens the way by itself; a guard that is off by default and stands elsewhere does not excuse it.
            Lookup::Unknown(gaps) if gaps.iter().all(|gap| gap.reason == Reason::NotInFile) => {
                return Reach::Open(vec![hop.noting(
                    "unless VPC Block Public Access, off by default and not in the file, blocks it",
                )]);
            }
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        match options.text("internet_gateway_block_mode") {
            Known("block-bidirectional") => match options.list("excluded_resources") {
                Known(all) if is_excluded(&all, spot) => Reach::Open(vec![hop]),
                Known(_) => Reach::closed("VPC Block Public Access is block-bidirectional"),
                Unknown(gaps) => Reach::Unknown(gaps),
            },
            Known(_) => Reach::Open(vec![hop]),
            Unknown(gaps) => Reach::Unknown(gaps),
        }
    }

    pub(crate) fn nat_gateway(&mut self, spot: &Spot, gateway: &str, target: &Target) -> Reach {
        let row = match self
            .world
            .lookup("vpc_nat_gateway", &spot.account, &spot.region, gateway)
        {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::closed(format!("{gateway} does not exist any more")),
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let facts = row
            .text("state")
            .zip(row.text("connectivity_type"))
            .zip(row.text("subnet_id"));
        let ((state, kind), subnet) = match facts {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        match state {
            "available" => {}
            // It will carry traffic in a moment, or still does (Amazon VPC User Guide, "NAT gateway states and status").
            "pending" | "deleting" => {
                return Reach::Unknown(passing("vpc_nat_gateway", gateway, state));
            }
            _ => return Reach::closed(format!("{gateway} is {state}")),
        }
        // What a route leads to stands in the VPC of its table.
        let stands = Spot {
            subnet: subnet.to_owned(),
            ..spot.clone()
        };
        let hop = Hop::new("nat-gateway", gateway, format!("available, {kind}")).of(&spot.account);
        match (kind, target, subnet) {
            // It translates to a private address of its subnet, and goes on by that subnet's table.
            (_, Target::Public { six: true, .. }, _) => {
                Reach::closed(format!("{gateway} translates IPv4 alone"))
            }
            ("private", Target::Public { six, .. }, _) => self
                .from(
                    &stands,
                    &Target::Public {
                        address: Known(false),
                        six: *six,
                    },
                )
                .after(hop),
            (_, Target::Public { .. }, "") => self.guarded(&stands, hop),
            // The gateway itself needs a route to an internet gateway from the subnet it stands in, and that subnet's ACL.
            (_, Target::Public { .. }, _) => match gateway_acl(self.world, &stands) {
                Known(Some(why)) => Reach::closed(format!("{gateway} stands in {subnet}: {why}")),
                Unknown(gaps) => Reach::Unknown(gaps),
                Known(None) => match self.from(
                    &stands,
                    &Target::Public {
                        address: Known(true),
                        six: false,
                    },
                ) {
                    Reach::Closed(hops, why) => {
                        Reach::Closed(hops, format!("{gateway} stands in {subnet}: {why}"))
                            .after(hop)
                    }
                    other => other.after(hop),
                },
            },
            (_, inside, _) => self.from(&stands, inside).after(hop),
        }
    }

    pub(crate) fn peering(&self, spot: &Spot, id: &str, target: &Target) -> Reach {
        let row = match self
            .world
            .lookup("vpc_peering_connection", &spot.account, &spot.region, id)
        {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::closed(format!("{id} does not exist any more")),
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let side = |side: &str| {
            row.text(&format!("{side}_vpc_id"))
                .zip(row.text(&format!("{side}_owner_id")))
        };
        let (state, (asks, accepts)) = match row
            .text("status_code")
            .zip(side("requester").zip(side("accepter")))
        {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        match state {
            "active" => {}
            "provisioning" => return Reach::Unknown(passing("vpc_peering_connection", id, state)),
            _ => return Reach::closed(format!("{id} is {state}")),
        }
        let (peer, account) = if asks.0 == spot.vpc { accepts } else { asks };
        match target {
            // Peering carries traffic between the two VPCs alone (VPC Peering Guide, "Edge to edge routing").
            Target::Public { .. } => {
                Reach::closed(format!("{id} leads to {peer} and not beyond it"))
            }
            Target::Inside { vpc, .. } if vpc == peer => Reach::Open(vec![
                Hop::new("peering", id, format!("active, to {peer}")).of(account),
            ]),
            Target::Inside { net, .. } => {
                Reach::closed(format!("{id} leads to {peer}, and {net} is not there"))
            }
        }
    }

    /// A firewall or load-balancer endpoint: traffic comes back to its subnet and goes on by that table.
    pub(crate) fn firewall(&mut self, spot: &Spot, endpoint: &str, target: &Target) -> Reach {
        let row = match self
            .world
            .lookup("vpc_endpoint", &spot.account, &spot.region, endpoint)
        {
            Lookup::Found(row) => row,
            Lookup::Absent => return Reach::closed(format!("{endpoint} does not exist any more")),
            Lookup::Unknown(gaps) => return Reach::Unknown(gaps),
        };
        let (kind, subnets) = match row.text("vpc_endpoint_type").zip(row.list("subnet_ids")) {
            Known(facts) => facts,
            Unknown(gaps) => return Reach::Unknown(gaps),
        };
        if kind.eq_ignore_ascii_case("gateway") {
            return Reach::closed(format!(
                "{endpoint} is a gateway endpoint for another service"
            ));
        }
        let mut gaps = vec![Gap::not_understood(
            "vpc_endpoint",
            format!(
                "{endpoint} leads through a firewall or an appliance; what it lets through is not read"
            ),
        )];
        for subnet in subnets {
            match self.from(
                &Spot {
                    subnet,
                    ..spot.clone()
                },
                target,
            ) {
                // Whatever the firewall says, behind it there is no way.
                Reach::Closed(hops, why) => {
                    return Reach::Closed(hops, why).after(
                        Hop::new("firewall", endpoint, format!("of the type {kind}"))
                            .of(&spot.account),
                    );
                }
                Reach::Unknown(more) => gaps.extend(more),
                Reach::Open(_) => {}
            }
        }
        Reach::Unknown(gaps)
    }
}
