//! Amazon SageMaker AI: notebooks, domains, models with their endpoints, and jobs. What is not set is open: notebooks
//! default to direct internet access and domains to the service's own way out.

use super::environment::SETTINGS;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Notebook instances.
pub const NOTEBOOK: Table = Table {
    name: "sagemaker_notebook_instance",
    doc: "SageMaker notebook instances.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN."),
        text("role_arn", "Role.").by(&["detail"]),
        text("subnet_id", "Subnet.").absent("''").by(&["detail"]),
        list("security_group_ids", "Security groups.").by(&["detail"]),
        text("direct_internet_access", "`Enabled` (an interface of the service's leads out) or `Disabled`.").by(&["detail"]).words(&["Enabled", "Disabled"]),
    ],
    reads: &[Read::new("list", "sagemaker:ListNotebookInstances"), Read::new("detail", "sagemaker:DescribeNotebookInstance")],
    lists: Inputs::NONE,
};

/// Domains.
pub const DOMAIN: Table = Table {
    name: "sagemaker_domain",
    doc: "SageMaker domains.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Id."),
        text("arn", "ARN."),
        text("name", "Name."),
        text("app_network_access_type", "`PublicInternetOnly` (traffic leaves by the service's own network) or `VpcOnly`.")
            .by(&["detail"])
            .words(&["PublicInternetOnly", "VpcOnly"]),
        text("vpc_id", "VPC.").by(&["detail"]),
        list("subnet_ids", "Subnets.").by(&["detail"]),
        list("security_group_ids", "Security groups that the default user settings name.").by(&["detail"]),
        text("role_arn", "Execution role of the default user settings.").absent("''").by(&["detail"]),
        text("space_role_arn", "Execution role of shared spaces.").absent("''").by(&["detail"]),
    ],
    reads: &[Read::new("list", "sagemaker:ListDomains"), Read::new("detail", "sagemaker:DescribeDomain")],
    lists: Inputs::NONE,
};

/// User profiles.
pub const USER_PROFILE: Table = Table {
    name: "sagemaker_user_profile",
    doc: "User profiles of SageMaker domains, which may have roles of their own.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "`domain/profile`."),
        text("domain_id", "Domain."),
        text("role_arn", "Execution role of its own.").absent("'' (the domain's)").by(&["detail"]),
    ],
    reads: &[Read::new("list", "sagemaker:ListUserProfiles"), Read::new("detail", "sagemaker:DescribeUserProfile")],
    lists: Inputs::NONE,
};

/// Models.
pub const MODEL: Table = Table {
    name: "sagemaker_model",
    doc: "SageMaker models: containers, their role and their network.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN."),
        text("role_arn", "Execution role.").absent("''").by(&["detail"]),
        list("subnet_ids", "Subnets of `VpcConfig`; empty where it has none.").by(&["detail"]),
        list("security_group_ids", "Security groups.").by(&["detail"]),
        flag("enable_network_isolation", "Are all calls of its containers to the outside cut off?").by(&["detail"]),
        SETTINGS[0].by(&["detail"]),
        SETTINGS[1].by(&["detail"]),
        SETTINGS[2].by(&["detail"]),
        SETTINGS[3].by(&["detail"]),
        SETTINGS[4].by(&["detail"]),
        list("outside_hosts", "Hosts of model providers outside AWS that its variables name.").by(&["detail"]),
        list("vector_hosts", "Hosts of OpenSearch collections and domains that its variables name.").by(&["detail"]),
    ],
    reads: &[Read::new("list", "sagemaker:ListModels"), Read::new("detail", "sagemaker:DescribeModel")],
    lists: Inputs::NONE,
};

/// Endpoints.
pub const ENDPOINT: Table = Table {
    name: "sagemaker_endpoint",
    doc: "SageMaker endpoints.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("name", "Name."), text("arn", "ARN."), text("endpoint_config_name", "Configuration that it runs.").by(&["detail"])],
    reads: &[Read::new("list", "sagemaker:ListEndpoints"), Read::new("detail", "sagemaker:DescribeEndpoint")],
    lists: Inputs::NONE,
};

/// Configurations of endpoints.
pub const ENDPOINT_CONFIG: Table = Table {
    name: "sagemaker_endpoint_configuration",
    doc: "Configurations of SageMaker endpoints: the models behind them.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        list("model_names", "Models of its production and shadow variants.").by(&["detail"]),
        flag("has_inference_components", "Does a variant take its models from inference components, which are not read?").by(&["detail"]),
    ],
    reads: &[Read::new("list", "sagemaker:ListEndpointConfigs"), Read::new("detail", "sagemaker:DescribeEndpointConfig")],
    lists: Inputs::NONE,
};

/// Jobs.
pub const JOB: Table = Table {
    name: "sagemaker_job",
    doc: "Training, processing and transform jobs made within the seven days before the scan.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("kind", "`training`, `processing` or `transform`.").words(&["training", "processing", "transform"]),
        text("model_name", "Model that a transform job runs; role and network are the model's.").absent("''").by(&["detail"]),
        text("role_arn", "Role.").absent("'' (the model's)").by(&["detail"]),
        list("subnet_ids", "Subnets of `VpcConfig`; empty where it has none.").by(&["detail"]),
        list("security_group_ids", "Security groups.").by(&["detail"]),
        flag("enable_network_isolation", "Are all calls of its containers to the outside cut off?").by(&["detail"]),
        SETTINGS[0].by(&["detail"]),
        SETTINGS[1].by(&["detail"]),
        SETTINGS[2].by(&["detail"]),
        SETTINGS[3].by(&["detail"]),
        SETTINGS[4].by(&["detail"]),
        list("outside_hosts", "Hosts of model providers outside AWS that its variables name.").by(&["detail"]),
        list("vector_hosts", "Hosts of OpenSearch collections and domains that its variables name.").by(&["detail"]),
    ],
    reads: &[
        Read::with("list", "sagemaker:ListTrainingJobs", &["sagemaker:ListTrainingJobs", "sagemaker:ListProcessingJobs", "sagemaker:ListTransformJobs"]),
        Read::with(
            "detail",
            "sagemaker:DescribeTrainingJob",
            &["sagemaker:DescribeTrainingJob", "sagemaker:DescribeProcessingJob", "sagemaker:DescribeTransformJob"],
        ),
    ],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
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
    fn steer<'v>(place: &Place<'_>, arn: &str, row: &mut NewRow, containers: impl Iterator<Item = Option<&'v HashMap<String, String>>>) {
        let mut settings = Settings::default();
        let owner = Owner { table: "", account_id: place.account, region: place.region, arn, container: "" };
        let mut looked = Vec::new();
        for variables in containers.flatten() {
            looked.extend(environment::look(owner, variables.iter().map(|(name, value)| (name.as_str(), value.as_str())), place.prints, &mut settings));
        }
        row.put("outside_hosts", environment::hosts(&looked, "outside_host"));
        row.put("vector_hosts", environment::hosts(&looked, "vector_host"));
        settings.fill(row);
    }

    fn network(row: &mut NewRow, inside: Option<&VpcConfig>) {
        row.put("subnet_ids", inside.map(|inside| inside.subnets().to_vec()).unwrap_or_default());
        row.put("security_group_ids", inside.map(|inside| inside.security_group_ids().to_vec()).unwrap_or_default());
    }

    pub(in crate::services) async fn notebooks(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_sagemaker, place);
        let listing = place
            .pages(
                "sagemaker:ListNotebookInstances",
                |token| client.list_notebook_instances().max_results(100).set_next_token(token).send(),
                |answer| (answer.notebook_instances.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "sagemaker_notebook_instance", &listing);
        let name = |one: &aws_sdk_sagemaker::types::NotebookInstanceSummary| one.notebook_instance_name().unwrap_or_default().to_owned();
        let details = place
            .details(&mut batch, "sagemaker_notebook_instance", "detail", &listing.items, name, |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("sagemaker:DescribeNotebookInstance", move || client.describe_notebook_instance().notebook_instance_name(&name).send())
            })
            .await;
        for (one, detail) in listing.items.iter().zip(details) {
            let mut row = place.row("sagemaker_notebook_instance").set("name", one.notebook_instance_name()).set("arn", one.notebook_instance_arn());
            if let Some(detail) = detail {
                row.put("role_arn", detail.role_arn());
                row.put("subnet_id", detail.subnet_id().unwrap_or_default());
                row.put("security_group_ids", detail.security_groups().to_vec());
                row.put("direct_internet_access", detail.direct_internet_access().map_or("Enabled", |access| access.as_str()));
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
        let id = |one: &aws_sdk_sagemaker::types::DomainDetails| one.domain_id().unwrap_or_default().to_owned();
        let details = place
            .details(&mut batch, "sagemaker_domain", "detail", &listing.items, id, |index| {
                let (client, id) = (&client, id(&listing.items[index]));
                place.call("sagemaker:DescribeDomain", move || client.describe_domain().domain_id(&id).send())
            })
            .await;
        for (one, detail) in listing.items.iter().zip(details) {
            let mut row = place.row("sagemaker_domain").set("id", one.domain_id()).set("arn", one.domain_arn()).set("name", one.domain_name());
            if let Some(detail) = detail {
                let defaults = detail.default_user_settings();
                row.put("app_network_access_type", detail.app_network_access_type().map_or("PublicInternetOnly", |access| access.as_str()));
                row.put("vpc_id", detail.vpc_id());
                row.put("subnet_ids", detail.subnet_ids().to_vec());
                row.put("security_group_ids", defaults.map(|defaults| defaults.security_groups().to_vec()).unwrap_or_default());
                row.put("role_arn", defaults.and_then(|defaults| defaults.execution_role()).unwrap_or_default());
                row.put("space_role_arn", detail.default_space_settings().and_then(|spaces| spaces.execution_role()).unwrap_or_default());
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
            (one.domain_id().unwrap_or_default().to_owned(), one.user_profile_name().unwrap_or_default().to_owned())
        };
        let id = |one: &aws_sdk_sagemaker::types::UserProfileDetails| format!("{}/{}", names(one).0, names(one).1);
        let details = place
            .details(&mut batch, "sagemaker_user_profile", "detail", &listing.items, id, |index| {
                let (client, (domain, name)) = (&client, names(&listing.items[index]));
                place.call("sagemaker:DescribeUserProfile", move || client.describe_user_profile().domain_id(&domain).user_profile_name(&name).send())
            })
            .await;
        batch.rows.extend(listing.items.iter().zip(details).map(|(one, detail)| {
            let role = detail.map(|detail| detail.user_settings().and_then(|settings| settings.execution_role()).unwrap_or_default().to_owned());
            place.row("sagemaker_user_profile").set("id", id(one)).set("domain_id", one.domain_id()).set("role_arn", role)
        }));
        batch
    }

    pub(in crate::services) async fn models(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_sagemaker, place);
        let listing = place
            .pages(
                "sagemaker:ListModels",
                |token| client.list_models().max_results(100).set_next_token(token).send(),
                |answer| (answer.models.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "sagemaker_model", &listing);
        let name = |one: &aws_sdk_sagemaker::types::ModelSummary| one.model_name().unwrap_or_default().to_owned();
        let details = place
            .details(&mut batch, "sagemaker_model", "detail", &listing.items, name, |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("sagemaker:DescribeModel", move || client.describe_model().model_name(&name).send())
            })
            .await;
        for (one, detail) in listing.items.iter().zip(details) {
            let arn = one.model_arn().unwrap_or_default();
            let mut row = place.row("sagemaker_model").set("name", one.model_name()).set("arn", arn);
            if let Some(detail) = detail {
                row.put("role_arn", detail.execution_role_arn().unwrap_or_default());
                network(&mut row, detail.vpc_config());
                row.put("enable_network_isolation", detail.enable_network_isolation().unwrap_or_default());
                let containers = detail.primary_container().into_iter().chain(detail.containers()).map(|container| container.environment());
                steer(place, arn, &mut row, containers);
            }
            batch.rows.push(row);
        }
        batch
    }

    pub(in crate::services) async fn endpoints(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_sagemaker, place);
        let listing = place
            .pages(
                "sagemaker:ListEndpoints",
                |token| client.list_endpoints().max_results(100).set_next_token(token).send(),
                |answer| (answer.endpoints.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "sagemaker_endpoint", &listing);
        let name = |one: &aws_sdk_sagemaker::types::EndpointSummary| one.endpoint_name().unwrap_or_default().to_owned();
        let details = place
            .details(&mut batch, "sagemaker_endpoint", "detail", &listing.items, name, |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("sagemaker:DescribeEndpoint", move || client.describe_endpoint().endpoint_name(&name).send())
            })
            .await;
        batch.rows.extend(listing.items.iter().zip(details).map(|(one, detail)| {
            let config = detail.map(|detail| detail.endpoint_config_name().unwrap_or_default().to_owned());
            place.row("sagemaker_endpoint").set("name", one.endpoint_name()).set("arn", one.endpoint_arn()).set("endpoint_config_name", config)
        }));
        batch
    }

    pub(in crate::services) async fn endpoint_configs(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_sagemaker, place);
        let listing = place
            .pages(
                "sagemaker:ListEndpointConfigs",
                |token| client.list_endpoint_configs().max_results(100).set_next_token(token).send(),
                |answer| (answer.endpoint_configs.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "sagemaker_endpoint_configuration", &listing);
        let name = |one: &aws_sdk_sagemaker::types::EndpointConfigSummary| one.endpoint_config_name().unwrap_or_default().to_owned();
        let details = place
            .details(&mut batch, "sagemaker_endpoint_configuration", "detail", &listing.items, name, |index| {
                let (client, name) = (&client, name(&listing.items[index]));
                place.call("sagemaker:DescribeEndpointConfig", move || client.describe_endpoint_config().endpoint_config_name(&name).send())
            })
            .await;
        for (one, detail) in listing.items.iter().zip(details) {
            let mut row = place.row("sagemaker_endpoint_configuration").set("name", one.endpoint_config_name());
            if let Some(detail) = detail {
                let variants = || detail.production_variants().iter().chain(detail.shadow_production_variants());
                row.put("model_names", variants().filter_map(|variant| variant.model_name().map(str::to_owned)).collect::<Vec<_>>());
                row.put("has_inference_components", variants().any(|variant| variant.model_name().is_none()));
            }
            batch.rows.push(row);
        }
        batch
    }

    pub(in crate::services) async fn jobs(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_sagemaker, place);
        let since = aws_smithy_types::DateTime::from(SystemTime::now() - Duration::from_secs(DAYS * 86_400));
        let training = place
            .pages(
                "sagemaker:ListTrainingJobs",
                |token| client.list_training_jobs().creation_time_after(since).max_results(100).set_next_token(token).send(),
                |answer| (answer.training_job_summaries.unwrap_or_default(), answer.next_token),
            )
            .await;
        let processing = place
            .pages(
                "sagemaker:ListProcessingJobs",
                |token| client.list_processing_jobs().creation_time_after(since).max_results(100).set_next_token(token).send(),
                |answer| (answer.processing_job_summaries.unwrap_or_default(), answer.next_token),
            )
            .await;
        let transform = place
            .pages(
                "sagemaker:ListTransformJobs",
                |token| client.list_transform_jobs().creation_time_after(since).max_results(100).set_next_token(token).send(),
                |answer| (answer.transform_job_summaries.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "sagemaker_job", &training);
        for (what, failure) in [("processing jobs", &processing.failure), ("transform jobs", &transform.failure)] {
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
                    let (client, name) = (&client, training.items[index].training_job_name().unwrap_or_default());
                    place.call("sagemaker:DescribeTrainingJob", move || client.describe_training_job().training_job_name(name).send())
                },
            )
            .await;
        for (one, detail) in training.items.iter().zip(trained) {
            let arn = one.training_job_arn().unwrap_or_default();
            let mut row = place.row("sagemaker_job").set("arn", arn).set("name", one.training_job_name()).set("kind", "training");
            if let Some(detail) = detail {
                row.put("model_name", "");
                row.put("role_arn", detail.role_arn());
                network(&mut row, detail.vpc_config());
                row.put("enable_network_isolation", detail.enable_network_isolation().unwrap_or_default());
                steer(place, arn, &mut row, [detail.environment()].into_iter());
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
                    let (client, name) = (&client, processing.items[index].processing_job_name().unwrap_or_default());
                    place.call("sagemaker:DescribeProcessingJob", move || client.describe_processing_job().processing_job_name(name).send())
                },
            )
            .await;
        for (one, detail) in processing.items.iter().zip(processed) {
            let arn = one.processing_job_arn().unwrap_or_default();
            let mut row = place.row("sagemaker_job").set("arn", arn).set("name", one.processing_job_name()).set("kind", "processing");
            if let Some(detail) = detail {
                row.put("model_name", "");
                let inside = detail.network_config();
                row.put("role_arn", detail.role_arn());
                network(&mut row, inside.and_then(|inside| inside.vpc_config()));
                row.put("enable_network_isolation", inside.and_then(|inside| inside.enable_network_isolation()).unwrap_or_default());
                steer(place, arn, &mut row, [detail.environment()].into_iter());
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
                    let (client, name) = (&client, transform.items[index].transform_job_name().unwrap_or_default());
                    place.call("sagemaker:DescribeTransformJob", move || client.describe_transform_job().transform_job_name(name).send())
                },
            )
            .await;
        for (one, detail) in transform.items.iter().zip(transformed) {
            let arn = one.transform_job_arn().unwrap_or_default();
            let mut row = place.row("sagemaker_job").set("arn", arn).set("name", one.transform_job_name()).set("kind", "transform");
            if let Some(detail) = detail {
                row.put("model_name", detail.model_name());
                row.put("role_arn", "");
                network(&mut row, None);
                row.put("enable_network_isolation", false);
                steer(place, arn, &mut row, [detail.environment()].into_iter());
            }
            batch.rows.push(row);
        }
        batch.count("sagemaker_job");
        batch
    }
}

/// How files declare them; jobs are started, not declared.
pub(super) mod declared {
    use crate::services::agentcore::declared::hosts;
    use crate::services::declared::ids::{arn, name};
    use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
    use crate::services::environment::{Owner, outside_host, vector_host};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_sagemaker_notebook_instance", "AWS::SageMaker::NotebookInstance"], map: notebook },
        Spelling { kinds: &["aws_sagemaker_domain", "AWS::SageMaker::Domain"], map: domain },
        Spelling { kinds: &["aws_sagemaker_user_profile", "AWS::SageMaker::UserProfile"], map: user_profile },
        Spelling { kinds: &["aws_sagemaker_model", "AWS::SageMaker::Model"], map: model },
        Spelling { kinds: &["aws_sagemaker_endpoint", "AWS::SageMaker::Endpoint"], map: endpoint },
        Spelling { kinds: &["aws_sagemaker_endpoint_configuration", "AWS::SageMaker::EndpointConfig"], map: configuration },
    ];

    fn notebook(by: &Declared, rows: &mut Rows) {
        rows.symbol(by, arn(by), "");
        rows.row("sagemaker_notebook_instance", by, name(by))
            .put("arn", arn(by))
            .set("role_arn", by.at("role_arn").id())
            .set("subnet_id", by.at("subnet_id").id().or(""))
            .set("security_group_ids", by.at("security_groups|security_group_ids").ids().or(Vec::new()))
            .set("direct_internet_access", by.at("direct_internet_access").text().or("Enabled"));
    }

    fn domain(by: &Declared, rows: &mut Rows) {
        let defaults = by.at("default_user_settings");
        rows.symbol(by, arn(by), "");
        rows.row("sagemaker_domain", by, by.id())
            .put("arn", arn(by))
            .put("name", by.name("domain_name"))
            .set("app_network_access_type", by.at("app_network_access_type").text().or("PublicInternetOnly"))
            .set("vpc_id", by.at("vpc_id").id())
            .set("subnet_ids", by.at("subnet_ids").ids())
            .set("security_group_ids", defaults.at("security_groups").ids().or(Vec::new()))
            .set("role_arn", defaults.at("execution_role|execution_role_arn").id().or(""))
            .set("space_role_arn", by.at("default_space_settings.execution_role").id().or(""));
    }

    fn user_profile(by: &Declared, rows: &mut Rows) {
        let domain = by.at("domain_id").id();
        let id = format!("{}/{}", domain.clone().known().unwrap_or_default(), by.name("user_profile_name"));
        rows.row("sagemaker_user_profile", by, id).set("domain_id", domain).set("role_arn", by.at("user_settings.execution_role").id().or(""));
    }

    fn model(by: &Declared, rows: &mut Rows) {
        let key = name(by);
        let inside = by.at("vpc_config");
        rows.symbol(by, arn(by), "");
        rows.row("sagemaker_model", by, key.as_str())
            .put("arn", arn(by))
            .set("role_arn", by.at("execution_role_arn").id().or(""))
            .set("subnet_ids", inside.at("subnets").ids().or(Vec::new()))
            .set("security_group_ids", inside.at("security_group_ids").ids().or(Vec::new()))
            .set("enable_network_isolation", by.at("enable_network_isolation").flag().or(false));
        let mut owners = Vec::new();
        let (mut outside, mut vectors) = (Told::Known(Vec::new()), Told::Known(Vec::new()));
        for container in by.at("primary_container").items().iter().chain(by.at("container|containers").items()) {
            let owner = Owner { table: "", account_id: &by.account_id, region: &by.region, arn: &key, container: "" };
            let named = container.at("environment");
            outside = both(outside, hosts(named, |text| outside_host(text).to_owned()));
            vectors = both(vectors, hosts(named, vector_host));
            match named {
                Node::Unknown(later) => return rows.unsettled("sagemaker_model", by, &key, later),
                Node::Map(members) => owners.push((owner, members.clone(), Vec::new())),
                _ => {}
            }
        }
        rows.row("sagemaker_model", by, key.as_str()).set("outside_hosts", outside).set("vector_hosts", vectors);
        rows.variables("sagemaker_model", by, &key, &owners);
    }

    fn both(one: Told<Vec<String>>, other: Told<Vec<String>>) -> Told<Vec<String>> {
        match (one, other) {
            (Told::Known(one), Told::Known(other)) => Told::Known([one, other].concat()),
            (Told::Unknown(later), _) | (_, Told::Unknown(later)) => Told::Unknown(later),
            _ => Told::Absent,
        }
    }

    fn endpoint(by: &Declared, rows: &mut Rows) {
        rows.symbol(by, arn(by), "");
        rows.row("sagemaker_endpoint", by, name(by)).put("arn", arn(by)).set("endpoint_config_name", by.at("endpoint_config_name").id());
    }

    fn configuration(by: &Declared, rows: &mut Rows) {
        let variants = || by.at("production_variants").items().iter().chain(by.at("shadow_production_variants").items());
        let mut models = Told::Known(Vec::new());
        for variant in variants() {
            models = match (models, variant.at("model_name").id()) {
                (Told::Known(all), Told::Known(name)) => Told::Known([all, vec![name]].concat()),
                (Told::Unknown(later), _) | (_, Told::Unknown(later)) => Told::Unknown(later),
                (models, Told::Absent) => models,
                (Told::Absent, _) => Told::Absent,
            };
        }
        rows.row("sagemaker_endpoint_configuration", by, name(by))
            .set("model_names", models)
            .put("has_inference_components", variants().any(|variant| *variant.at("model_name") == Node::Absent));
    }
}
