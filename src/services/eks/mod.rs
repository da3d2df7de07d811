//! Amazon EKS: clusters, what their pods run on, and the roles that pods take.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, list, tags, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Clusters.
pub const CLUSTER: Table = Table {
    name: "eks_cluster",
    doc: "EKS clusters.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN.").by(&["detail"]),
        text("vpc_id", "VPC.").by(&["detail"]),
        text("security_group_id", "Cluster security group: nodes without a launch template and pods of Fargate have it.").absent("''").by(&["detail"]),
        text("oidc_issuer", "Host and path of the issuer that roles for service accounts trust, without a scheme.").absent("''").by(&["detail"]),
        flag("auto_mode", "Does EKS itself choose nodes (Auto Mode)? Their subnets are then told inside the cluster alone.").by(&["detail"]),
        tags().by(&["detail"]),
        list("addons", "Add-ons that EKS manages.").by(&["addons"]),
        text("pod_network", "`node` (pods stand in the subnets of their nodes), `custom` (in others) or `unmanaged` (the network plug-in is no add-on of EKS, so its settings cannot be seen).")
            .by(&["addons"])
            .words(&["node", "custom", "unmanaged"]),
    ],
    reads: &[
        Read::new("list", "eks:ListClusters"),
        Read::new("detail", "eks:DescribeCluster"),
        Read::with("addons", "eks:DescribeAddon", &["eks:ListAddons", "eks:DescribeAddon"]),
    ],
    lists: Inputs::NONE,
};

/// Node groups.
pub const NODEGROUP: Table = Table {
    name: "eks_node_group",
    doc: "Managed node groups.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "`cluster/node group`."),
        text("cluster_name", "Cluster."),
        text("name", "Name."),
        text("arn", "ARN.").by(&["detail"]),
        text("node_role_arn", "Role of the nodes.").by(&["detail"]),
        list("subnet_ids", "Subnets.").by(&["detail"]),
        text(
            "launch_template",
            "Launch template, which may set other security groups and addresses.",
        )
        .absent("''")
        .by(&["detail"]),
        tags().by(&["detail"]),
    ],
    reads: &[
        Read::with(
            "list",
            "eks:ListNodegroups",
            &["eks:ListClusters", "eks:ListNodegroups"],
        ),
        Read::new("detail", "eks:DescribeNodegroup"),
    ],
    lists: Inputs::NONE,
};

/// Fargate profiles.
pub const FARGATE_PROFILE: Table = Table {
    name: "eks_fargate_profile",
    doc: "Fargate profiles. Their pods stand in private subnets, with the cluster security group.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "`cluster/profile`."),
        text("cluster_name", "Cluster."),
        text("name", "Name."),
        text("arn", "ARN.").by(&["detail"]),
        text(
            "pod_execution_role_arn",
            "Role that starts its pods; the pods themselves do not have it.",
        )
        .by(&["detail"]),
        list("subnet_ids", "Subnets.").by(&["detail"]),
        list(
            "namespaces",
            "Namespaces that its selectors name; they may hold `*` and `?`.",
        )
        .by(&["detail"]),
    ],
    reads: &[
        Read::with(
            "list",
            "eks:ListFargateProfiles",
            &["eks:ListClusters", "eks:ListFargateProfiles"],
        ),
        Read::new("detail", "eks:DescribeFargateProfile"),
    ],
    lists: Inputs::NONE,
};

/// Roles that EKS Pod Identity gives to pods.
pub const POD_IDENTITY: Table = Table {
    name: "eks_pod_identity_association",
    doc: "EKS Pod Identity: which service account gets which role. Roles for service accounts (IRSA) are told by the trust policies of roles instead.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN of the association."),
        text("cluster_name", "Cluster."),
        text("namespace", "Namespace."),
        text("service_account", "Service account."),
        text("role_arn", "Role of its pods.").by(&["detail"]),
    ],
    reads: &[
        Read::with(
            "list",
            "eks:ListPodIdentityAssociations",
            &["eks:ListClusters", "eks:ListPodIdentityAssociations"],
        ),
        Read::new("detail", "eks:DescribePodIdentityAssociation"),
    ],
    lists: Inputs::NONE,
};

/// Where the pods of a cluster stand, by its network plug-in (Amazon EKS User Guide, "Customize the secondary network interface in Amazon EKS nodes").
/// `configuration` is the add-on's `configurationValues`, JSON or YAML; `None` where the add-on is not managed.
fn pod_network(configuration: Option<&str>) -> &'static str {
    match configuration {
        None => "unmanaged",
        Some(text) => match text.split_once("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG") {
            Some((_, rest))
                if rest
                    .trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
                    .to_ascii_lowercase()
                    .starts_with("true") =>
            {
                "custom"
            }
            _ => "node",
        },
    }
}

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&CLUSTER, &NODEGROUP, &FARGATE_PROFILE, &POD_IDENTITY],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[Collector {
        tables: &[
            "eks_cluster",
            "eks_node_group",
            "eks_fargate_profile",
            "eks_pod_identity_association",
        ],
        span: Span::Regional,
        run: |place| Box::pin(live::collect(place)),
    }],
};

#[cfg(test)]
mod tests {
    use super::pod_network;

    #[test]
    fn the_network_of_pods_is_told_by_the_plug_in() {
        assert_eq!(pod_network(None), "unmanaged");
        assert_eq!(pod_network(Some("")), "node");
        assert_eq!(
            pod_network(Some(
                r#"{"env":{"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG":"true"}}"#
            )),
            "custom"
        );
        assert_eq!(
            pod_network(Some(
                "env:\n  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: \"false\""
            )),
            "node"
        );
    }
}
