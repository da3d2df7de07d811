//! AWS KMS: whose keys they are.

use crate::inventory::cols::text;
use crate::inventory::{Read, Role, Span, Table};

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
        text("key_manager", "`CUSTOMER` or `AWS`.").by(&["detail"]),
        text("key_state", "`Enabled`, `Disabled`, `PendingDeletion`, ...").by(&["detail"]),
    ],
    reads: &[Read::new("list", "kms:ListKeys"), Read::new("detail", "kms:DescribeKey")],
    lists: &[],
};

/// Aliases.
pub const ALIAS: Table = Table {
    name: "kms_alias",
    doc: "KMS aliases; services accept them in place of a key.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("name", "`alias/...`."), text("target_key_id", "Key id.").absent("''")],
    reads: &[Read::new("list", "kms:ListAliases")],
    lists: &[],
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};

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
        let details = place
            .details(
                &mut batch,
                "kms_key",
                "detail",
                &listing.items,
                |key| key.key_arn().unwrap_or_default().to_owned(),
                |index| {
                    place.call("kms:DescribeKey", {
                        let (client, id) = (&client, listing.items[index].key_arn().unwrap_or_default());
                        move || client.describe_key().key_id(id).send()
                    })
                },
            )
            .await;
        for (key, detail) in listing.items.iter().zip(details) {
            let mut row = place.row("kms_key").set("arn", key.key_arn()).set("id", key.key_id());
            if let Some(metadata) = detail.as_ref().and_then(|answer| answer.key_metadata()) {
                row.put("key_manager", metadata.key_manager().map(|manager| manager.as_str()));
                row.put("key_state", metadata.key_state().map(|state| state.as_str()));
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
