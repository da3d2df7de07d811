//! Subjects of the pillar `encryption`.

pub(crate) mod data_key;
pub(crate) mod decryptors;
pub(crate) mod keys;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[data_key::SUBJECT];
