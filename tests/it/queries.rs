//! What people ask a run for in SQL, in words: it says what the reports say.

use serde_json::Value as Json;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn outcrop(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
        .current_dir(folder)
        .env_clear()
        .env("COLUMNS", "100")
        .args(arguments)
        .output()
        .expect("the binary");
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn results_causes_and_paths_say_what_the_report_says() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    outcrop(folder, &["demo", "--quiet", "--out", "run.outcrop"]);
    let before = std::fs::read(folder.join("run.outcrop")).expect("the run");
    let asked = |sql: &str| -> Vec<Json> {
        let (code, out, said) = outcrop(folder, &["query", "run.outcrop", sql, "--format", "json"]);
        assert_eq!(code, 0, "{sql}: {said}");
        serde_json::from_str(&out).expect("rows")
    };
    let (_, report, _) = outcrop(folder, &["report", "run.outcrop", "--format", "json"]);
    let report: Json = serde_json::from_str(&report).expect("a report");

    let results = asked("SELECT fingerprint, rule, verdict, message FROM results");
    let said = report["results"].as_array().expect("results");
    assert_eq!(results.len(), said.len());
    for (row, one) in results.iter().zip(said) {
        for key in ["fingerprint", "rule", "verdict", "message"] {
            assert_eq!(row[key], one[key], "{one}");
        }
    }
    let causes = asked("SELECT id, critical FROM causes");
    let said = report["causes"].as_array().expect("causes");
    assert_eq!(causes.len(), said.len());
    for (row, one) in causes.iter().zip(said) {
        assert_eq!(row["id"], one["id"]);
        let closes = one["closes"]["critical"].as_i64().unwrap_or(0);
        assert_eq!(row["critical"].as_i64(), Some(closes), "{one}");
    }
    let paths = asked("SELECT * FROM paths WHERE workload = 'gpu-box' AND verdict = 'public'");
    assert!(
        paths.iter().any(|path| path["hops"]
            .as_str()
            .is_some_and(|hops| hops.contains("rtb-ord -> igw-ord"))),
        "{paths:?}"
    );
    // Joined with what the run holds.
    let joined = asked(
        "SELECT count(*) AS n FROM results r JOIN lambda_function f ON r.resource = f.arn WHERE r.verdict = 'fail'",
    );
    assert!(joined[0]["n"].as_i64() > Some(0), "{joined:?}");

    // A wide row stands upright; a narrow one in a table.
    let wide = outcrop(
        folder,
        &["query", "run.outcrop", "SELECT * FROM results LIMIT 1"],
    )
    .1;
    assert!(
        wide.starts_with("row 1\n") && wide.ends_with("1 row\n"),
        "{wide}"
    );
    let narrow = outcrop(
        folder,
        &["query", "run.outcrop", "SELECT rule FROM results LIMIT 2"],
    )
    .1;
    assert!(
        !narrow.contains("row 1\n") && narrow.ends_with("2 rows\n"),
        "{narrow}"
    );

    // Nothing of it is in the run, and nothing can be written.
    for sql in [
        "DELETE FROM results",
        "INSERT INTO causes (id) VALUES ('x')",
    ] {
        let (code, _, said) = outcrop(folder, &["query", "run.outcrop", sql]);
        assert!(
            code == 1 && said.contains("a query only reads"),
            "{sql}: {said}"
        );
    }
    for (sql, near) in [
        (
            "SELECT * FROM lambda_functions",
            "did you mean `lambda_function`?",
        ),
        (
            "SELECT memory FROM lambda_function",
            "there is no column `memory`",
        ),
    ] {
        let (code, _, said) = outcrop(folder, &["query", "run.outcrop", sql]);
        assert!(code == 1 && said.contains(near), "{sql}: {said}");
    }
    assert_eq!(
        std::fs::read(folder.join("run.outcrop")).expect("the run"),
        before
    );
}
