//! How files declare them.

use crate::services::declared::{Declared, Node, Rows, Spelling, Told};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling {
    kinds: &["aws_instance", "AWS::EC2::Instance"],
    map: instance,
}];

/// The VPC follows from the subnet; an instance without one goes to the default VPC, which no file tells.
fn instance(by: &Declared, rows: &mut Rows) {
    let groups = match by.at("vpc_security_group_ids|security_group_ids|network_interfaces.group_set|network_interfaces.security_groups") {
        Node::Absent => Told::Absent,
        declared => declared.ids(),
    };
    let public = match by
        .at("associate_public_ip_address|network_interfaces.associate_public_ip_address")
        .flag()
    {
        // The address is given when it starts; that there is one is what counts.
        Told::Known(true) => Told::Known("(assigned at start)".to_owned()),
        Told::Known(false) => Told::Known(String::new()),
        _ => Told::Absent,
    };
    rows.symbol(by, by.id(), "i");
    rows.row("ec2_instance", by, by.id())
        .put("instance_state", "running")
        .set(
            "subnet_id",
            by.at("subnet_id|network_interfaces.subnet_id").id(),
        )
        .set("security_group_ids", groups)
        .set("public_ip_address", public)
        .set("ipv6_addresses", by.at("ipv6_addresses").ids())
        .set(
            "iam_instance_profile_arn",
            by.at("iam_instance_profile")
                .id()
                .map(|profile| profile_arn(by, profile))
                .or(""),
        )
        .set("tags", by.tags());
}

fn profile_arn(by: &Declared, profile: String) -> String {
    if profile.starts_with("arn:") {
        profile
    } else {
        by.arn_of("iam", &format!("instance-profile/{profile}"))
    }
}
