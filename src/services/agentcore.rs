//! Amazon Bedrock AgentCore, control plane.

use super::environment::SETTINGS;
use crate::inventory::cols::{list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Runtimes.
pub const RUNTIME: Table = Table {
    name: "bedrock_agentcore_runtime",
    doc: "AgentCore runtimes.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("role_arn", "Role.").by(&["detail"]),
        text("network_mode", "`PUBLIC` or `VPC`; it is about the way out alone.").by(&["detail"]).words(&["PUBLIC", "VPC"]),
        list("subnet_ids", "Subnets.").by(&["detail"]),
        list("security_group_ids", "Security groups.").by(&["detail"]),
        SETTINGS[0].by(&["detail"]),
        SETTINGS[1].by(&["detail"]),
        SETTINGS[2].by(&["detail"]),
        SETTINGS[3].by(&["detail"]),
        SETTINGS[4].by(&["detail"]),
        list("outside_hosts", "Hosts of model providers outside AWS that its variables name.").by(&["detail"]),
        list("vector_hosts", "Hosts of OpenSearch collections and domains that its variables name.").by(&["detail"]),
    ],
    reads: &[Read::new("list", "bedrock-agentcore:ListAgentRuntimes"), Read::new("detail", "bedrock-agentcore:GetAgentRuntime")],
    lists: Inputs::NONE,
};

/// Gateways.
pub const GATEWAY: Table = Table {
    name: "bedrock_agentcore_gateway",
    doc: "AgentCore gateways.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("arn", "Gateway id; the list call gives no ARN."), text("name", "Name."), text("role_arn", "Role.").by(&["detail"])],
    reads: &[Read::new("list", "bedrock-agentcore:ListGateways"), Read::new("detail", "bedrock-agentcore:GetGateway")],
    lists: Inputs::NONE,
};

/// Targets of gateways.
pub const GATEWAY_TARGET: Table = Table {
    name: "bedrock_agentcore_gateway_target",
    doc: "Targets of AgentCore gateways: what their tools call.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("id", "`gateway/target`."), text("gateway_id", "Gateway id."), text("name", "Name.")],
    reads: &[Read::with("list", "bedrock-agentcore:ListGatewayTargets", &["bedrock-agentcore:ListGateways", "bedrock-agentcore:ListGatewayTargets"])],
    lists: Inputs::NONE,
};

/// Memories.
pub const MEMORY: Table = Table {
    name: "bedrock_agentcore_memory",
    doc: "AgentCore memories.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("arn", "ARN."), text("name", "Id."), text("role_arn", "Execution role.").absent("''").by(&["detail"])],
    reads: &[Read::new("list", "bedrock-agentcore:ListMemories"), Read::new("detail", "bedrock-agentcore:GetMemory")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Failure, Place};
    use crate::services::environment::{self, Owner, Settings};

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
        for (runtime, detail) in listing.items.iter().zip(details) {
            let mut row = place.row("bedrock_agentcore_runtime").set("arn", runtime.agent_runtime_arn()).set("name", runtime.agent_runtime_name());
            if let Some(detail) = detail {
                let network = detail.network_configuration();
                let inside = network.and_then(|network| network.network_mode_config());
                row.put("role_arn", detail.role_arn());
                row.put("network_mode", network.map(|network| network.network_mode().as_str()));
                row.put("subnet_ids", inside.map_or_else(Vec::new, |inside| inside.subnets().to_vec()));
                row.put("security_group_ids", inside.map_or_else(Vec::new, |inside| inside.security_groups().to_vec()));
                let mut settings = Settings::default();
                let owner = Owner { table: "", account_id: place.account, region: place.region, arn: runtime.agent_runtime_arn(), container: "" };
                let variables = detail.environment_variables().into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()));
                // Of the variables only what steers the calls is kept here.
                let looked = environment::look(owner, variables, place.prints, &mut settings);
                row.put("outside_hosts", environment::hosts(&looked, "outside_host"));
                row.put("vector_hosts", environment::hosts(&looked, "vector_host"));
                settings.fill(&mut row);
            }
            batch.rows.push(row);
        }
        batch
    }

    pub(in crate::services) async fn gateways(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_bedrockagentcorecontrol, place);
        let listing = place
            .pages("bedrock-agentcore:ListGateways", |token| client.list_gateways().set_next_token(token).send(), |answer| (answer.items, answer.next_token))
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "bedrock_agentcore_gateway", &listing);
        if place.wants("bedrock_agentcore_gateway_target", "list") {
            let line = place.line("bedrock_agentcore_gateway_target", "list", crate::inventory::Status::Complete);
            let mut failures: Vec<(String, Failure)> = listing.failure.iter().map(|failure| ("the gateways".to_owned(), failure.clone())).collect();
            for gateway in &listing.items {
                let id = gateway.gateway_id();
                let targets = place
                    .pages(
                        "bedrock-agentcore:ListGatewayTargets",
                        |token| client.list_gateway_targets().gateway_identifier(id).set_next_token(token).send(),
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
                failures.extend(targets.failure.map(|failure| (format!("the targets of {id}"), failure)));
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
        for (gateway, detail) in listing.items.iter().zip(details) {
            batch.rows.push(
                place
                    .row("bedrock_agentcore_gateway")
                    .set("arn", gateway.gateway_id())
                    .set("name", gateway.name())
                    .set("role_arn", detail.map(|detail| detail.role_arn().unwrap_or_default().to_owned())),
            );
        }
        batch
    }

    pub(in crate::services) async fn memories(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_bedrockagentcorecontrol, place);
        let listing = place
            .pages("bedrock-agentcore:ListMemories", |token| client.list_memories().set_next_token(token).send(), |answer| (answer.memories, answer.next_token))
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "bedrock_agentcore_memory", &listing);
        let arn = |memory: &aws_sdk_bedrockagentcorecontrol::types::MemorySummary| memory.arn().or(memory.id()).unwrap_or_default().to_owned();
        let details = place
            .details(&mut batch, "bedrock_agentcore_memory", "detail", &listing.items, arn, |index| {
                place.call("bedrock-agentcore:GetMemory", {
                    let (client, id) = (&client, listing.items[index].id().unwrap_or_default());
                    move || client.get_memory().memory_id(id).send()
                })
            })
            .await;
        for (memory, detail) in listing.items.iter().zip(details) {
            batch.rows.push(
                place
                    .row("bedrock_agentcore_memory")
                    .set("arn", arn(memory))
                    .set("name", memory.id())
                    .set("role_arn", detail.map(|detail| detail.memory().and_then(|memory| memory.memory_execution_role_arn()).unwrap_or_default().to_owned())),
            );
        }
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::arn;
    use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
    use crate::services::environment::{Owner, outside_host, vector_host};
    use std::collections::BTreeSet;

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_bedrockagentcore_agent_runtime", "AWS::BedrockAgentCore::Runtime"], map: runtime },
        Spelling { kinds: &["aws_bedrockagentcore_gateway", "AWS::BedrockAgentCore::Gateway"], map: gateway },
        Spelling { kinds: &["aws_bedrockagentcore_gateway_target", "AWS::BedrockAgentCore::GatewayTarget"], map: target },
        Spelling { kinds: &["aws_bedrockagentcore_memory", "AWS::BedrockAgentCore::Memory"], map: memory },
    ];

    fn runtime(by: &Declared, rows: &mut Rows) {
        let key = arn(by);
        let network = by.at("network_configuration");
        let inside = network.at("network_mode_config");
        rows.row("bedrock_agentcore_runtime", by, key.as_str())
            .put("name", by.name("agent_runtime_name"))
            .set("role_arn", by.at("role_arn").id())
            .set("network_mode", network.at("network_mode").text())
            .set("subnet_ids", inside.at("subnets").ids().or(Vec::new()))
            .set("security_group_ids", inside.at("security_groups").ids().or(Vec::new()))
            .set("outside_hosts", hosts(by.at("environment_variables"), |text| outside_host(text).to_owned()))
            .set("vector_hosts", hosts(by.at("environment_variables"), vector_host));
        // Only what steers the calls is kept of its variables; no table holds them.
        let owner = Owner { table: "", account_id: &by.account_id, region: &by.region, arn: &key, container: "" };
        match by.at("environment_variables") {
            Node::Unknown(later) => rows.unsettled("bedrock_agentcore_runtime", by, &key, later),
            declared => {
                let variables = if let Node::Map(members) = declared { members.clone() } else { Vec::new() };
                rows.variables("bedrock_agentcore_runtime", by, &key, &[(owner, variables, Vec::new())]);
            }
        }
    }

    /// Hosts that variables name; open where a value is.
    pub(in crate::services) fn hosts(variables: &Node, of: impl Fn(&str) -> String) -> Told<Vec<String>> {
        let mut hosts = BTreeSet::new();
        let Node::Map(members) = variables else {
            return variables.later().cloned().map_or(Told::Known(Vec::new()), Told::Unknown);
        };
        for (_, value) in members {
            match value {
                Node::Text(text) | Node::Secret(text) => drop(hosts.insert(of(text))),
                other => {
                    if let Some(later) = other.later() {
                        return Told::Unknown(later.clone());
                    }
                }
            }
        }
        Told::Known(hosts.into_iter().filter(|host| !host.is_empty()).collect())
    }

    fn gateway(by: &Declared, rows: &mut Rows) {
        rows.row("bedrock_agentcore_gateway", by, by.id()).put("name", by.name("name")).set("role_arn", by.at("role_arn").id());
    }

    fn target(by: &Declared, rows: &mut Rows) {
        let gateway = by.at("gateway_identifier").id();
        let key = format!("{}/{}", gateway.clone().known().unwrap_or_default(), by.id());
        rows.row("bedrock_agentcore_gateway_target", by, key).set("gateway_id", gateway).put("name", by.name("name"));
    }

    fn memory(by: &Declared, rows: &mut Rows) {
        rows.row("bedrock_agentcore_memory", by, arn(by)).put("name", by.name("name")).set("role_arn", by.at("memory_execution_role_arn").id().or(""));
    }
}
