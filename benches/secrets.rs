//! Precision and recall of the detector over the labelled set.
//!
//! `cargo bench --no-default-features --bench secrets`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and stops at a fault"
)]

use outcrop::secrets::{Category, classify};
use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
struct Entry {
    name: String,
    value: String,
    expect: String,
}

fn main() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/secrets/labelled.yaml"
    ))
    .expect("the labelled set");
    let entries: Vec<Entry> = yaml_serde::from_str(&text).expect("a list of entries");
    // (right, of another kind, missed) by label, and what was taken for a secret and is none.
    let mut kinds: BTreeMap<&str, (u32, u32, u32)> = BTreeMap::new();
    let mut false_alarms = Vec::new();
    for entry in &entries {
        let found = classify(&entry.name, &entry.value).category;
        if entry.expect == "none" {
            if found != Category::None {
                false_alarms.push(entry.name.as_str());
            }
            continue;
        }
        let counts = kinds.entry(&entry.expect).or_default();
        match found {
            Category::None => counts.2 += 1,
            found if found.as_str() == entry.expect => counts.0 += 1,
            _ => counts.1 += 1,
        }
    }
    let (right, other, missed) = kinds.values().fold((0, 0, 0), |sum, counts| {
        (sum.0 + counts.0, sum.1 + counts.1, sum.2 + counts.2)
    });
    let alarms = u32::try_from(false_alarms.len()).expect("a count");
    let precision = f64::from(right + other) / f64::from(right + other + alarms);
    let recall = f64::from(right + other) / f64::from(right + other + missed);
    println!(
        "{} variables, {} of them secrets",
        entries.len(),
        right + other + missed
    );
    for (kind, (right, other, missed)) in &kinds {
        println!("  {kind:<16} right {right:>3}  of another kind {other:>2}  missed {missed:>2}");
    }
    println!(
        "  false alarms {alarms} {false_alarms:?}\nprecision {precision:.4}  recall {recall:.4}"
    );
    assert!(
        precision >= 0.98 && recall >= 0.95,
        "the detector is worse than promised"
    );
}
