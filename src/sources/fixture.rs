//! Inventory folders: estates as readable rows, and a way in for other collectors.
//!
//! The shape is in the contract: `run.yaml` and one file for each base table.

use super::tree;
use crate::inventory::{Coverage, Kind, NewRow, Role, Span, Status, Store, Table};
use crate::model::{AccountInfo, GLOBAL, RunInfo, Source, Unique, Value};
use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is wrong with an inventory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is broken; its name, place and flaw.
    #[error("{file}: {message}")]
    Broken {
        /// File.
        file: String,
        /// Place and flaw.
        message: String,
    },
    /// The run file could not be written.
    #[error(transparent)]
    Store(#[from] crate::inventory::Error),
}

#[derive(RustEmbed)]
#[folder = "fixtures/estates/"]
struct Estates;

/// Names of the estates inside the binary.
pub fn estates() -> Vec<String> {
    let mut names: Vec<String> = Estates::iter().filter_map(|path| path.split_once('/').map(|(name, _)| name.to_owned())).collect();
    names.sort();
    names.dedup();
    names
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunFile {
    accounts: Vec<AccountInfo>,
    regions: Vec<String>,
    coverage: CoverageSpec,
    /// When the rows were true, RFC 3339; the time of judgement.
    #[serde(default)]
    observed_at: String,
    #[serde(default = "aws")]
    partition: String,
}

fn aws() -> String {
    "aws".to_owned()
}

#[derive(Debug)]
enum CoverageSpec {
    All,
    Lines(Vec<CoverageEntry>),
}

impl<'de> Deserialize<'de> for CoverageSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::String(word) if word == "all" => Ok(Self::All),
            lines @ Json::Array(_) => serde_json::from_value(lines).map(Self::Lines).map_err(serde::de::Error::custom),
            other => Err(serde::de::Error::custom(format!("coverage is `all` or a list, not `{other}`"))),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CoverageEntry {
    #[serde(default = "any")]
    table: String,
    #[serde(default = "any")]
    account_id: String,
    #[serde(default = "any")]
    region: String,
    status: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    reason: String,
    #[serde(default = "list")]
    group: String,
    /// Key of the row that a failed detail call belongs to.
    #[serde(default)]
    row: String,
}

fn any() -> String {
    "*".to_owned()
}

fn list() -> String {
    "list".to_owned()
}

/// Is the folder an inventory?
pub fn is_inventory(folder: &Path) -> bool {
    folder.join("run.yaml").is_file() || folder.join("run.yml").is_file()
}

/// Loads an estate that ships inside the binary.
///
/// # Errors
/// When it does not exist or is broken.
pub fn load_estate(name: &str, store: &mut Store) -> Result<RunInfo, Error> {
    let files = Estates::iter()
        .filter_map(|path| path.strip_prefix(&format!("{name}/")).map(str::to_owned))
        .filter_map(|file| Estates::get(&format!("{name}/{file}")).map(|found| (file, String::from_utf8_lossy(&found.data).into_owned())))
        .collect();
    load(name, files, store)
}

/// Loads an inventory folder.
///
/// # Errors
/// With file, place and flaw.
pub fn load_folder(folder: &Path, store: &mut Store) -> Result<RunInfo, Error> {
    let shown = folder.display().to_string();
    let fail = |error: std::io::Error| Error::Broken { file: shown.clone(), message: error.to_string() };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = |name: &str| name.rsplit_once('.').map_or_else(|| name.to_owned(), |(stem, _)| stem.to_owned());
        // What is not read is not silently "nothing there"; hidden files and prose are nobody's tables.
        let prose = ["md", "txt"].iter().any(|end| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(end))) || name == "LICENSE";
        let table = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let is_table = table == "run" || store.tables().iter().any(|known| known.name == table);
        if name.starts_with('.') || prose && !is_table {
            continue;
        }
        let broken = |message: &str| Error::Broken { file: path.display().to_string(), message: message.to_owned() };
        if !path.is_file() {
            return Err(broken("an inventory holds files alone, one for each table; move this away"));
        }
        if ![".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) {
            return Err(broken("this file would not be read: a table's name ends in .yaml, .yml or .json, in lower case; rename it or move it away"));
        }
        if let Some(other) = files.keys().find(|other: &&String| stem(other) == stem(&name)) {
            return Err(broken(&format!("the table stands in `{other}` already; keep one of the two")));
        }
        let bytes = std::fs::read(&path).map_err(|error| broken(&error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| broken("it is not UTF-8"))?;
        files.insert(name, text);
    }
    load(&shown, files, store)
}

fn load(estate: &str, mut files: BTreeMap<String, String>, store: &mut Store) -> Result<RunInfo, Error> {
    let broken = |file: &str, message: String| Error::Broken { file: format!("{estate}/{file}"), message };
    let (run_name, run_text) = ["run.yaml", "run.yml"]
        .iter()
        .find_map(|name| files.remove(*name).map(|text| (*name, text)))
        .ok_or_else(|| broken("run.yaml", "an inventory needs this file (accounts, regions, coverage)".to_owned()))?;
    let run: RunFile = yaml_serde::from_str(&run_text).map_err(|error| {
        let place = error.location().map_or_else(String::new, |at| format!("line {}: ", at.line()));
        broken(run_name, format!("{place}{}", crate::model::without_place(&error.to_string())))
    })?;
    if let Some(flaw) = flaw(&run) {
        let key = flaw.split(':').next().unwrap_or_default();
        let line = run_text.lines().position(|line| line.starts_with(key)).map_or_else(String::new, |line| format!("line {}: ", line + 1));
        return Err(broken(run_name, format!("{line}{flaw}")));
    }
    let info = RunInfo {
        id: digest(&files, &run_text),
        started_at: run.observed_at.clone(),
        finished_at: run.observed_at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        source: Source::Inventory,
        complete: true,
        collected: true,
        caller_arn: String::new(),
        partition: run.partition,
        accounts: run.accounts,
        regions: run.regions,
        parameters: BTreeMap::new(),
        rules_digest: String::new(),
        notes: Vec::new(),
        role_chains: BTreeMap::new(),
        attestations: Vec::new(),
        command: String::new(),
        unscanned_regions: Default::default(),
    };
    let tables: Vec<&'static Table> = store.tables().iter().copied().filter(|table| table.role == Role::Base).collect();
    let entries: Vec<usize> = tree::parse(&run_text)
        .map_or_else(|_| Vec::new(), |tree| tree.get("coverage").map_or_else(Vec::new, |coverage| coverage.items().iter().map(|entry| entry.line).collect()));
    let at = |place: usize| entries.get(place).map_or_else(String::new, |line| format!("line {line}: "));
    let coverage = coverage(&run.coverage, &info, &tables, at).map_err(|message| broken(run_name, message))?;
    let mut rows = Vec::new();
    for (file, text) in &files {
        let name = file.rsplit_once('.').map_or(file.as_str(), |(name, _)| name);
        let Some(table) = tables.iter().find(|table| table.name == name) else {
            return Err(broken(
                file,
                format!("there is no table `{name}`{}; `outcrop rules tables` shows what there is", near(name, tables.iter().map(|table| table.name))),
            ));
        };
        rows.extend(read_rows(table, text, &info).map_err(|message| broken(file, message))?);
    }
    for line in coverage.iter().filter(|line| !line.parent.is_empty()) {
        let key = tables.iter().find(|table| table.name == line.table).map_or("", |table| table.key);
        let is_it = |(column, value): &(&str, Value)| *column == key && value.display() == line.parent;
        if !rows.iter().any(|row: &NewRow| row.table == line.table && row.cells.iter().any(is_it)) {
            return Err(broken(run_name, format!("coverage: there is no row `{}` in `{}`", line.parent, line.table)));
        }
    }
    store.commit(&rows, &coverage)?;
    Ok(info)
}

/// Sixteen hexadecimal digits over all that the inventory says.
fn digest(files: &BTreeMap<String, String>, run: &str) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update(run);
    for (name, text) in files {
        hash.update(name);
        hash.update([0]);
        hash.update(text);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// " (did you mean `x`?)" for the name that is nearest.
fn near<'n>(name: &str, all: impl Iterator<Item = &'n str>) -> String {
    let shared = |other: &str| name.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    all.map(|other| (shared(other), other))
        .max()
        .filter(|(shared, _)| *shared >= 4)
        .map_or_else(String::new, |(_, other)| format!(" (did you mean `{other}`?)"))
}

/// Every scope to which an entry of `coverage` speaks; an entry that speaks to none is a mistake.
fn spoken_to<'r>(entry: &CoverageEntry, run: &'r RunInfo, tables: &[&'static Table]) -> Result<Vec<(&'static Table, &'r str, &'r str)>, String> {
    let named = entry.table != "*";
    let chosen: Vec<&'static Table> = tables.iter().copied().filter(|table| !named || entry.table == table.name).collect();
    if chosen.is_empty() {
        return Err(format!("there is no table `{}`{}", entry.table, near(&entry.table, tables.iter().map(|table| table.name))));
    }
    if entry.account_id != "*" && run.account(&entry.account_id).is_none() {
        return Err(format!("the account `{}` is not among the accounts above", entry.account_id));
    }
    if entry.region != "*" && entry.region != GLOBAL && !run.regions.contains(&entry.region) {
        return Err(format!("the Region `{}` is not among the Regions above ({})", entry.region, run.regions.join(", ")));
    }
    if !chosen.iter().any(|table| table.read(&entry.group).is_some()) {
        let groups: BTreeSet<&str> = chosen.iter().flat_map(|table| table.reads).map(|read| read.group).collect();
        let known = groups.into_iter().collect::<Vec<_>>().join(", ");
        return Err(format!("there is no group `{}`{}", entry.group, if named { format!(" in `{}`; there is {known}", entry.table) } else { String::new() }));
    }
    let mut scopes = Vec::new();
    for table in chosen.into_iter().filter(|table| table.read(&entry.group).is_some()) {
        for (account, region) in run.scopes() {
            let here = (region == GLOBAL) == (table.span == Span::Global)
                && (entry.account_id == "*" || entry.account_id == account)
                && (entry.region == "*" || entry.region == region);
            if here {
                scopes.push((table, account, region));
            }
        }
    }
    if scopes.is_empty() {
        let kept = if entry.region == GLOBAL { "in Regions" } else { "once for each account, as `global`" };
        return Err(format!("`{}` is kept {kept}, so this says nothing of the Region `{}`", entry.table, entry.region));
    }
    Ok(scopes)
}

/// What was read, by the entries of `coverage` in their order. A later entry speaks again, but what was refused stays refused.
fn coverage(spec: &CoverageSpec, run: &RunInfo, tables: &[&'static Table], at: impl Fn(usize) -> String) -> Result<Vec<Coverage>, String> {
    let whole = vec![CoverageEntry {
        table: any(),
        account_id: any(),
        region: any(),
        status: "complete".to_owned(),
        operation: String::new(),
        reason: String::new(),
        group: list(),
        row: String::new(),
    }];
    let entries = match spec {
        CoverageSpec::All => &whole,
        CoverageSpec::Lines(entries) => entries,
    };
    let mut lines: BTreeMap<(String, String, &str, String, String), Coverage> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        let fail = |why: String| format!("{}coverage: {why}", at(place));
        let status = Status::parse(&entry.status)
            .ok_or_else(|| fail(format!("`{}` is not a status (complete, partial, denied, error, unsupported, not-collected)", entry.status)))?;
        if !entry.row.is_empty() && (entry.table == "*" || entry.group == "list") {
            return Err(fail("`row` names one row of a table, so it needs `table` and the `group` of columns that could not be read".to_owned()));
        }
        for (table, account, region) in spoken_to(entry, run, tables).map_err(fail)? {
            let Some(read) = table.read(&entry.group) else { continue };
            let mut line = Coverage::new(account, region, table.name, &entry.group, status);
            line.parent.clone_from(&entry.row);
            line.operation = if entry.operation.is_empty() { read.operation.to_owned() } else { entry.operation.clone() };
            line.action = read.actions().join(", ");
            line.detail.clone_from(&entry.reason);
            let key = (account.to_owned(), region.to_owned(), table.name, entry.group.clone(), entry.row.clone());
            let refused = |line: &Coverage| matches!(line.status, Status::Denied | Status::Error | Status::Partial);
            if !lines.get(&key).is_some_and(refused) || refused(&line) {
                lines.insert(key, line);
            }
        }
    }
    Ok(lines.into_values().collect())
}

/// What is wrong with the accounts, Regions and time of a run.
fn flaw(run: &RunFile) -> Option<String> {
    if run.accounts.is_empty() {
        return Some("accounts: there is none, so nothing would be judged; name at least one".to_owned());
    }
    if run.regions.is_empty() {
        return Some("regions: there is none, so nothing would be judged; name at least one".to_owned());
    }
    let mut seen = BTreeSet::new();
    for account in &run.accounts {
        if account.id.len() != 12 || !account.id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(format!("accounts: `{}` is not an account id; one has twelve digits", short(&Json::from(account.id.as_str()))));
        }
        if !seen.insert(account.id.as_str()) {
            return Some(format!("accounts: {} appears twice", account.id));
        }
    }
    for region in &run.regions {
        let plain = region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !plain || region.matches('-').count() < 2 {
            return Some(format!("regions: `{}` is not a Region, such as eu-central-1", short(&Json::from(region.as_str()))));
        }
        if !seen.insert(region.as_str()) {
            return Some(format!("regions: {region} appears twice"));
        }
    }
    let is_time = run.observed_at.is_empty() || run.observed_at.parse::<jiff::Timestamp>().is_ok();
    (!is_time).then(|| format!("observed_at: `{}` is not a time such as 2026-01-31T00:00:00Z", short(&Json::from(run.observed_at.as_str()))))
}

fn read_rows(table: &'static Table, text: &str, run: &RunInfo) -> Result<Vec<NewRow>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let Unique(values) = yaml_serde::from_str(text).map_err(|error| {
        let place = error.location().map_or_else(String::new, |at| format!("line {}: ", at.line()));
        format!("{place}{}", crate::model::without_place(&error.to_string()))
    })?;
    let values: Option<Vec<BTreeMap<String, Json>>> =
        serde_json::from_value(values).map_err(|error| format!("a table is a list of rows, and each row an object: {error}"))?;
    let lines: Vec<usize> = text.lines().enumerate().filter(|(_, line)| line.starts_with("- ")).map(|(place, _)| place + 1).collect();
    let mut seen: BTreeSet<(String, String, String)> = BTreeSet::new();
    values
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .map(|(place, mut cells)| {
            let row_at = lines.get(place).map_or_else(|| format!("row {}", place + 1), |line| format!("line {line} (row {})", place + 1));
            let fail = |what: String| format!("{row_at}: {what}");
            let scope = |cells: &mut BTreeMap<String, Json>, key: &str| match cells.remove(key) {
                Some(Json::String(text)) => Ok(Some(text)),
                None => Ok(None),
                Some(_) => Err(fail(format!("`{key}` must be a text; put it in quotes"))),
            };
            let account = scope(&mut cells, "account_id")?.ok_or_else(|| fail("`account_id` is missing".to_owned()))?;
            let region = match (scope(&mut cells, "region")?, table.span) {
                (Some(region), _) => region,
                (None, Span::Global) => GLOBAL.to_owned(),
                (None, Span::Regional) => return Err(fail("`region` is missing".to_owned())),
            };
            if run.account(&account).is_none() {
                return Err(fail(format!("the account `{account}` is not in run.yaml")));
            }
            if (region == GLOBAL) != (table.span == Span::Global) || region != GLOBAL && !run.regions.contains(&region) {
                return Err(fail(format!(
                    "the Region `{region}` does not fit: this table is kept {}",
                    if table.span == Span::Global {
                        "once for each account, as `global`".to_owned()
                    } else {
                        format!("in the Regions of run.yaml ({})", run.regions.join(", "))
                    }
                )));
            }
            let mut row = NewRow::new(table.name, &account, &region);
            for (name, value) in cells {
                let column = table.column(&name).ok_or_else(|| {
                    fail(format!("there is no column `{name}` in `{}`{}", table.name, near(&name, table.columns.iter().map(|column| column.name))))
                })?;
                let cell = cell(column.kind, &value).ok_or_else(|| {
                    fail(format!(
                        "`{name}` must be {} {}, not `{}`",
                        if column.kind == Kind::Integer { "an" } else { "a" },
                        column.kind.as_str(),
                        short(&value)
                    ))
                })?;
                row.put(column.name, cell);
            }
            let key = row.cells.iter().find(|(name, _)| *name == table.key).map(|(_, value)| value.display().into_owned()).unwrap_or_default();
            if !key.is_empty() && !seen.insert((account, region, key.clone())) {
                return Err(fail(format!("there is a row `{key}` already in this scope")));
            }
            Ok(row)
        })
        .collect()
}

fn short(value: &Json) -> String {
    value.to_string().chars().take(60).collect()
}

fn cell(kind: Kind, value: &Json) -> Option<Value> {
    Some(match (kind, value) {
        (_, Json::Null) => Value::Null,
        (Kind::Bool, Json::Bool(on)) => Value::from(*on),
        (Kind::Integer, Json::Number(number)) => Value::from(number.as_i64()?),
        (Kind::Text | Kind::Time, Json::String(text)) => Value::from(text.as_str()),
        (Kind::List, Json::Array(items)) if items.iter().all(Json::is_string) => Value::from(value.clone()),
        (Kind::Json, Json::String(text)) => Value::from(text.as_str()),
        (Kind::Json, Json::Array(_) | Json::Object(_)) => Value::from(value.clone()),
        _ => return None,
    })
}
