//! Subjects: principals with access to Bedrock, and the roles that workloads and agents run under.

use crate::access::trust;
use crate::access::trusted::trusted;
use crate::access::trusted::trusted_organizations;
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, int, json, list, text};
use crate::inventory::{Lookup, Role, Row, Span, Table};
use crate::model::{Arn, GLOBAL, Gap, Observed, merge};
use crate::policy::{Document, Effect, PrincipalPattern};
use crate::services;
use crate::subject_columns;
use crate::subjects::Facts;
use crate::workloads;
use crate::workloads::Workload;
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const IAM: Inputs = Inputs::All(&[services::iam::ROLE.list(), services::iam::USER.list(), services::iam::GROUP.list(), services::iam::POLICY.list()]);
pub(crate) const EFFECTIVE: Inputs =
    Inputs::All(&[services::iam::ROLE.list(), services::iam::USER.list(), services::iam::GROUP.list(), services::iam::POLICY.list(), CONTROLS]);
/// What tells the control policies over an account.
pub(crate) const CONTROLS: Inputs = Inputs::All(&[
    services::organizations::ORGANIZATION.list(),
    services::organizations::ACCOUNT.list(),
    services::organizations::ACCOUNT.group("path"),
    services::organizations::POLICY_TARGET.list(),
    services::organizations::POLICY_TARGET.group("content"),
]);
const PROFILES: Inputs = Inputs::All(&[EFFECTIVE, services::bedrock::INFERENCE_PROFILE.list()]);
const TRUST: Inputs = Inputs::All(&[
    services::iam::ROLE.list(),
    services::iam::USER.list(),
    services::organizations::ORGANIZATION.list(),
    services::organizations::ACCOUNT.list(),
]);
pub(crate) const AGENTS: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::AGENT.group("detail"),
    services::bedrock_agent::AGENT.group("versions"),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.group("detail"),
    services::bedrock_agent::FLOW.list(),
    services::bedrock_agent::FLOW.group("detail"),
    services::agentcore::RUNTIME.list(),
    services::agentcore::RUNTIME.group("detail"),
    services::agentcore::GATEWAY.list(),
    services::agentcore::GATEWAY.group("detail"),
    services::agentcore::MEMORY.list(),
    services::agentcore::MEMORY.group("detail"),
]);

/// Principals with access.
pub const PRINCIPAL: Table = Table {
    name: "bedrock_principal",
    doc: "A role or user that may do something with Bedrock, after boundaries and control policies; one of which it cannot be told is among them.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        text("principal_kind", "`role` or `user`.").from(IAM),
        flag("is_service_linked", "Is it a service-linked role?").from(IAM),
        flag("has_access", "May it do something with Bedrock? True, or unknown.").from(EFFECTIVE),
        flag("is_administrator", "Does it hold every action on every resource?").from(EFFECTIVE),
        flag("full_access", "Does it hold every Bedrock, Mantle or AgentCore action on every resource?").from(EFFECTIVE),
        text("full_access_on", "Prefix of those actions.").absent("''").from(EFFECTIVE),
        json("full_access_witness", "A request that shows it.").absent("null").from(EFFECTIVE),
        text("limited_by", "Boundary and control policies that narrow it.").absent("''").from(EFFECTIVE),
        flag("invokes", "May it invoke some model?").from(EFFECTIVE),
        list("granted_by", "Policies that let it.").from(EFFECTIVE),
        list("conditions", "Statements that let it only under a condition.").from(EFFECTIVE),
        list("inference_profiles", "Inference profiles by which it may.").from(PROFILES),
        list("inference_regions", "Regions in which calls by these profiles may run; `any` for global ones.").from(PROFILES),
        flag("invokes_from_anywhere", "May it do so without a VPC endpoint, from an address that no policy lists?").from(EFFECTIVE),
        json("invoke_witness", "A request that shows it.").absent("null").from(EFFECTIVE),
        flag("any_model", "May it invoke a model that nobody named?").from(EFFECTIVE),
        flag("model_family", "May it invoke a model by a wildcard in its name?").from(EFFECTIVE),
        list("models", "Models named that it may invoke.").from(EFFECTIVE),
        json("model_witness", "A request that shows it.").absent("null").from(EFFECTIVE),
        flag("bearer_token", "May a bearer key stand for it, on either kind of endpoint?").from(EFFECTIVE),
        text("bearer_token_on", "Prefixes of the actions that let it.").absent("''").from(EFFECTIVE),
        json("bearer_token_witness", "A request that shows it.").absent("null").from(EFFECTIVE),
        flag("trust_open", "May a caller that nobody named assume it? False for a user.").from(TRUST),
        text("trust_reason", "Which caller.").absent("''").from(TRUST),
        json("trust_witness", "The request that passes.").absent("null").from(TRUST),
        flag("assumed_by_managed_service", "Do only services assume it that call from their own network?").from(IAM),
    ],
    reads: &[],
    lists: IAM,
};

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
        flag("is_administrator", "Does it hold every action on every resource?").from(EFFECTIVE),
        flag("escalates", "Can it make itself an administrator?").from(EFFECTIVE),
        text("escalation", "How.").absent("''").from(EFFECTIVE),
        json("escalation_witness", "The request that shows it.").absent("null").from(EFFECTIVE),
        flag("doubles_as_execution_role", "Is it also the role that starts the containers?").from(services::ecs::TASK_DEFINITION.list()),
        list("environments", "Environments of the workloads.").from(workloads::TAGS),
        flag("spans_environments", "Does it serve production and something else?").from(workloads::TAGS),
        list("trusted_services", "Services that may assume it.").from(IAM),
        flag("several_services", "Are they more than one?").from(IAM),
        flag("services_and_people", "May services and people assume it?").from(IAM),
    ],
    reads: &[],
    lists: workloads::INPUTS,
};

/// Roles of agents.
pub const AGENT_ROLE: Table = Table {
    name: "agent_role",
    doc: "A role under which Bedrock Agents, knowledge bases, flows or AgentCore resources run.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        list("users", "What runs under it.").from(AGENTS),
        int("user_count", "How many.").from(AGENTS),
        flag("shared", "Are they two or more?").from(AGENTS),
    ],
    reads: &[],
    lists: AGENTS,
};

/// Services that call Bedrock from their own network, where no endpoint of a customer is.
const MANAGED: &[&str] = &[
    "bedrock.amazonaws.com",
    "bedrock-agentcore.amazonaws.com",
    "states.amazonaws.com",
    "apigateway.amazonaws.com",
    "events.amazonaws.com",
    "scheduler.amazonaws.com",
    "pipes.amazonaws.com",
    "appsync.amazonaws.com",
    "connect.amazonaws.com",
    "lex.amazonaws.com",
    "qbusiness.amazonaws.com",
];

/// Who may assume a role.
struct Trust {
    services: BTreeSet<String>,
    people: bool,
    federated: bool,
    accounts: BTreeSet<String>,
}

fn trust_of(row: Row<'_>) -> Observed<Trust> {
    row.json("assume_role_policy")
        .and_then(|json| match Document::parse("trust policy", &json) {
            Ok(document) => Known(document),
            Err(why) => Observed::gap(Gap::not_understood("iam_role.assume_role_policy", why.to_string())),
        })
        .map(|document| {
            let mut trust = Trust { services: BTreeSet::new(), people: false, federated: false, accounts: BTreeSet::new() };
            for pattern in document
                .statements
                .iter()
                .filter(|statement| statement.effect == Effect::Allow)
                .flat_map(|statement| &statement.principals)
                .flat_map(|patterns| &patterns.all)
            {
                match pattern {
                    // Functions at the edge are functions: one service.
                    PrincipalPattern::Service(name) => {
                        trust.services.insert(name.replace("edgelambda.", "lambda."));
                    }
                    PrincipalPattern::Anyone => trust.people = true,
                    PrincipalPattern::Account(account) => {
                        trust.people = true;
                        trust.accounts.insert(account.clone());
                    }
                    PrincipalPattern::Arn(arn) => {
                        trust.people = true;
                        trust.accounts.extend(Arn::parse(arn).map(|arn| arn.account.to_owned()));
                    }
                    PrincipalPattern::Federated(name) => {
                        trust.people |= name.contains(":saml-provider/");
                        trust.federated = true;
                    }
                    PrincipalPattern::Canonical(_) => trust.people = true,
                    // It matches nobody.
                    PrincipalPattern::Deleted(_) => {}
                }
            }
            trust
        })
}

pub(crate) fn derive_principals(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, _) in facts.settings.scopes(&PRINCIPAL) {
        for (table, kind, resource_type) in [("iam_role", "role", "AWS::IAM::Role"), ("iam_user", "user", "AWS::IAM::User")] {
            let found = facts.world.all(table, &account, GLOBAL);
            sink.hide(&account, GLOBAL, found.gaps);
            for principal in found.rows {
                principal_row(facts, sink, principal, kind, resource_type);
            }
        }
    }
}

fn principal_row<'w>(facts: &Facts<'w>, sink: &mut Sink<'_>, principal: Row<'w>, kind: &'static str, resource_type: &str) {
    let access = facts.principals.of(principal);
    let nothing = matches!((&access.full, &access.invokes, access.families.any()), (Known(None), Known(None), Known(false))) && access.bearer == Known(None);
    if nothing {
        return;
    }
    let account = principal.account();
    let linked = if kind == "role" { principal.text("path").map(|path| path.starts_with("/aws-service-role/")) } else { Known(false) };
    let managed = if kind == "role" {
        trust_of(principal).map(|trust| {
            !trust.people && !trust.federated && !trust.services.is_empty() && trust.services.iter().all(|service| MANAGED.contains(&service.as_str()))
        })
    } else {
        Known(false)
    };
    let witness = |found: &Observed<Option<Json>>| found.clone().known().flatten().unwrap_or(Json::Null);
    let mut row = sink.row(account, GLOBAL, principal.key(), resource_type);
    row.set("name", principal.text("name")).tagged(facts.settings, account, principal.tags());
    let some = Observed::any([
        access.full.clone().map(|found| found.is_some()),
        access.invokes.clone().map(|found| found.is_some()),
        access.families.any(),
        access.bearer.clone().map(|found| found.is_some()),
    ]);
    row.put("principal_kind", kind)
        .set("has_access", some)
        .set("is_service_linked", linked)
        .set("is_administrator", access.administrator.clone())
        .set("full_access", access.full.clone().map(|found| found.is_some()))
        .set("full_access_on", access.full.clone().map(|found| found.map_or("", |(prefix, _)| prefix)))
        .put("full_access_witness", witness(&access.full.clone().map(|found| found.map(|(_, request)| request))))
        .put("limited_by", access.limited_by.as_str())
        .set("invokes", access.invokes.clone().map(|found| found.is_some()))
        .set("granted_by", access.granted.clone().map(|(by, _)| by))
        .set("conditions", access.granted.clone().map(|(_, conditions)| conditions))
        .set("inference_profiles", access.profiles.clone().map(|profiles| profiles.into_keys().collect::<Vec<_>>()))
        .set(
            "inference_regions",
            access.profiles.clone().map(|profiles| profiles.into_values().flatten().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()),
        )
        .set("invokes_from_anywhere", access.anywhere.clone().map(|found| found.is_some()))
        .put("invoke_witness", witness(&access.anywhere))
        .set("assumed_by_managed_service", managed);
    let (any, family, named) = match access.models.clone() {
        Known(models) => (models.any, models.family, models.named),
        Unknown(gaps) => (Unknown(gaps.clone()), Unknown(gaps.clone()), Unknown(gaps)),
    };
    let model = witness(&any);
    row.put("model_witness", if model.is_null() { witness(&family) } else { model })
        .set("any_model", any.map(|found| found.is_some()))
        .set("model_family", family.map(|found| found.is_some()))
        .set("models", named)
        .set("bearer_token", access.bearer.clone().map(|found| found.is_some()))
        .set("bearer_token_on", access.bearer.clone().map(|found| found.map_or(String::new(), |(on, _)| on)))
        .put("bearer_token_witness", witness(&access.bearer.clone().map(|found| found.map(|(_, request)| request))));
    let open = if kind == "role" { openness(facts, principal) } else { Known(None) };
    row.set("trust_open", open.clone().map(|found| found.is_some()))
        .set("trust_reason", open.clone().map(|found| found.map_or(String::new(), |(reason, _)| reason)))
        .put("trust_witness", witness(&open.map(|found| found.map(|(_, request)| request))));
    sink.push(row);
}

/// A caller that nobody named and that may assume the role.
fn openness(facts: &Facts<'_>, role: Row<'_>) -> Observed<Option<(String, Json)>> {
    let document = role.json("assume_role_policy").and_then(|json| match Document::parse("trust policy", &json) {
        Ok(document) => Known(document),
        Err(why) => Observed::gap(Gap::not_understood("iam_role.assume_role_policy", why.to_string())),
    });
    document.and_then(|document| {
        let is_ours = trusted(facts.world, role.account());
        let organizations = trusted_organizations(facts.world, role.account());
        let gaps = std::cell::RefCell::new(Vec::new());
        let answer = trust::openness(role.key(), &document, organizations.as_deref(), &|account| match is_ours(account) {
            Known(known) => Some(known),
            Unknown(more) => {
                gaps.borrow_mut().extend(more);
                None
            }
        });
        match answer {
            trust::Openness::Open(reason, witness) => Known(Some((reason, witness))),
            trust::Openness::Closed => Known(None),
            trust::Openness::Unknown(why) => {
                let gaps = merge(Vec::new(), gaps.into_inner());
                Unknown(if gaps.is_empty() { why.into_iter().map(|why| Gap::of_policy("iam_role.assume_role_policy", why)).collect() } else { gaps })
            }
        }
    })
}

/// True for two or more; unknown for fewer where more may be unseen.
fn two_or_more(count: usize, gaps: &[Gap]) -> Observed<bool> {
    match count {
        2.. => Known(true),
        _ if gaps.is_empty() => Known(false),
        _ => Unknown(gaps.to_vec()),
    }
}

fn lower_bound(count: usize, gaps: &[Gap]) -> Observed<i64> {
    if gaps.is_empty() { Known(i64::try_from(count).unwrap_or(i64::MAX)) } else { Unknown(gaps.to_vec()) }
}

pub(crate) fn derive_role_use(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let callers = facts.workloads.all();
    for (account, _) in facts.settings.scopes(&ROLE_USE) {
        let mut gaps: Vec<Gap> = facts.settings.unscanned(&account);
        for region in &facts.world.run.regions {
            gaps = merge(gaps, callers.gaps.get(&(account.clone(), region.clone())).cloned().unwrap_or_default());
        }
        let mut uses: BTreeMap<&str, Vec<&Workload<'_>>> = BTreeMap::new();
        for workload in callers.all.iter().filter(|workload| workload.account == account) {
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
            let outside = |gap: &&Gap| !(facts.world.is_new(role) && gap.reason == crate::model::Reason::NotInFile);
            let gaps: Vec<Gap> = gaps.iter().filter(outside).cloned().collect();
            role_row(facts, sink, &account, role, &workloads, &gaps);
        }
    }
}

fn role_row(facts: &Facts<'_>, sink: &mut Sink<'_>, account: &str, role: &str, workloads: &[&Workload<'_>], gaps: &[Gap]) {
    let tag = facts.settings.text("workload_tag", "");
    // Resources with equal values of the workload tag are one workload.
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut tag_gaps: Vec<Gap> = Vec::new();
    for workload in workloads {
        match &workload.tags {
            Known(tags) => {
                names.insert(tags.get(&tag).filter(|_| !tag.is_empty()).map_or_else(|| workload.arn.clone(), |value| format!("tag:{value}")));
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
        _ => Observed::gap(Gap::not_understood("iam_role", format!("the role `{role}` does not exist"))),
    };
    let genai =
        facts.principals.role(role).and_then(|access| access.families.any()).or(Observed::any(workloads.iter().map(|workload| workload.names_model.clone())));
    let (environments, spans) = environments(facts, account, workloads, &trusted, gaps);
    let tags = match iam {
        Some(Lookup::Found(row)) => row.tags(),
        _ => Known(BTreeMap::new()),
    };
    let doubles = Observed::any(workloads.iter().map(|workload| workload.execution_roles.clone().map(|roles| roles.contains(role))));
    let mut row = sink.row(account, GLOBAL, role, "AWS::IAM::Role");
    row.put("name", Arn::parse(role).map_or(role, |arn| arn.name())).tagged(facts.settings, account, tags);
    row.put("workloads", workloads.iter().map(|workload| workload.arn.clone()).collect::<Vec<_>>())
        .set("workload_count", lower_bound(names.len(), &all_gaps))
        .set("shared", two_or_more(names.len(), &all_gaps))
        .set("genai", genai)
        .set("is_administrator", facts.principals.role(role).and_then(|access| access.administrator.clone()))
        .set("doubles_as_execution_role", doubles)
        .set("environments", environments)
        .set("spans_environments", spans)
        .set("trusted_services", trusted_ref(&trusted, |trust| trust.services.iter().cloned().collect::<Vec<_>>()))
        .set("several_services", trusted_ref(&trusted, |trust| several(&trust.services)))
        .set("services_and_people", trusted_ref(&trusted, |trust| trust.people && !trust.services.is_empty()));
    let way = facts.principals.role(role).and_then(|access| access.escalation());
    row.put("escalation_witness", way.clone().known().flatten().map_or(Json::Null, |(_, request)| request))
        .set("escalates", way.clone().map(|way| way.is_some()))
        .set("escalation", way.map(|way| way.map_or(String::new(), |(how, _)| how)));
    sink.push(row);
}

fn trusted_ref<T>(trust: &Observed<Trust>, of: impl FnOnce(&Trust) -> T) -> Observed<T> {
    match trust {
        Known(trust) => Known(of(trust)),
        Unknown(gaps) => Unknown(gaps.clone()),
    }
}

/// More than one service; the pair that Marketplace models need is one.
fn several(services: &BTreeSet<String>) -> bool {
    let pair = ["bedrock.amazonaws.com", "sagemaker.amazonaws.com"];
    services.len() > 1 && !(services.len() == 2 && pair.iter().all(|service| services.contains(*service)))
}

/// Environments of the workloads of a role and of the accounts that may assume it.
fn environments(
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
        Known(trust) => {
            seen.extend(trust.accounts.iter().filter_map(|id| facts.world.run.account(id)).map(|info| info.environment.clone()).filter(|name| !name.is_empty()))
        }
        Unknown(more) => unclear = merge(unclear, more.clone()),
    }
    let spans = seen.iter().any(|name| facts.settings.is_production(name)) && seen.iter().any(|name| !facts.settings.is_production(name));
    let known = if unclear.is_empty() { Known(seen.into_iter().collect()) } else { Unknown(unclear.clone()) };
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

/// What runs under a role.
pub(crate) type Users = BTreeMap<String, BTreeSet<String>>;

/// The roles of agents of an account, by their users, and what may hide more.
pub(crate) fn agent_roles(facts: &Facts<'_>, account: &str) -> (Users, Vec<Gap>) {
    const TABLES: &[&str] =
        &["bedrock_agent", "bedrock_knowledge_base", "bedrock_flow", "bedrock_agentcore_runtime", "bedrock_agentcore_gateway", "bedrock_agentcore_memory"];
    let mut gaps: Vec<Gap> = facts.settings.unscanned(account);
    let mut uses = Users::new();
    for region in &facts.world.run.regions {
        for table in TABLES {
            let found = facts.world.all(table, account, region);
            gaps = merge(gaps, found.gaps);
            for row in found.rows {
                let mut roles = row.text("role_arn").map(|role| vec![role.to_owned()]);
                if *table == "bedrock_agent" {
                    roles = roles.zip(row.list("version_role_arns")).map(|(draft, versions)| [draft, versions].concat());
                }
                match roles {
                    Known(roles) => {
                        for role in roles.into_iter().filter(|role| !role.is_empty()) {
                            uses.entry(role).or_default().insert(row.key().to_owned());
                        }
                    }
                    Unknown(more) => gaps = merge(gaps, more),
                }
            }
        }
    }
    (uses, gaps)
}

pub(crate) fn derive_agent_roles(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, _) in facts.settings.scopes(&AGENT_ROLE) {
        let (uses, gaps) = agent_roles(facts, &account);
        sink.hide(&account, GLOBAL, gaps.clone());
        for (role, users) in uses {
            let mut row = sink.row(&account, GLOBAL, role.as_str(), "AWS::IAM::Role");
            row.put("name", Arn::parse(&role).map_or(role.as_str(), |arn| arn.name())).tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("user_count", lower_bound(users.len(), &gaps))
                .set("shared", two_or_more(users.len(), &gaps))
                .put("users", users.into_iter().collect::<Vec<_>>());
            sink.push(row);
        }
    }
}
