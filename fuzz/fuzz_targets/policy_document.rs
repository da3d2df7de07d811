#![no_main]
//! Any JSON as a policy: an answer or an error, never a panic; and a policy never allows more than itself.

use libfuzzer_sys::fuzz_target;
use outcrop::reason::policy::{Document, Found, PolicyType, compare};

fuzz_target!(|data: &[u8]| {
    let Ok(json) = serde_json::from_slice(data) else { return };
    let Ok(document) = Document::parse("fuzz", &json) else { return };
    for kind in [PolicyType::Identity, PolicyType::Resource] {
        assert!(!matches!(compare(&document, &document, kind).new_access, Found::Yes(_)));
    }
});
