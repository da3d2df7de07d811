//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place, tags};
use crate::services::failure::Failure;
use aws_sdk_ec2::types::{IpPermission, Route, Tag, Vpc, VpcAttributeName};
use serde_json::{Value as Json, json};

fn tagged(all: &[Tag]) -> Json {
    tags(all.iter().map(|tag| {
        (
            tag.key().unwrap_or_default().to_owned(),
            tag.value().unwrap_or_default().to_owned(),
        )
    }))
}

async fn zones(
    place: &Place<'_>,
    client: &aws_sdk_route53::Client,
    vpc: &str,
) -> Result<Json, Failure> {
    let region = aws_sdk_route53::types::VpcRegion::from(place.region);
    let listing = place
        .pages(
            "route53:ListHostedZonesByVPC",
            |token| {
                client
                    .list_hosted_zones_by_vpc()
                    .vpc_id(vpc)
                    .vpc_region(region.clone())
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.hosted_zone_summaries, answer.next_token),
        )
        .await;
    match listing.failure {
        Some(failure) => Err(failure),
        None => Ok(listing.items.iter().map(|zone| json!({"name": zone.name(), "id": zone.hosted_zone_id(), "owner": zone.owner().and_then(|owner| owner.owning_account().or(owner.owning_service()))})).collect()),
    }
}

pub(in crate::services) async fn vpcs(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let names = client!(aws_sdk_route53, place);
    let listing = place
        .pages(
            "ec2:DescribeVpcs",
            |token| client.describe_vpcs().set_next_token(token).send(),
            |answer| (answer.vpcs.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc", &listing);
    let all = &listing.items;
    let key = |vpc: &Vpc| vpc.vpc_id().unwrap_or_default().to_owned();
    let attribute = |index: usize, name: VpcAttributeName| {
        let (client, id) = (&client, all[index].vpc_id().unwrap_or_default());
        place.call("ec2:DescribeVpcAttribute", move || {
            client
                .describe_vpc_attribute()
                .vpc_id(id)
                .attribute(name.clone())
                .send()
        })
    };
    let support = place
        .details(&mut batch, "vpc", "dns_support", all, key, |index| {
            attribute(index, VpcAttributeName::EnableDnsSupport)
        })
        .await;
    let hostnames = place
        .details(&mut batch, "vpc", "dns_hostnames", all, key, |index| {
            attribute(index, VpcAttributeName::EnableDnsHostnames)
        })
        .await;
    let zones = place
        .details(&mut batch, "vpc", "zones", all, key, |index| {
            zones(place, &names, all[index].vpc_id().unwrap_or_default())
        })
        .await;
    for (index, vpc) in all.iter().enumerate() {
        batch.rows.push(
            place
                .row("vpc")
                .set("vpc_id", vpc.vpc_id())
                .set(
                    "cidr_blocks",
                    vpc.cidr_block_association_set()
                        .iter()
                        .filter_map(|block| block.cidr_block().map(str::to_owned))
                        .collect::<Vec<_>>(),
                )
                .set(
                    "dhcp_options_id",
                    vpc.dhcp_options_id().unwrap_or("default"),
                )
                .set("owner_id", vpc.owner_id())
                .set("tags", tagged(vpc.tags()))
                .set(
                    "enable_dns_support",
                    support[index]
                        .as_ref()
                        .and_then(|answer| answer.enable_dns_support())
                        .and_then(|value| value.value()),
                )
                .set(
                    "enable_dns_hostnames",
                    hostnames[index]
                        .as_ref()
                        .and_then(|answer| answer.enable_dns_hostnames())
                        .and_then(|value| value.value()),
                )
                .set("private_zones", zones[index].clone()),
        );
    }
    batch
}

pub(in crate::services) async fn subnets(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeSubnets",
            |token| client.describe_subnets().set_next_token(token).send(),
            |answer| (answer.subnets.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_subnet", &listing);
    batch.rows.extend(listing.items.iter().map(|subnet| {
        place
            .row("vpc_subnet")
            .set("subnet_id", subnet.subnet_id())
            .set("vpc_id", subnet.vpc_id())
            .set("cidr_block", subnet.cidr_block().unwrap_or_default())
            .set(
                "ipv6_cidr_block",
                subnet
                    .ipv6_cidr_block_association_set()
                    .iter()
                    .find_map(|found| found.ipv6_cidr_block())
                    .unwrap_or_default(),
            )
            .set("availability_zone", subnet.availability_zone())
            .set("availability_zone_id", subnet.availability_zone_id())
            .set("map_public_ip_on_launch", subnet.map_public_ip_on_launch())
            .set("tags", tagged(subnet.tags()))
    }));
    batch
}

fn route(route: &Route) -> Json {
    let destination = route
        .destination_cidr_block()
        .or(route.destination_ipv6_cidr_block())
        .or(route.destination_prefix_list_id());
    let target = route
        .nat_gateway_id()
        .or(route.transit_gateway_id())
        .or(route.vpc_peering_connection_id())
        .or(route.egress_only_internet_gateway_id())
        .or(route.local_gateway_id())
        .or(route.carrier_gateway_id())
        .or(route.core_network_arn())
        .or(route.gateway_id())
        .or(route.network_interface_id())
        .or(route.instance_id());
    json!({"destination": destination, "target": target.unwrap_or_default(), "state": route.state().map_or("active", |state| state.as_str()),
           "propagated": route.origin().is_some_and(|origin| origin.as_str() == "EnableVgwRoutePropagation")})
}

pub(in crate::services) async fn route_tables(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeRouteTables",
            |token| client.describe_route_tables().set_next_token(token).send(),
            |answer| (answer.route_tables.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_route_table", &listing);
    batch.rows.extend(listing.items.iter().map(|table| {
        place
            .row("vpc_route_table")
            .set("route_table_id", table.route_table_id())
            .set("vpc_id", table.vpc_id())
            .set(
                "is_main",
                table
                    .associations()
                    .iter()
                    .any(|association| association.main().unwrap_or(false)),
            )
            .set(
                "subnet_ids",
                table
                    .associations()
                    .iter()
                    .filter_map(|association| association.subnet_id().map(str::to_owned))
                    .collect::<Vec<_>>(),
            )
            .set("routes", table.routes().iter().map(route).collect::<Json>())
    }));
    batch
}

pub(in crate::services) async fn nat_gateways(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeNatGateways",
            |token| client.describe_nat_gateways().set_next_token(token).send(),
            |answer| (answer.nat_gateways.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_nat_gateway", &listing);
    batch.rows.extend(listing.items.iter().map(|gateway| {
        place
            .row("vpc_nat_gateway")
            .set("nat_gateway_id", gateway.nat_gateway_id())
            .set("vpc_id", gateway.vpc_id())
            .set("subnet_id", gateway.subnet_id().unwrap_or_default())
            .set(
                "state",
                gateway
                    .state()
                    .map(|state| state.as_str().to_ascii_lowercase()),
            )
            .set(
                "connectivity_type",
                gateway
                    .connectivity_type()
                    .map_or("public", |kind| kind.as_str()),
            )
    }));
    batch
}

fn rule(permission: &IpPermission) -> Json {
    let cidrs: Vec<&str> = permission
        .ip_ranges()
        .iter()
        .filter_map(|range| range.cidr_ip())
        .chain(
            permission
                .ipv6_ranges()
                .iter()
                .filter_map(|range| range.cidr_ipv6()),
        )
        .collect();
    let groups: Vec<&str> = permission
        .user_id_group_pairs()
        .iter()
        .filter_map(|pair| pair.group_id())
        .collect();
    let lists: Vec<&str> = permission
        .prefix_list_ids()
        .iter()
        .filter_map(|list| list.prefix_list_id())
        .collect();
    json!({"protocol": permission.ip_protocol(), "from_port": permission.from_port().unwrap_or(-1), "to_port": permission.to_port().unwrap_or(-1), "cidrs": cidrs, "groups": groups, "prefix_lists": lists})
}

pub(in crate::services) async fn security_groups(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeSecurityGroups",
            |token| {
                client
                    .describe_security_groups()
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.security_groups.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_security_group", &listing);
    batch.rows.extend(listing.items.iter().map(|group| {
        place
            .row("vpc_security_group")
            .set("group_id", group.group_id())
            .set("vpc_id", group.vpc_id())
            .set("name", group.group_name())
            .set(
                "ingress",
                group.ip_permissions().iter().map(rule).collect::<Json>(),
            )
            .set(
                "egress",
                group
                    .ip_permissions_egress()
                    .iter()
                    .map(rule)
                    .collect::<Json>(),
            )
    }));
    batch
}

pub(in crate::services) async fn dhcp_options(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeDhcpOptions",
            |token| client.describe_dhcp_options().set_next_token(token).send(),
            |answer| (answer.dhcp_options.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_dhcp_options", &listing);
    batch.rows.extend(listing.items.iter().map(|options| {
        let servers: Vec<String> = options
            .dhcp_configurations()
            .iter()
            .filter(|pair| pair.key() == Some("domain-name-servers"))
            .flat_map(|pair| pair.values())
            .filter_map(|value| value.value().map(str::to_owned))
            .collect();
        place
            .row("vpc_dhcp_options")
            .set("dhcp_options_id", options.dhcp_options_id())
            .set("domain_name_servers", servers)
    }));
    batch
}

pub(in crate::services) async fn flow_logs(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeFlowLogs",
            |token| client.describe_flow_logs().set_next_token(token).send(),
            |answer| (answer.flow_logs.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_flow_log", &listing);
    batch.rows.extend(listing.items.iter().map(|log| {
        place
            .row("vpc_flow_log")
            .set("flow_log_id", log.flow_log_id())
            .set("resource_id", log.resource_id())
            .set(
                "destination_type",
                log.log_destination_type()
                    .map_or("cloud-watch-logs", |kind| kind.as_str()),
            )
            .set("destination", log.log_destination().unwrap_or_default())
            .set("log_group_name", log.log_group_name().unwrap_or_default())
            .set(
                "cross_account_role_arn",
                log.deliver_cross_account_role().unwrap_or_default(),
            )
            .set("status", log.flow_log_status())
            .set(
                "traffic_type",
                log.traffic_type().map_or("", |kind| kind.as_str()),
            )
            .set("log_format", log.log_format().unwrap_or_default())
            .set(
                "deliver_status",
                log.deliver_logs_status().unwrap_or_default(),
            )
            .set(
                "deliver_error",
                log.deliver_logs_error_message().unwrap_or_default(),
            )
    }));
    batch
}

pub(in crate::services) async fn block_public_access(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .single("ec2:DescribeVpcBlockPublicAccessOptions", || {
            client.describe_vpc_block_public_access_options().send()
        })
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_block_public_access_options", &listing);
    if let Some(answer) = listing.items.first() {
        let mode = answer
            .vpc_block_public_access_options()
            .and_then(|options| options.internet_gateway_block_mode())
            .map(|mode| mode.as_str().to_owned());
        let here = [place.region.to_owned()];
        let exclusions = place
            .details(
                &mut batch,
                "vpc_block_public_access_options",
                "exclusions",
                &here,
                |region| region.clone(),
                |_| async {
                    let listing = place
                        .pages(
                            "ec2:DescribeVpcBlockPublicAccessExclusions",
                            |token| {
                                client
                                    .describe_vpc_block_public_access_exclusions()
                                    .set_next_token(token)
                                    .send()
                            },
                            |answer| {
                                (
                                    answer
                                        .vpc_block_public_access_exclusions
                                        .unwrap_or_default(),
                                    answer.next_token,
                                )
                            },
                        )
                        .await;
                    match listing.failure {
                        Some(failure) => Err(failure),
                        None => Ok(listing
                            .items
                            .iter()
                            .filter(|exclusion| {
                                exclusion.state().is_some_and(|state| {
                                    state.as_str().ends_with("complete")
                                        && !state.as_str().starts_with("delete")
                                })
                            })
                            .filter_map(|exclusion| exclusion.resource_arn().map(str::to_owned))
                            .collect::<Vec<_>>()),
                    }
                },
            )
            .await;
        batch.rows.push(
            place
                .row("vpc_block_public_access_options")
                .set("region_name", place.region)
                .set("internet_gateway_block_mode", mode)
                .set(
                    "excluded_resources",
                    exclusions.into_iter().flatten().next(),
                ),
        );
    }
    batch
}
