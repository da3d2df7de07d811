//! How files declare them.

use crate::services::declared::ids::arn;
use crate::services::declared::{Declared, Later, Node, Rows, Spelling, Told};
use std::collections::BTreeSet;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_bedrockagent_agent_alias", "AWS::Bedrock::AgentAlias"],
        map: alias,
    },
    Spelling {
        kinds: &["aws_bedrockagent_agent", "AWS::Bedrock::Agent"],
        map: agent,
    },
    Spelling {
        kinds: &["aws_bedrockagent_prompt", "AWS::Bedrock::Prompt"],
        map: prompt,
    },
    Spelling {
        kinds: &["aws_bedrockagent_agent_action_group"],
        map: |by, rows| {
            let agent = by
                .at("agent_id")
                .id()
                .map(|id| by.arn_of("bedrock", &format!("agent/{id}")));
            let name = by.name("action_group_name");
            action_group(by, rows, agent, &name, by.at("action_group_executor"));
        },
    },
    Spelling {
        kinds: &[
            "aws_bedrockagent_knowledge_base",
            "AWS::Bedrock::KnowledgeBase",
        ],
        map: knowledge_base,
    },
    Spelling {
        kinds: &["aws_bedrockagent_data_source", "AWS::Bedrock::DataSource"],
        map: data_source,
    },
    Spelling {
        kinds: &["aws_bedrockagent_flow", "AWS::Bedrock::Flow"],
        map: flow,
    },
];

fn agent(by: &Declared, rows: &mut Rows) {
    rows.row("bedrock_agent", by, arn(by))
        .put("id", by.id())
        .put("name", by.name("agent_name"))
        .set("role_arn", by.role("agent_resource_role_arn").or(""))
        .set(
            "kms_key_id",
            by.at("customer_encryption_key_arn").id().or(""),
        )
        // What an alias points to is made of the draft.
        .set(
            "version_role_arns",
            by.at("agent_resource_role_arn")
                .id()
                .map(|role| vec![role])
                .or(Vec::new()),
        )
        .set("served_versions", served(by))
        .set("instruction_secrets", {
            let overrides = by.at("prompt_override_configuration");
            secrets_in(&[
                by.at("instruction"),
                overrides,
                by.at("agent_collaborators"),
            ])
        });
    for group in by.at("action_groups").items() {
        let name = group.at("action_group_name").text().known();
        action_group(
            by,
            rows,
            Told::Known(arn(by)),
            &name.unwrap_or_default(),
            group.at("action_group_executor"),
        );
    }
}

/// Formats of secrets that texts of a file hold. A text that is filled later may hold any, and what is filled in is no part of the
/// file: what stands around it is looked at.
fn secrets_in(nodes: &[&Node]) -> Told<Vec<String>> {
    fn walk(node: &Node, found: &mut BTreeSet<&'static str>, open: &mut Option<Later>) {
        match node {
            Node::Text(text) | Node::Secret(text) => {
                found.extend(crate::secrets::in_text(text));
                // CloudFormation writes the secret itself into the text.
                if text.contains("{{resolve:secretsmanager:")
                    || text.contains("{{resolve:ssm-secure:")
                {
                    found.insert("dynamic-reference");
                }
            }
            Node::Map(members) => members
                .iter()
                .for_each(|(_, member)| walk(member, found, open)),
            Node::List(items) => items.iter().for_each(|item| walk(item, found, open)),
            Node::Unknown(later) => {
                found.extend(crate::secrets::in_text(&later.pattern));
                // What the file itself makes is an id or an ARN, and what fills a place in a longer text is a word of it,
                // unless the file calls it a secret.
                if later.secret || later.outside && later.pattern.trim_matches('*').is_empty() {
                    *open = Some(later.clone());
                }
            }
            _ => {}
        }
    }
    let (mut found, mut open) = (BTreeSet::new(), None);
    for node in nodes {
        walk(node, &mut found, &mut open);
    }
    match open {
        Some(later) if found.is_empty() => Told::Unknown(later),
        _ => Told::Known(found.into_iter().map(str::to_owned).collect()),
    }
}

/// The function that an action group calls; one that hands control back to its caller has none.
fn action_group(by: &Declared, rows: &mut Rows, agent: Told<String>, name: &str, executor: &Node) {
    let function = executor.at("lambda").id();
    if function == Told::Absent {
        return;
    }
    rows.row("bedrock_agent_function", by, format!("{}/{name}", by.id()))
        .set("agent_arn", agent)
        .set("function_arn", function);
}

/// An alias that is tied to a version serves what was made of an earlier draft.
fn alias(by: &Declared, rows: &mut Rows) {
    rows.symbol(by, by.id(), "");
    let tied = by.at("routing_configuration").items().first();
    let version = tied.map(|route| route.at("agent_version").id());
    if matches!(version, None | Some(Told::Absent)) {
        return;
    }
    let agent = by
        .at("agent_id")
        .id()
        .map(|id| by.arn_of("bedrock", &format!("agent/{id}")));
    let later = Later {
        why: "an alias is tied to a version that was made of an earlier draft".to_owned(),
        ..Later::default()
    };
    rows.column(
        by,
        "bedrock_agent",
        agent,
        "served_versions",
        Told::Unknown(later),
    );
}

/// What an alias serves is made of the draft.
fn served(by: &Declared) -> Told<serde_json::Value> {
    let guardrail = by.at("guardrail_configuration");
    // One that is made by the same file has no id yet, and is one all the same.
    let identifier = match guardrail.at("guardrail_identifier").id() {
        Told::Unknown(later) if !later.outside => Told::Known("(known after apply)".to_owned()),
        told => told.or(""),
    };
    let told =
        identifier.map(|identifier| (identifier, guardrail.at("guardrail_version").id().known()));
    told.map(|(identifier, version)| {
        serde_json::json!([{
            "alias": "(any that follows the draft)", "version": "DRAFT", "guardrail": identifier,
            "guardrail_version": version.unwrap_or_default(),
        }])
    })
}

fn knowledge_base(by: &Declared, rows: &mut Rows) {
    let vector = by.at("knowledge_base_configuration.vector_knowledge_base_configuration.supplemental_data_storage_configuration");
    let places = vector.at("supplemental_data_storage_locations|storage_location");
    let mut buckets = Vec::new();
    for place in places.items() {
        if let Told::Known(uri) = place.at("s3_location.uri").text() {
            buckets.extend(
                uri.trim_start_matches("s3://")
                    .split('/')
                    .next()
                    .map(str::to_owned),
            );
        }
    }
    let storage = by.at("storage_configuration");
    let id = [
        "opensearch_serverless_configuration.collection_arn",
        "opensearch_managed_cluster_configuration.domain_arn",
        "rds_configuration.resource_arn",
        "neptune_analytics_configuration.graph_arn",
        "s3_vectors_configuration.vector_bucket_arn|s3_vectors_configuration.index_arn",
    ]
    .into_iter()
    .map(|path| storage.at(path).id())
    .find(|id| *id != Told::Absent);
    // Data sources name it by its id.
    rows.symbol(by, by.id(), "");
    rows.row("bedrock_knowledge_base", by, arn(by))
        .put("id", by.id())
        .put("name", by.name("name"))
        .set("role_arn", by.role("role_arn"))
        .set("storage_type", storage.at("type").text().or(""))
        .set("storage_id", id.unwrap_or(Told::Absent).or(""))
        .set(
            "embedding_model",
            by.at("knowledge_base_configuration.vector_knowledge_base_configuration.embedding_model_arn")
                .id()
                .or(""),
        )
        .set("index_name", index_name(storage))
        .set(
            "endpoint_service",
            storage
                .at("mongo_db_atlas_configuration.endpoint_service_name")
                .text()
                .or(""),
        )
        .set(
            "supplemental_buckets",
            vector
                .later()
                .cloned()
                .map_or(Told::Known(buckets), Told::Unknown),
        )
        .set("tags", by.tags());
}

/// Index, table or collection inside the store.
fn index_name(storage: &Node) -> Told<String> {
    [
        "opensearch_serverless_configuration.vector_index_name",
        "opensearch_managed_cluster_configuration.vector_index_name",
        "rds_configuration.table_name",
        "s3_vectors_configuration.index_name|s3_vectors_configuration.index_arn",
        "mongo_db_atlas_configuration.vector_index_name",
        "redis_enterprise_cloud_configuration.vector_index_name",
    ]
    .into_iter()
    .map(|path| storage.at(path).id())
    .find(|told| *told != Told::Absent)
    .unwrap_or(Told::Absent)
    .or("")
}

/// The bucket of an ARN; a bucket's ARN is its name.
fn bucket(node: &Node) -> Told<String> {
    node.id()
        .map(|arn| arn.rsplit(':').next().unwrap_or(&arn).to_owned())
}

fn data_source(by: &Declared, rows: &mut Rows) {
    let base = by.at("knowledge_base_id").id();
    let config = by.at("data_source_configuration");
    let staging = by.at(
        "vector_ingestion_configuration.custom_transformation_configuration.intermediate_storage",
    );
    let own = by
        .at("data_source_id")
        .text()
        .known()
        .unwrap_or_else(|| by.address.clone());
    let key = format!("{}/{own}", base.clone().known().unwrap_or_default());
    rows.row("bedrock_data_source", by, key)
        .set("knowledge_base_id", base)
        .put("name", by.name("name"))
        .set("type", config.at("type").text())
        .set(
            "bucket_name",
            bucket(config.at("s3_configuration.bucket_arn")).or(""),
        )
        .set(
            "bucket_owner_account_id",
            config
                .at("s3_configuration.bucket_owner_account_id")
                .text()
                .or(""),
        )
        .set(
            "crawl_scope",
            config
                .at("web_configuration.crawler_configuration.scope")
                .text()
                .or(""),
        )
        .set("seed_hosts", seed_hosts(config))
        .set(
            "crawl_filters",
            config
                .at("web_configuration.crawler_configuration.inclusion_filters")
                .ids()
                .or(Vec::new()),
        )
        .set("auth_type", auth_type(config))
        .set(
            "chunking",
            by.at("vector_ingestion_configuration.chunking_configuration.chunking_strategy")
                .text()
                .or(""),
        )
        .set(
            "parsing",
            by.at("vector_ingestion_configuration.parsing_configuration.parsing_strategy")
                .text()
                .or(""),
        )
        .set(
            "deletion_policy",
            by.at("data_deletion_policy").text().or(""),
        )
        .set(
            "kms_key_id",
            by.at("server_side_encryption_configuration.kms_key_arn")
                .id()
                .or(""),
        )
        .set(
            "connector_buckets",
            connector_buckets(
                config.at("managed_knowledge_base_connector_configuration.connector_parameters"),
            ),
        )
        .set(
            "intermediate_bucket_name",
            staging
                .at("s3_location.uri")
                .text()
                .map(|uri| {
                    uri.trim_start_matches("s3://")
                        .split('/')
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                })
                .or(""),
        );
}

/// The hosts at which a crawler starts.
fn seed_hosts(config: &Node) -> Told<Vec<String>> {
    let seeds = config
        .at("web_configuration.source_configuration.url_configuration")
        .at("seed_urls");
    if let Some(later) = seeds.later() {
        return Told::Unknown(later.clone());
    }
    let mut hosts = Vec::new();
    for seed in seeds.items() {
        match seed.at("url").text() {
            Told::Known(url) => hosts.push(super::host_of(&url)),
            Told::Unknown(later) => return Told::Unknown(later),
            Told::Absent => {}
        }
    }
    Told::Known(hosts)
}

/// How a connector signs in; empty for what needs no credentials.
fn auth_type(config: &Node) -> Told<String> {
    [
        "confluence_configuration.source_configuration.auth_type",
        "salesforce_configuration.source_configuration.auth_type",
        "share_point_configuration.source_configuration.auth_type",
    ]
    .into_iter()
    .map(|path| config.at(path).text())
    .find(|told| *told != Told::Absent)
    .unwrap_or(Told::Absent)
    .or("")
}

/// The buckets that the parameters of a connector name.
fn connector_buckets(parameters: &Node) -> Told<Vec<String>> {
    fn walk(value: &Node, name: &str, found: &mut Vec<String>) -> Result<(), Later> {
        match value {
            Node::Map(members) => members
                .iter()
                .try_for_each(|(name, member)| walk(member, name, found)),
            Node::List(items) => items.iter().try_for_each(|item| walk(item, name, found)),
            other => {
                match other.id() {
                    Told::Known(text) => found.extend(super::bucket_in(name, &text)),
                    Told::Unknown(later) if name.to_ascii_lowercase().contains("bucket") => {
                        return Err(later);
                    }
                    _ => {}
                }
                Ok(())
            }
        }
    }
    let mut found = Vec::new();
    // Pulumi and Terraform write the parameters as JSON.
    let parsed = match parameters {
        Node::Text(text) => serde_json::from_str::<serde_json::Value>(text)
            .map_or(Node::Absent, |json| Node::from(&json)),
        other => other.clone(),
    };
    match walk(&parsed, "", &mut found) {
        Ok(()) => Told::Known(found),
        Err(later) => Told::Unknown(later),
    }
}

fn prompt(by: &Declared, rows: &mut Rows) {
    rows.row("bedrock_prompt", by, arn(by))
        .put("id", by.id())
        .put("name", by.name("name"))
        .set("secrets", secrets_in(&[by.at("variant|variants")]));
}

fn flow(by: &Declared, rows: &mut Rows) {
    rows.row("bedrock_flow", by, arn(by))
        .put("name", by.name("name"))
        .set("role_arn", by.role("execution_role_arn"))
        .set(
            "kms_key_id",
            by.at("customer_encryption_key_arn").id().or(""),
        );
}
