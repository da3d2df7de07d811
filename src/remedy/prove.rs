//! The proof of a remedy: the run is judged again with the change in it.

use super::{Plan, References};
use crate::engine::{Config, Library};
use crate::inventory::{Error, Store, World};
use crate::judge;
use crate::model::{Change, Finding, Outcome, RunInfo, Severity, Verdict};
use crate::paths::invoke::{Invoker, Outcome as Answer, Question};
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

/// A call that somebody makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Call {
    /// Role or user.
    pub principal: String,
    /// Workload; empty for a principal that CloudTrail saw and that no workload has.
    pub workload: String,
    /// Model.
    pub model: String,
    /// Region.
    pub region: String,
    /// What refuses it with the change made; empty where it is let through.
    pub reason: String,
}

/// What judging the changed run shows.
#[derive(Debug, Default, Serialize)]
pub struct Proof {
    /// Failures that the change closes.
    pub closes: Vec<Turned>,
    /// How many of them are those that it is made for.
    pub own: usize,
    /// Failures about calls of the past, which the next scan sees closed or not.
    pub past: Vec<Turned>,
    /// Failures of its own that it leaves.
    pub leaves: Vec<Turned>,
    /// Failures that a worse one hid on the same thing, or that a copy has from what it was made of: what is left to do there.
    pub uncovers: Vec<Turned>,
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
    /// Calls of which that could not be determined.
    pub calls_unknown: Vec<Call>,
    /// What was not asked, and why.
    pub not_seen: Vec<String>,
}

impl Proof {
    /// Does the change close failures of its own and break nothing?
    #[must_use]
    pub fn holds(&self) -> bool {
        (self.own > 0 || !self.past.is_empty())
            && self.brings.is_empty()
            && self.opens.is_empty()
            && self.calls_lost.is_empty()
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
}

impl<'j> Prover<'j> {
    /// Judges a copy of a run.
    ///
    /// # Errors
    /// When the store cannot be copied or judged.
    pub fn new(
        library: &'j Library,
        config: &'j Config,
        store: &mut Store,
    ) -> anyhow::Result<Self> {
        let run = store.run()?;
        let mut copy = store.copy()?;
        let before = judge::again(&mut copy, library, config, &run)?;
        let mut prover = Self {
            library,
            config,
            run,
            store: copy,
            before,
            calls: Vec::new(),
            not_seen: Vec::new(),
            made: References::new(),
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
        Ok(())
    }

    /// Tries a change on a copy; gives what it shows, and the changed copy with its results.
    ///
    /// # Errors
    /// When the copy cannot be changed or judged.
    pub fn prove(
        &mut self,
        plan: &Plan,
        change: &Change,
    ) -> anyhow::Result<(Proof, Store, Outcome)> {
        let mut store = self.store.copy()?;
        let policies = plan.policies(&store)?;
        plan.edit(&store)?;
        let access = policies
            .iter()
            .zip(plan.policies(&store)?)
            .map(|(old, new)| narrower(old, &new, plan.remedy.narrows_resource))
            .collect();
        let after = judge::again(&mut store, self.library, self.config, &self.run)?;
        let mut proof = turned(
            &self.before,
            &after,
            change,
            &about_the_past(self.library),
            &plan.copies(),
        );
        proof.access = access;
        let world = World::load(&store)?;
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

    /// Keeps a change that holds, so that those after it are tried on top of it: every call that was allowed still is.
    pub fn keep(&mut self, plan: &Plan, store: Store, after: Outcome) {
        self.made.extend(plan.makes());
        self.store = store;
        self.before = after;
    }
}

/// Is the policy after a change allowed no request that the one before refused?
fn narrower(old: &str, new: &str, of_resource: bool) -> Access {
    let kind = if of_resource {
        PolicyType::Resource
    } else {
        PolicyType::Identity
    };
    let read = |text: &str| {
        let text = if text.is_empty() {
            r#"{"Version":"2012-10-17","Statement":[]}"#
        } else {
            text
        };
        Document::parse_text("policy", text)
    };
    let (old, new) = match (read(old), read(new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(error), _) | (_, Err(error)) => {
            return Access::Unknown {
                reason: error.to_string(),
            };
        }
    };
    match compare(&old, &new, kind).new_access {
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
            _ => {
                proof.own += usize::from(own);
                proof
                    .closes
                    .push(Turned::of(still.copied().unwrap_or(result)));
            }
        }
    }
    // A milder failure on what a change closes a worse one on was there already; the worse one hid it.
    let mut worst: BTreeMap<(&str, &str, &str), Severity> = BTreeMap::new();
    for result in before.results.iter().filter(|result| {
        result.verdict == Verdict::Fail
            && proof
                .closes
                .iter()
                .any(|closed| closed.fingerprint == result.fingerprint)
    }) {
        let of = (
            result.account_id.as_str(),
            result.subject.as_str(),
            result.part.as_str(),
        );
        let known = worst.entry(of).or_insert(result.severity);
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
            .get(&(
                result.account_id.as_str(),
                result.subject.as_str(),
                result.part.as_str(),
            ))
            .is_some_and(|worst| *worst < result.severity);
        let was = old.get(result.fingerprint.as_str());
        match (was, result.verdict) {
            (Some(Verdict::Fail), _) => {}
            (_, Verdict::Fail) if hidden => proof.uncovers.push(Turned::of(result)),
            (_, Verdict::Fail) => proof.brings.push(Turned::of(result)),
            (Some(Verdict::Unknown), _) => {}
            // What no file declares is no matter of the change.
            (_, Verdict::Unknown) if result.lacks_only_what_no_file_declares() => {}
            (_, Verdict::Unknown) => proof.opens.push(Turned::of(result)),
            _ => {}
        }
    }
    proof
}

/// The calls of workloads and of principals that CloudTrail saw, and what could not be asked.
fn calls(store: &Store) -> Result<(Vec<Call>, Vec<String>), Error> {
    let mut models: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut all_models = BTreeSet::new();
    let mut statement = store.conn.prepare(
        "SELECT resource, models, inference_profiles FROM bedrock_principal WHERE invokes = 1",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let arn: String = row.get(0)?;
        let read = |text: Option<String>| -> Vec<String> {
            text.and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default()
        };
        let mut named = read(row.get(1)?);
        named.extend(read(row.get(2)?));
        named.retain(|model| !model.contains(['*', '?', '$']));
        all_models.extend(named.iter().cloned());
        models.insert(arn, named);
    }
    let mut found = BTreeSet::new();
    let mut not_seen = BTreeSet::new();
    let mut add = |principal: &str, workload: &str, region: &str| {
        let own = models.get(principal).filter(|named| !named.is_empty());
        // One model of the run stands for those of a role that may call any.
        let some: Vec<String> = match own {
            Some(own) => own.clone(),
            None => all_models.iter().take(1).cloned().collect(),
        };
        if some.is_empty() {
            not_seen.insert(format!("which models {principal} calls"));
        }
        for model in some {
            found.insert(Call {
                principal: principal.to_owned(),
                workload: workload.to_owned(),
                model,
                region: region.to_owned(),
                reason: String::new(),
            });
        }
    };
    let mut workload_roles = BTreeSet::new();
    let mut statement = store.conn.prepare(
        "SELECT resource, role_arn, region, name FROM bedrock_path WHERE calls = 1 AND family = 'bedrock-runtime'",
    )?;
    let mut rows = statement.query([])?;
    let mut unread = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (workload, role, region): (String, Option<String>, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        match role {
            Some(role) => {
                add(&role, &workload, &region);
                workload_roles.insert(role);
            }
            None => {
                unread.insert(format!("the role of {}", row.get::<_, String>(3)?));
            }
        }
    }
    let mut statement = store.conn.prepare(
        "SELECT DISTINCT principal_arn, region FROM cloudtrail_bedrock_call
         WHERE way = 'public' AND principal_arn IS NOT NULL AND calls > coalesce(failed_calls, 0)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (principal, region): (String, String) = (row.get(0)?, row.get(1)?);
        if !workload_roles.contains(&principal) {
            add(&principal, "", &region);
        }
    }
    let windows: i64 = store.conn.query_row(
        "SELECT count(*) FROM coverage WHERE table_name = 'cloudtrail_window' AND status IN ('complete', 'partial')",
        [],
        |row| row.get(0),
    )?;
    if windows == 0 {
        not_seen.insert("calls in CloudTrail: the run was made without --observe".to_owned());
    }
    not_seen.extend(unread);
    Ok((found.into_iter().collect(), not_seen.into_iter().collect()))
}

/// What becomes of a call, and why.
fn asked(invoker: &Invoker<'_>, call: &Call) -> (Answer, String) {
    let question = Question {
        // The role that the workload has now.
        principal: call.workload.is_empty().then_some(&*call.principal),
        model: &call.model,
        action: "bedrock:InvokeModel",
        from: (!call.workload.is_empty()).then_some(&call.workload),
        region: Some(&call.region),
        public: call.workload.is_empty(),
    };
    match invoker.ask(&question) {
        Ok(found) => (
            found.answer,
            found
                .steps
                .first()
                .map(|step| step.reason.clone())
                .unwrap_or_default(),
        ),
        Err(why) => (Answer::Unknown, why),
    }
}
