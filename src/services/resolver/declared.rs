//! How files declare them.

use crate::services::declared::{Declared, Later, Node, Rows, Spelling, Told};
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_route53_zone", "AWS::Route53::HostedZone"],
        map: zone,
    },
    Spelling {
        kinds: &["aws_route53_zone_association"],
        map: association,
    },
    Spelling {
        kinds: &["aws_route53_record", "AWS::Route53::RecordSet"],
        map: record,
    },
    Spelling {
        kinds: &[
            "aws_route53_resolver_rule",
            "AWS::Route53Resolver::ResolverRule",
        ],
        map: rule,
    },
    Spelling {
        kinds: &[
            "aws_route53_resolver_rule_association",
            "AWS::Route53Resolver::ResolverRuleAssociation",
        ],
        map: rule_association,
    },
    Spelling {
        kinds: &[
            "aws_route53_resolver_firewall_rule_group",
            "AWS::Route53Resolver::FirewallRuleGroup",
        ],
        map: firewall_rule_group,
    },
    Spelling {
        kinds: &["aws_route53_resolver_firewall_rule"],
        map: firewall_rule,
    },
    Spelling {
        kinds: &[
            "aws_route53_resolver_firewall_rule_group_association",
            "AWS::Route53Resolver::FirewallRuleGroupAssociation",
        ],
        map: firewall_association,
    },
];

fn plain(name: String) -> String {
    name.trim_end_matches('.').to_owned()
}

/// A zone with VPCs is private; public ones answer nobody inside.
fn zone(by: &Declared, rows: &mut Rows) {
    let vpcs = by.at("vpc|vpcs");
    if *vpcs == Node::Absent {
        return;
    }
    let name = by.at("name").text().map(plain);
    rows.row("route53_private_zone", by, by.id())
        .set("name", name.clone())
        .put("records", json!([]));
    for vpc in vpcs.items() {
        let item = name
            .clone()
            .map(|name| json!({"name": name, "id": by.id(), "owner": by.account_id}));
        rows.part(by, "vpc", vpc.at("vpc_id").id(), "private_zones", item);
    }
}

fn association(by: &Declared, rows: &mut Rows) {
    // The zone's name stands in the zone; the association alone does not tell it.
    let item = by
        .at("zone_id")
        .id()
        .map(|zone| json!({"name": "", "id": zone, "owner": by.account_id}));
    rows.part(by, "vpc", by.at("vpc_id").id(), "private_zones", item);
}

fn record(by: &Declared, rows: &mut Rows) {
    let facts = (
        by.at("name").text(),
        by.at("type").text(),
        by.at("records|resource_records").ids().or(Vec::new()),
        by.at("alias|alias_target").at("name|dns_name").id(),
    );
    let item = match facts {
        (Told::Known(name), Told::Known(kind), Told::Known(values), alias) => {
            let alias = alias.known().map_or(Json::Null, Json::from);
            Told::Known(
                json!({"name": plain(name), "type": kind, "values": values, "alias": alias}),
            )
        }
        (Told::Unknown(later), ..)
        | (_, Told::Unknown(later), ..)
        | (_, _, Told::Unknown(later), _) => Told::Unknown(later),
        _ => Told::Absent,
    };
    rows.part(
        by,
        "route53_private_zone",
        by.at("zone_id|hosted_zone_id").id(),
        "records",
        item,
    );
}

fn rule(by: &Declared, rows: &mut Rows) {
    let targets = by
        .at("target_ip|target_ips")
        .items()
        .iter()
        .filter_map(|target| target.at("ip").text().known())
        .collect::<Vec<_>>();
    rows.row("route53_resolver_rule", by, by.id())
        .set("domain_name", by.at("domain_name").text().map(plain))
        .set("rule_type", by.at("rule_type").text())
        .put("target_ips", targets)
        .put("owner_id", by.account_id.as_str());
}

fn rule_association(by: &Declared, rows: &mut Rows) {
    rows.row("route53_resolver_rule_association", by, by.id())
        .set("rule_id", by.at("resolver_rule_id").id())
        .set("vpc_id", by.at("vpc_id").id());
}

/// The names that rules are about stand in lists of their own, which no table holds.
fn unread<T>() -> Told<T> {
    Told::Unknown(Later {
        why: "the domain lists of its rules are not read from files".to_owned(),
        ..Later::default()
    })
}

fn firewall_rule_group(by: &Declared, rows: &mut Rows) {
    let rules = if by.at("firewall_rules").items().is_empty() {
        Told::Known(json!([]))
    } else {
        unread()
    };
    rows.row("route53_firewall_rule_group", by, by.id())
        .put("name", by.name("name"))
        .set("rules", rules);
}

fn firewall_rule(by: &Declared, rows: &mut Rows) {
    rows.part(
        by,
        "route53_firewall_rule_group",
        by.at("firewall_rule_group_id").id(),
        "rules",
        unread(),
    );
}

fn firewall_association(by: &Declared, rows: &mut Rows) {
    rows.row("route53_firewall_rule_group_association", by, by.id())
        .set("rule_group_id", by.at("firewall_rule_group_id").id())
        .set("vpc_id", by.at("vpc_id").id())
        .set("priority", by.at("priority").int());
}
