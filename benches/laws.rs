//! The law over every cell and every list of every estate: what is taken away never turns into a verdict.
//!
//! `cargo bench --no-default-features --bench laws`; with `-- --quick` every fiftieth cell.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and stops at a fault"
)]

#[path = "../tests/it/law.rs"]
mod law;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let mut breaches = Vec::new();
    for estate in ["broken", "sound", "single-account", "denied", "hub"] {
        let before = law::judged(estate, |_| {});
        let cells: Vec<_> = law::cells(estate)
            .into_iter()
            .step_by(if quick { 50 } else { 1 })
            .collect();
        let half = cells.len() / 2;
        let found = std::thread::scope(|scope| {
            let parts = [&cells[..half], &cells[half..]].map(|part| {
                let before = &before;
                scope.spawn(move || {
                    part.iter()
                        .flat_map(|cell| law::without_cell(estate, before, *cell))
                        .collect::<Vec<_>>()
                })
            });
            parts
                .into_iter()
                .flat_map(|part| part.join().expect("a worker"))
                .collect::<Vec<_>>()
        });
        println!(
            "{estate}: {} cells taken away one by one, {} breaches",
            cells.len(),
            found.len()
        );
        breaches.extend(found);
        let lists: Vec<_> = law::lists(estate)
            .into_iter()
            .step_by(if quick { 50 } else { 1 })
            .collect();
        let found: Vec<String> = lists
            .iter()
            .flat_map(|(table, account, _)| law::without_list(estate, &before, table, account))
            .collect();
        println!(
            "{estate}: {} lists denied one by one, {} breaches",
            lists.len(),
            found.len()
        );
        breaches.extend(found);
        let (mut tried, mut careful, mut found) = (0, 0, Vec::new());
        for (table, account, _) in lists.iter().filter(|(_, _, filled)| *filled) {
            let (fillings, breaches, unknown) = law::filled(estate, table, account);
            tried += fillings;
            careful += unknown;
            found.extend(breaches);
        }
        println!(
            "{estate}: {tried} fillings of refused lists, {} breaches; {careful} unknowns on which all fillings that were tried agree",
            found.len()
        );
        breaches.extend(found);
        let step = if quick { 50 } else { 1 };
        let (columns, members) = (law::shaped(), law::members(estate));
        let mut found: Vec<String> = columns
            .iter()
            .step_by(step)
            .flat_map(|column| law::garbled(estate, &before, *column))
            .collect();
        let tried = members.len().div_ceil(step);
        found.extend(
            members
                .iter()
                .step_by(step)
                .zip(0_u64..)
                .flat_map(|(member, how)| law::without_member(estate, &before, member, how)),
        );
        println!(
            "{estate}: {} columns made unreadable, {tried} members of JSON cells taken away, {} breaches",
            columns.len().div_ceil(step),
            found.len()
        );
        breaches.extend(found);
        let rules: Vec<_> = law::rules()
            .into_iter()
            .step_by(if quick { 10 } else { 1 })
            .collect();
        let found: Vec<String> = rules
            .iter()
            .flat_map(|rule| law::alone(estate, &before, rule))
            .collect();
        println!(
            "{estate}: {} rules alone with what they declare, {} breaches",
            rules.len(),
            found.len()
        );
        breaches.extend(found);
    }
    for breach in &breaches {
        println!("{breach}");
    }
    assert!(breaches.is_empty(), "the law is broken");
}
