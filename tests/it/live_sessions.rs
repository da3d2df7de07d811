//! Sessions of a scan: roles, interruptions, probes.

use super::live::verdicts;
use super::live::{Aws, GROUPS, alone, calls, group, line, root, scan, start};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

#[test]
pub(super) fn throttling_is_waited_out_and_a_refusal_is_not_repeated() {
    let throttled = json!({"status": 400, "body": "{\"__type\":\"ThrottlingException\",\"message\":\"slow down\"}"});
    let aws = alone(
        json!([{"service": "logs", "nth": 1, "then": throttled}, {"service": "logs", "nth": 2, "then": throttled}, {"service": "logs", "then": {"json": {"logGroups": []}}}]),
    );
    let done = scan(&aws, &["--select", GROUPS]);
    assert_eq!(
        line(&done.out, "cloudwatch_log_group")["status"],
        "complete",
        "{}",
        done.said
    );
    let aws = alone(
        json!([{"service": "logs", "then": {"status": 403, "body": "{\"__type\":\"AccessDeniedException\",\"message\":\"x\"}"}}]),
    );
    scan(&aws, &["--select", GROUPS]);
    assert_eq!(
        calls(&aws)
            .iter()
            .filter(|(service, _)| service == "logs")
            .count(),
        1
    );
}

#[test]
pub(super) fn only_what_the_selected_rules_need_is_called() {
    let aws = alone(json!([{"service": "logs", "then": {"json": {"logGroups": []}}}]));
    scan(&aws, &["--select", GROUPS]);
    let services: BTreeSet<String> = calls(&aws)
        .into_iter()
        .map(|(service, _)| service)
        .collect();
    assert!(
        services.is_subset(&BTreeSet::from(
            ["sts", "account", "logs", "bedrock", "kms"].map(str::to_owned)
        )),
        "{services:?}"
    );
}

#[test]
pub(super) fn a_wrong_account_is_not_scanned() {
    let other = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:sts::999999999999:assumed-role/x/y</Arn><UserId>u</UserId><Account>999999999999</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let role = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>CANARYtoken</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
    let aws = alone(json!([
        {"service": "sts", "operation": "AssumeRole", "then": {"type": "text/xml", "body": role}},
        {"service": "sts", "operation": "GetCallerIdentity", "nth": 2, "then": {"type": "text/xml", "body": other}},
    ]));
    let done = scan(
        &aws,
        &[
            "--account",
            "222222222222",
            "--external-id",
            "x",
            "--region",
            "eu-west-1",
            "-vvv",
        ],
    );
    assert!(
        done.said.contains("WrongAccount") && done.said.contains("999999999999"),
        "{}",
        done.said
    );
    assert!(
        !done.said.contains("CANARYtoken"),
        "a session token was logged"
    );
    assert!(!calls(&aws).iter().any(|(service, _)| service == "logs"));
}

#[test]
pub(super) fn an_expired_token_is_renewed_once_and_the_page_repeated() {
    let done = scan(
        &alone(json!([
            {"service": "logs", "nth": 1, "then": {"status": 400, "body": "{\"__type\":\"ExpiredTokenException\",\"message\":\"expired\"}"}},
            {"service": "logs", "then": {"json": {"logGroups": [group("x")]}}},
        ])),
        &["--select", GROUPS],
    );
    let line = line(&done.out, "cloudwatch_log_group");
    assert!(line["status"] == "complete" && line["rows"] == 1, "{line}");
}

#[test]
pub(super) fn an_endpoint_elsewhere_over_plain_http_is_refused() {
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .env_clear()
        .envs([
            ("AWS_ACCESS_KEY_ID", "t"),
            ("AWS_SECRET_ACCESS_KEY", "t"),
            ("AWS_ENDPOINT_URL_STS", "http://192.0.2.1"),
        ])
        .arg("scan")
        .output()
        .expect("the binary");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("plain HTTP"));
}

#[test]
pub(super) fn without_credentials_one_sentence_says_what_to_do() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let config = folder.path().join("config");
    let text = "[profile dev]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = read\nregion = eu-west-1\n[sso-session corp]\nsso_start_url = https://corp.awsapps.example/start\nsso_region = eu-west-1\n[profile bare]\nregion = eu-west-1\n";
    std::fs::write(&config, text).expect("a file");
    for (arguments, wanted) in [
        (&["scan"][..], "aws configure"),
        (
            &["scan", "--profile", "bare"],
            "aws configure --profile bare",
        ),
        (&["scan", "--profile", "dev"], "aws sso login --profile dev"),
        (
            &["scan", "--profile", "nobody"],
            "there is no profile `nobody`",
        ),
    ] {
        let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .env_clear()
            .envs([
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("HOME", "/nonexistent"),
            ])
            .env("AWS_CONFIG_FILE", &config)
            .args(arguments)
            .output()
            .expect("the binary");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
}

#[test]
pub(super) fn the_generated_role_is_enough_and_one_permission_less_is_told() {
    let selected = [
        "--select",
        "bedrock-full-access-granted,bedrock-invoke-allowed-from-anywhere",
    ];
    let role = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .arg("role")
        .args(selected)
        .output()
        .expect("the binary");
    let whole: Json = serde_json::from_slice(&role.stdout).expect("a policy");
    let mut less = whole.clone();
    less["Statement"][0]["Action"]
        .as_array_mut()
        .expect("actions")
        .retain(|action| action != "iam:GetAccountAuthorizationDetails");
    for (policy, enough) in [(whole, true), (less, false)] {
        let aws = start("serve.py", &json!({"rules": [], "policy": policy}));
        let sound = aws.told["accounts"]["sound"]
            .as_str()
            .expect("an account")
            .to_owned();
        let arguments = [
            "--account",
            &sound,
            "--external-id",
            "opensesame",
            "--region",
            "eu-west-1",
        ];
        let done = scan(&aws, &[&selected[..], &arguments].concat());
        let iam = line(&done.out, "iam_role");
        if enough {
            assert_eq!(iam["status"], "complete", "{iam} {}", done.said);
        } else {
            assert_eq!(iam["status"], "denied", "{iam} {}", done.said);
            let found = verdicts(&done.out, &sound);
            assert!(
                found
                    .values()
                    .all(|verdicts| verdicts.iter().all(|verdict| verdict == "unknown")),
                "{found:?}"
            );
            assert!(
                done.out
                    .to_string()
                    .contains("iam:GetAccountAuthorizationDetails")
            );
        }
    }
}

/// AWS in which the account 222222222222 can be entered by its role.
pub(super) fn entered(more: Json) -> Aws {
    let inside = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:sts::222222222222:assumed-role/x/y</Arn><UserId>u</UserId><Account>222222222222</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let role = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
    let mut script = more.as_array().expect("a list").clone();
    script.push(json!({"service": "sts", "operation": "AssumeRole", "then": {"type": "text/xml", "body": role}}));
    script.push(json!({"service": "sts", "operation": "GetCallerIdentity", "nth": 2, "then": {"type": "text/xml", "body": inside}}));
    alone(Json::from(script))
}

#[test]
pub(super) fn a_role_is_assumed_once_and_again_when_its_session_ran_out() {
    let expired = json!({"status": 400, "body": "{\"__type\":\"ExpiredTokenException\",\"message\":\"expired\"}"});
    let list = json!({"service": "logs", "then": {"json": {"logGroups": []}}});
    for (script, assumed) in [
        (json!([list]), 1),
        (
            json!([{"service": "logs", "nth": 1, "then": expired}, list]),
            2,
        ),
    ] {
        let aws = entered(script);
        let done = scan(
            &aws,
            &[
                "--account",
                "222222222222",
                "--external-id",
                "x",
                "--region",
                "eu-west-1",
                "--select",
                GROUPS,
            ],
        );
        assert_eq!(
            line(&done.out, "cloudwatch_log_group")["status"],
            "complete",
            "{}",
            done.said
        );
        assert_eq!(
            calls(&aws)
                .iter()
                .filter(|(_, operation)| operation == "AssumeRole")
                .count(),
            assumed
        );
    }
}

#[test]
pub(super) fn an_interrupted_scan_is_marked_and_has_its_own_code() {
    let aws = alone(json!([{"service": "logs", "then": {"stall": 3, "json": {"logGroups": []}}}]));
    let folder = TempDir::new().expect("a folder");
    let child = Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
        .current_dir(folder.path())
        .env_clear()
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])
        .env(
            "AWS_ENDPOINT_URL",
            aws.told["endpoint"].as_str().expect("an endpoint"),
        )
        .args([
            "scan",
            "--select",
            GROUPS,
            "--format",
            "json",
            "--out",
            "run.outcrop",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    // Once the slow call is under way, the collection is.
    for _ in 0..200 {
        if calls(&aws).iter().any(|(service, _)| service == "logs") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(
        output.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: Json = serde_json::from_slice(&output.stdout).expect("JSON all the same");
    assert_eq!(told["run"]["complete"], false);
    assert!(
        folder.path().join("run.outcrop").exists()
            && !folder.path().join("run.outcrop-wal").exists()
    );
}

/// Runs the probe against the TLS double; gives code, report and what was said.
pub(super) fn probe(aws: &Aws, arguments: &[&str]) -> (i32, Json, String) {
    let folder = TempDir::new().expect("a folder");
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("outcrop");
    command
        .current_dir(folder.path())
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "AKIAPROBE")
        .env("AWS_SECRET_ACCESS_KEY", "CANARY-secret")
        .args(["probe", "--region", "eu-west-1", "--timeout", "2"]);
    for family in [
        "bedrock",
        "bedrock-runtime",
        "bedrock-agent",
        "bedrock-agent-runtime",
    ] {
        command.arg("--resolve").arg(format!(
            "{family}.eu-west-1.amazonaws.com=127.0.0.1:{}",
            aws.told["port"]
        ));
    }
    let output = command.args(arguments).output().expect("the binary");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !said.contains("CANARY") && !String::from_utf8_lossy(&output.stdout).contains("CANARY")
    );
    (
        output.status.code().unwrap_or(-1),
        serde_json::from_slice(&output.stdout).unwrap_or(Json::Null),
        said,
    )
}

#[test]
pub(super) fn a_probe_tells_what_it_sees() {
    let folder = TempDir::new().expect("a folder");
    let answers = json!({"/foundation-models": 200, "/agents/": 403, "/async-invoke": 0, "/model/some%3Amodel/converse": 200});
    let aws = start(
        "tls.py",
        &json!({"folder": folder.path(), "answers": answers}),
    );
    let ca = aws.told["ca"].as_str().expect("a path");
    let (open, shut) = (
        format!("127.0.0.1:{}", aws.told["plain"]),
        "127.0.0.1:1".to_owned(),
    );
    for (arguments, code, family, verdict, shows) in [
        (
            vec!["--family", "bedrock", "--ca-file", ca, "--egress", &shut],
            0,
            "bedrock",
            "private-enforced",
            Some("authorized"),
        ),
        (
            vec!["--family", "bedrock", "--ca-file", ca, "--egress", &open],
            0,
            "bedrock",
            "private-bypassable",
            Some("authorized"),
        ),
        // A refusal shows that it arrived.
        (
            vec![
                "--family",
                "bedrock-agent",
                "--ca-file",
                ca,
                "--egress",
                &shut,
            ],
            0,
            "bedrock-agent",
            "private-enforced",
            Some("denied"),
        ),
        (
            vec![
                "--family",
                "bedrock-runtime",
                "--ca-file",
                ca,
                "--egress",
                &shut,
            ],
            4,
            "bedrock-runtime",
            "broken",
            Some("none"),
        ),
        (
            vec![
                "--family",
                "bedrock-agent-runtime",
                "--ca-file",
                ca,
                "--egress",
                &shut,
            ],
            0,
            "bedrock-agent-runtime",
            "private-enforced",
            None,
        ),
        (
            vec![
                "--family",
                "bedrock",
                "--ca-file",
                ca,
                "--egress",
                &shut,
                "--no-sign",
            ],
            0,
            "bedrock",
            "private-enforced",
            None,
        ),
        // Whoever answers with a certificate that nobody trusts is not it.
        (
            vec!["--family", "bedrock", "--egress", &shut],
            4,
            "bedrock",
            "unknown",
            None,
        ),
        (
            vec![
                "--family",
                "bedrock",
                "--ca-file",
                ca,
                "--egress",
                &shut,
                "--resolve",
                "bedrock-fips.eu-west-1.amazonaws.com=127.0.0.1:1",
                "--fips",
            ],
            4,
            "bedrock",
            "broken",
            None,
        ),
        (
            vec![
                "--family",
                "bedrock-mantle",
                "--ca-file",
                ca,
                "--egress",
                &shut,
                "--resolve",
                "bedrock-mantle.eu-west-1.api.aws=127.0.0.1:1",
            ],
            4,
            "bedrock-mantle",
            "broken",
            None,
        ),
    ] {
        let (found, report, said) = probe(&aws, &arguments);
        assert_eq!(found, code, "{arguments:?}: {said}");
        let seen = &report["families"][0];
        assert_eq!(
            (seen["family"].as_str(), seen["verdict"].as_str()),
            (Some(family), Some(verdict)),
            "{arguments:?}: {seen}"
        );
        assert_eq!(
            seen["call"]["shows"].as_str(),
            shows,
            "{arguments:?}: {seen}"
        );
        assert_eq!(report["schema"], "outcrop-probe/v1");
    }
    let (_, report, _) = probe(
        &aws,
        &[
            "--family",
            "bedrock-runtime",
            "--ca-file",
            ca,
            "--egress",
            &shut,
            "--invoke",
            "some:model",
        ],
    );
    assert_eq!(
        (
            report["families"][0]["invoke"]["status"].as_u64(),
            report["families"][0]["invoke"]["request_id"].as_str()
        ),
        (Some(200), Some("req-200"))
    );
    for (arguments, said) in [
        (vec!["--family", "nothing"], "no API family"),
        (vec!["--resolve", "x"], "HOST=ADDRESS:PORT"),
        (vec!["--ca-file", "nowhere.pem"], "nowhere.pem"),
    ] {
        let (_, _, err) = probe(&aws, &arguments);
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
    // Laid over a run the report stands beside the ways of the workloads in its subnet.
    let (_, mut report, _) = probe(
        &aws,
        &[
            "--family",
            "bedrock-runtime",
            "--ca-file",
            ca,
            "--egress",
            &shut,
            "--no-sign",
        ],
    );
    report["host"]["addresses"] = json!(["10.1.1.7"]);
    let file = folder.path().join("probe.json");
    std::fs::write(&file, report.to_string()).expect("a file");
    let out = folder.path().join("probed.outcrop");
    let estate = root().join("fixtures/estates/sound");
    let run = |file: &Path, out: &Path| {
        assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .arg("check")
            .arg(&estate)
            .arg("--probe")
            .arg(file)
            .arg("--out")
            .arg(out)
            .output()
            .expect("the binary")
    };
    assert_eq!(run(&file, &out).status.code(), Some(0));
    let store =
        outcrop::inventory::Store::open(&out, &outcrop::subjects::tables()).expect("the run");
    let seen: String = store
        .conn
        .query_row(
            "SELECT probed FROM bedrock_path WHERE name = 'summarizer'",
            [],
            |row| row.get(0),
        )
        .expect("a row");
    assert!(
        seen.starts_with("private-enforced from subnet-sum-a")
            && seen.contains("as the network says"),
        "{seen}"
    );
    std::fs::write(&file, "{\"schema\": 1}").expect("a file");
    let output = run(&file, &folder.path().join("other.outcrop"));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no report of `outcrop probe`"));
}

/// What CloudTrail was not asked, and what it answered that is no event, is not known.
#[test]
fn what_cloudtrail_did_not_say_is_not_known() {
    use super::live::{alone, line, scan};
    let observed = ["--observe", "24h", "--select"];
    let narrow = scan(
        &alone(json!([{"service": "cloudtrail", "then": {"json": {"Events": []}}}])),
        &[&observed[..], &["bedrock-calls-observed-outside-endpoint"]].concat(),
    );
    let status = |done: &super::live::Done, table: &str| line(&done.out, table)["status"].clone();
    assert_eq!(status(&narrow, "cloudtrail_bedrock_call"), "complete");
    assert_eq!(status(&narrow, "cloudtrail_change"), "not-collected");
    let broken = scan(
        &alone(
            json!([{"service": "cloudtrail", "nth": 1, "then": {"json": {"Events": [{"CloudTrailEvent": "no record"}]}}}, {"service": "cloudtrail", "then": {"json": {"Events": []}}}]),
        ),
        &[&observed[..], &["bedrock-calls-observed-outside-endpoint"]].concat(),
    );
    assert_eq!(status(&broken, "cloudtrail_bedrock_call"), "partial");
    // An answer of another operation is no empty list.
    let other = "<ListExportsResponse><ListExportsResult><Exports/></ListExportsResult></ListExportsResponse>";
    let stacks = scan(
        &alone(json!([{"service": "cloudformation", "then": {"type": "text/xml", "body": other}}])),
        &["--select", "live-differs-from-source"],
    );
    for table in ["cloudformation_stack", "cloudformation_stack_resource"] {
        assert_eq!(status(&stacks, table), "error", "{table}");
    }
}
