//! State machines of AWS Step Functions.

use super::Kind;
use super::interfaces::{Placement, never_public};
use super::workload::{Workload, one};
use crate::access::Principals;
use crate::inventory::{Inputs, Row, World};
use crate::model::{Gap, Observed};
use crate::services;

/// How workloads of the kind are found, and where they stand.
pub(super) const KIND: Kind = Kind {
    find,
    inputs: Inputs::All(&[
        services::stepfunctions::STATE_MACHINE.list(),
        services::stepfunctions::STATE_MACHINE.group("detail"),
    ]),
    tables: &["sfn_state_machine"],
    placement,
    public_address: never_public,
};

/// State machines run under roles; what they call is called by the service itself.
fn find<'w>(
    principals: &Principals<'w>,
    account: &str,
    region: &str,
    all: &mut Vec<Workload<'w>>,
) -> Vec<Gap> {
    let found = principals.world.all("sfn_state_machine", account, region);
    all.extend(found.rows.into_iter().map(|row| Workload {
        roles: one(row.text("role_arn")),
        ..Workload::new(
            "stepfunctions",
            "AWS::StepFunctions::StateMachine",
            row.key(),
            row.text("name").known().unwrap_or_default(),
            row,
        )
    }));
    found.gaps
}

fn placement(_: &World, _: &Workload<'_>, _: Row<'_>) -> Observed<Option<Placement>> {
    Observed::Known(None)
}
