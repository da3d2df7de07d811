//! Subject: whom the data access policies of OpenSearch Serverless let at a collection.

use crate::derive::Sink;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::{Arn, Gap, Observed, glob, merge};
use crate::subjects::encryption::decryptors;
use crate::subjects::identity::agent_role;
use crate::subjects::network::vector_collection::pattern_names;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const POLICIES: Inputs = Inputs::All(&[
    services::opensearch::COLLECTION.list(),
    services::opensearch::ACCESS_POLICY.list(),
    services::opensearch::ACCESS_POLICY.group("detail"),
]);
const EXPECTED: Inputs = Inputs::All(&[POLICIES, workloads::INPUTS, agent_role::AGENTS]);

/// Collections and whom their data access policies name.
pub const VECTOR_ACCESS: Table = Table {
    name: "vector_access",
    doc: "An OpenSearch Serverless collection, and whom its data access policies let read or write its indexes. IAM has to allow the call too; these policies alone say which collection.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        list("principals", "Principals that the policies name for the collection or its indexes.").from(POLICIES),
        list(
            "unexpected_principals",
            "Those of them that are neither roles of workloads that call Bedrock nor of knowledge bases and agents, nor declared."
        )
        .from(EXPECTED),
        flag("has_unexpected", "Are there such?").from(EXPECTED),
        list(
            "wide_rules",
            "Rules that are about every collection, as `policy: resource`."
        )
        .from(POLICIES),
        flag("has_wide_rule", "Are there such?").from(POLICIES),
        text("broad_reason", "What is known to be too much.").absent("''").from(EXPECTED),
        json("rules", "`[{policy, resources, permissions, principals}]`: the statements that name it.").from(POLICIES),
        text("policy_names", "The policies that name it, joined.").absent("''").from(POLICIES),
    ],
    reads: &[],
    lists: services::opensearch::COLLECTION.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &VECTOR_ACCESS,
    derive,
    rests_on_published_data: false,
};

/// What a list of a statement holds.
fn texts<'j>(value: &'j Json, name: &str) -> Vec<&'j str> {
    let all = value.get(name).and_then(Json::as_array);
    all.into_iter().flatten().filter_map(Json::as_str).collect()
}

/// What the policies say of one collection.
#[derive(Default)]
struct Said {
    principals: BTreeSet<String>,
    wide: BTreeSet<String>,
    policies: BTreeSet<String>,
    shown: Vec<Json>,
}

impl Said {
    fn statement(&mut self, policy: &str, statement: &Json, name: &str) {
        let rules = statement.get("Rules").and_then(Json::as_array);
        for rule in rules.into_iter().flatten() {
            let kind = rule.get("ResourceType").and_then(Json::as_str);
            let kind = kind.unwrap_or_default();
            let resources: Vec<&str> = texts(rule, "Resource")
                .into_iter()
                .filter(|pattern| pattern_names(pattern, kind, name))
                .collect();
            if resources.is_empty() || !matches!(kind, "collection" | "index") {
                continue;
            }
            let (permissions, principals) =
                (texts(rule, "Permission"), texts(statement, "Principal"));
            self.policies.insert(policy.to_owned());
            self.principals
                .extend(principals.iter().map(|principal| (*principal).to_owned()));
            // A collection that nobody named.
            let every = resources
                .iter()
                .filter(|pattern| pattern_names(pattern, kind, "outcrop-probe"));
            self.wide
                .extend(every.map(|resource| format!("{policy}: {resource}")));
            self.shown.push(json!({
                "policy": policy, "resources": resources, "permissions": permissions, "principals": principals,
            }));
        }
    }
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let (expected, expected_gaps) = decryptors::expected_roles(facts);
    let allowed = facts.settings.list("allowed_index_principals");
    for (account, region) in facts.settings.scopes(&VECTOR_ACCESS) {
        let collections = facts.world.all("aoss_collection", &account, &region);
        sink.hide(&account, &region, collections.gaps);
        let policies = facts.world.all("aoss_access_policy", &account, &region);
        for collection in collections.rows {
            let name = match collection.text("name") {
                Known(name) => name,
                Unknown(gaps) => {
                    sink.hide(&account, &region, gaps);
                    continue;
                }
            };
            // What else speaks of a collection that a file makes stands in the same file.
            let hidden = if facts.world.is_new(collection.key()) {
                facts.world.companions(collection.key())
            } else {
                policies.gaps.clone()
            };
            let (mut said, mut gaps) = (Said::default(), hidden);
            for policy in &policies.rows {
                match policy.json("policy") {
                    Known(statements) => {
                        for statement in statements.as_array().into_iter().flatten() {
                            said.statement(policy.key(), statement, name);
                        }
                    }
                    Unknown(more) => gaps = merge(gaps, more),
                }
            }
            let (mut unexpected, mut unclear) = (Vec::new(), gaps.clone());
            for principal in &said.principals {
                match is_unexpected(principal, &expected, &expected_gaps, &allowed) {
                    Known(true) => unexpected.push(principal.clone()),
                    Known(false) => {}
                    Unknown(more) => unclear = merge(unclear, more),
                }
            }
            let seen = |some: bool, gaps: &[Gap]| match (some, gaps.is_empty()) {
                (true, _) => Known(true),
                (false, true) => Known(false),
                (false, false) => Unknown(gaps.to_vec()),
            };
            let whole = |all: Vec<String>, gaps: &[Gap]| {
                if gaps.is_empty() {
                    Known(all)
                } else {
                    Unknown(gaps.to_vec())
                }
            };
            let mut row = sink.row(
                &account,
                &region,
                collection.key(),
                "AWS::OpenSearchServerless::Collection",
            );
            row.put("name", name)
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            let mut words = Vec::new();
            if !unexpected.is_empty() {
                words.push(format!("they name {}", unexpected.join(", ")));
            }
            if !said.wide.is_empty() {
                let wide: Vec<&str> = said.wide.iter().map(String::as_str).collect();
                words.push(format!(
                    "they are about every collection ({})",
                    wide.join(", ")
                ));
            }
            row.put("broad_reason", words.join("; "));
            row.set("has_unexpected", seen(!unexpected.is_empty(), &unclear))
                .set("unexpected_principals", whole(unexpected, &unclear))
                .set("has_wide_rule", seen(!said.wide.is_empty(), &gaps))
                .set("wide_rules", whole(said.wide.into_iter().collect(), &gaps))
                .set(
                    "principals",
                    whole(said.principals.into_iter().collect(), &gaps),
                )
                .put("rules", Json::from(said.shown))
                .put(
                    "policy_names",
                    said.policies.into_iter().collect::<Vec<_>>().join(", "),
                );
            sink.push(row);
        }
    }
}

/// Is it a principal that nothing in the run explains? People, groups and accounts never are explained; roles may be.
///
/// Forms: OpenSearch Serverless Developer Guide, "Data access control".
fn is_unexpected(
    principal: &str,
    expected: &BTreeSet<String>,
    gaps: &[Gap],
    allowed: &[String],
) -> Observed<bool> {
    if allowed.iter().any(|pattern| glob(pattern, principal)) {
        return Known(false);
    }
    if principal.contains(['*', '?']) {
        return Observed::gap(Gap::not_understood(
            "aoss_access_policy.policy",
            format!(
                "AWS does not document wildcards in principals of a data access policy, such as {principal}"
            ),
        ));
    }
    let role = match Arn::parse(principal) {
        Some(arn) if arn.resource == "root" => {
            return Observed::gap(Gap::not_understood(
                "aoss_access_policy.policy",
                format!(
                    "AWS does not document what {principal} stands for in a data access policy"
                ),
            ));
        }
        Some(arn) if arn.resource.starts_with("role/") => principal.to_owned(),
        // The path of the role is not in the ARN of a session.
        Some(arn) if arn.resource.starts_with("assumed-role/") => format!(
            "arn:{}:iam::{}:role/*{}",
            arn.partition,
            arn.account,
            arn.resource.split('/').nth(1).unwrap_or_default()
        ),
        _ => return Known(true),
    };
    if expected.iter().any(|known| glob(&role, known)) {
        Known(false)
    } else if gaps.is_empty() {
        Known(true)
    } else {
        Unknown(gaps.to_vec())
    }
}
