//! Route 53 Resolver DNS Firewall: names that a VPC's resolver refuses to answer.

use super::Spot;
use crate::inventory::{Lookup, World};
use crate::model::{Gap, Observed, Reason, merge};
use Observed::{Known, Unknown};
use serde_json::Value as Json;

/// Is a name one of a list's? `example.com` is itself alone, `*.example.com` everything below, `*` everything
/// (Route 53 Developer Guide, "Resolver DNS Firewall domain lists").
fn listed(domain: &str, host: &str) -> bool {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    match domain.strip_prefix('*') {
        Some(rest) => host.ends_with(rest) && host.len() > rest.len(),
        None => domain == host,
    }
}

/// Stands for the priority of a group that a profile holds; where it comes among the others is not told.
const OF_A_PROFILE: i64 = i64::MAX;

/// The group ids that count in a VPC with their priorities: by association, or by a profile, whose order among them is not told.
fn groups(world: &World, spot: &Spot) -> (Vec<(i64, String)>, Vec<Gap>) {
    let associations = world.children(
        "route53_firewall_rule_group_association",
        &spot.account,
        &spot.region,
        "vpc_id",
        &spot.vpc,
    );
    let (mut groups, mut gaps) = (Vec::new(), associations.gaps);
    for row in associations.rows {
        match row.text("rule_group_id").zip(row.int("priority")) {
            Known((group, priority)) => groups.push((priority, group.to_owned())),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    let profiles = world.children(
        "route53_profile_association",
        &spot.account,
        &spot.region,
        "vpc_id",
        &spot.vpc,
    );
    gaps = merge(gaps, profiles.gaps);
    for row in profiles.rows {
        let held = match row.json("resources") {
            Known(held) => held,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        let arns = held
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|resource| resource["arn"].as_str());
        groups.extend(
            arns.filter(|arn| arn.contains(":firewall-rule-group/"))
                .map(|arn| {
                    (
                        OF_A_PROFILE,
                        arn.rsplit('/').next().unwrap_or_default().to_owned(),
                    )
                }),
        );
    }
    groups.sort();
    (groups, gaps)
}

/// What the firewall does to a query for a name: the rule that blocks it, or nothing.
pub(crate) fn blocks(world: &World, spot: &Spot, host: &str) -> Observed<Option<String>> {
    let (groups, gaps) = groups(world, spot);
    if !gaps.is_empty() {
        return Unknown(gaps);
    }
    let mut alerted = false;
    let several = groups.len() > 1;
    for (priority, group) in groups {
        let row = match world.lookup_anywhere("route53_firewall_rule_group", &group) {
            Lookup::Found(row) => row,
            Lookup::Absent => {
                let gap = Gap::not_understood(
                    "route53_firewall_rule_group",
                    format!("the rule group `{group}` is in no account of this run"),
                );
                return Unknown(vec![Gap {
                    reason: Reason::NotScanned,
                    ..gap
                }]);
            }
            Lookup::Unknown(gaps) => return Unknown(gaps),
        };
        let mut rules: Vec<Json> = match row.json("rules") {
            Known(rules) => rules.as_array().cloned().unwrap_or_default(),
            Unknown(gaps) => return Unknown(gaps),
        };
        rules.sort_by_key(|rule| rule["priority"].as_i64().unwrap_or(i64::MAX));
        for rule in rules {
            let named = rule["domains"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .any(|domain| listed(domain, host));
            // What is about other types of records is about no address.
            let kind = rule["query_type"].as_str().unwrap_or_default();
            if !named || !matches!(kind, "" | "A" | "AAAA") {
                continue;
            }
            let name = rule["name"].as_str().unwrap_or_default();
            if !kind.is_empty() || several && priority == OF_A_PROFILE {
                let why = format!(
                    "the rule {name} of {group} is about {host}, for one type of address alone or in an order that is not told"
                );
                return Observed::gap(Gap::not_understood(
                    "route53_firewall_rule_group.rules",
                    why,
                ));
            }
            match (
                rule["action"].as_str().unwrap_or_default(),
                rule["response"].as_str().unwrap_or_default(),
            ) {
                ("ALLOW", _) => return Known(None),
                ("ALERT", _) => alerted = true,
                ("BLOCK", _) if alerted => {
                    let why = format!(
                        "a rule of {group} reports {host}, and {name} blocks it; which of them ends the query is not documented"
                    );
                    return Observed::gap(Gap::not_understood(
                        "route53_firewall_rule_group.rules",
                        why,
                    ));
                }
                ("BLOCK", "OVERRIDE") => {
                    let why = format!("the rule {name} of {group} gives another answer for {host}");
                    return Observed::gap(Gap::not_understood(
                        "route53_firewall_rule_group.rules",
                        why,
                    ));
                }
                ("BLOCK", _) => {
                    return Known(Some(format!(
                        "the rule {name} of the DNS firewall group {group} blocks {host}"
                    )));
                }
                (action, _) => {
                    return Observed::gap(Gap::not_understood(
                        "route53_firewall_rule_group.rules",
                        format!("the action {action} of {name} is not known"),
                    ));
                }
            }
        }
    }
    Known(None)
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn a_star_is_everything_below() {
        let host = "bedrock-runtime.eu-west-1.amazonaws.com";
        for (domain, found) in [
            ("*", true),
            ("*.amazonaws.com", true),
            ("amazonaws.com", false),
            (host, true),
            ("*.bedrock-runtime.eu-west-1.amazonaws.com", false),
            ("", false),
        ] {
            assert_eq!(listed(domain, host), found, "{domain}");
        }
    }
}
