//! Findings on their way to AWS Security Hub (`securityhub:BatchImportFindings`), with the credentials of each account.

use super::session::{AccountCredentials, Entry};
use super::{Base, Request};
use crate::services::failure::failure;
use aws_config::Region;
use aws_sdk_securityhub::Client;
use aws_sdk_securityhub::types as hub;
use futures_util::StreamExt;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Calls in flight; the service takes ten a second for each account and Region (Security Hub API Reference, BatchImportFindings).
const AT_ONCE: usize = 4;

/// Findings of one call: a hundred of one account and Region at most, in the AWS Security Finding Format.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Findings.
    pub findings: Vec<Json>,
}

/// What came of a call.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Findings that were taken.
    pub taken: usize,
    /// Findings that were not, with the reason.
    pub refused: Vec<(String, String)>,
}

/// Sends parcels, those of each account with its own credentials; gives an answer for each in their order.
pub async fn send(request: &Request, base: &Base, parcels: &[Parcel]) -> Vec<Sent> {
    let mut entries: BTreeMap<&str, Entry> = BTreeMap::new();
    for parcel in parcels {
        entries.entry(&parcel.account).or_insert_with(|| {
            if parcel.account == base.account {
                Entry::Base
            } else {
                Entry::Role(Arc::new(AccountCredentials::new(
                    base,
                    request,
                    &parcel.account,
                )))
            }
        });
    }
    let clients: BTreeMap<(&str, &str), Client> = parcels
        .iter()
        .filter_map(|parcel| {
            let config = entries
                .get(parcel.account.as_str())?
                .config(base)
                .to_builder()
                .region(Region::new(parcel.region.clone()))
                .build();
            Some((
                (parcel.account.as_str(), parcel.region.as_str()),
                Client::new(&config),
            ))
        })
        .collect();
    futures_util::stream::iter(parcels)
        .map(|parcel| {
            let client = clients.get(&(parcel.account.as_str(), parcel.region.as_str()));
            async move { one(client, parcel).await }
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn one(client: Option<&Client>, parcel: &Parcel) -> Sent {
    let id = |finding: &Json| finding["Id"].as_str().unwrap_or_default().to_owned();
    let mut sent = Sent {
        account: parcel.account.clone(),
        region: parcel.region.clone(),
        taken: 0,
        refused: Vec::new(),
    };
    let Some(client) = client else { return sent };
    match client
        .batch_import_findings()
        .set_findings(Some(parcel.findings.iter().map(finding).collect()))
        .send()
        .await
    {
        Ok(answer) => {
            sent.taken = usize::try_from(answer.success_count().unwrap_or(0)).unwrap_or(0);
            sent.refused
                .extend(answer.failed_findings().iter().map(|failed| {
                    let text = [failed.error_code(), failed.error_message()]
                        .into_iter()
                        .flatten()
                        .collect::<Vec<_>>()
                        .join(": ");
                    (failed.id().unwrap_or_default().to_owned(), text)
                }));
        }
        Err(error) => {
            let why = failure(&error).detail();
            sent.refused.extend(
                parcel
                    .findings
                    .iter()
                    .map(|finding| (id(finding), why.clone())),
            );
        }
    }
    sent
}

fn text(json: &Json) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn map(json: &Json) -> Option<HashMap<String, String>> {
    json.as_object().map(|all| {
        all.iter()
            .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
            .collect()
    })
}

fn list(json: &Json) -> Vec<String> {
    json.as_array()
        .into_iter()
        .flatten()
        .filter_map(text)
        .collect()
}

/// The SDK's shape of a finding, field by field as the report writes it.
fn finding(json: &Json) -> hub::AwsSecurityFinding {
    let severity = &json["Severity"];
    let label = severity["Label"].as_str().map(hub::SeverityLabel::from);
    let provider = hub::FindingProviderFields::builder()
        .severity(
            hub::FindingProviderSeverity::builder()
                .set_label(label.clone())
                .set_original(text(&severity["Original"]))
                .build(),
        )
        .set_types(Some(list(&json["Types"])))
        .build();
    let recommendation = &json["Remediation"]["Recommendation"];
    let remediation = recommendation.is_object().then(|| {
        let recommendation = hub::Recommendation::builder()
            .set_text(text(&recommendation["Text"]))
            .set_url(text(&recommendation["Url"]))
            .build();
        hub::Remediation::builder()
            .recommendation(recommendation)
            .build()
    });
    let resources = json["Resources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|resource| {
            hub::Resource::builder()
                .set_type(text(&resource["Type"]))
                .set_id(text(&resource["Id"]))
                .set_partition(resource["Partition"].as_str().map(hub::Partition::from))
                .set_region(text(&resource["Region"]))
                .set_tags(map(&resource["Tags"]))
                .build()
        });
    hub::AwsSecurityFinding::builder()
        .set_schema_version(text(&json["SchemaVersion"]))
        .set_id(text(&json["Id"]))
        .set_product_arn(text(&json["ProductArn"]))
        .set_product_name(text(&json["ProductName"]))
        .set_company_name(text(&json["CompanyName"]))
        .set_region(text(&json["Region"]))
        .set_generator_id(text(&json["GeneratorId"]))
        .set_aws_account_id(text(&json["AwsAccountId"]))
        .set_types(Some(list(&json["Types"])))
        .set_created_at(text(&json["CreatedAt"]))
        .set_updated_at(text(&json["UpdatedAt"]))
        .severity(
            hub::Severity::builder()
                .set_label(label)
                .set_original(text(&severity["Original"]))
                .build(),
        )
        .finding_provider_fields(provider)
        .set_title(text(&json["Title"]))
        .set_description(text(&json["Description"]))
        .set_remediation(remediation)
        .set_resources(Some(resources.collect()))
        .compliance(
            hub::Compliance::builder()
                .set_status(
                    json["Compliance"]["Status"]
                        .as_str()
                        .map(hub::ComplianceStatus::from),
                )
                .build(),
        )
        .workflow(
            hub::Workflow::builder()
                .set_status(
                    json["Workflow"]["Status"]
                        .as_str()
                        .map(hub::WorkflowStatus::from),
                )
                .build(),
        )
        .set_record_state(json["RecordState"].as_str().map(hub::RecordState::from))
        .set_product_fields(map(&json["ProductFields"]))
        .build()
}
