//! Subjects of the pillar `data`.

mod vector_access;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[vector_access::SUBJECT];
