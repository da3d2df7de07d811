//! What is not AWS's and may change what it is handed: resources of other providers, and code that Terraform runs.

use super::addresses::without_indexes;
use super::references::{Configuration, collect};
use super::text;
use crate::services::declared::openings::is_foreign;
use crate::services::declared::{Later, Node};
use serde_json::Value as Json;

/// Is it a resource of the AWS provider?
pub(super) fn of_aws(node: &Json) -> bool {
    let provider = node
        .get("provider_name")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let kind = node.get("type").and_then(Json::as_str).unwrap_or_default();
    kind.starts_with("aws_")
        && (provider.is_empty() || provider.ends_with("/aws") || provider == "aws")
        || kind.starts_with("awscc_")
}

/// Is it a resource that may change what it is handed, though it is not AWS's: one of another provider, or code that Terraform runs?
pub(super) fn is_handed(node: &Json, configuration: &Configuration<'_>) -> bool {
    let kind = text(node, "type");
    let local = format!("{kind}.{}", text(node, "name"));
    text(node, "mode") != "data"
        && match kind.as_str() {
            "null_resource" => true,
            // It holds values too; only with a provisioner it does something.
            "terraform_data" => configuration.runs_code(&text(node, "module_address"), &local),
            _ => is_foreign(&kind),
        }
}

impl Configuration<'_> {
    /// The resources of AWS that the configuration of a resource refers to, its provisioners included.
    pub(super) fn handed(&self, module: &str, local: &str) -> Node {
        let mut refs = Vec::new();
        if let Some(resource) = self
            .resources
            .get(&(without_indexes(module), local.to_owned()))
        {
            for key in ["expressions", "provisioners"] {
                collect(resource.get(key).unwrap_or(&Json::Null), &mut refs);
            }
        }
        Node::List(
            refs.into_iter()
                .filter(|one| one.starts_with("aws"))
                .map(|one| {
                    Node::Unknown(Later {
                        refs: vec![one],
                        ..Later::default()
                    })
                })
                .collect(),
        )
    }

    /// Does a resource run code when it is made?
    pub(super) fn runs_code(&self, module: &str, local: &str) -> bool {
        self.resources
            .get(&(without_indexes(module), local.to_owned()))
            .is_some_and(|one| one.get("provisioners").is_some())
    }
}
