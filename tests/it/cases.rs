//! Cases that others wrote, where they stand beside the project (`OUTCROP_CASES` names the folder).

use outcrop::policy::{Document, wire};
use serde_json::Value as Json;
use std::path::PathBuf;

/// Every line of a file of cases, with the answer that is expected.
fn cases(file: &str) -> Vec<(Json, String)> {
    let Some(folder) = std::env::var_os("OUTCROP_CASES").map(PathBuf::from) else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join(file)).expect("the cases");
    text.lines()
        .map(|line| {
            let case: Json = serde_json::from_str(line).expect("JSON");
            let expected = case["expect"].as_str().expect("an answer").to_owned();
            (case, expected)
        })
        .collect()
}

#[test]
fn cases_of_single_requests_are_decided_rightly() {
    for (case, expected) in cases("policy/simulate.jsonl") {
        let answer = wire::simulate_json(&case).expect("a question");
        let word = match answer["answer"].as_str() {
            Some("explicitly-denied" | "implicitly-denied") => "denied",
            other => other.unwrap_or_default(),
        };
        assert_eq!(word, expected, "{}: {answer}", case["id"]);
    }
}

/// Questions on what is subtle: what callers do not carry, what AWS refuses or ignores.
#[test]
fn subtle_requests_are_decided_rightly() {
    let own = include_str!("../../fixtures/policy/simulate.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).expect("JSON"));
    let given = cases("policy/subtle-simulate.jsonl");
    for case in own.chain(given.into_iter().map(|(case, _)| case)) {
        let answer = wire::simulate_json(&case).expect("a question");
        assert_eq!(answer["answer"], case["expect"], "{}: {answer}", case["id"]);
    }
    for (case, expected) in cases("policy/subtle-compare.jsonl") {
        match wire::compare_json(&case) {
            Ok(answer) => assert_eq!(answer["answer"], expected, "{}: {answer}", case["id"]),
            Err(error) => assert_eq!(expected, "ERROR", "{}: {error}", case["id"]),
        }
    }
}

#[test]
fn cases_of_two_policies_are_decided_rightly() {
    for (case, expected) in cases("policy/compare.jsonl") {
        let answer = wire::compare_json(&case).expect("a question");
        assert_eq!(answer["answer"], expected, "{}: {answer}", case["id"]);
    }
}

#[test]
fn published_endpoint_policies_are_read() {
    let Some(folder) = std::env::var_os("OUTCROP_CASES").map(PathBuf::from) else {
        return;
    };
    for entry in std::fs::read_dir(folder.join("policy/endpoint-policies"))
        .expect("the policies")
        .flatten()
    {
        let json: Json =
            serde_json::from_str(&std::fs::read_to_string(entry.path()).expect("text"))
                .expect("JSON");
        let document = Document::parse("endpoint", &json)
            .unwrap_or_else(|error| panic!("{}: {error}", entry.path().display()));
        assert!(!document.statements.is_empty());
    }
}
