//! What an account holds otherwise than its source says: the values of a state or a template beside those of the run, cell by cell.

use super::{Section, Sources, not_read};
use crate::inventory::{Declaration, Error, Status, Store, Table, quoted};
use crate::model::{UNKNOWN_ACCOUNT, UNKNOWN_REGION};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A table and what of it is compared, as `data/handoff/compared.yaml` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compared {
    table: String,
    columns: Vec<String>,
}

static COMPARED: LazyLock<Vec<Compared>> = LazyLock::new(|| {
    super::Files::get("compared.yaml")
        .and_then(|file| yaml_serde::from_str(std::str::from_utf8(&file.data).ok()?).ok())
        .unwrap_or_default()
});

/// Names of resources that a sentence gives.
const SHOWN: usize = 10;

/// Longest value that stands in a cell.
const LONGEST: usize = 600;

/// The section; what could not be compared stands below it.
///
/// # Errors
/// When a run cannot be read.
pub(super) fn section(store: &Store, sources: &Sources) -> Result<Section, Error> {
    let mut section = Section::new(
        "differs",
        "What differs from its source",
        "Settings that an account holds otherwise than the state or template that was given. A change behind the source is undone by the next deployment, or lost in the next account. Compared are the policies of endpoints, keys, buckets, secrets and collections, who may assume a role and what its policies are, roles and networks of functions and agents, keys and retention, the logging of invocations; not the rules of security groups, routes, or the contents of guardrails. What is in no source stands in the section before.",
        &[
            "Resource",
            "Account",
            "Region",
            "Declared by",
            "Setting",
            "In the source",
            "In the account",
        ],
    );
    if sources.declared.is_empty() && sources.not_compared.is_empty() {
        section.not_read.push(
            "no source was given (--state with what `terraform show -json` or the state file holds, --template with a CloudFormation template)".to_owned(),
        );
    }
    section.not_read.extend(sources.not_compared.clone());
    let tables: Vec<String> = COMPARED.iter().map(|one| one.table.clone()).collect();
    section.not_read.extend(not_read(store, &tables)?);
    for (name, source) in &sources.declared {
        let declarations = source.declarations()?;
        let unseen = unseen(store, &declarations)?;
        let (mut declared, mut found) = (0, 0);
        let mut lost = Vec::new();
        for compared in &*COMPARED {
            let Ok(table) = store.table(&compared.table) else {
                continue;
            };
            for one in declarations
                .iter()
                .filter(|one| one.table == compared.table && !one.partial)
            {
                declared += 1;
                let there = rows(source, compared, table.key, &one.key, |account, region| {
                    account == one.account_id && region == one.region
                })?;
                let here = rows(store, compared, table.key, &one.key, |account, region| {
                    [UNKNOWN_ACCOUNT, account].contains(&one.account_id.as_str())
                        && [UNKNOWN_REGION, region].contains(&one.region.as_str())
                })?;
                found += usize::from(here.len() == 1);
                if here.len() != 1 {
                    lost.push(one.address.as_str());
                }
                if here.is_empty() && one.change == "keep" && is_seen(store, table, one)? {
                    section.rows.push(vec![
                        one.key.clone(),
                        one.account_id.clone(),
                        one.region.clone(),
                        format!("{} ({name})", one.address),
                        "the resource itself".to_owned(),
                        "declared".to_owned(),
                        "not there".to_owned(),
                    ]);
                }
                // A name that several accounts hold is that of none.
                let ([(_, _, said)], [(account, region, held)]) =
                    (there.as_slice(), here.as_slice())
                else {
                    continue;
                };
                for ((column, said), held) in compared.columns.iter().zip(said).zip(held) {
                    let (Some(said), Some(held)) = (said, held) else {
                        continue;
                    };
                    if one.unresolved.contains_key(column)
                        || same(said, held)
                        || names_one(said, &unseen)
                    {
                        continue;
                    }
                    // An alias stands for a key; which one, the run knows.
                    let named = |value: &Json| key_named(store, account, region, value);
                    let is_alias =
                        |value: &Json| value.as_str().is_some_and(|text| text.contains("alias/"));
                    match (named(said)?, named(held)?) {
                        (Some(said), Some(held)) if said == held => continue,
                        (None, _) if is_alias(said) => continue,
                        (_, None) if is_alias(held) => continue,
                        _ => {}
                    }
                    section.rows.push(vec![
                        one.key.clone(),
                        account.clone(),
                        region.clone(),
                        format!("{} ({name})", one.address),
                        column.clone(),
                        shown(said),
                        shown(held),
                    ]);
                }
            }
        }
        // What was compared is said, because an empty table would be read as "nothing differs".
        if found < declared || declared == 0 {
            let first = lost
                .iter()
                .take(SHOWN)
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            let more = match lost.len().saturating_sub(SHOWN) {
                0 if lost.is_empty() => String::new(),
                0 => format!("; not: {first}"),
                more => format!("; not: {first} and {more} more"),
            };
            section.not_read.push(format!(
                "{name}: of {declared} resources that it declares and that could be compared, {found} were found in one place of the run{more}"
            ));
        }
    }
    section.rows.sort();
    section.rows.dedup();
    Ok(section)
}

/// The logical ids that stand for names in a template, because AWS gives the resource a name of its own and no stack of the run says
/// which: a setting that refers to one of them cannot be compared.
fn unseen(store: &Store, declarations: &[Declaration]) -> Result<BTreeSet<String>, Error> {
    let mut unseen = BTreeSet::new();
    for one in declarations
        .iter()
        .filter(|one| last(&one.key) == one.address)
    {
        let Ok(table) = store.table(&one.table) else {
            continue;
        };
        let query = format!(
            "SELECT 1 FROM {} WHERE {} = ?1 LIMIT 1",
            quoted(table.name),
            quoted(table.key)
        );
        if !store.conn.prepare_cached(&query)?.exists([&one.key])? {
            unseen.insert(one.address.clone());
        }
    }
    Ok(unseen)
}

fn last(name: &str) -> &str {
    name.rsplit(['/', ':']).next().unwrap_or(name)
}

/// Does a value, or a part of it, name one of these?
fn names_one(value: &Json, names: &BTreeSet<String>) -> bool {
    match value {
        Json::String(text) => names.contains(last(text)),
        Json::Array(all) => all.iter().any(|one| names_one(one, names)),
        Json::Object(all) => all.values().any(|one| names_one(one, names)),
        _ => false,
    }
}

/// Was everything read where a resource would stand?
fn is_seen(store: &Store, table: &Table, one: &Declaration) -> Result<bool, Error> {
    let lines = store.coverage()?;
    let mut here = lines
        .iter()
        .filter(|line| {
            line.table == table.name
                && line.group == "list"
                && line.account_id == one.account_id
                && line.region == one.region
        })
        .peekable();
    Ok(here.peek().is_some() && here.all(|line| line.status == Status::Complete))
}

/// The key behind a name as services take it, where the run holds it.
fn key_named(
    store: &Store,
    account: &str,
    region: &str,
    value: &Json,
) -> Result<Option<String>, Error> {
    let Some(name) = value.as_str() else {
        return Ok(None);
    };
    let mut statement = store.conn.prepare(
        "SELECT key FROM temp.key_name WHERE name = ?1 AND (?1 LIKE 'arn:%' OR (account_id = ?2 AND region = ?3))",
    )?;
    let mut rows = statement.query([name, account, region])?;
    Ok(match rows.next()? {
        Some(row) => Some(row.get(0)?),
        None => None,
    })
}

/// A row: account, Region, and the cells that are compared, `None` where one is not known.
type Row = (String, String, Vec<Option<Json>>);

fn rows(
    store: &Store,
    compared: &Compared,
    key: &str,
    value: &str,
    place: impl Fn(&str, &str) -> bool,
) -> Result<Vec<Row>, Error> {
    let columns: Vec<String> = compared.columns.iter().map(|name| quoted(name)).collect();
    let query = format!(
        "SELECT account_id, region, {} FROM {} WHERE {} = ?1",
        columns.join(", "),
        quoted(&compared.table),
        quoted(key)
    );
    let mut statement = store.conn.prepare(&query)?;
    let mut found = statement.query([value])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let (account, region): (String, String) = (row.get(0)?, row.get(1)?);
        if !place(&account, &region) {
            continue;
        }
        let mut cells = Vec::new();
        for number in 0..columns.len() {
            cells.push(match row.get_ref(number + 2)? {
                rusqlite::types::ValueRef::Integer(number) => Some(Json::from(number)),
                rusqlite::types::ValueRef::Text(text) => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    Some(serde_json::from_str(&text).unwrap_or(Json::String(text)))
                }
                _ => None,
            });
        }
        all.push((account, region, cells));
    }
    Ok(all)
}

/// Do both say the same? The order of a list says nothing, a single one may stand for a list, and a key has an ARN and an id.
fn same(one: &Json, other: &Json) -> bool {
    let (one, other) = (plain(one), plain(other));
    // An empty text is what a source does not set.
    if one == other || one.is_null() || one == Json::String(String::new()) {
        return true;
    }
    match (&one, &other) {
        (Json::String(one), Json::String(other)) => {
            one.starts_with("arn:") != other.starts_with("arn:")
                && !one.is_empty()
                && !other.is_empty()
                && last(one) == last(other)
        }
        _ => false,
    }
}

fn plain(value: &Json) -> Json {
    match value {
        Json::Array(all) => {
            let mut all: Vec<Json> = all.iter().map(plain).collect();
            all.sort_by_key(Json::to_string);
            all.dedup();
            match <[Json; 1]>::try_from(all) {
                Ok([only]) => only,
                Err(all) => Json::Array(all),
            }
        }
        // `{"AWS": "*"}` and `"*"` are everyone.
        Json::Object(all) if all.len() == 1 && all.get("AWS").map(plain) == Some("*".into()) => {
            "*".into()
        }
        Json::Object(all) => all
            .iter()
            .filter(|(name, value)| {
                let empty = value.as_object().is_some_and(serde_json::Map::is_empty);
                *name != "Version" && *name != "Id" && !empty
            })
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect(),
        // `arn:aws:iam::111111111111:root` and `111111111111` are one principal; so are true and "true".
        Json::String(text) => Json::String(
            text.strip_suffix(":root")
                .and_then(|arn| arn.rsplit(':').next())
                .unwrap_or(text)
                .to_owned(),
        ),
        Json::Bool(flag) => Json::String(flag.to_string()),
        other => other.clone(),
    }
}

fn shown(value: &Json) -> String {
    let text = match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    crate::report::safe::cut(&text, LONGEST)
}

/// Is every column that is compared one that there is?
#[cfg(test)]
pub(super) fn are_known() -> bool {
    let tables = crate::subjects::tables();
    !COMPARED.is_empty()
        && COMPARED.iter().all(|one| {
            tables.iter().any(|table| {
                table.name == one.table
                    && one
                        .columns
                        .iter()
                        .all(|column| table.column(column).is_some())
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_means_the_same_is_the_same() {
        for (one, other, wanted) in [
            (json!(["b", "a"]), json!(["a", "b"]), true),
            (json!({"Action": "x"}), json!({"Action": ["x"]}), true),
            (
                json!({"AWS": "111111111111"}),
                json!({"AWS": "arn:aws:iam::111111111111:root"}),
                true,
            ),
            (
                json!("arn:aws:kms:eu-west-1:111111111111:key/k"),
                json!("k"),
                true,
            ),
            (json!(1), json!(0), false),
            (json!(""), json!("k"), true),
            (json!({"AWS": ["*"]}), json!("*"), true),
            (
                json!({"Effect": "Deny", "Condition": {}}),
                json!({"Effect": "Deny"}),
                true,
            ),
            (json!(["a"]), json!(["a", "b"]), false),
            (
                json!("arn:aws:iam::111111111111:role/a"),
                json!("arn:aws:iam::222222222222:role/a"),
                false,
            ),
        ] {
            assert_eq!(same(&one, &other), wanted, "{one} and {other}");
        }
    }
}
