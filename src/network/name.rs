//! Which address the name of a Bedrock API resolves to inside a VPC.

use super::answers::{associated, forwarded, in_zone, profiles, zones};
use super::{Spot, firewall};
use crate::inventory::{Children, Lookup, Row, World};
use crate::model::{Gap, Observed, merge};
use Observed::{Known, Unknown};

/// How a workload's SDK is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    /// Region that it calls.
    pub region: String,
    /// `default`, `vpce` or `other`.
    pub endpoint: String,
    /// FIPS host names.
    pub fips: bool,
    /// Dual-stack host names.
    pub dualstack: bool,
}

/// The endpoint service of a family for a client: FIPS hosts need the FIPS service.
pub(crate) fn service(family: &str, client: &Client) -> String {
    let fips = if client.fips && matches!(family, "bedrock" | "bedrock-runtime") {
        "-fips"
    } else {
        ""
    };
    format!("com.amazonaws.{}.{family}{fips}", client.region)
}

/// The host name that the SDK of a client asks for.
pub(crate) fn host(family: &str, client: &Client) -> String {
    crate::services::bedrock::host(family, &client.region, client.fips, client.dualstack)
}

/// What stands behind the Region in the name of an endpoint service.
fn suffix(service: &str) -> Option<&str> {
    Some(
        service
            .strip_prefix("com.amazonaws.")
            .or_else(|| service.strip_prefix("cn.com.amazonaws."))?
            .split_once('.')?
            .1,
    )
}

/// The family that an endpoint service serves; `None` for services that are not Bedrock's.
///
/// The part behind the Region is compared whole: `bedrock-agentcore.gateway` has a dot inside, and
/// `bedrock-runtime-fips` does not end in `bedrock-runtime`.
pub(crate) fn family_of_service(service: &str) -> Option<&'static str> {
    Some(match suffix(service)? {
        "bedrock" | "bedrock-fips" => "bedrock",
        "bedrock-runtime" | "bedrock-runtime-fips" => "bedrock-runtime",
        "bedrock-mantle" => "bedrock-mantle",
        "bedrock-agent" => "bedrock-agent",
        "bedrock-agent-runtime" => "bedrock-agent-runtime",
        "bedrock-agentcore" => "bedrock-agentcore",
        "bedrock-agentcore-control" => "bedrock-agentcore-control",
        "bedrock-agentcore.gateway" => "bedrock-agentcore.gateway",
        _ => return None,
    })
}

/// The interface endpoints of a VPC that serve a family, whatever their state.
pub(crate) fn endpoints_for<'w>(
    world: &'w World,
    account: &str,
    region: &str,
    vpc: &str,
    family: &str,
) -> Children<'w> {
    let Children { rows, mut gaps } =
        world.children("vpc_endpoint", account, region, "vpc_id", vpc);
    let mut kept = Vec::new();
    for row in rows {
        match row.text("service_name") {
            Known(service)
                if family_of_service(service)
                    .unwrap_or_else(|| suffix(service).unwrap_or_default())
                    == family =>
            {
                kept.push(row)
            }
            Known(_) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    Children { rows: kept, gaps }
}

/// Is an endpoint's private DNS in effect? With the reason.
pub(crate) fn private_dns(world: &World, endpoint: Row<'_>) -> Observed<(bool, String)> {
    endpoint.flag("private_dns_enabled").and_then(|enabled| {
        if !enabled {
            return Known((false, "private DNS of the endpoint is off".to_owned()));
        }
        let vpc = endpoint.text("vpc_id").and_then(|id| {
            match world.lookup("vpc", endpoint.account(), endpoint.region(), id) {
                Lookup::Found(row) => Known(row),
                Lookup::Absent => Observed::gap(Gap::not_understood(
                    "vpc",
                    format!("the VPC `{id}` is not in the list"),
                )),
                Lookup::Unknown(gaps) => Unknown(gaps),
            }
        });
        vpc.and_then(|vpc| {
            match (
                vpc.flag("enable_dns_support"),
                vpc.flag("enable_dns_hostnames"),
            ) {
                (Known(false), _) => Known((
                    false,
                    "enableDnsSupport of the VPC is off, so private DNS has no effect".to_owned(),
                )),
                (_, Known(false)) => Known((
                    false,
                    "enableDnsHostnames of the VPC is off, so private DNS has no effect".to_owned(),
                )),
                (support, hostnames) => support.zip(hostnames).map(|_| {
                    (
                        true,
                        "private DNS of the endpoint is on, and both DNS attributes of the VPC are"
                            .to_owned(),
                    )
                }),
            }
        })
    })
}

/// Can the endpoint answer for its service from the Region: an interface endpoint of that very service that is there or comes up?
pub(crate) fn usable(endpoint: Row<'_>, service: &str, region: &str) -> Observed<bool> {
    endpoint
        .text("service_name")
        .map(|name| name == service)
        .and(
            endpoint
                .text("vpc_endpoint_type")
                .map(|kind| kind.eq_ignore_ascii_case("interface")),
        )
        .and(
            endpoint
                .text("service_region")
                .map(|found| found.is_empty() || found == region),
        )
        .and(
            endpoint
                .text("state")
                .map(|state| state.eq_ignore_ascii_case("available")),
        )
}

/// What becomes of the name.
#[derive(Debug, Clone)]
pub(crate) enum Capture<'w> {
    /// It resolves to this endpoint, for this reason.
    Endpoint(Row<'w>, String),
    /// It resolves to public addresses, for this reason.
    Public(String),
    /// It does not resolve, for this reason.
    Blocked(String),
    /// It cannot be told.
    Unknown(Vec<Gap>),
}

/// What may answer for a name inside a VPC; the longest domain that the name lies in decides.
pub(super) enum Source<'w> {
    /// Private DNS of an endpoint.
    Endpoint(Row<'w>, String),
    /// A private hosted zone, by its id.
    Zone(String, String),
    /// A rule that forwards, with its name servers.
    Forward(String, Vec<String>),
    /// A rule that leaves the name to the VPC's own resolver.
    System,
}

/// What stands between a name and the private zone that an endpoint of another kind brings to its VPC: nothing, or what leads the
/// name to public addresses. `alone` where the VPC has no such endpoint: then a zone of its own may lead to a hub's.
pub(crate) fn answered_elsewhere(
    world: &World,
    spot: &Spot,
    host: &str,
    alone: bool,
) -> Observed<Option<String>> {
    let vpc = match world.lookup("vpc", &spot.account, &spot.region, &spot.vpc) {
        Lookup::Found(row) => row,
        Lookup::Absent => {
            return Observed::gap(Gap::not_understood(
                "vpc",
                format!("the VPC `{}` is not in the list", spot.vpc),
            ));
        }
        Lookup::Unknown(gaps) => return Unknown(gaps),
    };
    if let Some(gaps) = other_servers(world, spot, vpc) {
        return Unknown(gaps);
    }
    let client = Client {
        region: spot.region.clone(),
        endpoint: "default".to_owned(),
        fips: false,
        dualstack: false,
    };
    let (mut local, mut rules) = (Vec::new(), Vec::new());
    let mut gaps = associated(world, spot, host, &mut rules);
    let (zone_gaps, rule_gaps) = profiles(world, spot, host, "", &client, &mut local, &mut rules);
    gaps = merge(gaps, merge(zone_gaps, rule_gaps));
    if alone {
        gaps = merge(gaps, zones(vpc, host, &mut local));
    }
    if !local.is_empty()
        || rules
            .iter()
            .any(|(_, source)| matches!(source, Source::Forward(..)))
    {
        gaps.push(Gap::not_understood(
            "vpc.private_zones",
            format!(
                "a zone, profile or rule answers for {host} in {}; it is not followed",
                spot.vpc
            ),
        ));
    }
    match firewall::blocks(world, spot, host) {
        Known(None) => {}
        Known(Some(why)) => gaps.push(Gap::not_understood(
            "route53_firewall_rule_group.rules",
            why,
        )),
        Unknown(more) => gaps = merge(gaps, more),
    }
    if !gaps.is_empty() {
        return Unknown(gaps);
    }
    vpc.flag("enable_dns_support").zip(vpc.flag("enable_dns_hostnames")).map(|(support, hostnames)| {
        (!(alone || support && hostnames)).then(|| format!("the DNS attributes of {} are off, so the endpoint's private zone has no effect", spot.vpc))
    })
}

/// Resolves the name of a family in a VPC for a client.
pub(crate) fn capture<'w>(
    world: &'w World,
    spot: &Spot,
    family: &str,
    client: &Client,
) -> Capture<'w> {
    let found = resolve(world, spot, family, client, 0);
    let told = matches!(client.endpoint.as_str(), "vpce" | "other");
    match (firewall::blocks(world, spot, &host(family, client)), found) {
        (Known(None), found) | (_, found @ Capture::Unknown(_)) => found,
        // Another name is asked for, of which the rules say nothing here.
        (_, found) if told => found,
        (Known(Some(why)), Capture::Public(_)) => Capture::Blocked(why),
        (Known(Some(why)), _) => {
            let why = format!(
                "{why}; whether it is asked for names that an endpoint takes is not documented"
            );
            Capture::Unknown(vec![Gap::not_understood(
                "route53_firewall_rule_group.rules",
                why,
            )])
        }
        (Unknown(gaps), _) => Capture::Unknown(gaps),
    }
}

pub(super) fn resolve<'w>(
    world: &'w World,
    spot: &Spot,
    family: &str,
    client: &Client,
    depth: usize,
) -> Capture<'w> {
    if client.endpoint == "other" {
        return Capture::Unknown(vec![Gap::not_understood(
            "bedrock_endpoint",
            "an endpoint URL of the client's own; where it leads is not known",
        )]);
    }
    let own = own_endpoints(world, spot, family, client);
    if client.endpoint == "vpce" {
        return match own.there.first() {
            Some(endpoint) => Capture::Endpoint(
                *endpoint,
                "the client is told the endpoint's own name".to_owned(),
            ),
            None if own.gaps.is_empty() => Capture::Unknown(vec![Gap::not_understood(
                "vpc_endpoint",
                "the client is told an endpoint's own name, and the VPC has no such endpoint; it may be a hub's",
            )]),
            None => Capture::Unknown(own.gaps),
        };
    }
    let vpc = match world.lookup("vpc", &spot.account, &spot.region, &spot.vpc) {
        Lookup::Found(row) => row,
        Lookup::Absent => {
            return Capture::Unknown(vec![Gap::not_understood(
                "vpc",
                format!("the VPC `{}` is not in the list", spot.vpc),
            )]);
        }
        Lookup::Unknown(gaps) => return Capture::Unknown(gaps),
    };
    if let Some(gaps) = other_servers(world, spot, vpc) {
        return Capture::Unknown(gaps);
    }
    let host = host(family, client);
    let names = match vpc.flag("enable_dns_support") {
        Known(true) => vpc.flag("enable_dns_hostnames"),
        Known(false) => {
            return Capture::Unknown(vec![Gap::not_understood(
                "vpc.enable_dns_support",
                "the VPC's own resolver is off; who answers its names is not known",
            )]);
        }
        Unknown(gaps) => return Capture::Unknown(gaps),
    };
    let (mut why_not, mut gaps) = (own.why_not, own.gaps);
    let mut local: Vec<(usize, Source<'_>)> = Vec::new();
    for endpoint in own.there {
        match captured_by(world, endpoint, family, client) {
            Known(Ok(why)) => local.push((host.len(), Source::Endpoint(endpoint, why))),
            Known(Err(why)) => why_not.push(format!("{}: {why}", endpoint.key())),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    let mut rules = Vec::new();
    let mut rule_gaps = associated(world, spot, &host, &mut rules);
    let (zone_gaps, more) = profiles(world, spot, &host, family, client, &mut local, &mut rules);
    gaps = merge(merge(gaps, zone_gaps), zones(vpc, &host, &mut local));
    rule_gaps = merge(rule_gaps, more);
    // Private zones want both DNS attributes of the VPC (Route 53 Developer Guide, "Considerations when working with a private hosted zone").
    let zoned = local
        .iter()
        .any(|(_, source)| matches!(source, Source::Zone(..)));
    match names {
        Known(true) => {}
        Known(false) => {
            if zoned {
                why_not.push(
                    "enableDnsHostnames of the VPC is off, so its private zones have no effect"
                        .to_owned(),
                );
            }
            local.retain(|(_, source)| !matches!(source, Source::Zone(..)));
        }
        Unknown(more) if zoned => gaps = merge(gaps, more),
        Unknown(_) => {}
    }
    // A name that an endpoint takes whole is taken, whatever zone answers for less of it.
    if local
        .iter()
        .any(|(length, source)| *length == host.len() && matches!(source, Source::Endpoint(..)))
    {
        gaps.clear();
    }
    gaps = merge(gaps, rule_gaps);
    if !gaps.is_empty() {
        return Capture::Unknown(gaps);
    }
    // The narrower domain wins, and of one domain the rule (the same page). A rule of the kind SYSTEM takes a name back from a wider one.
    let local = narrowest(local, |source| matches!(source, Source::Endpoint(..)));
    match (
        narrowest(rules, |source| matches!(source, Source::System)),
        local,
    ) {
        (Some((length, Source::Forward(rule, servers))), local)
            if local.as_ref().is_none_or(|(own, _)| length >= *own) =>
        {
            forwarded(world, &rule, &servers, family, client, depth)
        }
        (_, Some((_, Source::Endpoint(endpoint, why)))) => Capture::Endpoint(endpoint, why),
        (_, Some((_, Source::Zone(id, name)))) => {
            in_zone(world, &id, &name, &host, &service(family, client))
        }
        _ => {
            if why_not.is_empty() {
                why_not.push(format!(
                    "the VPC has no endpoint for {}",
                    service(family, client)
                ));
            }
            Capture::Public(why_not.join("; "))
        }
    }
}

/// The source of the longest domain; of several that which is preferred.
fn narrowest<'w>(
    sources: Vec<(usize, Source<'w>)>,
    preferred: impl Fn(&Source<'w>) -> bool,
) -> Option<(usize, Source<'w>)> {
    sources
        .into_iter()
        .max_by_key(|(length, source)| (*length, preferred(source)))
}

/// Endpoints of a VPC that could answer for a client, and why others cannot.
struct Own<'w> {
    there: Vec<Row<'w>>,
    why_not: Vec<String>,
    gaps: Vec<Gap>,
}

fn own_endpoints<'w>(world: &'w World, spot: &Spot, family: &str, client: &Client) -> Own<'w> {
    let wanted = service(family, client);
    let Children { rows, gaps } =
        endpoints_for(world, &spot.account, &spot.region, &spot.vpc, family);
    let mut own = Own {
        there: Vec::new(),
        why_not: Vec::new(),
        gaps,
    };
    for endpoint in rows {
        let id = endpoint.key();
        let fits = endpoint
            .text("service_name")
            .map(|name| name == wanted)
            .and(
                endpoint
                    .text("vpc_endpoint_type")
                    .map(|kind| kind.eq_ignore_ascii_case("interface")),
            )
            .and(
                endpoint
                    .text("service_region")
                    .map(|service| service.is_empty() || service == client.region),
            );
        match fits {
            Known(true) => {}
            Known(false) => {
                own.why_not.push(format!(
                    "{id} serves another name than {}",
                    host(family, client)
                ));
                continue;
            }
            Unknown(more) => {
                own.gaps = merge(own.gaps, more);
                continue;
            }
        }
        // An endpoint that was refused, failed or is on its way out holds no name; one on its way in may.
        match endpoint.text("state").map(str::to_ascii_lowercase) {
            Known(state) if state == "available" => own.there.push(endpoint),
            Known(state) if state.starts_with("pending") => {
                own.gaps = merge(
                    own.gaps,
                    vec![Gap::not_understood(
                        "vpc_endpoint.state",
                        format!("{id} is {state}"),
                    )],
                );
            }
            Known(state) => own.why_not.push(format!("{id} is {state}")),
            Unknown(more) => own.gaps = merge(own.gaps, more),
        }
    }
    own
}

/// Does private DNS of an endpoint take the name that the client asks for?
fn captured_by(
    world: &World,
    endpoint: Row<'_>,
    family: &str,
    client: &Client,
) -> Observed<Result<String, String>> {
    if client.dualstack && family != "bedrock-mantle" {
        return Known(Err(
            "it takes the plain name, the client asks for the dual-stack one".to_owned(),
        ));
    }
    private_dns(world, endpoint).map(|(on, why)| if on { Ok(why) } else { Err(why) })
}

/// Name servers other than Amazon's can answer anything.
fn other_servers(world: &World, spot: &Spot, vpc: Row<'_>) -> Option<Vec<Gap>> {
    let servers = vpc.text("dhcp_options_id").and_then(|id| {
        match world.lookup("vpc_dhcp_options", &spot.account, &spot.region, id) {
            _ if id == "default" => Known(Vec::new()),
            Lookup::Found(row) => row.list("domain_name_servers"),
            Lookup::Absent => Observed::gap(Gap::not_understood(
                "vpc_dhcp_options",
                format!("the option set `{id}` is not in the list"),
            )),
            Lookup::Unknown(gaps) => Unknown(gaps),
        }
    });
    match servers {
        Known(servers) if servers.iter().all(|server| server == "AmazonProvidedDNS") => None,
        Known(servers) => Some(vec![Gap::not_understood(
            "vpc_dhcp_options.domain_name_servers",
            format!(
                "the VPC asks {}, which can answer anything",
                servers.join(", ")
            ),
        )]),
        Unknown(gaps) => Some(gaps),
    }
}
