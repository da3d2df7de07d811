//! Who may do what: parse, evaluate one request, and decide over all requests.
//!
//! Invariants: what is not understood is kept and makes an answer unknown, never dropped; every
//! "it can" carries the concrete request, confirmed by the plain evaluator; "it cannot" is a search of
//! all atoms that came to its end; semantics follow the IAM User Guide, "Policy evaluation logic".
//!
//! Pages: reference_policies_evaluation-logic, reference_policies_elements_condition_operators.

mod atom;
pub mod authorization;
mod automaton;
mod compare;
mod condition;
mod document;
mod evaluate;
mod formula;
mod found;
mod given;
mod model_questions;
mod principals;
mod questions;
mod request;
mod search;
mod truth;
mod variable;
pub mod wire;

pub use compare::{Comparison, PolicyType, compare};
pub use document::{Condition, Document, Effect, Malformed, Patterns, PrincipalPattern, Statement};
pub use evaluate::{Answer, Because, Policies, Side};
pub use found::Found;
pub(crate) use found::of;
pub use given::is_refused;
pub use model_questions::{Models, models_of, models_through};
pub use questions::{
    Ask, anyone_through, conditions_of, is_foreign, is_full_access, may, may_beyond, may_on_own,
    of_caller, outsider_through, stranger_through,
};
pub use request::{Kind, Others, Principal, Request};
pub use search::{Mode, Scope, Who};
pub use truth::{Fact, Tri};

/// A name that no approved model, role or resource has.
pub const PROBE: &str = "outcrop-probe";
