//! What a person calls the resources of a file: by address, not by the ARN that they may get one day.

use crate::inventory::{Declaration, Error, Store};
use crate::model::{Source, glob};
use std::collections::{BTreeSet, HashMap};

/// Addresses by id, ARN and name.
#[derive(Debug, Default)]
pub struct Names {
    by_key: HashMap<String, Declaration>,
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
        let mut bare: HashMap<String, Option<String>> = HashMap::new();
        if source == Source::Cloudformation {
            for address in by_key.values().map(|one| &one.address).collect::<BTreeSet<_>>() {
                let Some((_, short)) = address.split_once('.') else { continue };
                bare.entry(short.to_owned()).and_modify(|several| *several = None).or_insert_with(|| Some(address.clone()));
            }
        }
        let bare = bare.into_iter().filter_map(|(short, address)| Some((address?, short))).collect();
        Ok(Self { by_key, all: source.is_file(), bare })
    }

    /// The declaration of a resource: by its whole ARN or id, else by what stands at its end.
    pub fn of(&self, resource: &str) -> Option<&Declaration> {
        if self.by_key.is_empty() {
            return None;
        }
        let ends = resource.char_indices().filter(|(_, c)| matches!(c, ':' | '/')).map(|(at, _)| &resource[at + 1..]);
        std::iter::once(resource).chain(ends).find_map(|end| self.by_key.get(end))
    }

    /// Does a pattern name the declaration, by its address or, where only one stack holds such a thing, without the stack's name?
    pub fn is_named(&self, one: &Declaration, pattern: &str) -> bool {
        glob(pattern, &one.address) || self.bare.get(&one.address).is_some_and(|short| glob(pattern, short))
    }

    /// What a result calls its resource.
    pub fn shown(&self, resource: &str) -> String {
        match self.of(resource) {
            Some(one) if (self.all || one.is_new()) && !one.partial => one.address.clone(),
            _ => resource.to_owned(),
        }
    }
}
