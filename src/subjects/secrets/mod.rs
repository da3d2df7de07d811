//! Subjects of the pillar `secrets`.

pub(crate) mod environment_variable;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[environment_variable::SUBJECT];
