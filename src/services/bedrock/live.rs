//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};
use aws_sdk_bedrock::types::InferenceProfileType;

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
        }));
    }
    batch.count("bedrock_inference_profile");
    batch
}
