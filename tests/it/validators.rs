//! Reports held against validators that others wrote.
//!
//! `make test` prepares the virtual environment in `target/validators`; without it these tests say that they did nothing.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The validators' Python; `None`, said loudly, where it was not prepared.
fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/validators/bin/python");
    let there = python.is_file();
    if !there {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no validators in target/validators; `make test` installs them");
    }
    there.then_some(python)
}

#[test]
fn independent_validators_accept_the_reports() {
    let Some(python) = python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for arguments in [
        &["demo"][..],
        &["demo", "--estate", "denied"],
        &["demo", "--estate", "sound"],
        &["check", "fixtures/parity/broken/plan.json", "--source", "fixtures/parity/broken/tf"],
        &["check", "fixtures/templates/conditions.yaml"],
        &["check", "fixtures/plans/function.json", "--onto", "fixtures/parity/broken/inventory"],
    ] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("outcrop");
        command.current_dir(root).env_clear().args(arguments).arg("--quiet");
        for (format, end) in [
            ("html", "html"),
            ("sarif", "sarif"),
            ("junit", "xml"),
            ("gitlab", "json"),
            ("ocsf", "jsonl"),
            ("asff", "jsonl"),
            ("oscal", "json"),
            ("xlsx", "xlsx"),
        ] {
            command.arg("--format").arg(format!("{format}={}", folder.path().join(format!("{format}.{end}")).display()));
        }
        let judged = command.output().expect("the binary");
        assert!(judged.status.code() != Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&judged.stderr));
        let found = Command::new(&python).arg(root.join("tests/validators/validate.py")).arg(folder.path()).output().expect("Python");
        let said = format!("{}{}", String::from_utf8_lossy(&found.stdout), String::from_utf8_lossy(&found.stderr));
        assert!(found.status.success(), "{arguments:?}:\n{said}");
    }
}
