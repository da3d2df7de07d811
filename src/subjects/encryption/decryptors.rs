//! Who may decrypt by a key, and who administers it.

use super::judged_key::Judged;
use crate::access::documents::of_resource;
use crate::access::principal::Access;
use crate::access::resource::Guard;
use crate::inventory::Row;
use crate::model::{Arn, GLOBAL, Gap, Observed, glob, merge};
use crate::policy;
use crate::policy::{
    Ask, Document, Effect, Fact, Found, Kind, Policies, Principal, PrincipalPattern, Request,
    Statement, Tri, anyone_through, may, outsider_through,
};
use crate::subjects::Facts;
use crate::subjects::identity::agent_role;
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What decrypts, directly or by way of a grant or another key.
pub(super) const DECRYPT: &[&str] = &["kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant"];

/// What takes a key out of use, and what decides over everything else.
pub(super) const RULE: &[&str] = &[
    "kms:PutKeyPolicy",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
];

/// Accounts of AWS's documentation (AWS style guide and the examples of the KMS Developer Guide).
/// An account that nobody names, as AWS's own documentation writes it.
pub(super) const STRANGER: &str = "111122223333";

/// The most principals of other accounts that are listed one by one.
pub(super) const MOST_OUTSIDERS: usize = 20;

pub(super) const DOCUMENTATION_ACCOUNTS: &[&str] = &[
    "111122223333",
    "444455556666",
    "777788889999",
    "123456789012",
    "210987654321",
];

pub(super) fn seen(found: Found) -> Observed<Option<Json>> {
    found
        .observed("kms_key.policy")
        .map(|found| found.map(|request| request.witness()))
}

/// A direct call: a grant for a service in the caller's name is no decryption of the caller's own.
pub(super) fn directly() -> BTreeMap<String, Fact> {
    BTreeMap::from([
        ("kms:grantisforawsresource".to_owned(), Fact::one("false")),
        // Only a grant that lets decrypt is a way to decrypt.
        ("kms:grantoperations".to_owned(), Fact::one("Decrypt")),
    ])
}

/// A principal of the run with what decides over its requests.
pub(super) struct Candidate {
    pub(super) arn: String,
    pub(super) access: Rc<Access>,
}

/// May the statement allow one of the actions to someone in the account?
pub(super) fn names_account(statement: &Statement, account: &str, actions: &[&str]) -> bool {
    statement.effect == Effect::Allow
        && actions.iter().any(|action| statement.names_action(action))
        && statement.principals.as_ref().is_none_or(|patterns| {
            patterns.negated
                || patterns.all.iter().any(|pattern| match pattern {
                    PrincipalPattern::Anyone => true,
                    PrincipalPattern::Account(named) => named == account,
                    PrincipalPattern::Arn(arn) => {
                        Arn::parse(arn).is_none_or(|arn| arn.account == account)
                    }
                    _ => false,
                })
        })
}

/// Those whom policy or grants speak of, in the accounts of the run.
pub(super) fn candidates(
    facts: &Facts<'_>,
    policy: &Document,
    grants: &[Rc<Document>],
) -> Vec<Candidate> {
    let statements = || {
        std::iter::once(policy)
            .chain(grants.iter().map(Rc::as_ref))
            .flat_map(|document| &document.statements)
    };
    let speaks = |row: &Row<'_>| {
        let principal = Principal::parse(row.key());
        statements().any(|statement| {
            statement.effect == Effect::Allow && statement.names_principal(&principal) != Tri::False
        })
    };
    let rows = facts.world.accounts().flat_map(|account| {
        ["iam_role", "iam_user"]
            .into_iter()
            .flat_map(|table| facts.world.all(table, account, GLOBAL).rows)
    });
    rows.filter(speaks)
        .map(|row| Candidate {
            arn: row.key().to_owned(),
            access: facts.principals.of(row),
        })
        .collect()
}

/// What hides principals to whom policy or grants may allow one of the actions.
pub(super) fn unseen(
    facts: &Facts<'_>,
    policy: &Document,
    grants: &[Rc<Document>],
    actions: &[&str],
) -> Vec<Gap> {
    let statements = || {
        std::iter::once(policy)
            .chain(grants.iter().map(Rc::as_ref))
            .flat_map(|document| &document.statements)
    };
    let named = facts
        .world
        .accounts()
        .filter(|account| statements().any(|statement| names_account(statement, account, actions)));
    named
        .flat_map(|account| {
            ["iam_role", "iam_user"].map(|table| facts.world.all(table, account, GLOBAL).gaps)
        })
        .fold(Vec::new(), merge)
}

/// What a search among many principals came to: those found, the first request, and what hides more.
#[derive(Default)]
pub(super) struct Among {
    pub(super) found: Vec<String>,
    pub(super) witness: Option<Json>,
    pub(super) gaps: Vec<Gap>,
}

impl Among {
    fn note(&mut self, arn: &str, found: Observed<Option<Json>>) {
        match found {
            Known(Some(witness)) => {
                self.found.push(arn.to_owned());
                self.witness.get_or_insert(witness);
            }
            Known(None) => {}
            Unknown(gaps) => self.gaps = merge(std::mem::take(&mut self.gaps), gaps),
        }
    }

    fn list(&self) -> Observed<Vec<String>> {
        if self.gaps.is_empty() {
            Known(self.found.clone())
        } else {
            Unknown(self.gaps.clone())
        }
    }

    fn some(&self) -> Observed<Option<Json>> {
        match (&self.witness, self.gaps.is_empty()) {
            (Some(witness), _) => Known(Some(witness.clone())),
            (None, true) => Known(None),
            (None, false) => Unknown(self.gaps.clone()),
        }
    }
}

pub(super) fn may_use(
    access: &Access,
    guard: &Guard,
    key: &str,
    actions: &[&str],
) -> Observed<Option<Json>> {
    // Across accounts both sides have to allow it: whose own policies name no such action needs no search.
    let own = access.principal.account.as_str();
    let foreign = guard.owner.as_deref().is_some_and(|owner| owner != own);
    if foreign && access.identity_gaps.is_empty() && !names_any(access, actions) {
        return Known(None);
    }
    guard
        .may(access, actions, &[key.to_owned()], directly())
        .map(|found| found.map(|request| request.witness()))
}

/// Does a statement of the principal's own policies allow one of the actions on something?
fn names_any(access: &Access, actions: &[&str]) -> bool {
    access
        .grants
        .identity
        .iter()
        .flat_map(|document| &document.statements)
        .any(|statement| {
            statement.effect == Effect::Allow
                && actions.iter().any(|action| statement.names_action(action))
        })
}

pub(super) fn judge(
    facts: &Facts<'_>,
    key: Row<'_>,
    owner: &str,
    expected: &Observed<BTreeSet<String>>,
) -> Judged {
    let policy = key
        .json("policy")
        .and_then(|json| of_resource(key.key(), &json));
    let origin = key.text("origin").map(str::to_owned);
    let policy = match policy {
        Known(policy) => policy,
        Unknown(gaps) => {
            return Judged {
                origin,
                control: Unknown(gaps.clone()),
                administrators: Unknown(gaps.clone()),
                open: Unknown(gaps.clone()),
                decryptors: Unknown(gaps.clone()),
                unexpected: Unknown(gaps.clone()),
                too_wide: Unknown(gaps.clone()),
                placeholders: Unknown(gaps),
            };
        }
    };
    let guard = Guard::of_key(facts.world, key, owner, Rc::clone(&policy));
    let known_grants = guard.grants.clone().known().unwrap_or_default();
    let unseen = |actions: &[&str]| unseen(facts, &policy, &known_grants, actions);
    let security = facts.settings.list("security_roles");
    let mut decryptors = Among {
        gaps: merge(unseen(DECRYPT), guard.grants.gaps().to_vec()),
        ..Among::default()
    };
    let mut administrators = Among {
        gaps: unseen(RULE),
        ..Among::default()
    };
    // Where the security roles are told, whoever else may put the policy counts too, seen or not.
    let hidden = if security.is_empty() {
        decryptors.gaps.clone()
    } else {
        merge(decryptors.gaps.clone(), administrators.gaps.clone())
    };
    let mut wide = Among {
        gaps: hidden,
        ..Among::default()
    };
    let declared = facts.settings.list("allowed_decrypters");
    let mut rulers: Vec<Observed<bool>> = RULE.iter().map(|_| Known(false)).collect();
    for candidate in &candidates(facts, &policy, &known_grants) {
        // Only its service stands behind a service-linked role.
        if candidate.access.principal.is_service_linked() {
            continue;
        }
        let is_security = security.iter().any(|pattern| glob(pattern, &candidate.arn));
        let decrypts = may_use(&candidate.access, &guard, key.key(), DECRYPT);
        let administers = may_use(&candidate.access, &guard, key.key(), &["kms:PutKeyPolicy"]);
        if security.is_empty() || is_security {
            for (ruler, action) in rulers.iter_mut().zip(RULE) {
                if !ruler.is_true() {
                    *ruler =
                        ruler
                            .clone()
                            .or(may_use(&candidate.access, &guard, key.key(), &[action])
                                .map(|found| found.is_some()));
                }
            }
        }
        decryptors.note(&candidate.arn, decrypts.clone());
        administrators.note(&candidate.arn, administers.clone());
        if !is_security && !is_expected(&declared, &candidate.arn) {
            let at_last = if security.is_empty() {
                decrypts
            } else {
                first(decrypts, administers)
            };
            match expected {
                Known(expected) if expected.contains(&candidate.arn) => {}
                Unknown(gaps) if !matches!(at_last, Known(None)) => {
                    wide.gaps = merge(std::mem::take(&mut wide.gaps), gaps.clone())
                }
                _ => wide.note(&candidate.arn, at_last),
            }
        }
    }
    for (arn, witness) in outsiders(facts, &guard, &policy, key.key(), &known_grants) {
        decryptors.note(&arn, witness.clone());
        if !is_expected(&security, &arn) && !is_expected(&declared, &arn) {
            wide.note(&arn, witness);
        }
    }
    let unseen_rulers = if administrators.gaps.is_empty() {
        Known(false)
    } else {
        Unknown(administrators.gaps.clone())
    };
    let ruled = Observed::all(
        rulers
            .into_iter()
            .map(|ruler| ruler.or(unseen_rulers.clone())),
    );
    Judged {
        origin: origin.clone(),
        control: control(&origin, ruled, !security.is_empty()),
        administrators: administrators.list(),
        open: fenced(
            &guard,
            anyone_through(
                &with_fences(&guard, &policy),
                &[DECRYPT, &["kms:Encrypt", "kms:GenerateDataKey"]].concat(),
                &[key.key().to_owned()],
                &directly(),
            ),
        ),
        decryptors: decryptors.list(),
        unexpected: wide.list(),
        too_wide: wide.some(),
        placeholders: Known(placeholders(facts, owner, &policy)),
    }
}

/// The first that is there; unknown where one may be.
pub(super) fn first<T>(a: Observed<Option<T>>, b: Observed<Option<T>>) -> Observed<Option<T>> {
    match (a, b) {
        (Known(Some(found)), _) | (_, Known(Some(found))) => Known(Some(found)),
        (Known(None), other) | (other, Known(None)) => other,
        (Unknown(a), Unknown(b)) => Unknown(merge(a, b)),
    }
}

pub(super) fn is_expected(patterns: &[String], arn: &str) -> bool {
    patterns.iter().any(|pattern| glob(pattern, arn))
}

/// Who may decrypt without being declared: roles of workloads that call Bedrock, of knowledge bases and agents.
pub(super) fn expected(facts: &Facts<'_>) -> Observed<BTreeSet<String>> {
    let (all, gaps) = expected_roles(facts);
    if gaps.is_empty() {
        Known(all)
    } else {
        Unknown(gaps)
    }
}

/// The roles of workloads that call Bedrock, of knowledge bases and of agents, and what may hide more.
pub(crate) fn expected_roles(facts: &Facts<'_>) -> (BTreeSet<String>, Vec<Gap>) {
    let mut all: BTreeSet<String> = BTreeSet::new();
    let mut gaps = Vec::new();
    for workload in &facts.workloads.all().all {
        match (workload.is_caller(), &workload.roles) {
            (Known(false), _) => {}
            (Known(true), Known(roles)) => all.extend(roles.iter().cloned()),
            (Unknown(more), _) => gaps = merge(gaps, more),
            (_, Unknown(more)) => gaps = merge(gaps, more.clone()),
        }
    }
    for gap in facts.workloads.all().gaps.values() {
        gaps = merge(gaps, gap.clone());
    }
    for account in facts
        .world
        .accounts()
        .map(str::to_owned)
        .collect::<Vec<_>>()
    {
        let (roles, more) = agent_role::agent_roles(facts, &account);
        gaps = merge(gaps, more);
        all.extend(roles.into_keys());
    }
    (all, gaps)
}

/// Principals outside the run to whom policy or grants hand the key; what their own accounts let them do is theirs to decide.
pub(super) fn outsiders(
    facts: &Facts<'_>,
    guard: &Guard,
    policy: &Rc<Document>,
    key: &str,
    grants: &[Rc<Document>],
) -> BTreeMap<String, Observed<Option<Json>>> {
    let mut all = BTreeMap::new();
    let anything = Document::parse(
        "its own account",
        &json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
    );
    let Ok(anything) = anything else { return all };
    let own = Policies {
        identity: vec![Rc::new(anything)],
        ..Policies::default()
    };
    let resources = [key.to_owned()];
    let named = std::iter::once(policy)
        .chain(grants)
        .flat_map(|document| &document.statements)
        .filter(|statement| statement.effect == Effect::Allow);
    for pattern in named
        .filter_map(|statement| statement.principals.as_ref())
        .filter(|patterns| !patterns.negated)
        .flat_map(|patterns| &patterns.all)
    {
        let arn = match pattern {
            PrincipalPattern::Account(account) => {
                format!("arn:{}:iam::{account}:root", facts.world.run.partition)
            }
            PrincipalPattern::Arn(arn) => arn.clone(),
            _ => continue,
        };
        let principal = Principal::parse(&arn);
        // Those of the run are asked with their own policies, where they have some.
        let in_run = facts.world.run.account(&principal.account).is_some()
            && matches!(
                principal.kind,
                Kind::Role | Kind::User | Kind::Session | Kind::Root
            );
        if principal.account.is_empty() || in_run || all.contains_key(&arn) {
            continue;
        }
        let ask = Ask {
            principal: &principal,
            actions: DECRYPT,
            resources: &resources,
            resource_account: guard.owner.as_deref(),
            context: directly(),
            choose: true,
        };
        let found = seen(may(&guard.over(&own), &ask));
        all.insert(arn, found);
    }
    // By a condition alone: an organisation, or accounts; one after the other, until no more is found.
    let policy = with_fences(guard, policy);
    let mut known: BTreeSet<String> = all
        .keys()
        .filter_map(|arn| Arn::parse(arn))
        .map(|arn| arn.account.to_owned())
        .collect();
    for _ in 0..MOST_OUTSIDERS {
        let is_known = |account: &str| {
            Some(facts.world.run.account(account).is_some() || known.contains(account))
        };
        let found = outsider_through(
            &policy,
            DECRYPT,
            &resources,
            &directly(),
            Some(&[]),
            &is_known,
        );
        let Found::Yes(request) = found else {
            if let Found::Unknown(why) = found {
                all.insert("*".to_owned(), Unknown(policy::of(why, "kms_key.policy")));
            }
            return all;
        };
        let who = match &request.principal.organization {
            Fact::Values(organizations) if !organizations.is_empty() => {
                format!("any principal of organisation {}", organizations.join(", "))
            }
            _ => name(&request),
        };
        let repeated = !known.insert(request.principal.account.clone());
        let told = all
            .insert(who, fenced(guard, Found::Yes(request)))
            .is_some();
        // An account that nobody names stands for every other.
        if repeated || told || known.contains(STRANGER) {
            return all;
        }
    }
    all.insert(
        "*".to_owned(),
        Observed::gap(Gap::not_understood(
            "kms_key.policy",
            "more principals of other accounts may decrypt than are listed one by one",
        )),
    );
    all
}

/// The policy together with what resource control policies over its account deny.
pub(super) fn with_fences(guard: &Guard, policy: &Document) -> Document {
    let mut document = policy.clone();
    let denies = guard.fences.clone().known().into_iter().flatten().flatten();
    document.statements.extend(
        denies
            .flat_map(|fence| fence.statements.clone())
            .filter(|statement| statement.effect == Effect::Deny),
    );
    document
}

/// Where what lies over the account could not be read, nothing is certain to pass.
pub(super) fn fenced(guard: &Guard, found: Found) -> Observed<Option<Json>> {
    match (found, &guard.fences) {
        (Found::Yes(_), Unknown(gaps)) => Unknown(gaps.clone()),
        (found, _) => seen(found),
    }
}

/// Can the own organisation take the key out of use? Principals of other accounts never can, whatever the key policy says.
pub(super) fn control(
    origin: &Observed<String>,
    ruled: Observed<bool>,
    named: bool,
) -> Observed<(bool, String)> {
    if ruled.is_false() {
        let who = if named {
            "none of the security roles"
        } else {
            "no role or user of its account"
        };
        return Known((
            false,
            format!("{who} may change its policy, disable it and delete it"),
        ));
    }
    let origin = origin.clone().and_then(|origin| match origin.as_str() {
        "AWS_KMS" | "AWS_CLOUDHSM" => Known(()),
        _ => Observed::gap(Gap::not_understood(
            "kms_key.origin",
            format!(
                "its material comes from outside ({origin}); who else holds it, AWS does not know"
            ),
        )),
    });
    let who = if named {
        "security roles"
    } else {
        "principals of its account"
    };
    origin.zip(ruled).map(|_| {
        (
            true,
            format!("{who} may change its policy, disable it and delete it"),
        )
    })
}

pub(super) fn name(request: &Request) -> String {
    if request.principal.arn.is_empty() {
        "anyone".to_owned()
    } else {
        request.principal.arn.clone()
    }
}

/// Texts of a policy that stand in documentation and in no company.
pub(super) fn placeholders(facts: &Facts<'_>, owner: &str, policy: &Document) -> Vec<String> {
    let mut accounts = facts.settings.list("placeholder_accounts");
    if accounts.is_empty() {
        accounts = DOCUMENTATION_ACCOUNTS
            .iter()
            .map(|account| (*account).to_owned())
            .collect();
    }
    accounts.retain(|account| account != owner && facts.world.run.account(account).is_none());
    let mut found = BTreeSet::new();
    for statement in &policy.statements {
        let principals = statement
            .principals
            .iter()
            .flat_map(|patterns| &patterns.all)
            .map(ToString::to_string);
        let resources = statement
            .resources
            .iter()
            .flat_map(|patterns| patterns.all.iter().cloned());
        let values = statement
            .conditions
            .iter()
            .flat_map(|condition| condition.values.iter().cloned());
        for text in principals.chain(resources).chain(values) {
            if accounts.iter().any(|account| stands_alone(&text, account))
                || text.contains("EXAMPLE")
                || text.ends_with("/ExampleRole")
                || text.ends_with("/ExampleUser")
            {
                found.insert(text);
            }
        }
    }
    found.into_iter().collect()
}

/// Does the number stand in the text, and not as a part of a longer one?
pub(super) fn stands_alone(text: &str, number: &str) -> bool {
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    text.match_indices(number).any(|(at, _)| {
        !digit(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && !digit(bytes.get(at + number.len()))
    })
}
