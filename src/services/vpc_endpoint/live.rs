//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place, tags};

pub(in crate::services) async fn endpoints(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeVpcEndpoints",
            |token| client.describe_vpc_endpoints().set_next_token(token).send(),
            |answer| (answer.vpc_endpoints.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_endpoint", &listing);
    for endpoint in &listing.items {
        let mut row = place
            .row("vpc_endpoint")
            .set("vpc_endpoint_id", endpoint.vpc_endpoint_id())
            .set("vpc_id", endpoint.vpc_id())
            .set("service_name", endpoint.service_name())
            .set(
                "vpc_endpoint_type",
                endpoint
                    .vpc_endpoint_type()
                    .map_or("Gateway", |kind| kind.as_str()),
            )
            // The model spells states in PascalCase, the API answers in lower case: every value is "unknown" to the enum, and its text is right.
            .set(
                "state",
                endpoint
                    .state()
                    .map(|state| state.as_str().to_ascii_lowercase()),
            )
            .set(
                "service_region",
                endpoint.service_region().unwrap_or_default(),
            )
            .set(
                "private_dns_enabled",
                endpoint.private_dns_enabled().unwrap_or(false),
            )
            .set("subnet_ids", endpoint.subnet_ids().to_vec())
            .set(
                "security_group_ids",
                endpoint
                    .groups()
                    .iter()
                    .filter_map(|group| group.group_id().map(str::to_owned))
                    .collect::<Vec<_>>(),
            )
            .set(
                "network_interface_ids",
                endpoint.network_interface_ids().to_vec(),
            )
            .set("route_table_ids", endpoint.route_table_ids().to_vec())
            .set("owner_id", endpoint.owner_id())
            .set(
                "tags",
                tags(endpoint.tags().iter().map(|tag| {
                    (
                        tag.key().unwrap_or_default().to_owned(),
                        tag.value().unwrap_or_default().to_owned(),
                    )
                })),
            );
        if let Some(policy) = endpoint.policy_document() {
            row.put("policy", policy);
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn services(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeVpcEndpointServices",
            |token| {
                client
                    .describe_vpc_endpoint_services()
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.service_details.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_endpoint_service", &listing);
    let mut seen = std::collections::BTreeSet::new();
    for service in listing
        .items
        .iter()
        .filter(|service| seen.insert(service.service_name().unwrap_or_default().to_owned()))
    {
        batch.rows.push(
            place
                .row("vpc_endpoint_service")
                .set("service_name", service.service_name())
                .set("policy_supported", service.vpc_endpoint_policy_supported()),
        );
    }
    batch
}
