//! What an organisation lays over its accounts.

use super::documents::{documents, push};
use crate::inventory::{Lookup, World};
use crate::model::{GLOBAL, Gap, Observed, Reason, merge};
use crate::policy::Document;
use Observed::{Known, Unknown};
use std::rc::Rc;

/// The kinds of policies that an organisation lays over its accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    /// Service control policies: over the principals of an account.
    Principals,
    /// Resource control policies: over its resources.
    Resources,
}

/// The policies of a kind over an account, level by level; empty where there are none.
pub(crate) fn fences(
    world: &World,
    account: &str,
    fence: Fence,
) -> Observed<Vec<Vec<Rc<Document>>>> {
    let kind = match fence {
        Fence::Principals => "SERVICE_CONTROL_POLICY",
        Fence::Resources => "RESOURCE_CONTROL_POLICY",
    };
    let organization = match world.lookup("organization", account, GLOBAL, account) {
        Lookup::Found(row) => row.text("id").zip(row.text("master_account_id")),
        Lookup::Absent => return Known(Vec::new()),
        // A file is judged by what it grants itself. Control policies only take away: what passes without them passes with them.
        Lookup::Unknown(_) if world.run.source.is_file() => return Known(Vec::new()),
        Lookup::Unknown(gaps) => return Unknown(gaps),
    };
    organization.and_then(|(id, master)| {
        // The management account and accounts outside any organisation have no control policies.
        if id.is_empty() || master == account {
            return Known(Vec::new());
        }
        let Some(entry) = world
            .everywhere("organizations_account")
            .into_iter()
            .find(|row| row.text("id") == Known(account))
        else {
            return Unknown(merge(
                world.hidden_anywhere("organizations_account"),
                vec![Gap {
                    fact: "organizations_policy_target".to_owned(),
                    operation: "organizations:ListPolicies".to_owned(),
                    action: "organizations:ListPolicies".to_owned(),
                    reason: Reason::NotScanned,
                    detail: format!(
                        "the control policies over {account} are read from the management account"
                    ),
                }],
            ));
        };
        entry.list("path").and_then(|mut path| {
            path.push(account.to_owned());
            let mut levels = Vec::new();
            let mut any = false;
            for target in path {
                let attached = world.children(
                    "organizations_policy_target",
                    entry.account(),
                    GLOBAL,
                    "target_id",
                    &target,
                );
                if !attached.gaps.is_empty() {
                    return Unknown(attached.gaps);
                }
                let mut level = Known(Vec::new());
                for row in attached.rows {
                    match row.text("type") {
                        Known(own) if own == kind => {
                            level = push(
                                level,
                                row.json("content").and_then(|json| {
                                    documents(
                                        row.text("policy_name").known().unwrap_or("control policy"),
                                        &json,
                                    )
                                }),
                            )
                        }
                        Known(_) => {}
                        Unknown(gaps) => return Unknown(gaps),
                    }
                }
                match level {
                    Known(level) => {
                        any |= !level.is_empty();
                        levels.push(level);
                    }
                    Unknown(gaps) => return Unknown(gaps),
                }
            }
            // An organisation without a single attached policy has not switched control policies on.
            Known(if any { levels } else { Vec::new() })
        })
    })
}
