//! Subjects of the pillar `accounts`.

pub(crate) mod placement;
pub(crate) mod topology;
