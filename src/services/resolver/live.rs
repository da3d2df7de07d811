//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};
use crate::services::failure::Failure;
use aws_sdk_route53::types::{HostedZone, ResourceRecordSet};
use aws_sdk_route53profiles::types::ProfileAssociation;
use serde_json::{Value as Json, json};

fn plain(name: &str) -> &str {
    name.trim_end_matches('.')
}

/// Can the zone hold a name that an SDK asks for?
fn holds_aws(name: &str) -> bool {
    let name = plain(name);
    let inside = |name: &str, domain: &str| name == domain || name.ends_with(&format!(".{domain}"));
    name.is_empty()
        || ["amazonaws.com", "api.aws", "amazonaws.com.cn"]
            .iter()
            .any(|root| inside(name, root) || inside(root, name))
}

fn record(record: &ResourceRecordSet) -> Json {
    json!({
        "name": plain(record.name()).replace("\\052", "*"), "type": record.r#type().as_str(),
        "values": record.resource_records().iter().map(|value| plain(value.value())).collect::<Vec<_>>(),
        "alias": record.alias_target().map_or("", |target| plain(target.dns_name())),
    })
}

async fn records(
    place: &Place<'_>,
    client: &aws_sdk_route53::Client,
    zone: &str,
) -> Result<Json, Failure> {
    // The next page is named by three values; they travel as one token.
    let listing = place
        .pages(
            "route53:ListResourceRecordSets",
            |token| {
                let token = token.unwrap_or_default();
                let mut parts = token
                    .split('\n')
                    .map(str::to_owned)
                    .map(|part| (!part.is_empty()).then_some(part));
                let (name, kind, id) = (
                    parts.next().flatten(),
                    parts.next().flatten(),
                    parts.next().flatten(),
                );
                client
                    .list_resource_record_sets()
                    .hosted_zone_id(zone)
                    .set_start_record_name(name)
                    .set_start_record_type(kind.map(|kind| kind.as_str().into()))
                    .set_start_record_identifier(id)
                    .send()
            },
            |answer| {
                let next = answer.is_truncated.then(|| {
                    [
                        answer.next_record_name.clone(),
                        answer
                            .next_record_type
                            .as_ref()
                            .map(|kind| kind.as_str().to_owned()),
                        answer.next_record_identifier.clone(),
                    ]
                    .map(Option::unwrap_or_default)
                    .join("\n")
                });
                (answer.resource_record_sets, next)
            },
        )
        .await;
    match listing.failure {
        Some(failure) => Err(failure),
        None => Ok(listing.items.iter().map(record).collect()),
    }
}

pub(in crate::services) async fn private_zones(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_route53, place);
    let mut listing = place
        .pages(
            "route53:ListHostedZones",
            |token| client.list_hosted_zones().set_marker(token).send(),
            |answer| {
                let next = answer.next_marker.filter(|_| answer.is_truncated);
                (answer.hosted_zones, next)
            },
        )
        .await;
    listing.items.retain(|zone| {
        zone.config().is_some_and(|config| config.private_zone()) && holds_aws(zone.name())
    });
    let mut batch = Batch::default();
    batch.listed(place, "route53_private_zone", &listing);
    let id = |zone: &HostedZone| zone.id().rsplit('/').next().unwrap_or_default().to_owned();
    let all = &listing.items;
    let details = place
        .details(
            &mut batch,
            "route53_private_zone",
            "records",
            all,
            id,
            |index| records(place, &client, all[index].id()),
        )
        .await;
    for (zone, records) in all.iter().zip(details) {
        let mut row = place
            .row("route53_private_zone")
            .set("zone_id", id(zone))
            .set("name", plain(zone.name()));
        if let Some(records) = records {
            row.put("records", records);
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn rules(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_route53resolver, place);
    let listing = place
        .pages(
            "route53resolver:ListResolverRules",
            |token| client.list_resolver_rules().set_next_token(token).send(),
            |answer| (answer.resolver_rules.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "route53_resolver_rule", &listing);
    batch.rows.extend(listing.items.iter().map(|rule| {
        let targets = rule
            .target_ips()
            .iter()
            .filter_map(|target| target.ip().or(target.ipv6()).map(str::to_owned));
        place
            .row("route53_resolver_rule")
            .set("id", rule.id())
            .set("domain_name", rule.domain_name().map(plain))
            .set("rule_type", rule.rule_type().map(|kind| kind.as_str()))
            .set("target_ips", targets.collect::<Vec<_>>())
            .set("owner_id", rule.owner_id().unwrap_or_default())
    }));
    batch
}

pub(in crate::services) async fn rule_associations(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_route53resolver, place);
    let listing = place
        .pages(
            "route53resolver:ListResolverRuleAssociations",
            |token| {
                client
                    .list_resolver_rule_associations()
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.resolver_rule_associations.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "route53_resolver_rule_association", &listing);
    batch.rows.extend(listing.items.iter().map(|association| {
        place
            .row("route53_resolver_rule_association")
            .set("id", association.id())
            .set("rule_id", association.resolver_rule_id())
            .set("vpc_id", association.vpc_id())
    }));
    batch
}

/// The rules of a group with the domains that they name.
async fn firewall_rules(
    place: &Place<'_>,
    client: &aws_sdk_route53resolver::Client,
    group: &str,
) -> Result<Json, Failure> {
    let rules = place
        .pages(
            "route53resolver:ListFirewallRules",
            |token| {
                client
                    .list_firewall_rules()
                    .firewall_rule_group_id(group)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.firewall_rules.unwrap_or_default(), answer.next_token),
        )
        .await;
    if let Some(failure) = rules.failure {
        return Err(failure);
    }
    let mut all = Vec::new();
    for rule in &rules.items {
        let mut domains = Json::Null;
        if let Some(list) = rule.firewall_domain_list_id() {
            let found = place
                .call("route53resolver:GetFirewallDomainList", || {
                    client
                        .get_firewall_domain_list()
                        .firewall_domain_list_id(list)
                        .send()
                })
                .await?;
            // What AWS manages it does not show.
            if found
                .firewall_domain_list()
                .is_none_or(|list| list.managed_owner_name().is_none_or(str::is_empty))
            {
                let names = place
                    .pages(
                        "route53resolver:ListFirewallDomains",
                        |token| {
                            client
                                .list_firewall_domains()
                                .firewall_domain_list_id(list)
                                .set_next_token(token)
                                .send()
                        },
                        |answer| (answer.domains.unwrap_or_default(), answer.next_token),
                    )
                    .await;
                if let Some(failure) = names.failure {
                    return Err(failure);
                }
                domains = names.items.iter().map(|name| plain(name)).collect();
            }
        }
        all.push(json!({
            "name": rule.name(), "priority": rule.priority(), "action": rule.action().map(|action| action.as_str()),
            "response": rule.block_response().map(|response| response.as_str()), "query_type": rule.qtype(), "domains": domains,
        }));
    }
    Ok(Json::Array(all))
}

pub(in crate::services) async fn firewall_rule_groups(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_route53resolver, place);
    let listing = place
        .pages(
            "route53resolver:ListFirewallRuleGroups",
            |token| {
                client
                    .list_firewall_rule_groups()
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.firewall_rule_groups.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "route53_firewall_rule_group", &listing);
    let all = &listing.items;
    let id = |group: &aws_sdk_route53resolver::types::FirewallRuleGroupMetadata| {
        group.id().unwrap_or_default().to_owned()
    };
    let details = place
        .details(
            &mut batch,
            "route53_firewall_rule_group",
            "rules",
            all,
            id,
            |index| firewall_rules(place, &client, all[index].id().unwrap_or_default()),
        )
        .await;
    batch
        .rows
        .extend(all.iter().zip(details).map(|(group, rules)| {
            place
                .row("route53_firewall_rule_group")
                .set("id", group.id())
                .set("name", group.name())
                .set("rules", rules)
        }));
    batch
}

pub(in crate::services) async fn firewall_associations(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_route53resolver, place);
    let listing = place
        .pages(
            "route53resolver:ListFirewallRuleGroupAssociations",
            |token| {
                client
                    .list_firewall_rule_group_associations()
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.firewall_rule_group_associations.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "route53_firewall_rule_group_association", &listing);
    batch.rows.extend(listing.items.iter().map(|association| {
        place
            .row("route53_firewall_rule_group_association")
            .set("id", association.id())
            .set("rule_group_id", association.firewall_rule_group_id())
            .set("vpc_id", association.vpc_id())
            .set("priority", association.priority().map(i64::from))
    }));
    batch
}

async fn resources(
    place: &Place<'_>,
    client: &aws_sdk_route53profiles::Client,
    profile: &str,
) -> Result<Json, Failure> {
    let listing = place
        .pages(
            "route53profiles:ListProfileResourceAssociations",
            |token| {
                client
                    .list_profile_resource_associations()
                    .profile_id(profile)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.profile_resource_associations.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    match listing.failure {
        Some(failure) => Err(failure),
        None => Ok(listing.items.iter().map(|resource| json!({"arn": resource.resource_arn(), "type": resource.resource_type()})).collect()),
    }
}

pub(in crate::services) async fn profiles(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_route53profiles, place);
    let listing = place
        .pages(
            "route53profiles:ListProfileAssociations",
            |token| {
                client
                    .list_profile_associations()
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.profile_associations.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "route53_profile_association", &listing);
    let key = |association: &ProfileAssociation| association.id().unwrap_or_default().to_owned();
    let all = &listing.items;
    let details = place
        .details(
            &mut batch,
            "route53_profile_association",
            "resources",
            all,
            key,
            |index| resources(place, &client, all[index].profile_id().unwrap_or_default()),
        )
        .await;
    for (association, resources) in all.iter().zip(details) {
        let mut row = place
            .row("route53_profile_association")
            .set("id", association.id())
            .set("profile_id", association.profile_id())
            .set("vpc_id", association.resource_id());
        if let Some(resources) = resources {
            row.put("resources", resources);
        }
        batch.rows.push(row);
    }
    batch
}
