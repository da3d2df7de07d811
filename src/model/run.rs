//! Who looked at what, when, and with what.

use super::Severity;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Where the rows of a run came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// AWS accounts.
    Live,
    /// An inventory folder.
    Inventory,
    /// `terraform show -json`.
    Terraform,
    /// A template or a `cdk.out` folder.
    Cloudformation,
    /// A Pulumi preview or stack export.
    Pulumi,
}

impl Source {
    /// The name in results and rule files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Inventory => "inventory",
            Self::Terraform => "terraform",
            Self::Cloudformation => "cloudformation",
            Self::Pulumi => "pulumi",
        }
    }

    /// Is it a file that declares what does not exist yet?
    pub fn is_file(self) -> bool {
        matches!(self, Self::Terraform | Self::Cloudformation | Self::Pulumi)
    }
}

/// What an account is for, as the configuration says.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// Runs inference.
    Workload,
    /// Holds the documents.
    Data,
    /// Holds pipelines, logs, trails.
    Platform,
    /// Not said.
    #[default]
    Unknown,
}

/// One account of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountInfo {
    /// Twelve digits.
    pub id: String,
    /// Name in Organizations or in the configuration; may be empty.
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub kind: AccountKind,
    /// Environment from the configuration; empty when not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub environment: String,
    /// Who answers for it, from the configuration; empty when not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
}

/// The configuration that a run was judged with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// As it was given or found.
    pub file: String,
    /// Of its text, in hexadecimal.
    pub sha256: String,
}

/// A rule that there is and that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotRun {
    /// As the rule has it.
    pub severity: Severity,
    /// Why it did not run.
    pub why: String,
    /// Was it left out by somebody's choice? Otherwise the source cannot decide it.
    pub chosen: bool,
    /// The promises that it serves.
    #[serde(default)]
    pub claims: Vec<String>,
}

/// The run itself: everything about it that is not a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Sixteen hexadecimal digits.
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; empty while collecting.
    pub finished_at: String,
    /// Version of Outcrop.
    pub version: String,
    /// Where the rows came from.
    pub source: Source,
    /// Was everything collected and judged? Becomes true in the same commit as the results.
    pub complete: bool,
    /// Was everything collected? A run that ended while it was judged can be judged again.
    #[serde(default)]
    pub collected: bool,
    /// Who asked, from `sts:GetCallerIdentity`; empty for files.
    pub caller_arn: String,
    /// `aws`, `aws-us-gov`, `aws-cn`, ...
    pub partition: String,
    /// The accounts of the run.
    pub accounts: Vec<AccountInfo>,
    /// The Regions of the run, `global` not among them.
    pub regions: Vec<String>,
    /// Rule parameters in force.
    pub parameters: BTreeMap<String, Json>,
    /// Those that the configuration sets otherwise than the rules.
    #[serde(default)]
    pub changed_parameters: Vec<String>,
    /// SHA-256 over the rules as run.
    pub rules_digest: String,
    /// What the run was asked to leave out, account by account, with the reason; the endpoints that were overridden.
    pub notes: Vec<String>,
    /// The chain of roles that led into each account.
    pub role_chains: BTreeMap<String, Vec<String>>,
    /// What people vouch for, as the configuration says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attestations: Vec<Json>,
    /// The command line of a run that was kept; what is secret in it is left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// By account: Regions that are enabled there and outside this run.
    #[serde(default)]
    pub unscanned_regions: BTreeMap<String, Vec<String>>,
    /// The configuration file that was given or found; none where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Configuration>,
    /// By id: the rules that did not run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_run: BTreeMap<String, NotRun>,
    /// By rule id: the severity that the rule has, and the one that the configuration gives it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severities: BTreeMap<String, [Severity; 2]>,
    /// By address: the address that a resource had before the plan moves it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub moved: BTreeMap<String, String>,
    /// What a scan was asked for; none of what was read from disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<super::Asked>,
    /// What the files said that the run does not hold, in whole sentences: it is one of several ways that their conditions can turn
    /// out, or what a plan takes away. Then no gate passes and no answer is yes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_held: Vec<String>,
    /// What rewrites the file before it is deployed, such as a macro; empty where nothing does. Then nothing in it passes for certain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rewritten: String,
    /// Rules that it was judged by before, while it is judged again.
    #[serde(skip)]
    pub judged_by: Vec<String>,
}

/// Why a rule did not run that `--select` left out.
pub const NOT_SELECTED: &str = "not selected";
/// Why a rule did not run that `--skip` took away.
pub const SKIPPED: &str = "skipped";

/// Between an account and the reason, in the note on an account that a scan left out.
const LEFT_OUT: &str = " was left out: ";

/// The note on an account that a scan left out.
pub fn left_out(id: &str, name: &str, why: &str) -> String {
    let name = if name.is_empty() {
        String::new()
    } else {
        format!(" ({name})")
    };
    format!("account {id}{name}{LEFT_OUT}{why}")
}

impl RunInfo {
    /// Does it hold all that was asked for and all that the files said? Otherwise no gate passes.
    pub fn is_whole(&self) -> bool {
        self.complete && self.not_held.is_empty()
    }

    /// How many accounts the scan left out, by its notes.
    pub fn left_out(&self) -> usize {
        self.notes
            .iter()
            .filter(|note| note.starts_with("account ") && note.contains(LEFT_OUT))
            .count()
    }

    /// Was the run asked for some rules only?
    pub fn is_narrowed(&self) -> bool {
        self.not_run
            .values()
            .any(|one| one.why == NOT_SELECTED || one.why == SKIPPED)
    }

    /// A run of nothing.
    pub fn empty() -> Self {
        Self {
            id: String::new(),
            started_at: String::new(),
            finished_at: String::new(),
            version: String::new(),
            source: Source::Inventory,
            complete: true,
            collected: true,
            caller_arn: String::new(),
            partition: "aws".to_owned(),
            accounts: Vec::new(),
            regions: Vec::new(),
            not_held: Vec::new(),
            rewritten: String::new(),
            judged_by: Vec::new(),
            parameters: BTreeMap::new(),
            changed_parameters: Vec::new(),
            rules_digest: String::new(),
            notes: Vec::new(),
            role_chains: BTreeMap::new(),
            attestations: Vec::new(),
            command: String::new(),
            unscanned_regions: BTreeMap::new(),
            configuration: None,
            not_run: BTreeMap::new(),
            severities: BTreeMap::new(),
            moved: BTreeMap::new(),
            asked: None,
        }
    }

    /// The id of the first account, for what belongs to the run as a whole; empty where there is none.
    pub fn first_account(&self) -> &str {
        self.accounts
            .first()
            .map_or("", |account| account.id.as_str())
    }

    /// The account with this id, when the run covers it.
    pub fn account(&self, id: &str) -> Option<&AccountInfo> {
        self.accounts.iter().find(|account| account.id == id)
    }

    /// Every (account, Region) of the run, `global` included.
    pub fn scopes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.accounts.iter().flat_map(|account| {
            std::iter::once((account.id.as_str(), super::GLOBAL)).chain(
                self.regions
                    .iter()
                    .map(|region| (account.id.as_str(), region.as_str())),
            )
        })
    }

    /// The instant at which the run is judged: when it ended, or began if it never did.
    pub fn judged_at(&self) -> &str {
        if self.finished_at.is_empty() {
            &self.started_at
        } else {
            &self.finished_at
        }
    }
}
