//! Evidence packages: a run with everything that another party needs to check it and to judge it again.
//!
//! **Invariant:** every file of a package is named in the signed statement with its SHA-256, and nothing else is in it.

pub mod envelope;
mod redact;

pub use redact::redact;

use crate::engine::{self, Config};
use crate::inventory::Store;
use crate::model::{Finding, Outcome, RunInfo, Verdict};
use crate::{judge, report, subjects};
use envelope::{Envelope, PublicKey, Signer, sha256};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path};

/// What is wrong with a package or a key.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

const RUN: &str = "run.outcrop";
const ENVELOPE: &str = "attestation.dsse.json";
const SUMS: &str = "SHA256SUMS";
const PREDICATE: &str = "https://outcrop.dev/evidence/v1";
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

fn wrong(path: &Path, error: impl std::fmt::Display) -> Error {
    Error(format!("{}: {error}", path.display()))
}

/// Not in a package: what speaks to a pipeline alone.
const OF_PIPELINES: [&str; 2] = ["github", "gitlab"];

/// Writes a package into a folder that does not exist yet.
///
/// # Errors
/// When the run cannot be read, holds no results, or the folder cannot be written.
pub fn pack(run: &Path, folder: &Path, key: &Signer<'_>) -> Result<usize, Error> {
    let store = Store::open(run, &subjects::tables()).map_err(|error| wrong(run, error))?;
    let outcome = engine::outcome(&store).map_err(|error| wrong(run, error))?;
    if outcome.results.is_empty() {
        return Err(wrong(
            run,
            "it holds no results; judge it first: outcrop check RUN --out JUDGED",
        ));
    }
    let mut files = contents(&store, &outcome, &key.public()).map_err(|error| wrong(run, error))?;
    files.insert(
        RUN.to_owned(),
        fs::read(run).map_err(|error| wrong(run, error))?,
    );
    let sums: String = files
        .iter()
        .map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes)))
        .collect();
    files.insert(SUMS.to_owned(), sums.into_bytes());
    let statement = json!({
        "_type": STATEMENT,
        "subject": files.iter().map(|(name, bytes)| json!({"name": name, "digest": {"sha256": sha256(bytes)}})).collect::<Vec<_>>(),
        "predicateType": PREDICATE,
        "predicate": about(&outcome),
    });
    let payload = serde_json::to_vec(&statement).map_err(|error| Error(error.to_string()))?;
    let signed = pretty(
        &serde_json::to_value(key.sign(&payload)?).map_err(|error| Error(error.to_string()))?,
    )?;
    fs::create_dir(folder)
        .map_err(|error| wrong(folder, format!("cannot make the folder: {error}")))?;
    let count = files.len() + 1;
    for (name, bytes) in files.into_iter().chain([(ENVELOPE.to_owned(), signed)]) {
        let path = folder.join(&name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, bytes));
        written.map_err(|error| wrong(&path, error))?;
    }
    Ok(count)
}

/// Everything in a package that follows from the run: made again from it, it is the same, byte for byte.
fn contents(
    store: &Store,
    outcome: &Outcome,
    key: &PublicKey,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let failed = |error: crate::inventory::Error| Error(error.to_string());
    for (rule, text) in rule_texts(store).map_err(failed)? {
        files.insert(format!("rules/{rule}.yaml"), text.into_bytes());
    }
    files.insert("run.json".to_owned(), pretty(&about(outcome))?);
    files.insert(
        "population.json".to_owned(),
        pretty(&population(store).map_err(failed)?)?,
    );
    files.insert("waivers.json".to_owned(), pretty(&json!(outcome.waivers))?);
    files.insert(
        "attestations.json".to_owned(),
        pretty(&json!(outcome.attestations))?,
    );
    for format in report::FORMATS
        .iter()
        .filter(|format| !OF_PIPELINES.contains(&format.name))
    {
        let mut bytes = Vec::new();
        (format.render)(outcome, report::Options::default(), &mut bytes)
            .map_err(|error| Error(format!("{}: {error}", format.name)))?;
        files.insert(format!("reports/results.{}", format.ending), bytes);
    }
    files.insert("public-key.pem".to_owned(), key.pem()?.into_bytes());
    files.insert("README.md".to_owned(), readme(outcome, key).into_bytes());
    Ok(files)
}

fn pretty(json: &Json) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(json).map_err(|error| Error(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn rule_texts(store: &Store) -> Result<BTreeMap<String, String>, crate::inventory::Error> {
    let mut statement = store
        .conn
        .prepare("SELECT name, source FROM rule ORDER BY name")?;
    Ok(statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?)
}

/// Accounts: those that were read whole, in part, and not at all; together they are those that were listed.
fn scope(outcome: &Outcome) -> Json {
    let asked = || {
        outcome
            .coverage
            .iter()
            .filter(|line| !matches!(line.status.as_str(), "unsupported" | "not-collected"))
    };
    let of = |id: &str, whole: bool| {
        asked().any(|line| line.account_id == id && (line.status == "complete") == whole)
    };
    let listed: Vec<&str> = outcome
        .run
        .accounts
        .iter()
        .map(|account| account.id.as_str())
        .collect();
    let (mut whole, mut part, mut none) = (Vec::new(), Vec::new(), Vec::new());
    for id in &listed {
        match (of(id, true), of(id, false)) {
            (true, false) => whole.push(id),
            (true, true) => part.push(id),
            (false, _) => none.push(id),
        }
    }
    json!({
        "accounts_listed": listed.len(), "accounts": listed, "read_whole": whole, "read_in_part": part, "not_read": none,
        "regions": outcome.run.regions, "regions_outside_the_run": outcome.run.unscanned_regions,
    })
}

fn about(outcome: &Outcome) -> Json {
    let run = &outcome.run;
    json!({
        "run_id": run.id, "tool": "outcrop", "tool_version": run.version, "packed_with": env!("CARGO_PKG_VERSION"), "command": run.command, "source": run.source.as_str(),
        "started_at": run.started_at, "finished_at": run.finished_at, "complete": run.complete,
        "caller_arn": run.caller_arn, "role_chains": run.role_chains, "partition": run.partition,
        "scope": scope(outcome), "rules": outcome.rules.keys().collect::<Vec<_>>(), "rules_digest": run.rules_digest, "rules_disabled": outcome.disabled,
        "parameters": run.parameters, "notes": run.notes,
        "results": outcome.results.len(), "summary": outcome.summary,
    })
}

/// What was read, table by table and scope by scope: the operation, its pages, request ids and times.
fn population(store: &Store) -> Result<Json, crate::inventory::Error> {
    Ok(store
        .coverage()?
        .iter()
        .map(|line| {
            json!({
                "table": line.table, "group": line.group, "parent": line.parent, "account_id": line.account_id, "region": line.region,
                "operation": line.operation, "status": line.status.as_str(), "detail": line.detail, "rows": line.rows, "pages": line.pages,
                "request_ids": line.request_ids, "started_at": line.started_at, "finished_at": line.finished_at,
            })
        })
        .collect())
}

fn readme(outcome: &Outcome, key: &PublicKey) -> String {
    let count = |verdict| {
        outcome
            .results
            .iter()
            .filter(|result| result.verdict == verdict)
            .count()
    };
    let safe = |text: &str| crate::report::safe::cut(text, 200).replace('`', "'");
    format!(
        "# Evidence package of Outcrop run {id}

Judged at {at} by Outcrop {version}; {accounts} accounts, {regions} Regions, {all} results: {fail} failed, {unknown} unknown, {pass} passed, {none} not applicable.
Who asked: `{caller}`.

| file | holds |
| --- | --- |
| `run.outcrop` | the run itself: an SQLite 3 database with every row that was read, the coverage, the rules and the results |
| `run.json` | version, command, caller, role chains, scope, parameters |
| `population.json` | what was read: operation, status, rows, pages, request ids and times, table by table and scope by scope |
| `rules/` | the rules as they were run |
| `reports/` | the results in several formats, passes and waived ones included |
| `waivers.json`, `attestations.json` | what was accepted, by whom and until when; what people vouch for |
| `SHA256SUMS` | digests of all files above |
| `attestation.dsse.json` | an in-toto Statement v1 over all files in a DSSE envelope, signed with {algorithm} |
| `public-key.pem` | the key `{key_id}`; get it from the signer by another way before you trust it |

## Check it

With common tools, in this folder:

```sh
set -e; export d=$(mktemp -d)
python3 - <<'END'
import base64, hashlib, json, os, sys
envelope = json.load(open(\"attestation.dsse.json\"))
payload, kind = base64.b64decode(envelope[\"payload\"]), envelope[\"payloadType\"]
open(os.environ[\"d\"] + \"/message\", \"wb\").write(b\"DSSEv1 %d %s %d \" % (len(kind), kind.encode(), len(payload)) + payload)
open(os.environ[\"d\"] + \"/signature\", \"wb\").write(base64.b64decode(envelope[\"signatures\"][0][\"sig\"]))
signed = {{one[\"name\"]: one[\"digest\"][\"sha256\"] for one in json.loads(payload)[\"subject\"]}}
there = {{os.path.relpath(os.path.join(at, name)) for at, _, names in os.walk(\".\") for name in names}} - {{\"attestation.dsse.json\"}}
wrong = [name for name in sorted(there | set(signed)) if name not in there or hashlib.sha256(open(name, \"rb\").read()).hexdigest() != signed.get(name)]
sys.exit(\"not as signed: \" + \", \".join(wrong) if wrong else 0)
END
{openssl}
sha256sum -c SHA256SUMS
```

With Outcrop:

```sh
outcrop evidence verify . --public-key KEY-FROM-THE-SIGNER.pem
outcrop evidence replay .
outcrop report run.outcrop --format table
outcrop query run.outcrop 'SELECT status, count(*) FROM coverage GROUP BY status'
```

## What it proves, and what not

A good signature proves that whoever holds the key signed exactly these files. `verify` proves besides that the reports follow from the run. `replay` proves that these rules give these verdicts on these rows.
Neither proves that the rows are what AWS answered: that rests on whoever ran the scan. The request ids in `population.json` can be held against CloudTrail of the scanned accounts.
What was not observed is `unknown`, never `pass`; `run.json` says which accounts were read whole.
",
        id = outcome.run.id,
        key_id = key.id(),
        algorithm = key.algorithm(),
        openssl = key.openssl(),
        at = outcome.run.judged_at(),
        version = outcome.run.version,
        accounts = outcome.run.accounts.len(),
        regions = outcome.run.regions.len(),
        all = outcome.results.len(),
        fail = count(Verdict::Fail),
        unknown = count(Verdict::Unknown),
        pass = count(Verdict::Pass),
        none = count(Verdict::NotApplicable),
        caller = if outcome.run.caller_arn.is_empty() { "nobody in AWS; it was judged from files".to_owned() } else { safe(&outcome.run.caller_arn) },
    )
}

/// What was checked, for a person; or everything that is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    /// What holds.
    pub proved: Vec<String>,
    /// What is wrong; nothing when the package is good.
    pub wrong: Vec<String>,
    /// What the check does not tell.
    pub open: Vec<String>,
}

/// All files below a folder by their relative names; anything else is wrong.
fn listing(folder: &Path) -> Result<(BTreeSet<String>, Vec<String>), Error> {
    let (mut names, mut odd) = (BTreeSet::new(), Vec::new());
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).map_err(|error| wrong(&next, error))? {
            let path = entry.map_err(|error| wrong(&next, error))?.path();
            let name = path
                .strip_prefix(folder)
                .unwrap_or(&path)
                .to_string_lossy()
                .replace('\\', "/");
            let kind = fs::symlink_metadata(&path)
                .map_err(|error| wrong(&path, error))?
                .file_type();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                names.insert(name);
            } else {
                odd.push(format!("{name} is no plain file (a link or a device)"));
            }
        }
    }
    Ok((names, odd))
}

/// Checks signature, digests and completeness. Without a key of yours the packaged one is taken, and that is said.
///
/// # Errors
/// When the folder is no package at all.
pub fn verify(folder: &Path, trusted: Option<&PublicKey>) -> Result<Verified, Error> {
    let read =
        |name: &str| fs::read(folder.join(name)).map_err(|error| wrong(&folder.join(name), error));
    let envelope: Envelope = serde_json::from_slice(&read(ENVELOPE)?)
        .map_err(|error| wrong(&folder.join(ENVELOPE), error))?;
    let mut all = Verified::default();
    let packaged = read("public-key.pem")
        .ok()
        .and_then(|pem| PublicKey::from_pem(&String::from_utf8_lossy(&pem)).ok());
    let Some(key) = trusted.copied().or(packaged) else {
        all.wrong.push(
            "there is no key to check the signature with: public-key.pem is missing or broken"
                .to_owned(),
        );
        return Ok(all);
    };
    let payload = match envelope::open(&envelope, &key) {
        Ok(payload) => payload,
        Err(error) => {
            all.wrong.push(format!("{ENVELOPE}: {error}"));
            return Ok(all);
        }
    };
    let statement: Json =
        serde_json::from_slice(&payload).map_err(|error| wrong(&folder.join(ENVELOPE), error))?;
    all.proved.push(format!(
        "the statement was signed with the key {}",
        key.id()
    ));
    if trusted.is_none() {
        all.open.push(
            "whose key that is: it came with the package; give --public-key with the signer's own"
                .to_owned(),
        );
    }
    if statement["_type"] != STATEMENT || statement["predicateType"] != PREDICATE {
        all.wrong.push(format!(
            "{ENVELOPE}: it is no statement about an evidence package of this version"
        ));
    }
    let mut stated: BTreeMap<String, String> = BTreeMap::new();
    for subject in statement["subject"].as_array().into_iter().flatten() {
        let (Some(name), Some(digest)) = (
            subject["name"].as_str(),
            subject["digest"]["sha256"].as_str(),
        ) else {
            all.wrong
                .push(format!("{ENVELOPE}: a subject has no name or no digest"));
            continue;
        };
        if name.is_empty()
            || Path::new(name)
                .components()
                .any(|part| !matches!(part, Component::Normal(_)))
        {
            all.wrong.push(format!(
                "{ENVELOPE}: `{}` leads outside the package",
                crate::report::safe::cut(name, 200)
            ));
            continue;
        }
        if stated.insert(name.to_owned(), digest.to_owned()).is_some() {
            all.wrong.push(format!("{ENVELOPE}: {name} stands twice"));
        }
    }
    let (there, odd) = listing(folder)?;
    all.wrong.extend(odd);
    all.wrong.extend(
        there
            .iter()
            .filter(|name| *name != ENVELOPE && !stated.contains_key(*name))
            .map(|name| format!("{name} was added: the statement does not name it")),
    );
    for (name, digest) in &stated {
        if !there.contains(name) {
            all.wrong.push(format!("{name} is missing"));
        } else if sha256(&read(name)?) != *digest {
            all.wrong.push(format!(
                "{name} was changed: its SHA-256 is not the one that was signed"
            ));
        }
    }
    if !all.wrong.is_empty() {
        return Ok(all);
    }
    all.proved.push(format!(
        "all {} files are as they were signed, and no other is there",
        stated.len()
    ));
    complete(folder, &key, &mut all)?;
    all.open.push(
        "whether the rows are what AWS answered: that rests on whoever ran the scan; hold the request ids in population.json against CloudTrail".to_owned(),
    );
    Ok(all)
}

/// Do the parts of the package say the same?
fn complete(folder: &Path, key: &PublicKey, all: &mut Verified) -> Result<(), Error> {
    let path = folder.join(RUN);
    let store = Store::open(&path, &subjects::tables()).map_err(|error| wrong(&path, error))?;
    let outcome = engine::outcome(&store).map_err(|error| wrong(&path, error))?;
    let about: Json = serde_json::from_slice(
        &fs::read(folder.join("run.json")).map_err(|error| wrong(folder, error))?,
    )
    .map_err(|error| wrong(folder, error))?;
    let count = |name: &str| about["scope"][name].as_array().map_or(0, Vec::len);
    if about["run_id"] != outcome.run.id.as_str() || about["results"] != outcome.results.len() {
        all.wrong
            .push("run.json speaks of another run than run.outcrop holds".to_owned());
    }
    let (listed, whole, part, none) = (
        outcome.run.accounts.len(),
        count("read_whole"),
        count("read_in_part"),
        count("not_read"),
    );
    let said = format!(
        "{listed} accounts are listed: {whole} read whole, {part} in part, {none} not at all"
    );
    // What the package says of its scope is held against the coverage that the run itself holds.
    if about["scope"] != scope(&outcome) || whole + part + none != listed {
        all.wrong.push(format!(
            "the scope in run.json is not that of the run ({said})"
        ));
    } else {
        all.proved.push(said);
    }
    let made = contents(&store, &outcome, key).map_err(|error| wrong(&path, error))?;
    // Rules are data; how the rest is written can change from version to version.
    let same_version = about["packed_with"] == env!("CARGO_PKG_VERSION");
    let held: BTreeMap<&String, &Vec<u8>> = made
        .iter()
        .filter(|(name, _)| same_version || name.starts_with("rules/"))
        .collect();
    for (name, bytes) in &held {
        if fs::read(folder.join(name)).ok().as_ref() != Some(*bytes) {
            all.wrong.push(format!(
                "{name} is not what follows from run.outcrop: it was written or changed by hand"
            ));
        }
    }
    all.proved.push(format!(
        "{} of {} files are what follows from the run, byte for byte",
        held.len(),
        made.len()
    ));
    if !same_version {
        let by = about["packed_with"].as_str().unwrap_or("another version");
        all.open.push(format!("whether the reports are what follows from the run: they were written by version {by}, this is {}", env!("CARGO_PKG_VERSION")));
    }
    all.open.push(
        "whether the results are what the rules give: `replay` judges the packed rows again"
            .to_owned(),
    );
    if !outcome.run.complete {
        all.open
            .push("everything that the run did not come to: it was interrupted".to_owned());
    }
    Ok(())
}

/// One result that another judgement decides otherwise.
#[derive(Debug)]
pub struct Difference {
    /// Rule and resource.
    pub what: String,
    /// What the package says; empty when it says nothing.
    pub packed: String,
    /// What comes out now.
    pub replayed: String,
}

/// Judges the packed rows again with the packed rules; gives how many results were compared and those that differ.
///
/// # Errors
/// When the package cannot be read or judged.
pub fn replay(folder: &Path) -> Result<(usize, Vec<Difference>), Error> {
    let path = folder.join(RUN);
    let fail = |error: &dyn std::fmt::Display| wrong(&path, error);
    let packed_store = Store::open(&path, &subjects::tables()).map_err(|error| fail(&error))?;
    let packed = engine::outcome(&packed_store).map_err(|error| fail(&error))?;
    let mut run: RunInfo = packed_store.run().map_err(|error| fail(&error))?;
    let mut rules = Vec::new();
    for name in rule_texts(&packed_store)
        .map_err(|error| fail(&error))?
        .keys()
    {
        let file = folder.join(format!("rules/{name}.yaml"));
        rules.push((
            format!("{name}.yaml"),
            fs::read_to_string(&file).map_err(|error| wrong(&file, error))?,
        ));
    }
    let library =
        judge::library_of(rules, &run, &packed).map_err(|error| Error(error.to_string()))?;
    run.rules_digest = library.digest();
    let mut store = Store::memory(&subjects::tables()).map_err(|error| fail(&error))?;
    store.copy_base(&path).map_err(|error| fail(&error))?;
    let replayed = judge::again(&mut store, &library, &Config::default(), &run)
        .map_err(|error| fail(&error))?;
    let by_print = |outcome: &Outcome| -> BTreeMap<String, Finding> {
        outcome
            .results
            .iter()
            .map(|result| {
                (
                    format!("{} {} {}", result.fingerprint, result.rule, result.part),
                    result.clone(),
                )
            })
            .collect()
    };
    let (before, after) = (by_print(&packed), by_print(&replayed));
    let mut different = Vec::new();
    let word = |result: Option<&Finding>| {
        result.map_or_else(String::new, |result| {
            format!("{}: {}", result.verdict.as_str(), result.message)
        })
    };
    for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let (old, new) = (before.get(key), after.get(key));
        let same = old.zip(new).is_some_and(|(old, new)| {
            old.verdict == new.verdict
                && old.message == new.message
                && old.evidence == new.evidence
                && old.missing == new.missing
        });
        if !same {
            let what = old.or(new).map_or_else(String::new, |result| {
                format!("{} {} {}", result.rule, result.resource, result.part)
                    .trim_end()
                    .to_owned()
            });
            different.push(Difference {
                what,
                packed: word(old),
                replayed: word(new),
            });
        }
    }
    Ok((before.len(), different))
}
