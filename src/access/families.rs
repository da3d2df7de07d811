//! API families: which actions each serves, and which a principal may call.

use crate::model::{Gap, Observed, merge};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

/// The family that stands for all where nothing tells which.
pub(crate) const RUNTIME: &str = "bedrock-runtime";

/// What serves actions: its name, their prefix, the actions.
pub(crate) type Served = &'static [(&'static str, &'static str, &'static [&'static str])];

/// Actions of other services that code beside a model calls, by the endpoint service that serves them.
pub(crate) const DEPENDENCIES: Served = &[
    ("s3", "s3", &["GetObject", "PutObject", "ListBucket"]),
    ("secretsmanager", "secretsmanager", &["GetSecretValue"]),
    ("kms", "kms", &["Decrypt", "Encrypt", "GenerateDataKey"]),
    ("sts", "sts", &["AssumeRole"]),
    ("logs", "logs", &["PutLogEvents"]),
    ("dynamodb", "dynamodb", &["GetItem", "PutItem", "Query"]),
    ("sqs", "sqs", &["SendMessage", "ReceiveMessage"]),
    ("sns", "sns", &["Publish"]),
    ("events", "events", &["PutEvents"]),
    ("lambda", "lambda", &["InvokeFunction"]),
    (
        "ssm",
        "ssm",
        &["GetParameter", "GetParameters", "GetParametersByPath"],
    ),
    ("aoss", "aoss", &["APIAccessAll"]),
    ("ecr.api", "ecr", &["GetAuthorizationToken"]),
    (
        "ecr.dkr",
        "ecr",
        &["BatchGetImage", "GetDownloadUrlForLayer"],
    ),
];

/// Actions by the API family that serves them (facts: Service Authorization Reference for Bedrock, AgentCore, Mantle).
pub(crate) const FAMILIES: Served = &[
    (
        "bedrock-runtime",
        "bedrock",
        &[
            "InvokeModel",
            "InvokeModelWithResponseStream",
            "InvokeModelWithBidirectionalStream",
            "ApplyGuardrail",
            "CountTokens",
            "StartAsyncInvoke",
        ],
    ),
    (
        "bedrock-agent-runtime",
        "bedrock",
        &[
            "InvokeAgent",
            "InvokeInlineAgent",
            "Retrieve",
            "RetrieveAndGenerate",
            "InvokeFlow",
            "Rerank",
            "GenerateQuery",
            "AgenticRetrieveStream",
            "CreateSession",
        ],
    ),
    (
        "bedrock-agent",
        "bedrock",
        &[
            "CreateAgent",
            "GetAgent",
            "ListAgents",
            "GetKnowledgeBase",
            "ListKnowledgeBases",
            "StartIngestionJob",
            "GetIngestionJob",
            "ListIngestionJobs",
            "IngestKnowledgeBaseDocuments",
            "ListDataSources",
            "GetDataSource",
            "GetPrompt",
            "ListPrompts",
            "GetFlow",
        ],
    ),
    // Reading the names of models, profiles and guardrails carries no prompt: the CDK's `grantInvoke` adds `GetFoundationModel`
    // to every role, and nobody calls it for that.
    (
        "bedrock",
        "bedrock",
        &[
            "CreateModelInvocationJob",
            "CreateModelCustomizationJob",
            "CreateEvaluationJob",
            "CreateGuardrail",
            "UpdateGuardrail",
        ],
    ),
    ("bedrock-mantle", "bedrock-mantle", &["CreateInference"]),
    (
        "bedrock-agentcore.gateway",
        "bedrock-agentcore",
        &["InvokeGateway"],
    ),
    (
        "bedrock-agentcore",
        "bedrock-agentcore",
        &[
            "InvokeAgentRuntime",
            "InvokeCodeInterpreter",
            "StartBrowserSession",
            "StartCodeInterpreterSession",
            "CreateEvent",
            "ListEvents",
            "RetrieveMemoryRecords",
            "GetWorkloadAccessToken",
        ],
    ),
];

fn actions_in(table: Served, name: &str) -> Vec<String> {
    let rows = table.iter().filter(|(known, ..)| *known == name);
    rows.flat_map(|(_, prefix, actions)| {
        actions
            .iter()
            .map(move |action| format!("{prefix}:{action}"))
    })
    .collect()
}

/// The actions that an API family serves.
pub(crate) fn actions_of(family: &str) -> Vec<String> {
    actions_in(FAMILIES, family)
}

/// The actions of another service that code beside a model calls.
pub(crate) fn served_actions(service: &str) -> Vec<String> {
    actions_in(DEPENDENCIES, service)
}

/// API families that a principal may call; an administrator by `*` alone calls none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Families {
    /// Those that it may call.
    pub known: BTreeSet<&'static str>,
    /// Those that something unread may let it call, with that.
    pub open: BTreeMap<&'static str, Vec<Gap>>,
    /// What may let it call any other.
    pub any_other: Vec<Gap>,
}

impl Families {
    /// Something unread may let it call the family.
    pub fn doubt(&mut self, family: &'static str, gaps: &[Gap]) {
        let open = self.open.entry(family).or_default();
        *open = merge(std::mem::take(open), gaps.to_vec());
    }

    /// Something unread may let it call whatever there is. Where it is not known to call the runtime, that stands for all.
    pub fn doubt_all(&mut self, gaps: &[Gap]) {
        self.any_other = merge(std::mem::take(&mut self.any_other), gaps.to_vec());
        self.doubt(RUNTIME, gaps);
    }

    /// What is known is not in doubt.
    pub fn settle(&mut self) {
        self.open.retain(|family, _| !self.known.contains(family));
    }

    /// Is there one?
    pub fn any(&self) -> Observed<bool> {
        if !self.known.is_empty() {
            return Known(true);
        }
        match self.open.values().cloned().reduce(merge) {
            Some(gaps) => Unknown(gaps),
            None => Known(false),
        }
    }
}
