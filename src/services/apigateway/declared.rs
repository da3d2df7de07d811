//! How files declare them.

use crate::services::declared::{Declared, Node, Rows, Spelling, Told};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_api_gateway_rest_api", "AWS::ApiGateway::RestApi"],
        map: api,
    },
    Spelling {
        kinds: &["aws_api_gateway_integration"],
        map: integration,
    },
    Spelling {
        kinds: &["AWS::ApiGateway::Method"],
        map: method,
    },
];

fn api(by: &Declared, rows: &mut Rows) {
    rows.row("api_gateway_rest_api", by, by.id())
        .put("name", by.name("name"));
}

fn integration(by: &Declared, rows: &mut Rows) {
    row(by, rows, by.at("uri"), by.at("credentials"));
}

fn method(by: &Declared, rows: &mut Rows) {
    row(
        by,
        rows,
        by.at("integration.uri"),
        by.at("integration.credentials"),
    );
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
