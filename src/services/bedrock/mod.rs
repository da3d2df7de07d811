//! Amazon Bedrock, control plane.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, json, list, tags, text};
use crate::inventory::shape::{Fields, each};
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
        text("role_arn", "Role that Bedrock takes to write to the log group.").absent("''"),
        flag("text_delivery", "Is text delivered? False where logging is off."),
        flag("image_delivery", "Are images delivered? False where logging is off."),
        flag("embedding_delivery", "Are embeddings delivered? False where logging is off."),
        flag("video_delivery", "Is video delivered? False where logging is off."),
        flag("audio_delivery", "Is audio delivered? False where logging is off."),
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
        tags().by(&["tags"]),
    ],
    reads: &[
        Read::new("list", "bedrock:ListInferenceProfiles"),
        Read::new("tags", "bedrock:ListTagsForResource"),
    ],
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
        json(
            "versions",
            "`[{version, attack_strength, attack_blocks, sensitive, profile}]`: its working draft (`DRAFT`) and its versions. `attack_strength` is that of the prompt attack filter (`NONE` where there is none), `attack_blocks` says whether the filter is on and blocks, `sensitive` is `[{name, input, output}]` with what is done to each kind of sensitive data (`BLOCK`, `ANONYMIZE` or `NONE`), and `profile` is the guardrail profile by which content may be evaluated in other Regions.",
        )
        .by(&["versions"])
        .shaped(versions),
        text("kms_key_id", "Key of the customer that encrypts it.")
            .absent("''")
            .by(&["versions"]),
        json("policy", "Its resource policy, by which other accounts may apply it.")
            .absent("{}")
            .by(&["policy"]),
    ],
    reads: &[
        Read::new("policy", "bedrock:GetResourcePolicy"),
        Read::new("list", "bedrock:ListGuardrails"),
        Read::with(
            "versions",
            "bedrock:GetGuardrail",
            &["bedrock:ListGuardrails", "bedrock:GetGuardrail"],
        ),
    ],
    lists: Inputs::NONE,
};

/// What a guardrail does in each of its versions.
fn versions(value: &serde_json::Value) -> Result<serde_json::Value, String> {
    each(value, |one| {
        let mut fields = Fields::of(one)?;
        let version = fields.text(&["version"])?.to_owned();
        let strength = fields.word(&["attack_strength"], &STRENGTHS)?;
        let blocks = fields.flag(&["attack_blocks"])?;
        let profile = fields.text_if_any(&["profile"])?.to_owned();
        let sensitive = each(
            fields
                .member(&["sensitive"])
                .unwrap_or(&serde_json::Value::Null),
            |kind| {
                let mut fields = Fields::of(kind)?;
                let name = fields.text(&["name"])?.to_owned();
                let input = fields.word(&["input"], &ACTIONS)?;
                let output = fields.word(&["output"], &ACTIONS)?;
                fields.done(&[])?;
                Ok(serde_json::json!({"name": name, "input": input, "output": output}))
            },
        )?;
        fields.done(&[])?;
        Ok(serde_json::json!({
            "version": version, "attack_strength": strength, "attack_blocks": blocks, "sensitive": sensitive,
            "profile": profile,
        }))
    })
}

/// What is done to one kind of sensitive data: what its side says comes before what the kind says, and a side that is off does nothing.
pub(super) fn sensitive(
    name: &str,
    action: &str,
    input: (Option<&str>, Option<bool>),
    output: (Option<&str>, Option<bool>),
) -> serde_json::Value {
    let side = |(own, on): (Option<&str>, Option<bool>)| {
        if on == Some(false) {
            "NONE".to_owned()
        } else {
            own.unwrap_or(action).to_owned()
        }
    };
    serde_json::json!({"name": name, "input": side(input), "output": side(output)})
}

/// What is done to sensitive data.
const ACTIONS: [&str; 3] = ["BLOCK", "ANONYMIZE", "NONE"];

/// Strengths of a filter, the weakest first.
pub const STRENGTHS: [&str; 4] = ["NONE", "LOW", "MEDIUM", "HIGH"];

/// Resource policies in files.
pub const RESOURCE_POLICY: Table = Table {
    name: "bedrock_resource_policy",
    doc: "Resource policies of guardrails, AgentCore runtimes and gateways that a plan or template declares. Files alone have such rows; of an account each policy is read with its resource.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Address."),
        text("resource_arn", "The resource."),
        json("policy", "The policy."),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// Guardrails that the account enforces.
pub const ENFORCED_GUARDRAIL: Table = Table {
    name: "bedrock_enforced_guardrail",
    doc: "Guardrails that the account enforces on every model call of a Region, whoever makes it.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id of the configuration."),
        text("guardrail_arn", "Guardrail."),
        text("guardrail_version", "Version of it.").absent("''"),
        flag(
            "is_selective",
            "Can a caller keep content from it by tags? True for `SELECTIVE` guarding and for input tags that are honoured.",
        ),
        list(
            "included_models",
            "Models that it is enforced on alone; empty for all.",
        ),
        list("excluded_models", "Models that it is not enforced on."),
    ],
    reads: &[Read::new(
        "list",
        "bedrock:ListEnforcedGuardrailsConfiguration",
    )],
    lists: Inputs::NONE,
};

/// Data retention.
pub const DATA_RETENTION: Table = Table {
    name: "bedrock_data_retention",
    doc: "What the account allows to be kept of prompts and answers in the Region, one row. An account that never set it inherits what each model does by default.",
    key: "region_name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("region_name", "Region."),
        text(
            "mode",
            "`none` (nothing is kept), `default`, `inherit`, `aws_review` (AWS may keep and look) or `provider_data_share` (the model's provider gets them).",
        )
        .words(&["none", "default", "inherit", "aws_review", "provider_data_share"]),
    ],
    reads: &[Read::new("list", "bedrock:GetAccountDataRetention")],
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
    tables: &[
        &ENFORCED_GUARDRAIL,
        &DATA_RETENTION,
        &INVOCATION_LOGGING,
        &INFERENCE_PROFILE,
        &GUARDRAIL,
        &RESOURCE_POLICY,
        &PROBE,
    ],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["bedrock_enforced_guardrail"],
            span: Span::Regional,
            run: |place| Box::pin(live::enforced_guardrails(place)),
        },
        Collector {
            tables: &["bedrock_data_retention"],
            span: Span::Regional,
            run: |place| Box::pin(live::data_retention(place)),
        },
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
