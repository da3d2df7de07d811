//! Amazon Route 53: who answers for the names of AWS inside a VPC.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{int, json, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

mod read;

/// Private zones for names of AWS.
pub const PRIVATE_ZONE: Table = Table {
    name: "route53_private_zone",
    doc: "Private hosted zones that can hold names of AWS services (`amazonaws.com`, `api.aws`, and above), with their records.",
    key: "zone_id",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("zone_id", "Id without `/hostedzone/`."),
        text("name", "Name without the last dot; empty for the root."),
        json("records", "`[{name, type, values, alias}]`; `alias` is the name that an alias record leads to; names without the last dot.")
            .by(&["records"])
            .shaped(read::records),
    ],
    reads: &[Read::new("list", "route53:ListHostedZones"), Read::new("records", "route53:ListResourceRecordSets")],
    lists: Inputs::NONE,
};

/// Resolver rules.
pub const RULE: Table = Table {
    name: "route53_resolver_rule",
    doc: "Resolver rules, shared ones included.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text(
            "domain_name",
            "Domain without the last dot; empty for every name.",
        ),
        text(
            "rule_type",
            "`FORWARD`, `SYSTEM`, `RECURSIVE` or `DELEGATE`.",
        )
        .words(&["FORWARD", "SYSTEM", "RECURSIVE", "DELEGATE"]),
        list("target_ips", "Name servers that it forwards to."),
        text("owner_id", "Account that owns it.").absent("''"),
    ],
    reads: &[Read::new("list", "route53resolver:ListResolverRules")],
    lists: Inputs::NONE,
};

/// Their associations.
pub const RULE_ASSOCIATION: Table = Table {
    name: "route53_resolver_rule_association",
    doc: "Which VPC a resolver rule counts in.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text("rule_id", "Rule."),
        text("vpc_id", "VPC."),
    ],
    reads: &[Read::new(
        "list",
        "route53resolver:ListResolverRuleAssociations",
    )],
    lists: Inputs::NONE,
};

/// Profiles of VPCs.
pub const PROFILE_ASSOCIATION: Table = Table {
    name: "route53_profile_association",
    doc: "Route 53 Profiles that count in a VPC, with all that they hold.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text("profile_id", "Profile."),
        text("vpc_id", "VPC."),
        json(
            "resources",
            "`[{arn, type}]`: hosted zones, resolver rules, firewall rule groups, VPC endpoints.",
        )
        .by(&["resources"])
        .shaped(read::resources),
    ],
    reads: &[
        Read::new("list", "route53profiles:ListProfileAssociations"),
        Read::new(
            "resources",
            "route53profiles:ListProfileResourceAssociations",
        ),
    ],
    lists: Inputs::NONE,
};

/// Rule groups of DNS Firewall.
pub const FIREWALL_RULE_GROUP: Table = Table {
    name: "route53_firewall_rule_group",
    doc: "Rule groups of Route 53 Resolver DNS Firewall, shared ones included.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text("name", "Name."),
        json("rules", "`[{name, priority, action, response, query_type, domains}]`; `query_type` is null for every type, `domains` is null for lists that AWS manages and for rules that detect threats.")
            .by(&["rules"])
            .shaped(read::firewall_rules),
    ],
    reads: &[
        Read::new("list", "route53resolver:ListFirewallRuleGroups"),
        Read::with(
            "rules",
            "route53resolver:ListFirewallRules",
            &["route53resolver:ListFirewallRules", "route53resolver:GetFirewallDomainList", "route53resolver:ListFirewallDomains"],
        ),
    ],
    lists: Inputs::NONE,
};

/// Their associations.
pub const FIREWALL_ASSOCIATION: Table = Table {
    name: "route53_firewall_rule_group_association",
    doc: "Which VPC a rule group of DNS Firewall counts in.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text("rule_group_id", "Rule group."),
        text("vpc_id", "VPC."),
        int("priority", "Groups of a VPC are asked in this order."),
    ],
    reads: &[Read::new(
        "list",
        "route53resolver:ListFirewallRuleGroupAssociations",
    )],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[
        &PRIVATE_ZONE,
        &RULE,
        &RULE_ASSOCIATION,
        &PROFILE_ASSOCIATION,
        &FIREWALL_RULE_GROUP,
        &FIREWALL_ASSOCIATION,
    ],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["route53_private_zone"],
            span: Span::Global,
            run: |place| Box::pin(live::private_zones(place)),
        },
        Collector {
            tables: &["route53_resolver_rule"],
            span: Span::Regional,
            run: |place| Box::pin(live::rules(place)),
        },
        Collector {
            tables: &["route53_resolver_rule_association"],
            span: Span::Regional,
            run: |place| Box::pin(live::rule_associations(place)),
        },
        Collector {
            tables: &["route53_profile_association"],
            span: Span::Regional,
            run: |place| Box::pin(live::profiles(place)),
        },
        Collector {
            tables: &["route53_firewall_rule_group"],
            span: Span::Regional,
            run: |place| Box::pin(live::firewall_rule_groups(place)),
        },
        Collector {
            tables: &["route53_firewall_rule_group_association"],
            span: Span::Regional,
            run: |place| Box::pin(live::firewall_associations(place)),
        },
    ],
};
