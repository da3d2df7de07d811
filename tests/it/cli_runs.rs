//! What a user sees of runs: reports, queries, explanations, configurations, rules.

use super::cli::{GROUP, LOGGING, RUN, given, outcrop};
use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

#[test]
pub(super) fn a_run_is_judged_reported_queried_and_explained_again() {
    let folder = TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| outcrop(folder.path(), arguments);
    let first = run(&["demo", "--out", "demo.outcrop", "--format", "json"]);
    assert_eq!(first.status.code(), Some(3));
    for arguments in [
        &["report", "demo.outcrop", "--format", "json"][..],
        &["check", "demo.outcrop", "--format", "json"],
    ] {
        let again = run(arguments);
        assert_eq!(
            again.status.code(),
            Some(3),
            "{}",
            String::from_utf8_lossy(&again.stderr)
        );
        assert!(
            again.stdout == first.stdout,
            "{arguments:?} gives other bytes"
        );
    }
    let files: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(files.len(), 1, "a single clean file: {files:?}");
    let query = run(&[
        "query",
        "demo.outcrop",
        "SELECT name, retention_in_days FROM cloudwatch_log_group ORDER BY name",
        "--format",
        "csv",
    ]);
    assert!(String::from_utf8_lossy(&query.stdout).contains("\"/aws/bedrock/invocations\",\"0\""));
    for sql in [
        "DELETE FROM run",
        "ATTACH 'x' AS y",
        "PRAGMA user_version = 9",
        "SELECT nope FROM run",
    ] {
        assert_eq!(
            run(&["query", "demo.outcrop", sql]).status.code(),
            Some(1),
            "{sql}"
        );
    }
    let explained = run(&[
        "explain",
        "demo.outcrop",
        "bedrock-call-leaves-by-public-endpoint",
    ]);
    let text = String::from_utf8_lossy(&explained.stdout);
    for part in [
        "is_public = true",
        "service-network",
        "public-endpoint",
        "from ec2:",
        "Why it matters",
        "Fix, Terraform",
    ] {
        assert!(text.contains(part), "explain lacks `{part}`");
    }
    let explained = run(&[
        "explain",
        "demo.outcrop",
        "bedrock-endpoint-policy-any-model",
    ]);
    assert!(
        String::from_utf8_lossy(&explained.stdout).contains("action     bedrock:InvokeModel"),
        "the witness is a request"
    );
    assert_eq!(
        run(&["demo", "--out", "demo.outcrop"]).status.code(),
        Some(1),
        "an existing run is not overwritten"
    );
}

#[test]
pub(super) fn configurations_waive_for_a_time_and_say_what_is_wrong() {
    let inventory = [
        ("i/run.yaml", RUN),
        ("i/cloudwatch_log_group.yaml", GROUP),
        ("i/bedrock_model_invocation_logging.yaml", LOGGING),
    ];
    let judge = |config: &str| {
        given(
            &[&inventory[..], &[("outcrop.yaml", config)]].concat(),
            &[
                "check",
                "i",
                "--select",
                "inference-log-group-kept-forever",
                "--fail-on",
                "high",
                "--format",
                "json",
            ],
        )
    };
    let waiver = |rest: &str| {
        format!(
            "waivers:\n  - rule: inference-log-group-kept-forever\n    resource: \"arn:aws:logs:*\"\n{rest}"
        )
    };
    for (config, code, status) in [
        (String::new(), 3, ""),
        (
            waiver("    reason: r\n    owner: o\n    expires: 2027-01-31\n"),
            0,
            "used",
        ),
        (
            waiver("    reason: r\n    owner: o\n    expires: 2026-10-31\n"),
            3,
            "expired",
        ),
        (
            waiver("    reason: r\n    owner: o\n    expires: 2026-11-01\n"),
            0,
            "used",
        ),
        (
            waiver("    reason: r\n    expires: 2027-01-31\n"),
            3,
            "malformed",
        ),
        (
            waiver("    reason: r\n    owner: o\n    expires: 2027-01-31\n")
                .replace("arn:aws:logs", "arn:aws:sqs"),
            3,
            "unmatched",
        ),
        (
            "parameters: {retention_min_days: 0, retention_max_days: 0}\n".to_owned(),
            0,
            "",
        ),
        (
            "severities: {inference-log-group-kept-forever: low}\n".to_owned(),
            0,
            "",
        ),
    ] {
        let (found, out, said) = judge(&config);
        assert_eq!(found, code, "{config}: {said}");
        let told: Json = serde_json::from_str(&out).expect("JSON");
        if !status.is_empty() {
            assert_eq!(told["waivers"][0]["status"], status, "{config}");
            let waived = told["results"]
                .as_array()
                .expect("results")
                .iter()
                .any(|result| result["verdict"] == "fail" && !result["waiver"].is_null());
            assert_eq!(
                waived,
                status == "used",
                "{config}: a waived failure stays a failure"
            );
        }
    }
    for (config, parts) in [
        (
            "parameter: {}\n",
            &["outcrop.yaml", "line 1", "parameter"][..],
        ),
        (
            "parameters:\n  retention_min_days: soon\n",
            &["line 2", "retention_min_days", "number of days"],
        ),
        (
            "parameters:\n  min_confidence: Hgh\n",
            &["line 2", "one of low, medium, high"],
        ),
        (
            "parameters:\n  retention: 3\n",
            &["line 2", "no parameter `retention`"],
        ),
        ("disabled: [no-such-rule]\n", &["no rule `no-such-rule`"]),
        (
            "waivers:\n  - rule: x\n    expires: 2027-02-30\n",
            &["line", "2027-02-30"],
        ),
    ] {
        let (code, _, said) = judge(config);
        assert_eq!(code, 1, "{config}: {said}");
        for part in parts {
            assert!(said.contains(part), "`{said}` lacks `{part}`");
        }
    }
}

#[test]
pub(super) fn rules_of_a_user_are_judged_and_never_disappear() {
    let rule = |id: &str, body: &str| {
        format!(
            "id: {id}\ntitle: t\nseverity: critical\npillar: custom\nstage: 30\nwhy: w\n{body}message: {{fail: '{{name}} f', pass: p, unknown: u}}\n"
        )
    };
    let own = rule(
        "own",
        "from: SELECT arn AS resource, account_id, region, name, retention_in_days AS days FROM cloudwatch_log_group\npass: days > 0\n",
    );
    let inventory = [("i/run.yaml", RUN), ("i/cloudwatch_log_group.yaml", GROUP)];
    let judge = |files: &[(&str, &str)], id: &str| {
        given(
            &[&inventory[..], files].concat(),
            &[
                "check", "i", "--rules", "r", "--select", id, "--format", "json",
            ],
        )
    };
    assert_eq!(judge(&[("r/own.yaml", &own)], "own").0, 3);
    // A gap anywhere in what the query reads makes it unknown: such SQL sees a closed world.
    let gap = RUN.replace(
        "coverage: all",
        "coverage: [{status: complete}, {table: cloudwatch_log_group, status: partial}]",
    );
    assert_eq!(
        judge(&[("r/own.yaml", &own), ("i/run.yaml", &gap)], "own").0,
        4
    );
    // What fails while it runs is unknown with the error, in every scope.
    for from in [
        "SELECT nope FROM cloudwatch_log_group",
        "SELECT name FROM cloudwatch_log_group",
        "SELECT load_extension('x') AS resource, '' AS account_id, '' AS region",
    ] {
        let (code, out, said) = judge(
            &[(
                "r/bad.yaml",
                &rule("bad", &format!("from: {from}\npass: \"1\"\n")),
            )],
            "bad",
        );
        assert_eq!(code, 4, "{from}: {said}");
        assert!(out.contains("the rule could not run"), "{out}");
    }
    let (code, _, said) = judge(&[("r/worse.yaml", "id: worse\ntitle: [\n")], "worse");
    assert!(
        code == 1 && said.contains("worse.yaml") && said.contains("line"),
        "{said}"
    );
    let (code, ..) = given(&[("r/own.yaml", &own)], &["rules", "test", "r"]);
    assert_eq!(code, 1, "a rule without examples has flaws");
}

#[test]
pub(super) fn a_new_rule_passes_its_own_examples() {
    let folder = TempDir::new().expect("a folder");
    assert_eq!(
        outcrop(folder.path(), &["rules", "new", "my-fault"])
            .status
            .code(),
        Some(0)
    );
    let test = outcrop(folder.path(), &["rules", "test", "."]);
    assert_eq!(
        test.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&test.stdout)
    );
}

#[test]
pub(super) fn the_role_reads_and_nothing_else() {
    let (_, out, _) = given(&[], &["role"]);
    let policy: Json = serde_json::from_str(&out).expect("JSON");
    let actions: Vec<&str> = policy["Statement"][0]["Action"]
        .as_array()
        .expect("actions")
        .iter()
        .filter_map(Json::as_str)
        .collect();
    let never: Vec<&str> = policy["Statement"][1]["Action"]
        .as_array()
        .expect("actions")
        .iter()
        .filter_map(Json::as_str)
        .collect();
    assert_eq!(policy["Statement"][1]["Effect"], "Deny");
    for action in &actions {
        // API Gateway's actions are the verbs of HTTP.
        let verb = action
            .split(':')
            .nth(1)
            .expect("an action")
            .replace("GET", "Get");
        assert!(
            [
                "Get", "List", "Describe", "BatchGet", "Lookup", "Search", "View"
            ]
            .iter()
            .any(|start| verb.starts_with(start)),
            "{action} is no read"
        );
        assert!(!never.contains(action), "{action} reads data");
    }
    for action in [
        "s3:GetObject",
        "logs:GetLogEvents",
        "secretsmanager:GetSecretValue",
        "kms:Decrypt",
        "lambda:GetFunction",
        "bedrock:InvokeModel",
    ] {
        assert!(
            never.contains(&action) && !actions.contains(&action),
            "{action}"
        );
    }
    let (_, narrow, _) = given(
        &[],
        &["role", "--select", "inference-log-group-kept-forever"],
    );
    assert!(narrow.contains("logs:DescribeLogGroups") && !narrow.contains("ec2:DescribeVpcs"));
}

#[test]
pub(super) fn the_table_fits_its_width() {
    for width in [80, 200] {
        let folder = TempDir::new().expect("a folder");
        let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .current_dir(folder.path())
            .env_clear()
            .env("COLUMNS", width.to_string())
            .args(["demo"])
            .output()
            .expect("the binary");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let longest = text
            .lines()
            .filter(|line| line.contains('─') || line.starts_with(' '))
            .map(|line| line.chars().count())
            .max()
            .unwrap_or(0);
        assert!(longest <= width, "{longest} columns at {width}");
    }
}

#[test]
pub(super) fn a_way_is_shown_as_a_tree_and_as_json() {
    let estate = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/estates/broken");
    let estate = estate.to_str().expect("UTF-8");
    let (code, out, said) = given(
        &[],
        &["path", estate, "--from", "summarizer", "--format", "json"],
    );
    assert_eq!(code, 0, "{said}");
    let told: Json = serde_json::from_str(&out).expect("JSON");
    let way = &told["paths"][0];
    assert_eq!(
        (
            way["verdict"].as_str(),
            way["kind"].as_str(),
            way["family"].as_str()
        ),
        (
            Some("private-bypassable"),
            Some("lambda"),
            Some("bedrock-runtime")
        )
    );
    assert_eq!(way["host"], "bedrock-runtime.eu-west-1.amazonaws.com");
    for hop in way["hops"].as_array().expect("hops") {
        assert!(
            ["kind", "id", "account_id", "because"]
                .iter()
                .all(|key| hop[key].as_str().is_some_and(|text| !text.is_empty())),
            "{hop}"
        );
    }
    let all: Json =
        serde_json::from_str(&given(&[], &["path", estate, "--format", "json"]).1).expect("JSON");
    let shown: std::collections::BTreeSet<&str> = all["paths"]
        .as_array()
        .expect("paths")
        .iter()
        .filter_map(|way| way["verdict"].as_str())
        .collect();
    assert_eq!(shown.len(), 6, "a way of each verdict: {shown:?}");
    assert_eq!(
        all["service_side"].as_array().map(Vec::len),
        Some(11),
        "agents, knowledge bases, a state machine, an API and a schedule"
    );
    let (code, map, _) = given(&[], &["path", estate, "--format", "csv"]);
    let lines: Vec<&str> = map.lines().collect();
    assert!(
        code == 0 && lines[0].starts_with("\"account_id\"") && lines.len() > 20,
        "{map}"
    );
    let seen = |name: &str| {
        lines
            .iter()
            .find(|line| line.contains(name))
            .map_or("", |line| *line)
    };
    assert!(
        seen("service/ai/orders").contains("igw-ord")
            && seen("function:translator").contains("\"unknown\""),
        "{map}"
    );
    for (arguments, code, said) in [
        (vec!["path", estate, "--to", "bedrock-runtime"], 0, "PUBLIC"),
        (
            vec!["path", estate, "--from", "nobody"],
            2,
            "no workload `nobody`",
        ),
        (
            vec!["path", estate, "--to", "nowhere"],
            2,
            "no path leads to `nowhere`",
        ),
        (vec!["path", "nowhere.outcrop"], 1, "nowhere.outcrop"),
    ] {
        let (found, out, err) = given(&[], &arguments);
        assert_eq!(found, code, "{arguments:?}: {err}");
        assert!(
            out.contains(said) || err.contains(said),
            "{arguments:?}: {out}{err}"
        );
    }
}

#[test]
pub(super) fn log_files_of_cloudtrail_are_laid_over_a_run() {
    const RULE: &str = "bedrock-calls-observed-outside-endpoint";
    let estate = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/estates/sound");
    let estate = estate.to_str().expect("UTF-8");
    let record = |id: &str, role: &str, address: &str, more: &str| {
        format!(
            r#"{{"eventID": "{id}", "eventSource": "bedrock.amazonaws.com", "eventName": "InvokeModel", "awsRegion": "eu-west-1", "eventTime": "2026-10-30T08:00:00Z", "recipientAccountId": "111111111111", "sourceIPAddress": "{address}"{more}, "userIdentity": {{"type": "AssumedRole", "accountId": "111111111111", "sessionContext": {{"sessionIssuer": {{"arn": "arn:aws:iam::111111111111:role/{role}"}}}}}}}}"#
        )
    };
    let log = |records: &[String]| format!(r#"{{"Records": [{}]}}"#, records.join(","));
    let lies = log(&[
        record("1", "chat-api", "203.0.113.7", ""),
        record(
            "2",
            "summarizer",
            "10.1.0.9",
            r#", "vpcEndpointId": "vpce-sum-runtime""#,
        ),
    ]);
    // The other Region was looked at too.
    let elsewhere = r#"{"eventID": "9", "eventSource": "s3.amazonaws.com", "eventName": "PutObject", "awsRegion": "us-east-1", "eventTime": "2026-10-30T09:00:00Z", "recipientAccountId": "111111111111"}"#.to_owned();
    let fine = log(&[record("3", "chat-api", "10.0.0.9", ""), elsewhere]);
    let roles = |out: &str| -> std::collections::BTreeMap<String, String> {
        let told: Json = serde_json::from_str(out).expect("JSON");
        told["results"]
            .as_array()
            .expect("results")
            .iter()
            .map(|result| {
                (
                    result["resource"]
                        .as_str()
                        .unwrap_or_default()
                        .rsplit('/')
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                    result["verdict"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect()
    };
    let check = |files: &[(&str, &str)], trail: &str| {
        given(
            files,
            &[
                "check", estate, "--trail", trail, "--select", RULE, "--format", "json",
            ],
        )
    };
    let (code, out, _) = check(
        &[
            ("t/a.json", &lies),
            ("t/b.json", &fine),
            ("t/CloudTrail-Digest/d.json", "{}"),
        ],
        "t",
    );
    let found = roles(&out);
    assert_eq!(
        (
            code,
            found["chat-api"].as_str(),
            found["summarizer"].as_str(),
            found["orders-task"].as_str()
        ),
        (3, "fail", "pass", "unknown"),
        "{out}"
    );
    assert!(out.contains("the diagram lies"), "{out}");
    let (_, out, _) = check(&[("t.json", &lies)], "t.json");
    assert_eq!(
        roles(&out)["summarizer"],
        "unknown",
        "a Region of which nothing was read is not looked at"
    );
    // What could not be read leaves what was read standing, and no pass.
    let (code, out, said) = check(&[("t/a.json", &fine), ("t/b.json", "{\"Records\": [")], "t");
    assert_eq!(
        (code, roles(&out)["chat-api"].as_str()),
        (4, "unknown"),
        "{out}"
    );
    assert!(
        said.contains("t/b.json") && said.contains("line 1"),
        "{said}"
    );
    for (name, text, said) in [
        ("a.json", "{\"Records\": 7}", "no list `Records`"),
        ("a.json", "[1, 2", "no JSON, line 1"),
        ("a.json.gz", "this is not zipped", "truncated"),
        ("a.json", "\u{feff}{}", "no JSON"),
    ] {
        let (code, _, err) = check(&[(name, text)], name);
        assert_eq!(code, 1, "{name}: {err}");
        assert!(err.contains(name) && err.contains(said), "{err}");
    }
    // Without CloudTrail the rule is left out, and the report says so; by name it is unknown.
    let bare = "accounts: [{id: '111111111111', name: a}]\nregions: [eu-west-1]\ncoverage:\n  - {status: complete}\n  - {table: cloudtrail_window, status: not-collected}\n  - {table: cloudtrail_bedrock_call, status: not-collected}\n";
    let (_, out, _) = given(&[("e/run.yaml", bare)], &["check", "e", "--format", "json"]);
    let told: Json = serde_json::from_str(&out).expect("JSON");
    assert!(
        told["results"]
            .as_array()
            .expect("results")
            .iter()
            .all(|result| result["rule"] != RULE)
    );
    assert!(
        told["run"]["notes"].to_string().contains("--observe"),
        "{}",
        told["run"]
    );
    assert_eq!(
        given(&[("e/run.yaml", bare)], &["check", "e", "--select", RULE]).0,
        4
    );
}
