//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place, tags, when};
use crate::services::failure::Failure;
use aws_sdk_kms::types::GrantListEntry;
use serde_json::{Value as Json, json};

/// A policy that does not parse is kept as text, so that reasoning can say so.
fn document(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

fn grant(grant: &GrantListEntry) -> Json {
    let constraints = grant.constraints();
    json!({
        "id": grant.grant_id(),
        "name": grant.name().unwrap_or_default(),
        // A service that grants to itself is named in a field of its own.
        "grantee_principal": grant.grantee_principal().or(grant.grantee_service_principal()),
        "operations": grant.operations().iter().map(|operation| operation.as_str()).collect::<Vec<_>>(),
        "context_equals": constraints.and_then(|constraints| constraints.encryption_context_equals()).cloned().unwrap_or_default().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "context_subset": constraints.and_then(|constraints| constraints.encryption_context_subset()).cloned().unwrap_or_default().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    })
}

async fn grants(
    place: &Place<'_>,
    client: &aws_sdk_kms::Client,
    key: &str,
) -> Result<Json, Failure> {
    let listing = place
        .pages(
            "kms:ListGrants",
            |token| client.list_grants().key_id(key).set_marker(token).send(),
            |answer| {
                let next = answer.next_marker.filter(|_| answer.truncated);
                (answer.grants.unwrap_or_default(), next)
            },
        )
        .await;
    match listing.failure {
        Some(failure) => Err(failure),
        None => Ok(listing.items.iter().map(grant).collect()),
    }
}

pub(in crate::services) async fn keys(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_kms, place);
    let listing = place
        .pages(
            "kms:ListKeys",
            |token| client.list_keys().set_marker(token).send(),
            |answer| {
                let next = answer.next_marker.filter(|_| answer.truncated);
                (answer.keys.unwrap_or_default(), next)
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "kms_key", &listing);
    let key_arn =
        |key: &aws_sdk_kms::types::KeyListEntry| key.key_arn().unwrap_or_default().to_owned();
    let details = place
        .details(
            &mut batch,
            "kms_key",
            "detail",
            &listing.items,
            key_arn,
            |index| {
                place.call("kms:DescribeKey", {
                    let (client, id) =
                        (&client, listing.items[index].key_arn().unwrap_or_default());
                    move || client.describe_key().key_id(id).send()
                })
            },
        )
        .await;
    let policies = place
        .details(
            &mut batch,
            "kms_key",
            "policy",
            &listing.items,
            key_arn,
            |index| {
                place.call("kms:GetKeyPolicy", {
                    let (client, id) =
                        (&client, listing.items[index].key_arn().unwrap_or_default());
                    move || {
                        client
                            .get_key_policy()
                            .key_id(id)
                            .policy_name("default")
                            .send()
                    }
                })
            },
        )
        .await;
    let grants = place
        .details(
            &mut batch,
            "kms_key",
            "grants",
            &listing.items,
            key_arn,
            |index| {
                grants(
                    place,
                    &client,
                    listing.items[index].key_arn().unwrap_or_default(),
                )
            },
        )
        .await;
    let rotations = rotations(place, &client, &mut batch, &details).await;
    let tagging = tagged(place, &client, &mut batch, &details).await;
    for (((((key, detail), policy), grants), rotation), tagging) in listing
        .items
        .iter()
        .zip(details)
        .zip(policies)
        .zip(grants)
        .zip(rotations)
        .zip(tagging)
    {
        let mut row = place
            .row("kms_key")
            .set("arn", key.key_arn())
            .set("id", key.key_id());
        if let Some(metadata) = detail.as_ref().and_then(|answer| answer.key_metadata()) {
            row.put(
                "key_manager",
                metadata.key_manager().map(|manager| manager.as_str()),
            );
            row.put(
                "key_state",
                metadata.key_state().map(|state| state.as_str()),
            );
            row.put("origin", metadata.origin().map(|origin| origin.as_str()));
            row.put("deletion_date", when(metadata.deletion_date()));
            row.put("valid_to", when(metadata.valid_to()));
            row.put("spec", metadata.key_spec().map(|spec| spec.as_str()));
            let copies = metadata.multi_region_configuration();
            let others = copies
                .into_iter()
                .flat_map(|all| all.replica_keys().iter().chain(all.primary_key()))
                .filter_map(|one| one.region());
            let regions: std::collections::BTreeSet<&str> = others.chain([place.region]).collect();
            row.put(
                "region_names",
                regions.into_iter().map(str::to_owned).collect::<Vec<_>>(),
            );
        }
        if let Some(policy) = policy.as_ref().and_then(|answer| answer.policy()) {
            row.put("policy", document(policy));
        }
        if let Some(grants) = grants {
            row.put("grants", grants);
        }
        if let Some((rotation, days)) = rotation {
            row.put("rotation", rotation);
            row.put("rotation_days", i64::from(days));
        }
        if let Some(tags) = tagging {
            row.put("tags", tags);
        }
        batch.rows.push(row);
    }
    batch
}

/// How each key is rotated; asked of those alone that KMS rotates by a setting (KMS Developer Guide, "Rotate AWS KMS keys"). The
/// keys of AWS are rotated every year.
async fn rotations(
    place: &Place<'_>,
    client: &aws_sdk_kms::Client,
    batch: &mut Batch,
    details: &[Option<aws_sdk_kms::operation::describe_key::DescribeKeyOutput>],
) -> Vec<Option<(&'static str, i32)>> {
    let mut found: Vec<Option<(&'static str, i32)>> = Vec::new();
    let mut asked = Vec::new();
    for (at, detail) in details.iter().enumerate() {
        let metadata = detail.as_ref().and_then(|answer| answer.key_metadata());
        let is = |have: Option<&str>, want: &str| have == Some(want);
        found.push(metadata.and_then(|key| {
            if is(key.key_manager().map(|one| one.as_str()), "AWS") {
                return Some(("on", 365));
            }
            let by_setting = is(key.key_spec().map(|one| one.as_str()), "SYMMETRIC_DEFAULT")
                && is(key.origin().map(|one| one.as_str()), "AWS_KMS");
            if by_setting {
                asked.push((at, key.arn().unwrap_or_default().to_owned()));
                return None;
            }
            Some(("impossible", 0))
        }));
    }
    let answers = place
        .details(
            batch,
            "kms_key",
            "rotation",
            &asked,
            |(_, arn)| arn.clone(),
            |index| {
                place.call("kms:GetKeyRotationStatus", {
                    let arn = &asked[index].1;
                    move || client.get_key_rotation_status().key_id(arn).send()
                })
            },
        )
        .await;
    for ((at, _), answer) in asked.iter().zip(answers) {
        found[*at] = answer.map(|answer| {
            if answer.key_rotation_enabled() {
                ("on", answer.rotation_period_in_days().unwrap_or(365))
            } else {
                ("off", 0)
            }
        });
    }
    found
}

/// The tags of each customer key; an AWS managed key takes none.
async fn tagged(
    place: &Place<'_>,
    client: &aws_sdk_kms::Client,
    batch: &mut Batch,
    details: &[Option<aws_sdk_kms::operation::describe_key::DescribeKeyOutput>],
) -> Vec<Option<Json>> {
    let mut found = Vec::new();
    let mut asked = Vec::new();
    for (at, detail) in details.iter().enumerate() {
        let metadata = detail.as_ref().and_then(|answer| answer.key_metadata());
        found.push(metadata.and_then(|key| {
            if key.key_manager().map(|one| one.as_str()) == Some("AWS") {
                return Some(json!({}));
            }
            asked.push((at, key.arn().unwrap_or_default().to_owned()));
            None
        }));
    }
    let answers = place
        .details(
            batch,
            "kms_key",
            "tags",
            &asked,
            |(_, arn)| arn.clone(),
            |index| {
                place.call("kms:ListResourceTags", {
                    let arn = &asked[index].1;
                    move || client.list_resource_tags().key_id(arn).send()
                })
            },
        )
        .await;
    for ((at, _), answer) in asked.iter().zip(answers) {
        found[*at] = answer.map(|answer| {
            let pairs = answer.tags().iter();
            tags(pairs.map(|tag| (tag.tag_key().to_owned(), tag.tag_value().to_owned())))
        });
    }
    found
}

pub(in crate::services) async fn aliases(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_kms, place);
    let listing = place
        .pages(
            "kms:ListAliases",
            |token| client.list_aliases().set_marker(token).send(),
            |answer| {
                let next = answer.next_marker.filter(|_| answer.truncated);
                (answer.aliases.unwrap_or_default(), next)
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "kms_alias", &listing);
    batch.rows.extend(listing.items.iter().map(|alias| {
        place
            .row("kms_alias")
            .set("name", alias.alias_name())
            .set("target_key_id", alias.target_key_id().unwrap_or_default())
    }));
    batch
}
