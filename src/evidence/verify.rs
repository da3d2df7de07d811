//! Checking a package: signature, digests, completeness, and whether its parts say the same.

use super::envelope::{self, Envelope, PublicKey, sha256};
use super::{ENVELOPE, Error, PREDICATE, RUN, STATEMENT, contents, rule_texts, scope, wrong};
use crate::engine::{self, Library};
use crate::inventory::Store;
use crate::model::Outcome;
use crate::subjects;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path};

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
    if !folder.join(ENVELOPE).is_file() {
        return Err(Error(format!(
            "{}: there is no evidence package here: {ENVELOPE} is missing",
            folder.display()
        )));
    }
    let read = |name: &str| {
        crate::model::file::read(&folder.join(name))
            .map_err(|error| wrong(&folder.join(name), error))
    };
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
    complete(folder, &key, &statement["predicate"], &mut all)?;
    all.open.push(
        "whether the rows are what AWS answered: that rests on whoever ran the scan; hold the request ids in population.json against CloudTrail".to_owned(),
    );
    Ok(all)
}

/// Do the parts of the package say the same?
fn complete(
    folder: &Path,
    key: &PublicKey,
    signed: &Json,
    all: &mut Verified,
) -> Result<(), Error> {
    let path = folder.join(RUN);
    let store = Store::open(&path, &subjects::tables()).map_err(|error| wrong(&path, error))?;
    let outcome = engine::outcome(&store).map_err(|error| wrong(&path, error))?;
    let about: Json = serde_json::from_slice(
        &crate::model::file::read(&folder.join("run.json"))
            .map_err(|error| wrong(folder, error))?,
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
    let mut said = signed.clone();
    if let Some(members) = said.as_object_mut() {
        members.remove("program_sha256");
    }
    if said == about {
        all.proved
            .push("the signed statement says of the run what run.json says".to_owned());
    } else {
        let keys: BTreeSet<&String> = [&said, &about]
            .into_iter()
            .filter_map(Json::as_object)
            .flat_map(|members| members.keys())
            .filter(|key| said[key.as_str()] != about[key.as_str()])
            .collect();
        let keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
        all.wrong.push(format!(
            "{ENVELOPE}: the signed statement says something else of the run than run.json: {}",
            keys.join(", ")
        ));
    }
    rules(&store, &outcome, all).map_err(|error| wrong(&path, error))?;
    let made = contents(&store, &outcome, key).map_err(|error| wrong(&path, error))?;
    // Rules are data; how the rest is written can change from version to version.
    let same_version = about["packed_with"] == env!("CARGO_PKG_VERSION");
    let held: BTreeMap<&String, &Vec<u8>> = made
        .iter()
        .filter(|(name, _)| same_version || name.starts_with("rules/"))
        .collect();
    for (name, bytes) in &held {
        if crate::model::file::read(&folder.join(name)).ok().as_ref() != Some(*bytes) {
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
    all.open.extend(outcome.run.not_held.iter().cloned());
    if !outcome.run.complete {
        all.open
            .push("everything that the run did not come to: it was interrupted".to_owned());
    }
    Ok(())
}

/// Is the digest of the run that of its rules, and are these the rules of this release?
fn rules(
    store: &Store,
    outcome: &Outcome,
    all: &mut Verified,
) -> Result<(), crate::inventory::Error> {
    let texts = rule_texts(store)?;
    let digest = sha256(
        texts
            .values()
            .map(String::as_str)
            .collect::<String>()
            .as_bytes(),
    );
    if digest == outcome.run.rules_digest {
        all.proved.push(format!(
            "the rules in the package have the digest that the run states, {digest}"
        ));
    } else {
        all.wrong.push(format!(
            "the rules in the package have the digest {digest}, and the run states {}: a rule was changed after the run was judged",
            outcome.run.rules_digest
        ));
    }
    let release = match Library::load(&subjects::tables(), &[]) {
        Ok(release) => release,
        Err(error) => {
            all.open.push(format!(
                "whether the rules are those of this release: its own cannot be read: {error}"
            ));
            return Ok(());
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    let known = |id: &String| release.rule(id).map(|loaded| loaded.text.as_str());
    let (of_release, others): (Vec<_>, Vec<_>) = texts
        .iter()
        .partition(|(id, text)| known(id) == Some(text.as_str()));
    let changed: Vec<&str> = others
        .iter()
        .filter(|(id, _)| known(id).is_some())
        .map(|(id, _)| id.as_str())
        .collect();
    let own: Vec<&str> = others
        .iter()
        .filter(|(id, _)| known(id).is_none())
        .map(|(id, _)| id.as_str())
        .collect();
    all.proved.push(format!(
        "{} of {} rules are those of Outcrop {version}, of which there are {}",
        of_release.len(),
        texts.len(),
        release.rules.len()
    ));
    if !changed.is_empty() {
        let line = format!(
            "rules that have the name of a rule of Outcrop {version} and another text: {}",
            changed.join(", ")
        );
        // Rules of another version have other texts; of this one they were changed.
        if outcome.run.version == version {
            all.wrong.push(line);
        } else {
            all.open.push(line);
        }
    }
    if !own.is_empty() {
        all.open.push(format!(
            "what rules of the signer's own ask for; read them in rules/: {}",
            own.join(", ")
        ));
    }
    Ok(())
}
