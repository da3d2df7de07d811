//! Rules as data: each proves itself, each is complete, each is fit for its subject.

use outcrop::engine::{Library, Rule, frameworks, test_examples};
use outcrop::model::Severity;
use outcrop::subjects;

fn library() -> Library {
    Library::load(&subjects::tables(), &[]).expect("the built-in rules")
}

/// Ids of the first release, with severity and stage, as the catalogue has them.
const RULES: &[(&str, Severity, u32)] = &[
    ("account-outside-organization", Severity::High, 30),
    ("all-functions-in-one-account", Severity::Critical, 30),
    ("bedrock-api-key-in-environment", Severity::Critical, 30),
    ("bedrock-api-key-long-term", Severity::High, 30),
    ("bedrock-api-key-never-expires", Severity::Critical, 30),
    ("bedrock-bearer-token-not-denied", Severity::High, 30),
    (
        "bedrock-call-leaves-by-public-endpoint",
        Severity::Critical,
        30,
    ),
    (
        "bedrock-call-may-leave-by-public-endpoint",
        Severity::High,
        30,
    ),
    (
        "bedrock-calls-observed-outside-endpoint",
        Severity::Critical,
        30,
    ),
    ("bedrock-endpoint-policy-any-model", Severity::High, 30),
    ("bedrock-endpoint-policy-default", Severity::High, 30),
    (
        "bedrock-endpoint-policy-untrusted-principal",
        Severity::High,
        30,
    ),
    ("bedrock-endpoint-private-dns-off", Severity::High, 30),
    ("bedrock-full-access-granted", Severity::High, 30),
    ("bedrock-invoke-allowed-from-anywhere", Severity::High, 30),
    ("bedrock-invoke-any-model", Severity::High, 30),
    ("bedrock-public-fallback-not-denied", Severity::Medium, 30),
    ("bedrock-vpc-endpoint-missing", Severity::High, 30),
    ("corpus-key-decrypt-too-wide", Severity::High, 30),
    ("corpus-key-open-to-anyone", Severity::Critical, 30),
    ("dependency-endpoint-missing", Severity::Medium, 30),
    ("dependency-endpoint-policy-default", Severity::Medium, 30),
    ("environments-share-account", Severity::High, 30),
    ("inference-log-bucket-kept-forever", Severity::Medium, 30),
    (
        "inference-log-bucket-without-customer-key",
        Severity::High,
        30,
    ),
    ("inference-log-group-kept-forever", Severity::High, 30),
    (
        "inference-log-group-without-customer-key",
        Severity::High,
        30,
    ),
    ("key-not-under-customer-control", Severity::High, 30),
    ("key-policy-copied-from-example", Severity::Medium, 90),
    ("pipeline-in-workload-account", Severity::Medium, 60),
    ("prompts-leave-aws", Severity::High, 30),
    ("provider-key-in-environment", Severity::Critical, 30),
    ("role-shared-across-environments", Severity::High, 30),
    ("role-shared-by-agents", Severity::High, 30),
    ("role-shared-by-workloads", Severity::High, 30),
    ("role-trust-without-condition", Severity::High, 30),
    ("role-trusted-by-several-services", Severity::Medium, 30),
    ("sagemaker-network-open", Severity::Medium, 30),
    ("secret-in-container-environment", Severity::Critical, 30),
    ("secret-in-lambda-environment", Severity::Critical, 30),
    ("vector-collection-public", Severity::Critical, 30),
    ("vector-store-private-path-missing", Severity::High, 30),
    ("vector-store-public", Severity::High, 30),
    ("webhook-in-environment", Severity::High, 30),
    ("workload-and-audit-in-one-account", Severity::High, 30),
    ("workload-and-data-in-one-account", Severity::High, 30),
    ("workload-in-public-subnet", Severity::High, 30),
    ("workload-log-group-left-at-defaults", Severity::Low, 30),
    ("workload-role-is-administrator", Severity::Critical, 30),
];

#[test]
fn the_rules_that_were_promised_are_there() {
    let library = library();
    let found: Vec<(&str, Severity, u32)> = library
        .rules
        .iter()
        .map(|loaded| {
            (
                loaded.rule.id.as_str(),
                loaded.rule.severity,
                loaded.rule.stage,
            )
        })
        .collect();
    for promised in RULES {
        assert!(found.contains(promised), "{promised:?} is not there");
    }
}

#[test]
fn every_example_comes_out_as_written() {
    let library = library();
    let tables = subjects::tables();
    for loaded in &library.rules {
        let table = tables
            .iter()
            .copied()
            .find(|table| Some(table.name) == loaded.rule.subject.as_deref());
        let flaws = test_examples(loaded, table, &library.values).expect("SQLite");
        assert!(flaws.is_empty(), "{}: {flaws:?}", loaded.rule.id);
    }
}

#[test]
fn every_rule_says_why_and_how_to_mend_it() {
    let frameworks = frameworks().expect("the control catalogues");
    for loaded in &library().rules {
        let rule: &Rule = &loaded.rule;
        let id = &rule.id;
        assert!(
            rule.why.split_whitespace().count() >= 25,
            "{id}: why is too short"
        );
        for (name, fix) in [
            ("cli", &rule.fix.cli),
            ("terraform", &rule.fix.terraform),
            ("cloudformation", &rule.fix.cloudformation),
            ("console", &rule.fix.console),
        ] {
            assert!(fix.trim().len() > 20, "{id}: fix.{name} is missing");
        }
        assert!(
            !rule.references.is_empty()
                && rule
                    .references
                    .iter()
                    .all(|page| page.starts_with("https://")),
            "{id}: references"
        );
        assert!(
            !rule.claims.is_empty() && !rule.evidence.is_empty() && !rule.controls.is_empty(),
            "{id}: claims, evidence, controls"
        );
        for (framework, controls) in &rule.controls {
            let known = frameworks
                .iter()
                .find(|known| known.id == *framework)
                .unwrap_or_else(|| panic!("{id} cites {framework}, which is no catalogue"));
            for control in controls {
                assert!(
                    known.controls.contains_key(control),
                    "{id} cites {framework} {control}, which is not in the catalogue"
                );
            }
        }
    }
}

#[test]
fn severity_and_parameters_are_declared_once() {
    let library = library();
    for (name, parameter) in &library.parameters {
        assert!(parameter.admits(&parameter.default), "{name}");
        assert!(!parameter.doc.is_empty(), "{name} has no documentation");
    }
}

#[test]
fn broken_rule_files_are_told_with_their_place() {
    let right = "id: x\ntitle: t\nseverity: low\npillar: p\nstage: 30\nwhy: w\nsubject: inference_log_group\npass: group_exists\nmessage: {fail: f, pass: p, unknown: u}\n";
    let load = |text: &str| {
        Library::from_files(
            &subjects::tables(),
            vec![("rules/x.yaml".to_owned(), text.to_owned())],
        )
    };
    assert!(load(right).is_ok());
    for (from, to, part) in [
        ("severity: low", "severity: lowest", "lowest"),
        ("severity: low", "severty: low", "severty"),
        (
            "pass: group_exists",
            "pass: group_exist",
            "no column `group_exist`",
        ),
        (
            "pass: group_exists",
            "pass: group_exists IS NULL",
            "IS is not allowed",
        ),
        (
            "pass: group_exists",
            "pass: retention_days = 'x'",
            "compares",
        ),
        (
            "subject: inference_log_group",
            "subject: log_group",
            "no table `log_group`",
        ),
        ("id: x", "id: y", "called like its file"),
        ("fail: f", "fail: '{nope}'", "no column `nope`"),
    ] {
        let error = load(&right.replace(from, to)).expect_err(to).to_string();
        assert!(
            error.contains("rules/x.yaml") && error.contains(part),
            "{error}"
        );
    }
}
