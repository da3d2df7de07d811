//! The detector against the labelled set, which was written from the formats' documentation and not from the detector.

use outcrop::secrets::{Category, classify};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    value: String,
    expect: String,
}

#[test]
fn precision_comes_first_and_recall_close_behind() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/secrets/labelled.yaml"
    ))
    .expect("the labelled set");
    let entries: Vec<Entry> = yaml_serde::from_str(&text).expect("a list of entries");
    assert!(
        entries.len() >= 300,
        "{} entries are too few",
        entries.len()
    );
    let (mut hits, mut false_alarms, mut missed, mut wrong_kind) = (0_u32, 0_u32, 0_u32, 0_u32);
    let mut flaws = Vec::new();
    for entry in &entries {
        let found = classify(&entry.name, &entry.value);
        let wanted = entry.expect != "none";
        match (wanted, found.category != Category::None) {
            (true, true) => {
                hits += 1;
                if found.category.as_str() != entry.expect {
                    wrong_kind += 1;
                    flaws.push(format!(
                        "kind   {} = {} is {}, found {} by {}",
                        entry.name,
                        entry.value.chars().take(60).collect::<String>(),
                        entry.expect,
                        found.category.as_str(),
                        found.detector
                    ));
                }
            }
            (false, true) => {
                false_alarms += 1;
                flaws.push(format!(
                    "false  {} = {} by {}",
                    entry.name,
                    entry.value.chars().take(60).collect::<String>(),
                    found.detector
                ));
            }
            (true, false) => {
                missed += 1;
                flaws.push(format!(
                    "missed {} = {} ({})",
                    entry.name,
                    entry.value.chars().take(60).collect::<String>(),
                    entry.expect
                ));
            }
            (false, false) => {}
        }
    }
    let precision = f64::from(hits) / f64::from(hits + false_alarms);
    let recall = f64::from(hits) / f64::from(hits + missed);
    let kinds = f64::from(hits - wrong_kind) / f64::from(hits);
    println!(
        "{} variables: precision {precision:.4}, recall {recall:.4}, right kind {kinds:.4}\n{}",
        entries.len(),
        flaws.join("\n")
    );
    assert!(
        precision >= 0.98 && recall >= 0.95 && kinds >= 0.98,
        "precision {precision:.4}, recall {recall:.4}, right kind {kinds:.4}\n{}",
        flaws.join("\n")
    );
}
