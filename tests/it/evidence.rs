//! Packages: a good one is whole and judges the same, a changed one is refused and says why.

use outcrop::evidence::{self, envelope};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::{Path, PathBuf};

struct Packed {
    _keep: tempfile::TempDir,
    folder: PathBuf,
    private: String,
    public: String,
}

/// A package of an estate, as the command line makes it.
fn packed(estate: &str) -> Packed {
    let keep = tempfile::TempDir::new().expect("a folder");
    let at = |name: &str| keep.path().join(name);
    let run = |arguments: &[&str]| {
        let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .current_dir(keep.path())
            .env_clear()
            .args(arguments)
            .output()
            .expect("the binary");
        assert!(
            output.status.code() != Some(1) && output.status.code() != Some(2),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(&["evidence", "key", "--out", "key"]);
    run(&[
        "demo",
        "--estate",
        estate,
        "--out",
        "run.outcrop",
        "--format",
        "json=/dev/null",
    ]);
    run(&[
        "evidence",
        "pack",
        "run.outcrop",
        "--key",
        "key",
        "--out",
        "package",
    ]);
    Packed {
        folder: at("package"),
        private: fs::read_to_string(at("key")).expect("the key"),
        public: fs::read_to_string(at("key.pub")).expect("the key"),
        _keep: keep,
    }
}

/// Runs a command in a folder: its exit code and what it prints.
fn in_folder(home: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(home)
        .env_clear()
        .args(arguments)
        .output()
        .expect("the binary");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn wrong(package: &Packed) -> Vec<String> {
    let key = envelope::PublicKey::from_pem(&package.public).expect("a key");
    evidence::verify(&package.folder, Some(&key))
        .map_or_else(|error| vec![error.to_string()], |found| found.wrong)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            all.extend(files(&entry.path()))
        } else {
            all.push(entry.path())
        }
    }
    all.sort();
    all
}

#[test]
fn a_package_is_whole_and_is_judged_the_same_again() {
    for estate in ["broken", "sound", "denied"] {
        let package = packed(estate);
        assert_eq!(wrong(&package), Vec::<String>::new(), "{estate}");
        let (count, different) = evidence::replay(&package.folder).expect("replayed");
        assert!(
            count > 100 && different.is_empty(),
            "{estate}: {different:?}"
        );
        let about: Json =
            serde_json::from_slice(&fs::read(package.folder.join("run.json")).expect("run.json"))
                .expect("JSON");
        assert!(
            about["command"]
                .as_str()
                .is_some_and(|command| command.contains("demo")),
            "{about}"
        );
    }
}

#[test]
fn whatever_is_changed_is_named() {
    let package = packed("broken");
    for path in files(&package.folder) {
        let name = path
            .strip_prefix(&package.folder)
            .expect("inside")
            .display()
            .to_string();
        let original = fs::read(&path).expect("read");
        let mut changed = original.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(&path, &changed).expect("written");
        let found = wrong(&package);
        assert!(
            found.iter().any(|fault| fault.contains(&name)),
            "{name}: {found:?}"
        );
        fs::remove_file(&path).expect("removed");
        let found = wrong(&package);
        assert!(
            found.iter().any(|fault| fault.contains(&name)),
            "without {name}: {found:?}"
        );
        fs::write(&path, &original).expect("written");
    }
    assert_eq!(wrong(&package), Vec::<String>::new());

    let extra = package.folder.join("rules/extra.yaml");
    fs::write(&extra, "x").expect("written");
    assert_eq!(
        wrong(&package),
        ["rules/extra.yaml was added: the statement does not name it"]
    );
    fs::remove_file(&extra).expect("removed");

    fs::rename(
        package.folder.join("waivers.json"),
        package.folder.join("waived.json"),
    )
    .expect("renamed");
    let found = wrong(&package);
    assert!(
        found
            .iter()
            .any(|fault| fault.starts_with("waived.json was added"))
            && found
                .iter()
                .any(|fault| fault.starts_with("waivers.json is missing")),
        "{found:?}"
    );
    fs::rename(
        package.folder.join("waived.json"),
        package.folder.join("waivers.json"),
    )
    .expect("renamed");

    #[cfg(unix)]
    {
        let link = package.folder.join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).expect("linked");
        assert!(
            wrong(&package)
                .iter()
                .any(|fault| fault.contains("link is no plain file"))
        );
        fs::remove_file(&link).expect("removed");
    }
}

#[test]
fn another_key_and_another_statement_are_refused() {
    let (package, other) = (packed("sound"), packed("sound"));
    let path = package.folder.join("attestation.dsse.json");
    let own = fs::read_to_string(&path).expect("the envelope");
    // Signed by somebody else.
    fs::copy(other.folder.join("attestation.dsse.json"), &path).expect("copied");
    assert!(wrong(&package)[0].contains("no signature is by the key"));
    // The signature of another statement.
    let (mut mine, theirs): (Json, Json) = (
        serde_json::from_str(&own).expect("JSON"),
        serde_json::from_slice(&fs::read(&path).expect("read")).expect("JSON"),
    );
    mine["payload"] = theirs["payload"].clone();
    fs::write(&path, mine.to_string()).expect("written");
    assert!(wrong(&package)[0].contains("no signature is by the key"));
    // A statement of the right key that leads outside, or names a thing twice.
    let key = envelope::private_key(&package.private).expect("the key");
    for (name, says) in [
        ("../key", "leads outside"),
        ("/etc/passwd", "leads outside"),
        ("a/../../b", "leads outside"),
        ("", "leads outside"),
    ] {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://outcrop.dev/evidence/v1", "predicate": {},
            "subject": [{"name": name, "digest": {"sha256": "00"}}],
        });
        let envelope = key.sign(statement.to_string().as_bytes()).expect("signed");
        fs::write(&path, serde_json::to_string(&envelope).expect("JSON")).expect("written");
        let found = wrong(&package);
        assert!(
            found.iter().any(|fault| fault.contains(says)),
            "{name}: {found:?}"
        );
    }
    fs::write(&path, "{}").expect("written");
    assert!(!wrong(&package).is_empty());
}

/// A good signature does not make a report what follows from the run.
#[test]
fn what_the_signer_wrote_by_hand_is_named() {
    for name in [
        "reports/results.html",
        "run.json",
        "population.json",
        "waivers.json",
        "attestations.json",
        "README.md",
        "rules/bedrock-full-access-granted.yaml",
    ] {
        let package = packed("sound");
        let path = package.folder.join(name);
        let text = fs::read_to_string(&path).expect("text");
        fs::write(&path, text.replacen('e', "a", 1) + " ").expect("written");
        let place = package.folder.join("attestation.dsse.json");
        let subjects: Vec<Json> = files(&package.folder)
            .iter()
            .filter(|file| **file != place)
            .map(|file| json!({"name": file.strip_prefix(&package.folder).expect("inside"), "digest": {"sha256": envelope::sha256(&fs::read(file).expect("read"))}}))
            .collect();
        let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://outcrop.dev/evidence/v1", "predicate": {}, "subject": subjects});
        let signed = envelope::private_key(&package.private)
            .expect("the key")
            .sign(statement.to_string().as_bytes())
            .expect("signed");
        fs::write(&place, serde_json::to_string(&signed).expect("JSON")).expect("written");
        let found = evidence::verify(
            &package.folder,
            Some(&envelope::PublicKey::from_pem(&package.public).expect("a key")),
        );
        let said = found.map_or_else(|error| vec![error.to_string()], |found| found.wrong);
        assert!(
            said.iter().any(|fault| fault.contains(name)),
            "{name}: {said:?}"
        );
    }
}

#[test]
fn keys_are_never_overwritten_and_folders_never_filled_up() {
    let package = packed("sound");
    let home = package.folder.parent().expect("a parent");
    for arguments in [
        &["evidence", "key", "--out", "key"][..],
        &[
            "evidence",
            "pack",
            "run.outcrop",
            "--key",
            "key",
            "--out",
            "package",
        ],
        &[
            "evidence",
            "pack",
            "run.outcrop",
            "--key",
            "key.pub",
            "--out",
            "other",
        ],
    ] {
        let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
            .current_dir(home)
            .env_clear()
            .args(arguments)
            .output()
            .expect("the binary");
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn a_redacted_package_names_nobody_and_is_judged_the_same() {
    let package = packed("broken");
    let home = package.folder.parent().expect("a parent");
    // What a scan was asked for names accounts, units and the role.
    let conn = rusqlite::Connection::open(home.join("run.outcrop")).expect("the run");
    let asked = r#"{"regions": [], "org": true, "accounts": [], "excluded": ["987654321098"], "units": ["ou-secret-unit"], "role": "AcmeAudit", "observe": null, "readings": "", "shard": null, "fingerprints": ""}"#;
    conn.execute(
        "UPDATE run SET info = json_set(info, '$.asked', json(?1))",
        [asked],
    )
    .expect("set");
    drop(conn);
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(home)
        .env_clear()
        .args([
            "evidence",
            "pack",
            "run.outcrop",
            "--key",
            "key",
            "--out",
            "shared",
            "--redact",
        ])
        .output()
        .expect("the binary");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let shared = home.join("shared");
    for path in files(&shared) {
        let name = path
            .strip_prefix(&shared)
            .expect("inside")
            .display()
            .to_string();
        // Rules hold examples of their own.
        if name.starts_with("rules/") {
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&path).expect("read")).into_owned();
        let mut hidden = vec![
            "ai-prod",
            "chat-api",
            "agent-support",
            "retriever",
            "vpc-app",
            "vpce-app-runtime",
            "o-ourcompany",
            "planner-1",
            "SUPPORT0001",
            "igw-app",
            "manuals0000000000001",
            "secret:summaries",
            "g-lab",
            "stack/assistant",
            "987654321098",
            "ou-secret-unit",
            "AcmeAudit",
        ];
        if name != "run.outcrop" && !name.ends_with(".xlsx") {
            hidden.push("111111111111");
        }
        for word in hidden {
            assert!(!text.contains(word), "{name} holds {word}");
        }
    }
    let count = |folder: &Path| {
        let json: Json =
            serde_json::from_slice(&fs::read(folder.join("reports/results.json")).expect("read"))
                .expect("JSON");
        json["summary"].clone()
    };
    assert_eq!(count(&shared), count(&package.folder));
    let (compared, different) = evidence::replay(&shared).expect("replayed");
    assert!(compared > 100 && different.is_empty(), "{different:?}");
    assert!(!home.join("shared.redacted.outcrop").exists());
}

/// A run whose rules were changed under their own names, packed by whoever holds the key, is refused; so is a statement about
/// another outcome.
#[test]
fn changed_rules_and_another_predicate_are_refused() {
    let package = packed("broken");
    let home = package.folder.parent().expect("a parent");
    let run = |arguments: &[&str]| in_folder(home, arguments);
    assert_eq!(run(&["evidence", "verify", "package"]).0, Some(4));
    let (code, said) = run(&["evidence", "verify", "package", "--public-key", "key.pub"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("rules are those of Outcrop"), "{said}");
    // A rule that passes whatever happens, first with the old digest, then with one that fits.
    let changed = "UPDATE rule SET source = replace(source, 'pass: \"NOT is_public\"', 'pass: \"NOT is_public OR is_public\"') WHERE name = 'bedrock-call-leaves-by-public-endpoint'; UPDATE result SET verdict = 0 WHERE verdict = 1 AND rule = (SELECT id FROM rule WHERE name = 'bedrock-call-leaves-by-public-endpoint')";
    for fit in [false, true] {
        let name = format!("changed-{fit}.outcrop");
        fs::copy(home.join("run.outcrop"), home.join(&name)).expect("copied");
        let store =
            outcrop::inventory::Store::open(&home.join(&name), &outcrop::subjects::tables())
                .expect("a run");
        drop(store);
        let conn = rusqlite::Connection::open(home.join(&name)).expect("a database");
        conn.execute_batch(changed).expect("changed");
        if fit {
            let texts: Vec<String> = conn
                .prepare("SELECT source FROM rule ORDER BY name")
                .and_then(|mut found| found.query_map([], |row| row.get(0))?.collect())
                .expect("texts");
            let digest = envelope::sha256(texts.concat().as_bytes());
            let old = outcrop::engine::outcome(
                &outcrop::inventory::Store::open(
                    &home.join("run.outcrop"),
                    &outcrop::subjects::tables(),
                )
                .expect("a run"),
            )
            .expect("an outcome")
            .run
            .rules_digest;
            let text: String = conn
                .query_row("SELECT info FROM run", [], |row| row.get(0))
                .expect("the run");
            conn.execute("UPDATE run SET info = ?1", [text.replace(&old, &digest)])
                .expect("changed");
        }
        drop(conn);
        let folder = format!("package-{fit}");
        run(&["evidence", "pack", &name, "--key", "key", "--out", &folder]);
        let (code, said) = run(&["evidence", "verify", &folder, "--public-key", "key.pub"]);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains("another text: bedrock-call-leaves-by-public-endpoint"),
            "{said}"
        );
        assert_eq!(
            said.contains("was changed after the run was judged"),
            !fit,
            "{said}"
        );
    }
    // The same files, and a statement that tells of no failure.
    let place = package.folder.join("attestation.dsse.json");
    let envelope_json: Json =
        serde_json::from_slice(&fs::read(&place).expect("read")).expect("JSON");
    let signed: envelope::Envelope = serde_json::from_value(envelope_json).expect("an envelope");
    let key = envelope::PublicKey::from_pem(&package.public).expect("a key");
    let mut statement: Json =
        serde_json::from_slice(&envelope::open(&signed, &key).expect("opened")).expect("JSON");
    assert!(
        statement["predicate"]["program_sha256"]
            .as_str()
            .is_some_and(|digest| digest.len() == 64)
    );
    statement["predicate"]["summary"]["fail"]["critical"] = json!(0);
    let signed = envelope::private_key(&package.private)
        .expect("the key")
        .sign(statement.to_string().as_bytes())
        .expect("signed");
    fs::write(&place, serde_json::to_string(&signed).expect("JSON")).expect("written");
    let said = wrong(&package);
    assert!(
        said.iter().any(|fault| fault.contains("run.json: summary")),
        "{said:?}"
    );
}

#[test]
fn request_ids_are_held_against_the_trail() {
    let package = packed("broken");
    let home = package.folder.parent().expect("a parent");
    let conn = rusqlite::Connection::open(home.join("run.outcrop")).expect("a database");
    let changed = conn
        .execute(
            "UPDATE coverage SET request_ids = '[\"r-' || rowid || '\"]' WHERE operation = 'ec2:DescribeVpcEndpoints' AND account_id = '111111111111' OR operation = 'lambda:ListFunctions' AND account_id = '333333333333'",
            [],
        )
        .expect("changed");
    let lines: Vec<(String, String, String, String)> = conn
        .prepare("SELECT request_ids, operation, account_id, region FROM coverage WHERE request_ids <> '[]'")
        .and_then(|mut found| {
            found
                .query_map([], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?
                .collect()
        })
        .expect("lines");
    assert!(changed > 1 && lines.len() == changed, "{lines:?}");
    drop(conn);
    let run = |arguments: &[&str]| in_folder(home, arguments);
    run(&[
        "evidence",
        "pack",
        "run.outcrop",
        "--key",
        "key",
        "--out",
        "with-ids",
    ]);
    let record = |(ids, operation, account, region): &(String, String, String, String)| {
        let name = operation.split(':').nth(1).expect("a name");
        let dated = if name == "ListFunctions" {
            "ListFunctions20150331"
        } else {
            name
        };
        json!({"requestID": ids.trim_matches(['[', ']', '"']), "eventName": dated, "recipientAccountId": account, "awsRegion": region})
    };
    let check = |records: Vec<Json>| {
        fs::write(
            home.join("trail.json"),
            json!({"Records": records}).to_string(),
        )
        .expect("written");
        run(&["evidence", "reconcile", "with-ids", "--trail", "trail.json"])
    };
    let all: Vec<Json> = lines.iter().map(record).collect();
    let (code, said) = check(all.clone());
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = check(all[1..].to_vec());
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("1 were not found"), "{said}");
    let mut other = all;
    other[0]["recipientAccountId"] = json!("999999999999");
    let (code, said) = check(other);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("999999999999"), "{said}");
    // A package of an inventory holds none.
    let (code, said) = run(&["evidence", "reconcile", "package", "--trail", "trail.json"]);
    assert_eq!(code, Some(4), "{said}");
}
