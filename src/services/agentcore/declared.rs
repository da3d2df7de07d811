//! How files declare them.

use crate::services::declared::ids::arn;
use crate::services::declared::policy::document;
use crate::services::declared::{Declared, Draft, Node, Rows, Spelling, Told};
use crate::services::environment::Owner;
use crate::services::hosts::{Around, leaves, vector_host};
use std::collections::BTreeSet;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &[
            "aws_bedrockagentcore_resource_policy",
            "AWS::BedrockAgentCore::ResourcePolicy",
        ],
        map: |by, rows| {
            let policy = document(by.at("policy"));
            rows.row("bedrock_resource_policy", by, by.id())
                .set("resource_arn", by.at("resource_arn").id())
                .set("policy", policy);
        },
    },
    Spelling {
        kinds: &[
            "aws_bedrockagentcore_agent_runtime",
            "AWS::BedrockAgentCore::Runtime",
        ],
        map: runtime,
    },
    Spelling {
        kinds: &[
            "aws_bedrockagentcore_gateway",
            "AWS::BedrockAgentCore::Gateway",
        ],
        map: gateway,
    },
    Spelling {
        kinds: &[
            "aws_bedrockagentcore_gateway_target",
            "AWS::BedrockAgentCore::GatewayTarget",
        ],
        map: target,
    },
    Spelling {
        kinds: &[
            "aws_bedrockagentcore_memory",
            "AWS::BedrockAgentCore::Memory",
        ],
        map: memory,
    },
    Spelling {
        kinds: &[
            "aws_bedrockagentcore_browser",
            "AWS::BedrockAgentCore::BrowserCustom",
        ],
        map: |by, rows| {
            let recorded = by
                .at("recording_config|recording")
                .at("enabled")
                .flag()
                .or(false);
            tool(by, rows, "bedrock_agentcore_browser", "PUBLIC").set("is_recorded", recorded);
        },
    },
    Spelling {
        kinds: &[
            "aws_bedrockagentcore_code_interpreter",
            "AWS::BedrockAgentCore::CodeInterpreterCustom",
        ],
        map: |by, rows| {
            tool(by, rows, "bedrock_agentcore_code_interpreter", "SANDBOX");
        },
    },
];

/// A browser or code interpreter; what CloudFormation is not told is the mode that its page documents.
fn tool<'r>(
    by: &Declared,
    rows: &'r mut Rows,
    table: &'static str,
    usual: &'static str,
) -> &'r mut Draft {
    rows.row(table, by, arn(by))
        .put("name", by.name("name"))
        .set(
            "network_mode",
            by.at("network_configuration.network_mode").text().or(usual),
        )
}

fn runtime(by: &Declared, rows: &mut Rows) {
    let key = arn(by);
    let network = by.at("network_configuration");
    let inside = network.at("network_mode_config");
    rows.row("bedrock_agentcore_runtime", by, key.as_str())
        .put("name", by.name("agent_runtime_name"))
        .set("role_arn", by.role("role_arn"))
        .set("network_mode", network.at("network_mode").text())
        .set("subnet_ids", inside.at("subnets").ids().or(Vec::new()))
        .set(
            "security_group_ids",
            inside.at("security_groups").ids().or(Vec::new()),
        )
        .set(
            "outside_hosts",
            hosts(by.at("environment_variables"), |name, text| {
                leaves(name, text, Around::default())
            }),
        )
        .set(
            "vector_hosts",
            hosts(by.at("environment_variables"), |_, text| vector_host(text)),
        );
    let owner = Owner {
        table: "agentcore_environment_variable",
        account_id: &by.account_id,
        region: &by.region,
        arn: &key,
        container: "",
    };
    match by.at("environment_variables") {
        Node::Unknown(later) => rows.unsettled("bedrock_agentcore_runtime", by, &key, later),
        declared => {
            let variables = if let Node::Map(members) = declared {
                members.clone()
            } else {
                Vec::new()
            };
            rows.variables(
                "bedrock_agentcore_runtime",
                by,
                &key,
                &[(owner, variables, Vec::new())],
            );
        }
    }
}

/// Hosts that variables name; open where a value is.
pub(in crate::services) fn hosts(
    variables: &Node,
    of: impl Fn(&str, &str) -> String,
) -> Told<Vec<String>> {
    let mut hosts = BTreeSet::new();
    let Node::Map(members) = variables else {
        return variables
            .later()
            .cloned()
            .map_or(Told::Known(Vec::new()), Told::Unknown);
    };
    for (name, value) in members {
        match value {
            Node::Text(text) | Node::Secret(text) => drop(hosts.insert(of(name, text))),
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
    rows.row("bedrock_agentcore_gateway", by, by.id())
        .put("name", by.name("name"))
        .set("role_arn", by.role("role_arn"))
        .set("authorizer_type", by.at("authorizer_type").text())
        .set(
            "policy_engine_mode",
            by.at("policy_engine_configuration.mode").text().or(""),
        )
        .set("interception_points", interception_points(by))
        .set("token_limits", token_limits(by))
        .set("exception_level", by.at("exception_level").text().or(""))
        .set("web_acl_arn", web_acl(by))
        .set(
            "waf_failure_mode",
            by.at("waf_configuration.failure_mode").text().or(""),
        )
        .set("kms_key_id", by.at("kms_key_arn").id().or(""));
}

/// A web ACL is attached by a resource of its own, perhaps in another file; where the gateway says nothing of it, it says nothing.
fn web_acl(by: &Declared) -> Told<String> {
    let told = by.at("web_acl_arn").id();
    match by.at("waf_configuration") {
        Node::Absent => told.or(""),
        _ => told,
    }
}

/// What a token authorizer asks of a token beside its issuer.
fn token_limits(by: &Declared) -> Told<Vec<String>> {
    let token = by
        .at("authorizer_configuration")
        .at("custom_jwt_authorizer");
    if let Some(later) = token.later() {
        return Told::Unknown(later.clone());
    }
    let mut limits = Vec::new();
    for (name, path) in [
        ("audience", "allowed_audience"),
        ("clients", "allowed_clients"),
        ("scopes", "allowed_scopes"),
        ("claims", "custom_claims|custom_claim"),
    ] {
        let list = token.at(path);
        if !list.items().is_empty() {
            limits.push(name.to_owned());
        } else if let Some(later) = list.later() {
            return Told::Unknown(later.clone());
        }
    }
    Told::Known(limits)
}

fn interception_points(by: &Declared) -> Told<Vec<String>> {
    let all = by.at("interceptor_configurations|interceptor_configuration");
    let mut points = BTreeSet::new();
    for one in all.items() {
        match one.at("interception_points").ids() {
            Told::Known(more) => points.extend(more),
            Told::Unknown(later) => return Told::Unknown(later),
            Told::Absent => {}
        }
    }
    match all.later() {
        Some(later) if all.items().is_empty() => Told::Unknown(later.clone()),
        _ => Told::Known(points.into_iter().collect()),
    }
}

fn target(by: &Declared, rows: &mut Rows) {
    let gateway = by.at("gateway_identifier").id();
    let key = format!(
        "{}/{}",
        gateway.clone().known().unwrap_or_default(),
        by.id()
    );
    rows.row("bedrock_agentcore_gateway_target", by, key)
        .set("gateway_id", gateway)
        .put("name", by.name("name"));
}

fn memory(by: &Declared, rows: &mut Rows) {
    rows.row("bedrock_agentcore_memory", by, arn(by))
        .put("name", by.name("name"))
        .set("role_arn", by.role("memory_execution_role_arn").or(""))
        .set("kms_key_id", by.at("encryption_key_arn").id().or(""));
}
