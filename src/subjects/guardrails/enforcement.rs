//! Subject: is a guardrail on every model call of a Region, whoever makes it?

use crate::derive::Sink;
use crate::inventory::cols::{flag, json, text};
use crate::inventory::{Inputs, Lookup, Role, Span, Table};
use crate::model::{GLOBAL, Gap, Observed, account_arn, merge};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What enforces a guardrail on every call.
pub(super) const POLICIES: Inputs = Inputs::All(&[
    services::bedrock::ENFORCED_GUARDRAIL.list(),
    services::organizations::ORGANIZATION.list(),
    services::organizations::ORGANIZATION.group("bedrock-policy"),
]);
const ENFORCED: Inputs = Inputs::All(&[POLICIES, workloads::INPUTS]);

/// Enforcement of guardrails.
pub const GUARDRAIL_ENFORCEMENT: Table = Table {
    name: "guardrail_enforcement",
    doc: "An account and Region, and whether something makes every model call there carry a guardrail.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag("calls_models", "Does a workload there call Bedrock?").from(workloads::INPUTS),
        flag(
            "is_enforced",
            "Does the account, the organisation, or a condition on every caller require a guardrail?"
        )
        .from(ENFORCED),
        text(
            "enforced_by",
            "What requires it, or what is lacking."
        )
        .from(ENFORCED),
        json(
            "witness",
            "A request by which a caller invokes a model without a guardrail, as far as policies go."
        )
        .absent("null")
        .from(ENFORCED),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &GUARDRAIL_ENFORCEMENT,
    derive,
    rests_on_published_data: true,
};

/// What enforces a guardrail on every call and cannot be skipped; nothing where nothing does.
///
/// Pages: Bedrock User Guide, "Apply cross-account safeguards with Amazon Bedrock Guardrails enforcements"; Organizations User
/// Guide, "Amazon Bedrock policies".
pub(super) fn by_policy(
    facts: &Facts<'_>,
    account: &str,
    region: &str,
) -> Observed<Option<String>> {
    let own = facts
        .world
        .all("bedrock_enforced_guardrail", account, region);
    let mut gaps = own.gaps;
    for config in own.rows {
        let whole = config.flag("is_selective").zip(
            config
                .list("included_models")
                .zip(config.list("excluded_models")),
        );
        match whole {
            Known((false, (included, excluded))) if every_model(&included, &excluded) => {
                return Known(Some(format!(
                    "the account enforces {}",
                    config.text("guardrail_arn").known().unwrap_or(config.key())
                )));
            }
            Known(_) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    let policy = match facts.world.lookup("organization", account, GLOBAL, account) {
        Lookup::Found(row) => row.json("bedrock_policy"),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "organization",
            "the account gave no answer about its organisation",
        )),
        Lookup::Unknown(more) => Unknown(more),
    };
    match policy {
        Known(policy) => {
            if let Some(name) = enforced_here(&policy, region) {
                return Known(Some(format!(
                    "a policy of the organisation enforces {name}"
                )));
            }
        }
        Unknown(more) => gaps = merge(gaps, more),
    }
    if gaps.is_empty() {
        Known(None)
    } else {
        Unknown(gaps)
    }
}

/// Is it on every model that answers? Models that embed or rank take no guardrail, and `ALL` is every one.
fn every_model(included: &[String], excluded: &[String]) -> bool {
    let all = included.is_empty()
        || included
            .iter()
            .any(|model| model.eq_ignore_ascii_case("all"));
    let silent = |model: &String| {
        let lower = model.to_ascii_lowercase();
        lower.contains("embed") || lower.contains("rerank")
    };
    all && excluded.iter().all(silent)
}

/// The guardrail that the effective policy puts on calls of a Region, unless tags can keep content from it.
fn enforced_here(policy: &Json, region: &str) -> Option<String> {
    let configs = policy
        .get("bedrock")?
        .get("guardrail_inference")?
        .get(region)?
        .as_object()?;
    configs.values().find_map(|config| {
        let text = |name: &str| config.get(name).and_then(Json::as_str).unwrap_or_default();
        let selective = [
            text("input_tags"),
            config
                .pointer("/selective_content_guarding/system")
                .and_then(Json::as_str)
                .unwrap_or_default(),
            config
                .pointer("/selective_content_guarding/messages")
                .and_then(Json::as_str)
                .unwrap_or_default(),
        ];
        let skippable = selective
            .iter()
            .any(|word| ["honor", "selective"].contains(&word.to_ascii_lowercase().as_str()));
        let list = |name: &str| -> Vec<String> {
            let all = config.pointer(&format!("/model_enforcement/{name}"));
            let all = all.and_then(Json::as_array).into_iter().flatten();
            all.filter_map(Json::as_str).map(str::to_owned).collect()
        };
        let every = every_model(&list("included_models"), &list("excluded_models"));
        (!text("identifier").is_empty() && !skippable && every)
            .then(|| text("identifier").to_owned())
    })
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let callers = facts.workloads.all();
    for (account, region) in facts.settings.scopes(&GUARDRAIL_ENFORCEMENT) {
        let hidden = callers.hidden(&account, &region);
        let calls = match (
            callers.known(&account, &region).next().is_some(),
            hidden.is_empty(),
        ) {
            (true, _) => Known(true),
            (false, true) => Known(false),
            (false, false) => Unknown(hidden.clone()),
        };
        let by_policy = by_policy(facts, &account, &region);
        // A condition on every caller does as well; one caller without it is enough for a failure.
        let (mut free, mut gaps, mut bound) = (None, hidden, 0);
        for workload in callers.known(&account, &region) {
            let asked = workload.roles.clone().and_then(|roles| {
                roles.iter().fold(Known(None), |found, role| match found {
                    Known(Some(_)) => found,
                    found => {
                        let next = facts
                            .principals
                            .role(role)
                            .and_then(|access| access.without_guardrail());
                        match (found, next) {
                            (_, Known(Some(request))) => Known(Some(request)),
                            (Known(None), next) => next,
                            (Unknown(gaps), Unknown(more)) => Unknown(merge(gaps, more)),
                            (found, _) => found,
                        }
                    }
                })
            });
            match asked {
                Known(Some(request)) => {
                    free.get_or_insert((workload.name.clone(), request));
                }
                Known(None) => bound += 1,
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        let by_condition = match (&free, gaps.is_empty()) {
            (Some(_), _) => Known(false),
            (None, true) => Known(bound > 0),
            (None, false) => Unknown(gaps),
        };
        let is_enforced = by_policy
            .clone()
            .map(|found| found.is_some())
            .or(by_condition.clone());
        let why = match (&by_policy, &by_condition, &free) {
            (Known(Some(why)), ..) => why.clone(),
            (_, Known(true), _) => {
                "policies deny every caller model calls without a guardrail".to_owned()
            }
            (.., Some((name, _))) => format!(
                "neither the account nor the organisation enforces one, and {name} may invoke a model without one"
            ),
            _ => "neither the account nor the organisation enforces one".to_owned(),
        };
        let resource = account_arn(&facts.world.run.partition, &account);
        let mut row = sink.row(&account, &region, resource, "AWS::::Account");
        row.put("name", facts.settings.account_name(&account))
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
        row.set("calls_models", calls)
            .set("is_enforced", is_enforced)
            .put("enforced_by", why)
            .put("witness", free.map_or(Json::Null, |(_, request)| request));
        sink.push(row);
    }
}
