//! How files declare them.

use crate::services::declared::policy::document;
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use serde_json::json;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_api_gateway_rest_api", "AWS::ApiGateway::RestApi"],
        map: api,
    },
    Spelling {
        kinds: &["aws_api_gateway_rest_api_policy"],
        map: |by, rows| {
            let policy = document(by.at("policy"));
            rows.column(
                by,
                "api_gateway_rest_api",
                by.at("rest_api_id").id(),
                "policy",
                policy,
            );
        },
    },
    Spelling {
        kinds: &["aws_api_gateway_integration"],
        map: integration,
    },
    Spelling {
        kinds: &["aws_api_gateway_method"],
        map: |by, rows| {
            let authorization = by.at("authorization").text().or("NONE");
            rows.row("api_gateway_route", by, apart(by))
                .set("authorization_type", authorization);
        },
    },
    Spelling {
        kinds: &["AWS::ApiGateway::Method"],
        map: method,
    },
];

fn api(by: &Declared, rows: &mut Rows) {
    rows.row("api_gateway_rest_api", by, by.id())
        .put("name", by.name("name"))
        .set(
            "endpoint_types",
            by.at("endpoint_configuration.types")
                .ids()
                .or(vec!["EDGE".to_owned()]),
        )
        .set("policy", document(by.at("policy")).or(json!({})));
}

fn integration(by: &Declared, rows: &mut Rows) {
    row(by, rows, by.at("uri"), by.at("credentials"));
    route(by, rows, apart(by), by.at("uri"));
}

fn method(by: &Declared, rows: &mut Rows) {
    row(
        by,
        rows,
        by.at("integration.uri"),
        by.at("integration.credentials"),
    );
    route(by, rows, by.id(), by.at("integration.uri"));
    let key = by.id();
    rows.row("api_gateway_route", by, key).set(
        "authorization_type",
        by.at("authorization_type").text().or("NONE"),
    );
}

/// Terraform declares a method and its integration apart, each with the API, the resource and the method's name.
fn apart(by: &Declared) -> String {
    let text = |path: &str| by.at(path).id().known().unwrap_or_default();
    format!(
        "{}/{} {}",
        text("rest_api_id"),
        text("http_method"),
        text("resource_id")
    )
}

fn route(by: &Declared, rows: &mut Rows, key: String, uri: &Node) {
    let told = match uri.text() {
        Told::Unknown(later) => later.pattern,
        other => other.known().unwrap_or_default(),
    };
    let function = match (super::function(&told), uri) {
        // The one thing that the address is made of is the function.
        (Some(_), Node::Unknown(later)) => {
            let of = later.of.iter().find(|of| of.contains(":lambda:"));
            of.map_or_else(
                || Told::Unknown(later.clone()),
                |arn| Told::Known(arn.clone()),
            )
        }
        (Some(arn), _) => Told::Known(arn.to_owned()),
        (None, Node::Unknown(later)) if super::family(&told).is_none() => {
            Told::Unknown(later.clone())
        }
        _ => Told::Known(String::new()),
    };
    rows.row("api_gateway_route", by, key)
        .set("api_id", by.at("rest_api_id").id())
        .set("http_method", by.at("http_method").text())
        .set("function_arn", function)
        .put("family", super::family(&told).unwrap_or_default());
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
            rows.row("api_gateway_method", by, by.id())
                .set("api_id", by.at("rest_api_id").id())
                .put("family", family)
                .set("role_arn", role.id().or(""));
        }
    }
}
