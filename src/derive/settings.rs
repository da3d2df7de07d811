//! What the run's configuration says: parameters of the rules, environments, Regions that were left out.

use crate::inventory::{Span, Table};
use crate::model::{GLOBAL, Gap, Observed, Reason, RunInfo};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The settings of one run.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'r> {
    run: &'r RunInfo,
}

impl<'r> Settings<'r> {
    /// The settings that a run was made with.
    pub fn of(run: &'r RunInfo) -> Self {
        Self { run }
    }

    /// A parameter that is a list of texts; empty when not set.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.run
            .parameters
            .get(name)
            .and_then(Json::as_array)
            .map_or_else(Vec::new, |all| {
                all.iter()
                    .filter_map(Json::as_str)
                    .map(str::to_owned)
                    .collect()
            })
    }

    /// A parameter that is a text.
    pub fn text(&self, name: &str, default: &str) -> String {
        self.run
            .parameters
            .get(name)
            .and_then(Json::as_str)
            .unwrap_or(default)
            .to_owned()
    }

    /// Regions that are enabled in an account and outside this run: what belongs to the whole account may lie there.
    pub fn unscanned(&self, account: &str) -> Vec<Gap> {
        let regions = self
            .run
            .unscanned_regions
            .get(account)
            .map(|regions| regions.join(", "))
            .unwrap_or_default();
        if regions.is_empty() {
            return Vec::new();
        }
        vec![Gap {
            fact: "run.regions".to_owned(),
            operation: String::new(),
            action: String::new(),
            reason: Reason::NotScanned,
            detail: format!("{account}: these enabled Regions are not in this run: {regions}"),
        }]
    }

    /// False, unless an enabled Region outside this run may hold something.
    pub fn nowhere_else(&self, account: &str) -> Observed<bool> {
        let gaps = self.unscanned(account);
        if gaps.is_empty() {
            Observed::Known(false)
        } else {
            Observed::Unknown(gaps)
        }
    }

    /// The environment of a resource: its tag, else what the configuration says of its account; known to be absent when it has
    /// neither. A tag that contradicts the configuration stands: what was observed is not declared away.
    pub fn environment(
        &self,
        account: &str,
        tags: &Observed<BTreeMap<String, String>>,
    ) -> Observed<String> {
        let declared = self
            .run
            .account(account)
            .map_or("", |info| &info.environment);
        let tag = self.text("environment_tag", "Environment");
        let tagged = tags.clone().map(|tags| {
            tags.iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(&tag))
                .map_or_else(String::new, |(_, value)| value.clone())
        });
        // Two names of production are one.
        let agrees = |tagged: &str| {
            tagged.is_empty()
                || tagged.eq_ignore_ascii_case(declared)
                || self.is_production(tagged) && self.is_production(declared)
        };
        match tagged {
            Observed::Known(tagged) if !agrees(&tagged) => Observed::Known(tagged),
            Observed::Unknown(gaps) if declared.is_empty() => Observed::Unknown(gaps),
            _ => Observed::Known(declared.to_owned()),
        }
    }

    /// The name of an account; its id where the configuration gives none.
    pub fn account_name<'a>(&'a self, account: &'a str) -> &'a str {
        match self.run.account(account) {
            Some(info) if !info.name.is_empty() => &info.name,
            _ => account,
        }
    }

    /// Is this the name of a production environment?
    pub fn is_production(&self, environment: &str) -> bool {
        let mut values = self.list("production_values");
        if values.is_empty() {
            values = ["prod", "production", "prd"].map(str::to_owned).to_vec();
        }
        values
            .iter()
            .any(|value| value.eq_ignore_ascii_case(environment))
    }

    /// Every account and Region in which a subject has its rows.
    pub fn scopes(&self, table: &Table) -> Vec<(String, String)> {
        self.run
            .scopes()
            .filter(|(_, region)| (*region == GLOBAL) == (table.span == Span::Global))
            .map(|(account, region)| (account.to_owned(), region.to_owned()))
            .collect()
    }
}
