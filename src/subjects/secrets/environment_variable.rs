//! Subject: environment variables of functions and containers.

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
]);
const LISTS: Inputs = Inputs::All(&[
    services::lambda::FUNCTION.list(),
    services::ecs::TASK_DEFINITION.list(),
    services::lambda::ENVIRONMENT_VARIABLE.list(),
    services::ecs::ENVIRONMENT_VARIABLE.list(),
]);

/// Environment variables.
pub const VARIABLE: Table = Table {
    name: "environment_variable",
    doc: "An environment variable of a function version or of a container in use; one row without a name where they could not be read.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("workload_kind", "`lambda` or `ecs`.").from(LISTS),
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

/// The table of variables of a kind of workload, and where their owner is.
const KINDS: &[(&str, &str, &str, &str)] = &[
    (
        "lambda",
        "lambda_environment_variable",
        "lambda_function",
        "AWS::Lambda::Function",
    ),
    (
        "ecs",
        "ecs_environment_variable",
        "ecs_task_definition",
        "AWS::ECS::TaskDefinition",
    ),
];

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let mut equal: BTreeMap<&str, i64> = BTreeMap::new();
    for (_, table, ..) in KINDS {
        for row in facts.world.everywhere(table) {
            if let Known(print) = row.text("fingerprint")
                && !print.is_empty()
            {
                *equal.entry(print).or_default() += 1;
            }
        }
    }
    for (account, region) in facts.settings.scopes(&VARIABLE) {
        for (kind, variables, owners, resource_type) in KINDS {
            let found = facts.world.all(variables, &account, &region);
            let listed = facts.world.all(owners, &account, &region);
            let gaps = merge(found.gaps.clone(), listed.gaps.clone());
            if !gaps.is_empty() {
                // One kind of workload that could not be listed says nothing about the other.
                let resource = crate::model::account_arn(&facts.world.run.partition, &account);
                let mut row = sink.row(&account, &region, resource, "AWS::::Account");
                row.tagged(facts.settings, &account, Known(BTreeMap::new()))
                    .put("part", *kind)
                    .put("name", *kind)
                    .put("workload_kind", *kind)
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
                variable_row(
                    facts,
                    sink,
                    kind,
                    resource_type,
                    (owners, owner),
                    row,
                    &equal,
                );
            }
            for owner in listed.rows {
                unread_rows(facts, sink, kind, resource_type, owner);
            }
        }
    }
}

/// Does the workload of a function version or task definition call Bedrock?
fn genai(facts: &Facts<'_>, owner: Row<'_>) -> Observed<bool> {
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

fn begin(
    facts: &Facts<'_>,
    sink: &Sink<'_>,
    kind: &'static str,
    resource_type: &str,
    owner: Row<'_>,
) -> DerivedRow {
    let mut row = sink.row(owner.account(), owner.region(), owner.key(), resource_type);
    let tags = if kind == "lambda" {
        owner.tags()
    } else {
        Known(BTreeMap::new())
    };
    let name = if kind == "lambda" {
        owner.text("name")
    } else {
        owner.text("family")
    };
    row.tagged(facts.settings, owner.account(), tags);
    row.put("name", name.known().unwrap_or_default())
        .put("workload_kind", kind)
        .set("genai", genai(facts, owner));
    row.set(
        "version",
        if kind == "lambda" {
            owner.text("version")
        } else {
            Known(owner.key().rsplit(':').next().unwrap_or_default())
        },
    );
    row
}

fn variable_row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    kind: &'static str,
    resource_type: &str,
    (owners, owner): (&str, &str),
    variable: Row<'_>,
    equal: &BTreeMap<&str, i64>,
) {
    let Lookup::Found(owner_row) =
        facts
            .world
            .lookup(owners, variable.account(), variable.region(), owner)
    else {
        sink.hide(
            variable.account(),
            variable.region(),
            vec![Gap::not_understood(
                owners.to_owned(),
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
    let mut row = begin(facts, sink, kind, resource_type, owner_row);
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

/// What an owner holds that could not be read: variables that KMS refused, files in S3.
fn unread_rows(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    kind: &'static str,
    resource_type: &str,
    owner: Row<'_>,
) {
    let mut parts: Vec<(String, Vec<Gap>)> = Vec::new();
    if kind == "lambda" {
        match owner.text("environment_error") {
            Known("") => {}
            Known(error) => parts.push((
                "environment".to_owned(),
                vec![Gap {
                    fact: "lambda_function.environment_error".to_owned(),
                    operation: "lambda:ListFunctions".to_owned(),
                    action: "kms:Decrypt by Lambda".to_owned(),
                    reason: crate::model::Reason::Denied,
                    detail: format!("Lambda could not decrypt the variables: {error}"),
                }],
            )),
            Unknown(gaps) => parts.push(("environment".to_owned(), gaps)),
        }
    } else {
        match owner.list("environment_files") {
            Known(files) => parts.extend(files.into_iter().map(|file| {
                let gap = Gap::not_understood(
                    "ecs_task_definition.environment_files",
                    format!("the content of `{file}` is not read"),
                );
                (file, vec![gap])
            })),
            Unknown(gaps) => parts.push(("environment files".to_owned(), gaps)),
        }
    }
    for (part, gaps) in parts {
        let mut row = begin(facts, sink, kind, resource_type, owner);
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
