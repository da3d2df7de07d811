//! AWS IAM: principals and their policies, from one call.

use crate::inventory::cols::{flag, json, list, tags, text, time};
use crate::inventory::{Inputs, Read, Role, Span, Table, shape};

const DETAILS: &[Read] = &[Read::new("list", "iam:GetAccountAuthorizationDetails")];

/// Roles.
pub const ROLE: Table = Table {
    name: "iam_role",
    doc: "IAM roles with everything that grants or bounds them.",
    key: "arn",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("arn", "ARN, path included."),
        text("name", "Name."),
        text("path", "Path, such as `/service-role/`."),
        json("assume_role_policy", "Trust policy."),
        json("inline_policies", "`[{name, document}]`.").absent("[]").shaped(shape::inline_policies),
        list("attached_policy_arns", "Managed policies."),
        text("permissions_boundary_arn", "Managed policy that bounds it.").absent("''"),
        list("instance_profile_arns", "Instance profiles that hold it."),
        tags(),
    ],
    reads: DETAILS,
    lists: Inputs::NONE,
};

/// Users.
pub const USER: Table = Table {
    name: "iam_user",
    doc: "IAM users with everything that grants or bounds them.",
    key: "arn",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        json("inline_policies", "`[{name, document}]`.").absent("[]").shaped(shape::inline_policies),
        list("attached_policy_arns", "Managed policies."),
        list("groups", "Names of the groups."),
        text("permissions_boundary_arn", "Managed policy that bounds it.").absent("''"),
        tags(),
    ],
    reads: DETAILS,
    lists: Inputs::NONE,
};

/// Groups.
pub const GROUP: Table = Table {
    name: "iam_group",
    doc: "IAM groups; their policies count for their users.",
    key: "name",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN."),
        json("inline_policies", "`[{name, document}]`.").absent("[]").shaped(shape::inline_policies),
        list("attached_policy_arns", "Managed policies."),
    ],
    reads: DETAILS,
    lists: Inputs::NONE,
};

/// Managed policies in use.
pub const POLICY: Table = Table {
    name: "iam_policy",
    doc: "Managed policies that are attached or used as a boundary, AWS's own included, in their default version.",
    key: "arn",
    span: Span::Global,
    role: Role::Base,
    columns: &[text("arn", "ARN."), text("name", "Name."), flag("aws_managed", "Is it AWS's own?"), json("document", "The document of the default version.")],
    reads: DETAILS,
    lists: Inputs::NONE,
};

/// Credentials for one service, such as long-term Bedrock API keys.
pub const SERVICE_SPECIFIC_CREDENTIAL: Table = Table {
    name: "iam_service_specific_credential",
    doc: "Service-specific credentials of IAM users; a long-term Bedrock API key is one for `bedrock.amazonaws.com`. Never the secret itself.",
    key: "id",
    span: Span::Global,
    role: Role::Base,
    columns: &[
        text("id", "Credential id."),
        text("user_name", "IAM user that owns it."),
        text("service_name", "Service that takes it."),
        text("status", "`Active`, `Inactive` or `Expired`.").words(&["Active", "Inactive", "Expired"]),
        time("create_date", "When it was made."),
        time("expiration_date", "When it ends.").absent("'' (never)"),
    ],
    reads: &[Read::new("list", "iam:ListServiceSpecificCredentials")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::inventory::NewRow;
    use crate::services::collect::{Batch, Place, tags, when};
    use aws_sdk_iam::types::{AttachedPolicy, PolicyDetail, Tag};
    use serde_json::{Value as Json, json};

    /// IAM gives documents percent-encoded; one that does not parse is kept as text, so that reasoning can say so.
    fn document(text: Option<&str>) -> Json {
        let decoded = percent_encoding::percent_decode_str(text.unwrap_or_default()).decode_utf8_lossy();
        serde_json::from_str(&decoded).unwrap_or_else(|_| Json::String(decoded.into_owned()))
    }

    fn inline(policies: &[PolicyDetail]) -> Json {
        policies.iter().map(|policy| json!({"name": policy.policy_name(), "document": document(policy.policy_document())})).collect()
    }

    fn attached(policies: &[AttachedPolicy]) -> Vec<String> {
        policies.iter().filter_map(|policy| policy.policy_arn().map(str::to_owned)).collect()
    }

    fn tagged(all: &[Tag]) -> Json {
        tags(all.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())))
    }

    pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_iam, place);
        let listing = place
            .pages(
                "iam:GetAccountAuthorizationDetails",
                |token| client.get_account_authorization_details().max_items(1000).set_marker(token).send(),
                |answer| {
                    let next = answer.marker.clone().filter(|_| answer.is_truncated);
                    (vec![answer], next)
                },
            )
            .await;
        let mut batch = Batch::default();
        let row = |table: &'static str| place.row(table);
        for page in &listing.items {
            for role in page.role_detail_list() {
                batch.rows.push(
                    row("iam_role")
                        .set("arn", role.arn())
                        .set("name", role.role_name())
                        .set("path", role.path())
                        .set("assume_role_policy", document(role.assume_role_policy_document()))
                        .set("inline_policies", inline(role.role_policy_list()))
                        .set("attached_policy_arns", attached(role.attached_managed_policies()))
                        .set("instance_profile_arns", role.instance_profile_list().iter().map(|profile| profile.arn().to_owned()).collect::<Vec<_>>())
                        .set(
                            "permissions_boundary_arn",
                            role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()).unwrap_or_default(),
                        )
                        .set("tags", tagged(role.tags())),
                );
            }
            for user in page.user_detail_list() {
                batch.rows.push(
                    row("iam_user")
                        .set("arn", user.arn())
                        .set("name", user.user_name())
                        .set("inline_policies", inline(user.user_policy_list()))
                        .set("attached_policy_arns", attached(user.attached_managed_policies()))
                        .set("groups", user.group_list().to_vec())
                        .set(
                            "permissions_boundary_arn",
                            user.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()).unwrap_or_default(),
                        )
                        .set("tags", tagged(user.tags())),
                );
            }
            for group in page.group_detail_list() {
                batch.rows.push(
                    row("iam_group")
                        .set("name", group.group_name())
                        .set("arn", group.arn())
                        .set("inline_policies", inline(group.group_policy_list()))
                        .set("attached_policy_arns", attached(group.attached_managed_policies())),
                );
            }
            for policy in page.policies() {
                let arn = policy.arn().unwrap_or_default();
                let default = policy.policy_version_list().iter().find(|version| version.is_default_version());
                let mut new: NewRow = row("iam_policy").set("arn", arn).set("name", policy.policy_name()).set("aws_managed", arn.contains(":iam::aws:policy/"));
                if let Some(version) = default {
                    new.put("document", document(version.document()));
                }
                batch.rows.push(new);
            }
        }
        for table in ["iam_role", "iam_user", "iam_group", "iam_policy"] {
            batch.listed(place, table, &listing);
            batch.count(table);
        }
        batch
    }

    pub(in crate::services) async fn service_specific_credentials(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_iam, place);
        let listing = place
            .pages(
                "iam:ListServiceSpecificCredentials",
                |token| client.list_service_specific_credentials().all_users(true).set_marker(token).send(),
                |answer| {
                    let next = answer.marker.filter(|_| answer.is_truncated);
                    (answer.service_specific_credentials.unwrap_or_default(), next)
                },
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "iam_service_specific_credential", &listing);
        batch.rows.extend(listing.items.iter().map(|credential| {
            place
                .row("iam_service_specific_credential")
                .set("id", credential.service_specific_credential_id())
                .set("user_name", credential.user_name())
                .set("service_name", credential.service_name())
                .set("status", credential.status().as_str())
                .set("create_date", when(Some(credential.create_date())))
                .set("expiration_date", when(credential.expiration_date()))
        }));
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::{arn, name, path};
    use crate::services::declared::policy::document;
    use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
    use serde_json::{Value as Json, json};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_iam_role", "AWS::IAM::Role"], map: role },
        Spelling { kinds: &["aws_iam_user", "AWS::IAM::User"], map: user },
        Spelling { kinds: &["aws_iam_group", "AWS::IAM::Group"], map: group },
        Spelling { kinds: &["aws_iam_policy", "AWS::IAM::ManagedPolicy"], map: policy },
        Spelling { kinds: &["aws_iam_role_policy", "AWS::IAM::RolePolicy"], map: |by, rows| inline(by, rows, "iam_role", by.at("role|role_name")) },
        Spelling { kinds: &["aws_iam_user_policy", "AWS::IAM::UserPolicy"], map: |by, rows| inline(by, rows, "iam_user", by.at("user|user_name")) },
        Spelling { kinds: &["aws_iam_group_policy", "AWS::IAM::GroupPolicy"], map: |by, rows| inline(by, rows, "iam_group", by.at("group|group_name")) },
        Spelling { kinds: &["AWS::IAM::Policy"], map: policy_of_many },
        Spelling { kinds: &["aws_iam_role_policy_attachment"], map: |by, rows| attach(by, rows, "iam_role", by.at("role")) },
        Spelling { kinds: &["aws_iam_user_policy_attachment"], map: |by, rows| attach(by, rows, "iam_user", by.at("user")) },
        Spelling { kinds: &["aws_iam_group_policy_attachment"], map: |by, rows| attach(by, rows, "iam_group", by.at("group")) },
        Spelling {
            kinds: &["aws_iam_policy_attachment"],
            map: |by, rows| {
                for (table, holders) in [("iam_role", by.at("roles")), ("iam_user", by.at("users")), ("iam_group", by.at("groups"))] {
                    attach_all(by, rows, table, holders);
                }
            },
        },
        Spelling { kinds: &["aws_iam_role_policy_attachments_exclusive"], map: |by, rows| attach_each(by, rows, "iam_role", by.at("role_name")) },
        Spelling { kinds: &["aws_iam_user_policy_attachments_exclusive"], map: |by, rows| attach_each(by, rows, "iam_user", by.at("user_name")) },
        Spelling { kinds: &["aws_iam_group_policy_attachments_exclusive"], map: |by, rows| attach_each(by, rows, "iam_group", by.at("group_name")) },
        Spelling { kinds: &["aws_iam_instance_profile", "AWS::IAM::InstanceProfile"], map: instance_profile },
        Spelling { kinds: &["aws_iam_service_specific_credential"], map: credential },
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
            .set("assume_role_policy", document(by.at("assume_role_policy|assume_role_policy_document")))
            .set("inline_policies", inlines(by))
            .set("attached_policy_arns", by.at("managed_policy_arns").ids().or(Vec::new()))
            .set("permissions_boundary_arn", by.at("permissions_boundary").id().or(""))
            .put("instance_profile_arns", Vec::<String>::new())
            .set("tags", by.tags());
    }

    fn user(by: &Declared, rows: &mut Rows) {
        rows.row("iam_user", by, arn(by))
            .put("name", name(by))
            .set("inline_policies", inlines(by))
            .set("attached_policy_arns", by.at("managed_policy_arns").ids().or(Vec::new()))
            .set("groups", by.at("groups").ids().or(Vec::new()))
            .set("permissions_boundary_arn", by.at("permissions_boundary").id().or(""))
            .set("tags", by.tags());
    }

    fn group(by: &Declared, rows: &mut Rows) {
        rows.row("iam_group", by, name(by))
            .put("arn", arn(by))
            .set("inline_policies", inlines(by))
            .set("attached_policy_arns", by.at("managed_policy_arns").ids().or(Vec::new()));
    }

    /// A managed policy names its holders in CloudFormation.
    fn policy(by: &Declared, rows: &mut Rows) {
        let own = arn(by);
        rows.row("iam_policy", by, own.as_str()).put("name", name(by)).put("aws_managed", false).set("document", document(by.at("policy|policy_document")));
        for (table, holders) in [("iam_role", by.at("roles")), ("iam_user", by.at("users")), ("iam_group", by.at("groups"))] {
            for holder in holders.items() {
                rows.part(by, table, key(by, table, holder), "attached_policy_arns", Told::Known(json!(own)));
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
        holder.id().map(|name| if name.starts_with("arn:") { name } else { by.arn_of("iam", &format!("{word}/{name}")) })
    }

    fn inline(by: &Declared, rows: &mut Rows, table: &'static str, holder: &Node) {
        let name = by.name("name|policy_name");
        let item = document(by.at("policy|policy_document")).map(|document| json!({"name": name, "document": document}));
        rows.part(by, table, key(by, table, holder), "inline_policies", item);
    }

    fn policy_of_many(by: &Declared, rows: &mut Rows) {
        for (table, holders) in [("iam_role", by.at("roles")), ("iam_user", by.at("users")), ("iam_group", by.at("groups"))] {
            if let Node::Unknown(later) = holders {
                rows.part(by, table, Told::Unknown(later.clone()), "inline_policies", Told::Absent);
            }
            holders.items().iter().for_each(|holder| inline(by, rows, table, holder));
        }
    }

    fn attach(by: &Declared, rows: &mut Rows, table: &'static str, holder: &Node) {
        rows.part(by, table, key(by, table, holder), "attached_policy_arns", by.at("policy_arn").id().map(Json::from));
    }

    /// One policy for several holders.
    fn attach_all(by: &Declared, rows: &mut Rows, table: &'static str, holders: &Node) {
        match holders.ids() {
            Told::Known(all) => all.into_iter().for_each(|holder| attach(by, rows, table, &Node::Text(holder))),
            Told::Unknown(later) => rows.part(by, table, Told::Unknown(later), "attached_policy_arns", Told::Absent),
            Told::Absent => {}
        }
    }

    /// Several policies for one holder.
    fn attach_each(by: &Declared, rows: &mut Rows, table: &'static str, holder: &Node) {
        match by.at("policy_arns").ids() {
            Told::Known(all) => all.into_iter().for_each(|arn| rows.part(by, table, key(by, table, holder), "attached_policy_arns", Told::Known(json!(arn)))),
            Told::Unknown(later) => rows.part(by, table, key(by, table, holder), "attached_policy_arns", Told::Unknown(later)),
            Told::Absent => {}
        }
    }

    fn instance_profile(by: &Declared, rows: &mut Rows) {
        let own = arn(by);
        for holder in [by.at("role"), by.at("roles")] {
            let single = [holder.clone()];
            for holder in if matches!(holder, Node::List(_)) { holder.items() } else { &single } {
                rows.part(by, "iam_role", key(by, "iam_role", holder), "instance_profile_arns", Told::Known(json!(own)));
            }
        }
    }

    fn credential(by: &Declared, rows: &mut Rows) {
        rows.row("iam_service_specific_credential", by, by.name("service_specific_credential_id"))
            .set("user_name", by.at("user_name").id())
            .set("service_name", by.at("service_name").text())
            .set("status", by.at("status").text().or("Active"))
            .set("create_date", by.at("create_date").text())
            .set(
                "expiration_date",
                by.at("expiration_date").text().otherwise(|| match by.at("credential_age_days").int() {
                    Told::Absent => Told::Known(String::new()),
                    Told::Known(_) => Told::Absent,
                    Told::Unknown(later) => Told::Unknown(later),
                }),
            );
    }
}
