//! Databases that serve as vector stores: Amazon RDS (Aurora) and Amazon Neptune Analytics.

use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Instances.
pub const DB_INSTANCE: Table = Table {
    name: "rds_db_instance",
    doc: "DB instances. Of an Aurora cluster each instance has its own switch for public access.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Identifier."),
        text("cluster_name", "Cluster that it belongs to.").absent("''"),
        text("engine", "`aurora-postgresql`, ..."),
        flag("publicly_accessible", "Does its name resolve to a public address?"),
        list("security_group_ids", "Security groups."),
    ],
    reads: &[Read::new("list", "rds:DescribeDBInstances")],
    lists: Inputs::NONE,
};

/// Graphs.
pub const GRAPH: Table = Table {
    name: "neptune_graph",
    doc: "Graphs of Neptune Analytics.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("arn", "ARN."), text("name", "Name."), flag("public_connectivity", "Can public networks reach it?")],
    reads: &[Read::new("list", "neptune-graph:ListGraphs")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};

    pub(in crate::services) async fn instances(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_rds, place);
        let listing = place
            .pages(
                "rds:DescribeDBInstances",
                |token| client.describe_db_instances().max_records(100).set_marker(token).send(),
                |answer| (answer.db_instances.unwrap_or_default(), answer.marker),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "rds_db_instance", &listing);
        batch.rows.extend(listing.items.iter().map(|one| {
            place
                .row("rds_db_instance")
                .set("arn", one.db_instance_arn())
                .set("name", one.db_instance_identifier())
                .set("cluster_name", one.db_cluster_identifier().unwrap_or_default())
                .set("engine", one.engine())
                .set("publicly_accessible", one.publicly_accessible())
                .set(
                    "security_group_ids",
                    one.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id().map(str::to_owned)).collect::<Vec<_>>(),
                )
        }));
        batch
    }

    pub(in crate::services) async fn graphs(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_neptunegraph, place);
        let listing = place
            .pages("neptune-graph:ListGraphs", |token| client.list_graphs().set_next_token(token).send(), |answer| (answer.graphs, answer.next_token))
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "neptune_graph", &listing);
        batch.rows.extend(
            listing
                .items
                .iter()
                .map(|one| place.row("neptune_graph").set("arn", one.arn()).set("name", one.name()).set("public_connectivity", one.public_connectivity())),
        );
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::{arn, name};
    use crate::services::declared::{Declared, Rows, Spelling, Told};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_db_instance", "aws_rds_cluster_instance", "AWS::RDS::DBInstance"], map: instance },
        Spelling { kinds: &["aws_rds_cluster", "AWS::RDS::DBCluster"], map: cluster },
        Spelling { kinds: &["aws_neptunegraph_graph", "AWS::NeptuneGraph::Graph"], map: graph },
    ];

    fn instance(by: &Declared, rows: &mut Rows) {
        // Where nothing is said, AWS decides by the subnet group; Terraform says no for it.
        let public = by.at("publicly_accessible").flag();
        let public = if by.is_cloudformation() { public } else { public.or(false) };
        rows.row("rds_db_instance", by, arn(by))
            .put("name", name(by))
            .set("cluster_name", by.at("cluster_identifier|db_cluster_identifier").id().map(|id| id.rsplit(':').next().unwrap_or_default().to_owned()).or(""))
            .set("engine", by.at("engine").text())
            .set("publicly_accessible", public)
            .set("security_group_ids", by.at("vpc_security_group_ids|vpc_security_groups").ids());
    }

    /// Knowledge bases name the cluster; its instances are what is reached.
    fn cluster(by: &Declared, rows: &mut Rows) {
        rows.symbol(by, arn(by), "");
    }

    fn graph(by: &Declared, rows: &mut Rows) {
        let public: Told<bool> = by.at("public_connectivity").flag().or(false);
        rows.row("neptune_graph", by, arn(by)).put("name", by.name("graph_name")).set("public_connectivity", public);
    }
}
