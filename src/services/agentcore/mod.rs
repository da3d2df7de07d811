//! Amazon Bedrock AgentCore, control plane.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use super::environment::{SETTINGS, VARIABLE};
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Column, Inputs, Read, Role, Span, Table};

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
        text(
            "network_mode",
            "`PUBLIC` or `VPC`; it is about the way out alone.",
        )
        .by(&["detail"])
        .words(&["PUBLIC", "VPC"]),
        list("subnet_ids", "Subnets.").by(&["detail"]),
        list("security_group_ids", "Security groups.").by(&["detail"]),
        SETTINGS[0].by(&["detail"]),
        SETTINGS[1].by(&["detail"]),
        SETTINGS[2].by(&["detail"]),
        SETTINGS[3].by(&["detail"]),
        SETTINGS[4].by(&["detail"]),
        list(
            "outside_hosts",
            "Hosts of model providers outside AWS that its variables name.",
        )
        .by(&["detail"]),
        list(
            "vector_hosts",
            "Hosts of OpenSearch collections and domains that its variables name.",
        )
        .by(&["detail"]),
        json(
            "policy",
            "Its resource policy, by which other accounts may call it.",
        )
        .absent("{}")
        .by(&["policy"]),
    ],
    reads: &[
        Read::new("policy", "bedrock-agentcore:GetResourcePolicy"),
        Read::new("list", "bedrock-agentcore:ListAgentRuntimes"),
        Read::new("detail", "bedrock-agentcore:GetAgentRuntime"),
    ],
    lists: Inputs::NONE,
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
        text(
            "authorizer_type",
            "Who is let in: `CUSTOM_JWT`, `AWS_IAM`, `AUTHENTICATE_ONLY` or `NONE`.",
        )
        .by(&["detail"])
        .words(&["CUSTOM_JWT", "AWS_IAM", "AUTHENTICATE_ONLY", "NONE"]),
        text(
            "policy_engine_mode",
            "Mode of its policy engine: `ENFORCE` or `LOG_ONLY`.",
        )
        .absent("'' (it has none)")
        .by(&["detail"])
        .words(&["ENFORCE", "LOG_ONLY"]),
        list(
            "token_limits",
            "What its token authorizer asks of a token beside its issuer: `audience`, `clients`, `scopes`, `claims`.",
        )
        .by(&["detail"]),
        text(
            "exception_level",
            "`DEBUG` where callers get the details of errors.",
        )
        .absent("''")
        .by(&["detail"])
        .words(&["DEBUG"]),
        text("web_acl_arn", "Web ACL in front of it.")
            .absent("''")
            .by(&["detail"]),
        text(
            "waf_failure_mode",
            "What happens to requests while the web ACL gives no answer: `FAIL_OPEN` or `FAIL_CLOSE`.",
        )
        .absent("''")
        .by(&["detail"])
        .words(&["FAIL_OPEN", "FAIL_CLOSE"]),
        text("kms_key_id", "Key of the customer that encrypts it.")
            .absent("''")
            .by(&["detail"]),
        list(
            "interception_points",
            "Where a function of the customer looks at calls: `REQUEST`, `RESPONSE`.",
        )
        .by(&["detail"]),
        json("policy", "Its resource policy, by which other accounts may call it.")
            .absent("{}")
            .by(&["policy"]),
    ],
    reads: &[
        Read::new("policy", "bedrock-agentcore:GetResourcePolicy"),
        Read::new("list", "bedrock-agentcore:ListGateways"),
        Read::new("detail", "bedrock-agentcore:GetGateway"),
    ],
    lists: Inputs::NONE,
};

/// Targets of gateways.
pub const GATEWAY_TARGET: Table = Table {
    name: "bedrock_agentcore_gateway_target",
    doc: "Targets of AgentCore gateways: what their tools call.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "`gateway/target`."),
        text("gateway_id", "Gateway id."),
        text("name", "Name."),
    ],
    reads: &[Read::with(
        "list",
        "bedrock-agentcore:ListGatewayTargets",
        &[
            "bedrock-agentcore:ListGateways",
            "bedrock-agentcore:ListGatewayTargets",
        ],
    )],
    lists: Inputs::NONE,
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
        text("role_arn", "Execution role.")
            .absent("''")
            .by(&["detail"]),
        text("kms_key_id", "Key of the customer that encrypts it.")
            .absent("''")
            .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "bedrock-agentcore:ListMemories"),
        Read::new("detail", "bedrock-agentcore:GetMemory"),
    ],
    lists: Inputs::NONE,
};

/// Browsers.
pub const BROWSER: Table = Table {
    name: "bedrock_agentcore_browser",
    doc: "Browsers that agents drive, made in the account. The browser of AWS itself, which code uses by name, is no resource of an account.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text(
            "network_mode",
            "`PUBLIC` (the internet) or `VPC` (the network of the account).",
        )
        .by(&["detail"])
        .words(&["PUBLIC", "VPC"]),
        flag("is_recorded", "Is what happens in its sessions recorded?").by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "bedrock-agentcore:ListBrowsers"),
        Read::new("detail", "bedrock-agentcore:GetBrowser"),
    ],
    lists: Inputs::NONE,
};

/// Code interpreters.
pub const CODE_INTERPRETER: Table = Table {
    name: "bedrock_agentcore_code_interpreter",
    doc: "Code interpreters in which agents run code, made in the account. The interpreter of AWS itself, which code uses by name, is no resource of an account.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text(
            "network_mode",
            "`SANDBOX` (no network), `PUBLIC` (the internet) or `VPC` (the network of the account).",
        )
        .by(&["detail"])
        .words(&["SANDBOX", "PUBLIC", "VPC"]),
    ],
    reads: &[
        Read::new("list", "bedrock-agentcore:ListCodeInterpreters"),
        Read::new("detail", "bedrock-agentcore:GetCodeInterpreter"),
    ],
    lists: Inputs::NONE,
};

const VARIABLES: [Column; 11] = VARIABLE;

/// Variables of AgentCore runtimes.
pub const ENVIRONMENT_VARIABLE: Table = Table {
    name: "agentcore_environment_variable",
    doc: "Environment variables of AgentCore runtimes: what was detected in them, never their values.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &VARIABLES,
    reads: &[Read::with(
        "list",
        "bedrock-agentcore:GetAgentRuntime",
        &[
            "bedrock-agentcore:ListAgentRuntimes",
            "bedrock-agentcore:GetAgentRuntime",
        ],
    )],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[
        &ENVIRONMENT_VARIABLE,
        &RUNTIME,
        &GATEWAY,
        &GATEWAY_TARGET,
        &MEMORY,
        &BROWSER,
        &CODE_INTERPRETER,
    ],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &[
                "bedrock_agentcore_runtime",
                "agentcore_environment_variable",
            ],
            span: Span::Regional,
            run: |place| Box::pin(live::runtimes(place)),
        },
        Collector {
            tables: &[
                "bedrock_agentcore_gateway",
                "bedrock_agentcore_gateway_target",
            ],
            span: Span::Regional,
            run: |place| Box::pin(live::gateways(place)),
        },
        Collector {
            tables: &["bedrock_agentcore_memory"],
            span: Span::Regional,
            run: |place| Box::pin(live::memories(place)),
        },
        Collector {
            tables: &["bedrock_agentcore_browser"],
            span: Span::Regional,
            run: |place| Box::pin(live::browsers(place)),
        },
        Collector {
            tables: &["bedrock_agentcore_code_interpreter"],
            span: Span::Regional,
            run: |place| Box::pin(live::code_interpreters(place)),
        },
    ],
};
