//! Addresses and ranges.

use crate::inventory::{Lookup, World};
use crate::model::{Gap, Observed};
use Observed::{Known, Unknown};
use ipnet::IpNet;

/// The IPv4 range of a subnet of a VPC's owner.
pub(crate) fn net_of(
    world: &World,
    account: &str,
    region: &str,
    subnet: &str,
) -> Observed<Option<IpNet>> {
    match world.lookup("vpc_subnet", account, region, subnet) {
        Lookup::Found(row) => row.text("cidr_block").map(|cidr| cidr.parse().ok()),
        Lookup::Absent => Known(None),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// Ranges of a destination: one, or the entries of a prefix list.
pub(crate) fn nets(
    world: &World,
    account: &str,
    region: &str,
    destination: &str,
) -> Observed<Vec<IpNet>> {
    if world.prefix(destination) != "pl" {
        return match destination.parse() {
            Ok(net) => Known(vec![net]),
            Err(_) => Observed::gap(Gap::not_understood(
                "routes",
                format!("`{destination}` is no range of addresses"),
            )),
        };
    }
    match world.lookup("ec2_managed_prefix_list", account, region, destination) {
        Lookup::Found(row) => row.list("entries").map(|entries| {
            entries
                .iter()
                .filter_map(|entry| entry.parse().ok())
                .collect()
        }),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "ec2_managed_prefix_list",
            format!("the prefix list `{destination}` is not in the list"),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}

/// Does a range cover public addresses at large? Two halves count as much as a whole.
pub(crate) fn is_default(net: &IpNet) -> bool {
    net.prefix_len() <= 1 || net.to_string() == "2000::/3"
}

/// Is the range inside those that nobody is reached by over the internet: private and shared ones (RFC 1918, RFC 6598, RFC 4193), and
/// those of special use (RFC 6890)?
pub(crate) fn is_private(net: &IpNet) -> bool {
    [
        "0.0.0.0/8",
        "127.0.0.0/8",
        "192.0.0.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::1/128",
        "ff00::/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    ]
    .iter()
    .any(|range| {
        range
            .parse::<IpNet>()
            .is_ok_and(|range| range.contains(net))
    })
}
