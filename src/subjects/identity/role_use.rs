//! Subject: the use of roles by workloads.

use super::principal::{EFFECTIVE, IAM, Trust, trust_of};
use crate::derive::Sink;
use crate::inventory::cols::{flag, int, json, list, text};
use crate::inventory::{Lookup, Role, Span, Table};
use crate::model::{Arn, GLOBAL, Gap, Observed, merge};
use crate::subjects::{Facts, Subject};
use crate::workloads::Workload;
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Roles of workloads.
pub const ROLE_USE: Table = Table {
    name: "role_use",
    doc: "A role that is the identity of a function, of a container's code, of an instance or of an AgentCore runtime.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        list("workloads", "Functions and services that run under it.").from(workloads::INPUTS),
        int("workload_count", "How many of them, as workloads.").from(workloads::INPUTS),
        flag("genai", "Does it reach Bedrock?").from(workloads::INPUTS),
        flag("shared", "Do two or more run under it?").from(workloads::INPUTS),
        flag(
            "is_administrator",
            "Does it hold every action on every resource?"
        )
        .from(EFFECTIVE),
        flag("escalates", "Can it make itself an administrator?").from(EFFECTIVE),
        text("escalation", "How.").absent("''").from(EFFECTIVE),
        json("escalation_witness", "The request that shows it.")
            .absent("null")
            .from(EFFECTIVE),
        flag(
            "doubles_as_execution_role",
            "Is it also the role that starts the containers?"
        )
        .from(services::ecs::TASK_DEFINITION.list()),
        list("environments", "Environments of the workloads.").from(workloads::TAGS),
        flag(
            "spans_environments",
            "Does it serve production and something else?"
        )
        .from(workloads::TAGS),
        list("trusted_services", "Services that may assume it.").from(IAM),
        flag("several_services", "Are they more than one?").from(IAM),
        flag("services_and_people", "May services and people assume it?").from(IAM),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &ROLE_USE,
    derive: derive_role_use,
    rests_on_published_data: true,
};

/// True for two or more; unknown for fewer where more may be unseen.
pub(super) fn two_or_more(count: usize, gaps: &[Gap]) -> Observed<bool> {
    match count {
        2.. => Known(true),
        _ if gaps.is_empty() => Known(false),
        _ => Unknown(gaps.to_vec()),
    }
}

pub(super) fn lower_bound(count: usize, gaps: &[Gap]) -> Observed<i64> {
    if gaps.is_empty() {
        Known(i64::try_from(count).unwrap_or(i64::MAX))
    } else {
        Unknown(gaps.to_vec())
    }
}

pub(crate) fn derive_role_use(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let callers = facts.workloads.all();
    for (account, _) in facts.settings.scopes(&ROLE_USE) {
        let mut gaps: Vec<Gap> = facts.settings.unscanned(&account);
        for region in &facts.world.run.regions {
            gaps = merge(
                gaps,
                callers
                    .gaps
                    .get(&(account.clone(), region.clone()))
                    .cloned()
                    .unwrap_or_default(),
            );
        }
        let mut uses: BTreeMap<&str, Vec<&Workload<'_>>> = BTreeMap::new();
        for workload in callers
            .all
            .iter()
            .filter(|workload| workload.account == account)
        {
            match &workload.roles {
                Known(roles) => {
                    for role in roles {
                        uses.entry(role).or_default().push(workload);
                    }
                }
                Unknown(more) => gaps = merge(gaps, more.clone()),
            }
        }
        sink.hide(&account, GLOBAL, gaps.clone());
        for (role, workloads) in uses {
            // Nothing outside the file can run under a role that the file makes.
            let outside = |gap: &&Gap| {
                !(facts.world.is_new(role) && gap.reason == crate::model::Reason::NotInFile)
            };
            let gaps: Vec<Gap> = gaps.iter().filter(outside).cloned().collect();
            role_row(facts, sink, &account, role, &workloads, &gaps);
        }
    }
}

pub(super) fn role_row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    account: &str,
    role: &str,
    workloads: &[&Workload<'_>],
    gaps: &[Gap],
) {
    let tag = facts.settings.text("workload_tag", "");
    // Resources with equal values of the workload tag are one workload.
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut tag_gaps: Vec<Gap> = Vec::new();
    for workload in workloads {
        match &workload.tags {
            Known(tags) => {
                names.insert(
                    tags.get(&tag)
                        .filter(|_| !tag.is_empty())
                        .map_or_else(|| workload.arn.clone(), |value| format!("tag:{value}")),
                );
            }
            Unknown(_) if tag.is_empty() => {
                names.insert(workload.arn.clone());
            }
            Unknown(more) => tag_gaps = merge(tag_gaps, more.clone()),
        }
    }
    let all_gaps = merge(gaps.to_vec(), tag_gaps);
    let iam = Arn::parse(role).map(|arn| facts.world.lookup("iam_role", arn.account, GLOBAL, role));
    let trusted = match &iam {
        Some(Lookup::Found(row)) => trust_of(*row),
        Some(Lookup::Unknown(gaps)) => Unknown(gaps.clone()),
        _ => Observed::gap(Gap::not_understood(
            "iam_role",
            format!("the role `{role}` does not exist"),
        )),
    };
    let genai = facts
        .principals
        .role(role)
        .and_then(|access| access.families.any())
        .or(Observed::any(
            workloads
                .iter()
                .map(|workload| workload.names_model.clone()),
        ));
    let (environments, spans) = environments(facts, account, workloads, &trusted, gaps);
    let tags = match iam {
        Some(Lookup::Found(row)) => row.tags(),
        _ => Known(BTreeMap::new()),
    };
    let doubles = Observed::any(workloads.iter().map(|workload| {
        workload
            .execution_roles
            .clone()
            .map(|roles| roles.contains(role))
    }));
    let mut row = sink.row(account, GLOBAL, role, "AWS::IAM::Role");
    row.put("name", Arn::parse(role).map_or(role, |arn| arn.name()))
        .tagged(facts.settings, account, tags);
    row.put(
        "workloads",
        workloads
            .iter()
            .map(|workload| workload.arn.clone())
            .collect::<Vec<_>>(),
    )
    .set("workload_count", lower_bound(names.len(), &all_gaps))
    .set("shared", two_or_more(names.len(), &all_gaps))
    .set("genai", genai)
    .set(
        "is_administrator",
        facts
            .principals
            .role(role)
            .and_then(|access| access.administrator.clone()),
    )
    .set("doubles_as_execution_role", doubles)
    .set("environments", environments)
    .set("spans_environments", spans)
    .set(
        "trusted_services",
        trusted_ref(&trusted, |trust| {
            trust.services.iter().cloned().collect::<Vec<_>>()
        }),
    )
    .set(
        "several_services",
        trusted_ref(&trusted, |trust| several(&trust.services)),
    )
    .set(
        "services_and_people",
        trusted_ref(&trusted, |trust| trust.people && !trust.services.is_empty()),
    );
    let way = facts
        .principals
        .role(role)
        .and_then(|access| access.escalation());
    row.put(
        "escalation_witness",
        way.clone()
            .known()
            .flatten()
            .map_or(Json::Null, |(_, request)| request),
    )
    .set("escalates", way.clone().map(|way| way.is_some()))
    .set(
        "escalation",
        way.map(|way| way.map_or(String::new(), |(how, _)| how)),
    );
    sink.push(row);
}

pub(super) fn trusted_ref<T>(trust: &Observed<Trust>, of: impl FnOnce(&Trust) -> T) -> Observed<T> {
    match trust {
        Known(trust) => Known(of(trust)),
        Unknown(gaps) => Unknown(gaps.clone()),
    }
}

/// More than one service; the pair that Marketplace models need is one.
pub(super) fn several(services: &BTreeSet<String>) -> bool {
    let pair = ["bedrock.amazonaws.com", "sagemaker.amazonaws.com"];
    services.len() > 1
        && !(services.len() == 2 && pair.iter().all(|service| services.contains(*service)))
}

/// Environments of the workloads of a role and of the accounts that may assume it.
pub(super) fn environments(
    facts: &Facts<'_>,
    account: &str,
    workloads: &[&Workload<'_>],
    trusted: &Observed<Trust>,
    gaps: &[Gap],
) -> (Observed<Vec<String>>, Observed<bool>) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut unclear: Vec<Gap> = gaps.to_vec();
    for workload in workloads {
        match facts.settings.environment(account, &workload.tags) {
            Known(name) if name.is_empty() && workloads.len() > 1 => {
                unclear.push(Gap::not_understood("tags", format!("{} names no environment; tag it, or name the account's in the configuration", workload.arn)))
            }
            Known(name) if name.is_empty() => {}
            Known(name) => {
                seen.insert(name);
            }
            Unknown(more) => unclear = merge(unclear, more),
        }
    }
    match trusted {
        Known(trust) => seen.extend(
            trust
                .accounts
                .iter()
                .filter_map(|id| facts.world.run.account(id))
                .map(|info| info.environment.clone())
                .filter(|name| !name.is_empty()),
        ),
        Unknown(more) => unclear = merge(unclear, more.clone()),
    }
    let spans = seen.iter().any(|name| facts.settings.is_production(name))
        && seen.iter().any(|name| !facts.settings.is_production(name));
    let known = if unclear.is_empty() {
        Known(seen.into_iter().collect())
    } else {
        Unknown(unclear.clone())
    };
    (
        known,
        if spans {
            Known(true)
        } else if unclear.is_empty() {
            Known(false)
        } else {
            Unknown(unclear)
        },
    )
}
