//! Subject: the roles of the security team, and what they cannot read.

use crate::access::documents::of_resource;
use crate::derive::Sink;
use crate::inventory::cols::{flag, int, list};
use crate::inventory::{Inputs, Lookup, Role, Span, Table};
use crate::model::{Arn, GLOBAL, Gap, Observed, Reason, account_arn, glob, merge};
use crate::policy::{Ask, Document, Policies, may};
use crate::subjects::{Facts, Subject};
use crate::{access, services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Audit roles.
pub const AUDIT_ROLE: Table = Table {
    name: "audit_role",
    doc: "A role that the configuration calls one of the security team (`audit_principals`), and the actions behind the rules of this release that its policies do not allow.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        int("needed", "How many actions the rules rest on.").from(Inputs::NONE),
        list("missing_actions", "Those that it may not call.").from(access::INPUTS),
        int("missing_count", "How many those are.").from(access::INPUTS),
        list("first_missing", "The first of them.").from(access::INPUTS),
        flag("can_read", "May it call all of them?").from(access::INPUTS),
        flag("exists", "Does the role exist?").from(services::iam::ROLE.list()),
    ],
    reads: &[],
    lists: services::iam::ROLE.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &AUDIT_ROLE,
    derive,
    rests_on_published_data: true,
};

/// The actions behind every rule, as `outcrop role` grants them.
fn needed() -> BTreeSet<&'static str> {
    let of_tables = services::tables()
        .flat_map(|table| table.reads)
        .flat_map(|read| read.actions());
    let entry = services::ENTRY_OPERATIONS
        .iter()
        .map(|(_, action)| *action)
        // Whoever has credentials may ask who they are.
        .filter(|action| *action != "sts:GetCallerIdentity");
    of_tables.chain(entry).collect()
}

/// A key policy that leaves the decision to the policies of the account, as the one that AWS KMS makes by default.
fn delegates(partition: &str, account: &str) -> Option<Rc<Document>> {
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": account_arn(partition, account)}, "Action": "kms:*", "Resource": "*",
    }]});
    of_resource("the key's policy", &policy).known()
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let needed = needed();
    for named in facts.settings.list("audit_principals") {
        // `arn:aws:iam::*:role/Audit` stands for the role of that name in every account.
        let parsed = Arn::parse(&named).filter(|arn| arn.resource.starts_with("role/"));
        let Some(arn) = parsed else {
            // A name that is not a role's ARN names nobody, and nobody may be taken to look.
            for account in facts.world.accounts() {
                let gap = Gap::not_understood(
                    "audit_principals",
                    format!("`{named}` is not the ARN of a role"),
                );
                sink.hide(account, GLOBAL, vec![gap]);
            }
            continue;
        };
        let accounts: Vec<String> = if arn.account == "*" {
            facts.world.accounts().map(str::to_owned).collect()
        } else {
            vec![arn.account.to_owned()]
        };
        for account in accounts {
            if facts.world.run.account(&account).is_none() {
                for own in facts.world.accounts() {
                    let gap = Gap {
                        reason: Reason::NotScanned,
                        ..Gap::not_understood(
                            "iam_role",
                            format!("the account of `{named}` is not in this run"),
                        )
                    };
                    sink.hide(own, GLOBAL, vec![gap]);
                }
                continue;
            }
            let pattern = named.replacen(":*:", &format!(":{account}:"), 1);
            // Roles of IAM Identity Center have a part in their names that AWS makes up.
            let role = if pattern.contains('*') {
                let roles = facts.world.all("iam_role", &account, GLOBAL).rows;
                let found = roles
                    .iter()
                    .map(|row| row.key())
                    .find(|key| glob(&pattern, key));
                found.map_or(pattern.clone(), str::to_owned)
            } else {
                pattern
            };
            let exists = match facts.world.lookup("iam_role", &account, GLOBAL, &role) {
                Lookup::Found(_) => Known(true),
                Lookup::Absent => Known(false),
                Lookup::Unknown(gaps) => Unknown(gaps),
            };
            let (mut missing, mut gaps) = (Vec::new(), Vec::new());
            match (&exists, facts.principals.role(&role)) {
                (Known(false), _) => missing = needed.iter().map(|one| (*one).to_owned()).collect(),
                (_, Unknown(more)) => gaps = more,
                (_, Known(access)) => {
                    // A key's own policy decides as well; it is asked where the key is judged.
                    let delegates = delegates(&facts.world.run.partition, &account);
                    let policies = Policies {
                        resource: delegates,
                        ..(*access.grants).clone()
                    };
                    for action in &needed {
                        let allowed = if action.starts_with("kms:") {
                            let ask = Ask {
                                principal: &access.principal,
                                actions: &[*action],
                                resources: &[],
                                resource_account: Some(&account),
                                context: BTreeMap::new(),
                                choose: true,
                            };
                            access
                                .seen(may(&policies, &ask))
                                .map(|found| found.is_some())
                        } else {
                            access.may_any(action)
                        };
                        match allowed {
                            Known(true) => {}
                            Known(false) => missing.push((*action).to_owned()),
                            Unknown(more) => gaps = merge(gaps, more),
                        }
                    }
                }
            }
            let can = match (missing.is_empty(), gaps.is_empty()) {
                (false, _) => Known(false),
                (true, true) => Known(true),
                (true, false) => Unknown(gaps),
            };
            let name = Arn::parse(&role).map_or(role.clone(), |arn| arn.name().to_owned());
            let mut row = sink.row(&account, GLOBAL, role, "AWS::IAM::Role");
            row.put("name", name)
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.put("needed", needed.len() as i64)
                .put("missing_count", missing.len() as i64)
                .put(
                    "first_missing",
                    missing.iter().take(5).cloned().collect::<Vec<_>>(),
                )
                .put("missing_actions", missing)
                .set("can_read", can)
                .set("exists", exists);
            sink.push(row);
        }
    }
}
