//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};
use aws_sdk_opensearchserverless::types::{AccessPolicyType, SecurityPolicyType};
use aws_smithy_types::{Document, Number};
use serde_json::{Value as Json, json as value};

fn json(document: &Document) -> Json {
    match document {
        Document::Object(all) => all
            .iter()
            .map(|(key, value)| (key.clone(), json(value)))
            .collect(),
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
            |answer| {
                (
                    answer.collection_summaries.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "aoss_collection", &listing);
    let details = place
        .details(
            &mut batch,
            "aoss_collection",
            "detail",
            &listing.items,
            |one| one.arn().unwrap_or_default().to_owned(),
            |index| {
                let client = &client;
                let id = listing.items[index].id().unwrap_or_default();
                place.call("aoss:BatchGetCollection", move || {
                    client.batch_get_collection().ids(id).send()
                })
            },
        )
        .await;
    for (one, detail) in listing.items.iter().zip(details) {
        let mut row = place
            .row("aoss_collection")
            .set("name", one.name())
            .set("id", one.id())
            .set("arn", one.arn());
        if let Some(found) = detail
            .as_ref()
            .and_then(|answer| answer.collection_details().first())
        {
            row.put("kms_key_arn", found.kms_key_arn());
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn network_policies(place: &Place<'_>) -> Batch {
    security_policies(place, "aoss_network_policy", SecurityPolicyType::Network).await
}

pub(in crate::services) async fn encryption_policies(place: &Place<'_>) -> Batch {
    security_policies(
        place,
        "aoss_encryption_policy",
        SecurityPolicyType::Encryption,
    )
    .await
}

async fn security_policies(
    place: &Place<'_>,
    table: &'static str,
    kind: SecurityPolicyType,
) -> Batch {
    let client = client!(aws_sdk_opensearchserverless, place);
    let listing = place
        .pages(
            "aoss:ListSecurityPolicies",
            |token| {
                client
                    .list_security_policies()
                    .r#type(kind.clone())
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.security_policy_summaries.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, table, &listing);
    let details = place
        .details(
            &mut batch,
            table,
            "detail",
            &listing.items,
            |policy| policy.name().unwrap_or_default().to_owned(),
            |index| {
                place.call("aoss:GetSecurityPolicy", {
                    let (client, kind) = (&client, &kind);
                    let name = listing.items[index].name().unwrap_or_default();
                    move || {
                        client
                            .get_security_policy()
                            .r#type(kind.clone())
                            .name(name)
                            .send()
                    }
                })
            },
        )
        .await;
    for (policy, detail) in listing.items.iter().zip(details) {
        let mut row = place.row(table).set("name", policy.name());
        if let Some(found) = detail
            .as_ref()
            .and_then(|answer| answer.security_policy_detail())
            .and_then(|detail| detail.policy())
        {
            row.put("policy", json(found));
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn vpc_endpoints(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_opensearchserverless, place);
    let listing = place
        .pages(
            "aoss:ListVpcEndpoints",
            |token| client.list_vpc_endpoints().set_next_token(token).send(),
            |answer| {
                (
                    answer.vpc_endpoint_summaries.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "aoss_vpc_endpoint", &listing);
    let id = |one: &aws_sdk_opensearchserverless::types::VpcEndpointSummary| {
        one.id().unwrap_or_default().to_owned()
    };
    let details = place
        .details(
            &mut batch,
            "aoss_vpc_endpoint",
            "detail",
            &listing.items,
            id,
            |index| {
                let (client, id) = (&client, id(&listing.items[index]));
                place.call("aoss:BatchGetVpcEndpoint", move || {
                    client.batch_get_vpc_endpoint().ids(&id).send()
                })
            },
        )
        .await;
    for (one, detail) in listing.items.iter().zip(details) {
        let status = one.status().map(|status| status.as_str());
        let mut row = place
            .row("aoss_vpc_endpoint")
            .set("id", one.id())
            .set("name", one.name())
            .set("status", status);
        if let Some(found) = detail
            .as_ref()
            .and_then(|answer| answer.vpc_endpoint_details().first())
        {
            row.put("vpc_id", found.vpc_id());
            row.put("subnet_ids", found.subnet_ids().to_vec());
            row.put("security_group_ids", found.security_group_ids().to_vec());
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn access_policies(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_opensearchserverless, place);
    let listing = place
        .pages(
            "aoss:ListAccessPolicies",
            |token| {
                client
                    .list_access_policies()
                    .r#type(AccessPolicyType::Data)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.access_policy_summaries.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "aoss_access_policy", &listing);
    let name = |one: &aws_sdk_opensearchserverless::types::AccessPolicySummary| {
        one.name().unwrap_or_default().to_owned()
    };
    let details = place
        .details(
            &mut batch,
            "aoss_access_policy",
            "detail",
            &listing.items,
            name,
            |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("aoss:GetAccessPolicy", move || {
                    client
                        .get_access_policy()
                        .r#type(AccessPolicyType::Data)
                        .name(&name)
                        .send()
                })
            },
        )
        .await;
    for (policy, detail) in listing.items.iter().zip(details) {
        let mut row = place.row("aoss_access_policy").set("name", policy.name());
        if let Some(found) = detail
            .as_ref()
            .and_then(|answer| answer.access_policy_detail())
            .and_then(|detail| detail.policy())
        {
            row.put("policy", json(found));
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn domains(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_opensearch, place);
    let listing = place
        .single("es:ListDomainNames", || client.list_domain_names().send())
        .await;
    let names: Vec<String> = listing
        .items
        .iter()
        .flat_map(|answer| answer.domain_names())
        .filter_map(|one| one.domain_name().map(str::to_owned))
        .collect();
    let mut batch = Batch::default();
    batch.listed(place, "opensearch_domain", &listing);
    let arn = |name: &String| {
        format!(
            "arn:{}:es:{}:{}:domain/{name}",
            place.partition, place.region, place.account
        )
    };
    let details = place
        .details(
            &mut batch,
            "opensearch_domain",
            "detail",
            &names,
            arn,
            |index| {
                let (client, name) = (&client, names[index].as_str());
                place.call("es:DescribeDomain", move || {
                    client.describe_domain().domain_name(name).send()
                })
            },
        )
        .await;
    for (name, detail) in names.iter().zip(details) {
        let mut row = place
            .row("opensearch_domain")
            .set("arn", arn(name))
            .set("name", name.as_str());
        if let Some(found) = detail.as_ref().and_then(|answer| answer.domain_status()) {
            row.put(
                "vpc_id",
                found
                    .vpc_options()
                    .and_then(|inside| inside.vpc_id())
                    .unwrap_or_default(),
            );
            let doors = found.domain_endpoint_options();
            row.put(
                "enforces_https",
                doors
                    .and_then(|options| options.enforce_https())
                    .unwrap_or(false),
            );
            row.put(
                "tls_policy",
                doors
                    .and_then(|options| options.tls_security_policy())
                    .map(|policy| policy.as_str()),
            );
            row.put(
                "encrypts_between_nodes",
                found
                    .node_to_node_encryption_options()
                    .and_then(|options| options.enabled())
                    .unwrap_or(false),
            );
            let encryption = found.encryption_at_rest_options();
            row.put(
                "encrypts_at_rest",
                encryption
                    .and_then(|options| options.enabled())
                    .unwrap_or(false),
            );
            row.put(
                "kms_key_id",
                encryption
                    .and_then(|options| options.kms_key_id())
                    .unwrap_or_default(),
            );
            row.put(
                "access_policy",
                match found.access_policies().unwrap_or_default() {
                    "" => value!({}),
                    text => serde_json::from_str(text).unwrap_or_else(|_| value!(text)),
                },
            );
            row.put(
                "has_fine_grained_access",
                found
                    .advanced_security_options()
                    .and_then(|options| options.enabled())
                    .unwrap_or(false),
            );
        }
        batch.rows.push(row);
    }
    batch.count("opensearch_domain");
    batch
}
