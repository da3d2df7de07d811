//! `outcrop role`: the least-privilege audit role for the selected rules.

use super::Usage;
use crate::engine::{Library, Selection};
use crate::services::ENTRY_OPERATIONS;
use crate::subjects;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Role {
    /// Add the rules of a folder.
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Only for these rules: rule id, pillar, `stage:30`, `severity:high`, `framework:ID`.
    #[arg(long, value_name = "TERM", value_delimiter = ',', add = super::complete::terms())]
    select: Vec<String>,
    /// Not for these.
    #[arg(long, value_name = "TERM", value_delimiter = ',', add = super::complete::terms())]
    skip: Vec<String>,
    /// Output: the policy, a Terraform module, or a CloudFormation template fit for a StackSet.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Name of the role.
    #[arg(long, default_value = "OutcropAudit")]
    role_name: String,
    /// Who assumes it; an ARN. Without it the template asks.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// External id that a caller must present. Without it the template asks.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Json,
    Terraform,
    Cloudformation,
}

/// What the role must never do, said aloud: the collector calls none of it, and the policy says no in case anything else is attached.
pub(crate) const NEVER: &[&str] = &[
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
    "kms:Decrypt",
    "lambda:GetFunction",
    "lambda:InvokeFunction",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:StartQuery",
    "s3:GetObject",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "ssm:GetDocument",
    "dynamodb:GetItem",
    "sqs:ReceiveMessage",
];

/// The IAM actions of the selected rules.
pub(crate) fn actions(library: &Library) -> BTreeSet<&'static str> {
    let readings = subjects::needs::readings(library.needs(&[]));
    let mut actions: BTreeSet<&'static str> =
        subjects::needs::operations(&readings, crate::services::tables())
            .into_iter()
            .map(|(_, action)| action)
            .collect();
    actions.extend(ENTRY_OPERATIONS.iter().map(|(_, action)| *action));
    actions
}

/// The policy of the role.
pub(crate) fn policy(library: &Library) -> Json {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "OutcropReads", "Effect": "Allow", "Action": actions(library), "Resource": "*"},
        {"Sid": "OutcropNeverReadsData", "Effect": "Deny", "Action": NEVER, "Resource": "*"},
    ]})
}

impl Role {
    pub fn run(&self) -> anyhow::Result<u8> {
        let valid = |text: &str, extra: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
        };
        if !valid(&self.role_name, "+=,.@_-") {
            return Err(Usage(format!("`{}` is no name of a role", self.role_name)).into());
        }
        if self
            .external_id
            .as_ref()
            .is_some_and(|id| !valid(id, "+=,.@:/-_"))
        {
            return Err(Usage(
                "an external id holds letters, digits and +=,.@:/-_ only".to_owned(),
            )
            .into());
        }
        if self
            .principal
            .as_ref()
            .is_some_and(|arn| !valid(arn, "+=,.@:/-_") || crate::model::Arn::parse(arn).is_none())
        {
            return Err(Usage("--principal must be an ARN".to_owned()).into());
        }
        let folders: Vec<&Path> = self.rules.iter().map(PathBuf::as_path).collect();
        let mut library = Library::load(&subjects::tables(), &folders)?;
        library
            .select(&Selection {
                select: self.select.clone(),
                skip: self.skip.clone(),
            })
            .map_err(Usage)?;
        let policy = policy(&library);
        let mut out = crate::cli::out();
        match self.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&policy)?)?,
            Format::Terraform => self.terraform(&policy, &mut out)?,
            Format::Cloudformation => writeln!(
                out,
                "{}",
                serde_json::to_string_pretty(&self.cloudformation(&policy))?
            )?,
        }
        Ok(0)
    }

    fn terraform(&self, policy: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
        let default = |value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| {
                format!("  default     = \"{value}\"\n")
            })
        };
        let indented = serde_json::to_string_pretty(policy)?;
        writeln!(
            out,
            "\
# The audit role of Outcrop: reads configuration, never data.
variable \"principal_arn\" {{
  type        = string
  description = \"Who runs the scan\"
{}}}

variable \"external_id\" {{
  type        = string
  description = \"Presented by the scan; any hard-to-guess text, the same in every account\"
  sensitive   = true
{}}}

resource \"aws_iam_role\" \"outcrop_audit\" {{
  name                 = \"{}\"
  max_session_duration = 3600
  assume_role_policy = jsonencode({{
    Version = \"2012-10-17\"
    Statement = [{{
      Effect    = \"Allow\"
      Principal = {{ AWS = var.principal_arn }}
      Action    = \"sts:AssumeRole\"
      Condition = {{ StringEquals = {{ \"sts:ExternalId\" = var.external_id }} }}
    }}]
  }})
}}

resource \"aws_iam_role_policy\" \"outcrop_audit\" {{
  name   = \"outcrop-reads\"
  role   = aws_iam_role.outcrop_audit.id
  policy = <<-POLICY
{indented}
  POLICY
}}

output \"role_arn\" {{
  value = aws_iam_role.outcrop_audit.arn
}}",
            default(&self.principal),
            default(&self.external_id),
            self.role_name
        )?;
        Ok(())
    }

    fn cloudformation(&self, policy: &Json) -> Json {
        let parameter = |description: &str, value: &Option<String>, hidden: bool| {
            let mut parameter =
                json!({"Type": "String", "Description": description, "NoEcho": hidden});
            if let Some(value) = value {
                parameter["Default"] = json!(value);
            }
            parameter
        };
        json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "The audit role of Outcrop: reads configuration, never data. Fit for a StackSet over an organisation.",
            "Parameters": {
                "PrincipalArn": parameter("Who runs the scan", &self.principal, false),
                "ExternalId": parameter("Presented by the scan; any hard-to-guess text, the same in every account", &self.external_id, true),
            },
            "Resources": {"AuditRole": {"Type": "AWS::IAM::Role", "Properties": {
                "RoleName": self.role_name,
                "MaxSessionDuration": 3600,
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow", "Principal": {"AWS": {"Ref": "PrincipalArn"}}, "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}},
                }]},
                "Policies": [{"PolicyName": "outcrop-reads", "PolicyDocument": policy}],
            }}},
            "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["AuditRole", "Arn"]}}},
        })
    }
}
