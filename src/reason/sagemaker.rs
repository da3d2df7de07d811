//! Subject: notebooks, domains and models of SageMaker AI, and their way out.

use super::{Context, Sink};
use crate::inventory::cols::{flag, text};
use crate::inventory::{Role, Row, Span, Table};
use crate::model::Observed;
use crate::subject_columns;
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const SOURCES: &[&str] = &[
    "sagemaker_notebook_instance.list",
    "sagemaker_notebook_instance.detail",
    "sagemaker_domain.list",
    "sagemaker_domain.detail",
    "sagemaker_model.list",
    "sagemaker_model.detail",
];

/// What of SageMaker has a network.
pub const SAGEMAKER_NETWORK: Table = Table {
    name: "sagemaker_network",
    doc: "A SageMaker notebook instance, domain or model, and its way to the internet.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`notebook`, `domain` or `model`."),
        flag("direct_internet", "Has it a way out through the service's own network? Absent settings are open.").by(SOURCES),
        flag("isolated", "Of a model: are all calls of its containers cut off? False for notebooks and domains, which have no such switch.").by(SOURCES),
        text("reason", "The setting that decides.").by(SOURCES),
    ],
    reads: &[],
    lists: &["sagemaker_notebook_instance.list", "sagemaker_domain.list", "sagemaker_model.list"],
};

fn network(row: Row<'_>) -> (&'static str, Observed<bool>, Observed<bool>, Observed<String>) {
    match row.table().name {
        "sagemaker_notebook_instance" => {
            let access = row.text("direct_internet_access");
            ("notebook", access.clone().map(|access| access != "Disabled"), Known(false), access.map(|access| format!("DirectInternetAccess is {access}")))
        }
        "sagemaker_domain" => {
            let access = row.text("app_network_access_type");
            ("domain", access.clone().map(|access| access != "VpcOnly"), Known(false), access.map(|access| format!("AppNetworkAccessType is {access}")))
        }
        _ => {
            let inside = row.list("subnet_ids").map(|subnets| !subnets.is_empty());
            let isolated = row.flag("enable_network_isolation");
            let reason = inside.clone().zip(isolated.clone()).map(|(inside, isolated)| {
                format!("{}; network isolation is {}", if inside { "it has a VpcConfig" } else { "it has no VpcConfig" }, if isolated { "on" } else { "off" })
            });
            ("model", (!inside).and(!isolated.clone()), isolated, reason)
        }
    }
}

pub(super) fn derive(context: &Context<'_>, sink: &mut Sink<'_>) {
    for (account, region) in context.scopes(&SAGEMAKER_NETWORK) {
        for (table, resource_type) in [
            ("sagemaker_notebook_instance", "AWS::SageMaker::NotebookInstance"),
            ("sagemaker_domain", "AWS::SageMaker::Domain"),
            ("sagemaker_model", "AWS::SageMaker::Model"),
        ] {
            let found = context.world.all(table, &account, &region);
            sink.hide(&account, &region, found.gaps);
            for row in found.rows {
                let arn = match row.text("arn") {
                    Known(arn) => arn,
                    Unknown(gaps) => {
                        sink.hide(&account, &region, gaps);
                        continue;
                    }
                };
                let (kind, direct, isolated, reason) = network(row);
                let mut derived = sink.row(&account, &region, arn, resource_type);
                derived.put("name", row.text("name").known().unwrap_or_default()).tagged(context, &account, Known(BTreeMap::new()));
                derived.put("kind", kind).set("direct_internet", direct).set("isolated", isolated).set("reason", reason);
                sink.push(derived);
            }
        }
    }
}
