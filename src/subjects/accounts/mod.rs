//! Subjects of the pillar `accounts`.

pub(crate) mod account_placement;
pub(crate) mod corpus_bucket;
pub(crate) mod deploy_pipeline;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    corpus_bucket::SUBJECT,
    account_placement::SUBJECT,
    deploy_pipeline::SUBJECT,
];
