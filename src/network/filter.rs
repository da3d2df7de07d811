//! Security groups and network ACLs on port 443.

use super::Spot;
use super::address::{is_private, net_of};
use crate::inventory::{Children, Lookup, Row, World};
use crate::model::{Gap, Observed, merge};
use Observed::{Known, Unknown};
use ipnet::IpNet;
use serde_json::Value as Json;

const HTTPS: i64 = 443;
/// Ports that answers come back to (Linux and NAT gateways; VPC User Guide, "Ephemeral ports").
const ANSWERS: (i64, i64) = (32_768, 60_999);

/// How far two sides are apart: security groups know each other's names only when they are near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distance {
    /// In one VPC.
    Same,
    /// In peered VPCs.
    Peered,
    /// Over a transit gateway, where names of groups count only under options that are not read.
    Far,
}

fn texts<'j>(rule: &'j Json, key: &str) -> impl Iterator<Item = &'j str> {
    rule.get(key)
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
}

fn number(rule: &Json, key: &str) -> i64 {
    rule.get(key).and_then(Json::as_i64).unwrap_or(-1)
}

fn is_open(rule: &Json, (from, to): (i64, i64)) -> bool {
    let protocol = rule
        .get("protocol")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let (low, high) = (number(rule, "from_port"), number(rule, "to_port"));
    protocol == "-1" || matches!(protocol, "tcp" | "6") && (low == -1 || low <= from && to <= high)
}

/// The ranges of a prefix list.
fn entries(world: &World, account: &str, region: &str, list: &str) -> Observed<Vec<IpNet>> {
    match world.lookup("ec2_managed_prefix_list", account, region, list) {
        Lookup::Found(row) => row
            .list("entries")
            .map(|all| all.iter().filter_map(|entry| entry.parse().ok()).collect()),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "ec2_managed_prefix_list",
            format!("the prefix list {list} is not in the list"),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// The other side, as one side's rules see it.
struct Peer<'p> {
    groups: &'p [String],
    nets: &'p [IpNet],
    distance: Distance,
}

/// One direction of the groups of one side: does a rule admit the peer?
fn groups_admit(
    world: &World,
    account: &str,
    region: &str,
    groups: &[String],
    direction: &str,
    peer: &Peer<'_>,
) -> Observed<bool> {
    Observed::any(groups.iter().map(|group| {
        match world.lookup("vpc_security_group", account, region, group) {
            Lookup::Found(row) => row
                .json(direction)
                .and_then(|rules| rules_admit(world, account, region, &rules, peer)),
            Lookup::Absent => Observed::gap(Gap::not_understood(
                "vpc_security_group",
                format!("the group `{group}` is not in the list; it may belong to another account"),
            )),
            Lookup::Unknown(gaps) => Unknown(gaps),
        }
    }))
}

fn rules_admit(
    world: &World,
    account: &str,
    region: &str,
    rules: &Json,
    peer: &Peer<'_>,
) -> Observed<bool> {
    let mut gaps = Vec::new();
    for rule in rules
        .as_array()
        .into_iter()
        .flatten()
        .filter(|rule| is_open(rule, (HTTPS, HTTPS)))
    {
        let mut cidrs: Vec<IpNet> = texts(rule, "cidrs")
            .filter_map(|cidr| cidr.parse().ok())
            .collect();
        for list in texts(rule, "prefix_lists") {
            match entries(world, account, region, list) {
                Known(more) => cidrs.extend(more),
                Unknown(more) => gaps.extend(more),
            }
        }
        if cidrs
            .iter()
            .any(|cidr| peer.nets.iter().any(|net| cidr.contains(net)))
        {
            return Known(true);
        }
        if texts(rule, "groups").any(|group| peer.groups.iter().any(|own| own == group)) {
            if peer.distance != Distance::Far {
                return Known(true);
            }
            gaps.push(Gap::not_understood(
                "vpc_security_group",
                "a rule names the group of the other side; over a transit gateway that counts only under an option that is not read",
            ));
        }
        // A range inside the peer's subnet admits some of its addresses.
        gaps.extend(
            cidrs
                .iter()
                .filter(|cidr| peer.nets.iter().any(|net| net.contains(*cidr)))
                .map(|cidr| {
                    Gap::not_understood(
                        "vpc_security_group",
                        format!("the range {cidr} is a part of the subnet"),
                    )
                }),
        );
    }
    if gaps.is_empty() {
        Known(false)
    } else {
        Unknown(gaps)
    }
}

/// The groups of an interface; where none is named the VPC's default group counts.
fn effective(
    world: &World,
    account: &str,
    region: &str,
    vpc: &str,
    named: &[String],
) -> Observed<Vec<String>> {
    if !named.is_empty() {
        return Known(named.to_vec());
    }
    let Children { rows, gaps } =
        world.children("vpc_security_group", account, region, "vpc_id", vpc);
    match rows.iter().find(|row| row.text("name") == Known("default")) {
        Some(row) => Known(vec![row.key().to_owned()]),
        None if gaps.is_empty() => Observed::gap(Gap::not_understood(
            "security_group_ids",
            "no security group is named, and the VPC's default group is not in the list",
        )),
        None => Unknown(gaps),
    }
}

/// The network ACL of a subnet. A subnet without a listed ACL is unknown.
pub(crate) fn acl_of<'w>(world: &'w World, spot: &Spot) -> Observed<Row<'w>> {
    let Children { rows, gaps } = world.children(
        "vpc_network_acl",
        &spot.account,
        &spot.region,
        "vpc_id",
        &spot.vpc,
    );
    let own = rows.iter().find(|row| {
        row.list("subnet_ids")
            .known()
            .is_some_and(|ids| ids.contains(&spot.subnet))
    });
    // The default one counts only where it is known that no other does.
    let gaps = rows.iter().fold(gaps, |gaps, row| {
        merge(gaps, row.list("subnet_ids").gaps().to_vec())
    });
    let default = rows
        .iter()
        .filter(|_| gaps.is_empty())
        .find(|row| row.flag("is_default") == Known(true));
    match own.or(default) {
        Some(row) => Known(*row),
        None if gaps.is_empty() => Observed::gap(Gap::not_understood(
            "vpc_network_acl",
            format!("no network ACL of {} is in the list", spot.subnet),
        )),
        None => Unknown(gaps),
    }
}

/// What the network ACL of a subnet does to a peer: passes or not, with the rule that decides.
fn acl(
    world: &World,
    spot: &Spot,
    egress: bool,
    peer: &[IpNet],
    ports: (i64, i64),
    whole: bool,
) -> Observed<Result<String, String>> {
    acl_of(world, spot).and_then(|row| {
        row.json("entries")
            .and_then(|entries| decide(row.key(), &entries, egress, peer, ports, whole))
    })
}

/// Rules by their numbers; the first that covers the traffic decides. Rules for a part of it leave the rest open, so that a
/// part that is denied (where all has to pass) or a part that is allowed (where nothing else is) could not be determined.
fn decide(
    acl: &str,
    entries: &Json,
    egress: bool,
    peer: &[IpNet],
    (from, to): (i64, i64),
    whole: bool,
) -> Observed<Result<String, String>> {
    let mut rules: Vec<&Json> = entries
        .as_array()
        .into_iter()
        .flatten()
        .filter(|rule| rule.get("egress").and_then(Json::as_bool) == Some(egress))
        .collect();
    rules.sort_by_key(|rule| number(rule, "number"));
    let direction = if egress { "out" } else { "in" };
    let part = |rule: i64, does: &str| {
        Observed::gap(Gap::not_understood(
            "vpc_network_acl",
            format!("rule {rule} of {acl} {does} a part of the addresses or ports alone"),
        ))
    };
    for net in peer {
        let mut some = None;
        let mut passed = false;
        for rule in &rules {
            let number_of = number(rule, "number");
            let cidr = match rule
                .get("cidr")
                .and_then(Json::as_str)
                .map(str::parse::<IpNet>)
            {
                Some(Ok(cidr)) => cidr,
                _ => {
                    return Observed::gap(Gap::not_understood(
                        "vpc_network_acl",
                        format!("rule {number_of} of {acl} names no range"),
                    ));
                }
            };
            let protocol = rule
                .get("protocol")
                .and_then(Json::as_str)
                .unwrap_or_default();
            if !matches!(protocol, "-1" | "6" | "tcp") {
                continue;
            }
            let (low, high) = (number(rule, "from_port"), number(rule, "to_port"));
            let all_ports = protocol == "-1" || low == -1;
            if !(cidr.contains(net) || net.contains(&cidr))
                || !all_ports && (high < from || to < low)
            {
                continue;
            }
            let allows = rule.get("action").and_then(Json::as_str) == Some("allow");
            if cidr.contains(net) && (all_ports || low <= from && to <= high) {
                match (allows, some) {
                    (true, _) => passed = true,
                    (false, Some(earlier)) => return part(earlier, "allows"),
                    (false, None) => {
                        return Known(Err(format!(
                            "rule {number_of} of {acl} denies {net} {direction}"
                        )));
                    }
                }
                break;
            }
            if !allows && whole {
                return part(number_of, "denies");
            }
            // Private ranges are no part of public addresses.
            if allows && (whole || !is_private(&cidr)) {
                some = some.or(Some(number_of));
            }
        }
        match (passed, some) {
            (true, _) => {}
            (false, Some(earlier)) => return part(earlier, "allows"),
            (false, None) => return Known(Err(format!("no rule of {acl} lets {net} {direction}"))),
        }
    }
    Known(Ok(format!("{acl} lets it {direction}")))
}

/// What may add rules to groups without the file showing it.
fn more_rules(world: &World, groups: &[String]) -> Vec<Gap> {
    groups.iter().fold(Vec::new(), |gaps, group| {
        merge(gaps, world.companions(group))
    })
}

/// One thing that a call passes on its way: `security-group` or `network-acl`, its id, and the rule.
pub(crate) type Passed = (&'static str, String, String);

/// Do the filters of both sides let a subnet reach an endpoint on port 443, and the answer back? What it passes, or what refuses it.
pub(crate) fn between(
    world: &World,
    client: &Spot,
    user: &str,
    groups: &[String],
    endpoint: Row<'_>,
    at: &Spot,
    distance: Distance,
) -> Observed<Result<Vec<Passed>, Passed>> {
    let net = |spot: &Spot| {
        net_of(world, &spot.account, &spot.region, &spot.subnet).and_then(|net| match net {
            Some(net) => Known(vec![net]),
            None => Observed::gap(Gap::not_understood(
                "vpc_subnet.cidr_block",
                format!("the IPv4 range of {} is not in the list", spot.subnet),
            )),
        })
    };
    let groups = effective(world, user, &client.region, &client.vpc, groups);
    let theirs = endpoint.list("security_group_ids").and_then(|named| {
        effective(
            world,
            endpoint.account(),
            endpoint.region(),
            &at.vpc,
            &named,
        )
    });
    net(client).zip(net(at)).zip(groups.zip(theirs)).and_then(
        |((here, there), (groups, theirs))| {
            let inward = groups_admit(
                world,
                endpoint.account(),
                endpoint.region(),
                &theirs,
                "ingress",
                &Peer {
                    groups: &groups,
                    nets: &here,
                    distance,
                },
            );
            let outward = groups_admit(
                world,
                user,
                &client.region,
                &groups,
                "egress",
                &Peer {
                    groups: &theirs,
                    nets: &there,
                    distance,
                },
            );
            // Whoever is handed a group of a file may add the rule that is missing.
            let refused = |ids: &[String], why: String| match more_rules(world, ids) {
                gaps if gaps.is_empty() => Known(Err(("security-group", ids.join(","), why))),
                gaps => Unknown(gaps),
            };
            if inward.is_false() {
                return refused(
                    &theirs,
                    format!(
                        "no rule of {} admits the workload on port {HTTPS}",
                        theirs.join(", ")
                    ),
                );
            }
            if outward.is_false() {
                return refused(
                    &groups,
                    format!(
                        "no rule of {} lets the workload out to the endpoint on port {HTTPS}",
                        groups.join(", ")
                    ),
                );
            }
            let mut passed: Vec<Passed> = vec![(
                "security-group",
                theirs.join(","),
                format!("{} admits the workload on port {HTTPS}", theirs.join(", ")),
            )];
            // Within one subnet no ACL is asked.
            if client != at {
                let asked = [
                    (client, true, &there, (HTTPS, HTTPS)),
                    (at, false, &here, (HTTPS, HTTPS)),
                    (at, true, &here, ANSWERS),
                    (client, false, &there, ANSWERS),
                ];
                let mut answers = Vec::new();
                for (spot, egress, peer, ports) in asked {
                    match acl(world, spot, egress, peer, ports, true) {
                        Known(Err(why)) => {
                            return Known(Err(("network-acl", spot.subnet.clone(), why)));
                        }
                        answer => answers.push(answer),
                    }
                }
                let all = answers.into_iter().fold(
                    Known(Vec::new()),
                    |all: Observed<Vec<String>>, next| {
                        all.zip(next).map(|(mut all, next)| {
                            all.extend(next.ok());
                            all
                        })
                    },
                );
                match all {
                    Known(mut all) => {
                        all.dedup();
                        passed.push((
                            "network-acl",
                            format!("{},{}", client.subnet, at.subnet),
                            all.join("; "),
                        ));
                    }
                    Unknown(gaps) => return inward.zip(outward).and_then(|_| Unknown(gaps)),
                }
            }
            inward.zip(outward).map(|_| Ok(passed))
        },
    )
}

/// Does the network ACL of a gateway's subnet let public addresses through both ways? What refuses it, if so.
pub(crate) fn gateway_acl(world: &World, spot: &Spot) -> Observed<Option<String>> {
    let Ok(everyone) = "0.0.0.0/0".parse::<IpNet>() else {
        return Known(None);
    };
    let mut open = Known(());
    for (egress, ports) in [(true, (HTTPS, HTTPS)), (false, ANSWERS)] {
        match acl(world, spot, egress, &[everyone], ports, false) {
            Known(Err(why)) => return Known(Some(why)),
            answer => open = open.zip(answer).map(|_| ()),
        }
    }
    open.map(|()| None)
}

/// Do the filters of a subnet let anything out to public addresses on port 443, and the answer back? What refuses it, if so.
pub(crate) fn outward(
    world: &World,
    client: &Spot,
    user: &str,
    groups: &[String],
    six: bool,
) -> Observed<Option<Passed>> {
    effective(world, user, &client.region, &client.vpc, groups).and_then(|groups| {
        let leaves = Observed::any(groups.iter().map(|group| {
            match world.lookup("vpc_security_group", user, &client.region, group) {
                Lookup::Found(row) => row
                    .json("egress")
                    .and_then(|rules| rules_let_out(world, user, &client.region, &rules, six)),
                Lookup::Absent => Observed::gap(Gap::not_understood(
                    "vpc_security_group",
                    format!("the group `{group}` is not in the list"),
                )),
                Lookup::Unknown(gaps) => Unknown(gaps),
            }
        }));
        let more = more_rules(world, &groups);
        if leaves.is_false() && !more.is_empty() {
            return Unknown(more);
        }
        if leaves.is_false() {
            return Known(Some((
                "security-group",
                groups.join(","),
                format!(
                    "no rule of {} lets anything out to public addresses on port {HTTPS}",
                    groups.join(", ")
                ),
            )));
        }
        let Ok(everyone) = (if six { "::/0" } else { "0.0.0.0/0" }).parse::<IpNet>() else {
            return leaves.map(|_| None);
        };
        let mut open = leaves.map(|_| ());
        for (egress, ports) in [(true, (HTTPS, HTTPS)), (false, ANSWERS)] {
            match acl(world, client, egress, &[everyone], ports, false) {
                Known(Err(why)) => return Known(Some(("network-acl", client.subnet.clone(), why))),
                answer => open = open.zip(answer).map(|_| ()),
            }
        }
        open.map(|()| None)
    })
}

fn rules_let_out(
    world: &World,
    account: &str,
    region: &str,
    rules: &Json,
    six: bool,
) -> Observed<bool> {
    let mut gaps = Vec::new();
    for rule in rules
        .as_array()
        .into_iter()
        .flatten()
        .filter(|rule| is_open(rule, (HTTPS, HTTPS)))
    {
        for cidr in texts(rule, "cidrs")
            .filter_map(|cidr| cidr.parse::<IpNet>().ok())
            .filter(|cidr| cidr.addr().is_ipv6() == six)
        {
            if cidr.prefix_len() <= 1 {
                return Known(true);
            }
            if !is_private(&cidr) {
                gaps.push(Gap::not_understood("vpc_security_group", format!("a rule lets {cidr} out; whether the service's addresses are in it is not known")));
            }
        }
        for list in texts(rule, "prefix_lists") {
            match entries(world, account, region, list) {
                Known(nets) if nets.iter().all(is_private) => {}
                Known(_) => gaps.push(Gap::not_understood(
                    "vpc_security_group",
                    format!("a rule lets the list {list} out; whether the service's addresses are in it is not known"),
                )),
                Unknown(more) => gaps.extend(more),
            }
        }
    }
    if gaps.is_empty() {
        Known(false)
    } else {
        Unknown(gaps)
    }
}
