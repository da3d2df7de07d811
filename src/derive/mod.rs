//! What every derivation shares: the parameters of the rules, and the rows that it writes.

pub mod row;
pub mod settings;

pub use row::{DerivedRow, Sink};
pub use settings::Settings;
