//! Amazon VPC: networks, routes, gateways and filters.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;
pub(super) mod read;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
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
        text("cidr_block", "IPv4 range.")
            .absent("''")
            .shaped(shape::one_range),
        text("ipv6_cidr_block", "IPv6 range.")
            .absent("'' (it has none, so nothing in it has an IPv6 address)"),
        text(
            "availability_zone",
            "Zone, by the name that it has in the account.",
        ),
        text(
            "availability_zone_id",
            "Zone, by the id that all accounts share, such as `euw1-az2`.",
        ),
        flag(
            "map_public_ip_on_launch",
            "Do new interfaces get a public address?",
        ),
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
        text(
            "state",
            "`available`, `pending`, `failed`, `deleting` or `deleted`.",
        )
        .words(&["available", "pending", "failed", "deleting", "deleted"]),
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
    columns: &[
        text("dhcp_options_id", "Id."),
        list(
            "domain_name_servers",
            "Name servers; `AmazonProvidedDNS` is the VPC's resolver.",
        ),
    ],
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
        text(
            "destination_type",
            "`cloud-watch-logs`, `s3` or `kinesis-data-firehose`.",
        )
        .words(&["cloud-watch-logs", "s3", "kinesis-data-firehose"]),
        text("destination", "ARN of bucket, stream or log group.").absent("''"),
        text("log_group_name", "Log group.").absent("''"),
        text(
            "cross_account_role_arn",
            "Role that delivers into another account.",
        )
        .absent("''"),
        text("status", "`ACTIVE` where it is being written.").words(&["ACTIVE", "INACTIVE"]),
        text(
            "traffic_type",
            "Which traffic it records: `ACCEPT`, `REJECT` or `ALL`.",
        )
        .absent("'' (of a transit gateway: all)")
        .words(&["ACCEPT", "REJECT", "ALL"]),
        text(
            "log_format",
            "Fields of a record, such as `${srcaddr} ${dstaddr}`.",
        )
        .absent("'' (the default format)"),
        text(
            "deliver_status",
            "`SUCCESS` or `FAILED`, where AWS has tried to deliver.",
        )
        .absent("''")
        .words(&["SUCCESS", "FAILED"]),
        text("deliver_error", "What AWS says of a delivery that failed.").absent("''"),
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
        text(
            "internet_gateway_block_mode",
            "`off`, `block-bidirectional` or `block-ingress`.",
        )
        .words(&["off", "block-bidirectional", "block-ingress"]),
        list(
            "excluded_resources",
            "ARNs of VPCs and subnets that are excluded.",
        )
        .by(&["exclusions"]),
    ],
    reads: &[
        Read::new("list", "ec2:DescribeVpcBlockPublicAccessOptions"),
        Read::new("exclusions", "ec2:DescribeVpcBlockPublicAccessExclusions"),
    ],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[
        &VPC,
        &SUBNET,
        &ROUTE_TABLE,
        &NAT_GATEWAY,
        &SECURITY_GROUP,
        &DHCP_OPTIONS,
        &FLOW_LOG,
        &BLOCK_PUBLIC_ACCESS,
    ],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["vpc"],
            span: Span::Regional,
            run: |place| Box::pin(live::vpcs(place)),
        },
        Collector {
            tables: &["vpc_subnet"],
            span: Span::Regional,
            run: |place| Box::pin(live::subnets(place)),
        },
        Collector {
            tables: &["vpc_route_table"],
            span: Span::Regional,
            run: |place| Box::pin(live::route_tables(place)),
        },
        Collector {
            tables: &["vpc_nat_gateway"],
            span: Span::Regional,
            run: |place| Box::pin(live::nat_gateways(place)),
        },
        Collector {
            tables: &["vpc_security_group"],
            span: Span::Regional,
            run: |place| Box::pin(live::security_groups(place)),
        },
        Collector {
            tables: &["vpc_dhcp_options"],
            span: Span::Regional,
            run: |place| Box::pin(live::dhcp_options(place)),
        },
        Collector {
            tables: &["vpc_flow_log"],
            span: Span::Regional,
            run: |place| Box::pin(live::flow_logs(place)),
        },
        Collector {
            tables: &["vpc_block_public_access_options"],
            span: Span::Regional,
            run: |place| Box::pin(live::block_public_access(place)),
        },
    ],
};
