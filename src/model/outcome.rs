//! What a run came to: the one structure that every report format renders.

use super::{Gap, RunInfo};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// How bad a failure is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stops a merge by default.
    Critical,
    /// To be mended soon.
    High,
    /// To be planned.
    Medium,
    /// Good to know.
    Low,
    /// A statement.
    Info,
}

impl Severity {
    /// Worst first.
    pub const ALL: [Self; 5] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Info,
    ];

    /// The name in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }
}

/// What a rule says of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The fault is there.
    Fail,
    /// What would decide was not observed.
    Unknown,
    /// The fault is not there.
    Pass,
    /// The rule does not speak of this subject.
    NotApplicable,
}

impl Verdict {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Pass => "pass",
            Self::NotApplicable => "not-applicable",
        }
    }
}

/// An accepted failure or unknown, with who accepted it and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it holds, `YYYY-MM-DD`.
    pub expires: String,
}

/// What became of a waiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaiverStatus {
    /// It waived at least one result.
    Used,
    /// Past its day; it waives nothing.
    Expired,
    /// It lacks a reason, an owner or a readable day; it waives nothing.
    Malformed,
    /// Nothing to waive.
    Unmatched,
}

/// One waiver of the configuration and its fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverReport {
    /// Rule id.
    pub rule: String,
    /// Pattern of resources.
    pub resource: String,
    /// The cause that it accepts, as a pattern of API operations or of reasons; empty for a waiver of a rule.
    #[serde(default)]
    pub cause: String,
    /// Its fate.
    pub status: WaiverStatus,
    /// For a person.
    pub detail: String,
}

impl WaiverReport {
    /// What it is a waiver of: its rule, or the cause that it accepts.
    pub fn of(&self) -> &str {
        if self.cause.is_empty() {
            &self.rule
        } else {
            &self.cause
        }
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// Path as the command line gave it, or relative to the folder that was given.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
}

/// One result: one rule on one subject (or on a scope that could not be listed).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Rule id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// After the configuration's overrides.
    pub severity: Severity,
    /// Folder of the rule.
    pub pillar: String,
    /// Day of the rollout plan by which it should hold.
    pub stage: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// ARN, or the address in a plan or template.
    pub resource: String,
    /// The resource as its row names it.
    #[serde(skip)]
    pub subject: String,
    /// What would close it, where it fails.
    #[serde(skip)]
    pub closer: Option<super::Closer>,
    /// Kind of resource, in CloudFormation's spelling.
    pub resource_type: String,
    /// Account of the resource.
    pub account_id: String,
    /// Region, or `global`.
    pub region: String,
    /// For a person, in one sentence.
    pub message: String,
    /// The facts that the verdict rests on.
    pub evidence: BTreeMap<String, Json>,
    /// What an unknown lacks.
    pub missing: Vec<Gap>,
    /// Tells two findings in one resource apart.
    pub part: String,
    /// Stable across runs.
    pub fingerprint: String,
    /// Set when the result is accepted for now.
    pub waiver: Option<Waiver>,
    /// File and line, for results from files.
    pub location: Option<Location>,
    /// `new`, `existing` or `fixed`, for a plan laid over a run.
    pub origin: Option<String>,
    /// Tags of the resource.
    pub tags: BTreeMap<String, String>,
    /// Environment of the resource; empty when not known.
    pub environment: String,
    /// Controls that the rule supports, by framework.
    pub controls: BTreeMap<String, Vec<String>>,
}

impl Finding {
    /// Is it unknown for nothing but what the judged file does not declare? What names nothing that is missing is no matter of the
    /// file.
    #[must_use]
    pub fn lacks_only_what_no_file_declares(&self) -> bool {
        self.verdict == Verdict::Unknown
            && !self.missing.is_empty()
            && self
                .missing
                .iter()
                .all(|gap| gap.reason == super::Reason::NotInFile)
    }
}

/// "1 account", "2 accounts".
#[must_use]
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// One line of coverage: one table in one scope, and how its reading went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoverageLine {
    /// Account.
    pub account_id: String,
    /// Region, or `global`.
    pub region: String,
    /// Table.
    pub table: String,
    /// `complete`, `partial`, `denied`, `error`, `unsupported`, `not-collected`.
    pub status: String,
    /// API operation.
    pub operation: String,
    /// What went wrong, for a person.
    pub detail: String,
    /// Rows kept.
    pub rows: u64,
}

/// Counts over results; waived ones are counted apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Unwaived failures by severity.
    pub fail: BTreeMap<&'static str, u64>,
    /// Unwaived unknowns by severity.
    pub unknown: BTreeMap<&'static str, u64>,
    /// Passes.
    pub pass: u64,
    /// Not applicable.
    pub not_applicable: u64,
    /// Waived failures and unknowns.
    pub waived: u64,
}

impl Default for Summary {
    fn default() -> Self {
        let zero = || {
            Severity::ALL
                .iter()
                .map(|severity| (severity.as_str(), 0))
                .collect()
        };
        Self {
            fail: zero(),
            unknown: zero(),
            pass: 0,
            not_applicable: 0,
            waived: 0,
        }
    }
}

impl Summary {
    /// Counts one result.
    pub fn add(&mut self, verdict: Verdict, severity: Severity, waived: bool) {
        match verdict {
            Verdict::Pass => self.pass += 1,
            Verdict::NotApplicable => self.not_applicable += 1,
            _ if waived => self.waived += 1,
            Verdict::Fail => *self.fail.entry(severity.as_str()).or_default() += 1,
            Verdict::Unknown => *self.unknown.entry(severity.as_str()).or_default() += 1,
        }
    }

    /// Counts an unknown that was counted as such among what is waived.
    pub fn accept(&mut self, severity: Severity) {
        if let Some(open) = self.unknown.get_mut(severity.as_str()) {
            *open = open.saturating_sub(1);
            self.waived += 1;
        }
    }
}

/// A rule that speaks of more than a file declares: what else there is in the account is not known from the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotInFile {
    /// Rule id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// After the configuration's overrides.
    pub severity: Severity,
    /// How many results about accounts it leaves open.
    pub results: usize,
    /// Fingerprints of these results.
    #[serde(skip)]
    pub folded: Vec<String>,
}

/// What a rule says for itself; for formats that carry rules beside results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Title.
    pub title: String,
    /// Severity in force.
    pub severity: Severity,
    /// Pillar.
    pub pillar: String,
    /// Why it matters.
    pub why: String,
    /// The promises that it serves.
    pub claims: Vec<String>,
    /// How to fix it: name and text, in the order of the rule.
    pub fix: Vec<(&'static str, String)>,
    /// Pages.
    pub references: Vec<String>,
}

/// Does a statement hold?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttestationStatus {
    /// On the day of the run it does.
    Holds,
    /// Its last day is over.
    Expired,
    /// It was made longer ago than such a statement lasts.
    TooOld,
    /// It begins after the run.
    NotYet,
    /// Nobody made it.
    NotGiven,
    /// The day of the run, or its own, is not told.
    Unknown,
    /// The run shows the opposite.
    Refuted,
}

impl AttestationStatus {
    /// The word in reports.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Expired => "expired",
            Self::TooOld => "too old",
            Self::NotYet => "not yet",
            Self::NotGiven => "not attested",
            Self::Unknown => "could not be determined",
            Self::Refuted => "refuted by the run",
        }
    }
}

/// What people vouch for, where no API can show it, and what nobody does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttestationReport {
    /// Id in the catalogue, or one of the configuration's own.
    pub id: String,
    /// The statement; empty for one of the configuration's own.
    pub statement: String,
    /// Day of the rollout by which it should be made.
    pub stage: Option<u32>,
    /// Days that such a statement lasts.
    pub max_age_days: Option<i32>,
    /// Controls that it supports, by framework.
    pub controls: BTreeMap<String, Vec<String>>,
    /// Does it hold?
    pub status: AttestationStatus,
    /// Who says so.
    pub by: String,
    /// Since when.
    pub on: String,
    /// Last day.
    pub expires: String,
    /// Where it can be read.
    pub evidence: String,
    /// The resources that it is about; empty where it is about all.
    pub resources: Vec<String>,
    /// The parts of the statement that it covers, where it has parts; empty where it does not say.
    pub covers: Vec<String>,
    /// The rules whose failures contradict it, with how many of each, where it would hold without them.
    pub refuted_by: BTreeMap<String, usize>,
}

impl AttestationReport {
    /// Did somebody make it?
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.status != AttestationStatus::NotGiven
    }

    /// The verdict's place in lists of results: never that of a proof.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        if self.status == AttestationStatus::Holds {
            "attested"
        } else {
            "not-attested"
        }
    }

    /// The statement, or its id where it is one of the configuration's own.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.statement.is_empty() {
            &self.id
        } else {
            &self.statement
        }
    }

    /// Who says so, since when and until when, and what became of it, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let said = format!("{} said so on {}, until {}", self.by, self.on, self.expires);
        match self.status {
            AttestationStatus::NotGiven => "Not attested.".to_owned(),
            AttestationStatus::Holds => format!("{said}. It is a person's word, and no proof."),
            AttestationStatus::Refuted => {
                let rules: Vec<String> = self
                    .refuted_by
                    .iter()
                    .map(|(rule, count)| format!("{rule} ({count})"))
                    .collect();
                format!("{said}; the run shows the opposite: {}.", rules.join(", "))
            }
            other => format!("{said}; it does not count: {}.", other.words()),
        }
    }
}

/// The rule of a result that says that the run contradicts somebody's statement. It is not in the library: it is judged from results.
pub const ATTESTATION_REFUTED: &str = "attestation-refuted";

impl Outcome {
    /// What somebody attests, for formats that list results: what the run contradicts is a failure of its own there.
    pub fn attested(&self) -> impl Iterator<Item = &AttestationReport> {
        self.attestations
            .iter()
            .filter(|one| one.is_given() && one.status != AttestationStatus::Refuted)
    }

    /// How many rules of the library ran.
    #[must_use]
    pub fn rules_run(&self) -> usize {
        self.rules
            .keys()
            .filter(|rule| *rule != ATTESTATION_REFUTED)
            .count()
    }

    /// Sorts the results and counts them.
    pub fn settle(&mut self) {
        fn order(result: &Finding) -> impl Ord + use<'_> {
            (
                result.severity,
                &result.rule,
                &result.account_id,
                &result.region,
                &result.resource,
                &result.part,
                result.verdict,
            )
        }
        self.results.sort_by(|a, b| order(a).cmp(&order(b)));
        self.summary = Summary::default();
        for result in &self.results {
            self.summary
                .add(result.verdict, result.severity, result.waiver.is_some());
        }
    }
}

/// Everything that a report renders.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// `outcrop/v1`.
    pub schema: &'static str,
    /// The run.
    pub run: RunInfo,
    /// What was read and what was not.
    pub coverage: Vec<CoverageLine>,
    /// Sorted by severity, rule, account, Region, resource, part.
    pub results: Vec<Finding>,
    /// The configuration's waivers and their fate.
    pub waivers: Vec<WaiverReport>,
    /// Rules that the configuration switched off.
    pub disabled: Vec<String>,
    /// Rules that a file alone leaves open for what it does not declare; empty for accounts.
    pub not_in_file: Vec<NotInFile>,
    /// Counts.
    pub summary: Summary,
    /// The severity from which on a failure answers the question of the headline with no: critical, or what the gate asks beyond it.
    #[serde(skip)]
    pub gate: Severity,
    /// What the gate came to, where one was asked: its exit code, and a sentence.
    #[serde(skip)]
    pub gated: Option<(u8, String)>,
    /// Is a file laid over a run? Then results say whether they are new.
    #[serde(skip)]
    pub overlaid: bool,
    /// The rules as run, by id.
    #[serde(skip)]
    pub rules: BTreeMap<String, RuleText>,
    /// What earlier runs say of its results, where some were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<super::History>,
    /// What people vouch for, and what they are asked for; never proofs.
    pub attestations: Vec<AttestationReport>,
    /// Titles of controls, by framework and control.
    #[serde(skip)]
    pub control_titles: BTreeMap<String, BTreeMap<String, String>>,
    /// What kinds of change do, by name, with `{on}` for what is changed.
    #[serde(skip)]
    pub changes: BTreeMap<String, String>,
    /// What a production platform promises.
    #[serde(skip)]
    pub claims: Vec<super::Claim>,
    /// What the run holds beside verdicts.
    #[serde(skip)]
    pub estate: super::Estate,
}
