//! Who looks for known vulnerabilities in images and functions: Amazon Inspector and Amazon ECR.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// What is scanned in an account and Region.
pub const STATUS: Table = Table {
    name: "software_scanning",
    doc: "What Amazon Inspector and the registry of Amazon ECR scan in the account and Region, one row.",
    key: "region_name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("region_name", "Region."),
        flag(
            "inspects_images",
            "Does Amazon Inspector scan container images?",
        ),
        flag(
            "inspects_functions",
            "Does Amazon Inspector scan Lambda functions?",
        ),
        text(
            "registry_scan",
            "How the registry scans: `ENHANCED` (by Amazon Inspector) or `BASIC`.",
        )
        .by(&["registry"])
        .words(&["ENHANCED", "BASIC"]),
        flag(
            "registry_scans_all",
            "Has the registry a rule that scans every repository?",
        )
        .by(&["registry"]),
    ],
    reads: &[
        Read::new("list", "inspector2:BatchGetAccountStatus"),
        Read::new("registry", "ecr:GetRegistryScanningConfiguration"),
    ],
    lists: Inputs::NONE,
};

/// Repositories.
pub const REPOSITORY: Table = Table {
    name: "ecr_repository",
    doc: "Repositories of Amazon ECR.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        flag("scan_on_push", "Is an image scanned when it is pushed?"),
    ],
    reads: &[Read::new("list", "ecr:DescribeRepositories")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&STATUS, &REPOSITORY],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["software_scanning"],
            span: Span::Regional,
            run: |place| Box::pin(live::status(place)),
        },
        Collector {
            tables: &["ecr_repository"],
            span: Span::Regional,
            run: |place| Box::pin(live::repositories(place)),
        },
    ],
};

/// Does a rule of the registry scan every repository by itself? A frequency of `MANUAL` scans nothing (Amazon ECR API Reference,
/// "RegistryScanningRule").
#[cfg(feature = "live")]
pub(super) fn scans_all(rule: &serde_json::Value) -> bool {
    let by_itself = matches!(
        rule["scanFrequency"].as_str(),
        Some("SCAN_ON_PUSH" | "CONTINUOUS_SCAN")
    );
    by_itself
        && rule["repositoryFilters"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|filter| filter["filter"].as_str() == Some("*"))
}
