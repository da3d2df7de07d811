//! Amazon EC2: instances.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{list, tags, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Instances.
pub const INSTANCE: Table = Table {
    name: "ec2_instance",
    doc: "Instances that run or may run again.",
    key: "instance_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("instance_id", "Id."),
        text("instance_state", "`running`, `stopped`, `pending`, ...").words(&[
            "pending",
            "running",
            "shutting-down",
            "terminated",
            "stopping",
            "stopped",
        ]),
        text("vpc_id", "VPC.").absent("''"),
        text("subnet_id", "Subnet of its first interface.").absent("''"),
        list("security_group_ids", "Security groups."),
        text("public_ip_address", "Public address.").absent("''"),
        list("ipv6_addresses", "IPv6 addresses of its first interface."),
        text(
            "iam_instance_profile_arn",
            "Instance profile, which holds its role.",
        )
        .absent("''"),
        tags(),
    ],
    reads: &[Read::new("list", "ec2:DescribeInstances")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&INSTANCE],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[Collector {
        tables: &["ec2_instance"],
        span: Span::Regional,
        run: |place| Box::pin(live::instances(place)),
    }],
};
