//! Does one policy allow what another does not?

use super::Effect;
use super::document::{Document, Statement};
use super::evaluate::{Entry, Policies, Side, action_pattern};
use super::formula::{Bits, Formula};
use super::found::Found;
use super::request::{Kind, Principal};
use super::search::{Mode, Part, Scope, Who, search, search_of};
use std::collections::BTreeMap;

/// Identity policy, or policy of a resource; the latter names principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// Of a user, group or role.
    Identity,
    /// Of a resource: bucket, key, endpoint, role trust and so on.
    Resource,
}

/// A comparison's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// A request that the candidate allows and the reference does not.
    pub new_access: Found,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

/// Looks for a request that `candidate` allows and `reference` does not.
///
/// A policy without a Version is compared as if its `${...}` were variables, because that is what its author
/// meant, and a note says that AWS takes them as plain text.
pub fn compare(reference: &Document, candidate: &Document, kind: PolicyType) -> Comparison {
    let (one, other) = (reference, candidate);
    let mut parts = Vec::new();
    let (mut sets, mut notes) = (Vec::new(), Vec::new());
    let len = reference.statements.len() + candidate.statements.len();
    for (name, document) in [("reference", reference), ("candidate", candidate)] {
        let first = parts.len();
        parts.extend(document.statements.iter().map(|statement| Part {
            document,
            statement,
        }));
        let of = |effect: Effect| {
            Formula::Any(Bits::of(
                len,
                document
                    .statements
                    .iter()
                    .enumerate()
                    .filter(|(_, statement)| statement.effect == effect)
                    .map(|(at, _)| first + at),
            ))
        };
        sets.push(Formula::And(vec![
            of(Effect::Deny).negate(),
            of(Effect::Allow),
        ]));
        notes.extend(
            document
                .problems
                .iter()
                .map(|problem| format!("{name}: {problem}")),
        );
        let names = document
            .statements
            .iter()
            .any(|statement| statement.principals.is_some());
        if names && kind == PolicyType::Identity {
            notes.push(format!(
                "{name}: it names principals, which an identity policy does not"
            ));
        }
        let speaks = document.statements.iter().any(|statement| {
            statement
                .conditions
                .iter()
                .flat_map(|condition| &condition.values)
                .chain(
                    statement
                        .resources
                        .iter()
                        .flat_map(|patterns| &patterns.all),
                )
                .any(|text| text.contains("${"))
        });
        if document.unversioned && speaks {
            notes.push(format!("{name}: without `\"Version\": \"2012-10-17\"` AWS takes its variables as plain text; they are compared as variables"));
        }
    }
    let [reference, candidate]: [Formula; 2] = match sets.try_into() {
        Ok(both) => both,
        Err(_) => [Formula::FALSE, Formula::FALSE],
    };
    if nothing_added(one, other) {
        return Comparison {
            new_access: Found::No,
            notes,
        };
    }
    let goal = Formula::And(vec![candidate, reference.negate()]);
    let free = |_: &str| Mode::Free;
    let scope = Scope {
        who: Who::Anyone,
        actions: Vec::new(),
        resources: Vec::new(),
        resource_account: None,
        context: BTreeMap::new(),
        mode: &free,
        variables_without_version: true,
    };
    Comparison {
        new_access: search(parts, &goal, &scope),
        notes,
    }
}

/// Every Allow of the candidate stands in the reference and every Deny of the reference in the candidate: no search is needed.
fn nothing_added(reference: &Document, candidate: &Document) -> bool {
    let texts = |document: &Document, effect: Effect| -> std::collections::HashSet<String> {
        document
            .statements
            .iter()
            .filter(|statement| statement.effect == effect)
            .map(|statement| {
                format!(
                    "{:?}",
                    Statement {
                        sid: String::new(),
                        ..statement.clone()
                    }
                )
            })
            .collect()
    };
    let variables = |document: &Document| document.variables || document.unversioned;
    variables(reference) == variables(candidate)
        && texts(candidate, Effect::Allow).is_subset(&texts(reference, Effect::Allow))
        && texts(reference, Effect::Deny).is_subset(&texts(candidate, Effect::Deny))
}

/// Does any statement that could allow name one of the actions? Most roles hold nothing of a service, and need no search for it.
fn may_be_allowed(policies: &Policies, principal: &Principal, actions: &[String]) -> bool {
    if !matches!(principal.kind, Kind::Role | Kind::User | Kind::Session)
        || !policies.unknown.is_empty()
    {
        return true;
    }
    let service = |text: &str| {
        text.split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let meets = |pattern: &String| {
        let own = service(pattern);
        actions.iter().any(|action| {
            if action.contains(['*', '?']) || own.contains(['*', '?']) {
                own.contains(['*', '?'])
                    || service(action).contains(['*', '?'])
                    || own == service(action)
            } else {
                own == service(action) && action_pattern(pattern).matches(action)
            }
        })
    };
    let allows = |document: &Document| {
        document.statements.iter().any(|statement| {
            statement.effect == Effect::Allow
                && (statement.actions.negated || statement.actions.all.iter().any(meets))
        })
    };
    actions.is_empty()
        || policies
            .identity
            .iter()
            .chain(policies.resource.iter())
            .chain(policies.grants.iter())
            .any(|document| allows(document))
}

/// Is there a request of the scope that the policies allow, and that is as the question wishes where it does?
/// The principal of the scope decides how the policies combine.
pub(super) fn find(policies: &Policies, scope: &Scope<'_>, wish: Option<&Document>) -> Found {
    let Who::One(principal) = &scope.who else {
        return Found::unclear("the question names no principal");
    };
    if !may_be_allowed(policies, principal, &scope.actions) {
        return Found::No;
    }
    let mut entries = policies.entries();
    let own = entries.len();
    entries.extend(wish.iter().flat_map(|document| {
        document.statements.iter().map(move |statement| Entry {
            side: Side::Question,
            document,
            statement,
        })
    }));
    let mut principal = principal.clone();
    principal.bounded |= policies.boundary.is_some();
    let action = scope.actions.first().map_or("*", String::as_str);
    let mut goal = vec![
        policies
            .decision(
                &entries,
                &principal,
                action,
                scope.resource_account.as_deref(),
            )
            .allowed(),
    ];
    if wish.is_some() {
        goal.push(Formula::Any(Bits::of(entries.len(), own..entries.len())));
    }
    let parts = entries
        .iter()
        .map(|entry| Part {
            document: entry.document,
            statement: entry.statement,
        })
        .collect();
    let scope = Scope {
        who: Who::One(principal),
        ..scope.clone()
    };
    search_of(&policies.spending, parts, &Formula::And(goal), &scope)
}
