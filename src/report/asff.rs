//! `--format asff`: the AWS Security Finding Format, for `BatchImportFindings`.
//!
//! One line is the input of one call: a hundred findings of one account and Region at most.
//! Source: <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html>.

use super::{missing, named};
use crate::model::{AttestationStatus, Finding, GLOBAL, Outcome, Severity, Verdict};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Findings that one call takes.
const BATCH: usize = 100;
/// Characters of a description.
const LONGEST: usize = 1024;

fn label(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
        Severity::Info => "INFORMATIONAL",
    }
}

fn status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASSED",
        Verdict::Fail => "FAILED",
        Verdict::Unknown => "WARNING",
        Verdict::NotApplicable => "NOT_AVAILABLE",
    }
}

/// The first characters of a text; empty texts are refused, so they get a dash.
fn most(text: &str, count: usize) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "-".to_owned();
    }
    if text.chars().count() <= count {
        text.to_owned()
    } else {
        text.chars()
            .take(count.saturating_sub(1))
            .chain(std::iter::once('…'))
            .collect()
    }
}

/// `AWS::Lambda::Function` as Security Hub calls it; what it does not know is `Other`.
fn resource_type(kind: &str) -> &'static str {
    const KNOWN: [(&str, &str); 13] = [
        ("AWS::Lambda::Function", "AwsLambdaFunction"),
        ("AWS::IAM::Role", "AwsIamRole"),
        ("AWS::IAM::User", "AwsIamUser"),
        ("AWS::IAM::Group", "AwsIamGroup"),
        ("AWS::EC2::VPC", "AwsEc2Vpc"),
        ("AWS::EC2::Subnet", "AwsEc2Subnet"),
        ("AWS::EC2::Instance", "AwsEc2Instance"),
        ("AWS::KMS::Key", "AwsKmsKey"),
        ("AWS::S3::Bucket", "AwsS3Bucket"),
        ("AWS::ECS::Service", "AwsEcsService"),
        ("AWS::ECS::TaskDefinition", "AwsEcsTaskDefinition"),
        ("AWS::CodeBuild::Project", "AwsCodeBuildProject"),
        ("AWS::Organizations::Account", "AwsAccount"),
    ];
    KNOWN
        .iter()
        .find(|(cloudformation, _)| *cloudformation == kind)
        .map_or("Other", |(_, hub)| hub)
}

/// The Region that a finding is sent to: its own, or the run's first for what belongs to none.
fn region<'o>(outcome: &'o Outcome, result: &'o Finding) -> &'o str {
    if result.region == GLOBAL {
        outcome
            .run
            .regions
            .first()
            .map_or("us-east-1", String::as_str)
    } else {
        &result.region
    }
}

fn finding(outcome: &Outcome, result: &Finding) -> Json {
    let partition = &outcome.run.partition;
    let region = region(outcome, result);
    let account = if result.account_id.len() == 12
        && result.account_id.bytes().all(|byte| byte.is_ascii_digit())
    {
        result.account_id.as_str()
    } else {
        "000000000000"
    };
    let at = outcome.run.judged_at();
    let unknown = if result.verdict == Verdict::Unknown {
        format!(" Unknown: {}", missing(result))
    } else {
        String::new()
    };
    let resolved = matches!(result.verdict, Verdict::Pass | Verdict::NotApplicable);
    let workflow = if result.waiver.is_some() {
        "SUPPRESSED"
    } else if resolved {
        "RESOLVED"
    } else {
        "NEW"
    };
    let severity = json!({"Label": label(result.severity), "Original": result.severity.as_str()});
    let types = json!(["Software and Configuration Checks/AWS Security Best Practices"]);
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in [
        ("rule", result.rule.as_str()),
        ("verdict", result.verdict.as_str()),
        ("part", &result.part),
        ("fingerprint", &result.fingerprint),
        ("run", &outcome.run.id),
        ("pillar", &result.pillar),
        ("origin", result.origin.as_deref().unwrap_or_default()),
        (
            "waiver/owner",
            result.waiver.as_ref().map_or("", |waiver| &waiver.owner),
        ),
        (
            "waiver/reason",
            result.waiver.as_ref().map_or("", |waiver| &waiver.reason),
        ),
        (
            "waiver/expires",
            result.waiver.as_ref().map_or("", |waiver| &waiver.expires),
        ),
    ] {
        if !value.is_empty() {
            fields.insert(format!("outcrop/{key}"), most(value, 2048));
        }
    }
    let mut resource = json!({"Type": resource_type(&result.resource_type), "Id": most(&result.resource, 512), "Partition": partition, "Region": region});
    if !result.tags.is_empty() {
        let tags: BTreeMap<String, String> = result
            .tags
            .iter()
            .take(50)
            .map(|(name, value)| (most(name, 128), most(value, 256)))
            .collect();
        resource["Tags"] = json!(tags);
    }
    let mut all = json!({
        "SchemaVersion": "2018-10-08",
        "Id": format!("outcrop/{}", result.fingerprint),
        "ProductArn": format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        "ProductName": "Outcrop", "CompanyName": "Outcrop",
        "GeneratorId": format!("outcrop/{}", result.rule),
        "AwsAccountId": account, "Region": region,
        "Types": types,
        "CreatedAt": at, "UpdatedAt": at,
        "Severity": severity,
        "FindingProviderFields": {"Severity": severity, "Types": types},
        "Title": most(&result.title, 256),
        "Description": most(&format!("{}: {}{unknown}", named(result), result.message), LONGEST),
        "Resources": [resource],
        "Compliance": {"Status": status(result.verdict)},
        "Workflow": {"Status": workflow},
        "RecordState": "ACTIVE",
        "ProductFields": fields,
    });
    if let Some(life) = super::life(outcome, result) {
        all["CreatedAt"] = json!(life.first_seen);
        all["FirstObservedAt"] = json!(life.first_seen);
        all["LastObservedAt"] = json!(life.last_seen);
        all["ProductFields"]["outcrop/life"] = json!(life.state);
    }
    if let Some(text) = outcome.rules.get(&result.rule) {
        let mut recommendation = json!({"Text": most(&text.why, 512)});
        if let Some(url) = text
            .references
            .iter()
            .find(|url| url.starts_with("https://"))
        {
            recommendation["Url"] = json!(url);
        }
        all["Remediation"] = json!({"Recommendation": recommendation});
    }
    all
}

/// The findings of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// A hundred at most.
    pub findings: Vec<Json>,
}

/// All findings, call by call.
pub fn batches(outcome: &Outcome) -> impl Iterator<Item = Batch> {
    let mut scopes: BTreeMap<(&str, &str), Vec<&Finding>> = BTreeMap::new();
    for result in &outcome.results {
        scopes
            .entry((&result.account_id, region(outcome, result)))
            .or_default()
            .push(result);
    }
    // Findings are made as they are asked for: all of them at once would fill the memory.
    let calls: Vec<(&str, &str, Vec<&Finding>)> = scopes
        .into_iter()
        .flat_map(|((account, region), results)| {
            results
                .chunks(BATCH)
                .map(|chunk| (account, region, chunk.to_vec()))
                .collect::<Vec<_>>()
        })
        .collect();
    calls
        .into_iter()
        .map(move |(account, region, results)| Batch {
            account: account.to_owned(),
            region: region.to_owned(),
            findings: results
                .into_iter()
                .map(|result| finding(outcome, result))
                .collect(),
        })
        .chain(attested(outcome))
}

/// What people attest, as findings that neither passed nor failed; of the run's first account and Region, in one call.
fn attested(outcome: &Outcome) -> Option<Batch> {
    let account = &outcome.run.accounts.first()?.id;
    let region = outcome
        .run
        .regions
        .first()
        .map_or("us-east-1", String::as_str);
    let partition = &outcome.run.partition;
    let at = outcome.run.judged_at();
    let types = json!(["Software and Configuration Checks/AWS Security Best Practices"]);
    let severity = json!({"Label": "INFORMATIONAL", "Original": "info"});
    let findings: Vec<Json> = outcome
        .attested()
        .take(BATCH)
        .map(|one| {
            let holds = one.status == AttestationStatus::Holds;
            json!({
                "SchemaVersion": "2018-10-08",
                "Id": most(&format!("outcrop/attestation/{}/{}/{}", one.id, one.by, one.on), 512),
                "ProductArn": format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
                "ProductName": "Outcrop", "CompanyName": "Outcrop",
                "GeneratorId": most(&format!("outcrop/attestation/{}", one.id), 512),
                "AwsAccountId": account, "Region": region,
                "Types": types,
                "CreatedAt": at, "UpdatedAt": at,
                "Severity": severity,
                "FindingProviderFields": {"Severity": severity, "Types": types},
                "Title": most(&format!("{}: {}", one.verdict(), one.title()), 256),
                "Description": most(&one.sentence(), LONGEST),
                "Resources": [{"Type": "AwsAccount", "Id": format!("AWS::::Account:{account}"), "Partition": partition, "Region": region}],
                "Compliance": {"Status": "NOT_AVAILABLE"},
                "Workflow": {"Status": if holds { "RESOLVED" } else { "NEW" }},
                "RecordState": "ACTIVE",
                "ProductFields": {"outcrop/verdict": one.verdict(), "outcrop/run": outcome.run.id},
            })
        })
        .collect();
    (!findings.is_empty() && account.len() == 12).then(|| Batch {
        account: account.clone(),
        region: region.to_owned(),
        findings,
    })
}

/// Writes a line for each call: findings of one account and Region.
///
/// # Errors
/// When the writer fails.
pub fn render(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    for batch in batches(outcome) {
        serde_json::to_writer(&mut *out, &json!({"Findings": batch.findings}))?;
        writeln!(out)?;
    }
    Ok(())
}
