//! The proof of a remedy: the run is judged again with the change in it.

pub use super::calls::Call;
use super::calls::{asked, calls};
use super::{Plan, References};
use crate::access::Principals;
use crate::engine::{Config, Library};
use crate::inventory::{Error, Lookup, Store, World};
use crate::judge;
use crate::model::{Change, Finding, Outcome, RunInfo, Severity, Verdict};
use crate::paths::invoke::{Invoker, Outcome as Answer};
use crate::policy::{Document, Found, PolicyType, compare};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A result that the change turns, or leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Turned {
    /// Rule.
    pub rule: String,
    /// Severity.
    pub severity: &'static str,
    /// Resource.
    pub resource: String,
    /// Part of the resource.
    pub part: String,
    /// What the rule says with the change made.
    pub message: String,
    /// Fingerprint.
    pub fingerprint: String,
}

impl Turned {
    fn of(result: &Finding) -> Self {
        Self {
            rule: result.rule.clone(),
            severity: result.severity.as_str(),
            resource: result.resource.clone(),
            part: result.part.clone(),
            message: result.message.clone(),
            fingerprint: result.fingerprint.clone(),
        }
    }
}

/// What becomes of access by a policy that the change replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "access", rename_all = "lowercase")]
pub enum Access {
    /// No request is allowed that was refused before.
    Narrower,
    /// This one is.
    Wider {
        /// The request.
        request: Json,
    },
    /// It could not be determined.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// What judging the changed run shows.
#[derive(Debug, Default, Serialize)]
pub struct Proof {
    /// Failures that the change closes: the rule passes, or what it is about is what the change takes away.
    pub closes: Vec<Turned>,
    /// How many of them are those that it is made for.
    pub own: usize,
    /// Failures about calls of the past, which the next scan sees closed or not.
    pub past: Vec<Turned>,
    /// Failures of its own that it leaves.
    pub leaves: Vec<Turned>,
    /// Failures that a worse one hid on the same thing, or that a copy has from what it was made of: what is left to do there.
    pub uncovers: Vec<Turned>,
    /// Failures of others that have nothing any more that they could be about.
    pub gone: Vec<Turned>,
    /// Failures that it brings.
    pub brings: Vec<Turned>,
    /// Results that passed, or did not apply, and could not be determined any more.
    pub opens: Vec<Turned>,
    /// What becomes of access, for each policy that it replaces.
    pub access: Vec<Access>,
    /// Calls that were allowed and still are.
    pub calls_kept: usize,
    /// Calls that were allowed and would be refused.
    pub calls_lost: Vec<Call>,
    /// Calls that were allowed, and of which it could not be determined whether they still are.
    pub calls_unknown: Vec<Call>,
    /// What was not asked, and why.
    pub not_seen: Vec<String>,
}

impl Proof {
    /// Does the change close failures of its own and break nothing?
    #[must_use]
    pub fn holds(&self) -> bool {
        self.own > 0
            && self.brings.is_empty()
            && self.opens.is_empty()
            && self.gone.is_empty()
            && self.calls_lost.is_empty()
            && self.calls_unknown.is_empty()
            && self.access.iter().all(|access| *access == Access::Narrower)
    }
}

/// A judged estate on which changes are tried.
pub struct Prover<'j> {
    library: &'j Library,
    config: &'j Config,
    run: RunInfo,
    /// The estate as it is, with the changes that were made for good.
    store: Store,
    before: Outcome,
    calls: Vec<Call>,
    not_seen: Vec<String>,
    /// How changes that were kept are referred to by those after them.
    made: References,
    /// What fails on the estate as it was given.
    failing: BTreeSet<String>,
}

impl<'j> Prover<'j> {
    /// Judges a copy of a run.
    ///
    /// # Errors
    /// When the store cannot be copied or judged.
    pub fn new(library: &'j Library, config: &'j Config, store: &Store) -> anyhow::Result<Self> {
        let run = store.run()?;
        let mut copy = store.copy()?;
        let before = judge::again(&mut copy, library, config, &run)?;
        let failing = before
            .results
            .iter()
            .filter(|result| result.verdict == Verdict::Fail)
            .map(|result| result.fingerprint.clone())
            .collect();
        let mut prover = Self {
            library,
            config,
            run,
            store: copy,
            before,
            calls: Vec::new(),
            not_seen: Vec::new(),
            made: References::new(),
            failing,
        };
        prover.ask_calls()?;
        Ok(prover)
    }

    /// Works a change out on it.
    ///
    /// # Errors
    /// When a query of its remedy does not fit the tables.
    pub fn plan(&self, change: &Change) -> Result<Option<Plan>, Error> {
        Plan::of(&self.store, change, &self.before, &self.made)
    }

    /// Says with every proof what was not looked at.
    pub fn leave(&mut self, what: String) {
        self.not_seen.push(what);
    }

    /// Does a change have failures on the estate as it was given? A template whose conditions can turn out in several ways is tried in
    /// one of them.
    #[must_use]
    pub fn met(&self, change: &Change) -> bool {
        change.results.iter().any(|one| self.failing.contains(one))
    }

    /// Are there failures of a change left that a change can close? What was seen of the past no change does.
    #[must_use]
    pub fn is_open(&self, change: &Change) -> bool {
        let past = about_the_past(self.library);
        self.before.results.iter().any(|result| {
            result.verdict == Verdict::Fail
                && change.results.contains(&result.fingerprint)
                && !past.contains(result.rule.as_str())
        })
    }

    /// The results on it.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.before
    }

    /// Every call that a workload is made for or that CloudTrail saw, with what becomes of it now.
    fn ask_calls(&mut self) -> anyhow::Result<()> {
        let (calls, not_seen) = calls(&self.store)?;
        let world = World::load(&self.store)?;
        let invoker = Invoker::new(&world);
        self.calls = calls
            .into_iter()
            .filter(|call| asked(&invoker, call).0 == Answer::Allowed)
            .collect();
        self.not_seen = not_seen;
        if self.run.source.is_file() {
            let hidden: BTreeSet<&str> = self
                .before
                .coverage
                .iter()
                .filter(|line| line.status == "partial")
                .map(|line| line.detail.as_str())
                .collect();
            self.not_seen.extend(
                hidden
                    .into_iter()
                    .take(3)
                    .map(|why| format!("all that the file stands for: {why}")),
            );
        }
        Ok(())
    }

    /// Tries a change on a copy; gives what it shows, and the changed copy with its results.
    ///
    /// # Errors
    /// When the copy cannot be changed or judged.
    pub fn prove(&self, plan: &Plan, change: &Change) -> anyhow::Result<(Proof, Store, Outcome)> {
        let mut store = self.store.copy()?;
        let policies = plan.policies(&store)?;
        plan.edit(&store)?;
        let mut access: Vec<Access> = policies
            .iter()
            .zip(plan.policies(&store)?)
            .map(|(old, new)| narrower(old, &new))
            .collect();
        let after = judge::again(&mut store, self.library, self.config, &self.run)?;
        let mut proof = turned(
            &self.before,
            &after,
            change,
            &about_the_past(self.library),
            &plan.copies(),
        );
        let world = World::load(&store)?;
        access.extend(self.identities(&store, &world, &plan.copies())?);
        proof.access = access;
        let invoker = Invoker::new(&world);
        for call in &self.calls {
            let (answer, reason) = asked(&invoker, call);
            let told = Call {
                reason,
                ..call.clone()
            };
            match answer {
                Answer::Allowed => proof.calls_kept += 1,
                Answer::Refused => proof.calls_lost.push(told),
                Answer::Unknown => proof.calls_unknown.push(told),
            }
        }
        proof.not_seen.clone_from(&self.not_seen);
        drop(invoker);
        Ok((proof, store, after))
    }

    /// What becomes of the rights of each role and user whose policies the change touches. A copy is held against what it was made of.
    fn identities(
        &self,
        store: &Store,
        world: &World,
        copies: &BTreeMap<&str, &str>,
    ) -> anyhow::Result<Vec<Access>> {
        let (old, new) = (identity_rows(&self.store)?, identity_rows(store)?);
        let changed: Vec<(&str, &str)> = new
            .iter()
            .map(|(arn, row)| {
                let arn = arn.as_str();
                (arn, *copies.get(arn).unwrap_or(&arn), row)
            })
            .filter(|(arn, original, row)| arn != original || old.get(*original) != Some(row))
            .map(|(arn, original, _)| (arn, original))
            .collect();
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let before = World::load(&self.store)?;
        let (was, is) = (Principals::new(&before), Principals::new(world));
        Ok(changed
            .into_iter()
            .filter_map(|(arn, original)| {
                let old = policies_of(&was, original)?;
                let new = policies_of(&is, arn)?;
                Some(told(&compare(&old, &new, PolicyType::Identity).new_access))
            })
            .collect())
    }

    /// Keeps a change that holds, so that those after it are tried on top of it: every call that was allowed still is.
    pub fn keep(&mut self, plan: &Plan, store: Store, after: Outcome) {
        self.made.extend(plan.makes());
        self.store = store;
        self.before = after;
    }
}

/// Role or user by ARN, with the cells that say what it may do.
fn identity_rows(store: &Store) -> Result<BTreeMap<String, Vec<Option<String>>>, Error> {
    let mut statement = store.conn.prepare(
        "SELECT arn, inline_policies, attached_policy_arns, permissions_boundary_arn FROM iam_role WHERE arn IS NOT NULL
         UNION ALL SELECT arn, inline_policies, attached_policy_arns, permissions_boundary_arn FROM iam_user WHERE arn IS NOT NULL",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, vec![row.get(1)?, row.get(2)?, row.get(3)?]))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The identity policies of a role or user as one.
fn policies_of(principals: &Principals<'_>, arn: &str) -> Option<Document> {
    let found = ["iam_role", "iam_user"].into_iter().find_map(|table| {
        match principals.world.lookup_anywhere(table, arn) {
            Lookup::Found(row) => Some(row),
            _ => None,
        }
    })?;
    let all = &principals.of(found).grants.identity;
    Some(Document {
        name: arn.to_owned(),
        statements: all
            .iter()
            .flat_map(|one| one.statements.iter().cloned())
            .collect(),
        variables: all.iter().any(|one| one.variables),
        unversioned: false,
        problems: Vec::new(),
    })
}

/// Does the policy of a resource after a change allow no request that the one before refused?
fn narrower(old: &str, new: &str) -> Access {
    let read = |text: &str| {
        let text = if text.is_empty() {
            r#"{"Version":"2012-10-17","Statement":[]}"#
        } else {
            text
        };
        Document::parse_text("policy", text)
    };
    match (read(old), read(new)) {
        (Ok(old), Ok(new)) => told(&compare(&old, &new, PolicyType::Resource).new_access),
        (Err(error), _) | (_, Err(error)) => Access::Unknown {
            reason: error.to_string(),
        },
    }
}

fn told(new_access: &Found) -> Access {
    match new_access {
        Found::No => Access::Narrower,
        Found::Yes(request) => Access::Wider {
            request: request.witness(),
        },
        Found::Unknown(gaps) => Access::Unknown {
            reason: gaps
                .iter()
                .map(|gap| gap.detail.as_str())
                .collect::<Vec<_>>()
                .join("; "),
        },
    }
}

/// Rules about calls of the past, which no change turns before the next scan.
fn about_the_past(library: &Library) -> BTreeSet<&str> {
    library
        .rules
        .iter()
        .filter(|loaded| loaded.rule.subject.as_deref() == Some("bedrock_observed"))
        .map(|loaded| loaded.rule.id.as_str())
        .collect()
}

/// What a result is about.
fn thing(result: &Finding) -> [&str; 4] {
    [
        &result.account_id,
        &result.region,
        &result.subject,
        &result.part,
    ]
}

fn turned(
    before: &Outcome,
    after: &Outcome,
    change: &Change,
    past: &BTreeSet<&str>,
    copies: &BTreeMap<&str, &str>,
) -> Proof {
    let now: BTreeMap<&str, &Finding> = after
        .results
        .iter()
        .map(|result| (result.fingerprint.as_str(), result))
        .collect();
    let old: BTreeMap<&str, Verdict> = before
        .results
        .iter()
        .map(|result| (result.fingerprint.as_str(), result.verdict))
        .collect();
    let mut proof = Proof::default();
    for result in before
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Fail)
    {
        let own = change.results.contains(&result.fingerprint);
        let still = now.get(result.fingerprint.as_str());
        match still {
            Some(still) if still.verdict == Verdict::Fail => {
                if own && past.contains(result.rule.as_str()) {
                    proof.past.push(Turned::of(still));
                } else if own {
                    proof.leaves.push(Turned::of(still));
                }
            }
            Some(still) if still.verdict == Verdict::Unknown => {
                proof.opens.push(Turned::of(still));
            }
            Some(still) => {
                proof.own += usize::from(own);
                proof.closes.push(Turned::of(still));
            }
            // What the change is made for may go: a variable with a secret, a key. Of anything else it is not known what became of it.
            None => {
                let gone = Turned {
                    message: "it is not there any more".to_owned(),
                    ..Turned::of(result)
                };
                if own {
                    proof.own += 1;
                    proof.closes.push(gone);
                } else {
                    proof.gone.push(gone);
                }
            }
        }
    }
    // A milder failure on what a change closes a worse one on was there already; the worse one hid it.
    let mut worst: BTreeMap<[&str; 4], Severity> = BTreeMap::new();
    for result in before.results.iter().filter(|result| {
        result.verdict == Verdict::Fail
            && proof
                .closes
                .iter()
                .any(|closed| closed.fingerprint == result.fingerprint)
    }) {
        let known = worst.entry(thing(result)).or_insert(result.severity);
        *known = result.severity.min(*known);
    }
    let failed: BTreeSet<(&str, &str)> = before
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Fail)
        .map(|result| (result.rule.as_str(), result.subject.as_str()))
        .collect();
    for result in &after.results {
        // A copy has the flaws of what it was made of, and no past.
        if let Some(original) = copies.get(result.subject.as_str())
            && (failed.contains(&(result.rule.as_str(), original))
                || past.contains(result.rule.as_str()))
        {
            if result.verdict == Verdict::Fail {
                proof.uncovers.push(Turned::of(result));
            }
            continue;
        }
        let hidden = worst
            .get(&thing(result))
            .is_some_and(|worst| *worst < result.severity);
        let was = old.get(result.fingerprint.as_str());
        match (was, result.verdict) {
            (Some(Verdict::Fail), _) => {}
            (_, Verdict::Fail) if hidden => proof.uncovers.push(Turned::of(result)),
            (_, Verdict::Fail) => proof.brings.push(Turned::of(result)),
            (Some(Verdict::Unknown), _) => {}
            // What no file declares is no matter of the change, unless it was settled without it.
            (None | Some(Verdict::NotApplicable), Verdict::Unknown)
                if result.lacks_only_what_no_file_declares() => {}
            (_, Verdict::Unknown) => proof.opens.push(Turned::of(result)),
            _ => {}
        }
    }
    proof
}
