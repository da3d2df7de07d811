//! Accounts and Regions, as rules and tables span them.

use crate::inventory::Span;
use crate::model::{GLOBAL, RunInfo};

/// The scopes in which a rule must say something.
pub(super) fn scopes(run: &RunInfo, span: Span) -> Vec<(String, String)> {
    run.scopes()
        .filter(|(_, region)| (*region == GLOBAL) == (span == Span::Global))
        .map(|(account, region)| (account.to_owned(), region.to_owned()))
        .collect()
}
