//! Subject: who looks for known vulnerabilities in what calls Bedrock.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list};
use crate::inventory::{Inputs, Lookup, Role, Span, Table};
use crate::model::{Gap, Observed, account_arn, merge};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const STATUS: Inputs = Inputs::All(&[
    services::scanning::STATUS.list(),
    services::scanning::STATUS.group("registry"),
    services::scanning::REPOSITORY.list(),
    workloads::INPUTS,
]);

/// Scanning of a scope.
pub const SOFTWARE_SCAN: Table = Table {
    name: "software_scan",
    doc: "An account and Region with Bedrock callers, and whether their functions and container images are scanned.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag("runs_functions", "Is a caller a function?").from(workloads::INPUTS),
        flag(
            "runs_images",
            "Is a caller a container, in an account with image repositories?"
        )
        .from(STATUS),
        list("scanned_by", "What scans, in words.").from(STATUS),
        list("unscanned", "What is not scanned: `functions`, `images`.").from(STATUS),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &SOFTWARE_SCAN,
    derive,
    rests_on_published_data: true,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&SOFTWARE_SCAN) {
        let callers = facts.workloads.all();
        let kinds: Vec<&str> = callers
            .known(&account, &region)
            .map(|workload| workload.kind)
            .collect();
        if kinds.is_empty() {
            sink.hide(&account, &region, callers.hidden(&account, &region));
            continue;
        }
        let status = match facts
            .world
            .lookup("software_scanning", &account, &region, &region)
        {
            Lookup::Found(row) => Known(Some(row)),
            Lookup::Absent => Known(None),
            Lookup::Unknown(gaps) => Unknown(gaps),
        };
        let is_on = |column: &'static str| {
            status.clone().and_then(|row| match row {
                Some(row) => row.flag(column),
                None => Known(false),
            })
        };
        let repositories = facts.world.all("ecr_repository", &account, &region);
        let none = if repositories.gaps.is_empty() {
            Known(repositories.rows.is_empty())
        } else if repositories.rows.is_empty() {
            Unknown(repositories.gaps.clone())
        } else {
            Known(false)
        };
        // Which repositories the callers' images come from is not told: all of them have to be scanned, or none is.
        let pushed: Vec<Observed<bool>> = repositories
            .rows
            .iter()
            .map(|row| row.flag("scan_on_push"))
            .collect();
        let each = if pushed.iter().any(Observed::is_true) && pushed.iter().any(Observed::is_false)
        {
            Observed::gap(Gap::not_understood(
                "ecr_repository.scan_on_push",
                "some repositories are scanned and some are not; which the callers use is not told",
            ))
        } else {
            let unread =
                (!repositories.gaps.is_empty()).then(|| Unknown(repositories.gaps.clone()));
            Observed::all(pushed.into_iter().chain(unread))
        };
        let enhanced = status.clone().and_then(|row| match row {
            Some(row) => row.text("registry_scan").map(|scan| scan == "ENHANCED"),
            None => Known(false),
        });
        // Under enhanced scanning the registry's filters decide, and the switch of a repository nothing.
        let by_registry = is_on("registry_scans_all").or(enhanced.and_then(|enhanced| {
            if enhanced {
                Observed::gap(Gap::not_understood(
                    "software_scanning.registry_scan",
                    "the filters of the registry are not compared with the repositories",
                ))
            } else {
                each
            }
        }));
        let functions = kinds.contains(&"lambda");
        let containers = kinds
            .iter()
            .any(|kind| matches!(*kind, "ecs" | "eks" | "agentcore"));
        // Images that lie in no registry of the account and Region are scanned where they lie.
        let images = Known(containers).and(none.map(|none| !none));
        let unscanned = [
            ("functions", Known(functions), is_on("inspects_functions")),
            ("images", images.clone(), by_registry.clone()),
        ];
        let (mut missing, mut gaps) = (Vec::new(), Vec::new());
        for (what, runs, scanned) in unscanned {
            match runs.and(scanned.map(|scanned| !scanned)) {
                Known(true) => missing.push(what.to_owned()),
                Known(false) => {}
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        let arn = account_arn(&facts.world.run.partition, &account);
        let mut row = sink.row(&account, &region, arn, "AWS::::Account");
        row.put("part", region.as_str())
            .put("name", facts.settings.account_name(&account))
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
        let scans = [
            (
                "Amazon Inspector scans functions",
                is_on("inspects_functions"),
            ),
            ("images are scanned in the registry", by_registry),
        ];
        let scans: Vec<String> = scans
            .into_iter()
            .filter(|(_, is)| is.is_true())
            .map(|(what, _)| what.to_owned())
            .collect();
        row.put("scanned_by", scans);
        row.put("runs_functions", functions)
            .set("runs_images", images)
            .set(
                "unscanned",
                if missing.is_empty() && !gaps.is_empty() {
                    Unknown(gaps)
                } else {
                    Known(missing)
                },
            );
        sink.push(row);
    }
}
