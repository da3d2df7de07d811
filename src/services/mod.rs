//! All that Outcrop knows of AWS services: one file each, with its tables, the calls that fill
//! them, and how they are read. No SDK type leaves this module and `sources::live`.
//!
//! **Invariant:** nothing here writes to AWS or reads customer data.

pub mod agentcore;
pub mod apigateway;
pub mod bedrock;
pub mod bedrock_agent;
pub mod cloudtrail;
pub mod code;
#[cfg(feature = "live")]
pub mod collect;
#[cfg(feature = "live")]
mod collectors;
pub mod declared;
pub mod ec2;
pub mod ecs;
pub mod eks;
pub mod environment;
pub mod eventbridge;
#[cfg(feature = "live")]
pub mod failure;
mod hosts;
pub mod iam;
pub mod kms;
pub mod lambda;
pub mod logs;
pub mod opensearch;
pub mod organizations;
pub mod resolver;
pub mod s3;
pub mod sagemaker;
pub mod stepfunctions;
pub mod stores;
pub mod trail_record;
pub mod transit;
pub mod vpc;
pub mod vpc_endpoint;
pub mod vpc_filter;

#[cfg(feature = "live")]
pub use collectors::COLLECTORS;

use crate::inventory::Table;

/// Every collected table, in the order of the documentation.
pub const TABLES: &[&Table] = &[
    &organizations::ORGANIZATION,
    &organizations::ACCOUNT,
    &organizations::POLICY_TARGET,
    &iam::ROLE,
    &iam::USER,
    &iam::GROUP,
    &iam::POLICY,
    &iam::SERVICE_SPECIFIC_CREDENTIAL,
    &vpc::VPC,
    &vpc::SUBNET,
    &vpc::ROUTE_TABLE,
    &vpc::NAT_GATEWAY,
    &vpc::SECURITY_GROUP,
    &vpc::DHCP_OPTIONS,
    &vpc_filter::NETWORK_ACL,
    &vpc_filter::PREFIX_LIST,
    &vpc_filter::NETWORK_INTERFACE,
    &transit::PEERING,
    &transit::ATTACHMENT,
    &transit::ROUTE_TABLE,
    &resolver::PRIVATE_ZONE,
    &resolver::RULE,
    &resolver::RULE_ASSOCIATION,
    &resolver::PROFILE_ASSOCIATION,
    &resolver::FIREWALL_RULE_GROUP,
    &resolver::FIREWALL_ASSOCIATION,
    &vpc::FLOW_LOG,
    &vpc::BLOCK_PUBLIC_ACCESS,
    &vpc_endpoint::ENDPOINT,
    &vpc_endpoint::ENDPOINT_SERVICE,
    &kms::KEY,
    &kms::ALIAS,
    &logs::LOG_GROUP,
    &s3::BUCKET,
    &lambda::FUNCTION,
    &lambda::ENVIRONMENT_VARIABLE,
    &ec2::INSTANCE,
    &ecs::SERVICE,
    &ecs::TASK_SET,
    &ecs::CONTAINER_INSTANCE,
    &eventbridge::TARGET,
    &ecs::TASK_DEFINITION,
    &ecs::ENVIRONMENT_VARIABLE,
    &eks::CLUSTER,
    &eks::NODEGROUP,
    &eks::FARGATE_PROFILE,
    &eks::POD_IDENTITY,
    &sagemaker::NOTEBOOK,
    &sagemaker::DOMAIN,
    &sagemaker::USER_PROFILE,
    &sagemaker::MODEL,
    &sagemaker::ENDPOINT,
    &sagemaker::ENDPOINT_CONFIG,
    &sagemaker::JOB,
    &stepfunctions::STATE_MACHINE,
    &apigateway::REST_API,
    &apigateway::METHOD,
    &bedrock::INVOCATION_LOGGING,
    &bedrock::INFERENCE_PROFILE,
    &bedrock::GUARDRAIL,
    &bedrock::PROBE,
    &bedrock_agent::AGENT,
    &bedrock_agent::KNOWLEDGE_BASE,
    &bedrock_agent::DATA_SOURCE,
    &bedrock_agent::FLOW,
    &bedrock_agent::PROMPT,
    &opensearch::COLLECTION,
    &opensearch::NETWORK_POLICY,
    &opensearch::VPC_ENDPOINT,
    &opensearch::ACCESS_POLICY,
    &opensearch::DOMAIN,
    &stores::DB_INSTANCE,
    &stores::GRAPH,
    &agentcore::RUNTIME,
    &agentcore::GATEWAY,
    &agentcore::GATEWAY_TARGET,
    &agentcore::MEMORY,
    &cloudtrail::TRAIL,
    &cloudtrail::BEDROCK_CALL,
    &cloudtrail::WINDOW,
    &code::PIPELINE,
    &code::PROJECT,
];

/// A collected table by name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().copied().find(|table| table.name == name)
}

/// How files spell what fills the tables.
const SPELLINGS: &[&[declared::Spelling]] = &[
    iam::declared::SPELLINGS,
    vpc::declared::SPELLINGS,
    vpc_filter::declared::SPELLINGS,
    vpc_endpoint::declared::SPELLINGS,
    transit::declared::SPELLINGS,
    resolver::declared::SPELLINGS,
    kms::declared::SPELLINGS,
    logs::declared::SPELLINGS,
    s3::declared::SPELLINGS,
    lambda::declared::SPELLINGS,
    ec2::declared::SPELLINGS,
    ecs::declared::SPELLINGS,
    eks::declared::SPELLINGS,
    eventbridge::declared::SPELLINGS,
    sagemaker::declared::SPELLINGS,
    stepfunctions::declared::SPELLINGS,
    apigateway::declared::SPELLINGS,
    bedrock::declared::SPELLINGS,
    bedrock_agent::declared::SPELLINGS,
    opensearch::declared::SPELLINGS,
    stores::declared::SPELLINGS,
    agentcore::declared::SPELLINGS,
    cloudtrail::declared::SPELLINGS,
    code::declared::SPELLINGS,
];

/// The types that fill some table, in Terraform's and CloudFormation's spelling.
pub fn spelled_kinds() -> impl Iterator<Item = &'static str> {
    SPELLINGS
        .iter()
        .flat_map(|all| all.iter())
        .flat_map(|spelling| spelling.kinds.iter().copied())
}

/// Puts what resources of a file come to into rows; counts the types that no table knows.
pub fn map_declared(resources: &[declared::Declared], rows: &mut declared::Rows) {
    let spellings: std::collections::HashMap<&str, &declared::Spelling> = SPELLINGS
        .iter()
        .flat_map(|all| all.iter())
        .flat_map(|spelling| spelling.kinds.iter().map(move |kind| (*kind, spelling)))
        .collect();
    for resource in resources {
        match spellings.get(resource.kind.as_str()) {
            Some(spelling) => (spelling.map)(resource, rows),
            None => *rows.unmapped.entry(resource.kind.clone()).or_default() += 1,
        }
    }
}

/// Which rows each resource makes, by its place in the list: (kind, table, account, Region, key).
pub fn claims(resources: &[declared::Declared]) -> Vec<(usize, declared::Claim)> {
    let spellings: std::collections::HashMap<&str, &declared::Spelling> = SPELLINGS
        .iter()
        .flat_map(|all| all.iter())
        .flat_map(|spelling| spelling.kinds.iter().map(move |kind| (*kind, spelling)))
        .collect();
    let mut all = Vec::new();
    for (index, resource) in resources.iter().enumerate() {
        let Some(spelling) = spellings.get(resource.kind.as_str()) else {
            continue;
        };
        let mut rows = declared::Rows::default();
        (spelling.map)(resource, &mut rows);
        all.extend(rows.claims(&resource.kind).map(|claim| (index, claim)));
    }
    all
}

/// Operations outside any table: finding accounts and Regions, entering accounts.
pub const ENTRY_OPERATIONS: &[(&str, &str)] = &[
    ("sts:GetCallerIdentity", "sts:GetCallerIdentity"),
    ("account:ListRegions", "account:ListRegions"),
    ("ec2:DescribeRegions", "ec2:DescribeRegions"),
];
