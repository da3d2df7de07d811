//! Amazon SageMaker AI: notebooks, domains, models with their endpoints, and jobs. What is not set is open: notebooks
//! default to direct internet access and domains to the service's own way out.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;
#[cfg(feature = "live")]
pub(super) mod live_endpoints;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use super::environment::{SETTINGS, VARIABLE};
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Column, Inputs, Read, Role, Span, Table};

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
        text(
            "direct_internet_access",
            "`Enabled` (an interface of the service's leads out) or `Disabled`.",
        )
        .by(&["detail"])
        .words(&["Enabled", "Disabled"]),
    ],
    reads: &[
        Read::new("list", "sagemaker:ListNotebookInstances"),
        Read::new("detail", "sagemaker:DescribeNotebookInstance"),
    ],
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
        text(
            "app_network_access_type",
            "`PublicInternetOnly` (traffic leaves by the service's own network) or `VpcOnly`.",
        )
        .by(&["detail"])
        .words(&["PublicInternetOnly", "VpcOnly"]),
        text("vpc_id", "VPC.").by(&["detail"]),
        list("subnet_ids", "Subnets.").by(&["detail"]),
        list(
            "security_group_ids",
            "Security groups that the default user settings name.",
        )
        .by(&["detail"]),
        text("role_arn", "Execution role of the default user settings.")
            .absent("''")
            .by(&["detail"]),
        text("space_role_arn", "Execution role of shared spaces.")
            .absent("''")
            .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "sagemaker:ListDomains"),
        Read::new("detail", "sagemaker:DescribeDomain"),
    ],
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
        text("role_arn", "Execution role of its own.")
            .absent("'' (the domain's)")
            .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "sagemaker:ListUserProfiles"),
        Read::new("detail", "sagemaker:DescribeUserProfile"),
    ],
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
        text("role_arn", "Execution role.")
            .absent("''")
            .by(&["detail"]),
        list(
            "subnet_ids",
            "Subnets of `VpcConfig`; empty where it has none.",
        )
        .by(&["detail"]),
        list("security_group_ids", "Security groups.").by(&["detail"]),
        flag(
            "enable_network_isolation",
            "Are all calls of its containers to the outside cut off?",
        )
        .by(&["detail"]),
        SETTINGS[0].by(&["detail"]),
        SETTINGS[1].by(&["detail"]),
        SETTINGS[2].by(&["detail"]),
        SETTINGS[3].by(&["detail"]),
        SETTINGS[4].by(&["detail"]),
        list(
            "outside_hosts",
            "Hosts of model providers outside AWS that its variables name.",
        )
        .by(&["detail"]),
        list(
            "vector_hosts",
            "Hosts of OpenSearch collections and domains that its variables name.",
        )
        .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "sagemaker:ListModels"),
        Read::new("detail", "sagemaker:DescribeModel"),
    ],
    lists: Inputs::NONE,
};

/// Endpoints.
pub const ENDPOINT: Table = Table {
    name: "sagemaker_endpoint",
    doc: "SageMaker endpoints.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN."),
        text("endpoint_config_name", "Configuration that it runs.").by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "sagemaker:ListEndpoints"),
        Read::new("detail", "sagemaker:DescribeEndpoint"),
    ],
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
        list(
            "model_names",
            "Models of its production and shadow variants.",
        )
        .by(&["detail"]),
        flag(
            "has_inference_components",
            "Does a variant take its models from inference components, which are not read?",
        )
        .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "sagemaker:ListEndpointConfigs"),
        Read::new("detail", "sagemaker:DescribeEndpointConfig"),
    ],
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
        text("kind", "`training`, `processing` or `transform`.").words(&[
            "training",
            "processing",
            "transform",
        ]),
        text(
            "model_name",
            "Model that a transform job runs; role and network are the model's.",
        )
        .absent("''")
        .by(&["detail"]),
        text("role_arn", "Role.")
            .absent("'' (the model's)")
            .by(&["detail"]),
        list(
            "subnet_ids",
            "Subnets of `VpcConfig`; empty where it has none.",
        )
        .by(&["detail"]),
        list("security_group_ids", "Security groups.").by(&["detail"]),
        flag(
            "enable_network_isolation",
            "Are all calls of its containers to the outside cut off?",
        )
        .by(&["detail"]),
        SETTINGS[0].by(&["detail"]),
        SETTINGS[1].by(&["detail"]),
        SETTINGS[2].by(&["detail"]),
        SETTINGS[3].by(&["detail"]),
        SETTINGS[4].by(&["detail"]),
        list(
            "outside_hosts",
            "Hosts of model providers outside AWS that its variables name.",
        )
        .by(&["detail"]),
        list(
            "vector_hosts",
            "Hosts of OpenSearch collections and domains that its variables name.",
        )
        .by(&["detail"]),
    ],
    reads: &[
        Read::with(
            "list",
            "sagemaker:ListTrainingJobs",
            &[
                "sagemaker:ListTrainingJobs",
                "sagemaker:ListProcessingJobs",
                "sagemaker:ListTransformJobs",
            ],
        ),
        Read::with(
            "detail",
            "sagemaker:DescribeTrainingJob",
            &[
                "sagemaker:DescribeTrainingJob",
                "sagemaker:DescribeProcessingJob",
                "sagemaker:DescribeTransformJob",
            ],
        ),
    ],
    lists: Inputs::NONE,
};

const VARIABLES: [Column; 11] = VARIABLE;

/// Variables of SageMaker models.
pub const ENVIRONMENT_VARIABLE: Table = Table {
    name: "sagemaker_environment_variable",
    doc: "Environment variables of SageMaker models: what was detected in them, never their values.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &VARIABLES,
    reads: &[Read::with(
        "list",
        "sagemaker:DescribeModel",
        &["sagemaker:ListModels", "sagemaker:DescribeModel"],
    )],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[
        &ENVIRONMENT_VARIABLE,
        &NOTEBOOK,
        &DOMAIN,
        &USER_PROFILE,
        &MODEL,
        &ENDPOINT,
        &ENDPOINT_CONFIG,
        &JOB,
    ],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["sagemaker_notebook_instance"],
            span: Span::Regional,
            run: |place| Box::pin(live::notebooks(place)),
        },
        Collector {
            tables: &["sagemaker_domain"],
            span: Span::Regional,
            run: |place| Box::pin(live::domains(place)),
        },
        Collector {
            tables: &["sagemaker_user_profile"],
            span: Span::Regional,
            run: |place| Box::pin(live::user_profiles(place)),
        },
        Collector {
            tables: &["sagemaker_model", "sagemaker_environment_variable"],
            span: Span::Regional,
            run: |place| Box::pin(live::models(place)),
        },
        Collector {
            tables: &["sagemaker_endpoint"],
            span: Span::Regional,
            run: |place| Box::pin(live_endpoints::endpoints(place)),
        },
        Collector {
            tables: &["sagemaker_endpoint_configuration"],
            span: Span::Regional,
            run: |place| Box::pin(live_endpoints::endpoint_configs(place)),
        },
        Collector {
            tables: &["sagemaker_job"],
            span: Span::Regional,
            run: |place| Box::pin(live::jobs(place)),
        },
    ],
};
