//! Facts from facts: pure functions from collected tables to subjects, the rows that rules judge.
//!
//! Invariants: no network, no clock, no environment; whether something is absent is asked of
//! [`World::lookup`] and [`World::children`]; every unknown cell carries its gaps; a subject that
//! may exist unseen is said by hiding its scope.

pub(crate) mod accounts;
pub(crate) mod data;
pub(crate) mod encryption;
pub(crate) mod guardrails;
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
    /// Do its facts rest on what AWS publishes of its actions and resources?
    rests_on_published_data: bool,
}

/// The subjects of every pillar.
const PILLARS: &[&[Subject]] = &[
    network::SUBJECTS,
    identity::SUBJECTS,
    logging::SUBJECTS,
    encryption::SUBJECTS,
    secrets::SUBJECTS,
    accounts::SUBJECTS,
    data::SUBJECTS,
    guardrails::SUBJECTS,
];

/// Every subject.
pub fn subjects() -> impl Iterator<Item = &'static Subject> {
    PILLARS.iter().flat_map(|subjects| subjects.iter())
}

/// Collected and derived tables, in the order of the documentation.
pub fn tables() -> Vec<&'static Table> {
    crate::services::tables()
        .chain(subjects().map(|subject| subject.table))
        .collect()
}

/// Do verdicts on the subject rest on what AWS publishes of its actions and resources ([`crate::policy::authorization`])?
pub fn rests_on_published_data(name: &str) -> bool {
    subjects().any(|subject| subject.table.name == name && subject.rests_on_published_data)
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
    write(store, world, |_| true)
}

/// Derives the subjects of some rules alone, from nothing but what their columns are made of.
///
/// `wanted` gives subject and column names.
///
/// # Errors
/// When the run file cannot be read or written.
pub fn derive_for(store: &Store, wanted: &[(&str, Vec<&str>)]) -> Result<(), Error> {
    let inputs = needs::readings(wanted.iter().cloned());
    let world = World::load_where(store, |table| inputs.contains(&(table.name, "list")))?;
    write(store, &world, |subject| {
        wanted.iter().any(|(name, _)| *name == subject.table.name)
    })
}

fn write(store: &Store, world: &World, wanted: impl Fn(&Subject) -> bool) -> Result<(), Error> {
    let facts = Facts::new(world);
    store.begin_subjects()?;
    for subject in subjects() {
        store.empty(subject.table)?;
        if wanted(subject) {
            let mut sink = Sink::new(store, subject.table);
            (subject.derive)(&facts, &mut sink);
            sink.finish(facts.settings, world.undeclared())?;
        }
    }
    store.end_subjects()
}
