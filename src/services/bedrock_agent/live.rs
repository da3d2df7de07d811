//! The calls.

use super::{live_functions, live_texts};
use crate::client;
use crate::services::collect::{Batch, Place, tags};
use crate::services::failure::Failure;
use aws_sdk_bedrockagent::types::{AgentSummary, KnowledgeBaseSummary};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Kind and ARN of a vector store; the host name of one outside AWS, whose URL may carry more.
fn vector_store(storage: &aws_sdk_bedrockagent::types::StorageConfiguration) -> (String, String) {
    // A URL with user information is not taken apart: what stands where in it can be a password.
    let host = |url: &str| {
        let rest = url.split("://").last().unwrap_or_default();
        if rest.contains('@') {
            String::new()
        } else {
            rest.split(['/', '?']).next().unwrap_or_default().to_owned()
        }
    };
    let ids = [
        storage
            .opensearch_serverless_configuration()
            .map(|one| one.collection_arn().to_owned()),
        storage
            .opensearch_managed_cluster_configuration()
            .map(|one| one.domain_arn().to_owned()),
        storage
            .rds_configuration()
            .map(|one| one.resource_arn().to_owned()),
        storage
            .neptune_analytics_configuration()
            .map(|one| one.graph_arn().to_owned()),
        storage.s3_vectors_configuration().and_then(|one| {
            one.vector_bucket_arn()
                .or(one.index_arn())
                .map(str::to_owned)
        }),
        storage
            .pinecone_configuration()
            .map(|one| host(one.connection_string())),
        storage
            .mongo_db_atlas_configuration()
            .map(|one| host(one.endpoint())),
        storage
            .redis_enterprise_cloud_configuration()
            .map(|one| host(one.endpoint())),
    ];
    (
        storage.r#type().as_str().to_owned(),
        ids.into_iter().flatten().next().unwrap_or_default(),
    )
}

fn bucket_of_uri(uri: &str) -> String {
    uri.strip_prefix("s3://")
        .unwrap_or(uri)
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn bucket_of_arn(arn: &str) -> String {
    crate::model::Arn::parse(arn)
        .map_or(arn, |arn| arn.resource)
        .to_owned()
}

/// Roles of the versions that aliases point to; the list of agents shows the draft only.
async fn versions_behind(
    place: &Place<'_>,
    client: &aws_sdk_bedrockagent::Client,
    agent: &str,
) -> Result<(Vec<String>, Json, BTreeSet<&'static str>), Failure> {
    let aliases = place
        .pages(
            "bedrock:ListAgentAliases",
            |token| {
                client
                    .list_agent_aliases()
                    .agent_id(agent)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.agent_alias_summaries, answer.next_token),
        )
        .await;
    if let Some(failure) = aliases.failure {
        return Err(failure);
    }
    let served: BTreeSet<(String, String)> = aliases
        .items
        .iter()
        .flat_map(|alias| {
            alias
                .routing_configuration()
                .iter()
                .filter_map(|route| route.agent_version())
                .map(|version| (version.to_owned(), alias.agent_alias_name().to_owned()))
        })
        .collect();
    let (mut roles, mut shown, mut secrets) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    let mut read: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (version, alias) in served {
        if !read.contains_key(&version) {
            let answer = place
                .call("bedrock:GetAgentVersion", || {
                    client
                        .get_agent_version()
                        .agent_id(agent)
                        .agent_version(&version)
                        .send()
                })
                .await?;
            let found = answer.agent_version();
            // The draft's role is a column of its own.
            roles.extend(
                found
                    .filter(|_| version != "DRAFT")
                    .map(|version| version.agent_resource_role_arn().to_owned()),
            );
            if let Some(found) = found {
                secrets.extend(live_texts::secrets_of(
                    found.instruction(),
                    found.prompt_override_configuration(),
                ));
            }
            let guardrail = found.and_then(|version| version.guardrail_configuration());
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            read.insert(
                version.clone(),
                (
                    text(guardrail.and_then(|guardrail| guardrail.guardrail_identifier())),
                    text(guardrail.and_then(|guardrail| guardrail.guardrail_version())),
                ),
            );
        }
        let (guardrail, guardrail_version) = read.get(&version).cloned().unwrap_or_default();
        shown.push(json!({
            "alias": alias, "version": version, "guardrail": guardrail, "guardrail_version": guardrail_version,
        }));
    }
    Ok((roles.into_iter().collect(), Json::from(shown), secrets))
}

pub(in crate::services) async fn agents(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrockagent, place);
    let listing = place
        .pages(
            "bedrock:ListAgents",
            |token| client.list_agents().set_next_token(token).send(),
            |answer| (answer.agent_summaries, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_agent", &listing);
    let arn = |agent: &AgentSummary| {
        format!(
            "arn:{}:bedrock:{}:{}:agent/{}",
            place.partition,
            place.region,
            place.account,
            agent.agent_id()
        )
    };
    let details = place
        .details(
            &mut batch,
            "bedrock_agent",
            "detail",
            &listing.items,
            arn,
            |index| {
                place.call("bedrock:GetAgent", {
                    let (client, id) = (&client, listing.items[index].agent_id());
                    move || client.get_agent().agent_id(id).send()
                })
            },
        )
        .await;
    let versions = place
        .details(
            &mut batch,
            "bedrock_agent",
            "versions",
            &listing.items,
            arn,
            |index| versions_behind(place, &client, listing.items[index].agent_id()),
        )
        .await;
    if place.wants("bedrock_agent_function", "list") {
        let served = versions
            .iter()
            .map(|found| found.as_ref().map(|(_, served, _)| served.clone()))
            .collect();
        live_functions::collect(place, &client, &listing, served, &mut batch).await;
    }
    for ((agent, detail), versions) in listing.items.iter().zip(details).zip(versions) {
        let mut row = place
            .row("bedrock_agent")
            .set("arn", arn(agent))
            .set("id", agent.agent_id())
            .set("name", agent.agent_name())
            .set(
                "version_role_arns",
                versions.as_ref().map(|(roles, ..)| roles.clone()),
            )
            .set(
                "served_versions",
                versions.as_ref().map(|(_, served, _)| served.clone()),
            );
        if let Some(found) = detail {
            let found = found.agent();
            if let (Some(draft), Some((_, _, of_versions))) = (found, versions) {
                let mut all = live_texts::secrets_of(
                    draft.instruction(),
                    draft.prompt_override_configuration(),
                );
                all.extend(of_versions);
                let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
                row.put("instruction_secrets", all);
            }
            row.put(
                "role_arn",
                found.map_or("", |agent| agent.agent_resource_role_arn()),
            );
            row.put(
                "kms_key_id",
                found
                    .and_then(|agent| agent.customer_encryption_key_arn())
                    .unwrap_or_default(),
            );
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn knowledge_bases(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrockagent, place);
    let listing = place
        .pages(
            "bedrock:ListKnowledgeBases",
            |token| client.list_knowledge_bases().set_next_token(token).send(),
            |answer| (answer.knowledge_base_summaries, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_knowledge_base", &listing);
    let bases = &listing.items;
    let arn = |base: &KnowledgeBaseSummary| {
        format!(
            "arn:{}:bedrock:{}:{}:knowledge-base/{}",
            place.partition,
            place.region,
            place.account,
            base.knowledge_base_id()
        )
    };
    let details = place
        .details(
            &mut batch,
            "bedrock_knowledge_base",
            "detail",
            bases,
            arn,
            |index| {
                place.call("bedrock:GetKnowledgeBase", {
                    let (client, id) = (&client, bases[index].knowledge_base_id());
                    move || client.get_knowledge_base().knowledge_base_id(id).send()
                })
            },
        )
        .await;
    let tagged = place
        .details(
            &mut batch,
            "bedrock_knowledge_base",
            "tags",
            bases,
            arn,
            |index| {
                let (client, resource) = (&client, arn(&bases[index]));
                async move {
                    place
                        .call("bedrock:ListTagsForResource", || {
                            client
                                .list_tags_for_resource()
                                .resource_arn(&resource)
                                .send()
                        })
                        .await
                }
            },
        )
        .await;
    for ((base, detail), answer) in bases.iter().zip(details).zip(tagged) {
        let mut row = place
            .row("bedrock_knowledge_base")
            .set("arn", arn(base))
            .set("id", base.knowledge_base_id())
            .set("name", base.name());
        if let Some(found) = detail.as_ref().and_then(|answer| answer.knowledge_base()) {
            row.put("role_arn", found.role_arn());
            let (kind, id) = found
                .storage_configuration()
                .map(vector_store)
                .unwrap_or_default();
            live_texts::retrieval(&mut row, found);
            row.put("storage_type", kind);
            row.put("storage_id", id);
            row.put(
                "endpoint_service",
                found
                    .storage_configuration()
                    .and_then(|storage| storage.mongo_db_atlas_configuration())
                    .and_then(|atlas| atlas.endpoint_service_name())
                    .unwrap_or_default(),
            );
            let storage = found
                .knowledge_base_configuration()
                .and_then(|config| config.vector_knowledge_base_configuration())
                .and_then(|config| config.supplemental_data_storage_configuration());
            row.put(
                "supplemental_buckets",
                storage
                    .into_iter()
                    .flat_map(|storage| storage.storage_locations())
                    .filter_map(|location| location.s3_location())
                    .map(|location| bucket_of_uri(location.uri()))
                    .collect::<Vec<_>>(),
            );
        }
        if let Some(answer) = answer {
            row.put(
                "tags",
                tags(
                    answer
                        .tags
                        .unwrap_or_default()
                        .into_iter()
                        .collect::<std::collections::BTreeMap<_, _>>(),
                ),
            );
        }
        batch.rows.push(row);
    }
    if place.wants("bedrock_data_source", "list") {
        data_sources(place, &client, &mut batch, bases, listing.failure.as_ref()).await;
    }
    batch
}

async fn data_sources(
    place: &Place<'_>,
    client: &aws_sdk_bedrockagent::Client,
    batch: &mut Batch,
    bases: &[KnowledgeBaseSummary],
    failed: Option<&Failure>,
) {
    let mut sources = Vec::new();
    let mut flaw: Option<(String, Failure)> =
        failed.map(|failure| ("the knowledge bases".to_owned(), failure.clone()));
    let mut line = place.line(
        "bedrock_data_source",
        "list",
        crate::inventory::Status::Complete,
    );
    for base in bases {
        let listing = place
            .pages(
                "bedrock:ListDataSources",
                |token| {
                    client
                        .list_data_sources()
                        .knowledge_base_id(base.knowledge_base_id())
                        .set_next_token(token)
                        .send()
                },
                |answer| (answer.data_source_summaries, answer.next_token),
            )
            .await;
        sources.extend(
            listing
                .items
                .into_iter()
                .map(|source| (base.knowledge_base_id().to_owned(), source)),
        );
        line.pages += 1;
        if let Some(failure) = listing.failure {
            flaw = Some((
                format!("knowledge base {}", base.knowledge_base_id()),
                failure,
            ));
        }
    }
    line.rows = sources.len() as u64;
    batch.coverage.push(line);
    if let Some((what, failure)) = flaw {
        batch.part_failed("bedrock_data_source", &what, &failure);
    }
    let details = place
        .details(
            batch,
            "bedrock_data_source",
            "detail",
            &sources,
            |(base, source)| format!("{base}/{}", source.data_source_id()),
            |index| {
                place.call("bedrock:GetDataSource", {
                    let (base, source) = &sources[index];
                    move || {
                        client
                            .get_data_source()
                            .knowledge_base_id(base)
                            .data_source_id(source.data_source_id())
                            .send()
                    }
                })
            },
        )
        .await;
    let jobs = live_texts::jobs(place, client, batch, &sources).await;
    for (((base, source), detail), jobs) in sources.iter().zip(&details).zip(jobs) {
        let mut row = place
            .row("bedrock_data_source")
            .set("id", format!("{base}/{}", source.data_source_id()))
            .set("knowledge_base_id", base.as_str())
            .set("name", source.name());
        if let Some(jobs) = jobs {
            jobs.fill(&mut row);
        }
        if let Some(found) = detail.as_ref().and_then(|answer| answer.data_source()) {
            let config = found.data_source_configuration();
            let bucket = config.and_then(|config| config.s3_configuration());
            let storage = found
                .vector_ingestion_configuration()
                .and_then(|config| config.custom_transformation_configuration())
                .and_then(|config| config.intermediate_storage())
                .and_then(|storage| storage.s3_location());
            row.put("type", config.map(|config| config.r#type().as_str()));
            row.put(
                "bucket_name",
                bucket
                    .map(|bucket| bucket_of_arn(bucket.bucket_arn()))
                    .unwrap_or_default(),
            );
            row.put(
                "bucket_owner_account_id",
                bucket
                    .and_then(|bucket| bucket.bucket_owner_account_id())
                    .unwrap_or_default(),
            );
            signing(&mut row, found);
            live_texts::reading(&mut row, found);
            let connector = config
                .and_then(|config| config.managed_knowledge_base_connector_configuration())
                .and_then(|connector| connector.connector_parameters());
            row.put("connector_buckets", connector_buckets(connector));
            row.put(
                "intermediate_bucket_name",
                storage
                    .map(|location| bucket_of_uri(location.uri()))
                    .unwrap_or_default(),
            );
        }
        batch.rows.push(row);
    }
}

/// How a crawler goes about, how a connector signs in, and the key of what is on its way to the index.
fn signing(row: &mut crate::inventory::NewRow, found: &aws_sdk_bedrockagent::types::DataSource) {
    let config = found.data_source_configuration();
    let web = config.and_then(|config| config.web_configuration());
    let crawler = web.and_then(|web| web.crawler_configuration());
    let seeds = web
        .and_then(|web| web.source_configuration())
        .and_then(|source| source.url_configuration())
        .into_iter()
        .flat_map(|urls| urls.seed_urls())
        .filter_map(|seed| seed.url())
        .map(super::host_of)
        .filter(|host| !host.is_empty())
        .collect::<Vec<_>>();
    let confluence = config
        .and_then(|config| config.confluence_configuration())
        .and_then(|one| one.source_configuration())
        .map(|source| source.auth_type().as_str());
    let salesforce = config
        .and_then(|config| config.salesforce_configuration())
        .and_then(|one| one.source_configuration())
        .map(|source| source.auth_type().as_str());
    let sharepoint = config
        .and_then(|config| config.share_point_configuration())
        .and_then(|one| one.source_configuration())
        .map(|source| source.auth_type().as_str());
    row.put("seed_hosts", seeds);
    row.put(
        "crawl_scope",
        crawler
            .and_then(|crawler| crawler.scope())
            .map_or("", |scope| scope.as_str()),
    );
    row.put(
        "crawl_filters",
        crawler.map_or_else(Vec::new, |crawler| crawler.inclusion_filters().to_vec()),
    );
    row.put(
        "auth_type",
        confluence.or(salesforce).or(sharepoint).unwrap_or_default(),
    );
    row.put(
        "kms_key_id",
        found
            .server_side_encryption_configuration()
            .and_then(|config| config.kms_key_arn())
            .unwrap_or_default(),
    );
}

/// The buckets that the parameters of a connector name.
fn connector_buckets(parameters: Option<&aws_smithy_types::Document>) -> Vec<String> {
    fn walk(value: &aws_smithy_types::Document, name: &str, found: &mut Vec<String>) {
        match value {
            aws_smithy_types::Document::String(text) => found.extend(super::bucket_in(name, text)),
            aws_smithy_types::Document::Array(items) => {
                items.iter().for_each(|item| walk(item, name, found));
            }
            aws_smithy_types::Document::Object(members) => {
                members
                    .iter()
                    .for_each(|(name, member)| walk(member, name, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Some(parameters) = parameters {
        walk(parameters, "", &mut found);
    }
    found.sort();
    found.dedup();
    found
}

pub(in crate::services) async fn flows(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrockagent, place);
    let listing = place
        .pages(
            "bedrock:ListFlows",
            |token| client.list_flows().set_next_token(token).send(),
            |answer| (answer.flow_summaries, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_flow", &listing);
    let details = place
        .details(
            &mut batch,
            "bedrock_flow",
            "detail",
            &listing.items,
            |flow| flow.arn().to_owned(),
            |index| {
                place.call("bedrock:GetFlow", {
                    let (client, id) = (&client, listing.items[index].id());
                    move || client.get_flow().flow_identifier(id).send()
                })
            },
        )
        .await;
    for (flow, detail) in listing.items.iter().zip(details) {
        let mut row = place
            .row("bedrock_flow")
            .set("arn", flow.arn())
            .set("name", flow.name());
        if let Some(detail) = detail {
            row.put("role_arn", detail.execution_role_arn());
            row.put(
                "kms_key_id",
                detail.customer_encryption_key_arn().unwrap_or_default(),
            );
        }
        batch.rows.push(row);
    }
    batch
}
