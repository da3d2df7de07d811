//! Databases that serve as vector stores: Amazon RDS (Aurora) and Amazon Neptune Analytics.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
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
        flag(
            "publicly_accessible",
            "Does its name resolve to a public address?",
        ),
        list("security_group_ids", "Security groups."),
        flag("is_encrypted", "Is what it stores encrypted?"),
        text("kms_key_id", "Key that encrypts it.").absent("''"),
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
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        flag("public_connectivity", "Can public networks reach it?"),
        text("kms_key_id", "Key that encrypts it.").absent("'' (a key of AWS)"),
    ],
    reads: &[Read::new("list", "neptune-graph:ListGraphs")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&DB_INSTANCE, &GRAPH],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["rds_db_instance"],
            span: Span::Regional,
            run: |place| Box::pin(live::instances(place)),
        },
        Collector {
            tables: &["neptune_graph"],
            span: Span::Regional,
            run: |place| Box::pin(live::graphs(place)),
        },
    ],
};
