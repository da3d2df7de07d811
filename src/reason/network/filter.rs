//! Whether security groups let a workload reach an endpoint on port 443.

use crate::inventory::{Lookup, Row, World};
use crate::model::{Gap, Observed};
use Observed::{Known, Unknown};
use ipnet::IpNet;
use serde_json::Value as Json;

const HTTPS: i64 = 443;

/// One direction of one group: does a rule admit the peer?
fn rules_admit(rules: &Json, peer_groups: &[String], peer_nets: &[IpNet]) -> Observed<bool> {
    let mut lists = Vec::new();
    for rule in rules.as_array().into_iter().flatten() {
        let number = |key: &str| rule.get(key).and_then(Json::as_i64).unwrap_or(-1);
        let protocol = rule.get("protocol").and_then(Json::as_str).unwrap_or_default();
        let (from, to) = (number("from_port"), number("to_port"));
        let open = protocol == "-1" || matches!(protocol, "tcp" | "6") && (from == -1 || from <= HTTPS && HTTPS <= to);
        if !open {
            continue;
        }
        let texts = |key: &str| rule.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let net = texts("cidrs").filter_map(|cidr| cidr.parse::<IpNet>().ok()).any(|cidr| peer_nets.iter().any(|peer| cidr.contains(peer)));
        if net || texts("groups").any(|group| peer_groups.iter().any(|peer| peer == group)) {
            return Known(true);
        }
        // A range inside the peer's subnet admits some of its addresses.
        lists.extend(
            texts("cidrs")
                .filter(|cidr| cidr.parse::<IpNet>().is_ok_and(|cidr| peer_nets.iter().any(|peer| peer.contains(&cidr))))
                .map(|cidr| format!("the range {cidr} is a part of the subnet")),
        );
        lists.extend(texts("prefix_lists").map(|list| format!("the prefix list {list} is not read")));
    }
    if lists.is_empty() { Known(false) } else { Observed::gap(Gap::not_understood("vpc_security_group", lists.join("; "))) }
}

fn groups_admit(world: &World, account: &str, region: &str, groups: &[String], direction: &str, peer_groups: &[String], peer_nets: &[IpNet]) -> Observed<bool> {
    Observed::any(groups.iter().map(|group| match world.lookup("vpc_security_group", account, region, group) {
        Lookup::Found(row) => row.json(direction).and_then(|rules| rules_admit(&rules, peer_groups, peer_nets)),
        Lookup::Absent => {
            Observed::gap(Gap::not_understood("vpc_security_group", format!("the group `{group}` is not in the list; it may belong to another account")))
        }
        Lookup::Unknown(gaps) => Unknown(gaps),
    }))
}

/// Do the groups of both sides let the workload's subnet reach the endpoint? With the reason when they do not.
pub(in crate::reason) fn admits(world: &World, endpoint: Row<'_>, workload_groups: &[String], subnet: &str) -> Observed<(bool, String)> {
    let (account, region) = (endpoint.account(), endpoint.region());
    let net = match world.lookup("vpc_subnet", account, region, subnet) {
        Lookup::Found(row) => row.text("cidr_block").map(|cidr| cidr.parse::<IpNet>().into_iter().collect::<Vec<_>>()),
        Lookup::Absent => Known(Vec::new()),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    let endpoint_nets = endpoint.list("subnet_ids").and_then(|ids| {
        ids.iter().fold(Known(Vec::new()), |all: Observed<Vec<IpNet>>, id| {
            let net = match world.lookup("vpc_subnet", account, region, id) {
                Lookup::Found(row) => row.text("cidr_block").map(|cidr| cidr.parse::<IpNet>().ok()),
                Lookup::Absent => Known(None),
                Lookup::Unknown(gaps) => Unknown(gaps),
            };
            all.zip(net).map(|(mut all, net)| {
                all.extend(net);
                all
            })
        })
    });
    if workload_groups.is_empty() {
        return Observed::gap(Gap::not_understood("security_group_ids", "no security group is named, so the VPC's default group applies; it is not followed"));
    }
    net.zip(endpoint.list("security_group_ids")).zip(endpoint_nets).and_then(|((nets, endpoint_groups), endpoint_nets)| {
        let inward = groups_admit(world, account, region, &endpoint_groups, "ingress", workload_groups, &nets);
        let outward = groups_admit(world, account, region, workload_groups, "egress", &endpoint_groups, &endpoint_nets);
        match (inward, outward) {
            (Known(false), _) => Known((false, format!("no rule of {} admits the workload on port {HTTPS}", endpoint_groups.join(", ")))),
            (_, Known(false)) => Known((false, format!("no rule of {} lets the workload out to the endpoint on port {HTTPS}", workload_groups.join(", ")))),
            (inward, outward) => inward.zip(outward).map(|_| (true, format!("{} admits the workload on port {HTTPS}", endpoint_groups.join(", ")))),
        }
    })
}
