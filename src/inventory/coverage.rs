//! What was asked, of whom, and how it went.

use crate::model::{Gap, Reason};

/// The name under which the coverage of a file is kept: what may add to what it shows, by what it is handed (`parent`).
pub const FILE: &str = "file";
/// The group of [`FILE`] in which stands what makes whole resources that the file does not show.
pub const UNDECLARED: &str = "undeclared";

/// How the detail ends of what a shard would have read that was not joined with the others.
pub const NOT_HERE: &str = "is not among those that were joined";

/// How one reading of one table in one scope went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Everything there is was read.
    Complete,
    /// Some rows were read, and there are or may be more.
    Partial,
    /// AWS refused the call.
    Denied,
    /// The call failed.
    Error,
    /// The service is known not to be offered in the Region: nothing can be there.
    Unsupported,
    /// No selected rule needed it, or it was left out on purpose.
    NotCollected,
}

impl Status {
    /// The name in files and results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Denied => "denied",
            Self::Error => "error",
            Self::Unsupported => "unsupported",
            Self::NotCollected => "not-collected",
        }
    }

    /// Reads the name back.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Complete,
            Self::Partial,
            Self::Denied,
            Self::Error,
            Self::Unsupported,
            Self::NotCollected,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
    }

    /// Does it show everything there is?
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Complete | Self::Unsupported)
    }

    /// The reason that a fact hidden by it is missing.
    pub fn reason(self) -> Reason {
        match self {
            Self::Denied => Reason::Denied,
            Self::NotCollected => Reason::NotScanned,
            _ => Reason::Error,
        }
    }
}

/// One line of coverage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Account.
    pub account_id: String,
    /// Region, or `global`.
    pub region: String,
    /// Table.
    pub table: String,
    /// Group of columns; `list` for the rows themselves.
    pub group: String,
    /// Key of the row that a failed detail call belongs to; empty for the whole scope.
    pub parent: String,
    /// How it went.
    pub status: Status,
    /// `service:Operation`.
    pub operation: String,
    /// IAM action.
    pub action: String,
    /// What went wrong, for a person; empty when nothing did.
    pub detail: String,
    /// Pages (or calls, for detail groups).
    pub pages: u64,
    /// Rows.
    pub rows: u64,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub finished_at: String,
    /// Request ids that AWS gave.
    pub request_ids: Vec<String>,
}

impl Coverage {
    /// A line without times or counts.
    pub fn new(account_id: &str, region: &str, table: &str, group: &str, status: Status) -> Self {
        Self {
            account_id: account_id.to_owned(),
            region: region.to_owned(),
            table: table.to_owned(),
            group: group.to_owned(),
            parent: String::new(),
            status,
            operation: String::new(),
            action: String::new(),
            detail: String::new(),
            pages: 0,
            rows: 0,
            started_at: String::new(),
            finished_at: String::new(),
            request_ids: Vec::new(),
        }
    }

    /// The gap that this line leaves in a fact.
    pub fn gap(&self, fact: String) -> Gap {
        let place = format!("{} {}", self.account_id, self.region);
        let detail = match (self.detail.as_str(), self.status) {
            ("", status) => format!("{place}: {}", status.as_str()),
            (detail, _) => format!("{place}: {detail}"),
        };
        Gap {
            fact,
            operation: self.operation.clone(),
            action: self.action.clone(),
            reason: self.status.reason(),
            detail,
        }
    }
}
