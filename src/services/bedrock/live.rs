//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place, tags};
use crate::services::failure::Failure;
use aws_sdk_bedrock::types::{
    InferenceProfileType, InputTags, LoggingConfig, SelectiveGuardingMode,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Is a kind of content delivered? Nothing is where logging is off.
fn delivers(
    config: Option<&LoggingConfig>,
    flag: impl Fn(&LoggingConfig) -> Option<bool>,
) -> Option<bool> {
    config.map_or(Some(false), flag)
}

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrock, place);
    let listing = place
        .single("bedrock:GetModelInvocationLoggingConfiguration", || {
            client.get_model_invocation_logging_configuration().send()
        })
        .await;
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
            .set(
                "log_group_name",
                groups.map_or("", |groups| groups.log_group_name()),
            )
            .set(
                "bucket_name",
                bucket.map_or("", |bucket| bucket.bucket_name()),
            )
            .set(
                "bucket_prefix",
                bucket
                    .and_then(|bucket| bucket.key_prefix())
                    .unwrap_or_default(),
            )
            .set(
                "large_data_bucket_name",
                large.map_or("", |large| large.bucket_name()),
            )
            .set(
                "large_data_prefix",
                large
                    .and_then(|large| large.key_prefix())
                    .unwrap_or_default(),
            )
            .set("role_arn", groups.map_or("", |groups| groups.role_arn()))
            // What an answer leaves out has no documented default (Bedrock API Reference, "LoggingConfig").
            .set(
                "text_delivery",
                delivers(config, |config| config.text_data_delivery_enabled()),
            )
            .set(
                "image_delivery",
                delivers(config, |config| config.image_data_delivery_enabled()),
            )
            .set(
                "embedding_delivery",
                delivers(config, |config| config.embedding_data_delivery_enabled()),
            )
            .set(
                "video_delivery",
                delivers(config, |config| config.video_data_delivery_enabled()),
            )
            .set(
                "audio_delivery",
                delivers(config, |config| config.audio_data_delivery_enabled()),
            )
    }));
    batch
}

pub(in crate::services) async fn enforced_guardrails(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrock, place);
    let mut batch = Batch::default();
    let listing = place
        .pages(
            "bedrock:ListEnforcedGuardrailsConfiguration",
            |token| {
                client
                    .list_enforced_guardrails_configuration()
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.guardrails_config, answer.next_token),
        )
        .await;
    batch.listed(place, "bedrock_enforced_guardrail", &listing);
    batch.rows.extend(listing.items.iter().map(|config| {
        let selective = config.selective_content_guarding();
        let modes = [
            selective.and_then(|guarding| guarding.system()),
            selective.and_then(|guarding| guarding.messages()),
        ];
        let models = config.model_enforcement();
        #[expect(deprecated, reason = "configurations made earlier still say it here")]
        let honours_tags = config
            .input_tags()
            .is_some_and(|tags| *tags == InputTags::Honor);
        place
            .row("bedrock_enforced_guardrail")
            .set("id", config.config_id())
            .set("guardrail_arn", config.guardrail_arn())
            .set(
                "guardrail_version",
                config.guardrail_version().unwrap_or_default(),
            )
            .set(
                "is_selective",
                honours_tags
                    || modes
                        .into_iter()
                        .flatten()
                        .any(|mode| *mode == SelectiveGuardingMode::Selective),
            )
            .set(
                "included_models",
                models.map_or_else(Vec::new, |models| models.included_models().to_vec()),
            )
            .set(
                "excluded_models",
                models.map_or_else(Vec::new, |models| models.excluded_models().to_vec()),
            )
    }));
    batch
}

pub(in crate::services) async fn data_retention(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrock, place);
    let listing = place
        .single("bedrock:GetAccountDataRetention", || {
            client.get_account_data_retention().send()
        })
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "bedrock_data_retention", &listing);
    batch.rows.extend(listing.items.iter().map(|answer| {
        place
            .row("bedrock_data_retention")
            .set("region_name", place.region)
            .set("mode", answer.mode().as_str())
    }));
    batch
}

pub(in crate::services) async fn guardrails(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrock, place);
    let mut batch = Batch::default();
    let listing = place
        .pages(
            "bedrock:ListGuardrails",
            |token| client.list_guardrails().set_next_token(token).send(),
            |answer| (answer.guardrails, answer.next_token),
        )
        .await;
    batch.listed(place, "bedrock_guardrail", &listing);
    let versions = place
        .details(
            &mut batch,
            "bedrock_guardrail",
            "versions",
            &listing.items,
            |guardrail| guardrail.arn().to_owned(),
            |index| guardrail_versions(place, &client, listing.items[index].id()),
        )
        .await;
    let policies = place
        .details(
            &mut batch,
            "bedrock_guardrail",
            "policy",
            &listing.items,
            |guardrail| guardrail.arn().to_owned(),
            |index| {
                let (client, arn) = (&client, listing.items[index].arn());
                async move {
                    let answer = place
                        .call("bedrock:GetResourcePolicy", || {
                            client.get_resource_policy().resource_arn(arn).send()
                        })
                        .await;
                    resource_policy(
                        answer
                            .map(|answer| answer.resource_policy().unwrap_or_default().to_owned()),
                    )
                }
            },
        )
        .await;
    for ((guardrail, versions), policy) in listing.items.iter().zip(versions).zip(policies) {
        let mut row = place
            .row("bedrock_guardrail")
            .set("policy", policy)
            .set("arn", guardrail.arn())
            .set("id", guardrail.id())
            .set("name", guardrail.name())
            .set("status", guardrail.status().as_str());
        if let Some((versions, key)) = versions {
            row.put("versions", versions);
            row.put("kms_key_id", key);
        }
        batch.rows.push(row);
    }
    batch
}

/// A resource policy as it was answered; a resource that nobody gave one has none.
pub(in crate::services) fn resource_policy(
    answer: Result<String, Failure>,
) -> Result<Json, Failure> {
    match answer {
        Ok(text) if text.is_empty() => Ok(json!({})),
        Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_else(|_| json!(text))),
        Err(failure) if failure.code == "ResourceNotFoundException" => Ok(json!({})),
        Err(failure) => Err(failure),
    }
}

/// What a guardrail does in its draft and in its versions, and the draft's key.
async fn guardrail_versions(
    place: &Place<'_>,
    client: &aws_sdk_bedrock::Client,
    id: &str,
) -> Result<(Json, String), Failure> {
    // With an identifier the list is that of the guardrail's versions, its draft among them (API reference, "ListGuardrails").
    let listing = place
        .pages(
            "bedrock:ListGuardrails",
            |token| {
                client
                    .list_guardrails()
                    .guardrail_identifier(id)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.guardrails, answer.next_token),
        )
        .await;
    if let Some(failure) = listing.failure {
        return Err(failure);
    }
    let (mut all, mut key) = (Vec::new(), String::new());
    for version in listing.items {
        let found = place
            .call("bedrock:GetGuardrail", || {
                client
                    .get_guardrail()
                    .guardrail_identifier(id)
                    .guardrail_version(version.version())
                    .send()
            })
            .await?;
        if found.version() == "DRAFT" || key.is_empty() {
            key = found.kms_key_arn().unwrap_or_default().to_owned();
        }
        all.push(guardrail_version(&found));
    }
    Ok((Json::from(all), key))
}

/// A filter without an action blocks, and one that does not say whether it is on is on: its strength alone sets it (User Guide,
/// "Options for handling harmful content detected by Amazon Bedrock Guardrails").
fn guardrail_version(
    found: &aws_sdk_bedrock::operation::get_guardrail::GetGuardrailOutput,
) -> Json {
    let attack = found
        .content_policy()
        .into_iter()
        .flat_map(|policy| policy.filters())
        .find(|filter| filter.r#type().as_str() == "PROMPT_ATTACK");
    let sensitive = found.sensitive_information_policy();
    let kinds = sensitive.into_iter().flat_map(|policy| {
        let entities = policy.pii_entities().iter().map(|entity| {
            super::sensitive(
                entity.r#type().as_str(),
                entity.action().as_str(),
                (
                    entity.input_action().map(|action| action.as_str()),
                    entity.input_enabled(),
                ),
                (
                    entity.output_action().map(|action| action.as_str()),
                    entity.output_enabled(),
                ),
            )
        });
        let expressions = policy.regexes().iter().map(|regex| {
            super::sensitive(
                regex.name(),
                regex.action().as_str(),
                (
                    regex.input_action().map(|action| action.as_str()),
                    regex.input_enabled(),
                ),
                (
                    regex.output_action().map(|action| action.as_str()),
                    regex.output_enabled(),
                ),
            )
        });
        entities.chain(expressions).collect::<Vec<_>>()
    });
    json!({
        "version": found.version(),
        "attack_strength": attack.map_or("NONE", |filter| filter.input_strength().as_str()),
        "attack_blocks": attack.is_some_and(|filter| {
            filter.input_enabled() != Some(false)
                && filter.input_action().is_none_or(|action| action.as_str() == "BLOCK")
        }),
        "sensitive": kinds.collect::<Vec<_>>(),
        "profile": found
            .cross_region_details()
            .and_then(|details| details.guardrail_profile_arn())
            .unwrap_or_default(),
    })
}

pub(in crate::services) async fn inference_profiles(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_bedrock, place);
    let mut batch = Batch::default();
    // Without a type the list holds AWS's own alone.
    let mut lists = Vec::new();
    for kind in [
        InferenceProfileType::SystemDefined,
        InferenceProfileType::Application,
    ] {
        lists.push(
            place
                .pages(
                    "bedrock:ListInferenceProfiles",
                    |token| {
                        client
                            .list_inference_profiles()
                            .type_equals(kind.clone())
                            .max_results(1000)
                            .set_next_token(token)
                            .send()
                    },
                    |answer| {
                        (
                            answer.inference_profile_summaries.unwrap_or_default(),
                            answer.next_token,
                        )
                    },
                )
                .await,
        );
    }
    let own: Vec<String> = lists[1]
        .items
        .iter()
        .map(|profile| profile.inference_profile_arn().to_owned())
        .collect();
    let tagged = place
        .details(
            &mut batch,
            "bedrock_inference_profile",
            "tags",
            &own,
            String::clone,
            |index| {
                place.call("bedrock:ListTagsForResource", {
                    let (client, arn) = (&client, own[index].as_str());
                    move || client.list_tags_for_resource().resource_arn(arn).send()
                })
            },
        )
        .await;
    let tagged: BTreeMap<&str, Json> = own
        .iter()
        .zip(tagged)
        .filter_map(|(arn, answer)| {
            let pairs = answer?.tags.unwrap_or_default();
            let pairs = pairs.into_iter().map(|tag| (tag.key, tag.value));
            Some((arn.as_str(), tags(pairs)))
        })
        .collect();
    for (at, listing) in lists.iter().enumerate() {
        match (&listing.failure, at) {
            (_, 0) => batch.listed(place, "bedrock_inference_profile", listing),
            (Some(failure), _) => batch.part_failed(
                "bedrock_inference_profile",
                "the profiles of the account",
                failure,
            ),
            (None, _) => {}
        }
        batch.rows.extend(listing.items.iter().map(|profile| {
            let models: Vec<String> = profile
                .models()
                .iter()
                .filter_map(|model| model.model_arn().map(str::to_owned))
                .collect();
            place
                .row("bedrock_inference_profile")
                .set("arn", profile.inference_profile_arn())
                .set("id", profile.inference_profile_id())
                .set("type", profile.r#type().as_str())
                .set("status", profile.status().as_str())
                .set("model_arns", models)
                // AWS's own profiles have no tags.
                .set(
                    "tags",
                    match at {
                        0 => Some(json!({})),
                        _ => tagged.get(profile.inference_profile_arn()).cloned(),
                    },
                )
        }));
    }
    batch.count("bedrock_inference_profile");
    batch
}
