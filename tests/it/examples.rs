//! `reports/examples/`: the demo estate in every format, byte for byte. `OUTCROP_EXAMPLES=write` writes them anew.

use std::path::Path;

#[test]
fn the_examples_are_what_the_demo_prints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/examples");
    let made = tempfile::TempDir::new().expect("a folder");
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("outcrop");
    command
        .env_clear()
        .env("COLUMNS", "120")
        .current_dir(made.path())
        .args(["demo", "--quiet"]);
    for outcrop::report::Format {
        name: format,
        ending: end,
        ..
    } in outcrop::report::FORMATS
    {
        command.args(["--format", &format!("{format}=demo.{end}")]);
    }
    assert_eq!(command.output().expect("the binary").status.code(), Some(3));
    for outcrop::report::Format {
        name: format,
        ending: end,
        ..
    } in outcrop::report::FORMATS
    {
        let name = format!("demo.{end}");
        let bytes = std::fs::read(made.path().join(&name)).expect("made");
        if std::env::var_os("OUTCROP_EXAMPLES").is_some() {
            std::fs::write(folder.join(&name), &bytes).expect("written");
        }
        let kept = std::fs::read(folder.join(&name)).unwrap_or_default();
        assert!(
            kept == bytes,
            "{format}: reports/examples/{name} is another; write them anew with OUTCROP_EXAMPLES=write and look at what changed"
        );
    }
}
