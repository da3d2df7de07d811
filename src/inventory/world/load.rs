//! load

use super::super::shape::conform;
use super::super::store::cell;
use super::super::{Error, Store, Table, quoted};
use super::Loaded;
use crate::model::Value;
use std::collections::{HashMap, HashSet};

pub(super) fn load_table(store: &Store, table: &'static Table) -> Result<Loaded, Error> {
    let names: String = table
        .columns
        .iter()
        .map(|column| format!(", {}", quoted(column.name)))
        .collect();
    let mut statement = store.conn.prepare(&format!(
        "SELECT account_id, region{names} FROM {} ORDER BY rowid",
        quoted(table.name)
    ))?;
    let (mut rows, mut odd) = (Vec::new(), HashMap::new());
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let mut cells = Vec::with_capacity(table.columns.len());
        for (place, column) in table.columns.iter().enumerate() {
            cells.push(match conform(column, cell(row.get_ref(place + 2)?)) {
                Ok(value) => value,
                Err(why) => {
                    odd.insert((rows.len(), place), why);
                    Value::Null
                }
            });
        }
        rows.push((row.get::<_, String>(0)?, row.get::<_, String>(1)?, cells));
    }
    let mut loaded = Loaded {
        rows,
        odd,
        ..Loaded::nothing(table)
    };
    let place = table.position(table.key);
    let mut seen: HashSet<(&str, &str, &str)> = HashSet::new();
    for (index, (account, region, cells)) in loaded.rows.iter().enumerate() {
        // A list that changes while it is read can give an item twice; it is one item.
        if let Some(Value::Text(key)) = place.map(|place| &cells[place])
            && !seen.insert((account, region, key))
        {
            continue;
        }
        loaded
            .by_scope
            .entry((account.clone(), region.clone()))
            .or_default()
            .push(index);
        if let Some(Value::Text(key)) = place.map(|place| &cells[place]) {
            loaded.by_key.entry(key.clone()).or_default().push(index);
        }
    }
    Ok(loaded)
}
