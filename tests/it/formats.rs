//! Every format carries the same results, and text from strangers stays text in each.

use outcrop::inventory::{Kind, Role, Store};
use outcrop::model::{Outcome, Verdict};
use outcrop::sources::fixture;
use outcrop::{engine, report, subjects};

fn judged(estate: &str) -> Outcome {
    let tables = subjects::tables();
    let mut store = Store::memory(&tables).expect("a store");
    let run = fixture::load_estate(estate, &mut store).expect("an estate");
    store.write_run(&run).expect("written");
    subjects::derive(&store).expect("derived");
    let library = engine::Library::load(&tables, &[]).expect("rules");
    engine::judge(&mut store, &library, &engine::Config::default(), &run, true).expect("judged");
    engine::outcome(&store).expect("an outcome")
}

/// The broken estate in which a stranger has named things and written notes.
fn hostile_estate(name: &str) -> Outcome {
    let tables = subjects::tables();
    let mut store = Store::memory(&tables).expect("a store");
    let mut run = fixture::load_estate("broken", &mut store).expect("an estate");
    let inner = serde_json::to_string(name).expect("JSON");
    let inner = inner.trim_matches('"');
    for table in tables.iter().filter(|table| table.role == Role::Base) {
        for column in table.columns {
            let with = match column.kind {
                Kind::Text => name,
                Kind::List | Kind::Json => inner,
                _ => continue,
            };
            for word in ["chat-api", "orders", "chat", "retriever"] {
                let sql = format!(
                    "UPDATE \"{0}\" SET \"{1}\" = replace(\"{1}\", ?1, ?2) WHERE \"{1}\" LIKE '%' || ?1 || '%' AND \"{1}\" NOT LIKE '%<script%'",
                    table.name, column.name
                );
                store
                    .conn
                    .execute(&sql, [word, &format!("{word}{with}")])
                    .expect("SQL");
            }
        }
    }
    run.notes.push(name.to_owned());
    run.command = name.to_owned();
    for account in &mut run.accounts {
        account.name = name.to_owned();
    }
    store.write_run(&run).expect("written");
    subjects::derive(&store).expect("derived");
    let library = engine::Library::load(&tables, &[]).expect("rules");
    engine::judge(&mut store, &library, &engine::Config::default(), &run, true).expect("judged");
    let mut outcome = engine::outcome(&store).expect("an outcome");
    for line in &mut outcome.coverage {
        line.detail = name.to_owned();
    }
    for result in &mut outcome.results {
        result.message = format!("{name}{}", result.message);
        result.part.push_str(name);
    }
    outcome
}

fn rendered(outcome: &Outcome, format: &report::Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    (format.render)(outcome, report::Options::default(), &mut bytes).expect("rendered");
    bytes
}

/// Formats of text that lists results; `xlsx` is read back by what others wrote, the diagrams show ways and no results.
fn texts() -> impl Iterator<Item = &'static report::Format> {
    report::FORMATS.iter().filter(|format| {
        !matches!(
            format.name,
            "xlsx" | "mermaid" | "dot" | "table" | "stages" | "controls"
        )
    })
}

fn text(outcome: &Outcome, format: &report::Format) -> String {
    String::from_utf8(rendered(outcome, format)).expect("UTF-8")
}

#[test]
fn every_format_names_every_failure_and_unknown() {
    for estate in ["broken", "denied"] {
        let outcome = judged(estate);
        let count = |verdict| {
            outcome
                .results
                .iter()
                .filter(|result| result.verdict == verdict)
                .count()
        };
        let (fail, unknown, all) = (
            count(Verdict::Fail),
            count(Verdict::Unknown),
            outcome.results.len(),
        );
        let counted = |name: &str, text: &str| match name {
            "json" => text.matches("\"fingerprint\": ").count() == all,
            "csv" => text.lines().count() == all + 1,
            "markdown" => {
                text.lines().filter(|line| line.starts_with("- `")).count() >= fail + unknown
            }
            "sarif" => {
                text.matches("\"ruleId\": ").count() == fail + unknown
                    && text.matches("\"kind\": \"open\"").count() == unknown
            }
            "junit" => {
                text.matches("<testcase ").count() == all
                    && text.matches("<failure ").count() == fail
                    && text.matches("<error ").count() == unknown
            }
            "github" => text.lines().count() == fail + unknown + 1,
            "html" => {
                text.matches("<tr><td><span class=\"word fail\">").count() == fail
                    && text
                        .matches("<tr><td><span class=\"word unknown\">")
                        .count()
                        == unknown
                    && text.matches("<li>pass: <code>").count()
                        + text.matches("<li>not applicable: <code>").count()
                        == all - fail - unknown
            }
            "ocsf" => text.lines().count() == all,
            "asff" => text.matches("\"SchemaVersion\":").count() == all,
            "oscal" => text.matches("\"collected\": ").count() == all,
            _ => text.matches("\"fingerprint\": ").count() == fail + unknown,
        };
        for format in texts() {
            assert!(
                counted(format.name, &text(&outcome, format)),
                "{estate} as {}: {fail} fail, {unknown} unknown, {all} in all",
                format.name
            );
        }
        for format in &report::FORMATS {
            assert!(
                rendered(&outcome, format) == rendered(&outcome, format),
                "{} gives the same bytes twice",
                format.name
            );
        }
    }
}

#[test]
fn what_strangers_write_stays_text() {
    let hostile = "=cmd|'/c'!A1 <script>alert(1)</script> | @all #1 \u{1b}[31m \u{202e}rtl ::error::x%0A\n::warning::y \"quoted\", ]]> & `code` [a](http://x)";
    let outcome = hostile_estate(hostile);
    assert!(
        outcome
            .results
            .iter()
            .filter(|result| result.resource.contains("<script>"))
            .count()
            > 20,
        "the stranger is everywhere"
    );
    for format in &report::FORMATS {
        let bytes = rendered(&outcome, format);
        // What is zipped is read back by what others wrote.
        let Ok(text) = String::from_utf8(bytes) else {
            assert_eq!(format.name, "xlsx");
            continue;
        };
        let name = format.name;
        let clean = match name {
            "csv" | "stages" | "controls" => {
                !text.contains("\"=cmd") && !text.lines().any(|line| line.starts_with('='))
            }
            // Inside a code span nothing acts, and the stranger's text cannot end one.
            "markdown" => text
                .lines()
                .filter(|line| line.starts_with("- "))
                .all(|line| {
                    let outside: String = line.replace("\\`", "").split('`').step_by(2).collect();
                    !["<script", "@all", "](http", "\u{1b}"]
                        .iter()
                        .any(|acts| outside.contains(acts))
                }),
            "junit" => {
                !text.contains("<script") && !text.contains('\u{1b}') && !text.contains('\u{202e}')
            }
            // One command a line: none of the stranger's lines starts one.
            "github" => {
                text.lines()
                    .all(|line| line.starts_with("::") && !line.starts_with("::warning::y"))
                    && !text.contains('\u{1b}')
            }
            "html" => {
                !text.contains("<script") && !text.contains('\u{1b}') && !text.contains('\u{202e}')
            }
            "ocsf" | "asff" => text
                .lines()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
            "table" => !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            // Every line is one that the language knows: a name or an edge, in quotes what the stranger wrote.
            "mermaid" => text.lines().skip(1).all(|line| {
                let line = line.trim();
                ["linkStyle ", "style n"]
                    .iter()
                    .any(|word| line.starts_with(word))
                    || line.starts_with('n')
                        && !line.contains("<script")
                        && line.matches('"').count() != 1
                        && line.matches('"').count() <= 2
            }),
            "dot" => {
                text.lines().skip(3).all(|line| {
                    line == "}"
                        || line.trim().starts_with('n')
                            && line.ends_with("];")
                            && line.matches('"').count() % 2 == 0
                }) && !text.contains("<script")
            }
            // JSON's own escapes do it.
            _ => serde_json::from_str::<serde_json::Value>(&text).is_ok(),
        };
        assert!(clean, "{name} lets a stranger's text act");
    }
}

#[test]
fn unknown_results_are_told_by_their_causes() {
    use outcrop::model::{Reason, Verdict};
    let outcome = crate::law::judged("denied", |_| {});
    let causes = report::causes::of(&outcome);
    assert!(!causes.is_empty());
    let mut out = Vec::new();
    report::table::render(&outcome, report::table::Layout::default(), &mut out).expect("written");
    // Lines are broken between words.
    let text = String::from_utf8(out).expect("text");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (place, cause) in causes.iter().enumerate() {
        let told = |result: &outcrop::model::Finding| {
            result.verdict == Verdict::Unknown
                && result
                    .missing
                    .iter()
                    .any(|gap| gap.reason == cause.reason && gap.operation == cause.operation)
        };
        assert!(
            cause.results > 0
                && outcome.results.iter().filter(|result| told(result)).count() >= cause.results,
            "{cause:?}"
        );
        if cause.reason == Reason::Denied {
            assert!(
                !cause.action.is_empty() && cause.sentence().contains("was denied in"),
                "{cause:?}"
            );
            // The terminal shows the first twelve, which leave most results unknown.
            assert!(
                place >= 12 || text.contains(&cause.sentence()),
                "{} is not in {text}",
                cause.sentence()
            );
        }
    }
    // No unknown result is without a cause.
    let open = outcome
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Unknown);
    for result in open {
        let covered = result.missing.iter().any(|gap| {
            causes
                .iter()
                .any(|cause| cause.operation == gap.operation && cause.reason == gap.reason)
        });
        assert!(
            covered,
            "{} of {} has no cause",
            result.rule, result.resource
        );
    }
}

/// What people say stands in every format as what it is; what the run contradicts fails and gates.
#[test]
fn what_people_attest_is_in_every_format_and_no_proof_in_any() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let config = "attestations:
  - {id: no-egress-canary, by: network team, on: 2026-10-20, expires: 2027-01-01, evidence: canary.md}
  - {id: release-tested-before-use, by: model team, on: 2026-10-20, expires: 2027-01-01, evidence: eval.md}
";
    std::fs::write(folder.path().join("outcrop.yaml"), config).expect("written");
    let formats: Vec<_> = report::FORMATS
        .iter()
        .filter(|one| !matches!(one.name, "xlsx" | "mermaid" | "dot"))
        .collect();
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("outcrop");
    command
        .current_dir(folder.path())
        .args(["demo", "--quiet", "--fail-on", "none"]);
    for one in &formats {
        command.arg(format!("--format={}={}.out", one.name, one.name));
    }
    let done = command.output().expect("the program");
    let code = done.status.code();
    assert!(
        matches!(code, Some(0)),
        "{code:?} {}",
        String::from_utf8_lossy(&done.stderr)
    );
    for one in formats {
        let path = folder.path().join(format!("{}.out", one.name));
        let text = std::fs::read_to_string(path).expect("a report");
        // The matrix names statements by their ids.
        let who = if one.name == "controls" {
            "no-egress-canary: holds"
        } else {
            "network team"
        };
        assert!(text.contains(who), "{}: {text:.2000}", one.name);
        if !matches!(one.name, "stages" | "controls") {
            assert!(text.contains("model team"), "{}", one.name);
        }
    }
}
