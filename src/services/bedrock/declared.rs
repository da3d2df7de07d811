//! How files declare them.

use crate::services::declared::ids::arn;
use crate::services::declared::policy::document;
use crate::services::declared::{Declared, Later, Node, Rows, Spelling, Told};
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_bedrock_model_invocation_logging_configuration"],
        map: logging,
    },
    Spelling {
        kinds: &[
            "aws_bedrock_enforced_guardrail_configuration",
            "AWS::Bedrock::EnforcedGuardrailConfiguration",
        ],
        map: enforced,
    },
    Spelling {
        kinds: &["aws_bedrock_account_data_retention"],
        map: |by, rows| {
            rows.row("bedrock_data_retention", by, by.region.as_str())
                .set("mode", by.at("mode").text());
        },
    },
    Spelling {
        kinds: &["Custom::AWS"],
        map: custom,
    },
    Spelling {
        kinds: &[
            "aws_bedrock_guardrail_resource_policy",
            "AWS::Bedrock::ResourcePolicy",
        ],
        map: |by, rows| {
            // `Ref` of a guardrail is its ARN; its id stands for it where a file names that.
            let resource = by.at("resource_arn|guardrail_arn").id().map(|named| {
                if named.starts_with("arn:") {
                    named
                } else {
                    by.arn_of("bedrock", &format!("guardrail/{named}"))
                }
            });
            let policy = document(by.at("policy|policy_document|resource_policy"));
            rows.row("bedrock_resource_policy", by, by.id())
                .set("resource_arn", resource)
                .set("policy", policy);
        },
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

/// Does the custom resource of the AWS CDK that makes one API call (`AwsCustomResource`) set up invocation logging? CloudFormation
/// has no type for it.
pub(in crate::services) fn sets_logging(by: &Declared) -> bool {
    let call = by.at("create|update");
    let text = match call {
        Node::Text(text) | Node::Secret(text) => text.as_str(),
        Node::Unknown(later) => later.pattern.as_str(),
        Node::Map(_) => return is_logging(call),
        _ => return false,
    };
    text.contains("putModelInvocationLoggingConfiguration")
        || text.contains("PutModelInvocationLoggingConfiguration")
}

fn is_logging(call: &Node) -> bool {
    let is = |path: &str, word: &str| {
        call.at(path)
            .text()
            .known()
            .is_some_and(|text| text.to_ascii_lowercase().contains(word))
    };
    is("service", "bedrock") && is("action", "putmodelinvocationloggingconfiguration")
}

fn custom(by: &Declared, rows: &mut Rows) {
    if !sets_logging(by) {
        return;
    }
    match by.at("create|update") {
        Node::Text(text) => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(call) => config(by, rows, Node::from(&call).at("parameters.logging_config")),
            Err(_) => {
                let later = Later {
                    why: "the call that sets up invocation logging is not JSON".to_owned(),
                    ..Later::default()
                };
                config(by, rows, &Node::Unknown(later));
            }
        },
        call @ Node::Map(_) => config(by, rows, call.at("parameters.logging_config")),
        other => config(by, rows, other),
    }
}

fn logging(by: &Declared, rows: &mut Rows) {
    config(by, rows, by.at("logging_config"));
}

fn config(by: &Declared, rows: &mut Rows, config: &Node) {
    let of = |path: &str| config.at(path).id().or("");
    // The provider delivers what it is not told to leave out; an API call sends what it says
    // (Terraform AWS provider, "aws_bedrock_model_invocation_logging_configuration").
    let delivers = |path: &str| {
        let told = config.at(path).flag();
        match told {
            Told::Absent if by.kind.starts_with("aws_") => Told::Known(true),
            told => told,
        }
    };
    rows.row("bedrock_model_invocation_logging", by, by.region.as_str())
        .set("role_arn", of("cloudwatch_config.role_arn"))
        .set("text_delivery", delivers("text_data_delivery_enabled"))
        .set("image_delivery", delivers("image_data_delivery_enabled"))
        .set(
            "embedding_delivery",
            delivers("embedding_data_delivery_enabled"),
        )
        .set("video_delivery", delivers("video_data_delivery_enabled"))
        .set(
            "audio_delivery",
            config.at("audio_data_delivery_enabled").flag(),
        )
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

fn enforced(by: &Declared, rows: &mut Rows) {
    let config = match by.at("guardrail_inference_config|guardrail_inference_configuration") {
        Node::Absent => &by.values,
        inner => inner,
    };
    let modes = [
        config.at("selective_content_guarding.system").text(),
        config.at("selective_content_guarding.messages").text(),
        config.at("input_tags").text(),
    ];
    let is_selective = modes
        .into_iter()
        .fold(Told::Known(false), |is, mode| match (is, mode) {
            (Told::Known(true), _) => Told::Known(true),
            (_, Told::Known(mode)) if ["SELECTIVE", "HONOR"].contains(&mode.as_str()) => {
                Told::Known(true)
            }
            (_, Told::Unknown(later)) => Told::Unknown(later),
            (is, _) => is,
        });
    rows.row("bedrock_enforced_guardrail", by, by.id())
        .set(
            "guardrail_arn",
            config.at("guardrail_identifier|guardrail_arn").id(),
        )
        .set(
            "guardrail_version",
            config.at("guardrail_version").id().or(""),
        )
        .set("is_selective", is_selective)
        .set(
            "included_models",
            config
                .at("model_enforcement.included_models")
                .ids()
                .or(Vec::new()),
        )
        .set(
            "excluded_models",
            config
                .at("model_enforcement.excluded_models")
                .ids()
                .or(Vec::new()),
        );
}

fn guardrail(by: &Declared, rows: &mut Rows) {
    rows.row("bedrock_guardrail", by, arn(by))
        .put("id", by.id())
        .put("name", by.name("name"))
        .put("status", "READY")
        .set("versions", draft(by))
        .set("kms_key_id", by.at("kms_key_arn").id().or(""));
}

/// The draft that a file declares; its versions are made of it. A filter without an action blocks (see the reader of accounts).
fn draft(by: &Declared) -> Told<Json> {
    let filters = by.at("content_policy_config").at("filters_config");
    let policy = by.at("sensitive_information_policy_config");
    let lists = [
        filters,
        policy.at("pii_entities_config"),
        policy.at("regexes_config"),
    ];
    // What an entry holds beside the members that are read decides nothing.
    for list in lists {
        let open = match list {
            Node::Unknown(later) => Some(later),
            _ => list.items().iter().find_map(|item| match item {
                Node::Unknown(later) => Some(later),
                _ => None,
            }),
        };
        if let Some(later) = open {
            return Told::Unknown(later.clone());
        }
    }
    let mut open = None;
    let mut text = |node: &Node| match node.text() {
        Told::Known(text) => Some(text),
        Told::Absent => None,
        Told::Unknown(later) => {
            open.get_or_insert(later);
            None
        }
    };
    let (mut strength, mut blocks) = ("NONE".to_owned(), false);
    for filter in filters.items() {
        if text(filter.at("type")).as_deref() != Some("PROMPT_ATTACK") {
            continue;
        }
        strength = text(filter.at("input_strength")).unwrap_or_else(|| "NONE".to_owned());
        let action = text(filter.at("input_action"));
        blocks = action.is_none_or(|action| action == "BLOCK")
            && text(filter.at("input_enabled")).as_deref() != Some("false");
    }
    let mut sensitive = Vec::new();
    for (kinds, name) in [
        (policy.at("pii_entities_config"), "type"),
        (policy.at("regexes_config"), "name"),
    ] {
        for kind in kinds.items() {
            let on = |text: Option<String>| text.map(|text| text != "false");
            let name = text(kind.at(name)).unwrap_or_default();
            let action = text(kind.at("action")).unwrap_or_else(|| "NONE".to_owned());
            let input = text(kind.at("input_action"));
            let input_on = on(text(kind.at("input_enabled")));
            let output = text(kind.at("output_action"));
            let output_on = on(text(kind.at("output_enabled")));
            sensitive.push(super::sensitive(
                &name,
                &action,
                (input.as_deref(), input_on),
                (output.as_deref(), output_on),
            ));
        }
    }
    let profile = text(
        by.at("cross_region_config")
            .at("guardrail_profile_identifier|guardrail_profile_arn"),
    );
    match open {
        Some(later) => Told::Unknown(later),
        None => Told::Known(json!([{
            "version": "DRAFT", "attack_strength": strength, "attack_blocks": blocks, "sensitive": sensitive,
            "profile": profile.unwrap_or_default(),
        }])),
    }
}

fn profile(by: &Declared, rows: &mut Rows) {
    rows.row("bedrock_inference_profile", by, arn(by))
        .put("id", by.id())
        .put("type", "APPLICATION")
        .put("status", "ACTIVE")
        .set("model_arns", by.at("models.model_arn").ids())
        .set("tags", by.tags());
}
