//! Subjects of the pillar `encryption`.

pub(crate) mod data_keys;
pub(crate) mod keys;
