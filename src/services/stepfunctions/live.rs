//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place};

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_sfn, place);
    let listing = place
        .pages(
            "states:ListStateMachines",
            |token| {
                client
                    .list_state_machines()
                    .max_results(1000)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.state_machines, answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "sfn_state_machine", &listing);
    let details = place
        .details(
            &mut batch,
            "sfn_state_machine",
            "detail",
            &listing.items,
            |one| one.state_machine_arn().to_owned(),
            |index| {
                let (client, arn) = (&client, listing.items[index].state_machine_arn());
                place.call("states:DescribeStateMachine", move || {
                    client
                        .describe_state_machine()
                        .state_machine_arn(arn)
                        .send()
                })
            },
        )
        .await;
    for (one, detail) in listing.items.iter().zip(details) {
        let mut row = place
            .row("sfn_state_machine")
            .set("arn", one.state_machine_arn())
            .set("name", one.name());
        if let Some(detail) = detail {
            row.put("role_arn", detail.role_arn());
            row.put(
                "families",
                super::called(detail.definition())
                    .map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>()),
            );
        }
        batch.rows.push(row);
    }
    batch
}
