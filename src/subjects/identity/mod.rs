//! Subjects of the pillar `identity`.

mod access_key;
mod agent_function;
pub(crate) mod agent_role;
mod agentcore_gateway;
pub(crate) mod bedrock_api_key;
mod knowledge_base_role;
mod model_door;
pub(crate) mod policy_statement;
pub(crate) mod principal;
pub(crate) mod role_use;
mod shared_resource;
mod vendor_access;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    principal::SUBJECT,
    bedrock_api_key::SUBJECT,
    role_use::SUBJECT,
    agent_role::SUBJECT,
    policy_statement::SUBJECT,
    agentcore_gateway::SUBJECT,
    access_key::SUBJECT,
    model_door::SUBJECT,
    knowledge_base_role::SUBJECT,
    agent_function::SUBJECT,
    shared_resource::SUBJECT,
    vendor_access::SUBJECT,
];
