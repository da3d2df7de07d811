//! The hand-over: what a customer's team takes over, section by section, each row with the resource that `outcrop explain` shows.
//!
//! A section is a file, `data/handoff/<n>-<id>.yaml`: a query over the run, its columns, and the tables that it rests on. What of
//! these was not read stands below the section, so that an empty one never says "nothing there" where nobody looked. Sections that
//! need more than the run (whose source declares a resource, what a source takes for granted, a second run) are made here.

mod differs;
mod drawing;
mod literals;
mod open;
mod owners;
mod rehearsal;
mod sheet;
mod sources;
mod vendor;
pub mod write;

pub use sheet::Said;
pub use sources::Sources;

use crate::inventory::{Error, Status, Store};
use crate::model::Outcome;
use crate::subjects::{needs, subjects};
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The files of `data/handoff`.
#[derive(rust_embed::Embed)]
#[folder = "data/handoff"]
struct Files;

/// A section as its file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    id: String,
    title: String,
    says: String,
    columns: Vec<String>,
    /// SQL; the first column is the resource.
    from: String,
    #[serde(default)]
    needs: Vec<String>,
    /// Derived tables that it reads; what they rest on counts among what has to be read.
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    csv: Option<String>,
    /// Columns that are true or false, by their place.
    #[serde(default)]
    truths: Vec<usize>,
}

/// Recipes by the number that their file begins with; a test holds that they parse.
static RECIPES: LazyLock<Vec<(u32, Recipe)>> = LazyLock::new(|| {
    let mut all: Vec<(u32, Recipe)> = Files::iter()
        .filter_map(|name| {
            let place = name.split_once('-')?.0.parse().ok()?;
            let file = Files::get(&name)?;
            let recipe = yaml_serde::from_str(std::str::from_utf8(&file.data).ok()?).ok()?;
            Some((place, recipe))
        })
        .collect();
    all.sort_by_key(|(place, _)| *place);
    all
});

/// One part of the document.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Section {
    /// Names it in links, and its CSV file.
    pub id: String,
    /// Headline.
    pub title: String,
    /// What it is about.
    pub says: String,
    /// Heads of the columns.
    pub columns: Vec<String>,
    /// Rows, a text for each column.
    pub rows: Vec<Vec<String>>,
    /// What of it was not read, and what would read it.
    pub not_read: Vec<String>,
    /// Name of the CSV file that holds it as well.
    pub csv: Option<String>,
}

impl Section {
    fn new(id: &str, title: &str, says: &str, columns: &[&str]) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            says: says.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            not_read: Vec::new(),
            csv: Some(id.to_owned()),
        }
    }

    /// The column of this name in every row.
    fn column<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> + use<'s> {
        let place = self.columns.iter().position(|column| column == name);
        self.rows
            .iter()
            .filter_map(move |row| place.and_then(|place| row.get(place)))
            .map(String::as_str)
    }
}

/// A question of the acceptance sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Question {
    /// As it is asked.
    pub question: String,
    /// What the run or a person says.
    pub answer: Said,
    /// Why.
    pub because: String,
    /// The section that shows it.
    pub section: String,
}

/// The whole hand-over; schema `outcrop-handoff/v1`.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Document {
    /// `outcrop-handoff/v1`.
    pub schema: &'static str,
    /// Id of the run.
    pub run: String,
    /// When it was judged.
    pub judged_at: String,
    /// Accounts, Regions and vendors, in a sentence.
    pub scope: String,
    /// Version of Outcrop.
    pub version: String,
    /// Digest of the rules.
    pub rules_digest: String,
    /// Was the run complete?
    pub complete: bool,
    /// May it be accepted? Only where no question is answered with no, and none is open.
    pub accepted: bool,
    /// The acceptance sheet.
    pub questions: Vec<Question>,
    /// The sections, in order.
    pub sections: Vec<Section>,
}

/// What a hand-over is made of.
pub struct Parts<'p> {
    /// The run.
    pub store: &'p Store,
    /// Its results.
    pub outcome: &'p Outcome,
    /// What declares its resources.
    pub sources: &'p Sources,
    /// An earlier run, to see what is gone since.
    pub previous: Option<&'p Store>,
    /// A run of the same source, deployed to another account.
    pub rehearsal: Option<(&'p Store, &'p Outcome)>,
}

/// Makes the document.
///
/// # Errors
/// When a run cannot be read.
pub fn document(parts: &Parts<'_>) -> Result<Document, Error> {
    let Parts {
        store,
        outcome,
        sources,
        ..
    } = parts;
    parameters(store, outcome)?;
    let resources = owners::resources(store, outcome, sources)?;
    owners::share(store, &resources)?;
    views(store)?;
    let mut sections = vec![
        (20, owners::section(store, &resources, sources)?),
        (21, differs::section(store, sources)?),
    ];
    for (place, recipe) in &*RECIPES {
        let mut section = from(store, outcome, recipe)?;
        if recipe.id == "keys" {
            open::replaced(outcome, &mut section);
        }
        sections.push((*place, section));
    }
    sections.push((130, vendor::section(store, outcome)?));
    sections.push((100, owners::teardown(&resources)));
    sections.push((110, literals::section(sources, outcome)));
    if let Some(previous) = parts.previous {
        let was = vendor::section(previous, outcome)?;
        let now = sections.iter().find(|(_, one)| one.id == "vendor");
        if let Some(gone) = now.map(|(_, now)| vendor::gone(outcome, now, &was)) {
            sections.push((140, gone));
        }
    }
    sections.push((120, open::runbooks(store, outcome)?));
    sections.push((150, open::findings(outcome)));
    if let Some((other, judged)) = parts.rehearsal {
        sections.push((170, rehearsal::section(outcome, other, judged)?));
    }
    sections.sort_by_key(|(place, _)| *place);
    let behind = sections.partition_point(|(place, _)| *place < 160);
    let mut sections: Vec<Section> = sections.into_iter().map(|(_, section)| section).collect();
    let contradicted = sheet::contradicted(outcome, &sections);
    sections.insert(behind, open::exceptions(outcome, &contradicted));
    let questions = sheet::questions(outcome, &sections);
    Ok(Document {
        schema: "outcrop-handoff/v1",
        run: outcome.run.id.clone(),
        judged_at: outcome.run.judged_at().to_owned(),
        scope: scope(outcome),
        version: outcome.run.version.clone(),
        rules_digest: outcome.run.rules_digest.clone(),
        complete: outcome.run.complete,
        accepted: outcome.run.is_whole()
            && questions
                .iter()
                .all(|one| matches!(one.answer, Said::Yes | Said::Attested)),
        questions,
        sections,
    })
}

/// What is handed over, in a sentence.
fn scope(outcome: &Outcome) -> String {
    let accounts: Vec<String> = outcome
        .run
        .accounts
        .iter()
        .map(|account| format!("{} {}", account.id, account.name).trim().to_owned())
        .collect();
    let vendors = vendor::accounts(outcome);
    let vendors = if vendors.is_empty() {
        "none named".to_owned()
    } else {
        Vec::from_iter(vendors).join(", ")
    };
    let mut said = format!(
        "Accounts: {}. Regions: {}. Accounts of vendors: {vendors}.",
        accounts.join(", "),
        outcome.run.regions.join(", ")
    );
    for sentence in &outcome.run.not_held {
        said.push(' ');
        said.push_str(sentence);
    }
    said
}

/// The parameters of the rules, for queries.
fn parameters(store: &Store, outcome: &Outcome) -> Result<(), Error> {
    store.conn.execute_batch(
        "DROP TABLE IF EXISTS temp.parameter; CREATE TEMP TABLE parameter (name TEXT, value TEXT);",
    )?;
    let mut insert = store
        .conn
        .prepare("INSERT INTO parameter VALUES (?1, ?2)")?;
    for (name, value) in &outcome.run.parameters {
        insert.execute((name, value.to_string()))?;
    }
    Ok(())
}

/// What sections share: the views of `data/handoff/views.sql`.
fn views(store: &Store) -> Result<(), Error> {
    let file = Files::get("views.sql");
    let text = file
        .as_ref()
        .and_then(|file| std::str::from_utf8(&file.data).ok());
    Ok(store.conn.execute_batch(text.unwrap_or_default())?)
}

/// A section from its recipe.
fn from(store: &Store, outcome: &Outcome, recipe: &Recipe) -> Result<Section, Error> {
    let mut unread = not_read(store, &recipe.needs)?;
    for line in not_read(store, &under(&recipe.subjects))? {
        if !unread.contains(&line) {
            unread.push(line);
        }
    }
    if outcome.run.is_narrowed() && !recipe.subjects.is_empty() {
        unread.push("the run judged some rules alone; judge it with all of them (outcrop check RUN --out RUN2)".to_owned());
    }
    let mut section = Section {
        id: recipe.id.clone(),
        title: recipe.title.clone(),
        says: recipe.says.trim().to_owned(),
        columns: recipe.columns.clone(),
        rows: Vec::new(),
        not_read: unread,
        csv: recipe.csv.clone(),
    };
    let mut statement = store.conn.prepare(&recipe.from)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut cells = Vec::new();
        for place in 0..recipe.columns.len() {
            let text = cell(row.get_ref(place)?, recipe.truths.contains(&place));
            // Where not everything was read, "none" is only what was seen.
            cells.push(if text == "none" && !section.not_read.is_empty() {
                "none seen".to_owned()
            } else {
                text
            });
        }
        section.rows.push(cells);
    }
    Ok(section)
}

/// The tables that these subjects rest on.
fn under(names: &[String]) -> Vec<String> {
    let mut under: BTreeSet<String> = BTreeSet::new();
    for subject in subjects().filter(|one| names.iter().any(|name| name == one.table.name)) {
        let columns = subject.table.columns.iter().map(|column| column.name);
        let wanted = [(subject.table.name, columns.collect())];
        let inputs = needs::readings(wanted);
        under.extend(inputs.into_iter().map(|(table, _)| table.to_owned()));
    }
    Vec::from_iter(under)
}

/// A cell in words. What was not observed says so.
fn cell(value: ValueRef<'_>, truth: bool) -> String {
    match value {
        ValueRef::Null => "not known".to_owned(),
        ValueRef::Integer(number) if truth => if number == 0 { "no" } else { "yes" }.to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            let text = String::from_utf8_lossy(text);
            match serde_json::from_str::<Json>(&text) {
                Ok(Json::Array(all)) if all.is_empty() => "none".to_owned(),
                Ok(Json::Array(all)) => {
                    let all: Vec<String> = all
                        .iter()
                        .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
                        .collect();
                    all.join(", ")
                }
                _ => text.into_owned(),
            }
        }
    }
}

/// What of these tables was not read.
fn not_read(store: &Store, tables: &[String]) -> Result<Vec<String>, Error> {
    let mut all = BTreeSet::new();
    let lines = store.coverage()?;
    for table in tables {
        let is_asked = store
            .table(table)
            .is_ok_and(|table| !table.reads.is_empty());
        if is_asked && !lines.iter().any(|line| line.table == *table) {
            all.insert(format!("{table}: not asked in this run"));
        }
    }
    for line in lines {
        let missing = !matches!(line.status, Status::Complete | Status::Unsupported);
        if missing && tables.contains(&line.table) {
            let what = if line.operation.is_empty() {
                line.table.clone()
            } else {
                line.operation.clone()
            };
            let place = [line.account_id.as_str(), line.region.as_str()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" ");
            all.insert(format!("{place}: {what} ({})", line.status.as_str()));
        }
    }
    Ok(all.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that does not parse would leave its section out.
    #[test]
    fn every_file_of_the_hand_over_parses() {
        let numbered = Files::iter().filter(|name| {
            name.split_once('-')
                .is_some_and(|(place, _)| place.parse::<u32>().is_ok())
        });
        assert_eq!(RECIPES.len(), numbered.count());
        for (_, recipe) in &*RECIPES {
            for name in &recipe.subjects {
                assert!(subjects().any(|one| one.table.name == name), "{name}");
            }
            for name in &recipe.needs {
                assert!(
                    crate::subjects::tables().iter().any(|one| one.name == name),
                    "{name}"
                );
            }
        }
        assert!(owners::are_known() && open::are_known() && differs::are_known());
    }
}
