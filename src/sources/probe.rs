//! The probe: from inside a network, does the call to Bedrock really go private?
//!
//! Invariants: every step is bounded in time and tried once; the certificate is checked against the name
//! that was asked for; a call without token cost proves authority and reachability where the family has one;
//! a way out to the internet is tried too, because a call that works from a host with egress proves nothing.

use crate::services::bedrock::{FAMILIES, host};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What is probed, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Region of the host names.
    pub region: String,
    /// API families.
    pub families: Vec<String>,
    /// FIPS host names.
    pub fips: bool,
    /// Dual-stack host names.
    pub dualstack: bool,
    /// Model for a real call of one token.
    pub invoke: Option<String>,
    /// Public `HOST:PORT` that is tried for a way out.
    pub egress: Vec<String>,
    /// Longest time for one step.
    pub timeout: Duration,
    /// Certificates to trust instead of the public ones, as PEM.
    pub roots: Option<String>,
    /// Addresses to take in place of those that the resolver gives.
    pub resolve: Vec<(String, SocketAddr)>,
}

impl Plan {
    /// Family and host name of each probe.
    pub fn hosts(&self) -> Vec<(String, String)> {
        self.families
            .iter()
            .map(|family| {
                (
                    family.clone(),
                    host(family, &self.region, self.fips, self.dualstack),
                )
            })
            .collect()
    }
}

/// Every family.
pub fn families() -> Vec<String> {
    FAMILIES.iter().map(|family| (*family).to_owned()).collect()
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Did it succeed?
    pub ok: bool,
    /// What was seen, or what went wrong.
    pub detail: String,
}

/// A signed call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// `service:Operation`.
    pub operation: String,
    /// HTTP status; 0 where no answer came.
    pub status: u16,
    /// Error code of the service; empty for success.
    pub code: String,
    /// Request id that AWS gave.
    pub request_id: String,
    /// `authorized`, `denied`, `reached` (it answered, and authority is not shown) or `none`.
    pub shows: String,
}

/// One family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// Family.
    pub family: String,
    /// Host name.
    pub host: String,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// `private`, `public`, `mixed` or `none`.
    pub address_kind: String,
    /// How the name resolved.
    pub name: Step,
    /// TCP.
    pub connect: Step,
    /// TLS with the certificate checked.
    pub tls: Step,
    /// The signed call, where the family has one without cost.
    pub call: Option<Call>,
    /// A real call of one token.
    pub invoke: Option<Call>,
    /// As in `outcrop path`.
    pub verdict: String,
    /// What decided.
    pub reason: String,
}

/// Where the probe ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Its own addresses, as seen by the sockets that it opened.
    pub addresses: Vec<IpAddr>,
    /// `AWS_EXECUTION_ENV` or what stands for it.
    pub environment: String,
    /// Function name, task or other identity that the environment names.
    pub identity: String,
    /// Who signs: the access key id of the credentials in use.
    pub access_key_id: String,
}

/// The whole result: JSON evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `outcrop-probe/v1`.
    pub schema: String,
    /// Version of Outcrop.
    pub version: String,
    /// RFC 3339, UTC.
    pub probed_at: String,
    /// Region of the host names.
    pub region: String,
    /// Where it ran.
    pub host: Host,
    /// Public targets that were tried, and whether a way out is open.
    pub egress: Vec<(String, Step)>,
    /// Families.
    pub families: Vec<Family>,
}

/// Schema of reports.
pub const SCHEMA: &str = "outcrop-probe/v1";

/// Is an address private (RFC 1918, RFC 6598, RFC 4193, link-local)?
pub fn is_private(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1])
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

/// `private`, `public`, `mixed` or `none`.
pub fn address_kind(addresses: &[IpAddr]) -> &'static str {
    match (
        addresses.iter().any(is_private),
        addresses.iter().any(|address| !is_private(address)),
    ) {
        (true, false) => "private",
        (false, true) => "public",
        (true, true) => "mixed",
        (false, false) => "none",
    }
}

/// The verdict over what was seen. `egress` is whether some public target could be reached.
pub fn verdict(family: &Family, egress: bool) -> (&'static str, String) {
    let through = if egress {
        ", and this host has a way out to the internet"
    } else {
        ", and this host has no way out to the internet"
    };
    if !family.name.ok {
        return (
            "broken",
            format!("the name does not resolve: {}", family.name.detail),
        );
    }
    if !family.connect.ok {
        return (
            "broken",
            format!(
                "{} resolves to {} addresses and cannot be reached: {}",
                family.host, family.address_kind, family.connect.detail
            ),
        );
    }
    if !family.tls.ok {
        return (
            "unknown",
            format!(
                "something answers for {} that does not prove to be it: {}",
                family.host, family.tls.detail
            ),
        );
    }
    let answered = family.call.as_ref().is_none_or(|call| call.status > 0);
    match (family.address_kind.as_str(), answered, egress) {
        (_, false, _) => (
            "broken",
            "TLS stands, and the call gets no answer".to_owned(),
        ),
        ("public", true, _) => (
            "public",
            format!("the name resolves to public addresses, and they answer{through}"),
        ),
        ("private", true, true) => (
            "private-bypassable",
            format!("the name resolves to private addresses, and they answer{through}"),
        ),
        ("private", true, false) => (
            "private-enforced",
            format!("the name resolves to private addresses, and they answer{through}"),
        ),
        _ => (
            "unknown",
            format!("the name resolves to {} addresses", family.address_kind),
        ),
    }
}

/// What an answer shows of authority.
pub fn shows(status: u16, code: &str) -> &'static str {
    match status {
        0 => "none",
        200..=299 => "authorized",
        403 if code.contains("AccessDenied") || code.contains("NotAuthorized") => "denied",
        _ => "reached",
    }
}

/// Reads a report back.
///
/// # Errors
/// With line and column, or what is missing.
pub fn parse(text: &str) -> Result<Report, String> {
    let report: Report = serde_json::from_str(text)
        .map_err(|error| format!("it is no report of `outcrop probe`: {error}"))?;
    if report.schema != SCHEMA {
        return Err(format!(
            "its schema is `{}`, and this release reads `{SCHEMA}`",
            report.schema
        ));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_decides() {
        let step = |ok: bool| Step {
            ok,
            detail: "seen".to_owned(),
        };
        let call = |status: u16| {
            Some(Call {
                operation: "bedrock:ListFoundationModels".to_owned(),
                status,
                code: String::new(),
                request_id: String::new(),
                shows: String::new(),
            })
        };
        for (addresses, name, connect, tls, answer, egress, expected) in [
            (
                &["10.0.1.10"][..],
                true,
                true,
                true,
                call(200),
                false,
                "private-enforced",
            ),
            (
                &["10.0.1.10"],
                true,
                true,
                true,
                call(200),
                true,
                "private-bypassable",
            ),
            // A refusal is an answer: the way is private, whatever the policy says.
            (
                &["10.0.1.10"],
                true,
                true,
                true,
                call(403),
                false,
                "private-enforced",
            ),
            (
                &["10.0.1.10"],
                true,
                true,
                true,
                None,
                false,
                "private-enforced",
            ),
            (
                &["fd00::7"],
                true,
                true,
                true,
                call(200),
                false,
                "private-enforced",
            ),
            (
                &["100.64.0.9"],
                true,
                true,
                true,
                call(200),
                false,
                "private-enforced",
            ),
            (
                &["52.94.133.1"],
                true,
                true,
                true,
                call(200),
                true,
                "public",
            ),
            (
                &["52.94.133.1"],
                true,
                true,
                true,
                call(200),
                false,
                "public",
            ),
            (
                &["52.94.133.1", "10.0.1.10"],
                true,
                true,
                true,
                call(200),
                false,
                "unknown",
            ),
            (&[], false, false, false, None, false, "broken"),
            (&["10.0.1.10"], true, false, false, None, false, "broken"),
            (&["52.94.133.1"], true, false, false, None, false, "broken"),
            // A proxy that opens TLS with a certificate of its own.
            (&["10.0.1.10"], true, true, false, None, true, "unknown"),
            (&["10.0.1.10"], true, true, true, call(0), false, "broken"),
        ] {
            let addresses: Vec<IpAddr> = addresses
                .iter()
                .map(|address| address.parse().expect("an address"))
                .collect();
            let family = Family {
                family: "bedrock".to_owned(),
                host: "bedrock.eu-west-1.amazonaws.com".to_owned(),
                address_kind: address_kind(&addresses).to_owned(),
                addresses,
                name: step(name),
                connect: step(connect),
                tls: step(tls),
                call: answer,
                invoke: None,
                verdict: String::new(),
                reason: String::new(),
            };
            let (found, reason) = verdict(&family, egress);
            assert_eq!(found, expected, "{family:?}");
            assert!(!reason.is_empty());
        }
    }

    #[test]
    fn an_answer_shows_authority_or_only_that_it_was_reached() {
        for (status, code, shown) in [
            (0, "", "none"),
            (200, "", "authorized"),
            (403, "AccessDeniedException", "denied"),
            (403, "InvalidSignatureException", "reached"),
            (400, "ValidationException", "reached"),
            (503, "", "reached"),
        ] {
            assert_eq!(shows(status, code), shown, "{status} {code}");
        }
    }
}
