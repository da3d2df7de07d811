//! Subjects: principals with access to Bedrock, and the roles that workloads and agents run under.

use crate::access::trust;
use crate::access::trusted::trusted;
use crate::access::trusted::trusted_organizations;
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Role, Row, Span, Table};
use crate::model::{Arn, GLOBAL, Gap, Observed, merge};
use crate::policy;
use crate::policy::{Document, Effect, PrincipalPattern};
use crate::services;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeSet;

pub(super) const IAM: Inputs = Inputs::All(&[
    services::iam::ROLE.list(),
    services::iam::USER.list(),
    services::iam::GROUP.list(),
    services::iam::POLICY.list(),
]);
pub(crate) const EFFECTIVE: Inputs = Inputs::All(&[
    services::iam::ROLE.list(),
    services::iam::USER.list(),
    services::iam::GROUP.list(),
    services::iam::POLICY.list(),
    CONTROLS,
]);
/// What tells the control policies over an account.
pub(crate) const CONTROLS: Inputs = Inputs::All(&[
    services::organizations::ORGANIZATION.list(),
    services::organizations::ACCOUNT.list(),
    services::organizations::ACCOUNT.group("path"),
    services::organizations::POLICY_TARGET.list(),
    services::organizations::POLICY_TARGET.group("content"),
]);
const PROFILES: Inputs = Inputs::All(&[EFFECTIVE, services::bedrock::INFERENCE_PROFILE.list()]);
const TRUST: Inputs = Inputs::All(&[
    services::iam::ROLE.list(),
    services::iam::USER.list(),
    services::organizations::ORGANIZATION.list(),
    services::organizations::ACCOUNT.list(),
]);

/// Principals with access.
pub const PRINCIPAL: Table = Table {
    name: "bedrock_principal",
    doc: "A role or user that may do something with Bedrock, after boundaries and control policies; one of which it could not be determined is among them.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        text("principal_kind", "`role` or `user`.").from(IAM),
        flag("is_service_linked", "Is it a service-linked role?").from(IAM),
        flag(
            "has_access",
            "May it do something with Bedrock? True, or unknown."
        )
        .from(EFFECTIVE),
        flag(
            "is_administrator",
            "Does it hold every action on every resource?"
        )
        .from(EFFECTIVE),
        flag(
            "full_access",
            "Does it hold every Bedrock, Mantle or AgentCore action on every resource?"
        )
        .from(EFFECTIVE),
        text("full_access_on", "Prefix of those actions.")
            .absent("''")
            .from(EFFECTIVE),
        json("full_access_witness", "A request that shows it.")
            .absent("null")
            .from(EFFECTIVE),
        text(
            "limited_by",
            "Boundary and control policies that narrow it."
        )
        .absent("''")
        .from(EFFECTIVE),
        flag("invokes", "May it invoke some model?").from(EFFECTIVE),
        list("granted_by", "Policies that let it.").from(EFFECTIVE),
        list(
            "conditions",
            "Statements that let it only under a condition."
        )
        .from(EFFECTIVE),
        list("inference_profiles", "Inference profiles by which it may.").from(PROFILES),
        list(
            "inference_regions",
            "Regions in which calls by these profiles may run; `any` for global ones."
        )
        .from(PROFILES),
        flag(
            "global_profiles",
            "May it call by a global profile, whose calls may run in any commercial Region?"
        )
        .from(PROFILES),
        flag(
            "has_region_limit",
            "Does the configuration name approved Regions?"
        )
        .from(PROFILES),
        list(
            "outside_regions",
            "Regions in which calls by its other profiles may run and that are not approved."
        )
        .from(PROFILES),
        flag("leaves_regions", "Are there such?").from(PROFILES),
        flag(
            "invokes_from_anywhere",
            "May it do so without a VPC endpoint, from an address that no policy lists?"
        )
        .from(EFFECTIVE),
        json("invoke_witness", "A request that shows it.")
            .absent("null")
            .from(EFFECTIVE),
        flag("any_model", "May it invoke a model that nobody named?").from(EFFECTIVE),
        flag(
            "model_family",
            "May it invoke a model by a wildcard in its name?"
        )
        .from(EFFECTIVE),
        list("models", "Models named that it may invoke.").from(EFFECTIVE),
        json("model_witness", "A request that shows it.")
            .absent("null")
            .from(EFFECTIVE),
        flag(
            "bearer_token",
            "May a bearer key stand for it, on either kind of endpoint?"
        )
        .from(EFFECTIVE),
        text("bearer_token_on", "Prefixes of the actions that let it.")
            .absent("''")
            .from(EFFECTIVE),
        json("bearer_token_witness", "A request that shows it.")
            .absent("null")
            .from(EFFECTIVE),
        flag(
            "trust_open",
            "May a caller that nobody named assume it? False for a user."
        )
        .from(TRUST),
        text("trust_reason", "Which caller.")
            .absent("''")
            .from(TRUST),
        json("trust_witness", "The request that passes.")
            .absent("null")
            .from(TRUST),
        flag(
            "assumed_by_managed_service",
            "Do only services assume it that call from their own network?"
        )
        .from(IAM),
    ],
    reads: &[],
    lists: IAM,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &PRINCIPAL,
    derive: derive_principals,
    rests_on_published_data: true,
};

/// Services that call Bedrock from their own network, where no endpoint of a customer is.
const MANAGED: &[&str] = &[
    "bedrock.amazonaws.com",
    "bedrock-agentcore.amazonaws.com",
    "states.amazonaws.com",
    "apigateway.amazonaws.com",
    "events.amazonaws.com",
    "scheduler.amazonaws.com",
    "pipes.amazonaws.com",
    "appsync.amazonaws.com",
    "connect.amazonaws.com",
    "lex.amazonaws.com",
    "qbusiness.amazonaws.com",
];

/// Who may assume a role.
pub(super) struct Trust {
    pub(super) services: BTreeSet<String>,
    pub(super) people: bool,
    pub(super) federated: bool,
    pub(super) accounts: BTreeSet<String>,
}

pub(super) fn trust_of(row: Row<'_>) -> Observed<Trust> {
    row.json("assume_role_policy")
        .and_then(|json| match Document::parse("trust policy", &json) {
            Ok(document) => Known(document),
            Err(why) => Observed::gap(Gap::not_understood(
                "iam_role.assume_role_policy",
                why.to_string(),
            )),
        })
        .map(|document| {
            let mut trust = Trust {
                services: BTreeSet::new(),
                people: false,
                federated: false,
                accounts: BTreeSet::new(),
            };
            for pattern in document
                .statements
                .iter()
                .filter(|statement| statement.effect == Effect::Allow)
                .flat_map(|statement| &statement.principals)
                .flat_map(|patterns| &patterns.all)
            {
                match pattern {
                    // Functions at the edge are functions: one service.
                    PrincipalPattern::Service(name) => {
                        trust
                            .services
                            .insert(name.replace("edgelambda.", "lambda."));
                    }
                    PrincipalPattern::Anyone => trust.people = true,
                    PrincipalPattern::Account(account) => {
                        trust.people = true;
                        trust.accounts.insert(account.clone());
                    }
                    PrincipalPattern::Arn(arn) => {
                        trust.people = true;
                        trust
                            .accounts
                            .extend(Arn::parse(arn).map(|arn| arn.account.to_owned()));
                    }
                    PrincipalPattern::Federated(name) => {
                        trust.people |= name.contains(":saml-provider/");
                        trust.federated = true;
                    }
                    PrincipalPattern::Canonical(_) => trust.people = true,
                    // It matches nobody.
                    PrincipalPattern::Deleted(_) | PrincipalPattern::Refused(_) => {}
                }
            }
            trust
        })
}

pub(crate) fn derive_principals(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, _) in facts.settings.scopes(&PRINCIPAL) {
        for (table, kind, resource_type) in [
            ("iam_role", "role", "AWS::IAM::Role"),
            ("iam_user", "user", "AWS::IAM::User"),
        ] {
            let found = facts.world.all(table, &account, GLOBAL);
            sink.hide(&account, GLOBAL, found.gaps);
            for principal in found.rows {
                principal_row(facts, sink, principal, kind, resource_type);
            }
        }
    }
}

fn principal_row<'w>(
    facts: &Facts<'w>,
    sink: &mut Sink<'_>,
    principal: Row<'w>,
    kind: &'static str,
    resource_type: &str,
) {
    let access = facts.principals.of(principal);
    let nothing = matches!(
        (&access.full, &access.invokes, access.families.any()),
        (Known(None), Known(None), Known(false))
    ) && access.bearer == Known(None);
    if nothing {
        return;
    }
    let account = principal.account();
    let linked = if kind == "role" {
        principal
            .text("path")
            .map(|path| path.starts_with("/aws-service-role/"))
    } else {
        Known(false)
    };
    let managed = if kind == "role" {
        trust_of(principal).map(|trust| {
            !trust.people
                && !trust.federated
                && !trust.services.is_empty()
                && trust
                    .services
                    .iter()
                    .all(|service| MANAGED.contains(&service.as_str()))
        })
    } else {
        Known(false)
    };
    let regions = access.profiles.clone().map(|profiles| {
        let all: BTreeSet<String> = profiles.into_values().flatten().collect();
        all
    });
    let approved = facts.settings.list("approved_regions");
    let outside = regions.clone().map(|regions| {
        regions
            .into_iter()
            .filter(|region| region != "any" && !approved.is_empty() && !approved.contains(region))
            .collect::<Vec<_>>()
    });
    let witness =
        |found: &Observed<Option<Json>>| found.clone().known().flatten().unwrap_or(Json::Null);
    let mut row = sink.row(account, GLOBAL, principal.key(), resource_type);
    row.set("name", principal.text("name"))
        .tagged(facts.settings, account, principal.tags());
    let some = Observed::any([
        access.full.clone().map(|found| found.is_some()),
        access.invokes.clone().map(|found| found.is_some()),
        access.families.any(),
        access.bearer.clone().map(|found| found.is_some()),
    ]);
    row.put("principal_kind", kind)
        .set("has_access", some)
        .set("is_service_linked", linked)
        .set("is_administrator", access.administrator.clone())
        .set(
            "full_access",
            access.full.clone().map(|found| found.is_some()),
        )
        .set(
            "full_access_on",
            access
                .full
                .clone()
                .map(|found| found.map_or("", |(prefix, _)| prefix)),
        )
        .put(
            "full_access_witness",
            witness(
                &access
                    .full
                    .clone()
                    .map(|found| found.map(|(_, request)| request)),
            ),
        )
        .put("limited_by", access.limited_by.as_str())
        .set(
            "invokes",
            access.invokes.clone().map(|found| found.is_some()),
        )
        .set("granted_by", access.granted.clone().map(|(by, _)| by))
        .set(
            "conditions",
            access.granted.clone().map(|(_, conditions)| conditions),
        )
        .set(
            "inference_profiles",
            access
                .profiles
                .clone()
                .map(|profiles| profiles.into_keys().collect::<Vec<_>>()),
        )
        .set("inference_regions", regions.clone().map(Vec::from_iter))
        .set(
            "global_profiles",
            regions
                .clone()
                .map(|all| all.iter().any(|region| region == "any")),
        )
        .put("has_region_limit", !approved.is_empty())
        .set("leaves_regions", outside.clone().map(|all| !all.is_empty()))
        .set("outside_regions", outside)
        .set(
            "invokes_from_anywhere",
            access.anywhere.clone().map(|found| found.is_some()),
        )
        .put("invoke_witness", witness(&access.anywhere))
        .set("assumed_by_managed_service", managed);
    let (any, family, named) = match access.models.clone() {
        Known(models) => (models.any, models.family, models.named),
        Unknown(gaps) => (Unknown(gaps.clone()), Unknown(gaps.clone()), Unknown(gaps)),
    };
    let model = witness(&any);
    row.put(
        "model_witness",
        if model.is_null() {
            witness(&family)
        } else {
            model
        },
    )
    .set("any_model", any.map(|found| found.is_some()))
    .set("model_family", family.map(|found| found.is_some()))
    .set("models", named)
    .set(
        "bearer_token",
        access.bearer.clone().map(|found| found.is_some()),
    )
    .set(
        "bearer_token_on",
        access
            .bearer
            .clone()
            .map(|found| found.map_or(String::new(), |(on, _)| on)),
    )
    .put(
        "bearer_token_witness",
        witness(
            &access
                .bearer
                .clone()
                .map(|found| found.map(|(_, request)| request)),
        ),
    );
    let open = if kind == "role" {
        openness(facts, principal)
    } else {
        Known(None)
    };
    row.set("trust_open", open.clone().map(|found| found.is_some()))
        .set(
            "trust_reason",
            open.clone()
                .map(|found| found.map_or(String::new(), |(reason, _)| reason)),
        )
        .put(
            "trust_witness",
            witness(&open.map(|found| found.map(|(_, request)| request))),
        );
    sink.push(row);
}

/// A caller that nobody named and that may assume the role.
fn openness(facts: &Facts<'_>, role: Row<'_>) -> Observed<Option<(String, Json)>> {
    let document = role.json("assume_role_policy").and_then(|json| {
        match Document::parse("trust policy", &json) {
            Ok(document) => Known(document),
            Err(why) => Observed::gap(Gap::not_understood(
                "iam_role.assume_role_policy",
                why.to_string(),
            )),
        }
    });
    document.and_then(|document| {
        let is_ours = trusted(facts.world, role.account());
        let organizations = trusted_organizations(facts.world, role.account());
        let gaps = std::cell::RefCell::new(Vec::new());
        let answer = trust::openness(
            role.key(),
            &document,
            organizations.as_deref(),
            &|account| match is_ours(account) {
                Known(known) => Some(known),
                Unknown(more) => {
                    gaps.borrow_mut().extend(more);
                    None
                }
            },
        );
        match answer {
            trust::Openness::Open(reason, witness) => Known(Some((reason, witness))),
            trust::Openness::Closed => Known(None),
            trust::Openness::Unknown(why) => {
                let gaps = merge(Vec::new(), gaps.into_inner());
                Unknown(if gaps.is_empty() {
                    policy::of(why, "iam_role.assume_role_policy")
                } else {
                    gaps
                })
            }
        }
    })
}
