//! The real binary: exit codes, streams, bad input. Each case says what is given and what must be said.

use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

fn outcrop(folder: &Path, arguments: &[&str]) -> Output {
    assert_cmd::cargo::cargo_bin_cmd!("outcrop").current_dir(folder).env_clear().env("COLUMNS", "100").args(arguments).output().expect("the binary")
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
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What a pipeline sets for every call of the tool gets in the way of none.
#[test]
fn variables_of_the_environment_are_defaults_and_no_commands() {
    let folder = TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("outcrop");
        let output = command.current_dir(folder.path()).env_clear().envs([("OUTCROP_EXTERNAL_ID", "x"), ("AWS_PROFILE", "y")]).args(arguments).output();
        output.expect("the binary").status.code()
    };
    for (arguments, code) in [
        (&["demo", "--quiet", "--out", "run.outcrop"][..], 3),
        (&["report", "run.outcrop", "--quiet"], 3),
        (&["evidence", "key", "--out", "key"], 0),
        (&["evidence", "pack", "run.outcrop", "--key", "key", "--out", "package"], 0),
        (&["report", "run.outcrop", "--send", "securityhub"], 0),
        (&["report", "run.outcrop", "--send", "securityhub", "--format", "json"], 2),
        (&["path", "run.outcrop", "--from", "internet", "--to", "10.0.0.1:99999"], 2),
        (&["path", "run.outcrop", "--from", "nowhere", "--to", "10.0.0.1"], 2),
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
        (&["demo", "--select", "inference-log-group-without-customer-key,bedrock-endpoint-policy-default"], 0),
        (&["demo", "--select", "inference-log-group-without-customer-key,bedrock-endpoint-policy-default", "--fail-on", "high"], 3),
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
    assert!(given(&[], &["demo", "--quiet", "--format", "json"]).2.is_empty());
    assert!(!out.contains('\u{1b}') && !said.contains('\u{1b}'));
}

#[test]
fn a_run_is_judged_reported_queried_and_explained_again() {
    let folder = TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| outcrop(folder.path(), arguments);
    let first = run(&["demo", "--out", "demo.outcrop", "--format", "json"]);
    assert_eq!(first.status.code(), Some(3));
    for arguments in [&["report", "demo.outcrop", "--format", "json"][..], &["check", "demo.outcrop", "--format", "json"]] {
        let again = run(arguments);
        assert_eq!(again.status.code(), Some(3), "{}", String::from_utf8_lossy(&again.stderr));
        assert!(again.stdout == first.stdout, "{arguments:?} gives other bytes");
    }
    let files: Vec<_> = fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(files.len(), 1, "a single clean file: {files:?}");
    let query = run(&["query", "demo.outcrop", "SELECT name, retention_in_days FROM cloudwatch_log_group ORDER BY name", "--format", "csv"]);
    assert!(String::from_utf8_lossy(&query.stdout).contains("\"/aws/bedrock/invocations\",\"0\""));
    for sql in ["DELETE FROM run", "ATTACH 'x' AS y", "PRAGMA user_version = 9", "SELECT nope FROM run"] {
        assert_eq!(run(&["query", "demo.outcrop", sql]).status.code(), Some(1), "{sql}");
    }
    let explained = run(&["explain", "demo.outcrop", "bedrock-call-leaves-by-public-endpoint"]);
    let text = String::from_utf8_lossy(&explained.stdout);
    for part in ["is_public = true", "service-network", "public-endpoint", "from ec2:", "Why it matters", "Fix, Terraform"] {
        assert!(text.contains(part), "explain lacks `{part}`");
    }
    let explained = run(&["explain", "demo.outcrop", "bedrock-endpoint-policy-any-model"]);
    assert!(String::from_utf8_lossy(&explained.stdout).contains("action     bedrock:InvokeModel"), "the witness is a request");
    assert_eq!(run(&["demo", "--out", "demo.outcrop"]).status.code(), Some(1), "an existing run is not overwritten");
}

const RUN: &str = "accounts: [{id: \"111111111111\", name: a}]\nregions: [eu-west-1]\ncoverage: all\nobserved_at: \"2026-11-01T00:00:00Z\"\n";
const GROUP: &str = "- {account_id: \"111111111111\", region: eu-west-1, name: /g, arn: a, kms_key_id: '', retention_in_days: 0, log_group_class: STANDARD}\n";
const LOGGING: &str = "- {account_id: \"111111111111\", region: eu-west-1, region_name: eu-west-1, log_group_name: /g, bucket_name: '', bucket_prefix: '', large_data_bucket_name: '', large_data_prefix: ''}\n";

pub(crate) fn coverage(entry: &str) -> String {
    format!("accounts: [{{id: \"111111111111\"}}]\nregions: [eu-west-1]\ncoverage:\n  - {{status: complete}}\n  - {entry}\n")
}

#[test]
fn what_was_refused_stays_refused_whatever_is_said_later() {
    let run = coverage("{table: cloudwatch_log_group, status: denied}\n  - {status: complete}");
    let (code, out, _) = given(&[("i/run.yaml", &run), ("i/README.md", "prose"), ("i/.hidden", "")], &["check", "i", "--format", "json"]);
    let told: Json = serde_json::from_str(&out).expect("JSON");
    let line = told["coverage"].as_array().and_then(|all| all.iter().find(|line| line["table"] == "cloudwatch_log_group")).expect("a line");
    assert_eq!((code, &line["status"]), (4, &Json::from("denied")));
}

#[test]
fn broken_inventories_are_told_with_file_and_place() {
    for (file, text, parts) in [
        ("i/log_group.yaml", "[]", &["log_group.yaml", "there is no table"][..]),
        (
            "i/cloudwatch_log_group.yaml",
            "- {account_id: \"111111111111\", region: eu-west-1, retention: 3}",
            &["cloudwatch_log_group.yaml", "line 1", "no column `retention`"],
        ),
        ("i/cloudwatch_log_group.yaml", "- {account_id: \"111111111111\", region: eu-west-1, retention_in_days: \"3\"}", &["retention_in_days", "integer"]),
        ("i/cloudwatch_log_group.yaml", "- {account_id: 111111111111, region: eu-west-1}", &["account_id", "quotes"]),
        ("i/cloudwatch_log_group.yaml", "- {account_id: \"222222222222\", region: eu-west-1}", &["222222222222", "run.yaml"]),
        ("i/cloudwatch_log_group.yaml", "- {account_id: \"111111111111\", region: eu-west-9}", &["eu-west-9"]),
        ("i/cloudwatch_log_group.yaml", "- [", &["cloudwatch_log_group.yaml", "line"]),
        ("i/run.yaml", "accounts: []\n", &["run.yaml", "regions"]),
        ("i/run.yaml", "accounts: []\nregions: []\ncoverage: some\n", &["run.yaml", "some"]),
        // Nothing to judge is a mistake, and no passed gate.
        ("i/run.yaml", "accounts: []\nregions: [eu-west-1]\ncoverage: all\n", &["run.yaml", "line 1", "nothing would be judged"]),
        ("i/run.yaml", "accounts: [{id: \"111111111111\"}]\nregions: []\ncoverage: all\n", &["line 2", "nothing would be judged"]),
        ("i/run.yaml", "accounts: [{id: \"1111\"}]\nregions: [eu-west-1]\ncoverage: all\n", &["`\"1111\"`", "twelve digits"]),
        ("i/run.yaml", "accounts: [{id: \"111111111111\"}]\nregions: [EU-WEST-1]\ncoverage: all\n", &["EU-WEST-1", "not a Region"]),
        ("i/run.yaml", "accounts: [{id: \"111111111111\"}]\nregions: [eu-west-1]\ncoverage: all\nobserved_at: yesterday\n", &["line 4", "not a time"]),
        // What coverage says of nothing that there is would be a denial that nobody sees.
        ("i/run.yaml", &coverage("{table: lambda_function, region: EU-WEST-1, status: denied}"), &["line 5", "EU-WEST-1", "eu-west-1"]),
        ("i/run.yaml", &coverage("{table: iam_role, region: eu-west-1, status: denied}"), &["line 5", "iam_role", "global"]),
        ("i/run.yaml", &coverage("{table: lambda_function, account_id: \"111111111112\", status: denied}"), &["line 5", "111111111112"]),
        ("i/run.yaml", &coverage("{table: lambda_functions, status: denied}"), &["line 5", "did you mean `lambda_function`?"]),
        ("i/run.yaml", &coverage("{table: kms_key, group: polices, status: denied}"), &["line 5", "polices", "policy"]),
        ("i/run.yaml", &coverage("{table: kms_key, group: policy, row: k, status: denied}"), &["no row `k`"]),
        ("i/run.yaml", &coverage("{table: kms_key, statuss: denied}"), &["statuss"]),
        // What is not read is never nothing there.
        ("i/lambda_function.JSON", "[]", &["lambda_function.JSON", "would not be read"]),
        ("i/lambda_function.yaml.txt", "[]", &["would not be read"]),
        ("i/lambda_function.csv", "", &["would not be read"]),
        ("i/more/lambda_function.yaml", "[]", &["files alone"]),
        ("i/cloudwatch_log_group.yaml", "- {account_id: \"111111111111\", region: eu-west-1, name: /g, name: /h}", &["cloudwatch_log_group.yaml", "twice"]),
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
            assert!(said.contains(part) && said.contains(name), "{command} {name}: {said}");
        }
    }
}

#[test]
fn configurations_waive_for_a_time_and_say_what_is_wrong() {
    let inventory = [("i/run.yaml", RUN), ("i/cloudwatch_log_group.yaml", GROUP), ("i/bedrock_model_invocation_logging.yaml", LOGGING)];
    let judge = |config: &str| {
        given(
            &[&inventory[..], &[("outcrop.yaml", config)]].concat(),
            &["check", "i", "--select", "inference-log-group-kept-forever", "--fail-on", "high", "--format", "json"],
        )
    };
    let waiver = |rest: &str| format!("waivers:\n  - rule: inference-log-group-kept-forever\n    resource: \"arn:aws:logs:*\"\n{rest}");
    for (config, code, status) in [
        (String::new(), 3, ""),
        (waiver("    reason: r\n    owner: o\n    expires: 2027-01-31\n"), 0, "used"),
        (waiver("    reason: r\n    owner: o\n    expires: 2026-10-31\n"), 3, "expired"),
        (waiver("    reason: r\n    owner: o\n    expires: 2026-11-01\n"), 0, "used"),
        (waiver("    reason: r\n    expires: 2027-01-31\n"), 3, "malformed"),
        (waiver("    reason: r\n    owner: o\n    expires: 2027-01-31\n").replace("arn:aws:logs", "arn:aws:sqs"), 3, "unmatched"),
        ("parameters: {retention_min_days: 0, retention_max_days: 0}\n".to_owned(), 0, ""),
        ("severities: {inference-log-group-kept-forever: low}\n".to_owned(), 0, ""),
    ] {
        let (found, out, said) = judge(&config);
        assert_eq!(found, code, "{config}: {said}");
        let told: Json = serde_json::from_str(&out).expect("JSON");
        if !status.is_empty() {
            assert_eq!(told["waivers"][0]["status"], status, "{config}");
            let waived = told["results"].as_array().expect("results").iter().any(|result| result["verdict"] == "fail" && !result["waiver"].is_null());
            assert_eq!(waived, status == "used", "{config}: a waived failure stays a failure");
        }
    }
    for (config, parts) in [
        ("parameter: {}\n", &["outcrop.yaml", "line 1", "parameter"][..]),
        ("parameters:\n  retention_min_days: soon\n", &["line 2", "retention_min_days", "number of days"]),
        ("parameters:\n  min_confidence: Hgh\n", &["line 2", "one of low, medium, high"]),
        ("parameters:\n  retention: 3\n", &["line 2", "no parameter `retention`"]),
        ("disabled: [no-such-rule]\n", &["no rule `no-such-rule`"]),
        ("waivers:\n  - rule: x\n    expires: 2027-02-30\n", &["line", "2027-02-30"]),
    ] {
        let (code, _, said) = judge(config);
        assert_eq!(code, 1, "{config}: {said}");
        for part in parts {
            assert!(said.contains(part), "`{said}` lacks `{part}`");
        }
    }
}

#[test]
fn rules_of_a_user_are_judged_and_never_disappear() {
    let rule = |id: &str, body: &str| {
        format!("id: {id}\ntitle: t\nseverity: critical\npillar: custom\nstage: 30\nwhy: w\n{body}message: {{fail: '{{name}} f', pass: p, unknown: u}}\n")
    };
    let own = rule("own", "from: SELECT arn AS resource, account_id, region, name, retention_in_days AS days FROM cloudwatch_log_group\npass: days > 0\n");
    let inventory = [("i/run.yaml", RUN), ("i/cloudwatch_log_group.yaml", GROUP)];
    let judge =
        |files: &[(&str, &str)], id: &str| given(&[&inventory[..], files].concat(), &["check", "i", "--rules", "r", "--select", id, "--format", "json"]);
    assert_eq!(judge(&[("r/own.yaml", &own)], "own").0, 3);
    // A gap anywhere in what the query reads makes it unknown: such SQL sees a closed world.
    let gap = RUN.replace("coverage: all", "coverage: [{status: complete}, {table: cloudwatch_log_group, status: partial}]");
    assert_eq!(judge(&[("r/own.yaml", &own), ("i/run.yaml", &gap)], "own").0, 4);
    // What fails while it runs is unknown with the error, in every scope.
    for from in [
        "SELECT nope FROM cloudwatch_log_group",
        "SELECT name FROM cloudwatch_log_group",
        "SELECT load_extension('x') AS resource, '' AS account_id, '' AS region",
    ] {
        let (code, out, said) = judge(&[("r/bad.yaml", &rule("bad", &format!("from: {from}\npass: \"1\"\n")))], "bad");
        assert_eq!(code, 4, "{from}: {said}");
        assert!(out.contains("the rule could not run"), "{out}");
    }
    let (code, _, said) = judge(&[("r/worse.yaml", "id: worse\ntitle: [\n")], "worse");
    assert!(code == 1 && said.contains("worse.yaml") && said.contains("line"), "{said}");
    let (code, ..) = given(&[("r/own.yaml", &own)], &["rules", "test", "r"]);
    assert_eq!(code, 1, "a rule without examples has flaws");
}

#[test]
fn a_new_rule_passes_its_own_examples() {
    let folder = TempDir::new().expect("a folder");
    assert_eq!(outcrop(folder.path(), &["rules", "new", "my-fault"]).status.code(), Some(0));
    let test = outcrop(folder.path(), &["rules", "test", "."]);
    assert_eq!(test.status.code(), Some(0), "{}", String::from_utf8_lossy(&test.stdout));
}

#[test]
fn names_of_strangers_move_nothing() {
    let long = "x".repeat(10_000);
    let name = format!("/a\\e]0;pwned\\a\\u202e<script>alert(1)</script>'\\\"{long}");
    let group = format!(
        "- {{account_id: \"111111111111\", region: eu-west-1, name: \"{name}\", arn: a, kms_key_id: '', retention_in_days: 0, log_group_class: STANDARD}}\n"
    );
    let logging = LOGGING.replace("log_group_name: /g", &format!("log_group_name: \"{name}\""));
    let files = [("i/run.yaml", RUN), ("i/cloudwatch_log_group.yaml", group.as_str()), ("i/bedrock_model_invocation_logging.yaml", logging.as_str())];
    let (code, out, said) = given(&files, &["check", "i", "--fail-on", "high"]);
    assert_eq!(code, 3, "{said}");
    for text in [&out, &said] {
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)), "something moves the terminal");
    }
    let (_, out, _) = given(&files, &["check", "i", "--format", "json"]);
    let told: Json = serde_json::from_str(&out).expect("JSON");
    assert!(
        told["results"].as_array().expect("results").iter().any(|result| result["resource"].as_str().expect("a text").ends_with(&long)),
        "JSON keeps the whole name"
    );
}

#[test]
fn a_policy_that_does_not_parse_is_unknown_and_named() {
    let endpoint = "- {account_id: \"111111111111\", region: eu-west-1, vpc_endpoint_id: vpce-1, vpc_id: vpc-1, service_name: com.amazonaws.eu-west-1.bedrock-runtime, vpc_endpoint_type: Interface, state: available, service_region: '', private_dns_enabled: true, policy: '{\"Statement\": [', subnet_ids: [], security_group_ids: [], route_table_ids: [], owner_id: x, tags: {}}\n";
    let service = "- {account_id: \"111111111111\", region: eu-west-1, service_name: com.amazonaws.eu-west-1.bedrock-runtime, policy_supported: true}\n";
    let (code, out, _) = given(
        &[("i/run.yaml", RUN), ("i/vpc_endpoint.yaml", endpoint), ("i/vpc_endpoint_service.yaml", service)],
        &["check", "i", "--select", "bedrock-endpoint-policy-default", "--fail-on", "high", "--format", "json"],
    );
    assert_eq!(code, 4);
    let told: Json = serde_json::from_str(&out).expect("JSON");
    let missing = told["results"].as_array().expect("results").iter().find(|result| result["verdict"] == "unknown").expect("an unknown")["missing"].to_string();
    assert!(missing.contains("vpce-1") && missing.contains("not-understood"), "{missing}");
}

#[test]
fn the_role_reads_and_nothing_else() {
    let (_, out, _) = given(&[], &["role"]);
    let policy: Json = serde_json::from_str(&out).expect("JSON");
    let actions: Vec<&str> = policy["Statement"][0]["Action"].as_array().expect("actions").iter().filter_map(Json::as_str).collect();
    let never: Vec<&str> = policy["Statement"][1]["Action"].as_array().expect("actions").iter().filter_map(Json::as_str).collect();
    assert_eq!(policy["Statement"][1]["Effect"], "Deny");
    for action in &actions {
        // API Gateway's actions are the verbs of HTTP.
        let verb = action.split(':').nth(1).expect("an action").replace("GET", "Get");
        assert!(["Get", "List", "Describe", "BatchGet", "Lookup", "Search"].iter().any(|start| verb.starts_with(start)), "{action} is no read");
        assert!(!never.contains(action), "{action} reads data");
    }
    for action in ["s3:GetObject", "logs:GetLogEvents", "secretsmanager:GetSecretValue", "kms:Decrypt", "lambda:GetFunction", "bedrock:InvokeModel"] {
        assert!(never.contains(&action) && !actions.contains(&action), "{action}");
    }
    let (_, narrow, _) = given(&[], &["role", "--select", "inference-log-group-kept-forever"]);
    assert!(narrow.contains("logs:DescribeLogGroups") && !narrow.contains("ec2:DescribeVpcs"));
}

#[test]
fn the_table_fits_its_width() {
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
        let longest = text.lines().filter(|line| line.contains('─') || line.starts_with(' ')).map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(longest <= width, "{longest} columns at {width}");
    }
}

#[test]
fn a_way_is_shown_as_a_tree_and_as_json() {
    let estate = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/estates/broken");
    let estate = estate.to_str().expect("UTF-8");
    let (code, out, said) = given(&[], &["path", estate, "--from", "summarizer", "--format", "json"]);
    assert_eq!(code, 0, "{said}");
    let told: Json = serde_json::from_str(&out).expect("JSON");
    let way = &told["paths"][0];
    assert_eq!((way["verdict"].as_str(), way["kind"].as_str(), way["family"].as_str()), (Some("private-bypassable"), Some("lambda"), Some("bedrock-runtime")));
    assert_eq!(way["host"], "bedrock-runtime.eu-west-1.amazonaws.com");
    for hop in way["hops"].as_array().expect("hops") {
        assert!(["kind", "id", "account_id", "because"].iter().all(|key| hop[key].as_str().is_some_and(|text| !text.is_empty())), "{hop}");
    }
    let all: Json = serde_json::from_str(&given(&[], &["path", estate, "--format", "json"]).1).expect("JSON");
    let shown: std::collections::BTreeSet<&str> = all["paths"].as_array().expect("paths").iter().filter_map(|way| way["verdict"].as_str()).collect();
    assert_eq!(shown.len(), 6, "a way of each verdict: {shown:?}");
    assert_eq!(all["service_side"].as_array().map(Vec::len), Some(9), "agents, knowledge bases, a state machine, an API and a schedule");
    let (code, map, _) = given(&[], &["path", estate, "--format", "csv"]);
    let lines: Vec<&str> = map.lines().collect();
    assert!(code == 0 && lines[0].starts_with("\"account_id\"") && lines.len() > 20, "{map}");
    let seen = |name: &str| lines.iter().find(|line| line.contains(name)).map_or("", |line| *line);
    assert!(seen("service/ai/orders").contains("igw-ord") && seen("function:translator").contains("\"unknown\""), "{map}");
    for (arguments, code, said) in [
        (vec!["path", estate, "--to", "bedrock-runtime"], 0, "PUBLIC"),
        (vec!["path", estate, "--from", "nobody"], 2, "no workload `nobody`"),
        (vec!["path", estate, "--to", "nowhere"], 2, "no way leads to `nowhere`"),
        (vec!["path", "nowhere.outcrop"], 1, "nowhere.outcrop"),
    ] {
        let (found, out, err) = given(&[], &arguments);
        assert_eq!(found, code, "{arguments:?}: {err}");
        assert!(out.contains(said) || err.contains(said), "{arguments:?}: {out}{err}");
    }
}

#[test]
fn log_files_of_cloudtrail_are_laid_over_a_run() {
    const RULE: &str = "bedrock-calls-observed-outside-endpoint";
    let estate = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/estates/sound");
    let estate = estate.to_str().expect("UTF-8");
    let record = |id: &str, role: &str, address: &str, more: &str| {
        format!(
            r#"{{"eventID": "{id}", "eventSource": "bedrock.amazonaws.com", "eventName": "InvokeModel", "awsRegion": "eu-west-1", "eventTime": "2026-10-30T08:00:00Z", "recipientAccountId": "111111111111", "sourceIPAddress": "{address}"{more}, "userIdentity": {{"type": "AssumedRole", "accountId": "111111111111", "sessionContext": {{"sessionIssuer": {{"arn": "arn:aws:iam::111111111111:role/{role}"}}}}}}}}"#
        )
    };
    let log = |records: &[String]| format!(r#"{{"Records": [{}]}}"#, records.join(","));
    let lies = log(&[record("1", "chat-api", "203.0.113.7", ""), record("2", "summarizer", "10.1.0.9", r#", "vpcEndpointId": "vpce-sum-runtime""#)]);
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
                    result["resource"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned(),
                    result["verdict"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect()
    };
    let check = |files: &[(&str, &str)], trail: &str| given(files, &["check", estate, "--trail", trail, "--select", RULE, "--format", "json"]);
    let (code, out, _) = check(&[("t/a.json", &lies), ("t/b.json", &fine), ("t/CloudTrail-Digest/d.json", "{}")], "t");
    let found = roles(&out);
    assert_eq!((code, found["chat-api"].as_str(), found["summarizer"].as_str(), found["orders-task"].as_str()), (3, "fail", "pass", "unknown"), "{out}");
    assert!(out.contains("the diagram lies"), "{out}");
    let (_, out, _) = check(&[("t.json", &lies)], "t.json");
    assert_eq!(roles(&out)["summarizer"], "unknown", "a Region of which nothing was read is not looked at");
    // What could not be read leaves what was read standing, and no pass.
    let (code, out, said) = check(&[("t/a.json", &fine), ("t/b.json", "{\"Records\": [")], "t");
    assert_eq!((code, roles(&out)["chat-api"].as_str()), (4, "unknown"), "{out}");
    assert!(said.contains("t/b.json") && said.contains("line 1"), "{said}");
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
    assert!(told["results"].as_array().expect("results").iter().all(|result| result["rule"] != RULE));
    assert!(told["run"]["notes"].to_string().contains("--observe"), "{}", told["run"]);
    assert_eq!(given(&[("e/run.yaml", bare)], &["check", "e", "--select", RULE]).0, 4);
}
