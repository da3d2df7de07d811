//! Ten rules over many rows of one subject: time, growth and memory.
//!
//! `cargo bench --no-default-features --bench judge`; with `-- --quick` a tenth of the rows.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and stops at a fault"
)]

use outcrop::engine::{Config, Library, judge};
use outcrop::inventory::Store;
use outcrop::model::{AccountInfo, RunInfo};
use outcrop::subjects;
use std::path::Path;
use std::time::{Duration, Instant};

fn rule(number: usize) -> (String, String) {
    let text = format!(
        "id: bench-{number}\ntitle: t\nseverity: low\npillar: p\nstage: 30\nwhy: w\nsubject: inference_log_group\napplies: group_exists\n\
         pass: retention_days BETWEEN {number} AND 365 AND (has_customer_key OR retention_days > 30)\nmessage: {{fail: f, pass: p, unknown: u}}\n"
    );
    (format!("bench-{number}.yaml"), text)
}

fn store(rows: usize, path: &Path) -> (Store, RunInfo) {
    let store = Store::create(path, &subjects::tables()).expect("a run file");
    let run = RunInfo {
        id: "bench".to_owned(),
        started_at: "2026-11-01T00:00:00Z".to_owned(),
        finished_at: "2026-11-01T00:00:00Z".to_owned(),
        version: "0".to_owned(),
        accounts: vec![AccountInfo {
            id: "111111111111".to_owned(),
            ..AccountInfo::default()
        }],
        regions: vec!["eu-west-1".to_owned()],
        ..RunInfo::empty()
    };
    store.write_run(&run).expect("the run");
    store
        .conn
        .execute_batch(&format!(
            "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO inference_log_group (account_id, region, resource, resource_type, part, name, group_exists, has_customer_key, retention_days)
         SELECT '111111111111', 'eu-west-1', 'arn:aws:logs:eu-west-1:111111111111:log-group:/g/' || i, 'AWS::Logs::LogGroup', '', '/g/' || i,
                i % 7 != 0, CASE i % 3 WHEN 0 THEN NULL ELSE i % 2 END, i % 400 FROM n; COMMIT;"
        ))
        .expect("rows");
    (store, run)
}

fn timed(rows: usize, keep: bool) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut store, run) = store(rows, &folder.path().join("bench.outcrop"));
    let library =
        Library::from_files(&subjects::tables(), (0..10).map(rule).collect()).expect("rules");
    let begin = Instant::now();
    let judged = judge(&mut store, &library, &Config::default(), &run, keep).expect("results");
    let took = begin.elapsed();
    let counted = judged.summary.pass
        + judged.summary.not_applicable
        + judged.summary.fail["low"]
        + judged.summary.unknown["low"];
    assert!(
        counted >= rows as u64 * 10,
        "every row is judged by every rule"
    );
    took
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
        100_000
    } else {
        1_000_000
    };
    for keep in [false, true] {
        let small = timed(most / 10, keep);
        let large = timed(most, keep);
        let growth = large.as_secs_f64() / small.as_secs_f64();
        println!(
            "{most} rows, 10 rules, {}: {:.2} s; {} rows: {:.2} s; growth {growth:.1} for 10 times the rows; peak {} MB",
            if keep { "all results kept" } else { "counted" },
            large.as_secs_f64(),
            most / 10,
            small.as_secs_f64(),
            peak()
        );
    }
    assert!(peak() == 0 || peak() < 300, "memory is above 300 MB");
}
