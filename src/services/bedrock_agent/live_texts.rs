//! The calls that give texts, and those that say how fresh an index is. Of a text is kept which formats of secrets it holds.

use crate::client;
use crate::inventory::NewRow;
use crate::secrets;
use crate::services::collect::{Batch, Place, when};
use aws_sdk_bedrockagent::types::{
    ContentBlock, DataSource, DataSourceSummary, IngestionJobSortBy, IngestionJobSortByAttribute,
    IngestionJobStatus, IngestionJobSummary, KnowledgeBase, PromptOverrideConfiguration,
    PromptTemplateConfiguration, SortOrder, SystemContentBlock,
};
use std::collections::BTreeSet;

/// Secrets in the instruction of an agent and in its prompt templates.
pub(super) fn secrets_of(
    instruction: Option<&str>,
    overrides: Option<&PromptOverrideConfiguration>,
) -> BTreeSet<&'static str> {
    let templates = overrides
        .into_iter()
        .flat_map(|overrides| overrides.prompt_configurations())
        .filter_map(|prompt| prompt.base_prompt_template());
    templates
        .chain(instruction)
        .flat_map(secrets::in_text)
        .collect()
}

/// Every text of a prompt's template.
fn texts(template: &PromptTemplateConfiguration) -> Vec<&str> {
    match template {
        PromptTemplateConfiguration::Text(text) => vec![text.text()],
        PromptTemplateConfiguration::Chat(chat) => {
            let system = chat.system().iter().filter_map(|block| match block {
                SystemContentBlock::Text(text) => Some(text.as_str()),
                _ => None,
            });
            let messages = chat
                .messages()
                .iter()
                .flat_map(|message| message.content())
                .filter_map(|block| match block {
                    ContentBlock::Text(text) => Some(text.as_str()),
                    _ => None,
                });
            system.chain(messages).collect()
        }
        _ => Vec::new(),
    }
}

pub(in crate::services) async fn prompts(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrockagent, place);
    let listing = place
        .pages(
            "bedrock:ListPrompts",
            |token| client.list_prompts().set_next_token(token).send(),
            |answer| (answer.prompt_summaries, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_prompt", &listing);
    let details = place
        .details(
            &mut batch,
            "bedrock_prompt",
            "detail",
            &listing.items,
            |prompt| prompt.arn().to_owned(),
            |index| {
                place.call("bedrock:GetPrompt", {
                    let (client, id) = (&client, listing.items[index].id());
                    move || client.get_prompt().prompt_identifier(id).send()
                })
            },
        )
        .await;
    for (prompt, detail) in listing.items.iter().zip(details) {
        let mut row = place
            .row("bedrock_prompt")
            .set("arn", prompt.arn())
            .set("id", prompt.id())
            .set("name", prompt.name());
        if let Some(detail) = detail {
            let found: BTreeSet<&str> = detail
                .variants()
                .iter()
                .filter_map(|variant| variant.template_configuration())
                .flat_map(texts)
                .flat_map(secrets::in_text)
                .collect();
            let found: Vec<String> = found.into_iter().map(str::to_owned).collect();
            row.put("secrets", found);
        }
        batch.rows.push(row);
    }
    batch
}

/// Which model makes the vectors of a knowledge base, and the index that holds them.
pub(super) fn retrieval(row: &mut NewRow, found: &KnowledgeBase) {
    let vectors = found
        .knowledge_base_configuration()
        .and_then(|config| config.vector_knowledge_base_configuration());
    let storage = found.storage_configuration();
    let index = storage.and_then(|storage| {
        let all = [
            storage
                .opensearch_serverless_configuration()
                .map(|one| one.vector_index_name()),
            storage
                .opensearch_managed_cluster_configuration()
                .map(|one| one.vector_index_name()),
            storage.rds_configuration().map(|one| one.table_name()),
            storage
                .s3_vectors_configuration()
                .and_then(|one| one.index_name().or(one.index_arn())),
            storage
                .mongo_db_atlas_configuration()
                .map(|one| one.vector_index_name()),
            storage
                .redis_enterprise_cloud_configuration()
                .map(|one| one.vector_index_name()),
        ];
        all.into_iter().flatten().next()
    });
    row.put(
        "embedding_model",
        vectors.map_or("", |vectors| vectors.embedding_model_arn()),
    );
    row.put("index_name", index.unwrap_or_default());
}

/// How the documents of a data source are read and cut, and what becomes of their vectors.
pub(super) fn reading(row: &mut NewRow, found: &DataSource) {
    let config = found.vector_ingestion_configuration();
    row.put(
        "chunking",
        config
            .and_then(|config| config.chunking_configuration())
            .map_or("", |chunking| chunking.chunking_strategy().as_str()),
    );
    row.put(
        "parsing",
        config
            .and_then(|config| config.parsing_configuration())
            .map_or("", |parsing| parsing.parsing_strategy().as_str()),
    );
    row.put(
        "deletion_policy",
        found
            .data_deletion_policy()
            .map_or("", |policy| policy.as_str()),
    );
}

/// How the ingestions of a data source went.
pub(super) struct Jobs {
    last: Option<IngestionJobSummary>,
    complete: Option<IngestionJobSummary>,
}

impl Jobs {
    /// Fills the columns of the data source.
    pub(super) fn fill(&self, row: &mut NewRow) {
        let complete = self.complete.as_ref();
        let counts = complete.and_then(|job| job.statistics());
        row.put(
            "last_job_status",
            self.last.as_ref().map_or("", |job| job.status().as_str()),
        );
        row.put(
            "last_complete_at",
            when(complete.map(|job| job.updated_at())),
        );
        row.put(
            "documents_scanned",
            counts.map_or(0, |counts| counts.number_of_documents_scanned()),
        );
        row.put(
            "documents_failed",
            counts.map_or(0, |counts| counts.number_of_documents_failed()),
        );
    }
}

/// The last ingestion of each data source, and the last that was complete.
pub(super) async fn jobs(
    place: &Place<'_>,
    client: &aws_sdk_bedrockagent::Client,
    batch: &mut Batch,
    sources: &[(String, DataSourceSummary)],
) -> Vec<Option<Jobs>> {
    let newest = IngestionJobSortBy::builder()
        .attribute(IngestionJobSortByAttribute::StartedAt)
        .order(SortOrder::Descending)
        .build()
        .ok();
    place
        .details(
            batch,
            "bedrock_data_source",
            "jobs",
            sources,
            |(base, source)| format!("{base}/{}", source.data_source_id()),
            |index| {
                let (base, source) = &sources[index];
                let newest = newest.clone();
                async move {
                    let found = place
                        .pages(
                            "bedrock:ListIngestionJobs",
                            |token| {
                                client
                                    .list_ingestion_jobs()
                                    .knowledge_base_id(base)
                                    .data_source_id(source.data_source_id())
                                    .set_sort_by(newest.clone())
                                    .max_results(1000)
                                    .set_next_token(token)
                                    .send()
                            },
                            |answer| (answer.ingestion_job_summaries, answer.next_token),
                        )
                        .await;
                    if let Some(failure) = found.failure {
                        return Err(failure);
                    }
                    // The order is asked for and not promised.
                    let mut all = found.items;
                    all.sort_by_key(|job| std::cmp::Reverse(job.started_at().secs()));
                    Ok(Jobs {
                        complete: all
                            .iter()
                            .find(|job| *job.status() == IngestionJobStatus::Complete)
                            .cloned(),
                        last: all.into_iter().next(),
                    })
                }
            },
        )
        .await
}
