//! Amazon Bedrock Agents: agents, knowledge bases, data sources, flows. All IAM actions have the prefix `bedrock`.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;
#[cfg(feature = "live")]
mod live_functions;
#[cfg(feature = "live")]
pub(super) mod live_texts;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{int, json, list, tags, text, time};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Agents.
pub const AGENT: Table = Table {
    name: "bedrock_agent",
    doc: "Bedrock Agents. The draft's role and those of the versions behind aliases can differ.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("id", "Agent id."),
        text("name", "Name."),
        text("role_arn", "Role of the draft.")
            .absent("''")
            .by(&["detail"]),
        list(
            "version_role_arns",
            "Roles of the versions that aliases point to.",
        )
        .by(&["versions"]),
        text("kms_key_id", "Key of the customer that encrypts it.")
            .absent("''")
            .by(&["detail"]),
        json(
            "served_versions",
            "`[{alias, version, guardrail, guardrail_version}]`: what each alias serves; `guardrail` is empty where the version has none.",
        )
        .absent("[]")
        .by(&["versions"])
        .shaped(served),
        list(
            "instruction_secrets",
            "Formats of secrets that its instructions and prompt templates hold, those of the draft and of the versions that aliases serve.",
        )
        .by(&["detail", "versions"]),
    ],
    reads: &[
        Read::new("list", "bedrock:ListAgents"),
        Read::new("detail", "bedrock:GetAgent"),
        Read::with(
            "versions",
            "bedrock:GetAgentVersion",
            &["bedrock:ListAgentAliases", "bedrock:GetAgentVersion"],
        ),
    ],
    lists: Inputs::NONE,
};

/// Knowledge bases.
pub const KNOWLEDGE_BASE: Table = Table {
    name: "bedrock_knowledge_base",
    doc: "Knowledge bases.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("id", "Knowledge base id."),
        text("name", "Name."),
        text("role_arn", "Role.").by(&["detail"]),
        list("supplemental_buckets", "Buckets that keep images and other extracts.").by(&["detail"]),
        text("storage_type", "Vector store of `storageConfiguration`: `OPENSEARCH_SERVERLESS`, `RDS`, `S3_VECTORS`, ...").absent("''").by(&["detail"]),
        text("storage_id", "ARN of that store; host name where it lies outside AWS.").absent("''").by(&["detail"]),
        text("endpoint_service", "Endpoint service by which a store of MongoDB Atlas is reached privately.").absent("''").by(&["detail"]),
        text("embedding_model", "ARN of the model that turns documents into vectors.").absent("'' (the service chooses it)").by(&["detail"]),
        text("index_name", "Index, table or collection inside the store.").absent("''").by(&["detail"]),
        tags().by(&["tags"]),
    ],
    reads: &[
        Read::new("list", "bedrock:ListKnowledgeBases"),
        Read::new("detail", "bedrock:GetKnowledgeBase"),
        Read::new("tags", "bedrock:ListTagsForResource"),
    ],
    lists: Inputs::NONE,
};

/// Data sources.
pub const DATA_SOURCE: Table = Table {
    name: "bedrock_data_source",
    doc: "Data sources of knowledge bases.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "`knowledge base/data source`."),
        text("knowledge_base_id", "Knowledge base id."),
        text("name", "Name."),
        text("type", "`S3`, `WEB`, `CONFLUENCE`, ...").by(&["detail"]).words(&[
            "S3", "WEB", "CONFLUENCE", "SALESFORCE", "SHAREPOINT", "CUSTOM", "REDSHIFT_METADATA",
            "MANAGED_KNOWLEDGE_BASE_CONNECTOR",
        ]),
        text("bucket_name", "Bucket of the originals.").absent("''").by(&["detail"]),
        text("bucket_owner_account_id", "Its owner, where the configuration says; it may be absent although the bucket is foreign.")
            .absent("''")
            .by(&["detail"]),
        text("intermediate_bucket_name", "Bucket for custom transformation.").absent("''").by(&["detail"]),
        text("crawl_scope", "How far a web crawler goes: `HOST_ONLY`, `SUBDOMAINS`, or no further than the path that it starts from.").absent("''").by(&["detail"]).words(&["HOST_ONLY", "SUBDOMAINS"]),
        list("seed_hosts", "Hosts at which a web crawler starts.").by(&["detail"]),
        list("crawl_filters", "Patterns of the addresses that a web crawler takes in.").by(&["detail"]),
        text("auth_type", "How a connector signs in: `BASIC` (user and password), `OAUTH2_CLIENT_CREDENTIALS`, ...").absent("'' (it does not)").by(&["detail"]),
        text("kms_key_id", "Key of the customer for data in transit to the index.").absent("''").by(&["detail"]),
        list("connector_buckets", "Buckets that the connector of a managed knowledge base reads.").by(&["detail"]),
        text("chunking", "How documents are cut: `FIXED_SIZE`, `HIERARCHICAL`, `SEMANTIC` or `NONE`.").absent("'' (the default of the service)").by(&["detail"]),
        text("parsing", "What reads the documents: `BEDROCK_FOUNDATION_MODEL`, `BEDROCK_DATA_AUTOMATION`.").absent("'' (the default of the service)").by(&["detail"]),
        text("deletion_policy", "What becomes of its vectors when it is deleted: `DELETE` or `RETAIN`.").absent("''").by(&["detail"]),
        text("last_job_status", "How its last ingestion ended, such as `COMPLETE` or `FAILED`.").absent("'' (there was none)").by(&["jobs"]),
        time("last_complete_at", "When its last complete ingestion ended.").absent("''").by(&["jobs"]),
        int("documents_scanned", "Documents that the last complete ingestion looked at.").absent("0").by(&["jobs"]),
        int("documents_failed", "Documents of these that it could not take in.").absent("0").by(&["jobs"]),
    ],
    reads: &[
        Read::new("list", "bedrock:ListDataSources"),
        Read::new("detail", "bedrock:GetDataSource"),
        Read::new("jobs", "bedrock:ListIngestionJobs"),
    ],
    lists: Inputs::NONE,
};

/// Flows.
pub const FLOW: Table = Table {
    name: "bedrock_flow",
    doc: "Bedrock Flows.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("role_arn", "Execution role.").by(&["detail"]),
        text("kms_key_id", "Key of the customer that encrypts it.")
            .absent("''")
            .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "bedrock:ListFlows"),
        Read::new("detail", "bedrock:GetFlow"),
    ],
    lists: Inputs::NONE,
};

/// Prompts.
pub const PROMPT: Table = Table {
    name: "bedrock_prompt",
    doc: "Prompts of Prompt Management.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("id", "Id."),
        text("name", "Name."),
        list(
            "secrets",
            "Formats of secrets that the texts of its draft hold.",
        )
        .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "bedrock:ListPrompts"),
        Read::new("detail", "bedrock:GetPrompt"),
    ],
    lists: Inputs::NONE,
};

/// What leads to the functions of agents.
const FUNCTION_OPERATIONS: &[&str] = &[
    "bedrock:ListAgents",
    "bedrock:ListAgentAliases",
    "bedrock:GetAgentVersion",
    "bedrock:ListAgentActionGroups",
    "bedrock:GetAgentActionGroup",
];

/// Functions that agents call.
pub const AGENT_FUNCTION: Table = Table {
    name: "bedrock_agent_function",
    doc: "Functions of AWS Lambda that the action groups of Bedrock Agents call, those of the draft and of the versions that aliases serve.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "`agent/action group/name of the function`."),
        text("agent_arn", "Agent."),
        text(
            "function_arn",
            "Function, with its alias or version where the action group names one.",
        ),
        json(
            "policy",
            "Policy of the function: whom it lets call it beside its own account's principals.",
        )
        .absent("{}")
        .by(&["policy"]),
    ],
    reads: &[
        Read::with("list", "bedrock:GetAgentActionGroup", FUNCTION_OPERATIONS),
        Read::new("policy", "lambda:GetPolicy"),
    ],
    lists: Inputs::NONE,
};

/// A bucket, where a member of a connector's parameters names one: by its ARN, a URI, or in a member that is called so.
fn bucket_in(member: &str, text: &str) -> Option<String> {
    let lower = member.to_ascii_lowercase();
    let name = if let Some((_, rest)) = text.split_once(":s3:::") {
        rest
    } else if let Some(rest) = text.strip_prefix("s3://") {
        rest
    } else if lower.contains("bucket") && !lower.contains("owner") && !lower.contains("account") {
        text
    } else {
        return None;
    };
    let name = name.split('/').next().unwrap_or_default();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The host of an address; empty where it could not be determined. What stands before an `@` can be a password, and is left out.
fn host_of(url: &str) -> String {
    let rest = url.split("://").last().unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[
        &AGENT,
        &AGENT_FUNCTION,
        &KNOWLEDGE_BASE,
        &DATA_SOURCE,
        &FLOW,
        &PROMPT,
    ],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["bedrock_agent", "bedrock_agent_function"],
            span: Span::Regional,
            run: |place| Box::pin(live::agents(place)),
        },
        Collector {
            tables: &["bedrock_knowledge_base", "bedrock_data_source"],
            span: Span::Regional,
            run: |place| Box::pin(live::knowledge_bases(place)),
        },
        Collector {
            tables: &["bedrock_flow"],
            span: Span::Regional,
            run: |place| Box::pin(live::flows(place)),
        },
        Collector {
            tables: &["bedrock_prompt"],
            span: Span::Regional,
            run: |place| Box::pin(live_texts::prompts(place)),
        },
    ],
};

/// What aliases serve, each with all that a rule reads of it.
fn served(value: &serde_json::Value) -> Result<serde_json::Value, String> {
    crate::inventory::shape::each(value, |one| {
        let mut fields = crate::inventory::shape::Fields::of(one)?;
        let (alias, version) = (
            fields.text(&["alias"])?.to_owned(),
            fields.text(&["version"])?.to_owned(),
        );
        let guardrail = fields.text(&["guardrail"])?.to_owned();
        let guardrail_version = fields.text_if_any(&["guardrail_version"])?.to_owned();
        fields.done(&[])?;
        Ok(serde_json::json!({
            "alias": alias, "version": version, "guardrail": guardrail, "guardrail_version": guardrail_version,
        }))
    })
}
