//! Amazon EC2: instances.

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
        text("instance_state", "`running`, `stopped`, `pending`, ...").words(&["pending", "running", "shutting-down", "terminated", "stopping", "stopped"]),
        text("vpc_id", "VPC.").absent("''"),
        text("subnet_id", "Subnet of its first interface.").absent("''"),
        list("security_group_ids", "Security groups."),
        text("public_ip_address", "Public address.").absent("''"),
        list("ipv6_addresses", "IPv6 addresses of its first interface."),
        text("iam_instance_profile_arn", "Instance profile, which holds its role.").absent("''"),
        tags(),
    ],
    reads: &[Read::new("list", "ec2:DescribeInstances")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place, tags};

    pub(in crate::services) async fn instances(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_ec2, place);
        let listing = place
            .pages(
                "ec2:DescribeInstances",
                |token| client.describe_instances().max_results(1000).set_next_token(token).send(),
                |answer| (answer.reservations.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "ec2_instance", &listing);
        for instance in listing.items.iter().flat_map(|reservation| reservation.instances()) {
            let state = instance.state().and_then(|state| state.name()).map(|name| name.as_str().to_ascii_lowercase());
            if state.as_deref() == Some("terminated") {
                continue;
            }
            let pairs = instance.tags().iter().map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()));
            batch.rows.push(
                place
                    .row("ec2_instance")
                    .set("instance_id", instance.instance_id())
                    .set("instance_state", state)
                    .set("vpc_id", instance.vpc_id().unwrap_or_default())
                    .set("subnet_id", instance.subnet_id().unwrap_or_default())
                    .set("security_group_ids", instance.security_groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect::<Vec<_>>())
                    .set("public_ip_address", instance.public_ip_address().unwrap_or_default())
                    .set("ipv6_addresses", instance.ipv6_address().map(str::to_owned).into_iter().collect::<Vec<_>>())
                    .set("iam_instance_profile_arn", instance.iam_instance_profile().and_then(|profile| profile.arn()).unwrap_or_default())
                    .set("tags", tags(pairs)),
            );
        }
        batch.count("ec2_instance");
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::{Declared, Node, Rows, Spelling, Told};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling { kinds: &["aws_instance", "AWS::EC2::Instance"], map: instance }];

    /// The VPC follows from the subnet; an instance without one goes to the default VPC, which no file tells.
    fn instance(by: &Declared, rows: &mut Rows) {
        let groups = match by.at("vpc_security_group_ids|security_group_ids|network_interfaces.group_set|network_interfaces.security_groups") {
            Node::Absent => Told::Absent,
            declared => declared.ids(),
        };
        let public = match by.at("associate_public_ip_address|network_interfaces.associate_public_ip_address").flag() {
            // The address is given when it starts; that there is one is what counts.
            Told::Known(true) => Told::Known("(assigned at start)".to_owned()),
            Told::Known(false) => Told::Known(String::new()),
            _ => Told::Absent,
        };
        rows.symbol(by, by.id(), "i");
        rows.row("ec2_instance", by, by.id())
            .put("instance_state", "running")
            .set("subnet_id", by.at("subnet_id|network_interfaces.subnet_id").id())
            .set("security_group_ids", groups)
            .set("public_ip_address", public)
            .set("ipv6_addresses", by.at("ipv6_addresses").ids())
            .set("iam_instance_profile_arn", by.at("iam_instance_profile").id().map(|profile| profile_arn(by, profile)).or(""))
            .set("tags", by.tags());
    }

    fn profile_arn(by: &Declared, profile: String) -> String {
        if profile.starts_with("arn:") { profile } else { by.arn_of("iam", &format!("instance-profile/{profile}")) }
    }
}
