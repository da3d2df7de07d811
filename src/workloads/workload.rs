//! One workload: what it is, where it stands, under which roles it runs, and what it calls.

use crate::access::Principals;
use crate::access::families::{Families, RUNTIME};
use crate::inventory::Row;
use crate::model::{Gap, Observed, merge};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

/// One placement of a workload in a network: a function version, or a service with its task definition.
#[derive(Debug, Clone)]
pub(crate) struct Deployment<'w> {
    /// The row with network and settings (the service for ECS).
    pub network: Row<'w>,
    /// The row with the settings that variables tell; `None` where nothing of them can be seen.
    pub settings: Option<Row<'w>>,
}

/// A workload, caller or not.
#[derive(Debug, Clone)]
pub(crate) struct Workload<'w> {
    /// Function ARN without version, or service ARN.
    pub arn: String,
    /// Name.
    pub name: String,
    /// `lambda`, `ecs`, `ec2`, `eks`, `sagemaker`, `agentcore` or `stepfunctions`.
    pub kind: &'static str,
    /// CloudFormation's name of its type.
    pub resource_type: &'static str,
    /// Account.
    pub account: &'w str,
    /// Region.
    pub region: &'w str,
    /// Roles of its code.
    pub roles: Observed<BTreeSet<String>>,
    /// The role that starts its containers; empty for functions.
    pub execution_roles: Observed<BTreeSet<String>>,
    /// Where it runs.
    pub deployments: Vec<Deployment<'w>>,
    /// What may hide more of that.
    pub deployment_gaps: Vec<Gap>,
    /// Log groups it writes to.
    pub log_groups: Observed<BTreeSet<String>>,
    /// Tags.
    pub tags: Observed<BTreeMap<String, String>>,
    /// Does a variable name a model?
    pub names_model: Observed<bool>,
    /// API families that it calls, and those that it may call as far as is known.
    pub families: Families,
}

impl<'w> Workload<'w> {
    /// A workload of which nothing else is known to be: no roles, no network, no calls.
    pub fn new(
        kind: &'static str,
        resource_type: &'static str,
        arn: impl Into<String>,
        name: impl Into<String>,
        row: Row<'w>,
    ) -> Self {
        Self {
            arn: arn.into(),
            name: name.into(),
            kind,
            resource_type,
            account: row.account(),
            region: row.region(),
            roles: Known(BTreeSet::new()),
            execution_roles: Known(BTreeSet::new()),
            deployments: Vec::new(),
            deployment_gaps: Vec::new(),
            log_groups: Known(BTreeSet::new()),
            tags: Known(BTreeMap::new()),
            names_model: Known(false),
            families: Families::default(),
        }
    }

    /// Finds out which API families it may call: what its roles are granted, and the runtime where its configuration names a model.
    pub fn asked(mut self, principals: &Principals<'_>) -> Self {
        let mut families = Families::default();
        match &self.roles {
            Known(roles) => {
                for role in roles {
                    match principals.role(role) {
                        Known(access) => {
                            families.known.extend(&access.families.known);
                            access
                                .families
                                .open
                                .iter()
                                .for_each(|(family, gaps)| families.doubt(family, gaps));
                            families.any_other = merge(
                                std::mem::take(&mut families.any_other),
                                access.families.any_other.clone(),
                            );
                        }
                        Unknown(gaps) => families.doubt_all(&gaps),
                    }
                }
            }
            Unknown(gaps) => families.doubt_all(gaps),
        }
        match &self.names_model {
            Known(true) => drop(families.known.insert(RUNTIME)),
            Known(false) => {}
            Unknown(gaps) => families.doubt(RUNTIME, gaps),
        }
        families.settle();
        self.families = families;
        self
    }

    /// The families that it calls or may call, each with what keeps that from being known.
    pub fn calls(&self) -> impl Iterator<Item = (&'static str, &[Gap])> {
        let known = self.families.known.iter().map(|family| (*family, &[][..]));
        known.chain(
            self.families
                .open
                .iter()
                .map(|(family, gaps)| (*family, gaps.as_slice())),
        )
    }

    /// Is it a Bedrock caller?
    pub fn is_caller(&self) -> Observed<bool> {
        self.families.any()
    }
}

/// Sets as one; unknown where one is.
pub(crate) fn union<T: Ord>(
    sets: impl IntoIterator<Item = Observed<BTreeSet<T>>>,
) -> Observed<BTreeSet<T>> {
    sets.into_iter().fold(Known(BTreeSet::new()), |all, next| {
        all.zip(next).map(|(mut all, next)| {
            all.extend(next);
            all
        })
    })
}

/// The set of one text; empty for an empty one.
pub(crate) fn one(text: Observed<&str>) -> Observed<BTreeSet<String>> {
    text.map(|text| {
        if text.is_empty() {
            BTreeSet::new()
        } else {
            BTreeSet::from([text.to_owned()])
        }
    })
}
