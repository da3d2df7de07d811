//! Subject: whether what a caller spends on inference can be attributed.

use crate::access::principal::Access;
use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::{Observed, merge};
use crate::policy::{Ask, Fact, may};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeMap;

const PROFILES: Inputs = Inputs::All(&[
    services::bedrock::INFERENCE_PROFILE.list(),
    services::bedrock::INFERENCE_PROFILE.group("tags"),
]);

/// Spend of callers.
pub const SPEND: Table = Table {
    name: "inference_spend",
    doc: "A Bedrock caller, and whether its calls are billed by application inference profiles that carry the tags costs are attributed by.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("workload_kind", "Kind of compute.").from(workloads::INPUTS),
        flag(
            "asks_for_tags",
            "Does the configuration name tags (`cost_tags`)?"
        )
        .from(Inputs::NONE),
        flag(
            "invokes_without_profile",
            "May it invoke a model by no inference profile?"
        )
        .from(workloads::INPUTS),
        list(
            "untagged_profiles",
            "Application inference profiles of the account and Region that lack one of the tags."
        )
        .from(PROFILES),
        flag("has_tagged_profile", "Is there one with all of them?").from(PROFILES),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &SPEND,
    derive,
    rests_on_published_data: true,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let wanted = facts.settings.list("cost_tags");
    for (account, region) in facts.settings.scopes(&SPEND) {
        let callers = facts.workloads.all();
        if !wanted.is_empty() {
            sink.hide(&account, &region, callers.hidden(&account, &region));
        }
        let profiles = facts
            .world
            .all("bedrock_inference_profile", &account, &region);
        let (mut untagged, mut tagged, mut gaps) = (Vec::new(), false, profiles.gaps);
        for profile in profiles.rows {
            match profile.text("type") {
                Known("APPLICATION") => {}
                Known(_) => continue,
                Unknown(more) => {
                    gaps = merge(gaps, more);
                    continue;
                }
            }
            match profile.tags() {
                Known(tags) if wanted.iter().all(|tag| tags.contains_key(tag)) => tagged = true,
                Known(_) => untagged.push(profile.key().to_owned()),
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        for workload in callers.known(&account, &region) {
            let direct = match &workload.roles {
                Known(roles) => Observed::any(roles.iter().map(|role| {
                    facts
                        .principals
                        .role(role)
                        .and_then(|access| without_profile(&access))
                        .map(|found| found.is_some())
                })),
                Unknown(more) => Unknown(more.clone()),
            };
            // Who retrieves, or lets an agent answer, invokes no model by himself.
            let invokes = match &workload.roles {
                Known(roles) => Observed::any(roles.iter().map(|role| {
                    let access = facts.principals.role(role);
                    access.and_then(|access| access.invokes.clone().map(|found| found.is_some()))
                })),
                Unknown(more) => Unknown(more.clone()),
            };
            if invokes.is_false() {
                continue;
            }
            let mut row = sink.row(
                &account,
                &region,
                workload.arn.as_str(),
                workload.resource_type,
            );
            row.put("name", workload.name.as_str()).tagged(
                facts.settings,
                &account,
                workload.tags.clone(),
            );
            let seen = |known: bool| {
                if known || gaps.is_empty() {
                    Known(known)
                } else {
                    Unknown(gaps.clone())
                }
            };
            row.put("workload_kind", workload.kind)
                .put("asks_for_tags", !wanted.is_empty())
                .set("invokes_without_profile", direct)
                .set("has_tagged_profile", seen(tagged))
                .set(
                    "untagged_profiles",
                    if untagged.is_empty() && !gaps.is_empty() {
                        Unknown(gaps.clone())
                    } else {
                        Known(untagged.clone())
                    },
                );
            sink.push(row);
        }
    }
}

/// A request that invokes a foundation model by no inference profile (`bedrock:InferenceProfileArn` is absent then), or by one of
/// AWS's own, which carries no tags.
fn without_profile(access: &Access) -> Observed<Option<Json>> {
    let ask = |resource: &str, context: BTreeMap<String, Fact>| {
        let ask = Ask {
            principal: &access.principal,
            actions: &[
                "bedrock:InvokeModel",
                "bedrock:InvokeModelWithResponseStream",
            ],
            resources: &[resource.to_owned()],
            resource_account: None,
            context,
            choose: true,
        };
        access
            .seen(may(&access.grants, &ask))
            .map(|found| found.map(|request| request.witness()))
    };
    let absent = BTreeMap::from([("bedrock:inferenceprofilearn".to_owned(), Fact::Absent)]);
    match ask("arn:*:bedrock:*::foundation-model/*", absent) {
        Known(None) => ask("arn:*:bedrock:*:*:inference-profile/*", BTreeMap::new()),
        found => found,
    }
}
