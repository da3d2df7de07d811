//! How files declare them; jobs are started, not declared.

use crate::services::agentcore::declared::hosts;
use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use crate::services::environment::Owner;
use crate::services::hosts::{Around, leaves, vector_host};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &[
            "aws_sagemaker_notebook_instance",
            "AWS::SageMaker::NotebookInstance",
        ],
        map: notebook,
    },
    Spelling {
        kinds: &["aws_sagemaker_domain", "AWS::SageMaker::Domain"],
        map: domain,
    },
    Spelling {
        kinds: &["aws_sagemaker_user_profile", "AWS::SageMaker::UserProfile"],
        map: user_profile,
    },
    Spelling {
        kinds: &["aws_sagemaker_model", "AWS::SageMaker::Model"],
        map: model,
    },
    Spelling {
        kinds: &["aws_sagemaker_endpoint", "AWS::SageMaker::Endpoint"],
        map: endpoint,
    },
    Spelling {
        kinds: &[
            "aws_sagemaker_endpoint_configuration",
            "AWS::SageMaker::EndpointConfig",
        ],
        map: configuration,
    },
];

fn notebook(by: &Declared, rows: &mut Rows) {
    rows.symbol(by, arn(by), "");
    rows.row("sagemaker_notebook_instance", by, name(by))
        .put("arn", arn(by))
        .set("role_arn", by.role("role_arn"))
        .set("subnet_id", by.at("subnet_id").id().or(""))
        .set(
            "security_group_ids",
            by.at("security_groups|security_group_ids")
                .ids()
                .or(Vec::new()),
        )
        .set(
            "direct_internet_access",
            by.at("direct_internet_access").text().or("Enabled"),
        );
}

fn domain(by: &Declared, rows: &mut Rows) {
    let defaults = by.at("default_user_settings");
    rows.symbol(by, arn(by), "");
    rows.row("sagemaker_domain", by, by.id())
        .put("arn", arn(by))
        .put("name", by.name("domain_name"))
        .set(
            "app_network_access_type",
            by.at("app_network_access_type")
                .text()
                .or("PublicInternetOnly"),
        )
        .set("vpc_id", by.at("vpc_id").id())
        .set("subnet_ids", by.at("subnet_ids").ids())
        .set(
            "security_group_ids",
            defaults.at("security_groups").ids().or(Vec::new()),
        )
        .set(
            "role_arn",
            defaults.at("execution_role|execution_role_arn").id().or(""),
        )
        .set(
            "space_role_arn",
            by.at("default_space_settings.execution_role").id().or(""),
        );
}

fn user_profile(by: &Declared, rows: &mut Rows) {
    let domain = by.at("domain_id").id();
    let id = format!(
        "{}/{}",
        domain.clone().known().unwrap_or_default(),
        by.name("user_profile_name")
    );
    rows.row("sagemaker_user_profile", by, id)
        .set("domain_id", domain)
        .set(
            "role_arn",
            by.at("user_settings.execution_role").id().or(""),
        );
}

fn model(by: &Declared, rows: &mut Rows) {
    let key = name(by);
    let inside = by.at("vpc_config");
    rows.symbol(by, arn(by), "");
    rows.row("sagemaker_model", by, key.as_str())
        .put("arn", arn(by))
        .set("role_arn", by.role("execution_role_arn").or(""))
        .set("subnet_ids", inside.at("subnets").ids().or(Vec::new()))
        .set(
            "security_group_ids",
            inside.at("security_group_ids").ids().or(Vec::new()),
        )
        .set(
            "enable_network_isolation",
            by.at("enable_network_isolation").flag().or(false),
        );
    // Containers have no names of their own.
    let containers: Vec<String> = (0..16).map(|place| format!("{place}")).collect();
    let mut owners = Vec::new();
    let (mut outside, mut vectors) = (Told::Known(Vec::new()), Told::Known(Vec::new()));
    for container in by
        .at("primary_container")
        .items()
        .iter()
        .chain(by.at("container|containers").items())
    {
        let owner = Owner {
            table: "sagemaker_environment_variable",
            account_id: &by.account_id,
            region: &by.region,
            arn: &key,
            container: containers.get(owners.len()).map_or("", String::as_str),
        };
        let named = container.at("environment");
        outside = both(
            outside,
            hosts(named, |name, text| leaves(name, text, Around::default())),
        );
        vectors = both(vectors, hosts(named, |_, text| vector_host(text)));
        match named {
            Node::Unknown(later) => return rows.unsettled("sagemaker_model", by, &key, later),
            Node::Map(members) => owners.push((owner, members.clone(), Vec::new())),
            _ => {}
        }
    }
    rows.row("sagemaker_model", by, key.as_str())
        .set("outside_hosts", outside)
        .set("vector_hosts", vectors);
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
    rows.row("sagemaker_endpoint", by, name(by))
        .put("arn", arn(by))
        .set("endpoint_config_name", by.at("endpoint_config_name").id());
}

fn configuration(by: &Declared, rows: &mut Rows) {
    let variants = || {
        by.at("production_variants")
            .items()
            .iter()
            .chain(by.at("shadow_production_variants").items())
    };
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
        .put(
            "has_inference_components",
            variants().any(|variant| *variant.at("model_name") == Node::Absent),
        );
}
