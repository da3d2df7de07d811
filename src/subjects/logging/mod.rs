//! Subjects of the pillar `logging`.

pub(crate) mod inference_log_bucket;
pub(crate) mod inference_log_group;
pub(crate) mod prompt_store;
pub(crate) mod workload_log_group;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    inference_log_group::SUBJECT,
    inference_log_bucket::SUBJECT,
    workload_log_group::SUBJECT,
    prompt_store::SUBJECT,
];
