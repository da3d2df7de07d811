//! Amazon VPC: what filters and names addresses: network ACLs, prefix lists, interfaces.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use super::vpc::read;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table, shape};

/// Network ACLs.
pub const NETWORK_ACL: Table = Table {
    name: "vpc_network_acl",
    doc: "Network ACLs with their rules; a subnet has exactly one.",
    key: "network_acl_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("network_acl_id", "Id."),
        text("vpc_id", "VPC."),
        flag("is_default", "Is it the VPC's default?"),
        list("subnet_ids", "Subnets that it filters."),
        json("entries", "`[{egress, number, action, protocol, cidr, from_port, to_port}]`; protocol `-1` is all; ports -1 are all.").shaped(read::entries),
    ],
    reads: &[Read::new("list", "ec2:DescribeNetworkAcls")],
    lists: Inputs::NONE,
};

/// Prefix lists.
pub const PREFIX_LIST: Table = Table {
    name: "ec2_managed_prefix_list",
    doc: "Prefix lists, AWS's own included, with their entries.",
    key: "prefix_list_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("prefix_list_id", "Id."),
        text("name", "Name, such as `com.amazonaws.eu-west-1.s3`."),
        text("owner_id", "Account that owns it; `AWS` for AWS's own.").absent("''"),
        list("entries", "Ranges.")
            .by(&["entries"])
            .shaped(shape::ranges),
    ],
    reads: &[
        Read::new("list", "ec2:DescribeManagedPrefixLists"),
        Read::new("entries", "ec2:GetManagedPrefixListEntries"),
    ],
    lists: Inputs::NONE,
};

/// Interfaces.
pub const NETWORK_INTERFACE: Table = Table {
    name: "ec2_network_interface",
    doc: "Network interfaces with their addresses.",
    key: "network_interface_id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("network_interface_id", "Id."),
        text("vpc_id", "VPC."),
        text("subnet_id", "Subnet."),
        list("private_ip_addresses", "Private addresses."),
        text("public_ip", "Public address.").absent("''"),
        list("security_group_ids", "Security groups."),
        text("instance_id", "Instance it is attached to.").absent("''"),
        text(
            "interface_type",
            "`interface`, `vpc_endpoint`, `nat_gateway`, ...",
        )
        .absent("'interface'"),
    ],
    reads: &[Read::new("list", "ec2:DescribeNetworkInterfaces")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&NETWORK_ACL, &PREFIX_LIST, &NETWORK_INTERFACE],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["vpc_network_acl"],
            span: Span::Regional,
            run: |place| Box::pin(live::network_acls(place)),
        },
        Collector {
            tables: &["ec2_managed_prefix_list"],
            span: Span::Regional,
            run: |place| Box::pin(live::prefix_lists(place)),
        },
        Collector {
            tables: &["ec2_network_interface"],
            span: Span::Regional,
            run: |place| Box::pin(live::interfaces(place)),
        },
    ],
};
