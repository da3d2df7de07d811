//! Amazon VPC: networks, routes, gateways and filters.

use crate::inventory::cols::{flag, json, list, tags, text};
use crate::inventory::{Inputs, Read, Role, Span, Table, shape};

/// Networks.
pub const VPC: Table = Table {
    name: "vpc",
    doc: "VPCs with their DNS settings.",
    key: "vpc_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("vpc_id", "Id."),
        list("cidr_blocks", "IPv4 ranges.").shaped(shape::ranges),
        text("dhcp_options_id", "DHCP option set.").absent("'default'"),
        text("owner_id", "Account that owns it."),
        tags(),
        flag("enable_dns_support", "Does the Amazon resolver answer in it?").by(&["dns_support"]),
        flag("enable_dns_hostnames", "Needed for the private DNS of endpoints; false in VPCs made by API, Terraform or CloudFormation.").by(&["dns_hostnames"]),
        json("private_zones", "Private hosted zones associated with it: `[{name, id, owner}]`.").absent("[]").by(&["zones"]).shaped(read::private_zones),
    ],
    reads: &[
        Read::new("list", "ec2:DescribeVpcs"),
        Read::new("dns_support", "ec2:DescribeVpcAttribute"),
        Read::new("dns_hostnames", "ec2:DescribeVpcAttribute"),
        Read::with("zones", "route53:ListHostedZonesByVPC", &["route53:ListHostedZonesByVPC", "ec2:DescribeVpcs"]),
    ],
    lists: Inputs::NONE,
};

/// Subnets.
pub const SUBNET: Table = Table {
    name: "vpc_subnet",
    doc: "Subnets.",
    key: "subnet_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("subnet_id", "Id."),
        text("vpc_id", "VPC."),
        text("cidr_block", "IPv4 range.").absent("''").shaped(shape::one_range),
        text("ipv6_cidr_block", "IPv6 range.").absent("'' (it has none, so nothing in it has an IPv6 address)"),
        text("availability_zone", "Zone."),
        flag("map_public_ip_on_launch", "Do new interfaces get a public address?"),
        tags(),
    ],
    reads: &[Read::new("list", "ec2:DescribeSubnets")],
    lists: Inputs::NONE,
};

/// Route tables.
pub const ROUTE_TABLE: Table = Table {
    name: "vpc_route_table",
    doc: "Route tables. A subnet without an association of its own uses the main table of its VPC.",
    key: "route_table_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("route_table_id", "Id."),
        text("vpc_id", "VPC."),
        flag("is_main", "Is it the main table of its VPC?"),
        list("subnet_ids", "Subnets associated with it by name."),
        json(
            "routes",
            "`[{destination, target, state, propagated}]`; `target` is the id of the gateway, interface, connection or `local`; `state` is `active` or `blackhole`.",
        )
        .shaped(read::routes),
    ],
    reads: &[Read::new("list", "ec2:DescribeRouteTables")],
    lists: Inputs::NONE,
};

/// NAT gateways.
pub const NAT_GATEWAY: Table = Table {
    name: "vpc_nat_gateway",
    doc: "NAT gateways; a private one is no way to public addresses.",
    key: "nat_gateway_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("nat_gateway_id", "Id."),
        text("vpc_id", "VPC."),
        text("subnet_id", "Subnet it stands in.").absent("'' (a regional gateway has none)"),
        text("state", "`available`, `pending`, `failed`, `deleting` or `deleted`.").words(&["available", "pending", "failed", "deleting", "deleted"]),
        text("connectivity_type", "`public` or `private`.").words(&["public", "private"]),
    ],
    reads: &[Read::new("list", "ec2:DescribeNatGateways")],
    lists: Inputs::NONE,
};

/// Security groups.
pub const SECURITY_GROUP: Table = Table {
    name: "vpc_security_group",
    doc: "Security groups with their rules.",
    key: "group_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("group_id", "Id."),
        text("vpc_id", "VPC."),
        text("name", "Name."),
        json("ingress", "`[{protocol, from_port, to_port, cidrs, groups, prefix_lists}]`; protocol `-1` is all; ports -1 are all.")
            .absent("[]")
            .shaped(read::permissions),
        json("egress", "The same, outward.").absent("[]").shaped(read::permissions),
    ],
    reads: &[Read::new("list", "ec2:DescribeSecurityGroups")],
    lists: Inputs::NONE,
};

/// DHCP option sets.
pub const DHCP_OPTIONS: Table = Table {
    name: "vpc_dhcp_options",
    doc: "DHCP option sets; name servers other than Amazon's can answer anything.",
    key: "dhcp_options_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("dhcp_options_id", "Id."), list("domain_name_servers", "Name servers; `AmazonProvidedDNS` is the VPC's resolver.")],
    reads: &[Read::new("list", "ec2:DescribeDhcpOptions")],
    lists: Inputs::NONE,
};

/// Flow logs.
pub const FLOW_LOG: Table = Table {
    name: "vpc_flow_log",
    doc: "Flow logs and where they go.",
    key: "flow_log_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("flow_log_id", "Id."),
        text("resource_id", "VPC, subnet or interface that is watched."),
        text("destination_type", "`cloud-watch-logs`, `s3` or `kinesis-data-firehose`.").words(&["cloud-watch-logs", "s3", "kinesis-data-firehose"]),
        text("destination", "ARN of bucket, stream or log group.").absent("''"),
        text("log_group_name", "Log group.").absent("''"),
        text("cross_account_role_arn", "Role that delivers into another account.").absent("''"),
    ],
    reads: &[Read::new("list", "ec2:DescribeFlowLogs")],
    lists: Inputs::NONE,
};

/// VPC Block Public Access.
pub const BLOCK_PUBLIC_ACCESS: Table = Table {
    name: "vpc_block_public_access_options",
    doc: "VPC Block Public Access of the account in the Region, one row.",
    key: "region_name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("region_name", "Region."),
        text("internet_gateway_block_mode", "`off`, `block-bidirectional` or `block-ingress`.").words(&["off", "block-bidirectional", "block-ingress"]),
        list("excluded_resources", "ARNs of VPCs and subnets that are excluded.").by(&["exclusions"]),
    ],
    reads: &[Read::new("list", "ec2:DescribeVpcBlockPublicAccessOptions"), Read::new("exclusions", "ec2:DescribeVpcBlockPublicAccessExclusions")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Failure, Place, tags};
    use aws_sdk_ec2::types::{IpPermission, Route, Tag, Vpc, VpcAttributeName};
    use serde_json::{Value as Json, json};

    fn tagged(all: &[Tag]) -> Json {
        tags(all.iter().map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned())))
    }

    async fn zones(place: &Place<'_>, client: &aws_sdk_route53::Client, vpc: &str) -> Result<Json, Failure> {
        let region = aws_sdk_route53::types::VpcRegion::from(place.region);
        let listing = place
            .pages(
                "route53:ListHostedZonesByVPC",
                |token| client.list_hosted_zones_by_vpc().vpc_id(vpc).vpc_region(region.clone()).set_next_token(token).send(),
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
            place.call("ec2:DescribeVpcAttribute", move || client.describe_vpc_attribute().vpc_id(id).attribute(name.clone()).send())
        };
        let support = place.details(&mut batch, "vpc", "dns_support", all, key, |index| attribute(index, VpcAttributeName::EnableDnsSupport)).await;
        let hostnames = place.details(&mut batch, "vpc", "dns_hostnames", all, key, |index| attribute(index, VpcAttributeName::EnableDnsHostnames)).await;
        let zones = place.details(&mut batch, "vpc", "zones", all, key, |index| zones(place, &names, all[index].vpc_id().unwrap_or_default())).await;
        for (index, vpc) in all.iter().enumerate() {
            batch.rows.push(
                place
                    .row("vpc")
                    .set("vpc_id", vpc.vpc_id())
                    .set("cidr_blocks", vpc.cidr_block_association_set().iter().filter_map(|block| block.cidr_block().map(str::to_owned)).collect::<Vec<_>>())
                    .set("dhcp_options_id", vpc.dhcp_options_id().unwrap_or("default"))
                    .set("owner_id", vpc.owner_id())
                    .set("tags", tagged(vpc.tags()))
                    .set("enable_dns_support", support[index].as_ref().and_then(|answer| answer.enable_dns_support()).and_then(|value| value.value()))
                    .set("enable_dns_hostnames", hostnames[index].as_ref().and_then(|answer| answer.enable_dns_hostnames()).and_then(|value| value.value()))
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
                .set("ipv6_cidr_block", subnet.ipv6_cidr_block_association_set().iter().find_map(|found| found.ipv6_cidr_block()).unwrap_or_default())
                .set("availability_zone", subnet.availability_zone())
                .set("map_public_ip_on_launch", subnet.map_public_ip_on_launch())
                .set("tags", tagged(subnet.tags()))
        }));
        batch
    }

    fn route(route: &Route) -> Json {
        let destination = route.destination_cidr_block().or(route.destination_ipv6_cidr_block()).or(route.destination_prefix_list_id());
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
                .set("is_main", table.associations().iter().any(|association| association.main().unwrap_or(false)))
                .set("subnet_ids", table.associations().iter().filter_map(|association| association.subnet_id().map(str::to_owned)).collect::<Vec<_>>())
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
                .set("state", gateway.state().map(|state| state.as_str().to_ascii_lowercase()))
                .set("connectivity_type", gateway.connectivity_type().map_or("public", |kind| kind.as_str()))
        }));
        batch
    }

    fn rule(permission: &IpPermission) -> Json {
        let cidrs: Vec<&str> = permission
            .ip_ranges()
            .iter()
            .filter_map(|range| range.cidr_ip())
            .chain(permission.ipv6_ranges().iter().filter_map(|range| range.cidr_ipv6()))
            .collect();
        let groups: Vec<&str> = permission.user_id_group_pairs().iter().filter_map(|pair| pair.group_id()).collect();
        let lists: Vec<&str> = permission.prefix_list_ids().iter().filter_map(|list| list.prefix_list_id()).collect();
        json!({"protocol": permission.ip_protocol(), "from_port": permission.from_port().unwrap_or(-1), "to_port": permission.to_port().unwrap_or(-1), "cidrs": cidrs, "groups": groups, "prefix_lists": lists})
    }

    pub(in crate::services) async fn security_groups(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_ec2, place);
        let listing = place
            .pages(
                "ec2:DescribeSecurityGroups",
                |token| client.describe_security_groups().set_next_token(token).send(),
                |answer| (answer.security_groups.unwrap_or_default(), answer.next_token),
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
                .set("ingress", group.ip_permissions().iter().map(rule).collect::<Json>())
                .set("egress", group.ip_permissions_egress().iter().map(rule).collect::<Json>())
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
            place.row("vpc_dhcp_options").set("dhcp_options_id", options.dhcp_options_id()).set("domain_name_servers", servers)
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
                .set("destination_type", log.log_destination_type().map_or("cloud-watch-logs", |kind| kind.as_str()))
                .set("destination", log.log_destination().unwrap_or_default())
                .set("log_group_name", log.log_group_name().unwrap_or_default())
                .set("cross_account_role_arn", log.deliver_cross_account_role().unwrap_or_default())
        }));
        batch
    }

    pub(in crate::services) async fn block_public_access(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_ec2, place);
        let listing = place.single("ec2:DescribeVpcBlockPublicAccessOptions", || client.describe_vpc_block_public_access_options().send()).await;
        let mut batch = Batch::default();
        batch.listed(place, "vpc_block_public_access_options", &listing);
        if let Some(answer) = listing.items.first() {
            let mode = answer.vpc_block_public_access_options().and_then(|options| options.internet_gateway_block_mode()).map(|mode| mode.as_str().to_owned());
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
                                |token| client.describe_vpc_block_public_access_exclusions().set_next_token(token).send(),
                                |answer| (answer.vpc_block_public_access_exclusions.unwrap_or_default(), answer.next_token),
                            )
                            .await;
                        match listing.failure {
                            Some(failure) => Err(failure),
                            None => Ok(listing
                                .items
                                .iter()
                                .filter(|exclusion| {
                                    exclusion.state().is_some_and(|state| state.as_str().ends_with("complete") && !state.as_str().starts_with("delete"))
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
                    .set("excluded_resources", exclusions.into_iter().flatten().next()),
            );
        }
        batch
    }
}

/// How files declare them.
pub(super) mod declared;
pub(super) mod read;
