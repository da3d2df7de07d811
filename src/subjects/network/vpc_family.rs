//! Subject: the endpoints that the VPCs of callers need.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Children, Lookup, Role, Span, Table};
use crate::model::Observed;
use crate::network::{Capture, Client, Spot};
use crate::subjects::{Facts, Subject};
use crate::workloads::interfaces::{Placement, placement};
use crate::{network, paths, services, subject_columns, workloads};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

/// An API family that a VPC's callers use.
pub const VPC_FAMILY: Table = Table {
    name: "bedrock_vpc_family",
    doc: "An API family that callers in a VPC use, and whether the VPC has an endpoint for it.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("family", "API family.").from(workloads::INPUTS),
        text("vpc_id", "VPC.").from(workloads::INPUTS),
        list("callers", "Workloads in the VPC that use it.").from(workloads::INPUTS),
        flag(
            "offered",
            "Does AWS offer the endpoint service in the Region?"
        )
        .from(services::vpc_endpoint::ENDPOINT_SERVICE.list()),
        flag(
            "endpoint_present",
            "Is there an interface endpoint, of the VPC or of a hub?"
        )
        .from(crate::paths::INPUTS),
        text("endpoint_id", "The endpoint.")
            .absent("''")
            .from(services::vpc_endpoint::ENDPOINT.list()),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &VPC_FAMILY,
    derive: derive_vpc_families,
    rests_on_published_data: false,
};

/// Who needs a family in a VPC, and how their SDKs are set up.
#[derive(Default)]
struct Need<'w> {
    users: BTreeSet<&'w str>,
    clients: Vec<Observed<Client>>,
}

pub(crate) fn derive_vpc_families(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&VPC_FAMILY) {
        let callers = facts.workloads.all();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        let mut needs: BTreeMap<(String, &str), Need<'_>> = BTreeMap::new();
        for workload in callers.known(&account, &region) {
            for deployment in &workload.deployments {
                match placement(workload, deployment, facts.world) {
                    Known(Some(Placement { vpc, .. })) => {
                        for family in workload.families.known.iter().copied() {
                            let need = needs.entry((vpc.clone(), family)).or_default();
                            need.users.insert(&workload.arn);
                            let client = paths::client(&region, family, deployment);
                            if !need.clients.contains(&client) {
                                need.clients.push(client);
                            }
                        }
                    }
                    Known(None) => {}
                    Unknown(gaps) => sink.hide(&account, &region, gaps),
                }
            }
        }
        for ((vpc, family), Need { users, clients }) in needs {
            let world = facts.world;
            let service = format!("com.amazonaws.{region}.{family}");
            let offered = match world.lookup("vpc_endpoint_service", &account, &region, &service) {
                Lookup::Found(_) => Known(true),
                Lookup::Absent => Known(false),
                // Wherever there is Bedrock there are endpoints of these.
                Lookup::Unknown(_)
                    if world.run.source.is_file()
                        && [
                            "bedrock",
                            "bedrock-runtime",
                            "bedrock-agent",
                            "bedrock-agent-runtime",
                        ]
                        .contains(&family) =>
                {
                    Known(true)
                }
                Lookup::Unknown(gaps) => Unknown(gaps),
            };
            let spot = Spot::find(world, &account, &region, &vpc, "");
            let own = match &spot {
                Known(spot) => {
                    network::endpoints_for(world, &spot.account, &spot.region, &spot.vpc, family)
                }
                Unknown(gaps) => Children {
                    rows: Vec::new(),
                    gaps: gaps.clone(),
                },
            };
            let usable = own
                .rows
                .iter()
                .any(|row| network::usable(*row, &service, &region).is_true());
            // An endpoint takes the names that its clients ask for: another Region's, or those of FIPS and dual stack, have their own.
            let present = Observed::all(clients.iter().map(|client| {
                client.clone().and_then(|client| {
                    let plain = client.region == region && !client.fips && !client.dualstack;
                    if usable && (plain || client.endpoint == "vpce") {
                        return Known(true);
                    }
                    // A hub's endpoint counts where a private zone, a profile or a rule leads to it.
                    let client = Client {
                        endpoint: "default".to_owned(),
                        ..client
                    };
                    spot.clone().and_then(|spot| {
                        match network::capture(world, &spot, family, &client) {
                            Capture::Endpoint(..) => Known(true),
                            Capture::Unknown(gaps) => Unknown(gaps),
                            Capture::Public(_) | Capture::Blocked(_) => Known(false),
                        }
                    })
                })
            }));
            let id = match (own.rows.first(), own.gaps) {
                (Some(row), _) => Known(row.key().to_owned()),
                (None, gaps) if gaps.is_empty() => Known(String::new()),
                (None, gaps) => Unknown(gaps),
            };
            let partition = &world.run.partition;
            let mut row = sink.row(
                &account,
                &region,
                format!("arn:{partition}:ec2:{region}:{account}:vpc/{vpc}"),
                "AWS::EC2::VPC",
            );
            let tags = world
                .lookup("vpc", &account, &region, &vpc)
                .fact(|| Known(BTreeMap::new()), |row| row.tags());
            row.put("part", family).put("name", vpc.as_str()).tagged(
                facts.settings,
                &account,
                tags,
            );
            row.put("family", family)
                .put("vpc_id", vpc.as_str())
                .put(
                    "callers",
                    users.into_iter().map(str::to_owned).collect::<Vec<_>>(),
                )
                .set("offered", offered)
                .set("endpoint_present", present)
                .set("endpoint_id", id);
            sink.push(row);
        }
    }
}
