#![no_main]
//! Any JSON as a Terraform plan and as a Pulumi preview: read, tied together and put into rows.

use libfuzzer_sys::fuzz_target;
use outcrop::inventory::Store;
use outcrop::reason;
use outcrop::sources::files::Given;
use outcrop::sources::{pulumi, terraform};

fuzz_target!(|data: &[u8]| {
    let Ok(json) = serde_json::from_slice(data) else { return };
    for files in [terraform::read("plan.json", &json, &Given::default()), pulumi::read("preview.json", &json, &Given::default())].into_iter().flatten() {
        let mut store = Store::memory(&reason::tables()).expect("a store");
        files.variants[0].fill(&files, &mut store).expect("rows");
    }
});
