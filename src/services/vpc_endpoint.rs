//! AWS PrivateLink: endpoints and the services that offer them.

use crate::inventory::cols::{flag, json, list, tags, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Endpoints.
pub const ENDPOINT: Table = Table {
    name: "vpc_endpoint",
    doc: "VPC endpoints.",
    key: "vpc_endpoint_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("vpc_endpoint_id", "Id."),
        text("vpc_id", "VPC."),
        text("service_name", "Such as `com.amazonaws.eu-west-1.bedrock-runtime`."),
        text("vpc_endpoint_type", "`Interface`, `Gateway`, `GatewayLoadBalancer`, `Resource`, `ServiceNetwork` or `Tunnel`.").words(&[
            "Interface",
            "Gateway",
            "GatewayLoadBalancer",
            "Resource",
            "ServiceNetwork",
            "Tunnel",
        ]),
        text("state", "Lower case: `available`, `pending`, `pendingacceptance`, `failed`, ... (the API's spelling varies in case).").words(&[
            "available",
            "deleted",
            "deleting",
            "expired",
            "failed",
            "partial",
            "pending",
            "pendingacceptance",
            "rejected",
        ]),
        text("service_region", "Region of the service, where it is not the endpoint's own.").absent("''"),
        flag("private_dns_enabled", "Does the default host name resolve to it in its VPC?"),
        json("policy", "Policy document. AWS attaches full access where none was given."),
        list("subnet_ids", "Subnets with an interface."),
        list("security_group_ids", "Security groups of the interfaces."),
        list("network_interface_ids", "Interfaces."),
        list("route_table_ids", "Route tables of a gateway endpoint."),
        text("owner_id", "Account that owns it."),
        tags(),
    ],
    reads: &[Read::new("list", "ec2:DescribeVpcEndpoints")],
    lists: Inputs::NONE,
};

/// Endpoint services.
pub const ENDPOINT_SERVICE: Table = Table {
    name: "vpc_endpoint_service",
    doc: "Endpoint services that AWS offers in the Region.",
    key: "service_name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("service_name", "Such as `com.amazonaws.eu-west-1.bedrock-runtime`."), flag("policy_supported", "Does an endpoint of it take a policy?")],
    reads: &[Read::new("list", "ec2:DescribeVpcEndpointServices")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
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
                .set("vpc_endpoint_type", endpoint.vpc_endpoint_type().map_or("Gateway", |kind| kind.as_str()))
                // The model spells states in PascalCase, the API answers in lower case: every value is "unknown" to the enum, and its text is right.
                .set("state", endpoint.state().map(|state| state.as_str().to_ascii_lowercase()))
                .set("service_region", endpoint.service_region().unwrap_or_default())
                .set("private_dns_enabled", endpoint.private_dns_enabled().unwrap_or(false))
                .set("subnet_ids", endpoint.subnet_ids().to_vec())
                .set("security_group_ids", endpoint.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect::<Vec<_>>())
                .set("network_interface_ids", endpoint.network_interface_ids().to_vec())
                .set("route_table_ids", endpoint.route_table_ids().to_vec())
                .set("owner_id", endpoint.owner_id())
                .set("tags", tags(endpoint.tags().iter().map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()))));
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
                |token| client.describe_vpc_endpoint_services().set_next_token(token).send(),
                |answer| (answer.service_details.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "vpc_endpoint_service", &listing);
        let mut seen = std::collections::BTreeSet::new();
        for service in listing.items.iter().filter(|service| seen.insert(service.service_name().unwrap_or_default().to_owned())) {
            batch.rows.push(
                place.row("vpc_endpoint_service").set("service_name", service.service_name()).set("policy_supported", service.vpc_endpoint_policy_supported()),
            );
        }
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::policy::document;
    use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
    use serde_json::{Value as Json, json};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_vpc_endpoint", "AWS::EC2::VPCEndpoint"], map: endpoint },
        Spelling {
            kinds: &["aws_vpc_endpoint_policy"],
            map: |by, rows| rows.column(by, "vpc_endpoint", by.at("vpc_endpoint_id").id(), "policy", document(by.at("policy"))),
        },
        Spelling {
            kinds: &["aws_vpc_endpoint_private_dns"],
            map: |by, rows| {
                let on = by.at("private_dns_enabled").flag().map(Json::from);
                rows.column(by, "vpc_endpoint", by.at("vpc_endpoint_id").id(), "private_dns_enabled", on);
            },
        },
        Spelling { kinds: &["aws_vpc_endpoint_subnet_association"], map: |by, rows| part(by, rows, "subnet_ids", "subnet_id") },
        Spelling { kinds: &["aws_vpc_endpoint_security_group_association"], map: |by, rows| part(by, rows, "security_group_ids", "security_group_id") },
        Spelling { kinds: &["aws_vpc_endpoint_route_table_association"], map: |by, rows| part(by, rows, "route_table_ids", "route_table_id") },
    ];

    /// AWS attaches full access where no policy is given, and the VPC's default group where none is named.
    fn endpoint(by: &Declared, rows: &mut Rows) {
        let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]});
        let vpc = by.at("vpc_id").id();
        let kind = by.at("vpc_endpoint_type").text().or("Gateway");
        let groups = match (by.at("security_group_ids"), &kind, &vpc) {
            (Node::Absent, Told::Known(kind), Told::Known(vpc)) if kind.eq_ignore_ascii_case("interface") => {
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
            .set("private_dns_enabled", by.at("private_dns_enabled").flag().or(false))
            .set("policy", document(by.at("policy|policy_document")).or(open))
            .set("subnet_ids", by.at("subnet_ids").ids().or(Vec::new()))
            .set("security_group_ids", groups)
            .put("network_interface_ids", Vec::<String>::new())
            .set("route_table_ids", by.at("route_table_ids").ids().or(Vec::new()))
            .put("owner_id", by.account_id.as_str())
            .set("tags", by.tags());
    }

    fn part(by: &Declared, rows: &mut Rows, column: &'static str, path: &str) {
        rows.part(by, "vpc_endpoint", by.at("vpc_endpoint_id").id(), column, by.at(path).id().map(Json::from));
    }
}
