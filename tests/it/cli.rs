//! The real binary: exit codes, streams, bad input. Each case says what is given and what must be said.

use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

pub(super) fn outcrop(folder: &Path, arguments: &[&str]) -> Output {
    assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(folder)
        .env_clear()
        .env("COLUMNS", "100")
        .args(arguments)
        .output()
        .expect("the binary")
}

/// Runs in a fresh folder with these files; gives code, standard output and standard error.
pub(crate) fn given(files: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    let output = outcrop(folder.path(), arguments);
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// What a pipeline sets for every call of the tool gets in the way of none.
#[test]
fn variables_of_the_environment_are_defaults_and_no_commands() {
    let folder = TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("outcrop");
        let output = command
            .current_dir(folder.path())
            .env_clear()
            .envs([("OUTCROP_EXTERNAL_ID", "x"), ("AWS_PROFILE", "y")])
            .args(arguments)
            .output();
        output.expect("the binary").status.code()
    };
    for (arguments, code) in [
        (&["demo", "--quiet", "--out", "run.outcrop"][..], 3),
        (&["report", "run.outcrop", "--quiet"], 3),
        (&["evidence", "key", "--out", "key"], 0),
        (
            &[
                "evidence",
                "pack",
                "run.outcrop",
                "--key",
                "key",
                "--out",
                "package",
            ],
            0,
        ),
        (&["report", "run.outcrop", "--send", "securityhub"], 0),
        (
            &[
                "report",
                "run.outcrop",
                "--send",
                "securityhub",
                "--format",
                "json",
            ],
            2,
        ),
        (
            &[
                "path",
                "run.outcrop",
                "--from",
                "internet",
                "--to",
                "10.0.0.1:99999",
            ],
            2,
        ),
        (
            &[
                "path",
                "run.outcrop",
                "--from",
                "nowhere",
                "--to",
                "10.0.0.1",
            ],
            2,
        ),
    ] {
        assert_eq!(run(arguments), Some(code), "{arguments:?}");
    }
}

#[test]
fn exit_codes_are_as_promised() {
    for (arguments, code) in [
        (&["demo"][..], 3),
        (&["demo", "--estate", "sound"], 0),
        (&["demo", "--estate", "sound", "--fail-on", "info"], 0),
        (&["demo", "--estate", "denied"], 4),
        (&["demo", "--estate", "denied", "--unknown", "ignore"], 0),
        (&["demo", "--fail-on", "none"], 0),
        // Bare log groups and missing endpoint policies are high, so they shut the gate only when it is asked for high.
        (
            &[
                "demo",
                "--select",
                "inference-log-group-without-customer-key,bedrock-endpoint-policy-default",
            ],
            0,
        ),
        (
            &[
                "demo",
                "--select",
                "inference-log-group-without-customer-key,bedrock-endpoint-policy-default",
                "--fail-on",
                "high",
            ],
            3,
        ),
        (&["demo", "--estate", "nowhere"], 2),
        (&["demo", "--format", "json", "--format", "table"], 2),
        (&["demo", "--format", "pdf"], 2),
        (&["demo", "--select", "no-such-rule"], 2),
        (&["nonsense"], 2),
        (&["check", "nowhere.outcrop"], 1),
        (&["rules", "test"], 0),
        (&["rules", "list"], 0),
        (&["rules", "tables"], 0),
        (&["rules", "show", "inference-log-group-kept-forever"], 0),
        (&["role", "--format", "terraform"], 0),
        (&["role", "--format", "cloudformation"], 0),
        (&["completions", "bash"], 0),
    ] {
        let (found, _, said) = given(&[], arguments);
        assert_eq!(found, code, "{arguments:?}: {said}");
    }
}

#[test]
fn the_exit_code_does_not_depend_on_the_format() {
    for format in ["json", "table", "json=results.json"] {
        assert_eq!(given(&[], &["demo", "--format", format]).0, 3);
    }
}

#[test]
fn results_and_words_keep_to_their_streams() {
    let (_, out, said) = given(&[], &["demo", "--format", "json"]);
    let told: Json = serde_json::from_str(&out).expect("nothing but JSON");
    assert_eq!(told["schema"], "outcrop/v1");
    for key in ["run", "coverage", "results", "waivers", "summary"] {
        assert!(!told[key].is_null(), "{key}");
    }
    for key in [
        "rule",
        "title",
        "severity",
        "pillar",
        "stage",
        "verdict",
        "resource",
        "resource_type",
        "account_id",
        "region",
        "message",
        "evidence",
        "missing",
        "part",
        "fingerprint",
        "waiver",
        "location",
        "origin",
        "tags",
        "environment",
        "controls",
    ] {
        assert!(told["results"][0].get(key).is_some(), "{key}");
    }
    assert!(said.contains("gate failed: at least one failure at or above `critical`"));
    assert!(
        given(&[], &["demo", "--quiet", "--format", "json"])
            .2
            .is_empty()
    );
    assert!(!out.contains('\u{1b}') && !said.contains('\u{1b}'));
}

pub(super) const RUN: &str = "accounts: [{id: \"111111111111\", name: a}]\nregions: [eu-west-1]\ncoverage: all\nobserved_at: \"2026-11-01T00:00:00Z\"\n";
pub(super) const GROUP: &str = "- {account_id: \"111111111111\", region: eu-west-1, name: /g, arn: a, kms_key_id: '', retention_in_days: 0, log_group_class: STANDARD}\n";
pub(super) const LOGGING: &str = "- {account_id: \"111111111111\", region: eu-west-1, region_name: eu-west-1, log_group_name: /g, bucket_name: '', bucket_prefix: '', large_data_bucket_name: '', large_data_prefix: ''}\n";

pub(crate) fn coverage(entry: &str) -> String {
    format!(
        "accounts: [{{id: \"111111111111\"}}]\nregions: [eu-west-1]\ncoverage:\n  - {{status: complete}}\n  - {entry}\n"
    )
}

#[test]
fn what_was_refused_stays_refused_whatever_is_said_later() {
    let run = coverage("{table: cloudwatch_log_group, status: denied}\n  - {status: complete}");
    let (code, out, _) = given(
        &[
            ("i/run.yaml", &run),
            ("i/README.md", "prose"),
            ("i/.hidden", ""),
        ],
        &["check", "i", "--format", "json"],
    );
    let told: Json = serde_json::from_str(&out).expect("JSON");
    let line = told["coverage"]
        .as_array()
        .and_then(|all| {
            all.iter()
                .find(|line| line["table"] == "cloudwatch_log_group")
        })
        .expect("a line");
    assert_eq!((code, &line["status"]), (4, &Json::from("denied")));
}

#[test]
fn broken_inventories_are_told_with_file_and_place() {
    for (file, text, parts) in [
        (
            "i/log_group.yaml",
            "[]",
            &["log_group.yaml", "there is no table"][..],
        ),
        (
            "i/cloudwatch_log_group.yaml",
            "- {account_id: \"111111111111\", region: eu-west-1, retention: 3}",
            &[
                "cloudwatch_log_group.yaml",
                "line 1",
                "no column `retention`",
            ],
        ),
        (
            "i/cloudwatch_log_group.yaml",
            "- {account_id: \"111111111111\", region: eu-west-1, retention_in_days: \"3\"}",
            &["retention_in_days", "integer"],
        ),
        (
            "i/cloudwatch_log_group.yaml",
            "- {account_id: 111111111111, region: eu-west-1}",
            &["account_id", "quotes"],
        ),
        (
            "i/cloudwatch_log_group.yaml",
            "- {account_id: \"222222222222\", region: eu-west-1}",
            &["222222222222", "run.yaml"],
        ),
        (
            "i/cloudwatch_log_group.yaml",
            "- {account_id: \"111111111111\", region: eu-west-9}",
            &["eu-west-9"],
        ),
        (
            "i/cloudwatch_log_group.yaml",
            "- [",
            &["cloudwatch_log_group.yaml", "line"],
        ),
        ("i/run.yaml", "accounts: []\n", &["run.yaml", "regions"]),
        (
            "i/run.yaml",
            "accounts: []\nregions: []\ncoverage: some\n",
            &["run.yaml", "some"],
        ),
        // Nothing to judge is a mistake, and no passed gate.
        (
            "i/run.yaml",
            "accounts: []\nregions: [eu-west-1]\ncoverage: all\n",
            &["run.yaml", "line 1", "nothing would be judged"],
        ),
        (
            "i/run.yaml",
            "accounts: [{id: \"111111111111\"}]\nregions: []\ncoverage: all\n",
            &["line 2", "nothing would be judged"],
        ),
        (
            "i/run.yaml",
            "accounts: [{id: \"1111\"}]\nregions: [eu-west-1]\ncoverage: all\n",
            &["`\"1111\"`", "twelve digits"],
        ),
        (
            "i/run.yaml",
            "accounts: [{id: \"111111111111\"}]\nregions: [EU-WEST-1]\ncoverage: all\n",
            &["EU-WEST-1", "not a Region"],
        ),
        (
            "i/run.yaml",
            "accounts: [{id: \"111111111111\"}]\nregions: [eu-west-1]\ncoverage: all\nobserved_at: yesterday\n",
            &["line 4", "not a time"],
        ),
        // What coverage says of nothing that there is would be a denial that nobody sees.
        (
            "i/run.yaml",
            &coverage("{table: lambda_function, region: EU-WEST-1, status: denied}"),
            &["line 5", "EU-WEST-1", "eu-west-1"],
        ),
        (
            "i/run.yaml",
            &coverage("{table: iam_role, region: eu-west-1, status: denied}"),
            &["line 5", "iam_role", "global"],
        ),
        (
            "i/run.yaml",
            &coverage("{table: lambda_function, account_id: \"111111111112\", status: denied}"),
            &["line 5", "111111111112"],
        ),
        (
            "i/run.yaml",
            &coverage("{table: lambda_functions, status: denied}"),
            &["line 5", "did you mean `lambda_function`?"],
        ),
        (
            "i/run.yaml",
            &coverage("{table: kms_key, group: polices, status: denied}"),
            &["line 5", "polices", "policy"],
        ),
        (
            "i/run.yaml",
            &coverage("{table: kms_key, group: policy, row: k, status: denied}"),
            &["no row `k`"],
        ),
        (
            "i/run.yaml",
            &coverage("{table: kms_key, statuss: denied}"),
            &["statuss"],
        ),
        // What is not read is never nothing there.
        (
            "i/lambda_function.JSON",
            "[]",
            &["lambda_function.JSON", "would not be read"],
        ),
        ("i/lambda_function.yaml.txt", "[]", &["would not be read"]),
        ("i/lambda_function.csv", "", &["would not be read"]),
        ("i/more/lambda_function.yaml", "[]", &["files alone"]),
        (
            "i/cloudwatch_log_group.yaml",
            "- {account_id: \"111111111111\", region: eu-west-1, name: /g, name: /h}",
            &["cloudwatch_log_group.yaml", "twice"],
        ),
        (
            "i/cloudwatch_log_group.json",
            "[{\"account_id\": \"111111111111\", \"region\": \"eu-west-1\", \"name\": \"/g\", \"name\": \"/h\"}]",
            &["`name` appears twice"],
        ),
        (
            "i/cloudwatch_log_group.yaml",
            "- {account_id: \"111111111111\", region: eu-west-1, name: /g}\n- {account_id: \"111111111111\", region: eu-west-1, name: /g}",
            &["line 2", "already"],
        ),
        ("i/cloudwatch_log_group.yaml", "- 1", &["list of rows"]),
        ("i/cloudwatch_log_group.yaml", "name: /g", &["list of rows"]),
    ] {
        let (code, _, said) = given(&[("i/run.yaml", RUN), (file, text)], &["check", "i"]);
        assert_eq!(code, 1, "{file}: {said}");
        for part in parts {
            assert!(said.contains(part), "{file}: `{said}` lacks `{part}`");
        }
    }
}

#[test]
fn broken_run_files_are_refused() {
    let folder = TempDir::new().expect("a folder");
    outcrop(folder.path(), &["demo", "--out", "right.outcrop"]);
    let right = fs::read(folder.path().join("right.outcrop")).expect("a run");
    let mut newer = right.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let mut torn = right.clone();
    torn.truncate(right.len() / 3);
    for (name, bytes, part) in [
        ("text.outcrop", b"hello".to_vec(), "not a run file"),
        ("empty.outcrop", Vec::new(), "not a run file"),
        ("newer.outcrop", newer, "schema version 99"),
        ("torn.outcrop", torn, "damaged"),
    ] {
        fs::write(folder.path().join(name), bytes).expect("a file");
        for command in ["check", "report"] {
            let output = outcrop(folder.path(), &[command, name]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{command} {name}: {said}");
            assert!(
                said.contains(part) && said.contains(name),
                "{command} {name}: {said}"
            );
        }
    }
}

#[test]
fn names_of_strangers_move_nothing() {
    let long = "x".repeat(10_000);
    let name = format!("/a\\e]0;pwned\\a\\u202e<script>alert(1)</script>'\\\"{long}");
    let group = format!(
        "- {{account_id: \"111111111111\", region: eu-west-1, name: \"{name}\", arn: a, kms_key_id: '', retention_in_days: 0, log_group_class: STANDARD}}\n"
    );
    let logging = LOGGING.replace("log_group_name: /g", &format!("log_group_name: \"{name}\""));
    let files = [
        ("i/run.yaml", RUN),
        ("i/cloudwatch_log_group.yaml", group.as_str()),
        ("i/bedrock_model_invocation_logging.yaml", logging.as_str()),
    ];
    let (code, out, said) = given(&files, &["check", "i", "--fail-on", "high"]);
    assert_eq!(code, 3, "{said}");
    for text in [&out, &said] {
        assert!(
            !text
                .chars()
                .any(|c| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)),
            "something moves the terminal"
        );
    }
    let (_, out, _) = given(&files, &["check", "i", "--format", "json"]);
    let told: Json = serde_json::from_str(&out).expect("JSON");
    assert!(
        told["results"]
            .as_array()
            .expect("results")
            .iter()
            .any(|result| result["resource"]
                .as_str()
                .expect("a text")
                .ends_with(&long)),
        "JSON keeps the whole name"
    );
}

#[test]
fn a_policy_that_does_not_parse_is_unknown_and_named() {
    let endpoint = "- {account_id: \"111111111111\", region: eu-west-1, vpc_endpoint_id: vpce-1, vpc_id: vpc-1, service_name: com.amazonaws.eu-west-1.bedrock-runtime, vpc_endpoint_type: Interface, state: available, service_region: '', private_dns_enabled: true, policy: '{\"Statement\": [', subnet_ids: [], security_group_ids: [], route_table_ids: [], owner_id: x, tags: {}}\n";
    let service = "- {account_id: \"111111111111\", region: eu-west-1, service_name: com.amazonaws.eu-west-1.bedrock-runtime, policy_supported: true}\n";
    let (code, out, _) = given(
        &[
            ("i/run.yaml", RUN),
            ("i/vpc_endpoint.yaml", endpoint),
            ("i/vpc_endpoint_service.yaml", service),
        ],
        &[
            "check",
            "i",
            "--select",
            "bedrock-endpoint-policy-default",
            "--fail-on",
            "high",
            "--format",
            "json",
        ],
    );
    assert_eq!(code, 4);
    let told: Json = serde_json::from_str(&out).expect("JSON");
    let missing = told["results"]
        .as_array()
        .expect("results")
        .iter()
        .find(|result| result["verdict"] == "unknown")
        .expect("an unknown")["missing"]
        .to_string();
    assert!(
        missing.contains("vpce-1") && missing.contains("not-understood"),
        "{missing}"
    );
}

/// The digest is that of all rules that are shipped, and every command has its page.
#[test]
fn the_release_says_what_it_judges_by_and_has_its_pages() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
            .current_dir(folder.path())
            .env_clear()
            .args(arguments)
            .output()
            .expect("the binary");
        String::from_utf8(output.stdout).expect("text")
    };
    let version = run(&["--version"]);
    let rules = outcrop::engine::Library::load(&outcrop::subjects::tables(), &[]).expect("rules");
    let digest = rules.digest();
    assert!(
        version.starts_with("outcrop ") && version.contains("\ncommit "),
        "{version}"
    );
    assert_eq!(
        version.lines().last(),
        Some(format!("rules {digest}").as_str())
    );
    assert_eq!(run(&["-V"]).lines().count(), 1);
    run(&["man", "pages"]);
    for name in ["outcrop.1", "outcrop-check.1", "outcrop-evidence-pack.1"] {
        let page = std::fs::read_to_string(folder.path().join("pages").join(name)).expect(name);
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
}

/// Whoever stops reading changes no exit code: a gate in a pipeline stays a gate.
#[test]
fn a_reader_that_leaves_early_changes_no_gate() {
    use std::process::Stdio;
    let folder = TempDir::new().expect("a folder");
    for (estate, run) in [("sound", "old.outcrop"), ("broken", "new.outcrop")] {
        let made = outcrop(
            folder.path(),
            &["demo", "--estate", estate, "--quiet", "--out", run],
        );
        assert!(
            made.status
                .code()
                .is_some_and(|code| code == 0 || code == 3)
        );
    }
    for (arguments, expected) in [
        (
            &[
                "diff",
                "old.outcrop",
                "new.outcrop",
                "--fail-on",
                "critical",
            ][..],
            3,
        ),
        (&["check", "new.outcrop"], 3),
        (&["report", "new.outcrop", "--format", "json"], 3),
    ] {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
            .current_dir(folder.path())
            .env_clear()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary");
        drop(child.stdout.take());
        let code = child.wait().expect("it ends").code();
        assert_eq!(code, Some(expected), "{arguments:?}");
    }
}
