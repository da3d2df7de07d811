//! Subjects: the way of each caller to each API family, and the endpoints that their VPCs need.

use crate::access::families::RUNTIME;
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, json, text};
use crate::inventory::{Role, Row, Span, Table};
use crate::model::{Gap, Observed, Reason, merge};
use crate::network::{self, Hop, Spot, Way, WayVerdict};
use crate::paths::{client, ways};
use crate::services;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use crate::workloads;
use crate::workloads::Workload;
use crate::workloads::interfaces::{Placement, placement};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// What tells the callers that Amazon Bedrock itself is.
const SERVICES: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::AGENT.group("detail"),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
    services::bedrock_agent::FLOW.list(),
    services::bedrock_agent::FLOW.group("detail"),
    services::stepfunctions::STATE_MACHINE.list(),
    services::stepfunctions::STATE_MACHINE.group("detail"),
    services::apigateway::METHOD.list(),
    services::eventbridge::TARGET.list(),
]);

/// The way of one caller to one family.
pub const PATH: Table = Table {
    name: "bedrock_path",
    doc: "The path that the calls of one workload to one Bedrock API family take; the worst of its paths decides.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "workload_kind",
            "`lambda`, `ecs`, `ec2`, `eks`, `sagemaker`, `agentcore`; where an AWS service itself calls: `bedrock-agent`, `bedrock-knowledge-base`, `bedrock-flow`, `stepfunctions`, `apigateway` and `eventbridge`."
        )
        .from(workloads::INPUTS),
        text("family", "API family, named after its endpoint service.").from(workloads::INPUTS),
        text("host", "Host name that the SDK asks for.").from(workloads::INPUTS),
        text("evidence_kind", "`configured` (a variable names a model), `granted` (the role's policies name Bedrock) or `service` (an AWS service calls).")
            .from(SERVICES),
        flag("calls", "Is it known that the workload makes such calls? Unknown where a policy, a role or a variable that would tell was not read.").from(SERVICES),
        text("role_arn", "Role.").from(workloads::INPUTS),
        text("vpc_id", "VPC in which its interfaces are.").absent("'' (it has none)").from(crate::paths::INPUTS),
        text(
            "path_verdict",
            "`public`, `public-possible`, `broken`, `private-bypassable`, `private-enforced`, `service-side`; worst first, unknown before broken."
        )
        .from(crate::paths::INPUTS),
        flag("is_public", "Is the public endpoint the only way of some interface?").from(crate::paths::INPUTS),
        flag("may_be_public", "May some interface reach the public endpoint although an endpoint exists?").from(crate::paths::INPUTS),
        flag("is_private", "Is every way private?").from(crate::paths::INPUTS),
        flag("is_bypassable", "Is some private way open to a by-pass that nothing forbids?").from(crate::paths::INPUTS),
        flag("endpoint_exists", "Is there an endpoint for the family in the VPC?").from(crate::paths::INPUTS),
        flag("has_egress", "Has some interface a way out to public addresses?").from(crate::paths::INPUTS),
        json("ways", "Distinct paths: `[{subnets, verdict, reason, hops}]`.").from(crate::paths::INPUTS),
        text("reason", "What decides.").from(crate::paths::INPUTS),
        text("probed", "What a probe saw from a subnet of the workload, beside the verdict.").absent("'' (no probe ran there)").from(crate::paths::INPUTS),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &PATH,
    derive: derive_paths,
    rests_on_published_data: true,
};

/// Does every way of a workload to a family certainly pass an endpoint?
pub(crate) fn is_private(
    facts: &Facts<'_>,
    workload: &Workload<'_>,
    family: &str,
) -> Observed<bool> {
    !any_way(
        &ways(&facts.paths, workload, family),
        |way| !way.passes,
        |way| !way.passes,
    )
}

/// True when a way has the property; unknown when none has and some are unknown.
fn any_way(
    ways: &[(BTreeSet<String>, Way)],
    test: impl Fn(&Way) -> bool,
    undecided: impl Fn(&Way) -> bool,
) -> Observed<bool> {
    Observed::any(ways.iter().map(|(_, way)| {
        if way.verdict == WayVerdict::Unknown && undecided(way) {
            Unknown(way.gaps.clone())
        } else {
            Known(test(way))
        }
    }))
}

pub(crate) fn derive_paths(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&PATH) {
        let callers = facts.workloads.all();
        sink.hide(&account, &region, callers.unlisted(&account, &region));
        for workload in callers.possible(&account, &region) {
            for (family, doubt) in workload.calls() {
                path_row(facts, sink, workload, family, doubt);
            }
            // Whatever else it may call stays inside where nothing of it has a way out.
            let egress = Observed::any(
                ways(&facts.paths, workload, RUNTIME)
                    .iter()
                    .map(|(_, way)| way.egress.clone()),
            );
            if !egress.is_false() {
                sink.hide(&account, &region, workload.families.any_other.clone());
            }
        }
        service_side(facts, sink, &account, &region);
    }
}

/// What an AWS service calls Bedrock for, without code of the customer's: (table, kind, type, service).
const SERVICE_SIDE: [(&str, &str, &str, &str); 6] = [
    (
        "bedrock_agent",
        "bedrock-agent",
        "AWS::Bedrock::Agent",
        "Amazon Bedrock",
    ),
    (
        "bedrock_knowledge_base",
        "bedrock-knowledge-base",
        "AWS::Bedrock::KnowledgeBase",
        "Amazon Bedrock",
    ),
    (
        "bedrock_flow",
        "bedrock-flow",
        "AWS::Bedrock::Flow",
        "Amazon Bedrock",
    ),
    (
        "sfn_state_machine",
        "stepfunctions",
        "AWS::StepFunctions::StateMachine",
        "AWS Step Functions",
    ),
    (
        "api_gateway_method",
        "apigateway",
        "AWS::ApiGateway::Method",
        "Amazon API Gateway",
    ),
    (
        "eventbridge_target",
        "eventbridge",
        "AWS::Scheduler::Schedule",
        "Amazon EventBridge",
    ),
];

/// The API families that a row of such a table calls.
fn called(row: Row<'_>) -> Observed<Vec<String>> {
    let has = |name: &str| row.table().column(name).is_some();
    if has("enabled") && row.flag("enabled").is_false() {
        return Known(Vec::new());
    }
    if has("families") {
        row.list("families")
    } else if has("family") {
        row.text("family").map(|family| {
            if family.is_empty() {
                Vec::new()
            } else {
                vec![family.to_owned()]
            }
        })
    } else {
        Known(vec!["bedrock-runtime".to_owned()])
    }
}

/// Calls that AWS services make by themselves: no subnet, route or endpoint of the customer's is on their way,
/// so no rule judges them; the map shows them.
fn service_side(facts: &Facts<'_>, sink: &mut Sink<'_>, account: &str, region: &str) {
    for (table, kind, resource_type, service) in SERVICE_SIDE {
        let found = facts.world.all(table, account, region);
        let why = format!(
            "{service} makes the call itself, from its own network: no endpoint of yours is on that way, and aws:SourceVpce cannot be met"
        );
        let mut one = |(resource, name): (&str, &str),
                       family: &str,
                       role: Observed<String>,
                       tags: Observed<BTreeMap<String, String>>,
                       verdict: Observed<&str>| {
            let gaps = verdict.gaps().to_vec();
            let shown = verdict.clone().known().unwrap_or("unknown");
            let hops = [
                Hop::new("workload", resource, format!("configured in {service}")),
                Hop::new("service-network", kind, "the service's own network"),
            ];
            let hops: Vec<Json> = hops.iter().map(|hop| hop.json(account)).collect();
            let mut row = sink.row(account, region, resource, resource_type);
            row.put("part", family)
                .put("name", name)
                .tagged(facts.settings, account, tags);
            row.put("workload_kind", kind)
                    .put("family", family)
                    .put("host", "")
                    .put("evidence_kind", "service")
                    .put("calls", true)
                    .set("role_arn", role)
                    .set("path_verdict", verdict)
                    .put("is_public", false)
                    .put("may_be_public", false)
                    .put("is_bypassable", false)
                    .put("is_private", false)
                    .put("endpoint_exists", false)
                    .put("has_egress", false)
                    .put("vpc_id", "")
                    .put("ways", json!([{"subnets": [], "verdict": shown, "reason": why, "hops": hops, "missing": gaps}]))
                    .put("reason", why.as_str())
                    .put("probed", "");
            sink.push(row);
        };
        let mut gaps = found.gaps;
        for row in found.rows {
            let families = match called(row) {
                Known(families) => families,
                Unknown(more) => {
                    gaps = merge(gaps, more);
                    continue;
                }
            };
            let column = |name: &str| row.table().column(name).is_some();
            let tags = if column("tags") {
                row.tags()
            } else {
                Known(BTreeMap::new())
            };
            let name = if column("name") {
                row.text("name").known().unwrap_or_default()
            } else {
                row.key()
            };
            for family in &families {
                one(
                    (row.key(), name),
                    family,
                    row.text("role_arn").map(str::to_owned),
                    tags.clone(),
                    Known("service-side"),
                );
            }
        }
        // What a file does not hold of them is no matter of the file.
        if gaps
            .iter()
            .any(|gap| !matches!(gap.reason, Reason::NotInFile))
        {
            let root = crate::model::account_arn(&facts.world.run.partition, account);
            one(
                (&root, kind),
                "bedrock-runtime",
                Known(String::new()),
                Known(BTreeMap::new()),
                Unknown(gaps),
            );
        }
    }
}

/// The path of a workload to a family; `doubt` is what keeps it from being known that it calls the family at all.
fn path_row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    workload: &Workload<'_>,
    family: &str,
    doubt: &[Gap],
) {
    let ways = ways(&facts.paths, workload, family);
    let shown: Vec<Json> = ways
        .iter()
        .map(|(subnets, way)| {
            json!({
                "subnets": subnets.iter().filter(|subnet| !subnet.is_empty()).collect::<Vec<_>>(), "verdict": way.verdict.as_str(), "reason": way.reason,
                "hops": way.hops.iter().map(|hop| hop.json(workload.account)).collect::<Vec<_>>(),
                "missing": way.gaps,
            })
        })
        .collect();
    let worst = ways.first().map(|(_, way)| way);
    let host = workload
        .deployments
        .first()
        .and_then(|deployment| client(workload.region, family, deployment).known())
        .map(|client| network::host(family, &client));
    // A way that has no egress for certain is not public, whatever else is not known of it.
    // Nor is one whose name an endpoint captures: a refused call breaks, it never falls back.
    // One that leads through what a file declares and leaves open may not be the one that is applied.
    let could_leave = |way: &Way| {
        !way.egress.is_false() && !way.captured
            || way.gaps.iter().any(|gap| gap.reason == Reason::Unresolved)
    };
    let is_public = any_way(&ways, |way| way.verdict == WayVerdict::Public, could_leave);
    let may_be_public = any_way(
        &ways,
        |way| way.verdict == WayVerdict::PublicPossible,
        could_leave,
    );
    let bypassable = any_way(
        &ways,
        |way| way.verdict == WayVerdict::PrivateBypassable,
        |way| !way.egress.is_false(),
    );
    let is_private = !any_way(&ways, |way| !way.passes, |way| !way.passes);
    let endpoint_exists = Observed::any(workload.deployments.iter().map(|deployment| {
        placement(workload, deployment, facts.world).and_then(|place| match place {
            None => Known(false),
            Some(Placement { vpc, .. }) => {
                Spot::find(facts.world, workload.account, workload.region, &vpc, "").and_then(
                    |spot| {
                        let found = network::endpoints_for(
                            facts.world,
                            &spot.account,
                            &spot.region,
                            &spot.vpc,
                            family,
                        );
                        match (found.rows.is_empty(), found.gaps.is_empty()) {
                            (false, _) => Known(true),
                            (true, true) => Known(false),
                            (true, false) => Unknown(found.gaps),
                        }
                    },
                )
            }
        })
    }));
    let endpoint_exists = if workload.deployment_gaps.is_empty() {
        endpoint_exists
    } else {
        endpoint_exists.or(Unknown(workload.deployment_gaps.clone()))
    };
    let vpc = workload
        .deployments
        .iter()
        .map(|deployment| placement(workload, deployment, facts.world))
        .fold(Known(BTreeSet::new()), |all, one| {
            all.zip(one).map(|(mut all, one): (BTreeSet<String>, _)| {
                all.extend(one.map(|place| place.vpc));
                all
            })
        })
        .map(|all| all.into_iter().collect::<Vec<_>>().join(", "));
    let has_egress = Observed::any(ways.iter().map(|(_, way)| way.egress.clone()));
    let verdict = match worst {
        Some(way) if way.verdict != WayVerdict::Unknown => Known(way.verdict.as_str().to_owned()),
        Some(way) => Unknown(way.gaps.clone()),
        None => Observed::gap(Gap::not_understood(
            "bedrock_path",
            "the workload has no interface",
        )),
    };
    let calls = if doubt.is_empty() {
        Known(())
    } else {
        Unknown(doubt.to_vec())
    };
    let mut row = sink.row(
        workload.account,
        workload.region,
        &workload.arn,
        workload.resource_type,
    );
    row.put("part", family)
        .put("name", workload.name.as_str())
        .tagged(facts.settings, workload.account, workload.tags.clone());
    row.put("workload_kind", workload.kind)
        .put("family", family)
        .put("host", host)
        .set(
            "evidence_kind",
            calls
                .clone()
                .and_then(|()| workload.names_model.clone())
                .map(|named| if named { "configured" } else { "granted" }),
        )
        .set("calls", calls.map(|()| true))
        .set(
            "role_arn",
            workload
                .roles
                .clone()
                .map(|roles| roles.into_iter().collect::<Vec<_>>().join(", ")),
        )
        .set("path_verdict", verdict)
        .set("is_public", is_public)
        .set("may_be_public", may_be_public)
        .set("is_bypassable", bypassable)
        .set("is_private", is_private)
        .set("endpoint_exists", endpoint_exists)
        .set("has_egress", has_egress)
        .set("vpc_id", vpc)
        .put("ways", Json::from(shown))
        .put(
            "reason",
            worst.map_or_else(String::new, |way| way.reason.clone()),
        )
        .put("probed", probed(facts, workload, family, &ways));
    sink.push(row);
}

/// What probes saw that ran in a subnet of the workload.
fn probed(
    facts: &Facts<'_>,
    workload: &Workload<'_>,
    family: &str,
    ways: &[(BTreeSet<String>, Way)],
) -> String {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for row in facts
        .world
        .all("bedrock_probe", workload.account, workload.region)
        .rows
        .into_iter()
        .filter(|row| row.text("family") == Known(family))
    {
        let Known(((locals, verdict), (reason, at))) = row
            .list("local_addresses")
            .zip(row.text("verdict"))
            .zip(row.text("reason").zip(row.text("probed_at")))
        else {
            continue;
        };
        for (subnets, way) in ways {
            let stands = subnets.iter().find(|subnet| {
                let net = network::net_of(facts.world, workload.account, workload.region, subnet)
                    .known()
                    .flatten();
                net.is_some_and(|net| {
                    locals
                        .iter()
                        .filter_map(|local| local.parse::<std::net::IpAddr>().ok())
                        .any(|local| net.contains(&local))
                })
            });
            if let Some(subnet) = stands {
                let beside = match (verdict, way.verdict.as_str()) {
                    (seen, told) if seen == told => "as the network says".to_owned(),
                    // What a policy refuses no probe sees.
                    ("private-bypassable", "private-enforced") => {
                        "private, as the network says; the way out that it has a policy closes"
                            .to_owned()
                    }
                    (_, told) => format!("where the network says {told}"),
                };
                seen.insert(format!(
                    "{verdict} from {subnet} at {at}, {beside}: {reason}"
                ));
            }
        }
    }
    seen.into_iter().collect::<Vec<_>>().join("; ")
}
