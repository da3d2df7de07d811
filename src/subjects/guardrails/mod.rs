//! Subjects of the pillar `guardrails`.

mod agent_version;
mod data_retention;
mod enforcement;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    enforcement::SUBJECT,
    agent_version::SUBJECT,
    data_retention::SUBJECT,
];
