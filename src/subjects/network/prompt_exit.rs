//! Subject: workloads that are set up to send prompts outside AWS.

use crate::access::principal::Access;
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Role, Row, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::services;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use crate::workloads;
use crate::workloads::Workload;
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeSet;

const VARIABLES: Inputs = Inputs::All(&[
    services::lambda::ENVIRONMENT_VARIABLE.list(),
    services::ecs::ENVIRONMENT_VARIABLE.list(),
    services::lambda::FUNCTION.list(),
    services::ecs::TASK_DEFINITION.list(),
]);

/// Workloads with a way for prompts out of AWS.
pub const PROMPT_EXIT: Table = Table {
    name: "prompt_exit",
    doc: "A Bedrock caller, or a workload whose variables name a model provider outside AWS, and what its configuration lets it send there.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("workload_kind", "`lambda`, `ecs`, `ec2` or `agentcore`.").from(VARIABLES),
        list("outside_hosts", "Hosts of providers outside AWS that its variables name, without approved ones.").from(VARIABLES),
        list("variables", "Those variables.").from(VARIABLES),
        flag("names_outside_host", "Is there one?").from(VARIABLES),
        flag("variables_seen", "Does AWS show the variables of everything that it runs? Those of instances, pods, notebooks and domains no API tells.")
            .from(workloads::INPUTS),
        flag("may_search_web", "Do its roles allow Bedrock's or AgentCore's web search?").from(workloads::INPUTS),
        json("web_search_witness", "A request that shows it.").absent("null").from(workloads::INPUTS),
        flag("may_call_external_anthropic", "Do its roles allow calls to Claude Platform on AWS, where Anthropic processes prompts outside AWS?").from(workloads::INPUTS),
        json("external_anthropic_witness", "A request that shows it.").absent("null").from(workloads::INPUTS),
        text("reason", "What decides.").from(VARIABLES),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &PROMPT_EXIT,
    derive,
    rests_on_published_data: true,
};

/// Hosts of a kind (`outside_host`, `vector_host`) and the variables that name them, of one owner; and what may hide more of them.
pub(crate) fn named(
    facts: &Facts<'_>,
    kind: &str,
    owner: Row<'_>,
    column: &str,
) -> (BTreeSet<(String, String)>, Vec<Gap>) {
    let table = match kind {
        "lambda" => "lambda_environment_variable",
        "ecs" => "ecs_environment_variable",
        "agentcore" | "sagemaker" => {
            return match owner.list(&format!("{column}s")) {
                Known(hosts) => (
                    hosts
                        .into_iter()
                        .map(|host| (host, "its variables".to_owned()))
                        .collect(),
                    Vec::new(),
                ),
                Unknown(gaps) => (BTreeSet::new(), gaps),
            };
        }
        _ => return (BTreeSet::new(), Vec::new()),
    };
    let found = facts.world.children(
        table,
        owner.account(),
        owner.region(),
        "owner_arn",
        owner.key(),
    );
    let (mut hosts, mut gaps) = (BTreeSet::new(), merge(found.gaps, undecrypted(owner)));
    for row in found.rows {
        match row.text(column) {
            Known("") => {}
            Known(host) => drop(hosts.insert((
                host.to_owned(),
                row.text("name").known().unwrap_or_default().to_owned(),
            ))),
            // The variable is declared; what it will hold is settled later.
            Unknown(_) if facts.world.run.source.is_file() || facts.world.is_new(owner.key()) => {
                let name = row.text("name").known().unwrap_or_default();
                let later = Gap::unresolved(
                    table,
                    format!("known after apply: the value of the variable {name}"),
                );
                gaps = merge(gaps, vec![later]);
            }
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    (hosts, gaps)
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let approved: BTreeSet<String> = facts
        .settings
        .list("approved_providers")
        .into_iter()
        .collect();
    for (account, region) in facts.settings.scopes(&PROMPT_EXIT) {
        let callers = facts.workloads.all();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        for workload in callers
            .all
            .iter()
            .filter(|workload| workload.account == account && workload.region == region)
        {
            let mut outside: BTreeSet<(String, String)> = BTreeSet::new();
            let mut gaps = workload.deployment_gaps.clone();
            for owner in workload
                .deployments
                .iter()
                .filter_map(|deployment| deployment.settings)
            {
                let (hosts, more) = named(facts, workload.kind, owner, "outside_host");
                outside.extend(
                    hosts
                        .into_iter()
                        .filter(|(host, _)| !approved.contains(host)),
                );
                gaps = merge(gaps, more);
            }
            if workload.is_caller().is_true() || !outside.is_empty() {
                exit(facts, sink, workload, &outside, gaps);
            } else {
                sink.hide(&account, &region, gaps);
            }
        }
    }
}

/// Variables that Lambda could not decrypt, and files of variables, whose content is not read.
fn undecrypted(owner: Row<'_>) -> Vec<Gap> {
    if owner.table().column("environment_files").is_some() {
        return match owner.list("environment_files") {
            Known(files) => files
                .iter()
                .map(|file| {
                    Gap::not_understood(
                        "ecs_task_definition.environment_files",
                        format!("the content of `{file}` is not read"),
                    )
                })
                .collect(),
            Unknown(gaps) => gaps,
        };
    }
    if owner.table().column("environment_error").is_none() {
        return Vec::new();
    }
    match owner.text("environment_error") {
        Known("") => Vec::new(),
        Known(_) => vec![Gap::not_understood(
            "lambda_function.environment_error",
            "Lambda could not decrypt the variables",
        )],
        Unknown(gaps) => gaps,
    }
}

fn exit(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    workload: &Workload<'_>,
    outside: &BTreeSet<(String, String)>,
    gaps: Vec<Gap>,
) {
    let hosts: BTreeSet<String> = outside.iter().map(|(host, _)| host.clone()).collect();
    let variables: BTreeSet<String> = outside.iter().map(|(_, name)| name.clone()).collect();
    let names = if !hosts.is_empty() {
        Known(true)
    } else if gaps.is_empty() {
        Known(false)
    } else {
        Unknown(gaps.clone())
    };
    let whole = |found: BTreeSet<String>| {
        if gaps.is_empty() {
            Known(found.into_iter().collect::<Vec<_>>())
        } else {
            Unknown(gaps.clone())
        }
    };
    let by_roles = |ask: &dyn Fn(&Access) -> Observed<Option<Json>>| {
        workload.roles.clone().and_then(|roles| {
            let mut hidden = Vec::new();
            for role in &roles {
                match facts.principals.role(role).and_then(|access| ask(&access)) {
                    Known(Some(witness)) => return Known(Some(witness)),
                    Known(None) => {}
                    Unknown(more) => hidden = merge(hidden, more),
                }
            }
            if hidden.is_empty() {
                Known(None)
            } else {
                Unknown(hidden)
            }
        })
    };
    let searches = by_roles(&|access| access.web_search());
    let anthropic = by_roles(&|access| access.external_anthropic());
    let mut said = Vec::new();
    if !hosts.is_empty() {
        let join = |all: &BTreeSet<String>| {
            all.iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        said.push(format!(
            "its variables name {} ({})",
            join(&hosts),
            join(&variables)
        ));
    }
    if let Known(Some(_)) = searches {
        said.push("its role allows web search, which sends queries outside whatever way the call itself takes".to_owned());
    }
    if let Known(Some(_)) = anthropic {
        said.push("its role allows calls to Claude Platform on AWS, where Anthropic processes prompts outside AWS".to_owned());
    }
    if said.is_empty() {
        said.push("no variable that AWS shows names a provider outside AWS, and no role allows web search".to_owned());
    }
    let mut row = sink.row(
        workload.account,
        workload.region,
        &workload.arn,
        workload.resource_type,
    );
    row.put("name", workload.name.as_str()).tagged(
        facts.settings,
        workload.account,
        workload.tags.clone(),
    );
    row.put("workload_kind", workload.kind)
        .put(
            "variables_seen",
            workload
                .deployments
                .iter()
                .all(|deployment| deployment.settings.is_some()),
        )
        .set("outside_hosts", whole(hosts))
        .set("variables", whole(variables))
        .set(
            "may_search_web",
            searches.clone().map(|found| found.is_some()),
        )
        .set(
            "web_search_witness",
            searches.map(|found| found.unwrap_or(Json::Null)),
        )
        .set(
            "may_call_external_anthropic",
            anthropic.clone().map(|found| found.is_some()),
        )
        .set(
            "external_anthropic_witness",
            anthropic.map(|found| found.unwrap_or(Json::Null)),
        )
        .set("names_outside_host", names)
        .put("reason", said.join("; "));
    sink.push(row);
}
