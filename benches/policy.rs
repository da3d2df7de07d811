//! The policy reasoner: two ways to compare over generated pairs, cases of others, and every role of a large account.
//!
//! `cargo bench --no-default-features --bench policy`; with `-- --quick` a hundredth of it.
//! `OUTCROP_CASES` names a folder of cases; without it that line is left out.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and stops at a fault"
)]

#[path = "../tests/it/brute.rs"]
mod brute;

use outcrop::inventory::{Store, World};
use outcrop::policy::wire;
use serde_json::{Value as Json, json};
use std::io::Write;
use std::time::{Duration, Instant};

fn main() {
    // A process of its own, so that its memory is that of the derivation.
    if let Some(run) = std::env::var_os("OUTCROP_BENCH_DERIVE") {
        return derive(std::path::Path::new(&run));
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    pairs(if quick { 1_000 } else { 100_000 });
    cases();
    roles(if quick { 100 } else { 10_000 });
}

fn pairs(pairs: u64) {
    let start = Instant::now();
    let half = pairs / 2;
    let faults: Vec<String> = std::thread::scope(|scope| {
        let parts = [0..half, half..pairs].map(|seeds| {
            scope.spawn(move || {
                seeds
                    .filter_map(|seed| brute::check(seed, 60).err())
                    .collect::<Vec<_>>()
            })
        });
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("a worker"))
            .collect()
    });
    println!(
        "{pairs} generated pairs: {} disagreements with brute force, {:.1} s",
        faults.len(),
        start.elapsed().as_secs_f64()
    );
    for fault in faults.iter().take(3) {
        println!("{fault}");
    }
    assert!(faults.is_empty(), "the two ways disagree");
}

fn cases() {
    let Some(folder) = std::env::var_os("OUTCROP_CASES").map(std::path::PathBuf::from) else {
        return;
    };
    type Answer = fn(&Json) -> Result<Json, String>;
    for (file, answer) in [
        ("policy/compare.jsonl", wire::compare_json as Answer),
        ("policy/simulate.jsonl", wire::simulate_json as Answer),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).expect("the cases");
        let mut times: Vec<Duration> = Vec::new();
        for line in text.lines() {
            let case: Json = serde_json::from_str(line).expect("JSON");
            let start = Instant::now();
            answer(&case).expect("a question");
            times.push(start.elapsed());
        }
        times.sort();
        println!(
            "{file}: {} questions, median {:.2} ms, worst {:.1} ms",
            times.len(),
            ms(times[times.len() / 2]),
            ms(times[times.len() - 1])
        );
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Roles with five policies each, of which some name Bedrock; every subject is derived.
fn roles(roles: usize) {
    let account = "111111111111";
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("a file");
    write(
        "run.yaml",
        format!(
            "accounts: [{{id: '{account}', name: big, kind: workload}}]\nregions: [eu-west-1]\ncoverage: all\n"
        ),
    );
    let mut rows: Vec<Json> = Vec::new();
    let statement = |action: &str, resource: &str| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    let document = |statements: Json| json!({"Version": "2012-10-17", "Statement": statements});
    for n in 0..roles {
        let mut policies: Vec<Json> = (0..4)
            .map(|k| {
                let statements: Vec<Json> = (0..5)
                    .map(|s| {
                        statement(
                            &format!(
                                "dynamodb:{}Item",
                                ["Get", "Put", "Update", "Delete", "BatchGet"][s]
                            ),
                            &format!("arn:aws:dynamodb:*:{account}:table/t{n}-{k}-{s}"),
                        )
                    })
                    .collect();
                json!({"name": format!("p{k}"), "document": document(json!(statements))})
            })
            .collect();
        policies.push(json!({"name": "bedrock", "document": document(match n % 4 {
            0 => json!([statement("bedrock:InvokeModel*", "arn:aws:bedrock:*::foundation-model/anthropic.*"), {"Effect": "Deny", "Action": "bedrock:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}}]),
            1 => json!([statement("bedrock:InvokeModel", "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-20250514-v1:0")]),
            2 => json!([statement("s3:GetObject", "arn:aws:s3:::corpus/*")]),
            _ => json!([statement("bedrock:Retrieve", "*")]),
        })}));
        rows.push(json!({
            "account_id": account,
            "arn": format!("arn:aws:iam::{account}:role/r{n}"),
            "name": format!("r{n}"),
            "path": "/",
            "assume_role_policy": document(json!([{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}])),
            "inline_policies": policies,
            "attached_policy_arns": [],
            "permissions_boundary_arn": "",
            "tags": {},
        }));
    }
    write("iam_role.json", Json::from(rows).to_string());
    // Beside the inventory, not in it: a folder that holds anything else than tables is refused.
    let run_folder = tempfile::tempdir().expect("a folder");
    let path = run_folder.path().join("roles.outcrop");
    let mut store = Store::create(&path, &outcrop::subjects::tables()).expect("a run file");
    let run =
        outcrop::sources::fixture::load_folder(folder.path(), &mut store).expect("an inventory");
    store.write_run(&run).expect("a run");
    store.finish().expect("a run file");
    drop(store);
    print!("{roles} roles with 5 policies each: ");
    std::io::stdout().flush().expect("a terminal");
    let own = std::env::current_exe().expect("this bench");
    let child = std::process::Command::new(own)
        .env("OUTCROP_BENCH_DERIVE", &path)
        .status()
        .expect("this bench");
    assert!(child.success());
}

fn derive(path: &std::path::Path) {
    let store = Store::memory(&outcrop::subjects::tables()).expect("a store");
    store
        .write_run(
            &Store::open(path, &outcrop::subjects::tables())
                .and_then(|store| store.run())
                .expect("a run"),
        )
        .expect("a run");
    store.copy_base(path).expect("rows");
    let world = World::load(&store).expect("a world");
    let start = Instant::now();
    outcrop::subjects::derive_from(&store, &world).expect("subjects");
    println!(
        "every subject derived in {:.1} s, peak memory {} MB",
        start.elapsed().as_secs_f64(),
        peak()
    );
}

/// Peak resident memory of the process, from the kernel; 0 where it does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or_default()
        / 1024
}
