//! Amazon S3: configuration of buckets, never their objects.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;
#[cfg(feature = "live")]
mod live_control;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{json, list, tags, text};
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
        text("region_name", "Region that it lies in."),
        json("policy", "Bucket policy.").absent("{}").by(&["policy"]),
        list("public_access_block", "Settings of its own public access block that are on: `BlockPublicAcls`, `IgnorePublicAcls`, `BlockPublicPolicy`, `RestrictPublicBuckets`.")
            .by(&["public-access"]),
        json("acl_grants", "`[{grantee, permission}]` of its access control list, without what the owner has; a grantee is a group's URI or a canonical user's id.")
            .absent("[]")
            .by(&["acl"]),
        text("object_ownership", "`BucketOwnerEnforced` (access control lists are off), `BucketOwnerPreferred` or `ObjectWriter`.")
            .absent("'' (access control lists are on)")
            .by(&["ownership"])
            .words(&["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]),
        json("replication", "`[{bucket, account, status, filtered}]`: where its objects are copied to; `account` is empty where the rule names none, `filtered` is true where it copies a part of them alone.")
            .absent("[]")
            .by(&["replication"]),
    ],
    reads: &[
        Read::with("list", "s3:ListBuckets", &["s3:ListAllMyBuckets"]),
        Read::with("encryption", "s3:GetBucketEncryption", &["s3:GetEncryptionConfiguration"]),
        Read::with("lifecycle", "s3:GetBucketLifecycleConfiguration", &["s3:GetLifecycleConfiguration"]),
        Read::new("versioning", "s3:GetBucketVersioning"),
        Read::new("tags", "s3:GetBucketTagging"),
        Read::new("policy", "s3:GetBucketPolicy"),
        Read::with("public-access", "s3:GetPublicAccessBlock", &["s3:GetBucketPublicAccessBlock"]),
        Read::new("acl", "s3:GetBucketAcl"),
        Read::new("ownership", "s3:GetBucketOwnershipControls"),
        Read::with("replication", "s3:GetBucketReplication", &["s3:GetReplicationConfiguration"]),
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

/// Public access blocks of accounts.
pub const ACCOUNT_BLOCK: Table = Table {
    name: "s3_account_public_access_block",
    doc: "The public access block of the account, one row; it stands over those of buckets and access points.",
    key: "id",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("id", "Account."),
        list(
            "settings",
            "Settings that are on: `BlockPublicAcls`, `IgnorePublicAcls`, `BlockPublicPolicy`, `RestrictPublicBuckets`.",
        ),
    ],
    reads: &[Read::with(
        "list",
        "s3control:GetPublicAccessBlock",
        &["s3:GetAccountPublicAccessBlock"],
    )],
    lists: Inputs::NONE,
};

/// Access points.
pub const ACCESS_POINT: Table = Table {
    name: "s3_access_point",
    doc: "Access points of buckets. Each has a policy and a public access block of its own.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("bucket_name", "Bucket."),
        text("network_origin", "`Internet` or `VPC`.").words(&["Internet", "VPC"]),
        json("policy", "Its policy.").absent("{}").by(&["policy"]),
        list(
            "public_access_block",
            "Settings of its own public access block that are on.",
        )
        .by(&["detail"]),
    ],
    reads: &[
        Read::with(
            "list",
            "s3control:ListAccessPoints",
            &["s3:ListAccessPoints"],
        ),
        Read::with(
            "policy",
            "s3control:GetAccessPointPolicy",
            &["s3:GetAccessPointPolicy"],
        ),
        Read::with("detail", "s3control:GetAccessPoint", &["s3:GetAccessPoint"]),
    ],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&BUCKET, &ACCOUNT_BLOCK, &ACCESS_POINT],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["s3_bucket"],
            span: Span::Global,
            run: |place| Box::pin(live::collect(place)),
        },
        Collector {
            tables: &["s3_account_public_access_block"],
            span: Span::Global,
            run: |place| Box::pin(live_control::account_block(place)),
        },
        Collector {
            tables: &["s3_access_point"],
            span: Span::Regional,
            run: |place| Box::pin(live_control::access_points(place)),
        },
    ],
};
