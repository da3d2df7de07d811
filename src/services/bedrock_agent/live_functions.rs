//! The functions that agents call, and whom else their policies let in.

use crate::client;
use crate::inventory::Status;
use crate::services::collect::{Batch, Listing, Place};
use crate::services::failure::Failure;
use aws_sdk_bedrockagent::types::{ActionGroupExecutor, AgentSummary};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Action group and function of each version of an agent.
async fn of_agent(
    place: &Place<'_>,
    client: &aws_sdk_bedrockagent::Client,
    agent: &str,
    versions: BTreeSet<String>,
) -> Result<BTreeSet<(String, String)>, Failure> {
    let mut found = BTreeSet::new();
    for version in versions {
        let groups = place
            .pages(
                "bedrock:ListAgentActionGroups",
                |token| {
                    client
                        .list_agent_action_groups()
                        .agent_id(agent)
                        .agent_version(&version)
                        .set_next_token(token)
                        .send()
                },
                |answer| (answer.action_group_summaries, answer.next_token),
            )
            .await;
        if let Some(failure) = groups.failure {
            return Err(failure);
        }
        for group in groups.items {
            let detail = place
                .call("bedrock:GetAgentActionGroup", || {
                    client
                        .get_agent_action_group()
                        .agent_id(agent)
                        .agent_version(&version)
                        .action_group_id(group.action_group_id())
                        .send()
                })
                .await?;
            let executor = detail
                .agent_action_group()
                .and_then(|group| group.action_group_executor());
            if let Some(ActionGroupExecutor::Lambda(function)) = executor {
                found.insert((group.action_group_name().to_owned(), function.clone()));
            }
        }
    }
    Ok(found)
}

/// Is the function one of the account and Region that are asked?
fn is_here(place: &Place<'_>, function: &str) -> bool {
    let mut parts = function.split(':').skip(3);
    // A name alone is one of the own account.
    !function.starts_with("arn:")
        || parts.next() == Some(place.region) && parts.next() == Some(place.account)
}

/// Fills the table; `served` gives what each agent's aliases serve, where that was read.
pub(super) async fn collect(
    place: &Place<'_>,
    client: &aws_sdk_bedrockagent::Client,
    agents: &Listing<AgentSummary>,
    served: Vec<Option<Json>>,
    batch: &mut Batch,
) {
    let found = place
        .each(
            agents,
            |agent| format!("agent {}", agent.agent_id()),
            |index| {
                let id = agents.items[index].agent_id();
                let of = served[index].clone();
                async move {
                    let Some(of) = of else {
                        let failure = Failure {
                            status: Status::Partial,
                            code: "NotRead".to_owned(),
                            message: "which versions its aliases serve could not be read"
                                .to_owned(),
                        };
                        return Listing::of(Vec::new(), Some(failure));
                    };
                    let versions = of
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(|one| one["version"].as_str())
                        .chain(["DRAFT"])
                        .map(str::to_owned)
                        .collect();
                    match of_agent(place, client, id, versions).await {
                        Ok(all) => Listing::of(all.into_iter().collect(), None),
                        Err(failure) => Listing::of(Vec::new(), Some(failure)),
                    }
                }
            },
        )
        .await;
    batch.listed(place, "bedrock_agent_function", &found);
    let id = |(agent, (group, function)): &(usize, (String, String))| {
        let name = function.split(":function:").last().unwrap_or(function);
        format!("{}/{group}/{name}", agents.items[*agent].agent_id())
    };
    let lambda = client!(aws_sdk_lambda, place);
    let policies = place
        .details(
            batch,
            "bedrock_agent_function",
            "policy",
            &found.items,
            id,
            |index| {
                let (lambda, function) = (&lambda, found.items[index].1.1.as_str());
                async move {
                    // What the client does not find may stand elsewhere, so it is not asked for what does.
                    if !is_here(place, function) {
                        return Err(Failure {
                            status: Status::Error,
                            code: "Elsewhere".to_owned(),
                            message: format!(
                                "{function} is not in {} of account {}, from where its policy cannot be read",
                                place.region, place.account
                            ),
                        });
                    }
                    let answer = place
                        .call("lambda:GetPolicy", || {
                            lambda.get_policy().function_name(function).send()
                        })
                        .await;
                    match answer {
                        Ok(answer) => Ok(answer.policy().map_or_else(
                            || json!({}),
                            |text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
                        )),
                        // A function that nobody was let at has no policy.
                        Err(failure) if failure.code == "ResourceNotFoundException" => {
                            Ok(json!({}))
                        }
                        Err(failure) => Err(failure),
                    }
                }
            },
        )
        .await;
    for (item, policy) in found.items.iter().zip(policies) {
        let (agent, (_, function)) = item;
        batch.rows.push(
            place
                .row("bedrock_agent_function")
                .set("id", id(item))
                .set(
                    "agent_arn",
                    format!(
                        "arn:{}:bedrock:{}:{}:agent/{}",
                        place.partition,
                        place.region,
                        place.account,
                        agents.items[*agent].agent_id()
                    ),
                )
                .set("function_arn", function.as_str())
                .set("policy", policy),
        );
    }
}
