#![no_main]
//! Any text as a CloudFormation template: read, resolved and put into rows.

use libfuzzer_sys::fuzz_target;
use outcrop::inventory::Store;
use outcrop::reason;
use outcrop::sources::cloudformation;
use outcrop::sources::files::Given;
use std::path::Path;

fuzz_target!(|text: &str| {
    let Ok(files) = cloudformation::read(Path::new("nowhere/template.yaml"), text, &Given::default()) else { return };
    for variant in files.variants.iter().take(2) {
        let mut store = Store::memory(&reason::tables()).expect("a store");
        variant.fill(&files, &mut store).expect("rows");
    }
});
