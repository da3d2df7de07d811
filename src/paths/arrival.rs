//! To the endpoint that captures a name: the way there and back, and whom its policy lets through.

use super::endpoint;
use super::{Paths, remembered};
use crate::inventory::Row;
use crate::model::{Gap, Observed, merge};
use crate::network;
use crate::network::{Distance, Hop, Reach, Spot, Target};
use crate::policy;
use crate::policy::{Ask, Document, Fact, Found, Policies, Principal, may};
use Observed::{Known, Unknown};
use serde_json::json;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The request that a policy lets through, or why it lets none.
pub(super) type Admission = Result<String, String>;

/// The hops to an endpoint, or how far it came and what refuses it.
pub(crate) type Arrival = Result<Vec<Hop>, (Vec<Hop>, String)>;

/// To one of the endpoint's interfaces and back; one that can be reached is enough.
pub(crate) fn arrive(
    paths: &Paths<'_>,
    user: &str,
    from: &Spot,
    groups: &[String],
    endpoint: Row<'_>,
) -> Observed<Arrival> {
    let subnets = match endpoint.list("subnet_ids").zip(endpoint.text("vpc_id")) {
        Known((subnets, _)) if subnets.is_empty() => {
            return Known(Err((
                Vec::new(),
                "it has no interface in any subnet".to_owned(),
            )));
        }
        Known((subnets, vpc)) => subnets
            .into_iter()
            .map(|subnet| Spot {
                account: endpoint.account().to_owned(),
                region: endpoint.region().to_owned(),
                vpc: vpc.to_owned(),
                subnet,
            })
            .collect::<Vec<_>>(),
        Unknown(gaps) => return Unknown(gaps),
    };
    let (mut refused, mut gaps) = (None, Vec::new());
    for at in &subnets {
        match to_interface(paths, user, from, groups, endpoint, at) {
            Known(Ok(hops)) => return Known(Ok(hops)),
            Known(Err(why)) => refused = refused.or(Some(why)),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    match refused {
        Some(why) if gaps.is_empty() => Known(Err(why)),
        _ => Unknown(gaps),
    }
}

pub(super) fn to_interface(
    paths: &Paths<'_>,
    user: &str,
    from: &Spot,
    groups: &[String],
    endpoint: Row<'_>,
    at: &Spot,
) -> Observed<Arrival> {
    let world = paths.world;
    let net = |spot: &Spot| {
        network::net_of(world, &spot.account, &spot.region, &spot.subnet).and_then(
            |net| match net {
                Some(net) => Known(net),
                None => Observed::gap(Gap::not_understood(
                    "vpc_subnet.cidr_block",
                    format!("the subnet {} or its range is not in the list", spot.subnet),
                )),
            },
        )
    };
    let mut hops = Vec::new();
    let mut distance = Distance::Same;
    if from.vpc != at.vpc {
        let (here, there) = match net(from).zip(net(at)) {
            Known(nets) => nets,
            Unknown(gaps) => return Unknown(gaps),
        };
        match network::reach(
            world,
            from,
            &Target::Inside {
                net: there,
                vpc: at.vpc.clone(),
            },
        ) {
            Reach::Open(more) => {
                if let Some(gateway) = more.iter().find(|hop| hop.kind == "nat-gateway") {
                    return Observed::gap(Gap::not_understood(
                        "vpc_nat_gateway",
                        format!(
                            "{} translates the address on the way; filters and the return path are not followed through it",
                            gateway.id
                        ),
                    ));
                }
                distance =
                    if more.iter().any(|hop| hop.kind == "peering") && from.region == at.region {
                        Distance::Peered
                    } else {
                        Distance::Far
                    };
                hops = more;
            }
            Reach::Closed(more, why) => {
                return Known(Err((
                    more,
                    format!("no path leads to {}: {why}", at.subnet),
                )));
            }
            Reach::Unknown(gaps) => return Unknown(gaps),
        }
        match network::reach(
            world,
            at,
            &Target::Inside {
                net: here,
                vpc: from.vpc.clone(),
            },
        ) {
            Reach::Open(_) => {}
            Reach::Closed(_, why) => {
                return Known(Err((
                    hops,
                    format!("no path leads back from {}: {why}", at.subnet),
                )));
            }
            Reach::Unknown(gaps) => return Unknown(gaps),
        }
    }
    network::between(world, from, user, groups, endpoint, at, distance).map(|passed| match passed {
        Ok(passed) => Ok([
            hops,
            passed
                .into_iter()
                .map(|(kind, id, why)| Hop::new(kind, id, why))
                .collect(),
        ]
        .concat()),
        Err((kind, id, why)) => Err(([hops, vec![Hop::new(kind, id, &why)]].concat(), why)),
    })
}

/// Does the policy of the endpoint let some call of one of these roles through? With the request that passes.
pub(crate) fn admitted(
    paths: &Paths<'_>,
    roles: &BTreeSet<String>,
    family: &str,
    actions: &[String],
    endpoint: Row<'_>,
) -> Observed<Result<Option<String>, String>> {
    let document = match endpoint::policy(endpoint) {
        Known(document) => document,
        Unknown(gaps) => return Unknown(gaps),
    };
    if roles.is_empty() || actions.is_empty() {
        return Known(Ok(None));
    }
    let document = Rc::new(document);
    let (mut refused, mut gaps) = (String::new(), Vec::new());
    for role in roles {
        match paths.principals.role(role) {
            Known(access) => {
                match remembered(
                    &paths.admissions,
                    (
                        role.clone(),
                        format!("{} {}", endpoint.account(), endpoint.key()),
                        family.to_owned(),
                    ),
                    || {
                        through(
                            &access.principal,
                            &access.grants,
                            &document,
                            actions,
                            endpoint,
                        )
                    },
                ) {
                    Known(Ok(why)) => return Known(Ok(Some(why))),
                    Known(Err(why)) => refused = why,
                    Unknown(more) => gaps = merge(gaps, more),
                }
            }
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    if gaps.is_empty() {
        Known(Err(refused))
    } else {
        Unknown(gaps)
    }
}

pub(super) fn through(
    principal: &Principal,
    grants: &Policies,
    document: &Rc<Document>,
    actions: &[String],
    endpoint: Row<'_>,
) -> Observed<Result<String, String>> {
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let mut context = endpoint::network_context(endpoint);
    // Models are of AWS; of other services the caller's own resources are meant, which are in its organisation.
    if actions.iter().all(|action| !action.starts_with("bedrock")) {
        context.insert(
            "aws:resourceorgid".to_owned(),
            principal.organization.clone(),
        );
        context.insert(
            "aws:resourceaccount".to_owned(),
            Fact::one(&principal.account),
        );
    }
    let ask = |policies: &Policies| {
        may(
            policies,
            &Ask {
                principal,
                actions: &actions,
                resources: &[],
                resource_account: None,
                context: context.clone(),
                choose: true,
            },
        )
    };
    let anything = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let identity = Document::parse("anything", &anything)
        .map(Rc::new)
        .into_iter()
        .collect();
    let name = &principal.arn;
    match ask(&Policies {
        identity,
        endpoint: Some(Rc::clone(document)),
        ..Policies::default()
    }) {
        Found::No => {
            return Known(Err(format!(
                "its policy lets {name} call nothing of the family"
            )));
        }
        Found::Unknown(why) => {
            return Unknown(policy::of(why, "vpc_endpoint.policy"));
        }
        Found::Yes(_) => {}
    }
    match ask(&Policies {
        endpoint: Some(Rc::clone(document)),
        ..grants.clone()
    }) {
        Found::Yes(request) => Known(Ok(format!(
            "it lets {name} call {} on {}",
            request.action, request.resource
        ))),
        // What the role may do beside the endpoint is no matter of the way.
        Found::Unknown(_) => Known(Ok(format!("it lets {name} through"))),
        Found::No => match ask(grants) {
            Found::Yes(_) => Known(Err(format!(
                "what {name} may call and what its policy lets through have nothing in common"
            ))),
            _ => Known(Ok(format!(
                "it lets {name} through; the policies of the role do not allow the call"
            ))),
        },
    }
}
