//! The HTML report in a real browser: nothing to complain of, nothing fetched.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Chromium; `None`, said loudly, where there is none. `OUTCROP_CHROMIUM=required` refuses to skip.
fn chromium() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths)
        .flat_map(|folder| {
            ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name))
        })
        .find(|path| path.is_file());
    assert!(
        found.is_some() || std::env::var_os("OUTCROP_CHROMIUM").is_none(),
        "no Chromium on the PATH; Debian's package is `chromium`"
    );
    if found.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no Chromium on the PATH, so the HTML report was opened by no browser"
        );
    }
    found
}

/// What the browser says of a page: messages on the console, and what it fetched for it.
fn opened(chromium: &Path, page: &Path, folder: &Path) -> (Vec<String>, Vec<String>, String) {
    let log = folder.join("net.json");
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args([
            "--disable-component-update",
            "--disable-sync",
            "--disable-default-apps",
            "--enable-logging=stderr",
            "--timeout=20000",
            "--dump-dom",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let console = said
        .lines()
        .filter(|line| line.contains(":CONSOLE"))
        .map(str::to_owned)
        .collect();
    let net = std::fs::read_to_string(&log).expect("a log of the network");
    // The browser's own errands have no page that began them.
    let fetched = net
        .lines()
        .filter(|line| line.contains("\"initiator\":") && !line.contains("not an origin"))
        .filter(|line| line.contains("\"url\":\"http") || line.contains("\"url\":\"ws"))
        .map(str::to_owned)
        .collect();
    (
        console,
        fetched,
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn a_browser_has_nothing_to_complain_of_and_fetches_nothing() {
    let Some(chromium) = chromium() else { return };
    let folder = tempfile::TempDir::new().expect("a folder");
    let page = folder.path().join("demo.html");
    let judged = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .env_clear()
        .args([
            "demo",
            "--quiet",
            "--format",
            &format!("html={}", page.display()),
        ])
        .output()
        .expect("the binary");
    assert_eq!(judged.status.code(), Some(3));
    let (console, fetched, dom) = opened(&chromium, &page, folder.path());
    assert!(
        dom.contains("May this go to production?") && dom.contains("</svg>"),
        "the page was shown"
    );
    assert!(
        console.is_empty() && fetched.is_empty(),
        "{console:?} {fetched:?}"
    );

    // The same eyes see a page that fetches something, and one that tries to and may not.
    let text = std::fs::read_to_string(&page).expect("the page");
    let image = text.replace(
        "<main id=\"main\">",
        "<main id=\"main\"><img src=\"http://127.0.0.1:9/x.png\" alt=\"\">",
    );
    std::fs::write(&page, &image).expect("written");
    assert!(
        !opened(&chromium, &page, folder.path()).0.is_empty(),
        "the policy of the page refuses a picture, and the console says so"
    );
    std::fs::write(&page, image.replace("Content-Security-Policy", "X-Nothing")).expect("written");
    assert!(
        !opened(&chromium, &page, folder.path()).1.is_empty(),
        "a request would be seen"
    );
}
