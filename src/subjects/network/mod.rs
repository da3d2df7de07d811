//! Subjects of the pillar `network`.

pub(crate) mod dependencies;
pub(crate) mod endpoints;
pub(crate) mod exits;
pub(crate) mod observations;
pub(crate) mod paths;
pub(crate) mod placement;
pub(crate) mod queries;
pub(crate) mod sagemaker;
pub(crate) mod stores;
pub(crate) mod vectors;
