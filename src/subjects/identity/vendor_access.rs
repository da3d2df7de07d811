//! Subject: what an outside vendor may still do after a hand-over.

use crate::access::documents::of_resource;
use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{GLOBAL, Gap, Observed, account_arn, glob, merge};
use crate::policy::{Effect, PrincipalPattern};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const PLACES: Inputs = Inputs::All(&[
    services::iam::ROLE.list(),
    services::kms::KEY.list(),
    services::kms::KEY.group("policy"),
    services::kms::KEY.group("grants"),
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("policy"),
]);

/// Vendors.
pub const VENDOR_ACCESS: Table = Table {
    name: "vendor_access",
    doc: "A vendor that the configuration names, in an account of the run: the roles, keys and buckets that still let it in.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        text("vendor_account_id", "Account of the vendor.").from(Inputs::NONE),
        list("places", "Roles, keys and buckets whose policy or grants let it in, without those that the configuration accepts.").from(PLACES),
        flag("has_access", "Is there such a place?").from(PLACES),
        flag("is_handed_over", "Has the date of the hand-over come? True where the configuration names none.").from(Inputs::NONE),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &VENDOR_ACCESS,
    derive,
    rests_on_published_data: false,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let vendors = facts.settings.list("vendor_accounts");
    let accepted = facts.settings.list("accepted_vendor_access");
    let day = facts.settings.text("handoff_date", "");
    let handed_over = day.is_empty()
        || facts
            .world
            .run
            .judged_at()
            .get(..10)
            .is_some_and(|today| today >= day.as_str());
    for (account, _) in facts.settings.scopes(&VENDOR_ACCESS) {
        for vendor in vendors.iter().filter(|vendor| **vendor != account) {
            let (mut places, mut gaps) = (BTreeSet::new(), Vec::new());
            let mut take = |row: Row<'_>, named: Observed<bool>| match named {
                Known(true) => {
                    let key = row.key();
                    if !accepted.iter().any(|pattern| glob(pattern, key)) {
                        places.insert(key.to_owned());
                    }
                }
                Known(false) => {}
                Unknown(more) => gaps = merge(std::mem::take(&mut gaps), more),
            };
            let mut unread = Vec::new();
            for (table, column) in [
                ("iam_role", "assume_role_policy"),
                ("kms_key", "policy"),
                ("s3_bucket", "policy"),
            ] {
                let regions: Vec<&str> = match facts.world.tables.get(table) {
                    Some(loaded) if loaded.table.span == Span::Global => vec![GLOBAL],
                    _ => facts.world.run.regions.iter().map(String::as_str).collect(),
                };
                for region in regions {
                    let found = facts.world.all(table, &account, region);
                    unread = merge(unread, found.gaps);
                    for row in found.rows {
                        let admits = row
                            .json(column)
                            .and_then(|policy| admits(row.key(), &policy, vendor));
                        let granted = match table {
                            "kms_key" => row.json("grants").map(|all| {
                                all.as_array().into_iter().flatten().any(|grant| {
                                    let to = grant["grantee_principal"].as_str();
                                    to.is_some_and(|to| to.contains(&format!(":{vendor}:")))
                                })
                            }),
                            _ => Known(false),
                        };
                        take(row, admits.or(granted));
                    }
                }
            }
            gaps = merge(gaps, unread);
            let has = match (places.is_empty(), gaps.is_empty()) {
                (false, _) => Known(true),
                (true, true) => Known(false),
                (true, false) => Unknown(gaps),
            };
            let arn = account_arn(&facts.world.run.partition, &account);
            let mut row = sink.row(&account, GLOBAL, arn, "AWS::::Account");
            row.put("part", format!("vendor {vendor}"))
                .put("name", facts.settings.account_name(&account))
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.put("vendor_account_id", vendor.as_str())
                .put("places", places.into_iter().collect::<Vec<_>>())
                .set("has_access", has)
                .put("is_handed_over", handed_over);
            sink.push(row);
        }
    }
}

/// Does a policy allow anything to an account, or to a principal of it?
fn admits(name: &str, policy: &Json, vendor: &str) -> Observed<bool> {
    if policy.is_null() || policy.as_object().is_some_and(serde_json::Map::is_empty) {
        return Known(false);
    }
    let document = match of_resource(name, policy) {
        Known(document) => document,
        // What is not understood and does not name the account says nothing of it.
        Unknown(_) if !policy.to_string().contains(vendor) => return Known(false),
        Unknown(gaps) => return Unknown(gaps),
    };
    let names = document
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow)
        .flat_map(|statement| &statement.principals)
        .filter(|patterns| !patterns.negated)
        .flat_map(|patterns| &patterns.all)
        .any(|pattern| match pattern {
            PrincipalPattern::Account(account) => account == vendor,
            PrincipalPattern::Arn(arn) => arn.contains(&format!(":{vendor}:")),
            _ => false,
        });
    if names {
        return Known(true);
    }
    // Everyone may be let in under a condition that names it.
    let by_condition = document
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow)
        .flat_map(|statement| &statement.conditions)
        .any(|condition| {
            condition.key == "aws:principalaccount"
                && condition.values.iter().any(|value| value == vendor)
        });
    if by_condition {
        return Observed::gap(Gap::not_understood(
            "policy",
            format!("{name} has a condition on account {vendor}"),
        ));
    }
    Known(false)
}
