//! How files declare them.

use crate::services::declared::ids::{arn, name, path};
use crate::services::declared::policy::document;
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_iam_role", "AWS::IAM::Role"],
        map: role,
    },
    Spelling {
        kinds: &["aws_iam_access_key", "AWS::IAM::AccessKey"],
        map: access_key,
    },
    Spelling {
        kinds: &["aws_iam_user", "AWS::IAM::User"],
        map: user,
    },
    Spelling {
        kinds: &["aws_iam_group", "AWS::IAM::Group"],
        map: group,
    },
    Spelling {
        kinds: &["aws_iam_policy", "AWS::IAM::ManagedPolicy"],
        map: policy,
    },
    Spelling {
        kinds: &["aws_iam_role_policy", "AWS::IAM::RolePolicy"],
        map: |by, rows| inline(by, rows, "iam_role", by.at("role|role_name")),
    },
    Spelling {
        kinds: &["aws_iam_user_policy", "AWS::IAM::UserPolicy"],
        map: |by, rows| inline(by, rows, "iam_user", by.at("user|user_name")),
    },
    Spelling {
        kinds: &["aws_iam_group_policy", "AWS::IAM::GroupPolicy"],
        map: |by, rows| inline(by, rows, "iam_group", by.at("group|group_name")),
    },
    Spelling {
        kinds: &["AWS::IAM::Policy"],
        map: policy_of_many,
    },
    Spelling {
        kinds: &["aws_iam_role_policy_attachment"],
        map: |by, rows| attach(by, rows, "iam_role", by.at("role")),
    },
    Spelling {
        kinds: &["aws_iam_user_policy_attachment"],
        map: |by, rows| attach(by, rows, "iam_user", by.at("user")),
    },
    Spelling {
        kinds: &["aws_iam_group_policy_attachment"],
        map: |by, rows| attach(by, rows, "iam_group", by.at("group")),
    },
    Spelling {
        kinds: &["aws_iam_policy_attachment"],
        map: |by, rows| {
            for (table, holders) in [
                ("iam_role", by.at("roles")),
                ("iam_user", by.at("users")),
                ("iam_group", by.at("groups")),
            ] {
                attach_all(by, rows, table, holders);
            }
        },
    },
    Spelling {
        kinds: &["aws_iam_role_policy_attachments_exclusive"],
        map: |by, rows| attach_each(by, rows, "iam_role", by.at("role_name")),
    },
    Spelling {
        kinds: &["aws_iam_user_policy_attachments_exclusive"],
        map: |by, rows| attach_each(by, rows, "iam_user", by.at("user_name")),
    },
    Spelling {
        kinds: &["aws_iam_group_policy_attachments_exclusive"],
        map: |by, rows| attach_each(by, rows, "iam_group", by.at("group_name")),
    },
    Spelling {
        kinds: &["aws_iam_instance_profile", "AWS::IAM::InstanceProfile"],
        map: instance_profile,
    },
    Spelling {
        kinds: &["aws_iam_service_specific_credential"],
        map: credential,
    },
];

/// Inline policies that stand in the resource itself.
fn inlines(by: &Declared) -> Told<Json> {
    let declared = by.at("inline_policy|policies");
    if let Node::Unknown(later) = declared {
        return Told::Unknown(later.clone());
    }
    let mut all = Vec::new();
    for item in declared.items() {
        match document(item.at("policy|policy_document")) {
            Told::Known(document) => all.push(json!({"name": item.at("name|policy_name").text().known().unwrap_or_default(), "document": document})),
            Told::Unknown(later) => return Told::Unknown(later),
            Told::Absent => {}
        }
    }
    Told::Known(Json::Array(all))
}

fn role(by: &Declared, rows: &mut Rows) {
    rows.row("iam_role", by, arn(by))
        .put("name", name(by))
        .put("path", path(by))
        .set(
            "assume_role_policy",
            document(by.at("assume_role_policy|assume_role_policy_document")),
        )
        .set("inline_policies", inlines(by))
        .set(
            "attached_policy_arns",
            by.at("managed_policy_arns").ids().or(Vec::new()),
        )
        .set(
            "permissions_boundary_arn",
            by.at("permissions_boundary").id().or(""),
        )
        .put("instance_profile_arns", Vec::<String>::new())
        .set("tags", by.tags());
}

fn user(by: &Declared, rows: &mut Rows) {
    rows.row("iam_user", by, arn(by))
        .put("name", name(by))
        .set("inline_policies", inlines(by))
        .set(
            "attached_policy_arns",
            by.at("managed_policy_arns").ids().or(Vec::new()),
        )
        .set("groups", by.at("groups").ids().or(Vec::new()))
        .set(
            "permissions_boundary_arn",
            by.at("permissions_boundary").id().or(""),
        )
        .set("tags", by.tags());
}

fn group(by: &Declared, rows: &mut Rows) {
    rows.row("iam_group", by, name(by))
        .put("arn", arn(by))
        .set("inline_policies", inlines(by))
        .set(
            "attached_policy_arns",
            by.at("managed_policy_arns").ids().or(Vec::new()),
        );
}

/// A managed policy names its holders in CloudFormation.
fn policy(by: &Declared, rows: &mut Rows) {
    let own = arn(by);
    rows.row("iam_policy", by, own.as_str())
        .put("name", name(by))
        .put("aws_managed", false)
        .set("document", document(by.at("policy|policy_document")));
    for (table, holders) in [
        ("iam_role", by.at("roles")),
        ("iam_user", by.at("users")),
        ("iam_group", by.at("groups")),
    ] {
        for holder in holders.items() {
            rows.part(
                by,
                table,
                key(by, table, holder),
                "attached_policy_arns",
                Told::Known(json!(own)),
            );
        }
    }
}

/// The key of a holder that is named by its name: the path of what the file makes is looked for later, so roles are found by name.
fn key(by: &Declared, table: &str, holder: &Node) -> Told<String> {
    let word = match table {
        "iam_group" => return holder.id(),
        "iam_user" => "user",
        _ => "role",
    };
    holder.id().map(|name| {
        if name.starts_with("arn:") {
            name
        } else {
            by.arn_of("iam", &format!("{word}/{name}"))
        }
    })
}

fn inline(by: &Declared, rows: &mut Rows, table: &'static str, holder: &Node) {
    let name = by.name("name|policy_name");
    let item = document(by.at("policy|policy_document"))
        .map(|document| json!({"name": name, "document": document}));
    rows.part(by, table, key(by, table, holder), "inline_policies", item);
}

fn policy_of_many(by: &Declared, rows: &mut Rows) {
    for (table, holders) in [
        ("iam_role", by.at("roles")),
        ("iam_user", by.at("users")),
        ("iam_group", by.at("groups")),
    ] {
        if let Node::Unknown(later) = holders {
            rows.part(
                by,
                table,
                Told::Unknown(later.clone()),
                "inline_policies",
                Told::Absent,
            );
        }
        holders
            .items()
            .iter()
            .for_each(|holder| inline(by, rows, table, holder));
    }
}

fn attach(by: &Declared, rows: &mut Rows, table: &'static str, holder: &Node) {
    rows.part(
        by,
        table,
        key(by, table, holder),
        "attached_policy_arns",
        by.at("policy_arn").id().map(Json::from),
    );
}

/// One policy for several holders.
fn attach_all(by: &Declared, rows: &mut Rows, table: &'static str, holders: &Node) {
    match holders.ids() {
        Told::Known(all) => all
            .into_iter()
            .for_each(|holder| attach(by, rows, table, &Node::Text(holder))),
        Told::Unknown(later) => rows.part(
            by,
            table,
            Told::Unknown(later),
            "attached_policy_arns",
            Told::Absent,
        ),
        Told::Absent => {}
    }
}

/// Several policies for one holder.
fn attach_each(by: &Declared, rows: &mut Rows, table: &'static str, holder: &Node) {
    match by.at("policy_arns").ids() {
        Told::Known(all) => all.into_iter().for_each(|arn| {
            rows.part(
                by,
                table,
                key(by, table, holder),
                "attached_policy_arns",
                Told::Known(json!(arn)),
            )
        }),
        Told::Unknown(later) => rows.part(
            by,
            table,
            key(by, table, holder),
            "attached_policy_arns",
            Told::Unknown(later),
        ),
        Told::Absent => {}
    }
}

fn instance_profile(by: &Declared, rows: &mut Rows) {
    let own = arn(by);
    for holder in [by.at("role"), by.at("roles")] {
        let single = [holder.clone()];
        for holder in if matches!(holder, Node::List(_)) {
            holder.items()
        } else {
            &single
        } {
            rows.part(
                by,
                "iam_role",
                key(by, "iam_role", holder),
                "instance_profile_arns",
                Told::Known(json!(own)),
            );
        }
    }
}

fn credential(by: &Declared, rows: &mut Rows) {
    rows.row(
        "iam_service_specific_credential",
        by,
        by.name("service_specific_credential_id"),
    )
    .set("user_name", by.at("user_name").id())
    .set("service_name", by.at("service_name").text())
    .set("status", by.at("status").text().or("Active"))
    .set("create_date", by.at("create_date").text())
    .set(
        "expiration_date",
        by.at("expiration_date")
            .text()
            .otherwise(|| match by.at("credential_age_days").int() {
                Told::Absent => Told::Known(String::new()),
                Told::Known(_) => Told::Absent,
                Told::Unknown(later) => Told::Unknown(later),
            }),
    );
}

fn access_key(by: &Declared, rows: &mut Rows) {
    let user = by.at("user|user_name").id().map(|name| {
        if name.starts_with("arn:") {
            name
        } else {
            by.arn_of("iam", &format!("user/{name}"))
        }
    });
    rows.row("iam_access_key", by, by.id())
        .set("user_arn", user)
        .set("status", by.at("status").text().or("Active"))
        .put("create_date", "")
        .put("last_used", "");
}
