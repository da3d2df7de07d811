//! Subjects of the pillar `identity`.

pub(crate) mod api_keys;
pub(crate) mod identity;
pub(crate) mod statements;
