//! Subjects of the pillar `logging`.

mod agentcore_browser;
mod flow_coverage;
pub(crate) mod genai_use;
mod inference_alarms;
pub(crate) mod inference_log_bucket;
pub(crate) mod inference_log_group;
mod inference_logging;
mod log_copy;
pub(crate) mod prompt_store;
mod trail_coverage;
pub(crate) mod workload_log_group;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    inference_log_group::SUBJECT,
    inference_log_bucket::SUBJECT,
    workload_log_group::SUBJECT,
    prompt_store::SUBJECT,
    inference_logging::SUBJECT,
    trail_coverage::SUBJECT,
    flow_coverage::SUBJECT,
    agentcore_browser::SUBJECT,
    inference_alarms::SUBJECT,
    log_copy::SUBJECT,
];
