//! The house itself: layers, file sizes, and what never stands in the code.

use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("tests")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push((
                    path.strip_prefix(root).expect("inside").to_owned(),
                    fs::read_to_string(&path).expect("text"),
                ));
            }
        }
    }
    files.sort();
    files
}

/// Which rooms a room may use, itself aside.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("secrets", &["model"]),
    ("inventory", &["model"]),
    ("policy", &["model"]),
    ("services", &["model", "inventory", "secrets"]),
    ("sources", &["model", "inventory", "services", "secrets"]),
    ("derive", &["model", "inventory"]),
    (
        "access",
        &["model", "inventory", "policy", "services", "derive"],
    ),
    ("network", &["model", "inventory", "services"]),
    (
        "workloads",
        &[
            "model",
            "inventory",
            "services",
            "derive",
            "access",
            "network",
        ],
    ),
    (
        "paths",
        &[
            "model",
            "inventory",
            "policy",
            "services",
            "access",
            "network",
            "workloads",
        ],
    ),
    (
        "subjects",
        &[
            "model",
            "inventory",
            "policy",
            "services",
            "derive",
            "access",
            "network",
            "workloads",
            "paths",
        ],
    ),
    ("engine", &["model", "inventory"]),
    ("report", &["model"]),
    (
        "judge",
        &[
            "model",
            "inventory",
            "services",
            "sources",
            "subjects",
            "engine",
        ],
    ),
    (
        "remedy",
        &[
            "model",
            "inventory",
            "policy",
            "secrets",
            "sources",
            "access",
            "paths",
            "engine",
            "report",
            "judge",
        ],
    ),
    (
        "evidence",
        &[
            "model",
            "policy",
            "inventory",
            "subjects",
            "engine",
            "report",
            "judge",
        ],
    ),
    ("export", &["model", "inventory", "engine"]),
    ("onward", &["model", "report", "judge"]),
    ("handoff", &["model", "inventory", "subjects", "report"]),
    (
        "cli",
        &[
            "export",
            "handoff",
            "model",
            "inventory",
            "policy",
            "services",
            "sources",
            "access",
            "network",
            "paths",
            "subjects",
            "engine",
            "report",
            "judge",
            "remedy",
            "evidence",
            "onward",
            "secrets",
        ],
    ),
];

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let mut flaws = Vec::new();
    for (path, text) in sources() {
        let mut parts = path
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned());
        if parts.next().as_deref() != Some("src") {
            continue;
        }
        let room = parts.next().unwrap_or_default();
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == room) else {
            assert!(
                ["lib.rs", "main.rs"].contains(&room.as_str()),
                "{} stands in a room that the map does not know",
                path.display()
            );
            continue;
        };
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for used in line.split("crate::").skip(1).map(|rest| {
                rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .next()
                    .unwrap_or_default()
            }) {
                let known = MAY_USE.iter().any(|(name, _)| *name == used);
                if known && used != room && !allowed.contains(&used) {
                    flaws.push(format!(
                        "{}:{}: {room} uses {used}",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// The file that a path such as `crate::access::families::RUNTIME` leads to: the longest part of it that is a file.
fn file_of(path: &str, files: &[PathBuf]) -> Option<PathBuf> {
    let mut parts: Vec<&str> = path.split("::").collect();
    while !parts.is_empty() {
        let stem = Path::new("src").join(parts.join("/"));
        for file in [stem.with_extension("rs"), stem.join("mod.rs")] {
            if files.contains(&file) {
                return Some(file);
            }
        }
        parts.pop();
    }
    None
}

/// Files that use one another, each from the other, directly or over more files: the groups of them.
fn circles(
    uses: &std::collections::BTreeMap<PathBuf, std::collections::BTreeSet<PathBuf>>,
) -> Vec<std::collections::BTreeSet<PathBuf>> {
    let reachable = |from: &PathBuf| {
        let mut seen = std::collections::BTreeSet::new();
        let mut open: Vec<&PathBuf> = uses.get(from).into_iter().flatten().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next.clone()) {
                open.extend(uses.get(next).into_iter().flatten());
            }
        }
        seen
    };
    let reached: std::collections::BTreeMap<&PathBuf, _> =
        uses.keys().map(|file| (file, reachable(file))).collect();
    let mut groups: Vec<std::collections::BTreeSet<PathBuf>> = Vec::new();
    for file in uses.keys().filter(|file| reached[file].contains(*file)) {
        let group = reached[file]
            .iter()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(file)))
            .cloned()
            .collect();
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

/// A folder's `mod.rs` may speak of the files beside it and they of it; else no more than two files use one another.
#[test]
fn no_circle_of_files_is_larger_than_two() {
    let all: Vec<(PathBuf, String)> = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with("src"))
        .collect();
    let files: Vec<PathBuf> = all.iter().map(|(path, _)| path.clone()).collect();
    let mut uses = std::collections::BTreeMap::new();
    for (path, text) in &all {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let above: Vec<String> = path
            .parent()
            .into_iter()
            .flat_map(|folder| folder.components().skip(1))
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        let own: Vec<String> = if path.ends_with("mod.rs") {
            above
                .iter()
                .take(above.len().saturating_sub(1))
                .cloned()
                .collect()
        } else {
            above.clone()
        };
        let mut used = std::collections::BTreeSet::new();
        for line in code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for (word, root) in [("crate::", Vec::new()), ("super::", own.clone())] {
                for rest in line.split(word).skip(1) {
                    let tail: String = rest
                        .chars()
                        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == ':')
                        .collect();
                    let whole = root
                        .iter()
                        .map(String::as_str)
                        .chain(tail.split("::"))
                        .filter(|part| !part.is_empty())
                        .collect::<Vec<_>>()
                        .join("::");
                    used.extend(
                        file_of(&whole, &files)
                            .filter(|file| file != path && !file.ends_with("mod.rs")),
                    );
                }
            }
        }
        uses.insert(path.clone(), used);
    }
    let large: Vec<_> = circles(&uses)
        .into_iter()
        .filter(|group| group.len() > 2)
        .collect();
    assert!(
        large.is_empty(),
        "circles of more than two files: {large:#?}"
    );
}

#[test]
fn sdk_types_stay_where_they_are_made() {
    for (path, text) in sources() {
        let at_home = path.starts_with("src/services")
            || path.starts_with("src/sources/live")
            || path.ends_with("tests/it/house.rs");
        assert!(
            at_home || !text.contains("aws_sdk_"),
            "{} names an SDK crate",
            path.display()
        );
    }
}

#[test]
fn no_file_outgrows_600_lines() {
    for (path, text) in sources() {
        assert!(
            text.lines().count() <= 600,
            "{} has {} lines; split it",
            path.display(),
            text.lines().count()
        );
    }
}

#[test]
fn nothing_in_the_code_panics_on_purpose_or_is_left_open() {
    for (path, text) in sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with("src"))
    {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in [
            ".unwrap()",
            ".expect(",
            "panic!(",
            "todo!(",
            "unimplemented!(",
            "dbg!(",
            "unreachable!(",
        ] {
            assert!(!code.contains(word), "{} holds `{word}`", path.display());
        }
    }
}

/// `DescribeVpcEndpoints` as the SDK spells it.
fn snake(operation: &str) -> String {
    let letters: Vec<char> = operation.chars().collect();
    let mut name = String::new();
    for (place, letter) in letters.iter().enumerate() {
        let before_lower = letters.get(place + 1).is_some_and(char::is_ascii_lowercase);
        let after_lower = place > 0 && letters[place - 1].is_ascii_lowercase();
        if letter.is_ascii_uppercase() && place > 0 && (after_lower || before_lower) {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn every_table_and_every_subject_is_in_its_list() {
    let listed: Vec<&str> = outcrop::subjects::tables()
        .iter()
        .map(|table| table.name)
        .collect();
    for (path, text) in sources() {
        let declares = path.starts_with("src/services") || path.starts_with("src/subjects");
        for declared in text.split(": Table = Table {").skip(1).filter(|_| declares) {
            let name = declared.split('"').nth(1).unwrap_or_default();
            assert!(
                listed.contains(&name),
                "{}: nothing lists the table {name}",
                path.display()
            );
        }
    }
}

#[test]
fn what_is_declared_is_called_and_what_is_called_is_declared() {
    use outcrop::services::{ENTRY_OPERATIONS, tables};
    let services: String = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with("src/services"))
        .map(|(_, text)| text)
        .collect();
    let everything: String = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with("src/services") || path.starts_with("src/sources"))
        .map(|(_, text)| text)
        .collect();
    for table in tables() {
        for read in table.reads {
            let name = read.operation.split(':').nth(1).expect("an operation");
            let method = format!(".{}(", snake(name));
            // Services without a crate of their own are asked by the operation's name.
            let plain = format!("\"{name}\"");
            assert!(
                services.contains(&method) || services.contains(&plain),
                "{} declares {}, and nothing calls {method}",
                table.name,
                read.operation
            );
        }
    }
    let declared: Vec<&str> = tables()
        .flat_map(|table| table.reads)
        .flat_map(|read| read.actions().into_iter().chain([read.operation]))
        .chain(ENTRY_OPERATIONS.iter().map(|(operation, _)| *operation))
        .collect();
    // Walking the organisation by its units is asked of the identity that starts the scan, not of the audit role.
    let of_the_caller = [
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
    ];
    for call in [
        ".call(\"",
        ".pages(\"",
        ".single(\"",
        ".call(\n",
        ".pages(\n",
        ".single(\n",
    ] {
        for rest in everything.split(call).skip(1) {
            let operation = rest
                .trim_start()
                .trim_start_matches('"')
                .split('"')
                .next()
                .unwrap_or_default();
            if operation.contains(':') && !operation.contains(' ') {
                assert!(
                    declared.contains(&operation) || of_the_caller.contains(&operation),
                    "{operation} is called, and nothing declares it"
                );
            }
        }
    }
}
