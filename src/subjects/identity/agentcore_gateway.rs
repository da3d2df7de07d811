//! Subject: AgentCore gateways, and whom they let in.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::Observed;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::Known;
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
                .set("is_authorized", verdict.clone().map(|(yes, _)| yes))
                .set("authorization_reason", verdict.map(|(_, why)| why));
            sink.push(row);
        }
    }
}
