//! Where rows come from: AWS accounts, inventory folders.

pub mod fixture;
#[cfg(feature = "live")]
pub mod live;
pub mod probe;
pub mod spans;
pub mod trail;
