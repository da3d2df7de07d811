//! AWS PrivateLink: endpoints and the services that offer them.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
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
    columns: &[
        text(
            "service_name",
            "Such as `com.amazonaws.eu-west-1.bedrock-runtime`.",
        ),
        flag("policy_supported", "Does an endpoint of it take a policy?"),
    ],
    reads: &[Read::new("list", "ec2:DescribeVpcEndpointServices")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&ENDPOINT, &ENDPOINT_SERVICE],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["vpc_endpoint"],
            span: Span::Regional,
            run: |place| Box::pin(live::endpoints(place)),
        },
        Collector {
            tables: &["vpc_endpoint_service"],
            span: Span::Regional,
            run: |place| Box::pin(live::services(place)),
        },
    ],
};
