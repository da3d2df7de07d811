//! Live collection against moto with the double in front, and against the double alone.
//!
//! `make test` prepares the virtual environment in `target/moto`; without it these tests fail and say so.

use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Something that answers like AWS, as long as this lives.
pub(crate) struct Aws {
    pub(super) child: Child,
    pub told: Json,
}

impl Drop for Aws {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn start(program: &str, script: &Json) -> Aws {
    let python = std::env::var_os("OUTCROP_MOTO_PYTHON")
        .map_or_else(|| root().join("target/moto/bin/python"), PathBuf::from);
    assert!(
        python.exists(),
        "`{}` is missing; run `make test`, which installs it",
        python.display()
    );
    let file = tempfile::NamedTempFile::new().expect("a script");
    std::fs::write(file.path(), script.to_string()).expect("a script");
    let mut child = Command::new(python)
        .current_dir(root().join("tests/moto"))
        .arg(program)
        .arg(file.path())
        .env_remove("AWS_ENDPOINT_URL")
        .env_remove("AWS_PROFILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output"))
        .read_line(&mut line)
        .expect("a line");
    let told = serde_json::from_str(&line)
        .unwrap_or_else(|error| panic!("{program} did not come up: {error}: {line}"));
    drop(file.into_temp_path().keep());
    Aws { child, told }
}

pub(crate) struct Done {
    pub code: i32,
    pub out: Json,
    pub said: String,
    pub folder: TempDir,
}

/// Runs the real binary with a clean environment.
pub(crate) fn scan(aws: &Aws, arguments: &[&str]) -> Done {
    let folder = TempDir::new().expect("a folder");
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(folder.path())
        .env_clear()
        .envs([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])
        .env(
            "AWS_ACCESS_KEY_ID",
            aws.told["credentials"]["id"].as_str().unwrap_or("test"),
        )
        .env(
            "AWS_SECRET_ACCESS_KEY",
            aws.told["credentials"]["secret"].as_str().unwrap_or("test"),
        )
        .env(
            "AWS_ENDPOINT_URL",
            aws.told["endpoint"].as_str().expect("an endpoint"),
        )
        .args(["scan", "--format", "json", "--out", "run.outcrop"])
        .args(arguments)
        .output()
        .expect("the binary");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let out = serde_json::from_slice(&output.stdout).unwrap_or(Json::Null);
    Done {
        code: output.status.code().unwrap_or(-1),
        out,
        said,
        folder,
    }
}

pub(crate) fn calls(aws: &Aws) -> Vec<(String, String)> {
    use std::io::{Read, Write};
    let host = aws.told["endpoint"]
        .as_str()
        .expect("an endpoint")
        .trim_start_matches("http://")
        .to_owned();
    let mut stream = std::net::TcpStream::connect(&host).expect("the double");
    write!(
        stream,
        "GET /__double__ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let told: Json =
        serde_json::from_str(text.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    told["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .map(|call| {
            (
                call[0].as_str().unwrap_or_default().to_owned(),
                call[1].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

/// Verdicts by rule and account.
pub(super) fn verdicts(out: &Json, account: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for result in out["results"]
        .as_array()
        .expect("results")
        .iter()
        .filter(|result| result["account_id"] == account)
    {
        all.entry(result["rule"].as_str().unwrap_or_default().to_owned())
            .or_default()
            .insert(result["verdict"].as_str().unwrap_or_default().to_owned());
    }
    all
}

#[test]
fn an_organisation_is_scanned_account_by_account() {
    let aws = start("serve.py", &json!([]));
    let done = scan(
        &aws,
        &[
            "--org",
            "--external-id",
            "opensesame",
            "--region",
            "eu-west-1,us-east-1",
            "--observe",
            "24h",
        ],
    );
    assert_eq!(done.code, 3, "{}", done.said);
    let expected: BTreeMap<String, BTreeMap<String, Vec<String>>> = yaml_serde::from_str(
        &std::fs::read_to_string(root().join("tests/moto/expected.yaml")).expect("expectations"),
    )
    .expect("a map");
    let mut wrong = Vec::new();
    for (name, rules) in expected {
        let found = verdicts(
            &done.out,
            aws.told["accounts"][&name].as_str().expect("an account"),
        );
        let unknown: Vec<&String> = rules
            .keys()
            .filter(|rule| *rule != "otherwise" && !found.contains_key(*rule))
            .collect();
        assert!(unknown.is_empty(), "{name}: no results of {unknown:?}");
        for (rule, verdicts) in found {
            let wanted: BTreeSet<String> = rules
                .get(&rule)
                .unwrap_or(&rules["otherwise"])
                .iter()
                .cloned()
                .collect();
            if verdicts != wanted {
                wrong.push(format!("{name}: {rule}: {verdicts:?} and not {wanted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let sound = verdicts(
        &done.out,
        aws.told["accounts"]["sound"].as_str().expect("an account"),
    );
    assert!(
        sound.values().all(|verdicts| !verdicts.contains("fail")),
        "{sound:?}"
    );
    let locked = verdicts(
        &done.out,
        aws.told["accounts"]["locked"].as_str().expect("an account"),
    );
    // What judges nothing until the configuration names it has nothing to say of an account.
    let asked_for = [
        "audit-role-cannot-read",
        "cost-not-attributable",
        "vendor-access-still-open",
    ];
    assert!(
        locked
            .iter()
            .filter(|(rule, _)| !asked_for.contains(&rule.as_str()))
            .all(|(_, verdicts)| verdicts.contains("unknown")
                && !verdicts.contains("pass")
                && !verdicts.contains("fail")),
        "{locked:?}"
    );
    assert!(
        done.said.contains("could not be entered") && done.said.contains("SUSPENDED"),
        "{}",
        done.said
    );
    let accounts = done.out["run"]["accounts"].as_array().expect("accounts");
    assert_eq!(
        accounts.len(),
        5,
        "all active accounts, the locked one among them"
    );

    assert!(
        done.out["headline"]["scope"]
            .as_array()
            .is_some_and(|lines| {
                lines.contains(&json!(
                    "6 accounts listed: 4 scanned, 1 not scanned, 1 left out."
                ))
            }),
        "{}",
        done.out["headline"]
    );

    // No value of a variable is anywhere: not in the run, the results, or what was said.
    let run = std::fs::read(done.folder.path().join("run.outcrop")).expect("the run");
    assert!(
        !String::from_utf8_lossy(&run).contains("CANARY")
            && !done.out.to_string().contains("CANARY")
            && !done.said.contains("CANARY")
    );
    // What joins and names networks came home as it was made.
    let store = outcrop::inventory::Store::open(
        &done.folder.path().join("run.outcrop"),
        &outcrop::subjects::tables(),
    )
    .expect("the run");
    for (sql, wanted) in [
        (
            "SELECT group_concat(json_extract(routes, '$[0].destination') || json_extract(routes, '$[0].type')) FROM ec2_transit_gateway_route_table WHERE routes <> '[]'",
            "10.20.0.0/16static",
        ),
        (
            "SELECT resource_type || json_array_length(subnet_ids) FROM ec2_transit_gateway_attachment",
            "vpc1",
        ),
        ("SELECT status_code FROM vpc_peering_connection", "active"),
        (
            "SELECT entries FROM ec2_managed_prefix_list WHERE name = 'hub'",
            "[\"10.20.0.0/16\"]",
        ),
        (
            "SELECT name || (SELECT json_extract(value, '$.values[0]') FROM json_each(records) WHERE json_extract(value, '$.type') = 'A') FROM route53_private_zone",
            "bedrock-runtime.eu-west-1.amazonaws.com10.20.1.10",
        ),
        (
            "SELECT rule_type || domain_name || target_ips FROM route53_resolver_rule WHERE rule_type = 'FORWARD'",
            "FORWARDcorp.example[\"10.0.0.53\"]",
        ),
        (
            "SELECT count(*) || '' FROM route53_resolver_rule_association WHERE vpc_id IN (SELECT requester_vpc_id FROM vpc_peering_connection)",
            "1",
        ),
        (
            "SELECT iif(count(*) > 3, '1', '0') FROM ec2_network_interface WHERE private_ip_addresses <> '[]'",
            "1",
        ),
        ("SELECT entries FROM vpc_network_acl LIMIT 1", "[{"),
        // By forms and XML.
        (
            "SELECT name || ' ' || status || ' ' || drift_status FROM cloudformation_stack",
            "alerts CREATE_COMPLETE NOT_CHECKED",
        ),
        (
            "SELECT stack_name || ' ' || logical_id || ' ' || type || ' ' || (physical_id LIKE 'arn:aws:sns:%:alerts') FROM cloudformation_stack_resource",
            "alerts Alerts AWS::SNS::Topic 1",
        ),
    ] {
        let found: String = store
            .conn
            .query_row(sql, [], |row| row.get(0))
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(found.starts_with(wanted), "{sql}: {found}");
    }
    drop(store);
    // A single clean file.
    assert!(!done.folder.path().join("run.outcrop-wal").exists());

    // What was called is what the generated role allows, both ways: nothing else, and nothing in vain.
    let role = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .arg("role")
        .output()
        .expect("the binary");
    let policy: Json = serde_json::from_slice(&role.stdout).expect("a policy");
    let allowed: BTreeSet<&str> = policy["Statement"][0]["Action"]
        .as_array()
        .expect("actions")
        .iter()
        .filter_map(Json::as_str)
        .collect();
    let renamed = |service: &str, operation: &str| match (service, operation) {
        ("s3", "ListBuckets") => "s3:ListAllMyBuckets".to_owned(),
        ("s3", "GetBucketEncryption") => "s3:GetEncryptionConfiguration".to_owned(),
        ("s3", "GetBucketLifecycleConfiguration") => "s3:GetLifecycleConfiguration".to_owned(),
        ("s3", "GetPublicAccessBlock") => "s3:GetBucketPublicAccessBlock".to_owned(),
        ("s3", "GetBucketReplication") => "s3:GetReplicationConfiguration".to_owned(),
        // AWS Budgets has one action for what it shows, and CloudWatch signs for another name than its actions have.
        ("budgets", _) => "budgets:ViewBudget".to_owned(),
        ("monitoring", operation) => format!("cloudwatch:{operation}"),
        ("tagging", operation) => format!("tag:{operation}"),
        _ => format!("{service}:{operation}"),
    };
    for (service, operation) in calls(&aws)
        .iter()
        .filter(|(_, operation)| operation != "AssumeRole")
    {
        let action = renamed(service, operation);
        assert!(
            allowed.contains(action.as_str()),
            "{action} was called, and the role does not allow it"
        );
    }
}

#[test]
fn a_wrong_external_id_or_role_is_told_in_one_sentence() {
    let aws = start("serve.py", &json!([]));
    for arguments in [
        &["--external-id", "wrong"][..],
        &["--external-id", "opensesame", "--role", "Nobody"],
    ] {
        let broken = aws.told["accounts"]["broken"].as_str().expect("an account");
        let done = scan(
            &aws,
            &[&["--account", broken, "--region", "eu-west-1"], arguments].concat(),
        );
        assert_eq!(done.code, 4, "{}", done.said);
        assert!(
            done.said.contains("--external-id") && done.said.contains("--role"),
            "{}",
            done.said
        );
        assert_eq!(done.out["summary"]["pass"], 0);
    }
    let done = scan(&aws, &["--region", "eu-nowhere-1"]);
    assert_eq!(done.code, 1, "{}", done.said);
    assert!(
        done.said.contains("eu-nowhere-1") && done.said.contains("enabled are"),
        "{}",
        done.said
    );
}

#[test]
fn a_denied_call_is_unknown_and_names_operation_and_permission() {
    let aws = start(
        "serve.py",
        &json!([
            {"service": "logs", "operation": "DescribeLogGroups", "then": {"status": 400, "headers": {"x-amzn-errortype": "AccessDeniedException"}, "body": "{\"__type\":\"AccessDeniedException\",\"message\":\"User is not authorized to perform: logs:DescribeLogGroups\"}"}},
            {"service": "iam", "operation": "GetAccountAuthorizationDetails", "account": "sound", "then": {"status": 403, "type": "text/xml", "body": "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"}},
        ]),
    );
    let sound = aws.told["accounts"]["sound"]
        .as_str()
        .expect("an account")
        .to_owned();
    let done = scan(
        &aws,
        &[
            "--account",
            &sound,
            "--external-id",
            "opensesame",
            "--region",
            "eu-west-1",
        ],
    );
    assert_eq!(done.code, 4, "{}", done.said);
    let found = verdicts(&done.out, &sound);
    for rule in [
        "inference-log-group-kept-forever",
        "bedrock-full-access-granted",
    ] {
        assert!(
            found[rule].contains("unknown") && !found[rule].contains("fail"),
            "{rule}: {:?}",
            found[rule]
        );
    }
    // Whoever may call, no path of the account leaves by the public endpoint: what was denied cannot turn that.
    let paths = &found["bedrock-call-leaves-by-public-endpoint"];
    assert!(
        paths.contains("pass") && !paths.contains("fail") && !paths.contains("unknown"),
        "{paths:?}"
    );
    let missing: Vec<&Json> = done.out["results"]
        .as_array()
        .expect("results")
        .iter()
        .filter(|result| {
            result["rule"] == "inference-log-group-kept-forever" && result["verdict"] == "unknown"
        })
        .flat_map(|result| result["missing"].as_array().expect("gaps"))
        .collect();
    assert!(
        missing
            .iter()
            .any(|gap| gap["operation"] == "logs:DescribeLogGroups"
                && gap["action"] == "logs:DescribeLogGroups"
                && gap["reason"] == "denied"),
        "{missing:?}"
    );
}

/// A double that knows one account and nothing in it, changed by `more` (asked first).
pub(super) fn alone(more: Json) -> Aws {
    let identity = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/test</Arn><UserId>u</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let mut script = more.as_array().expect("a list").clone();
    script.push(json!({"service": "sts", "operation": "GetCallerIdentity", "then": {"type": "text/xml", "body": identity}}));
    script.push(
        json!({"service": "account", "operation": "ListRegions", "then": {"json": {"Regions": [{"RegionName": "eu-west-1", "RegionOptStatus": "ENABLED"}]}}}),
    );
    start("double.py", &Json::from(script))
}

/// The coverage line of a table.
pub(super) fn line<'j>(out: &'j Json, table: &str) -> &'j Json {
    out["coverage"]
        .as_array()
        .expect("coverage")
        .iter()
        .find(|line| line["table"] == table)
        .unwrap_or_else(|| panic!("no coverage of {table}"))
}

pub(super) const GROUPS: &str = "inference-log-group-kept-forever";

pub(super) fn group(name: &str) -> Json {
    json!({"logGroupName": name, "arn": format!("arn:aws:logs:eu-west-1:123456789012:log-group:{name}:*")})
}

#[test]
fn a_list_that_does_not_end_is_partial() {
    let page = |token: &str, name: &str| json!({"logGroups": [group(name)], "nextToken": token});
    // One token again and again; and two tokens in a ring, which a check of the last one alone would miss.
    for script in [
        json!([{"service": "logs", "then": {"json": page("a", "x")}}]),
        json!([{"service": "logs", "nth": 1, "then": {"json": page("a", "x")}}, {"service": "logs", "nth": 2, "then": {"json": page("b", "y")}}, {"service": "logs", "nth": 3, "then": {"json": page("a", "z")}}]),
    ] {
        let done = scan(&alone(script), &["--select", GROUPS]);
        let line = line(&done.out, "cloudwatch_log_group");
        assert!(
            line["status"] == "partial"
                && line["detail"]
                    .as_str()
                    .expect("a text")
                    .contains("RepeatedPageToken"),
            "{line}"
        );
    }
}

#[test]
fn pages_are_read_to_their_end() {
    let done = scan(
        &alone(json!([
            {"service": "bedrock", "operation": "GetModelInvocationLoggingConfiguration", "then": {"json": {"loggingConfig": {"cloudWatchConfig": {"logGroupName": "third", "roleArn": "arn:aws:iam::123456789012:role/r"}}}}},
            {"service": "logs", "nth": 1, "then": {"json": {"logGroups": [group("first")], "nextToken": "a"}}},
            {"service": "logs", "nth": 2, "then": {"json": {"logGroups": [group("second")], "nextToken": "b"}}},
            {"service": "logs", "nth": 3, "then": {"json": {"logGroups": [group("third")]}}},
        ])),
        &["--select", GROUPS],
    );
    assert_eq!(line(&done.out, "cloudwatch_log_group")["rows"], 3);
    assert!(
        verdicts(&done.out, "123456789012")[GROUPS].contains("fail"),
        "kept for ever, on the last page"
    );
}

#[test]
fn a_broken_answer_is_an_error_and_never_an_empty_list() {
    for (then, word) in [
        (
            json!({"status": 200, "type": "text/html", "body": "<html>welcome</html>"}),
            "UnreadableAnswer",
        ),
        (
            json!({"status": 500, "type": "text/html", "body": "<html>oops</html>"}),
            "NotImplemented",
        ),
        (
            json!({"status": 403, "type": "text/plain", "body": "go away"}),
            "AccessDenied",
        ),
        (
            json!({"status": 400, "body": "{\"__type\":\"UnrecognizedClientException\",\"message\":\"x\"}"}),
            "Region may not be enabled",
        ),
    ] {
        let done = scan(
            &alone(json!([{"service": "logs", "then": then}])),
            &["--select", GROUPS],
        );
        let line = line(&done.out, "cloudwatch_log_group");
        assert!(
            !["complete", "unsupported"].contains(&line["status"].as_str().expect("a status")),
            "{line}"
        );
        assert!(
            line["detail"].as_str().expect("a text").contains(word),
            "{line} lacks {word}"
        );
        assert!(!verdicts(&done.out, "123456789012")[GROUPS].contains("pass"));
    }
}

#[test]
fn a_failure_on_a_later_page_keeps_the_rows_and_says_partial() {
    let done = scan(
        &alone(json!([
            {"service": "logs", "nth": 1, "then": {"json": {"logGroups": [group("first")], "nextToken": "a"}}},
            {"service": "logs", "then": {"status": 400, "body": "{\"__type\":\"AccessDeniedException\",\"message\":\"x\"}"}},
        ])),
        &["--select", GROUPS],
    );
    let line = line(&done.out, "cloudwatch_log_group");
    assert!(line["status"] == "partial" && line["rows"] == 1, "{line}");
}
