//! Subject: AgentCore gateways, and whom they let in.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Observed, merge};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const DETAIL: Inputs = services::agentcore::GATEWAY.group("detail");

/// Gateways.
pub const AGENTCORE_GATEWAY: Table = Table {
    name: "agentcore_gateway",
    doc: "An AgentCore gateway, and who decides whether a request to its tools is let in.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "authorizer_type",
            "`CUSTOM_JWT`, `AWS_IAM`, `AUTHENTICATE_ONLY` or `NONE`."
        )
        .from(DETAIL),
        text(
            "policy_engine_mode",
            "`ENFORCE` or `LOG_ONLY`, where it has a policy engine."
        )
        .absent("''")
        .from(DETAIL),
        list(
            "interception_points",
            "Where a function of the customer looks at calls."
        )
        .from(DETAIL),
        list(
            "token_limits",
            "What its token authorizer asks of a token beside its issuer: `audience`, `clients`, `scopes`, `claims`."
        )
        .from(DETAIL),
        text("web_acl_arn", "Web ACL in front of it.")
            .absent("''")
            .from(DETAIL),
        text(
            "waf_failure_mode",
            "What happens to requests while the web ACL gives no answer: `FAIL_OPEN` or `FAIL_CLOSE`."
        )
        .absent("''")
        .from(DETAIL),
        text("exception_level", "`DEBUG` where callers get the details of errors.")
            .absent("''")
            .from(DETAIL),
        flag(
            "is_too_open",
            "Does its token authorizer take any token of its issuer, its web ACL let requests through while it gives no answer, or it answer with the details of errors?"
        )
        .from(DETAIL),
        text("open_reason", "What is too open.").absent("''").from(DETAIL),
        flag(
            "is_authorized",
            "Is every request authorised before a tool is called?"
        )
        .from(DETAIL),
        text("authorization_reason", "What decides.").from(DETAIL),
    ],
    reads: &[],
    lists: services::agentcore::GATEWAY.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &AGENTCORE_GATEWAY,
    derive,
    rests_on_published_data: false,
};

/// Who decides (AgentCore Developer Guide, "Set up inbound authorization for your gateway", "Policy in AgentCore").
fn decides(authorizer: &str, mode: &str, points: &[String]) -> (bool, String) {
    let intercepts = points.iter().any(|point| point == "REQUEST");
    match authorizer {
        "NONE" if intercepts => (
            false,
            "it has no authorizer; an interceptor looks at requests, and what it decides cannot be seen".to_owned(),
        ),
        "NONE" => (false, "it has no authorizer".to_owned()),
        "AUTHENTICATE_ONLY" if mode == "ENFORCE" => (
            true,
            "callers are authenticated, and its policy engine decides".to_owned(),
        ),
        "AUTHENTICATE_ONLY" if intercepts => (
            true,
            "callers are authenticated, and an interceptor looks at requests".to_owned(),
        ),
        "AUTHENTICATE_ONLY" => (
            false,
            "callers are authenticated and nothing decides what they may call".to_owned(),
        ),
        other => (true, format!("its authorizer is {other}")),
    }
}

/// What is too open about it (AgentCore API reference, "CustomJWTAuthorizerConfiguration", "GetGateway").
fn too_open(gateway: Row<'_>) -> Observed<Vec<&'static str>> {
    let token = gateway.text("authorizer_type").and_then(|authorizer| {
        if authorizer == "CUSTOM_JWT" {
            gateway.list("token_limits").map(|limits| limits.is_empty())
        } else {
            Known(false)
        }
    });
    let firewall = gateway
        .text("waf_failure_mode")
        .and_then(|mode| match mode {
            // It is about a web ACL alone.
            "FAIL_OPEN" => gateway.text("web_acl_arn").map(|acl| !acl.is_empty()),
            _ => Known(false),
        });
    let debug = gateway
        .text("exception_level")
        .map(|level| level == "DEBUG");
    let all = [
        (
            token,
            "its token authorizer takes every token of its issuer: it asks for no audience, client, scope or claim",
        ),
        (
            firewall,
            "requests pass while its web ACL gives no answer (FAIL_OPEN)",
        ),
        (debug, "it answers with the details of errors (DEBUG)"),
    ];
    let mut gaps = Vec::new();
    let mut found = Vec::new();
    for (is, why) in all {
        match is {
            Known(true) => found.push(why),
            Known(false) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    if found.is_empty() && !gaps.is_empty() {
        Unknown(gaps)
    } else {
        Known(found)
    }
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&AGENTCORE_GATEWAY) {
        let found = facts
            .world
            .all("bedrock_agentcore_gateway", &account, &region);
        sink.hide(&account, &region, found.gaps);
        for item in found.rows {
            let authorizer = item.text("authorizer_type");
            let rest = item
                .text("policy_engine_mode")
                .zip(item.list("interception_points"));
            // What stands behind it matters for AUTHENTICATE_ONLY alone.
            let verdict = authorizer.clone().and_then(|authorizer| {
                if authorizer == "AUTHENTICATE_ONLY" {
                    rest.clone()
                        .map(|(mode, points)| decides(authorizer, mode, &points))
                } else {
                    let points = item.list("interception_points").known();
                    Known(decides(authorizer, "", &points.unwrap_or_default()))
                }
            });
            let open = too_open(item);
            let mut row = sink.row(
                &account,
                &region,
                item.key(),
                "AWS::BedrockAgentCore::Gateway",
            );
            row.set("name", item.text("name").map(str::to_owned))
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("authorizer_type", authorizer.map(str::to_owned))
                .set(
                    "policy_engine_mode",
                    item.text("policy_engine_mode").map(str::to_owned),
                )
                .set("interception_points", item.list("interception_points"))
                .set("token_limits", item.list("token_limits"))
                .set("web_acl_arn", item.text("web_acl_arn").map(str::to_owned))
                .set(
                    "waf_failure_mode",
                    item.text("waf_failure_mode").map(str::to_owned),
                )
                .set(
                    "exception_level",
                    item.text("exception_level").map(str::to_owned),
                )
                .set("is_too_open", open.clone().map(|why| !why.is_empty()))
                .set("open_reason", open.map(|why| why.join("; ")))
                .set("is_authorized", verdict.clone().map(|(yes, _)| yes))
                .set("authorization_reason", verdict.map(|(_, why)| why));
            sink.push(row);
        }
    }
}
