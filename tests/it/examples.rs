//! `reports/examples/`: a few rules on the demo estate in every format, byte for byte. A rule more or a table more changes nothing
//! there. `OUTCROP_EXAMPLES=write` writes them anew.

use crate::law::{judged_by, rules_of_accounts};
use outcrop::report::{FORMATS, Options};
use std::collections::BTreeSet;
use std::path::Path;

/// One rule of each kind that the formats tell apart: paths, witnesses, secrets, accounts, keys, logs, an unknown, a follower.
const PINNED: [&str; 9] = [
    "all-functions-in-one-account",
    "bedrock-call-leaves-by-public-endpoint",
    "bedrock-call-may-leave-by-public-endpoint",
    "bedrock-calls-observed-outside-endpoint",
    "bedrock-endpoint-policy-default",
    "bedrock-invoke-any-model",
    "corpus-key-open-to-anyone",
    "inference-log-group-kept-forever",
    "secret-in-lambda-environment",
];

#[test]
fn the_examples_are_what_the_formats_write() {
    let mut library = rules_of_accounts();
    library
        .rules
        .retain(|loaded| PINNED.contains(&loaded.rule.id.as_str()));
    assert_eq!(library.rules.len(), PINNED.len());
    library.values.retain(|name, _| {
        library
            .rules
            .iter()
            .any(|loaded| loaded.rule.parameters.contains_key(name))
    });
    let mut outcome = judged_by(&library, "broken", |_| {});
    outcome.run.id = "0123456789abcdef".to_owned();
    let read: BTreeSet<&str> = outcrop::subjects::needs::readings(library.needs(&[]))
        .into_iter()
        .map(|(table, _)| table)
        .collect();
    outcome
        .coverage
        .retain(|line| read.contains(line.table.split('.').next().unwrap_or_default()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/examples");
    for format in FORMATS {
        let name = format!("demo.{}", format.ending);
        let mut bytes = Vec::new();
        (format.render)(&outcome, Options::default(), &mut bytes).expect("written");
        if std::env::var_os("OUTCROP_EXAMPLES").is_some() {
            std::fs::write(folder.join(&name), &bytes).expect("written");
        }
        let kept = std::fs::read(folder.join(&name)).unwrap_or_default();
        assert!(
            kept == bytes,
            "{}: reports/examples/{name} is another; write them anew with OUTCROP_EXAMPLES=write and look at what changed",
            format.name
        );
    }
}

/// `reports/claims.md`: each promise, what serves it, and a command that shows it at work.
#[test]
fn every_promise_names_what_serves_it_and_a_command_that_shows_it() {
    let outcome = judged_by(&rules_of_accounts(), "broken", |_| {});
    let all = outcrop::model::promises(&outcome);
    let mut text = String::from(
        "# Promises of a production platform, and what serves each\n\nGenerated from `data/claims.yaml` and the rules. A command shows a promise at work on the estate of the demo, where most are broken.\n\n| Promise | By day | Rules | Words of people | Sections of the hand-over | Not yet | Shown by |\n|---|---|---|---|---|---|---|\n",
    );
    let code = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    for one in &all {
        let served =
            !one.rules.is_empty() || !one.attestations.is_empty() || !one.sections.is_empty();
        assert!(
            served || !one.planned.is_empty(),
            "nothing serves {}: {}",
            one.id,
            one.promise
        );
        let command = if let Some(rule) = one.rules.first() {
            format!("`outcrop check fixtures/estates/broken --select {rule}`")
        } else if !one.sections.is_empty() {
            "`outcrop handoff RUN --out DIR`".to_owned()
        } else if one.attestations.is_empty() {
            String::new()
        } else {
            format!(
                "`outcrop check fixtures/estates/broken --require-attestations stage:{}`",
                one.stage
            )
        };
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {command} |\n",
            one.promise,
            one.stage,
            code(&one.rules),
            code(&one.attestations),
            code(&one.sections),
            code(&one.planned),
        ));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/claims.md");
    if std::env::var_os("OUTCROP_EXAMPLES").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "reports/claims.md is another; write it anew with OUTCROP_EXAMPLES=write and look at what changed"
    );
}
