//! Amazon API Gateway: integrations that call Amazon Bedrock by themselves.

use crate::inventory::cols::text;
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// REST APIs.
pub const REST_API: Table = Table {
    name: "api_gateway_rest_api",
    doc: "REST APIs of API Gateway.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("id", "Id."), text("name", "Name.")],
    reads: &[Read::with("list", "apigateway:GetRestApis", &["apigateway:GET"])],
    lists: Inputs::NONE,
};

/// Methods.
pub const METHOD: Table = Table {
    name: "api_gateway_method",
    doc: "Methods of REST APIs whose integration is a call of Amazon Bedrock. HTTP APIs have no such integration (API Gateway Developer Guide, \"Integration subtype reference\").",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "`API/METHOD path`."),
        text("api_id", "API."),
        text("family", "API family of Bedrock that it calls."),
        text("role_arn", "Role that it calls with.").absent("''"),
    ],
    reads: &[Read::with("list", "apigateway:GetResources", &["apigateway:GET"])],
    lists: Inputs::NONE,
};

/// The API family that an integration calls: `arn:aws:apigateway:REGION:bedrock-runtime:path/model/...`, where the service
/// may carry a subdomain before it.
fn family(uri: &str) -> Option<&'static str> {
    let mut parts = uri.strip_prefix("arn:")?.split(':').skip(1);
    let (service, called) = (parts.next()?, parts.nth(1)?);
    let called = called.rsplit('.').next().unwrap_or_default();
    (service == "apigateway").then_some(())?;
    ["bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime", "bedrock-agentcore"].into_iter().find(|family| *family == called)
}

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
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
                        move |token| client.get_resources().rest_api_id(id).embed("methods").limit(500).set_position(token).send(),
                        |answer| (answer.items.unwrap_or_default(), answer.position),
                    )
                },
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "api_gateway_rest_api", &apis);
        batch.rows.extend(apis.items.iter().map(|api| place.row("api_gateway_rest_api").set("id", api.id()).set("name", api.name())));
        batch.listed(place, "api_gateway_method", &resources);
        for (api, resource) in &resources.items {
            let api = &apis.items[*api];
            let mut methods: Vec<_> = resource.resource_methods().into_iter().flatten().collect();
            methods.sort_by_key(|(name, _)| name.as_str());
            for (method, found) in methods {
                let Some(integration) = found.method_integration() else { continue };
                let Some(family) = integration.uri().and_then(super::family) else { continue };
                let id = api.id().unwrap_or_default();
                batch.rows.push(
                    place
                        .row("api_gateway_method")
                        .set("id", format!("{id}/{method} {}", resource.path().unwrap_or_default()))
                        .set("api_id", id)
                        .set("family", family)
                        .set("role_arn", integration.credentials().unwrap_or_default()),
                );
            }
        }
        batch.count("api_gateway_method");
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::{Declared, Node, Rows, Spelling, Told};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_api_gateway_rest_api", "AWS::ApiGateway::RestApi"], map: api },
        Spelling { kinds: &["aws_api_gateway_integration"], map: integration },
        Spelling { kinds: &["AWS::ApiGateway::Method"], map: method },
    ];

    fn api(by: &Declared, rows: &mut Rows) {
        rows.row("api_gateway_rest_api", by, by.id()).put("name", by.name("name"));
    }

    fn integration(by: &Declared, rows: &mut Rows) {
        row(by, rows, by.at("uri"), by.at("credentials"));
    }

    fn method(by: &Declared, rows: &mut Rows) {
        row(by, rows, by.at("integration.uri"), by.at("integration.credentials"));
    }

    /// What it calls is plain in the known part of the address, even where the Region is settled later.
    fn row(by: &Declared, rows: &mut Rows, uri: &Node, role: &Node) {
        let told = match uri.text() {
            Told::Unknown(later) => later.pattern,
            other => other.known().unwrap_or_default(),
        };
        match super::family(&told) {
            None => rows.symbol(by, by.id(), ""),
            Some(family) => {
                rows.row("api_gateway_method", by, by.id()).set("api_id", by.at("rest_api_id").id()).put("family", family).set("role_arn", role.id().or(""));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::family;

    #[test]
    fn an_integration_names_its_family() {
        assert_eq!(family("arn:aws:apigateway:eu-west-1:bedrock-runtime:path/model/m/invoke"), Some("bedrock-runtime"));
        assert_eq!(family("arn:aws:apigateway:*:bedrock-agent-runtime:path/agents/a"), Some("bedrock-agent-runtime"));
        assert_eq!(
            family("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111111111111:function:bedrock/invocations"),
            None
        );
        assert_eq!(family("https://bedrock-runtime.eu-west-1.amazonaws.com/"), None);
    }
}
