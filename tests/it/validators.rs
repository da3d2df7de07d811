//! Reports held against validators that others wrote.
//!
//! `make test` prepares the virtual environment in `target/validators`; without it these tests say that they did nothing.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The validators' Python; `None`, said loudly, where it was not prepared. `make test` asks for it, so there nothing is skipped.
pub fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/validators/bin/python");
    let there = python.is_file();
    assert!(
        there || std::env::var_os("OUTCROP_VALIDATORS").is_none(),
        "no validators in target/validators; `make test` installs them"
    );
    if !there {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no validators in target/validators; `make test` installs them"
        );
    }
    there.then_some(python)
}

/// The broken estate of the gate in which a stranger has named the workload.
fn hostile(folder: &Path) {
    let name = "chat =cmd|'/c'!A1 <script>alert(1)</script> ]]> & \"q\" `c` \u{1b}[31m \u{202e}rtl \r\n::error::x @SUM(1)";
    let name = serde_json::Value::from(name).to_string();
    for entry in std::fs::read_dir(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/parity/broken/inventory"),
    )
    .expect("the estate")
    .flatten()
    {
        let text = std::fs::read_to_string(entry.path()).expect("text");
        let text = if entry.path().extension().is_some_and(|end| end == "json") {
            text.replace("chat", name.trim_matches('"'))
        } else {
            text
        };
        std::fs::write(folder.join(entry.file_name()), text).expect("written");
    }
}

#[test]
fn independent_validators_accept_the_reports() {
    let Some(python) = python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let strange = tempfile::TempDir::new().expect("a folder");
    hostile(strange.path());
    for arguments in [
        &["check", strange.path().to_str().expect("UTF-8")][..],
        &["demo"],
        &["demo", "--estate", "denied"],
        &["demo", "--estate", "sound"],
        &[
            "check",
            "fixtures/parity/broken/plan.json",
            "--source",
            "fixtures/parity/broken/tf",
        ],
        &["check", "fixtures/templates/conditions.yaml"],
        &["demo", "--config", "tests/validators/attested.yaml"],
        &[
            "check",
            "fixtures/plans/function.json",
            "--onto",
            "fixtures/parity/broken/inventory",
        ],
    ] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("outcrop");
        command
            .current_dir(root)
            .env_clear()
            .args(arguments)
            .arg("--quiet");
        for (format, end) in [
            ("html", "html"),
            ("sarif", "sarif"),
            ("junit", "xml"),
            ("gitlab", "json"),
            ("ocsf", "jsonl"),
            ("asff", "jsonl"),
            ("oscal", "json"),
            ("xlsx", "xlsx"),
            ("csv", "csv"),
        ] {
            command.arg("--format").arg(format!(
                "{format}={}",
                folder.path().join(format!("{format}.{end}")).display()
            ));
        }
        let judged = command.output().expect("the binary");
        assert!(
            judged.status.code() != Some(1),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&judged.stderr)
        );
        let found = Command::new(&python)
            .arg(root.join("tests/validators/validate.py"))
            .arg(folder.path())
            .output()
            .expect("Python");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&found.stdout),
            String::from_utf8_lossy(&found.stderr)
        );
        assert!(found.status.success(), "{arguments:?}:\n{said}");
    }
}

#[test]
fn common_tools_accept_a_package() {
    let Some(python) = python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::TempDir::new().expect("a folder");
    for arguments in [
        &["evidence", "key", "--out", "key"][..],
        &["demo", "--out", "run.outcrop", "--format", "json=/dev/null"],
        &[
            "evidence",
            "pack",
            "run.outcrop",
            "--key",
            "key",
            "--out",
            "package",
        ],
    ] {
        let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .current_dir(folder.path())
            .env_clear()
            .args(arguments)
            .output()
            .expect("the binary");
        assert!(
            output.status.code() != Some(1),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let package = folder.path().join("package");
    let sums = Command::new("sha256sum")
        .args(["--check", "--quiet", "SHA256SUMS"])
        .current_dir(&package)
        .output()
        .expect("sha256sum");
    assert!(
        sums.status.success(),
        "{}",
        String::from_utf8_lossy(&sums.stdout)
    );
    let checked = |broken: bool| {
        if broken {
            std::fs::write(package.join("run.json"), "{}").expect("written");
        }
        Command::new(&python)
            .arg(root.join("tests/validators/validate.py"))
            .arg(&package)
            .output()
            .expect("Python")
    };
    let good = checked(false);
    assert!(
        good.status.success(),
        "{}{}",
        String::from_utf8_lossy(&good.stdout),
        String::from_utf8_lossy(&good.stderr)
    );
    assert!(
        !checked(true).status.success(),
        "a changed package is accepted"
    );
}

/// What is shipped to run Outcrop is what Kubernetes and Docker take.
#[test]
fn independent_validators_accept_the_deployment() {
    let Some(python) = python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (program, arguments) in [
        (
            "kubernetes-validate",
            &["--strict", "deploy/kubernetes/shards.yaml"][..],
        ),
        ("hadolint", &["deploy/container/Dockerfile"]),
    ] {
        let output = Command::new(python.with_file_name(program))
            .current_dir(root)
            .args(arguments)
            .output()
            .expect("the validator");
        assert!(
            output.status.success(),
            "{program}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    // Every shard that is scanned is joined, and each is told how many there are.
    let text = std::fs::read_to_string(root.join("deploy/kubernetes/shards.yaml")).expect("text");
    let count = text.matches("- s3://audit-runs/night/").count() - 2;
    assert!(text.contains(&format!("completions: {count}")), "{count}");
    assert!(text.contains(&format!("auto/{count}")), "{count}");
}
