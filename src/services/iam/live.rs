//! The calls.

use crate::client;
use crate::inventory::NewRow;
use crate::services::collect::{Batch, Place, tags, when};
use aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput;
use aws_sdk_iam::types::{AccessKeyMetadata, SummaryKeyType};
use aws_sdk_iam::types::{AttachedPermissionsBoundary, AttachedPolicy, PolicyDetail, Tag};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// IAM gives documents percent-encoded; one that does not parse is kept as text, so that reasoning can say so.
fn document(text: Option<&str>) -> Json {
    let decoded =
        percent_encoding::percent_decode_str(text.unwrap_or_default()).decode_utf8_lossy();
    serde_json::from_str(&decoded).unwrap_or_else(|_| Json::String(decoded.into_owned()))
}

fn inline(policies: &[PolicyDetail]) -> Json {
    policies.iter().map(|policy| json!({"name": policy.policy_name(), "document": document(policy.policy_document())})).collect()
}

fn attached(policies: &[AttachedPolicy]) -> Vec<String> {
    policies
        .iter()
        .filter_map(|policy| policy.policy_arn().map(str::to_owned))
        .collect()
}

fn tagged(all: &[Tag]) -> Json {
    tags(
        all.iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned())),
    )
}

fn held<'p>(
    policies: &'p [AttachedPolicy],
    boundary: Option<&'p AttachedPermissionsBoundary>,
) -> impl Iterator<Item = &'p str> {
    policies
        .iter()
        .filter_map(AttachedPolicy::policy_arn)
        .chain(boundary.and_then(AttachedPermissionsBoundary::permissions_boundary_arn))
}

/// The managed policies that somebody has, as policy or as boundary.
fn in_use(pages: &[GetAccountAuthorizationDetailsOutput]) -> BTreeSet<&str> {
    let mut used = BTreeSet::new();
    for page in pages {
        for role in page.role_detail_list() {
            used.extend(held(
                role.attached_managed_policies(),
                role.permissions_boundary(),
            ));
        }
        for user in page.user_detail_list() {
            used.extend(held(
                user.attached_managed_policies(),
                user.permissions_boundary(),
            ));
        }
        for group in page.group_detail_list() {
            used.extend(held(group.attached_managed_policies(), None));
        }
    }
    used
}

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_iam, place);
    let listing = place
        .pages(
            "iam:GetAccountAuthorizationDetails",
            |token| {
                client
                    .get_account_authorization_details()
                    .max_items(1000)
                    .set_marker(token)
                    .send()
            },
            |answer| {
                let next = answer.marker.clone().filter(|_| answer.is_truncated);
                (vec![answer], next)
            },
        )
        .await;
    let mut batch = Batch::default();
    let row = |table: &'static str| place.row(table);
    let used = in_use(&listing.items);
    for page in &listing.items {
        for role in page.role_detail_list() {
            batch.rows.push(
                row("iam_role")
                    .set("arn", role.arn())
                    .set("name", role.role_name())
                    .set("path", role.path())
                    .set(
                        "assume_role_policy",
                        document(role.assume_role_policy_document()),
                    )
                    .set("inline_policies", inline(role.role_policy_list()))
                    .set(
                        "attached_policy_arns",
                        attached(role.attached_managed_policies()),
                    )
                    .set(
                        "instance_profile_arns",
                        role.instance_profile_list()
                            .iter()
                            .map(|profile| profile.arn().to_owned())
                            .collect::<Vec<_>>(),
                    )
                    .set(
                        "permissions_boundary_arn",
                        role.permissions_boundary()
                            .and_then(|boundary| boundary.permissions_boundary_arn())
                            .unwrap_or_default(),
                    )
                    .set("tags", tagged(role.tags())),
            );
        }
        for user in page.user_detail_list() {
            batch.rows.push(
                row("iam_user")
                    .set("arn", user.arn())
                    .set("name", user.user_name())
                    .set("inline_policies", inline(user.user_policy_list()))
                    .set(
                        "attached_policy_arns",
                        attached(user.attached_managed_policies()),
                    )
                    .set("groups", user.group_list().to_vec())
                    .set(
                        "permissions_boundary_arn",
                        user.permissions_boundary()
                            .and_then(|boundary| boundary.permissions_boundary_arn())
                            .unwrap_or_default(),
                    )
                    .set("tags", tagged(user.tags())),
            );
        }
        for group in page.group_detail_list() {
            batch.rows.push(
                row("iam_group")
                    .set("name", group.group_name())
                    .set("arn", group.arn())
                    .set("inline_policies", inline(group.group_policy_list()))
                    .set(
                        "attached_policy_arns",
                        attached(group.attached_managed_policies()),
                    ),
            );
        }
        for policy in page.policies() {
            let arn = policy.arn().unwrap_or_default();
            let aws_managed = arn.contains(":iam::aws:policy/");
            // AWS lists those of its own that are in use; where one is not, its text would be kept for nothing in every account.
            if aws_managed && listing.failure.is_none() && !used.contains(arn) {
                continue;
            }
            let default = policy
                .policy_version_list()
                .iter()
                .find(|version| version.is_default_version());
            let mut new: NewRow = row("iam_policy")
                .set("arn", arn)
                .set("name", policy.policy_name())
                .set("aws_managed", aws_managed);
            if let Some(version) = default {
                new.put("document", document(version.document()));
            }
            batch.rows.push(new);
        }
    }
    for table in ["iam_role", "iam_user", "iam_group", "iam_policy"] {
        batch.listed(place, table, &listing);
        batch.count(table);
    }
    batch
}

pub(in crate::services) async fn service_specific_credentials(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_iam, place);
    let listing = place
        .pages(
            "iam:ListServiceSpecificCredentials",
            |token| {
                client
                    .list_service_specific_credentials()
                    .all_users(true)
                    .set_marker(token)
                    .send()
            },
            |answer| {
                let next = answer.marker.filter(|_| answer.is_truncated);
                (
                    answer.service_specific_credentials.unwrap_or_default(),
                    next,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "iam_service_specific_credential", &listing);
    batch.rows.extend(listing.items.iter().map(|credential| {
        place
            .row("iam_service_specific_credential")
            .set("id", credential.service_specific_credential_id())
            .set("user_name", credential.user_name())
            .set("service_name", credential.service_name())
            .set("status", credential.status().as_str())
            .set("create_date", when(Some(credential.create_date())))
            .set("expiration_date", when(credential.expiration_date()))
    }));
    batch
}

pub(in crate::services) async fn access_keys(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_iam, place);
    let users = place
        .pages(
            "iam:ListUsers",
            |token| client.list_users().set_marker(token).send(),
            |answer| {
                let next = answer.marker.filter(|_| answer.is_truncated);
                (answer.users, next)
            },
        )
        .await;
    let keys = place
        .each(
            &users,
            |user| user.user_name().to_owned(),
            |index| {
                let (client, name) = (&client, users.items[index].user_name());
                place.pages(
                    "iam:ListAccessKeys",
                    move |token| {
                        client
                            .list_access_keys()
                            .user_name(name)
                            .set_marker(token)
                            .send()
                    },
                    |answer| {
                        let next = answer.marker.filter(|_| answer.is_truncated);
                        (answer.access_key_metadata, next)
                    },
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "iam_access_key", &keys);
    let id =
        |(_, key): &(usize, AccessKeyMetadata)| key.access_key_id().unwrap_or_default().to_owned();
    let used = place
        .details(
            &mut batch,
            "iam_access_key",
            "last-used",
            &keys.items,
            id,
            |index| {
                let client = &client;
                let id = keys.items[index].1.access_key_id().unwrap_or_default();
                place.call("iam:GetAccessKeyLastUsed", move || {
                    client.get_access_key_last_used().access_key_id(id).send()
                })
            },
        )
        .await;
    for ((user, key), used) in keys.items.iter().zip(used) {
        let mut row = place
            .row("iam_access_key")
            .set("id", key.access_key_id())
            .set("user_arn", users.items[*user].arn())
            .set("status", key.status().map(|status| status.as_str()))
            .set("create_date", when(key.create_date()));
        if let Some(used) = used {
            row.put(
                "last_used",
                when(
                    used.access_key_last_used()
                        .and_then(|used| used.last_used_date()),
                ),
            );
        }
        batch.rows.push(row);
    }
    match place
        .call("iam:GetAccountSummary", || {
            client.get_account_summary().send()
        })
        .await
    {
        Ok(answer) => {
            let present = answer
                .summary_map()
                .and_then(|all| all.get(&SummaryKeyType::AccountAccessKeysPresent))
                .is_some_and(|count| *count > 0);
            batch.rows.extend(present.then(|| {
                place
                    .row("iam_access_key")
                    .set("id", "root")
                    .set(
                        "user_arn",
                        format!("arn:{}:iam::{}:root", place.partition, place.account),
                    )
                    .set("status", "Active")
                    .set("create_date", "")
                    .set("last_used", "")
            }));
        }
        Err(failure) => batch.part_failed("iam_access_key", "the root user's keys", &failure),
    }
    batch.count("iam_access_key");
    batch
}
