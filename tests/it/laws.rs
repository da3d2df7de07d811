//! The laws, over every rule and every estate: what is taken away never turns into a verdict.

use crate::law::{
    alone, cells, deny, filled, garbled, judged, lists, members, rules, shaped, without_cell,
    without_list, without_member,
};
use outcrop::inventory::{Role, Store};
use outcrop::model::Verdict;
use outcrop::sources::fixture;
use outcrop::subjects;
use proptest::test_runner::{RngAlgorithm, TestRng};

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
            let (table, column, row) =
                cells[usize::try_from(random.next_u64() % cells.len() as u64).expect("an index")];
            let breaches = without_cell(estate, &before, (table, column, row));
            assert!(breaches.is_empty(), "{}", breaches.join("\n"));
        }
    }
}

#[test]
fn a_cell_that_nobody_can_read_changes_nothing_or_makes_it_unknown() {
    use proptest::prelude::Rng;
    let mut random = generator();
    let before = judged("broken", |_| {});
    let (columns, members) = (shaped(), members("broken"));
    assert!(members.len() > 200, "{}", members.len());
    for _ in 0..16 {
        let mut below =
            |count: usize| usize::try_from(random.next_u64() % count as u64).expect("an index");
        let (column, member, how) = (
            columns[below(columns.len())],
            &members[below(members.len())],
            below(3),
        );
        let mut breaches = garbled("broken", &before, column);
        breaches.extend(without_member("broken", &before, member, how as u64));
        assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    }
}

/// Each list denied where it has rows, and the empty ones in one account; the bench denies every one.
fn denied_one_by_one(estate: &str) {
    let before = judged(estate, |_| {});
    let home = before.run.accounts[0].id.clone();
    for (table, account, filled) in lists(estate) {
        if filled || account == home {
            let breaches = without_list(estate, &before, table, &account);
            assert!(breaches.is_empty(), "{}", breaches.join("\n"));
        }
    }
}

#[test]
fn a_list_denied_in_the_broken_estate_changes_nothing_or_makes_it_unknown() {
    denied_one_by_one("broken");
}

#[test]
fn a_list_denied_in_the_sound_estate_changes_nothing_or_makes_it_unknown() {
    denied_one_by_one("sound");
}

#[test]
fn a_verdict_that_stands_without_a_list_stands_whatever_the_list_holds() {
    use proptest::prelude::Rng;
    let mut random = generator();
    for estate in ["broken", "sound"] {
        let lists: Vec<_> = lists(estate)
            .into_iter()
            .filter(|(_, _, filled)| *filled)
            .collect();
        for _ in 0..12 {
            let place = usize::try_from(random.next_u64() % lists.len() as u64).expect("an index");
            let (table, account, _) = &lists[place];
            let (tried, breaches, _) = filled(estate, table, account);
            assert!(tried > 1);
            assert!(breaches.is_empty(), "{}", breaches.join("\n"));
        }
    }
}

#[test]
fn every_call_denied_gives_neither_pass_nor_fail() {
    for estate in fixture::estates() {
        let after = judged(&estate, |store| {
            // What a configuration declares needs no call.
            let mut run = store.run().expect("the run");
            run.accounts
                .iter_mut()
                .for_each(|account| account.environment.clear());
            store.write_run(&run).expect("the run");
            let accounts: Vec<String> = run
                .accounts
                .iter()
                .map(|account| account.id.clone())
                .collect();
            for table in subjects::tables()
                .into_iter()
                .filter(|table| table.role == Role::Base)
            {
                for account in &accounts {
                    deny(store, table.name, account);
                }
            }
        });
        for result in &after.results {
            assert!(
                !matches!(result.verdict, Verdict::Pass | Verdict::Fail),
                "{estate}: {} is {:?} on {}",
                result.rule,
                result.verdict,
                result.resource
            );
        }
        assert!(
            after
                .results
                .iter()
                .any(|result| result.verdict == Verdict::Unknown)
        );
    }
}

#[test]
fn an_empty_estate_that_was_fully_seen_fails_nothing() {
    let after = judged("broken", |store| {
        for table in subjects::tables()
            .into_iter()
            .filter(|table| table.role == Role::Base)
        {
            store
                .conn
                .execute(&format!("DELETE FROM \"{}\"", table.name), [])
                .expect("a deletion");
        }
    });
    for result in &after.results {
        // The configuration of the test names a role, which is not there then.
        if result.rule == "audit-role-cannot-read" {
            continue;
        }
        assert_ne!(
            result.verdict,
            Verdict::Fail,
            "{} fails on {}",
            result.rule,
            result.resource
        );
    }
}

#[test]
fn each_rule_alone_with_what_it_declares_gives_the_verdicts_of_the_full_run() {
    let full = judged("broken", |_| {});
    let wrong: Vec<String> = rules()
        .iter()
        .flat_map(|rule| alone("broken", &full, rule))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_subject_consults_is_declared() {
    use outcrop::inventory::World;
    let tables = subjects::tables();
    for estate in ["broken", "sound"] {
        let mut store = Store::memory(&tables).expect("memory");
        let run = fixture::load_estate(estate, &mut store).expect("an estate");
        store.write_run(&run).expect("the run");
        let world = World::load(&store).expect("a world");
        world.watch();
        subjects::derive_from(&store, &world).expect("subjects");
        let declared: std::collections::BTreeSet<(&str, &str)> = subjects::needs::readings(
            tables
                .iter()
                .filter(|table| table.role == Role::Subject)
                .map(|table| {
                    (
                        table.name,
                        table.columns.iter().map(|column| column.name).collect(),
                    )
                }),
        );
        for (table, group) in world.watched() {
            assert!(
                declared.contains(&(table.as_str(), group.as_str())),
                "{estate}: {table}.{group} is consulted, and no column declares it"
            );
        }
    }
}
