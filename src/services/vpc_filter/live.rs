//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};
use crate::services::failure::Failure;
use aws_sdk_ec2::types::{ManagedPrefixList, NetworkAclEntry};
use serde_json::{Value as Json, json};

fn entry(entry: &NetworkAclEntry) -> Json {
    let port = |of: fn(&aws_sdk_ec2::types::PortRange) -> Option<i32>| {
        entry.port_range().and_then(of).unwrap_or(-1)
    };
    json!({
        "egress": entry.egress(), "number": entry.rule_number(), "action": entry.rule_action().map(|action| action.as_str()), "protocol": entry.protocol(),
        "cidr": entry.cidr_block().or(entry.ipv6_cidr_block()), "from_port": port(|range| range.from()), "to_port": port(|range| range.to()),
    })
}

pub(in crate::services) async fn network_acls(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeNetworkAcls",
            |token| client.describe_network_acls().set_next_token(token).send(),
            |answer| (answer.network_acls.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "vpc_network_acl", &listing);
    batch.rows.extend(listing.items.iter().map(|acl| {
        place
            .row("vpc_network_acl")
            .set("network_acl_id", acl.network_acl_id())
            .set("vpc_id", acl.vpc_id())
            .set("is_default", acl.is_default())
            .set(
                "subnet_ids",
                acl.associations()
                    .iter()
                    .filter_map(|association| association.subnet_id().map(str::to_owned))
                    .collect::<Vec<_>>(),
            )
            .set("entries", acl.entries().iter().map(entry).collect::<Json>())
    }));
    batch
}

async fn entries(
    place: &Place<'_>,
    client: &aws_sdk_ec2::Client,
    id: &str,
) -> Result<Vec<String>, Failure> {
    let listing = place
        .pages(
            "ec2:GetManagedPrefixListEntries",
            |token| {
                client
                    .get_managed_prefix_list_entries()
                    .prefix_list_id(id)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.entries.unwrap_or_default(), answer.next_token),
        )
        .await;
    match listing.failure {
        Some(failure) => Err(failure),
        None => Ok(listing
            .items
            .iter()
            .filter_map(|entry| entry.cidr().map(str::to_owned))
            .collect()),
    }
}

pub(in crate::services) async fn prefix_lists(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeManagedPrefixLists",
            |token| {
                client
                    .describe_managed_prefix_lists()
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.prefix_lists.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "ec2_managed_prefix_list", &listing);
    let key = |list: &ManagedPrefixList| list.prefix_list_id().unwrap_or_default().to_owned();
    let all = &listing.items;
    let details = place
        .details(
            &mut batch,
            "ec2_managed_prefix_list",
            "entries",
            all,
            key,
            |index| {
                entries(
                    place,
                    &client,
                    all[index].prefix_list_id().unwrap_or_default(),
                )
            },
        )
        .await;
    for (list, entries) in all.iter().zip(details) {
        let mut row = place
            .row("ec2_managed_prefix_list")
            .set("prefix_list_id", list.prefix_list_id())
            .set("name", list.prefix_list_name())
            .set("owner_id", list.owner_id().unwrap_or_default());
        if let Some(entries) = entries {
            row.put("entries", entries);
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn interfaces(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeNetworkInterfaces",
            |token| {
                client
                    .describe_network_interfaces()
                    .max_results(1000)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.network_interfaces.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "ec2_network_interface", &listing);
    batch.rows.extend(listing.items.iter().map(|interface| {
        let addresses = interface
            .private_ip_addresses()
            .iter()
            .filter_map(|address| address.private_ip_address().map(str::to_owned));
        place
            .row("ec2_network_interface")
            .set("network_interface_id", interface.network_interface_id())
            .set("vpc_id", interface.vpc_id().unwrap_or_default())
            .set("subnet_id", interface.subnet_id().unwrap_or_default())
            .set("private_ip_addresses", addresses.collect::<Vec<_>>())
            .set(
                "public_ip",
                interface
                    .association()
                    .and_then(|association| association.public_ip())
                    .unwrap_or_default(),
            )
            .set(
                "security_group_ids",
                interface
                    .groups()
                    .iter()
                    .filter_map(|group| group.group_id().map(str::to_owned))
                    .collect::<Vec<_>>(),
            )
            .set(
                "instance_id",
                interface
                    .attachment()
                    .and_then(|attachment| attachment.instance_id())
                    .unwrap_or_default(),
            )
            .set(
                "interface_type",
                interface
                    .interface_type()
                    .map_or("interface", |kind| kind.as_str()),
            )
    }));
    batch
}
