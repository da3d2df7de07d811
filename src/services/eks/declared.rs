//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Rows, Spelling, Told};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_eks_cluster", "AWS::EKS::Cluster"],
        map: cluster,
    },
    Spelling {
        kinds: &["aws_eks_node_group", "AWS::EKS::Nodegroup"],
        map: nodegroup,
    },
    Spelling {
        kinds: &["aws_eks_fargate_profile", "AWS::EKS::FargateProfile"],
        map: fargate_profile,
    },
    Spelling {
        kinds: &[
            "aws_eks_pod_identity_association",
            "AWS::EKS::PodIdentityAssociation",
        ],
        map: pod_identity,
    },
    Spelling {
        kinds: &["aws_eks_addon", "AWS::EKS::Addon"],
        map: addon,
    },
];

/// The VPC follows from the subnets, and the cluster security group is made with the cluster; neither is told.
fn cluster(by: &Declared, rows: &mut Rows) {
    let network = by.at("vpc_config|resources_vpc_config");
    rows.row("eks_cluster", by, name(by))
        .put("arn", arn(by))
        .set("vpc_id", network.at("vpc_id").id())
        .set(
            "security_group_id",
            network.at("cluster_security_group_id").id(),
        )
        .set(
            "oidc_issuer",
            by.at("identity.oidc.issuer")
                .text()
                .map(|issuer| issuer.trim_start_matches("https://").to_owned()),
        )
        .set(
            "auto_mode",
            by.at("compute_config.enabled").flag().or(false),
        )
        .set("tags", by.tags());
}

fn inside(by: &Declared, given: &str) -> (Told<String>, String) {
    let cluster = by.at("cluster_name").id();
    let id = format!(
        "{}/{}",
        cluster.clone().known().unwrap_or_default(),
        by.name(given)
    );
    (cluster, id)
}

fn nodegroup(by: &Declared, rows: &mut Rows) {
    let (cluster, id) = inside(by, "node_group_name|nodegroup_name");
    rows.symbol(by, arn(by), "");
    rows.row("eks_node_group", by, id)
        .set("cluster_name", cluster)
        .put("name", by.name("node_group_name|nodegroup_name"))
        .put("arn", arn(by))
        .set("node_role_arn", by.role("node_role_arn|node_role"))
        .set("subnet_ids", by.at("subnet_ids|subnets").ids())
        .set(
            "launch_template",
            by.at("launch_template.id|launch_template.name").id().or(""),
        )
        .set("tags", by.tags());
}

fn fargate_profile(by: &Declared, rows: &mut Rows) {
    let (cluster, id) = inside(by, "fargate_profile_name");
    rows.symbol(by, arn(by), "");
    let namespaces: Vec<String> = by
        .at("selector|selectors")
        .items()
        .iter()
        .filter_map(|selector| selector.at("namespace").text().known())
        .collect();
    rows.row("eks_fargate_profile", by, id)
        .set("cluster_name", cluster)
        .put("name", by.name("fargate_profile_name"))
        .put("arn", arn(by))
        .set("pod_execution_role_arn", by.role("pod_execution_role_arn"))
        // AWS takes the subnets of the cluster where none are given.
        .set("subnet_ids", by.at("subnet_ids|subnets").ids())
        .put("namespaces", namespaces);
}

fn pod_identity(by: &Declared, rows: &mut Rows) {
    rows.row("eks_pod_identity_association", by, arn(by))
        .set("cluster_name", by.at("cluster_name").id())
        .set("namespace", by.at("namespace").text())
        .set("service_account", by.at("service_account").text())
        .set("role_arn", by.role("role_arn"));
}

fn addon(by: &Declared, rows: &mut Rows) {
    let (cluster, named) = (by.at("cluster_name").id(), by.at("addon_name").text());
    rows.part(
        by,
        "eks_cluster",
        cluster.clone(),
        "addons",
        named.clone().map(serde_json::Value::from),
    );
    if named == Told::Known("vpc-cni".to_owned()) {
        let configuration = by.at("configuration_values").text().or("");
        rows.column(
            by,
            "eks_cluster",
            cluster,
            "pod_network",
            configuration.map(|text| super::pod_network(Some(&text)).into()),
        );
    }
}
