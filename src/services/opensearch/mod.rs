//! Amazon OpenSearch: collections of OpenSearch Serverless (IAM prefix `aoss`) and domains of OpenSearch Service (prefix `es`), and
//! from where they can be reached.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::shape::{Fields, each};
use crate::inventory::{Inputs, Read, Role, Span, Table};
use serde_json::Value as Json;

/// Collections.
pub const COLLECTION: Table = Table {
    name: "aoss_collection",
    doc: "OpenSearch Serverless collections.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name; network policies match it."),
        text("id", "Id."),
        text("arn", "ARN."),
        text("kms_key_arn", "Key that encrypts it.")
            .absent("'auto' (a key of AWS)")
            .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "aoss:ListCollections"),
        Read::new("detail", "aoss:BatchGetCollection"),
    ],
    lists: Inputs::NONE,
};

/// Network policies.
pub const NETWORK_POLICY: Table = Table {
    name: "aoss_network_policy",
    doc: "Security policies of the type `network`. The list call returns summaries; the policy itself is a call of its own.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        json("policy", "`[{Rules: [{ResourceType, Resource}], AllowFromPublic, SourceVPCEs, SourceServices}]`.").by(&["detail"]).shaped(network_policy),
    ],
    reads: &[Read::new("list", "aoss:ListSecurityPolicies"), Read::new("detail", "aoss:GetSecurityPolicy")],
    lists: Inputs::NONE,
};

/// Encryption policies.
pub const ENCRYPTION_POLICY: Table = Table {
    name: "aoss_encryption_policy",
    doc: "Security policies of the type `encryption`: which key a collection gets when it is made.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        json(
            "policy",
            "`{Rules: [{ResourceType, Resource}], AWSOwnedKey, KmsARN}`.",
        )
        .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "aoss:ListSecurityPolicies"),
        Read::new("detail", "aoss:GetSecurityPolicy"),
    ],
    lists: Inputs::NONE,
};

/// The statement with its rules as AWS writes them: which kind of thing, which names, which permissions.
fn with_rules(statement: &Json, fields: &mut Fields<'_>) -> Result<Json, String> {
    let all = fields
        .member(&["Rules"])
        .ok_or_else(|| "`Rules` is missing".to_owned())?;
    let rules = each(all, |rule| {
        let mut own = Fields::of(rule)?;
        let mut read = rule.clone();
        read["ResourceType"] = own
            .word(
                &["ResourceType"],
                &["collection", "dashboard", "index", "model"],
            )?
            .into();
        own.texts(&["Resource"])?;
        if own.has("Permission") {
            own.texts(&["Permission"])?;
        }
        own.done(&[])?;
        Ok(read)
    })?;
    let mut read = statement.clone();
    read["Rules"] = rules;
    Ok(read)
}

/// Statements of a network policy (OpenSearch Serverless Developer Guide, "Network access").
fn network_policy(value: &Json) -> Result<Json, String> {
    each(value, |statement| {
        let mut fields = Fields::of(statement)?;
        let read = with_rules(statement, &mut fields)?;
        if fields.has("AllowFromPublic") {
            fields.flag(&["AllowFromPublic"])?;
        }
        // A statement says from where it lets in, in one of three ways.
        let mut says = fields.has("AllowFromPublic");
        for name in ["SourceVPCEs", "SourceServices"] {
            if fields.has(name) {
                fields.texts(&[name])?;
                says = true;
            }
        }
        if !says {
            return Err(
                "a statement has none of AllowFromPublic, SourceVPCEs and SourceServices"
                    .to_owned(),
            );
        }
        fields.done(&["Description"])?;
        Ok(read)
    })
}

/// Statements of a data access policy (OpenSearch Serverless Developer Guide, "Data access control").
fn access_policy(value: &Json) -> Result<Json, String> {
    each(value, |statement| {
        let mut fields = Fields::of(statement)?;
        let read = with_rules(statement, &mut fields)?;
        fields.texts(&["Principal"])?;
        fields.done(&["Description"])?;
        Ok(read)
    })
}

/// Endpoints.
pub const VPC_ENDPOINT: Table = Table {
    name: "aoss_vpc_endpoint",
    doc: "Interface endpoints that OpenSearch Serverless makes for its data; they also bring a private zone for every collection of the Region.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text("name", "Name."),
        text("status", "`ACTIVE`, `PENDING`, `FAILED` or `DELETING`.")
            .words(&["ACTIVE", "PENDING", "FAILED", "DELETING"]),
        text("vpc_id", "VPC.").by(&["detail"]),
        list("subnet_ids", "Subnets.").by(&["detail"]),
        list("security_group_ids", "Security groups.").by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "aoss:ListVpcEndpoints"),
        Read::new("detail", "aoss:BatchGetVpcEndpoint"),
    ],
    lists: Inputs::NONE,
};

/// Data access policies.
pub const ACCESS_POLICY: Table = Table {
    name: "aoss_access_policy",
    doc: "Data access policies. They allow alone; nothing in them denies.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        json(
            "policy",
            "`[{Rules: [{ResourceType, Resource, Permission}], Principal: [ARN]}]`.",
        )
        .by(&["detail"])
        .shaped(access_policy),
    ],
    reads: &[
        Read::new("list", "aoss:ListAccessPolicies"),
        Read::new("detail", "aoss:GetAccessPolicy"),
    ],
    lists: Inputs::NONE,
};

/// Domains.
pub const DOMAIN: Table = Table {
    name: "opensearch_domain",
    doc: "Domains of OpenSearch Service.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("vpc_id", "VPC of `VPCOptions`.")
            .absent("'' (its endpoint is public)")
            .by(&["detail"]),
        flag("encrypts_at_rest", "Is what it stores encrypted?").by(&["detail"]),
        text("kms_key_id", "Key that encrypts it.")
            .absent("''")
            .by(&["detail"]),
        flag("enforces_https", "Does it refuse requests without TLS?").by(&["detail"]),
        text(
            "tls_policy",
            "Its TLS policy, such as `Policy-Min-TLS-1-2-2019-07`.",
        )
        .by(&["detail"]),
        flag(
            "encrypts_between_nodes",
            "Is what its nodes send each other encrypted?",
        )
        .by(&["detail"]),
        json("access_policy", "Its access policy.")
            .absent("{}")
            .by(&["detail"]),
        flag(
            "has_fine_grained_access",
            "Does it ask who calls, and what each may do, by itself?",
        )
        .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "es:ListDomainNames"),
        Read::new("detail", "es:DescribeDomain"),
    ],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[
        &COLLECTION,
        &NETWORK_POLICY,
        &ENCRYPTION_POLICY,
        &VPC_ENDPOINT,
        &ACCESS_POLICY,
        &DOMAIN,
    ],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["aoss_collection"],
            span: Span::Regional,
            run: |place| Box::pin(live::collections(place)),
        },
        Collector {
            tables: &["aoss_network_policy"],
            span: Span::Regional,
            run: |place| Box::pin(live::network_policies(place)),
        },
        Collector {
            tables: &["aoss_encryption_policy"],
            span: Span::Regional,
            run: |place| Box::pin(live::encryption_policies(place)),
        },
        Collector {
            tables: &["aoss_vpc_endpoint"],
            span: Span::Regional,
            run: |place| Box::pin(live::vpc_endpoints(place)),
        },
        Collector {
            tables: &["aoss_access_policy"],
            span: Span::Regional,
            run: |place| Box::pin(live::access_policies(place)),
        },
        Collector {
            tables: &["opensearch_domain"],
            span: Span::Regional,
            run: |place| Box::pin(live::domains(place)),
        },
    ],
};
