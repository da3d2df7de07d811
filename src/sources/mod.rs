//! Where rows come from: AWS accounts, inventory folders, plans and templates.

pub mod cloudformation;
pub mod files;
pub mod fixture;
pub mod ignore;
pub mod kind;
#[cfg(feature = "live")]
pub mod live;
pub mod overlay;
pub mod probe;
pub mod pulumi;
pub mod terraform;
pub mod trail;
pub mod tree;
