//! What can go wrong with a run file.

use super::store::SCHEMA_VERSION;

/// What can go wrong with a run file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("cannot open `{path}`: {reason}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// It is something else.
    #[error(
        "`{0}` is not a run file of Outcrop; `outcrop scan --out` and `outcrop check --out` write them"
    )]
    NotARun(String),
    /// It is cut off or overwritten.
    #[error("the run file `{path}` is damaged ({reason}); take it from its source again")]
    Damaged {
        /// The file.
        path: String,
        /// What SQLite says.
        reason: String,
    },
    /// Another program writes it.
    #[error(
        "the run file `{0}` is locked by another program that writes it; try again when it has ended"
    )]
    Locked(String),
    /// It was not judged to its end.
    #[error(
        "the run file `{0}` was not judged to its end, so it says nothing yet; judge what it holds: outcrop check {0} --out JUDGED"
    )]
    Unjudged(String),
    /// It is a part of a scan.
    #[error(
        "`{path}` is shard {shard} of a scan and says nothing alone; join all of them: outcrop merge RUN... --out RUN (with --allow-missing also without the others)"
    )]
    Shard {
        /// The file.
        path: String,
        /// Which part, of how many.
        shard: String,
    },
    /// It was begun by another release.
    #[error(
        "the run file `{0}` was begun by another release, whose tables are not those of this one; scan again"
    )]
    OtherTables(String),
    /// It was written by a later release.
    #[error(
        "the run file `{path}` has schema version {found}, this release reads up to {SCHEMA_VERSION}; use the release {writer} that wrote it, or a later one"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: i64,
        /// The release that wrote it.
        writer: String,
    },
    /// The file is in the way.
    #[error("`{0}` exists already; remove it or choose another name for --out")]
    Exists(String),
    /// SQLite refused.
    #[error("the run file could not be written or read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row names a column that its table does not have.
    #[error("table `{table}` has no column `{column}`")]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A row names a table that does not exist.
    #[error("there is no table `{0}`")]
    NoTable(String),
}
