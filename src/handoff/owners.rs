//! Which source declares a resource, who answers for it, and in which order a stack is taken down.

use super::sources::{Sources, text};
use super::{Section, cell, not_read};
use crate::inventory::{Error, Status, Store, quoted};
use crate::model::{GLOBAL, Outcome};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// A kind of resource, as `data/handoff/resources.yaml` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    table: String,
    #[serde(rename = "type")]
    cloudformation: String,
    order: u32,
    #[serde(default)]
    keeps: String,
    #[serde(default)]
    none: String,
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    super::Files::get("resources.yaml")
        .and_then(|file| yaml_serde::from_str(std::str::from_utf8(&file.data).ok()?).ok())
        .unwrap_or_default()
});

/// Who declares a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// Nobody, as far as the sources that were given go.
    Nobody,
    /// No source was given, and no tag says.
    NotKnown,
    /// A source.
    Source,
    /// AWS itself made it.
    Service,
}

/// A resource, and what is known of its source.
#[derive(Debug)]
pub(super) struct Resource {
    /// ARN, or id.
    pub id: String,
    name: String,
    kind: String,
    account: String,
    region: String,
    order: u32,
    keeps: String,
    /// Who declares it.
    pub owner: Owner,
    by: String,
    /// Who answers for it, in words.
    answers: String,
}

/// Which stack made what, in words, by account, Region, type and physical id.
type Made = BTreeMap<[String; 4], String>;

fn made(store: &Store) -> Result<Made, Error> {
    let mut made = Made::new();
    if store.columns("cloudformation_stack_resource")?.is_empty() {
        return Ok(made);
    }
    let mut statement = store.conn.prepare(
        "SELECT account_id, region, type, physical_id, stack_name, logical_id, drift_status FROM cloudformation_stack_resource WHERE physical_id <> ''",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let words = |place: usize| row.get_ref(place).map(|value| cell(value, false));
        let behind = match words(6)?.as_str() {
            status @ ("MODIFIED" | "DELETED") => {
                format!("; changed behind it ({})", status.to_ascii_lowercase())
            }
            _ => String::new(),
        };
        made.insert(
            [words(0)?, words(1)?, words(2)?, words(3)?],
            format!("CloudFormation stack {}, {}{behind}", words(4)?, words(5)?),
        );
    }
    Ok(made)
}

/// Tags that the Resource Groups Tagging API tells, by ARN.
fn tagged(store: &Store) -> Result<BTreeMap<String, Json>, Error> {
    let mut statement = store
        .conn
        .prepare("SELECT arn, tags FROM tagged_resource WHERE tags IS NOT NULL")?;
    let mut rows = statement.query([])?;
    let mut tagged = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (arn, tags): (String, String) = (row.get(0)?, row.get(1)?);
        if let Ok(tags) = serde_json::from_str(&tags) {
            tagged.insert(arn, tags);
        }
    }
    Ok(tagged)
}

/// Nobody answers for it, as far as tags and configuration go.
const NOBODY: &str = "nobody is named";

/// Who answers for what has no tag that names somebody: the owner of its account.
struct Who<'o>(BTreeMap<&'o str, &'o str>);

impl<'o> Who<'o> {
    fn of(outcome: &'o Outcome) -> Self {
        let accounts = outcome.run.accounts.iter();
        Self(
            accounts
                .filter(|account| !account.owner.is_empty())
                .map(|account| (account.id.as_str(), account.owner.as_str()))
                .collect(),
        )
    }

    /// In words: by a tag, by the account, nobody, or not known where the tags were not read.
    fn answers(&self, account: &str, tags: &Json) -> String {
        let read: Option<BTreeMap<String, String>> = serde_json::from_value(tags.clone()).ok();
        if let Some((tag, name)) = read.as_ref().and_then(crate::model::owner) {
            return format!("{name} (tag {tag})");
        }
        match self.0.get(account) {
            Some(name) => format!("{name} (owner of account {account})"),
            None if read.is_some() => NOBODY.to_owned(),
            None => "not known: its tags were not read".to_owned(),
        }
    }
}

/// Writes who declares each resource and who answers for it where queries find it: the temporary table `owned`.
///
/// # Errors
/// When the run cannot be read.
pub(super) fn share(store: &Store, resources: &[Resource]) -> Result<(), Error> {
    store.conn.execute_batch(
        "DROP TABLE IF EXISTS temp.owned; CREATE TEMP TABLE owned (resource TEXT PRIMARY KEY, owner TEXT, declared_by TEXT, is_declared INTEGER) WITHOUT ROWID;",
    )?;
    let mut insert = store
        .conn
        .prepare("INSERT OR IGNORE INTO temp.owned VALUES (?1, ?2, ?3, ?4)")?;
    for one in resources {
        let is_declared = one.owner == Owner::Source;
        insert.execute((&one.id, &one.answers, &one.by, is_declared))?;
    }
    Ok(())
}

/// Every resource that a stack is made of.
///
/// # Errors
/// When the run cannot be read.
pub(super) fn resources(
    store: &Store,
    outcome: &Outcome,
    sources: &Sources,
) -> Result<Vec<Resource>, Error> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    let made = made(store)?;
    let tagged = tagged(store)?;
    let who = Who::of(outcome);
    let whole = stacks_read(store)?;
    for kind in &*KINDS {
        let Ok(table) = store.table(&kind.table) else {
            continue;
        };
        let has = |name: &str| table.column(name).is_some();
        let or = |name: &str, other: &str| {
            if has(name) {
                quoted(name)
            } else {
                other.to_owned()
            }
        };
        let key = quoted(table.key);
        let query = format!(
            "SELECT account_id, region, coalesce({}, {key}), coalesce({}, {key}), {}, {key}, {}, {} FROM {} ORDER BY 1, 2, 3",
            or("function_arn", &or("arn", &key)),
            or("name", &key),
            or("tags", "NULL"),
            or("path", "''"),
            or("is_deletion_protected", "0"),
            quoted(table.name)
        );
        let mut statement = store.conn.prepare(&query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let words = |place: usize| row.get_ref(place).map(|value| cell(value, false));
            let (account, region) = (words(0)?, words(1)?);
            let (id, name, key, path) = (words(2)?, words(3)?, words(5)?, words(6)?);
            let tags: Option<String> = row.get(4)?;
            let tags: Json = tags
                .and_then(|tags| serde_json::from_str(&tags).ok())
                .or_else(|| tagged.get(&id).cloned())
                .unwrap_or(Json::Null);
            let protected = row.get::<_, Option<bool>>(7)? == Some(true);
            if is_aws(store, &kind.table, [&account, &region, &key])? {
                continue;
            }
            // Versions of a function are one function.
            if !seen.insert((
                kind.table.as_str(),
                account.clone(),
                region.clone(),
                id.clone(),
            )) {
                continue;
            }
            let last = |name: &str| name.rsplit([':', '/']).next().unwrap_or(name).to_owned();
            let stack = [id.clone(), key.clone(), name.clone(), last(&id)]
                .into_iter()
                .find_map(|physical| {
                    let of = [
                        account.clone(),
                        region.clone(),
                        kind.cloudformation.clone(),
                        physical,
                    ];
                    made.get(&of).cloned()
                });
            let (owner, by) = match stack {
                Some(by) => (Owner::Source, by),
                None => {
                    // What is of no Region may be of a stack in any.
                    let read = if region == GLOBAL {
                        whole.iter().any(|(of, _)| *of == account)
                    } else {
                        whole.contains(&(account.clone(), region.clone()))
                    };
                    owner(sources, &[&id, &key], &tags, &path, read)
                }
            };
            let answers = match owner {
                Owner::Service => "AWS".to_owned(),
                _ => who.answers(&account, &tags),
            };
            all.push(Resource {
                name: if name == "not known" { key } else { name },
                kind: if id.contains(":scheduler:") {
                    "AWS::Scheduler::Schedule".to_owned()
                } else if kind.cloudformation.is_empty() {
                    kind.table.clone()
                } else {
                    kind.cloudformation.clone()
                },
                id,
                account,
                region,
                order: kind.order,
                answers,
                keeps: [
                    kind.keeps.as_str(),
                    kind.none.as_str(),
                    if protected {
                        "Its deletion protection is on; turn it off first."
                    } else {
                        ""
                    },
                ]
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join(" "),
                owner,
                by,
            });
        }
    }
    Ok(all)
}

/// What AWS made by itself and nobody declares, or what is no thing at all.
fn is_aws(store: &Store, table: &str, place: [&str; 3]) -> Result<bool, Error> {
    let (key, is) = match table {
        "kms_key" => ("arn", "key_manager = 'AWS'"),
        "iam_policy" => ("arn", "aws_managed"),
        "kms_alias" => ("name", "name LIKE 'alias/aws/%'"),
        // What a stack of its own made declares itself; the others are AWS's.
        "bedrock_inference_profile" => ("arn", "type = 'SYSTEM_DEFINED'"),
        "bedrock_model_invocation_logging" => {
            ("region_name", "log_group_name = '' AND bucket_name = ''")
        }
        "bedrock_data_retention" => ("region_name", "mode IN ('inherit', 'default')"),
        _ => return Ok(false),
    };
    let query =
        format!("SELECT {is} FROM {table} WHERE account_id = ?1 AND region = ?2 AND {key} = ?3");
    let mut statement = store.conn.prepare(&query)?;
    let mut rows = statement.query(place)?;
    Ok(match rows.next()? {
        Some(row) => row.get::<_, Option<bool>>(0)?.unwrap_or(false),
        None => false,
    })
}

fn owner(
    sources: &Sources,
    names: &[&String],
    tags: &Json,
    path: &str,
    stacks_read: bool,
) -> (Owner, String) {
    let stack = text(tags, "aws:cloudformation:stack-name");
    if !stack.is_empty() {
        let logical = text(tags, "aws:cloudformation:logical-id");
        return (
            Owner::Source,
            format!("CloudFormation stack {stack}, {logical}"),
        );
    }
    if let Some(address) = names.iter().find_map(|name| sources.addresses.get(*name)) {
        return (Owner::Source, address.clone());
    }
    if path.starts_with("/aws-service-role/") || path.starts_with("/aws-reserved/") {
        return (Owner::Service, "made by an AWS service".to_owned());
    }
    // A stack is told by its own list, or by the tag that CloudFormation sets.
    let no_stack = stacks_read || !tags.is_null();
    let given = sources.given();
    match (sources.is_given(), no_stack) {
        (true, true) if sources.states.is_empty() => (
            Owner::Nobody,
            "nobody: in no CloudFormation stack".to_owned(),
        ),
        (true, true) => (
            Owner::Nobody,
            format!("nobody: not in {given}, and in no CloudFormation stack"),
        ),
        (true, false) if sources.states.is_empty() => (
            Owner::NotKnown,
            "not known: the stacks of its Region were not read".to_owned(),
        ),
        (true, false) => (
            Owner::NotKnown,
            format!("not known: not in {given}; whether a stack declares it is not read"),
        ),
        (false, true) => (
            Owner::NotKnown,
            "not known: in no CloudFormation stack, and no --state was given".to_owned(),
        ),
        (false, false) => (
            Owner::NotKnown,
            "not known: the stacks were not read, and no --state was given".to_owned(),
        ),
    }
}

/// The places whose stacks were listed to the end, with all that they made.
fn stacks_read(store: &Store) -> Result<BTreeSet<(String, String)>, Error> {
    let mut places: BTreeMap<(String, String), bool> = BTreeMap::new();
    for line in store.coverage()? {
        if line.table == "cloudformation_stack_resource" || line.table == "cloudformation_stack" {
            *places.entry((line.account_id, line.region)).or_insert(true) &=
                line.status == Status::Complete;
        }
    }
    let whole = places.into_iter().filter(|(_, whole)| *whole);
    Ok(whole.map(|(place, _)| place).collect())
}

/// The section of all resources and their owners, what nobody declares first.
///
/// # Errors
/// When the run cannot be read.
pub(super) fn section(
    store: &Store,
    resources: &[Resource],
    sources: &Sources,
) -> Result<Section, Error> {
    let count = |owner: Owner| resources.iter().filter(|one| one.owner == owner).count();
    let mut section = Section::new(
        "resources",
        "What there is, and which source declares it",
        &format!(
            "{} resources: {} in a source, {} made by AWS, {} in no source, {} of which it is not known; of {} nobody is named as owner. {}",
            resources.len(),
            count(Owner::Source),
            count(Owner::Service),
            count(Owner::Nobody),
            count(Owner::NotKnown),
            resources.iter().filter(|one| one.answers == NOBODY).count(),
            if sources.is_given() {
                "What is in no source is lost when the stack is built anew."
            } else {
                "Give the state of the source with --state, or --stacks where CloudFormation declares everything, so that what is in no source can be told."
            }
        ),
        &[
            "Resource",
            "Name",
            "Type",
            "Account",
            "Region",
            "Owner",
            "Declared by",
            "Needed by",
            "Note",
        ],
    );
    let mut needed = BTreeMap::new();
    let mut statement = store
        .conn
        .prepare("SELECT thing, says FROM temp.needed_by")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        needed.insert(row.get::<_, String>(0)?, row.get::<_, String>(1)?);
    }
    let tables: BTreeSet<String> = KINDS.iter().map(|kind| kind.table.clone()).collect();
    section.not_read = not_read(store, &tables.into_iter().collect::<Vec<_>>())?;
    let mut sorted: Vec<&Resource> = resources.iter().collect();
    sorted.sort_by_key(|one| (one.owner, &one.kind, &one.account, &one.region, &one.id));
    section.rows = sorted
        .into_iter()
        .map(|one| {
            vec![
                one.id.clone(),
                one.name.clone(),
                one.kind.clone(),
                one.account.clone(),
                one.region.clone(),
                one.answers.clone(),
                one.by.clone(),
                needed.get(&one.id).cloned().unwrap_or_default(),
                one.keeps.clone(),
            ]
        })
        .collect();
    Ok(section)
}

/// The order in which a stack is taken down.
pub(super) fn teardown(resources: &[Resource]) -> Section {
    let mut section = Section::new(
        "teardown",
        "Take down, and build anew",
        "The order in which things are deleted, so that nothing is deleted before what uses it; build in the opposite order. Before the first call in a new account: request access to the models, raise the quotas, and set what no type declares.",
        &[
            "Step",
            "Type",
            "How many",
            "Resources",
            "What stays, or is done by hand",
        ],
    );
    let mut steps: BTreeMap<(u32, &str), Vec<&Resource>> = BTreeMap::new();
    for one in resources.iter().filter(|one| one.owner != Owner::Service) {
        steps.entry((one.order, &one.kind)).or_default().push(one);
    }
    for (step, ((_, kind), all)) in steps.into_iter().enumerate() {
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        section.rows.push(vec![
            (step + 1).to_string(),
            kind.to_owned(),
            all.len().to_string(),
            names.join(", "),
            all.first().map(|one| one.keeps.clone()).unwrap_or_default(),
        ]);
    }
    section
}

/// Are there kinds, each of a table that there is?
#[cfg(test)]
pub(super) fn are_known() -> bool {
    let tables = crate::subjects::tables();
    !KINDS.is_empty()
        && KINDS
            .iter()
            .all(|kind| tables.iter().any(|table| table.name == kind.table))
}
