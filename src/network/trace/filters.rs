//! What lets packets through: security groups and network ACLs, as a trace asks them.

use super::super::filter::acl_of;
use super::super::walk::blocked;
use super::{End, Ended, Tracer, has, interface_of, spot_of, unknown};
use super::{Hop, Spot};
use crate::inventory::Row;
use crate::model::{Gap, Observed, merge};
use Observed::{Known, Unknown};
use ipnet::IpNet;
use serde_json::Value as Json;
use std::net::IpAddr;

impl<'w> Tracer<'w> {
    pub(crate) fn come_in(&mut self) -> Ended {
        let to = self.packet.to;
        let public = |row: Row<'_>| {
            row.text("public_ip")
                .known()
                .is_some_and(|text| text.parse() == Ok(to))
        };
        let row = match interface_of(self.world, public) {
            Known(Some(row)) => row,
            Known(None) => {
                return (
                    End::Lost,
                    format!("no interface of the run has the public address {to}"),
                );
            }
            Unknown(gaps) => return unknown(&gaps),
        };
        let spot = match spot_of(self.world, row) {
            Known(spot) => spot,
            Unknown(gaps) => return unknown(&gaps),
        };
        // The gateway is the one that the subnet's own table answers by.
        let gateway = match super::super::internet_route(self.world, &spot) {
            Known(Some((_, gateway))) => gateway,
            Known(None) => {
                return (
                    End::Lost,
                    format!(
                        "{} has a public address, and no route of {} leads to an internet gateway",
                        row.key(),
                        spot.subnet
                    ),
                );
            }
            Unknown(gaps) => return unknown(&gaps),
        };
        self.hops.push(
            Hop::new(
                "internet-gateway",
                &gateway,
                format!("{to} is the public address of {}", row.key()),
            )
            .of(&spot.account),
        );
        match blocked(self.world, &spot, true) {
            Known(None) => {}
            Known(Some(why)) => return (End::Denied, why),
            Unknown(gaps) => return unknown(&gaps),
        }
        let Some(own) = row
            .list("private_ip_addresses")
            .known()
            .and_then(|all| all.first().and_then(|one| one.parse().ok()))
        else {
            return unknown(row.list("private_ip_addresses").gaps());
        };
        self.packet.to = own;
        self.enter(&spot)
    }

    /// Groups of the interface that has an address, for rules that name groups.
    pub(crate) fn groups_at(&self, address: IpAddr) -> Vec<String> {
        interface_of(self.world, |row| has(row, address))
            .known()
            .flatten()
            .and_then(|row| row.list("security_group_ids").known())
            .unwrap_or_default()
    }

    pub(crate) fn matches(&self, rule: &Json) -> bool {
        let protocol = rule
            .get("protocol")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let number = match protocol {
            "-1" => return true,
            "tcp" => 6,
            "udp" => 17,
            "icmp" => 1,
            other => match other.parse::<u8>() {
                Ok(number) => number,
                Err(_) => return false,
            },
        };
        let port = |key: &str| rule.get(key).and_then(Json::as_i64).unwrap_or(-1);
        let (low, high) = (port("from_port"), port("to_port"));
        number == self.packet.protocol
            && (!matches!(number, 6 | 17)
                || low == -1
                || (low, high) == (0, 65_535)
                || self
                    .packet
                    .port
                    .is_some_and(|own| low <= i64::from(own) && i64::from(own) <= high))
    }

    /// Does a rule of one of the interface's groups let the packet pass?
    pub(crate) fn groups_let(
        &self,
        row: Row<'_>,
        direction: &str,
        other: IpAddr,
        theirs: &[String],
    ) -> Observed<bool> {
        let texts = |rule: &Json, key: &str| -> Vec<String> {
            rule.get(key)
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .map(str::to_owned)
                .collect()
        };
        row.list("security_group_ids").and_then(|groups| {
            Observed::any(groups.iter().map(|id| {
                let gone = || Observed::gap(Gap::not_understood("vpc_security_group", format!("the group `{id}` is not in the list")));
                self.world.lookup("vpc_security_group", row.account(), row.region(), id).fact(gone, |group| {
                    group.json(direction).and_then(|rules| {
                        let mut gaps = Vec::new();
                        for rule in rules.as_array().into_iter().flatten() {
                            let told = |key: &str| rule.get(key).is_some_and(Json::is_array);
                            if !(rule.get("protocol").is_some_and(Json::is_string) && told("cidrs") && told("groups") && told("prefix_lists")) {
                                gaps.push(Gap::not_understood("vpc_security_group", format!("a rule of {id} is not whole")));
                                continue;
                            }
                            if !self.matches(rule) {
                                continue;
                            }
                            let named = texts(rule, "groups");
                            if named.iter().any(|named| theirs.contains(named)) {
                                return Known(true);
                            }
                            if self.guessed && direction == "ingress" && !named.is_empty() {
                                gaps.push(Gap::not_understood(
                                    "vpc_security_group",
                                    format!("a rule of {id} names groups, and those of the sender are not told"),
                                ));
                            }
                            for range in texts(rule, "cidrs").into_iter().chain(texts(rule, "prefix_lists")) {
                                match super::super::address::nets(self.world, row.account(), row.region(), &range) {
                                    Known(nets) if nets.iter().any(|net| net.contains(&other)) => return Known(true),
                                    Known(_) => {}
                                    Unknown(more) => gaps = merge(gaps, more),
                                }
                            }
                        }
                        if gaps.is_empty() { Known(false) } else { Unknown(gaps) }
                    })
                })
            }))
        })
    }

    /// Does the ACL of a subnet let the packet pass? The rule with the lowest number that fits decides.
    pub(crate) fn acl_lets(
        &self,
        spot: &Spot,
        egress: bool,
        other: Option<IpAddr>,
    ) -> Observed<Result<(), String>> {
        let Some(other) = other else {
            return Known(Ok(()));
        };
        acl_of(self.world, spot).and_then(|row| {
            row.json("entries").and_then(|entries| {
                let whole = |rule: &Json| {
                    rule.get("number").is_some_and(Json::is_i64)
                        && ["cidr", "protocol", "action"]
                            .iter()
                            .all(|key| rule.get(*key).is_some_and(Json::is_string))
                        && rule.get("egress").is_some_and(Json::is_boolean)
                };
                if !entries.as_array().into_iter().flatten().all(whole) {
                    return Observed::gap(Gap::not_understood(
                        "vpc_network_acl",
                        format!("a rule of {} is not whole", row.key()),
                    ));
                }
                let number = |rule: &Json| {
                    rule.get("number")
                        .and_then(Json::as_i64)
                        .unwrap_or(i64::MAX)
                };
                let mut rules: Vec<&Json> = entries
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|rule| rule.get("egress").and_then(Json::as_bool) == Some(egress))
                    .collect();
                rules.sort_by_key(|rule| number(rule));
                let range = |rule: &Json| {
                    rule.get("cidr")
                        .and_then(Json::as_str)
                        .and_then(|cidr| cidr.parse::<IpNet>().ok())
                };
                let fits = rules.into_iter().find(|rule| {
                    range(rule).is_some_and(|net| net.contains(&other)) && self.matches(rule)
                });
                Known(match fits {
                    Some(rule) if rule.get("action").and_then(Json::as_str) == Some("allow") => {
                        Ok(())
                    }
                    Some(rule) => Err(format!("rule {} of {} denies it", number(rule), row.key())),
                    None => Err(format!("no rule of {} lets it pass", row.key())),
                })
            })
        })
    }
}
