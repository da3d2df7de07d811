//! Runs that were judged by rules of somebody's own: shared, judged again without them, reported in part.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const RUN: &str = "accounts:\n  - {id: '846201937455', name: Acme Payroll}\nregions: [eu-west-1]\ncoverage: all\n";
const BUCKETS: &str = "- {arn: 'arn:aws:s3:::acme-payroll', account_id: '846201937455', region: global, name: acme-payroll, region_name: eu-west-1, versioning: '', tags: {owner: jane.roe, client: Globex, env: production}}\n";
const RULE: &str = "id: globex-buckets-keep-versions\ntitle: A bucket of Globex keeps no versions\nseverity: high\npillar: custom\nstage: 60\nsubject: s3_bucket\npass: versioning = 'Enabled'\nmessage: {fail: 'f', pass: p, unknown: u}\nwhy: The contract with Globex says so.\n";

/// A run of one bucket, judged by the rules of the release and one more.
fn judged() -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in [
        ("estate/run.yaml", RUN),
        ("estate/s3_bucket.yaml", BUCKETS),
        ("estate/iam_role.yaml", ROLES),
        ("estate/cloudtrail_trail.yaml", TRAIL),
        ("rules/globex-buckets-keep-versions.yaml", RULE),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    let (code, said) = outcrop(
        folder.path(),
        &[
            "check",
            "estate",
            "--rules",
            "rules",
            "--out",
            "run.outcrop",
        ],
    );
    assert!([0, 3, 4].contains(&code), "{said}");
    let run = folder.path().join("run.outcrop");
    (folder, run)
}

fn outcrop(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
        .current_dir(folder)
        .env_clear()
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

const ROLES: &str = r#"- {arn: "arn:aws:iam::846201937455:role/acme-payroll-role", account_id: "846201937455", region: global, name: acme-payroll-role, path: /globexpath/,
   assume_role_policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::999999000001:user/globexvendor"}, Action: "sts:AssumeRole", Condition: {StringEquals: {"sts:ExternalId": globex-external-id, "token.actions.githubusercontent.com:sub": "repo:globexorg/globexrepo:ref:refs/heads/main"}}}]},
   inline_policies: [{name: invoke, document: {Version: "2012-10-17", Statement: [
     {Effect: Allow, Action: "s3:GetObject", Resource: ["arn:aws:s3:::globex-foreign/*", "arn:aws:iam::999999000002:role/globexpartner"]},
     {Effect: Allow, Action: "bedrock:*", Resource: "*", Condition: {StringLike: {"aws:PrincipalTag/globextag": "globexvalue-*"}}}]}}],
   attached_policy_arns: [], permissions_boundary_arn: "", instance_profile_arns: [],
   tags: {globexkey: "448812", "environment-owner": "globex.jane@example.com", o: zqz, Stage: prod}}
"#;
const TRAIL: &str = r#"- {arn: "arn:aws:cloudtrail:eu-west-1:846201937455:trail/t", account_id: "846201937455", region: eu-west-1, name: t, home_region: eu-west-1, bucket_name: globex-audit, log_group_arn: "", is_organization_trail: false, is_multi_region: true, is_logging: true, delivery_error: "", selectors: []}
"#;

/// Estates of every kind can be shared: no name in them decides a verdict.
#[test]
fn every_estate_can_be_shared() {
    let folder = TempDir::new().expect("a folder");
    let estates = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/estates");
    for estate in fs::read_dir(estates).expect("estates").flatten() {
        let name = estate.file_name().to_string_lossy().into_owned();
        let run = folder.path().join(format!("{name}.outcrop"));
        let given = estate.path().display().to_string();
        let (code, said) = outcrop(
            folder.path(),
            &[
                "check",
                &given,
                "--quiet",
                "--out",
                &run.display().to_string(),
            ],
        );
        assert!([0, 3, 4].contains(&code), "{name}: {said}");
        let shared = folder.path().join(format!("{name}.shared"));
        if let Err(error) = outcrop::evidence::redact(&run, &shared) {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn a_shared_run_tells_neither_tags_nor_rules_of_ones_own() {
    let (folder, run) = judged();
    let whole = fs::read(&run).expect("the run");
    let holds =
        |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|at| at == word.as_bytes());
    let secret = [
        "Globex",
        "globex",
        "jane.roe",
        "acme-payroll",
        "Acme Payroll",
        "846201937455",
        "999999000001",
        "448812",
        "zqz",
    ];
    for word in secret {
        assert!(holds(&whole, word), "{word} is in the run itself");
    }
    let (code, said) = outcrop(folder.path(), &["evidence", "key", "--out", "key"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = outcrop(
        folder.path(),
        &[
            "evidence",
            "pack",
            "run.outcrop",
            "--key",
            "key",
            "--out",
            "shared",
            "--redact",
        ],
    );
    assert_eq!(code, 0, "{said}");
    let packed = fs::read(folder.path().join("shared/run.outcrop")).expect("the packed run");
    for word in secret {
        assert!(!holds(&packed, word), "{word} is in the packed run");
    }
    // What says nothing about anybody stays.
    assert!(holds(&packed, "production"));
    assert!(holds(&packed, "1 rule that is not of the release"));
}

/// A rule of somebody's own changes no verdict of a rule of the release.
#[test]
fn rules_beside_ones_own_are_judged_as_without_it() {
    let (folder, _) = judged();
    let verdicts = |arguments: &[&str]| {
        let all = [&["check", "estate", "--format", "json=all.json"], arguments].concat();
        let (_, said) = outcrop(folder.path(), &all);
        let text = fs::read_to_string(folder.path().join("all.json")).expect(&said);
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let _ = fs::remove_file(folder.path().join("all.json"));
        let all = json["results"].as_array().cloned().unwrap_or_default();
        all.iter()
            .filter(|one| one["rule"] != "globex-buckets-keep-versions")
            .map(|one| format!("{} {} {}", one["rule"], one["resource"], one["verdict"]))
            .collect::<Vec<_>>()
    };
    let alone = verdicts(&[]);
    assert!(alone.len() > 100);
    assert_eq!(verdicts(&["--rules", "rules"]), alone);
}

#[test]
fn a_run_that_is_judged_again_misses_rules_that_are_not_given() {
    let (folder, _) = judged();
    let note =
        "judged before by rules that are not given now (--rules): globex-buckets-keep-versions";
    let (_, said) = outcrop(folder.path(), &["check", "run.outcrop"]);
    assert!(said.contains(note), "{said}");
    let (_, said) = outcrop(folder.path(), &["check", "run.outcrop", "--rules", "rules"]);
    assert!(!said.contains("judged before by rules"), "{said}");
    assert!(
        said.contains("A bucket of Globex keeps no versions"),
        "{said}"
    );
}

#[test]
fn a_report_shows_what_a_framework_cites_and_writes_over_no_run() {
    let (folder, run) = judged();
    let before = fs::read(&run).expect("the run");
    let results = |select: &str| {
        let (code, said) = outcrop(
            folder.path(),
            &[
                "report",
                "run.outcrop",
                "--select",
                select,
                "--format",
                "json=part.json",
            ],
        );
        let text = fs::read_to_string(folder.path().join("part.json")).unwrap_or_default();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let _ = fs::remove_file(folder.path().join("part.json"));
        let all = json["results"].as_array().cloned().unwrap_or_default();
        (code, said, all)
    };
    let (_, said, all) = results("framework:soc-2");
    assert!(!all.is_empty(), "{said}");
    for one in &all {
        assert!(!one["controls"]["soc-2"].is_null(), "{one}");
    }
    let (code, said, _) = results("framework:no-such-framework");
    assert!(code == 2 && said.contains("selects no rule"), "{said}");
    let (code, said) = outcrop(
        folder.path(),
        &["report", "run.outcrop", "--format", "json=run.outcrop"],
    );
    assert!(
        [1, 2].contains(&code) && said.contains("run.outcrop"),
        "{said}"
    );
    assert_eq!(fs::read(&run).expect("the run"), before);
}
