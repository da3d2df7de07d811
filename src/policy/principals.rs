//! Does a principal element name a principal?

use super::document::{Patterns, PrincipalPattern};
use super::request::{Kind, Principal};
use super::truth::Tri;
use crate::model::{Arn, UNKNOWN_ACCOUNT};

/// How a statement names a principal, strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Not,
    /// By its account: the decision is left to identity policies.
    Account,
    /// A role by its ARN: boundary and session still limit.
    Role,
    /// With everyone.
    Anyone,
    /// Itself: a user, or one session.
    Itself,
}

pub(super) fn form(pattern: &PrincipalPattern, principal: &Principal) -> (Form, Tri) {
    let yes = |form: Form, is: bool| (if is { form } else { Form::Not }, Tri::from(is));
    // A file that does not say which account it is for may be for the one that is named.
    let may_be = |named: &str, form: Form| {
        (
            form,
            Tri::unclear(format!(
                "the file does not say which account it is for, and the policy names {named}"
            )),
        )
    };
    match pattern {
        PrincipalPattern::Account(account)
            if *account != principal.account
                && [account, &principal.account]
                    .iter()
                    .any(|id| *id == UNKNOWN_ACCOUNT)
                && principal.is_aws() =>
        {
            may_be(account, Form::Account)
        }
        PrincipalPattern::Arn(arn)
            if *arn != principal.arn && same_but_account(arn, &principal.arn) =>
        {
            may_be(
                arn,
                if principal.kind == Kind::Role {
                    Form::Role
                } else {
                    Form::Itself
                },
            )
        }
        PrincipalPattern::Anyone => yes(Form::Anyone, true),
        PrincipalPattern::Account(account) => yes(
            Form::Account,
            principal.is_aws() && *account == principal.account,
        ),
        // IAM User Guide, "Policy evaluation for requests within a single account": a federated user has what a policy gives to the
        // user who federated, and who that is its ARN does not tell.
        PrincipalPattern::Arn(arn)
            if principal.kind == Kind::FederatedUser
                && Principal::parse(arn).kind == Kind::User
                && Principal::parse(arn).account == principal.account =>
        {
            (
                Form::Itself,
                Tri::unclear(format!(
                    "the policy names the user `{arn}`; which user federated is not known"
                )),
            )
        }
        PrincipalPattern::Arn(arn) => match principal.kind {
            Kind::User | Kind::FederatedUser | Kind::Root => {
                yes(Form::Itself, *arn == principal.arn)
            }
            Kind::Role if is_session_of(arn, principal) => (
                Form::Itself,
                Tri::unclear(format!(
                    "the policy names the session `{arn}`; which session of the role asks is not known"
                )),
            ),
            Kind::Role => yes(Form::Role, *arn == principal.arn),
            Kind::Session if *arn == principal.arn => yes(Form::Itself, true),
            Kind::Session => yes(
                Form::Role,
                is_session_of(&principal.arn, &Principal::parse(arn)),
            ),
            _ => yes(Form::Not, false),
        },
        PrincipalPattern::Deleted(_) => yes(Form::Not, false),
        PrincipalPattern::Refused(name) => (
            Form::Itself,
            Tri::unclear(format!(
                "`{name}` is not a principal: AWS refuses the policy, so whom it names is not known"
            )),
        ),
        PrincipalPattern::Service(name) => yes(
            Form::Itself,
            principal.kind == Kind::Service && (name == "*" || *name == principal.arn),
        ),
        PrincipalPattern::Federated(name) => yes(
            Form::Itself,
            principal.kind == Kind::Federated && (name == "*" || *name == principal.arn),
        ),
        PrincipalPattern::Canonical(id) => yes(
            Form::Itself,
            principal.kind == Kind::Canonical && *id == principal.arn,
        ),
    }
}

/// Are two ARNs the same as soon as the account is left out that a file does not tell?
pub(super) fn same_but_account(left: &str, right: &str) -> bool {
    match (Arn::parse(left), Arn::parse(right)) {
        (Some(a), Some(b)) => {
            a.resource == b.resource
                && a.account != b.account
                && [a.account, b.account].contains(&UNKNOWN_ACCOUNT)
        }
        _ => false,
    }
}

/// Is the ARN that of a session of the role? The session's ARN lacks the role's path.
pub(super) fn is_session_of(session: &str, role: &Principal) -> bool {
    let (Some(session), Some(role_arn)) = (Arn::parse(session), Arn::parse(&role.arn)) else {
        return false;
    };
    let mut parts = session.resource.split('/');
    parts.next() == Some("assumed-role")
        && role_arn.resource.starts_with("role/")
        && parts.next() == role_arn.resource.rsplit('/').next()
        && session.account == role_arn.account
}

pub(super) fn principal_matches(
    patterns: &Patterns<PrincipalPattern>,
    principal: &Principal,
) -> Tri {
    if !patterns.negated {
        return patterns
            .all
            .iter()
            .map(|pattern| form(pattern, principal).1)
            .fold(Tri::False, Tri::or);
    }
    // A Deny with NotPrincipal always hits a principal with a boundary (IAM User Guide, access_policies_boundaries).
    if principal.bounded {
        return Tri::True;
    }
    let excepted = patterns.all.iter().map(|pattern| match pattern {
        // The account stands there for its root user, and so that its members can be excepted at all.
        PrincipalPattern::Account(account) => Tri::from(principal.kind == Kind::Root && *account == principal.account),
        pattern => match form(pattern, principal) {
            (Form::Role, Tri::True) if principal.kind == Kind::Session => {
                Tri::unclear("NotPrincipal names the role and not its session: whether that excepts the session depends on the service")
            }
            (_, matches) => matches,
        },
    });
    excepted.fold(Tri::False, Tri::or).not()
}
