//! `outcrop fix`: what it shows holds, in every form, and nothing that it shows breaks a file or tells a secret.

use super::gate::root;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn fix(folder: &Path, arguments: &[&str]) -> Said {
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(folder)
        .env_clear()
        .arg("fix")
        .args(arguments)
        .output()
        .expect("the binary");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn json(folder: &Path, arguments: &[&str]) -> Json {
    let said = fix(folder, &[arguments, &["--format", "json"]].concat());
    assert!(matches!(said.code, Some(0 | 4)), "{}", said.err);
    serde_json::from_str(&said.out).expect("JSON")
}

fn of<'j>(fixes: &'j Json, kind: &str) -> Vec<&'j Json> {
    fixes["fixes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["change"] == kind)
        .collect()
}

#[test]
fn every_change_has_a_remedy_or_says_why_not() {
    assert_eq!(outcrop::remedy::faults(), Vec::<String>::new());
    let changes: BTreeMap<String, String> = yaml_serde::from_str(
        &std::fs::read_to_string(root().join("data/changes.yaml")).expect("the file"),
    )
    .expect("the changes");
    let files: BTreeSet<String> = std::fs::read_dir(root().join("data/remedies"))
        .expect("the folder")
        .flatten()
        .filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(changes.into_keys().collect::<BTreeSet<_>>(), files);
    for change in files {
        let remedy = outcrop::remedy::of(&change).expect("the remedy");
        let works = !remedy.each.is_empty() && !remedy.edit.is_empty();
        assert!(works == remedy.none.is_empty(), "{change}");
    }
}

#[test]
fn the_broken_estate_is_mended_step_by_step() {
    let fixes = json(root(), &["fixtures/estates/broken"]);
    let (mut shown, mut forms) = (BTreeSet::new(), BTreeMap::new());
    for one in fixes["fixes"].as_array().expect("a list") {
        let change = one["change"].as_str().expect("a name");
        let why = one["not_shown"].as_str().expect("a text");
        if !one["proven"].as_bool().expect("a flag") {
            assert!(!why.is_empty() && one["terraform"].is_null(), "{one}");
            continue;
        }
        shown.insert(change);
        let proof = &one["proof"];
        let some = |key: &str| !proof[key].as_array().expect("a list").is_empty();
        assert!(some("closes") || some("past"), "{one}");
        for worse in ["brings", "opens", "gone", "calls_lost", "calls_unknown"] {
            assert!(!some(worse), "{one}");
        }
        for access in proof["access"].as_array().expect("a list") {
            assert_eq!(access["access"], "narrower", "{one}");
        }
        for form in ["cli", "terraform", "cloudformation"] {
            let text = one[form].as_str().expect("a text");
            assert!(!text.contains("@{") && !text.contains('\0'), "{text}");
            forms
                .entry(form)
                .or_insert_with(Vec::new)
                .push(text.to_owned());
        }
    }
    for needed in [
        "private-dns",
        "bedrock-endpoint",
        "endpoint-policy",
        "control-policy",
        "group-key",
        "group-retention",
        "attach-to-vpc",
        "role-trust",
        "role-rights",
        "secrets-out",
        "enforce-guardrail",
        "bucket-key",
    ] {
        assert!(shown.contains(needed), "{needed} is not among {shown:?}");
    }
    let count = |key: &str, severity: &str| fixes[key][severity].as_u64().unwrap_or_default();
    for severity in ["critical", "high", "medium", "low"] {
        assert!(
            count("failed_after", severity) < count("failed_before", severity),
            "{severity}: {}",
            fixes["failed_after"]
        );
    }
    for text in &forms["terraform"] {
        let parsed = text.parse::<hcl_edit::structure::Body>();
        assert!(parsed.is_ok(), "{}\n{text}", parsed.expect_err("no HCL"));
    }
    for text in &forms["cloudformation"] {
        let parsed = yaml_serde::from_str::<yaml_serde::Value>(text);
        assert!(parsed.is_ok(), "{}\n{text}", parsed.expect_err("no YAML"));
    }
    for text in &forms["cli"] {
        is_shell(text);
    }
}

/// A shell reads it without running it.
fn is_shell(text: &str) {
    let output = Command::new("bash")
        .args(["-n", "-c", text])
        .output()
        .expect("a shell");
    assert!(
        output.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_control_policy_stops_nobody_who_still_calls_in_public() {
    let fixes = json(root(), &["fixtures/estates/broken"]);
    let policy = of(&fixes, "control-policy")
        .into_iter()
        .find(|one| one["proven"] == true)
        .expect("the control policy");
    let text = policy["terraform"].as_str().expect("a text");
    assert!(
        text.contains("ArnNotEquals") && text.contains("user/bedrock-ci"),
        "{text}"
    );
    assert!(policy["proof"]["calls_kept"].as_u64() > Some(0));
}

/// A role that a policy of an index names is not split: its copies would be shut out. Where nothing names it, they have its rights.
#[test]
fn a_role_is_split_where_nothing_else_names_it() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let estate = folder.path().join("estate");
    std::fs::create_dir(&estate).expect("a folder");
    for file in std::fs::read_dir(root().join("fixtures/estates/broken"))
        .expect("the estate")
        .flatten()
    {
        let text = std::fs::read_to_string(file.path()).expect("a text");
        let text = match file.file_name().to_str() {
            Some("aoss_access_policy.yaml" | "kms_key.yaml") => {
                text.replace("role/ai-shared", "role/ai-admin")
            }
            _ => text,
        };
        std::fs::write(estate.join(file.file_name()), text).expect("written");
    }
    let split = |folder: &Path, estate: &str| {
        let fixes = json(folder, &[estate, "--cause", "split-role-6b2d6894"]);
        of(&fixes, "split-role")[0].clone()
    };
    let named = split(root(), "fixtures/estates/broken");
    assert_eq!(named["proven"], false, "{named}");
    assert!(
        named["not_shown"]
            .as_str()
            .is_some_and(|why| why.contains("names the role"))
    );
    let shown = split(folder.path(), "estate");
    assert_eq!(shown["proven"], true, "{shown}");
    assert_eq!(shown["proof"]["access"][0]["access"], "narrower", "{shown}");
    let text = shown["terraform"].as_str().expect("a text");
    assert!(
        text.contains("role = aws_iam_role.ai_shared_retriever.arn"),
        "{text}"
    );
}

#[test]
fn nothing_holds_that_makes_anything_worse() {
    use outcrop::remedy::{Access, Call, Proof, Turned};
    let turned = || Turned {
        rule: "r".to_owned(),
        severity: "high",
        resource: "a".to_owned(),
        part: String::new(),
        message: String::new(),
        fingerprint: String::new(),
    };
    let call = || Call {
        principal: "p".to_owned(),
        workload: String::new(),
        endpoint: String::new(),
        model: "m".to_owned(),
        region: "eu-west-1".to_owned(),
        reason: String::new(),
    };
    let sound = || Proof {
        own: 1,
        closes: vec![turned()],
        access: vec![Access::Narrower],
        ..Proof::default()
    };
    assert!(sound().holds());
    let unknown = Access::Unknown {
        reason: String::new(),
    };
    for worse in [
        Proof {
            own: 0,
            past: vec![turned()],
            ..sound()
        },
        Proof {
            brings: vec![turned()],
            ..sound()
        },
        Proof {
            opens: vec![turned()],
            ..sound()
        },
        Proof {
            gone: vec![turned()],
            ..sound()
        },
        Proof {
            calls_lost: vec![call()],
            ..sound()
        },
        Proof {
            calls_unknown: vec![call()],
            ..sound()
        },
        Proof {
            access: vec![Access::Wider {
                request: Json::Null,
            }],
            ..sound()
        },
        Proof {
            access: vec![unknown],
            ..sound()
        },
    ] {
        assert!(!worse.holds(), "{worse:?}");
    }
}

/// What fails in some of the ways in which conditions turn out is tried in one of them, and says so.
#[test]
fn ways_that_were_not_tried_are_named() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let template = folder.path().join("template.yaml");
    std::fs::write(
        &template,
        r#"Parameters:
  Copy: {Type: String, AllowedValues: ["no", "yes"], Default: "no"}
Conditions:
  Copied: !Equals [!Ref Copy, "yes"]
Resources:
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /aws/bedrock/modelinvocations}
  Bucket:
    Type: AWS::S3::Bucket
    Condition: Copied
"#,
    )
    .expect("written");
    let shown = |more: &[&str]| {
        let fixes = json(folder.path(), &[&["template.yaml"], more].concat());
        let all = fixes["fixes"].as_array().expect("a list").clone();
        let proved: Vec<Json> = all
            .into_iter()
            .filter(|one| one["proven"] == true)
            .map(|one| one["proof"]["not_seen"].clone())
            .collect();
        assert!(!proved.is_empty(), "{fixes}");
        proved
    };
    let told = |seen: &Json| {
        seen.to_string()
            .contains("one other way in which the conditions")
    };
    assert!(shown(&[]).iter().all(told));
    std::fs::write(
        folder.path().join("meant.json"),
        r#"[{"ParameterKey": "Copy", "ParameterValue": "no"}]"#,
    )
    .expect("written");
    assert!(!shown(&["--parameters", "meant.json"]).iter().any(told));
}

fn secret() -> String {
    std::fs::read_to_string(root().join("fixtures/parity/broken/template.yaml"))
        .expect("the template")
        .lines()
        .find_map(|line| line.trim().strip_prefix("OPENAI_API_KEY: "))
        .expect("the secret")
        .to_owned()
}

/// Applies a patch as an engineer would.
fn applied(folder: &Path, patch: &str) {
    std::fs::write(folder.join("fix.patch"), patch).expect("written");
    for arguments in [&["init", "-q"][..], &["apply", "fix.patch"]] {
        let output = Command::new("git")
            .current_dir(folder)
            .args(arguments)
            .output()
            .expect("git");
        assert!(
            output.status.success(),
            "{}\n{patch}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn a_plan_is_patched_in_its_sources() {
    let folder = tempfile::TempDir::new().expect("a folder");
    std::fs::create_dir(folder.path().join("tf")).expect("a folder");
    for file in ["plan.json", "tf/main.tf"] {
        std::fs::copy(
            root().join("fixtures/parity/broken").join(file),
            folder.path().join(file),
        )
        .expect("a copy");
    }
    let without = fix(folder.path(), &["plan.json", "--format", "patch"]);
    assert_eq!(without.code, Some(1));
    assert!(without.err.contains("--source"), "{}", without.err);
    let said = fix(
        folder.path(),
        &["plan.json", "--source", "tf", "--format", "patch"],
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!said.out.contains(&secret()) && !said.err.contains(&secret()));
    applied(folder.path(), &said.out);
    let main = std::fs::read_to_string(folder.path().join("tf/main.tf")).expect("the file");
    let new = std::fs::read_to_string(folder.path().join("tf/outcrop-fixes.tf")).expect("the file");
    for text in [&main, &new] {
        let parsed = text.parse::<hcl_edit::structure::Body>();
        assert!(parsed.is_ok(), "{text}");
    }
    assert!(main.contains("retention_in_days = 90"), "{main}");
    // References of the plan, never names that only we use.
    assert!(new.contains("vpc_id      = aws_vpc.main.id"), "{new}");
    assert!(new.contains("AWS = [aws_iam_role.chat.arn]"), "{new}");
    assert!(
        !new.contains("unknown-") && !new.contains("vpce-new"),
        "{new}"
    );
}

#[test]
fn one_cause_is_fixed_or_refused_by_name() {
    let unknown = fix(
        root(),
        &["fixtures/estates/broken", "--cause", "no-such-change"],
    );
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("there are: "), "{}", unknown.err);
    let all = json(root(), &["fixtures/estates/single-account"]);
    let one = all["fixes"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["not_shown"].as_str().is_some_and(|why| !why.is_empty()))
        .expect("something that cannot be worked out");
    let id = one["id"].as_str().expect("an id");
    let said = fix(root(), &["fixtures/estates/single-account", "--cause", id]);
    assert_eq!(said.code, Some(4), "{}", said.err);
    assert!(said.out.contains("not shown: "), "{}", said.out);
}

#[test]
fn names_of_strangers_stay_values_in_every_form() {
    let hostile = "a'; rm -rf / #\"${file(\"x\")}%{if}\n!Sub x: {y";
    let folder = tempfile::TempDir::new().expect("a folder");
    let estate = folder.path().join("estate");
    std::fs::create_dir(&estate).expect("a folder");
    let source = root().join("fixtures/estates/single-account");
    for file in std::fs::read_dir(&source).expect("the estate").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("a text");
        let text = if file.file_name() == "lambda_environment_variable.yaml" {
            let name =
                Json::from("KEY\nEvil:\n  Type: AWS::CloudFormation::WaitConditionHandle\n#")
                    .to_string();
            text.lines()
                .map(|line| match line.trim_start().strip_prefix("name: ") {
                    Some(_) => format!("  name: {name}"),
                    None => line.to_owned(),
                })
                .collect::<Vec<_>>()
                .join("\n")
        } else if file.file_name() == "lambda_function.yaml" {
            let name = Json::from(format!("bot{hostile}")).to_string();
            text.replace("name: \"bot\"", &format!("name: {name}"))
        } else {
            text
        };
        std::fs::write(estate.join(file.file_name()), text).expect("written");
    }
    for form in ["cli", "terraform", "cloudformation"] {
        let said = fix(folder.path(), &["estate", "--format", form]);
        assert!(
            !said.out.lines().any(|line| line.starts_with("Evil:")),
            "{}",
            said.out
        );
        assert_eq!(said.code, Some(0), "{}", said.err);
        match form {
            "cli" => {
                assert!(
                    said.out.contains("rm -rf"),
                    "nothing hostile is named: {}",
                    said.out
                );
                is_shell(&said.out);
            }
            "terraform" => {
                let parsed = said.out.parse::<hcl_edit::structure::Body>();
                assert!(parsed.is_ok(), "{}", said.out);
                let code = said.out.lines().filter(|line| !line.starts_with('#'));
                assert!(
                    !code.clone().any(|line| line.contains("\"${file")),
                    "{}",
                    said.out
                );
                assert!(
                    code.clone().any(|line| line.contains("$${file")),
                    "{}",
                    said.out
                );
            }
            _ => {
                let parsed = yaml_serde::from_str::<yaml_serde::Value>(&said.out);
                assert!(
                    parsed.is_ok(),
                    "{}\n{}",
                    parsed.expect_err("no YAML"),
                    said.out
                );
            }
        }
    }
}

#[test]
fn a_run_has_no_file_to_patch() {
    let said = fix(
        root(),
        &["fixtures/estates/single-account", "--format", "patch"],
    );
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("only templates"), "{}", said.err);
}

/// What was not observed of a thing ends no list of changes.
#[test]
fn a_bucket_somewhere_unknown_leaves_the_other_changes() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| {
        std::process::Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
            .current_dir(folder.path())
            .env_clear()
            .args(arguments)
            .output()
            .expect("the binary")
    };
    run(&["demo", "--out", "run.outcrop", "--format", "json=/dev/null"]);
    let conn = rusqlite::Connection::open(folder.path().join("run.outcrop")).expect("the run");
    conn.execute_batch("UPDATE s3_bucket SET region_name = NULL")
        .expect("set");
    drop(conn);
    run(&["check", "run.outcrop", "--out", "unseen.outcrop"]);
    let fix = run(&["fix", "unseen.outcrop", "--format", "json"]);
    let said = String::from_utf8_lossy(&fix.stderr).into_owned();
    assert_eq!(fix.status.code(), Some(0), "{said}");
    let told = String::from_utf8_lossy(&fix.stdout).into_owned();
    assert!(told.contains("its Region was not observed"), "{said}");
}
