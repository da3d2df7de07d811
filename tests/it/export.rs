//! Parquet files, read by DuckDB.

use super::validators::python;
use serde_json::Value as Json;
use std::process::Command;

const READ: &str = r#"
import duckdb, json, sys
folder = sys.argv[1]
def table(name):
    return f"read_parquet('{folder}/{name}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
def all(sql):
    return duckdb.sql(sql).fetchall()
print(json.dumps({
    "verdicts": dict(all(f"SELECT verdict, count(*) FROM {table('results')} GROUP BY verdict")),
    "joined": all(f"""SELECT DISTINCT f.name FROM {table('results')} r JOIN {table('lambda_function')} f
        ON r.resource = f.arn AND r.account_id = f.account_id AND r.region = f.region
        WHERE r.rule = 'secret-in-lambda-environment' AND r.verdict = 'fail' ORDER BY f.name"""),
    "not_observed": all(f"SELECT count(*) FROM {table('lambda_function')} WHERE ipv6_allowed IS NULL")[0][0],
    "private": all(f"SELECT count(*) FROM {table('vpc_endpoint')} WHERE private_dns_enabled")[0][0],
    "times": all(f"SELECT count(*) FROM {table('run')} WHERE try_cast(started_at AS TIMESTAMP) IS NOT NULL")[0][0],
    "coverage": all(f"SELECT count(*) FROM {table('coverage')} WHERE row_count >= 0")[0][0],
    "runs": all(f"SELECT count(DISTINCT run_id) FROM {table('results')}")[0][0],
}))
"#;

#[test]
fn duckdb_joins_results_with_what_they_are_about() {
    let Some(python) = python() else { return };
    let folder = tempfile::TempDir::new().expect("a folder");
    let outcrop = |arguments: &[&str]| {
        Command::new(assert_cmd::cargo::cargo_bin!("outcrop"))
            .current_dir(folder.path())
            .env_clear()
            .args(arguments)
            .output()
            .expect("the binary")
    };
    let told = outcrop(&["demo", "--out", "run.outcrop", "--format", "json"]);
    let told: Json = serde_json::from_slice(&told.stdout).expect("JSON");
    for arguments in [
        &[
            "demo",
            "--estate",
            "sound",
            "--out",
            "other.outcrop",
            "--quiet",
        ][..],
        &["export", "run.outcrop", "--parquet", "lake"],
        &["export", "other.outcrop", "--parquet", "lake"],
    ] {
        outcrop(arguments);
    }
    let read = |root: &str| -> Json {
        let output = Command::new(&python)
            .args(["-c", READ, root])
            .current_dir(folder.path())
            .output()
            .expect("DuckDB");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| Json::from(String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let both = read("lake");
    assert_eq!(both["runs"], 2, "{both}");

    // One run alone says what its JSON says.
    let alone = outcrop(&["export", "run.outcrop", "--parquet", "one"]);
    assert_eq!(alone.status.code(), Some(0));
    let found = read("one");
    let results = told["results"].as_array().expect("results");
    for verdict in ["pass", "fail", "unknown", "not-applicable"] {
        let wanted = results
            .iter()
            .filter(|result| result["verdict"] == verdict)
            .count();
        assert_eq!(
            found["verdicts"][verdict].as_u64().unwrap_or(0),
            wanted as u64,
            "{verdict}: {found}"
        );
    }
    assert!(found["joined"].to_string().contains("chat-api"), "{found}");
    assert_eq!(found["times"], 1, "{found}");
    // What was not observed is null in a boolean column, and neither false nor true.
    let cells = |sql: &str| {
        let output = outcrop(&["query", "run.outcrop", sql, "--format", "json"]);
        serde_json::from_slice::<Json>(&output.stdout).expect("JSON")[0]["n"].clone()
    };
    assert_eq!(
        found["not_observed"],
        cells("SELECT count(*) AS n FROM lambda_function WHERE ipv6_allowed IS NULL")
    );
    assert_eq!(
        found["private"],
        cells("SELECT count(*) AS n FROM vpc_endpoint WHERE private_dns_enabled = 1")
    );
    assert_ne!(found["private"], 0);
    assert_eq!(
        found["coverage"],
        cells("SELECT count(*) AS n FROM coverage")
    );

    // A run is exported into a folder once, and nothing is left of a second attempt.
    let again = outcrop(&["export", "run.outcrop", "--parquet", "one"]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(read("one"), found);
}
