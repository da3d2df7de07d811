//! CloudTrail log files, as trails write them to S3: `.json` and `.json.gz`, alone or in folders.

use crate::inventory::{Coverage, NewRow, Status};
use crate::model::{RunInfo, Value};
use crate::services::trail_record::Sums;
use flate2::read::MultiGzDecoder;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most that one file may hold once it is unpacked; CloudTrail's own hold a few megabytes.
const MOST_BYTES: u64 = 48 << 20;
/// What the files fill.
pub const TABLES: [&str; 3] = [
    "cloudtrail_bedrock_call",
    "cloudtrail_change",
    "cloudtrail_window",
];

/// A file that cannot be read: its name, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", file.display())]
pub struct Error {
    /// File.
    pub file: PathBuf,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Event, account and Region by request id.
pub type Requests = BTreeMap<String, [String; 3]>;

/// What the files hold for a run.
#[derive(Debug, Default)]
pub struct Trail {
    /// Rows for the accounts and Regions of the run.
    pub rows: Vec<NewRow>,
    /// Their coverage.
    pub coverage: Vec<Coverage>,
    /// Files of a folder that could not be read.
    pub broken: Vec<String>,
    /// Records of accounts and Regions outside the run.
    pub elsewhere: i64,
    /// Records that name no account, Region or time, or are none.
    pub unplaced: u64,
}

fn fail<T>(file: &Path, message: impl Into<String>) -> Result<T, Error> {
    Err(Error {
        file: file.to_owned(),
        message: message.into(),
    })
}

/// The log files below a folder, in order; digests and insights are no logs.
fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let (mut found, mut folders) = (Vec::new(), vec![path.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => return fail(&folder, error.to_string()),
        };
        for entry in entries {
            let entry = entry
                .or_else(|error| fail(&folder, error.to_string()))?
                .path();
            let name = entry.to_string_lossy().into_owned();
            // A link could lead in a circle.
            if entry.is_symlink()
                || name.contains("CloudTrail-Digest")
                || name.contains("CloudTrail-Insight")
            {
                continue;
            }
            if entry.is_dir() {
                folders.push(entry);
            } else if name.ends_with(".json") || name.ends_with(".json.gz") {
                found.push(entry);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn records(path: &Path) -> Result<Vec<Json>, Error> {
    crate::model::file::is_regular(path).or_else(|error| fail(path, error.to_string()))?;
    let file = File::open(path).or_else(|error| fail(path, error.to_string()))?;
    let mut bytes = Vec::new();
    let zipped = path.extension().is_some_and(|end| end == "gz");
    let read = if zipped {
        MultiGzDecoder::new(file)
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
    } else {
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)
    };
    if let Err(error) = read {
        return fail(
            path,
            format!("it cannot be read to its end ({error}); it may be truncated, fetch it again"),
        );
    }
    if bytes.len() as u64 > MOST_BYTES {
        return fail(
            path,
            format!(
                "it holds more than {} MB, more than any log file of CloudTrail's",
                MOST_BYTES >> 20
            ),
        );
    }
    let mut json: Json = match serde_json::from_slice(&bytes) {
        Ok(json) => json,
        Err(error) => {
            return fail(
                path,
                format!(
                    "it is no JSON, line {} column {}: {error}",
                    error.line(),
                    error.column()
                ),
            );
        }
    };
    match json.get_mut("Records").map(Json::take) {
        Some(Json::Array(records)) => Ok(records),
        _ => fail(
            path,
            "it is no CloudTrail log file: there is no list `Records`",
        ),
    }
}

/// What log files record of some requests, by request id: event, account, Region.
///
/// # Errors
/// For the first file that is none of CloudTrail's log files.
pub fn requests(paths: &[PathBuf], wanted: &BTreeSet<String>) -> Result<Requests, Error> {
    let mut all = BTreeMap::new();
    for path in paths {
        let logs = if path.is_dir() {
            files(path)?
        } else {
            vec![path.clone()]
        };
        for log in logs {
            for record in records(&log)? {
                let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
                let id = text("requestID");
                if wanted.contains(&id) {
                    let names = ["eventName", "recipientAccountId", "awsRegion"];
                    all.insert(id, names.map(text));
                }
            }
        }
    }
    Ok(all)
}

/// Reads log files for the accounts and Regions of a run.
///
/// # Errors
/// When a file that was named itself is broken; a broken file in a folder leaves the rest standing and the window open.
pub fn read(paths: &[PathBuf], run: &RunInfo) -> Result<Trail, Error> {
    let mut sums = Sums::default();
    let mut trail = Trail::default();
    for path in paths {
        if !path.is_dir() {
            records(path)?.iter().for_each(|record| sums.add(record));
            continue;
        }
        let files = files(path)?;
        if files.is_empty() {
            return fail(path, "there is no .json or .json.gz file in it");
        }
        for file in files {
            match records(&file) {
                Ok(records) => records.iter().for_each(|record| sums.add(record)),
                Err(error) => trail.broken.push(error.to_string()),
            }
        }
    }
    let wanted = |account: &str, region: &str| {
        run.account(account).is_some() && run.regions.iter().any(|known| known == region)
    };
    trail.rows = sums.rows(wanted);
    trail.unplaced = sums.unplaced;
    let mut counts: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for row in &trail.rows {
        let key = (row.table, row.account_id.as_str(), row.region.as_str());
        *counts.entry(key).or_default() += 1;
    }
    let mut windows = Vec::new();
    for ((account, region), (events, start, end)) in &sums.windows {
        if !wanted(account, region) {
            trail.elsewhere += events;
            continue;
        }
        windows.push(
            NewRow::new("cloudtrail_window", account, region)
                .set("region_name", region.as_str())
                .set("source", "files")
                .set("window_start", start.as_str())
                .set("window_end", end.as_str())
                .set("events", *events)
                .set(
                    "whole",
                    Value::from(trail.broken.is_empty() && sums.unplaced == 0),
                )
                .set("sees_data_events", true),
        );
    }
    for (account, region) in run
        .scopes()
        .filter(|(_, region)| *region != crate::model::GLOBAL)
    {
        for table in TABLES {
            let mut line = Coverage::new(account, region, table, "list", Status::Complete);
            line.operation = "CloudTrail log files".to_owned();
            line.rows = if table == "cloudtrail_window" {
                0
            } else {
                counts.get(&(table, account, region)).copied().unwrap_or(0)
            };
            trail.coverage.push(line);
        }
    }
    trail.rows.extend(windows);
    Ok(trail)
}
