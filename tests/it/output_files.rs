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

/// A run that is kept of a file says what it does not hold, and is judged no more kindly than the file was.
#[test]
fn a_run_that_holds_one_of_several_ways_passes_no_gate() {
    let folder = TempDir::new().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sound =
        std::fs::read_to_string(root.join("fixtures/parity/sound/template.yaml")).expect("sound");
    // Whether there is more in the role, and what, nobody knows; the heavier way is the one without.
    let (head, resources) = sound.split_once("\nResources:\n").expect("resources");
    let ways = format!(
        "{head}\n  Mode: {{Type: String, AllowedValues: [a, b]}}\n  Extra: {{Type: String}}\nConditions:\n  A: !Equals [!Ref Mode, a]\n  B: !Not [!Condition A]\nResources:\n{}\n  More:\n    Type: AWS::IAM::RolePolicy\n    Condition: B\n    Properties:\n      RoleName: !Ref IamRoleChat\n      PolicyName: more\n      PolicyDocument: {{Version: '2012-10-17', Statement: [{{Effect: Allow, Action: !Ref Extra, Resource: '*'}}]}}\n",
        resources.replace(
            "RetentionInDays: 365",
            "RetentionInDays: !If [A, !Ref 'AWS::NoValue', 365]"
        )
    );
    let rewritten = sound.replacen("\nResources:\n", "\nTransform: [OurMacro]\nResources:\n", 1);
    for (name, text, says) in [
        ("ways", &ways, "the run holds one of them"),
        ("rewritten", &rewritten, "Not answered"),
    ] {
        let file = format!("{name}.yaml");
        let run = format!("{name}.outcrop");
        std::fs::write(folder.path().join(&file), text).expect("a file");
        let region = ["--region", "eu-west-1", "--fail-on", "high"];
        let judged = [&["check", &file, "--out", &run], &region[..]].concat();
        let judged = outcrop(folder.path(), &judged);
        let said = String::from_utf8_lossy(&judged.stderr).into_owned();
        assert_eq!(judged.status.code(), Some(4), "{name}: {said}");
        for again in ["report", "check"] {
            let output = outcrop(folder.path(), &[again, &run, "--fail-on", "high"]);
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(output.status.code(), Some(4), "{again} {name}: {printed}");
            assert!(printed.contains(says), "{again} {name}: {printed}");
        }
    }
}
