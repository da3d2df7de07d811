//! Where rows come from: AWS accounts, inventory folders, plans and templates.

pub mod files;
pub mod fixture;
pub mod ignore;
#[cfg(feature = "live")]
pub mod live;
pub mod probe;
pub mod spans;
pub mod terraform;
pub mod trail;
