//! How files declare them.

use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &[
            "aws_security_group",
            "aws_default_security_group",
            "AWS::EC2::SecurityGroup",
        ],
        map: group,
    },
    Spelling {
        kinds: &["aws_security_group_rule"],
        map: |by, rows| rule(by, rows, &by.at("type").text()),
    },
    Spelling {
        kinds: &[
            "aws_vpc_security_group_ingress_rule",
            "AWS::EC2::SecurityGroupIngress",
        ],
        map: |by, rows| rule(by, rows, &Told::Known("ingress".to_owned())),
    },
    Spelling {
        kinds: &[
            "aws_vpc_security_group_egress_rule",
            "AWS::EC2::SecurityGroupEgress",
        ],
        map: |by, rows| rule(by, rows, &Told::Known("egress".to_owned())),
    },
    Spelling {
        kinds: &[
            "aws_network_acl",
            "aws_default_network_acl",
            "AWS::EC2::NetworkAcl",
        ],
        map: acl,
    },
    Spelling {
        kinds: &["aws_network_acl_rule", "AWS::EC2::NetworkAclEntry"],
        map: acl_entry,
    },
    Spelling {
        kinds: &[
            "aws_network_acl_association",
            "AWS::EC2::SubnetNetworkAclAssociation",
        ],
        map: acl_association,
    },
    Spelling {
        kinds: &["aws_ec2_managed_prefix_list", "AWS::EC2::PrefixList"],
        map: prefix_list,
    },
];

fn protocol(node: &Node) -> Told<String> {
    node.at("protocol|ip_protocol").text().or("-1").map(|text| {
        match text.to_ascii_lowercase().as_str() {
            "all" => "-1".to_owned(),
            "6" => "tcp".to_owned(),
            "17" => "udp".to_owned(),
            other => other.to_owned(),
        }
    })
}

/// One permission; `own` is the group it belongs to, for rules that name themselves.
fn permission(node: &Node, own: &str) -> Told<Json> {
    let mut groups = Vec::new();
    let mut cidrs = Vec::new();
    let mut lists = Vec::new();
    for (into, keys) in [
        (
            &mut cidrs,
            &[
                "cidr_blocks",
                "ipv6_cidr_blocks",
                "cidr_ipv4",
                "cidr_ipv6",
                "cidr_ip",
            ][..],
        ),
        (
            &mut groups,
            &[
                "security_groups",
                "source_security_group_id",
                "destination_security_group_id",
                "referenced_security_group_id",
                "source_security_group_name",
            ][..],
        ),
        (
            &mut lists,
            &[
                "prefix_list_ids",
                "prefix_list_id",
                "source_prefix_list_id",
                "destination_prefix_list_id",
            ][..],
        ),
    ] {
        for key in keys {
            match node.at(key).ids() {
                Told::Known(more) => {
                    into.extend(more.into_iter().filter(|text: &String| !text.is_empty()))
                }
                Told::Unknown(later) => return Told::Unknown(later),
                Told::Absent => {}
            }
        }
    }
    if node.at("self").flag() == Told::Known(true) {
        groups.push(own.to_owned());
    }
    let all = protocol(node);
    let port = |key: &str| node.at(key).int().or(-1);
    match (all, port("from_port"), port("to_port")) {
        (Told::Known(protocol), Told::Known(from), Told::Known(to)) => {
            let (from, to) = if protocol == "-1" {
                (-1, -1)
            } else {
                (from, to)
            };
            Told::Known(
                json!({"protocol": protocol, "from_port": from, "to_port": to, "cidrs": cidrs, "groups": groups, "prefix_lists": lists}),
            )
        }
        (Told::Unknown(later), ..) | (_, Told::Unknown(later), _) | (.., Told::Unknown(later)) => {
            Told::Unknown(later)
        }
        _ => Told::Absent,
    }
}

/// Without an egress rule CloudFormation leaves AWS's default, all traffic; Terraform takes it away.
fn group(by: &Declared, rows: &mut Rows) {
    let id = match by.kind.as_str() {
        "aws_default_security_group" => by
            .at("vpc_id")
            .id()
            .known()
            .map_or_else(|| by.id(), |vpc| format!("{vpc}.default_security_group_id")),
        _ => by.id(),
    };
    let row = rows.row("vpc_security_group", by, id.as_str());
    row.set("vpc_id", by.at("vpc_id").id())
        .put("name", by.name("name|group_name"))
        .put("ingress", json!([]))
        .put("egress", json!([]));
    for (column, path) in [
        ("ingress", "ingress|security_group_ingress"),
        ("egress", "egress|security_group_egress"),
    ] {
        let declared = by.at(path);
        if let Node::Unknown(later) = declared {
            rows.column(
                by,
                "vpc_security_group",
                Told::Known(id.clone()),
                column,
                Told::Unknown(later.clone()),
            );
        }
        for item in declared.items() {
            rows.part(
                by,
                "vpc_security_group",
                Told::Known(id.clone()),
                column,
                permission(item, &id),
            );
        }
        if column == "egress" && by.is_cloudformation() && *declared == Node::Absent {
            let all = json!({"protocol": "-1", "from_port": -1, "to_port": -1, "cidrs": ["0.0.0.0/0"], "groups": [], "prefix_lists": []});
            rows.part(
                by,
                "vpc_security_group",
                Told::Known(id.clone()),
                column,
                Told::Known(all),
            );
        }
    }
}

fn rule(by: &Declared, rows: &mut Rows, direction: &Told<String>) {
    let column = match direction {
        Told::Known(text) if text == "egress" => "egress",
        _ => "ingress",
    };
    let key = by.at("security_group_id|group_id").id();
    let own = key.clone().known().unwrap_or_default();
    rows.part(
        by,
        "vpc_security_group",
        key,
        column,
        permission(&by.values, &own),
    );
}

fn entry(node: &Node, egress: Told<bool>) -> Told<Json> {
    let facts = [
        egress.map(Json::from),
        node.at("rule_no|rule_number").int().map(Json::from),
        node.at("action|rule_action")
            .text()
            .map(|text| Json::from(text.to_ascii_lowercase())),
        protocol(node).map(|text| Json::from(if text == "tcp" { "6".to_owned() } else { text })),
        node.at("cidr_block|ipv6_cidr_block")
            .text()
            .or("")
            .map(Json::from),
        node.at("from_port|port_range.from")
            .int()
            .or(-1)
            .map(Json::from),
        node.at("to_port|port_range.to")
            .int()
            .or(-1)
            .map(Json::from),
    ];
    let mut entry = serde_json::Map::new();
    for (key, fact) in [
        "egress",
        "number",
        "action",
        "protocol",
        "cidr",
        "from_port",
        "to_port",
    ]
    .into_iter()
    .zip(facts)
    {
        match fact {
            Told::Known(value) => {
                entry.insert(key.to_owned(), value);
            }
            Told::Unknown(later) => return Told::Unknown(later),
            Told::Absent => return Told::Absent,
        }
    }
    if entry
        .get("protocol")
        .is_some_and(|protocol| protocol == "-1")
    {
        entry.insert("from_port".to_owned(), json!(-1));
        entry.insert("to_port".to_owned(), json!(-1));
    }
    Told::Known(Json::Object(entry))
}

fn acl(by: &Declared, rows: &mut Rows) {
    let default = by.kind == "aws_default_network_acl";
    let id = if default {
        by.at("default_network_acl_id")
            .id()
            .known()
            .unwrap_or_else(|| by.id())
    } else {
        by.id()
    };
    let row = rows.row("vpc_network_acl", by, id.as_str());
    if !default {
        row.set("vpc_id", by.at("vpc_id").id())
            .put("is_default", false);
    }
    row.set("subnet_ids", by.at("subnet_ids").ids().or(Vec::new()))
        .put("entries", json!([]));
    for (path, egress) in [("ingress", false), ("egress", true)] {
        if let Node::Unknown(later) = by.at(path) {
            rows.column(
                by,
                "vpc_network_acl",
                Told::Known(id.clone()),
                "entries",
                Told::Unknown(later.clone()),
            );
        }
        for item in by.at(path).items() {
            rows.part(
                by,
                "vpc_network_acl",
                Told::Known(id.clone()),
                "entries",
                entry(item, Told::Known(egress)),
            );
        }
    }
}

fn acl_entry(by: &Declared, rows: &mut Rows) {
    rows.part(
        by,
        "vpc_network_acl",
        by.at("network_acl_id").id(),
        "entries",
        entry(&by.values, by.at("egress").flag().or(false)),
    );
}

fn acl_association(by: &Declared, rows: &mut Rows) {
    rows.part(
        by,
        "vpc_network_acl",
        by.at("network_acl_id").id(),
        "subnet_ids",
        by.at("subnet_id").id().map(Json::from),
    );
}

fn prefix_list(by: &Declared, rows: &mut Rows) {
    rows.symbol(by, by.id(), "pl");
    let mut entries = Vec::new();
    let mut open = None;
    for item in by.at("entry|entries").items() {
        match item.at("cidr").text() {
            Told::Known(cidr) => entries.push(cidr),
            Told::Unknown(later) => open = Some(later),
            Told::Absent => {}
        }
    }
    rows.row("ec2_managed_prefix_list", by, by.id())
        .put("name", by.name("name|prefix_list_name"))
        .put("owner_id", by.account_id.as_str())
        .set("entries", open.map_or(Told::Known(entries), Told::Unknown));
}
