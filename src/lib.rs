//! Outcrop finds where a company's Amazon Bedrock stack is exposed, and proves what it says.
//!
//! # How data flows
//!
//! ```text
//! live AWS ---------\
//! inventory folder --+-> inventory --> reasoning --> rules --> results --> reports
//! run file ----------+   (SQLite:      (subjects     (YAML +   (pass, fail,
//! plan, template ---/     rows +        from tables,  SQL)      unknown, n/a)
//!                         coverage)     rows again)
//! ```
//!
//! Data flows in one direction. Judging is pure: no network, no clock (the time of judgement is the run's),
//! no environment.
//!
//! # Rooms
//!
//! A room uses only the rooms above it in this list, and a test holds that. Each engine ([`access::Principals`],
//! `Workloads`, `Paths`) owns what it has worked out and borrows the engine below.
//!
//! | room | holds |
//! | --- | --- |
//! | [`model`] | the nouns: ARNs, [`model::Observed`] facts, gaps, verdicts, the outcome |
//! | [`inventory`] | the run file, table declarations, coverage, and the two questions [`inventory::World::lookup`] and [`inventory::World::children`] |
//! | [`secrets`] | detectors over values in memory |
//! | [`services`] | one file for each AWS service: its tables, the calls that fill them, and how plans and templates spell them ([`services::declared`]) |
//! | [`sources`] | where rows come from: AWS accounts, inventory folders, plans and templates; [`sources::overlay`] lays the latter over a run |
//! | [`policy`] | the policy reasoner: parse, decide one request, decide over all requests |
//! | [`mod@derive`] | what derivations share: parameters, and rows in the making |
//! | [`access`] | what roles and users may do, and who may do something |
//! | [`network`] | layer 3 inside AWS: names, routes, filters, transit |
//! | [`workloads`] | who calls Bedrock: one file for each kind of compute |
//! | [`paths`] | the path of a call, hop by hop, and what endpoints let through |
//! | [`subjects`] | what rules judge, derived from tables: one folder for each pillar |
//! | [`engine`] | rules: read, checked, compiled to SQL, judged; exceptions; results read back |
//! | [`judge`] | judging as such: variants, overlays, baselines, comparisons, the gate |
//! | [`remedy`] | changes on this estate, and the proof that they work |
//! | [`report`] | formats, one file each |
//! | [`evidence`] | packages that another party checks and judges again |
//! | `export` | runs as Parquet files (feature `parquet`) |
//! | [`handoff`] | what a customer's team takes over: sections, owners, the acceptance sheet |
//! | [`cli`] | one file for each sub-command |
//!
//! # Invariants
//!
//! **Architecture Invariant:** NULL is "not observed". What is known to be absent has a value. A
//! predicate over NULL is NULL, and NULL is the verdict `unknown`.
//!
//! **Architecture Invariant:** whether something is absent is decided in [`inventory::World`] and
//! nowhere else; reasoning that cannot see says which call would have shown it.
//!
//! **Architecture Invariant:** a cell has the shape of its column ([`inventory::shape`]) or is not observed;
//! no reasoning meets a word that it does not know or a list with a member missing.
//!
//! **Architecture Invariant:** a rule is one expression over one subject. If it cannot be said so, the
//! missing fact becomes a column of the subject, never a rule in Rust.
//!
//! **Architecture Invariant:** what a rule reads decides what is asked of AWS: rule, subject columns,
//! the inputs that each column declares, API operations, IAM actions ([`subjects::needs`]).
//!
//! **Architecture Invariant:** AWS SDK types never leave [`services`] and `sources::live`; values of
//! environment variables never leave [`services::environment`].
//!
//! # Where the code differs from the first drawing
//!
//! - Parameters that shape a fact (`trusted_accounts`, `environment_tag`, ...) are read while deriving,
//!   because a fact of a subject can depend on them; they are stored with the run, so judging stays pure.
//! - Results are kept as (rule, row, verdict): message and evidence are filled in from the subject's row
//!   when they are read back, so ten million results stay small and nothing is stored twice.
//! - A known absence that a table cannot hold as a row (no logging, no organisation) is a row of empty values.

pub mod access;
pub mod cli;
pub mod derive;
pub mod engine;
pub mod evidence;
#[cfg(feature = "parquet")]
pub mod export;
pub mod handoff;
pub mod inventory;
pub mod judge;
pub mod model;
pub mod network;
pub mod onward;
pub mod paths;
pub mod policy;
pub mod remedy;
pub mod report;
pub mod secrets;
pub mod services;
pub mod sources;
pub mod subjects;
pub mod workloads;
