//! Subjects of the pillar `guardrails`.

mod agent_version;
mod data_retention;
mod enforcement;
mod guardrail_content;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    enforcement::SUBJECT,
    agent_version::SUBJECT,
    data_retention::SUBJECT,
    guardrail_content::SUBJECT,
];
