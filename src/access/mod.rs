//! Who may do what in the run's accounts: policies of principals, resources and organisations, asked of the policy reasoner.
//!
//! [`Principals`] is the engine: it works the access of a role or user out once, and borrows nothing but the rows.

pub(crate) mod bucket;
pub(crate) mod documents;
pub(crate) mod escalation;
pub(crate) mod families;
pub(crate) mod lent;
pub(crate) mod organization;
pub(crate) mod principal;
mod profiles;
pub mod reach;
pub(crate) mod resource;
pub(crate) mod service;
pub(crate) mod transport;
pub(crate) mod trust;
pub(crate) mod trusted;
pub mod who_can;

use crate::inventory::{Inputs, Lookup, Row, World};
use crate::model::{Arn, GLOBAL, Gap, Observed};
use crate::services::{iam, organizations};
use principal::Access;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What tells the access of a role.
pub(crate) const INPUTS: Inputs = Inputs::All(&[
    iam::ROLE.list(),
    iam::POLICY.list(),
    iam::GROUP.list(),
    organizations::ORGANIZATION.list(),
    organizations::ACCOUNT.list(),
    organizations::ACCOUNT.group("path"),
    organizations::POLICY_TARGET.list(),
    organizations::POLICY_TARGET.group("content"),
]);

/// The access of every role and user, each worked out when it is first asked for.
pub struct Principals<'w> {
    /// The collected rows.
    pub world: &'w World,
    known: RefCell<BTreeMap<String, Rc<Access>>>,
}

impl<'w> Principals<'w> {
    /// Nothing worked out yet.
    pub fn new(world: &'w World) -> Self {
        Self {
            world,
            known: RefCell::default(),
        }
    }

    /// The access of a role by its ARN; the ARN may lack the path that the role has.
    pub(crate) fn role(&self, role_arn: &str) -> Observed<Rc<Access>> {
        let Some(arn) = Arn::parse(role_arn) else {
            return Observed::gap(Gap::not_understood(
                "iam_role",
                format!("`{role_arn}` is not an ARN"),
            ));
        };
        match self.world.lookup("iam_role", arn.account, GLOBAL, role_arn) {
            Lookup::Found(row) => Observed::Known(self.of(row)),
            Lookup::Absent => Observed::gap(Gap::not_understood(
                "iam_role",
                format!("the role `{role_arn}` does not exist"),
            )),
            Lookup::Unknown(gaps) => Observed::Unknown(gaps),
        }
    }

    /// The access of a role or user.
    pub(crate) fn of(&self, row: Row<'_>) -> Rc<Access> {
        let key = format!("{}|{}", row.table().name, row.key());
        if let Some(known) = self.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let access = Rc::new(principal::access(self.world, row));
        self.known.borrow_mut().insert(key, Rc::clone(&access));
        access
    }
}
