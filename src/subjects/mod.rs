//! Facts from facts: pure functions from collected tables to subjects, the rows that rules judge.
//!
//! Invariants: no network, no clock, no environment; whether something is absent is asked of
//! [`World::lookup`] and [`World::children`]; every unknown cell carries its gaps; a subject that
//! may exist unseen is said by hiding its scope.

pub(crate) mod accounts;
pub(crate) mod encryption;
pub(crate) mod identity;
pub(crate) mod logging;
pub mod needs;
pub(crate) mod network;
pub(crate) mod secrets;

use crate::access::Principals;
use crate::derive::{Settings, Sink};
use crate::inventory::{Error, Store, Table, World};
use crate::paths::Paths;
use crate::workloads::Workloads;
use std::rc::Rc;

/// A table of things to judge, and how its rows come about.
#[derive(Clone, Copy)]
pub struct Subject {
    /// Its declaration.
    pub table: &'static Table,
    derive: fn(&Facts<'_>, &mut Sink<'_>),
}

/// Every subject.
pub const SUBJECTS: &[Subject] = &[
    Subject { table: &network::paths::PATH, derive: network::paths::derive_paths },
    Subject { table: &network::paths::VPC_FAMILY, derive: network::paths::derive_vpc_families },
    Subject { table: &network::placement::WORKLOAD_PLACEMENT, derive: network::placement::derive_placements },
    Subject { table: &network::dependencies::VPC_DEPENDENCY, derive: network::dependencies::derive },
    Subject { table: &network::exits::PROMPT_EXIT, derive: network::exits::derive },
    Subject { table: &network::vectors::VECTOR_COLLECTION, derive: network::vectors::derive },
    Subject { table: &network::stores::VECTOR_STORE, derive: network::stores::derive },
    Subject { table: &network::queries::VECTOR_QUERY, derive: network::queries::derive },
    Subject { table: &network::sagemaker::SAGEMAKER_NETWORK, derive: network::sagemaker::derive },
    Subject { table: &network::observations::OBSERVED, derive: network::observations::derive },
    Subject { table: &network::endpoints::BEDROCK_ENDPOINT, derive: network::endpoints::derive_bedrock },
    Subject { table: &network::endpoints::DEPENDENCY_ENDPOINT, derive: network::endpoints::derive_dependencies },
    Subject { table: &identity::identity::PRINCIPAL, derive: identity::identity::derive_principals },
    Subject { table: &identity::api_keys::BEDROCK_API_KEY, derive: identity::api_keys::derive },
    Subject { table: &identity::identity::ROLE_USE, derive: identity::identity::derive_role_use },
    Subject { table: &identity::identity::AGENT_ROLE, derive: identity::identity::derive_agent_roles },
    Subject { table: &logging::logs::INFERENCE_LOG_GROUP, derive: logging::logs::derive_groups },
    Subject { table: &logging::logs::INFERENCE_LOG_BUCKET, derive: logging::logs::derive_buckets },
    Subject { table: &logging::logs::WORKLOAD_LOG_GROUP, derive: logging::logs::derive_workload_groups },
    Subject { table: &logging::prompts::PROMPT_STORE, derive: logging::prompts::derive },
    Subject { table: &encryption::data_keys::DATA_KEY, derive: encryption::data_keys::derive },
    Subject { table: &secrets::environment::VARIABLE, derive: secrets::environment::derive },
    Subject { table: &accounts::topology::CORPUS_BUCKET, derive: accounts::topology::derive_corpus },
    Subject { table: &accounts::placement::PLACEMENT, derive: accounts::placement::derive },
    Subject { table: &identity::statements::POLICY_STATEMENT, derive: identity::statements::derive },
    Subject { table: &accounts::topology::DEPLOY_PIPELINE, derive: accounts::topology::derive_pipelines },
];

/// Collected and derived tables, in the order of the documentation.
pub fn tables() -> Vec<&'static Table> {
    crate::services::TABLES.iter().copied().chain(SUBJECTS.iter().map(|subject| subject.table)).collect()
}

/// Do verdicts on the subject rest on what AWS publishes of its actions and resources ([`policy::authorization`])?
pub fn rests_on_published_data(subject: &str) -> bool {
    const TABLES: &[&Table] = &[
        &network::paths::PATH,
        &network::dependencies::VPC_DEPENDENCY,
        &network::exits::PROMPT_EXIT,
        &network::queries::VECTOR_QUERY,
        &network::endpoints::BEDROCK_ENDPOINT,
        &network::endpoints::DEPENDENCY_ENDPOINT,
        &identity::identity::PRINCIPAL,
        &identity::identity::ROLE_USE,
        &identity::api_keys::BEDROCK_API_KEY,
        &encryption::data_keys::DATA_KEY,
    ];
    TABLES.iter().any(|table| table.name == subject)
}

/// What derivations share: the collected rows, the settings, and the engines over them.
pub struct Facts<'w> {
    /// The collected rows.
    pub(crate) world: &'w World,
    /// Parameters of the rules and the configuration.
    pub(crate) settings: Settings<'w>,
    pub(crate) principals: Rc<Principals<'w>>,
    pub(crate) workloads: Workloads<'w>,
    pub(crate) paths: Paths<'w>,
}

impl<'w> Facts<'w> {
    fn new(world: &'w World) -> Self {
        let principals = Rc::new(Principals::new(world));
        Self {
            world,
            settings: Settings::of(&world.run),
            workloads: Workloads::new(Rc::clone(&principals)),
            paths: Paths::new(Rc::clone(&principals)),
            principals,
        }
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
    let facts = Facts::new(world);
    store.begin_subjects()?;
    for subject in SUBJECTS {
        store.empty(subject.table)?;
        let mut sink = Sink::new(store, subject.table);
        (subject.derive)(&facts, &mut sink);
        sink.finish(facts.settings)?;
    }
    store.end_subjects()
}
