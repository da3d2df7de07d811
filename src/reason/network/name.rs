//! Which address the name of a Bedrock API resolves to inside a VPC.

use crate::inventory::{Children, Lookup, Row, World};
use crate::model::{Gap, Observed, merge};
use Observed::{Known, Unknown};

/// How a workload's SDK is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::reason) struct Client {
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
pub(in crate::reason) fn service(family: &str, client: &Client) -> String {
    let fips = if client.fips && matches!(family, "bedrock" | "bedrock-runtime") { "-fips" } else { "" };
    format!("com.amazonaws.{}.{family}{fips}", client.region)
}

/// The host name that the SDK of a client asks for.
pub(in crate::reason) fn host(family: &str, client: &Client) -> String {
    let region = &client.region;
    let name = if client.fips { format!("{family}-fips") } else { family.to_owned() };
    if family == "bedrock-mantle" || client.dualstack { format!("{name}.{region}.api.aws") } else { format!("{name}.{region}.amazonaws.com") }
}

/// The family that an endpoint service serves; `None` for services that are not Bedrock's.
///
/// The part behind the Region is compared whole: `bedrock-agentcore.gateway` has a dot inside, and
/// `bedrock-runtime-fips` does not end in `bedrock-runtime`.
pub(in crate::reason) fn family_of_service(service: &str) -> Option<&'static str> {
    let suffix = service.strip_prefix("com.amazonaws.").or_else(|| service.strip_prefix("cn.com.amazonaws."))?.split_once('.')?.1;
    Some(match suffix {
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
pub(in crate::reason) fn endpoints_for<'w>(world: &'w World, account: &str, region: &str, vpc: &str, family: &str) -> Children<'w> {
    let Children { rows, mut gaps } = world.children("vpc_endpoint", account, region, "vpc_id", vpc);
    let mut kept = Vec::new();
    for row in rows {
        match row.text("service_name") {
            Known(service) if family_of_service(service) == Some(family) => kept.push(row),
            Known(_) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    Children { rows: kept, gaps }
}

/// Is an endpoint's private DNS in effect? With the reason.
pub(in crate::reason) fn private_dns(world: &World, endpoint: Row<'_>) -> Observed<(bool, String)> {
    endpoint.flag("private_dns_enabled").and_then(|enabled| {
        if !enabled {
            return Known((false, "private DNS of the endpoint is off".to_owned()));
        }
        let vpc = endpoint.text("vpc_id").and_then(|id| match world.lookup("vpc", endpoint.account(), endpoint.region(), id) {
            Lookup::Found(row) => Known(row),
            Lookup::Absent => Observed::gap(Gap::not_understood("vpc", format!("the VPC `{id}` is not in the list"))),
            Lookup::Unknown(gaps) => Unknown(gaps),
        });
        vpc.and_then(|vpc| match (vpc.flag("enable_dns_support"), vpc.flag("enable_dns_hostnames")) {
            (Known(false), _) => Known((false, "enableDnsSupport of the VPC is off, so private DNS has no effect".to_owned())),
            (_, Known(false)) => Known((false, "enableDnsHostnames of the VPC is off, so private DNS has no effect".to_owned())),
            (support, hostnames) => {
                support.zip(hostnames).map(|_| (true, "private DNS of the endpoint is on, and both DNS attributes of the VPC are".to_owned()))
            }
        })
    })
}

/// Can the endpoint answer for its service from the Region: an interface endpoint of that very service that is there or comes up?
pub(in crate::reason) fn usable(endpoint: Row<'_>, service: &str, region: &str) -> Observed<bool> {
    endpoint
        .text("service_name")
        .map(|name| name == service)
        .and(endpoint.text("vpc_endpoint_type").map(|kind| kind.eq_ignore_ascii_case("interface")))
        .and(endpoint.text("service_region").map(|found| found.is_empty() || found == region))
        .and(endpoint.text("state").map(|state| state.eq_ignore_ascii_case("available")))
}

/// What becomes of the name.
#[derive(Debug, Clone)]
pub(in crate::reason) enum Capture<'w> {
    /// It resolves to this endpoint, for this reason.
    Endpoint(Row<'w>, String),
    /// It resolves to public addresses, for this reason.
    Public(String),
    /// It cannot be told.
    Unknown(Vec<Gap>),
}

/// Resolves the name of a family in a VPC for a client.
pub(in crate::reason) fn capture<'w>(world: &'w World, account: &str, region: &str, vpc: &str, family: &str, client: &Client) -> Capture<'w> {
    let wanted = service(family, client);
    let candidates = endpoints_for(world, account, region, vpc, family);
    let mut gaps = candidates.gaps.clone();
    let mut why_not = Vec::new();
    let vpce = client.endpoint == "vpce";
    if client.endpoint == "other" {
        return Capture::Unknown(vec![Gap::not_understood("bedrock_endpoint", "an endpoint URL of the client's own; where it leads is not known")]);
    }
    for endpoint in candidates.rows {
        let id = endpoint.key();
        let fits = endpoint
            .text("service_name")
            .map(|name| name == wanted)
            .and(endpoint.text("vpc_endpoint_type").map(|kind| kind.eq_ignore_ascii_case("interface")))
            .and(endpoint.text("service_region").map(|service| service.is_empty() || service == client.region));
        match fits {
            Known(true) => {}
            Known(false) => {
                why_not.push(format!("{id} serves another name than {}", host(family, client)));
                continue;
            }
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        }
        // An endpoint that was refused, failed or is on its way out holds no name; one on its way in may.
        match endpoint.text("state").map(str::to_ascii_lowercase) {
            Known(state) if state == "available" => {}
            Known(state) if state.starts_with("pending") => {
                gaps = merge(gaps, vec![Gap::not_understood("vpc_endpoint.state", format!("{id} is {state}"))]);
                continue;
            }
            Known(state) => {
                why_not.push(format!("{id} is {state}"));
                continue;
            }
            Unknown(more) => {
                gaps = merge(gaps, more);
                continue;
            }
        }
        if vpce {
            return Capture::Endpoint(endpoint, "the client is told the endpoint's own name".to_owned());
        }
        if client.dualstack && family != "bedrock-mantle" {
            why_not.push(format!("{id} captures the plain name, the client asks for the dual-stack one"));
            continue;
        }
        match private_dns(world, endpoint) {
            Known((true, why)) => match overridden(world, account, region, vpc, family, client, true) {
                Some(gaps) => return Capture::Unknown(gaps),
                None => return Capture::Endpoint(endpoint, why),
            },
            Known((false, why)) => why_not.push(format!("{id}: {why}")),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    if gaps.is_empty()
        && let Some(more) = overridden(world, account, region, vpc, family, client, false)
    {
        gaps = more;
    }
    if !gaps.is_empty() {
        return Capture::Unknown(gaps);
    }
    if vpce {
        return Capture::Unknown(vec![Gap::not_understood(
            "vpc_endpoint",
            "the client is told an endpoint's own name, and the VPC has no such endpoint; it may be a hub's",
        )]);
    }
    if why_not.is_empty() {
        why_not.push(format!("the VPC has no endpoint for {wanted}"));
    }
    Capture::Public(why_not.join("; "))
}

/// Does anything else answer for the name: custom name servers, a private hosted zone?
fn overridden(world: &World, account: &str, region: &str, vpc: &str, family: &str, client: &Client, endpoint: bool) -> Option<Vec<Gap>> {
    let row = match world.lookup("vpc", account, region, vpc) {
        Lookup::Found(row) => row,
        Lookup::Absent => return Some(vec![Gap::not_understood("vpc", format!("the VPC `{vpc}` is not in the list; it may be shared by another account"))]),
        Lookup::Unknown(gaps) => return Some(gaps),
    };
    let host = host(family, client);
    let servers = row.text("dhcp_options_id").and_then(|id| match world.lookup("vpc_dhcp_options", account, region, id) {
        _ if id == "default" => Known(Vec::new()),
        Lookup::Found(row) => row.list("domain_name_servers"),
        Lookup::Absent => Observed::gap(Gap::not_understood("vpc_dhcp_options", format!("the option set `{id}` is not in the list"))),
        Lookup::Unknown(gaps) => Unknown(gaps),
    });
    match servers {
        Known(servers) if servers.iter().all(|server| server == "AmazonProvidedDNS") => {}
        Known(servers) => {
            return Some(vec![Gap::not_understood(
                "vpc_dhcp_options.domain_name_servers",
                format!("the VPC asks {}, which can answer anything", servers.join(", ")),
            )]);
        }
        Unknown(gaps) => return Some(gaps),
    }
    if endpoint {
        // Where private DNS is on, AWS itself holds a zone for the very name, and a second one of the same name is refused.
        return None;
    }
    match row.json("private_zones") {
        Known(zones) => {
            let matching: Vec<String> = zones
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|zone| zone["name"].as_str().map(|name| name.trim_end_matches('.').to_owned()))
                .filter(|name| !name.is_empty() && (host == *name || host.ends_with(&format!(".{name}"))))
                .collect();
            (!matching.is_empty()).then(|| {
                vec![Gap::not_understood(
                    "vpc.private_zones",
                    format!("the private hosted zone {} answers for {host}; its records are not followed", matching.join(", ")),
                )]
            })
        }
        Unknown(gaps) => Some(gaps),
    }
}
