//! Subject: queues that feed Bedrock callers, and what becomes of the work that fails.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Lookup, Role, Span, Table};
use crate::model::{Arn, Gap, Observed, Reason};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const LISTS: Inputs = Inputs::All(&[
    services::queues::EVENT_SOURCE_MAPPING.list(),
    workloads::INPUTS,
]);
const QUEUES: Inputs = Inputs::All(&[
    services::queues::QUEUE.list(),
    services::queues::QUEUE.group("attributes"),
]);

/// Queues of callers.
pub const ASYNC_QUEUE: Table = Table {
    name: "async_queue",
    doc: "A queue of Amazon SQS that AWS Lambda reads for a function that calls Bedrock.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        list("functions", "Callers that it feeds.").from(LISTS),
        text("dead_letter_queue_arn", "Queue that takes what fails.")
            .absent("''")
            .from(QUEUES),
        flag("has_dead_letter_queue", "Has it a dead-letter queue?").from(QUEUES),
        flag("is_encrypted", "Is what it holds encrypted?").from(QUEUES),
    ],
    reads: &[],
    lists: LISTS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &ASYNC_QUEUE,
    derive,
    rests_on_published_data: true,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&ASYNC_QUEUE) {
        let callers = facts.workloads.all();
        let functions: Vec<_> = callers
            .possible(&account, &region)
            .filter(|workload| workload.kind == "lambda")
            .collect();
        let unlisted = callers.unlisted(&account, &region);
        if functions.is_empty() && unlisted.is_empty() {
            continue;
        }
        let mappings = facts
            .world
            .all("lambda_event_source_mapping", &account, &region);
        // A function that was not seen may be a caller that a queue feeds.
        if !mappings.rows.is_empty() || !mappings.gaps.is_empty() {
            sink.hide(&account, &region, unlisted);
        }
        sink.hide(&account, &region, mappings.gaps);
        let mut fed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for mapping in mappings.rows {
            let pair = mapping.text("source_arn").zip(mapping.text("function_arn"));
            let (source, function) = match pair {
                Known(pair) => pair,
                Unknown(gaps) => {
                    sink.hide(&account, &region, gaps);
                    continue;
                }
            };
            if Arn::parse(source).is_none_or(|arn| arn.service != "sqs") {
                continue;
            }
            // A mapping may name a version or an alias; the caller's ARN ends in its version.
            let base: Vec<&str> = function.split(':').take(7).collect();
            let base = format!("{}:", base.join(":"));
            let of: Vec<_> = functions
                .iter()
                .filter(|workload| format!("{}:", workload.arn).starts_with(&base))
                .collect();
            let known = of.iter().filter(|workload| workload.is_caller().is_true());
            let names: BTreeSet<String> = known.map(|workload| workload.name.clone()).collect();
            if names.is_empty() {
                for workload in of {
                    sink.hide(&account, &region, workload.is_caller().gaps().to_vec());
                }
                continue;
            }
            fed.entry(source.to_owned()).or_default().extend(names);
        }
        for (queue, functions) in fed {
            let arn = Arn::parse(&queue);
            let (owner, place) = arn
                .as_ref()
                .map_or((account.as_str(), region.as_str()), |arn| {
                    (arn.account, arn.region)
                });
            let found = match facts.world.lookup("sqs_queue", owner, place, &queue) {
                Lookup::Found(found) => Known(found),
                Lookup::Absent => Observed::gap(Gap::not_understood(
                    "sqs_queue",
                    format!("the queue `{queue}` does not exist"),
                )),
                Lookup::Unknown(mut gaps) => {
                    for gap in &mut gaps {
                        // A queue that a file names and does not hold is made elsewhere.
                        if gap.reason == Reason::NotInFile {
                            gap.detail = format!("the file does not hold the queue `{queue}`");
                        }
                    }
                    Unknown(gaps)
                }
            };
            let letters = found
                .clone()
                .and_then(|row| row.text("dead_letter_queue_arn"))
                .map(str::to_owned);
            // A queue that is not there takes nothing, and neither does the queue itself.
            let has_letters = letters.clone().and_then(|letters| {
                if letters.is_empty() || letters == queue {
                    return Known(false);
                }
                let there = Arn::parse(&letters).map(|arn| {
                    facts
                        .world
                        .lookup("sqs_queue", arn.account, arn.region, &letters)
                });
                Known(!matches!(there, Some(Lookup::Absent)))
            });
            let name = arn.as_ref().map_or(queue.as_str(), |arn| arn.name());
            let mut row = sink.row(&account, &region, queue.as_str(), "AWS::SQS::Queue");
            row.put("name", name)
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.put("functions", functions.into_iter().collect::<Vec<_>>())
                .set("has_dead_letter_queue", has_letters)
                .set("dead_letter_queue_arn", letters)
                .set(
                    "is_encrypted",
                    found.and_then(|row| row.flag("is_encrypted")),
                );
            sink.push(row);
        }
    }
}
