//! Failures over several runs: each has a life.

use crate::law::{judged_by, rules_of_accounts};

/// Between two runs: what cannot be judged any more is lost sight of, whatever it was, and only what hides it does so.
#[test]
fn what_cannot_be_seen_any_more_is_lost_sight_of_and_not_gone() {
    use outcrop::judge::diff::compare;
    let rule = "inference-log-group-kept-forever";
    let mut library = rules_of_accounts();
    library.rules.retain(|loaded| loaded.rule.id == rule);
    let judged = |change: &'static str| {
        judged_by(&library, "broken", |store| {
            store.conn.execute_batch(change).expect("the change");
        })
    };
    let none = judged("DELETE FROM bedrock_model_invocation_logging");
    let open = judged(
        "UPDATE bedrock_model_invocation_logging SET log_group_name = NULL; UPDATE cloudwatch_log_group SET retention_in_days = NULL; UPDATE coverage SET status = 'denied' WHERE table_name IN ('bedrock_model_invocation_logging', 'cloudwatch_log_group')",
    );
    let verdicts = |outcome: &outcrop::model::Outcome| -> Vec<&'static str> {
        let all = outcome.results.iter();
        all.map(|one| one.verdict.as_str()).collect()
    };
    let seen = compare(&none, &open);
    assert!(
        !seen.lost_sight_of.is_empty() && seen.fixed.is_empty(),
        "{:?} to {:?}: {seen:?}",
        verdicts(&none),
        verdicts(&open)
    );
    for one in &seen.lost_sight_of {
        assert_eq!(one.new, "unknown", "{one:?}");
    }
    // What was unknown and is known is no loss.
    assert!(compare(&open, &none).lost_sight_of.is_empty());
}

/// The estate `broken` after a change, judged by one rule on that day of November.
fn at(day: &str, change: &'static str) -> outcrop::model::Outcome {
    let mut library = rules_of_accounts();
    library
        .rules
        .retain(|loaded| loaded.rule.id == "inference-log-group-kept-forever");
    let mut outcome = judged_by(&library, "broken", |store| {
        store.conn.execute_batch(change).expect("the change");
    });
    outcome.run.id = day.to_owned();
    outcome.run.finished_at = format!("2026-11-{day}T06:00:00Z");
    outcome
}

#[test]
fn a_failure_has_a_life_over_several_runs() {
    use outcrop::judge::trend::{State, trend};
    let forever = "UPDATE cloudwatch_log_group SET retention_in_days = 0 WHERE name = '/aws/bedrock/invocations'";
    let kept = "UPDATE cloudwatch_log_group SET retention_in_days = 180";
    let unseen = "UPDATE cloudwatch_log_group SET retention_in_days = NULL; UPDATE coverage SET status = 'denied' WHERE table_name = 'cloudwatch_log_group'";
    // In any order: open, lost sight of, open again, fixed, open anew.
    let all = trend(vec![
        at("20", kept),
        at("01", forever),
        at("10", unseen),
        at("12", forever),
        at("25", forever),
    ]);
    let counts: Vec<(usize, usize, usize, usize)> = all
        .runs
        .iter()
        .map(|one| {
            let counts = &one.counts;
            (counts.open, counts.new, counts.fixed, counts.lost_sight_of)
        })
        .collect();
    assert_eq!(
        counts,
        [
            (1, 0, 0, 0),
            (0, 0, 0, 1),
            (1, 0, 0, 0),
            (0, 0, 1, 0),
            (1, 1, 0, 0)
        ]
    );
    let [life] = all.findings.as_slice() else {
        assert_eq!(all.findings.len(), 1);
        return;
    };
    assert_eq!((life.state, life.age_days), (State::Open, Some(0)));
    // What could not be judged is not fixed, and ages.
    let all = trend(vec![at("01", forever), at("10", unseen)]);
    assert_eq!(all.findings[0].state, State::LostSightOf);
    assert_eq!(all.findings[0].age_days, Some(9));
    assert_eq!(all.rules[0].lost_sight_of, 1);
    // What somebody accepted is not fixed.
    let mut waived = at("10", forever);
    for result in &mut waived.results {
        result.waiver = Some(outcrop::model::Waiver {
            reason: "for now".to_owned(),
            owner: "platform".to_owned(),
            expires: "2027-01-31".to_owned(),
        });
    }
    let all = trend(vec![at("01", forever), waived]);
    assert_eq!(all.findings[0].state, State::Waived);
    assert_eq!((all.rules[0].fixed, all.rules[0].waived), (0, 1));
    let all = trend(vec![at("01", forever), at("09", forever)]);
    assert_eq!(all.rules[0].oldest_days, Some(8));
    assert!(all.notes.is_empty(), "{:?}", all.notes);
}

/// Reports of a run that know the runs before it: since when a failure is open, and since when a promise is kept.
#[test]
fn a_report_carries_the_life_of_its_failures() {
    use outcrop::judge::trend::history;
    use outcrop::report::format;
    let forever = "UPDATE cloudwatch_log_group SET retention_in_days = 0 WHERE name = '/aws/bedrock/invocations'";
    let unseen = "UPDATE cloudwatch_log_group SET retention_in_days = NULL; UPDATE coverage SET status = 'denied' WHERE table_name = 'cloudwatch_log_group'";
    let told = |mut now: outcrop::model::Outcome, name: &str| {
        now.history = Some(history(vec![at("01", forever), now.clone()]));
        let mut bytes = Vec::new();
        let format = format(name).expect("a format");
        (format.render)(&now, outcrop::report::Options::default(), &mut bytes).expect("written");
        String::from_utf8(bytes).expect("UTF-8")
    };
    let written = |day: &str, change, name: &str| told(at(day, change), name);
    let open = written("20", forever, "ocsf");
    assert!(
        open.contains("\"first_seen_time_dt\":\"2026-11-01T06:00:00Z\""),
        "{open}"
    );
    assert!(open.contains("\"state\":\"open\""), "{open}");
    let hub = written("20", forever, "asff");
    assert!(
        hub.contains("\"FirstObservedAt\":\"2026-11-01T06:00:00Z\""),
        "{hub}"
    );
    // Unknown, or not looked at in this run at all: it is told as open.
    let mut elsewhere = at("21", forever);
    elsewhere.results.clear();
    elsewhere.run.accounts.clear();
    for name in ["ocsf", "asff"] {
        for text in [written("21", unseen, name), told(elsewhere.clone(), name)] {
            let text = text.replace("{\"AwsAccountId\"", "\n{\"AwsAccountId\"");
            let lost: Vec<&str> = text
                .lines()
                .filter(|line| line.contains("lost-sight-of"))
                .collect();
            assert!(!lost.is_empty(), "{name}: {text:.3000}");
            for line in lost {
                assert!(
                    !line.contains("PASSED") && !line.contains("\"Resolved\""),
                    "{name}: {line}"
                );
            }
        }
    }
    assert!(written("20", forever, "html").contains("Open failures, run by run"));
}
