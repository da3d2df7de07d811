//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::policy::document;
use crate::services::declared::{Change, Declared, Node, Rows, Spelling, Told};
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_s3_bucket", "AWS::S3::Bucket"],
        map: bucket,
    },
    Spelling {
        kinds: &["aws_s3_bucket_server_side_encryption_configuration"],
        map: |by, rows| encryption(by, rows, by.at("bucket").id(), by.at("rule")),
    },
    Spelling {
        kinds: &["aws_s3_bucket_lifecycle_configuration"],
        map: |by, rows| lifecycle(by, rows, by.at("bucket").id(), by.at("rule")),
    },
    Spelling {
        kinds: &["aws_s3_bucket_versioning"],
        map: |by, rows| {
            let status = by.at("versioning_configuration.status").text().map(|text| {
                Json::from(if text == "Disabled" {
                    String::new()
                } else {
                    text
                })
            });
            rows.column(by, "s3_bucket", by.at("bucket").id(), "versioning", status);
        },
    },
    Spelling {
        kinds: &["aws_s3_account_public_access_block"],
        map: |by, rows| {
            rows.row("s3_account_public_access_block", by, by.account_id.as_str())
                .set("settings", blocks(&by.values));
        },
    },
    Spelling {
        kinds: &["aws_s3control_access_point_policy"],
        map: |by, rows| {
            let found = document(by.at("policy"));
            rows.column(
                by,
                "s3_access_point",
                by.at("access_point_arn").id(),
                "policy",
                found,
            );
        },
    },
    Spelling {
        kinds: &["aws_s3_access_point", "AWS::S3::AccessPoint"],
        map: access_point,
    },
    Spelling {
        kinds: &["aws_s3_bucket_policy", "AWS::S3::BucketPolicy"],
        map: |by, rows| {
            let found = document(by.at("policy|policy_document"));
            rows.column(by, "s3_bucket", by.at("bucket").id(), "policy", found);
        },
    },
    Spelling {
        kinds: &["aws_s3_bucket_public_access_block"],
        map: |by, rows| {
            let found = blocks(&by.values).map(Json::from);
            rows.column(
                by,
                "s3_bucket",
                by.at("bucket").id(),
                "public_access_block",
                found,
            );
        },
    },
    Spelling {
        kinds: &["aws_s3_bucket_ownership_controls"],
        map: |by, rows| {
            let found = by.at("rule.object_ownership").text().map(Json::from);
            rows.column(
                by,
                "s3_bucket",
                by.at("bucket").id(),
                "object_ownership",
                found,
            );
        },
    },
    Spelling {
        kinds: &["aws_s3_bucket_acl"],
        map: |by, rows| {
            rows.column(
                by,
                "s3_bucket",
                by.at("bucket").id(),
                "acl_grants",
                grants(by),
            );
        },
    },
    Spelling {
        kinds: &["aws_s3_bucket_replication_configuration"],
        map: |by, rows| {
            rows.column(
                by,
                "s3_bucket",
                by.at("bucket").id(),
                "replication",
                copies(by.at("rule")),
            );
        },
    },
];

/// An access point; a new one blocks public access unless it is told otherwise (S3 User Guide, "Managing public access to
/// access points for general purpose buckets").
fn access_point(by: &Declared, rows: &mut Rows) {
    let network = by.at("vpc_configuration.vpc_id").text();
    let block = by.at("public_access_block_configuration");
    let settings = if *block == Node::Absent {
        Told::Known(ALL_BLOCKS.map(str::to_owned).to_vec())
    } else {
        blocks(block)
    };
    // Its ARN is made of its name (S3 User Guide, "Referencing access points").
    let key = by.arn_of("s3", &format!("accesspoint/{}", by.name("name")));
    rows.row("s3_access_point", by, key)
        .put("name", by.name("name"))
        .set("bucket_name", by.at("bucket").id())
        .put(
            "network_origin",
            if network == Told::Absent {
                "Internet"
            } else {
                "VPC"
            },
        )
        .set("policy", document(by.at("policy")).or(json!({})))
        .set("public_access_block", settings);
}

const ALL_BLOCKS: [&str; 4] = [
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
];

/// The settings of a public access block that are on; what is not declared is off.
fn blocks(config: &Node) -> Told<Vec<String>> {
    let mut on = Vec::new();
    for (path, name) in [
        ("block_public_acls", "BlockPublicAcls"),
        ("ignore_public_acls", "IgnorePublicAcls"),
        ("block_public_policy", "BlockPublicPolicy"),
        ("restrict_public_buckets", "RestrictPublicBuckets"),
    ] {
        match config.at(path).flag() {
            Told::Known(true) => on.push(name.to_owned()),
            Told::Unknown(later) => return Told::Unknown(later),
            _ => {}
        }
    }
    Told::Known(on)
}

/// What a canned access control list grants (S3 User Guide, "Access control list (ACL) overview"), or a policy of grants.
fn grants(by: &Declared) -> Told<Json> {
    const EVERYONE: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
    const ANY_ACCOUNT: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
    const DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";
    let policy = by.at("access_control_policy");
    if *policy != Node::Absent {
        if let Some(later) = policy.later() {
            return Told::Unknown(later.clone());
        }
        return listed(policy.at("grant"), policy.at("owner.id").text());
    }
    // Buckets of old carry their grants themselves.
    let own = by.at("grant");
    if !own.items().is_empty() {
        return listed(own, Told::Absent);
    }
    by.at("acl|access_control").text().or("private").map(|acl| {
        match acl.to_ascii_lowercase().replace('-', "").as_str() {
            "publicread" => json!([{"grantee": EVERYONE, "permission": "READ"}]),
            "publicreadwrite" => json!([
                {"grantee": EVERYONE, "permission": "READ"}, {"grantee": EVERYONE, "permission": "WRITE"}
            ]),
            "authenticatedread" => json!([{"grantee": ANY_ACCOUNT, "permission": "READ"}]),
            "logdeliverywrite" => json!([{"grantee": DELIVERY, "permission": "WRITE"}]),
            _ => json!([]),
        }
    })
}

/// Grants one by one; what cannot be read of one is not left out.
fn listed(grants: &Node, owner: Told<String>) -> Told<Json> {
    let mut all = Vec::new();
    for grant in grants.items() {
        let grantee = match grant.at("grantee") {
            Node::Absent => grant,
            inner => inner,
        };
        let who = grantee.at("uri|id|email_address").id();
        if who != Told::Absent && who == owner {
            continue;
        }
        let permissions = grant.at("permission|permissions").ids();
        match (who, permissions) {
            (Told::Known(who), Told::Known(permissions)) => all.extend(
                permissions
                    .into_iter()
                    .map(|permission| json!({"grantee": who, "permission": permission})),
            ),
            (Told::Unknown(later), _) | (_, Told::Unknown(later)) => return Told::Unknown(later),
            _ => return Told::Absent,
        }
    }
    Told::Known(Json::from(all))
}

/// Does a rule copy a part of the objects alone?
fn is_filtered(rule: &Node) -> bool {
    let is_set = |path: &str| {
        !matches!(rule.at(path).text(), Told::Known(text) if text.is_empty())
            && *rule.at(path) != Node::Absent
    };
    is_set("prefix") || is_set("filter.prefix") || is_set("filter.and") || is_set("filter.tag")
}

/// Where the rules of a replication configuration copy to.
fn copies(rules: &Node) -> Told<Json> {
    if let Some(later) = rules.later().filter(|later| later.of.is_empty()) {
        return Told::Unknown(later.clone());
    }
    let all = rules.items().iter().map(|rule| {
        let to = rule.at("destination");
        let bucket = to.at("bucket").id().known().unwrap_or_default();
        json!({
            "bucket": bucket.rsplit(':').next(), "account": to.at("account").id().known().unwrap_or_default(),
            "status": rule.at("status").text().known().unwrap_or_default(),
            "filtered": is_filtered(rule),
        })
    });
    Told::Known(all.collect())
}

/// What S3 gives a new bucket (S3 User Guide, "Default settings for new S3 buckets").
fn bucket_access(by: &Declared, rows: &mut Rows) {
    let row = rows.row("s3_bucket", by, name(by));
    row.put("region_name", by.region.as_str());
    if by.change != Change::Create {
        return;
    }
    row.put("policy", json!({}))
        .put(
            "public_access_block",
            ALL_BLOCKS.map(str::to_owned).to_vec(),
        )
        .put("acl_grants", json!([]))
        .put("object_ownership", "BucketOwnerEnforced")
        .put("replication", json!([]));
}

fn bucket_companions(by: &Declared, rows: &mut Rows) {
    let own = || Told::Known(name(by));
    let mut set = |column, found: Told<Json>| {
        if found != Told::Absent {
            rows.column(by, "s3_bucket", own(), column, found);
        }
    };
    set("policy", document(by.at("policy")));
    let block = by.at("public_access_block_configuration");
    if *block != Node::Absent {
        set("public_access_block", blocks(block).map(Json::from));
    }
    if *by.at("acl|access_control") != Node::Absent || !by.at("grant").items().is_empty() {
        set("acl_grants", grants(by));
    }
    set(
        "object_ownership",
        by.at("ownership_controls.rules.object_ownership")
            .text()
            .map(Json::from),
    );
    let rules = by.at("replication_configuration.rules|replication_configuration.rule");
    if *rules != Node::Absent {
        set("replication", copies(rules));
    }
}

fn bucket(by: &Declared, rows: &mut Rows) {
    let own = name(by);
    let versioning = match by.at("versioning_configuration.status").text() {
        Told::Absent => by
            .at("versioning.enabled")
            .flag()
            .map(|on| if on { "Enabled" } else { "" }.to_owned()),
        told => told,
    };
    bucket_access(by, rows);
    rows.row("s3_bucket", by, own.as_str())
        .put("arn", arn(by))
        .put("sse_algorithm", "AES256")
        .put("kms_key_id", "")
        .put("lifecycle_rules", json!([]))
        .set("versioning", versioning.or(""))
        .set("tags", by.tags());
    bucket_companions(by, rows);
    let declared = by.at("bucket_encryption.server_side_encryption_configuration");
    let old = by.at("server_side_encryption_configuration.rule");
    let found = if *declared == Node::Absent {
        old
    } else {
        declared
    };
    if *found != Node::Absent {
        encryption(by, rows, Told::Known(own.clone()), found);
    }
    let declared = by.at("lifecycle_configuration.rules");
    let found = if *declared == Node::Absent {
        by.at("lifecycle_rule")
    } else {
        declared
    };
    if *found != Node::Absent {
        lifecycle(by, rows, Told::Known(own), found);
    }
}

fn encryption(by: &Declared, rows: &mut Rows, bucket: Told<String>, rule: &Node) {
    let default =
        rule.at("apply_server_side_encryption_by_default|server_side_encryption_by_default");
    let algorithm = default.at("sse_algorithm").text().or("AES256");
    let key = default.at("kms_master_key_id").id().or("");
    rows.column(
        by,
        "s3_bucket",
        bucket.clone(),
        "sse_algorithm",
        algorithm.map(Json::from),
    );
    rows.column(by, "s3_bucket", bucket, "kms_key_id", key.map(Json::from));
}

fn lifecycle(by: &Declared, rows: &mut Rows, bucket: Told<String>, rules: &Node) {
    if let Some(later) = rules.later() {
        rows.column(
            by,
            "s3_bucket",
            bucket,
            "lifecycle_rules",
            Told::Unknown(later.clone()),
        );
        return;
    }
    let days = |node: &Node| node.int().known().unwrap_or(0);
    let all: Json = rules
        .items()
        .iter()
        .map(|rule| {
            let status = match rule.at("status").text() {
                Told::Known(status) => status,
                _ if rule.at("enabled").flag() == Told::Known(true) => "Enabled".to_owned(),
                _ => "Disabled".to_owned(),
            };
            let prefix = [rule.at("filter.prefix"), rule.at("filter.and.prefix"), rule.at("prefix")]
                .into_iter()
                .find_map(|node| node.text().known().filter(|text| !text.is_empty()))
                .unwrap_or_default();
            let narrows = [
                "filter.tag",
                "filter.object_size_greater_than",
                "filter.object_size_less_than",
                "filter.and.tags",
                "filter.and.object_size_greater_than",
                "filter.and.object_size_less_than",
                "tag_filters",
                "tags",
                "object_size_greater_than",
                "object_size_less_than",
            ];
            let filtered = narrows.iter().any(|path| match rule.at(path) {
                Node::Absent => false,
                Node::List(items) => !items.is_empty(),
                Node::Map(members) => !members.is_empty(),
                Node::Text(text) => !text.is_empty() && text != "0",
                Node::Number(number) => number.as_i64() != Some(0),
                _ => true,
            });
            let expiration = days(rule.at("expiration.days")).max(days(rule.at("expiration_in_days")));
            let noncurrent = days(rule.at("noncurrent_version_expiration.noncurrent_days|noncurrent_version_expiration.days"))
                .max(days(rule.at("noncurrent_version_expiration.days")))
                .max(days(rule.at("noncurrent_version_expiration_in_days")));
            json!({
                "id": rule.at("id").text().known(), "status": status, "prefix": prefix, "filtered": filtered,
                "expiration_days": expiration, "noncurrent_days": noncurrent,
            })
        })
        .collect();
    rows.column(by, "s3_bucket", bucket, "lifecycle_rules", Told::Known(all));
}
