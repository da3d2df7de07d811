//! Rules: read, checked, compiled to SQL, judged, accepted for a time.
//!
//! Invariants: a rule never asks where a row came from; what cannot be decided is `unknown` and
//! names what is missing; a rule that errors judges every scope `unknown` and never disappears.

mod attestation;
mod closed_world;
mod closing;
mod collected;
mod config;
mod estate;
mod evaluate;
mod examples;
mod expression;
mod folder;
mod library;
mod names;
mod outcome;
mod rule;
pub mod schema;
mod scopes;
mod sentences;
mod sql;
mod stored;
mod views;
mod waivers;

pub use attestation::{ids as attestation_ids, parts as attestation_parts};
pub use config::{Config, ConfigError, Waivable, WaiverEntry, parse as parse_config};
pub use evaluate::{Judged, judge};
pub use examples::{test_examples, test_query};
pub use library::{Framework, Library, Loaded, RULES_DIGEST_DOC, Selection, frameworks};
pub use names::{Names, nearest};
pub use outcome::outcome;
pub use rule::{Example, Expect, Message, Parameter, ParameterKind, Rule, RuleError};
pub use sentences::{Form, Sentence};
pub use sql::{open_reader, run_query};
pub use stored::{explain_facts, stored_rules};
pub use views::add_views;

use crate::inventory::{Kind, Table};

/// The kind of a column of a subject, `account_id` and `region` included.
pub(crate) fn column_kind(table: &Table, name: &str) -> Option<Kind> {
    if matches!(name, "account_id" | "region") {
        return Some(Kind::Text);
    }
    collected::kind(table, name)
}
