//! AWS KMS: whose keys they are, and who may use them.

use crate::inventory::cols::{json, text};
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
        json("policy", "Key policy; there is always one.").by(&["policy"]),
        json("grants", "`[{id, name, grantee_principal, operations, context_equals, context_subset}]`.").absent("[]").by(&["grants"]).shaped(grants),
    ],
    reads: &[
        Read::new("list", "kms:ListKeys"),
        Read::new("detail", "kms:DescribeKey"),
        Read::new("policy", "kms:GetKeyPolicy"),
        Read::new("grants", "kms:ListGrants"),
    ],
    lists: Inputs::NONE,
};

/// Grants as this crate writes them, or as KMS does (KMS API Reference, "GrantListEntry").
fn grants(value: &Json) -> Result<Json, String> {
    each(value, |grant| {
        let mut fields = Fields::of(grant)?;
        let id = fields.text(&["id", "GrantId"])?;
        let name = fields.text_if_any(&["name", "Name"])?;
        let grantee = fields.text(&["grantee_principal", "GranteePrincipal", "GranteeServicePrincipal"])?;
        let operations = fields.texts(&["operations", "Operations"])?;
        let mut context = |own, aws: &'static str, constraints: Option<&Json>| {
            let found = fields.member(&[own]).or_else(|| constraints.and_then(|all| all.get(aws)));
            found.map_or_else(|| Ok(json!({})), tags)
        };
        let constraints = grant.get("Constraints");
        let equals = context("context_equals", "EncryptionContextEquals", constraints)?;
        let subset = context("context_subset", "EncryptionContextSubset", constraints)?;
        fields.done(&["Constraints", "KeyId", "CreationDate", "RetiringPrincipal", "RetiringServicePrincipal", "IssuingAccount"])?;
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
    columns: &[text("name", "`alias/...`."), text("target_key_id", "Key id.").absent("''")],
    reads: &[Read::new("list", "kms:ListAliases")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Failure, Place};
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

    async fn grants(place: &Place<'_>, client: &aws_sdk_kms::Client, key: &str) -> Result<Json, Failure> {
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
        let key_arn = |key: &aws_sdk_kms::types::KeyListEntry| key.key_arn().unwrap_or_default().to_owned();
        let details = place
            .details(&mut batch, "kms_key", "detail", &listing.items, key_arn, |index| {
                place.call("kms:DescribeKey", {
                    let (client, id) = (&client, listing.items[index].key_arn().unwrap_or_default());
                    move || client.describe_key().key_id(id).send()
                })
            })
            .await;
        let policies = place
            .details(&mut batch, "kms_key", "policy", &listing.items, key_arn, |index| {
                place.call("kms:GetKeyPolicy", {
                    let (client, id) = (&client, listing.items[index].key_arn().unwrap_or_default());
                    move || client.get_key_policy().key_id(id).policy_name("default").send()
                })
            })
            .await;
        let grants = place
            .details(&mut batch, "kms_key", "grants", &listing.items, key_arn, |index| {
                grants(place, &client, listing.items[index].key_arn().unwrap_or_default())
            })
            .await;
        for (((key, detail), policy), grants) in listing.items.iter().zip(details).zip(policies).zip(grants) {
            let mut row = place.row("kms_key").set("arn", key.key_arn()).set("id", key.key_id());
            if let Some(metadata) = detail.as_ref().and_then(|answer| answer.key_metadata()) {
                row.put("key_manager", metadata.key_manager().map(|manager| manager.as_str()));
                row.put("key_state", metadata.key_state().map(|state| state.as_str()));
                row.put("origin", metadata.origin().map(|origin| origin.as_str()));
            }
            if let Some(policy) = policy.as_ref().and_then(|answer| answer.policy()) {
                row.put("policy", document(policy));
            }
            if let Some(grants) = grants {
                row.put("grants", grants);
            }
            batch.rows.push(row);
        }
        batch
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
        batch.rows.extend(
            listing
                .items
                .iter()
                .map(|alias| place.row("kms_alias").set("name", alias.alias_name()).set("target_key_id", alias.target_key_id().unwrap_or_default())),
        );
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::arn;
    use crate::services::declared::policy::document;
    use crate::services::declared::{Change, Declared, Rows, Spelling, Told};
    use serde_json::{Value as Json, json};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_kms_key", "aws_kms_replica_key", "aws_kms_external_key", "AWS::KMS::Key", "AWS::KMS::ReplicaKey"], map: key },
        Spelling { kinds: &["aws_kms_key_policy"], map: |by, rows| rows.column(by, "kms_key", key_arn(by), "policy", document(by.at("policy"))) },
        Spelling { kinds: &["aws_kms_alias", "AWS::KMS::Alias"], map: alias },
        Spelling { kinds: &["aws_kms_grant"], map: grant },
    ];

    fn key_arn(by: &Declared) -> Told<String> {
        by.at("key_id|target_key_id").id().map(|key| if key.starts_with("arn:") { key } else { by.arn_of("kms", &format!("key/{key}")) })
    }

    /// Without a policy the key trusts its account: the default that the API attaches.
    fn key(by: &Declared, rows: &mut Rows) {
        let root = format!("arn:{}:iam::{}:root", by.partition, by.account_id);
        let default = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}]});
        let on = by.at("enabled|is_enabled").flag().or(true);
        let row = rows.row("kms_key", by, arn(by));
        row.put("id", by.id())
            .put("key_manager", "CUSTOMER")
            .set("key_state", on.map(|on| if on { "Enabled" } else { "Disabled" }))
            .set("origin", by.at("origin").text().or(if by.kind == "aws_kms_external_key" { "EXTERNAL" } else { "AWS_KMS" }))
            .set("policy", document(by.at("policy|key_policy")).or(default));
        if by.change == Change::Create {
            row.put("grants", json!([]));
        }
    }

    fn alias(by: &Declared, rows: &mut Rows) {
        let name = by.name("name|alias_name");
        let target = by.at("target_key_id").id().map(|key| key.rsplit('/').next().unwrap_or(&key).to_owned());
        rows.row("kms_alias", by, name).set("target_key_id", target);
    }

    fn grant(by: &Declared, rows: &mut Rows) {
        let facts = (by.at("grantee_principal").id(), by.at("operations").ids(), by.at("constraints").json().or(Json::Null));
        let item = match facts {
            (Told::Known(principal), Told::Known(operations), Told::Known(constraints)) => {
                let part = |key: &str| constraints.pointer(&format!("/0/{key}")).cloned().unwrap_or_else(|| json!({}));
                Told::Known(json!({
                    "id": by.address, "name": by.name("name"), "grantee_principal": principal, "operations": operations,
                    "context_equals": part("encryption_context_equals"), "context_subset": part("encryption_context_subset"),
                }))
            }
            (Told::Unknown(later), ..) | (_, Told::Unknown(later), _) | (.., Told::Unknown(later)) => Told::Unknown(later),
            _ => Told::Absent,
        };
        rows.part(by, "kms_key", key_arn(by), "grants", item);
    }
}
