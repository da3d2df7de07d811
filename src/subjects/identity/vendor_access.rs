//! Subject: what an outside vendor may still do after a hand-over.

use crate::access::lent::{Lent, admits};
use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{GLOBAL, Gap, Observed, account_arn, glob, merge};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const PLACES: Inputs = Inputs::All(&[
    services::iam::ROLE.list(),
    services::kms::KEY.list(),
    services::kms::KEY.group("policy"),
    services::kms::KEY.group("grants"),
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("policy"),
    services::bedrock::GUARDRAIL.list(),
    services::bedrock::GUARDRAIL.group("policy"),
    services::agentcore::RUNTIME.list(),
    services::agentcore::RUNTIME.group("policy"),
    services::agentcore::GATEWAY.list(),
    services::agentcore::GATEWAY.group("policy"),
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
        list("places", "Roles, keys, buckets, guardrails, runtimes and gateways whose policy or grants let it in, without those that the configuration accepts.").from(PLACES),
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

/// Where a vendor may be let in: table, column, and what is asked of the policy there.
const PLACED: [(&str, &str, &[&str]); 6] = [
    (
        "iam_role",
        "assume_role_policy",
        &[
            "sts:AssumeRole",
            "sts:AssumeRoleWithSAML",
            "sts:AssumeRoleWithWebIdentity",
        ],
    ),
    ("kms_key", "policy", &["kms:*"]),
    ("s3_bucket", "policy", &["s3:*"]),
    ("bedrock_guardrail", "policy", &["bedrock:*"]),
    (
        "bedrock_agentcore_runtime",
        "policy",
        &["bedrock-agentcore:*"],
    ),
    (
        "bedrock_agentcore_gateway",
        "policy",
        &["bedrock-agentcore:*"],
    ),
];

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let vendors = facts.settings.list("vendor_accounts");
    let accepted = facts.settings.list("accepted_vendor_access");
    let day = facts.settings.text("handoff_date", "");
    // A day that cannot be read puts nothing off.
    let today: Option<jiff::civil::Date> = facts
        .world
        .run
        .judged_at()
        .get(..10)
        .and_then(|today| today.parse().ok());
    let handed_over = match day.parse::<jiff::civil::Date>() {
        Ok(day) => today.is_none_or(|today| today >= day),
        Err(_) => true,
    };
    for (account, _) in facts.settings.scopes(&VENDOR_ACCESS) {
        for vendor in vendors.iter().filter(|vendor| **vendor != account) {
            let (mut places, mut gaps) = (BTreeSet::new(), Vec::new());
            if vendor.len() != 12 || !vendor.bytes().all(|byte| byte.is_ascii_digit()) {
                gaps.push(Gap::not_understood(
                    "vendor_accounts",
                    format!("`{vendor}` is not an account id; one has twelve digits"),
                ));
            }
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
            for (table, column, actions) in PLACED {
                let regions: Vec<&str> = match facts.world.tables.get(table) {
                    Some(loaded) if loaded.table.span == Span::Global => vec![GLOBAL],
                    _ => facts.world.run.regions.iter().map(String::as_str).collect(),
                };
                for region in regions {
                    let found = facts.world.all(table, &account, region);
                    unread = merge(unread, found.gaps);
                    for row in found.rows {
                        let own = [row.key().to_owned(), format!("{}/*", row.key())];
                        let asked = Lent {
                            owner: &account,
                            own: &own,
                            actions,
                            does: "use it",
                        };
                        let admits = row
                            .json(column)
                            .and_then(|policy| {
                                admits(facts.world, row.key(), &policy, asked, vendor)
                            })
                            .map(|found| found.is_some());
                        let granted = match table {
                            "kms_key" => row.json("grants").map(|all| {
                                all.as_array().into_iter().flatten().any(|grant| {
                                    let to = grant["grantee_principal"].as_str();
                                    to.is_some_and(|to| {
                                        to == vendor || to.contains(&format!(":{vendor}:"))
                                    })
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
