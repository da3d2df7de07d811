//! Tells the program which commit it was built from: `OUTCROP_COMMIT`, what Cargo packed beside the sources, or what Git says.
//!
//! Git is asked for optimised builds alone, so that no commit builds the program of a developer anew.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=OUTCROP_COMMIT");
    if let Some(commit) = told().or_else(packed).or_else(asked) {
        println!("cargo::rustc-env=OUTCROP_COMMIT={commit}");
    }
}

fn is_commit(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn told() -> Option<String> {
    std::env::var("OUTCROP_COMMIT")
        .ok()
        .filter(|text| is_commit(text))
}

/// The Cargo Book, "cargo package", `.cargo_vcs_info.json`.
fn packed() -> Option<String> {
    let text = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    rest.split('"')
        .find(|part| is_commit(part))
        .map(str::to_owned)
}

fn asked() -> Option<String> {
    if std::env::var("PROFILE").as_deref() != Ok("release") || !Path::new(".git").exists() {
        return None;
    }
    for path in [".git/HEAD", ".git/logs/HEAD"] {
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let output = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| is_commit(text))
}
