//! Subject: how fresh what a knowledge base knows is.

use crate::derive::Sink;
use crate::inventory::cols::{flag, int, text, time};
use crate::inventory::{Inputs, Role, Span, Table};
use crate::model::{Gap, Observed};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::Known;
use std::collections::BTreeMap;

const LIST: Inputs = services::bedrock_agent::DATA_SOURCE.list();
const JOBS: Inputs = Inputs::All(&[LIST, services::bedrock_agent::DATA_SOURCE.group("jobs")]);
const DETAIL: Inputs = Inputs::All(&[LIST, services::bedrock_agent::DATA_SOURCE.group("detail")]);

/// Ingestion of data sources.
pub const INGESTION: Table = Table {
    name: "ingestion",
    doc: "A data source of a knowledge base, and how its last ingestions went.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("source_type", "`S3`, `WEB`, ...").from(DETAIL),
        text("last_job_status", "How its last ingestion ended.")
            .absent("'' (there was none)")
            .from(JOBS),
        time(
            "last_complete_at",
            "When its last complete ingestion ended."
        )
        .absent("''")
        .from(JOBS),
        flag("was_ingested", "Was there ever a complete ingestion?").from(JOBS),
        int("days_since_complete", "Days since then.")
            .absent("0")
            .from(JOBS),
        int(
            "failed_percent",
            "Percentage of the documents that it could not take in, rounded up."
        )
        .absent("0")
        .from(JOBS),
    ],
    reads: &[],
    lists: LIST,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &INGESTION,
    derive,
    rests_on_published_data: false,
};

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let judged: Option<jiff::Timestamp> = facts.world.run.judged_at().parse().ok();
    for (account, region) in facts.settings.scopes(&INGESTION) {
        let found = facts.world.all("bedrock_data_source", &account, &region);
        sink.hide(&account, &region, found.gaps);
        for source in found.rows {
            let complete = source.text("last_complete_at");
            let days = complete.clone().and_then(|time| {
                if time.is_empty() {
                    return Known(0);
                }
                match (time.parse::<jiff::Timestamp>(), judged) {
                    (Ok(time), Some(judged)) => {
                        Known((judged.as_second() - time.as_second()).max(0) / 86_400)
                    }
                    _ => Observed::gap(Gap::not_understood(
                        "bedrock_data_source.last_complete_at",
                        format!("`{time}` is not a time"),
                    )),
                }
            });
            let percent = source
                .int("documents_scanned")
                .zip(source.int("documents_failed"))
                .map(|(scanned, failed)| {
                    if scanned > 0 {
                        (failed.saturating_mul(100) + scanned - 1) / scanned
                    } else {
                        0
                    }
                });
            let mut row = sink.row(&account, &region, source.key(), "AWS::Bedrock::DataSource");
            row.set("name", source.text("name").map(str::to_owned))
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.set("source_type", source.text("type").map(str::to_owned))
                .set(
                    "last_job_status",
                    source.text("last_job_status").map(str::to_owned),
                )
                .set(
                    "was_ingested",
                    complete.clone().map(|time| !time.is_empty()),
                )
                .set("last_complete_at", complete.map(str::to_owned))
                .set("days_since_complete", days)
                .set("failed_percent", percent);
            sink.push(row);
        }
    }
}
