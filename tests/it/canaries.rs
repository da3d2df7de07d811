//! Secrets that were planted reach nothing that is written: no report, run, package, log or error, at any level of detail.

use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The working folder holds what was written; nothing in it, and nothing that was said, may hold what was planted.
fn quiet(folder: &Path, words: &[&str], arguments: &[&str], variables: &[(String, String)]) {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
        .current_dir(folder)
        .env_clear()
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .envs(variables.iter().cloned())
        .args(["-vvv", "--log-format", "json"])
        .args(arguments)
        .output()
        .expect("the binary");
    let holds = |bytes: &[u8]| {
        words.iter().find(|word| {
            bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        })
    };
    let said = [output.stdout, output.stderr].concat();
    assert!(
        matches!(output.status.code(), Some(0 | 3 | 4)),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&said)
    );
    assert_eq!(holds(&said), None, "{arguments:?} says it");
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                assert_eq!(holds(&bytes), None, "{arguments:?}: {}", path.display());
            }
        }
    }
}

/// Everything that is written of a run.
fn everything_of(folder: &Path, run: &str, words: &[&str]) {
    for format in outcrop::report::FORMATS {
        let to = format!("{}=report.{}", format.name, format.name);
        quiet(folder, words, &["report", run, "--format", &to], &[]);
    }
    quiet(folder, words, &["evidence", "key", "--out", "key"], &[]);
    let pack = ["evidence", "pack", run, "--key", "key", "--out", "package"];
    quiet(folder, words, &pack, &[]);
    quiet(folder, words, &["handoff", run, "--out", "handoff"], &[]);
    quiet(folder, words, &["fix", run], &[]);
    let sql = "SELECT * FROM lambda_environment_variable";
    quiet(folder, words, &["query", run, sql], &[]);
}

#[test]
fn secrets_of_templates_and_plans_reach_nothing_that_is_written() {
    let words = [
        "CANARYq8Zr1TnV5xWk3JmP7dLs",
        "CANARYTr0ub4dor3xK",
        "CANARYliteral5Tz7Vb9Nw",
    ];
    let template = serde_json::json!({"Resources": {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}]}}]}},
        "Chat": {"Type": "AWS::Lambda::Function", "Properties": {
            "FunctionName": "chat", "Runtime": "python3.13", "Handler": "a.b", "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": format!("key = 'ghp_{}0123456789ab'", words[2])},
            "Environment": {"Variables": {"ANTHROPIC_API_KEY": format!("sk-ant-api03-{}Yh2Bf9Gc4Ea6Ru0Io-Xt8Nw1Qz5AA", words[0]), "DB_PASSWORD": words[1]}}}},
    }});
    let outside = TempDir::new().expect("a folder");
    let folder = TempDir::new().expect("a folder");
    let file = outside.path().join("app.template.json");
    std::fs::write(&file, template.to_string()).expect("a template");
    let file = file.display().to_string();
    quiet(
        folder.path(),
        &words,
        &[
            "check",
            &file,
            "--region",
            "eu-west-1",
            "--out",
            "run.outcrop",
        ],
        &[],
    );
    everything_of(folder.path(), "run.outcrop", &words);
}

#[cfg(feature = "live")]
#[test]
fn secrets_of_accounts_reach_nothing_that_is_written() {
    let aws = crate::live::start("serve.py", &serde_json::json!([]));
    let told = |pointer: &str| {
        let value = aws
            .told
            .pointer(pointer)
            .and_then(serde_json::Value::as_str);
        value.unwrap_or("test").to_owned()
    };
    let variables = [
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", told("/credentials/id")),
        ("AWS_SECRET_ACCESS_KEY", told("/credentials/secret")),
        ("AWS_ENDPOINT_URL", told("/endpoint")),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let folder = TempDir::new().expect("a folder");
    let account = told("/accounts/broken");
    let scan = [
        "scan",
        "--account",
        &account,
        "--external-id",
        "opensesame",
        "--region",
        "eu-west-1",
        "--out",
        "run.outcrop",
    ];
    quiet(folder.path(), &["CANARY"], &scan, &variables);
    everything_of(folder.path(), "run.outcrop", &["CANARY"]);
}
