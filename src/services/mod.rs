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
pub mod declared;
pub mod ec2;
pub mod ecs;
pub mod eks;
pub mod environment;
pub mod eventbridge;
#[cfg(feature = "live")]
pub mod failure;
mod hosts;
pub use hosts::place_of;
pub mod iam;
pub mod kms;
pub mod lambda;
pub mod logs;
pub mod opensearch;
pub mod operations;
pub mod organizations;
#[cfg(feature = "live")]
mod plain;
pub mod provenance;
#[cfg(feature = "live")]
pub mod pulse;
pub mod queues;
pub mod resolver;
pub mod s3;
pub mod sagemaker;
pub mod scanning;
pub mod secret_stores;
pub mod stepfunctions;
pub mod stores;
pub mod template_types;
pub mod trail_record;
pub mod transit;
pub mod vpc;
pub mod vpc_endpoint;
pub mod vpc_filter;

use crate::inventory::Table;

/// One AWS service: its tables, how files declare them, and the calls that fill them.
pub struct Service {
    /// Its tables.
    tables: &'static [&'static Table],
    /// How plans and templates declare what fills them.
    mappings: &'static [declared::Spelling],
    /// The calls that fill them.
    #[cfg(feature = "live")]
    collectors: &'static [collect::Collector],
}

/// Every service. Tables, mappings and collectors are folds over this list.
const SERVICES: &[Service] = &[
    organizations::SERVICE,
    iam::SERVICE,
    vpc::SERVICE,
    vpc_filter::SERVICE,
    transit::SERVICE,
    resolver::SERVICE,
    vpc_endpoint::SERVICE,
    kms::SERVICE,
    logs::SERVICE,
    s3::SERVICE,
    lambda::SERVICE,
    ec2::SERVICE,
    ecs::SERVICE,
    eventbridge::SERVICE,
    eks::SERVICE,
    sagemaker::SERVICE,
    stepfunctions::SERVICE,
    apigateway::SERVICE,
    bedrock::SERVICE,
    bedrock_agent::SERVICE,
    opensearch::SERVICE,
    stores::SERVICE,
    agentcore::SERVICE,
    cloudtrail::SERVICE,
    code::SERVICE,
    secret_stores::SERVICE,
    operations::SERVICE,
    queues::SERVICE,
    scanning::SERVICE,
    provenance::SERVICE,
    template_types::SERVICE,
];

/// Every collected table, in the order of the documentation.
pub fn tables() -> impl Iterator<Item = &'static Table> + Clone {
    SERVICES
        .iter()
        .flat_map(|service| service.tables.iter().copied())
}

/// The tables of what was detected in environment variables.
pub fn variable_tables() -> impl Iterator<Item = &'static Table> + Clone {
    tables().filter(|table| table.column("fingerprint").is_some())
}

/// What is run in each account and Region.
#[cfg(feature = "live")]
pub fn collectors() -> impl Iterator<Item = &'static collect::Collector> {
    SERVICES.iter().flat_map(|service| service.collectors)
}

/// How files declare what fills the tables.
fn mappings() -> impl Iterator<Item = &'static declared::Spelling> {
    SERVICES.iter().flat_map(|service| service.mappings)
}

/// A collected table by name.
pub fn table(name: &str) -> Option<&'static Table> {
    tables().find(|table| table.name == name)
}

/// The types that fill some table, in Terraform's and CloudFormation's spelling.
pub fn spelled_kinds() -> impl Iterator<Item = &'static str> {
    mappings().flat_map(|spelling| spelling.kinds.iter().copied())
}

/// Puts what resources of a file come to into rows; counts the types that no table knows.
pub fn map_declared(resources: &[declared::Declared], rows: &mut declared::Rows) {
    let spellings: std::collections::HashMap<&str, &declared::Spelling> = mappings()
        .flat_map(|spelling| spelling.kinds.iter().map(move |kind| (*kind, spelling)))
        .collect();
    for resource in resources {
        match spellings.get(resource.kind.as_str()) {
            Some(spelling) => (spelling.map)(resource, rows),
            None => {
                template_types::look(resource, rows);
                *rows.unmapped.entry(resource.kind.clone()).or_default() += 1;
            }
        }
    }
}

/// Which rows each resource makes, by its place in the list: (kind, table, account, Region, key).
pub fn claims(resources: &[declared::Declared]) -> Vec<(usize, declared::Claim)> {
    let spellings: std::collections::HashMap<&str, &declared::Spelling> = mappings()
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
