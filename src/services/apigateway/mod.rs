//! Amazon API Gateway: integrations that call Amazon Bedrock by themselves.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{json, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// REST APIs.
pub const REST_API: Table = Table {
    name: "api_gateway_rest_api",
    doc: "REST APIs of API Gateway.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text("name", "Name."),
        list("endpoint_types", "`EDGE`, `REGIONAL` or `PRIVATE`."),
        json("policy", "Its resource policy.").absent("{}"),
    ],
    reads: &[Read::with(
        "list",
        "apigateway:GetRestApis",
        &["apigateway:GET"],
    )],
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
    reads: &[Read::with(
        "list",
        "apigateway:GetResources",
        &["apigateway:GET"],
    )],
    lists: Inputs::NONE,
};

/// Methods of REST APIs that lead to a function or to Bedrock.
pub const ROUTE: Table = Table {
    name: "api_gateway_route",
    doc: "Methods of REST APIs whose integration is a Lambda function or a call of Amazon Bedrock, and who may call them.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "`API/METHOD path`."),
        text("api_id", "API."),
        text("http_method", "`GET`, `POST`, `ANY`, ...").words(&[
            "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY",
        ]),
        text(
            "authorization_type",
            "`NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.",
        )
        .words(&["NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"]),
        text(
            "function_arn",
            "Function that it calls, with alias or version.",
        )
        .absent("''"),
        text("family", "API family of Bedrock that it calls.").absent("''"),
    ],
    reads: &[Read::with(
        "list",
        "apigateway:GetResources",
        &["apigateway:GET"],
    )],
    lists: Inputs::NONE,
};

/// The function that an integration calls: `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`.
fn function(uri: &str) -> Option<&str> {
    let (before, rest) = uri.split_once("/functions/")?;
    let called = before.split(':').nth(4)?;
    (called == "lambda").then(|| rest.trim_end_matches("/invocations"))
}

/// The API family that an integration calls: `arn:aws:apigateway:REGION:bedrock-runtime:path/model/...`, where the service
/// may carry a subdomain before it.
fn family(uri: &str) -> Option<&'static str> {
    let mut parts = uri.strip_prefix("arn:")?.split(':').skip(1);
    let (service, called) = (parts.next()?, parts.nth(1)?);
    let called = called.rsplit('.').next().unwrap_or_default();
    (service == "apigateway").then_some(())?;
    [
        "bedrock",
        "bedrock-runtime",
        "bedrock-agent",
        "bedrock-agent-runtime",
        "bedrock-agentcore",
    ]
    .into_iter()
    .find(|family| *family == called)
}

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&REST_API, &METHOD, &ROUTE],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[Collector {
        tables: &[
            "api_gateway_rest_api",
            "api_gateway_method",
            "api_gateway_route",
        ],
        span: Span::Regional,
        run: |place| Box::pin(live::collect(place)),
    }],
};

#[cfg(test)]
mod tests {
    use super::family;

    #[test]
    fn an_integration_names_its_family() {
        assert_eq!(
            family("arn:aws:apigateway:eu-west-1:bedrock-runtime:path/model/m/invoke"),
            Some("bedrock-runtime")
        );
        assert_eq!(
            family("arn:aws:apigateway:*:bedrock-agent-runtime:path/agents/a"),
            Some("bedrock-agent-runtime")
        );
        assert_eq!(
            family(
                "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111111111111:function:bedrock/invocations"
            ),
            None
        );
        assert_eq!(
            family("https://bedrock-runtime.eu-west-1.amazonaws.com/"),
            None
        );
    }
}
