//! What the pictures and the first answers of a report are drawn from.

use crate::inventory::{Error, Store};
use crate::model::{Chain, CoverageLine, Estate, Gap, PromptStore, Thing};
use rusqlite::types::FromSql;
use std::collections::BTreeMap;

/// Rows of a query as texts; what is NULL is `None`.
fn rows<const N: usize>(store: &Store, sql: &str) -> Result<Vec<[Option<String>; N]>, Error> {
    let mut statement = store.conn.prepare(sql)?;
    let text = |value: rusqlite::types::ValueRef<'_>| match value {
        rusqlite::types::ValueRef::Integer(number) => Some(number.to_string()),
        other => String::column_result(other).ok(),
    };
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mut cells = [const { None }; N];
        for (place, cell) in cells.iter_mut().enumerate() {
            *cell = text(row.get_ref(place)?);
        }
        all.push(cells);
    }
    Ok(all)
}

fn list(text: Option<&str>) -> Vec<String> {
    text.and_then(|text| serde_json::from_str::<Vec<String>>(text).ok())
        .unwrap_or_default()
}

/// What hides a cell, in words.
fn gaps(store: &Store, table: &str, row: &str, column: &str) -> Result<Vec<String>, Error> {
    let sql = "SELECT gaps FROM gap WHERE table_name = ?1 AND row = ?2 AND column_name = ?3";
    let found: Vec<String> = store
        .conn
        .prepare_cached(sql)?
        .query_map([table, row, column], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let words: Vec<String> = found
        .iter()
        .flat_map(|text| serde_json::from_str::<Vec<Gap>>(text).unwrap_or_default())
        .map(|gap| gap.words())
        .collect();
    Ok(if words.is_empty() {
        vec!["not observed".to_owned()]
    } else {
        words
    })
}

fn thing(kind: &str, name: &str, id: &str) -> Thing {
    Thing {
        kind: kind.to_owned(),
        name: name.to_owned(),
        id: id.to_owned(),
    }
}

/// A key, or that there is none of the customer's own.
fn key(id: Option<&str>) -> Option<Thing> {
    match id {
        None => Some(thing("key", "not known", "")),
        Some("") => None,
        Some(id) => Some(thing("KMS key", id, id)),
    }
}

/// Reads it from a judged run.
///
/// # Errors
/// When the run file is damaged.
pub fn read(store: &Store, coverage: &[CoverageLine]) -> Result<Estate, Error> {
    let mut estate = Estate::default();
    for [subnet, vpc] in rows::<2>(
        store,
        "SELECT subnet_id, vpc_id FROM vpc_subnet ORDER BY subnet_id",
    )? {
        if let (Some(subnet), Some(vpc)) = (subnet, vpc) {
            estate.vpcs.insert(subnet, vpc);
        }
    }
    estate.observed = !rows::<1>(store, "SELECT 1 FROM cloudtrail_window LIMIT 1")?.is_empty();
    knowledge_bases(store, &mut estate)?;
    prompts(store, &mut estate)?;
    let unseen = |table: &str| {
        let table = table.to_owned();
        coverage.iter().filter(move |line| {
            line.table == table
                && !matches!(
                    line.status.as_str(),
                    "complete" | "unsupported" | "not-collected"
                )
        })
    };
    for line in unseen("bedrock_knowledge_base") {
        estate.chains.push(Chain {
            account_id: line.account_id.clone(),
            region: line.region.clone(),
            things: vec![thing("knowledge bases", "not known", "")],
            unseen: format!("{} {}", line.operation, line.status),
        });
    }
    for line in unseen("bedrock_model_invocation_logging") {
        let why = format!("{} {}", line.operation, line.status);
        estate
            .unknown_logging
            .push((line.account_id.clone(), line.region.clone(), why.clone()));
        estate.chains.push(Chain {
            account_id: line.account_id.clone(),
            region: line.region.clone(),
            things: vec![thing("invocation logging", "not known", "")],
            unseen: why,
        });
    }
    estate.chains.sort();
    estate.chains.dedup();
    Ok(estate)
}

fn knowledge_bases(store: &Store, estate: &mut Estate) -> Result<(), Error> {
    let sql = "SELECT account_id, region, knowledge_base, bucket_role, name, resource FROM corpus_bucket ORDER BY resource, bucket_role";
    let mut corpora: BTreeMap<String, Vec<Thing>> = BTreeMap::new();
    for [_, _, base, role, name, id] in rows::<6>(store, sql)? {
        let (Some(base), Some(id)) = (base, id) else {
            continue;
        };
        let kind = format!("corpus: {}", role.as_deref().unwrap_or("bucket"));
        let name = name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| id.rsplit(':').next().unwrap_or_default().to_owned());
        corpora
            .entry(base)
            .or_default()
            .push(thing(&kind, &name, &id));
    }
    let sql = "SELECT account_id, region, arn, name, storage_type, storage_id, id FROM bedrock_knowledge_base ORDER BY account_id, region, arn";
    for [account, region, arn, name, kind, storage, id] in rows::<7>(store, sql)? {
        let (Some(account), Some(region), Some(arn)) = (account, region, arn) else {
            continue;
        };
        let name = name.unwrap_or_default();
        let base = thing("knowledge base", &name, &arn);
        let vectors = match (kind.as_deref(), storage) {
            (None, _) => Some(thing("vector store", "not known", "")),
            (Some(""), _) => None,
            (Some(kind), storage) => {
                let storage = storage.unwrap_or_default();
                let short = storage.rsplit(['/', ':']).next().unwrap_or_default();
                Some(thing(
                    &format!("vectors: {}", kind.to_ascii_lowercase().replace('_', " ")),
                    short,
                    &storage,
                ))
            }
        };
        let known = [Some(arn.as_str()), id.as_deref(), Some(name.as_str())]
            .into_iter()
            .flatten()
            .find_map(|key| corpora.get(key));
        let sources = known.cloned().unwrap_or_default();
        let starts = if sources.is_empty() {
            vec![Vec::new()]
        } else {
            sources.into_iter().map(|source| vec![source]).collect()
        };
        for start in starts {
            let things = start
                .into_iter()
                .chain([base.clone()])
                .chain(vectors.clone())
                .collect();
            estate.chains.push(Chain {
                account_id: account.clone(),
                region: region.clone(),
                things,
                unseen: String::new(),
            });
        }
    }
    Ok(())
}

fn prompts(store: &Store, estate: &mut Estate) -> Result<(), Error> {
    let sql = "SELECT account_id, region, name, resource, kms_key_id, 'log group' FROM inference_log_group
         UNION ALL SELECT account_id, region, name, resource, kms_key_id, destination FROM inference_log_bucket ORDER BY 1, 2, 6, 4";
    for [account, region, name, id, kms, kind] in rows::<6>(store, sql)? {
        let (Some(account), Some(region), Some(id)) = (account, region, id) else {
            continue;
        };
        let kind = kind.unwrap_or_default().replace('-', " ");
        let place = thing(&format!("prompts: {kind}"), &name.unwrap_or_default(), &id);
        let things = [thing("invocation logging", &region, "")]
            .into_iter()
            .chain([place])
            .chain(key(kms.as_deref()))
            .collect();
        estate.chains.push(Chain {
            account_id: account,
            region,
            things,
            unseen: String::new(),
        });
    }
    let sql = "SELECT account_id, region, kind, name, readers_found, readers, rowid FROM prompt_store ORDER BY 1, 2, 3, 4";
    for [account, region, kind, name, found, all, row] in rows::<7>(store, sql)? {
        let unclear = if all.is_none() {
            gaps(
                store,
                "prompt_store",
                row.as_deref().unwrap_or_default(),
                "readers",
            )?
        } else {
            Vec::new()
        };
        estate.prompts.push(PromptStore {
            account_id: account.unwrap_or_default(),
            region: region.unwrap_or_default(),
            kind: kind.unwrap_or_default(),
            name: name.unwrap_or_default(),
            readers: list(found.as_deref()),
            unclear,
        });
    }
    let sql = "SELECT account_id, region, log_group_name, bucket_name, large_data_bucket_name FROM bedrock_model_invocation_logging ORDER BY 1, 2";
    for [account, region, group, bucket, large] in rows::<5>(store, sql)? {
        let names = [group, bucket, large];
        let place = (account.unwrap_or_default(), region.unwrap_or_default());
        if names.iter().any(Option::is_none) {
            estate.unknown_logging.push((
                place.0,
                place.1,
                "where the logs go was not observed".to_owned(),
            ));
        } else if names.iter().all(|name| name.as_deref() == Some("")) {
            estate.unlogged.push(place);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_are_texts() {
        assert_eq!(super::list(Some("[\"a\",\"b\"]")), ["a", "b"]);
        assert!(super::list(Some("{}")).is_empty() && super::list(None).is_empty());
    }
}
