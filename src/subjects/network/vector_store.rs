//! Subject: databases that serve as vector stores, and whether they have public endpoints.

use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Lookup, Role, Row, Span, Table};
use crate::model::{Arn, Gap, Observed, merge};
use crate::services;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const BASES: Inputs = Inputs::All(&[
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
]);
const STORES: Inputs = Inputs::All(&[
    services::opensearch::DOMAIN.list(),
    services::opensearch::DOMAIN.group("detail"),
    services::stores::DB_INSTANCE.list(),
    services::stores::GRAPH.list(),
]);
const REASONS: Inputs = Inputs::All(&[
    services::opensearch::DOMAIN.list(),
    services::opensearch::DOMAIN.group("detail"),
    services::stores::DB_INSTANCE.list(),
    services::stores::GRAPH.list(),
    services::vpc::SECURITY_GROUP.list(),
]);

/// OpenSearch domains, DB instances and Neptune graphs.
pub const VECTOR_STORE: Table = Table {
    name: "vector_store",
    doc: "An OpenSearch Service domain, DB instance or Neptune Analytics graph, and whether a knowledge base keeps its vectors there. S3 Vectors has no place in a network.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "kind",
            "`opensearch-domain`, `rds-db-instance` or `neptune-graph`."
        ),
        flag(
            "serves_knowledge_base",
            "Does a knowledge base of the run keep its vectors there?"
        )
        .from(BASES),
        list("knowledge_bases", "Those knowledge bases.").from(BASES),
        flag("store_public", "Has it a public endpoint?").from(STORES),
        text("reason", "What decides.").from(REASONS),
    ],
    reads: &[],
    lists: STORES,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &VECTOR_STORE,
    derive,
    rests_on_published_data: false,
};

const KINDS: [(&str, &str, &str); 3] = [
    (
        "opensearch_domain",
        "opensearch-domain",
        "AWS::OpenSearchService::Domain",
    ),
    ("rds_db_instance", "rds-db-instance", "AWS::RDS::DBInstance"),
    ("neptune_graph", "neptune-graph", "AWS::NeptuneGraph::Graph"),
];

/// Is this what a knowledge base names as its store? Of Aurora it names the cluster.
fn is_store(row: Row<'_>, store: &str) -> Observed<bool> {
    if row.table().name != "rds_db_instance" {
        return Known(store == row.key());
    }
    let cluster = Arn::parse(store)
        .filter(|arn| arn.account == row.account() && arn.region == row.region())
        .and_then(|arn| arn.resource.strip_prefix("cluster:"));
    match cluster {
        Some(cluster) => row.text("cluster_name").map(|name| name == cluster),
        None => Known(false),
    }
}

/// Has it a public endpoint, and why?
fn openness(facts: &Facts<'_>, row: Row<'_>) -> (Observed<bool>, Observed<String>) {
    match row.table().name {
        "opensearch_domain" => {
            let vpc = row.text("vpc_id");
            (
                vpc.clone().map(str::is_empty),
                vpc.map(|vpc| {
                    if vpc.is_empty() {
                        "it has no VPC options, so its endpoint is public".to_owned()
                    } else {
                        format!("it stands in {vpc}")
                    }
                }),
            )
        }
        "rds_db_instance" => {
            let public = row.flag("publicly_accessible");
            let reason = public.clone().and_then(|public| {
                if public {
                    Known(format!("PubliclyAccessible is true; {}", doors(facts, row)))
                } else {
                    Known("PubliclyAccessible is false".to_owned())
                }
            });
            (public, reason)
        }
        _ => {
            let public = row.flag("public_connectivity");
            (
                public.clone(),
                public.map(|public| format!("publicConnectivity is {public}")),
            )
        }
    }
}

/// What the security groups of an instance do beside its public address.
fn doors(facts: &Facts<'_>, row: Row<'_>) -> String {
    let groups = match row.list("security_group_ids") {
        Known(groups) => groups,
        Unknown(_) => return "its security groups were not read".to_owned(),
    };
    for group in &groups {
        let rules =
            match facts
                .world
                .lookup("vpc_security_group", row.account(), row.region(), group)
            {
                Lookup::Found(found) => found.json("ingress"),
                Lookup::Absent | Lookup::Unknown(_) => {
                    return "its security groups were not read".to_owned();
                }
            };
        let Known(rules) = rules else {
            return "its security groups were not read".to_owned();
        };
        let anywhere = |rule: &Json| {
            rule["cidrs"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .any(|cidr| matches!(cidr, "0.0.0.0/0" | "::/0"))
        };
        if rules.as_array().into_iter().flatten().any(anywhere) {
            return format!("{group} lets in every address");
        }
    }
    "no security group lets in every address, which one change undoes".to_owned()
}

/// A store that a knowledge base can name, and which do.
pub(crate) struct Store<'w> {
    pub row: Row<'w>,
    pub kind: &'static str,
    pub resource_type: &'static str,
    /// Does a knowledge base name it?
    pub serves: Observed<bool>,
    pub bases: Observed<Vec<String>>,
}

/// The domains, instances and graphs of a scope, and what may hide more.
pub(crate) fn stores<'w>(
    facts: &Facts<'w>,
    account: &str,
    region: &str,
) -> (Vec<Store<'w>>, Vec<Gap>) {
    let bases = facts.world.everywhere("bedrock_knowledge_base");
    let mut named: Vec<(&str, &str)> = Vec::new();
    let mut unclear: Vec<(&str, Vec<Gap>)> = Vec::new();
    for base in &bases {
        match base.text("storage_id") {
            Known(store) => named.push((store, base.key())),
            Unknown(gaps) if base.region() == region => unclear.push((base.account(), gaps)),
            Unknown(_) => {}
        }
    }
    // A knowledge base of this Region may be unseen. Only of a domain its resource policy may let in one of another account:
    // neither the RDS Data API nor Neptune Analytics knows such policies.
    let unseen = |any: bool| {
        let owners = facts
            .world
            .accounts()
            .filter(|owner| any || *owner == account);
        let lists = owners.map(|owner| facts.world.hidden("bedrock_knowledge_base", owner, region));
        let rows = unclear
            .iter()
            .filter(|(owner, _)| any || *owner == account)
            .map(|(_, gaps)| gaps.clone());
        lists.chain(rows).fold(Vec::new(), merge)
    };
    let (mut all, mut gaps) = (Vec::new(), Vec::new());
    for (table, kind, resource_type) in KINDS {
        let hidden = unseen(table == "opensearch_domain");
        let found = facts.world.all(table, account, region);
        gaps = merge(gaps, found.gaps);
        for row in found.rows {
            let (mut users, mut hidden) = (BTreeSet::new(), hidden.clone());
            for (store, base) in &named {
                match is_store(row, store) {
                    Known(true) => drop(users.insert(*base)),
                    Known(false) => {}
                    Unknown(gaps) => hidden = merge(hidden, gaps),
                }
            }
            let serves = match (users.is_empty(), hidden.is_empty()) {
                (false, _) => Known(true),
                (true, true) => Known(false),
                (true, false) => Unknown(hidden.clone()),
            };
            all.push(Store {
                row,
                kind,
                resource_type,
                serves,
                bases: if hidden.is_empty() {
                    Known(users.into_iter().map(str::to_owned).collect())
                } else {
                    Unknown(hidden)
                },
            });
        }
    }
    (all, gaps)
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&VECTOR_STORE) {
        let (all, gaps) = stores(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for store in all {
            let (public, reason) = openness(facts, store.row);
            let mut derived = sink.row(&account, &region, store.row.key(), store.resource_type);
            derived
                .put("name", store.row.text("name").known().unwrap_or_default())
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            derived
                .put("kind", store.kind)
                .set("serves_knowledge_base", store.serves)
                .set("knowledge_bases", store.bases)
                .set("store_public", public)
                .set("reason", reason);
            sink.push(derived);
        }
    }
}
