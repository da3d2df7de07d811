//! The calls.

use crate::client;
use crate::services::collect::{Batch, Listing, Place};
use aws_sdk_cloudwatchlogs::types::PolicyType;
use std::collections::BTreeMap;

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_cloudwatchlogs, place);
    let listing = place
        .pages(
            "logs:DescribeLogGroups",
            |token| {
                client
                    .describe_log_groups()
                    .limit(50)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.log_groups.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "cloudwatch_log_group", &listing);
    // Only a group with a policy of its own is asked for it.
    let own: Vec<String> = listing
        .items
        .iter()
        .filter(|group| {
            group
                .data_protection_status()
                .is_some_and(|status| status.as_str() == "ACTIVATED")
        })
        .filter_map(|group| group.log_group_name().map(str::to_owned))
        .collect();
    let policies = place
        .details(
            &mut batch,
            "cloudwatch_log_group",
            "protection",
            &own,
            String::clone,
            |index| {
                place.call("logs:GetDataProtectionPolicy", {
                    let (client, name) = (&client, &own[index]);
                    move || {
                        client
                            .get_data_protection_policy()
                            .log_group_identifier(name)
                            .send()
                    }
                })
            },
        )
        .await;
    let mut masking: BTreeMap<&str, Option<&'static str>> = BTreeMap::new();
    for (name, policy) in own.iter().zip(policies) {
        let found = policy
            .and_then(|answer| serde_json::from_str(answer.policy_document().unwrap_or("{}")).ok());
        masking.insert(name, found.map(|policy| super::masking(&policy)));
    }
    batch.rows.extend(listing.items.iter().map(|group| {
        let inherits = group
            .inherited_properties()
            .iter()
            .any(|one| one.as_str() == "ACCOUNT_DATA_PROTECTION");
        let own = group.log_group_name().and_then(|name| masking.get(name));
        let masked = match own {
            Some(Some("masked")) => Some("masked"),
            _ if inherits => Some("inherited"),
            Some(own) => *own,
            None => Some("none"),
        };
        // Absent is known here: no key is the service's own, no retention never expires, and what is not turned on is off.
        place
            .row("cloudwatch_log_group")
            .set("name", group.log_group_name())
            .set(
                "arn",
                group
                    .log_group_arn()
                    .or(group.arn())
                    .map(|arn| arn.trim_end_matches(":*")),
            )
            .set("masking", masked)
            .set(
                "takes_bearer_tokens",
                group.bearer_token_authentication_enabled().unwrap_or(false),
            )
            .set(
                "is_deletion_protected",
                group.deletion_protection_enabled().unwrap_or(false),
            )
            .set("kms_key_id", group.kms_key_id().unwrap_or_default())
            .set(
                "retention_in_days",
                i64::from(group.retention_in_days().unwrap_or(0)),
            )
            .set(
                "log_group_class",
                group
                    .log_group_class()
                    .map_or("STANDARD", |class| class.as_str()),
            )
    }));
    batch
}

/// Subscriptions of the log group that invocation logging names, and of the whole account.
pub(in crate::services) async fn subscriptions(place: &Place<'_>) -> Batch {
    let bedrock = client!(aws_sdk_bedrock, place);
    let client = client!(aws_sdk_cloudwatchlogs, place);
    let mut batch = Batch::default();
    let logging = place
        .single("bedrock:GetModelInvocationLoggingConfiguration", || {
            bedrock.get_model_invocation_logging_configuration().send()
        })
        .await;
    let group = logging
        .items
        .first()
        .and_then(|answer| answer.logging_config())
        .and_then(|config| config.cloud_watch_config())
        .map(|config| config.log_group_name().to_owned())
        .filter(|group| !group.is_empty());
    let groups = Listing::of(
        group.into_iter().collect::<Vec<_>>(),
        logging.failure.clone(),
    );
    let found = place
        .each(&groups, String::clone, |index| {
            let (client, group) = (&client, groups.items[index].as_str());
            place.pages(
                "logs:DescribeSubscriptionFilters",
                move |token| {
                    client
                        .describe_subscription_filters()
                        .log_group_name(group)
                        .set_next_token(token)
                        .send()
                },
                |answer| {
                    (
                        answer.subscription_filters.unwrap_or_default(),
                        answer.next_token,
                    )
                },
            )
        })
        .await;
    batch.listed(place, "log_subscription_filter", &found);
    batch.rows.extend(found.items.iter().map(|(_, filter)| {
        let group = filter.log_group_name().unwrap_or_default();
        place
            .row("log_subscription_filter")
            .set(
                "id",
                format!("{group}/{}", filter.filter_name().unwrap_or_default()),
            )
            .set("log_group_name", group)
            .set("pattern", filter.filter_pattern().unwrap_or_default())
            .set(
                "destination_arn",
                filter.destination_arn().unwrap_or_default(),
            )
    }));
    let policies = place
        .pages(
            "logs:DescribeAccountPolicies",
            |token| {
                client
                    .describe_account_policies()
                    .policy_type(PolicyType::SubscriptionFilterPolicy)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.account_policies.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    if let Some(failure) = &policies.failure {
        batch.part_failed(
            "log_subscription_filter",
            "policies of the account",
            failure,
        );
    }
    for policy in &policies.items {
        let document: serde_json::Value =
            serde_json::from_str(policy.policy_document().unwrap_or("{}")).unwrap_or_default();
        // A criterion leaves log groups out; which, its text says.
        let group = if policy.selection_criteria().unwrap_or_default().is_empty() {
            "*"
        } else {
            policy.selection_criteria().unwrap_or_default()
        };
        batch.rows.push(
            place
                .row("log_subscription_filter")
                .set(
                    "id",
                    format!("*/{}", policy.policy_name().unwrap_or_default()),
                )
                .set("log_group_name", group)
                .set(
                    "pattern",
                    document["FilterPattern"].as_str().unwrap_or_default(),
                )
                .set(
                    "destination_arn",
                    document["DestinationArn"].as_str().unwrap_or_default(),
                ),
        );
    }
    batch.count("log_subscription_filter");
    batch
}
