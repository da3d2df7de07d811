//! Subject: vector collections, and from where they can be reached.

use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Children, Role, Span, Table};
use crate::model::{Gap, Observed, glob, merge};
use crate::network::Spot;
use crate::services;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const POLICIES: Inputs = Inputs::All(&[
    services::opensearch::COLLECTION.list(),
    services::opensearch::NETWORK_POLICY.list(),
    services::opensearch::NETWORK_POLICY.group("detail"),
]);

/// Collections of OpenSearch Serverless.
pub const VECTOR_COLLECTION: Table = Table {
    name: "vector_collection",
    doc: "An OpenSearch Serverless collection, and what the network policies that match it let in.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag("collection_public", "Does a policy let public networks reach the collection? It overrides every rule for VPC endpoints.").from(POLICIES),
        flag("dashboard_public", "Does one let them reach its Dashboards?").from(POLICIES),
        list("policies", "Policies that match it or its Dashboards.").from(POLICIES),
        text("reason", "What decides.").from(POLICIES),
    ],
    reads: &[],
    lists: services::opensearch::COLLECTION.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &VECTOR_COLLECTION,
    derive,
    rests_on_published_data: false,
};

/// A policy: its name and its statements.
type Policy<'p> = (&'p str, Observed<Json>);

/// Does a statement speak of the collection, as this type of resource? Patterns are `collection/NAME` or `collection/PREFIX*`,
/// and Dashboards are spelled in two ways.
pub(crate) fn speaks_of(statement: &Json, kind: &str, name: &str) -> bool {
    statement["Rules"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|rule| {
            rule["ResourceType"]
                .as_str()
                .is_some_and(|found| found.trim_end_matches('s') == kind)
                && rule["Resource"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                    .any(|pattern| pattern_names(pattern, kind, name))
        })
}

/// The data endpoints of OpenSearch Serverless in a VPC: of the account that owns it, and of the one that uses it.
pub(crate) fn index_endpoints<'w>(facts: &Facts<'w>, user: &str, spot: &Spot) -> Children<'w> {
    let mut all = Children {
        rows: Vec::new(),
        gaps: Vec::new(),
    };
    for owner in BTreeSet::from([user, spot.account.as_str()]) {
        let found = facts.world.children(
            "aoss_vpc_endpoint",
            owner,
            &spot.region,
            "vpc_id",
            &spot.vpc,
        );
        all.rows.extend(found.rows);
        all.gaps = merge(all.gaps, found.gaps);
    }
    all
}

/// `collection/NAME`; of an index `index/NAME/INDEX`.
pub(crate) fn pattern_names(pattern: &str, kind: &str, name: &str) -> bool {
    match pattern.strip_prefix("index/") {
        Some(rest) if kind == "index" => rest
            .split('/')
            .next()
            .is_some_and(|collection| glob(collection, name)),
        _ => glob(pattern, &format!("collection/{name}")),
    }
}

/// Policies that match, and those of them that let the public in.
fn of_kind(
    policies: &[Policy<'_>],
    kind: &str,
    name: &str,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut all, mut public) = (BTreeSet::new(), BTreeSet::new());
    for (policy, statements) in policies {
        for statement in statements
            .as_ref()
            .known()
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter(|statement| speaks_of(statement, kind, name))
        {
            all.insert((*policy).to_owned());
            if statement["AllowFromPublic"] == true {
                public.insert((*policy).to_owned());
            }
        }
    }
    (all, public)
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&VECTOR_COLLECTION) {
        let collections = facts.world.all("aoss_collection", &account, &region);
        sink.hide(&account, &region, collections.gaps);
        let found = facts.world.all("aoss_network_policy", &account, &region);
        let policies: Vec<Policy<'_>> = found
            .rows
            .iter()
            .map(|row| (row.key(), row.json("policy")))
            .collect();
        let mut gaps: Vec<Gap> = found.gaps;
        for (name, policy) in &policies {
            match policy {
                Known(Json::Array(statements))
                    if statements.iter().all(|one| {
                        one["Rules"].is_array()
                            && matches!(one["AllowFromPublic"], Json::Null | Json::Bool(_))
                    }) => {}
                Known(_) => gaps.push(Gap::not_understood(
                    "aoss_network_policy.policy",
                    format!(
                        "the policy {name} is no list of statements as the service writes them"
                    ),
                )),
                Unknown(more) => gaps = merge(gaps, more.clone()),
            }
        }
        for row in collections.rows {
            let name = match row.text("name") {
                Known(name) => name,
                Unknown(gaps) => {
                    sink.hide(&account, &region, gaps);
                    continue;
                }
            };
            let (all, public) = of_kind(&policies, "collection", name);
            let (dashboards, open) = of_kind(&policies, "dashboard", name);
            let decided = |public: &BTreeSet<String>| match (public.is_empty(), gaps.is_empty()) {
                (false, _) => Known(true),
                (true, true) => Known(false),
                (true, false) => Unknown(gaps.clone()),
            };
            let (collection_public, dashboard_public) = (decided(&public), decided(&open));
            let named = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
            let mut said = Vec::new();
            if !public.is_empty() {
                said.push(format!(
                    "{} lets public networks reach the collection",
                    named(&public)
                ));
            }
            if !open.is_empty() {
                said.push(format!(
                    "{} lets public networks reach its Dashboards",
                    named(&open)
                ));
            }
            if said.is_empty() {
                said.push(match (all.is_empty(), gaps.is_empty()) {
                    (_, false) => "not every network policy could be read".to_owned(),
                    (true, true) => "no network policy names it, so nobody reaches it".to_owned(),
                    (false, true) => {
                        format!("{} lets in VPC endpoints or services alone", named(&all))
                    }
                });
            }
            let mut derived = sink.row(
                &account,
                &region,
                row.key(),
                "AWS::OpenSearchServerless::Collection",
            );
            derived
                .put("name", name)
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            derived
                .set("collection_public", collection_public)
                .set("dashboard_public", dashboard_public)
                .set(
                    "policies",
                    if gaps.is_empty() {
                        Known(all.union(&dashboards).cloned().collect::<Vec<_>>())
                    } else {
                        Unknown(gaps.clone())
                    },
                )
                .put("reason", said.join("; "));
            sink.push(derived);
        }
    }
}
