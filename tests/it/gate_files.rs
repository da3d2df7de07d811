//! What a gate sees of a plan: baselines, runs beneath it, differences, broken files.

use super::gate::{check, results, root};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

#[test]
pub(super) fn an_annotation_stands_on_the_right_line() {
    let text = std::fs::read_to_string(root().join("fixtures/parity/broken/tf/main.tf"))
        .expect("the file");
    let line = text
        .lines()
        .position(|line| line.contains("\"aws_lambda_function\" \"chat\""))
        .expect("the function")
        + 1;
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(root())
        .env_clear()
        .args([
            "check",
            "fixtures/parity/broken/plan.json",
            "--source",
            "fixtures/parity/broken/tf",
            "--format",
            "github",
        ])
        .output()
        .expect("the binary");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let wanted = format!("::error file=fixtures/parity/broken/tf/main.tf,line={line}");
    assert!(
        shown
            .lines()
            .next()
            .is_some_and(|first| first.starts_with(&wanted)),
        "{wanted}\n{shown}"
    );
}

#[test]
pub(super) fn secrets_of_files_reach_no_output() {
    let secret = std::fs::read_to_string(root().join("fixtures/parity/broken/template.yaml"))
        .expect("the template");
    let secret = secret
        .lines()
        .find_map(|line| line.trim().strip_prefix("OPENAI_API_KEY: "))
        .expect("the secret")
        .to_owned();
    let folder = tempfile::TempDir::new().expect("a folder");
    let kept = folder.path().join("run.outcrop");
    for file in ["plan.json", "template.yaml", "preview.json"] {
        let path = format!("fixtures/parity/broken/{file}");
        let _ = std::fs::remove_file(&kept);
        let (_, outcome, said) = check(&[&path, "--out", kept.to_str().expect("a path")]);
        let bytes = std::fs::read(&kept).expect("the run");
        assert!(
            !outcome.to_string().contains(&secret) && !said.contains(&secret),
            "{file}"
        );
        assert!(
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes()),
            "{file}: the run holds it"
        );
    }
}

/// The run knows things by paths and merged permissions that a plan does not spell.
#[test]
pub(super) fn a_plan_finds_what_the_run_spells_otherwise() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let estate = folder.path().join("estate");
    std::fs::create_dir(&estate).expect("a folder");
    for entry in
        std::fs::read_dir(root().join("fixtures/parity/sound/inventory")).expect("the estate")
    {
        let entry = entry.expect("a file");
        let mut text = std::fs::read_to_string(entry.path())
            .expect("text")
            .replace("role/chat", "role/apps/chat")
            .replace("\"path\": \"/\"", "\"path\": \"/apps/\"");
        if entry.file_name() == "vpc_security_group.json" {
            text = text.replacen(
                "\"10.20.0.0/16\"\n",
                "\"10.20.0.0/16\", \"192.0.2.0/24\"\n",
                2,
            );
        }
        std::fs::write(estate.join(entry.file_name()), text).expect("written");
    }
    let create = |kind: &str, values: Json| serde_json::json!({"address": format!("{kind}.it"), "mode": "managed", "type": kind, "name": "it", "provider_name": "registry.terraform.io/hashicorp/aws", "change": {"actions": ["create"], "before": null, "after": values}});
    let delete = |kind: &str, values: Json| serde_json::json!({"address": format!("{kind}.it"), "mode": "managed", "type": kind, "name": "it", "provider_name": "registry.terraform.io/hashicorp/aws", "change": {"actions": ["delete"], "before": values, "after": null}});
    let judged = |changes: Vec<Json>| {
        let plan = folder.path().join("plan.json");
        let text = serde_json::json!({"format_version": "1.2", "terraform_version": "1.13.4", "planned_values": {"root_module": {}}, "resource_changes": changes});
        std::fs::write(&plan, text.to_string()).expect("written");
        check(&[
            plan.to_str().expect("a path"),
            "--onto",
            estate.to_str().expect("a path"),
        ])
    };
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}]}"#;
    let (_, outcome, said) = judged(vec![create(
        "aws_iam_role_policy",
        serde_json::json!({"name": "more", "role": "chat", "policy": policy}),
    )]);
    let new: BTreeSet<(&str, &str)> = results(&outcome)
        .iter()
        .filter(|result| result["origin"] == "new" && result["verdict"] == "fail")
        .map(|result| {
            (
                result["rule"].as_str().unwrap_or_default(),
                result["resource"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert!(
        new.contains(&(
            "bedrock-invoke-any-model",
            "arn:aws:iam::111111111111:role/apps/chat"
        )),
        "{new:?} {said}"
    );
    assert!(
        results(&outcome)
            .iter()
            .all(|result| result["resource"] != "arn:aws:iam::111111111111:role/chat"),
        "a role that nobody has"
    );

    let rule = serde_json::json!({"type": "egress", "security_group_id": "sg-chat", "protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.20.0.0/16"], "self": false});
    let (_, outcome, said) = judged(vec![delete("aws_security_group_rule", rule)]);
    let path = results(&outcome)
        .iter()
        .find(|result| {
            result["rule"] == "bedrock-call-leaves-by-public-endpoint" && result["part"] != ""
        })
        .or_else(|| {
            results(&outcome)
                .iter()
                .find(|result| result["rule"] == "bedrock-call-leaves-by-public-endpoint")
        });
    assert!(
        path.is_some_and(|result| result.to_string().contains("sg-chat")),
        "{path:?} {said}"
    );
}

#[test]
pub(super) fn a_baseline_lets_old_failures_pass_and_no_others() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let baseline = folder.path().join("baseline.json");
    let to = baseline.to_str().expect("a path");
    let written = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(root())
        .env_clear()
        .args(["baseline", "fixtures/parity/broken/inventory", "--to", to])
        .output()
        .expect("the binary");
    assert_eq!(
        written.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    let with = |path: &str, more: &[&str]| {
        check(&[&[path, "--baseline", to, "--unknown", "ignore"], more].concat())
    };
    let (code, outcome, said) = with("fixtures/parity/broken/inventory", &[]);
    assert_eq!(code, 0, "{said}");
    assert!(
        results(&outcome)
            .iter()
            .filter(|result| result["verdict"] == "fail")
            .all(|result| result["origin"] == "existing")
    );
    assert_eq!(
        with("fixtures/parity/broken/inventory", &["--gate", "all"]).0,
        3
    );
    // Of another estate nothing is known.
    assert_eq!(with("fixtures/parity/broken/template.yaml", &[]).0, 3);
    let (_, _, said) = with("fixtures/parity/sound/inventory", &[]);
    assert!(
        said.contains("of the baseline are gone") || said.contains("passed"),
        "{said}"
    );
    std::fs::write(
        &baseline,
        "{\"schema\": \"outcrop-baseline/v9\", \"failures\": []}",
    )
    .expect("written");
    let (code, _, said) = with("fixtures/parity/broken/inventory", &[]);
    assert!(code == 1 && said.contains("outcrop-baseline/v9"), "{said}");
}

#[test]
pub(super) fn a_diff_tells_what_appeared_and_what_went() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut runs = BTreeMap::new();
    for twin in ["sound", "broken"] {
        let path = folder.path().join(format!("{twin}.outcrop"));
        check(&[
            &format!("fixtures/parity/{twin}/inventory"),
            "--out",
            path.to_str().expect("a path"),
        ]);
        runs.insert(twin, path);
    }
    let diff = |old: &PathBuf, new: &PathBuf, more: &[&str]| {
        let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .env_clear()
            .arg("diff")
            .args([old, new])
            .args(["--format", "json"])
            .args(more)
            .output()
            .expect("the binary");
        let json: Json = serde_json::from_slice(&output.stdout).expect("JSON");
        let rules = |list: &str| {
            json[list]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| one["rule"].as_str().unwrap_or_default().to_owned())
                .collect::<BTreeSet<_>>()
        };
        (
            output.status.code(),
            rules("appeared"),
            rules("fixed"),
            rules("lost_sight_of"),
        )
    };
    let (sound, broken) = (&runs["sound"], &runs["broken"]);
    let (code, appeared, fixed, _) = diff(sound, broken, &["--fail-on", "critical"]);
    assert_eq!(code, Some(3));
    assert!(
        appeared.contains("bedrock-call-leaves-by-public-endpoint")
            && appeared.contains("bedrock-vpc-endpoint-missing"),
        "{appeared:?}"
    );
    assert!(fixed.is_empty(), "{fixed:?}");
    let (code, appeared, fixed, lost) = diff(broken, sound, &["--fail-on", "critical"]);
    assert_eq!(
        (code, appeared.len(), lost.len()),
        (Some(0), 0, 0),
        "{appeared:?} {lost:?}"
    );
    assert!(
        fixed.contains("bedrock-call-leaves-by-public-endpoint"),
        "{fixed:?}"
    );
    assert_eq!(
        diff(sound, sound, &[]),
        (Some(0), BTreeSet::new(), BTreeSet::new(), BTreeSet::new())
    );
}

/// Broken files: name, content, exit code, and what is said of each.
#[test]
pub(super) fn broken_files_are_told_with_their_line() {
    let deep = format!("Resources: {}1{}", "[".repeat(190), "]".repeat(190));
    let deeper = format!("Resources: {}1{}", "[".repeat(300), "]".repeat(300));
    let bomb = format!(
        "Resources:\n  a0: &a0 [1, 1]\n{}",
        (1..40)
            .map(|n| format!("  a{n}: &a{n} [*a{m}, *a{m}]\n", m = n - 1))
            .collect::<String>()
    );
    let cycle = "Resources:\n  A: {Type: \"AWS::EC2::VPC\", Properties: {CidrBlock: !GetAtt B.CidrBlock}}\n  B: {Type: \"AWS::EC2::VPC\", Properties: {CidrBlock: !GetAtt A.CidrBlock}}\n";
    let wide: Vec<u8> = std::iter::once(0xfeff_u16)
        .chain("{\"Resources\": {\"A\": {\"Type\": \"AWS::SNS::Topic\"}}}".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let foreign = r#"{"format_version": "1.2", "terraform_version": "1.13.4", "resource_changes": [{"address": "google_compute_network.a", "type": "google_compute_network", "name": "a", "mode": "managed", "provider_name": "registry.terraform.io/hashicorp/google", "change": {"actions": ["create"], "after": {}}}]}"#;
    for (name, content, code, says) in [
        ("template.yaml", "Resources:\n  A:\n    Type: [\n".as_bytes(), 1, "line 4"),
        ("template.yaml", "Resources:\n\tA: 1\n".as_bytes(), 1, "line 2"),
        ("template.yaml", deep.as_bytes(), 1, "template"),
        ("template.yaml", deeper.as_bytes(), 1, "line 1"),
        ("template.yaml", bomb.as_bytes(), 1, "aliases make"),
        ("template.yaml", cycle.as_bytes(), 0, ""),
        ("template.json", wide.as_slice(), 0, ""),
        ("template.json", "\u{feff}{\"Resources\": {\"A\": {\"Type\": \"AWS::SNS::Topic\"}}}".as_bytes(), 0, ""),
        ("template.yaml", "Resources:\n  A: {Type: \"AWS::SNS::Topic\"}\n  A: {Type: \"AWS::SQS::Queue\"}\n".as_bytes(), 1, "line 3"),
        ("template.yaml", "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  A: {Properties: {}}\n".as_bytes(), 1, "has no Type"),
        (
            "template.yaml",
            "Conditions:\n  A: !Condition B\n  B: !Condition A\nResources:\n  T: {Type: \"AWS::SNS::Topic\"}\n".as_bytes(),
            1,
            "refers to itself",
        ),
        ("template.yaml", "Resources:\n  T: {Type: \"AWS::SNS::Topic\", Condition: Typo}\n".as_bytes(), 1, "not defined"),
        ("plan.json", b"{\"format_version\": \"1.2\", \"resource_changes\": \"x\"}", 1, "is no list"),
        ("plan.json", b"{\"format_version\": \"1.2\", \"resource_changes\": [null]}", 1, "resource_changes[0]"),
        ("plan.json", b"{\"@level\":\"info\",\"@message\":\"Terraform 1.13.4\"}\n{\"@level\":\"info\"}\n", 1, "terraform show -json"),
        ("plan.json", &[0xff, 0x00, 0x88, 0x01], 1, "neither a run nor text"),
        ("plan.json", b"PK\x03\x04abc", 1, "terraform show -json"),
        ("plan.json", b"", 1, "is empty"),
        ("plan.json", b"{\"format_version\": \"2.0\", \"resource_changes\": []}", 1, "format_version 2.0"),
        ("plan.json", b"{\"format_version\": \"1.2\", \"errored\": true, \"resource_changes\": []}", 1, "not complete"),
        ("plan.json", b"{\"format_version\": \"1.2\", \"terraform_version\": \"1.13.4\"}", 0, "no resources"),
        ("plan.json", foreign.as_bytes(), 0, ""),
        ("preview.json", b"{\"config\": {}, \"changeSummary\": {}}", 0, "no resources"),
        ("preview.json", b"{\"version\": 9, \"deployment\": {\"resources\": []}}", 1, "version 9"),
        ("other.json", b"{\"hello\": 1}", 1, "--as"),
    ] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        let (found, _, said) = check(&[path.to_str().expect("a path")]);
        assert_eq!(found, code, "{name} {}: {said}", String::from_utf8_lossy(&content[..content.len().min(60)]));
        assert!(said.contains(says), "{name}: {says}: {said}");
    }
}

#[test]
pub(super) fn wrong_command_lines_are_told() {
    for (arguments, code, says) in [
        (
            &[
                "fixtures/plans/function.json",
                "fixtures/parity/sound/inventory",
            ][..],
            2,
            "--onto",
        ),
        (
            &[
                "fixtures/parity/sound/inventory",
                "--onto",
                "fixtures/parity/broken/inventory",
            ],
            2,
            "--onto",
        ),
        (
            &[
                "fixtures/plans/function.json",
                "--onto",
                "fixtures/plans/function.json",
            ],
            1,
            "neither a run",
        ),
        (
            &["fixtures/plans/function.json", "--source", "nowhere"],
            1,
            "no such folder",
        ),
        (
            &[
                "fixtures/templates/conditions.yaml",
                "--parameters",
                "nowhere.json",
            ],
            1,
            "nowhere.json",
        ),
        (
            &[
                "fixtures/templates/conditions.yaml",
                "fixtures/plans/function.json",
            ],
            1,
            "two kinds",
        ),
        (&["fixtures/templates"], 1, "manifest.json"),
        (
            &["fixtures/plans/function.json", "--account", "abc"],
            2,
            "twelve digits",
        ),
        (
            &["fixtures/plans/function.json", "--region", "x y"],
            2,
            "not a Region",
        ),
    ] {
        let (found, _, said) = check(arguments);
        assert!(
            found == code && said.contains(says),
            "{arguments:?}: {found} {said}"
        );
    }
}

/// Templates that others wrote, where they stand beside the project: each is read, and what no table holds is printed.
#[test]
pub(super) fn templates_of_others_are_read() {
    let Some(folder) =
        std::env::var_os("OUTCROP_CASES").map(|folder| PathBuf::from(folder).join("iac"))
    else {
        return;
    };
    let list = std::fs::read_to_string(folder.join("templates.jsonl")).expect("the list");
    let known: BTreeSet<&str> = outcrop::services::spelled_kinds().collect();
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    let mut expected: BTreeMap<String, Vec<String>> =
        yaml_serde::from_str(include_str!("templates.yaml")).expect("the expectations");
    for line in list.lines() {
        let case: Json = serde_json::from_str(line).expect("JSON");
        let path = folder.join(case["file"].as_str().expect("a file"));
        let (code, outcome, said) = check(&[
            path.to_str().expect("a path"),
            "--account",
            "111111111111",
            "--region",
            "us-east-1",
        ]);
        assert!(
            [0, 3, 4].contains(&code) && !results(&outcome).is_empty(),
            "{}: {code} {said}",
            path.display()
        );
        if let Some(expected) = expected.remove(case["file"].as_str().expect("a file")) {
            let fails = results(&outcome)
                .iter()
                .filter(|result| result["verdict"] == "fail");
            let mut found: Vec<String> = fails
                .map(|result| {
                    format!(
                        "{} {}",
                        result["rule"].as_str().unwrap_or_default(),
                        result["resource"].as_str().unwrap_or_default()
                    )
                })
                .collect();
            found.sort();
            assert_eq!(found, expected, "{}", path.display());
        }
        for (kind, count) in case["resource_types"].as_object().expect("types") {
            if kind.contains("Bedrock") && !known.contains(kind.as_str()) {
                *missing.entry(kind.clone()).or_default() +=
                    usize::try_from(count.as_u64().unwrap_or_default()).unwrap_or_default();
            }
        }
    }
    assert!(expected.is_empty(), "no such template: {expected:?}");
    assert!(missing.is_empty(), "no table holds these: {missing:?}");
}
