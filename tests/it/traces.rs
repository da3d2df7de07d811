//! Packets through networks that others described, hop by hop as they say (`OUTCROP_CASES`), and through the estates.

use outcrop::inventory::{Store, World};
use outcrop::network::trace::{End, Packet, trace};
use outcrop::sources::fixture;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Answers of describe calls in a folder, by name of the call's list.
fn answers(folder: &Path) -> BTreeMap<String, Vec<Json>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the snapshot").flatten() {
        let name = entry
            .file_name()
            .to_string_lossy()
            .trim_end_matches(".json")
            .to_owned();
        let Ok(text) = std::fs::read_to_string(entry.path()) else {
            continue;
        };
        let json: Json = serde_json::from_str(&text).unwrap_or_default();
        let list = json
            .as_object()
            .and_then(|object| object.values().find_map(Json::as_array))
            .cloned()
            .unwrap_or_default();
        all.insert(name, list);
    }
    all
}

fn texts(list: &Json, key: &str) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item[key].as_str())
        .map(str::to_owned)
        .collect()
}

/// Rows of the inventory out of describe answers of one account and Region.
fn rows(
    answers: &BTreeMap<String, Vec<Json>>,
    account: &str,
    region: &str,
) -> BTreeMap<&'static str, Vec<Json>> {
    let of = |name: &str| answers.get(name).cloned().unwrap_or_default();
    let mut all: BTreeMap<&'static str, Vec<Json>> = BTreeMap::new();
    let mut add = |table: &'static str, mut row: Json| {
        row["account_id"] = json!(account);
        row["region"] = json!(region);
        all.entry(table).or_default().push(row);
    };
    for vpc in of("Vpcs") {
        let mut cidrs = texts(&vpc["CidrBlockAssociationSet"], "CidrBlock");
        if cidrs.is_empty() {
            cidrs.extend(vpc["CidrBlock"].as_str().map(str::to_owned));
        }
        add(
            "vpc",
            json!({"vpc_id": vpc["VpcId"], "cidr_blocks": cidrs, "dhcp_options_id": "default", "owner_id": account, "tags": {}, "enable_dns_support": true, "enable_dns_hostnames": true, "private_zones": []}),
        );
    }
    for subnet in of("Subnets") {
        add(
            "vpc_subnet",
            json!({"subnet_id": subnet["SubnetId"], "vpc_id": subnet["VpcId"], "cidr_block": subnet["CidrBlock"], "availability_zone": subnet["AvailabilityZone"], "map_public_ip_on_launch": false, "tags": {}}),
        );
    }
    for table in of("RouteTables") {
        let routes: Vec<Json> = table["Routes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|route| {
                let first = |keys: &[&str]| keys.iter().find_map(|key| route[*key].as_str()).unwrap_or_default().to_owned();
                json!({
                    "destination": first(&["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"]),
                    "target": first(&["GatewayId", "NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "NetworkInterfaceId", "InstanceId"]),
                    "state": route["State"], "propagated": route["Origin"] == "EnableVgwRoutePropagation",
                })
            })
            .collect();
        let associations = &table["Associations"];
        let main = associations
            .as_array()
            .into_iter()
            .flatten()
            .any(|one| one["Main"] == true);
        add(
            "vpc_route_table",
            json!({"route_table_id": table["RouteTableId"], "vpc_id": table["VpcId"], "is_main": main, "subnet_ids": texts(associations, "SubnetId"), "routes": routes}),
        );
    }
    for acl in of("NetworkAcls") {
        let entries: Vec<Json> = acl["Entries"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| entry["CidrBlock"].is_string())
            .map(|entry| {
                let port = |key: &str| entry["PortRange"][key].as_i64().unwrap_or(-1);
                json!({"egress": entry["Egress"], "number": entry["RuleNumber"], "action": entry["RuleAction"], "protocol": entry["Protocol"], "cidr": entry["CidrBlock"], "from_port": port("From"), "to_port": port("To")})
            })
            .collect();
        add(
            "vpc_network_acl",
            json!({"network_acl_id": acl["NetworkAclId"], "vpc_id": acl["VpcId"], "is_default": acl["IsDefault"], "subnet_ids": texts(&acl["Associations"], "SubnetId"), "entries": entries}),
        );
    }
    if of("NetworkAcls").is_empty() {
        // A snapshot that leaves them out has the ones that AWS makes with each VPC.
        for vpc in of("Vpcs") {
            let entry = |egress: bool| json!({"egress": egress, "number": 100, "action": "allow", "protocol": "-1", "cidr": "0.0.0.0/0", "from_port": -1, "to_port": -1});
            add(
                "vpc_network_acl",
                json!({"network_acl_id": format!("acl-of-{}", vpc["VpcId"].as_str().unwrap_or_default()), "vpc_id": vpc["VpcId"], "is_default": true, "subnet_ids": [], "entries": [entry(false), entry(true)]}),
            );
        }
    }
    for group in of("SecurityGroups") {
        let rules = |key: &str| -> Vec<Json> {
            group[key]
                .as_array()
                .into_iter()
                .flatten()
                .map(|rule| {
                    json!({"protocol": rule["IpProtocol"], "from_port": rule["FromPort"].as_i64().unwrap_or(-1), "to_port": rule["ToPort"].as_i64().unwrap_or(-1), "cidrs": texts(&rule["IpRanges"], "CidrIp"), "groups": texts(&rule["UserIdGroupPairs"], "GroupId"), "prefix_lists": texts(&rule["PrefixListIds"], "PrefixListId")})
                })
                .collect()
        };
        add(
            "vpc_security_group",
            json!({"group_id": group["GroupId"], "vpc_id": group["VpcId"], "name": group["GroupName"], "ingress": rules("IpPermissions"), "egress": rules("IpPermissionsEgress")}),
        );
    }
    for one in of("NetworkInterfaces") {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        add(
            "ec2_network_interface",
            json!({"network_interface_id": one["NetworkInterfaceId"], "vpc_id": one["VpcId"], "subnet_id": one["SubnetId"], "private_ip_addresses": texts(&one["PrivateIpAddresses"], "PrivateIpAddress"), "public_ip": text(&one["Association"]["PublicIp"]), "security_group_ids": texts(&one["Groups"], "GroupId"), "instance_id": text(&one["Attachment"]["InstanceId"]), "interface_type": "interface"}),
        );
    }
    for gateway in of("NatGateways") {
        add(
            "vpc_nat_gateway",
            json!({"nat_gateway_id": gateway["NatGatewayId"], "vpc_id": gateway["VpcId"], "subnet_id": gateway["SubnetId"], "state": gateway["State"], "connectivity_type": "public"}),
        );
    }
    for endpoint in of("VpcEndpoints") {
        add(
            "vpc_endpoint",
            json!({"vpc_endpoint_id": endpoint["VpcEndpointId"], "vpc_id": endpoint["VpcId"], "service_name": endpoint["ServiceName"], "vpc_endpoint_type": endpoint["VpcEndpointType"], "state": endpoint["State"], "service_region": "", "private_dns_enabled": endpoint["PrivateDnsEnabled"], "policy": {}, "subnet_ids": endpoint["SubnetIds"], "security_group_ids": texts(&endpoint["Groups"], "GroupId"), "network_interface_ids": endpoint["NetworkInterfaceIds"], "route_table_ids": endpoint["RouteTableIds"], "owner_id": account, "tags": {}}),
        );
    }
    for list in of("PrefixLists") {
        add(
            "ec2_managed_prefix_list",
            json!({"prefix_list_id": list["PrefixListId"], "name": list["PrefixListName"], "owner_id": "AWS", "entries": list["Cidrs"]}),
        );
    }
    for peering in of("VpcPeeringConnections") {
        let (asks, accepts) = (&peering["RequesterVpcInfo"], &peering["AccepterVpcInfo"]);
        add(
            "vpc_peering_connection",
            json!({"id": peering["VpcPeeringConnectionId"], "status_code": peering["Status"]["Code"], "requester_vpc_id": asks["VpcId"], "requester_owner_id": asks["OwnerId"], "requester_region": asks["Region"], "accepter_vpc_id": accepts["VpcId"], "accepter_owner_id": accepts["OwnerId"], "accepter_region": accepts["Region"]}),
        );
    }
    let attached = of("TransitGatewayVpcAttachments");
    for one in of("TransitGatewayAttachments") {
        let subnets = attached
            .iter()
            .find(|other| other["TransitGatewayAttachmentId"] == one["TransitGatewayAttachmentId"])
            .map_or(json!([]), |other| other["SubnetIds"].clone());
        add(
            "ec2_transit_gateway_attachment",
            json!({"id": one["TransitGatewayAttachmentId"], "transit_gateway_id": one["TransitGatewayId"], "transit_gateway_owner_id": account, "resource_type": one["ResourceType"], "resource_id": one["ResourceId"], "resource_owner_id": account, "state": one["State"], "association_route_table_id": one["Association"]["TransitGatewayRouteTableId"].as_str().unwrap_or_default(), "subnet_ids": subnets}),
        );
    }
    for table in of("TransitGatewayRouteTables") {
        let id = &table["TransitGatewayRouteTableId"];
        let inner = |name: &str, list: &str| -> Vec<Json> {
            of(name)
                .into_iter()
                .filter(|one| one["TransitGatewayRouteTableId"] == *id)
                .flat_map(|one| one[list].as_array().cloned().unwrap_or_default())
                .collect()
        };
        let mut routes: Vec<Json> = inner("TransitGatewayStaticRoutes", "Routes")
            .iter()
            .map(|route| json!({"destination": route["DestinationCidrBlock"], "type": "static", "state": route["State"], "attachment_id": route["TransitGatewayAttachments"][0]["TransitGatewayAttachmentId"], "resource_type": "", "resource_id": ""}))
            .collect();
        // What a VPC propagates are its ranges.
        for from in inner(
            "TransitGatewayPropagations",
            "TransitGatewayRouteTablePropagations",
        ) {
            for vpc in of("Vpcs")
                .iter()
                .filter(|vpc| vpc["VpcId"] == from["ResourceId"])
            {
                routes.push(json!({"destination": vpc["CidrBlock"], "type": "propagated", "state": "active", "attachment_id": from["TransitGatewayAttachmentId"], "resource_type": "vpc", "resource_id": from["ResourceId"]}));
            }
        }
        add(
            "ec2_transit_gateway_route_table",
            json!({"id": id, "transit_gateway_id": table["TransitGatewayId"], "routes": routes}),
        );
    }
    all
}

/// A snapshot as a world: one account and Region, or folders of them.
fn world(snapshot: &Path) -> World {
    let regional = |folder: &Path| folder.join("Vpcs.json").is_file();
    let mut places: Vec<(String, String, PathBuf)> = Vec::new();
    if regional(snapshot) {
        places.push((
            "111111111111".to_owned(),
            "us-east-1".to_owned(),
            snapshot.to_owned(),
        ));
    }
    let sub = |folder: &Path| -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect();
        all.sort();
        all
    };
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    for region in sub(snapshot).into_iter().filter(|folder| regional(folder)) {
        places.push(("111111111111".to_owned(), name(&region), region));
    }
    for account in sub(&snapshot.join("accounts")) {
        places.extend(
            sub(&account)
                .into_iter()
                .filter(|folder| regional(folder))
                .map(|region| (name(&account), name(&region), region)),
        );
    }
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut files: BTreeMap<&'static str, Vec<Json>> = BTreeMap::new();
    for (account, region, path) in &places {
        for (table, rows) in rows(&answers(path), account, region) {
            files.entry(table).or_default().extend(rows);
        }
    }
    let mut ids: Vec<&String> = places.iter().map(|(account, ..)| account).collect();
    ids.dedup();
    let accounts: Vec<Json> = ids
        .iter()
        .map(|id| json!({"id": id, "name": "", "kind": "workload"}))
        .collect();
    let mut regions: Vec<&String> = places.iter().map(|(_, region, _)| region).collect();
    regions.sort();
    regions.dedup();
    std::fs::write(
        folder.path().join("run.yaml"),
        json!({"observed_at": "2026-01-01T00:00:00Z", "accounts": accounts, "regions": regions, "coverage": "all"}).to_string(),
    )
    .expect("written");
    for (table, rows) in files {
        std::fs::write(
            folder.path().join(format!("{table}.json")),
            Json::from(rows).to_string(),
        )
        .expect("written");
    }
    let mut store = Store::memory(&outcrop::subjects::tables()).expect("a store");
    let run = fixture::load_folder(folder.path(), &mut store)
        .unwrap_or_else(|error| panic!("{}: {error}", snapshot.display()));
    store.write_run(&run).expect("written");
    World::load(&store).expect("a world")
}

/// Kind of a node of AWS; `None` for what lies outside of it.
fn kind(node: &str) -> Option<&'static str> {
    const KINDS: [(&str, &str); 7] = [
        ("i-", "instance"),
        ("subnet-", "subnet"),
        ("vpc-", "vpc"),
        ("igw-", "internet-gateway"),
        ("vgw-", "vpn-gateway"),
        ("tgw-", "transit-gateway"),
        ("vpce-", "endpoint"),
    ];
    KINDS
        .iter()
        .find(|(begin, _)| node.starts_with(begin))
        .map(|(_, kind)| *kind)
}

/// Traces of which nothing runs inside AWS as describe answers show it.
const OUTSIDE: [(&str, &str); 3] = [
    (
        "test-public-private-subnet/testFromInternet/2",
        "a private address is not routed on the internet",
    ),
    (
        "test-public-subnet/testFromInternetToPrivateIp",
        "nor are these",
    ),
    (
        "test-vpn-gateway/testInternetToUnderlayInterfaceIp",
        "the outer address of a VPN tunnel belongs to AWS's own network",
    ),
];

#[test]
fn traces_of_others_are_reproduced() {
    let Some(cases) = std::env::var_os("OUTCROP_CASES") else {
        return;
    };
    let folder = Path::new(&cases).join("network");
    let text = std::fs::read_to_string(folder.join("traces.jsonl")).expect("the traces");
    let (mut wrong, mut inside, mut outside) = (Vec::new(), 0, 0);
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).expect("JSON");
        let id = case["id"].as_str().unwrap_or_default();
        if OUTSIDE.iter().any(|(known, _)| id.contains(known)) {
            outside += 1;
            continue;
        }
        inside += 1;
        let nodes: Vec<&str> = case["hops"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let wanted: Vec<(&str, &str)> = nodes
            .iter()
            .filter_map(|node| Some((kind(node)?, *node)))
            .collect();
        let flow = &case["flow"];
        let begin = flow["ingress_node"].as_str().unwrap_or_default();
        let from = if begin == "internet" || kind(begin).is_some() {
            begin
        } else {
            wanted.first().map_or(begin, |(_, node)| node)
        };
        let packet = Packet {
            to: flow["dst_ip"]
                .as_str()
                .and_then(|ip| ip.parse().ok())
                .expect("an address"),
            protocol: flow["ip_protocol"]
                .as_u64()
                .and_then(|number| u8::try_from(number).ok())
                .unwrap_or(0),
            port: flow["dst_port"]
                .as_u64()
                .and_then(|port| u16::try_from(port).ok()),
            from: flow["src_ip"].as_str().and_then(|ip| ip.parse().ok()),
        };
        let found = trace(
            &world(&folder.join(case["snapshot"].as_str().unwrap_or_default())),
            from,
            packet,
        )
        .expect("a place");
        let hops: Vec<(&str, &str)> = found
            .hops
            .iter()
            .map(|hop| {
                (
                    hop["kind"].as_str().unwrap_or_default(),
                    hop["id"].as_str().unwrap_or_default(),
                )
            })
            .filter(|(kind, _)| !matches!(*kind, "route" | "peering"))
            .collect();
        let says = case["disposition"][0].as_str().unwrap_or_default();
        let leaves = nodes.last().is_some_and(|node| kind(node).is_none());
        let end = match (wanted.last().map(|(kind, _)| *kind), says) {
            // What lies behind a virtual private gateway no describe call tells.
            (Some("vpn-gateway"), _) if wanted.len() > 1 => End::Unknown,
            (_, "ACCEPTED") if leaves => End::Leaves,
            (_, "ACCEPTED") => End::Arrives,
            (_, "EXITS_NETWORK") => End::Leaves,
            (_, "DENIED_IN" | "DENIED_OUT") => End::Denied,
            _ => End::Lost,
        };
        if hops != wanted || found.end != end {
            wrong.push(format!(
                "{id}: {says}\n  given {wanted:?} {end:?}\n  found {hops:?} {:?}: {}",
                found.end, found.reason
            ));
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "{inside} traces run inside AWS, {} of them as given; {outside} do not",
        inside - wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((inside, outside), (33, 4));
}

#[test]
fn packets_through_the_hub_end_where_its_tables_lead() {
    let tables = outcrop::subjects::tables();
    let mut store = Store::memory(&tables).expect("a store");
    let run = fixture::load_estate("hub", &mut store).expect("an estate");
    store.write_run(&run).expect("written");
    let world = World::load(&store).expect("a world");
    for (from, to, protocol, port, end, last) in [
        (
            "subnet-transit",
            "10.0.1.10",
            6,
            Some(443),
            End::Arrives,
            "interface",
        ),
        (
            "subnet-transit",
            "10.0.1.10",
            6,
            Some(80),
            End::Denied,
            "interface",
        ),
        (
            "subnet-transit",
            "10.0.1.10",
            17,
            Some(443),
            End::Denied,
            "interface",
        ),
        (
            "subnet-peered",
            "10.0.1.10",
            6,
            Some(443),
            End::Arrives,
            "interface",
        ),
        (
            "subnet-peered",
            "10.10.1.9",
            6,
            Some(443),
            End::Lost,
            "subnet",
        ),
        (
            "subnet-transit",
            "8.8.8.8",
            6,
            Some(443),
            End::Lost,
            "subnet",
        ),
        (
            "subnet-central",
            "8.8.8.8",
            6,
            Some(443),
            End::Leaves,
            "internet-gateway",
        ),
        (
            "subnet-out-tgw",
            "8.8.8.8",
            6,
            Some(443),
            End::Leaves,
            "internet-gateway",
        ),
        // A NAT gateway translates TCP, UDP and ICMP, and its internet gateway drops what goes to private addresses.
        (
            "subnet-out-tgw",
            "8.8.8.8",
            47,
            None,
            End::Lost,
            "nat-gateway",
        ),
        (
            "subnet-out-tgw",
            "192.168.7.7",
            6,
            Some(443),
            End::Lost,
            "route",
        ),
        ("subnet-hub", "10.10.1.7", 6, Some(443), End::Lost, "subnet"),
        ("vpc-hub", "10.0.77.1", 6, Some(443), End::Lost, "vpc"),
        ("vpc-hub", "10.0.1.53", 1, None, End::Denied, "interface"),
        (
            "eni-hub",
            "10.10.1.5",
            6,
            Some(443),
            End::Denied,
            "interface",
        ),
        ("internet", "203.0.113.9", 6, Some(443), End::Lost, ""),
        (
            "subnet-nowhere",
            "10.0.1.10",
            6,
            Some(443),
            End::Unknown,
            "",
        ),
        ("vgw-nowhere", "10.0.1.10", 6, Some(443), End::Unknown, ""),
    ] {
        let packet = Packet {
            to: to.parse().expect("an address"),
            protocol,
            port,
            from: None,
        };
        let found = trace(&world, from, packet).expect("a place");
        let kind = found
            .hops
            .last()
            .and_then(|hop| hop["kind"].as_str())
            .unwrap_or_default();
        assert_eq!(
            (found.end, kind),
            (end, last),
            "{from} -> {to}: {} {:#?}",
            found.reason,
            found.hops
        );
        assert!(!found.reason.is_empty());
    }
    let packet = Packet {
        to: "10.0.1.10".parse().expect("an address"),
        protocol: 6,
        port: Some(443),
        from: None,
    };
    assert!(trace(&world, "nonsense", packet).is_err_and(|why| why.contains("nonsense")));
}
