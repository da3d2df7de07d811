//! The calls.

use super::selectors;
use crate::client;
use crate::inventory::Status;
use crate::services::collect::{Batch, NOT_NEEDED, Place};
use crate::services::failure::Failure;
use crate::services::trail_record::{CHANGES, IN_EVENT_HISTORY, Sums};
use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector, Event, EventDataStore, EventSelector, LookupAttribute,
    LookupAttributeKey, Trail,
};
use aws_smithy_types::DateTime;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Pages of one event name; a page holds 50 events.
const MOST_PAGES: usize = 200;
/// LookupEvents takes two requests a second for each account and Region (CloudTrail quotas).
const PAUSE: Duration = Duration::from_millis(550);

/// The trails of a place, shadows of trails elsewhere included; their status and selectors are asked for by ARN, which answers for
/// shadows too, unless the trail is another account's and this one may not read it.
pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_cloudtrail, place);
    let listing = place
        .single("cloudtrail:DescribeTrails", || {
            client.describe_trails().include_shadow_trails(true).send()
        })
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "cloudtrail_trail", &listing);
    let trails: Vec<&Trail> = listing
        .items
        .iter()
        .flat_map(|answer| answer.trail_list())
        .collect();
    let arn = |trail: &&Trail| trail.trail_arn().unwrap_or_default().to_owned();
    let statuses = place
        .details(
            &mut batch,
            "cloudtrail_trail",
            "status",
            &trails,
            arn,
            |index| {
                let (client, name) = (&client, trails[index].trail_arn().unwrap_or_default());
                place.call("cloudtrail:GetTrailStatus", move || {
                    client.get_trail_status().name(name).send()
                })
            },
        )
        .await;
    let selectors = place
        .details(
            &mut batch,
            "cloudtrail_trail",
            "selectors",
            &trails,
            arn,
            |index| {
                let (client, name) = (&client, trails[index].trail_arn().unwrap_or_default());
                place.call("cloudtrail:GetEventSelectors", move || {
                    client.get_event_selectors().trail_name(name).send()
                })
            },
        )
        .await;
    for ((trail, status), selected) in trails.iter().zip(statuses).zip(selectors) {
        let mut row = place
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
            .set("is_multi_region", trail.is_multi_region_trail());
        if let Some(status) = status {
            row.put("is_logging", status.is_logging());
            row.put(
                "delivery_error",
                status.latest_delivery_error().unwrap_or_default(),
            );
        }
        if let Some(selected) = selected {
            let found = if selected.advanced_event_selectors().is_empty() {
                json!({"EventSelectors": selected.event_selectors().iter().map(basic).collect::<Json>()})
            } else {
                json!({"AdvancedEventSelectors": selected.advanced_event_selectors().iter().map(advanced).collect::<Json>()})
            };
            row.put("selectors", selectors::read(&found).ok());
        }
        batch.rows.push(row);
    }
    batch.count("cloudtrail_trail");
    batch
}

fn basic(selector: &EventSelector) -> Json {
    json!({
        "ReadWriteType": selector.read_write_type().map(|kind| kind.as_str()),
        "IncludeManagementEvents": selector.include_management_events(),
        "ExcludeManagementEventSources": selector.exclude_management_event_sources(),
        "DataResources": selector.data_resources().iter().map(|data| json!({"Type": data.r#type(), "Values": data.values()})).collect::<Json>(),
    })
}

fn advanced(selector: &AdvancedEventSelector) -> Json {
    let fields: Json = selector
        .field_selectors()
        .iter()
        .map(|field| {
            json!({
                "Field": field.field(), "Equals": field.equals(), "NotEquals": field.not_equals(),
                "StartsWith": field.starts_with(), "NotStartsWith": field.not_starts_with(),
                "EndsWith": field.ends_with(), "NotEndsWith": field.not_ends_with(),
            })
        })
        .collect();
    json!({"Name": selector.name(), "FieldSelectors": fields})
}

pub(in crate::services) async fn stores(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_cloudtrail, place);
    let listing = place
        .pages(
            "cloudtrail:ListEventDataStores",
            |token| client.list_event_data_stores().set_next_token(token).send(),
            |answer| {
                (
                    answer.event_data_stores.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "cloudtrail_event_data_store", &listing);
    let arn = |store: &EventDataStore| store.event_data_store_arn().unwrap_or_default().to_owned();
    let details = place
        .details(
            &mut batch,
            "cloudtrail_event_data_store",
            "detail",
            &listing.items,
            arn,
            |index| {
                let client = &client;
                let name = listing.items[index].event_data_store_arn();
                let name = name.unwrap_or_default();
                place.call("cloudtrail:GetEventDataStore", move || {
                    client.get_event_data_store().event_data_store(name).send()
                })
            },
        )
        .await;
    for (store, detail) in listing.items.iter().zip(details) {
        let mut row = place
            .row("cloudtrail_event_data_store")
            .set("arn", store.event_data_store_arn());
        if let Some(detail) = detail {
            row.put("name", detail.name());
            row.put("status", detail.status().map(|status| status.as_str()));
            row.put("is_organization_store", detail.organization_enabled());
            row.put("is_multi_region", detail.multi_region_enabled());
            let found: Json = detail
                .advanced_event_selectors()
                .iter()
                .map(advanced)
                .collect();
            row.put("selectors", selectors::read(&found).ok());
        }
        batch.rows.push(row);
    }
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
    let tables = [
        "cloudtrail_bedrock_call",
        "cloudtrail_change",
        "cloudtrail_window",
    ];
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
    let asks_changes = place.wants("cloudtrail_change", "list");
    let changes = if asks_changes { CHANGES } else { &[] };
    for name in IN_EVENT_HISTORY.iter().chain(changes) {
        let (events, failure) = series(place, &client, name, start, end).await;
        count += i64::try_from(events.len()).unwrap_or(i64::MAX);
        for event in &events {
            // What is no record is counted as one that cannot be placed.
            let record = serde_json::from_str(event.cloud_trail_event().unwrap_or_default());
            sums.add(&record.unwrap_or_default());
        }
        failed = failed.or(failure);
        tokio::time::sleep(PAUSE).await;
    }
    if failed.is_none() && sums.unplaced > 0 {
        failed = Some(Failure {
            status: Status::Partial,
            code: "UnreadableAnswer".to_owned(),
            message: format!(
                "{} events name no account, Region or time, or are none",
                sums.unplaced
            ),
        });
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
        if table == "cloudtrail_change" && !asks_changes {
            line.status = Status::NotCollected;
            line.detail = NOT_NEEDED.to_owned();
        }
        batch.coverage.push(line);
        batch.count(table);
    }
    batch
}
