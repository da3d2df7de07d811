//! Subjects of the pillar `secrets`.

pub(crate) mod environment_variable;
mod prompt_text;
mod source_literal;
mod workload_secret;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    environment_variable::SUBJECT,
    source_literal::SUBJECT,
    workload_secret::SUBJECT,
    prompt_text::SUBJECT,
];
