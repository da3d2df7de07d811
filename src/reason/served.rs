//! Which actions an API family serves, of Bedrock and of the services that code beside a model calls.

/// What serves actions: its name, their prefix, the actions.
pub(super) type Served = &'static [(&'static str, &'static str, &'static [&'static str])];

/// Actions of other services that code beside a model calls, by the endpoint service that serves them.
pub(super) const DEPENDENCIES: Served = &[
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
    ("ssm", "ssm", &["GetParameter", "GetParameters", "GetParametersByPath"]),
    ("aoss", "aoss", &["APIAccessAll"]),
    ("ecr.api", "ecr", &["GetAuthorizationToken"]),
    ("ecr.dkr", "ecr", &["BatchGetImage", "GetDownloadUrlForLayer"]),
];

/// Actions by the API family that serves them (facts: Service Authorization Reference for Bedrock, AgentCore, Mantle).
pub(super) const FAMILIES: Served = &[
    (
        "bedrock-runtime",
        "bedrock",
        &["InvokeModel", "InvokeModelWithResponseStream", "InvokeModelWithBidirectionalStream", "ApplyGuardrail", "CountTokens", "StartAsyncInvoke"],
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
    ("bedrock", "bedrock", &["CreateModelInvocationJob", "CreateModelCustomizationJob", "CreateEvaluationJob", "CreateGuardrail", "UpdateGuardrail"]),
    ("bedrock-mantle", "bedrock-mantle", &["CreateInference"]),
    ("bedrock-agentcore.gateway", "bedrock-agentcore", &["InvokeGateway"]),
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
    rows.flat_map(|(_, prefix, actions)| actions.iter().map(move |action| format!("{prefix}:{action}"))).collect()
}

/// The actions that an API family serves.
pub(super) fn actions_of(family: &str) -> Vec<String> {
    actions_in(FAMILIES, family)
}

/// The actions of another service that code beside a model calls.
pub(super) fn served_actions(service: &str) -> Vec<String> {
    actions_in(DEPENDENCIES, service)
}
