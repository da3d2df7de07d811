//! What helps somebody who writes: schemas for editors, names that a shell completes, rules that are tested while they are written.

use super::cli::given;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const RULE: &str = "id: no-versions\ntitle: A bucket keeps no versions\nseverity: low\npillar: custom\nstage: 60\nwhy: w\nsubject: s3_bucket\npass: versioning = 'Enabled'\nmessage: {fail: f, pass: p, unknown: u}\nexamples:\n  - {row: {versioning: Enabled}, expect: pass}\n  - {row: {versioning: ''}, expect: fail}\n  - {row: {versioning: null}, expect: unknown}\n";

/// What a shell is offered for the last of these words.
fn completed(words: &[&str]) -> Vec<String> {
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .env_clear()
        .env("OUTCROP_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .env("_CLAP_IFS", "\n")
        .arg("--")
        .args(words)
        .output()
        .expect("the binary");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line.trim().to_owned())
        .collect()
}

#[test]
fn shells_complete_rules_and_tables() {
    for (words, among) in [
        (
            &["outcrop", "rules", "show", "secret-in-l"][..],
            "secret-in-lambda-environment",
        ),
        (&["outcrop", "rules", "tables", "s3_b"], "s3_bucket"),
        (
            &["outcrop", "rules", "new", "x", "--subject", "s3_b"],
            "s3_bucket",
        ),
        (
            &["outcrop", "demo", "--select", "framework:so"],
            "framework:soc-2",
        ),
        (
            &["outcrop", "check", "x", "--select", "network,secret-in-l"],
            "network,secret-in-lambda-environment",
        ),
        (&["outcrop", "rep"], "report"),
    ] {
        let all = completed(words);
        assert!(all.iter().any(|one| one == among), "{words:?}: {all:?}");
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script, said) = given(&[], &["completions", shell]);
        assert!(
            code == 0 && script.contains("OUTCROP_COMPLETE"),
            "{shell}: {said}"
        );
    }
}

#[test]
fn rules_are_tested_again_when_they_change() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("no-versions.yaml");
    fs::write(&file, RULE).expect("a rule");
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
        .current_dir(folder.path())
        .args(["rules", "test", ".", "--watch"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut until = |part: &str| {
        let found = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.contains(part));
        assert!(found.is_some(), "nobody says {part}");
    };
    until("1 rule, 3 examples, 0 with flaws");
    // An example that does not come out, then a rule that does not parse, then the right one again.
    fs::write(
        &file,
        RULE.replace(
            "versioning: ''}, expect: fail",
            "versioning: ''}, expect: pass",
        ),
    )
    .expect("a rule");
    until("1 with flaws");
    fs::write(&file, RULE.replace("severity: low", "severity: lowest")).expect("a rule");
    until("lowest");
    fs::write(&file, RULE).expect("a rule");
    until("0 with flaws");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

/// Does an independent validator take the files by the schema?
fn takes(schema: &Path, files: &[PathBuf]) -> Option<bool> {
    let python = super::validators::python()?;
    let output = Command::new(python.with_file_name("check-jsonschema"))
        .arg("--schemafile")
        .arg(schema)
        .args(files)
        .output()
        .expect("check-jsonschema");
    Some(output.status.success())
}

#[test]
fn schemas_take_what_the_program_takes() {
    let folder = TempDir::new().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (code, config, _) = given(&[], &["config", "schema"]);
    assert_eq!(code, 0);
    let (code, rule, _) = given(&[], &["rules", "schema"]);
    assert_eq!(code, 0);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let (config, rule) = (write("config.json", &config), write("rule.json", &rule));
    let mut rules = Vec::new();
    for pillar in fs::read_dir(root.join("rules")).expect("rules").flatten() {
        if pillar.file_name() != "frameworks" {
            let files = fs::read_dir(pillar.path()).expect("a folder").flatten();
            rules.extend(files.map(|file| file.path()));
        }
    }
    assert!(rules.len() > 100, "{}", rules.len());
    let outcrop = |arguments: &[&str]| super::cli::outcrop(folder.path(), arguments).status.code();
    assert_eq!(outcrop(&["init", "--account", "111111111111"]), Some(0));
    let right = "accounts:\n  \"111111111111\": {name: a, kind: workload, environment: prod}\nparameters: {retention_max_days: 400, approved_regions: [eu-west-1]}\nseverities: {bedrock-calls-observed-with-key: info}\ndisabled: []\nwaivers:\n  - {rule: inference-log-group-kept-forever, resource: 'arn:aws:logs:*', reason: r, owner: o, expires: 2027-01-31}\nattestations:\n  - {id: no-egress-canary, by: security, on: 2026-11-01, expires: 2027-01-31}\n";
    for (schema, files, expected) in [
        (&rule, rules, true),
        (&rule, vec![write("no-versions.yaml", RULE)], true),
        (
            &rule,
            vec![write("a.yaml", &RULE.replace("s3_bucket", "s3_buckets"))],
            false,
        ),
        (
            &rule,
            vec![write("b.yaml", &RULE.replace("stage: 60", "stage: 45"))],
            false,
        ),
        (
            &rule,
            vec![write("c.yaml", &RULE.replace("severity", "severty"))],
            false,
        ),
        (&config, vec![folder.path().join("outcrop.yaml")], true),
        (&config, vec![write("right.yaml", right)], true),
        (
            &config,
            vec![write("d.yaml", &right.replace("400", "many"))],
            false,
        ),
        (
            &config,
            vec![write(
                "e.yaml",
                &right.replace("retention_max", "retention_most"),
            )],
            false,
        ),
        (
            &config,
            vec![write(
                "f.yaml",
                &right.replace("with-key: info", "with-a-key: info"),
            )],
            false,
        ),
        (
            &config,
            vec![write(
                "g.yaml",
                &right.replace("\"111111111111\"", "\"1111\""),
            )],
            false,
        ),
    ] {
        let Some(taken) = takes(schema, &files) else {
            return;
        };
        assert_eq!(taken, expected, "{}", files[0].display());
    }
}
