//! Subject: flow logs over the VPCs in which Bedrock is called.

use crate::derive::Sink;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Observed, merge};
use crate::subjects::{Facts, Subject};
use crate::workloads::interfaces::{Placement, placement};
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const PLACES: Inputs = Inputs::All(&[
    workloads::INPUTS,
    services::vpc::SUBNET.list(),
    services::vpc::VPC.list(),
    services::eks::FARGATE_PROFILE.group("detail"),
    services::eks::CLUSTER.group("addons"),
]);
const LOGS: Inputs = Inputs::All(&[services::vpc::FLOW_LOG.list(), PLACES]);

/// VPCs with callers.
pub const FLOW_COVERAGE: Table = Table {
    name: "flow_coverage",
    doc: "A VPC in which a workload calls Bedrock, and whether flow logs show where its traffic goes.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("vpc_id", "VPC.").from(PLACES),
        list("callers", "Workloads in it that call Bedrock.").from(PLACES),
        list("subnet_ids", "Subnets in which they stand.").from(PLACES),
        flag(
            "is_covered",
            "Is accepted traffic of all these subnets recorded with its destination, and delivered?"
        )
        .from(LOGS),
        text(
            "coverage_reason",
            "What covers them, or what each flow log lacks."
        )
        .from(LOGS),
        json(
            "flow_logs",
            "`[{id, resource, traffic_type, status, deliver_status, deliver_error, log_format}]`."
        )
        .from(LOGS),
    ],
    reads: &[],
    lists: PLACES,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &FLOW_COVERAGE,
    derive,
    rests_on_published_data: false,
};

/// What a flow log lacks; nothing where it shows where accepted traffic goes.
///
/// Fields and statuses: VPC User Guide, "Flow log records"; EC2 API Reference, "FlowLog".
fn lacks(log: Row<'_>) -> Observed<Option<String>> {
    let facts = log
        .text("status")
        .zip(log.text("traffic_type"))
        .zip(log.text("deliver_status").zip(log.text("deliver_error")))
        .zip(log.text("log_format"));
    facts.map(|(((status, traffic), (delivered, error)), format)| {
        let fields: Vec<&str> = format
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .collect();
        if status != "ACTIVE" {
            Some(format!("its status is {status}"))
        } else if delivered == "FAILED" {
            Some(format!("its delivery fails ({error})"))
        } else if traffic == "REJECT" {
            Some("it records rejected traffic alone".to_owned())
        } else if !format.is_empty()
            && !fields.contains(&"dstaddr")
            && !fields.contains(&"pkt-dstaddr")
        {
            Some("its format leaves out the destination address".to_owned())
        } else {
            None
        }
    })
}

#[derive(Default)]
struct Users {
    callers: BTreeSet<String>,
    subnets: BTreeSet<String>,
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let world = facts.world;
    for (account, region) in facts.settings.scopes(&FLOW_COVERAGE) {
        let callers = facts.workloads.all();
        sink.hide(&account, &region, callers.hidden(&account, &region));
        let mut vpcs: BTreeMap<String, Users> = BTreeMap::new();
        for workload in callers.known(&account, &region) {
            for deployment in &workload.deployments {
                match placement(workload, deployment, world) {
                    Known(Some(Placement { vpc, subnets, .. })) => {
                        let users = vpcs.entry(vpc).or_default();
                        users.callers.insert(workload.arn.clone());
                        users.subnets.extend(subnets);
                    }
                    Known(None) => {}
                    Unknown(gaps) => sink.hide(&account, &region, gaps),
                }
            }
        }
        let logs = world.all("vpc_flow_log", &account, &region);
        for (vpc, users) in vpcs {
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
            row.put("name", vpc.as_str())
                .tagged(facts.settings, &account, tags);
            // A log that covers the VPC, or one on each subnet in which a caller stands.
            let mut gaps = world
                .children("vpc_flow_log", &account, &region, "resource_id", &vpc)
                .gaps;
            let (mut covered, mut words, mut shown) =
                (BTreeSet::new(), Vec::new(), Vec::<Json>::new());
            for log in &logs.rows {
                let Known(resource) = log.text("resource_id") else {
                    continue;
                };
                if resource != vpc && !users.subnets.contains(resource) {
                    continue;
                }
                let shows = |column: &str| log.text(column).known();
                shown.push(json!({
                    "id": log.key(), "resource": resource, "traffic_type": shows("traffic_type"), "status": shows("status"),
                    "deliver_status": shows("deliver_status"), "deliver_error": shows("deliver_error"), "log_format": shows("log_format"),
                }));
                match lacks(*log) {
                    Known(None) => {
                        words.push(format!("{} covers {resource}", log.key()));
                        covered.insert(resource);
                    }
                    Known(Some(why)) => words.push(format!("{} does not count: {why}", log.key())),
                    Unknown(more) => gaps = merge(gaps, more),
                }
            }
            let all = covered.contains(vpc.as_str())
                || !users.subnets.is_empty()
                    && users
                        .subnets
                        .iter()
                        .all(|subnet| covered.contains(subnet.as_str()));
            let is_covered = match (all, gaps.is_empty()) {
                (true, _) => Known(true),
                (false, true) => Known(false),
                (false, false) => Unknown(gaps),
            };
            let reason = if words.is_empty() {
                "no flow log watches it".to_owned()
            } else {
                words.join("; ")
            };
            row.put("vpc_id", vpc.as_str())
                .put("callers", users.callers.into_iter().collect::<Vec<_>>())
                .put("subnet_ids", users.subnets.into_iter().collect::<Vec<_>>())
                .set("is_covered", is_covered)
                .put("coverage_reason", reason)
                .put("flow_logs", Json::from(shown));
            sink.push(row);
        }
    }
}
