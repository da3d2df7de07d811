//! Files on the command line: each folder of `fixtures/files` is a case, and its `expect.yaml` says what comes of it.
//!
//! A new case is a new folder; nothing lists them.

use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One call of the program, from the folder of its case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    /// Arguments after `check`.
    #[serde(default)]
    check: Vec<String>,
    /// The whole command line, of another command than `check`.
    #[serde(default)]
    run: Vec<String>,
    /// What is printed on standard output.
    #[serde(default)]
    prints: Vec<String>,
    /// What is not printed there.
    #[serde(default)]
    conceals: Vec<String>,
    /// A file of the folder that comes by standard input.
    #[serde(default)]
    input: Option<String>,
    /// Exit code.
    exit: i32,
    /// What is said on standard error.
    #[serde(default)]
    says: Vec<String>,
    /// Each is among the results: some of their keys, with their values.
    #[serde(default)]
    results: Vec<BTreeMap<String, Json>>,
    /// None of these is among the results.
    #[serde(default)]
    never: Vec<BTreeMap<String, Json>>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn run(case: &Path, call: &Call) -> (i32, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("outcrop"));
    command.current_dir(case).env_clear();
    if call.run.is_empty() {
        command
            .arg("check")
            .args(&call.check)
            .args(["--format", "json"]);
    } else {
        command.args(&call.run);
    }
    command
        .stdin(if call.input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary");
    if let Some(name) = &call.input {
        let bytes = std::fs::read(case.join(name)).expect("the input");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(&bytes)
            .expect("it reads");
    }
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        said,
    )
}

#[test]
fn every_case_comes_out_as_it_says() {
    let mut wrong = Vec::new();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder("fixtures/files"))
        .expect("cases")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    cases.sort();
    for case in &cases {
        let text = std::fs::read_to_string(case.join("expect.yaml"))
            .unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        let calls: Vec<Call> = yaml_serde::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        for call in &calls {
            let (code, printed, said) = run(case, call);
            let outcome: Json = serde_json::from_str(&printed).unwrap_or_default();
            let shown = format!(
                "{} {}",
                case.file_name().unwrap_or_default().to_string_lossy(),
                [call.check.join(" "), call.run.join(" ")].concat()
            );
            wrong.extend(
                call.conceals
                    .iter()
                    .filter(|text| printed.contains(*text))
                    .map(|text| format!("{shown}: `{text}` is printed in: {printed}")),
            );
            wrong.extend(
                call.prints
                    .iter()
                    .filter(|text| !printed.contains(*text))
                    .map(|text| format!("{shown}: `{text}` is not printed in: {printed}")),
            );
            if code != call.exit {
                wrong.push(format!(
                    "{shown}: exit {code}, expected {}: {said}",
                    call.exit
                ));
            }
            wrong.extend(
                call.says
                    .iter()
                    .filter(|text| !said.contains(*text))
                    .map(|text| format!("{shown}: `{text}` is not said in: {said}")),
            );
            let results = outcome["results"].as_array().map_or(&[][..], Vec::as_slice);
            let fits = |wanted: &BTreeMap<String, Json>| {
                results
                    .iter()
                    .any(|result| wanted.iter().all(|(key, value)| result[key] == *value))
            };
            for wanted in call.results.iter().filter(|wanted| !fits(wanted)) {
                let of_rule = results
                    .iter()
                    .filter(|result| wanted.get("rule") == Some(&result["rule"]));
                let found: Vec<String> = of_rule
                    .map(|result| {
                        format!(
                            "{} {} {}",
                            result["resource"], result["verdict"], result["message"]
                        )
                    })
                    .collect();
                wrong.push(format!(
                    "{shown}: no result is {wanted:?}; of the rule there are {found:#?}"
                ));
            }
            wrong.extend(
                call.never
                    .iter()
                    .filter(|unwanted| fits(unwanted))
                    .map(|unwanted| format!("{shown}: a result is {unwanted:?}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The script of the GitHub action, as a runner would start it.
#[test]
fn the_action_judges_every_line_and_glob_of_its_paths() {
    let text = std::fs::read_to_string(folder("action.yml")).expect("the action");
    let action: Json = yaml_serde::from_str(&text).expect("YAML");
    let steps = action["runs"]["steps"].as_array().expect("steps");
    let script = steps
        .iter()
        .find(|step| step["id"] == "check")
        .and_then(|step| step["run"].as_str())
        .expect("the step");
    let scratch = tempfile::TempDir::new().expect("a folder");
    for (name, from) in [
        ("open/plan.json", "broken"),
        ("shut/plan.json", "sound"),
        ("a name/plan.json", "broken"),
    ] {
        let to = scratch.path().join(name);
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("folders");
        std::fs::copy(folder(&format!("fixtures/parity/{from}/plan.json")), to).expect("a plan");
    }
    let code = |paths: &str| {
        let program = assert_cmd::cargo::cargo_bin!("outcrop");
        let mut command = Command::new("bash");
        command.current_dir(scratch.path()).args([
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            script,
        ]);
        for name in [
            "SARIF",
            "SOURCE",
            "ONTO",
            "PARAMETERS",
            "CONFIG",
            "BASELINE",
        ] {
            command.env(name, "");
        }
        command
            .env("PATHS", paths)
            .env("OUTCROP", program)
            .env("FAIL_ON", "critical")
            .env("GITHUB_OUTPUT", scratch.path().join("output"));
        command
            .env("ACCOUNT", "111111111111")
            .env("REGION", "eu-central-1");
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("bash")
            .code()
    };
    for (paths, expected) in [
        ("shut/plan.json", 0),
        ("open/plan.json", 3),
        ("shut/plan.json\nopen/plan.json\n", 3),
        ("shut/plan.json open/plan.json", 3),
        ("shut/*.json\n  open/*.json", 3),
        ("**/plan.json", 3),
        ("s*/**/plan.json", 0),
        ("a name/plan.json", 3),
        ("\nshut/plan.json\n\n", 0),
        ("nowhere/*.json", 1),
        ("", 2),
    ] {
        assert_eq!(code(paths), Some(expected), "{paths:?}");
    }
}
