//! How files declare them.

use crate::model::UNKNOWN_REGION;
use crate::services::declared::ids::arn;
use crate::services::declared::policy::document;
use crate::services::declared::{Change, Declared, Later, Rows, Spelling, Told};
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &[
            "aws_kms_key",
            "aws_kms_replica_key",
            "aws_kms_external_key",
            "AWS::KMS::Key",
            "AWS::KMS::ReplicaKey",
        ],
        map: key,
    },
    Spelling {
        kinds: &["aws_kms_key_policy"],
        map: |by, rows| {
            rows.column(
                by,
                "kms_key",
                key_arn(by),
                "policy",
                document(by.at("policy")),
            )
        },
    },
    Spelling {
        kinds: &["aws_kms_alias", "AWS::KMS::Alias"],
        map: alias,
    },
    Spelling {
        kinds: &["aws_kms_grant"],
        map: grant,
    },
];

fn key_arn(by: &Declared) -> Told<String> {
    by.at("key_id|target_key_id").id().map(|key| {
        if key.starts_with("arn:") {
            key
        } else {
            by.arn_of("kms", &format!("key/{key}"))
        }
    })
}

/// Without a policy the key trusts its account: the default that the API attaches.
fn key(by: &Declared, rows: &mut Rows) {
    let root = format!("arn:{}:iam::{}:root", by.partition, by.account_id);
    let default = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}]});
    let on = by.at("enabled|is_enabled").flag().or(true);
    let row = rows.row("kms_key", by, arn(by));
    row.put("id", by.id())
        .put("key_manager", "CUSTOMER")
        .set(
            "key_state",
            on.map(|on| if on { "Enabled" } else { "Disabled" }),
        )
        .set("origin", origin(by))
        .set("policy", document(by.at("policy|key_policy")).or(default))
        .put("deletion_date", "")
        .set("spec", spec(by))
        .set("region_names", regions(by))
        .set("rotation", rotation(by))
        .set(
            "rotation_days",
            match rotation(by) {
                Told::Known("on") => by.at("rotation_period_in_days").int().or(365),
                told => told.map(|_| 0),
            },
        )
        .set("valid_to", by.at("valid_to").text().or(""))
        .set("tags", by.tags());
    if by.change == Change::Create {
        row.put("grants", json!([]));
    }
}

fn spec(by: &Declared) -> Told<String> {
    by.at("customer_master_key_spec|key_spec")
        .text()
        .or("SYMMETRIC_DEFAULT")
}

fn is_replica(by: &Declared) -> bool {
    matches!(
        by.kind.as_str(),
        "aws_kms_replica_key" | "AWS::KMS::ReplicaKey"
    )
}

fn elsewhere<T>(why: &str) -> Told<T> {
    Told::Unknown(Later {
        why: why.to_owned(),
        ..Later::default()
    })
}

/// A key of one Region stays there; where the copies of another lie, other files may say too.
fn regions(by: &Declared) -> Told<Vec<String>> {
    if by.region == UNKNOWN_REGION {
        return elsewhere("the Region that the file is for is not known; give --region");
    }
    if is_replica(by) {
        return elsewhere("a replica's primary key and its other replicas are declared elsewhere");
    }
    match by.at("multi_region").flag().or(false) {
        Told::Known(false) | Told::Absent => Told::Known(vec![by.region.clone()]),
        Told::Known(true) => elsewhere("replicas of a multi-Region key may be declared elsewhere"),
        Told::Unknown(later) => Told::Unknown(later),
    }
}

/// Terraform names the store of the key, and no origin.
fn origin(by: &Declared) -> Told<String> {
    let usual = if by.kind == "aws_kms_external_key" {
        "EXTERNAL"
    } else if by.at("xks_key_id").text() != Told::Absent {
        "EXTERNAL_KEY_STORE"
    } else if by.at("custom_key_store_id").text() != Told::Absent {
        "AWS_CLOUDHSM"
    } else {
        "AWS_KMS"
    };
    by.at("origin").text().or(usual)
}

/// Rotation is off unless it is turned on; of a replica the primary key decides.
fn rotation(by: &Declared) -> Told<&'static str> {
    if is_replica(by) {
        return elsewhere("the primary key of a replica decides whether it is rotated");
    }
    let fixed = matches!(spec(by), Told::Known(spec) if spec != "SYMMETRIC_DEFAULT")
        || matches!(origin(by), Told::Known(origin) if origin != "AWS_KMS");
    if fixed {
        return Told::Known("impossible");
    }
    by.at("enable_key_rotation")
        .flag()
        .or(false)
        .map(|on| if on { "on" } else { "off" })
}

fn alias(by: &Declared, rows: &mut Rows) {
    let name = by.name("name|alias_name");
    let target = by
        .at("target_key_id")
        .id()
        .map(|key| key.rsplit('/').next().unwrap_or(&key).to_owned());
    rows.row("kms_alias", by, name).set("target_key_id", target);
}

fn grant(by: &Declared, rows: &mut Rows) {
    let facts = (
        by.at("grantee_principal").id(),
        by.at("operations").ids(),
        by.at("constraints").json().or(Json::Null),
    );
    let item = match facts {
        (Told::Known(principal), Told::Known(operations), Told::Known(constraints)) => {
            let part = |key: &str| {
                constraints
                    .pointer(&format!("/0/{key}"))
                    .cloned()
                    .unwrap_or_else(|| json!({}))
            };
            Told::Known(json!({
                "id": by.address, "name": by.name("name"), "grantee_principal": principal, "operations": operations,
                "context_equals": part("encryption_context_equals"), "context_subset": part("encryption_context_subset"),
            }))
        }
        (Told::Unknown(later), ..) | (_, Told::Unknown(later), _) | (.., Told::Unknown(later)) => {
            Told::Unknown(later)
        }
        _ => Told::Absent,
    };
    rows.part(by, "kms_key", key_arn(by), "grants", item);
}
