//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place, tags};

pub(in crate::services) async fn instances(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_ec2, place);
    let listing = place
        .pages(
            "ec2:DescribeInstances",
            |token| {
                client
                    .describe_instances()
                    .max_results(1000)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.reservations.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "ec2_instance", &listing);
    for instance in listing
        .items
        .iter()
        .flat_map(|reservation| reservation.instances())
    {
        let state = instance
            .state()
            .and_then(|state| state.name())
            .map(|name| name.as_str().to_ascii_lowercase());
        if state.as_deref() == Some("terminated") {
            continue;
        }
        let pairs = instance.tags().iter().map(|tag| {
            (
                tag.key().unwrap_or_default().to_owned(),
                tag.value().unwrap_or_default().to_owned(),
            )
        });
        batch.rows.push(
            place
                .row("ec2_instance")
                .set("instance_id", instance.instance_id())
                .set("instance_state", state)
                .set("vpc_id", instance.vpc_id().unwrap_or_default())
                .set("subnet_id", instance.subnet_id().unwrap_or_default())
                .set(
                    "security_group_ids",
                    instance
                        .security_groups()
                        .iter()
                        .filter_map(|group| group.group_id().map(str::to_owned))
                        .collect::<Vec<_>>(),
                )
                .set(
                    "public_ip_address",
                    instance.public_ip_address().unwrap_or_default(),
                )
                .set(
                    "ipv6_addresses",
                    instance
                        .ipv6_address()
                        .map(str::to_owned)
                        .into_iter()
                        .collect::<Vec<_>>(),
                )
                .set(
                    "iam_instance_profile_arn",
                    instance
                        .iam_instance_profile()
                        .and_then(|profile| profile.arn())
                        .unwrap_or_default(),
                )
                .set("tags", tags(pairs)),
        );
    }
    batch.count("ec2_instance");
    batch
}
