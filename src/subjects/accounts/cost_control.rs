//! Subject: what tells people that inference costs more than it should.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Lookup, Role, Span, Table};
use crate::model::{GLOBAL, Gap, Observed, Reason, account_arn, merge};
use crate::subjects::logging::genai_use;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const COSTS: Inputs = Inputs::All(&[
    services::operations::BUDGET.list(),
    services::operations::BUDGET.group("notifications"),
    services::operations::ANOMALY_MONITOR.list(),
    services::operations::ANOMALY_MONITOR.group("subscriptions"),
    services::organizations::ORGANIZATION.list(),
]);

/// Cost control of accounts.
pub const COST_CONTROL: Table = Table {
    name: "cost_control",
    doc: "An account that uses Bedrock, and the budgets and monitors that cover what that costs: its own, and those of the management account.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        text("use_reason", "What shows that Bedrock is used.").from(genai_use::INPUTS),
        list(
            "covered_by",
            "Budgets and monitors that cover it and tell somebody, each as `account: name`."
        )
        .from(COSTS),
        flag("is_covered", "Is there one?").from(COSTS),
    ],
    reads: &[],
    lists: genai_use::INPUTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &COST_CONTROL,
    derive,
    rests_on_published_data: false,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, _) in facts.settings.scopes(&COST_CONTROL) {
        let mut gaps = Vec::new();
        let mut reason = None;
        for region in &facts.world.run.regions {
            match genai_use::in_use(facts, &account, region) {
                Known(found) => reason = reason.or(found),
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        let Some(reason) = reason else {
            sink.hide(&account, GLOBAL, gaps);
            continue;
        };
        let (by, covered) = covered(facts, &account);
        let arn = account_arn(&facts.world.run.partition, &account);
        let mut row = sink.row(&account, GLOBAL, arn, "AWS::::Account");
        row.put("part", "cost")
            .put("name", facts.settings.account_name(&account))
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
        row.put("use_reason", reason)
            .put("covered_by", by)
            .set("is_covered", covered);
        sink.push(row);
    }
}

/// Names that Amazon Bedrock has in a bill; models that are bought by AWS Marketplace are billed under their own.
fn is_bedrock(service: &str) -> bool {
    service.to_ascii_lowercase().contains("bedrock")
}

fn covered(facts: &Facts<'_>, account: &str) -> (Vec<String>, Observed<bool>) {
    let payer = match facts.world.lookup("organization", account, GLOBAL, account) {
        Lookup::Found(row) => row.text("master_account_id").map(str::to_owned),
        Lookup::Absent => Known(String::new()),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    let mut by = Vec::new();
    let mut all = Vec::new();
    let mut look = |owner: &str| {
        let budgets = facts.world.all("budget", owner, GLOBAL);
        let monitors = facts.world.all("cost_anomaly_monitor", owner, GLOBAL);
        for gaps in [budgets.gaps, monitors.gaps] {
            if !gaps.is_empty() {
                all.push(Unknown(gaps));
            }
        }
        let budgets = budgets.rows.iter().map(|row| {
            let covers = row
                .list("services")
                .map(|all| all.is_empty() || all.iter().any(|service| is_bedrock(service)))
                .and(
                    row.list("linked_accounts")
                        .map(|all| all.is_empty() || all.iter().any(|id| id == account)),
                )
                .and(row.flag("is_filtered").and_then(|filtered| {
                    if filtered {
                        Observed::gap(Gap::not_understood(
                            "budget.is_filtered",
                            format!(
                                "what the filters of the budget {} leave out is not worked out",
                                row.key()
                            ),
                        ))
                    } else {
                        Known(true)
                    }
                }))
                .and(row.text("type").map(|kind| kind == "COST"))
                .and(row.int("notifications").map(|count| count > 0));
            (row.key(), covers)
        });
        let monitors = monitors.rows.iter().map(|row| {
            let covers = row
                .text("covers")
                .map(|covers| covers == "services")
                .and(row.int("subscribers").map(|count| count > 0));
            (row.text("name").known().unwrap_or(row.key()), covers)
        });
        for (name, covers) in budgets.chain(monitors) {
            if covers.is_true() {
                by.push(format!("{owner}: {name}"));
            }
            all.push(covers);
        }
    };
    look(account);
    match payer {
        Known(payer) if payer.is_empty() || payer == account => {}
        Known(payer) if facts.world.run.account(&payer).is_some() => look(&payer),
        Known(payer) => all.push(Observed::gap(Gap {
            reason: Reason::NotScanned,
            ..Gap::not_understood(
                "budget",
                format!("the management account {payer} is not in this run, and its budgets can cover this account"),
            )
        })),
        Unknown(gaps) => all.push(Unknown(gaps)),
    }
    (by, Observed::any(all))
}
