//! Every format over 50,000 results made of the demo's: time, size and memory.
//!
//! `cargo bench --no-default-features --bench reports`; with `-- --quick` a tenth of the results.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and stops at a fault"
)]

use outcrop::inventory::Store;
use outcrop::model::Outcome;
use outcrop::sources::fixture;
use outcrop::{engine, report, subjects};
use std::time::Instant;

fn demo() -> Outcome {
    let tables = subjects::tables();
    let mut store = Store::memory(&tables).expect("a store");
    let run = fixture::load_estate("broken", &mut store).expect("an estate");
    store.write_run(&run).expect("written");
    subjects::derive(&store).expect("derived");
    let library = engine::Library::load(&tables, &[]).expect("rules");
    engine::judge(&mut store, &library, &engine::Config::default(), &run, true).expect("judged");
    engine::outcome(&store).expect("an outcome")
}

/// The demo's results again and again, each about a resource of its own.
fn many(count: usize) -> Outcome {
    let mut outcome = demo();
    let own = std::mem::take(&mut outcome.results);
    outcome.results = (0..count)
        .map(|place| {
            let mut result = own[place % own.len()].clone();
            result.resource = format!("{}-{place}", result.resource);
            result.fingerprint = format!("{place:016x}");
            result
        })
        .collect();
    outcome.results.sort_by(|a, b| {
        (a.severity, &a.rule, &a.account_id, &a.region, &a.resource).cmp(&(
            b.severity,
            &b.rule,
            &b.account_id,
            &b.region,
            &b.resource,
        ))
    });
    outcome
}

/// Largest resident size so far, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|text| text.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

fn main() {
    let most = if std::env::args().any(|argument| argument == "--quick") {
        5_000
    } else {
        50_000
    };
    let (small, large) = (many(most / 10), many(most));
    println!("{most} results; peak before any report {} MB", peak());
    for report::Format { name, render, .. } in report::FORMATS
        .iter()
        .filter(|format| !matches!(format.name, "mermaid" | "dot"))
    {
        let timed = |outcome: &Outcome| {
            let mut bytes = Vec::new();
            let begin = Instant::now();
            render(outcome, report::Options::default(), &mut bytes).expect("rendered");
            (begin.elapsed().as_secs_f64(), bytes.len())
        };
        let (few, _) = timed(&small);
        let (all, size) = timed(&large);
        println!(
            "{name:<9} {all:>6.2} s  {:>6.1} MB  {:>5.1} times a tenth  peak so far {} MB",
            size as f64 / 1e6,
            all / few.max(1e-9),
            peak()
        );
    }
}
