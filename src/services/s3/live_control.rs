//! The calls of Amazon S3 Control: what an account lays over its buckets, and its access points.

use super::live::absent;
use crate::client_config;
use crate::services::collect::{Batch, Place};
use aws_sdk_s3control::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_s3control::types::PublicAccessBlockConfiguration;
use serde_json::json;

/// The settings of a public access block that are on.
fn blocks(config: Option<&PublicAccessBlockConfiguration>) -> Vec<String> {
    let Some(config) = config else {
        return Vec::new();
    };
    [
        (config.block_public_acls(), "BlockPublicAcls"),
        (config.ignore_public_acls(), "IgnorePublicAcls"),
        (config.block_public_policy(), "BlockPublicPolicy"),
        (config.restrict_public_buckets(), "RestrictPublicBuckets"),
    ]
    .into_iter()
    .filter(|(on, _)| *on == Some(true))
    .map(|(_, name)| name.to_owned())
    .collect()
}

/// Where all calls are told to go, the account does not stand before the host.
#[derive(Debug)]
struct Told(String);

impl ResolveEndpoint for Told {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}

fn control(place: &Place<'_>) -> aws_sdk_s3control::Client {
    let config = client_config!(aws_sdk_s3control, place);
    let config = match place.config.endpoint_url().filter(|_| place.overridden) {
        Some(url) => config.endpoint_resolver(Told(url.to_owned())),
        None => config,
    };
    aws_sdk_s3control::Client::from_conf(config.build())
}

pub(in crate::services) async fn account_block(place: &Place<'_>) -> Batch {
    let client = control(place);
    let mut listing = place
        .single("s3control:GetPublicAccessBlock", || {
            client
                .get_public_access_block()
                .account_id(place.account)
                .send()
        })
        .await;
    // An account that never set one has none.
    let none = listing
        .failure
        .as_ref()
        .is_some_and(|failure| failure.code == "NoSuchPublicAccessBlockConfiguration");
    if none {
        listing.failure = None;
    }
    let mut batch = Batch::default();
    batch.listed(place, "s3_account_public_access_block", &listing);
    let settings = match listing.items.first() {
        Some(answer) => Some(blocks(answer.public_access_block_configuration())),
        None => none.then(Vec::new),
    };
    batch.rows.extend(settings.map(|settings| {
        place
            .row("s3_account_public_access_block")
            .set("id", place.account)
            .set("settings", settings)
    }));
    batch.count("s3_account_public_access_block");
    batch
}

pub(in crate::services) async fn access_points(place: &Place<'_>) -> Batch {
    let client = control(place);
    let listing = place
        .pages(
            "s3control:ListAccessPoints",
            |token| {
                client
                    .list_access_points()
                    .account_id(place.account)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.access_point_list.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "s3_access_point", &listing);
    let arn = |point: &aws_sdk_s3control::types::AccessPoint| {
        point.access_point_arn().unwrap_or(point.name()).to_owned()
    };
    let policies = place
        .details(
            &mut batch,
            "s3_access_point",
            "policy",
            &listing.items,
            arn,
            |index| {
                let (client, name) = (&client, listing.items[index].name());
                async move {
                    absent(
                        place
                            .call("s3control:GetAccessPointPolicy", || {
                                client
                                    .get_access_point_policy()
                                    .account_id(place.account)
                                    .name(name)
                                    .send()
                            })
                            .await,
                        "NoSuchAccessPointPolicy",
                    )
                }
            },
        )
        .await;
    let details = place
        .details(
            &mut batch,
            "s3_access_point",
            "detail",
            &listing.items,
            arn,
            |index| {
                let (client, name) = (&client, listing.items[index].name());
                place.call("s3control:GetAccessPoint", move || {
                    client
                        .get_access_point()
                        .account_id(place.account)
                        .name(name)
                        .send()
                })
            },
        )
        .await;
    for ((point, policy), detail) in listing.items.iter().zip(policies).zip(details) {
        let mut row = place
            .row("s3_access_point")
            .set("arn", arn(point))
            .set("name", point.name())
            .set("bucket_name", point.bucket())
            .set("network_origin", point.network_origin().as_str());
        if let Some(policy) = policy {
            let text = policy.as_ref().and_then(|answer| answer.policy());
            row.put(
                "policy",
                text.map_or_else(
                    || json!({}),
                    |text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
                ),
            );
        }
        if let Some(detail) = detail {
            row.put(
                "public_access_block",
                blocks(detail.public_access_block_configuration()),
            );
        }
        batch.rows.push(row);
    }
    batch
}
