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
    ("cli", &["model", "inventory", "services", "sources", "reason", "engine", "report", "secrets"]),
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
