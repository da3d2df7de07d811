//! Amazon S3: configuration of buckets, never their objects.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
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
    fn days(
        fields: &mut Fields<'_>,
        own: &'static str,
        action: &'static str,
        name: &'static str,
    ) -> Result<i64, String> {
        match fields.member(&[action]) {
            Some(found) => found.get(name).map_or(Ok(0), |days| {
                days.as_i64()
                    .ok_or_else(|| format!("`{name}` is not a whole number"))
            }),
            None if fields.has(own) => fields.int(&[own]),
            None => Ok(0),
        }
    }
    each(value, |rule| {
        let mut fields = Fields::of(rule)?;
        let filter = fields.member(&["Filter"]).cloned();
        let narrowed = |found: &Json| {
            ["Tag", "Tags", "ObjectSizeGreaterThan", "ObjectSizeLessThan"]
                .iter()
                .any(|name| found.get(name).is_some())
        };
        let (filtered, prefix) = match &filter {
            Some(filter) => {
                let inner = filter.get("And").unwrap_or(filter);
                (
                    narrowed(inner),
                    inner
                        .get("Prefix")
                        .and_then(Json::as_str)
                        .unwrap_or_default()
                        .to_owned(),
                )
            }
            None if fields.has("filtered") => (
                fields.flag(&["filtered"])?,
                fields.text_if_any(&["prefix", "Prefix"])?.to_owned(),
            ),
            None => (false, fields.text(&["prefix", "Prefix"])?.to_owned()),
        };
        let read = json!({
            "id": fields.text_if_any(&["id", "ID"])?, "status": fields.word(&["status", "Status"], &["Enabled", "Disabled"])?,
            "prefix": prefix, "filtered": filtered,
            "expiration_days": days(&mut fields, "expiration_days", "Expiration", "Days")?,
            "noncurrent_days": days(&mut fields, "noncurrent_days", "NoncurrentVersionExpiration", "NoncurrentDays")?,
        });
        fields.done(&[
            "prefix",
            "Prefix",
            "Transitions",
            "NoncurrentVersionTransitions",
            "AbortIncompleteMultipartUpload",
        ])?;
        Ok(read)
    })
}

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&BUCKET],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[Collector {
        tables: &["s3_bucket"],
        span: Span::Global,
        run: |place| Box::pin(live::collect(place)),
    }],
};
