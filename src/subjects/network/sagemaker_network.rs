//! Subject: notebooks, domains and models of SageMaker AI, and their way out.

use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Role, Row, Span, Table};
use crate::model::Observed;
use crate::services;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const SOURCES: Inputs = Inputs::All(&[
    services::sagemaker::NOTEBOOK.list(),
    services::sagemaker::NOTEBOOK.group("detail"),
    services::sagemaker::DOMAIN.list(),
    services::sagemaker::DOMAIN.group("detail"),
    services::sagemaker::MODEL.list(),
    services::sagemaker::MODEL.group("detail"),
]);

/// What of SageMaker has a network.
pub const SAGEMAKER_NETWORK: Table = Table {
    name: "sagemaker_network",
    doc: "A SageMaker notebook instance, domain or model, and its way to the internet.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`notebook`, `domain` or `model`."),
        flag("direct_internet", "Has it a way out through the service's own network? Absent settings are open.").from(SOURCES),
        flag("isolated", "Of a model: are all calls of its containers cut off? False for notebooks and domains, which have no such switch.").from(SOURCES),
        text("reason", "The setting that decides.").from(SOURCES),
    ],
    reads: &[],
    lists: Inputs::All(&[services::sagemaker::NOTEBOOK.list(), services::sagemaker::DOMAIN.list(), services::sagemaker::MODEL.list()]),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &SAGEMAKER_NETWORK,
    derive,
    rests_on_published_data: false,
};

fn network(
    row: Row<'_>,
) -> (
    &'static str,
    Observed<bool>,
    Observed<bool>,
    Observed<String>,
) {
    match row.table().name {
        "sagemaker_notebook_instance" => {
            let access = row.text("direct_internet_access");
            (
                "notebook",
                access.clone().map(|access| access != "Disabled"),
                Known(false),
                access.map(|access| format!("DirectInternetAccess is {access}")),
            )
        }
        "sagemaker_domain" => {
            let access = row.text("app_network_access_type");
            (
                "domain",
                access.clone().map(|access| access != "VpcOnly"),
                Known(false),
                access.map(|access| format!("AppNetworkAccessType is {access}")),
            )
        }
        _ => {
            let inside = row.list("subnet_ids").map(|subnets| !subnets.is_empty());
            let isolated = row.flag("enable_network_isolation");
            let reason = inside
                .clone()
                .zip(isolated.clone())
                .map(|(inside, isolated)| {
                    format!(
                        "{}; network isolation is {}",
                        if inside {
                            "it has a VpcConfig"
                        } else {
                            "it has no VpcConfig"
                        },
                        if isolated { "on" } else { "off" }
                    )
                });
            ("model", (!inside).and(!isolated.clone()), isolated, reason)
        }
    }
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&SAGEMAKER_NETWORK) {
        for (table, resource_type) in [
            (
                "sagemaker_notebook_instance",
                "AWS::SageMaker::NotebookInstance",
            ),
            ("sagemaker_domain", "AWS::SageMaker::Domain"),
            ("sagemaker_model", "AWS::SageMaker::Model"),
        ] {
            let found = facts.world.all(table, &account, &region);
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
                derived
                    .put("name", row.text("name").known().unwrap_or_default())
                    .tagged(facts.settings, &account, Known(BTreeMap::new()));
                derived
                    .put("kind", kind)
                    .set("direct_internet", direct)
                    .set("isolated", isolated)
                    .set("reason", reason);
                sink.push(derived);
            }
        }
    }
}
