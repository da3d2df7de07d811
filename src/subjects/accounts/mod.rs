//! Subjects of the pillar `accounts`.

pub(crate) mod account_placement;
mod audit_role;
pub(crate) mod corpus_bucket;
mod cost_control;
pub(crate) mod deploy_pipeline;
mod outside_change;
mod resource_source;
mod software_scan;
mod spend;
mod stack_drift;
mod template_type;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    corpus_bucket::SUBJECT,
    account_placement::SUBJECT,
    deploy_pipeline::SUBJECT,
    template_type::SUBJECT,
    cost_control::SUBJECT,
    software_scan::SUBJECT,
    audit_role::SUBJECT,
    spend::SUBJECT,
    resource_source::SUBJECT,
    stack_drift::SUBJECT,
    outside_change::SUBJECT,
];
