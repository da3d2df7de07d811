//! Subject: what the trails that reach an account keep of a Region's events.

use super::genai_use;
use crate::derive::Sink;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{GLOBAL, Gap, Observed, account_arn, glob, merge};
use crate::subjects::{Facts, Subject};
use crate::{access, services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const TRAILS: Inputs = Inputs::All(&[
    services::cloudtrail::TRAIL.list(),
    services::cloudtrail::TRAIL.group("status"),
    services::cloudtrail::TRAIL.group("selectors"),
    services::cloudtrail::EVENT_DATA_STORE.list(),
    services::cloudtrail::EVENT_DATA_STORE.group("detail"),
]);
const KINDS_IN_USE: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::FLOW.list(),
    services::bedrock_agent::PROMPT.list(),
    services::bedrock::GUARDRAIL.list(),
    services::agentcore::RUNTIME.list(),
    services::agentcore::GATEWAY.list(),
    services::agentcore::MEMORY.list(),
]);
const MANTLE: Inputs = Inputs::All(&[
    services::iam::ROLE.list(),
    services::iam::USER.list(),
    access::INPUTS,
]);

/// Trails.
pub const TRAIL_COVERAGE: Table = Table {
    name: "trail_coverage",
    doc: "What the trails and event data stores that reach an account keep of the events of a Region.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag("in_use", "Is Bedrock used in the Region?").from(genai_use::INPUTS),
        text("use_reason", "What shows that it is used.")
            .absent("''")
            .from(genai_use::INPUTS),
        flag(
            "keeps_inference",
            "Does one of them record, and deliver, all management events of Bedrock, model invocations among them?"
        )
        .from(TRAILS),
        text("inference_reason", "Which one does, or what each lacks.").from(TRAILS),
        flag(
            "keeps_kms",
            "Does one of them record all management events of AWS KMS?"
        )
        .from(TRAILS),
        flag(
            "keeps_data_api",
            "Does one of them record the events of the RDS Data API, by which Aurora vector stores are read?"
        )
        .from(TRAILS),
        text(
            "excluded_reason",
            "Which of these sources are known to be kept by none of them."
        )
        .absent("''")
        .from(TRAILS),
        list(
            "kinds_in_use",
            "CloudTrail's resource types of Bedrock and AgentCore resources that are in use."
        )
        .from(KINDS_IN_USE),
        list(
            "kinds_not_kept",
            "Those of them whose data events no trail records."
        )
        .from(Inputs::All(&[TRAILS, KINDS_IN_USE])),
        flag("keeps_data_events", "Are the data events of all of them recorded?")
            .from(Inputs::All(&[TRAILS, KINDS_IN_USE])),
        flag(
            "has_endpoint",
            "Is there a VPC endpoint for Bedrock or AgentCore in the Region?"
        )
        .from(services::vpc_endpoint::ENDPOINT.list()),
        flag(
            "keeps_denials",
            "Does one of them record the network activity events of Bedrock, which show what an endpoint policy denied?"
        )
        .from(TRAILS),
        list(
            "mantle_principals",
            "Roles and users that may call models through bedrock-mantle, at most 20."
        )
        .from(MANTLE),
        text(
            "missing_events",
            "Which data events and denials are known to be kept by none of them."
        )
        .absent("''")
        .from(Inputs::All(&[TRAILS, KINDS_IN_USE, services::vpc_endpoint::ENDPOINT.list()])),
        flag("mantle_allowed", "Is there such a principal?").from(MANTLE),
        flag(
            "keeps_mantle",
            "Does one of them record the data events of bedrock-mantle, inference among them?"
        )
        .from(TRAILS),
        json(
            "trails",
            "`[{arn, kind, records, delivery_error, selectors}]`: those that reach the account here."
        )
        .from(TRAILS),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &TRAIL_COVERAGE,
    derive,
    rests_on_published_data: true,
};

/// Tables and the resource types of their data events (Bedrock User Guide and AgentCore Developer Guide, "Monitoring with
/// AWS CloudTrail").
const DATA_EVENTS: &[(&str, &str)] = &[
    ("bedrock_agent", "AWS::Bedrock::AgentAlias"),
    ("bedrock_knowledge_base", "AWS::Bedrock::KnowledgeBase"),
    ("bedrock_flow", "AWS::Bedrock::FlowAlias"),
    ("bedrock_prompt", "AWS::Bedrock::Prompt"),
    ("bedrock_guardrail", "AWS::Bedrock::Guardrail"),
    (
        "bedrock_agentcore_runtime",
        "AWS::BedrockAgentCore::Runtime",
    ),
    (
        "bedrock_agentcore_gateway",
        "AWS::BedrockAgentCore::Gateway",
    ),
    ("bedrock_agentcore_memory", "AWS::BedrockAgentCore::Memory"),
];

/// One that records events here.
struct Recorder<'w> {
    arn: &'w str,
    kind: &'static str,
    /// Does it record, and does what it records arrive?
    works: Observed<bool>,
    error: Observed<String>,
    selectors: Observed<Json>,
}

/// A fact of a trail from whichever of its rows tells it: shadows and members may not be let in, its owner is.
fn told<'w, T>(rows: &[Row<'w>], fact: impl Fn(Row<'w>) -> Observed<T>) -> Observed<T> {
    let mut gaps = Vec::new();
    for row in rows {
        match fact(*row) {
            Known(value) => return Known(value),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    Unknown(gaps)
}

/// The trails and event data stores that record the events of an account in a Region, and what may hide more.
fn recorders<'w>(facts: &Facts<'w>, account: &str, region: &str) -> (Vec<Recorder<'w>>, Vec<Gap>) {
    let world = facts.world;
    let mut all = Vec::new();
    let mut gaps = Vec::new();
    for table in ["cloudtrail_trail", "cloudtrail_event_data_store"] {
        let mut arns: BTreeSet<&str> = BTreeSet::new();
        for own in &world.run.regions {
            let found = world.all(table, account, own);
            if own == region {
                arns.extend(found.rows.iter().map(Row::key));
            } else {
                // Another Region's reaches here where it records every Region; the list there may be the one that shows it.
                for row in found.rows {
                    match row.flag("is_multi_region") {
                        Known(true) => drop(arns.insert(row.key())),
                        Known(false) => {}
                        Unknown(more) => gaps = merge(gaps, more),
                    }
                }
            }
            gaps = merge(gaps, found.gaps);
        }
        let everywhere = world.everywhere(table);
        for arn in arns {
            // Its own account first.
            let rows: Vec<Row<'_>> = everywhere
                .iter()
                .filter(|row| row.key() == arn)
                .copied()
                .collect();
            let error = if table == "cloudtrail_trail" {
                told(&rows, |row| row.text("delivery_error").map(str::to_owned))
            } else {
                Known(String::new())
            };
            let records = if table == "cloudtrail_trail" {
                told(&rows, |row| row.flag("is_logging"))
            } else {
                told(&rows, |row| {
                    row.text("status").map(|status| status == "ENABLED")
                })
            };
            all.push(Recorder {
                arn,
                kind: if table == "cloudtrail_trail" {
                    "trail"
                } else {
                    "event data store"
                },
                works: records.and(error.clone().map(|error| error.is_empty())),
                error,
                selectors: told(&rows, |row| row.json("selectors")),
            });
        }
    }
    (all, gaps)
}

/// Does a selector of the category keep every event of the source and, for data events, of the type? What reads alone or writes
/// alone is left out: whether a model invocation counts as a read differs between AWS's page and its records.
fn keeps(selectors: &Json, category: &str, source: &str, kind: &str) -> bool {
    let mut kept = BTreeSet::new();
    for one in selectors.as_array().into_iter().flatten() {
        let text = |name: &str| one.get(name).and_then(Json::as_str).unwrap_or_default();
        let list = |name: &str| -> Vec<&str> {
            let all = one.get(name).and_then(Json::as_array);
            all.into_iter().flatten().filter_map(Json::as_str).collect()
        };
        let sources = list("sources");
        let is_it = text("category") == category
            && one.get("narrowed").and_then(Json::as_bool) != Some(true)
            && (sources.is_empty() || sources.iter().any(|pattern| glob(pattern, source)))
            && !list("excluded_sources")
                .iter()
                .any(|pattern| glob(pattern, source))
            && (kind.is_empty() || list("resource_types").contains(&kind));
        if is_it {
            match text("read_write") {
                "ReadOnly" => kept.extend(["read"]),
                "WriteOnly" => kept.extend(["write"]),
                _ => kept.extend(["read", "write"]),
            }
        }
    }
    kept.len() == 2
}

/// Does one of them keep it? One is enough.
fn any_keeps(
    all: &[Recorder<'_>],
    gaps: &[Gap],
    category: &str,
    source: &str,
    kind: &str,
) -> Observed<bool> {
    let rest = if gaps.is_empty() {
        Known(false)
    } else {
        Unknown(gaps.to_vec())
    };
    Observed::any(
        all.iter()
            .map(|one| {
                let selected = one.selectors.clone();
                one.works
                    .clone()
                    .and(selected.map(|selectors| keeps(&selectors, category, source, kind)))
            })
            .chain([rest]),
    )
}

fn reason(all: &[Recorder<'_>]) -> String {
    if all.is_empty() {
        return "no trail reaches the account here".to_owned();
    }
    let words = all.iter().map(|one| {
        let name = one.arn;
        match (&one.works, &one.selectors) {
            (Known(false), _) => {
                match one.error.clone().known().filter(|error| !error.is_empty()) {
                    Some(error) => format!("{name} cannot deliver ({error})"),
                    None => format!("{name} is not recording"),
                }
            }
            (Known(true), Known(selectors))
                if keeps(selectors, "Management", "bedrock.amazonaws.com", "") =>
            {
                format!("{name} keeps them")
            }
            (Known(true), Known(_)) => {
                format!("{name} does not select all management events of Bedrock")
            }
            _ => format!("what {name} records could not be determined"),
        }
    });
    words.collect::<Vec<_>>().join("; ")
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let accounts: BTreeSet<String> = facts.world.accounts().map(str::to_owned).collect();
    let mantle: BTreeMap<String, (Vec<String>, Observed<bool>)> = accounts
        .into_iter()
        .map(|account| {
            let found = mantle_principals(facts, &account);
            (account, found)
        })
        .collect();
    for (account, region) in facts.settings.scopes(&TRAIL_COVERAGE) {
        let (all, gaps) = recorders(facts, &account, &region);
        let ask = |category: &str, source: &str, kind: &str| {
            any_keeps(&all, &gaps, category, source, kind)
        };
        let used = genai_use::in_use(facts, &account, &region);
        let resource = account_arn(&facts.world.run.partition, &account);
        let mut row = sink.row(&account, &region, resource, "AWS::::Account");
        row.put("name", facts.settings.account_name(&account))
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
        let kinds = kinds_in_use(facts, &account, &region);
        let missing = kinds.clone().and_then(|kinds| {
            kinds.iter().fold(Known(Vec::new()), |missing, kind| {
                let source = if kind.starts_with("AWS::BedrockAgentCore") {
                    "bedrock-agentcore.amazonaws.com"
                } else {
                    "bedrock.amazonaws.com"
                };
                missing
                    .zip(ask("Data", source, kind))
                    .map(|(mut missing, kept)| {
                        if !kept {
                            missing.push(kind.clone());
                        }
                        missing
                    })
            })
        });
        let sources = [
            ("kms.amazonaws.com", "AWS KMS"),
            ("rdsdata.amazonaws.com", "the RDS Data API"),
        ];
        let excluded: Vec<&str> = sources
            .into_iter()
            .filter(|(source, _)| ask("Management", source, "").is_false())
            .map(|(_, name)| name)
            .collect();
        let endpoint = has_endpoint(facts, &account, &region);
        let mut lacking: Vec<String> = missing.clone().known().unwrap_or_default();
        if endpoint.is_true() && ask("NetworkActivity", "bedrock.amazonaws.com", "").is_false() {
            lacking.push("calls that endpoint policies deny".to_owned());
        }
        let (principals, allowed) = mantle
            .get(&account)
            .cloned()
            .unwrap_or((Vec::new(), Known(false)));
        let shown: Vec<Json> = all
            .iter()
            .map(|one| {
                json!({
                    "arn": one.arn, "kind": one.kind, "records": one.works.clone().known(),
                    "delivery_error": one.error.clone().known(), "selectors": one.selectors.clone().known(),
                })
            })
            .collect();
        row.set("in_use", used.clone().map(|used| used.is_some()))
            .set("use_reason", used.map(Option::unwrap_or_default))
            .set(
                "keeps_inference",
                ask("Management", "bedrock.amazonaws.com", ""),
            )
            .put("inference_reason", reason(&all))
            .set("keeps_kms", ask("Management", "kms.amazonaws.com", ""))
            .set(
                "keeps_data_api",
                ask("Management", "rdsdata.amazonaws.com", ""),
            )
            .set("kinds_in_use", kinds)
            .set(
                "keeps_data_events",
                missing.clone().map(|all| all.is_empty()),
            )
            .set("kinds_not_kept", missing)
            .set("has_endpoint", endpoint)
            .put("missing_events", lacking.join(", "))
            .put("excluded_reason", excluded.join(" and "))
            .set(
                "keeps_denials",
                ask("NetworkActivity", "bedrock.amazonaws.com", ""),
            )
            .put("mantle_principals", principals)
            .set("mantle_allowed", allowed)
            .set(
                "keeps_mantle",
                ask(
                    "Data",
                    "bedrock-mantle.amazonaws.com",
                    "AWS::BedrockMantle::Project",
                ),
            )
            .put("trails", Json::from(shown));
        sink.push(row);
    }
}

/// The types whose resources are there; unknown where a list was not read, and none of another list settles it.
fn kinds_in_use(facts: &Facts<'_>, account: &str, region: &str) -> Observed<Vec<String>> {
    let (mut kinds, mut gaps) = (Vec::new(), Vec::new());
    for (table, kind) in DATA_EVENTS {
        let found = facts.world.all(table, account, region);
        if found.rows.is_empty() {
            gaps = merge(gaps, found.gaps);
        } else {
            kinds.push((*kind).to_owned());
        }
    }
    if gaps.is_empty() {
        Known(kinds)
    } else {
        Unknown(gaps)
    }
}

fn has_endpoint(facts: &Facts<'_>, account: &str, region: &str) -> Observed<bool> {
    let found = facts.world.all("vpc_endpoint", account, region);
    found.any(|row| {
        row.text("service_name")
            .map(|service| service.contains(".bedrock"))
    })
}

/// Roles and users of an account that may call models through bedrock-mantle. Service-linked roles are AWS's own.
fn mantle_principals(facts: &Facts<'_>, account: &str) -> (Vec<String>, Observed<bool>) {
    const MOST: usize = 20;
    let (mut names, mut gaps) = (Vec::new(), Vec::new());
    for table in ["iam_role", "iam_user"] {
        let found = facts.world.all(table, account, GLOBAL);
        gaps = merge(gaps, found.gaps);
        for row in found.rows {
            let access = facts.principals.of(row);
            if access.principal.is_service_linked() {
                continue;
            }
            match access.may_any("bedrock-mantle:CreateInference") {
                Known(true) => names.push(row.key().to_owned()),
                Known(false) => {}
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
    }
    let allowed = match (names.is_empty(), gaps.is_empty()) {
        (false, _) => Known(true),
        (true, true) => Known(false),
        (true, false) => Unknown(gaps),
    };
    names.truncate(MOST);
    (names, allowed)
}
