//! The laws, over every rule and every estate: what is taken away never turns into a verdict.

use crate::law::{breaches, cells, judged, without_cell};
use outcrop::inventory::{Role, Store};
use outcrop::model::{Outcome, Verdict};
use outcrop::reason;
use outcrop::sources::fixture;
use proptest::test_runner::{RngAlgorithm, TestRng};

fn hold(before: &Outcome, after: &Outcome, what: &str) {
    let breaches = breaches(before, after);
    assert!(breaches.is_empty(), "{what}: {}", breaches.join("\n"));
}

/// A generator with a fixed seed: the same sample at every run.
fn generator() -> TestRng {
    TestRng::deterministic_rng(RngAlgorithm::ChaCha)
}

#[test]
fn a_cell_taken_away_changes_nothing_or_makes_it_unknown() {
    use proptest::prelude::Rng;
    let mut random = generator();
    for estate in ["broken", "sound", "single-account"] {
        let before = judged(estate, |_| {});
        let cells = cells(estate);
        for _ in 0..60 {
            let (table, column, row) = cells[usize::try_from(random.next_u64() % cells.len() as u64).expect("an index")];
            let breaches = without_cell(estate, &before, (table, column, row));
            assert!(breaches.is_empty(), "{}", breaches.join("\n"));
        }
    }
}

#[test]
fn a_table_denied_in_one_scope_changes_nothing_or_makes_it_unknown() {
    for estate in ["broken", "sound"] {
        let before = judged(estate, |_| {});
        let accounts: Vec<String> = before.run.accounts.iter().map(|account| account.id.clone()).collect();
        for table in reason::tables().into_iter().filter(|table| table.role == Role::Base) {
            for account in &accounts {
                let after = judged(estate, |store| deny(store, table.name, account));
                hold(&before, &after, &format!("{estate}: {table} denied in {account}", table = table.name));
            }
        }
    }
}

fn deny(store: &mut Store, table: &str, account: &str) {
    store.conn.execute(&format!("DELETE FROM \"{table}\" WHERE account_id = ?1"), [account]).expect("a deletion");
    store
        .conn
        .execute("UPDATE coverage SET status = 'denied', detail = 'AccessDenied' WHERE table_name = ?1 AND account_id = ?2", [table, account])
        .expect("an update");
}

#[test]
fn every_call_denied_gives_neither_pass_nor_fail() {
    for estate in fixture::estates() {
        let after = judged(&estate, |store| {
            let accounts: Vec<String> = store.run().expect("the run").accounts.iter().map(|account| account.id.clone()).collect();
            for table in reason::tables().into_iter().filter(|table| table.role == Role::Base) {
                for account in &accounts {
                    deny(store, table.name, account);
                }
            }
        });
        for result in &after.results {
            assert!(!matches!(result.verdict, Verdict::Pass | Verdict::Fail), "{estate}: {} is {:?} on {}", result.rule, result.verdict, result.resource);
        }
        assert!(after.results.iter().any(|result| result.verdict == Verdict::Unknown));
    }
}

#[test]
fn an_empty_estate_that_was_fully_seen_fails_nothing() {
    let after = judged("broken", |store| {
        for table in reason::tables().into_iter().filter(|table| table.role == Role::Base) {
            store.conn.execute(&format!("DELETE FROM \"{}\"", table.name), []).expect("a deletion");
        }
    });
    for result in &after.results {
        assert_ne!(result.verdict, Verdict::Fail, "{} fails on {}", result.rule, result.resource);
    }
}

#[test]
fn what_a_subject_consults_is_declared() {
    use outcrop::inventory::World;
    let tables = reason::tables();
    for estate in ["broken", "sound"] {
        let mut store = Store::memory(&tables).expect("memory");
        let run = fixture::load_estate(estate, &mut store).expect("an estate");
        store.write_run(&run).expect("the run");
        let world = World::load(&store).expect("a world");
        world.watch();
        reason::derive_from(&store, &world).expect("subjects");
        let declared: std::collections::BTreeSet<(&str, &str)> = reason::needs::readings(
            tables.iter().filter(|table| table.role == Role::Subject).map(|table| (table.name, table.columns.iter().map(|column| column.name).collect())),
        );
        for (table, group) in world.watched() {
            assert!(declared.contains(&(table.as_str(), group.as_str())), "{estate}: {table}.{group} is consulted, and no column declares it");
        }
    }
}
