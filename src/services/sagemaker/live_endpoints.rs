//! The calls for jobs and endpoints.

use crate::client;
use crate::services::collect::{Batch, Place};

pub(in crate::services) async fn endpoints(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_sagemaker, place);
    let listing = place
        .pages(
            "sagemaker:ListEndpoints",
            |token| {
                client
                    .list_endpoints()
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.endpoints.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "sagemaker_endpoint", &listing);
    let name = |one: &aws_sdk_sagemaker::types::EndpointSummary| {
        one.endpoint_name().unwrap_or_default().to_owned()
    };
    let details = place
        .details(
            &mut batch,
            "sagemaker_endpoint",
            "detail",
            &listing.items,
            name,
            |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("sagemaker:DescribeEndpoint", move || {
                    client.describe_endpoint().endpoint_name(&name).send()
                })
            },
        )
        .await;
    batch
        .rows
        .extend(listing.items.iter().zip(details).map(|(one, detail)| {
            let config =
                detail.map(|detail| detail.endpoint_config_name().unwrap_or_default().to_owned());
            place
                .row("sagemaker_endpoint")
                .set("name", one.endpoint_name())
                .set("arn", one.endpoint_arn())
                .set("endpoint_config_name", config)
        }));
    batch
}

pub(in crate::services) async fn endpoint_configs(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_sagemaker, place);
    let listing = place
        .pages(
            "sagemaker:ListEndpointConfigs",
            |token| {
                client
                    .list_endpoint_configs()
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.endpoint_configs.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "sagemaker_endpoint_configuration", &listing);
    let name = |one: &aws_sdk_sagemaker::types::EndpointConfigSummary| {
        one.endpoint_config_name().unwrap_or_default().to_owned()
    };
    let details = place
        .details(
            &mut batch,
            "sagemaker_endpoint_configuration",
            "detail",
            &listing.items,
            name,
            |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("sagemaker:DescribeEndpointConfig", move || {
                    client
                        .describe_endpoint_config()
                        .endpoint_config_name(&name)
                        .send()
                })
            },
        )
        .await;
    for (one, detail) in listing.items.iter().zip(details) {
        let mut row = place
            .row("sagemaker_endpoint_configuration")
            .set("name", one.endpoint_config_name());
        if let Some(detail) = detail {
            let variants = || {
                detail
                    .production_variants()
                    .iter()
                    .chain(detail.shadow_production_variants())
            };
            row.put(
                "model_names",
                variants()
                    .filter_map(|variant| variant.model_name().map(str::to_owned))
                    .collect::<Vec<_>>(),
            );
            row.put(
                "has_inference_components",
                variants().any(|variant| variant.model_name().is_none()),
            );
        }
        batch.rows.push(row);
    }
    batch
}
