//! Where results go from here: Security Hub, and packages that AWS KMS signs; against moto and the double.

use super::live::{Aws, calls, scan, start};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Runs the real binary in a folder with the credentials of a double.
fn here(aws: &Aws, folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(folder)
        .env_clear()
        .envs([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
        .env(
            "AWS_ENDPOINT_URL",
            aws.told["endpoint"].as_str().expect("an endpoint"),
        )
        .args(arguments)
        .output()
        .expect("the binary");
    (
        output.status.code().unwrap_or(-1),
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
    )
}

#[test]
fn results_reach_security_hub_account_by_account() {
    let aws = start("serve.py", &json!([]));
    let of = |name: &str| {
        aws.told["accounts"][name]
            .as_str()
            .expect("an account")
            .to_owned()
    };
    let accounts = format!("{},{},{}", of("broken"), of("sound"), of("locked"));
    let done = scan(
        &aws,
        &[
            "--account",
            &accounts,
            "--external-id",
            "opensesame",
            "--region",
            "eu-west-1",
        ],
    );
    let count = |account: &str| {
        done.out["results"].as_array().map_or(0, |all| {
            all.iter()
                .filter(|result| result["account_id"] == account)
                .count()
        })
    };
    let imports = || {
        calls(&aws)
            .iter()
            .filter(|(service, operation)| {
                service == "securityhub" && operation == "BatchImportFindings"
            })
            .count()
    };
    let folder = done.folder.path();
    let send = [
        "report",
        "run.outcrop",
        "--send",
        "securityhub",
        "--send-role",
        "OutcropAudit",
        "--external-id",
        "opensesame",
    ];

    let (code, said) = here(&aws, folder, &send);
    assert_eq!((code, imports()), (0, 0), "a dry run sends nothing: {said}");
    for name in ["broken", "sound", "locked"] {
        assert!(
            said.contains(&format!(
                "{} eu-west-1: {} findings",
                of(name),
                count(&of(name))
            )),
            "{name}: {said}"
        );
    }
    assert!(said.contains("nothing was sent"), "{said}");

    let (code, said) = here(&aws, folder, &[&send[..], &["--yes"]].concat());
    let taken = count(&of("broken")) + count(&of("sound"));
    assert_eq!(
        code, 1,
        "one account cannot be entered, and that is no success: {said}"
    );
    assert!(
        said.contains(&format!(
            "{taken} findings sent, {} refused",
            count(&of("locked"))
        )),
        "{said}"
    );
    assert!(
        said.contains(&format!(
            "{} eu-west-1: {} refused",
            of("locked"),
            count(&of("locked"))
        )),
        "{said}"
    );
    assert!(imports() >= 2, "{said}");

    let (code, said) = here(
        &aws,
        folder,
        &[&send[..], &["--yes", "--select", "severity:critical"]].concat(),
    );
    assert!(
        code == 1 && !said.contains(&format!("{taken} findings sent")),
        "what is selected is sent: {said}"
    );
    let (code, said) = here(&aws, folder, &["report", "run.outcrop", "--yes"]);
    assert!(code == 2 && said.contains("--send"), "{said}");
}

#[test]
fn a_package_is_signed_by_a_key_that_aws_kms_holds() {
    let aws = start(
        "double.py",
        &json!([
            {"service": "sts", "operation": "GetCallerIdentity", "then": {"status": 200, "type": "text/xml", "body": "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111111111111:user/auditor</Arn><Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"}},
            {"service": "kms", "operation": "GetPublicKey", "region": "eu-central-1", "then": {"kms": "other"}},
            {"service": "kms", "operation": "GetPublicKey", "region": "us-east-1", "then": {"json": {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY", "PublicKey": ""}}},
            {"service": "kms", "operation": "Sign", "region": "eu-west-2", "then": {"status": 400, "type": "application/x-amz-json-1.1", "body": "{\"__type\": \"AccessDeniedException\", \"message\": \"no\"}"}},
            {"service": "kms", "then": {"kms": true}},
        ]),
    );
    let folder = TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| here(&aws, folder.path(), arguments);
    let key = |region: &str| {
        format!("arn:aws:kms:{region}:111111111111:key/11111111-2222-3333-4444-555555555555")
    };
    assert_eq!(run(&["demo", "--out", "run.outcrop", "--quiet"]).0, 3);
    let (code, said) = run(&[
        "evidence",
        "pack",
        "run.outcrop",
        "--kms-key",
        &key("eu-west-1"),
        "--out",
        "package",
    ]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = run(&[
        "evidence",
        "key",
        "--kms-key",
        &key("eu-west-1"),
        "--out",
        "kms.pub",
    ]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = run(&["evidence", "verify", "package", "--public-key", "kms.pub"]);
    assert!(
        code == 0 && said.contains("The package is whole."),
        "{said}"
    );
    let openssl = Command::new("sh")
        .current_dir(folder.path().join("package"))
        .arg("-c")
        .arg(
            std::fs::read_to_string(folder.path().join("package/README.md"))
                .expect("a README")
                .split("```sh\n")
                .nth(1)
                .and_then(|text| text.split("```").next())
                .expect("commands"),
        )
        .output()
        .expect("a shell");
    assert!(
        openssl.status.success(),
        "the README's commands: {}{}",
        String::from_utf8_lossy(&openssl.stdout),
        String::from_utf8_lossy(&openssl.stderr)
    );
    std::fs::write(folder.path().join("package/run.json"), "{}").expect("written");
    assert_eq!(
        run(&["evidence", "verify", "package", "--public-key", "kms.pub"]).0,
        1
    );
    for (region, says) in [
        ("eu-central-1", "does not fit the public key"),
        ("us-east-1", "RSA_2048"),
        ("eu-west-2", "kms:Sign"),
    ] {
        let (code, said) = run(&[
            "evidence",
            "pack",
            "run.outcrop",
            "--kms-key",
            &key(region),
            "--out",
            "other",
        ]);
        assert!(
            code == 1 && said.contains(says) && !folder.path().join("other").exists(),
            "{region}: {said}"
        );
    }
    let (code, said) = run(&[
        "evidence",
        "pack",
        "run.outcrop",
        "--kms-key",
        "my-key",
        "--out",
        "other",
    ]);
    assert!(code == 1 && said.contains("arn:aws:kms"), "{said}");
}
