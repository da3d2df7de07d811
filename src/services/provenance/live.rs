//! The calls.

use crate::services::collect::{Batch, Place};
use crate::services::plain::{Client, Protocol, Spoken, instant};
use serde_json::{Value as Json, json};

/// AWS CloudFormation.
const CLOUDFORMATION: Spoken = Spoken {
    prefix: "cloudformation",
    id: "CloudFormation",
    host: "cloudformation",
    signed: "cloudformation",
    protocol: Protocol::Query("2010-05-15"),
    worldwide: false,
};

/// The Resource Groups Tagging API.
const TAGGING: Spoken = Spoken {
    prefix: "tag",
    id: "Resource Groups Tagging API",
    host: "tagging",
    signed: "tagging",
    protocol: Protocol::Json("ResourceGroupsTaggingAPI_20170126", "1.1"),
    worldwide: false,
};

fn text<'j>(value: &'j Json, name: &str) -> &'j str {
    value[name].as_str().unwrap_or_default()
}

/// Stacks that are there, and what they are made of. A list names deleted stacks for 90 days (AWS CloudFormation API Reference,
/// "ListStacks").
pub(in crate::services) async fn stacks(place: &Place<'_>) -> Batch {
    let client = Client::of(place, &CLOUDFORMATION);
    let mut stacks = client
        .pages("ListStacks", &json!({}), "StackSummaries", "NextToken")
        .await;
    stacks
        .items
        .retain(|stack| text(stack, "StackStatus") != "DELETE_COMPLETE");
    let mut batch = Batch::default();
    batch.listed(place, "cloudformation_stack", &stacks);
    batch.rows.extend(stacks.items.iter().map(|stack| {
        let drift = &stack["DriftInformation"];
        place
            .row("cloudformation_stack")
            .set("arn", text(stack, "StackId"))
            .set("name", text(stack, "StackName"))
            .set("status", text(stack, "StackStatus"))
            .set(
                "drift_status",
                drift["StackDriftStatus"].as_str().unwrap_or("NOT_CHECKED"),
            )
            .set("drift_checked_at", instant(&drift["LastCheckTimestamp"]))
    }));
    let found = place
        .each(
            &stacks,
            |stack| text(stack, "StackName").to_owned(),
            |index| {
                let (client, stack) = (&client, text(&stacks.items[index], "StackId"));
                async move {
                    client
                        .pages(
                            "ListStackResources",
                            &json!({"StackName": stack}),
                            "StackResourceSummaries",
                            "NextToken",
                        )
                        .await
                }
            },
        )
        .await;
    batch.listed(place, "cloudformation_stack_resource", &found);
    batch
        .rows
        .extend(found.items.iter().filter_map(|(index, resource)| {
            // What a stack deleted, or left to others, is not its own any more.
            if text(resource, "ResourceStatus") == "DELETE_COMPLETE"
                || text(resource, "ResourceStatus") == "DELETE_SKIPPED"
            {
                return None;
            }
            let stack = &stacks.items[*index];
            let logical = text(resource, "LogicalResourceId");
            Some(
                place
                    .row("cloudformation_stack_resource")
                    .set("id", format!("{}|{logical}", text(stack, "StackId")))
                    .set("stack_arn", text(stack, "StackId"))
                    .set("stack_name", text(stack, "StackName"))
                    .set("logical_id", logical)
                    .set("physical_id", text(resource, "PhysicalResourceId"))
                    .set("type", text(resource, "ResourceType"))
                    .set(
                        "drift_status",
                        resource["DriftInformation"]["StackResourceDriftStatus"]
                            .as_str()
                            .unwrap_or("NOT_CHECKED"),
                    ),
            )
        }));
    batch.count("cloudformation_stack_resource");
    batch
}

pub(in crate::services) async fn tags(place: &Place<'_>) -> Batch {
    let client = Client::of(place, &TAGGING);
    let listing = client
        .pages(
            "GetResources",
            &json!({
                "ResourcesPerPage": 100,
                "ResourceTypeFilters": ["bedrock", "bedrock-agentcore", "ec2:vpc-endpoint"],
            }),
            "ResourceTagMappingList",
            "PaginationToken",
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "tagged_resource", &listing);
    batch.rows.extend(listing.items.iter().map(|resource| {
        let pairs = resource["Tags"].as_array().into_iter().flatten();
        place
            .row("tagged_resource")
            .set("arn", text(resource, "ResourceARN"))
            .set(
                "tags",
                crate::services::collect::tags(
                    pairs.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())),
                ),
            )
    }));
    batch
}
