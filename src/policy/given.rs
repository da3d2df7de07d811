//! What AWS decides besides policies: operations that cross accounts, that need the resource's own word, that nobody may do, and
//! what an ARN does not tell.

use super::condition::{Comparison, operator};
use super::document::Condition;
use super::request::{Principal, Request};
use super::truth::Tri;
use crate::model::{Pattern, globs_meet};

/// Operations that principals of other accounts may do on a KMS key; of all others a key policy that names them has no effect
/// (KMS Developer Guide, "Allowing users in other accounts to use a KMS key").
const KMS_ACROSS: &[&str] = &[
    "creategrant",
    "decrypt",
    "derivesharedsecret",
    "describekey",
    "encrypt",
    "getkeyrotationstatus",
    "getpublickey",
    "listgrants",
    "reencryptfrom",
    "reencryptto",
    "retiregrant",
    "revokegrant",
    "sign",
    "verify",
];

/// May a principal of another account do it at all?
pub(super) fn crosses_accounts(action: &str) -> bool {
    let lower = action.to_ascii_lowercase();
    let Some(operation) = lower.strip_prefix("kms:") else {
        return true;
    };
    // What a text with wildcards stands for is decided for each of its actions.
    operation.contains(['*', '?'])
        || KMS_ACROSS.contains(&operation)
        || operation.starts_with("generatedatakey")
        || operation.ends_with("mac")
}

/// Without the resource's own policy nothing is allowed: KMS keys, and roles that are to be assumed.
pub(super) fn must_allow(action: &str) -> bool {
    let lower = action.to_ascii_lowercase();
    lower.starts_with("kms:")
        && ![
            "kms:createkey",
            "kms:listkeys",
            "kms:listaliases",
            "kms:generaterandom",
            "kms:listretirablegrants",
            "kms:createcustomkeystore",
            "kms:connectcustomkeystore",
            "kms:deletecustomkeystore",
            "kms:describecustomkeystores",
            "kms:disconnectcustomkeystore",
            "kms:updatecustomkeystore",
        ]
        .contains(&lower.as_str())
        || lower.starts_with("sts:assumerole")
}

/// Does AWS refuse it whatever policies say: changes to the policies that AWS manages, to service-linked roles, and to the roles
/// of IAM Identity Center (IAM User Guide, "AWS managed policies", "Service-linked roles"; IAM Identity Center User Guide)?
pub fn is_refused(action: &str, resource: &str) -> bool {
    let lower = action.to_ascii_lowercase();
    let Some(operation) = lower.strip_prefix("iam:") else {
        return false;
    };
    let changes = [
        "attach", "create", "delete", "detach", "put", "set", "tag", "untag", "update",
    ]
    .iter()
    .any(|verb| operation.starts_with(verb));
    let of = |part: &str| resource.contains(part) && !resource.contains('*');
    changes
        && operation != "deleteservicelinkedrole"
        && (of(":iam::aws:policy/")
            || of(":role/aws-service-role/")
            || of(":role/aws-reserved/sso.amazonaws.com/"))
}

/// A condition on the ARN of a role of which the path is not known: it stands where no path could turn it.
pub(super) fn without_path(condition: &Condition, principal: &Principal, held: Tri) -> Tri {
    let Some(arn) = principal.principal_arn() else {
        return held;
    };
    let Some((start, name)) = arn.split_once(":role/") else {
        return held;
    };
    let any_path = format!("{start}:role/*{name}");
    let exact = operator(&condition.operator);
    let could = |value: &String| {
        let wanted = match exact.comparison {
            Comparison::Text | Comparison::TextNoCase => value.replace(['*', '?'], "_"),
            _ => value.clone(),
        };
        globs_meet(&wanted, &any_path)
    };
    // The ARN without a path is what most roles have: what names it is held to mean it.
    let named = |value: &String| Pattern::glob(value).matches(&arn);
    if condition.values.iter().any(named) || !condition.values.iter().any(could) {
        return held;
    }
    Tri::unclear(format!(
        "{} on aws:PrincipalArn: the ARN of a session does not tell the path of its role",
        condition.operator
    ))
}

/// Is it allowed to everybody who has credentials, whatever policies say?
pub(super) fn is_free(request: &Request) -> bool {
    request.principal.is_aws() && request.action.eq_ignore_ascii_case("sts:GetCallerIdentity")
}
