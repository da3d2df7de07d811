//! How files declare them.

use crate::services::declared::policy::{document, open};
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use serde_json::Value as Json;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_vpc_endpoint", "AWS::EC2::VPCEndpoint"],
        map: endpoint,
    },
    Spelling {
        kinds: &["aws_vpc_endpoint_policy"],
        map: |by, rows| {
            rows.column(
                by,
                "vpc_endpoint",
                by.at("vpc_endpoint_id").id(),
                "policy",
                document(by.at("policy")),
            )
        },
    },
    Spelling {
        kinds: &["aws_vpc_endpoint_private_dns"],
        map: |by, rows| {
            let on = by.at("private_dns_enabled").flag().map(Json::from);
            rows.column(
                by,
                "vpc_endpoint",
                by.at("vpc_endpoint_id").id(),
                "private_dns_enabled",
                on,
            );
        },
    },
    Spelling {
        kinds: &["aws_vpc_endpoint_subnet_association"],
        map: |by, rows| part(by, rows, "subnet_ids", "subnet_id"),
    },
    Spelling {
        kinds: &["aws_vpc_endpoint_security_group_association"],
        map: |by, rows| part(by, rows, "security_group_ids", "security_group_id"),
    },
    Spelling {
        kinds: &["aws_vpc_endpoint_route_table_association"],
        map: |by, rows| part(by, rows, "route_table_ids", "route_table_id"),
    },
];

/// AWS attaches full access where no policy is given, and the VPC's default group where none is named.
fn endpoint(by: &Declared, rows: &mut Rows) {
    let vpc = by.at("vpc_id").id();
    let kind = by.at("vpc_endpoint_type").text().or("Gateway");
    let groups = match (by.at("security_group_ids"), &kind, &vpc) {
        (Node::Absent, Told::Known(kind), Told::Known(vpc))
            if kind.eq_ignore_ascii_case("interface") =>
        {
            Told::Known(vec![format!("{vpc}.default_security_group_id")])
        }
        (declared, ..) => declared.ids().or(Vec::new()),
    };
    rows.symbol(by, by.id(), "vpce");
    rows.row("vpc_endpoint", by, by.id())
        .set("vpc_id", vpc)
        .set("service_name", by.at("service_name").text())
        .set("vpc_endpoint_type", kind)
        .put("state", "available")
        .set("service_region", by.at("service_region").text().or(""))
        .set(
            "private_dns_enabled",
            by.at("private_dns_enabled").flag().or(false),
        )
        .set(
            "policy",
            document(by.at("policy|policy_document")).or(open()),
        )
        .set("subnet_ids", by.at("subnet_ids").ids().or(Vec::new()))
        .set("security_group_ids", groups)
        .put("network_interface_ids", Vec::<String>::new())
        .set(
            "route_table_ids",
            by.at("route_table_ids").ids().or(Vec::new()),
        )
        .put("owner_id", by.account_id.as_str())
        .set("tags", by.tags());
}

fn part(by: &Declared, rows: &mut Rows, column: &'static str, path: &str) {
    rows.part(
        by,
        "vpc_endpoint",
        by.at("vpc_endpoint_id").id(),
        column,
        by.at(path).id().map(Json::from),
    );
}
