//! Subjects of the pillar `accounts`.

pub(crate) mod account_placement;
pub(crate) mod corpus_bucket;
pub(crate) mod deploy_pipeline;
mod template_type;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    corpus_bucket::SUBJECT,
    account_placement::SUBJECT,
    deploy_pipeline::SUBJECT,
    template_type::SUBJECT,
];
