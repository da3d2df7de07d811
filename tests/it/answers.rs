//! What people act on: the headline, the changes that close failures, the promises of a rollout.

use crate::law::{judged, judged_by, rules_of_accounts};
use outcrop::engine::Library;
use outcrop::model::{
    Answer, NotRun, Outcome, PromiseState, Severity, Verdict, changes, headline, promises, stages,
};
use outcrop::subjects;
use std::collections::{BTreeMap, BTreeSet};

fn all_rules() -> Library {
    Library::load(&subjects::tables(), &[]).expect("the built-in rules")
}

/// The sound estate, and what this release does not judge left out of the question.
fn judged_whole() -> Outcome {
    let mut outcome = judged("sound", |_| {});
    let served: BTreeSet<String> = outcome
        .rules
        .values()
        .flat_map(|rule| rule.claims.clone())
        .collect();
    outcome.claims.retain(|claim| served.contains(&claim.id));
    // What rests on a person's word as well is another matter.
    for claim in &mut outcome.claims {
        claim.attestations.clear();
    }
    outcome
}

#[test]
fn the_headline_says_yes_only_where_everything_critical_was_judged() {
    let sound = judged_whole();
    assert_eq!(
        headline(&sound).answer,
        Answer::Yes,
        "{:?}",
        headline(&sound)
    );
    let spoiled = |change: &dyn Fn(&mut Outcome)| {
        let mut outcome = sound.clone();
        change(&mut outcome);
        outcome.settle();
        headline(&outcome)
    };
    let critical = "bedrock-call-leaves-by-public-endpoint";
    let not_run = NotRun {
        severity: Severity::Critical,
        why: "disabled by the configuration".to_owned(),
        chosen: true,
        claims: Vec::new(),
    };
    type Change<'c> = &'c dyn Fn(&mut Outcome);
    let open: [(&str, Change<'_>); 7] = [
        (
            "an attestation, and the configuration holds none",
            &|outcome| {
                let claim = outcome.claims.iter_mut().find(|claim| claim.stage == 30);
                claim
                    .expect("a promise")
                    .attestations
                    .push("auditor-can-read".to_owned());
            },
        ),
        ("no account", &|outcome| outcome.run.accounts.clear()),
        ("Nothing that a rule judges", &|outcome| {
            outcome.results.clear()
        }),
        ("interrupted", &|outcome| outcome.run.complete = false),
        ("did not run", &|outcome| {
            outcome
                .run
                .not_run
                .insert(critical.to_owned(), not_run.clone());
        }),
        ("lowers the severity", &|outcome| {
            let both = [Severity::Critical, Severity::Low];
            outcome.run.severities.insert(critical.to_owned(), both);
        }),
        ("could not be determined", &|outcome| {
            let one = outcome
                .results
                .iter_mut()
                .find(|result| {
                    result.severity == Severity::Critical && result.verdict == Verdict::Pass
                })
                .expect("a critical pass");
            one.verdict = Verdict::Unknown;
        }),
    ];
    for (why, change) in open {
        let head = spoiled(change);
        assert_eq!(head.answer, Answer::NotAnswered, "{why}: {head:?}");
        assert!(
            head.because.iter().any(|line| line.contains(why)),
            "{why}: {head:?}"
        );
    }
    // A failure wins over everything that is open.
    let head = spoiled(&|outcome| {
        outcome.run.complete = false;
        let one = outcome
            .results
            .iter_mut()
            .find(|result| result.severity == Severity::Critical && result.verdict == Verdict::Pass)
            .expect("a critical pass");
        one.verdict = Verdict::Fail;
    });
    assert_eq!(head.answer, Answer::No);
    // What no rule of a release judges is named, and keeps the answer open.
    let mut outcome = judged("sound", |_| {});
    let mut claim = outcome.claims[0].clone();
    claim.id = "999".to_owned();
    claim.planned = vec!["a-rule-of-tomorrow".to_owned()];
    outcome.claims.push(claim);
    let head = headline(&outcome);
    assert_eq!(head.answer, Answer::NotAnswered);
    assert!(!head.not_judged.is_empty());
}

#[test]
fn every_failure_is_closed_by_exactly_one_change() {
    let outcome = judged("broken", |_| {});
    let changes = changes(&outcome);
    let mut closed: BTreeMap<&str, usize> = BTreeMap::new();
    for change in &changes {
        assert!(!change.sentence.contains('{'), "{}", change.sentence);
        assert_eq!(change.closes.values().sum::<usize>(), change.results.len());
        for result in &change.results {
            *closed.entry(result).or_default() += 1;
        }
    }
    let failing: BTreeSet<&str> = outcome
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Fail && result.waiver.is_none())
        .map(|result| result.fingerprint.as_str())
        .collect();
    assert_eq!(closed.keys().copied().collect::<BTreeSet<_>>(), failing);
    assert!(closed.values().all(|count| *count == 1));
    assert!(
        changes.len() * 5 < failing.len() * 3,
        "{} changes for {} failures",
        changes.len(),
        failing.len()
    );
    // One switch: the endpoint itself, five calls that it would take, and what CloudTrail saw of four of the callers.
    let dns = changes
        .iter()
        .find(|change| change.change == "private-dns")
        .expect("the switch");
    assert_eq!(dns.counts(), "4 critical, 6 high");
    // One control policy closes what each role of the account is allowed from anywhere.
    let policy = changes
        .iter()
        .find(|change| change.change == "control-policy" && change.account_id == "111111111111")
        .expect("the policy");
    assert!(policy.results.len() > 15, "{policy:?}");
    // The worst come first.
    let critical: Vec<usize> = changes
        .iter()
        .map(|change| change.closes.get("critical").copied().unwrap_or(0))
        .collect();
    assert!(critical.is_sorted_by(|a, b| a >= b));
}

/// Turning on what a change names closes what it says that it closes.
#[test]
fn a_change_that_is_made_closes_its_failures() {
    let library = rules_of_accounts();
    let before = judged_by(&library, "broken", |_| {});
    let dns = changes(&before)
        .into_iter()
        .find(|change| change.change == "private-dns")
        .expect("the switch");
    let after = judged_by(&library, "broken", |store| {
        store
            .conn
            .execute_batch("UPDATE vpc_endpoint SET private_dns_enabled = 1 WHERE vpc_endpoint_id = 'vpce-app-runtime'")
            .expect("the switch");
    });
    for result in before
        .results
        .iter()
        .filter(|one| dns.results.contains(&one.fingerprint))
    {
        // What was called before was called before, whatever is changed now.
        if result.rule == "bedrock-calls-observed-outside-endpoint" {
            continue;
        }
        let now = after
            .results
            .iter()
            .find(|one| one.fingerprint == result.fingerprint)
            .map(|one| one.verdict);
        assert_ne!(
            now,
            Some(Verdict::Fail),
            "{} {}",
            result.rule,
            result.resource
        );
    }
}

#[test]
fn changes_and_promises_name_what_there_is() {
    let outcome = judged("sound", |_| {});
    let library = all_rules();
    let named: BTreeSet<&str> = library
        .rules
        .iter()
        .flat_map(|loaded| loaded.rule.cause.iter().map(|cause| cause.change.as_str()))
        .collect();
    let known: BTreeSet<&str> = outcome.changes.keys().map(String::as_str).collect();
    assert_eq!(
        named, known,
        "changes that rules name, and data/changes.yaml"
    );
    assert!(outcome.changes.values().all(|text| text.contains("{on}")));
    for loaded in &library.rules {
        assert!(
            !loaded.rule.cause.is_empty(),
            "{} names no change",
            loaded.rule.id
        );
    }
    let ids: BTreeSet<&str> = library
        .rules
        .iter()
        .map(|one| one.rule.id.as_str())
        .collect();
    let statements: BTreeSet<&str> = outcome
        .attestations
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    let mut sections: BTreeSet<String> = std::fs::read_dir("data/handoff")
        .expect("the sections")
        .filter_map(|entry| std::fs::read_to_string(entry.expect("a file").path()).ok())
        .filter_map(|text| Some(text.strip_prefix("id: ")?.lines().next()?.to_owned()))
        .collect();
    sections.extend(["resources", "teardown"].map(str::to_owned));
    let mut claims = BTreeSet::new();
    for claim in &outcome.claims {
        assert!(
            claims.insert(claim.id.as_str()),
            "{} stands twice",
            claim.id
        );
        assert!(matches!(claim.stage, 30 | 60 | 90), "{}", claim.id);
        for name in &claim.planned {
            assert!(!ids.contains(name.as_str()), "{}: {name} exists", claim.id);
        }
        for name in &claim.attestations {
            assert!(statements.contains(name.as_str()), "{}: {name}", claim.id);
        }
        for name in &claim.sections {
            assert!(sections.contains(name), "{}: {name}", claim.id);
        }
    }
    for loaded in &library.rules {
        for claim in loaded.rule.claims() {
            assert!(
                claims.contains(claim.as_str()),
                "{}: claim {claim}",
                loaded.rule.id
            );
        }
    }
}

#[test]
fn a_stage_is_reached_when_every_promise_of_it_is_kept() {
    let outcome = judged("sound", |_| {});
    let all = promises(&outcome);
    for one in &all {
        assert!(
            !matches!(
                one.state,
                PromiseState::Broken | PromiseState::NotKnown | PromiseState::NotJudged
            ),
            "{}: {:?}",
            one.promise,
            one.state
        );
    }
    assert!(stages(&all).iter().all(|stage| !stage.reached));
    let kept: Vec<_> = all
        .iter()
        .cloned()
        .map(|mut one| {
            if one.stage == 30 {
                one.state = PromiseState::Holds;
            }
            one
        })
        .collect();
    let reached: Vec<bool> = stages(&kept).iter().map(|stage| stage.reached).collect();
    assert_eq!(reached, [true, false, false]);
    let broken = promises(&judged("broken", |_| {}));
    let public = broken
        .iter()
        .find(|one| one.id == "10")
        .expect("the promise");
    assert_eq!(public.state, PromiseState::Broken);
    assert!(public.accounts.contains(&"111111111111".to_owned()));
}

#[test]
fn a_first_configuration_is_written_once_and_is_sound() {
    let home = tempfile::TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| {
        let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .current_dir(home.path())
            .env_clear()
            .args(arguments)
            .output()
            .expect("the binary");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let estate = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/estates/broken");
    let estate = estate.to_str().expect("UTF-8");
    let (code, said) = run(&["init", estate, "--account", "444455556666"]);
    assert_eq!(code, Some(0), "{said}");
    let text = std::fs::read_to_string(home.path().join("outcrop.yaml")).expect("written");
    for part in [
        "\"111111111111\"",
        "\"444455556666\"",
        "approved_models",
        "# environment: prod?",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(run(&["config", "check"]).0, Some(0));
    // It changes no verdict, and is named.
    let report = |name: &str, arguments: &[&str]| {
        let format = format!("json={name}");
        let all = [arguments, &["--format", &format, "--quiet"]].concat();
        run(&all);
        let bytes = std::fs::read(home.path().join(name)).expect("a report");
        serde_json::from_slice::<serde_json::Value>(&bytes).expect("JSON")
    };
    std::fs::write(home.path().join("empty.yaml"), "").expect("written");
    let with = report("with.json", &["check", estate]);
    let without = report("without.json", &["check", estate, "--config", "empty.yaml"]);
    assert_eq!(with["results"], without["results"]);
    assert_eq!(with["run"]["configuration"]["file"], "outcrop.yaml");
    // Nothing is written over.
    let (code, said) = run(&["init"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("never overwritten"), "{said}");
    std::fs::write(
        home.path().join("odd.yaml"),
        "disabled: [corpus-bucket-public]\nwaivers:\n  - {rule: corpus-bucket-public, resource: '*', reason: x, owner: y, expires: 2030-01-01}\n",
    )
    .expect("written");
    let (code, said) = run(&["config", "check", "odd.yaml"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("the rule is disabled") && said.contains("no headline says yes"),
        "{said}"
    );
}

/// What was judged was observed: a sentence that names what was not has another form.
#[test]
fn no_pass_or_failure_names_what_was_not_observed() {
    for estate in ["broken", "sound", "denied", "hub", "single-account"] {
        for result in judged(estate, |_| {}).results {
            assert!(
                result.verdict == Verdict::Unknown || !result.message.contains("(not observed)"),
                "{estate}: {} {}: {}",
                result.rule,
                result.resource,
                result.message
            );
        }
    }
}

/// One failing rule over a database, a domain and a graph is three failures, and one of the control on databases.
#[test]
fn a_control_counts_the_resources_that_it_is_about() {
    let outcome = judged("broken", |_| {});
    let of = |control: &str| -> Vec<&str> {
        outcome
            .results
            .iter()
            .filter(|result| result.verdict == Verdict::Fail)
            .filter(|result| {
                result
                    .controls
                    .get("security-hub")
                    .is_some_and(|all| all.iter().any(|one| one == control))
            })
            .map(|result| result.resource_type.as_str())
            .collect()
    };
    assert_eq!(of("RDS.2"), ["AWS::RDS::DBInstance"]);
    assert_eq!(of("Opensearch.2"), ["AWS::OpenSearchService::Domain"]);
    assert_eq!(of("SageMaker.1"), ["AWS::SageMaker::NotebookInstance"]);
}

/// A query of a rule's own that cannot be answered is no matter of the file, and passes no gate.
#[test]
fn an_unknown_without_a_reason_passes_nothing() {
    let mut outcome = judged_whole();
    outcome.run.source = outcrop::model::Source::Terraform;
    assert_eq!(headline(&outcome).answer, Answer::Yes);
    let one = outcome
        .results
        .iter_mut()
        .find(|result| result.severity == Severity::Critical && result.verdict == Verdict::Pass)
        .expect("a critical pass");
    one.verdict = Verdict::Unknown;
    one.missing.clear();
    outcome.settle();
    assert_eq!(headline(&outcome).answer, Answer::NotAnswered);
    let rules = outcrop::judge::gate::Rules {
        fail_on: outcrop::judge::gate::FailOn::Critical,
        unknown: None,
        gate: outcrop::judge::gate::Gate::New,
        stage: None,
        attested: None,
    };
    assert_eq!(rules.exit_code(&outcome), 4);
}

/// The answer who can read the prompts rests on where they are kept, whether or not a rule asks.
#[test]
fn the_report_says_who_can_read_the_prompts() {
    let said = |arguments: &[&str]| {
        let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .env_clear()
            .args(["demo", "--quiet", "--format", "html"])
            .args(arguments)
            .output()
            .expect("the binary");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let page = said(&[]);
    assert!(!page.contains("Amazon Bedrock keeps none"));
    assert!(page.contains("principals can read") || page.contains("no principal was found"));
    let page = said(&["--select", "network"]);
    assert!(page.contains("It was not asked: only some rules were selected"));
}

#[test]
fn a_cause_of_unknowns_is_accepted_in_a_scope_and_for_a_time() {
    use outcrop::engine::{self, parse_config};
    use outcrop::inventory::Store;
    use outcrop::model::WaiverStatus;
    let rules = rules_of_accounts();
    let judged = |config: &str| {
        let config = parse_config("outcrop.yaml", config).expect("a configuration");
        let mut store = Store::memory(&subjects::tables()).expect("memory");
        let mut run =
            outcrop::sources::fixture::load_estate("denied", &mut store).expect("an estate");
        run.parameters = rules.values.clone();
        run.id = "test".to_owned();
        store.write_run(&run).expect("the run");
        subjects::derive(&store).expect("subjects");
        let summary = engine::judge(&mut store, &rules, &config, &run, true)
            .expect("results")
            .summary;
        let outcome = engine::outcome(&store).expect("an outcome");
        assert_eq!(summary.waived, outcome.summary.waived, "counted once");
        outcome
    };
    let waiver = |rest: &str| {
        format!(
            "waivers:\n  - {{cause: 'bedrock:*', reason: r, owner: o, expires: 2031-01-31{rest}}}\n"
        )
    };
    let open = |outcome: &Outcome| outcome.summary.unknown.values().sum::<u64>();
    let without = judged("");
    let all = judged(&waiver(""));
    assert_eq!(all.waivers[0].status, WaiverStatus::Used);
    assert!(all.summary.waived > 0);
    assert_eq!(open(&all) + all.summary.waived, open(&without));
    // Only what misses nothing else is accepted, and no failure or pass is touched.
    for result in all.results.iter().filter(|result| result.waiver.is_some()) {
        assert_eq!(result.verdict, Verdict::Unknown);
        assert!(
            result
                .missing
                .iter()
                .all(|gap| gap.operation.starts_with("bedrock:")),
            "{:?}",
            result.missing
        );
    }
    let one = judged(&waiver(", accounts: ['111111111111']"));
    assert!((1..all.summary.waived).contains(&one.summary.waived));
    assert!(
        one.results
            .iter()
            .filter(|result| result.waiver.is_some())
            .all(|result| result.account_id == "111111111111")
    );
    let two = judged(&format!(
        "{}  - {{cause: 'lambda:ListFunctions', reason: r, owner: o, expires: 2031-01-31}}\n",
        waiver("")
    ));
    let both = two.results.iter().filter(|result| {
        let calls = |service: &str| {
            result
                .missing
                .iter()
                .any(|gap| gap.operation.starts_with(service))
        };
        result.waiver.is_some() && calls("bedrock:") && calls("lambda:")
    });
    assert!(both.count() > 0, "two causes are accepted together");
    for (config, status) in [
        (waiver("").replace("2031", "2021"), WaiverStatus::Expired),
        (
            waiver("").replace("bedrock:*", "*"),
            WaiverStatus::Malformed,
        ),
        (
            waiver("").replace("bedrock:*", "sqs:*"),
            WaiverStatus::Unmatched,
        ),
        (
            waiver("").replace("owner: o, ", ""),
            WaiverStatus::Malformed,
        ),
    ] {
        let outcome = judged(&config);
        assert_eq!(outcome.waivers[0].status, status, "{config}");
        assert_eq!(outcome.summary.waived, 0, "{config}");
    }
}
