//! Amazon Bedrock, control plane.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Invocation logging.
pub const INVOCATION_LOGGING: Table = Table {
    name: "bedrock_model_invocation_logging",
    doc: "Model invocation logging of the account in the Region, one row; off is a row of empty names.",
    key: "region_name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("region_name", "Region."),
        text("log_group_name", "Log group of `cloudWatchConfig`.").absent("''"),
        text("bucket_name", "Bucket of `s3Config`.").absent("''"),
        text("bucket_prefix", "Key prefix of `s3Config`.").absent("''"),
        text("large_data_bucket_name", "Bucket of `cloudWatchConfig.largeDataDeliveryS3Config`, for payloads too large for a log event.").absent("''"),
        text("large_data_prefix", "Key prefix of that.").absent("''"),
    ],
    reads: &[Read::new("list", "bedrock:GetModelInvocationLoggingConfiguration")],
    lists: Inputs::NONE,
};

/// Inference profiles.
pub const INFERENCE_PROFILE: Table = Table {
    name: "bedrock_inference_profile",
    doc: "Inference profiles: AWS's cross-Region ones and the account's own. A call by one may run in the Region of any of its models.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("id", "Id, such as `eu.anthropic...`."),
        text("type", "`SYSTEM_DEFINED` or `APPLICATION`."),
        text("status", "`ACTIVE`."),
        list(
            "model_arns",
            "Foundation models that it leads to, one for each destination Region.",
        ),
    ],
    reads: &[Read::new("list", "bedrock:ListInferenceProfiles")],
    lists: Inputs::NONE,
};

/// Guardrails.
pub const GUARDRAIL: Table = Table {
    name: "bedrock_guardrail",
    doc: "Guardrails, each in its working draft.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("id", "Id."),
        text("name", "Name."),
        text("status", "`READY`, `FAILED`, ..."),
    ],
    reads: &[Read::new("list", "bedrock:ListGuardrails")],
    lists: Inputs::NONE,
};

/// What probes saw.
pub const PROBE: Table = Table {
    name: "bedrock_probe",
    doc: "What `outcrop probe` saw from inside the network, one row for each host and API family; laid over a run with `check --probe`.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Host of the probe, time and family."),
        text("family", "API family."),
        text("host", "Host name that was asked for."),
        list("local_addresses", "Addresses of the probe's own host."),
        list("addresses", "Addresses that the name resolved to."),
        text(
            "verdict",
            "`public`, `private-bypassable`, `private-enforced`, `broken` or `unknown`.",
        )
        .words(&[
            "public",
            "private-bypassable",
            "private-enforced",
            "broken",
            "unknown",
        ]),
        text("reason", "What decided."),
        text("probed_at", "When."),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// The API families that an SDK can ask for, by their endpoint services.
pub const FAMILIES: &[&str] = &[
    "bedrock",
    "bedrock-runtime",
    "bedrock-agent",
    "bedrock-agent-runtime",
    "bedrock-mantle",
    "bedrock-agentcore",
    "bedrock-agentcore-control",
];

/// The host name that an SDK asks for; of Amazon ECR the names of its API and of its registries are built otherwise.
pub fn host(family: &str, region: &str, fips: bool, dualstack: bool) -> String {
    match family {
        "ecr.api" => return format!("api.ecr.{region}.amazonaws.com"),
        "ecr.dkr" => return format!("dkr.ecr.{region}.amazonaws.com"),
        _ => {}
    }
    let name = if fips {
        format!("{family}-fips")
    } else {
        family.to_owned()
    };
    if family == "bedrock-mantle" || dualstack {
        format!("{name}.{region}.api.aws")
    } else {
        format!("{name}.{region}.amazonaws.com")
    }
}

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&INVOCATION_LOGGING, &INFERENCE_PROFILE, &GUARDRAIL, &PROBE],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["bedrock_model_invocation_logging"],
            span: Span::Regional,
            run: |place| Box::pin(live::collect(place)),
        },
        Collector {
            tables: &["bedrock_inference_profile"],
            span: Span::Regional,
            run: |place| Box::pin(live::inference_profiles(place)),
        },
        Collector {
            tables: &["bedrock_guardrail"],
            span: Span::Regional,
            run: |place| Box::pin(live::guardrails(place)),
        },
    ],
};
