//! The calls.

use crate::client;
use crate::inventory::Status;
use crate::services::collect::{Batch, Place};
use crate::services::failure::Failure;
use aws_sdk_organizations::types::{EffectivePolicyType, PolicyType};
use serde_json::{Value as Json, json};

async fn path(
    place: &Place<'_>,
    client: &aws_sdk_organizations::Client,
    child: &str,
) -> Result<Vec<String>, Failure> {
    let mut path = Vec::new();
    let mut at = child.to_owned();
    // An organisation is at most five units deep; one more is the root.
    for _ in 0..8 {
        let listing = place
            .pages(
                "organizations:ListParents",
                |token| {
                    client
                        .list_parents()
                        .child_id(&at)
                        .set_next_token(token)
                        .send()
                },
                |answer| (answer.parents.unwrap_or_default(), answer.next_token),
            )
            .await;
        if let Some(failure) = listing.failure {
            return Err(failure);
        }
        let Some(parent) = listing.items.first().and_then(|parent| parent.id()) else {
            break;
        };
        path.insert(0, parent.to_owned());
        if parent.starts_with("r-") {
            break;
        }
        parent.clone_into(&mut at);
    }
    Ok(path)
}

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_organizations, place);
    let mut batch = Batch::default();
    let mut listing = place
        .single("organizations:DescribeOrganization", || {
            client.describe_organization().send()
        })
        .await;
    let mut row = place.row("organization").set("account", place.account);
    let mut master = String::new();
    if listing
        .failure
        .as_ref()
        .is_some_and(|failure| failure.code == "AWSOrganizationsNotInUseException")
    {
        // Documented as "the account is no member of an organisation": knowledge, not an error.
        listing.failure = None;
        batch.listed(place, "organization", &listing);
        batch.rows.push(
            row.set("id", "")
                .set("feature_set", "")
                .set("master_account_id", "")
                .set("member_count", 0)
                .set("bedrock_policy", json!({})),
        );
    } else {
        batch.listed(place, "organization", &listing);
        if let Some(organization) = listing
            .items
            .first()
            .and_then(|answer| answer.organization())
        {
            organization
                .master_account_id()
                .unwrap_or_default()
                .clone_into(&mut master);
            row = row
                .set("id", organization.id())
                .set(
                    "feature_set",
                    organization.feature_set().map(|set| set.as_str()),
                )
                .set("master_account_id", organization.master_account_id());
            let here = [place.account.to_owned()];
            let policies = place
                .details(
                    &mut batch,
                    "organization",
                    "bedrock-policy",
                    &here,
                    Clone::clone,
                    |_| bedrock_policy(place, &client),
                )
                .await;
            if let Some(policy) = policies.into_iter().next().flatten() {
                row.put("bedrock_policy", policy);
            }
            batch.rows.push(row);
        }
    }
    let wanted = place.wants("organizations_account", "list")
        || place.wants("organizations_policy_target", "list")
        || place.wants("organization", "members");
    if !wanted || !(master == place.account || place.is_home && !master.is_empty()) {
        for (table, group) in [
            ("organizations_account", "list"),
            ("organizations_policy_target", "list"),
            ("organization", "members"),
        ] {
            let mut line = place.line(table, group, Status::NotCollected);
            line.detail =
                "read from the management account or a delegated administrator".to_owned();
            batch.coverage.push(line);
        }
        return batch;
    }
    accounts(place, &client, &mut batch).await;
    policies(place, &client, &mut batch).await;
    batch.count("organization");
    batch
}

/// The Bedrock policy in effect; an account that none reaches has an empty one.
async fn bedrock_policy(
    place: &Place<'_>,
    client: &aws_sdk_organizations::Client,
) -> Result<Json, Failure> {
    let answer = place
        .call("organizations:DescribeEffectivePolicy", || {
            client
                .describe_effective_policy()
                .policy_type(EffectivePolicyType::BedrockPolicy)
                .send()
        })
        .await;
    match answer {
        Ok(answer) => {
            let text = answer
                .effective_policy()
                .and_then(|policy| policy.policy_content());
            Ok(text.map_or_else(
                || json!({}),
                |text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            ))
        }
        // No policy of the type, or the type is not in use (Organizations API Reference, "DescribeEffectivePolicy").
        Err(failure)
            if [
                "EffectivePolicyNotFoundException",
                "PolicyTypeNotEnabledException",
            ]
            .contains(&failure.code.as_str()) =>
        {
            Ok(json!({}))
        }
        Err(failure) => Err(failure),
    }
}

async fn accounts(place: &Place<'_>, client: &aws_sdk_organizations::Client, batch: &mut Batch) {
    let listing = place
        .pages(
            "organizations:ListAccounts",
            |token| client.list_accounts().set_next_token(token).send(),
            |answer| (answer.accounts.unwrap_or_default(), answer.next_token),
        )
        .await;
    batch.listed(place, "organizations_account", &listing);
    let mut members = place.line(
        "organization",
        "members",
        listing
            .failure
            .as_ref()
            .map_or(Status::Complete, |failure| failure.status),
    );
    members.detail = listing
        .failure
        .as_ref()
        .map(Failure::detail)
        .unwrap_or_default();
    batch.coverage.push(members);
    if listing.failure.is_none()
        && let Some(row) = batch
            .rows
            .iter_mut()
            .find(|row| row.table == "organization")
    {
        row.put(
            "member_count",
            i64::try_from(listing.items.len()).unwrap_or(i64::MAX),
        );
    }
    let paths = place
        .details(
            batch,
            "organizations_account",
            "path",
            &listing.items,
            |account| account.id().unwrap_or_default().to_owned(),
            |index| path(place, client, listing.items[index].id().unwrap_or_default()),
        )
        .await;
    for (account, path) in listing.items.iter().zip(paths) {
        batch.rows.push(
            place
                .row("organizations_account")
                .set("id", account.id())
                .set("name", account.name())
                .set(
                    "status",
                    account
                        .state()
                        .map(|state| state.as_str())
                        .or_else(|| account.status().map(|status| status.as_str())),
                )
                .set("path", path),
        );
    }
}

async fn policies(place: &Place<'_>, client: &aws_sdk_organizations::Client, batch: &mut Batch) {
    let kinds = [
        PolicyType::ServiceControlPolicy,
        PolicyType::ResourceControlPolicy,
    ];
    let mut listings = Vec::new();
    for kind in kinds {
        let mut listing = place
            .pages(
                "organizations:ListPolicies",
                |token| {
                    client
                        .list_policies()
                        .filter(kind.clone())
                        .set_next_token(token)
                        .send()
                },
                |answer| (answer.policies.unwrap_or_default(), answer.next_token),
            )
            .await;
        // A type that is not switched on has no policies.
        if listing
            .failure
            .as_ref()
            .is_some_and(|failure| failure.code == "PolicyTypeNotEnabledException")
        {
            listing.failure = None;
        }
        listings.push((kind, listing));
    }
    let worst = listings
        .iter()
        .position(|(_, listing)| listing.failure.is_some())
        .unwrap_or(0);
    batch.listed(place, "organizations_policy_target", &listings[worst].1);
    for (kind, listing) in &listings {
        let key = |index: usize| listing.items[index].id().unwrap_or_default();
        let contents = place
            .details(
                batch,
                "organizations_policy_target",
                "content",
                &listing.items,
                |policy| policy.id().unwrap_or_default().to_owned(),
                |index| {
                    place.call("organizations:DescribePolicy", move || {
                        client.describe_policy().policy_id(key(index)).send()
                    })
                },
            )
            .await;
        for (policy, content) in listing.items.iter().zip(contents) {
            let id = policy.id().unwrap_or_default();
            let targets = place
                .pages(
                    "organizations:ListTargetsForPolicy",
                    |token| {
                        client
                            .list_targets_for_policy()
                            .policy_id(id)
                            .set_next_token(token)
                            .send()
                    },
                    |answer| (answer.targets.unwrap_or_default(), answer.next_token),
                )
                .await;
            if let Some(failure) = &targets.failure {
                batch.part_failed(
                    "organizations_policy_target",
                    &format!("targets of {id}"),
                    failure,
                );
            }
            // Rows are kept by target, so the gap of a policy that could not be read is told for each.
            let gap = batch
                .coverage
                .iter()
                .find(|line| line.group == "content" && line.parent == id)
                .cloned();
            for target in targets.items.iter().filter_map(|target| target.target_id()) {
                if let Some(gap) = &gap {
                    batch.coverage.push(crate::inventory::Coverage {
                        parent: format!("{target}/{id}"),
                        ..gap.clone()
                    });
                }
                let mut row = place
                    .row("organizations_policy_target")
                    .set("id", format!("{target}/{id}"))
                    .set("target_id", target)
                    .set("policy_id", id)
                    .set("policy_name", policy.name())
                    .set("type", kind.as_str())
                    .set("aws_managed", policy.aws_managed());
                if let Some(text) = content
                    .as_ref()
                    .and_then(|answer| answer.policy())
                    .and_then(|policy| policy.content())
                {
                    row.put("content", text);
                }
                batch.rows.push(row);
            }
        }
    }
    batch.count("organizations_policy_target");
}
