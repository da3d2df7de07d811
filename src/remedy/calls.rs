//! The calls that a change must not break: those of workloads, and those that CloudTrail saw.

use crate::inventory::{Error, Store};
use crate::paths::invoke::{By, Invoker, Outcome as Answer, Question};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A call that somebody makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Call {
    /// Role or user.
    pub principal: String,
    /// Workload; empty for a principal that CloudTrail saw and that no workload has.
    pub workload: String,
    /// The endpoint by which CloudTrail saw it; empty where it came from a public address, or where a workload calls.
    pub endpoint: String,
    /// Model.
    pub model: String,
    /// Region.
    pub region: String,
    /// What refuses it with the change made; empty where it is let through.
    pub reason: String,
}

/// The calls of workloads and of principals that CloudTrail saw, and what could not be asked.
pub(super) fn calls(store: &Store) -> Result<(Vec<Call>, Vec<String>), Error> {
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
    let mut add = |principal: &str, workload: &str, endpoint: &str, region: &str| {
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
                endpoint: endpoint.to_owned(),
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
                add(&role, &workload, "", &region);
                workload_roles.insert(role);
            }
            None => {
                unread.insert(format!("the role of {}", row.get::<_, String>(3)?));
            }
        }
    }
    let mut statement = store.conn.prepare(
        "SELECT DISTINCT c.principal_arn, c.region, coalesce(e.value, '') FROM cloudtrail_bedrock_call c
         LEFT JOIN json_each(CASE c.way WHEN 'endpoint' THEN c.endpoint_ids ELSE '[]' END) e
         WHERE c.way IN ('public', 'endpoint') AND c.principal_arn IS NOT NULL AND c.calls > coalesce(c.failed_calls, 0)
           AND (c.way = 'public' OR e.value IS NOT NULL)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (principal, region, endpoint): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        if !workload_roles.contains(&principal) {
            add(&principal, "", &endpoint, &region);
        }
    }
    let unnamed: i64 = store.conn.query_row(
        "SELECT count(*) FROM cloudtrail_bedrock_call WHERE way = 'endpoint' AND coalesce(endpoint_ids, '[]') = '[]'",
        [],
        |row| row.get(0),
    )?;
    if unnamed > 0 {
        not_seen.insert("by which endpoint some calls in CloudTrail came".to_owned());
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
pub(super) fn asked(invoker: &Invoker<'_>, call: &Call) -> (Answer, String) {
    let question = Question {
        // The role that the workload has now.
        principal: call.workload.is_empty().then_some(&*call.principal),
        model: &call.model,
        action: "bedrock:InvokeModel",
        from: (!call.workload.is_empty()).then_some(&call.workload),
        region: Some(&call.region),
        by: match call.endpoint.as_str() {
            "" => By::Public,
            id => By::Endpoint(id),
        },
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
