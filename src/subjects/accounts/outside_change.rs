//! Subject: who changed the settings of generative AI, beside the pipelines.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text, time};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::{Arn, GLOBAL, Gap, Observed, Reason, account_arn, glob, merge};
use crate::subjects::logging::genai_use;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const SEEN: Inputs = Inputs::All(&[
    services::cloudtrail::CHANGE.list(),
    services::cloudtrail::WINDOW.list(),
]);
const USE: Inputs = Inputs::All(&[genai_use::INPUTS, services::cloudtrail::CHANGE.list()]);

/// Changes in an account.
pub const OUTSIDE_CHANGE: Table = Table {
    name: "outside_change",
    doc: "An account that uses Bedrock, and who created, changed or deleted Bedrock and AgentCore resources there in the time that CloudTrail was asked for.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        text("use_reason", "What shows that Bedrock is used.").from(USE),
        flag(
            "by_pipeline_alone",
            "Was everything done by `pipeline_roles` and services of AWS?"
        )
        .from(SEEN),
        list(
            "changes",
            "What others did, each as `principal: event (how often, when last)`."
        )
        .from(SEEN),
        time("window_start", "Begin of what was looked at.")
            .absent("''")
            .from(SEEN),
        time("window_end", "Its end.").absent("''").from(SEEN),
    ],
    reads: &[],
    lists: USE,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &OUTSIDE_CHANGE,
    derive,
    rests_on_published_data: false,
};

/// Is the principal one of the pipelines? A pattern is one of ARNs, or of names of roles in the accounts of the run: whoever may
/// name a user, a session or a role elsewhere is no pipeline by that name.
fn is_pipeline(facts: &Facts<'_>, roles: &[String], principal: &str) -> bool {
    let Some(arn) = Arn::parse(principal) else {
        return false;
    };
    // A session whose record does not name its role's path.
    let (role, whole) = match arn.resource.split_once('/') {
        Some(("role", rest)) => (rest.rsplit('/').next(), principal.to_owned()),
        Some(("assumed-role", rest)) => {
            let name = rest.split('/').next().unwrap_or_default();
            let whole = format!("arn:{}:iam::{}:role/{name}", arn.partition, arn.account);
            (Some(name), whole)
        }
        _ => (None, principal.to_owned()),
    };
    roles.iter().any(|pattern| {
        if pattern.contains(':') {
            glob(pattern, &whole)
        } else {
            facts.world.run.account(arn.account).is_some()
                && role.is_some_and(|name| glob(pattern, name))
        }
    })
}

/// What was looked at in every Region of an account: the latest begin and the earliest end, and what is missing of it.
fn window(facts: &Facts<'_>, account: &str) -> (String, String, Vec<Gap>) {
    let (mut start, mut end, mut gaps) = (
        String::new(),
        String::new(),
        facts.settings.unscanned(account),
    );
    let gap = |place: &str, what: &str| {
        Gap::not_understood("cloudtrail_window", format!("{account} {place}: {what}"))
    };
    for region in &facts.world.run.regions {
        let found = facts.world.all("cloudtrail_window", account, region);
        if found.gaps.is_empty() && found.rows.is_empty() {
            gaps.push(Gap {
                reason: Reason::NotScanned,
                ..gap(region, "nothing of CloudTrail was read there")
            });
        }
        gaps = merge(gaps, found.gaps);
        for row in found.rows {
            let times = row.text("window_start").zip(row.text("window_end"));
            match times.zip(row.flag("whole")) {
                Known(((from, to), whole)) => {
                    if !whole {
                        gaps.push(gap(region, "not everything in the window was read"));
                    }
                    if start.is_empty() || from > start.as_str() {
                        from.clone_into(&mut start);
                    }
                    if end.is_empty() || to < end.as_str() {
                        to.clone_into(&mut end);
                    }
                    if from.is_empty() || from >= to {
                        gaps.push(gap(region, "the window has no length"));
                    }
                }
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
    }
    if !start.is_empty() && start >= end {
        gaps.push(gap(
            "in all Regions",
            "their windows have no time in common",
        ));
    }
    (start, end, gaps)
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let roles = facts.settings.list("pipeline_roles");
    for (account, _) in facts.settings.scopes(&OUTSIDE_CHANGE) {
        let (start, end, mut gaps) = window(facts, &account);
        let (mut changes, mut reason, mut use_gaps) = (Vec::new(), None, Vec::new());
        for region in &facts.world.run.regions {
            let found = facts.world.all("cloudtrail_change", &account, region);
            gaps = merge(gaps, found.gaps);
            for row in found.rows {
                reason = reason.or_else(|| Some("CloudTrail saw changes of it".to_owned()));
                let who = row.text("principal_arn").zip(row.text("principal_kind"));
                let what = row.text("event_name").zip(row.int("changes"));
                match who.zip(what.zip(row.text("last_seen"))) {
                    Known(((principal, kind), ((event, count), last))) => {
                        // AWS's own, and what they do on somebody's order is seen as that somebody's change.
                        let is_aws =
                            kind == "service" || principal.contains(":role/aws-service-role/");
                        if !is_aws && !is_pipeline(facts, &roles, principal) {
                            changes.push(format!(
                                "{principal}: {event} in {region} ({count}, last {last})"
                            ));
                        }
                    }
                    Unknown(more) => gaps = merge(gaps, more),
                }
            }
            match genai_use::in_use(facts, &account, region) {
                Known(found) => reason = reason.or(found),
                Unknown(more) => use_gaps = merge(use_gaps, more),
            }
        }
        let Some(reason) = reason else {
            sink.hide(&account, GLOBAL, merge(use_gaps, gaps));
            continue;
        };
        changes.sort();
        let by_pipeline_alone = if changes.is_empty() {
            if gaps.is_empty() {
                Known(true)
            } else {
                Unknown(gaps.clone())
            }
        } else if roles.is_empty() {
            Observed::gap(Gap::not_understood(
                "cloudtrail_change.principal_arn",
                format!(
                    "{} kinds of change were seen in {account}, and the configuration names no `pipeline_roles` to compare their principals with",
                    changes.len()
                ),
            ))
        } else {
            Known(false)
        };
        let arn = account_arn(&facts.world.run.partition, &account);
        let mut row = sink.row(&account, GLOBAL, arn, "AWS::::Account");
        row.put("part", "changes")
            .put("name", facts.settings.account_name(&account))
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
        let listed = if changes.is_empty() && !gaps.is_empty() {
            Unknown(gaps)
        } else {
            Known(changes)
        };
        row.put("use_reason", reason)
            .set("by_pipeline_alone", by_pipeline_alone)
            .set("changes", listed)
            .put("window_start", start)
            .put("window_end", end);
        sink.push(row);
    }
}
