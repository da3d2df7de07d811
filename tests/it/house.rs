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
                files.push((path.strip_prefix(root).expect("inside").to_owned(), fs::read_to_string(&path).expect("text")));
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
    ("services", &["model", "inventory", "secrets"]),
    ("sources", &["model", "inventory", "services", "secrets"]),
    ("reason", &["model", "inventory", "services"]),
    ("engine", &["model", "inventory"]),
    ("report", &["model"]),
    ("evidence", &["model", "inventory", "reason", "engine", "report"]),
    ("cli", &["model", "inventory", "services", "sources", "reason", "engine", "report", "evidence", "secrets"]),
];

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let mut flaws = Vec::new();
    for (path, text) in sources() {
        let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        if parts.next().as_deref() != Some("src") {
            continue;
        }
        let room = parts.next().unwrap_or_default();
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == room) else {
            assert!(["lib.rs", "main.rs"].contains(&room.as_str()), "{} stands in a room that the map does not know", path.display());
            continue;
        };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for used in line.split("crate::").skip(1).map(|rest| rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default()) {
                let known = MAY_USE.iter().any(|(name, _)| *name == used);
                if known && used != room && !allowed.contains(&used) {
                    flaws.push(format!("{}:{}: {room} uses {used}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[test]
fn sdk_types_stay_where_they_are_made() {
    for (path, text) in sources() {
        let at_home = path.starts_with("src/services") || path.starts_with("src/sources/live") || path.ends_with("tests/it/house.rs");
        assert!(at_home || !text.contains("aws_sdk_"), "{} names an SDK crate", path.display());
    }
}

#[test]
fn no_file_outgrows_600_lines() {
    for (path, text) in sources() {
        assert!(text.lines().count() <= 600, "{} has {} lines; split it", path.display(), text.lines().count());
    }
}

#[test]
fn nothing_in_the_code_panics_on_purpose_or_is_left_open() {
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("src")) {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "dbg!(", "unreachable!("] {
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
fn what_is_declared_is_called_and_what_is_called_is_declared() {
    use outcrop::services::{ENTRY_OPERATIONS, TABLES};
    let services: String = sources().into_iter().filter(|(path, _)| path.starts_with("src/services")).map(|(_, text)| text).collect();
    let everything: String =
        sources().into_iter().filter(|(path, _)| path.starts_with("src/services") || path.starts_with("src/sources")).map(|(_, text)| text).collect();
    for table in TABLES {
        for read in table.reads {
            let method = format!(".{}(", snake(read.operation.split(':').nth(1).expect("an operation")));
            assert!(services.contains(&method), "{} declares {}, and nothing calls {method}", table.name, read.operation);
        }
    }
    let declared: Vec<&str> = TABLES
        .iter()
        .flat_map(|table| table.reads)
        .flat_map(|read| read.actions().into_iter().chain([read.operation]))
        .chain(ENTRY_OPERATIONS.iter().map(|(operation, _)| *operation))
        .collect();
    // Walking the organisation by its units is asked of the identity that starts the scan, not of the audit role.
    let of_the_caller = ["organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"];
    for call in [".call(\"", ".pages(\"", ".single(\"", ".call(\n", ".pages(\n", ".single(\n"] {
        for rest in everything.split(call).skip(1) {
            let operation = rest.trim_start().trim_start_matches('"').split('"').next().unwrap_or_default();
            if operation.contains(':') && !operation.contains(' ') {
                assert!(declared.contains(&operation) || of_the_caller.contains(&operation), "{operation} is called, and nothing declares it");
            }
        }
    }
}
