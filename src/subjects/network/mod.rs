//! Subjects of the pillar `network`.

mod agentcore_network;
pub(crate) mod bedrock_endpoint;
pub(crate) mod bedrock_observed;
pub(crate) mod bedrock_path;
pub(crate) mod dependency_endpoint;
mod plain_transport;
pub(crate) mod prompt_exit;
pub(crate) mod sagemaker_network;
pub(crate) mod vector_collection;
pub(crate) mod vector_query;
pub(crate) mod vector_store;
pub(crate) mod vpc_dependency;
pub(crate) mod vpc_family;
pub(crate) mod workload_placement;

use super::Subject;

/// All of them.
pub(super) const SUBJECTS: &[Subject] = &[
    bedrock_path::SUBJECT,
    vpc_family::SUBJECT,
    workload_placement::SUBJECT,
    vpc_dependency::SUBJECT,
    prompt_exit::SUBJECT,
    vector_collection::SUBJECT,
    vector_store::SUBJECT,
    vector_query::SUBJECT,
    sagemaker_network::SUBJECT,
    bedrock_observed::SUBJECT,
    bedrock_endpoint::SUBJECT,
    dependency_endpoint::SUBJECT,
    agentcore_network::SUBJECT,
    plain_transport::SUBJECT,
];
