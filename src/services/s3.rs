//! Amazon S3: configuration of buckets, never their objects.

use crate::inventory::cols::{json, tags, text};
use crate::inventory::shape::{Fields, each};
use crate::inventory::{Inputs, Read, Role, Span, Table};
use serde_json::{Value as Json, json};

/// Buckets.
pub const BUCKET: Table = Table {
    name: "s3_bucket",
    doc: "Buckets, in the scope of the account that owns them. A bucket's ARN carries no account, so only this list tells whose it is.",
    key: "name",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN."),
        text("sse_algorithm", "`AES256`, `aws:kms` or `aws:kms:dsse`.").absent("'AES256' (every bucket has it)").by(&["encryption"]).words(&[
            "AES256",
            "aws:kms",
            "aws:kms:dsse",
            "aws:fsx",
            "aws:backup",
        ]),
        text("kms_key_id", "Key id, ARN or alias of the default encryption.").absent("''").by(&["encryption"]),
        json(
            "lifecycle_rules",
            "`[{id, status, prefix, filtered, expiration_days, noncurrent_days}]`; `filtered` is true where tags or sizes narrow the rule.",
        )
        .absent("[]")
        .by(&["lifecycle"])
        .shaped(lifecycle),
        text("versioning", "`Enabled` or `Suspended`.").absent("''").by(&["versioning"]).words(&["Enabled", "Suspended"]),
        tags().by(&["tags"]),
    ],
    reads: &[
        Read::with("list", "s3:ListBuckets", &["s3:ListAllMyBuckets"]),
        Read::with("encryption", "s3:GetBucketEncryption", &["s3:GetEncryptionConfiguration"]),
        Read::with("lifecycle", "s3:GetBucketLifecycleConfiguration", &["s3:GetLifecycleConfiguration"]),
        Read::new("versioning", "s3:GetBucketVersioning"),
        Read::new("tags", "s3:GetBucketTagging"),
    ],
    lists: Inputs::NONE,
};

/// Lifecycle rules as this crate writes them, or as S3 does (S3 API Reference, "LifecycleRule").
fn lifecycle(value: &Json) -> Result<Json, String> {
    /// Days of an action; 0 where the rule has none, or it is about something else.
    fn days(fields: &mut Fields<'_>, own: &'static str, action: &'static str, name: &'static str) -> Result<i64, String> {
        match fields.member(&[action]) {
            Some(found) => found.get(name).map_or(Ok(0), |days| days.as_i64().ok_or_else(|| format!("`{name}` is not a whole number"))),
            None if fields.has(own) => fields.int(&[own]),
            None => Ok(0),
        }
    }
    each(value, |rule| {
        let mut fields = Fields::of(rule)?;
        let filter = fields.member(&["Filter"]).cloned();
        let narrowed = |found: &Json| ["Tag", "Tags", "ObjectSizeGreaterThan", "ObjectSizeLessThan"].iter().any(|name| found.get(name).is_some());
        let (filtered, prefix) = match &filter {
            Some(filter) => {
                let inner = filter.get("And").unwrap_or(filter);
                (narrowed(inner), inner.get("Prefix").and_then(Json::as_str).unwrap_or_default().to_owned())
            }
            None if fields.has("filtered") => (fields.flag(&["filtered"])?, fields.text_if_any(&["prefix", "Prefix"])?.to_owned()),
            None => (false, fields.text(&["prefix", "Prefix"])?.to_owned()),
        };
        let read = json!({
            "id": fields.text_if_any(&["id", "ID"])?, "status": fields.word(&["status", "Status"], &["Enabled", "Disabled"])?,
            "prefix": prefix, "filtered": filtered,
            "expiration_days": days(&mut fields, "expiration_days", "Expiration", "Days")?,
            "noncurrent_days": days(&mut fields, "noncurrent_days", "NoncurrentVersionExpiration", "NoncurrentDays")?,
        });
        fields.done(&["prefix", "Prefix", "Transitions", "NoncurrentVersionTransitions", "AbortIncompleteMultipartUpload"])?;
        Ok(read)
    })
}

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client_config;
    use crate::inventory::NewRow;
    use crate::services::collect::{Batch, Failure, Place, tags};
    use aws_sdk_s3::types::LifecycleRule;
    use serde_json::{Value as Json, json};
    use std::collections::BTreeMap;

    /// What S3 answers where nothing is configured.
    fn absent<T>(answer: Result<T, Failure>, code: &str) -> Result<Option<T>, Failure> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.code == code => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn rule(rule: &LifecycleRule) -> Json {
        #[expect(deprecated, reason = "rules made years ago still carry their prefix here")]
        let old = rule.prefix().unwrap_or_default();
        let filter = rule.filter();
        let joined = filter.and_then(|filter| filter.and());
        let prefix = filter.and_then(|filter| filter.prefix()).or_else(|| joined.and_then(|and| and.prefix())).unwrap_or(old);
        let narrowed = filter
            .is_some_and(|filter| filter.tag().is_some() || filter.object_size_greater_than().is_some() || filter.object_size_less_than().is_some())
            || joined.is_some_and(|and| !and.tags().is_empty() || and.object_size_greater_than().is_some() || and.object_size_less_than().is_some());
        json!({
            "id": rule.id(), "status": rule.status().as_str(), "prefix": prefix, "filtered": narrowed,
            "expiration_days": rule.expiration().and_then(|expiration| expiration.days()).unwrap_or(0),
            "noncurrent_days": rule.noncurrent_version_expiration().and_then(|expiration| expiration.noncurrent_days()).unwrap_or(0),
        })
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
                |token| home.list_buckets().max_buckets(10_000).set_continuation_token(token).send(),
                |answer| (answer.buckets.unwrap_or_default(), answer.continuation_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "s3_bucket", &listing);
        let buckets = &listing.items;
        let mut clients: BTreeMap<&str, aws_sdk_s3::Client> = BTreeMap::new();
        for bucket in buckets {
            if let Some(region) = bucket.bucket_region() {
                clients.entry(region).or_insert_with(|| configure(Some(region)));
            }
        }
        let client = |index: usize| buckets[index].bucket_region().and_then(|region| clients.get(region)).unwrap_or(&home);
        let name = |index: usize| buckets[index].name().unwrap_or_default();
        let key = |bucket: &aws_sdk_s3::types::Bucket| bucket.name().unwrap_or_default().to_owned();
        let encryption = place
            .details(&mut batch, "s3_bucket", "encryption", buckets, key, |index| async move {
                absent(
                    place.call("s3:GetBucketEncryption", || client(index).get_bucket_encryption().bucket(name(index)).send()).await,
                    "ServerSideEncryptionConfigurationNotFoundError",
                )
            })
            .await;
        let lifecycle = place
            .details(&mut batch, "s3_bucket", "lifecycle", buckets, key, |index| async move {
                absent(
                    place.call("s3:GetBucketLifecycleConfiguration", || client(index).get_bucket_lifecycle_configuration().bucket(name(index)).send()).await,
                    "NoSuchLifecycleConfiguration",
                )
            })
            .await;
        let versioning = place
            .details(&mut batch, "s3_bucket", "versioning", buckets, key, |index| async move {
                place.call("s3:GetBucketVersioning", || client(index).get_bucket_versioning().bucket(name(index)).send()).await
            })
            .await;
        let tagging = place
            .details(&mut batch, "s3_bucket", "tags", buckets, key, |index| async move {
                absent(place.call("s3:GetBucketTagging", || client(index).get_bucket_tagging().bucket(name(index)).send()).await, "NoSuchTagSet")
            })
            .await;
        for (index, bucket) in buckets.iter().enumerate() {
            let mut row: NewRow = place.row("s3_bucket").set("name", bucket.name()).set("arn", format!("arn:{}:s3:::{}", place.partition, name(index)));
            if let Some(answer) = &encryption[index] {
                let default = answer
                    .as_ref()
                    .and_then(|answer| answer.server_side_encryption_configuration())
                    .and_then(|config| config.rules().first())
                    .and_then(|rule| rule.apply_server_side_encryption_by_default());
                row.put("sse_algorithm", default.map_or("AES256", |default| default.sse_algorithm().as_str()));
                row.put("kms_key_id", default.and_then(|default| default.kms_master_key_id()).unwrap_or_default());
            }
            if let Some(answer) = &lifecycle[index] {
                row.put("lifecycle_rules", answer.iter().flat_map(|answer| answer.rules()).map(rule).collect::<Json>());
            }
            if let Some(answer) = &versioning[index] {
                row.put("versioning", answer.status().map_or("", |status| status.as_str()));
            }
            if let Some(answer) = &tagging[index] {
                row.put("tags", tags(answer.iter().flat_map(|answer| answer.tag_set()).map(|tag| (tag.key().to_owned(), tag.value().to_owned()))));
            }
            batch.rows.push(row);
        }
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::{arn, name};
    use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
    use serde_json::{Value as Json, json};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_s3_bucket", "AWS::S3::Bucket"], map: bucket },
        Spelling { kinds: &["aws_s3_bucket_server_side_encryption_configuration"], map: |by, rows| encryption(by, rows, by.at("bucket").id(), by.at("rule")) },
        Spelling { kinds: &["aws_s3_bucket_lifecycle_configuration"], map: |by, rows| lifecycle(by, rows, by.at("bucket").id(), by.at("rule")) },
        Spelling {
            kinds: &["aws_s3_bucket_versioning"],
            map: |by, rows| {
                let status = by.at("versioning_configuration.status").text().map(|text| Json::from(if text == "Disabled" { String::new() } else { text }));
                rows.column(by, "s3_bucket", by.at("bucket").id(), "versioning", status);
            },
        },
    ];

    fn bucket(by: &Declared, rows: &mut Rows) {
        let own = name(by);
        let versioning = match by.at("versioning_configuration.status").text() {
            Told::Absent => by.at("versioning.enabled").flag().map(|on| if on { "Enabled" } else { "" }.to_owned()),
            told => told,
        };
        rows.row("s3_bucket", by, own.as_str())
            .put("arn", arn(by))
            .put("sse_algorithm", "AES256")
            .put("kms_key_id", "")
            .put("lifecycle_rules", json!([]))
            .set("versioning", versioning.or(""))
            .set("tags", by.tags());
        let declared = by.at("bucket_encryption.server_side_encryption_configuration");
        let old = by.at("server_side_encryption_configuration.rule");
        let found = if *declared == Node::Absent { old } else { declared };
        if *found != Node::Absent {
            encryption(by, rows, Told::Known(own.clone()), found);
        }
        let declared = by.at("lifecycle_configuration.rules");
        let found = if *declared == Node::Absent { by.at("lifecycle_rule") } else { declared };
        if *found != Node::Absent {
            lifecycle(by, rows, Told::Known(own), found);
        }
    }

    fn encryption(by: &Declared, rows: &mut Rows, bucket: Told<String>, rule: &Node) {
        let default = rule.at("apply_server_side_encryption_by_default|server_side_encryption_by_default");
        let algorithm = default.at("sse_algorithm").text().or("AES256");
        let key = default.at("kms_master_key_id").id().or("");
        rows.column(by, "s3_bucket", bucket.clone(), "sse_algorithm", algorithm.map(Json::from));
        rows.column(by, "s3_bucket", bucket, "kms_key_id", key.map(Json::from));
    }

    fn lifecycle(by: &Declared, rows: &mut Rows, bucket: Told<String>, rules: &Node) {
        if let Some(later) = rules.later() {
            rows.column(by, "s3_bucket", bucket, "lifecycle_rules", Told::Unknown(later.clone()));
            return;
        }
        let days = |node: &Node| node.int().known().unwrap_or(0);
        let all: Json = rules
            .items()
            .iter()
            .map(|rule| {
                let status = match rule.at("status").text() {
                    Told::Known(status) => status,
                    _ if rule.at("enabled").flag() == Told::Known(true) => "Enabled".to_owned(),
                    _ => "Disabled".to_owned(),
                };
                let prefix = [rule.at("filter.prefix"), rule.at("filter.and.prefix"), rule.at("prefix")]
                    .into_iter()
                    .find_map(|node| node.text().known().filter(|text| !text.is_empty()))
                    .unwrap_or_default();
                let narrows = [
                    "filter.tag",
                    "filter.object_size_greater_than",
                    "filter.object_size_less_than",
                    "filter.and.tags",
                    "filter.and.object_size_greater_than",
                    "filter.and.object_size_less_than",
                    "tag_filters",
                    "tags",
                    "object_size_greater_than",
                    "object_size_less_than",
                ];
                let filtered = narrows.iter().any(|path| match rule.at(path) {
                    Node::Absent => false,
                    Node::List(items) => !items.is_empty(),
                    Node::Map(members) => !members.is_empty(),
                    Node::Text(text) => !text.is_empty() && text != "0",
                    Node::Number(number) => number.as_i64() != Some(0),
                    _ => true,
                });
                let expiration = days(rule.at("expiration.days")).max(days(rule.at("expiration_in_days")));
                let noncurrent = days(rule.at("noncurrent_version_expiration.noncurrent_days|noncurrent_version_expiration.days"))
                    .max(days(rule.at("noncurrent_version_expiration.days")))
                    .max(days(rule.at("noncurrent_version_expiration_in_days")));
                json!({
                    "id": rule.at("id").text().known(), "status": status, "prefix": prefix, "filtered": filtered,
                    "expiration_days": expiration, "noncurrent_days": noncurrent,
                })
            })
            .collect();
        rows.column(by, "s3_bucket", bucket, "lifecycle_rules", Told::Known(all));
    }
}
