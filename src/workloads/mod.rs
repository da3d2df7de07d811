//! Who calls Bedrock: compute whose role is granted it by name, or whose configuration names a model.
//!
//! One file for each kind of compute, which says how its workloads are found and where they stand; `KINDS` lists them.
//! `Workloads` is the engine: it finds them once, and borrows [`Principals`] for what their roles may do.

mod agentcore;
mod ec2;
mod ecs;
mod eks;
pub(crate) mod interfaces;
mod lambda;
mod sagemaker;
mod stepfunctions;
pub(crate) mod workload;

use crate::access::{self, Principals};
use crate::derive::Settings;
use crate::inventory::{Inputs, Row, World};
use crate::model::{Gap, Observed, merge};
use crate::services;
use Observed::{Known, Unknown};
use interfaces::Placement;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;
pub(crate) use workload::{Deployment, Workload};

/// Finds the workloads of a kind in an account and Region; gives what may hide more of them.
type Find = for<'w> fn(&Principals<'w>, &str, &str, &mut Vec<Workload<'w>>) -> Vec<Gap>;

/// One kind of compute.
pub(crate) struct Kind {
    /// Finds its workloads.
    find: Find,
    /// What they are found by.
    inputs: Inputs,
    /// Tables whose rows say where a workload of the kind stands.
    tables: &'static [&'static str],
    /// Where a row of such a table stands: `None` for the service's own network.
    placement: fn(&World, &Workload<'_>, Row<'_>) -> Observed<Option<Placement>>,
    /// Do its interfaces get public addresses?
    public_address: fn(&World, Row<'_>) -> Observed<bool>,
}

/// Every kind of compute.
const KINDS: &[Kind] = &[
    lambda::KIND,
    ecs::KIND,
    ec2::KIND,
    agentcore::KIND,
    eks::KIND,
    sagemaker::KIND,
    stepfunctions::KIND,
];

/// What tells the workloads of a run, and which of them call Bedrock.
pub(crate) const INPUTS: Inputs = Inputs::All(&[
    lambda::KIND.inputs,
    ecs::KIND.inputs,
    ec2::KIND.inputs,
    agentcore::KIND.inputs,
    eks::KIND.inputs,
    sagemaker::KIND.inputs,
    stepfunctions::KIND.inputs,
    access::INPUTS,
]);

/// What tells the tags of workloads.
pub(crate) const TAGS: Inputs = Inputs::All(&[
    services::lambda::FUNCTION.group("tags"),
    services::ecs::ECS_SERVICE.list(),
]);

/// The kind of compute that a row stands for.
fn kind_of(row: Row<'_>) -> Option<&'static Kind> {
    KINDS
        .iter()
        .find(|kind| kind.tables.contains(&row.table().name))
}

/// The workloads of a run, found when they are first asked for.
pub(crate) struct Workloads<'w> {
    principals: Rc<Principals<'w>>,
    found: OnceCell<Callers<'w>>,
}

impl<'w> Workloads<'w> {
    /// Nothing found yet.
    pub fn new(principals: Rc<Principals<'w>>) -> Self {
        Self {
            principals,
            found: OnceCell::new(),
        }
    }

    /// All of them.
    pub fn all(&self) -> &Callers<'w> {
        self.found.get_or_init(|| find(&self.principals))
    }
}

/// All workloads of the run.
#[derive(Debug, Default)]
pub(crate) struct Callers<'w> {
    /// In the order of their scopes and ARNs.
    pub all: Vec<Workload<'w>>,
    /// What may hide more, by scope.
    pub gaps: BTreeMap<(String, String), Vec<Gap>>,
}

impl<'w> Callers<'w> {
    /// The known callers of a scope.
    pub fn known<'s>(
        &'s self,
        account: &'s str,
        region: &'s str,
    ) -> impl Iterator<Item = &'s Workload<'w>> {
        self.all.iter().filter(move |workload| {
            workload.account == account
                && workload.region == region
                && workload.is_caller().is_true()
        })
    }

    /// The known callers of a scope, and the workloads that may be callers.
    pub fn possible<'s>(
        &'s self,
        account: &'s str,
        region: &'s str,
    ) -> impl Iterator<Item = &'s Workload<'w>> {
        self.all.iter().filter(move |workload| {
            workload.account == account
                && workload.region == region
                && !workload.is_caller().is_false()
        })
    }

    /// What may hide workloads in a scope: unread lists.
    pub fn unlisted(&self, account: &str, region: &str) -> Vec<Gap> {
        self.gaps
            .get(&(account.to_owned(), region.to_owned()))
            .cloned()
            .unwrap_or_default()
    }

    /// What may hide callers in a scope: unread lists, and workloads of which it is not known.
    pub fn hidden(&self, account: &str, region: &str) -> Vec<Gap> {
        let open = self
            .all
            .iter()
            .filter(|workload| workload.account == account && workload.region == region);
        open.flat_map(|workload| {
            workload
                .families
                .open
                .values()
                .chain([&workload.families.any_other])
        })
        .fold(self.unlisted(account, region), |gaps, more| {
            merge(gaps, more.clone())
        })
    }

    /// Does the account run a caller?
    pub fn in_account(&self, world: &World, account: &str) -> Observed<bool> {
        let regions: Vec<&str> = world.run.regions.iter().map(String::as_str).collect();
        Observed::any(
            regions
                .iter()
                .map(|region| {
                    if self.known(account, region).next().is_some() {
                        return Known(true);
                    }
                    let gaps = self.hidden(account, region);
                    if gaps.is_empty() {
                        Known(false)
                    } else {
                        Unknown(gaps)
                    }
                })
                .chain([Settings::of(&world.run).nowhere_else(account)]),
        )
    }
}

fn find<'w>(principals: &Principals<'w>) -> Callers<'w> {
    let mut callers = Callers::default();
    for account in principals.world.accounts() {
        for region in &principals.world.run.regions {
            let gaps = KINDS.iter().fold(Vec::new(), |gaps, kind| {
                merge(
                    gaps,
                    (kind.find)(principals, account, region, &mut callers.all),
                )
            });
            callers
                .gaps
                .insert((account.to_owned(), region.clone()), gaps);
        }
    }
    callers
        .all
        .sort_by(|a, b| (a.account, a.region, &a.arn).cmp(&(b.account, b.region, &b.arn)));
    callers
}
