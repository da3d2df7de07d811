//! The path of a call out of one subnet: name, route, filter.
//!
//! `name` tells what the host name resolves to inside a VPC, `walk` follows the routes of layer 3 from
//! there, `transit` over transit gateways, `filter` asks security groups and network ACLs. What leads out of what AWS shows (on-premises
//! networks, appliances, firewalls, other people's name servers) makes the path unknown and says so.
//! Facts: the Bedrock network fact sheet, sections 2, 9 and 10.

mod address;
mod answers;
mod filter;
mod firewall;
mod name;
pub mod trace;
mod transit;
mod walk;

use crate::inventory::{Lookup, World};
use crate::model::{Gap, Observed, Reason};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};

pub(crate) use address::net_of;
pub(crate) use filter::{Distance, between, outward};
pub(crate) use name::{
    Capture, Client, answered_elsewhere, capture, endpoints_for, family_of_service, host,
    private_dns, usable,
};
pub(crate) use walk::{Reach, Target, internet_route, reach, table_id};

/// Where a way leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WayVerdict {
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
    pub(crate) fn as_str(self) -> &'static str {
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

/// One hop, the account it stands in, and the fact that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    pub kind: &'static str,
    pub id: String,
    /// Empty for the account of the workload.
    pub account: String,
    pub because: String,
}

impl Hop {
    pub(crate) fn new(
        kind: &'static str,
        id: impl Into<String>,
        because: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            id: id.into(),
            account: String::new(),
            because: because.into(),
        }
    }

    pub(crate) fn of(mut self, account: &str) -> Self {
        account.clone_into(&mut self.account);
        self
    }

    pub(crate) fn noting(mut self, more: &str) -> Self {
        self.because = format!("{}, {more}", self.because);
        self
    }

    pub(crate) fn json(&self, account: &str) -> Json {
        json!({"kind": self.kind, "id": self.id, "account_id": if self.account.is_empty() { account } else { &self.account }, "because": self.because})
    }
}

/// One way, with its argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
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

/// A subnet in its place; `account` is the one that owns the VPC.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Spot {
    pub account: String,
    pub region: String,
    pub vpc: String,
    /// Empty where a gateway stands in the VPC as a whole.
    pub subnet: String,
}

impl Spot {
    /// The place of a subnet that an account uses. In a shared VPC routes, gateways and endpoints are its owner's.
    pub(crate) fn find(
        world: &World,
        account: &str,
        region: &str,
        vpc: &str,
        subnet: &str,
    ) -> Observed<Self> {
        let spot = |account: &str| Self {
            account: account.to_owned(),
            region: region.to_owned(),
            vpc: vpc.to_owned(),
            subnet: subnet.to_owned(),
        };
        match world.lookup("vpc", account, region, vpc) {
            Lookup::Found(row) => row.text("owner_id").and_then(|owner| match owner {
                owner if owner == account => Known(spot(account)),
                owner if world.run.account(owner).is_some() => Known(spot(owner)),
                owner => Observed::gap(Gap {
                    reason: Reason::NotScanned,
                    ..Gap::not_understood(
                        "vpc.owner_id",
                        format!("{vpc} is shared by {owner}, whose endpoints and gateways decide, and which is not in this run"),
                    )
                }),
            }),
            Lookup::Absent => Observed::gap(Gap::not_understood("vpc", format!("the VPC `{vpc}` is not in the list"))),
            Lookup::Unknown(gaps) => Unknown(gaps),
        }
    }
}
