//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_apigateway, place);
    let apis = place
        .pages(
            "apigateway:GetRestApis",
            |token| client.get_rest_apis().limit(500).set_position(token).send(),
            |answer| (answer.items.unwrap_or_default(), answer.position),
        )
        .await;
    let resources = place
        .each(
            &apis,
            |api| api.id().unwrap_or_default().to_owned(),
            |index| {
                let (client, id) = (&client, apis.items[index].id().unwrap_or_default());
                place.pages(
                    "apigateway:GetResources",
                    move |token| {
                        client
                            .get_resources()
                            .rest_api_id(id)
                            .embed("methods")
                            .limit(500)
                            .set_position(token)
                            .send()
                    },
                    |answer| (answer.items.unwrap_or_default(), answer.position),
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "api_gateway_rest_api", &apis);
    batch.rows.extend(apis.items.iter().map(|api| {
        place
            .row("api_gateway_rest_api")
            .set("id", api.id())
            .set("name", api.name())
    }));
    batch.listed(place, "api_gateway_method", &resources);
    for (api, resource) in &resources.items {
        let api = &apis.items[*api];
        let mut methods: Vec<_> = resource.resource_methods().into_iter().flatten().collect();
        methods.sort_by_key(|(name, _)| name.as_str());
        for (method, found) in methods {
            let Some(integration) = found.method_integration() else {
                continue;
            };
            let Some(family) = integration.uri().and_then(super::family) else {
                continue;
            };
            let id = api.id().unwrap_or_default();
            batch.rows.push(
                place
                    .row("api_gateway_method")
                    .set(
                        "id",
                        format!("{id}/{method} {}", resource.path().unwrap_or_default()),
                    )
                    .set("api_id", id)
                    .set("family", family)
                    .set("role_arn", integration.credentials().unwrap_or_default()),
            );
        }
    }
    batch.count("api_gateway_method");
    batch
}
