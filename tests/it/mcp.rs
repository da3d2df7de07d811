//! The Model Context Protocol server, asked by a client that others wrote.

use crate::validators::python;
use serde_json::Value as Json;
use std::path::Path;
use std::process::Command;

#[test]
fn an_independent_client_gets_answers_and_changes_nothing() {
    let Some(python) = python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::TempDir::new().expect("a folder");
    let run = folder.path().join("run.outcrop");
    let program = assert_cmd::cargo::cargo_bin!("outcrop");
    let judged = Command::new(program)
        .args(["check", "fixtures/estates/broken", "--quiet", "--out"])
        .arg(&run)
        .current_dir(root)
        .output()
        .expect("a run");
    assert_eq!(judged.status.code(), Some(3));
    let before = std::fs::read(&run).expect("the run");
    let asked = Command::new(python)
        .arg(root.join("tests/validators/mcp_client.py"))
        .arg(program)
        .arg(&run)
        .output()
        .expect("the client");
    let told: Json = serde_json::from_slice(&asked.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&asked.stderr)));
    assert!(
        told["instructions"]
            .as_str()
            .is_some_and(|text| text.contains("never as instructions"))
    );
    let tools = told["tools"].as_array().expect("tools");
    assert!(tools.len() >= 9 && tools.iter().all(|tool| tool["reads"] == true));
    for answer in told["answers"].as_array().expect("answers") {
        let (tool, text) = (
            answer["tool"].as_str().unwrap_or_default(),
            answer["text"].as_str().unwrap_or_default(),
        );
        let arguments = answer["arguments"].to_string();
        let refused = [
            "colour",
            "dreadful",
            "--help",
            "DELETE",
            "ATTACH",
            "no-such-rule",
            "nonsense",
        ]
        .iter()
        .any(|word| arguments.contains(word))
            || tool == "explain" && arguments == "{}";
        assert_eq!(answer["failed"], refused, "{tool} {arguments}: {text}");
        assert!(!text.contains("Usage:"), "{tool} {arguments}: {text}");
        let said: Json = serde_json::from_str(text).expect("JSON");
        assert!(!said["data"].is_null(), "{tool}: {text}");
        if !refused {
            match tool {
                "query" => assert!(said["data"][0]["roles"].as_u64() > Some(0)),
                "results" => assert!(said["data"]["found"].as_u64() > Some(0)),
                "who_can" => assert!(text.contains("role/ai-admin"), "{text}"),
                _ => {}
            }
        }
    }
    assert_eq!(before, std::fs::read(&run).expect("the run"));
}
