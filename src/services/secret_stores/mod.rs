//! AWS Secrets Manager and Parameter Store, as files declare them: what a file gives away. No secret of an account is read.

pub(super) mod declared;

use super::Service;
use super::environment::VARIABLE;
use crate::inventory::{Column, Inputs, Role, Span, Table};

const LITERALS: [Column; 11] = VARIABLE;

/// Values that files write out.
pub const SOURCE_LITERAL: Table = Table {
    name: "source_literal",
    doc: "Values of secrets and parameters that a plan or template writes out: what was detected in them, never the values. Files alone have such rows.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &LITERALS,
    reads: &[],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&SOURCE_LITERAL],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[],
};
