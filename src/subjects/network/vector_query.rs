//! Subject: workloads that query a vector index themselves, and whether a private path leads them there.

use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, json, text};
use crate::inventory::{Children, Role, Row, Span, Table};
use crate::model::{Gap, Observed, merge};
use crate::network::{self, Spot};
use crate::paths::arrival::arrive;
use crate::services;
use crate::subject_columns;
use crate::subjects::network::prompt_exit::named;
use crate::subjects::network::vector_collection::{index_endpoints, speaks_of};
use crate::subjects::{Facts, Subject};
use crate::workloads;
use crate::workloads::Workload;
use crate::workloads::interfaces::{Placement, placement};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

const VARIABLES: Inputs = Inputs::All(&[
    services::lambda::ENVIRONMENT_VARIABLE.list(),
    services::ecs::ENVIRONMENT_VARIABLE.list(),
]);
const STORES: Inputs = Inputs::All(&[
    services::opensearch::COLLECTION.list(),
    services::opensearch::ACCESS_POLICY.list(),
    services::opensearch::ACCESS_POLICY.group("detail"),
]);
const DOORS: Inputs = Inputs::All(&[
    services::opensearch::NETWORK_POLICY.list(),
    services::opensearch::NETWORK_POLICY.group("detail"),
    services::opensearch::VPC_ENDPOINT.list(),
    services::opensearch::VPC_ENDPOINT.group("detail"),
]);
const PATH: Inputs = Inputs::All(&[DOORS, TOLD, crate::paths::INPUTS]);

const TOLD: Inputs = Inputs::All(&[VARIABLES, STORES, workloads::INPUTS]);

/// A workload and an index that it queries.
pub const VECTOR_QUERY: Table = Table {
    name: "vector_query",
    doc: "A Bedrock caller that queries an OpenSearch collection or domain itself: a variable names the host, or a data access policy names its role. Who retrieves through a knowledge base alone needs no path to the index and is not here.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("workload_kind", "`lambda`, `ecs`, `ec2`, `eks`, `sagemaker` or `agentcore`.").from(workloads::INPUTS),
        text("store", "Name of the collection; host of what is not in the list.").from(STORES),
        text("told_by", "`variable` or `data-access-policy`.").from(TOLD),
        flag("private_path", "Does an endpoint that the network policy names take its calls from every subnet, and is its role let in?").from(PATH),
        json("hops", "The way to the endpoint.").absent("[]").from(PATH),
        text("reason", "What decides.").from(PATH),
    ],
    reads: &[],
    lists: TOLD,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &VECTOR_QUERY,
    derive,
    rests_on_published_data: true,
};

/// What is known of the policies of a scope.
struct Policies<'p> {
    all: Vec<(&'p str, Json)>,
    gaps: Vec<Gap>,
}

impl<'p> Policies<'p> {
    fn of(facts: &'p Facts<'_>, table: &str, account: &str, region: &str) -> Self {
        let found = facts.world.all(table, account, region);
        let (mut all, mut gaps) = (Vec::new(), found.gaps);
        for row in found.rows {
            match row.json("policy") {
                Known(policy) => all.push((row.key(), policy)),
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        Self { all, gaps }
    }

    /// The statements that speak of a collection as one of these types of resource.
    fn about<'s>(
        &'s self,
        kinds: &'s [&'s str],
        collection: &'s str,
    ) -> impl Iterator<Item = (&'p str, &'s Json)> {
        self.all.iter().flat_map(move |(name, policy)| {
            let statements = policy.as_array().into_iter().flatten();
            statements
                .filter(move |statement| {
                    kinds
                        .iter()
                        .any(|kind| speaks_of(statement, kind, collection))
                })
                .map(move |statement| (*name, statement))
        })
    }
}

fn texts(value: &Json) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
}

/// Do the rules about the indexes of a collection let documents be read?
fn reads(statement: &Json, collection: &str) -> bool {
    let rules = statement["Rules"].as_array().into_iter().flatten();
    rules
        .filter(|rule| speaks_of(&json!({"Rules": [rule]}), "index", collection))
        .any(|rule| {
            texts(&rule["Permission"])
                .any(|permission| matches!(permission, "aoss:*" | "aoss:ReadDocument"))
        })
}

/// May the role read documents by a data access policy: is it a principal of one? What other principals stand for is not told by the
/// service's documentation, so they leave it open.
fn let_in(access: &Policies<'_>, collection: &str, role: &str) -> Observed<Option<String>> {
    let mut open = None;
    for (name, statement) in access
        .about(&["index"], collection)
        .filter(|(_, statement)| reads(statement, collection))
    {
        for principal in texts(&statement["Principal"]) {
            if principal == role {
                return Known(Some(name.to_owned()));
            }
            if principal.contains('*') || principal.ends_with(":root") {
                open = Some(Gap::not_understood(
                    "aoss_access_policy.policy",
                    format!(
                        "whether the principal {principal} of {name} stands for {role} is not known"
                    ),
                ));
            }
        }
    }
    match (open, access.gaps.is_empty()) {
        (Some(gap), _) => Unknown(vec![gap]),
        (None, true) => Known(None),
        (None, false) => Unknown(access.gaps.clone()),
    }
}

/// What came of one of the questions: it holds (with hops), or it does not, and why.
type Answer = Observed<Result<Vec<Json>, String>>;

/// From one subnet to an endpoint of OpenSearch Serverless in its VPC that the network policy names.
fn from_subnet(
    facts: &Facts<'_>,
    workload: &Workload<'_>,
    place: &Placement,
    subnet: &str,
    collection: &str,
    policies: &Policies<'_>,
) -> Answer {
    let spot = match Spot::find(
        facts.world,
        workload.account,
        workload.region,
        &place.vpc,
        subnet,
    ) {
        Known(spot) => spot,
        Unknown(gaps) => return Unknown(gaps),
    };
    let Children { rows: doors, gaps } = index_endpoints(facts, workload.account, &spot);
    match network::answered_elsewhere(
        facts.world,
        &spot,
        &format!("x.{}.aoss.amazonaws.com", spot.region),
        doors.is_empty(),
    ) {
        Known(None) => {}
        Known(Some(why)) => return Known(Err(why)),
        Unknown(more) => return Unknown(merge(gaps, more)),
    }
    if doors.is_empty() {
        if !gaps.is_empty() {
            return Unknown(gaps);
        }
        return Known(Err(format!(
            "{} has no endpoint of OpenSearch Serverless, so the name leads to public addresses",
            spot.vpc
        )));
    }
    let public = policies
        .about(&["collection"], collection)
        .any(|(_, statement)| statement["AllowFromPublic"] == true);
    let (mut refused, mut open) = (String::new(), gaps);
    for door in doors {
        match through(
            facts, workload, place, &spot, door, collection, policies, public,
        ) {
            Known(Ok(hops)) => return Known(Ok(hops)),
            Known(Err(why)) => refused = why,
            Unknown(more) => open = merge(open, more),
        }
    }
    if open.is_empty() {
        Known(Err(refused))
    } else {
        Unknown(open)
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the facts of one way, each used once"
)]
fn through(
    facts: &Facts<'_>,
    workload: &Workload<'_>,
    place: &Placement,
    spot: &Spot,
    door: Row<'_>,
    collection: &str,
    policies: &Policies<'_>,
    public: bool,
) -> Answer {
    match door.text("status") {
        Known(status) if status.eq_ignore_ascii_case("ACTIVE") => {}
        Known(status) => return Known(Err(format!("the endpoint {} is {status}", door.key()))),
        Unknown(gaps) => return Unknown(gaps),
    }
    let named = policies
        .about(&["collection"], collection)
        .any(|(_, statement)| texts(&statement["SourceVPCEs"]).any(|id| id == door.key()));
    if !named && !public {
        if !policies.gaps.is_empty() {
            return Unknown(policies.gaps.clone());
        }
        return Known(Err(format!(
            "no network policy of {collection} names the endpoint {}",
            door.key()
        )));
    }
    match arrive(&facts.paths, workload.account, spot, &place.groups, door) {
        Known(Ok(hops)) => Known(Ok(hops
            .iter()
            .map(|hop| hop.json(workload.account))
            .chain([json!({"kind": "endpoint", "id": door.key()})])
            .collect())),
        Known(Err((_, why))) => Known(Err(format!(
            "the endpoint {} cannot be reached: {why}",
            door.key()
        ))),
        Unknown(gaps) => Unknown(gaps),
    }
}

/// The path of a workload to a collection, and its permission.
fn to_collection(
    facts: &Facts<'_>,
    workload: &Workload<'_>,
    collection: Row<'_>,
    policies: &Policies<'_>,
    access: &Policies<'_>,
) -> Answer {
    let name = match collection.text("name") {
        Known(name) => name,
        Unknown(gaps) => return Unknown(gaps),
    };
    let (mut hops, mut gaps) = (Vec::new(), workload.deployment_gaps.clone());
    for deployment in &workload.deployments {
        match placement(workload, deployment, facts.world) {
            Known(None) => {
                return Known(Err(
                    "it has no interface in a VPC, so the name leads it to public addresses"
                        .to_owned(),
                ));
            }
            Known(Some(place)) if place.subnets.is_empty() => {
                gaps.push(Gap::not_understood(
                    "subnet_ids",
                    format!(
                        "{} is in {}, and no subnet of it is named",
                        workload.name, place.vpc
                    ),
                ));
            }
            Known(Some(place)) => {
                for subnet in &place.subnets {
                    match from_subnet(facts, workload, &place, subnet, name, policies) {
                        Known(Ok(more)) => hops = more,
                        Known(Err(why)) => return Known(Err(format!("from {subnet}: {why}"))),
                        Unknown(more) => gaps = merge(gaps, more),
                    }
                }
            }
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    let roles = match &workload.roles {
        Known(roles) => roles,
        Unknown(more) => return Unknown(merge(gaps, more.clone())),
    };
    let mut why = "it has no role".to_owned();
    let mut allowed = false;
    for role in roles {
        let able = facts
            .principals
            .role(role)
            .and_then(|access| access.may("aoss:APIAccessAll", collection.key()));
        match let_in(access, name, role).zip(able) {
            Known((Some(_), true)) => allowed = true,
            Known((None, _)) => why = format!("no data access policy of {name} names {role}"),
            Known((Some(_), false)) => {
                why = format!(
                    "the policies of {role} do not allow aoss:APIAccessAll on the collection"
                )
            }
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    match (allowed, gaps.is_empty()) {
        (true, true) => Known(Ok(hops)),
        (false, true) => Known(Err(why)),
        (_, false) => Unknown(gaps),
    }
}

/// The path to a host that is no collection of the scope. Of a domain inside a VPC the name tells that it is one, and nothing of who reaches it.
fn to_host(host: &str) -> Answer {
    let open = |why: String| Observed::gap(Gap::not_understood("vector_host", why));
    let label = host.split('.').next().unwrap_or_default();
    match host.ends_with(".es.amazonaws.com").then_some(label) {
        Some(label) if label.starts_with("search-") => {
            Known(Err(format!("{host} is the public name of a domain")))
        }
        Some(label) if label.starts_with("vpc-") => open(format!(
            "{host} is the name of a domain inside a VPC; whether its network lets the workload in is not read"
        )),
        _ => open(format!(
            "{host} is neither a collection of this account and Region nor a name that tells its network"
        )),
    }
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&VECTOR_QUERY) {
        let callers = facts.workloads.all();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        let collections = facts.world.all("aoss_collection", &account, &region);
        let network = Policies::of(facts, "aoss_network_policy", &account, &region);
        let access = Policies::of(facts, "aoss_access_policy", &account, &region);
        let mut known = false;
        for workload in callers.known(&account, &region) {
            known = true;
            let (mut hosts, mut gaps) = (BTreeSet::new(), workload.deployment_gaps.clone());
            for owner in workload
                .deployments
                .iter()
                .filter_map(|deployment| deployment.settings)
            {
                let (more, hidden) = named(facts, workload.kind, owner, "vector_host");
                hosts.extend(more);
                gaps = merge(gaps, hidden);
            }
            sink.hide(&account, &region, gaps);
            for collection in &collections.rows {
                let host = collection.text("id").known().and_then(|id| {
                    hosts
                        .iter()
                        .find(|(host, _)| host.split('.').next() == Some(&id.to_ascii_lowercase()))
                        .cloned()
                });
                let policy = Observed::any(
                    workload
                        .roles
                        .clone()
                        .known()
                        .unwrap_or_default()
                        .iter()
                        .map(|role| {
                            collection
                                .text("name")
                                .and_then(|name| let_in(&access, name, role))
                                .map(|found| found.is_some())
                        }),
                );
                let told_by = match (&host, policy) {
                    (Some(_), _) => "variable",
                    (None, Known(true)) => "data-access-policy",
                    (None, Known(false)) => continue,
                    (None, Unknown(more)) => {
                        sink.hide(&account, &region, more);
                        continue;
                    }
                };
                if let Some(found) = host {
                    hosts.remove(&found);
                }
                let name = collection
                    .text("name")
                    .known()
                    .unwrap_or(collection.key())
                    .to_owned();
                row(
                    facts,
                    sink,
                    workload,
                    &name,
                    told_by,
                    to_collection(facts, workload, *collection, &network, &access),
                );
            }
            for (host, _) in hosts {
                let answer = if collections.gaps.is_empty() || host.ends_with(".es.amazonaws.com") {
                    to_host(&host)
                } else {
                    Unknown(collections.gaps.clone())
                };
                row(facts, sink, workload, &host, "variable", answer);
            }
        }
        if known {
            sink.hide(&account, &region, collections.gaps);
        }
    }
}

fn row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    workload: &Workload<'_>,
    store: &str,
    told_by: &str,
    answer: Answer,
) {
    let mut row = sink.row(
        workload.account,
        workload.region,
        &workload.arn,
        workload.resource_type,
    );
    row.put("part", store)
        .put("name", workload.name.as_str())
        .tagged(facts.settings, workload.account, workload.tags.clone());
    let reason = match &answer {
        Known(Ok(_)) => {
            "an endpoint that the network policy names takes its calls, and its role is let in"
                .to_owned()
        }
        Known(Err(why)) => why.clone(),
        Unknown(gaps) => format!(
            "it could not be determined: {}",
            gaps.first().map_or("", |gap| &gap.detail)
        ),
    };
    row.put("workload_kind", workload.kind)
        .put("store", store)
        .put("told_by", told_by)
        .set("private_path", answer.clone().map(|answer| answer.is_ok()))
        .put(
            "hops",
            answer
                .known()
                .and_then(Result::ok)
                .map_or_else(|| json!([]), Json::from),
        )
        .put("reason", reason);
    sink.push(row);
}

#[cfg(test)]
mod tests {
    use super::to_host;

    #[test]
    fn the_name_of_a_domain_tells_its_network() {
        assert!(
            to_host("vpc-manuals-1a.eu-west-1.es.amazonaws.com")
                .known()
                .is_none()
        );
        assert_eq!(
            to_host("search-manuals-1a.eu-west-1.es.amazonaws.com")
                .known()
                .map(|answer| answer.is_ok()),
            Some(false)
        );
        assert!(
            to_host("abc.eu-west-1.aoss.amazonaws.com")
                .known()
                .is_none()
        );
    }
}
