//! Subjects: the way of each caller to each API family, and the endpoints that their VPCs need.

use super::callers::{RUNTIME, Workload};
use super::interfaces::{Placement, placement};
use super::network::{self, Capture, Client, Hop, Spot, Way, WayVerdict};
use super::ways::{client, ways};
use super::{Context, Sink};
use crate::inventory::cols::{flag, joined, json, list, text};
use crate::inventory::{Children, Lookup, Role, Row, Span, Table};
use crate::model::{Gap, Observed, Reason, merge};
use crate::subject_columns;
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const CALLER: &[&str] = &[
    "lambda_function.list",
    "ecs_service.list",
    "ecs_task_definition.list",
    "ec2_instance.list",
    "bedrock_agentcore_runtime.list",
    "bedrock_agentcore_runtime.detail",
    "ecs_task_set.list",
    "ecs_container_instance.list",
    "eventbridge_target.list",
    "eks_cluster.list",
    "eks_cluster.detail",
    "eks_node_group.list",
    "eks_node_group.detail",
    "eks_fargate_profile.list",
    "eks_pod_identity_association.list",
    "eks_pod_identity_association.detail",
    "sagemaker_notebook_instance.list",
    "sagemaker_notebook_instance.detail",
    "sagemaker_domain.list",
    "sagemaker_domain.detail",
    "sagemaker_user_profile.list",
    "sagemaker_user_profile.detail",
    "sagemaker_model.list",
    "sagemaker_model.detail",
    "sagemaker_endpoint.list",
    "sagemaker_endpoint.detail",
    "sagemaker_endpoint_configuration.list",
    "sagemaker_endpoint_configuration.detail",
    "sagemaker_job.list",
    "sagemaker_job.detail",
    "sfn_state_machine.list",
    "sfn_state_machine.detail",
    "iam_role.list",
    "iam_policy.list",
    "organization.list",
    "organizations_account.list",
    "organizations_account.path",
    "organizations_policy_target.list",
    "organizations_policy_target.content",
];
/// What tells the callers that Amazon Bedrock itself is.
const SERVICES: &[&str] = &[
    "bedrock_agent.list",
    "bedrock_agent.detail",
    "bedrock_knowledge_base.list",
    "bedrock_knowledge_base.detail",
    "bedrock_flow.list",
    "bedrock_flow.detail",
    "sfn_state_machine.list",
    "sfn_state_machine.detail",
    "api_gateway_method.list",
    "eventbridge_target.list",
];
/// What tells the subnets of deployments besides.
const STANDS: &[&str] = &["vpc_subnet.list", "eks_cluster.addons", "eks_fargate_profile.detail"];
const WALK: &[&str] = &[
    "eks_cluster.addons",
    "eks_fargate_profile.detail",
    "vpc.list",
    "vpc.dns_support",
    "vpc.dns_hostnames",
    "vpc.zones",
    "vpc_dhcp_options.list",
    "vpc_endpoint.list",
    "vpc_subnet.list",
    "vpc_security_group.list",
    "vpc_network_acl.list",
    "vpc_route_table.list",
    "vpc_nat_gateway.list",
    "vpc_peering_connection.list",
    "ec2_managed_prefix_list.list",
    "ec2_managed_prefix_list.entries",
    "ec2_network_interface.list",
    "ec2_transit_gateway_attachment.list",
    "ec2_transit_gateway_attachment.subnets",
    "ec2_transit_gateway_route_table.list",
    "ec2_transit_gateway_route_table.routes",
    "route53_private_zone.list",
    "route53_private_zone.records",
    "route53_resolver_rule.list",
    "route53_resolver_rule_association.list",
    "route53_profile_association.list",
    "route53_profile_association.resources",
    "route53_firewall_rule_group_association.list",
    "route53_firewall_rule_group.list",
    "route53_firewall_rule_group.rules",
    "bedrock_probe.list",
    "vpc_block_public_access_options.list",
    "vpc_block_public_access_options.exclusions",
];
const TAGS: &[&str] = &["lambda_function.tags", "ecs_service.list"];

/// The way of one caller to one family.
pub const PATH: Table = Table {
    name: "bedrock_path",
    doc: "The way that the calls of one workload to one Bedrock API family take; the worst of its ways decides.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "workload_kind",
            "`lambda`, `ecs`, `ec2`, `eks`, `sagemaker`, `agentcore`; where an AWS service itself calls: `bedrock-agent`, `bedrock-knowledge-base`, `bedrock-flow`, `stepfunctions`, `apigateway` and `eventbridge`."
        )
        .by(CALLER),
        text("family", "API family, named after its endpoint service.").by(CALLER),
        text("host", "Host name that the SDK asks for.").by(CALLER),
        text("evidence_kind", "`configured` (a variable names a model), `granted` (the role's policies name Bedrock) or `service` (an AWS service calls).")
            .by(SERVICES),
        flag("calls", "Is it known that the workload makes such calls? Unknown where a policy, a role or a variable that would tell was not read.").by(SERVICES),
        text("role_arn", "Role.").by(CALLER),
        text(
            "path_verdict",
            "`public`, `public-possible`, `broken`, `private-bypassable`, `private-enforced`, `service-side`; worst first, unknown before broken."
        )
        .by(WALK),
        flag("is_public", "Is the public endpoint the only way of some interface?").by(WALK),
        flag("may_be_public", "May some interface reach the public endpoint although an endpoint exists?").by(WALK),
        flag("is_private", "Is every way private?").by(WALK),
        flag("is_bypassable", "Is some private way open to a by-pass that nothing forbids?").by(WALK),
        flag("endpoint_exists", "Is there an endpoint for the family in the VPC?").by(WALK),
        flag("has_egress", "Has some interface a way out to public addresses?").by(WALK),
        json("ways", "Distinct ways: `[{subnets, verdict, reason, hops}]`.").by(WALK),
        text("reason", "What decides.").by(WALK),
        text("probed", "What a probe saw from a subnet of the workload, beside the verdict.").absent("'' (no probe ran there)").by(WALK),
    ],
    reads: &[],
    lists: CALLER,
};

/// An API family that a VPC's callers use.
pub const VPC_FAMILY: Table = Table {
    name: "bedrock_vpc_family",
    doc: "An API family that callers in a VPC use, and whether the VPC has an endpoint for it.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("family", "API family.").by(CALLER),
        text("vpc_id", "VPC.").by(CALLER),
        list("callers", "Workloads in the VPC that use it.").by(CALLER),
        flag("offered", "Does AWS offer the endpoint service in the Region?").by(&["vpc_endpoint_service.list"]),
        flag("endpoint_present", "Is there an interface endpoint, of the VPC or of a hub?").by(WALK),
        text("endpoint_id", "The endpoint.").absent("''").by(&["vpc_endpoint.list"]),
    ],
    reads: &[],
    lists: CALLER,
};

/// Does every way of a workload to a family certainly pass an endpoint?
pub(super) fn is_private(context: &Context<'_>, workload: &Workload<'_>, family: &str) -> Observed<bool> {
    !any_way(&ways(context, workload, family), |way| !way.passes, |way| !way.passes)
}

/// True when a way has the property; unknown when none has and some are unknown.
fn any_way(ways: &[(BTreeSet<String>, Way)], test: impl Fn(&Way) -> bool, undecided: impl Fn(&Way) -> bool) -> Observed<bool> {
    Observed::any(ways.iter().map(|(_, way)| if way.verdict == WayVerdict::Unknown && undecided(way) { Unknown(way.gaps.clone()) } else { Known(test(way)) }))
}

pub(super) fn derive_paths(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&PATH) {
        let callers = context.callers();
        sink.hide(&account, &region, callers.unlisted(&account, &region));
        for workload in callers.possible(&account, &region) {
            for (family, doubt) in workload.calls() {
                path_row(context, sink, workload, family, doubt);
            }
            // Whatever else it may call stays inside where nothing of it has a way out.
            let egress = Observed::any(ways(context, workload, RUNTIME).iter().map(|(_, way)| way.egress.clone()));
            if !egress.is_false() {
                sink.hide(&account, &region, workload.families.any_other.clone());
            }
        }
        service_side(context, sink, &account, &region);
    }
}

/// What an AWS service calls Bedrock for, without code of the customer's: (table, kind, type, service).
const SERVICE_SIDE: [(&str, &str, &str, &str); 6] = [
    ("bedrock_agent", "bedrock-agent", "AWS::Bedrock::Agent", "Amazon Bedrock"),
    ("bedrock_knowledge_base", "bedrock-knowledge-base", "AWS::Bedrock::KnowledgeBase", "Amazon Bedrock"),
    ("bedrock_flow", "bedrock-flow", "AWS::Bedrock::Flow", "Amazon Bedrock"),
    ("sfn_state_machine", "stepfunctions", "AWS::StepFunctions::StateMachine", "AWS Step Functions"),
    ("api_gateway_method", "apigateway", "AWS::ApiGateway::Method", "Amazon API Gateway"),
    ("eventbridge_target", "eventbridge", "AWS::Scheduler::Schedule", "Amazon EventBridge"),
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
        row.text("family").map(|family| if family.is_empty() { Vec::new() } else { vec![family.to_owned()] })
    } else {
        Known(vec!["bedrock-runtime".to_owned()])
    }
}

/// Calls that AWS services make by themselves: no subnet, route or endpoint of the customer's is on their way,
/// so no rule judges them; the map shows them.
fn service_side(context: &Context<'_>, sink: &mut Sink<'_>, account: &str, region: &str) {
    for (table, kind, resource_type, service) in SERVICE_SIDE {
        let found = context.world.all(table, account, region);
        let why = format!("{service} makes the call itself, from its own network: no endpoint of yours is on that way, and aws:SourceVpce cannot be met");
        let mut one =
            |(resource, name): (&str, &str), family: &str, role: Observed<String>, tags: Observed<BTreeMap<String, String>>, verdict: Observed<&str>| {
                let gaps = verdict.gaps().to_vec();
                let shown = verdict.clone().known().unwrap_or("unknown");
                let hops = [Hop::new("workload", resource, format!("configured in {service}")), Hop::new("service-network", kind, "the service's own network")];
                let hops: Vec<Json> = hops.iter().map(|hop| hop.json(account)).collect();
                let mut row = sink.row(account, region, resource, resource_type);
                row.put("part", family).put("name", name).tagged(context, account, tags);
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
            let tags = if column("tags") { row.tags() } else { Known(BTreeMap::new()) };
            let name = if column("name") { row.text("name").known().unwrap_or_default() } else { row.key() };
            for family in &families {
                one((row.key(), name), family, row.text("role_arn").map(str::to_owned), tags.clone(), Known("service-side"));
            }
        }
        // What a file does not hold of them is no matter of the file.
        if gaps.iter().any(|gap| !matches!(gap.reason, Reason::NotInFile)) {
            let root = crate::model::account_arn(&context.world.run.partition, account);
            one((&root, kind), "bedrock-runtime", Known(String::new()), Known(BTreeMap::new()), Unknown(gaps));
        }
    }
}

/// The path of a workload to a family; `doubt` is what keeps it from being known that it calls the family at all.
fn path_row(context: &Context<'_>, sink: &mut Sink<'_>, workload: &Workload<'_>, family: &str, doubt: &[Gap]) {
    let ways = ways(context, workload, family);
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
    let host =
        workload.deployments.first().and_then(|deployment| client(workload.region, family, deployment).known()).map(|client| network::host(family, &client));
    // A way that has no egress for certain is not public, whatever else is not known of it.
    // Nor is one whose name an endpoint captures: a refused call breaks, it never falls back.
    // One that leads through what a file declares and leaves open may not be the one that is applied.
    let could_leave = |way: &Way| !way.egress.is_false() && !way.captured || way.gaps.iter().any(|gap| gap.reason == Reason::Unresolved);
    let is_public = any_way(&ways, |way| way.verdict == WayVerdict::Public, could_leave);
    let may_be_public = any_way(&ways, |way| way.verdict == WayVerdict::PublicPossible, could_leave);
    let bypassable = any_way(&ways, |way| way.verdict == WayVerdict::PrivateBypassable, |way| !way.egress.is_false());
    let is_private = !any_way(&ways, |way| !way.passes, |way| !way.passes);
    let endpoint_exists = Observed::any(workload.deployments.iter().map(|deployment| {
        placement(workload, deployment, context).and_then(|place| match place {
            None => Known(false),
            Some(Placement { vpc, .. }) => Spot::find(context.world, workload.account, workload.region, &vpc, "").and_then(|spot| {
                let found = network::endpoints_for(context.world, &spot.account, &spot.region, &spot.vpc, family);
                match (found.rows.is_empty(), found.gaps.is_empty()) {
                    (false, _) => Known(true),
                    (true, true) => Known(false),
                    (true, false) => Unknown(found.gaps),
                }
            }),
        })
    }));
    let endpoint_exists = if workload.deployment_gaps.is_empty() { endpoint_exists } else { endpoint_exists.or(Unknown(workload.deployment_gaps.clone())) };
    let has_egress = Observed::any(ways.iter().map(|(_, way)| way.egress.clone()));
    let verdict = match worst {
        Some(way) if way.verdict != WayVerdict::Unknown => Known(way.verdict.as_str().to_owned()),
        Some(way) => Unknown(way.gaps.clone()),
        None => Observed::gap(Gap::not_understood("bedrock_path", "the workload has no interface")),
    };
    let calls = if doubt.is_empty() { Known(()) } else { Unknown(doubt.to_vec()) };
    let mut row = sink.row(workload.account, workload.region, &workload.arn, workload.resource_type);
    row.put("part", family).put("name", workload.name.as_str()).tagged(context, workload.account, workload.tags.clone());
    row.put("workload_kind", workload.kind)
        .put("family", family)
        .put("host", host)
        .set("evidence_kind", calls.clone().and_then(|()| workload.names_model.clone()).map(|named| if named { "configured" } else { "granted" }))
        .set("calls", calls.map(|()| true))
        .set("role_arn", workload.roles.clone().map(|roles| roles.into_iter().collect::<Vec<_>>().join(", ")))
        .set("path_verdict", verdict)
        .set("is_public", is_public)
        .set("may_be_public", may_be_public)
        .set("is_bypassable", bypassable)
        .set("is_private", is_private)
        .set("endpoint_exists", endpoint_exists)
        .set("has_egress", has_egress)
        .put("ways", Json::from(shown))
        .put("reason", worst.map_or_else(String::new, |way| way.reason.clone()))
        .put("probed", probed(context, workload, family, &ways));
    sink.push(row);
}

/// What probes saw that ran in a subnet of the workload.
fn probed(context: &Context<'_>, workload: &Workload<'_>, family: &str, ways: &[(BTreeSet<String>, Way)]) -> String {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for row in context.world.all("bedrock_probe", workload.account, workload.region).rows.into_iter().filter(|row| row.text("family") == Known(family)) {
        let Known(((locals, verdict), (reason, at))) = row.list("local_addresses").zip(row.text("verdict")).zip(row.text("reason").zip(row.text("probed_at")))
        else {
            continue;
        };
        for (subnets, way) in ways {
            let stands = subnets.iter().find(|subnet| {
                let net = network::net_of(context.world, workload.account, workload.region, subnet).known().flatten();
                net.is_some_and(|net| locals.iter().filter_map(|local| local.parse::<std::net::IpAddr>().ok()).any(|local| net.contains(&local)))
            });
            if let Some(subnet) = stands {
                let beside = match (verdict, way.verdict.as_str()) {
                    (seen, told) if seen == told => "as the network says".to_owned(),
                    // What a policy refuses no probe sees.
                    ("private-bypassable", "private-enforced") => "private, as the network says; the way out that it has a policy closes".to_owned(),
                    (_, told) => format!("where the network says {told}"),
                };
                seen.insert(format!("{verdict} from {subnet} at {at}, {beside}: {reason}"));
            }
        }
    }
    seen.into_iter().collect::<Vec<_>>().join("; ")
}

pub(super) fn derive_vpc_families(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&VPC_FAMILY) {
        let callers = context.callers();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        let mut needs: BTreeMap<(String, &str), BTreeSet<&str>> = BTreeMap::new();
        for workload in callers.known(&account, &region) {
            for deployment in &workload.deployments {
                match placement(workload, deployment, context) {
                    Known(Some(Placement { vpc, .. })) => {
                        for family in workload.families.known.iter().copied() {
                            needs.entry((vpc.clone(), family)).or_default().insert(&workload.arn);
                        }
                    }
                    Known(None) => {}
                    Unknown(gaps) => sink.hide(&account, &region, gaps),
                }
            }
        }
        for ((vpc, family), users) in needs {
            let world = context.world;
            let service = format!("com.amazonaws.{region}.{family}");
            let offered = match world.lookup("vpc_endpoint_service", &account, &region, &service) {
                Lookup::Found(_) => Known(true),
                Lookup::Absent => Known(false),
                // Wherever there is Bedrock there are endpoints of these.
                Lookup::Unknown(_)
                    if world.run.source.is_file() && ["bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime"].contains(&family) =>
                {
                    Known(true)
                }
                Lookup::Unknown(gaps) => Unknown(gaps),
            };
            let spot = Spot::find(world, &account, &region, &vpc, "");
            let own = match &spot {
                Known(spot) => network::endpoints_for(world, &spot.account, &spot.region, &spot.vpc, family),
                Unknown(gaps) => Children { rows: Vec::new(), gaps: gaps.clone() },
            };
            let client = Client { region: region.clone(), endpoint: "default".to_owned(), fips: false, dualstack: false };
            let usable = own.rows.iter().any(|row| network::usable(*row, &service, &region).is_true());
            let present = if !usable {
                // A hub's endpoint counts where a private zone, a profile or a rule leads to it.
                spot.and_then(|spot| match network::capture(world, &spot, family, &client) {
                    Capture::Endpoint(..) => Known(true),
                    Capture::Unknown(gaps) => Unknown(gaps),
                    Capture::Public(_) | Capture::Blocked(_) => Known(false),
                })
            } else {
                Known(true)
            };
            let id = match (own.rows.first(), own.gaps) {
                (Some(row), _) => Known(row.key().to_owned()),
                (None, gaps) if gaps.is_empty() => Known(String::new()),
                (None, gaps) => Unknown(gaps),
            };
            let partition = &world.run.partition;
            let mut row = sink.row(&account, &region, format!("arn:{partition}:ec2:{region}:{account}:vpc/{vpc}"), "AWS::EC2::VPC");
            let tags = world.lookup("vpc", &account, &region, &vpc).fact(|| Known(BTreeMap::new()), |row| row.tags());
            row.put("part", family).put("name", vpc.as_str()).tagged(context, &account, tags);
            row.put("family", family)
                .put("vpc_id", vpc.as_str())
                .put("callers", users.into_iter().map(str::to_owned).collect::<Vec<_>>())
                .set("offered", offered)
                .set("endpoint_present", present)
                .set("endpoint_id", id);
            sink.push(row);
        }
    }
}

/// The inputs that decide who is a caller, for other subjects.
pub(super) const CALLER_INPUTS: &[&str] = CALLER;
/// The inputs that decide where callers stand, for other subjects.
pub(super) const PLACEMENT_INPUTS: &[&str] = &joined::<{ CALLER.len() + STANDS.len() }>(&[CALLER, STANDS]);
/// The inputs that decide over ways, for other subjects.
pub(super) const WALK_INPUTS: &[&str] = WALK;
/// The inputs of tags of workloads.
pub(super) const TAG_INPUTS: &[&str] = TAGS;
