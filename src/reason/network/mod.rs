//! The way a call to Bedrock takes out of one subnet: name, route, filter.
//!
//! First version: it follows endpoint private DNS, NAT and internet gateways, and security groups on
//! port 443. Private hosted zones, custom resolvers, transit gateways, peering, firewalls and prefix
//! lists are seen and make the way unknown; network ACLs and endpoint policies are not asked here.
//! Facts: the Bedrock network fact sheet, sections 2, 9 and 10.

mod filter;
mod name;
mod route;

use crate::model::{Gap, Observed};
use serde_json::{Value as Json, json};

pub(super) use filter::admits;
pub(super) use name::{Capture, Client, capture, endpoints_for, family_of_service, host, private_dns, usable};
pub(super) use route::{Egress, egress, reaches_other_networks};

/// Where a way leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WayVerdict {
    /// The only way is the public endpoint.
    Public,
    /// An endpoint exists, but the name is not certainly captured and a way out remains.
    PublicPossible,
    /// A deciding fact is missing.
    Unknown,
    /// The call cannot arrive.
    Broken,
    /// Private, and a way out remains that nothing forbids.
    PrivateBypassable,
    /// Private, and no other way.
    PrivateEnforced,
}

impl WayVerdict {
    /// The name in tables.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::PublicPossible => "public-possible",
            Self::Unknown => "unknown",
            Self::Broken => "broken",
            Self::PrivateBypassable => "private-bypassable",
            Self::PrivateEnforced => "private-enforced",
        }
    }
}

/// One hop and the fact that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub kind: &'static str,
    pub id: String,
    pub because: String,
}

impl Hop {
    pub(super) fn new(kind: &'static str, id: impl Into<String>, because: impl Into<String>) -> Self {
        Self { kind, id: id.into(), because: because.into() }
    }

    pub(super) fn json(&self, account: &str) -> Json {
        json!({"kind": self.kind, "id": self.id, "account_id": account, "because": self.because})
    }
}

/// One way, with its argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub verdict: WayVerdict,
    pub hops: Vec<Hop>,
    pub reason: String,
    pub gaps: Vec<Gap>,
    /// Does a way out to public addresses remain?
    pub egress: Observed<bool>,
    /// Does the name certainly resolve to an endpoint?
    pub captured: bool,
    /// Does the call certainly pass that endpoint?
    pub passes: bool,
}
