//! The estates inside the binary, judged: expectations are data.

use crate::law::{judged, rules_of_accounts};
use outcrop::inventory::Store;
use outcrop::model::{Outcome, Verdict};
use outcrop::sources::fixture;
use outcrop::subjects;
use std::collections::{BTreeMap, BTreeSet};

fn verdicts(outcome: &Outcome) -> BTreeMap<&str, BTreeSet<Verdict>> {
    let mut all: BTreeMap<&str, BTreeSet<Verdict>> = BTreeMap::new();
    for result in &outcome.results {
        all.entry(&result.rule).or_default().insert(result.verdict);
    }
    all
}

#[test]
fn every_rule_fails_somewhere_in_the_broken_estate() {
    let outcome = judged("broken", |_| {});
    for (rule, verdicts) in verdicts(&outcome) {
        assert!(verdicts.contains(&Verdict::Fail), "{rule} does not fail");
    }
    // One function sends its calls to a proxy, another calls only through a service: of these two something is unknown.
    let unclear: Vec<_> = outcome
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Unknown)
        .map(|result| (&result.rule, &result.resource))
        .collect();
    assert!(
        unclear.iter().all(
            |(_, resource)| ["translator", "archiver", "vpce-quiet-runtime"]
                .iter()
                .any(|name| resource.ends_with(name))
        ),
        "{unclear:#?}"
    );
    assert_eq!(verdicts(&outcome).len(), rules_of_accounts().rules.len());
}

#[test]
fn nothing_fails_and_nothing_is_unknown_in_the_sound_estate() {
    let outcome = judged("sound", |_| {});
    let loud: Vec<_> = outcome
        .results
        .iter()
        .filter(|result| matches!(result.verdict, Verdict::Fail | Verdict::Unknown))
        .map(|result| (&result.rule, &result.resource, &result.message))
        .collect();
    assert!(loud.is_empty(), "{loud:#?}");
    for (rule, verdicts) in verdicts(&outcome) {
        assert!(
            verdicts.contains(&Verdict::Pass)
                || [
                    "bedrock-api-key-in-environment",
                    "bedrock-api-key-never-expires",
                    "bedrock-api-key-long-term",
                    // Nobody there may use that endpoint.
                    "mantle-inference-unlogged",
                    // Nobody there asks for costs to be told apart.
                    "cost-not-attributable"
                ]
                .contains(&rule),
            "{rule} judges nothing there"
        );
    }
}

#[test]
fn half_the_calls_denied_gives_no_failure_and_names_what_is_missing() {
    let outcome = judged("denied", |_| {});
    for result in &outcome.results {
        assert_ne!(
            result.verdict,
            Verdict::Fail,
            "{} {}",
            result.rule,
            result.resource
        );
        if result.verdict == Verdict::Unknown {
            assert!(
                !result.missing.is_empty(),
                "{} {} does not say what is missing",
                result.rule,
                result.resource
            );
        }
    }
    let refused = outcome
        .results
        .iter()
        .flat_map(|result| &result.missing)
        .any(|gap| gap.operation == "lambda:ListFunctions" && gap.action == "lambda:ListFunctions");
    assert!(refused, "the refused call is not named");
}

#[test]
fn one_account_for_everything_is_told() {
    let outcome = judged("single-account", |_| {});
    let failed: BTreeSet<&str> = outcome
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Fail)
        .map(|result| result.rule.as_str())
        .collect();
    for rule in [
        "all-functions-in-one-account",
        "account-outside-organization",
        "workload-and-data-in-one-account",
        "workload-and-audit-in-one-account",
        "bedrock-call-leaves-by-public-endpoint",
        "provider-key-in-environment",
    ] {
        assert!(failed.contains(rule), "{rule}");
    }
}

#[test]
fn every_declared_column_is_filled_by_some_estate() {
    let mut filled: BTreeSet<(&str, &str)> = BTreeSet::new();
    for estate in fixture::estates() {
        judged(&estate, |_| {});
        let mut store = Store::memory(&subjects::tables()).expect("memory");
        let mut run = fixture::load_estate(&estate, &mut store).expect("an estate");
        run.parameters = rules_of_accounts().values;
        store.write_run(&run).expect("the run");
        subjects::derive(&store).expect("subjects");
        for table in subjects::tables() {
            for column in table.columns {
                let count: i64 = store
                    .conn
                    .query_row(
                        &format!("SELECT count(\"{}\") FROM \"{}\"", column.name, table.name),
                        [],
                        |row| row.get(0),
                    )
                    .expect("a count");
                if count > 0 {
                    filled.insert((table.name, column.name));
                }
            }
        }
    }
    let empty: Vec<String> = subjects::tables()
        .iter()
        .flat_map(|table| table.columns.iter().map(|column| (table.name, column.name)))
        // Files alone fill these.
        .filter(|(table, _)| {
            ![
                "lambda_permission",
                "bedrock_resource_policy",
                "source_literal",
                "literal_in_source",
                "template_unknown_type",
            ]
            .contains(table)
        })
        .filter(|pair| !filled.contains(pair))
        .map(|(table, column)| format!("{table}.{column}"))
        .collect();
    assert!(empty.is_empty(), "declared and never filled: {empty:?}");
}

#[test]
fn every_result_is_explained_and_has_a_fingerprint_of_its_own() {
    let outcome = judged("broken", |_| {});
    let mut prints = BTreeSet::new();
    for result in &outcome.results {
        assert!(
            !result.message.is_empty() && !result.message.contains('{'),
            "{}: {}",
            result.rule,
            result.message
        );
        assert!(
            prints.insert(&result.fingerprint),
            "{} {} {} shares a fingerprint",
            result.rule,
            result.resource,
            result.part
        );
    }
    let again = judged("broken", |_| {});
    assert_eq!(
        serde_json::to_string(&outcome).expect("JSON"),
        serde_json::to_string(&again).expect("JSON")
    );
}

#[test]
fn calls_before_the_days_that_are_looked_back_do_not_count() {
    let calls = |change: &str| {
        let mut found = -1_i64;
        judged("sound", |store| {
            store.conn.execute_batch(change).expect("an update");
            outcrop::subjects::derive(store).expect("subjects");
            found = store
                .conn
                .query_row(
                    "SELECT calls FROM bedrock_observed WHERE name = 'chat-api'",
                    [],
                    |row| row.get(0),
                )
                .expect("a row");
        });
        found
    };
    assert!(calls("SELECT 1") > 0);
    assert_eq!(
        calls(
            "UPDATE cloudtrail_bedrock_call SET first_seen = '2026-09-01T00:00:00Z', last_seen = '2026-10-01T00:00:00Z'"
        ),
        0
    );
}
