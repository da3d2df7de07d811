//! Amazon VPC: what joins networks: peering and transit gateways.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{json, list, text};
use crate::inventory::shape::{Fields, each};
use crate::inventory::{Inputs, Read, Role, Span, Table};
use serde_json::{Value as Json, json};

/// Peering connections.
pub const PEERING: Table = Table {
    name: "vpc_peering_connection",
    doc: "VPC peering connections; both sides list them.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text(
            "status_code",
            "`active`, `pending-acceptance`, `deleted`, ...",
        )
        .words(&[
            "active",
            "deleted",
            "deleting",
            "expired",
            "failed",
            "initiating-request",
            "pending-acceptance",
            "provisioning",
            "rejected",
        ]),
        text("requester_vpc_id", "VPC that asked."),
        text("requester_owner_id", "Its account."),
        text("requester_region", "Its Region."),
        text("accepter_vpc_id", "VPC that accepted."),
        text("accepter_owner_id", "Its account."),
        text("accepter_region", "Its Region."),
    ],
    reads: &[Read::new("list", "ec2:DescribeVpcPeeringConnections")],
    lists: Inputs::NONE,
};

/// Attachments of transit gateways.
pub const ATTACHMENT: Table = Table {
    name: "ec2_transit_gateway_attachment",
    doc: "What is attached to transit gateways; the gateway's account and the attached one's list it.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id; both sides of a peering of gateways share it."),
        text("transit_gateway_id", "Transit gateway."),
        text("transit_gateway_owner_id", "Its account."),
        text(
            "resource_type",
            "`vpc`, `vpn`, `direct-connect-gateway`, `peering`, `connect`, ...",
        )
        .words(&[
            "vpc",
            "vpn",
            "vpn-concentrator",
            "client-vpn",
            "direct-connect-gateway",
            "connect",
            "peering",
            "tgw-peering",
            "network-function",
        ]),
        text("resource_id", "VPC, VPN connection or peer gateway."),
        text("resource_owner_id", "Account of that."),
        text("state", "`available`, `pendingAcceptance`, `deleted`, ...").words(&[
            "available",
            "deleted",
            "deleting",
            "failed",
            "failing",
            "initiating",
            "initiatingRequest",
            "modifying",
            "pending",
            "pendingAcceptance",
            "rejected",
            "rejecting",
            "rollingBack",
        ]),
        text(
            "association_route_table_id",
            "Route table that its traffic is looked up in.",
        )
        .absent("'' (none)"),
        list(
            "subnet_ids",
            "Subnets of a VPC in which it has an interface.",
        )
        .by(&["subnets"]),
    ],
    reads: &[
        Read::new("list", "ec2:DescribeTransitGatewayAttachments"),
        Read::new("subnets", "ec2:DescribeTransitGatewayVpcAttachments"),
    ],
    lists: Inputs::NONE,
};

/// Route tables of transit gateways.
pub const ROUTE_TABLE: Table = Table {
    name: "ec2_transit_gateway_route_table",
    doc: "Route tables of transit gateways, in the account that owns the gateway.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text("transit_gateway_id", "Transit gateway."),
        json("routes", "`[{destination, type, state, attachment_id, resource_type, resource_id}]`; `type` is `static` or `propagated`.")
            .by(&["routes"])
            .shaped(routes),
    ],
    reads: &[Read::new("list", "ec2:DescribeTransitGatewayRouteTables"), Read::new("routes", "ec2:SearchTransitGatewayRoutes")],
    lists: Inputs::NONE,
};

/// Routes as this crate writes them, or as EC2 does (EC2 API Reference, "TransitGatewayRoute").
fn routes(value: &Json) -> Result<Json, String> {
    each(value, |route| {
        let mut fields = Fields::of(route)?;
        let destination = fields.text(&["destination", "DestinationCidrBlock", "PrefixListId"])?;
        let kind = fields.word(&["type", "Type"], &["static", "propagated", "system"])?;
        let state = fields.word(
            &["state", "State"],
            &["active", "blackhole", "pending", "deleting", "deleted"],
        )?;
        let (attachment, resource_type, resource) = match fields
            .member(&["TransitGatewayAttachments"])
            .and_then(|all| all.get(0))
        {
            Some(to) => {
                let mut to = Fields::of(to)?;
                let facts = (
                    to.text(&["TransitGatewayAttachmentId"])?,
                    to.text_if_any(&["ResourceType"])?,
                    to.text_if_any(&["ResourceId"])?,
                );
                to.done(&[])?;
                facts
            }
            // A route that leads nowhere has no attachment.
            None if state == "blackhole" => (fields.text_if_any(&["attachment_id"])?, "", ""),
            None => (fields.text(&["attachment_id"])?, "", ""),
        };
        let own = (
            fields.text_if_any(&["resource_type"])?,
            fields.text_if_any(&["resource_id"])?,
        );
        fields.done(&["TransitGatewayRouteTableAnnouncementId"])?;
        let resource_type = if resource_type.is_empty() {
            own.0
        } else {
            resource_type
        };
        let resource = if resource.is_empty() { own.1 } else { resource };
        Ok(json!({
            "destination": destination, "type": kind, "state": state, "attachment_id": attachment,
            "resource_type": resource_type, "resource_id": resource,
        }))
    })
}

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&PEERING, &ATTACHMENT, &ROUTE_TABLE],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["vpc_peering_connection"],
            span: Span::Regional,
            run: |place| Box::pin(live::peerings(place)),
        },
        Collector {
            tables: &["ec2_transit_gateway_attachment"],
            span: Span::Regional,
            run: |place| Box::pin(live::attachments(place)),
        },
        Collector {
            tables: &["ec2_transit_gateway_route_table"],
            span: Span::Regional,
            run: |place| Box::pin(live::route_tables(place)),
        },
    ],
};
