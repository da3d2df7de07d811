//! Every format carries the same results, and text from strangers stays text in each.

use outcrop::model::{Outcome, Verdict};
use outcrop::sources::fixture;
use outcrop::{engine, inventory::Store, reason, report};

fn judged(estate: &str) -> Outcome {
    let tables = reason::tables();
    let mut store = Store::memory(&tables).expect("a store");
    let run = fixture::load_estate(estate, &mut store).expect("an estate");
    store.write_run(&run).expect("written");
    reason::derive(&store).expect("derived");
    let library = engine::Library::load(&tables, &[]).expect("rules");
    engine::judge(&mut store, &library, &engine::Config::default(), &run, true).expect("judged");
    engine::outcome(&store).expect("an outcome")
}

type Render = fn(&Outcome, &mut dyn std::io::Write) -> std::io::Result<()>;

const FORMATS: [(&str, Render); 11] = [
    ("json", report::json::render),
    ("csv", report::csv::render),
    ("markdown", report::markdown::render),
    ("sarif", report::sarif::render),
    ("junit", report::junit::render),
    ("github", report::github::render),
    ("gitlab", report::gitlab::render),
    ("html", report::html::render),
    ("ocsf", |outcome, out| report::ocsf::render(outcome, report::ocsf::Class::Compliance, out)),
    ("asff", report::asff::render),
    ("oscal", report::oscal::render),
];

fn rendered(outcome: &Outcome, render: Render) -> String {
    let mut bytes = Vec::new();
    render(outcome, &mut bytes).expect("rendered");
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn every_format_names_every_failure_and_unknown() {
    for estate in ["broken", "denied"] {
        let outcome = judged(estate);
        let count = |verdict| outcome.results.iter().filter(|result| result.verdict == verdict).count();
        let (fail, unknown, all) = (count(Verdict::Fail), count(Verdict::Unknown), outcome.results.len());
        let counted = |name: &str, text: &str| match name {
            "json" => text.matches("\"fingerprint\": ").count() == all,
            "csv" => text.lines().count() == all + 1,
            "markdown" => text.lines().filter(|line| line.starts_with("- `")).count() >= fail + unknown,
            "sarif" => text.matches("\"ruleId\": ").count() == fail + unknown && text.matches("\"kind\": \"open\"").count() == unknown,
            "junit" => text.matches("<testcase ").count() == all && text.matches("<failure ").count() == fail && text.matches("<error ").count() == unknown,
            "github" => text.lines().count() == fail + unknown + 1,
            "html" => {
                text.matches("<tr><td><span class=\"word fail\">").count() == fail
                    && text.matches("<tr><td><span class=\"word unknown\">").count() == unknown
                    && text.matches("<li>pass: <code>").count() + text.matches("<li>not applicable: <code>").count() == all - fail - unknown
            }
            "ocsf" => text.lines().count() == all,
            "asff" => text.matches("\"SchemaVersion\":").count() == all,
            "oscal" => text.matches("\"collected\": ").count() == all,
            _ => text.matches("\"fingerprint\": ").count() == fail + unknown,
        };
        for (name, render) in FORMATS {
            let text = rendered(&outcome, render);
            assert!(counted(name, &text), "{estate} as {name}: {fail} fail, {unknown} unknown, {all} in all");
            assert_eq!(text, rendered(&outcome, render), "{name} gives the same bytes twice");
        }
    }
}

#[test]
fn what_strangers_write_stays_text() {
    let mut outcome = judged("broken");
    let hostile = "=cmd|'/c'!A1 <script>alert(1)</script> | @all #1 \u{1b}[31m \u{202e}rtl ::error::x%0A\n::warning::y \"quoted\", ]]> & `code` [a](http://x)";
    for result in &mut outcome.results {
        result.resource = hostile.to_owned();
        result.message = hostile.to_owned();
        result.part = hostile.to_owned();
    }
    for (name, render) in FORMATS {
        let text = rendered(&outcome, render);
        let clean = match name {
            "csv" => !text.contains("\"=cmd") && !text.lines().any(|line| line.starts_with('=')),
            // Inside a code span nothing acts, and the stranger's text cannot end one.
            "markdown" => text.lines().filter(|line| line.starts_with("- ")).all(|line| {
                let outside: String = line.replace("\\`", "").split('`').step_by(2).collect();
                !["<script", "@all", "](http", "\u{1b}"].iter().any(|acts| outside.contains(acts))
            }),
            "junit" => !text.contains("<script") && !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            // One command a line: none of the stranger's lines starts one.
            "github" => text.lines().all(|line| line.starts_with("::") && !line.starts_with("::warning::y")) && !text.contains('\u{1b}'),
            "html" => !text.contains("<script") && !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "ocsf" | "asff" => text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
            // JSON's own escapes do it.
            _ => serde_json::from_str::<serde_json::Value>(&text).is_ok(),
        };
        assert!(clean, "{name} lets a stranger's text act");
    }
}
