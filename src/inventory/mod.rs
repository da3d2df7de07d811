//! The inventory: one SQLite file for a run, and the view of it that reasoning works on.
//!
//! Invariants: NULL is "not observed", always; rows and the coverage of their collection are
//! committed together; whether something is absent is decided in [`World::lookup`] and
//! [`World::children`] and nowhere else.

mod coverage;
mod declaration;
mod derived;
mod error;
mod inputs;
mod parts;
pub mod shape;
mod store;
mod table;
mod world;

pub use coverage::{Coverage, FILE, NOT_HERE, Status, UNDECLARED};
pub use declaration::Declaration;
pub use inputs::Inputs;
pub use store::{Error, NewRow, SCHEMA_VERSION, Store, derived_ddl, quoted};
pub use table::{Column, Kind, Read, Role, Span, Table, cols};
pub use world::lookup::{Children, Lookup};
pub use world::row::Row;
pub use world::{Loaded, World};
