//! Private hosted zones, resolver rules and profiles: who answers for a name inside a VPC.

use super::Spot;
use super::name::{Capture, Client, Source, resolve, service, usable};
use crate::inventory::{Children, Lookup, Row, World};
use crate::model::{Gap, Observed, Reason, merge};
use Observed::{Known, Unknown};
use serde_json::Value as Json;

/// The length of a domain that a name lies in; `None` where it lies elsewhere.
pub(super) fn within(host: &str, domain: &str) -> Option<usize> {
    let domain = domain.trim_end_matches('.');
    (domain.is_empty() || host == domain || host.ends_with(&format!(".{domain}")))
        .then_some(domain.len())
}

/// Private zones that are associated with the VPC. Those of AWS's own services are the private DNS of its endpoints.
pub(super) fn zones(vpc: Row<'_>, host: &str, sources: &mut Vec<(usize, Source<'_>)>) -> Vec<Gap> {
    let all = match vpc.json("private_zones") {
        Known(all) => all,
        Unknown(gaps) => return gaps,
    };
    for zone in all.as_array().into_iter().flatten() {
        let text = |key: &str| zone.get(key).and_then(Json::as_str).unwrap_or_default();
        if let Some(length) = within(host, text("name"))
            .filter(|_| !text("name").is_empty() && !text("owner").ends_with(".amazonaws.com"))
        {
            sources.push((
                length,
                Source::Zone(
                    text("id").to_owned(),
                    text("name").trim_end_matches('.').to_owned(),
                ),
            ));
        }
    }
    Vec::new()
}

pub(super) fn rule<'w>(
    row: Row<'w>,
    host: &str,
    sources: &mut Vec<(usize, Source<'w>)>,
) -> Vec<Gap> {
    match row
        .text("rule_type")
        .zip(row.text("domain_name"))
        .zip(row.list("target_ips"))
    {
        Known(((kind, domain), targets)) => {
            match (within(host, domain), kind) {
                (Some(length), "FORWARD") => {
                    sources.push((length, Source::Forward(row.key().to_owned(), targets)))
                }
                (Some(length), "SYSTEM") => sources.push((length, Source::System)),
                // The resolver's own rule for every name, and delegation, which starts at a zone.
                (_, "RECURSIVE") | (None, _) => {}
                (Some(_), other) => {
                    return vec![Gap::not_understood(
                        "route53_resolver_rule.rule_type",
                        format!(
                            "{} is a rule of the kind {other}, which is not followed",
                            row.key()
                        ),
                    )];
                }
            }
            Vec::new()
        }
        Unknown(gaps) => gaps,
    }
}

/// Rules that are associated with the VPC.
pub(super) fn associated<'w>(
    world: &'w World,
    spot: &Spot,
    host: &str,
    sources: &mut Vec<(usize, Source<'w>)>,
) -> Vec<Gap> {
    let Children { rows, mut gaps } = world.children(
        "route53_resolver_rule_association",
        &spot.account,
        &spot.region,
        "vpc_id",
        &spot.vpc,
    );
    for association in rows {
        match association.text("rule_id").and_then(|id| {
            found(
                world.lookup("route53_resolver_rule", &spot.account, &spot.region, id),
                id,
            )
        }) {
            Known(row) => gaps = merge(gaps, rule(row, host, sources)),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    gaps
}

pub(super) fn found<'w>(lookup: Lookup<'w>, id: &str) -> Observed<Row<'w>> {
    match lookup {
        Lookup::Found(row) => Known(row),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "route53_resolver_rule",
            format!("`{id}` is not in the list"),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// What the Route 53 Profiles of the VPC hold: zones, rules, endpoints; what hides zones and what hides rules.
pub(super) fn profiles<'w>(
    world: &'w World,
    spot: &Spot,
    host: &str,
    family: &str,
    client: &Client,
    local: &mut Vec<(usize, Source<'w>)>,
    rules: &mut Vec<(usize, Source<'w>)>,
) -> (Vec<Gap>, Vec<Gap>) {
    let Children { rows, gaps } = world.children(
        "route53_profile_association",
        &spot.account,
        &spot.region,
        "vpc_id",
        &spot.vpc,
    );
    let (mut zone_gaps, mut rule_gaps) = (gaps.clone(), gaps);
    for association in rows {
        let resources = match association.json("resources") {
            Known(resources) => resources,
            Unknown(more) => {
                zone_gaps = merge(zone_gaps, more.clone());
                rule_gaps = merge(rule_gaps, more);
                continue;
            }
        };
        for arn in resources
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|resource| resource.get("arn").and_then(Json::as_str))
        {
            let id = arn.rsplit('/').next().unwrap_or_default();
            if arn.contains(":hostedzone/") {
                match held(world, "route53_private_zone", id).and_then(|row| row.text("name")) {
                    Known(name) => local.extend(
                        within(host, name)
                            .map(|length| (length, Source::Zone(id.to_owned(), name.to_owned()))),
                    ),
                    Unknown(more) => zone_gaps = merge(zone_gaps, more),
                }
            } else if arn.contains(":resolver-rule/") {
                match held(world, "route53_resolver_rule", id) {
                    Known(row) => rule_gaps = merge(rule_gaps, rule(row, host, rules)),
                    Unknown(more) => rule_gaps = merge(rule_gaps, more),
                }
            } else if arn.contains(":vpc-endpoint/")
                && (!client.dualstack || family == "bedrock-mantle")
            {
                match held(world, "vpc_endpoint", id).and_then(|row| {
                    usable(row, &service(family, client), &client.region)
                        .map(|usable| (row, usable))
                }) {
                    Known((row, true)) => local.push((
                        host.len(),
                        Source::Endpoint(
                            row,
                            format!("the profile {} holds the endpoint", association.key()),
                        ),
                    )),
                    Known((_, false)) => {}
                    Unknown(more) => zone_gaps = merge(zone_gaps, more),
                }
            }
        }
    }
    (zone_gaps, rule_gaps)
}

/// A row wherever it is in the run.
pub(super) fn held<'w>(world: &'w World, table: &str, id: &str) -> Observed<Row<'w>> {
    match world.lookup_anywhere(table, id) {
        Lookup::Found(row) => Known(row),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            table,
            format!("`{id}` is in no account of this run"),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// What the records of a private zone say of a name.
pub(super) fn in_zone<'w>(
    world: &'w World,
    id: &str,
    zone: &str,
    host: &str,
    wanted: &str,
) -> Capture<'w> {
    let unknown = |detail: String| {
        Capture::Unknown(vec![Gap::not_understood(
            "route53_private_zone.records",
            detail,
        )])
    };
    let row = match world.lookup_anywhere("route53_private_zone", id) {
        Lookup::Found(row) => row,
        Lookup::Absent => {
            return unknown(format!(
                "the private hosted zone {zone} ({id}) answers for {host}, and is not in the list"
            ));
        }
        Lookup::Unknown(gaps) => return Capture::Unknown(gaps),
    };
    let records = match row.json("records") {
        Known(records) => records,
        Unknown(gaps) => return Capture::Unknown(gaps),
    };
    let text = |record: &Json, key: &str| {
        record
            .get(key)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let star = host
        .split_once('.')
        .map_or_else(String::new, |(_, parent)| format!("*.{parent}"));
    let of = |name: &str| {
        let all = records.as_array().into_iter().flatten();
        all.filter(|record| {
            text(record, "name") == name
                && ["A", "AAAA", "CNAME"].contains(&text(record, "type").as_str())
        })
        .cloned()
        .collect::<Vec<_>>()
    };
    let mut matching = of(host);
    if matching.is_empty() {
        matching = of(&star);
    }
    if matching.is_empty() {
        return unknown(format!(
            "the private hosted zone {zone} answers for {host}, and holds no record of it: the name does not resolve, as far as is documented"
        ));
    }
    let mut answers: Vec<String> = Vec::new();
    for record in &matching {
        answers.extend(
            record
                .get("values")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .map(str::to_owned),
        );
        answers.extend(Some(text(record, "alias")).filter(|alias| !alias.is_empty()));
    }
    // Any of several answers may be given, so all must lead to one endpoint.
    let mut endpoint: Option<Row<'w>> = None;
    for answer in &answers {
        match owner_of(world, answer, wanted) {
            Known(Some(row))
                if endpoint.is_none_or(|known| {
                    (known.account(), known.key()) == (row.account(), row.key())
                }) =>
            {
                endpoint = Some(row)
            }
            Known(_) => {
                return unknown(format!(
                    "the private hosted zone {zone} leads {host} to {}, not all of which are one endpoint for {wanted}",
                    answers.join(", ")
                ));
            }
            Unknown(gaps) => return Capture::Unknown(gaps),
        }
    }
    match endpoint {
        Some(row) => Capture::Endpoint(
            row,
            format!("the private hosted zone {zone} leads {host} to it"),
        ),
        None => unknown(format!(
            "the private hosted zone {zone} holds an empty record of {host}"
        )),
    }
}

/// The endpoint behind a name of AWS PrivateLink or an address.
pub(super) fn owner_of<'w>(
    world: &'w World,
    answer: &str,
    wanted: &str,
) -> Observed<Option<Row<'w>>> {
    let endpoints = world.everywhere("vpc_endpoint");
    let serves = |row: &Row<'_>| row.text("service_name") == Known(wanted);
    if answer.contains(".vpce.") {
        let longest = endpoints
            .into_iter()
            .filter(serves)
            .filter(|row| answer.starts_with(&format!("{}-", row.key())))
            .max_by_key(|row| row.key().len());
        return match longest {
            Some(row) => Known(Some(row)),
            None => Unknown(unread(world, "vpc_endpoint", answer)),
        };
    }
    let Ok(address) = answer.parse::<std::net::IpAddr>() else {
        return Known(None);
    };
    let (mut owners, mut gaps) = (Vec::new(), Vec::new());
    for endpoint in endpoints.into_iter().filter(serves) {
        let interfaces = match endpoint.list("network_interface_ids") {
            Known(interfaces) => interfaces,
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        };
        for id in interfaces {
            match world.lookup(
                "ec2_network_interface",
                endpoint.account(),
                endpoint.region(),
                &id,
            ) {
                Lookup::Found(row) => match row.list("private_ip_addresses") {
                    Known(all) if all.iter().any(|one| one.parse() == Ok(address)) => {
                        owners.push(endpoint)
                    }
                    Known(_) => {}
                    Unknown(more) => gaps = merge(gaps, more),
                },
                Lookup::Absent => {}
                Lookup::Unknown(more) => gaps = merge(gaps, more),
            }
        }
    }
    match owners.as_slice() {
        [one] => Known(Some(*one)),
        [] if gaps.is_empty() => Unknown(unread(world, "ec2_network_interface", answer)),
        [] => Unknown(gaps),
        // Networks that overlap: which of them is meant the address does not tell.
        _ => Observed::gap(Gap::not_understood(
            "ec2_network_interface",
            format!("several endpoints have the address {answer}"),
        )),
    }
}

pub(super) fn unread(world: &World, table: &str, what: &str) -> Vec<Gap> {
    let gaps = world.hidden_anywhere(table);
    if gaps.is_empty() {
        vec![Gap {
            reason: Reason::NotScanned,
            ..Gap::not_understood(table, format!("`{what}` belongs to no account of this run"))
        }]
    } else {
        gaps
    }
}

/// A forwarding rule leads to a hub where its name servers are resolver endpoints of a VPC of the run; elsewhere they can answer anything.
pub(super) fn forwarded<'w>(
    world: &'w World,
    rule: &str,
    servers: &[String],
    family: &str,
    client: &Client,
    depth: usize,
) -> Capture<'w> {
    // Interfaces of resolver endpoints belong to no instance; an address that two networks use proves nothing.
    let interfaces = world.everywhere("ec2_network_interface");
    let mut hubs: Vec<Row<'_>> = Vec::new();
    for server in servers {
        let holders: Vec<Row<'_>> = interfaces
            .iter()
            .copied()
            .filter(|row| {
                row.list("private_ip_addresses")
                    .known()
                    .is_some_and(|all| all.contains(server))
            })
            .collect();
        match holders.as_slice() {
            [one] if one.text("instance_id") == Known("") => hubs.push(*one),
            _ => hubs.clear(),
        }
        if hubs.is_empty() {
            break;
        }
    }
    let one_vpc = hubs
        .windows(2)
        .all(|pair| pair[0].text("vpc_id") == pair[1].text("vpc_id"));
    let hub = hubs
        .first()
        .filter(|_| one_vpc)
        .and_then(|row| row.text("vpc_id").known().map(|vpc| (*row, vpc)));
    match hub {
        Some((row, vpc)) if depth == 0 && !vpc.is_empty() => {
            match Spot::find(world, row.account(), row.region(), vpc, "") {
                Known(spot) => match resolve(world, &spot, family, client, depth + 1) {
                    Capture::Endpoint(endpoint, why) => Capture::Endpoint(
                        endpoint,
                        format!("{rule} forwards the name to {vpc}, where {why}"),
                    ),
                    Capture::Public(why) => {
                        Capture::Public(format!("{rule} forwards the name to {vpc}, where {why}"))
                    }
                    unknown => unknown,
                },
                Unknown(gaps) => Capture::Unknown(gaps),
            }
        }
        _ => Capture::Unknown(vec![Gap::not_understood(
            "route53_resolver_rule",
            format!(
                "{rule} forwards the name to {}, which can answer anything",
                servers.join(", ")
            ),
        )]),
    }
}
