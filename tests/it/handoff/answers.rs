//! What a stranger asks of a hand-over and answers from it alone.

use super::{answer, document, judged, outcrop, rows};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

type Row = BTreeMap<String, String>;

fn of<'r>(rows: &'r [Row], column: &str, text: &str) -> &'r Row {
    rows.iter()
        .find(|row| row[column] == text)
        .unwrap_or_else(|| panic!("no row with {column} {text}"))
}

#[test]
fn each_key_has_an_owner_and_says_what_stops_without_it() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "sound", "sound.outcrop", "");
    let all = document(folder.path(), &["sound.outcrop", "--out", "sound"]);
    let keys = rows(&all, "keys");
    let prompts = of(
        &keys,
        "Key",
        "arn:aws:kms:eu-west-1:111111111111:key/prompts",
    );
    assert_eq!(prompts["Owner"], "security-team (tag owner)");
    assert_eq!(prompts["Aliases"], "alias/prompts");
    for wanted in [
        "knowledge base manuals retrieves from it",
        "invocation logging of 111111111111 in eu-west-1 writes to it",
    ] {
        assert!(prompts["Stops without it"].contains(wanted), "{prompts:?}");
    }
    // A key is there once, whoever uses it.
    let mut names: Vec<&String> = keys.iter().map(|row| &row["Key"]).collect();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before);
    let steps = rows(&all, "key-steps");
    let about: Vec<&str> = steps
        .iter()
        .filter(|row| row["Key"] == "arn:aws:kms:eu-west-1:111111111111:key/prompts")
        .map(|row| row["About"].as_str())
        .collect();
    for wanted in [
        "agent arn:aws:bedrock:eu-west-1:111111111111:agent/SUPPORT0001",
        "database arn:aws:rds:eu-west-1:111111111111:db:contracts-1",
        "alias/prompts",
        "the old key",
    ] {
        assert!(about.contains(&wanted), "{wanted}: {about:?}");
    }
    let grants: Vec<&str> = steps
        .iter()
        .filter(|row| row["Step"] == "2")
        .map(|row| row["What to do"].as_str())
        .collect();
    assert_eq!(
        grants,
        ["Make the same grant on the new key (aws kms create-grant), for: Decrypt, DescribeKey."]
    );
}

#[test]
fn where_no_tag_names_an_owner_the_account_may() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let owner = |config: &str, run: &str| {
        judged(folder.path(), "broken", run, config);
        let out = format!("of-{run}");
        let all = document(folder.path(), &[run, "--out", &out]);
        let keys = rows(&all, "keys");
        of(
            &keys,
            "Key",
            "arn:aws:kms:eu-west-1:111111111111:key/documents",
        )["Owner"]
            .clone()
    };
    assert_eq!(owner("", "one.outcrop"), "nobody is named");
    assert_eq!(
        owner(
            "accounts: {'111111111111': {owner: platform}}\n",
            "two.outcrop"
        ),
        "platform (owner of account 111111111111)"
    );
}

#[test]
fn a_regions_outage_says_who_stops_and_which_profile_goes_on() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "broken", "run.outcrop", "");
    let all = document(folder.path(), &["run.outcrop", "--out", "handover"]);
    let outage = rows(&all, "outage");
    let planner = of(
        &outage,
        "Workload",
        "arn:aws:bedrock-agentcore:eu-west-1:111111111111:runtime/planner-1",
    );
    assert_eq!(planner["Owner"], "planning (tag team)");
    assert_eq!(
        planner["What happens"],
        "stops; let it call, and its role allow, eu.anthropic.claude-sonnet-4-20250514-v1:0 or global.anthropic.claude-sonnet-4-20250514-v1:0"
    );
    let shared: Vec<&Row> = outage
        .iter()
        .filter(|row| row["Role"].ends_with(":role/ai-shared"))
        .collect();
    assert!(!shared.is_empty());
    for row in shared {
        assert_eq!(
            row["Regions that these lead to"],
            "any commercial Region, eu-central-1"
        );
        assert!(row["What happens"].starts_with("goes on where it calls"));
    }
    // What a role may do that is in no account of the run is not known.
    let ask = of(&outage, "Workload", "a1b2c3/POST /ask");
    assert_eq!(ask["Profiles that it may call"], "not known");
    let runbooks = rows(&all, "runbooks");
    let region = of(
        &runbooks,
        "What goes wrong",
        "Amazon Bedrock fails in a Region",
    );
    assert!(
        region["In this estate"].contains("No other Region that was read has invocation logging"),
        "{region:?}"
    );
    let key = of(
        &runbooks,
        "What goes wrong",
        "A key is disabled or pending deletion",
    );
    assert!(
        key["In this estate"].contains("key/documents (PendingDeletion, gone on 2026-11-20)"),
        "{key:?}"
    );
}

#[test]
fn where_stacks_declare_everything_the_rest_is_in_no_source() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "broken", "run.outcrop", "");
    let all = document(
        folder.path(),
        &["run.outcrop", "--stacks", "--out", "handover"],
    );
    let resources = rows(&all, "resources");
    let agent = of(
        &resources,
        "Resource",
        "arn:aws:bedrock:eu-west-1:111111111111:agent/SALES0001",
    );
    assert_eq!(agent["Declared by"], "nobody: in no CloudFormation stack");
    assert_eq!(agent["Needed by"], "callers of alias beta");
    let made = of(
        &resources,
        "Resource",
        "arn:aws:bedrock:eu-west-1:111111111111:agent/SUPPORT0001",
    );
    assert!(
        made["Declared by"].starts_with("CloudFormation stack assistant, Agent1"),
        "{made:?}"
    );
    assert_eq!(answer(&all, "Is every resource in a source?"), "no");
    // Without the flag it may be in a state that nobody gave.
    let open = document(folder.path(), &["run.outcrop", "--out", "open"]);
    assert_eq!(answer(&open, "Is every resource in a source?"), "not-known");
    // Where stacks were not read, nothing is said to be in none.
    judged(folder.path(), "denied", "denied.outcrop", "");
    let denied = document(
        folder.path(),
        &["denied.outcrop", "--stacks", "--out", "denied"],
    );
    let untagged = rows(&denied, "resources")
        .into_iter()
        .filter(|row| row["Type"] == "AWS::Bedrock::Flow")
        .collect::<Vec<_>>();
    assert!(!untagged.is_empty());
    for row in untagged {
        assert_eq!(
            row["Declared by"],
            "not known: the stacks of its Region were not read"
        );
    }
}

#[test]
fn a_credential_older_than_the_change_refutes_it() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let config = |on: &str| {
        format!(
            "attestations:\n  - {{id: credentials-changed, by: platform, on: {on}, expires: 2027-05-01, evidence: change-77}}\n"
        )
    };
    judged(folder.path(), "sound", "run.outcrop", &config("2026-10-31"));
    let all = document(folder.path(), &["run.outcrop", "--out", "refuted"]);
    assert_eq!(answer(&all, "Was every credential changed"), "no");
    let exceptions = rows(&all, "exceptions");
    let said = of(&exceptions, "What", "credentials-changed");
    assert!(
        said["State"].starts_with("contradicted: 3 credentials that are older than 2026-10-31"),
        "{said:?}"
    );
    judged(
        folder.path(),
        "sound",
        "then.outcrop",
        &config("2026-01-02"),
    );
    let all = document(folder.path(), &["then.outcrop", "--out", "believed"]);
    assert_eq!(answer(&all, "Was every credential changed"), "attested");
}

/// A state with one instance of each of these.
fn state(folder: &Path, resources: &[(&str, &str, serde_json::Value)]) {
    let all: Vec<_> = resources
        .iter()
        .map(|(kind, name, attributes)| {
            json!({"mode": "managed", "type": kind, "name": name, "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
                "instances": [{"attributes": attributes}]})
        })
        .collect();
    let text = json!({"version": 4, "resources": all}).to_string();
    fs::write(folder.join("state.json"), text).expect("written");
}

#[test]
fn a_policy_added_behind_the_source_differs_and_an_alias_is_its_key() {
    let folder = tempfile::TempDir::new().expect("a folder");
    judged(folder.path(), "sound", "run.outcrop", "");
    let group = |key: &str| {
        json!({"id": "/aws/bedrock/invocations", "name": "/aws/bedrock/invocations", "retention_in_days": 365,
            "arn": "arn:aws:logs:eu-west-1:111111111111:log-group:/aws/bedrock/invocations", "kms_key_id": key})
    };
    let role = json!({"id": "chat-api", "name": "chat-api", "path": "/", "arn": "arn:aws:iam::111111111111:role/chat-api",
        "assume_role_policy": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"});
    let policy = json!({"id": "chat-api:other", "name": "other", "role": "chat-api",
        "policy": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}]}"});
    let compared = |out: &str| {
        let all = document(
            folder.path(),
            &["run.outcrop", "--state", "state.json", "--out", out],
        );
        rows(&all, "differs")
            .iter()
            .map(|row| (row["Resource"].clone(), row["Setting"].clone()))
            .collect::<Vec<_>>()
    };
    state(
        folder.path(),
        &[
            ("aws_iam_role", "chat", role),
            ("aws_iam_role_policy", "chat", policy),
            // The alias of another key; that of its own key would be the same.
            ("aws_cloudwatch_log_group", "calls", group("alias/prompts")),
        ],
    );
    let found = compared("one");
    let has =
        |resource: &str, setting: &str| found.contains(&(resource.to_owned(), setting.to_owned()));
    assert!(
        has("arn:aws:iam::111111111111:role/chat-api", "inline_policies"),
        "{found:?}"
    );
    assert!(has("/aws/bedrock/invocations", "kms_key_id"), "{found:?}");
    // An alias that the run does not hold may stand for any key.
    state(
        folder.path(),
        &[("aws_cloudwatch_log_group", "calls", group("alias/unseen"))],
    );
    assert!(
        !compared("two")
            .iter()
            .any(|(_, setting)| setting == "kms_key_id")
    );
}

/// A template names what AWS will name; a setting that refers to it says nothing about the account.
#[test]
fn logical_ids_are_no_difference() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let parity = super::root().join("fixtures/parity/sound");
    let inventory = parity.join("inventory");
    let done = outcrop(
        folder.path(),
        &[
            "check",
            &inventory.to_string_lossy(),
            "--out",
            "run.outcrop",
        ],
    );
    assert!(matches!(done.code, Some(0 | 3 | 4)), "{}", done.err);
    let template = parity.join("template.yaml");
    let all = document(
        folder.path(),
        &[
            "run.outcrop",
            "--template",
            &template.to_string_lossy(),
            "--out",
            "handover",
        ],
    );
    assert_eq!(rows(&all, "differs"), Vec::<Row>::new());
}

#[test]
fn a_statement_that_is_there_twice_is_an_error_with_its_line() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let one =
        "  - {id: auditor-can-read, by: audit, on: 2026-10-01, expires: 2027-05-01, evidence: x}\n";
    fs::write(
        folder.path().join("outcrop.yaml"),
        format!("attestations:\n{one}{one}"),
    )
    .expect("written");
    let done = outcrop(folder.path(), &["config", "check", "outcrop.yaml"]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err.contains("`auditor-can-read` is there twice"),
        "{}",
        done.err
    );
}
