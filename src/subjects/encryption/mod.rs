//! Subjects of the pillar `encryption`.

pub(crate) mod data_key;
pub(crate) mod decryptors;
mod encrypted_resource;
mod judged_key;
pub(crate) mod keys;
mod vector_index;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    data_key::SUBJECT,
    vector_index::SUBJECT,
    encrypted_resource::SUBJECT,
];
