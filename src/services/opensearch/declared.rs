//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::policy::document;
use crate::services::declared::{Declared, Later, Rows, Spelling, Told};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &[
            "aws_opensearchserverless_collection",
            "AWS::OpenSearchServerless::Collection",
        ],
        map: collection,
    },
    Spelling {
        kinds: &[
            "aws_opensearchserverless_security_policy",
            "AWS::OpenSearchServerless::SecurityPolicy",
        ],
        map: network_policy,
    },
    Spelling {
        kinds: &[
            "aws_opensearchserverless_access_policy",
            "AWS::OpenSearchServerless::AccessPolicy",
        ],
        map: access_policy,
    },
    Spelling {
        kinds: &[
            "aws_opensearchserverless_vpc_endpoint",
            "AWS::OpenSearchServerless::VpcEndpoint",
        ],
        map: vpc_endpoint,
    },
    Spelling {
        kinds: &[
            "aws_opensearch_domain",
            "aws_elasticsearch_domain",
            "AWS::OpenSearchService::Domain",
        ],
        map: domain,
    },
];

/// A collection carries its key itself, or an encryption policy that matches its name gives it one; there is always one.
fn collection(by: &Declared, rows: &mut Rows) {
    let own = by.at("encryption_config");
    let key = match own.at("aws_owned_key").flag() {
        Told::Known(true) => Told::Known("auto".to_owned()),
        _ => own.at("kms_key_arn").id(),
    };
    rows.row("aoss_collection", by, arn(by))
        .put("id", by.id())
        .put("name", by.name("name"))
        .set("kms_key_arn", key);
}

fn policy(by: &Declared) -> Told<serde_json::Value> {
    match by.at("policy").text() {
        Told::Known(text) => match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(json) => Told::Known(json),
            Err(error) => Told::Unknown(Later {
                why: format!("the policy is no JSON: {error}"),
                ..Later::default()
            }),
        },
        Told::Unknown(later) => Told::Unknown(later),
        Told::Absent => Told::Absent,
    }
}

fn network_policy(by: &Declared, rows: &mut Rows) {
    match by.at("type").text() {
        Told::Known(kind) if kind == "encryption" => encryption_policy(by, rows),
        Told::Known(kind) if kind != "network" => rows.symbol(by, by.id(), ""),
        _ => drop(
            rows.row("aoss_network_policy", by, by.name("name"))
                .set("policy", policy(by)),
        ),
    }
}

/// The key that an encryption policy gives the collections whose names it matches (OpenSearch Serverless Developer Guide,
/// "Encryption policies").
fn encryption_policy(by: &Declared, rows: &mut Rows) {
    rows.row("aoss_encryption_policy", by, by.name("name"))
        .set("policy", policy(by));
}

fn access_policy(by: &Declared, rows: &mut Rows) {
    rows.row("aoss_access_policy", by, by.name("name"))
        .set("policy", policy(by));
}

fn vpc_endpoint(by: &Declared, rows: &mut Rows) {
    rows.row("aoss_vpc_endpoint", by, by.id())
        .put("name", by.name("name"))
        .put("status", "ACTIVE")
        .set("vpc_id", by.at("vpc_id").id())
        .set("subnet_ids", by.at("subnet_ids").ids())
        .set("security_group_ids", by.at("security_group_ids").ids());
}

fn domain(by: &Declared, rows: &mut Rows) {
    // The VPC follows from the subnets; that there is one is what counts.
    let inside = by.at("vpc_options");
    let vpc = match (inside.at("vpc_id").id(), inside.at("subnet_ids").ids()) {
        (Told::Known(vpc), _) if !vpc.is_empty() => Told::Known(vpc),
        (_, Told::Known(subnets)) if !subnets.is_empty() => {
            Told::Known("(of its subnets)".to_owned())
        }
        (_, Told::Unknown(later)) | (Told::Unknown(later), _) => Told::Unknown(later),
        _ => Told::Known(String::new()),
    };
    rows.row("opensearch_domain", by, arn(by))
        .put("name", name(by))
        .set("vpc_id", vpc)
        .set(
            "enforces_https",
            by.at("domain_endpoint_options")
                .at("enforce_https")
                .flag()
                .or(false),
        )
        .set(
            "tls_policy",
            by.at("domain_endpoint_options")
                .at("tls_security_policy")
                .text(),
        )
        .set(
            "encrypts_between_nodes",
            by.at("node_to_node_encryption|node_to_node_encryption_options")
                .at("enabled")
                .flag()
                .or(false),
        )
        .set(
            "encrypts_at_rest",
            by.at("encrypt_at_rest.enabled|encryption_at_rest_options.enabled")
                .flag()
                .or(false),
        )
        .set(
            "kms_key_id",
            by.at("encrypt_at_rest.kms_key_id|encryption_at_rest_options.kms_key_id")
                .id()
                .or(""),
        )
        .set(
            "has_fine_grained_access",
            by.at("advanced_security_options.enabled").flag().or(false),
        )
        .set(
            "access_policy",
            document(by.at("access_policies")).or(serde_json::json!({})),
        );
}
