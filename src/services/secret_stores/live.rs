//! The calls. None of them gives a value.

use crate::services::collect::{Batch, Place, tags};
use crate::services::plain::{Client, Protocol, Spoken, instant};
use serde_json::{Value as Json, json};

/// AWS Secrets Manager (AWS Secrets Manager API Reference).
const SECRETS_MANAGER: Spoken = Spoken {
    prefix: "secretsmanager",
    id: "Secrets Manager",
    host: "secretsmanager",
    signed: "secretsmanager",
    protocol: Protocol::Json("secretsmanager", "1.1"),
    worldwide: false,
};

/// AWS Systems Manager (AWS Systems Manager API Reference).
const SYSTEMS_MANAGER: Spoken = Spoken {
    prefix: "ssm",
    id: "SSM",
    host: "ssm",
    signed: "ssm",
    protocol: Protocol::Json("AmazonSSM", "1.1"),
    worldwide: false,
};

pub(in crate::services) async fn secrets(place: &Place<'_>) -> Batch {
    let client = Client::of(place, &SECRETS_MANAGER);
    let listing = client
        .pages(
            "ListSecrets",
            &json!({"MaxResults": 100}),
            "SecretList",
            "NextToken",
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "secretsmanager_secret", &listing);
    let arn = |secret: &Json| secret["ARN"].as_str().unwrap_or_default().to_owned();
    let changed = place
        .details(
            &mut batch,
            "secretsmanager_secret",
            "versions",
            &listing.items,
            arn,
            |index| {
                let (client, arn) = (&client, arn(&listing.items[index]));
                async move {
                    let input = json!({"SecretId": arn, "MaxResults": 100});
                    let found = client
                        .pages("ListSecretVersionIds", &input, "Versions", "NextToken")
                        .await;
                    match found.failure {
                        None => Ok(current_since(&found.items)),
                        Some(failure) => Err(failure),
                    }
                }
            },
        )
        .await;
    let policies = place
        .details(
            &mut batch,
            "secretsmanager_secret",
            "policy",
            &listing.items,
            arn,
            |index| {
                let (client, arn) = (&client, arn(&listing.items[index]));
                async move {
                    let operation = "GetResourcePolicy";
                    let found = client
                        .call(operation, operation, &json!({"SecretId": arn}))
                        .await?;
                    Ok(match found["ResourcePolicy"].as_str() {
                        None | Some("") => json!({}),
                        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
                    })
                }
            },
        )
        .await;
    let details = changed.into_iter().zip(policies);
    batch.rows.extend(
        listing
            .items
            .iter()
            .zip(details)
            .map(|(secret, (changed, policy))| {
                let text = |name: &str| secret.get(name).and_then(Json::as_str);
                let rotates = secret["RotationEnabled"].as_bool().unwrap_or(false);
                let pairs = secret["Tags"].as_array().into_iter().flatten();
                place
                    .row("secretsmanager_secret")
                    .set("arn", text("ARN"))
                    .set("name", text("Name"))
                    .set("kms_key_id", text("KmsKeyId").unwrap_or_default())
                    .set("owning_service", text("OwningService").unwrap_or_default())
                    .set("rotation", if rotates { "on" } else { "off" })
                    .set(
                        "rotation_days",
                        secret["RotationRules"]["AutomaticallyAfterDays"]
                            .as_i64()
                            .filter(|_| rotates)
                            .unwrap_or(0),
                    )
                    .set("next_rotation_at", instant(&secret["NextRotationDate"]))
                    .set("last_changed_at", changed)
                    .set("policy", policy)
                    .set(
                        "tags",
                        tags(pairs.filter_map(|pair| {
                            let of = |name: &str| pair.get(name).and_then(Json::as_str);
                            Some((of("Key")?.to_owned(), of("Value")?.to_owned()))
                        })),
                    )
            }),
    );
    batch
}

/// Since when the value that is handed out has been the current one; a change of tags or of the policy is none of the value.
fn current_since(versions: &[Json]) -> String {
    versions
        .iter()
        .find(|version| {
            let stages = version["VersionStages"].as_array().into_iter().flatten();
            stages
                .filter_map(Json::as_str)
                .any(|stage| stage == "AWSCURRENT")
        })
        .map_or_else(String::new, |version| instant(&version["CreatedDate"]))
}

pub(in crate::services) async fn parameters(place: &Place<'_>) -> Batch {
    let client = Client::of(place, &SYSTEMS_MANAGER);
    let listing = client
        .pages(
            "DescribeParameters",
            &json!({"MaxResults": 50}),
            "Parameters",
            "NextToken",
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "ssm_parameter", &listing);
    batch.rows.extend(listing.items.iter().map(|parameter| {
        let text = |name: &str| parameter.get(name).and_then(Json::as_str);
        let name = text("Name").unwrap_or_default();
        place
            .row("ssm_parameter")
            .set("name", name)
            .set(
                "arn",
                text("ARN").map_or_else(
                    || {
                        format!(
                            "arn:{}:ssm:{}:{}:parameter/{}",
                            place.partition,
                            place.region,
                            place.account,
                            name.trim_start_matches('/')
                        )
                    },
                    str::to_owned,
                ),
            )
            .set("type", text("Type"))
            .set("kms_key_id", text("KeyId").unwrap_or_default())
            .set("name_tells_secret", super::promises_secret(name))
            .set("last_changed_at", instant(&parameter["LastModifiedDate"]))
    }));
    batch
}
