//! Subjects of the pillar `secrets`.

pub(crate) mod environment;
