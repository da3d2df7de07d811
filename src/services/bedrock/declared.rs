//! How files declare them.

use crate::services::declared::ids::arn;
use crate::services::declared::{Declared, Rows, Spelling};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_bedrock_model_invocation_logging_configuration"],
        map: logging,
    },
    Spelling {
        kinds: &["aws_bedrock_guardrail", "AWS::Bedrock::Guardrail"],
        map: guardrail,
    },
    Spelling {
        kinds: &[
            "aws_bedrock_inference_profile",
            "AWS::Bedrock::ApplicationInferenceProfile",
        ],
        map: profile,
    },
];

/// CloudFormation has no such type.
fn logging(by: &Declared, rows: &mut Rows) {
    let config = by.at("logging_config");
    let of = |path: &str| config.at(path).id().or("");
    rows.row("bedrock_model_invocation_logging", by, by.region.as_str())
        .set("log_group_name", of("cloudwatch_config.log_group_name"))
        .set("bucket_name", of("s3_config.bucket_name"))
        .set("bucket_prefix", of("s3_config.key_prefix"))
        .set(
            "large_data_bucket_name",
            of("cloudwatch_config.large_data_delivery_s3_config.bucket_name"),
        )
        .set(
            "large_data_prefix",
            of("cloudwatch_config.large_data_delivery_s3_config.key_prefix"),
        );
}

fn guardrail(by: &Declared, rows: &mut Rows) {
    rows.row("bedrock_guardrail", by, arn(by))
        .put("id", by.id())
        .put("name", by.name("name"))
        .put("status", "READY");
}

fn profile(by: &Declared, rows: &mut Rows) {
    rows.row("bedrock_inference_profile", by, arn(by))
        .put("id", by.id())
        .put("type", "APPLICATION")
        .put("status", "ACTIVE")
        .set("model_arns", by.at("models.model_arn").ids());
}
