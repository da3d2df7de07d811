//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &[
            "aws_db_instance",
            "aws_rds_cluster_instance",
            "AWS::RDS::DBInstance",
        ],
        map: instance,
    },
    Spelling {
        kinds: &["aws_rds_cluster", "AWS::RDS::DBCluster"],
        map: cluster,
    },
    Spelling {
        kinds: &["aws_neptunegraph_graph", "AWS::NeptuneGraph::Graph"],
        map: graph,
    },
];

fn instance(by: &Declared, rows: &mut Rows) {
    // Where nothing is said, AWS decides by the subnet group; Terraform says no for it.
    let public = by.at("publicly_accessible").flag();
    let public = if by.is_cloudformation() {
        public
    } else {
        public.or(false)
    };
    rows.row("rds_db_instance", by, arn(by))
        .put("name", name(by))
        .set(
            "cluster_name",
            by.at("cluster_identifier|db_cluster_identifier")
                .id()
                .map(|id| id.rsplit(':').next().unwrap_or_default().to_owned())
                .or(""),
        )
        .set("engine", by.at("engine").text())
        .set("publicly_accessible", public)
        .set(
            "security_group_ids",
            by.at("vpc_security_group_ids|vpc_security_groups").ids(),
        )
        .set("is_encrypted", encrypted(by))
        .set("kms_key_id", key(by));
}

/// Is it encrypted? An instance of a cluster is encrypted as its cluster is, which the instance does not say.
fn encrypted(by: &Declared) -> Told<bool> {
    match by.at("storage_encrypted").flag() {
        Told::Absent if in_cluster(by) => Told::Absent,
        told => told.or(false),
    }
}

fn key(by: &Declared) -> Told<String> {
    match by.at("kms_key_id").id() {
        Told::Absent if in_cluster(by) => Told::Absent,
        told => told.or(""),
    }
}

fn in_cluster(by: &Declared) -> bool {
    *by.at("cluster_identifier|db_cluster_identifier") != Node::Absent
}

/// Knowledge bases name the cluster; its instances are what is reached.
fn cluster(by: &Declared, rows: &mut Rows) {
    rows.symbol(by, arn(by), "");
}

fn graph(by: &Declared, rows: &mut Rows) {
    let public: Told<bool> = by.at("public_connectivity").flag().or(false);
    rows.row("neptune_graph", by, arn(by))
        .put("name", by.name("graph_name"))
        .set("public_connectivity", public)
        .set("kms_key_id", by.at("kms_key_identifier").id().or(""));
}
