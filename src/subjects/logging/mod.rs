//! Subjects of the pillar `logging`.

pub(crate) mod logs;
pub(crate) mod prompts;
