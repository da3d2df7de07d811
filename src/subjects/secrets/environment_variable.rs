//! Subject: environment variables of functions, containers, agents, models and builds.

use crate::derive::DerivedRow;
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, int, text};
use crate::inventory::{Lookup, Role, Row, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::services;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use crate::workloads;
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const VARIABLES: Inputs = Inputs::All(&[
    services::lambda::ENVIRONMENT_VARIABLE.list(),
    services::ecs::ENVIRONMENT_VARIABLE.list(),
    services::agentcore::ENVIRONMENT_VARIABLE.list(),
    services::sagemaker::ENVIRONMENT_VARIABLE.list(),
    services::code::ENVIRONMENT_VARIABLE.list(),
]);
const LISTS: Inputs = Inputs::All(&[
    VARIABLES,
    services::lambda::FUNCTION.list(),
    services::ecs::TASK_DEFINITION.list(),
    services::agentcore::RUNTIME.list(),
    services::agentcore::RUNTIME.group("detail"),
    services::sagemaker::MODEL.list(),
    services::sagemaker::MODEL.group("detail"),
    services::code::PROJECT.list(),
]);

/// Environment variables.
pub const VARIABLE: Table = Table {
    name: "environment_variable",
    doc: "An environment variable of a function version, of a container in use, of an AgentCore runtime, of a SageMaker model or of a CodeBuild project; one row without a name where they could not be read.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "workload_kind",
            "`lambda`, `ecs`, `agentcore`, `sagemaker` or `codebuild`."
        )
        .from(LISTS),
        text("variable", "Name.").absent("''").from(VARIABLES),
        text(
            "version",
            "Version of the function, revision of the task definition."
        )
        .from(LISTS),
        text("container", "Container.").absent("''").from(VARIABLES),
        text(
            "category",
            "`none`, `reference`, `secret`, `provider-key`, `bedrock-api-key`, `webhook`."
        )
        .from(LISTS),
        text("detector", "Format or reason that decided.")
            .absent("''")
            .from(VARIABLES),
        text("confidence", "`high`, `medium`, `low`.")
            .absent("''")
            .from(VARIABLES),
        int("length", "Length of the value in bytes.").from(VARIABLES),
        int(
            "same_value_count",
            "Variables of the run with the same secret value, this one included."
        )
        .from(VARIABLES),
        flag("genai", "Does the workload call Bedrock?").from(workloads::INPUTS),
        flag(
            "names_provider_key",
            "Is the name that of a model provider's key?"
        )
        .from(VARIABLES),
        flag(
            "names_bedrock_key",
            "Is the name that of a Bedrock API key?"
        )
        .from(VARIABLES),
        flag("names_webhook", "Is the name that of a webhook?").from(VARIABLES),
    ],
    reads: &[],
    lists: LISTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &VARIABLE,
    derive,
    rests_on_published_data: false,
};

/// Names that hold other providers' keys by their own documentation.
const PROVIDER_NAMES: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "MISTRAL_API_KEY",
    "COHERE_API_KEY",
    "VOYAGE_API_KEY",
    "PINECONE_API_KEY",
    "GROQ_API_KEY",
    "TOGETHER_API_KEY",
    "REPLICATE_API_TOKEN",
    "HUGGINGFACEHUB_API_TOKEN",
    "HF_TOKEN",
    "XAI_API_KEY",
    "PERPLEXITY_API_KEY",
    "DEEPSEEK_API_KEY",
    "OPENROUTER_API_KEY",
    "AZURE_OPENAI_API_KEY",
];

/// A kind of compute with variables.
struct Kind {
    name: &'static str,
    /// Table of its variables.
    variables: &'static str,
    /// Table of what has them.
    owners: &'static str,
    resource_type: &'static str,
    /// Column with the owner's name.
    named: &'static str,
    /// What of an owner's variables could not be read.
    unread: fn(Row<'_>) -> Vec<(String, Vec<Gap>)>,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "lambda",
        variables: "lambda_environment_variable",
        owners: "lambda_function",
        resource_type: "AWS::Lambda::Function",
        named: "name",
        unread: unread_function,
    },
    Kind {
        name: "ecs",
        variables: "ecs_environment_variable",
        owners: "ecs_task_definition",
        resource_type: "AWS::ECS::TaskDefinition",
        named: "family",
        unread: unread_definition,
    },
    Kind {
        name: "agentcore",
        variables: "agentcore_environment_variable",
        owners: "bedrock_agentcore_runtime",
        resource_type: "AWS::BedrockAgentCore::Runtime",
        named: "name",
        unread: unread_detail,
    },
    Kind {
        name: "sagemaker",
        variables: "sagemaker_environment_variable",
        owners: "sagemaker_model",
        resource_type: "AWS::SageMaker::Model",
        named: "name",
        unread: unread_detail,
    },
    Kind {
        name: "codebuild",
        variables: "codebuild_environment_variable",
        owners: "codebuild_project",
        resource_type: "AWS::CodeBuild::Project",
        named: "name",
        unread: |_| Vec::new(),
    },
];

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let mut equal: BTreeMap<&str, i64> = BTreeMap::new();
    for kind in KINDS {
        for row in facts.world.everywhere(kind.variables) {
            if let Known(print) = row.text("fingerprint")
                && !print.is_empty()
            {
                *equal.entry(print).or_default() += 1;
            }
        }
    }
    for (account, region) in facts.settings.scopes(&VARIABLE) {
        for kind in KINDS {
            let found = facts.world.all(kind.variables, &account, &region);
            let listed = facts.world.all(kind.owners, &account, &region);
            let gaps = merge(found.gaps.clone(), listed.gaps.clone());
            if !gaps.is_empty() {
                // One kind of workload that could not be listed says nothing about the other.
                let resource = crate::model::account_arn(&facts.world.run.partition, &account);
                let mut row = sink.row(&account, &region, resource, "AWS::::Account");
                row.tagged(facts.settings, &account, Known(BTreeMap::new()))
                    .put("part", kind.name)
                    .put("name", kind.name)
                    .put("workload_kind", kind.name)
                    .put("version", "");
                row.set("genai", Unknown::<bool>(gaps.clone()));
                unread(&mut row, &gaps);
                sink.push(row);
            }
            for row in found.rows {
                let owner = match row.text("owner_arn") {
                    Known(owner) => owner,
                    Unknown(gaps) => {
                        sink.hide(&account, &region, gaps);
                        continue;
                    }
                };
                variable_row(facts, sink, kind, owner, row, &equal);
            }
            for owner in listed.rows {
                unread_rows(facts, sink, kind, owner);
            }
        }
    }
}

/// Does the workload of the owner call Bedrock? A build runs before any workload does, and deploys it: one in an account that
/// calls Bedrock counts.
fn genai(facts: &Facts<'_>, kind: &Kind, owner: Row<'_>) -> Observed<bool> {
    if kind.name == "codebuild" {
        return facts
            .workloads
            .all()
            .in_account(facts.world, owner.account());
    }
    let callers = facts.workloads.all();
    Observed::any(
        callers
            .all
            .iter()
            .filter(|workload| {
                workload.deployments.iter().any(|deployment| {
                    deployment
                        .settings
                        .is_some_and(|row| row.key() == owner.key())
                })
            })
            .map(crate::workloads::Workload::is_caller),
    )
}

fn begin(facts: &Facts<'_>, sink: &Sink<'_>, kind: &Kind, owner: Row<'_>) -> DerivedRow {
    let mut row = sink.row(
        owner.account(),
        owner.region(),
        owner.key(),
        kind.resource_type,
    );
    let tags = if kind.name == "lambda" {
        owner.tags()
    } else {
        Known(BTreeMap::new())
    };
    row.tagged(facts.settings, owner.account(), tags);
    row.put(
        "name",
        owner.text(kind.named).known().unwrap_or(owner.key()),
    )
    .put("workload_kind", kind.name)
    .set("genai", genai(facts, kind, owner));
    row.set(
        "version",
        match kind.name {
            "lambda" => owner.text("version"),
            "ecs" => Known(owner.key().rsplit(':').next().unwrap_or_default()),
            _ => Known(""),
        },
    );
    row
}

fn variable_row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    kind: &Kind,
    owner: &str,
    variable: Row<'_>,
    equal: &BTreeMap<&str, i64>,
) {
    let Lookup::Found(owner_row) =
        facts
            .world
            .lookup(kind.owners, variable.account(), variable.region(), owner)
    else {
        sink.hide(
            variable.account(),
            variable.region(),
            vec![Gap::not_understood(
                kind.owners.to_owned(),
                format!("`{owner}` has variables, but is not in the list"),
            )],
        );
        return;
    };
    let name = variable.text("name");
    if let Unknown(gaps) = name.clone().zip(variable.text("container")) {
        sink.hide(variable.account(), variable.region(), gaps);
        return;
    }
    let upper = name.clone().map(str::to_ascii_uppercase);
    let same = variable
        .text("fingerprint")
        .map(|print| equal.get(print).copied().unwrap_or(0));
    let mut row = begin(facts, sink, kind, owner_row);
    let container = variable.text("container").known().unwrap_or_default();
    let shown = name.clone().known().unwrap_or_default();
    row.put(
        "part",
        if container.is_empty() {
            shown.to_owned()
        } else {
            format!("{container}/{shown}")
        },
    );
    row.set("variable", name)
        .set("container", variable.text("container"))
        .set("category", variable.text("category"))
        .set("detector", variable.text("detector"))
        .set("confidence", variable.text("confidence"))
        .set("length", variable.int("length"))
        .set("same_value_count", same)
        .set(
            "names_provider_key",
            upper
                .clone()
                .map(|name| PROVIDER_NAMES.contains(&name.as_str())),
        )
        .set(
            "names_bedrock_key",
            upper.clone().map(|name| name == "AWS_BEARER_TOKEN_BEDROCK"),
        )
        .set("names_webhook", upper.map(|name| name.contains("WEBHOOK")));
    sink.push(row);
}

/// Variables that KMS refused to Lambda.
fn unread_function(owner: Row<'_>) -> Vec<(String, Vec<Gap>)> {
    match owner.text("environment_error") {
        Known("") => Vec::new(),
        Known(error) => vec![(
            "environment".to_owned(),
            vec![Gap {
                fact: "lambda_function.environment_error".to_owned(),
                operation: "lambda:ListFunctions".to_owned(),
                action: "kms:Decrypt by Lambda".to_owned(),
                reason: crate::model::Reason::Denied,
                detail: format!("Lambda could not decrypt the variables: {error}"),
            }],
        )],
        Unknown(gaps) => vec![("environment".to_owned(), gaps)],
    }
}

/// Files in S3 that a container is filled from.
fn unread_definition(owner: Row<'_>) -> Vec<(String, Vec<Gap>)> {
    match owner.list("environment_files") {
        Known(files) => files
            .into_iter()
            .map(|file| {
                let gap = Gap::not_understood(
                    "ecs_task_definition.environment_files",
                    format!("the content of `{file}` is not read"),
                );
                (file, vec![gap])
            })
            .collect(),
        Unknown(gaps) => vec![("environment files".to_owned(), gaps)],
    }
}

/// Variables that come with the details of an owner, where these were not read.
fn unread_detail(owner: Row<'_>) -> Vec<(String, Vec<Gap>)> {
    match owner.list("outside_hosts") {
        Known(_) => Vec::new(),
        Unknown(gaps) => vec![("environment".to_owned(), gaps)],
    }
}

/// What an owner holds that could not be read.
fn unread_rows(facts: &Facts<'_>, sink: &mut Sink<'_>, kind: &Kind, owner: Row<'_>) {
    for (part, gaps) in (kind.unread)(owner) {
        let mut row = begin(facts, sink, kind, owner);
        row.put("part", part);
        unread(&mut row, &gaps);
        sink.push(row);
    }
}

/// Leaves every fact about a variable open.
fn unread(row: &mut DerivedRow, gaps: &[Gap]) {
    row.put("container", "")
        .put("detector", "")
        .put("confidence", "");
    for column in ["variable", "category"] {
        row.set(column, Unknown::<&str>(gaps.to_vec()));
    }
    for column in ["names_provider_key", "names_bedrock_key", "names_webhook"] {
        row.set(column, Unknown::<bool>(gaps.to_vec()));
    }
}
