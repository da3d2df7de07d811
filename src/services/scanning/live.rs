//! The calls.

use crate::inventory::Status;
use crate::services::collect::{Batch, Place};
use crate::services::failure::Failure;
use crate::services::plain::{Client, Protocol, Spoken};
use serde_json::{Value as Json, json};

/// Amazon Inspector.
const INSPECTOR: Spoken = Spoken {
    prefix: "inspector2",
    id: "Inspector2",
    host: "inspector2",
    signed: "inspector2",
    protocol: Protocol::Paths,
    worldwide: false,
};

/// Amazon ECR.
const ECR: Spoken = Spoken {
    prefix: "ecr",
    id: "ECR",
    host: "api.ecr",
    signed: "ecr",
    protocol: Protocol::Json("AmazonEC2ContainerRegistry_V20150921", "1.1"),
    worldwide: false,
};

pub(in crate::services) async fn status(place: &Place<'_>) -> Batch {
    let inspector = Client::of(place, &INSPECTOR);
    let listing = inspector
        .single(
            "BatchGetAccountStatus",
            "/status/batch/get",
            &json!({"accountIds": [place.account]}),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "software_scanning", &listing);
    let ecr = Client::of(place, &ECR);
    let registry = place
        .details(
            &mut batch,
            "software_scanning",
            "registry",
            &listing.items,
            |_| place.region.to_owned(),
            |_| async {
                let operation = "GetRegistryScanningConfiguration";
                ecr.call(operation, operation, &json!({})).await
            },
        )
        .await;
    for (answer, registry) in listing.items.iter().zip(registry) {
        // An account that could not be looked at is listed apart.
        if let Some(failed) = answer.body()["failedAccounts"]
            .as_array()
            .and_then(|all| all.first())
        {
            let text = |name: &str| failed[name].as_str().unwrap_or_default().to_owned();
            let failure = Failure {
                status: Status::Denied,
                code: text("errorCode"),
                message: text("errorMessage"),
            };
            batch.part_failed("software_scanning", "the account", &failure);
            continue;
        }
        let account = answer.body()["accounts"]
            .as_array()
            .and_then(|all| all.first())
            .cloned()
            .unwrap_or_default();
        // An account that never enabled Amazon Inspector is answered without states.
        let on = |kind: &str| {
            account["resourceState"][kind]["status"]
                .as_str()
                .is_some_and(|status| matches!(status, "ENABLED" | "ENABLING"))
        };
        let mut row = place
            .row("software_scanning")
            .set("region_name", place.region)
            .set("inspects_images", on("ecr"))
            .set("inspects_functions", on("lambda"));
        if let Some(found) = registry {
            let configuration = &found["scanningConfiguration"];
            row.put(
                "registry_scan",
                configuration["scanType"].as_str().unwrap_or("BASIC"),
            );
            row.put(
                "registry_scans_all",
                configuration["rules"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(super::scans_all),
            );
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn repositories(place: &Place<'_>) -> Batch {
    let client = Client::of(place, &ECR);
    let listing = client
        .pages(
            "DescribeRepositories",
            &json!({"maxResults": 1000}),
            "repositories",
            "nextToken",
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "ecr_repository", &listing);
    batch.rows.extend(listing.items.iter().map(|repository| {
        let text = |name: &str| repository.get(name).and_then(Json::as_str);
        place
            .row("ecr_repository")
            .set("arn", text("repositoryArn"))
            .set("name", text("repositoryName"))
            .set(
                "scan_on_push",
                repository["imageScanningConfiguration"]["scanOnPush"]
                    .as_bool()
                    .unwrap_or(false),
            )
    }));
    batch
}
