//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};
use serde_json::{Value as Json, json};

/// A resource policy, which the API gives with its quotes escaped.
fn policy(text: Option<&str>) -> Json {
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return json!({});
    }
    let plain = text.replace("\\\"", "\"");
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&plain))
        .unwrap_or_else(|_| json!(text))
}

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
            .set(
                "endpoint_types",
                api.endpoint_configuration()
                    .map_or_else(Vec::new, |config| {
                        config
                            .types()
                            .iter()
                            .map(|kind| kind.as_str().to_owned())
                            .collect::<Vec<_>>()
                    }),
            )
            .set("policy", policy(api.policy()))
    }));
    batch.listed(place, "api_gateway_method", &resources);
    batch.listed(place, "api_gateway_route", &resources);
    for (api, resource) in &resources.items {
        let api = &apis.items[*api];
        let mut methods: Vec<_> = resource.resource_methods().into_iter().flatten().collect();
        methods.sort_by_key(|(name, _)| name.as_str());
        for (method, found) in methods {
            let Some(integration) = found.method_integration() else {
                continue;
            };
            let uri = integration.uri().unwrap_or_default();
            let (family, function) = (super::family(uri), super::function(uri));
            let id = api.id().unwrap_or_default();
            let key = format!("{id}/{method} {}", resource.path().unwrap_or_default());
            if family.is_some() || function.is_some() {
                batch.rows.push(
                    place
                        .row("api_gateway_route")
                        .set("id", key.as_str())
                        .set("api_id", id)
                        .set("http_method", method.as_str())
                        .set("authorization_type", found.authorization_type())
                        .set("function_arn", function.unwrap_or_default())
                        .set("family", family.unwrap_or_default()),
                );
            }
            let Some(family) = family else { continue };
            batch.rows.push(
                place
                    .row("api_gateway_method")
                    .set("id", key)
                    .set("api_id", id)
                    .set("family", family)
                    .set("role_arn", integration.credentials().unwrap_or_default()),
            );
        }
    }
    batch.count("api_gateway_method");
    batch.count("api_gateway_route");
    batch
}
