//! Amazon OpenSearch Serverless: vector collections, and from where they can be reached. All IAM actions have the prefix `aoss`.

use crate::inventory::cols::{json, text};
use crate::inventory::{Read, Role, Span, Table};

/// Collections.
pub const COLLECTION: Table = Table {
    name: "aoss_collection",
    doc: "OpenSearch Serverless collections.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("name", "Name; network policies match it."), text("id", "Id."), text("arn", "ARN.")],
    reads: &[Read::new("list", "aoss:ListCollections")],
    lists: &[],
};

/// Network policies.
pub const NETWORK_POLICY: Table = Table {
    name: "aoss_network_policy",
    doc: "Security policies of the type `network`. The list call returns summaries; the policy itself is a call of its own.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("name", "Name."), json("policy", "`[{Rules: [{ResourceType, Resource}], AllowFromPublic, SourceVPCEs, SourceServices}]`.").by(&["detail"])],
    reads: &[Read::new("list", "aoss:ListSecurityPolicies"), Read::new("detail", "aoss:GetSecurityPolicy")],
    lists: &[],
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};
    use aws_sdk_opensearchserverless::types::SecurityPolicyType;
    use aws_smithy_types::{Document, Number};
    use serde_json::Value as Json;

    fn json(document: &Document) -> Json {
        match document {
            Document::Object(all) => all.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
            Document::Array(all) => all.iter().map(json).collect(),
            Document::Number(Number::PosInt(number)) => Json::from(*number),
            Document::Number(Number::NegInt(number)) => Json::from(*number),
            Document::Number(Number::Float(number)) => Json::from(*number),
            Document::String(text) => Json::from(text.as_str()),
            Document::Bool(on) => Json::from(*on),
            Document::Null => Json::Null,
        }
    }

    pub(in crate::services) async fn collections(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_opensearchserverless, place);
        let listing = place
            .pages(
                "aoss:ListCollections",
                |token| client.list_collections().set_next_token(token).send(),
                |answer| (answer.collection_summaries.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "aoss_collection", &listing);
        batch.rows.extend(listing.items.iter().map(|one| place.row("aoss_collection").set("name", one.name()).set("id", one.id()).set("arn", one.arn())));
        batch
    }

    pub(in crate::services) async fn network_policies(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_opensearchserverless, place);
        let listing = place
            .pages(
                "aoss:ListSecurityPolicies",
                |token| client.list_security_policies().r#type(SecurityPolicyType::Network).set_next_token(token).send(),
                |answer| (answer.security_policy_summaries.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "aoss_network_policy", &listing);
        let details = place
            .details(
                &mut batch,
                "aoss_network_policy",
                "detail",
                &listing.items,
                |policy| policy.name().unwrap_or_default().to_owned(),
                |index| {
                    place.call("aoss:GetSecurityPolicy", {
                        let (client, name) = (&client, listing.items[index].name().unwrap_or_default());
                        move || client.get_security_policy().r#type(SecurityPolicyType::Network).name(name).send()
                    })
                },
            )
            .await;
        for (policy, detail) in listing.items.iter().zip(details) {
            let mut row = place.row("aoss_network_policy").set("name", policy.name());
            if let Some(found) = detail.as_ref().and_then(|answer| answer.security_policy_detail()).and_then(|detail| detail.policy()) {
                row.put("policy", json(found));
            }
            batch.rows.push(row);
        }
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::arn;
    use crate::services::declared::{Declared, Later, Rows, Spelling, Told};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_opensearchserverless_collection", "AWS::OpenSearchServerless::Collection"], map: collection },
        Spelling { kinds: &["aws_opensearchserverless_security_policy", "AWS::OpenSearchServerless::SecurityPolicy"], map: policy },
    ];

    fn collection(by: &Declared, rows: &mut Rows) {
        rows.row("aoss_collection", by, arn(by)).put("id", by.id()).put("name", by.name("name"));
    }

    fn policy(by: &Declared, rows: &mut Rows) {
        match by.at("type").text() {
            Told::Known(kind) if kind != "network" => rows.symbol(by, by.id(), ""),
            _ => {
                let text = by.at("policy").text();
                let read = match text {
                    Told::Known(text) => match serde_json::from_str::<serde_json::Value>(&text) {
                        Ok(json) => Told::Known(json),
                        Err(error) => Told::Unknown(Later { why: format!("the policy is no JSON: {error}"), ..Later::default() }),
                    },
                    Told::Unknown(later) => Told::Unknown(later),
                    Told::Absent => Told::Absent,
                };
                rows.row("aoss_network_policy", by, by.name("name")).set("policy", read);
            }
        }
    }
}
