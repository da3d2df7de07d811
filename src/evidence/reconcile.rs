//! The request ids of a package, held against the records of CloudTrail.

use super::{Error, RUN, wrong};
use crate::inventory::Store;
use crate::model::GLOBAL;
use crate::subjects;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a record of CloudTrail says of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `DescribeVpcEndpoints`.
    pub event: String,
    /// Account in which it was recorded.
    pub account_id: String,
    /// Region in which it was recorded.
    pub region: String,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// Request ids that the package holds.
    pub requests: usize,
    /// Of them found, with the operation, account and Region that the package states.
    pub found: usize,
    /// Of them found, and something else is recorded; one line each.
    pub different: Vec<String>,
    /// Of them not found, by operation, account and Region.
    pub missing: BTreeMap<(String, String, String), usize>,
}

/// The request ids of a package.
///
/// # Errors
/// When the run of the package cannot be read.
pub fn request_ids(folder: &Path) -> Result<BTreeSet<String>, Error> {
    let path = folder.join(RUN);
    let store = Store::open(&path, &subjects::tables()).map_err(|error| wrong(&path, error))?;
    let lines = store.coverage().map_err(|error| wrong(&path, error))?;
    Ok(lines
        .into_iter()
        .flat_map(|line| line.request_ids)
        .collect())
}

/// Looks up each request id of a package. Names of operations may carry a date in CloudTrail (`ListFunctions20150331`), and
/// services without Regions are recorded where their endpoint is.
///
/// # Errors
/// When the run of the package cannot be read.
pub fn reconcile(folder: &Path, records: &BTreeMap<String, Seen>) -> Result<Reconciled, Error> {
    let path = folder.join(RUN);
    let store = Store::open(&path, &subjects::tables()).map_err(|error| wrong(&path, error))?;
    let mut all = Reconciled::default();
    for line in store.coverage().map_err(|error| wrong(&path, error))? {
        let operation = line
            .operation
            .split_once(':')
            .map_or(line.operation.as_str(), |(_, name)| name);
        for id in &line.request_ids {
            all.requests += 1;
            let Some(seen) = records.get(id) else {
                let key = (
                    line.operation.clone(),
                    line.account_id.clone(),
                    line.region.clone(),
                );
                *all.missing.entry(key).or_default() += 1;
                continue;
            };
            let name = seen
                .event
                .trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
            let same = (seen.event == operation || name == operation)
                && seen.account_id == line.account_id
                && (line.region == GLOBAL || seen.region == line.region);
            if same {
                all.found += 1;
            } else {
                all.different.push(format!(
                    "{id}: the package says {} in {} {}, CloudTrail recorded {} in {} {}",
                    line.operation,
                    line.account_id,
                    line.region,
                    seen.event,
                    seen.account_id,
                    seen.region
                ));
            }
        }
    }
    Ok(all)
}
