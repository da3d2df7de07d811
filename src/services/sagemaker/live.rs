//! The calls.

use crate::client;
use crate::inventory::NewRow;
use crate::services::collect::{Batch, Place};
use crate::services::environment::{self, Owner, Settings};
use aws_sdk_sagemaker::types::VpcConfig;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

/// Jobs of so many days count as what runs here.
const DAYS: u64 = 7;

/// Puts what the variables of containers steer; the variables themselves are let go.
fn steer<'v>(
    place: &Place<'_>,
    arn: &str,
    row: &mut NewRow,
    containers: impl Iterator<Item = Option<&'v HashMap<String, String>>>,
) -> Vec<NewRow> {
    let mut settings = Settings::default();
    let mut looked = Vec::new();
    for (place_of, variables) in containers.enumerate() {
        let Some(variables) = variables else { continue };
        // Containers have no names of their own.
        let container = place_of.to_string();
        let owner = Owner {
            table: "sagemaker_environment_variable",
            account_id: place.account,
            region: place.region,
            arn,
            container: &container,
        };
        looked.extend(environment::look(
            owner,
            variables
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            place.prints,
            &mut settings,
        ));
    }
    row.put("outside_hosts", environment::hosts(&looked, "outside_host"));
    row.put("vector_hosts", environment::hosts(&looked, "vector_host"));
    settings.fill(row);
    looked
}

fn network(row: &mut NewRow, inside: Option<&VpcConfig>) {
    row.put(
        "subnet_ids",
        inside
            .map(|inside| inside.subnets().to_vec())
            .unwrap_or_default(),
    );
    row.put(
        "security_group_ids",
        inside
            .map(|inside| inside.security_group_ids().to_vec())
            .unwrap_or_default(),
    );
}

pub(in crate::services) async fn notebooks(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_sagemaker, place);
    let listing = place
        .pages(
            "sagemaker:ListNotebookInstances",
            |token| {
                client
                    .list_notebook_instances()
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.notebook_instances.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "sagemaker_notebook_instance", &listing);
    let name = |one: &aws_sdk_sagemaker::types::NotebookInstanceSummary| {
        one.notebook_instance_name().unwrap_or_default().to_owned()
    };
    let details = place
        .details(
            &mut batch,
            "sagemaker_notebook_instance",
            "detail",
            &listing.items,
            name,
            |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("sagemaker:DescribeNotebookInstance", move || {
                    client
                        .describe_notebook_instance()
                        .notebook_instance_name(&name)
                        .send()
                })
            },
        )
        .await;
    for (one, detail) in listing.items.iter().zip(details) {
        let mut row = place
            .row("sagemaker_notebook_instance")
            .set("name", one.notebook_instance_name())
            .set("arn", one.notebook_instance_arn());
        if let Some(detail) = detail {
            row.put("role_arn", detail.role_arn());
            row.put("subnet_id", detail.subnet_id().unwrap_or_default());
            row.put("security_group_ids", detail.security_groups().to_vec());
            row.put(
                "direct_internet_access",
                detail
                    .direct_internet_access()
                    .map_or("Enabled", |access| access.as_str()),
            );
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn domains(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_sagemaker, place);
    let listing = place
        .pages(
            "sagemaker:ListDomains",
            |token| client.list_domains().set_next_token(token).send(),
            |answer| (answer.domains.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "sagemaker_domain", &listing);
    let id = |one: &aws_sdk_sagemaker::types::DomainDetails| {
        one.domain_id().unwrap_or_default().to_owned()
    };
    let details = place
        .details(
            &mut batch,
            "sagemaker_domain",
            "detail",
            &listing.items,
            id,
            |index| {
                let (client, id) = (&client, id(&listing.items[index]));
                place.call("sagemaker:DescribeDomain", move || {
                    client.describe_domain().domain_id(&id).send()
                })
            },
        )
        .await;
    for (one, detail) in listing.items.iter().zip(details) {
        let mut row = place
            .row("sagemaker_domain")
            .set("id", one.domain_id())
            .set("arn", one.domain_arn())
            .set("name", one.domain_name());
        if let Some(detail) = detail {
            let defaults = detail.default_user_settings();
            row.put(
                "app_network_access_type",
                detail
                    .app_network_access_type()
                    .map_or("PublicInternetOnly", |access| access.as_str()),
            );
            row.put("vpc_id", detail.vpc_id());
            row.put("subnet_ids", detail.subnet_ids().to_vec());
            row.put(
                "security_group_ids",
                defaults
                    .map(|defaults| defaults.security_groups().to_vec())
                    .unwrap_or_default(),
            );
            row.put(
                "role_arn",
                defaults
                    .and_then(|defaults| defaults.execution_role())
                    .unwrap_or_default(),
            );
            row.put(
                "space_role_arn",
                detail
                    .default_space_settings()
                    .and_then(|spaces| spaces.execution_role())
                    .unwrap_or_default(),
            );
        }
        batch.rows.push(row);
    }
    batch
}

pub(in crate::services) async fn user_profiles(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_sagemaker, place);
    let listing = place
        .pages(
            "sagemaker:ListUserProfiles",
            |token| client.list_user_profiles().set_next_token(token).send(),
            |answer| (answer.user_profiles.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "sagemaker_user_profile", &listing);
    let names = |one: &aws_sdk_sagemaker::types::UserProfileDetails| {
        (
            one.domain_id().unwrap_or_default().to_owned(),
            one.user_profile_name().unwrap_or_default().to_owned(),
        )
    };
    let id = |one: &aws_sdk_sagemaker::types::UserProfileDetails| {
        format!("{}/{}", names(one).0, names(one).1)
    };
    let details = place
        .details(
            &mut batch,
            "sagemaker_user_profile",
            "detail",
            &listing.items,
            id,
            |index| {
                let (client, (domain, name)) = (&client, names(&listing.items[index]));
                place.call("sagemaker:DescribeUserProfile", move || {
                    client
                        .describe_user_profile()
                        .domain_id(&domain)
                        .user_profile_name(&name)
                        .send()
                })
            },
        )
        .await;
    batch
        .rows
        .extend(listing.items.iter().zip(details).map(|(one, detail)| {
            let role = detail.map(|detail| {
                detail
                    .user_settings()
                    .and_then(|settings| settings.execution_role())
                    .unwrap_or_default()
                    .to_owned()
            });
            place
                .row("sagemaker_user_profile")
                .set("id", id(one))
                .set("domain_id", one.domain_id())
                .set("role_arn", role)
        }));
    batch
}

pub(in crate::services) async fn models(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_sagemaker, place);
    let listing = place
        .pages(
            "sagemaker:ListModels",
            |token| {
                client
                    .list_models()
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.models.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "sagemaker_model", &listing);
    batch.listed(place, "sagemaker_environment_variable", &listing);
    let name = |one: &aws_sdk_sagemaker::types::ModelSummary| {
        one.model_name().unwrap_or_default().to_owned()
    };
    let details = place
        .details(
            &mut batch,
            "sagemaker_model",
            "detail",
            &listing.items,
            name,
            |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("sagemaker:DescribeModel", move || {
                    client.describe_model().model_name(&name).send()
                })
            },
        )
        .await;
    for (one, detail) in listing.items.iter().zip(details) {
        let arn = one.model_arn().unwrap_or_default();
        let mut row = place
            .row("sagemaker_model")
            .set("name", one.model_name())
            .set("arn", arn);
        if let Some(detail) = detail {
            row.put("role_arn", detail.execution_role_arn().unwrap_or_default());
            network(&mut row, detail.vpc_config());
            row.put(
                "enable_network_isolation",
                detail.enable_network_isolation().unwrap_or_default(),
            );
            let containers = detail
                .primary_container()
                .into_iter()
                .chain(detail.containers())
                .map(|container| container.environment());
            // Models are named by their name; so are the owners of variables.
            let name = one.model_name().unwrap_or_default();
            let looked = steer(place, name, &mut row, containers);
            batch.rows.extend(looked);
        }
        batch.rows.push(row);
    }
    batch.count("sagemaker_environment_variable");
    batch
}

pub(in crate::services) async fn jobs(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_sagemaker, place);
    let since =
        aws_smithy_types::DateTime::from(SystemTime::now() - Duration::from_secs(DAYS * 86_400));
    let training = place
        .pages(
            "sagemaker:ListTrainingJobs",
            |token| {
                client
                    .list_training_jobs()
                    .creation_time_after(since)
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.training_job_summaries.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let processing = place
        .pages(
            "sagemaker:ListProcessingJobs",
            |token| {
                client
                    .list_processing_jobs()
                    .creation_time_after(since)
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.processing_job_summaries.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let transform = place
        .pages(
            "sagemaker:ListTransformJobs",
            |token| {
                client
                    .list_transform_jobs()
                    .creation_time_after(since)
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |answer| {
                (
                    answer.transform_job_summaries.unwrap_or_default(),
                    answer.next_token,
                )
            },
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "sagemaker_job", &training);
    for (what, failure) in [
        ("processing jobs", &processing.failure),
        ("transform jobs", &transform.failure),
    ] {
        if let Some(failure) = failure {
            batch.part_failed("sagemaker_job", what, failure);
        }
    }
    let trained = place
        .details(
            &mut batch,
            "sagemaker_job",
            "detail",
            &training.items,
            |one| one.training_job_arn().unwrap_or_default().to_owned(),
            |index| {
                let (client, name) = (
                    &client,
                    training.items[index]
                        .training_job_name()
                        .unwrap_or_default(),
                );
                place.call("sagemaker:DescribeTrainingJob", move || {
                    client
                        .describe_training_job()
                        .training_job_name(name)
                        .send()
                })
            },
        )
        .await;
    for (one, detail) in training.items.iter().zip(trained) {
        let arn = one.training_job_arn().unwrap_or_default();
        let mut row = place
            .row("sagemaker_job")
            .set("arn", arn)
            .set("name", one.training_job_name())
            .set("kind", "training");
        if let Some(detail) = detail {
            row.put("model_name", "");
            row.put("role_arn", detail.role_arn());
            network(&mut row, detail.vpc_config());
            row.put(
                "enable_network_isolation",
                detail.enable_network_isolation().unwrap_or_default(),
            );
            // Variables of jobs steer their calls, and are not kept.
            drop(steer(
                place,
                arn,
                &mut row,
                [detail.environment()].into_iter(),
            ));
        }
        batch.rows.push(row);
    }
    let processed = place
        .details(
            &mut batch,
            "sagemaker_job",
            "detail",
            &processing.items,
            |one| one.processing_job_arn().unwrap_or_default().to_owned(),
            |index| {
                let (client, name) = (
                    &client,
                    processing.items[index]
                        .processing_job_name()
                        .unwrap_or_default(),
                );
                place.call("sagemaker:DescribeProcessingJob", move || {
                    client
                        .describe_processing_job()
                        .processing_job_name(name)
                        .send()
                })
            },
        )
        .await;
    for (one, detail) in processing.items.iter().zip(processed) {
        let arn = one.processing_job_arn().unwrap_or_default();
        let mut row = place
            .row("sagemaker_job")
            .set("arn", arn)
            .set("name", one.processing_job_name())
            .set("kind", "processing");
        if let Some(detail) = detail {
            row.put("model_name", "");
            let inside = detail.network_config();
            row.put("role_arn", detail.role_arn());
            network(&mut row, inside.and_then(|inside| inside.vpc_config()));
            row.put(
                "enable_network_isolation",
                inside
                    .and_then(|inside| inside.enable_network_isolation())
                    .unwrap_or_default(),
            );
            // Variables of jobs steer their calls, and are not kept.
            drop(steer(
                place,
                arn,
                &mut row,
                [detail.environment()].into_iter(),
            ));
        }
        batch.rows.push(row);
    }
    let transformed = place
        .details(
            &mut batch,
            "sagemaker_job",
            "detail",
            &transform.items,
            |one| one.transform_job_arn().unwrap_or_default().to_owned(),
            |index| {
                let (client, name) = (
                    &client,
                    transform.items[index]
                        .transform_job_name()
                        .unwrap_or_default(),
                );
                place.call("sagemaker:DescribeTransformJob", move || {
                    client
                        .describe_transform_job()
                        .transform_job_name(name)
                        .send()
                })
            },
        )
        .await;
    for (one, detail) in transform.items.iter().zip(transformed) {
        let arn = one.transform_job_arn().unwrap_or_default();
        let mut row = place
            .row("sagemaker_job")
            .set("arn", arn)
            .set("name", one.transform_job_name())
            .set("kind", "transform");
        if let Some(detail) = detail {
            row.put("model_name", detail.model_name());
            row.put("role_arn", "");
            network(&mut row, None);
            row.put("enable_network_isolation", false);
            // Variables of jobs steer their calls, and are not kept.
            drop(steer(
                place,
                arn,
                &mut row,
                [detail.environment()].into_iter(),
            ));
        }
        batch.rows.push(row);
    }
    batch.count("sagemaker_job");
    batch
}
