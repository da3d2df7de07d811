//! What every reader of files gives, and how it becomes a run.

use super::ignore::Ignore;
use crate::inventory::{Coverage, FILE, Status, Store, UNDECLARED};
use crate::model::{AccountInfo, RunInfo, Source};
use crate::secrets::Fingerprints;
use crate::services::declared::openings::openings;
use crate::services::declared::{Claim, Declared, Rows};
use crate::services::{claims, map_declared};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::sync::OnceLock;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {message}")]
pub struct Error {
    /// File, with line and column where they are known.
    pub file: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Error {
    /// An error of a file.
    pub fn new(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            message: message.into(),
        }
    }
}

/// A file of which more than this is no plan or template that a person wrote.
const LARGEST: u64 = 128 << 20;

/// Is standard input meant? `-` names it.
pub fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// All that comes by standard input; it comes once, and is asked for twice.
fn standard_input() -> anyhow::Result<String> {
    static TEXT: OnceLock<Result<String, String>> = OnceLock::new();
    let read = || {
        let mut text = String::new();
        match std::io::stdin()
            .lock()
            .take(LARGEST + 1)
            .read_to_string(&mut text)
        {
            Ok(_) if text.len() as u64 > LARGEST => Err(format!(
                "standard input has more than {} MB, which is not read",
                LARGEST >> 20
            )),
            Ok(_) => Ok(text),
            Err(error) => Err(format!("cannot read standard input: {error}")),
        }
    };
    TEXT.get_or_init(read)
        .clone()
        .map_err(|error| anyhow::anyhow!(error))
}

/// The text of a file, UTF-16 and byte-order marks included.
///
/// # Errors
/// When it cannot be read, is too large, or is no text.
pub fn text(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    if is_standard_input(path) {
        return standard_input();
    }
    if !std::fs::metadata(path)
        .with_context(|| format!("cannot read `{shown}`"))?
        .is_file()
    {
        anyhow::bail!("`{shown}` is not a regular file; to read from a pipe, give `-`");
    }
    let size = std::fs::metadata(path)
        .with_context(|| format!("cannot read `{shown}`"))?
        .len();
    if size > LARGEST {
        anyhow::bail!(
            "`{shown}` has {} MB; a plan or template of more than {} MB is not read",
            size >> 20,
            LARGEST >> 20
        );
    }
    let bytes = crate::model::file::read(path).with_context(|| format!("cannot read `{shown}`"))?;
    let wide = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .map_err(|_| anyhow::anyhow!("`{shown}` begins as UTF-16 and is not"))
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            String::from_utf8(rest.to_vec()).map_err(|_| anyhow::anyhow!("`{shown}` is not UTF-8"))
        }
        [b'P', b'K', 3, 4, ..] => anyhow::bail!(
            "`{shown}` is a zip archive; a Terraform plan is read as JSON: terraform show -json {shown} > plan-shown.json"
        ),
        _ => String::from_utf8(bytes).map_err(|error| {
            let line =
                String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()])
                    .lines()
                    .count();
            anyhow::anyhow!(
                "`{shown}` is neither a run nor text in UTF-8 (line {})",
                line.max(1)
            )
        }),
    }
}

/// What a file declares.
#[derive(Debug)]
pub struct Files {
    /// Which reader.
    pub source: Source,
    /// The resources, once for each way its conditions can turn out.
    pub variants: Vec<Variant>,
    /// The resources as they were, where the file tells: what is not among the resources any more is taken away.
    pub before: Vec<Declared>,
    /// For the run: what was not followed.
    pub notes: Vec<String>,
    /// Waivers that stand beside the declarations.
    pub ignores: Vec<Ignore>,
    /// What may add to everything that the file shows: a macro, a plan that is not complete.
    pub open: Vec<String>,
    /// What declares whole resources that the file does not show: a macro, a loop that is not followed, a deferred resource.
    pub undeclared: Vec<String>,
    /// Macros that rewrite the whole file: what they leave of it nobody sees.
    pub rewritten: Vec<String>,
    /// Addresses of resources that the file moves, with those that they had.
    pub moved: BTreeMap<String, String>,
}

impl Files {
    /// What the resources told that are among those before and not among those of a variant.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn deleted(&self, variant: &Variant) -> anyhow::Result<Rows> {
        let stay: BTreeSet<&str> = variant
            .resources
            .iter()
            .map(|one| one.address.as_str())
            .collect();
        let gone: Vec<Declared> = self
            .before
            .iter()
            .filter(|one| !stay.contains(one.address.as_str()))
            .cloned()
            .collect();
        let mut rows = Rows::new(Fingerprints::random()?);
        map_declared(&gone, &mut rows);
        Ok(rows)
    }
}

/// Which resources make each row that more than one makes.
fn contested(resources: &[Declared]) -> BTreeMap<Claim, Vec<usize>> {
    let mut claimants: BTreeMap<Claim, Vec<usize>> = BTreeMap::new();
    for (index, claim) in claims(resources) {
        let all = claimants.entry(claim).or_default();
        if !all.contains(&index) {
            all.push(index);
        }
    }
    claimants.retain(|_, all| all.len() > 1);
    claimants
}

/// Stacks and providers that claim names of each other, in groups of which each can be applied together.
fn groups<'d>(
    resources: &'d [Declared],
    contested: &BTreeMap<Claim, Vec<usize>>,
) -> BTreeMap<&'d str, usize> {
    let unit = |index: usize| resources[index].unit.as_str();
    let mut against: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for all in contested.values() {
        for (one, other) in all
            .iter()
            .flat_map(|one| all.iter().map(move |other| (unit(*one), unit(*other))))
            .filter(|(one, other)| one != other)
        {
            against.entry(one).or_default().insert(other);
        }
    }
    let mut group: BTreeMap<&str, usize> = BTreeMap::new();
    for one in resources.iter().map(|one| one.unit.as_str()) {
        let Some(others) = against.get(one).filter(|_| !group.contains_key(one)) else {
            continue;
        };
        let taken: BTreeSet<usize> = others
            .iter()
            .filter_map(|other| group.get(other))
            .copied()
            .collect();
        let free = (0..)
            .find(|number| !taken.contains(number))
            .unwrap_or_default();
        group.insert(one, free);
    }
    group
}

impl Files {
    /// Two resources that claim one name in one account cannot both be there: they are of two accounts that the files do not
    /// tell, or one of them is a mistake. Their stacks (of a plan: their providers) are judged apart, each whole with all that
    /// claims nothing of it; two in one stack are judged in turns. The run says so.
    pub fn tell_apart(&mut self) {
        let mut notes = BTreeSet::new();
        for variant in std::mem::take(&mut self.variants) {
            let found = contested(&variant.resources);
            for ((.., key), all) in &found {
                let shown = |index: &usize| {
                    let one = &variant.resources[*index];
                    one.location.as_ref().map_or_else(
                        || one.address.clone(),
                        |at| format!("{} ({}:{})", one.address, at.file, at.line),
                    )
                };
                let names: Vec<String> = all.iter().map(shown).collect();
                notes.insert(format!(
                    "{} claim one name in one account ({key}); they are judged apart",
                    names.join(" and ")
                ));
            }
            let group = groups(&variant.resources, &found);
            let count = group.values().max().map_or(1, |last| last + 1);
            for number in 0..count {
                let stays = |one: &&Declared| {
                    group
                        .get(one.unit.as_str())
                        .is_none_or(|own| *own == number)
                };
                let resources: Vec<Declared> =
                    variant.resources.iter().filter(stays).cloned().collect();
                self.variants.extend(in_turns(Variant {
                    when: variant.when.clone(),
                    resources,
                }));
            }
        }
        self.notes.extend(notes);
    }
}

/// One variant for each turn of resources that claim one name in one stack.
fn in_turns(variant: Variant) -> Vec<Variant> {
    let found = contested(&variant.resources);
    let Some(most) = found.values().map(Vec::len).max() else {
        return vec![variant];
    };
    let turn = |number: usize| {
        let others = |all: &'_ Vec<usize>| {
            all.iter()
                .copied()
                .filter(|index| *index != all[number.min(all.len() - 1)])
                .collect::<Vec<_>>()
        };
        let waiting: BTreeSet<usize> = found.values().flat_map(others).collect();
        let resources = variant
            .resources
            .iter()
            .enumerate()
            .filter(|(index, _)| !waiting.contains(index))
            .map(|(_, one)| one.clone())
            .collect();
        Variant {
            when: variant.when.clone(),
            resources,
        }
    };
    (0..most).map(turn).collect()
}

/// One way the conditions of a file can turn out.
#[derive(Debug, Default)]
pub struct Variant {
    /// The assumptions, for a person; empty when the file has no open condition.
    pub when: String,
    /// Its resources.
    pub resources: Vec<Declared>,
}

/// What a caller says of a file that does not say it itself.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Account that it is for.
    pub account: Option<String>,
    /// Region that it is for.
    pub region: Option<String>,
    /// Parameters of templates, by name.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// What stacks made, by stack and logical id: its name or id.
    pub made: BTreeMap<(String, String), String>,
    /// Folder of the files that a plan was made from.
    pub source: Option<std::path::PathBuf>,
}

impl Variant {
    /// Puts the resources into a store; gives the run.
    ///
    /// # Errors
    /// When SQLite refuses, or the operating system gives no random bytes.
    pub fn fill(&self, files: &Files, store: &mut Store) -> anyhow::Result<RunInfo> {
        let mut rows = Rows::new(Fingerprints::random()?);
        map_declared(&self.resources, &mut rows);
        rows.forget(files.deleted(self)?);
        let unmapped = std::mem::take(&mut rows.unmapped);
        let (rows, declarations) = rows.finish();
        // What the file only adds to is not in it.
        let partial: BTreeSet<(&str, &str, &str)> = declarations
            .iter()
            .filter(|one| one.partial)
            .map(|one| {
                (
                    one.table.as_str(),
                    one.account_id.as_str(),
                    one.key.as_str(),
                )
            })
            .collect();
        let whole: Vec<_> = rows
            .into_iter()
            .filter(|row| {
                !partial.contains(&(row.table, row.account_id.as_str(), key_of(row).as_str()))
            })
            .collect();
        store.commit(&whole, &self.openings(files))?;
        store.declare(&declarations)?;
        Ok(self.run(files, &unmapped))
    }

    /// What hides of the file, as the coverage of it; nothing where the file is whole.
    pub fn openings(&self, files: &Files) -> Vec<Coverage> {
        let line = |why: &str, given: &str| Coverage {
            parent: given.to_owned(),
            detail: why.to_owned(),
            ..Coverage::new("", "", FILE, "list", Status::Partial)
        };
        let undeclared = |why: &str| Coverage {
            group: UNDECLARED.to_owned(),
            ..line(why, "")
        };
        let mut lines: Vec<Coverage> = files.open.iter().map(|why| line(why, "")).collect();
        lines.extend(files.undeclared.iter().map(|why| undeclared(why)));
        for opening in openings(&self.resources, is_mapped) {
            match &opening.given {
                Some(given) => lines.extend(given.iter().map(|one| line(&opening.why, one))),
                None => lines.push(line(&opening.why, "")),
            }
            if opening.undeclared {
                lines.push(undeclared(&opening.why));
            }
        }
        lines
    }

    fn run(&self, files: &Files, unmapped: &BTreeMap<String, usize>) -> RunInfo {
        let mut run = RunInfo::empty();
        run.source = files.source;
        let accounts: BTreeSet<&str> = self
            .resources
            .iter()
            .map(|one| one.account_id.as_str())
            .collect();
        run.accounts = accounts
            .into_iter()
            .map(|id| AccountInfo {
                id: id.to_owned(),
                ..AccountInfo::default()
            })
            .collect();
        run.regions = self
            .resources
            .iter()
            .map(|one| one.region.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        if let Some(first) = self.resources.first() {
            run.partition.clone_from(&first.partition);
        }
        run.moved.clone_from(&files.moved);
        run.notes.clone_from(&files.notes);
        let mut hidden: Vec<String> = openings(&self.resources, is_mapped)
            .into_iter()
            .filter(|opening| {
                opening.undeclared
                    || opening
                        .given
                        .as_ref()
                        .is_some_and(|given| !given.is_empty())
            })
            .map(|opening| opening.why)
            .chain(files.open.iter().cloned())
            .collect();
        hidden.sort();
        hidden.dedup();
        if !hidden.is_empty() {
            run.notes.push(format!(
                "not everything is in the file, so what could be added is unknown: {}",
                hidden.join("; ")
            ));
        }
        note_unmapped(unmapped, &mut run);
        run
    }
}

/// Does a table hold what a type of Terraform's provider `awscc` declares? They are named after CloudFormation's types.
fn is_mapped(kind: &str) -> bool {
    let plain = |kind: &str| {
        kind.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase()
    };
    kind.strip_prefix("awscc_")
        .map(|rest| format!("aws{}", plain(rest)))
        .is_some_and(|wanted| crate::services::spelled_kinds().any(|known| plain(known) == wanted))
}

/// Says in the run which of the file's resources that matter no table holds.
pub fn note_unmapped(unmapped: &BTreeMap<String, usize>, run: &mut RunInfo) {
    let known: Vec<String> = unmapped
        .iter()
        .filter(|(kind, _)| is_bedrock(kind))
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if !known.is_empty() {
        run.notes.push(format!(
            "no table holds these yet, so no rule judges them: {}",
            known.join(", ")
        ));
    }
    let plain = |kind: &str| {
        kind.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase()
    };
    let compute: Vec<String> = unmapped
        .iter()
        .filter(|(kind, _)| COMPUTE.iter().any(|word| plain(kind).contains(word)))
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if !compute.is_empty() {
        run.notes.push(format!("these run code and are not walked yet, so whether they call Bedrock, and by which path, is not judged: {}", compute.join(", ")));
    }
}

/// What runs code and is no workload yet, by words of its type.
const COMPUTE: [&str; 15] = [
    "autoscalinggroup",
    "launchtemplate",
    "launchconfiguration",
    "eksnodegroup",
    "eksfargateprofile",
    "ekscluster",
    "ecstaskset",
    "batchjobdefinition",
    "batchcomputeenvironment",
    "sagemakernotebookinstance",
    "sagemakerdomain",
    "sagemakerendpointconfig",
    "apprunnerservice",
    "gluejob",
    "emrserverlessapplication",
];

/// Is it of a service that holds models, prompts, documents or vectors?
fn is_bedrock(kind: &str) -> bool {
    let plain: String = kind
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    [
        "bedrock",
        "opensearch",
        "s3vectors",
        "kendra",
        "qbusiness",
        "sagemaker",
        "s3bucketpolicy",
        "neptunegraph",
    ]
    .iter()
    .any(|word| plain.contains(word))
}

/// The key cell of a row.
pub fn key_of(row: &crate::inventory::NewRow) -> String {
    let column = crate::services::table(row.table).map_or("", |table| table.key);
    row.cells
        .iter()
        .find(|(name, _)| *name == column)
        .map(|(_, value)| value.display().into_owned())
        .unwrap_or_default()
}
