//! Subjects of the pillar `secrets`.

pub(crate) mod environment_variable;
mod source_literal;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[environment_variable::SUBJECT, source_literal::SUBJECT];
