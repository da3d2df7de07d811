//! Files that the program writes and reads: nothing is written over what it reads, and what is no file is refused.

use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn outcrop(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
        .current_dir(folder)
        .env_clear()
        .args(arguments)
        .output()
        .expect("the binary")
}

const TEMPLATE: &str = "Resources: {T: {Type: 'AWS::SNS::Topic'}}\n";

#[test]
fn nothing_is_written_over_an_input_or_another_output() {
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for (name, text) in [
        ("t.yaml", TEMPLATE),
        ("c.yaml", "disabled: []\n"),
        ("outcrop.yaml", "disabled: []\n"),
    ] {
        std::fs::write(at(name), text).expect("a file");
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("t.yaml", at("soft.yaml")).expect("a link");
    for arguments in [
        &["check", "t.yaml", "--format", "json=t.yaml"][..],
        &["check", "t.yaml", "--format", "json=./t.yaml"],
        &["check", "soft.yaml", "--format=json=t.yaml"],
        &[
            "check",
            "t.yaml",
            "--config",
            "c.yaml",
            "--format",
            "json=c.yaml",
        ],
        &["check", "t.yaml", "--format", "json=outcrop.yaml"],
        &[
            "check", "t.yaml", "--format", "json=a", "--format", "csv=./a",
        ],
        &["check", "t.yaml", "--out", "r", "--format", "json=r"],
        &["baseline", "t.yaml", "--to", "t.yaml"],
    ] {
        let output = outcrop(folder.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(
            std::fs::read_to_string(at("t.yaml")).expect("text"),
            TEMPLATE
        );
        assert!(!at("a").exists() && !at("r").exists());
    }
    let fine = outcrop(
        folder.path(),
        &["check", "t.yaml", "--format", "json=a", "--format", "csv=b"],
    );
    assert_eq!(fine.status.code(), Some(0));
    // Once more: an earlier result may be replaced.
    let again = outcrop(folder.path(), &["check", "t.yaml", "--format", "json=a"]);
    assert_eq!(again.status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn pipes_devices_views_and_locks_are_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("t.yaml"), TEMPLATE).expect("a file");
    let made = outcrop(folder.path(), &["demo", "--out", "d.outcrop"]);
    assert_eq!(made.status.code(), Some(3));
    let key = outcrop(folder.path(), &["evidence", "key", "--out", "k"]);
    assert_eq!(key.status.code(), Some(0), "{key:?}");
    let pack = outcrop(
        folder.path(),
        &["evidence", "pack", "d.outcrop", "--key", "k", "--out", "p"],
    );
    assert_eq!(pack.status.code(), Some(0), "{pack:?}");
    for (name, mode) in [("p", 0o700), ("p/run.outcrop", 0o600), ("d.outcrop", 0o600)] {
        let found = std::fs::metadata(at(name))
            .expect("it")
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(found, mode, "{name}: {found:o}");
    }
    for arguments in [
        &["check", "t.yaml", "--config", "/dev/zero"][..],
        &["check", "t.yaml", "--baseline", "/dev/zero"],
        &["check", "d.outcrop", "--probe", "/dev/zero"],
        &["report", "/dev/zero"],
        &["config", "check", "/dev/zero"],
        &[
            "evidence",
            "pack",
            "d.outcrop",
            "--key",
            "/dev/zero",
            "--out",
            "q",
        ],
        &["policy", "compare", "/dev/zero", "t.yaml"],
    ] {
        let output = outcrop(folder.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("not a regular file") && output.status.code() != Some(0),
            "{arguments:?}: {said}"
        );
    }
    std::fs::copy(at("d.outcrop"), at("v.outcrop")).expect("a copy");
    let file = rusqlite::Connection::open(at("v.outcrop")).expect("a run");
    file.execute_batch("CREATE VIEW endless AS SELECT 1")
        .expect("a view");
    drop(file);
    let view = outcrop(folder.path(), &["report", "v.outcrop"]);
    assert_eq!(view.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&view.stderr).contains("a view or a trigger"));
    let file = rusqlite::Connection::open(at("d.outcrop")).expect("a run");
    file.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    let locked = outcrop(folder.path(), &["report", "d.outcrop"]);
    assert_eq!(locked.status.code(), Some(1));
    let said = String::from_utf8_lossy(&locked.stderr).into_owned();
    assert!(said.contains("is locked by another program"), "{said}");
}
