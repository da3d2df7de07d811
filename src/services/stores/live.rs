//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};

pub(in crate::services) async fn instances(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_rds, place);
    let listing = place
        .pages(
            "rds:DescribeDBInstances",
            |token| {
                client
                    .describe_db_instances()
                    .max_records(100)
                    .set_marker(token)
                    .send()
            },
            |answer| (answer.db_instances.unwrap_or_default(), answer.marker),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "rds_db_instance", &listing);
    batch.rows.extend(listing.items.iter().map(|one| {
        place
            .row("rds_db_instance")
            .set("arn", one.db_instance_arn())
            .set("name", one.db_instance_identifier())
            .set(
                "cluster_name",
                one.db_cluster_identifier().unwrap_or_default(),
            )
            .set("engine", one.engine())
            .set("publicly_accessible", one.publicly_accessible())
            .set(
                "security_group_ids",
                one.vpc_security_groups()
                    .iter()
                    .filter_map(|group| group.vpc_security_group_id().map(str::to_owned))
                    .collect::<Vec<_>>(),
            )
            .set("is_encrypted", one.storage_encrypted().unwrap_or(false))
            .set("kms_key_id", one.kms_key_id().unwrap_or_default())
    }));
    batch
}

pub(in crate::services) async fn graphs(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_neptunegraph, place);
    let listing = place
        .pages(
            "neptune-graph:ListGraphs",
            |token| client.list_graphs().set_next_token(token).send(),
            |answer| (answer.graphs, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "neptune_graph", &listing);
    batch.rows.extend(listing.items.iter().map(|one| {
        place
            .row("neptune_graph")
            .set("arn", one.arn())
            .set("name", one.name())
            .set("public_connectivity", one.public_connectivity())
            .set(
                "kms_key_id",
                // What the API calls a key of AWS.
                one.kms_key_identifier()
                    .filter(|key| *key != "AWS_OWNED_KEY")
                    .unwrap_or_default(),
            )
    }));
    batch
}
