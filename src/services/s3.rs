//! Amazon S3: configuration of buckets, never their objects.

use crate::inventory::cols::{json, text};
use crate::inventory::{Read, Role, Span, Table};

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
        text("sse_algorithm", "`AES256`, `aws:kms` or `aws:kms:dsse`.").absent("'AES256' (every bucket has it)").by(&["encryption"]),
        text("kms_key_id", "Key id, ARN or alias of the default encryption.").absent("''").by(&["encryption"]),
        json("lifecycle_rules", "`[{id, status, prefix, filtered, expiration_days, noncurrent_days}]`; `filtered` is true where tags or sizes narrow the rule.").absent("[]").by(&["lifecycle"]),
        text("versioning", "`Enabled` or `Suspended`.").absent("''").by(&["versioning"]),
        json("tags", "Tags as an object.").absent("{}").by(&["tags"]),
    ],
    reads: &[
        Read::with("list", "s3:ListBuckets", &["s3:ListAllMyBuckets"]),
        Read::with("encryption", "s3:GetBucketEncryption", &["s3:GetEncryptionConfiguration"]),
        Read::with("lifecycle", "s3:GetBucketLifecycleConfiguration", &["s3:GetLifecycleConfiguration"]),
        Read::new("versioning", "s3:GetBucketVersioning"),
        Read::new("tags", "s3:GetBucketTagging"),
    ],
    lists: &[],
};
