//! Amazon Bedrock, control plane.

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
        list("model_arns", "Foundation models that it leads to, one for each destination Region."),
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
    columns: &[text("arn", "ARN."), text("id", "Id."), text("name", "Name."), text("status", "`READY`, `FAILED`, ...")],
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
        text("verdict", "`public`, `private-bypassable`, `private-enforced`, `broken` or `unknown`.").words(&[
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
pub const FAMILIES: &[&str] =
    &["bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime", "bedrock-mantle", "bedrock-agentcore", "bedrock-agentcore-control"];

/// The host name that an SDK asks for; of Amazon ECR the names of its API and of its registries are built otherwise.
pub fn host(family: &str, region: &str, fips: bool, dualstack: bool) -> String {
    match family {
        "ecr.api" => return format!("api.ecr.{region}.amazonaws.com"),
        "ecr.dkr" => return format!("dkr.ecr.{region}.amazonaws.com"),
        _ => {}
    }
    let name = if fips { format!("{family}-fips") } else { family.to_owned() };
    if family == "bedrock-mantle" || dualstack { format!("{name}.{region}.api.aws") } else { format!("{name}.{region}.amazonaws.com") }
}

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};
    use aws_sdk_bedrock::types::InferenceProfileType;

    pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_bedrock, place);
        let listing = place.single("bedrock:GetModelInvocationLoggingConfiguration", || client.get_model_invocation_logging_configuration().send()).await;
        let mut batch = Batch::default();
        batch.listed(place, "bedrock_model_invocation_logging", &listing);
        batch.rows.extend(listing.items.iter().map(|answer| {
            // Off is an absent configuration, or one without content.
            let config = answer.logging_config();
            let groups = config.and_then(|config| config.cloud_watch_config());
            let large = groups.and_then(|groups| groups.large_data_delivery_s3_config());
            let bucket = config.and_then(|config| config.s3_config());
            place
                .row("bedrock_model_invocation_logging")
                .set("region_name", place.region)
                .set("log_group_name", groups.map_or("", |groups| groups.log_group_name()))
                .set("bucket_name", bucket.map_or("", |bucket| bucket.bucket_name()))
                .set("bucket_prefix", bucket.and_then(|bucket| bucket.key_prefix()).unwrap_or_default())
                .set("large_data_bucket_name", large.map_or("", |large| large.bucket_name()))
                .set("large_data_prefix", large.and_then(|large| large.key_prefix()).unwrap_or_default())
        }));
        batch
    }

    pub(in crate::services) async fn guardrails(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_bedrock, place);
        let mut batch = Batch::default();
        let listing = place
            .pages("bedrock:ListGuardrails", |token| client.list_guardrails().set_next_token(token).send(), |answer| (answer.guardrails, answer.next_token))
            .await;
        batch.listed(place, "bedrock_guardrail", &listing);
        batch.rows.extend(listing.items.iter().map(|guardrail| {
            place
                .row("bedrock_guardrail")
                .set("arn", guardrail.arn())
                .set("id", guardrail.id())
                .set("name", guardrail.name())
                .set("status", guardrail.status().as_str())
        }));
        batch
    }

    pub(in crate::services) async fn inference_profiles(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_bedrock, place);
        let mut batch = Batch::default();
        // Without a type the list holds AWS's own alone.
        let mut lists = Vec::new();
        for kind in [InferenceProfileType::SystemDefined, InferenceProfileType::Application] {
            lists.push(
                place
                    .pages(
                        "bedrock:ListInferenceProfiles",
                        |token| client.list_inference_profiles().type_equals(kind.clone()).max_results(1000).set_next_token(token).send(),
                        |answer| (answer.inference_profile_summaries.unwrap_or_default(), answer.next_token),
                    )
                    .await,
            );
        }
        for (at, listing) in lists.iter().enumerate() {
            match (&listing.failure, at) {
                (_, 0) => batch.listed(place, "bedrock_inference_profile", listing),
                (Some(failure), _) => batch.part_failed("bedrock_inference_profile", "the profiles of the account", failure),
                (None, _) => {}
            }
            batch.rows.extend(listing.items.iter().map(|profile| {
                let models: Vec<String> = profile.models().iter().filter_map(|model| model.model_arn().map(str::to_owned)).collect();
                place
                    .row("bedrock_inference_profile")
                    .set("arn", profile.inference_profile_arn())
                    .set("id", profile.inference_profile_id())
                    .set("type", profile.r#type().as_str())
                    .set("status", profile.status().as_str())
                    .set("model_arns", models)
            }));
        }
        batch.count("bedrock_inference_profile");
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::arn;
    use crate::services::declared::{Declared, Rows, Spelling};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_bedrock_model_invocation_logging_configuration"], map: logging },
        Spelling { kinds: &["aws_bedrock_guardrail", "AWS::Bedrock::Guardrail"], map: guardrail },
        Spelling { kinds: &["aws_bedrock_inference_profile", "AWS::Bedrock::ApplicationInferenceProfile"], map: profile },
    ];

    /// CloudFormation has no such type.
    fn logging(by: &Declared, rows: &mut Rows) {
        let config = by.at("logging_config");
        let of = |path: &str| config.at(path).id().or("");
        rows.row("bedrock_model_invocation_logging", by, by.region.as_str())
            .set("log_group_name", of("cloudwatch_config.log_group_name"))
            .set("bucket_name", of("s3_config.bucket_name"))
            .set("bucket_prefix", of("s3_config.key_prefix"))
            .set("large_data_bucket_name", of("cloudwatch_config.large_data_delivery_s3_config.bucket_name"))
            .set("large_data_prefix", of("cloudwatch_config.large_data_delivery_s3_config.key_prefix"));
    }

    fn guardrail(by: &Declared, rows: &mut Rows) {
        rows.row("bedrock_guardrail", by, arn(by)).put("id", by.id()).put("name", by.name("name")).put("status", "READY");
    }

    fn profile(by: &Declared, rows: &mut Rows) {
        rows.row("bedrock_inference_profile", by, arn(by))
            .put("id", by.id())
            .put("type", "APPLICATION")
            .put("status", "ACTIVE")
            .set("model_arns", by.at("models.model_arn").ids());
    }
}
