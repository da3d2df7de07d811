//! Who may do what: parse, evaluate one request, and look for a request that passes.
//!
//! Invariants: what is not understood is kept and makes an answer unknown, never dropped; every
//! "it can" carries the concrete request, confirmed by the plain evaluator; semantics follow the
//! IAM User Guide, "Policy evaluation logic".
//!
//! Pages: reference_policies_evaluation-logic, reference_policies_elements_condition_operators.

mod condition;
mod document;
mod evaluate;
mod questions;
mod truth;

pub use document::{Document, Effect, PrincipalPattern, Statement};
pub use evaluate::{Answer, Grants, Principal, Request};
pub use questions::{Exposure, Found, find_request, is_full_access, models_through, outsider_through, pattern_instance};
pub use truth::{Fact, Tri};
