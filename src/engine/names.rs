//! What a person calls the resources of a file: by address, not by the ARN that they may get one day.

use crate::inventory::{Declaration, Error, Store};
use crate::model::Source;
use std::collections::HashMap;

/// Addresses by id, ARN and name.
#[derive(Debug, Default)]
pub struct Names {
    by_key: HashMap<String, Declaration>,
    /// Everything is called by its address; else only what does not exist yet.
    all: bool,
}

impl Names {
    /// The declarations of a run.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn load(store: &Store, source: Source) -> Result<Self, Error> {
        let mut by_key: HashMap<String, Declaration> = HashMap::new();
        for one in store.declarations()? {
            match by_key.get(&one.key) {
                // What has a row of its own says more than a bare id.
                Some(known) if !known.table.is_empty() || one.table.is_empty() => {}
                _ => {
                    by_key.insert(one.key.clone(), one);
                }
            }
        }
        Ok(Self { by_key, all: source.is_file() })
    }

    /// The declaration of a resource: by its whole ARN or id, else by what stands at its end.
    pub fn of(&self, resource: &str) -> Option<&Declaration> {
        if self.by_key.is_empty() {
            return None;
        }
        let ends = resource.char_indices().filter(|(_, c)| matches!(c, ':' | '/')).map(|(at, _)| &resource[at + 1..]);
        std::iter::once(resource).chain(ends).find_map(|end| self.by_key.get(end))
    }

    /// What a result calls its resource.
    pub fn shown(&self, resource: &str) -> String {
        match self.of(resource) {
            Some(one) if (self.all || one.is_new()) && !one.partial => one.address.clone(),
            _ => resource.to_owned(),
        }
    }
}
