//! Amazon OpenSearch: collections of OpenSearch Serverless (IAM prefix `aoss`) and domains of OpenSearch Service (prefix `es`), and
//! from where they can be reached.

use crate::inventory::cols::{json, list, text};
use crate::inventory::shape::{Fields, each};
use crate::inventory::{Inputs, Read, Role, Span, Table};
use serde_json::Value as Json;

/// Collections.
pub const COLLECTION: Table = Table {
    name: "aoss_collection",
    doc: "OpenSearch Serverless collections.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("name", "Name; network policies match it."), text("id", "Id."), text("arn", "ARN.")],
    reads: &[Read::new("list", "aoss:ListCollections")],
    lists: Inputs::NONE,
};

/// Network policies.
pub const NETWORK_POLICY: Table = Table {
    name: "aoss_network_policy",
    doc: "Security policies of the type `network`. The list call returns summaries; the policy itself is a call of its own.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        json("policy", "`[{Rules: [{ResourceType, Resource}], AllowFromPublic, SourceVPCEs, SourceServices}]`.").by(&["detail"]).shaped(network_policy),
    ],
    reads: &[Read::new("list", "aoss:ListSecurityPolicies"), Read::new("detail", "aoss:GetSecurityPolicy")],
    lists: Inputs::NONE,
};

/// The statement with its rules as AWS writes them: which kind of thing, which names, which permissions.
fn with_rules(statement: &Json, fields: &mut Fields<'_>) -> Result<Json, String> {
    let all = fields.member(&["Rules"]).ok_or_else(|| "`Rules` is missing".to_owned())?;
    let rules = each(all, |rule| {
        let mut own = Fields::of(rule)?;
        let mut read = rule.clone();
        read["ResourceType"] = own.word(&["ResourceType"], &["collection", "dashboard", "index", "model"])?.into();
        own.texts(&["Resource"])?;
        if own.has("Permission") {
            own.texts(&["Permission"])?;
        }
        own.done(&[])?;
        Ok(read)
    })?;
    let mut read = statement.clone();
    read["Rules"] = rules;
    Ok(read)
}

/// Statements of a network policy (OpenSearch Serverless Developer Guide, "Network access").
fn network_policy(value: &Json) -> Result<Json, String> {
    each(value, |statement| {
        let mut fields = Fields::of(statement)?;
        let read = with_rules(statement, &mut fields)?;
        if fields.has("AllowFromPublic") {
            fields.flag(&["AllowFromPublic"])?;
        }
        for name in ["SourceVPCEs", "SourceServices"] {
            if fields.has(name) {
                fields.texts(&[name])?;
            }
        }
        fields.done(&["Description"])?;
        Ok(read)
    })
}

/// Statements of a data access policy (OpenSearch Serverless Developer Guide, "Data access control").
fn access_policy(value: &Json) -> Result<Json, String> {
    each(value, |statement| {
        let mut fields = Fields::of(statement)?;
        let read = with_rules(statement, &mut fields)?;
        fields.texts(&["Principal"])?;
        fields.done(&["Description"])?;
        Ok(read)
    })
}

/// Endpoints.
pub const VPC_ENDPOINT: Table = Table {
    name: "aoss_vpc_endpoint",
    doc: "Interface endpoints that OpenSearch Serverless makes for its data; they also bring a private zone for every collection of the Region.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text("name", "Name."),
        text("status", "`ACTIVE`, `PENDING`, `FAILED` or `DELETING`.").words(&["ACTIVE", "PENDING", "FAILED", "DELETING"]),
        text("vpc_id", "VPC.").by(&["detail"]),
        list("subnet_ids", "Subnets.").by(&["detail"]),
        list("security_group_ids", "Security groups.").by(&["detail"]),
    ],
    reads: &[Read::new("list", "aoss:ListVpcEndpoints"), Read::new("detail", "aoss:BatchGetVpcEndpoint")],
    lists: Inputs::NONE,
};

/// Data access policies.
pub const ACCESS_POLICY: Table = Table {
    name: "aoss_access_policy",
    doc: "Data access policies. They allow alone; nothing in them denies.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        json("policy", "`[{Rules: [{ResourceType, Resource, Permission}], Principal: [ARN]}]`.").by(&["detail"]).shaped(access_policy),
    ],
    reads: &[Read::new("list", "aoss:ListAccessPolicies"), Read::new("detail", "aoss:GetAccessPolicy")],
    lists: Inputs::NONE,
};

/// Domains.
pub const DOMAIN: Table = Table {
    name: "opensearch_domain",
    doc: "Domains of OpenSearch Service.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("arn", "ARN."), text("name", "Name."), text("vpc_id", "VPC of `VPCOptions`.").absent("'' (its endpoint is public)").by(&["detail"])],
    reads: &[Read::new("list", "es:ListDomainNames"), Read::new("detail", "es:DescribeDomain")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};
    use aws_sdk_opensearchserverless::types::{AccessPolicyType, SecurityPolicyType};
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

    pub(in crate::services) async fn vpc_endpoints(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_opensearchserverless, place);
        let listing = place
            .pages(
                "aoss:ListVpcEndpoints",
                |token| client.list_vpc_endpoints().set_next_token(token).send(),
                |answer| (answer.vpc_endpoint_summaries.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "aoss_vpc_endpoint", &listing);
        let id = |one: &aws_sdk_opensearchserverless::types::VpcEndpointSummary| one.id().unwrap_or_default().to_owned();
        let details = place
            .details(&mut batch, "aoss_vpc_endpoint", "detail", &listing.items, id, |index| {
                let (client, id) = (&client, id(&listing.items[index]));
                place.call("aoss:BatchGetVpcEndpoint", move || client.batch_get_vpc_endpoint().ids(&id).send())
            })
            .await;
        for (one, detail) in listing.items.iter().zip(details) {
            let status = one.status().map(|status| status.as_str());
            let mut row = place.row("aoss_vpc_endpoint").set("id", one.id()).set("name", one.name()).set("status", status);
            if let Some(found) = detail.as_ref().and_then(|answer| answer.vpc_endpoint_details().first()) {
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
                |token| client.list_access_policies().r#type(AccessPolicyType::Data).set_next_token(token).send(),
                |answer| (answer.access_policy_summaries.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "aoss_access_policy", &listing);
        let name = |one: &aws_sdk_opensearchserverless::types::AccessPolicySummary| one.name().unwrap_or_default().to_owned();
        let details = place
            .details(&mut batch, "aoss_access_policy", "detail", &listing.items, name, |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("aoss:GetAccessPolicy", move || client.get_access_policy().r#type(AccessPolicyType::Data).name(&name).send())
            })
            .await;
        for (policy, detail) in listing.items.iter().zip(details) {
            let mut row = place.row("aoss_access_policy").set("name", policy.name());
            if let Some(found) = detail.as_ref().and_then(|answer| answer.access_policy_detail()).and_then(|detail| detail.policy()) {
                row.put("policy", json(found));
            }
            batch.rows.push(row);
        }
        batch
    }

    pub(in crate::services) async fn domains(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_opensearch, place);
        let listing = place.single("es:ListDomainNames", || client.list_domain_names().send()).await;
        let names: Vec<String> = listing.items.iter().flat_map(|answer| answer.domain_names()).filter_map(|one| one.domain_name().map(str::to_owned)).collect();
        let mut batch = Batch::default();
        batch.listed(place, "opensearch_domain", &listing);
        let arn = |name: &String| format!("arn:{}:es:{}:{}:domain/{name}", place.partition, place.region, place.account);
        let details = place
            .details(&mut batch, "opensearch_domain", "detail", &names, arn, |index| {
                let (client, name) = (&client, names[index].as_str());
                place.call("es:DescribeDomain", move || client.describe_domain().domain_name(name).send())
            })
            .await;
        for (name, detail) in names.iter().zip(details) {
            let mut row = place.row("opensearch_domain").set("arn", arn(name)).set("name", name.as_str());
            if let Some(found) = detail.as_ref().and_then(|answer| answer.domain_status()) {
                row.put("vpc_id", found.vpc_options().and_then(|inside| inside.vpc_id()).unwrap_or_default());
            }
            batch.rows.push(row);
        }
        batch.count("opensearch_domain");
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::{arn, name};
    use crate::services::declared::{Declared, Later, Rows, Spelling, Told};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_opensearchserverless_collection", "AWS::OpenSearchServerless::Collection"], map: collection },
        Spelling { kinds: &["aws_opensearchserverless_security_policy", "AWS::OpenSearchServerless::SecurityPolicy"], map: network_policy },
        Spelling { kinds: &["aws_opensearchserverless_access_policy", "AWS::OpenSearchServerless::AccessPolicy"], map: access_policy },
        Spelling { kinds: &["aws_opensearchserverless_vpc_endpoint", "AWS::OpenSearchServerless::VpcEndpoint"], map: vpc_endpoint },
        Spelling { kinds: &["aws_opensearch_domain", "aws_elasticsearch_domain", "AWS::OpenSearchService::Domain"], map: domain },
    ];

    fn collection(by: &Declared, rows: &mut Rows) {
        rows.row("aoss_collection", by, arn(by)).put("id", by.id()).put("name", by.name("name"));
    }

    fn policy(by: &Declared) -> Told<serde_json::Value> {
        match by.at("policy").text() {
            Told::Known(text) => match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(json) => Told::Known(json),
                Err(error) => Told::Unknown(Later { why: format!("the policy is no JSON: {error}"), ..Later::default() }),
            },
            Told::Unknown(later) => Told::Unknown(later),
            Told::Absent => Told::Absent,
        }
    }

    fn network_policy(by: &Declared, rows: &mut Rows) {
        match by.at("type").text() {
            Told::Known(kind) if kind != "network" => rows.symbol(by, by.id(), ""),
            _ => drop(rows.row("aoss_network_policy", by, by.name("name")).set("policy", policy(by))),
        }
    }

    fn access_policy(by: &Declared, rows: &mut Rows) {
        rows.row("aoss_access_policy", by, by.name("name")).set("policy", policy(by));
    }

    fn vpc_endpoint(by: &Declared, rows: &mut Rows) {
        rows.row("aoss_vpc_endpoint", by, by.id())
            .put("name", by.name("name"))
            .put("status", "ACTIVE")
            .set("vpc_id", by.at("vpc_id").id())
            .set("subnet_ids", by.at("subnet_ids").ids())
            .set("security_group_ids", by.at("security_group_ids").ids());
    }

    fn domain(by: &Declared, rows: &mut Rows) {
        // The VPC follows from the subnets; that there is one is what counts.
        let inside = by.at("vpc_options");
        let vpc = match (inside.at("vpc_id").id(), inside.at("subnet_ids").ids()) {
            (Told::Known(vpc), _) if !vpc.is_empty() => Told::Known(vpc),
            (_, Told::Known(subnets)) if !subnets.is_empty() => Told::Known("(of its subnets)".to_owned()),
            (_, Told::Unknown(later)) | (Told::Unknown(later), _) => Told::Unknown(later),
            _ => Told::Known(String::new()),
        };
        rows.row("opensearch_domain", by, arn(by)).put("name", name(by)).set("vpc_id", vpc);
    }
}
