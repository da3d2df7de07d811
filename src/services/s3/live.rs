//! The calls.

use crate::client_config;
use crate::inventory::NewRow;
use crate::services::collect::{Batch, Place, tags};
use crate::services::failure::Failure;
use aws_sdk_s3::operation::get_bucket_acl::GetBucketAclOutput;
use aws_sdk_s3::types::{LifecycleRule, PublicAccessBlockConfiguration};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What S3 answers where nothing is configured.
pub(super) fn absent<T>(answer: Result<T, Failure>, code: &str) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.code == code => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn rule(rule: &LifecycleRule) -> Json {
    #[expect(
        deprecated,
        reason = "rules made years ago still carry their prefix here"
    )]
    let old = rule.prefix().unwrap_or_default();
    let filter = rule.filter();
    let joined = filter.and_then(|filter| filter.and());
    let prefix = filter
        .and_then(|filter| filter.prefix())
        .or_else(|| joined.and_then(|and| and.prefix()))
        .unwrap_or(old);
    let narrowed = filter.is_some_and(|filter| {
        filter.tag().is_some()
            || filter.object_size_greater_than().is_some()
            || filter.object_size_less_than().is_some()
    }) || joined.is_some_and(|and| {
        !and.tags().is_empty()
            || and.object_size_greater_than().is_some()
            || and.object_size_less_than().is_some()
    });
    json!({
        "id": rule.id(), "status": rule.status().as_str(), "prefix": prefix, "filtered": narrowed,
        "expiration_days": rule.expiration().and_then(|expiration| expiration.days()).unwrap_or(0),
        "noncurrent_days": rule.noncurrent_version_expiration().and_then(|expiration| expiration.noncurrent_days()).unwrap_or(0),
    })
}

/// The settings of a public access block that are on.
fn blocks(config: Option<&PublicAccessBlockConfiguration>) -> Vec<String> {
    let is = |on: Option<bool>, name: &str| on.unwrap_or(false).then(|| name.to_owned());
    config
        .into_iter()
        .flat_map(|config| {
            [
                is(config.block_public_acls(), "BlockPublicAcls"),
                is(config.ignore_public_acls(), "IgnorePublicAcls"),
                is(config.block_public_policy(), "BlockPublicPolicy"),
                is(config.restrict_public_buckets(), "RestrictPublicBuckets"),
            ]
        })
        .flatten()
        .collect()
}

/// Grants of an access control list to others than the owner.
fn grants(acl: &GetBucketAclOutput) -> Json {
    let owner = acl.owner().and_then(|owner| owner.id());
    acl.grants()
        .iter()
        .filter_map(|grant| {
            let grantee = grant.grantee()?;
            let who = grantee.uri().or(grantee.id()).or(grantee.email_address())?;
            (Some(who) != owner).then(
                || json!({"grantee": who, "permission": grant.permission().map(|kind| kind.as_str())}),
            )
        })
        .collect()
}

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let configure = |region: Option<&str>| {
        let mut config = client_config!(aws_sdk_s3, place).force_path_style(place.overridden);
        if let Some(region) = region {
            config = config.region(aws_sdk_s3::config::Region::new(region.to_owned()));
        }
        aws_sdk_s3::Client::from_conf(config.build())
    };
    let home = configure(None);
    let listing = place
        .pages(
            "s3:ListBuckets",
            |token| {
                home.list_buckets()
                    .max_buckets(10_000)
                    .set_continuation_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.buckets.unwrap_or_default(),
                    answer.continuation_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "s3_bucket", &listing);
    let buckets = &listing.items;
    let mut clients: BTreeMap<&str, aws_sdk_s3::Client> = BTreeMap::new();
    for bucket in buckets {
        if let Some(region) = bucket.bucket_region() {
            clients
                .entry(region)
                .or_insert_with(|| configure(Some(region)));
        }
    }
    let client = |index: usize| {
        buckets[index]
            .bucket_region()
            .and_then(|region| clients.get(region))
            .unwrap_or(&home)
    };
    let name = |index: usize| buckets[index].name().unwrap_or_default();
    let key = |bucket: &aws_sdk_s3::types::Bucket| bucket.name().unwrap_or_default().to_owned();
    let encryption = place
        .details(
            &mut batch,
            "s3_bucket",
            "encryption",
            buckets,
            key,
            |index| async move {
                absent(
                    place
                        .call("s3:GetBucketEncryption", || {
                            client(index)
                                .get_bucket_encryption()
                                .bucket(name(index))
                                .send()
                        })
                        .await,
                    "ServerSideEncryptionConfigurationNotFoundError",
                )
            },
        )
        .await;
    let lifecycle = place
        .details(
            &mut batch,
            "s3_bucket",
            "lifecycle",
            buckets,
            key,
            |index| async move {
                absent(
                    place
                        .call("s3:GetBucketLifecycleConfiguration", || {
                            client(index)
                                .get_bucket_lifecycle_configuration()
                                .bucket(name(index))
                                .send()
                        })
                        .await,
                    "NoSuchLifecycleConfiguration",
                )
            },
        )
        .await;
    let versioning = place
        .details(
            &mut batch,
            "s3_bucket",
            "versioning",
            buckets,
            key,
            |index| async move {
                place
                    .call("s3:GetBucketVersioning", || {
                        client(index)
                            .get_bucket_versioning()
                            .bucket(name(index))
                            .send()
                    })
                    .await
            },
        )
        .await;
    let tagging = place
        .details(
            &mut batch,
            "s3_bucket",
            "tags",
            buckets,
            key,
            |index| async move {
                absent(
                    place
                        .call("s3:GetBucketTagging", || {
                            client(index)
                                .get_bucket_tagging()
                                .bucket(name(index))
                                .send()
                        })
                        .await,
                    "NoSuchTagSet",
                )
            },
        )
        .await;
    let policy = place
        .details(
            &mut batch,
            "s3_bucket",
            "policy",
            buckets,
            key,
            |index| async move {
                absent(
                    place
                        .call("s3:GetBucketPolicy", || {
                            client(index).get_bucket_policy().bucket(name(index)).send()
                        })
                        .await,
                    "NoSuchBucketPolicy",
                )
            },
        )
        .await;
    let block = place
        .details(
            &mut batch,
            "s3_bucket",
            "public-access",
            buckets,
            key,
            |index| async move {
                absent(
                    place
                        .call("s3:GetPublicAccessBlock", || {
                            client(index)
                                .get_public_access_block()
                                .bucket(name(index))
                                .send()
                        })
                        .await,
                    "NoSuchPublicAccessBlockConfiguration",
                )
            },
        )
        .await;
    let acl = place
        .details(
            &mut batch,
            "s3_bucket",
            "acl",
            buckets,
            key,
            |index| async move {
                place
                    .call("s3:GetBucketAcl", || {
                        client(index).get_bucket_acl().bucket(name(index)).send()
                    })
                    .await
            },
        )
        .await;
    let ownership = place
        .details(
            &mut batch,
            "s3_bucket",
            "ownership",
            buckets,
            key,
            |index| async move {
                absent(
                    place
                        .call("s3:GetBucketOwnershipControls", || {
                            client(index)
                                .get_bucket_ownership_controls()
                                .bucket(name(index))
                                .send()
                        })
                        .await,
                    "OwnershipControlsNotFoundError",
                )
            },
        )
        .await;
    let replication = place
        .details(
            &mut batch,
            "s3_bucket",
            "replication",
            buckets,
            key,
            |index| async move {
                absent(
                    place
                        .call("s3:GetBucketReplication", || {
                            client(index)
                                .get_bucket_replication()
                                .bucket(name(index))
                                .send()
                        })
                        .await,
                    "ReplicationConfigurationNotFoundError",
                )
            },
        )
        .await;
    for (index, bucket) in buckets.iter().enumerate() {
        let mut row: NewRow = place
            .row("s3_bucket")
            .set("name", bucket.name())
            .set(
                "arn",
                format!("arn:{}:s3:::{}", place.partition, name(index)),
            )
            .set("region_name", bucket.bucket_region());
        if let Some(answer) = &policy[index] {
            let text = answer.as_ref().and_then(|answer| answer.policy());
            row.put(
                "policy",
                text.map_or_else(
                    || json!({}),
                    |text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
                ),
            );
        }
        if let Some(answer) = &block[index] {
            let config = answer
                .as_ref()
                .and_then(|answer| answer.public_access_block_configuration());
            row.put("public_access_block", blocks(config));
        }
        if let Some(answer) = &acl[index] {
            row.put("acl_grants", grants(answer));
        }
        if let Some(answer) = &ownership[index] {
            let controls = answer
                .as_ref()
                .and_then(|answer| answer.ownership_controls());
            row.put(
                "object_ownership",
                controls
                    .and_then(|controls| controls.rules().first())
                    .map_or("", |rule| rule.object_ownership().as_str()),
            );
        }
        if let Some(answer) = &replication[index] {
            let rules = answer
                .as_ref()
                .and_then(|answer| answer.replication_configuration());
            row.put(
                "replication",
                rules
                    .into_iter()
                    .flat_map(|rules| rules.rules())
                    .filter_map(|rule| {
                        let to = rule.destination()?;
                        Some(json!({
                            "bucket": to.bucket().rsplit(':').next(), "account": to.account().unwrap_or_default(),
                            "status": rule.status().as_str(), "filtered": is_filtered(rule),
                        }))
                    })
                    .collect::<Json>(),
            );
        }
        if let Some(answer) = &encryption[index] {
            let default = answer
                .as_ref()
                .and_then(|answer| answer.server_side_encryption_configuration())
                .and_then(|config| config.rules().first())
                .and_then(|rule| rule.apply_server_side_encryption_by_default());
            row.put(
                "sse_algorithm",
                default.map_or("AES256", |default| default.sse_algorithm().as_str()),
            );
            row.put(
                "kms_key_id",
                default
                    .and_then(|default| default.kms_master_key_id())
                    .unwrap_or_default(),
            );
        }
        if let Some(answer) = &lifecycle[index] {
            row.put(
                "lifecycle_rules",
                answer
                    .iter()
                    .flat_map(|answer| answer.rules())
                    .map(rule)
                    .collect::<Json>(),
            );
        }
        if let Some(answer) = &versioning[index] {
            row.put(
                "versioning",
                answer.status().map_or("", |status| status.as_str()),
            );
        }
        if let Some(answer) = &tagging[index] {
            row.put(
                "tags",
                tags(
                    answer
                        .iter()
                        .flat_map(|answer| answer.tag_set())
                        .map(|tag| (tag.key().to_owned(), tag.value().to_owned())),
                ),
            );
        }
        batch.rows.push(row);
    }
    batch
}

/// Does a rule copy a part of the objects alone?
#[expect(deprecated, reason = "rules made earlier still say their prefix here")]
fn is_filtered(rule: &aws_sdk_s3::types::ReplicationRule) -> bool {
    let by_prefix = |prefix: Option<&str>| prefix.is_some_and(|prefix| !prefix.is_empty());
    by_prefix(rule.prefix())
        || rule.filter().is_some_and(|filter| {
            by_prefix(filter.prefix()) || filter.tag().is_some() || filter.and().is_some()
        })
}
