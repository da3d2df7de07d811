//! A run whose program died, at any moment: refused, or whole; never a passed gate over what was not judged.

use serde_json::Value as Json;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

fn outcrop(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("outcrop"));
    command
        .current_dir(folder)
        .env_clear()
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

fn results(bytes: &[u8]) -> Json {
    serde_json::from_slice::<Json>(bytes).expect("JSON")["results"].clone()
}

#[test]
fn a_run_that_was_killed_at_any_moment_passes_no_gate() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| {
        outcrop(folder.path(), arguments)
            .output()
            .expect("the binary")
    };
    let begun = Instant::now();
    let whole = run(&[
        "demo",
        "--estate",
        "sound",
        "--out",
        "whole.outcrop",
        "--format",
        "json",
    ]);
    let length = begun.elapsed();
    assert_eq!(whole.status.code(), Some(0));
    let (mut refused, mut finished) = (0, 0);
    for moment in 1..=14_u32 {
        let name = format!("{moment}.outcrop");
        let mut child = outcrop(
            folder.path(),
            &["demo", "--estate", "sound", "--out", &name, "--quiet"],
        )
        .spawn()
        .expect("the binary");
        std::thread::sleep(length * moment / 12);
        let _ = child.kill();
        child.wait().expect("it is gone");
        let report = run(&["report", &name, "--format", "json"]);
        let said = String::from_utf8_lossy(&report.stderr).into_owned();
        match report.status.code() {
            Some(0) => {
                assert!(
                    results(&report.stdout) == results(&whole.stdout),
                    "moment {moment}: it passes with other results"
                );
                finished += 1;
            }
            Some(1) => {
                assert!(
                    [
                        "was not judged to its end",
                        "is damaged",
                        "is not a run file",
                        "cannot open"
                    ]
                    .iter()
                    .any(|text| said.contains(text)),
                    "{said}"
                );
                for arguments in [
                    &["diff", "whole.outcrop", &name][..],
                    &[
                        "evidence", "pack", &name, "--key", "key", "--out", "package",
                    ],
                    &["explain", &name, "x"],
                ] {
                    assert_eq!(
                        run(arguments).status.code(),
                        Some(1),
                        "moment {moment}: {arguments:?}"
                    );
                }
                refused += 1;
            }
            code => panic!("moment {moment}: exit {code:?}: {said}"),
        }
        // What it holds can be judged afresh: it was read to its end, so it gives what the whole run gives.
        if said.contains("was not judged to its end") {
            let again = run(&["check", &name, "--format", "json"]);
            assert_eq!(
                again.status.code(),
                Some(0),
                "{}",
                String::from_utf8_lossy(&again.stderr)
            );
            assert!(
                results(&again.stdout) == results(&whole.stdout),
                "moment {moment}"
            );
        }
    }
    assert!(refused > 0, "{refused} refused, {finished} finished");
}

/// A run as a scan leaves it that was stopped by a signal or killed while it collected.
#[test]
fn what_an_interrupted_run_did_not_look_at_passes_no_gate() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| {
        outcrop(folder.path(), arguments)
            .output()
            .expect("the binary")
    };
    assert_eq!(
        run(&["demo", "--estate", "sound", "--out", "whole.outcrop"])
            .status
            .code(),
        Some(0)
    );
    for (name, marks, code) in [
        (
            "stopped.outcrop",
            "'$.complete', json('false'), '$.collected', json('false')",
            4,
        ),
        ("judged-late.outcrop", "'$.complete', json('false')", 4),
    ] {
        let path = folder.path().join(name);
        std::fs::copy(folder.path().join("whole.outcrop"), &path).expect("a copy");
        let file = rusqlite::Connection::open(&path).expect("a run file");
        file.execute(
            &format!("UPDATE run SET info = json_set(info, {marks})"),
            [],
        )
        .expect("a mark");
        drop(file);
        let report = run(&["report", name]);
        let said = String::from_utf8_lossy(&report.stderr).into_owned();
        assert_eq!(report.status.code(), Some(code), "{name}: {said}");
        assert!(said.contains("the run was interrupted"), "{said}");
        assert_eq!(
            run(&["report", name, "--unknown", "ignore"]).status.code(),
            Some(code)
        );
        for format in outcrop::report::FORMATS {
            if format.name == "xlsx" {
                continue;
            }
            let report = run(&["report", name, "--format", format.name]);
            let text = String::from_utf8_lossy(&report.stdout).to_ascii_lowercase();
            assert!(
                text.contains("interrupted") || text.contains("\"complete\": false"),
                "{} does not say that the run was interrupted",
                format.name
            );
        }
    }
    // Judged afresh, what was stopped while it collected stays incomplete; what was collected whole is whole.
    assert_eq!(run(&["check", "stopped.outcrop"]).status.code(), Some(4));
    assert_eq!(
        run(&["check", "judged-late.outcrop"]).status.code(),
        Some(0)
    );
    // Results that are about nothing are damage, not "nothing failed".
    let file = rusqlite::Connection::open(folder.path().join("whole.outcrop")).expect("a run file");
    file.execute_batch("DELETE FROM bedrock_path")
        .expect("a deletion");
    drop(file);
    assert_eq!(run(&["report", "whole.outcrop"]).status.code(), Some(1));
}

/// A run that is collected into again belongs to one process, and counts as interrupted until that one ends.
#[test]
fn a_run_that_goes_on_is_nobody_elses_and_is_not_whole() {
    use outcrop::inventory::{Error, Store};
    let folder = tempfile::TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| {
        outcrop(folder.path(), arguments)
            .output()
            .expect("the binary")
    };
    let made = run(&["demo", "--estate", "sound", "--out", "run.outcrop"]);
    assert_eq!(made.status.code(), Some(0));
    let path = folder.path().join("run.outcrop");
    let tables = outcrop::subjects::tables();
    let first = Store::go_on(&path, &tables).expect("it goes on");
    assert!(matches!(
        Store::go_on(&path, &tables),
        Err(Error::Locked(_))
    ));
    // The process ends before it has read or judged anything.
    drop(first);
    let report = run(&["report", "run.outcrop"]);
    assert_eq!(report.status.code(), Some(1));
    let judged = run(&["check", "run.outcrop"]);
    let said = String::from_utf8_lossy(&judged.stderr).into_owned();
    assert_eq!(judged.status.code(), Some(4), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    Store::go_on(&path, &tables).expect("the next process goes on");
}
