//! The calls.

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
            .details(
                &mut batch,
                "eks_cluster",
                "detail",
                names,
                String::clone,
                |index| {
                    place.call("eks:DescribeCluster", {
                        let (client, name) = (&client, names[index].as_str());
                        move || client.describe_cluster().name(name).send()
                    })
                },
            )
            .await;
        let addons = place
            .details(
                &mut batch,
                "eks_cluster",
                "addons",
                names,
                String::clone,
                |index| {
                    let (client, name) = (&client, names[index].as_str());
                    async move {
                        let listing = place
                            .pages(
                                "eks:ListAddons",
                                |token| {
                                    client
                                        .list_addons()
                                        .cluster_name(name)
                                        .set_next_token(token)
                                        .send()
                                },
                                |answer| (answer.addons.unwrap_or_default(), answer.next_token),
                            )
                            .await;
                        if let Some(failure) = listing.failure {
                            return Err(failure);
                        }
                        if !listing.items.iter().any(|addon| addon == "vpc-cni") {
                            return Ok((listing.items, None));
                        }
                        let answer = place
                            .call("eks:DescribeAddon", || {
                                client
                                    .describe_addon()
                                    .cluster_name(name)
                                    .addon_name("vpc-cni")
                                    .send()
                            })
                            .await?;
                        let configuration = answer
                            .addon()
                            .and_then(|addon| addon.configuration_values())
                            .unwrap_or_default()
                            .to_owned();
                        Ok((listing.items, Some(configuration)))
                    }
                },
            )
            .await;
        for ((name, detail), addons) in names.iter().zip(details).zip(addons) {
            let mut row = place.row("eks_cluster").set("name", name.as_str());
            if let Some(cluster) = detail.as_ref().and_then(|answer| answer.cluster()) {
                let network = cluster.resources_vpc_config();
                let issuer = cluster
                    .identity()
                    .and_then(|identity| identity.oidc())
                    .and_then(|oidc| oidc.issuer())
                    .unwrap_or_default();
                row.put("arn", cluster.arn());
                row.put("vpc_id", network.and_then(|network| network.vpc_id()));
                row.put(
                    "security_group_id",
                    network
                        .and_then(|network| network.cluster_security_group_id())
                        .unwrap_or_default(),
                );
                row.put("oidc_issuer", issuer.trim_start_matches("https://"));
                row.put(
                    "auto_mode",
                    cluster
                        .compute_config()
                        .and_then(|compute| compute.enabled())
                        .unwrap_or_default(),
                );
                row.put(
                    "tags",
                    tags(
                        cluster
                            .tags()
                            .into_iter()
                            .flatten()
                            .map(|(key, value)| (key.clone(), value.clone())),
                    ),
                );
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
                    move |token| {
                        client
                            .list_nodegroups()
                            .cluster_name(name)
                            .set_next_token(token)
                            .send()
                    },
                    |answer| (answer.nodegroups.unwrap_or_default(), answer.next_token),
                )
            })
            .await;
        batch.listed(place, "eks_node_group", &groups);
        let id = |(cluster, name): &(usize, String)| format!("{}/{name}", names[*cluster]);
        let details = place
            .details(
                &mut batch,
                "eks_node_group",
                "detail",
                &groups.items,
                id,
                |index| {
                    let (client, (cluster, name)) = (&client, &groups.items[index]);
                    place.call("eks:DescribeNodegroup", move || {
                        client
                            .describe_nodegroup()
                            .cluster_name(&names[*cluster])
                            .nodegroup_name(name)
                            .send()
                    })
                },
            )
            .await;
        for (item, detail) in groups.items.iter().zip(details) {
            let mut row = place
                .row("eks_node_group")
                .set("id", id(item))
                .set("cluster_name", names[item.0].as_str())
                .set("name", item.1.as_str());
            if let Some(group) = detail.as_ref().and_then(|answer| answer.nodegroup()) {
                let template = group
                    .launch_template()
                    .and_then(|template| template.id().or(template.name()));
                row.put("arn", group.nodegroup_arn());
                row.put("node_role_arn", group.node_role());
                row.put("subnet_ids", group.subnets().to_vec());
                row.put("launch_template", template.unwrap_or_default());
                row.put(
                    "tags",
                    tags(
                        group
                            .tags()
                            .into_iter()
                            .flatten()
                            .map(|(key, value)| (key.clone(), value.clone())),
                    ),
                );
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
                    move |token| {
                        client
                            .list_fargate_profiles()
                            .cluster_name(name)
                            .set_next_token(token)
                            .send()
                    },
                    |answer| {
                        (
                            answer.fargate_profile_names.unwrap_or_default(),
                            answer.next_token,
                        )
                    },
                )
            })
            .await;
        batch.listed(place, "eks_fargate_profile", &profiles);
        let id = |(cluster, name): &(usize, String)| format!("{}/{name}", names[*cluster]);
        let details = place
            .details(
                &mut batch,
                "eks_fargate_profile",
                "detail",
                &profiles.items,
                id,
                |index| {
                    let (client, (cluster, name)) = (&client, &profiles.items[index]);
                    place.call("eks:DescribeFargateProfile", move || {
                        client
                            .describe_fargate_profile()
                            .cluster_name(&names[*cluster])
                            .fargate_profile_name(name)
                            .send()
                    })
                },
            )
            .await;
        for (item, detail) in profiles.items.iter().zip(details) {
            let mut row = place
                .row("eks_fargate_profile")
                .set("id", id(item))
                .set("cluster_name", names[item.0].as_str())
                .set("name", item.1.as_str());
            if let Some(profile) = detail.as_ref().and_then(|answer| answer.fargate_profile()) {
                row.put("arn", profile.fargate_profile_arn());
                row.put("pod_execution_role_arn", profile.pod_execution_role_arn());
                row.put("subnet_ids", profile.subnets().to_vec());
                row.put(
                    "namespaces",
                    profile
                        .selectors()
                        .iter()
                        .filter_map(|selector| selector.namespace().map(str::to_owned))
                        .collect::<Vec<_>>(),
                );
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
                    move |token| {
                        client
                            .list_pod_identity_associations()
                            .cluster_name(name)
                            .set_next_token(token)
                            .send()
                    },
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
                        client
                            .describe_pod_identity_association()
                            .cluster_name(&names[*cluster])
                            .set_association_id(one.association_id.clone())
                            .send()
                    })
                },
            )
            .await;
        for ((cluster, one), detail) in all.items.iter().zip(details) {
            let role = detail
                .as_ref()
                .and_then(|answer| answer.association())
                .and_then(|found| found.role_arn().map(str::to_owned));
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
