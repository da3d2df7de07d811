//! `outcrop policy` as a person asks it.

use crate::cli::{coverage, given};
use serde_json::Value as Json;
use std::path::Path;
use tempfile::TempDir;

#[test]
fn questions_about_policies_are_answered() {
    const NARROW: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}}"#;
    const WIDE: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*Object", "Resource": "arn:aws:s3:::b/*"}}"#;
    const BROKEN: &str =
        r#"{"Statement": {"Effect": "allow", "Action": "s3:GetObject", "Resource": "*"}}"#;
    let files = [
        ("narrow.json", NARROW),
        ("wide.json", WIDE),
        ("broken.json", BROKEN),
    ];
    let simulate = [
        "policy",
        "simulate",
        "--principal",
        "arn:aws:iam::111122223333:role/a",
        "--resource",
        "arn:aws:s3:::b/x",
        "--identity-policy",
        "narrow.json",
    ];
    for (arguments, code, said) in [
        (
            vec!["policy", "compare", "wide.json", "narrow.json"],
            0,
            "no new access",
        ),
        (
            vec!["policy", "compare", "narrow.json", "wide.json"],
            3,
            "action     s3:",
        ),
        (
            vec!["policy", "compare", "narrow.json", "broken.json"],
            1,
            "Statement[0].Effect",
        ),
        (vec!["policy", "compare", "narrow.json"], 2, "Usage"),
        (
            [&simulate[..], &["--action", "s3:GetObject"]].concat(),
            0,
            "allowed",
        ),
        (
            [&simulate[..], &["--action", "s3:PutObject"]].concat(),
            0,
            "implicitly-denied",
        ),
    ] {
        let (found, out, err) = given(&files, &arguments);
        assert_eq!(found, code, "{arguments:?}: {out}{err}");
        assert!(
            out.contains(said) || err.contains(said),
            "{arguments:?}: {out}{err}"
        );
    }
    let folder = TempDir::new().expect("a folder");
    let estate = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/estates/broken");
    let question = serde_json::json!({"id": "q", "run": estate, "action": "bedrock:InvokeModel", "resource": null});
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("outcrop");
    let output = command
        .current_dir(folder.path())
        .args(["policy", "who-can", "--jsonl"])
        .write_stdin(format!("{question}\n{{\n"))
        .output()
        .expect("the binary");
    let lines: Vec<Json> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    let names: Vec<&str> = lines[0]["principals"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|able| able["principal"].as_str())
        .collect();
    assert_eq!(names.len(), 24, "{names:?}");
    assert!(
        names.contains(&"arn:aws:iam::111111111111:role/summarizer"),
        "{names:?}"
    );
    assert!(lines[1]["error"].is_string());
}

#[test]
fn who_can_follows_chains_passed_roles_and_changes_of_policies() {
    let role = |account: &str, name: &str, trust: &str, policy: &str| {
        format!(
            "- {{account_id: '{account}', arn: 'arn:aws:iam::{account}:role/{name}', name: {name}, path: /, permissions_boundary_arn: '', attached_policy_arns: [], tags: {{}},\n   assume_role_policy: {{Version: '2012-10-17', Statement: [{{Effect: Allow, Principal: {trust}, Action: 'sts:AssumeRole'}}]}},\n   inline_policies: [{{name: own, document: {{Version: '2012-10-17', Statement: [{policy}]}}}}]}}\n"
        )
    };
    let user = |name: &str, boundary: &str, policy: &str| {
        format!(
            "- {{account_id: '222222222222', arn: 'arn:aws:iam::222222222222:user/{name}', name: {name}, permissions_boundary_arn: '{boundary}', attached_policy_arns: [], groups: [], tags: {{}},\n   inline_policies: [{{name: own, document: {{Version: '2012-10-17', Statement: [{policy}]}}}}]}}\n"
        )
    };
    let invoke = "{Effect: Allow, Action: 'bedrock:InvokeModel', Resource: '*'}";
    let assume = |role: &str| {
        format!("{{Effect: Allow, Action: 'sts:AssumeRole', Resource: 'arn:aws:iam::{role}'}}")
    };
    let itself = |name: &str| {
        format!(
            "{{Effect: Allow, Action: 'iam:PutUserPolicy', Resource: 'arn:aws:iam::222222222222:user/{name}'}}"
        )
    };
    let roles = [
        role(
            "111111111111",
            "invoker",
            "{AWS: 'arn:aws:iam::222222222222:role/bridge'}",
            invoke,
        ),
        role(
            "111111111111",
            "runner",
            "{Service: lambda.amazonaws.com}",
            invoke,
        ),
        role(
            "111111111111",
            "deployer",
            "{Service: codebuild.amazonaws.com}",
            "{Effect: Allow, Action: 'iam:PassRole', Resource: 'arn:aws:iam::111111111111:role/runner'}, {Effect: Allow, Action: 'lambda:*', Resource: '*'}",
        ),
        // It may pass a role that trusts another service only.
        role(
            "111111111111",
            "clerk",
            "{Service: codebuild.amazonaws.com}",
            "{Effect: Allow, Action: 'iam:PassRole', Resource: 'arn:aws:iam::111111111111:role/runner'}, {Effect: Allow, Action: 'ecs:*', Resource: '*'}",
        ),
        role(
            "222222222222",
            "bridge",
            "{AWS: '222222222222'}",
            &assume("111111111111:role/invoker"),
        ),
    ];
    let users = [
        user("dev", "", &assume("222222222222:role/bridge")),
        user("guest", "", &assume("222222222222:role/other")),
        user("self", "", &itself("self")),
        user(
            "fenced",
            "arn:aws:iam::222222222222:policy/fence",
            &itself("fenced"),
        ),
    ];
    let fence = "- {account_id: '222222222222', arn: 'arn:aws:iam::222222222222:policy/fence', name: fence, aws_managed: false, document: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: ['iam:PutUserPolicy', 's3:*'], Resource: '*'}]}}\n";
    let run = "accounts: [{id: '111111111111', name: a}, {id: '222222222222', name: b}]\nregions: [eu-west-1]\ncoverage: all\n";
    let (code, out, said) = given(
        &[
            ("e/run.yaml", run),
            ("e/iam_role.yaml", &roles.concat()),
            ("e/iam_user.yaml", &users.concat()),
            ("e/iam_policy.yaml", fence),
        ],
        &[
            "policy",
            "who-can",
            "e",
            "--action",
            "bedrock:InvokeModel",
            "--resource",
            "arn:aws:bedrock:eu-west-1::foundation-model/x",
        ],
    );
    assert_eq!(code, 0, "{said}");
    let expected = "\
2 principals are allowed bedrock:InvokeModel on arn:aws:bedrock:eu-west-1::foundation-model/x
  arn:aws:iam::111111111111:role/invoker
  arn:aws:iam::111111111111:role/runner
4 more can get there by another path
  arn:aws:iam::111111111111:role/deployer
    iam:PassRole with lambda:CreateFunction -> arn:aws:iam::111111111111:role/runner
  arn:aws:iam::222222222222:role/bridge
    sts:AssumeRole -> arn:aws:iam::111111111111:role/invoker
  arn:aws:iam::222222222222:user/dev
    sts:AssumeRole -> arn:aws:iam::222222222222:role/bridge
    sts:AssumeRole -> arn:aws:iam::111111111111:role/invoker
  arn:aws:iam::222222222222:user/self
    iam:PutUserPolicy on itself -> arn:aws:iam::222222222222:user/self
";
    assert_eq!(out, expected);
}

/// Whom a policy admits that nobody read, nobody knows: those of the run by their names, and everybody else.
#[test]
fn who_can_of_an_unread_policy_is_unknown_for_everyone() {
    let key = "arn:aws:kms:eu-west-1:111111111111:key/k";
    let role = "- {account_id: '111111111111', arn: 'arn:aws:iam::111111111111:role/app', name: app, path: /, assume_role_policy: {Statement: []}, inline_policies: [], attached_policy_arns: [], permissions_boundary_arn: '', instance_profile_arns: [], tags: {}}\n";
    let organization = "- {account_id: '111111111111', account: '111111111111', id: '', feature_set: '', master_account_id: '', member_count: 0}\n";
    let whole = "policy: {Statement: [{Effect: Allow, Principal: {AWS: 'arn:aws:iam::111111111111:role/app'}, Action: 'kms:*', Resource: '*'}]}, grants: []";
    for (entry, cells, unknown) in [
        ("{table: kms_key, status: denied}", None, true),
        (
            "{table: kms_key, group: policy, status: denied}",
            Some("grants: []"),
            true,
        ),
        (
            "{table: kms_key, group: grants, status: denied}",
            Some("policy: {Statement: []}"),
            true,
        ),
        (
            "{table: kms_key, group: detail, status: denied}",
            Some(whole),
            false,
        ),
    ] {
        let keys = cells.map_or_else(String::new, |cells| format!("- {{account_id: '111111111111', region: eu-west-1, arn: '{key}', id: k, {cells}}}\n"));
        let files = [
            ("e/run.yaml", coverage(entry)),
            ("e/iam_role.yaml", role.to_owned()),
            ("e/organization.yaml", organization.to_owned()),
            ("e/kms_key.yaml", keys),
        ];
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let (code, out, said) = given(
            &files,
            &[
                "policy",
                "who-can",
                "e",
                "--action",
                "kms:Decrypt",
                "--resource",
                key,
            ],
        );
        assert_eq!(code, 0, "{said}");
        assert_eq!(
            out.contains("0 principals are known to be allowed"),
            unknown,
            "{entry}: {out}"
        );
        assert_eq!(out.contains("  anyone else: "), unknown, "{entry}: {out}");
        assert_eq!(
            out.contains("  arn:aws:iam::111111111111:role/app: "),
            unknown,
            "{entry}: {out}"
        );
    }
}
