//! Amazon EKS: clusters, what their pods run on, and the roles that pods take.

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
        text("launch_template", "Launch template, which may set other security groups and addresses.").absent("''").by(&["detail"]),
        tags().by(&["detail"]),
    ],
    reads: &[Read::with("list", "eks:ListNodegroups", &["eks:ListClusters", "eks:ListNodegroups"]), Read::new("detail", "eks:DescribeNodegroup")],
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
        text("pod_execution_role_arn", "Role that starts its pods; the pods themselves do not have it.").by(&["detail"]),
        list("subnet_ids", "Subnets.").by(&["detail"]),
        list("namespaces", "Namespaces that its selectors name; they may hold `*` and `?`.").by(&["detail"]),
    ],
    reads: &[
        Read::with("list", "eks:ListFargateProfiles", &["eks:ListClusters", "eks:ListFargateProfiles"]),
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
        Read::with("list", "eks:ListPodIdentityAssociations", &["eks:ListClusters", "eks:ListPodIdentityAssociations"]),
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
            Some((_, rest)) if rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase().starts_with("true") => "custom",
            _ => "node",
        },
    }
}

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place, tags};

    pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_eks, place);
        let clusters = place
            .pages(
                "eks:ListClusters",
                |token| client.list_clusters().set_next_token(token).send(),
                |answer| (answer.clusters.unwrap_or_default(), answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        let names = &clusters.items;
        if place.wants("eks_cluster", "list") {
            batch.listed(place, "eks_cluster", &clusters);
            let details = place
                .details(&mut batch, "eks_cluster", "detail", names, String::clone, |index| {
                    place.call("eks:DescribeCluster", {
                        let (client, name) = (&client, names[index].as_str());
                        move || client.describe_cluster().name(name).send()
                    })
                })
                .await;
            let addons = place
                .details(&mut batch, "eks_cluster", "addons", names, String::clone, |index| {
                    let (client, name) = (&client, names[index].as_str());
                    async move {
                        let listing = place
                            .pages(
                                "eks:ListAddons",
                                |token| client.list_addons().cluster_name(name).set_next_token(token).send(),
                                |answer| (answer.addons.unwrap_or_default(), answer.next_token),
                            )
                            .await;
                        if let Some(failure) = listing.failure {
                            return Err(failure);
                        }
                        if !listing.items.iter().any(|addon| addon == "vpc-cni") {
                            return Ok((listing.items, None));
                        }
                        let answer = place.call("eks:DescribeAddon", || client.describe_addon().cluster_name(name).addon_name("vpc-cni").send()).await?;
                        let configuration = answer.addon().and_then(|addon| addon.configuration_values()).unwrap_or_default().to_owned();
                        Ok((listing.items, Some(configuration)))
                    }
                })
                .await;
            for ((name, detail), addons) in names.iter().zip(details).zip(addons) {
                let mut row = place.row("eks_cluster").set("name", name.as_str());
                if let Some(cluster) = detail.as_ref().and_then(|answer| answer.cluster()) {
                    let network = cluster.resources_vpc_config();
                    let issuer = cluster.identity().and_then(|identity| identity.oidc()).and_then(|oidc| oidc.issuer()).unwrap_or_default();
                    row.put("arn", cluster.arn());
                    row.put("vpc_id", network.and_then(|network| network.vpc_id()));
                    row.put("security_group_id", network.and_then(|network| network.cluster_security_group_id()).unwrap_or_default());
                    row.put("oidc_issuer", issuer.trim_start_matches("https://"));
                    row.put("auto_mode", cluster.compute_config().and_then(|compute| compute.enabled()).unwrap_or_default());
                    row.put("tags", tags(cluster.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()))));
                }
                if let Some((addons, configuration)) = addons {
                    row.put("pod_network", super::pod_network(configuration.as_deref()));
                    row.put("addons", addons);
                }
                batch.rows.push(row);
            }
        }
        if place.wants("eks_node_group", "list") {
            let groups = place
                .each(&clusters, String::clone, |index| {
                    let (client, name) = (&client, names[index].as_str());
                    place.pages(
                        "eks:ListNodegroups",
                        move |token| client.list_nodegroups().cluster_name(name).set_next_token(token).send(),
                        |answer| (answer.nodegroups.unwrap_or_default(), answer.next_token),
                    )
                })
                .await;
            batch.listed(place, "eks_node_group", &groups);
            let id = |(cluster, name): &(usize, String)| format!("{}/{name}", names[*cluster]);
            let details = place
                .details(&mut batch, "eks_node_group", "detail", &groups.items, id, |index| {
                    let (client, (cluster, name)) = (&client, &groups.items[index]);
                    place.call("eks:DescribeNodegroup", move || client.describe_nodegroup().cluster_name(&names[*cluster]).nodegroup_name(name).send())
                })
                .await;
            for (item, detail) in groups.items.iter().zip(details) {
                let mut row = place.row("eks_node_group").set("id", id(item)).set("cluster_name", names[item.0].as_str()).set("name", item.1.as_str());
                if let Some(group) = detail.as_ref().and_then(|answer| answer.nodegroup()) {
                    let template = group.launch_template().and_then(|template| template.id().or(template.name()));
                    row.put("arn", group.nodegroup_arn());
                    row.put("node_role_arn", group.node_role());
                    row.put("subnet_ids", group.subnets().to_vec());
                    row.put("launch_template", template.unwrap_or_default());
                    row.put("tags", tags(group.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()))));
                }
                batch.rows.push(row);
            }
        }
        if place.wants("eks_fargate_profile", "list") {
            let profiles = place
                .each(&clusters, String::clone, |index| {
                    let (client, name) = (&client, names[index].as_str());
                    place.pages(
                        "eks:ListFargateProfiles",
                        move |token| client.list_fargate_profiles().cluster_name(name).set_next_token(token).send(),
                        |answer| (answer.fargate_profile_names.unwrap_or_default(), answer.next_token),
                    )
                })
                .await;
            batch.listed(place, "eks_fargate_profile", &profiles);
            let id = |(cluster, name): &(usize, String)| format!("{}/{name}", names[*cluster]);
            let details = place
                .details(&mut batch, "eks_fargate_profile", "detail", &profiles.items, id, |index| {
                    let (client, (cluster, name)) = (&client, &profiles.items[index]);
                    place.call("eks:DescribeFargateProfile", move || {
                        client.describe_fargate_profile().cluster_name(&names[*cluster]).fargate_profile_name(name).send()
                    })
                })
                .await;
            for (item, detail) in profiles.items.iter().zip(details) {
                let mut row = place.row("eks_fargate_profile").set("id", id(item)).set("cluster_name", names[item.0].as_str()).set("name", item.1.as_str());
                if let Some(profile) = detail.as_ref().and_then(|answer| answer.fargate_profile()) {
                    row.put("arn", profile.fargate_profile_arn());
                    row.put("pod_execution_role_arn", profile.pod_execution_role_arn());
                    row.put("subnet_ids", profile.subnets().to_vec());
                    row.put("namespaces", profile.selectors().iter().filter_map(|selector| selector.namespace().map(str::to_owned)).collect::<Vec<_>>());
                }
                batch.rows.push(row);
            }
        }
        if place.wants("eks_pod_identity_association", "list") {
            let all = place
                .each(&clusters, String::clone, |index| {
                    let (client, name) = (&client, names[index].as_str());
                    place.pages(
                        "eks:ListPodIdentityAssociations",
                        move |token| client.list_pod_identity_associations().cluster_name(name).set_next_token(token).send(),
                        |answer| (answer.associations.unwrap_or_default(), answer.next_token),
                    )
                })
                .await;
            batch.listed(place, "eks_pod_identity_association", &all);
            let details = place
                .details(
                    &mut batch,
                    "eks_pod_identity_association",
                    "detail",
                    &all.items,
                    |(_, one)| one.association_arn().unwrap_or_default().to_owned(),
                    |index| {
                        let (client, (cluster, one)) = (&client, &all.items[index]);
                        place.call("eks:DescribePodIdentityAssociation", move || {
                            client.describe_pod_identity_association().cluster_name(&names[*cluster]).set_association_id(one.association_id.clone()).send()
                        })
                    },
                )
                .await;
            for ((cluster, one), detail) in all.items.iter().zip(details) {
                let role = detail.as_ref().and_then(|answer| answer.association()).and_then(|found| found.role_arn().map(str::to_owned));
                batch.rows.push(
                    place
                        .row("eks_pod_identity_association")
                        .set("arn", one.association_arn())
                        .set("cluster_name", names[*cluster].as_str())
                        .set("namespace", one.namespace())
                        .set("service_account", one.service_account())
                        .set("role_arn", role),
                );
            }
        }
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::{arn, name};
    use crate::services::declared::{Declared, Rows, Spelling, Told};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_eks_cluster", "AWS::EKS::Cluster"], map: cluster },
        Spelling { kinds: &["aws_eks_node_group", "AWS::EKS::Nodegroup"], map: nodegroup },
        Spelling { kinds: &["aws_eks_fargate_profile", "AWS::EKS::FargateProfile"], map: fargate_profile },
        Spelling { kinds: &["aws_eks_pod_identity_association", "AWS::EKS::PodIdentityAssociation"], map: pod_identity },
        Spelling { kinds: &["aws_eks_addon", "AWS::EKS::Addon"], map: addon },
    ];

    /// The VPC follows from the subnets, and the cluster security group is made with the cluster; neither is told.
    fn cluster(by: &Declared, rows: &mut Rows) {
        let network = by.at("vpc_config|resources_vpc_config");
        rows.row("eks_cluster", by, name(by))
            .put("arn", arn(by))
            .set("vpc_id", network.at("vpc_id").id())
            .set("security_group_id", network.at("cluster_security_group_id").id())
            .set("oidc_issuer", by.at("identity.oidc.issuer").text().map(|issuer| issuer.trim_start_matches("https://").to_owned()))
            .set("auto_mode", by.at("compute_config.enabled").flag().or(false))
            .set("tags", by.tags());
    }

    fn inside(by: &Declared, given: &str) -> (Told<String>, String) {
        let cluster = by.at("cluster_name").id();
        let id = format!("{}/{}", cluster.clone().known().unwrap_or_default(), by.name(given));
        (cluster, id)
    }

    fn nodegroup(by: &Declared, rows: &mut Rows) {
        let (cluster, id) = inside(by, "node_group_name|nodegroup_name");
        rows.symbol(by, arn(by), "");
        rows.row("eks_node_group", by, id)
            .set("cluster_name", cluster)
            .put("name", by.name("node_group_name|nodegroup_name"))
            .put("arn", arn(by))
            .set("node_role_arn", by.at("node_role_arn|node_role").id())
            .set("subnet_ids", by.at("subnet_ids|subnets").ids())
            .set("launch_template", by.at("launch_template.id|launch_template.name").id().or(""))
            .set("tags", by.tags());
    }

    fn fargate_profile(by: &Declared, rows: &mut Rows) {
        let (cluster, id) = inside(by, "fargate_profile_name");
        rows.symbol(by, arn(by), "");
        let namespaces: Vec<String> = by.at("selector|selectors").items().iter().filter_map(|selector| selector.at("namespace").text().known()).collect();
        rows.row("eks_fargate_profile", by, id)
            .set("cluster_name", cluster)
            .put("name", by.name("fargate_profile_name"))
            .put("arn", arn(by))
            .set("pod_execution_role_arn", by.at("pod_execution_role_arn").id())
            // AWS takes the subnets of the cluster where none are given.
            .set("subnet_ids", by.at("subnet_ids|subnets").ids())
            .put("namespaces", namespaces);
    }

    fn pod_identity(by: &Declared, rows: &mut Rows) {
        rows.row("eks_pod_identity_association", by, arn(by))
            .set("cluster_name", by.at("cluster_name").id())
            .set("namespace", by.at("namespace").text())
            .set("service_account", by.at("service_account").text())
            .set("role_arn", by.at("role_arn").id());
    }

    fn addon(by: &Declared, rows: &mut Rows) {
        let (cluster, named) = (by.at("cluster_name").id(), by.at("addon_name").text());
        rows.part(by, "eks_cluster", cluster.clone(), "addons", named.clone().map(serde_json::Value::from));
        if named == Told::Known("vpc-cni".to_owned()) {
            let configuration = by.at("configuration_values").text().or("");
            rows.column(by, "eks_cluster", cluster, "pod_network", configuration.map(|text| super::pod_network(Some(&text)).into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pod_network;

    #[test]
    fn the_network_of_pods_is_told_by_the_plug_in() {
        assert_eq!(pod_network(None), "unmanaged");
        assert_eq!(pod_network(Some("")), "node");
        assert_eq!(pod_network(Some(r#"{"env":{"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG":"true"}}"#)), "custom");
        assert_eq!(pod_network(Some("env:\n  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: \"false\"")), "node");
    }
}
