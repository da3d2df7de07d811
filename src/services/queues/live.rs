//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};
use crate::services::plain::{Client, Protocol, Spoken};
use serde_json::{Value as Json, json};

/// Amazon SQS, in its JSON protocol.
const SQS: Spoken = Spoken {
    prefix: "sqs",
    id: "SQS",
    host: "sqs",
    signed: "sqs",
    protocol: Protocol::Json("AmazonSQS", "1.0"),
    worldwide: false,
};

pub(in crate::services) async fn queues(place: &Place<'_>) -> Batch {
    let client = Client::of(place, &SQS);
    // Pages come only where their size is asked for.
    let listing = client
        .pages(
            "ListQueues",
            &json!({"MaxResults": 1000}),
            "QueueUrls",
            "NextToken",
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "sqs_queue", &listing);
    let name = |url: &Json| {
        let url = url.as_str().unwrap_or_default();
        url.rsplit('/').next().unwrap_or_default().to_owned()
    };
    let arn = |url: &Json| {
        format!(
            "arn:{}:sqs:{}:{}:{}",
            place.partition,
            place.region,
            place.account,
            name(url)
        )
    };
    let details = place
        .details(
            &mut batch,
            "sqs_queue",
            "attributes",
            &listing.items,
            arn,
            |index| {
                let (client, url) = (&client, &listing.items[index]);
                async move {
                    let names = ["RedrivePolicy", "SqsManagedSseEnabled", "KmsMasterKeyId"];
                    let input = json!({"QueueUrl": url, "AttributeNames": names});
                    client
                        .call("GetQueueAttributes", "GetQueueAttributes", &input)
                        .await
                }
            },
        )
        .await;
    for (url, found) in listing.items.iter().zip(details) {
        let mut row = place
            .row("sqs_queue")
            .set("arn", arn(url))
            .set("name", name(url));
        if let Some(found) = found {
            let attributes = &found["Attributes"];
            let has_key = attributes["KmsMasterKeyId"]
                .as_str()
                .is_some_and(|key| !key.is_empty());
            row.put(
                "dead_letter_queue_arn",
                super::dead_letters(&attributes["RedrivePolicy"]),
            );
            row.put(
                "is_encrypted",
                has_key || attributes["SqsManagedSseEnabled"].as_str() == Some("true"),
            );
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn mappings(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_lambda, place);
    let listing = place
        .pages(
            "lambda:ListEventSourceMappings",
            |token| client.list_event_source_mappings().set_marker(token).send(),
            |answer| {
                (
                    answer.event_source_mappings.unwrap_or_default(),
                    answer.next_marker,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "lambda_event_source_mapping", &listing);
    batch.rows.extend(listing.items.iter().map(|mapping| {
        let failed = mapping
            .destination_config()
            .and_then(|config| config.on_failure())
            .and_then(|target| target.destination());
        place
            .row("lambda_event_source_mapping")
            .set("id", mapping.uuid())
            .set("function_arn", mapping.function_arn())
            .set("source_arn", mapping.event_source_arn().unwrap_or_default())
            .set("on_failure_arn", failed.unwrap_or_default())
    }));
    batch
}
