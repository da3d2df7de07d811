#![no_main]
//! Any line as a question of `policy simulate --jsonl` and `policy compare --jsonl`.

use libfuzzer_sys::fuzz_target;
use outcrop::reason::policy::wire;

fuzz_target!(|data: &[u8]| {
    let simulated = wire::answer_line(data, 1, &mut |json| wire::simulate_json(json));
    let compared = wire::answer_line(data, 1, &mut |json| wire::compare_json(json));
    assert!(simulated.is_object() && compared.is_object());
});
