//! The calls.

use crate::client;
use crate::inventory::Status;
use crate::services::collect::{Batch, Place};
use crate::services::failure::Failure;
use crate::services::trail_record::{IN_EVENT_HISTORY, Sums};
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use std::time::Duration;

/// Pages of one event name; a page holds 50 events.
const MOST_PAGES: usize = 200;
/// LookupEvents takes two requests a second for each account and Region (CloudTrail quotas).
const PAUSE: Duration = Duration::from_millis(550);

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_cloudtrail, place);
    let listing = place
        .single("cloudtrail:DescribeTrails", || {
            client.describe_trails().include_shadow_trails(true).send()
        })
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "cloudtrail_trail", &listing);
    batch.rows.extend(
        listing
            .items
            .iter()
            .flat_map(|answer| answer.trail_list())
            .map(|trail| {
                place
                    .row("cloudtrail_trail")
                    .set("arn", trail.trail_arn())
                    .set("name", trail.name())
                    .set("home_region", trail.home_region())
                    .set("bucket_name", trail.s3_bucket_name().unwrap_or_default())
                    .set(
                        "log_group_arn",
                        trail.cloud_watch_logs_log_group_arn().unwrap_or_default(),
                    )
                    .set("is_organization_trail", trail.is_organization_trail())
            }),
    );
    batch.count("cloudtrail_trail");
    batch
}

/// One series of events, newest first; whether it came to its end.
async fn series(
    place: &Place<'_>,
    client: &aws_sdk_cloudtrail::Client,
    name: &str,
    start: DateTime,
    end: DateTime,
) -> (Vec<Event>, Option<Failure>) {
    let (mut events, mut token) = (Vec::new(), None::<String>);
    for page in 0..MOST_PAGES {
        if page > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::EventName)
            .attribute_value(name)
            .build();
        let answer = place
            .call("cloudtrail:LookupEvents", || {
                client
                    .lookup_events()
                    .set_lookup_attributes(
                        attribute
                            .as_ref()
                            .ok()
                            .cloned()
                            .map(|attribute| vec![attribute]),
                    )
                    .start_time(start)
                    .end_time(end)
                    .max_results(50)
                    .set_next_token(token.clone())
                    .send()
            })
            .await;
        match answer {
            Ok(answer) => {
                events.extend(answer.events.unwrap_or_default());
                match answer
                    .next_token
                    .filter(|next| !next.is_empty() && Some(next) != token.as_ref())
                {
                    Some(next) => token = Some(next),
                    None => return (events, None),
                }
            }
            Err(failure) => return (events, Some(failure)),
        }
    }
    let message = format!(
        "{name}: the newest {} events were read, older ones of the window were not; ask for a shorter window",
        events.len()
    );
    (
        events,
        Some(Failure {
            status: Status::Partial,
            code: "TooManyPages".to_owned(),
            message,
        }),
    )
}

pub(in crate::services) async fn observe(place: &Place<'_>) -> Batch {
    let mut batch = Batch::default();
    let tables = ["cloudtrail_bedrock_call", "cloudtrail_window"];
    let Some(window) = place.observe else {
        for table in tables {
            let mut line = place.line(table, "list", Status::NotCollected);
            line.detail = "CloudTrail was not asked; scan with --observe".to_owned();
            batch.coverage.push(line);
        }
        return batch;
    };
    let client = client!(aws_sdk_cloudtrail, place);
    let now = jiff::Timestamp::now().as_second();
    let (start, end) = (
        DateTime::from_secs(now - i64::try_from(window.as_secs()).unwrap_or(i64::MAX)),
        DateTime::from_secs(now),
    );
    let (mut sums, mut failed, mut count) = (Sums::default(), None::<Failure>, 0_i64);
    for name in IN_EVENT_HISTORY {
        let (events, failure) = series(place, &client, name, start, end).await;
        count += i64::try_from(events.len()).unwrap_or(i64::MAX);
        for event in &events {
            if let Ok(record) = serde_json::from_str(event.cloud_trail_event().unwrap_or_default())
            {
                sums.add(&record);
            }
        }
        failed = failed.or(failure);
        tokio::time::sleep(PAUSE).await;
    }
    // Rows that were read stay; whether they are all is said by the window.
    let status = match &failed {
        Some(failure) if count == 0 => failure.status,
        Some(_) => Status::Partial,
        None => Status::Complete,
    };
    batch.rows = sums.rows(|account, region| account == place.account && region == place.region);
    if status == Status::Complete || count > 0 {
        batch.rows.push(
            place
                .row("cloudtrail_window")
                .set("region_name", place.region)
                .set("source", "LookupEvents")
                .set("window_start", crate::services::collect::when(Some(&start)))
                .set("window_end", crate::services::collect::when(Some(&end)))
                .set("events", count)
                .set("whole", failed.is_none())
                .set("sees_data_events", false),
        );
    }
    for table in tables {
        let mut line = place.line(
            table,
            "list",
            if table == "cloudtrail_window" && status == Status::Partial {
                Status::Complete
            } else {
                status
            },
        );
        line.detail = failed.as_ref().map(Failure::detail).unwrap_or_default();
        batch.coverage.push(line);
        batch.count(table);
    }
    batch
}
