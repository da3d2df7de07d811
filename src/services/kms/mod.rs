//! AWS KMS: whose keys they are, and who may use them.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{self, int, json, list, text, time};
use crate::inventory::shape::{Fields, each, tags};
use crate::inventory::{Inputs, Read, Role, Span, Table};
use serde_json::{Value as Json, json};

/// Keys.
pub const KEY: Table = Table {
    name: "kms_key",
    doc: "KMS keys.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("id", "Key id."),
        text("key_manager", "`CUSTOMER` or `AWS`.").by(&["detail"]).words(&["CUSTOMER", "AWS"]),
        text("key_state", "`Enabled`, `Disabled`, `PendingDeletion`, ...").by(&["detail"]).words(&[
            "Creating",
            "Disabled",
            "Enabled",
            "PendingDeletion",
            "PendingImport",
            "PendingReplicaDeletion",
            "Unavailable",
            "Updating",
        ]),
        text("origin", "Where its material comes from: `AWS_KMS`, `EXTERNAL`, `AWS_CLOUDHSM` or `EXTERNAL_KEY_STORE`.").by(&["detail"]).words(&[
            "AWS_KMS",
            "EXTERNAL",
            "AWS_CLOUDHSM",
            "EXTERNAL_KEY_STORE",
        ]),
        time("deletion_date", "When a key that is pending deletion is gone, and what it encrypted with it.").absent("''").by(&["detail"]),
        time("valid_to", "When imported material expires.").absent("''").by(&["detail"]),
        text("spec", "What kind of key it is: `SYMMETRIC_DEFAULT`, `RSA_2048`, `HMAC_256`, ...").by(&["detail"]),
        list("region_names", "Regions that hold its material: its own, and those of the keys that it is replicated to and from.").by(&["detail"]),
        text("rotation", "Is its material rotated automatically? `on`, `off`, or `impossible` for what KMS rotates by no setting (asymmetric and HMAC keys, imported material, custom key stores).")
            .by(&["rotation"])
            .words(&["on", "off", "impossible"]),
        int("rotation_days", "Days between two rotations.").absent("0 (it is not rotated)").by(&["rotation"]),
        json("policy", "Key policy; there is always one.").by(&["policy"]),
        json("grants", "`[{id, name, grantee_principal, operations, context_equals, context_subset}]`.").absent("[]").by(&["grants"]).shaped(grants),
        cols::tags().by(&["tags"]),
    ],
    reads: &[
        Read::new("list", "kms:ListKeys"),
        Read::new("detail", "kms:DescribeKey"),
        Read::new("policy", "kms:GetKeyPolicy"),
        Read::with("rotation", "kms:GetKeyRotationStatus", &["kms:DescribeKey", "kms:GetKeyRotationStatus"]),
        Read::new("grants", "kms:ListGrants"),
        // Of customer keys alone: AWS managed keys take no tags (KMS Developer Guide, "Tags in AWS KMS").
        Read::with("tags", "kms:ListResourceTags", &["kms:DescribeKey", "kms:ListResourceTags"]),
    ],
    lists: Inputs::NONE,
};

/// Grants as this crate writes them, or as KMS does (KMS API Reference, "GrantListEntry").
fn grants(value: &Json) -> Result<Json, String> {
    each(value, |grant| {
        let mut fields = Fields::of(grant)?;
        let id = fields.text(&["id", "GrantId"])?;
        let name = fields.text_if_any(&["name", "Name"])?;
        let grantee = fields.text(&[
            "grantee_principal",
            "GranteePrincipal",
            "GranteeServicePrincipal",
        ])?;
        let operations = fields.texts(&["operations", "Operations"])?;
        let mut context = |own, aws: &'static str, constraints: Option<&Json>| {
            let found = fields
                .member(&[own])
                .or_else(|| constraints.and_then(|all| all.get(aws)));
            found.map_or_else(|| Ok(json!({})), tags)
        };
        let constraints = grant.get("Constraints");
        let equals = context("context_equals", "EncryptionContextEquals", constraints)?;
        let subset = context("context_subset", "EncryptionContextSubset", constraints)?;
        fields.done(&[
            "Constraints",
            "KeyId",
            "CreationDate",
            "RetiringPrincipal",
            "RetiringServicePrincipal",
            "IssuingAccount",
        ])?;
        Ok(json!({
            "id": id, "name": name, "grantee_principal": grantee, "operations": operations,
            "context_equals": equals, "context_subset": subset,
        }))
    })
}

/// Aliases.
pub const ALIAS: Table = Table {
    name: "kms_alias",
    doc: "KMS aliases; services accept them in place of a key.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "`alias/...`."),
        text("target_key_id", "Key id.").absent("''"),
    ],
    reads: &[Read::new("list", "kms:ListAliases")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&KEY, &ALIAS],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["kms_key"],
            span: Span::Regional,
            run: |place| Box::pin(live::keys(place)),
        },
        Collector {
            tables: &["kms_alias"],
            span: Span::Regional,
            run: |place| Box::pin(live::aliases(place)),
        },
    ],
};
