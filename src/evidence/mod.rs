//! Evidence packages: a run with everything that another party needs to check it and to judge it again.
//!
//! **Invariant:** every file of a package is named in the signed statement with its SHA-256, and nothing else is in it.

pub mod envelope;
mod names;
pub mod reconcile;
mod redact;
mod verify;
mod words;

pub use redact::redact;
pub use verify::{Verified, verify};

use crate::engine::{self, Config};
use crate::inventory::Store;
use crate::model::{Finding, Outcome, RunInfo, Verdict, headline};
use crate::{judge, report, subjects};
use envelope::{PublicKey, Signer, sha256};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

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
/// When the run cannot be read, was not judged, or the folder cannot be written.
pub fn pack(run: &Path, folder: &Path, key: &Signer<'_>) -> Result<usize, Error> {
    let store = Store::open(run, &subjects::tables()).map_err(|error| wrong(run, error))?;
    let outcome = engine::outcome(&store).map_err(|error| wrong(run, error))?;
    let mut files = contents(&store, &outcome, &key.public()).map_err(|error| wrong(run, error))?;
    files.insert(
        RUN.to_owned(),
        crate::model::file::read(run).map_err(|error| wrong(run, error))?,
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
        "predicate": predicate(&outcome),
    });
    let payload = serde_json::to_vec(&statement).map_err(|error| Error(error.to_string()))?;
    let signed = pretty(
        &serde_json::to_value(key.sign(&payload)?).map_err(|error| Error(error.to_string()))?,
    )?;
    files.insert(ENVELOPE.to_owned(), signed);
    report::folder::write(folder, &files).map_err(|error| wrong(folder, error))?;
    Ok(files.len())
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
        let mut options = report::Options::default();
        options.layout.details = true;
        (format.render)(outcome, options, &mut bytes)
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
        "parameters": run.parameters, "notes": run.notes, "configuration": run.configuration,
        "rules_not_run": run.not_run, "severities_changed": run.severities, "headline": headline(outcome),
        "results": outcome.results.len(), "summary": outcome.summary,
    })
}

/// What a statement says of a package: what `run.json` says, and which program packed it.
fn predicate(outcome: &Outcome) -> Json {
    let mut about = about(outcome);
    // A program that cannot be read names no digest.
    let program = std::env::current_exe()
        .and_then(fs::read)
        .map_or_else(|_| String::new(), |bytes| sha256(&bytes));
    about["program_sha256"] = Json::String(program);
    about
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
(set -e; export d=$(mktemp -d)
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
sha256sum -c SHA256SUMS)
```

With Outcrop:

```sh
outcrop evidence verify . --public-key KEY-FROM-THE-SIGNER.pem
outcrop evidence replay .
outcrop report run.outcrop --format table     # exits with 3 or 4 where something fails or is unknown
outcrop query run.outcrop 'SELECT status, count(*) FROM coverage GROUP BY status'
```

## What it proves, and what not

A good signature proves that whoever holds the key signed exactly these files. `verify` proves besides that the reports follow from the run, that the signed statement says what the run says, and which rules are those of the release; it exits with 0 where all this holds and you gave the key, with 4 where you gave none, with 1 where something is refused. `replay` proves that these rules give these verdicts on these rows.
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
            crate::model::file::read_text(&file).map_err(|error| wrong(&file, error))?,
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
