//! What a person calls the resources of a file: by address, not by the ARN that they may get one day.

use crate::inventory::{Declaration, Error, Store};
use crate::model::{Arn, GLOBAL, Source, glob};
use std::collections::{BTreeSet, HashMap};

/// `; did you mean ...?`, where a name is close to one that there is.
pub fn nearest<'n>(given: &str, known: impl Iterator<Item = &'n str>) -> String {
    known
        .map(|name| (strsim::normalized_damerau_levenshtein(given, name), name))
        .filter(|(like, _)| *like > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// Addresses by id, ARN and name.
#[derive(Debug, Default)]
pub struct Names {
    by_key: HashMap<String, Vec<Declaration>>,
    /// Everything is called by its address; else only what does not exist yet.
    all: bool,
    /// Addresses without the name of their stack, where one stack alone holds such a thing.
    bare: HashMap<String, String>,
}

impl Names {
    /// The declarations of a run.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn load(store: &Store, source: Source) -> Result<Self, Error> {
        let mut by_key: HashMap<String, Vec<Declaration>> = HashMap::new();
        for one in store.declarations()? {
            let all = by_key.entry(one.key.clone()).or_default();
            // What has a row of its own says more than a bare id.
            let place = if one.table.is_empty() {
                all.len()
            } else {
                all.iter()
                    .take_while(|known| !known.table.is_empty())
                    .count()
            };
            all.insert(place, one);
        }
        let mut bare: HashMap<String, Option<String>> = HashMap::new();
        if source == Source::Cloudformation {
            for address in by_key
                .values()
                .flatten()
                .map(|one| &one.address)
                .collect::<BTreeSet<_>>()
            {
                let Some((_, short)) = address.split_once('.') else {
                    continue;
                };
                bare.entry(short.to_owned())
                    .and_modify(|several| *several = None)
                    .or_insert_with(|| Some(address.clone()));
            }
        }
        let bare = bare
            .into_iter()
            .filter_map(|(short, address)| Some((address?, short)))
            .collect();
        Ok(Self {
            by_key,
            all: source.is_file(),
            bare,
        })
    }

    /// The declaration of a resource of a result: by its whole ARN or id in its account and Region, else by what stands at the
    /// end of its ARN, where the declaration is of the ARN's service.
    pub fn of(&self, account: &str, region: &str, resource: &str) -> Option<&Declaration> {
        if self.by_key.is_empty() {
            return None;
        }
        let here = |one: &&Declaration| {
            one.account_id == account
                && (one.region == region || one.region == GLOBAL || region == GLOBAL)
        };
        let find = |key: &str, fits: &dyn Fn(&Declaration) -> bool| {
            self.by_key
                .get(key)?
                .iter()
                .filter(here)
                .find(|one| fits(one))
        };
        if let Some(whole) = find(resource, &|_| true) {
            return Some(whole);
        }
        let arn = Arn::parse(resource)?;
        let mut ends = resource
            .char_indices()
            .filter(|(_, c)| matches!(c, ':' | '/'))
            .map(|(at, _)| &resource[at + 1..]);
        ends.find_map(|end| find(end, &|one| is_of(&one.table, arn.service)))
    }

    /// Does a pattern name the declaration, by its address or, where only one stack holds such a thing, without the stack's name?
    pub fn is_named(&self, one: &Declaration, pattern: &str) -> bool {
        glob(pattern, &one.address)
            || self
                .bare
                .get(&one.address)
                .is_some_and(|short| glob(pattern, short))
    }

    /// What a result calls its resource.
    pub fn shown(&self, account: &str, region: &str, resource: &str) -> String {
        match self.of(account, region, resource) {
            Some(one) if (self.all || one.is_new()) && !one.partial => one.address.clone(),
            _ => resource.to_owned(),
        }
    }
}

/// Holds a table resources of a service, as ARNs name it? What has no table of its own is known by its id alone, which no two
/// services share.
fn is_of(table: &str, service: &str) -> bool {
    let own = table.split('_').next().unwrap_or_default();
    let named = match own {
        "" => return true,
        "vpc" => "ec2",
        "cloudwatch" => "logs",
        "sfn" => "states",
        "api" => "apigateway",
        "organization" => "organizations",
        "neptune" => "neptune-graph",
        "opensearch" => "es",
        own => own,
    };
    match service {
        "events" | "scheduler" => own == "eventbridge",
        "bedrock-agentcore" => own == "bedrock",
        service => named == service || own == service,
    }
}
