//! Facts from facts: pure functions from collected tables to subjects, the rows that rules judge.
//!
//! Invariants: no network, no clock, no environment; whether something is absent is asked of
//! [`World::lookup`] and [`World::children`]; every unknown cell carries its gaps; a subject that
//! may exist unseen is said by hiding its scope.

mod access;
mod accounts;
mod api_keys;
mod callers;
mod compute;
mod data_keys;
mod dependencies;
mod endpoints;
mod environment;
mod escalation;
mod exits;
mod guard;
mod identity;
mod interfaces;
mod keys;
mod logs;
pub mod needs;
mod network;
mod observations;
mod organization;
mod paths;
mod placement;
pub mod policy;
mod prompts;
mod queries;
pub mod reach;
mod sagemaker;
mod served;
mod statements;
mod stores;
mod topology;
mod trust;
mod vectors;
mod ways;
pub mod who_can;

pub use network::trace;

use crate::inventory::{Error, NewRow, Span, Store, Table, World};
use crate::model::{GLOBAL, Gap, Observed, Value, merge};
use serde_json::Value as Json;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// A table of things to judge, and how its rows come about.
#[derive(Clone, Copy)]
pub struct Subject {
    /// Its declaration.
    pub table: &'static Table,
    derive: fn(&Context<'_>, &mut Sink<'_>),
}

/// Every subject.
pub const SUBJECTS: &[Subject] = &[
    Subject { table: &paths::PATH, derive: paths::derive_paths },
    Subject { table: &paths::VPC_FAMILY, derive: paths::derive_vpc_families },
    Subject { table: &placement::WORKLOAD_PLACEMENT, derive: placement::derive_placements },
    Subject { table: &dependencies::VPC_DEPENDENCY, derive: dependencies::derive },
    Subject { table: &exits::PROMPT_EXIT, derive: exits::derive },
    Subject { table: &vectors::VECTOR_COLLECTION, derive: vectors::derive },
    Subject { table: &stores::VECTOR_STORE, derive: stores::derive },
    Subject { table: &queries::VECTOR_QUERY, derive: queries::derive },
    Subject { table: &sagemaker::SAGEMAKER_NETWORK, derive: sagemaker::derive },
    Subject { table: &observations::OBSERVED, derive: observations::derive },
    Subject { table: &endpoints::BEDROCK_ENDPOINT, derive: endpoints::derive_bedrock },
    Subject { table: &endpoints::DEPENDENCY_ENDPOINT, derive: endpoints::derive_dependencies },
    Subject { table: &identity::PRINCIPAL, derive: identity::derive_principals },
    Subject { table: &api_keys::BEDROCK_API_KEY, derive: api_keys::derive },
    Subject { table: &identity::ROLE_USE, derive: identity::derive_role_use },
    Subject { table: &identity::AGENT_ROLE, derive: identity::derive_agent_roles },
    Subject { table: &logs::INFERENCE_LOG_GROUP, derive: logs::derive_groups },
    Subject { table: &logs::INFERENCE_LOG_BUCKET, derive: logs::derive_buckets },
    Subject { table: &logs::WORKLOAD_LOG_GROUP, derive: logs::derive_workload_groups },
    Subject { table: &prompts::PROMPT_STORE, derive: prompts::derive },
    Subject { table: &data_keys::DATA_KEY, derive: data_keys::derive },
    Subject { table: &environment::VARIABLE, derive: environment::derive },
    Subject { table: &topology::CORPUS_BUCKET, derive: topology::derive_corpus },
    Subject { table: &accounts::PLACEMENT, derive: accounts::derive },
    Subject { table: &statements::POLICY_STATEMENT, derive: statements::derive },
    Subject { table: &topology::DEPLOY_PIPELINE, derive: topology::derive_pipelines },
];

/// Collected and derived tables, in the order of the documentation.
pub fn tables() -> Vec<&'static Table> {
    crate::services::TABLES.iter().copied().chain(SUBJECTS.iter().map(|subject| subject.table)).collect()
}

/// Do verdicts on the subject rest on what AWS publishes of its actions and resources ([`policy::authorization`])?
pub fn rests_on_published_data(subject: &str) -> bool {
    const TABLES: &[&Table] = &[
        &paths::PATH,
        &dependencies::VPC_DEPENDENCY,
        &exits::PROMPT_EXIT,
        &queries::VECTOR_QUERY,
        &endpoints::BEDROCK_ENDPOINT,
        &endpoints::DEPENDENCY_ENDPOINT,
        &identity::PRINCIPAL,
        &identity::ROLE_USE,
        &api_keys::BEDROCK_API_KEY,
        &data_keys::DATA_KEY,
    ];
    TABLES.iter().any(|table| table.name == subject)
}

/// What derivations share.
pub struct Context<'w> {
    /// The collected rows.
    pub world: &'w World,
    callers: OnceCell<callers::Callers<'w>>,
    access: access::Cache<'w>,
    ways: ways::Memo,
}

impl<'w> Context<'w> {
    fn new(world: &'w World) -> Self {
        Self { world, callers: OnceCell::new(), access: access::Cache::default(), ways: ways::Memo::default() }
    }

    fn callers(&self) -> &callers::Callers<'w> {
        self.callers.get_or_init(|| callers::find(self))
    }

    /// A parameter that is a list of texts; empty when not set.
    fn list(&self, name: &str) -> Vec<String> {
        self.world
            .run
            .parameters
            .get(name)
            .and_then(Json::as_array)
            .map_or_else(Vec::new, |all| all.iter().filter_map(Json::as_str).map(str::to_owned).collect())
    }

    /// A parameter that is a text.
    fn text(&self, name: &str, default: &str) -> String {
        self.world.run.parameters.get(name).and_then(Json::as_str).unwrap_or(default).to_owned()
    }

    /// Regions that are enabled in an account and outside this run: what belongs to the whole account may lie there.
    fn unscanned(&self, account: &str) -> Vec<Gap> {
        let regions = self.world.run.unscanned_regions.get(account).map(|regions| regions.join(", ")).unwrap_or_default();
        if regions.is_empty() {
            return Vec::new();
        }
        vec![Gap {
            fact: "run.regions".to_owned(),
            operation: String::new(),
            action: String::new(),
            reason: crate::model::Reason::NotScanned,
            detail: format!("{account}: these enabled Regions are not in this run: {regions}"),
        }]
    }

    /// False, unless an enabled Region outside this run may hold something.
    fn nowhere_else(&self, account: &str) -> Observed<bool> {
        let gaps = self.unscanned(account);
        if gaps.is_empty() { Observed::Known(false) } else { Observed::Unknown(gaps) }
    }

    /// The environment of a resource: what the configuration says of its account, else its tag; known to be absent when it has none.
    fn environment(&self, account: &str, tags: &Observed<BTreeMap<String, String>>) -> Observed<String> {
        if let Some(info) = self.world.run.account(account).filter(|info| !info.environment.is_empty()) {
            return Observed::Known(info.environment.clone());
        }
        let tag = self.text("environment_tag", "Environment");
        tags.clone().map(|tags| tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(&tag)).map_or_else(String::new, |(_, value)| value.clone()))
    }

    /// Is this the name of a production environment?
    fn is_production(&self, environment: &str) -> bool {
        let mut values = self.list("production_values");
        if values.is_empty() {
            values = ["prod", "production", "prd"].map(str::to_owned).to_vec();
        }
        values.iter().any(|value| value.eq_ignore_ascii_case(environment))
    }

    /// Every scope in which a subject has its place.
    fn scopes(&self, table: &Table) -> Vec<(String, String)> {
        self.world
            .run
            .scopes()
            .filter(|(_, region)| (*region == GLOBAL) == (table.span == Span::Global))
            .map(|(account, region)| (account.to_owned(), region.to_owned()))
            .collect()
    }
}

/// A derived row in the making.
pub struct DerivedRow {
    row: NewRow,
    gaps: Vec<(&'static str, Vec<Gap>)>,
}

impl DerivedRow {
    /// Sets a cell that is known.
    pub fn put(&mut self, column: &'static str, value: impl Into<Value>) -> &mut Self {
        self.row.put(column, value);
        self
    }

    /// Sets a cell, or notes what hides it.
    pub fn set<T: Into<Value>>(&mut self, column: &'static str, value: Observed<T>) -> &mut Self {
        match value {
            Observed::Known(value) => self.row.put(column, value),
            Observed::Unknown(gaps) => {
                self.row.put(column, Value::Null);
                self.gaps.push((column, gaps));
            }
        }
        self
    }

    /// Sets tags and environment.
    fn tagged(&mut self, context: &Context<'_>, account: &str, tags: Observed<BTreeMap<String, String>>) -> &mut Self {
        self.set("environment", context.environment(account, &tags));
        self.set("tags", tags.map(|tags| Value::from(serde_json::json!(tags))))
    }
}

/// Where derived rows go.
pub struct Sink<'s> {
    store: &'s Store,
    table: &'static Table,
    hidden: BTreeMap<(String, String), Vec<Gap>>,
    error: Option<Error>,
}

impl Sink<'_> {
    /// Begins a row.
    pub fn row(&self, account: &str, region: &str, resource: impl Into<String>, resource_type: &str) -> DerivedRow {
        let row = NewRow::new(self.table.name, account, self.table.region(region))
            .set("resource", resource.into())
            .set("resource_type", resource_type)
            .set("part", "")
            .set("name", "");
        DerivedRow { row, gaps: Vec::new() }
    }

    /// Keeps a row.
    pub fn push(&mut self, row: DerivedRow) {
        if self.error.is_none()
            && let Err(error) = self.store.insert_derived(self.table, &row.row, &row.gaps)
        {
            self.error = Some(error);
        }
    }

    /// Says that a scope may hold subjects that were not seen.
    pub fn hide(&mut self, account: &str, region: &str, gaps: Vec<Gap>) {
        if gaps.is_empty() {
            return;
        }
        let known = self.hidden.entry((account.to_owned(), self.table.region(region).to_owned())).or_default();
        *known = merge(std::mem::take(known), gaps);
    }
}

/// Derives every subject of a run anew.
///
/// # Errors
/// When the run file cannot be read or written.
pub fn derive(store: &Store) -> Result<(), Error> {
    let world = World::load(store)?;
    derive_from(store, &world)
}

/// Derives every subject from rows that are loaded already.
///
/// # Errors
/// When the run file cannot be written.
pub fn derive_from(store: &Store, world: &World) -> Result<(), Error> {
    let context = Context::new(world);
    store.conn.execute_batch("BEGIN; DELETE FROM gap; DELETE FROM subject_scope; DELETE FROM result; DELETE FROM judged;")?;
    for subject in SUBJECTS {
        store.conn.execute(&format!("DELETE FROM {}", crate::inventory::quoted(subject.table.name)), [])?;
        derive_one(store, &context, subject)?;
    }
    store.conn.execute_batch("COMMIT;")?;
    Ok(())
}

fn derive_one(store: &Store, context: &Context<'_>, subject: &Subject) -> Result<(), Error> {
    let mut sink = Sink { store, table: subject.table, hidden: BTreeMap::new(), error: None };
    (subject.derive)(context, &mut sink);
    if let Some(error) = sink.error {
        return Err(error);
    }
    for (account, region) in context.scopes(subject.table) {
        sink.hidden.entry((account, region)).or_default();
    }
    for ((account, region), mut gaps) in sink.hidden {
        gaps.sort();
        let text = serde_json::to_string(&gaps).unwrap_or_default();
        store.conn.prepare_cached("INSERT INTO subject_scope VALUES (?1, ?2, ?3, ?4)")?.execute([subject.table.name, &account, &region, &text])?;
    }
    Ok(())
}
