//! Amazon Bedrock AgentCore, control plane.

use crate::inventory::cols::text;
use crate::inventory::{Read, Role, Span, Table};

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
    ],
    reads: &[Read::new("list", "bedrock-agentcore:ListAgentRuntimes"), Read::new("detail", "bedrock-agentcore:GetAgentRuntime")],
    lists: &[],
};

/// Gateways.
pub const GATEWAY: Table = Table {
    name: "bedrock_agentcore_gateway",
    doc: "AgentCore gateways.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "Gateway id; the list call gives no ARN."),
        text("name", "Name."),
        text("role_arn", "Role.").by(&["detail"]),
    ],
    reads: &[Read::new("list", "bedrock-agentcore:ListGateways"), Read::new("detail", "bedrock-agentcore:GetGateway")],
    lists: &[],
};

/// Memories.
pub const MEMORY: Table = Table {
    name: "bedrock_agentcore_memory",
    doc: "AgentCore memories.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Id."),
        text("role_arn", "Execution role.").absent("''").by(&["detail"]),
    ],
    reads: &[Read::new("list", "bedrock-agentcore:ListMemories"), Read::new("detail", "bedrock-agentcore:GetMemory")],
    lists: &[],
};
