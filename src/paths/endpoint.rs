//! What an endpoint lets through: its policy, and what a call through it carries.

use crate::inventory::Row;
use crate::model::{Gap, Observed};
use crate::policy::{Document, Fact, Found};
use Observed::Known;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Actions of a family to try against its policy.
pub(crate) fn actions(family: &str) -> &'static [&'static str] {
    match family {
        "bedrock-runtime" => &[
            "bedrock:InvokeModel",
            "bedrock:InvokeModelWithResponseStream",
            "bedrock:ApplyGuardrail",
        ],
        "bedrock-mantle" => &["bedrock-mantle:CreateInference"],
        "bedrock-agent-runtime" => &[
            "bedrock:InvokeAgent",
            "bedrock:Retrieve",
            "bedrock:RetrieveAndGenerate",
            "bedrock:InvokeFlow",
        ],
        "bedrock-agent" => &[
            "bedrock:GetAgent",
            "bedrock:GetKnowledgeBase",
            "bedrock:StartIngestionJob",
        ],
        "bedrock-agentcore" => &["bedrock-agentcore:InvokeAgentRuntime"],
        "bedrock-agentcore-control" => &["bedrock-agentcore:ListAgentRuntimes"],
        "bedrock-agentcore.gateway" => &["bedrock-agentcore:InvokeGateway"],
        _ => &[
            "bedrock:ListFoundationModels",
            "bedrock:CreateModelInvocationJob",
        ],
    }
}

/// The prefix of the actions that a family serves.
pub(crate) fn prefix(family: &str) -> &'static str {
    match family {
        "bedrock-mantle" => "bedrock-mantle",
        family if family.starts_with("bedrock-agentcore") => "bedrock-agentcore",
        _ => "bedrock",
    }
}

/// The policy of an endpoint, parsed.
pub(crate) fn policy(endpoint: Row<'_>) -> Observed<Document> {
    endpoint
        .json("policy")
        .and_then(|json| match Document::parse(endpoint.key(), &json) {
            Ok(document) => Known(document.of_resource()),
            Err(why) => Observed::gap(Gap::not_understood("vpc_endpoint.policy", why.to_string())),
        })
}

/// What was found, as a fact.
pub(crate) fn found(found: Found) -> Observed<Option<Json>> {
    found
        .observed("vpc_endpoint.policy")
        .map(|found| found.map(|request| request.witness()))
}

/// What a call through the endpoint carries with it.
pub(crate) fn network_context(endpoint: Row<'_>) -> BTreeMap<String, Fact> {
    let mut context = BTreeMap::from([
        ("aws:sourcevpce".to_owned(), Fact::one(endpoint.key())),
        ("aws:sourceip".to_owned(), Fact::Absent),
        ("aws:vpceaccount".to_owned(), Fact::one(endpoint.account())),
        ("aws:vpceorgid".to_owned(), Fact::Unknown),
        ("aws:vpceorgpaths".to_owned(), Fact::Unknown),
        ("aws:vpcsourceip".to_owned(), Fact::Unknown),
    ]);
    if let Known(vpc) = endpoint.text("vpc_id") {
        context.insert("aws:sourcevpc".to_owned(), Fact::one(vpc));
    }
    context
}
