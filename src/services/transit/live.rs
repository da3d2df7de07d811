//! The calls.

use crate::client;
use crate::inventory::Status;
use crate::services::collect::{Batch, Place};
use crate::services::failure::Failure;
use aws_sdk_ec2::types::{
    Filter, TransitGatewayRoute, TransitGatewayRouteTable, VpcPeeringConnectionVpcInfo,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

pub(in crate::services) async fn peerings(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeVpcPeeringConnections",
            |token| {
                client
                    .describe_vpc_peering_connections()
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.vpc_peering_connections.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_peering_connection", &listing);
    batch.rows.extend(listing.items.iter().map(|peering| {
        let text = |side: Option<&VpcPeeringConnectionVpcInfo>,
                    of: fn(&VpcPeeringConnectionVpcInfo) -> Option<&str>| {
            side.and_then(of).unwrap_or_default().to_owned()
        };
        let (asks, accepts) = (peering.requester_vpc_info(), peering.accepter_vpc_info());
        place
            .row("vpc_peering_connection")
            .set("id", peering.vpc_peering_connection_id())
            .set(
                "status_code",
                peering
                    .status()
                    .and_then(|status| status.code())
                    .map(|code| code.as_str().to_ascii_lowercase()),
            )
            .set("requester_vpc_id", text(asks, |side| side.vpc_id()))
            .set("requester_owner_id", text(asks, |side| side.owner_id()))
            .set("requester_region", text(asks, |side| side.region()))
            .set("accepter_vpc_id", text(accepts, |side| side.vpc_id()))
            .set("accepter_owner_id", text(accepts, |side| side.owner_id()))
            .set("accepter_region", text(accepts, |side| side.region()))
    }));
    batch
}

pub(in crate::services) async fn attachments(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeTransitGatewayAttachments",
            |token| {
                client
                    .describe_transit_gateway_attachments()
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.transit_gateway_attachments.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "ec2_transit_gateway_attachment", &listing);
    let mut subnets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut line = place.line(
        "ec2_transit_gateway_attachment",
        "subnets",
        Status::Complete,
    );
    if place.wants("ec2_transit_gateway_attachment", "subnets") {
        let vpcs = place
            .pages(
                "ec2:DescribeTransitGatewayVpcAttachments",
                |token| {
                    client
                        .describe_transit_gateway_vpc_attachments()
                        .set_next_token(token)
                        .send()
                },
                |answer| {
                    (
                        answer.transit_gateway_vpc_attachments.unwrap_or_default(),
                        answer.next_token,
                    )
                },
            )
            .await;
        if let Some(failure) = &vpcs.failure {
            line.status = failure.status;
            line.detail = failure.detail();
        }
        subnets.extend(vpcs.items.iter().map(|attachment| {
            (
                attachment
                    .transit_gateway_attachment_id()
                    .unwrap_or_default()
                    .to_owned(),
                attachment.subnet_ids().to_vec(),
            )
        }));
    } else {
        line.status = Status::NotCollected;
    }
    let whole = line.status.is_whole();
    batch.coverage.push(line);
    for attachment in &listing.items {
        let id = attachment
            .transit_gateway_attachment_id()
            .unwrap_or_default();
        let mut row = place
            .row("ec2_transit_gateway_attachment")
            .set("id", id)
            .set("transit_gateway_id", attachment.transit_gateway_id())
            .set(
                "transit_gateway_owner_id",
                attachment.transit_gateway_owner_id(),
            )
            .set(
                "resource_type",
                attachment.resource_type().map(|kind| kind.as_str()),
            )
            .set("resource_id", attachment.resource_id().unwrap_or_default())
            .set(
                "resource_owner_id",
                attachment.resource_owner_id().unwrap_or_default(),
            )
            .set(
                "state",
                attachment
                    .state()
                    .map(|state| state.as_str().to_ascii_lowercase()),
            )
            .set(
                "association_route_table_id",
                attachment
                    .association()
                    .and_then(|association| association.transit_gateway_route_table_id())
                    .unwrap_or_default(),
            );
        // Only the account of the VPC sees its subnets.
        match subnets.get(id) {
            Some(known) => row.put("subnet_ids", known.clone()),
            None if whole
                && attachment
                    .resource_type()
                    .is_some_and(|kind| kind.as_str() != "vpc") =>
            {
                row.put("subnet_ids", Vec::<String>::new())
            }
            None => {}
        }
        batch.rows.push(row);
    }
    batch
}

fn route(route: &TransitGatewayRoute) -> Json {
    let to = route.transit_gateway_attachments().first();
    json!({
        "destination": route.destination_cidr_block().or(route.prefix_list_id()), "type": route.r#type().map(|kind| kind.as_str()),
        "state": route.state().map(|state| state.as_str()), "attachment_id": to.and_then(|to| to.transit_gateway_attachment_id()).unwrap_or_default(),
        "resource_type": to.and_then(|to| to.resource_type()).map(|kind| kind.as_str()), "resource_id": to.and_then(|to| to.resource_id()),
    })
}

/// At most 1000 come back, and the answer says when there are more.
async fn routes(
    place: &Place<'_>,
    client: &aws_sdk_ec2::Client,
    id: &str,
) -> Result<Json, Failure> {
    let every = Filter::builder()
        .name("state")
        .values("active")
        .values("blackhole")
        .build();
    let answer = place
        .call("ec2:SearchTransitGatewayRoutes", || {
            client
                .search_transit_gateway_routes()
                .transit_gateway_route_table_id(id)
                .filters(every.clone())
                .send()
        })
        .await?;
    if answer.additional_routes_available().unwrap_or(false) {
        let message = format!("{id} holds more than 1000 routes, and the search gives no more");
        return Err(Failure {
            status: Status::Partial,
            code: "TooManyRoutes".to_owned(),
            message,
        });
    }
    Ok(answer.routes().iter().map(route).collect())
}

pub(in crate::services) async fn route_tables(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeTransitGatewayRouteTables",
            |token| {
                client
                    .describe_transit_gateway_route_tables()
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.transit_gateway_route_tables.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "ec2_transit_gateway_route_table", &listing);
    let key = |table: &TransitGatewayRouteTable| {
        table
            .transit_gateway_route_table_id()
            .unwrap_or_default()
            .to_owned()
    };
    let all = &listing.items;
    let details = place
        .details(
            &mut batch,
            "ec2_transit_gateway_route_table",
            "routes",
            all,
            key,
            |index| {
                routes(
                    place,
                    &client,
                    all[index]
                        .transit_gateway_route_table_id()
                        .unwrap_or_default(),
                )
            },
        )
        .await;
    for (table, routes) in all.iter().zip(details) {
        let mut row = place
            .row("ec2_transit_gateway_route_table")
            .set("id", table.transit_gateway_route_table_id())
            .set("transit_gateway_id", table.transit_gateway_id());
        if let Some(routes) = routes {
            row.put("routes", routes);
        }
        batch.rows.push(row);
    }
    batch
}
