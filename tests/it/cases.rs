//! Cases that others wrote, where they stand beside the project (`OUTCROP_CASES` names the folder).

use outcrop::reason::policy::{Answer, Document, Fact, Grants, Principal, Request};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn documents(list: &Json) -> Vec<Document> {
    list.as_array().into_iter().flatten().map(|policy| Document::parse("policy", policy).expect("a policy that AWS accepts")).collect()
}

#[test]
fn cases_of_single_requests_are_decided_rightly() {
    let Some(folder) = std::env::var_os("OUTCROP_CASES").map(PathBuf::from) else { return };
    let text = std::fs::read_to_string(folder.join("policy/simulate.jsonl")).expect("the cases");
    let (mut right, mut left_out) = (0, 0);
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).expect("JSON");
        // Resource policies and sessions come later than the first release.
        if !case["resource_policy"].is_null() || !case["session_policy"].is_null() || case["request"]["principal"].is_null() {
            left_out += 1;
            continue;
        }
        let text = |key: &str| case["request"][key].as_str().unwrap_or_default().to_owned();
        let arn = text("principal");
        let grants = Grants {
            identity: documents(&case["identity_policies"]),
            boundary: case["permission_boundary"].as_object().map(|_| Document::parse("boundary", &case["permission_boundary"]).expect("a policy")),
            control: case["service_control_policies"].as_array().into_iter().flatten().map(documents).collect(),
            control_unknown: Vec::new(),
        };
        let context: BTreeMap<String, Fact> = case["request"]["context"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| {
                let values = value.as_array().map_or_else(
                    || vec![value.as_str().unwrap_or_default().to_owned()],
                    |all| all.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
                );
                (key.to_lowercase(), Fact::Values(values))
            })
            .collect();
        let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
        let request =
            Request { principal: Principal { arn, account, organization: Fact::Absent }, action: text("action"), resource: text("resource"), context };
        let allowed = match grants.decide(&request) {
            Answer::Allowed(_) => "allowed",
            Answer::ExplicitlyDenied(_) | Answer::ImplicitlyDenied => "denied",
            Answer::Unknown(_) => "unknown",
        };
        assert_eq!(allowed, case["expect"], "{}", case["id"]);
        right += 1;
    }
    println!("{right} cases decided rightly, {left_out} need what comes later");
    assert!(right > 0);
}

#[test]
fn published_endpoint_policies_are_read() {
    let Some(folder) = std::env::var_os("OUTCROP_CASES").map(PathBuf::from) else { return };
    for entry in std::fs::read_dir(folder.join("policy/endpoint-policies")).expect("the policies").flatten() {
        let json: Json = serde_json::from_str(&std::fs::read_to_string(entry.path()).expect("text")).expect("JSON");
        let document = Document::parse("endpoint", &json).unwrap_or_else(|error| panic!("{}: {error}", entry.path().display()));
        assert!(!document.statements.is_empty());
    }
}
