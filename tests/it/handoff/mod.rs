//! The hand-over, as a customer's team gets it.

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

struct Ran {
    code: Option<i32>,
    err: String,
}

fn outcrop(folder: &Path, arguments: &[&str]) -> Ran {
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("the binary");
    Ran {
        code: output.status.code(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A judged run of an estate, with a configuration.
fn judged(folder: &Path, estate: &str, run: &str, config: &str) {
    fs::write(folder.join("outcrop.yaml"), config).expect("written");
    let from = root().join("fixtures/estates").join(estate);
    let done = outcrop(
        folder,
        &["check", &from.to_string_lossy(), "--out", run, "--quiet"],
    );
    assert!(matches!(done.code, Some(0 | 3 | 4)), "{}", done.err);
}

fn document(folder: &Path, arguments: &[&str]) -> Json {
    let out = arguments.last().expect("a folder");
    let done = outcrop(folder, &[&["handoff"], arguments].concat());
    assert!(
        matches!(done.code, Some(0 | 3 | 4)),
        "{:?}: {}",
        done.code,
        done.err
    );
    let text = fs::read_to_string(folder.join(out).join("handoff.json")).expect("the document");
    serde_json::from_str(&text).expect("JSON")
}

/// The rows of a section, each by the heads of its columns.
fn rows(document: &Json, id: &str) -> Vec<BTreeMap<String, String>> {
    let sections = document["sections"].as_array().expect("sections");
    let section = sections
        .iter()
        .find(|one| one["id"] == id)
        .unwrap_or_else(|| panic!("no section {id}"));
    let text = |value: &Json| value.as_str().expect("a text").to_owned();
    let columns: Vec<String> = section["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .map(text)
        .collect();
    section["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            let cells = row.as_array().expect("cells");
            assert_eq!(cells.len(), columns.len(), "{id}: {row}");
            columns
                .iter()
                .cloned()
                .zip(cells.iter().map(text))
                .collect()
        })
        .collect()
}

fn answer<'d>(document: &'d Json, start: &str) -> &'d str {
    document["questions"]
        .as_array()
        .expect("questions")
        .iter()
        .find(|one| {
            one["question"]
                .as_str()
                .is_some_and(|text| text.starts_with(start))
        })
        .and_then(|one| one["answer"].as_str())
        .unwrap_or_else(|| panic!("no question {start}"))
}

mod answers;

const VENDOR: &str = "parameters: {vendor_accounts: ['888800001111']}\n";

#[test]
fn what_no_source_declares_and_what_a_vendor_still_has_is_named() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "broken", "run.outcrop", VENDOR);
    let bucket = "arn:aws:s3:::ai-prod-documents";
    let state = json!({"version": 4, "resources": [
        {"mode": "managed", "type": "aws_s3_bucket", "name": "documents", "module": "module.data",
         "instances": [{"index_key": "eu", "attributes": {"arn": bucket, "id": "ai-prod-documents"}}]},
        {"mode": "data", "type": "aws_iam_role", "name": "agents",
         "instances": [{"attributes": {"arn": "arn:aws:iam::111111111111:role/agents"}}]},
    ]});
    fs::write(folder.path().join("terraform.tfstate"), state.to_string()).expect("written");
    fs::write(
        folder.path().join("main.tf"),
        "provider \"aws\" { region = \"eu-west-1\" }\nlocals { home = \"111111111111\", token = \"hunter2\" }\n",
    )
    .expect("written");
    let all = document(
        folder.path(),
        &[
            "run.outcrop",
            "--state",
            "terraform.tfstate",
            "--template",
            "main.tf",
            "--out",
            "handover",
        ],
    );
    let resources = rows(&all, "resources");
    let by = |id: &str| {
        let found = resources.iter().find(|row| row["Resource"] == id);
        found
            .map(|row| row["Declared by"].clone())
            .unwrap_or_default()
    };
    assert_eq!(by(bucket), "module.data.aws_s3_bucket.documents[\"eu\"]");
    // A data source reads a role; it declares none.
    assert!(by("arn:aws:iam::111111111111:role/agents").starts_with("nobody"));
    assert_eq!(answer(&all, "Is every resource in a source"), "no");
    assert_eq!(answer(&all, "Is the vendor's access closed"), "no");
    assert!(
        rows(&all, "vendor")
            .iter()
            .any(|row| row["Thing"].ends_with("key/vendor")),
        "{all}"
    );
    let literals = rows(&all, "literals");
    let found: Vec<(&str, &str)> = literals
        .iter()
        .map(|row| (row["Line"].as_str(), row["What"].as_str()))
        .collect();
    assert_eq!(found, [("1", "eu-west-1"), ("2", "111111111111")]);
    assert!(!all.to_string().contains("hunter2"));
    let keys = rows(&all, "keys");
    let documents = keys
        .iter()
        .find(|row| row["Key"].ends_with("key/documents"))
        .expect("the key of the documents");
    assert_eq!(documents["State"], "PendingDeletion");
    assert!(documents["Protects"].contains(bucket));
    // The key goes last, and what uses it before.
    let steps = rows(&all, "teardown");
    let step = |kind: &str| {
        let found = steps
            .iter()
            .find(|row| row["Type"] == kind)
            .expect("a step");
        found["Step"].parse::<u32>().expect("a number")
    };
    assert!(step("AWS::Lambda::Function") < step("AWS::EC2::VPCEndpoint"));
    assert!(step("AWS::S3::Bucket") < step("AWS::KMS::Key"));
    let trust = rows(&all, "trust");
    assert!(trust.iter().any(|row| {
        row["Role"].ends_with("role/agents")
            && row["Who may assume it"] == "bedrock.amazonaws.com"
            && row["As"] == "service"
    }));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| {
            let data = fs::metadata(folder.path().join(path)).expect("it is there");
            data.permissions().mode() & 0o777
        };
        assert_eq!(
            (mode("handover"), mode("handover/handoff.html")),
            (0o700, 0o600)
        );
    }
    let page = fs::read_to_string(folder.path().join("handover/handoff.html")).expect("the page");
    assert!(page.contains("Not ready to be accepted") && !page.contains("<script"));
}

#[test]
fn a_rehearsal_is_held_against_the_run() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "sound", "run.outcrop", "");
    // The same estate under other account ids, with one thing left out and one policy that still names the old account.
    let from = root().join("fixtures/estates/sound");
    let to = folder.path().join("estate");
    fs::create_dir(&to).expect("made");
    for file in fs::read_dir(from).expect("a folder").flatten() {
        let text = fs::read_to_string(file.path()).expect("a file");
        let moved = text
            .replace("111111111111", "555555555555")
            .replace("222222222222", "666666666666")
            .replace("333333333333", "777777777777");
        if file.file_name() != "bedrock_agentcore_browser.yaml" {
            fs::write(to.join(file.file_name()), moved).expect("written");
        }
    }
    let done = outcrop(
        folder.path(),
        &["check", "estate", "--out", "there.outcrop", "--quiet"],
    );
    assert!(matches!(done.code, Some(0 | 3 | 4)), "{}", done.err);
    let all = document(
        folder.path(),
        &[
            "run.outcrop",
            "--rehearsal",
            "there.outcrop",
            "--out",
            "handover",
        ],
    );
    let found = rows(&all, "rehearsal");
    assert!(
        found.iter().all(|row| row["In the rehearsal"] == "missing"),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|row| row["Resource"].contains("browser-custom/intranet-1")),
        "{found:?}"
    );
}

#[test]
fn a_person_is_believed_until_the_run_refutes_it() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let config = "attestations:
  - {id: redeploy-rehearsal, by: platform, on: 2026-10-01, expires: 2027-05-01, evidence: rehearsal.md}
  - {id: outage-runbooks, by: operations, on: 2026-10-01, expires: 2027-01-31, evidence: runbooks.md}
";
    judged(folder.path(), "broken", "run.outcrop", config);
    let all = document(folder.path(), &["run.outcrop", "--out", "handover"]);
    assert_eq!(answer(&all, "Are there runbooks"), "attested");
    assert_eq!(answer(&all, "Did the customer's own team"), "attested");
    // The statement is about two of them.
    let said = rows(&all, "runbooks")
        .iter()
        .filter(|row| row["Rehearsed by"] == "operations")
        .count();
    assert_eq!(said, 2);
    fs::write(
        folder.path().join("state.json"),
        json!({"version": 4, "resources": [{"mode": "managed", "type": "aws_s3_bucket", "name": "x",
            "instances": [{"attributes": {"arn": "arn:aws:s3:::elsewhere"}}]}]})
        .to_string(),
    )
    .expect("written");
    let refuted = document(
        folder.path(),
        &["run.outcrop", "--state", "state.json", "--out", "again"],
    );
    assert_eq!(answer(&refuted, "Did the customer's own team"), "no");
}

#[test]
fn what_was_not_read_stands_below_its_section() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "denied", "run.outcrop", VENDOR);
    let all = document(folder.path(), &["run.outcrop", "--out", "handover"]);
    let sections = all["sections"].as_array().expect("sections");
    let unread: Vec<&str> = sections
        .iter()
        .filter(|one| {
            one["not_read"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
        })
        .filter_map(|one| one["id"].as_str())
        .collect();
    assert!(
        unread.contains(&"resources") && unread.contains(&"vendor"),
        "{unread:?}"
    );
    // Nothing was seen of the vendor, and not everything was read.
    assert_eq!(answer(&all, "Is the vendor's access closed"), "not-known");
}

#[test]
fn stand_ins_name_nobody_and_wrong_calls_are_told() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "broken", "run.outcrop", VENDOR);
    document(
        folder.path(),
        &["run.outcrop", "--redact", "--out", "redacted"],
    );
    for file in fs::read_dir(folder.path().join("redacted"))
        .expect("a folder")
        .flatten()
    {
        let text = fs::read_to_string(file.path()).expect("text");
        assert!(
            !text.contains("111111111111") && !text.contains("ai-prod-documents"),
            "{}",
            file.path().display()
        );
    }
    assert!(!folder.path().join("redacted.redacted.outcrop").exists());
    let again = outcrop(
        folder.path(),
        &["handoff", "run.outcrop", "--out", "redacted"],
    );
    assert_eq!(again.code, Some(2), "{}", again.err);
    fs::write(folder.path().join("plan.json"), "{\"planned_values\": {}}").expect("written");
    let wrong = outcrop(
        folder.path(),
        &[
            "handoff",
            "run.outcrop",
            "--state",
            "plan.json",
            "--out",
            "x",
        ],
    );
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.err.contains("is not a state"), "{}", wrong.err);
    assert!(!folder.path().join("x").exists());
}

/// The values of a state beside those of the run: what was changed by hand is named, what means the same is not.
#[test]
fn what_an_account_holds_otherwise_than_its_source_is_named() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "sound", "run.outcrop", "");
    let endpoint = |dns: bool, subnets: &[&str]| {
        json!({"version": 4, "resources": [
            {"mode": "managed", "type": "aws_vpc_endpoint", "name": "runtime", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
             "instances": [{"attributes": {
                "id": "vpce-app-runtime", "arn": "arn:aws:ec2:eu-west-1:111111111111:vpc-endpoint/vpce-app-runtime", "vpc_id": "vpc-app",
                "vpc_endpoint_type": "Interface", "service_name": "com.amazonaws.eu-west-1.bedrock-runtime",
                "private_dns_enabled": dns, "subnet_ids": subnets, "security_group_ids": ["sg-vpce-app"],
                "policy": "{\"Version\": \"2012-10-17\", \"Statement\": []}"}}]},
        ]})
        .to_string()
    };
    let compared = |name: &str, state: String| {
        fs::write(folder.path().join("state.json"), state).expect("written");
        let all = document(
            folder.path(),
            &["run.outcrop", "--state", "state.json", "--out", name],
        );
        let found: Vec<String> = rows(&all, "differs")
            .iter()
            .map(|row| {
                assert_eq!(row["Resource"], "vpce-app-runtime", "{row:?}");
                assert!(
                    row["Declared by"].starts_with("aws_vpc_endpoint.runtime"),
                    "{row:?}"
                );
                row["Setting"].clone()
            })
            .collect();
        found
    };
    // The order of subnets says nothing; the policy was replaced by hand.
    assert_eq!(
        compared("one", endpoint(true, &["subnet-app-b", "subnet-app-a"])),
        ["policy"]
    );
    // A guardrail has no `arn`; its own attribute names it.
    let guardrail = json!({"version": 4, "resources": [
        {"mode": "managed", "type": "aws_bedrock_guardrail", "name": "chat", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
         "instances": [{"attributes": {"guardrail_id": "g0support", "name": "chat",
            "guardrail_arn": "arn:aws:bedrock:eu-west-1:111111111111:guardrail/g0support", "kms_key_arn": "arn:aws:kms:eu-west-1:111111111111:key/another"}}]}]});
    fs::write(folder.path().join("guardrail.json"), guardrail.to_string()).expect("written");
    let all = document(
        folder.path(),
        &[
            "run.outcrop",
            "--state",
            "guardrail.json",
            "--out",
            "guardrail",
        ],
    );
    let found: Vec<String> = rows(&all, "differs")
        .iter()
        .map(|row| row["Setting"].clone())
        .collect();
    assert_eq!(found, ["kms_key_id"]);
    // What the state declares and the account does not hold was deleted behind it.
    let gone = json!({"version": 4, "resources": [
        {"mode": "managed", "type": "aws_cloudwatch_log_group", "name": "gone", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
         "instances": [{"attributes": {"id": "/gone", "name": "/gone", "arn": "arn:aws:logs:eu-west-1:111111111111:log-group:/gone"}}]}]});
    fs::write(folder.path().join("gone.json"), gone.to_string()).expect("written");
    let all = document(
        folder.path(),
        &["run.outcrop", "--state", "gone.json", "--out", "gone"],
    );
    let found: Vec<(String, String)> = rows(&all, "differs")
        .iter()
        .map(|row| (row["Resource"].clone(), row["In the account"].clone()))
        .collect();
    assert_eq!(found, [("/gone".to_owned(), "not there".to_owned())]);
    assert_eq!(
        compared("two", endpoint(false, &["subnet-app-a"])),
        ["policy", "private_dns_enabled", "subnet_ids"]
    );
}

/// A statement about keys stands beside the keys that it names, one about runbooks beside the failures that it covers.
#[test]
fn statements_speak_of_what_they_name() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let config = "attestations:
  - {id: kms-key-replacement-procedure, by: keys, on: 2026-10-01, expires: 2027-05-01, evidence: keys.md, resources: ['arn:aws:kms:eu-west-1:111111111111:key/vendor']}
  - {id: outage-runbooks, by: operations, on: 2026-10-01, expires: 2027-01-31, evidence: runbooks.md, covers: [throttling]}
";
    judged(folder.path(), "broken", "run.outcrop", config);
    let all = document(folder.path(), &["run.outcrop", "--out", "handover"]);
    // Neither speaks of all that is asked.
    assert_eq!(answer(&all, "Are there runbooks"), "not-known");
    assert_eq!(answer(&all, "Is the replacement of every key"), "not-known");
    for row in rows(&all, "keys") {
        let wanted = match (row["Whose it is"].as_str(), row["Key"].as_str()) {
            ("customer", key) if key.ends_with("key/vendor") => {
                "keys says so, 2026-10-01 (keys.md)"
            }
            ("customer", _) => "not attested",
            _ => "by AWS",
        };
        assert_eq!(row["Replacement tried"], wanted, "{row:?}");
    }
    let said: Vec<String> = rows(&all, "runbooks")
        .iter()
        .filter(|row| row["Rehearsed by"] == "operations")
        .map(|row| row["What goes wrong"].clone())
        .collect();
    assert_eq!(said, ["Calls are throttled"]);
    // The alarm of the estate `broken` acts on nothing; in `sound` one joins those that do not act themselves.
    let heard = |document: &Json| -> Vec<String> {
        rows(document, "runbooks")
            .iter()
            .take(2)
            .map(|row| row["Alarm that somebody hears of"].clone())
            .collect()
    };
    assert_eq!(heard(&all), ["none", "none"]);
    judged(folder.path(), "sound", "sound.outcrop", "");
    let sound = document(folder.path(), &["sound.outcrop", "--out", "sound"]);
    assert_eq!(heard(&sound), ["inference-fails, latency", "throttles"]);
    let page = fs::read_to_string(folder.path().join("handover/handoff.html")).expect("the page");
    assert!(page.contains("aria-label=\"Who may assume which role\""));
    // The schema beside the document speaks of what stands in it.
    let schema =
        fs::read_to_string(folder.path().join("handover/handoff.schema.json")).expect("the schema");
    let schema: Json = serde_json::from_str(&schema).expect("JSON");
    let known: Vec<&String> = schema["properties"]
        .as_object()
        .expect("properties")
        .keys()
        .collect();
    for key in all.as_object().expect("an object").keys() {
        assert!(known.contains(&key), "{key} is not in the schema");
    }
}

/// What a state marks as sensitive is printed nowhere, and what was not compared is said.
#[test]
fn what_a_state_marks_as_sensitive_is_in_no_file() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "sound", "run.outcrop", "");
    let secret = "HUNTER2-TOPSECRET";
    let values = json!({
        "id": "vpce-app-runtime", "arn": "arn:aws:ec2:eu-west-1:111111111111:vpc-endpoint/vpce-app-runtime", "vpc_endpoint_type": "Interface",
        "service_name": "com.amazonaws.eu-west-1.bedrock-runtime", "private_dns_enabled": true,
        "policy": json!({"Statement": [{"Sid": secret}]}).to_string(),
    });
    let file = json!({"version": 4, "resources": [{"mode": "managed", "type": "aws_vpc_endpoint", "name": "x",
        "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
        "instances": [{"attributes": values, "sensitive_attributes": [[{"type": "get_attr", "value": "policy"}]]}]}]});
    let shown = json!({"format_version": "1.0", "values": {"root_module": {"child_modules": [{"address": "module.m", "resources": [
        {"address": "module.m.aws_vpc_endpoint.x", "mode": "managed", "type": "aws_vpc_endpoint", "name": "x",
         "provider_name": "registry.terraform.io/hashicorp/aws", "values": values, "sensitive_values": {"policy": true}}]}]}}});
    for (name, state) in [("file", file), ("shown", shown)] {
        fs::write(folder.path().join("state.json"), state.to_string()).expect("written");
        let all = document(
            folder.path(),
            &["run.outcrop", "--state", "state.json", "--out", name],
        );
        for entry in fs::read_dir(folder.path().join(name)).expect("the folder") {
            let path = entry.expect("a file").path();
            let text = fs::read_to_string(&path).expect("text");
            assert!(!text.contains(secret), "{}", path.display());
        }
        let sections = all["sections"].as_array().expect("sections");
        let section = sections
            .iter()
            .find(|one| one["id"] == "differs")
            .expect("the section");
        let said = section["not_read"].to_string();
        assert!(
            said.contains("1 resource with values that the state marks as sensitive"),
            "{said}"
        );
    }
}

/// Stand-ins neither widen a statement nor name what the run does not hold.
#[test]
fn a_redacted_statement_says_no_more_than_it_did() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let config = "attestations:
  - {id: outage-runbooks, by: operations, on: 2026-10-01, expires: 2027-01-31, covers: [throttling, corp-secret-part]}
  - {id: kms-key-replacement-procedure, by: keys, on: 2026-10-01, expires: 2027-05-01, resources: ['corp-secret-absent']}
";
    judged(folder.path(), "broken", "run.outcrop", config);
    let whole = document(folder.path(), &["run.outcrop", "--out", "whole"]);
    let redacted = document(
        folder.path(),
        &["run.outcrop", "--redact", "--out", "redacted"],
    );
    let said = |document: &Json| -> Vec<bool> {
        rows(document, "runbooks")
            .iter()
            .map(|row| row["Runbook"] != "not attested")
            .collect()
    };
    assert_eq!(said(&whole), said(&redacted));
    assert!(
        rows(&redacted, "keys")
            .iter()
            .all(|row| !row["Replacement tried"].contains("says so"))
    );
    assert!(!redacted.to_string().contains("corp-secret"));
}

/// A statement is contradicted whatever it names that nobody judged, and a run that is judged again keeps it.
#[test]
fn a_misspelt_resource_shields_no_statement() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let config = "attestations:
  - {id: release-tested-before-use, by: models, on: 2026-10-01, expires: 2026-12-01, resources: [misspelt]}
";
    judged(folder.path(), "broken", "run.outcrop", config);
    fs::remove_file(folder.path().join("outcrop.yaml")).expect("removed");
    for arguments in [&["report", "run.outcrop"][..], &["check", "run.outcrop"]] {
        let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .current_dir(folder.path())
            .args(arguments)
            .args(["--format", "csv", "--quiet"])
            .output()
            .expect("the binary");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.contains("\"fail\",\"attestation-refuted\""),
            "{arguments:?}"
        );
    }
}
