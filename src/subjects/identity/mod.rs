//! Subjects of the pillar `identity`.

pub(crate) mod agent_role;
pub(crate) mod bedrock_api_key;
pub(crate) mod policy_statement;
pub(crate) mod principal;
pub(crate) mod role_use;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    principal::SUBJECT,
    bedrock_api_key::SUBJECT,
    role_use::SUBJECT,
    agent_role::SUBJECT,
    policy_statement::SUBJECT,
];
