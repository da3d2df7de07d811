//! VPCs, subnets, routes and gateways as files declare them.

use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_vpc", "AWS::EC2::VPC"],
        map: vpc,
    },
    Spelling {
        kinds: &["aws_subnet", "AWS::EC2::Subnet"],
        map: subnet,
    },
    Spelling {
        kinds: &["AWS::EC2::SubnetCidrBlock"],
        map: subnet_range,
    },
    Spelling {
        kinds: &[
            "aws_route_table",
            "aws_default_route_table",
            "AWS::EC2::RouteTable",
        ],
        map: route_table,
    },
    Spelling {
        kinds: &["aws_route", "AWS::EC2::Route"],
        map: route,
    },
    Spelling {
        kinds: &[
            "aws_route_table_association",
            "AWS::EC2::SubnetRouteTableAssociation",
        ],
        map: route_table_association,
    },
    Spelling {
        kinds: &["aws_main_route_table_association"],
        map: main_route_table,
    },
    Spelling {
        kinds: &["aws_internet_gateway", "AWS::EC2::InternetGateway"],
        map: |by, rows| rows.symbol(by, by.id(), "igw"),
    },
    Spelling {
        kinds: &[
            "aws_egress_only_internet_gateway",
            "AWS::EC2::EgressOnlyInternetGateway",
        ],
        map: |by, rows| rows.symbol(by, by.id(), "eigw"),
    },
    Spelling {
        kinds: &["aws_vpn_gateway", "AWS::EC2::VPNGateway"],
        map: |by, rows| rows.symbol(by, by.id(), "vgw"),
    },
    Spelling {
        kinds: &["aws_ec2_transit_gateway", "AWS::EC2::TransitGateway"],
        map: |by, rows| rows.symbol(by, by.id(), "tgw"),
    },
    Spelling {
        kinds: &["aws_network_interface", "AWS::EC2::NetworkInterface"],
        map: |by, rows| rows.symbol(by, by.id(), "eni"),
    },
    Spelling {
        kinds: &["aws_nat_gateway", "AWS::EC2::NatGateway"],
        map: nat_gateway,
    },
    Spelling {
        kinds: &["aws_vpc_dhcp_options", "AWS::EC2::DHCPOptions"],
        map: dhcp_options,
    },
    Spelling {
        kinds: &[
            "aws_vpc_dhcp_options_association",
            "AWS::EC2::VPCDHCPOptionsAssociation",
        ],
        map: dhcp_options_association,
    },
    Spelling {
        kinds: &["aws_flow_log", "AWS::EC2::FlowLog"],
        map: flow_log,
    },
    Spelling {
        kinds: &[
            "aws_vpc_block_public_access_options",
            "AWS::EC2::VPCBlockPublicAccessOptions",
        ],
        map: block_public_access,
    },
];

/// AWS makes a main route table, a default security group and a default network ACL with every VPC.
fn vpc(by: &Declared, rows: &mut Rows) {
    let id = by.id();
    let made = by.change == crate::services::declared::Change::Create;
    let mut cidrs: Vec<String> = by.at("cidr_block").text().known().into_iter().collect();
    cidrs.sort();
    let row = rows.row("vpc", by, id.as_str());
    row.set(
        "cidr_blocks",
        by.at("cidr_block").text().map(|cidr| vec![cidr]),
    )
    .put("owner_id", by.account_id.as_str())
    .set("tags", by.tags())
    .set(
        "enable_dns_support",
        by.at("enable_dns_support").flag().or(true),
    )
    .set(
        "enable_dns_hostnames",
        by.at("enable_dns_hostnames").flag().or(false),
    );
    if made {
        row.put("dhcp_options_id", "default")
            .put("private_zones", json!([]));
        let [table, group, acl] = [
            "main_route_table_id",
            "default_security_group_id",
            "default_network_acl_id",
        ]
        .map(|what| format!("{id}.{what}"));
        let local: Vec<Json> = cidrs.iter().map(|cidr| json!({"destination": cidr, "target": "local", "state": "active", "propagated": false})).collect();
        rows.row("vpc_route_table", by, table)
            .put("vpc_id", id.as_str())
            .put("is_main", true)
            .put("subnet_ids", Vec::<String>::new())
            .put("routes", Json::from(local));
        let rule = |key: &str, value: Json| {
            let mut rule = json!({"protocol": "-1", "from_port": -1, "to_port": -1, "cidrs": [], "groups": [], "prefix_lists": []});
            rule[key] = value;
            json!([rule])
        };
        rows.row("vpc_security_group", by, group.as_str())
            .put("vpc_id", id.as_str())
            .put("name", "default")
            .put("ingress", rule("groups", json!([group])))
            .put("egress", rule("cidrs", json!(["0.0.0.0/0"])));
        let entries: Vec<Json> = [false, true]
            .iter()
            .map(|egress| json!({"egress": egress, "number": 100, "action": "allow", "protocol": "-1", "cidr": "0.0.0.0/0", "from_port": -1, "to_port": -1}))
            .collect();
        rows.row("vpc_network_acl", by, acl)
            .put("vpc_id", id.as_str())
            .put("is_default", true)
            .put("subnet_ids", Vec::<String>::new())
            .put("entries", Json::from(entries));
    }
}

fn subnet(by: &Declared, rows: &mut Rows) {
    rows.row("vpc_subnet", by, by.id())
        .set("vpc_id", by.at("vpc_id").id())
        .set("cidr_block", by.at("cidr_block").text().or(""))
        .set("ipv6_cidr_block", by.at("ipv6_cidr_block").text().or(""))
        .set("availability_zone", by.at("availability_zone").text())
        .set("availability_zone_id", by.at("availability_zone_id").text())
        .set(
            "map_public_ip_on_launch",
            by.at("map_public_ip_on_launch").flag().or(false),
        )
        .set("tags", by.tags());
}

fn subnet_range(by: &Declared, rows: &mut Rows) {
    let range = by
        .at("ipv6_cidr_block")
        .text()
        .or("(allocated)")
        .map(Json::from);
    rows.column(
        by,
        "vpc_subnet",
        by.at("subnet_id").id(),
        "ipv6_cidr_block",
        range,
    );
}

const TARGETS: &str = "gateway_id|nat_gateway_id|vpc_endpoint_id|transit_gateway_id|vpc_peering_connection_id|network_interface_id|egress_only_gateway_id|egress_only_internet_gateway_id|instance_id|local_gateway_id|carrier_gateway_id|core_network_arn";

fn one_route(node: &Node) -> Told<Json> {
    let destination = TEXTS
        .iter()
        .map(|key| node.at(key))
        .map(Node::id)
        .find(|told| {
            !matches!(told, Told::Known(text) if text.is_empty()) && !matches!(told, Told::Absent)
        });
    let target = TARGETS
        .split('|')
        .map(|key| node.at(key))
        .map(Node::id)
        .find(|told| {
            !matches!(told, Told::Known(text) if text.is_empty()) && !matches!(told, Told::Absent)
        });
    match (destination, target) {
        (Some(Told::Unknown(later)), _) | (_, Some(Told::Unknown(later))) => Told::Unknown(later),
        (Some(Told::Known(destination)), Some(Told::Known(target))) => Told::Known(
            json!({"destination": destination, "target": target, "state": "active", "propagated": false}),
        ),
        _ => Told::Absent,
    }
}

const TEXTS: [&str; 3] = [
    "cidr_block|destination_cidr_block",
    "ipv6_cidr_block|destination_ipv6_cidr_block",
    "destination_prefix_list_id",
];

fn route_table(by: &Declared, rows: &mut Rows) {
    let main = by.kind == "aws_default_route_table";
    let id = if main {
        by.at("default_route_table_id")
            .id()
            .known()
            .unwrap_or_else(|| by.id())
    } else {
        by.id()
    };
    let row = rows.row("vpc_route_table", by, id.as_str());
    if !main {
        row.set("vpc_id", by.at("vpc_id").id())
            .put("is_main", false)
            .put("subnet_ids", Vec::<String>::new());
    }
    // The route inside the VPC is in no file; it goes to the VPC's own ranges.
    row.put("routes", json!([]));
    if let Node::Unknown(later) = by.at("route") {
        row.set("routes", Told::<Json>::Unknown(later.clone()));
    }
    for item in by.at("route").items() {
        rows.part(
            by,
            "vpc_route_table",
            Told::Known(id.clone()),
            "routes",
            one_route(item),
        );
    }
    for gateway in by.at("propagating_vgws").items() {
        let route = gateway.id().map(|gateway| json!({"destination": "0.0.0.0/0", "target": gateway, "state": "active", "propagated": true}));
        rows.part(
            by,
            "vpc_route_table",
            Told::Known(id.clone()),
            "routes",
            route,
        );
    }
}

fn route(by: &Declared, rows: &mut Rows) {
    rows.part(
        by,
        "vpc_route_table",
        by.at("route_table_id").id(),
        "routes",
        one_route(&by.values),
    );
}

fn route_table_association(by: &Declared, rows: &mut Rows) {
    if *by.at("subnet_id") != Node::Absent {
        rows.part(
            by,
            "vpc_route_table",
            by.at("route_table_id").id(),
            "subnet_ids",
            by.at("subnet_id").id().map(Json::from),
        );
    }
}

/// The table that AWS made with the VPC is the main one no more.
fn main_route_table(by: &Declared, rows: &mut Rows) {
    rows.column(
        by,
        "vpc_route_table",
        by.at("route_table_id").id(),
        "is_main",
        Told::Known(Json::Bool(true)),
    );
    let made = by
        .at("vpc_id")
        .id()
        .map(|vpc| format!("{vpc}.main_route_table_id"));
    rows.column(
        by,
        "vpc_route_table",
        made,
        "is_main",
        Told::Known(Json::Bool(false)),
    );
}

fn nat_gateway(by: &Declared, rows: &mut Rows) {
    rows.symbol(by, by.id(), "nat");
    rows.row("vpc_nat_gateway", by, by.id())
        .set("vpc_id", by.at("vpc_id").id())
        .set("subnet_id", by.at("subnet_id").id().or(""))
        .put("state", "available")
        .set(
            "connectivity_type",
            by.at("connectivity_type").text().or("public"),
        );
}

fn dhcp_options(by: &Declared, rows: &mut Rows) {
    rows.row("vpc_dhcp_options", by, by.id()).set(
        "domain_name_servers",
        by.at("domain_name_servers").ids().or(Vec::new()),
    );
}

fn dhcp_options_association(by: &Declared, rows: &mut Rows) {
    rows.column(
        by,
        "vpc",
        by.at("vpc_id").id(),
        "dhcp_options_id",
        by.at("dhcp_options_id").id().map(Json::from),
    );
}

fn flow_log(by: &Declared, rows: &mut Rows) {
    rows.row("vpc_flow_log", by, by.id())
        .set(
            "resource_id",
            by.at("vpc_id|subnet_id|eni_id|transit_gateway_id|resource_id")
                .id(),
        )
        .set(
            "destination_type",
            by.at("log_destination_type").text().or("cloud-watch-logs"),
        )
        .set("destination", by.at("log_destination").id().or(""))
        .set("log_group_name", by.at("log_group_name").id().or(""))
        .set(
            "cross_account_role_arn",
            by.at("deliver_cross_account_role").id().or(""),
        )
        // What is declared is written once it is there; whether delivery succeeds shows in the account alone.
        .put("status", "ACTIVE")
        .set("traffic_type", by.at("traffic_type").text().or(""))
        .set("log_format", by.at("log_format").text().or(""))
        .put("deliver_status", "")
        .put("deliver_error", "");
}

fn block_public_access(by: &Declared, rows: &mut Rows) {
    rows.row("vpc_block_public_access_options", by, by.region.as_str())
        .set(
            "internet_gateway_block_mode",
            by.at("internet_gateway_block_mode").text(),
        )
        .put("excluded_resources", Vec::<String>::new());
}
