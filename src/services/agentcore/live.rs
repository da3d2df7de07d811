//! The calls.

use crate::client;
use crate::services::bedrock::live::resource_policy;
use crate::services::collect::{Batch, Place};
use crate::services::environment::{self, Owner, Settings};
use crate::services::failure::Failure;
use aws_sdk_bedrockagentcorecontrol::types::ResourceType;
use std::collections::BTreeSet;

pub(in crate::services) async fn runtimes(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrockagentcorecontrol, place);
    let listing = place
        .pages(
            "bedrock-agentcore:ListAgentRuntimes",
            |token| client.list_agent_runtimes().set_next_token(token).send(),
            |answer| (answer.agent_runtimes, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_agentcore_runtime", &listing);
    batch.listed(place, "agentcore_environment_variable", &listing);
    let details = place
        .details(
            &mut batch,
            "bedrock_agentcore_runtime",
            "detail",
            &listing.items,
            |runtime| runtime.agent_runtime_arn().to_owned(),
            |index| {
                place.call("bedrock-agentcore:GetAgentRuntime", {
                    let (client, id) = (&client, listing.items[index].agent_runtime_id());
                    move || client.get_agent_runtime().agent_runtime_id(id).send()
                })
            },
        )
        .await;
    let arns = listing.items.iter().map(|runtime| {
        let arn = runtime.agent_runtime_arn().to_owned();
        (arn.clone(), arn)
    });
    let arns: Vec<(String, String)> = arns.collect();
    let policies = policies(
        place,
        &client,
        &mut batch,
        "bedrock_agentcore_runtime",
        &arns,
    )
    .await;
    for ((runtime, detail), policy) in listing.items.iter().zip(details).zip(policies) {
        let mut row = place
            .row("bedrock_agentcore_runtime")
            .set("policy", policy)
            .set("arn", runtime.agent_runtime_arn())
            .set("name", runtime.agent_runtime_name());
        if let Some(detail) = detail {
            let network = detail.network_configuration();
            let inside = network.and_then(|network| network.network_mode_config());
            row.put("role_arn", detail.role_arn());
            row.put(
                "network_mode",
                network.map(|network| network.network_mode().as_str()),
            );
            row.put(
                "subnet_ids",
                inside.map_or_else(Vec::new, |inside| inside.subnets().to_vec()),
            );
            row.put(
                "security_group_ids",
                inside.map_or_else(Vec::new, |inside| inside.security_groups().to_vec()),
            );
            let mut settings = Settings::default();
            let owner = Owner {
                table: "agentcore_environment_variable",
                account_id: place.account,
                region: place.region,
                arn: runtime.agent_runtime_arn(),
                container: "",
            };
            let variables = detail
                .environment_variables()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            let looked = environment::look(owner, variables, place.prints, &mut settings);
            row.put("outside_hosts", environment::hosts(&looked, "outside_host"));
            row.put("vector_hosts", environment::hosts(&looked, "vector_host"));
            batch.rows.extend(looked);
            settings.fill(&mut row);
        }
        batch.rows.push(row);
    }
    batch.count("agentcore_environment_variable");
    batch
}

/// The resource policies of runtimes or gateways, each by key and ARN.
async fn policies(
    place: &Place<'_>,
    client: &aws_sdk_bedrockagentcorecontrol::Client,
    batch: &mut Batch,
    table: &'static str,
    resources: &[(String, String)],
) -> Vec<Option<serde_json::Value>> {
    place
        .details(
            batch,
            table,
            "policy",
            resources,
            |(key, _)| key.clone(),
            |index| {
                let arn = resources[index].1.as_str();
                async move {
                    let answer = place
                        .call("bedrock-agentcore:GetResourcePolicy", || {
                            client.get_resource_policy().resource_arn(arn).send()
                        })
                        .await;
                    resource_policy(
                        answer.map(|answer| answer.policy().unwrap_or_default().to_owned()),
                    )
                }
            },
        )
        .await
}

pub(in crate::services) async fn gateways(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrockagentcorecontrol, place);
    let listing = place
        .pages(
            "bedrock-agentcore:ListGateways",
            |token| client.list_gateways().set_next_token(token).send(),
            |answer| (answer.items, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_agentcore_gateway", &listing);
    if place.wants("bedrock_agentcore_gateway_target", "list") {
        let line = place.line(
            "bedrock_agentcore_gateway_target",
            "list",
            crate::inventory::Status::Complete,
        );
        let mut failures: Vec<(String, Failure)> = listing
            .failure
            .iter()
            .map(|failure| ("the gateways".to_owned(), failure.clone()))
            .collect();
        for gateway in &listing.items {
            let id = gateway.gateway_id();
            let targets = place
                .pages(
                    "bedrock-agentcore:ListGatewayTargets",
                    |token| {
                        client
                            .list_gateway_targets()
                            .gateway_identifier(id)
                            .set_next_token(token)
                            .send()
                    },
                    |answer| (answer.items, answer.next_token),
                )
                .await;
            batch.rows.extend(targets.items.iter().map(|target| {
                place
                    .row("bedrock_agentcore_gateway_target")
                    .set("id", format!("{id}/{}", target.target_id()))
                    .set("gateway_id", id)
                    .set("name", target.name())
            }));
            failures.extend(
                targets
                    .failure
                    .map(|failure| (format!("the targets of {id}"), failure)),
            );
        }
        batch.coverage.push(line);
        for (what, failure) in failures {
            batch.part_failed("bedrock_agentcore_gateway_target", &what, &failure);
        }
        batch.count("bedrock_agentcore_gateway_target");
    }
    let details = place
        .details(
            &mut batch,
            "bedrock_agentcore_gateway",
            "detail",
            &listing.items,
            |gateway| gateway.gateway_id().to_owned(),
            |index| {
                place.call("bedrock-agentcore:GetGateway", {
                    let (client, id) = (&client, listing.items[index].gateway_id());
                    move || client.get_gateway().gateway_identifier(id).send()
                })
            },
        )
        .await;
    let arns = listing.items.iter().map(|gateway| {
        let id = gateway.gateway_id();
        let arn = format!(
            "arn:{}:bedrock-agentcore:{}:{}:gateway/{id}",
            place.partition, place.region, place.account
        );
        (id.to_owned(), arn)
    });
    let arns: Vec<(String, String)> = arns.collect();
    let policies = policies(
        place,
        &client,
        &mut batch,
        "bedrock_agentcore_gateway",
        &arns,
    )
    .await;
    for ((gateway, detail), policy) in listing.items.iter().zip(details).zip(policies) {
        let mut row = place
            .row("bedrock_agentcore_gateway")
            .set("policy", policy)
            .set("arn", gateway.gateway_id())
            .set("name", gateway.name());
        if let Some(detail) = detail {
            row.put("role_arn", detail.role_arn().unwrap_or_default());
            row.put("authorizer_type", detail.authorizer_type().as_str());
            let token = detail
                .authorizer_configuration()
                .and_then(|config| config.as_custom_jwt_authorizer().ok());
            row.put(
                "token_limits",
                token.map_or_else(Vec::new, |token| {
                    [
                        ("audience", token.allowed_audience().is_empty()),
                        ("clients", token.allowed_clients().is_empty()),
                        ("scopes", token.allowed_scopes().is_empty()),
                        ("claims", token.custom_claims().is_empty()),
                    ]
                    .into_iter()
                    .filter(|(_, none)| !none)
                    .map(|(name, _)| name.to_owned())
                    .collect()
                }),
            );
            row.put(
                "exception_level",
                detail.exception_level().map_or("", |level| level.as_str()),
            );
            row.put("web_acl_arn", detail.web_acl_arn().unwrap_or_default());
            row.put(
                "waf_failure_mode",
                detail
                    .waf_configuration()
                    .and_then(|waf| waf.failure_mode())
                    .map_or("", |mode| mode.as_str()),
            );
            row.put("kms_key_id", detail.kms_key_arn().unwrap_or_default());
            row.put(
                "policy_engine_mode",
                detail
                    .policy_engine_configuration()
                    .map_or("", |engine| engine.mode().as_str()),
            );
            let points: BTreeSet<String> = detail
                .interceptor_configurations()
                .iter()
                .flat_map(|one| one.interception_points())
                .map(|point| point.as_str().to_owned())
                .collect();
            row.put("interception_points", Vec::from_iter(points));
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn browsers(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrockagentcorecontrol, place);
    let listing = place
        .pages(
            "bedrock-agentcore:ListBrowsers",
            |token| {
                client
                    .list_browsers()
                    .r#type(ResourceType::Custom)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.browser_summaries, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_agentcore_browser", &listing);
    let details = place
        .details(
            &mut batch,
            "bedrock_agentcore_browser",
            "detail",
            &listing.items,
            |browser| browser.browser_arn().to_owned(),
            |index| {
                place.call("bedrock-agentcore:GetBrowser", {
                    let (client, id) = (&client, listing.items[index].browser_id());
                    move || client.get_browser().browser_id(id).send()
                })
            },
        )
        .await;
    for (browser, detail) in listing.items.iter().zip(details) {
        let network = detail
            .as_ref()
            .and_then(|detail| detail.network_configuration());
        batch.rows.push(
            place
                .row("bedrock_agentcore_browser")
                .set(
                    "is_recorded",
                    detail
                        .as_ref()
                        .map(|detail| detail.recording().is_some_and(|one| one.enabled())),
                )
                .set("arn", browser.browser_arn())
                .set("name", browser.name())
                .set(
                    "network_mode",
                    network.map(|network| network.network_mode().as_str().to_owned()),
                ),
        );
    }
    batch
}

pub(in crate::services) async fn code_interpreters(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrockagentcorecontrol, place);
    let listing = place
        .pages(
            "bedrock-agentcore:ListCodeInterpreters",
            |token| {
                client
                    .list_code_interpreters()
                    .r#type(ResourceType::Custom)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.code_interpreter_summaries, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_agentcore_code_interpreter", &listing);
    let details = place
        .details(
            &mut batch,
            "bedrock_agentcore_code_interpreter",
            "detail",
            &listing.items,
            |interpreter| interpreter.code_interpreter_arn().to_owned(),
            |index| {
                place.call("bedrock-agentcore:GetCodeInterpreter", {
                    let (client, id) = (&client, listing.items[index].code_interpreter_id());
                    move || client.get_code_interpreter().code_interpreter_id(id).send()
                })
            },
        )
        .await;
    for (interpreter, detail) in listing.items.iter().zip(details) {
        let network = detail
            .as_ref()
            .and_then(|detail| detail.network_configuration());
        batch.rows.push(
            place
                .row("bedrock_agentcore_code_interpreter")
                .set("arn", interpreter.code_interpreter_arn())
                .set("name", interpreter.name())
                .set(
                    "network_mode",
                    network.map(|network| network.network_mode().as_str().to_owned()),
                ),
        );
    }
    batch
}

pub(in crate::services) async fn memories(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrockagentcorecontrol, place);
    let listing = place
        .pages(
            "bedrock-agentcore:ListMemories",
            |token| client.list_memories().set_next_token(token).send(),
            |answer| (answer.memories, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_agentcore_memory", &listing);
    let arn = |memory: &aws_sdk_bedrockagentcorecontrol::types::MemorySummary| {
        memory.arn().or(memory.id()).unwrap_or_default().to_owned()
    };
    let details = place
        .details(
            &mut batch,
            "bedrock_agentcore_memory",
            "detail",
            &listing.items,
            arn,
            |index| {
                place.call("bedrock-agentcore:GetMemory", {
                    let (client, id) = (&client, listing.items[index].id().unwrap_or_default());
                    move || client.get_memory().memory_id(id).send()
                })
            },
        )
        .await;
    for (memory, detail) in listing.items.iter().zip(details) {
        let mut row = place
            .row("bedrock_agentcore_memory")
            .set("arn", arn(memory))
            .set("name", memory.id());
        if let Some(detail) = detail {
            let found = detail.memory();
            row.put(
                "role_arn",
                found
                    .and_then(|memory| memory.memory_execution_role_arn())
                    .unwrap_or_default(),
            );
            row.put(
                "kms_key_id",
                found
                    .and_then(|memory| memory.encryption_key_arn())
                    .unwrap_or_default(),
            );
        }
        batch.rows.push(row);
    }
    batch
}
